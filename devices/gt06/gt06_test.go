package gt06_test

import (
	"testing"

	"github.com/sargas-em/em/devices/gt06"
	"github.com/sargas-em/em/protocol/codectest"
)

const imei = "990000000000017" // invented

func kit() codectest.Kit {
	return codectest.Kit{
		Profile:        "tracker",
		Device:         gt06.Device(),
		External:       []string{"gt06.jsonl"},
		Identity:       imei,
		Login:          "login",
		LengthPrefixed: true,
		Endless:        []byte("xx\x0d\x01"),
		Protected:      protected,
	}
}

// protected is from the length to the check code. A frame of a Wi-Fi tracker
// has no check code; only its end is certain.
func protected(frame []byte) (from, to int) {
	if n := 3 + int(frame[2]) + 2; frame[0] == 'x' && n != len(frame) {
		return len(frame) - 2, len(frame)
	}
	return 2, len(frame) - 2
}

func TestConformance(t *testing.T) { codectest.Run(t, kit()) }

func FuzzStream(f *testing.F) { codectest.Fuzz(f, kit()) }
