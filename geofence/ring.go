package geofence

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"
	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
)

// toPoint maps a position to the sphere so that the two names of the
// antimeridian, and all names of a pole, are one point.
func toPoint(lng, lat float64) s2.Point {
	switch {
	case lat == 90:
		return s2.PointFromCoords(0, 0, 1)
	case lat == -90:
		return s2.PointFromCoords(0, 0, -1)
	case lng == -180:
		lng = 180
	}
	return s2.PointFromLatLng(s2.LatLng{
		Lat: s1.Angle(lat) * s1.Degree,
		Lng: s1.Angle(lng) * s1.Degree,
	})
}

func validPoint(p orb.Point) bool { return em.LatLng{Lat: p.Lat(), Lng: p.Lon()}.Valid() }

func onAntimeridian(p orb.Point) bool { return math.Abs(p.Lon()) == 180 }

// samePole reports whether both are names of one pole.
func samePole(a, b orb.Point) bool { return math.Abs(a.Lat()) == 90 && a.Lat() == b.Lat() }

// turn returns the degrees of longitude from a to b by the shorter way,
// positive to the east. It is exactly the negative of turn(b, a).
func turn(a, b orb.Point) (float64, error) {
	d := b.Lon() - a.Lon()
	if span := math.Abs(d); (span == 180 || span == 360) && !samePole(a, b) {
		return 0, &ZoneError{Err: ErrAmbiguous,
			Detail: fmt.Sprintf("the edge to the next vertex spans %g degrees of longitude; add vertices between", span)}
	}
	if d > 180 {
		d -= 360
	} else if d < -180 {
		d += 360
	}
	return d, nil
}

// splitTolerance is how far in metres a split edge may lie from the straight
// line in longitude and latitude: half of what the package promises.
const splitTolerance = 0.05

// maxStep bounds a split edge in degrees, so that it stays far from antipodal
// ends and never passes over a pole.
const maxStep = 45

// appendEdge appends the points of the edge from a to b, which spans turn
// degrees of longitude, without b itself. The same edge the other way gives
// exactly the same points.
func appendEdge(dst []s2.Point, a, b orb.Point, turn float64, cuts []float64) []s2.Point {
	if samePole(a, b) {
		return append(dst, toPoint(a.Lon(), a.Lat()))
	}
	start := len(dst)
	if turn == 0 && onAntimeridian(a) { // cut at the vertices of the other part
		lo, hi := min(a.Lat(), b.Lat()), max(a.Lat(), b.Lat())
		i, found := slices.BinarySearch(cuts, lo)
		if found {
			i++
		}
		for from := lo; ; i++ {
			to := hi
			if i < len(cuts) {
				to = min(hi, cuts[i])
			}
			dst = appendSteps(dst, orb.Point{180, from}, orb.Point{180, to}, 0)
			if from = to; to == hi {
				break
			}
		}
		dst = append(dst, toPoint(180, hi))
	} else if p, q := a, b; p.Lat() < q.Lat() || p.Lat() == q.Lat() && turn > 0 {
		return appendSteps(dst, p, q, turn)
	} else {
		dst = append(appendSteps(dst, q, p, -turn), toPoint(p.Lon(), p.Lat()))
	}
	// dst has both ends, and runs from the canonical one.
	if dst[start] != toPoint(a.Lon(), a.Lat()) {
		slices.Reverse(dst[start:])
	}
	return dst[:len(dst)-1]
}

// steps returns into how many parts the edge is split. On the curve of constant
// d(longitude) and d(latitude) the acceleration across the ground is the vector
// (sin cos turn², 2 sin turn rise), and the curve leaves the geodesic between
// its ends by at most an eighth of it over the square of the parts.
func steps(a, b orb.Point, turn float64) int {
	const rad = math.Pi / 180
	lat0, lat1 := math.Abs(a.Lat()), math.Abs(b.Lat())
	rise := (b.Lat() - a.Lat()) * rad
	sin := math.Sin(max(lat0, lat1) * rad)
	cos := 1.0
	if a.Lat() > 0 == (b.Lat() > 0) {
		cos = math.Cos(min(lat0, lat1) * rad)
	}
	east := turn * rad
	bend := sin * math.Hypot(cos*east*east, 2*east*rise)
	n := math.Sqrt(bend / 8 * em.EarthRadius / splitTolerance)
	n = max(n, math.Abs(turn)/maxStep, math.Abs(b.Lat()-a.Lat())/maxStep, 1)
	return int(math.Ceil(n))
}

// appendSteps appends the points of an edge without its end.
func appendSteps(dst []s2.Point, a, b orb.Point, turn float64) []s2.Point {
	n := steps(a, b, turn)
	dst = append(dst, toPoint(a.Lon(), a.Lat()))
	for i := 1; i < n; i++ {
		t := float64(i) / float64(n)
		dst = append(dst, toPoint(a.Lon()+t*turn, a.Lat()+t*(b.Lat()-a.Lat())))
	}
	return dst
}

// loop is a ring on the sphere.
type loop struct {
	polygon, ring int
	points        []s2.Point // no two neighbours are equal
	vertex        []int32    // for each point the input vertex at or before it
	left          bool       // what the ring encloses lies to the left of its edges
	flat          bool       // no area in the plane of longitude and latitude
	ref           s2.ReferencePoint
}

func (l *loop) edge(i int) s2.Edge {
	j := i + 1
	if j == len(l.points) {
		j = 0
	}
	return s2.Edge{V0: l.points[i], V1: l.points[j]}
}

// antimeridianCuts returns the latitudes at which the area has vertices on the
// antimeridian, in order.
func antimeridianCuts(a Area) []float64 {
	var cuts []float64
	for _, rings := range a {
		for _, r := range rings {
			for _, p := range r {
				if onAntimeridian(p) && validPoint(p) {
					cuts = append(cuts, p.Lat())
				}
			}
		}
	}
	slices.Sort(cuts)
	return slices.Compact(cuts)
}

// newLoop brings a ring to the sphere. It adds no more than limit points.
// Errors are *ZoneError with Vertex set, or -1.
func newLoop(r orb.Ring, cuts []float64, limit int) (*loop, error) {
	if n := len(r); n > 1 && r[0] == r[n-1] {
		r = r[:n-1]
	}
	if err := checkVertices(r, 3); err != nil {
		return nil, err
	}

	turns := make([]float64, len(r))
	round, polar := 0.0, -1
	total := 0
	for i, a := range r {
		b := r[(i+1)%len(r)]
		d, err := turn(a, b)
		if err != nil {
			return nil, at(i, err)
		}
		turns[i] = d
		round += d
		if samePole(a, b) {
			polar = i
		}
		if total += steps(a, b, d); d == 0 && onAntimeridian(a) {
			total += len(cuts)
		}
		if total > limit {
			return nil, at(i, &ZoneError{Err: ErrTooLarge})
		}
	}
	winds := int(math.Round(round / 360))
	if winds != 0 && polar >= 0 { // the way along the pole that closes the ring
		turns[polar] -= float64(winds) * 360
		winds = 0
	}

	l := &loop{points: make([]s2.Point, 0, total), vertex: make([]int32, 0, total)}
	for i, a := range r {
		l.points = appendEdge(l.points, a, r[(i+1)%len(r)], turns[i], cuts)
		for len(l.vertex) < len(l.points) {
			l.vertex = append(l.vertex, int32(i))
		}
	}
	l.dropRepeats()
	if len(l.points) < 3 {
		return nil, at(-1, &ZoneError{Err: ErrNoArea})
	}
	if err := l.orient(r, turns, winds); err != nil {
		return nil, at(-1, err)
	}
	return l, nil
}

// checkVertices checks that all are positions, and that least of them differ.
func checkVertices(ps []orb.Point, least int) error {
	var distinct []orb.Point
	for i, p := range ps {
		if !validPoint(p) {
			return at(i, &ZoneError{Err: ErrCoordinate, Detail: fmt.Sprintf("[%v, %v]", p[0], p[1])})
		}
		if len(distinct) < least && !slices.Contains(distinct, p) {
			distinct = append(distinct, p)
		}
	}
	if len(distinct) < least {
		return at(-1, &ZoneError{Err: ErrFewVertices, Detail: fmt.Sprintf("%d, and it takes %d", len(distinct), least)})
	}
	return nil
}

// at tells a *ZoneError its vertex.
func at(vertex int, err error) error {
	err.(*ZoneError).Vertex = vertex
	return err
}

// dropRepeats removes points that equal the one before them. An edge belongs to
// the last of the vertices at its beginning.
func (l *loop) dropRepeats() {
	n := 0
	for i, p := range l.points {
		if n > 0 && p == l.points[n-1] {
			l.vertex[n-1] = l.vertex[i]
			continue
		}
		l.points[n], l.vertex[n] = p, l.vertex[i]
		n++
	}
	for n > 1 && l.points[n-1] == l.points[0] {
		n--
	}
	l.points, l.vertex = l.points[:n], l.vertex[:n]
}

// orient finds out on which side of its edges the ring has its inside, and a
// point of which it is known whether it is there. A ring that closes in
// longitude and latitude encloses what it does in that plane. One that winds
// round the globe encloses the smaller side.
func (l *loop) orient(r orb.Ring, turns []float64, winds int) error {
	const rad = math.Pi / 180
	south, north := 90.0, -90.0
	var lng, west, east float64 // from the first vertex
	var area, sines float64     // twice the enclosed area in degrees²; the integral of sin(lat)
	for i, a := range r {
		b := r[(i+1)%len(r)]
		south, north = min(south, a.Lat()), max(north, a.Lat())
		next := lng + turns[i]
		area += lng*(b.Lat()-r[0].Lat()) - next*(a.Lat()-r[0].Lat())
		mean := math.Sin((a.Lat() + b.Lat()) / 2 * rad)
		if rise := (b.Lat() - a.Lat()) * rad; math.Abs(rise) > 1e-6 {
			mean = (math.Cos(a.Lat()*rad) - math.Cos(b.Lat()*rad)) / rise
		}
		sines += turns[i] / 360 * mean
		lng = next
		west, east = min(west, lng), max(east, lng)
	}
	switch {
	case winds < -1 || winds > 1:
		return &ZoneError{Err: ErrIntersection, Detail: "the ring winds round the globe more than once"}
	case winds != 0:
		if north == 90 || south == -90 {
			return &ZoneError{Err: ErrAmbiguous, Detail: "the ring winds round a pole that it touches; give the pole two vertices"}
		}
		if math.Abs(sines) < 1e-9 {
			return &ZoneError{Err: ErrAmbiguous, Detail: "the ring halves the globe"}
		}
		// Going east, the north is on the left.
		arctic := sines > 0 == (winds > 0)
		l.ref = s2.ReferencePoint{Point: toPoint(0, 90), Contained: arctic}
		l.left = arctic == (winds > 0)
		return nil
	}
	l.left, l.flat = area > 0, area == 0
	switch {
	case north < 90:
		l.ref.Point = toPoint(0, 90)
	case south > -90:
		l.ref.Point = toPoint(0, -90)
	case east-west < 360:
		gap := math.Remainder(r[0].Lon()+(west+east)/2+180, 360)
		l.ref.Point = toPoint(gap, 0)
	default:
		return &ZoneError{Err: ErrAmbiguous, Detail: "the ring touches both poles and all longitudes"}
	}
	return nil
}

// edgeSite is where an edge comes from.
type edgeSite struct {
	loop *loop
	edge int
}

func (s edgeSite) s2() s2.Edge { return s.loop.edge(s.edge) }

func (s edgeSite) err(e error, detail string) *ZoneError {
	return &ZoneError{Polygon: s.loop.polygon, Ring: s.loop.ring, Vertex: int(s.loop.vertex[s.edge]), Err: e, Detail: detail}
}

func (s edgeSite) String() string {
	return fmt.Sprintf("polygon %d, ring %d, vertex %d", s.loop.polygon, s.loop.ring, s.loop.vertex[s.edge])
}

// compareSites orders sites as the input has them.
func compareSites(a, b edgeSite) int {
	return cmp.Or(cmp.Compare(a.loop.polygon, b.loop.polygon), cmp.Compare(a.loop.ring, b.loop.ring), cmp.Compare(a.edge, b.edge))
}
