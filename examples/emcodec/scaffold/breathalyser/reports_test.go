//go:build overlay

package scaffold

import "github.com/sargas-em/em"

const profile = "breathalyser"

// reports are what this kind of device can say, for the simulator.
func reports() []em.Body {
	return []em.Body{
		&em.AlcoholReading{Value: em.Decimal{Coef: 250}, Unit: em.UnitBreathUgPerL, Status: em.SampleOK},
		&em.AlcoholReading{Unit: em.UnitBreathUgPerL, Status: em.SampleInvalid, Reason: "FLOW"},
		&em.Power{Event: em.PowerLow, Level: em.Some(0.12)},
		&em.Comms{Event: em.CommsHeartbeat},
	}
}
