package geofence_test

import (
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence"
)

// towns are where the zones of the synthetic set are: longitude, latitude,
// radius in degrees of latitude and weight.
var towns = [...]struct{ lng, lat, radius, weight float64 }{
	{25.28, 54.69, .09, 590}, {23.90, 54.90, .07, 300}, {21.14, 55.71, .06, 160}, {23.32, 55.93, .05, 100},
	{24.36, 55.73, .04, 85}, {24.11, 56.95, .1, 605}, {26.54, 55.87, .05, 80}, {21.01, 56.51, .05, 67},
	{23.71, 56.65, .04, 55}, {24.75, 59.44, .09, 455}, {26.72, 58.38, .05, 95}, {28.19, 59.38, .04, 53},
	{24.50, 58.39, .04, 40}, {10.75, 59.91, .11, 710}, {5.32, 60.39, .08, 290}, {10.40, 63.43, .07, 215},
	{5.73, 58.97, .06, 145}, {10.20, 59.74, .05, 105}, {7.99, 58.15, .05, 95}, {18.96, 69.65, .05, 78},
	{14.40, 67.28, .04, 53},
}

// syntheticRing is a ring of the synthetic set: half are 32-gons of a radius of
// 100 to 500 m, half stars of 6 to 40 vertices and a radius of 30 to 250 m.
func syntheticRing(r *rand.Rand, lng, lat float64) orb.Ring {
	const metre = 1 / 111195.
	wide := 1 / math.Cos(lat*math.Pi/180)
	n, size, star := 32, 100+400*r.Float64(), false
	if r.IntN(2) == 0 {
		n, size, star = 2*(3+r.IntN(18)), 30+220*r.Float64(), true
	}
	turn := 2 * math.Pi * r.Float64()
	ring := make(orb.Ring, 0, n+1)
	for k := range n {
		s := size * metre
		if star && k%2 == 1 {
			s *= .4 + .3*r.Float64()
		}
		sin, cos := math.Sincos(turn + 2*math.Pi*float64(k)/float64(n))
		ring = append(ring, orb.Point{lng + s*wide*cos, lat + s*sin})
	}
	return append(ring, ring[0])
}

// syntheticZones spreads n zones around the towns.
func syntheticZones(seed uint64, n int, spread float64) []Zone {
	r := rand.New(rand.NewPCG(seed, 77))
	total := 0.0
	for _, c := range towns {
		total += c.weight
	}
	zones := make([]Zone, n)
	for i := range zones {
		pick := r.Float64() * total
		c := towns[0]
		for _, c = range towns {
			if pick -= c.weight; pick < 0 {
				break
			}
		}
		lat := c.lat + r.NormFloat64()*c.radius*spread
		lng := c.lng + r.NormFloat64()*c.radius*spread/math.Cos(c.lat*math.Pi/180)
		zones[i] = Zone{ID: "z" + strconv.Itoa(i), Version: "1", Kind: KindExclusion, Shape: Area{{syntheticRing(r, lng, lat)}}}
	}
	return zones
}

// uniformPoints and clusteredPoints are the two sets of points of a benchmark.
func uniformPoints(r *rand.Rand, b orb.Bound, n int) []em.LatLng {
	points := make([]em.LatLng, n)
	for i := range points {
		points[i] = em.LatLng{Lat: b.Min[1] + r.Float64()*(b.Max[1]-b.Min[1]), Lng: b.Min[0] + r.Float64()*(b.Max[0]-b.Min[0])}
	}
	return points
}

func clusteredPoints(r *rand.Rand, zones []Zone, b orb.Bound, n int) []em.LatLng {
	points := uniformPoints(r, b, n)
	sigma := .01 * min(b.Max[0]-b.Min[0], b.Max[1]-b.Min[1])
	var centers []orb.Point
	for range 200 {
		a := zones[r.IntN(len(zones))].Shape.(Area)
		p := a[r.IntN(len(a))]
		ring := p[r.IntN(len(p))]
		centers = append(centers, ring[r.IntN(len(ring))])
	}
	for i := range points {
		if r.IntN(5) > 0 {
			c := centers[r.IntN(len(centers))]
			points[i] = em.LatLng{Lat: max(-90, min(90, c[1]+r.NormFloat64()*sigma)), Lng: max(-180, min(180, c[0]+r.NormFloat64()*sigma))}
		}
	}
	return points
}

func boundOf(zones []Zone) orb.Bound {
	b := orb.Bound{Min: orb.Point{180, 90}, Max: orb.Point{-180, -90}}
	for _, z := range zones {
		b = b.Union(orb.MultiPolygon(z.Shape.(Area)).Bound())
	}
	return b
}

type benchSet struct {
	name  string
	zones func(testing.TB) []Zone
	long  bool // compared with golang/geo in long runs only: large, or compared elsewhere
}

func benchSets() []benchSet {
	real := func(file string) func(testing.TB) []Zone {
		return func(t testing.TB) []Zone { return realZones(t, file) }
	}
	sets := []benchSet{
		{"norway", real("no_kommuner_S.geojson"), false},
		{"lithuania", real("lt_municipalities_osm.geojson"), true},
		{"taxi", real("nyc_taxi_zones.geojson"), false},
		{"timezones", real("baltic_nordic_timezones.geojson"), false},
		{"land", real("osm_land10m_LTU.geojson"), true},
		{"synthetic100k", func(testing.TB) []Zone { return syntheticZones(1, 100_000, 8) }, true},
	}
	if os.Getenv("EM_GEOFENCE_MILLION") != "" {
		sets = append(sets, benchSet{"synthetic1M", func(testing.TB) []Zone { return syntheticZones(1, 1_000_000, 8) }, true})
	}
	return sets
}

// BenchmarkIndex measures lookups; TestFigures puts them next to golang/geo's.
func BenchmarkIndex(b *testing.B) {
	for _, set := range benchSets() {
		b.Run(set.name, func(b *testing.B) {
			zones := set.zones(b)
			x := mustIndex(b, zones...)
			bound := boundOf(zones)
			r := rand.New(rand.NewPCG(5, 6))
			for _, points := range []struct {
				name   string
				points []em.LatLng
			}{{"uni", uniformPoints(r, bound, 1<<20)}, {"clu", clusteredPoints(r, zones, bound, 1<<20)}} {
				ps := points.points
				b.Run(points.name+"/single", func(b *testing.B) {
					dst := make([]int, 0, 1024)
					for i := 0; b.Loop(); i++ {
						dst = x.Append(dst[:0], ps[i&(1<<20-1)])
					}
				})
				b.Run(points.name+"/batch", func(b *testing.B) {
					dst := make([]Hit, 0, 1<<16)
					for i := 0; b.Loop(); i++ {
						k := i % 256 * 4096
						dst = x.AppendBatch(dst[:0], ps[k:k+4096])
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4096, "ns/point")
				})
			}
		})
	}
}
