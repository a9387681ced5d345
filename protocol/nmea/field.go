package nmea

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/wire"
)

// field reads up to the next comma and returns the field without blanks around it.
func field(c *wire.Cursor, name string) (v []byte, offset int) {
	offset = c.Pos()
	return bytes.TrimSpace(c.Field(',', name)), offset
}

// Knot is one nautical mile an hour in metres a second.
const Knot = 1852.0 / 3600

// Word reports whether s is 1 to most letters, digits and "-", "." or "_": what
// can be a device's number or a password in any of these dialects, and is safe
// in a DeviceID.
func Word(s string, most int) bool {
	for _, c := range []byte(s) {
		if !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '-' || c == '.' || c == '_') {
			return false
		}
	}
	return s != "" && len(s) <= most
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{wire.ErrValue}, args...)...)
}

// ReadText reads one field as it is, blanks included.
func ReadText(c *wire.Cursor, name string) string { return string(c.Field(',', name)) }

// ReadNumber reads one field with a plain decimal number; absent where it is blank.
func ReadNumber(c *wire.Cursor, name string) em.Opt[em.Decimal] {
	v, off := field(c, name)
	if len(v) == 0 {
		return em.Opt[em.Decimal]{}
	}
	d, err := em.ParseDecimal(string(v))
	if err != nil {
		c.FailAt(name, off, bad("%q is not a plain number", v))
		return em.Opt[em.Decimal]{}
	}
	return em.Some(d)
}

// ReadUint reads one field with decimal digits of a value up to most; absent
// where it is blank.
func ReadUint(c *wire.Cursor, name string, most uint64) em.Opt[uint64] {
	return readUint(c, name, 10, most)
}

// ReadHex reads one field with hexadecimal digits of a value up to most; absent
// where it is blank.
func ReadHex(c *wire.Cursor, name string, most uint64) em.Opt[uint64] {
	return readUint(c, name, 16, most)
}

func readUint(c *wire.Cursor, name string, base int, most uint64) em.Opt[uint64] {
	v, off := field(c, name)
	if len(v) == 0 {
		return em.Opt[uint64]{}
	}
	n, err := strconv.ParseUint(string(v), base, 64)
	if err != nil || n > most {
		c.FailAt(name, off, bad("%q is not a number of base %d up to %d", v, base, most))
		return em.Opt[uint64]{}
	}
	return em.Some(n)
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
	var v [1]byte
	if _, err := hex.Decode(v[:], digits[:min(2, len(digits))]); err != nil || len(digits) != 2 || !bytes.Equal(bytes.ToUpper(digits), digits) {
		return 0, bad("%q is not two upper-case hexadecimal digits", digits)
	}
	return v[0], nil
}

// AppendCheck appends a check code as two upper-case hexadecimal digits.
func AppendCheck(dst []byte, check byte) []byte { return fmt.Appendf(dst, "%02X", check) }
