package geofence

import (
	"math"

	"github.com/sargas-em/em"
)

// The straight way between two fixes says nothing of somebody who strolls about:
// it is looked at from passSpeed on, in m/s, and if the speeds that the device
// measured make it no more than passDetour times as long. Unverified.
const (
	passSpeed  = 1
	passDetour = 2
)

// passDepth is the least depth in metres of a way through a zone that is told.
const passDepth = 5

// straight reports whether the way between two fixes is worth looking at.
func (t *Tracker) straight(a, b *reading) bool {
	gap := b.at.Sub(a.at)
	if gap <= 0 || gap > t.c.PassGap || a.drift || b.drift || !t.c.can(a, b, false) {
		return false
	}
	far, s := a.p.Distance(b.p), gap.Seconds()
	if far < passSpeed*s {
		return false
	}
	return !a.speed.OK || !b.speed.OK || (a.speed.V+b.speed.V)/2*s <= passDetour*far+speedSlack*s
}

// depthAsked is how deep in a zone the way between two fixes must lead.
func depthAsked(a, b *reading) float64 { return max(a.r95, b.r95, passDepth) }

// between returns the point at a part of the way from p to q, which is short.
func between(p, q em.LatLng, part float64) em.LatLng {
	lng := p.Lng + part*within180(q.Lng-p.Lng)
	return em.LatLng{Lat: p.Lat + part*(q.Lat-p.Lat), Lng: within180(lng)}
}

// within180 is the angle in [-180, 180], in degrees.
func within180(degrees float64) float64 {
	if abs(degrees) <= 180 {
		return degrees
	}
	return math.Remainder(degrees, 360)
}

// along appends the zones that hold points of the way between two fixes, so close
// to each other that none is left out in which the way leads deep enough.
func (t *Tracker) along(dst []int, a, b *reading) []int {
	far := a.p.Distance(b.p)
	n := int(math.Ceil(far / (2 * depthAsked(a, b))))
	var buf [16]int
	for k := range n {
		for _, i := range t.x.Append(buf[:0], between(a.p, b.p, (float64(k)+.5)/float64(n))) {
			if t.x.at(i).Kind == KindExclusion {
				dst = append(dst, i)
			}
		}
	}
	return dst
}

// deepest returns where on the way between two fixes the distance to a zone's edge
// is least, to a metre, if that is at most limit.
func (t *Tracker) deepest(zone int, a, b em.LatLng, limit float64) (at em.LatLng, d float64, ok bool) {
	far := a.Distance(b)
	// Between two points d cannot fall faster than one goes.
	var look func(from, to float64)
	look = func(from, to float64) {
		mid := (from + to) / 2
		p := between(a, b, mid)
		x := t.x.Distance(zone, p)
		if x <= limit {
			at, d, limit, ok = p, x, x, true
		}
		if half := (to - from) / 2 * far; half > 1 && x-half <= limit-1 {
			look(from, mid)
			look(mid, to)
		}
	}
	look(0, 1)
	return at, d, ok
}

// pass tells of an exclusion zone that lies on the way to a fix outside of it.
func (t *Tracker) pass(dst []em.Event, v *visit) []em.Event {
	z, a, b := v.zone, v.last, v.q
	if !t.inForce(z, b.at) || !t.inForce(z, a.at) {
		return dst
	}
	at, d, ok := t.deepest(v.i, a.p, b.p, -depthAsked(a, b))
	if !ok {
		return dst
	}
	there := *b
	there.p, there.r95 = at, max(a.r95, b.r95)
	if permitted, _, _ := t.permitted(&there); permitted {
		return dst
	}
	return append(dst, passed(z, a, b, d))
}
