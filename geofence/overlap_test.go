package geofence_test

import (
	"errors"
	"math"
	"testing"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	. "github.com/sargas-em/em/geofence"
)

// metresRing is a ring of places so many metres east and north of place.
func metresRing(xy ...float64) orb.Ring {
	var r orb.Ring
	for i := 0; i < len(xy); i += 2 {
		p := metresFrom(xy[i], xy[i+1])
		r = append(r, orb.Point{p.Lng, p.Lat})
	}
	return r
}

// TestOverlapsBesideCrossings gives rings that have vertices so near their
// crossings that these say nothing of what is shared. Numbers are metres.
func TestOverlapsBesideCrossings(t *testing.T) {
	// Ten metres and more over each other, and half a metre of it by the edges that cross.
	for _, c := range []struct {
		name string
		area Area
		want error
	}{
		{"a bow tie at the pole", Area{{{{-85.17, 89.9999907}, {-115.43, 89.9999808}, {120.22, 89.9997257}, {131.41, 89.9997988}}}}, ErrIntersection},
		{"two corners", Area{
			{metresRing(0, 0, 100, 0, 100, 49.5, 100, 50.5, 100, 100, 50.5, 100, 49.5, 100, 0, 100)},
			{metresRing(50, 50, 99.5, 50, 100.5, 50, 150, 50, 150, 150, 50, 150, 50, 100.5, 50, 99.5)},
		}, ErrOverlap},
		{"a cross, of which no vertex is deep", Area{
			{metresRing(-100, -20, -20.5, -20, -19.5, -20, 19.5, -20, 20.5, -20, 100, -20, 100, 20, 20.5, 20, 19.5, 20, -19.5, 20, -20.5, 20, -100, 20)},
			{metresRing(-20, -100, 20, -100, 20, -20.5, 20, -19.5, 20, 19.5, 20, 20.5, 20, 100, -20, 100, -20, 20.5, -20, 19.5, -20, -19.5, -20, -20.5)},
		}, ErrOverlap},
		{"one passes by a vertex beyond the edge", Area{
			{metresRing(0, 0, 100, 0, 100, 100, 0, 100)},
			{metresRing(99.5, 30, 120, 30, 120, 70, 99.5, 70, 60, 60, 60, 40)},
		}, ErrOverlap},
		{"a hole that reaches out", Area{
			{metresRing(0, 0, 100, 0, 100, 39.5, 100, 40.5, 100, 59.5, 100, 60.5, 100, 100, 0, 100),
				metresRing(50, 40, 99.5, 40, 100.5, 40, 150, 40, 150, 60, 100.5, 60, 99.5, 60, 50, 60)},
		}, ErrIntersection},
		{"two holes", Area{
			{metresRing(-100, -100, 300, -100, 300, 300, -100, 300),
				metresRing(0, 0, 100, 0, 100, 49.5, 100, 50.5, 100, 100, 50.5, 100, 49.5, 100, 0, 100),
				metresRing(50, 50, 99.5, 50, 100.5, 50, 150, 50, 150, 150, 50, 150, 50, 100.5, 50, 99.5)},
		}, ErrIntersection},
		{"a part over the edge of a hole", Area{
			{metresRing(-100, -100, 300, -100, 300, 300, -100, 300),
				metresRing(0, 0, 100, 0, 100, 39.5, 100, 40.5, 100, 59.5, 100, 60.5, 100, 100, 0, 100)},
			{metresRing(50, 40, 99.5, 40, 100.5, 40, 150, 40, 150, 60, 100.5, 60, 99.5, 60, 50, 60)},
		}, ErrOverlap},
		{"a bow tie", Area{{metresRing(0, 0, 49.6, 49.6, 50.4, 50.4, 100, 100, 100, 0, 50.4, 49.6, 49.6, 50.4, 0, 100)}}, ErrIntersection},
		{"a ring that covers its own beginning", Area{{metresRing(
			0, 0, 60, 0, 60, 30, 0, 30, // once round, up to the beginning
			0, 29.5, 0, 20.5, 0, 19.5, 0, 10, -40, 10, -40, 100, 100, 100, 100, -40, 20, -40, 20, -.5, 20, .5, 20, 20, .5, 20, -.5, 20, -20, 20, -20, -20,
		)}}, ErrIntersection},
		{"a gap of half a metre within what is covered twice", Area{
			{metresRing(0, 0, 100, 0, 100, 40, 99.7, 50, 100, 60, 100, 100, 0, 100)},
			{metresRing(99.85, 20, 150, 20, 150, 80, 99.85, 80, 60, 80, 60, 70, 99.85, 70, 99.85, 30, 60, 30, 60, 20)},
		}, ErrOverlap},
		{"in and out along shared edges", Area{
			{metresRing(0, 0, 40, 0, 45, 0, 100, 0, 100, 100, 0, 100, 0, 60, 0, 55)},
			{metresRing(45, 0, 40, 0, 40, 50, 0, 55, 0, 60, -50, 60, -50, -50, 45, -50)},
		}, ErrOverlap},
		{"in through a common vertex beside the crossing", Area{
			{metresRing(0, 0, 100, 0, 100, 50, 100, 100, 0, 100)},
			{metresRing(120, 49, 100, 50, 60, 20, 60, 80, 120, 80, 101, 51, 99.5, 49.6, 120, 45)},
		}, ErrOverlap},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := NewIndex(area("z", c.area...)); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			} else {
				t.Log(err)
			}
		})
	}
	for _, c := range []struct {
		name string
		area Area
	}{
		{"along a whole side", Area{
			{metresRing(0, 0, 100, 0, 100, 100, 0, 100)},
			{metresRing(99.2, -10, 200, -10, 200, 110, 99.2, 110)},
		}},
		{"along a whole side, of many vertices", Area{
			{metresRing(0, 0, 99, 0, 99.5, 0, 100, 0, 100, 30, 100, 70, 100, 100, 99.3, 100, 0, 100)},
			{metresRing(99.2, -10, 200, -10, 200, 110, 99.2, 110, 99.2, 90, 99.3, 60, 99.4, 40, 99.2, .4, 99.2, -.4)},
		}},
		{"a side that weaves about the other's", Area{
			{metresRing(0, 0, 100, 0, 99.6, 20, 100.4, 40, 99.6, 60, 100.4, 70, 99.6, 90, 100, 100, 0, 100)},
			{metresRing(100, 0, 200, 0, 200, 100, 100, 100)},
		}},
		{"a hole along the border", Area{
			{metresRing(0, 0, 100, 0, 100, 100, 0, 100), metresRing(50, 20, 100.6, 20, 100.6, 40, 100.6, 60, 50, 60)},
		}},
		{"a neck that closes", Area{{metresRing(0, 0, 100, 0, 100, 49.8, 30, 49.8, 30, 30, 20, 30, 20, 70, 30, 70, 30, 50.2, 60, 49.5, 100, 50.2, 100, 100, 0, 100)}}},
		{"a corner on an edge along a meridian", Area{
			{metresRing(-900, -900, 900, -900, 900, 900, -900, 900), {{25.28, 54.687}, {25.29, 54.683}, {25.29, 54.69}}, {{25.28, 54.685}, {25.28, 54.6891}, {25.275, 54.687}}},
		}},
		{"a twist at the end of a spike", Area{{metresRing(0, 0, 100, 0, 100, 50, 160, 50, 220, 50.3, 220, 50, 160, 50.4, 100, 60, 0, 60)}}},
	} {
		t.Run("contact/"+c.name, func(t *testing.T) {
			if _, err := NewIndex(area("z", c.area...)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestOverlapsOfRandomRings lays a ring over another that it covers by a known
// depth, with vertices put in near all crossings and elsewhere.
func TestOverlapsOfRandomRings(t *testing.T) {
	alone(t)
	rapid.Check(t, func(t *rapid.T) {
		number := func(from, to float64, name string) float64 {
			return rapid.Float64Range(from, to).Draw(t, name)
		}
		deep := rapid.Bool().Draw(t, "deep")
		depth := number(.05, .6, "depth") // vertices are off by a centimetre
		if deep {
			depth = number(3, 80, "depth")
		}
		// The first is a box to the west of x = 0; the second lies to the east of
		// it, but for its western side, a line of which the ends are beyond the
		// edge by depth, between y = low and high.
		low, high := number(-60, -20, "low"), number(20, 60, "high")
		first := []float64{-150, -100, 0, -100}
		for _, y := range []float64{low, high} {
			first = append(first, 0, y-number(.1, .6, "before"), 0, y+number(.1, .6, "behind"))
		}
		first = append(first, 0, 100, -150, 100)
		second := []float64{number(.2, .7, "out"), high, number(-.7, -.2, "in") * min(depth, 1), high}
		n := rapid.IntRange(1, 6).Draw(t, "vertices")
		for k := range n {
			second = append(second, -depth, high-(high-low)*(float64(k)+.5)/float64(n))
		}
		second = append(second, number(-.7, -.2, "in again")*min(depth, 1), low, number(.2, .7, "out again"), low, 120, low, 120, high)
		rings := []orb.Ring{metresRing(first...), metresRing(second...)}
		for i := range rings {
			if rapid.Bool().Draw(t, "reversed") {
				rings[i].Reverse()
			}
			turn := rapid.IntRange(0, len(rings[i])-1).Draw(t, "turn")
			rings[i] = append(append(orb.Ring{}, rings[i][turn:]...), rings[i][:turn]...)
		}
		if rapid.Bool().Draw(t, "swapped") {
			rings[0], rings[1] = rings[1], rings[0]
		}
		shape, want := Area{{rings[0]}, {rings[1]}}, ErrOverlap
		if rapid.Bool().Draw(t, "holes") {
			shape, want = Area{{metresRing(-500, -500, 500, -500, 500, 500, -500, 500), rings[0], rings[1]}}, ErrIntersection
		}
		switch _, err := NewIndex(area("z", shape...)); {
		case deep && !errors.Is(err, want):
			t.Fatalf("%.2f m deep: %v", depth, err)
		case !deep && err != nil:
			t.Fatalf("%.2f m deep is refused: %v", depth, err)
		}
	})
}

// TestBowTies makes rings of four vertices that cross themselves, everywhere and
// at the poles.
func TestBowTies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := func(from, to float64, name string) float64 {
			return rapid.Float64Range(from, to).Draw(t, name)
		}
		size := math.Pow(10, number(-3.5, -1, "size")) // degrees
		lat := rapid.SampledFrom([]float64{0, 54, 89, 89.9, 89.99, -89.999}).Draw(t, "lat")
		size = min(size, (90-math.Abs(lat))*.9)
		lng := rapid.SampledFrom([]float64{25, 179.99, -180}).Draw(t, "lng")
		wide := min(size/math.Cos(lat*math.Pi/180), 80)
		at := func(x, y float64) orb.Point {
			return orb.Point{math.Remainder(lng+x*wide, 360), lat + y*size}
		}
		a, b, c, d := number(-1, -.5, "a"), number(-1, -.5, "b"), number(.5, 1, "c"), number(.5, 1, "d")
		if _, err := NewIndex(area("z", orb.Polygon{{at(-1, a), at(1, c), at(1, b), at(-1, d)}})); !errors.Is(err, ErrIntersection) {
			t.Fatalf("at %v, of %v degrees: %v", lat, size, err)
		}
	})
}
