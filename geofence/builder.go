package geofence

import (
	"math"

	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"

	"github.com/sargas-em/em"
)

// builder compiles a part of the plane.
type builder struct {
	*compiler
	// Stacks of what the cells down to the present one need.
	items []item
	spans []edgeRun

	lines map[uint32][]s2.Point // of corridors

	nodes   []node
	entries []zoneEntry
	whole   map[string]uint32 // slots of records of zones that contain the cell, by their bytes
}

type mark struct{ items, spans int }

func (b *builder) mark() mark { return mark{len(b.items), len(b.spans)} }

func (b *builder) release(m mark) {
	b.items, b.spans = b.items[:m.items], b.spans[:m.spans]
}

// enter returns what the items of a cell are in a cell within it.
func (b *builder) enter(at cell, items []item) []item {
	ref, ok := at.reference()
	if !ok {
		return nil
	}
	west, south, east, north := at.bounds()
	west, south, east, north = west-pad, south-pad, east+pad, north+pad
	from := len(b.items)
	for i := range items {
		it := items[i]
		if it.kind != itemWhole && it.whole {
			box := &b.boxes[it.zone]
			if int64(box.low.Lng) > east || int64(box.high.Lng) < west || int64(box.low.Lat) > north || int64(box.high.Lat) < south {
				continue
			}
			if it.kind == itemArea && west <= int64(box.low.Lng) && int64(box.high.Lng) <= east && south <= int64(box.low.Lat) && int64(box.high.Lat) <= north {
				b.items = append(b.items, it)
				continue
			}
		}
		ok := true
		switch it.kind {
		case itemArea:
			it, ok = b.enterArea(at, it, ref)
		case itemRound:
			it, ok = b.enterRound(at, it)
		}
		if ok {
			b.items = append(b.items, it)
		}
	}
	return b.items[from:]
}

// enterArea is enter for the edges of an area. It is not ok if there is nothing
// of it in the cell.
func (b *builder) enterArea(at cell, it item, ref E7) (_ item, ok bool) {
	west, south, east, north := at.bounds()
	// In the end the edges that are kept are left to be counted at the reference,
	// as they were before: what changes is what is dropped, and the ends.
	runs := uint32(len(b.spans))
	for _, s := range b.spans[it.runs.from:it.runs.to] {
		open := false
		chain := s.of(b.tree.vertices)
		it.parity ^= s.endsNorth(chain, ref)
		v := chain[0]
		for i, w := range chain[1:] {
			met, crossed := meets(v, w, west-pad, south-pad, east+pad, north+pad, ref.Lat)
			v = w
			it.parity ^= crossed
			if !met {
				open = false
				continue
			}
			b.keep(s.first+uint32(i), open)
			open = true
		}
	}
	it.whole = false
	it.runs = pair{runs, uint32(len(b.spans))}
	if it.runs.from == it.runs.to {
		it.kind = itemWhole
		return it, it.parity == 1
	}
	counts := func(v E7) bool {
		return (int64(v.Lng) < west || v.Lng == -half) && south < int64(v.Lat) && int64(v.Lat) <= north
	}
	for i := range b.spans[runs:] {
		s := &b.spans[int(runs)+i]
		chain := s.of(b.tree.vertices)
		s.begins, s.ends = counts(chain[0]), counts(chain[s.n])
		it.parity ^= s.endsNorth(chain, ref)
	}
	return it, true
}

// keep adds an edge to the last run, or begins one with it if none is open.
func (b *builder) keep(edge uint32, open bool) {
	if !open {
		b.spans = append(b.spans, edgeRun{first: edge})
	}
	b.spans[len(b.spans)-1].n++
}

// meets reports whether the edge from a to b has to do with a rectangle; and if
// it has not, crossed is 1 if a ray to the west crosses it that begins in the
// rectangle at that latitude.
func meets(a, b E7, west, south, east, north int64, lat int32) (met bool, crossed uint32) {
	ax, ay, bx, by := int64(a.Lng), int64(a.Lat), int64(b.Lng), int64(b.Lat)
	if min(ay, by) > north || max(ay, by) < south || min(ax, bx) > east {
		return false, 0
	}
	if (a.Lat <= lat) != (b.Lat <= lat) {
		crossed = 1
	}
	if max(ax, bx) < west {
		return false, crossed
	}
	dx, dy := bx-ax, by-ay
	// To the left of the edge this is positive; at the corners:
	sw := dx*(south-ay) - dy*(west-ax)
	toEast, toNorth := -dy*(east-west), dx*(north-south)
	if sw+min(toEast, 0)+min(toNorth, 0) <= 0 && sw+max(toEast, 0)+max(toNorth, 0) >= 0 {
		return true, 0
	}
	if sw > 0 == (dy > 0) { // the rectangle is in the west of the edge
		crossed = 0
	}
	return false, crossed
}

// enterRound is enter for a circle or corridor.
func (b *builder) enterRound(at cell, it item) (_ item, ok bool) {
	r := &b.tree.rounds[it.round]
	west, south, east, north := at.bounds()
	west, south, east, north = max(west, -half), max(south, -quarter), min(east, half), min(north, quarter)
	const rad = math.Pi / 180 / 1e7
	mid := E7{int32((south + north) / 2), int32((west + east) / 2)}
	q := mid.point()
	// No point of the cell is farther from its middle, and a little.
	cos := 1.0
	if south > 0 || north < 0 {
		cos = math.Cos(float64(min(abs64(south), abs64(north))) * rad)
	}
	size := (math.Hypot(float64(north-south), cos*float64(east-west))/2 + 2*pad) * rad * em.EarthRadius
	if it.runs.from == it.runs.to {
		it.whole = false
		d := r.fromCenter(q)
		if d+size < -1e-3 {
			it.kind = itemWhole
		}
		return it, d-size <= 1e-3
	}
	it.whole = false
	runs := uint32(len(b.spans))
	far := s1.ChordAngleFromAngle(s1.Angle((r.reach + size + 1e-3) / em.EarthRadius))
	near := s1.ChordAngle(-1)
	if d := r.reach - size - 1e-3; d > 0 {
		near = s1.ChordAngleFromAngle(s1.Angle(d / em.EarthRadius))
	}
	for _, s := range b.spans[it.runs.from:it.runs.to] {
		line := b.line(it.zone)[s.first-b.tree.rings[b.tree.zones[it.zone].firstRing].first:][:s.n+1]
		open := false
		for i, w := range line[1:] {
			d, found := s2.UpdateMinDistance(q, line[i], w, far)
			if found && d < near {
				it.kind = itemWhole
				it.runs = pair{}
				return it, true
			}
			if !found {
				open = false
				continue
			}
			b.keep(s.first+uint32(i), open)
			open = true
		}
	}
	it.runs = pair{runs, uint32(len(b.spans))}
	return it, it.runs.from != it.runs.to
}

// line is the line of a corridor on the sphere.
func (b *builder) line(zone uint32) []s2.Point {
	if line, ok := b.lines[zone]; ok {
		return line
	}
	var line []s2.Point
	for chain := range b.tree.chains(int(zone)) {
		for _, v := range chain {
			line = append(line, v.point())
		}
	}
	if b.lines == nil {
		b.lines = map[uint32][]s2.Point{}
	}
	b.lines[zone] = line
	return line
}

// isLeaf reports whether a cell with these items is not divided.
func (b *builder) isLeaf(at cell, items []item) bool {
	edges, whole := 0, true
	least := uint64(math.MaxUint64)
	for i := range items {
		it := &items[i]
		if it.kind == itemWhole {
			continue
		}
		whole = false
		// At the edge of a wide corridor many parts of its line are as near as
		// each other, however small the cell.
		if it.kind != itemRound || float64(at.size()) > b.tree.rounds[it.round].reach*unitsPerMetre/8 {
			for _, s := range b.spans[it.runs.from:it.runs.to] {
				edges += int(s.n)
			}
		}
		box := &b.boxes[it.zone]
		least = min(least, uint64(max(int64(box.high.Lng)-int64(box.low.Lng), int64(box.high.Lat)-int64(box.low.Lat))))
	}
	if b.coarse && (b.tree.shift-at.shift)%nodeLevels == 0 && at.shift < b.tree.shift {
		edges /= 2 // another node would be visited
	}
	return whole || at.shift <= leafShift || edges <= b.few && at.size() <= max(least/b.fine, b.small)
}

// fill sets the slots of a cell, in Morton order.
func (b *builder) fill(slots []uint32, at cell, items []item) {
	if len(slots) == 1 || b.isLeaf(at, items) {
		s := b.slot(at, items)
		for i := range slots {
			slots[i] = s
		}
		return
	}
	for k := range 4 {
		m := b.mark()
		n := len(slots) / 4
		b.fill(slots[k*n:(k+1)*n], at.child(k), b.enter(at.child(k), items))
		b.release(m)
	}
}

// slot compiles a cell.
func (b *builder) slot(at cell, items []item) uint32 {
	if len(items) == 0 {
		return slotEmpty
	}
	if b.isLeaf(at, items) {
		return b.record(at, items)
	}
	var slots, n node
	b.fill(slots[:], at, items)
	for i, s := range slots {
		n[deinterleave(uint32(i)>>1)<<nodeLevels|deinterleave(uint32(i))] = s
	}
	b.nodes = append(b.nodes, n)
	return slotOf(slotNode, uint32(len(b.nodes)-1))
}

// record compiles a cell that is not divided.
func (b *builder) record(at cell, items []item) uint32 {
	if len(items) == 1 && items[0].kind == itemWhole {
		return slotOf(slotZone, items[0].zone)
	}
	place := len(b.entries)
	whole := true
	for i := range items {
		whole = b.enterItem(at, &items[i]) && whole
	}
	b.entries[len(b.entries)-1].zone |= entryLast
	n := min(len(b.entries)-place-1, slotMany)
	slot := slotOf(slotRecord, uint32(n<<slotCount|place))
	if whole {
		key := string(bytesOf(b.entries[place:]))
		if known, ok := b.whole[key]; ok {
			b.entries = b.entries[:place]
			return known
		}
		b.whole[key] = slot
	}
	return slot
}

// enterItem adds the entries of an item in a cell that is not divided. It is whole
// if it contains the cell.
func (b *builder) enterItem(at cell, it *item) (whole bool) {
	n := zoneEntry{zone: it.zone << entryBits, tiles: tilesIn}
	if it.kind == itemWhole {
		b.entries = append(b.entries, n)
		return true
	}
	// Parity, and what is known of tiles, are answers once.
	if n.tiles = tilesOpen; it.kind == itemRound {
		n.zone |= entryRound
	} else {
		n.tiles = b.tiles(at, it)
	}
	parity := it.parity
	from := len(b.entries)
	add := func(s edgeRun) {
		if len(b.entries) > from {
			b.entries[len(b.entries)-1].zone |= entryMore
			n.zone |= entryRest
			n.tiles &= tilesOpen
			parity = 0
		}
		n.first = s.first
		n.run = s.n<<runCount | bit(s.ends)<<runEnds | bit(s.begins)<<runBegins | (at.shift-tileShift)<<runTile | parity<<runParity
		b.entries = append(b.entries, n)
	}
	if it.runs.from == it.runs.to {
		add(edgeRun{}) // a circle
	}
	for _, s := range b.spans[it.runs.from:it.runs.to] {
		for ; s.n > maxRunEdges; s.first, s.n, s.begins = s.first+maxRunEdges, s.n-maxRunEdges, false {
			add(edgeRun{first: s.first, n: maxRunEdges, begins: s.begins})
		}
		add(s)
	}
	return false
}

func bit(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}
