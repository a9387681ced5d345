package gt06_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/gt06"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/codectest"
)

// realFrames is the edition of the file of real frames that the counts are for.
const (
	file       = "gt06.jsonl"
	realFrames = 111
)

// TestRealFrames says what becomes of each real frame: a message, an
// unsupported type, or an error whose reason was looked into.
func TestRealFrames(t *testing.T) {
	wrongSum := "wrong checksum"
	// By line of the file, from 1.
	failures := map[int]string{
		19: wrongSum, // LBS alarm 0x19
		31: wrongSum, // scan 0x2E: line 27 with the type edited
		87: wrongSum, // login 0123456789012345: the IMEI was edited
		95: wrongSum, // driving alarm: position and files were edited (50° N, 19° E)
		96: wrongSum, // the same device
	}
	unsupported := map[int]string{
		85: "0x81 command reply", 88: "0x1F clock",
	}
	vs, same := codectest.Edition(t, file, realFrames)
	relaxed := map[int]string{}
	for line, code := range unsupported {
		relaxed[line] = "unsupported " + code
	}
	strict := maps.Clone(relaxed)
	maps.Copy(strict, failures)
	for name, tt := range map[string]struct {
		codec protocol.Codec
		want  map[int]string
	}{
		"strict":  {gt06.Device().Codec, strict},
		"relaxed": {gt06.Device().Relaxed, relaxed},
	} {
		t.Run(name, func(t *testing.T) {
			if _, others := codectest.Fates(t, tt.codec, vs); same && !maps.Equal(others, tt.want) {
				t.Errorf("not messages: %v, want %v", others, tt.want)
			}
		})
	}
}

// expectation is what the frame's source asserts of it.
type expectation struct {
	Assert     string
	Attributes map[string]any
	Frame      string
	Lat, Lon   *float64
	Time       string
	Valid      *bool
}

// TestRealExpectations holds the observations to what the frames' source
// asserts, as far as there is a place for it.
func TestRealExpectations(t *testing.T) {
	vs, same := codectest.Edition(t, file, realFrames)
	counts := map[string]int{}
	for i, v := range vs {
		t.Run(fmt.Sprintf("line %d", i+1), func(t *testing.T) {
			var e expectation
			if err := json.Unmarshal(v.Expect, &e); err != nil {
				t.Fatal(err)
			}
			b := codectest.Whole(gt06.Codec{}, v)
			if e.Frame != "" {
				frame, _, err := gt06.Codec{}.Split(b)
				if hex.EncodeToString(frame) != e.Frame {
					t.Errorf("Split gives %x, %v", frame, err)
				}
				counts["frame"]++
				return
			}
			m, err := gt06.Codec{RelaxedChecksum: true}.Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			_, raw := m.(*protocol.Raw)
			obs := observe(t, m)
			if e.Assert == "verifyPosition" {
				checkPosition(t, obs, e)
				counts["position"]++
			}
			if e.Assert == "verifyNotNull" && !raw && len(obs) == 0 {
				t.Error("no observation")
			}
			for name, want := range e.Attributes {
				switch reason := unmodelled(name, want); {
				case reason != "":
					t.Logf("%s %v is not compared: %s", name, want, reason)
					counts["unmodelled"]++
				default:
					if got := attribute(name, want, obs); got != "" {
						t.Errorf("%s: got %s, want %v", name, got, want)
					}
					counts["attribute"]++
				}
			}
		})
	}
	t.Logf("compared %v", counts)
	want := map[string]int{"frame": 7, "position": 18, "attribute": 36, "unmodelled": 1}
	if same && !maps.Equal(counts, want) {
		t.Errorf("compared %v, want %v", counts, want)
	}
}

// unmodelled says why an attribute is not compared.
func unmodelled(name string, want any) string {
	switch name {
	case "altitude":
		if want == -31703.0 {
			return "the source reads the check code as altitude; the frame says 687 m"
		}
	}
	return ""
}

// observe hands a message to a session that knows the device.
func observe(t *testing.T, m protocol.Message) []em.Observation {
	t.Helper()
	who := imei
	switch m := m.(type) {
	case *gt06.Position:
		if m.IMEI != "" {
			who = m.IMEI
		}
	case *gt06.Modular:
		for _, p := range m.Modules {
			if p.ID == 1 {
				who = hex.EncodeToString(p.Data)[1:]
			}
		}
	case *gt06.Command:
		return nil // the server's
	}
	s := gt06.Device().NewSession()
	var out protocol.Output
	if _, ok := m.(*gt06.Login); !ok {
		if err := s.Handle(time.Unix(1e9, 0).UTC(), login(who, 1), &out); err != nil {
			t.Fatal(err)
		}
	}
	out.Reset()
	if err := s.Handle(time.Unix(1e9, 0).UTC(), m, &out); err != nil {
		t.Fatal(err)
	}
	return out.Observations
}

func login(imei string, serial uint16) *gt06.Login {
	return &gt06.Login{Header: gt06.Header{Code: 1, Serial: serial}, IMEI: imei}
}

func checkPosition(t *testing.T, obs []em.Observation, e expectation) {
	t.Helper()
	for _, o := range obs {
		f, ok := o.Body.(*em.Fix)
		if !ok {
			continue
		}
		if !f.Valid() || f.Lat == 0 || o.DeviceAt.IsZero() {
			t.Errorf("position %v at %v", f.LatLng, o.DeviceAt)
		}
		if e.Lat != nil && (math.Abs(*e.Lat-f.Lat) > 1e-5 || math.Abs(*e.Lon-f.Lng) > 1e-5) {
			t.Errorf("position %v, want %v, %v", f.LatLng, *e.Lat, *e.Lon)
		}
		if e.Time != "" && o.DeviceAt.Format("2006-01-02 15:04:05.000") != e.Time {
			t.Errorf("time %v, want %v", o.DeviceAt, e.Time)
		}
		if e.Valid != nil && *e.Valid != (f.Validity == em.FixCurrent) {
			t.Errorf("validity %v, want %v", f.Validity, *e.Valid)
		}
		return
	}
	t.Error("no fix")
}

// attribute says what stands in the place of an attribute where it is not as
// wanted; "" where it is.
func attribute(name string, want any, obs []em.Observation) string {
	var got []string
	match := func(ok bool, what string, args ...any) bool {
		got = append(got, fmt.Sprintf(what, args...))
		return ok
	}
	for _, o := range obs {
		if holds(name, want, o.Body, match) {
			return ""
		}
	}
	if want == nil && len(got) == 0 {
		return ""
	}
	return fmt.Sprintf("%q in %d observations", got, len(obs))
}

func holds(name string, want any, body em.Body, match func(bool, string, ...any) bool) bool {
	number, _ := want.(float64)
	near := func(v em.Opt[float64], scale float64) bool {
		return v.OK && match(want != nil && math.Abs(v.V*scale-number) < 0.006, "%v", v.V*scale)
	}
	switch b := body.(type) {
	case *em.Tamper:
		return name == "alarm" && match(want == "tampering" || want == "removing" && b.What == em.TamperRemoval, "tamper %s", b.What)
	case *em.Power:
		switch name {
		case "alarm":
			return b.Event != "" && match(want == "lowBattery" && b.Event == em.PowerLow || want == "powerCut" && b.Event == em.PowerCut, "power %s", b.Event)
		case "power", "battery":
			return near(b.Volts, 1)
		case "batteryLevel":
			return near(b.Level, 100)
		}
	case *em.Alarm:
		switch name {
		case "alarm":
			words := map[any]string{"hardAcceleration": "hard acceleration", "hardBraking": "hard braking", "accident": "accident"}
			w, ok := words[want]
			return match(want == string(b.What) || ok && strings.HasSuffix(b.Code, w), "alarm %s %s", b.What, b.Code)
		case "event":
			return match(strings.HasSuffix(b.Code, fmt.Sprintf("0x%02X", int(number))), "alarm %s", b.Code)
		}
	case *em.Fix:
		return name == "altitude" && near(b.Altitude, 1)
	case *em.Comms:
		return name == "iccid" && match(strings.Contains(b.Text, fmt.Sprint(want)), "text %q", b.Text)
	case *em.Vendor:
		return holdsVendor(name, want, b, match)
	}
	return false
}

func holdsVendor(name string, want any, b *em.Vendor, match func(bool, string, ...any) bool) bool {
	places := map[string]string{
		"temp1": "temperature_c", "ignition": "acc", "driverUniqueId": "rfid", "iccid": "iccid", "door": "door",
		"eventFiles": "files", "drivingTime": "driving time_s", "networkTechnology": "network", "adc1": "analog 1",
		"steps": "steps", "result": "data", "hours": "engine time_min", "tag1Temp": "tag temperature_c",
	}
	place, ok := places[name]
	i := slices.IndexFunc(b.Fields, func(f em.Field) bool { return f.Name == place })
	if !ok || i < 0 {
		return false
	}
	text := b.Fields[i].Value
	switch want := want.(type) {
	case bool:
		return match(want == (text == "on" || text == "1"), "%s %s", place, text)
	case float64:
		v, err := strconv.ParseFloat(text, 64)
		if name == "hours" {
			v *= 60_000
		}
		return match(err == nil && math.Abs(v-want) < 1e-9, "%s %s", place, text)
	}
	return match(text == want, "%s %q", place, text)
}
