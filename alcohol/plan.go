package alcohol

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// Defaults of RandomPlan and ZeroPlan.
const (
	// DefaultWindow is how long the wearer has for a test at a random time: 30
	// minutes. Unverified.
	DefaultWindow = 30 * time.Minute
	// DefaultSpacing is the least time between two windows: 2 hours. Unverified.
	DefaultSpacing = 2 * time.Hour

	// A test to zero is asked for 20 minutes after the last sample, expires after 2
	// hours, and none is asked for more than 24 hours after the failure: the
	// service of a maker of breath instruments.
	DefaultZeroEvery  = 20 * time.Minute
	DefaultZeroExpire = 2 * time.Hour
	DefaultZeroFor    = 24 * time.Hour

	maxRandomTests = 24          // of one day
	maxOpen        = 48 * 60     // minutes of one day that are looked at; a day of 25 hours and its night
	maxZeroTests   = 24*3 + 1    // requests within a day, every 20 minutes
	slot           = time.Minute // random windows begin at whole minutes
)

// Period is [From, To) in UTC.
type Period struct{ From, To time.Time }

// Day is one day on which tests may be asked for. Civil time is the caller's
// affair (package curfew resolves it): Date is the local day, by which draws are
// told apart, and Open the times of it in which a window may lie. Quiet hours,
// work and worship are what Open leaves out. Fixed are the tests that are asked
// for anyway, of neighbouring days too.
type Day struct {
	Date  string // "2026-03-14"
	Open  []Period
	Fixed []Test
}

// RandomPlan asks for tests at times that the wearer cannot foresee and an
// auditor can compute again. The zero value asks for at most one a day.
//
// The number of the day's tests is Least + em.Draw(…, Name + "/count",
// Most − Least + 1). Then for test i from 0 on, the whole minutes at which a
// window can begin, so that it lies within one period of Open and is at least
// Spacing away from each fixed test and each one drawn before, are numbered in
// the order of time, n in all, and the window begins at minute number
// em.Draw(…, Name + "/i", n). What the key must be, and how it is shown
// afterwards that no draw was chosen, is said there.
//
// A wearer who knows that Most tests have been asked for knows that the day is
// over, and so do wearers of plans with equal Least and Most: let Most be
// above Least, and do not tell it.
type RandomPlan struct {
	Name        string // told apart from other plans of the person: "random" where empty
	Least, Most int    // tests a day; Most of 0 is 1
	Window      time.Duration
	Spacing     time.Duration // DefaultSpacing where zero; below zero none
}

func (p RandomPlan) complete() (RandomPlan, error) {
	defaultTo(&p.Name, "random")
	defaultTo(&p.Most, max(1, p.Least))
	defaultTo(&p.Window, DefaultWindow)
	defaultTo(&p.Spacing, DefaultSpacing)
	p.Spacing = max(p.Spacing, 0)
	switch {
	case p.Least < 0 || p.Most < p.Least || p.Most > maxRandomTests:
		return p, fmt.Errorf("alcohol: plan %q: %w: %d to %d tests a day", p.Name, ErrSchedule, p.Least, p.Most)
	case p.Window < slot:
		return p, fmt.Errorf("alcohol: plan %q: %w: a window of %s", p.Name, ErrSchedule, p.Window)
	}
	return p, nil
}

// Tests returns the day's tests in the order of time. Where fewer than drawn have
// room in the day, but at least Least, those are all. Errors wrap ErrSchedule: no
// room for Least tests, an impossible plan, period or fixed test, more than 48
// hours of Open.
func (p RandomPlan) Tests(key []byte, s em.SubjectID, d Day) ([]Test, error) {
	p, err := p.complete()
	if err != nil {
		return nil, err
	}
	var taken []Period
	for _, t := range d.Fixed {
		if err := t.check(); err != nil {
			return nil, err
		}
		taken = append(taken, Period{t.From, t.To})
	}
	open := slices.Clone(d.Open)
	slices.SortFunc(open, func(a, b Period) int { return a.From.Compare(b.From) })
	minutes := 0
	for i, o := range open {
		switch {
		case o.From.IsZero() || !o.From.Before(o.To):
			err = errors.New("an empty period")
		case i > 0 && o.From.Before(open[i-1].To):
			err = errors.New("periods overlap")
		case o.To.Sub(o.From) > maxOpen*time.Minute || minutes+int(o.To.Sub(o.From)/slot) > maxOpen:
			err = errors.New("more than 48 hours")
		}
		if err != nil {
			return nil, fmt.Errorf("alcohol: plan %q on %s: %w: %w", p.Name, d.Date, ErrSchedule, err)
		}
		minutes += int(o.To.Sub(o.From) / slot)
	}
	name := func(what any) string { return fmt.Sprintf("%s/%v", p.Name, what) }
	count := p.Least + int(em.Draw(key, s, d.Date, name("count"), uint64(p.Most-p.Least+1)))
	var all []Test
	for i := range count {
		starts := p.starts(open, taken)
		if len(starts) == 0 {
			if i < p.Least {
				return nil, fmt.Errorf("alcohol: plan %q on %s: %w: room for %d tests, not %d", p.Name, d.Date, ErrSchedule, i, p.Least)
			}
			break
		}
		from := starts[em.Draw(key, s, d.Date, name(i), uint64(len(starts)))]
		all = append(all, Test{ID: d.Date + "/" + name(i), Kind: Random, From: from, To: from.Add(p.Window)})
		taken = append(taken, Period{from, from.Add(p.Window)})
	}
	slices.SortFunc(all, func(a, b Test) int { return a.From.Compare(b.From) })
	return all, nil
}

// starts returns the minutes at which a window can begin.
func (p *RandomPlan) starts(open, taken []Period) (all []time.Time) {
	for _, o := range open {
		from := o.From.Round(0).UTC().Truncate(slot)
		if from.Before(o.From) {
			from = from.Add(slot)
		}
		for ; !from.Add(p.Window).After(o.To); from = from.Add(slot) {
			to := from.Add(p.Window)
			if !slices.ContainsFunc(taken, func(t Period) bool {
				return from.Before(t.To.Add(p.Spacing)) && t.From.Before(to.Add(p.Spacing))
			}) {
				all = append(all, from)
			}
		}
	}
	return all
}

// ErrNotDrawn means that tests are not those that a plan draws.
var ErrNotDrawn = errors.New("alcohol: not the tests that the plan draws")

// Audit draws a day's tests again, and returns nil where they are the tests
// given, in any order: same kind, window and ID. Otherwise the error wraps
// ErrNotDrawn and names the first that differs, or is that of Tests.
func (p RandomPlan) Audit(key []byte, s em.SubjectID, d Day, tests []Test) error {
	want, err := p.Tests(key, s, d)
	if err != nil {
		return err
	}
	tests = slices.Clone(tests)
	slices.SortFunc(tests, func(a, b Test) int { return a.From.Compare(b.From) })
	for i := range max(len(want), len(tests)) {
		switch {
		case i >= len(want):
			return fmt.Errorf("%w: %s at %s is one too many", ErrNotDrawn, tests[i].ID, tests[i].From.Format(time.RFC3339))
		case i >= len(tests):
			return fmt.Errorf("%w: %s at %s is left out", ErrNotDrawn, want[i].ID, want[i].From.Format(time.RFC3339))
		}
		if g, w := tests[i], want[i]; g.ID != w.ID || g.Kind != w.Kind || !g.From.Equal(w.From) || !g.To.Equal(w.To) {
			return fmt.Errorf("%w: %s is from %s, not from %s", ErrNotDrawn, w.ID, g.From.Format(time.RFC3339), w.From.Format(time.RFC3339))
		}
	}
	return nil
}

// ZeroPlan asks for tests after a failure until the wearer is below the limit.
// The zero value has the documented defaults.
type ZeroPlan struct {
	Every  time.Duration // after the failure and after each sample
	Expire time.Duration // of a request that is not answered
	For    time.Duration // after the failure
}

// ZeroSample is a valid sample of the wearer's after the failure.
type ZeroSample struct {
	At    time.Time
	Below bool // the limit: it ends the plan
}

// Tests returns the requests that follow a failure, in the order of time: one at
// each contact with the instrument at which one is due, since nothing reaches
// it in between. A request is due Every after the failure or the last sample,
// unless one is still open; it is answered by the next sample, and expires else.
// None is made after For, or after a sample below the limit. contacts and
// samples may be in any order and repeated.
//
// The window of a request reaches to its expiry, or to the next request where
// that comes first, so that the tests make a [List]. As contacts and samples
// come, the last window may so be shortened: the schedule of the past is then
// another one, and em.Timeline.Rederive takes it.
func (p ZeroPlan) Tests(failed time.Time, contacts []time.Time, samples []ZeroSample) ([]Test, error) {
	defaultTo(&p.Every, DefaultZeroEvery)
	defaultTo(&p.Expire, DefaultZeroExpire)
	defaultTo(&p.For, DefaultZeroFor)
	if p.Every < slot || p.Expire < slot || p.For < 0 || p.For/p.Every > maxZeroTests {
		return nil, fmt.Errorf("alcohol: test to zero: %w: every %s, expires after %s, for %s", ErrSchedule, p.Every, p.Expire, p.For)
	}
	failed = failed.Round(0).UTC()
	contacts = slices.SortedFunc(slices.Values(contacts), time.Time.Compare)
	samples = slices.SortedFunc(slices.Values(samples), func(a, b ZeroSample) int { return a.At.Compare(b.At) })
	var all []Test
	last := failed // failure or sample
	next := 0      // sample
	for _, c := range contacts {
		c = c.Round(0).UTC()
		if c.Sub(failed) > p.For {
			break
		}
		for ; next < len(samples) && !samples[next].At.After(c); next++ {
			if x := samples[next]; x.At.After(failed) {
				if last = x.At; x.Below {
					return all, nil
				}
			}
		}
		if n := len(all); n > 0 {
			open := &all[n-1]
			if last.Before(open.From) && c.Before(open.To) {
				continue
			}
		}
		if c.Before(last.Add(p.Every)) {
			continue
		}
		if n := len(all); n > 0 && all[n-1].To.After(c) {
			all[n-1].To = c
		}
		all = append(all, Test{
			ID: "zero/" + failed.Format(time.RFC3339) + "/" + fmt.Sprint(len(all)), Kind: ToZero, From: c, To: c.Add(p.Expire),
		})
	}
	return all, nil
}

// Reminders returns when the wearer is reminded of a test: 30 and 15 minutes
// before a scheduled one and at its beginning, as a maker's service does. Other
// kinds have none: a random test that is announced is not random.
func (t Test) Reminders() []time.Time {
	if t.Kind != Scheduled {
		return nil
	}
	return []time.Time{t.From.Add(-30 * time.Minute), t.From.Add(-15 * time.Minute), t.From}
}
