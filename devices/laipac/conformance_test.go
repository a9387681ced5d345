package laipac

import (
	"testing"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/codectest"
)

func kit() codectest.Kit {
	return codectest.Kit{
		Profile:   "gps-bracelet",
		Device:    Device(),
		External:  []string{"laipac.jsonl"},
		Identity:  "99000017",
		Commands:  []protocol.Command{{Kind: protocol.CommandRelease, Text: "t"}},
		Protected: func(frame []byte) (from, to int) { return 0, len(frame) },
		Endless:   []byte("$AVRMC,"),
		Reports: []em.Body{
			&em.Alarm{What: em.AlarmOther, Code: "M"},
			&em.Power{Volts: em.Some(3.7)},
		},
	}
}

func TestConformance(t *testing.T) { codectest.Run(t, kit()) }

func FuzzStream(f *testing.F) { codectest.Fuzz(f, kit()) }
