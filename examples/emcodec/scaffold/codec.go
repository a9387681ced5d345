package scaffold

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

const name = "scaffold" // of the dialect

// Device returns the dialect.
func Device() protocol.Device {
	return protocol.Device{
		Name:      name,
		Title:     title,
		Codec:     Codec{},
		Relaxed:   Codec{RelaxedChecksum: true},
		MaxFrame:  maxFrame,
		Sessions:  func(protocol.SessionConfig) protocol.Session { return new(session) },
		Simulator: newSimulator,
		Match:     match,
		Commands:  commands,
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
	m = readMessage(c)
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

// readMessage reads the body of a frame.
func readMessage(c *wire.Cursor) protocol.Message {
	code := c.U8("type")
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.code == code })
	if i >= 0 {
		c.Value("%s", kinds[i].name)
	}
	at := c.Pos()
	digits := c.BCD(8, "identity")
	if c.Err() == nil && digits[0] != '0' {
		c.FailAt("identity", at, wire.ErrValue)
	}
	h := Head{strings.TrimPrefix(digits, "0"), c.U16("serial")}
	if c.Err() == nil {
		h.Identity = digits[1:]
	}
	if i < 0 {
		return &protocol.Raw{Code: fmt.Sprintf("0x%02X", code), Data: bytes.Clone(c.Rest("payload"))}
	}
	return kinds[i].read(h, c)
}

// stamp reads a Stamp.
func stamp(c *wire.Cursor) Stamp {
	s := Stamp{Time: c.U32("time")}
	c.Value("%s", s.At().Format("2006-01-02T15:04:05Z"))
	s.Flags = c.U8("flags")
	return s
}

func (s Stamp) append(dst []byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, s.Time), s.Flags)
}

// Append encodes a message.
func (c Codec) Append(dst []byte, m protocol.Message) ([]byte, error) {
	msg, ok := m.(message)
	if !ok {
		return dst, fmt.Errorf("scaffold: %T: %w", m, protocol.ErrUnsupported)
	}
	h := msg.head()
	if !isIdentity(h.Identity) {
		return dst, fmt.Errorf("scaffold: %s: %w: the identity is not 15 digits", m.Type(), protocol.ErrUnsupported)
	}
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == m.Type() })
	b := append(append(dst, start...), 0, kinds[i].code)
	b, _ = hex.AppendDecode(b, []byte("0"+h.Identity)) // digits all
	return seal(msg.payload(binary.BigEndian.AppendUint16(b, h.Serial)), len(dst)), nil
}

// isIdentity reports whether s is an IMEI: 15 digits.
func isIdentity(s string) bool { return len(s) == 15 && strings.Trim(s, "0123456789") == "" }

func deviceID(identity string) em.DeviceID { return em.DeviceID(name + ":" + identity) }
