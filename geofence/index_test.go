package geofence_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence"
)

// alone is for tests that compute much, in one goroutine. With -short, which is how
// the race detector runs this package, they are left out.
func alone(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("computes much, in one goroutine")
	}
}

// box is a ring round [west, east] × [south, north].
func box(west, south, east, north float64) orb.Ring {
	return orb.Ring{{west, south}, {east, south}, {east, north}, {west, north}, {west, south}}
}

func area(id string, a ...orb.Polygon) Zone {
	return Zone{ID: id, Kind: KindPlace, Shape: Area(a)}
}

func mustIndex(t testing.TB, zones ...Zone) *Index {
	t.Helper()
	x, err := NewIndex(zones...)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// The distances were computed apart from this code: along meridians and
// parallels they are R × angle, and to a meridian R × asin(cos lat × sin Δlng).
func TestGolden(t *testing.T) {
	alone(t)
	shape := func(s Shape) *Index { return mustIndex(t, Zone{ID: "z", Kind: KindPlace, Shape: s}) }
	one := func(polygons ...orb.Polygon) *Index { return shape(Area(polygons)) }
	square := one(orb.Polygon{box(0, 0, 1, 1)})
	wide := one(orb.Polygon{box(0, 59, 10, 60)})
	holed := one(orb.Polygon{box(0, 0, 1, 1), box(.25, .25, .75, .75)}, orb.Polygon{box(.4, .4, .6, .6)})
	halves := one(orb.Polygon{box(0, 0, 1, 1)}, orb.Polygon{box(1, 0, 2, 1)})
	circle := shape(Circle{orb.Point{25.28, 54.687}, 100})
	polarCircle := shape(Circle{orb.Point{0, 90}, 1000})
	corridor := shape(Corridor{orb.LineString{{25, 54}, {25, 55}}, 100})
	dateCorridor := shape(Corridor{orb.LineString{{179, 0}, {-179, 0}}, 100})
	crossing := one(orb.Polygon{box(170, -10, -170, 10)})
	cut := one(orb.Polygon{box(170, -10, 180, 10)}, orb.Polygon{box(-180, -10, -170, 10)})
	cutUnevenly := one(orb.Polygon{box(170, -10, 180, 10)},
		orb.Polygon{{{-180, -10}, {-170, -10}, {-170, 10}, {-180, 10}, {-180, 3}}})
	arctic := one(orb.Polygon{{{0, 80}, {90, 80}, {180, 80}, {-90, 80}}})
	antarctic := one(orb.Polygon{{{-180, -80}, {-90, -80}, {0, -80}, {90, -80}, {180, -80}, {180, -90}, {-180, -90}, {-180, -80}}})
	arcticRing := one(orb.Polygon{{{0, 70}, {90, 70}, {180, 70}, {-90, 70}}, {{0, 80}, {-90, 80}, {-180, 80}, {90, 80}}})
	// A cap, which winds round the pole either way, and a tile that shares an edge with it.
	eastCap := one(orb.Polygon{{{0, 80}, {90, 80}, {180, 80}, {-90, 80}}}, orb.Polygon{box(0, 70, 90, 80)})
	westCap := one(orb.Polygon{{{0, 80}, {-90, 80}, {180, 80}, {90, 80}}}, orb.Polygon{box(0, 70, 90, 80)})
	toPole := one(orb.Polygon{box(0, 80, 10, 90)})
	overPole := one(orb.Polygon{{{170, 80}, {-170, 80}, {-170, 90}, {170, 90}}})
	lune := one(orb.Polygon{box(0, -90, 10, 90)})
	pinched := one(orb.Polygon{{{0, 0}, {2, 0}, {2, 2}, {1, 1}, {0, 2}, {-1, 1}, {1, 1}, {0, .5}}})

	const none = math.MaxFloat64 // the distance is not stated
	for _, c := range []struct {
		name     string
		x        *Index
		lat, lng float64
		inside   bool
		distance float64
	}{
		{"square, middle", square, .5, .5, true, none},
		{"square, in by the west edge", square, .5, .25, true, 27797.7116},
		{"square, out by the west edge", square, .5, -.001, false, 111.19085},
		{"square, far side of the world", square, -.5, -179.5, false, none},
		{"square, its equator edge is geodesic", square, -.001, .5, false, 111.19508},
		{"a northern edge is straight in degrees, not the shorter way by 60.1 N", wide, 60.001, 5, false, 111.19508},
		{"below that edge", wide, 59.999, 5, true, 111.19508},
		{"above a southern edge", wide, 59.001, 5, true, 111.19508},
		{"in the ring between border and hole", holed, .5, .125, true, none},
		{"in the hole", holed, .5, .3, false, none},
		{"on the island in the hole", holed, .5, .5, true, none},
		{"across a shared edge", halves, .5, 1, true, 55597.5401},
		{"circle, 10 m within", circle, 54.68780938832735, 25.28, true, 10},
		{"circle, 47.83 m out", circle, 54.687, 25.2823, false, 47.833682},
		{"circle, 5 cm within", circle, 54.68789887, 25.28, true, .05},
		{"circle, 5 cm out", circle, 54.68789977, 25.28, false, .05},
		{"circle, center", circle, 54.687, 25.28, true, 100},
		{"circle round the pole", polarCircle, 90 - 0.0044966, 123, true, 500.0},
		{"corridor, beside", corridor, 54.5, 25.001, true, 35.428688},
		{"corridor, beyond its end", corridor, 55.001, 25, false, 11.19508},
		{"corridor over the antimeridian", dateCorridor, 0, 180, true, 100},
		{"not the long way round", dateCorridor, 0, 0, false, none},
		{"antimeridian, on it", crossing, 0, 180, true, none},
		{"antimeridian, its other name", crossing, 0, -180, true, none},
		{"antimeridian, west part", crossing, 0, 171, true, 111195.0802},
		{"antimeridian, east part", crossing, 0, -171, true, 111195.0802},
		{"antimeridian, out", crossing, 0, 169, false, 111195.0802},
		{"antimeridian, other side of the world", crossing, 0, 0, false, none},
		{"cut, on it", cut, 0, 180, true, none},
		{"cut, the cut is no border", cut, 0, 179.999, true, 1111839.607},
		{"cut, east part", cut, 0, -171, true, 111195.0802},
		{"cut with one more vertex on one side", cutUnevenly, 0, 179.999, true, 1111839.607},
		{"arctic, pole", arctic, 90, 0, true, 1111950.8},
		{"arctic, pole by another name", arctic, 90, -77, true, 1111950.8},
		{"arctic, north of a parallel between far vertices", arctic, 80.001, 45, true, 111.195},
		{"arctic, south of it", arctic, 79.999, 45, false, 111.195},
		{"arctic, other pole", arctic, -90, 0, false, none},
		{"antarctic, pole", antarctic, -90, 12, true, 1111950.8},
		{"antarctic, along the seam", antarctic, -85, 180, true, 555975.4},
		{"antarctic, out", antarctic, -79.999, 45, false, 111.195},
		{"ring round a pole, pole", arcticRing, 90, 0, false, 1111950.8},
		{"ring round a pole, in it", arcticRing, 75, 33, true, 555975.4},
		{"ring round a pole, south", arcticRing, 69, 33, false, 111195.08},
		{"cap and tile, from the shared edge to the next", eastCap, 80.001, 10, true, 192841.098},
		{"the same cap westwards", westCap, 80.001, 10, true, 192841.098},
		{"to the pole, in", toPole, 85, 5, true, none},
		{"to the pole, out", toPole, 85, 15, false, none},
		{"to the pole across the antimeridian, in", overPole, 85, 180, true, none},
		{"to the pole across the antimeridian, out", overPole, 85, 0, false, none},
		{"lune, in", lune, 0, 5, true, 555975.4},
		{"lune, out", lune, 0, 15, false, none},
		{"touching itself in a vertex, one lobe", pinched, 1.2, .5, true, none},
		{"touching itself in a vertex, other lobe", pinched, .5, 1.5, true, none},
		{"touching itself in a vertex, between", pinched, 1.9, 1, false, none},
		{"NaN", square, math.NaN(), .5, false, math.NaN()},
		{"infinite", square, .5, math.Inf(1), false, math.NaN()},
		{"out of range", square, .5, 360.5, false, math.NaN()},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, p := c.x, em.LatLng{Lat: c.lat, Lng: c.lng}
			if got := len(x.Append(nil, p)) == 1; got != c.inside {
				t.Errorf("inside: %v, want %v", got, c.inside)
			}
			got := x.Distance(0, p)
			if math.IsNaN(c.distance) {
				if side, d := x.Classify(0, p, 1); !math.IsNaN(got) || side != em.SideUnknown || !math.IsNaN(d) {
					t.Errorf("distance %v, side %v, want NaN and unknown", got, side)
				}
				return
			}
			if inside := got <= 0; inside != c.inside {
				t.Errorf("distance %v has the wrong sign", got)
			}
			if tolerance := max(0.1, c.distance*1e-6); c.distance != none && math.Abs(math.Abs(got)-c.distance) > tolerance {
				t.Errorf("distance %v, want %v", got, c.distance)
			}
		})
	}
}

func TestSeveralZones(t *testing.T) {
	x := mustIndex(t,
		Zone{ID: "circle", Kind: KindHome, Shape: Circle{orb.Point{.5, .5}, 10_000}},
		area("west", orb.Polygon{box(0, 0, .5, 1)}),
		area("east", orb.Polygon{box(.5, 0, 1, 1)}),
		area("all", orb.Polygon{box(0, 0, 1, 1)}),
		Zone{ID: "road", Kind: KindPlace, Shape: Corridor{orb.LineString{{0, .5}, {1, .5}}, 100}},
	)
	west, east := em.LatLng{Lat: .5, Lng: .49}, em.LatLng{Lat: .5, Lng: .51}
	nowhere, border := em.LatLng{Lat: 2}, em.LatLng{Lat: .7, Lng: .5}
	if got := x.Append([]int{7}, west); !slices.Equal(got, []int{7, 0, 1, 3, 4}) {
		t.Errorf("west: %v", got)
	}
	if got := x.Append(nil, east); !slices.Equal(got, []int{0, 2, 3, 4}) {
		t.Errorf("east: %v", got)
	}
	if got := x.Append(nil, border); len(got) != 2 {
		t.Errorf("on the border of two: in %v, want one of them and zone 3", got)
	}
	got := x.AppendBatch(nil, []em.LatLng{nowhere, east, {Lat: math.NaN()}, west})
	want := []Hit{{1, 0}, {1, 2}, {1, 3}, {1, 4}, {3, 0}, {3, 1}, {3, 3}, {3, 4}}
	if !slices.Equal(got, want) {
		t.Errorf("batch: %v, want %v", got, want)
	}
	if i, ok := x.Lookup("east"); !ok || i != 2 || x.Zone(i).ID != "east" {
		t.Errorf("Lookup: %d, %v", i, ok)
	}
	if _, ok := x.Lookup("north"); ok || x.Len() != 5 {
		t.Error("Lookup found what is not there, or Len is wrong")
	}
	for _, empty := range []*Index{nil, {}, mustIndex(t)} {
		if n := len(empty.Append(nil, west)) + len(empty.AppendBatch(nil, []em.LatLng{west})) + empty.Len(); n != 0 {
			t.Error("an empty index found something")
		}
	}
}

func TestClassify(t *testing.T) {
	x := mustIndex(t, Zone{ID: "c", Kind: KindHome, Shape: Circle{orb.Point{25.28, 54.687}, 100}})
	in, out := em.LatLng{Lat: 54.687, Lng: 25.28}, em.LatLng{Lat: 54.687, Lng: 25.2823} // -100 m, 47.83 m
	d := x.Distance(0, out)
	for _, c := range []struct {
		name   string
		p      em.LatLng
		radius float64
		want   em.Side
	}{
		{"wholly inside", in, 99.9, em.Inside},
		{"touching the edge from inside", in, 100, em.Inside},
		{"across the edge", in, 100.1, em.SideUnknown},
		{"wholly outside", out, 47, em.Outside},
		{"touching the edge from outside is no proof", out, d, em.SideUnknown},
		{"a position without doubt", in, 0, em.Inside},
		{"negative radius", in, -1, em.SideUnknown},
		{"NaN radius", in, math.NaN(), em.SideUnknown},
		{"infinite radius", in, math.Inf(1), em.SideUnknown},
	} {
		if got, _ := x.Classify(0, c.p, c.radius); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestZoneErrors(t *testing.T) {
	ok := area("ok", orb.Polygon{box(0, 0, 1, 1)})
	circle := func(lng, lat, r float64) Zone {
		return Zone{ID: "z", Kind: KindHome, Shape: Circle{orb.Point{lng, lat}, r}}
	}
	corridor := func(half float64, line ...orb.Point) Zone {
		return Zone{ID: "z", Kind: KindPlace, Shape: Corridor{line, half}}
	}
	withRing := func(r ...orb.Point) Zone { return area("z", orb.Polygon{r}) }
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name                  string
		zone                  Zone
		want                  error
		polygon, ring, vertex int
	}{
		{"no id", Zone{Kind: KindHome, Shape: ok.Shape}, ErrID, -1, -1, -1},
		{"duplicate id", ok, ErrDuplicateID, -1, -1, -1},
		{"no kind", Zone{ID: "z", Shape: ok.Shape}, ErrKind, -1, -1, -1},
		{"unknown kind", Zone{ID: "z", Kind: "exclude", Shape: ok.Shape}, ErrKind, -1, -1, -1},
		{"no shape", Zone{ID: "z", Kind: KindHome}, ErrShape, -1, -1, -1},
		{"pointer to a shape", Zone{ID: "z", Kind: KindHome, Shape: &Circle{}}, ErrShape, -1, -1, -1},
		{"circle, radius zero", circle(0, 0, 0), ErrRadius, -1, -1, -1},
		{"circle, radius negative", circle(0, 0, -1), ErrRadius, -1, -1, -1},
		{"circle, radius NaN", circle(0, 0, nan), ErrRadius, -1, -1, -1},
		{"circle, radius too large", circle(0, 0, MaxRadius+1), ErrRadius, -1, -1, -1},
		{"circle, center NaN", circle(nan, 0, 5), ErrCoordinate, -1, -1, -1},
		{"circle, center out of range", circle(0, 91, 5), ErrCoordinate, -1, -1, -1},
		{"corridor, width zero", corridor(0, orb.Point{0, 0}, orb.Point{1, 1}), ErrHalfWidth, -1, -1, -1},
		{"corridor, width infinite", corridor(inf, orb.Point{0, 0}, orb.Point{1, 1}), ErrHalfWidth, -1, -1, -1},
		{"corridor, empty", corridor(5), ErrFewVertices, -1, -1, -1},
		{"corridor, one place", corridor(5, orb.Point{10, 1}, orb.Point{10, 1}), ErrFewVertices, -1, -1, -1},
		{"corridor, one place by two names", corridor(5, orb.Point{180, 1}, orb.Point{-180, 1}), ErrAmbiguous, -1, -1, 0},
		{"corridor, one pole by two names", corridor(5, orb.Point{10, 90}, orb.Point{20, 90}), ErrFewVertices, -1, -1, -1},
		{"corridor, bad vertex", corridor(5, orb.Point{0, 0}, orb.Point{1, 1}, orb.Point{2, inf}), ErrCoordinate, -1, -1, 2},
		{"corridor, half the world", corridor(5, orb.Point{0, 0}, orb.Point{1, 1}, orb.Point{-179, 1}), ErrAmbiguous, -1, -1, 1},
		{"area, empty", area("z"), ErrEmpty, -1, -1, -1},
		{"area, empty polygon", area("z", orb.Polygon{box(0, 0, 1, 1)}, orb.Polygon{}), ErrEmpty, 1, -1, -1},
		{"ring, empty", area("z", orb.Polygon{box(0, 0, 1, 1), {}}), ErrFewVertices, 0, 1, -1},
		{"ring, two vertices", withRing(orb.Point{0, 0}, orb.Point{1, 0}, orb.Point{0, 0}), ErrFewVertices, 0, 0, -1},
		{"ring, two vertices again and again", withRing(orb.Point{0, 0}, orb.Point{1, 0}, orb.Point{1, 0}, orb.Point{0, 0}, orb.Point{1, 0}), ErrFewVertices, 0, 0, -1},
		{"ring, one pole by three names", withRing(orb.Point{0, 90}, orb.Point{1, 90}, orb.Point{2, 90}), ErrNoArea, 0, 0, -1},
		{"ring, NaN", withRing(orb.Point{0, 0}, orb.Point{1, 0}, orb.Point{1, nan}), ErrCoordinate, 0, 0, 2},
		{"ring, longitude out of range", area("z", orb.Polygon{box(0, 0, 1, 1)}, orb.Polygon{box(0, 2, 181, 3)}), ErrCoordinate, 1, 0, 1},
		{"ring, half the world", withRing(orb.Point{-90, 0}, orb.Point{90, 0}, orb.Point{0, 50}), ErrAmbiguous, 0, 0, 0},
		{"ring, all the world", area("z", orb.Polygon{box(-180, -60, 180, 60)}), ErrAmbiguous, 0, 0, 0},
		{"ring, equator", withRing(orb.Point{0, 0}, orb.Point{90, 0}, orb.Point{180, 0}, orb.Point{-90, 0}), ErrAmbiguous, 0, 0, -1},
		{"ring, winds round a pole that it touches", withRing(orb.Point{0, 90}, orb.Point{90, 80}, orb.Point{179, 80}, orb.Point{-90, 80}), ErrAmbiguous, 0, 0, -1},
		{"ring, both poles and all longitudes", withRing(orb.Point{-180, -90}, orb.Point{180, -90}, orb.Point{180, 90}, orb.Point{-180, 90}), ErrNoArea, 0, 0, -1},
		{"ring, a spiral from pole to pole", withRing(orb.Point{0, -90}, orb.Point{170, -30}, orb.Point{-20, 0}, orb.Point{150, 30}, orb.Point{150, 90}, orb.Point{140, 30}, orb.Point{-30, 0}, orb.Point{160, -30}), ErrAmbiguous, 0, 0, -1},
		{"ring, winds twice", withRing(orb.Point{0, 70}, orb.Point{120, 70}, orb.Point{-120, 70}, orb.Point{0, 75}, orb.Point{120, 75}, orb.Point{-120, 75}), ErrIntersection, 0, 0, -1},
		{"ring, no area", withRing(orb.Point{0, 0}, orb.Point{1, 1}, orb.Point{2, 2}), ErrNoArea, 0, 0, -1},
		{"ring, there and back", withRing(orb.Point{0, 0}, orb.Point{1, 1}, orb.Point{2, 3}, orb.Point{1, 1}), ErrNoArea, 0, 0, -1},
		{"bow tie", withRing(orb.Point{0, 0}, orb.Point{1, 1}, orb.Point{1, 0}, orb.Point{0, 1}), ErrIntersection, 0, 0, 0},
		{"bow tie, unequal", withRing(orb.Point{0, 0}, orb.Point{3, 3}, orb.Point{3, 0}, orb.Point{0, 1}), ErrIntersection, 0, 0, 0},
		{"bow tie with a vertex at the crossing", withRing(orb.Point{0, 0}, orb.Point{1, 1}, orb.Point{2, 2}, orb.Point{2, 0}, orb.Point{1, 1}, orb.Point{0, 1.5}), ErrIntersection, 0, 0, 1},
		{"bow tie of 20 m", withRing(orb.Point{25, 54}, orb.Point{25.0003, 54.0002}, orb.Point{25.0003, 54}, orb.Point{25, 54.0002}), ErrIntersection, 0, 0, 0},
		{"bow tie across the antimeridian", withRing(orb.Point{179, 0}, orb.Point{-179, 1}, orb.Point{-179, 0}, orb.Point{179, 1.5}), ErrIntersection, 0, 0, 0},
		{"traced twice", withRing(orb.Point{0, 0}, orb.Point{1, 0}, orb.Point{1, 1}, orb.Point{0, 0}, orb.Point{1, 0}, orb.Point{1, 1}), ErrIntersection, 0, 0, 0},
		{"hole crosses the border", area("z", orb.Polygon{box(0, 0, 1, 1), box(.5, .5, 2, .6)}), ErrIntersection, 0, 0, 1},
		{"hole outside", area("z", orb.Polygon{box(0, 0, 1, 1), box(2, 2, 3, 3)}), ErrHole, 0, 1, -1},
		{"hole round the polygon", area("z", orb.Polygon{box(0, 0, 1, 1), box(-1, -1, 3, 3)}), ErrHole, 0, 1, -1},
		{"hole in a hole", area("z", orb.Polygon{box(0, 0, 1, 1), box(.1, .1, .9, .9), box(.2, .2, .3, .3)}), ErrHole, 0, 2, -1},
		{"hole equal to the polygon", area("z", orb.Polygon{box(0, 0, 1, 1), box(0, 0, 1, 1)}), ErrNoArea, -1, -1, -1},
		{"polygon twice", area("z", orb.Polygon{box(0, 0, 1, 1)}, orb.Polygon{box(0, 0, 1, 1)}), ErrOverlap, 0, 0, 0},
		{"polygon within another", area("z", orb.Polygon{box(0, 0, 1, 1)}, orb.Polygon{box(.2, .2, .8, .8)}), ErrOverlap, 0, 0, 0},
		{"polygons cross", area("z", orb.Polygon{box(0, 0, 1, 1)}, orb.Polygon{box(.5, .5, 1.5, 1.5)}), ErrOverlap, 0, 0, 1},
		{"polygons cross at the antimeridian", area("z", orb.Polygon{box(170, 0, -170, 1)}, orb.Polygon{box(-175, .5, -165, .7)}), ErrOverlap, 0, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := NewIndex(ok, c.zone)
			var e *ZoneError
			if !errors.Is(err, c.want) || !errors.As(err, &e) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if e.Index != 1 || e.Zone != c.zone.ID || e.Polygon != c.polygon || e.Ring != c.ring || e.Vertex != c.vertex {
				t.Errorf("at zone %d %q, polygon %d, ring %d, vertex %d; want polygon %d, ring %d, vertex %d (%v)",
					e.Index, e.Zone, e.Polygon, e.Ring, e.Vertex, c.polygon, c.ring, c.vertex, err)
			}
			if text := err.Error(); !strings.HasPrefix(text, "geofence: zone 1 (") || !strings.Contains(text, c.want.Error()) {
				t.Errorf("text: %s", text)
			}
		})
	}
}

func TestTooLarge(t *testing.T) {
	alone(t)
	// A comb of edges that each span nearly half the globe at 45 N takes some
	// 17,000 vertices an edge.
	var line orb.LineString
	for i := range 600 {
		lat := 45 + float64(i)/1000
		line = append(line, orb.Point{0, lat}, orb.Point{179, lat})
	}
	var e *ZoneError
	_, err := NewIndex(Zone{ID: "z", Kind: KindPlace, Shape: Corridor{line, 5}})
	if !errors.Is(err, ErrTooLarge) || !errors.As(err, &e) || e.Vertex < 200 {
		t.Errorf("corridor: %v", err)
	}
	ring := append(orb.Ring(line), orb.Point{179, 50}, orb.Point{0, 50})
	if _, err = NewIndex(area("z", orb.Polygon{ring})); !errors.Is(err, ErrTooLarge) {
		t.Errorf("area: %v", err)
	}
}

func TestAcceptedContacts(t *testing.T) {
	for _, c := range []struct {
		name string
		area []orb.Polygon
	}{
		{"hole touches the border in a vertex on an edge", []orb.Polygon{{box(0, 59, 1, 60), {{.3, 60}, {.2, 59.5}, {.4, 59.5}}}}},
		{"hole touches the border in a vertex", []orb.Polygon{{box(0, 59, 1, 60), {{0, 60}, {.2, 59.5}, {.4, 59.5}}}}},
		{"parts share part of an edge", []orb.Polygon{{box(0, 59, 1, 60)}, {box(.3, 60, .7, 61)}}},
		{"parts share a vertex", []orb.Polygon{{box(0, 59, 1, 60)}, {box(1, 60, 2, 61)}}},
		{"part in a hole, touching it all round", []orb.Polygon{{box(0, 59, 1, 60), box(.2, 59.2, .4, 59.4)}, {box(.2, 59.2, .4, 59.4)}}},
		{"a spike", []orb.Polygon{{{{0, 0}, {1, 0}, {2, 0}, {1, 0}, {1, 1}}}}},
		{"a vertex repeated", []orb.Polygon{{{{0, 0}, {1, 0}, {1, 0}, {1, 1}, {1, 1}, {0, 0}, {0, 0}}}}},
		{"a crossing of half a metre, as rounding leaves", []orb.Polygon{{{{0, 0}, {1, 0}, {1, 1}, {.5, -.000004}}}}},
	} {
		if _, err := NewIndex(area("z", c.area...)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestConcurrentReaders(t *testing.T) {
	x := mustIndex(t, area("a", orb.Polygon{box(0, 0, 1, 1), box(.4, .4, .6, .6)}),
		Zone{ID: "c", Kind: KindHome, Shape: Circle{orb.Point{.2, .2}, 20_000}},
		Zone{ID: "r", Kind: KindPlace, Shape: Corridor{orb.LineString{{0, 0}, {1, 1}}, 500}})
	type answer struct {
		zones []int
		d     [3]float64
	}
	ask := func(p em.LatLng) answer {
		return answer{x.Append(nil, p), [3]float64{x.Distance(0, p), x.Distance(1, p), x.Distance(2, p)}}
	}
	r := rand.New(rand.NewPCG(1, 2))
	points := make([]em.LatLng, 300)
	want := make([]answer, len(points))
	for i := range points {
		points[i] = em.LatLng{Lat: r.Float64()*1.2 - .1, Lng: r.Float64()*1.2 - .1}
		want[i] = ask(points[i])
	}
	batch := x.AppendBatch(nil, points)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i, p := range points {
				if got := ask(p); !slices.Equal(got.zones, want[i].zones) || got.d != want[i].d {
					t.Errorf("point %d: %v, alone %v", i, got, want[i])
				}
			}
			if !slices.Equal(x.AppendBatch(nil, points), batch) {
				t.Error("the batch differs")
			}
		})
	}
	wg.Wait()
}

func TestAllocations(t *testing.T) {
	x := mustIndex(t, area("a", orb.Polygon{box(0, 0, 1, 1)}), area("b", orb.Polygon{box(0, 0, .5, 1)}),
		Zone{ID: "c", Kind: KindHome, Shape: Circle{orb.Point{2, 2}, 1000}},
		Zone{ID: "r", Kind: KindPlace, Shape: Corridor{orb.LineString{{2, 2}, {3, 3}}, 500}})
	dst, hits := make([]int, 0, 8), make([]Hit, 0, 8)
	only := map[int]bool{1: true, 2: true}
	var scratch Scratch
	applies := Filter(func(_, zone int) bool { return only[zone] })
	points := []em.LatLng{{Lat: 5, Lng: 5}, {Lat: 2, Lng: 2}, {Lat: .5, Lng: .25}, {Lat: .5, Lng: .500001}, {Lat: .5, Lng: .5000001}}
	for _, p := range points {
		for name, f := range map[string]func(){
			"Append":     func() { dst = x.Append(dst[:0], p) },
			"AppendE7":   func() { dst = x.AppendE7(dst[:0], E7{int32(math.Round(p.Lat * 1e7)), int32(math.Round(p.Lng * 1e7))}) },
			"AppendFunc": func() { dst = x.AppendFunc(dst[:0], p, applies) },
		} {
			if n := testing.AllocsPerRun(100, f); n > 0 {
				t.Errorf("%s at %v: %v allocations", name, p, n)
			}
		}
	}
	for name, f := range map[string]func(){
		"AppendBatch":       func() { hits = x.AppendBatch(hits[:0], points) },
		"AppendBatchE7":     func() { hits = x.AppendBatchE7(hits[:0], []E7{{5e6, 2.5e6}, {5e6, 7e6}}) },
		"AppendBatchSorted": func() { hits = x.AppendBatchSorted(hits[:0], points, &scratch) },
		"AppendBatchFunc":   func() { hits = x.AppendBatchFunc(hits[:0], points, applies) },
	} {
		if n := testing.AllocsPerRun(100, f); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if n := testing.AllocsPerRun(100, func() { x.Distance(3, em.LatLng{Lat: 2.2, Lng: 2.1}) }); n > 0 {
		t.Errorf("Distance: %v allocations", n)
	}
}

// TestSortedBatch compares it with AppendBatch, with the hits in its order.
func TestSortedBatch(t *testing.T) {
	seed := uint64(31)
	r := rand.New(rand.NewPCG(seed, 1))
	var scratch Scratch
	for _, zones := range [][]Zone{
		syntheticZones(5, 500, .1),
		{area("all", orb.Polygon{box(-170, -80, 0, 80)}), area("date", orb.Polygon{box(170, 0, -170, 1)})},
		{area("small", orb.Polygon{box(25, 54, 25.0001, 54.0001)})},
	} {
		x := mustIndex(t, zones...)
		var areas []Area
		for _, z := range zones {
			areas = append(areas, z.Shape.(Area))
		}
		for _, n := range []int{5, 700, 3000} {
			points := append(hardPoints(r, areas, n), em.LatLng{Lat: math.NaN()}, em.LatLng{Lat: .5, Lng: 180})
			got := x.AppendBatchSorted(nil, points, &scratch)
			slices.SortStableFunc(got, func(a, b Hit) int { return int(a.Point - b.Point) })
			if want := x.AppendBatch(nil, points); !slices.Equal(got, want) {
				t.Fatalf("seed %d, %s, %d points: %d hits, want %d", seed, zones[0].ID, n, len(got), len(want))
			}
			round := make([]E7, len(points))
			for i, p := range points {
				if round[i] = (E7{Lat: math.MaxInt32}); p.Valid() {
					round[i] = RoundPoint(orb.Point{p.Lng, p.Lat})
				}
				if p.Valid() {
					points[i] = round[i].LatLng()
				}
			}
			e7, want := x.AppendBatchE7(nil, round), x.AppendBatch(nil, points)
			if !slices.Equal(e7, want) {
				t.Fatalf("seed %d, %s, %d points: %d hits as E7, want %d", seed, zones[0].ID, n, len(e7), len(want))
			}
			for i, e := range round {
				var single []int
				for ; len(e7) > 0 && int(e7[0].Point) == i; e7 = e7[1:] {
					single = append(single, int(e7[0].Zone))
				}
				if got := x.AppendE7(nil, e); !slices.Equal(got, single) {
					t.Fatalf("seed %d, %v: %v, in a batch %v", seed, e, got, single)
				}
			}
		}
	}
}

func TestFilter(t *testing.T) {
	x := mustIndex(t, area("a", orb.Polygon{box(0, 0, 1, 1)}), area("b", orb.Polygon{box(0, 0, 1, 1)}),
		Zone{ID: "c", Kind: KindHome, Shape: Circle{orb.Point{.5, .5}, 1000}}, area("d", orb.Polygon{box(170, 0, -170, 1)}),
		area("e", orb.Polygon{box(0, 80, 20, 90)}))
	points := []em.LatLng{{Lat: .5, Lng: .5}, {Lat: 1e-9, Lng: .5}, {Lat: .5, Lng: 180}, {Lat: 89.95, Lng: 10}, {Lat: .5, Lng: .5}}
	for only := range 5 {
		var got []Hit
		for _, h := range x.AppendBatch(nil, points) {
			if int(h.Zone) == only && h.Point != 0 {
				got = append(got, h)
			}
		}
		applies := func(point, zone int) bool { return zone == only && point != 0 }
		if want := x.AppendBatchFunc(nil, points, applies); !slices.Equal(got, want) || len(got) == 0 {
			t.Errorf("zone %d: %v, afterwards %v", only, want, got)
		}
		for i, p := range points {
			in := slices.Contains(x.Append(nil, p), only)
			if got := x.AppendFunc(nil, p, func(_, zone int) bool { return zone == only }); in != (len(got) == 1) {
				t.Errorf("zone %d, point %d: %v, and it is in it: %v", only, i, got, in)
			}
		}
	}
}

func TestOptions(t *testing.T) {
	zones := syntheticZones(9, 2000, .2)
	var parts []float64
	x, err := Options{Workers: 3, Progress: func(part float64) error {
		parts = append(parts, part)
		return nil
	}}.Build(zones)
	if err != nil {
		t.Fatal(err)
	}
	if len(parts) < 5 || parts[len(parts)-1] != 1 {
		t.Errorf("progress %v", parts)
	}
	y, err := Options{Workers: 1}.Build(zones)
	if err != nil {
		t.Fatal(err)
	}
	if !x.SameTree(y) {
		t.Error("the index depends on the number of workers")
	}
	stop := errors.New("stop")
	if _, err := (Options{Progress: func(part float64) error {
		if part > .2 {
			return stop
		}
		return nil
	}}).Build(zones); err != stop {
		t.Errorf("stopped: %v", err)
	}
	// The first zone with an error is named, however many workers.
	zones[1500].Kind, zones[700].ID, zones[1999].Shape = "", "", nil
	var e *ZoneError
	if _, err := (Options{Workers: 4}).Build(zones); !errors.As(err, &e) || e.Index != 700 || !errors.Is(e, ErrID) {
		t.Errorf("%v, want zone 700 without id", err)
	}
	zones[650].ID = zones[3].ID
	if _, err := (Options{}).Build(zones); !errors.As(err, &e) || e.Index != 650 || !errors.Is(e, ErrDuplicateID) {
		t.Errorf("%v, want zone 650 with the ID of 3", err)
	}
}

// TestTiles looks into the cells of an index: a tile that has no edges, by what
// its entry says, must be on one side of them all, and not near any.
func TestTiles(t *testing.T) {
	alone(t)
	for name, zones := range map[string][]Zone{
		"far and wide": fileZones(),
		"close":        syntheticZones(9, 300, .05),
	} {
		t.Run(name, func(t *testing.T) {
			seed := uint64(0x711e5)
			closed, faults := mustIndex(t, zones...).TileFaults(rand.New(rand.NewPCG(seed, 1)), 5)
			if faults > 0 || closed < 50_000 {
				t.Errorf("seed %#x: %d of %d points of tiles are not where they are said to be", seed, faults, closed)
			}
		})
	}
}
