package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	_ "time/tzdata" // the tool must know the zones wherever its tests run

	"github.com/sargas-em/em/devices"
	"github.com/sargas-em/em/examples/emcodec/catalogue"
)

// zones are where a result may not differ: one with summer time, one half an hour
// off the others.
var zones = []string{"UTC", "Europe/Vilnius", "America/St_Johns"}

// What a frame becomes does not depend on the system's time zone: the composed
// frames of every dialect, with their fields, notes and observations.
func TestZones(t *testing.T) {
	alone(t)
	entries, err := catalogue.Entries()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range devices.All() {
		t.Run(d.Name, func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join("..", "..", "devices", entries[d.Name].Package, "testdata", "*.jsonl"))
			if err != nil || len(files) == 0 {
				t.Fatalf("%v, %v", files, err)
			}
			for _, file := range files {
				var first string
				for _, name := range zones {
					out, errs := emcodecIn(name, "decode", "--codec", d.Name, "--in", file, "-o", "jsonl")
					switch {
					case first == "" && strings.Contains(out, `"observations":[{`):
						first = out
					case first == "":
						t.Fatalf("%s makes no observations: %s", file, errs)
					case out != first:
						t.Errorf("%s differs in %s:\n%s", file, name, differ(first, out))
					}
				}
			}
		})
	}
}

// emcodecIn runs the tool in a process of its own in a time zone: the zone of this
// one may not be changed while goroutines of other tests write logs.
func emcodecIn(zone string, args ...string) (out, errs string) {
	var o, e bytes.Buffer
	cmd := exec.Command("emcodec", args...) // TestMain puts it into PATH
	cmd.Env = append(os.Environ(), "TZ="+zone)
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); err != nil { // it says so of frames that are meant to be wrong
		fmt.Fprintln(&e, err)
	}
	return o.String(), e.String()
}

// differ shows the first line in which two texts differ.
func differ(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return as[i] + "\n" + bs[i]
		}
	}
	return "one is longer"
}

// withoutTime reads a report in JSON, and takes out the one thing in which two
// runs may differ.
func withoutTime(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r struct{ At string }
	if err := json.Unmarshal(b, &r); err != nil || r.At == "" {
		t.Fatalf("%q: %v", r.At, err)
	}
	if n := strings.Count(string(b), r.At); n != 1 {
		t.Errorf("the report has its time %d times", n)
	}
	return strings.Replace(string(b), r.At, "", 1)
}
