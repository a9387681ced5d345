package geofence

import (
	"math"

	"github.com/sargas-em/em"
)

// Speeds in m/s from which a device moves, and up to which it stands; in between,
// what was before goes on. Whoever walks slowly says .8. Indoors single speeds are
// wrong too: it takes leaveRest moving fixes in a row to go from where it rested,
// or one of leaveSpeed, farther away than both circles. All are measured by
// benchmarks/verdicts.
const (
	movingSpeed   = 0.8
	standingSpeed = 0.5
	leaveRest     = 2
	leaveSpeed    = 1.5
)

// maxRested bounds of how many fixes the place where a device rests is the mean:
// who moves about in a building is found elsewhere in it after as many.
const maxRested = 20

// rest is where a device came to rest. The zero value is nowhere.
type rest struct {
	p     em.LatLng // the mean of fixes of which each pulls by no more than its radius
	r95   float64   // of the first, in metres
	fixes int       // up to maxRested
}

func restAt(q *reading) rest { return rest{p: q.p, r95: q.r95, fixes: 1} }

// add takes a fix into the mean.
func (r *rest) add(q *reading) {
	r.fixes = min(r.fixes+1, maxRested)
	pull := 1 / float64(r.fixes)
	if far := r.p.Distance(q.p); far > q.r95 {
		pull *= q.r95 / far
	}
	r.p = between(r.p, q.p, pull)
}

// restsSure is how many radii of the mean a device must rest beyond an edge to be
// taken to rest there. benchmarks/verdicts: by 0.7 it tells a fifth of what would
// be missed, for a tenth more false alerts.
const restsSure = .7

// on reports whether the device rests on a side of the edge from which its place
// is d metres away, negative inside.
func (r *rest) on(side em.Side, d float64) bool {
	if side == em.Inside {
		d = -d
	}
	return d > restsSure*r.r95/math.Sqrt(float64(r.fixes))
}

// settle marks a fix as drift if the device does not move, by the speed it
// measures, and lies near where it came to rest; and notes where that is.
func (w *way) settle(q *reading, c *Config) {
	if !w.speeds || !q.speed.OK || c.DriftReach < 0 {
		w.rest, w.moves = rest{}, 0
		return
	}
	moves := q.speed.V >= movingSpeed
	if w.moves++; !moves {
		w.moves = 0
	}
	w.moves = min(w.moves, leaveRest)
	rests, far := w.rest.fixes > 0, 0.
	if rests {
		far = w.rest.p.Distance(q.p)
	}
	leaves := w.moves == leaveRest || q.speed.V >= leaveSpeed && far > q.r95+w.rest.r95
	switch {
	case rests && !leaves && far <= c.DriftReach:
		q.drift = true
		w.rest.add(q)
	case moves:
		w.rest = rest{}
	case rests || q.speed.V < standingSpeed: // it came to rest here, or elsewhere
		w.rest = restAt(q)
	}
}
