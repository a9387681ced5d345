package geofence

import (
	"fmt"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// left is what fixes leave open about a zone: whether the person is on its wrong side. The
// zero value is nothing.
type left struct {
	first time.Time // since when
	ids   []em.ObservationID

	clear  bool      // the last fix lies clear of the wrong side
	clears int       // how many in a row do, up to maxCount
	since  time.Time // of them the first

	wrongs int       // how many in a row are on the wrong side by their best estimate, up to maxCount
	wrong  time.Time // of them the first
	by     em.ObservationID
}

// maxCount bounds the counts of left, so that a long row comes to the same state
// whatever was before it.
const maxCount = 1 << 20

// leastWrong is how many fixes in a row must be on the wrong side by their best estimate
// for Config.SuspectedAfter.
const leastWrong = 2

// suspect notes on which side of the edge the best estimate is.
func (l *left) suspect(v *visit) {
	if (v.d <= 0) != (v.zone.Kind == KindExclusion) {
		l.wrongs, l.wrong, l.by = 0, time.Time{}, em.ObservationID{}
		return
	}
	if l.wrongs = min(l.wrongs+1, maxCount); l.wrongs == 1 {
		l.wrong, l.by = v.q.at, v.q.id
	}
}

// due is when it is to be told that it is open, and whether it is as the best estimates
// are on the wrong side.
func (l *left) due(c *Config) (at time.Time, suspected bool) {
	switch {
	case c.UnknownAfter > 0:
		return l.first.Add(c.UnknownAfter), false
	case c.UndecidedAfter > 0:
		at = l.first.Add(c.UndecidedAfter)
	}
	if c.SuspectedAfter > 0 && l.wrongs >= leastWrong {
		if soon := l.wrong.Add(c.SuspectedAfter); at.IsZero() || soon.Before(at) {
			return soon, true
		}
	}
	return at, false
}

// asksOpen reports whether it is ever told that a violation is left open.
func (c *Config) asksOpen() bool {
	return c.UnknownAfter > 0 || c.UndecidedAfter > 0 || c.SuspectedAfter > 0
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
// ends the time in which it was open: as many do as end an alert.
func (t *Tracker) suffices(l *left, v *visit) bool {
	if t.c.UnknownAfter > 0 {
		return true
	}
	if l.clears == 0 {
		l.since = v.q.at
	}
	l.clear, l.clears = true, min(l.clears+1, maxCount)
	l.suspect(v)
	return l.clears >= t.c.Clear.Fixes && v.q.at.Sub(l.since) >= t.c.Clear.Dwell
}

// leftOpen takes a fix that leaves it open. It ends a row of those that lie clear if its
// best estimate is on the wrong side, or if it was told already. Where the last before it
// lay clear for so long that it would have been told, it is open anew.
func (t *Tracker) leftOpen(e *entry, v *visit) {
	l := &e.left
	wrong := (v.d <= 0) == (v.zone.Kind == KindExclusion)
	switch {
	case t.c.UnknownAfter > 0:
		return
	case !e.open && l.clear && t.c.UndecidedAfter > 0 && v.q.at.Sub(l.since) >= t.c.UndecidedAfter:
		*l = t.opens(v)
		return
	case e.open || wrong:
		l.clear, l.clears, l.since = false, 0, time.Time{}
	default:
		l.clear = false
	}
	l.suspect(v)
}

// undecided tells of the zones of which positions have left open for long enough, by
// an instant, whether the person is on their wrong side, and sets when to look next.
func (t *Tracker) undecided(dst []em.Event, at time.Time) []em.Event {
	for k := range t.entries {
		e := &t.entries[k]
		i, ok := t.x.Lookup(e.zone)
		if e.face != coverage || e.open || e.left.clear || !ok {
			continue
		}
		due, suspected := e.left.due(&t.c)
		if due.IsZero() {
			continue
		}
		if due.After(at) {
			t.lookAt(due)
			continue
		}
		_, q, spare := t.mayBe(i, at)
		if q == nil {
			continue
		}
		because := e.left.ids[:1:1]
		after, what := t.c.UndecidedAfter, t.c.Clear.none()
		if suspected {
			after, what = t.c.SuspectedAfter, fmt.Sprintf("%d positions in a row lay on its wrong side, but not for certain", e.left.wrongs)
			because = append(because, e.left.by)
		}
		because = slices.Compact(append(because, q.id))
		z := t.x.at(i)
		e.open, e.told = true, t.notKnown(z, e.left.first, because,
			fmt.Sprintf("for %v %s; the last, of %s, is good to ±%.0f m", after, what, q.at.Format(time.TimeOnly), q.r95),
			em.Fact{Name: "spare_m", Num: centimetres(spare), Unit: "m"},
			em.Fact{Name: "radius95_m", Text: originFact[q.origin], Num: centimetres(q.r95), Unit: "m"},
			em.Fact{Name: "after_s", Num: after.Seconds(), Unit: "s"},
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
