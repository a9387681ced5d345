package watch3g

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/codectest"
)

var now = time.Date(2026, 3, 14, 9, 27, 0, 0, time.UTC)

// replies hands a frame to a session and returns what it sends.
func replies(t *testing.T, s protocol.Session, frame string) (sent []string) {
	t.Helper()
	m, err := Codec{}.Decode([]byte(frame))
	if err != nil {
		t.Fatal(err)
	}
	var out protocol.Output
	if err := s.Handle(now, m, &out); err != nil {
		t.Fatal(err)
	}
	for _, m := range out.Send {
		b, err := Codec{}.Append(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, string(b))
	}
	return sent
}

// The replies are written by hand; the keep-alive's is that of the public description.
func TestReplies(t *testing.T) {
	const position = ",140326,092653,A,54.687200,N,25.279700,E,4.50,309.6,112.5,9,80,67,1234,2,00000000,0,0]"
	for frame, want := range map[string]string{
		"[3G*8800000015*0002*LK]":                     "[3G*8800000015*0002*LK]",
		"[ZJ*990000000000017*0034*0009*LK,0,0,19]":    "[ZJ*990000000000017*0034*0002*LK]",
		"[3G*9900000017*0014*INIT,37060000017,1.0]":   "[3G*9900000017*0006*INIT,1]",
		"[ZJ*990000000000017*0075*0064*AL" + position: "[ZJ*990000000000017*0075*0002*AL]",
		"[3G*9900000017*0064*AL_LTE" + position:       "[3G*9900000017*0002*AL]",
		"[3G*9900000017*0064*UD" + position:           "",
		"[3G*9900000017*0064*UD2" + position:          "",
		"[3G*9900000017*0064*WT" + position:           "",
		"[3G*9900000017*0003*TKQ]":                    "[3G*9900000017*0003*TKQ]",
		"[3G*9900000017*0009*JXTK,0,ab]":              "[3G*9900000017*0007*JXTKR,1]",
		"[3G*9900000017*0009*TK,#!AMR]":               "",
		"[3G*9900000017*0008*heart,72]":               "",
		"[3G*9900000017*0006*UPLOAD]":                 "",
		"[3G*9900000017*0008*FLOWER,3]":               "",
	} {
		if got := strings.Join(replies(t, Device().NewSession(), frame), " "); got != want {
			t.Errorf("%s: sent %q, want %q", frame, got, want)
		}
	}
}

func TestCommands(t *testing.T) {
	text := func(c *Command, err error) string {
		t.Helper()
		if err != nil {
			return err.Error()
		}
		b, err := Codec{}.Append(nil, c)
		if err != nil {
			t.Error(err)
		}
		return string(b)
	}
	var none = Header{ID: "123456789012345"}
	old := Header{Vendor: "3G", ID: "9900000017"}
	indexed := Header{Vendor: "ZJ", ID: "990000000000017", Index: "0075"}
	for _, c := range []struct{ got, want string }{
		{text(none.Reset(), nil), "[CS*123456789012345*0005*RESET]"},
		{text(NewCommand(none, "WORK", "6-9", "11-13", "13-15", "17-19"), nil), "[CS*123456789012345*001a*WORK,6-9,11-13,13-15,17-19]"},
		{text(none.Language("", time.Hour)), "[CS*123456789012345*0006*LZ,,+1]"},
		{text(none.Language("", 90*time.Minute)), "[CS*123456789012345*0008*LZ,,+1.5]"},
		{text(none.Language("", -time.Hour)), "[CS*123456789012345*0006*LZ,,-1]"},
		{text(none.Language("0", 345*time.Minute)), "[CS*123456789012345*000a*LZ,0,+5.75]"},
		{text(old.Locate(), nil), "[SG*9900000017*0002*CR]"},
		{text(old.RemovalAlarm(true), nil), "[SG*9900000017*0008*REMOVE,1]"},
		{text(old.SOSMessages(false), nil), "[SG*9900000017*0008*SOSSMS,0]"},
		{text(old.LowBatteryMessages(true), nil), "[SG*9900000017*0008*LOWBAT,1]"},
		{text(old.PowerOff(), nil), "[SG*9900000017*0008*POWEROFF]"},
		{text(old.UploadEvery(10 * time.Minute)), "[SG*9900000017*000a*UPLOAD,600]"},
		{text(old.SOSNumber(2, "+37060000017")), "[SG*9900000017*0011*SOS2,+37060000017]"},
		{text(indexed.Locate(), nil), "[ZJ*990000000000017*0001*0002*CR]"},
		{text(old.Show("Labą🙂")), "[SG*9900000017*0020*MESSAGE,004c0061006201 05d83dde42]"},
	} {
		if want := strings.ReplaceAll(c.want, " ", ""); c.got != want {
			t.Errorf("got %q, want %q", c.got, want)
		}
	}
	for name, err := range map[string]error{
		"interval 0":     second(old.UploadEvery(0)),
		"interval long":  second(old.UploadEvery(25 * time.Hour)),
		"interval parts": second(old.UploadEvery(1500 * time.Millisecond)),
		"place":          second(old.SOSNumber(4, "112")),
		"phone":          second(old.SOSNumber(1, "1,2")),
		"no text":        second(old.Show("")),
		"long text":      second(old.Show(strings.Repeat("a", 257))),
		"zone":           second(old.Language("", time.Minute)),
		"far zone":       second(old.Language("", 15*time.Hour)),
		"language":       second(old.Language("lt", 0)),
	} {
		if !errors.Is(err, protocol.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestAddress(t *testing.T) {
	s := Device().NewSession()
	if _, ok := Address(s); ok {
		t.Error("an address before the first message")
	}
	replies(t, s, "[ZJ*990000000000017*0034*0002*LK]")
	if h, ok := Address(s); !ok || h != (Header{"ZJ", "990000000000017", "0034"}) {
		t.Errorf("%+v, %t", h, ok)
	}
	if _, ok := Address(nil); ok {
		t.Error("an address of no session")
	}
}

func TestIdentity(t *testing.T) {
	s := Device().NewSession()
	for _, c := range []struct {
		m    protocol.Message
		want error
	}{
		{&KeepAlive{Header: Header{"3G", "", ""}}, protocol.ErrIdentity},
		{&KeepAlive{Header: Header{"3G", "9900000017", ""}}, nil},
		{&KeepAlive{Header: Header{"3G", "9900000018", ""}}, protocol.ErrIdentity},
		{&Answer{Header{"3G", "9900000017", ""}, "AL"}, protocol.ErrMalformed},
	} {
		var out protocol.Output
		if err := s.Handle(now, c.m, &out); !errors.Is(err, c.want) || (err != nil) != (len(out.Observations) == 0) {
			t.Errorf("%+v: %v, want %v", c.m, err, c.want)
		}
	}
}

func TestAppendRejects(t *testing.T) {
	h := Header{"3G", "9900000017", ""}
	for name, m := range map[string]protocol.Message{
		"vendor":           &KeepAlive{Header: Header{"3GX", "9900000017", ""}},
		"identity":         &KeepAlive{Header: Header{"3G", "x", ""}},
		"index":            &KeepAlive{Header: Header{"3G", "9900000017", "75"}},
		"comma":            &Command{h, "CR", []string{"1,2"}},
		"bracket":          &Command{h, "CR", []string{"]"}},
		"frame":            &KeepAlive{h, []string{"[3G*9900000017*0002*LK]"}},
		"keyword":          &Position{Header: h, Keyword: "LK", Status: 'A'},
		"status":           &Position{Header: h, Keyword: "UD"},
		"hemisphere":       &Position{Header: h, Keyword: "UD", Status: 'A', EastWest: 'x'},
		"year":             &Position{Header: h, Keyword: "UD", Status: 'A', Time: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)},
		"answer":           &Answer{h, "UD"},
		"too long":         &Voice{h, "TK", make([]byte, maxFrame)},
		"unknown command":  &Command{h, "FLOWER", nil},
		"unknown sensor":   &Sensor{h, "CR", nil},
		"raw":              &protocol.Raw{Code: "FLOWER"},
		"voice's keyword":  &Voice{h, "TKQ", nil},
		"query's keyword":  &VoiceQuery{h, "TK"},
		"init with commas": &Init{h, []string{"a,b"}},
	} {
		if b, err := (Codec{}).Append([]byte("x"), m); !errors.Is(err, protocol.ErrUnsupported) || string(b) != "x" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

func TestMatch(t *testing.T) {
	for prefix, want := range map[string]protocol.Match{
		"": protocol.Maybe, "[": protocol.Maybe, "[3G*99": protocol.Maybe, "[3G*9900000017*0002*": protocol.Maybe,
		"[3G*9900000017*0002*L": protocol.Yes, "\r\n[ZJ*990000000000017*0034*0002*LK]": protocol.Yes,
		"[\"json\"": protocol.No, "[3G*x": protocol.No, "[3G*9900000017*000g": protocol.No, "GET": protocol.No,
	} {
		if got := match([]byte(prefix)); got != want {
			t.Errorf("%q: %v, want %v", prefix, got, want)
		}
	}
}

// An alarm stays until it is answered, and what was told later waits.
func TestSimulatorRepeats(t *testing.T) {
	sim, err := Device().Simulator("9900000017", 7)
	if err != nil {
		t.Fatal(err)
	}
	at := now
	step := func(m protocol.Message) string {
		t.Helper()
		out := codectest.Step(t, sim, at, m)
		var types []string
		for _, m := range out.Send {
			types = append(types, m.Type())
		}
		return strings.Join(types, " ")
	}
	h := Header{"3G", "9900000017", ""}
	expect := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: it sends %q, want %q", what, got, want)
		}
	}
	fix := &em.Fix{LatLng: em.LatLng{Lat: 54.6872, Lng: 25.2797}, Validity: em.FixCurrent, Source: em.SourceGNSS}
	if err := sim.Report(em.Observation{DeviceAt: now, Body: &em.Tamper{What: em.TamperRemoval}}, em.Observation{DeviceAt: now, Body: fix}); err != nil {
		t.Fatal(err)
	}
	expect("at first", step(nil), "INIT")
	at = sim.Deadline()
	expect("unanswered", step(nil), "INIT")
	expect("another answer", step(&Answer{h, "AL"}), "")
	expect("answered", step(&Init{h, []string{"1"}}), "AL")
	for range 3 {
		if d := sim.Deadline().Sub(at); d < patience || d > patience+patience/10 {
			t.Errorf("it waits %v", d)
		}
		at = sim.Deadline()
		expect("again", step(nil), "AL")
	}
	expect("another answer", step(&KeepAlive{Header: h}), "")
	expect("answered", step(&Answer{h, "AL"}), "UD")
	if !sim.Deadline().Equal(at.Add(heartbeat)) {
		t.Errorf("idle it waits until %v", sim.Deadline())
	}
	at = sim.Deadline()
	expect("idle", step(nil), "LK")
	at = sim.Deadline()
	expect("unanswered", step(nil), "LK")
	expect("answered", step(&KeepAlive{Header: h}), "")
	expect("asked", step(NewCommand(h, "CR")), "command UD")
	var out protocol.Output
	if err := sim.Handle(at, &KeepAlive{Header: Header{"3G", "9900000018", ""}}, &out); !errors.Is(err, protocol.ErrIdentity) {
		t.Errorf("another's answer: %v", err)
	}
}

// TestExternal says what becomes of each real frame: all are messages.
func TestExternal(t *testing.T) {
	c := codectest.Count(t, Device(), "watch-3g.jsonl")
	if want := "46 vectors, 49 frames: 49 messages, 0 unsupported"; c.String() != want {
		t.Errorf("%v, want %s", c, want)
	}
	types, wrongLength := map[string]int{}, 0
	for i, v := range codectest.External(t, "watch-3g.jsonl") {
		b, err := v.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		for d := protocol.NewDecoder(bytes.NewReader(b), Device()); ; {
			f, err := d.Next()
			if err != nil {
				break
			}
			types[f.Message.Type()]++
			h, _ := readHead(f.Raw)
			if plain := unescape(nil, f.Raw[h.content:len(f.Raw)-1]); h.size != len(f.Raw)-1-h.content && h.size != len(plain) {
				wrongLength++
			}
			var out protocol.Output
			s := Device().NewSession()
			if err := s.Handle(now, f.Message, &out); err != nil {
				t.Errorf("line %d: %v", i+1, err)
			}
		}
	}
	if want := map[string]int{"AL": 8, "LK": 7, "TK": 5, "TKQ": 1, "UD": 11, "UD2": 5, "WT": 1, "command": 6, "sensor": 5}; fmt.Sprint(types) != fmt.Sprint(want) {
		t.Errorf("types %v, want %v", types, want)
	}
	// Most of them had their content edited.
	if wrongLength != 8 {
		t.Errorf("%d wrong lengths, want 8", wrongLength)
	}
}

// TestExternalExpectations holds the observations to what the frames' source
// asserts.
func TestExternalExpectations(t *testing.T) {
	checked := map[string]int{}
	for i, v := range codectest.External(t, "watch-3g.jsonl") {
		t.Run(fmt.Sprintf("line %d", i+1), func(t *testing.T) {
			var e struct {
				Assert, Time, Frame string
				Valid               *bool
				Lat, Lon            *float64
				Attributes          map[string]any
			}
			if err := json.Unmarshal(v.Expect, &e); err != nil {
				t.Fatal(err)
			}
			b, _ := v.Bytes()
			frame, _, err := Codec{}.Split(b)
			if err != nil {
				t.Fatal(err)
			}
			m, err := Codec{}.Decode(frame)
			if err != nil {
				t.Fatal(err)
			}
			if v.Kind == "command" { // the bytes that the center must send
				checked["command"]++
				if got, err := (Codec{}).Append(nil, m); hex.EncodeToString(got) != e.Frame || err != nil {
					t.Errorf("encoded as %s, %v; expected %s", got, err, e.Frame)
				}
				return
			}
			if e.Frame != "" { // without escapes
				checked["frame"]++
				if got := hex.EncodeToString(unescape(nil, frame)); got != e.Frame {
					t.Errorf("split as %s, expected %s", got, e.Frame)
				}
				return
			}
			var out protocol.Output
			if err := Device().NewSession().Handle(now, m, &out); err != nil {
				t.Fatal(err)
			}
			if e.Assert == "verifyPosition" {
				checked["position"]++
				checkPosition(t, v, out.Observations[0])
			}
			if e.Lat != nil {
				checked["exact position"]++
				o := out.Observations[0]
				f := o.Body.(*em.Fix)
				if math.Abs(*e.Lat-f.Lat) > 1e-5 || math.Abs(*e.Lon-f.Lng) > 1e-5 || *e.Valid != (f.Validity == em.FixCurrent) || o.DeviceAt.Format("2006-01-02 15:04:05.000") != e.Time {
					t.Errorf("%+v at %v, expected %s", f, o.DeviceAt, v.Expect)
				}
			}
			for name, want := range e.Attributes {
				checked["attribute"]++
				if !holds(name, want, m, out.Observations) {
					t.Errorf("%s is not %v in %+v", name, want, m)
				}
			}
			switch e.Assert {
			case "verifyAttributes":
				checked["attributes"]++
				if len(out.Observations) == 0 {
					t.Error("no observation")
				}
			case "verifyNull":
				checked["no position"]++
				for _, o := range out.Observations {
					if o.Body.Kind() == em.KindFix {
						t.Errorf("a fix, expected none: %+v", o)
					}
				}
			}
		})
	}
	if want := map[string]int{"attribute": 5, "attributes": 4, "command": 9, "exact position": 1, "frame": 5, "no position": 2, "position": 21}; fmt.Sprint(checked) != fmt.Sprint(want) {
		t.Errorf("checked %v, want %v", checked, want)
	}
}

func holds(name string, want any, m protocol.Message, obs []em.Observation) bool {
	return slices.ContainsFunc(obs, func(o em.Observation) bool {
		switch b := o.Body.(type) {
		case *em.Alarm:
			return name == "alarm" && want == "sos" && b.What == em.AlarmSOS
		case *em.Tamper:
			return name == "alarm" && want == "removing" && b.What == em.TamperRemoval && !b.Cleared
		case *em.Vendor:
			field := map[string]string{"bloodOxygen": "oxygen_percent", "temp1": "celsius"}[name]
			if voice, ok := m.(*Voice); ok && name == "audio" { // the source names the file by its format
				return bytes.HasPrefix(voice.Data, []byte("#!AMR")) && want == "mock.amr"
			}
			return slices.ContainsFunc(b.Fields, func(f em.Field) bool { return f.Name == field && f.Value == fmt.Sprint(want) })
		}
		return false
	})
}

// checkPosition reads a position a second time, from the text.
func checkPosition(t *testing.T, v codectest.Vector, o em.Observation) {
	t.Helper()
	b, _ := v.Bytes()
	f := strings.Split(string(b), ",")
	degrees := func(text, hemisphere string) (d float64) {
		if _, err := fmt.Sscanf(strings.TrimSpace(text), "%g", &d); err != nil {
			t.Fatal(err)
		}
		if hemisphere == "S" || hemisphere == "W" {
			return -d
		}
		return d
	}
	at, err := time.Parse("020106 150405", f[1]+" "+f[2])
	if err != nil {
		t.Fatal(err)
	}
	fix := o.Body.(*em.Fix)
	want := map[string]em.FixValidity{"A": em.FixCurrent, "V": em.FixInvalid}[f[3]]
	if fix.Validity != want || math.Abs(fix.Lat-degrees(f[4], f[5])) > 1e-9 || math.Abs(fix.Lng-degrees(f[6], f[7])) > 1e-9 || !o.DeviceAt.Equal(at) {
		t.Errorf("%+v at %v of %s", fix, o.DeviceAt, b)
	}
	if o.Stored != strings.Contains(f[0], "*UD2") {
		t.Errorf("stored %t of %s", o.Stored, b)
	}
}
