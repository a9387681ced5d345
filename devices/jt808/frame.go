package jt808

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/checksum"
	"github.com/sargas-em/em/protocol/wire"
)

// The two framings.
const (
	flag    = 0x7E // the standard's; 7E is sent as 7D 02, 7D as 7D 01
	altFlag = 0xE7 // E7 is sent as E6 02, E6 as E6 01, 3D as 3E 02, 3E as 3E 01

	// sharedFlags may end a frame and begin the next.
	sharedFlags = "\x7E\xE7"
)

// Codec reads and writes frames. The zero value is strict.
type Codec struct {
	// RelaxedChecksum takes frames whose check code or length is wrong; the
	// message's Header then has BadCheck set.
	RelaxedChecksum bool
}

// Split finds the next frame: from flag to flag, or a line in parentheses. What
// stands between two flags and has neither a right length nor a right check code
// is no frame; its last flag may begin the next one. That of a frame may too: see
// protocol.Device.Shared.
func (Codec) Split(b []byte) (frame []byte, n int, err error) {
	if len(b) == 0 {
		return nil, 0, nil
	}
	switch b[0] {
	case flag:
		end := bytes.IndexByte(b[1:], flag) + 1
		switch {
		case end == 0:
			return nil, 0, nil
		case end == 1:
			return nil, 1, nil // nothing between two flags
		}
		if err := plausible(b[:end+1], bytes.IndexByte(b[1:end], 0x7D) >= 0); err != nil {
			return nil, junkLen(b), err
		}
		return b[: end+1 : end+1], end + 1, nil
	case altFlag:
		return splitAlt(b)
	case '(':
		return splitLine(b)
	}
	return nil, junkLen(b), protocol.ErrJunk
}

// splitAlt finds a frame of the other framing. E7 is a common byte: only one
// that a known type follows begins a frame, and only as far as its length reaches.
func splitAlt(b []byte) (frame []byte, n int, err error) {
	limit := MaxFrame
	if head := unescapeSome(b[1:], 4); len(head) >= 2 {
		if !known(uint16(head[0])<<8 | uint16(head[1])) {
			return nil, junkLen(b), protocol.ErrJunk
		}
		if len(head) == 4 {
			size := int(head[2])<<8&lengthMask | int(head[3])
			limit = 2 + 2*(headerLen(true, false, true)+4+size+1)
		}
	}
	end := bytes.IndexByte(b[1:], altFlag) + 1
	switch {
	case end == 0 && len(b) <= limit:
		return nil, 0, nil
	case end == 0 || end+1 > limit:
		return nil, junkLen(b), protocol.ErrJunk
	}
	if err := plausible(b[:end+1], true); err != nil {
		return nil, junkLen(b), err
	}
	return b[: end+1 : end+1], end + 1, nil
}

// maxLine bounds a line in parentheses; known ones have some 40 characters.
const maxLine = 256

// splitLine finds a line of text in parentheses.
func splitLine(b []byte) (frame []byte, n int, err error) {
	for i, c := range b[1:min(len(b), maxLine)] {
		switch {
		case c == ')':
			return b[: i+2 : i+2], i + 2, nil
		case c < ' ' || c >= flag || c == '(':
			return nil, i + 1, protocol.ErrJunk
		}
	}
	if len(b) >= maxLine {
		return nil, junkLen(b), protocol.ErrJunk
	}
	return nil, 0, nil
}

// junkLen returns how many bytes, at least one, come before what may be a frame.
func junkLen(b []byte) int {
	for i, c := range b[1:] {
		if c == flag || c == altFlag || c == '(' {
			return i + 1
		}
	}
	return len(b)
}

// plausible returns nil for a frame that has a right length or a right check code.
// escaped says that it may have escapes.
func plausible(frame []byte, escaped bool) error {
	n, sum := len(frame), byte(0)
	var head [2 + 2]byte // type and attributes
	if escaped {
		// Nothing is kept but the head: what is a frame is unescaped by Decode.
		n = 0
		err := unescapeEach(frame, func(some []byte) {
			if at := n - 1; at < len(head) && n > 0 {
				copy(head[at:], some)
			}
			sum ^= checksum.Xor8(some) // both flags too, which come to nothing
			n += len(some)
		})
		if err != nil {
			return err
		}
	} else if n > len(head) {
		copy(head[:], frame[1:])
	}
	code := uint16(head[0])<<8 | uint16(head[1])
	attr := uint16(head[2])<<8 | uint16(head[3])
	before := 1 + headerLen(frame[0] == altFlag, attr&wideBit != 0, !compact(code))
	if attr&partBit != 0 {
		before += 2 + 2
	}
	body := n - before - 2 // check code and flag
	if n < 1+len(head) || body < 0 {
		return fmt.Errorf("jt808: %w: %d bytes are no frame", protocol.ErrMalformed, len(frame))
	}
	size := int(attr & lengthMask)
	if size == body {
		return nil
	}
	if !escaped {
		sum = checksum.Xor8(frame[1 : n-1])
	}
	if sum != 0 {
		return fmt.Errorf("jt808: %w: 0x%04X says %d bytes and has %d, and the check code is wrong", protocol.ErrMalformed, code, size, body)
	}
	return nil
}

// escapes reports whether a frame may have escapes, or flags inside.
func escapes(frame []byte) bool {
	if len(frame) < 2 || frame[0] != flag || frame[len(frame)-1] != flag {
		return true
	}
	return bytes.IndexByte(frame, 0x7D) >= 0 || bytes.IndexByte(frame[1:], flag)+2 < len(frame)
}

// signs are all that escapes stand for.
var signs = []byte{0x3D, 0x3E, 0x7D, 0x7E, 0xE6, 0xE7}

// unescaped returns the byte that an escape stands for.
func unescaped(first, second, flagByte byte) (b byte, ok bool) {
	if second != 1 && second != 2 {
		return 0, false
	}
	switch {
	case flagByte == flag:
		return 0x7D + second - 1, true
	case first == 0xE6:
		return 0xE6 + second - 1, true
	}
	return 0x3E - second + 1, true
}

func isEscape(b, flagByte byte) bool {
	return flagByte == flag && b == 0x7D || flagByte == altFlag && (b == 0xE6 || b == 0x3E)
}

// unescape returns the frame, flags included, without escapes: the frame itself,
// or a copy in the memory's scratch.
func unescape(frame []byte, memory *wire.Memory) ([]byte, error) {
	if !escapes(frame) {
		return frame, nil
	}
	plain := memory.Scratch(len(frame))
	if err := unescapeEach(frame, func(some []byte) { plain = append(plain, some...) }); err != nil {
		return nil, err
	}
	return plain, nil
}

// unescapeEach tells the bytes of the frame, flags included, without escapes: what
// stands between two of them at once.
func unescapeEach(frame []byte, tell func([]byte)) error {
	n := len(frame)
	if n < 2 || frame[0] != frame[n-1] || frame[0] != flag && frame[0] != altFlag {
		return fmt.Errorf("jt808: %w: %d bytes are no frame", protocol.ErrMalformed, n)
	}
	tell(frame[:1])
	for i := 1; i < n-1; {
		some := frame[i : n-1]
		some = some[:nextSign(some, frame[0])]
		tell(some)
		if i += len(some); i == n-1 {
			break
		}
		switch b := frame[i]; {
		case b == frame[0]:
			return &wire.FieldError{Field: "flag", Offset: i, Err: fmt.Errorf("%w: inside a frame", wire.ErrValue)}
		case isEscape(b, frame[0]):
			v, ok := unescaped(b, frame[i+1], frame[0])
			if !ok {
				return &wire.FieldError{Field: "escape", Offset: i, Err: fmt.Errorf("%w: %02X %02X", wire.ErrValue, b, frame[i+1])}
			}
			at := bytes.IndexByte(signs, v)
			tell(signs[at : at+1])
			i += 2
		default:
			return &wire.FieldError{Field: "escape", Offset: i, Err: fmt.Errorf("%w: 3D as it is", wire.ErrValue)}
		}
	}
	tell(frame[:1])
	return nil
}

// nextSign returns where the next byte of b stands that does not stand for itself;
// its length where there is none.
func nextSign(b []byte, flagByte byte) int {
	for i, v := range b {
		if v == flagByte || isEscape(v, flagByte) || flagByte == altFlag && v == 0x3D {
			return i
		}
	}
	return len(b)
}

// unescapeSome returns up to n bytes of the other framing's unescaped content.
func unescapeSome(b []byte, n int) (plain []byte) {
	for i := 0; i < len(b) && len(plain) < n && b[i] != altFlag; i++ {
		v := b[i]
		if isEscape(v, altFlag) {
			if i+1 == len(b) {
				break
			}
			i++
			v, _ = unescaped(v, b[i], altFlag)
		}
		plain = append(plain, v)
	}
	return plain
}

// appendEscaped appends content between flags.
func appendEscaped(dst, content []byte, flagByte byte) []byte {
	dst = append(dst, flagByte)
	for _, b := range content {
		switch {
		case flagByte == flag && (b == 0x7D || b == 0x7E):
			dst = append(dst, 0x7D, b-0x7D+1)
		case flagByte == altFlag && (b == 0xE6 || b == 0xE7):
			dst = append(dst, 0xE6, b-0xE6+1)
		case flagByte == altFlag && (b == 0x3E || b == 0x3D):
			dst = append(dst, 0x3E, 0x3E-b+1)
		default:
			dst = append(dst, b)
		}
	}
	return append(dst, flagByte)
}

// offsets returns for each byte of the unescaped frame where it begins in the
// frame, and the frame's length behind the last.
func offsets(frame []byte) []int {
	at := []int{0}
	for i := 1; i < len(frame); i++ {
		at = append(at, i)
		if i < len(frame)-1 && isEscape(frame[i], frame[0]) {
			i++
		}
	}
	return append(at, len(frame))
}

// The bits of the attributes.
const (
	lengthMask  = 0x03FF
	encryptBits = 7 << 10
	partBit     = 1 << 13
	wideBit     = 1 << 14 // the header of 2019
	confirmBit  = 1 << 15
)

// headerLen is the length of a header without the part's number.
func headerLen(alt, wide, longSerial bool) int {
	n := 2 + 2 + 6 + 1
	if wide {
		n += 1 + 4
	} else if alt {
		n++
	}
	if longSerial {
		n++
	}
	return n
}

// longestID is the longest number of a terminal in bytes.
const longestID = 10

// longestHead is the longest header in bytes, with its flag.
const longestHead = 1 + 2 + 2 + 1 + longestID + 2 + 2 + 2

// read reads flag and header; size is the body's length as stated, part
// says whether the body is but a part. The ID, which is text of the message's own
// memory, is left to whoever has made the message.
func (h *Header) read(f *wire.Cursor) (id []byte, size int, part bool) {
	var short [longestHead]byte // zeros behind the end, so that it can be looked at
	plain := f.Ahead()
	b := plain
	if len(b) < longestHead {
		copy(short[:], b)
		b = short[:]
	}
	h.Alternative = b[0] == altFlag
	h.Code = binary.BigEndian.Uint16(b[1:])
	attr := binary.BigEndian.Uint16(b[3:])
	size = int(attr & lengthMask)
	h.Encryption = uint8(attr & encryptBits >> 10)
	h.Confirm = attr&confirmBit != 0
	terminal, idLen := 1+2+2, 6
	if attr&wideBit != 0 {
		h.Version = em.Some(b[terminal])
		terminal++
		idLen = longestID
	} else if h.Alternative {
		idLen = 7
	}
	serial := terminal + idLen
	end := serial + 2
	if h.Serial = binary.BigEndian.Uint16(b[serial:]); compact(h.Code) {
		h.Serial >>= 8
		end--
	}
	parts := end
	if part = attr&partBit != 0; part {
		h.Total, h.Index = binary.BigEndian.Uint16(b[end:]), binary.BigEndian.Uint16(b[end+2:])
		end += 2 + 2
	}
	if end <= f.Len() {
		f.Advance(end)
		return plain[terminal:serial], size, part
	}
	f.Bytes(1, "flag") // and all others, for the error of the one that is cut
	f.U16("type")
	f.U16("attributes")
	f.Bytes(terminal-(1+2+2), "version")
	f.Bytes(idLen, "terminal")
	f.Bytes(parts-serial, "serial")
	f.U16("parts")
	f.U16("part")
	return nil, 0, false
}

// Decode reads a frame. Types that the package does not know become a
// *protocol.Raw with the whole frame as Data, because the answer needs its
// header. Errors are a *wire.FieldError, a *protocol.ChecksumError or wrap
// protocol.ErrMalformed.
func (c Codec) Decode(frame []byte) (protocol.Message, error) {
	return c.DecodeReuse(frame, nil)
}

// DecodeReuse is Decode with the caller's memory.
func (c Codec) DecodeReuse(frame []byte, memory *wire.Memory) (protocol.Message, error) {
	if len(frame) > 0 && frame[0] == '(' {
		return decodeLine(frame, memory)
	}
	plain, err := unescape(frame, memory)
	if err != nil {
		return nil, err
	}
	var f wire.Cursor
	f.Begin(plain, memory)
	m, wrong := read(&f, plain, frame)
	if err = f.Err(); wrong != nil && !c.RelaxedChecksum {
		err = wrong // before what the broken bytes look like
	}
	if err != nil {
		return nil, moved(err, offsets(frame))
	}
	return m, nil
}

// Dissect is Decode with a span for every byte.
func (c Codec) Dissect(frame []byte) (protocol.Message, []wire.Span, error) {
	m, err := c.Decode(frame)
	return m, frames().Dissect(frame), err
}

// moved is an error with its offset in the frame with escapes.
func moved(err error, at []int) error {
	var fe *wire.FieldError
	var ce *protocol.ChecksumError
	switch {
	case errors.As(err, &ce):
		e := *ce
		e.Offset = at[e.Offset]
		return &e
	case errors.As(err, &fe):
		e := *fe
		e.Offset = at[e.Offset]
		return &e
	}
	return err
}

// read reads an unescaped frame; wrong is its wrong check code or length, if one is.
func read(f *wire.Cursor, plain, frame []byte) (m protocol.Message, wrong error) {
	var h Header
	id, size, part := h.read(f)
	end := len(plain) - 2 // of the body
	if f.Err() != nil || f.Pos() > end {
		f.FailAt("body", min(f.Pos(), len(plain)), wire.ErrTruncated)
		return nil, nil
	}
	found := plain[end]
	switch want := checksum.Xor8(plain[1:end]); {
	case found != want:
		wrong = &protocol.ChecksumError{Algorithm: "XOR-8", Offset: end, Found: uint32(found), Expected: uint32(want)}
	case size != end-f.Pos():
		wrong = &wire.FieldError{Field: "attributes", Offset: 3, Err: fmt.Errorf("%w: says %d, the body has %d", wire.ErrValue, size, end-f.Pos())}
	}
	h.BadCheck = wrong != nil
	outer := f.Limit(end-f.Pos(), "body")
	f.Spare(2 * len(id))
	var known headed
	if part {
		p := wire.Own[Part](f)
		p.Header, p.Data = h, f.RestData("part of the body")
		known = p
	} else {
		known = readBody(f, &h)
	}
	if m = known; known != nil {
		known.head().ID = f.Digits(id)
	} else {
		f.Rest("body")
		m = &protocol.Raw{Code: fmt.Sprintf("0x%04X", h.Code), Data: slices.Clone(frame)}
	}
	f.Restore(outer)
	return m, wrong
}

// decodeLine reads a line of text.
func decodeLine(line []byte, memory *wire.Memory) (protocol.Message, error) {
	var f wire.Cursor
	f.Begin(line, memory)
	f.Expect("(", "start")
	base := wire.Own[Base](&f)
	text := f.Text(len(line)-2, "line")
	f.Expect(")", "end")
	if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r >= flag || r == '(' || r == ')' }); i >= 0 {
		f.FailAt("line", 1+i, fmt.Errorf("%w: %q inside a line", wire.ErrValue, text[i]))
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	if strings.Contains(text, baseMark) {
		base.Text = text
		return base, nil
	}
	return &protocol.Raw{Code: "line", Data: slices.Clone(line)}, nil
}
