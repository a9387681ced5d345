package journal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// A message of the log is a version byte, the gateway's name, the number of
// entries and the entries; each carries the raw frames beside what they decoded
// to, so that the log alone is enough to decode again. Version 1 had no gateway,
// and of an entry the report alone; it is read as long as logs have it.
const commitVersion = 2

func appendCommitHeader(dst []byte, gateway string, entries int) []byte {
	return em.AppendUint(em.AppendString(append(dst, commitVersion), gateway), uint64(entries))
}

func appendEntry(dst []byte, e *Entry) ([]byte, error) {
	dst = em.AppendString(em.AppendUint(dst, e.Conversation), string(e.Foreign))
	return appendReport(dst, &e.Report)
}

func appendReport(dst []byte, r *protocol.Report) ([]byte, error) {
	dst = em.AppendString(em.AppendString(dst, r.Conn), r.Codec)
	dst = em.AppendTime(em.AppendString(dst, string(r.Device)), r.Received)
	dst = em.AppendUint(dst, uint64(len(r.Frames)))
	for i := range r.Frames {
		f := &r.Frames[i]
		dst = em.AppendUint(em.AppendInt(dst, f.Offset), uint64(len(f.Raw)))
		dst = append(dst, f.Raw...)
		dst = em.AppendString(dst, f.Type)
		msg := ""
		if f.Err != nil {
			msg = f.Err.Error()
		}
		dst = em.AppendString(dst, msg)
		dst = em.AppendUint(dst, uint64(len(f.Observations)))
		for _, o := range f.Observations {
			at := len(dst)
			var err error
			if dst, err = o.AppendBinary(dst); err != nil {
				return nil, err
			}
			dst = prefixLength(dst, at)
		}
	}
	return dst, nil
}

// prefixLength puts before what stands at the end of dst, from at on, how long it is,
// as em.AppendString would have.
func prefixLength(dst []byte, at int) []byte {
	end := len(dst)
	dst = em.AppendUint(dst, uint64(end-at))
	var length [binary.MaxVarintLen64]byte
	n := copy(length[:], dst[end:])
	copy(dst[at+n:], dst[at:end])
	copy(dst[at:], length[:n])
	return dst
}

// decoder reads commits, each for its own, but for memory: one for a reader of many
// makes the texts that come again and again once.
type decoder struct {
	texts   map[string]string // nil where none are kept
	senders map[string]sender // by device; nil where none are kept
}

// sender is a device and the connection that its last report came by.
type sender struct {
	device em.DeviceID
	conn   string
}

func newDecoder() *decoder {
	return &decoder{texts: map[string]string{}, senders: map[string]sender{}}
}

// Bounds of it.
const (
	mostTexts   = 8192
	mostSenders = 1 << 17 // more than report to one center at once, some ten million bytes
	longSender  = 128     // the texts of a sender that is kept have so many bytes together
)

// text reads a string that often is the one before.
func (d *decoder) text(r *em.StateReader, before string) string {
	b := r.Bytes(r.Len())
	if string(b) == before {
		return before
	}
	if s, ok := d.texts[string(b)]; ok || d.texts == nil {
		if !ok {
			s = string(b)
		}
		return s
	}
	if len(d.texts) >= mostTexts {
		clear(d.texts)
	}
	s := string(b)
	d.texts[s] = s
	return s
}

// sender returns the texts of who sent a report: mostly they are those of its last one.
func (d *decoder) sender(device, conn []byte) sender {
	was, known := d.senders[string(device)]
	if known && string(conn) == was.conn {
		return was
	}
	s := sender{was.device, string(conn)}
	if !known {
		s.device = em.DeviceID(device)
	}
	if d.senders == nil || len(device)+len(conn) > longSender {
		return s
	}
	if len(d.senders) >= mostSenders && !known {
		clear(d.senders)
	}
	d.senders[string(s.device)] = s
	return s
}

// commit reads a commit, but for entries of which want says no to each device.
func (d *decoder) commit(b []byte, want func(em.DeviceID) bool) (c Commit, err error) {
	m := newMemory()
	if b, err = unpack(&m.unpacked, b); err != nil {
		return c, err
	}
	r := em.NewStateReader(b)
	v := r.Bytes(1)
	if v == nil || v[0] == 0 || v[0] > commitVersion {
		return c, fmt.Errorf("%w: not a commit of a version known here", em.ErrState)
	}
	if v[0] > 1 {
		c.Gateway = d.text(r, "")
	}
	n := r.Len()
	var before protocol.Report
	for ; n > 0 && r.Err() == nil; n-- {
		var e Entry
		if v[0] > 1 {
			e.Conversation, e.Foreign = r.Uint(), em.DeviceID(d.text(r, ""))
		}
		if want != nil {
			after := *r
			if !passReport(&after, want) {
				*r = after
				continue
			}
		}
		e.Report = d.report(m, r, &before)
		before = e.Report
		m.entries = append(m.entries, e)
	}
	c.Entries, c.memory = m.entries[:len(m.entries):len(m.entries)], m
	return c, r.Close()
}

// passReport reads over a report; true where want says yes to a device in it.
func passReport(r *em.StateReader, want func(em.DeviceID) bool) (wanted bool) {
	pass := func(n int) { // strings
		for range n {
			r.Bytes(r.Len())
		}
	}
	pass(2)
	device := r.Bytes(r.Len())
	wanted = want(em.DeviceID(device))
	r.Time()
	for n := r.Len(); n > 0 && r.Err() == nil; n-- {
		r.Int()
		pass(3)
		for m := r.Len(); m > 0 && r.Err() == nil; m-- {
			d, err := em.ReadDevice(r.Bytes(r.Len()))
			if err != nil && r.Err() == nil {
				r.Fail(err.Error())
			}
			wanted = wanted || string(d) != string(device) && want(d)
		}
	}
	return wanted
}

// report reads a report, which has much of the one before.
func (d *decoder) report(m *memory, r *em.StateReader, before *protocol.Report) protocol.Report {
	conn := r.Bytes(r.Len())
	rep := protocol.Report{Codec: d.text(r, before.Codec)}
	who := d.sender(r.Bytes(r.Len()), conn)
	rep.Conn, rep.Device, rep.Received = who.conn, who.device, r.Time()
	kind := ""
	if len(before.Frames) > 0 {
		kind = before.Frames[0].Type
	}
	n := r.Len()
	for rep.Frames = m.frames.list(&frameChunks, n); n > 0 && r.Err() == nil; n-- {
		f := protocol.ReportFrame{Offset: r.Int(), Raw: r.Bytes(r.Len())}
		if len(f.Raw) == 0 {
			f.Raw = nil
		}
		f.Type = d.text(r, kind)
		kind = f.Type
		if msg := r.Bytes(r.Len()); len(msg) > 0 {
			f.Err = errors.New(string(msg))
		}
		k := r.Len()
		for f.Observations = m.observations.list(&observationChunks, k); k > 0 && r.Err() == nil; k-- {
			o := em.Observation{Device: rep.Device} // mostly it is
			if err := o.UnmarshalBinary(r.Bytes(r.Len())); err != nil {
				r.Fail(err.Error())
				break
			}
			f.Observations = append(f.Observations, o)
		}
		rep.Frames = append(rep.Frames, f)
	}
	return rep
}
