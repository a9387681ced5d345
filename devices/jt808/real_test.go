package jt808_test

import (
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
	"github.com/sargas-em/em/devices/jt808"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/codectest"
)

// realFrames is the edition of the file of real frames that the counts are for.
const (
	file       = "jt808.jsonl"
	realFrames = 78
)

// TestRealFrames says what becomes of each real frame: a message, an
// unsupported type, or an error whose reason was looked into.
func TestRealFrames(t *testing.T) {
	// By line of the file, from 1.
	notAFrame := map[int]string{77: fmt.Sprintf("split at 2: %v", protocol.ErrJunk)} // two bytes of junk, and escapes without a header
	strict := maps.Clone(notAFrame)
	strict[72] = "wrong checksum"   // the position was edited (27.96° N, 82.48° W)
	strict[73] = "wrong checksum"   // edited likewise
	strict[75] = "field attributes" // 15 zero bytes of the position were taken out
	vs, same := codectest.Edition(t, file, realFrames)
	for name, tt := range map[string]struct {
		codec protocol.Codec
		want  map[int]string
	}{
		"strict":  {jt808.Device().Codec, strict},
		"relaxed": {jt808.Device().Relaxed, notAFrame},
	} {
		t.Run(name, func(t *testing.T) {
			if _, others := codectest.Fates(t, tt.codec, vs); same && !maps.Equal(others, tt.want) {
				t.Errorf("not messages: %v, want %v", others, tt.want)
			}
		})
	}
}

// TestRealExpectations holds the observations to what the frames' source
// asserts, as far as there is a place for it.
func TestRealExpectations(t *testing.T) {
	vs, same := codectest.Edition(t, file, realFrames)
	counts := map[string]int{}
	for i, v := range vs {
		t.Run(fmt.Sprintf("line %d", i+1), func(t *testing.T) {
			var e struct {
				Assert, Frame string
				Attributes    map[string]any
			}
			if err := json.Unmarshal(v.Expect, &e); err != nil {
				t.Fatal(err)
			}
			m, fate := codectest.Fate(jt808.Device().Relaxed, codectest.Whole(jt808.Device().Relaxed, v))
			if m == nil {
				t.Logf("not compared: %s", fate)
				counts["no message"]++
				return
			}
			obs := observe(t, m)
			fixes := slices.DeleteFunc(slices.Clone(obs), func(o em.Observation) bool {
				f, ok := o.Body.(*em.Fix)
				return !ok || !f.Valid() || f.LatLng == em.LatLng{} || o.DeviceAt.IsZero()
			})
			switch {
			case strings.HasPrefix(e.Assert, "verifyPosition"):
				if len(fixes) == 0 {
					t.Errorf("no position in %v", obs)
				}
				counts["position"]++
			case e.Assert == "verifyNull":
				if len(fixes) > 0 {
					t.Errorf("a position at %v", fixes[0])
				}
				counts["no position"]++
			case e.Assert == "verifyNotNull":
				if len(obs) == 0 {
					t.Error("no observation")
				}
				counts["observation"]++
			}
			for name, want := range e.Attributes {
				if reason := unmodelled(name, want); reason != "" {
					t.Logf("%s %v is not compared: %s", name, want, reason)
					counts["unmodelled"]++
					continue
				}
				if got := attribute(name, want, obs); got != "" {
					t.Errorf("%s: got %s, want %v", name, got, want)
				}
				counts["attribute"]++
			}
		})
	}
	t.Logf("compared %v", counts)
	want := map[string]int{"no message": 1, "unmodelled": 7, "position": 20, "no position": 9, "observation": 2, "attribute": 40}
	if same && !maps.Equal(counts, want) {
		t.Errorf("compared %v, want %v", counts, want)
	}
}

// unmodelled says why an attribute is not compared.
func unmodelled(name string, want any) string {
	switch name {
	case "tire1Pressure", "fuel1", "fuel2", "dtcs":
		return "of vehicles; the bytes stay a vendor field"
	case "temp3", "deviceTemp":
		return "a vendor's sensor of unknown layout"
	case "battery":
		if want == 4.15 {
			return "item E8 is of unknown layout"
		}
	}
	return ""
}

// observe hands a message to a session. Frames whose number was replaced by
// zeros get another.
func observe(t *testing.T, m protocol.Message) []em.Observation {
	t.Helper()
	if l, ok := m.(*jt808.Location); ok && strings.Trim(l.ID, "0") == "" {
		l.ID = terminal
	}
	switch m.(type) {
	case *jt808.Text, *jt808.Control:
		return nil // the platform's
	}
	var out protocol.Output
	if err := jt808.Device().NewSession().Handle(time.Unix(1e9, 0).UTC(), m, &out); err != nil {
		t.Fatal(err)
	}
	return out.Observations
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
	return fmt.Sprintf("%q in %d observations", got, len(obs))
}

func holds(name string, want any, body em.Body, match func(bool, string, ...any) bool) bool {
	number, _ := want.(float64)
	near := func(v em.Opt[float64], scale float64) bool {
		return v.OK && match(math.Abs(v.V*scale-number) < 0.006, "%v", v.V*scale)
	}
	switch b := body.(type) {
	case *em.Fix:
		return name == "sat" && b.Satellites.OK && match(float64(b.Satellites.V) == number, "%d satellites", b.Satellites.V)
	case *em.Tamper:
		return name == "alarm" && match(want == "tampering", "tamper %s", b.What)
	case *em.Alarm:
		return name == "alarm" && match(want == string(b.What) || want == "hardAcceleration" && strings.HasSuffix(b.Code, "hard acceleration"), "alarm %s %s", b.What, b.Code)
	case *em.Power:
		switch name {
		case "power", "battery":
			return near(b.Volts, 1)
		case "batteryLevel":
			return near(b.Level, 100)
		case "charge":
			return b.Charging.OK && match(want == b.Charging.V, "charging %t", b.Charging.V)
		}
	case *em.Comms:
		return name == "result" && match(want == b.Text, "text %q", b.Text)
	case *em.Beacon:
		return name == "tag1Mac" && match(want == strings.ReplaceAll(b.Beacon, ":", ""), "beacon %s", b.Beacon)
	case *em.Vendor:
		places := map[string]string{
			"cardCode": "card", "motion": "motion", "timezone": "time zone", "temp1": "temperature 1_c", "iccid": "iccid", "unlockResult": "unlock result",
			"lock2Battery": "lock 2 battery_v", "event": "event", "tilt": "tilt", "lock1Locked": "lock 1 locked", "power": "second voltage",
			"imei": "imei", "door": "door", "alarmLabel": "alarm label", "steps": "steps",
		}
		i := slices.IndexFunc(b.Fields, func(f em.Field) bool { return f.Name == places[name] })
		if i < 0 {
			return false
		}
		text := b.Fields[i].Value
		switch want := want.(type) {
		case bool:
			return match(want == (text == "on"), "%s", text)
		case float64:
			v, err := strconv.ParseFloat(text, 64)
			return match(err == nil && math.Abs(v-want) < 1e-9, "%s", text)
		}
		return match(text == want, "%q", text)
	}
	return false
}
