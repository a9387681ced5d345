package geofence_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence"
)

// BenchmarkDistance compares with golang/geo's ClosestEdgeQuery: the answers
// first, then the least processor time of some passes in turn. It reports how
// many times as long golang/geo takes, by the edges of the zone, and at the end
// the geometric mean of that. The time per operation has no meaning.
func BenchmarkDistance(b *testing.B) {
	r := rand.New(rand.NewPCG(29, 7))
	sets, indexes, sizes := 1., 1., 0.
	for _, c := range []struct {
		n    int
		size float64
	}{{6, 100}, {27, 150}, {32, 300}, {300, 3000}, {3000, 20_000}, {30_000, 50_000}} {
		b.Run(fmt.Sprintf("edges=%d", c.n), func(b *testing.B) {
			set, index, geo := compareDistances(b, r, c.n, c.size)
			b.ReportMetric(set, "set-ns")
			b.ReportMetric(index, "index-ns")
			b.ReportMetric(geo, "geo-ns")
			b.ReportMetric(geo/set, "times-set")
			b.ReportMetric(geo/index, "times-index")
			sets, indexes, sizes = sets*geo/set, indexes*geo/index, sizes+1
		})
	}
	b.Run("geometric mean", func(b *testing.B) {
		for b.Loop() {
		}
		b.ReportMetric(math.Pow(sets, 1/sizes), "times-set")
		b.ReportMetric(math.Pow(indexes, 1/sizes), "times-index")
	})
}

// compareDistances returns the nanoseconds of a distance to a zone of n edges.
func compareDistances(b *testing.B, r *rand.Rand, n int, size float64) (set, index, geo float64) {
	ring := starRing(r, 54.69, 25.28, n, size*(1-3/float64(n)), size)
	c := distanceCase{zone: Zone{ID: "z", Kind: KindPlace, Shape: Area{{ring}}}, at: em.LatLng{Lat: 54.69, Lng: 25.28}, size: size}
	x, s, query := mustIndex(b, c.zone), mustSet(b, c.zone), newClosest(ringShape(ring))
	points := make([]em.LatLng, 1024)
	for i := range points {
		points[i] = c.around(r)
		want := query.distance(points[i])
		for _, got := range []float64{x.Distance(0, points[i]), s.Distance(0, points[i])} {
			if !(math.Abs(math.Abs(got)-want) <= .1) {
				b.Fatalf("%v: %v m, golang/geo says %v", points[i], got, want)
			}
		}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pass := func(distance func(em.LatLng) float64, least *float64) {
		const short = time.Millisecond
		calls, start := 0, threadTime()
		took := time.Duration(0)
		for ; took < short; took = threadTime() - start {
			for _, p := range points[calls%len(points):][:32] {
				distance(p)
			}
			calls += 32
		}
		*least = min(*least, float64(took)/float64(calls))
	}
	set, index, geo = math.Inf(1), math.Inf(1), math.Inf(1)
	for b.Loop() {
		pass(query.distance, &geo)
		pass(func(p em.LatLng) float64 { return s.Distance(0, p) }, &set)
		pass(func(p em.LatLng) float64 { return x.Distance(0, p) }, &index)
	}
	return set, index, geo
}
