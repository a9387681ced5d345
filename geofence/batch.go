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
// may be worth it where the index is many times larger than the processor's
// caches and there are as many points as zones: measure it, as sorting takes some
// tens of nanoseconds a point.
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
const stagePoints = 128

// nowhereLat marks a point that is no position, which isEdgeOfPlane.
const nowhereLat = 1 << 30

// slotAtEdge stands for the slot of a point that isEdgeOfPlane, and placeAtEdge
// for its place.
const (
	slotAtEdge  = 1
	placeAtEdge = 1<<32 - 1
)

// stage is the points that are looked up together. What each step loads for one
// of them depends on what no other has loaded, and no branch does: so the
// processor waits for memory once for all.
type stage struct {
	probes [stagePoints]probe
	places [stagePoints]uint32 // of slots
	slots  [stagePoints]uint32
	shifts [stagePoints]uint8
	some   [stagePoints]uint8 // the points of the next step
	asks   [stageAsks]ask
	loaded uint32 // of no use, but that it is made of what is to be loaded
}

const (
	stageAsks = 512
	maxAsks   = 16 // of one zone
)

// ask is a run of edges that a point is to be compared with. All runs of a zone
// are asked after each other; the zone contains the point if their parities and
// crossings are an odd number.
type ask struct {
	zone   uint32
	entry  uint32 // in records
	first  uint32 // vertex
	n      uint16 // edges; 0 if the parity is all there is to it
	point  uint8
	parity uint8 // of the bits, askOdd, and askLast for the zone's last run; or askSlow
}

const (
	askOdd  = 1
	askLast = 2
	askSlow = 4 // entryContains is asked
)

// pick leaves of the points those whose slot is of that kind or greater, and
// returns how many they are.
func (s *stage) pick(n int, kind uint32) int {
	k := 0
	for _, i := range s.some[:n] {
		s.some[k&(stagePoints-1)] = i
		k += int((uint64(kind<<slotBits-1) - uint64(s.slots[i&(stagePoints-1)])) >> 63)
	}
	return k
}

// pickAll picks all of the points.
func (s *stage) pickAll(n int) {
	for i := range n {
		s.some[i] = uint8(i)
	}
}

// appendStage is append for the first points of a stage; the number of the
// first is given.
func (t *tree) appendStage(dst []Hit, s *stage, n int, first int32, applies Filter) []Hit {
	for i := range n {
		e := s.probes[i].e
		if s.places[i] = t.rootPlace(e); isEdgeOfPlane(e) {
			s.places[i] = placeAtEdge
		}
		s.shifts[i] = uint8(t.shift)
	}
	for i, at := range s.places[:n] {
		slot := uint32(slotEmpty)
		if uint64(at) < uint64(len(t.root)) {
			slot = t.root[at]
		} else if at == placeAtEdge {
			slot = slotAtEdge
		}
		s.slots[i] = slot
	}
	s.pickAll(n)
	for open, shift := s.pick(n, slotNode), t.shift; open > 0; open = s.pick(open, slotNode) {
		for _, i := range s.some[:open] {
			s.loaded ^= t.nodes[s.slots[i&(stagePoints-1)]&slotMask]
		}
		for k, i := range s.some[:open] {
			i &= stagePoints - 1
			s.places[k] = t.place(s.slots[i], s.probes[i].e, shift)
		}
		for k, i := range s.some[:open] {
			i &= stagePoints - 1
			s.slots[i], s.shifts[i] = t.nodes[s.places[k]], uint8(shift-3)
		}
		shift -= 3
	}
	// Load the records, which are mostly shorter than a line of the cache.
	s.pickAll(n)
	for _, i := range s.some[:s.pick(n, slotRecord)] {
		at := s.slots[i&(stagePoints-1)] & slotMask
		s.loaded ^= t.records[at] ^ t.records[min(int(at)+7, len(t.records)-1)]
	}
	k := 0
	for i := range n {
		slot := s.slots[i]
		// Most points are in one zone or none: which, is not worth a branch that
		// the processor cannot foresee.
		s.asks[k] = ask{zone: slot & slotMask, point: uint8(i), parity: askOdd | askLast}
		if applies == nil {
			k += int(((slot>>slotBits ^ slotZone) - 1) >> 31) // 1 for a slotZone, otherwise 0
		} else if slot>>slotBits == slotZone && applies(int(first)+i, int(slot&slotMask)) {
			k++
		}
		if slot >= slotRecord<<slotBits {
			for at := slot & slotMask; ; {
				if k > stageAsks-maxAsks-stagePoints {
					dst, k = t.answer(dst, s, k, first), 0
				}
				r := t.records[at:]
				w := r[0]
				k0 := k
				k, at = t.askEntry(s, k, at, uint8(i))
				if applies != nil && !applies(int(first)+i, int(w>>entryBits)) {
					k = k0
				}
				if w&entryLast != 0 {
					break
				}
			}
		} else if slot == slotAtEdge && s.probes[i].e.Lat != nowhereLat {
			dst, k = t.answer(dst, s, k, first), 0
			dst = t.appendAtEdge(dst, &s.probes[i], first+int32(i), applies)
		}
	}
	return t.answer(dst, s, k, first)
}

// askEntry adds what is to be asked about an entry of a record, and returns
// where the next one is.
func (t *tree) askEntry(s *stage, k int, at uint32, point uint8) (int, uint32) {
	r := t.records[at:]
	a := ask{zone: r[0] >> entryBits, entry: at, point: point, parity: askOdd | askLast}
	switch r[0] & entryKind {
	case entryWhole:
		s.asks[k] = a
		return k + 1, at + 1
	case entryRound:
		a.parity = askSlow | askLast
		s.asks[k] = a
		return k + 1, at + 3 + 2*r[2]
	}
	counts := r[2]
	e := s.probes[point&(stagePoints-1)].e
	ends := 3 + counts>>countEnds&maxEnds
	if tiles := r[1] >> tileOf(e, counts>>countTile); tiles&1 == 0 {
		s.asks[k] = a
		k += int(tiles >> tileCount & 1)
		if r[0]&entryKind == entryShort {
			return k, at + ends + 1
		}
		return k, at + ends + 2*(counts>>countRuns)
	}
	parity := counts & countParity
	for _, end := range r[3:ends] {
		parity ^= uint32(uint64(int64(e.Lat)-int64(int32(end))) >> 63)
	}
	a.parity = uint8(parity)
	if r[0]&entryKind == entryShort {
		a.parity |= askLast
		a.first, a.n = r[ends], uint16(counts>>countRuns)
		s.asks[k] = a
		return k + 1, at + ends + 1
	}
	runs := counts >> countRuns
	next := at + ends + 2*runs
	if runs > maxAsks {
		a.parity = askSlow | askLast
		s.asks[k] = a
		return k + 1, next
	}
	for i := range runs {
		a.first = r[ends+2*i]
		if n := r[ends+2*i+1]; n > maxRuns {
			a.parity |= askSlow
		} else {
			a.n = uint16(n)
		}
		if i == runs-1 {
			a.parity |= askLast
		}
		s.asks[k] = a
		k++
		a.parity &= askSlow
	}
	return k, next
}

// answer appends the hits among what is asked.
func (t *tree) answer(dst []Hit, s *stage, k int, first int32) []Hit {
	for i := range s.asks[:k] {
		a := &s.asks[i]
		if v := uint(a.first) + uint(a.n); v < uint(len(t.vertices)) {
			s.loaded ^= uint32(t.vertices[a.first].Lat) ^ uint32(t.vertices[v].Lat)
		}
	}
	dst = slices.Grow(dst, k)
	hits := dst[:len(dst)+k]
	n := len(dst)
	odd := uint32(0)
	for i := 0; i < k; i++ {
		a := &s.asks[i]
		p := &s.probes[a.point&(stagePoints-1)]
		crossed, near := uint32(0), false
		if a.n != 0 {
			crossed, near = crossings(t.vertices[a.first:a.first+uint32(a.n)+1], p.e)
		}
		odd ^= uint32(a.parity)&askOdd ^ crossed
		if near || a.parity&askSlow != 0 {
			odd = 0
			if t.entryContains(a.entry, uint32(s.shifts[a.point&(stagePoints-1)]), p) {
				odd = 1
			}
			for a.parity&askLast == 0 {
				i++
				a = &s.asks[i]
			}
		}
		last := uint32(a.parity) / askLast & 1
		hits[n] = Hit{first + int32(a.point), int32(a.zone)}
		n += int(odd & last)
		odd &^= last
	}
	return dst[:n]
}

// entryContains decides about the zone of an entry of a record.
func (t *tree) entryContains(at, shift uint32, p *probe) bool {
	r := t.records[at:]
	if r[0]&entryKind == entryRound {
		return t.roundContains(r[1], r[3:3+2*r[2]], p)
	}
	c, _ := areaEntry(r)
	return t.contains(&c, r[0]>>entryBits, shift, p)
}
