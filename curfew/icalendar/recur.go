package icalendar

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// maxRule and maxInterval bound a recurrence rule: no list of RFC 5545 is
// longer, and rrule-go counts in plain integers.
const (
	maxRule     = 2048
	maxInterval = 10_000
	maxCount    = 1_000_000
)

// recurrence is a rule in floating local time: instants of UTC that stand for
// what the clock on the wall shows.
type recurrence struct {
	opt     rrule.ROption
	endless bool // neither COUNT nor UNTIL
}

// parseRule reads an RRULE. UNTIL is floating, too: zone turns the one that is
// given in UTC into the event's local time.
func parseRule(text string, zone *time.Location) (recurrence, error) {
	bad := func(err error, format string, args ...any) (recurrence, error) {
		return recurrence{}, fmt.Errorf("%w: %s", err, fmt.Sprintf(format, args...))
	}
	if len(text) > maxRule {
		return bad(ErrTooLarge, "a rule of %d bytes", len(text))
	}
	text = strings.ToUpper(text)
	until := ""
	var parts, names []string
	for _, p := range strings.Split(text, ";") {
		name, value, ok := strings.Cut(p, "=")
		if !ok || value == "" {
			return bad(ErrValue, "%q has no value", p)
		}
		if slices.Contains(names, name) {
			return bad(ErrTwice, "%s", name)
		}
		names = append(names, name)
		switch name {
		case "UNTIL":
			until = value
			continue
		case "BYEASTER", "DTSTART":
			return bad(ErrUnsupported, "%s is not of RFC 5545", name)
		case "RSCALE", "SKIP":
			return bad(ErrUnsupported, "%s", name)
		}
		parts = append(parts, p)
	}
	opt, err := rrule.StrToROption(strings.Join(parts, ";"))
	if err != nil {
		return bad(ErrValue, "%v", err)
	}
	// rrule-go gives a time twice that is listed twice, and counts it twice.
	for _, list := range []*[]int{&opt.Byhour, &opt.Byminute, &opt.Bysecond} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	has := func(name string) bool { return slices.Contains(names, name) }
	switch {
	case has("INTERVAL") && (opt.Interval < 1 || opt.Interval > maxInterval):
		return bad(ErrValue, "INTERVAL=%d is not between 1 and %d", opt.Interval, maxInterval)
	case has("COUNT") && (opt.Count < 1 || opt.Count > maxCount):
		return bad(ErrValue, "COUNT=%d is not between 1 and %d", opt.Count, maxCount)
	case has("COUNT") && has("UNTIL"):
		return bad(ErrTwice, "COUNT and UNTIL")
	}
	if until != "" {
		m, err := parseMoment(until, nil)
		if err != nil {
			return recurrence{}, err
		}
		opt.Until = m.in(zone)
		if m.date { // the whole day
			opt.Until = opt.Until.Add(24*time.Hour - time.Second)
		}
	}
	return recurrence{*opt, !has("COUNT") && !has("UNTIL")}, nil
}

// daily reports whether the rule gives at most a few times a day, all at whole
// minutes; and why not.
func (r *recurrence) daily() error {
	o := &r.opt
	switch {
	case o.Freq > rrule.DAILY:
		return fmt.Errorf("%w: FREQ=%v", ErrUnsupported, o.Freq)
	case len(o.Bysecond) > 0 && (len(o.Bysecond) > 1 || o.Bysecond[0] != 0):
		return fmt.Errorf("%w: BYSECOND", ErrSeconds)
	}
	return nil
}

// weekdays returns the days of a rule that comes every week, and has no other
// condition than an end by date; false if it does not.
func (r *recurrence) weekdays(start time.Time) ([]time.Weekday, bool) {
	o := &r.opt
	every := o.Freq == rrule.DAILY && len(o.Byweekday) == 0
	if !every && o.Freq != rrule.WEEKLY || o.Interval > 1 || o.Count > 0 ||
		len(o.Bysetpos)+len(o.Bymonth)+len(o.Bymonthday)+len(o.Byyearday)+len(o.Byweekno)+len(o.Byhour)+len(o.Byminute) > 0 {
		return nil, false
	}
	if every {
		return []time.Weekday{0, 1, 2, 3, 4, 5, 6}, true
	}
	if len(o.Byweekday) == 0 {
		return []time.Weekday{start.Weekday()}, true
	}
	var days []time.Weekday
	for _, d := range o.Byweekday {
		if w := time.Weekday((d.Day() + 1) % 7); !slices.Contains(days, w) {
			days = append(days, w)
		}
	}
	return days, true
}

// expand calls yield with the rule's times from start to until, both included,
// until it returns false. start counts only where the rule gives it.
func (r *recurrence) expand(start, until time.Time, yield func(time.Time) bool) error {
	opt := r.opt
	opt.Dtstart = start
	if opt.Until.IsZero() || until.Before(opt.Until) {
		opt.Until = until
	}
	if opt.Until.Before(start) {
		return nil
	}
	rule, err := rrule.NewRRule(opt)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrValue, err)
	}
	next := rule.Iterator()
	for t, ok := next(); ok; t, ok = next() {
		if !yield(t) {
			break
		}
	}
	return nil
}
