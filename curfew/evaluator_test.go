package curfew_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
)

func orderOf(t testing.TB, doc string) curfew.Order {
	t.Helper()
	o := curfew.Order{Where: where}
	if err := json.Unmarshal([]byte(doc), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func nightly(t testing.TB, more string) curfew.Order {
	t.Helper()
	return orderOf(t, `{"id": "order-1", "version": "1", "zone": "Europe/Vilnius", "weekly": `+daily+`,
		"grace": {"start": "5m", "short": "5m"}, "units": [{"id": "unit-1", "device": "rf:unit-1"}]`+more+`}`)
}

func evaluator(t testing.TB, o curfew.Order) *curfew.Evaluator {
	t.Helper()
	e, err := curfew.NewEvaluator(o, curfew.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// evening is 2 March 2026 at an hour and minute in Vilnius; hours from 24 on are of
// the next day.
func evening(hour, minute int) time.Time {
	return time.Date(2026, 3, 2, hour-2, minute, 0, 0, time.UTC)
}

// every repeats an observation from a to b.
func every(what string, a, b time.Time, step time.Duration) (obs []em.Observation) {
	for ; !a.After(b); a = a.Add(step) {
		obs = append(obs, observe(what, a))
	}
	return obs
}

func sorted(lists ...[]em.Observation) []em.Observation {
	all := slices.Concat(lists...)
	slices.SortFunc(all, func(a, b em.Observation) int { return em.Compare(em.EventTime, &a, &b) })
	return all
}

func TestNewEvaluator(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*curfew.Order, *curfew.Config)
		want   error
	}{
		{"the example", func(*curfew.Order, *curfew.Config) {}, nil},
		{"no ID", func(o *curfew.Order, _ *curfew.Config) { o.ID = "" }, curfew.ErrOrder},
		{"no evidence", func(o *curfew.Order, _ *curfew.Config) { o.Where, o.Units = nil, nil }, curfew.ErrOrder},
		{"units alone", func(o *curfew.Order, _ *curfew.Config) { o.Where = nil }, nil},
		{"two who tell where", func(o *curfew.Order, _ *curfew.Config) { o.Follow = func() curfew.Follower { return &follower{} } }, curfew.ErrOrder},
		{"negative grace", func(o *curfew.Order, _ *curfew.Config) { o.Grace.Short = -1 }, curfew.ErrOrder},
		{"endless grace", func(o *curfew.Order, _ *curfew.Config) { o.Grace.Start = math.MaxInt64 }, curfew.ErrOrder},
		{"until before from", func(o *curfew.Order, _ *curfew.Config) { o.From, o.Until = evening(20, 0), evening(19, 0) }, curfew.ErrOrder},
		{"from in the year 10000", func(o *curfew.Order, _ *curfew.Config) { o.From = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, curfew.ErrOrder},
		{"a unit twice", func(o *curfew.Order, _ *curfew.Config) { o.Units = append(o.Units, o.Units[0]) }, curfew.ErrOrder},
		{"a nameless unit", func(o *curfew.Order, _ *curfew.Config) { o.Units[0].ID = "" }, curfew.ErrOrder},
		{"too many units", func(o *curfew.Order, _ *curfew.Config) { o.Units = make([]curfew.Unit, curfew.MaxUnits+1) }, curfew.ErrOrder},
		{"a place without rows", func(o *curfew.Order, _ *curfew.Config) { o.Place = "elsewhere" }, curfew.ErrOrder},
		{"no rows", func(o *curfew.Order, _ *curfew.Config) { o.Schedule = curfew.Schedule{} }, nil},
		{"negative gap", func(_ *curfew.Order, c *curfew.Config) { c.MaxGap = -1 }, curfew.ErrConfig},
		{"flicker as long as the gap", func(_ *curfew.Order, c *curfew.Config) { c.Flicker, c.MaxGap = time.Minute, time.Minute }, curfew.ErrConfig},
		{"endless tolerance", func(_ *curfew.Order, c *curfew.Config) { c.Unknown = math.MaxInt64 }, curfew.ErrConfig},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, c := nightly(t, ""), curfew.Config{}
			o.Units = slices.Clone(o.Units)
			tt.change(&o, &c)
			e, err := curfew.NewEvaluator(o, c)
			if !errors.Is(err, tt.want) || (err == nil) != (e != nil) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

// TestBoundaries is about verdicts at the very edges.
func TestBoundaries(t *testing.T) {
	beats := every("beats", evening(18, 0), evening(31, 30), 5*time.Minute)
	at := func(what string, h, m, s int) em.Observation {
		return observe(what, evening(h, m).Add(time.Duration(s)*time.Second))
	}
	inside := every("in", evening(18, 0), evening(31, 30), time.Minute)
	homeBut := func(from, to time.Time, what string) []em.Observation {
		obs := slices.DeleteFunc(slices.Clone(inside), func(o em.Observation) bool { return !o.At.Before(from) && !o.At.After(to) })
		return sorted(obs, every(what, from, to, time.Minute))
	}
	for _, tt := range []struct {
		name, order string
		obs         []em.Observation
		want        string
	}{
		{"back when the grace ends", "", sorted(beats, []em.Observation{at("lost", 18, 0, 0), at("contact", 19, 5, 0)}), "WITHIN_GRACE 0"},
		{"back a second later", "", sorted(beats, []em.Observation{at("lost", 18, 0, 0), at("contact", 19, 5, 1)}),
			"AL09 5.016666666666667, BREACH 5.016666666666667"},
		{"left as it begins", "", sorted(beats, []em.Observation{at("contact", 18, 0, 0), at("lost", 19, 0, 0), at("contact", 19, 30, 0)}), "AL09 30, BREACH 30"},
		{"left a second after", "", sorted(beats, []em.Observation{at("contact", 18, 0, 0), at("lost", 19, 0, 1), at("contact", 19, 30, 1)}), "AL10 30, BREACH 30"},
		{"short absence", "", sorted(beats, []em.Observation{at("contact", 18, 0, 0), at("lost", 23, 0, 0), at("contact", 23, 5, 0)}), "WITHIN_GRACE 0"},
		{"absence a second longer", "", sorted(beats, []em.Observation{at("contact", 18, 0, 0), at("lost", 23, 0, 0), at("contact", 23, 5, 1)}),
			"AL10 5.016666666666667, BREACH 5.016666666666667"},
		{"a second before the end", "", sorted(beats, []em.Observation{at("contact", 18, 0, 0), at("lost", 30, 59, 59)}),
			"AL11 0.016666666666666666, BREACH 0.016666666666666666"},
		{"the same with a grace at the end", `, "grace": {"start": "5m", "short": "5m", "end": "10m"}`,
			sorted(beats, []em.Observation{at("contact", 18, 0, 0), at("lost", 30, 50, 0)}), "WITHIN_GRACE 0"},
		{"more than the grace at the end", `, "grace": {"start": "5m", "short": "5m", "end": "10m"}`,
			sorted(beats, []em.Observation{at("contact", 18, 0, 0), at("lost", 30, 49, 0)}), "AL11 11, BREACH 11"},
		{"left as it ends", "", sorted(beats, []em.Observation{at("contact", 18, 0, 0), at("lost", 31, 0, 0)}), "COMPLIANT 0"},
		{"back as it ends", "", sorted(beats, []em.Observation{at("lost", 18, 0, 0), at("contact", 31, 0, 0)}), "AL12 720, BREACH 720"},
		{"evidence as far apart as the gap", "", every("in", evening(18, 0), evening(31, 30), curfew.DefaultMaxGap), "COMPLIANT 0"},
		{"evidence a second farther apart", "", every("in", evening(18, 0), evening(31, 30), curfew.DefaultMaxGap+time.Second), "COMPLIANT 0"},
		{"fixes outside as far apart as the gap", "", every("out", evening(18, 0), evening(31, 30), curfew.DefaultMaxGap), "AL12 720, BREACH 720"},
		{"fixes outside a second farther apart prove nothing in between", "", every("out", evening(18, 0), evening(31, 30), curfew.DefaultMaxGap+time.Second), "COMPLIANT 0"},
		{"one fix outside", "", homeBut(evening(23, 0), evening(23, 0), "out"), "COMPLIANT 0"},
		{"two fixes outside", "", homeBut(evening(23, 0), evening(23, 1), "out"), "WITHIN_GRACE 0"},
		{"unsure fixes are no evidence", "", homeBut(evening(23, 0), evening(24, 0), "unsure"), "unknown 47, UNKNOWN 0"},
		{"a contact outweighs a fix outside", "", sorted(beats, []em.Observation{at("contact", 18, 0, 0)}, every("out", evening(19, 0), evening(31, 0), time.Minute)), "COMPLIANT 0"},
		{"a fix inside outweighs an older loss", "", sorted(beats, []em.Observation{at("lost", 18, 0, 0)}, every("in", evening(18, 30), evening(31, 30), time.Minute)), "COMPLIANT 0"},
		{"nothing but signs of life", "", beats, "UNKNOWN 0, unknown 720"},
		{"released in the evening", `, "from": "2026-03-02T21:00:00+02:00"`, every("out", evening(18, 0), evening(31, 30), time.Minute), "AL12 600, BREACH 600"},
		{"the order ends in the night", `, "until": "2026-03-03T03:00:00+02:00"`, every("out", evening(18, 0), evening(31, 30), time.Minute), "AL12 480, BREACH 480"},
		{"first heard in the night", "", every("in", evening(23, 0), evening(31, 30), time.Minute), "COMPLIANT 0"},
		{"first heard in the night, outside", "", every("out", evening(23, 0), evening(31, 30), time.Minute), "AL11 480, BREACH 480"},
		{"a permit at the end", `, "permits": [{"from": "2026-03-03T06:00:00+02:00", "to": "2026-03-03T08:00:00+02:00", "approved_by": "a", "approved_at": "2026-03-01T00:00:00Z"}]`,
			sorted(beats, []em.Observation{at("contact", 18, 0, 0), at("lost", 29, 57, 0)}), "WITHIN_GRACE 0"},
		{"left under a permit, and out at the end", `, "permits": [{"from": "2026-03-02T19:00:00+02:00", "to": "2026-03-03T06:00:00+02:00", "approved_by": "a", "approved_at": "2026-03-01T00:00:00Z"}]`,
			sorted(beats, []em.Observation{at("contact", 18, 0, 0), at("lost", 19, 30, 0)}), "AL11 60, BREACH 60"},
		{"out all night, partly under a permit", `, "permits": [{"from": "2026-03-02T19:00:00+02:00", "to": "2026-03-02T22:00:00+02:00", "approved_by": "a", "approved_at": "2026-03-01T00:00:00Z"}]`,
			sorted(beats, []em.Observation{at("lost", 18, 0, 0)}), "AL12 540, BREACH 540"},
		{"a permit for the whole night", `, "permits": [{"from": "2026-03-02T12:00:00+02:00", "to": "2026-03-03T12:00:00+02:00", "approved_by": "a", "approved_at": "2026-03-01T00:00:00Z"}]`,
			sorted(beats, []em.Observation{at("lost", 18, 0, 0)}), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			order := nightly(t, "")
			if tt.order != "" {
				order = orderOf(t, `{"id": "order-1", "zone": "Europe/Vilnius", "weekly": `+daily+`,
					"units": [{"id": "unit-1", "device": "rf:unit-1"}]`+withGrace(tt.order)+`}`)
			}
			got := verdict(final(drive(t, evaluator(t, order), nil, tt.obs, evening(35, 0))))
			if got != tt.want {
				t.Errorf("verdict %q, want %q", got, tt.want)
			}
		})
	}
}

func withGrace(doc string) string {
	if strings.Contains(doc, "grace") {
		return doc
	}
	return doc + `, "grace": {"start": "5m", "short": "5m"}`
}

// TestFromWithoutEvidence: an order that says when it began is not silent about
// a person who was never heard of.
func TestFromWithoutEvidence(t *testing.T) {
	o := nightly(t, `, "from": "2026-03-02T12:00:00+02:00"`)
	got := verdict(final(drive(t, evaluator(t, o), nil, nil, evening(35, 0))))
	if got != "UNKNOWN 0, unknown 720" {
		t.Errorf("verdict %q", got)
	}
	if d := evaluator(t, nightly(t, "")).Deadline(); !d.IsZero() {
		t.Errorf("without a beginning it wants to be woken at %v", d)
	}
}

// TestTwoPlaces: rows of another place bind its own evaluator.
func TestTwoPlaces(t *testing.T) {
	const doc = `{"id": "order-1", "place": "%", "zone": "Europe/Vilnius", "weekly": [
		{"day": "mon", "start": "19:00", "end": "00:00", "place": "a"}, {"day": "tue", "start": "00:00", "end": "07:00", "place": "b"}]}`
	obs := sorted(every("in", evening(18, 0), evening(24, 0), time.Minute), every("out", evening(24, 1), evening(31, 30), time.Minute))
	for place, want := range map[string]string{"a": "COMPLIANT 0", "b": "AL11 419, BREACH 419"} {
		o := orderOf(t, strings.Replace(doc, "%", place, 1))
		told := final(drive(t, evaluator(t, o), nil, obs, evening(35, 0)))
		if got := verdict(told); got != want {
			t.Errorf("%s: verdict %q, want %q", place, got, want)
		}
		if told[0].About != "order-1/"+place {
			t.Errorf("about %q", told[0].About)
		}
	}
}

// TestBeaconsOfTheWearer: what the worn device says of a beacon is worth as much
// as a fix, and holds no longer.
func TestBeaconsOfTheWearer(t *testing.T) {
	o := orderOf(t, `{"id": "order-1", "zone": "Europe/Vilnius", "weekly": `+daily+`, "units": [{"id": "kitchen"}, {"id": "bedroom"}]}`)
	report := func(id string, lost bool, at time.Time) em.Observation {
		return em.Observation{Device: bracelet, DeviceAt: at, Body: &em.Beacon{Beacon: id, Radio: "ble", Lost: lost}}.Stamp(at)
	}
	var obs []em.Observation
	for at := evening(18, 0); at.Before(evening(31, 30)); at = at.Add(10 * time.Minute) {
		switch {
		case at.Before(evening(22, 0)):
			obs = append(obs, report("kitchen", false, at))
		case at.Equal(evening(22, 0)): // from one room to the other
			obs = append(obs, report("bedroom", false, at), report("kitchen", true, at.Add(time.Minute)))
		case at.Before(evening(23, 0)):
			obs = append(obs, report("bedroom", false, at))
		case at.Equal(evening(23, 0)): // out
			obs = append(obs, report("bedroom", true, at), report("stranger", false, at.Add(time.Minute)), report("bedroom", true, at.Add(10*time.Minute)))
		case at.After(evening(24, 0)):
			obs = append(obs, report("bedroom", false, at))
		}
	}
	if got, want := verdict(final(drive(t, evaluator(t, o), nil, obs, evening(35, 0)))), "AL10 10, unknown 45, BREACH 10"; got != want {
		t.Errorf("verdict %q, want %q", got, want)
	}
}

// TestMovedUnit: a unit that was carried off proves nothing, whoever reports it.
func TestMovedUnit(t *testing.T) {
	e := evaluator(t, nightly(t, ""))
	for _, o := range []em.Observation{
		observe("moved", evening(19, 0)), observe("contact", evening(19, 1)),
		em.Observation{Device: bracelet, DeviceAt: evening(19, 2), Body: &em.Beacon{Beacon: "unit-1"}}.Stamp(evening(19, 2)),
	} {
		if e.Observe(nil, o); e.Presence() != curfew.Unknown {
			t.Errorf("%v after %+v", e.Presence(), o.Body)
		}
	}
	e.Observe(nil, observe("placed", evening(19, 3)))
	if e.Observe(nil, observe("contact", evening(19, 4))); e.Presence() != curfew.Home {
		t.Errorf("%v by a unit in its place", e.Presence())
	}
}

// TestTwoUnits: who is not heard by one unit may be at the other, as long as
// that one does not say otherwise.
func TestTwoUnits(t *testing.T) {
	o := orderOf(t, `{"id": "order-1", "zone": "Europe/Vilnius", "weekly": `+daily+`, "units": [{"id": "unit-1", "device": "rf:unit-1"}, {"id": "unit-2", "device": "rf:unit-2"}]}`)
	second := func(obs []em.Observation) []em.Observation {
		for i := range obs {
			body := obs[i].Body
			if b, ok := body.(*em.Beacon); ok {
				body = &em.Beacon{Beacon: "unit-2", Radio: "rf", Lost: b.Lost}
			}
			obs[i] = em.Observation{Device: "rf:unit-2", DeviceAt: obs[i].At, Body: body}.Stamp(obs[i].At)
		}
		return obs
	}
	first := sorted(every("contact", evening(18, 0), evening(20, 0), time.Minute), every("beats", evening(20, 1), evening(31, 30), 5*time.Minute),
		[]em.Observation{observe("lost", evening(20, 1))})
	for _, tt := range []struct {
		name string
		obs  []em.Observation
		want string
	}{
		{"never heard of", nil, "UNKNOWN 0, unknown 645"}, // from 20:15 on, when the last contact expires
		{"heard from until 22:00", second(sorted([]em.Observation{observe("lost", evening(18, 0))}, every("beats", evening(18, 0), evening(22, 0), 5*time.Minute))),
			"AL10 134, BREACH 134, unknown 514"},
		{"in contact", second(every("contact", evening(20, 0), evening(31, 30), time.Minute)), "COMPLIANT 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := verdict(final(drive(t, evaluator(t, o), nil, sorted(first, tt.obs), evening(35, 0)))); got != tt.want {
				t.Errorf("verdict %q, want %q", got, tt.want)
			}
		})
	}
}

// TestUnwoken: without wakes the verdict does not claim more than was seen.
func TestUnwoken(t *testing.T) {
	e := evaluator(t, nightly(t, ""))
	var told []em.Event
	for _, o := range sorted(every("out", evening(18, 55), evening(27, 55), 10*time.Minute), every("in", evening(30, 0), evening(32, 0), 10*time.Minute)) {
		for _, ev := range e.Observe(nil, o) {
			ev.Stamp("person-1", o.At)
			told = append(told, ev)
		}
	}
	if got, want := verdict(final(told)), "AL09 530, unknown 110, BREACH 530"; got != want {
		t.Errorf("verdict %q, want %q", got, want)
	}
	e, told = evaluator(t, nightly(t, "")), nil
	for _, o := range every("out", evening(18, 55), evening(32, 0), 10*time.Minute) {
		for _, ev := range e.Observe(nil, o) {
			ev.Stamp("person-1", o.At)
			told = append(told, ev)
		}
	}
	if got, want := verdict(final(told)), "AL11 715, BREACH 715"; got != want {
		t.Errorf("verdict %q, want %q", got, want)
	}
}

// TestTimeline feeds each script as it might be received: late, mixed up, twice,
// in batches, with restarts. What is told in the end is what is told in order.
func TestTimeline(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	const seed = 7
	t.Logf("seed %d", seed)
	changed := 0
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			doc, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			s := newScript(t, string(doc))
			want := final(drive(t, s.evaluator(t), nil, s.obs, s.until))
			for round := range uint64(2) {
				rnd := rand.New(rand.NewPCG(seed, round))
				var store em.MemoryHistory
				changed += replay(t, rnd, &store, s.obs, s.until, func() em.Evaluator { return s.evaluator(t) })
				got := store.Present()
				slices.SortFunc(got, func(a, b em.Event) int { return bytes.Compare(a.ID[:], b.ID[:]) })
				if !slices.EqualFunc(want, got, func(a, b em.Event) bool { return a.Equal(&b) }) {
					t.Fatalf("round %d (-in order +mixed up):\n%s", round, cmp.Diff(s.tell(want), s.tell(got)))
				}
			}
		})
	}
	if changed == 0 {
		t.Error("late data never took anything back: the test proves little")
	}
}

// replay feeds obs to a Timeline and returns how many events it moved or
// withdrew.
func replay(t *testing.T, rnd *rand.Rand, store *em.MemoryHistory, obs []em.Observation, until time.Time, fresh func() em.Evaluator) (changed int) {
	t.Helper()
	fed := slices.Clone(obs)
	for i := range fed {
		if rnd.IntN(8) == 0 { // uploaded later
			fed[i].Received = fed[i].At.Add(time.Duration(rnd.IntN(6*3600)) * time.Second)
			if rnd.IntN(2) == 0 {
				again := fed[i]
				again.Received = again.Received.Add(time.Minute)
				fed = append(fed, again)
			}
		}
	}
	slices.SortStableFunc(fed, func(a, b em.Observation) int { return a.Received.Compare(b.Received) })
	cfg := em.Config{Subject: "person-1", History: store, Start: obs[0].At.Add(-time.Hour)}
	tl, err := em.NewTimeline(cfg, fresh())
	if err != nil {
		t.Fatal(err)
	}
	for left := fed; len(left) > 0; {
		n := min(1+rnd.IntN(40), len(left))
		var r em.Result
		if err := tl.Feed(&r, left[n-1].Received, left[:n]...); err != nil {
			t.Fatal(err)
		}
		for _, c := range r.Changes {
			if c.Kind == em.Moved || c.Kind == em.Withdrawn {
				changed++
			}
		}
		store.Commit(&r, left[:n]...)
		left = left[n:]
		if rnd.IntN(20) == 0 {
			if tl, err = em.NewTimeline(cfg, fresh()); err != nil {
				t.Fatal(err)
			}
		}
	}
	var r em.Result
	if err := tl.Advance(&r, until); err != nil {
		t.Fatal(err)
	}
	store.Commit(&r)
	return changed
}

// TestTimelineOfRandomNights does the same with random orders.
func TestTimelineOfRandomNights(t *testing.T) {
	const seed = 99
	t.Logf("seed %d", seed)
	for round := range uint64(8) {
		rnd := rand.New(rand.NewPCG(seed, round))
		day, _ := time.Parse(time.DateOnly, days[rnd.IntN(len(days))])
		order := randomOrder(t, rnd, day)
		obs, _ := randomHistory(rnd, day)
		until := obs[len(obs)-1].At.Add(24 * time.Hour)
		want := final(drive(t, evaluator(t, order), nil, obs, until))
		var store em.MemoryHistory
		replay(t, rnd, &store, obs, until, func() em.Evaluator { return evaluator(t, order) })
		got := store.Present()
		slices.SortFunc(got, func(a, b em.Event) int { return bytes.Compare(a.ID[:], b.ID[:]) })
		if !slices.EqualFunc(want, got, func(a, b em.Event) bool { return a.Equal(&b) }) {
			t.Fatalf("round %d: %d events in order, %d mixed up", round, len(want), len(got))
		}
	}
}

// TestStoredContact is scenario 8 as it is told: late at 19:05, and taken back
// at 23:00 by the stored contact of 19:02.
func TestStoredContact(t *testing.T) {
	obs := sorted(every("beats", evening(18, 0), evening(23, 0), 5*time.Minute), []em.Observation{observe("lost", evening(18, 0)), observe("contact", evening(19, 19))})
	stored := observe("contact", evening(19, 2))
	stored.Received = evening(23, 0)
	stored.Stored = true
	var store em.MemoryHistory
	tl, err := em.NewTimeline(em.Config{Subject: "person-1", History: &store}, evaluator(t, nightly(t, "")))
	if err != nil {
		t.Fatal(err)
	}
	feed := func(now time.Time, obs ...em.Observation) {
		t.Helper()
		var r em.Result
		if err := tl.Feed(&r, now, obs...); err != nil {
			t.Fatal(err)
		}
		store.Commit(&r, obs...)
	}
	for _, o := range obs {
		feed(o.At, o)
	}
	feed(evening(23, 0).Add(1), stored)
	feed(evening(31, 30))
	var got []string
	for _, c := range store.Ledger() {
		s := c.Kind.String() + " " + c.Event.Detail.Class
		if c.Kind == em.Withdrawn && c.Cause == stored.ID {
			s += " because of the stored contact"
		}
		got = append(got, s)
	}
	want := []string{
		"opened OUT_PAST_COMMENCEMENT", "closed RETURN_LATE", "withdrawn RETURN_LATE because of the stored contact",
		"opened ", "closed ", "opened UNKNOWN", // nothing is heard after 23:00
	}
	if !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// TestRulesChange: a permit given in the night, and a row that is changed in it.
func TestRulesChange(t *testing.T) {
	beats := every("beats", evening(18, 0), evening(31, 30), 5*time.Minute)
	for _, tt := range []struct {
		name, order string
		at          time.Time
		obs         []em.Observation
		want        string
	}{
		{"a permit at 20:00 until 22:00", `, "version": "2", "permits": [{"from": "2026-03-02T19:00:00+02:00", "to": "2026-03-02T22:00:00+02:00",
			"approved_by": "officer 12", "approved_at": "2026-03-02T20:00:00+02:00"}]`, evening(20, 0),
			[]em.Observation{observe("lost", evening(18, 0)), observe("contact", evening(22, 3))}, "AL09 63, BREACH 63"},
		{"from 21:00 on the row is 22:00 to 06:00", `, "version": "2", "from": "2026-03-02T21:00:00+02:00", "weekly": [{"day": "mon", "start": "22:00", "end": "06:00"}]`, evening(21, 0),
			[]em.Observation{observe("lost", evening(18, 0)), observe("contact", evening(22, 30))}, "AL08 120, BREACH 120, AL09 30, BREACH 30"},
		{"from 21:00 on the row is 20:00 to 06:00, without a from", `, "version": "2", "weekly": [{"day": "mon", "start": "20:00", "end": "06:00"}]`, evening(21, 0),
			[]em.Observation{observe("lost", evening(18, 0)), observe("contact", evening(22, 30))}, "AL08 115, BREACH 115, AL09 95, BREACH 95"},
		{"from 21:00 on there is no curfew", `, "version": "2", "weekly": []`, evening(21, 0),
			[]em.Observation{observe("contact", evening(18, 0))}, "COMPLIANT 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			doc := `{"id": "order-1", "zone": "Europe/Vilnius", "grace": {"start": "5m", "short": "5m"}, "units": [{"id": "unit-1", "device": "rf:unit-1"}]` + tt.order
			if !strings.Contains(doc, "weekly") {
				doc += `, "weekly": ` + daily
			}
			second := orderOf(t, doc+"}")
			var store em.MemoryHistory
			tl, err := em.NewTimeline(em.Config{Subject: "person-1", History: &store}, evaluator(t, nightly(t, "")))
			if err != nil {
				t.Fatal(err)
			}
			changed := false
			for _, o := range sorted(beats, tt.obs) {
				var r em.Result
				if !changed && !o.At.Before(tt.at) {
					changed = true
					if err := tl.Rederive(&r, tt.at, tt.at, evaluator(t, second)); err != nil {
						t.Fatal(err)
					}
					store.Commit(&r)
					r.Reset()
				}
				if err := tl.Feed(&r, o.At, o); err != nil {
					t.Fatal(err)
				}
				store.Commit(&r, o)
			}
			var r em.Result
			if err := tl.Advance(&r, evening(35, 0)); err != nil {
				t.Fatal(err)
			}
			store.Commit(&r)
			for _, ev := range store.Present() {
				if ev.Open() {
					t.Errorf("stays open: %+v", ev)
				}
			}
			if got := verdict(store.Present()); got != tt.want {
				t.Errorf("verdict %q, want %q", got, tt.want)
			}
		})
	}
}

// TestNonsense: whatever devices say, nothing panics, and what is no evidence
// proves nothing.
func TestNonsense(t *testing.T) {
	e := evaluator(t, nightly(t, ""))
	nan := math.NaN()
	at := evening(19, 30)
	bodies := []em.Body{
		&em.Fix{LatLng: em.LatLng{Lat: nan, Lng: nan}, Validity: em.FixCurrent},
		&em.Fix{LatLng: em.LatLng{Lat: 91, Lng: 1e308}, Validity: em.FixCurrent},
		&em.Fix{LatLng: em.LatLng{Lat: 1, Lng: 1}, Validity: em.FixLastKnown},
		&em.Fix{LatLng: em.LatLng{Lat: -1, Lng: 1}, Validity: em.FixInvalid},
		&em.Fix{LatLng: em.LatLng{Lat: -1, Lng: 1}},
		&em.Beacon{}, &em.Beacon{Beacon: "stranger", Lost: true}, &em.Tamper{}, &em.Power{}, &em.Comms{}, &em.Alarm{}, &em.CheckIn{}, &em.Vendor{},
		&em.AlcoholReading{}, &em.Transdermal{},
	}
	for _, device := range []em.DeviceID{"", bracelet, unitDevice} {
		for _, b := range bodies {
			e.Observe(nil, em.Observation{Device: device, DeviceAt: at, Body: b}.Stamp(at))
			if e.Presence() != curfew.Unknown {
				t.Errorf("%q: %T proves %v", device, b, e.Presence())
			}
		}
	}
	for _, odd := range []time.Time{{}, time.Unix(1<<55, 0), time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), at.Add(-1)} {
		before, _ := e.AppendBinary(nil)
		o := observe("in", at)
		o.At = odd
		if out := e.Wake(e.Observe(nil, o), odd); len(out) != 0 {
			t.Errorf("at %v: %v", odd, out)
		}
		if after, _ := e.AppendBinary(nil); !bytes.Equal(before, after) {
			t.Errorf("an observation at %v changed the state", odd)
		}
	}
	// Nobody woke it for years: nights in between are not judged, and it goes on.
	late := at.AddDate(100, 0, 0)
	if out := e.Observe(nil, observe("in", late)); len(out) > 3 {
		t.Errorf("%d events after a hundred years", len(out))
	}
	if d := e.Deadline(); !d.After(late) || d.After(late.Add(24*time.Hour)) {
		t.Errorf("after a hundred years it wants to be woken at %v", d)
	}
}

func FuzzState(f *testing.F) {
	order := nightly(f, "")
	e := evaluator(f, order)
	for _, o := range sorted(every("beats", evening(18, 0), evening(21, 0), 5*time.Minute), []em.Observation{observe("lost", evening(18, 0)), observe("contact", evening(20, 30))}) {
		for d := e.Deadline(); !d.IsZero() && !d.After(o.At); d = e.Deadline() {
			e.Wake(nil, d)
		}
		e.Observe(nil, o)
		b, _ := e.AppendBinary(nil)
		f.Add(b)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		e := evaluator(t, order)
		before, _ := e.AppendBinary(nil)
		if err := e.UnmarshalBinary(b); err != nil {
			if !errors.Is(err, em.ErrState) {
				t.Fatalf("%v is no em.ErrState", err)
			}
			if after, _ := e.AppendBinary(nil); !bytes.Equal(before, after) {
				t.Fatal("a bad state changed the evaluator")
			}
			return
		}
		again, err := e.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		// Units that the order does not know are dropped; all else stays.
		if len(again) > len(b)+16 {
			t.Fatalf("%d bytes became %d", len(b), len(again))
		}
		var last time.Time
		for range 100 {
			d := e.Deadline()
			if d.IsZero() {
				return
			}
			if !d.After(last) {
				t.Fatalf("deadline %v after a wake at %v", d, last)
			}
			if out := e.Wake(nil, d); len(out) > 16*(1+len(b)) {
				t.Fatalf("%d events at once", len(out))
			}
			last = d
		}
	})
}

// TestAllocations: a fix that changes nothing costs nothing.
func TestAllocations(t *testing.T) {
	e := evaluator(t, nightly(t, ""))
	var dst []em.Event
	obs := every("in", evening(20, 0), evening(28, 0), time.Second)
	for i := range 100 {
		dst = e.Observe(dst, obs[i])
	}
	i := 100
	if n := testing.AllocsPerRun(1000, func() {
		dst = e.Observe(dst, obs[i])
		if e.Deadline().IsZero() {
			t.Fatal("no deadline")
		}
		i++
	}); n != 0 {
		t.Errorf("%v allocations for a fix", n)
	}
}
