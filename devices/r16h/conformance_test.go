package r16h

import (
	"testing"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/codectest"
)

// The dialect has no check code, so nothing is protected.
func kit() codectest.Kit {
	return codectest.Kit{
		Profile:  "gps-bracelet",
		Device:   Device(),
		External: []string{"r16h.jsonl"},
		Identity: "990000000000017",
		Endless:  []byte("@GPSD,"),
		Reports: []em.Body{
			&em.Tamper{What: em.TamperStrap},
			&em.Tamper{What: em.TamperStrap, Cleared: true},
			&em.Power{Event: em.PowerLow, Level: em.Some(0.12)},
			&em.Alarm{What: em.AlarmOther, Code: "XYZ"},
			&em.Comms{Event: em.CommsHeartbeat},
		},
	}
}

func TestConformance(t *testing.T) { codectest.Run(t, kit()) }

func FuzzStream(f *testing.F) { codectest.Fuzz(f, kit()) }
