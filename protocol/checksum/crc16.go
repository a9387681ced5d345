package checksum

import (
	"encoding/binary"
	"math/bits"
)

// slices has in its row k what a byte comes to that k zeros follow, so that the
// codes of eight bytes are looked up at once: they do not wait for each other.
type slices [8][256]uint16

// tables returns the slices of a polynomial; reflected ones take the lowest bit of
// a byte first, and have their polynomial in reverse.
func tables(poly uint16, reflected bool) *slices {
	if reflected {
		poly = bits.Reverse16(poly)
	}
	var t slices
	for i := range 256 {
		crc := uint16(i)
		if !reflected {
			crc <<= 8
		}
		for k := range t {
			for range 8 {
				if reflected {
					crc = crc>>1 ^ -(crc&1)&poly
				} else {
					crc = crc<<1 ^ -(crc>>15)&poly
				}
			}
			t[k][i] = crc
		}
	}
	return &t
}

// reflected continues crc with b.
func (t *slices) reflected(crc uint16, b []byte) uint16 {
	for ; len(b) >= 8; b = b[8:] {
		w := binary.LittleEndian.Uint64(b) ^ uint64(crc)
		crc = t[7][byte(w)] ^ t[6][byte(w>>8)] ^ t[5][byte(w>>16)] ^ t[4][byte(w>>24)] ^
			t[3][byte(w>>32)] ^ t[2][byte(w>>40)] ^ t[1][byte(w>>48)] ^ t[0][w>>56]
	}
	for _, v := range b {
		crc = crc>>8 ^ t[0][byte(crc)^v]
	}
	return crc
}

// plain continues crc with b, the highest bit of each byte first.
func (t *slices) plain(crc uint16, b []byte) uint16 {
	for ; len(b) >= 8; b = b[8:] {
		w := binary.BigEndian.Uint64(b) ^ uint64(crc)<<48
		crc = t[7][w>>56] ^ t[6][byte(w>>48)] ^ t[5][byte(w>>40)] ^ t[4][byte(w>>32)] ^
			t[3][byte(w>>24)] ^ t[2][byte(w>>16)] ^ t[1][byte(w>>8)] ^ t[0][byte(w)]
	}
	for _, v := range b {
		crc = crc<<8 ^ t[0][byte(crc>>8)^v]
	}
	return crc
}
