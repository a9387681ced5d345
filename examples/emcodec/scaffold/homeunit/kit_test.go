//go:build overlay

package scaffold

import (
	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/codectest"
)

// kit is what the conformance kit must know of the dialect.
func kit() codectest.Kit {
	return codectest.Kit{
		Profile:        "home-unit",
		Device:         Device(),
		Identity:       "990000000000017",
		Protected:      func(frame []byte) (from, to int) { return len(start), len(frame) },
		LengthPrefixed: true,
		Endless:        []byte(start + "\xFF"),
		Reports: []em.Body{
			&em.Beacon{Beacon: "0D7AB913", Radio: "rf", RSSI: em.Some(-71)},
			&em.Beacon{Beacon: "0D7AB913", Radio: "rf", Lost: true},
			&em.Power{Event: em.PowerCut},
			&em.Power{Event: em.PowerRestored},
			&em.Tamper{What: em.TamperCase},
			&em.Comms{Event: em.CommsHeartbeat},
		},
	}
}
