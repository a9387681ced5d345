package curfew

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// Plan is what an order says of its times: the input of NewSchedule, and the
// form in which a Schedule is kept as JSON:
//
//	{
//	  "zone": "Europe/Vilnius",
//	  "places": [{"name": "clinic"}, {"name": "second home", "zone": "Europe/Oslo"}],
//	  "weekly": [
//	    {"day": "mon", "start": "19:00", "end": "07:00"},
//	    {"day": "sat", "start": "12:00", "end": "15:00", "kind": "MAY_LEAVE"},
//	    {"day": "sun", "all_day": true, "place": "second home"},
//	    {"day": "wed", "start": "10:00", "end": "12:00", "kind": "MUST_ATTEND", "place": "clinic", "dwell": "30m"}
//	  ],
//	  "calendars": [{"name": "Lithuania", "days": [
//	    {"date": "2026-12-24", "name": "Christmas Eve", "like": "sun"},
//	    {"date": "2026-12-31", "replace": true, "rows": [{"start": "22:00", "end": "09:00"}]}
//	  ]}],
//	  "release": {"date": "2026-03-02", "start": "15:00", "end": "07:00"},
//	  "permits": [{
//	    "id": "p-1", "from": "2026-03-02T19:00:00+02:00", "to": "2026-03-02T22:00:00+02:00",
//	    "place": "evening school", "route": "bus 3", "approved_by": "officer 12",
//	    "approved_at": "2026-02-27T10:15:00+02:00", "reason": "exam"
//	  }],
//	  "suspensions": [{
//	    "from": "2026-05-01T00:00:00+03:00", "approved_by": "officer 12",
//	    "approved_at": "2026-04-30T23:50:00+03:00", "reason": "flood"
//	  }]
//	}
//
// Days are mon, tue, wed, thu, fri, sat and sun. Unknown and repeated names are
// errors. What comes later in this list overrides what comes before: weekly
// rows, the release and the holidays, permits, suspensions.
type Plan struct {
	Zone string `json:"zone"` // IANA name of the zone of places that name none: "Europe/Vilnius"

	// Places, if there are any, lists all that rows may name.
	Places      []Place      `json:"places,omitempty"`
	Weekly      []Row        `json:"weekly,omitempty"`
	Calendars   []Calendar   `json:"calendars,omitempty"`
	Release     *Release     `json:"release,omitempty"`
	Permits     []Permit     `json:"permits,omitempty"`
	Suspensions []Suspension `json:"suspensions,omitempty"`
}

// Bounds of a Plan: far beyond any order, and small enough to judge by.
const (
	MaxPlaces      = 64
	MaxRows        = 7 * 24  // in Plan.Weekly, and in a Holiday
	MaxHolidays    = 64 * 64 // of all calendars together
	MaxPermits     = 4096
	MaxSuspensions = 1024
)

// Place is a name that rows use, and the zone whose clocks hang there.
type Place struct {
	Name string `json:"name"`           // empty: the home of rows that name no place
	Zone string `json:"zone,omitempty"` // IANA name; empty: that of the Plan
}

// Kind is what an obligation asks for.
type Kind uint8

// The kinds. A MAY_LEAVE row lifts MUST_BE_HOME at its place: who must be home
// all day but may leave from 12:00 to 15:00 has a row of each.
const (
	MustBeHome Kind = iota // at the place of the row
	MustBeAway             // not at it
	MustAttend             // at it, for Row.Dwell of the time or all of it
	MayLeave
)

var kinds = [...]string{"MUST_BE_HOME", "MUST_BE_AWAY", "MUST_ATTEND", "MAY_LEAVE"}

// String returns "MUST_BE_HOME", "MUST_BE_AWAY", "MUST_ATTEND" or "MAY_LEAVE".
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k]
	}
	return fmt.Sprintf("kind(%d)", k)
}

// MarshalText writes the form of String.
func (k Kind) MarshalText() ([]byte, error) {
	if int(k) >= len(kinds) {
		return nil, ErrKind
	}
	return []byte(kinds[k]), nil
}

// UnmarshalText reads the form of String.
func (k *Kind) UnmarshalText(b []byte) error {
	i := slices.Index(kinds[:], string(b))
	if i < 0 {
		return fmt.Errorf("%w: %q", ErrKind, b)
	}
	*k = Kind(i)
	return nil
}

// Row is an obligation of every week. It belongs to the day on which it starts:
// Monday 19:00 to 07:00 ends on Tuesday. Monday 00:00 to 00:00 is refused; a
// whole day is AllDay.
type Row struct {
	Day        time.Weekday
	Start, End TimeOfDay // zero where AllDay
	AllDay     bool      // from midnight to midnight
	Place      string    // of several places, which one; empty: the home
	Kind       Kind      // zero: MUST_BE_HOME

	// Dwell is how long one must stay between Start and End to have attended;
	// in full minutes; for MUST_ATTEND only, where zero is all the time.
	Dwell time.Duration
}

// String returns "mon 19:00-07:00" or "sun all day", and the place and kind if
// they are named.
func (r Row) String() string { return dayName(r.Day) + " " + r.hours() }

func (r Row) hours() string {
	s := fmt.Sprintf("%v-%v", r.Start, r.End)
	if r.AllDay {
		s = "all day"
	}
	if r.Place != "" {
		s += " at " + r.Place
	}
	if r.Kind != MustBeHome {
		s += " " + r.Kind.String()
	}
	if r.Dwell != 0 {
		s += " for " + spell(r.Dwell)
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
	case int(r.Kind) >= len(kinds):
		return ErrKind
	case len(r.Place) > maxText:
		return ErrPlace
	case r.Dwell < 0 || r.Dwell%time.Minute != 0 || r.Dwell > 0 && r.Kind != MustAttend || r.Dwell > time.Duration(r.minutes())*time.Minute:
		return ErrDwell
	}
	return nil
}

var dayNames = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func dayName(d time.Weekday) string {
	if d >= 0 && int(d) < len(dayNames) {
		return dayNames[d]
	}
	return fmt.Sprintf("day %d", int(d))
}

// Date is a day of the civil calendar. Its text is "2026-12-24".
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// midnight is the date as an instant of UTC.
func (d Date) midnight() time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
}

func dateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, m, d}
}

func (d Date) valid() bool { return judgeable(d.midnight()) && dateOf(d.midnight()) == d }

// Weekday is the day of the week.
func (d Date) Weekday() time.Weekday { return d.midnight().Weekday() }

// String returns "2026-12-24".
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day) }

// MarshalText writes the form of String.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a date that exists.
func (d *Date) UnmarshalText(b []byte) error {
	t, err := time.Parse(time.DateOnly, string(b))
	if err != nil {
		return fmt.Errorf("%w: %q", ErrDate, b)
	}
	*d = dateOf(t)
	return nil
}

// Calendar is a list of days that differ from the week: public holidays, which a
// program may fill in from a library and an officer then edits, or days of this
// order alone. A day without Replace, Like and Rows changes nothing.
type Calendar struct {
	Name string    `json:"name,omitempty"`
	Days []Holiday `json:"days"`
}

// Holiday is what differs on one date: the rows that start on it. What started
// the day before goes on.
type Holiday struct {
	Date Date
	Name string

	// Replace takes away what is otherwise asked for on this date; without it
	// Rows are added.
	Replace bool

	// Like, in place of Replace, puts the weekly rows of another day of the week
	// in their place: a holiday that is like a Sunday.
	Like em.Opt[time.Weekday]

	// Rows start on the date; their Day is not looked at.
	Rows []Row
}

// Release is the day on which a person is let home. Nothing is asked for before.
// On the day itself the person is home from Start on, until End on the next
// day, whatever the rows of that weekday say; from the next day on they bind.
type Release struct {
	Date  Date      `json:"date"`
	Start TimeOfDay `json:"start"`
	End   TimeOfDay `json:"end"` // on the day after Date
	Place string    `json:"place,omitempty"`
}

func (r *Release) row() Row {
	return Row{Day: r.Date.Weekday(), Start: r.Start, End: r.End, Place: r.Place}
}

// minutes is its length by the clock on the wall.
func (r *Release) minutes() int { return minutesADay + int(r.End) - int(r.Start) }

// Permit lifts obligations once, in [From, To). Minutes from KnownFrom on do not
// count; those before do, and are told as excused: a permit approved after the
// fact is an excuse and no rewrite.
//
// A permit is never edited once it is known: another one that Replaces it, or
// RevokedAt, ends it from then on, so that each minute is judged by what was
// known of it.
type Permit struct {
	ID         string    `json:"id,omitempty"` // what Replaces of another one names
	Kind       Kind      `json:"kind,omitzero"`
	From       time.Time `json:"from"`
	To         time.Time `json:"to"`
	Place      string    `json:"place,omitempty"` // where the person is to go; data for people and zones, not judged here
	Route      string    `json:"route,omitempty"` // and by which way
	ApprovedBy string    `json:"approved_by"`
	ApprovedAt time.Time `json:"approved_at"`
	KnownFrom  time.Time `json:"known_from,omitzero"` // zero: ApprovedAt; never before it
	Reason     string    `json:"reason,omitempty"`

	Replaces  string    `json:"replaces,omitempty"` // ID of the permit that this one takes the place of, from KnownFrom on
	RevokedBy string    `json:"revoked_by,omitempty"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
}

// known is KnownFrom or its default.
func (p *Permit) known() time.Time { return orTime(p.KnownFrom, p.ApprovedAt) }

func (p *Permit) check() error {
	switch {
	case p.To.IsZero() && judgeable(p.From):
		return ErrNoEnd
	case !judgeable(p.From) || !judgeable(p.To):
		return ErrInstant
	case !p.From.Before(p.To):
		return ErrEmptyPermit
	case p.Kind >= MayLeave:
		return ErrKind
	case len(p.Place) > maxText:
		return ErrPlace
	case p.RevokedAt.IsZero() != (p.RevokedBy == ""):
		return ErrRevoked
	case !p.RevokedAt.IsZero() && p.RevokedAt.Before(p.known()):
		return ErrRevoked
	}
	return approved(p.ApprovedBy, p.ApprovedAt, p.known())
}

// Active reports whether the permit holds at t, known by then and not revoked:
// for a zone along its route. It does not know of permits that replace it.
func (p Permit) Active(t time.Time) bool {
	return !t.Before(later(p.From, p.known())) && t.Before(p.To) && (p.RevokedAt.IsZero() || t.Before(p.RevokedAt))
}

// Suspension lifts all obligations in [From, To), in an emergency. Like a permit
// it is an excuse for what it was not yet known.
type Suspension struct {
	From       time.Time `json:"from"`
	To         time.Time `json:"to,omitzero"` // zero: until further notice
	ApprovedBy string    `json:"approved_by"`
	ApprovedAt time.Time `json:"approved_at"`
	KnownFrom  time.Time `json:"known_from,omitzero"` // zero: ApprovedAt; never before it
	Reason     string    `json:"reason,omitempty"`
}

func (s *Suspension) known() time.Time { return orTime(s.KnownFrom, s.ApprovedAt) }

func (s *Suspension) check() error {
	switch {
	case !judgeable(s.From) || !s.To.IsZero() && !judgeable(s.To):
		return ErrInstant
	case !s.To.IsZero() && !s.From.Before(s.To):
		return ErrEmptyPermit
	}
	return approved(s.ApprovedBy, s.ApprovedAt, s.known())
}

func orTime(t, def time.Time) time.Time {
	if t.IsZero() {
		return def
	}
	return t
}

// clone returns a copy that shares nothing with p, with all instants plain.
func (p Plan) clone() Plan {
	plain := func(list ...*time.Time) {
		for _, t := range list {
			*t = t.Round(0)
		}
	}
	p.Places, p.Weekly = slices.Clone(p.Places), slices.Clone(p.Weekly)
	p.Permits, p.Suspensions = slices.Clone(p.Permits), slices.Clone(p.Suspensions)
	p.Calendars = slices.Clone(p.Calendars)
	for i := range p.Calendars {
		c := &p.Calendars[i]
		c.Days = slices.Clone(c.Days)
		for k := range c.Days {
			h := &c.Days[k]
			h.Rows = slices.Clone(h.Rows)
			for m := range h.Rows {
				h.Rows[m].Day = h.Date.Weekday()
			}
		}
	}
	if p.Release != nil {
		r := *p.Release
		p.Release = &r
	}
	for i := range p.Permits {
		q := &p.Permits[i]
		plain(&q.From, &q.To, &q.ApprovedAt, &q.KnownFrom, &q.RevokedAt)
	}
	for i := range p.Suspensions {
		q := &p.Suspensions[i]
		plain(&q.From, &q.To, &q.ApprovedAt, &q.KnownFrom)
	}
	return p
}

// Why an entry of a plan is refused; EntryError wraps them.
var (
	ErrEmptyRow     = errors.New("end equals start; a whole day is all_day")
	ErrAllDayTimes  = errors.New("an all-day row has no start or end")
	ErrDay          = errors.New("no such day")
	ErrTimeOfDay    = errors.New("no such time of day")
	ErrDate         = errors.New("no such date from 2000 to 2199")
	ErrKind         = errors.New("no such kind of obligation here")
	ErrDwell        = errors.New("a dwell is for MUST_ATTEND, in full minutes, and no longer than the row")
	ErrPlace        = errors.New("no such place in places")
	ErrPlaceTwice   = errors.New("the place is named twice")
	ErrInGap        = errors.New("clocks skip all of it")
	ErrLike         = errors.New("a day is like another one or replaced, not both")
	ErrNoEnd        = errors.New("has no end")
	ErrEmptyPermit  = errors.New("ends no later than it begins")
	ErrUnapproved   = errors.New("does not say who approved it and when")
	ErrKnownTooSoon = errors.New("known before it was approved")
	ErrRevoked      = errors.New("is revoked without who and when, or before it was known")
	ErrReplaces     = errors.New("replaces a permit that is not there, or known later, or replaced already")
	ErrCircle       = errors.New("replaces itself in a circle")
	ErrInstant      = errors.New("lies beyond the years 2000 to 2199")

	// ErrTooMany is wrapped by the error about a list beyond its bound; the
	// entry is the first one too many.
	ErrTooMany = errors.New("too many")
)

func approved(by string, at, known time.Time) error {
	switch {
	case strings.TrimSpace(by) == "" || at.IsZero():
		return ErrUnapproved
	case known.Before(at):
		return ErrKnownTooSoon
	}
	return nil
}

// EntryError says what is wrong with an entry of a plan.
type EntryError struct {
	Entry string // where it stands: "weekly[2]", "calendars[0].days[4].rows[1]", "permits[0]", "release"
	Text  string // as it reads: "mon 19:00-07:00"; may be empty
	Err   error  // one of those above
}

func (e *EntryError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("curfew: %s: %v", e.Entry, e.Err)
	}
	return fmt.Sprintf("curfew: %s (%s): %v", e.Entry, e.Text, e.Err)
}

// Unwrap returns Err.
func (e *EntryError) Unwrap() error { return e.Err }

// ConflictError names two entries that cannot both be met: they want the person
// at two places at once, or at a place and away from it. Two entries that both
// replace the rows of one date are one, too.
type ConflictError struct {
	A, B         string // where they stand, as in EntryError
	TextA, TextB string // as they read
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("curfew: %s (%s) and %s (%s) cannot both be met", e.A, e.TextA, e.B, e.TextB)
}

// ZoneError says that a zone is not known. Zones come with the system, or with a
// program that imports time/tzdata.
type ZoneError struct {
	Zone string
	Err  error
}

func (e *ZoneError) Error() string { return fmt.Sprintf("curfew: zone %q: %v", e.Zone, e.Err) }

// Unwrap returns what time.LoadLocation said.
func (e *ZoneError) Unwrap() error { return e.Err }

// The instants that this package judges: whatever a broken clock says, nobody
// walks through a thousand years of nights.
var (
	earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

func judgeable(t time.Time) bool { return !t.Before(earliest) && t.Before(latest) }
