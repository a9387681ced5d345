package siadc09

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/checksum"
	"github.com/sargas-em/em/protocol/wire"
)

// Codec is the wire format, the same over TCP and in UDP datagrams. The zero
// value knows no keys; a Device made by New has a Codec with the Config's.
type Codec struct {
	// RelaxedChecksum takes messages with a wrong check code.
	RelaxedChecksum bool

	keys *keyring // nil for none; a pointer, so that printing a Codec prints no key
}

var (
	_ protocol.Dissector = Codec{}
	_ protocol.Reuser    = Codec{}
)

// Decode reads one frame. A wrong length is no error where the check code is
// right.
func (c Codec) Decode(frame []byte) (protocol.Message, error) { return c.DecodeReuse(frame, nil) }

// DecodeReuse is Decode with the caller's memory.
func (c Codec) DecodeReuse(frame []byte, memory *wire.Memory) (protocol.Message, error) {
	f := reader{b: frame}
	f.Begin(frame, memory)
	if m := f.plainMessage(); m != nil {
		return m, nil
	}
	return c.general(&f)
}

// general reads any frame.
func (c Codec) general(r *reader) (protocol.Message, error) {
	m, wrong := c.read(r)
	if wrong != nil { // not an error that holds nil
		return protocol.Verdict(&r.Cursor, m, wrong, c.RelaxedChecksum)
	}
	return protocol.Verdict(&r.Cursor, m, nil, c.RelaxedChecksum)
}

// Dissect reads one frame and tells its fields. Encrypted content is one of them,
// also where the key is known.
func (c Codec) Dissect(frame []byte) (protocol.Message, []wire.Span, error) {
	m, err := c.Decode(frame)
	return m, frames().Dissect(frame), err
}

// plainMessage reads a message with events that is as most are: neither encrypted nor with
// a wrong check code. It is nil for all others, right or wrong, which are for Codec.read.
func (r *reader) plainMessage() *Message {
	const (
		id     = len("\n00000000\"")
		behind = id + len(DCS+`"`)
	)
	b, end := r.b, len(r.b)-1
	if end < behind || b[0] != '\n' || b[end] != '\r' || b[id-1] != '"' || b[behind-1] != '"' {
		return nil
	}
	kind := ""
	switch string(b[id : behind-1]) {
	case DCS:
		kind = DCS
	case ContactID:
		kind = ContactID
	default:
		return nil
	}
	code, ok1 := fourHex(b[1:])
	_, ok2 := fourHex(b[5:])
	body := b[id-1 : end]
	if !ok1 || !ok2 || code != checksum.ARC(body) || wire.Printable(body) < len(body) {
		return nil
	}
	m, extended := wire.OwnList[Message, string](&r.Cursor, bytes.Count(b[behind:end], []byte("["))-1)
	b, text := b[:end], r.TextAt(0, end)
	m.ID = kind
	i := behind
	for ; i < len(b) && i < behind+4; i++ {
		d := b[i] - '0'
		if d > 9 {
			return nil
		}
		m.Seq = 10*m.Seq + uint16(d)
	}
	if i < len(b) && b[i] == 'R' {
		m.Receiver, i = plainNumber(text, i, 1, 6)
	}
	if i >= len(b) || b[i] != 'L' {
		return nil
	}
	if m.Line, i = plainNumber(text, i, 1, 6); i < len(b) && b[i] == '#' {
		m.Account, i = plainNumber(text, i, 3, 16)
	}
	if i >= len(b) || b[i] != '[' {
		return nil
	}
	for n := 0; i < len(b) && b[i] == '['; n++ {
		from := i + 1
		to := bytes.IndexByte(b[from:], ']')
		if to < 0 {
			return nil
		}
		to += from
		i = to + 1
		if n == 0 {
			m.Data = text[from:to]
			continue
		}
		extended = append(extended, text[from:to])
		m.Extended = extended
	}
	if i < len(b) && b[i] == '_' {
		var ok bool
		if m.Time, ok = parseStamp(text[i+1:]); ok {
			i = end
		}
	}
	d := data{text: m.Data}
	if d.read(kind); d.err != nil || i != end {
		return nil
	}
	return m
}

// plainNumber reads the hexadecimal digits behind a sign, and returns where they end; that
// is nowhere in s if they are too few or too many.
func plainNumber(s string, sign, least, most int) (digits string, end int) {
	end = sign + 1
	for end < len(s) && isHex(s[end]) {
		end++
	}
	if n := end - sign - 1; n < least || n > most {
		return "", len(s) + 1
	}
	return s[sign+1 : end], end
}

// fourHex reads four hexadecimal digits.
func fourHex(b []byte) (v uint16, ok bool) {
	bad := byte(0)
	for _, c := range b[:4] {
		d := wire.HexDigit(c)
		v, bad = v<<4|uint16(d), bad|d
	}
	return v, bad <= 15
}

const sealedName = "encrypted content"

// read reads a frame; wrong is the wrong check code, if it is.
func (c Codec) read(r *reader) (m protocol.Message, wrong *protocol.ChecksumError) {
	h := headOf(r.b)
	if len(r.b) == 0 || r.b[0] != '\n' || h <= headPartial {
		r.Fail("start", fmt.Errorf("%w: no head of a frame", protocol.ErrMalformed))
		return nil, nil
	}
	end := len(r.b) - 1
	if r.b[end] != '\r' || end <= h.bodyAt() {
		r.FailAt("end", len(r.b), wire.ErrTruncated)
		return nil, nil
	}
	body := r.b[h.bodyAt():end]
	r.Expect("\n", "start")
	switch h {
	case headPoll:
		m = r.poll()
	case headPollAck:
		r.Expect(pollAck[1:], "answer to a poll")
		return &PollAck{}, nil
	default:
		wrong = r.check(body, h)
		if wire.Printable(body) < len(body) {
			if i := bytes.IndexFunc(body, isControl); i >= 0 {
				i += h.bodyAt()
				r.FailAt(frames().FieldAt(r.b, i, "data"), i, fmt.Errorf("%w: a control character", wire.ErrValue))
			}
		}
		outer := r.Limit(len(body), "body")
		m = c.message(r, h == headBinary)
		r.Restore(outer)
	}
	r.Expect("\r", "end")
	return m, wrong
}

func isControl(v rune) bool { return v < ' ' || v == 0x7F }

// check reads the check code and the length of body.
func (r *reader) check(body []byte, h head) *protocol.ChecksumError {
	at, want := r.Pos(), checksum.ARC(body)
	var found uint16
	if h == headBinary {
		found = r.U16("check code")
	} else {
		found = r.hex16("check code")
	}
	var wrong *protocol.ChecksumError
	if found != want {
		wrong = &protocol.ChecksumError{Algorithm: "CRC-16/ARC", Offset: at, Found: uint32(found), Expected: uint32(want)}
	}
	r.hex16("length")
	return wrong
}

// message reads from the opening quote to before the CR.
func (c Codec) message(r *reader, binaryCRC bool) protocol.Message {
	r.Expect(`"`, "quote")
	at := r.Pos()
	quoted := r.Field('"', "identifier")
	plain, encrypted := bytes.CutPrefix(quoted, []byte("*"))
	id := known(plain)
	if id == "" && !validID(string(plain)) || r.Err() == nil && r.b[r.Pos()-1] != '"' {
		r.FailAt("identifier", at, fmt.Errorf("%w: not 1 to 16 capitals, digits and hyphens between quotes", wire.ErrValue))
	}
	from := r.Pos()
	if id == "" {
		r.header(&Message{})
		r.Rest("data")
		return &protocol.Raw{Code: string(quoted), Data: bytes.Clone(r.b[from:r.Pos()])}
	}
	// All but the first bracket may open extended data.
	m, extended := wire.OwnList[Message, string](&r.Cursor, bytes.Count(r.b, []byte("["))-1)
	m.ID, m.Encrypted, m.BinaryCRC = id, encrypted, binaryCRC
	r.header(m)
	switch {
	case m.Encrypted && m.ID == Nak:
		r.FailAt("identifier", at, fmt.Errorf("%w: an encrypted NAK", wire.ErrValue))
	case m.Encrypted:
		c.sealed(r, m)
	default:
		r.content(m, extended)
	}
	return m
}

// known returns a known identifier, or nothing.
func known(id []byte) string {
	for _, k := range [...]string{DCS, ContactID, Null, Ack, Nak, Duh, Rsp} {
		if string(id) == k {
			return k
		}
	}
	return ""
}

// validID judges an identifier without the star of what is encrypted.
func validID(s string) bool {
	for i := range len(s) {
		if c := s[i]; !(c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return s != "" && len(s) <= 16
}

// sealed reads the encrypted content, which is all that is left.
func (c Codec) sealed(r *reader, m *Message) {
	at := r.Pos()
	digits := r.Text(r.Len(), sealedName)
	if len(digits) == 0 || len(digits)%32 != 0 || !allHex(digits) {
		r.FailAt(sealedName, at, fmt.Errorf("%w: not whole blocks as hexadecimal digits", wire.ErrValue))
		return
	}
	key := c.keys.key(m.Account)
	if key == nil {
		m.Sealed = digits
		return
	}
	b, _ := hex.DecodeString(digits) // of digits alone
	plain := key.open(b)
	in := reader{wire.New(plain), plain}
	if n := bytes.IndexAny(plain, "|]"); n < 0 || bytes.IndexFunc(plain, isControl) >= 0 {
		in.Fail("padding", fmt.Errorf("%w: not decrypted to text: another key?", wire.ErrValue))
	} else {
		if n > 0 {
			m.Pad = in.Text(n, "padding")
		}
		if in.next() == '|' {
			in.Text(1, "bar")
		}
	}
	in.content(m, nil)
	if in.Err() == nil && m.Time.IsZero() {
		in.Fail("time stamp", wire.ErrTruncated)
	}
	var fe *wire.FieldError
	if errors.As(in.Err(), &fe) {
		r.FailAt(fe.Field, at+2*fe.Offset, fe.Err)
	}
}

// reader is a cursor that can look ahead in the bytes that it reads.
type reader struct {
	wire.Cursor
	b []byte
}

// rest is what is left.
func (r *reader) rest() []byte { return r.b[r.Pos() : r.Pos()+r.Len()] }

// next is the next byte; 0 where there is none.
func (r *reader) next() byte {
	if r.Len() == 0 {
		return 0
	}
	return r.b[r.Pos()]
}

// count returns how many bytes of a kind come next.
func (r *reader) count(is func(byte) bool) int {
	rest := r.rest()
	for i, c := range rest {
		if !is(c) {
			return i
		}
	}
	return len(rest)
}

func (r *reader) hex16(name string) (v uint16) {
	at := r.Pos()
	digits := r.Chars(4, name)
	if r.Err() != nil {
		return 0
	}
	v, ok := fourHex(digits)
	if !ok {
		r.FailAt(name, at, fmt.Errorf("%w: not hexadecimal digits", wire.ErrValue))
		return 0
	}
	return v
}

// header reads from the sequence number to the opening bracket.
func (r *reader) header(m *Message) {
	at := r.Pos()
	for _, c := range r.Chars(4, "sequence number") {
		if m.Seq = 10*m.Seq + uint16(c-'0'); c < '0' || c > '9' {
			r.FailAt("sequence number", at, fmt.Errorf("%w: not decimal digits", wire.ErrValue))
			break
		}
	}
	if r.next() == 'R' {
		m.Receiver = r.number('R', "receiver", 1, 6, false)
	}
	m.Line = r.number('L', "line", 1, 6, m.ID == Nak)
	switch {
	case r.next() == '#':
		m.Account = r.number('#', "account", 3, 16, false)
	case m.ID == Nak && r.next() == 'A':
		r.Expect(noAccount, "no account")
	}
	r.Expect("[", "bracket")
}

// noAccount stands in a NAK instead of an account. It looks like digits of the
// line number in front of it.
const noAccount = "A0"

// number reads a sign and hexadecimal digits behind it.
func (r *reader) number(sign byte, name string, least, most int, nak bool) string {
	if r.next() != sign {
		r.Fail(name, fmt.Errorf("%w: no %q that it begins with", wire.ErrTruncated, sign))
		return ""
	}
	rest := r.rest()[1:]
	n := 0
	for n < len(rest) && isHex(rest[n]) {
		n++
	}
	if nak && n > len(noAccount) && string(rest[n-len(noAccount):n]) == noAccount {
		n -= len(noAccount)
	}
	if n < least || n > most {
		r.Fail(name, fmt.Errorf("%w: not %d to %d hexadecimal digits", wire.ErrValue, least, most))
	}
	if s := r.Text(1+n, name); s != "" {
		return s[1:]
	}
	return ""
}

// content reads what stands behind the opening bracket: data, extended data, into
// the room of extended, and the time stamp.
func (r *reader) content(m *Message, extended []string) {
	at := r.Pos()
	m.Data = r.bracketed("data")
	d := data{text: m.Data}
	if d.read(m.ID); d.err != nil {
		r.FailAt(d.err.Field, at+d.err.Offset, d.err.Err)
	}
	for r.next() == '[' {
		r.Expect("[", "bracket")
		extended = append(extended, r.bracketed("extended data"))
		m.Extended = extended
	}
	if r.next() == '_' {
		r.Expect("_", "stamp sign")
		at := r.Pos()
		t, ok := parseStamp(r.Text(len(stampLayout), "time stamp"))
		if !ok {
			r.FailAt("time stamp", at, fmt.Errorf("%w: not HH:MM:SS,MM-DD-YYYY", wire.ErrValue))
		}
		m.Time = t
	}
	if r.Len() > 0 {
		r.Fail("end", fmt.Errorf("%w: %d bytes behind the message", protocol.ErrMalformed, r.Len()))
	}
}

// bracketed reads up to and with the closing bracket.
func (r *reader) bracketed(name string) string {
	n := bytes.IndexByte(r.rest(), ']')
	if n < 0 {
		r.FailAt(name, r.Pos()+r.Len(), wire.ErrTruncated)
		return ""
	}
	s := r.Text(n, name)
	r.Expect("]", "bracket")
	return s
}

// poll reads what stands behind the LF.
func (r *reader) poll() protocol.Message {
	p := wire.Own[Poll](&r.Cursor)
	r.Expect(pollStart[1:], "start of a poll")
	p.Receiver = r.word(4, "receiver")
	r.Expect("L", "line sign")
	p.Line = r.word(4, "line")
	r.blanks()
	at := r.Pos()
	n := r.count(func(c byte) bool { return c > ' ' && c < 0x7F && c != '[' })
	if p.Account = r.word(n, "account"); n < 3 || n > 16 {
		r.FailAt("account", at, fmt.Errorf("%w: not 3 to 16 digits and capitals", wire.ErrValue))
	}
	r.blanks()
	r.Expect("[ID", "bracket")
	p.ID = r.word(8, "identity")
	r.Expect("]", "bracket")
	return p
}

// word reads n digits and capitals.
func (r *reader) word(n int, name string) string {
	at := r.Pos()
	s := r.Text(n, name)
	for i := range len(s) {
		if !isDigit(s[i]) && !isUpper(s[i]) {
			r.FailAt(name, at, fmt.Errorf("%w: not digits and capitals", wire.ErrValue))
		}
	}
	return s
}

// blanks reads one blank at least.
func (r *reader) blanks() {
	n := r.count(func(c byte) bool { return c == ' ' })
	r.Text(max(n, 1), "blanks")
	if n == 0 {
		r.FailAt("blanks", r.Pos()-1, fmt.Errorf("%w: no blank", wire.ErrValue))
	}
}

// Append writes one frame. An encrypted message needs the account's key and a
// time. A time goes out in whole seconds of GMT. A Raw is written with its code
// and its data: any other identifier can be sent so.
func (c Codec) Append(dst []byte, m protocol.Message) ([]byte, error) {
	var frame []byte
	var err error
	switch m := m.(type) {
	case *Message:
		frame, err = c.frame(m)
	case *Poll:
		frame = fmt.Appendf(nil, "%s%sL%s    %s    [ID%s]\r", pollStart, m.Receiver, m.Line, m.Account, m.ID)
	case *PollAck:
		frame = []byte(pollAck)
	case *protocol.Raw:
		if id := strings.TrimPrefix(m.Code, "*"); known([]byte(id)) != "" {
			err = fmt.Errorf("%s is no unknown identifier", id)
		}
		frame = wrap(fmt.Appendf(nil, "%q%s", m.Code, m.Data), false)
	default:
		return dst, fmt.Errorf("siadc09: %T: %w", m, protocol.ErrUnsupported)
	}
	if err == nil {
		err = c.readsBack(frame, m)
	}
	if err != nil {
		return dst, fmt.Errorf("siadc09: %s: %w: %w", m.Type(), protocol.ErrUnsupported, err)
	}
	return append(dst, frame...), nil
}

// readsBack makes sure that a frame is one and of the type it should be: what a
// message's fields must not hold is said once, by Split and Decode.
func (c Codec) readsBack(frame []byte, m protocol.Message) error {
	split, n, err := c.Split(frame)
	if err != nil || n != len(frame) || len(split) != n || n > MaxFrame {
		return errors.New("not one frame")
	}
	back, err := c.Decode(frame)
	if err == nil && back.Type() != m.Type() {
		err = errors.New("not of its own type")
	}
	return err
}

// wrap puts head and end around a body.
func wrap(body []byte, binaryCRC bool) []byte {
	crc := checksum.ARC(body)
	b := []byte("\n")
	if binaryCRC {
		b = append(b, byte(crc>>8), byte(crc))
	} else {
		b = fmt.Appendf(b, "%04X", crc)
	}
	b = fmt.Appendf(b, "%04X", len(body))
	return append(append(b, body...), '\r')
}

func (c Codec) frame(m *Message) ([]byte, error) {
	if known([]byte(m.ID)) == "" {
		return nil, errors.New("no known identifier")
	}
	if strings.Contains(m.Data+strings.Join(m.Extended, ""), "]") {
		return nil, errors.New("a closing bracket in the data")
	}
	id := m.ID
	if m.Encrypted {
		id = "*" + id
	}
	b := fmt.Appendf(nil, "%q%04d", id, m.Seq)
	if m.Receiver != "" {
		b = append(append(b, 'R'), m.Receiver...)
	}
	b = append(append(b, 'L'), m.Line...)
	switch {
	case m.Account != "":
		b = append(append(b, '#'), m.Account...)
	case m.ID == Nak:
		b = append(b, noAccount...)
	}
	b = append(b, '[')
	content, err := c.contentOf(m)
	return wrap(append(b, content...), m.BinaryCRC), err
}

// contentOf returns what stands behind the opening bracket.
func (c Codec) contentOf(m *Message) (string, error) {
	if m.Sealed != "" {
		if !m.Encrypted || m.Data+m.Pad != "" || m.Extended != nil || !m.Time.IsZero() {
			return "", errors.New("sealed, and yet with contents")
		}
		if c.keys.key(m.Account) != nil {
			return "", errors.New("sealed, though the key is known")
		}
		return m.Sealed, nil
	}
	s := m.Data + "]"
	for _, x := range m.Extended {
		s += "[" + x + "]"
	}
	if !m.Time.IsZero() {
		s += "_" + m.Time.UTC().Format(stampLayout)
	}
	if !m.Encrypted {
		return s, nil
	}
	key := c.keys.key(m.Account)
	switch {
	case key == nil:
		return "", errors.New("no key for the account")
	case m.Time.IsZero():
		return "", errors.New("encrypted without a time")
	}
	if m.Data != "" {
		s = "|" + s
	}
	pad := m.Pad
	if (len(pad)+len(s))%16 != 0 || strings.ContainsAny(pad, "[]|") {
		pad = key.pad(s)
	}
	return key.seal(pad, s), nil
}

// nak tells that a message was refused, and the time.
func nak(now time.Time) *Message {
	return &Message{ID: Nak, Receiver: "0", Line: "0", Time: now}
}
