package capture

import (
	"container/list"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/sargas-em/em/protocol"
)

// Options say how to read a capture. The zero value is fine for a Writer's and
// for most others'.
type Options struct {
	// Center reports whether an address is the center's: usually by its port.
	// Where it is nil or says no of both ends, or yes, the one that opened the
	// connection is the device's; where the beginning was not captured, the
	// direction that the capture tool noted counts, and then the port: the
	// center's is the lower one.
	Center func(netip.AddrPort) bool

	// MaxConns bounds the connections that are kept in mind: 65,536 where zero,
	// about 500 bytes each. Where there are more, the one that was silent longest
	// is ended: Stats.Forgotten counts them.
	MaxConns int
}

// Stats counts what a Reader met.
type Stats struct {
	Packets       int
	Conns         int
	Skipped       map[string]int // packets that carry nothing for us, by reason
	Retransmitted int64          // bytes that came again
	Conflicts     int            // segments that came again with other bytes; the first ones count
	Reordered     int            // segments that came too early
	Lost          int64          // bytes that are not in the capture, of both directions
	Forgotten     int            // connections over Options.MaxConns
}

// Reader takes events from a capture. Its memory is bounded whatever the file
// holds. It is not safe for concurrent use.
type Reader struct {
	file    *fileReader
	o       Options
	stats   Stats
	flows   map[flowKey]*flow
	recent  *list.List // of *flow, the one that spoke last at the back
	held    int        // what all halves hold
	events  []Event    // of the last packet, to be given
	given   int
	now     time.Time
	present packet
	err     error
}

type flowKey struct {
	pair
	iface int // of Serial
}

// flow is one connection.
type flow struct {
	key     flowKey
	conn    *Conn
	over    bool    // it has ended: what still comes is ignored
	halves  [2]half // of the device and of the center
	isn     uint32  // of the one who called
	hasISN  bool
	closed  protocol.TrafficKind // what the first FIN says of the end
	element *list.Element
}

const (
	ofDevice = 0
	ofCenter = 1
)

// NewReader reads the head of a capture, pcap or pcapng. Errors are a
// *FormatError or r's.
func NewReader(r io.Reader, o Options) (*Reader, error) {
	f, err := newFileReader(r)
	if err != nil {
		return nil, err
	}
	if o.MaxConns == 0 {
		o.MaxConns = 1 << 16
	}
	return &Reader{
		file: f, o: o, flows: map[flowKey]*flow{}, recent: list.New(),
		stats: Stats{Skipped: map[string]int{}},
	}, nil
}

// Stats returns the counts so far.
func (r *Reader) Stats() Stats {
	s := r.stats
	s.Skipped = maps.Clone(s.Skipped)
	return s
}

// Next returns the next event. Its Data is valid until the next call. At the
// end it is io.EOF, or a *FormatError where the file is cut off or damaged from
// there on; all that was before has been given then. Connections that are open at
// the end have no event that says so.
func (r *Reader) Next() (Event, error) {
	for r.given == len(r.events) {
		clear(r.events)
		r.events, r.given = r.events[:0], 0
		if r.err != nil {
			if r.recent.Len() == 0 {
				return Event{}, r.err
			}
			r.finish(r.recent.Front().Value.(*flow))
		} else if r.err = r.file.next(&r.present); r.err == nil {
			r.take(&r.present)
		}
	}
	r.given++
	return r.events[r.given-1], nil
}

// finish gives what holes of a connection keep back at the end of the file.
func (r *Reader) finish(f *flow) {
	if !f.over {
		r.giveUp(f, ofDevice)
		r.giveUp(f, ofCenter)
	}
	r.drop(f.key)
}

func (r *Reader) skip(why string) { r.stats.Skipped[why]++ }

func (r *Reader) emit(f *flow, k protocol.TrafficKind, data []byte) {
	r.events = append(r.events, Event{
		Conn: f.conn, Packet: r.present.number,
		Traffic: protocol.Traffic{At: r.now, Kind: k, Data: data},
	})
}

func (r *Reader) emitLost(f *flow, side int, n int64) {
	r.stats.Lost += n
	r.emit(f, protocol.Lost, nil)
	e := &r.events[len(r.events)-1]
	e.Missing, e.FromCenter = n, side == ofCenter
}

func (r *Reader) take(p *packet) {
	r.stats.Packets++
	r.now = p.at
	if p.linkType == linkUser0 {
		r.serial(p)
		return
	}
	s, why := parse(p.linkType, p.data)
	if why != "" {
		r.skip(why)
		return
	}
	if s.proto == protoUDP {
		r.datagram(p, &s)
	} else {
		r.segment(p, &s)
	}
}

// find returns a connection that is known, and notes that it speaks.
func (r *Reader) find(key flowKey) *flow {
	f := r.flows[key]
	if f != nil {
		r.recent.MoveToBack(f.element)
	}
	return f
}

func (r *Reader) begin(key flowKey, info Info, midway bool) *flow {
	r.drop(key)
	for len(r.flows) >= r.o.MaxConns {
		old := r.recent.Front().Value.(*flow)
		if !old.over {
			r.stats.Forgotten++
			r.end(old, protocol.Stopped)
		}
		r.drop(old.key)
	}
	r.stats.Conns++
	f := &flow{key: key, conn: &Conn{Info: info, Number: r.stats.Conns, Midway: midway}}
	f.halves[ofDevice].fin, f.halves[ofCenter].fin = -1, -1
	f.element = r.recent.PushBack(f)
	r.flows[key] = f
	r.emit(f, 0, nil)
	return f
}

func (r *Reader) drop(key flowKey) {
	if f := r.flows[key]; f != nil {
		r.recent.Remove(f.element)
		delete(r.flows, key)
	}
}

// end gives what is left and says that the connection is over.
func (r *Reader) end(f *flow, k protocol.TrafficKind) {
	if f.over {
		return
	}
	r.giveUp(f, ofDevice)
	r.giveUp(f, ofCenter)
	f.over = true
	r.emit(f, k, nil)
}

// marked handles what a Writer's comment says; done where the packet is no more
// than that.
func (r *Reader) marked(f *flow, comment string) (done bool) {
	switch {
	case comment == markWoken:
		r.emit(f, protocol.Woken, nil)
	case comment == markEnded:
		r.end(f, protocol.Ended)
	case comment == markStopped:
		r.end(f, protocol.Stopped)
	case strings.HasPrefix(comment, markLost):
		n, err := strconv.ParseInt(comment[len(markLost):], 10, 64)
		if err != nil || n <= 0 {
			return false
		}
		if f.conn.Transport == TCP {
			r.giveUp(f, ofDevice)
		} else {
			r.emitLost(f, ofDevice, n)
		}
	default:
		return false
	}
	return true
}

// opened reads the mark of a stream's first packet.
func opened(comment string) (m mark, ok bool) {
	text, ok := strings.CutPrefix(comment, markOpen)
	return m, ok && json.Unmarshal([]byte(text), &m) == nil
}

func (r *Reader) serial(p *packet) {
	key := flowKey{iface: p.iface}
	f := r.find(key)
	m, open := opened(p.comment)
	if f == nil || open || f.over {
		if f != nil {
			r.end(f, protocol.Stopped)
		}
		name := p.name
		if open {
			name = m.Name
		}
		f = r.begin(key, Info{Transport: Serial, Name: name, Codec: m.Codec, Dialed: m.Dialed}, !open)
	}
	if open || r.marked(f, p.comment) {
		return
	}
	if len(p.data) > 0 {
		r.emit(f, kind(p.direction != outbound), p.data)
	}
	if p.cut > 0 {
		r.emitLost(f, sideOf(p.direction != outbound), int64(p.cut))
	}
}

func sideOf(fromDevice bool) int {
	if fromDevice {
		return ofDevice
	}
	return ofCenter
}

// between is the key of a connection, the same for both directions.
func between(s *segment) flowKey {
	a, b := s.src, s.dst
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	return flowKey{pair: pair{s.proto, a, b}}
}

// identify says who is who on a new connection. caller is 1 where the packet's
// sender opened it, -1 where its receiver did, 0 where that is not known.
func (r *Reader) identify(p *packet, s *segment, caller int, m mark) Info {
	i := Info{Transport: TCP, Name: m.Name, Codec: m.Codec, Dialed: m.Dialed}
	if s.proto == protoUDP {
		i.Transport = UDP
	}
	var fromDevice bool
	ofSrc, ofDst := false, false
	if r.o.Center != nil {
		ofSrc, ofDst = r.o.Center(s.src), r.o.Center(s.dst)
	}
	switch {
	case m.Device != "":
		fromDevice = m.Device == s.src.String()
	case ofSrc != ofDst:
		fromDevice = ofDst
	case caller != 0:
		fromDevice = caller > 0
	case p.direction != 0:
		fromDevice = p.direction == inbound
	default:
		fromDevice = s.src.Port() >= s.dst.Port()
	}
	i.Device, i.Center = s.src, s.dst
	if !fromDevice {
		i.Device, i.Center = s.dst, s.src
	}
	return i
}

func (r *Reader) datagram(p *packet, s *segment) {
	key := between(s)
	f := r.find(key)
	m, open := opened(p.comment)
	if f == nil || open || f.over {
		if f != nil {
			r.end(f, protocol.Stopped)
		}
		f = r.begin(key, r.identify(p, s, 1, m), false)
	}
	if open || r.marked(f, p.comment) {
		return
	}
	fromDevice := s.src == f.conn.Device
	if len(s.payload) > 0 {
		r.emit(f, kind(fromDevice), s.payload)
	}
	if s.missing > 0 {
		r.emitLost(f, sideOf(fromDevice), int64(s.missing))
	}
}

func (r *Reader) segment(p *packet, s *segment) {
	key := between(s)
	f := r.find(key)
	syn, ack := s.flags&flagSYN != 0, s.flags&flagACK != 0
	m, _ := opened(p.comment)
	switch {
	case syn && !ack && (f == nil || f.over || !f.hasISN || f.isn != s.seq):
		if f != nil {
			r.end(f, protocol.Ended) // a new connection of the same addresses
		}
		f = r.begin(key, r.identify(p, s, 1, m), false)
		f.isn, f.hasISN = s.seq, true
	case f == nil && syn:
		f = r.begin(key, r.identify(p, s, -1, m), false)
		f.isn, f.hasISN = s.ack-1, ack
	case f == nil && len(s.payload) > 0:
		f = r.begin(key, r.identify(p, s, 0, m), true)
	case f == nil:
		r.skip("no connection")
		return
	case f.over:
		r.skip("after the end")
		return
	}
	fromDevice := s.src == f.conn.Device
	side := sideOf(fromDevice)
	h, other := &f.halves[side], &f.halves[1-side]
	seq := s.seq
	if syn {
		seq++
	}
	if !h.known {
		h.known, h.base = true, seq
	}
	pos := h.position(seq)
	if d := pos - h.next; d > maxWindow || d < -maxWindow {
		r.skip("out of the window")
		return
	}
	if ack && other.known {
		if a := other.position(s.ack); a-other.next <= maxWindow {
			other.acked = max(other.acked, a)
		}
	}
	// An acknowledgement that carries nothing also says how far its sender is;
	// a probe one byte behind says nothing.
	h.high = max(h.high, pos)
	before := h.size
	h.add(pos, s.payload, s.missing, &r.stats, func(b []byte) { r.emit(f, kind(fromDevice), b) })
	r.held += h.size - before
	if s.flags&flagFIN != 0 && h.fin < 0 {
		if other.fin < 0 {
			f.closed = over(fromDevice)
		}
		h.fin = pos + int64(len(s.payload)+s.missing)
	}
	if h.fin >= 0 {
		h.high = min(h.high, h.fin) // the end has a sequence number but no byte
	}
	r.look(f, ofDevice)
	r.look(f, ofCenter)
	if r.marked(f, p.comment) || f.over {
		return
	}
	switch d, c := &f.halves[ofDevice], &f.halves[ofCenter]; {
	case s.flags&flagRST != 0:
		r.end(f, over(fromDevice))
	case d.fin >= 0 && d.next >= d.fin && c.fin >= 0 && c.next >= c.fin:
		r.end(f, f.closed)
	}
}

// over is the kind of an end that one side brought about.
func over(byDevice bool) protocol.TrafficKind {
	if byDevice {
		return protocol.Ended
	}
	return protocol.Stopped
}

// look gives up holes that stay.
func (r *Reader) look(f *flow, side int) {
	h := &f.halves[side]
	if !h.hole() {
		h.since = time.Time{}
		return
	}
	if h.since.IsZero() {
		h.since = r.now
	}
	age := r.now.Sub(h.since)
	if h.size > maxHeld || r.held > maxHeldAll || age > longestHole || age >= patience && h.acked > h.next {
		r.giveUp(f, side)
		h.since = time.Time{}
	}
}

// giveUp passes over all holes of a direction.
func (r *Reader) giveUp(f *flow, side int) {
	h := &f.halves[side]
	before := h.size
	for h.hole() {
		next := h.next
		h.skip(func(n int64) { r.emitLost(f, side, n) }, func(b []byte) { r.emit(f, kind(side == ofDevice), b) })
		if h.next == next {
			break // what is beyond the end
		}
	}
	r.held += h.size - before
}

// IsEnd reports whether an error of Next means that the file is at its end:
// io.EOF, or ErrCut, as after a crash.
func IsEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, ErrCut) }
