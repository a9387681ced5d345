package xexun2

import (
	"testing"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/codectest"
)

func kit() codectest.Kit {
	return codectest.Kit{
		Profile:   "gps-bracelet",
		Device:    Device(),
		External:  []string{"xexun2.jsonl"},
		Identity:  "990000000000017",
		Protected: protected,
		Endless:   []byte("\xFA\xAF\x00\x14"),
		Reports: []em.Body{
			&em.Tamper{What: em.TamperRemoval},
			&em.Alarm{What: em.AlarmOther, Code: "bit 31"},
			&em.Power{Level: em.Some(0.3), Charging: em.Some(true)},
			&em.Comms{Event: em.CommsInfo},
		},
	}
}

// protected is the check code and what is under it.
func protected(frame []byte) (from, to int) {
	return offsets(frame)[headLen-2], len(frame) - len(flag)
}

func TestConformance(t *testing.T) { codectest.Run(t, kit()) }

func FuzzStream(f *testing.F) { codectest.Fuzz(f, kit()) }
