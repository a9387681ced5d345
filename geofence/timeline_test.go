package geofence_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence"
)

// TestLateData feeds random walks to a Timeline in random order, in batches,
// with repetitions and ticks between, and compares the events with those of a
// Tracker that had all in order.
func TestLateData(t *testing.T) {
	alone(t)
	exclusion := roundZone(KindExclusion)
	exclusion.Active = scheduled{windows{{20, 70}, {70, 90}, {120, 170}, {200, 215}}}
	inclusion, place := roundZone(KindInclusion), roundZone(KindPlace)
	inclusion.ID, place.ID = "in", "place"
	x := mustIndex(t, exclusion, inclusion, place)
	configs := []Config{
		each(Config{Alert: Confirm{Fixes: 2}, Clear: Confirm{Fixes: 2, Dwell: 2 * time.Minute}, ClearMargin: 10, Stays: true}),
		{Alert: Confirm{Fixes: 2, Sure: 3}, Clear: Confirm{Fixes: 2}, Stays: true, Unused: true, Buffer: 50, DriftHold: 3 * time.Minute},
		{Unused: true, Contacts: []em.Contact{{Beacon: "unit", Place: metresFrom(0, 0)}}},
		{UnknownAfter: 2 * time.Minute},
	}

	events, moved := map[em.EventKind]int{}, 0
	for seed := range uint64(100) {
		tracker := func() *Tracker {
			tr, err := NewTracker(x, configs[seed%4])
			if err != nil {
				t.Fatal(err)
			}
			return tr
		}
		r := rand.New(rand.NewPCG(seed, 7))
		var obs []em.Observation
		at, d := 0.0, 0.0
		for range 150 {
			at += float64(r.IntN(4)) // some at one instant
			d = max(-99, min(99, d+60*(r.Float64()-.5)))
			s := step{at: at, distance: d, radius: 5 + 30*r.Float64()}
			speed := em.Opt[float64]{V: 2 * r.Float64(), OK: true}
			switch r.IntN(24) {
			case 10, 11, 12:
				s.distance += 9000 * r.Float64()
				speed.V = 30
			case 13:
				speed.OK = false
			}
			s.change = func(o *em.Observation) {
				if o.Body.(*em.Fix).Speed = speed; !speed.OK {
					o.Body.(*em.Fix).Speed = em.Opt[float64]{}
				}
			}
			switch r.IntN(24) {
			case 0:
				s.change = validity(em.FixLastKnown)
			case 1:
				s.change = body(&em.Comms{Event: em.CommsHeartbeat})
			case 2:
				s.change = device("test:990000000000025")
			case 3:
				s.distance, s.radius, s.change = 90_000*float64(r.IntN(2)), 100, source(em.SourceCell)
			case 4:
				s.change = body(&em.Beacon{Beacon: "unit", Radio: "rf"})
			case 5:
				s.distance += 90_000
			}
			o := s.observation()
			o.Received = o.At
			obs = append(obs, o)
		}
		end := minute(1000)

		// In order, by hand.
		slices.SortFunc(obs, func(a, b em.Observation) int { return em.Compare(em.EventTime, &a, &b) })
		obs = slices.CompactFunc(obs, func(a, b em.Observation) bool { return a.ID == b.ID })
		oracle := tracker()
		want := map[em.EventID]em.Event{}
		keep := func(at time.Time, told []em.Event) {
			for _, e := range told {
				e.Stamp("subject", at)
				if was, ok := want[e.ID]; ok && !was.Open() {
					t.Fatalf("seed %d: %v was told after it was closed", seed, e)
				}
				want[e.ID] = e
			}
		}
		wake := func(until time.Time) {
			for dl := oracle.Deadline(); !dl.IsZero() && !dl.After(until); dl = oracle.Deadline() {
				keep(dl, oracle.Wake(nil, dl))
			}
		}
		for _, o := range obs {
			wake(o.At)
			o.Received = time.Time{}
			keep(o.At, oracle.Observe(nil, o))
		}
		wake(end)

		// In any order, by Timeline.
		history := &em.MemoryHistory{}
		timeline, err := em.NewTimeline(em.Config{Subject: "subject", Start: noon, Every: 10 * time.Minute, Save: time.Hour, History: history}, tracker())
		if err != nil {
			t.Fatal(err)
		}
		feed := func(now time.Time, batch ...em.Observation) {
			var res em.Result
			if err := timeline.Feed(&res, now, batch...); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for _, c := range res.Changes {
				if c.Kind == em.Moved || c.Kind == em.Withdrawn {
					moved++
				}
			}
			history.Commit(&res, batch...)
		}
		arriving := slices.Concat(obs, obs[:20])
		r.Shuffle(len(arriving), func(i, j int) { arriving[i], arriving[j] = arriving[j], arriving[i] })
		for len(arriving) > 0 {
			n := min(len(arriving), 1+r.IntN(12))
			feed(minute(float64(r.IntN(1000))), arriving[:n]...)
			arriving = arriving[n:]
		}
		feed(end)
		got := map[em.EventID]em.Event{}
		for _, e := range history.Present() {
			got[e.ID] = e
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d: in order (-) and late (+): %s", seed, diff)
		}
		for _, e := range want {
			events[e.Detail.Kind]++
			events[em.EventKind(e.Detail.Class)]++
			for _, f := range e.Detail.Facts {
				if f.Name == "other" {
					events[em.EventKind(f.Text)]++
				}
			}
		}
	}
	for _, k := range []em.EventKind{EventExclusion, EventLeft, EventStay, EventBuffer, EventPassed, EventDoubted, EventUnknown, ClassOutlier, ClassDrift, ClassUnconfirmed, ClassAlready,
		"cells or access points", "a contact with a unit at a known place"} {
		if events[k] == 0 {
			t.Errorf("no event of %s", k)
		}
	}
	if moved < 150 {
		t.Errorf("only %d events moved or withdrawn on the way", moved)
	}
	t.Logf("%v, %d moved or withdrawn on the way", events, moved)
}
