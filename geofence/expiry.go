package geofence

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
)

// due is when the first rule with an open event ceases to be in force: it is
// looked for once, and stays until events open or end.
type due struct {
	known  bool
	at     time.Time // zero: never
	simple bool      // nothing else ends events, nor rows of fixes
}

// horizon returns it.
func (t *Tracker) horizon() *due {
	if t.due.known {
		return &t.due
	}
	t.due = due{known: true, simple: true}
	for i := range t.entries {
		e := &t.entries[i]
		zone, ok := t.x.Lookup(e.zone)
		if !ok {
			t.due.simple = false
			continue
		}
		z := t.x.at(zone)
		if kind := t.kindOf(z, e.face); kind == "" || e.open && kind != e.told.Detail.Kind {
			t.due.simple = false
		}
		if z.Active == nil {
			continue
		}
		if !e.open {
			t.due.simple = false
		}
		s, ok := z.Active.(Schedule)
		if !ok {
			t.due.simple = false
			continue
		}
		if end := windowEnd(s, t.last); e.open && !end.IsZero() && (t.due.at.IsZero() || end.Before(t.due.at)) {
			t.due.at = end
		}
	}
	return &t.due
}

// expire ends, by the instant at, what rests on rules that are no longer in
// force.
func (t *Tracker) expire(dst []em.Event, at time.Time) []em.Event {
	if len(t.entries) == 0 {
		return dst
	}
	if h := t.horizon(); !h.simple || !h.at.IsZero() && !h.at.After(at) {
		dst = t.expireAll(dst, at)
	}
	if !t.last.IsZero() {
		t.last = at
	}
	return dst
}

func (t *Tracker) expireAll(dst []em.Event, at time.Time) []em.Event {
	for i := 0; i < len(t.entries); {
		e := &t.entries[i]
		since := t.last
		if !e.open {
			if since = e.run.first; e.face == coverage {
				since = e.left.first
			}
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
	return dst
}

// expiry returns when, in (since, at], the rule of the entry's zone ceased to
// be in force, and how; or no words if it did not.
func (t *Tracker) expiry(e *entry, since, at time.Time) (end time.Time, how string) {
	zone, ok := t.x.Lookup(e.zone)
	if !ok {
		return at, "the zone was withdrawn"
	}
	z := t.x.at(zone)
	if kind := t.kindOf(z, e.face); kind == "" || e.open && kind != e.told.Detail.Kind {
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

// kindOf returns the kind of a zone's events, or of those of the buffer round
// it; empty if none are told.
func (t *Tracker) kindOf(z *Zone, of face) em.EventKind {
	switch {
	case of == buffer && (z.Kind != KindExclusion || t.c.Buffer == 0), of == coverage && !t.covers(z), !t.tells(z.Kind):
		return ""
	case of == buffer:
		return EventBuffer
	case of == coverage:
		return EventUnknown
	}
	return eventOf[z.Kind]
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
// zones whose Active is a Schedule, or when to look where the person may have come
// to meanwhile.
func (t *Tracker) Deadline() time.Time {
	if len(t.entries) == 0 {
		return t.look
	}
	if at := t.horizon().at; !at.IsZero() && (t.look.IsZero() || at.Before(t.look)) {
		return at
	}
	return t.look
}

// Wake ends the events whose rule ceases to be in force, and tells in which zones
// the person may be meanwhile.
func (t *Tracker) Wake(dst []em.Event, at time.Time) []em.Event {
	n := len(dst)
	dst = t.expire(dst, at)
	if !t.look.IsZero() && !t.look.After(at) || len(dst) > n && t.c.UnknownAfter > 0 {
		dst = t.missing(dst, at)
	}
	return dst
}
