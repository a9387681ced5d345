package roster

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/geofence/proximity"
)

// KeepAway is the part of a person's order that keeps the person away from
// another one, who is in the roster with a device too: a telephone, or a pendant.
// The two are a pair: a subject of its own, judged by the reports of both. A pair
// is never left out of a later document: To ends it.
//
//	"keep_away": [{
//	  "person": "p-2",                  // whom this protects
//	  "since": "2026-03-01T00:00:00Z",  // when first accepted, if absent
//	  "to": "2026-09-01T00:00:00Z",     // open, if absent
//	  "radius_m": 500,                  // alert radius of the zone about that person; none, if absent
//	  "zones": [{"id": "work-of-p-2", "lat": 54.69, "lon": 25.27, "radius_m": 1000}],
//	  "max_age": "10m",                 // of a position; at least the interval at which devices upload
//	  "named": ["work-of-p-2"]          // zones that the order names to the wearer; "moving" is the one about the person
//	}]
type KeepAway struct {
	Person string          `json:"person"`
	Since  time.Time       `json:"since,omitzero"`
	To     time.Time       `json:"to,omitzero"`
	Radius float64         `json:"radius_m,omitempty"`
	Zones  []ProtectedZone `json:"zones,omitempty"`
	MaxAge Duration        `json:"max_age,omitempty"`
	Named  []string        `json:"named,omitempty"`
}

// ProtectedZone is a fixed circle that a person must keep away from.
type ProtectedZone struct {
	ID     string  `json:"id"`
	Lat    float64 `json:"lat"`
	Lon    float64 `json:"lon"`
	Radius float64 `json:"radius_m"` // alert radius; the pre-alert is at twice that
}

// Pair is a wearer with a protected person.
type Pair struct {
	Wearer, Protected string
	Order             KeepAway
}

const pairPrefix = "pair/" // no person's ID has a slash

// Subject is the subject of a pair's events.
func (p Pair) Subject() em.SubjectID {
	return em.SubjectID(pairPrefix + p.Wearer + "/" + p.Protected)
}

// PairOf returns the wearer and the protected person of a pair's subject; ok is
// false for other subjects.
func PairOf(s em.SubjectID) (wearer, protected string, ok bool) {
	rest, ok := strings.CutPrefix(string(s), pairPrefix)
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, "/")
}

// Pairs returns all pairs that name a person, on either side, by subject.
func (r *Roster) Pairs(person string) []Pair { return r.pairs[person] }

// Role says what a person is to the center: "monitored", "protected" by an order
// that keeps somebody else away, or "both".
func (r *Roster) Role(p Person) string {
	protected := slices.ContainsFunc(r.pairs[p.ID], func(k Pair) bool { return k.Protected == p.ID })
	ordered := p.Curfew != nil || p.Breath != nil || p.Skin != nil || len(p.Zones)+len(p.CheckIns)+len(p.KeepAway) > 0
	switch {
	case protected && ordered:
		return "both"
	case protected:
		return "protected"
	}
	return "monitored"
}

// AllPairs returns all pairs by subject.
func (r *Roster) AllPairs() (all []Pair) {
	for _, id := range slices.Sorted(maps.Keys(r.people)) {
		for _, p := range r.pairs[id] {
			if p.Wearer == id {
				all = append(all, p)
			}
		}
	}
	return all
}

// Pair returns one pair.
func (r *Roster) Pair(s em.SubjectID) (Pair, bool) {
	wearer, _, _ := PairOf(s)
	i := slices.IndexFunc(r.pairs[wearer], func(p Pair) bool { return p.Subject() == s })
	if i < 0 {
		return Pair{}, false
	}
	return r.pairs[wearer][i], true
}

// Devices returns the devices of both, each once.
func (r *Roster) Devices(p Pair) (all []em.DeviceID) {
	for _, id := range []string{p.Wearer, p.Protected} {
		for _, a := range r.people[id].Devices {
			all = append(all, a.ID)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Disclosure is what the two may be told.
func (p Pair) Disclosure() proximity.Disclosure { return proximity.Disclosure{Named: p.Order.Named} }

// pairRules is all that the verdicts of a pair follow from.
type pairRules struct {
	Version   string       `json:"version,omitempty"`
	Wearer    []Assignment `json:"wearer"`
	Protected []Assignment `json:"protected"`
	Order     KeepAway     `json:"order"`
}

// PairRules returns, as JSON, all that a pair's verdicts follow from. Evaluators
// takes it.
func (r *Roster) PairRules(p Pair) ([]byte, error) {
	w, v := r.people[p.Wearer], r.people[p.Protected]
	return json.Marshal(rules{Pair: &pairRules{w.Version, w.carried(), v.carried(), p.Order}})
}

// carried is what rules need of a person's devices.
func (p *Person) carried() (all []Assignment) {
	for _, a := range p.Devices {
		from := a.From
		if from.IsZero() {
			from = p.Since
		}
		all = append(all, Assignment{ID: a.ID, From: from, To: a.To})
	}
	return all
}

func pairEvaluators(ru *pairRules) ([]em.Evaluator, error) {
	devices := func(list []Assignment) (all []proximity.Assignment) {
		for _, a := range list {
			all = append(all, proximity.Assignment{Device: a.ID, From: a.From, To: a.To})
		}
		return all
	}
	c := proximity.Config{
		Version: ru.Version, Since: ru.Order.Since, Until: ru.Order.To, Wearer: devices(ru.Wearer), Protected: devices(ru.Protected),
		Radius: ru.Order.Radius, MaxAge: time.Duration(ru.Order.MaxAge), AssumedAccuracy: AssumedAccuracy,
	}
	for _, z := range ru.Order.Zones {
		c.Zones = append(c.Zones, proximity.Zone{ID: z.ID, Center: em.LatLng{Lat: z.Lat, Lng: z.Lon}, Radius: z.Radius})
	}
	e, err := proximity.New(c)
	if err != nil {
		return nil, err
	}
	return []em.Evaluator{e}, nil
}

// begin gives pairs their Since: as told, as before, or now.
func (p *Person) begin(old Person, now time.Time) error {
	p.KeepAway = slices.Clone(p.KeepAway)
	find := func(list []KeepAway, person string) int {
		return slices.IndexFunc(list, func(k KeepAway) bool { return k.Person == person })
	}
	for i := range p.KeepAway {
		k := &p.KeepAway[i]
		if j := find(old.KeepAway, k.Person); j >= 0 {
			k.Since = old.KeepAway[j].Since
		} else if k.Since.IsZero() {
			k.Since = now
		}
	}
	for _, k := range old.KeepAway {
		if find(p.KeepAway, k.Person) < 0 {
			return fmt.Errorf("person %q: the order no longer keeps away from %q: end that with \"to\"", p.ID, k.Person)
		}
	}
	return nil
}

// pair finds the pairs of all people's orders, and checks each.
func (r *Roster) pair() error {
	r.pairs = map[string][]Pair{}
	for _, p := range r.People() {
		seen := map[string]bool{}
		for i, k := range p.KeepAway {
			bad := func(err error) error { return fmt.Errorf("person %q: keep_away %d: %w", p.ID, i, err) }
			if _, ok := r.people[k.Person]; !ok || k.Person == p.ID || seen[k.Person] {
				return bad(fmt.Errorf("%q is not another person in the roster, or named twice", k.Person))
			}
			seen[k.Person] = true
			if k.Radius == 0 && len(k.Zones) == 0 {
				return bad(errors.New("neither radius_m nor zones"))
			}
			for _, n := range k.Named {
				if !(n == proximity.Moving && k.Radius > 0) && !slices.ContainsFunc(k.Zones, func(z ProtectedZone) bool { return z.ID == n }) {
					return bad(fmt.Errorf("named zone %q is none of its zones", n))
				}
			}
			pair := Pair{p.ID, k.Person, k}
			doc, err := r.PairRules(pair)
			if err == nil {
				_, err = Evaluators(doc, k.Since)
			}
			if err != nil {
				return bad(err)
			}
			r.pairs[p.ID] = append(r.pairs[p.ID], pair)
			r.pairs[k.Person] = append(r.pairs[k.Person], pair)
		}
	}
	for _, list := range r.pairs {
		slices.SortFunc(list, func(a, b Pair) int { return strings.Compare(string(a.Subject()), string(b.Subject())) })
	}
	return nil
}
