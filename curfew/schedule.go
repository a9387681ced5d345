package curfew

import (
	"iter"
	"slices"
	"strings"
	"time"
)

// Source says which part of a plan asks for an obligation.
type Source uint8

// The sources.
const (
	FromWeek    Source = iota // Plan.Weekly; on a holiday that is like a Sunday, its row
	FromHoliday               // Holiday.Rows
	FromRelease               // Plan.Release
)

// Obligation is one night, or day, of a row, [Start, End) in UTC. Permits and
// suspensions are not cut out of it, nor is what a MAY_LEAVE row allows.
type Obligation struct {
	Kind       Kind
	Source     Source
	Row        Row    // of a release, what Release.Start and End say
	Entry      string // where it stands in the Plan: "weekly[2]"
	Holiday    string // name of the holiday that asks for it; on which it is like another day, too
	Date       Date   // on which it starts, by the clock on the wall
	Start, End time.Time

	wall int // minutes
}

// Duration is its actual length: of 22:00 to 06:00 in Vilnius 9 hours on 24
// October 2026.
func (o Obligation) Duration() time.Duration { return o.End.Sub(o.Start) }

// Wall is its length by the clock on the wall: of 22:00 to 06:00, 8 hours. It
// differs from Duration where clocks change.
func (o Obligation) Wall() time.Duration { return time.Duration(o.wall) * time.Minute }

// String returns "mon 19:00-07:00" for a weekly row, and with the date where
// something else asks for it: "2026-12-24 20:00-09:00 (Christmas Eve)",
// "release 2026-03-02 15:00-07:00".
func (o Obligation) String() string {
	var s string
	switch o.Source {
	case FromWeek:
		if s = o.Row.String(); o.Row.Day != o.Date.Weekday() {
			s = o.Date.String() + " as " + s
		}
	case FromHoliday:
		s = o.Date.String() + " " + o.Row.hours()
	default:
		s = "release " + o.Date.String() + " " + o.Row.hours()
	}
	if o.Holiday != "" {
		s += " (" + o.Holiday + ")"
	}
	return s
}

func (o Obligation) interval() interval { return interval{o.Start, o.End} }

// Schedule is a Plan that was found to make sense: when a person must be where.
// It is immutable, and safe for concurrent use. The zero Schedule asks for
// nothing.
type Schedule struct {
	t *table
}

// table is a plan laid out for expansion.
type table struct {
	plan    Plan
	zones   []*time.Location // of the plan and its places, each once; the plan's is the first
	byDay   [7][]duty        // that start on a weekday
	special map[int][]duty   // in their place, by day number
	last    int              // the last day of special or the release
	lift    [MayLeave]lift   // by kind
}

// lift is when permits and suspensions lift the obligations of a kind: known at
// the time, and not yet known.
type lift struct {
	leave, excuse intervals
}

// duty is one obligation of a day.
type duty struct {
	row     Row
	source  Source
	entry   string
	holiday string
	minutes int
	zone    int // in table.zones
}

// dayNumber numbers the dates.
func dayNumber(t time.Time) int { return int(t.Unix() / (24 * 3600)) }

// on returns what starts on a day, given as its midnight in UTC.
func (t *table) on(day time.Time) []duty {
	n := dayNumber(day)
	if r := t.plan.Release; r != nil && n < dayNumber(r.Date.midnight()) {
		return nil
	}
	if list, ok := t.special[n]; ok {
		return list
	}
	return t.byDay[day.Weekday()]
}

// Plan returns a copy of what the schedule was made of.
func (s Schedule) Plan() Plan {
	if s.t == nil {
		return Plan{}
	}
	return s.t.plan.clone()
}

// Location is the zone of the plan, UTC for the zero Schedule.
func (s Schedule) Location() *time.Location {
	if s.t == nil {
		return time.UTC
	}
	return s.t.zones[0]
}

// At is the zone of a place.
func (s Schedule) At(place string) *time.Location {
	if s.t == nil {
		return time.UTC
	}
	return s.t.zones[s.t.zoneOf(place)]
}

func (t *table) zoneOf(place string) int {
	for _, p := range t.plan.Places {
		if p.Name == place && p.Zone != "" {
			return slices.IndexFunc(t.zones, func(l *time.Location) bool { return l.String() == p.Zone })
		}
	}
	return 0
}

// Asks reports whether some row, at any time, asks for a kind of obligation at a
// place.
func (s Schedule) Asks(k Kind, place string) bool {
	for d := range s.duties() {
		if d.row.Kind == k && d.row.Place == place {
			return true
		}
	}
	return false
}

// Places lists the places that rows name, each once and in order; of an order
// each needs an evaluator of its own.
func (s Schedule) Places() []string {
	var list []string
	for d := range s.duties() {
		list = append(list, d.row.Place)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (s Schedule) duties() iter.Seq[*duty] {
	return func(yield func(*duty) bool) {
		if s.t == nil {
			return
		}
		for i := range s.t.byDay {
			for k := range s.t.byDay[i] {
				if !yield(&s.t.byDay[i][k]) {
					return
				}
			}
		}
		for _, list := range s.t.special {
			for k := range list {
				if !yield(&list[k]) {
					return
				}
			}
		}
	}
}

// empty reports that nothing is ever asked for.
func (s Schedule) empty() bool {
	for range s.duties() {
		return false
	}
	return true
}

// Between yields the obligations that share an instant with [from, to), ordered
// by Start, End and entry. It looks at one day after the other as they are asked
// for.
func (s Schedule) Between(from, to time.Time) iter.Seq[Obligation] {
	return func(yield func(Obligation) bool) {
		if s.empty() || !from.Before(to) {
			return
		}
		t := s.t
		clocks := make([]clock, len(t.zones))
		for i, l := range t.zones {
			clocks[i].loc = l
		}
		// A row lasts a day, a release two, and a clock change an hour or, once, a
		// day: what starts four days before is over.
		day := midnight(from).AddDate(0, 0, -4)
		var queue []Obligation
		for {
			// What starts on this day or later starts after ripe: the order of
			// starts is that of local times up to a gap, and up to zones.
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
			list := t.on(day)
			for i := range list {
				if o := list[i].starting(day, clocks); o.Start.Before(o.End) {
					queue = append(queue, o)
				}
			}
			if len(list) > 0 {
				slices.SortFunc(queue, compareObligations)
			}
			day = day.Add(24 * time.Hour)
		}
	}
}

// midnight is the midnight of UTC at or before t.
func midnight(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// starting is the obligation of a duty that starts on a day; of no length where
// a gap leaves nothing of it.
func (d *duty) starting(day time.Time, clocks []clock) Obligation {
	c := &clocks[d.zone]
	first := day.Add(time.Duration(d.row.Start) * time.Minute)
	return Obligation{
		Kind: d.row.Kind, Source: d.source, Row: d.row, Entry: d.entry, Holiday: d.holiday, Date: dateOf(day), wall: d.minutes,
		Start: c.resolve(first, start), End: c.resolve(first.Add(time.Duration(d.minutes)*time.Minute), end),
	}
}

func compareObligations(a, b Obligation) int {
	if c := a.Start.Compare(b.Start); c != 0 {
		return c
	}
	if c := a.End.Compare(b.End); c != 0 {
		return c
	}
	if c := int(a.Source) - int(b.Source); c != 0 {
		return c
	}
	if c := len(a.Entry) - len(b.Entry); c != 0 { // weekly[9] before weekly[10]
		return c
	}
	return strings.Compare(a.Entry, b.Entry)
}

// ClockChanges yields the obligations of Between that last longer or shorter
// than the clock on the wall says: what wearer and officer are to be told
// beforehand. MAY_LEAVE is none.
func (s Schedule) ClockChanges(from, to time.Time) iter.Seq[Obligation] {
	return func(yield func(Obligation) bool) {
		for o := range s.Between(from, to) {
			if o.Kind != MayLeave && o.Duration() != o.Wall() && !yield(o) {
				return
			}
		}
	}
}

// Active reports whether somebody must be home at t, at whatever place: a
// MUST_BE_HOME obligation is under way, and no MAY_LEAVE row, known permit or
// suspension lifts it. A zone that is active at times asks for it.
func (s Schedule) Active(t time.Time) bool {
	if s.t == nil || s.t.lift[MustBeHome].leave.contains(t) {
		return false
	}
	// Far from clock changes the clock on the wall tells all.
	for _, loc := range s.t.zones {
		if a, b := zoneBounds(t.In(loc)); !a.IsZero() && t.Sub(a) <= reach || !b.IsZero() && b.Sub(t) <= reach {
			return active(slices.Collect(s.Between(t, t.Add(tick))))
		}
	}
	var now []Obligation
	for zone, loc := range s.t.zones {
		y, m, d := t.In(loc).Date()
		today := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		minute := t.In(loc).Hour()*60 + t.In(loc).Minute()
		for back := range 2 {
			for _, d := range s.t.on(today.AddDate(0, 0, -back)) {
				if at := minute + back*minutesADay - int(d.row.Start); d.zone == zone && at >= 0 && at < d.minutes {
					now = append(now, Obligation{Kind: d.row.Kind, Row: d.row})
				}
			}
		}
	}
	return active(now)
}

// active reports whether one of the obligations of an instant is to be home, and
// none lifts it.
func active(now []Obligation) bool {
	return slices.ContainsFunc(now, func(o Obligation) bool {
		return o.Kind == MustBeHome && !slices.ContainsFunc(now, func(q Obligation) bool {
			return q.Kind == MayLeave && q.Row.Place == o.Row.Place
		})
	})
}

// fortnight is longer than a weekly row can be without an obligation: a week, or
// two if a gap swallows one.
const fortnight = 16 * 24 * time.Hour

// horizon is an instant after t by which there is an obligation, if there is
// ever one.
func (s Schedule) horizon(at time.Time) time.Time {
	if s.t != nil {
		at = later(at, time.Unix(int64(s.t.last)*24*3600, 0).UTC())
	}
	return at.Add(fortnight)
}

// NextChange returns the first instant after t at which Active changes; zero if
// it never does.
func (s Schedule) NextChange(t time.Time) time.Time {
	if s.empty() {
		return time.Time{}
	}
	now := s.Active(t)
	horizon := s.horizon(t)
	var at []time.Time
	for _, i := range s.t.lift[MustBeHome].leave {
		if i.To.After(t) {
			at = append(at, i.From, i.To)
			if i.To.Before(latest) {
				horizon = later(horizon, i.To.Add(fortnight))
			} else {
				horizon = later(horizon, i.From.Add(fortnight))
			}
		}
	}
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

// required is what an obligation asks for in fact: without what permits and
// suspensions lift, or MAY_LEAVE, without what an earlier one of the kind at the
// same place asks for already, and without what another one asks for that cannot
// be met at the same time. NewSchedule refuses the last but for the hour that
// clocks repeat, and for suspended zones' changes: there it counts against
// neither.
func (s Schedule) required(o Obligation) intervals {
	u := intervals{o.interval()}
	name := o.String()
	for q := range s.Between(o.Start, o.End) {
		switch {
		case q.Start.Equal(o.Start) && q.Kind == o.Kind && q.String() == name:
		case q.Kind == MayLeave && o.Kind == MustBeHome && q.Row.Place == o.Row.Place,
			q.Kind == o.Kind && q.Row.Place == o.Row.Place && compareObligations(q, o) < 0:
			u = u.minus(q.interval())
		case clash(q.Row, o.Row):
			for _, i := range s.lifted(q) {
				u = u.minus(i)
			}
		}
	}
	if s.t != nil && o.Kind < MayLeave {
		for _, p := range s.t.lift[o.Kind].leave {
			u = u.minus(p)
		}
	}
	return u
}

// lifted is what MAY_LEAVE leaves of an obligation.
func (s Schedule) lifted(o Obligation) intervals {
	u := intervals{o.interval()}
	if o.Kind == MustBeHome {
		for q := range s.Between(o.Start, o.End) {
			if q.Kind == MayLeave && q.Row.Place == o.Row.Place {
				u = u.minus(q.interval())
			}
		}
	}
	return u
}

// clash reports whether two rows cannot both be met at one instant: they want
// the person at two places, or at a place and away from it, or attending twice.
func clash(a, b Row) bool {
	switch {
	case a.Kind == MayLeave || b.Kind == MayLeave:
		return false
	case a.Kind == MustBeAway || b.Kind == MustBeAway:
		return a.Kind != b.Kind && a.Place == b.Place
	}
	return a.Place != b.Place || a.Kind == MustAttend && b.Kind == MustAttend
}
