package geofence_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence"
)

// areaOf makes an area of bytes: the first picks the size of the grid on which
// the vertices lie, so that they often coincide and line up; then each pair is
// a vertex, or begins a ring or a polygon.
func areaOf(b []byte) Area {
	if len(b) == 0 {
		return nil
	}
	// Long edges are split into hundreds, so there are few of them.
	grid := []orb.Point{{1. / 1024, 1. / 1024}, {1. / 64, 1. / 64}, {1. / 8, 1. / 64}, {22.5, 1. / 64}}[b[0]%4]
	most := []int{24, 16, 8, 5}[b[0]%4]
	base := []orb.Point{{25, 54}, {180, 0}, {-180, 89.5}, {0, -90}}[b[0]/4%4]
	if grid[0] > 1 && base[1] == 54 {
		base[1] = 0
	}
	vertices := 0
	a := Area{{{}}}
	for b = b[1:]; len(b) >= 2 && vertices < most; b = b[2:] {
		p := len(a) - 1
		r := len(a[p]) - 1
		switch {
		case b[0] == 0x80 && b[1]%2 == 0:
			a[p] = append(a[p], orb.Ring{})
		case b[0] == 0x80:
			a = append(a, orb.Polygon{{}})
		default:
			lng := math.Remainder(base[0]+grid[0]*float64(int8(b[0])), 360)
			lat := max(-90, min(90, base[1]+grid[1]*float64(int8(b[1]))))
			a[p][r] = append(a[p][r], orb.Point{lng, lat})
			vertices++
		}
	}
	return a
}

// FuzzArea checks that no ring makes NewIndex panic, and that what it accepts
// has the same inside whichever way its rings run.
func FuzzArea(f *testing.F) {
	alone(f)
	f.Add([]byte{0, 0, 0, 10, 0, 10, 10, 0, 10})
	f.Add([]byte{4, 0xfb, 0, 5, 0, 5, 10, 0xfb, 10, 0x80, 0, 0xfe, 2, 2, 2, 2, 8, 0xfe, 8})
	f.Add([]byte{11, 0, 0xf0, 4, 0xf0, 8, 0xf0, 12, 0xf0}) // round a pole
	f.Add([]byte{1, 0, 0, 10, 10, 10, 0, 0, 10, 0x80, 1, 0, 0, 10, 0, 5, 0xf6})
	f.Add([]byte{15, 0, 0, 4, 0, 4, 8, 0, 8, 2, 4})
	f.Fuzz(func(t *testing.T, b []byte) { checkArea(t, areaOf(b)) })
}

// checkArea reports whether NewIndex accepts an area, and fails where the
// answers depend on the way its rings run, or Append and Distance differ.
func checkArea(t *testing.T, a Area) (*Index, bool) {
	t.Helper()
	x, err := NewIndex(Zone{ID: "z", Kind: KindPlace, Shape: a})
	var e *ZoneError
	if err != nil {
		if !errors.As(err, &e) || e.Err == nil {
			t.Fatalf("%v is no ZoneError", err)
		}
		return nil, false
	}
	reversed := make(Area, len(a))
	var points []em.LatLng
	for i, p := range a {
		for _, r := range p {
			back := slices.Clone(r)
			back.Reverse()
			reversed[i] = append(reversed[i], back)
			for k, v := range r {
				w := r[(k+1)%len(r)]
				points = append(points, em.LatLng{Lat: v[1], Lng: v[0]},
					em.LatLng{Lat: (v[1] + w[1]) / 2, Lng: (v[0] + w[0]) / 2},
					em.LatLng{Lat: (v[1] + a[0][0][0][1]) / 2, Lng: w[0]})
			}
		}
	}
	y, err := NewIndex(Zone{ID: "z", Kind: KindPlace, Shape: reversed})
	if err != nil {
		t.Fatalf("%v: the other way round: %v", a, err)
	}
	for _, p := range points {
		d := x.Distance(0, p)
		if math.IsNaN(d) || math.Abs(d) > math.Pi*em.EarthRadius+1 {
			t.Fatalf("%v: %v is %v m from the edge", a, p, d)
		}
		if inside := len(x.Append(nil, p)) == 1; inside != (d <= 0) {
			t.Fatalf("%v: %v: inside is %v, %v m from the edge", a, p, inside, d)
		}
		if other := y.Distance(0, p); math.Abs(d-other) > .1+1e-5*math.Abs(d) || d <= 0 != (other <= 0) {
			t.Fatalf("%v: %v is %v m from the edge, the other way round %v", a, p, d, other)
		}
	}
	return x, true
}

// TestRandomAreas makes areas of few vertices on a coarse grid, of which most
// are refused, and compares the others with the plane of longitude and
// latitude.
func TestRandomAreas(t *testing.T) {
	alone(t)
	accepted, compared := 0, 0
	for seed := range uint64(4_000) {
		r := rand.New(rand.NewPCG(seed, 6))
		span := 3 + r.IntN(8)
		b := []byte{byte(r.IntN(3))}
		for range 4 + r.IntN(10) {
			if r.IntN(8) == 0 {
				b = append(b, 0x80, byte(r.IntN(3)))
			} else {
				b = append(b, byte(r.IntN(span)-span/2), byte(r.IntN(span)-span/2))
			}
		}
		a := areaOf(b)
		x, ok := checkArea(t, a)
		if !ok {
			continue
		}
		accepted++
		bound := orb.MultiPolygon(a).Bound()
		for range 20 {
			p := orb.Point{bound.Min[0] + r.Float64()*(bound.Max[0]-bound.Min[0]), bound.Min[1] + r.Float64()*(bound.Max[1]-bound.Min[1])}
			d := x.Distance(0, em.LatLng{Lat: p[1], Lng: p[0]})
			if math.Abs(d) < 1.5 { // crossings less than a metre deep are accepted
				continue
			}
			compared++
			if want := planar.MultiPolygonContains(orb.MultiPolygon(a), p); (d < 0) != want {
				t.Fatalf("seed %d: %v: %v is at %v m, in the plane inside is %v", seed, a, p, d, want)
			}
		}
	}
	if accepted < 200 || compared < 2000 {
		t.Errorf("%d areas accepted, %d points compared: too few to tell", accepted, compared)
	}
}
