package curfew

import (
	"fmt"
	"time"
)

// TimeOfDay is a local time in minutes after midnight, 0 to 1439. Its text is
// "19:00".
type TimeOfDay uint16

const minutesADay = 24 * 60

// Clock returns the TimeOfDay of an hour and a minute, both within their
// ranges.
func Clock(hour, minute int) TimeOfDay { return TimeOfDay(hour*60 + minute) }

// String returns the form "19:00".
func (t TimeOfDay) String() string { return fmt.Sprintf("%02d:%02d", t/60, t%60) }

// MarshalText writes the form "19:00".
func (t TimeOfDay) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads "00:00" to "23:59", two digits each. There is no "24:00":
// a row until midnight ends at "00:00".
func (t *TimeOfDay) UnmarshalText(b []byte) error {
	digit := func(i int) int {
		if b[i] < '0' || b[i] > '9' {
			return 1000
		}
		return int(b[i] - '0')
	}
	if len(b) == 5 && b[2] == ':' {
		h, m := digit(0)*10+digit(1), digit(3)*10+digit(4)
		if h < 24 && m < 60 {
			*t = Clock(h, m)
			return nil
		}
	}
	return fmt.Errorf("curfew: %q is not a time of day such as 07:30", b)
}

// edge says which of two instants of a repeated local time is meant.
type edge bool

const (
	start edge = false // the earlier
	end   edge = true  // the later
)

// reach is how far an instant can lie from the same local time read as UTC,
// with a day to spare for places that have skipped one.
const reach = 40 * time.Hour

// clock turns local times of one zone into instants, and remembers between
// which changes it looked last. It is for one goroutine.
type clock struct {
	loc      *time.Location
	from, to time.Time // a time well within these has the one offset
	offset   time.Duration
}

// resolve turns a local time, given as if it were UTC, into an instant: the only
// one; of two the earlier for a start and the later for an end; of none, that of
// the clock before the gap, which the clock after it shows shifted forward by
// the gap.
func (k *clock) resolve(wall time.Time, e edge) time.Time {
	if c := wall.Add(-k.offset); c.After(k.from) && c.Before(k.to) {
		return c
	}
	var found, before time.Time
	for t := wall.Add(-reach).In(k.loc); ; {
		from, to := zoneBounds(t)
		_, offset := t.Zone()
		c := wall.Add(-time.Duration(offset) * time.Second)
		switch {
		case !to.IsZero() && !c.Before(to):
			before = c
		case !c.Before(from) && (e == end || found.IsZero()):
			found = c
			k.offset = time.Duration(offset) * time.Second
			k.from, k.to = earliest, latest
			if !from.IsZero() {
				k.from = from.Add(reach)
			}
			if !to.IsZero() {
				k.to = to.Add(-reach)
			}
		}
		if to.IsZero() || to.Sub(wall) > reach {
			break
		}
		t = to
	}
	if found.IsZero() {
		found = before
	}
	return found.UTC()
}

// zoneBounds is t.ZoneBounds, whose end always lies ahead: of the last day of a
// leap year after 2037 the library (Go 1.26) says that it ends where it begins.
func zoneBounds(t time.Time) (from, to time.Time) {
	from, to = t.ZoneBounds()
	for u := t; !to.IsZero() && !to.After(t); {
		u = u.Add(24 * time.Hour)
		_, to = u.ZoneBounds()
	}
	return from, to
}

// repeated returns the second passes of local times that come twice, as far as
// they lie in i.
func repeated(loc *time.Location, i interval) intervals {
	var list []interval
	t := i.From.Add(-reach).In(loc)
	for {
		_, to := zoneBounds(t)
		if to.IsZero() || !to.Before(i.To) {
			break
		}
		_, a := t.Zone()
		_, b := to.Zone()
		if a > b {
			list = append(list, interval{to.UTC(), to.Add(time.Duration(a-b) * time.Second).UTC()})
		}
		t = to
	}
	return union(list).within(i)
}
