package geofence

import (
	"math"
	"time"

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
	since time.Time // of the first; zero in a state of before that was kept
}

func restAt(q *reading) rest { return rest{p: q.p, r95: q.r95, fixes: 1, since: q.at} }

// add takes a fix into the mean, from which it lies far metres.
func (r *rest) add(q *reading, far float64) {
	r.fixes = min(r.fixes+1, maxRested)
	pull := 1 / float64(r.fixes)
	if far > q.r95 {
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

// A device that stands tells good positions under an open sky alone: two that are
// precise, so far apart, and by their whole circles on one side are no reflections.
// Precise is an accuracy of preciseAccuracy, or an HDOP that makes preciseHDOP, by the
// 95 % radius in metres. benchmarks/verdicts: it finds one in 20 of what is missed, for
// 2 % more false alerts; with 10 m by HDOP it finds few more, for 8 %.
const (
	preciseAccuracy = 12
	preciseHDOP     = 8
	preciseFor      = 50 * time.Second
)

// Who came to rest lately is about to go on sooner than who has rested for hours, and
// reflections come at any time alike. So of a device that measures no speed and rests
// for less than restsLately two fixes preciseFor apart, by their whole circles on one
// side, are no drift, precise or not. benchmarks/verdicts: of the real tracks it finds
// two in three of what was missed, for a tenth more false alerts of such devices.
const restsLately = 10 * time.Minute

// lately reports whether a fix that is drift is of a device that measures no speed and
// came to rest lately.
func (m *motion) lately(q *reading) bool {
	return !m.speeds && q.at.Sub(m.rest.since) < restsLately
}

// precise reports whether the fix itself says that it is good.
func (q *reading) precise() bool {
	switch q.origin {
	case reported:
		return q.r95 <= preciseAccuracy
	case fromHDOP:
		return q.r95 <= preciseHDOP
	}
	return false
}

// pace is how fast a device went that measures no speed, by its positions. The zero
// value is before the first.
type pace struct {
	p   em.LatLng
	r95 float64
	at  time.Time
	v   em.Opt[float64] // m/s, up to then

	// The way since, by fixes stepLeast apart, of which no more than a step is known of who
	// reports rarely.
	last       em.LatLng
	lastAt     time.Duration // since at
	path, most float64       // metres in all, and of the longest step
	cos        float64       // of p's latitude, once it is asked for; no state
}

// How long a way takes from which a pace is told: what fixes err by makes little of
// a speed over so long a time, and over longer ones a way may have been any.
const (
	paceLeast = 50 * time.Second
	paceMost  = 3 * time.Minute
)

// paceReach is Config.DriftReach at most, in metres, for a device that measures no
// speed. Outliers make a pace too, and walks about a place none: by 150 m and
// standingSpeed benchmarks/verdicts tells 123 false alerts and misses 24 violations
// of 904, by 300 m and movingSpeed 86 and 35, and without any of it 590 and 11.
const paceReach = 150

// A way is steady if straight/steadyWay is no shorter, and no step of it longer than
// steadyStep of the straight one. Reflections jump or wander: they make none.
const (
	steadyWay  = .7
	steadyStep = .5
	stepLeast  = 4 * time.Second
)

// add takes a fix, and reports whether there is a new speed, and whether it is that of a
// steady way. A way no longer than the errors of both fixes make one, by the root of
// their squares, is none.
func (s *pace) add(q *reading) (fresh, steady bool) {
	switch gap := q.at.Sub(s.at); {
	case s.at.IsZero() || gap > paceMost:
		*s = pace{p: q.p, r95: q.r95, at: q.at, last: q.p}
	case gap >= paceLeast:
		far := s.p.Distance(q.p)
		v := far
		if far <= math.Hypot(s.r95, q.r95) {
			v = 0
		}
		if v > 0 && s.path > 0 {
			s.step(q, gap)
			steady = far >= steadyWay*s.path && s.most <= steadyStep*far
		}
		*s = pace{p: q.p, r95: q.r95, at: q.at, v: em.Some(v / gap.Seconds()), last: q.p}
		return true, steady
	case gap-s.lastAt >= stepLeast:
		s.step(q, gap)
	}
	return false, false
}

// step takes a fix into the way since the last speed, straight in the plane: it is short.
func (s *pace) step(q *reading, gap time.Duration) {
	if s.cos == 0 {
		s.cos = math.Cos(s.p.Lat * math.Pi / 180)
	}
	y := q.p.Lat - s.last.Lat
	x := within180(q.p.Lng-s.last.Lng) * s.cos
	far := metresPerDegree * math.Sqrt(x*x+y*y)
	s.last, s.lastAt, s.path, s.most = q.p, gap, s.path+far, max(s.most, far)
}

// motion is whether a device moves, and where it rests if it does not. The zero value
// is before its first fix.
type motion struct {
	speeds bool // the device measures its speed: it said once that it moves
	pace   pace // of a device that does not
	rest   rest
	moves  int // moving fixes in a row, up to leaveRest
}

// settle marks a fix as drift if the device does not move, by the speed it
// measures or else by its positions, and lies near where it came to rest; and notes
// where that is.
func (m *motion) settle(q *reading, c *Config) {
	m.speeds = m.speeds || q.speed.OK && q.speed.V >= movingSpeed
	switch {
	case c.DriftReach >= 0 && !m.speeds:
		m.settlePaced(q, c)
		return
	case c.DriftReach < 0 || !q.speed.OK:
		m.pace, m.rest, m.moves = pace{}, rest{}, 0
		return
	}
	m.pace = pace{}
	far := m.fromRest(q, c.DriftReach)
	m.count(q.speed.V >= movingSpeed)
	leaves := m.moves == leaveRest || q.speed.V >= leaveSpeed && far > q.r95+m.rest.r95
	m.settleBy(q, far, q.speed.V, movingSpeed, !leaves && far <= c.DriftReach)
}

// settlePaced is settle for a device that measures no speed, or has said nothing yet
// but that it stands, which those say that measure none. One fix after a
// silence says nothing against where it rested before, and the next says where it
// rests from then on.
func (m *motion) settlePaced(q *reading, c *Config) {
	silent := !m.pace.v.OK
	fresh, steady := m.pace.add(q)
	reach := min(c.DriftReach, paceReach)
	far := m.fromRest(q, reach)
	near := m.rest.fixes > 0 && far <= reach
	if !m.pace.v.OK {
		if q.drift = near; !near {
			m.rest, m.moves = rest{}, 0
		}
		return
	}
	moves := m.pace.v.V >= standingSpeed
	if fresh || !moves {
		m.count(moves)
	}
	if moves && steady {
		m.moves = leaveRest
	}
	m.settleBy(q, far, m.pace.v.V, standingSpeed, near && m.moves < leaveRest && (moves || !silent))
}

// fromRest is how far a fix lies from where the device rests, or zero; or no less
// than that, if it is within the fix's circle and reach: then nobody asks how far.
func (m *motion) fromRest(q *reading, reach float64) float64 {
	if m.rest.fixes == 0 {
		return 0
	}
	if far := farAtMost(m.rest.p, q.p); far <= min(q.r95, reach) {
		return far
	}
	return m.rest.p.Distance(q.p)
}

// count counts moving fixes in a row.
func (m *motion) count(moves bool) {
	if m.moves = min(m.moves+1, leaveRest); !moves {
		m.moves = 0
	}
}

// settleBy is settle by a speed, for a fix far metres from the rest; stays says that a device that rests goes on to.
func (m *motion) settleBy(q *reading, far, speed, moving float64, stays bool) {
	switch rests := m.rest.fixes > 0; {
	case rests && stays:
		q.drift = true
		m.rest.add(q, far)
	case speed >= moving:
		m.rest = rest{}
	case rests || speed < standingSpeed: // it came to rest here, or elsewhere
		m.rest = restAt(q)
	}
}
