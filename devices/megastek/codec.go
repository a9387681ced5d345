package megastek

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/nmea"
	"github.com/sargas-em/em/protocol/wire"
)

// Codec is the wire format in all its forms. A frame is what Split finds: a
// Report with its length, where it has one, and ";!"; the other forms without
// their line end.
type Codec struct {
	// RelaxedChecksum takes frames with a wrong check code, length or marker,
	// and an STX that was cut behind its RMC sentence and so has no code.
	RelaxedChecksum bool
}

const (
	aidStart = "cmd=aid;"
	version  = "002" // of the Report
)

// Decode reads one frame.
func (c Codec) Decode(frame []byte) (protocol.Message, error) { return c.DecodeReuse(frame, nil) }

// DecodeReuse is Decode with the caller's memory.
func (c Codec) DecodeReuse(frame []byte, memory *wire.Memory) (protocol.Message, error) {
	f := reader{frame: frame}
	f.Begin(frame, memory)
	if r := f.plainReport(); r != nil {
		return r, nil
	}
	m := f.message()
	return protocol.Verdict(&f.Cursor, m, f.flaw, c.RelaxedChecksum)
}

// Dissect reads one frame and tells its fields.
func (c Codec) Dissect(frame []byte) (protocol.Message, []wire.Span, error) {
	m, err := c.Decode(frame)
	return m, frames().Dissect(frame), err
}

func (f *reader) message() (m protocol.Message) {
	switch frame := f.frame; {
	case bytes.HasPrefix(frame, []byte("STX")), bytes.HasPrefix(frame, []byte("LOGSTX")):
		m = f.stx()
	case bytes.HasPrefix(frame, []byte(aidStart)):
		f.Chars(f.Len(), "assistance request")
		m = wire.Own[AssistRequest](&f.Cursor)
	default:
		m = f.report()
	}
	if f.Err() == nil && f.Len() > 0 {
		f.FailAt("end", f.Pos(), wire.ErrValue)
	}
	return m
}

// reader reads one frame.
type reader struct {
	wire.Cursor
	frame []byte
	flaw  error // the first check that failed and that the relaxed codec forgives

	made *Report // by plainReport, with room for its tail
	tail []string
}

func (f *reader) forgivable(err error) {
	if f.flaw == nil && f.Err() == nil {
		f.flaw = err
	}
}

// check judges the check code at the end of the frame over what stands under it.
func (f *reader) check(at int, under []byte, sum func([]byte) byte, algorithm string) {
	if at == len(f.frame) {
		f.forgivable(&wire.FieldError{Field: "checksum", Offset: at, Err: wire.ErrTruncated})
		return
	}
	found, err := nmea.ParseCheck(f.frame[at:])
	if err != nil {
		f.FailAt("checksum", at, err)
		return
	}
	if want := sum(under); found != want {
		f.forgivable(&protocol.ChecksumError{Algorithm: algorithm, Offset: at, Found: uint32(found), Expected: uint32(want)})
	}
}

// noSigns fails where a part of the frame holds a byte that would end it.
func (f *reader) noSigns(from, to int, signs string) {
	part := f.frame[from:to]
	for _, sign := range []byte(signs) {
		if bytes.IndexByte(part, sign) >= 0 { // so is each faster than all at once
			i := from + bytes.IndexAny(part, signs)
			f.FailAt(frames().FieldAt(f.frame, i, "body"), i, fmt.Errorf("%w: %q inside a frame", wire.ErrValue, f.frame[i]))
			return
		}
	}
}

// oneOf reads a field of one of these letters; blank gives 0 where that is allowed.
func (f *reader) oneOf(name, letters string, blank bool) byte {
	return nmea.ReadLetter(&f.Cursor, name, letters, blank)
}

func readUint[T nmea.Unsigned](f *reader, name string, most T) em.Opt[T] {
	return nmea.ReadUint(&f.Cursor, name, most)
}

func (f *reader) number(name string) em.Opt[em.Decimal] { return nmea.ReadNumber(&f.Cursor, name) }

func (f *reader) text(name string) string { return nmea.ReadText(&f.Cursor, name) }

func (f *reader) cell() Cell {
	return Cell{
		MCC: readUint[uint16](f, "mcc", 999), MNC: readUint[uint16](f, "mnc", 999),
		LAC: nmea.ReadHex[uint32](&f.Cursor, "lac", 1<<24-1), CID: nmea.ReadHex[uint32](&f.Cursor, "cid", 1<<28-1),
	}
}

// The bounds of percentages and signal levels: three digits. What is beyond
// their scale is kept, and absent in observations.
const most = 999

// Append writes one frame: a Report with its length in front, the older forms
// with CR LF behind.
func (Codec) Append(dst []byte, m protocol.Message) ([]byte, error) {
	var b []byte
	var err error
	switch m := m.(type) {
	case *Report:
		if b, err = m.body(); err == nil {
			b, err = prefixed("$MGV"+version+",", b)
		}
	case *STX:
		b, err = m.frame()
	case *STXPadded:
		b, err = m.frame()
	case *AssistRequest:
		b = []byte(aidStart + "\r\n")
	case *protocol.Raw:
		if v, ok := strings.CutPrefix(m.Code, "MGV"); !ok || !nmea.Word(v, 3) || len(v) != 3 || v == version {
			err = fmt.Errorf("code %q", m.Code)
		} else if err = clean(string(m.Data), ";!\r\n"); err == nil {
			b, err = prefixed("$"+m.Code+",", m.Data)
		}
	default:
		return dst, fmt.Errorf("megastek: %T: %w", m, protocol.ErrUnsupported)
	}
	if err == nil && len(b) > maxFrame {
		err = fmt.Errorf("%d bytes are too long", len(b))
	}
	if err != nil {
		return dst, fmt.Errorf("megastek: %s: %w: %w", m.Type(), protocol.ErrUnsupported, err)
	}
	return append(dst, b...), nil
}

// prefixed puts a length in front.
func prefixed(start string, body []byte) ([]byte, error) {
	n := len(start) + len(body) + len(";!")
	if n > maxFrame-digits {
		return nil, fmt.Errorf("%d bytes are too long", n)
	}
	return fmt.Appendf(nil, "%0*d%s%s;!", digits, n, start, body), nil
}

// clean is an error where a text holds one of these signs.
func clean(s, signs string) error {
	if strings.ContainsAny(s, signs) {
		return fmt.Errorf("the text %q has a sign that its field cannot hold", s)
	}
	return nil
}

// fieldSigns end a field or a frame.
const fieldSigns = ",;!\r\n"

// writer writes fields with commas between them.
type writer struct {
	b   []byte
	err error
}

func (w *writer) raw(b []byte) { w.b = append(append(w.b, b...), ',') }

func (w *writer) text(fields ...string) {
	for _, s := range fields {
		if err := clean(s, fieldSigns); err != nil && w.err == nil {
			w.err = err
		}
		w.raw([]byte(s))
	}
}

func (w *writer) number(fields ...em.Opt[em.Decimal]) {
	for _, n := range fields {
		w.raw(nmea.AppendNumber(nil, n))
	}
}

func writeUint[T nmea.Unsigned](w *writer, format string, fields ...em.Opt[T]) {
	for _, n := range fields {
		if n.OK {
			w.raw(fmt.Appendf(nil, format, n.V))
		} else {
			w.raw(nil)
		}
	}
}

func (w *writer) cell(c Cell) {
	writeUint(w, "%03d", c.MCC)
	writeUint(w, "%02d", c.MNC)
	writeUint(w, "%04X", c.LAC, c.CID)
}

// done returns the fields without the last comma.
func (w *writer) done() ([]byte, error) { return bytes.TrimSuffix(w.b, []byte(",")), w.err }
