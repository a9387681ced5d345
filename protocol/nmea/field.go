package nmea

import (
	"bytes"
	"fmt"
	"math/bits"
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/wire"
)

// field reads up to the next comma and returns the field without blanks around it.
func field(c *wire.Cursor, name string) (v []byte, offset int) {
	offset = c.Pos()
	v = c.Field(',', name)
	if n := len(v); n > 0 && (v[0] <= ' ' || v[n-1] <= ' ') {
		v = bytes.TrimSpace(v)
	}
	return v, offset
}

// takes returns how many bytes of b a field of n takes, with its comma; 0 where
// something else follows, and for an empty last field.
func takes(b []byte, n int) int {
	switch {
	case n == len(b):
		return n
	case b[n] == ',':
		return n + 1
	}
	return 0
}

// Knot is one nautical mile an hour in metres a second.
const Knot = 1852.0 / 3600

// Word reports whether s is 1 to most letters, digits and "-", "." or "_": what
// can be a device's number or a password in any of these dialects, and is safe
// in a DeviceID.
func Word(s string, most int) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c >= 128 || inWord[c>>6]>>(c&63)&1 == 0 {
			return false
		}
	}
	return true
}

// inWord has a bit for each sign of ASCII that may be in a Word.
var inWord = [2]uint64{
	1<<'-' | 1<<'.' | (1<<10-1)<<'0',
	(1<<26-1)<<('A'-64) | 1<<('_'-64) | (1<<26-1)<<('a'-64),
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{wire.ErrValue}, args...)...)
}

// ReadText reads one field as it is, blanks included.
func ReadText(c *wire.Cursor, name string) string { return c.FieldText(',', name) }

// ReadNumber reads one field with a plain decimal number; absent where it is blank.
func ReadNumber(c *wire.Cursor, name string) em.Opt[em.Decimal] {
	b := c.Ahead()
	if n, size := PlainNumber(b, 0); size <= len(b) {
		c.Advance(size)
		return n
	}
	v, off := field(c, name)
	if len(v) == 0 {
		return em.Opt[em.Decimal]{}
	}
	d, err := em.ParseDecimal(v)
	if err != nil {
		c.FailAt(name, off, bad("%q is not a plain number", v))
		return em.Opt[em.Decimal]{}
	}
	return em.Some(d)
}

var pow10 = [...]uint32{1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000}

// ReadLetter reads one field of one of these letters; 0 where it is empty and may be.
func ReadLetter(c *wire.Cursor, name, letters string, empty bool) byte {
	if b := c.Ahead(); len(b) > 1 && b[1] == ',' {
		for i := range len(letters) { // they are few: a call costs more
			if b[0] == letters[i] {
				c.Advance(2)
				return b[0]
			}
		}
	}
	at := c.Pos()
	s := c.Field(',', name)
	switch {
	case len(s) == 0 && empty:
		return 0
	case len(s) != 1 || strings.IndexByte(letters, s[0]) < 0:
		c.FailAt(name, at, bad("%q is not one of %s", s, letters))
		return 0
	}
	return s[0]
}

// ReadUint reads one field with decimal digits of a value up to most; absent
// where it is blank.
func ReadUint[T Unsigned](c *wire.Cursor, name string, most T) em.Opt[T] {
	b := c.Ahead()
	if n, size := PlainUint[T](b, 0, uint32(most)); size <= len(b) {
		c.Advance(size)
		return n
	}
	return narrow[T](readUint(c, name, 10, uint64(most)))
}

// ReadHex reads one field with hexadecimal digits of a value up to most; absent
// where it is blank.
func ReadHex[T Unsigned](c *wire.Cursor, name string, most T) em.Opt[T] {
	b := c.Ahead()
	if n, size := PlainHex[T](b, 0, uint32(most)); size <= len(b) {
		c.Advance(size)
		return n
	}
	return narrow[T](readUint(c, name, 16, uint64(most)))
}

// narrow returns a number that T holds.
func narrow[T Unsigned](n em.Opt[uint64]) em.Opt[T] { return em.Opt[T]{V: T(n.V), OK: n.OK} }

func readUint(c *wire.Cursor, name string, base, most uint64) em.Opt[uint64] {
	v, off := field(c, name)
	if len(v) == 0 {
		return em.Opt[uint64]{}
	}
	n, ok := parseUint(v, base)
	if !ok || n > most {
		c.FailAt(name, off, bad("%q is not a number of base %d up to %d", v, base, most))
		return em.Opt[uint64]{}
	}
	return em.Some(n)
}

// ParseUint reads decimal digits; ok is false for others, for none and for more
// than 64 bits.
func ParseUint(digits []byte) (n uint64, ok bool) {
	n, ok = parseUint(digits, 10)
	return n, ok && len(digits) > 0
}

// parseUint reads digits of base 10 or 16; ok is false where they are more than 64 bits.
func parseUint(v []byte, base uint64) (n uint64, ok bool) {
	if len(v) <= 15 { // which 64 bits hold in either base
		for _, d := range v {
			if d = wire.HexDigit(d); uint64(d) >= base {
				return 0, false
			}
			n = n*base + uint64(d)
		}
		return n, true
	}
	for _, d := range v {
		if d = wire.HexDigit(d); uint64(d) >= base {
			return 0, false
		}
		high, low := bits.Mul64(n, base)
		sum, carry := bits.Add64(low, uint64(d), 0)
		if high+carry != 0 {
			return 0, false
		}
		n = sum
	}
	return n, true
}

// AppendNumber appends the digits of a number, or nothing where it is absent.
func AppendNumber(dst []byte, n em.Opt[em.Decimal]) []byte {
	if !n.OK {
		return dst
	}
	return append(dst, n.V.String()...)
}

// ParseCheck reads a check code of two upper-case hexadecimal digits.
func ParseCheck(digits []byte) (byte, error) {
	if len(digits) == 2 {
		if high, low := upperHex(digits[0]), upperHex(digits[1]); high|low < 16 {
			return high<<4 | low, nil
		}
	}
	return 0, bad("%q is not two upper-case hexadecimal digits", digits)
}

// upperHex returns the value of a digit, or 255.
func upperHex(d byte) byte {
	switch {
	case d >= '0' && d <= '9':
		return d - '0'
	case d >= 'A' && d <= 'F':
		return d - 'A' + 10
	}
	return 255
}

// AppendCheck appends a check code as two upper-case hexadecimal digits.
func AppendCheck(dst []byte, check byte) []byte { return fmt.Appendf(dst, "%02X", check) }
