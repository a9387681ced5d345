package geofence_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence"
)

// TestEvenOdd gives rings that cross, which are refused without EvenOdd, and
// compares the ways of asking with golang/geo.
func TestEvenOdd(t *testing.T) {
	square := func(x, y, size float64) orb.Ring {
		return orb.Ring{{x, y}, {x + size, y}, {x + size, y + size}, {x, y + size}, {x, y}}
	}
	star := make(orb.Ring, 0, 6) // of five points, which goes twice round its middle
	for _, p := range []orb.Point{{10, 2}, {10.6, .2}, {9, 1.3}, {11, 1.3}, {9.4, .2}, {10, 2}} {
		star = append(star, p)
	}
	for _, c := range []struct {
		name    string
		area    Area
		err     error
		in, out []orb.Point
	}{
		{"bow tie", Area{{{{20, 0}, {21, 1}, {21, 0}, {20, 1}, {20, 0}}}}, ErrIntersection, []orb.Point{{20.1, .5}, {20.9, .5}}, []orb.Point{{20.5, .9}, {20.5, .1}}},
		{"star", Area{{star}}, ErrIntersection, []orb.Point{{10, 1.8}, {10.8, 1.25}}, []orb.Point{{10, 1}, {11, 2}}},
		{"overlap", Area{{square(20, 50, 1)}, {square(20.5, 50.5, 1)}}, ErrOverlap, []orb.Point{{20.2, 50.2}, {21.2, 51.2}}, []orb.Point{{20.7, 50.7}, {22, 52}}},
		{"hole that reaches out", Area{{square(20, 50, 1), square(20.5, 50.5, 1)}}, ErrIntersection, []orb.Point{{20.2, 50.2}, {21.2, 51.2}}, []orb.Point{{20.7, 50.7}}},
		{"over the antimeridian", Area{{{{179, 0}, {-179, 1}, {-179, 0}, {179, 1}, {179, 0}}}}, ErrIntersection, []orb.Point{{179.1, .5}, {-179.1, .5}}, []orb.Point{{180, .9}, {0, .5}}},
		{"three times", Area{{square(20, 50, 1)}, {square(20, 50, 1)}, {square(20, 50, 1)}}, ErrOverlap, []orb.Point{{20.5, 50.5}}, []orb.Point{{21.5, 50.5}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			z := Zone{ID: "z", Kind: KindPlace, Shape: c.area}
			if _, err := NewIndex(z); !errors.Is(err, c.err) {
				t.Fatalf("without EvenOdd the error is %v, want %v", err, c.err)
			}
			z.EvenOdd = true
			x, s, l := mustIndex(t, z), mustSet(t, z), NewLive(nil)
			if err := l.Put(z); err != nil {
				t.Fatal(err)
			}
			for _, p := range c.in {
				if d := x.Distance(0, em.LatLng{Lat: p[1], Lng: p[0]}); d > 0 {
					t.Errorf("%v is %v m outside", p, d)
				}
			}
			for _, p := range c.out {
				if d := x.Distance(0, em.LatLng{Lat: p[1], Lng: p[0]}); d <= 0 {
					t.Errorf("%v is %v m inside", p, -d)
				}
			}
			seed := uint64(0xe0)
			points := hardPoints(rand.New(rand.NewPCG(seed, 1)), []Area{c.area}, 3000)
			compare(t, seed, x, newOracle(x), points, x.AppendBatch(nil, points))
			for _, p := range points {
				in := len(x.Append(nil, p)) > 0
				if s.Contains(p).Has(0) != in || len(l.View().Append(nil, p)) > 0 != in {
					t.Fatalf("%v: in the index %v, the set %v, live %v", p, in, s.Contains(p).Has(0), len(l.View().Append(nil, p)) > 0)
				}
			}
		})
	}
	if _, err := NewIndex(Zone{ID: "z", Kind: KindPlace, EvenOdd: true, Shape: Area{{square(20, 50, 1)}, {square(20, 50, 1)}}}); !errors.Is(err, ErrNoArea) {
		t.Errorf("an area that cancels itself: %v", err)
	}
}

// TestEvenOddMap reads a simplified map of which NewIndex refuses some zones.
func TestEvenOddMap(t *testing.T) {
	alone(t)
	var zones []Zone
	var areas []Area
	refused := 0
	for i, a := range allAreas(t, "no_kommuner_S.geojson") {
		z := Zone{ID: fmt.Sprint(i), Kind: KindPlace, Shape: a}
		if _, err := NewIndex(z); err != nil {
			var e *ZoneError
			if !errors.As(err, &e) || e.Polygon < 0 || e.Ring < 0 || e.Vertex < 0 {
				t.Errorf("the error does not say where: %v", err)
			}
			refused++
			z.EvenOdd = true
			zones, areas = append(zones, z), append(areas, a)
		}
	}
	if refused == 0 {
		t.Fatal("none is refused")
	}
	x := mustIndex(t, zones...)
	seed := uint64(0xe1)
	points := hardPoints(rand.New(rand.NewPCG(seed, 1)), areas, 20_000)
	hits := x.AppendBatch(nil, points)
	if len(hits) < len(points)/4 {
		t.Errorf("only %d hits", len(hits))
	}
	compare(t, seed, x, newOracle(x), points, slices.Clone(hits))
	t.Logf("seed %#x: %d zones refused, %d points, %d hits", seed, refused, len(points), len(hits))
}
