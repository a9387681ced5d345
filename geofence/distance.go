package geofence

import (
	"math"
	"slices"

	"github.com/golang/geo/r3"
	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"

	"github.com/sargas-em/em"
)

// edgeSet answers how far a point is from the nearest of its edges. Neighbours
// in a ring are neighbours on the ground, so as many as lie near each other are
// drawn on one chart, mostly all of them; the charts lie in balls, and those in
// larger balls. The answer is good to ten centimetres within ten kilometres and
// to a hundred-thousandth beyond; see chartReach. It takes some ten bytes an
// edge, and with cells some forty.
type edgeSet struct{ drawing }

// atlas is many drawings, or edges that are too long for a chart.
type atlas struct {
	sheets []drawing
	levels [][]ball // of the sheets, and of ballFan balls of the level below
}

// ball is a ball in space, measured in the Earth's radius.
type ball struct {
	center r3.Vector
	radius float64
}

const ballFan = 8

// ballSlack covers rounding in balls.
const ballSlack = 1e-12

func newEdgeSet(edges []s2.Edge, area bool) edgeSet {
	var a atlas
	balls := a.add(nil, edges)
	if len(a.sheets) == 1 {
		a.sheets[0].area = area
		return edgeSet{a.sheets[0]}
	}
	a.sheets = slices.Clip(a.sheets)
	a.levels = append(a.levels, slices.Clip(balls))
	for len(balls) > ballFan {
		var above []ball
		for i := 0; i < len(balls); i += ballFan {
			above = append(above, ballAround(balls[i:min(i+ballFan, len(balls))]))
		}
		a.levels = append(a.levels, above)
		balls = above
	}
	return edgeSet{drawing{extra: &extra{atlas: &a}}}
}

// divide divides the surroundings of what is drawn, so that few edges are looked at
// for each place. It takes some microseconds an edge, which a zone that everybody is
// asked about pays back after a few thousand questions, and one person's own never.
func (s *edgeSet) divide() {
	if s.extra == nil || s.extra.atlas == nil {
		s.drawing.divide()
		return
	}
	for i := range s.extra.atlas.sheets {
		s.extra.atlas.sheets[i].divide()
	}
}

// add adds the sheets of some edges, and appends their balls.
func (a *atlas) add(balls []ball, edges []s2.Edge) []ball {
	b := ballOf(edges)
	switch n := len(edges); {
	case b.radius <= chartReach:
		a.sheets = append(a.sheets, draw(b.center, edges))
	case n == 1:
		a.sheets = append(a.sheets, drawing{extra: &extra{wide: &s2.Edge{V0: edges[0].V0, V1: edges[0].V1}}})
	default:
		return a.add(a.add(balls, edges[:n/2]), edges[n/2:])
	}
	return append(balls, b)
}

// ballOf returns a ball that holds the edges, centered on the sphere.
func ballOf(edges []s2.Edge) ball {
	low, high := edges[0].V0.Vector, edges[0].V0.Vector
	for _, e := range edges {
		for _, v := range [...]s2.Point{e.V0, e.V1} {
			low = r3.Vector{X: min(low.X, v.X), Y: min(low.Y, v.Y), Z: min(low.Z, v.Z)}
			high = r3.Vector{X: max(high.X, v.X), Y: max(high.Y, v.Y), Z: max(high.Z, v.Z)}
		}
	}
	b := ball{center: low.Add(high).Normalize()}
	if b.center.Norm2() == 0 {
		b.center.Z = 1
	}
	for _, e := range edges {
		b.radius = max(b.radius, b.center.Sub(e.V0.Vector).Norm(), b.center.Sub(e.V1.Vector).Norm())
	}
	// A cap smaller than a hemisphere holds an edge if it holds its ends.
	if b.radius > 1 {
		b.radius = 2
	}
	b.radius += ballSlack
	return b
}

// ballAround returns a ball that holds the balls.
func ballAround(balls []ball) ball {
	var b ball
	for i := range balls {
		b.center = b.center.Add(balls[i].center)
	}
	b.center = b.center.Mul(1 / float64(len(balls)))
	for i := range balls {
		b.radius = max(b.radius, b.center.Sub(balls[i].center).Norm()+balls[i].radius)
	}
	b.radius += ballSlack
	return b
}

// nearest is a search for the nearest edge.
type nearest struct {
	o     *place
	chord s1.ChordAngle // to the nearest edge so far
	reach float64       // its length, and a little more
	side  side

	enough float64 // what is found may be anything nearer than its root
}

// clear is how many metres from its edge a ring on a chart has a place on the
// same side as on the ground: charts are good to less than two centimetres.
const clear = .1

func (n *nearest) found(chord s1.ChordAngle) {
	if chord < n.chord {
		n.chord = chord
		n.reach = math.Sqrt(float64(chord)) + ballSlack
	}
}

// distance returns the metres to the nearest edge. There is at least one.
func (s *edgeSet) distance(o *place) float64 {
	d, _ := s.distanceAndSide(o)
	return d
}

// side is whether a place is in an area, as far as looking for its nearest edge
// has told.
type side struct{ known, inside bool }

// distanceAndSide is distance, and the side of an area of these edges.
func (s *edgeSet) distanceAndSide(o *place) (float64, side) {
	n := nearest{o: o, chord: s1.StraightChordAngle, reach: 2}
	s.find(&n)
	d := metres(n.chord)
	return d, side{n.side.known && d > clear, n.side.inside}
}

// distanceInArea is distance for a zone that is an area, negative inside. It is ok
// if the cells tell all that it takes, as they mostly do.
func (s *edgeSet) distanceInArea(p em.LatLng) (d float64, ok bool) {
	if !s.area || len(s.words) == 0 {
		return 0, false
	}
	s.fetch()
	x, y, ok := s.projectNear(p)
	if !ok || !s.has(x, y) {
		return 0, false
	}
	run, least, odd, known := s.cells.find(s.spots, x, y)
	if run == nil || !known {
		return 0, false
	}
	nx, ny := foot(run, least, x, y)
	d = metres(chord2(1+(x*x+y*y)/4, leastOf(least), x+nx, y+ny))
	if odd == 1 {
		return -d, d > clear
	}
	return d, d > clear
}

// fetch reads a word of each line of the cache that a small drawing takes, so that
// the processor waits for all of them at once, not for one after the other.
func (d *drawing) fetch() {
	const line = 64
	if len(d.words) > 16*line/4 {
		return
	}
	all := uint32(0)
	for i := 0; i < len(d.spots); i += line / 8 {
		all |= math.Float32bits(d.spots[i].x)
	}
	for i := 0; i < len(d.words); i += line / 4 {
		all |= d.words[i]
	}
	fetched(all)
}

// fetched keeps what was read from being left out.
//
//go:noinline
func fetched(uint32) {}

// distanceWithin is distance, or false if that is more than limit metres: than
// those and up to half as many more, if they are a large part of the globe. Of
// edges that are clearly within the limit, any may be taken for the nearest.
func (s *edgeSet) distanceWithin(o *place, limit float64) (float64, side, bool) {
	chord, reach := s1.StraightChordAngle, 2.
	if angle := limit/em.EarthRadius*(1+1e-9) + 1e-9; angle < 2 { // and more than its chord
		chord, reach = s1.ChordAngle(angle*angle), angle+ballSlack
	}
	n := nearest{o: o, chord: chord, reach: reach}
	if a := limit / em.EarthRadius; a < .05 { // so that an arc is hardly longer than its chord
		n.enough = .998 * a * a // on the chart squares are no less
	}
	s.find(&n)
	d, near := metres(n.chord), n.chord < chord
	return d, side{n.side.known && min(d, limit) > clear, n.side.inside}, near
}

// metres returns the length on the ground of a chord of the unit sphere.
func metres(c2 s1.ChordAngle) float64 {
	c := math.Sqrt(float64(c2))
	if c < .03 { // less than 200 km: within a tenth of a millimetre
		return c * (1 + float64(c2)*(1./24+float64(c2)*(3./640))) * em.EarthRadius
	}
	return 2 * math.Asin(min(1, c/2)) * em.EarthRadius
}

func (s *edgeSet) find(n *nearest) {
	if s.extra == nil || s.extra.atlas == nil {
		n.look(&s.drawing)
		return
	}
	a := s.extra.atlas
	top := len(a.levels) - 1
	a.search(n, top, 0, len(a.levels[top]))
	n.side.known = false
}

// search looks through some balls of a level, the nearest first.
func (a *atlas) search(n *nearest, level, from, to int) {
	var d2 [ballFan]float64
	first, least := 0, math.Inf(1)
	balls := a.levels[level][from:to]
	q := n.o.point()
	for i := range balls {
		b := &balls[i]
		dx, dy, dz := b.center.X-q.X, b.center.Y-q.Y, b.center.Z-q.Z
		d2[i] = dx*dx + dy*dy + dz*dz
		if d2[i] < least {
			first, least = i, d2[i]
		}
	}
	a.enter(n, level, from+first)
	for i := range balls {
		if reach := n.reach + balls[i].radius; i != first && d2[i] <= reach*reach {
			a.enter(n, level, from+i)
		}
	}
}

func (a *atlas) enter(n *nearest, level, i int) {
	if level > 0 {
		a.search(n, level-1, i*ballFan, min((i+1)*ballFan, len(a.levels[level-1])))
		return
	}
	n.look(&a.sheets[i])
}

// look looks for what is nearer in a drawing.
func (n *nearest) look(s *drawing) {
	if s.extra != nil && s.extra.wide != nil {
		d, _ := s2.UpdateMinDistance(n.o.point(), s.extra.wide.V0, s.extra.wide.V1, n.chord)
		n.found(d)
		return
	}
	x, y, ok := s.projectNear(n.o.p)
	if !ok {
		if x, y, ok = s.project(n.o.point().Vector); !ok {
			n.side.known = false
			n.lookBehind(s)
			return
		}
	}
	// What is no nearer than n.chord on the ground is not less than this on the
	// chart, if it is near its origin; see chord2.
	scale := 1 + (x*x+y*y)/4
	best2 := float64(n.chord) * scale * (1 + chartReach*chartReach/4)
	d2, nx, ny, odd, known := s.find(x, y, best2, n.enough)
	n.side = side{known, odd == 1}
	if d2 < best2 {
		n.found(chord2(scale, d2, x+nx, y+ny))
	}
}

// lookBehind is look for a point a quarter of the way round the Earth or more.
func (n *nearest) lookBehind(s *drawing) {
	var last s2.Point
	known := false
	for _, v := range s.spots {
		if v.isGap() {
			known = false
			continue
		}
		p := s.point(float64(v.x), float64(v.y))
		if known {
			d, _ := s2.UpdateMinDistance(n.o.point(), last, p, n.chord)
			n.found(d)
		}
		last, known = p, true
	}
}
