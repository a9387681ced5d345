package icalendar

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/emersion/go-ical"

	"github.com/sargas-em/em/curfew"
)

// Options of Import. Zone must be given.
type Options struct {
	// Zone is the IANA name of the zone of the plan: of all places that Places
	// does not list with another, and of floating times and whole days.
	Zone string

	// Places is what rows may name, with their zones, as in curfew.Plan.
	Places []curfew.Place

	// From and Until bound the dates that are read, [From, Until), in the zone of
	// the place. Without a From it is the first date of the calendar; without an
	// Until the last one, and rules that go on for ever must be weekly ones.
	From, Until curfew.Date

	// Zones gives the IANA names of zones that the calendar names otherwise:
	// "FLE Standard Time": "Europe/Vilnius".
	Zones map[string]string

	// Row says what an event asks for, and by returning false that it asks for
	// nothing; of the row only Place, Kind and Dwell are looked at. Nil: the
	// conventions of the package comment.
	Row func(*Event) (row curfew.Row, ok bool, err error)

	// MaxOccurrences bounds how often all events together may occur between
	// their beginning and Until. Default DefaultMaxOccurrences.
	MaxOccurrences int
}

// DefaultMaxOccurrences is enough for ten thousand weekly events of a year, and
// takes about a second.
const DefaultMaxOccurrences = 1_000_000

// Import reads a calendar as a plan. Errors are *Error, or those of r, or of
// curfew.NewSchedule about the plan as a whole.
func Import(r io.Reader, o Options) (curfew.Plan, error) {
	base, err := curfew.NewSchedule(curfew.Plan{Zone: o.Zone, Places: o.Places})
	if err != nil {
		return curfew.Plan{}, err
	}
	cal, lines, err := read(r)
	if err != nil {
		return curfew.Plan{}, err
	}
	x := &importer{o: o, base: base, dated: map[curfew.Date][]entry{}, left: cmp.Or(o.MaxOccurrences, DefaultMaxOccurrences)}
	if x.o.Row == nil {
		x.o.Row = defaultRow
	}
	if err := x.events(cal, lines); err != nil {
		return curfew.Plan{}, err
	}
	if err := x.horizon(); err != nil {
		return curfew.Plan{}, err
	}
	for _, s := range x.series {
		if err := x.expand(s); err != nil {
			return curfew.Plan{}, err
		}
	}
	name := "calendar"
	if p := cal.Props.Get("X-WR-CALNAME"); p != nil && p.Value != "" {
		name = p.Value
	}
	return x.plan(name)
}

// importer turns events into rows.
type importer struct {
	o      Options
	base   curfew.Schedule
	series []*series
	weekly []curfew.Row
	dated  map[curfew.Date][]entry
	from   time.Time // midnights, as instants of UTC
	until  time.Time
	left   int // occurrences
}

// entry is a row of a date.
type entry struct {
	row     curfew.Row
	name    string
	skipped bool // it recurs, and on this date clocks skip all of it: nobody asks for anything
}

// series is an event with the versions of its occurrences.
type series struct {
	*event
	row       curfew.Row
	place     *time.Location
	overrides []*event
	rows      []curfew.Row // of an override, by index
	asks      []bool
	always    bool // it is a weekly rule without end
}

// events reads and groups the events of the calendar.
func (x *importer) events(cal *ical.Component, lines []int) error {
	r := &reader{zones: newZones(cal, x.o.Zones), def: x.base.Location()}
	byUID := map[string]*series{}
	var overrides []*event
	n := 0
	for _, c := range cal.Children {
		if c.Name != ical.CompEvent {
			continue
		}
		e, err := r.event(c, lines[n])
		n++
		if err != nil {
			return err
		}
		if e.replaces != nil {
			overrides = append(overrides, e)
			continue
		}
		if s := byUID[e.UID]; s != nil {
			switch {
			case s.sequence == e.sequence:
				return e.fail(nil, ical.PropUID, fmt.Errorf("%w: in line %d, too", ErrTwice, s.Line))
			case s.sequence < e.sequence:
				s.event = e
			}
			continue
		}
		s := &series{event: e}
		byUID[e.UID] = s
		x.series = append(x.series, s)
	}
	for _, e := range overrides {
		s := byUID[e.UID]
		if s == nil {
			return e.fail(e.replaces.prop, ical.PropRecurrenceID, fmt.Errorf("%w: no event has this UID", ErrNoInstance))
		}
		s.overrides = append(s.overrides, e)
	}
	kept := x.series[:0]
	for _, s := range x.series {
		ok, err := x.ask(s)
		if err != nil {
			return err
		}
		if ok {
			kept = append(kept, s)
		}
	}
	x.series = kept
	return nil
}

// ask finds out what a series asks for.
func (x *importer) ask(s *series) (bool, error) {
	if s.deleted {
		return false, nil
	}
	row, ok, err := x.o.Row(&s.Event)
	if err != nil {
		return false, s.fail(nil, "", err)
	}
	s.row, s.place = row, x.base.At(row.Place)
	any := ok
	for _, o := range s.overrides {
		row, is, err := x.o.Row(&o.Event)
		if err != nil {
			return false, o.fail(nil, "", err)
		}
		s.rows, s.asks = append(s.rows, row), append(s.asks, is && !o.deleted)
		any = any || is
	}
	if !ok && any {
		return false, s.fail(nil, "", fmt.Errorf("%w: only some of its occurrences ask for something", ErrUnsupported))
	}
	return ok, nil
}

const day = 24 * time.Hour

func midnight(d curfew.Date) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
}

func dateOf(t time.Time) curfew.Date {
	y, m, d := t.Date()
	return curfew.Date{Year: y, Month: m, Day: d}
}

// horizon settles between which dates is read, and which rules are weekly ones.
func (x *importer) horizon() error {
	first, last := time.Time{}, time.Time{}
	see := func(t time.Time) {
		t = t.Truncate(day)
		if first.IsZero() || t.Before(first) {
			first = t
		}
		if t.After(last) {
			last = t
		}
	}
	for _, s := range x.series {
		see(s.start.in(s.place))
		for _, l := range [][]exception{s.rdates, s.exdates} {
			for _, v := range l {
				see(v.in(s.place))
			}
		}
		for _, o := range s.overrides {
			see(o.start.in(s.place))
			see(o.replaces.in(s.place))
		}
	}
	if x.from = first; x.o.From != (curfew.Date{}) {
		x.from = midnight(x.o.From)
	}
	open := x.o.Until == (curfew.Date{})
	if !open {
		x.until = midnight(x.o.Until)
		if !x.from.Before(x.until) {
			return fmt.Errorf("icalendar: Options.Until %v is not after %v", x.o.Until, dateOf(x.from))
		}
	}
	for _, s := range x.series {
		if s.rule == nil {
			continue
		}
		// A rule that outlasts what is read is as good as one without end.
		forever := s.rule.endless || !open && !s.rule.opt.Until.IsZero() && s.rule.opt.Until.After(x.until.Add(2*day))
		_, weekly := s.rule.weekdays(s.start.wall)
		s.always = forever && weekly && s.zone(s.place).String() == s.place.String()
		if open && s.rule.endless && !s.always {
			return s.fail(s.ruleProp, ical.PropRecurrenceRule, ErrHorizon)
		}
		if !s.rule.opt.Until.IsZero() {
			see(s.rule.opt.Until)
		}
	}
	if open {
		// What ends by COUNT ends somewhere: expand tells, as far as the years go.
		for _, s := range x.series {
			if s.rule == nil || s.rule.opt.Count == 0 {
				continue
			}
			err := s.rule.expand(s.start.wall, time.Date(2199, 12, 31, 0, 0, 0, 0, time.UTC), func(t time.Time) bool {
				see(t)
				x.left--
				return x.left >= 0
			})
			if err != nil {
				return s.fail(s.ruleProp, ical.PropRecurrenceRule, err)
			}
		}
		x.until = last.Add(maxDuration + 2*day)
	}
	return nil
}

// expand puts the rows of a series on their dates.
func (x *importer) expand(s *series) error {
	zone := s.zone(s.place)
	if s.always {
		days, _ := s.rule.weekdays(s.start.wall)
		for _, d := range days {
			// Any week does: the rows are by the clock on the wall.
			at := s.start.wall.Add(time.Duration((int(d)-int(s.start.wall.Weekday())+7)%7) * day)
			for _, e := range rows(at, s.length, s.start.date, s.row, "") {
				if !slices.Contains(x.weekly, e.row) {
					x.weekly = append(x.weekly, e.row)
				}
			}
		}
	}
	occ := map[time.Time]time.Duration{} // by start on the event's clock: length
	add := func(t time.Time, length time.Duration) error {
		if x.left--; x.left < 0 {
			return s.fail(s.ruleProp, "", fmt.Errorf("%w: more than %d occurrences up to here", ErrTooLarge, cmp.Or(x.o.MaxOccurrences, DefaultMaxOccurrences)))
		}
		occ[t] = length
		return nil
	}
	if s.rule == nil {
		if err := add(s.start.wall, s.length); err != nil {
			return err
		}
	} else {
		var first time.Time
		var full error
		err := s.rule.expand(s.start.wall, x.until.Add(2*day), func(t time.Time) bool {
			if first.IsZero() {
				first = t
			}
			full = add(t, s.length)
			return full == nil
		})
		switch {
		case err != nil:
			return s.fail(s.ruleProp, ical.PropRecurrenceRule, err)
		case full != nil:
			return full
		case first.IsZero() && !x.until.Add(2*day).Before(s.start.wall):
			return s.fail(s.ruleProp, ical.PropRecurrenceRule, ErrNever)
		case !first.IsZero() && !first.Equal(s.start.wall):
			return s.fail(s.ruleProp, ical.PropRecurrenceRule, fmt.Errorf("%w: it first gives %s", ErrStart, first.Format("2006-01-02 15:04")))
		}
	}
	for _, v := range s.rdates {
		if err := add(v.in(zone), cmp.Or(v.length, s.length)); err != nil {
			return err
		}
	}
	// find is the occurrence at a moment: the one that starts at that local time,
	// or at that instant.
	find := func(v exception) (time.Time, bool) {
		at := v.in(zone)
		if _, ok := occ[at]; ok {
			return at, true
		}
		if v.zone == nil {
			return at, false
		}
		// What clocks skip is shown shifted by the gap.
		instant := curfew.Resolve(v.zone, v.wall, false)
		for _, gap := range [...]time.Duration{time.Hour, 30 * time.Minute, 2 * time.Hour} {
			t := at.Add(-gap)
			if _, ok := occ[t]; ok && curfew.Resolve(zone, t, false).Equal(instant) {
				return t, true
			}
		}
		return at, false
	}
	beyond := func(t time.Time) bool { return !t.Before(x.until) }
	for _, v := range s.exdates {
		t, ok := find(v)
		if !ok && !beyond(t) {
			return s.fail(v.prop, v.prop.Name, fmt.Errorf("%w: %s", ErrNoInstance, v.wall.Format("2006-01-02 15:04")))
		}
		delete(occ, t)
	}
	for i, o := range s.overrides {
		t, ok := find(*o.replaces)
		if !ok && !beyond(t) {
			return o.fail(o.replaces.prop, ical.PropRecurrenceID, fmt.Errorf("%w: %s", ErrNoInstance, o.replaces.wall.Format("2006-01-02 15:04")))
		}
		delete(occ, t)
		if ok && s.asks[i] {
			if err := x.put(o, o.start.wall, o.length, s.rows[i]); err != nil {
				return err
			}
		}
	}
	for _, t := range slices.SortedFunc(maps.Keys(occ), time.Time.Compare) {
		if err := x.put(s.event, t, occ[t], s.row); err != nil {
			return err
		}
	}
	return nil
}

// put puts one occurrence on its dates, in the local time of its place.
func (x *importer) put(e *event, start time.Time, length time.Duration, row curfew.Row) error {
	place := x.base.At(row.Place)
	zone := e.zone(place)
	end := start.Add(length)
	if !e.start.date && zone.String() != place.String() {
		from, to := curfew.Resolve(zone, start, false), curfew.Resolve(zone, end, true)
		start, end = wallOf(from.In(place)), wallOf(to.In(place))
		if !curfew.Resolve(place, start, false).Equal(from) || !curfew.Resolve(place, end, true).Equal(to) {
			return e.fail(nil, "", fmt.Errorf("%w: %s to %s", ErrRepeated, start.Format("2006-01-02 15:04"), end.Format("2006-01-02 15:04")))
		}
	}
	for _, r := range rows(start, end.Sub(start), e.start.date, row, e.Summary) {
		at := midnight(r.date)
		if at.Before(x.from) || !at.Before(x.until) {
			continue
		}
		if list := x.dated[r.date]; !slices.ContainsFunc(list, func(o entry) bool { return o.row == r.row }) {
			r.skipped = e.rule != nil && r.inGap(place)
			x.dated[r.date] = append(list, r.entry)
		}
	}
	return nil
}

type datedRow struct {
	date curfew.Date
	entry
}

// inGap reports whether clocks skip all of a row.
func (r *datedRow) inGap(place *time.Location) bool {
	from, to := midnight(r.date), midnight(r.date).Add(day)
	if !r.row.AllDay {
		from, to = from.Add(time.Duration(r.row.Start)*time.Minute), midnight(r.date).Add(time.Duration(r.row.End)*time.Minute)
		if !from.Before(to) {
			to = to.Add(day)
		}
	}
	return !curfew.Resolve(place, from, false).Before(curfew.Resolve(place, to, true))
}

// rows cuts an occurrence into rows: one, or one for each date where it lasts
// longer than a row can.
func rows(start time.Time, length time.Duration, dates bool, like curfew.Row, name string) []datedRow {
	var list []datedRow
	put := func(from, to time.Time) {
		r := curfew.Row{Day: from.Weekday(), Place: like.Place, Kind: like.Kind, Dwell: like.Dwell}
		midnight := from.Truncate(day)
		if from.Equal(midnight) && to.Sub(from) == day {
			r.AllDay = true
		} else {
			r.Start = curfew.TimeOfDay(from.Sub(midnight) / time.Minute)
			r.End = curfew.TimeOfDay(to.Sub(to.Truncate(day)) / time.Minute)
		}
		list = append(list, datedRow{dateOf(from), entry{row: r, name: name}})
	}
	end := start.Add(length)
	if length < day || length == day && start.Equal(start.Truncate(day)) {
		put(start, end)
		return list
	}
	for at := start; at.Before(end); {
		next := at.Truncate(day).Add(day)
		if next.After(end) {
			next = end
		}
		put(at, next)
		at = next
	}
	return list
}

// plan compares the dates with the week.
func (x *importer) plan(name string) (curfew.Plan, error) {
	p := curfew.Plan{Zone: x.o.Zone, Places: x.o.Places, Weekly: x.weekly}
	byDay := [7][]curfew.Row{}
	for _, r := range x.weekly {
		byDay[r.Day] = append(byDay[r.Day], r)
	}
	dates := slices.Collect(maps.Keys(x.dated))
	if len(x.weekly) > 0 {
		dates = dates[:0]
		for at := x.from; at.Before(x.until); at = at.Add(day) {
			dates = append(dates, dateOf(at))
		}
	}
	slices.SortFunc(dates, func(a, b curfew.Date) int { return midnight(a).Compare(midnight(b)) })
	var c curfew.Calendar
	for _, d := range dates {
		h := curfew.Holiday{Date: d}
		kept := 0
		for _, e := range x.dated[d] {
			if slices.Contains(byDay[d.Weekday()], e.row) {
				kept++
				continue
			}
			if e.skipped {
				continue
			}
			h.Rows = append(h.Rows, e.row)
			if h.Name == "" {
				h.Name = e.name
			}
		}
		if kept < len(byDay[d.Weekday()]) {
			h.Replace, h.Rows = true, nil
			for _, e := range x.dated[d] {
				if !e.skipped {
					h.Rows = append(h.Rows, e.row)
				}
			}
		}
		if h.Replace || len(h.Rows) > 0 {
			c.Days = append(c.Days, h)
		}
	}
	if len(c.Days) > 0 {
		c.Name = name
		p.Calendars = []curfew.Calendar{c}
	}
	if _, err := curfew.NewSchedule(p); err != nil {
		return curfew.Plan{}, fmt.Errorf("icalendar: as a plan: %w", err)
	}
	return p, nil
}
