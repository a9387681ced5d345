package roster

import (
	"time"

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

// config returns how a person's positions are judged by zones. What is not used
// is kept as information, with the reason.
func (t *Tracking) config() geofence.Config {
	c := geofence.Config{AssumedAccuracy: AssumedAccuracy, Unused: true}
	if t != nil {
		c.Buffer, c.MaxRadius95, c.DeviceAccuracy, c.Stays = t.Buffer, t.MaxRadius, t.Accuracy, t.Stays
		c.Alert, c.Clear, c.ClearMargin, c.PassGap = t.Alert.confirm(), t.Clear.confirm(), t.ClearMargin, time.Duration(t.PassGap)
	}
	return c
}
