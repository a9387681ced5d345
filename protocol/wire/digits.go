package wire

import (
	"encoding/binary"
	"math/bits"
)

// Printable returns how many bytes of printable ASCII b begins with.
func Printable(b []byte) (n int) {
	for ; len(b)-n >= 8; n += 8 {
		w := binary.LittleEndian.Uint64(b[n:])
		// The top bit of a byte is set in the first difference below a blank, in the
		// sum above a tilde. A borrow or carry reaches only what follows such a byte.
		if other := ((w - 0x2020202020202020) | (w + 0x0101010101010101) | w) & 0x8080808080808080; other != 0 {
			return n + bits.TrailingZeros64(other)/8
		}
	}
	for n < len(b) && b[n] >= ' ' && b[n] <= '~' {
		n++
	}
	return n
}

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
	w ^= 0x3030303030303030
	digits = bits.TrailingZeros64((w+0x7676767676767676|w)&0x8080808080808080) / 8
	w <<= 64 - 8*digits // leading zeros instead of what follows
	// Neighbours are joined to numbers of two digits, these to four, these to eight.
	w = w*10 + w>>8
	const pairs = 0x000000FF_000000FF
	w = (w&pairs*(100+1_000_000<<32) + w>>16&pairs*(1+10_000<<32)) >> 32
	return uint32(w), digits
}
