package watch3g

import (
	"bytes"
	"fmt"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

// maxIdentity bounds the device's number: an IMEI has 15 digits.
const maxIdentity = 20

// head is where the parts of a frame begin.
type head struct {
	id, idEnd    int
	index        int // 0 where there is none
	length, size int // of the length field, and what it says
	content      int
}

type headState uint8

const (
	headBad   headState = iota
	headCut             // more bytes are needed
	headWhole           // the content follows
)

// readHead reads "[", two letters or digits, "*", the number, "*", the index and
// "*" where there is one, and the length and "*".
func readHead(b []byte) (h head, state headState) {
	if len(b) < len("[3G*") || b[0] != '[' || !alphanumeric(b[1]) || !alphanumeric(b[2]) || b[3] != '*' {
		for i, ok := range [...]bool{at(b, 0) == '[', alphanumeric(at(b, 1)), alphanumeric(at(b, 2)), at(b, 3) == '*'} {
			if i < len(b) && !ok {
				return h, headBad
			}
		}
		return h, headCut
	}
	h.id = len("[3G*")
	i := h.id
	for ; i < len(b) && i-h.id <= maxIdentity && b[i] >= '0' && b[i] <= '9'; i++ {
	}
	switch {
	case i == h.id && i < len(b) || i-h.id > maxIdentity:
		return h, headBad
	case i == len(b):
		return h, headCut
	case b[i] != '*':
		return h, headBad
	}
	h.idEnd = i
	h.length = i + 1
	if h.size, state = four(b[h.length:]); state != headWhole {
		return h, state
	}
	switch size, state := four(b[h.length+5:]); state {
	case headCut:
		return h, headCut
	case headWhole:
		h.index, h.size = h.length, size
		h.length += 5
	}
	h.content = h.length + 5
	return h, headWhole
}

// at returns a byte of b, or 0 behind its end.
func at(b []byte, i int) byte {
	if i < len(b) {
		return b[i]
	}
	return 0
}

// four reads four hexadecimal digits and a star.
func four(b []byte) (v int, state headState) {
	for i := range 4 {
		if i == len(b) {
			return 0, headCut
		}
		d := wire.HexDigit(b[i])
		if d > 15 {
			return 0, headBad
		}
		v = v<<4 | int(d)
	}
	switch {
	case len(b) == 4:
		return 0, headCut
	case b[4] != '*':
		return 0, headBad
	}
	return v, headWhole
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// Split finds the next frame: up to the bracket that closes it, or, where its
// content holds an opening bracket too many, up to one where the length says. The
// head of another frame inside starts anew.
func (Codec) Split(b []byte) (frame []byte, n int, err error) {
	if n = between(b); n > 0 || len(b) == 0 {
		return nil, n, nil
	}
	h, state := readHead(b)
	switch state {
	case headBad:
		return nil, next(b), protocol.ErrJunk
	case headCut:
		return nil, 0, nil
	}
	// Where the content has no bracket, as in all but texts and sound, it is over at
	// the first that closes.
	end := bytes.IndexByte(b[h.content:], ']')
	if end >= 0 && bytes.IndexByte(b[h.content:h.content+end], '[') < 0 {
		n = h.content + end + 1
		return b[:n:n], n + between(b[n:]), nil
	}
	depth := 1
	for i := h.content; i < len(b); i++ {
		switch b[i] {
		case '[':
			if _, state := readHead(b[i:]); state == headWhole {
				return nil, i, fmt.Errorf("%w: a frame without its end", protocol.ErrMalformed)
			}
			depth++
		case ']':
			if depth--; depth == 0 || i == h.content+h.size {
				n = i + 1
				return b[:n:n], n + between(b[n:]), nil
			}
		}
	}
	if len(b) > maxFrame {
		return nil, next(b), protocol.ErrFrameTooLong // at once: byte by byte is slow
	}
	return nil, 0, nil
}

// between counts the line ends at the start of b.
func between(b []byte) (n int) {
	for n < len(b) && (b[n] == '\r' || b[n] == '\n') {
		n++
	}
	return n
}

// next returns where, behind the first byte, a frame may start.
func next(b []byte) int {
	if i := bytes.IndexByte(b[1:], '['); i >= 0 {
		return 1 + i
	}
	return len(b)
}
