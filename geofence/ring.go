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

// samePole reports whether both are names of one pole.
func samePole(a, b E7) bool { return abs32(a.Lat) == quarter && a.Lat == b.Lat }

// turn returns the units of longitude from a to b by the shorter way, positive
// to the east. It is exactly the negative of turn(b, a).
func turn(a, b E7) (int64, error) {
	d := int64(b.Lng) - int64(a.Lng)
	if span := max(d, -d); (span == half || span == 2*half) && !samePole(a, b) {
		return 0, &ZoneError{Err: ErrAmbiguous,
			Detail: fmt.Sprintf("the edge to the next vertex spans %d degrees of longitude; add vertices between", span/1e7)}
	}
	if d > half {
		d -= 2 * half
	} else if d < -half {
		d += 2 * half
	}
	return d, nil
}

// maxStep bounds a split edge in degrees, so that it stays far from antipodal
// ends and never passes over a pole.
const maxStep = 45

// unrolled is a vertex of a line that goes on over the antimeridian, to
// longitudes beyond 180 degrees.
type unrolled struct {
	lng int64
	lat int32
}

// name is the vertex as a position, in [-180, 180) and those multiples of 360
// degrees from it.
func (u unrolled) name(sheet int64) E7 { return E7{u.lat, int32(u.lng - sheet*2*half)} }

// sheet says by how many times 360 degrees the edge from u to v is moved.
func (u unrolled) sheet(v unrolled) int64 { return floorDiv(min(u.lng, v.lng)+half, 2*half) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// splitter says into how many parts an edge is split.
type splitter func(a, b E7, turn int64) int

// appendEdge appends the vertices of the edge from a to b, without b. It is
// split where it crosses the antimeridian or a polar circle, and at the
// latitudes cuts if it runs along the antimeridian, and between those until
// geodesics keep to it. The same edge the other way gives exactly the same
// vertices.
func appendEdge(dst []unrolled, a, b unrolled, cuts []int32, parts splitter) []unrolled {
	if a.lat == b.lat && abs32(a.lat) == quarter {
		return append(dst, a)
	}
	if b.lat < a.lat || b.lat == a.lat && b.lng < a.lng {
		start := len(dst)
		dst = append(appendEdge(dst, b, a, cuts, parts), a)
		slices.Reverse(dst[start:])
		return dst[:len(dst)-1]
	}
	// From here on a is the southern end, or the western one.
	sheet := floorDiv(a.lng+half-1, 2*half)
	from, to := unrolled{a.lng - sheet*2*half, a.lat}, unrolled{b.lng - sheet*2*half, b.lat}
	turn, rise := to.lng-from.lng, int64(to.lat-from.lat)
	var buf [4]unrolled
	stops := buf[:0]
	for _, lat := range [...]int32{-polar, polar} {
		if from.lat < lat && lat < to.lat {
			stops = append(stops, unrolled{from.lng + scale(turn, int64(lat-from.lat), rise), lat})
		}
	}
	for _, lng := range [...]int64{-half, half} {
		if min(from.lng, to.lng) < lng && lng < max(from.lng, to.lng) {
			stops = append(stops, unrolled{lng, from.lat + int32(scale(rise, lng-from.lng, turn))})
		}
	}
	if turn == 0 && from.lng == half {
		for _, lat := range cuts {
			if from.lat < lat && lat < to.lat {
				stops = append(stops, unrolled{from.lng, lat})
			}
		}
	}
	slices.SortFunc(stops, func(u, v unrolled) int {
		return cmp.Or(cmp.Compare(u.lat, v.lat), cmp.Compare((u.lng-v.lng)*turn, 0))
	})
	u := from
	for i := 0; i <= len(stops); i++ {
		v := to
		if i < len(stops) {
			v = stops[i]
		}
		dst = appendPiece(dst, u, v, sheet*2*half, parts)
		u = v
	}
	return dst
}

// appendPiece appends the vertices of an edge that is in one sheet and on one
// side of a polar circle, without its end, moved to the east.
func appendPiece(dst []unrolled, u, v unrolled, east int64, parts splitter) []unrolled {
	n := int64(parts(E7{Lat: u.lat}, E7{Lat: v.lat}, v.lng-u.lng))
	if n > 16 && v.lat-u.lat > 1e7 { // it may take fewer where it is farther from the pole
		mid := unrolled{u.lng + scale(v.lng-u.lng, 1, 2), u.lat + (v.lat-u.lat)/2}
		return appendPiece(appendPiece(dst, u, mid, east, parts), mid, v, east, parts)
	}
	for k := range n {
		dst = append(dst, unrolled{
			u.lng + scale(v.lng-u.lng, k, n) + east,
			u.lat + int32(scale(int64(v.lat-u.lat), k, n))})
	}
	return dst
}

// scale is a×num/den, rounded, for 0 ≤ num/den ≤ 1.
func scale(a, num, den int64) int64 {
	return int64(math.Round(float64(a) * (float64(num) / float64(den))))
}

// loop is a ring on the sphere.
type loop struct {
	polygon, ring int
	points        []s2.Point // no two neighbours are equal
	vertex        []int32    // for each point the input vertex at or before it
	left          bool       // what the ring encloses lies to the left of its edges
	flat          bool       // no area in the plane of longitude and latitude
	ref           s2.ReferencePoint

	// chain is the ring in the plane: the first vertex once more at the end,
	// and both names of a point where the ring crosses the antimeridian.
	chain []E7
}

func (l *loop) edge(i int) s2.Edge {
	j := i + 1
	if j == len(l.points) {
		j = 0
	}
	return s2.Edge{V0: l.points[i], V1: l.points[j]}
}

// point is the i-th point; they go round.
func (l *loop) point(i int) s2.Point {
	n := len(l.points)
	return l.points[(i%n+n)%n]
}

// antimeridianCuts returns the latitudes at which the area has vertices on the
// antimeridian, in order.
func antimeridianCuts(a Area) []int32 {
	var cuts []int32
	for _, rings := range a {
		for _, r := range rings {
			for _, p := range r {
				if !validPoint(p) {
					continue
				}
				if v := roundPoint(p); abs64(int64(v.Lng)) == half {
					cuts = append(cuts, v.Lat)
				}
			}
		}
	}
	slices.Sort(cuts)
	return slices.Compact(cuts)
}

func abs64(v int64) int64 {
	sign := v >> 63
	return (v ^ sign) - sign
}

func roundPoint(p orb.Point) E7 { return roundE7(em.LatLng{Lat: p.Lat(), Lng: p.Lon()}) }

// newLoop brings a ring to the sphere. It adds no more than limit points.
// Errors are *ZoneError with Vertex set, or -1.
func newLoop(input orb.Ring, cuts []int32, limit int) (*loop, error) {
	if n := len(input); n > 1 && input[0] == input[n-1] {
		input = input[:n-1]
	}
	r, err := roundVertices(input, 3)
	if err != nil {
		return nil, err
	}
	turns := make([]int64, len(r))
	round, pole := int64(0), -1
	for i, a := range r {
		b := r[(i+1)%len(r)]
		if turns[i], err = turn(a, b); err != nil {
			return nil, at(i, err)
		}
		round += turns[i]
		if samePole(a, b) {
			pole = i
		}
	}
	if round != 0 && pole >= 0 { // the way along the pole that closes the ring
		turns[pole] -= round
		round = 0
	}
	winds := int(round / (2 * half))

	l := &loop{}
	var line []unrolled
	u := unrolled{int64(r[0].Lng), r[0].Lat}
	for i := range r {
		v := unrolled{u.lng + turns[i], r[(i+1)%len(r)].Lat}
		if line = appendEdge(line, u, v, cuts, splitParts); len(line) > limit {
			return nil, at(i, &ZoneError{Err: ErrTooLarge})
		}
		for len(l.vertex) < len(line) {
			l.vertex = append(l.vertex, int32(i))
		}
		u = v
	}
	l.points = make([]s2.Point, len(line))
	for i, u := range line {
		l.points[i] = u.name(floorDiv(u.lng+half, 2*half)).point()
	}
	l.chain = chainOf(append(line, u))
	if l.dropRepeats(); len(l.points) < 3 {
		return nil, at(-1, &ZoneError{Err: ErrNoArea})
	}
	if err := l.orient(r, turns, winds); err != nil {
		return nil, at(-1, err)
	}
	return l, nil
}

// chainOf returns a closed line as a chain in the plane; see isBreak. What runs
// along a pole is left out.
func chainOf(line []unrolled) []E7 {
	chain := make([]E7, 0, len(line))
	for i, u := range line[:len(line)-1] {
		v := line[i+1]
		if u == v || u.lat == v.lat && abs32(u.lat) == quarter {
			continue
		}
		sheet := u.sheet(v)
		if a := u.name(sheet); len(chain) == 0 || chain[len(chain)-1] != a {
			chain = append(chain, a)
		}
		chain = append(chain, v.name(sheet))
	}
	if n := len(chain); n > 0 && chain[n-1] != chain[0] {
		chain = append(chain, chain[0])
	}
	return chain
}

// roundVertices rounds positions to E7, and checks that they are some, and that
// least of them differ.
func roundVertices(ps []orb.Point, least int) ([]E7, error) {
	r := make([]E7, len(ps))
	var buf [3]E7
	distinct := buf[:0]
	for i, p := range ps {
		if !validPoint(p) {
			return nil, at(i, &ZoneError{Err: ErrCoordinate, Detail: fmt.Sprintf("[%v, %v]", p[0], p[1])})
		}
		r[i] = roundPoint(p)
		if len(distinct) < least && !slices.Contains(distinct, r[i]) {
			distinct = append(distinct, r[i])
		}
	}
	if len(distinct) < least {
		return nil, at(-1, &ZoneError{Err: ErrFewVertices, Detail: fmt.Sprintf("%d, and it takes %d", len(distinct), least)})
	}
	return r, nil
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
func (l *loop) orient(r []E7, turns []int64, winds int) error {
	const rad = math.Pi / 180 / 1e7
	south, north := r[0].Lat, r[0].Lat
	var lng, west, east int64 // from the first vertex
	var area, sines float64   // twice the enclosed area in square units; the integral of sin(lat)
	for i, a := range r {
		b := r[(i+1)%len(r)]
		south, north = min(south, a.Lat), max(north, a.Lat)
		next := lng + turns[i]
		area += float64(lng)*float64(b.Lat-r[0].Lat) - float64(next)*float64(a.Lat-r[0].Lat)
		if winds != 0 {
			mean := math.Sin((float64(a.Lat) + float64(b.Lat)) / 2 * rad)
			if rise := float64(b.Lat-a.Lat) * rad; math.Abs(rise) > 1e-6 {
				mean = (math.Cos(float64(a.Lat)*rad) - math.Cos(float64(b.Lat)*rad)) / rise
			}
			sines += float64(turns[i]) / (2 * half) * mean
		}
		lng = next
		west, east = min(west, lng), max(east, lng)
	}
	switch {
	case winds < -1 || winds > 1:
		return &ZoneError{Err: ErrIntersection, Detail: "the ring winds round the globe more than once"}
	case winds != 0:
		if north == quarter || south == -quarter {
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
	case north < quarter:
		l.ref.Point = toPoint(0, 90)
	case south > -quarter:
		l.ref.Point = toPoint(0, -90)
	case east-west < 2*half:
		gap := math.Remainder((float64(r[0].Lng)+float64(west+east)/2)/1e7+180, 360)
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
