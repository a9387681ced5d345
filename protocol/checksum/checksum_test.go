package checksum

import (
	"bytes"
	"testing"
)

// The check values are those of the catalogue of parametrised CRC algorithms;
// the codes of plain bytes were added by hand.
func TestCheckValues(t *testing.T) {
	msg := []byte("123456789")
	for _, c := range []struct {
		name      string
		got, want uint16
	}{
		{"CRC-16/X-25", X25(msg), 0x906E},
		{"CRC-16/XMODEM", XModem(msg), 0x31C3},
		{"CRC-16/ARC", ARC(msg), 0xBB3D},
		{"XOR-8", uint16(Xor8(msg)), 0x31},
		{"SUM-8", uint16(Sum8(msg)), 0xDD},
		{"NEG-SUM-8", uint16(NegSum8(msg)), 0x23},
		{"FOLD-16", Fold16(msg), 0xFE22},
		{"FOLD-16 with a carry", Fold16(bytes.Repeat([]byte{0xFF}, 300)), 0xD52A},
		{"FOLD-16 of nothing", Fold16(nil), 0xFFFF},
	} {
		if c.got != c.want {
			t.Errorf("%s = %#x, want %#x", c.name, c.got, c.want)
		}
	}
}
