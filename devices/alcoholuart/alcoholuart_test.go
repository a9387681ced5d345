package alcoholuart

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/codectest"
)

var now = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

func kit() codectest.Kit {
	return codectest.Kit{
		Profile:   "sensor",
		Device:    Device(),
		External:  []string{"alcohol-uart.jsonl"},
		Identity:  "kiosk-17",
		Protected: func(frame []byte) (from, to int) { return 0, len(frame) },
		Reports:   []em.Body{&em.AlcoholReading{Value: em.Decimal{Coef: 65535}, Unit: em.UnitRaw, Status: em.SampleOK}},
	}
}

func TestConformance(t *testing.T) { codectest.Run(t, kit()) }

func FuzzStream(f *testing.F) { codectest.Fuzz(f, kit()) }

// TestExternal checks every frame from outside against all that is said of it.
func TestExternal(t *testing.T) {
	const file = "alcohol-uart.jsonl"
	strict := codectest.Count(t, Device(), file).String()
	if want := "7 vectors, 6 frames: 6 messages, 0 unsupported, 1 wrong checksum"; strict != want {
		t.Errorf("strict: %s\nwant    %s", strict, want)
	}
	relaxed := codectest.Count(t, Device().Relax(), file).String()
	if want := "7 vectors, 7 frames: 7 messages, 0 unsupported"; relaxed != want {
		t.Errorf("relaxed: %s\nwant     %s", relaxed, want)
	}
	for _, v := range codectest.External(t, file) {
		var expect struct {
			Gas, Unit     string
			Concentration *int64
			FullScale     int64  `json:"full_scale"`
			ChecksumOK    *bool  `json:"checksum_ok"`
			PPB           *int64 `json:"concentration_ppb"`
			Mass          int64  `json:"ugm3"`
			Family        *int64 `json:"ppb"`
		}
		if err := json.Unmarshal(v.Expect, &expect); err != nil {
			t.Fatal(err)
		}
		b, err := v.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		m, err := Codec{}.Decode(b)
		if expect.ChecksumOK != nil {
			// The misprint: the check code is that of the command with a zero.
			var ce *protocol.ChecksumError
			if !errors.As(err, &ce) || *expect.ChecksumOK {
				t.Errorf("%s: %v", v.Hex, err)
			}
			b[7] = 0
			if m, err := (Codec{}).Decode(b); err != nil || m.Type() != "read" {
				t.Errorf("%s with a zero in byte 7: %v, %v", v.Hex, m, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", v.Hex, err)
			continue
		}
		switch m := m.(type) {
		case *Upload:
			if expect.Concentration == nil || m.Value().Float() != float64(*expect.Concentration) || m.Full().Float() != float64(expect.FullScale) || m.Unit.String() != expect.Unit || expect.Gas != "C2H5OH" {
				t.Errorf("%s: %+v", v.Hex, m)
			}
		case *Reply:
			want := expect.PPB
			if want == nil {
				want = expect.Family
			}
			if want == nil || int64(m.Concentration) != *want || int64(m.Mass) != expect.Mass {
				t.Errorf("%s: %+v", v.Hex, m)
			}
		case *SetMode:
			if want := map[Mode]string{ModeUpload: "cmd-set-auto", ModeAnswer: "cmd-set-qa"}[m.Mode]; v.Kind != want {
				t.Errorf("%s: mode %d in %s", v.Hex, m.Mode, v.Kind)
			}
		case *Read:
			if v.Kind != "cmd-read" {
				t.Errorf("%s: a read in %s", v.Hex, v.Kind)
			}
		default:
			t.Errorf("%s: a %T", v.Hex, m)
		}
	}
}

// A broken frame costs itself alone: the search goes on behind its FF.
func TestResync(t *testing.T) {
	read, reply := "\xff\x01\x86\x00\x00\x00\x00\x00\x79", "\xff\x86\x00\x00\x00\x00\x02\x08\x70"
	for _, c := range []struct {
		name, stream string
		want         string
	}{
		{"FF in front", "\xff" + reply, "wrong reply"},
		{"cut frame in front", read[:4] + reply, "wrong reply"},
		{"broken frame in front", "\xff\x86\x00\x00\x00\x00\x02\x08\x71" + reply, "wrong reply"},
		{"noise between", read + "\x00\x55\xaa" + reply, "read junk reply"},
		{"a frame that holds FF", "\xff\x86\xff\x86\x00\x00\x00\x00\xf5" + reply, "reply reply"},
		{"nothing but FF", strings.Repeat("\xff", 20) + reply, "wrong reply"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := protocol.NewSplitter(Device())
			s.Write([]byte(c.stream))
			var got []string
			for {
				frame, _, ok, err := s.Next()
				switch {
				case err != nil && errors.Is(err, protocol.ErrChecksum):
					got = append(got, "wrong")
				case err != nil:
					got = append(got, "junk")
				case ok:
					m, err := Codec{}.Decode(frame)
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, m.Type())
				}
				if !ok {
					break
				}
			}
			if all := strings.Join(got, " "); all != c.want || s.Buffered() > 0 {
				t.Errorf("%s, and %d bytes left; want %s", all, s.Buffered(), c.want)
			}
		})
	}
}

func send(t *testing.T, out protocol.Output) string {
	t.Helper()
	var all []byte
	for _, m := range out.Send {
		b, err := Codec{}.Append(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		all = fmt.Appendf(all, "%X ", b)
	}
	return strings.TrimSpace(string(all))
}

const (
	wireRead   = "FF0186000000000079"
	wireUpload = "FF0178400000000047"
	wireAnswer = "FF0178410000000046"
)

func TestSession(t *testing.T) {
	config := protocol.SessionConfig{Identity: "kiosk-17"}
	start := func(t *testing.T, c Config) (protocol.Session, string) {
		t.Helper()
		d, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		s := d.Sessions(config)
		if !s.Deadline().Before(now) {
			t.Errorf("it waits until %v", s.Deadline())
		}
		var out protocol.Output
		if err := s.Wake(now, &out); err != nil {
			t.Fatal(err)
		}
		return s, send(t, out)
	}
	t.Run("asked", func(t *testing.T) {
		s, sent := start(t, Config{})
		if sent != wireAnswer || !s.Deadline().IsZero() || s.Device() != "alcoholuart:kiosk-17" {
			t.Errorf("%s until %v, %s", sent, s.Deadline(), s.Device())
		}
	})
	t.Run("polls", func(t *testing.T) {
		s, sent := start(t, Config{Poll: 5 * time.Second})
		if sent != wireAnswer+" "+wireRead || !s.Deadline().Equal(now.Add(5*time.Second)) {
			t.Errorf("%s until %v", sent, s.Deadline())
		}
		var out protocol.Output
		if err := s.Wake(now.Add(4*time.Second), &out); err != nil || len(out.Send) > 0 {
			t.Errorf("too early it sends %s, %v", send(t, out), err)
		}
		if err := s.Wake(now.Add(5*time.Second), &out); err != nil || send(t, out) != wireRead || !s.Deadline().Equal(now.Add(10*time.Second)) {
			t.Errorf("%s until %v, %v", send(t, out), s.Deadline(), err)
		}
	})
	t.Run("uploads", func(t *testing.T) {
		s, sent := start(t, Config{Uploads: true})
		if sent != wireUpload {
			t.Errorf("%s", sent)
		}
		observed := 0
		for i := range 121 {
			var out protocol.Output
			if err := s.Handle(now.Add(time.Duration(i)*time.Second), &Upload{Unit: PPB, Concentration: uint16(i)}, &out); err != nil || len(out.Send) > 0 {
				t.Fatalf("%v, sends %s", err, send(t, out))
			}
			observed += len(out.Observations)
		}
		if observed != 3 {
			t.Errorf("%d uploads of two minutes are observed, want 3", observed)
		}
	})
	t.Run("uploads although it should answer", func(t *testing.T) {
		s, _ := start(t, Config{})
		for _, c := range []struct {
			after time.Duration
			want  string
		}{{time.Second, ""}, {9 * time.Second, ""}, {10 * time.Second, wireAnswer}, {11 * time.Second, ""}, {20 * time.Second, wireAnswer}} {
			var out protocol.Output
			if err := s.Handle(now.Add(c.after), &Upload{}, &out); err != nil || send(t, out) != c.want {
				t.Errorf("after %v it sends %q, %v", c.after, send(t, out), err)
			}
		}
	})
	t.Run("identity", func(t *testing.T) {
		for identity, want := range map[string]error{"": protocol.ErrNoIdentity, "a b": protocol.ErrIdentity, strings.Repeat("9", 33): protocol.ErrIdentity} {
			s := Device().Sessions(protocol.SessionConfig{Identity: identity})
			var out protocol.Output
			if err := s.Handle(now, &Reply{}, &out); !errors.Is(err, protocol.ErrNoIdentity) {
				t.Errorf("%q: Handle: %v", identity, err)
			}
			if err := s.Wake(now, &out); !errors.Is(err, want) || !out.Close || len(out.Send) > 0 || !s.Deadline().IsZero() {
				t.Errorf("%q: %v, %+v", identity, err, out)
			}
			if err := s.Wake(now, &out); err != nil {
				t.Errorf("%q: again: %v", identity, err)
			}
		}
	})
}

func TestNew(t *testing.T) {
	for _, c := range []Config{{Poll: time.Millisecond}, {Poll: -1}, {Every: -1}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
	if d := Device(); !d.Serial || d.BaudRate != 9600 || d.MaxFrame != 9 {
		t.Errorf("%+v", d)
	}
}

func TestAppendRejects(t *testing.T) {
	for _, m := range []protocol.Message{
		&Upload{Decimals: 6}, &SetMode{}, &SetMode{Mode: 0x42},
		&protocol.Raw{Code: "0x04", Data: make([]byte, 7)}, &protocol.Raw{Code: "0x04", Data: []byte{4}},
		&protocol.Raw{Code: "0x86", Data: []byte{0x86, 0, 0, 0, 0, 0, 0}}, &protocol.Raw{},
	} {
		if b, err := (Codec{}).Append([]byte("x"), m); !errors.Is(err, protocol.ErrUnsupported) || string(b) != "x" {
			t.Errorf("%+v: %x, %v", m, b, err)
		}
	}
}

// The module uploads until it is told to wait, answers when asked, and a
// reading that is reported goes out at once.
func TestSimulator(t *testing.T) {
	sim, err := Device().Simulator("kiosk-17", 7)
	if err != nil {
		t.Fatal(err)
	}
	at := now
	step := func(m protocol.Message) string {
		t.Helper()
		out := codectest.Step(t, sim, at, m)
		return send(t, out)
	}
	if sent := step(nil); !strings.HasPrefix(sent, "FF1704") || !sim.Deadline().Equal(at.Add(time.Second)) {
		t.Errorf("at first it sends %s until %v", sent, sim.Deadline())
	}
	at = at.Add(time.Second)
	if sent := step(nil); !strings.HasPrefix(sent, "FF1704") {
		t.Errorf("then it sends %s", sent)
	}
	if sent := step(&SetMode{Mode: ModeAnswer}); sent != "" || !sim.Deadline().IsZero() {
		t.Errorf("told to wait it sends %s until %v", sent, sim.Deadline())
	}
	reading := func(v int64) em.Observation {
		return em.Observation{Body: &em.AlcoholReading{Value: em.Decimal{Coef: v}, Unit: em.UnitRaw, Status: em.SampleOK}}
	}
	if err := sim.Report(reading(520), reading(0x1234)); err != nil || !sim.Deadline().Before(at) {
		t.Errorf("%v, it waits until %v", err, sim.Deadline())
	}
	if sent := step(nil); sent != "FF86000000000208"+"70 FF86000000001234"+"34" {
		t.Errorf("it sends %s", sent)
	}
	if sent := step(nil); sent != "" {
		t.Errorf("once more it sends %s", sent)
	}
	if sent := step(&Read{}); sent != "FF8600000000091A57" { // half of it is left
		t.Errorf("asked it sends %s", sent)
	}
	for _, o := range []em.Observation{
		{Stored: true, Body: reading(1).Body}, reading(-1), reading(65536),
		{Body: &em.AlcoholReading{Unit: em.UnitRaw, Status: em.SampleInvalid}}, {Body: &em.Alarm{}}, {},
	} {
		if err := sim.Report(reading(1), o); !errors.Is(err, protocol.ErrUnsupported) || sim.Deadline().Equal(time.Unix(0, 0)) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if sent := step(&SetMode{Mode: ModeUpload}); sent != "" || !sim.Deadline().Equal(at.Add(time.Second)) {
		t.Errorf("told to upload it sends %s until %v", sent, sim.Deadline())
	}
}

func TestMatch(t *testing.T) {
	for prefix, want := range map[string]protocol.Match{
		"": protocol.Maybe, "\xff": protocol.Maybe, "\xff\x86\x00\x00\x00\x00\x02\x08": protocol.Maybe, "\xff\x86\x00\x00\x00\x00\x02\x08\x70": protocol.Yes,
		"\xff\x86\x00\x00\x00\x00\x02\x08\x71": protocol.No, "\x86": protocol.No, "\xff\x86\x00\x00\x00\x00\x02\x08\x70x": protocol.Yes,
	} {
		if got := Device().Match([]byte(prefix)); got != want {
			t.Errorf("%x: %d, want %d", prefix, got, want)
		}
	}
}
