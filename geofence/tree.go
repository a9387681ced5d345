package geofence

import (
	"math"
	"slices"

	"github.com/golang/geo/s2"

	"github.com/sargas-em/em"
)

// tree is zones compiled for the question which of them contain a point: a
// quadtree over the plane of longitude and latitude, in E7, whose cells hold no
// more than some edges. It is flat and without pointers, so that it may be
// written to a file and mapped.
//
// The root is a dense grid of slots. A slot is empty, or one zone that contains
// the whole cell, or a record, or a node, which is the slots of some levels of the
// quadtree below. A record is the zones that have to do with the cell, ascending:
// those that contain all of it, and those with edges in it, or within pad of it. It
// is one entry or more for each; see zoneEntry.
type tree struct {
	frame
	root     []uint32
	nodes    []node
	entries  []zoneEntry
	vertices []E7
	zones    []zoneRow
	rings    []ringRow
	rounds   []roundRow
	polar    [2][]uint32 // zones that contain points beyond the southern and the northern polar circle: zone<<2, and polarSome, polarPole or polarAll
	anchors  []anchor    // by zone
}

// frame places the root grid. Cells of the size 1<<s begin at multiples of it,
// counted from the south-west corner of the plane.
type frame struct {
	col, row   uint32 // of the first slot
	cols, rows uint32
	shift      uint32 // a root cell's size is 1<<shift
}

// zoneRow is where a zone's shape is.
type zoneRow struct {
	firstRing, rings uint32 // in rings; the line of a corridor is one
	round            uint32 // in rounds, plus one; 0 for an area
}

// ringRow is a chain in vertices.
type ringRow struct{ first, n uint32 }

// roundRow is a circle or corridor.
type roundRow struct {
	center s2.Point
	reach  float64 // metres from the center, or from the line, to the edge
	far2   float64 // the square of a distance through the sphere beyond which there is nothing of it
}

// anchor is what is needed to decide anywhere about an area that reaches a pole
// or the antimeridian. Others do not contain the north pole.
type anchor struct {
	ref    s2.Point
	zone   uint32
	inside uint32 // 1 if the zone contains ref
	parity uint32 // the answer where a ray to the west crosses nothing
	_      uint32
}

// Slots: the two highest bits say what the others are.
const (
	slotEmpty  = 0 // the slot is zero
	slotZone   = 1 // zone
	slotRecord = 2 // three bits: how many entries, less one, if not slotMany; and the place of the first in entries
	slotNode   = 3 // place in nodes
	slotBits   = 30
	slotMask   = 1<<slotBits - 1

	maxNodes  = 1<<(32-2*nodeLevels) - 1 // so that 32 bits say where a slot of one is
	slotCount = 27                       // where the number of entries is
	slotMany  = 7                        // eight or more: the last says so
	placeMask = 1<<slotCount - 1
)

// node is the slots of two levels of the quadtree, row by row from the south-west:
// a line of the processor's cache.
type node [1 << (2 * nodeLevels)]uint32

const (
	nodeLevels = 2
	nodeSide   = 1 << nodeLevels
)

func slotOf(kind, v uint32) uint32 { return kind<<slotBits | v }

// zoneEntry is what a record says of a zone. One that contains the cell has one
// entry, of no edges; others have one for each run of edges in the cell, or
// within pad of it. An area contains a point of the cell if an odd number of these
// are: parity; crossings of the runs with a ray from the point to the west; and ends
// of the runs that count, if they are to the north of the point. Those are where a
// run begins or ends to the west of the cell, so that beyond it other edges are
// crossed. In tiles of the cell that no edge is near the answer is known; see tiles.
// It and the parity are in the first entry, and no in others.
//
// A circle or corridor contains a point if it is near enough to the center, or to
// the line of one of the runs; no tile is known.
type zoneEntry struct {
	zone  uint32 // zone<<entryBits, and flags
	tiles uint32
	run   uint32 // parity, size of a tile, ends that count, number of edges
	first uint32 // vertex of the run
}

const (
	entryLast  = 1 // of its record
	entryMore  = 2 // the next one is of the same zone
	entryRest  = 4 // and so is the one before
	entryRound = 8 // a circle or corridor
	entryBits  = 4

	// MaxZones is how many zones an index has at most.
	MaxZones = 1 << (32 - entryBits - 1)

	// In entry.run.
	runParity   = 0
	runTile     = 1 // the size of a tile is 1<<
	runBegins   = 6 // 1 if the first vertex is an end that counts
	runEnds     = 7 // and the last
	runCount    = 16
	maxRunEdges = 1<<16 - 1 // edges
)

// nobody is the first entry of all, which no record has. It says yes anywhere,
// of whatever zone it is taken for.
var nobody = zoneEntry{tiles: tilesIn} // never changed

func (n *zoneEntry) edges() uint32 { return n.run >> runCount }

// cellSize is how wide the cell of an entry with edges is.
func (n *zoneEntry) cellSize() uint64 { return tileSide << (n.run >> runTile & 31) }

// pad is how far in units beyond its cell a record knows of edges: band, and
// what a geodesic may leave the cell between two points of it that are within
// maxNudge of each other.
const pad = 8

// seam is how near in units to the antimeridian a point has to do with edges on
// both sides of the plane.
const seam = band + 1

// probe is a point to be looked up.
type probe struct {
	e E7
	place
}

// plane returns the coordinates in the grid.
func (e E7) plane() (x, y uint32) { return uint32(e.Lng) + half, uint32(e.Lat) + quarter }

// rootPlace returns where in the root grid the slot for a point is; beyond it
// if there is none.
func (t *tree) rootPlace(e E7) uint32 {
	x, y := e.plane()
	col, row := x>>t.shift-t.col, y>>t.shift-t.row
	if col >= t.cols || row >= t.rows {
		return uint32(len(t.root))
	}
	return row*t.cols + col
}

// rootSlot returns the slot of the root grid for a point.
func (t *tree) rootSlot(e E7) uint32 {
	if at := t.rootPlace(e); at < uint32(len(t.root)) {
		return t.root[at]
	}
	return slotEmpty
}

// nodePlace returns where in a node the slot for a point is, which is in a cell of
// the size 1<<(shift+nodeLevels).
func nodePlace(e E7, shift uint32) uint32 {
	x, y := e.plane()
	return y>>(shift&31)&(nodeSide-1)<<nodeLevels | x>>(shift&31)&(nodeSide-1)
}

// find descends to the slot that decides about a point.
func (t *tree) find(e E7) uint32 {
	slot, shift := t.rootSlot(e), t.shift
	for slot>>slotBits == slotNode {
		shift -= nodeLevels
		slot = t.nodes[slot&slotMask][nodePlace(e, shift)]
	}
	return slot
}

// isEdgeOfPlane reports whether a point is where the plane says too little.
func isEdgeOfPlane(e E7) bool {
	return uint32(e.Lat)+(polar-1) > 2*(polar-1) || uint32(e.Lng)+(half-seam) > 2*(half-seam)
}

// append appends a Hit for each zone that contains the point.
func (t *tree) append(dst []Hit, p *probe, point int32, applies Filter) []Hit {
	if isEdgeOfPlane(p.e) {
		return t.appendAtEdge(dst, p, point, applies)
	}
	return t.appendSlot(dst, t.find(p.e), p, point, applies)
}

// appendSlot appends what a slot that is no node says about the point.
func (t *tree) appendSlot(dst []Hit, slot uint32, p *probe, point int32, applies Filter) []Hit {
	if slot == slotEmpty {
		return dst
	}
	if slot>>slotBits == slotZone {
		if zone := int(slot & slotMask); applies == nil || applies(int(point), zone) {
			dst = append(dst, Hit{point, int32(zone)})
		}
		return dst
	}
	for at := slot & placeMask; ; at++ {
		n := &t.entries[at]
		zone := n.zone >> entryBits
		if (applies == nil || n.mayContain(p.e) && applies(int(point), int(zone))) && t.contains(at, p) {
			dst = append(dst, Hit{point, int32(zone)})
		}
		for t.entries[at].zone&entryMore != 0 {
			at++
		}
		if t.entries[at].zone&entryLast != 0 {
			return dst
		}
	}
}

// mayContain reports whether it is not known that the zone does not contain the
// point, of the first entry of a zone.
func (n *zoneEntry) mayContain(e E7) bool {
	return n.zone&entryMore != 0 || n.tiles>>tileOf(e, n.run>>runTile)&(1|1<<tileCount) != 0
}

// answer returns 1 if an odd number of what the entry tells of are, and whether the
// point is near an edge of the run. The entry is an area's.
func (t *tree) answer(n *zoneEntry, e E7) (yes uint32, near bool) {
	run := t.vertices[n.first : n.first+n.edges()+1]
	yes, near = crossings(run, e)
	begins, ends := int64(e.Lat)-int64(run[0].Lat), int64(e.Lat)-int64(run[len(run)-1].Lat) // negative if to the north
	return (n.run>>runParity ^ yes ^ n.run>>runBegins&uint32(begins>>63) ^ n.run>>runEnds&uint32(ends>>63)) & 1, near
}

// contains decides about the zone whose entries begin there.
func (t *tree) contains(at uint32, p *probe) bool {
	in := uint32(0)
	for i := at; ; i++ {
		n := &t.entries[i]
		tiles := n.tiles >> tileOf(p.e, n.run>>runTile)
		if yes := tiles >> tileCount & 1; tiles&1 == 0 {
			in ^= yes
		} else {
			if n.zone&entryRound != 0 {
				return t.roundContains(at, p)
			}
			yes, near := t.answer(n, p.e)
			if near {
				return t.containsExactly(at, p)
			}
			in ^= yes
		}
		if n.zone&entryMore == 0 {
			return in == 1
		}
	}
}

// side returns 1 if the point of a cell is in the area whose entries begin there,
// by the chords, and whether it is near one of them.
func (t *tree) side(at uint32, e E7) (in uint32, near bool) {
	for ; ; at++ {
		n := &t.entries[at]
		yes, close := t.answer(n, e)
		in, near = in^yes, near || close
		if n.zone&entryMore == 0 {
			return in, near
		}
	}
}

// maxNudge is how far in units a geodesic's ends may be apart in either
// coordinate so that it does not leave the straight line by more than a few.
const maxNudge = 2000

// nudges are how far from a point near an edge one is sought that is not.
var nudges = [...]int32{2 * band, 20, 60, 200, 600, maxNudge} // never changed

// containsExactly decides about a point near the edges of the area whose entries
// begin there. Whether a point nearby is in the zone, in the same cell but not near
// the edges, the chords tell; and golang/geo whether an edge is between the two.
func (t *tree) containsExactly(at uint32, p *probe) bool {
	n := &t.entries[at]
	x, y := p.e.plane()
	size := n.cellSize()
	x0, y0 := uint64(x)&^(size-1), uint64(y)&^(size-1)
	for _, d := range nudges {
		for k := range 8 {
			dx, dy := d, d/3
			if k&1 != 0 {
				dx, dy = dy, dx
			}
			if k&2 != 0 {
				dx = -dx
			}
			if k&4 != 0 {
				dy = -dy
			}
			r := E7{p.e.Lat + dy, p.e.Lng + dx}
			if rx, ry := r.plane(); uint64(rx)-x0 >= size || uint64(ry)-y0 >= size || isEdgeOfPlane(r) {
				continue
			}
			in, near := t.side(at, r)
			if near {
				continue
			}
			from, to := r.point(), p.point()
			odd := in == 1
			for ; ; at++ {
				n := &t.entries[at]
				if nearCrossings(t.vertices[n.first:n.first+n.edges()+1], r, p.e, from, to) {
					odd = !odd
				}
				if n.zone&entryMore == 0 {
					return odd
				}
			}
		}
	}
	return t.containsAnywhere(n.zone>>entryBits, p)
}

// containsAnywhere decides by all edges of an area, about any point.
func (t *tree) containsAnywhere(zone uint32, p *probe) bool {
	a := anchor{ref: northPole}
	if i, ok := slices.BinarySearchFunc(t.anchors, zone, compareAnchor); ok {
		a = t.anchors[i]
	}
	in := a.inside == 1
	atPole := abs32(p.e.Lat) == quarter // or nearer to it than is good for a meridian
	for chain := range t.chains(int(zone)) {
		odd := false
		if math.Abs(a.ref.Z) == 1 && !atPole {
			odd = meridianCrossings(chain, a.ref, p.e, p.point())
		} else {
			odd = exactCrossings(chain, a.ref, p.point())
		}
		in = in != odd
	}
	return in
}

func compareAnchor(a anchor, zone uint32) int { return int(a.zone) - int(zone) }

var northPole = toPoint(0, 90) // never changed

// roundContains decides about the circle or corridor whose entries begin there.
func (t *tree) roundContains(at uint32, p *probe) bool {
	n := &t.entries[at]
	r, q := &t.rounds[t.zones[n.zone>>entryBits].round-1], p.point()
	if n.edges() == 0 {
		return r.fromCenter(q) <= 0
	}
	for ; ; at++ {
		n := &t.entries[at]
		if nearLine(t.vertices[n.first:n.first+n.edges()+1], q, r.reach) {
			return true
		}
		if n.zone&entryMore == 0 {
			return false
		}
	}
}

func (r *roundRow) fromCenter(q s2.Point) float64 {
	return r.center.Distance(q).Radians()*em.EarthRadius - r.reach
}

// zoneContains decides about any zone and point, by all that is known of the
// zone.
func (t *tree) zoneContains(zone uint32, p *probe) bool {
	row := &t.zones[zone]
	if row.round == 0 {
		return t.containsAnywhere(zone, p)
	}
	r := &t.rounds[row.round-1]
	if row.rings == 0 {
		return r.fromCenter(p.point()) <= 0
	}
	if r.center.Sub(p.point().Vector).Norm2() > r.far2 {
		return false
	}
	ring := t.rings[row.firstRing]
	return nearLine(t.vertices[ring.first:ring.first+ring.n], p.point(), r.reach)
}

// appendAtEdge is append for points about the poles and the antimeridian. All
// zones are asked that may have to do with it.
func (t *tree) appendAtEdge(dst []Hit, p *probe, point int32, applies Filter) []Hit {
	if beyondPolar(p.e) {
		zones := t.polar[0]
		if p.e.Lat > 0 {
			zones = t.polar[1]
		}
		for _, z := range zones {
			zone := z >> 2
			if (applies == nil || applies(int(point), int(zone))) && t.polarContains(zone, z&3, p) {
				dst = append(dst, Hit{point, int32(zone)})
			}
		}
		return dst
	}
	var buf [64]uint32
	zones := buf[:0]
	for _, lng := range [...]int32{-half + seam, half - seam} {
		zones = t.appendZones(zones, t.find(E7{p.e.Lat, lng}))
	}
	slices.Sort(zones)
	for _, zone := range slices.Compact(zones) {
		if (applies == nil || applies(int(point), int(zone))) && t.zoneContains(zone, p) {
			dst = append(dst, Hit{point, int32(zone)})
		}
	}
	return dst
}

func (t *tree) polarContains(zone, polar uint32, p *probe) bool {
	if abs32(p.e.Lat) == quarter && t.zones[zone].round == 0 && (p.p.Lat == 90 || p.p.Lat == -90) {
		return polar != polarSome
	}
	return polar == polarAll || t.zoneContains(zone, p)
}

// appendZones appends the zones that a slot tells of.
func (t *tree) appendZones(dst []uint32, slot uint32) []uint32 {
	switch slot >> slotBits {
	case slotZone:
		return append(dst, slot&slotMask)
	case slotRecord:
		for at := slot & placeMask; ; at++ {
			n := &t.entries[at]
			if n.zone&entryRest == 0 {
				dst = append(dst, n.zone>>entryBits)
			}
			if n.zone&entryLast != 0 {
				return dst
			}
		}
	}
	return dst
}
