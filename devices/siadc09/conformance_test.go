package siadc09

import (
	"fmt"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/checksum"
	"github.com/sargas-em/em/protocol/codectest"
)

// now is the time of the vectors and of the specification's worked examples.
var now = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// keyed returns the dialect with a key of each kind.
func keyed(t testing.TB) protocol.Device {
	t.Helper()
	accounts := map[string]Key{}
	for account, text := range map[string]string{
		"1234": "0123456789ABCDEF",
		"9128": "00112233445566778899aabbccddeeff",
		"9192": "premises-unit-key-24byte",
		"9256": "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
	} {
		key, err := ParseKey(text)
		if err != nil {
			t.Fatal(err)
		}
		accounts[account] = key
	}
	d, err := New(Config{Accounts: accounts, ContactID: map[string]string{"383": "TA"}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func kit(t testing.TB, account string) codectest.Kit {
	return codectest.Kit{
		Profile:   "alarm-unit",
		Device:    keyed(t),
		External:  []string{"sia-dc09.jsonl"},
		Identity:  account,
		Protected: protected,
		Endless:   []byte("\n00000032\"SIA-DCS\"0001L0#9017["),
		Now:       now,
		Reports: []em.Body{
			&em.Beacon{Beacon: "501", Radio: "rf"},
			&em.Beacon{Beacon: "501", Radio: "rf", Lost: true},
			&em.Fix{LatLng: em.LatLng{Lat: -33.9999999, Lng: -0.0000001}, Validity: em.FixLastKnown},
		},
	}
}

// protected is what the check code covers: from the opening quote to before the
// CR. A poll has no check code; its first byte must be right.
func protected(frame []byte) (from, to int) {
	switch h := headOf(frame); h {
	case headPoll:
		return 0, 1
	case headPollAck:
		return 0, len(frame)
	default:
		return h.bodyAt(), len(frame) - 1
	}
}

func TestConformance(t *testing.T) {
	for _, account := range []string{"9017", "9256"} {
		t.Run(account, func(t *testing.T) { codectest.Run(t, kit(t, account)) })
	}
}

// general is the codec without what it does for a message that is as most are.
type general struct{ Codec }

func (c general) Decode(frame []byte) (protocol.Message, error) {
	f := reader{b: frame}
	f.Begin(frame, nil)
	return c.general(&f)
}

func TestPlainMessage(t *testing.T) {
	taken := func(frame []byte) bool {
		f := reader{b: frame}
		f.Begin(frame, nil)
		return f.plainMessage() != nil
	}
	seal := func(frame []byte) {
		if h := headOf(frame); h == headHex && frame[len(frame)-1] == '\r' {
			copy(frame[1:], fmt.Sprintf("%04X", checksum.ARC(frame[h.bodyAt():len(frame)-1])))
		}
	}
	codec := keyed(t).Codec.(Codec)
	for _, relaxed := range []bool{false, true} {
		codec.RelaxedChecksum = relaxed
		codectest.Alike(t, kit(t, "9017"), codec, general{codec}, taken, seal,
			[]byte("\nFC54003A\"SIA-DCS\"0001L0#9017[#9017|Nri1/TA002]_09:26:53,03-14-2026\r"),
			[]byte("\nE532003E\"SIA-DCS\"0999R1AL22#99000017[|Nri1TA2*strap*/BA3][X025E][Y54N]\r"),
			[]byte("\n97A5003B\"ADM-CID\"0002L0#9017[#9017|1383 01 002]_09:26:53,03-14-2026\r"))
	}
}

func FuzzStream(f *testing.F) { codectest.Fuzz(f, kit(f, "9256")) }
