package roster

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
	"github.com/sargas-em/em/geofence"
)

// Curfew is the part of an order that says when the person must be where.
type Curfew struct {
	// Schedule is a curfew.Plan: zone, places, weekly rows of all kinds, calendars
	// of holidays, release, permits, suspensions.
	Schedule          curfew.Schedule `json:"schedule"`
	From              time.Time       `json:"from,omitzero"`  // since when the order binds; Since of the person, if absent
	Until             time.Time       `json:"until,omitzero"` // open, if absent
	Grace             Grace           `json:"grace,omitzero"`
	CountRepeatedHour bool            `json:"count_repeated_hour,omitempty"` // the second pass of an hour that clocks repeat counts
	Units             []curfew.Unit   `json:"units,omitempty"`               // home units and beacons at the home
	Worn              []em.DeviceID   `json:"worn,omitempty"`                // devices on the wearer's body; see curfew.Order
	Places            []Place         `json:"places,omitempty"`              // where the schedule's other places are
	Review            Review          `json:"review,omitzero"`               // how absences are added up

	// What is assumed of the evidence; the defaults of curfew.Config, if absent.
	MaxGap  Duration `json:"max_gap,omitempty"`
	Contact Duration `json:"contact,omitempty"`
	Loss    Duration `json:"loss,omitempty"`
	Flicker Duration `json:"flicker,omitempty"`
	Unknown Duration `json:"unknown,omitempty"`
}

// Grace is how much absence is no incident.
type Grace struct {
	Start Duration `json:"start,omitempty"`
	Short Duration `json:"short,omitempty"`
	End   Duration `json:"end,omitempty"`
}

// Place says where a place of the schedule is: a circle, units, or both.
type Place struct {
	Name  string        `json:"name"`
	Area  *Home         `json:"area,omitempty"`
	Units []curfew.Unit `json:"units,omitempty"`
}

// Review is over what time absences are added up, and how much is allowed: a
// curfew.Review.
type Review struct {
	From       time.Time `json:"from,omitzero"`
	Until      time.Time `json:"until,omitzero"`
	Allowance  Duration  `json:"allowance,omitempty"`
	Single     Duration  `json:"single,omitempty"`
	KeepEntire bool      `json:"keep_entire,omitempty"`
}

// Review returns over what the person's absences are added up; ok is false where
// there is no curfew.
func (p *Person) Review() (r curfew.Review, ok bool) {
	if p.Curfew == nil {
		return r, false
	}
	v := p.Curfew.Review
	return curfew.Review{From: v.From, Until: v.Until, Allowance: time.Duration(v.Allowance), Single: time.Duration(v.Single), KeepEntire: v.KeepEntire}, true
}

// curfewName is the Order.ID of everybody's curfew.
const curfewName = "curfew"

func nowhere(em.Observation) em.Side { return em.SideUnknown }

// inside returns the function that tells whether the wearer is at a place; nil
// where there is none.
func inside(p *Person, id string, h *Home) (func(em.Observation) em.Side, error) {
	if h == nil {
		return nil, nil
	}
	return geofence.Home(p.Place(id, h), AssumedAccuracy)
}

// Place is the zone of the home, or of another place of the person's.
func (p *Person) Place(id string, h *Home) geofence.Zone {
	return geofence.Zone{
		ID: id, Version: p.Version, Kind: geofence.KindHome,
		Shape: geofence.Circle{Center: orb.Point{h.Lon, h.Lat}, Radius: h.Radius},
	}
}

// Follow returns what makes followers of whether the person is at a place by her
// positions; nil where there is none.
func Follow(p *Person, id string, h *Home) (func() curfew.Follower, error) {
	if h == nil {
		return nil, nil
	}
	at, err := geofence.PresenceAt(p.Place(id, h), AssumedAccuracy)
	if err != nil {
		return nil, err
	}
	return func() curfew.Follower { return at() }, nil
}

// order returns the order for one place, without rows, and the config.
func (ru *rules) order(place string) (curfew.Order, curfew.Config) {
	p := &ru.Person
	o := curfew.Order{ID: curfewName, Version: p.Version, From: p.Since, Place: place}
	var config curfew.Config
	if c := p.Curfew; c != nil {
		o.CountRepeatedHour, o.Until, o.Worn = c.CountRepeatedHour, c.Until, c.Worn
		if !c.From.IsZero() {
			o.From = c.From
		}
		o.Grace = curfew.Grace{Start: time.Duration(c.Grace.Start), Short: time.Duration(c.Grace.Short), End: time.Duration(c.Grace.End)}
		config = curfew.Config{
			MaxGap: time.Duration(c.MaxGap), Contact: time.Duration(c.Contact), Loss: time.Duration(c.Loss),
			Flicker: time.Duration(c.Flicker), Unknown: time.Duration(c.Unknown),
		}
		// A short MaxGap was in order before there was a Loss, which must be shorter.
		if config.Loss == 0 && config.MaxGap > 0 && config.MaxGap <= curfew.DefaultLoss {
			config.Loss = config.MaxGap / 2
		}
	}
	// Rules that changed bind from the instant of the change: what was under way
	// before is judged by those before.
	if ru.since.After(o.From) {
		o.From = ru.since
	}
	return o, config
}

// curfewOf judges the home. It judges nothing for a person without a curfew:
// then its schedule is empty, and it closes what an earlier curfew had opened.
func curfewOf(ru *rules) (em.Evaluator, error) {
	p := &ru.Person
	order, config := ru.order("")
	var err error
	if order.Follow, err = Follow(p, "home", p.Home); err != nil {
		return nil, err
	}
	if order.Follow == nil {
		order.Where = nowhere
	}
	if c := p.Curfew; c != nil {
		order.Units = c.Units
		if places := c.Schedule.Places(); len(places) == 0 || slices.Contains(places, "") {
			order.Schedule = c.Schedule
		}
	}
	return curfew.NewEvaluator(order, config)
}

// placesOf judges the schedule's other places, each by an evaluator of its own.
func placesOf(ru *rules) (em.Evaluator, error) {
	ps := &parts{rest: func(place string) (em.Evaluator, error) {
		order, config := ru.order(place)
		order.Where = nowhere
		return curfew.NewEvaluator(order, config)
	}}
	c := ru.Person.Curfew
	if c == nil {
		return ps, nil
	}
	known := map[string]bool{"": true}
	for _, pl := range c.Places {
		if pl.Name == "" {
			return nil, errors.New("a place without a name: the home is the person's")
		}
		order, config := ru.order(pl.Name)
		order.Schedule, order.Units = c.Schedule, pl.Units
		var err error
		if order.Follow, err = Follow(&ru.Person, pl.Name, pl.Area); err != nil {
			return nil, fmt.Errorf("%q: %w", pl.Name, err)
		}
		e, err := curfew.NewEvaluator(order, config)
		if err == nil {
			err = ps.add(pl.Name, e, false)
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", pl.Name, err)
		}
		known[pl.Name] = true
	}
	for _, name := range c.Schedule.Places() {
		if !known[name] {
			return nil, fmt.Errorf("nobody says where %q of the schedule is", name)
		}
	}
	return ps, nil
}

// nights returns what the curfew asks to be home for as health.BatteryConfig
// wants it: nights that meet are one. Nil where there are none.
func (ru *rules) nights() func(after time.Time) (from, to time.Time, ok bool) {
	c := ru.Person.Curfew
	if c == nil || !c.Schedule.Asks(curfew.MustBeHome, "") {
		return nil
	}
	order, _ := ru.order("")
	return func(after time.Time) (from, to time.Time, ok bool) {
		// The longest obligation is a day; a week has every row.
		for o := range c.Schedule.Between(after.Add(-48*time.Hour), after.Add(9*24*time.Hour)) {
			if o.Kind != curfew.MustBeHome || o.Row.Place != "" {
				continue
			}
			start, end := o.Start, o.End
			if start.Before(order.From) {
				start = order.From
			}
			if u := order.Until; !u.IsZero() && end.After(u) {
				end = u
			}
			switch {
			case !start.Before(end):
			case ok && start.After(to):
				if to.After(after) {
					return from, to, true
				}
				from, to = start, end
			case !ok:
				from, to, ok = start, end, true
			case end.After(to):
				to = end
			}
		}
		return from, to, ok && to.After(after)
	}
}
