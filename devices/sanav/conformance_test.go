package sanav

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/checksum"
	"github.com/sargas-em/em/protocol/codectest"
	"github.com/sargas-em/em/protocol/nmea"
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

// general is the codec without what it does for a Report that is as most are.
type general struct{ Codec }

func (c general) Decode(frame []byte) (protocol.Message, error) {
	f := reader{frame: frame}
	f.Begin(frame, nil)
	m := f.message()
	return protocol.Verdict(&f.Cursor, m, f.flaw, c.RelaxedChecksum)
}

func (general) Split(b []byte) ([]byte, int, error) {
	if n := between(b); n > 0 || len(b) == 0 {
		return nil, n, nil
	}
	return split(b)
}

// seal makes the check code of a sentence right.
func seal(frame []byte) {
	start, star := bytes.IndexByte(frame, '$'), bytes.IndexByte(frame, '*')
	if start >= 0 && star > start && star+len("*00") <= len(frame) {
		copy(frame[star+1:], nmea.AppendCheck(nil, checksum.Xor8(frame[start+1:star])))
	}
}

func TestPlainReport(t *testing.T) {
	const line = "990000000000017,$GNRMC,092653.00,A,5441.23200,N,02516.78200,E,0.054,,140326,,,A*6C,AUTO,I0251,,,,17,M16,3782mV,45,2.40,246,1,0D7A,B913,36"
	for _, relaxed := range []bool{false, true} {
		c := Codec{RelaxedChecksum: relaxed}
		codectest.Alike(t, kit(), c, general{c}, func(frame []byte) bool {
			f := reader{frame: frame}
			f.Begin(frame, nil)
			return f.plainReport() != nil
		}, seal, []byte(line), []byte(line+","), []byte(line+",7,x y"), []byte(strings.Replace(line, ",A*6C", "*01", 1)))
	}
}

func FuzzStream(f *testing.F) { codectest.Fuzz(f, kit()) }
