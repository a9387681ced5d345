package eview_test

import (
	"testing"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/eview"
	"github.com/sargas-em/em/protocol/codectest"
)

const imei = "990000000000017" // invented

func kit() codectest.Kit {
	return codectest.Kit{
		Profile:        "tracker",
		Device:         eview.Device(),
		External:       []string{"eview.jsonl"},
		Identity:       imei,
		Login:          "status",
		LengthPrefixed: true,
		Endless:        []byte{0xAB, 0x10, 0xFF, 0xFF},
		Protected:      func(frame []byte) (from, to int) { return 8, len(frame) },
		Reports: []em.Body{
			&em.Beacon{Beacon: "c0:ff:ee:00:00:18", Radio: "wifi", RSSI: em.Some(-60)},
			&em.Alarm{What: em.AlarmOther, Code: "alarm bit 13"},
			&em.Power{Volts: em.Some(3.9), Level: em.Some(0.4)},
		},
	}
}

func TestConformance(t *testing.T) { codectest.Run(t, kit()) }

func FuzzStream(f *testing.F) { codectest.Fuzz(f, kit()) }
