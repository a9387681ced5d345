package xexun2

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

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
	i := bytes.Index(b[min(len(b), len(flag)):], []byte(flag))
	if i < 0 {
		return nil, 0, nil
	}
	n = len(flag) + i
	if i == 0 {
		return nil, n, protocol.ErrJunk // the end of a message whose start was lost
	}
	if err := plausible(b[len(flag):n]); err != nil {
		return nil, n, err
	}
	n += len(flag)
	return b[:n:n], n, nil
}

// plausible is an error where what stands between flags is not as long as it says.
func plausible(b []byte) error {
	var head [headLen]byte
	n := len(b)
	if bytes.Contains(b, []byte(escape)) {
		var err error
		if n, err = unescaped(head[:0], b); err != nil {
			return err
		}
	} else {
		copy(head[:], b)
	}
	if n < headLen || n != headLen+length(head[:]) {
		return fmt.Errorf("%w: %d bytes between flags are not as long as they say", protocol.ErrMalformed, n)
	}
	return nil
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
	if !bytes.Contains(b, []byte(escape)) && !bytes.Contains(b, []byte(flag)) {
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
	outer := wire.New(frame)
	outer.Expect(flag, "start")
	if n := len(frame); n < 2*len(flag) || string(frame[n-len(flag):]) != flag {
		outer.FailAt("end", n, wire.ErrTruncated)
	}
	if outer.Err() != nil {
		return nil, outer.Err()
	}
	plain, err := unescape(frame[len(flag):len(frame)-len(flag)], memory)
	if err != nil {
		return nil, err
	}
	var f reader
	f.Begin(plain, memory)
	f.Spare(2 * imeiLen)
	m, wrong := f.message(plain)
	switch {
	case wrong != nil && !c.RelaxedChecksum:
		wrong.Offset = offsets(frame)[wrong.Offset]
		return nil, wrong
	case f.Err() != nil:
		return nil, moved(f.Err(), frame)
	}
	return m, nil
}

// Dissect reads one message and tells its fields.
func (c Codec) Dissect(frame []byte) (protocol.Message, []wire.Span, error) {
	m, err := c.Decode(frame)
	return m, frames().Dissect(frame), err
}

// moved is an error with its offset in the frame with escapes.
func moved(err error, frame []byte) error {
	if fe, ok := errors.AsType[*wire.FieldError](err); ok {
		return &wire.FieldError{Field: fe.Field, Offset: offsets(frame)[fe.Offset], Err: fe.Err}
	}
	return err
}

// imeiLen is the bytes that an IMEI takes.
const imeiLen = 8

// message reads head and payload; wrong is a check code that does not fit.
func (f *reader) message(plain []byte) (m protocol.Message, wrong *protocol.ChecksumError) {
	if len(plain) < headLen {
		_, wrong = f.head(&Header{}, plain)
		return nil, wrong
	}
	c := &f.Cursor
	payload := plain[headLen:]
	switch kind := binary.BigEndian.Uint16(plain); {
	case kind == KindCommand:
		command := wire.Own[Command](c)
		m = command
		var ok bool
		if ok, wrong = f.head(&command.Header, plain); ok {
			command.Text = f.Text(f.Len(), "text")
		}
	case len(payload) == 1 && payload[0] == 1:
		ack := wire.Own[Ack](c)
		m = ack
		var ok bool
		if ok, wrong = f.head(&ack.Header, plain); ok {
			f.U8("received")
		}
	case kind == KindReport:
		var count int
		if len(payload) > 0 {
			count = min(int(payload[0]), len(payload)/2) // each has a length
		}
		report, records := f.report(count)
		m = report
		var ok bool
		if ok, wrong = f.head(&report.Header, plain); ok {
			report.Records = f.records(records)
		}
	default:
		var ok bool
		if ok, wrong = f.head(&Header{}, plain); ok {
			f.Rest("payload")
		}
		m = &protocol.Raw{Code: fmt.Sprintf("0x%04X", kind), Data: bytes.Clone(plain)}
	}
	if f.Err() == nil && f.Len() > 0 {
		f.Fail("further bytes", wire.ErrValue)
	}
	return m, wrong
}

// head reads the head; ok is false where the payload is not worth reading.
func (f *reader) head(h *Header, plain []byte) (ok bool, wrong *protocol.ChecksumError) {
	h.Kind, h.Serial = f.U16("type"), f.U16("serial")
	imei := f.BCD(imeiLen, "imei")
	attributes := f.U16("attributes")
	h.Flags = attributes &^ lengthMask
	at := f.Pos()
	found := f.U16("crc")
	switch {
	case f.Err() != nil:
		return false, nil
	case imei[15] != '0':
		f.FailAt("imei", 4, fmt.Errorf("%w: the last of 16 digits is not 0", wire.ErrValue))
	case f.Len() != int(attributes&lengthMask):
		f.FailAt("attributes", 12, fmt.Errorf("%w: a payload of %d bytes, not %d", wire.ErrValue, attributes&lengthMask, f.Len()))
	}
	h.IMEI = imei[:15]
	want := checksum.Fold16(plain[headLen:])
	if found != want {
		wrong = &protocol.ChecksumError{Algorithm: "FOLD-16", Offset: at, Found: uint32(found), Expected: uint32(want)}
	}
	return true, wrong
}

// rawHeader reads the head of an unsupported message.
func rawHeader(m *protocol.Raw) (h Header, ok bool) {
	if len(m.Data) < headLen || len(m.Data) != headLen+length(m.Data) {
		return h, false
	}
	imei := hex.EncodeToString(m.Data[4:12])
	return Header{
		Kind: binary.BigEndian.Uint16(m.Data), Serial: binary.BigEndian.Uint16(m.Data[2:]),
		IMEI: imei[:15], Flags: binary.BigEndian.Uint16(m.Data[12:]) &^ lengthMask,
	}, isIMEI(imei[:15])
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
	case len(h.IMEI) != 15 || strings.Trim(h.IMEI, "0123456789") != "" || h.Flags&lengthMask != 0:
		err = fmt.Errorf("IMEI %q or flags 0x%04X", h.IMEI, h.Flags)
	case len(payload) > lengthMask:
		err = fmt.Errorf("a payload of %d bytes, above %d", len(payload), lengthMask)
	}
	if err != nil {
		return dst, fmt.Errorf("xexun2: %s: %w: %w", m.Type(), protocol.ErrUnsupported, err)
	}
	imei, _ := hex.DecodeString(h.IMEI + "0")
	b := binary.BigEndian.AppendUint16(nil, h.Kind)
	b = binary.BigEndian.AppendUint16(b, h.Serial)
	b = append(b, imei...)
	b = binary.BigEndian.AppendUint16(b, h.Flags|uint16(len(payload)))
	b = binary.BigEndian.AppendUint16(b, checksum.Fold16(payload))
	dst = append(dst, flag...)
	dst = appendEscaped(dst, append(b, payload...))
	return append(dst, flag...), nil
}
