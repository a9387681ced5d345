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
		dst = x.appendPart(dst, &s, pts[from:min(from+stagePoints, len(pts))], int32(from), applies)
	}
	return dst
}

// appendPart is AppendBatchFunc for up to stagePoints points; the number of the first is
// given.
func (x *Index) appendPart(dst []Hit, s *stage, pts []em.LatLng, first int32, applies Filter) []Hit {
	if x.Len() == 0 {
		return dst
	}
	s.given = pts
	for i, p := range pts {
		s.set(i, p)
	}
	dst = x.tree.appendStage(dst, s, len(pts), first, applies)
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
	var given [stagePoints]em.LatLng
	s := stage{given: given[:]}
	for from := 0; from < len(keys); from += stagePoints {
		part := keys[from:min(from+stagePoints, len(keys))]
		for i, k := range part {
			p := pts[uint32(k)]
			given[i&(stagePoints-1)] = p
			s.set(i, p)
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
			if s.at[i] = e; !e.Valid() {
				s.at[i].Lat = nowhereLat
			}
		}
		dst = x.tree.appendStage(dst, &s, n, int32(from), nil)
	}
	runtime.KeepAlive(x)
	return dst
}

// stagePoints is how many points are looked up together: enough to keep the
// processor's loads busy, few enough for its nearest caches.
const stagePoints = 256

// nowhereLat marks a point that is no position, which isEdgeOfPlane.
const nowhereLat = 1 << 30

// slotAtEdge stands for the slot of a point that isEdgeOfPlane, and placeAtEdge
// for its place.
const (
	slotAtEdge  = 1
	placeAtEdge = 1<<32 - 1
)

// stage is the points that are looked up together. What each step loads for one
// of them depends on what no other has loaded, and where it can be helped on no
// branch: so the processor waits for memory once for all, and has little to
// foresee. Where to load from is worked out in a loop before the one that loads:
// the less a processor has to do for a load, the more of them it has under way.
type stage struct {
	at     [stagePoints]E7
	given  []em.LatLng         // of which at is rounded; nil if they are no other
	places [stagePoints]uint32 // where the next step loads from
	ends   [stagePoints]uint32 // and where the last entry of a record is
	slots  [stagePoints]uint32
	some   [stagePoints]uint8 // the points of the next step
	items  [stageItems]stageItem
	asks   [stageItems]ask
	open   [stageItems]uint16 // of the asks, those that edges are looked at for
	loaded uint32             // of no use, but that it is made of what is to be loaded
}

const (
	stageItems = 512
	maxItems   = 64 // of a point; more are looked up by themselves
)

// stageItem is an entry that a point is to be compared with: its place, which is
// that of nobody for a zone that contains the cell; then the point; then nobody's
// zone.
type stageItem uint64

const (
	itemPoint = slotCount
	itemZone  = itemPoint + 8

	usualEntries = 4 // few records have more
)

func (it stageItem) entry() uint32 { return uint32(it) & placeMask }
func (it stageItem) point() uint32 { return uint32(it>>itemPoint) & (stagePoints - 1) }

// ask is an entry that says yes, or has others beside it, or open to the edges.
type ask struct {
	item stageItem
	zone uint32 // as in the entry, but of a whole cell its; and askYes
}

// askYes is a bit that no zone has.
const askYes = 1 << 31

// set sets a point.
func (s *stage) set(i int, p em.LatLng) {
	if p.Valid() {
		s.at[i] = roundE7(p)
	} else {
		s.at[i].Lat = nowhereLat
	}
}

// probe returns a point for what takes more than its coordinates.
func (s *stage) probe(i uint32) probe {
	p := probe{e: s.at[i&(stagePoints-1)]}
	if s.given == nil {
		p.p = p.e.LatLng()
	} else {
		p.p = s.given[i]
	}
	return p
}

// pick leaves of some points those whose slot is no less than that, and returns how
// many they are. It is a step by itself: where the next of them goes depends on what
// was loaded.
func (s *stage) pick(n int, least uint32) int {
	k := 0
	for _, i := range s.some[:n] {
		s.some[k&(stagePoints-1)] = i
		k += int((uint64(least-1) - uint64(s.slots[i&(stagePoints-1)])) >> 63)
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
		e := s.at[i]
		if s.places[i] = t.rootPlace(e); isEdgeOfPlane(e) {
			s.places[i] = placeAtEdge
		}
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
	shift := t.shift
	for open := s.pick(n, slotNode<<slotBits); open > 0; open = s.pick(open, slotNode<<slotBits) {
		shift -= nodeLevels
		some := s.some[:open]
		for k, i := range some {
			i &= stagePoints - 1
			s.places[k&(stagePoints-1)] = s.slots[i]<<(2*nodeLevels) | nodePlace(s.at[i], shift)
		}
		for k, i := range some {
			at := s.places[k&(stagePoints-1)]
			s.slots[i&(stagePoints-1)] = t.nodes[at>>(2*nodeLevels)][at&(1<<(2*nodeLevels)-1)]
		}
	}
	s.pickAll(n)
	some := s.some[:s.pick(n, slotEmpty+1)]
	for k, i := range some {
		at, more := recordOf(s.slots[i&(stagePoints-1)])
		s.places[k&(stagePoints-1)], s.ends[k&(stagePoints-1)] = at, at+more
	}
	loaded := uint32(0)
	for k := range some {
		loaded ^= t.entries[s.places[k&(stagePoints-1)]].tiles ^ t.entries[s.ends[k&(stagePoints-1)]].tiles // for most all of the record
	}
	s.loaded ^= loaded
	k := 0
	for _, i := range some {
		i &= stagePoints - 1
		slot := s.slots[i]
		if slot == slotAtEdge {
			if p := s.probe(uint32(i)); p.e.Lat != nowhereLat {
				dst, k = t.appendItems(dst, s, k, first, applies), 0
				dst = t.appendAtEdge(dst, &p, first+int32(i), applies)
			}
			continue
		}
		if k > stageItems-maxItems {
			dst, k = t.appendItems(dst, s, k, first, applies), 0
		}
		// Which kind a slot is, and how many entries a record has up to usualEntries,
		// is not worth a branch that the processor cannot foresee.
		at, more := recordOf(slot)
		zone := slot & slotMask & uint32(int32(slot<<1)>>31)
		it := (*[usualEntries]stageItem)(s.items[k:])
		item := stageItem(at) | stageItem(i)<<itemPoint | stageItem(zone)<<itemZone
		it[0], it[1], it[2], it[3] = item, item+1, item+2, item+3
		n := int(more + 1)
		if n > usualEntries {
			if n = t.addItems(s.items[k:k+maxItems], item, n); n > maxItems {
				dst, k = t.appendItems(dst, s, k, first, applies), 0
				p := s.probe(uint32(i))
				dst = t.appendSlot(dst, slot, &p, first+int32(i), applies)
				continue
			}
		}
		k += n
	}
	return t.appendItems(dst, s, k, first, applies)
}

// recordOf returns where the entries of a slotRecord begin, and how many there are
// behind the first, or slotMany; of others, nobody.
func recordOf(slot uint32) (at, more uint32) {
	record := uint32(int32(slot&^(slot<<1)) >> 31) // all ones, or zero
	return slot & placeMask & record, slot >> slotCount & slotMany & record
}

// addItems adds the items from the given one on, of which the usual ones are there,
// and returns how many they are: n, or more if it is more than a slot can say. If
// they are more than there is place for, not all are added.
func (t *tree) addItems(items []stageItem, item stageItem, n int) int {
	for j := usualEntries; j < n; j++ {
		items[j] = item + stageItem(j)
	}
	at := int(item & placeMask)
	for n > slotMany && n <= len(items) && t.entries[at+n-1].zone&entryLast == 0 {
		if n < len(items) {
			items[n] = item + stageItem(n)
		}
		n++
	}
	return n
}

// appendItems appends the hits among the items.
func (t *tree) appendItems(dst []Hit, s *stage, n int, first int32, applies Filter) []Hit {
	if applies != nil {
		n = t.filterItems(s, n, first, applies)
	}
	k, open := 0, 0
	for _, it := range s.items[:n] {
		n := &t.entries[it.entry()]
		zone := n.zone
		tiles := n.tiles >> tileOf(s.at[it.point()], n.run>>runTile)
		a := &s.asks[k&(stageItems-1)]
		a.item, a.zone = it, zone|uint32(it>>itemZone<<entryBits)|tiles>>tileCount<<31
		s.open[open&(stageItems-1)] = uint16(k)
		open += int(tiles & 1)
		k += int((tiles | tiles>>tileCount | zone/entryMore | zone/entryRest) & 1)
	}
	loaded := uint32(0)
	for _, i := range s.open[:open] {
		n := &t.entries[s.asks[i&(stageItems-1)].item.entry()]
		if v := uint(n.first) + uint(n.edges()); v < uint(len(t.vertices)) {
			loaded ^= uint32(t.vertices[n.first].Lat) ^ uint32(t.vertices[v].Lat)
		}
	}
	s.loaded ^= loaded
	done := -1 // the last ask of a zone that was decided about otherwise
	for _, i := range s.open[:open] {
		if int(i) <= done {
			continue
		}
		a := &s.asks[i&(stageItems-1)]
		if a.zone&entryRound == 0 {
			yes, near := t.answer(&t.entries[a.item.entry()], s.at[a.item.point()])
			if a.zone |= yes * askYes; !near {
				continue
			}
		}
		done = t.decide(s, int(i))
	}
	dst = slices.Grow(dst, k)
	hits := dst[:len(dst)+k]
	at := len(dst)
	in := uint32(0)
	for i := range s.asks[:k] {
		a := &s.asks[i]
		in ^= a.zone / askYes
		last := a.zone/entryMore&1 ^ 1
		hits[at] = Hit{first + int32(a.item.point()), int32(a.zone &^ askYes >> entryBits)}
		at += int(in & last)
		in &^= last
	}
	return dst[:at]
}

// filterItems leaves of the items those of zones that apply, and returns how many
// they are.
func (t *tree) filterItems(s *stage, n int, first int32, applies Filter) int {
	k, skip := 0, false
	for _, it := range s.items[:n] {
		n, point := &t.entries[it.entry()], it.point()
		if n.zone&entryRest == 0 {
			zone := n.zone>>entryBits | uint32(it>>itemZone)
			skip = !n.mayContain(s.at[point]) || !applies(int(first)+int(point), int(zone))
		}
		if !skip {
			s.items[k] = it
			k++
		}
	}
	return k
}

// decide decides about the zone of an ask by all of its entries, which have been
// asked next to each other, and returns the last of them.
func (t *tree) decide(s *stage, i int) (last int) {
	a := s.asks[i]
	at, first := a.item.entry(), i
	for ; t.entries[at].zone&entryRest != 0; at-- {
		first--
	}
	for last = i; s.asks[last].zone&entryMore != 0; last++ {
	}
	for j := first; j <= last; j++ {
		s.asks[j].zone &^= askYes
	}
	p := s.probe(a.item.point())
	if t.contains(at, &p) {
		s.asks[last].zone |= askYes
	}
	return last
}
