package xexun2

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/codectest"
	"github.com/sargas-em/em/protocol/wire"
)

var now = time.Date(2026, 3, 14, 9, 27, 0, 0, time.UTC)

// imei returns the number of digits, which a test knows to be right.
func imei(digits string) IMEI {
	n, err := ParseIMEI(digits)
	if err != nil {
		panic(err)
	}
	return n
}

func append1(t *testing.T, m protocol.Message) string {
	t.Helper()
	b, err := Codec{}.Append(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}

// The bytes are those of the public description.
func TestWorkedValues(t *testing.T) {
	device := imei("861881053624335")
	m := &Report{Header: Header{Kind: KindReport, Serial: 0x0A5A, IMEI: device}}
	var out protocol.Output
	if err := Device().NewSession().Handle(now, m, &out); err != nil || len(out.Send) != 1 {
		t.Fatalf("%v, %d replies", err, len(out.Send))
	}
	if got, want := append1(t, out.Send[0]), "faaf00140a5a86188105362433500001fffe01faaf"; got != want {
		t.Errorf("ack %s, want %s", got, want)
	}
	if got, want := append1(t, NewCommand(device, 1, Reset)), "faaf0007000186188105362433500005fddc7265736574faaf"; got != want {
		t.Errorf("command %s, want %s", got, want)
	}
}

func TestReplies(t *testing.T) {
	h := Header{Kind: KindReport, Serial: 7, IMEI: imei("990000000000017")}
	raw, err := Codec{}.Decode([]byte("\xFA\xAF\x00\x15\x00\x08\x99\x00\x00\x00\x00\x00\x01\x70\x00\x03\xFE\xD9abc\xFA\xAF"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		m    protocol.Message
		want string
	}{
		"report":                {&Report{Header: h}, "faaf0014000799000000000001700001fffe01faaf"},
		"unknown type":          {raw, "faaf0015000899000000000001700001fffe01faaf"},
		"answer to a command":   {&Command{Header: Header{Kind: KindCommand, IMEI: h.IMEI}, Text: "reset"}, ""},
		"report, flags ignored": {&Report{Header: Header{Kind: KindReport, Serial: 0xFAAF, IMEI: h.IMEI}}, "faaf0014fbbf0199000000000001700001fffe01faaf"},
	} {
		var out protocol.Output
		if err := Device().NewSession().Handle(now, c.m, &out); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got := ""
		for _, m := range out.Send {
			got += append1(t, m)
		}
		if got != c.want {
			t.Errorf("%s: sent %s, want %s", name, got, c.want)
		}
	}
}

func TestTrackEvery(t *testing.T) {
	if got, err := TrackEvery(30*time.Second, 5*time.Minute); got != "tracking_send=30,300" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for _, d := range []time.Duration{0, time.Millisecond, -time.Second, 25 * time.Hour} {
		if _, err := TrackEvery(time.Second, d); !errors.Is(err, protocol.ErrUnsupported) {
			t.Errorf("%v: %v", d, err)
		}
	}
}

func TestIdentity(t *testing.T) {
	s := Device().NewSession()
	for _, c := range []struct {
		imei IMEI
		want error
	}{{IMEI{}, protocol.ErrIdentity}, {IMEI{0x9A}, protocol.ErrIdentity}, {IMEI{7: 0x11}, protocol.ErrIdentity}, {imei("990000000000017"), nil}, {imei("990000000000018"), protocol.ErrIdentity}} {
		for _, m := range []protocol.Message{&Report{Header: Header{IMEI: c.imei}}, &Command{Header: Header{IMEI: c.imei}}} {
			var out protocol.Output
			if err := s.Handle(now, m, &out); !errors.Is(err, c.want) || err != nil && len(out.Send)+len(out.Observations) > 0 {
				t.Errorf("%+v: %v, want %v", m, err, c.want)
			}
		}
	}
	var out protocol.Output
	if err := s.Handle(now, &Ack{Header{IMEI: imei("990000000000017")}}, &out); !errors.Is(err, protocol.ErrMalformed) {
		t.Errorf("an ack of the device: %v", err)
	}
}

// Decode refuses what Split does not let through.
func TestDecodeRejects(t *testing.T) {
	good := "faaf0014000799000000000001700001fffe01faaf"
	for name, c := range map[string]struct{ hex, field string }{
		"no start":       {good[4:], "start"},
		"no end":         {good[:len(good)-4], "end"},
		"one flag":       {"faaf", "end"},
		"length":         {strings.Replace(good, "0001fffe", "0002fffe", 1), "attributes"},
		"flag inside":    {strings.Replace(good, "0007", "faaf", 1), "escape"},
		"other escape":   {strings.Replace(good, "00079900", "fbbf0399", 1), "escape"},
		"escape cut":     {strings.Replace(good, "fffe01", "fffefbbf", 1), "escape"},
		"digits of imei": {strings.Replace(good, "9900", "9a00", 1), "imei"},
		"head cut":       {"faaf00140007faaf", "imei"},
	} {
		b, _ := hex.DecodeString(c.hex)
		_, err := Codec{}.Decode(b)
		var fe *wire.FieldError
		if !errors.As(err, &fe) || fe.Field != c.field {
			t.Errorf("%s: %v, want one of %s", name, err, c.field)
		}
	}
}

func TestAppendRejects(t *testing.T) {
	h := Header{Kind: KindReport, Serial: 7, IMEI: imei("990000000000017")}
	of := func(r ...Record) *Report { return &Report{h, r} }
	modules := func(m ...Module) *Report {
		return of(Record{Mask: HasPositioning, Positioning: Positioning{Mask: HasModules, Modules: m}})
	}
	for name, m := range map[string]protocol.Message{
		"IMEI":                &Ack{Header{Kind: KindReport, IMEI: IMEI{7: 1}}},
		"IMEI of letters":     &Ack{Header{Kind: KindReport, IMEI: IMEI{0x9A}}},
		"flags":               &Ack{Header{Kind: KindReport, IMEI: h.IMEI, Flags: 1}},
		"ack of a command":    &Ack{Header{Kind: KindCommand, IMEI: h.IMEI}},
		"command as report":   &Command{h, "reset"},
		"report as command":   &Report{Header: Header{Kind: KindCommand, IMEI: h.IMEI}},
		"records":             of(make([]Record, 256)...),
		"record":              of(Record{Others: make([]byte, lengthMask)}),
		"payload":             of(Record{Others: make([]byte, 600)}, Record{Others: make([]byte, 600)}),
		"access points":       of(Record{Mask: HasPositioning, Positioning: Positioning{Mask: HasWiFi, Radio: &Radio{WiFi: make([]Heard, 256)}}}),
		"other parts":         of(Record{Mask: HasFingerprint, Others: make([]byte, 3)}),
		"module of 2,000":     modules(Module{Kind: 'X', Data: make([]byte, 2000)}),
		"modules of too much": modules(Module{Kind: 'X', Data: make([]byte, 600)}, Module{Kind: 'X', Data: make([]byte, 600)}),
		"text":                &Command{Header{Kind: KindCommand, IMEI: h.IMEI}, strings.Repeat("a", lengthMask+1)},
		"raw":                 &protocol.Raw{Code: "0x0015"},
	} {
		if b, err := (Codec{}).Append([]byte("x"), m); !errors.Is(err, protocol.ErrUnsupported) || string(b) != "x" {
			t.Errorf("%s: %x, %v", name, b, err)
		}
	}
}

// The longest message of nothing but escapes is within MaxFrame.
func TestLongest(t *testing.T) {
	text := strings.Repeat(flag, lengthMask/2) + "x"
	b, err := Codec{}.Append(nil, &Command{Header{Kind: KindCommand, Serial: 0xFAAF, IMEI: imei("990000000000017")}, text})
	if err != nil || len(b) > maxFrame {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	frame, n, err := Codec{}.Split(b)
	if err != nil || n != len(b) {
		t.Fatalf("split at %d, %v", n, err)
	}
	if m, err := (Codec{}).Decode(frame); err != nil || m.(*Command).Text != text {
		t.Errorf("%v", err)
	}
}

func TestDegrees(t *testing.T) {
	for _, c := range []struct {
		v, most, want float64
		ok            bool
	}{
		{5441.232, 90, 54.6872, true}, {-5441.232, 90, -54.6872, true}, {-30.5, 90, -30.5 / 60, true}, {9000, 90, 90, true}, {9001, 90, 0, false},
		{17959.999, 180, 179.99998333333334, true}, {18000.5, 180, 0, false}, {2560, 180, 0, false}, {-2560, 180, 0, false}, {1e300, 180, 0, false},
	} {
		if got, ok := degrees(em.Some(c.v), c.most); ok != c.ok || ok && math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v: %v, %t; want %v, %t", c.v, got, ok, c.want, c.ok)
		}
	}
	if _, ok := degrees(em.Opt[float64]{}, 90); ok {
		t.Error("degrees of nothing")
	}
}

func TestMatch(t *testing.T) {
	for prefix, want := range map[string]protocol.Match{
		"": protocol.Maybe, "\xFA": protocol.Maybe, "\xFA\xAF\x00\x14": protocol.Maybe, "\xFA\xAE": protocol.No, "[3G": protocol.No,
		"\xFA\xAF\x00\x14\x00\x07\x99\x00\x00\x00\x00\x00\x01\x70\x00\x01\xFF\xFE\x01\xFA\xAF": protocol.Yes,
		"\xFA\xAF\x00\x14\x00\x07\x99\x00\x00\x00\x00\x00\x01\x70\x00\x01\xFF\xFF\x01\xFA\xAF": protocol.Maybe,
	} {
		if got := match([]byte(prefix)); got != want {
			t.Errorf("%x: %v, want %v", prefix, got, want)
		}
	}
}

// A message stays until its own acknowledgement; stored records go in batches.
func TestSimulatorRepeats(t *testing.T) {
	sim, err := Device().Simulator("990000000000017", 7)
	if err != nil {
		t.Fatal(err)
	}
	at := now
	step := func(m protocol.Message) *Report {
		t.Helper()
		out := codectest.Step(t, sim, at, m)
		if len(out.Send) > 1 {
			t.Errorf("%d messages", len(out.Send))
		}
		if len(out.Send) == 0 {
			return nil
		}
		r, _ := out.Send[0].(*Report)
		return r
	}
	if step(nil) != nil || !sim.Deadline().IsZero() {
		t.Error("it speaks of nothing")
	}
	for i := range 12 {
		o := em.Observation{DeviceAt: now.Add(time.Duration(i-20) * time.Minute), Stored: true, Body: &em.Comms{Event: em.CommsInfo}}
		if err := sim.Report(o); err != nil || !sim.Deadline().Before(now) {
			t.Fatalf("%v, it waits until %v", err, sim.Deadline())
		}
	}
	if err := sim.Report(em.Observation{DeviceAt: now, Body: &em.Tamper{What: em.TamperRemoval}}); err != nil {
		t.Fatal(err)
	}
	first := step(nil)
	if len(first.Records) != batch+1 || first.Records[batch].Seconds != uint32(now.Unix()) {
		t.Errorf("%d records at first", len(first.Records))
	}
	other := first.Header
	other.Serial++
	stranger := first.Header
	stranger.IMEI = imei("990000000000018")
	for _, wrong := range []protocol.Message{&Ack{other}, &Ack{stranger}, &Ack{Header{Kind: 0x15, Serial: first.Serial, IMEI: first.IMEI}}} {
		if step(wrong) != nil {
			t.Errorf("it takes %+v for its own", wrong)
		}
	}
	for range 3 {
		if d := sim.Deadline().Sub(at); d < patience || d > patience+patience/10 {
			t.Errorf("it waits %v", d)
		}
		at = sim.Deadline()
		if step(nil) != first {
			t.Error("it does not repeat")
		}
	}
	second := step(&Ack{first.Header})
	if len(second.Records) != 3 || second.Serial != first.Serial+1 {
		t.Errorf("then %d records under serial %d", len(second.Records), second.Serial)
	}
	third := step(&Ack{second.Header})
	if len(third.Records) != 1 || third.Records[0].Alarm != AlarmRemoval {
		t.Errorf("then %+v", third)
	}
	if step(&Ack{third.Header}) != nil || !sim.Deadline().IsZero() {
		t.Error("it speaks of nothing")
	}
	var out protocol.Output
	if err := sim.Handle(at, NewCommand(imei("990000000000017"), 9, Reset), &out); err != nil || len(out.Send) != 1 || out.Send[0].(*Command).Serial != 9 {
		t.Errorf("answers %v, %v", out.Send, err)
	}
}

// TestExternal says what becomes of each real message, and holds the
// observations to what the messages' source asserts.
func TestExternal(t *testing.T) {
	for name, d := range map[string]protocol.Device{"strict": Device(), "relaxed": Device().Relax()} {
		// The third is a sample of escapes without a head: no message.
		c := codectest.Count(t, d, "xexun2.jsonl")
		if want := "3 vectors, 2 frames: 2 messages, 0 unsupported, 1 malformed, 1 unfinished"; c.String() != want {
			t.Errorf("%s %v, want %s", name, c, want)
		}
	}
	exact := 0
	for i, v := range codectest.External(t, "xexun2.jsonl") {
		b, err := v.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		var e struct {
			Assert, Time, Frame string
			Valid               *bool
			Lat, Lon            *float64
		}
		if err := json.Unmarshal(v.Expect, &e); err != nil {
			t.Fatal(err)
		}
		if e.Frame != "" {
			plain, err := unescape(b[len(flag):len(b)-len(flag)], nil)
			if got := flag + string(plain) + flag; hex.EncodeToString([]byte(got)) != e.Frame || err != nil {
				t.Errorf("line %d: %x, %v; expected %s", i+1, got, err, e.Frame)
			}
			continue
		}
		m, err := Codec{}.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := (Codec{}).Append(nil, m); !bytes.Equal(again, b) || err != nil {
			t.Errorf("line %d: encoded again as %x, %v", i+1, again, err)
		}
		var out protocol.Output
		if err := Device().NewSession().Handle(now, m, &out); err != nil {
			t.Fatal(err)
		}
		fixes := slices.DeleteFunc(slices.Clone(out.Observations), func(o em.Observation) bool { return o.Body.Kind() != em.KindFix })
		if e.Assert != "verifyPositions" || len(fixes) != len(m.(*Report).Records) {
			t.Errorf("line %d: %d fixes, the source asserts %s", i+1, len(fixes), v.Expect)
		}
		for _, o := range fixes {
			if f := o.Body.(*em.Fix); !f.Current() || o.DeviceAt.Year() < 2021 {
				t.Errorf("line %d: %+v at %v", i+1, f, o.DeviceAt)
			}
		}
		if e.Lat != nil {
			exact++
			f := fixes[0].Body.(*em.Fix)
			if math.Abs(*e.Lat-f.Lat) > 1e-5 || math.Abs(*e.Lon-f.Lng) > 1e-5 || *e.Valid != f.Current() || fixes[0].DeviceAt.Format("2006-01-02 15:04:05.000") != e.Time {
				t.Errorf("line %d: %+v at %v, expected %s", i+1, f, fixes[0].DeviceAt, v.Expect)
			}
		}
	}
	if exact != 1 {
		t.Errorf("%d exact positions compared, want 1", exact)
	}
}

// A message that was cut takes none with it: the next one's first flag is not
// its end.
func TestCutMessage(t *testing.T) {
	good := []byte("\xFA\xAF\x00\x07\x00\x01\x99\x00\x00\x00\x00\x00\x01\x70\x00\x05\xFD\xDCreset\xFA\xAF")
	for n := 1; n < len(good)-1; n++ {
		d := protocol.NewDecoder(bytes.NewReader(slices.Concat(good[:n], good)), Device())
		found := 0
		for {
			f, err := d.Next()
			if f.Message != nil {
				found++
			}
			var fe *protocol.FrameError
			if err != nil && !errors.As(err, &fe) {
				break
			}
		}
		if found != 1 {
			t.Errorf("after the first %d bytes of it %d messages are found", n, found)
		}
	}
}
