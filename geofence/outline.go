package geofence

import (
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/golang/geo/r3"
	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"
	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
)

// outline is a zone's shape, checked, in the form in which a tree has it.
type outline struct {
	chains [][]E7 // the rings of an area; the line of a corridor
	round  roundRow
	anchor *anchor  // of an area that reaches a pole or the antimeridian
	box    extent   // of the chains' vertices and, if round, of all of it
	poles  [2]uint8 // what it has of the plane beyond the southern, the northern polar circle
}

const (
	polarNone = iota
	polarSome // or nothing
	polarPole // some, and the pole
	polarAll
)

// extent is a rectangle in the plane; both corners belong to it.
type extent struct{ low, high E7 }

func (b *extent) add(v E7) {
	b.low = E7{min(b.low.Lat, v.Lat), min(b.low.Lng, v.Lng)}
	b.high = E7{max(b.high.Lat, v.Lat), max(b.high.Lng, v.Lng)}
}

var (
	noBox    = extent{E7{quarter, half}, E7{-quarter, -half}} // never changed
	wholeBox = extent{E7{-quarter, -half}, E7{quarter, half}} // never changed
)

// newOutline checks a zone. Errors are *ZoneError, without the zone.
func newOutline(z *Zone) (outline, error) {
	if z.ID == "" {
		return outline{}, nowhere(ErrID, "")
	}
	if !z.Kind.valid() {
		return outline{}, nowhere(ErrKind, "%q", z.Kind)
	}
	switch s := z.Shape.(type) {
	case Area:
		return areaOutline(s, z.EvenOdd)
	case Circle:
		return circleOutline(s)
	case Corridor:
		return corridorOutline(s)
	}
	return outline{}, nowhere(ErrShape, "%T", z.Shape)
}

// nowhere is an error about a whole zone.
func nowhere(err error, format string, args ...any) *ZoneError {
	return &ZoneError{Polygon: -1, Ring: -1, Vertex: -1, Err: err, Detail: fmt.Sprintf(format, args...)}
}

func areaOutline(a Area, evenOdd bool) (outline, error) {
	if len(a) == 1 && len(a[0]) == 1 {
		if o, ok := simpleOutline(a[0][0]); ok {
			return o, nil
		}
	}
	loops, err := newLoops(a)
	if err != nil {
		return outline{}, err
	}
	if !evenOdd {
		if err := checkRings(loops); err != nil {
			return outline{}, err
		}
	}
	o := outline{box: noBox}
	atEdge := false
	for _, l := range loops {
		o.chains = append(o.chains, l.chain)
		for _, v := range l.chain {
			o.box.add(v)
			atEdge = atEdge || isEdgeOfPlane(v)
		}
		atEdge = atEdge || l.ref.Contained
	}
	if evenOdd && len(borderEdges(slices.Values(o.chains), true)) == 0 {
		return outline{}, nowhere(ErrNoArea, "the edges cancel")
	}
	if !atEdge {
		return o, nil
	}
	o.box = wholeBox
	if err := o.setAnchor(loops); err != nil {
		return outline{}, err
	}
	for k, lat := range [...]int32{-quarter, quarter} {
		for _, c := range o.chains {
			for _, v := range c {
				if (v.Lat > 0) == (lat > 0) && abs32(v.Lat) >= polar-pad {
					o.poles[k] = polarSome
				}
			}
		}
		in := o.anchor.inside == 1
		for _, c := range o.chains {
			if p := (E7{Lat: lat}).point(); p != o.anchor.ref && exactCrossings(c, o.anchor.ref, p) {
				in = !in
			}
		}
		if in && o.poles[k] == polarNone {
			o.poles[k] = polarAll
		} else if in {
			o.poles[k] = polarPole
		}
	}
	return o, nil
}

// checkRings checks that rings neither cross nor lie where they do not belong.
func checkRings(loops []*loop) error {
	sites, err := border(loops)
	if err != nil {
		return err
	}
	if err := checkCrossings(sites); err != nil {
		return err
	}
	if err := checkVertexCrossings(loops); err != nil {
		return err
	}
	for _, l := range loops {
		if l.flat {
			return &ZoneError{Polygon: l.polygon, Ring: l.ring, Vertex: -1, Err: ErrNoArea}
		}
	}
	if len(sites) == 0 {
		return nowhere(ErrNoArea, "the edges cancel")
	}
	return checkNesting(loops)
}

// newLoops brings the rings of an area to the sphere.
func newLoops(a Area) ([]*loop, error) {
	cuts := antimeridianCuts(a)
	limit := MaxVertices
	var loops []*loop
	for p, polygon := range a {
		for r, points := range polygon {
			l, err := newLoop(points, cuts, limit)
			if err != nil {
				e := err.(*ZoneError)
				e.Polygon, e.Ring = p, r
				return nil, e
			}
			l.polygon, l.ring = p, r
			limit -= len(l.points)
			loops = append(loops, l)
		}
		if len(polygon) == 0 {
			return nil, &ZoneError{Polygon: p, Ring: -1, Vertex: -1, Err: ErrEmpty}
		}
	}
	if len(loops) == 0 {
		return nil, nowhere(ErrEmpty, "")
	}
	return loops, nil
}

// maxSimple bounds the vertices of a ring that simpleOutline looks at, as it
// compares each edge with each.
const maxSimple = 128

// simpleOutline is for what most areas are: one small ring, no edge of which
// comes near another than its neighbours. It takes a hundredth of the time of
// the checks for all others. It is not ok for a ring about which it is not sure.
func simpleOutline(input orb.Ring) (o outline, ok bool) {
	n := len(input)
	if n > 1 && input[0] == input[n-1] {
		n--
	}
	if n < 3 || n > maxSimple {
		return o, false
	}
	c := make([]E7, 0, n+1)
	o.box = noBox
	for _, p := range input[:n] {
		if !validPoint(p) {
			return o, false
		}
		v := roundPoint(p)
		if len(c) > 0 && v == c[len(c)-1] {
			continue
		}
		c = append(c, v)
		o.box.add(v)
	}
	n = len(c)
	c = append(c, c[0])
	const near = 2 * band // apart by more than this, neither chords nor geodesics meet
	if n < 3 || isEdgeOfPlane(o.box.low) || isEdgeOfPlane(o.box.high) || int64(o.box.high.Lng)-int64(o.box.low.Lng) >= half/2 {
		return o, false
	}
	for i := range n {
		a, b := c[i], c[i+1]
		if a == b || splitParts(a, b, int64(b.Lng-a.Lng)) > 1 {
			return o, false
		}
	}
	if isStar(c, o.box) {
		o.chains = [][]E7{c}
		return o, true
	}
	for i := range n {
		a, b := c[i], c[i+1]
		if i+2 <= n { // the next edge must turn off this one, or go straight on
			if d := c[i+2]; !apart(a, b, d, d, near) && dot(b, a, d) > 0 {
				return o, false
			}
		}
		low, high := E7{min(a.Lat, b.Lat), min(a.Lng, b.Lng)}, E7{max(a.Lat, b.Lat), max(a.Lng, b.Lng)}
		for j := i + 2; j < n; j++ {
			if i == 0 && j == n-1 {
				break
			}
			p, q := c[j], c[j+1]
			if min(p.Lat, q.Lat) > high.Lat+near || max(p.Lat, q.Lat) < low.Lat-near ||
				min(p.Lng, q.Lng) > high.Lng+near || max(p.Lng, q.Lng) < low.Lng-near {
				continue
			}
			if !apart(a, b, p, q, near) && !apart(p, q, a, b, near) {
				return o, false
			}
		}
	}
	// The last edge and the first.
	if !apart(c[n-1], c[0], c[1], c[1], near) && dot(c[0], c[n-1], c[1]) > 0 {
		return o, false
	}
	o.chains = [][]E7{c}
	return o, true
}

// isStar reports whether all of a small ring is seen from the middle of its box,
// so that it cannot cross itself: each edge, and no less its geodesic, is seen
// at an angle of its own.
func isStar(c []E7, box extent) bool {
	const rad = math.Pi / 180 / 1e7
	east, north := float64(box.high.Lng-box.low.Lng)*rad, float64(box.high.Lat-box.low.Lat)*rad
	high := max(-box.low.Lat, box.high.Lat)
	if max(east, north) > 1e-3 || high > quarter/6*5 {
		return false
	}
	// How far from the line through its ends a geodesic may be, within the box and
	// beyond its ends, in units: see splitParts.
	near := 2*band + int64((math.Tan(float64(high)*rad)*east*north+east*east/4)/rad)
	x, y := int64(box.low.Lng+box.high.Lng)/2, int64(box.low.Lat+box.high.Lat)/2
	ax, ay := int64(c[0].Lng)-x, int64(c[0].Lat)-y
	var least, most int64 // by how much edges pass the middle by on the left, less what near asks for
	rounds := 0
	for _, v := range c[1:] {
		bx, by := int64(v.Lng)-x, int64(v.Lat)-y
		left, reach := ax*by-ay*bx, near*(abs64(bx-ax)+abs64(by-ay))
		least, most = min(least, left-reach), max(most, left+reach)
		if ay <= 0 != (by <= 0) && (left > 0) == (by > ay) { // over the ray to the east
			rounds++
		}
		ax, ay = bx, by
	}
	return rounds == 1 && (least == 0 || most == 0)
}

// apart reports whether p and q are farther than near from the line through a
// and b, on the same side of it.
func apart(a, b, p, q E7, near int64) bool {
	dx, dy := int64(b.Lng)-int64(a.Lng), int64(b.Lat)-int64(a.Lat)
	limit := near * (abs64(dx) + abs64(dy))
	cp := dx*(int64(p.Lat)-int64(a.Lat)) - dy*(int64(p.Lng)-int64(a.Lng))
	cq := dx*(int64(q.Lat)-int64(a.Lat)) - dy*(int64(q.Lng)-int64(a.Lng))
	return cp > limit && cq > limit || cp < -limit && cq < -limit
}

// dot is positive if the directions from o to a and to b are less than a right
// angle apart.
func dot(o, a, b E7) int64 {
	return (int64(a.Lng)-int64(o.Lng))*(int64(b.Lng)-int64(o.Lng)) + (int64(a.Lat)-int64(o.Lat))*(int64(b.Lat)-int64(o.Lat))
}

// setAnchor finds a point of which it is known whether the area contains it, by
// what is known of its rings, and from it what the chords need to know.
func (o *outline) setAnchor(loops []*loop) error {
	a := &anchor{ref: decideFrom(loops)}
	in := false
	for _, l := range loops {
		in = in != l.ref.Contained
		if l.ref.Point != a.ref {
			in = in != exactCrossings(l.chain, l.ref.Point, a.ref)
		}
	}
	if in {
		a.inside = 1
	}
	o.anchor = a
	// Any point will do that is not near an edge.
	for k := range int64(1000) {
		p := E7{int32(k*37_370_113%(polar/5*8) - polar/5*4), int32(k*223_606_797%(half*3/2) - half*3/4)}
		q := p.point()
		inside := a.inside
		near := false
		for _, c := range o.chains {
			for run := range unbroken(c) {
				odd, close := crossings(c[run.first:run.first+run.n+1], p)
				near = near || close
				inside ^= odd
				for _, end := range [...]E7{c[run.first], c[run.first+run.n]} {
					if end.Lng == -half && end.Lat > p.Lat {
						inside ^= 1
					}
				}
			}
			if exactCrossings(c, a.ref, q) {
				inside ^= 1
			}
		}
		if !near {
			a.parity = inside
			return nil
		}
	}
	return nowhere(ErrAmbiguous, "it has edges everywhere")
}

// decideFrom returns a point to decide from: a pole where no ring has a vertex there, as
// crossings from it are looked for along a meridian alone.
func decideFrom(loops []*loop) s2.Point {
	for _, lat := range [...]int32{quarter, -quarter} {
		at := func(v E7) bool { return v.Lat == lat }
		if !slices.ContainsFunc(loops, func(l *loop) bool { return slices.ContainsFunc(l.chain, at) }) {
			return E7{Lat: lat}.point()
		}
	}
	return E7{Lat: 123_456_789, Lng: -987_654_321}.point() // as good as any
}

// edgeRun is consecutive edges of a chain: from the vertex first n edges.
type edgeRun struct {
	first, n     uint32
	begins, ends bool // its first and its last vertex count, see zoneEntry
}

// unbroken yields the parts of a chain between its breaks.
func unbroken(chain []E7) func(yield func(edgeRun) bool) {
	return func(yield func(edgeRun) bool) {
		from := 0
		for i := 1; i <= len(chain); i++ {
			if i == len(chain) || isBreak(chain[i-1], chain[i]) {
				if i-1 > from && !yield(edgeRun{first: uint32(from), n: uint32(i - 1 - from)}) {
					return
				}
				from = i
			}
		}
	}
}

func circleOutline(c Circle) (outline, error) {
	if !validPoint(c.Center) {
		return outline{}, nowhere(ErrCoordinate, "center [%v, %v]", c.Center[0], c.Center[1])
	}
	if !(c.Radius > 0 && c.Radius <= MaxRadius) {
		return outline{}, nowhere(ErrRadius, "%v m", c.Radius)
	}
	o := outline{round: roundRow{reach: c.Radius, center: toPoint(c.Center.Lon(), c.Center.Lat())}, box: noBox}
	o.box.add(roundPoint(c.Center))
	o.round.setFar(0)
	o.widen()
	return o, nil
}

func corridorOutline(c Corridor) (outline, error) {
	if !(c.HalfWidth > 0 && c.HalfWidth <= MaxRadius) {
		return outline{}, nowhere(ErrHalfWidth, "%v m", c.HalfWidth)
	}
	onLine := func(err error) error {
		e := err.(*ZoneError)
		e.Polygon, e.Ring = -1, -1
		return e
	}
	line, err := roundVertices(c.Line, 2)
	if err != nil {
		return outline{}, onLine(err)
	}
	var split []unrolled
	u := unrolled{int64(line[0].Lng), line[0].Lat}
	for i := range line[1:] {
		d, err := turn(line[i], line[i+1])
		if err != nil {
			return outline{}, onLine(at(i, err))
		}
		v := unrolled{u.lng + d, line[i+1].Lat}
		if split = appendEdge(split, u, v, nil, groundParts); len(split) > MaxVertices {
			return outline{}, onLine(at(i, &ZoneError{Err: ErrTooLarge}))
		}
		u = v
	}
	split = append(split, u)
	chain := make([]E7, 0, len(split))
	o := outline{box: noBox}
	var center r3.Vector
	for i, u := range split {
		v := u.name(floorDiv(u.lng+half, 2*half))
		if len(chain) > 0 && v.point() == chain[len(chain)-1].point() {
			continue
		}
		if len(chain) > 0 && abs64(int64(v.Lng)-int64(chain[len(chain)-1].Lng)) >= half {
			o.box = wholeBox // it goes over the antimeridian
		}
		chain = append(chain, v)
		o.box.add(v)
		if i < len(split)-1 {
			center = center.Add(v.point().Vector)
		}
	}
	if len(chain) < 2 {
		return outline{}, nowhere(ErrFewVertices, "all at one pole")
	}
	o.chains = [][]E7{chain}
	o.round = roundRow{reach: c.HalfWidth, center: s2.Point{Vector: center.Normalize()}}
	length := 0.0
	for _, v := range chain {
		length = max(length, o.round.center.Distance(v.point()).Radians())
	}
	if length > math.Pi/3 || center.Norm2() == 0 { // a large cap need not hold an edge with its ends
		length = math.Pi
	}
	o.round.setFar(length)
	o.widen()
	return o, nil
}

// setFar sets far2, for a shape whose line reaches this angle from its center,
// with some slack for rounding.
func (r *roundRow) setFar(line float64) {
	angle := min(math.Pi, line+r.reach/em.EarthRadius)
	chord := 2 * math.Sin(angle/2)
	r.far2 = chord*chord*(1+1e-9) + 1e-24
}

// widen makes the box of a line or point that of all within reach of it.
func (o *outline) widen() {
	const slack = 1e-9 + 2*pad*1e-7*math.Pi/180
	angle := o.round.reach/em.EarthRadius + slack
	lat := int64(math.Ceil(angle * 180 / math.Pi * 1e7))
	south, north := int64(o.box.low.Lat)-lat, int64(o.box.high.Lat)+lat
	if south <= -polar+pad {
		o.poles[0] = polarSome
	}
	if north >= polar-pad {
		o.poles[1] = polarSome
	}
	if o.poles != [2]uint8{} {
		o.box = wholeBox
		return
	}
	cos := math.Cos(float64(max(-south, north)) * 1e-7 * math.Pi / 180)
	lng := int64(math.Ceil(math.Asin(min(1, math.Sin(angle)/cos)) * 180 / math.Pi * 1e7))
	west, east := int64(o.box.low.Lng)-lng, int64(o.box.high.Lng)+lng
	if west <= -half+pad || east >= half-pad || math.Sin(angle) >= cos {
		o.box = wholeBox
		return
	}
	o.box = extent{E7{int32(south), int32(west)}, E7{int32(north), int32(east)}}
}

// nearLine reports whether a point is within reach metres of a line.
func nearLine(line []E7, q s2.Point, reach float64) bool {
	a := line[0].point()
	for _, v := range line[1:] {
		b := v.point()
		if d, _ := s2.UpdateMinDistance(q, a, b, s1.InfChordAngle()); d.Angle().Radians()*em.EarthRadius <= reach {
			return true
		}
		a = b
	}
	return false
}

// borderEdges returns the edges to which distances are measured. An edge that
// two parts of an area share, or on which a ring goes there and back, is none;
// one that is there three times, as even-odd rings may have it, is one.
func borderEdges(chains iter.Seq[[]E7], closed bool) []s2.Edge {
	var edges []s2.Edge
	for c := range chains {
		v := c[0].point()
		for _, e := range c[1:] {
			if w := e.point(); w != v {
				edges = append(edges, s2.Edge{V0: v, V1: w})
				v = w
			}
		}
	}
	if !closed {
		return edges
	}
	forward := func(e s2.Edge) s2.Edge {
		if e.V0.Cmp(e.V1.Vector) > 0 {
			return s2.Edge{V0: e.V1, V1: e.V0}
		}
		return e
	}
	uses := make(map[s2.Edge]int, len(edges))
	for _, e := range edges {
		uses[forward(e)]++
	}
	return slices.DeleteFunc(edges, func(e s2.Edge) bool {
		n := uses[forward(e)]
		if n > 1 {
			uses[forward(e)] = 2 // the first of an odd number stays
		}
		return n > 1 && n%2 == 0
	})
}
