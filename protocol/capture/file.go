package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"time"
)

// Limits of what a file may ask for. They are far above what capture tools write.
const (
	maxPacket     = 1 << 20 // bytes of one packet; the tools' own limit is 262,144
	maxBlock      = 1 << 24 // bytes of a block that is read as a whole
	maxInterfaces = 1 << 16 // a Writer makes one for each serial line that it opened
)

// packet is one captured packet.
type packet struct {
	number    int
	at        time.Time // zero where the file has none
	iface     int
	linkType  uint16
	name      string // of the interface
	direction byte   // inbound, outbound or 0
	comment   string
	data      []byte // valid until the next
	cut       int    // bytes that the capture left out behind data
}

// fileReader reads packets of a pcap or pcapng file.
type fileReader struct {
	r      *bufio.Reader
	offset int64 // of what is read next
	order  binary.ByteOrder
	ng     bool
	number int
	buf    []byte

	// pcap
	linkType uint16
	nano     bool

	// pcapng, of the present section
	interfaces []netInterface
	sections   int // interfaces of sections before
}

type netInterface struct {
	linkType uint16
	name     string
	snap     uint32
	offset   int64 // seconds to add
	// A unit of time is 1/10^exp or 1/2^exp seconds.
	binary bool
	exp    byte
}

func newFileReader(r io.Reader) (*fileReader, error) {
	f := &fileReader{r: bufio.NewReaderSize(r, 1<<16)}
	head, err := f.r.Peek(4)
	if err != nil {
		return nil, f.cut(err, "the file's first bytes")
	}
	switch binary.BigEndian.Uint32(head) {
	case blockSection:
		f.ng = true
		return f, nil
	case 0xA1B2C3D4:
		f.order = binary.BigEndian
	case 0xD4C3B2A1:
		f.order = binary.LittleEndian
	case 0xA1B23C4D:
		f.order, f.nano = binary.BigEndian, true
	case 0x4D3CB2A1:
		f.order, f.nano = binary.LittleEndian, true
	default:
		return nil, f.bad("the file's first bytes, %x", head)
	}
	b, err := f.read(24)
	if err != nil {
		return nil, f.cut(err, "the file's header")
	}
	// The upper bits say how long a frame check sequence is.
	f.linkType = uint16(f.order.Uint32(b[20:]))
	return f, nil
}

func (f *fileReader) bad(format string, args ...any) error {
	return &FormatError{Offset: f.offset, What: fmt.Sprintf(format, args...), Err: ErrFormat}
}

// cut turns the end of the file inside something into ErrCut; other errors are
// the reader's.
func (f *fileReader) cut(err error, what string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &FormatError{Offset: f.offset, What: what, Err: fmt.Errorf("%w: %w", ErrCut, io.ErrUnexpectedEOF)}
	}
	return fmt.Errorf("capture: read: %w", err)
}

// read returns n bytes, valid until the next read. Memory grows with what comes,
// not with what the file announces.
func (f *fileReader) read(n int) ([]byte, error) {
	f.buf = f.buf[:0]
	for len(f.buf) < n {
		step := min(n-len(f.buf), 1<<16)
		from := len(f.buf)
		f.buf = append(f.buf, make([]byte, step)...)
		if _, err := io.ReadFull(f.r, f.buf[from:]); err != nil {
			return nil, err
		}
	}
	f.offset += int64(n)
	return f.buf, nil
}

// next returns the next packet, io.EOF at the end of the file.
func (f *fileReader) next(p *packet) error {
	if _, err := f.r.Peek(1); err != nil {
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		return fmt.Errorf("capture: read: %w", err)
	}
	if f.ng {
		return f.nextBlocks(p)
	}
	start := f.offset
	head, err := f.read(16)
	if err != nil {
		return f.cut(err, "a packet's header")
	}
	sec, frac := int64(f.order.Uint32(head)), int64(f.order.Uint32(head[4:]))
	n, full := f.order.Uint32(head[8:]), f.order.Uint32(head[12:])
	if n > maxPacket || full > math.MaxInt32 {
		f.offset = start
		return f.bad("a packet of %d bytes", n)
	}
	if !f.nano {
		frac *= 1000
	}
	data, err := f.read(int(n))
	if err != nil {
		f.offset = start
		return f.cut(err, "a packet")
	}
	f.number++
	*p = packet{
		number: f.number, at: time.Unix(sec, frac).UTC(), linkType: f.linkType,
		data: data, cut: max(0, int(full)-int(n)),
	}
	return nil
}

func (f *fileReader) nextBlocks(p *packet) error {
	for {
		ok, err := f.nextBlock(p)
		if err != nil || ok {
			return err
		}
		if _, err := f.r.Peek(1); err != nil {
			if errors.Is(err, io.EOF) {
				return io.EOF
			}
			return fmt.Errorf("capture: read: %w", err)
		}
	}
}

// nextBlock reads one block; ok where it was a packet.
func (f *fileReader) nextBlock(p *packet) (ok bool, err error) {
	start := f.offset
	fail := func(err error) (bool, error) {
		f.offset = start
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return false, f.cut(err, "a block")
		}
		return false, err
	}
	head, err := f.r.Peek(12) // a block is no shorter
	if err != nil {
		return fail(err)
	}
	section := binary.BigEndian.Uint32(head) == blockSection // a palindrome
	if section {
		switch uint32(byteOrderMagic) {
		case binary.LittleEndian.Uint32(head[8:]):
			f.order = binary.LittleEndian
		case binary.BigEndian.Uint32(head[8:]):
			f.order = binary.BigEndian
		default:
			return fail(f.bad("a section's byte-order magic, %x", head[8:12]))
		}
		f.sections += len(f.interfaces)
		f.interfaces = nil
	}
	typ, n := f.order.Uint32(head), f.order.Uint32(head[4:])
	if n < 12 || n%4 != 0 {
		return fail(f.bad("a block of %d bytes", n))
	}
	if n > maxBlock {
		// Nothing that is read here is so long; what it is does not matter.
		if typ == blockInterface || typ == blockPacket || typ == blockSimple || typ == blockOldPacket || section {
			return fail(f.bad("a block of %d bytes", n))
		}
		got, err := io.CopyN(io.Discard, f.r, int64(n))
		f.offset += got
		if err != nil {
			return fail(err)
		}
		return false, nil
	}
	b, err := f.read(int(n))
	if err != nil {
		return fail(err)
	}
	if f.order.Uint32(b[n-4:]) != n {
		return fail(f.bad("a block of %d bytes that ends as one of %d", n, f.order.Uint32(b[n-4:])))
	}
	b = b[8 : n-4]
	what := ""
	switch typ {
	case blockSection:
		if len(b) < 16 || f.order.Uint16(b[4:]) != 1 {
			what = "a section of another version"
		}
	case blockInterface:
		if f.sections+len(f.interfaces) >= maxInterfaces {
			what = "too many interfaces"
		} else {
			what = f.addInterface(b)
		}
	case blockPacket, blockOldPacket:
		ok, what = true, f.packetBlock(p, typ, b)
	case blockSimple:
		ok, what = true, f.simpleBlock(p, b)
	}
	if what != "" {
		return fail(f.bad("%s", what))
	}
	return ok, nil
}

func (f *fileReader) addInterface(b []byte) (bad string) {
	if len(b) < 8 {
		return "an interface of too few bytes"
	}
	i := netInterface{linkType: f.order.Uint16(b), snap: f.order.Uint32(b[4:]), exp: 6}
	if !f.options(b[8:], func(code uint16, v []byte) {
		switch {
		case code == optName:
			i.name = string(v[:min(len(v), maxText)])
		case code == optTSResol && len(v) == 1:
			i.binary, i.exp = v[0]&0x80 != 0, v[0]&0x7F
		case code == optTSOff && len(v) == 8:
			i.offset = int64(f.order.Uint64(v))
		}
	}) {
		return "an interface's options"
	}
	if i.binary && i.exp > 63 || !i.binary && i.exp > 19 {
		return "an interface's resolution of time"
	}
	if i.offset > 1<<40 || i.offset < -1<<40 {
		return "an interface's offset of time"
	}
	f.interfaces = append(f.interfaces, i)
	return ""
}

// options calls see for each option; false where they do not fit.
func (f *fileReader) options(b []byte, see func(code uint16, v []byte)) bool {
	for len(b) >= 4 {
		code, n := f.order.Uint16(b), int(f.order.Uint16(b[2:]))
		if code == optEnd {
			return true
		}
		padded := 4 + (n+3)&^3
		if padded > len(b) {
			return false
		}
		see(code, b[4:4+n])
		b = b[padded:]
	}
	return len(b) == 0
}

func (f *fileReader) packetBlock(p *packet, typ uint32, b []byte) (bad string) {
	if len(b) < 20 {
		return "a packet of too few bytes"
	}
	iface := f.order.Uint32(b)
	if typ == blockOldPacket { // 16 bits, then a count of drops
		iface = uint32(f.order.Uint16(b))
	}
	if iface >= uint32(len(f.interfaces)) {
		return "a packet of an unknown interface"
	}
	ts := uint64(f.order.Uint32(b[4:]))<<32 | uint64(f.order.Uint32(b[8:]))
	n, full := f.order.Uint32(b[12:]), f.order.Uint32(b[16:])
	if n > maxPacket || full > math.MaxInt32 || uint64(n) > uint64(len(b)-20) {
		return "a packet's length"
	}
	i := &f.interfaces[iface]
	at, ok := i.time(ts)
	if !ok {
		return "a packet's time"
	}
	f.number++
	*p = packet{
		number: f.number, at: at, iface: f.sections + int(iface), linkType: i.linkType, name: i.name,
		data: b[20 : 20+n], cut: max(0, int(full)-int(n)),
	}
	if opts := b[min(len(b), 20+int(n+3)&^3):]; !f.options(opts, func(code uint16, v []byte) {
		switch {
		case code == optComment && p.comment == "":
			p.comment = string(v)
		case code == optFlags && len(v) == 4:
			p.direction = byte(f.order.Uint32(v) & 3)
		}
	}) {
		return "a packet's options"
	}
	return ""
}

func (f *fileReader) simpleBlock(p *packet, b []byte) (bad string) {
	if len(b) < 4 || len(f.interfaces) == 0 {
		return "a simple packet"
	}
	i := &f.interfaces[0]
	full := f.order.Uint32(b)
	n := min(full, uint32(len(b)-4))
	if i.snap > 0 {
		n = min(n, i.snap)
	}
	if full > math.MaxInt32 || n > maxPacket {
		return "a simple packet's length"
	}
	f.number++
	*p = packet{number: f.number, iface: f.sections, linkType: i.linkType, name: i.name, data: b[4 : 4+n], cut: int(full - n)}
	return ""
}

// time turns a count of the interface's units since 1970 into a time; ok is
// false outside the years 1 to 9999, which JSON cannot say.
func (i *netInterface) time(ts uint64) (t time.Time, ok bool) {
	var sec, ns uint64
	if i.binary {
		sec = ts >> i.exp
		hi, lo := bits.Mul64(ts&(1<<i.exp-1), 1e9)
		ns = hi<<(64-i.exp) | lo>>i.exp
	} else {
		unit := uint64(1)
		for range i.exp {
			unit *= 10
		}
		sec = ts / unit
		hi, lo := bits.Mul64(ts%unit, 1e9)
		ns, _ = bits.Div64(hi, lo, unit)
	}
	if sec > 1<<40 {
		return t, false
	}
	t = time.Unix(int64(sec)+i.offset, int64(ns)).UTC()
	return t, t.Year() >= 1 && t.Year() <= 9999
}
