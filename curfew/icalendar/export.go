package icalendar

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-ical"

	"github.com/sargas-em/em/curfew"
)

// ExportOptions say what a plan does not. From and Stamp must be given.
type ExportOptions struct {
	Name string // of the calendar, shown by programs; may be empty

	// UID tells the events apart from those of other calendars: the order's ID
	// and a domain, "order-17@example.org".
	UID string

	// From is the first date, at which weekly rows begin; of releases later than
	// that, theirs. Until is the first date that is no more part of it; zero: the
	// weekly rows go on for ever, and dates are written as far as there are any.
	From, Until curfew.Date

	Stamp time.Time // DTSTAMP: when the calendar was made

	// Summary names what an obligation asks for. Nil: its kind, place and, of a
	// holiday, its name, in English.
	Summary func(curfew.Obligation) string
}

// Export writes the weekly rows, holidays and release of a plan, so that Import
// reads them back as the same obligations. Errors are those of
// curfew.NewSchedule, of w, or say which option is missing.
func Export(w io.Writer, p curfew.Plan, o ExportOptions) error {
	if o.From == (curfew.Date{}) || o.Stamp.IsZero() || o.UID == "" {
		return fmt.Errorf("icalendar: ExportOptions without From, Stamp or UID")
	}
	if o.Summary == nil {
		o.Summary = Summary
	}
	s, err := curfew.NewSchedule(p)
	if err != nil {
		return err
	}
	from := midnight(o.From)
	special := map[curfew.Date]bool{}
	if p.Release != nil {
		if r := midnight(p.Release.Date); r.After(from) {
			from = r
		}
		special[p.Release.Date] = true
	}
	for _, c := range p.Calendars {
		for _, d := range c.Days {
			special[d.Date] = true
		}
	}
	var dates []time.Time
	for d := range special {
		if at := midnight(d); !at.Before(from) && (o.Until == curfew.Date{} || at.Before(midnight(o.Until))) {
			dates = append(dates, at)
		}
	}
	slices.SortFunc(dates, time.Time.Compare)

	cal := newCalendar(o.Name)
	stay := map[string]bool{} // weekly[i] on a date, by "entry date"
	var singles []*ical.Component
	for _, at := range dates {
		for ob := range s.Between(at.Add(-2*day), at.Add(4*day)) {
			if midnight(ob.Date) != at {
				continue
			}
			if ob.Source == curfew.FromWeek && ob.Row.Day == at.Weekday() {
				stay[ob.Entry+" "+ob.Date.String()] = true
				continue
			}
			e := newEvent(fmt.Sprintf("%s-%d-%s", at.Format("20060102"), len(singles), o.UID), o, ob)
			start := at.Add(minutes(ob.Row.Start))
			setTimes(e, start, ob.Wall(), ob.Row.AllDay, s.At(ob.Row.Place))
			singles = append(singles, e)
		}
	}
	for i, r := range p.Weekly {
		entry := fmt.Sprintf("weekly[%d]", i)
		first := from.AddDate(0, 0, (int(r.Day)-int(from.Weekday())+7)%7)
		if o.Until != (curfew.Date{}) && !first.Before(midnight(o.Until)) {
			continue
		}
		e := newEvent(fmt.Sprintf("weekly-%d-%s", i, o.UID), o, curfew.Obligation{Kind: r.Kind, Row: r, Entry: entry, Date: dateOf(first)})
		zone := s.At(r.Place)
		length := wall(r)
		setTimes(e, first.Add(minutes(r.Start)), length, r.AllDay, zone)
		rule := "FREQ=WEEKLY;BYDAY=" + strings.ToUpper(r.Day.String()[:2])
		if o.Until != (curfew.Date{}) {
			last := midnight(o.Until).Add(minutes(r.Start)).AddDate(0, 0, -1)
			if r.AllDay {
				rule += ";UNTIL=" + last.Format("20060102")
			} else {
				rule += ";UNTIL=" + curfew.Resolve(zone, last, true).Format("20060102T150405Z")
			}
		}
		set(e, ical.PropRecurrenceRule, rule)
		for _, at := range dates {
			if at.Weekday() == r.Day && !stay[entry+" "+dateOf(at).String()] {
				add(e, ical.PropExceptionDates, at.Add(minutes(r.Start)), r.AllDay, zone)
			}
		}
		cal.Children = append(cal.Children, e)
	}
	cal.Children = append(cal.Children, singles...)
	cal.Children = append(timezones(cal.Children, from), cal.Children...)
	return encode(w, cal)
}

// ExportObligations writes obligations one by one in UTC, as they were resolved:
// a calendar to look at, in which the nights of a clock change are as long as
// they are. The stamp is DTSTAMP; uid as in ExportOptions.
func ExportObligations(w io.Writer, name, uid string, stamp time.Time, list iter.Seq[curfew.Obligation]) error {
	cal := newCalendar(name)
	o := ExportOptions{Stamp: stamp, Summary: Summary}
	for ob := range list {
		e := newEvent(fmt.Sprintf("%s-%d-%s", ob.Start.UTC().Format("20060102T150405Z"), len(cal.Children), uid), o, ob)
		set(e, ical.PropDateTimeStart, ob.Start.UTC().Format("20060102T150405Z"))
		set(e, ical.PropDateTimeEnd, ob.End.UTC().Format("20060102T150405Z"))
		cal.Children = append(cal.Children, e)
	}
	return encode(w, cal)
}

// Summary names an obligation for a person: "Be home", "Attend at clinic".
func Summary(o curfew.Obligation) string {
	s := [...]string{"Be home", "Be away", "Attend", "May leave"}[min(int(o.Kind), 3)]
	if o.Row.Place != "" {
		s += " at " + o.Row.Place
		if o.Kind == curfew.MustBeHome {
			s = "Be at " + o.Row.Place
		}
	}
	if o.Holiday != "" {
		s += " (" + o.Holiday + ")"
	}
	return s
}

func minutes(t curfew.TimeOfDay) time.Duration { return time.Duration(t) * time.Minute }

// wall is a row's length by the clock on the wall.
func wall(r curfew.Row) time.Duration {
	if d := minutes(r.End) - minutes(r.Start); d > 0 && !r.AllDay {
		return d
	} else {
		return day + d
	}
}

func newCalendar(name string) *ical.Component {
	c := ical.NewCalendar().Component
	set(c, ical.PropVersion, "2.0")
	set(c, ical.PropProductID, "-//sargas-em//em//EN")
	if name != "" {
		p := ical.NewProp("X-WR-CALNAME")
		p.SetText(oneLine(name))
		c.Props.Set(p)
	}
	return c
}

func newEvent(uid string, o ExportOptions, ob curfew.Obligation) *ical.Component {
	e := ical.NewEvent().Component
	text := func(name, v string) {
		p := ical.NewProp(name)
		p.SetText(oneLine(v))
		e.Props.Set(p)
	}
	text(ical.PropUID, uid)
	set(e, ical.PropDateTimeStamp, o.Stamp.UTC().Format("20060102T150405Z"))
	text(ical.PropSummary, o.Summary(ob))
	text(ical.PropCategories, ob.Kind.String())
	if ob.Row.Place != "" {
		text(propPlace, ob.Row.Place)
	}
	if ob.Row.Dwell > 0 {
		set(e, propDwell, fmt.Sprintf("PT%dS", int64(ob.Row.Dwell/time.Second)))
	}
	return e
}

// oneLine takes away what no content line can hold.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

func set(c *ical.Component, name, value string) {
	p := ical.NewProp(name)
	p.Value = value
	c.Props.Set(p)
}

// setTimes writes DTSTART and DTEND.
func setTimes(e *ical.Component, start time.Time, length time.Duration, dates bool, zone *time.Location) {
	add(e, ical.PropDateTimeStart, start, dates, zone)
	add(e, ical.PropDateTimeEnd, start.Add(length), dates, zone)
}

// add adds a property with a local time, or a date.
func add(e *ical.Component, name string, t time.Time, dates bool, zone *time.Location) {
	p := ical.NewProp(name)
	switch {
	case dates:
		p.Params.Set(ical.ParamValue, "DATE")
		p.Value = t.Format("20060102")
	case zone.String() == "UTC":
		p.Value = t.Format("20060102T150405Z")
	default:
		p.Params.Set(ical.PropTimezoneID, zone.String())
		p.Value = t.Format("20060102T150405")
	}
	e.Props.Add(p)
}

// zoneYears is for how long the clock changes of a zone are written: programs
// that know the zone by its name need none of them.
const zoneYears = 10

// timezones returns a VTIMEZONE for each zone that the events name, as RFC 5545
// wants it.
func timezones(events []*ical.Component, from time.Time) []*ical.Component {
	var names []string
	for _, e := range events {
		if id := e.Props.Get(ical.PropDateTimeStart).Params.Get(ical.PropTimezoneID); id != "" && !slices.Contains(names, id) {
			names = append(names, id)
		}
	}
	slices.Sort(names)
	var list []*ical.Component
	for _, name := range names {
		loc, err := time.LoadLocation(name)
		if err != nil { // the schedule was made with it
			continue
		}
		z := ical.NewComponent(ical.CompTimezone)
		set(z, ical.PropTimezoneID, name)
		before := 0
		for t := from.In(loc); ; {
			start, end := t.ZoneBounds()
			abbreviation, offset := t.Zone()
			if start.IsZero() { // never changed
				start = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
				before = offset
			} else {
				_, before = start.Add(-1).In(loc).Zone()
			}
			if !end.IsZero() && !end.After(t) { // of the last day of a leap year after 2037, by Go 1.26
				t = t.AddDate(0, 0, 1)
				continue
			}
			o := ical.NewComponent(ical.CompTimezoneStandard)
			if t.IsDST() {
				o.Name = ical.CompTimezoneDaylight
			}
			set(o, ical.PropDateTimeStart, start.UTC().Add(time.Duration(before)*time.Second).Format("20060102T150405"))
			set(o, ical.PropTimezoneOffsetFrom, utcOffset(before))
			set(o, ical.PropTimezoneOffsetTo, utcOffset(offset))
			set(o, ical.PropTimezoneName, abbreviation)
			z.Children = append(z.Children, o)
			if end.IsZero() || end.After(from.AddDate(zoneYears, 0, 0)) {
				break
			}
			t = end
		}
		list = append(list, z)
	}
	return list
}

// utcOffset writes "+0200".
func utcOffset(seconds int) string {
	sign := '+'
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	s := fmt.Sprintf("%c%02d%02d", sign, seconds/3600, seconds/60%60)
	if seconds%60 != 0 {
		s += fmt.Sprintf("%02d", seconds%60)
	}
	return s
}

// folder folds lines at 75 bytes, between characters. The encoder writes whole
// lines.
type folder struct{ w io.Writer }

func (f folder) Write(b []byte) (int, error) {
	const width = 75
	var out []byte
	rest := b
	room := width
	for len(rest) > room+len("\r\n") {
		n := room
		for n > 1 && !utf8.RuneStart(rest[n]) {
			n--
		}
		out = append(append(out, rest[:n]...), "\r\n "...)
		rest, room = rest[n:], width-1
	}
	if _, err := f.w.Write(append(out, rest...)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// encode writes a calendar; one without events as what it is, which the encoder
// would refuse.
func encode(w io.Writer, cal *ical.Component) error {
	if len(cal.Children) == 0 {
		_, err := io.WriteString(w, "BEGIN:VCALENDAR\r\nPRODID:-//sargas-em//em//EN\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n")
		return err
	}
	if err := ical.NewEncoder(folder{w}).Encode(&ical.Calendar{Component: cal}); err != nil {
		return fmt.Errorf("icalendar: %w", err)
	}
	return nil
}
