package main

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/capture"
	"github.com/sargas-em/em/protocol/serialline"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"emcodec": main})
}

// alone is for tests of one goroutine that start other programs, or this one many
// times. With -short, which is how the race detector runs this package, they are
// left out.
func alone(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("other processes, and one goroutine")
	}
}

// The scripts are what a vendor's engineer types and must see.
func TestScripts(t *testing.T) {
	alone(t)
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
	alone(t)
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
		{"alcoholuart", "strict", 7, 6, 0, 0},
		{"alcoholuart", "--relaxed", 7, 7, 0, 0},
		{"bactrack", "strict", 10, 10, 0, 0},
		{"blebeacon", "strict", 10, 8, 0, 0}, // two are cut off on purpose
		{"eview", "strict", 18, 18, 0, 39},
		{"gt06", "strict", 111, 106, 2, 49},
		{"gt06", "--relaxed", 111, 111, 2, 51},
		{"jt808", "strict", 78, 74, 0, 77},
		{"jt808", "--relaxed", 78, 77, 0, 79}, // one is a sample of escapes without a header
		{"laipac", "strict", 23, 23, 0, 19},
		{"laipac", "--relaxed", 23, 23, 0, 19},
		{"megastek", "strict", 23, 18, 0, 16},
		{"megastek", "--relaxed", 23, 20, 0, 18}, // three positions were edited into 94 minutes
		{"r16h", "strict", 3, 3, 0, 1},
		{"rftrack", "strict", 1, 1, 0, 1},
		{"sanav", "strict", 7, 5, 0, 5},
		{"sanav", "--relaxed", 7, 7, 0, 7},
		{"siadc09", "strict", 17, 11, 0, 0},
		{"siadc09", "--relaxed", 17, 16, 0, 0}, // one has LF as text
		{"watch3g", "strict", 46, 46, 0, 25},
		{"xexun2", "strict", 3, 2, 0, 3}, // one is a sample of escapes without a header
	} {
		t.Run(c.codec+" "+c.mode, func(t *testing.T) {
			args := []string{"decode", "--codec", c.codec, "--in", filepath.Join(dir, cmp.Or(externalFiles[c.codec], c.codec)+".jsonl"), "-o", "jsonl"}
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

// The commands of the package comment work as they stand, those that run by
// themselves here; the others have tests of their own.
func TestDocumentedCommands(t *testing.T) {
	doc, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	vectors, err := os.ReadFile("../../devices/megastek/testdata/vectors.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := bytes.Cut(vectors, []byte("\n"))
	t.Chdir(t.TempDir())
	if err := errors.Join(os.WriteFile("frames.jsonl", first, 0o644), writeCapture("field.pcapng")); err != nil {
		t.Fatal(err)
	}
	words := regexp.MustCompile(`'[^']*'|\S+`)
	ran := 0
	for _, m := range regexp.MustCompile(`(?m)^//\temcodec (list|describe|decode)( .*)?$`).FindAllStringSubmatch(string(doc), -1) {
		args := []string{m[1]}
		for _, w := range words.FindAllString(m[2], -1) {
			args = append(args, strings.Trim(w, "'"))
		}
		want := 0
		if strings.Contains(m[2], "--pcap") {
			want = exitDecode // there is a stranger in it
		}
		if out, errs, status := emcodec(t, args...); status != want || out == "" {
			t.Errorf("%v: status %d: %s%s", args, status, out, errs)
		}
		ran++
	}
	if ran != 6 {
		t.Errorf("%d commands, not 6", ran)
	}
}

// Colours are for terminals, and not where NO_COLOR is set.
func TestColours(t *testing.T) {
	for _, c := range []struct {
		name, env string
		colours   bool
	}{{"terminal", "NO_COLOR=", true}, {"NO_COLOR", "NO_COLOR=1", false}} {
		t.Run(c.name, func(t *testing.T) {
			master, slave, err := serialline.OpenPTY()
			if errors.Is(err, errors.ErrUnsupported) {
				t.Skip("SKIPPED: no pseudo-terminals on this system")
			}
			if err != nil {
				t.Fatal(err)
			}
			defer master.Close()
			terminal, err := os.OpenFile(slave, os.O_RDWR|syscall.O_NOCTTY, 0)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("emcodec", "decode", "--codec", "gt06", "78780D0109900000000000160001D9D40D0A")
			cmd.Env, cmd.Stdout = append(os.Environ(), c.env), terminal
			var exit *exec.ExitError
			if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != exitDecode {
				t.Fatal(err)
			}
			if err := master.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			var got []byte
			for buf := make([]byte, 4096); !bytes.Contains(got, []byte("=> ")); {
				n, err := master.Read(buf)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, buf[:n]...)
			}
			if err := terminal.Close(); err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(got, []byte(red+"0xD9D4 WRONG")) != c.colours || bytes.Contains(got, []byte("\x1b")) != c.colours {
				t.Errorf("%q", got)
			}
		})
	}
}
