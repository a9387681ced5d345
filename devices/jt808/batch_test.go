package jt808_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/jt808"
	"github.com/sargas-em/em/protocol/checksum"
)

// A broken report costs a batch no other whose place is certain, and is kept.
func TestBrokenReports(t *testing.T) {
	const (
		good  = "001c" + report
		item  = "001f" + report + "300109"
		short = "0007" + "00000000000000"
		date  = "0020" + "00000000" + "00000002" + "034275b5" + "0181bca4" + "0070" + "00b4" + "010f" + "261314172653" + "01020304"
	)
	for _, tt := range []struct {
		name, count, reports string
		read                 int
		broken               string
	}{
		{"none", "0003", good + item + good, 3, ""},
		{"one in the middle", "0003", good + short + item, 2, "[1 at 33: " + short + "]"},
		{"the first, and the last of no bytes", "0004", short + good + item + "0000", 2, "[0 at 3: " + short + " 3 at 75: 0000]"},
		{"one of one byte too few", "0002", good + "001b" + report[2:], 1, "[1 at 33: 001b" + report[2:] + "]"},
		{"the last, cut", "0002", good + "001c" + report[:40], 1, "[1 at 33: 001c" + report[:40] + "]"},
		{"the last, not there", "0003", good + item, 2, "[2 at 66: ]"},
		{"half a length", "0002", good + "00", 1, "[1 at 33: 00]"},
		{"a length that is too great", "0003", good + "0028" + report + item, 1, "[1 at 33: 0028" + report + item + "]"},
		{"a length that leads into an item", "0003", good + "001e" + report + "300109" + good, 1, "[1 at 33: 001e" + report + "300109" + good + "]"},
		{"a length that is too small by an item", "0003", good + "001c" + report + "300109" + good, 2, "[2 at 63: 300109" + good + "]"},
		{"no date, where the lengths do not lead on", "0003", good + date + "00", 1, "[1 at 33: " + date + "00]"},
		{"a short one with something behind all", "0003", good + short + good + "ff", 1, "[1 at 33: " + short + good + "ff]"},
		{"many of no bytes", "0014", good + strings.Repeat("0000", 17) + item + good, 1, "[" + nothing(1, 15) + " 16 at 63: 00000000" + item + good + "]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := jt808.Codec{}.Decode(frame(0x0704, 7, tt.count+"01"+tt.reports))
			if err != nil {
				t.Fatal(err)
			}
			b := m.(*jt808.Batch)
			var broken []string
			for _, r := range b.Broken {
				broken = append(broken, fmt.Sprintf("%d at %d: %x", r.Index, r.Offset, r.Data))
			}
			if got := fmt.Sprint(broken); len(b.Reports) != tt.read || got != "[]" && got != tt.broken || got == "[]" && tt.broken != "" {
				t.Errorf("%d reports, broken %v; want %d, %s", len(b.Reports), got, tt.read, tt.broken)
			}
			// The check code says that the batch came as it was made, so it is not asked for again.
			obs, sent, err := tell(t, jt808.Device().NewSession(), m)
			if err != nil || len(sent) != 1 || !strings.HasPrefix(sent[0], "7e80010005990000000017000000070704"+"00") {
				t.Errorf("sent %v, %v", sent, err)
			}
			kept := ""
			for _, o := range obs {
				if v, ok := o.Body.(*em.Vendor); ok && v.Fields[0].Name == "broken report" {
					for _, f := range v.Fields {
						kept += " " + f.Value
					}
				}
			}
			for _, r := range b.Broken {
				if !strings.Contains(kept, fmt.Sprintf(" %d at byte %d: ", r.Index, r.Offset)) || !strings.Contains(kept, hex.EncodeToString(r.Data)) {
					t.Errorf("report %d is kept as %q", r.Index, kept)
				}
			}
		})
	}
}

// nothing names reports of no bytes, from one index to another, behind one of 30 bytes.
func nothing(from, to int) string {
	var all []string
	for i := from; i <= to; i++ {
		all = append(all, fmt.Sprintf("%d at %d: 0000", i, 33+2*(i-from)))
	}
	return strings.Join(all, " ")
}

// Of a short batch too.
func TestBrokenShortReport(t *testing.T) {
	m, err := jt808.Codec{}.Decode(frame(0x0210, 7, "1c"+report+"03000000"+"1c"+report))
	if err != nil {
		t.Fatal(err)
	}
	b := m.(*jt808.Batch)
	if len(b.Reports) != 2 || len(b.Broken) != 1 || b.Broken[0].Index != 1 || b.Broken[0].Offset != 29 || !bytes.Equal(b.Broken[0].Data, []byte{3, 0, 0, 0}) {
		t.Errorf("%d reports, broken %+v", len(b.Reports), b.Broken)
	}
}

// FuzzBatch takes batches apart and puts them together again: no byte is lost, none is
// told twice, and none moves.
func FuzzBatch(f *testing.F) {
	for _, body := range []string{
		"000301" + "001c" + report + "00020000" + "001f" + report + "300109",
		"000300" + "001c" + report + "0028" + report + "001c" + report,
		"000101" + "0030" + report + strings.Repeat("00", 20),
		"ffff00" + "001c" + report,
	} {
		b, _ := hex.DecodeString(body)
		f.Add(false, b)
	}
	b, _ := hex.DecodeString("1c" + report + "03000000" + "1c" + report)
	f.Add(true, b)
	f.Fuzz(func(t *testing.T, short bool, body []byte) {
		code := uint16(0x0704)
		if short {
			code = 0x0210
		}
		if len(body) > 1023 {
			return
		}
		m, err := jt808.Codec{}.Decode(framed(code, body))
		b, ok := m.(*jt808.Batch)
		if err != nil || !ok {
			return
		}
		var again []byte
		if code == 0x0704 {
			again = append(append(again, body[:2]...), b.Kind)
		}
		broken := b.Broken
		for i := 0; len(broken) > 0 || len(b.Reports) > 0; i++ {
			if len(broken) > 0 && broken[0].Index == i {
				if broken[0].Offset != len(again) {
					t.Fatalf("report %d is said to be at %d, is at %d", i, broken[0].Offset, len(again))
				}
				again = append(again, broken[0].Data...)
				broken = broken[1:]
				continue
			}
			if len(b.Reports) == 0 {
				t.Fatalf("report %d is broken, of %d", broken[0].Index, i)
			}
			r, err := jt808.Codec{}.Append(nil, &jt808.Location{Header: jt808.Header{ID: terminal}, Report: b.Reports[0]})
			if err != nil {
				t.Fatal(err)
			}
			r = plain(r)
			if code == 0x0704 {
				again = binary.BigEndian.AppendUint16(again, uint16(len(r)))
			} else {
				again = append(again, byte(len(r)))
			}
			again = append(again, r...)
			b.Reports = b.Reports[1:]
		}
		if again = append(again, b.Tail...); !bytes.Equal(again, body) {
			t.Fatalf("of %x there is %x", body, again)
		}
	})
}

// framed composes a frame with escapes.
func framed(code uint16, body []byte) []byte {
	content := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, code), uint16(len(body)))
	content = append(append(content, 0x99, 0, 0, 0, 0, 0x17, 0, 7), body...)
	content = append(content, checksum.Xor8(content))
	content = bytes.ReplaceAll(content, []byte{0x7D}, []byte{0x7D, 1})
	content = bytes.ReplaceAll(content, []byte{0x7E}, []byte{0x7D, 2})
	return append(append([]byte{0x7E}, content...), 0x7E)
}

// plain returns the body of a frame.
func plain(b []byte) []byte {
	b = bytes.ReplaceAll(b[1:len(b)-1], []byte{0x7D, 2}, []byte{0x7E})
	b = bytes.ReplaceAll(b, []byte{0x7D, 1}, []byte{0x7D})
	return b[12 : len(b)-1]
}
