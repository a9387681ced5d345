package alcohol

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"pgregory.net/rapid"
)

// testKey is 00 01 … 1f.
var testKey = func() (k []byte) {
	for i := range byte(32) {
		k = append(k, i)
	}
	return k
}()

func on(day, h, m int) time.Time { return time.Date(2026, 3, day, h, m, 0, 0, time.UTC) }

// Days drawn by a program in another language, from the description of
// RandomPlan and of em.Draw: from 08:00 to 12:00 and from 13:00 to 20:00, one to
// three tests beside a scheduled one at 09:00.
func TestRandomPlanKnownAnswers(t *testing.T) {
	p := RandomPlan{Least: 1, Most: 3}
	for day, want := range map[int][]string{
		14: {"15:39 2026-03-14/random/0", "19:01 2026-03-14/random/1"},
		15: {"13:37 2026-03-15/random/0"},
		16: {"17:28 2026-03-16/random/0"},
	} {
		d := Day{
			Date: on(day, 0, 0).Format("2006-01-02"), Open: []Period{{on(day, 13, 0), on(day, 20, 0)}, {on(day, 8, 0), on(day, 12, 0)}},
			Fixed: []Test{{Kind: Scheduled, From: on(day, 9, 0), To: on(day, 9, 30)}},
		}
		tests, err := p.Tests(testKey, "p-1", d)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, x := range tests {
			got = append(got, x.From.Format("15:04 ")+x.ID)
			if x.Kind != Random || x.To.Sub(x.From) != DefaultWindow {
				t.Errorf("%+v", x)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("day %d: %q, want %q", day, got, want)
		}
	}
}

// Whatever the plan and the day: within Open, apart from each other and from
// what is fixed, as many as asked for, the same again, and audited as such.
func TestRandomPlanProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := RandomPlan{
			Least: rapid.IntRange(0, 3).Draw(t, "least"), Window: time.Duration(rapid.IntRange(1, 90).Draw(t, "window")) * time.Minute,
			Spacing: time.Duration(rapid.IntRange(-1, 180).Draw(t, "spacing")) * time.Minute,
		}
		p.Most = max(1, p.Least) + rapid.IntRange(0, 3).Draw(t, "more")
		d := Day{Date: "2026-03-14"}
		at := on(14, 0, 0)
		for range rapid.IntRange(0, 4).Draw(t, "periods") {
			at = at.Add(time.Duration(rapid.IntRange(0, 200*60).Draw(t, "pause")) * time.Second)
			to := at.Add(time.Duration(rapid.IntRange(1, 400*60).Draw(t, "open")) * time.Second)
			d.Open, at = append(d.Open, Period{at, to}), to
		}
		for range rapid.IntRange(0, 2).Draw(t, "fixed") {
			from := on(14, rapid.IntRange(0, 23).Draw(t, "hour"), 0)
			d.Fixed = append(d.Fixed, Test{Kind: Scheduled, From: from, To: from.Add(time.Hour)})
		}
		tests, err := p.Tests(testKey, "p-1", d)
		if err != nil {
			if !errors.Is(err, ErrSchedule) || p.Least == 0 {
				t.Fatal(err)
			}
			return
		}
		if len(tests) < p.Least || len(tests) > p.Most {
			t.Fatalf("%d tests, not %d to %d", len(tests), p.Least, p.Most)
		}
		spacing := max(p.Spacing, 0)
		if p.Spacing == 0 {
			spacing = DefaultSpacing
		}
		for i, x := range tests {
			if !slices.ContainsFunc(d.Open, func(o Period) bool { return !x.From.Before(o.From) && !x.To.After(o.To) }) {
				t.Fatalf("%v is not within %v", x, d.Open)
			}
			for _, y := range append(slices.Clone(tests[i+1:]), d.Fixed...) {
				if x.From.Before(y.To.Add(spacing)) && y.From.Before(x.To.Add(spacing)) {
					t.Fatalf("%v and %v are nearer than %v", x, y, spacing)
				}
			}
		}
		if _, err := List(append(slices.Clone(tests), tests...)...); len(tests) > 0 && err == nil {
			t.Fatal("a list of tests twice")
		}
		if _, err := List(tests...); err != nil {
			t.Fatal(err)
		}
		d.Open = rapid.Permutation(d.Open).Draw(t, "order")
		slices.Reverse(d.Fixed)
		if err := p.Audit(testKey, "p-1", d, rapid.Permutation(tests).Draw(t, "order")); err != nil {
			t.Fatal(err)
		}
		if len(tests) == 0 {
			return
		}
		forged := slices.Clone(tests)
		switch i := rapid.IntRange(0, len(forged)-1).Draw(t, "which"); rapid.IntRange(0, 2).Draw(t, "forgery") {
		case 0:
			forged[i].From, forged[i].To = forged[i].From.Add(time.Minute), forged[i].To.Add(time.Minute)
		case 1:
			forged = slices.Delete(forged, i, i+1)
		case 2:
			forged = append(forged, forged[i])
		}
		if err := p.Audit(testKey, "p-1", d, forged); !errors.Is(err, ErrNotDrawn) {
			t.Fatalf("forged tests %v: %v", forged, err)
		}
	})
}

// Every minute is as likely as every other: chi-square of 24 half-hours over
// 4,800 days; 99.9 % of such sums are below 49.7 at 23 degrees of freedom.
func TestRandomPlanEven(t *testing.T) {
	p := RandomPlan{Least: 1, Window: time.Minute}
	var n [24]float64
	const days = 4800
	for i := range days {
		d := Day{Date: on(1, 0, 0).AddDate(0, 0, i).Format("2006-01-02"), Open: []Period{{on(1, 8, 0), on(1, 20, 0)}}}
		tests, err := p.Tests(testKey, "p-1", d)
		if err != nil {
			t.Fatal(err)
		}
		n[tests[0].From.Sub(on(1, 8, 0))/(30*time.Minute)]++
	}
	sum := 0.0
	for _, x := range n {
		sum += (x - days/24) * (x - days/24) / (days / 24)
	}
	if sum > 49.7 {
		t.Errorf("chi-square %.1f of %v", sum, n)
	}
}

func TestRandomPlanErrors(t *testing.T) {
	whole := Day{Date: "2026-03-14", Open: []Period{{on(14, 8, 0), on(14, 20, 0)}}}
	for _, c := range []struct {
		name string
		p    RandomPlan
		d    Day
		want string
	}{
		{"fewer than none", RandomPlan{Least: -1}, whole, "-1 to 1 tests"},
		{"most below least", RandomPlan{Least: 2, Most: 1}, whole, "2 to 1 tests"},
		{"too many", RandomPlan{Most: 25}, whole, "25 tests"},
		{"no window", RandomPlan{Window: time.Second}, whole, "window of 1s"},
		{"empty period", RandomPlan{}, Day{Open: []Period{{on(14, 8, 0), on(14, 8, 0)}}}, "empty period"},
		{"periods overlap", RandomPlan{}, Day{Open: []Period{{on(14, 8, 0), on(14, 10, 0)}, {on(14, 9, 0), on(14, 11, 0)}}}, "overlap"},
		{"a year", RandomPlan{}, Day{Open: []Period{{on(14, 8, 0), on(14, 8, 0).AddDate(1, 0, 0)}}}, "48 hours"},
		{"impossible fixed test", RandomPlan{}, Day{Open: whole.Open, Fixed: []Test{{Kind: Scheduled}}}, "impossible"},
		{"no room", RandomPlan{Least: 3, Spacing: 6 * time.Hour}, whole, "room for "},
		{"nothing open", RandomPlan{Least: 1}, Day{}, "room for 0 tests, not 1"},
	} {
		if _, err := c.p.Tests(testKey, "p-1", c.d); !errors.Is(err, ErrSchedule) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if tests, err := (RandomPlan{}).Tests(testKey, "p-1", Day{}); err != nil || len(tests) != 0 {
		t.Errorf("a day without room that needs none: %v, %v", tests, err)
	}
	if err := (RandomPlan{Least: 1}).Audit(testKey, "p-1", Day{}, nil); !errors.Is(err, ErrSchedule) {
		t.Errorf("%v", err)
	}
}

// A failure at 08:00, worked by hand: contacts every ten minutes at first.
func TestZeroPlan(t *testing.T) {
	at := func(h, m int) time.Time { return on(14, h, m) }
	below := func(h, m int) ZeroSample { return ZeroSample{at(h, m), true} }
	above := func(h, m int) ZeroSample { return ZeroSample{at(h, m), false} }
	for _, c := range []struct {
		name     string
		contacts []time.Time
		samples  []ZeroSample
		want     string
	}{
		{"no contact", nil, nil, ""},
		{"too soon, then due, then open", []time.Time{at(8, 10), at(8, 20), at(8, 30), at(10, 19)}, nil, "08:20-10:20"},
		{"expired, and asked for at the next contact", []time.Time{at(8, 20), at(10, 20), at(12, 30)}, nil, "08:20-10:20 10:20-12:20 12:30-14:30"},
		{"answered above: again after 20 minutes", []time.Time{at(8, 20), at(8, 30), at(8, 44), at(8, 45), at(8, 50)}, []ZeroSample{above(8, 25)}, "08:20-08:45 08:45-10:45"},
		{"answered below: over", []time.Time{at(8, 20), at(9, 0), at(11, 0)}, []ZeroSample{below(8, 25)}, "08:20-10:20"},
		{"a sample by himself puts it off, and one before the failure does not", []time.Time{at(8, 20), at(8, 35)}, []ZeroSample{above(8, 15), below(7, 0)}, "08:35-10:35"},
		{"a day is over", []time.Time{at(8, 20).Add(23*time.Hour + 40*time.Minute), at(8, 20).Add(26 * time.Hour)}, nil, "08:00-10:00"},
		{"in any order, repeated", []time.Time{at(8, 45), at(8, 20), at(8, 20)}, []ZeroSample{above(8, 25), above(8, 25)}, "08:20-08:45 08:45-10:45"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tests, err := ZeroPlan{}.Tests(at(8, 0), c.contacts, c.samples)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, x := range tests {
				got = append(got, x.From.Format("15:04-")+x.To.Format("15:04"))
				if x.Kind != ToZero || !strings.HasPrefix(x.ID, "zero/2026-03-14T08:00:00Z/") {
					t.Errorf("%+v", x)
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			if _, err := List(tests...); err != nil {
				t.Error(err)
			}
		})
	}
	for _, p := range []ZeroPlan{{Every: time.Second}, {Expire: -1}, {For: -1}, {For: 10_000 * time.Hour}} {
		if _, err := p.Tests(at(8, 0), nil, nil); !errors.Is(err, ErrSchedule) {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

func TestReminders(t *testing.T) {
	x := Test{Kind: Scheduled, From: on(14, 8, 0), To: on(14, 8, 30)}
	if got := x.Reminders(); !slices.Equal(got, []time.Time{on(14, 7, 30), on(14, 7, 45), on(14, 8, 0)}) {
		t.Errorf("%v", got)
	}
	x.Kind = Random
	if got := x.Reminders(); got != nil {
		t.Errorf("a random test is announced at %v", got)
	}
}

// A plan gives the evaluator its windows.
func TestPlansMakeASchedule(t *testing.T) {
	d := Day{Date: "2026-03-14", Open: []Period{{on(14, 8, 0), on(14, 20, 0)}}}
	tests, err := RandomPlan{Least: 2, Most: 2}.Tests(testKey, "p-1", d)
	if err != nil {
		t.Fatal(err)
	}
	s, err := List(tests...)
	if err != nil {
		t.Fatal(err)
	}
	h := replay(t, Config{
		Rule:     BreathRule{Version: "v1", Screen: Concentration{em.Decimal{Coef: 10, Scale: 2}, em.UnitBreathMgPerL}},
		Schedule: s,
	}, on(20, 0, 0), nil)
	if evs := h.sorted(); len(evs) != 2 || evs[0].Detail.Class != ClassNotReceived || !evs[0].Anchor.Equal(tests[0].From) {
		t.Errorf("%+v", h.sorted())
	}
}
