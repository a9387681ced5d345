package movement

import (
	"math"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// Defaults of StopRule. The distance and the dwell are those that Li et al. use.
const (
	DefaultStopDistance = 200.0 // metres
	DefaultDwell        = 20 * time.Minute
	DefaultMaxGap       = 5 * time.Minute
)

// StopRule says what a stop is. Zero fields have their defaults.
type StopRule struct {
	Distance float64 // metres from the first fix
	Dwell    time.Duration
	MaxGap   time.Duration // a longer time without a fix is a gap: nothing was known
	Accuracy Accuracy
}

// Stop is a time at one place. It is known to have lasted for [From, To]: it began
// after Before, the last fix elsewhere, and ended before After, the first one
// elsewhere; both are zero where there is none.
type Stop struct {
	From     time.Time     `json:"from"`
	To       time.Time     `json:"to"`
	Before   time.Time     `json:"before,omitzero"`
	After    time.Time     `json:"after,omitzero"`
	Middle   em.LatLng     `json:"middle"`
	Radius95 float64       `json:"radius95_m"`
	Fixes    int           `json:"fixes"`
	Unknown  time.Duration `json:"unknown_ns"` // in gaps, of To - From
	First    em.ObservationID
	Last     em.ObservationID
}

// StopReport is the stops of one person, in order.
type StopReport struct {
	Disclosure Disclosure    `json:"disclosure"`
	Subject    em.SubjectID  `json:"subject"`
	Stops      []Stop        `json:"stops"`
	Unknown    time.Duration `json:"unknown_ns"` // in gaps, of the time between the first and the last fix
}

// Stops finds where a person stopped. Errors wrap ErrUnauthorized, ErrRule or
// ErrTrack.
func Stops(a Authorization, t Track, r StopRule) (*StopReport, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	facts, err := complete(append([]parameter{{"stop distance", &r.Distance, DefaultStopDistance, "m"}}, r.Accuracy.parameters()...)...)
	if err != nil {
		return nil, err
	}
	if facts, err = duration(facts, "dwell", &r.Dwell, DefaultDwell); err != nil {
		return nil, err
	}
	if facts, err = duration(facts, "longest gap", &r.MaxGap, DefaultMaxGap); err != nil {
		return nil, err
	}
	rep := &StopReport{Subject: t.Subject, Disclosure: Disclosure{Authorization: a, Analysis: AnalysisStops, Method: method, Parameters: facts}}
	fixes, err := t.read(a, r.Accuracy, &rep.Disclosure)
	if err != nil {
		return nil, err
	}
	rep.Unknown = unknown(fixes, r.MaxGap)
	rep.Stops = stops(fixes, r)
	return rep, nil
}

// unknown adds up the gaps between fixes.
func unknown(fixes []fix, maxGap time.Duration) (sum time.Duration) {
	for i := 1; i < len(fixes); i++ {
		if gap := fixes[i].at.Sub(fixes[i-1].at); gap > maxGap {
			sum += gap
		}
	}
	return sum
}

// stops finds the stay points between gaps, and joins those of one place that
// follow each other.
func stops(fixes []fix, r StopRule) (all []Stop) {
	var open struct { // the stop that may go on
		from, to int // fixes
		middle   em.LatLng
	}
	finish := func() {
		if open.to == 0 {
			return
		}
		s := stopOf(fixes[open.from:open.to])
		s.Unknown = unknown(fixes[open.from:open.to], r.MaxGap)
		if open.from > 0 {
			s.Before = fixes[open.from-1].at
		}
		if open.to < len(fixes) {
			s.After = fixes[open.to].at
		}
		all = append(all, s)
	}
	for i := 0; i < len(fixes); {
		j := i + 1 // fixes from i to j are at the place
		for j < len(fixes) && fixes[j].at.Sub(fixes[j-1].at) <= r.MaxGap && fixes[j].near(&fixes[i], r.Distance) {
			j++
		}
		if fixes[j-1].at.Sub(fixes[i].at) < r.Dwell {
			i++
			continue
		}
		m := stopOf(fixes[i:j]).Middle
		if open.to > 0 && open.to == i && m.Distance(open.middle) <= r.Distance {
			open.to = j
		} else {
			finish()
			open.from, open.to, open.middle = i, j, m
		}
		i = j
	}
	finish()
	return all
}

// stopOf makes a stop of the fixes at one place.
func stopOf(at []fix) Stop {
	s := Stop{From: at[0].at, To: at[len(at)-1].at, Fixes: len(at), First: at[0].id, Last: at[len(at)-1].id}
	var points []weighted
	for i := range at {
		points = append(points, weighted{at[i].p, 1 / (at[i].r95 * at[i].r95), at[i].r95})
	}
	s.Middle, s.Radius95 = middle(points)
	return s
}

// weighted is a circle, and what it counts.
type weighted struct {
	p      em.LatLng
	weight float64
	r95    float64
}

// middle is the weighted mean of circles near each other, and the radius within
// which 95 % of them lie whole.
func middle(points []weighted) (m em.LatLng, r95 float64) {
	first := points[0].p
	var lat, lng, sum float64
	for _, p := range points {
		lat += p.weight * (p.p.Lat - first.Lat)
		lng += p.weight * math.Remainder(p.p.Lng-first.Lng, 360) // across the antimeridian too
		sum += p.weight
	}
	m = em.LatLng{Lat: first.Lat + lat/sum, Lng: math.Remainder(first.Lng+lng/sum, 360)}
	reach := make([]float64, len(points))
	for i, p := range points {
		reach[i] = m.Distance(p.p) + p.r95
	}
	slices.Sort(reach)
	return m, reach[(95*len(reach)+99)/100-1]
}
