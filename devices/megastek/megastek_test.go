package megastek

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/codectest"
	"github.com/sargas-em/em/protocol/wire"
)

var now = time.Date(2026, 3, 14, 9, 27, 0, 0, time.UTC)

// Frames for the tests that need some; their codes were computed with a python
// snippet.
const (
	goodReport = "0156$MGV002,990000000000017,,R,140326,092653,A,5441.23200,N,02516.78200,E,00,09,00,0.88,1.21,40.90,112.5,,246,01,0D7A,B913,28,0000,0000,0,,,,,,01,092,Belt Off;!"
	goodSTX    = "STX,990000000000017,$GPRMC,092653.000,A,5441.2320,N,02516.7820,E,1.21,40.90,140326,,,A*52,F,SOS,imei:990000000000017,9,112.5,Battery=82%,,0,246,01,0D7A,B913;55"
	goodPadded = "STX99017           \x02n$GPRMC,092653.000,A,5441.2320,N,02516.7820,E,1.21,40.90,140326,,,A*52,246,01,0D7A,B913,28,97,0000,0001,0,Timer;19"
	aid        = "cmd=aid;user=nobody;pwd=nothing;lat=54.68720000"
)

func TestAlerts(t *testing.T) {
	for text, want := range map[string]em.Body{
		"": nil, "Timer": nil, "Store": nil, "Dist": nil, "Nil-Alarms": nil, "TIMER": nil,
		"Belt Off":           &em.Tamper{What: em.TamperStrap, Code: "Belt Off"},
		"beltoff":            &em.Tamper{What: em.TamperStrap, Code: "beltoff"},
		"Belt On":            &em.Tamper{What: em.TamperStrap, Cleared: true, Code: "Belt On"},
		"GPS cut":            &em.Tamper{What: em.TamperOther, Code: "GPS cut"},
		"SOS":                &em.Alarm{What: em.AlarmSOS, Code: "SOS"},
		"Help":               &em.Alarm{What: em.AlarmSOS, Code: "Help"},
		"Over Speed":         &em.Alarm{What: em.AlarmOverspeed, Code: "Over Speed"},
		"VIB":                &em.Alarm{What: em.AlarmVibration, Code: "VIB"},
		"HIT":                &em.Alarm{What: em.AlarmVibration, Code: "HIT"},
		"Move in":            &em.Alarm{What: em.AlarmFenceIn, Code: "Move in"},
		"Move out":           &em.Alarm{What: em.AlarmFenceOut, Code: "Move out"},
		"Geo1 in":            &em.Alarm{What: em.AlarmFenceIn, Code: "Geo1 in"},
		"GEO2out":            &em.Alarm{What: em.AlarmFenceOut, Code: "GEO2out"},
		"Geo":                &em.Alarm{What: em.AlarmOther, Code: "Geo"},
		"PW ON":              &em.Power{Event: em.PowerOn},
		"PowerOn":            &em.Power{Event: em.PowerOn},
		"Restart":            &em.Power{Event: em.PowerOn},
		"PowerOff":           &em.Power{Event: em.PowerOff},
		"LowBattery":         &em.Power{Event: em.PowerLow},
		"Low battery":        &em.Power{Event: em.PowerLow},
		"PSD":                &em.Power{Event: em.PowerCut},
		"PSR":                &em.Power{Event: em.PowerRestored},
		"Low Ext Vol":        &em.Power{Event: em.PowerLow, External: em.Some(true)},
		"low extern voltage": &em.Power{Event: em.PowerLow, External: em.Some(true)},
		"LowSpeed":           &em.Alarm{What: em.AlarmOther, Code: "LowSpeed"},
		"Corner":             &em.Alarm{What: em.AlarmOther, Code: "Corner"},
		"Fatigue":            &em.Alarm{What: em.AlarmOther, Code: "Fatigue"},
		"Belt Up":            &em.Alarm{What: em.AlarmOther, Code: "Belt Up"},
		"Error":              &em.Alarm{What: em.AlarmOther, Code: "Error"},
		"something new":      &em.Alarm{What: em.AlarmOther, Code: "something new"},
	} {
		if got := alertBody(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %#v, want %#v", text, got, want)
		}
	}
}

func TestPowerState(t *testing.T) {
	yes, no := em.Some(true), em.Some(false)
	for text, want := range map[string]struct {
		charging em.Opt[bool]
		belt     em.Opt[int]
	}{
		"": {}, "1": {charging: yes}, "0": {charging: no}, "00": {no, em.Some(0)}, "10": {yes, em.Some(0)}, "01": {no, em.Some(1)},
		"12": {yes, em.Some(2)}, "100": {yes, em.Some(0)}, "01000": {no, em.Some(1)}, "1-0": {}, "1-1": {}, "-": {}, "x": {}, "21": {belt: em.Some(1)},
	} {
		r := Report{PowerState: text}
		if r.Charging() != want.charging || r.Belt() != want.belt {
			t.Errorf("%q: charging %v, belt %v; want %+v", text, r.Charging(), r.Belt(), want)
		}
	}
}

func TestSignal(t *testing.T) {
	for level, want := range map[em.Opt[uint16]]em.Opt[float64]{
		{}: {}, em.Some[uint16](0): em.Some(0.0), em.Some[uint16](31): em.Some(1.0), em.Some[uint16](32): {}, em.Some[uint16](99): {},
	} {
		r := Report{GSM: level}
		if got := r.observe().comms.Signal; got != want {
			t.Errorf("level %v: %v, want %v", level, got, want)
		}
	}
}

func TestWiFi(t *testing.T) {
	r := Report{Tail: []string{"02C0FFEE0017:50|02c0ffee0018:0|02c0ffee001:1|02c0ffee0019|02c0ffee0019:-4|zzc0ffee0019:4||02c0ffee0019:255", "02c0ffee0020:50"}}
	want := []em.AccessPoint{{MAC: "02:c0:ff:ee:00:17", RSSI: em.Some(-50)}, {MAC: "02:c0:ff:ee:00:18", RSSI: em.Some(0)}, {MAC: "02:c0:ff:ee:00:19", RSSI: em.Some(-255)}}
	if got := r.WiFi(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := new(Report).WiFi(); got != nil {
		t.Errorf("without a tail: %+v", got)
	}
}

// split runs a stream through a Splitter and tells frames as text, junk as "!"
// and its text.
func split(t *testing.T, stream string) (all []string) {
	t.Helper()
	s := protocol.NewSplitter(Device())
	s.Write([]byte(stream))
	s.End()
	for {
		frame, _, ok, err := s.Next()
		switch {
		case err != nil:
			all = append(all, "!"+string(err.Raw))
		case !ok:
			return all
		default:
			all = append(all, string(frame))
		}
	}
}

func TestSplit(t *testing.T) {
	bare := goodReport[4:]
	for _, c := range []struct {
		name, stream string
		want         []string
	}{
		{"prefixed", goodReport, []string{goodReport}},
		{"glued", goodReport + bare + goodSTX + goodPadded + "LOG" + goodSTX + aid + "\n" + goodReport, []string{goodReport, bare, goodSTX, goodPadded, "LOG" + goodSTX, aid, goodReport}},
		{"lines", "\r\n" + goodSTX + "\r\n\r\n" + goodPadded + "\n" + bare + "\r\n", []string{goodSTX, goodPadded, bare}},
		{"bare that ends with its line", "$MGV002,1;\r\n" + bare, []string{"$MGV002,1;", bare}},
		{"stx that ends with an exclamation mark", "STX,1,A!" + bare, []string{"STX,1,A", bare}},
		{"stx without a code", "STX,1,A\r\nLOGSTX,2,B;\n", []string{"STX,1,A", "LOGSTX,2,B;"}},
		{"padded with a length that is a line end", "STX99017           \x02\r$A;00" + bare, []string{"STX99017           \x02\r$A;00", bare}},
		{"padded with a length that is a semicolon", "STX99017           \x02;00A;00" + bare, []string{"STX99017           \x02;00A;00", bare}},
		{"length too long", "0923" + bare + goodReport, []string{"0923" + bare, goodReport}},
		{"length too short", "0020" + bare + goodReport, []string{"0020" + bare[:20], "!" + bare[20:], goodReport}},
		{"length of nothing", "0000" + bare, []string{"!0000", bare}},
		{"length beyond the longest", "9999" + bare, []string{"!9999", bare}},
		{"five digits", "1" + goodReport, []string{"!1", goodReport}},
		{"cut, then whole", goodReport[:70] + goodReport, []string{"!" + goodReport[:70], goodReport}},
		{"cut, then a short one", goodReport[:12] + "0010$MGV002,;!" + goodReport, []string{"!" + goodReport[:12], "0010$MGV002,;!", goodReport}},
		{"bare cut, then whole", bare[:70] + bare, []string{"!" + bare[:70], bare}},
		{"stx cut, then stored", goodSTX[:70] + "LOG" + goodSTX, []string{"!" + goodSTX[:70], "LOG" + goodSTX}},
		{"padded cut, then whole", goodPadded[:12] + goodPadded, []string{"!" + goodPadded[:12], goodPadded}},
		{"stx cut, then a report", goodSTX[:70] + goodReport, []string{"!" + goodSTX[:70], goodReport}},
		{"a name like a start", strings.Replace(bare, ",,R", ",STX,R", 1), []string{strings.Replace(bare, ",,R", ",STX,R", 1)}},
		{"aid cut, then whole", aid + goodReport, []string{"!" + aid, goodReport}},
		{"junk", "hello STOP 12$MG LOGIC cmd=" + bare, []string{"!hello STOP 12$MG LOGIC cmd=", bare}},
		{"unfinished", goodReport[:9], []string{"!" + goodReport[:9]}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := split(t, c.stream); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// Every single bit error in a frame of the older forms is found.
func TestBitErrors(t *testing.T) {
	for _, text := range []string{goodSTX, goodPadded} {
		if _, err := (Codec{}).Decode([]byte(text)); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for i := range 8 * len(text) {
			b := []byte(text)
			b[i/8] ^= 1 << (i % 8)
			if m, err := (Codec{}).Decode(b); err == nil {
				t.Errorf("bit %d of byte %d wrong gives %+v of %q", i%8, i/8, m, b)
			}
		}
	}
}

// What a receiver's own code says is noted, for people; the password in a
// request for assistance data is shown to nobody.
func TestDissect(t *testing.T) {
	note := func(text, name string) string {
		t.Helper()
		_, spans, err := Codec{}.Dissect([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range spans {
			if s.Name == name {
				return s.Note
			}
		}
		return "no span " + name
	}
	for _, c := range []struct{ text, name, want string }{
		{goodSTX, "rmc checksum", "OK   XOR-8"},
		{goodSTX, "checksum", "OK   SUM-8"},
		{goodPadded, "checksum", "OK   XOR-8"},
		{goodPadded, "length", ""},
	} {
		if got := note(c.text, c.name); got != c.want {
			t.Errorf("%s of %q: %q, want %q", c.name, c.text, got, c.want)
		}
	}
	m, spans, err := Codec{}.Dissect([]byte(aid))
	if err != nil || !reflect.DeepEqual(m, &AssistRequest{}) || len(spans) != 1 || strings.Contains(fmt.Sprint(spans), "nothing") || spans[0].Len != len(aid) {
		t.Errorf("%+v %+v %v", m, spans, err)
	}
}

func TestRelaxed(t *testing.T) {
	relaxed := Codec{RelaxedChecksum: true}
	for _, c := range []struct {
		name, text string
		strict     error
	}{
		{"sum", strings.TrimSuffix(goodSTX, "55") + "00", protocol.ErrChecksum},
		{"exclusive or", strings.TrimSuffix(goodPadded, "19") + "00", protocol.ErrChecksum},
		{"no code", strings.TrimSuffix(goodSTX, "55"), wire.ErrTruncated},
		{"cut behind the sentence", goodSTX[:strings.Index(goodSTX, "*52")+3], wire.ErrTruncated},
		{"length of a report", "0999" + goodReport[4:], wire.ErrValue},
		{"marker and length", goodPadded[:19] + "  " + goodPadded[21:], protocol.ErrChecksum},
	} {
		t.Run(c.name, func(t *testing.T) {
			if m, err := (Codec{}).Decode([]byte(c.text)); !errors.Is(err, c.strict) {
				t.Errorf("strict: %+v, %v; want %v", m, err, c.strict)
			}
			m, err := relaxed.Decode([]byte(c.text))
			if err != nil {
				t.Fatalf("relaxed: %v", err)
			}
			s := Device().NewSession()
			var out protocol.Output
			if err := s.Handle(now, m, &out); err != nil || len(out.Observations) == 0 || !out.Observations[0].Body.(*em.Fix).Current() || len(out.Send) > 0 {
				t.Errorf("%+v, %v", out, err)
			}
		})
	}
}

func TestAppendRejects(t *testing.T) {
	for _, m := range []protocol.Message{
		&Report{IMEI: "1,2"},
		&Report{Alert: "x;!"},
		&Report{Time: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)},
		&Report{Inputs: "9"},
		&Report{HeartRate: em.Some[uint16](70)},
		&Report{Health: &Health{}},
		&Report{Tail: []string{strings.Repeat("9", maxFrame)}},
		&STX{ID: "1"},
		&STX{ID: "1,2", Fix: 'F'},
		&STXPadded{ID: strings.Repeat("9", idWidth+1)},
		&STXPadded{ID: "1", Values: []string{strings.Repeat("9", 250)}},
		&STXPadded{ID: "1", Alert: "\r\n"},
		&protocol.Raw{Code: "MGV002"},
		&protocol.Raw{Code: "XYZ"},
		&protocol.Raw{Code: "MGV003", Data: []byte(";")},
	} {
		if b, err := (Codec{}).Append([]byte("x"), m); !errors.Is(err, protocol.ErrUnsupported) || string(b) != "x" {
			t.Errorf("%T %+v: %q, %v", m, m, b, err)
		}
	}
}

// The simulator has its say at once, and only then.
func TestSimulator(t *testing.T) {
	sim, err := Device().Simulator("990000000000017", 7)
	if err != nil {
		t.Fatal(err)
	}
	if !sim.Deadline().IsZero() {
		t.Errorf("silent, but wants to be woken at %v", sim.Deadline())
	}
	fix := &em.Fix{LatLng: em.LatLng{Lat: 54.6872, Lng: 25.2797}, Validity: em.FixCurrent, Source: em.SourceGNSS}
	at := em.Observation{DeviceAt: now, Body: fix, Stored: true}
	later := em.Observation{DeviceAt: now.Add(time.Minute), Body: &em.Tamper{What: em.TamperStrap}}
	if err := sim.Report(at, em.Observation{DeviceAt: now, Body: &em.Beacon{}}); !errors.Is(err, protocol.ErrUnsupported) || !sim.Deadline().IsZero() {
		t.Errorf("half a report is taken: %v, %v", err, sim.Deadline())
	}
	if err := sim.Report(at, later); err != nil || !sim.Deadline().Before(now) || sim.Deadline().IsZero() {
		t.Fatalf("%v, deadline %v", err, sim.Deadline())
	}
	var out protocol.Output
	if err := sim.Wake(now, &out); err != nil || len(out.Send) != 2 || !sim.Deadline().IsZero() {
		t.Fatalf("%+v, %v", out, err)
	}
	first, second := out.Send[0].(*Report), out.Send[1].(*Report)
	if !first.Stored || first.Status != 'A' || first.Alert != "Timer" || second.Stored || second.Status != 'V' || second.Alert != "Belt Off" || second.Lat != first.Lat {
		t.Errorf("sent %+v and %+v", first, second)
	}
}

func TestMatch(t *testing.T) {
	for prefix, want := range map[string]protocol.Match{
		"": protocol.Maybe, "01": protocol.Maybe, "0156": protocol.Maybe, "0156$M": protocol.Maybe, goodReport: protocol.Yes, goodReport[4:]: protocol.Yes,
		goodSTX: protocol.Yes, "LOG" + goodSTX: protocol.Yes, aid: protocol.Yes, "\r\nST": protocol.Maybe,
		"01$": protocol.No, "01567": protocol.No, "$GP": protocol.No, "GET / HTTP/1.1": protocol.No, "SSH-2.0": protocol.No,
	} {
		if got := match([]byte(prefix)); got != want {
			t.Errorf("%q: %v, want %v", prefix, got, want)
		}
	}
}

// refused are the real frames that the codec refuses, by a part of their text,
// with what is wrong with each: their identities or positions were made
// anonymous by hand after the device had computed the code.
var refused = []struct{ part, strict, relaxed string }{
	{"171013.000", "checksum at byte", ""},                             // cut behind the sentence, without a code
	{"STX123456", "wrong checksum: found 0x004a", ""},                  // identity; blanks for marker and length
	{"225419.000", "wrong checksum: found 0x0024", "rmc longitude at"}, // 94 minutes of longitude
	{"230551.000", "wrong checksum: found 0x0083", "rmc longitude at"},
	{"230739.000", "wrong checksum: found 0x0078", "rmc longitude at"},
}

// TestExternal checks every real frame: the frame that Split finds, its message
// or its error, and all that can be said of its observations by reading the
// text a second time, here.
func TestExternal(t *testing.T) {
	for d, want := range map[string]string{
		codectest.Count(t, Device(), "megastek.jsonl").String():         "23 vectors, 23 frames: 18 messages, 0 unsupported, 1 field checksum, 4 wrong checksum",
		codectest.Count(t, Device().Relax(), "megastek.jsonl").String(): "23 vectors, 23 frames: 20 messages, 0 unsupported, 3 field rmc longitude",
	} {
		if d != want {
			t.Errorf("got %s, want %s", d, want)
		}
	}
	types, seen := map[string]int{}, map[string]bool{}
	for _, v := range codectest.External(t, "megastek.jsonl") {
		b, err := v.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		var expect struct {
			Frame, Time string
			Valid       *bool
			Lat, Lon    float64
			Attributes  struct {
				BatteryLevel float64
				Alarm        string
				Belt         *int
			}
		}
		if err := json.Unmarshal(v.Expect, &expect); err != nil {
			t.Fatal(err)
		}
		if v.Kind == "framing" {
			frame, n, err := Codec{}.Split(b)
			if err != nil || n != len(b) || fmt.Sprintf("%x", frame) != expect.Frame {
				t.Errorf("%q splits into %q, %d, %v", b, frame, n, err)
			}
			b = frame
		}
		m, strict := Codec{}.Decode(b)
		relaxed := strict
		if strict != nil {
			m, relaxed = Codec{RelaxedChecksum: true}.Decode(b)
			part := ""
			for _, r := range refused {
				if bytes.Contains(b, []byte(r.part)) {
					part = r.part
					if !strings.Contains(strict.Error(), r.strict) || (relaxed == nil) != (r.relaxed == "") || relaxed != nil && !strings.Contains(relaxed.Error(), r.relaxed) {
						t.Errorf("%q: strict %v, relaxed %v", b, strict, relaxed)
					}
				}
			}
			if seen[part] = true; part == "" {
				t.Errorf("%q: %v", b, strict)
			}
		}
		if relaxed != nil {
			continue
		}
		types[m.Type()]++
		var out protocol.Output
		s := Device().NewSession()
		err = s.Handle(now, m, &out)
		if r, ok := m.(*Report); ok && r.IMEI == "" {
			if !errors.Is(err, protocol.ErrNoIdentity) {
				t.Errorf("%q without an identity: %v", b, err)
			}
			continue
		}
		if err != nil || len(out.Send) > 0 {
			t.Errorf("%q: %v, sends %v", b, err, out.Send)
			continue
		}
		if m.Type() == "aid" {
			if len(out.Observations) > 0 {
				t.Errorf("%q: %v", b, out.Observations)
			}
			continue
		}
		fix := out.Observations[0].Body.(*em.Fix)
		want := reread(t, string(b))
		if math.Abs(fix.Lat-want.Lat) > 1e-9 || math.Abs(fix.Lng-want.Lng) > 1e-9 || !out.Observations[0].DeviceAt.Equal(want.at) ||
			fix.Current() != want.current || out.Observations[0].Stored != want.stored {
			t.Errorf("%q: %+v of %v, want %+v", b, fix, out.Observations[0].DeviceAt, want)
		}
		if expect.Valid != nil && (*expect.Valid != fix.Current() || math.Abs(fix.Lat-expect.Lat) > 5e-6 || math.Abs(fix.Lng-expect.Lon) > 5e-6 ||
			out.Observations[0].DeviceAt.Format("2006-01-02 15:04:05.000") != expect.Time) {
			t.Errorf("%q: %+v, expected %s", b, fix, v.Expect)
		}
		// Of the kinds, "no-position" has A without coordinates, or no identity.
		if v.Kind == "no-position" && (fix.Validity != em.FixInvalid || fix.LatLng != em.LatLng{}) {
			t.Errorf("%q: %+v in %s", b, fix, v.Kind)
		}
		var power em.Power
		for _, o := range out.Observations {
			if p, ok := o.Body.(*em.Power); ok {
				power = *p
			}
		}
		if l := expect.Attributes.BatteryLevel; l > 0 && power.Level != em.Some(l/100) {
			t.Errorf("%q: %+v, expected %s", b, power, v.Expect)
		}
		if a := expect.Attributes.Alarm; a != "" && (a != "powerOn" || power.Event != em.PowerOn) {
			t.Errorf("%q: %+v, expected %s", b, power, v.Expect)
		}
		if belt := expect.Attributes.Belt; belt != nil && m.(*Report).Belt() != em.Some(*belt) {
			t.Errorf("%q: %v, expected %s", b, m.(*Report).Belt(), v.Expect)
		}
	}
	if want := map[string]int{"MGV": 14, "STX": 3, "STX padded": 2, "aid": 1}; fmt.Sprint(types) != fmt.Sprint(want) {
		t.Errorf("types %v, want %v", types, want)
	}
	for _, r := range refused {
		if !seen[r.part] {
			t.Errorf("no frame with %s is refused", r.part)
		}
	}
}

type reading struct {
	em.LatLng
	at              time.Time
	current, stored bool
}

// reread reads a frame's position, time and marker in another way than the codec.
func reread(t *testing.T, text string) reading {
	t.Helper()
	degrees := func(dm, hemi string, most float64) float64 {
		v, _ := strconv.ParseFloat(dm, 64)
		d := math.Floor(v/100) + math.Mod(v, 100)/60
		if d > most {
			t.Fatalf("%s is beyond %v", dm, most)
		}
		if hemi == "S" || hemi == "W" {
			return -d
		}
		return d
	}
	var f []string // time, status, lat, N, lon, E, speed, course, date
	stored := strings.HasPrefix(text, "LOG")
	if _, rmc, ok := strings.Cut(text, "RMC,"); ok {
		f = strings.Split(rmc, ",")
	} else {
		g := strings.Split(text[strings.Index(text, "$MGV002,")+8:], ",")
		f = []string{g[4], g[5], g[6], g[7], g[8], g[9], g[14], g[15], g[3]}
		stored = g[2] == "S"
	}
	at, err := time.Parse("020106 150405", f[8]+" "+f[0])
	if err != nil {
		t.Fatal(err)
	}
	return reading{em.LatLng{Lat: degrees(f[2], f[3], 90), Lng: degrees(f[4], f[5], 180)}, at, f[1] == "A" && f[2] != "", stored}
}
