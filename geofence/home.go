package geofence

import (
	"math"

	"github.com/sargas-em/em"
)

// Home returns a function that tells on which side of the zone's edge an
// observation puts the wearer. It is what package curfew asks for as Where.
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
// The function may be used by any number of goroutines.
func Home(zone Zone, assumed float64) (func(em.Observation) em.Side, error) {
	c := Config{AssumedAccuracy: assumed, MaxRadius95: math.MaxFloat64}
	if err := c.complete(); err != nil {
		return nil, err
	}
	x, err := NewIndex(zone)
	if err != nil {
		return nil, err
	}
	return func(o em.Observation) em.Side {
		f, ok := o.Body.(*em.Fix)
		if !ok || !f.Current() {
			return em.SideUnknown
		}
		q, ok := c.read(&o, f)
		if !ok {
			return em.SideUnknown
		}
		return q.side(x.Distance(0, q.p))
	}, nil
}
