package capture

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Numbers of protocols and flags in headers.
const (
	protoTCP = 6
	protoUDP = 17

	flagFIN = 0x01
	flagSYN = 0x02
	flagRST = 0x04
	flagPSH = 0x08
	flagACK = 0x10
)

// maxPayload is what one packet carries at most: 65,535 bytes less IPv4 (20)
// and TCP (20) headers. Segments that long are what a capture of a machine with
// offloading shows; they keep one read in one packet.
const maxPayload = 65535 - 40

// segment is a TCP segment or a UDP datagram.
type segment struct {
	src, dst netip.AddrPort
	proto    byte
	flags    byte // TCP
	seq, ack uint32
	payload  []byte
	missing  int // bytes that the capture cut off behind payload
}

// append writes the segment with its headers as an IP packet. Both addresses
// are of one family.
func (s *segment) append(dst []byte) []byte {
	header := 8
	if s.proto == protoTCP {
		header = 20
	}
	n := header + len(s.payload)
	ip := len(dst)
	if s.src.Addr().Is4() {
		dst = append(dst, 0x45, 0)
		dst = binary.BigEndian.AppendUint16(dst, uint16(20+n))
		dst = append(dst, 0, 0, 0x40, 0, 64, s.proto, 0, 0) // don't fragment; 64 hops
		a, b := s.src.Addr().As4(), s.dst.Addr().As4()
		dst = append(append(dst, a[:]...), b[:]...)
		binary.BigEndian.PutUint16(dst[ip+10:], ^fold(sum(0, dst[ip:])))
	} else {
		dst = append(dst, 0x60, 0, 0, 0)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
		dst = append(dst, s.proto, 64)
		a, b := s.src.Addr().As16(), s.dst.Addr().As16()
		dst = append(append(dst, a[:]...), b[:]...)
	}
	l4 := len(dst)
	dst = binary.BigEndian.AppendUint16(dst, s.src.Port())
	dst = binary.BigEndian.AppendUint16(dst, s.dst.Port())
	check := l4 + 6
	if s.proto == protoTCP {
		dst = binary.BigEndian.AppendUint32(dst, s.seq)
		dst = binary.BigEndian.AppendUint32(dst, s.ack)
		dst = append(dst, 5<<4, s.flags, 0xFF, 0xFF, 0, 0, 0, 0) // 20 bytes of header, window 65,535
		check = l4 + 16
	} else {
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
		dst = append(dst, 0, 0)
	}
	dst = append(dst, s.payload...)
	c := ^fold(sum(pseudo(s.src.Addr(), s.dst.Addr(), s.proto, n), dst[l4:]))
	if c == 0 && s.proto == protoUDP {
		c = 0xFFFF // zero means none
	}
	binary.BigEndian.PutUint16(dst[check:], c)
	return dst
}

// pseudo is the sum of the header that TCP and UDP add to theirs (RFC 9293,
// section 3.1; RFC 8200, section 8.1).
func pseudo(src, dst netip.Addr, proto byte, n int) uint64 {
	return sum(sum(uint64(proto)+uint64(n), src.AsSlice()), dst.AsSlice())
}

// sum adds b as big-endian words; fold makes it the one's complement sum of RFC 1071.
func sum(acc uint64, b []byte) uint64 {
	for ; len(b) >= 2; b = b[2:] {
		acc += uint64(b[0])<<8 | uint64(b[1])
	}
	if len(b) == 1 {
		acc += uint64(b[0]) << 8
	}
	return acc
}

func fold(acc uint64) uint16 {
	for bits.Len64(acc) > 16 {
		acc = acc>>16 + acc&0xFFFF
	}
	return uint16(acc)
}

// Link types, as https://www.tcpdump.org/linktypes.html numbers them.
const (
	linkNull     = 0 // BSD loopback, address family in the capturing machine's order
	linkEthernet = 1
	linkRaw12    = 12 // raw IP in files of some systems
	linkRaw14    = 14
	linkRaw      = 101
	linkLoop     = 108 // OpenBSD loopback, address family big-endian
	linkSLL      = 113
	linkUser0    = 147
	linkIPv4     = 228
	linkIPv6     = 229
	linkSLL2     = 276
)

// parse finds the TCP or UDP segment in a captured packet. skip says why there
// is none: a fixed set of words.
func parse(linkType uint16, b []byte) (s segment, skip string) {
	etherIP := func(typ uint16) bool { return typ == 0x0800 || typ == 0x86DD }
	switch linkType {
	case linkRaw, linkRaw12, linkRaw14, linkIPv4, linkIPv6:
	case linkNull, linkLoop:
		if len(b) < 4 {
			return s, "cut short"
		}
		// The family's number differs between systems and both byte orders occur.
		switch max(b[0], b[3]) {
		case 2, 10, 24, 28, 30:
		default:
			return s, "not IP"
		}
		b = b[4:]
	case linkEthernet:
		if len(b) < 14 {
			return s, "cut short"
		}
		typ, rest := binary.BigEndian.Uint16(b[12:]), b[14:]
		for range 4 { // VLAN tags, stacked
			if typ != 0x8100 && typ != 0x88A8 && typ != 0x9100 {
				break
			}
			if len(rest) < 4 {
				return s, "cut short"
			}
			typ, rest = binary.BigEndian.Uint16(rest[2:]), rest[4:]
		}
		if !etherIP(typ) {
			return s, "not IP"
		}
		b = rest
	case linkSLL:
		if len(b) < 16 {
			return s, "cut short"
		}
		if !etherIP(binary.BigEndian.Uint16(b[14:])) {
			return s, "not IP"
		}
		b = b[16:]
	case linkSLL2:
		if len(b) < 20 {
			return s, "cut short"
		}
		if !etherIP(binary.BigEndian.Uint16(b)) {
			return s, "not IP"
		}
		b = b[20:]
	default:
		return s, "unknown link type"
	}
	return parseIP(b)
}

func parseIP(b []byte) (s segment, skip string) {
	if len(b) < 1 {
		return s, "cut short"
	}
	var src, dst netip.Addr
	var full int // length of what follows the IP headers, as they say
	switch b[0] >> 4 {
	case 4:
		head := int(b[0]&15) * 4
		if len(b) < 20 || len(b) < head {
			return s, "cut short"
		}
		if head < 20 {
			return s, "malformed"
		}
		total := int(binary.BigEndian.Uint16(b[2:]))
		if total == 0 {
			total = len(b) // segmentation offload
		}
		if total < head {
			return s, "malformed"
		}
		if binary.BigEndian.Uint16(b[6:])&0x3FFF != 0 {
			return s, "IP fragment"
		}
		s.proto = b[9]
		src, dst = netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
		full = total - head
		b = b[head:]
	case 6:
		if len(b) < 40 {
			return s, "cut short"
		}
		full = int(binary.BigEndian.Uint16(b[4:]))
		if full == 0 {
			full = len(b) - 40
		}
		s.proto = b[6]
		src, dst = netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
		b = b[40:]
		for range 8 { // extension headers
			if s.proto == 44 {
				return s, "IP fragment"
			}
			if s.proto != 0 && s.proto != 43 && s.proto != 60 {
				break
			}
			if len(b) < 8 {
				return s, "cut short"
			}
			n := 8 * (int(b[1]) + 1)
			if n > full {
				return s, "malformed"
			}
			if n > len(b) {
				return s, "cut short"
			}
			s.proto, b, full = b[0], b[n:], full-n
		}
	default:
		return s, "not IP"
	}
	b = b[:min(len(b), full)] // behind it is padding of the link
	head := 8
	switch s.proto {
	case protoTCP:
		if len(b) < 20 {
			return s, "cut short"
		}
		if head = int(b[12]>>4) * 4; head < 20 || head > full {
			return s, "malformed"
		}
		s.seq, s.ack, s.flags = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:]), b[13]
	case protoUDP:
		if len(b) < 8 {
			return s, "cut short"
		}
		if n := int(binary.BigEndian.Uint16(b[4:])); n >= 8 && n <= full {
			full = n
		} else if n != 0 { // zero: longer than 65,535
			return s, "malformed"
		}
		b = b[:min(len(b), full)]
	default:
		return s, "neither TCP nor UDP"
	}
	s.src = netip.AddrPortFrom(src, binary.BigEndian.Uint16(b))
	s.dst = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(b[2:]))
	if len(b) < head {
		return s, "cut short" // inside TCP options
	}
	s.payload = b[head:]
	s.missing = full - len(b)
	return s, ""
}
