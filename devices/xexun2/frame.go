package xexun2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/checksum"
	"github.com/sargas-em/em/protocol/wire"
)

const (
	flag    = "\xFA\xAF"
	escape  = "\xFB\xBF"
	escFlag = escape + "\x01" // is sent for flag
	escEsc  = escape + "\x02" // is sent for escape

	headLen    = 2 + 2 + 8 + 2 + 2
	lengthMask = 1<<10 - 1 // of the attributes
)

// maxFrame is the longest message: the payload's length has ten bits, and of each
// two bytes an escape may make three.
const maxFrame = 2*len(flag) + (headLen+lengthMask)*3/2 + 1

// Codec is the wire format. A frame has both its flags.
type Codec struct {
	// RelaxedChecksum takes messages with a wrong check code.
	RelaxedChecksum bool
}

// Split finds the next message: what is between two flags and as long as it says.
// Where it is not, the second flag may be the first of the next message.
func (Codec) Split(b []byte) (frame []byte, n int, err error) {
	if len(b) == 0 {
		return nil, 0, nil
	}
	if b[0] != flag[0] || len(b) > 1 && b[1] != flag[1] {
		return nil, next(b), protocol.ErrJunk
	}
	inner := b[min(len(b), len(flag)):]
	n, escaped := toFlag(inner)
	switch {
	case n < 0:
		return nil, 0, nil
	case n == 0:
		return nil, len(flag), protocol.ErrJunk // the end of a message whose start was lost
	}
	inner = inner[:n]
	n += len(flag)
	if err := plausible(inner, escaped); err != nil {
		return nil, n, err
	}
	n += len(flag)
	return b[:n:n], n, nil
}

// plausible is an error where what stands between flags is not as long as it says.
func plausible(b []byte, escaped bool) error {
	var room [headLen]byte
	head, n := b, len(b)
	if escaped {
		var err error
		if n, err = unescaped(room[:0], b); err != nil {
			return err
		}
		head = room[:]
	}
	if n < headLen || n != headLen+length(head) {
		return fmt.Errorf("%w: %d bytes between flags are not as long as they say", protocol.ErrMalformed, n)
	}
	return nil
}

// toFlag returns where in b the next flag begins, -1 where none does, and whether
// there is an escape before it.
func toFlag(b []byte) (n int, escaped bool) {
	for {
		n += toSign(b[n:])
		switch {
		case n+1 >= len(b):
			return -1, escaped
		case b[n] == flag[0] && b[n+1] == flag[1]:
			return n, escaped
		case b[n] == escape[0] && b[n+1] == escape[1]:
			escaped = true
		}
		n++
	}
}

// toSign returns where in b the first byte stands that may begin a flag or an escape;
// its length where there is none.
func toSign(b []byte) int {
	if i := bytes.IndexByte(b, flag[0]); i >= 0 {
		b = b[:i]
	}
	if i := bytes.IndexByte(b, escape[0]); i >= 0 {
		return i
	}
	return len(b)
}

// next returns where, behind the first byte, a flag may start.
func next(b []byte) int {
	for i := 1; i < len(b); i++ {
		if b[i] == flag[0] && (i+1 == len(b) || b[i+1] == flag[1]) {
			return i
		}
	}
	return len(b)
}

// length returns the payload's length as the head says it.
func length(plain []byte) int {
	return int(binary.BigEndian.Uint16(plain[2+2+8:]) & lengthMask)
}

// unescape returns what stands between flags as it was before it was escaped: b
// itself, or a copy in the memory's scratch.
func unescape(b []byte, memory *wire.Memory) ([]byte, error) {
	if n, escaped := toFlag(b); n < 0 && !escaped {
		return b, nil
	}
	plain := memory.Scratch(len(b))
	n, err := unescaped(plain, b)
	return plain[:n], err
}

// unescaped appends to dst, as far as its room goes, what stands between flags as
// it was before it was escaped, and returns the length of all of it.
func unescaped(dst, b []byte) (n int, err error) {
	dst = dst[:cap(dst)]
	put := func(v byte) {
		if n < len(dst) {
			dst[n] = v
		}
		n++
	}
	for i := 0; i < len(b); i++ {
		if next := i + 1; b[i] != flag[0] && b[i] != escape[0] || next == len(b) || b[i] == flag[0] && b[next] != flag[1] || b[i] == escape[0] && b[next] != escape[1] {
			put(b[i])
			continue
		}
		pair := flag
		switch {
		case b[i] == flag[0] || i+2 == len(b) || b[i+2] != escFlag[2] && b[i+2] != escEsc[2]:
			return 0, &wire.FieldError{Field: "escape", Offset: len(flag) + i, Err: fmt.Errorf("%w: %x", wire.ErrValue, b[i:min(i+3, len(b))])}
		case b[i+2] == escEsc[2]:
			pair = escape
		}
		put(pair[0])
		put(pair[1])
		i += len(escFlag) - 1
	}
	return n, nil
}

// offsets returns for each byte of unescape's result, and its end, where it begins
// in the frame.
func offsets(frame []byte) []int {
	var at []int
	for i := len(flag); i < len(frame)-len(flag); i++ {
		at = append(at, i)
		if b := frame[i:]; bytes.HasPrefix(b, []byte(escFlag)) || bytes.HasPrefix(b, []byte(escEsc)) {
			at = append(at, i+1)
			i += len(escFlag) - 1
		}
	}
	return append(at, len(frame)-len(flag))
}

func appendEscaped(dst, b []byte) []byte {
	for i := 0; i < len(b); i++ {
		switch {
		case bytes.HasPrefix(b[i:], []byte(flag)):
			dst = append(dst, escFlag...)
			i++
		case bytes.HasPrefix(b[i:], []byte(escape)):
			dst = append(dst, escEsc...)
			i++
		default:
			dst = append(dst, b[i])
		}
	}
	return dst
}

// Decode reads one message. Types that are not known become a *protocol.Raw with
// head and payload, not escaped, as Data: the acknowledgement needs the head.
func (c Codec) Decode(frame []byte) (protocol.Message, error) {
	return c.DecodeReuse(frame, nil)
}

// DecodeReuse is Decode with the caller's memory.
func (c Codec) DecodeReuse(frame []byte, memory *wire.Memory) (protocol.Message, error) {
	if n := len(frame); n < 2*len(flag) || string(frame[:len(flag)]) != flag || string(frame[n-len(flag):]) != flag {
		outer := wire.New(frame)
		outer.Expect(flag, "start")
		outer.FailAt("end", n, wire.ErrTruncated)
		return nil, outer.Err()
	}
	plain, err := unescape(frame[len(flag):len(frame)-len(flag)], memory)
	if err != nil {
		return nil, err
	}
	h, wrong, err := readHead(plain)
	switch {
	case wrong != nil && !c.RelaxedChecksum:
		wrong.Offset = offsets(frame)[wrong.Offset]
		return nil, wrong
	case err != nil:
		return nil, moved(err, frame, 0)
	}
	var f reader
	f.Begin(plain[headLen:], memory)
	m := f.message(h, plain)
	if f.Err() != nil {
		return nil, moved(f.Err(), frame, headLen)
	}
	return m, nil
}

// Dissect reads one message and tells its fields.
func (c Codec) Dissect(frame []byte) (protocol.Message, []wire.Span, error) {
	m, err := c.Decode(frame)
	return m, frames().Dissect(frame), err
}

// moved is an error of what begins at base of the message, with its offset in the
// frame with escapes.
func moved(err error, frame []byte, base int) error {
	if fe, ok := errors.AsType[*wire.FieldError](err); ok {
		return &wire.FieldError{Field: fe.Field, Offset: offsets(frame)[base+fe.Offset], Err: fe.Err}
	}
	return err
}

// readHead reads the head. wrong is a check code that does not fit.
func readHead(plain []byte) (h Header, wrong *protocol.ChecksumError, err error) {
	if len(plain) < headLen {
		return h, nil, shortHead(plain)
	}
	be := binary.BigEndian
	h.Kind, h.Serial, h.IMEI = be.Uint16(plain), be.Uint16(plain[2:]), IMEI(plain[4:])
	attributes, found := be.Uint16(plain[12:]), be.Uint16(plain[14:])
	h.Flags = attributes &^ lengthMask
	if !wire.IsBCD(h.IMEI[:]) {
		return h, nil, shortHead(plain)
	}
	payload := plain[headLen:]
	switch {
	case h.IMEI[len(h.IMEI)-1]&15 != 0:
		err = &wire.FieldError{Field: "imei", Offset: 4, Err: fmt.Errorf("%w: the last of 16 digits is not 0", wire.ErrValue)}
	case len(payload) != int(attributes&lengthMask):
		err = &wire.FieldError{Field: "attributes", Offset: 12, Err: fmt.Errorf("%w: a payload of %d bytes, not %d", wire.ErrValue, attributes&lengthMask, len(payload))}
	}
	if want := checksum.Fold16(payload); found != want {
		wrong = &protocol.ChecksumError{Algorithm: "FOLD-16", Offset: 14, Found: uint32(found), Expected: uint32(want)}
	}
	return h, wrong, err
}

// shortHead returns what is wrong with a head that ends early, or whose IMEI is
// not decimal.
func shortHead(plain []byte) error {
	f := wire.New(plain)
	f.U16("type")
	f.U16("serial")
	f.BCD(len(IMEI{}), "imei")
	f.U16("attributes")
	f.U16("crc")
	return f.Err()
}

// message reads the payload.
func (f *reader) message(h Header, plain []byte) (m protocol.Message) {
	c := &f.Cursor
	payload := plain[headLen:]
	var head *Header
	switch {
	case h.Kind == KindCommand:
		command := wire.Own[Command](c)
		m, head = command, &command.Header
		command.Text = f.Text(f.Len(), "text")
	case len(payload) == 1 && payload[0] == 1:
		ack := wire.Own[Ack](c)
		m, head = ack, &ack.Header
		f.U8("received")
	case h.Kind == KindReport:
		count := 0
		if len(payload) > 0 {
			count = min(int(payload[0]), len(payload)/2) // each has a length
		}
		report, records := f.report(count)
		m, head = report, &report.Header
		report.Records = f.records(records)
	default:
		return &protocol.Raw{Code: fmt.Sprintf("0x%04X", h.Kind), Data: bytes.Clone(plain)}
	}
	*head = h
	if f.Err() == nil && f.Len() > 0 {
		f.Fail("further bytes", wire.ErrValue)
	}
	return m
}

// rawHeader reads the head of an unsupported message.
func rawHeader(m *protocol.Raw) (h Header, ok bool) {
	if len(m.Data) < headLen || len(m.Data) != headLen+length(m.Data) {
		return h, false
	}
	h, _, err := readHead(m.Data)
	return h, err == nil
}

// Append writes one message.
func (Codec) Append(dst []byte, m protocol.Message) ([]byte, error) {
	var h Header
	var payload []byte
	var err error
	switch m := m.(type) {
	case *Ack:
		h, payload = m.Header, []byte{1}
		if h.Kind == KindCommand {
			err = errors.New("a command has no acknowledgement")
		}
	case *Command:
		if h, payload = m.Header, []byte(m.Text); h.Kind != KindCommand {
			err = fmt.Errorf("type 0x%04X", h.Kind)
		}
	case *Report:
		if h = m.Header; h.Kind != KindReport {
			err = fmt.Errorf("type 0x%04X", h.Kind)
		} else {
			payload, err = m.payload()
		}
	default:
		return dst, fmt.Errorf("xexun2: %T: %w", m, protocol.ErrUnsupported)
	}
	switch {
	case err != nil:
	case !wire.IsBCD(h.IMEI[:]) || h.IMEI[len(h.IMEI)-1]&15 != 0 || h.Flags&lengthMask != 0:
		err = fmt.Errorf("IMEI %x or flags 0x%04X", h.IMEI[:], h.Flags)
	case len(payload) > lengthMask:
		err = fmt.Errorf("a payload of %d bytes, above %d", len(payload), lengthMask)
	}
	if err != nil {
		return dst, fmt.Errorf("xexun2: %s: %w: %w", m.Type(), protocol.ErrUnsupported, err)
	}
	b := binary.BigEndian.AppendUint16(nil, h.Kind)
	b = binary.BigEndian.AppendUint16(b, h.Serial)
	b = append(b, h.IMEI[:]...)
	b = binary.BigEndian.AppendUint16(b, h.Flags|uint16(len(payload)))
	b = binary.BigEndian.AppendUint16(b, checksum.Fold16(payload))
	dst = append(dst, flag...)
	dst = appendEscaped(dst, append(b, payload...))
	return append(dst, flag...), nil
}
