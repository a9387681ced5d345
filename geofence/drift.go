package geofence

import "github.com/sargas-em/em"

// Speeds in m/s at which a device moves, and stands. In between, what was before
// goes on. Unverified for any one device.
const (
	movingSpeed   = 1
	standingSpeed = 0.5
)

// settle marks a fix as drift if the device does not move, by the speed it
// measures, and lies near where it came to rest; and notes where that is.
func (w *way) settle(q *reading, c *Config) {
	switch {
	case !w.speeds || !q.speed.OK || q.speed.V >= movingSpeed || c.DriftReach < 0:
		w.rests, w.rest = false, em.LatLng{}
	case w.rests && w.rest.Distance(q.p) <= c.DriftReach:
		q.drift = true
	case w.rests || q.speed.V < standingSpeed: // it came to rest here, or elsewhere
		w.rests, w.rest = true, q.p
	}
}
