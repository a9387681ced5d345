package roster

import (
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
	"github.com/sargas-em/em/geofence"
)

// Tracking is what an order, or the agency, asks of the evidence about zones: a
// part of geofence.Config, whose defaults hold for what is absent.
type Tracking struct {
	Buffer      float64            `json:"buffer_m,omitempty"`       // warn so far round exclusion zones
	MaxRadius   float64            `json:"max_radius95_m,omitempty"` // positions that are worse are not used
	Accuracy    map[string]float64 `json:"accuracy_m,omitempty"`     // 68 % radius of what states none, by device or dialect
	Alert       *Confirm           `json:"alert,omitempty"`
	Clear       *Confirm           `json:"clear,omitempty"`
	ClearMargin float64            `json:"clear_margin_m,omitempty"`
	PassGap     Duration           `json:"pass_gap,omitempty"`
	Stays       bool               `json:"stays,omitempty"` // also tell stays at home and at places

	// After so long zone.unknown tells what may be: that positions leave a violation
	// open, half an hour by default; that by their best estimate two or more in a row are
	// one, where Suspected is set, as for zones about a protected person; and, where
	// Unknown is set, that nothing says where the person is.
	Undecided Duration `json:"undecided_after,omitempty"`
	Suspected Duration `json:"suspected_after,omitempty"`
	Unknown   Duration `json:"unknown_after,omitempty"`

	// Contacts holds contacts with the curfew's units against satellites that put the
	// wearer elsewhere: zone.doubted tells of it at once, and zones of nothing that rests
	// on either for up to half an hour. That is for units that nobody can carry along:
	// who did so would come near to a zone unnoticed but for the doubt.
	Contacts bool `json:"contacts,omitempty"`
}

// Confirm is a geofence.Confirm.
type Confirm struct {
	Fixes int      `json:"fixes,omitempty"`
	Dwell Duration `json:"dwell,omitempty"`
	Sure  float64  `json:"sure,omitempty"`
	Sum   float64  `json:"sum,omitempty"`
}

func (c *Confirm) confirm() geofence.Confirm {
	if c == nil {
		return geofence.Confirm{}
	}
	return geofence.Confirm{Fixes: c.Fixes, Dwell: time.Duration(c.Dwell), Sure: c.Sure, Sum: c.Sum}
}

// tracking returns how a person's positions are judged by zones. What is not used
// is kept as information, with the reason.
func (p *Person) tracking() geofence.Config {
	c := geofence.Config{AssumedAccuracy: AssumedAccuracy, Unused: true}
	if t := p.Track; t != nil {
		if t.Contacts {
			c.Contacts = p.contacts()
		}
		c.Buffer, c.MaxRadius95, c.DeviceAccuracy, c.Stays = t.Buffer, t.MaxRadius, t.Accuracy, t.Stays
		c.UndecidedAfter, c.SuspectedAfter, c.UnknownAfter = time.Duration(t.Undecided), time.Duration(t.Suspected), time.Duration(t.Unknown)
		c.Alert, c.Clear, c.ClearMargin, c.PassGap = t.Alert.confirm(), t.Clear.confirm(), t.ClearMargin, time.Duration(t.PassGap)
	}
	return c
}

// contacts are the units of the curfew at places that are known. Of one that reports by
// itself it must be clear which device it hears.
func (p *Person) contacts() (all []em.Contact) {
	c := p.Curfew
	if c == nil {
		return nil
	}
	worn := c.Worn
	if len(worn) == 0 && len(p.Devices) == 1 {
		worn = []em.DeviceID{p.Devices[0].ID}
	}
	add := func(at *Home, units []curfew.Unit) {
		if at == nil {
			return
		}
		near := em.Contact{Place: em.LatLng{Lat: at.Lat, Lng: at.Lon}, Reach: at.Radius + em.DefaultContactReach}
		for _, u := range units {
			near.Beacon, near.Reporter, near.Worn = u.ID, u.Device, ""
			if u.Device != "" {
				if len(worn) != 1 {
					continue
				}
				near.Worn = worn[0]
			}
			all = append(all, near)
		}
	}
	add(p.Home, c.Units)
	for _, pl := range c.Places {
		add(pl.Area, pl.Units)
	}
	return all[:min(len(all), em.MaxContacts)]
}
