package jt808

import (
	_ "embed"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// gbkTable is the two-byte part of GBK (code page 936): for each lead byte from
// 0x81 to 0xFE the 190 trail bytes 0x40–0x7E and 0x80–0xFE, each with its
// character as UTF-16, big-endian; 0 where there is none.
//
//go:embed gbk.bin
var gbkTable string

const (
	gbkLead  = 0x81
	gbkTrail = 0x40
	gbkRow   = 190
)

// gbkIndex returns the place of a two-byte code in the table; -1 for none.
func gbkIndex(lead, trail byte) int {
	if lead < gbkLead || lead == 0xFF || trail < gbkTrail || trail == 0x7F || trail == 0xFF {
		return -1
	}
	i := int(trail) - gbkTrail
	if trail > 0x7F {
		i-- // no code ends in 0x7F
	}
	return 2 * (int(lead-gbkLead)*gbkRow + i)
}

// fromGBK returns the text of GBK bytes. What is no character of GBK becomes
// U+FFFD.
func fromGBK(b []byte) string {
	var s strings.Builder
	for i := 0; i < len(b); i++ {
		if b[i] < 0x80 {
			s.WriteByte(b[i])
			continue
		}
		r := utf8.RuneError
		if i+1 < len(b) {
			if n := gbkIndex(b[i], b[i+1]); n >= 0 {
				if c := rune(gbkTable[n])<<8 | rune(gbkTable[n+1]); c != 0 {
					r = c
					i++
				}
			}
		}
		s.WriteRune(r)
	}
	return s.String()
}

// appendGBK appends text as GBK; ok is false where GBK lacks one of its
// characters. The table is searched: text goes to devices seldom and is short.
func appendGBK(dst []byte, text string) (b []byte, ok bool) {
	for _, r := range text {
		if r < 0x80 {
			dst = append(dst, byte(r))
			continue
		}
		n := gbkSearch(r)
		if n < 0 {
			return dst, false
		}
		trail := n/2%gbkRow + gbkTrail
		if trail >= 0x7F {
			trail++
		}
		dst = append(dst, byte(n/2/gbkRow+gbkLead), byte(trail))
	}
	return dst, true
}

func gbkSearch(r rune) int {
	if r > 0xFFFF || r == utf8.RuneError {
		return -1
	}
	for n := 0; n < len(gbkTable); n += 2 {
		if rune(gbkTable[n])<<8|rune(gbkTable[n+1]) == r {
			return n
		}
	}
	return -1
}

// fromVendor returns the text of a vendor's message, whose encoding no field
// states: UTF-16 where every other byte is zero, UTF-8 where it is valid, else GBK.
func fromVendor(b []byte) string {
	text := ""
	switch {
	case isWide(b):
		u := make([]uint16, len(b)/2)
		for i := range u {
			u[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
		}
		text = string(utf16.Decode(u))
	case utf8.Valid(b):
		text = string(b)
	default:
		text = fromGBK(b)
	}
	return strings.Trim(text, "\x00\r\n ")
}

func isWide(b []byte) bool {
	if len(b) < 2 || len(b)%2 != 0 {
		return false
	}
	for i := 0; i < len(b); i += 2 {
		if b[i] != 0 {
			return false
		}
	}
	return true
}
