package icalendar

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-ical"

	"github.com/sargas-em/em/curfew"
)

// Event is what Options.Row is told of an event of a calendar.
type Event struct {
	Line       int // on which it begins
	UID        string
	Summary    string
	Location   string
	Categories []string

	comp *ical.Component
}

// Property is the text of another property of the event, such as "X-EM-PLACE";
// empty where it is not there.
func (e *Event) Property(name string) string {
	p := e.comp.Props.Get(strings.ToUpper(name))
	if p == nil {
		return ""
	}
	if s, err := p.Text(); err == nil {
		return s
	}
	return p.Value
}

// The properties of our own.
const (
	propPlace = "X-EM-PLACE"
	propDwell = "X-EM-DWELL"
)

// defaultRow reads the conventions of the package comment.
func defaultRow(e *Event) (curfew.Row, bool, error) {
	row := curfew.Row{Place: e.Property(propPlace)}
	for _, c := range e.Categories {
		var k curfew.Kind
		if k.UnmarshalText([]byte(strings.ToUpper(strings.TrimSpace(c)))) == nil {
			row.Kind = k
		}
	}
	if p := e.comp.Props.Get(propDwell); p != nil {
		d, err := parseDuration(p.Value)
		if err != nil {
			return row, false, &Error{Line: lineOf(p), Component: ical.CompEvent, UID: e.UID, Property: propDwell, Err: err}
		}
		row.Dwell = d
	}
	return row, true, nil
}

// event is one VEVENT, understood.
type event struct {
	Event
	start    moment
	length   time.Duration // by the clock on the wall
	rule     *recurrence
	ruleProp *ical.Prop
	rdates   []exception
	exdates  []exception
	replaces *exception // RECURRENCE-ID
	sequence int
	deleted  bool // STATUS:CANCELLED
}

// exception is one time of an RDATE, EXDATE or RECURRENCE-ID.
type exception struct {
	moment
	length time.Duration // of an RDATE with a period; zero: that of the event
	prop   *ical.Prop
}

// reader reads the events of a calendar.
type reader struct {
	zones *zones
	def   *time.Location // for floating times
}

// fail is an error about a property, which may be nil.
func (e *event) fail(p *ical.Prop, name string, err error) error {
	var done *Error
	if errors.As(err, &done) {
		return err
	}
	v := &Error{Line: e.Line, Component: ical.CompEvent, UID: e.UID, Property: name, Err: err}
	if p != nil {
		v.Line = lineOf(p)
	}
	return v
}

// once returns a property that may come once; nil where it does not.
func (e *event) once(name string) (*ical.Prop, error) {
	list := e.comp.Props[name]
	switch len(list) {
	case 0:
		return nil, nil
	case 1:
		return &list[0], nil
	}
	return nil, e.fail(&list[1], name, ErrTwice)
}

func (r *reader) event(c *ical.Component, line int) (*event, error) {
	e := &event{Event: Event{Line: line, comp: c}}
	text := func(name string, v *string) error {
		p, err := e.once(name)
		if p == nil || err != nil {
			return err
		}
		if *v, err = p.Text(); err != nil {
			*v = p.Value // what is for people may be written wrongly
		}
		return nil
	}
	for _, f := range []struct {
		name string
		v    *string
	}{{ical.PropUID, &e.UID}, {ical.PropSummary, &e.Summary}, {ical.PropLocation, &e.Location}} {
		if err := text(f.name, f.v); err != nil {
			return nil, err
		}
	}
	if e.UID == "" {
		return nil, e.fail(nil, ical.PropUID, ErrMissing)
	}
	for i := range c.Props[ical.PropCategories] {
		p := &c.Props[ical.PropCategories][i]
		list, err := p.TextList()
		if err != nil {
			return nil, e.fail(p, ical.PropCategories, fmt.Errorf("%w: %w", ErrValue, err))
		}
		e.Categories = append(e.Categories, list...)
	}
	for _, name := range []string{"EXRULE"} {
		if p := c.Props.Get(name); p != nil {
			return nil, e.fail(p, name, ErrUnsupported)
		}
	}
	if p, err := e.once(ical.PropStatus); err != nil {
		return nil, err
	} else if p != nil {
		e.deleted = strings.EqualFold(p.Value, "CANCELLED")
	}
	if p, err := e.once(ical.PropSequence); err != nil {
		return nil, err
	} else if p != nil {
		if e.sequence, err = strconv.Atoi(p.Value); err != nil || e.sequence < 0 {
			return nil, e.fail(p, p.Name, fmt.Errorf("%w: %.20q", ErrValue, p.Value))
		}
	}
	if err := r.times(e); err != nil {
		return nil, err
	}
	return e, r.recurrences(e)
}

// times reads when the event starts, and how long it lasts.
func (r *reader) times(e *event) error {
	p, err := e.once(ical.PropDateTimeStart)
	switch {
	case err != nil:
		return err
	case p == nil:
		return e.fail(nil, ical.PropDateTimeStart, ErrMissing)
	}
	if e.start, err = r.zones.moment(p); err != nil {
		return e.fail(p, p.Name, err)
	}
	if err := e.whole(p, e.start.wall); err != nil {
		return err
	}
	end, err := e.once(ical.PropDateTimeEnd)
	if err != nil {
		return err
	}
	dur, err := e.once(ical.PropDuration)
	switch {
	case err != nil:
		return err
	case end != nil && dur != nil:
		return e.fail(dur, dur.Name, fmt.Errorf("%w: DTEND is there already", ErrTwice))
	case end != nil:
		m, err := r.zones.moment(end)
		if err == nil && m.date != e.start.date {
			err = fmt.Errorf("%w: one of DTSTART and DTEND is a date, the other has a time", ErrValue)
		}
		if err == nil && (m.zone == nil) != (e.start.zone == nil) {
			err = fmt.Errorf("%w: one of DTSTART and DTEND is floating, the other is not", ErrValue)
		}
		if err != nil {
			return e.fail(end, end.Name, err)
		}
		e.length = m.in(e.start.zone).Sub(e.start.wall)
		if e.length <= 0 || e.length > maxDuration {
			return e.fail(end, end.Name, fmt.Errorf("%w: it is %v after DTSTART", ErrRange, e.length))
		}
		return e.whole(end, m.wall)
	case dur != nil:
		if e.length, err = parseDuration(dur.Value); err != nil {
			return e.fail(dur, dur.Name, err)
		}
		if e.start.date && e.length%(24*time.Hour) != 0 {
			return e.fail(dur, dur.Name, fmt.Errorf("%w: %s from a date on", ErrValue, dur.Value))
		}
		return e.whole(dur, e.start.wall.Add(e.length))
	case e.start.date:
		e.length = 24 * time.Hour
		return nil
	}
	return e.fail(nil, ical.PropDateTimeEnd, ErrMissing)
}

func (e *event) whole(p *ical.Prop, t time.Time) error {
	if !t.Truncate(time.Minute).Equal(t) {
		return e.fail(p, p.Name, ErrSeconds)
	}
	return nil
}

// zone is that of the event; def where it is floating.
func (e *event) zone(def *time.Location) *time.Location {
	if e.start.zone == nil {
		return def
	}
	return e.start.zone
}

// recurrences reads RRULE, RDATE, EXDATE and RECURRENCE-ID.
func (r *reader) recurrences(e *event) error {
	props := e.comp.Props
	p, err := e.once(ical.PropRecurrenceRule)
	if err != nil {
		return err
	}
	if p != nil {
		rule, err := parseRule(p.Value, e.zone(r.def))
		if err == nil {
			err = rule.daily()
		}
		if err != nil {
			return e.fail(p, p.Name, err)
		}
		e.rule, e.ruleProp = &rule, p
	}
	for _, list := range []struct {
		name string
		to   *[]exception
	}{{ical.PropRecurrenceDates, &e.rdates}, {ical.PropExceptionDates, &e.exdates}} {
		for i := range props[list.name] {
			p := &props[list.name][i]
			x, err := r.exceptions(p, e.start.date)
			if err != nil {
				return e.fail(p, p.Name, err)
			}
			for _, v := range x {
				if err := e.whole(p, v.wall.Add(v.length)); err != nil {
					return err
				}
			}
			*list.to = append(*list.to, x...)
		}
	}
	if p, err = e.once(ical.PropRecurrenceID); p == nil || err != nil {
		return err
	}
	if p.Params.Get("RANGE") != "" {
		return e.fail(p, p.Name, fmt.Errorf("%w: RANGE", ErrUnsupported))
	}
	if e.rule != nil || len(e.rdates)+len(e.exdates) > 0 {
		return e.fail(p, p.Name, fmt.Errorf("%w: an occurrence that recurs itself", ErrUnsupported))
	}
	m, err := r.zones.moment(p)
	if err != nil {
		return e.fail(p, p.Name, err)
	}
	e.replaces = &exception{m, 0, p}
	return nil
}

// maxExceptions bounds the times of one property.
const maxExceptions = 8192

// exceptions reads the times of an RDATE or EXDATE, all in the zone of its own
// TZID.
func (r *reader) exceptions(p *ical.Prop, dates bool) ([]exception, error) {
	l, err := r.zones.of(p)
	if err != nil {
		return nil, err
	}
	if strings.Count(p.Value, ",") >= maxExceptions {
		return nil, fmt.Errorf("%w: more than %d times", ErrTooLarge, maxExceptions)
	}
	kind := strings.ToUpper(p.Params.Get(ical.ParamValue))
	var list []exception
	for _, v := range strings.Split(p.Value, ",") {
		x := exception{prop: p}
		from, to, period := strings.Cut(v, "/")
		if x.moment, err = parseMoment(from, l); err != nil {
			return nil, err
		}
		switch {
		case period != (kind == "PERIOD"), x.date != (kind == "DATE"), period && p.Name != ical.PropRecurrenceDates:
			return nil, fmt.Errorf("%w: VALUE=%.20s of %.40s", ErrValue, kind, v)
		case x.date != dates:
			return nil, fmt.Errorf("%w: %.40s, and one of it and DTSTART is a date, the other has a time", ErrValue, v)
		}
		if period && strings.HasPrefix(to, "P") {
			if x.length, err = parseDuration(to); err != nil {
				return nil, err
			}
		} else if period {
			end, err := parseMoment(to, l)
			if err != nil {
				return nil, err
			}
			if x.length = end.in(x.zone).Sub(x.wall); end.date || x.length <= 0 || x.length > maxDuration {
				return nil, fmt.Errorf("%w: %.40s", ErrRange, v)
			}
		}
		list = append(list, x)
	}
	return list, nil
}
