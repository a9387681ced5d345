// Package sample is the smallest complete dialect: a template for new ones, and
// what the tests of package protocol and of those around it talk. No device
// speaks it.
//
// A frame is a line of text under an XOR of the bytes between "#" and "*":
//
//	#pos,990000000000017,1773480413,54.687157,25.279652,0*4F␍␊    a position; 1: from memory
//	#strap,990000000000017,1773480413,1*47␍␊                      the strap: 1 open, 0 closed
//	#alive,990000000000017*6D␍␊                                   a sign of life, without a time
//	#ack,1773480413*4D␍␊                                          the center has it (0 for no time)
//	#do,7,locate*2C␍␊                                             a command of that number
//	#done,990000000000017,7,1*1C␍␊                                its answer; 1: done, 0: refused
package sample

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/checksum"
	"github.com/sargas-em/em/protocol/wire"
)

// Messages of the dialect.
type (
	// Pos is a position.
	Pos struct {
		Identity string
		At       int64 // Unix seconds
		Lat, Lng float64
		Stored   bool
	}
	// Strap is a change of the strap.
	Strap struct {
		Identity string
		At       int64
		Open     bool
	}
	// Alive is a sign of life.
	Alive struct{ Identity string }
	// Ack confirms the message of that time.
	Ack struct{ At int64 }
	// Do is a command.
	Do struct {
		Number int64
		What   string
	}
	// Done answers a Do.
	Done struct {
		Identity string
		Number   int64
		OK       bool
	}
)

// Type names the message as the wire does.
func (*Pos) Type() string   { return "pos" }
func (*Strap) Type() string { return "strap" }
func (*Alive) Type() string { return "alive" }
func (*Ack) Type() string   { return "ack" }
func (*Do) Type() string    { return "do" }
func (*Done) Type() string  { return "done" }

const maxFrame = 128

// Device returns the dialect.
func Device() protocol.Device {
	return protocol.Device{
		Name: "sample", Title: "Sample dialect",
		Codec: Codec{}, Relaxed: Codec{Relaxed: true}, MaxFrame: maxFrame,
		Serial: true, BaudRate: 9600,
		Sessions:  func(protocol.SessionConfig) protocol.Session { return new(session) },
		Simulator: newSimulator,
		Commands:  []protocol.CommandKind{protocol.CommandLocate, protocol.CommandShow, protocol.CommandVendor},
		Match: func(prefix []byte) protocol.Match {
			switch {
			case len(prefix) == 0:
				return protocol.Maybe
			case prefix[0] == '#':
				return protocol.Yes
			}
			return protocol.No
		},
	}
}

// Codec is the wire format.
type Codec struct {
	Relaxed bool // take frames with a wrong checksum
}

// Split finds a line from "#" to its end. A second "#" starts anew: what was
// before it lost its end.
func (Codec) Split(b []byte) ([]byte, int, error) {
	switch i := bytes.IndexByte(b, '#'); {
	case len(bytes.TrimLeft(b, "\r\n")) < len(b):
		return nil, len(b) - len(bytes.TrimLeft(b, "\r\n")), nil
	case i < 0:
		return nil, len(b), protocol.ErrJunk
	case i > 0:
		return nil, i, protocol.ErrJunk
	}
	end := bytes.IndexByte(b, '\n')
	if again := bytes.IndexByte(b[1:], '#'); again >= 0 && (end < 0 || again+1 < end) {
		return nil, again + 1, protocol.ErrJunk
	}
	if end < 0 {
		return nil, 0, nil
	}
	return b[:end+1], end + 1, nil
}

// Decode reads one line.
func (c Codec) Decode(frame []byte) (protocol.Message, error) {
	f := wire.New(frame)
	m := c.read(&f, frame)
	if err := f.Err(); err != nil {
		var sum *protocol.ChecksumError
		if errors.As(err, &sum) {
			err = sum
		}
		return nil, err
	}
	return m, nil
}

// Dissect reads one line and tells its fields.
func (c Codec) Dissect(frame []byte) (protocol.Message, []wire.Span, error) {
	m, err := c.Decode(frame)
	return m, frames().Dissect(frame), err
}

func (c Codec) read(f *wire.Cursor, frame []byte) protocol.Message {
	f.Expect("#", "start")
	star := bytes.LastIndexByte(frame, '*')
	outer := f.Limit(star-1, "body")
	typ := f.Field(',', "type")
	var m protocol.Message
	switch string(typ) {
	case "pos":
		p := &Pos{Identity: string(f.Field(',', "identity")), At: number(f, "time")}
		p.Lat, p.Lng = degrees(f, "latitude", 90), degrees(f, "longitude", 180)
		p.Stored = flag(f, "stored")
		m = p
	case "strap":
		m = &Strap{string(f.Field(',', "identity")), number(f, "time"), flag(f, "open")}
	case "alive":
		m = &Alive{string(f.Field(',', "identity"))}
	case "ack":
		m = &Ack{number(f, "time")}
	case "do":
		m = &Do{number(f, "number"), string(f.Field(',', "what"))}
	case "done":
		m = &Done{string(f.Field(',', "identity")), number(f, "number"), flag(f, "ok")}
	default:
		m = &protocol.Raw{Code: string(typ), Data: bytes.Clone(f.Rest("data"))}
	}
	if f.Len() > 0 {
		f.Fail("end of body", fmt.Errorf("%w: more fields than a %s has", wire.ErrValue, typ))
	}
	f.Restore(outer)
	f.Expect("*", "star")
	code := f.Text(2, "checksum")
	f.Expect("\r\n", "end")
	if f.Err() == nil {
		want := checksum.Xor8(frame[1:star])
		if code != fmt.Sprintf("%02X", want) && !c.Relaxed {
			found, err := strconv.ParseUint(code, 16, 8)
			if err != nil {
				f.FailAt("checksum", star+1, fmt.Errorf("%w: %q", wire.ErrValue, code))
			}
			f.FailAt("checksum", star+1, &protocol.ChecksumError{Algorithm: "XOR-8", Offset: star + 1, Found: uint32(found), Expected: uint32(want)})
		}
	}
	if f.Err() == nil && f.Len() > 0 {
		f.Fail("end", wire.ErrValue)
	}
	return m
}

func number(f *wire.Cursor, name string) int64 {
	at := f.Pos()
	v, err := strconv.ParseInt(string(f.Field(',', name)), 10, 40)
	if err != nil || v < 0 {
		f.FailAt(name, at, wire.ErrValue)
	}
	return v
}

func degrees(f *wire.Cursor, name string, most float64) float64 {
	at := f.Pos()
	v, err := strconv.ParseFloat(string(f.Field(',', name)), 64)
	if err != nil || !(v >= -most && v <= most) {
		f.FailAt(name, at, wire.ErrValue)
		return 0
	}
	return v
}

func flag(f *wire.Cursor, name string) bool {
	at := f.Pos()
	s := string(f.Field(',', name))
	if s != "0" && s != "1" {
		f.FailAt(name, at, wire.ErrValue)
	}
	return s == "1"
}

// Append writes one line.
func (Codec) Append(dst []byte, m protocol.Message) ([]byte, error) {
	var body string
	switch m := m.(type) {
	case *Pos:
		body = fmt.Sprintf("pos,%s,%d,%.6f,%.6f,%s", m.Identity, m.At, m.Lat, m.Lng, digit(m.Stored))
	case *Strap:
		body = fmt.Sprintf("strap,%s,%d,%s", m.Identity, m.At, digit(m.Open))
	case *Alive:
		body = "alive," + m.Identity
	case *Ack:
		body = fmt.Sprintf("ack,%d", m.At)
	case *Do:
		body = fmt.Sprintf("do,%d,%s", m.Number, m.What)
		if bytes.ContainsRune([]byte(m.What), ',') {
			return dst, fmt.Errorf("sample: %q: %w", body, protocol.ErrUnsupported)
		}
	case *Done:
		body = fmt.Sprintf("done,%s,%d,%s", m.Identity, m.Number, digit(m.OK))
	default:
		return dst, fmt.Errorf("sample: %T: %w", m, protocol.ErrUnsupported)
	}
	if bytes.ContainsAny([]byte(body), "#*\r\n") || len(body) > maxFrame-6 {
		return dst, fmt.Errorf("sample: %q: %w", body, protocol.ErrUnsupported)
	}
	return fmt.Appendf(dst, "#%s*%02X\r\n", body, checksum.Xor8([]byte(body))), nil
}

func digit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// session is the center's side: it answers every message and hangs up after
// five minutes of silence.
type session struct {
	device   em.DeviceID
	heard    time.Time
	commands int64 // sent
}

// Command makes a Do; a show is not answered.
func (s *session) Command(_ time.Time, c protocol.Command) (protocol.Order, error) {
	if s.device == "" {
		return protocol.Order{}, fmt.Errorf("sample: command: %w", protocol.ErrNoIdentity)
	}
	n := s.commands + 1
	do := &Do{n, string(c.Kind)}
	o := protocol.Order{Send: []protocol.Message{do}}
	switch c.Kind {
	case protocol.CommandLocate:
	case protocol.CommandShow:
		s.commands = n
		return o, nil
	case protocol.CommandVendor:
		do.What = c.Text
	default:
		return protocol.Order{}, fmt.Errorf("sample: command %q: %w", c.Kind, protocol.ErrUnsupported)
	}
	s.commands = n
	o.Answer = func(m protocol.Message) protocol.Answer {
		switch d, ok := m.(*Done); {
		case !ok || d.Number != n:
			return protocol.NoAnswer
		case !d.OK:
			return protocol.Refused
		}
		return protocol.Acknowledged
	}
	return o, nil
}

const silence = 5 * time.Minute

func (s *session) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	var identity string
	ack := new(Ack)
	at := func(unix int64) time.Time { ack.At = unix; return time.Unix(unix, 0).UTC() }
	switch m := m.(type) {
	case *Pos:
		identity = m.Identity
		fix := &em.Fix{LatLng: em.LatLng{Lat: m.Lat, Lng: m.Lng}, Validity: em.FixCurrent, Source: em.SourceGNSS}
		out.Observe(s.id(identity), at(m.At), fix).Stored = m.Stored
	case *Strap:
		identity = m.Identity
		out.Observe(s.id(identity), at(m.At), &em.Tamper{What: em.TamperStrap, Cleared: !m.Open})
	case *Alive:
		identity = m.Identity
		out.Observe(s.id(identity), time.Time{}, &em.Comms{Event: em.CommsHeartbeat})
	case *Done:
		identity = m.Identity
		out.Observe(s.id(identity), time.Time{}, &em.Comms{Event: em.CommsReply, Text: fmt.Sprintf("%d %t", m.Number, m.OK)})
	case *protocol.Raw:
		return nil // kept by whoever drives the session; nothing to say
	default:
		return fmt.Errorf("sample: a device does not send %s: %w", m.Type(), protocol.ErrMalformed)
	}
	switch id := s.id(identity); {
	case identity == "":
		out.Reset()
		return fmt.Errorf("sample: %s: %w", m.Type(), protocol.ErrNoIdentity)
	case s.device != "" && s.device != id:
		out.Reset()
		return fmt.Errorf("sample: %s: %w: another device on the connection", m.Type(), protocol.ErrIdentity)
	default:
		s.device = id
	}
	s.heard = now
	if _, answer := m.(*Done); !answer {
		out.Send = append(out.Send, ack)
	}
	return nil
}

func (s *session) id(identity string) em.DeviceID { return em.DeviceID("sample:" + identity) }

func (s *session) Deadline() time.Time {
	if s.heard.IsZero() {
		return time.Time{}
	}
	return s.heard.Add(silence)
}

func (s *session) Wake(now time.Time, out *protocol.Output) error {
	if !s.heard.IsZero() && !now.Before(s.heard.Add(silence)) {
		s.heard = time.Time{}
		out.Close = true
	}
	return nil
}

func (s *session) Device() em.DeviceID { return s.device }

// simulator is the device's side: it sends a sign of life each minute, repeats
// what was not answered within 30 seconds, and has one message on its way.
type simulator struct {
	identity string
	queue    []protocol.Message
	sent     bool // queue[0] is on its way
	next     time.Time
}

const (
	heartbeat = time.Minute
	patience  = 30 * time.Second
)

func newSimulator(identity string, _ uint64) (protocol.Simulator, error) {
	if len(identity) != 15 || len(bytes.Trim([]byte(identity), "0123456789")) > 0 {
		return nil, fmt.Errorf("sample: simulator: %w: %q is not 15 digits", protocol.ErrIdentity, identity)
	}
	return &simulator{identity: identity}, nil
}

func (s *simulator) Report(obs ...em.Observation) error {
	var more []protocol.Message
	for _, o := range obs {
		at := o.DeviceAt
		if at.IsZero() {
			at = o.At
		}
		switch b := o.Body.(type) {
		case *em.Fix:
			if b.Validity == em.FixCurrent {
				more = append(more, &Pos{s.identity, at.Unix(), b.Lat, b.Lng, o.Stored})
				continue
			}
		case *em.Tamper:
			if b.What == em.TamperStrap {
				more = append(more, &Strap{s.identity, at.Unix(), !b.Cleared})
				continue
			}
		}
		return fmt.Errorf("sample: report %s: %w", o.Body.Kind(), protocol.ErrUnsupported)
	}
	s.queue = append(s.queue, more...)
	return nil
}

func (s *simulator) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	if do, ok := m.(*Do); ok {
		if do.What != string(protocol.CommandShow) {
			out.Send = append(out.Send, &Done{s.identity, do.Number, do.What != "no"})
		}
		return nil
	}
	if _, ok := m.(*Ack); !ok {
		return fmt.Errorf("sample: the center does not send %s: %w", m.Type(), protocol.ErrMalformed)
	}
	if s.sent {
		s.queue, s.sent = s.queue[1:], false
		s.send(now, out)
	}
	return nil
}

func (s *simulator) send(now time.Time, out *protocol.Output) {
	s.next = now.Add(heartbeat)
	if len(s.queue) > 0 {
		out.Send = append(out.Send, s.queue[0])
		s.sent, s.next = true, now.Add(patience)
	}
}

func (s *simulator) Deadline() time.Time { return s.next }

func (s *simulator) Wake(now time.Time, out *protocol.Output) error {
	due := !now.Before(s.next)
	if due && len(s.queue) == 0 {
		s.queue = append(s.queue, &Alive{s.identity})
	}
	if due || !s.sent {
		s.send(now, out)
	}
	return nil
}

func (s *simulator) Device() em.DeviceID { return em.DeviceID("sample:" + s.identity) }
