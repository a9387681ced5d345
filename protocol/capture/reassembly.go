package capture

import (
	"bytes"
	"slices"
	"time"

	"github.com/sargas-em/em/protocol"
)

// half is one direction of a TCP connection. Positions are bytes since the
// start of the stream, so that they do not wrap.
type half struct {
	known bool      // base is
	base  uint32    // sequence number of position 0
	next  int64     // position of the first byte not given yet
	high  int64     // position behind the last byte that is known to have been sent
	fin   int64     // position of the end; -1 where it is not known
	acked int64     // position that the other side has confirmed
	since time.Time // the hole that is there
	held  []piece   // beyond a hole, in order, not overlapping
	size  int       // what held costs in bytes
}

type piece struct {
	pos  int64
	data []byte
}

func (p piece) end() int64 { return p.pos + int64(len(p.data)) }

// position places a sequence number next to where the stream is.
func (h *half) position(seq uint32) int64 {
	return h.next + int64(int32(seq-h.base-uint32(h.next)))
}

// Limits of what waits for missing bytes.
const (
	// A hole whose bytes the other side has confirmed will not be filled but by
	// packets that the capture tool delivers late, which it does by less than this.
	patience = time.Second
	// A hole is given up after this even where no confirmation was seen, as in
	// captures of one direction: TCP repeats lost segments sooner.
	longestHole = 2 * time.Minute
	// Bytes that one direction may hold: four windows of 64 KiB. All connections
	// together hold maxHeldAll.
	maxHeld    = 256 << 10
	maxHeldAll = 64 << 20
	pieceCost  = 64 // of the list, for each piece
	// No window of TCP is larger (RFC 7323): what is farther off is not of this stream.
	maxWindow = 1 << 30
)

// add takes a segment's data at a position, and gives what is in order now to
// emit. Where bytes came twice, those that came first count.
func (h *half) add(pos int64, data []byte, missing int, st *Stats, emit func([]byte)) {
	end := pos + int64(len(data))
	h.high = max(h.high, end+int64(missing))
	if pos < h.next {
		old := min(h.next, end) - pos
		st.Retransmitted += old
		data, pos = data[old:], pos+old
	}
	if len(data) == 0 {
		return
	}
	if pos == h.next && len(h.held) == 0 {
		h.next = end
		emit(data)
		return
	}
	if pos > h.next {
		st.Reordered++
	}
	h.hold(piece{pos, data}, st)
	h.release(emit)
}

// compare counts bytes that came twice, and differently.
func (h *half) compare(old, add piece, st *Stats) {
	from, to := max(old.pos, add.pos), min(old.end(), add.end())
	if from >= to {
		return
	}
	st.Retransmitted += to - from
	if !bytes.Equal(old.data[from-old.pos:to-old.pos], add.data[from-add.pos:to-add.pos]) {
		st.Conflicts++
	}
}

// hold keeps the parts of p that are not held yet.
func (h *half) hold(p piece, st *Stats) {
	for i := 0; len(p.data) > 0; i++ {
		if i == len(h.held) || p.end() <= h.held[i].pos {
			h.insert(i, p)
			return
		}
		q := h.held[i]
		if q.end() <= p.pos {
			continue
		}
		h.compare(q, p, st)
		if p.pos < q.pos {
			h.insert(i, piece{p.pos, p.data[:q.pos-p.pos]})
			i++
		}
		p = piece{q.end(), p.data[min(int64(len(p.data)), q.end()-p.pos):]}
	}
}

func (h *half) insert(i int, p piece) {
	p.data = bytes.Clone(p.data)
	h.held = slices.Insert(h.held, i, p)
	h.size += pieceCost + len(p.data)
}

// release gives what the hole's end has made in order.
func (h *half) release(emit func([]byte)) {
	for len(h.held) > 0 && h.held[0].pos <= h.next {
		p := h.held[0]
		h.held = slices.Delete(h.held, 0, 1)
		h.size -= pieceCost + len(p.data)
		h.next = p.end()
		emit(p.data)
	}
}

// skip gives up the hole before what is held, or before high where nothing is.
func (h *half) skip(lost func(int64), emit func([]byte)) {
	to := h.high
	if h.fin >= 0 {
		to = min(to, h.fin)
	}
	if len(h.held) > 0 {
		to = h.held[0].pos
	}
	if to > h.next {
		lost(to - h.next)
		h.next = to
	}
	h.release(emit)
}

// hole reports whether bytes are missing in front of known ones.
func (h *half) hole() bool { return len(h.held) > 0 || h.high > h.next }

// kind is the traffic of a direction.
func kind(fromDevice bool) protocol.TrafficKind {
	if fromDevice {
		return protocol.Received
	}
	return protocol.Sent
}
