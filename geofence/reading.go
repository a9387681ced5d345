package geofence

import (
	"time"

	"github.com/sargas-em/em"
)

// reading is a fix to judge on.
type reading struct {
	id     em.ObservationID
	at     time.Time
	p      em.LatLng
	r95    float64 // metres
	origin origin  // of the radius
	coarse bool    // not by satellites
	drift  bool    // of a device that stands, near where it came to rest
	speed  em.Opt[float64]
}

// origin is where a fix has its radius from.
type origin uint8

const (
	reported origin = iota
	fromHDOP        // as em.Fix.Radius68 has it
	assumed         // Config.AssumedAccuracy, or DeviceAccuracy
	ofReach         // Contact.Reach
	origins
)

var (
	originFact  = [origins]string{"reported", "hdop", "assumed", "reach"}
	originWords = [origins]string{"position good to", "position by its HDOP good to", "position of unstated accuracy, taken as", "within"}
)

// maxReported is a speed in m/s that no device means.
const maxReported = 1e6

// read returns what a current fix says, or false if it decides nothing: one
// with too large a radius, and one by cells or access points that reports none.
func (c *Config) read(o *em.Observation, f *em.Fix) (reading, bool) {
	q := reading{id: o.ID, at: o.At, p: f.LatLng, coarse: f.Source != em.SourceGNSS && f.Source != "", speed: f.Speed}
	switch {
	case f.Accuracy.OK && f.Accuracy.V > 0:
		q.r95, _ = f.Radius95(0)
	case q.coarse:
		return q, false
	case f.HDOP.OK && f.HDOP.V > 0:
		q.r95, _ = f.Radius95(0)
		q.origin = fromHDOP
	default:
		q.r95, _ = f.Radius95(c.assumed(o.Device))
		q.origin = assumed
	}
	if !(q.speed.V >= 0 && q.speed.V < maxReported) {
		q.speed = em.Opt[float64]{}
	}
	return q, q.r95 <= c.MaxRadius95
}

// side returns on which side of an edge the fix lies that is d metres from it,
// negative inside. Only satellites put anybody outside.
func (q *reading) side(d float64) em.Side {
	switch {
	case d <= -q.r95:
		return em.Inside
	case d > q.r95 && !q.coarse:
		return em.Outside
	}
	return em.SideUnknown
}
