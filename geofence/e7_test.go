package geofence

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/golang/geo/s2"

	"github.com/sargas-em/em"
)

// TestCrossings compares the integer kernel with golang/geo: on every point
// that is not near an edge they agree; the kernel says near for every point on
// which rounding could change the answer.
func TestCrossings(t *testing.T) {
	if testing.Short() {
		t.Skip("computes much, in one goroutine")
	}
	seed := uint64(21)
	r := rand.New(rand.NewPCG(seed, 1))
	nearby, odd := 0, 0
	for round := range 400 {
		// Triangles of all sizes between the polar circles, split as an index does.
		size := math.Pow(10, 1.3-7*r.Float64())
		lat := (89.8 - size) * (2*r.Float64() - 1)
		var line []unrolled
		var corner [3]unrolled
		for k := range corner {
			corner[k] = unrolled{int64((30 + size*r.Float64()) * 1e7), int32((lat + size*(r.Float64()-.5)) * 1e7)}
		}
		for k := range corner {
			line = appendEdge(line, corner[k], corner[(k+1)%3], nil, splitParts)
		}
		chain := chainOf(append(line, corner[0]))
		for range 200 {
			v, w := chain[r.IntN(len(chain))], chain[r.IntN(len(chain))]
			at := r.Float64()
			if k := r.IntN(len(chain) - 1); r.IntN(2) == 0 {
				v, w = chain[k], chain[k+1]
			}
			off := func() float64 { return (r.Float64() - .5) * math.Pow(10, -3-6*r.Float64()) }
			p := em.LatLng{
				Lat: (float64(v.Lat)*(1-at)+float64(w.Lat)*at)/1e7 + off(),
				Lng: (float64(v.Lng)*(1-at)+float64(w.Lng)*at)/1e7 + off(),
			}
			got, near := crossings(chain, roundE7(p))
			if near {
				nearby++
				continue
			}
			odd += int(got)
			if want := exactCrossings(chain, toPoint(0, 90), toPoint(p.Lng, p.Lat)); want != (got == 1) {
				t.Fatalf("seed %d, round %d: %v in %v: %d, golang/geo says %v", seed, round, p, corner, got, want)
			}
		}
	}
	if nearby < 2000 || odd < 5000 {
		t.Errorf("%d points near an edge, %d inside: too few to tell", nearby, odd)
	}
}

func TestCrossingsByHand(t *testing.T) {
	square := []E7{{0, 0}, {0, 100}, {100, 100}, {100, 0}, {0, 0}}
	for _, c := range []struct {
		name string
		p    E7
		odd  uint32
		near bool
	}{
		{"middle", E7{50, 50}, 1, false},
		{"just far enough in", E7{50, 4}, 1, false},
		{"near in the west", E7{50, 3}, 1, true},
		{"west", E7{50, -4}, 0, false},
		{"east", E7{50, 104}, 0, false},
		{"near in the east", E7{50, 103}, 0, true},
		{"north, in line with an edge", E7{104, 100}, 0, false},
		{"east, in line with an edge", E7{100, 104}, 0, false},
		{"west, in line with an edge", E7{0, -4}, 0, false},
		{"far east", E7{50, half}, 0, false},
	} {
		if odd, near := crossings(square, c.p); odd != c.odd || near != c.near {
			t.Errorf("%s: %d, near %v; want %d, %v", c.name, odd, near, c.odd, c.near)
		}
	}
}

func TestRoundE7(t *testing.T) {
	for _, c := range []struct {
		p em.LatLng
		e E7
	}{
		{em.LatLng{Lat: 90, Lng: 180}, E7{quarter, half}},
		{em.LatLng{Lat: -90, Lng: -180}, E7{-quarter, -half}},
		{em.LatLng{Lat: 54.6871555, Lng: -25.2796514}, E7{546871555, -252796514}},
		{em.LatLng{Lat: .00000004, Lng: -.00000004}, E7{0, 0}},
		{em.LatLng{Lat: .00000006, Lng: -.00000006}, E7{1, -1}},
	} {
		if got := roundE7(c.p); got != c.e || !got.Valid() {
			t.Errorf("%v: %v, want %v", c.p, got, c.e)
		}
	}
	if a, b := (E7{12, half}).point(), (E7{12, -half}).point(); a != b {
		t.Error("the antimeridian has two points")
	}
	if a, b := (E7{quarter, 5}).point(), (E7{quarter, -half}).point(); a != b || a != s2.PointFromCoords(0, 0, 1) {
		t.Error("the pole has two points")
	}
}
