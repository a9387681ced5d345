package scaffold

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

const name = "scaffold"

// Device returns the dialect.
func Device() protocol.Device {
	return protocol.Device{
		Name:      name,
		Title:     "Bracelet of the dialect scaffold",
		Codec:     Codec{},
		Relaxed:   Codec{RelaxedChecksum: true},
		MaxFrame:  maxFrame,
		Sessions:  func(protocol.SessionConfig) protocol.Session { return new(session) },
		Simulator: newSimulator,
		Match:     match,
	}
}

// match says Yes to a first frame that is whole and right.
func match(prefix []byte) protocol.Match {
	for i := range min(len(prefix), len(start)) {
		if prefix[i] != start[i] {
			return protocol.No
		}
	}
	frame, _, err := Codec{}.Split(prefix)
	if frame == nil || err != nil {
		return protocol.Maybe
	}
	if _, err := (Codec{}).Decode(frame); err != nil {
		return protocol.Maybe
	}
	return protocol.Yes
}

// Codec is the wire format.
type Codec struct {
	RelaxedChecksum bool // take frames with a wrong check code
}

var (
	_ protocol.Codec     = Codec{}
	_ protocol.Dissector = Codec{}
)

// Types of messages.
const (
	typePosition  = 0x01
	typeStatus    = 0x02
	typeStrap     = 0x03
	typeHeartbeat = 0x04
	typeAck       = 0x81
)

var typeNames = map[byte]string{
	typePosition: "position", typeStatus: "status", typeStrap: "strap", typeHeartbeat: "heartbeat", typeAck: "ack",
}

// Decode reads one frame. The payload of a type that is not known becomes a
// *protocol.Raw.
func (c Codec) Decode(frame []byte) (protocol.Message, error) {
	f := wire.New(frame)
	m, wrong := read(&f, frame)
	return protocol.Verdict(&f, m, wrong, c.RelaxedChecksum)
}

// Dissect reads one frame and tells its fields.
func (c Codec) Dissect(frame []byte) (protocol.Message, []wire.Span, error) {
	f := wire.New(frame)
	f.Record()
	m, wrong := read(&f, frame)
	m, err := protocol.Verdict(&f, m, wrong, c.RelaxedChecksum)
	return m, f.Spans(), err
}

func read(c *wire.Cursor, frame []byte) (m protocol.Message, wrong error) {
	c.Expect(start, "start")
	length := int(c.U8("length"))
	if c.Err() != nil {
		return nil, nil
	}
	if length != len(frame)-overhead {
		c.FailAt("length", before-1, wire.ErrValue)
		return nil, nil
	}
	found, want := checked(frame)
	if found != want {
		wrong = &protocol.ChecksumError{Algorithm: algorithm, Offset: len(frame) - 2, Found: uint32(found), Expected: uint32(want)}
	}
	outer := c.Limit(length, "body")
	m = message(c)
	if c.Err() == nil && c.Len() > 0 {
		c.Fail("payload", wire.ErrValue) // longer than its type has it
	}
	c.Restore(outer)
	c.U16("check")
	c.Value("0x%04X", found)
	if wrong == nil {
		c.Note("OK %s", algorithm)
	} else {
		c.Note("WRONG, expected 0x%04X %s", want, algorithm)
	}
	return m, wrong
}

// message reads the body of a frame.
func message(c *wire.Cursor) protocol.Message {
	code := c.U8("type")
	if typeNames[code] != "" {
		c.Value("%s", typeNames[code])
	}
	at := c.Pos()
	digits := c.BCD(8, "identity")
	if c.Err() == nil && digits[0] != '0' {
		c.FailAt("identity", at, wire.ErrValue)
	}
	h := Head{Serial: c.U16("serial"), IMEI: strings.TrimPrefix(digits, "0")}
	if c.Err() == nil {
		h.IMEI = digits[1:]
	}
	stamp := func() Stamp {
		s := Stamp{Time: c.U32("time")}
		c.Value("%s", s.At().Format("2006-01-02T15:04:05Z"))
		s.Flags = c.U8("flags")
		return s
	}
	switch code {
	case typePosition:
		return &Position{h, stamp(), int32(c.U32("latitude")), int32(c.U32("longitude"))}
	case typeStatus:
		return &Status{h, stamp(), c.U8("battery")}
	case typeStrap:
		return &Strap{h, stamp()}
	case typeHeartbeat:
		return &Heartbeat{h}
	case typeAck:
		return &Ack{h}
	}
	return &protocol.Raw{Code: fmt.Sprintf("0x%02X", code), Data: bytes.Clone(c.Rest("payload"))}
}

// Append encodes a message.
func (c Codec) Append(dst []byte, m protocol.Message) ([]byte, error) {
	h, ok := m.(interface{ head() *Head })
	if !ok {
		return dst, fmt.Errorf("scaffold: %T: %w", m, protocol.ErrUnsupported)
	}
	if !isIMEI(h.head().IMEI) {
		return dst, fmt.Errorf("scaffold: %s: %w: the identity is not 15 digits", m.Type(), protocol.ErrUnsupported)
	}
	begin := func(code byte) []byte {
		b := append(append(dst, start...), 0, code)
		b, _ = hex.AppendDecode(b, []byte("0"+h.head().IMEI)) // digits all
		return binary.BigEndian.AppendUint16(b, h.head().Serial)
	}
	stamped := func(code byte, s Stamp) []byte {
		return append(binary.BigEndian.AppendUint32(begin(code), s.Time), s.Flags)
	}
	var b []byte
	switch m := m.(type) {
	case *Position:
		b = binary.BigEndian.AppendUint32(stamped(typePosition, m.Stamp), uint32(m.Lat))
		b = binary.BigEndian.AppendUint32(b, uint32(m.Lng))
	case *Status:
		b = append(stamped(typeStatus, m.Stamp), m.Battery)
	case *Strap:
		b = stamped(typeStrap, m.Stamp)
	case *Heartbeat:
		b = begin(typeHeartbeat)
	case *Ack:
		b = begin(typeAck)
	}
	return seal(b, len(dst)), nil
}

// isIMEI reports whether s is 15 digits.
func isIMEI(s string) bool { return len(s) == 15 && strings.Trim(s, "0123456789") == "" }

func deviceID(imei string) em.DeviceID { return em.DeviceID(name + ":" + imei) }
