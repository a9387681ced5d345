package curfew

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// Plan is what an order says of its times: the input of NewSchedule, and the
// form in which a Schedule is kept as JSON:
//
//	{
//	  "zone": "Europe/Vilnius",
//	  "weekly": [
//	    {"day": "mon", "start": "19:00", "end": "07:00"},
//	    {"day": "sun", "all_day": true, "place": "second home"}
//	  ],
//	  "permits": [{
//	    "from": "2026-03-02T19:00:00+02:00", "to": "2026-03-02T22:00:00+02:00",
//	    "approved_by": "officer 12", "approved_at": "2026-02-27T10:15:00+02:00",
//	    "reason": "evening school"
//	  }]
//	}
//
// Days are mon, tue, wed, thu, fri, sat and sun. Unknown and repeated names are
// errors.
type Plan struct {
	Zone    string   `json:"zone"` // IANA name of the place's zone: "Europe/Vilnius"
	Weekly  []Row    `json:"weekly,omitempty"`
	Permits []Permit `json:"permits,omitempty"`
}

// Bounds of a Plan: far beyond any order, and small enough to judge by.
const (
	MaxRows    = 7 * 24
	MaxPermits = 4096
)

// Row is a weekly obligation to be home. It belongs to the day on which it
// starts: Monday 19:00 to 07:00 ends on Tuesday, and Monday 00:00 to 00:00 is
// refused; a whole day is AllDay.
type Row struct {
	Day        time.Weekday
	Start, End TimeOfDay // zero where AllDay
	AllDay     bool      // from midnight to midnight
	Place      string    // of several places, which one; empty: the home
}

// String returns "mon 19:00-07:00" or "sun all day", and the place if it is
// named.
func (r Row) String() string {
	s := fmt.Sprintf("%s %v-%v", dayName(r.Day), r.Start, r.End)
	if r.AllDay {
		s = dayName(r.Day) + " all day"
	}
	if r.Place != "" {
		s += " at " + r.Place
	}
	return s
}

// minutes is the row's length by the clock on the wall.
func (r Row) minutes() int {
	if r.AllDay {
		return minutesADay
	}
	return (int(r.End)-int(r.Start)+minutesADay-1)%minutesADay + 1
}

var dayNames = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func dayName(d time.Weekday) string {
	if d >= 0 && int(d) < len(dayNames) {
		return dayNames[d]
	}
	return fmt.Sprintf("day %d", int(d))
}

// Permit allows to be away once, in [From, To). Minutes from KnownFrom on do
// not count; those before do, and are told as excused: a permit approved after
// the fact is an excuse and no rewrite.
type Permit struct {
	From       time.Time `json:"from"`
	To         time.Time `json:"to"`
	ApprovedBy string    `json:"approved_by"`
	ApprovedAt time.Time `json:"approved_at"`
	KnownFrom  time.Time `json:"known_from,omitzero"` // zero: ApprovedAt; never before it
	Reason     string    `json:"reason,omitempty"`
}

// known is KnownFrom or its default.
func (p *Permit) known() time.Time {
	if p.KnownFrom.IsZero() {
		return p.ApprovedAt
	}
	return p.KnownFrom
}

// Kind is what an obligation asks for.
type Kind uint8

// MustBeHome is the only kind so far.
const MustBeHome Kind = 1

// String returns "MUST_BE_HOME".
func (k Kind) String() string {
	if k == MustBeHome {
		return "MUST_BE_HOME"
	}
	return fmt.Sprintf("kind(%d)", k)
}

// Obligation is one night, or day, of a row, [Start, End) in UTC. Permits are
// not cut out of it.
type Obligation struct {
	Kind       Kind
	Row        Row
	Index      int // of the row in Plan.Weekly
	Start, End time.Time
}

// Duration is its actual length: of 22:00 to 06:00 in Vilnius 9 hours on 24
// October 2026.
func (o Obligation) Duration() time.Duration { return o.End.Sub(o.Start) }

// Wall is its length by the clock on the wall: of 22:00 to 06:00, 8 hours. It
// differs from Duration where clocks change.
func (o Obligation) Wall() time.Duration { return time.Duration(o.Row.minutes()) * time.Minute }

func (o Obligation) interval() interval { return interval{o.Start, o.End} }

// Schedule is a Plan that was found to make sense: when a person must be where.
// It is immutable, and safe for concurrent use. The zero Schedule asks for
// nothing.
type Schedule struct {
	t *table
}

type table struct {
	plan   Plan
	loc    *time.Location
	byDay  [7][]int  // indices of the rows that start on a weekday
	leave  intervals // under a permit that was known
	excuse intervals // under a permit that was not yet
}

// Errors of NewSchedule that RowError and PermitError wrap.
var (
	ErrEmptyRow     = errors.New("end equals start; a whole day is all_day")
	ErrAllDayTimes  = errors.New("an all-day row has no start or end")
	ErrDay          = errors.New("no such day")
	ErrTimeOfDay    = errors.New("no such time of day")
	ErrEmptyPermit  = errors.New("ends no later than it begins")
	ErrUnapproved   = errors.New("does not say who approved it and when")
	ErrKnownTooSoon = errors.New("known before it was approved")
	ErrInstant      = errors.New("lies beyond the years 2000 to 2199")
	// ErrTooMany is wrapped by the error about more than MaxRows rows or
	// MaxPermits permits.
	ErrTooMany = errors.New("too many")
)

// ZoneError says that the zone is not known. Zones come with the system, or
// with a program that imports time/tzdata.
type ZoneError struct {
	Zone string
	Err  error
}

func (e *ZoneError) Error() string { return fmt.Sprintf("curfew: zone %q: %v", e.Zone, e.Err) }

// Unwrap returns what time.LoadLocation said.
func (e *ZoneError) Unwrap() error { return e.Err }

// RowError says what is wrong with a row.
type RowError struct {
	Index int
	Row   Row
	Err   error
}

func (e *RowError) Error() string {
	return fmt.Sprintf("curfew: weekly[%d] (%v): %v", e.Index, e.Row, e.Err)
}

// Unwrap returns ErrEmptyRow, ErrAllDayTimes, ErrDay or ErrTimeOfDay.
func (e *RowError) Unwrap() error { return e.Err }

// ConflictError names two rows that want the person at two places at once.
type ConflictError struct {
	A, B       int // indices in Plan.Weekly
	RowA, RowB Row
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("curfew: weekly[%d] (%v) and weekly[%d] (%v) ask for two places at once", e.A, e.RowA, e.B, e.RowB)
}

// PermitError says what is wrong with a permit.
type PermitError struct {
	Index int
	Err   error
}

func (e *PermitError) Error() string { return fmt.Sprintf("curfew: permits[%d]: %v", e.Index, e.Err) }

// Unwrap returns ErrEmptyPermit, ErrUnapproved, ErrKnownTooSoon or ErrInstant.
func (e *PermitError) Unwrap() error { return e.Err }

// The instants that this package judges: whatever a broken clock says, nobody
// walks through a thousand years of nights.
var (
	earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

func judgeable(t time.Time) bool { return !t.Before(earliest) && t.Before(latest) }

// NewSchedule checks a plan and copies it. The error joins all that is wrong:
// *ZoneError, *RowError, *ConflictError, *PermitError, ErrTooMany. Rows may
// overlap where they ask for the same place.
func NewSchedule(p Plan) (Schedule, error) {
	p = p.clone()
	t := &table{plan: p}
	var errs []error
	if p.Zone == "" || p.Zone == "Local" {
		errs = append(errs, &ZoneError{p.Zone, errors.New("not the name of a zone such as Europe/Vilnius")})
	} else if loc, err := time.LoadLocation(p.Zone); err != nil {
		errs = append(errs, &ZoneError{p.Zone, err})
	} else {
		t.loc = loc
	}
	if len(p.Weekly) > MaxRows {
		errs = append(errs, fmt.Errorf("curfew: %d rows: %w", len(p.Weekly), ErrTooMany))
		p.Weekly = nil
	}
	if len(p.Permits) > MaxPermits {
		errs = append(errs, fmt.Errorf("curfew: %d permits: %w", len(p.Permits), ErrTooMany))
		p.Permits = nil
	}
	for i, r := range p.Weekly {
		if err := r.check(); err != nil {
			errs = append(errs, &RowError{i, r, err})
			continue
		}
		for k, q := range p.Weekly[:i] {
			if q.check() == nil && q.Place != r.Place && meet(q, r) {
				errs = append(errs, &ConflictError{k, i, q, r})
			}
		}
		t.byDay[r.Day] = append(t.byDay[r.Day], i)
	}
	var leave, excuse []interval
	for i := range p.Permits {
		q := &p.Permits[i]
		if err := q.check(); err != nil {
			errs = append(errs, &PermitError{i, err})
			continue
		}
		from, to, known := q.From.UTC(), q.To.UTC(), q.known().UTC()
		leave = append(leave, interval{later(from, known), to})
		excuse = append(excuse, interval{from, sooner(known, to)})
	}
	t.leave, t.excuse = union(leave), union(excuse)
	if len(errs) > 0 {
		return Schedule{}, errors.Join(errs...)
	}
	return Schedule{t}, nil
}

func (p Plan) clone() Plan {
	p.Weekly, p.Permits = slices.Clone(p.Weekly), slices.Clone(p.Permits)
	for i := range p.Permits {
		q := &p.Permits[i]
		for _, t := range []*time.Time{&q.From, &q.To, &q.ApprovedAt, &q.KnownFrom} {
			if !t.IsZero() {
				*t = t.Round(0)
			}
		}
	}
	return p
}

func (r Row) check() error {
	switch {
	case r.Day < 0 || r.Day > 6:
		return ErrDay
	case r.Start >= minutesADay || r.End >= minutesADay:
		return ErrTimeOfDay
	case r.AllDay && (r.Start != 0 || r.End != 0):
		return ErrAllDayTimes
	case !r.AllDay && r.Start == r.End:
		return ErrEmptyRow
	}
	return nil
}

// meet reports whether two rows have a minute of the week in common, by the
// clock on the wall.
func meet(a, b Row) bool {
	const week = 7 * minutesADay
	d := (int(b.Day)*minutesADay + int(b.Start) - int(a.Day)*minutesADay - int(a.Start) + week) % week
	return d < a.minutes() || week-d < b.minutes()
}

func (p *Permit) check() error {
	switch {
	case !judgeable(p.From) || !judgeable(p.To):
		return ErrInstant
	case !p.From.Before(p.To):
		return ErrEmptyPermit
	case strings.TrimSpace(p.ApprovedBy) == "" || p.ApprovedAt.IsZero():
		return ErrUnapproved
	case p.known().Before(p.ApprovedAt):
		return ErrKnownTooSoon
	}
	return nil
}

// Plan returns a copy of what the schedule was made of.
func (s Schedule) Plan() Plan {
	if s.t == nil {
		return Plan{}
	}
	return s.t.plan.clone()
}

// Location is the zone of the place, UTC for the zero Schedule.
func (s Schedule) Location() *time.Location {
	if s.t == nil {
		return time.UTC
	}
	return s.t.loc
}

// Between yields the obligations that share an instant with [from, to), ordered
// by Start, End and row. It looks at one day after the other as they are asked
// for.
func (s Schedule) Between(from, to time.Time) iter.Seq[Obligation] {
	return func(yield func(Obligation) bool) {
		if s.t == nil || len(s.t.plan.Weekly) == 0 || !from.Before(to) {
			return
		}
		// A row lasts a day, and a clock change an hour or, once, a day: what
		// starts three days before is over.
		y, m, d := from.UTC().AddDate(0, 0, -3).Date()
		day := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		var queue []Obligation
		for {
			// What starts on this day or later starts after ripe: the order
			// of starts is that of local times up to a gap.
			ripe := sooner(day.Add(-reach), to)
			n := 0
			for n < len(queue) && queue[n].Start.Before(ripe) {
				if queue[n].End.After(from) && !yield(queue[n]) {
					return
				}
				n++
			}
			queue = slices.Delete(queue, 0, n)
			if !day.Add(-reach).Before(to) {
				return
			}
			for _, i := range s.t.byDay[day.Weekday()] {
				if o, ok := s.t.on(day, i); ok {
					queue = append(queue, o)
				}
			}
			slices.SortFunc(queue, compareObligations)
			day = day.AddDate(0, 0, 1)
		}
	}
}

func compareObligations(a, b Obligation) int {
	if c := a.Start.Compare(b.Start); c != 0 {
		return c
	}
	if c := a.End.Compare(b.End); c != 0 {
		return c
	}
	return a.Index - b.Index
}

// on returns the obligation of a row that starts on a day; false where a gap
// leaves nothing of it.
func (t *table) on(day time.Time, i int) (Obligation, bool) {
	r := t.plan.Weekly[i]
	o := Obligation{
		Kind: MustBeHome, Row: r, Index: i,
		Start: resolve(t.loc, day, int(r.Start), start),
		End:   resolve(t.loc, day, int(r.Start)+r.minutes(), end),
	}
	return o, o.Start.Before(o.End)
}

// Active reports whether somebody must be home at t: an obligation is under way
// and no known permit. A zone that is active at times asks for it.
func (s Schedule) Active(t time.Time) bool {
	if s.t == nil || s.t.leave.contains(t) {
		return false
	}
	// Far from clock changes the clock on the wall tells all.
	local := t.In(s.t.loc)
	if a, b := local.ZoneBounds(); t.Sub(a) > reach && (b.IsZero() || b.Sub(t) > reach) {
		minute := local.Hour()*60 + local.Minute()
		for _, i := range s.t.byDay[local.Weekday()] {
			r := &s.t.plan.Weekly[i]
			if d := minute - int(r.Start); d >= 0 && d < r.minutes() {
				return true
			}
		}
		for _, i := range s.t.byDay[(local.Weekday()+6)%7] {
			r := &s.t.plan.Weekly[i]
			if minute+minutesADay-int(r.Start) < r.minutes() {
				return true
			}
		}
		return false
	}
	for range s.Between(t, t.Add(tick)) {
		return true
	}
	return false
}

// fortnight is longer than a row can be without an obligation: a week, or two
// if a gap swallows one.
const fortnight = 16 * 24 * time.Hour

// NextChange returns the first instant after t at which Active changes; zero if
// it never does.
func (s Schedule) NextChange(t time.Time) time.Time {
	if s.t == nil || len(s.t.plan.Weekly) == 0 {
		return time.Time{}
	}
	now := s.Active(t)
	horizon := t
	var at []time.Time
	for _, i := range s.t.leave {
		if i.To.After(t) {
			at = append(at, i.From, i.To)
			horizon = i.To
		}
	}
	horizon = horizon.Add(fortnight)
	for a := t; a.Before(horizon); {
		b := sooner(a.Add(fortnight), horizon)
		for o := range s.Between(a, b) {
			at = append(at, o.Start, o.End)
		}
		slices.SortFunc(at, time.Time.Compare)
		for _, x := range at {
			if x.After(t) && !x.Before(a) && x.Before(b) && s.Active(x) != now {
				return x.UTC()
			}
		}
		a = b
	}
	return time.Time{}
}

// required is what an obligation of a row asks for in fact: without known
// permits, without what an earlier one at the same place asks for already, and
// without what another one asks for at another place.
func (s Schedule) required(o Obligation, row string) intervals {
	u := intervals{o.interval()}
	for q := range s.Between(o.Start, o.End) {
		switch {
		case q.Start.Equal(o.Start) && q.Row.String() == row:
		case q.Row.Place != o.Row.Place || compareObligations(q, o) < 0:
			u = u.minus(q.interval())
		}
	}
	if s.t != nil {
		for _, p := range s.t.leave {
			u = u.minus(p)
		}
	}
	return u
}
