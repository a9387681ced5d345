package megastek

import (
	"testing"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/codectest"
)

// The kit's protected part is left out: the current form has no checksum. See
// TestBitErrors for the older ones.
func kit() codectest.Kit {
	return codectest.Kit{
		Profile:  "gps-bracelet",
		Device:   Device(),
		External: []string{"megastek.jsonl"},
		Identity: "990000000000017",
		Endless:  []byte("$MGV002,"),
		Reports: []em.Body{
			&em.Tamper{What: em.TamperStrap},
			&em.Tamper{What: em.TamperStrap, Cleared: true},
			&em.Power{Event: em.PowerLow, Level: em.Some(0.12), Charging: em.Some(false)},
			&em.Alarm{What: em.AlarmOther, Code: "Fatigue"},
			&em.Comms{Event: em.CommsHeartbeat},
		},
	}
}

func TestConformance(t *testing.T) { codectest.Run(t, kit()) }

func FuzzStream(f *testing.F) { codectest.Fuzz(f, kit()) }
