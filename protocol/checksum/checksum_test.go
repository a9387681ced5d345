package checksum

import (
	"bytes"
	"testing"

	"github.com/sigurn/crc16"
	"pgregory.net/rapid"
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

// TestCRC16 compares with another implementation, over data of all lengths.
func TestCRC16(t *testing.T) {
	others := []struct {
		name  string
		ours  func([]byte) uint16
		table *crc16.Table
	}{
		{"CRC-16/X-25", X25, crc16.MakeTable(crc16.CRC16_X_25)},
		{"CRC-16/XMODEM", XModem, crc16.MakeTable(crc16.CRC16_XMODEM)},
		{"CRC-16/ARC", ARC, crc16.MakeTable(crc16.CRC16_ARC)},
	}
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "data")
		for _, o := range others {
			if got, want := o.ours(b), crc16.Checksum(b, o.table); got != want {
				t.Errorf("%s of %x = %#x, want %#x", o.name, b, got, want)
			}
		}
	})
}

// TestByteByByte compares what is done eight bytes at a time with what is done for
// each, and each carry, over data that fills what is added at once.
func TestByteByByte(t *testing.T) {
	plain := func(b []byte) uint16 {
		var s uint32
		for _, v := range b {
			s += uint32(v)
			s = s&0xFFFF + s>>16
		}
		return ^uint16(s)
	}
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "data")
		b = append(bytes.Repeat([]byte{rapid.Byte().Draw(t, "filling")}, rapid.IntRange(0, 3000).Draw(t, "fill")), b...)
		var x byte
		for _, v := range b {
			x ^= v
		}
		if got := Xor8(b); got != x {
			t.Errorf("%x: exclusive or %#x, want %#x", b, got, x)
		}
		if got, want := Fold16(b), plain(b); got != want {
			t.Errorf("%d bytes, the last %x: %#x, want %#x", len(b), b[max(0, len(b)-40):], got, want)
		}
	})
}
