package geofence_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/golang/geo/s2"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence"
)

// oracle is golang/geo by itself: each zone one polygon of the rounded and
// split rings.
type oracle struct {
	index *s2.ShapeIndex
	query *s2.ContainsPointQuery
	zone  map[s2.Shape]int
}

type anchored struct {
	*s2.LaxPolygon
	pole bool
}

func (a anchored) ReferencePoint() s2.ReferencePoint {
	return s2.ReferencePoint{Point: ToPoint(0, 90), Contained: a.pole}
}

// newOracle makes one of an index, whose zones contain the north pole or not;
// no edge touches it.
func newOracle(x *Index, pole ...bool) *oracle {
	o := &oracle{index: s2.NewShapeIndex(), zone: map[s2.Shape]int{}}
	for i := range x.Len() {
		shape := &anchored{s2.LaxPolygonFromPoints(x.Rings(i)), len(pole) > i && pole[i]}
		o.zone[shape] = i
		o.index.Add(shape)
	}
	o.index.Build()
	o.query = s2.NewContainsPointQuery(o.index, s2.VertexModelSemiOpen)
	return o
}

func (o *oracle) zones(p em.LatLng) []int {
	var zones []int
	for _, s := range o.query.ContainingShapes(ToPoint(p.Lng, p.Lat)) {
		zones = append(zones, o.zone[s])
	}
	slices.Sort(zones)
	return zones
}

// hardPoints are points anywhere in and near the areas, on their vertices, and
// a hair to each side of their edges.
func hardPoints(r *rand.Rand, areas []Area, n int) []em.LatLng {
	var rings []orb.Ring
	bound := orb.Bound{Min: orb.Point{180, 90}, Max: orb.Point{-180, -90}}
	for _, a := range areas {
		bound = bound.Union(orb.MultiPolygon(a).Bound())
		for _, polygon := range a {
			rings = append(rings, polygon...)
		}
	}
	points := []em.LatLng{{Lat: 90}, {Lat: -90}, {Lat: 90, Lng: 25}, {Lng: 180}, {Lng: -180}}
	for len(points) < n {
		switch ring := rings[r.IntN(len(rings))]; r.IntN(4) {
		case 0:
			points = append(points, em.LatLng{
				Lat: bound.Min[1] + r.Float64()*(bound.Max[1]-bound.Min[1]),
				Lng: bound.Min[0] + r.Float64()*(bound.Max[0]-bound.Min[0])})
		case 1:
			v := ring[r.IntN(len(ring))]
			points = append(points, em.LatLng{Lat: v[1], Lng: v[0]})
		default:
			k := r.IntN(len(ring) - 1)
			a, b, t := ring[k], ring[k+1], r.Float64()
			if r.IntN(8) == 0 {
				t = 0
			}
			off := func() float64 {
				if r.IntN(4) == 0 {
					return 0
				}
				return (r.Float64() - .5) * math.Pow10(-5-r.IntN(12))
			}
			points = append(points, em.LatLng{
				Lat: max(-90, min(90, a[1]+t*(b[1]-a[1])+off())),
				Lng: math.Remainder(a[0]+t*math.Remainder(b[0]-a[0], 360)+off(), 360)})
		}
	}
	return points
}

// hexagons is an invented map: a mosaic that shares all its borders, with a
// hole in each tile and an island in each hole.
func hexagons() []Area {
	var areas []Area
	corner := func(x, y, size float64, k int) orb.Point {
		sin, cos := math.Sincos(float64(k) * math.Pi / 3)
		return orb.Point{x + size*cos, y + size*sin}
	}
	ring := func(x, y, size float64) orb.Ring {
		var r orb.Ring
		for k := range 7 {
			p := corner(x, y, size, k%6)
			r = append(r, orb.Point{math.Round(p[0]*1e6) / 1e6, math.Round(p[1]*1e6) / 1e6})
		}
		return r
	}
	const size = .05
	for i := range 8 {
		for j := range 8 {
			x, y := 24+1.5*size*float64(i), 54+math.Sqrt(3)*size*(float64(j)+float64(i%2)/2)
			areas = append(areas, Area{{ring(x, y, size), ring(x, y, size/2)}, {ring(x, y, size/4)}})
		}
	}
	return areas
}

// readAreas reads a file of real zones; those that NewIndex refuses are left
// out, and may be no more than some.
func readAreas(t testing.TB, file string) []Area {
	t.Helper()
	all := allAreas(t, file)
	areas := slices.DeleteFunc(slices.Clone(all), func(a Area) bool {
		return !accepted(area("z", a...))
	})
	if refused := len(all) - len(areas); refused > len(all)/10 {
		t.Fatalf("%d of %d zones refused", refused, len(all))
	}
	return areas
}

// accepted reports whether a zone is accepted: a Set takes what an Index does, and
// less time.
func accepted(z Zone) bool {
	_, err := NewSet(z)
	return err == nil
}

// realZones reads a file of real zones; those that are refused are taken as EvenOdd.
func realZones(t testing.TB, file string) []Zone {
	t.Helper()
	var zones []Zone
	for i, a := range allAreas(t, file) {
		z := Zone{ID: fmt.Sprint(i), Kind: KindPlace, Shape: a}
		z.EvenOdd = !accepted(z)
		zones = append(zones, z)
	}
	return zones
}

// crossedZones are invented zones that cross themselves: stars that go round their
// middle several times, and pairs of rings that overlap.
func crossedZones(seed uint64, n int) []Zone {
	r := rand.New(rand.NewPCG(seed, 78))
	zones := syntheticZones(seed, 2*n, .5)
	for i := range n {
		ring := zones[i].Shape.(Area)[0][0]
		corners := ring[:len(ring)-1]
		crossed := make(orb.Ring, 0, len(ring))
		for k, step := 0, 1+2*r.IntN(len(corners)/4); len(crossed) < len(corners); k = (k + step) % len(corners) {
			if slices.Contains(crossed, corners[k]) {
				break
			}
			crossed = append(crossed, corners[k])
		}
		crossed = append(crossed, crossed[0])
		beside := slices.Clone(ring)
		for k := range beside {
			beside[k][0] += .001
		}
		zones[i].Shape, zones[i].EvenOdd = Area{{crossed}, {beside}}, true
	}
	return zones // the others cross nothing
}

// allAreas reads a file of real zones.
func allAreas(t testing.TB, file string) []Area {
	t.Helper()
	dir := os.Getenv("EM_DATA")
	if dir == "" {
		if os.Getenv("EM_REQUIRE") != "" {
			t.Fatal("EM_DATA is not set")
		}
		t.Skip("EM_DATA is not set: not compared on real zones")
	}
	b, err := os.ReadFile(filepath.Join(dir, "zones", file))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Features []struct {
			Geometry struct {
				Type        string
				Coordinates json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	var areas []Area
	for i, f := range doc.Features {
		var a Area
		switch f.Geometry.Type {
		case "Polygon":
			a = make(Area, 1)
			err = json.Unmarshal(f.Geometry.Coordinates, &a[0])
		case "MultiPolygon":
			err = json.Unmarshal(f.Geometry.Coordinates, &a)
		default:
			t.Fatalf("feature %d is a %s", i, f.Geometry.Type)
		}
		if err != nil {
			t.Fatal(err)
		}
		areas = append(areas, a)
	}
	return areas
}

// compare fails where an index and golang/geo differ, or the ways of asking it.
func compare(t *testing.T, seed uint64, x *Index, o *oracle, points []em.LatLng, hits []Hit) {
	t.Helper()
	var got, single []int
	for i, p := range points {
		got = got[:0]
		for ; len(hits) > 0 && int(hits[0].Point) == i; hits = hits[1:] {
			got = append(got, int(hits[0].Zone))
		}
		if want := o.zones(p); !slices.Equal(got, want) {
			t.Fatalf("seed %#x, point %d (%v): in %v, golang/geo says %v", seed, i, p, got, want)
		}
		if single = x.Append(single[:0], p); !slices.Equal(got, single) {
			t.Fatalf("seed %#x, point %d (%v): in %v, by itself %v", seed, i, p, got, single)
		}
	}
	if len(hits) > 0 {
		t.Fatalf("%d hits too many", len(hits))
	}
}

// TestAgreesAtTheEdgesOfThePlane compares with golang/geo about the poles and
// the antimeridian.
func TestAgreesAtTheEdgesOfThePlane(t *testing.T) {
	alone(t)
	r := rand.New(rand.NewPCG(0xed6e, 9))
	around := func(lat, jitter float64) orb.Ring { // a ring round a pole
		var ring orb.Ring
		for lng := -180.; lng < 180; lng += 30 {
			ring = append(ring, orb.Point{lng, lat + jitter*r.Float64()})
		}
		return append(ring, ring[0])
	}
	var antarctica orb.Ring
	for lng := -180.; lng <= 180; lng += 30 {
		antarctica = append(antarctica, orb.Point{lng, -75 + 8*r.Float64()})
	}
	antarctica[len(antarctica)-1][1] = antarctica[0][1]
	antarctica = append(antarctica, orb.Point{180, -90}, orb.Point{-180, -90}, antarctica[0])
	areas := []Area{
		{{antarctica}},
		{{{{-180, -80}, {-90, -80}, {0, -80}, {90, -80}, {180, -80}, {180, -90}, {-180, -90}, {-180, -80}}}},
		{{around(85, 3)}},
		{{around(70, 5), around(89.88, .01)}},
		{{around(89.9, .02)}},
		{{around(-89.9, .02)}},
		{{{{0, -89.95}, {90, -89.93}, {180, -89.96}, {-90, -89.99}, {0, -89.95}}}},
		{{box(10, -90, 20, -60)}},
		{{box(170, -10, -170, 10)}},
		{{box(170, -10, 180, 10)}, {box(-180, -10, -170, 10)}},
		{{box(175, 20, 180, 30)}, {{{-180, 20}, {-175, 20}, {-175, 30}, {-180, 30}, {-180, 23}, {-180, 20}}}},
		{{box(-180, 40, -179.9, 41)}},
		{{box(179.9999999, 50, -179.9999999, 51)}},
		{{{{179.5, 60}, {-179.5, 60.3}, {-179.7, 61}, {179.9, 60.8}, {179.5, 60}}}},
		{{{{-179, 89.7}, {178, 89.95}, {-170, 89.99}, {-179, 89.7}}}},
		{{{{30, 89.2}, {60, 89.8}, {20, 89.97}, {30, 89.2}}}},
	}
	pole := make([]bool, len(areas))
	pole[2], pole[4] = true, true
	zones := make([]Zone, len(areas))
	for i, a := range areas {
		zones[i] = area(fmt.Sprint(i), a...)
	}
	seed := uint64(0xed6e)
	points := hardPoints(r, areas, 1_200)
	off := func() float64 { return (r.Float64() - .5) * math.Pow10(-r.IntN(16)) }
	for range 250 {
		lat, lng := 180*r.Float64()-90, 360*r.Float64()-180
		side := math.Copysign(1, r.Float64()-.5)
		points = append(points,
			em.LatLng{Lat: lat, Lng: math.Remainder(180+off(), 360)},
			em.LatLng{Lat: max(-90, min(90, 90*side+off())), Lng: lng},
			em.LatLng{Lat: 89.9*side + off()*.1, Lng: lng},
			em.LatLng{Lat: lat, Lng: side * 180})
	}
	x := mustIndex(t, zones...)
	hits := x.AppendBatch(nil, points)
	compare(t, seed, x, newOracle(x, pole...), points, hits)
	if len(hits) < len(points)/4 {
		t.Errorf("only %d hits of %d points", len(hits), len(points))
	}
	// Each by itself, so that no zone hides another's mistake.
	for i := range zones {
		x := mustIndex(t, zones[i])
		compare(t, seed, x, newOracle(x, pole[i]), points[:100], x.AppendBatch(nil, points[:100]))
	}
}

// TestSmallBesideLarge has zones that are taken to their part of the plane by
// their boxes after one at the antimeridian that is not.
func TestSmallBesideLarge(t *testing.T) {
	square := func(x, y, size float64) Area {
		return Area{{{{x, y}, {x + size, y}, {x + size, y + size}, {x, y + size}, {x, y}}}}
	}
	areas := []Area{{{{{170, -40}, {-170, -40}, {-170, 40}, {170, 40}, {170, -40}}}}, square(171, 1, .01), square(25, 54, .02), square(-175, 1, .01), square(25.01, 54.01, .02)}
	var zones []Zone
	for i, a := range areas {
		zones = append(zones, Zone{ID: fmt.Sprint(i), Kind: KindPlace, Shape: a})
	}
	x := mustIndex(t, zones...)
	seed := uint64(0x5b)
	r := rand.New(rand.NewPCG(seed, 1))
	for _, a := range areas {
		points := hardPoints(r, []Area{a}, 500)
		compare(t, seed, x, newOracle(x), points, x.AppendBatch(nil, points))
	}
}

// TestManyAgree compares with golang/geo, on more points than a test run has time
// for if EM_GEOFENCE_LONG says how many millions; and then on maps that
// TestAgreesWithS2 has, too.
func TestManyAgree(t *testing.T) {
	alone(t)
	millions, _ := strconv.ParseFloat(os.Getenv("EM_GEOFENCE_LONG"), 64)
	long := millions > 0
	if !long {
		millions = .03
	}
	sets := []benchSet{
		{name: "synthetic", zones: func(testing.TB) []Zone { return syntheticZones(3, 2000, 1) }},
		{name: "crossed", zones: func(testing.TB) []Zone { return crossedZones(3, 500) }},
	}
	if os.Getenv("EM_DATA") != "" {
		sets = append(sets, benchSets()...)
	}
	each := int(millions * 1e6 / float64(len(sets)))
	for _, set := range sets {
		t.Run(set.name, func(t *testing.T) {
			if set.long && !long {
				t.Skip("only in long runs")
			}
			zones := set.zones(t)
			x := mustIndex(t, zones...)
			var areas []Area
			for _, z := range zones {
				areas = append(areas, z.Shape.(Area))
			}
			o := newOracle(x)
			seed, hits := uint64(0x20), 0
			r := rand.New(rand.NewPCG(seed, uint64(each)))
			for left := each; left > 0; left -= 100_000 {
				points := hardPoints(r, areas, min(left, 100_000))
				found := x.AppendBatch(nil, points)
				compare(t, seed, x, o, points, found)
				hits += len(found)
			}
			t.Logf("seed %#x: %d zones, %d points, %d hits: no difference", seed, len(zones), each, hits)
		})
	}
}

func TestAgreesWithS2(t *testing.T) {
	alone(t)
	for _, c := range []struct {
		name   string
		areas  func(*testing.T) []Area
		points int
	}{
		{"hexagons", func(*testing.T) []Area { return hexagons() }, 15_000},
		{"elderships", func(t *testing.T) []Area { return readAreas(t, "lt_vilnius_elderships_osm.geojson") }, 20_000},
		{"municipalities", func(t *testing.T) []Area { return readAreas(t, "lt_municipalities_osm.geojson") }, 20_000},
		{"land with lakes", func(t *testing.T) []Area { return readAreas(t, "osm_land10m_LTU.geojson") }, 4_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			areas := c.areas(t)
			zones := make([]Zone, len(areas))
			for i, a := range areas {
				zones[i] = Zone{ID: fmt.Sprint(i), Kind: KindPlace, Shape: a}
			}
			x := mustIndex(t, zones...)
			o := newOracle(x)
			seed := uint64(0x5a26a5)
			points := hardPoints(rand.New(rand.NewPCG(seed, 1)), areas, c.points)
			hits := x.AppendBatch(nil, points)
			found := len(hits)
			compare(t, seed, x, o, points, hits)
			if found < c.points/4 {
				t.Fatalf("only %d hits: the points are not where the zones are", found)
			}
			t.Logf("seed %#x: %d zones, %d points, %d hits", seed, len(areas), len(points), found)

			// The plane of longitude and latitude is what GeoJSON means.
			bounds := make([]orb.Bound, len(areas))
			for i, a := range areas {
				bounds[i] = orb.MultiPolygon(a).Bound()
			}
			checked := 0
			for i := 0; checked < 2000 && i < len(points); i++ {
				p := points[i]
				for zone, a := range areas {
					q := orb.Point{p.Lng, p.Lat}
					if !bounds[zone].Contains(q) {
						continue
					}
					d := x.Distance(zone, p)
					if math.Abs(d) < .1 {
						continue
					}
					checked++
					if want := planar.MultiPolygonContains(orb.MultiPolygon(a), q); (d < 0) != want {
						t.Fatalf("seed %#x, point %d: %v m from the edge, in the plane inside is %v", seed, i, d, want)
					}
				}
			}
			if checked < 500 {
				t.Fatalf("only %d points compared in the plane", checked)
			}
		})
	}
}

func TestDistanceAgreesWithS2(t *testing.T) {
	areas := hexagons()[:6]
	seed := uint64(7)
	r := rand.New(rand.NewPCG(seed, 2))
	for i, a := range areas {
		x := mustIndex(t, Zone{ID: "z", Kind: KindPlace, Shape: a})
		o := newOracle(x)
		query := s2.NewClosestEdgeQuery(o.index, s2.NewClosestEdgeQueryOptions().MaxResults(1).IncludeInteriors(false))
		points := hardPoints(r, areas, 500)
		for range 100 {
			points = append(points, em.LatLng{Lat: r.Float64()*180 - 90, Lng: r.Float64()*360 - 180})
		}
		for _, p := range points {
			want := query.Distance(s2.NewMinDistanceToPointTarget(ToPoint(p.Lng, p.Lat))).Angle().Radians() * em.EarthRadius
			got := x.Distance(0, p)
			if math.Abs(math.Abs(got)-want) > .1+1e-5*want {
				t.Fatalf("seed %d, hexagon %d, %v: %v m, golang/geo says %v", seed, i, p, got, want)
			}
		}
	}
}

// TestSplitEdges measures in the plane of longitude and latitude how far the
// geodesics of a split edge are from their chords, and on the ground how far
// from the straight line.
func TestSplitEdges(t *testing.T) {
	alone(t)
	seed := uint64(11)
	r := rand.New(rand.NewPCG(seed, 3))
	worst, worstGround := 0.0, 0.0
	for i := range 1200 {
		size := math.Pow(10, 2.2-4*r.Float64()) // degrees
		a := orb.Point{r.Float64()*360 - 180, r.Float64()*180 - 90}
		if i%3 == 0 {
			a[1] = math.Copysign(90-math.Pow(10, 2*r.Float64()-1.5), r.Float64()-.5)
		}
		b := orb.Point{math.Remainder(a[0]+(r.Float64()-.5)*min(size*2, 358), 360), max(-90, min(90, a[1]+(r.Float64()-.5)*size))}
		if i%10 == 0 {
			b[1] = a[1]
		}
		from, to := RoundPoint(a).LatLng(), RoundPoint(b).LatLng()
		points, back := SplitEdge(a, b), SplitEdge(b, a)
		if slices.Reverse(back); !slices.Equal(points, back) {
			t.Fatalf("seed %d: %v to %v differs from the way back", seed, a, b)
		}
		turn := math.Remainder(to.Lng-from.Lng, 360)
		for range min(len(points)-1, 20) {
			k := r.IntN(len(points) - 1)
			u, v := s2.LatLngFromPoint(points[k]), s2.LatLngFromPoint(points[k+1])
			for _, at := range []float64{.3, .5, .7} {
				p := s2.LatLngFromPoint(s2.Interpolate(at, points[k], points[k+1]))
				// From the line through a and b.
				along := math.Remainder(p.Lng.Degrees()-from.Lng, 360)
				if along*turn < 0 && math.Abs(along) > 1e-6 {
					along = math.Copysign(360-math.Abs(along), turn)
				}
				line := ToPoint(from.Lng+along, from.Lat+(to.Lat-from.Lat)*along/turn)
				if d := math.Abs(to.Lat - from.Lat); d > math.Abs(turn)*math.Cos(p.Lat.Radians()) { // the more accurate, on the ground
					along = (p.Lat.Degrees() - from.Lat) / (to.Lat - from.Lat)
					line = ToPoint(math.Remainder(from.Lng+turn*along, 360), p.Lat.Degrees())
				}
				ground := line.Distance(s2.PointFromLatLng(p)).Radians() * em.EarthRadius
				if worstGround = max(worstGround, ground); ground > .1 {
					t.Fatalf("seed %d: %v to %v is %v m off at %v", seed, a, b, ground, p)
				}
				if max(math.Abs(u.Lat.Degrees()), math.Abs(v.Lat.Degrees())) > 89.9000001 {
					continue
				}
				// From the chord between the two vertices.
				dx, dy := math.Remainder(v.Lng.Degrees()-u.Lng.Degrees(), 360), v.Lat.Degrees()-u.Lat.Degrees()
				px, py := math.Remainder(p.Lng.Degrees()-u.Lng.Degrees(), 360), p.Lat.Degrees()-u.Lat.Degrees()
				if off := math.Abs(dx*py-dy*px) / math.Hypot(dx, dy) * 1e7; off > 1.5 {
					t.Fatalf("seed %d: %v to %v: a geodesic is %v units from its chord at %v", seed, a, b, off, p)
				} else {
					worst = max(worst, off)
				}
			}
		}
	}
	t.Logf("at worst %.2f units from the chord, %.3f m from the line", worst, worstGround)
	if worst < 1 {
		t.Errorf("never more than %v units off: edges are split more than they need", worst)
	}
}

// same reports whether two zones agree on every point.
func same(t *testing.T, name string, seed uint64, a, b Area, points []em.LatLng, move func(em.LatLng) em.LatLng) {
	t.Helper()
	x := mustIndex(t, Zone{ID: "z", Kind: KindPlace, Shape: a})
	y := mustIndex(t, Zone{ID: "z", Kind: KindPlace, Shape: b})
	for _, p := range points {
		q := move(p)
		if x.Append(nil, p) == nil != (y.Append(nil, q) == nil) {
			t.Fatalf("%s, seed %d: %v and %v are not on the same side", name, seed, p, q)
		}
		if dx, dy := x.Distance(0, p), y.Distance(0, q); math.Abs(dx-dy) > .1+1e-5*math.Abs(dx) {
			t.Fatalf("%s, seed %d: %v is at %v, %v at %v", name, seed, p, dx, q, dy)
		}
	}
}

func TestMetamorphic(t *testing.T) {
	seed := uint64(13)
	r := rand.New(rand.NewPCG(seed, 4))
	still := func(p em.LatLng) em.LatLng { return p }
	for _, a := range hexagons()[:12] {
		points := hardPoints(r, []Area{a}, 300)
		border, hole, island := a[0][0], a[0][1], a[1][0]

		k := 1 + r.IntN(5)
		turned := append(slices.Clone(border[k:]), border[1:k+1]...)
		same(t, "start elsewhere", seed, a, Area{{turned, hole}, {island}}, points, still)

		reversed := slices.Clone(border)
		reversed.Reverse()
		back := slices.Clone(hole)
		back.Reverse()
		same(t, "run the other way", seed, a, Area{{reversed, back}, {island}}, points, still)
		same(t, "open rings", seed, a, Area{{border[:6], hole[:6]}, {island[:6]}}, points, still)
		same(t, "other order", seed, a, Area{{island}, {border, hole}}, points, still)

		left := orb.Ring{border[0], border[1], border[2], border[3]}
		right := orb.Ring{border[3], border[4], border[5], border[0]}
		same(t, "cut in two", seed, Area{{border}}, Area{{left}, {right}}, points, still)

		// Each point lies in exactly one half if it lies in the whole.
		halves := mustIndex(t, Zone{ID: "l", Kind: KindPlace, Shape: Area{{left}}}, Zone{ID: "r", Kind: KindPlace, Shape: Area{{right}}},
			Zone{ID: "w", Kind: KindPlace, Shape: Area{{border}}})
		for _, p := range append(points, em.LatLng{Lat: border[0][1], Lng: border[0][0]}, em.LatLng{Lat: border[3][1], Lng: border[3][0]}) {
			if in := halves.Append(nil, p); len(in) != 0 && (len(in) != 2 || in[1] != 2) {
				t.Fatalf("seed %d: %v is in %v", seed, p, in)
			}
		}
	}
}

// TestTranslate moves zones and points round the globe, over the antimeridian
// too. Longitudes are multiples of a thousandth, so that the vertices stay the same; points
// near an edge are left out, as the sines are not.
func TestTranslate(t *testing.T) {
	alone(t)
	seed := uint64(17)
	r := rand.New(rand.NewPCG(seed, 5))
	grid := func(v float64) float64 { return math.Round(v*1000) / 1000 }
	move := func(lng, by float64) float64 { return math.Remainder(lng+by, 360) }
	for i := range 20 {
		var ring orb.Ring
		lat := float64(r.IntN(160) - 80)
		for k := range 12 {
			sin, cos := math.Sincos(float64(k) * math.Pi / 6)
			size := 1 + 4*r.Float64()
			ring = append(ring, orb.Point{grid(size * cos), grid(lat + size*sin)})
		}
		x := mustIndex(t, area("z", orb.Polygon{ring}))
		by := float64(r.IntN(360*1000)) / 1000
		if i == 0 {
			by = 180
		}
		moved := slices.Clone(ring)
		for k := range moved {
			moved[k][0] = move(moved[k][0], by)
		}
		y := mustIndex(t, area("z", orb.Polygon{moved}))
		for range 200 {
			p := em.LatLng{Lat: grid(lat + 12*r.Float64() - 6), Lng: grid(12*r.Float64() - 6)}
			q := em.LatLng{Lat: p.Lat, Lng: move(p.Lng, by)}
			if dx, dy := x.Distance(0, p), y.Distance(0, q); math.Abs(dx-dy) > .1+1e-5*math.Abs(dx) {
				t.Fatalf("seed %d: moved by %v, %v is at %v instead of %v", seed, by, p, dy, dx)
			}
		}
	}
}

// An area of several polygons is all of them, whichever comes first and whichever
// pole it touches.
func TestPolygonsAtThePoles(t *testing.T) {
	wedge := func(from, to float64) orb.Polygon { // from 80 degrees to the pole
		edge := math.Copysign(80, to)
		return orb.Polygon{{{from, edge}, {from + 7.5, edge}, {from + 7.5, to}, {from, to}, {from, edge}}}
	}
	small := orb.Polygon{{{10, 10}, {11, 10}, {11, 11}, {10, 11}, {10, 10}}}
	north, dateline, south := wedge(100, 90), wedge(172.5, 90), wedge(-60, -90)
	index := func(a Area) *Index {
		t.Helper()
		x, err := NewIndex(Zone{ID: "z", Kind: KindPlace, Shape: a})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for i, a := range []Area{
		{small, north}, {north, small}, {small, dateline}, {dateline, small}, {north, south}, {south, north}, {dateline, south}, {south, dateline},
		{small, south}, {south, small}, {small, north, south}, {south, dateline, north, small},
	} {
		whole := index(a)
		set, err := NewSet(Zone{ID: "z", Kind: KindPlace, Shape: a})
		if err != nil {
			t.Fatal(err)
		}
		var parts []*Index
		for _, p := range a {
			parts = append(parts, index(Area{p}))
		}
		for range 5000 {
			p := em.LatLng{Lat: 90 - math.Pow(10, 1-7*rng.Float64()), Lng: 360*rng.Float64() - 180}
			switch rng.IntN(5) {
			case 0, 1:
				p.Lat = -p.Lat
			case 2:
				p = em.LatLng{Lat: 9 + 3*rng.Float64(), Lng: 9 + 3*rng.Float64()}
			}
			want := slices.ContainsFunc(parts, func(x *Index) bool { return len(x.Append(nil, p)) > 0 })
			if got := len(whole.Append(nil, p)) > 0; got != want {
				t.Fatalf("area %d, %v: %t, of its polygons %t", i, p, got, want)
			}
			if got := len(set.Append(nil, p)) > 0; got != want {
				t.Fatalf("area %d, %v: %t in a set, of its polygons %t", i, p, got, want)
			}
		}
	}
}
