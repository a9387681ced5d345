package scaffold

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

// baudRate would make it a dialect of serial lines.
const baudRate = 0

// read reads a frame; wrong is what is said of its check code.
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
	return m, wrong
}

// readMessage reads the body of a frame.
func readMessage(c *wire.Cursor) protocol.Message {
	code := c.U8("type")
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.code == code })
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
	return Stamp{c.U32("time"), c.U8("flags")}
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
