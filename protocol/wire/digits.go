package wire

import (
	"encoding/binary"
	"math/bits"
	"time"
)

// Printable returns how many bytes of printable ASCII b begins with.
func Printable(b []byte) (n int) {
	for ; len(b)-n >= 32; n += 32 { // as mostly, nothing else is in any of them
		w := b[n : n+32]
		if notPrintable(binary.LittleEndian.Uint64(w))|notPrintable(binary.LittleEndian.Uint64(w[8:]))|
			notPrintable(binary.LittleEndian.Uint64(w[16:]))|notPrintable(binary.LittleEndian.Uint64(w[24:])) != 0 {
			break
		}
	}
	for ; len(b)-n >= 8; n += 8 {
		if other := notPrintable(binary.LittleEndian.Uint64(b[n:])); other != 0 {
			return n + bits.TrailingZeros64(other)/8
		}
	}
	for n < len(b) && b[n] >= ' ' && b[n] <= '~' {
		n++
	}
	return n
}

// notPrintable sets the top bit of each byte that is not printable, up to the first.
// It is set in the difference below a blank, in the sum above a tilde; a borrow or
// carry reaches only what follows such a byte.
func notPrintable(w uint64) uint64 { return ((w - ' '*ones) | (w + 0x01*ones) | w) & tops }

// Leading reads the decimal digits that b begins with, the first eight of them at
// most: their value, and how many they are.
func Leading(b []byte) (value uint32, digits int) {
	var w uint64
	if len(b) >= 8 {
		w = binary.LittleEndian.Uint64(b)
	} else {
		for i, c := range b {
			w |= uint64(c) << (8 * i)
		}
	}
	// All eight at once: a loop that ends after another digit each time is what a
	// processor guesses wrong. A byte is no digit if it is above 9 now; a carry
	// reaches only what follows one of those.
	w ^= ones * '0'
	digits = bits.TrailingZeros64(noDigits(w)) / 8
	return eight(w << (64 - 8*digits)), digits // leading zeros instead of what follows
}

const ones, tops = 0x0101010101010101, 0x8080808080808080

// noDigits sets the top bit of each byte that is above 9, up to the first that is far
// above.
func noDigits(w uint64) uint64 { return (w + 0x76*ones | w) & tops }

// eight returns the value of eight digits, the first in the lowest byte.
func eight(w uint64) uint32 {
	// Neighbours are joined to numbers of two digits, these to four, these to eight.
	w = w*10 + w>>8
	const pairs = 0x000000FF_000000FF
	return uint32((w&pairs*(100+1_000_000<<32) + w>>16&pairs*(1+10_000<<32)) >> 32)
}

// SixDigits reads the six decimal digits that b begins with.
func SixDigits(b []byte) (value uint32, ok bool) {
	if len(b) < 6 {
		return 0, false
	}
	w := uint64(binary.LittleEndian.Uint32(b))<<16 | uint64(binary.LittleEndian.Uint16(b[4:]))<<48
	w ^= '0' * ones >> 16 << 16
	return eight(w), noDigits(w) == 0
}

// IsDecimal reports whether each byte is a decimal digit.
func IsDecimal(b []byte) bool {
	n := len(b)
	if n < 8 {
		_, digits := Leading(b)
		return digits == n
	}
	other := noDigits(binary.LittleEndian.Uint64(b[n-8:]) ^ ones*'0')
	for ; len(b) > 8; b = b[8:] {
		other |= noDigits(binary.LittleEndian.Uint64(b) ^ ones*'0')
	}
	return other == 0
}

// IsBCD reports whether each byte is two decimal digits.
func IsBCD(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		// A half of a byte is above 9 if it has 8, and 4 or 2.
		if w := binary.LittleEndian.Uint64(b); w>>3&(w>>2|w>>1)&(0x11*ones) != 0 {
			return false
		}
	}
	for _, v := range b {
		if v > 0x99 || v&15 > 9 {
			return false
		}
	}
	return true
}

// HexDigit returns the value of a hexadecimal digit in any case, or 255.
func HexDigit(d byte) byte { return hexDigits[d] }

var hexDigits = func() (values [256]byte) {
	for i := range values {
		values[i] = 255
	}
	for i, d := range "0123456789ABCDEF" {
		values[d], values[d|0x20] = byte(i), byte(i)
	}
	return values
}()

// Date returns midnight UTC of a day from year 0 to 9999; ok is false where there
// is no such day. It is time.Date without what a date of the wire never has, and a
// few times faster.
func Date(year, month, day int) (t time.Time, ok bool) {
	if year < 0 || year > 9999 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return time.Time{}, false
	}
	// Counted from 1 March, so that a leap day is the last of its year; from then
	// on each five months have 153 days. A whole cycle of 400 years keeps year 0
	// from becoming negative.
	y, m := year+400, month-3
	if m < 0 {
		y, m = y-1, m+12
	}
	const unix = 719_468 + 146_097 // 1 January 1970
	days := 365*y + y/4 - y/100 + y/400 + (153*m+2)/5 + day - 1 - unix
	return time.Unix(int64(days)*86400, 0).UTC(), true
}

func daysIn(year, month int) int {
	if month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		return 29
	}
	return int("\x1f\x1c\x1f\x1e\x1f\x1e\x1f\x1f\x1e\x1f\x1e\x1f"[month-1])
}
