package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/capture"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"emcodec": main})
}

// The scripts are what a vendor's engineer types and must see.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata", UpdateScripts: os.Getenv("EM_UPDATE") != "",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": status},
		Setup: func(e *testscript.Env) error {
			return writeCapture(filepath.Join(e.WorkDir, "field.pcapng"))
		},
	})
}

// status is a command of the scripts: it runs emcodec and wants an exit status.
//
//	status 3 decode --codec gt06 78
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status NUMBER ARGUMENT...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec("emcodec", args[1:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, not %d", got, want)
	}
}

// writeCapture records a day in the field: a tracker and the center's answer, a
// bracelet, and a stranger.
func writeCapture(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w, err := capture.NewWriter(f)
	if err != nil {
		return err
	}
	at := time.Date(2026, 3, 14, 9, 30, 0, 0, time.UTC)
	for i, said := range [][]string{
		{"78780d0109900000000000170001d9d40d0a" + "787817101a03", "<787805010001d9dc0d0a", "0e091e00c905de076002b653e405142d000298440d0a"},
		{hex.EncodeToString([]byte("$ECHK,99000017,0*33\r\n"))},
		{"16030100"},
	} {
		device := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.17"), uint16(4017+i))
		s, err := w.Open(at, capture.Info{Transport: capture.TCP, Device: device, Center: netip.MustParseAddrPort("192.0.2.1:5023")})
		if err != nil {
			return err
		}
		for _, text := range said {
			kind := protocol.Received
			if rest, sent := strings.CutPrefix(text, "<"); sent {
				kind, text = protocol.Sent, rest
			}
			data, err := hex.DecodeString(text)
			if err != nil {
				return err
			}
			if err := s.Tap(protocol.Traffic{At: at, Kind: kind, Data: data}); err != nil {
				return err
			}
			at = at.Add(time.Second)
		}
		if err := s.Tap(protocol.Traffic{At: at, Kind: protocol.Ended}); err != nil {
			return err
		}
	}
	return f.Close()
}

// What the README's table of devices says of outside frames, this tool shows.
func TestOutsideFrames(t *testing.T) {
	dir := os.Getenv("EM_VECTORS")
	if dir == "" {
		if os.Getenv("EM_REQUIRE") != "" {
			t.Fatal("EM_VECTORS is not set")
		}
		t.Skip("SKIPPED: EM_VECTORS is not set, no outside frames are decoded")
	}
	for _, c := range []struct {
		codec, mode                   string
		lines, ok, unsupported, fixes int
	}{
		{"gt06", "strict", 111, 105, 12, 45},
		{"gt06", "--relaxed", 111, 110, 12, 47},
		{"laipac", "strict", 23, 23, 0, 19},
		{"laipac", "--relaxed", 23, 23, 0, 19},
		{"megastek", "strict", 23, 18, 0, 16},
		{"megastek", "--relaxed", 23, 20, 0, 18},
		{"bactrack", "strict", 10, 3, 0, 0},
	} {
		t.Run(c.codec+" "+c.mode, func(t *testing.T) {
			args := []string{"decode", "--codec", c.codec, "--in", filepath.Join(dir, c.codec+".jsonl"), "-o", "jsonl"}
			if c.mode != "strict" {
				args = append(args, c.mode)
			}
			var out, errs bytes.Buffer
			err := (&tool{out: &out, errs: &errs}).run(t.Context(), args)
			if (err == nil) != (c.ok == c.lines) {
				t.Errorf("error %v", err)
			}
			var lines, ok, unsupported, fixes int
			for dec := json.NewDecoder(&out); dec.More(); lines++ {
				var r struct {
					OK           bool
					Messages     []struct{ Kind string }
					Observations []struct {
						Body     string
						Lat, Lon float64
					}
				}
				if err := dec.Decode(&r); err != nil {
					t.Fatal(err)
				}
				if r.OK {
					ok++
				}
				for _, m := range r.Messages {
					if len(m.Kind) > 11 && m.Kind[:11] == "unsupported" {
						unsupported++
					}
				}
				for _, o := range r.Observations {
					if o.Body == "fix" {
						fixes++
					}
				}
			}
			if lines != c.lines || ok != c.ok || unsupported != c.unsupported || fixes != c.fixes {
				t.Errorf("%d lines, %d decoded, %d of unsupported types, %d positions; want %d, %d, %d, %d",
					lines, ok, unsupported, fixes, c.lines, c.ok, c.unsupported, c.fixes)
			}
		})
	}
}
