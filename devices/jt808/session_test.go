package jt808_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/jt808"
	"github.com/sargas-em/em/protocol"
)

var now = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

// frame composes a frame of the device from type, serial and body, independently
// of the codec.
func frame(code, serial uint16, body string) []byte {
	b, _ := hex.DecodeString(body)
	content := append([]byte{byte(code >> 8), byte(code), 0, byte(len(b)), 0x99, 0, 0, 0, 0, 0x17, byte(serial >> 8), byte(serial)}, b...)
	x := byte(0)
	for _, c := range content {
		x ^= c
	}
	return append(append([]byte{0x7E}, append(content, x)...), 0x7E)
}

// say hands a frame to a session and returns what it sees and sends.
func say(t *testing.T, s protocol.Session, b []byte) (obs []em.Observation, sent []string, err error) {
	t.Helper()
	m, err := jt808.Codec{}.Decode(b)
	if err != nil {
		t.Fatalf("%x: %v", b, err)
	}
	return tell(t, s, m)
}

func tell(t *testing.T, s protocol.Session, m protocol.Message) (obs []em.Observation, sent []string, err error) {
	t.Helper()
	var out protocol.Output
	err = s.Handle(now, m, &out)
	for _, m := range out.Send {
		b, err := jt808.Codec{}.Append(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, hex.EncodeToString(b))
	}
	return out.Observations, sent, err
}

const report = "00000000" + "00000002" + "034275b5" + "0181bca4" + "0070" + "00b4" + "010f" + "260314172653"

// The answers were put together by hand; each session numbers its own from 0.
func TestAnswers(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   []byte
		want string // "" for none
	}{
		{"register", frame(0x0100, 1, strings.Repeat("00", 37)), "7e8100000f9900000000170000000100393930303030303030303137077e"},
		{"authenticate", frame(0x0102, 2, "3939"), "7e80010005990000000017000000020102000b7e"},
		{"heartbeat", frame(0x0002, 3, ""), "7e80010005990000000017000000030002000b7e"},
		{"logout", frame(0x0003, 3, ""), "7e80010005990000000017000000030003000a7e"},
		{"location", frame(0x0200, 7, report), "7e80010005990000000017000000070200000f7e"},
		{"batch", frame(0x0704, 8, "000000"), "7e8001000599000000001700000008070400017e"},
		{"transparent", frame(0x0900, 9, "f0"), "7e80010005990000000017000000090900000a7e"},
		{"time request", frame(0x0109, 10, ""), "7e81090007990000000017000007ea030e091a35c77e"},
		{"server time request", frame(0x0004, 12, ""), "7e800400069900000000170000260314092653417e"},
		{"media event", frame(0x0800, 13, "0000004d00000201"), "7e800100059900000000170000000d0800000f7e"},
		{"media", frame(0x0801, 14, "0000004d000002010000000000000002034275e00181bcd4007000b4010f260314172653ffd8ffd9"), "7e8800000499000000001700000000004d4f7e"},
		{"CAN data", frame(0x0705, 15, "0000"), "7e800100059900000000170000000f070500077e"},
		{"unknown", frame(0x0F01, 11, "00"), "7e800100059900000000170000000b0f01030c7e"},
		{"terminal reply", frame(0x0001, 12, "0000810500"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, sent, err := say(t, jt808.Device().NewSession(), tt.in)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{tt.want}
			if tt.want == "" {
				want = nil
			}
			if !slices.Equal(sent, want) {
				t.Errorf("sent %v, want %v", sent, want)
			}
		})
	}
}

// The worked reply of the source: serial 7 of 013511221122, where the platform's
// own number is 7 too.
func TestWorkedReply(t *testing.T) {
	s := jt808.Device().NewSession()
	var sent []string
	for serial := range uint16(8) {
		m := &jt808.Location{Header: jt808.Header{Code: 0x0200, ID: "013511221122", Serial: serial}}
		var err error
		if _, sent, err = tell(t, s, m); err != nil {
			t.Fatal(err)
		}
	}
	if want := "7e8001000501351122112200070007020000b27e"; len(sent) != 1 || sent[0] != want {
		t.Errorf("sent %v, want %s", sent, want)
	}
}

// A compact report is answered with 4401, and only where it asks.
func TestCompactAnswer(t *testing.T) {
	for _, confirm := range []bool{false, true} {
		m := &jt808.Compact{Header: jt808.Header{Code: 0x5502, ID: terminal, Serial: 9, Confirm: confirm}}
		_, sent, err := tell(t, jt808.Device().NewSession(), m)
		want := []string{"7e44010003990000000017005502009f7e"}
		if !confirm {
			want = nil
		}
		if err != nil || !slices.Equal(sent, want) {
			t.Errorf("confirm %t: sent %v, %v, want %v", confirm, sent, err, want)
		}
	}
}

// Answers take the form of the frame that they answer.
func TestAnswerForm(t *testing.T) {
	for _, tt := range []struct{ identity, want string }{
		{"00000000990000000017", "7e80014005010000000099000000001700000001000200487e"},
		{"99000000000017", "e780010005990000000000170000000100020009e7"},
		{"990000000000010", "7e800100055a0a3bd5300100000001000200087e"},
	} {
		h, err := jt808.NewHeader(tt.identity, 1)
		if err != nil {
			t.Fatal(err)
		}
		s := jt808.Device().NewSession()
		_, sent, err := tell(t, s, &jt808.Heartbeat{Header: func() jt808.Header { h.Code = 2; return h }()})
		if err != nil || len(sent) != 1 || sent[0] != tt.want {
			t.Errorf("%s: sent %v, %v, want %s", tt.identity, sent, err, tt.want)
		}
		if id := s.Device(); id != em.DeviceID("jt808:"+tt.identity) {
			t.Errorf("the device is %q", id)
		}
	}
}

func TestNewHeader(t *testing.T) {
	for _, bad := range []string{"", "0", "000000000000", "99000000001", "99000000001x", "990000000000017", "9900000000000000017"} {
		if h, err := jt808.NewHeader(bad, 1); !errors.Is(err, protocol.ErrIdentity) {
			t.Errorf("NewHeader(%q) = %+v, %v", bad, h, err)
		}
	}
}

func TestIdentity(t *testing.T) {
	s := jt808.Device().NewSession()
	beat := func(id string) error {
		_, _, err := tell(t, s, &jt808.Heartbeat{Header: jt808.Header{Code: 2, ID: id}})
		return err
	}
	for _, bad := range []string{"000000000000", "ffffffffffff", "9900000000000000001f"} {
		if err := beat(bad); !errors.Is(err, protocol.ErrIdentity) || s.Device() != "" {
			t.Errorf("%s: %v, the device is %q", bad, err, s.Device())
		}
	}
	if err := beat(terminal); err != nil {
		t.Fatal(err)
	}
	if err := beat("990000000018"); !errors.Is(err, protocol.ErrIdentity) || s.Device() != "jt808:"+terminal {
		t.Errorf("another terminal: %v, the device is %q", err, s.Device())
	}
}

func TestAuthentication(t *testing.T) {
	device, err := jt808.New(jt808.Config{
		RequireAuth: true,
		AuthCode:    func(id em.DeviceID) string { return map[em.DeviceID]string{"jt808:" + terminal: "secret"}[id] },
		Accept:      func(_ em.DeviceID, m *jt808.Register) bool { return m.Terminal == "known" },
	})
	if err != nil {
		t.Fatal(err)
	}
	s := device.NewSession()
	head := func(code uint16) jt808.Header { return jt808.Header{Code: code, ID: terminal} }
	last := func(m protocol.Message) (protocol.Message, error) {
		var out protocol.Output
		err := s.Handle(now, m, &out)
		if len(out.Send) != 1 {
			t.Fatalf("%s is answered with %v", m.Type(), out.Send)
		}
		return out.Send[0], err
	}
	result := func(m protocol.Message) (uint8, error) {
		a, err := last(m)
		return a.(*jt808.Reply).Result, err
	}
	if r, err := result(&jt808.Heartbeat{Header: head(2)}); r != jt808.ResultFailed || !errors.Is(err, protocol.ErrNoIdentity) {
		t.Errorf("before the authentication: result %d, %v", r, err)
	}
	for terminal, want := range map[string]string{"known": "secret", "stranger": ""} {
		a, err := last(&jt808.Register{Header: head(0x100), Edition: 2013, Terminal: terminal})
		if r := a.(*jt808.RegisterReply); err != nil || r.AuthCode != want || (r.Result == jt808.ResultOK) != (want != "") {
			t.Errorf("the %s is answered with %+v, %v", terminal, r, err)
		}
	}
	for _, step := range []struct {
		code   string
		result uint8
		err    error
	}{{"guess", jt808.ResultFailed, protocol.ErrIdentity}, {"secret", jt808.ResultOK, nil}} {
		r, err := result(&jt808.Authenticate{Header: head(0x102), AuthCode: step.code})
		if r != step.result || !errors.Is(err, step.err) {
			t.Errorf("code %q: result %d, %v", step.code, r, err)
		}
	}
	if r, err := result(&jt808.Heartbeat{Header: head(2)}); r != jt808.ResultOK || err != nil {
		t.Errorf("after the authentication: result %d, %v", r, err)
	}
}

// A padlock's alarm bits are not the standard's. Its model is in its
// registration, or known to the center.
func TestPadlock(t *testing.T) {
	kinds := func(s protocol.Session) (list []string) {
		m := &jt808.Location{Header: jt808.Header{Code: 0x200, ID: terminal}, Report: jt808.Report{Alarm: 1<<0 | 1<<1 | 1<<4}}
		obs, _, err := tell(t, s, m)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range obs {
			switch b := o.Body.(type) {
			case *em.Tamper:
				list = append(list, string(b.What))
			case *em.Alarm:
				list = append(list, string(b.What))
			}
		}
		return list
	}
	s := jt808.Device().NewSession()
	if got := kinds(s); !slices.Equal(got, []string{"sos", "overspeed", "other"}) {
		t.Errorf("the standard's bits are %v", got)
	}
	if _, _, err := tell(t, s, &jt808.Register{Header: jt808.Header{Code: 0x100, ID: terminal}, Edition: 2013, Model: "G-508P"}); err != nil {
		t.Fatal(err)
	}
	want := []string{"removal", "other"} // bits 0 and 4 say the same
	if got := kinds(s); !slices.Equal(got, want) {
		t.Errorf("after a registration the bits are %v, want %v", got, want)
	}
	device, err := jt808.New(jt808.Config{Model: func(em.DeviceID) string { return "G-360P" }})
	if err != nil {
		t.Fatal(err)
	}
	if got := kinds(device.NewSession()); !slices.Equal(got, want) {
		t.Errorf("of a configured model the bits are %v, want %v", got, want)
	}
}

func TestLead(t *testing.T) {
	device, err := jt808.New(jt808.Config{Lead: em.Some(time.Duration(0))})
	if err != nil {
		t.Fatal(err)
	}
	obs, _, err := say(t, device.NewSession(), frame(0x0200, 1, report))
	if err != nil || !obs[0].DeviceAt.Equal(time.Date(2026, 3, 14, 17, 26, 53, 0, time.UTC)) {
		t.Errorf("with a clock in UTC the report is of %v, %v", obs[0].DeviceAt, err)
	}
	if _, err := jt808.New(jt808.Config{Lead: em.Some(15 * time.Hour)}); err == nil {
		t.Error("a lead of 15 hours is accepted")
	}
}

// part is one part of a batch.
func part(code, serial, total, index uint16, data []byte) *jt808.Part {
	return &jt808.Part{Header: jt808.Header{Code: code, ID: terminal, Serial: serial, Total: total, Index: index}, Data: data}
}

func TestParts(t *testing.T) {
	one, _ := hex.DecodeString("001c" + report)
	whole := slices.Concat([]byte{0, 3, 1}, one, one, one)
	cut := [][]byte{whole[:40], whole[40:60], whole[60:]}
	for _, tt := range []struct {
		name  string
		order []uint16
	}{
		{"in order", []uint16{1, 2, 3}},
		{"backwards", []uint16{3, 2, 1}},
		{"one twice", []uint16{2, 2, 1, 3}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := jt808.Device().NewSession()
			for i, n := range tt.order {
				obs, sent, err := tell(t, s, part(0x0704, 65_533+n, 3, n, cut[n-1])) // the numbers wrap
				if err != nil || len(sent) != 1 {
					t.Fatalf("part %d: sent %v, %v", n, sent, err)
				}
				if last := i == len(tt.order)-1; last != (len(obs) == 6) || last && !obs[5].Stored {
					t.Errorf("after part %d there are %d observations", n, len(obs))
				}
			}
			if !s.Deadline().IsZero() {
				t.Errorf("the session waits until %v", s.Deadline())
			}
		})
	}
}

// Missing parts are asked for three times; then the message is given up.
func TestMissingParts(t *testing.T) {
	s := jt808.Device().NewSession()
	if _, _, err := tell(t, s, part(0x0704, 100, 4, 2, []byte{1})); err != nil {
		t.Fatal(err)
	}
	for try := range 4 {
		at := s.Deadline()
		if want := now.Add(time.Duration(try+1) * 10 * time.Second); !at.Equal(want) {
			t.Fatalf("try %d is at %v, want %v", try, at, want)
		}
		var out protocol.Output
		err := s.Wake(at, &out)
		if try == 3 {
			if !errors.Is(err, jt808.ErrParts) || !errors.Is(err, protocol.ErrMalformed) || len(out.Send) != 0 || !s.Deadline().IsZero() {
				t.Errorf("at last: %v, sent %v, deadline %v", err, out.Send, s.Deadline())
			}
			return
		}
		m, ok := out.Send[0].(*jt808.Resend)
		if err != nil || !ok || m.Header.Code != 0x8003 || m.First != 99 || !slices.Equal(m.Parts, []uint16{1, 3, 4}) {
			t.Fatalf("asked %+v, %v", out.Send[0], err)
		}
	}
}

// What one conversation keeps of messages in parts is bounded.
func TestPartsAreBounded(t *testing.T) {
	full := bytes.Repeat([]byte{0xAA}, 1023)
	refused := func(s protocol.Session, m *jt808.Part) {
		t.Helper()
		var out protocol.Output
		err := s.Handle(now, m, &out)
		if !errors.Is(err, jt808.ErrParts) || len(out.Send) != 1 || out.Send[0].(*jt808.Reply).Result != jt808.ResultFailed {
			t.Errorf("part %d of %d: %v, sent %v", m.Index, m.Total, err, out.Send)
		}
	}
	t.Run("bytes", func(t *testing.T) {
		s := jt808.Device().NewSession()
		n := uint16(1)
		for ; int(n)*len(full) <= 64<<10; n++ {
			if _, _, err := tell(t, s, part(0x0704, n, 255, n, full)); err != nil {
				t.Fatal(err)
			}
		}
		refused(s, part(0x0704, n, 255, n, full))
		if !s.Deadline().IsZero() {
			t.Error("a message that is too long is kept")
		}
	})
	t.Run("messages", func(t *testing.T) {
		s := jt808.Device().NewSession()
		for i := range uint16(4) {
			if _, _, err := tell(t, s, part(0x0704, 100*i, 2, 1, full)); err != nil {
				t.Fatal(err)
			}
		}
		refused(s, part(0x0704, 1000, 2, 1, full))
	})
	t.Run("parts", func(t *testing.T) {
		refused(jt808.Device().NewSession(), part(0x0704, 1, 256, 1, full))
		refused(jt808.Device().NewSession(), part(0x0704, 1, 2, 0, full))
	})
	t.Run("a type that is not put together", func(t *testing.T) {
		obs, sent, err := tell(t, jt808.Device().NewSession(), part(0x0F01, 1, 2, 1, full[:3]))
		if err != nil || len(sent) != 1 || len(obs) != 1 {
			t.Errorf("seen %v, sent %v, %v", obs, sent, err)
		}
	})
	t.Run("a whole that does not read", func(t *testing.T) {
		refused(jt808.Device().NewSession(), part(0x0704, 1, 1, 1, []byte{0, 9, 1}))
	})
}

// Within the standard's framing junk costs no frame.
func TestResync(t *testing.T) {
	good := frame(0x0200, 7, report)
	for n := range len(good) {
		for name, junk := range map[string][]byte{
			"its beginning":  good[:n],
			"its end":        good[n:],
			"letters":        bytes.Repeat([]byte("x"), n),
			"flags":          bytes.Repeat([]byte{0x7E}, n),
			"other flags":    bytes.Repeat([]byte{0xE7}, n),
			"E7 and letters": append([]byte{0xE7}, bytes.Repeat([]byte("x"), n)...),
			"E7 and a type":  append([]byte{0xE7, 0, 2, 0, 0}, bytes.Repeat([]byte("x"), n)...),
			"an open line":   append([]byte("("), bytes.Repeat([]byte("x"), n)...),
			"a broken frame": append(good[:n:n], append([]byte{good[n] ^ 0x10}, good[n+1:]...)...),
		} {
			s := protocol.NewSplitter(jt808.Device())
			s.Write(slices.Concat(junk, good))
			found := 0
			for {
				f, _, ok, err := s.Next()
				if !ok && err == nil {
					break
				}
				if bytes.Equal(f, good) {
					found++
				}
			}
			if found < 1 {
				t.Errorf("after %s of %d bytes the frame is not found", name, n)
			}
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	h := jt808.Header{ID: terminal}
	wide := h
	wide.Version = em.Some[uint8](1)
	for name, m := range map[string]protocol.Message{
		"another type":               &jt808.Heartbeat{Header: jt808.Header{Code: 3, ID: terminal}},
		"no number":                  &jt808.Heartbeat{},
		"a number in capitals":       &jt808.Heartbeat{Header: jt808.Header{ID: "4EB6FB4AFD9E"}},
		"a short number for 2019":    &jt808.Heartbeat{Header: wide},
		"a long body":                &jt808.Text{Header: h, Text: strings.Repeat("x", 1023)},
		"text outside GBK":           &jt808.Text{Header: h, Text: "ž"},
		"a kind of 2019":             &jt808.Text{Header: h, Kind: 1},
		"a cut item":                 &jt808.Location{Header: h, Report: jt808.Report{Items: jt808.Items{1, 4, 0}}},
		"a long value":               &jt808.Parameters{Header: h, List: []jt808.Parameter{{Value: make([]byte, 256)}}},
		"a long maker":               &jt808.Register{Header: h, Edition: 2013, Maker: "123456"},
		"a register of no edition":   &jt808.Register{Header: h, Edition: 1999},
		"2011 with a long plate":     &jt808.Register{Header: h, Edition: 2011, Plate: "123456789012"},
		"encryption":                 &jt808.Heartbeat{Header: jt808.Header{ID: terminal, Encryption: 1}},
		"a compact report":           &jt808.Compact{Header: jt808.Header{Code: 0x5501, ID: terminal}},
		"a long serial":              &jt808.CompactReply{Header: jt808.Header{ID: terminal, Serial: 256}},
		"an IMEI without its header": &jt808.Authenticate{Header: h, IMEI: "990000000000017"},
		"a broken report":            &jt808.Batch{Header: h, Broken: []jt808.BrokenReport{{}}},
		"a line without its mark":    &jt808.Base{Text: "hello"},
		"a line with parentheses":    &jt808.Base{Text: "a),BASE,2,TIME"},
		"a Raw of a known type":      &protocol.Raw{Data: frame(0x0002, 1, "")},
	} {
		b, err := jt808.Codec{}.Append([]byte("x"), m)
		if !errors.Is(err, protocol.ErrUnsupported) || string(b) != "x" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

// A registration, an alarm, and the answers.
func Example() {
	stream := slices.Concat(frame(0x0102, 1, "39393030"), frame(0x0200, 2, "00010000"+report[8:]+"d4014b"))
	device := jt808.Device()
	session := device.NewSession()
	decoder := protocol.NewDecoder(bytes.NewReader(stream), device)
	var out protocol.Output
	for {
		f, err := decoder.Next()
		if err != nil {
			break // io.EOF
		}
		out.Reset()
		if err := session.Handle(now, f.Message, &out); err != nil {
			fmt.Println(err)
		}
		for _, o := range out.Observations {
			o = o.Stamp(now)
			switch b := o.Body.(type) {
			case *em.Comms:
				fmt.Println(o.Device, b.Event)
			case *em.Fix:
				fmt.Printf("%s at %.4f, %.4f\n", o.At.Format(time.TimeOnly), b.Lat, b.Lng)
			case *em.Tamper:
				fmt.Println("tamper,", b.Code)
			case *em.Power:
				fmt.Printf("battery %.0f %%\n", 100*b.Level.V)
			}
		}
		for _, m := range out.Send {
			b, _ := device.Codec.Append(nil, m)
			fmt.Printf("answer %x\n", b)
		}
	}
	// Output:
	// jt808:990000000017 login
	// answer 7e8001000599000000001700000001010200087e
	// 09:26:53 at 54.6872, 25.2797
	// tamper, alarm bit 16
	// battery 75 %
	// answer 7e80010005990000000017000100020200000b7e
}

// A command goes out under the device's own number.
func ExampleNewHeader() {
	h, err := jt808.NewHeader("990000000017", 5)
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := jt808.Codec{}.Append(nil, &jt808.Control{Header: h, Command: 4})
	fmt.Printf("%x %v\n", b, err)
	// Output: 7e810500019900000000170005040a7e <nil>
}
