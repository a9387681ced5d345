package watch3g

import (
	"testing"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/codectest"
)

// The dialect has no check code, so nothing is protected.
func kit() codectest.Kit {
	return codectest.Kit{
		Profile:  "gps-bracelet",
		Device:   Device(),
		External: []string{"watch-3g.jsonl"},
		Identity: "9900000017",
		Commands: []protocol.Command{{Kind: protocol.CommandVendor, Text: "LOWBAT,1"}},
		Endless:  []byte("[3G*9900000017*0009*LK,"),
		Reports: []em.Body{
			&em.Tamper{What: em.TamperRemoval},
			&em.Alarm{What: em.AlarmSOS},
			&em.Alarm{What: em.AlarmFall, Code: "bit 22"},
			&em.Power{Event: em.PowerLow, Level: em.Some(0.12)},
			&em.Power{Event: em.PowerCut},
			&em.Comms{Event: em.CommsHeartbeat},
			&em.Vendor{Name: "heart", Fields: []em.Field{{Name: "heart_rate", Value: "72"}}},
		},
	}
}

func TestConformance(t *testing.T) { codectest.Run(t, kit()) }

func FuzzStream(f *testing.F) { codectest.Fuzz(f, kit()) }
