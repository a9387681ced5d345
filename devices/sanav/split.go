package sanav

import (
	"bytes"
	"fmt"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

const (
	get       = "GET /"
	http      = "HTTP/1."
	blankLine = "\r\n\r\n"
)

// Split finds the next line. A report also ends where another one begins inside
// the line, a command with its star, and what is no frame where a command
// begins; the head of an HTTP request or reply ends with a blank line.
func (Codec) Split(b []byte) (frame []byte, n int, err error) {
	if n = between(b); n > 0 || len(b) == 0 {
		return nil, n, nil
	}
	if end := plainEnd(b); end > 0 {
		return b[:end:end], end + between(b[end:]), nil
	}
	return split(b)
}

// plainEnd returns where a line at the start of b ends that is a report as most are,
// with nothing in it that another frame could start with; 0 for all others.
func plainEnd(b []byte) int {
	if !reportHead(b) {
		return 0
	}
	const head = reportDigits + len(",$")
	end := head + wire.Printable(b[head:])
	line := b[head:end]
	if end == len(b) || bytes.IndexByte(line, '$') >= 0 || bytes.IndexByte(line, '#') >= 0 || bytes.IndexByte(line, 'i') >= 0 {
		return 0
	}
	return end
}

// split is Split for all that comes, of which the first byte is none between frames.
func split(b []byte) (frame []byte, n int, err error) {
	switch {
	case !printable(b[0]):
		n = bytes.IndexFunc(b, func(r rune) bool { return r < 0x80 && printable(byte(r)) })
		if n < 0 {
			n = len(b)
		}
		return nil, n, protocol.ErrJunk
	case bytes.HasPrefix(b, []byte(get)):
		return splitHTTP(b, get)
	case bytes.HasPrefix(b, []byte(http)):
		return splitHTTP(b, http)
	}
	line, end := b, wire.Printable(b)
	if end == len(b) {
		end = -1
	} else {
		line = b[:end]
	}
	if b[0] == '#' {
		if star := bytes.IndexByte(line, '*'); star >= 0 {
			end = star + 1
			line = b[:end]
		}
	}
	if again := restart(line); again > 0 {
		end = again
		line = b[:end]
	}
	if command := bytes.IndexByte(line, '#'); command > 0 && !begins(line[:command]) {
		end = command
		line = b[:end]
	}
	switch {
	case end < 0 && len(b) > maxFrame:
		return nil, len(b), protocol.ErrFrameTooLong // at once: byte by byte is slow
	case end < 0:
		return nil, 0, nil
	}
	n = end + between(b[end:])
	if !begins(line) {
		return nil, n, protocol.ErrJunk
	}
	return line[:end:end], n, nil
}

// between counts the line ends at the start of b.
func between(b []byte) (n int) {
	for n < len(b) && (b[n] == '\r' || b[n] == '\n') {
		n++
	}
	return n
}

func printable(c byte) bool { return c >= ' ' && c <= '~' }

// begins reports whether a line may be a frame.
func begins(line []byte) bool {
	if line[0] == '#' || bytes.HasPrefix(line, []byte("imei")) || bytes.HasPrefix(line, []byte(cota)) || reportHead(line) {
		return true
	}
	_, ok := outcome(string(line))
	return ok
}

// restart returns where another report begins inside a line, or 0.
func restart(line []byte) (at int) {
	rest := line[1:]
	for from := 0; ; { // "imei" is rare in all but older reports, and then it is the start of one
		i := bytes.Index(rest[from:], []byte("imei"))
		if i < 0 {
			break
		}
		if from += i + len("imei"); from < len(rest) && (rest[from] == '=' || rest[from] == ':') {
			at = 1 + from - len("imei")
			break
		}
	}
	if i := 1 + reportStart(rest); i > 0 && (at == 0 || i < at) {
		at = i
	}
	return at
}

// splitHTTP splits the head of an HTTP message; another one that starts inside
// it means that this one was cut.
func splitHTTP(b []byte, start string) (frame []byte, n int, err error) {
	end := bytes.Index(b, []byte(blankLine))
	window := b
	if end >= 0 {
		end += len(blankLine)
		window = b[:end]
	}
	if again := bytes.Index(window[1:], []byte(start)); again >= 0 {
		return nil, 1 + again, fmt.Errorf("%w: a head without its end", protocol.ErrMalformed)
	}
	if end < 0 {
		return nil, 0, nil
	}
	return b[:end:end], end, nil
}
