package capture

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/sargas-em/em/protocol"
)

// Marks are comments on packets that tell what no packet can.
const (
	markOpen    = "sargas-em open " // with the JSON of mark
	markWoken   = "sargas-em woken"
	markLost    = "sargas-em lost "
	markEnded   = "sargas-em ended"
	markStopped = "sargas-em stopped"
)

// mark is what the first packet of a stream says of it.
type mark struct {
	Name   string `json:"name,omitempty"`
	Codec  string `json:"codec,omitempty"`
	Device string `json:"device,omitempty"` // the address that is the device's
	Dialed bool   `json:"dialed,omitempty"`
}

// Blocks and options of pcapng (draft-ietf-opsawg-pcapng).
const (
	blockSection   = 0x0A0D0D0A
	blockInterface = 1
	blockOldPacket = 2
	blockSimple    = 3
	blockPacket    = 6

	byteOrderMagic = 0x1A2B3C4D

	optEnd     = 0
	optComment = 1
	optName    = 2 // of an interface
	optFlags   = 2 // of a packet: bits 0–1 are 1 for inbound, 2 for outbound
	optApp     = 4 // of a section
	optTSResol = 9
	optTSOff   = 14

	inbound, outbound = 1, 2
)

// snapLen is the longest packet that Wireshark takes by default.
const snapLen = 262144

// Writer writes a capture file. It is safe for concurrent use: a center's
// connections share one. Its memory is some hundred bytes for each open stream.
type Writer struct {
	mu         sync.Mutex
	w          io.Writer
	err        error
	block      []byte
	interfaces uint32
	open       map[pair]struct{}
}

// pair is a connection's addresses.
type pair struct {
	proto byte
	a, b  netip.AddrPort
}

// NewWriter begins a capture on w, which the caller closes after the last
// stream has ended. After a failed write, which may have left half a block, all
// further ones fail with the same error.
func NewWriter(w io.Writer) (*Writer, error) {
	c := &Writer{w: w, open: map[pair]struct{}{}}
	b := c.begin(blockSection)
	b = binary.LittleEndian.AppendUint32(b, byteOrderMagic)
	b = append(b, 1, 0, 0, 0)                                      // version 1.0
	b = binary.LittleEndian.AppendUint64(b, 0xFFFF_FFFF_FFFF_FFFF) // length of the section: not known
	b = option(b, optApp, []byte("sargas-em"))
	b = option(b, optEnd, nil)
	if err := c.end(b); err != nil {
		return nil, err
	}
	if _, err := c.newInterface(linkRaw, "ip"); err != nil { // number 0: all TCP and UDP
		return nil, err
	}
	return c, nil
}

func (c *Writer) begin(typ uint32) []byte {
	b := binary.LittleEndian.AppendUint32(c.block[:0], typ)
	return append(b, 0, 0, 0, 0)
}

func option(b []byte, code uint16, value []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	return pad(append(b, value...), len(value))
}

func pad(b []byte, n int) []byte { return append(b, make([]byte, -n&3)...) }

// end writes the block in one Write.
func (c *Writer) end(b []byte) error {
	n := uint32(len(b) + 4)
	b = binary.LittleEndian.AppendUint32(b, n)
	binary.LittleEndian.PutUint32(b[4:], n)
	c.block = b
	if c.err == nil {
		if _, err := c.w.Write(b); err != nil {
			c.err = fmt.Errorf("capture: write: %w", err)
		}
	}
	return c.err
}

func (c *Writer) newInterface(linkType uint16, name string) (uint32, error) {
	b := c.begin(blockInterface)
	b = binary.LittleEndian.AppendUint16(b, linkType)
	b = append(b, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, snapLen)
	b = option(b, optName, []byte(name[:min(len(name), maxText)]))
	b = option(b, optTSResol, []byte{9}) // nanoseconds
	b = option(b, optEnd, nil)
	c.interfaces++
	return c.interfaces - 1, c.end(b)
}

// maxText bounds a name in the file; an option holds 65,535 bytes.
const maxText = 4096

func (c *Writer) packet(at time.Time, iface uint32, direction byte, comment string, data func([]byte) []byte) error {
	b := c.begin(blockPacket)
	b = binary.LittleEndian.AppendUint32(b, iface)
	ns := uint64(at.UnixNano()) // years 1970 to 2262
	b = binary.LittleEndian.AppendUint32(b, uint32(ns>>32))
	b = binary.LittleEndian.AppendUint32(b, uint32(ns))
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	from := len(b)
	b = data(b)
	n := len(b) - from
	binary.LittleEndian.PutUint32(b[from-8:], uint32(n))
	binary.LittleEndian.PutUint32(b[from-4:], uint32(n))
	b = pad(b, n)
	if comment != "" {
		b = option(b, optComment, []byte(comment))
	}
	b = option(b, optFlags, []byte{direction, 0, 0, 0})
	b = option(b, optEnd, nil)
	return c.end(b)
}

// Stream is one connection that is being recorded.
type Stream struct {
	w       *Writer
	info    Info
	key     pair
	iface   uint32
	in, out uint32 // the next sequence number of the device and the center
	ended   bool
}

// Open begins a stream: a TCP handshake in the file, or a serial line's interface.
func (c *Writer) Open(at time.Time, info Info) (*Stream, error) {
	s := &Stream{w: c, info: info}
	if info.Transport != Serial {
		d, e := plain(info.Device), plain(info.Center)
		if d.Addr().Is4() != e.Addr().Is4() {
			d, e = wide(d), wide(e)
		}
		if !d.IsValid() || !e.IsValid() || d == e {
			return nil, fmt.Errorf("%w: %v of the device, %v of the center", ErrAddr, info.Device, info.Center)
		}
		s.info.Device, s.info.Center = d, e
		s.key = pair{protoTCP, d, e}
		if info.Transport == UDP {
			s.key.proto = protoUDP
		}
	}
	text, err := json.Marshal(mark{clip(info.Name), clip(info.Codec), addrText(s.info.Device), info.Dialed})
	if err != nil {
		return nil, fmt.Errorf("capture: open: %w", err)
	}
	comment := markOpen + string(text)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch info.Transport {
	case Serial:
		if s.iface, err = c.newInterface(linkUser0, info.Name); err != nil {
			return nil, err
		}
		return s, s.put(at, true, 0, nil, comment)
	case UDP:
		if _, twice := c.open[s.key]; twice {
			return nil, ErrOpen
		}
		c.open[s.key] = struct{}{}
		return s, s.put(at, !info.Dialed, 0, nil, comment)
	case TCP:
		if _, twice := c.open[s.key]; twice {
			return nil, ErrOpen
		}
		c.open[s.key] = struct{}{}
		// Sequence numbers from the addresses and the time: a new connection of
		// the same addresses has others.
		s.in = uint32(at.UnixNano()>>10) ^ uint32(s.info.Device.Port())<<16
		s.out = ^s.in
		fromDevice := !info.Dialed
		s.put(at, fromDevice, flagSYN, nil, comment)
		s.put(at, !fromDevice, flagSYN|flagACK, nil, "")
		return s, s.put(at, fromDevice, flagACK, nil, "")
	}
	return nil, fmt.Errorf("%w: %v", ErrAddr, info.Transport)
}

func clip(s string) string { return s[:min(len(s), maxText)] }

func addrText(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

func wide(a netip.AddrPort) netip.AddrPort {
	if !a.IsValid() {
		return a
	}
	return netip.AddrPortFrom(netip.AddrFrom16(a.Addr().As16()), a.Port())
}

// put writes one packet; Writer.mu is held.
func (s *Stream) put(at time.Time, fromDevice bool, flags byte, data []byte, comment string) error {
	direction := byte(outbound)
	seg := segment{src: s.info.Center, dst: s.info.Device, proto: s.key.proto, flags: flags, payload: data}
	seq, ack := &s.out, &s.in
	if fromDevice {
		direction = inbound
		seg.src, seg.dst = seg.dst, seg.src
		seq, ack = ack, seq
	}
	if s.info.Transport == Serial {
		return s.w.packet(at, s.iface, direction, comment, func(b []byte) []byte { return append(b, data...) })
	}
	seg.seq = *seq
	if flags&flagACK != 0 {
		seg.ack = *ack
	}
	*seq += uint32(len(data))
	if flags&(flagSYN|flagFIN) != 0 {
		*seq++
	}
	return s.w.packet(at, s.iface, direction, comment, seg.append)
}

// Tap records one piece of traffic; it is a Link's Tap. Data longer than a
// packet becomes several. After Ended or Stopped there is ErrEnded.
func (s *Stream) Tap(t protocol.Traffic) error {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.ended {
		return ErrEnded
	}
	flags := byte(flagACK)
	switch t.Kind {
	case protocol.Received, protocol.Sent:
		most := maxPayload
		if s.key.proto == protoTCP {
			flags |= flagPSH
		}
		if s.info.Transport == Serial {
			most = snapLen
		}
		for data := t.Data; len(data) > 0; {
			n := min(len(data), most)
			if s.key.proto == protoUDP && n < len(data) {
				return fmt.Errorf("%w: a datagram of %d bytes", ErrAddr, len(data))
			}
			if err := s.put(t.At, t.Kind == protocol.Received, flags, data[:n], ""); err != nil {
				return err
			}
			data = data[n:]
		}
		return s.w.err
	case protocol.Woken:
		return s.put(t.At, false, flags, nil, markWoken)
	case protocol.Lost:
		if s.info.Transport == TCP { // the reader finds it by the sequence numbers too
			s.in += uint32(t.Missing)
		}
		return s.put(t.At, true, flags, nil, fmt.Sprint(markLost, t.Missing))
	case protocol.Ended, protocol.Stopped:
		s.ended = true
		delete(s.w.open, s.key)
		comment := markEnded
		if t.Kind == protocol.Stopped {
			comment = markStopped
		}
		if s.info.Transport != TCP {
			return s.put(t.At, t.Kind == protocol.Ended, flags, nil, comment)
		}
		first := t.Kind == protocol.Ended // who hangs up first
		s.put(t.At, first, flagFIN|flagACK, nil, comment)
		s.put(t.At, !first, flagFIN|flagACK, nil, "")
		return s.put(t.At, first, flagACK, nil, "")
	}
	return fmt.Errorf("capture: traffic of unknown kind %v", t.Kind)
}
