package nmea

import (
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/wire"
)

// Odd is where a Plain function says that the next field begins if it could not read
// one, whatever is wrong. Each of them returns it for a field at Odd too, so that a
// line is read without a look at any but the last.
const Odd = 1 << 30

// The Plain functions read the field of b at an offset as the Read functions of the
// same names do, as long as it is written in the way that nearly all are, and return
// where the next begins, behind the comma; the end of b is taken for one. What they take
// for odd may be right all the same: it is for the Read functions, which also know what
// to say of it. They are for lines of many fields: a line is read with them, and where
// that ends at Odd, read once more with the others.

// PlainText reads a field of blanks and what stands behind the comma in ASCII, save the
// semicolon: none of it ends a line, a sentence or a frame in any dialect.
func PlainText(s string, at int) (string, int) {
	i := at
	for ; uint(i) < uint(len(s)) && s[i] != ','; i++ {
		if c := s[i]; c < ',' && c != ' ' || c == ';' {
			return "", Odd
		}
	}
	if i > len(s) {
		return "", Odd
	}
	return s[at:i], i + 1
}

// PlainNumber reads a plain decimal number of up to 17 signs, or nothing.
func PlainNumber(b []byte, at int) (n em.Opt[em.Decimal], next int) {
	if uint(at) < uint(len(b)) && b[at] == ',' {
		return n, at + 1
	}
	var v, negative int64
	i := at
	if uint(i) < uint(len(b)) && b[i] == '-' {
		negative = -1
		i++
	}
	from, point := i, 0
	for ; uint(i) < uint(len(b)) && b[i] != ','; i++ {
		switch c := b[i]; {
		case c-'0' <= 9:
			v = 10*v + int64(c-'0')
		case c == '.' && point == 0 && i > from:
			point = i + 1
		default:
			return n, Odd
		}
	}
	if i > len(b) || i-at > 17 || i == point || i == from && negative < 0 {
		return n, Odd
	}
	n.V.Coef, n.OK = v^negative-negative, i > from
	if point > 0 {
		n.V.Scale = uint8(i - point)
	}
	return n, i + 1
}

// Unsigned is a type of whole numbers.
type Unsigned interface {
	~uint8 | ~uint16 | ~uint32 | ~uint64
}

// PlainUint reads up to nine digits of a value up to most, or nothing.
func PlainUint[T Unsigned](b []byte, at int, most uint32) (em.Opt[T], int) {
	var v uint32
	i := at
	for ; uint(i) < uint(len(b)) && b[i]-'0' <= 9; i++ {
		v = 10*v + uint32(b[i]-'0')
	}
	if i > len(b) || i < len(b) && b[i] != ',' || i-at > 9 || v > most {
		return em.Opt[T]{}, Odd
	}
	return em.Opt[T]{V: T(v), OK: i > at}, i + 1
}

// PlainHex is PlainUint with up to eight hexadecimal digits.
func PlainHex[T Unsigned](b []byte, at int, most uint32) (em.Opt[T], int) {
	var v uint32
	i := at
	for d := byte(0); uint(i) < uint(len(b)); i++ {
		if d = wire.HexDigit(b[i]); d > 15 {
			break
		}
		v = v<<4 | uint32(d)
	}
	if i > len(b) || i < len(b) && b[i] != ',' || i-at > 8 || v > most {
		return em.Opt[T]{}, Odd
	}
	return em.Opt[T]{V: T(v), OK: i > at}, i + 1
}

// PlainLetter reads a field of one of two letters.
func PlainLetter(b []byte, at int, one, other byte) (byte, int) {
	if uint(at) >= uint(len(b)) || b[at] != one && b[at] != other || at+1 < len(b) && b[at+1] != ',' {
		return 0, Odd
	}
	return b[at], at + len("A,")
}

// PlainCoord reads the two fields of a coordinate that is there.
func PlainCoord(b []byte, at int, axis Axis) (Coord, int) {
	if uint(at) < uint(len(b)) {
		if c, n := coordinate(axis, b[at:]); n > 0 && (at+n == len(b) || b[at+n] == ',') {
			return c, at + n + 1
		}
	}
	return Coord{}, Odd
}

// PlainClock reads hhmmss with up to three decimals.
func PlainClock(b []byte, at int) (time.Duration, int) {
	if uint(at) < uint(len(b)) {
		if d, n := clock(b[at:]); n > 0 && (at+n == len(b) || b[at+n] == ',') {
			return d, at + n + 1
		}
	}
	return 0, Odd
}

// PlainDay reads ddmmyy as midnight UTC; the zero time where the clock was never set.
func PlainDay(b []byte, at int) (time.Time, int) {
	if uint(at) < uint(len(b)) {
		end := at + len("ddmmyy")
		if dmy, ok := wire.SixDigits(b[at:]); ok && (end == len(b) || b[end] == ',') {
			if t, ok := date(dmy); ok {
				return t, end + 1
			}
		}
	}
	return time.Time{}, Odd
}
