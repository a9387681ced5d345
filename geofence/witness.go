package geofence

import (
	"fmt"
	"math"
	"time"

	"github.com/sargas-em/em"
)

// witness is what else than satellites says where a device is.
type witness struct {
	reading
	sure bool // it agreed with what was known, another one agrees, or it is a contact
}

// worst is how many metres the device is from there at most.
func (n *witness) worst() float64 {
	if n.origin == ofReach {
		return n.r95
	}
	return em.WorstRadius(n.r95)
}

// excludes reports whether nobody can be both there and at a fix, whichever came
// first, at MaxSpeed and by the worst that either is off by.
func (n *witness) excludes(q *reading, c *Config) bool {
	s := math.Abs(q.at.Sub(n.at).Seconds()) + clockSlack
	far := n.worst() + q.r95 + c.MaxSpeed*s
	return farAtMost(n.p, q.p) > far && n.p.Distance(q.p) > far
}

// excluded reports whether what else is known of the device says that it is not where
// a satellite fix has it.
func (w *way) excluded(q *reading, c *Config) bool {
	return w.net != nil && w.net.sure && w.trust != distrusted && w.net.excludes(q, c)
}

// contradicted reports whether what came after the last good fix says that it was not
// there.
func (w *way) contradicted(c *Config) bool {
	return w.net != nil && !w.net.at.Before(w.good.at) && w.excluded(&w.good, c)
}

// vouched reports whether what contradicts the last good fix agrees with another one.
func (w *way) vouched(q *reading, c *Config) bool {
	return w.contradicted(c) && !w.net.excludes(q, c)
}

// hear notes where else than by satellites a device is.
func (w *way) hear(n witness, c *Config) {
	n = n.heard(&w.good, w.net, c)
	w.net = &n
}

// heard is what else is known of a device, after a good fix and what was known before.
func (n witness) heard(good *reading, before *witness, c *Config) witness {
	n.sure = n.origin == ofReach || !n.excludes(good, c) ||
		before != nil && !before.at.Before(good.at) && before.excludes(good, c) && !n.excludes(&before.reading, c)
	return n
}

// hears takes what is no satellite fix to the way of a device, if there is one, and
// tells whether the two exclude each other.
func (t *Tracker) hears(dst []em.Event, d em.DeviceID, n witness) []em.Event {
	for i := range t.ways {
		if w := &t.ways[i]; w.device == d && w.begun() && !n.at.Before(w.good.at) {
			w.hear(n, &t.c)
			if w.doubt.Detail.Kind == "" && w.odds == 0 && w.contradicted(&t.c) {
				w.doubt = t.contradiction(w)
				dst = append(dst, w.doubt)
			}
		}
	}
	return dst
}

// contact takes a contact with a unit at a known place.
func (t *Tracker) contact(dst []em.Event, o *em.Observation, b *em.Beacon) []em.Event {
	for i := range t.c.Contacts {
		k := &t.c.Contacts[i]
		if d, ok := k.Near(o, b); ok {
			dst = t.hears(dst, d, witness{reading: reading{id: o.ID, at: o.At, p: k.Place, r95: k.Reach, origin: ofReach, coarse: true}})
		}
	}
	return dst
}

// contradiction is the event of a good fix of which something else says that nobody
// was there.
func (t *Tracker) contradiction(w *way) em.Event {
	good, n := &w.good, w.net
	return em.Event{
		Rule: Rule, Version: RuleVersion, About: string(w.device), Anchor: n.at, At: n.at, Because: []em.ObservationID{good.id, n.id},
		Detail: em.Detail{
			Kind: EventDoubted, Severity: em.Warning,
			Reason: fmt.Sprintf("%s; neither is relied on.", n.against(good)),
			Facts: append([]em.Fact{
				{Name: "rule", Text: RuleVersion},
				{Name: "max_speed_mps", Num: centimetres(t.c.MaxSpeed), Unit: "m/s"},
				{Name: "radius95_m", Text: originFact[good.origin], Num: centimetres(good.r95), Unit: "m"},
			}, n.facts(good)...),
		},
	}
}

// against says how it excludes a fix.
func (n *witness) against(q *reading) string {
	return fmt.Sprintf("The satellites put the device %.0f m from where %s had it within %v, %s ±%.0f m: it cannot be at both",
		n.p.Distance(q.p), n.what(), q.at.Sub(n.at).Abs().Round(time.Second), originWords[n.origin], n.r95)
}

func (n *witness) what() string {
	if n.origin == ofReach {
		return "a contact with a unit at a known place"
	}
	return "cells or access points"
}

// facts are what it says about a fix that it excludes.
func (n *witness) facts(q *reading) []em.Fact {
	return []em.Fact{
		{Name: "other", Text: n.what()},
		{Name: "other_way_m", Num: centimetres(n.p.Distance(q.p)), Unit: "m"},
		{Name: "other_gap_s", Num: q.at.Sub(n.at).Abs().Seconds(), Unit: "s"},
		{Name: "other_radius95_m", Text: originFact[n.origin], Num: centimetres(n.r95), Unit: "m"},
		{Name: "other_worst_m", Num: centimetres(n.worst()), Unit: "m"},
	}
}
