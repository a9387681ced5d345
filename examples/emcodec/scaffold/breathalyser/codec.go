//go:build overlay

package scaffold

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/checksum"
	"github.com/sargas-em/em/protocol/nmea"
	"github.com/sargas-em/em/protocol/wire"
)

const (
	baudRate = 9600
	start    = "$"
	maxFrame = 128 // no line is longer; a longer one is taken for damage
)

// Split finds the next line; its frame is without the line's end.
func (c Codec) Split(b []byte) (frame []byte, n int, err error) {
	if n = lineEnds(b); n > 0 || len(b) == 0 {
		return nil, n, nil
	}
	if b[0] != start[0] {
		if n = bytes.IndexByte(b, start[0]); n < 0 {
			n = len(b)
		}
		return nil, n, protocol.ErrJunk
	}
	switch n = 1 + bytes.IndexAny(b[1:], "\r\n$"); {
	case n > maxFrame || n == 0 && len(b) > maxFrame:
		return nil, 1, protocol.ErrFrameTooLong
	case n == 0:
		return nil, 0, nil
	case b[n] == start[0]:
		return nil, n, fmt.Errorf("%w: a line without its end", protocol.ErrMalformed)
	}
	return b[:n:n], n + lineEnds(b[n:]), nil
}

// lineEnds counts the line ends at the start of b.
func lineEnds(b []byte) int { return len(b) - len(bytes.TrimLeft(b, "\r\n")) }

// read reads a frame; wrong is what is said of its check code.
func read(c *wire.Cursor, frame []byte) (m protocol.Message, wrong error) {
	c.Expect(start, "start")
	star := bytes.LastIndexByte(frame, '*')
	if star < 0 || star != len(frame)-3 {
		c.FailAt("check", len(frame), wire.ErrTruncated)
		return nil, nil
	}
	found, err := nmea.ParseCheck(frame[star+1:])
	if err != nil {
		c.FailAt("check", star+1, err)
		return nil, nil
	}
	want := checksum.Xor8(frame[1:star])
	if found != want {
		wrong = &protocol.ChecksumError{Algorithm: "XOR", Offset: star + 1, Found: uint32(found), Expected: uint32(want)}
	}
	outer := c.Limit(star-c.Pos(), "body")
	m = readMessage(c)
	if c.Err() == nil && c.Len() > 0 {
		c.Fail("fields", wire.ErrValue) // more than its type has
	}
	c.Restore(outer)
	c.Expect("*", "star")
	c.Text(2, "check")
	return m, wrong
}

// readMessage reads the fields of a line.
func readMessage(c *wire.Cursor) protocol.Message {
	word := nmea.ReadText(c, "type")
	i := slices.IndexFunc(kinds, func(k kind) bool { return strings.ToUpper(k.name) == word })
	at := c.Pos()
	h := Head{Identity: nmea.ReadText(c, "identity")}
	if c.Err() == nil && !isIdentity(h.Identity) {
		c.FailAt("identity", at, wire.ErrValue)
	}
	h.Serial = uint16(number(c, "serial", 0xFFFF))
	if i < 0 {
		return &protocol.Raw{Code: word, Data: bytes.Clone(c.Rest("fields"))}
	}
	return kinds[i].read(h, c)
}

// number reads a number that must be there.
func number(c *wire.Cursor, name string, most uint64) uint64 {
	at := c.Pos()
	v := nmea.ReadUint(c, name, most)
	if !v.OK {
		c.FailAt(name, at, wire.ErrValue)
	}
	return v.V
}

// stamp reads a Stamp.
func stamp(c *wire.Cursor) Stamp {
	return Stamp{uint32(number(c, "time", 1<<32-1)), byte(number(c, "flags", 0xFF))}
}

func (s Stamp) append(dst []byte) []byte { return fmt.Appendf(dst, ",%d,%d", s.Time, s.Flags) }

// Append encodes a message.
func (c Codec) Append(dst []byte, m protocol.Message) ([]byte, error) {
	msg, ok := m.(message)
	if !ok {
		return dst, fmt.Errorf("scaffold: %T: %w", m, protocol.ErrUnsupported)
	}
	h := msg.head()
	b := msg.payload(fmt.Appendf(dst, "$%s,%s,%d", strings.ToUpper(m.Type()), h.Identity, h.Serial))
	b = fmt.Appendf(b, "*%02X", checksum.Xor8(b[len(dst)+1:]))
	// What a message must not hold is said once, by Decode.
	if _, err := c.Decode(b[len(dst):]); err != nil {
		return dst, fmt.Errorf("scaffold: %s: %w: a value that it cannot hold (%v)", m.Type(), protocol.ErrUnsupported, err)
	}
	return append(b, "\r\n"...), nil
}

// isIdentity reports whether s is 1 to 16 letters, digits and - . _
func isIdentity(s string) bool { return nmea.Word(s, 16) }
