package geofence_test

import (
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence"
)

// TestFigures prints sizes and times of lookups, next to golang/geo's: thread
// time, the least of some passes. It takes minutes, and is left out unless
// EM_GEOFENCE_FIGURES is set.
func TestFigures(t *testing.T) {
	if os.Getenv("EM_GEOFENCE_FIGURES") == "" {
		t.Skip("EM_GEOFENCE_FIGURES is not set")
	}
	runtime.LockOSThread()
	least := func(n int, f func()) float64 {
		best := time.Duration(1 << 62)
		for range 4 {
			start := threadTime()
			f()
			best = min(best, threadTime()-start)
		}
		return float64(best.Nanoseconds()) / float64(n)
	}
	for _, set := range benchSets() {
		t.Run(set.name, func(t *testing.T) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			zones := set.zones(t)
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			x, err := NewIndex(zones...)
			if err != nil {
				t.Fatal(err)
			}
			built := time.Since(start)
			runtime.GC()
			runtime.ReadMemStats(&after)
			t.Logf("%d zones, built in %.3f s, %.1f MB: %s", len(zones), built.Seconds(), float64(after.HeapAlloc-before.HeapAlloc)/1e6, x.Sizes())
			bound := boundOf(zones)
			r := rand.New(rand.NewPCG(5, 6))
			var o *oracle
			if len(zones) <= 200_000 {
				o = newOracle(x)
			}
			measure := func(name string, ps []em.LatLng) {
				single := make([]int, 0, 1024)
				hits := make([]Hit, 0, 1<<24)
				one := least(len(ps), func() {
					for _, p := range ps {
						single = x.Append(single[:0], p)
					}
				})
				batch := least(len(ps), func() { hits = x.AppendBatch(hits[:0], ps) })
				s2time := 0.0
				if o != nil {
					some := ps[:min(len(ps), 100_000)]
					s2time = least(len(some), func() {
						for _, p := range some {
							o.query.ContainingShapes(ToPoint(p.Lng, p.Lat))
						}
					})
				}
				t.Logf("%s: single %.1f, batch %.1f, golang/geo %.0f ns: %.1f×, %.1f×; %.2f hits a point", name, one, batch, s2time,
					s2time/one, s2time/batch, float64(len(hits))/float64(len(ps)))
			}
			measure("uni", uniformPoints(r, bound, 1<<20))
			measure("clu", clusteredPoints(r, zones, bound, 1<<20))
		})
	}
}
