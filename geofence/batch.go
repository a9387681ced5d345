package geofence

import (
	"runtime"
	"slices"

	"github.com/sargas-em/em"
)

// Hit says that a point of a batch lies in a zone.
type Hit struct {
	Point, Zone int32
}

// AppendBatch appends one Hit for each zone that contains each of the points,
// in order of the points and then of the zones. It is Append for many points,
// and faster where the index is larger than the processor's caches: it looks up
// some points at a time, so that it waits for memory once for all of them.
// Points that lie near each other on the ground should be neighbours.
func (x *Index) AppendBatch(dst []Hit, pts []em.LatLng) []Hit {
	return x.AppendBatchFunc(dst, pts, nil)
}

// AppendBatchFunc is AppendBatch for the zones that apply. A nil applies is all.
func (x *Index) AppendBatchFunc(dst []Hit, pts []em.LatLng, applies Filter) []Hit {
	if x.Len() == 0 {
		return dst
	}
	var s stage
	for from := 0; from < len(pts); from += stagePoints {
		n := min(stagePoints, len(pts)-from)
		for i, p := range pts[from : from+n] {
			if s.probes[i].known = false; p.Valid() {
				s.probes[i].e, s.probes[i].p = roundE7(p), p
			} else {
				s.probes[i].e.Lat = nowhereLat
			}
		}
		dst = x.tree.appendStage(dst, &s, n, int32(from), applies)
	}
	runtime.KeepAlive(x)
	return dst
}

// Scratch is memory that AppendBatchSorted uses again. The zero value works. It
// is for one goroutine at a time.
type Scratch struct{ keys, spare []uint64 }

// AppendBatchSorted is AppendBatch for points in no order: it looks them up in
// the order of a curve that fills the plane, which is how an index lies in
// memory, and appends the hits in that order; those of a point, by zone. That
// is worth it for some hundred thousand zones and as many points: sorting takes
// some ten nanoseconds a point.
func (x *Index) AppendBatchSorted(dst []Hit, pts []em.LatLng, scratch *Scratch) []Hit {
	if x.Len() == 0 {
		return dst
	}
	keys := slices.Grow(scratch.keys[:0], len(pts))[:len(pts)]
	scratch.keys, scratch.spare = keys, slices.Grow(scratch.spare[:0], len(pts))[:len(pts)]
	shift := uint32(14) // cells of 180 m; or larger, so that the key has twice keyDigit bits
	t := x.tree
	for max(t.cols, t.rows)>>max(0, keyDigit+int(shift)-int(t.shift)) > 0 {
		shift++
	}
	west, south := t.col<<t.shift, t.row<<t.shift
	for i, p := range pts {
		key := uint64(0)
		if p.Valid() {
			lng, lat := roundE7(p).plane()
			lng, lat = (lng-west)>>shift, (lat-south)>>shift
			key = interleave(lng&(1<<keyDigit-1)) | interleave(lat&(1<<keyDigit-1))<<1
		}
		keys[i] = key<<32 | uint64(i)
	}
	keys = sortByKey(keys, scratch.spare)
	var s stage
	for from := 0; from < len(keys); from += stagePoints {
		part := keys[from:min(from+stagePoints, len(keys))]
		for i, k := range part {
			p := pts[uint32(k)]
			if s.probes[i].known = false; p.Valid() {
				s.probes[i].e, s.probes[i].p = roundE7(p), p
			} else {
				s.probes[i].e.Lat = nowhereLat
			}
		}
		start := len(dst)
		dst = t.appendStage(dst, &s, len(part), 0, nil)
		for i := range dst[start:] {
			h := &dst[start+i]
			h.Point = int32(uint32(part[h.Point]))
		}
	}
	runtime.KeepAlive(x)
	return dst
}

// keyDigit is half the bits of the keys of sortByKey.
const keyDigit = 11

// sortByKey sorts by the upper half of the numbers, and returns them in one of
// the two slices.
func sortByKey(keys, spare []uint64) []uint64 {
	const mask = 1<<keyDigit - 1
	var counts [2][1 << keyDigit]uint32
	for _, k := range keys {
		counts[0][k>>32&mask]++
		counts[1][k>>(32+keyDigit)&mask]++
	}
	for d := range counts {
		at := uint32(0)
		for i, n := range counts[d] {
			counts[d][i] = at
			at += n
		}
		for _, k := range keys {
			n := &counts[d][k>>(32+d*keyDigit)&mask]
			spare[*n] = k
			*n++
		}
		keys, spare = spare, keys
	}
	return keys
}

// AppendBatchE7 is AppendBatch for positions in units of 1e-7 degrees.
func (x *Index) AppendBatchE7(dst []Hit, pts []E7) []Hit {
	if x.Len() == 0 {
		return dst
	}
	var s stage
	for from := 0; from < len(pts); from += stagePoints {
		n := min(stagePoints, len(pts)-from)
		for i, e := range pts[from : from+n] {
			if s.probes[i].known = false; e.Valid() {
				s.probes[i].e, s.probes[i].p = e, e.LatLng()
			} else {
				s.probes[i].e.Lat = nowhereLat
			}
		}
		dst = x.tree.appendStage(dst, &s, n, int32(from), nil)
	}
	runtime.KeepAlive(x)
	return dst
}

// stagePoints is how many points are looked up together: enough to keep the
// processor's loads busy, few enough for its nearest cache.
const stagePoints = 64

// nowhereLat marks a point that is no position, which isEdgeOfPlane.
const nowhereLat = 1 << 30

// slotAtEdge stands for the slot of a point that isEdgeOfPlane.
const slotAtEdge = 1

// stage is the points that are looked up together.
type stage struct {
	probes [stagePoints]probe
	slots  [stagePoints]uint32
	shifts [stagePoints]uint8
	open   [stagePoints]uint8 // points whose slot is a node
}

// appendStage is append for the first points of a stage; the number of the
// first is given.
func (t *tree) appendStage(dst []Hit, s *stage, n int, first int32, applies Filter) []Hit {
	open := 0
	for i := range n {
		e := s.probes[i].e
		slot := t.rootSlot(e)
		if isEdgeOfPlane(e) {
			slot = slotAtEdge
		}
		s.slots[i] = slot
		s.open[open&(stagePoints-1)] = uint8(i)
		if slot >= slotNode<<slotBits {
			open++
		}
		s.shifts[i] = uint8(t.shift)
	}
	for shift := t.shift; open > 0; shift -= 3 {
		left := 0
		for _, i := range s.open[:open] {
			i &= stagePoints - 1
			slot := t.step(s.slots[i], s.probes[i].e, shift)
			s.slots[i] = slot
			s.shifts[i] = uint8(shift - 3)
			s.open[left&(stagePoints-1)] = i
			if slot >= slotNode<<slotBits {
				left++
			}
		}
		open = left
	}
	// Load the records, and then the vertices that they tell of, one after the
	// other without a look at them.
	records := 0
	for i := range n {
		s.open[records&(stagePoints-1)] = uint8(i)
		if s.slots[i]>>slotBits == slotRecord {
			records++
		}
	}
	var starts [stagePoints]uint32
	for k, i := range s.open[:records] {
		r := t.records[s.slots[i&(stagePoints-1)]&slotMask:]
		if len(r) > 2 && r[0]&entryArea != 0 { // or entryShort
			starts[k] = r[2+r[1]>>countEnds&maxEnds]
		}
	}
	var touched int32
	for _, v := range starts[:records] {
		if int(v) < len(t.vertices) {
			touched += t.vertices[v].Lat
		}
	}
	if touched == 1<<31-1 && records > 1<<20 {
		return nil // never: so that the loads are not left out
	}
	for i := range n {
		slot := s.slots[i]
		if len(dst) < cap(dst) && applies == nil {
			// Most points are in one zone or none: which, is not worth a branch
			// that the processor cannot foresee.
			h := dst[:len(dst)+1]
			h[len(dst)] = Hit{first + int32(i), int32(slot & slotMask)}
			one := ((slot>>slotBits ^ slotZone) - 1) >> 31 // 1 for a slotZone, otherwise 0
			dst = h[:len(dst)+int(one)]
			if slot < slotRecord<<slotBits && slot != slotAtEdge {
				continue
			}
		} else if slot == slotEmpty {
			continue
		}
		p := &s.probes[i]
		if slot != slotAtEdge {
			dst = t.appendSlot(dst, slot, uint32(s.shifts[i]), p, first+int32(i), applies)
		} else if p.e.Lat != nowhereLat {
			dst = t.appendAtEdge(dst, p, first+int32(i), applies)
		}
	}
	return dst
}
