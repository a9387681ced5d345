package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/internal/frames"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

// inventedIdentity belongs to no device. Observations of frames that carry no
// identity themselves are told under it.
const inventedIdentity = "990000000000017"

// result is what was understood of one line, or of one frame of a conversation.
type result struct {
	N            int              `json:"n"` // of the line, or of the packet; from 1
	OK           bool             `json:"ok"`
	Error        string           `json:"error,omitempty"`
	Note         string           `json:"note,omitempty"`      // why a frame that decodes gave no observations
	Completed    string           `json:"completed,omitempty"` // what the copy lacked, and was put back
	Codec        string           `json:"codec,omitempty"`     // of --codec auto, and of conversations
	Why          string           `json:"why,omitempty"`       // it is that codec
	Conn         int              `json:"conn,omitempty"`      // from 1
	Name         string           `json:"name,omitempty"`      // of the connection
	From         string           `json:"from,omitempty"`      // device or center
	Received     *time.Time       `json:"received,omitempty"`
	Device       em.DeviceID      `json:"device,omitempty"` // as the session knows it
	Messages     []message        `json:"messages"`
	Observations []em.Observation `json:"observations"`
	Pieces       []piece          `json:"frames,omitempty"`

	dev    protocol.Device
	frames []frame
}

// message is a message's kind and its own fields, as the codec names them.
type message struct {
	Kind   string           `json:"kind"`
	Fields protocol.Message `json:"fields"`
}

// piece is a frame with each of its bytes in one field: what a dump shows too.
type piece struct {
	Offset int64   `json:"offset"` // of the first field
	Type   string  `json:"type,omitempty"`
	Error  string  `json:"error,omitempty"`
	Fields []field `json:"fields"`
}

type field struct {
	Offset int64  `json:"offset"` // in the line or stream
	Hex    string `json:"hex"`
	Name   string `json:"name"`
	Value  string `json:"value,omitempty"`
	Note   string `json:"note,omitempty"`
}

// cut counts the frames that were found, whether they decode or not.
func (r *result) cut() (n int) {
	for _, f := range r.frames {
		if f.raw != nil && !f.junk {
			n++
		}
	}
	return n
}

// fail notes the first error.
func (r *result) fail(err error) {
	if r.OK {
		r.OK, r.Error = false, err.Error()
	}
}

// understand decodes a line as a conversation of its own. It reads no clock, so
// that the same input gives the same output: an observation whose frame carries
// no time has no "at".
func (r *result) understand(l frames.Line, identity string) {
	r.OK, r.Messages, r.Observations = true, []message{}, []em.Observation{}
	if l.Err != nil {
		r.fail(l.Err)
		r.frames = []frame{{skipped: l.Data, offset: int64(len(l.Data))}}
		return
	}
	session, err := startSession(r.dev, l.Data, identity)
	if err != nil {
		r.fail(err)
		return
	}
	s := newStream(r.dev, 0)
	s.feed(l.Data)
	s.end()
	some := false
	for {
		f, ok := s.next()
		if !ok {
			break
		}
		some = some || f.raw != nil
		r.take(f, session, time.Time{})
	}
	if !some {
		r.fail(fmt.Errorf("no frame of %s in %d bytes", r.dev.Name, len(l.Data)))
	}
}

// take adds a piece of a stream, and lets the session, where there is one, make
// observations of its message.
func (r *result) take(f frame, session protocol.Session, now time.Time) {
	r.frames = append(r.frames, f)
	switch {
	case f.err != nil:
		r.fail(f.err)
	case f.msg != nil:
		r.Messages = append(r.Messages, message{f.msg.Type(), f.msg})
		if session == nil {
			return
		}
		var out protocol.Output
		if err := session.Handle(now, f.msg, &out); err != nil && r.Note == "" {
			r.Note = err.Error() // a server's command, or a frame that names nobody: the codec understands it all the same
		}
		r.observe(out, now)
		r.Device = session.Device()
	}
}

// observe adds observations. Without a time of reception they have none.
func (r *result) observe(out protocol.Output, now time.Time) {
	for _, o := range out.Observations {
		if !now.IsZero() {
			r.Observations = append(r.Observations, o.Stamp(now))
			continue
		}
		at := o.At
		o = o.Stamp(o.DeviceAt)
		if o.Received = (time.Time{}); o.DeviceAt.IsZero() {
			o.At = at
		}
		r.Observations = append(r.Observations, o)
	}
}

// startSession returns a session ready for the line: a fresh one, or one that
// has been logged in under identity where the dialect asks for that and the
// line does not begin with a login.
func startSession(dev protocol.Device, data []byte, identity string) (protocol.Session, error) {
	fresh := func() protocol.Session { return dev.Sessions(protocol.SessionConfig{Identity: identity}) }
	dec := protocol.NewDecoder(bytes.NewReader(data), dev)
	var first protocol.Frame
	for {
		f, err := dec.Next()
		if err == nil {
			first = f
			break
		}
		var ferr *protocol.FrameError
		if !errors.As(err, &ferr) {
			return fresh(), nil // nothing decodes; the caller says so
		}
	}
	if err := fresh().Handle(time.Time{}, first.Message, new(protocol.Output)); !errors.Is(err, protocol.ErrNoIdentity) {
		return fresh(), nil
	}
	sim, err := dev.Simulator(identity, 1)
	if err != nil {
		return nil, err
	}
	var out protocol.Output
	if err := sim.Wake(time.Time{}, &out); err != nil {
		return nil, err
	}
	s := fresh()
	for _, m := range out.Send {
		if err := s.Handle(time.Time{}, m, new(protocol.Output)); err != nil {
			return nil, fmt.Errorf("login under the invented identity: %w", err)
		}
	}
	return s, nil
}

// pieces says of each byte what it is.
func (r *result) pieces() []piece {
	var all []piece
	for _, f := range r.frames {
		p := piece{Offset: f.offset - int64(len(f.skipped)), Fields: []field{}}
		add := func(off int64, b []byte, name, value, note string) {
			if len(b) > 0 {
				p.Fields = append(p.Fields, field{off, hex.EncodeToString(b), name, value, note})
			}
		}
		add(p.Offset, f.skipped, "unparsed", "", "")
		if f.raw == nil {
			if len(p.Fields) > 0 {
				all = append(all, p)
			}
			continue
		}
		if f.err != nil {
			p.Error = f.err.Error()
		} else {
			p.Type = f.msg.Type()
		}
		d, ok := r.dev.Codec.(protocol.Dissector)
		if !ok || f.junk {
			add(f.offset, f.raw, "unparsed", "", "")
			all = append(all, p)
			continue
		}
		_, spans, err := d.Dissect(f.raw)
		var bad *wire.FieldError
		errors.As(err, &bad)
		for _, s := range spans {
			if bad != nil && s.Len > 0 && bad.Offset >= s.Offset && bad.Offset < s.Offset+s.Len {
				s.Note = "WRONG: " + bad.Field + ": " + bad.Err.Error()
				bad = nil
			}
			add(f.offset+int64(s.Offset), f.raw[s.Offset:s.Offset+s.Len], s.Name, s.Value, s.Note)
		}
		all = append(all, p)
	}
	return all
}
