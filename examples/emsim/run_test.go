package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sargas-em/em/devices"
	"github.com/sargas-em/em/examples/emsim/scenario"
	"github.com/sargas-em/em/protocol"
)

// Every scenario with several dialects that can tell it, in turn, against the SDK's
// own server: what the truth says was told is what the center has, and no position
// besides. TestFaultsLoseNothing has every dialect.
func TestScenariosArrive(t *testing.T) {
	for i, name := range scenario.Names() {
		s, err := scenario.Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		played := 0
		for k, d := range devices.All() {
			if d.Name != "gt06" && !d.Serial && (i+k)%4 != 0 {
				continue
			}
			sim, _, err := newSimulator(d, "", 0, 7)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Play(scenario.Options{Seed: 7}, d.Name, sim); err != nil {
				continue // emsim list says which; TestScripts has that
			}
			played++
			t.Run(name+"/"+d.Name, func(t *testing.T) {
				c := startCenter(t, d.Name, nil)
				total, truth := emsim(t, "--codec", d.Name, "--tcp", c.addr, "--scenario", name, "--seed", "7")
				c.drain(total.Connections)
				if total.Waiting != 0 || total.Unanswered != 0 || total.Undecoded != 0 || total.Reports == 0 || total.Answers == 0 && acknowledges(d.Name) {
					t.Errorf("%+v", total)
				}
				for _, err := range c.bad {
					// A receiver of DC-09 compares the unit's clock with its own, and tells
					// its time to one that lives in the scenario's.
					if d.Name != "siadc09" || !strings.Contains(err.Error(), "outside of the window") {
						t.Errorf("a frame in error at the center: %v", err)
					}
				}
				if lost := c.lacking(truth); len(lost) > 0 {
					t.Errorf("%d of %d did not arrive, the first: %s", len(lost), total.Reports, lost[0])
				}
				if extra := c.invented(truth); len(extra) > 0 {
					t.Errorf("%d positions that nobody told, such as %s", len(extra), extra[0])
				}
			})
		}
		if played == 0 {
			t.Errorf("no dialect can tell %s", name)
		}
	}
}

// acknowledges reports whether a center says anything in that dialect.
func acknowledges(codec string) bool {
	switch codec {
	case "megastek", "r16h", "sanav":
		return false
	}
	return true
}

// recorded runs emsim and returns the bytes that each device sent.
func recorded(t *testing.T, codec string, args ...string) (map[string]string, stats) {
	t.Helper()
	c := startCenter(t, codec, nil)
	dir := t.TempDir()
	total, _ := emsim(t, append([]string{"--codec", codec, "--tcp", c.addr, "--record", dir}, args...)...)
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	record := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		record[f.Name()] = string(b)
	}
	return record, total
}

// wallClock dialects put a time of the clock on the wall on the wire, so that no
// two runs are alike: see the test above.
var wallClock = map[string]bool{"siadc09": true, "skyn": true}

// The same seed sends the same bytes, with every kind of fault too; another seed
// sends others.
func TestSameSeedSameBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("long, and the runs of TestScenariosArrive")
	}
	const fault = "drop=3%,dup=3%,reorder=3%,flip=2%,cut=1%,split=40,late=5%,skew=90s,reply.drop=3%,reply.dup=2%,reply.cut=0.5%"
	for _, d := range devices.All() {
		sc := shortScenario(d)
		for name, args := range map[string][]string{"sound": nil, "faulty": {"--fault", fault}} {
			t.Run(d.Name+"/"+name, func(t *testing.T) {
				if wallClock[d.Name] {
					t.Skip("its messages carry the clock of the center")
				}
				if d.Name == "alcoholuart" && name == "faulty" {
					args = []string{"--fault", strings.ReplaceAll(fault, "late=5%,", "")} // it has no memory
				}
				args := append([]string{"--scenario", sc, "--devices", "3"}, args...)
				a, total := recorded(t, d.Name, append(args, "--seed", "7")...)
				b, _ := recorded(t, d.Name, append(args, "--seed", "7")...)
				other, _ := recorded(t, d.Name, append(args, "--seed", "8")...)
				if len(a) != 3 || !maps.Equal(a, b) {
					t.Errorf("two runs of a seed differ: %s", difference(a, b))
				}
				if maps.Equal(a, other) {
					t.Error("another seed sends the same")
				}
				if a["alcoholuart-990000000000101.jsonl"] == "" && d.Name == "alcoholuart" || d.Name != "alcoholuart" && slices.Contains(slices.Collect(maps.Values(a)), "") {
					t.Error("a device has sent nothing") // alcoholuart has one thing to say, which may get lost
				}
				if (total.Faults > 0) != (name == "faulty") && d.Name != "alcoholuart" {
					t.Errorf("%d faults", total.Faults)
				}
			})
		}
	}
}

// difference shows the first lines in which two records differ.
func difference(a, b map[string]string) string {
	for name := range a {
		x, y := strings.Split(a[name], "\n"), strings.Split(b[name], "\n")
		for i := range min(len(x), len(y)) {
			if x[i] != y[i] {
				return fmt.Sprintf("%s, line %d:\n%s\n%s", name, i+1, x[i], y[i])
			}
		}
		if len(x) != len(y) {
			return fmt.Sprintf("%s has %d and %d lines", name, len(x), len(y))
		}
	}
	return "another set of devices"
}

// shortScenario is a file with a bit of all that a dialect can tell.
func shortScenario(d protocol.Device) string {
	switch {
	case d.Serial:
		return "testdata/breath.json"
	case d.Name == "skyn":
		return "testdata/skin.json"
	}
	return "testdata/short.json"
}

// Where the dialect acknowledges reports, no fault loses one: what is told arrives
// at least once, whatever was lost, doubled, swapped, damaged or cut in both
// directions, and although the center's store fails now and then. Where it does
// not, no more is lost than was lost on the way.
func TestFaultsLoseNothing(t *testing.T) {
	for _, d := range devices.All() {
		t.Run(d.Name, func(t *testing.T) {
			c := startCenter(t, d.Name, nil)
			c.refuse = 3
			fault := "drop=4%,dup=4%,reorder=4%,cut=2%,split=30,late=5%,reply.drop=4%,reply.dup=3%,reply.cut=1%"
			if d.Relaxed != nil { // there is a checksum that finds the damage
				fault += ",flip=4%,reply.flip=4%"
			}
			if d.Name == "skyn" || d.Name == "rftrack" { // records, or HTTP's replies, have no numbers: TCP's order is what they have
				fault = "cut=4%,split=30,late=5%,reply.cut=1%"
			}
			if d.Name == "alcoholuart" {
				fault, c.refuse = strings.Replace(fault, "late=5%,", "", 1), 0
			}
			total, truth := emsim(t, "--codec", d.Name, "--tcp", c.addr, "--scenario", shortScenario(d), "--seed", "11", "--fault", fault)
			c.drain(total.Connections)
			lost := c.lacking(truth)
			t.Logf("%+v, %d observations and %d frames in error at the center, %d lost", total, c.committed, len(c.bad), len(lost))
			if total.Waiting > 0 {
				t.Errorf("%d reports are not acknowledged", total.Waiting)
			}
			switch {
			case forgetful(d.Name):
				if len(lost) > total.Faults+total.Connections*10 {
					t.Errorf("%d lost, with %d faults", len(lost), total.Faults)
				}
			case total.Faults == 0 || total.Connections < 3:
				t.Error("too little went wrong to prove anything")
			case len(lost) > 0:
				t.Errorf("%d of %d did not arrive, the first: %s", len(lost), total.Reports, lost[0])
			}
			if extra := c.invented(truth); len(extra) > 0 {
				t.Errorf("%d positions that nobody told, such as %s", len(extra), extra[0])
			}
		})
	}
}

// forgetful dialects acknowledge no reports, or (watch3g) only alarms.
func forgetful(codec string) bool {
	return !acknowledges(codec) || codec == "watch3g" || codec == "alcoholuart"
}
