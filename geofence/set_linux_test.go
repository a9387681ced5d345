package geofence_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/golang/geo/s2"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence"
)

// workload is subjects' sets and their points in device order: each person's
// points after each other.
func workload(b *testing.B, subjects int) (sets []*Set, points []em.LatLng) {
	r := rand.New(rand.NewPCG(47, 12))
	hits := 0
	for k := range subjects {
		zones, ps := subject(r)
		s := mustSet(b, zones...)
		sets, points = append(sets, s), append(points, ps...)
		if k >= 500 {
			continue
		}
		o := newOracle(mustIndex(b, zones...))
		for _, p := range ps {
			want := o.zones(p)
			hits += len(want)
			if got := s.Append(nil, p); !slices.Equal(got, want) {
				b.Fatalf("%v: in %v, golang/geo says %v", p, got, want)
			}
		}
	}
	if hits < 1000 {
		b.Fatalf("only %d hits", hits)
	}
	return sets, points
}

// BenchmarkSet is one point a subject after the other: sets of ten zones in
// device order, which golang/geo's loops are compared with. The processor's time
// of the least pass is reported.
func BenchmarkSet(b *testing.B) {
	const subjects, each = 7700, 13
	sets, points := workload(b, subjects)
	run := func(name string, f func(s *Set, p em.LatLng)) {
		b.Run(name, func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			least := math.Inf(1)
			for b.Loop() {
				start := threadTime()
				for i, p := range points {
					f(sets[i/each], p)
				}
				least = min(least, float64(threadTime()-start)/float64(len(points)))
			}
			b.ReportMetric(least, "ns/point")
			b.ReportMetric(1e3/least, "Mpoints/s")
		})
	}
	run("contains", func(s *Set, p em.LatLng) { s.Contains(p) })
	run("classify 10 m", func(s *Set, p em.LatLng) { s.Classify(p, 10) })
	run("classify 50 m", func(s *Set, p em.LatLng) { s.Classify(p, 50) })
	b.Run("contains, one point a subject at a time", func(b *testing.B) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		least := math.Inf(1)
		for b.Loop() {
			start := threadTime()
			for k := range each {
				for i, s := range sets {
					s.Contains(points[i*each+k])
				}
			}
			least = min(least, float64(threadTime()-start)/float64(len(points)))
		}
		b.ReportMetric(least, "ns/point")
		b.ReportMetric(1e3/least, "Mpoints/s")
	})
	b.Run("golang/geo loops", func(b *testing.B) {
		r := rand.New(rand.NewPCG(47, 12))
		var loops [][]*s2.Loop
		var points []em.LatLng
		for range 200 {
			zones, ps := subject(r)
			var ls []*s2.Loop
			for _, z := range zones {
				l := line(z.Shape.(Area)[0][0])
				ls = append(ls, s2.LoopFromPoints(l[:len(l)-1]))
			}
			loops, points = append(loops, ls), append(points, ps...)
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		least := math.Inf(1)
		for b.Loop() {
			start := threadTime()
			for i, p := range points {
				q := ToPoint(p.Lng, p.Lat)
				for _, l := range loops[i/each] {
					l.ContainsPoint(q)
				}
			}
			least = min(least, float64(threadTime()-start)/float64(len(points)))
		}
		b.ReportMetric(least, "ns/point")
	})
}
