package geofence_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
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
	for _, set := range benchSets() {
		t.Run(set.name, func(t *testing.T) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			zones := set.zones(t)
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start, took := time.Now(), processTime()
			x, err := NewIndex(zones...)
			if err != nil {
				t.Fatal(err)
			}
			built, cpu := time.Since(start), processTime()-took
			runtime.GC()
			runtime.ReadMemStats(&after)
			t.Logf("%d zones, built in %.3f s (%.3f s of processors), %.1f MB: %s", len(zones), built.Seconds(), cpu.Seconds(), float64(after.HeapAlloc-before.HeapAlloc)/1e6, x.Sizes())
			path := filepath.Join(t.TempDir(), "index")
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			size, err := x.WriteTo(f)
			if err = errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
			began := threadTime()
			mapped, err := OpenIndex(path, OpenOptions{Unverified: true})
			opened := threadTime() - began
			if err == nil {
				began = threadTime()
				err = mapped.Verify()
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("file of %.1f MB, mapped in %v, verified in %v", float64(size)/1e6, opened, threadTime()-began)
			bound := boundOf(zones)
			r := rand.New(rand.NewPCG(5, 6))
			var o *oracle
			if len(zones) <= 200_000 {
				o = newOracle(x)
			}
			measure := func(name string, ps []em.LatLng) {
				single := make([]int, 0, 1024)
				hits := make([]Hit, 0, 1<<24)
				one, batch, sorted, s2time := math.Inf(1), math.Inf(1), math.Inf(1), math.Inf(1)
				var scratch Scratch
				least := func(best *float64, n int, f func()) {
					start := threadTime()
					f()
					*best = min(*best, float64((threadTime()-start).Nanoseconds())/float64(n))
				}
				for k := range 8 {
					part := ps[k<<17 : (k+1)<<17]
					least(&one, len(part), func() {
						for _, p := range part {
							single = x.Append(single[:0], p)
						}
					})
					least(&batch, len(part), func() { hits = x.AppendBatch(hits[:0], part) })
					least(&sorted, len(part), func() { hits = x.AppendBatchSorted(hits[:0], part, &scratch) })
					if some := part[:40_000]; o != nil {
						least(&s2time, len(some), func() {
							for _, p := range some {
								o.query.ContainingShapes(ToPoint(p.Lng, p.Lat))
							}
						})
					}
				}
				for range 3 {
					least(&sorted, len(ps), func() { hits = x.AppendBatchSorted(hits[:0], ps, &scratch) })
				}
				hits = x.AppendBatch(hits[:0], ps)
				t.Logf("%s: single %.1f, batch %.1f, sorted %.1f, golang/geo %.0f ns: %.1f×, %.1f×; %.2f hits a point", name, one, batch, sorted, s2time,
					s2time/one, s2time/batch, float64(len(hits))/float64(len(ps)))
			}
			measure("uni", uniformPoints(r, bound, 1<<20))
			measure("clu", clusteredPoints(r, zones, bound, 1<<20))
		})
	}
}
