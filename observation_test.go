package em_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em"
)

var stamp = time.Date(2026, 10, 3, 4, 12, 9, 0, time.UTC)

// every has one observation of each body, with all fields set, and one of each
// with none.
func every() []em.Observation {
	full := []em.Body{
		&em.Fix{LatLng: em.LatLng{Lat: 54.6872, Lng: 25.2797}, Validity: em.FixCurrent, Source: em.SourceGNSS, Accuracy: em.Some(12.0), HDOP: em.Some(0.9),
			Satellites: em.Some(9), Altitude: em.Some(-3.5), Speed: em.Some(0.0), Course: em.Some(359.9)},
		&em.Beacon{Beacon: "home-17", Radio: "rf", Lost: true, RSSI: em.Some(-71)},
		&em.AlcoholReading{Value: em.Decimal{Coef: 208, Scale: 4}, Unit: em.UnitBreathGPer210L, Ratio: em.Some(2100), Status: em.SampleOK, Reason: "E01",
			Identity: em.IdentityMatch, Ambient: em.Some(em.Decimal{Scale: 3}), CalDue: stamp.AddDate(1, 0, 0)},
		&em.Transdermal{Value: em.Decimal{Coef: -2, Scale: 3}, Unit: em.UnitSkinGPerDL, Temperature: em.Some(31.2), IR: em.Some(1.1), Motion: em.Some(0.02)},
		&em.Tamper{What: em.TamperStrap, Cleared: true, Code: "0x31"},
		&em.Power{Event: em.PowerCut, Level: em.Some(0.4), Volts: em.Some(3.71), Charging: em.Some(false), External: em.Some(true)},
		&em.Comms{Event: em.CommsInfo, Signal: em.Some(0.5), Text: "ok — ąč",
			Cells: []em.Cell{{MCC: 246, MNC: 1, LAC: 0xFFFE, CID: 1 << 33, RSSI: em.Some(-90)}, {MCC: 246}},
			WiFi:  []em.AccessPoint{{MAC: "02:00:00:00:00:01", RSSI: em.Some(-40)}, {MAC: "02:00:00:00:00:02"}}},
		&em.Alarm{What: em.AlarmSOS, Code: "1"},
		&em.CheckIn{Request: "r-1", Method: "voice", Identity: em.IdentityUnsure, Refused: true},
		&em.Vendor{Name: "laipac.x", Fields: []em.Field{{Name: "a", Value: "1"}, {Name: "a", Value: ""}}},
	}
	empty := []em.Body{new(em.Fix), new(em.Beacon), new(em.AlcoholReading), new(em.Transdermal), new(em.Tamper), new(em.Power), new(em.Comms),
		new(em.Alarm), new(em.CheckIn), new(em.Vendor)}
	var all []em.Observation
	for i, b := range full {
		all = append(all, em.Observation{Device: "gt06:990000000000017", Seq: em.Some(uint64(i)), Part: uint16(i), DeviceAt: stamp,
			At: stamp.Add(time.Second), Stored: true, Body: b}.Stamp(stamp.Add(time.Minute+time.Millisecond)))
	}
	for _, b := range empty {
		all = append(all, em.Observation{Body: b}.Stamp(stamp))
	}
	return all
}

// Every kind must be in every: a body that is forgotten here is tried nowhere.
func TestEveryBodyIsTried(t *testing.T) {
	seen := map[em.BodyKind]bool{}
	for _, o := range every() {
		seen[o.Body.Kind()] = true
	}
	for _, k := range []em.BodyKind{em.KindFix, em.KindBeacon, em.KindAlcohol, em.KindTransdermal, em.KindTamper, em.KindPower, em.KindComms, em.KindAlarm, em.KindCheckIn, em.KindVendor} {
		if !seen[k] {
			t.Errorf("no %s", k)
		}
	}
}

func TestObservationJSON(t *testing.T) {
	for _, o := range every() {
		b, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		var got em.Observation
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if d := cmp.Diff(o, got); d != "" {
			t.Errorf("%s: %s", b, d)
		}
		var flat map[string]any
		if err := json.Unmarshal(b, &flat); err != nil || flat["body"] != string(o.Body.Kind()) {
			t.Errorf("%s is no flat object with its body's name: %v", b, err)
		}
		for k, v := range flat {
			if v == nil {
				t.Errorf("%s: %q is null: absent values are left out", b, k)
			}
		}
	}
}

// The JSON that others read, written by hand.
func TestObservationJSONByHand(t *testing.T) {
	const text = `{"id":"dff373d33cd045784bd54f19f17506db","body":"fix","at":"2026-10-03T04:12:09Z","device":"gt06:990000000000017","seq":7,"part":2,` +
		`"device_at":"2026-10-03T04:12:09Z","received":"2026-10-03T04:12:10Z","stored":true,` +
		`"lat":54.6872,"lon":25.2797,"validity":"current","source":"gnss","accuracy_m":12,"satellites":9,"speed_mps":1.5}`
	o := em.Observation{Device: "gt06:990000000000017", Seq: em.Some(uint64(7)), Part: 2, DeviceAt: stamp, Stored: true,
		Body: &em.Fix{LatLng: em.LatLng{Lat: 54.6872, Lng: 25.2797}, Validity: em.FixCurrent, Source: em.SourceGNSS,
			Accuracy: em.Some(12.0), Satellites: em.Some(9), Speed: em.Some(1.5)}}.Stamp(stamp.Add(time.Second))
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(text, string(b)); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{`{"body":"nonsense"}`, `{}`, `{"body":"fix","lat":"north"}`, `{"body":"fix","id":"12"}`, `[]`} {
		if err := json.Unmarshal([]byte(bad), new(em.Observation)); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	if _, err := json.Marshal(em.Observation{}); err == nil {
		t.Error("an observation without a body is written")
	}
}

// IDs are kept in stores and evidence for decades. These were computed by an
// independent program from the definition: SHA-256 over the device, the time,
// the part and the canonical body.
func TestObservationIDVectors(t *testing.T) {
	tests := []struct {
		name string
		o    em.Observation
		want string
	}{
		{"fix", em.Observation{Device: "gt06:990000000000017", Part: 2, DeviceAt: stamp,
			Body: &em.Fix{LatLng: em.LatLng{Lat: 54.6872, Lng: 25.2797}, Validity: em.FixCurrent, Source: em.SourceGNSS,
				Accuracy: em.Some(12.0), Satellites: em.Some(9), Speed: em.Some(1.5)}}.Stamp(stamp.Add(time.Hour)), "dff373d33cd045784bd54f19f17506db"},
		{"beacon without a time of its own", em.Observation{Device: "rf:17",
			Body: &em.Beacon{Beacon: "home-17", Radio: "rf", Lost: true, RSSI: em.Some(-71)}}.Stamp(stamp.Add(250 * time.Millisecond)), "803163d5f8b6f387f047623f4580ee5c"},
	}
	for _, tt := range tests {
		if got := tt.o.ID.String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	e := em.Event{Rule: "curfew", About: "home", Anchor: stamp, Detail: em.Detail{Kind: "curfew.absence"}}
	e.Stamp("person-1", stamp)
	if got, want := e.ID.String(), "2b69bf4b305f8446f7c3eb83c914f20f"; got != want {
		t.Errorf("event: %s, want %s", got, want)
	}
	e.Version, e.Detail.Class, e.At, e.Until = "v2", "RETURN_LATE", stamp, stamp
	id := e.ID
	if e.Stamp("person-1", stamp.Add(time.Hour)); e.ID != id {
		t.Error("a new version has another ID")
	}
	if e.Anchor = stamp.Add(1); true {
		if e.Stamp("person-1", stamp); e.ID == id {
			t.Error("another anchor has the same ID")
		}
	}
}

// A re-sent frame is the same observation; anything else is another.
func TestObservationIDIsOfTheContent(t *testing.T) {
	base := func() em.Observation {
		return em.Observation{Device: "gt06:990000000000017", Seq: em.Some(uint64(1)), DeviceAt: stamp, Body: &em.Beacon{Beacon: "home", Radio: "rf"}}
	}
	id := base().Stamp(stamp).ID
	same := map[string]func(*em.Observation){
		"serial":       func(o *em.Observation) { o.Seq = em.Some(uint64(2)) },
		"no serial":    func(o *em.Observation) { o.Seq = em.Opt[uint64]{} },
		"stored":       func(o *em.Observation) { o.Stored = true },
		"corrected At": func(o *em.Observation) { o.At = stamp.Add(time.Minute) },
		"another zone": func(o *em.Observation) { o.DeviceAt = stamp.In(time.FixedZone("", 7200)) },
	}
	for name, change := range same {
		o := base()
		change(&o)
		if o.Stamp(stamp.Add(time.Hour)).ID != id {
			t.Errorf("%s changes the ID", name)
		}
	}
	other := map[string]func(*em.Observation){
		"device": func(o *em.Observation) { o.Device = "gt06:990000000000025" },
		"time":   func(o *em.Observation) { o.DeviceAt = stamp.Add(1) },
		"part":   func(o *em.Observation) { o.Part = 1 },
		"body":   func(o *em.Observation) { o.Body = &em.Beacon{Beacon: "home", Radio: "rf", Lost: true} },
		"kind":   func(o *em.Observation) { o.Body = &em.Alarm{} },
	}
	for name, change := range other {
		o := base()
		change(&o)
		if o.Stamp(stamp).ID == id {
			t.Errorf("%s does not change the ID", name)
		}
	}
}

func TestStampTimes(t *testing.T) {
	zone := time.FixedZone("EET", 2*3600)
	received := time.Now().In(zone) // with a monotonic part
	body := &em.Alarm{What: em.AlarmSOS}
	for name, o := range map[string]em.Observation{
		"by the device":  em.Observation{DeviceAt: stamp.In(zone), Body: body}.Stamp(received),
		"by reception":   em.Observation{Body: body}.Stamp(received),
		"as corrected":   em.Observation{DeviceAt: stamp, At: stamp.Add(time.Minute).In(zone), Body: body}.Stamp(received),
		"stamped before": em.Observation{DeviceAt: stamp, Body: body}.Stamp(stamp).Stamp(received),
	} {
		for what, at := range map[string]time.Time{"DeviceAt": o.DeviceAt, "At": o.At, "Received": o.Received} {
			if at.Location() != time.UTC || strings.Contains(at.String(), "m=") {
				t.Errorf("%s: %s is %v", name, what, at)
			}
		}
		if !o.Received.Equal(received) {
			t.Errorf("%s: Received %v", name, o.Received)
		}
		want := map[string]time.Time{"by the device": stamp, "by reception": received, "as corrected": stamp.Add(time.Minute), "stamped before": stamp}[name]
		if !o.At.Equal(want) {
			t.Errorf("%s: At %v, want %v", name, o.At, want)
		}
	}
}

func TestFixRadius(t *testing.T) {
	tests := []struct {
		name     string
		fix      em.Fix
		r68, r95 float64
		reported bool
	}{
		// sqrt(ln 0.05 / ln 0.32) = 1.62146.
		{"as reported", em.Fix{Accuracy: em.Some(10.0), HDOP: em.Some(9.0)}, 10, 16.21, true},
		{"from HDOP", em.Fix{HDOP: em.Some(1.2)}, 6, 9.73, false},
		{"assumed", em.Fix{}, 20, 32.43, false},
		{"a zero accuracy is none", em.Fix{Accuracy: em.Some(0.0)}, 20, 32.43, false},
	}
	for _, tt := range tests {
		r68, ok68 := tt.fix.Radius68(20)
		r95, ok95 := tt.fix.Radius95(20)
		if r68 != tt.r68 || r95 < tt.r95-0.01 || r95 > tt.r95+0.01 || ok68 != tt.reported || ok95 != tt.reported {
			t.Errorf("%s: %v %v, %v %v", tt.name, r68, ok68, r95, ok95)
		}
	}
	valid := em.LatLng{Lat: 1, Lng: 2}
	for _, f := range []em.Fix{{LatLng: valid, Validity: em.FixInvalid}, {LatLng: valid, Validity: em.FixLastKnown}, {LatLng: em.LatLng{Lat: 91}, Validity: em.FixCurrent}} {
		if f.Current() {
			t.Errorf("%v is current", f)
		}
	}
	if f := (em.Fix{LatLng: valid, Validity: em.FixCurrent}); !f.Current() {
		t.Errorf("%v is not current", f)
	}
}

func TestIDText(t *testing.T) {
	var id em.ObservationID
	if err := id.UnmarshalText([]byte("dff373d33cd045784bd54f19f17506db")); err != nil || id.String() != "dff373d33cd045784bd54f19f17506db" {
		t.Errorf("%v %v", id, err)
	}
	for _, bad := range []string{"", "dff3", strings.Repeat("z", 32), strings.Repeat("0", 34)} {
		if err := new(em.ObservationID).UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
		if err := new(em.EventID).UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if want, _ := hex.DecodeString(id.String()); string(want) != string(id[:]) {
		t.Error("not hexadecimal")
	}
}

// The center does each of these for whatever a device reports.
func TestObservationAllocations(t *testing.T) {
	o := em.Observation{Device: "gt06:990000000000017", DeviceAt: stamp, Body: &em.Fix{
		LatLng: em.LatLng{Lat: 54.6, Lng: 25.2}, Validity: em.FixCurrent, Source: em.SourceGNSS, Satellites: em.Some(9), Speed: em.Some(1.0)}}.Stamp(stamp)
	b := appended(t, o)
	dst := make([]byte, 0, 2*len(b))
	for what, c := range map[string]struct {
		most float64
		do   func()
	}{
		"an ID":          {0, func() { o = o.Stamp(stamp) }},
		"writing":        {0, func() { dst, _ = o.AppendBinary(dst[:0]) }},
		"reading":        {2, func() { _ = o.UnmarshalBinary(b) }}, // its body, and a reader
		"and a device's": {3, func() { _ = new(em.Observation).UnmarshalBinary(b) }},
	} {
		if got := testing.AllocsPerRun(100, c.do); got > c.most {
			t.Errorf("%s: %v allocations, want %v", what, got, c.most)
		}
	}
	if err := o.UnmarshalBinary(b); err != nil || !bytes.Equal(appended(t, o), b) {
		t.Errorf("%v: %+v", err, o)
	}
}

// Reading an observation of a device that is known costs its body, and one allocation
// for each list and for all texts of a vendor's.
func TestUnmarshalAllocations(t *testing.T) {
	for _, c := range []struct {
		body em.Body
		most float64
	}{
		{&em.Fix{LatLng: em.LatLng{Lat: 54.7, Lng: 25.3}, Validity: em.FixCurrent, Source: em.SourceGNSS, Speed: em.Some(1.5), Satellites: em.Some(9)}, 1},
		{&em.Comms{Event: em.CommsInfo, Signal: em.Some(0.5), Cells: []em.Cell{{MCC: 1, MNC: 1, CID: 7}, {MCC: 1, MNC: 1, CID: 8}}}, 2},
		{&em.Vendor{Name: "x 1", Fields: []em.Field{{Name: "acc", Value: "off"}, {Name: "reason", Value: "0"}}}, 3},
		{&em.Power{Level: em.Some(0.5), Charging: em.Some(true)}, 1},
	} {
		o := em.Observation{Device: "x:1", Seq: em.Some[uint64](7), Body: c.body}.Stamp(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC))
		b, err := o.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		back := em.Observation{Device: o.Device}
		if got := testing.AllocsPerRun(100, func() {
			if err := back.UnmarshalBinary(b); err != nil {
				t.Fatal(err)
			}
		}); got > c.most && !raceEnabled || !reflect.DeepEqual(back, o) { // with it room for a list is made twice
			t.Errorf("%v allocations, want %v, for %+v of %+v", got, c.most, back, o)
		}
	}
}
