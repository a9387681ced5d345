package bactrack

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/checksum"
	"github.com/sargas-em/em/protocol/nmea"
	"github.com/sargas-em/em/protocol/wire"
)

// The lines of the tunnel: see the package's documentation.
const (
	lineStart   = "EMTUN/"
	lineVersion = "1"
	lineEnd     = "\r\n"
	lineTail    = 5 // bytes of "*hh" and lineEnd
	dialectWord = "bactrack"

	// maxLine bounds a line with its end: a result takes 69 bytes at most
	// besides its frame, whose 260 bytes take 520 in hexadecimal.
	maxLine = 640

	// MaxIdentity bounds an identity, in bytes.
	MaxIdentity = 32

	// lineTime is RFC 3339 in UTC with exactly milliseconds.
	lineTime = "2006-01-02T15:04:05.000Z"
)

// Words that follow the start of a line.
const (
	verbHello  = "hello"
	verbResult = "result"
	verbLate   = "late"
	verbOK     = "ok"
	verbNo     = "no"
)

// TunnelMode says how much the host of a tunnel does.
type TunnelMode string

// Modes of a tunnel.
const (
	// TunnelRaw: the host passes bytes on and keeps nothing. The center polls
	// the instrument, and a result that comes while the connection is down is
	// lost.
	TunnelRaw TunnelMode = "raw"
	// TunnelKept: the host polls the instrument itself, keeps each result, and
	// sends it as a TunnelResult until a TunnelAck has come for it.
	TunnelKept TunnelMode = "kept"
)

// TunnelHello is the preamble, from the host: the first line of a connection.
type TunnelHello struct {
	Identity string // see ValidIdentity
	Mode     TunnelMode
	Dialect  Dialect
}

// TunnelResult is a frame of the instrument that the host has kept, with the
// time at which the host first saw it.
type TunnelResult struct {
	At    time.Time        // the host's clock; UTC, milliseconds
	Seq   uint64           // the host's own number of it, used once per instrument
	Late  bool             // it was kept while there was no connection
	Frame protocol.Message // what the instrument said: *VioStatus, *VioError, …
}

// TunnelAck, from the center, says that the results of that number are durable:
// the host may forget them.
type TunnelAck struct{ Seq uint64 }

// TunnelRefusal, from the center, says why it hangs up: "preamble" where none
// has come, "identity" where a second one names another instrument.
type TunnelRefusal struct{ Reason string }

// Reasons of a TunnelRefusal.
const (
	refusePreamble = "preamble"
	refuseIdentity = "identity"
	refuseDialect  = "dialect"
)

// Type of each message.
func (*TunnelHello) Type() string   { return "tunnel hello" }
func (*TunnelAck) Type() string     { return "tunnel ok" }
func (*TunnelRefusal) Type() string { return "tunnel no" }

// Type returns "tunnel result" or "tunnel late".
func (r *TunnelResult) Type() string {
	if r.Late {
		return "tunnel late"
	}
	return "tunnel result"
}

func isTunnel(m protocol.Message) bool {
	switch m.(type) {
	case *TunnelHello, *TunnelResult, *TunnelAck, *TunnelRefusal, value:
		return true
	}
	return false
}

// ValidIdentity reports whether s can name an instrument: 1 to MaxIdentity
// ASCII letters, digits, dots, underscores and hyphens, beginning with a letter
// or digit.
func ValidIdentity(s string) bool {
	if s == "" || len(s) > MaxIdentity || strings.ContainsRune("._-", rune(s[0])) {
		return false
	}
	for _, c := range []byte(s) {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

// isWord reports whether s can be a verb or a reason: 1 to 16 letters a to z.
func isWord(s string) bool { return len(s) <= 16 && s != "" && strings.Trim(s, lowerLetters) == "" }

const lowerLetters = "abcdefghijklmnopqrstuvwxyz"

func printable(c byte) bool { return ' ' <= c && c <= '~' }

// splitLine takes a line up to its CR LF. What is no printable ASCII before
// that ends the line, as one that was cut off.
func splitLine(b []byte) (frame []byte, n int, err error) {
	i := wire.Printable(b)
	switch {
	case i == len(b), b[i] == '\r' && i+1 == len(b):
		return nil, 0, nil
	case b[i] == '\r' && b[i+1] == '\n':
		n = i + len(lineEnd)
		return b[:n:n], n, nil
	}
	return nil, i, fmt.Errorf("%w: byte %#02x in a line", protocol.ErrMalformed, b[i])
}

// readLine reads a line. Its last field is all that is left before the check
// code, so that a line has one spelling only. A wrong code is told before what
// it made of the fields.
func (c Codec) readLine(frame []byte, cur *reader) (protocol.Message, error) {
	cur.Expect(lineStart, "start")
	off := cur.Pos()
	if v := cur.Field(' ', "version"); cur.Err() == nil && string(v) != lineVersion {
		cur.FailAt("version", off, fmt.Errorf("%w: %q, expected %q", wire.ErrValue, v, lineVersion))
	}
	outer := cur.Limit(cur.Len()-lineTail, "end")
	off = cur.Pos()
	word := cur.Field(' ', "verb")
	verb := "" // one that is known
	for _, v := range [...]string{verbNotify, verbWrite, verbResult, verbLate, verbOK, verbHello, verbNo} {
		if string(word) == v {
			verb = v
		}
	}
	if cur.Err() == nil && verb == "" && !isWord(string(word)) {
		cur.FailAt("verb", off, fmt.Errorf("%w: %q", wire.ErrValue, word))
	}
	var m protocol.Message
	switch verb {
	case verbHello:
		m = readHello(cur)
	case verbResult, verbLate:
		m = c.readResult(cur, verb == verbLate)
	case verbWrite, verbNotify:
		m = c.readGATT(cur, verb)
	case verbOK:
		a := own[TunnelAck](cur, nil)
		a.Seq = readSeq(cur, cur.Pos(), restOf(cur, "seq"))
		m = a
	case verbNo:
		off := cur.Pos()
		r := own[TunnelRefusal](cur, nil)
		n := len(restOf(cur, "reason"))
		if r.Reason = cur.TextAt(off, n); cur.Err() == nil && !isWord(r.Reason) {
			cur.FailAt("reason", off, fmt.Errorf("%w: %q", wire.ErrValue, r.Reason))
		}
		m = r
	default:
		off := cur.Pos()
		if cur.Err() == nil && cur.Len() == 0 && frame[off-1] == ' ' {
			cur.Fail("text", wire.ErrTruncated)
		}
		data := slices.Clone(cur.Rest("text"))
		for i, b := range data {
			if !printable(b) {
				cur.FailAt("text", off+i, fmt.Errorf("%w: byte %#02x", wire.ErrValue, b))
				break
			}
		}
		m = &protocol.Raw{Code: string(word), Data: data}
	}
	cur.Restore(outer)
	sum := c.readLineSum(frame, cur)
	cur.Expect(lineEnd, "end")
	if sum != nil {
		return nil, sum
	}
	return finish(cur, m)
}

// readLineSum reads "*hh" and checks it, also where a field before it is wrong.
func (c Codec) readLineSum(frame []byte, cur *reader) error {
	cur.Expect("*", "mark")
	text := cur.Chars(2, "xor")
	at := len(frame) - lineTail
	if at < 0 || frame[at] != '*' || string(frame[at+3:]) != lineEnd {
		return nil // cut off, which the fields tell
	}
	sum := checksum.Xor8(frame[:at])
	if code, err := nmea.ParseCheck(frame[at+1 : at+3]); err == nil && code == sum {
		return nil
	}
	want := fmt.Sprintf("%02X", sum)
	found, err := strconv.ParseUint(string(frame[at+1:at+3]), 16, 8)
	switch {
	case err != nil:
		cur.FailAt("xor", at+1, fmt.Errorf("%w: %q is not hexadecimal", wire.ErrValue, text))
	case byte(found) == sum:
		cur.FailAt("xor", at+1, fmt.Errorf("%w: %q, expected %q", wire.ErrValue, text, want))
	case !c.RelaxedChecksum:
		return &protocol.ChecksumError{Algorithm: "XOR-8", Offset: at + 1, Found: uint32(found), Expected: uint32(sum)}
	}
	return nil
}

func readHello(cur *reader) protocol.Message {
	off := cur.Pos()
	w := cur.Field(' ', "dialect")
	d, ok := dialectOf(string(w))
	if cur.Err() == nil && !ok {
		cur.FailAt("dialect", off, fmt.Errorf("%w: %q is no dialect", wire.ErrValue, w))
	}
	off = cur.Pos()
	h := own[TunnelHello](cur, nil)
	h.Dialect, h.Identity = d, cur.FieldText(' ', "identity")
	if cur.Err() == nil && !ValidIdentity(h.Identity) {
		cur.FailAt("identity", off, fmt.Errorf("%w: not 1 to %d letters, digits, dots, underscores and hyphens", wire.ErrValue, MaxIdentity))
	}
	off = cur.Pos()
	switch mode := restOf(cur, "mode"); string(mode) {
	case string(TunnelRaw):
		h.Mode = TunnelRaw
	case string(TunnelKept):
		h.Mode = TunnelKept
	default:
		h.Mode = TunnelMode(mode)
	}
	if cur.Err() == nil && h.Mode != TunnelRaw && h.Mode != TunnelKept {
		cur.FailAt("mode", off, fmt.Errorf("%w: %q, expected %q or %q", wire.ErrValue, h.Mode, TunnelRaw, TunnelKept))
	}
	return h
}

func (c Codec) readResult(cur *reader, late bool) protocol.Message {
	off := cur.Pos()
	text := cur.Field(' ', "time")
	at, ok := parseLineTime(text)
	if cur.Err() == nil && (!ok || at.IsZero()) {
		cur.FailAt("time", off, fmt.Errorf("%w: %q is not like %s", wire.ErrValue, text, lineTime))
	}
	off = cur.Pos()
	seq := readSeq(cur, off, cur.Field(' ', "seq"))
	off = cur.Pos()
	text = restOf(cur, "frame")
	if cur.Err() != nil {
		return nil
	}
	in := reader{inResult: true}
	m, err := c.readInResult(&in, cur.Memory(), text)
	if err != nil {
		cur.FailAt("frame", off, err)
		return nil
	}
	r := in.result
	if r == nil {
		r = new(TunnelResult)
	}
	r.At, r.Seq, r.Late, r.Frame = at, seq, late, m
	return r
}

// readInResult reads what a result has, with in, which has not begun.
func (c Codec) readInResult(in *reader, memory *wire.Memory, text []byte) (protocol.Message, error) {
	if word, value, ok := bytes.Cut(text, []byte(":")); ok {
		d := bluetooth(word)
		if d != DialectM && d != DialectC {
			return nil, fmt.Errorf("%w: a result of dialect %q", wire.ErrValue, word)
		}
		return c.readHexValue(in, memory, d, verbNotify, value)
	}
	var room [maxLine / 2]byte
	frame, err := readHex(room[:], text)
	if err != nil {
		return nil, err
	}
	in.Begin(nil, memory)
	return c.readVio(frame, in, frame)
}

// parseLineTime reads a time of a line, as lineTime has it.
func parseLineTime(b []byte) (t time.Time, ok bool) {
	if len(b) != len(lineTime) {
		return t, false
	}
	number := func(from, n int) int {
		v, digits := wire.Leading(b[from : from+n])
		ok = ok && digits == n
		return int(v)
	}
	ok = b[4] == '-' && b[7] == '-' && b[10] == 'T' && b[13] == ':' && b[16] == ':' && b[19] == '.' && b[23] == 'Z'
	year, month, day := number(0, 4), number(5, 2), number(8, 2)
	hour, minute, second, milli := number(11, 2), number(14, 2), number(17, 2), number(20, 3)
	t, date := wire.Date(year, month, day)
	if !ok || !date || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	return t.Add(time.Duration((hour*60+minute)*60+second)*time.Second + time.Duration(milli)*time.Millisecond), true
}

// readSeq checks the number that was read at off.
func readSeq(cur *reader, off int, text []byte) uint64 {
	if cur.Err() != nil {
		return 0
	}
	v, ok := nmea.ParseUint(text)
	if !ok || text[0] == '0' && len(text) > 1 {
		cur.FailAt("seq", off, fmt.Errorf("%w: %q is not a plain number", wire.ErrValue, text))
		return 0
	}
	return v
}

// restOf reads the last field of a line; it fails where nothing is left.
func restOf(cur *reader, name string) []byte {
	if cur.Err() == nil && cur.Len() == 0 {
		cur.Fail(name, wire.ErrTruncated)
		return nil
	}
	return cur.Chars(cur.Len(), name)
}

func appendLine(dst []byte, m protocol.Message) ([]byte, error) {
	b := append(dst, lineStart+lineVersion+" "...)
	switch m := m.(type) {
	case *TunnelHello:
		if !ValidIdentity(m.Identity) {
			return dst, unsupported("identity of a hello")
		}
		if m.Mode != TunnelRaw && m.Mode != TunnelKept {
			return dst, unsupported("mode %q", m.Mode)
		}
		if _, ok := dialectOf(m.Dialect.word()); !ok {
			return dst, unsupported("dialect %q", m.Dialect)
		}
		b = append(append(append(b, verbHello+" "...), m.Dialect.word()...), ' ')
		b = append(append(append(b, m.Identity...), ' '), m.Mode...)
	case *TunnelResult:
		var err error
		if b, err = appendResult(b, m); err != nil {
			return dst, err
		}
	case value:
		var err error
		if b, err = appendGATT(b, m); err != nil {
			return dst, err
		}
	case *TunnelAck:
		b = strconv.AppendUint(append(b, verbOK+" "...), m.Seq, 10)
	case *TunnelRefusal:
		if !isWord(m.Reason) {
			return dst, unsupported("reason %q", m.Reason)
		}
		b = append(append(b, verbNo+" "...), m.Reason...)
	}
	return endLine(b, len(dst)), nil
}

// endLine appends the check code over the line that begins at from, and its end.
func endLine(b []byte, from int) []byte {
	return fmt.Appendf(b, "*%02X%s", checksum.Xor8(b[from:]), lineEnd)
}

func appendResult(b []byte, m *TunnelResult) ([]byte, error) {
	at := m.At.UTC()
	if at.Truncate(time.Millisecond).IsZero() || at.Year() < 0 || at.Year() > 9999 {
		return nil, unsupported("time of a result")
	}
	verb := verbResult
	if m.Late {
		verb = verbLate
	}
	b = append(append(b, verb...), ' ')
	b = append(at.AppendFormat(b, lineTime), ' ')
	b = append(strconv.AppendUint(b, m.Seq, 10), ' ')
	var frame []byte
	var err error
	if v, ok := m.Frame.(value); ok {
		d, verb := v.route()
		if verb != verbNotify || d == DialectS {
			return nil, unsupported("%s as a result", v.Type())
		}
		if frame, err = v.appendValue(nil); err != nil || len(frame) > maxValue {
			return nil, unsupported("%s as a result: %v", v.Type(), err)
		}
		return hex.AppendEncode(append(append(b, d...), ':'), frame), nil
	}
	if r, ok := m.Frame.(*protocol.Raw); ok {
		if d, verb, op, ok := isRawValue(r); ok {
			if verb != verbNotify || d == DialectS {
				return nil, unsupported("raw %q as a result", r.Code)
			}
			if frame, err = appendRawValue(nil, d, verb, op, r.Data); err != nil {
				return nil, err
			}
			return hex.AppendEncode(append(append(b, d...), ':'), frame), nil
		}
		frame, err = appendRawVio(nil, r)
	} else {
		frame, err = appendVio(nil, m.Frame)
	}
	if err != nil {
		return nil, err
	}
	return hex.AppendEncode(b, frame), nil
}

func appendRawLine(dst []byte, r *protocol.Raw) ([]byte, error) {
	if d, verb, op, ok := isRawValue(r); ok {
		v, err := appendRawValue(nil, d, verb, op, r.Data)
		if err != nil {
			return dst, err
		}
		b, err := appendGATTValue(append(dst, lineStart+lineVersion+" "...), d, verb, v)
		if err != nil {
			return dst, err
		}
		return endLine(b, len(dst)), nil
	}
	switch r.Code {
	case verbHello, verbResult, verbLate, verbOK, verbNo, verbWrite, verbNotify:
		return dst, unsupported("raw verb %q has a message of its own", r.Code)
	}
	n := len(lineStart) + len(lineVersion) + 1 + len(r.Code) + 1 + len(r.Data) + lineTail
	if !isWord(r.Code) || n > maxLine || slices.ContainsFunc(r.Data, func(c byte) bool { return !printable(c) }) {
		return dst, unsupported("raw line %q", r.Code)
	}
	b := append(dst, lineStart+lineVersion+" "...)
	b = append(b, r.Code...)
	if len(r.Data) > 0 {
		b = append(append(b, ' '), r.Data...)
	}
	return endLine(b, len(dst)), nil
}
