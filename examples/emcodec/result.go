package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// inventedIdentity belongs to no device. Observations of frames that carry no
// identity themselves are told under it.
const inventedIdentity = "990000000000017"

// result is what was understood of one line.
type result struct {
	N            int               `json:"n"`
	OK           bool              `json:"ok"`
	Error        string            `json:"error,omitempty"`
	Note         string            `json:"note,omitempty"` // why a frame that decodes gave no observations
	Messages     []json.RawMessage `json:"messages"`
	Observations []em.Observation  `json:"observations"`

	frames []frame
}

type frame struct {
	offset int64
	raw    []byte
	msg    protocol.Message
	err    error
}

// understand decodes a line as a conversation of its own. It reads no clock, so
// that the same input gives the same output: an observation whose frame carries
// no time has no "at".
func understand(dev protocol.Device, l line, identity string) result {
	r := result{N: l.n, OK: true, Messages: []json.RawMessage{}, Observations: []em.Observation{}}
	fail := func(err error) {
		if r.OK {
			r.OK, r.Error = false, err.Error()
		}
	}
	if l.err != nil {
		fail(l.err)
		return r
	}
	session, err := conversation(dev, l.data, identity)
	if err != nil {
		fail(err)
		return r
	}
	dec := protocol.NewDecoder(bytes.NewReader(l.data), dev)
	for {
		f, err := dec.Next()
		var ferr *protocol.FrameError
		if errors.As(err, &ferr) {
			if errors.Is(ferr.Err, io.ErrUnexpectedEOF) && len(bytes.TrimSpace(ferr.Raw)) == 0 {
				continue // the line's own end
			}
			r.frames = append(r.frames, frame{ferr.Offset, ferr.Raw, nil, ferr.Err})
			fail(ferr.Err)
			continue
		}
		if err != nil { // io.EOF: the reader is memory
			break
		}
		r.frames = append(r.frames, frame{f.Offset, f.Raw, f.Message, nil})
		doc, err := messageJSON(f.Message)
		if err != nil {
			fail(err)
			continue
		}
		r.Messages = append(r.Messages, doc)
		var out protocol.Output
		if err := session.Handle(time.Time{}, f.Message, &out); err != nil && r.Note == "" {
			r.Note = err.Error() // a server's command, or a frame that names nobody: the codec understands it all the same
		}
		for _, o := range out.Observations {
			at := o.At
			o = o.Stamp(o.DeviceAt)
			if o.Received = (time.Time{}); o.DeviceAt.IsZero() {
				o.At = at
			}
			r.Observations = append(r.Observations, o)
		}
	}
	if len(r.frames) == 0 {
		fail(fmt.Errorf("no frame of %s in %d bytes", dev.Name, len(l.data)))
	}
	return r
}

// conversation returns a session ready for the line: a fresh one, or one that
// has been logged in under identity where the dialect asks for that and the
// line does not begin with a login.
func conversation(dev protocol.Device, data []byte, identity string) (protocol.Session, error) {
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

// messageJSON is the message's kind and its own fields, as the codec names them.
func messageJSON(m protocol.Message) (json.RawMessage, error) {
	return json.Marshal(struct {
		Kind   string           `json:"kind"`
		Fields protocol.Message `json:"fields"`
	}{m.Type(), m})
}

func (r result) writeJSON(w io.Writer) error {
	doc, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", doc)
	return err
}

// perRow is how many bytes stand on one row of a dump.
const perRow = 8

// writeDump shows each byte with the field it belongs to.
func (r result) writeDump(w io.Writer, dev protocol.Device) error {
	var b strings.Builder
	for _, f := range r.frames {
		if d, ok := dev.Codec.(protocol.Dissector); ok && (f.msg != nil || !isJunk(f.err)) {
			_, spans, _ := d.Dissect(f.raw)
			for _, s := range spans {
				dumpField(&b, f.raw, s.Offset, s.Len, s.Name, strings.TrimSpace(s.Value+"   "+s.Note))
			}
		} else {
			dumpField(&b, f.raw, 0, len(f.raw), "unparsed", "")
		}
		if f.err != nil {
			fmt.Fprintf(&b, "=> error: %v\n", f.err)
		} else {
			fmt.Fprintf(&b, "=> %s\n", f.msg.Type())
		}
	}
	for _, o := range r.Observations {
		doc, err := json.Marshal(o)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "   %s\n", doc)
	}
	if r.Note != "" {
		fmt.Fprintf(&b, "   note: %s\n", r.Note)
	}
	if !r.OK && len(r.frames) == 0 {
		fmt.Fprintf(&b, "=> error: %s\n", r.Error)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func isJunk(err error) bool {
	return errors.Is(err, protocol.ErrJunk) || errors.Is(err, protocol.ErrFrameTooLong) || errors.Is(err, io.ErrUnexpectedEOF)
}

func dumpField(b *strings.Builder, raw []byte, off, n int, name, value string) {
	if n == 0 {
		return
	}
	for i := 0; i < n; i += perRow {
		row := raw[off+i : off+min(n, i+perRow)]
		var hex strings.Builder
		for k, v := range row {
			if k > 0 {
				hex.WriteByte(' ')
			}
			fmt.Fprintf(&hex, "%02X", v)
		}
		if i == 0 {
			fmt.Fprintf(b, "%04X  %-24s %-12s %s\n", off+i, hex.String(), name, value)
		} else {
			fmt.Fprintf(b, "%04X  %s\n", off+i, hex.String())
		}
	}
}
