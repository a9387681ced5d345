package main

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/sargas-em/em/protocol"
)

// frame is a piece of a stream: bytes that mean nothing, then a frame or what
// could not be read as one.
type frame struct {
	skipped []byte // before raw: what separates frames, or is in none
	offset  int64  // of raw in the stream
	raw     []byte // nil at the end of a stream that ends with skipped bytes
	msg     protocol.Message
	err     error
	junk    bool // raw is no frame of the dialect
}

// stream cuts one direction of a conversation into pieces. Every byte that is
// fed is in exactly one of them, but for a flag that two frames share.
type stream struct {
	dev   protocol.Device
	split *protocol.Splitter
	data  []byte // what no piece has yet; as bounded as the splitter
	base  int64  // of the splitter's offsets
	told  int64  // the offset of data
	over  bool
}

// newStream begins at an offset of the whole.
func newStream(dev protocol.Device, at int64) *stream {
	return &stream{dev: dev, split: protocol.NewSplitter(dev), base: at, told: at}
}

// feed hands over bytes. Take all pieces before the next call.
func (s *stream) feed(b []byte) {
	s.split.Write(b) // it never fails
	s.data = append(s.data, b...)
}

// end says that the stream is over.
func (s *stream) end() {
	s.over = true
	s.split.End()
}

// at is the offset behind all that was fed.
func (s *stream) at() int64 { return s.told + int64(len(s.data)) }

// next returns the next piece; false where there is none yet.
func (s *stream) next() (frame, bool) {
	raw, off, ok, ferr := s.split.Next()
	if ferr != nil {
		off = ferr.Offset
	}
	off += s.base
	var f frame
	switch {
	case ferr != nil && errors.Is(ferr.Err, io.ErrUnexpectedEOF) && len(bytes.TrimSpace(ferr.Raw)) == 0:
		// The line's own end.
	case ferr != nil:
		f = frame{raw: ferr.Raw, err: ferr.Err, junk: true}
	case ok:
		f.raw = slices.Clone(raw)
		f.msg, f.err = s.dev.Codec.Decode(f.raw)
	}
	if f.raw == nil {
		if !s.over || len(s.data) == 0 {
			return f, false
		}
		f.skipped, f.offset, s.data = s.data, s.at(), nil
		s.told = f.offset
		return f, true
	}
	// A codec may take what stands before a frame together with it.
	before := int(off - s.told)
	if before < 0 { // its first byte is the last of the frame before
		f.offset = off
		s.data = s.data[len(f.raw)+before:]
		s.told = off + int64(len(f.raw))
		return f, true
	}
	if i := bytes.Index(s.data[before:], f.raw); i > 0 {
		before += i
	}
	f.skipped = slices.Clone(s.data[:before])
	f.offset = s.told + int64(before)
	s.data = s.data[before+len(f.raw):]
	s.told = f.offset + int64(len(f.raw))
	return f, true
}
