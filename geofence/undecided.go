package geofence

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
)

// openFor is for how long positions may leave a violation open until it is told.
func (c *Config) openFor() time.Duration {
	if c.UnknownAfter > 0 {
		return c.UnknownAfter
	}
	return c.UndecidedAfter
}

// mayOpen reports whether a fix that does not lie clear of a zone's wrong side begins
// a time in which that is open. By UnknownAfter, what cells and access points say is
// looked at by itself.
func (t *Tracker) mayOpen(z *Zone, q *reading) bool {
	if t.c.UnknownAfter > 0 {
		return !q.coarse
	}
	return t.inForce(z, q.at)
}

// strays reports whether a fix is drift of a device that does not rest clear of the
// zone's wrong side: it says no more than where it rests.
func (t *Tracker) strays(v *visit) bool {
	right := em.Outside
	if v.zone.Kind == KindInclusion {
		right = em.Inside
	}
	return v.q.drift && !v.way.rest.on(right, t.x.Distance(v.i, v.way.rest.p))
}

// suffices takes a fix that lies clear of a zone's wrong side by spare metres, and
// reports whether that ends the time in which it was open: one does, but what
// UndecidedAfter told ends as an alert does.
func (t *Tracker) suffices(e *entry, q *reading, spare float64) bool {
	if !e.open || t.c.UnknownAfter > 0 {
		return true
	}
	if e.run.fixes == 0 {
		e.run.first = q.at
	}
	e.run.add(q, spare, true, false)
	return e.run.counts(t.c.Clear, 0, q.at)
}

// undecided tells of the zones of which positions have left open for long enough, by
// an instant, whether the person is on their wrong side, and sets when to look next.
func (t *Tracker) undecided(dst []em.Event, at time.Time) []em.Event {
	for k := range t.entries {
		e := &t.entries[k]
		i, ok := t.x.Lookup(e.zone)
		if e.face != coverage || e.open || !ok {
			continue
		}
		if due := e.run.first.Add(t.c.UndecidedAfter); due.After(at) {
			if t.look.IsZero() || due.Before(t.look) {
				t.look = due
			}
			continue
		}
		_, q, spare := t.mayBe(i, at)
		if q == nil {
			continue
		}
		because := append(e.run.ids[:1:1], q.id)
		if q.id == because[0] {
			because = because[:1]
		}
		z := t.x.at(i)
		e.open, e.run, e.told = true, run{}, t.notKnown(z, e.run.first, because,
			fmt.Sprintf("for %v no position lay clear of its edge for certain; the last, of %s, is good to ±%.0f m", t.c.UndecidedAfter, q.at.Format(time.TimeOnly), q.r95),
			em.Fact{Name: "spare_m", Num: centimetres(spare), Unit: "m"},
			em.Fact{Name: "radius95_m", Text: originFact[q.origin], Num: centimetres(q.r95), Unit: "m"},
			em.Fact{Name: "after_s", Num: t.c.UndecidedAfter.Seconds(), Unit: "s"},
		)
		t.last, t.due.known, t.calm = at, false, calm{}
		dst = append(dst, e.told)
	}
	return dst
}
