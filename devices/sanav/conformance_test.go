package sanav

import (
	"testing"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/codectest"
)

// The kit's protected part is left out: most of a report is not under its check
// code. See TestBitErrors for what is.
func kit() codectest.Kit {
	return codectest.Kit{
		Profile:  "gps-bracelet",
		Device:   Device(),
		External: []string{"sanav-ot.jsonl"},
		Identity: "990000000000017",
		Commands: []protocol.Command{{Kind: protocol.CommandRelease, Text: "I0251"}, {Kind: protocol.CommandVendor, Text: "fbr,1,60"}},
		Endless:  []byte("GET /gps?imei="),
		Reports: []em.Body{
			&em.Beacon{Beacon: "I0251", Radio: "rf"},
			&em.Tamper{What: em.TamperStrap},
			&em.Tamper{What: em.TamperOther, Code: "TT"},
			&em.Beacon{Beacon: "I0251", Radio: "rf", Lost: true},
			&em.Alarm{What: em.AlarmOther, Code: "LOWBAT"},
			&em.Power{Volts: em.Some(3.7)},
			&em.Comms{Event: em.CommsHeartbeat},
		},
	}
}

func TestConformance(t *testing.T) { codectest.Run(t, kit()) }

func FuzzStream(f *testing.F) { codectest.Fuzz(f, kit()) }
