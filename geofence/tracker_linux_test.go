package geofence_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence"
)

// walker is an invented person with ten zones, who is at home, walks and drives
// about, with a fix a second whose errors are of some metres.
type walker struct {
	device em.DeviceID
	r      *rand.Rand
	points []em.LatLng
	at     em.LatLng
	goal   int
	speed  float64
	left   int // seconds to stay
}

func newWalker(r *rand.Rand, k int) (*walker, []Zone) {
	zones, points := subject(r)
	zones[0].Kind = KindHome
	for i := 1; i < 9; i++ {
		zones[i].Kind = KindExclusion
	}
	zones[9].Kind = KindInclusion // the city
	zones[9].Shape = Circle{orb.Point{points[0].Lng, points[0].Lat}, 20_000}
	return &walker{device: em.DeviceID("test:99000000000" + string(rune('0'+k%10))), r: r, points: points, at: points[0], left: r.IntN(600)}, zones
}

// next returns where the person is a second later, and what the receiver says.
func (w *walker) next(at time.Time) em.Observation {
	if w.left > 0 {
		if w.left--; w.left == 0 {
			w.goal, w.speed = w.r.IntN(len(w.points)), []float64{1.4, 1.4, 5, 14}[w.r.IntN(4)]
		}
	} else {
		to := w.points[w.goal]
		far := w.at.Distance(to)
		if far <= w.speed {
			w.at, w.left, w.speed = to, 60+w.r.IntN(2000), 0
		} else {
			p := w.speed / far
			w.at = em.LatLng{Lat: w.at.Lat + p*(to.Lat-w.at.Lat), Lng: w.at.Lng + p*(to.Lng-w.at.Lng)}
		}
	}
	// The receiver: fixes are off by some metres that change slowly.
	p := w.at
	p.Lat += 3e-5 * math.Sin(float64(at.Unix()%1800)/40) * w.r.Float64()
	o := em.Observation{Device: w.device, DeviceAt: at, At: at, Body: &em.Fix{
		LatLng: p, Validity: em.FixCurrent, Source: em.SourceGNSS, Accuracy: em.Some(3 + 4*w.r.Float64()), Speed: em.Some(w.speed),
	}}
	o.ID = em.ObservationID{byte(at.Unix()), byte(at.Unix() >> 8), byte(at.Unix() >> 16), 1}
	return o
}

// BenchmarkTracker is 77,000 persons, each with ten zones and a fix a second. A
// tenth of that is in memory, one fix of each after the other; ns/fix × 77,000 is
// what a second takes of one core. First it checks the answers of some persons
// against trackers that are restored from bytes before each fix, so that they
// have no notion of what is near.
func BenchmarkTracker(b *testing.B) {
	const subjects, seconds = 7700, 64
	r := rand.New(rand.NewPCG(47, 13))
	start := time.Date(2026, 10, 3, 6, 0, 0, 0, time.UTC)

	events := 0
	for k := range 100 {
		w, zones := newWalker(rand.New(rand.NewPCG(uint64(k), 3)), k)
		set := mustSet(b, zones...)
		fast, err := NewTracker(set, Config{})
		if err != nil {
			b.Fatal(err)
		}
		slow, _ := NewTracker(set, Config{})
		for s := range 5000 {
			o := w.next(start.Add(time.Duration(s) * time.Second))
			state, _ := fast.AppendBinary(nil)
			if err := slow.UnmarshalBinary(state); err != nil {
				b.Fatal(err)
			}
			want, got := slow.Observe(nil, o), fast.Observe(nil, o)
			if d := cmp.Diff(want, got); d != "" {
				b.Fatalf("person %d at %v: %s", k, o.At, d)
			}
			events += len(got)
		}
	}
	if events < 50 {
		b.Fatalf("only %d events", events)
	}

	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	sets := make([]*Set, subjects)
	trackers := make([]*Tracker, subjects)
	walkers := make([]*walker, subjects)
	for k := range trackers {
		w, zones := newWalker(rand.New(rand.NewPCG(uint64(k), 5)), k)
		w.left = min(w.left, r.IntN(6000)) // half of them under way at once is many
		walkers[k], sets[k] = w, mustSet(b, zones...)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	setBytes := float64(after.HeapAlloc-before.HeapAlloc) / subjects
	for k := range trackers {
		t, err := NewTracker(sets[k], Config{})
		if err != nil {
			b.Fatal(err)
		}
		t.Observe(nil, walkers[k].next(start)) // so that it has a way
		trackers[k] = t
	}
	runtime.GC()
	runtime.ReadMemStats(&before)
	b.Logf("%d events of 100 persons agree; a tracker takes %.0f bytes, its set and walker %.0f", events, float64(before.HeapAlloc-after.HeapAlloc)/subjects, setBytes)

	fixes := make([][]em.Observation, seconds)
	for s := range fixes {
		fixes[s] = make([]em.Observation, subjects)
		for k := range walkers {
			fixes[s][k] = walkers[k].next(start.Add(time.Duration(s+1) * time.Second))
		}
	}
	saved := make([][]byte, subjects)
	for k := range trackers {
		saved[k], _ = trackers[k].AppendBinary(nil)
	}
	measure := func(name string, fixes int, before, pass func()) {
		b.Run(name, func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			least := math.Inf(1)
			for b.Loop() {
				before()
				began := threadTime()
				pass()
				least = min(least, float64(threadTime()-began)/float64(fixes))
			}
			b.ReportMetric(least, "ns/fix")
			b.ReportMetric(least*77_000/1e9*100, "%core/77k")
		})
	}
	var dst []em.Event
	measure("one fix of each", (seconds-1)*subjects, func() {
		for k := range trackers {
			if err := trackers[k].UnmarshalBinary(saved[k]); err != nil {
				b.Fatal(err)
			}
			dst = trackers[k].Observe(dst[:0], fixes[0][k])
		}
	}, func() {
		for s := 1; s < seconds; s++ {
			for k := range trackers {
				dst = trackers[k].Observe(dst[:0], fixes[s][k])
			}
		}
	})

	still, err := NewTracker(mustSet(b, roundZone(KindExclusion)), Config{})
	if err != nil {
		b.Fatal(err)
	}
	var obs []em.Observation
	for s := range 10_000 {
		obs = append(obs, step{at: float64(s) / 60, distance: 900 + float64(s%7), radius: 10}.observation())
	}
	measure("far from all edges", len(obs), func() { _ = still.UnmarshalBinary(nil) }, func() {
		for i := range obs {
			dst = still.Observe(dst[:0], obs[i])
		}
	})
}

// TestTrackerAllocates pins that a fix far from all edges allocates nothing, nor
// does one near an edge that tells nothing new.
func TestTrackerAllocates(t *testing.T) {
	alone(t)
	w, zones := newWalker(rand.New(rand.NewPCG(1, 2)), 1)
	tr, err := NewTracker(mustSet(t, zones...), Config{Buffer: 100})
	if err != nil {
		t.Fatal(err)
	}
	var obs []em.Observation
	for s := range 500 {
		obs = append(obs, w.next(noon.Add(time.Duration(s)*time.Second)))
	}
	edge := zones[1].Shape.(Area)[0][0][0]
	for s := range 500 {
		obs = append(obs, em.Observation{Device: w.device, At: noon.Add(time.Hour + time.Duration(s)*time.Second), Body: &em.Fix{
			LatLng: em.LatLng{Lat: edge[1], Lng: edge[0]}, Validity: em.FixCurrent, Source: em.SourceGNSS,
		}})
	}
	var dst []em.Event
	state, _ := tr.AppendBinary(nil)
	all := func() {
		for _, o := range obs {
			dst = tr.Observe(dst[:0], o)
		}
	}
	all()
	n := testing.AllocsPerRun(5, func() {
		_ = tr.UnmarshalBinary(state)
		all()
	})
	if n > 40 { // of UnmarshalBinary, and the one event
		t.Errorf("%v allocations for %d fixes", n, len(obs))
	}
	if slices.ContainsFunc(dst, func(e em.Event) bool { return true }) {
		t.Error("something is told at an edge")
	}
}
