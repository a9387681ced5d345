package codectest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"reflect"
	"runtime/debug"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

// This file has the watchers: a codec and a session that pass every call on
// and hold it to the contract of the package comment.

// watched is a codec under watch.
type watched struct {
	t        tester
	codec    protocol.Codec
	known    known
	failures int
}

func watch(t tester, c protocol.Codec, k known) *watched {
	if w, ok := c.(*watched); ok {
		c = w.codec
	}
	return &watched{t: t, codec: c, known: k}
}

// known are the frames, by their hashes, whose decoding was held to the contract: the
// checks of a run come to the same frames again and again, and to decode them is
// enough then. A nil one knows nothing.
type known map[uint64]bool

var hashSeed = maphash.MakeSeed()

// add reports whether a frame was known, and knows it from now on.
func (k known) add(frame []byte) bool {
	if k == nil {
		return false
	}
	h := maphash.Bytes(hashSeed, frame)
	was := k[h]
	k[h] = true
	return was
}

// breach reports a breach of the contract; after many the test ends, so that one
// mistake does not fill the screen.
func (w *watched) breach(input []byte, format string, args ...any) {
	w.t.Errorf("%s\n\tinput %s", fmt.Sprintf(format, args...), show(input))
	if w.failures++; w.failures >= 10 {
		w.t.Fatal("too many breaches of the contract")
	}
}

// show prints bytes both ways.
func show(b []byte) string {
	const most = 400
	if len(b) > most {
		return fmt.Sprintf("%x… (%d bytes)", b[:most], len(b))
	}
	return fmt.Sprintf("%x %q", b, b)
}

// guard runs f and tells a panic with the input that caused it: bytes, or a message.
func guard(t tester, what string, input any, f func()) {
	defer func() {
		if p := recover(); p != nil {
			b, bytes := input.([]byte)
			if !bytes {
				b = fmt.Appendf(nil, "%T %+v", input, input)
			}
			t.Fatalf("%s panics: %v\n\tinput %s\n%s", what, p, show(b), debug.Stack())
		}
	}()
	f()
}

func (w *watched) Split(b []byte) (frame []byte, n int, err error) {
	before := bytes.Clone(b)
	guard(w.t, "Split", before, func() { frame, n, err = w.codec.Split(b) })
	switch {
	case !bytes.Equal(b, before):
		w.breach(before, "Split changes its input")
	case n < 0 || n > len(b):
		w.breach(b, "Split takes %d of %d bytes", n, len(b))
	case frame != nil && err != nil:
		w.breach(b, "Split returns a frame and the error %v", err)
	case frame != nil && (len(frame) == 0 || len(frame) > n || !bytes.Contains(b[:n], frame)):
		w.breach(b, "Split returns the frame %x, which is not in the %d bytes it took", frame, n)
	case frame == nil && n == 0 && err != nil:
		w.breach(b, "Split asks for more bytes and returns the error %v", err)
	case err != nil && !isSplitError(err):
		w.breach(b, "Split returns %v, which wraps no error of package protocol", err)
	}
	return frame, n, err
}

func isSplitError(err error) bool {
	return errors.Is(err, protocol.ErrJunk) || errors.Is(err, protocol.ErrFrameTooLong) || isDecodeError(err)
}

func isDecodeError(err error) bool {
	var fe *wire.FieldError
	return errors.As(err, &fe) || errors.Is(err, protocol.ErrMalformed) || errors.Is(err, protocol.ErrChecksum)
}

func (w *watched) Decode(frame []byte) (m protocol.Message, err error) {
	own := bytes.Clone(frame)
	guard(w.t, "Decode", frame, func() { m, err = w.codec.Decode(own) })
	if w.known.add(frame) {
		return m, err
	}
	switch {
	case !bytes.Equal(own, frame):
		w.breach(frame, "Decode changes its input")
	case m == nil && err == nil:
		w.breach(frame, "Decode returns neither message nor error")
	case m != nil && err != nil:
		w.breach(frame, "Decode returns a %s and the error %v", m.Type(), err)
	case err != nil && !isDecodeError(err):
		w.breach(frame, "Decode returns the untyped error %v", err)
	case err == nil && m.Type() == "":
		w.breach(frame, "Decode returns a %T without a type", m)
	}
	for i := range own {
		own[i] ^= 0xA5
	}
	m2, err2 := m, err
	d, ok := w.codec.(protocol.Dissector)
	if ok { // it decodes too
		if m2, err2 = w.dissect(d, frame); text(err) == text(err2) && reflect.DeepEqual(m, m2) {
			return m, err
		}
	}
	m3, err3 := w.codec.Decode(bytes.Clone(frame))
	switch {
	case text(err) != text(err3):
		w.breach(frame, "Decode gives %v, then %v for the same frame", err, err3)
	case !reflect.DeepEqual(m, m3):
		w.breach(frame, "Decode of the same frame gives another message, or the message aliases the frame (-before +after):\n%s", diff(m3, m))
	case ok && text(err) != text(err2):
		w.breach(frame, "Dissect gives the error %v, Decode %v", err2, err)
	case ok:
		w.breach(frame, "Dissect and Decode differ (-decode +dissect):\n%s", diff(m, m2))
	}
	return m, err
}

// dissect checks the spans of a frame.
func (w *watched) dissect(d protocol.Dissector, frame []byte) (m protocol.Message, err error) {
	var spans []wire.Span
	guard(w.t, "Dissect", frame, func() { m, spans, err = d.Dissect(bytes.Clone(frame)) })
	pos := 0
	for _, s := range spans {
		if s.Offset != pos || s.Len < 0 || s.Name == "" {
			w.breach(frame, "Dissect: span %q of %d bytes at %d, expected one at %d", s.Name, s.Len, s.Offset, pos)
			return m, err
		}
		pos += s.Len
	}
	if pos != len(frame) {
		w.breach(frame, "Dissect: spans cover %d of %d bytes", pos, len(frame))
	}
	return m, err
}

func (w *watched) Append(dst []byte, m protocol.Message) (out []byte, err error) {
	const prefix = "\x00prefix\xff"
	full := append(make([]byte, 0, 64), prefix...)
	tight := []byte(prefix)
	var err2 error
	var b, b2 []byte
	guard(w.t, "Append", m, func() {
		b, err = w.codec.Append(full, m)
		b2, err2 = w.codec.Append(slices.Clip(tight), m)
	})
	breach := func(format string, args ...any) { w.breach(fmt.Appendf(nil, "%T %+v", m, m), format, args...) }
	switch {
	case text(err) != text(err2) || !bytes.Equal(b, b2):
		breach("Append is not deterministic: %x, %v and then %x, %v", b, err, b2, err2)
	case string(full) != prefix || string(tight) != prefix || !bytes.HasPrefix(b, []byte(prefix)):
		breach("Append changes what is in dst: %x", b)
	case err != nil && len(b) != len(prefix):
		breach("Append fails with %v but does not return dst unchanged: %x", err, b)
	case err != nil && !errors.Is(err, protocol.ErrUnsupported):
		breach("Append returns %v, which does not wrap ErrUnsupported", err)
	case err == nil && len(b) == len(prefix):
		breach("Append adds nothing and returns no error")
	}
	if err != nil {
		return dst, err
	}
	return append(dst, b[len(prefix):]...), nil
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// diff prints what two values differ in, unexported fields included.
func diff(a, b any) string {
	return cmp.Diff(a, b, cmp.Exporter(func(reflect.Type) bool { return true }))
}

// outcome is what became of one part of a stream.
type outcome struct {
	frame  []byte // nil for junk
	offset int64
	msg    protocol.Message
	err    error
}

func (o outcome) String() string {
	switch {
	case o.err != nil:
		return fmt.Sprintf("error %v at %d", o.err, o.offset)
	case o.msg != nil:
		return fmt.Sprintf("%s %x at %d", o.msg.Type(), o.frame, o.offset)
	}
	return fmt.Sprintf("frame %x at %d", o.frame, o.offset)
}

// reason names an error's kind for counts.
func reason(err error) string {
	var fe *wire.FieldError
	switch {
	case errors.Is(err, protocol.ErrChecksum):
		return "wrong checksum"
	case errors.Is(err, protocol.ErrFrameTooLong):
		return "too long"
	case errors.As(err, &fe):
		return "field " + fe.Field
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "unfinished"
	case errors.Is(err, protocol.ErrJunk):
		return "junk"
	case errors.Is(err, protocol.ErrMalformed):
		return "malformed"
	}
	return "other: " + text(err)
}

// feed runs chunks through a Splitter and the frames through Decode; with end
// the stream is over after the last. It checks that every byte of the stream is
// accounted for and that the Splitter keeps its bound.
func feed(t tester, d protocol.Device, end bool, chunks ...[]byte) []outcome {
	s := protocol.NewSplitter(d)
	var all []outcome
	total := 0
	drain := func() {
		for {
			frame, off, ok, ferr := s.Next()
			if ferr != nil {
				all = append(all, outcome{offset: ferr.Offset, err: ferr})
				continue
			}
			if !ok {
				break
			}
			o := outcome{frame: bytes.Clone(frame), offset: off}
			o.msg, o.err = d.Codec.Decode(frame)
			all = append(all, o)
		}
		if s.Buffered() > d.MaxFrame {
			t.Fatalf("the splitter holds %d bytes, MaxFrame is %d", s.Buffered(), d.MaxFrame)
		}
	}
	for _, c := range chunks {
		s.Write(c)
		total += len(c)
		drain()
	}
	if end {
		s.End()
		drain()
		if s.Buffered() != 0 {
			t.Fatalf("%d of %d bytes are left at the end of the stream", s.Buffered(), total)
		}
	}
	return all
}

// session is a session under watch.
type session struct {
	protocol.Session
	t     tester
	d     protocol.Device
	codec *watched
	out   protocol.Output
}

func watchSession(t tester, d protocol.Device, s protocol.Session) *session {
	return &session{Session: s, t: t, d: d, codec: watch(t, d.Codec, nil)} // it never decodes
}

// handle hands over a message; it returns what came out, valid until the next call.
func (s *session) handle(now time.Time, m protocol.Message) (*protocol.Output, error) {
	s.out.Reset()
	var err error
	guard(s.t, "Handle", m, func() { err = s.Session.Handle(now, m, &s.out) })
	s.check("Handle of "+m.Type(), err)
	return &s.out, err
}

func (s *session) wake(now time.Time) (*protocol.Output, error) {
	s.out.Reset()
	var err error
	guard(s.t, "Wake", nil, func() { err = s.Session.Wake(now, &s.out) })
	s.check("Wake", err)
	if dl := s.Deadline(); !dl.IsZero() && !dl.After(now) {
		s.t.Fatalf("after Wake(%v) the deadline is %v: the session would spin", now, dl)
	}
	return &s.out, err
}

func (s *session) check(what string, err error) {
	if err != nil && !errors.Is(err, protocol.ErrNoIdentity) && !errors.Is(err, protocol.ErrIdentity) &&
		!errors.Is(err, protocol.ErrMalformed) && !errors.Is(err, protocol.ErrUnsupported) {
		s.t.Errorf("%s returns %v, which wraps none of ErrNoIdentity, ErrIdentity, ErrMalformed, ErrUnsupported", what, err)
	}
	for i, o := range s.out.Observations {
		if e := s.observation(i, o); e != "" {
			s.t.Errorf("%s, observation %d: %s", what, i, e)
		}
	}
	for _, m := range s.out.Send {
		if m == nil {
			s.t.Errorf("%s sends a nil message", what)
			continue
		}
		b, err := s.codec.Append(nil, m)
		if err != nil {
			s.t.Errorf("%s sends a %s that cannot be encoded: %v", what, m.Type(), err)
			continue
		}
		if frame, n, err := s.codec.Split(b); frame == nil || n != len(b) || err != nil {
			s.t.Errorf("%s sends a %s that is not one frame: %x splits at %d, %v", what, m.Type(), b, n, err)
		}
	}
}

func (s *session) observation(i int, o em.Observation) string {
	switch {
	case o.Body == nil:
		return "no body"
	case o.Device == "" || o.Device != s.Device():
		return fmt.Sprintf("device %q, the session's is %q", o.Device, s.Device())
	case int(o.Part) != i:
		return fmt.Sprintf("part %d", o.Part)
	case !o.DeviceAt.IsZero() && o.DeviceAt.Location() != time.UTC || !o.At.IsZero() && o.At.Location() != time.UTC:
		return fmt.Sprintf("times %v and %v are not in UTC", o.DeviceAt, o.At)
	case o.ID != (em.ObservationID{}) || !o.Received.IsZero():
		return "stamped by the session; that is for whoever drives it"
	}
	if f, ok := o.Body.(*em.Fix); ok && f.Validity == em.FixCurrent && !f.Valid() {
		return fmt.Sprintf("a current fix at %v", f.LatLng)
	}
	b, err := o.AppendBinary(nil)
	if err != nil {
		return err.Error()
	}
	var back em.Observation
	if err := back.UnmarshalBinary(b); err != nil {
		return err.Error()
	}
	if _, err := json.Marshal(o); err != nil {
		return err.Error()
	}
	return ""
}
