package geofence

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// covers reports whether it is asked of a zone if the person may be on its wrong
// side unseen.
func (t *Tracker) covers(z *Zone) bool {
	return t.c.asksOpen() && violates(z)
}

// spare is how many metres a fix that is d from a zone's edge lies clear of its
// wrong side; negative where it may be there.
func (z *Zone) spare(q *reading, d float64) float64 {
	if z.Kind == KindInclusion {
		d = -d
	}
	return d - q.r95
}

// earliest is when the person may have come to the wrong side of a zone first, from
// where a fix lies clear of it by spare metres; to a second.
func (c *Config) earliest(q *reading, spare float64) time.Time {
	return q.at.Add(time.Duration(math.Round(max(spare, 0)/c.unseenSpeed(q))) * time.Second)
}

// unseenSpeed is how fast the person may have gone on unseen, in metres a second.
func (c *Config) unseenSpeed(q *reading) float64 {
	return max(c.UnknownSpeed, min(q.speed.V, c.MaxSpeed))
}

// mayBe returns since when the person may be on the wrong side of zone i, by the last
// positions up to an instant, and which of them says so; no position: never.
func (t *Tracker) mayBe(i int, at time.Time) (since time.Time, q *reading, spare float64) {
	consider := func(r *reading) {
		s := t.x.at(i).spare(r, t.x.Distance(i, r.p))
		if e := t.c.earliest(r, s); q == nil || e.After(since) {
			since, q, spare = e, r, s
		}
	}
	if last := t.before(at); last != nil {
		consider(last)
	}
	if !t.rough.at.IsZero() {
		consider(&t.rough)
	}
	return since, q, spare
}

// cover notes whether a fix leaves open that the person is on a zone's wrong side.
func (t *Tracker) cover(dst []em.Event, v *visit) []em.Event {
	z, q := v.zone, v.q
	if !t.covers(z) {
		return dst
	}
	i, known := t.find(z.ID, coverage)
	spare := z.spare(q, v.d)
	over := v.permitted || t.isOpen(z.ID)
	switch {
	case !over && (spare <= 0 || known && t.strays(v)):
		v.settled = false
		switch {
		case known:
			t.leftOpen(&t.entries[i], v)
		case t.mayOpen(z, q):
			t.entries = slices.Insert(t.entries, i, entry{zone: z.ID, face: coverage, left: t.opens(v)})
			t.due.known = false
		}
	case !known:
	case over || t.suffices(&t.entries[i].left, v):
		e := t.entries[i]
		t.close(i)
		if e.open {
			dst = append(dst, t.known(e.told, z, q, v.d))
		}
	default:
		v.settled = false
	}
	return dst
}

// opens is what a fix leaves open, by it and the last before it.
func (t *Tracker) opens(v *visit) left {
	l := left{first: v.q.at, ids: []em.ObservationID{v.q.id}}
	if t.c.UnknownAfter > 0 {
		if since, last, _ := t.mayBe(v.i, v.q.at); last != nil {
			l = left{first: since, ids: []em.ObservationID{last.id, v.q.id}}
		}
		return l
	}
	l.suspect(v)
	return l
}

// seen sets when to look next, after a fix that was used.
func (t *Tracker) seen(dst []em.Event, q *reading) []em.Event {
	t.look = time.Time{}
	if t.c.UnknownAfter > 0 {
		t.look = q.at.Add(t.c.UnknownAfter)
	}
	for i := range t.entries {
		if e := &t.entries[i]; e.face == coverage && !e.open && !e.left.clear {
			if at, _ := e.left.due(&t.c); !at.IsZero() {
				t.lookAt(at)
			}
		}
	}
	if !t.look.IsZero() && !t.look.After(q.at) {
		return t.missing(dst, q.at)
	}
	return dst
}

// lookAt sees to it that it is looked at an instant, or before.
func (t *Tracker) lookAt(at time.Time) {
	if t.look.IsZero() || at.Before(t.look) {
		t.look = at
	}
}

// missing tells of the zones on whose wrong side the person may have been for long
// enough by an instant, and sets when to look next.
func (t *Tracker) missing(dst []em.Event, at time.Time) []em.Event {
	t.look = time.Time{}
	if t.c.UnknownAfter == 0 {
		return t.undecided(dst, at)
	}
	for i := range t.x.Len() {
		z := t.x.at(i)
		if !t.covers(z) || t.isOpen(z.ID) {
			continue
		}
		k, known := t.find(z.ID, coverage)
		if known && t.entries[k].open {
			continue
		}
		since, q, spare := t.mayBe(i, at)
		if q == nil || spare > t.c.UnknownReach {
			continue
		}
		because := []em.ObservationID{q.id}
		if known {
			since, because = t.entries[k].left.first, t.entries[k].left.ids
		}
		since = z.inForceFor(since, at, t.c.UnknownAfter)
		if since.IsZero() {
			continue
		}
		if due := since.Add(t.c.UnknownAfter); due.After(at) {
			t.lookAt(due)
			continue
		}
		if !known {
			t.entries = slices.Insert(t.entries, k, entry{zone: z.ID, face: coverage})
		}
		e := &t.entries[k]
		e.open, e.left, e.told = true, left{}, t.unknown(z, since, q, spare, because)
		t.last, t.due.known, t.calm = at, false, calm{}
		dst = append(dst, e.told)
	}
	return dst
}

// inForceFor returns the first instant from since on from which the zone's rule is in
// force for a time, and beyond the instant at; zero if there is none, or if that
// cannot be known.
func (z *Zone) inForceFor(since, at time.Time, lasts time.Duration) time.Time {
	if z.Active == nil {
		return since
	}
	s, ok := z.Active.(Schedule)
	if !ok {
		if z.Active.Active(since) && z.Active.Active(at) {
			return since
		}
		return time.Time{}
	}
	for range maxChanges {
		if s.Active(since) {
			end := windowEnd(s, since)
			if end.IsZero() || end.After(at) && !end.Before(since.Add(lasts)) {
				return since
			}
			since = end
		}
		next := s.NextChange(since)
		if !next.After(since) {
			break
		}
		since = next
	}
	return time.Time{}
}

// unknown is the event of a zone on whose wrong side the person may be since an
// instant, for all that the fix q says, which lies clear of it by spare metres.
func (t *Tracker) unknown(z *Zone, since time.Time, q *reading, spare float64, because []em.ObservationID) em.Event {
	where := fmt.Sprintf("the last fix, of %s, lies %.0f m clear of its edge, and none came since", q.at.Format(time.TimeOnly), spare)
	if spare <= 0 {
		where = fmt.Sprintf("the last fix, good to ±%.0f m, does not lie clear of its edge", q.r95)
	}
	return t.notKnown(z, since, because, where,
		em.Fact{Name: "spare_m", Num: centimetres(spare), Unit: "m"},
		em.Fact{Name: "radius95_m", Text: originFact[q.origin], Num: centimetres(q.r95), Unit: "m"},
		em.Fact{Name: "silence_s", Num: max(0, since.Sub(q.at).Seconds()) + t.c.UnknownAfter.Seconds(), Unit: "s"},
		em.Fact{Name: "speed_mps", Num: centimetres(t.c.unseenSpeed(q)), Unit: "m/s"},
		em.Fact{Name: "after_s", Num: t.c.UnknownAfter.Seconds(), Unit: "s"},
		em.Fact{Name: "reach_m", Num: t.c.UnknownReach, Unit: "m"},
	)
}

// notKnown is the event of a zone on whose wrong side the person may be since an
// instant.
func (t *Tracker) notKnown(z *Zone, since time.Time, because []em.ObservationID, where string, facts ...em.Fact) em.Event {
	return em.Event{
		Rule: Rule, Version: z.Version, About: z.ID, Anchor: since, At: since, Because: because,
		Detail: em.Detail{
			Kind: EventUnknown, Severity: em.Warning,
			Reason: fmt.Sprintf("%s %s %s, for all that is known: %s.", mayWords[z.Kind], wordsOf[eventOf[z.Kind]].zone, z.ID, where),
			Facts:  append([]em.Fact{{Name: "rule", Text: RuleVersion}}, facts...),
		},
	}
}

// mayWords say what may be. They are never changed.
var mayWords = map[Kind]string{KindExclusion: "May be in", KindInclusion: "May be out of"}

// known is the last version of an event of what may have been, which a fix d metres
// from the zone's edge ends.
func (t *Tracker) known(told em.Event, z *Zone, q *reading, d float64) em.Event {
	told.Until = t.now // q may have been held back
	told.Because = append(slices.Clip(told.Because), q.id)
	told.Detail.Reason = fmt.Sprintf("%s for %v, until a fix said where the person is: %s its edge, %s ±%.0f m.",
		wordsOf[EventUnknown].during(z.ID), duration(told.Until.Sub(told.At)), insideBy(d), originWords[q.origin], q.r95)
	told.Detail.Facts = append(slices.Clip(told.Detail.Facts),
		em.Fact{Name: "end_distance_m", Num: centimetres(d), Unit: "m"},
		em.Fact{Name: "end_radius95_m", Text: originFact[q.origin], Num: centimetres(q.r95), Unit: "m"})
	return told
}
