package em_test

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
)

// clock is a time of the evening of 1 October or of the night after it.
func clock(hms string) time.Time {
	t, err := time.Parse("15:04:05", hms)
	if err != nil {
		panic(err)
	}
	at := epoch.Add(time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second)
	if t.Hour() < 12 {
		at = at.AddDate(0, 0, 1)
	}
	return at
}

func beacon(at time.Time, lost bool) em.Observation {
	return em.Observation{Device: "rf:1", DeviceAt: at, Body: &em.Beacon{Beacon: "home", Radio: "rf", Lost: lost}}.Stamp(at)
}

func fix(at time.Time, lat float64) em.Observation {
	return em.Observation{Device: "gps:1", DeviceAt: at, Body: &em.Fix{LatLng: em.LatLng{Lat: lat}, Validity: em.FixCurrent, Source: em.SourceGNSS}}.Stamp(at)
}

// later is o as received later, out of the device's memory.
func later(o em.Observation, received time.Time) em.Observation {
	o.Received, o.Stored = received, true
	return o
}

// desk is a timeline with its store, for cases written out.
type desk struct {
	t   *testing.T
	h   em.MemoryHistory
	cfg em.Config
	tl  *em.Timeline
	r   em.Result // of the last call
}

func newDesk(t *testing.T, cfg em.Config, evs ...em.Evaluator) *desk {
	t.Helper()
	d := &desk{t: t, cfg: cfg}
	d.cfg.Subject = subject
	if d.cfg.History == nil {
		d.cfg.History = &d.h
	}
	d.restart(evs...)
	return d
}

func (d *desk) restart(evs ...em.Evaluator) {
	d.t.Helper()
	tl, err := em.NewTimeline(d.cfg, evs...)
	if err != nil {
		d.t.Fatal(err)
	}
	d.tl = tl
}

// feed feeds at the wall clock now and returns what was told, one line each.
func (d *desk) feed(now time.Time, obs ...em.Observation) string {
	d.t.Helper()
	d.r = em.Result{}
	if err := d.tl.Feed(&d.r, now, obs...); err != nil {
		d.t.Fatal(err)
	}
	d.h.Commit(&d.r, obs...)
	return d.lines(d.r.Changes)
}

func (d *desk) lines(changes []em.Change) string {
	var b strings.Builder
	for _, c := range changes {
		until := "open"
		if !c.Event.Open() {
			until = c.Event.Until.Format("15:04:05")
		}
		fmt.Fprintf(&b, "%s %s %s %s-%s\n", c.Kind, c.Event.Detail.Kind, c.Event.Detail.Class, c.Event.At.Format("15:04:05"), until)
	}
	return strings.TrimSpace(b.String())
}

func (d *desk) want(got string, want ...string) {
	d.t.Helper()
	if w := strings.Join(want, "\n"); got != w {
		d.t.Fatalf("got\n%s\nwant\n%s", got, w)
	}
}

// oracle compares the store with a naive run over obs.
func (d *desk) oracle(until time.Time, obs []em.Observation, evs ...em.Evaluator) {
	d.t.Helper()
	or := oracle{start: d.cfg.Start, until: until, maxLate: cmpOr(d.cfg.MaxLate, 72*time.Hour), maxAhead: 5 * time.Minute,
		rules: []oracleRules{{d.cfg.Start, evs}}}
	sameEvents(d.t, "store", byID(d.h.Present()), or.events(d.t, obs))
}

func cmpOr(a, b time.Duration) time.Duration {
	if a != 0 {
		return a
	}
	return b
}

func curfew() em.Evaluator { return &night{grace: 5 * time.Minute, version: "v1"} }

// The scenarios of a curfew from 19:00 to 07:00 with five minutes of grace, as
// they are told while they happen.
func TestCurfewNight(t *testing.T) {
	tests := []struct {
		name string
		obs  []em.Observation
		want []string
	}{
		{"home all night", []em.Observation{beacon(clock("18:50:00"), false)},
			[]string{"opened night.compliant  19:00:00-07:00:00"}},
		{"home within grace", []em.Observation{beacon(clock("18:00:00"), true), beacon(clock("19:04:00"), false)},
			[]string{"opened night.compliant  19:00:00-07:00:00"}},
		{"home 19 minutes late", []em.Observation{beacon(clock("18:00:00"), true), beacon(clock("19:19:00"), false)},
			[]string{"opened night.absence out 19:00:00-open", "closed night.absence returned 19:00:00-19:19:00"}},
		{"out all night", []em.Observation{beacon(clock("18:00:00"), true)},
			[]string{"opened night.absence out 19:00:00-open", "closed night.absence out at end 19:00:00-07:00:00"}},
		{"left and came back", []em.Observation{beacon(clock("18:00:00"), false), beacon(clock("03:17:27"), true), beacon(clock("04:34:27"), false)},
			[]string{"opened night.absence out 03:17:27-open", "closed night.absence returned 03:17:27-04:34:27"}},
		{"out at the end", []em.Observation{beacon(clock("18:00:00"), false), beacon(clock("06:02:00"), true)},
			[]string{"opened night.absence out 06:02:00-open", "closed night.absence out at end 06:02:00-07:00:00"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, em.Config{}, curfew())
			var told []string
			for _, o := range tt.obs {
				told = append(told, d.feed(o.At, o))
			}
			told = append(told, d.feed(clock("07:00:00")))
			told = slices.DeleteFunc(told, func(s string) bool { return s == "" })
			d.want(strings.Join(told, "\n"), tt.want...)

			// All at once, backwards.
			d = newDesk(t, em.Config{}, curfew())
			obs := slices.Clone(tt.obs)
			slices.Reverse(obs)
			d.feed(clock("07:00:00"), obs...)
			d.oracle(clock("07:00:00"), tt.obs, curfew())
		})
	}
}

// Scenario 8: a stored contact within the grace takes the incident back, names
// itself as the cause, and the night is told to be compliant after all.
func TestStoredContactWithdrawsTheIncident(t *testing.T) {
	d := newDesk(t, em.Config{}, curfew())
	d.want(d.feed(clock("18:00:00"), beacon(clock("18:00:00"), true)))
	if got := d.tl.Deadline(); !got.Equal(clock("19:05:00")) {
		t.Fatalf("Deadline %v", got)
	}
	d.want(d.feed(clock("19:05:00")), "opened night.absence out 19:00:00-open")
	if c := d.r.Changes[0]; c.Cause != (em.ObservationID{}) || !c.Event.Concluded.Equal(clock("19:05:00")) || !c.Known.Equal(clock("19:05:00")) {
		t.Fatalf("a deadline's change has cause %v, concluded %v, known %v", c.Cause, c.Event.Concluded, c.Known)
	}
	back := beacon(clock("19:19:00"), false)
	d.want(d.feed(clock("19:19:10"), back), "closed night.absence returned 19:00:00-19:19:00")
	if c := d.r.Changes[0]; c.Cause != back.ID || !c.Was.Open() {
		t.Fatalf("cause %v, was %v", c.Cause, c.Was)
	}

	late := later(beacon(clock("19:02:00"), false), clock("23:00:00"))
	d.want(d.feed(clock("23:00:01"), late), "withdrawn night.absence returned 19:00:00-19:19:00")
	if c := d.r.Changes[0]; c.Cause != late.ID || !c.Known.Equal(clock("23:00:01")) {
		t.Fatalf("cause %v, known %v", c.Cause, c.Known)
	}
	d.want(d.feed(clock("07:00:00")), "opened night.compliant  19:00:00-07:00:00")
	if n := len(d.h.Ledger()); n != 4 {
		t.Fatalf("ledger of %d", n)
	}

	// And a later piece of evidence takes the compliance back, too.
	gone := later(beacon(clock("02:00:00"), true), clock("08:00:00"))
	d.want(d.feed(clock("08:00:00"), gone),
		"withdrawn night.compliant  19:00:00-07:00:00", "opened night.absence out at end 02:00:00-07:00:00")
}

// Late data moves a crossing: the event is told as moved, not as another.
func TestMovedAnchor(t *testing.T) {
	d := newDesk(t, em.Config{}, &crossing{version: "v1"})
	d.want(d.feed(clock("12:00:00"), fix(clock("12:00:00"), -1)))
	d.want(d.feed(clock("12:20:00"), fix(clock("12:20:00"), 1)), "opened zone.stay  12:10:00-open")
	was := d.r.Changes[0].Event
	d.want(d.feed(clock("12:40:00"), fix(clock("12:40:00"), -1)), "closed zone.stay  12:10:00-12:30:00")
	late := later(fix(clock("12:10:00"), -1), clock("12:41:00"))
	d.want(d.feed(clock("12:41:00"), late), "moved zone.stay  12:15:00-12:30:00")
	c := d.r.Changes[0]
	if c.Was.ID != was.ID || c.Event.ID == was.ID || c.Cause != late.ID {
		t.Fatalf("was %v, event %v, cause %v", c.Was.ID, c.Event.ID, c.Cause)
	}
	// A late end changes the event without moving it.
	d.want(d.feed(clock("12:42:00"), later(fix(clock("12:30:00"), 1), clock("12:42:00"))), "updated zone.stay  12:15:00-12:35:00")
	// One stay becomes two: the longer part is the old one.
	d.want(d.feed(clock("12:43:00"), later(fix(clock("12:24:00"), -1), clock("12:43:00"))),
		"updated zone.stay  12:15:00-12:22:00", "opened zone.stay  12:27:00-12:35:00")
	if n := len(d.h.Present()); n != 2 {
		t.Fatalf("%d events", n)
	}
}

// A replay goes back to the version that an open event had at the checkpoint,
// not to the one told last: here the peak rises on evidence that later turns out
// to have a better first version.
func TestVersionAsOfTheCheckpoint(t *testing.T) {
	skin := func(at time.Time, coef int64, seq uint64) em.Observation {
		return em.Observation{Device: "scram:1", DeviceAt: at, Seq: em.Some(seq),
			Body: &em.Transdermal{Value: em.Decimal{Coef: coef, Scale: 4}, Unit: em.UnitSkinGPerDL}}.Stamp(at)
	}
	for _, window := range []time.Duration{0, time.Hour} {
		d := newDesk(t, em.Config{Every: 10 * time.Minute, Save: 10 * time.Minute, Window: window}, &episode{limit: 100, version: "v1"})
		a, b, c := skin(clock("20:01:00"), 110, 1), skin(clock("20:12:00"), 310, 2), skin(clock("20:15:00"), 450, 3)
		d.want(d.feed(a.At, a), "opened alcohol.episode peak 1 20:01:00-open")
		d.want(d.feed(b.At, b), "updated alcohol.episode peak 3 20:01:00-open")
		d.want(d.feed(c.At, c), "updated alcohol.episode peak 4 20:01:00-open")
		// The base of this replay is 20:10, where the peak was 1.
		late := later(skin(clock("20:11:00"), 200, 9), clock("20:16:00"))
		d.want(d.feed(clock("20:16:00"), late), "updated alcohol.episode peak 4 20:01:00-open")
		if got := d.r.Changes[0].Event.Because; len(got) != 4 || got[1] != late.ID {
			t.Fatalf("because %v", got)
		}
		// After a restart the History says what is open as of its checkpoint.
		d.restart(&episode{limit: 100, version: "v1"})
		d.want(d.feed(clock("20:17:00")))
		d.want(d.feed(clock("21:16:00")), "closed alcohol.episode peak 4 20:01:00-20:15:00")
		d.oracle(clock("21:16:00"), []em.Observation{a, b, c, late}, &episode{limit: 100, version: "v1"})
	}
}

// An update decided after the checkpoint is taken back to the version as of it
// when nothing decides it any more. A re-sent observation whose first reception
// was earlier, and too early to be judged, cannot do that; rules can: with a
// higher limit from 20:10 on the second reading no longer counts.
func TestRevertsToTheVersionAsOfTheCheckpoint(t *testing.T) {
	d := newDesk(t, em.Config{Every: 10 * time.Minute}, &episode{limit: 100, version: "v1"})
	skin := func(at time.Time, coef int64) em.Observation {
		return em.Observation{Device: "scram:1", DeviceAt: at, Body: &em.Transdermal{Value: em.Decimal{Coef: coef, Scale: 4}, Unit: em.UnitSkinGPerDL}}.Stamp(at)
	}
	d.feed(clock("20:01:00"), skin(clock("20:01:00"), 110))
	d.want(d.feed(clock("20:12:00"), skin(clock("20:12:00"), 310)), "updated alcohol.episode peak 3 20:01:00-open")
	r := em.Result{}
	if err := d.tl.Rederive(&r, clock("20:13:00"), clock("20:10:00"), &episode{limit: 500, version: "v2"}); err != nil {
		t.Fatal(err)
	}
	d.want(d.lines(r.Changes), "updated alcohol.episode peak 1 20:01:00-open")
	if v := r.Changes[0].Event.Version; v != "v1" {
		t.Fatalf("version %s, want the one told as of the checkpoint", v)
	}
}

// Checkpoints in the store that late data has made wrong are voided: a second
// piece of late data, whose replay would begin at one, finds the right state.
func TestStaleStoredCheckpoints(t *testing.T) {
	for _, window := range []time.Duration{0, 3 * time.Hour} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("window %v restart %v", window, restart), func(t *testing.T) {
				d := newDesk(t, em.Config{Every: 10 * time.Minute, Save: 30 * time.Minute, Window: window}, curfew())
				var all []em.Observation
				feed := func(now time.Time, o em.Observation) {
					all = append(all, o)
					d.feed(now, o)
					if restart {
						d.restart(curfew())
					}
				}
				// Contacts all evening leave checkpoints: at home.
				for at := clock("18:00:00"); at.Before(clock("23:00:00")); at = at.Add(7 * time.Minute) {
					feed(at, beacon(at, false))
				}
				stored := 0
				for range d.h.Checkpoints(em.EventTime, clock("23:00:00")) {
					stored++
				}
				if stored < 8 {
					t.Fatalf("only %d checkpoints", stored)
				}
				// The contacts from 20:00 on turn out to be preceded by a loss, which
				// alone changes no state at 20:30 (heard again at 20:06). So remove
				// hearing from then on: lost at each contact's place.
				for at := clock("18:01:00"); at.Before(clock("23:00:00")); at = at.Add(7 * time.Minute) {
					feed(clock("23:00:00"), later(beacon(at, true), clock("23:00:00")))
				}
				// And one in the middle, near a line of the store's grid.
				feed(clock("23:01:00"), later(beacon(clock("21:31:00"), false), clock("23:01:00")))
				feed(clock("23:02:00"), later(beacon(clock("21:00:00"), true), clock("23:02:00")))
				feed(clock("23:03:00"), later(beacon(clock("21:30:00"), true), clock("23:03:00")))
				d.feed(clock("08:00:00"))
				d.oracle(clock("08:00:00"), all, curfew())

				// What is stored now is what a fresh run would store.
				var fresh em.MemoryHistory
				cfg := d.cfg
				cfg.History, cfg.Window = &fresh, 0
				tl, err := em.NewTimeline(cfg, curfew())
				if err != nil {
					t.Fatal(err)
				}
				var r em.Result
				if err := tl.Feed(&r, clock("08:00:00"), all...); err != nil {
					t.Fatal(err)
				}
				fresh.Commit(&r, all...)
				want := map[time.Time]em.Checkpoint{}
				for cp := range fresh.Checkpoints(em.EventTime, clock("11:00:00")) {
					want[cp.At] = cp
				}
				n := 0
				for cp := range d.h.Checkpoints(em.EventTime, clock("11:00:00")) {
					n++
					w := want[cp.At]
					if !slices.EqualFunc(cp.State, w.State, slices.Equal) || !slices.EqualFunc(cp.Open, w.Open, func(a, b em.Event) bool { return a.Equal(&b) }) {
						t.Errorf("stored checkpoint of %v is not that of a fresh run", cp.At)
					}
				}
				if n == 0 {
					t.Error("no checkpoint left")
				}
			})
		}
	}
}

// A snapshot is taken in the middle of a line of the grid, between arrivals of
// one instant: the rest of them must neither be taken for known, nor make a
// checkpoint that says it was before them, nor count twice.
func TestSnapshotBetweenEqualTimes(t *testing.T) {
	at := clock("20:10:00") // on the grid
	tests := []struct {
		name string
		at   time.Time
	}{{"on the grid", at}, {"in mid-grid", at.Add(3 * time.Minute)}}
	for _, tt := range tests {
		for _, window := range []time.Duration{0, 2 * time.Hour} {
			t.Run(fmt.Sprintf("%s window %v", tt.name, window), func(t *testing.T) {
				mk := func() []em.Evaluator { return []em.Evaluator{curfew(), &silence{after: time.Hour}, &crossing{}} }
				d := newDesk(t, em.Config{Every: 10 * time.Minute, Save: 10 * time.Minute, Window: window}, mk()...)
				var all, tied []em.Observation
				before := beacon(tt.at.Add(-30*time.Minute), false)
				for i := range uint64(6) {
					o := em.Observation{Device: "rf:1", Seq: em.Some(i + 1), DeviceAt: tt.at, Body: &em.Beacon{Beacon: "home", Radio: "rf", Lost: i%2 == 0, RSSI: em.Some(int(i))}}
					tied = append(tied, o.Stamp(tt.at))
				}
				all = append(all, before)
				d.feed(before.At, before)
				for _, i := range []int{1, 3, 0, 3, 5, 4, 1, 2} { // some twice, some late
					all = append(all, tied[i])
					d.feed(tt.at, tied[i])
					snap, err := d.tl.AppendBinary(nil)
					if err != nil {
						t.Fatal(err)
					}
					d.restart(mk()...)
					if err := d.tl.UnmarshalBinary(snap); err != nil {
						t.Fatal(err)
					}
				}
				after := beacon(tt.at.Add(time.Minute), true)
				all = append(all, after)
				d.feed(after.At, after)
				// Late data before and after the instant, so that a checkpoint made
				// there would be used.
				for _, m := range []time.Duration{-1, 0, 2} {
					o := later(beacon(tt.at.Add(m*time.Minute+time.Second), true), tt.at.Add(20*time.Minute))
					all = append(all, o)
					d.feed(tt.at.Add(20*time.Minute), o)
				}
				d.feed(clock("08:00:00"))
				d.oracle(clock("08:00:00"), all, mk()...)
			})
		}
	}
}

// script is an evaluator of the test's own: state is its bytes.
type script struct {
	clock   em.Clock
	state   []byte
	observe func(s *script, dst []em.Event, o em.Observation) []em.Event
}

func (s *script) Clock() em.Clock { return s.clock }
func (s *script) Observe(dst []em.Event, o em.Observation) []em.Event {
	return s.observe(s, dst, o)
}
func (*script) Deadline() time.Time                         { return time.Time{} }
func (*script) Wake(dst []em.Event, _ time.Time) []em.Event { return dst }
func (s *script) AppendBinary(dst []byte) ([]byte, error)   { return append(dst, s.state...), nil }
func (s *script) UnmarshalBinary(b []byte) error            { s.state = slices.Clone(b); return nil }

// A replay that comes to the same state has not converged while the open event
// rests on other evidence: the state alone does not tell.
func TestOpenEventsDecideConvergence(t *testing.T) {
	// Opens at the second observation, because of the first; then nothing.
	mk := func() em.Evaluator {
		return &script{observe: func(s *script, dst []em.Event, o em.Observation) []em.Event {
			if f := o.Body.(*em.Fix); f.Lat > 0 && string(s.state) != "open" {
				dst = append(dst, em.Event{Rule: "script", Anchor: clock("20:00:00"), At: clock("20:00:00"), Because: []em.ObservationID{em.ObservationID(s.state), o.ID},
					Detail: em.Detail{Kind: "script.open"}})
				s.state = []byte("open")
			} else if string(s.state) != "open" {
				s.state = slices.Clone(o.ID[:])
			}
			return dst
		}}
	}
	d := newDesk(t, em.Config{Every: 10 * time.Minute, Window: 2 * time.Hour}, mk())
	all := []em.Observation{fix(clock("19:00:00"), -1), fix(clock("19:20:00"), 1), fix(clock("19:40:00"), -1), fix(clock("20:00:00"), -1)}
	d.want(d.feed(clock("20:00:00"), all...), "opened script.open  20:00:00-open")
	late := later(fix(clock("19:10:00"), -2), clock("20:01:00"))
	d.want(d.feed(clock("20:01:00"), late), "updated script.open  20:00:00-open")
	if got := d.r.Changes[0].Event.Because[0]; got != late.ID {
		t.Errorf("because %v, want %v", got, late.ID)
	}
	d.oracle(clock("20:01:00"), append(all, late), mk())
}

// A version that says nothing new is not told, and does not touch Concluded.
func TestSameVersionIsToldOnce(t *testing.T) {
	d := newDesk(t, em.Config{}, &script{observe: func(_ *script, dst []em.Event, o em.Observation) []em.Event {
		e := em.Event{Rule: "script", Anchor: epoch, At: epoch, Detail: em.Detail{Kind: "script.open"}}
		for range em.MaxBecause + 5 {
			e.Because = append(e.Because, em.ObservationID{1})
		}
		return append(dst, e, e)
	}})
	d.want(d.feed(clock("19:00:00"), fix(clock("19:00:00"), 1)), "opened script.open  00:00:00-open")
	d.want(d.feed(clock("19:01:00"), fix(clock("19:01:00"), 1)))
	d.want(d.feed(clock("19:02:00"), later(fix(clock("19:00:30"), 1), clock("19:02:00"))))
	e := d.h.Present()[0]
	if !e.Concluded.Equal(clock("19:00:00")) || len(e.Because) != em.MaxBecause {
		t.Errorf("concluded %v because of %d", e.Concluded, len(e.Because))
	}
}

// What happened must not depend on how it reached us: evaluators of EventTime
// do not see when and whether from memory. Those of ReceiveTime see all.
func TestWhatEvaluatorsSee(t *testing.T) {
	seen := map[em.Clock][]em.Observation{}
	mk := func(c em.Clock) em.Evaluator {
		return &script{clock: c, observe: func(_ *script, dst []em.Event, o em.Observation) []em.Event {
			seen[c] = append(seen[c], o)
			return dst
		}}
	}
	d := newDesk(t, em.Config{}, mk(em.EventTime), mk(em.ReceiveTime))
	o := later(fix(clock("19:00:00"), 1), clock("19:30:00"))
	o.Seq = em.Some(uint64(7))
	again := later(o, clock("19:40:00"))
	d.feed(clock("19:40:00"), o, o)
	d.feed(clock("19:40:00"), again)
	d.feed(clock("19:40:00"), again)
	want := o
	want.Received, want.Stored = time.Time{}, false
	if got := seen[em.EventTime]; !slices.Equal(got, []em.Observation{want}) {
		t.Errorf("event time: %v", got)
	}
	if got := seen[em.ReceiveTime]; !slices.Equal(got, []em.Observation{o, again}) {
		t.Errorf("receive time: %v", got)
	}
}

// Of several receptions the earliest counts, with the serial it had, even where
// a re-sent one was processed first: here the serials order a loss and a contact
// of one instant.
func TestFirstReceptionCounts(t *testing.T) {
	for _, window := range []time.Duration{0, 2 * time.Hour} {
		for _, more := range []bool{false, true} {
			d := newDesk(t, em.Config{Window: window}, curfew())
			at := clock("20:00:00")
			o := func(seq uint64, lost bool, received time.Time) em.Observation {
				o := beacon(at, lost)
				o.Seq, o.Received = em.Some(seq), received
				return o
			}
			all := []em.Observation{o(0, true, clock("20:05:00")), o(1, false, clock("20:00:01"))}
			d.feed(clock("20:05:00"), all...)
			if more {
				all = append(all, fix(clock("20:01:00"), 1))
				d.feed(clock("20:05:00"), all[2])
			}
			all = append(all, o(2, true, clock("20:00:02"))) // how the loss came at first
			d.want(d.feed(clock("20:06:00"), all[len(all)-1]), "opened night.absence out 20:00:00-open")
			d.oracle(clock("20:06:00"), all, curfew())
		}
	}
}

// A wall clock that is set back across a restart takes nothing back that was
// told by it.
func TestWallClockSetBackAcrossARestart(t *testing.T) {
	for _, late := range []bool{false, true} {
		d := newDesk(t, em.Config{}, curfew(), &silence{after: time.Hour})
		d.feed(clock("18:00:00"), beacon(clock("18:00:00"), true))
		d.want(d.feed(clock("19:06:00")), "opened night.absence out 19:00:00-open", "opened device.silent  18:00:00-open")
		d.restart(curfew(), &silence{after: time.Hour})
		var obs []em.Observation
		if late {
			obs = append(obs, later(fix(clock("17:50:00"), 1), clock("17:51:00")))
		}
		d.want(d.feed(clock("18:30:00"), obs...))
		d.want(d.feed(clock("18:31:00")))
		d.want(d.feed(clock("20:00:00")))
	}
}

func TestNewTimelineRefusesBadConfiguration(t *testing.T) {
	h := new(em.MemoryHistory)
	ok := func(c em.Config) em.Config {
		c.Subject, c.History = subject, h
		return c
	}
	one := []em.Evaluator{curfew()}
	tests := []struct {
		name string
		cfg  em.Config
		evs  []em.Evaluator
		says string
	}{
		{"no subject", em.Config{History: h}, one, "Subject"},
		{"no history", em.Config{Subject: subject}, one, "History"},
		{"no evaluators", ok(em.Config{}), nil, "no evaluators"},
		{"a nil evaluator", ok(em.Config{}), []em.Evaluator{curfew(), nil}, "evaluator 1 is nil"},
		{"an unknown clock", ok(em.Config{}), []em.Evaluator{stuck{clock: 9}}, "clock 9"},
		{"negative grid", ok(em.Config{Every: -1}), one, "negative"},
		{"negative window", ok(em.Config{Window: -1}), one, "negative"},
		{"negative limit", ok(em.Config{MaxLate: -1}), one, "negative"},
		{"save off the grid", ok(em.Config{Every: time.Minute, Save: 90 * time.Second}), one, "multiple"},
		{"start too early", ok(em.Config{Start: time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC)}), one, "1970"},
		{"start too late", ok(em.Config{Start: time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC)}), one, "2261"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := em.NewTimeline(tt.cfg, tt.evs...)
			if !errors.Is(err, em.ErrConfig) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want one about %q", err, tt.says)
			}
		})
	}
	if _, err := em.NewTimeline(ok(em.Config{Every: 7 * time.Hour}), one...); err != nil {
		t.Errorf("the default of Save does not fit Every: %v", err)
	}
}

func TestSinceAndRederiveRefuseBadRules(t *testing.T) {
	d := newDesk(t, em.Config{Start: clock("12:00:00")}, curfew(), &crossing{})
	if err := d.tl.Since(clock("12:00:00"), curfew(), &crossing{}); !errors.Is(err, em.ErrConfig) {
		t.Errorf("rules since Start: %v", err)
	}
	if err := d.tl.Since(clock("13:00:00"), curfew()); !errors.Is(err, em.ErrConfig) {
		t.Errorf("fewer rules: %v", err)
	}
	if err := d.tl.Rederive(&d.r, clock("13:00:00"), clock("13:00:00"), curfew()); !errors.Is(err, em.ErrConfig) {
		t.Errorf("fewer rules: %v", err)
	}
	d.feed(clock("13:00:00"))
	if err := d.tl.Since(clock("14:00:00"), curfew(), &crossing{}); !errors.Is(err, em.ErrConfig) {
		t.Errorf("Since after the first call: %v", err)
	}
	// A checkpoint of more evaluators than there are is no base.
	d = newDesk(t, em.Config{Every: time.Minute, Save: time.Minute}, curfew(), &crossing{})
	d.feed(clock("13:00:00"), fix(clock("13:00:00"), 1))
	d.restart(curfew())
	if err := d.tl.Restore(&d.r, clock("13:00:00")); !errors.Is(err, em.ErrConfig) {
		t.Errorf("a restart with fewer evaluators: %v", err)
	}
}

// The late limits judge the observation itself; what they refuse is reported,
// never judged, and still a sign of life.
func TestLateLimits(t *testing.T) {
	d := newDesk(t, em.Config{Start: clock("12:00:00"), MaxLate: 2 * time.Hour, MaxAhead: time.Minute}, &crossing{}, &silence{after: time.Hour})
	at := clock("16:00:00")
	tests := []struct {
		o      em.Observation
		reason em.RefusedReason
	}{
		{later(fix(clock("14:00:00"), 1), at), ""},
		{later(fix(clock("13:59:59"), 2), at), em.TooLate},
		{later(fix(clock("16:01:00"), 3), at), ""},
		{later(fix(clock("16:01:01"), 4), at), em.TooFarAhead},
		{later(fix(clock("11:59:59").AddDate(0, 0, -1), 5), clock("12:00:01")), em.BeforeStart},
		{later(fix(time.Unix(0, 0).UTC(), 6), at), em.TooLate}, // a clock that lost its battery
	}
	for _, tt := range tests {
		// The wall clock, a month later, plays no part.
		d.feed(at.AddDate(0, 1, 0), tt.o)
		switch {
		case tt.reason == "" && len(d.r.Refused) != 0:
			t.Errorf("%v refused: %v", tt.o.At, d.r.Refused)
		case tt.reason != "" && (len(d.r.Refused) != 1 || d.r.Refused[0].Reason != tt.reason || d.r.Refused[0].Observation.ID != tt.o.ID):
			t.Errorf("%v: refused %v, want %q", tt.o.At, d.r.Refused, tt.reason)
		}
	}
	if off := d.r.Refused[0].Off; off != at.Sub(time.Unix(0, 0)) {
		t.Errorf("off by %v", off)
	}
	for _, e := range d.h.Present() {
		if e.Rule == "health" && e.At.After(at) || e.Rule == "zones" && !e.At.Equal(clock("14:00:00")) {
			t.Errorf("unexpected %s", show(e))
		}
	}
	// The store holds the refused too; a replay refuses them again.
	d.restart(&crossing{}, &silence{after: time.Hour})
	d.want(d.feed(at.AddDate(0, 1, 0)))
}

func TestFeedRefusesIncompleteObservations(t *testing.T) {
	d := newDesk(t, em.Config{}, curfew())
	good := beacon(clock("18:00:00"), true)
	for name, bad := range map[string]em.Observation{
		"not stamped": {Device: "rf:1", Body: &em.Beacon{}},
		"no body":     func() em.Observation { o := good; o.Body = nil; return o }(),
		"no received": func() em.Observation { o := good; o.Received = time.Time{}; return o }(),
		"no time":     func() em.Observation { o := good; o.At = time.Time{}; return o }(),
	} {
		var r em.Result
		if err := d.tl.Feed(&r, clock("20:00:00"), good, bad); !errors.Is(err, em.ErrObservation) || !strings.Contains(err.Error(), "number 1 of 2") {
			t.Errorf("%s: %v", name, err)
		}
		if len(r.Changes)+len(r.Refused)+len(r.Save) > 0 {
			t.Errorf("%s: left %v", name, r)
		}
	}
}

func TestDeadlineAndFinal(t *testing.T) {
	d := newDesk(t, em.Config{Start: clock("12:00:00"), MaxLate: time.Hour}, &silence{after: time.Hour}, curfew())
	if got := d.tl.Deadline(); !got.Equal(clock("12:00:00")) {
		t.Errorf("before the first call: %v", got)
	}
	d.feed(clock("12:30:00"))
	if got := d.tl.Deadline(); !got.IsZero() {
		t.Errorf("with nothing seen: %v", got)
	}
	d.feed(clock("18:00:00"), beacon(clock("18:00:00"), false))
	if got := d.tl.Deadline(); !got.Equal(clock("19:00:00")) {
		t.Errorf("the earliest of both clocks: %v", got)
	}
	var r em.Result
	if err := d.tl.Rederive(&r, clock("18:00:00"), clock("18:30:00"), &silence{after: time.Minute}, curfew()); err != nil {
		t.Fatal(err)
	}
	if got := d.tl.Deadline(); !got.Equal(clock("18:30:00")) {
		t.Errorf("before new rules: %v", got)
	}
	d.want(d.feed(clock("18:30:00")), "opened device.silent  18:00:00-open")
	if c := d.r.Changes[0].Event.Concluded; !c.Equal(clock("18:30:00")) {
		t.Errorf("a deadline that new rules put in the past is concluded %v", c)
	}

	now := clock("20:00:00")
	if got := d.tl.Final(now); !got.Equal(clock("19:00:00")) {
		t.Errorf("Final %v", got)
	}
	d.tl.Complete(clock("18:00:00"))
	if got := d.tl.Final(now); !got.Equal(clock("19:00:00")) {
		t.Errorf("Final with an old watermark %v", got)
	}
	d.tl.Complete(clock("19:30:00"))
	d.tl.Complete(clock("19:10:00"))
	if got := d.tl.Final(now); !got.Equal(clock("19:30:00")) {
		t.Errorf("Final with a watermark %v", got)
	}
}

// stuck is an evaluator that breaks its contract.
type stuck struct {
	clock    em.Clock
	deadline func(last time.Time) time.Time
	last     *time.Time
	state    error
}

func (s stuck) Clock() em.Clock { return s.clock }
func (s stuck) Observe(dst []em.Event, o em.Observation) []em.Event {
	*s.last = o.At
	return dst
}
func (s stuck) Deadline() time.Time                          { return s.deadline(*s.last) }
func (s stuck) Wake(dst []em.Event, at time.Time) []em.Event { return dst }
func (s stuck) AppendBinary(dst []byte) ([]byte, error)      { return dst, s.state }
func (s stuck) UnmarshalBinary([]byte) error                 { *s.last = time.Time{}; return nil }

func TestEvaluatorsThatBreakTheirContract(t *testing.T) {
	none := func(time.Time) time.Time { return time.Time{} }
	tests := []struct {
		name string
		ev   stuck
	}{
		{"a deadline at its own observation", stuck{deadline: func(last time.Time) time.Time { return last }}},
		{"a deadline that stays", stuck{deadline: func(last time.Time) time.Time {
			if last.IsZero() {
				return last
			}
			return clock("18:30:00")
		}}},
		{"no state", stuck{deadline: none, state: errors.New("cannot")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.ev.last = new(time.Time)
			d := newDesk(t, em.Config{}, curfew(), tt.ev)
			r := em.Result{Changes: make([]em.Change, 1)}
			err := d.tl.Feed(&r, clock("19:06:00"), beacon(clock("18:00:00"), true))
			if !errors.Is(err, em.ErrEvaluator) || len(r.Changes) != 1 || len(r.Save) != 0 {
				t.Errorf("error %v, result %v", err, r)
			}
		})
	}
}

// Evaluators that cannot take over a state leave the old rules in force.
func TestRederiveWithRulesOfAnotherKind(t *testing.T) {
	d := newDesk(t, em.Config{}, curfew(), &crossing{})
	d.feed(clock("18:10:00"), beacon(clock("18:00:00"), true), fix(clock("18:05:00"), -1))
	snap := appended(t, d.tl)
	var r em.Result
	if err := d.tl.Rederive(&r, clock("18:10:00"), clock("18:02:00"), &crossing{}, curfew()); !errors.Is(err, em.ErrEvaluator) || !errors.Is(err, em.ErrState) {
		t.Errorf("error %v", err)
	}
	if len(r.Changes)+len(r.Void)+len(r.Save) > 0 || string(appended(t, d.tl)) != string(snap) {
		t.Error("an error changed the timeline")
	}
	d.want(d.feed(clock("19:05:00")), "opened night.absence out 19:00:00-open")
}

// What was stored but not fed before a restart is told after it, with its cause.
func TestStoredButNotFedBeforeARestart(t *testing.T) {
	d := newDesk(t, em.Config{}, &crossing{})
	o := fix(clock("18:00:00"), 1)
	d.h.Store(o)
	d.restart(&crossing{})
	var r em.Result
	if err := d.tl.Restore(&r, clock("18:01:00")); err != nil {
		t.Fatal(err)
	}
	d.h.Commit(&r)
	d.want(d.lines(r.Changes), "opened zone.stay  18:00:00-open")
	if c := r.Changes[0].Cause; c != o.ID {
		t.Errorf("cause %v", c)
	}
	d.want(d.feed(clock("18:02:00"), o))
}

// A History that does not keep its word is an error, not a wrong verdict.
func TestHistoryIsChecked(t *testing.T) {
	good := new(em.MemoryHistory)
	obs := []em.Observation{fix(clock("13:00:00"), 1), fix(clock("13:10:00"), -1), fix(clock("13:20:00"), 1)}
	good.Store(obs...)
	d := newDesk(t, em.Config{History: unsorted{good}}, &crossing{})
	if err := d.tl.Restore(&d.r, clock("14:00:00")); !errors.Is(err, em.ErrHistory) {
		t.Errorf("observations out of order: %v", err)
	}
}

type unsorted struct{ *em.MemoryHistory }

func (u unsorted) Observations(c em.Clock, from, to time.Time) iter.Seq2[em.Observation, error] {
	var all []em.Observation
	for o := range u.MemoryHistory.Observations(c, from, to) {
		all = append(all, o)
	}
	slices.Reverse(all)
	return func(yield func(em.Observation, error) bool) {
		for _, o := range all {
			if !yield(o, nil) {
				return
			}
		}
	}
}

// A long replay asks the History few times: each time may cost it a whole day's
// reading.
func TestLongReplayAsksSeldom(t *testing.T) {
	asked := 0
	h := counted{new(em.MemoryHistory), &asked}
	const n = 40_000
	var obs []em.Observation
	for i := range n {
		obs = append(obs, fix(clock("18:00:00").Add(time.Duration(i)*time.Millisecond), -1))
	}
	h.Store(obs...)
	d := newDesk(t, em.Config{History: h}, &crossing{})
	if err := d.tl.Restore(&d.r, clock("19:00:00")); err != nil {
		t.Fatal(err)
	}
	if asked > 10 {
		t.Errorf("asked %d times for %d observations", asked, n)
	}
}

type counted struct {
	*em.MemoryHistory
	asked *int
}

func (c counted) Observations(of em.Clock, from, to time.Time) iter.Seq2[em.Observation, error] {
	*c.asked++
	return c.MemoryHistory.Observations(of, from, to)
}

// More observations of one instant than a page of the History, or than a
// Timeline remembers, are one more case of late data, no loss.
func TestManyObservationsOfOneInstant(t *testing.T) {
	for _, n := range []int{300, 4500} {
		d := newDesk(t, em.Config{}, &silence{after: time.Hour}, curfew())
		at := clock("20:00:00")
		var obs []em.Observation
		for i := range n {
			o := em.Observation{Device: "rf:1", Seq: em.Some(uint64(i)), DeviceAt: at,
				Body: &em.Beacon{Beacon: "home", Radio: "rf", Lost: i%2 == 1, RSSI: em.Some(-i)}}
			obs = append(obs, o.Stamp(at))
		}
		d.feed(at, obs[:n/2]...)
		d.feed(at, obs[n/2:]...)
		d.feed(at, obs[n-50:]...)
		late := later(beacon(clock("19:58:00"), false), at)
		d.feed(at, late)
		d.restart(&silence{after: time.Hour}, curfew())
		d.feed(clock("08:00:00"), obs[:10]...)
		d.oracle(clock("08:00:00"), append(obs, late), &silence{after: time.Hour}, curfew())
	}
}

// A subject costs few kilobytes where all but one checkpoint stays in the
// History.
func TestMemoryOfManySubjects(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector pads memory")
	}
	const subjects, bound = 2000, 6 << 10
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var none discard
	all := make([]*em.Timeline, subjects)
	var r em.Result
	rng := rand.New(rand.NewPCG(1, 1))
	before := heap()
	for i := range all {
		tl, err := em.NewTimeline(em.Config{Subject: em.SubjectID(fmt.Sprint("person-", i)), Start: clock("12:00:00"), History: none}, rules(1)...)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = tl
		for at := clock("18:30:00"); at.Before(clock("20:30:00")); at = at.Add(2 * time.Minute) {
			r.Reset()
			lost := at.After(clock("19:30:00")) // an absence is open
			err := tl.Feed(&r, at, beacon(at, lost), fix(at.Add(time.Second), rng.Float64()-0.3))
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	after := heap()
	each := (after - before) / subjects
	t.Logf("%d bytes a subject, evaluators included", each)
	if each > bound {
		t.Errorf("%d bytes a subject, want at most %d", each, bound)
	}
	runtime.KeepAlive(all)
}

// discard is a History that knows nothing.
type discard struct{}

func (discard) Checkpoints(em.Clock, time.Time) iter.Seq2[em.Checkpoint, error] {
	return func(func(em.Checkpoint, error) bool) {}
}
func (discard) Observations(em.Clock, time.Time, time.Time) iter.Seq2[em.Observation, error] {
	return func(func(em.Observation, error) bool) {}
}
func (discard) Events(em.Clock, time.Time) iter.Seq2[em.Event, error] {
	return func(func(em.Event, error) bool) {}
}

// In order, without an event, feeding allocates nothing: not even at the lines
// of the grid, whose one checkpoint is written over.
func TestInOrderAllocatesNothing(t *testing.T) {
	tl, err := em.NewTimeline(em.Config{Subject: subject, Start: clock("12:00:00"), History: discard{}, Save: 1000 * time.Hour}, rules(1)...)
	if err != nil {
		t.Fatal(err)
	}
	const n = 1000
	var obs []em.Observation
	for i := range 2 * n {
		obs = append(obs, beacon(clock("12:00:00").Add(time.Duration(i)*10*time.Second), false))
	}
	var r em.Result
	i := 0
	feed := func() {
		r.Reset()
		if err := tl.Feed(&r, obs[i].Received, obs[i]); err != nil {
			t.Fatal(err)
		}
		i++
	}
	for range n / 2 {
		feed()
	}
	if got := testing.AllocsPerRun(n, feed); got != 0 {
		t.Errorf("%v allocations an observation", got)
	}
}

// heeding notes which kinds it is shown.
type heeding struct {
	kind  em.BodyKind // that it asks for; empty for all
	shown []em.BodyKind
}

func (*heeding) Clock() em.Clock { return em.EventTime }
func (h *heeding) Observe(dst []em.Event, o em.Observation) []em.Event {
	h.shown = append(h.shown, o.Body.Kind())
	return dst
}
func (*heeding) Deadline() time.Time                         { return time.Time{} }
func (*heeding) Wake(dst []em.Event, _ time.Time) []em.Event { return dst }
func (*heeding) AppendBinary(dst []byte) ([]byte, error)     { return dst, nil }
func (*heeding) UnmarshalBinary([]byte) error                { return nil }
func (h *heeding) Heeds(k em.BodyKind) bool                  { return h.kind == "" || h.kind == k }

// However many evaluators there are, each is shown all that it heeds, and of many the
// usual ones nothing else.
func TestHeeded(t *testing.T) {
	var evs []em.Evaluator
	for i := range 40 {
		evs = append(evs, &heeding{kind: []em.BodyKind{em.KindFix, em.KindVendor, ""}[i%3]})
	}
	d := newDesk(t, em.Config{}, evs...)
	at := clock("18:00:00")
	var obs []em.Observation
	for i, b := range []em.Body{&em.Fix{}, &em.Vendor{Name: "x"}, &em.Comms{Event: em.CommsInfo}} {
		obs = append(obs, em.Observation{Device: "gt06:1", DeviceAt: at, Part: uint16(i), Body: b}.Stamp(at))
	}
	d.feed(at, obs...)
	for i, e := range evs {
		want := []em.BodyKind{em.KindFix, em.KindVendor, em.KindComms}
		shown := e.(*heeding).shown
		if kind := e.(*heeding).kind; kind != "" {
			want = []em.BodyKind{kind}
			if i >= 32 { // it may be shown what it does not ask for
				shown = slices.DeleteFunc(shown, func(k em.BodyKind) bool { return k != kind })
			}
		}
		if !slices.Equal(shown, want) {
			t.Errorf("evaluator %d is shown %v, want %v", i, shown, want)
		}
	}
}

// taught is heeding that asks for all once its state says so.
type taught struct{ heeding }

func (h *taught) AppendBinary(dst []byte) ([]byte, error) {
	if len(h.shown) > 0 {
		dst = append(dst, 1)
	}
	return dst, nil
}

func (h *taught) UnmarshalBinary(b []byte) error {
	if len(b) > 0 {
		h.kind = ""
	}
	return nil
}

// What an evaluator heeds may follow from the state that it is given.
func TestHeededByState(t *testing.T) {
	one := func() *taught { return &taught{heeding{kind: em.KindFix}} }
	e := one()
	d := newDesk(t, em.Config{Every: time.Minute, Save: time.Minute}, e)
	vendor := func(hms string) em.Observation {
		return em.Observation{Device: "gt06:1", DeviceAt: clock(hms), Body: &em.Vendor{Name: "x"}}.Stamp(clock(hms))
	}
	d.feed(clock("18:00:00"), fix(clock("18:00:00"), 54.7))
	d.feed(clock("18:10:00"), fix(clock("18:10:00"), 54.8), vendor("18:10:00"))
	if slices.Contains(e.shown, em.KindVendor) {
		t.Errorf("it is shown %v before it asks for all", e.shown)
	}
	e = one()
	d.restart(e)
	d.feed(clock("18:20:00"), vendor("18:20:00"))
	if n := len(e.shown); n == 0 || e.shown[n-1] != em.KindVendor {
		t.Errorf("it is shown %v once it asks for all", e.shown)
	}
}
