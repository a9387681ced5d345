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
	for ; len(b) >= 8; b = b[8:] {
		w ^= binary.LittleEndian.Uint64(b)
	}
	w ^= w >> 32
	w ^= w >> 16
	x = byte(w ^ w>>8)
	for _, v := range b {
		x ^= v
	}
	return x
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
	var s uint32
	for _, v := range b {
		s += uint32(v)
		s = s&0xFFFF + s>>16
	}
	return ^uint16(s)
}
