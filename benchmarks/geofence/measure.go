package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/benchmarks/internal/cputime"
	"github.com/sargas-em/em/geofence"
)

// chunk is the number of points that a finder gets at once.
const chunk = 4096

// find asks for all points, chunk by chunk, and hands each chunk's hits to use.
func find(f finder, pts []em.LatLng, use func(from int, hits []geofence.Hit) error) error {
	var dst []geofence.Hit
	for from := 0; from < len(pts); from += chunk {
		dst = f(dst[:0], pts[from:min(from+chunk, len(pts))])
		if err := use(from, dst); err != nil {
			return err
		}
	}
	return nil
}

// timing is how long one point takes.
type timing struct {
	ns     float64 // of thread time a point
	points int     // looked up in a pass
	hits   int     // found in a pass

	allocations float64 // a point
}

// job is a method that is timed, on one goroutine or several, each on a thread of
// its own. Its time is the least of some passes over as many of the points as fit
// in a budget: the threads' CPU time; of several threads the longest counts,
// which is the wall's time where none has to wait for a processor. Passes of
// rivals take turns, so that what else goes on on the machine is the same for all.
type job struct {
	timing
	pts     []em.LatLng
	finders []finder
}

func newJob(m method, pts []em.LatLng, threads int, budget time.Duration) *job {
	j := &job{timing: timing{ns: math.Inf(1)}, pts: pts, finders: make([]finder, threads)}
	for i := range j.finders {
		j.finders[i] = m.finder()
	}
	// A first pass over few points says how many fit.
	probe := min(len(pts), 1024)
	took, _ := j.over(probe)
	j.points = min(len(pts), max(probe, int(float64(probe)*float64(budget)/float64(max(took, 1)))))
	return j
}

// warmUp is the number of points that a pass begins with, out of the time: the
// others, whose turn it was, have filled the caches with what is theirs.
const warmUp = 20_000

// pass looks the points up once more.
func (j *job) pass() {
	j.over(min(j.points, warmUp))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	took, hits := j.over(j.points)
	runtime.ReadMemStats(&after)
	j.ns, j.hits = min(j.ns, float64(took)/float64(j.points)), hits
	j.allocations = float64(after.Mallocs-before.Mallocs) / float64(j.points)
}

// over looks the first n points up.
func (j *job) over(n int) (longest time.Duration, found int) {
	threads := len(j.finders)
	var wg sync.WaitGroup
	took, hits := make([]time.Duration, threads), make([]int, threads)
	for t := range threads {
		part := j.pts[t*n/threads : (t+1)*n/threads]
		wg.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			n := 0
			dst := make([]geofence.Hit, 0, chunk)
			start := cputime.Thread()
			for from := 0; from < len(part); from += chunk {
				dst = j.finders[t](dst[:0], part[from:min(from+chunk, len(part))])
				n += len(dst)
			}
			took[t], hits[t] = cputime.Thread()-start, n
		})
	}
	wg.Wait()
	for t := range threads {
		longest, found = max(longest, took[t]), found+hits[t]
	}
	return longest, found
}

// weight is what an engine costs to build and to keep.
type weight struct {
	Wall   float64 `json:"build_seconds"`
	CPU    float64 `json:"build_cpu_seconds"`
	Heap   int64   `json:"heap_bytes"`
	Mapped int64   `json:"mapped_bytes"` // resident outside Go's heap, with the runtime's notes about the heap
}

// weigh builds something and says what it cost: all that it keeps of its input,
// too, which prepare makes and nobody else keeps.
func weigh[I, T any](prepare func() I, build func(I) (T, error)) (T, weight, error) {
	before := memoryNow()
	input := prepare()
	runtime.GC()
	cpu, start := cputime.Process(), time.Now()
	built, err := build(input)
	w := weight{Wall: time.Since(start).Seconds(), CPU: (cputime.Process() - cpu).Seconds()}
	input = *new(I) // what is kept of it is built's
	after := memoryNow()
	w.Heap, w.Mapped = after.heap-before.heap, after.mapped-before.mapped
	runtime.KeepAlive(built)
	return built, w, err
}

type memory struct{ heap, mapped int64 }

func memoryNow() memory {
	runtime.GC()
	runtime.GC() // the first one only takes pools' contents aside
	debug.FreeOSMemory()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return memory{int64(s.HeapAlloc), outsideHeap()}
}
