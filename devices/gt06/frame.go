package gt06

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/checksum"
	"github.com/sargas-em/em/protocol/wire"
)

const (
	short = 0x78 // first and second byte of a frame with one byte of length
	long  = 0x79 // of a frame with two

	trailer = "\r\n"

	// overhead is what the length counts besides the payload: type, serial and
	// check code.
	overhead = 1 + 2 + 2
)

// Codec reads and writes frames. The zero value is strict.
type Codec struct {
	// RelaxedChecksum takes frames whose check code or length is wrong; the
	// message's Header then has BadCheck set.
	RelaxedChecksum bool
}

// headLen returns the length of header and length field, 0 for no frame's start.
func headLen(b []byte) int {
	switch {
	case len(b) < 2 || b[0] != b[1]:
		return 0
	case b[0] == short:
		return 3
	case b[0] == long:
		return 4
	}
	return 0
}

// announced returns the length of the frame as it announces it itself; ok is
// false where b is too short to say.
func announced(b []byte) (n int, ok bool) {
	head := headLen(b)
	if head == 0 || len(b) < head {
		return 0, false
	}
	if head == 3 {
		return head + int(b[2]) + len(trailer), true
	}
	return head + int(binary.BigEndian.Uint16(b[2:])) + len(trailer), true
}

func endsAt(b []byte, n int) bool {
	return n >= len(trailer) && n <= len(b) && string(b[n-len(trailer):n]) == trailer
}

// Sizes of the frames that have neither serial nor check code.
const (
	bareGPSLen   = 3 + 1 + gpsLen + 2 // length field 18: the payload alone
	bareReplyLen = 3 + 1 + 6 + 2      // length field 0: the answer, a time
	bareLoginLen = 3 + 1 + 8 + 1 + 2  // length field 13, as if serial and check code were there
	bareLoginAck = 3 + 1 + 2          // length field 1
	bareCountAt  = 3 + 1 + 6          // start of the access points
)

// bareLen returns the length of a frame of a Wi-Fi tracker, which has neither
// serial nor check code: 0 for other types, above len(b) where b is too short.
func bareLen(b []byte) int {
	if len(b) < 4 || headLen(b) != 3 {
		return 0
	}
	switch {
	case b[3] == typeLogin && b[2] == 8+overhead:
		// A login with serial 13 can look like one without serial; it is longer.
		if n, _ := announced(b); endsAt(b, bareLoginLen) && !endsAt(b, n) {
			return bareLoginLen
		}
		return 0
	case b[3] == typeLogin && b[2] == 1:
		return bareLoginAck
	case b[3] == typeGPS && b[2] == gpsLen:
		return bareGPSLen
	case b[3] == typeGPS && b[2] == 0:
		return bareReplyLen
	case b[3] == typeWiFi || b[3] == typeWiFiOffline:
		cells := bareCountAt + 7*int(b[2])
		if b[2] == 0 && endsAt(b, bareReplyLen) {
			return bareReplyLen // 13 cells of a country code above 2,559 do not exist
		}
		if len(b) <= max(cells, bareCountAt+1) {
			return len(b) + 1
		}
		n := cells + 1 + len(trailer)
		if c := int(b[cells]); c > 0 {
			n += 3 + 5*c
		} else if len(b) >= n && !endsAt(b, n) {
			n += 3 // country and network are there without cells too
		}
		return n
	}
	return 0
}

// Split finds the next frame. A frame whose announced length does not end in
// 0D 0A ends at the next 0D 0A instead; if a whole frame ends there too, what is
// before that one is junk.
func (Codec) Split(b []byte) (frame []byte, n int, err error) {
	if len(b) == 0 {
		return nil, 0, nil
	}
	if b[0] != short && b[0] != long || len(b) > 1 && headLen(b) == 0 {
		return nil, junkLen(b), protocol.ErrJunk
	}
	n, ok := announced(b)
	bare := bareLen(b)
	switch {
	case len(b) < 2 || !ok:
		return nil, 0, nil
	case bare == bareLoginLen && b[3] == typeLogin:
		return b[:bare:bare], bare, nil // shorter than announced
	case n > MaxFrame: // damage
		n = 0
	case n > len(b):
		if b[2] == short && isWhole(b[1:]) {
			return nil, 1, protocol.ErrJunk // which looked like the first byte of a start
		}
		return nil, 0, nil
	case n >= headLen(b)+overhead+len(trailer) && endsAt(b, n):
		return b[:n:n], n, nil
	}
	if bare > len(b) {
		return nil, 0, nil
	}
	if bare > 0 && endsAt(b, bare) {
		return b[:bare:bare], bare, nil
	}
	from := headLen(b) + 1
	if len(b) < from {
		return nil, 0, nil
	}
	i := bytes.Index(b[from:], []byte(trailer))
	if i < 0 {
		return nil, 0, nil
	}
	n = from + i + len(trailer)
	for i := 1; i < n; i++ {
		if m, ok := announced(b[i:n]); ok && headLen(b[i:]) > 0 && m == n-i && m >= headLen(b[i:])+overhead+len(trailer) {
			return nil, i, protocol.ErrJunk
		}
	}
	return b[:n:n], n, nil
}

// isWhole reports whether b begins with a whole frame whose check code is right.
func isWhole(b []byte) bool {
	n, ok := announced(b)
	return ok && n >= headLen(b)+overhead+len(trailer) && endsAt(b, n) && check(b[:n]) == nil
}

// junkLen returns how many bytes, at least one, come before what may be a frame.
func junkLen(b []byte) int {
	for i := 1; i < len(b); i++ {
		if (b[i] == short || b[i] == long) && (i+1 == len(b) || b[i+1] == b[i]) {
			return i
		}
	}
	return len(b)
}

// Decode reads a frame. Types that the package does not know become a
// *protocol.Raw with the whole frame as Data, because the acknowledgement needs
// header and serial. Errors are a *wire.FieldError or a *protocol.ChecksumError.
func (c Codec) Decode(frame []byte) (protocol.Message, error) { return c.DecodeReuse(frame, nil) }

// DecodeReuse is Decode with the caller's memory.
func (c Codec) DecodeReuse(frame []byte, memory *wire.Memory) (protocol.Message, error) {
	head := headLen(frame)
	bare := isBare(frame)
	tail := len(trailer)
	if !bare {
		tail += 4 // serial and check code
	}
	if head == 0 || len(frame) < head+1+tail || !endsAt(frame, len(frame)) {
		return nil, fmt.Errorf("gt06: %w: %d bytes are no frame", protocol.ErrMalformed, len(frame))
	}
	end := len(frame) - tail

	var body wire.Cursor
	body.Begin(frame[:end], memory)
	body.Spare(2 * imeiLen)
	h := Header{Long: frame[0] == long, Bare: bare}
	body.Bytes(2, "start")
	size := int(readLength(&body, head))
	h.Code = body.U8("type")

	var wrong error
	if !bare {
		h.Serial = binary.BigEndian.Uint16(frame[end:])
		wrong = check(frame)
	}
	if wrong != nil {
		if head+size+len(trailer) != len(frame) {
			wrong = &wire.FieldError{Field: "length", Offset: 2, Err: fmt.Errorf("%w: says %d, the frame has %d, and the check code is wrong", wire.ErrValue, size, len(frame)-head-len(trailer))}
		}
		if h.BadCheck = true; !c.RelaxedChecksum {
			return nil, wrong
		}
	}
	m := readPayload(&body, h, frame)
	if err := body.Err(); err != nil {
		return nil, err
	}
	return m, nil
}

// Dissect is Decode with a span for every byte.
func (c Codec) Dissect(frame []byte) (protocol.Message, []wire.Span, error) {
	m, err := c.Decode(frame)
	return m, frames().Dissect(frame), err
}

func readLength(c *wire.Cursor, head int) uint16 {
	if head == 3 {
		return uint16(c.U8("length"))
	}
	return c.U16("length")
}

func check(frame []byte) error {
	at := len(frame) - len(trailer) - 2
	found, want := binary.BigEndian.Uint16(frame[at:]), checksum.X25(frame[2:at])
	if found == want {
		return nil
	}
	return &protocol.ChecksumError{Algorithm: "CRC-16/X-25", Offset: at, Found: uint32(found), Expected: uint32(want)}
}

// isBare says whether a whole frame is one without serial and check code. One
// that is as long as it announces, and long enough for them, is not.
func isBare(frame []byte) bool {
	n, ok := announced(frame)
	return ok && (n != len(frame) || n < 3+overhead+len(trailer)) && bareLen(frame) == len(frame)
}
