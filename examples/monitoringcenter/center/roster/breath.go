package roster

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/alcohol"
	"github.com/sargas-em/em/curfew"
)

// Breath is the part of an order that asks for breath tests. Numbers that are
// absent have the defaults of package alcohol, which it documents.
type Breath struct {
	Screen            alcohol.Concentration `json:"screen"` // {"value": 0.02, "unit": "g/210L breath"}
	Confirm           alcohol.Concentration `json:"confirm,omitzero"`
	Wait              Duration              `json:"wait,omitempty"`
	CompleteBy        Duration              `json:"complete_by,omitempty"`
	PairTolerance     alcohol.Concentration `json:"pair_tolerance,omitzero"`
	Guard             alcohol.Concentration `json:"guard,omitzero"`
	AirBlank          alcohol.Concentration `json:"air_blank,omitzero"`
	Grace             Duration              `json:"grace,omitempty"`
	NotReceived       Duration              `json:"not_received,omitempty"`
	MaxUpload         Duration              `json:"max_upload,omitempty"`
	AllowUnchecked    bool                  `json:"allow_unchecked,omitempty"` // samples without an identity check count as the wearer's
	PairAcrossDevices bool                  `json:"pair_across_devices,omitempty"`
	Ratio             int                   `json:"ratio,omitempty"`       // the order's blood:breath ratio
	Instruments       []Instrument          `json:"instruments,omitempty"` // ratios of instruments that show blood
	Tests             []Test                `json:"tests,omitempty"`
	Random            *Random               `json:"random,omitempty"`  // tests at random times besides
	ToZero            *ToZero               `json:"to_zero,omitempty"` // a failed test is followed by tests to zero
}

// Instrument states a breath instrument's own blood:breath ratio.
type Instrument struct {
	Device em.DeviceID `json:"device"` // or "bactrack:" for all of a dialect
	Ratio  int         `json:"ratio,omitempty"`
}

// Test asks for a breath test in [From, To).
type Test struct {
	ID   string           `json:"id"`
	Kind alcohol.TestKind `json:"kind"`
	From time.Time        `json:"from"`
	To   time.Time        `json:"to"`
}

// Random is an alcohol.RandomPlan with the hours in which tests may be asked for:
// a curfew.Plan whose weekly rows end on the day on which they start.
type Random struct {
	Open     curfew.Schedule `json:"open"`
	Name     string          `json:"name,omitempty"`
	Least    int             `json:"least,omitempty"`
	Most     int             `json:"most,omitempty"`
	Window   Duration        `json:"window,omitempty"`
	Spacing  Duration        `json:"spacing,omitempty"`
	Unspaced bool            `json:"unspaced,omitempty"` // windows may follow each other at once
}

// ToZero is an alcohol.ZeroPlan.
type ToZero struct {
	Every  Duration `json:"every,omitempty"`
	Expire Duration `json:"expire,omitempty"`
	For    Duration `json:"for,omitempty"`
}

// draws reports whether the person's order has times drawn at random by the
// center's key.
func (p *Person) draws() bool {
	return p.Breath != nil && p.Breath.Random != nil ||
		slices.ContainsFunc(p.CheckIns, func(c CheckIn) bool { return bytes.Contains(c.Rule, []byte(`"unpredictable"`)) })
}

func breathOf(ru *rules) (em.Evaluator, error) {
	p := &ru.Person
	b := p.Breath
	if b == nil {
		return unordered{}, nil
	}
	rule := alcohol.BreathRule{
		Version: p.Version, Screen: b.Screen, Confirm: b.Confirm, Wait: time.Duration(b.Wait), CompleteBy: time.Duration(b.CompleteBy),
		PairTolerance: b.PairTolerance, Guard: b.Guard, AirBlank: b.AirBlank, Grace: time.Duration(b.Grace),
		NotReceived: time.Duration(b.NotReceived), MaxUpload: time.Duration(b.MaxUpload),
		AllowUnchecked: b.AllowUnchecked, PairAcrossDevices: b.PairAcrossDevices, Ratio: b.Ratio,
	}
	for _, i := range b.Instruments {
		rule.Instruments = append(rule.Instruments, alcohol.Instrument{Device: i.Device, Ratio: i.Ratio})
	}
	schedule, err := alcohol.List(b.listed()...)
	if err != nil {
		return nil, err
	}
	if b.Random != nil {
		d, err := ru.draw()
		if err != nil {
			return nil, fmt.Errorf("random: %w", err)
		}
		schedule = d.schedule
	}
	var plan *alcohol.ZeroPlan
	if z := b.ToZero; z != nil {
		plan = &alcohol.ZeroPlan{Every: time.Duration(z.Every), Expire: time.Duration(z.Expire), For: time.Duration(z.For)}
	}
	return newZero(rule, schedule, plan)
}

func (b *Breath) listed() []alcohol.Test {
	tests := make([]alcohol.Test, len(b.Tests))
	for i, t := range b.Tests {
		tests[i] = alcohol.Test{ID: t.ID, Kind: t.Kind, From: t.From.Round(0).UTC(), To: t.To.Round(0).UTC()}
	}
	slices.SortFunc(tests, func(a, b alcohol.Test) int { return a.From.Compare(b.From) })
	return tests
}

// drawer draws a person's tests at random times.
type drawer struct {
	subject em.SubjectID
	key     []byte // the center's
	open    curfew.Schedule
	plan    alcohol.RandomPlan
	listed  []alcohol.Test // in the order of time
	since   time.Time      // of the person: before it nothing is asked for
}

// farthest is when schedules end.
var farthest = time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC)

func (ru *rules) draw() (*drawer, error) {
	r := ru.Person.Breath.Random
	d := &drawer{
		subject: em.SubjectID(ru.Person.ID), key: ru.Key, open: r.Open, listed: ru.Person.Breath.listed(), since: ru.Person.Since,
		plan: alcohol.RandomPlan{Name: r.Name, Least: r.Least, Most: r.Most, Window: time.Duration(r.Window), Spacing: time.Duration(r.Spacing)},
	}
	if r.Unspaced {
		d.plan.Spacing = -1
	}
	window := d.plan.Window
	state(&window, alcohol.DefaultWindow)
	plan := r.Open.Plan()
	switch {
	case len(d.key) == 0:
		return nil, errNoKey
	case len(plan.Weekly) == 0:
		return nil, errors.New("no hours in which a test may be asked for")
	case len(plan.Permits)+len(plan.Suspensions)+len(plan.Calendars)+len(plan.Places) > 0 || plan.Release != nil:
		return nil, errors.New("the hours are weekly rows alone")
	}
	for _, row := range plan.Weekly {
		minutes := 24 * 60
		if !row.AllDay {
			if minutes = int(row.End) - int(row.Start); row.End == 0 {
				minutes += 24 * 60
			}
		}
		switch {
		case minutes <= 0:
			return nil, fmt.Errorf("%v ends on the next day: give it as two rows", row)
		// An hour less on the day on which clocks go forward.
		case time.Duration(minutes)*time.Minute < window+time.Hour:
			return nil, fmt.Errorf("%v has no room for a test of %v on a day on which clocks change", row, window)
		}
	}
	// Any week shows whether there is room for the least number of tests; what
	// listed tests leave of their days is for who lists them.
	days := 0
	for date, open := range d.days(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)) {
		if _, err := d.plan.Tests(d.key, d.subject, alcohol.Day{Date: date, Open: open}); err != nil {
			return nil, err
		}
		if days++; days == 7 {
			break
		}
	}
	for _, t := range d.listed {
		if _, err := d.tests(t.From.In(d.open.Location()).Format(time.DateOnly)); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// days yields the days with open hours from the local day of an instant on.
func (d *drawer) days(from time.Time) iter.Seq2[string, []alcohol.Period] {
	return func(yield func(string, []alcohol.Period) bool) {
		y, m, day := from.In(d.open.Location()).Date()
		date, open := "", []alcohol.Period(nil)
		for o := range d.open.Between(time.Date(y, m, day, 0, 0, 0, 0, d.open.Location()), farthest) {
			if s := o.Date.String(); s != date {
				if date != "" && !yield(date, open) {
					return
				}
				date, open = s, nil
			}
			p := alcohol.Period{From: o.Start, To: o.End}
			if n := len(open); n > 0 && p.From.Before(open[n-1].To) { // rows that overlap
				open[n-1].To = laterOf(open[n-1].To, p.To)
				continue
			}
			open = append(open, p)
		}
		if date != "" {
			yield(date, open)
		}
	}
}

func laterOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// day returns what is drawn by on a local date.
func (d *drawer) day(date string) (alcohol.Day, error) {
	at, err := time.ParseInLocation(time.DateOnly, date, d.open.Location())
	if err != nil {
		return alcohol.Day{}, err
	}
	day := alcohol.Day{Date: date}
	for found, open := range d.days(at) {
		if found == date {
			day.Open = open
		}
		break
	}
	for _, t := range d.listed {
		if t.To.After(at.AddDate(0, 0, -1)) && t.From.Before(at.AddDate(0, 0, 2)) {
			day.Fixed = append(day.Fixed, t)
		}
	}
	return day, nil
}

// tests returns the tests of a local date that are drawn.
func (d *drawer) tests(date string) ([]alcohol.Test, error) {
	day, err := d.day(date)
	if err != nil || len(day.Open) == 0 {
		return nil, err
	}
	return d.plan.Tests(MonthKey(d.key, date), d.subject, day)
}

// schedule is an alcohol.Schedule of the listed tests and those drawn.
func (d *drawer) schedule(after time.Time) iter.Seq[alcohol.Test] {
	return func(yield func(alcohol.Test) bool) {
		listed := d.listed
		give := func(before time.Time, t *alcohol.Test) bool {
			for len(listed) > 0 && listed[0].From.Before(before) {
				l := listed[0]
				listed = listed[1:]
				if l.To.After(after) && !yield(l) {
					return false
				}
			}
			return t == nil || !t.To.After(after) || yield(*t)
		}
		for date := range d.days(laterOf(after, d.since).AddDate(0, 0, -1)) {
			tests, err := d.tests(date)
			if err != nil {
				continue // listed tests that leave no room; draw has refused those
			}
			for _, t := range tests {
				if t.From.Before(d.since) {
					continue
				}
				if !give(t.From, &t) {
					return
				}
			}
		}
		give(farthest, nil)
	}
}

// MonthKey is the key by which tests of a month are drawn, given as any of its
// days, "2026-03-14", or as "2026-03": HMAC-SHA256 of the center's key. When the
// month is over it may be shown, and tells nothing of other months.
func MonthKey(key []byte, month string) []byte {
	if len(key) == 0 || len(month) < 7 {
		return nil
	}
	return derive(key, "month", month[:7])
}

// KeyDigest is the SHA-256 in hexadecimal by which a key is published beforehand.
func KeyDigest(key []byte) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:])
}

// Drawn is what an auditor needs to draw the tests of one day again.
type Drawn struct {
	Plan  alcohol.RandomPlan
	Day   alcohol.Day
	Tests []alcohol.Test
}

// ErrNoDraws: the order has no tests at random times.
var ErrNoDraws = errors.New("no tests at random times are ordered")

// Draws returns the tests that are drawn for a local date by what Rules wrote.
// Errors are ErrNoDraws, or of a date that is none.
func Draws(doc []byte, date string) (d Drawn, err error) {
	var ru rules
	if err := strict(doc, &ru); err != nil {
		return d, fmt.Errorf("rules: %w", err)
	}
	if ru.Person.Breath == nil || ru.Person.Breath.Random == nil {
		return d, ErrNoDraws
	}
	r, err := ru.draw()
	if err != nil {
		return d, err
	}
	d.Plan = r.plan
	if d.Day, err = r.day(date); err == nil {
		d.Tests, err = r.tests(date)
	}
	return d, err
}
