package proximity

import (
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/geofence"
)

// How positions are taken; all by benchmarks/verdicts, of pairs of one town.
const (
	// restShare is what is left of a fix's radius where a device rests: the mean of
	// its fixes errs less than each, and they err alike.
	restShare = .5

	// A position by cells or access points counts by itself up to so many metres of
	// radius; one beyond says no more than that who rests is still there.
	coarsest = 100

	// It counts up to so many metres farther from the last one than radii and speed
	// allow: access points of one building err alike. What is farther is of access
	// points that have moved.
	coarseSlack = 100
)

// fastFor is for how long after it a person is held to be as fast as at a fix.
const fastFor = 5 * time.Minute

// sieve is what the fixes of a person go through.
func (c *Config) sieve() (*geofence.Sieve, error) {
	return geofence.NewSieve(geofence.Config{AssumedAccuracy: c.AssumedAccuracy, MaxRadius95: c.MaxRadius95})
}

// take makes a position the latest of a person, or returns false where it does not
// count.
func (e *Evaluator) take(p *person, q *geofence.Position) bool {
	f := fix{at: q.At.UnixNano(), p: q.Where, r95: q.Radius95, reported: q.Reported, id: q.ID}
	last := &p.last
	age := f.at - last.at
	if last.known() && (age < 0 || age == 0 && q.Radius95 >= last.r95) {
		return false
	}
	if q.Rest.OK {
		f.rests, f.p = true, q.Rest.V
		f.r95 = max(restShare*q.Radius95, q.RestRadius)
	}
	f.m = metres(f.p)
	switch rough := q.Radius95 > coarsest; {
	case !q.Coarse:
		f.speed = e.speed(last, q, f.m)
		f.fast = f.speed.V
		if last.known() && age <= int64(fastFor) {
			f.fast = max(f.fast, last.speed.V)
		}
	case last.known():
		off, reach := last.m.between(f.m), f.r95+last.r95
		if !rough {
			reach += coarseSlack
		}
		switch {
		case last.rests && off <= reach: // still there
			f.p, f.m, f.r95, f.rests = last.p, last.m, last.r95, true
		case rough || off > reach+e.bound(last)*seconds(age):
			return false
		}
		f.fast = last.fast
	case rough:
		return false
	}
	if age > 0 || !last.known() {
		p.prev = *last
	}
	p.last = f
	return true
}

// speed is the measured speed at a position: as reported, else from the one before.
func (e *Evaluator) speed(prev *fix, q *geofence.Position, m vec) em.Opt[float64] {
	if q.Speed.OK && q.Speed.V <= maxMeasured {
		return q.Speed
	}
	if gap := q.At.UnixNano() - prev.at; prev.known() && gap > 0 && gap <= e.c.MaxAge.Nanoseconds() {
		return em.Some(min(maxMeasured, prev.m.between(m)/seconds(gap)))
	}
	return em.Opt[float64]{}
}

// maxMeasured bounds a measured speed, m/s: that of an airliner. What is beyond
// was not measured.
const maxMeasured = 350
