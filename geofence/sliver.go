package geofence

import (
	"math"

	"github.com/golang/geo/r3"
	"github.com/golang/geo/s2"

	"github.com/sargas-em/em"
)

// strand is a ring followed from a place on one of its edges, where another
// crosses it: along its points or against them.
type strand struct {
	loop  *loop
	start s2.Point
	next  int // the vertex after start
	step  int // 1 or -1
}

// point is the start, or the i-th vertex after it.
func (s *strand) point(i int) s2.Point {
	if i == 0 {
		return s.start
	}
	return s.vertex(i)
}

// vertex is the i-th vertex after the start, and that before it for zero.
func (s *strand) vertex(i int) s2.Point { return s.loop.point(s.next + (i-1)*s.step) }

// crosses reports whether the i-th edge of a strand crosses the j-th of another. The
// start, which is rounded, may lie beyond a crossing beside it.
func (s *strand) crosses(i int, o *strand, j int) bool {
	a0, a1, b0, b1 := s.vertex(i), s.vertex(i+1), o.vertex(j), o.vertex(j+1)
	if i == 0 && j == 0 || s2.CrossingSign(a0, a1, b0, b1) != s2.Cross {
		return false
	}
	if i > 0 && j > 0 {
		return true
	}
	const beside = 1e-3 / em.EarthRadius
	x := s2.Intersection(a0, a1, b0, b1)
	return s2.DistanceFromSegment(x, s.point(i), a1) <= beside && s2.DistanceFromSegment(x, o.point(j), b1) <= beside
}

// strandFrom follows the ring of a site.
func strandFrom(e edgeSite, start s2.Point, step int) strand {
	s := strand{loop: e.loop, start: start, next: e.edge, step: step}
	if step > 0 {
		s.next++
	}
	return s
}

// crossingDepth returns by how many metres at least two rings, or two parts of
// one, reach over each other from where two of their edges cross; zero if what
// they wrongly share there is no deeper than touchTolerance all along, up to
// where they cross again, part or end.
func crossingDepth(a, b edgeSite) float64 {
	self := a.loop == b.loop
	// ahead is the way along a ring that has on its left the area or, of a ring
	// that crosses itself, what it encloses.
	ahead := func(l *loop) int {
		if l.left != (self || l.ring == 0) {
			return -1
		}
		return 1
	}
	wayA, wayB := ahead(a.loop), ahead(b.loop)
	ends := func(s edgeSite, way int) (from, to s2.Point) {
		if e := s.s2(); way > 0 {
			return e.V0, e.V1
		} else {
			return e.V1, e.V0
		}
	}
	fromA, toA := ends(a, wayA)
	fromB, toB := ends(b, wayB)
	if s2.RobustSign(fromB, toB, toA) != s2.CounterClockwise { // from here on a goes to the left of b
		a, b, wayA, wayB = b, a, wayB, wayA
		fromA, toA, fromB, toB = fromB, toB, fromA, toA
	}
	x := s2.Intersection(fromA, toA, fromB, toB)
	// What lies to the left of both, or to the left of neither.
	both := func() float64 { return sliverDepth(strandFrom(a, x, wayA), strandFrom(b, x, -wayB)) }
	neither := func() float64 { return sliverDepth(strandFrom(a, x, -wayA), strandFrom(b, x, wayB)) }
	switch {
	case !self && a.loop.polygon != b.loop.polygon: // both have it
		return both()
	case !self: // two holes have it, or a hole and not the outer ring
		return neither()
	}
	// Of a ring that crosses itself what is enclosed twice, or the wrong way
	// round, is the one or the other: by what lies between them.
	twice, wrong := both(), neither()
	switch {
	case (twice > 0) == (wrong > 0):
		return min(twice, wrong)
	case a.loop.encloses(beside(x, fromA, fromB)):
		return twice
	}
	return wrong
}

// beside returns a point near x between the directions to two others.
func beside(x, a, b s2.Point) s2.Point {
	const most = .01 / em.EarthRadius
	u, v := a.Sub(x.Vector), b.Sub(x.Vector)
	far := min(u.Norm()/2, v.Norm()/2, most)
	return s2.Point{Vector: r3.Vector(x.Add(u.Normalize().Add(v.Normalize()).Mul(far / 2))).Normalize()}
}

// encloses reports whether the ring goes round a point an odd number of times.
func (l *loop) encloses(p s2.Point) bool {
	in := l.ref.Contained
	crosser := s2.NewChainEdgeCrosser(l.ref.Point, p, l.points[len(l.points)-1])
	for _, v := range l.points {
		if crosser.EdgeOrVertexChainCrossing(v) {
			in = !in
		}
	}
	return in
}

// maxSliver bounds the pairs of edges that are looked at from one crossing. What
// was rounded has few vertices within a metre of each.
const maxSliver = 1 << 16

// sliverDepth follows two strands from where they cross, between which lies what
// is wrong, on p's left: as far as each can be followed along the other, within
// touchTolerance. It returns zero if they cross so again, or meet and part the
// right way, or are the two ends of one ring; else how many metres they come apart
// at least.
//
// A state is a pair of edges of which places within the tolerance of each other
// have been reached; these make one piece, as the edges are straight. From it
// leads a way past a vertex if the vertex is within the tolerance of the other's
// edge. (This is the weak Fréchet distance.)
func sliverDepth(p, q strand) float64 {
	type pair struct{ i, j int }
	visited := map[pair]bool{{}: true}
	queue := []pair{{}}
	apart := math.Inf(1)
	for len(queue) > 0 {
		at := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		p0, p1, q0, q1 := p.point(at.i), p.point(at.i+1), q.point(at.j), q.point(at.j+1)
		if p.crosses(at.i, &q, at.j) || p1 == q1 && partsRight(&p, &q, at.i+1, at.j+1) {
			return 0
		}
		try := func(to pair, vertex, from, until s2.Point) {
			if visited[to] || to.i < 0 || to.j < 0 || to.i > len(p.loop.points) || to.j > len(q.loop.points) {
				return
			}
			if d := s2.DistanceFromSegment(vertex, from, until).Radians() * em.EarthRadius; d > touchTolerance {
				apart = min(apart, d)
				return
			}
			visited[to] = true
			queue = append(queue, to)
		}
		if at.i > 0 {
			try(pair{at.i - 1, at.j}, p0, q0, q1)
		}
		if at.j > 0 {
			try(pair{at.i, at.j - 1}, q0, p0, p1)
		}
		try(pair{at.i + 1, at.j}, p1, q0, q1)
		try(pair{at.i, at.j + 1}, q1, p0, p1)
		if len(visited) > maxSliver {
			break
		}
	}
	return max(min(apart, math.MaxFloat64), math.Nextafter(touchTolerance, 2))
}

// partsRight reports whether two strands that meet at a vertex, the i-th of p and
// the j-th of q, go on so that what lay between them on p's left does not.
func partsRight(p, q *strand, i, j int) bool {
	v, before, after, other := p.point(i), p.point(i-1), p.point(i+1), q.point(j+1)
	return other != after && (other == before || !s2.OrderedCCW(after, other, before, v))
}
