package geofence_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence"
)

func mustSet(t testing.TB, zones ...Zone) *Set {
	t.Helper()
	s, err := NewSet(zones...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// cities are where the invented subjects live.
var cities = []em.LatLng{
	{Lat: 54.69, Lng: 25.28}, {Lat: 54.90, Lng: 23.90}, {Lat: 55.70, Lng: 21.13}, {Lat: 56.95, Lng: 24.11}, {Lat: 59.44, Lng: 24.75}, {Lat: 58.38, Lng: 26.72},
	{Lat: 59.91, Lng: 10.75}, {Lat: 60.39, Lng: 5.32}, {Lat: 63.43, Lng: 10.40}, {Lat: 69.65, Lng: 18.96},
}

// subject is an invented person's ten zones, half of them rings of 32 vertices
// around a circle of 100 to 500 m, half stars of 6 to 40 vertices and 30 to 250
// m, and thirteen positions: half of them within 50 m of home, a quarter near
// one of the zones and a quarter anywhere in the city.
func subject(r *rand.Rand) (zones []Zone, points []em.LatLng) {
	city := cities[r.IntN(len(cities))]
	const spread = 4000
	anywhere := func() orb.Point {
		return offset(city.Lat, city.Lng, 2*math.Pi*r.Float64(), spread*math.Abs(r.NormFloat64()))
	}
	near := func(c orb.Point, m float64) em.LatLng {
		p := offset(c[1], c[0], 2*math.Pi*r.Float64(), m*r.Float64())
		return em.LatLng{Lat: p[1], Lng: p[0]}
	}
	var centers []orb.Point
	for i := range 10 {
		c := anywhere()
		centers = append(centers, c)
		var ring orb.Ring
		if i%2 == 0 {
			size := 100 + 400*r.Float64()
			ring = starRing(r, c[1], c[0], 32, size, size)
		} else {
			size := 30 + 220*r.Float64()
			ring = starRing(r, c[1], c[0], 6+r.IntN(35), size*.4, size)
		}
		zones = append(zones, Zone{ID: fmt.Sprint("zone-", i), Version: "1", Kind: KindPlace, Shape: Area{{ring}}})
	}
	for i := range 13 {
		switch {
		case i < 6:
			points = append(points, near(centers[0], 50))
		case i < 9:
			points = append(points, near(centers[r.IntN(10)], 400))
		default:
			c := anywhere()
			points = append(points, em.LatLng{Lat: c[1], Lng: c[0]})
		}
	}
	return zones, points
}

// TestSetAgrees compares sets of invented persons' zones with golang/geo and
// with an Index: which zones contain positions, and on which side of their
// edges circles are.
func TestSetAgrees(t *testing.T) {
	alone(t)
	subjects := 60
	seed := uint64(31)
	r := rand.New(rand.NewPCG(seed, 8))
	compared, inside, unknown := 0, 0, 0
	for range subjects {
		zones, points := subject(r)
		var areas []Area
		for _, z := range zones {
			areas = append(areas, z.Shape.(Area))
		}
		points = append(points, hardPoints(r, areas, 200)...)
		s, x := mustSet(t, zones...), mustIndex(t, zones...)
		o := newOracle(x)
		for n, p := range points {
			want := o.zones(p)
			if got := s.Append(nil, p); !slices.Equal(got, want) {
				t.Fatalf("seed %d, %v: in %v, golang/geo says %v", seed, p, got, want)
			}
			inside += len(want)
			compared += len(zones)
			for k, radius := range []float64{0, 3, 50, 400} {
				if k != n%4 {
					continue
				}
				in, out := s.Classify(p, radius)
				if in&out != 0 {
					t.Fatalf("seed %d, %v ± %v m: both inside and outside %b", seed, p, radius, in&out)
				}
				for i := range zones {
					side, d := x.Classify(i, p, radius)
					if in.Has(i) != (side == em.Inside) || out.Has(i) != (side == em.Outside) {
						t.Fatalf("seed %d, %v ± %v m, zone %d: inside %v, outside %v; an Index says %v, at %v m", seed, p, radius, i, in.Has(i), out.Has(i), side, d)
					}
					if got := s.Distance(i, p); got != d {
						t.Fatalf("seed %d, %v, zone %d: at %v m, an Index says %v", seed, p, i, got, d)
					}
					if side == em.SideUnknown {
						unknown++
					}
				}
			}
		}
	}
	t.Logf("seed %d: %d answers, %d inside; %d of %d three-way ones unknown", seed, compared, inside, unknown, compared)
}

// TestSetOfShapes is TestSetAgrees for all shapes, all over the globe, and for
// points on the edges of circles.
func TestSetOfShapes(t *testing.T) {
	alone(t)
	seed := uint64(37)
	r := rand.New(rand.NewPCG(seed, 9))
	for _, c := range distanceCases(r) {
		s, x := mustSet(t, c.zone), mustIndex(t, c.zone)
		var areas []Area
		if a, ok := c.zone.Shape.(Area); ok {
			areas = []Area{a}
		}
		var hard []em.LatLng
		if areas != nil {
			hard = hardPoints(r, areas, 40)
		}
		for k := range 30 {
			p := c.around(r)
			if k%3 == 0 && hard != nil {
				p = hard[k/3+5]
			} else if k%3 == 1 {
				q := offset(c.at.Lat, c.at.Lng, 2*math.Pi*r.Float64(), c.size*(1+(r.Float64()-.5)*math.Pow10(-r.IntN(9))))
				p = em.LatLng{Lat: q[1], Lng: q[0]}
			}
			want := x.Append(nil, p)
			if got := s.Append(nil, p); !slices.Equal(got, want) {
				t.Fatalf("seed %d, %s, %v: in %v, an Index says %v", seed, c.name, p, got, want)
			}
			if got, want := s.Distance(0, p), x.Distance(0, p); got != want || s.Contains(p).Has(0) != (got <= 0) {
				t.Fatalf("seed %d, %s, %v: %v m, an Index says %v", seed, c.name, p, got, want)
			}
			for _, radius := range []float64{0, 1, 30, 5000} {
				in, out := s.Classify(p, radius)
				side, d := x.Classify(0, p, radius)
				if in.Has(0) != (side == em.Inside) || out.Has(0) != (side == em.Outside) {
					t.Fatalf("seed %d, %s, %v ± %v m: inside %v, outside %v; an Index says %v, at %v m", seed, c.name, p, radius, in.Has(0), out.Has(0), side, d)
				}
			}
		}
	}
}

func TestSetGolden(t *testing.T) {
	alone(t)
	s := mustSet(t,
		Zone{ID: "home", Kind: KindHome, Shape: Circle{orb.Point{25, 55}, 100}},
		area("square", orb.Polygon{box(25, 55, 25.01, 55.01)}),
		area("holed", orb.Polygon{box(24.9, 54.9, 25.1, 55.1), box(24.99, 54.99, 25.02, 55.02)}),
		area("fiji", orb.Polygon{{{179.9, -18}, {-179.9, -18}, {-179.9, -17}, {179.9, -17}, {179.9, -18}}}),
		area("arctic", orb.Polygon{{{-135, 66}, {-45, 66}, {45, 66}, {135, 66}}}),
		Zone{ID: "road", Kind: KindPlace, Shape: Corridor{orb.LineString{{24.95, 55.05}, {25.05, 55.05}}, 20}},
	)
	for _, c := range []struct {
		name       string
		p          em.LatLng
		radius     float64
		in, inside Mask // contains; contains the circle
		outside    Mask
	}{
		{"home, center", em.LatLng{Lat: 55, Lng: 25}, 50, 1 | 2, 1, 0b111100},
		{"in the square", em.LatLng{Lat: 55.005, Lng: 25.005}, 50, 2, 2, 0b111101},
		{"in the square by 9 m", em.LatLng{Lat: 55.00008, Lng: 25.005}, 10, 2, 0, 0b111101},
		{"between border and hole", em.LatLng{Lat: 54.95, Lng: 25.05}, 1000, 4, 4, 0b111011},
		{"over the antimeridian", em.LatLng{Lat: -17.5, Lng: -179.95}, 5000, 8, 8, 0b110111},
		{"on the antimeridian", em.LatLng{Lat: -17.5, Lng: 180}, 10000, 8, 8, 0b110111},
		{"its other name", em.LatLng{Lat: -17.5, Lng: -180}, 10000, 8, 8, 0b110111},
		{"pole", em.LatLng{Lat: 90, Lng: 77}, 2_000_000, 16, 16, 0b101111},
		{"on the road", em.LatLng{Lat: 55.05, Lng: 25}, 15, 4 | 32, 4 | 32, 0b011011},
		{"nowhere", em.LatLng{Lat: 0, Lng: 0}, 100, 0, 0, 0b111111},
		{"no position", em.LatLng{Lat: 91, Lng: 0}, 100, 0, 0, 0},
		{"no number", em.LatLng{Lat: math.NaN(), Lng: 0}, 100, 0, 0, 0},
		{"radius is no number", em.LatLng{Lat: 0, Lng: 0}, math.NaN(), 0, 0, 0},
		{"negative radius", em.LatLng{Lat: 0, Lng: 0}, -1, 0, 0, 0},
		{"infinite radius", em.LatLng{Lat: 55, Lng: 25}, math.Inf(1), 1 | 2, 0, 0},
	} {
		if got := s.Contains(c.p); got != c.in && !(c.name == "home, center" && got == 1) {
			t.Errorf("%s: in %b, want %b", c.name, got, c.in)
		}
		if inside, outside := s.Classify(c.p, c.radius); inside != c.inside || outside != c.outside {
			t.Errorf("%s: inside %b, outside %b, want %b and %b", c.name, inside, outside, c.inside, c.outside)
		}
	}
}

func TestSetChanges(t *testing.T) {
	circle := func(id string, radius float64) Zone {
		return Zone{ID: id, Kind: KindPlace, Shape: Circle{orb.Point{25, 55}, radius}}
	}
	p := em.LatLng{Lat: 55.001, Lng: 25} // 111 m from the center
	var none *Set
	if none.Len() != 0 || none.Contains(p) != 0 {
		t.Error("nil is not empty")
	}
	s, err := none.With(circle("a", 100))
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.With(circle("b", 200))
	if err != nil {
		t.Fatal(err)
	}
	wide, err := b.With(circle("a", 150))
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		s    *Set
		want Mask
	}{{s, 0}, {b, 0b10}, {wide, 0b11}, {wide.Without("a"), 0b1}, {wide.Without("c"), 0b11}, {s.Without("a"), 0}} {
		if got := c.s.Contains(p); got != c.want {
			t.Errorf("set %d: in %b, want %b", i, got, c.want)
		}
	}
	if i, ok := wide.Without("a").Lookup("b"); i != 0 || !ok {
		t.Errorf("b is zone %d, %v", i, ok)
	}
	var e *ZoneError
	if _, err := b.With(circle("c", -1)); !errors.Is(err, ErrRadius) || !errors.As(err, &e) || e.Index != 2 || e.Zone != "c" {
		t.Errorf("%v", err)
	}
	if _, err := NewSet(circle("a", 1), circle("a", 2)); !errors.Is(err, ErrDuplicateID) {
		t.Errorf("%v", err)
	}
	if _, err := NewSet(circle("", 1)); !errors.Is(err, ErrID) {
		t.Errorf("%v", err)
	}
	var many []Zone
	for i := range MaxSetZones {
		many = append(many, circle(fmt.Sprint(i), 500))
	}
	full := mustSet(t, many...)
	if got := full.Contains(p); got.Len() != MaxSetZones {
		t.Errorf("in %b", got)
	}
	if _, out := full.Classify(em.LatLng{}, 1); out.Len() != MaxSetZones {
		t.Errorf("outside %b", out)
	}
	if _, err := full.With(circle("more", 1)); !errors.Is(err, ErrSetFull) {
		t.Errorf("%v", err)
	}
	if _, err := NewSet(append(many, circle("more", 1))...); !errors.Is(err, ErrSetFull) {
		t.Errorf("%v", err)
	}
}

func TestSetAllocations(t *testing.T) {
	r := rand.New(rand.NewPCG(41, 10))
	zones, points := subject(r)
	zones[3].Shape = Circle{zones[3].Shape.(Area)[0][0][0], 100}
	zones[4].Shape = Corridor{orb.LineString(zones[4].Shape.(Area)[0][0]), 10}
	s := mustSet(t, zones...)
	points = append(points, em.LatLng{Lat: zones[0].Shape.(Area)[0][0][0][1], Lng: zones[0].Shape.(Area)[0][0][0][0]})
	dst := make([]int, 0, 16)
	if n := testing.AllocsPerRun(100, func() {
		for _, p := range points {
			s.Contains(p)
			s.Classify(p, 20)
			dst = s.Append(dst[:0], p)
			for i := range zones {
				s.Distance(i, p)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestSetMemory pins what a person's ten zones take beside what the caller
// gave; and what they do when distances to all of them were asked for.
func TestSetMemory(t *testing.T) {
	const subjects, bound, boundNear = 200, 7 << 10, 12 << 10
	r := rand.New(rand.NewPCG(43, 11))
	var zones [][]Zone
	for range subjects {
		z, _ := subject(r)
		zones = append(zones, z)
	}
	sets := make([]*Set, subjects)
	heap := func() int64 {
		runtime.GC()
		runtime.GC() // what pools held
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for i, z := range zones {
		sets[i] = mustSet(t, z...)
	}
	far := (heap() - before) / subjects
	for _, s := range sets {
		for i := range s.Len() {
			s.Distance(i, em.LatLng{})
		}
	}
	near := (heap() - before) / subjects
	t.Logf("%d bytes a subject of ten zones, %d with all distances", far, near)
	if far > bound || near > boundNear {
		t.Errorf("%d and %d bytes a subject, and the bounds are %d and %d", far, near, bound, boundNear)
	}
	runtime.KeepAlive(zones)
	runtime.KeepAlive(sets)
}

// BenchmarkSetReplace is from a changed zone to a set that readers see.
func BenchmarkSetReplace(b *testing.B) {
	r := rand.New(rand.NewPCG(53, 13))
	zones, _ := subject(r)
	var current atomic.Pointer[Set]
	current.Store(mustSet(b, zones...))
	i := 0
	for b.Loop() {
		z := zones[i%len(zones)]
		s, err := current.Load().With(z)
		if err != nil {
			b.Fatal(err)
		}
		current.Store(s)
		i++
	}
}
