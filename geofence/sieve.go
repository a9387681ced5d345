package geofence

import (
	"math"
	"time"

	"github.com/sargas-em/em"
)

// Position is where a Sieve has a person by one fix.
type Position struct {
	ID       em.ObservationID
	At       time.Time
	Where    em.LatLng
	Radius95 float64 // metres
	Reported bool    // the radius is the device's own
	Coarse   bool    // by cells or access points, not by satellites
	Speed    em.Opt[float64]

	// Rest is where the device rests, as the mean of its last fixes, and RestRadius
	// how much of their radius is left in it: Where is drift about it. It is not OK
	// while the device moves, or says a speed and has not yet said that it moves.
	Rest       em.Opt[em.LatLng]
	RestRadius float64
}

// Sieve sifts the fixes of one person as a Tracker does before it judges them by
// zones: outliers and jumps are left out, and drift of a device that rests is told.
// It is for rules about something other than zones, package proximity's among them.
//
// It is for one goroutine, and for observations in the order of event time. Its
// state is some hundred bytes a device.
type Sieve struct{ t Tracker }

// NewSieve returns a Sieve in the state before the first observation. Of a Config
// AssumedAccuracy, DeviceAccuracy, MaxRadius95, MaxSpeed, OutlierRun, JumpHold and
// DriftReach count. Errors wrap ErrConfig.
func NewSieve(c Config) (*Sieve, error) {
	t, err := NewTracker(nil, c)
	if err != nil {
		return nil, err
	}
	return &Sieve{*t}, nil
}

// Append appends the positions that an observation makes usable, in the order of
// their times: mostly its own or none; where a row of fixes is taken as true that
// was taken for outliers before, the whole row.
func (s *Sieve) Append(dst []Position, o em.Observation) []Position {
	t := &s.t
	fix, ok := o.Body.(*em.Fix)
	if !ok || !fix.Current() {
		return dst
	}
	q, ok := t.c.read(&o, fix)
	if !ok {
		return dst
	}
	if q.coarse {
		if last := t.before(o.At); last == nil || t.c.can(last, &q, false) {
			dst = append(dst, position(&q, nil))
		}
		return dst
	}
	w := t.wayOf(o.Device)
	t.use, _ = w.take(&q, &t.c, t.use[:0], t.refused[:0])
	for i := range t.use {
		w.settle(&t.use[i], &t.c)
		w.used(&t.use[i], &t.c)
		rest := &w.rest
		if t.use[i].speed.OK && !w.speeds {
			rest = nil // a protected person is not left to what may be no speed
		}
		dst = append(dst, position(&t.use[i], rest))
	}
	return dst
}

func position(q *reading, r *rest) Position {
	p := Position{ID: q.id, At: q.at, Where: q.p, Radius95: q.r95, Reported: q.origin == reported, Coarse: q.coarse, Speed: q.speed}
	if r != nil && r.fixes > 0 {
		p.Rest, p.RestRadius = em.Some(r.p), r.r95/math.Sqrt(float64(r.fixes))
	}
	return p
}

// AppendBinary appends the state. It implements encoding.BinaryAppender.
func (s *Sieve) AppendBinary(dst []byte) ([]byte, error) { return s.t.AppendBinary(dst) }

// UnmarshalBinary replaces the state by one that AppendBinary wrote. Errors wrap
// em.ErrState and leave the state as it was.
func (s *Sieve) UnmarshalBinary(b []byte) error { return s.t.UnmarshalBinary(b) }
