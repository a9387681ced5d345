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
// in a ring are neighbours on the ground, so runs of edges are drawn on charts,
// each in a ball, and the balls in larger balls. The answer is good to a
// centimetre within ten kilometres; see chartRange. It takes some ten bytes an
// edge.
type edgeSet struct {
	n         int // edges
	stretches []stretch
	spots     []spot
	wide      []s2.Point
	levels    [][]ball // of the runs, and of ballFan balls of the level below
}

// stretch is some edges: on its chart, or where they do not fit on one, as they are.
type stretch struct {
	chart
	from, to int32 // in spots; in wide if negative, as complements
}

// ball is a ball in space, measured in the Earth's radius.
type ball struct {
	center r3.Vector
	radius float64
}

const (
	stretchEdges = 16 // that a run has at most: more make a search slower
	ballFan      = 8

	// maxStretchSpots is for edges of which no two meet.
	maxStretchSpots = 3 * stretchEdges
)

// ballSlack covers rounding in balls.
const ballSlack = 1e-12

func newEdgeSet(edges []s2.Edge) edgeSet {
	s := edgeSet{n: len(edges)}
	var balls []ball
	for len(edges) > 0 {
		n, near := 1, true
		for first := edges[0]; n < min(stretchEdges, len(edges)); n++ {
			const reach = chartReach * chartReach
			if first.V0.Sub(edges[n].V1.Vector).Norm2() > reach || first.V0.Sub(edges[n].V0.Vector).Norm2() > reach {
				break
			}
		}
		b := ballOf(edges[:n])
		if b.radius > chartReach {
			near = false
		}
		s.addStretch(edges[:n], b.center, near)
		balls = append(balls, b)
		edges = edges[n:]
	}
	s.spots, s.stretches = slices.Clip(s.spots), slices.Clip(s.stretches)
	s.levels = append(s.levels, slices.Clip(balls))
	for len(balls) > ballFan {
		var above []ball
		for i := 0; i < len(balls); i += ballFan {
			above = append(above, ballAround(balls[i:min(i+ballFan, len(balls))]))
		}
		s.levels = append(s.levels, above)
		balls = above
	}
	return s
}

// ballOf returns a ball that holds the edges, centered on the sphere.
func ballOf(edges []s2.Edge) ball {
	var b ball
	for _, e := range edges {
		b.center = b.center.Add(e.V0.Vector).Add(e.V1.Vector)
	}
	if b.center = b.center.Normalize(); b.center.Norm2() == 0 {
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

func (s *edgeSet) addStretch(edges []s2.Edge, origin r3.Vector, near bool) {
	if !near {
		from := len(s.wide)
		for _, e := range edges {
			s.wide = append(s.wide, e.V0, e.V1)
		}
		s.stretches = append(s.stretches, stretch{from: ^int32(from), to: ^int32(len(s.wide))})
		return
	}
	r := stretch{chart: chart{origin}, from: int32(len(s.spots))}
	s.spots = r.draw(s.spots, edges)
	r.to = int32(len(s.spots))
	s.stretches = append(s.stretches, r)
}

// draw appends edges that lie near the origin of the chart as lines.
func (c *chart) draw(dst []spot, edges []s2.Edge) []spot {
	for i, e := range edges {
		if i == 0 || edges[i-1].V1 != e.V0 {
			if i > 0 {
				dst = append(dst, gap)
			}
			dst = append(dst, c.spot(e.V0))
		}
		dst = append(dst, c.spot(e.V1))
	}
	return dst
}

func (c *chart) spot(p s2.Point) spot {
	x, y, _ := c.project(p.Vector)
	return spot{float32(x), float32(y)}
}

// nearest is a search for the nearest edge.
type nearest struct {
	q     s2.Point
	chord s1.ChordAngle // to the nearest edge so far
	reach float64       // its length, and a little more
}

func (n *nearest) found(chord s1.ChordAngle) {
	if chord < n.chord {
		n.chord = chord
		n.reach = math.Sqrt(float64(chord)) + ballSlack
	}
}

// distance returns the metres to the nearest edge. There is at least one.
func (s *edgeSet) distance(q s2.Point) float64 {
	n := nearest{q: q, chord: s1.StraightChordAngle, reach: 2}
	top := len(s.levels) - 1
	s.search(&n, top, 0, len(s.levels[top]))
	return metres(n.chord)
}

// distanceWithin is distance, or false if that is more than limit metres, or
// hardly less.
func (s *edgeSet) distanceWithin(q s2.Point, limit float64) (float64, bool) {
	chord := s1.StraightChordAngle
	if angle := limit/em.EarthRadius*(1+1e-9) + 1e-9; angle < math.Pi {
		chord = s1.ChordAngleFromAngle(s1.Angle(angle))
	}
	n := nearest{q: q, chord: chord, reach: math.Sqrt(float64(chord)) + ballSlack}
	top := len(s.levels) - 1
	s.search(&n, top, 0, len(s.levels[top]))
	return metres(n.chord), n.chord < chord
}

// metres returns the length on the ground of a chord of the unit sphere.
func metres(c2 s1.ChordAngle) float64 {
	c := math.Sqrt(float64(c2))
	if c < .03 { // less than 200 km: within a tenth of a millimetre
		return c * (1 + float64(c2)*(1./24+float64(c2)*(3./640))) * em.EarthRadius
	}
	return 2 * math.Asin(min(1, c/2)) * em.EarthRadius
}

// search looks through some balls of a level, the nearest first.
func (s *edgeSet) search(n *nearest, level, from, to int) {
	var d2 [ballFan]float64
	first, least := 0, math.Inf(1)
	balls := s.levels[level][from:to]
	for i := range balls {
		b := &balls[i]
		dx, dy, dz := b.center.X-n.q.X, b.center.Y-n.q.Y, b.center.Z-n.q.Z
		d2[i] = dx*dx + dy*dy + dz*dz
		if d2[i] < least {
			first, least = i, d2[i]
		}
	}
	s.enter(n, level, from+first)
	for i := range balls {
		if reach := n.reach + balls[i].radius; i != first && d2[i] <= reach*reach {
			s.enter(n, level, from+i)
		}
	}
}

func (s *edgeSet) enter(n *nearest, level, i int) {
	if level > 0 {
		s.search(n, level-1, i*ballFan, min((i+1)*ballFan, len(s.levels[level-1])))
		return
	}
	r := &s.stretches[i]
	if r.from < 0 {
		for w := s.wide[^r.from:^r.to]; len(w) > 0; w = w[2:] {
			d, _ := s2.UpdateMinDistance(n.q, w[0], w[1], n.chord)
			n.found(d)
		}
		return
	}
	n.found(r.nearest(s.spots[r.from:r.to], n.q, n.chord))
}

// nearest returns the least distance to the lines, or limit if that is less.
func (c *chart) nearest(line []spot, q s2.Point, limit s1.ChordAngle) s1.ChordAngle {
	x, y, ok := c.project(q.Vector)
	if r2 := x*x + y*y; !ok || r2 > chartRange*chartRange {
		return c.nearestFar(line, q, limit)
	}
	// On the chart things look farther away than they are.
	dx, dy, ok := nearestSpot(line, x, y, float64(limit)*(1+8*chartRange*chartRange))
	if !ok {
		return limit
	}
	return min(limit, chord2(x, y, dx, dy))
}

// nearestFar is nearest for points too far away for the chart: the lines are
// drawn again, on a chart around the point.
func (c *chart) nearestFar(line []spot, q s2.Point, limit s1.ChordAngle) s1.ChordAngle {
	if q.Dot(c.origin) < .1 || len(line) > maxStretchSpots {
		return c.nearestAntipodal(line, q, limit)
	}
	u, v := c.axes()
	at := chart{q.Vector}
	e, n := at.axes()
	var (
		ue, ve, oe = u.Dot(e), v.Dot(e), c.origin.Dot(e)
		un, vn, on = u.Dot(n), v.Dot(n), c.origin.Dot(n)
		uq, vq, oq = u.Dot(q.Vector), v.Dot(q.Vector), c.origin.Dot(q.Vector)
	)
	var buf [maxStretchSpots]spot
	for i, s := range line {
		x, y := float64(s.x), float64(s.y)
		z := 1 / (x*uq + y*vq + oq)
		buf[i] = spot{float32((x*ue + y*ve + oe) * z), float32((x*un + y*vn + on) * z)}
	}
	dx, dy, ok := nearestSpot(buf[:len(line)], 0, 0, math.Inf(1))
	if !ok {
		return limit
	}
	// With t the tangent, 2-2cos = 2t²/(√(1+t²)(1+√(1+t²))).
	tan2 := dx*dx + dy*dy
	sec := math.Sqrt(1 + tan2)
	return min(limit, s1.ChordAngle(2*tan2/(sec*(1+sec))))
}

// nearestAntipodal is nearest for points a quarter of the way round the Earth
// or more.
func (c *chart) nearestAntipodal(line []spot, q s2.Point, limit s1.ChordAngle) s1.ChordAngle {
	u, v := c.axes()
	var last s2.Point
	known := false
	for _, s := range line {
		if s != s {
			known = false
			continue
		}
		p := s2.Point{Vector: c.origin.Add(u.Mul(float64(s.x))).Add(v.Mul(float64(s.y))).Normalize()}
		if known {
			limit, _ = s2.UpdateMinDistance(q, last, p, limit)
		}
		last, known = p, true
	}
	return limit
}
