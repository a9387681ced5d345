package geofence

import "github.com/sargas-em/em"

// Speeds in m/s from which a device moves, and up to which it stands; in between,
// what was before goes on. Whoever walks slowly says .8. Indoors single speeds are
// wrong too: it takes leaveRest moving fixes in a row to go from where it rested.
// All three are measured by benchmarks/verdicts.
const (
	movingSpeed   = 0.8
	standingSpeed = 0.5
	leaveRest     = 2
)

// settle marks a fix as drift if the device does not move, by the speed it
// measures, and lies near where it came to rest; and notes where that is.
func (w *way) settle(q *reading, c *Config) {
	if !w.speeds || !q.speed.OK || c.DriftReach < 0 {
		w.rests, w.rest, w.moves = false, em.LatLng{}, 0
		return
	}
	moves := q.speed.V >= movingSpeed
	if w.moves++; !moves {
		w.moves = 0
	}
	w.moves = min(w.moves, leaveRest)
	switch {
	case w.rests && w.moves < leaveRest && w.rest.Distance(q.p) <= c.DriftReach:
		q.drift = true
	case moves:
		w.rests, w.rest = false, em.LatLng{}
	case w.rests || q.speed.V < standingSpeed: // it came to rest here, or elsewhere
		w.rests, w.rest = true, q.p
	}
}
