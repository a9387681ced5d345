package proximity_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence/proximity"
)

// TestLateData feeds random histories to a Timeline in any order, in batches,
// with repetitions, ticks and restarts between, and compares the events with
// those of an evaluator that had all in order.
func TestLateData(t *testing.T) {
	events, revised, restarts := 0, 0, 0
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 7))
		obs := walk(seed, 60)
		end := obs[len(obs)-1].At.Add(time.Hour)
		want := present(t, walkConfig(), end, obs)

		history := &em.MemoryHistory{}
		start := func() *em.Timeline {
			tl, err := em.NewTimeline(em.Config{Subject: "pair", Start: noon, Every: 10 * time.Minute, Save: time.Hour, History: history}, mustNew(t, walkConfig()))
			if err != nil {
				t.Fatal(err)
			}
			return tl
		}
		timeline := start()
		feed := func(now time.Time, batch ...em.Observation) {
			if r.IntN(8) == 0 {
				timeline = start()
				restarts++
			}
			var res em.Result
			if err := timeline.Feed(&res, now, batch...); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for _, c := range res.Changes {
				if c.Kind == em.Moved || c.Kind == em.Withdrawn {
					revised++
				}
			}
			history.Commit(&res, batch...)
		}
		arriving := slices.Concat(obs, obs[:20])
		// Mostly one person's reports late, as of a telephone without network.
		r.Shuffle(len(arriving), func(i, j int) { arriving[i], arriving[j] = arriving[j], arriving[i] })
		if seed%2 == 0 {
			slices.SortStableFunc(arriving, func(a, b em.Observation) int { return a.At.Compare(b.At) })
			slices.SortStableFunc(arriving, func(a, b em.Observation) int { return int(a.Part) - int(b.Part) })
		}
		for len(arriving) > 0 {
			n := min(len(arriving), 1+r.IntN(12))
			feed(noon.Add(time.Duration(r.Int64N(int64(end.Sub(noon))))), arriving[:n]...)
			arriving = arriving[n:]
		}
		feed(end)
		got := history.Present()
		byID := map[em.EventID]em.Event{}
		for _, e := range got {
			byID[e.ID] = e
		}
		wanted := map[em.EventID]em.Event{}
		for _, e := range want {
			wanted[e.ID] = e
		}
		if diff := cmp.Diff(wanted, byID); diff != "" {
			t.Fatalf("seed %d: in order (-) and late (+): %s", seed, diff)
		}
		events += len(want)
	}
	if events < 500 || revised < 500 || restarts < 100 {
		t.Errorf("%d events, %d moved or withdrawn on the way, %d restarts: too few to tell", events, revised, restarts)
	}
	t.Logf("%d events, %d moved or withdrawn on the way, %d restarts", events, revised, restarts)
}

// TestLateReportWithdraws: an alert that rests on the last known position of a
// telephone goes once its late reports say that she was elsewhere.
func TestLateReportWithdraws(t *testing.T) {
	history := &em.MemoryHistory{}
	timeline, err := em.NewTimeline(em.Config{Subject: "pair", Start: noon, History: history}, mustNew(t, pair()))
	if err != nil {
		t.Fatal(err)
	}
	feed := func(now float64, obs ...em.Observation) (kinds []em.ChangeKind) {
		for i := range obs {
			obs[i].Received = second(now)
		}
		var res em.Result
		if err := timeline.Feed(&res, second(now), obs...); err != nil {
			t.Fatal(err)
		}
		history.Commit(&res, obs...)
		for _, c := range res.Changes {
			if c.Event.Detail.Kind == EventAlert {
				kinds = append(kinds, c.Kind)
			}
		}
		return kinds
	}
	feed(60, report(phone, 0, at(0, 0)), report(tag, 0, at(3000, 0)), report(tag, 60, at(1500, 0)))
	if got := feed(120, report(tag, 120, at(100, 0))); !slices.Equal(got, []em.ChangeKind{em.Opened}) {
		t.Fatalf("the wearer comes to where she was last heard: %v", got)
	}
	if got := feed(240, report(phone, 60, at(-1500, 0)), report(phone, 120, at(-3000, 0))); !slices.Equal(got, []em.ChangeKind{em.Withdrawn}) {
		t.Fatalf("she had left: %v", got)
	}
}
