package devices

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/codectest"
)

// detected feeds a stream byte by byte, as the worst network does, and returns
// the device that it is given to, or why there is none.
func detected(t *testing.T, reg *protocol.Registry, stream []byte) (string, *protocol.DetectError) {
	t.Helper()
	for n := 0; ; n++ {
		d, err := reg.Detect(stream[:n])
		if err == nil {
			return d.Name, nil
		}
		var de *protocol.DetectError
		if !errors.As(err, &de) {
			t.Fatalf("untyped error %v", err)
		}
		if n == len(stream) || de.Err == protocol.ErrUnknown {
			return "", de
		}
	}
}

// decodes reports whether the stream begins with a frame of the device.
func decodes(d protocol.Device, stream []byte) bool {
	f, err := protocol.NewDecoder(bytes.NewReader(stream), d).Next()
	return err == nil && f.Message != nil
}

// Every frame that a device may send first is detected as its own, or stays
// undecided with the device among the candidates, wherever the stream is cut;
// and no frame at all is taken for another device's.
func TestDetect(t *testing.T) {
	reg, err := protocol.NewRegistry(All()...)
	if err != nil {
		t.Fatal(err)
	}
	// Frames that do not tell alone; more bytes do.
	undecided := map[string]int{
		"r16h":     2,  // names of capital letters that are none of the known ones
		"sanav":    4,  // answers in words
		"jt808":    1,  // a line in brackets that is no base station's
		"bactrack": 11, // the tunnel's lines before its hello, commands of no known type
		"skyn":     17, // the tunnel's lines behind its hello
	}
	for _, d := range reg.All() {
		t.Run(d.Name, func(t *testing.T) {
			file := filepath.Join(d.Name, "testdata", "vectors.jsonl")
			if d.Name == "skyn" { // a dialect of bactrack
				file = filepath.Join("bactrack", "testdata", "skyn.jsonl")
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			own, open := 0, 0
			for _, line := range bytes.Split(bytes.TrimSpace(b), []byte("\n")) {
				var v codectest.Vector
				if err := json.Unmarshal(line, &v); err != nil {
					t.Fatal(err)
				}
				stream, err := v.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				name, de := detected(t, reg, stream)
				switch {
				case de != nil && (v.From == "server" || v.Error != "" && !decodes(d, stream)):
				case name == d.Name:
					own++
				case de != nil && slices.Contains(de.Candidates, d.Name):
					open++
					t.Logf("%s: %v", v.Name, de)
				case v.From == "device" || name != "":
					t.Errorf("%s: detected as %q, %v", v.Name, name, de)
				}
			}
			if own == 0 || open != undecided[d.Name] {
				t.Errorf("%d of its own, %d undecided, want %d", own, open, undecided[d.Name])
			}
		})
	}
}

// Real frames, as they come and with a line end behind them: none is taken for
// another device's, and what the device decodes is its own.
func TestDetectExternal(t *testing.T) {
	if testing.Short() {
		t.Skip("long, in one goroutine")
	}
	reg, err := protocol.NewRegistry(All()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file, device string
		own          int // vectors detected as the device's
	}{
		{"alcohol-uart", "alcoholuart", 6}, {"bactrack", "bactrack", 3}, {"eview", "eview", 18}, {"gt06", "gt06", 105},
		{"jt808", "jt808", 65}, {"laipac", "laipac", 23}, {"megastek", "megastek", 23}, {"r16h", "r16h", 3},
		{"sanav-ot", "sanav", 7}, {"sia-dc09", "siadc09", 3}, {"watch-3g", "watch3g", 46}, {"xexun2", "xexun2", 2},
	} {
		t.Run(c.file, func(t *testing.T) {
			dev, err := reg.Device(c.device)
			if err != nil {
				t.Fatal(err)
			}
			own := 0
			for i, v := range codectest.External(t, c.file+".jsonl") {
				b, err := v.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				for k, stream := range [][]byte{b, append(bytes.Clone(b), "\r\n"...)} {
					name, de := detected(t, reg, stream)
					switch {
					case name == c.device && k == 0:
						own++
					case name != "" && name != c.device:
						t.Errorf("vector %d is taken for %s: %q", i+1, name, stream)
					case name == "" && decodes(dev, stream) && !slices.Contains(de.Candidates, c.device):
						t.Errorf("vector %d decodes and is %v: %q", i+1, de, stream)
					}
				}
			}
			if own != c.own {
				t.Errorf("%d detected, want %d", own, c.own)
			}
		})
	}
}
