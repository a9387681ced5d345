package geofence

import (
	"math"

	"github.com/sargas-em/em"
)

// homeDrift is how far from home, in metres, a device that stands may seem to be,
// and homeMoving the speed in m/s from which it moves.
const (
	homeDrift  = 150
	homeMoving = 1
)

// perhapsAt reports whether a fix d metres from the zone's edge, outside, is of a
// device that says that it stands, and near enough to be drift of one inside.
func (q *reading) perhapsAt(d float64) bool {
	return d > 0 && d <= q.r95+homeDrift && q.speed.OK && q.speed.V < homeMoving
}

// Home returns a function that tells on which side of the zone's edge an
// observation by itself puts the wearer. Package curfew takes it as Where; who has
// all of a person's positions is judged better by a Presence.
//
// A current fix is Inside if its whole em.Fix.Radius95 circle is within the
// zone, and Outside if none of it is: for a circle of radius R round the home
// and a fix at the distance d from it, d + r ≤ R and d - r > R. All else is
// SideUnknown: an uncertain fix, one that is not current, an observation that is
// no fix; and a fix by cells or access points unless it is Inside by an accuracy
// of its own. Satellite fixes that report neither accuracy nor HDOP are taken to
// have the 68 % radius of assumed metres; zero is DefaultAssumedAccuracy. The
// zone's Active is not asked.
//
// A device that says that it does not move (less than 1 m/s) is Outside only
// beyond r + 150 m: nearer, its fixes are not told from what reflections make of
// a place indoors. Who leaves is seen while moving. Where a device says 0 because
// it measures no speed, that holds for all its fixes.
//
// The function may be used by any number of goroutines.
func Home(zone Zone, assumed float64) (func(em.Observation) em.Side, error) {
	h, err := newHome(zone, assumed)
	if err != nil {
		return nil, err
	}
	return func(o em.Observation) em.Side {
		q, d, ok := h.read(&o)
		if !ok || q.perhapsAt(d) {
			return em.SideUnknown
		}
		return q.side(d)
	}, nil
}

// home is a zone that positions are compared with one by one.
type home struct {
	x *Index
	c Config
}

func newHome(zone Zone, assumed float64) (*home, error) {
	h := &home{c: Config{AssumedAccuracy: assumed, MaxRadius95: math.MaxFloat64}}
	if err := h.c.complete(); err != nil {
		return nil, err
	}
	var err error
	h.x, err = NewIndex(zone)
	return h, err
}

// read returns a current fix and how far from the edge it lies, or false.
func (h *home) read(o *em.Observation) (q reading, d float64, ok bool) {
	f, ok := o.Body.(*em.Fix)
	if !ok || !f.Current() {
		return q, 0, false
	}
	if q, ok = h.c.read(o, f); !ok {
		return q, 0, false
	}
	return q, h.x.Distance(0, q.p), true
}
