package gt06_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/gt06"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/checksum"
)

var now = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

// frame builds a frame around type, payload and serial, without the encoder.
func frame(long bool, body string) []byte {
	b, err := hex.DecodeString(body)
	if err != nil {
		panic(err)
	}
	n := len(b) + 2
	out := []byte{0x78, 0x78, byte(n)}
	if long {
		out = []byte{0x79, 0x79, byte(n >> 8), byte(n)}
	}
	out = append(out, b...)
	sum := checksum.X25(out[2:])
	return append(out, byte(sum>>8), byte(sum), 0x0D, 0x0A)
}

func decode(t *testing.T, b []byte) protocol.Message {
	t.Helper()
	m, err := gt06.Codec{RelaxedChecksum: true}.Decode(b)
	if err != nil {
		t.Fatalf("%x: %v", b, err)
	}
	return m
}

func loggedIn(t *testing.T) protocol.Session {
	t.Helper()
	s := gt06.Device().NewSession()
	if err := s.Handle(now, login(imei, 1), new(protocol.Output)); err != nil {
		t.Fatal(err)
	}
	return s
}

// handle returns the bytes that the session answers.
func handle(t *testing.T, s protocol.Session, m protocol.Message) (sent [][]byte, out protocol.Output, err error) {
	t.Helper()
	err = s.Handle(now, m, &out)
	for _, m := range out.Send {
		b, err := gt06.Codec{}.Append(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, b)
	}
	return sent, out, err
}

const gps = "1a030e09141e" + "c9" + "05de0713" + "02b6538e" + "12" + "150f"
const cell = "0001012a5101e240"

func TestAcknowledgements(t *testing.T) {
	tests := []struct {
		name string
		in   []byte
		want []byte // nil: silence
	}{
		{"login", frame(false, "01"+"0990000000000017"+"0001"), frame(false, "010001")},
		{"position", frame(false, "12"+gps+cell+"0102"), frame(false, "120102")},
		{"status", frame(false, "13"+"4606040002"+"0003"), frame(false, "130003")},
		{"alarm", frame(false, "26"+gps+"09"+cell+"4606041302"+"0004"), frame(false, "260004")},
		{"long position is acknowledged short", frame(true, "22"+gps+cell+"010000"+"0005"), frame(false, "220005")},
		{"info", frame(true, "94"+"0004e2"+"0006"), frame(false, "940006")},
		{"modular", frame(true, "70"+"0018"+"0002"+"0190"+"0007"), frame(false, "700007")},
		{"station", frame(true, "32"+"1a030e09141e"+"00"+"00"+"00"+"00"+"00"+"00"+"0008"), frame(true, "320008")},
		{"station alarm", frame(true, "33"+"1a030e09141e"+"00"+"00"+"00"+"00"+"00"+"00"+"0009"), frame(true, "330009")},
		{"short 0x32 is no station", frame(false, "32"+gps+"09"+cell+"4606040002"+"000a"), frame(false, "32000a")},
		{"multimedia, long", frame(true, "41"+"0102"+"000b"), frame(true, "41000b")},
		{"multimedia, short", frame(false, "41"+"0102"+"000c"), frame(false, "41000c")},
		{"unknown, short", frame(false, "7b"+"0102"+"000d"), frame(false, "7b000d")},
		{"unknown, long", frame(true, "7b"+"0102"+"000e"), nil},
		{"0x81", frame(false, "81"+"0102"+"000f"), nil},
		{"0x82", frame(true, "82"+"0102"+"000f"), nil},
		{"reply", frame(false, "15"+"05"+"00000007"+"41"+"0002"+"0010"), frame(false, "150010")},
		{"time", frame(false, "8a"+"0011"), frame(false, "8a"+"1a030e091a35"+"0011")},
		{"address", frame(false, "2a"+gps+cell+"0012"), frame(true, "97"+"0f"+"00000000"+"4e4126264e4126263023"+"23"+"0012")},
		{"wifi", mustHex("787800692603140920300" + "00d0a"), mustHex("7878006926031409203" + "00d0a")},
		{"bare position", mustHex("78781210" + gps + "0d0a"), mustHex("787800101a030e09141e0d0a")},
		{"bare login", mustHex("78780d010990000000000017340d0a"), mustHex("787801010d0a")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sent, _, err := handle(t, loggedIn(t), decode(t, tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == nil {
				if len(sent) != 0 {
					t.Fatalf("answered with %x, want silence", sent)
				}
				return
			}
			if len(sent) != 1 || !bytes.Equal(sent[0], tt.want) {
				t.Fatalf("answered with %x, want %x", sent, tt.want)
			}
		})
	}
}

// The worked value of the protocol's description.
func TestLoginAckOnTheWire(t *testing.T) {
	sent, _, err := handle(t, gt06.Device().NewSession(), login(imei, 1))
	if want := "787805010001d9dc0d0a"; err != nil || len(sent) != 1 || hex.EncodeToString(sent[0]) != want {
		t.Fatalf("answered with %x, %v, want %s", sent, err, want)
	}
}

func mustHex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func TestIdentity(t *testing.T) {
	position := decode(t, frame(false, "12"+gps+cell+"0002"))
	t.Run("data before the login is refused unanswered", func(t *testing.T) {
		s := gt06.Device().NewSession()
		sent, out, err := handle(t, s, position)
		if !errors.Is(err, protocol.ErrNoIdentity) || len(sent) != 0 || len(out.Observations) != 0 || s.Device() != "" {
			t.Fatalf("sent %x, observed %v, error %v", sent, out.Observations, err)
		}
	})
	t.Run("another IMEI is refused and the first stays", func(t *testing.T) {
		s := loggedIn(t)
		sent, out, err := handle(t, s, login("990000000000025", 2))
		if !errors.Is(err, protocol.ErrIdentity) || len(sent) != 0 || len(out.Observations) != 0 {
			t.Fatalf("sent %x, observed %v, error %v", sent, out.Observations, err)
		}
		if _, _, err := handle(t, s, position); err != nil || s.Device() != "gt06:"+imei {
			t.Fatalf("device %q, error %v", s.Device(), err)
		}
	})
	t.Run("the same IMEI again is answered", func(t *testing.T) {
		sent, _, err := handle(t, loggedIn(t), login(imei, 9))
		if err != nil || len(sent) != 1 {
			t.Fatalf("sent %x, error %v", sent, err)
		}
	})
	for _, bad := range []string{"", "99000000000001", "000000000000000", "99000000000001a"} {
		t.Run("IMEI "+bad, func(t *testing.T) {
			if _, _, err := handle(t, gt06.Device().NewSession(), login(bad, 1)); !errors.Is(err, protocol.ErrIdentity) {
				t.Fatalf("error %v", err)
			}
		})
	}
	t.Run("what the server sends is no device's", func(t *testing.T) {
		if _, _, err := handle(t, loggedIn(t), gt06.NewCommand(1, 2, "STATUS#")); !errors.Is(err, protocol.ErrUnsupported) {
			t.Fatalf("error %v", err)
		}
	})
}

func TestSequence(t *testing.T) {
	s := gt06.Device().NewSession()
	status := func(serial uint16) protocol.Message {
		return &gt06.Status{Header: gt06.Header{Code: 0x13, Serial: serial}}
	}
	steps := []struct {
		what string
		m    protocol.Message
		want uint64
	}{
		{"first", login(imei, 65530), 65530},
		{"next", status(65531), 65531},
		{"over the wrap", status(2), 65538},
		{"sent again, from before the wrap", status(65531), 65531},
		{"gap", status(1000), 66536},
		{"started anew without a login", status(1), 131073},
		{"next", status(2), 131074},
		{"started anew with a login, little behind", login(imei, 1), 196609},
		{"the same login again", login(imei, 1), 196609},
		{"next", status(2), 196610},
	}
	for _, step := range steps {
		_, out, err := handle(t, s, step.m)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range out.Observations {
			if !o.Seq.OK || o.Seq.V != step.want {
				t.Errorf("%s: sequence %v, want %d", step.what, o.Seq, step.want)
			}
		}
	}
}

// A frame that is sent again is the same observation, also under another serial.
func TestRepeatHasTheSameID(t *testing.T) {
	s := loggedIn(t)
	ids := func(serial string) (ids []em.ObservationID) {
		_, out, err := handle(t, s, decode(t, frame(false, "22"+gps+cell+"010001"+serial)))
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range out.Observations {
			ids = append(ids, o.Stamp(now).ID)
		}
		return ids
	}
	if a, b := ids("0002"), ids("0007"); !slices.Equal(a, b) || len(a) == 0 {
		t.Fatalf("IDs %v and %v", a, b)
	}
}

func TestMatch(t *testing.T) {
	good := frame(false, "01"+"0990000000000017"+"0001")
	bad := bytes.Clone(good)
	bad[5]++
	for _, tt := range []struct {
		name string
		in   []byte
		want protocol.Match
	}{
		{"nothing", nil, protocol.Maybe},
		{"half a header", good[:1], protocol.Maybe},
		{"half a frame", good[:9], protocol.Maybe},
		{"a login", good, protocol.Yes},
		{"a login and more", append(bytes.Clone(good), 'x'), protocol.Yes},
		{"a wrong check code", bad, protocol.Maybe},
		{"other text", []byte("GET /"), protocol.No},
		{"mixed header", []byte{0x78, 0x79, 5}, protocol.No},
	} {
		if got := gt06.Device().Match(tt.in); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// TestAllocations pins the hot path: one message is one allocation.
func TestAllocations(t *testing.T) {
	var codec gt06.Codec
	for name, b := range map[string][]byte{
		"0x12": frame(false, "12"+gps+cell+"0002"),
		"0x22": frame(false, "22"+gps+cell+"010000"+"0002"),
		"0x26": frame(false, "26"+gps+"09"+cell+"4606041302"+"0002"),
	} {
		n := testing.AllocsPerRun(200, func() {
			if _, err := codec.Decode(b); err != nil {
				t.Fatal(err)
			}
		})
		if n > 1 {
			t.Errorf("Decode of %s: %v allocations, want one", name, n)
		}
		if n := testing.AllocsPerRun(200, func() { codec.Split(b) }); n != 0 {
			t.Errorf("Split of %s: %v allocations, want none", name, n)
		}
	}
	s, position := loggedIn(t), decode(t, frame(false, "22"+gps+cell+"010000"+"0002"))
	var out protocol.Output
	if n := testing.AllocsPerRun(200, func() {
		out.Reset()
		if err := s.Handle(time.Time{}, position, &out); err != nil {
			t.Fatal(err)
		}
	}); n > 6 || len(out.Observations) != 3 { // a body each, the list of the cell, that of the fields, the acknowledgement
		t.Errorf("Handle of a position: %v allocations for %d observations, want 6 for 3", n, len(out.Observations))
	}
	ack := &gt06.Ack{Header: gt06.Header{Code: 0x12, Serial: 7}}
	buf := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(200, func() { codec.Append(buf, ack) }); n != 0 {
		t.Errorf("Append of an ack: %v allocations, want none", n)
	}
}

func TestSplit(t *testing.T) {
	good := frame(false, "13"+"4606040002"+"0003")
	cut := good[:9] // then the next frame comes
	wrongLength := bytes.Clone(good)
	wrongLength[2] = 8
	for _, tt := range []struct {
		name  string
		in    []byte
		frame []byte
		n     int
		junk  bool
	}{
		{"nothing", nil, nil, 0, false},
		{"incomplete", good[:14], nil, 0, false},
		{"whole", good, good, 15, false},
		{"two", slices.Concat(good, good), good, 15, false},
		{"junk", slices.Concat([]byte("ab\x78c"), good), nil, 4, true},
		{"junk that may be a header's half", []byte("abx"), nil, 2, true},
		{"cut frame before a good one", slices.Concat(cut, good), nil, 9, true},
		{"wrong length", slices.Concat(wrongLength, good), wrongLength, 15, false},
		{"length beyond the bound", slices.Concat([]byte("yy\xff\xff\x13"), good), nil, 5, true},
		{"no end", append([]byte("xx\x05\x13"), make([]byte, 100)...), nil, 0, false},
	} {
		f, n, err := gt06.Codec{}.Split(tt.in)
		if !bytes.Equal(f, tt.frame) || n != tt.n || errors.Is(err, protocol.ErrJunk) != tt.junk {
			t.Errorf("%s: frame %x, %d, %v; want %x, %d", tt.name, f, n, err, tt.frame, tt.n)
		}
	}
}

func TestDissectNotes(t *testing.T) {
	b := frame(false, "01"+"0990000000000017"+"0001")
	find := func(b []byte, name string) string {
		_, spans, _ := gt06.Codec{}.Dissect(b)
		for _, s := range spans {
			if s.Name == name {
				return s.Value + " " + s.Note
			}
		}
		return "no such field"
	}
	if got, want := find(b, "crc"), "0xD9D4 OK   CRC-16/X-25"; got != want {
		t.Errorf("note %q, want %q", got, want)
	}
	b[15]++
	if got, want := find(b, "crc"), "0xD9D5 WRONG, expected 0xD9D4   CRC-16/X-25"; got != want {
		t.Errorf("note %q, want %q", got, want)
	}
	var sum *protocol.ChecksumError
	if _, err := (gt06.Codec{}).Decode(b); !errors.As(err, &sum) || sum.Offset != 14 || sum.Found != 0xD9D5 || sum.Expected != 0xD9D4 {
		t.Errorf("error %v", err)
	}
	m, err := gt06.Codec{RelaxedChecksum: true}.Decode(b)
	if l, ok := m.(*gt06.Login); err != nil || !ok || !l.BadCheck {
		t.Errorf("relaxed: %+v, %v", m, err)
	}
}

func TestAppendRefuses(t *testing.T) {
	head := func(c byte) gt06.Header { return gt06.Header{Code: c, Serial: 1} }
	position := func(f func(*gt06.Position)) *gt06.Position {
		p := decode(t, frame(false, "22"+gps+cell+"010000"+"0002")).(*gt06.Position)
		f(p)
		return p
	}
	for name, m := range map[string]protocol.Message{
		"login without IMEI":             login("", 1),
		"command that is too long":       gt06.NewCommand(1, 1, string(make([]byte, 252))),
		"reply that is too long":         &gt06.Reply{Header: head(0x15), Text: string(make([]byte, 252))},
		"reply of another type":          &gt06.Reply{Header: head(0x21)},
		"position as long as a variant":  position(func(p *gt06.Position) { p.Tail = make([]byte, 13) }),
		"position of a variant":          position(func(p *gt06.Position) { p.Firmware = gt06.FirmwareS5 }),
		"position without its cell":      position(func(p *gt06.Position) { p.Cell.OK = false }),
		"position with a wide cell":      position(func(p *gt06.Position) { p.Cell.V.CID = 1 << 24 }),
		"position of no position's type": position(func(p *gt06.Position) { p.Code = 0x13 }),
		"scan":                           &gt06.Scan{Header: head(0x28)},
		"raw that is no frame":           &protocol.Raw{Code: "0x7B", Data: []byte{1}},
		"raw that is two frames":         &protocol.Raw{Code: "0x7B", Data: slices.Repeat(frame(false, "7b010002"), 2)},
		"ack of a time request":          &gt06.Ack{Header: head(0x8A)},
		"bare status":                    &gt06.Status{Header: gt06.Header{Code: 0x13, Bare: true}},
	} {
		b, err := gt06.Codec{}.Append([]byte("x"), m)
		if !errors.Is(err, protocol.ErrUnsupported) || string(b) != "x" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}
