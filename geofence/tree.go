package geofence

import (
	"math"
	"math/bits"
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
// the whole cell, or a record, or a node. A node is three levels of the
// quadtree: 8×8 slots in Morton order, of which runs of equal ones are kept
// once; 64 bits say where a run begins. A record is the zones that have to do
// with the cell, ascending: those that contain all of it, and those with edges
// in it, or within pad of it. For these it has what the answer is in those parts
// of the cell that no edge is near, see tiles; and the runs of their edges, as
// ranges of vertices, and what the answer is where a ray to the west crosses
// none of them; see cellZone.
type tree struct {
	frame
	root     []uint32
	nodes    []uint32
	records  []uint32
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
	slotRecord = 2 // place in records
	slotNode   = 3 // place in nodes
	slotBits   = 30
	slotMask   = 1<<slotBits - 1
)

func slotOf(kind, v uint32) uint32 { return kind<<slotBits | v }

// Records: an entry begins with zone<<entryBits | entryLast | kind.
const (
	entryWhole = 0 // contains the cell
	entryArea  = 1 // then tiles, word of counts, ends, and pairs of first vertex and number of edges
	entryRound = 2 // then round, number of runs, and those: none for a circle
	entryShort = 3 // an entryArea of one run, of which the word of counts has the number of edges
	entryKind  = 3
	entryLast  = 4
	entryBits  = 3

	// MaxZones is how many zones an index has at most.
	MaxZones = 1 << (32 - entryBits - 1)

	// In the word of counts of an entryArea: parity, then the size of a tile as a
	// power of two, then ends, then runs.
	countParity = 1
	countTile   = 1
	countEnds   = 6
	countRuns   = 16
	maxTile     = 1<<(countEnds-countTile) - 1
	maxEnds     = 1<<(countRuns-countEnds) - 1
	maxRuns     = 1<<16 - 1
)

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

// place follows a slot that is a node, of cells of the size 1<<shift: it returns
// where in the nodes the slot of one eighth of that size is.
func (t *tree) place(slot uint32, e E7, shift uint32) uint32 {
	x, y := e.plane()
	at := slot & slotMask
	node := t.nodes[at:]
	runs := uint64(node[0]) | uint64(node[1])<<32
	return at + 1 + uint32(bits.OnesCount64(runs<<(63-morton(x>>(shift-3), y>>(shift-3)))))
}

// morton interleaves the three low bits of both.
func morton(x, y uint32) uint64 {
	const spread = 0x1514111005040100 // byte k has the bits of k apart
	return spread>>(x&7*8)&0xff | spread>>(y&7*8)&0xff<<1
}

// find descends to the slot that decides about a point, and the size of its cell.
func (t *tree) find(e E7) (slot, shift uint32) {
	slot, shift = t.rootSlot(e), t.shift
	for slot>>slotBits == slotNode {
		slot = t.nodes[t.place(slot, e, shift)]
		shift -= 3
	}
	return slot, shift
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
	slot, shift := t.find(p.e)
	return t.appendSlot(dst, slot, shift, p, point, applies)
}

// appendSlot appends what a slot that is no node says about the point.
func (t *tree) appendSlot(dst []Hit, slot, shift uint32, p *probe, point int32, applies Filter) []Hit {
	if slot == slotEmpty {
		return dst
	}
	if slot>>slotBits == slotZone {
		if zone := int(slot & slotMask); applies == nil || applies(int(point), zone) {
			dst = append(dst, Hit{point, int32(zone)})
		}
		return dst
	}
	for r := t.records[slot&slotMask:]; ; {
		w := r[0]
		zone := w >> entryBits
		in := true
		skip := applies != nil && !applies(int(point), int(zone))
		switch w & entryKind {
		case entryWhole:
			r = r[1:]
		case entryArea, entryShort:
			k := tileOf(p.e, r[2]>>countTile)
			tiles := r[1] >> k
			var c cellZone
			c, r = areaEntry(r)
			if tiles&1 == 0 {
				in = tiles>>tileCount&1 != 0
			} else {
				in = !skip && t.contains(&c, zone, shift, p)
			}
		default:
			round, n := r[1], r[2]
			runs := r[3 : 3+2*n]
			r = r[3+2*n:]
			in = !skip && t.roundContains(round, runs, p)
		}
		if in && !skip {
			dst = append(dst, Hit{point, int32(zone)})
		}
		if w&entryLast != 0 {
			return dst
		}
	}
}

// cellZone is an area's edges about a cell. A point of the cell is in the zone
// if parity, the runs that a ray from it to the west crosses, and the ends to
// the north of it, are an odd number together: each end is where a run begins
// or ends to the west of the cell, so that beyond it other edges are crossed.
type cellZone struct {
	parity   uint32
	first, n uint32   // the first run: vertex, and number of edges
	ends     []uint32 // latitudes
	runs     []uint32 // the others: pairs of first vertex and number of edges
}

func areaEntry(r []uint32) (c cellZone, rest []uint32) {
	counts := r[2]
	ends := 3 + counts>>countEnds&maxEnds
	c = cellZone{parity: counts & countParity, first: r[ends], ends: r[3:ends]}
	if r[0]&entryKind == entryShort {
		c.n = counts >> countRuns
		return c, r[ends+1:]
	}
	c.n = r[ends+1]
	runs := ends + counts>>countRuns*2
	c.runs = r[ends+2 : runs]
	return c, r[runs:]
}

// side returns 1 if the point is in the zone by the chords, and whether it is
// near one of them.
func (t *tree) side(c *cellZone, e E7) (in uint32, near bool) {
	in, near = crossings(t.vertices[c.first:c.first+c.n+1], e)
	in ^= c.parity
	for _, lat := range c.ends {
		if int32(lat) > e.Lat {
			in ^= 1
		}
	}
	for r := c.runs; len(r) >= 2; r = r[2:] {
		odd, close := crossings(t.vertices[r[0]:r[0]+r[1]+1], e)
		in ^= odd
		near = near || close
	}
	return in, near
}

func (t *tree) contains(c *cellZone, zone, shift uint32, p *probe) bool {
	in, near := t.side(c, p.e)
	if near {
		return t.containsExactly(c, zone, shift, p)
	}
	return in == 1
}

// maxNudge is how far in units a geodesic's ends may be apart in either
// coordinate so that it does not leave the straight line by more than a few.
const maxNudge = 2000

// nudges are how far from a point near an edge one is sought that is not.
var nudges = [...]int32{2 * band, 20, 60, 200, 600, maxNudge} // never changed

// containsExactly decides about a point near the zone's edges. Whether a point
// nearby is in the zone, in the same cell but not near the edges, the chords
// tell; and golang/geo whether an edge is between the two.
func (t *tree) containsExactly(c *cellZone, zone, shift uint32, p *probe) bool {
	x, y := p.e.plane()
	size := uint32(1) << shift
	x0, y0 := x&^(size-1), y&^(size-1)
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
			if rx, ry := r.plane(); rx-x0 >= size || ry-y0 >= size || isEdgeOfPlane(r) {
				continue
			}
			in, near := t.side(c, r)
			if near {
				continue
			}
			from, to := r.point(), p.point()
			odd := (in == 1) != nearCrossings(t.vertices[c.first:c.first+c.n+1], r, p.e, from, to)
			for k := c.runs; len(k) >= 2; k = k[2:] {
				if nearCrossings(t.vertices[k[0]:k[0]+k[1]+1], r, p.e, from, to) {
					odd = !odd
				}
			}
			return odd
		}
	}
	return t.containsAnywhere(zone, p)
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

// roundContains decides about a circle, or about a corridor by some of its
// edges.
func (t *tree) roundContains(round uint32, runs []uint32, p *probe) bool {
	r, q := &t.rounds[round], p.point()
	if len(runs) == 0 {
		return r.fromCenter(q) <= 0
	}
	for ; len(runs) >= 2; runs = runs[2:] {
		if nearLine(t.vertices[runs[0]:runs[0]+runs[1]+1], q, r.reach) {
			return true
		}
	}
	return false
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
		slot, _ := t.find(E7{p.e.Lat, lng})
		zones = t.appendZones(zones, slot)
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
		for r := t.records[slot&slotMask:]; ; {
			w := r[0]
			dst = append(dst, w>>entryBits)
			switch w & entryKind {
			case entryWhole:
				r = r[1:]
			case entryArea, entryShort:
				_, r = areaEntry(r)
			default:
				r = r[3+2*r[2]:]
			}
			if w&entryLast != 0 {
				return dst
			}
		}
	}
	return dst
}
