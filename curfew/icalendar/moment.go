package icalendar

import (
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-ical"

	"github.com/sargas-em/em/curfew"
)

// moment is a time as a calendar gives it.
type moment struct {
	wall time.Time      // what the clock shows, as an instant of UTC
	zone *time.Location // whose clock; nil: floating, that of whoever looks
	date bool           // a day without a time
}

// parseMoment reads one value; zone is that of its TZID, nil for none.
func parseMoment(s string, zone *time.Location) (moment, error) {
	m := moment{zone: zone}
	layout := "20060102T150405"
	switch {
	case len(s) == len("20060102"):
		layout, m.date, m.zone = "20060102", true, nil
	case strings.HasSuffix(s, "Z"):
		layout, m.zone = "20060102T150405Z", time.UTC
	}
	t, err := time.Parse(layout, s)
	if err != nil || len(s) != len(layout) {
		return m, fmt.Errorf("%w: %.40q is no date or time", ErrValue, s)
	}
	if t.Year() < 1900 || t.Year() > 2199 {
		return m, fmt.Errorf("%w: %s", ErrRange, s)
	}
	m.wall = t
	return m, nil
}

// in is what a clock in a zone shows at the moment. Floating moments and dates
// are the same everywhere.
func (m moment) in(zone *time.Location) time.Time {
	if m.zone == nil || zone == nil || m.zone.String() == zone.String() {
		return m.wall
	}
	return wallOf(curfew.Resolve(m.zone, m.wall, false).In(zone))
}

// wallOf is what the clock of t's location shows.
func wallOf(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// zones turns the names of a calendar into zones.
type zones struct {
	given map[string]string         // Options.Zones
	also  map[string]string         // X-LIC-LOCATION of VTIMEZONE
	known map[string]*time.Location // found so far
}

func newZones(cal *ical.Component, given map[string]string) *zones {
	z := &zones{given: given, also: map[string]string{}, known: map[string]*time.Location{}}
	for _, c := range cal.Children {
		if c.Name != ical.CompTimezone {
			continue
		}
		if id, lic := c.Props.Get(ical.PropTimezoneID), c.Props.Get("X-LIC-LOCATION"); id != nil && lic != nil {
			z.also[id.Value] = lic.Value
		}
	}
	return z
}

// find returns the zone of a TZID: as Options.Zones says, by its IANA name, by
// that which its VTIMEZONE gives in X-LIC-LOCATION, or by the one at the end of
// a name with slashes such as "/example.org/20260101/Europe/Vilnius".
func (z *zones) find(id string) (*time.Location, error) {
	if l, ok := z.known[id]; ok {
		return l, nil
	}
	names := []string{id}
	if n, ok := z.given[id]; ok {
		names = []string{n}
	} else {
		if n, ok := z.also[id]; ok {
			names = append(names, n)
		}
		if parts := strings.Split(id, "/"); len(parts) > 2 && parts[0] == "" {
			names = append(names, strings.Join(parts[len(parts)-2:], "/"))
		}
	}
	for _, n := range names {
		if n == "" || n == "Local" {
			continue
		}
		if l, err := time.LoadLocation(n); err == nil {
			z.known[id] = l
			return l, nil
		}
	}
	return nil, fmt.Errorf("%w: %.80q", ErrZone, id)
}

// of is the zone of a property, nil if it names none.
func (z *zones) of(p *ical.Prop) (*time.Location, error) {
	switch ids := p.Params.Values(ical.PropTimezoneID); len(ids) {
	case 0:
		return nil, nil
	case 1:
		return z.find(ids[0])
	}
	return nil, fmt.Errorf("%w: TZID", ErrTwice)
}

// moment reads a property that has one.
func (z *zones) moment(p *ical.Prop) (moment, error) {
	l, err := z.of(p)
	if err != nil {
		return moment{}, err
	}
	m, err := parseMoment(p.Value, l)
	if err == nil && strings.EqualFold(p.Params.Get(ical.ParamValue), "DATE") != m.date {
		err = fmt.Errorf("%w: VALUE=%.20s of %s", ErrValue, p.Params.Get(ical.ParamValue), p.Value)
	}
	return m, err
}

// maxDuration bounds what one event lasts.
const maxDuration = 31 * 24 * time.Hour

// parseDuration reads a DURATION: "PT8H", "P1D".
func parseDuration(s string) (time.Duration, error) {
	p := ical.NewProp(ical.PropDuration)
	p.Value = s
	if len(s) > 16 || strings.ContainsAny(s, "-") {
		return 0, fmt.Errorf("%w: a duration of %.40q", ErrValue, s)
	}
	d, err := p.Duration()
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrValue, err)
	}
	if d <= 0 || d > maxDuration {
		return 0, fmt.Errorf("%w: %s", ErrRange, s)
	}
	return d, nil
}
