package bactrack

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

// Codec reads and writes the frames of dialect V and the lines of the tunnel,
// which may follow each other in any order on one stream. The zero value is
// strict.
type Codec struct {
	// RelaxedChecksum takes frames whose XOR is wrong, for looking into
	// captures with identifiers that were changed by hand.
	RelaxedChecksum bool
}

var (
	_ protocol.Codec     = Codec{}
	_ protocol.Dissector = Codec{}
	_ protocol.Reuser    = Codec{}
)

// MaxFrame is the longest frame in bytes: a line of the tunnel that carries a
// frame of dialect V of the greatest length, 6 + 255 bytes.
const MaxFrame = maxLine

// Split implements protocol.Codec. A frame begins with 10 02 or with "EMTUN/".
func (Codec) Split(b []byte) (frame []byte, n int, err error) {
	switch {
	case len(b) == 0:
		return nil, 0, nil
	case overlap(b, vioStart):
		return splitVio(b)
	case overlap(b, lineStart):
		return splitLine(b)
	}
	return nil, nextStart(b), protocol.ErrJunk
}

// overlap reports whether one of b and start begins with the other: whether a
// frame may begin here.
func overlap(b []byte, start string) bool {
	n := min(len(b), len(start))
	return string(b[:n]) == start[:n]
}

// nextStart returns how many bytes to skip, one at least, to where a frame may
// begin or to the end of b.
func nextStart(b []byte) int {
	for i := 1; i < len(b); i++ {
		if overlap(b[i:], vioStart) || overlap(b[i:], lineStart) {
			return i
		}
	}
	return len(b)
}

// Decode implements protocol.Codec.
func (c Codec) Decode(frame []byte) (protocol.Message, error) { return c.DecodeReuse(frame, nil) }

// DecodeReuse is Decode with the caller's memory.
func (c Codec) DecodeReuse(frame []byte, memory *wire.Memory) (protocol.Message, error) {
	var cur reader
	cur.Begin(frame, memory)
	if bytes.HasPrefix(frame, []byte(lineStart)) {
		return c.readLine(frame, &cur)
	}
	return c.readVio(frame, &cur, nil)
}

// reader reads a line, a frame of dialect V or a value. What stands in a line in
// hexadecimal digits is read as the message keeps it, which is made first: so both are
// one allocation, also with the result that it is in.
type reader struct {
	wire.Cursor
	inResult bool
	result   *TunnelResult // which was made
}

// own makes a message: of the frame that cur reads, or, where b is not nil, of that
// value, which cur reads from its start then.
func own[T any](cur *reader, b []byte) *T {
	switch {
	case b == nil:
		return wire.Own[T](&cur.Cursor)
	case !cur.inResult:
		return wire.OwnFrame[T](&cur.Cursor, b)
	}
	both := wire.OwnFrame[struct {
		message T
		result  TunnelResult
	}](&cur.Cursor, b)
	cur.result = &both.result
	return &both.message
}

// Dissect implements protocol.Dissector.
func (c Codec) Dissect(frame []byte) (protocol.Message, []wire.Span, error) {
	m, err := c.Decode(frame)
	return m, frames().Dissect(frame), err
}

// finish returns m if the cursor read all of the frame without an error.
func finish(cur *reader, m protocol.Message) (protocol.Message, error) {
	if n := cur.Len(); n > 0 {
		cur.Fail("end", fmt.Errorf("%w: %d bytes behind it", protocol.ErrMalformed, n))
	}
	if err := cur.Err(); err != nil {
		return nil, err
	}
	return m, nil
}

// Append implements protocol.Codec.
func (c Codec) Append(dst []byte, m protocol.Message) ([]byte, error) {
	var out []byte
	var err error
	if r, ok := m.(*protocol.Raw); ok {
		if strings.HasPrefix(r.Code, "0x") {
			out, err = appendRawVio(dst, r)
		} else {
			out, err = appendRawLine(dst, r)
		}
	} else if isTunnel(m) {
		out, err = appendLine(dst, m)
	} else {
		out, err = appendVio(dst, m)
	}
	if err != nil {
		return dst, err
	}
	return out, nil
}

// unsupported says why a message has no encoding.
func unsupported(format string, args ...any) error {
	return fmt.Errorf("bactrack: %s: %w", fmt.Sprintf(format, args...), protocol.ErrUnsupported)
}

func rawCode(cmd byte) string { return fmt.Sprintf("0x%02X", cmd) }

func parseRawCode(code string) (byte, bool) {
	v, err := strconv.ParseUint(strings.TrimPrefix(code, "0x"), 16, 8)
	return byte(v), err == nil && rawCode(byte(v)) == code
}
