package movement

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// Defaults of PlaceRule. Unverified: they are for the report's reader to judge.
const (
	DefaultPlaceDistance = 150.0 // metres
	DefaultVisits        = 3
)

// MaxStops bounds the stops that are sorted into places, for each is compared with
// each: three a day for three years.
const MaxStops = 4096

// PlaceRule says what a frequent place is. Zero fields have their defaults.
type PlaceRule struct {
	Stop     StopRule
	Distance float64 // metres between stops of one place
	Visits   int     // so many stops make a place
}

// Place is where a person stopped often.
type Place struct {
	Middle   em.LatLng     `json:"middle"`
	Radius95 float64       `json:"radius95_m"` // 95 % of the stops lie within it with their circles
	Visits   int           `json:"visits"`
	Days     int           `json:"days"`       // days, in UTC, on which a stop began
	Total    time.Duration `json:"total_ns"`   // of all stops
	Unknown  time.Duration `json:"unknown_ns"` // of Total, in gaps
	First    time.Time     `json:"first"`
	Last     time.Time     `json:"last"`
}

// PlaceReport is the frequent places of one person, the longest total first.
type PlaceReport struct {
	Disclosure Disclosure    `json:"disclosure"`
	Subject    em.SubjectID  `json:"subject"`
	Places     []Place       `json:"places"`
	Elsewhere  int           `json:"elsewhere"` // stops that belong to no place
	Unknown    time.Duration `json:"unknown_ns"`
}

// Places finds the places where a person stopped often. Errors wrap
// ErrUnauthorized, ErrRule or ErrTrack.
func Places(a Authorization, t Track, r PlaceRule) (*PlaceReport, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	facts, err := complete(parameter{"place distance", &r.Distance, DefaultPlaceDistance, "m"})
	if err != nil {
		return nil, err
	}
	if r.Visits < 0 {
		return nil, fmt.Errorf("%w: visits are %d", ErrRule, r.Visits)
	}
	if r.Visits == 0 {
		r.Visits = DefaultVisits
	}
	found, err := Stops(a, t, r.Stop)
	if err != nil {
		return nil, err
	}
	if len(found.Stops) > MaxStops {
		return nil, fmt.Errorf("%w: %d stops, more than %d; ask for a shorter time", ErrTrack, len(found.Stops), MaxStops)
	}
	rep := &PlaceReport{Disclosure: found.Disclosure, Subject: t.Subject, Unknown: found.Unknown}
	rep.Disclosure.Analysis = AnalysisPlaces
	rep.Disclosure.Parameters = append(append(facts, em.Fact{Name: "visits", Num: float64(r.Visits), Unit: "1"}), found.Disclosure.Parameters...)

	clusters := cluster(found.Stops, r.Distance, r.Visits)
	members := map[int][]Stop{}
	for i, c := range clusters {
		if c < 0 {
			rep.Elsewhere++
		} else {
			members[c] = append(members[c], found.Stops[i])
		}
	}
	for c := range len(members) {
		rep.Places = append(rep.Places, placeOf(members[c]))
	}
	slices.SortStableFunc(rep.Places, func(a, b Place) int { return cmp.Compare(b.Total, a.Total) })
	return rep, nil
}

// cluster is DBSCAN: the number of each stop's cluster, by order of its first
// core, or -1. A stop near the cores of two belongs to the earlier.
func cluster(all []Stop, distance float64, visits int) []int {
	near := func(i int) (list []int) {
		for j := range all {
			if all[i].Middle.Distance(all[j].Middle) <= distance {
				list = append(list, j)
			}
		}
		return list
	}
	of := make([]int, len(all))
	for i := range of {
		of[i] = -1
	}
	done := make([]bool, len(all)) // was asked for its neighbours as a core
	next := 0
	for i := range all {
		if of[i] >= 0 {
			continue
		}
		list := near(i)
		if len(list) < visits {
			continue
		}
		of[i], done[i] = next, true
		for len(list) > 0 {
			j := list[0]
			list = list[1:]
			if of[j] < 0 {
				of[j] = next
			}
			if of[j] != next || done[j] {
				continue
			}
			done[j] = true
			if more := near(j); len(more) >= visits {
				list = append(list, more...)
			}
		}
		next++
	}
	return of
}

func placeOf(stops []Stop) Place {
	p := Place{Visits: len(stops), First: stops[0].From, Last: stops[len(stops)-1].To}
	var points []weighted
	day := time.Time{}
	for _, s := range stops {
		p.Total += s.To.Sub(s.From)
		p.Unknown += s.Unknown
		if d := s.From.UTC().Truncate(24 * time.Hour); !d.Equal(day) {
			day = d
			p.Days++
		}
		points = append(points, weighted{s.Middle, 1, s.Radius95})
	}
	p.Middle, p.Radius95 = middle(points)
	return p
}
