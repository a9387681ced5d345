package rftrack

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/nmea"
	"github.com/sargas-em/em/protocol/wire"
)

const (
	path      = "/deviceDataUpload.do"
	postStart = "POST "
	httpStart = "HTTP/1.1 "
	lineEnd   = "\r\n"
	headEnd   = lineEnd + lineEnd

	maxHead = 2048 // bytes of request line and headers; known ones have some 200
	maxBody = 6144 // bytes: the captured one has 700, and each access point 60
	// MaxFrame is the longest request or reply in bytes.
	MaxFrame = maxHead + maxBody
)

// Codec reads and writes HTTP/1.1 requests with a form in their body, and the
// replies, as they are on the wire; bodies in chunks are for [Handler] alone.
type Codec struct{}

var (
	_ protocol.Dissector = Codec{}
	_ protocol.Described = Codec{}
	_ protocol.Reuser    = Codec{}
)

// Split implements protocol.Codec: a frame is a request or a reply, whole.
func (Codec) Split(b []byte) (frame []byte, n int, err error) {
	for n < len(b) && (b[n] == '\r' || b[n] == '\n') {
		n++
	}
	if n > 0 || len(b) == 0 {
		return nil, n, nil // empty lines before a request line mean nothing (RFC 9112, 2.2)
	}
	if !begins(b) {
		for n = 1; n < len(b) && !begins(b[n:]); n++ {
		}
		return nil, n, protocol.ErrJunk
	}
	body, length, err := readHead(b[:min(len(b), maxHead)])
	switch {
	case body == 0 && len(b) >= maxHead:
		return nil, 1, fmt.Errorf("%w: no end of the head in %d bytes", protocol.ErrFrameTooLong, maxHead)
	case body == 0:
		return nil, 0, nil
	case err != nil:
		return nil, 1, err
	}
	if n = body + length; n > len(b) {
		return nil, 0, nil
	}
	return b[:n:n], n, nil
}

// begins reports whether a frame may begin here.
func begins(b []byte) bool {
	for _, start := range []string{postStart, httpStart} {
		if n := min(len(b), len(start)); string(b[:n]) == start[:n] {
			return true
		}
	}
	return false
}

// readHead returns where the body begins, behind start line, headers and an empty line,
// or 0 where that has not come, and the length of the body, which the headers say once.
func readHead(b []byte) (body, length int, err error) {
	length = -1
	from := bytes.IndexByte(b, '\n') + 1 // behind the start line
	if from < len(lineEnd) || b[from-len(lineEnd)] != '\r' {
		if from = bytes.Index(b, []byte(lineEnd)) + len(lineEnd); from < len(lineEnd) {
			return 0, 0, nil
		}
	}
	for {
		n := bytes.IndexByte(b[from:], '\n')
		switch {
		case n < 0:
			return 0, 0, nil
		case n == 1 && string(b[from-2:from+2]) == headEnd:
			if err == nil && length < 0 {
				err = fmt.Errorf("%w: no length of the body", protocol.ErrMalformed)
			}
			return from + len(lineEnd), length, err
		case err == nil:
			length, err = readHeader(b[from:from+n], length)
		}
		from += n + 1
	}
}

// readHeader reads a header, up to its LF, and returns the length that it says, or the
// one that is known.
func readHeader(line []byte, length int) (int, error) {
	colon := 0
	for colon < len(line) && line[colon] != ':' { // names are short: a call costs more
		colon++
	}
	end := bytes.IndexByte(line, '\r')
	switch {
	case end != len(line)-1 || colon < 1 || colon > end:
		return 0, fmt.Errorf("%w: a header without a name", protocol.ErrMalformed)
	case colon == len("Transfer-Encoding") && bytes.EqualFold(line[:colon], []byte("Transfer-Encoding")):
		return 0, fmt.Errorf("%w: a body in chunks", protocol.ErrMalformed)
	case colon == len("Content-Length") && (string(line[:colon]) == "Content-Length" || bytes.EqualFold(line[:colon], []byte("Content-Length"))):
		n, ok := nmea.ParseUint(bytes.TrimSpace(line[colon+1 : end]))
		switch {
		case !ok || n > math.MaxInt32 || length >= 0:
			return 0, fmt.Errorf("%w: the length of the body", protocol.ErrMalformed)
		case n > maxBody:
			return 0, fmt.Errorf("%w: a body of %d bytes, at most %d", protocol.ErrFrameTooLong, n, maxBody)
		}
		return int(n), nil
	}
	return length, nil
}

// Decode implements protocol.Codec.
func (c Codec) Decode(frame []byte) (protocol.Message, error) { return c.DecodeReuse(frame, nil) }

// DecodeReuse is Decode with the caller's memory.
func (Codec) DecodeReuse(frame []byte, memory *wire.Memory) (protocol.Message, error) {
	var cur wire.Cursor
	cur.Begin(frame, memory)
	return read(&cur, frame)
}

// Dissect implements protocol.Dissector.
func (c Codec) Dissect(frame []byte) (protocol.Message, []wire.Span, error) {
	m, err := c.Decode(frame)
	return m, frames().Dissect(frame), err
}

func read(cur *wire.Cursor, frame []byte) (protocol.Message, error) {
	body, length, err := readHead(frame)
	switch {
	case body == 0:
		err = wire.ErrTruncated
	case err == nil && length != len(frame)-body:
		err = fmt.Errorf("%w: a body of %d bytes, its head says %d", protocol.ErrMalformed, len(frame)-body, length)
	}
	if err != nil {
		cur.Fail("head", err)
		return nil, cur.Err()
	}
	first := bytes.IndexByte(frame, '\r')
	start := cur.Chars(first, "start line")
	cur.Chars(body-first, "headers")
	m := readBody(cur, start, frame[body:])
	if cur.Err() != nil {
		return nil, cur.Err()
	}
	return m, nil
}

// readBody reads what is left for cur, the body behind a start line.
func readBody(cur *wire.Cursor, start, body []byte) protocol.Message {
	if string(start) == postStart+path+" HTTP/1.1" {
		return readForm(cur, body)
	}
	word, rest, _ := bytes.Cut(start, []byte(" "))
	target, version, _ := bytes.Cut(rest, []byte(" "))
	switch {
	case bytes.HasPrefix(start, []byte(httpStart)):
		status, err := strconv.ParseUint(string(target), 10, 10)
		if err != nil || status < 100 || status > 599 {
			cur.FailAt("start line", 0, fmt.Errorf("%w: status %q", wire.ErrValue, target))
		}
		r := wire.Own[Reply](cur)
		r.Status, r.Body = int(status), cur.Text(cur.Len(), "body")
		return r
	case string(word) == "POST" && string(version) == "HTTP/1.1" && bytes.HasPrefix(target, []byte("/")):
		return &protocol.Raw{Code: string(target), Data: cur.RestData("body")}
	}
	cur.FailAt("start line", 0, fmt.Errorf("%w: no request of this dialect", protocol.ErrMalformed))
	return nil
}

// maxFields bounds the fields of a form; twenty are known.
const maxFields = 64

// readForm reads the form that is left for cur. What is kept of it is without the head.
func readForm(cur *wire.Cursor, body []byte) *Report {
	var c wire.Cursor
	c.Begin(nil, cur.Memory())
	r, fields := wire.OwnFrameList[Report, Field](&c, body, min(bytes.Count(body, []byte("&"))+1, maxFields))
	form := c.TextAt(0, len(body))
	start := cur.Pos()
	fail := func(name string, at int, err error) *Report {
		cur.FailAt(name, start+at, err)
		return nil
	}
	unit := false
	var named uint64 // the bits of names that came
	for at := 0; at < len(form); at++ {
		if len(fields) == maxFields {
			return fail("form", at, fmt.Errorf("%w: more than %d fields", wire.ErrValue, maxFields))
		}
		rest := form[at:]
		eq := 0
		for eq < len(rest) && rest[eq] != '=' { // names are short: a call costs more
			eq++
		}
		n, err := 0, error(nil)
		if eq > 0 && eq < len(rest) {
			n, err = plainField(rest[:eq], rest[eq+1:])
		}
		if n > 0 {
			n += eq + 1
		} else if n = fieldEnd(rest, eq); eq < 1 || eq >= n {
			return fail("form", at, fmt.Errorf("%w: no name and value", wire.ErrValue))
		} else {
			err = check(Field{rest[:eq], rest[eq+1 : n]})
		}
		name := rest[:eq]
		bit := uint64(1) << ((name[0] ^ name[eq-1]<<1) & 63) // of names that begin and end alike
		if named&bit != 0 {
			r.Fields = fields
			if _, twice := r.Get(name); twice {
				return fail(name, at, fmt.Errorf("%w: it comes twice", wire.ErrValue))
			}
		}
		if err != nil {
			return fail(name, at, fmt.Errorf("%w: %w", wire.ErrValue, err))
		}
		named |= bit
		unit = unit || name == "i"
		fields = append(fields, Field{name, rest[eq+1 : n]})
		if at += n; at == len(form)-1 { // with the ampersand behind it
			return fail("form", len(form), wire.ErrTruncated)
		}
	}
	if !unit {
		return fail("form", len(form), fmt.Errorf("%w: the form does not name the unit", wire.ErrValue))
	}
	r.Fields = fields
	cur.Advance(len(form))
	return r
}

// fieldEnd is where a field ends, whose first equals sign is at eq: at an ampersand
// that is in no text of a JSON value.
func fieldEnd(b string, eq int) int {
	if json := eq+1 < len(b) && (b[eq+1] == '{' || b[eq+1] == '['); !json {
		if end := strings.IndexByte(b, '&'); end >= 0 {
			return end
		}
		return len(b)
	}
	quoted, escaped := false, false
	for i := range len(b) {
		switch c := b[i]; {
		case escaped:
			escaped = false
		case c == '\\' && quoted:
			escaped = true
		case c == '"':
			quoted = !quoted
		case c == '&' && !quoted:
			return i
		}
	}
	return len(b)
}

// Append implements protocol.Codec. Fields are written as they are.
func (c Codec) Append(dst []byte, m protocol.Message) ([]byte, error) {
	var start, kind, body string
	switch m := m.(type) {
	case *Report:
		var b strings.Builder
		for i, f := range m.Fields {
			if i > 0 {
				b.WriteByte('&')
			}
			b.WriteString(f.Name + "=" + f.Value)
		}
		start, kind, body = postStart+path+" HTTP/1.1", "application/x-www-form-urlencoded", b.String()
	case *Reply:
		start, kind, body = fmt.Sprintf("%s%d %s", httpStart, m.Status, phrase(m.Status)), "application/json", m.Body
	case *protocol.Raw:
		start, kind, body = postStart+m.Code+" HTTP/1.1", "application/octet-stream", string(m.Data)
	default:
		return dst, fmt.Errorf("rftrack: %T: %w", m, protocol.ErrUnsupported)
	}
	if len(start) > maxHead/2 || len(body) > maxBody {
		return dst, fmt.Errorf("rftrack: %s: %w: too long", m.Type(), protocol.ErrUnsupported)
	}
	out := fmt.Appendf(dst, "%s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", start, kind, len(body), body)
	// What a message must not hold is said once, by Split and Decode.
	frame := out[len(dst):]
	if split, n, err := c.Split(frame); err != nil || n != len(frame) || split == nil {
		return dst, fmt.Errorf("rftrack: %s: %w: no frame", m.Type(), protocol.ErrUnsupported)
	}
	if back, err := c.Decode(frame); err != nil || back.Type() != m.Type() {
		return dst, fmt.Errorf("rftrack: %s: %w: a value that it cannot hold (%v)", m.Type(), protocol.ErrUnsupported, err)
	}
	return out, nil
}

func phrase(status int) string {
	switch status {
	case 200:
		return "OK"
	case 400:
		return "Bad Request"
	}
	return "-"
}
