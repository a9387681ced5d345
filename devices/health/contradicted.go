package health

import (
	"fmt"
	"math"
	"time"

	"github.com/sargas-em/em"
)

// What a position by cells or access points is off by at worst: worstTimes its 95 %
// radius, and worstLeast metres at least, which access points may have been moved by;
// as package geofence has it. Unverified: they may come from farther away. Hence one
// such position by itself says nothing against satellites before it.
const (
	worstTimes = 3
	worstLeast = 5000
)

// other is where cells or access points had a device last, within what they are off by
// at worst.
type other struct {
	position
	sure bool // they agreed with the satellites before, or with each other
	told bool // that the satellites contradict them; until they agree
}

// both reports whether somebody can have been at two positions, whichever came first.
func (t *Track) both(a, b *position) bool {
	return least(a, b) <= t.c.Speed*math.Abs(b.at.Sub(a.at).Seconds())
}

// hear takes a position by cells or access points, with an accuracy of its own.
func (t *Track) hear(dst []em.Event, d *tracked, o *em.Observation, f *em.Fix) []em.Event {
	if d.good.at.IsZero() || !f.Accuracy.OK || !(f.Accuracy.V > 0) || o.At.Before(d.other.at) {
		return dst
	}
	radius, _ := f.Radius95(0)
	n := other{position: position{o.At, o.ID, f.LatLng, min(max(worstTimes*radius, worstLeast), em.EarthRadius)}, told: d.other.told}
	agrees := t.both(&d.good, &n.position)
	before := &d.other
	n.sure = agrees || !before.at.IsZero() && !before.at.Before(d.good.at) && !t.both(&d.good, &before.position) && t.both(&before.position, &n.position)
	if n.sure && !agrees && !n.told && d.odd.at.IsZero() {
		n.told = true
		dst = append(dst, t.contradiction(d, &d.good, &n.position, n.at))
	}
	d.other = n
	return dst
}

// contradicted reports whether nobody can be at p, as cells or access points have the
// device elsewhere, and tells so once. The next position that agrees with them vouches
// for the way back.
func (t *Track) contradicted(dst []em.Event, d *tracked, p *position) ([]em.Event, bool) {
	n := &d.other
	switch {
	case !n.sure:
	case !t.both(&n.position, p):
		if !n.told {
			n.told = true
			dst = append(dst, t.contradiction(d, p, &n.position, p.at))
		}
		return dst, true
	case n.told:
		if n.told = false; !t.both(&d.good, &n.position) {
			d.good, d.odd = *p, position{}
		}
	}
	return dst, false
}

// contradiction is the event of a position by satellites and one by cells or access
// points, of which the later told it.
func (t *Track) contradiction(d *tracked, p, n *position, at time.Time) em.Event {
	first, last := p, n
	if n.at.Before(p.at) {
		first, last = n, p
	}
	e := newEvent(t.c.Version, d.device, KindPosition, first.at)
	e.Anchor, e.Until, e.Because = at, last.at, because(first.id, last.id)
	far, took := least(p, n), last.at.Sub(first.at)
	e.Detail.Class, e.Detail.Severity = "POSITION_CONTRADICTED", em.Warning
	e.Detail.Reason = fmt.Sprintf("The satellites put the device at least %.0f m from where it was within %s, to %s, by cells or access points, however wrong: it cannot be at both, so one of the places is wrong or not its own.", far, span(took), clock(last.at))
	e.Detail.Facts = []em.Fact{
		{Name: "distance, at least", Num: math.Round(far), Unit: "m"}, seconds("in", took),
		{Name: "speed allowed", Num: t.c.Speed, Unit: "m/s"}, {Name: "accuracy assumed", Num: t.c.Accuracy, Unit: "m"},
		{Name: "other position off by, at worst", Num: math.Round(n.radius), Unit: "m"},
	}
	return e
}
