package watch3g

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/nmea"
	"github.com/sargas-em/em/protocol/wire"
)

// Codec is the wire format. It has no check code.
type Codec struct{}

// Decode reads one frame. Its errors are a *wire.FieldError. Unknown keywords
// become a *protocol.Raw with the whole content as Data.
func (c Codec) Decode(frame []byte) (protocol.Message, error) {
	m, _, err := decode(frame, false)
	return m, err
}

// Dissect reads one frame and tells its fields.
func (c Codec) Dissect(frame []byte) (protocol.Message, []wire.Span, error) {
	return decode(frame, true)
}

func decode(frame []byte, record bool) (protocol.Message, []wire.Span, error) {
	f := reader{Cursor: wire.New(frame), frame: frame}
	if record {
		f.Record()
	}
	m := f.message()
	if f.Err() == nil && f.Len() > 0 {
		f.Fail("end", wire.ErrValue)
	}
	spans := f.Spans()
	if f.Err() != nil {
		return nil, spans, f.Err()
	}
	return m, spans, nil
}

// reader reads one frame.
type reader struct {
	wire.Cursor
	frame []byte
}

func (f *reader) message() (m protocol.Message) {
	h, state := readHead(f.frame)
	if state != headWhole {
		f.Fail("head", fmt.Errorf("%w: not the head of a frame", wire.ErrValue))
		return nil
	}
	if f.frame[len(f.frame)-1] != ']' || len(f.frame) <= h.content {
		f.FailAt("end", len(f.frame), wire.ErrTruncated)
		return nil
	}
	f.Expect("[", "start")
	header := Header{Vendor: string(f.Field('*', "vendor")), ID: string(f.Field('*', "id"))}
	if h.index > 0 {
		header.Index = string(f.Field('*', "index"))
	}
	f.Field('*', "length")
	content := f.frame[h.content : len(f.frame)-1]
	if f.Recording() && h.size != len(content) && h.size != len(unescape(content)) {
		f.Note("expected %04X", len(content))
	}
	outer := f.Limit(len(content), "content")
	m = f.content(header, content)
	if f.Err() == nil && f.Len() > 0 {
		f.Fail("content", wire.ErrValue)
	}
	f.Restore(outer)
	f.Expect("]", "end")
	return m
}

func (f *reader) content(h Header, content []byte) protocol.Message {
	switch string(content) {
	case "AL", "JXTKR,1":
		return &Answer{h, f.Text(f.Len(), "content")}
	}
	keyword := string(f.Field(',', "keyword"))
	switch base(keyword) {
	case "UD", "UD2", "AL", "WT":
		return f.position(h, keyword)
	case "LK":
		return &KeepAlive{h, f.texts("field")}
	case "INIT":
		return &Init{h, f.texts("field")}
	case "TKQ":
		return &VoiceQuery{h, keyword}
	case "TK", "JXTK":
		return &Voice{h, keyword, unescape(f.Rest("sound"))}
	}
	switch {
	case sensors[strings.ToLower(keyword)] != nil:
		return &Sensor{h, keyword, f.texts("value")}
	case isCommand(keyword):
		return &Command{h, keyword, f.texts("argument")}
	case !nmea.Word(keyword, maxKeyword):
		f.FailAt("keyword", f.Pos()-len(keyword), fmt.Errorf("%w: not letters and digits", wire.ErrValue))
	}
	f.Rest("data")
	return &protocol.Raw{Code: keyword, Data: bytes.Clone(content)}
}

// maxKeyword bounds keywords.
const maxKeyword = 32

// texts reads all fields that are left; nil where nothing is, not even a comma.
func (f *reader) texts(name string) (texts []string) {
	if f.Err() != nil || f.Len() == 0 && f.frame[f.Pos()-1] != ',' {
		return nil
	}
	for range nmea.Count(f.frame[f.Pos() : f.Pos()+f.Len()]) {
		texts = append(texts, nmea.ReadText(&f.Cursor, name))
	}
	return texts
}

// letter reads a field of one of these letters; 0 where it is empty and may be.
func (f *reader) letter(name, letters string, empty bool) byte {
	at := f.Pos()
	s := nmea.ReadText(&f.Cursor, name)
	switch {
	case s == "" && empty:
		return 0
	case len(s) != 1 || !strings.Contains(letters, s):
		f.FailAt(name, at, fmt.Errorf("%w: %q is not one of %s", wire.ErrValue, s, letters))
		return 0
	}
	return s[0]
}

// degrees reads a coordinate of at most that many degrees.
func (f *reader) degrees(name string, most float64) em.Opt[em.Decimal] {
	at := f.Pos()
	d := nmea.ReadNumber(&f.Cursor, name)
	if v := d.V.Float(); f.Err() == nil && (v < -most || v > most) {
		f.FailAt(name, at, fmt.Errorf("%w: %v is beyond %v degrees", wire.ErrValue, d.V, most))
	}
	return d
}

// maxCount bounds satellites, steps and tumbles.
const maxCount = 1<<31 - 1

func (f *reader) position(h Header, keyword string) *Position {
	m := &Position{Header: h, Keyword: keyword}
	date := nmea.ReadDate(&f.Cursor, "date")
	m.Time = nmea.Join(date, nmea.ReadClock(&f.Cursor, "time"))
	m.Status = f.letter("status", "AV", false)
	m.Lat = f.degrees("latitude", 90)
	m.NorthSouth = f.letter("north or south", "NS", true)
	m.Lng = f.degrees("longitude", 180)
	m.EastWest = f.letter("east or west", "EW", true)
	m.Speed = nmea.ReadNumber(&f.Cursor, "speed")
	m.Course = nmea.ReadNumber(&f.Cursor, "course")
	m.Altitude = nmea.ReadNumber(&f.Cursor, "altitude")
	m.Satellites = nmea.ReadUint(&f.Cursor, "satellites", maxCount)
	m.GSM = nmea.ReadUint(&f.Cursor, "gsm", 255)
	m.Battery = nmea.ReadUint(&f.Cursor, "battery", 255)
	m.Steps = nmea.ReadUint(&f.Cursor, "steps", maxCount)
	m.Tumbles = nmea.ReadUint(&f.Cursor, "tumbles", maxCount)
	bits := nmea.ReadHex(&f.Cursor, "bits", 1<<32-1)
	m.Bits = em.Opt[Bits]{V: Bits(bits.V), OK: bits.OK}
	m.Radio = f.texts("radio")
	return m
}

// unescape returns a copy of sound as it was before it was escaped. A 7D that
// escapes nothing stands for itself.
func unescape(b []byte) []byte {
	var out []byte
	for i := 0; i < len(b); i++ {
		if b[i] == escape && i+1 < len(b) && b[i+1] >= 1 && int(b[i+1]) <= len(escaped) {
			i++
			out = append(out, escaped[b[i]-1])
			continue
		}
		out = append(out, b[i])
	}
	return out
}

const (
	escape  = '}'
	escaped = "}[],*" // by 01 to 05 behind escape
)

func appendEscaped(dst, b []byte) []byte {
	for _, c := range b {
		if i := strings.IndexByte(escaped, c); i >= 0 {
			dst = append(dst, escape, byte(i+1))
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

// Append writes one frame. The length counts the bytes as they go over the wire.
func (c Codec) Append(dst []byte, m protocol.Message) ([]byte, error) {
	var content []byte
	var err error
	switch m := m.(type) {
	case *Init:
		content = nmea.AppendFields([]byte("INIT"), m.Fields...)
	case *KeepAlive:
		content = nmea.AppendFields([]byte("LK"), m.Fields...)
	case *Position:
		content, err = m.content()
	case *Answer:
		content = []byte(m.Content)
	case *VoiceQuery:
		content = []byte(m.Keyword)
	case *Voice:
		content = []byte(m.Keyword)
		if len(m.Data) > 0 {
			content = appendEscaped(append(content, ','), m.Data)
		}
	case *Sensor:
		content = nmea.AppendFields([]byte(m.Keyword), m.Values...)
	case *Command:
		content = nmea.AppendFields([]byte(m.Keyword), m.Args...)
	default:
		return dst, fmt.Errorf("watch3g: %T: %w", m, protocol.ErrUnsupported)
	}
	h := m.(interface{ header() *Header }).header()
	if len(content) > maxFrame-64 { // what stands around it is shorter
		err = fmt.Errorf("%d bytes are too long", len(content))
	}
	var b []byte
	if err == nil {
		b = fmt.Appendf(nil, "[%s*%s*", h.Vendor, h.ID)
		if h.Index != "" {
			b = fmt.Appendf(b, "%s*", h.Index)
		}
		b = fmt.Appendf(b, "%04x*%s]", len(content), content)
		err = c.readsBack(b, m, h)
	}
	if err != nil {
		return dst, fmt.Errorf("watch3g: %s: %w: %w", m.Type(), protocol.ErrUnsupported, err)
	}
	return append(dst, b...), nil
}

// readsBack is an error where b is not one frame with a message of m's kind: a
// text can hold what ends a field or a frame.
func (c Codec) readsBack(b []byte, m protocol.Message, h *Header) error {
	frame, n, _ := c.Split(b)
	if n != len(b) {
		return errors.New("a text would end the frame")
	}
	back, err := c.Decode(frame)
	if err != nil {
		return err
	}
	if g, ok := back.(interface{ header() *Header }); !ok || reflect.TypeOf(back) != reflect.TypeOf(m) || back.Type() != m.Type() || *g.header() != *h || !slices.Equal(texts(m), texts(back)) {
		return errors.New("a text would be read as something else")
	}
	return nil
}

// texts returns the free texts of a message.
func texts(m protocol.Message) []string {
	switch m := m.(type) {
	case *Init:
		return m.Fields
	case *KeepAlive:
		return m.Fields
	case *Position:
		return append([]string{m.Keyword}, m.Radio...)
	case *Answer:
		return []string{m.Content}
	case *VoiceQuery:
		return []string{m.Keyword}
	case *Voice:
		return []string{m.Keyword}
	case *Sensor:
		return append([]string{m.Keyword}, m.Values...)
	case *Command:
		return append([]string{m.Keyword}, m.Args...)
	}
	return nil
}

func (m *Position) content() ([]byte, error) {
	clock, date, err := nmea.FormatTime(m.Time, 0)
	if err != nil {
		return nil, err
	}
	if m.Time.IsZero() {
		clock, date = "000000", "000000"
	}
	letter := func(c byte) string {
		if c == 0 {
			return ""
		}
		return string(rune(c))
	}
	number := func(n em.Opt[em.Decimal]) string { return string(nmea.AppendNumber(nil, n)) }
	whole := func(n em.Opt[uint64]) string {
		if !n.OK {
			return ""
		}
		return fmt.Sprint(n.V)
	}
	bits := ""
	if m.Bits.OK {
		bits = fmt.Sprintf("%08X", uint32(m.Bits.V))
	}
	b := nmea.AppendFields([]byte(m.Keyword), date, clock, letter(m.Status), number(m.Lat), letter(m.NorthSouth), number(m.Lng), letter(m.EastWest),
		number(m.Speed), number(m.Course), number(m.Altitude), whole(m.Satellites), whole(m.GSM), whole(m.Battery), whole(m.Steps), whole(m.Tumbles), bits)
	return nmea.AppendFields(b, m.Radio...), nil
}
