// Package wire reads the fields of a frame. A Cursor walks over the bytes once and
// keeps the first error. What the bytes are is said for people by package layout.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Errors that a FieldError wraps.
var (
	// ErrTruncated: the frame ends inside the field.
	ErrTruncated = errors.New("truncated")
	// ErrValue: the field holds what its format does not allow.
	ErrValue = errors.New("bad value")
)

// FieldError names the field of a frame that could not be read, and where.
type FieldError struct {
	Field  string
	Offset int // of the field's first byte in the frame
	Err    error
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("%s at byte %d: %v", e.Field, e.Offset, e.Err)
}

func (e *FieldError) Unwrap() error { return e.Err }

// Span says which bytes of a frame hold a field and what they mean.
type Span struct {
	Offset, Len int
	Name        string
	Value       string // for people
	Note        string // "OK", "expected …": what a check of the field found
}

// Cursor reads a frame from front to back. After the first error all reads give
// zero values. Slices that it returns alias the frame; strings do not.
type Cursor struct {
	frame []byte
	pos   int
	end   int    // reads stop here
	plain []byte // the frame up to end, as long as there is no error: one comparison for the usual read
	empty int    // where Field has given the empty last field
	err   error

	text   []byte  // the owned copy of the frame, where Own has made it
	room   []byte  // behind it, for Digits
	spare  int     // how many bytes of it Own makes
	memory *Memory // of the caller's, for Own; nil: a message is an allocation of its own
}

// New returns a cursor over frame, which it never changes.
func New(frame []byte) Cursor {
	return Cursor{frame: frame, end: len(frame), plain: frame[:len(frame):len(frame)]}
}

// Begin is New for the zero Cursor, which is too large to be copied where time is
// of the essence, and makes Own take its memory from m; nil for memory of its own.
func (c *Cursor) Begin(frame []byte, m *Memory) {
	c.frame, c.end, c.plain, c.memory = frame, len(frame), frame[:len(frame):len(frame)], m
}

// Err returns the first error, a *FieldError.
func (c *Cursor) Err() error { return c.err }

// Pos returns the offset of the next byte.
func (c *Cursor) Pos() int { return c.pos }

// Len returns how many bytes are left.
func (c *Cursor) Len() int {
	if c.err != nil {
		return 0
	}
	return c.end - c.pos
}

// Ahead returns what is left without reading it. The result aliases the frame.
func (c *Cursor) Ahead() []byte {
	if uint(c.pos) <= uint(len(c.plain)) {
		return c.plain[c.pos:]
	}
	return nil // after an error
}

// Advance skips n bytes that Ahead has shown.
func (c *Cursor) Advance(n int) { c.pos += n }

// Limit makes the next n bytes all that is left, and returns the end before it,
// for Restore. It fails where fewer are left.
func (c *Cursor) Limit(n int, name string) (outer int) {
	outer = c.end
	if n < 0 || n > c.Len() {
		c.fail(name, c.pos, ErrTruncated)
		return outer
	}
	c.Restore(c.pos + n)
	return outer
}

// Restore sets the end back to what it was before Limit.
func (c *Cursor) Restore(outer int) {
	c.end = outer
	if c.err == nil {
		c.plain = c.frame[:outer:outer]
	}
}

// Fail records err at the next byte: what should stand there, or should not. The
// first error stays.
func (c *Cursor) Fail(name string, err error) { c.fail(name, c.pos, err) }

// FailAt records err for a field at an offset.
func (c *Cursor) FailAt(name string, offset int, err error) { c.fail(name, offset, err) }

func (c *Cursor) fail(name string, off int, err error) {
	if c.err == nil {
		c.err, c.plain = &FieldError{Field: name, Offset: off, Err: err}, nil
	}
}

func (c *Cursor) take(n int, name string) []byte {
	if c.err != nil {
		return nil
	}
	if n < 0 || n > c.end-c.pos {
		c.fail(name, c.pos, ErrTruncated)
		return nil
	}
	b := c.frame[c.pos : c.pos+n : c.pos+n]
	c.pos += n
	return b
}

// bigEndian reads a number of up to eight bytes with all care.
func (c *Cursor) bigEndian(n int, name string) (v uint64) {
	b := c.take(n, name)
	for _, x := range b {
		v = v<<8 | uint64(x)
	}
	return v
}

// littleEndian is bigEndian with the lowest byte first.
func (c *Cursor) littleEndian(n int, name string) (v uint64) {
	b := c.take(n, name)
	for i, x := range b {
		v |= uint64(x) << (8 * i)
	}
	return v
}

// U8 reads one byte.
func (c *Cursor) U8(name string) uint8 {
	if at := c.pos; uint(at) < uint(len(c.plain)) {
		c.pos++
		return c.plain[at]
	}
	return uint8(c.bigEndian(1, name))
}

// U16 reads two bytes, big-endian.
func (c *Cursor) U16(name string) uint16 {
	if at := c.pos; at+2 <= len(c.plain) {
		c.pos = at + 2
		return binary.BigEndian.Uint16(c.plain[at:])
	}
	return uint16(c.bigEndian(2, name))
}

// U24 reads three bytes, big-endian.
func (c *Cursor) U24(name string) uint32 {
	if at := c.pos; at+3 <= len(c.plain) {
		c.pos = at + 3
		b := c.plain[at:]
		return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])
	}
	return uint32(c.bigEndian(3, name))
}

// U32 reads four bytes, big-endian.
func (c *Cursor) U32(name string) uint32 {
	if at := c.pos; at+4 <= len(c.plain) {
		c.pos = at + 4
		return binary.BigEndian.Uint32(c.plain[at:])
	}
	return uint32(c.bigEndian(4, name))
}

// U64 reads eight bytes, big-endian.
func (c *Cursor) U64(name string) uint64 {
	if at := c.pos; at+8 <= len(c.plain) {
		c.pos = at + 8
		return binary.BigEndian.Uint64(c.plain[at:])
	}
	return c.bigEndian(8, name)
}

// LE16 reads two bytes, little-endian.
func (c *Cursor) LE16(name string) uint16 {
	if at := c.pos; at+2 <= len(c.plain) {
		c.pos = at + 2
		return binary.LittleEndian.Uint16(c.plain[at:])
	}
	return uint16(c.littleEndian(2, name))
}

// LE32 reads four bytes, little-endian.
func (c *Cursor) LE32(name string) uint32 {
	if at := c.pos; at+4 <= len(c.plain) {
		c.pos = at + 4
		return binary.LittleEndian.Uint32(c.plain[at:])
	}
	return uint32(c.littleEndian(4, name))
}

// Bytes reads n bytes. The result aliases the frame.
func (c *Cursor) Bytes(n int, name string) []byte {
	if at := c.pos; n >= 0 && n <= len(c.plain)-at {
		c.pos = at + n
		return c.frame[at:c.pos:c.pos]
	}
	return c.take(n, name)
}

// Part is one of the fields that Block reads.
type Part struct {
	Name string
	Len  int
}

// Block reads fields of fixed length that follow each other, n bytes together, in
// one step where all are there. It returns their bytes; where they are not all
// there it fails as reading them one by one does, and the result is zeros.
func (c *Cursor) Block(n int, parts []Part) []byte {
	if at := c.pos; n <= len(c.plain)-at {
		c.pos = at + n
		return c.frame[at:c.pos:c.pos]
	}
	at := c.pos
	for _, p := range parts {
		c.Bytes(p.Len, p.Name)
	}
	if c.err != nil {
		return make([]byte, n)
	}
	return c.frame[at:c.pos:c.pos]
}

// Rest reads all that is left, which may be nothing.
func (c *Cursor) Rest(name string) []byte {
	if n := c.Len(); n > 0 {
		return c.Bytes(n, name)
	}
	return nil
}

// Text reads n bytes of text, of which the result is a copy; see Own.
func (c *Cursor) Text(n int, name string) string {
	start := c.pos
	return c.owned(start, c.Chars(n, name))
}

// Chars reads n bytes of text. The result aliases the frame.
func (c *Cursor) Chars(n int, name string) []byte { return c.take(n, name) }

// BCD reads n bytes of two decimal digits each; another digit is ErrValue.
func (c *Cursor) BCD(n int, name string) string {
	b := c.take(n, name)
	if b == nil {
		return ""
	}
	if !IsBCD(b) {
		c.fail(name, c.pos-n, fmt.Errorf("%w: %x is not decimal", ErrValue, b))
		return ""
	}
	return c.Digits(b)
}

// Field reads text up to the next sep, which belongs to the field's bytes but
// not to the result, or up to the end where there is none. The result aliases
// the frame. Behind a sep that ends the data there is one more, empty field;
// at the end of the data it fails.
func (c *Cursor) Field(sep byte, name string) []byte {
	b := c.Ahead()
	for n, v := range b { // fields are short: a call costs more than the loop
		if v == sep {
			c.pos += n + 1
			return b[:n:n]
		}
	}
	return c.field(sep, name)
}

// field is Field for the last field.
func (c *Cursor) field(sep byte, name string) []byte {
	if c.err != nil {
		return nil
	}
	if c.pos == c.end {
		if c.pos == 0 || c.frame[c.pos-1] != sep || c.empty == c.pos {
			c.fail(name, c.pos, ErrTruncated)
			return nil
		}
		c.empty = c.pos
	}
	v := c.frame[c.pos:c.end:c.end]
	c.pos = c.end
	return v
}

// More reports whether Field has another field to read, which may be the empty one
// behind a sep that ends the data.
func (c *Cursor) More(sep byte) bool {
	return c.Len() > 0 || c.err == nil && c.pos > 0 && c.frame[c.pos-1] == sep && c.empty != c.pos
}

// FieldsText reads all fields that are left as they are, each with the sep in front
// of it, which has been read already for the first: empty where not even that has.
func (c *Cursor) FieldsText(sep byte, name string) string {
	at := c.pos - 1
	switch {
	case c.err != nil || at < 0 || c.frame[at] != sep:
		return ""
	case c.pos == c.end:
		c.field(sep, name)
	default:
		c.pos = c.end
	}
	if c.err != nil {
		return ""
	}
	return c.TextAt(at, c.pos-at)
}

// FieldText is Field with an owned copy of the text; see Own.
func (c *Cursor) FieldText(sep byte, name string) string {
	start := c.pos
	b := c.Ahead()
	for n, v := range b {
		if v == sep {
			c.pos = start + n + 1
			return c.owned(start, b[:n])
		}
	}
	return c.owned(start, c.field(sep, name))
}

// Expect reads the bytes of want; others are ErrValue.
func (c *Cursor) Expect(want, name string) {
	off := c.pos
	if len(want) == 1 && off < len(c.plain) && c.plain[off] == want[0] { // as mostly
		c.pos = off + 1
		return
	}
	b := c.take(len(want), name)
	if b == nil {
		return
	}
	if string(b) != want {
		c.fail(name, off, fmt.Errorf("%w: found %x, expected %x", ErrValue, b, want))
	}
}
