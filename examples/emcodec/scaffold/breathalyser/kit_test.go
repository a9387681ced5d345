//go:build overlay

package scaffold

import (
	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/codectest"
)

// kit is what the conformance kit must know of the dialect.
func kit() codectest.Kit {
	return codectest.Kit{
		Profile:   "breathalyser",
		Device:    Device(),
		Identity:  "BT-0017",
		Protected: func(frame []byte) (from, to int) { return 0, len(frame) },
		Endless:   []byte("$READING,"),
		Reports: []em.Body{
			&em.AlcoholReading{Value: em.Decimal{Coef: 250}, Unit: em.UnitBreathUgPerL, Status: em.SampleOK},
			&em.AlcoholReading{Unit: em.UnitBreathUgPerL, Status: em.SampleInvalid, Reason: "FLOW"},
			&em.Power{Event: em.PowerLow, Level: em.Some(0.12)},
			&em.Comms{Event: em.CommsHeartbeat},
		},
	}
}
