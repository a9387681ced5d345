package checkin_test

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
	"github.com/sargas-em/em/curfew/checkin"
)

func genRule(t *rapid.T) checkin.Rule {
	r := checkin.Rule{
		ID: "eve", From: monday, Windows: evening(t, curfew.Clock(18, 0), curfew.Clock(20, 0)),
		Methods: []string{"face", "voice"}, Sources: []em.DeviceID{app, "phone:"}, MaxUpload: 10 * time.Hour, Unasked: true,
		Requests: []checkin.Request{
			{ID: "v-1", Kind: checkin.KindVideo, From: monday.Add(19 * time.Hour), To: monday.Add(20 * time.Hour), With: "officer 1"},
			{ID: "d-1", Kind: checkin.KindOnDemand, From: monday.Add(19 * time.Hour), To: monday.Add(19*time.Hour + 20*time.Minute)},
		},
	}
	if rapid.Bool().Draw(t, "unpredictable") {
		r.Unpredictable = &checkin.Unpredictable{Key: key(), Min: 1, Max: 3, Answer: 10 * time.Minute}
	}
	if rapid.Bool().Draw(t, "not late") {
		r.Late = -1
	}
	return r
}

// genHistory draws by a generator of its own, as rapid's own lists are mostly
// short and their numbers small: hardly any answer would be good.
func genHistory(t *rapid.T) []em.Observation {
	seed := rapid.Uint64().Draw(t, "seed")
	rnd := rand.New(rand.NewPCG(seed, 1))
	obs := make([]em.Observation, rnd.IntN(120))
	for i := range obs {
		// Half minutes of three evenings, so that many meet.
		at := monday.AddDate(0, 0, rnd.IntN(3)).Add(17*time.Hour + 45*time.Minute + time.Duration(rnd.IntN(330))*30*time.Second)
		d := []em.DeviceID{app, app, phone, unit}[rnd.IntN(4)]
		var body em.Body = &em.CheckIn{
			Request:  []string{"", "", "", "", "v-1", "d-1", "other"}[rnd.IntN(7)],
			Method:   []string{"face", "face", "voice", "video", "button"}[rnd.IntN(5)],
			Identity: []em.Identity{em.IdentityMatch, em.IdentityMatch, em.IdentityMismatch, em.IdentityUnsure, em.IdentityNone}[rnd.IntN(5)],
			Refused:  rnd.IntN(8) == 0,
		}
		if k := rnd.IntN(10); k < 3 {
			body = fix(float64(rnd.IntN(3) - 1))
		} else if k == 3 {
			body = &em.Comms{Event: em.CommsHeartbeat}
		}
		obs[i] = observe(d, at, body)
	}
	return obs
}

// oracle is the verdict on one request by looking at the whole history at once,
// in the words of the package comment.
func oracle(r checkin.Rule, q checkin.Request, obs []em.Observation) string {
	late := max(r.Late, 0)
	if r.Late == 0 {
		late = checkin.DefaultLate
	}
	rank := []string{"", checkin.ClassRefused, checkin.ClassMismatch, checkin.ClassUnchecked, checkin.ClassUnsure, checkin.ClassWrongPlace, checkin.ClassPositionUnknown}
	best := 0
	heard := false
	for i, o := range obs {
		if o.Device == unit {
			continue
		}
		heard = heard || !o.At.Before(q.To) && o.At.Before(q.To.Add(r.MaxUpload))
		c, ok := o.Body.(*em.CheckIn)
		if !ok || o.At.Before(q.From) || !o.At.Before(q.To.Add(late)) || c.Request != "" && c.Request != q.ID {
			continue
		}
		video := q.Kind == checkin.KindVideo
		if c.Request == "" && video != (c.Method == "video") {
			continue
		}
		res := 0
		switch {
		case c.Refused:
			res = 1
		case video && c.Method != "video", !video && !slices.Contains(r.Methods, c.Method), c.Identity == em.IdentityNone:
			res = 3
		case c.Identity == em.IdentityMismatch:
			res = 2
		case c.Identity == em.IdentityUnsure:
			res = 4
		default:
			// The nearest position decides: of those before, the last; of those
			// after, the first; of two as near, the later, but one of the same
			// instant needs no other.
			before, after := -1, -1
			for k, p := range obs {
				if where(p) == em.SideUnknown {
					continue
				}
				if k < i && o.At.Sub(p.At) <= checkin.DefaultPositionWithin {
					before = k
				}
				if k > i && after < 0 && p.At.Sub(o.At) <= checkin.DefaultPositionWithin {
					after = k
				}
			}
			pick := before
			if after >= 0 && (before < 0 || !obs[before].At.Equal(o.At) && obs[after].At.Sub(o.At) <= o.At.Sub(obs[before].At)) {
				pick = after
			}
			switch {
			case pick < 0:
				res = 6
			case where(obs[pick]) == em.Outside:
				res = 5
			case !o.At.Before(q.To):
				return checkin.ClassAnsweredLate
			default:
				return checkin.ClassAnswered
			}
		}
		best = max(best, res)
	}
	switch {
	case best > 0:
		return rank[best]
	case heard:
		return checkin.ClassMissed
	}
	return checkin.ClassNotReceived
}

// inOrder gives the observations the order and form in which evaluators see them.
func inOrder(obs []em.Observation) []em.Observation {
	obs = slices.Clone(obs)
	slices.SortFunc(obs, func(a, b em.Observation) int { return em.Compare(em.EventTime, &a, &b) })
	return slices.CompactFunc(obs, func(a, b em.Observation) bool { return a.ID == b.ID })
}

// run feeds in order, wakes at every deadline, and checks the contract of
// em.Evaluator; after every step the evaluator is one restored from its bytes.
func run(t rapid.TB, r checkin.Rule, until time.Time, obs []em.Observation) map[em.EventID]em.Event {
	t.Helper()
	build := func() *checkin.Evaluator {
		e, err := checkin.NewEvaluator(r, "p-1", where)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	e := build()
	final := map[em.EventID]em.Event{}
	done := func(at time.Time, evs []em.Event) {
		t.Helper()
		for _, ev := range evs {
			ev.Stamp("p-1", at)
			if old, ok := final[ev.ID]; ok && !old.Open() {
				t.Fatalf("closed, and told again:\n%+v\n%+v", old, ev)
			}
			if ev.At.After(at) || ev.Until.After(at) || !ev.Open() && ev.Until.Before(ev.At) || len(ev.Because) > em.MaxBecause || ev.Detail.Class == "" {
				t.Fatalf("at %v: %+v", at, ev)
			}
			final[ev.ID] = ev
		}
		if d := e.Deadline(); !d.IsZero() && !d.After(at) {
			t.Fatalf("deadline %v at %v", d, at)
		}
		b, _ := e.AppendBinary(nil)
		f := build()
		if err := f.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		if b2, _ := f.AppendBinary(nil); !bytes.Equal(b, b2) || !f.Deadline().Equal(e.Deadline()) {
			t.Fatalf("state does not survive: %x, %x", b, b2)
		}
		e = f
	}
	wake := func(at time.Time) {
		for d := e.Deadline(); !d.IsZero() && !d.After(at); d = e.Deadline() {
			done(d, e.Wake(nil, d))
		}
	}
	for _, o := range inOrder(obs) {
		wake(o.At)
		o.Received, o.Stored = time.Time{}, false
		done(o.At, e.Observe(nil, o))
	}
	wake(until)
	return final
}

// The verdicts are those of the oracle.
func TestOracle(t *testing.T) {
	type history struct {
		rule checkin.Rule
		obs  []em.Observation
	}
	histories := rapid.Custom(func(t *rapid.T) history { return history{genRule(t), genHistory(t)} })
	seen := map[string]int{}
	judge := func(t rapid.TB, h history) {
		r, obs := h.rule, h.obs
		end := monday.AddDate(0, 0, 5)
		byAbout := map[string]em.Event{}
		for _, ev := range run(t, r, end, obs) {
			if ev.Detail.Kind == checkin.KindRequest {
				byAbout[ev.Detail.Facts[0].Text] = ev
			}
		}
		n := 0
		for q := range r.Between("p-1", monday, end) {
			n++
			want := oracle(r, q, inOrder(obs))
			got, ok := byAbout[q.ID]
			if !ok || got.Detail.Class != want {
				t.Fatalf("%v: %+v, want %s", q, got, want)
			}
			seen[want]++
		}
		if n != len(byAbout) {
			t.Fatalf("%d requests, %d events", n, len(byAbout))
		}
	}
	for seed := range 150 { // the same ones at every run: together they show each class
		judge(t, histories.Example(seed))
	}
	rapid.Check(t, func(t *rapid.T) { judge(t, histories.Draw(t, "history")) })
	for _, c := range []string{
		checkin.ClassAnswered, checkin.ClassAnsweredLate, checkin.ClassPositionUnknown, checkin.ClassWrongPlace, checkin.ClassUnsure,
		checkin.ClassUnchecked, checkin.ClassMismatch, checkin.ClassRefused, checkin.ClassMissed, checkin.ClassNotReceived,
	} {
		if seen[c] == 0 {
			t.Errorf("no history gave %s: %v", c, seen)
		}
	}
}

// Late, mixed up, repeated and with restarts: the events are those of a run in
// the order of time.
func TestAnyOrderOfArrival(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, obs := genRule(t), genHistory(t)
		end := monday.AddDate(0, 0, 8)
		want := run(t, r, end, obs)

		s := newCenter(t, r)
		arrivals := rapid.Permutation(append(slices.Clone(obs), obs[:len(obs)/3]...)).Draw(t, "order")
		now := monday.AddDate(0, 0, rapid.IntRange(3, 5).Draw(t, "now"))
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
		got := s.history.Present()
		if len(got) != len(want) {
			t.Fatalf("%d events, want %d:\n%s\nwant\n%s", len(got), len(want), list(got), list(slices.Collect(maps.Values(want))))
		}
		for _, g := range got {
			if w := want[g.ID]; !g.Equal(&w) {
				t.Fatalf("got\n%+v\nwant\n%+v", g, w)
			}
		}
	})
}

func list(evs []em.Event) (s string) {
	slices.SortFunc(evs, func(a, b em.Event) int { return cmp.Or(a.At.Compare(b.At), bytes.Compare(a.ID[:], b.ID[:])) })
	for _, e := range evs {
		s += fmt.Sprintf("%s %s %v %v %v\n", e.Detail.Kind, e.Detail.Class, e.At, e.Until, e.Anchor.Nanosecond())
	}
	return s
}

// Another rule from an instant on: what is under way ends as it was asked, the
// new rule asks for what begins from then on, and nothing is asked twice.
func TestChangeOfRule(t *testing.T) {
	r := checkin.Rule{ID: "eve", Version: "1", From: monday, Windows: evening(t, curfew.Clock(18, 0), curfew.Clock(20, 0))}
	s := newCenter(t, r)
	from := monday.Add(19 * time.Hour)
	s.feed(from.Add(-time.Minute))
	n := r
	n.Version, n.From, n.Windows = "2", from, evening(t, curfew.Clock(19, 30), curfew.Clock(21, 0))
	e, err := checkin.NewEvaluator(n, "p-1", nil)
	if err != nil {
		t.Fatal(err)
	}
	var res em.Result
	if err := s.tl.Rederive(&res, from, from, e); err != nil {
		t.Fatal(err)
	}
	s.history.Commit(&res)
	at := from.Add(40 * time.Minute) // 19:40: answers both
	s.feed(at, observe(app, at, &em.CheckIn{Method: "face", Identity: em.IdentityMatch}))
	s.feed(monday.AddDate(0, 0, 1))
	var got []string
	for _, ev := range s.history.Present() {
		got = append(got, fmt.Sprintf("%s %s %s %v", ev.About, ev.Version, ev.Detail.Class, ev.Open()))
	}
	want := []string{"eve/2026-03-02/18:00-20:00 2 ANSWERED false", "eve/2026-03-02/19:30-21:00 2 ANSWERED false"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// No bytes make a state that breaks the contract, and what is read is written
// as it was.
func FuzzState(f *testing.F) {
	r := checkin.Rule{
		ID: "eve", From: monday, Windows: evening(f, curfew.Clock(18, 0), curfew.Clock(20, 0)), Sources: []em.DeviceID{app},
		Unpredictable: &checkin.Unpredictable{Key: key(), Min: 2, Max: 3, Answer: 10 * time.Minute},
	}
	build := func(t rapid.TB) *checkin.Evaluator {
		e, err := checkin.NewEvaluator(r, "p-1", where)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	seed := build(f)
	f.Add([]byte{})
	for i := range 40 {
		at := monday.Add(18*time.Hour + time.Duration(i)*5*time.Minute)
		for d := seed.Deadline(); !d.IsZero() && !d.After(at); d = seed.Deadline() {
			seed.Wake(nil, d)
		}
		id := []em.Identity{em.IdentityUnsure, em.IdentityMatch, em.IdentityNone}[i%3]
		seed.Observe(nil, observe(app, at, &em.CheckIn{Method: "face", Identity: id}))
		b, _ := seed.AppendBinary(nil)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e := build(t)
		if err := e.UnmarshalBinary(b); err != nil {
			if after, _ := e.AppendBinary(nil); len(after) != 0 {
				t.Fatal("an error changed the state")
			}
			return
		}
		again, err := e.AppendBinary(nil)
		if err != nil || !bytes.Equal(b, again) && !bytes.Equal(again, rewritten(t, build(t), again)) {
			t.Fatalf("%v: %x read is %x", err, b, again)
		}
		last := time.Time{}
		for range 50 {
			d := e.Deadline()
			if d.IsZero() {
				break
			}
			if !d.After(last) {
				t.Fatalf("deadline %v after %v", d, last)
			}
			last = d
			for _, ev := range e.Wake(nil, d) {
				if ev.Until.After(d) || ev.At.After(d) || !ev.Open() && ev.Until.Before(ev.At) {
					t.Fatalf("at %v: %+v", d, ev)
				}
			}
			e.Observe(nil, observe(app, d, &em.CheckIn{Method: "pin", Identity: em.IdentityMatch}))
		}
	})
}

// rewritten reads a state and writes it again.
func rewritten(t *testing.T, e *checkin.Evaluator, b []byte) []byte {
	t.Helper()
	if err := e.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	again, _ := e.AppendBinary(nil)
	return again
}
