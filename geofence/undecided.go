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

// suffices takes a fix that lies clear of a zone's wrong side, and reports whether that
// ends the time in which it was open: as many do as end an alert. Of an entry's run
// there are since when it is open, whether the last fix lies clear (sure), how many do in
// a row (sum), and since when (precise).
func (t *Tracker) suffices(e *entry, q *reading) bool {
	if t.c.UnknownAfter > 0 {
		return true
	}
	r := &e.run
	if r.sum == 0 {
		r.precise = q.at
	}
	r.sure, r.sum = true, min(r.sum+1, maxSum)
	return r.sum >= float64(t.c.Clear.Fixes) && q.at.Sub(r.precise) >= t.c.Clear.Dwell
}

// leftOpen takes a fix that leaves it open. It ends a row of those that lie clear if its
// best estimate is on the wrong side, or if it was told already. Where the last before it
// lay clear for so long that it would have been told, it is open anew.
func (t *Tracker) leftOpen(e *entry, v *visit) {
	r := &e.run
	wrong := (v.d <= 0) == (v.zone.Kind == KindExclusion)
	switch {
	case t.c.UnknownAfter > 0:
	case !e.open && r.sure && v.q.at.Sub(r.precise) >= t.c.UndecidedAfter:
		*r = t.opens(v)
	case e.open || wrong:
		r.sure, r.sum, r.precise = false, 0, time.Time{}
	default:
		r.sure = false
	}
}

// undecided tells of the zones of which positions have left open for long enough, by
// an instant, whether the person is on their wrong side, and sets when to look next.
func (t *Tracker) undecided(dst []em.Event, at time.Time) []em.Event {
	for k := range t.entries {
		e := &t.entries[k]
		i, ok := t.x.Lookup(e.zone)
		if e.face != coverage || e.open || e.run.sure || !ok {
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
		e.open, e.told = true, t.notKnown(z, e.run.first, because,
			fmt.Sprintf("for %v %s; the last, of %s, is good to ±%.0f m", t.c.UndecidedAfter, t.c.Clear.none(), q.at.Format(time.TimeOnly), q.r95),
			em.Fact{Name: "spare_m", Num: centimetres(spare), Unit: "m"},
			em.Fact{Name: "radius95_m", Text: originFact[q.origin], Num: centimetres(q.r95), Unit: "m"},
			em.Fact{Name: "after_s", Num: t.c.UndecidedAfter.Seconds(), Unit: "s"},
		)
		t.last, t.due.known, t.calm = at, false, calm{}
		dst = append(dst, e.told)
	}
	return dst
}

// none says of positions that they do not lie clear of an edge, as an alert's end asks.
func (c *Confirm) none() string {
	if c.Fixes == 1 && c.Dwell == 0 {
		return "no position lay clear of its edge"
	}
	return fmt.Sprintf("no %d positions in a row over %v lay clear of its edge", c.Fixes, c.Dwell)
}
