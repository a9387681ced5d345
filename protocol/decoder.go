package protocol

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Splitter cuts a stream of bytes into frames, skips junk, and never holds more
// than MaxFrame bytes and one chunk. Feed it with Write; take with Next until
// it has no more. Every byte of the stream is in a frame, between frames where
// the codec says that it means nothing, or in a *FrameError. The zero value is
// not usable: see NewSplitter. A Splitter is not safe for concurrent use.
type Splitter struct {
	codec  Codec
	max    int
	buf    []byte
	start  int   // of the unread bytes in buf
	offset int64 // of buf[start] in the stream
	junk   *FrameError
	shared string
	eof    bool
	flag   byte // in front of start, where it ended a frame and may begin the next
	lent   bool // buf[start] is that flag, which its frame has had too
}

// NewSplitter splits the frames of d.
func NewSplitter(d Device) *Splitter {
	return &Splitter{codec: d.Codec, max: d.MaxFrame, shared: d.Shared}
}

// Write appends bytes of the stream; it keeps a copy. Take all frames with Next
// before the next Write: the bound on memory rests on it.
func (s *Splitter) Write(p []byte) (int, error) {
	if s.start > 0 {
		s.buf = s.buf[:copy(s.buf, s.buf[s.start:])]
		s.start = 0
	}
	s.buf = append(s.buf, p...)
	return len(p), nil
}

// End tells that the stream is over. Next then reports an unfinished frame as an
// error that wraps io.ErrUnexpectedEOF, and finds the frames that it hid.
func (s *Splitter) End() { s.eof = true }

// Buffered returns how many bytes wait for the rest of their frame.
func (s *Splitter) Buffered() int { return len(s.buf) - s.start }

// Next returns the next frame and its offset in the stream. The frame is valid
// until the next Write. Where err is set there is no frame: it is junk, or a
// frame that is too long or unfinished, and the stream goes on behind it; call
// Next again. ok is false, and err nil, when more bytes are needed.
func (s *Splitter) Next() (frame []byte, offset int64, ok bool, err *FrameError) {
	for {
		// No more than a read adds to what waits, however much was written at once: a
		// codec that looks for an end far ahead, byte by byte, would never be done.
		b := s.buf[s.start:min(len(s.buf), s.start+s.max+largeRead)]
		if len(b) == 0 {
			if cap(s.buf) > largeRead/4 {
				s.buf, s.start = nil, 0 // a rare backlog must not stay with an idle connection
			}
			err := s.takeJunk()
			return nil, s.offset, err != nil, err
		}
		frame, n, serr := s.codec.Split(b)
		switch {
		case n < 0 || n > len(b):
			// A codec that breaks its contract must not take the stream down.
			s.skip(len(b), fmt.Errorf("%w: codec split %d of %d bytes", ErrMalformed, n, len(b)))
		case n == 0 && len(b) > s.max:
			s.skip(1, ErrFrameTooLong)
		case n == 0 && s.eof:
			// Byte by byte: what junk took for a frame may hide good ones.
			s.skip(1, fmt.Errorf("%w: the stream ends inside a frame", io.ErrUnexpectedEOF))
		case n == 0:
			// Junk in front is told at once: the rest may never come.
			err := s.takeJunk()
			return nil, s.offset, err != nil, err
		case serr != nil && s.lend(b[0]):
			// The flag that ended the last frame may begin this one.
		case serr != nil:
			s.skip(n, serr)
		case frame == nil && s.junk != nil:
			s.skip(n, ErrJunk) // inside junk, so that what is kept of it is as it came
		case frame == nil:
			s.advance(n)
		case len(frame) > s.max:
			s.skip(n, ErrFrameTooLong)
		default:
			if err := s.takeJunk(); err != nil {
				return nil, s.offset, true, err // the frame comes with the next call
			}
			offset = s.offset
			s.advance(n)
			if end := frame[len(frame)-1]; len(frame) == n && strings.IndexByte(s.shared, end) >= 0 {
				s.flag = end
			}
			return frame, offset, true, nil
		}
	}
}

func (s *Splitter) advance(n int) {
	s.start += n
	s.offset += int64(n)
	s.flag, s.lent = 0, false
}

// lend takes back the flag that ended the last frame, to be looked at with what
// follows, of which next is the first byte; false where there is none. The byte in
// front of start is still there, but for the first write since.
func (s *Splitter) lend(next byte) bool {
	if s.flag == 0 || s.flag == next {
		return false
	}
	if s.start == 0 {
		s.buf = slices.Insert(s.buf, 0, s.flag)
	} else {
		s.start--
	}
	s.offset--
	s.flag, s.lent = 0, true
	return true
}

// skip adds n bytes to the junk that is being collected. Neighbouring junk is
// one error, with the first cause; no more than max bytes of it are kept.
func (s *Splitter) skip(n int, cause error) {
	if s.lent { // no junk, but what follows is, in which no frame begins
		s.advance(1)
		n = max(1, n-1)
	}
	if s.junk == nil {
		s.junk = &FrameError{Offset: s.offset, Err: cause}
	} else if errors.Is(s.junk.Err, ErrJunk) && !errors.Is(cause, ErrJunk) {
		s.junk.Err = cause
	}
	keep := min(n, max(0, s.max-len(s.junk.Raw)))
	s.junk.Raw = append(s.junk.Raw, s.buf[s.start:s.start+keep]...)
	s.advance(n)
}

func (s *Splitter) takeJunk() *FrameError {
	j := s.junk
	s.junk = nil
	return j
}

// Decoder reads messages from a stream, for tools and tests; a Link is for
// conversations. It is not safe for concurrent use.
type Decoder struct {
	r       io.Reader
	d       Device
	s       *Splitter
	chunk   []byte
	readErr error
	idle    int // reads in a row without bytes
}

// NewDecoder returns a decoder of d's messages.
func NewDecoder(r io.Reader, d Device) *Decoder {
	return &Decoder{r: r, d: d, s: NewSplitter(d), chunk: make([]byte, min(4096, max(512, d.MaxFrame)))}
}

// Frame is one frame of a stream with what became of it.
type Frame struct {
	Offset  int64
	Raw     []byte // owned
	Message Message
}

// Next returns the next frame, decoded. A *FrameError is a part of the stream
// that gave no message; call Next again. Other errors are the reader's, io.EOF
// at the end, and stay; what was unfinished is told before. A reader that
// returns neither bytes nor an error a hundred times gives io.ErrNoProgress.
func (d *Decoder) Next() (Frame, error) {
	for {
		raw, off, ok, ferr := d.s.Next()
		switch {
		case ferr != nil:
			return Frame{}, ferr
		case ok:
			raw = slices.Clone(raw)
			m, err := d.d.Codec.Decode(raw)
			if err != nil {
				return Frame{}, &FrameError{Offset: off, Raw: raw, Err: err}
			}
			return Frame{off, raw, m}, nil
		case d.readErr != nil:
			return Frame{}, d.readErr
		}
		n, err := d.r.Read(d.chunk)
		d.s.Write(d.chunk[:n])
		if d.idle++; n > 0 {
			d.idle = 0
		}
		if err == nil && d.idle == 100 {
			err = io.ErrNoProgress
		}
		if err != nil {
			d.readErr = err
			d.s.End()
		}
	}
}
