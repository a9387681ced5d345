package geofence

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/golang/geo/s2"

	"github.com/sargas-em/em"
)

// Index holds zones and says which contain a position, and how far it is from
// their edges. It is immutable: any number of goroutines may use it. The zero
// value and nil are empty.
type Index struct {
	zones     []Zone
	geometry  []geometry
	byID      map[string]int
	round     []int // zones that are circles or corridors
	inclusion []int // zones that must not be left

	shapes  *s2.ShapeIndex // of the rings of areas; built
	queries sync.Pool      // of *s2.ContainsPointQuery: one is for one goroutine
}

// geometry is a zone's shape on the sphere: one of a circle, a line, or the
// border of an area whose rings are in Index.shapes.
type geometry struct {
	reach  float64 // metres from the center, or from the line, to the edge; 0 for an area
	center s2.Point
	edges  edgeSet // none for a circle

	// far2 is the square of a distance through the unit sphere from center,
	// beyond which there is nothing of a circle or corridor.
	far2 float64
}

// ring is a loop in the ShapeIndex. The loop of the embedded shape may run
// either way, so which side is inside does not follow from it.
type ring struct {
	*s2.LaxPolygon
	loop *loop
	zone int
}

// ReferencePoint is a point of which is known whether the ring encloses it.
func (r *ring) ReferencePoint() s2.ReferencePoint { return r.loop.ref }

// NewIndex compiles the zones. Errors are *ZoneError, about the first zone that
// something is wrong with. The order of the zones is the order of their
// numbers, from zero.
func NewIndex(zones ...Zone) (*Index, error) {
	x := &Index{
		zones:    slices.Clone(zones),
		geometry: make([]geometry, len(zones)),
		byID:     make(map[string]int, len(zones)),
		shapes:   s2.NewShapeIndex(),
	}
	var rings []*ring
	for i := range x.zones {
		loops, err := x.add(i)
		if err != nil {
			return nil, x.locate(i, err)
		}
		for _, l := range loops {
			r := &ring{s2.LaxPolygonFromPoints([][]s2.Point{l.points}), l, i}
			rings = append(rings, r)
			x.shapes.Add(r)
		}
	}
	// Built here, as the first query would otherwise build it: under a lock
	// that others do not see, and again not at all when shapes are added later.
	x.shapes.Build()
	x.queries.New = func() any { return s2.NewContainsPointQuery(x.shapes, s2.VertexModelSemiOpen) }
	for _, r := range rings {
		if err := x.checkNesting(r); err != nil {
			return nil, x.locate(r.zone, err)
		}
	}
	for _, r := range rings {
		r.loop.points, r.loop.vertex = nil, nil // the shape and the border have them
	}
	return x, nil
}

// locate completes an error about a zone.
func (x *Index) locate(zone int, err error) error {
	var e *ZoneError
	if errors.As(err, &e) {
		e.Zone, e.Index = x.zones[zone].ID, zone
	}
	return err
}

// nowhere is an error about a whole zone.
func nowhere(err error, format string, args ...any) *ZoneError {
	return &ZoneError{Polygon: -1, Ring: -1, Vertex: -1, Err: err, Detail: fmt.Sprintf(format, args...)}
}

func (x *Index) add(i int) ([]*loop, error) {
	z, g := &x.zones[i], &x.geometry[i]
	if z.ID == "" {
		return nil, nowhere(ErrID, "")
	}
	if first, ok := x.byID[z.ID]; ok {
		return nil, nowhere(ErrDuplicateID, "zone %d", first)
	}
	x.byID[z.ID] = i
	if !z.Kind.valid() {
		return nil, nowhere(ErrKind, "%q", z.Kind)
	}
	if z.Kind == KindInclusion {
		x.inclusion = append(x.inclusion, i)
	}
	switch s := z.Shape.(type) {
	case Area:
		return g.setArea(s)
	case Circle:
		x.round = append(x.round, i)
		return nil, g.setCircle(s)
	case Corridor:
		x.round = append(x.round, i)
		return nil, g.setCorridor(s)
	}
	return nil, nowhere(ErrShape, "%T", z.Shape)
}

func (g *geometry) setArea(a Area) ([]*loop, error) {
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
	sites, err := border(loops)
	if err != nil {
		return nil, err
	}
	if err := checkCrossings(sites); err != nil {
		return nil, err
	}
	if err := checkVertexCrossings(loops); err != nil {
		return nil, err
	}
	for _, l := range loops {
		if l.flat {
			return nil, &ZoneError{Polygon: l.polygon, Ring: l.ring, Vertex: -1, Err: ErrNoArea}
		}
	}
	if len(sites) == 0 {
		return nil, nowhere(ErrNoArea, "the edges cancel")
	}
	edges := make([]s2.Edge, len(sites))
	for i, s := range sites {
		edges[i] = s.s2()
	}
	g.edges = newEdgeSet(edges)
	return loops, nil
}

func (g *geometry) setCircle(c Circle) error {
	if !validPoint(c.Center) {
		return nowhere(ErrCoordinate, "center [%v, %v]", c.Center[0], c.Center[1])
	}
	if !(c.Radius > 0 && c.Radius <= MaxRadius) {
		return nowhere(ErrRadius, "%v m", c.Radius)
	}
	g.reach, g.center = c.Radius, toPoint(c.Center.Lon(), c.Center.Lat())
	g.setFar(0)
	return nil
}

func (g *geometry) setCorridor(c Corridor) error {
	if !(c.HalfWidth > 0 && c.HalfWidth <= MaxRadius) {
		return nowhere(ErrHalfWidth, "%v m", c.HalfWidth)
	}
	onLine := func(err error) error {
		e := err.(*ZoneError)
		e.Polygon, e.Ring = -1, -1
		return e
	}
	line, err := roundVertices(c.Line, 2)
	if err != nil {
		return onLine(err)
	}
	var split []unrolled
	u := unrolled{int64(line[0].Lng), line[0].Lat}
	for i := range line[1:] {
		d, err := turn(line[i], line[i+1])
		if err != nil {
			return onLine(at(i, err))
		}
		v := unrolled{u.lng + d, line[i+1].Lat}
		if split = appendEdge(split, u, v, nil); len(split) > MaxVertices {
			return onLine(at(i, &ZoneError{Err: ErrTooLarge}))
		}
		u = v
	}
	split = append(split, u)
	points := make([]s2.Point, len(split))
	for i, u := range split {
		points[i] = u.name(floorDiv(u.lng+half, 2*half)).point()
	}
	points = slices.Compact(points)
	if len(points) < 2 {
		return nowhere(ErrFewVertices, "all at one pole")
	}
	edges := make([]s2.Edge, len(points)-1)
	for i := range edges {
		edges[i] = s2.Edge{V0: points[i], V1: points[i+1]}
		g.center.Vector = g.center.Add(points[i].Vector)
	}
	g.reach, g.edges = c.HalfWidth, newEdgeSet(edges)
	g.center.Vector = g.center.Normalize()
	length := 0.0
	for _, p := range points {
		length = max(length, g.center.Distance(p).Radians())
	}
	if length > math.Pi/3 || g.center.Norm2() == 0 { // a large cap need not hold an edge with its ends
		length = math.Pi
	}
	g.setFar(length)
	return nil
}

// setFar sets far2, for a shape whose line reaches this angle from its center,
// with some slack for rounding.
func (g *geometry) setFar(line float64) {
	angle := min(math.Pi, line+g.reach/em.EarthRadius)
	chord := 2 * math.Sin(angle/2)
	g.far2 = chord*chord*(1+1e-9) + 1e-24
}

// checkNesting checks that a hole is within its polygon and no other hole, and
// that a polygon is not within another of the same area. That their edges do
// not cross is known.
func (x *Index) checkNesting(r *ring) error {
	query := x.query()
	defer x.queries.Put(query)
	for _, p := range r.loop.probes() {
		shapes := query.ContainingShapes(p)
		if !slices.Contains(shapes, s2.Shape(r)) {
			continue // thinner here than the probe reaches
		}
		outer := false
		for other := range polygons(shapes) {
			if r.loop.ring == 0 && other.zone == r.zone && other.loop.polygon != r.loop.polygon {
				return edgeSite{r.loop, 0}.conflict(edgeSite{other.loop, 0}, "inside ")
			}
		}
		for _, s := range shapes {
			other := s.(*ring)
			if other.zone != r.zone || other.loop.polygon != r.loop.polygon || other == r {
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
				if hole.zone != r.zone || hole.loop.polygon != r.loop.polygon {
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

func (x *Index) query() *s2.ContainsPointQuery { return x.queries.Get().(*s2.ContainsPointQuery) }

// Len returns the number of zones.
func (x *Index) Len() int {
	if x == nil {
		return 0
	}
	return len(x.zones)
}

// Zone returns zone i as it was given to NewIndex. It panics if there is no
// such zone.
func (x *Index) Zone(i int) Zone { return x.zones[i] }

// Lookup returns the number of the zone with this ID.
func (x *Index) Lookup(id string) (zone int, ok bool) {
	if x == nil {
		return 0, false
	}
	zone, ok = x.byID[id]
	return zone, ok
}

// Append appends the numbers of the zones that contain p, ascending. Whether a
// zone's rule is in force plays no role. An invalid p is in none.
//
// Finding circles and corridors takes time in proportion to their number; it
// allocates only where p is within the rings of an area.
func (x *Index) Append(dst []int, p em.LatLng) []int {
	if x.Len() == 0 || !p.Valid() {
		return dst
	}
	query := x.query()
	dst = x.append(dst, query, p)
	x.queries.Put(query)
	return dst
}

func (x *Index) append(dst []int, query *s2.ContainsPointQuery, p em.LatLng) []int {
	start := len(dst)
	q := toPoint(p.Lng, p.Lat)
	for r := range polygons(query.ContainingShapes(q)) {
		if n := len(dst); n == start || dst[n-1] != r.zone {
			dst = append(dst, r.zone)
		}
	}
	areas := len(dst)
	for _, z := range x.round {
		if g := &x.geometry[z]; g.center.Sub(q.Vector).Norm2() <= g.far2 && g.distance(q) <= 0 {
			dst = append(dst, z)
		}
	}
	if areas > start && len(dst) > areas {
		slices.Sort(dst[start:])
	}
	return dst
}

// Hit says that a point of a batch lies in a zone.
type Hit struct {
	Point, Zone int32
}

// AppendBatch appends one Hit for each zone that contains each of the points,
// in order of the points and then of the zones. It is Append for many points.
func (x *Index) AppendBatch(dst []Hit, pts []em.LatLng) []Hit {
	if x.Len() == 0 {
		return dst
	}
	query := x.query()
	var buf [32]int
	zones := buf[:0]
	for i, p := range pts {
		if !p.Valid() {
			continue
		}
		zones = x.append(zones[:0], query, p)
		for _, z := range zones {
			dst = append(dst, Hit{int32(i), int32(z)})
		}
	}
	x.queries.Put(query)
	return dst
}

// Distance returns the metres from p to the nearest edge of the zone, negative
// inside. It is zero or less if and only if Append finds the zone, and NaN for
// an invalid p. Inside a corridor it is the half width less the distance to the
// line; where several stretches of the line are within reach, the edge may be
// farther than that. Distance panics if there is no such zone.
func (x *Index) Distance(zone int, p em.LatLng) float64 {
	g := &x.geometry[zone]
	if !p.Valid() {
		return math.NaN()
	}
	q := toPoint(p.Lng, p.Lat)
	d := g.distance(q)
	if g.reach > 0 {
		return d
	}
	query := x.query()
	defer x.queries.Put(query)
	for r := range polygons(query.ContainingShapes(q)) {
		if r.zone == zone {
			return -d
		}
	}
	return max(d, math.SmallestNonzeroFloat64) // a point on the border belongs to the neighbour
}

// distance is Index.Distance, but positive on both sides of the edge of an area.
func (g *geometry) distance(q s2.Point) float64 {
	if g.edges.n == 0 {
		return g.center.Distance(q).Radians()*em.EarthRadius - g.reach
	}
	return g.edges.distance(q) - g.reach
}

// Classify says on which side of the zone's edge a position is whose true place
// is within radius95 metres of p: inside if all of that circle is, outside if
// none of it is, and otherwise unknown. It also returns Distance. An invalid p,
// and a radius that is negative or NaN, are of unknown side.
func (x *Index) Classify(zone int, p em.LatLng, radius95 float64) (em.Side, float64) {
	d := x.Distance(zone, p)
	switch {
	case !(radius95 >= 0):
	case d <= -radius95:
		return em.Inside, d
	case d > radius95:
		return em.Outside, d
	}
	return em.SideUnknown, d
}
