package geofence

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// Rule is the Rule of all events of a Tracker. RuleVersion names how it judges;
// events say it in the fact "rule", beside the version of the zone.
const (
	Rule        = "zones"
	RuleVersion = "zones/9"
)

// Kinds of a Tracker's events. Each lasts from the crossing to the crossing
// back; its About and Version are the zone's ID and version.
const (
	EventExclusion em.EventKind = "zone.exclusion" // in an exclusion zone; a violation
	EventLeft      em.EventKind = "zone.left"      // out of an inclusion zone; a violation
	EventBuffer    em.EventKind = "zone.buffer"    // in a buffer zone, or in an exclusion zone's Config.Buffer; a warning
	EventStay      em.EventKind = "zone.stay"      // at home or at a place; information, where Config.Stays asks for it

	// EventPassed is a warning: two fixes lie outside an exclusion zone, but the
	// straight way between them leads through it; or one fix alone lay inside.
	// It lasts from the one fix to the other: when the zone was passed between
	// them, if it was, nobody knows.
	EventPassed em.EventKind = "zone.passed"

	// EventUnknown is a warning: the person may have been in an exclusion zone, or out of
	// an inclusion zone, for Config.UndecidedAfter, as no fix lay clear of the edge for
	// certain; or, where it is asked for, for Config.UnknownAfter, as no usable fix came
	// either. It begins when the person may have come there first, and ends with fixes
	// that lie clear, or by which the violation itself is told.
	EventUnknown em.EventKind = "zone.unknown"

	// EventDoubted is a warning about a device, its About: its fixes jumped to
	// where nobody can have come, and are not believed. While it lasts no zone is
	// judged by them. It begins with the first of them, and ends when they come
	// back, or are taken as true at last.
	EventDoubted em.EventKind = "zone.doubted"

	// EventUnused is information, where Config.Unused asks for it: fixes that
	// would have begun a violation, and were not used. Its class says why.
	EventUnused em.EventKind = "zone.unused"
)

// Classes of events.
const (
	ClassAlready     = "ALREADY"     // the person was on the wrong side before the rule came into force
	ClassOutlier     = "OUTLIER"     // of EventUnused: nobody can have come there, and what followed disagreed
	ClassDrift       = "DRIFT"       // of EventUnused: the device stood, and came back to where it stands
	ClassUnconfirmed = "UNCONFIRMED" // of EventUnused: what followed disagreed
)

// MaxNear is up to how many zones a Tracker looks at all of them when a person
// comes near the edge of one. It then needs no index, and nothing more until the
// person may have come to the nearest edge. Of more zones it asks for those that
// contain a fix; then there is neither Config.Buffer nor Config.UnknownAfter.
const MaxNear = 256

// Tracker tells one subject's crossings of the edges of zones. It is an
// em.Evaluator on event time; like all of them it is for one goroutine. The
// documentation of the package says how it judges.
//
// Its state holds the last fix of each device, some hundred bytes, and the zones
// that are not as they should be: those with an open event and those about which
// evidence is being gathered, or that fixes leave open. With Config.UnknownAfter that
// may be all zones, MaxNear at most, while nobody knows where the person is.
type Tracker struct {
	x       Zones
	c       Config
	few     bool  // at most MaxNear zones: all are looked at
	outside []int // of more: the inclusion zones
	routes  []int

	// The state.
	last    time.Time // of the last step; kept while an event is open
	ways    []way     // by device
	rough   reading   // the last by cells or access points, after which there was none by satellites; none: at the zero time
	look    time.Time // when it is asked next where the person may have come to
	entries []entry   // by zone ID, then face

	// What follows from it, and room to work in.
	calm         calm
	due          due
	now          time.Time
	fix          reading
	use, refused []reading
	near         []int
}

var _ em.Evaluator = (*Tracker)(nil)

// entry is what is known of one face of a zone.
type entry struct {
	zone string
	face face
	open bool
	told em.Event // where open: as it was emitted
	run  run      // of an edge
	left left     // of coverage
}

// face is what of a zone an entry is about.
type face uint8

const (
	edge     face = iota
	buffer        // that of Config.Buffer round it
	coverage      // whether the person may be on the wrong side: EventUnknown
	faces
)

// NewTracker returns a Tracker in the state before the first observation. Zones
// that are nil are none. Errors wrap ErrConfig.
func NewTracker(x Zones, c Config) (*Tracker, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	if x == nil {
		x = (*Set)(nil)
	}
	t := &Tracker{x: x, c: c, few: x.Len() <= MaxNear}
	switch {
	case t.few:
		for i := range x.Len() {
			if x.at(i).Kind == KindRoute {
				t.routes = append(t.routes, i)
			}
		}
	case c.Buffer > 0:
		return nil, fmt.Errorf("%w: a Buffer round the zones of %d, more than %d: make zones of KindBuffer", ErrConfig, x.Len(), MaxNear)
	case c.UnknownAfter > 0:
		return nil, fmt.Errorf("%w: UnknownAfter for %d zones, more than %d", ErrConfig, x.Len(), MaxNear)
	default:
		t.outside, t.routes = pervasive(x)
	}
	return t, nil
}

// pervasive returns the zones that concern who is not in them, and the routes.
func pervasive(x Zones) (outside, routes []int) {
	if x, ok := x.(*Index); ok {
		return x.inclusion, x.routes
	}
	for i := range x.Len() {
		switch x.at(i).Kind {
		case KindInclusion:
			outside = append(outside, i)
		case KindRoute:
			routes = append(routes, i)
		}
	}
	return outside, routes
}

// Clock is em.EventTime.
func (t *Tracker) Clock() em.Clock { return em.EventTime }

// Observe judges on a fix; any observation ends events whose rule is no longer
// in force.
func (t *Tracker) Observe(dst []em.Event, o em.Observation) []em.Event {
	t.now = o.At
	dst = t.Wake(dst, o.At)
	f, ok := o.Body.(*em.Fix)
	if !ok || !f.Current() {
		if b, ok := o.Body.(*em.Beacon); ok && len(t.c.Contacts) > 0 {
			dst = t.contact(dst, &o, b)
		}
		return dst
	}
	from := len(dst)
	t.fix, ok = t.c.read(&o, f)
	if t.fix.coarse && t.fix.r95 > 0 {
		dst = t.hears(dst, o.Device, witness{reading: t.fix})
	}
	if !ok {
		return dst
	}
	if t.fix.coarse {
		if last := t.before(o.At); last == nil || t.c.can(last, &t.fix, false) {
			dst = t.judge(dst, nil, &t.fix)
			if t.c.asksOpen() {
				t.rough = t.fix
			}
			dst = t.seen(dst, &t.fix)
		}
		return inOrder(dst, from)
	}
	w := t.wayOf(o.Device)
	t.use, t.refused = w.take(&t.fix, &t.c, t.use[:0], t.refused[:0])
	for i := range t.refused {
		dst = t.tellRefused(dst, w, &t.refused[i], &t.fix)
	}
	for i := range t.use {
		q := &t.use[i]
		w.settle(q, &t.c)
		if !t.calm.holds(q) {
			dst = t.judge(dst, w, q)
		}
		w.used(q, &t.c)
		t.rough = reading{}
	}
	if len(t.use) > 0 { // the last of which is of now
		dst = t.seen(dst, &t.fix)
	}
	dst = t.doubt(dst, w, &t.fix)
	return inOrder(dst, from)
}

// inOrder sorts the events of one step by zone, but keeps the order of those
// about one.
func inOrder(dst []em.Event, from int) []em.Event {
	if len(dst)-from > 1 {
		slices.SortStableFunc(dst[from:], func(a, b em.Event) int { return strings.Compare(a.About, b.About) })
	}
	return dst
}

// judge takes a fix to the zones. w is the way that it is on; nil for one by cells
// or access points.
func (t *Tracker) judge(dst []em.Event, w *way, q *reading) []em.Event {
	var last *reading
	if w != nil && w.begun() {
		last = &w.good
	}
	permitted, settled, clear := t.permitted(q)
	t.calm = calm{}
	if t.few {
		for i := range t.x.Len() {
			z := t.x.at(i)
			if z.Kind == KindRoute || !t.tells(z.Kind) {
				continue
			}
			v := visit{zone: z, i: i, d: t.x.Distance(i, q.p), q: q, last: last, way: w, permitted: permitted}
			dst = t.visit(dst, &v)
			clear, settled = min(clear, v.clear), settled && v.settled
		}
		if settled {
			t.calm = calmAround(q.p, clear)
		}
		return dst
	}
	for _, i := range t.concerned(last, q) {
		z := t.x.at(i)
		dst = t.visit(dst, &visit{zone: z, i: i, d: t.x.Distance(i, q.p), q: q, last: last, way: w, permitted: permitted})
	}
	return dst
}

// concerned returns, of many zones, those that a fix may tell something new
// about.
func (t *Tracker) concerned(last, q *reading) []int {
	var buf [16]int
	inside := t.x.Append(buf[:0], q.p)
	near := t.near[:0]
	for _, i := range inside {
		if k := t.x.at(i).Kind; k != KindInclusion && k != KindRoute && t.tells(k) {
			near = append(near, i)
		}
	}
	for _, i := range t.outside {
		if !slices.Contains(inside, i) {
			near = append(near, i)
		}
	}
	for i := range t.entries {
		if zone, ok := t.x.Lookup(t.entries[i].zone); ok {
			near = append(near, zone)
		}
	}
	if last != nil && t.straight(last, q) {
		near = t.along(near, last, q)
	}
	slices.Sort(near)
	t.near = slices.Compact(near)
	return t.near
}

// tells reports whether there are events about zones of kind k.
func (t *Tracker) tells(k Kind) bool { return k != KindHome && k != KindPlace || t.c.Stays }

func (t *Tracker) find(zone string, f face) (int, bool) {
	if len(t.entries) == 0 {
		return 0, false
	}
	return slices.BinarySearchFunc(t.entries, zone, func(e entry, zone string) int { return e.compare(zone, f) })
}

// compare orders entries by zone, then face.
func (e *entry) compare(zone string, f face) int {
	return cmp.Or(strings.Compare(e.zone, zone), cmp.Compare(e.face, f))
}

// close forgets the open event of an entry, and with it the evidence against it.
func (t *Tracker) close(i int) {
	t.calm = calm{}
	t.entries[i] = entry{zone: t.entries[i].zone, face: t.entries[i].face}
	t.tidy(i)
}

// tidy removes an entry that says nothing.
func (t *Tracker) tidy(i int) {
	t.due.known = false
	if e := &t.entries[i]; !e.open && e.run.fixes == 0 && e.left.first.IsZero() {
		t.entries = slices.Delete(t.entries, i, i+1)
	}
	if !slices.ContainsFunc(t.entries, func(e entry) bool { return e.open }) {
		t.last = time.Time{}
	}
}
