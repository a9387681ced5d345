package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// A whole run, small: the same again for the same seed, and the figures add up.
func TestRun(t *testing.T) {
	c := config{seed: 3, half: halfReport, persons: 5, plays: 1, rules: rules()[:1]}
	var texts [2]strings.Builder
	for i := range texts {
		if err := c.print(&texts[i], true, ""); err != nil {
			t.Fatal(err)
		}
	}
	if texts[0].String() != texts[1].String() {
		t.Error("another run of the same seed says something else")
	}
	var f figures
	if err := json.Unmarshal([]byte(texts[0].String()), &f); err != nil {
		t.Fatal(err)
	}
	units, falses := 0, 0
	for _, r := range f.Rows {
		if r.Group != groupZones || r.Class != "" || r.Every != 0 || r.Set == setMute { // which is no part of all
			continue
		}
		if r.Set == "" {
			units, falses = units-r.Units, falses-r.False
		} else {
			units, falses = units+r.Units, falses+r.False
		}
	}
	if units != 0 || falses != 0 || len(f.Rows) == 0 {
		t.Errorf("the sets have %d units and %d false alerts more than all of them", units, falses)
	}
	c.half = "best"
	if err := c.print(&texts[0], true, ""); err == nil {
		t.Error("took a half that is none")
	}
}

// The files of EM_DATA are read, and the walks have a truth.
func TestReadSet(t *testing.T) {
	if testing.Short() {
		t.Skip("computes much, in one goroutine")
	}
	if os.Getenv("EM_DATA") == "" {
		if os.Getenv("EM_REQUIRE") != "" {
			t.Fatal("EM_DATA is not set")
		}
		t.Skip("SKIPPED: EM_DATA is not set, no real tracks are read")
	}
	for _, f := range files {
		traces, hash, err := readSet(f.set, f.file)
		if err != nil || len(traces) == 0 || len(hash) != 64 {
			t.Fatalf("%s: %d traces, %v", f.set, len(traces), err)
		}
		if f.set != setWalks {
			continue
		}
		for i, x := range traces {
			if p := smooth(x.reports); p.known() < leastTrack/2 {
				t.Errorf("walk %d of %d: the truth is known for %d ms", i, len(traces), p.known())
			}
		}
	}
}
