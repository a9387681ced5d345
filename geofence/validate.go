package geofence

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/golang/geo/r3"
	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"

	"github.com/sargas-em/em"
)

// touchTolerance is how many metres two rings that cross may go over each other
// to be taken as touching. Coordinates are often rounded to five decimals, a metre,
// after they were checked; and straight edges that touch in longitude and latitude
// may cross by twice what splitting moves them.
const touchTolerance = 1.0

// border returns the edges of the area that have it on one side only, on their
// left; an edge that two rings or parts share has it on both.
func border(loops []*loop) ([]edgeSite, error) {
	n := 0
	for _, l := range loops {
		n += len(l.points)
	}
	type use struct {
		count, net int // net: one way less the other way
		first      edgeSite
	}
	uses := make(map[s2.Edge]use, n)
	directed := func(l *loop, i int) (e s2.Edge, way int) {
		e, way = l.edge(i), 1
		if e.V0.Cmp(e.V1.Vector) > 0 {
			e.V0, e.V1, way = e.V1, e.V0, -1
		}
		if l.left != (l.ring == 0) {
			way = -way
		}
		return e, way
	}
	for _, l := range loops {
		for i := range l.points {
			e, way := directed(l, i)
			u, known := uses[e]
			if !known {
				u.first = edgeSite{l, i}
			}
			u.count, u.net = u.count+1, u.net+way
			uses[e] = u
		}
	}
	sites := make([]edgeSite, 0, n)
	for _, l := range loops {
		for i := range l.points {
			e, _ := directed(l, i)
			u, site := uses[e], edgeSite{l, i}
			if u.count == 1 {
				sites = append(sites, site)
			} else if (u.count > 2 || u.net != 0) && site != u.first {
				return nil, site.conflict(u.first, "the edge runs along that of ")
			}
		}
	}
	return sites, nil
}

// conflict is the error for two edges of one area that do not go together.
func (s edgeSite) conflict(o edgeSite, how string) *ZoneError {
	kind := ErrIntersection
	if s.loop.polygon != o.loop.polygon {
		kind = ErrOverlap
	}
	if compareSites(s, o) > 0 {
		s, o = o, s
	}
	return s.err(kind, how+o.String())
}

// skewAxes are three directions at right angles, none along a parallel or a
// meridian in most places: the parts of an edge that follows one would all lie side
// by side. Never changed.
var skewAxes = [3]r3.Vector{{X: 2. / 7, Y: 3. / 7, Z: 6. / 7}, {X: 3. / 7, Y: -6. / 7, Z: 2. / 7}, {X: 6. / 7, Y: 2. / 7, Z: -3. / 7}}

// checkCrossings finds edges that cross within, by a sweep along one axis.
func checkCrossings(sites []edgeSite) error {
	type box struct {
		lo, hi [3]float64
		site   edgeSite
	}
	boxes := make([]box, len(sites))
	var size, low, high [3]float64
	for i, s := range sites {
		e := s.s2()
		// An arc leaves its chord by an eighth of the chord's square, or so.
		pad := e.V0.Sub(e.V1.Vector).Norm2()/4 + 1e-15
		b := box{site: s}
		for k, axis := range skewAxes {
			b.lo[k], b.hi[k] = axis.Dot(e.V0.Vector), axis.Dot(e.V1.Vector)
			b.lo[k], b.hi[k] = min(b.lo[k], b.hi[k])-pad, max(b.lo[k], b.hi[k])+pad
			size[k] += b.hi[k] - b.lo[k]
			low[k], high[k] = min(low[k], b.lo[k]), max(high[k], b.hi[k])
			if i == 0 {
				low[k], high[k] = b.lo[k], b.hi[k]
			}
		}
		boxes[i] = b
	}
	// Along this axis the fewest boxes lie side by side.
	axis := 0
	for k := range 3 {
		if size[k]*(high[axis]-low[axis]) < size[axis]*(high[k]-low[k]) {
			axis = k
		}
	}
	slices.SortFunc(boxes, func(a, b box) int { // a total order, so that the first error is always the same
		return cmp.Or(cmp.Compare(a.lo[axis], b.lo[axis]), compareSites(a.site, b.site))
	})
	for i := range boxes {
		a := &boxes[i]
		ea := a.site.s2()
		for j := i + 1; j < len(boxes) && boxes[j].lo[axis] <= a.hi[axis]; j++ {
			b := &boxes[j]
			if a.lo[0] > b.hi[0] || b.lo[0] > a.hi[0] || a.lo[1] > b.hi[1] || b.lo[1] > a.hi[1] || a.lo[2] > b.hi[2] || b.lo[2] > a.hi[2] {
				continue
			}
			eb := b.site.s2()
			if s2.CrossingSign(ea.V0, ea.V1, eb.V0, eb.V1) != s2.Cross {
				continue
			}
			if depth := crossingDepth(a.site, b.site); depth > 0 {
				return a.site.conflict(b.site, fmt.Sprintf("the edge crosses, at least %.1f m deep, that of ", depth))
			}
		}
	}
	return nil
}

// checkVertexCrossings finds rings that pass through each other, or through
// themselves, at a vertex that both have.
func checkVertexCrossings(loops []*loop) error {
	n := 0
	for _, l := range loops {
		n += len(l.points)
	}
	type vertex struct {
		p    s2.Point
		site edgeSite // the edge that leaves it
	}
	all := make([]vertex, 0, n)
	for _, l := range loops {
		for i, p := range l.points {
			all = append(all, vertex{p, edgeSite{l, i}})
		}
	}
	slices.SortFunc(all, func(a, b vertex) int {
		if c := a.p.Cmp(b.p.Vector); c != 0 {
			return c
		}
		return compareSites(a.site, b.site)
	})
	neighbours := func(s edgeSite) (before, after s2.Point) {
		return s.loop.point(s.edge - 1), s.loop.point(s.edge + 1)
	}
	for from := 0; from < len(all); {
		to := from + 1
		for to < len(all) && all[to].p == all[from].p {
			to++
		}
		if to-from > maxVisits {
			return all[from].site.err(ErrTooLarge, "too many rings meet at the vertex")
		}
		for i := from; i < to; i++ {
			a0, a1 := neighbours(all[i].site)
			for j := i + 1; j < to; j++ {
				b0, b1 := neighbours(all[j].site)
				if a0 == a1 || b0 == b1 || a0 == b0 || a1 == b1 {
					continue // back, or the same way: border has judged them
				}
				if a0 == b1 || a1 == b0 { // along each other
					if a1 != b0 && passesAlong(all[i].site, all[j].site) || a0 != b1 && passesAlong(all[j].site, all[i].site) {
						return all[i].site.conflict(all[j].site, "the ring passes along its edges through that at ")
					}
					continue
				}
				v := all[i].p
				if s2.OrderedCCW(a0, b0, a1, v) != s2.OrderedCCW(a0, b1, a1, v) {
					return all[i].site.conflict(all[j].site, "the ring passes through that at ")
				}
			}
		}
		from = to
	}
	return nil
}

// passesAlong reports whether two rings change sides along edges that both have: from
// the vertex of the sites, to which a comes along them and b leaves by them, to their
// other end. On either b and a part to the same side of each other, if they touch.
func passesAlong(a, b edgeSite) bool {
	shared := func(i int) bool { return a.loop.point(a.edge-i) == b.loop.point(b.edge+i) }
	n := 1
	for shared(n + 1) {
		if n++; n > len(a.loop.points) {
			return false // all round
		}
	}
	begin := a.edge - n
	into, from := a.loop.point(begin-1), b.loop.point(b.edge+n+1)
	if into == a.loop.point(begin+1) || from == a.loop.point(begin+1) {
		return false // a spike
	}
	return s2.OrderedCCW(a.loop.point(a.edge-1), a.loop.point(a.edge+1), b.loop.point(b.edge-1), a.loop.point(a.edge)) !=
		s2.OrderedCCW(a.loop.point(begin+1), from, into, a.loop.point(begin))
}

// maxVisits bounds how often rings of one area may meet at one vertex, as each
// pair is compared. All meridians of a pole are fewer.
const maxVisits = 1024

// probes returns points just inside what the ring encloses, at its longest
// edges: two or none for a ring that is thinner than that everywhere.
func (l *loop) probes() []s2.Point {
	const inward = 1.5 * touchTolerance / em.EarthRadius
	longest := make([]int, len(l.points))
	length := make([]float64, len(l.points))
	for i := range longest {
		e := l.edge(i)
		longest[i], length[i] = i, e.V0.Sub(e.V1.Vector).Norm2()
	}
	slices.SortFunc(longest, func(a, b int) int {
		return cmp.Or(cmp.Compare(length[b], length[a]), a-b)
	})
	var ps []s2.Point
	for _, i := range longest[:min(len(longest), 8)] {
		e := l.edge(i)
		if !l.left {
			e.V0, e.V1 = e.V1, e.V0
		}
		mid := s2.Interpolate(0.5, e.V0, e.V1)
		if p := s2.PointToLeft(mid, e.V1, s1.Angle(inward)); !math.IsNaN(p.X) {
			ps = append(ps, p)
		}
	}
	return ps
}

// ring is a loop as a shape of golang/geo. The loop may run either way, so
// which side is inside does not follow from it.
type ring struct {
	*s2.LaxPolygon
	loop *loop
}

// ReferencePoint is a point of which is known whether the ring encloses it.
func (r *ring) ReferencePoint() s2.ReferencePoint { return r.loop.ref }

// checkNesting checks that a hole is within its polygon and no other hole, and
// that a polygon is not within another of the same area. That their edges do
// not cross is known.
func checkNesting(loops []*loop) error {
	if len(loops) == 1 {
		return nil
	}
	index := s2.NewShapeIndex()
	rings := make([]*ring, len(loops))
	for i, l := range loops {
		rings[i] = &ring{s2.LaxPolygonFromPoints([][]s2.Point{l.points}), l}
		index.Add(rings[i])
	}
	index.Build()
	query := s2.NewContainsPointQuery(index, s2.VertexModelSemiOpen)
	for _, r := range rings {
		if err := r.checkNesting(query); err != nil {
			return err
		}
	}
	return nil
}

func (r *ring) checkNesting(query *s2.ContainsPointQuery) error {
	// A ring may run along another, or cross it a little: most probes decide.
	fine, wrong := 0, 0
	var first error
	for _, p := range r.loop.probes() {
		shapes := query.ContainingShapes(p)
		if !slices.Contains(shapes, s2.Shape(r)) {
			continue // thinner here than the probe reaches
		}
		err := r.checkProbe(shapes)
		if err == nil {
			fine++
			continue
		}
		if wrong++; first == nil {
			first = err
		}
	}
	if wrong > fine {
		return first
	}
	return nil
}

// checkProbe is checkNesting by the rings that contain a point of r.
func (r *ring) checkProbe(shapes []s2.Shape) error {
	for other := range polygons(shapes) {
		if r.loop.ring == 0 && other.loop.polygon != r.loop.polygon {
			return edgeSite{r.loop, 0}.conflict(edgeSite{other.loop, 0}, "inside ")
		}
	}
	outer := false
	for _, s := range shapes {
		other := s.(*ring)
		if other.loop.polygon != r.loop.polygon || other == r {
			continue
		}
		if outer = outer || other.loop.ring == 0; other.loop.ring > 0 && r.loop.ring > 0 {
			return &ZoneError{Polygon: r.loop.polygon, Ring: r.loop.ring, Vertex: -1, Err: ErrHole,
				Detail: fmt.Sprintf("inside ring %d", other.loop.ring)}
		}
	}
	if r.loop.ring > 0 && !outer {
		return &ZoneError{Polygon: r.loop.polygon, Ring: r.loop.ring, Vertex: -1, Err: ErrHole}
	}
	return nil
}

// polygons yields the outer ring of each polygon that contains a point, given
// all rings that do. They come in the order in which they were added: polygon
// by polygon, the outer ring before the holes.
func polygons(shapes []s2.Shape) func(yield func(*ring) bool) {
	return func(yield func(*ring) bool) {
		for i := 0; i < len(shapes); {
			r := shapes[i].(*ring)
			inHole := false
			for i++; i < len(shapes); i++ {
				hole := shapes[i].(*ring)
				if hole.loop.polygon != r.loop.polygon {
					break
				}
				inHole = true
			}
			if r.loop.ring == 0 && !inHole && !yield(r) {
				return
			}
		}
	}
}
