package siadc09

import (
	"bytes"
	"fmt"

	"github.com/sargas-em/em/protocol"
)

// MaxFrame is the longest frame in bytes. Events have some dozens; the longest
// known, encrypted with position and addresses for verification, stay below 1 KB.
const MaxFrame = 4096

// head is what a frame's first bytes look like.
type head uint8

const (
	headNone    head = iota // no frame begins so
	headPartial             // more bytes are needed
	headHex                 // LF, four digits of check code, four of length, quote
	headBinary              // LF, two bytes of check code, four digits of length, quote
	headPoll                // LF SR, four digits, L
	headPollAck             // LF "ACK" CR
)

// bodyAt is where the quote is in a frame of that head; of others, the byte
// behind the LF.
func (h head) bodyAt() int {
	switch h {
	case headHex:
		return 9
	case headBinary:
		return 7
	}
	return 1
}

const (
	pollStart = "\nSR"
	pollHead  = len("\nSR0000L")
	pollAck   = "\n\"ACK\"\r"
)

// headOf looks at b, which begins with LF.
func headOf(b []byte) head {
	shape := func(first, digits int, sign byte) bool { // as far as b goes
		end := first + digits
		for i := first; i < end && i < len(b); i++ {
			if !isHex(b[i]) {
				return false
			}
		}
		return len(b) <= end || b[end] == sign
	}
	starts := func(s string) bool { n := min(len(b), len(s)); return string(b[:n]) == s[:n] }
	whole := func(ok bool, n int, h head) head {
		switch {
		case !ok:
			return headNone
		case len(b) < n:
			return headPartial
		}
		return h
	}
	if h := whole(shape(1, 8, '"'), headHex.bodyAt()+1, headHex); h == headHex {
		return h // as nearly all; none of the others fits then
	}
	found := headNone
	for _, h := range [...]head{
		whole(shape(1, 8, '"'), headHex.bodyAt()+1, headHex),
		// The standard has no message of 4 KB: the length begins with 0.
		whole(shape(3, 4, '"') && (len(b) < 4 || b[3] == '0'), headBinary.bodyAt()+1, headBinary),
		whole(starts(pollStart) && shape(len(pollStart), 4, 'L'), pollHead, headPoll),
		whole(starts(pollAck), len(pollAck), headPollAck),
	} {
		found = max(found, h)
	}
	return found
}

// Split finds the next frame, from LF to CR, both included. Further CRs and LFs
// between frames mean nothing; an LF inside a frame starts anew.
func (Codec) Split(b []byte) (frame []byte, n int, err error) {
	switch {
	case len(b) == 0:
		return nil, 0, nil
	case b[0] == '\r':
		return nil, len(b) - len(bytes.TrimLeft(b, "\r")), nil
	case b[0] != '\n':
		return nil, toLF(b, 0), protocol.ErrJunk
	}
	h := headOf(b)
	switch h {
	case headPartial:
		return nil, 0, nil
	case headNone:
		if len(b) > 1 && (b[1] == '\n' || b[1] == '\r') {
			return nil, 1, nil
		}
		return nil, toLF(b, 1), protocol.ErrJunk
	}
	from := h.bodyAt()
	end := bytes.IndexByte(b[from:], '\r')
	body := b[from:]
	if end >= 0 {
		body = body[:end]
	}
	switch again := bytes.IndexByte(body, '\n'); {
	case again >= 0:
		return nil, from + again, fmt.Errorf("%w: a message without its end", protocol.ErrMalformed)
	case end < 0:
		return nil, 0, nil
	}
	n = from + end + 1
	return b[:n:n], n, nil
}

// toLF returns how many bytes there are from b's start to the next LF behind at.
func toLF(b []byte, at int) int {
	if i := bytes.IndexByte(b[at:], '\n'); i >= 0 {
		return at + i
	}
	return len(b)
}
