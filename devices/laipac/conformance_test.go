package laipac

import (
	"bytes"
	"testing"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/checksum"
	"github.com/sargas-em/em/protocol/codectest"
	"github.com/sargas-em/em/protocol/nmea"
	"github.com/sargas-em/em/protocol/wire"
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

// general is the codec without what it does for a Report that is as most are.
type general struct{ Codec }

func (c general) Decode(frame []byte) (protocol.Message, error) {
	f := wire.New(frame)
	m, wrong := read(&f, frame, nil)
	return protocol.Verdict(&f, m, wrong, c.RelaxedChecksum)
}

func TestPlainReport(t *testing.T) {
	seal := func(frame []byte) {
		if star := bytes.IndexByte(frame, '*'); star > 0 && star+len("*00") <= len(frame) {
			copy(frame[star+1:], nmea.AppendCheck(nil, checksum.Xor8(frame[1:star])))
		}
	}
	taken := func(frame []byte) bool {
		f := wire.New(frame)
		_, whole := plainReport(&f, frame)
		return whole
	}
	for _, relaxed := range []bool{false, true} {
		c := Codec{RelaxedChecksum: relaxed}
		codectest.Alike(t, kit(), c, general{c}, taken, seal,
			[]byte("$AVRMC,99000017,092653,A,5441.2320,N,02516.7820,E,1.21,40.90,140326,A,4076,0,1,0,0,0D7AB913,024601*34"),
			[]byte("$AVRMC,99000017,092653,r,5441.2320,S,02516.7820,W,0.00,-1,140326,0,,12.5,,,*22"))
	}
}

func FuzzStream(f *testing.F) { codectest.Fuzz(f, kit()) }
