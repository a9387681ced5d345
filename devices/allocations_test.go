//go:build !race

package devices

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

// dearer are the vectors of which one costs more than an allocation, or more than
// none in memory that is reused.
var dearer = []struct {
	why           string
	decode, reuse float64
	vectors       []string // device and name
}{
	{
		"what is not sent as it is meant is made anew in a place of its own first", 2, 0,
		[]string{
			"jt808: location in the other framing",
			"jt808: escapes",
			"jt808: compact",
			"jt808: reply with escapes",
			"xexun2: escapes in head and payload",
		},
	},
	{
		"a list within a list, or one that few messages have", 2, 0,
		[]string{
			"jt808: parameters",
			"jt808: parameters set",
			"jt808: batch that is short",
			"jt808: batch with a broken report",
			"jt808: batch with a length that is wrong",
			"megastek: health",
			"xexun2: module G over the plain forms, other modules",
			"xexun2: access points, cells, ranges",
		},
	},
	{
		"text that does not stand in the frame: another encoding, or searched in any case", 4, 3,
		[]string{
			"jt808: register",
			"jt808: register 2019",
			"jt808: driver",
			"jt808: text 6006",
			"jt808: text 1300",
			"jt808: text 0701",
			"jt808: text in GBK 2019",
			"sanav: reply: done",
			"sanav: reply: failed",
			"sanav: reply before a report",
		},
	},
	{
		"JSON in another form than units write it, which encoding/json reads", 10, 9,
		[]string{"rftrack: percent-encoded"},
	},
	{
		"fields of firmware variants and addresses of access points are text that is made of numbers; lists of cells grow", 10, 9,
		[]string{
			"gt06: status of an OBD plug",
			"gt06: status of an OBD plug, 21 bytes",
			"gt06: alarm with an empty cell block, 0x16",
			"gt06: alarm with a long cell block, 0x16",
			"gt06: VXT01 position",
			"gt06: VXT01 alarm",
			"gt06: Benway position",
			"gt06: S5 position",
			"gt06: GT06E card position",
			"gt06: Wetrust position",
			"gt06: Seeworld position",
			"gt06: SR411 position",
			"gt06: RFID position",
			"gt06: LW position",
			"gt06: LW position, 0x36",
			"gt06: X1 position",
			"gt06: scan 0x28",
			"gt06: scan 0x24",
			"gt06: scan 0x2E",
			"gt06: scan 0x18",
			"gt06: scan 0x2C",
			"gt06: scan 0x19",
			"gt06: scan 0xA1",
			"gt06: scan 0xA2",
			"gt06: scan 0xF3",
			"gt06: scan with position",
			"gt06: station scan",
			"gt06: station alarm",
			"gt06: wifi 0x69",
			"gt06: wifi 0x17 without access points",
			"gt06: reply in UTF-16",
			"gt06: camera alarm",
		},
	},
}

// TestAllocations decodes every composed vector: a message is one allocation, or
// none in the caller's memory.
func TestAllocations(t *testing.T) {
	used := map[string]bool{}
	for _, d := range All() {
		reuser, ok := d.Codec.(protocol.Reuser)
		if !ok {
			continue
		}
		file := filepath.Join(d.Name, "testdata", "vectors.jsonl")
		if d.Name == "skyn" { // a dialect of bactrack
			file = filepath.Join("bactrack", "testdata", "skyn.jsonl")
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		measured := 0
		for line := range bytes.Lines(data) {
			var v struct{ Name, Hex, Text string }
			if err := json.Unmarshal(line, &v); err != nil {
				t.Fatal(err)
			}
			b := []byte(v.Text)
			if v.Hex != "" {
				if b, err = hex.DecodeString(strings.ReplaceAll(v.Hex, " ", "")); err != nil {
					t.Fatal(err)
				}
			}
			frame, _, err := d.Codec.Split(b)
			if err != nil || frame == nil {
				continue
			}
			m, err := d.Codec.Decode(frame)
			if err != nil {
				continue // an error may cost what it does
			}
			measured++
			most, least := 1.0, 0.0
			name := d.Name + ": " + v.Name
			if _, raw := m.(*protocol.Raw); raw {
				// What is not known is kept as it came, beside a name that is made
				// for it: rare, and no stream's load.
				most, least = 5, 5
			}
			for _, e := range dearer {
				if slices.Contains(e.vectors, name) {
					used[name] = true
					most, least = e.decode, e.reuse
				}
			}
			if n := testing.AllocsPerRun(10, func() { _, _ = d.Codec.Decode(frame) }); n > most {
				t.Errorf("%s: %v allocations, expected %v at most", name, n, most)
			}
			var memory wire.Memory
			if n := testing.AllocsPerRun(10, func() { _, _ = reuser.DecodeReuse(frame, &memory) }); n > least {
				t.Errorf("%s: %v allocations in memory that is reused, expected %v at most", name, n, least)
			}
		}
		if measured < 3 {
			t.Errorf("%s: only %d vectors were measured", d.Name, measured)
		}
	}
	for _, e := range dearer {
		for _, name := range e.vectors {
			if !used[name] {
				t.Errorf("%s was not measured, which is excused: %s", name, e.why)
			}
		}
	}
}
