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
	"github.com/sargas-em/em/devices/health"
)

// Unit is a home unit. It is a subject of its own; people's orders name it.
type Unit struct {
	ID      em.DeviceID `json:"id"`
	Version string      `json:"version,omitempty"`
	Since   time.Time   `json:"since,omitzero"`    // in use since; when first accepted, if absent
	Area    *Home       `json:"area,omitempty"`    // where it was installed, and how far it may be from there
	Silence *Silence    `json:"silence,omitempty"` // the defaults of package health, if absent
}

const unitPrefix = "unit/" // no person's ID has a slash

// UnitSubject is the subject of a unit's own events.
func UnitSubject(d em.DeviceID) em.SubjectID { return em.SubjectID(unitPrefix + string(d)) }

// UnitOf returns the unit that a subject is, ok false for a person.
func UnitOf(s em.SubjectID) (d em.DeviceID, ok bool) {
	id, ok := strings.CutPrefix(string(s), unitPrefix)
	return em.DeviceID(id), ok
}

// ParseUnit reads one unit.
func ParseUnit(doc []byte) (u Unit, err error) {
	if err := strict(doc, &u); err != nil {
		return u, fmt.Errorf("unit: %w", err)
	}
	return u, nil
}

// WithUnits returns the roster with units added or replaced. now is the Since of
// new units that have none; a known unit's Since stays.
func (r *Roster) WithUnits(now time.Time, units ...Unit) (*Roster, error) {
	n := r.clone()
	for _, u := range units {
		bad := func(err error) error { return fmt.Errorf("unit %q: %w", u.ID, err) }
		if codec, id, ok := strings.Cut(string(u.ID), ":"); !ok || codec == "" || id == "" || !plain(string(u.ID)) {
			return nil, bad(errors.New(`the id is not "codec:identity"`))
		}
		if len(n.carriers[u.ID]) > 0 {
			return nil, bad(fmt.Errorf("person %q carries this device", n.carriers[u.ID][0].subject))
		}
		if old, ok := n.units[u.ID]; ok {
			u.Since = old.Since
		} else if u.Since.IsZero() {
			u.Since = now
		}
		doc, err := UnitRules(u)
		if err == nil {
			_, err = Evaluators(doc, u.Since)
		}
		if err != nil {
			return nil, bad(err)
		}
		n.units[u.ID] = u
	}
	return n, nil
}

// Unit returns one unit.
func (r *Roster) Unit(d em.DeviceID) (Unit, bool) {
	u, ok := r.units[d]
	return u, ok
}

// Units returns all units by ID.
func (r *Roster) Units() []Unit {
	var all []Unit
	for _, id := range slices.Sorted(maps.Keys(r.units)) {
		all = append(all, r.units[id])
	}
	return all
}

// Hears returns the units that report by themselves and that the person's order
// names, each once.
func (p *Person) Hears() (all []em.DeviceID) {
	if p.Curfew == nil {
		return nil
	}
	units := slices.Clone(p.Curfew.Units)
	for _, pl := range p.Curfew.Places {
		units = append(units, pl.Units...)
	}
	for _, u := range units {
		if u.Device != "" {
			all = append(all, u.Device)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// UnitRules returns, as JSON, all that a unit's verdicts follow from. Evaluators
// takes it.
func UnitRules(u Unit) ([]byte, error) { return json.Marshal(rules{Unit: &u}) }

// unitEvaluators listens to the unit alone: always the same ones in the same places.
func unitEvaluators(u *Unit) (evs []em.Evaluator, err error) {
	silence := health.SilenceConfig{Device: u.ID, Version: u.Version, Start: u.Since}
	u.Silence.apply(&silence)
	place := health.InstalledConfig{Device: u.ID, Version: u.Version, Accuracy: AssumedAccuracy}
	if a := u.Area; a != nil {
		place.Place, place.Radius = em.Some(em.LatLng{Lat: a.Lat, Lng: a.Lon}), a.Radius
	}
	add := func(e em.Evaluator, cause error) {
		if cause != nil && err == nil {
			err = fmt.Errorf("unit %q: %w", u.ID, cause)
		}
		evs = append(evs, e)
	}
	tamper, cause := health.NewTamper(health.TamperConfig{Device: u.ID, Version: u.Version})
	add(tamper, cause)
	power, cause := health.NewPower(health.PowerConfig{Device: u.ID, Version: u.Version})
	add(power, cause)
	installed, cause := health.NewInstalled(place)
	add(installed, cause)
	heard, cause := health.NewSilence(silence)
	add(heard, cause)
	return evs, err
}
