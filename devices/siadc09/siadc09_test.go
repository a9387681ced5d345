package siadc09

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/codectest"
	"github.com/sargas-em/em/protocol/wire"
)

func decode(t *testing.T, d protocol.Device, frame string) protocol.Message {
	t.Helper()
	m, err := d.Codec.Decode([]byte(frame))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func encode(t *testing.T, d protocol.Device, m protocol.Message) string {
	t.Helper()
	b, err := d.Codec.Append(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The worked examples of the specification.
const (
	sealedEvent = "\nE55A0078\"*SIA-DCS\"0009R1L0#1234[85D8127613D6DC35BA90AB0865674ACF83E2FCD35A3F1F757F44665CC73D9A5E716B9D0E5A8CA3B258C904F8F36EC87F\r"
	sealedAck   = "\nE6D70054\"*ACK\"0009R1L0#1234[FDCE434358276C8338D6F0A710B57485ED7F161063DD626D28C540F991E2BF34\r"
)

// Encoding gives the worked examples, byte for byte.
func TestWorkedExamples(t *testing.T) {
	d := keyed(t)
	for want, m := range map[string]*Message{
		sealedEvent: {ID: DCS, Seq: 9, Receiver: "1", Line: "0", Account: "1234", Encrypted: true, Pad: "0000000000000000", Data: "Nri1/TA001", Time: now},
		sealedAck:   {ID: Ack, Seq: 9, Receiver: "1", Line: "0", Account: "1234", Encrypted: true, Pad: "00000000000", Time: now.Add(time.Second)},
		"\nCE110032\"SIA-DCS\"9876R579BDFL789ABC#12345A[#12345A|NFA129]\r":      {ID: DCS, Seq: 9876, Receiver: "579BDF", Line: "789ABC", Account: "12345A", Data: "#12345A|NFA129"},
		"\n87CD0037\"ADM-CID\"9876R579BDFL789ABC#12345A[#12345A|1110 00 129]\r": {ID: ContactID, Seq: 9876, Receiver: "579BDF", Line: "789ABC", Account: "12345A", Data: "#12345A|1110 00 129"},
		"\n1EF20013\"NULL\"0000L0#1234[]\r":                                     {ID: Null, Line: "0", Account: "1234"},
		"\n1BC10012\"ACK\"0001L0#1234[]\r":                                      {ID: Ack, Seq: 1, Line: "0", Account: "1234"},
		"\n251F0012\"DUH\"0001L0#1234[]\r":                                      {ID: Duh, Seq: 1, Line: "0", Account: "1234"},
		"\nE4410025\"NAK\"0000R0L0A0[]_16:20:01,09-24-2025\r":                   nak(time.Date(2025, 9, 24, 16, 20, 1, 0, time.UTC)),
	} {
		if got := encode(t, d, m); got != want {
			t.Errorf("%s: %q, want %q", m.ID, got, want)
		}
	}
}

// TestExternal checks every frame from outside: what it becomes and why, and all
// that is said of it.
func TestExternal(t *testing.T) {
	const file = "sia-dc09.jsonl"
	strict := codectest.Count(t, Device(), file).String()
	if want := "17 vectors, 16 frames: 11 messages, 0 unsupported, 1 junk, 5 wrong checksum"; strict != want {
		t.Errorf("strict: %s\nwant    %s", strict, want)
	}
	relaxed := codectest.Count(t, Device().Relax(), file).String()
	if want := "17 vectors, 16 frames: 16 messages, 0 unsupported, 1 junk"; relaxed != want {
		t.Errorf("relaxed: %s\nwant     %s", relaxed, want)
	}

	sealed := 0
	for _, v := range codectest.External(t, file) {
		var expect struct {
			Account, Code, RI, Arg, Time, Event, Partition, Zone, Note string
			Qualifier                                                  int
			XData                                                      []string
			Key                                                        string `json:"key_ascii"`
		}
		if err := json.Unmarshal(v.Expect, &expect); err != nil {
			t.Fatal(err)
		}
		config := Config{AnyTime: true}
		if expect.Key != "" {
			var err error
			if config.Key, err = ParseKey(expect.Key); err != nil {
				t.Fatal(err)
			}
		}
		d, err := New(config)
		if err != nil {
			t.Fatal(err)
		}
		m, err := d.Relax().Codec.Decode(codectest.Whole(d.Codec, v))
		if v.Kind == "invalid" {
			// The text "<x0A>" stands for LF. Read so, the year has three digits.
			if err == nil {
				t.Errorf("%s: a %s", v.Text, m.Type())
			}
			_, err = d.Relax().Codec.Decode([]byte(strings.Replace(v.Text, "<x0A>", "\n", 1) + "\r"))
			if fe := (*wire.FieldError)(nil); !errors.As(err, &fe) || fe.Field != "time stamp" {
				t.Errorf("%s: %v", v.Text, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", v.Text, err)
			continue
		}
		if _, err := d.Codec.Decode(codectest.Whole(d.Codec, v)); err != nil {
			// Good up to the time stamp, or made anonymous: a check code over
			// other bytes is all that is wrong.
			if !errors.Is(err, protocol.ErrChecksum) {
				t.Errorf("%s: %v", v.Text, err)
			}
			whole, _, _ := strings.Cut(v.Text, "_")
			_, err := d.Codec.Decode([]byte("\n" + whole + "\r"))
			if (err == nil) != strings.HasPrefix(v.Text, "87CD") {
				t.Errorf("%s: without its time stamp: %v", v.Text, err)
			}
		}

		if p, ok := m.(*Poll); ok {
			if p.Account != expect.Account || sessionBody(t, d, p) != "comms" || expect.Code != "RP" {
				t.Errorf("%s: %+v", v.Text, p)
			}
			continue
		}
		msg := m.(*Message)
		if got := msg.Account + msg.DataAccount(); expect.Account != "" && strings.ReplaceAll(got, expect.Account, "") != "" || expect.Account != "" && got == "" {
			t.Errorf("%s: account %q, want %q", v.Text, got, expect.Account)
		}
		if got := msg.Time.Format(time.DateTime); expect.Time != "" && got != expect.Time {
			t.Errorf("%s: time %s, want %s", v.Text, got, expect.Time)
		}
		if fmt.Sprint(msg.Extended) != fmt.Sprint(expect.XData) {
			t.Errorf("%s: extended data %q, want %q", v.Text, msg.Extended, expect.XData)
		}
		if msg.Encrypted {
			if (msg.Sealed != "") != strings.HasPrefix(expect.Note, "key not published") || msg.Sealed == "" && msg.Pad != "ppppppppppp" {
				t.Errorf("%s: %+v", v.Text, msg)
			}
			if msg.Sealed != "" {
				sealed++
			}
		}
		events := msg.Events()
		if expect.Code == "" && expect.Event == "" {
			if len(events) > 0 {
				t.Errorf("%s: events %+v", v.Text, events)
			}
			continue
		}
		if len(events) != 1 {
			t.Errorf("%s: %d events", v.Text, len(events))
			continue
		}
		e := events[0]
		if e.Qualifier == 0 {
			if e.Code != expect.Code || expect.RI != "" && e.Area != expect.RI || expect.Arg != "" && e.Address != expect.Arg {
				t.Errorf("%s: %+v", v.Text, e)
			}
		} else if e.Code != expect.Event || e.Area != expect.Partition || e.Address != expect.Zone || int(e.Qualifier-'0') != expect.Qualifier {
			t.Errorf("%s: %+v", v.Text, e)
		}
		if want := map[string]string{"PA": "alarm", "RP": "comms"}[e.Code]; want != "" && sessionBody(t, d, msg) != want {
			t.Errorf("%s: not a %s", v.Text, want)
		}
	}
	if sealed != 2 {
		t.Errorf("%d frames of unpublished keys, want 2", sealed)
	}
}

// sessionBody returns the kind of the first observation.
func sessionBody(t *testing.T, d protocol.Device, m protocol.Message) string {
	t.Helper()
	var out protocol.Output
	if err := d.NewSession().Handle(now, m, &out); err != nil || len(out.Observations) == 0 {
		t.Fatalf("%v, %d observations", err, len(out.Observations))
	}
	return string(out.Observations[0].Body.Kind())
}

// The replies were computed with a python snippet, but for the encrypted one.
func TestReplies(t *testing.T) {
	d := keyed(t)
	open, err := New(Config{AllowPlain: true, AnyTime: true, Key: mustKey(t, "0123456789ABCDEF")})
	if err != nil {
		t.Fatal(err)
	}
	const nakNow = "\n10780025\"NAK\"0000R0L0A0[]_12:00:00,01-02-2026\r"
	for _, c := range []struct {
		name   string
		device protocol.Device
		frame  string
		want   string
		err    error
	}{
		{"event", d, "\n821D003A\"SIA-DCS\"0001L0#9017[#9017|Nri1/TA002]_12:00:00,01-02-2026\r", "\n2B480012\"ACK\"0001L0#9017[]\r", nil},
		{"with receiver and line", d, "\n898F0017\"NULL\"0000R12L34#9017[]\r", "\n0D900016\"ACK\"0000R12L34#9017[]\r", nil},
		{"check code as two bytes", d, "\n\x52\x2c0022\"SIA-DCS\"0017L0#9017[#9017|NTA001]\r", "\n\xc8\xac0012\"ACK\"0017L0#9017[]\r", nil},
		{"without an account in front", d, "\n7E4A002C\"SIA-DCS\"4738R0001L0001[#9017|Nri04/OP001NM]\r", "\n10890015\"ACK\"4738R0001L0001[]\r", nil},
		{"unknown identifier", d, "\n3BBF0031\"SIA-PUD\"0018L0#9017[#9017|x]_12:00:00,01-02-2026\r", "\nC6420012\"DUH\"0018L0#9017[]\r", nil},
		{"no key", Device(), sealedEvent, "\nB18F0014\"DUH\"0009R1L0#1234[]\r", protocol.ErrUnsupported},
		{"too old", d, "\nF1050036\"SIA-DCS\"0026L0#9017[#9017|NTA001]_11:59:19,01-02-2026\r", nakNow, protocol.ErrMalformed},
		{"in clear", d, "\n6ECD0036\"SIA-DCS\"0025L0#1234[#1234|NTA001]_12:00:00,01-02-2026\r", nakNow, protocol.ErrIdentity},
		{"in clear, allowed", open, "\n6ECD0036\"SIA-DCS\"0025L0#1234[#1234|NTA001]_12:00:00,01-02-2026\r", "\n768B0012\"ACK\"0025L0#1234[]\r", nil},
		{"too old, allowed", open, "\nF1050036\"SIA-DCS\"0026L0#9017[#9017|NTA001]_11:59:19,01-02-2026\r", "\n49F20012\"ACK\"0026L0#9017[]\r", nil},
		{"another account inside", d, "\n396D0036\"SIA-DCS\"0030L0#9017[#9018|NTA001]_12:00:00,01-02-2026\r", nakNow, protocol.ErrIdentity},
		{"legacy poll", d, "\nSR0001L0001    009017XX    [ID00000000]\r", "\n\"ACK\"\r", nil},
		{"legacy poll in clear", d, "\nSR0001L0001    1234    [ID00000000]\r", "", protocol.ErrIdentity},
		{"an answer", d, "\n1BC10012\"ACK\"0001L0#1234[]\r", "", protocol.ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out protocol.Output
			err := c.device.NewSession().Handle(now, decode(t, c.device, c.frame), &out)
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("error %v, want %v", err, c.err)
			}
			var got string
			for _, m := range out.Send {
				got += encode(t, c.device, m)
			}
			if got != c.want {
				t.Errorf("sends %q, want %q", got, c.want)
			}
			if err != nil && len(out.Observations) > 0 {
				t.Errorf("a refused message gives %d observations", len(out.Observations))
			}
		})
	}
	// An encrypted message has an encrypted answer of the same header and of now.
	var out protocol.Output
	if err := d.NewSession().Handle(now, decode(t, d, sealedEvent), &out); err != nil || len(out.Send) != 1 {
		t.Fatalf("%v, %d messages", err, len(out.Send))
	}
	frame := encode(t, d, out.Send[0])
	back := decode(t, d, frame).(*Message)
	if !strings.Contains(frame, "\"*ACK\"0009R1L0#1234[") || back.ID != Ack || !back.Time.Equal(now) || len(back.Pad) != 11 {
		t.Errorf("answer %q is %+v", frame, back)
	}
}

func mustKey(t *testing.T, text string) Key {
	t.Helper()
	k, err := ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A message that comes again is acknowledged again, and observed once.
func TestRepeated(t *testing.T) {
	d, s := Device(), Device().NewSession()
	count := func(m *Message) int {
		t.Helper()
		var out protocol.Output
		if err := s.Handle(m.Time, m, &out); err != nil || len(out.Send) != 1 || out.Send[0].(*Message).ID != Ack || out.Send[0].(*Message).Seq != m.Seq {
			t.Fatalf("%v, sends %v", err, out.Send)
		}
		return len(out.Observations)
	}
	m := decode(t, d, "\n821D003A\"SIA-DCS\"0001L0#9017[#9017|Nri1/TA002]_12:00:00,01-02-2026\r").(*Message)
	again, other, third := *m, *m, *m
	again.Time = m.Time.Add(30 * time.Second)
	other.Seq = 2
	third.Seq, third.Data = 2, "#9017|Nri1/TR002"
	null := &Message{ID: Null, Line: "0", Account: "9017", Time: now}
	for i, c := range []struct {
		m    *Message
		want int
	}{{m, 2}, {&again, 0}, {null, 1}, {null, 1}, {&again, 0}, {&other, 2}, {&third, 2}, {&third, 0}, {m, 2}} {
		if got := count(c.m); got != c.want {
			t.Errorf("message %d gives %d observations, want %d", i, got, c.want)
		}
	}
}

func TestIdentityIsKept(t *testing.T) {
	s := Device().NewSession()
	say := func(account string) error {
		var out protocol.Output
		return s.Handle(now, &Message{ID: Null, Line: "0", Account: account}, &out)
	}
	if err := say("abc1"); err != nil || s.Device() != "siadc09:ABC1" {
		t.Fatalf("%v, %q", err, s.Device())
	}
	if err := say("ABC1"); err != nil {
		t.Error(err)
	}
	if err := say("ABC2"); !errors.Is(err, protocol.ErrIdentity) || s.Device() != "siadc09:ABC1" {
		t.Errorf("%v, %q", err, s.Device())
	}
}

func TestSequence(t *testing.T) {
	s := &session{}
	for i, c := range []struct {
		seq  uint16
		want uint64
	}{{9998, 9998}, {9999, 9999}, {1, 10000}, {2, 10001}, {2, 10001}, {9999, 9999}, {3, 10002}, {9999, 9999}} {
		if got := s.number(c.seq); got != c.want {
			t.Errorf("%d: number %d is %d, want %d", i, c.seq, got, c.want)
		}
	}
	if s := (&session{seq: 3}); s.number(9000) != 9000 || s.seq != 3 {
		t.Error("an old number of an unknown past")
	}
}

func TestMeanings(t *testing.T) {
	rules := &rules{contactID: map[string]string{"383": "TA", "381": "UY", "120": "PA", "137": "XQ"}}
	for _, c := range []struct {
		event Event
		want  em.Body
	}{
		{Event{Code: "TA"}, &em.Tamper{What: em.TamperOther, Code: "TA"}},
		{Event{Code: "TT"}, &em.Tamper{What: em.TamperOther, Code: "TT"}},
		{Event{Code: "XS"}, &em.Tamper{What: em.TamperOther, Code: "XS"}},
		{Event{Code: "TR"}, &em.Tamper{What: em.TamperOther, Cleared: true, Code: "TR"}},
		{Event{Code: "ES"}, &em.Tamper{What: em.TamperCase, Code: "ES"}},
		{Event{Code: "EJ"}, &em.Tamper{What: em.TamperCase, Cleared: true, Code: "EJ"}},
		{Event{Code: "XQ"}, &em.Tamper{What: em.TamperJamming, Code: "XQ"}},
		{Event{Code: "XH"}, &em.Tamper{What: em.TamperJamming, Cleared: true, Code: "XH"}},
		{Event{Code: "PA"}, &em.Alarm{What: em.AlarmSOS, Code: "PA"}},
		{Event{Code: "AT"}, &em.Power{Event: em.PowerCut, External: em.Some(false)}},
		{Event{Code: "AR"}, &em.Power{Event: em.PowerRestored, External: em.Some(true)}},
		{Event{Code: "YT"}, &em.Power{Event: em.PowerLow}},
		{Event{Code: "XT"}, &em.Power{Event: em.PowerLow}},
		{Event{Code: "UY", Address: "501"}, &em.Beacon{Beacon: "501", Radio: "rf", Lost: true}},
		{Event{Code: "UJ", Address: "501"}, &em.Beacon{Beacon: "501", Radio: "rf"}},
		{Event{Code: "UJ"}, nil},
		{Event{Code: "RP"}, &em.Comms{Event: em.CommsHeartbeat}},
		{Event{Code: "YR"}, &em.Power{Event: em.PowerGood}}, {Event{Code: "XR"}, &em.Power{Event: em.PowerGood}}, {Event{Code: "YC"}, nil}, {Event{Code: "XL"}, nil}, {Event{Code: "CL"}, nil},
		{Event{Code: "144", Qualifier: '1'}, &em.Tamper{What: em.TamperOther, Code: "144"}},
		{Event{Code: "144", Qualifier: '6'}, &em.Tamper{What: em.TamperOther, Code: "144"}},
		{Event{Code: "144", Qualifier: '3'}, &em.Tamper{What: em.TamperOther, Cleared: true, Code: "144"}},
		{Event{Code: "137", Qualifier: '3'}, &em.Tamper{What: em.TamperJamming, Cleared: true, Code: "137"}},
		{Event{Code: "301", Qualifier: '1'}, &em.Power{Event: em.PowerCut, External: em.Some(false)}},
		{Event{Code: "301", Qualifier: '3'}, &em.Power{Event: em.PowerRestored, External: em.Some(true)}},
		{Event{Code: "302", Qualifier: '1'}, &em.Power{Event: em.PowerLow}},
		{Event{Code: "302", Qualifier: '3'}, &em.Power{Event: em.PowerGood}},
		{Event{Code: "350", Qualifier: '1'}, nil},
		{Event{Code: "384", Qualifier: '1'}, nil},
		{Event{Code: "602", Qualifier: '1'}, &em.Comms{Event: em.CommsHeartbeat}},
		{Event{Code: "383", Qualifier: '1'}, &em.Tamper{What: em.TamperOther, Code: "383"}},
		{Event{Code: "381", Qualifier: '3', Address: "501"}, &em.Beacon{Beacon: "501", Radio: "rf"}},
		{Event{Code: "120", Qualifier: '1'}, &em.Alarm{What: em.AlarmSOS, Code: "120"}},
		{Event{Code: "120", Qualifier: '3'}, nil},
	} {
		got := rules.body(c.event)
		if fmt.Sprintf("%T %+v", got, got) != fmt.Sprintf("%T %+v", c.want, c.want) {
			t.Errorf("%+v: %T %+v, want %T %+v", c.event, got, got, c.want, c.want)
		}
	}
}

func TestKey(t *testing.T) {
	for _, c := range []struct {
		text string
		want string
	}{
		{"0123456789ABCDEF", "0123456789ABCDEF"},
		{"premises-unit-key-24byte", "premises-unit-key-24byte"},
		{"a key of thirty-two characters..", "a key of thirty-two characters.."},
		{"30313233343536373839414243444546", "0123456789ABCDEF"},
		{"303132333435363738394142434445463031323334353637", "0123456789ABCDEF01234567"},
		{strings.Repeat("6a", 32), strings.Repeat("j", 32)},
	} {
		k, err := ParseKey(c.text)
		if err != nil || k.secret != c.want || k.IsZero() {
			t.Errorf("%q: %v, %q", c.text, err, k.secret)
		}
		config := Config{Key: k, Accounts: map[string]Key{"9017": k}}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			d, err := New(config)
			if err != nil {
				t.Fatal(err)
			}
			all := fmt.Sprintf(verb+verb+verb, k, config, d.Codec)
			if strings.Contains(all, c.want) || strings.Contains(all, fmt.Sprintf("%x", c.want)) || !strings.Contains(all, "[key]") {
				t.Errorf("%s prints %s", verb, all)
			}
		}
		if b, err := json.Marshal(config); err != nil || strings.Contains(string(b), c.want) {
			t.Errorf("as JSON: %s, %v", b, err)
		}
	}
	for _, text := range []string{"", "short", "0123456789ABCDEF0", strings.Repeat("6a", 20), strings.Repeat("x", 64)} {
		if k, err := ParseKey(text); !errors.Is(err, ErrKey) || !k.IsZero() || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestNew(t *testing.T) {
	k := mustKey(t, "0123456789ABCDEF")
	for _, c := range []Config{
		{Accounts: map[string]Key{"12": k}}, {Accounts: map[string]Key{"90-17": k}}, {Accounts: map[string]Key{"": k}},
		{ContactID: map[string]string{"38": "TA"}}, {ContactID: map[string]string{"38x": "TA"}}, {ContactID: map[string]string{"383": "ZZ"}}, {ContactID: map[string]string{"383": "TR"}},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
	accounts := map[string]Key{"abc": k, "def": {}}
	d, err := New(Config{Key: mustKey(t, "another key, 16."), Accounts: accounts})
	if err != nil {
		t.Fatal(err)
	}
	delete(accounts, "abc")
	keys := d.Codec.(Codec).keys
	if r := keys.key("ABC"); r == nil || r.secret != "0123456789ABCDEF" {
		t.Error("an account's key goes by its digits, and New keeps no reference to the map")
	}
	if keys.key("DEF") != nil {
		t.Error("the zero Key is none")
	}
	if r := keys.key("123"); r == nil || r.secret != "another key, 16." {
		t.Error("other accounts have the fallback")
	}
}

// Equal content has equal padding, other content other padding, and none of the
// signs that end it.
func TestPadding(t *testing.T) {
	r := mustKey(t, "0123456789ABCDEF").ready()
	other := mustKey(t, "0123456789ABCDEE").ready()
	seen := map[string]bool{}
	for n := range 100 {
		content := fmt.Sprintf("]_12:00:%02d,01-02-2026", n) + strings.Repeat("x", n%16)
		p := r.pad(content)
		if p != r.pad(content) || p == other.pad(content) && len(p) > 4 {
			t.Errorf("%q: %q, then %q; with another key %q", content, p, r.pad(content), other.pad(content))
		}
		if len(p) < 1 || len(p) > 16 || (len(p)+len(content))%16 != 0 || strings.ContainsAny(p, "[]|") {
			t.Errorf("%q: padding %q", content, p)
		}
		if len(p) > 4 {
			if seen[p] {
				t.Errorf("%q: padding %q comes twice", content, p)
			}
			seen[p] = true
		}
	}
}

func TestAppendRejects(t *testing.T) {
	for name, m := range map[string]protocol.Message{
		"unknown identifier":        &Message{ID: "X", Line: "0", Account: "9017"},
		"no line":                   &Message{ID: Null, Account: "9017"},
		"account too short":         &Message{ID: Null, Line: "0", Account: "17"},
		"account with a quote":      &Message{ID: Null, Line: "0", Account: "9017\""},
		"number too high":           &Message{ID: Null, Line: "0", Account: "9017", Seq: 10000},
		"bracket in the data":       &Message{ID: Null, Line: "0", Account: "9017", Data: "][x"},
		"bracket in extended data":  &Message{ID: Null, Line: "0", Account: "9017", Extended: []string{"]"}},
		"line end in the data":      &Message{ID: Null, Line: "0", Account: "9017", Data: "a\rb"},
		"data without an event":     &Message{ID: DCS, Line: "0", Account: "9017", Data: "#9017|N"},
		"year of one digit":         &Message{ID: Null, Line: "0", Account: "9017", Time: time.Date(9, 1, 1, 0, 0, 0, 0, time.UTC)},
		"too long":                  &Message{ID: Null, Line: "0", Account: "9017", Data: strings.Repeat("x", MaxFrame)},
		"no key":                    &Message{ID: Null, Line: "0", Account: "9017", Encrypted: true, Time: now},
		"encrypted without time":    &Message{ID: Null, Line: "0", Account: "1234", Encrypted: true},
		"encrypted NAK":             &Message{ID: Nak, Line: "0", Account: "1234", Encrypted: true, Time: now},
		"sealed, not encrypted":     &Message{ID: Null, Line: "0", Account: "9017", Sealed: strings.Repeat("00", 16)},
		"sealed with contents":      &Message{ID: Null, Line: "0", Account: "9017", Encrypted: true, Sealed: strings.Repeat("00", 16), Time: now},
		"sealed, key known":         &Message{ID: Null, Line: "0", Account: "1234", Encrypted: true, Sealed: strings.Repeat("00", 16)},
		"half a block sealed":       &Message{ID: Null, Line: "0", Account: "9017", Encrypted: true, Sealed: strings.Repeat("00", 8)},
		"Raw of a known identifier": &protocol.Raw{Code: "SIA-DCS", Data: []byte("0001L0#9017[NTA1]")},
		"Raw without a header":      &protocol.Raw{Code: "SIA-PUD", Data: []byte("x")},
		"Raw with a line end":       &protocol.Raw{Code: "SIA-PUD", Data: []byte("0001L0#9017[\r]")},
		"Raw with a quote":          &protocol.Raw{Code: "A\"B", Data: []byte("0001L0#9017[]")},
		"poll of small letters":     &Poll{Receiver: "0001", Line: "0001", Account: "9017xx", ID: "00000000"},
		"poll of a short line":      &Poll{Receiver: "0001", Line: "1", Account: "9017", ID: "00000000"},
	} {
		if b, err := keyed(t).Codec.Append([]byte("x"), m); !errors.Is(err, protocol.ErrUnsupported) || string(b) != "x" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

// A padding that does not fit is replaced.
func TestPaddingIsReplaced(t *testing.T) {
	d := keyed(t)
	for _, pad := range []string{"", "x", "[[[[[[[[[[["} {
		m := &Message{ID: Null, Line: "0", Account: "1234", Encrypted: true, Time: now, Pad: pad}
		if back := decode(t, d, encode(t, d, m)).(*Message); back.Pad == pad || len(back.Pad) != 11 || !back.Time.Equal(now) {
			t.Errorf("padding %q becomes %+v", pad, back)
		}
	}
}

// What is encrypted is one field, whether the key is known or not.
func TestDissectEncrypted(t *testing.T) {
	for _, c := range []protocol.Codec{keyed(t).Codec, Codec{}} {
		_, spans, err := c.(Codec).Dissect([]byte(sealedEvent))
		i := slices.IndexFunc(spans, func(s wire.Span) bool { return s.Name == sealedName })
		if err != nil || i < 0 || i+2 != len(spans) {
			t.Fatalf("%v, %+v", err, spans)
		}
		if s := spans[i]; s.Offset != strings.IndexByte(sealedEvent, '[')+1 || s.Offset+s.Len != len(sealedEvent)-1 {
			t.Errorf("%+v", s)
		}
	}
}

// An unacknowledged event comes again with the time of the day; a NAK sets the
// clock; a forged or stale answer changes nothing.
func TestSimulatorRepeats(t *testing.T) {
	d := keyed(t)
	sim, err := d.Simulator("1234", 7)
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.Report(em.Observation{DeviceAt: now.Add(-time.Hour), Stored: true, Body: &em.Tamper{What: em.TamperCase}}, em.Observation{Body: &em.Alarm{What: em.AlarmSOS}}); err != nil {
		t.Fatal(err)
	}
	at := now
	step := func(m protocol.Message) []*Message {
		t.Helper()
		out := codectest.Step(t, sim, at, m)
		var sent []*Message
		for _, m := range out.Send {
			sent = append(sent, m.(*Message))
		}
		return sent
	}
	if !sim.Deadline().Before(now) {
		t.Errorf("with something to say it waits until %v", sim.Deadline())
	}
	first := step(nil)
	if len(first) != 2 || first[0].ID != Null || first[1].Data != "#1234|Ori1/ES" || first[1].Extended[0] != "H11:00:00,01-02-2026" || !first[1].Encrypted || !first[1].Time.Equal(now) {
		t.Fatalf("at first it sends %+v", first)
	}
	ack := func(m *Message) *Message {
		return &Message{ID: Ack, Seq: m.Seq, Line: "0", Account: "1234", Encrypted: true, Time: at}
	}
	wrong := []*Message{ack(first[1]), ack(first[1]), ack(first[1]), ack(first[1]), ack(first[0])}
	wrong[0].Encrypted = false
	wrong[1].Time = at.Add(-time.Minute)
	wrong[2].Account = "1235"
	wrong[3].Sealed = "00"
	for i, m := range append(wrong, &Message{ID: Rsp}) {
		if sent := step(m); sent != nil {
			t.Errorf("after wrong answer %d it sends %+v", i, sent)
		}
	}
	for range 3 {
		if d := sim.Deadline().Sub(at); d < patience || d > patience+patience/10 {
			t.Errorf("it waits %v", d)
		}
		at = sim.Deadline()
		if sent := step(nil); len(sent) != 1 || sent[0].Seq != first[1].Seq || sent[0].Data != first[1].Data || !sent[0].Time.Equal(at) {
			t.Errorf("again it sends %+v", sent)
		}
	}
	// The receiver's clock is an hour ahead.
	sent := step(nak(at.Add(time.Hour)))
	if len(sent) != 1 || !sent[0].Time.Equal(at.Add(time.Hour)) {
		t.Fatalf("after a NAK it sends %+v", sent)
	}
	if sent := step(nak(at.Add(time.Hour))); sent != nil {
		t.Errorf("after a NAK that has nothing to do with its clock it sends %+v", sent)
	}
	good := ack(first[1])
	good.Time = at.Add(time.Hour)
	next := step(good)
	if len(next) != 1 || next[0].Data != "#1234|Nri1/PA" || next[0].Seq == first[1].Seq || next[0].Extended != nil {
		t.Fatalf("then it sends %+v", next)
	}
	if sent := step(&Message{ID: Duh, Seq: next[0].Seq, Line: "0", Account: "1234"}); sent != nil {
		t.Errorf("with nothing to say it sends %+v", sent)
	}
	at = sim.Deadline()
	if sent := step(nil); len(sent) != 1 || sent[0].ID != Null || !sim.Deadline().Equal(at.Add(supervision)) {
		t.Errorf("idle it sends %+v until %v", sent, sim.Deadline())
	}
	var out protocol.Output
	if err := sim.Handle(at, &Message{ID: DCS}, &out); !errors.Is(err, protocol.ErrMalformed) {
		t.Errorf("an event from the receiver: %v", err)
	}
	for range 3 { // the numbers go from 9999 to 1
		sim.(*simulator).seq = 9999
		if err := sim.Report(em.Observation{Body: &em.Alarm{What: em.AlarmSOS}}); err != nil || sim.(*simulator).seq != 1 {
			t.Errorf("%v, number %d", err, sim.(*simulator).seq)
		}
	}
}

func TestPosition(t *testing.T) {
	for _, x := range [][]string{
		{"X025E16.7"}, {"Y54N41.2"}, {"X025E16.7", "Y54E41.2"}, {"X181E00.0", "Y54N41.2"}, {"X180E00.1", "Y54N41.2"}, {"X025E60.0", "Y54N41.2"},
		{"X025E-1.0", "Y54N41.2"}, {"XE", "YN"}, {"X", "Y"}, {"", ""}, {"X025E16.7.1", "Y54N41.2"}, {"X025E1e1", "Y54N41.2"}, {"X-25E16.7", "Y54N41.2"}, {"X025E16.7", "Y90N00.1"},
	} {
		if p, ok := (&Message{Extended: x}).Position(); ok {
			t.Errorf("%q is %v", x, p)
		}
	}
	for _, p := range []em.LatLng{{Lat: 54.6872, Lng: 25.2797}, {Lat: -33.9999999999, Lng: -0.00001}, {Lat: 90, Lng: 180}, {Lat: -90, Lng: -180}, {}} {
		got, ok := (&Message{Extended: position(p)}).Position()
		if !ok || max(got.Lat-p.Lat, p.Lat-got.Lat, got.Lng-p.Lng, p.Lng-got.Lng) > 1e-6 {
			t.Errorf("%v by %q is %v", p, position(p), got)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		prefix string
		want   protocol.Match
	}{
		{"", protocol.Maybe}, {"\n", protocol.Maybe}, {"\r\n\n", protocol.Maybe}, {"\n821D003A", protocol.Maybe},
		{"\n821D003A\"", protocol.Yes}, {"\r\n821D003A\"SIA", protocol.Yes}, {"\n\n\r003A\"", protocol.Yes}, {"\nSR0001L", protocol.Yes},
		{"8", protocol.No}, {"\n821D003A#", protocol.No}, {"\nGET / HTTP", protocol.No}, {"x\n821D003A\"", protocol.No},
	} {
		if got := Device().Match([]byte(c.prefix)); got != c.want {
			t.Errorf("%q: %d, want %d", c.prefix, got, c.want)
		}
	}
}

// FuzzBody feeds what stands behind a good check code. What decodes can be
// encoded, and comes back as it was.
func FuzzBody(f *testing.F) {
	for _, s := range []string{
		`"SIA-DCS"0001L0#9017[#9017|Ori1/ti09:26:53/UY501^x^|Nid7pi3YC4*y*NM|Atext|Zz][H09:26:53,01-01-2026][]_12:00:00,01-02-2026`,
		`"ADM-CID"9999R1FL1F#9017ABC[|3381 01 1A9]`,
		`"NAK"0000R0L0A0[]_12:00:00,01-02-2026`, `"NAK"0000LA0A0[]`, `"NAK"0000L1A0#9017[x]`,
		`"*NULL"0000L0#9128[D40EA9320C25D6895A40414DB3A0860D6671ACC4B09D9FD7E99CEC83E43540F3`,
		`"*RSP"0000L0#9017[d40ea9320c25d6895a40414db3a0860d`,
		`"SIA-PUD"0018L0#9017[#9017|x]`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		c := keyed(t).Codec
		for _, binaryCRC := range []bool{false, true} {
			frame := wrap([]byte(body), binaryCRC)
			if split, _, _ := c.Split(frame); len(split) != len(frame) {
				continue
			}
			m, err := c.Decode(frame)
			if err != nil {
				continue
			}
			b, err := c.Append(nil, m)
			if err != nil {
				t.Fatalf("%q is %+v, which cannot be encoded: %v", frame, m, err)
			}
			back, err := c.Decode(b)
			if err != nil || !reflect.DeepEqual(m, back) {
				t.Fatalf("%q is %+v, encoded %q, which is %+v, %v", frame, m, b, back, err)
			}
			if v, ok := m.(*Message); ok && (v.ID == DCS || v.ID == ContactID) && v.Sealed == "" && len(v.Events()) == 0 {
				t.Fatalf("%q has no events", frame)
			}
		}
	})
}

func TestSplit(t *testing.T) {
	const good = "\n1BC10012\"ACK\"0001L0#1234[]\r"
	for _, c := range []struct {
		name, stream string
		want         []string // frames; errors by their first words
	}{
		{"line ends between frames", "\r\n\n" + good + "\r\n" + good, []string{good, good}},
		{"line ends as check code", "\n\r\n0012\"ACK\"0001L0#1234[]\r" + good, []string{"\n\r\n0012\"ACK\"0001L0#1234[]\r", good}},
		{"blank before line ends as check code", "\n\n\n\r0012\"ACK\"0001L0#1234[]\r", []string{"\n\n\r0012\"ACK\"0001L0#1234[]\r"}},
		{"no length begins with 1", "\nab1012\"ACK\"0001L0#1234[]\r" + good, []string{"junk", good}},
		{"a frame inside a frame", good[:20] + good, []string{"protocol: malformed", good}},
		{"a frame inside a head", good[:5] + good, []string{"junk", good}},
		{"no LF", good[1:] + good, []string{"junk", good}},
		{"a poll and its answer", "\nSR0001L0001    9017    [ID00000000]\r" + pollAck, []string{"\nSR0001L0001    9017    [ID00000000]\r", pollAck}},
		{"SR as check code", "\nSR0012\"ACK\"0001L0#1234[]\r", []string{"\nSR0012\"ACK\"0001L0#1234[]\r"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := protocol.NewSplitter(Device())
			s.Write([]byte(c.stream))
			var got []string
			for {
				frame, _, ok, err := s.Next()
				if !ok {
					break
				}
				text := string(frame)
				switch {
				case err != nil && errors.Is(err, protocol.ErrJunk):
					text = "junk"
				case err != nil:
					text = err.Error()[:len("protocol: malformed")]
				}
				got = append(got, text)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
