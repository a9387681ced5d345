package layout

import "github.com/sargas-em/em/protocol/checksum"

// Sum names a check code of package checksum.
type Sum string

// The check codes.
const (
	X25     Sum = "CRC-16/X-25"
	XModem  Sum = "CRC-16/XMODEM"
	ARC     Sum = "CRC-16/ARC"
	Xor8    Sum = "XOR-8"
	Sum8    Sum = "SUM-8"
	NegSum8 Sum = "NEG-SUM-8"
	Fold16  Sum = "FOLD-16"
)

// width is how many bytes a code has; 0 for an unknown one.
func (s Sum) width() int {
	switch s {
	case X25, XModem, ARC, Fold16:
		return 2
	case Xor8, Sum8, NegSum8:
		return 1
	}
	return 0
}

func (s Sum) of(b []byte) uint16 {
	switch s {
	case X25:
		return checksum.X25(b)
	case XModem:
		return checksum.XModem(b)
	case ARC:
		return checksum.ARC(b)
	case Xor8:
		return uint16(checksum.Xor8(b))
	case Sum8:
		return uint16(checksum.Sum8(b))
	case NegSum8:
		return uint16(checksum.NegSum8(b))
	}
	return checksum.Fold16(b)
}
