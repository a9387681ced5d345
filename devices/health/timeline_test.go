package health

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em"
)

// TestTimeline feeds random days to a Timeline as they are received: late, in
// batches, sent twice. Its events are those of the naive loop over all of them.
func TestTimeline(t *testing.T) {
	const seed = 20261004
	t.Logf("seed %d", seed)
	moved := 0
	for round := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, round))
		obs := random(rnd, 60)
		for i := range obs { // some come late, some of them twice
			if rnd.IntN(4) == 0 {
				obs[i].Received = obs[i].At.Add(time.Duration(rnd.IntN(36_000)) * s)
				if rnd.IntN(2) == 0 {
					again := obs[i]
					again.Received = again.Received.Add(time.Minute)
					obs = append(obs, again)
				}
			}
		}
		slices.SortStableFunc(obs, func(a, b em.Observation) int { return a.Received.Compare(b.Received) })
		end := obs[len(obs)-1].Received.Add(48 * h)

		var want []em.Event
		var evs []em.Evaluator
		for _, ev := range evaluators() {
			_, last := naive(t, ev(), obs, end)
			want = append(want, last...)
			evs = append(evs, ev())
		}
		var store em.MemoryHistory
		tl, err := em.NewTimeline(em.Config{Subject: "person-1", Start: start, History: &store}, evs...)
		if err != nil {
			t.Fatal(err)
		}
		for left := obs; len(left) > 0; {
			n := min(1+rnd.IntN(5), len(left))
			now := left[n-1].Received
			var r em.Result
			if err := tl.Feed(&r, now, left[:n]...); err != nil {
				t.Fatal(err)
			}
			for _, c := range r.Changes {
				if c.Kind == em.Moved || c.Kind == em.Withdrawn {
					moved++
				}
			}
			store.Commit(&r, left[:n]...)
			left = left[n:]
		}
		var r em.Result
		if err := tl.Advance(&r, end); err != nil {
			t.Fatal(err)
		}
		store.Commit(&r)
		got := store.Present()
		order := func(a, b em.Event) int { return slices.Compare(a.ID[:], b.ID[:]) }
		slices.SortFunc(want, order)
		slices.SortFunc(got, order)
		if !slices.EqualFunc(want, got, func(a, b em.Event) bool { return a.Equal(&b) }) {
			t.Fatalf("round %d (-naive +timeline):\n%s", round, cmp.Diff(briefs(want), briefs(got)))
		}
	}
	if moved == 0 {
		t.Error("late data never changed what was told: the test proves little")
	}
}
