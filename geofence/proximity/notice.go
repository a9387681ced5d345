package proximity

import (
	"fmt"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// Level is all that a protected person is told.
type Level uint8

// Levels, rising.
const (
	Clear       Level = iota
	Unprotected       // where one of the two is, is not known: protection does not work now
	PreAlert
	Alert
)

var levels = [...]string{"clear", "unprotected", "pre-alert", "alert"}

// String returns the lower-case name.
func (l Level) String() string {
	if int(l) < len(levels) {
		return levels[l]
	}
	return fmt.Sprintf("level(%d)", l)
}

// MarshalText writes the name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads the name.
func (l *Level) UnmarshalText(b []byte) error {
	i := slices.Index(levels[:], string(b))
	if i < 0 {
		return fmt.Errorf("proximity: unknown level %q", b)
	}
	*l = Level(i)
	return nil
}

// ProtectedNotice is what the protected person is told. It has no room for
// anything else: no coordinate, distance, direction, zone or time.
type ProtectedNotice struct {
	Level Level `json:"level"`
}

// WearerNotice is what the wearer is told: to keep away from what the order
// forbids, or nothing. It has no room for anything else.
type WearerNotice struct {
	KeepAway bool `json:"keep_away"`
}

// DefaultGrid is the default of Disclosure.Grid.
const DefaultGrid = 15 * time.Minute

// Disclosure turns the events of a pair, which are for operators, into what both
// persons may be told. The zero value tells the wearer nothing at all. It may be
// used by any number of goroutines.
//
// Notices must not let one of the two search for the other. Their types see to
// what they say; when they change is the rule of Grid, which counts from
// midnight UTC:
//
//   - Of the protected person's level, a rise is told at once, for that is what
//     protects. A fall is told at the next line of the grid: it does not say when
//     the wearer left.
//   - The wearer's notice changes on lines of the grid alone, and then speaks of
//     the cell that ended one cell before: it says nothing of the moment of a
//     crossing, not even if reports come late by as much as a cell. It is about the
//     zones of Named alone.
//
// Ask for notices on the lines, and the protected person's also whenever an event
// has changed; send what differs from the last one sent.
type Disclosure struct {
	// Named are the Abouts (IDs of fixed zones, Moving) that the order names to
	// the wearer. Of all others the wearer hears nothing: a moving or hidden zone
	// that made itself felt would lead to the person whom it protects.
	Named []string

	// Grid is the distance of the lines; DefaultGrid if zero. It must not be
	// negative.
	Grid time.Duration
}

func (d Disclosure) grid() time.Duration {
	if d.Grid <= 0 {
		return DefaultGrid
	}
	return d.Grid
}

// Next is the first line of the grid after an instant.
func (d Disclosure) Next(at time.Time) time.Time { return at.Truncate(d.grid()).Add(d.grid()) }

// Protected is the protected person's notice at an instant, by the present
// versions of the pair's events. Events of other rules do not count.
func (d Disclosure) Protected(at time.Time, events []em.Event) ProtectedNotice {
	line := at.Truncate(d.grid())
	var n ProtectedNotice
	for i := range events {
		e := &events[i]
		if e.Rule == Rule && !e.At.After(at) && (e.Open() || e.Until.After(line)) {
			n.Level = max(n.Level, levelOf[e.Detail.Kind])
		}
	}
	return n
}

var levelOf = map[em.EventKind]Level{EventStale: Unprotected, EventPreAlert: PreAlert, EventAlert: Alert}

// Wearer is the wearer's notice at an instant, by the present versions of the
// pair's events: whether there was an alert of a named zone in the cell of the
// grid that ended one cell before the line at or before that instant.
func (d Disclosure) Wearer(at time.Time, events []em.Event) WearerNotice {
	to := at.Truncate(d.grid()).Add(-d.grid())
	from := to.Add(-d.grid())
	for i := range events {
		e := &events[i]
		if e.Rule == Rule && e.Detail.Kind == EventAlert && slices.Contains(d.Named, e.About) &&
			e.At.Before(to) && (e.Open() || e.Until.After(from)) {
			return WearerNotice{KeepAway: true}
		}
	}
	return WearerNotice{}
}
