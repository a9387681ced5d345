package geofence

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// Rule is the Rule of all events of a Tracker.
const Rule = "zones"

// Kinds of a Tracker's events. Each lasts from the crossing to the crossing
// back; its About and Version are the zone's ID and version.
const (
	EventExclusion em.EventKind = "zone.exclusion" // in an exclusion zone; a violation
	EventLeft      em.EventKind = "zone.left"      // out of an inclusion zone; a violation
	EventBuffer    em.EventKind = "zone.buffer"    // in a buffer zone; a warning
	EventStay      em.EventKind = "zone.stay"      // at home or at a place; information, where Config.Stays asks for it
)

// Defaults of Config.
const (
	// DefaultAssumedAccuracy is the 68 % radius in metres of a fix that reports
	// none: what receivers in a town commonly reach. Unverified for any one
	// device.
	DefaultAssumedAccuracy = 10

	// DefaultMaxRadius95 is the 95 % radius in metres beyond which a fix
	// decides nothing: satellites do better, and what one mobile cell says is
	// not relied on. Unverified: it is for the order or the center to set.
	DefaultMaxRadius95 = 500
)

// Config says how much evidence a Tracker asks for. The zero value works: each
// fix decides by itself.
type Config struct {
	AssumedAccuracy float64 // 68 % radius in metres of fixes that report none; 0 is DefaultAssumedAccuracy
	MaxRadius95     float64 // fixes with a larger 95 % radius, in metres, are not used; 0 is DefaultMaxRadius95

	// ExitMargin is how many metres beyond its 95 % radius a fix must lie
	// outside a zone to count as out of it. Going in has no margin.
	ExitMargin float64

	Enter, Exit Confirm // evidence for being in, and for being out

	Stays bool // also tell stays at zones of KindHome and KindPlace
}

// Confirm says how many fixes in a row, and over how long a time from the first
// of them to the last, must say the same before it counts. Fixes that leave it
// open do not interrupt the row. What counts then began with the first. Zero
// asks for one fix and no time. Only fixes confirm: silence never does.
type Confirm struct {
	Fixes int
	Dwell time.Duration
}

// ErrConfig is wrapped by the errors of a Config that makes no sense.
var ErrConfig = errors.New("geofence: invalid config")

// complete fills in the defaults.
func (c *Config) complete() error {
	for _, v := range [...]struct {
		name  string
		value *float64
		def   float64
	}{
		{"AssumedAccuracy", &c.AssumedAccuracy, DefaultAssumedAccuracy},
		{"MaxRadius95", &c.MaxRadius95, DefaultMaxRadius95},
		{"ExitMargin", &c.ExitMargin, 0},
	} {
		if !(*v.value >= 0) || math.IsInf(*v.value, 0) {
			return fmt.Errorf("%w: %s is %v", ErrConfig, v.name, *v.value)
		}
		if *v.value == 0 {
			*v.value = v.def
		}
	}
	for _, v := range [...]struct {
		name    string
		confirm *Confirm
	}{{"Enter", &c.Enter}, {"Exit", &c.Exit}} {
		if v.confirm.Fixes < 0 || v.confirm.Dwell < 0 {
			return fmt.Errorf("%w: %s is %+v", ErrConfig, v.name, *v.confirm)
		}
		v.confirm.Fixes = max(v.confirm.Fixes, 1)
	}
	return nil
}

// Tracker tells one subject's crossings of the zones of an Index. It is an
// em.Evaluator on event time; like all of them it is for one goroutine.
//
// It judges on current fixes alone, each as the circle of its em.Fix.Radius95,
// and only at times at which the zone's rule is in force. It looks at where the
// person is, not at crossings alone: who is in an exclusion zone when its rule
// comes into force, or when the first fix arrives, is told with the first fix
// from then on. An event stays open while nothing is heard, and ends with the
// first fix of those that confirm the crossing back, or when the rule is no
// longer in force. If the zone is gone, or is of another kind, after a change
// of rules, it ends at the next observation.
//
// Its state holds only zones that are not as they should be: those with an open
// event and those about which evidence is being gathered. Compliance takes no
// bytes.
type Tracker struct {
	x       *Index
	c       Config
	last    time.Time // of the last step; kept while an event is open
	entries []entry   // by zone ID
	near    []int     // scratch
}

var _ em.Evaluator = (*Tracker)(nil)

// entry is what is known of one zone.
type entry struct {
	zone string
	open bool
	told em.Event // where open: as it was emitted
	run  run
}

// run is the fixes in a row that contradict what was told.
type run struct {
	first time.Time
	fixes int // 0: none
	ids   []em.ObservationID
}

// maxRun bounds run.ids, so that the fixes of both crossings fit into one
// event: the first ones, and the last.
const maxRun = em.MaxBecause / 2

func (r *run) add(o em.Observation) {
	if r.fixes++; r.fixes == 1 {
		r.first = o.At
	}
	if len(r.ids) < maxRun {
		r.ids = append(r.ids, o.ID)
	} else {
		r.ids[maxRun-1] = o.ID
	}
}

// NewTracker returns a Tracker in the state before the first observation. A nil
// index has no zones. Errors wrap ErrConfig.
func NewTracker(x *Index, c Config) (*Tracker, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	if x == nil {
		x = &Index{}
	}
	return &Tracker{x: x, c: c}, nil
}

// Clock is em.EventTime.
func (t *Tracker) Clock() em.Clock { return em.EventTime }

// Observe judges on a fix; any observation ends events whose rule is no longer
// in force.
func (t *Tracker) Observe(dst []em.Event, o em.Observation) []em.Event {
	dst = t.expire(dst, o.At)
	f, ok := o.Body.(*em.Fix)
	if !ok || !f.Current() {
		return dst
	}
	r, reported := f.Radius95(t.c.AssumedAccuracy)
	if !(r <= t.c.MaxRadius95) {
		return dst
	}
	for _, zone := range t.concerned(f.LatLng) {
		dst = t.judge(dst, zone, reading{o, f.LatLng, r, reported})
	}
	return dst
}

// concerned returns the zones that a position may tell something new about, in
// order of their IDs.
func (t *Tracker) concerned(p em.LatLng) []int {
	var buf [16]int
	inside := t.x.Append(buf[:0], p)
	near := t.near[:0]
	for _, zone := range inside {
		if k := t.x.zones[zone].Kind; k != KindInclusion && t.tells(k) {
			near = append(near, zone)
		}
	}
	for _, zone := range t.x.inclusion {
		if !slices.Contains(inside, zone) {
			near = append(near, zone)
		}
	}
	for i := range t.entries {
		if zone, ok := t.x.Lookup(t.entries[i].zone); ok {
			near = append(near, zone)
		}
	}
	slices.SortFunc(near, func(a, b int) int { return strings.Compare(t.x.zones[a].ID, t.x.zones[b].ID) })
	t.near = slices.Compact(near)
	return t.near
}

// tells reports whether there are events about zones of kind k.
func (t *Tracker) tells(k Kind) bool { return k != KindHome && k != KindPlace || t.c.Stays }

func (t *Tracker) find(zone string) (int, bool) {
	return slices.BinarySearchFunc(t.entries, zone, func(e entry, id string) int { return strings.Compare(e.zone, id) })
}

// reading is a fix to judge on.
type reading struct {
	em.Observation
	p        em.LatLng
	radius95 float64
	reported bool // the radius is the device's own
}

// judge takes a fix to one zone.
func (t *Tracker) judge(dst []em.Event, zone int, o reading) []em.Event {
	z := &t.x.zones[zone]
	if z.Active != nil && !z.Active.Active(o.At) {
		return dst // expire has seen to what was there
	}
	i, known := t.find(z.ID)
	open := known && t.entries[i].open

	// The side that would change what was told, and whether the fix is on it.
	news, confirm := em.Inside, t.c.Enter
	if open != (z.Kind == KindInclusion) {
		news, confirm = em.Outside, t.c.Exit
	}
	side, d := t.x.Classify(zone, o.p, o.radius95)
	switch {
	case side != news:
		if known && side != em.SideUnknown {
			t.entries[i].run = run{}
			t.tidy(i)
		}
		return dst
	case news == em.Outside && !(d > o.radius95+t.c.ExitMargin):
		return dst
	case open && !o.At.After(t.entries[i].told.At):
		return dst // of the instant of the entry: an event is no empty interval
	}
	if !known {
		t.entries = slices.Insert(t.entries, i, entry{zone: z.ID})
	}
	e := &t.entries[i]
	e.run.add(o.Observation)
	if e.run.fixes < confirm.Fixes || o.At.Sub(e.run.first) < confirm.Dwell {
		return dst
	}
	c := crossing{z, e.run, d, o.radius95, o.reported, o.At.Sub(e.run.first), confirm, t.c.ExitMargin}
	e.run = run{}
	if !open {
		e.open, e.told = true, c.event()
		t.last = o.At
		return append(dst, e.told)
	}
	dst = append(dst, c.end(e.told))
	t.close(i)
	return dst
}

// close forgets the open event of an entry, and with it the evidence against it.
func (t *Tracker) close(i int) {
	t.entries[i] = entry{zone: t.entries[i].zone}
	t.tidy(i)
}

// tidy removes an entry that says nothing.
func (t *Tracker) tidy(i int) {
	if e := &t.entries[i]; !e.open && e.run.fixes == 0 {
		t.entries = slices.Delete(t.entries, i, i+1)
	}
	if !slices.ContainsFunc(t.entries, func(e entry) bool { return e.open }) {
		t.last = time.Time{}
	}
}

// expire ends, by the instant at, what rests on rules that are no longer in
// force.
func (t *Tracker) expire(dst []em.Event, at time.Time) []em.Event {
	for i := 0; i < len(t.entries); {
		e := &t.entries[i]
		since := t.last
		if !e.open {
			since = e.run.first
		}
		end, how := t.expiry(e, since, at)
		if how == "" {
			i++
			continue
		}
		if e.open {
			ended := e.told
			ended.Until = end
			ended.Detail.Reason = fmt.Sprintf("%s for %v, until %s.", wordsOf[ended.Detail.Kind].during(e.zone), duration(end.Sub(ended.At)), how)
			dst = append(dst, ended)
		}
		t.close(i)
	}
	if !t.last.IsZero() {
		t.last = at
	}
	return dst
}

// expiry returns when, in (since, at], the rule of the entry's zone ceased to
// be in force, and how; or no words if it did not.
func (t *Tracker) expiry(e *entry, since, at time.Time) (end time.Time, how string) {
	zone, ok := t.x.Lookup(e.zone)
	if !ok {
		return at, "the zone was withdrawn"
	}
	z := &t.x.zones[zone]
	if !t.tells(z.Kind) || e.open && eventOf[z.Kind] != e.told.Detail.Kind {
		return at, "the rule of the zone changed"
	}
	const over = "its rule was no longer in force"
	if z.Active == nil {
		return time.Time{}, ""
	}
	if s, ok := z.Active.(Schedule); ok {
		if end := windowEnd(s, since); !end.IsZero() && !end.After(at) {
			return end, over
		}
	}
	if !z.Active.Active(at) {
		return at, over
	}
	return time.Time{}, ""
}

// maxChanges bounds how many changes windowEnd looks ahead. Beyond them an
// event is ended at the next observation.
const maxChanges = 1000

// windowEnd returns the first instant after from at which s is not active; zero
// if there is none, or none is found.
func windowEnd(s Schedule, from time.Time) time.Time {
	for range maxChanges {
		next := s.NextChange(from)
		if !next.After(from) {
			break
		}
		if !s.Active(next) {
			return next
		}
		from = next
	}
	return time.Time{}
}

// Deadline is when the first rule with an open event ceases to be in force, for
// zones whose Active is a Schedule.
func (t *Tracker) Deadline() time.Time {
	var first time.Time
	for i := range t.entries {
		e := &t.entries[i]
		zone, ok := t.x.Lookup(e.zone)
		if !e.open || !ok {
			continue
		}
		if s, ok := t.x.zones[zone].Active.(Schedule); ok {
			if end := windowEnd(s, t.last); !end.IsZero() && (first.IsZero() || end.Before(first)) {
				first = end
			}
		}
	}
	return first
}

// Wake ends the events whose rule ceases to be in force.
func (t *Tracker) Wake(dst []em.Event, at time.Time) []em.Event { return t.expire(dst, at) }
