package alcohol

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"pgregory.net/rapid"
)

// center is a Timeline with its store.
type center struct {
	t       rapid.TB
	build   func() (em.Evaluator, error)
	history em.MemoryHistory
	tl      *em.Timeline
}

func newCenter(t rapid.TB, c Config) *center {
	return newCenterOf(t, func() (em.Evaluator, error) { return NewEvaluator(c) })
}

func newCenterOf(t rapid.TB, build func() (em.Evaluator, error)) *center {
	s := &center{t: t, build: build}
	s.start()
	return s
}

// start builds the Timeline, or builds it anew from what is stored.
func (c *center) start() {
	c.t.Helper()
	e, err := c.build()
	if err != nil {
		c.t.Fatal(err)
	}
	c.tl, err = em.NewTimeline(em.Config{Subject: "s-1", Start: monday, History: &c.history, MaxLate: 30 * 24 * time.Hour}, e)
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *center) feed(now time.Time, obs ...em.Observation) []em.Change {
	c.t.Helper()
	for i := range obs {
		obs[i] = obs[i].Stamp(now)
	}
	var r em.Result
	if err := c.tl.Feed(&r, now, obs...); err != nil {
		c.t.Fatal(err)
	}
	if len(r.Refused) > 0 {
		c.t.Fatalf("refused: %+v", r.Refused)
	}
	c.history.Commit(&r, obs...)
	return r.Changes
}

func changes(cs []em.Change) (s []string) {
	for _, c := range cs {
		s = append(s, fmt.Sprintf("%s %s", c.Kind, c.Event.Detail.Class))
	}
	return s
}

// What is told when results come late, step by step.
func TestLateUpload(t *testing.T) {
	at := func(d, h, m int) time.Time {
		return monday.AddDate(0, 0, d).Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute)
	}
	type step struct {
		now  time.Time
		obs  []em.Observation
		want []string
	}
	for _, tc := range []struct {
		name  string
		steps []step
	}{
		{"a result of the window comes in the evening", []step{
			{at(0, 9, 29), nil, nil},
			{at(0, 9, 30), nil, []string{"opened NOT_RECEIVED"}},
			{at(0, 20, 0), []em.Observation{ok(at(0, 7, 30), 0)}, []string{"withdrawn NOT_RECEIVED", "opened PASSED"}},
		}},
		{"heard without it, and it comes two days later", []step{
			{at(0, 9, 0), []em.Observation{ok(at(0, 8, 50), 0)}, []string{"opened MISSED", "opened PASSED"}},
			{at(2, 9, 0), []em.Observation{ok(at(0, 7, 30), 0), ok(at(1, 7, 30), 0), ok(at(2, 7, 30), 0)},
				[]string{"withdrawn MISSED", "opened PASSED", "opened PASSED", "opened PASSED"}},
		}},
		{"never: closed after 72 hours, and corrected even so", []step{
			{at(3, 7, 59), nil, []string{"opened NOT_RECEIVED", "opened NOT_RECEIVED", "opened NOT_RECEIVED"}},
			{at(3, 8, 0), nil, []string{"closed NOT_RECEIVED"}},
			{at(3, 8, 30), []em.Observation{ok(at(0, 7, 30), 0)}, []string{"withdrawn NOT_RECEIVED", "opened PASSED"}},
		}},
		{"the confirmation comes late", []step{
			{at(0, 7, 11), []em.Observation{ok(at(0, 7, 10), 310)}, []string{"opened CONFIRM_DUE"}},
			{at(0, 7, 40), nil, []string{"updated NOT_RECEIVED"}},
			{at(0, 12, 0), []em.Observation{ok(at(0, 7, 30), 290)}, []string{"closed FAILED"}},
		}},
		{"the confirmation comes after the verdict that there was none", []step{
			{at(0, 7, 11), []em.Observation{ok(at(0, 7, 10), 310)}, []string{"opened CONFIRM_DUE"}},
			{at(0, 12, 0), []em.Observation{ok(at(0, 11, 0), 0)}, []string{"updated NOT_RECEIVED", "closed FAILED_MISSED_CONFIRMATION", "opened PASSED"}},
			{at(0, 13, 0), []em.Observation{ok(at(0, 7, 30), 0)}, []string{"updated MOUTH_ALCOHOL_SUSPECTED"}},
		}},
		{"the screening comes after its confirmation", []step{
			{at(0, 7, 31), []em.Observation{ok(at(0, 7, 30), 290)}, []string{"opened CONFIRM_DUE"}},
			{at(0, 7, 35), []em.Observation{ok(at(0, 7, 10), 310)}, []string{"closed FAILED"}},
		}},
		{"an earlier sample takes the window from a later one", []step{
			{at(0, 7, 31), []em.Observation{ok(at(0, 7, 30), 0)}, []string{"opened PASSED"}},
			{at(0, 7, 35), []em.Observation{ok(at(0, 7, 10), 0)}, []string{"updated PASSED", "opened PASSED"}},
		}},
		{"the same again", []step{
			{at(0, 7, 31), []em.Observation{ok(at(0, 7, 30), 0)}, []string{"opened PASSED"}},
			{at(0, 7, 35), []em.Observation{ok(at(0, 7, 30), 0)}, nil},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCenter(t, Config{Rule: rule, Schedule: daily(t, 3)})
			for _, s := range tc.steps {
				got := changes(c.feed(s.now, s.obs...))
				slices.Sort(got)
				slices.Sort(s.want)
				if !slices.Equal(got, s.want) {
					t.Fatalf("at %s: got %q, want %q", s.now.Format("02T15:04"), got, s.want)
				}
			}
		})
	}
}

// Late, mixed up, repeated and with restarts: the events are those of a run in
// the order of time.
func TestAnyOrderOfArrival(t *testing.T) {
	const days = 4
	c := Config{Rule: rule, Schedule: daily(t, days)}
	c.Rule.Instruments = []Instrument{{Device: "bt:"}}
	c.Rule.Grace = 5 * time.Minute
	rapid.Check(t, func(t *rapid.T) {
		obs := genHistory(t, days)
		end := monday.AddDate(0, 0, rapid.IntRange(days+2, days+10).Draw(t, "end"))
		want := replay(t, c, end, obs)

		s := newCenter(t, c)
		arrivals := append(slices.Clone(obs), obs[:len(obs)/3]...)
		arrivals = rapid.Permutation(arrivals).Draw(t, "order")
		now := monday.AddDate(0, 0, days+1)
		for len(arrivals) > 0 {
			n := rapid.IntRange(1, len(arrivals)).Draw(t, "batch")
			s.feed(now, arrivals[:n]...)
			arrivals = arrivals[n:]
			now = now.Add(time.Minute)
			if rapid.IntRange(0, 3).Draw(t, "restart") == 0 {
				s.start()
			}
		}
		s.feed(end)

		got := map[em.EventID]em.Event{}
		for _, ev := range s.history.Present() {
			got[ev.ID] = ev
		}
		if len(got) != len(want.final) {
			t.Fatalf("%d events, want %d", len(got), len(want.final))
		}
		for id, ev := range want.final {
			if g := got[id]; !g.Equal(&ev) {
				t.Fatalf("got\n%+v\nwant\n%+v", g, ev)
			}
		}
	})
}

// Other rules from an instant on take over what is under way: no event stays
// open for ever, and none is left by a window that the new schedule lacks.
func TestChangeOfRules(t *testing.T) {
	s := newCenter(t, Config{Rule: rule, Schedule: daily(t, 3)})
	begun := monday.Add(7*time.Hour + 10*time.Minute)
	s.feed(begun, blow(begun, "bt:1", em.SampleInvalid, 0, ""))
	r := rule
	r.Version = "v2"
	e, err := NewEvaluator(Config{Rule: r})
	if err != nil {
		t.Fatal(err)
	}
	var res em.Result
	if err := s.tl.Rederive(&res, begun.Add(time.Minute), begun.Add(time.Minute), e); err != nil {
		t.Fatal(err)
	}
	s.history.Commit(&res)
	if got, want := changes(s.feed(begun.AddDate(0, 1, 0))), []string{"closed INCOMPLETE"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, ev := range s.history.Present() {
		if ev.Open() || ev.Version != "v2" {
			t.Errorf("%+v", ev)
		}
	}
}
