// Package checksum names the check codes of the devices' frames, each with its
// parameters and the catalogue's value over "123456789" as a test.
package checksum

import "encoding/binary"

var (
	x25    = tables(0x1021, true)
	xmodem = tables(0x1021, false)
	arc    = tables(0x8005, true)
)

// X25 is CRC-16/X-25 (also called CRC-ITU): polynomial 0x1021 reflected, start
// and final XOR 0xFFFF, check value 0x906E.
func X25(b []byte) uint16 { return ^x25.reflected(0xFFFF, b) }

// XModem is CRC-16/XMODEM: polynomial 0x1021, start 0, check value 0x31C3.
func XModem(b []byte) uint16 { return xmodem.plain(0, b) }

// ARC is CRC-16/ARC (also called CRC-IBM): polynomial 0x8005 reflected, start
// 0, check value 0xBB3D.
func ARC(b []byte) uint16 { return arc.reflected(0, b) }

// Xor8 is the exclusive or of all bytes.
func Xor8(b []byte) (x byte) {
	var w uint64 // eight bytes at a time: in any order they come to the same
	rest := b
	for ; len(rest) >= 8; rest = rest[8:] {
		w ^= binary.LittleEndian.Uint64(rest)
	}
	w ^= tail(b, len(rest))
	w ^= w >> 32
	w ^= w >> 16
	return byte(w ^ w>>8)
}

// tail returns the last n bytes of b, seven at most, and zeros.
func tail(b []byte, n int) (w uint64) {
	switch {
	case n == 0:
	case len(b) >= 8: // a loop that ends after another byte each time is what a processor guesses wrong
		w = binary.LittleEndian.Uint64(b[len(b)-8:]) >> (8 * (8 - n) & 63)
	default:
		for _, v := range b {
			w = w<<8 | uint64(v)
		}
	}
	return w
}

// Sum8 is the sum of all bytes modulo 256.
func Sum8(b []byte) (s byte) {
	for _, v := range b {
		s += v
	}
	return s
}

// NegSum8 is the two's complement of Sum8: data and code together sum to zero.
func NegSum8(b []byte) byte { return -Sum8(b) }

// Fold16 is the one's complement of the sum of all bytes, of which carries above
// 16 bits are added again, as in the checksum of IP but byte by byte.
func Fold16(b []byte) uint16 {
	// Carries may as well be added in the end, and the bytes before eight at a time,
	// of which the sums of neighbours fill lanes of 16 bits after 128 times.
	const evens, lanes = 0x00FF00FF_00FF00FF, 0x0000FFFF_0000FFFF
	var s uint64
	for rest := b; ; {
		var w uint64
		for n := 0; n < 127 && len(rest) >= 8; n, rest = n+1, rest[8:] {
			v := binary.LittleEndian.Uint64(rest)
			w += v&evens + v>>8&evens
		}
		last := len(rest) < 8
		if last {
			v := tail(b, len(rest))
			w += v&evens + v>>8&evens
		}
		w = w&lanes + w>>16&lanes
		s += w&0xFFFFFFFF + w>>32
		if last {
			break
		}
	}
	for s > 0xFFFF {
		s = s&0xFFFF + s>>16
	}
	return ^uint16(s)
}
