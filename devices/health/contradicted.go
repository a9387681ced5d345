package health

import (
	"fmt"
	"math"
	"time"

	"github.com/sargas-em/em"
)

// other is where cells, access points or a contact had a device last, within what they
// are off by at worst.
type other struct {
	position
	sure    bool // they agreed with the satellites before, or with each other, or it is a contact
	told    bool // that the satellites contradict them; until they agree
	contact bool
}

func (n *other) what() string {
	if n.contact {
		return "a contact with a unit at a known place"
	}
	return "cells or access points, however wrong"
}

// both reports whether somebody can have been at two positions, whichever came first.
func (t *Track) both(a, b *position) bool {
	return least(a, b) <= t.c.Speed*math.Abs(b.at.Sub(a.at).Seconds())
}

// hear takes a position by cells or access points, with an accuracy of its own.
func (t *Track) hear(dst []em.Event, d *tracked, o *em.Observation, f *em.Fix) []em.Event {
	if !f.Accuracy.OK || !(f.Accuracy.V > 0) {
		return dst
	}
	radius, _ := f.Radius95(0)
	return t.places(dst, d, other{position: position{o.At, o.ID, f.LatLng, min(em.WorstRadius(radius), em.EarthRadius)}})
}

// meet takes a contact with units at known places.
func (t *Track) meet(dst []em.Event, o *em.Observation, b *em.Beacon) []em.Event {
	for i := range t.c.Contacts {
		k := &t.c.Contacts[i]
		d, ok := k.Near(o, b)
		if !ok {
			continue
		}
		if j, found := t.find(d); found {
			dst = t.places(dst, &t.devices[j], other{position: position{o.At, o.ID, k.Place, min(k.Reach, em.EarthRadius)}, contact: true})
		}
	}
	return dst
}

// places takes where else than by satellites a device is.
func (t *Track) places(dst []em.Event, d *tracked, n other) []em.Event {
	if d.good.at.IsZero() || n.at.Before(d.other.at) {
		return dst
	}
	n.told = d.other.told
	agrees := t.both(&d.good, &n.position)
	before := &d.other
	n.sure = agrees || n.contact || !before.at.IsZero() && !before.at.Before(d.good.at) && !t.both(&d.good, &before.position) && t.both(&before.position, &n.position)
	if n.sure && !agrees && !n.told && d.odd.at.IsZero() {
		n.told = true
		dst = append(dst, t.contradiction(d, &d.good, &n, n.at))
	}
	d.other = n
	return dst
}

// contradicted reports whether nobody can be at p, as cells, access points or a contact
// have the device elsewhere, and tells so once. The next position that agrees with them vouches
// for the way back.
func (t *Track) contradicted(dst []em.Event, d *tracked, p *position) ([]em.Event, bool) {
	n := &d.other
	switch {
	case !n.sure:
	case !t.both(&n.position, p):
		if !n.told {
			n.told = true
			dst = append(dst, t.contradiction(d, p, n, p.at))
		}
		return dst, true
	case n.told:
		if n.told = false; !t.both(&d.good, &n.position) {
			d.good, d.odd = *p, position{}
		}
	}
	return dst, false
}

// contradiction is the event of a position by satellites and of what else is known, of which the later told it.
func (t *Track) contradiction(d *tracked, p *position, n *other, at time.Time) em.Event {
	first, last := p, &n.position
	if n.at.Before(p.at) {
		first, last = last, first
	}
	e := newEvent(t.c.Version, d.device, KindPosition, first.at)
	e.Anchor, e.Until, e.Because = at, last.at, because(first.id, last.id)
	far, took := least(p, &n.position), last.at.Sub(first.at)
	e.Detail.Class, e.Detail.Severity = "POSITION_CONTRADICTED", em.Warning
	e.Detail.Reason = fmt.Sprintf("The satellites put the device at least %.0f m from where it was within %s, to %s, by %s: it cannot be at both, so one of the places is wrong or not its own.", far, span(took), clock(last.at), n.what())
	e.Detail.Facts = []em.Fact{
		{Name: "distance, at least", Num: math.Round(far), Unit: "m"}, seconds("in", took),
		{Name: "speed allowed", Num: t.c.Speed, Unit: "m/s"}, {Name: "accuracy assumed", Num: t.c.Accuracy, Unit: "m"},
		{Name: "other", Text: n.what()}, {Name: "other position off by, at worst", Num: math.Round(n.radius), Unit: "m"},
	}
	return e
}
