package alcohol

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"pgregory.net/rapid"
)

var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func mgPerL(milli int64) Concentration {
	return Concentration{em.Decimal{Coef: milli, Scale: 3}, em.UnitBreathMgPerL}
}

// blow is a sample in thousandths of a mg/L.
func blow(at time.Time, d em.DeviceID, st em.SampleStatus, milli int64, id em.Identity) em.Observation {
	c := mgPerL(milli)
	return em.Observation{Device: d, DeviceAt: at, Body: &em.AlcoholReading{Value: c.Number, Unit: c.Unit, Status: st, Identity: id}}.Stamp(at)
}

func ok(at time.Time, milli int64) em.Observation {
	return blow(at, "bt:1", em.SampleOK, milli, em.IdentityMatch)
}

func daily(t testing.TB, days int) Schedule {
	t.Helper()
	var tests []Test
	for d := range days {
		from := monday.AddDate(0, 0, d).Add(7 * time.Hour)
		tests = append(tests, Test{Kind: Scheduled, From: from, To: from.Add(time.Hour)})
	}
	s, err := List(tests...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var rule = BreathRule{Version: "v1", Screen: mgPerL(200)}

func TestClock(t *testing.T) {
	if c := new(Evaluator).Clock(); c != em.EventTime {
		t.Errorf("clock %d", c)
	}
}

func TestRuleErrors(t *testing.T) {
	blood := Concentration{em.Decimal{Coef: 4, Scale: 1}, em.UnitBloodGPerL}
	with := func(f func(*BreathRule)) BreathRule { r := rule; f(&r); return r }
	for _, tc := range []struct {
		name string
		rule BreathRule
		want error
	}{
		{"no limit", BreathRule{}, ErrUnit},
		{"a limit of zero", BreathRule{Screen: mgPerL(0)}, ErrRange},
		{"a negative limit", BreathRule{Screen: mgPerL(-1)}, ErrNegative},
		{"a limit of the skin", BreathRule{Screen: Concentration{em.Decimal{Coef: 2}, em.UnitSkinGPerDL}}, ErrUnit},
		{"blood, with defaults in breath", BreathRule{Screen: blood}, ErrNoRatio},
		{"confirmation in another matter", with(func(r *BreathRule) { r.Confirm = blood }), ErrNoRatio},
		{"g/kg without density", with(func(r *BreathRule) {
			r.Ratio, r.Guard = 2100, Concentration{em.Decimal{Coef: 1, Scale: 2}, em.UnitBloodGPerKg}
		}), ErrNoDensity},
		{"no time to confirm", with(func(r *BreathRule) { r.CompleteBy = DefaultWait }), ErrRange},
		{"negative grace", with(func(r *BreathRule) { r.Grace = -1 }), ErrRange},
		{"gives up before it tells", with(func(r *BreathRule) { r.MaxUpload = time.Hour }), ErrRange},
		{"an instrument's ratio", with(func(r *BreathRule) { r.Instruments = []Instrument{{"bt:1", 210}} }), ErrRatio},
	} {
		if _, err := NewEvaluator(Config{Rule: tc.rule}); !errors.Is(err, ErrRule) || !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, err, tc.want)
		}
	}
	if err := rule.Check(); err != nil {
		t.Error(err)
	}
}

func TestInstrument(t *testing.T) {
	r := rule
	r.Instruments = []Instrument{{"bt:", 2100}, {"bt:1", 2300}, {"x", 2000}}
	l, err := r.compile()
	if err != nil {
		t.Fatal(err)
	}
	for d, want := range map[em.DeviceID]int{"bt:1": 2300, "bt:12": 2100, "bt:": 2100, "x": 2000, "x1": 0, "b": 0, "": 0} {
		if i, known := l.instrument(d); i.Ratio != want || known != (want != 0) {
			t.Errorf("%q: got %d, %v, want %d", d, i.Ratio, known, want)
		}
	}
}

func TestList(t *testing.T) {
	at := func(h int) time.Time { return monday.Add(time.Duration(h) * time.Hour) }
	for name, tests := range map[string][]Test{
		"empty":        {{Kind: Random, From: at(1), To: at(1)}},
		"upside down":  {{Kind: Random, From: at(2), To: at(1)}},
		"no start":     {{Kind: Random, To: at(1)}},
		"unknown kind": {{Kind: "daily", From: at(1), To: at(2)}},
		"overlap":      {{Kind: Random, From: at(3), To: at(5)}, {Kind: Random, From: at(1), To: at(4)}},
	} {
		if _, err := List(tests...); !errors.Is(err, ErrSchedule) {
			t.Errorf("%s: %v", name, err)
		}
	}
	vilnius := time.FixedZone("", 2*3600)
	s, err := List(Test{Kind: Random, From: at(4), To: at(5)}, Test{Kind: Random, From: at(1).In(vilnius), To: at(2).In(vilnius)}, Test{Kind: Random, From: at(2), To: at(3)})
	if err != nil {
		t.Fatal(err)
	}
	for after, want := range map[int][]int{0: {1, 2, 4}, 1: {1, 2, 4}, 2: {2, 4}, 3: {4}, 4: {4}, 5: nil} {
		var got []int
		for x := range s(at(after)) {
			got = append(got, x.From.Hour())
			if x.From.Location() != time.UTC {
				t.Errorf("%s is not UTC", x.From)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("after %d: got %v, want %v", after, got, want)
		}
	}
}

// An endless schedule is asked for no more than its next two tests.
func TestEndlessSchedule(t *testing.T) {
	asked := 0
	e, err := NewEvaluator(Config{Rule: rule, Schedule: func(after time.Time) iter.Seq[Test] {
		return func(yield func(Test) bool) {
			from := monday
			if d := after.Sub(monday); d >= 0 {
				from = from.Add(d.Truncate(time.Hour))
			}
			for ; ; from = from.Add(time.Hour) {
				asked++
				if from.Add(time.Minute).After(after) && !yield(Test{Kind: Random, From: from, To: from.Add(time.Minute)}) {
					return
				}
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if d := e.Deadline(); !d.Equal(monday.Add(time.Minute)) || asked > 3 {
		t.Fatalf("deadline %s after %d tests", d, asked)
	}
	asked = 0
	e.Wake(nil, e.Deadline())
	if d := e.Deadline(); !d.Equal(monday.Add(time.Hour+time.Minute)) || asked > 20 {
		t.Fatalf("deadline %s after %d tests", d, asked)
	}
}

// A schedule that breaks its contract makes no endless loop.
func TestBrokenSchedule(t *testing.T) {
	w := Test{Kind: Random, From: monday, To: monday.Add(time.Hour)}
	for name, s := range map[string]Schedule{
		"the same for ever": func(time.Time) iter.Seq[Test] { return func(yield func(Test) bool) { yield(w) } },
		"overlapping": func(after time.Time) iter.Seq[Test] {
			return func(yield func(Test) bool) {
				for i := range 3 {
					x := Test{Kind: Random, From: monday.Add(time.Duration(i) * time.Minute), To: monday.Add(time.Hour)}
					if x.To.After(after) && !yield(x) {
						return
					}
				}
			}
		},
		"empty window": func(time.Time) iter.Seq[Test] {
			return func(yield func(Test) bool) { yield(Test{From: monday, To: monday}) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := replay(t, Config{Rule: rule, Schedule: s}, monday.AddDate(1, 0, 0), []em.Observation{ok(monday.Add(-time.Minute), 0), ok(monday.AddDate(0, 1, 0), 0)})
			if len(h.final) < 2 || len(h.final) > 3 {
				t.Errorf("%d events", len(h.final))
			}
		})
	}
}

// Without deadlines in between, Observe does what was due.
func TestObserveWithoutWake(t *testing.T) {
	e, err := NewEvaluator(Config{Rule: rule})
	if err != nil {
		t.Fatal(err)
	}
	evs := e.Observe(nil, ok(monday, 300))
	evs = e.Observe(evs, ok(monday.Add(31*time.Minute), 0))
	var classes []string
	for _, ev := range evs {
		classes = append(classes, ev.Detail.Class)
	}
	if want := []string{ClassConfirmDue, ClassNotReceived, ClassMissedConfirmation, ClassPassed}; !slices.Equal(classes, want) {
		t.Errorf("got %v, want %v", classes, want)
	}
}

// The verdict on a pair against one in whole numbers: thousandths of a mg/L,
// and the tolerance of 0.020 g/210 L, 95.238… of them.
func TestJudgeAgainstWholeNumbers(t *testing.T) {
	const tol = 95
	abs := func(x int64) int64 { return max(x, -x) }
	rapid.Check(t, func(t *rapid.T) {
		screen := rapid.Int64Range(1, 400).Draw(t, "screen")
		confirm := rapid.Int64Range(1, 400).Draw(t, "confirm")
		guard := rapid.Int64Range(0, 40).Draw(t, "guard")
		r := screen + rapid.Int64Range(0, 300).Draw(t, "r")
		c := rapid.Int64Range(0, 700).Draw(t, "c")
		if rapid.Bool().Draw(t, "near") {
			c = max(0, r+rapid.Int64Range(-tol-2, tol+2).Draw(t, "difference"))
		}
		rule := BreathRule{Screen: mgPerL(screen), Confirm: mgPerL(confirm), Guard: mgPerL(guard)}
		var want string
		switch {
		case guard > 0 && (abs(r-screen) <= guard || abs(c-confirm) <= guard):
			want = ClassAtThreshold
		case c >= confirm && abs(c-r) > tol:
			want = ClassAbnormalConfirmation
		case c >= confirm:
			want = ClassFailed
		case r-c > tol:
			want = ClassMouthAlcohol
		default:
			want = ClassNotConfirmed
		}
		e, err := NewEvaluator(Config{Rule: rule})
		if err != nil {
			t.Fatal(err)
		}
		evs := e.Observe(nil, ok(monday, r))
		evs = e.Observe(evs, ok(monday.Add(DefaultWait), c))
		if len(evs) != 2 || evs[0].Detail.Class != ClassConfirmDue || evs[1].Detail.Class != want {
			t.Fatalf("%d then %d: got %s, want %s", r, c, evs[len(evs)-1].Detail.Class, want)
		}
	})
}

// genHistory draws some days of samples, many of them near the interesting times.
func genHistory(t *rapid.T, days int) []em.Observation {
	var obs []em.Observation
	for d := range days {
		at := monday.AddDate(0, 0, d).Add(7 * time.Hour)
		for range rapid.IntRange(0, 6).Draw(t, "samples") {
			at = at.Add(time.Duration(rapid.SampledFrom([]int{-20, 0, 1, 14, 15, 16, 29, 30, 31, 60, 61, 400}).Draw(t, "minutes")) * time.Minute)
			dev := rapid.SampledFrom([]em.DeviceID{"bt:1", "bt:1", "bt:1", "bt:2"}).Draw(t, "device")
			if rapid.IntRange(0, 9).Draw(t, "heartbeat") == 0 {
				obs = append(obs, em.Observation{Device: dev, DeviceAt: at, Body: &em.Comms{Event: em.CommsHeartbeat}}.Stamp(at))
				continue
			}
			o := blow(at, dev,
				rapid.SampledFrom([]em.SampleStatus{em.SampleOK, em.SampleOK, em.SampleOK, em.SampleOK, em.SampleInvalid, em.SampleAborted,
					em.SampleSensor, em.SampleAmbient, em.SampleOverRange, em.SampleCalibrated, "new"}).Draw(t, "status"),
				rapid.SampledFrom([]int64{0, 0, 0, 190, 210, 300, 310, 500, -1}).Draw(t, "figure"),
				rapid.SampledFrom([]em.Identity{em.IdentityMatch, em.IdentityMatch, em.IdentityMatch, em.IdentityMismatch, em.IdentityUnsure, em.IdentityNone}).Draw(t, "identity"))
			if rapid.IntRange(0, 9).Draw(t, "due") == 0 {
				readingOf(o).CalDue = monday.AddDate(0, 0, rapid.IntRange(0, 3).Draw(t, "day"))
				o = o.Stamp(at)
			}
			obs = append(obs, o)
		}
	}
	return obs
}

// Order, repetition and other people's observations change nothing, and a run
// that is restored after each step is the run that is not.
func TestHistoryProperties(t *testing.T) {
	const days = 4
	c := Config{Rule: rule, Schedule: daily(t, days)}
	c.Rule.Instruments = []Instrument{{Device: "bt:"}}
	c.Rule.Grace = 5 * time.Minute
	until := monday.AddDate(0, 1, 0)
	rapid.Check(t, func(t *rapid.T) {
		obs := genHistory(t, days)
		want := replay(t, c, until, obs)

		mixed := slices.Clone(obs)
		mixed = append(mixed, obs[:len(obs)/2]...)
		mixed = rapid.Permutation(mixed).Draw(t, "order")
		for range 20 {
			at := monday.Add(time.Duration(rapid.IntRange(0, days*24*60).Draw(t, "fix")) * time.Minute)
			mixed = append(mixed, em.Observation{Device: "gps:9", DeviceAt: at, Body: &em.Fix{}}.Stamp(at))
		}
		if got := replay(t, c, until, mixed); !slices.EqualFunc(got.versions, want.versions, func(a, b em.Event) bool { return a.Equal(&b) }) {
			t.Fatalf("got\n%v\nwant\n%v", got.versions, want.versions)
		}

		if got := run(t, c, until, obs, false); !slices.EqualFunc(got.versions, want.versions, func(a, b em.Event) bool { return a.Equal(&b) }) {
			t.Fatalf("without restoring\n%v\nwith\n%v", got.versions, want.versions)
		}

		for _, ev := range want.sorted() {
			if ev.Open() {
				t.Fatalf("still open after a month: %+v", ev)
			}
		}
		// Each window has one outcome: its session, its absence, or samples that
		// are judged by themselves or served another session.
		for w := range c.Schedule(time.Time{}) {
			n, samples := 0, 0
			for _, ev := range want.final {
				if ev.Anchor.Equal(w.From) && ev.About == "" {
					n++
				}
			}
			for _, o := range obs {
				if r, ok := o.Body.(*em.AlcoholReading); ok && r.Status != em.SampleCalibrated && !o.At.Before(w.From) && o.At.Before(w.To.Add(c.Rule.Grace)) {
					samples++
				}
			}
			if n > 1 || n == 0 && samples == 0 {
				t.Fatalf("window %s has %d outcomes and %d samples", w.From, n, samples)
			}
		}
	})
}

// A sober day changes no other day, but that the instrument was heard.
func TestSoberDay(t *testing.T) {
	const days = 4
	c := Config{Rule: rule, Schedule: daily(t, days)}
	until := monday.AddDate(0, 1, 0)
	rapid.Check(t, func(t *rapid.T) {
		obs := genHistory(t, days)
		day := monday.AddDate(0, 0, rapid.IntRange(0, days-1).Draw(t, "day"))
		inDay := func(at time.Time) bool { return !at.Before(day) && at.Before(day.AddDate(0, 0, 1)) }
		obs = slices.DeleteFunc(obs, func(o em.Observation) bool { return inDay(o.At) })
		sober := append(slices.Clone(obs), ok(day.Add(7*time.Hour+10*time.Minute), 0))

		// A session of the evening before reaches into the day: leave it out of both.
		others := func(h *history) []em.Event {
			evs := slices.DeleteFunc(h.sorted(), func(ev em.Event) bool {
				return inDay(ev.At) || ev.Detail.Kind == KindCalibration
			})
			for i := range evs {
				ev := &evs[i]
				switch ev.Detail.Class {
				case ClassNotReceived, ClassMissed:
					ev.Detail, ev.Because, ev.Concluded = em.Detail{Kind: KindMissed}, nil, time.Time{}
				case ClassMissedConfirmation:
					ev.Detail, ev.Because, ev.Concluded = em.Detail{Kind: KindBreath}, nil, time.Time{}
				}
			}
			return evs
		}
		got, want := others(replay(t, c, until, sober)), others(replay(t, c, until, obs))
		if !slices.EqualFunc(got, want, func(a, b em.Event) bool { return a.Equal(&b) }) {
			t.Fatalf("got\n%+v\nwant\n%+v", got, want)
		}
	})
}

// What an old test left behind is gone with the next observation, so that a
// replay after late data may stop early.
func TestStateConverges(t *testing.T) {
	after := func(obs ...em.Observation) []byte {
		e, err := NewEvaluator(Config{Rule: rule, Schedule: daily(t, 1)})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range obs {
			e.Observe(nil, o)
		}
		b, _ := e.AppendBinary(nil)
		return b
	}
	at := monday.Add(7*time.Hour + 10*time.Minute)
	next := em.Observation{Device: "gps:9", DeviceAt: at.Add(time.Hour), Body: &em.Fix{}}.Stamp(at)
	one := after(ok(at, 0), next)
	if two := after(ok(at.Add(-20*time.Minute), 0), ok(at, 0), ok(at.Add(time.Minute), 0), next); !bytes.Equal(one, two) {
		t.Errorf("%x\n%x", one, two)
	}
}

func TestBounds(t *testing.T) {
	t.Run("tries", func(t *testing.T) {
		var obs []em.Observation
		for i := range 100 {
			obs = append(obs, blow(monday.Add(time.Duration(i)*time.Second), "bt:1", em.SampleInvalid, 0, ""))
		}
		pos, conf := ok(monday.Add(2*time.Minute), 300), ok(monday.Add(20*time.Minute), 300)
		h := replay(t, Config{Rule: rule}, monday.AddDate(0, 1, 0), append(obs, pos, conf))
		last := h.versions[len(h.versions)-1]
		want := []em.ObservationID{pos.ID, conf.ID}
		for i := range 7 {
			want = append(want, obs[i].ID)
		}
		for i := 93; i < 100; i++ {
			want = append(want, obs[i].ID)
		}
		if last.Detail.Class != ClassFailed || !slices.Equal(last.Because, want) {
			t.Errorf("%+v", last)
		}
	})
	t.Run("instruments", func(t *testing.T) {
		var obs []em.Observation
		for i := range maxSessions + 1 {
			obs = append(obs, blow(monday.Add(time.Duration(i)*time.Second), em.DeviceID(fmt.Sprintf("bt:%02d", i)), em.SampleOK, 300, em.IdentityMatch))
		}
		h := replay(t, Config{Rule: rule}, monday.AddDate(0, 1, 0), obs)
		counts := map[string]int{}
		for _, ev := range h.final {
			counts[ev.Detail.Class]++
		}
		if counts[ClassMissedConfirmation] != maxSessions || counts[ClassPendingReview] != 1 {
			t.Errorf("%v", counts)
		}
	})
	t.Run("windows", func(t *testing.T) {
		var tests []Test
		for i := range maxPending + 5 {
			from := monday.Add(time.Duration(i) * time.Minute)
			tests = append(tests, Test{Kind: Random, From: from, To: from.Add(time.Minute)})
		}
		s, err := List(tests...)
		if err != nil {
			t.Fatal(err)
		}
		h := replay(t, Config{Rule: rule, Schedule: s}, monday.AddDate(0, 1, 0), nil)
		early := 0
		for _, ev := range h.final {
			if ev.Open() || ev.Detail.Class != ClassNotReceived {
				t.Errorf("%+v", ev)
			}
			if ev.Concluded.Before(monday.Add(2 * time.Hour)) {
				early++
			}
		}
		if len(h.final) != maxPending+5 || early != 5 {
			t.Errorf("%d events, %d closed early", len(h.final), early)
		}
	})
	t.Run("calibrations", func(t *testing.T) {
		e, err := NewEvaluator(Config{Rule: rule})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for i := range maxCalibrations + 5 {
			o := ok(monday.Add(time.Duration(i)*time.Second), 0)
			o.Device = em.DeviceID(fmt.Sprintf("bt:%02d", i))
			readingOf(o).CalDue = monday.AddDate(0, 0, 1+i%3)
			n += len(e.Observe(nil, o))
		}
		if n != 2*(maxCalibrations+5) || len(e.warned) != maxCalibrations {
			t.Errorf("%d events, %d warnings kept", n, len(e.warned))
		}
		if !slices.IsSortedFunc(e.warned, func(a, b calibration) int { return a.due.Compare(b.due) }) {
			t.Errorf("%v", e.warned)
		}
	})
}

// What is no reading costs nothing.
func TestOtherObservationsAllocateNothing(t *testing.T) {
	e, err := NewEvaluator(Config{Rule: rule, Schedule: daily(t, 3)})
	if err != nil {
		t.Fatal(err)
	}
	e.Observe(nil, ok(monday, 300))
	o := em.Observation{Device: "gps:9", DeviceAt: monday.Add(time.Minute), Body: &em.Fix{}}.Stamp(monday)
	if n := testing.AllocsPerRun(100, func() {
		if len(e.Observe(nil, o)) != 0 || e.Deadline().IsZero() {
			t.Fatal("a fix said something")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestStateErrors(t *testing.T) {
	e, err := NewEvaluator(Config{Rule: rule, Schedule: daily(t, 3)})
	if err != nil {
		t.Fatal(err)
	}
	e.Observe(nil, ok(monday, 300))
	e.Wake(nil, e.Deadline())
	e.Observe(nil, blow(monday.Add(7*time.Hour), "bt:2", em.SampleInvalid, 0, ""))
	whole, _ := e.AppendBinary(nil)
	check := func(name string, b []byte) {
		t.Helper()
		if err := e.UnmarshalBinary(b); !errors.Is(err, em.ErrState) {
			t.Errorf("%s: %v", name, err)
		}
		if after, _ := e.AppendBinary(nil); !bytes.Equal(after, whole) {
			t.Errorf("%s: the state was changed", name)
		}
	}
	for n := 1; n < len(whole); n++ {
		check(fmt.Sprintf("cut at %d", n), whole[:n])
	}
	check("one byte more", append(slices.Clone(whole), 0))
	check("version", append([]byte{stateVersion + 1}, whole[1:]...))
	for name, change := range map[string]func(*state){
		"too many sessions": func(s *state) { s.sessions = make([]session, maxSessions+1) },
		"unknown phase":     func(s *state) { s.sessions[0].phase = 9 },
		"skin":              func(s *state) { s.sessions[0].screen.given.Unit = em.UnitSkinUgPerL },
		"negative":          func(s *state) { s.sessions[0].screen.given.Value.Coef = -1 },
		"too many tries":    func(s *state) { s.sessions[1].because = make([]em.ObservationID, maxTries+1) },
		"too many windows":  func(s *state) { s.pending = make([]pending, maxPending+1) },
		"unknown class":     func(s *state) { s.pending = []pending{{class: ClassFailed}} },
		"too many warnings": func(s *state) { s.warned = make([]calibration, maxCalibrations+1) },
	} {
		f, err := NewEvaluator(Config{Rule: rule})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.UnmarshalBinary(whole); err != nil {
			t.Fatal(err)
		}
		change(&f.state)
		b, _ := f.AppendBinary(nil)
		check(name, b)
	}
	if err := e.UnmarshalBinary(nil); err != nil || e.settled != (time.Time{}) || e.sessions != nil {
		t.Errorf("no bytes: %v, %+v", err, e.state)
	}
}

func FuzzState(f *testing.F) {
	seed, err := NewEvaluator(Config{Rule: rule, Schedule: daily(f, 3)})
	if err != nil {
		f.Fatal(err)
	}
	for _, o := range []em.Observation{
		ok(monday, 300),
		blow(monday.Add(7*time.Hour), "bt:2", em.SampleAmbient, 0, ""),
		blow(monday.Add(8*time.Hour+time.Minute), "bt:3", em.SampleOverRange, 0, em.IdentityMatch),
		ok(monday.Add(50*time.Hour), 0),
	} {
		seed.Observe(nil, o)
		b, _ := seed.AppendBinary(nil)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := NewEvaluator(Config{Rule: rule, Schedule: daily(t, 3)})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.UnmarshalBinary(b); err != nil {
			if !errors.Is(err, em.ErrState) {
				t.Fatal(err)
			}
			return
		}
		one, _ := e.AppendBinary(nil)
		if err := e.UnmarshalBinary(one); err != nil {
			t.Fatal(err)
		}
		if two, _ := e.AppendBinary(nil); !bytes.Equal(one, two) {
			t.Fatalf("%x\n%x", one, two)
		}
		for range 5 {
			d := e.Deadline()
			e.Wake(nil, d)
			if next := e.Deadline(); !d.IsZero() && !next.IsZero() && !next.After(d) {
				t.Fatalf("deadline %s after %s", next, d)
			}
		}
		at := monday.Add(8 * time.Hour)
		for i, o := range []em.Observation{ok(at, 300), ok(at.Add(20*time.Minute), 290), blow(at.Add(time.Hour), "bt:2", em.SampleInvalid, 0, "")} {
			for _, ev := range e.Observe(nil, o) {
				if len(ev.Because) > em.MaxBecause {
					t.Fatalf("step %d: %+v", i, ev)
				}
			}
			if d := e.Deadline(); !d.IsZero() && !d.After(o.At) {
				t.Fatalf("deadline %s at %s", d, o.At)
			}
		}
	})
}
