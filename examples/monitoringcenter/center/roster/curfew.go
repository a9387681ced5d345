package roster

import (
	"time"

	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
	"github.com/sargas-em/em/geofence"
)

// Curfew is the part of an order that says when the person must be home.
type Curfew struct {
	Schedule          curfew.Schedule `json:"schedule"`       // as curfew.Plan: zone, weekly, permits
	From              time.Time       `json:"from,omitzero"`  // since when the order binds; Since of the person, if absent
	Until             time.Time       `json:"until,omitzero"` // open, if absent
	Grace             Grace           `json:"grace,omitzero"`
	CountRepeatedHour bool            `json:"count_repeated_hour,omitempty"` // the second pass of an hour that clocks repeat counts
	MaxGap            Duration        `json:"max_gap,omitempty"`             // how long evidence of presence holds; 15 minutes if absent
}

// Grace is how much absence is no incident.
type Grace struct {
	Start Duration `json:"start,omitempty"`
	Short Duration `json:"short,omitempty"`
	End   Duration `json:"end,omitempty"`
}

// curfewOf judges nothing for a person without a curfew: then its schedule is
// empty, and it closes what an earlier curfew had opened.
func curfewOf(ru *rules) (em.Evaluator, error) {
	p := &ru.Person
	order := curfew.Order{
		ID: "curfew", Version: p.Version, From: p.Since,
		Where: func(em.Observation) em.Side { return em.SideUnknown },
	}
	var config curfew.Config
	if c := p.Curfew; c != nil {
		order.Schedule, order.CountRepeatedHour, order.Until = c.Schedule, c.CountRepeatedHour, c.Until
		if !c.From.IsZero() {
			order.From = c.From
		}
		order.Grace = curfew.Grace{Start: time.Duration(c.Grace.Start), Short: time.Duration(c.Grace.Short), End: time.Duration(c.Grace.End)}
		config.MaxGap = time.Duration(c.MaxGap)
	}
	// Rules that changed bind from the instant of the change: what was under way
	// before is judged by those before.
	if ru.since.After(order.From) {
		order.From = ru.since
	}
	if h := p.Home; h != nil {
		var err error
		order.Where, err = geofence.Home(geofence.Zone{
			ID: "home", Version: p.Version, Kind: geofence.KindHome,
			Shape: geofence.Circle{Center: orb.Point{h.Lon, h.Lat}, Radius: h.Radius},
		}, AssumedAccuracy)
		if err != nil {
			return nil, err
		}
	}
	return curfew.NewEvaluator(order, config)
}
