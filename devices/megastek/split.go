package megastek

import (
	"bytes"
	"fmt"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/nmea"
)

// maxFrame bounds a frame. A Report with ten access points has about 350 bytes.
const maxFrame = 1024

const (
	digits   = 4  // of a length in front of a Report
	idWidth  = 16 // of the identity in STXPadded
	idMarker = 2  // the byte behind it
)

// shortest is the length of the shortest Report that a length may announce.
const shortest = len("$MGV002;!")

// Split finds the next frame, told by its first bytes; CR, LF and a lone "!"
// between frames mean nothing. A frame ends by itself where its form says where
// (";!", or ";" and a check code), and else with its line. The start of another
// frame before that starts anew, so that a cut frame costs no other.
func (Codec) Split(b []byte) (frame []byte, n int, err error) {
	if n = between(b); n > 0 || len(b) == 0 {
		return nil, n, nil
	}
	switch c := b[0]; {
	case c >= '0' && c <= '9':
		return splitPrefixed(b)
	case c == '$':
		if n, ok := starts(b, "$MGV"); !ok {
			return nil, n, junk(n)
		}
		return splitLine(b, len("$MGV"), func(i int) int {
			if b[i] == '!' {
				return i + 1
			}
			return 0
		}, 0)
	case c == 'S':
		if n, ok := starts(b, "STX"); !ok {
			return nil, n, junk(n)
		}
		return splitSTX(b, len("STX"))
	case c == 'L':
		if n, ok := starts(b, "LOGSTX"); !ok {
			return nil, n, junk(n)
		}
		return splitSTX(b, len("LOGSTX"))
	case c == 'c':
		if n, ok := starts(b, aidStart); !ok {
			return nil, n, junk(n)
		}
		return splitLine(b, len(aidStart), func(int) int { return 0 }, 0)
	}
	n = skip(b)
	return nil, n, junk(n)
}

func junk(n int) error {
	if n == 0 {
		return nil // more bytes are needed
	}
	return protocol.ErrJunk
}

// between counts the bytes at the start of b that separate frames.
func between(b []byte) (n int) {
	for n < len(b) && (b[n] == '\r' || b[n] == '\n' || b[n] == '!') {
		n++
	}
	return n
}

// skip counts the bytes of b before the next one that may start a frame.
func skip(b []byte) int {
	if i := bytes.IndexAny(b[1:], "$SLc0123456789\r\n"); i >= 0 {
		return 1 + i
	}
	return len(b)
}

// starts reports whether b starts as want. Where it does not, n bytes are junk;
// 0 where it may yet.
func starts(b []byte, want string) (n int, ok bool) {
	switch have := min(len(b), len(want)); {
	case string(b[:have]) != want[:have]:
		return skip(b), false
	case have < len(want):
		return 0, false
	}
	return 0, true
}

// splitPrefixed splits a Report behind its length. The frame ends where the
// Report does or, at the latest, where the length says: a wrong length costs the
// one frame.
func splitPrefixed(b []byte) (frame []byte, n int, err error) {
	length := 0
	for i := range digits {
		if i == len(b) {
			return nil, 0, nil
		}
		if b[i] < '0' || b[i] > '9' {
			n = skip(b)
			return nil, n, junk(n)
		}
		length = 10*length + int(b[i]-'0')
	}
	if head := b[digits:]; len(head) < len("$MGV") || string(head[:len("$MGV")]) != "$MGV" {
		if n, _ := starts(head, "$MGV"); n > 0 {
			return nil, 1, protocol.ErrJunk // the next digit may start one
		}
		return nil, 0, nil
	}
	if length < shortest || length > maxFrame-digits {
		return nil, digits, fmt.Errorf("%w: a report of %d bytes", protocol.ErrMalformed, length)
	}
	end := digits + length
	window := b[:min(len(b), end)]
	if whole(window[digits+1:]) {
		return window[:len(window):len(window)], len(window) + between(b[len(window):]), nil
	}
	return splitWindow(b, window, end)
}

// whole reports whether b is a Report behind its "$" as most are: up to its end, without
// a sign that would need a second look.
func whole(b []byte) bool {
	stop := bytes.IndexByte(b, ';')
	return stop >= 0 && string(b[stop:]) == ";!" && bytes.IndexByte(b, '$') < 0
}

// splitWindow splits a Report at the start of b, of which window has all that its length
// gives it, which would end it at end.
func splitWindow(b, window []byte, end int) (frame []byte, n int, err error) {
	stop := bytes.Index(window, []byte(";!"))
	if again := restart(window, digits+1, false); again > 0 && (stop < 0 || again < stop) {
		return nil, again, fmt.Errorf("%w: a frame without its end", protocol.ErrMalformed)
	}
	switch {
	case stop >= 0:
		end = stop + len(";!")
	case len(b) < end:
		return nil, 0, nil
	}
	return b[:end:end], end + between(b[end:]), nil
}

// restart returns where, at from or behind it, another frame starts inside a
// frame, or 0. Only an older form, where no free text can hold it, is searched
// for the start of one.
func restart(b []byte, from int, older bool) int {
	at := -1
	rest := b[min(from, len(b)):]
	if i := bytes.Index(rest, []byte("$MGV")); i >= 0 {
		at = from + i
		if p := at - digits; p >= from && len(bytes.Trim(b[p:at], "0123456789")) == 0 {
			at = p
		}
	}
	if i := bytes.Index(rest, []byte("STX")); older && i >= 0 && (at < 0 || from+i < at) {
		at = from + i
		if p := at - len("LOG"); p >= from && string(b[p:at]) == "LOG" {
			at = p
		}
	}
	return max(at, 0)
}

// splitSTX splits a frame of one of the older forms, whose start has head bytes.
func splitSTX(b []byte, head int) (frame []byte, n int, err error) {
	from := head
	if len(b) > head && b[head] != ',' {
		from += idWidth + len("\x02O") // which may be any bytes
	}
	return splitLine(b, head, func(i int) (end int) {
		switch {
		case i < from:
		case b[i] == '!':
			return i
		case b[i] == ';' && len(b) >= i+3:
			if _, err := nmea.ParseCheck(b[i+1 : i+3]); err == nil {
				return i + 3
			}
		}
		return 0
	}, from)
}

// splitLine splits a frame that ends with its line, or before that where ends
// says so of the byte at i. Line ends before from are none.
func splitLine(b []byte, head int, ends func(i int) (end int), from int) (frame []byte, n int, err error) {
	end := 0
	for i := head; i < len(b) && end == 0; i++ {
		if i >= from && (b[i] == '\r' || b[i] == '\n') {
			end = i
		} else {
			end = ends(i)
		}
	}
	window := b
	if end > 0 {
		window = b[:end]
	}
	if again := restart(window, head, b[0] != '$'); again > 0 {
		return nil, again, fmt.Errorf("%w: a frame without its end", protocol.ErrMalformed)
	}
	if end == 0 {
		return nil, 0, nil
	}
	return b[:end:end], end + between(b[end:]), nil
}
