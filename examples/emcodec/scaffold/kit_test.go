package scaffold

import (
	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/codectest"
)

// kit is what the conformance kit must know of the dialect.
func kit() codectest.Kit {
	return codectest.Kit{
		Profile:        "gps-bracelet",
		Device:         Device(),
		Identity:       "990000000000017",
		Protected:      func(frame []byte) (from, to int) { return len(start), len(frame) },
		LengthPrefixed: true,
		Endless:        []byte(start + "\xFF"),
		Reports: []em.Body{
			&em.Tamper{What: em.TamperStrap},
			&em.Tamper{What: em.TamperStrap, Cleared: true},
			&em.Power{Event: em.PowerLow, Level: em.Some(0.12)},
			&em.Comms{Event: em.CommsHeartbeat},
		},
	}
}
