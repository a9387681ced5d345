package eview_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/eview"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/codectest"
)

// realFrames is the edition of the file of real frames that the counts are for.
const (
	file       = "eview.jsonl"
	realFrames = 18
)

// TestRealFrames says what becomes of each real frame: all of them are messages.
func TestRealFrames(t *testing.T) {
	vs, same := codectest.Edition(t, file, realFrames)
	for name, codec := range map[string]protocol.Codec{"strict": eview.Device().Codec, "relaxed": eview.Device().Relaxed} {
		t.Run(name, func(t *testing.T) {
			types, others := codectest.Fates(t, codec, vs)
			want := map[string]int{"data": 15, "configuration": 1, "control": 1, "response": 1}
			if same && (!maps.Equal(types, want) || len(others) > 0) {
				t.Errorf("got %v, want %v", types, want)
			}
		})
	}
}

// TestRealExpectations holds the observations to what the frames' source asserts,
// and to the records: a Fix for each position, a Beacon for each beacon, one time
// for each status.
func TestRealExpectations(t *testing.T) {
	vs, same := codectest.Edition(t, file, realFrames)
	counts := map[string]int{}
	for i, v := range vs {
		t.Run(fmt.Sprintf("line %d", i+1), func(t *testing.T) {
			var e struct {
				Assert     string
				Attributes map[string]any
				NoFix      bool `json:"no_gnss_fix"`
			}
			if err := json.Unmarshal(v.Expect, &e); err != nil {
				t.Fatal(err)
			}
			b, _ := v.Bytes()
			m, err := eview.Codec{}.Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			p := m.(*eview.Packet)
			s := eview.Device().NewSession()
			var out protocol.Output
			if p.Command != eview.CommandData && p.Command != eview.CommandConfiguration {
				logIn(t, s)
			}
			if err := s.Handle(time.Unix(1e9, 0).UTC(), m, &out); err != nil {
				t.Fatal(err)
			}
			if len(out.Observations) == 0 {
				t.Fatal("no observation")
			}
			records, seen := map[string]int{}, map[string]int{}
			for _, r := range p.Records {
				switch {
				case p.Command != eview.CommandData:
				case r.Key == 0x20 || r.Key == 0x27:
					records["fix"]++
				case slices.Contains([]uint8{0x23, 0x26, 0x28, 0x2A, 0x2C}, r.Key):
					records["beacon"]++
				case r.Key == 0x24:
					records["status"]++
				}
			}
			current := 0
			for _, o := range out.Observations {
				switch b := o.Body.(type) {
				case *em.Fix:
					seen["fix"]++
					if b.Current() {
						current++
					}
				case *em.Beacon:
					seen["beacon"]++
				case *em.Power:
					if seen["status"]++; o.DeviceAt.Year() < 2009 && p.Command == eview.CommandData { // one device's clock began there
						t.Errorf("a status of %v", o.DeviceAt)
					}
				}
			}
			if p.Command == eview.CommandData && !maps.Equal(records, seen) {
				t.Errorf("records %v became %v", records, seen)
			}
			// The positions that the source finds besides are those of beacons, which
			// are fields here, and of access points.
			if records["fix"] > 0 && !e.NoFix && current != records["fix"] {
				t.Errorf("%d of %d positions are current", current, records["fix"])
			}
			counts[e.Assert]++
			for name, want := range e.Attributes {
				if !slices.ContainsFunc(out.Observations, func(o em.Observation) bool { return holds(name, want, o.Body) }) {
					t.Errorf("no %s %v in %v", name, want, out.Observations)
				}
				counts["attribute"]++
			}
		})
	}
	t.Logf("compared %v", counts)
	want := map[string]int{"verifyPositions": 10, "verifyAttributes": 1, "verifyNotNull": 3, "verifyAttribute": 4, "attribute": 4}
	if same && !maps.Equal(counts, want) {
		t.Errorf("compared %v, want %v", counts, want)
	}
}

func holds(name string, want any, body em.Body) bool {
	switch b := body.(type) {
	case *em.Comms:
		return name == "result" && (b.Text == want || b.Text == fmt.Sprint("result ", want))
	case *em.Vendor:
		place := map[string]em.Field{
			"barkCount": {Name: "barks", Value: fmt.Sprint(want)},
			"bark":      {Name: "bark", Value: "on"},
		}[name]
		return slices.Contains(b.Fields, place)
	}
	return false
}
