package geofence

import (
	"runtime"

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

// nowhereLat marks a point that is no position.
const nowhereLat = 1 << 30

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
		slot := uint32(slotEmpty)
		if !isEdgeOfPlane(e) {
			slot = t.rootSlot(e)
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
		if len(r) > 3 && r[0]&entryKind == entryArea {
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
		p := &s.probes[i]
		slot := s.slots[i]
		if slot != slotEmpty {
			dst = t.appendSlot(dst, slot, uint32(s.shifts[i]), p, first+int32(i), applies)
		} else if isEdgeOfPlane(p.e) && p.e.Lat != nowhereLat {
			dst = t.appendAtEdge(dst, p, first+int32(i), applies)
		}
	}
	return dst
}
