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
	_ protocol.Codec     = Codec{}
	_ protocol.Dissector = Codec{}
)

// Decode reads one frame. A wrong length is no error where the check code is
// right: Dissect notes it.
func (c Codec) Decode(frame []byte) (protocol.Message, error) {
	m, _, err := c.decode(frame, false)
	return m, err
}

// Dissect reads one frame and tells its fields, those of an encrypted message
// too where the key is known: two bytes of the frame are one of the content.
func (c Codec) Dissect(frame []byte) (protocol.Message, []wire.Span, error) {
	return c.decode(frame, true)
}

func (c Codec) decode(frame []byte, record bool) (protocol.Message, []wire.Span, error) {
	f := wire.New(frame)
	if record {
		f.Record()
	}
	r := reader{&f, frame}
	m, inner, wrong := c.read(r)
	var spans []wire.Span
	for _, s := range f.Spans() {
		if s.Name == sealedName && inner != nil {
			for _, in := range inner {
				in.Offset, in.Len = s.Offset+2*in.Offset, 2*in.Len
				spans = append(spans, in)
			}
			continue
		}
		spans = append(spans, s)
	}
	switch {
	case wrong != nil && !c.RelaxedChecksum:
		return nil, spans, wrong // before what the broken bytes look like
	case f.Err() != nil:
		return nil, spans, f.Err()
	}
	return m, spans, nil
}

const sealedName = "encrypted content"

// read reads a frame; inner are the fields of the decrypted content, and wrong
// is the wrong check code, if it is.
func (c Codec) read(r reader) (m protocol.Message, inner []wire.Span, wrong *protocol.ChecksumError) {
	h := headOf(r.b)
	if len(r.b) == 0 || r.b[0] != '\n' || h <= headPartial {
		r.Fail("start", fmt.Errorf("%w: no head of a frame", protocol.ErrMalformed))
		return nil, nil, nil
	}
	end := len(r.b) - 1
	if r.b[end] != '\r' || end <= h.bodyAt() {
		r.FailAt("end", len(r.b), wire.ErrTruncated)
		return nil, nil, nil
	}
	body := r.b[h.bodyAt():end]
	r.Expect("\n", "start")
	switch h {
	case headPoll:
		m = r.poll()
	case headPollAck:
		r.Expect(pollAck[1:], "answer to a poll")
		return &PollAck{}, nil, nil
	default:
		wrong = r.check(body, h)
		if i := bytes.IndexFunc(body, isControl); i >= 0 {
			r.FailAt("text", h.bodyAt()+i, fmt.Errorf("%w: a control character", wire.ErrValue))
		}
		outer := r.Limit(len(body), "body")
		m, inner = c.message(r, h == headBinary)
		r.Restore(outer)
	}
	r.Expect("\r", "end")
	return m, inner, wrong
}

func isControl(v rune) bool { return v < ' ' || v == 0x7F }

// check reads the check code and the length of body.
func (r reader) check(body []byte, h head) *protocol.ChecksumError {
	at, want := r.Pos(), checksum.ARC(body)
	var found uint16
	if h == headBinary {
		found = r.U16("check code")
	} else {
		found = r.hex16("check code")
	}
	var wrong *protocol.ChecksumError
	if found == want {
		r.Note("OK CRC-16/ARC")
	} else {
		r.Note("expected %04X CRC-16/ARC", want)
		wrong = &protocol.ChecksumError{Algorithm: "CRC-16/ARC", Offset: at, Found: uint32(found), Expected: uint32(want)}
	}
	if n := r.hex16("length"); int(n) != len(body) {
		r.Note("expected %04X", len(body))
	}
	return wrong
}

// message reads from the opening quote to before the CR.
func (c Codec) message(r reader, binaryCRC bool) (protocol.Message, []wire.Span) {
	r.Expect(`"`, "quote")
	at := r.Pos()
	id := string(r.Field('"', "identifier"))
	if !validID(id) || r.Err() == nil && r.b[r.Pos()-1] != '"' {
		r.FailAt("identifier", at, fmt.Errorf("%w: not 1 to 16 capitals, digits and hyphens between quotes", wire.ErrValue))
	}
	m := &Message{BinaryCRC: binaryCRC}
	m.ID, m.Encrypted = strings.CutPrefix(id, "*")
	from := r.Pos()
	if !known(m.ID) {
		m.ID = ""
	}
	r.header(m)
	switch {
	case m.ID == "":
		r.Rest("data")
		return &protocol.Raw{Code: id, Data: bytes.Clone(r.b[from:r.Pos()])}, nil
	case m.Encrypted && m.ID == Nak:
		r.FailAt("identifier", at, fmt.Errorf("%w: an encrypted NAK", wire.ErrValue))
	case m.Encrypted:
		return m, c.sealed(r, m)
	default:
		r.content(m)
	}
	return m, nil
}

func known(id string) bool {
	switch id {
	case DCS, ContactID, Null, Ack, Nak, Duh, Rsp:
		return true
	}
	return false
}

func validID(id string) bool {
	s := strings.TrimPrefix(id, "*")
	for i := range len(s) {
		if c := s[i]; !(c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return s != "" && len(s) <= 16
}

// sealed reads the encrypted content, which is all that is left.
func (c Codec) sealed(r reader, m *Message) []wire.Span {
	at := r.Pos()
	digits := r.Text(r.Len(), sealedName)
	b, err := hex.DecodeString(digits)
	if err != nil || len(b) == 0 || len(b)%16 != 0 {
		r.FailAt(sealedName, at, fmt.Errorf("%w: not whole blocks as hexadecimal digits", wire.ErrValue))
		return nil
	}
	key := c.keys.key(m.Account)
	if key == nil {
		m.Sealed = digits
		return nil
	}
	plain := key.open(b)
	f := wire.New(plain)
	if r.Recording() {
		f.Record()
	}
	in := reader{&f, plain}
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
	in.content(m)
	if in.Err() == nil && m.Time.IsZero() {
		in.Fail("time stamp", wire.ErrTruncated)
	}
	spans := f.Spans()
	var fe *wire.FieldError
	if errors.As(f.Err(), &fe) {
		r.FailAt(fe.Field, at+2*fe.Offset, fe.Err)
	}
	return spans
}

// reader is a cursor that can look ahead in the bytes that it reads.
type reader struct {
	*wire.Cursor
	b []byte
}

// rest is what is left.
func (r reader) rest() []byte { return r.b[r.Pos() : r.Pos()+r.Len()] }

// next is the next byte; 0 where there is none.
func (r reader) next() byte {
	if r.Len() == 0 {
		return 0
	}
	return r.b[r.Pos()]
}

// count returns how many bytes of a kind come next.
func (r reader) count(is func(byte) bool) int {
	rest := r.rest()
	for i, c := range rest {
		if !is(c) {
			return i
		}
	}
	return len(rest)
}

func (r reader) hex16(name string) uint16 {
	at := r.Pos()
	b, err := hex.DecodeString(r.Text(4, name))
	if err != nil {
		r.FailAt(name, at, fmt.Errorf("%w: not hexadecimal digits", wire.ErrValue))
		return 0
	}
	if len(b) != 2 {
		return 0 // truncated
	}
	return uint16(b[0])<<8 | uint16(b[1])
}

// header reads from the sequence number to the opening bracket.
func (r reader) header(m *Message) {
	at := r.Pos()
	s := r.Text(4, "sequence number")
	for _, c := range []byte(s) {
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
func (r reader) number(sign byte, name string, least, most int, nak bool) string {
	if r.next() != sign {
		r.Fail(name, fmt.Errorf("%w: it begins with %q", wire.ErrValue, sign))
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
	return strings.TrimPrefix(r.Text(1+n, name), string(sign))
}

// content reads what stands behind the opening bracket: data, extended data and
// the time stamp.
func (r reader) content(m *Message) {
	m.Data = r.bracketed("data", func(in reader) {
		switch {
		case m.ID == DCS || m.ID == ContactID:
			in.events(m.ID)
		case in.Len() > 0:
			in.Text(in.Len(), "data")
		}
	})
	for r.next() == '[' {
		r.Text(1, "bracket")
		m.Extended = append(m.Extended, r.bracketed("extended data", func(in reader) {
			if in.Len() > 0 {
				in.Text(in.Len(), "extended data")
			}
		}))
	}
	if r.next() == '_' {
		r.Text(1, "stamp sign")
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

// bracketed reads up to and with the closing bracket, the inside by f.
func (r reader) bracketed(name string, f func(reader)) string {
	n := bytes.IndexByte(r.rest(), ']')
	if n < 0 {
		r.FailAt(name, r.Pos()+r.Len(), wire.ErrTruncated)
		return ""
	}
	s := string(r.rest()[:n])
	outer := r.Limit(n, name)
	f(r)
	r.Restore(outer)
	r.Expect("]", "bracket")
	return s
}

// poll reads what stands behind the LF.
func (r reader) poll() protocol.Message {
	p := &Poll{}
	r.Expect(pollStart[1:], "start of a poll")
	p.Receiver = r.Text(4, "receiver")
	r.Expect("L", "line sign")
	p.Line = r.Text(4, "line")
	r.blanks()
	at := r.Pos()
	p.Account = r.Text(r.count(func(c byte) bool { return c > ' ' && c < 0x7F && c != '[' }), "account")
	r.blanks()
	r.Expect("[ID", "bracket")
	p.ID = r.Text(8, "identity")
	r.Expect("]", "bracket")
	for _, s := range []string{p.Receiver, p.Line, p.Account, p.ID} {
		for i := range len(s) {
			if c := s[i]; !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z') {
				r.FailAt("poll", at, fmt.Errorf("%w: not digits and capitals", wire.ErrValue))
			}
		}
	}
	if n := len(p.Account); n < 3 || n > 16 {
		r.FailAt("account", at, fmt.Errorf("%w: not 3 to 16 digits and capitals", wire.ErrValue))
	}
	return p
}

// blanks reads one blank at least.
func (r reader) blanks() {
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
		if id := strings.TrimPrefix(m.Code, "*"); known(id) {
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
	if !known(m.ID) {
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
