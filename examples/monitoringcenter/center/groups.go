package center

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/health"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
)

// groups make one incident of what befalls many people at once. They are fed
// with the changes of all subjects, and suppress none.
//
// Their states hold a day of a country's silences. So what they are told is written
// behind the states, and the states themselves from time to time.
type groups struct {
	mass  *health.Mass
	units *health.Units
	told  int // changes behind the states in the record
	woken int // how often they were woken behind them
}

const (
	systemSubject = em.SubjectID("system") // of health.Mass
	groupsVersion = "1"
	// unitsKept is for how long after its end an assignment to a unit is told to
	// health.Units: as long as it keeps events, and some.
	unitsKept = 48 * time.Hour
	// toldAtMost and wokenAtMost are when the states are written anew. A start goes
	// through what is behind them, and each time that Mass is woken it derives all.
	toldAtMost  = 4096
	wokenAtMost = 32
)

func (g *groups) due(now time.Time) bool {
	for _, d := range []time.Time{g.mass.Deadline(), g.units.Deadline()} {
		if !d.IsZero() && !d.After(now) {
			return true
		}
	}
	return false
}

// loadGroups goes on from the states in the record. Those of another version of
// the software begin anew from the incidents that are open: an incident that was
// told keeps its number, by its event.
func (s *step) loadGroups() error {
	mass, err := health.NewMass(health.MassConfig{Version: groupsVersion, Subject: systemSubject, Settle: s.settle})
	if err != nil {
		return err
	}
	units, err := health.NewUnits(health.UnitsConfig{Version: groupsVersion, Settle: s.settle})
	if err != nil {
		return err
	}
	s.groups = groups{mass: mass, units: units}
	var again bool
	for name, g := range map[string]interface{ UnmarshalBinary([]byte) error }{"mass": mass, "units": units} {
		state, err := s.tx.Grouping(name)
		if err == nil {
			if err = g.UnmarshalBinary(state); errors.Is(err, em.ErrState) {
				again, err = true, nil
			}
		}
		if err != nil {
			return fmt.Errorf("center: groups: %w", err)
		}
	}
	if err := s.placeAll(); err != nil {
		return err
	}
	if !again {
		err = s.goThrough()
	}
	if err := errors.Join(err, s.assign()); err != nil || !again {
		return err
	}
	open, err := s.tx.OpenIncidents()
	if err != nil {
		return err
	}
	for _, i := range open {
		if _, err := s.groups.observe(s.now, &em.Change{Kind: em.Opened, Event: i.Event, Known: s.now}); err != nil {
			return err
		}
	}
	return nil
}

// goThrough tells the groups again what is behind their states in the record. Who is
// placed where has not changed since: that writes the states.
func (s *step) goThrough() error {
	told, err := s.tx.Grouped()
	if err != nil {
		return err
	}
	for _, g := range told {
		if g.Change == nil {
			s.groups.wake(g.At)
		} else if _, err := s.groups.observe(g.At, g.Change); err != nil {
			return err
		}
	}
	return nil
}

// placeAll says what everybody's devices have in common. It is done anew at each
// start, so that only what was silent or troubled is in the states of the record.
func (s *step) placeAll() error {
	for _, p := range s.roster.People() {
		if err := s.place(p); err != nil {
			return err
		}
	}
	for _, u := range s.roster.Units() {
		if err := s.placeDevice(roster.UnitSubject(u.ID), u.ID, nil); err != nil {
			return err
		}
	}
	return nil
}

// assign says who is monitored with which unit.
func (s *step) assign() error {
	all, err := s.tx.Assignments(s.now.Add(-unitsKept))
	if err != nil {
		return err
	}
	s.placed = true
	return s.groups.units.Assign(s.now, all...)
}

// place says what a person's first device, the one listened for, has in common
// with others.
func (s *step) place(p roster.Person) error {
	if len(p.Devices) == 0 {
		return nil
	}
	return s.placeDevice(em.SubjectID(p.ID), p.Devices[0].ID, p.Devices[0].Labels, p.Hears()...)
}

func (s *step) placeDevice(id em.SubjectID, d em.DeviceID, labels map[string]string, units ...em.DeviceID) error {
	codec, _, _ := strings.Cut(string(d), ":")
	p := health.Placed{Subject: id, Device: d, Labels: []health.Label{{Kind: "dialect", Name: codec}}}
	for _, u := range units {
		p.Labels = append(p.Labels, health.Label{Kind: "unit", Name: string(u)})
	}
	for kind, name := range labels {
		p.Labels = append(p.Labels, health.Label{Kind: kind, Name: name})
	}
	s.placed = true
	return s.groups.mass.Place(p)
}

// group tells the groups of a change of one subject's event.
func (s *step) group(c *em.Change) error {
	took, err := s.groups.observe(s.now, c)
	if err != nil || !took {
		return err
	}
	s.grouped = true
	s.groups.told++
	return s.tx.AddGrouped(record.Grouped{At: s.now, Change: c})
}

// observe tells of a change, and reports whether it is one for the groups.
func (g *groups) observe(now time.Time, c *em.Change) (took bool, err error) {
	if c.Event.Detail.Kind == health.KindSilence {
		took = true
		// A device that is no longer placed is nobody's any more.
		if err := g.mass.Observe(now, *c); err != nil && !errors.Is(err, health.ErrUnknown) {
			return false, fmt.Errorf("center: %w", err)
		}
	}
	if _, unit := roster.UnitOf(c.Event.Subject); unit {
		switch err := g.units.Observe(now, *c); {
		case err == nil:
			took = true
		case !errors.Is(err, health.ErrKind):
			return false, fmt.Errorf("center: %w", err)
		}
	}
	return took, nil
}

func (g *groups) wake(now time.Time) []health.GroupChange {
	return g.units.Wake(g.mass.Wake(nil, now), now)
}

// wakeGroups tells the incidents that have come of what the groups were told.
func (s *step) wakeGroups() error {
	if !s.groups.due(s.now) {
		return nil
	}
	s.grouped = true
	s.groups.woken++
	if err := s.tx.AddGrouped(record.Grouped{At: s.now}); err != nil {
		return err
	}
	changes := s.groups.wake(s.now)
	for i := range changes {
		c := &changes[i]
		if err := s.tx.PutGroup(c); err != nil {
			return err
		}
		if err := s.incident(&c.Change); err != nil {
			return err
		}
		g, err := s.tx.Group(c.Event.ID)
		if err != nil {
			return err
		}
		// The page is told anew of those that now belong to it.
		for _, id := range slices.Clone(g.Members) {
			member, err := s.tx.Incident(id)
			if err == nil {
				err = s.tell(member)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// saveGroups writes the states, if it is time or something is placed anew.
func (s *step) saveGroups() error {
	if g := &s.groups; !s.placed && g.told < toldAtMost && g.woken < wokenAtMost {
		return nil
	}
	mass, err := s.groups.mass.AppendBinary(nil)
	if err != nil {
		return err
	}
	units, err := s.groups.units.AppendBinary(nil)
	if err != nil {
		return err
	}
	s.groups.told, s.groups.woken = 0, 0
	return s.tx.PutGroupings(map[string][]byte{"mass": mass, "units": units})
}
