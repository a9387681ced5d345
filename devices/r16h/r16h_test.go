package r16h

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/codectest"
)

var now = time.Date(2026, 3, 14, 9, 27, 0, 0, time.UTC)

func TestMatch(t *testing.T) {
	for prefix, want := range map[string]protocol.Match{
		"": protocol.Maybe, "@": protocol.Maybe, "@GPS": protocol.Maybe, "@STEP,": protocol.Maybe, "@PING$": protocol.Maybe,
		"@LINK,": protocol.Yes, "\r\n@GPSD,99": protocol.Yes, "@LBSD,": protocol.Yes,
		"GET": protocol.No, "@PCswtamper,1": protocol.No, "@" + strings.Repeat("A", maxName+1): protocol.No, "$": protocol.No,
	} {
		if got := match([]byte(prefix)); got != want {
			t.Errorf("%q: %v, want %v", prefix, got, want)
		}
	}
}

func TestAppend(t *testing.T) {
	state := State{IMEI: "990000000000017", Strap: 'L', Time: now}
	for name, c := range map[string]struct {
		m    protocol.Message
		want string
	}{
		"raw":             {&protocol.Raw{Code: "STEP", Data: []byte("1,2")}, "@STEP,1,2$"},
		"raw alone":       {&protocol.Raw{Code: "PING"}, "@PING$"},
		"raw with comma":  {&protocol.Raw{Code: "PING", Data: []byte{}}, "@PING,$"},
		"cells":           {&Cells{State: state, Fields: [3]string{"246-1-0d7a-b913"}}, "@LBSD,990000000000017,R,20260314,092700,246-1-0d7a-b913,,,,L,$"},
		"raw like a link": {&protocol.Raw{Code: "LINK", Data: []byte("1")}, ""},
		"raw with an end": {&protocol.Raw{Code: "STEP", Data: []byte("$")}, ""},
		"raw name":        {&protocol.Raw{Code: "A,B"}, ""},
		"identity":        {&Link{"1,2"}, ""},
		"alarm":           {&Cells{State: State{Strap: 'L', Alarm: "A,"}}, ""},
		"strap":           {&Cells{State: State{}}, ""},
		"year":            {&Cells{State: State{Strap: 'L', Time: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}}, ""},
		"hemisphere":      {&Position{State: state, Lat: em.Some(em.Decimal{Coef: 1}), NorthSouth: 'X'}, ""},
		"too long":        {&protocol.Raw{Code: "STEP", Data: []byte(strings.Repeat("1", maxFrame))}, ""},
	} {
		b, err := Codec{}.Append([]byte("x"), c.m)
		if c.want == "" {
			if !errors.Is(err, protocol.ErrUnsupported) || string(b) != "x" {
				t.Errorf("%s: %q, %v", name, b, err)
			}
		} else if string(b) != "x"+c.want || err != nil {
			t.Errorf("%s: %q, %v; want %q", name, b, err, c.want)
		}
	}
}

func TestIdentity(t *testing.T) {
	s := Device().NewSession()
	for _, c := range []struct {
		imei string
		want error
	}{{"", protocol.ErrIdentity}, {"990000000000017", nil}, {"990000000000018", protocol.ErrIdentity}, {"990000000000017", nil}} {
		for _, m := range []protocol.Message{&Link{c.imei}, &Position{State: State{IMEI: c.imei, Strap: 'L'}}, &Cells{State: State{IMEI: c.imei, Strap: 'L'}}} {
			var out protocol.Output
			if err := s.Handle(now, m, &out); !errors.Is(err, c.want) || (err != nil) != (len(out.Observations) == 0) {
				t.Errorf("%+v: %v, want %v", m, err, c.want)
			}
		}
	}
}

// A strap that was opened is open in every report until it is closed.
func TestSimulatorStrap(t *testing.T) {
	sim, err := Device().Simulator("990000000000017", 7)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range []em.Body{
		&em.Power{Level: em.Some(0.5)}, &em.Tamper{What: em.TamperStrap}, &em.Alarm{What: em.AlarmSOS}, &em.Tamper{What: em.TamperStrap, Cleared: true}, &em.Comms{Event: em.CommsInfo},
	} {
		if err := sim.Report(em.Observation{DeviceAt: now, Body: b}); err != nil || !sim.Deadline().Before(now) {
			t.Errorf("%v, it waits until %v", err, sim.Deadline())
		}
	}
	// An unsupported one takes back what came with it.
	if err := sim.Report(em.Observation{DeviceAt: now, Body: &em.Tamper{What: em.TamperStrap}}, em.Observation{DeviceAt: now, Body: &em.Tamper{What: em.TamperCase}}); !errors.Is(err, protocol.ErrUnsupported) {
		t.Error(err)
	}
	if err := sim.Report(em.Observation{DeviceAt: now, Body: &em.Comms{Event: em.CommsInfo}}); err != nil {
		t.Error(err)
	}
	var out protocol.Output
	if err := sim.Wake(now, &out); err != nil || !sim.Deadline().IsZero() {
		t.Errorf("%v, then it waits until %v", err, sim.Deadline())
	}
	for _, m := range out.Send {
		if c, ok := m.(*Cells); ok {
			got = append(got, string(rune(c.Strap))+c.Alarm)
		} else {
			got = append(got, m.Type())
		}
	}
	if want := "LINK L RULK RSOS L L L"; strings.Join(got, " ") != want {
		t.Errorf("it sends %q, want %q", got, want)
	}
}

func TestStrap(t *testing.T) {
	for _, c := range []struct {
		strap byte
		alarm string
		want  string
	}{
		{'L', "", "cleared L"}, {'L', "SOS", "cleared L"}, {'R', "", "open R"}, {'R', "SOS", "open R"}, {'R', "ULK", "open ULK"}, {'L', "ULK", "open ULK"},
	} {
		var out protocol.Output
		if err := Device().NewSession().Handle(now, &Cells{State: State{IMEI: "990000000000017", Strap: c.strap, Alarm: c.alarm}}, &out); err != nil {
			t.Fatal(err)
		}
		if got := strap(out.Observations); got != c.want {
			t.Errorf("%c %q: %s, want %s", c.strap, c.alarm, got, c.want)
		}
	}
}

// strap tells what the observations say of the strap.
func strap(obs []em.Observation) (s string) {
	for _, o := range obs {
		if b, ok := o.Body.(*em.Tamper); ok && b.What == em.TamperStrap {
			s += map[bool]string{true: "cleared ", false: "open "}[b.Cleared] + b.Code
		}
	}
	return s
}

// TestExternal says what becomes of each captured message, and holds the
// observations to what reading its text a second time, here, says.
func TestExternal(t *testing.T) {
	c := codectest.Count(t, Device(), "r16h.jsonl")
	if want := "3 vectors, 3 frames: 3 messages, 0 unsupported"; c.String() != want {
		t.Errorf("%v, want %s", c, want)
	}
	asserted := map[string]string{"verifyNull": "LINK", "verifyPosition": "GPSD", "verifyAttributes": "LBSD"}
	for i, v := range codectest.External(t, "r16h.jsonl") {
		var e struct{ Assert string }
		if err := json.Unmarshal(v.Expect, &e); err != nil {
			t.Fatal(err)
		}
		m, err := Codec{}.Decode(codectest.Whole(Codec{}, v))
		if err != nil {
			t.Fatal(err)
		}
		if m.Type() != asserted[e.Assert] {
			t.Errorf("line %d: a %s, the source asserts %s", i+1, m.Type(), e.Assert)
		}
		var out protocol.Output
		if err := Device().NewSession().Handle(now, m, &out); err != nil {
			t.Fatal(err)
		}
		f := strings.Split(v.Text, ",")
		first := out.Observations[0]
		if string(first.Device) != "r16h:"+f[1] {
			t.Errorf("line %d: %s", i+1, first.Device)
		}
		number := func(s string, base int) (n float64) {
			if base == 16 {
				v, err := strconv.ParseInt(s, 16, 64)
				if err != nil {
					t.Fatal(err)
				}
				return float64(v)
			}
			n, err := strconv.ParseFloat(s, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		if m.Type() == "LINK" {
			if b := first.Body.(*em.Comms); len(out.Observations) != 1 || b.Event != em.CommsLogin {
				t.Errorf("line %d: %+v", i+1, b)
			}
			continue
		}
		at, err := time.Parse("20060102150405", f[3]+f[4])
		if err != nil {
			t.Fatal(err)
		}
		if !first.DeviceAt.Equal(at) || first.Stored != (f[2] == "S") || strap(out.Observations) != "cleared L" || f[len(f)-2] != "L" {
			t.Errorf("line %d: %+v", i+1, out.Observations)
		}
		switch b := first.Body.(type) {
		case *em.Fix:
			if b.Validity != em.FixCurrent || b.Lat != number(f[5], 10) || f[6] != "N" || b.Lng != number(f[7], 10) || f[8] != "E" ||
				math.Abs(b.Speed.V-number(f[9], 10)/3.6) > 1e-9 || b.Course.V != number(f[10], 10) || b.Altitude.V != number(f[11], 10) {
				t.Errorf("line %d: %+v", i+1, b)
			}
		case *em.Comms:
			cell := strings.FieldsFunc(f[5], func(r rune) bool { return r == '-' || r == ':' })
			if len(b.Cells) != 1 || float64(b.Cells[0].MCC) != number(cell[0], 10) || float64(b.Cells[0].MNC) != number(cell[1], 10) ||
				float64(b.Cells[0].LAC) != number(cell[2], 16) || float64(b.Cells[0].CID) != number(cell[3], 16) || float64(b.Cells[0].RSSI.V) != -number(cell[4], 10) {
				t.Errorf("line %d: %+v", i+1, b)
			}
		}
		if p := out.Observations[2].Body.(*em.Power); math.Abs(p.Level.V-number(f[len(f)-3], 10)/100) > 1e-9 {
			t.Errorf("line %d: %+v", i+1, p)
		}
	}
}
