package megastek

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
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

// general is the codec without what it does for a Report that is as most are.
type general struct{ Codec }

func (c general) Decode(frame []byte) (protocol.Message, error) {
	f := reader{frame: frame}
	f.Begin(frame, nil)
	m := f.message()
	return protocol.Verdict(&f.Cursor, m, f.flaw, c.RelaxedChecksum)
}

func (c general) Split(b []byte) ([]byte, int, error) {
	if len(b) > digits {
		if length, ok := number(b[:digits]); ok && length >= shortest && length <= maxFrame-digits && bytes.HasPrefix(b[digits:], []byte("$MGV")) {
			end := digits + length
			return splitWindow(b, b[:min(len(b), end)], end)
		}
	}
	return c.Codec.Split(b)
}

func TestPlainReport(t *testing.T) {
	tail := strings.Replace(goodReport[4:], ";!", ",02C0FFEE0017:50|02C0FFEE0018:66,x;!", 1)
	for _, relaxed := range []bool{false, true} {
		c := Codec{RelaxedChecksum: relaxed}
		codectest.Alike(t, kit(), c, general{c}, func(frame []byte) bool {
			f := reader{frame: frame}
			f.Begin(frame, nil)
			return f.plainReport() != nil
		}, nil, []byte(goodReport), []byte(goodReport[4:]), []byte(tail))
	}
}

func FuzzStream(f *testing.F) { codectest.Fuzz(f, kit()) }
