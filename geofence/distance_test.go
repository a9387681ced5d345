package geofence_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/golang/geo/r3"
	"github.com/golang/geo/s2"
	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence"
)

// starRing is a ring of n vertices between min and max metres from its center,
// anywhere on the globe; the last vertex repeats the first.
func starRing(r *rand.Rand, lat, lng float64, n int, min, max float64) orb.Ring {
	ring := make(orb.Ring, 0, n+1)
	for k := range n {
		bearing := 2 * math.Pi * (float64(k) + .3*r.Float64()) / float64(n)
		ring = append(ring, offset(lat, lng, bearing, min+(max-min)*r.Float64()))
	}
	return append(ring, ring[0])
}

// offset returns the point at so many metres in that direction.
func offset(lat, lng, bearing, metres float64) orb.Point {
	c := s2.PointFromLatLng(s2.LatLngFromDegrees(lat, lng))
	sinLng, cosLng := math.Sincos(lng * math.Pi / 180)
	east := r3.Vector{X: -sinLng, Y: cosLng}
	sin, cos := math.Sincos(bearing)
	to := east.Mul(sin).Add(c.Cross(east).Mul(cos)).Mul(math.Tan(metres / em.EarthRadius))
	p := s2.LatLngFromPoint(s2.Point{Vector: c.Add(to)})
	return orb.Point{p.Lng.Degrees(), p.Lat.Degrees()}
}

// closest is golang/geo's distance to the edges of a shape, in metres.
type closest struct{ query *s2.EdgeQuery }

func newClosest(shape s2.Shape) closest {
	index := s2.NewShapeIndex()
	index.Add(shape)
	index.Build()
	return closest{s2.NewClosestEdgeQuery(index, s2.NewClosestEdgeQueryOptions().MaxResults(1).IncludeInteriors(false))}
}

func (c closest) distance(p em.LatLng) float64 {
	return c.query.Distance(s2.NewMinDistanceToPointTarget(ToPoint(p.Lng, p.Lat))).Angle().Radians() * em.EarthRadius
}

// line is the split edges of a ring or line.
func line(ps []orb.Point) []s2.Point {
	var points []s2.Point
	for k := range len(ps) - 1 {
		points = append(points, SplitEdge(ps[k], ps[k+1])...)
	}
	return slices.Compact(points)
}

func ringShape(rings ...orb.Ring) s2.Shape {
	var loops [][]s2.Point
	for _, r := range rings {
		l := line(r)
		loops = append(loops, l[:len(l)-1])
	}
	return s2.LaxPolygonFromPoints(loops)
}

// distanceCase is a zone and golang/geo's distance to its edges.
type distanceCase struct {
	name     string
	zone     Zone
	want     func(em.LatLng) float64
	at       em.LatLng
	size     float64 // metres
	unsigned bool    // want has no sign
}

func distanceCases(r *rand.Rand) []distanceCase {
	var cases []distanceCase
	add := func(name string, at em.LatLng, size float64, shape Shape, want func(em.LatLng) float64) {
		_, unsigned := shape.(Area)
		cases = append(cases, distanceCase{name, Zone{ID: name, Kind: KindPlace, Shape: shape}, want, at, size, unsigned})
	}
	places := []em.LatLng{{Lat: 54.69, Lng: 25.28}, {Lat: 0, Lng: 0}, {Lat: -33, Lng: 179.9999}, {Lat: 70, Lng: -179.999}, {Lat: 89.9, Lng: 12}, {Lat: -89.999, Lng: -120}, {Lat: 90, Lng: 0}}
	for range 3 {
		places = append(places, em.LatLng{Lat: math.Asin(2*r.Float64()-1) * 180 / math.Pi, Lng: 360*r.Float64() - 180})
	}
	for i, at := range places {
		for _, c := range []struct {
			n    int
			size float64
		}{{3, 50}, {6, 30}, {32, 300}, {40, 4000}, {200, 9000}, {12, 80_000}, {3000, 60_000}} {
			ring := starRing(r, at.Lat, at.Lng, c.n, c.size/2, c.size)
			if c.n == 3000 && i%5 != 0 {
				continue // takes long to make
			}
			if math.Abs(at.Lat) > 89 && (c.n < 6 || c.size > 50_000) {
				continue // edges straight in longitude and latitude would cross
			}
			add(fmt.Sprintf("star %d at %v", c.n, places[i]), at, c.size, Area{{ring}}, newClosest(ringShape(ring)).distance)
		}
		outer, hole := starRing(r, at.Lat, at.Lng, 24, 700, 900), starRing(r, at.Lat, at.Lng, 9, 200, 300)
		island := starRing(r, at.Lat, at.Lng, 5, 20, 100)
		if math.Abs(at.Lat) < 89 {
			add(fmt.Sprintf("island in a hole at %v", at), at, 900, Area{{outer, hole}, {island}}, newClosest(ringShape(outer, hole, island)).distance)
		}
		radius := math.Pow(10, 1+3*r.Float64())
		center := ToPoint(at.Lng, at.Lat)
		add(fmt.Sprintf("circle at %v", at), at, radius, Circle{orb.Point{at.Lng, at.Lat}, radius}, func(p em.LatLng) float64 {
			return center.Distance(ToPoint(p.Lng, p.Lat)).Radians()*em.EarthRadius - radius
		})
		way := orb.LineString{offset(at.Lat, at.Lng, 1, 3000)}
		for len(way) < 30 {
			last := way[len(way)-1]
			way = append(way, offset(last[1], last[0], 2*r.Float64()+1, 50+400*r.Float64()))
		}
		half := 5 + 100*r.Float64()
		points := line(way)
		road := s2.Polyline(points)
		c := newClosest(&road)
		add(fmt.Sprintf("corridor at %v", at), at, 4000, Corridor{way, half}, func(p em.LatLng) float64 { return c.distance(p) - half })
	}
	return cases
}

// around returns a point near the zone, up to ten kilometres beyond it.
func (c *distanceCase) around(r *rand.Rand) em.LatLng {
	d := (c.size * 1.2) * r.Float64()
	if r.IntN(3) == 0 {
		d = c.size + 10_000*r.Float64()
	}
	p := offset(c.at.Lat, c.at.Lng, 2*math.Pi*r.Float64(), d)
	return em.LatLng{Lat: max(-90, min(90, p[1])), Lng: p[0]}
}

// TestDistanceOfShapes compares distances to zones of all shapes, everywhere
// on the globe, with golang/geo's.
func TestDistanceOfShapes(t *testing.T) {
	alone(t)
	seed := uint64(23)
	r := rand.New(rand.NewPCG(seed, 6))
	worst, compared, far := 0.0, 0, 0
	for _, c := range distanceCases(r) {
		x := mustIndex(t, c.zone)
		for range 300 {
			p := c.around(r)
			got, want := x.Distance(0, p), c.want(p)
			if c.unsigned {
				got = math.Abs(got)
			}
			off := math.Abs(got - want)
			if math.Abs(want) > 10_000 {
				far++
				off -= 1e-5 * math.Abs(want)
			}
			if worst = max(worst, off); !(off <= .1) {
				t.Fatalf("seed %d, %s, %v: %v m, golang/geo says %v", seed, c.name, p, got, want)
			}
			compared++
		}
		for range 20 { // anywhere
			p := em.LatLng{Lat: 180*r.Float64() - 90, Lng: 360*r.Float64() - 180}
			got, want := x.Distance(0, p), c.want(p)
			if c.unsigned {
				got = math.Abs(got)
			}
			if math.Abs(got-want) > .1+1e-5*math.Abs(want) {
				t.Fatalf("seed %d, %s, %v: %v m, golang/geo says %v", seed, c.name, p, got, want)
			}
		}
	}
	t.Logf("seed %d: %d distances, at most %.3f m off; %d farther than 10 km", seed, compared, worst, far)
}

// TestDistanceFromEdges compares with golang/geo's at vertices, on edges and as
// far from them as it says, for zones that are looked at in different ways: by
// cells of a few edges and of many, by trees, on several charts, and edges of
// hundreds of kilometres. The sign is that of Append, in an Index and a Set.
func TestDistanceFromEdges(t *testing.T) {
	alone(t)
	seed := uint64(31)
	r := rand.New(rand.NewPCG(seed, 8))
	for _, at := range []em.LatLng{{Lat: 54.69, Lng: 25.28}, {Lat: 0.001, Lng: -0.001}, {Lat: -41, Lng: 179.9995}, {Lat: 78, Lng: -179.99}, {Lat: 88.5, Lng: 12}, {Lat: -88, Lng: -120}} {
		for _, c := range []struct {
			n    int
			size float64
		}{{3, 20}, {9, 200}, {33, 150}, {39, 9000}, {40, 30_000}, {41, 500}, {90, 52_000}, {5000, 3000}, {6, 100_000}, {4, 400_000}} {
			if math.Abs(at.Lat) > 80 && (c.n < 9 || c.size > 50_000) {
				continue // edges straight in longitude and latitude would cross
			}
			least := c.size / 2
			if c.n == 90 || c.n > 1000 {
				least = .9 * c.size // so that many are far out; and edges of thousands would cross
			}
			ring := starRing(r, at.Lat, at.Lng, c.n, least, c.size)
			z := Zone{ID: "z", Kind: KindPlace, Shape: Area{{ring}}}
			x, s, query, edges := mustIndex(t, z), mustSet(t, z), newClosest(ringShape(ring)), line(ring)
			for i := range 250 {
				k := r.IntN(len(edges) - 1)
				v := s2.LatLngFromPoint(s2.Interpolate(r.Float64()*float64(i%3), edges[k], edges[k+1])) // beyond the end, too
				if i%3 == 0 {
					v = s2.LatLngFromPoint(edges[k])
				}
				p := em.LatLng{Lat: v.Lat.Degrees(), Lng: v.Lng.Degrees()}
				if away := [...]float64{0, .02, .3, 5, 200, 3000, 10_000, 70_000}[i%8]; away > 0 {
					q := offset(p.Lat, p.Lng, 2*math.Pi*r.Float64(), away)
					p = em.LatLng{Lat: q[1], Lng: q[0]}
				}
				want, inside := query.distance(p), len(x.Append(nil, p)) > 0
				off := .04
				if want > 10_001 {
					off = 1e-5 * want
				}
				for _, got := range []float64{x.Distance(0, p), s.Distance(0, p)} {
					if !(math.Abs(math.Abs(got)-want) <= off) {
						t.Fatalf("seed %d, %d vertices in %v m at %v, %v: %v m, golang/geo says %v", seed, c.n, c.size, at, p, got, want)
					}
					if (got <= 0) != inside {
						t.Fatalf("seed %d, %d vertices in %v m at %v, %v: %v m, and inside is %v", seed, c.n, c.size, at, p, got, inside)
					}
				}
			}
		}
	}
}

// Rings lie one after the other in what is searched: where one begins and ends, and
// only there, the nearest vertex has an edge on one side alone.
func TestDistanceFromManyRings(t *testing.T) {
	seed := uint64(53)
	r := rand.New(rand.NewPCG(seed, 9))
	for n := 1; n <= 12; n++ {
		var (
			area  Area
			rings []closest
		)
		for i := range n {
			ring := starRing(r, 59+.01*float64(i/4), 10+.02*float64(i%4), 3+r.IntN(60), 200, 400)
			area, rings = append(area, orb.Polygon{ring}), append(rings, newClosest(ringShape(ring)))
		}
		z := Zone{ID: "z", Kind: KindPlace, Shape: area}
		x, s := mustIndex(t, z), mustSet(t, z)
		for i := range 4000 {
			of := r.IntN(n)
			ring := area[of][0]
			v := ring[0]
			if i%2 == 0 {
				v = ring[r.IntN(len(ring))]
			}
			// Outwards, where a vertex is the nearest.
			outwards := math.Atan2((v[0]-10-.02*float64(of%4))*math.Cos(59*math.Pi/180), v[1]-59-.01*float64(of/4))
			q := offset(v[1], v[0], outwards+r.NormFloat64()/2, [...]float64{.5, 40, 900, 5000, 30_000}[i%5])
			p := em.LatLng{Lat: q[1], Lng: q[0]}
			want := math.Inf(1)
			for _, c := range rings {
				want = min(want, c.distance(p))
			}
			for _, got := range []float64{x.Distance(0, p), s.Distance(0, p)} {
				if !(math.Abs(math.Abs(got)-want) <= max(.04, 1e-5*want)) {
					t.Fatalf("seed %d, %d rings, at %v: %v m, golang/geo says %v", seed, n, p, got, want)
				}
			}
		}
	}
}
