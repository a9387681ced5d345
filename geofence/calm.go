package geofence

import (
	"math"

	"github.com/sargas-em/em"
)

// calm is a circle in which there are no edges, while all zones are as was told:
// a fix in it says nothing new. The zero value holds none.
type calm struct {
	center em.LatLng
	cos    float64 // no less than the cosine of any latitude in it
	clear  float64 // metres
}

// calmAround returns the circle, of which distances are good to a
// ten-thousandth; see edgeSet.
func calmAround(p em.LatLng, clear float64) calm {
	const degrees = .1 // most of the radius, so that degrees are alike in it
	clear = min(clear*.999-1, degrees*metresPerDegree)
	if clear <= 0 {
		return calm{}
	}
	return calm{center: p, cos: math.Cos(max(math.Abs(p.Lat)-degrees, 0) * math.Pi / 180), clear: clear}
}

// holds reports whether all of a fix's circle is in it.
func (c *calm) holds(q *reading) bool {
	left := c.clear - q.r95
	if left <= 0 {
		return false
	}
	y := (q.p.Lat - c.center.Lat) * metresPerDegree
	x := (q.p.Lng - c.center.Lng) * metresPerDegree * c.cos
	return x*x+y*y <= left*left // straight in the plane is no less than over ground
}
