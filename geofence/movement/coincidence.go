package movement

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// Scene is a place and a time: the circle in which something happened at some
// instant of [From, To).
type Scene struct {
	Place  em.LatLng `json:"place"`
	Radius float64   `json:"radius_m"` // metres
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
}

// DefaultMaxSpeed is how fast somebody may have been between two fixes, in metres
// a second: a car on a motorway.
const DefaultMaxSpeed = 40.0

// CoincidenceRule has the parameters of Coincide. Zero fields have their defaults.
type CoincidenceRule struct {
	MaxGap   time.Duration // a longer time without a fix is a gap
	MaxSpeed float64       // m/s
	Accuracy Accuracy
}

// Agreement says how a track agrees with a scene.
type Agreement string

// How a track agrees.
const (
	Within    Agreement = "within"    // the whole 95 % circle of a fix lies in the scene
	Possible  Agreement = "possible"  // the circle of a fix meets the scene
	Unknown   Agreement = "unknown"   // no fix does, but in a gap the person could have been there
	Elsewhere Agreement = "elsewhere" // neither
)

// Match is one person whose track agrees with a scene: Within or Possible. However
// it is printed, logged or encoded, it says how far its nearest fix was, the
// circle of that fix, the gaps of the track, and how many others' tracks agree
// too; there is no way to read the one without the other.
type Match struct {
	subject   em.SubjectID
	agreement Agreement
	nearest   fix
	distance  float64
	fixes     int
	gaps      []Gap
	others    map[Agreement]int
}

// Gap is a time within a scene's in which nothing was heard; From is the last fix
// before it and To the first after, if there is one within the authorisation.
type Gap struct {
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	// Reach says that the person could have been at the scene in between.
	Reach bool `json:"within_reach"`
}

// Subject is whose track it is.
func (m Match) Subject() em.SubjectID { return m.subject }

// matchJSON is the one form of a match.
type matchJSON struct {
	Subject   em.SubjectID     `json:"subject"`
	Agreement Agreement        `json:"agreement"`
	Observed  em.ObservationID `json:"observation"`
	At        time.Time        `json:"at"`
	Distance  float64          `json:"distance_m"`
	Radius95  float64          `json:"radius95_m"`
	Fixes     int              `json:"fixes_in_time"`
	Gaps      []Gap            `json:"gaps"`
	Others    othersJSON       `json:"others"`
}

type othersJSON struct {
	Within    int `json:"within"`
	Possible  int `json:"possible"`
	Unknown   int `json:"unknown"`
	Elsewhere int `json:"elsewhere"`
}

func counted(n map[Agreement]int) othersJSON {
	return othersJSON{n[Within], n[Possible], n[Unknown], n[Elsewhere]}
}

// MarshalJSON writes all of it.
func (m Match) MarshalJSON() ([]byte, error) {
	return json.Marshal(matchJSON{m.subject, m.agreement, m.nearest.id, m.nearest.at, math.Round(m.distance),
		math.Ceil(m.nearest.r95), m.fixes, append([]Gap{}, m.gaps...), counted(m.others)})
}

// String says all of it in one line.
func (m Match) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s at %s: %.0f m from the middle of the scene, error circle %.0f m; ", m.subject, m.agreement,
		m.nearest.at.UTC().Format(time.RFC3339), m.distance, math.Ceil(m.nearest.r95))
	reach := 0
	for _, g := range m.gaps {
		if g.Reach {
			reach++
		}
	}
	fmt.Fprintf(&b, "%d fixes and %d gaps in the time, %d of them long enough to have been there; ", m.fixes, len(m.gaps), reach)
	o := counted(m.others)
	fmt.Fprintf(&b, "of %d other persons %d match as well (%d within, %d possible), %d are unknown", o.Within+o.Possible+o.Unknown+o.Elsewhere,
		o.Within+o.Possible, o.Within, o.Possible, o.Unknown)
	return b.String()
}

// Format writes String for every verb, so that none shows a part.
func (m Match) Format(f fmt.State, _ rune) { fmt.Fprint(f, m.String()) }

// CoincidenceReport is the answer of Coincide.
type CoincidenceReport struct {
	Disclosure Disclosure `json:"disclosure"`
	Scene      Scene      `json:"scene"`
	Matches    []Match    `json:"matches"`  // Within first, then by distance
	Examined   int        `json:"examined"` // persons
	Unknown    int        `json:"unknown"`  // persons of whom it cannot be told
}

// Coincide compares tracks, one of each person, with a scene. They should be
// those of all who could have been there: the number of others who match is what
// a match is worth. The authorisation's window must hold the scene's time, and
// should be longer on both sides, for what comes before and after bounds the gaps.
// Errors wrap ErrUnauthorized, ErrRule or ErrTrack.
func Coincide(a Authorization, s Scene, tracks iter.Seq[Track], r CoincidenceRule) (*CoincidenceReport, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	switch {
	case !s.From.Before(s.To):
		return nil, fmt.Errorf("%w: the scene has no time", ErrRule)
	case s.From.Before(a.From) || s.To.After(a.To):
		return nil, fmt.Errorf("%w: the scene's time is not within the authorised", ErrUnauthorized)
	case !s.Place.Valid() || !(s.Radius > 0) || math.IsInf(s.Radius, 0):
		return nil, fmt.Errorf("%w: the scene is no circle", ErrRule)
	}
	facts, err := complete(append([]parameter{{"largest speed", &r.MaxSpeed, DefaultMaxSpeed, "m/s"}}, r.Accuracy.parameters()...)...)
	if err != nil {
		return nil, err
	}
	if facts, err = duration(facts, "longest gap", &r.MaxGap, DefaultMaxGap); err != nil {
		return nil, err
	}
	rep := &CoincidenceReport{Scene: s, Disclosure: Disclosure{Authorization: a, Analysis: AnalysisCoincidence, Method: method, Parameters: facts}}
	all := map[Agreement]int{}
	seen := map[em.SubjectID]bool{}
	for t := range tracks {
		if seen[t.Subject] {
			return nil, fmt.Errorf("%w: a person has two", ErrTrack)
		}
		seen[t.Subject] = true
		fixes, err := t.read(a, r.Accuracy, &rep.Disclosure)
		if err != nil {
			return nil, err
		}
		m := s.compare(fixes, r)
		m.subject = t.Subject
		all[m.agreement]++
		if m.agreement == Within || m.agreement == Possible {
			rep.Matches = append(rep.Matches, m)
		}
	}
	rep.Examined, rep.Unknown = len(seen), all[Unknown]
	slices.SortStableFunc(rep.Matches, func(x, y Match) int { // "within" comes after "possible"
		return cmp.Or(strings.Compare(string(y.agreement), string(x.agreement)), cmp.Compare(x.distance, y.distance))
	})
	for i := range rep.Matches {
		m := &rep.Matches[i]
		m.others = maps.Clone(all)
		m.others[m.agreement]--
	}
	return rep, nil
}

// compare says how one track agrees.
func (s Scene) compare(fixes []fix, r CoincidenceRule) Match {
	m := Match{agreement: Elsewhere}
	// away is the least distance from a fix to the scene.
	away := func(f *fix) float64 { return max(0, s.Place.Distance(f.p)-f.r95-s.Radius) }
	first, _ := slices.BinarySearchFunc(fixes, s.From, func(f fix, t time.Time) int { return f.at.Compare(t) })
	end, _ := slices.BinarySearchFunc(fixes, s.To, func(f fix, t time.Time) int { return f.at.Compare(t) })
	m.fixes = end - first
	for i := first; i < end; i++ {
		f := &fixes[i]
		d := s.Place.Distance(f.p)
		how := Elsewhere
		switch {
		case d+f.r95 <= s.Radius:
			how = Within
		case d-f.r95 <= s.Radius:
			how = Possible
		default:
			continue
		}
		if m.agreement == Elsewhere || how == Within && m.agreement == Possible || how == m.agreement && d < m.distance {
			m.agreement, m.nearest, m.distance = how, *f, d
		}
	}
	// Gaps: between a fix and the next, of which one at least lies beside the time.
	for i := first; i <= end; i++ {
		var g Gap
		switch {
		case i == 0 && i == len(fixes): // nothing at all
			g.Reach = true
		case i == 0: // from the beginning of what may be read
			if !fixes[0].at.After(s.From) {
				continue
			}
			g = Gap{To: fixes[0].at, Reach: s.reached(0, s.From, away(&fixes[0]), fixes[0].at, r.MaxSpeed)}
		case i == len(fixes):
			last := &fixes[i-1]
			if s.To.Sub(last.at) <= r.MaxGap {
				continue
			}
			g = Gap{From: last.at, Reach: s.reached(away(last), last.at, 0, s.To, r.MaxSpeed)}
		default:
			before, after := &fixes[i-1], &fixes[i]
			lasts := after.at.Sub(before.at)
			if lasts <= r.MaxGap {
				continue
			}
			g = Gap{before.at, after.at, s.reached(away(before), before.at, away(after), after.at, r.MaxSpeed)}
		}
		m.gaps = append(m.gaps, g)
		if g.Reach && m.agreement == Elsewhere {
			m.agreement = Unknown
		}
	}
	return m
}

// reached reports whether somebody who was so far from the scene at both ends of
// a gap could have been there within the scene's time.
func (s Scene) reached(before float64, from time.Time, after float64, to time.Time, speed float64) bool {
	way := func(metres float64) time.Duration {
		return time.Duration(min(metres/speed, 1e8) * float64(time.Second)) // three years are too long for any gap
	}
	arrive, leave := from.Add(way(before)), to.Add(-way(after))
	return !arrive.After(leave) && arrive.Before(s.To) && !leave.Before(s.From)
}
