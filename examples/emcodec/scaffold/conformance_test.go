package scaffold

import (
	"testing"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/codectest"
)

func kit() codectest.Kit {
	return codectest.Kit{
		Profile:        "gps-bracelet",
		Device:         Device(),
		Identity:       "990000000000017",
		LengthPrefixed: true,
		Protected:      func(frame []byte) (from, to int) { return len(start), len(frame) },
		Endless:        []byte(start + "\xFF"),
		Reports: []em.Body{
			&em.Tamper{What: em.TamperStrap},
			&em.Tamper{What: em.TamperStrap, Cleared: true},
			&em.Power{Event: em.PowerLow, Level: em.Some(0.12)},
			&em.Comms{Event: em.CommsHeartbeat},
		},
	}
}

func TestConformance(t *testing.T) { codectest.Run(t, kit()) }

func FuzzStream(f *testing.F) { codectest.Fuzz(f, kit()) }
