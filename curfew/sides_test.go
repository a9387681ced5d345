package curfew_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
)

// TestSides: to be away is to be home with the sides exchanged, and to attend is
// to be home at another place. So the oracle of home judges them, too: what is
// told of one order, other fixes and other names, is what is told of the other.
func TestSides(t *testing.T) {
	const seed = 31
	t.Logf("seed %d", seed)
	exchange := map[string]string{"in": "out", "out": "in"}
	classes := map[curfew.Kind]map[string]string{
		curfew.MustBeAway: {
			curfew.OutPastCommencement: curfew.FailedToLeave, curfew.ReturnLate: curfew.LateLeave, curfew.OutEntirePeriod: curfew.FailedToLeave,
			curfew.LeftDuring: curfew.UnauthorisedReturn, curfew.OutAtEnd: curfew.UnauthorisedReturn,
		},
		curfew.MustAttend: {
			curfew.OutPastCommencement: curfew.NotArrived, curfew.ReturnLate: curfew.ArrivedLate, curfew.OutEntirePeriod: curfew.Absent,
			curfew.LeftDuring: curfew.LeftDuring, curfew.OutAtEnd: curfew.LeftEarly,
		},
	}
	const rounds = 12
	faults := 0
	for round := range uint64(rounds) {
		rnd := rand.New(rand.NewPCG(seed, round))
		day, _ := time.Parse(time.DateOnly, days[rnd.IntN(len(days))])
		at := day.Add(-3 * time.Hour)
		var kinds []string
		var times []time.Time
		for at.Before(day.AddDate(0, 0, 3)) {
			kind := []string{"in", "out"}[rnd.IntN(2)]
			for range 1 + rnd.IntN(60) {
				kinds, times = append(kinds, kind), append(times, at)
				at = at.Add(time.Duration(1+rnd.IntN(12)) * 10 * time.Second)
			}
			if rnd.IntN(4) == 0 {
				at = at.Add(time.Duration(rnd.IntN(60)) * time.Minute)
			}
		}
		tell := func(k curfew.Kind) []string {
			plan := curfew.Plan{Zone: "Europe/Vilnius"}
			for i := range 7 {
				plan.Weekly = append(plan.Weekly, curfew.Row{Day: time.Weekday(i), Start: curfew.Clock(19, 0), End: curfew.Clock(6+i%2, 0), Kind: k})
			}
			s, err := curfew.NewSchedule(plan)
			if err != nil {
				t.Fatal(err)
			}
			order := curfew.Order{ID: "order-1", Schedule: s, Where: where, Grace: curfew.Grace{Start: 5 * time.Minute, Short: 3 * time.Minute, End: time.Minute}}
			var obs []em.Observation
			for i, what := range kinds {
				if k == curfew.MustBeAway {
					what = exchange[what]
				}
				obs = append(obs, observe(what, times[i]))
			}
			var lines []string
			var restored func() *curfew.Evaluator // after each observation, in a third of the rounds
			if round%3 == 0 {
				restored = func() *curfew.Evaluator { return evaluator(t, order) }
			}
			for _, ev := range final(drive(t, evaluator(t, order), restored, obs, at.Add(24*time.Hour))) {
				class := ev.Detail.Class
				if ev.Detail.Kind == curfew.KindAbsence && k == curfew.MustBeHome {
					faults++
				}
				lines = append(lines, fmt.Sprintf("%v-%v %s %v %v %v %d", ev.At, ev.Until, class, ev.Concluded, fact(ev, "counted").Num, fact(ev, "unknown").Num, len(ev.Because)))
			}
			slices.Sort(lines)
			return lines
		}
		home := tell(curfew.MustBeHome)
		for k, names := range classes {
			var want []string
			for _, line := range home {
				f := strings.Split(line, " ")
				for i := range f {
					if to, ok := names[f[i]]; ok {
						f[i] = to
					}
				}
				want = append(want, strings.Join(f, " "))
			}
			slices.Sort(want)
			if got := tell(k); !slices.Equal(got, want) {
				t.Fatalf("round %d, %v (-as home +told):\n%s", round, k, cmp.Diff(want, got))
			}
		}
	}
	if faults < 8*rounds {
		t.Errorf("only %d faults: the test proves little", faults)
	}
}

// TestHomeAndAway: one evaluator judges rows of both at one place, and a change
// of the order in between keeps who is home at home.
func TestHomeAndAway(t *testing.T) {
	const doc = `{"id": "order-1", "zone": "Europe/Vilnius", "grace": {"start": "5m", "short": "5m"}, "weekly": [{"day": "mon", "start": "19:00", "end": "07:00"}%s]}`
	first := orderOf(t, fmt.Sprintf(doc, ""))
	second := orderOf(t, fmt.Sprintf(doc, `, {"day": "tue", "start": "09:00", "end": "12:00", "kind": "MUST_BE_AWAY"}`))
	obs := every("in", evening(18, 0), evening(33, 30), 10*time.Minute)
	obs = append(obs, every("out", evening(33, 40), evening(37, 0), 10*time.Minute)...)
	want := "COMPLIANT 0, LATE_LEAVE 30, BREACH 30"
	if got := verdict(final(drive(t, evaluator(t, second), nil, obs, evening(40, 0)))); got != want {
		t.Errorf("verdict %q, want %q", got, want)
	}
	// The second order binds from Tuesday 08:00 on.
	e := evaluator(t, first)
	told := drive(t, e, nil, obs[:84], evening(32, 0))
	b, err := e.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	e = evaluator(t, second)
	if err := e.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	told = append(told, drive(t, e, func() *curfew.Evaluator { return evaluator(t, second) }, obs[84:], evening(40, 0))...)
	if got := verdict(final(told)); got != want {
		t.Errorf("by two orders: verdict %q, want %q", got, want)
	}
	// And an order that no longer has it closes what is under way.
	e = evaluator(t, second)
	told = drive(t, e, nil, every("in", evening(18, 0), evening(33, 30), 10*time.Minute), evening(33, 35))
	if b, err = e.AppendBinary(nil); err != nil {
		t.Fatal(err)
	}
	e = evaluator(t, first)
	if err := e.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	told = append(told, drive(t, e, func() *curfew.Evaluator { return evaluator(t, first) }, every("in", evening(33, 40), evening(40, 0), 10*time.Minute), evening(40, 0))...)
	for _, ev := range final(told) {
		if ev.Open() {
			t.Errorf("stays open: %+v", ev)
		}
	}
	if got, want := verdict(final(told)), "COMPLIANT 0, BREACH 30, FAILED_TO_LEAVE 30"; got != want {
		t.Errorf("the row is gone at 09:35: verdict %q, want %q", got, want)
	}
}

// TestHostel is worked scenario 14, the side of the curfew: a unit that 28
// residents share is unplugged. It is not known where they are, and nobody is
// absent. Who is heard by a second unit is home.
func TestHostel(t *testing.T) {
	const residents = 28
	unit := func(device em.DeviceID, at time.Time, b em.Body) em.Observation {
		return em.Observation{Device: device, DeviceAt: at, Body: b}.Stamp(at)
	}
	var obs []em.Observation // of the shared unit: all residents' evaluators see all of it
	for at := evening(18, 0); at.Before(evening(31, 30)); at = at.Add(5 * time.Minute) {
		switch {
		case at.Equal(evening(22, 0)):
			obs = append(obs, unit("rf:hall", at, &em.Power{Event: em.PowerOff}))
		case at.After(evening(22, 0)) && at.Before(evening(23, 0)):
		case at.Equal(evening(23, 0)):
			obs = append(obs, unit("rf:hall", at, &em.Power{Event: em.PowerOn}))
			fallthrough
		default:
			for i := range residents {
				obs = append(obs, unit("rf:hall", at, &em.Beacon{Beacon: fmt.Sprintf("bracelet-%d", i), Radio: "rf"}))
			}
		}
	}
	var inRoom []em.Observation // bracelet 0 is heard by a unit of its room as well
	for at := evening(18, 1); at.Before(evening(31, 30)); at = at.Add(5 * time.Minute) {
		inRoom = append(inRoom, unit("rf:room", at, &em.Beacon{Beacon: "bracelet-0", Radio: "rf"}))
	}
	tell := func(doc string, obs []em.Observation) string {
		o := orderOf(t, `{"id": "order-1", "zone": "Europe/Vilnius", "weekly": `+daily+`, "grace": {"start": "5m", "short": "5m"}, "units": `+doc+`}`)
		return verdict(final(drive(t, evaluator(t, o), nil, obs, evening(35, 0))))
	}
	for i := range residents {
		if got := tell(fmt.Sprintf(`[{"id": "bracelet-%d", "device": "rf:hall"}]`, i), obs); got != "unknown 60, UNKNOWN 0" {
			t.Errorf("resident %d: %q", i, got)
		}
	}
	if got := tell(`[{"id": "bracelet-0", "device": "rf:hall"}, {"id": "bracelet-0", "device": "rf:room"}]`, sorted(obs, inRoom)); got != "COMPLIANT 0" {
		t.Errorf("heard in the room: %q", got)
	}
}

// TestSince: the bounds of what is known.
func TestSince(t *testing.T) {
	o := nightly(t, "")
	e := evaluator(t, o)
	step := func(ob em.Observation) {
		for d := e.Deadline(); !d.IsZero() && !d.After(ob.At); d = e.Deadline() {
			e.Wake(nil, d)
		}
		e.Observe(nil, ob)
	}
	for _, tt := range []struct {
		ob               em.Observation
		now              curfew.Presence
		earliest, latest time.Time
	}{
		{observe("in", evening(20, 0)), curfew.Home, time.Time{}, evening(20, 0)},
		{observe("in", evening(20, 10)), curfew.Home, time.Time{}, evening(20, 0)},
		{observe("out", evening(20, 14)), curfew.Away, evening(20, 10), evening(20, 14)},
		{observe("out", evening(20, 20)), curfew.Away, evening(20, 10), evening(20, 14)},
		{observe("unsure", evening(20, 40)), curfew.Unknown, evening(20, 20), evening(20, 35)},
		{observe("in", evening(20, 41)), curfew.Home, evening(20, 20), evening(20, 41)},
		{observe("lost", evening(20, 45)), curfew.Home, evening(20, 20), evening(20, 41)},
		{observe("beats", evening(20, 50)), curfew.Away, evening(20, 41), evening(20, 45)},
		{observe("off", evening(20, 52)), curfew.Unknown, evening(20, 50), evening(20, 52)},
	} {
		step(tt.ob)
		if s := e.Since(); e.Presence() != tt.now || !s.Earliest.Equal(tt.earliest) || !s.Latest.Equal(tt.latest) {
			t.Errorf("%v: %v since %v to %v, want %v since %v to %v", tt.ob.At, e.Presence(), s.Earliest, s.Latest, tt.now, tt.earliest, tt.latest)
		}
	}
}

// BenchmarkYear expands a year of an order with a holiday in each month.
func BenchmarkYear(b *testing.B) {
	var plan curfew.Plan
	if err := json.Unmarshal([]byte(`{"zone": "Europe/Vilnius", "weekly": `+daily+`}`), &plan); err != nil {
		b.Fatal(err)
	}
	c := curfew.Calendar{}
	for m := range 12 {
		c.Days = append(c.Days, curfew.Holiday{Date: curfew.Date{Year: 2026, Month: time.Month(m + 1), Day: 6}, Like: em.Some(time.Sunday)})
	}
	plan.Calendars = []curfew.Calendar{c}
	s, err := curfew.NewSchedule(plan)
	if err != nil {
		b.Fatal(err)
	}
	from := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for range s.Between(from, from.AddDate(1, 0, 0)) {
			n++
		}
		if n != 365 {
			b.Fatalf("%d obligations", n)
		}
	}
}
