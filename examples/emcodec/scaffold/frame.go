package scaffold

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/checksum"
)

const (
	start     = "\xA5\x5A"
	before    = len(start) + 1 // bytes in front of the body
	overhead  = before + 2     // and the check code behind it
	leastBody = 1 + 8 + 2      // type, identity, serial
	mostBody  = 64             // no message is longer; a longer one is taken for damage
	maxFrame  = overhead + mostBody
	algorithm = "CRC-16/X-25"
)

// Split finds the next frame.
func (c Codec) Split(b []byte) (frame []byte, n int, err error) {
	if i := bytes.IndexByte(b, start[0]); i != 0 {
		if i < 0 {
			i = len(b)
		}
		if i == 0 {
			return nil, 0, nil
		}
		return nil, i, protocol.ErrJunk
	}
	switch {
	case len(b) >= 2 && b[1] != start[1]:
		return nil, 1, protocol.ErrJunk
	case len(b) < before:
		return nil, 0, nil
	}
	body := int(b[before-1])
	switch {
	case body > mostBody:
		return nil, 1, protocol.ErrFrameTooLong
	case body < leastBody:
		return nil, 1, fmt.Errorf("%w: a length of %d", protocol.ErrJunk, body)
	case len(b) < body+overhead:
		return nil, 0, nil
	}
	return b[:body+overhead], body + overhead, nil
}

// checked returns the check code of a frame as it is and as it should be.
func checked(frame []byte) (found, want uint16) {
	end := len(frame) - 2
	return binary.BigEndian.Uint16(frame[end:]), checksum.X25(frame[len(start):end])
}

// seal writes length and check code of a frame that begins at from.
func seal(dst []byte, from int) []byte {
	dst[from+before-1] = byte(len(dst) - from - before)
	return binary.BigEndian.AppendUint16(dst, checksum.X25(dst[from+len(start):]))
}
