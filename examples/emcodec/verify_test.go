package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/protocol/capture"
	"github.com/sargas-em/em/protocol/codectest"
	"github.com/sargas-em/em/protocol/wire"
)

// emcodec runs a command and returns what it says, and its exit status.
func emcodec(t *testing.T, args ...string) (out, errs string, status int) {
	t.Helper()
	var o, e bytes.Buffer
	err := (&tool{in: strings.NewReader(""), out: &o, errs: &e}).run(t.Context(), args)
	if err != nil {
		e.WriteString(err.Error())
	}
	return o.String(), e.String(), program.Status(err, exitIO)
}

// replaceIn changes a file of a package.
func replaceIn(t *testing.T, file, from, to string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte(from)) {
		t.Fatalf("%s has no %q", file, from)
	}
	if err := os.WriteFile(file, bytes.ReplaceAll(b, []byte(from), []byte(to)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// What init writes is a package of another module that passes its kit at once, and
// no longer does when it is broken.
func TestInitAndVerify(t *testing.T) {
	alone(t)
	t.Setenv("EM_VECTORS", "") // no outside frames: the report is the same everywhere
	t.Setenv("EM_REQUIRE", "")
	dir := filepath.Join(t.TempDir(), "beta", "b7")
	out, errs, status := emcodec(t, "init", dir, "--profile", "gps-bracelet", "--sdk", filepath.Join("..", ".."))
	if status != 0 || !strings.Contains(out, "a module of its own") {
		t.Fatalf("status %d: %s%s", status, out, errs)
	}
	cmd := exec.Command("go", "test", "-skip", "Conformance", ".") // which is verified below
	cmd.Dir = dir
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go test: %v\n%s", err, b)
	}
	if b, err := exec.Command("gofmt", "-l", dir).CombinedOutput(); err != nil || len(b) > 0 {
		t.Errorf("gofmt: %v\n%s", err, b)
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	out, errs, status = emcodec(t, "verify", dir, "--junit", file("r.xml"), "--html", file("r.html"), "--json", file("r.json"), "--badge", file("badge.svg"))
	if status != 0 || !strings.Contains(out, "EM-ROB-02  L2 robust         passed") || !strings.Contains(out, "level: L3 complete") {
		t.Fatalf("status %d: %s%s", status, out, errs)
	}
	for name, want := range map[string]string{"r.xml": "EM-DEC-01 vectors", "r.html": "EM-SIM-01", "badge.svg": "L3 complete"} {
		b, err := os.ReadFile(file(name))
		if err != nil || !bytes.Contains(b, []byte(want)) {
			t.Errorf("%s has no %q (%v)", name, want, err)
		}
		if name != "r.html" {
			if err := xml.Unmarshal(b, new(any)); err != nil && !strings.Contains(err.Error(), "unknown type") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	// Two runs differ in their time alone, wherever they are.
	first := withoutTime(t, file("r.json"))
	t.Setenv("TZ", "America/St_Johns")
	if _, errs, status = emcodec(t, "verify", dir, "--json", file("again.json")); status != 0 {
		t.Fatal(errs)
	}
	if again := withoutTime(t, file("again.json")); again != first {
		t.Errorf("in another zone the report differs:\n%s", differ(first, again))
	}
	t.Run("dissector", func(t *testing.T) { checkDissector(t, dir, file("r.json")) })
	// Another kind of device asks for other things.
	out, errs, status = emcodec(t, "verify", dir, "--profile", "breathalyser")
	if status != exitConformance || !strings.Contains(out, "no vector shows a reading of breath") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	// Other vectors are looked at in place of its own.
	if err := os.WriteFile(file("other.jsonl"), []byte(`{"name":"x","hex":"a55a0b040990000000000017000195b2","from":"device","by":"hand","type":"status"}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, errs, status = emcodec(t, "verify", dir, "--vectors", file("other.jsonl")); status != exitConformance || !strings.Contains(out, ", 1 vectors") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	// It is told what is broken.
	replaceIn(t, file("device.go"), "	_ protocol.Described = Codec{}\n", "")
	replaceIn(t, file("layout.go"), "func (Codec) Layout()", "func (Codec) NoLayout()")
	if out, errs, status = emcodec(t, "dissector", dir); status != program.Usage || !strings.Contains(errs, "has no layout") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	replaceIn(t, file("tamper.go"), "return &Tamper{h, stamp(c)}", "stamp(c); return &Tamper{Head: h}")
	if out, errs, status = emcodec(t, "verify", dir); status != exitConformance || !strings.Contains(out, "EM-DEC-01  L1 decodes        failed") || !strings.Contains(errs, "b7 does not meet the contract") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	replaceIn(t, file("tamper.go"), "return &Tamper{Head: h}", "return &Tamper{h}")
	if _, errs, status = emcodec(t, "verify", dir); status != exitConformance || !strings.Contains(errs, "the kit left no report") {
		t.Errorf("status %d: %s", status, errs)
	}
	// Nothing is overwritten.
	if _, errs, status = emcodec(t, "init", dir); status != exitIO || !strings.Contains(errs, "is there already") {
		t.Errorf("status %d: %s", status, errs)
	}
}

// Each kind of device has a scaffold that passes its kit at once, with its fuzz target's
// seeds, and without any network.
func TestInitProfiles(t *testing.T) {
	alone(t)
	t.Setenv("EM_VECTORS", "")
	t.Setenv("EM_REQUIRE", "")
	t.Setenv("GOPROXY", "off")
	for _, v := range variants[1:] { // TestInitAndVerify has the first
		t.Run(v.profile, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "acme", "x9")
			if out, errs, status := emcodec(t, "init", dir, "--profile", v.profile, "--sdk", filepath.Join("..", "..")); status != 0 || !strings.Contains(out, "your "+v.yours+"'s frames") {
				t.Fatalf("status %d: %s%s", status, out, errs)
			}
			if b, err := exec.Command("gofmt", "-l", dir).CombinedOutput(); err != nil || len(b) > 0 {
				t.Errorf("gofmt: %v\n%s", err, b)
			}
			report := filepath.Join(dir, "r.json")
			out, errs, status := emcodec(t, "verify", dir, "--json", report, "--profile", v.profile, "--run", "^(TestConformance|FuzzStream)$")
			if status != 0 || !strings.HasPrefix(out, "x9: ") || !strings.Contains(out, "("+v.profile+")") || !strings.Contains(out, "level: L3 complete") {
				t.Errorf("status %d: %s%s", status, out, errs)
			}
			checkDissector(t, dir, report)
		})
	}
}

// checkDissector: a package's dissector shows the frames that are in its report as the
// report shows them.
func checkDissector(t *testing.T, dir, report string) {
	t.Helper()
	x := &dissection{t: t, program: tshark(t), name: filepath.Base(dir), dir: t.TempDir()}
	var errs string
	var status int
	if x.script, errs, status = emcodec(t, "dissector", dir, "--port", strconv.Itoa(toldPort)); status != 0 {
		t.Fatalf("status %d: %s", status, errs)
	}
	b, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	r, err := codectest.ReadReport(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	var stream []byte
	spans := map[string][]wire.Span{}
	for _, f := range r.Frames {
		var frame []byte
		var fields []wire.Span
		for _, field := range f.Fields {
			b, err := hex.DecodeString(field.Hex)
			if err != nil {
				t.Fatal(err)
			}
			frame = append(frame, b...)
			fields = append(fields, wire.Span{Offset: field.Offset, Len: len(b), Name: field.Name, Value: field.Value, Note: field.Note})
		}
		all = append(all, frame)
		stream = append(append(stream, frame...), "\r\n"...)
		spans[string(frame)] = fields
	}
	if len(all) < 5 {
		t.Fatalf("%d frames in the report", len(all))
	}
	x.dissect = func(frame []byte) []wire.Span { return spans[string(frame)] }
	none := sent{transport: capture.UDP} // the next one is to the port that is told
	x.compare(all, x.run(x.record(none, sent{capture.TCP, slices.Collect(slices.Chunk(stream, 11))})))
}

// The SDK's own codecs are verified by name.
func TestVerifyByName(t *testing.T) {
	alone(t)
	t.Setenv("EM_VECTORS", "")
	t.Setenv("EM_REQUIRE", "")
	out, errs, status := emcodec(t, "verify", "r16h", "--json", "-")
	var r struct {
		Device, Level string
		Results       []struct{ ID, Status string }
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || status != 0 || r.Device != "r16h" || r.Level != "L3 complete" || len(r.Results) < 20 {
		t.Errorf("status %d, %v: %+v\n%s", status, err, r, errs)
	}
	// Of a folder with two dialects the one that is named is verified, by its own kits.
	folder := filepath.Join("..", "..", "devices", "bactrack")
	for _, args := range [][]string{{"skyn"}, {folder, "--codec", "skyn"}} {
		out, errs, status = emcodec(t, append([]string{"verify"}, args...)...)
		if status != 0 || !strings.HasPrefix(out, "skyn: BACtrack Skyn") || !strings.Contains(out, "(transdermal)") || !strings.Contains(out, "level: L3 complete") {
			t.Errorf("%v: status %d: %s%s", args, status, out, errs)
		}
	}
	for _, args := range [][]string{{"verify", folder, "--run", "Skyn|C6"}, {"verify"}, {"verify", "nosuch"}, {"verify", "r16h", "--profile", "nosuch"}, {"init"}, {"init", "x", "--profile", "beacon"}, {"init", "Beta"}, {"init", "gt06"}} {
		if _, errs, status := emcodec(t, args...); status != program.Usage {
			t.Errorf("%v: status %d: %s", args, status, errs)
		}
	}
}
