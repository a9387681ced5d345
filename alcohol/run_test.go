package alcohol

import (
	"bytes"
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"pgregory.net/rapid"
)

// history is what one run told: all versions in order, and the last of each event.
type history struct {
	versions []em.Event
	final    map[em.EventID]em.Event
}

func (h *history) sorted() []em.Event {
	return slices.SortedFunc(maps.Values(h.final), func(a, b em.Event) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Detail.Kind, b.Detail.Kind), a.Anchor.Compare(b.Anchor), cmp.Compare(a.About, b.About))
	})
}

// replay feeds observations in the order of time, each once, wakes at every
// deadline up to until, and checks the contract of em.Evaluator at every step.
// After every step the evaluator is thrown away for one restored from its bytes.
func replay(t rapid.TB, c Config, until time.Time, obs []em.Observation) *history {
	t.Helper()
	return run(t, c, until, obs, true)
}

// run is replay, with restoring or without.
func run(t rapid.TB, c Config, until time.Time, obs []em.Observation, restore bool) *history {
	t.Helper()
	return runAny(t, func() em.Evaluator {
		e, err := NewEvaluator(c)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}, until, obs, restore)
}

// runAny is run for any evaluator of this package.
func runAny(t rapid.TB, newEvaluator func() em.Evaluator, until time.Time, obs []em.Observation, restore bool) *history {
	t.Helper()
	obs = slices.Clone(obs)
	slices.SortFunc(obs, func(a, b em.Observation) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Device, b.Device), cmp.Compare(a.Seq.V, b.Seq.V),
			cmp.Compare(a.Part, b.Part), bytes.Compare(a.ID[:], b.ID[:]))
	})
	obs = slices.CompactFunc(obs, func(a, b em.Observation) bool { return a.ID == b.ID })

	e := newEvaluator()
	if err := e.UnmarshalBinary(nil); err != nil {
		t.Fatal(err)
	}
	h := &history{final: map[em.EventID]em.Event{}}
	done := func(at time.Time, evs []em.Event) {
		t.Helper()
		for _, ev := range evs {
			ev.Stamp("s-1", at)
			checkEvent(t, &ev, at)
			if old, ok := h.final[ev.ID]; ok && !old.Open() {
				t.Fatalf("closed event told again:\n%+v\n%+v", old, ev)
			}
			h.versions = append(h.versions, ev)
			h.final[ev.ID] = ev
		}
		if d := e.Deadline(); !d.IsZero() && !d.After(at) {
			t.Fatalf("deadline %s at %s", d, at)
		}
		b, err := e.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		f := newEvaluator()
		if err := f.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		b2, _ := f.AppendBinary(nil)
		if !bytes.Equal(b, b2) || !f.Deadline().Equal(e.Deadline()) {
			t.Fatalf("state does not survive: %x, %x, deadline %s, %s", b, b2, e.Deadline(), f.Deadline())
		}
		if restore {
			e = f
		}
	}
	wake := func(at time.Time) {
		t.Helper()
		for d := e.Deadline(); !d.IsZero() && !d.After(at); d = e.Deadline() {
			done(d, e.Wake(nil, d))
		}
	}
	for _, o := range obs {
		wake(o.At)
		o.Received, o.Stored = time.Time{}, false
		done(o.At, e.Observe(nil, o))
	}
	wake(until)
	return h
}

func checkEvent(t rapid.TB, ev *em.Event, at time.Time) {
	t.Helper()
	d := &ev.Detail
	bad := func(what string) { t.Helper(); t.Fatalf("%s at %s: %+v", what, at, ev) }
	switch {
	case !strings.HasPrefix(ev.Rule, "alcohol") || d.Class == "" || d.Kind == "":
		bad("unnamed event")
	case !strings.HasSuffix(d.Reason, ".") || strings.Contains(d.Reason, "alcohol:") || strings.Contains(d.Reason, "%!"):
		bad("reason is no sentence")
	case ev.At.After(at) || !ev.Open() && ev.Until.Before(ev.At) || ev.Until.After(at):
		bad("times")
	case len(ev.Because) > em.MaxBecause:
		bad("too much evidence")
	case len(ev.Because) == 0 && !(d.Kind == KindMissed && d.Class == ClassNotReceived):
		bad("no evidence")
	case slices.Contains(ev.Because, em.ObservationID{}):
		bad("evidence without an ID")
	case (d.Class == ClassStarted || d.Class == ClassConfirmDue) && !ev.Open():
		bad("closed before its verdict")
	}
	for _, f := range d.Facts {
		if math.IsNaN(f.Num) || math.IsInf(f.Num, 0) || f.Text == "" || f.Name == "" {
			bad("fact " + f.Name)
		}
	}
	b, err := ev.AppendBinary(nil)
	if err != nil {
		bad(err.Error())
	}
	var again em.Event
	if err := again.UnmarshalBinary(b); err != nil || !again.Equal(ev) {
		bad("does not survive its binary form")
	}
}
