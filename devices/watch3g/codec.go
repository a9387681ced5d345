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
func (c Codec) Decode(frame []byte) (protocol.Message, error) { return c.DecodeReuse(frame, nil) }

// DecodeReuse is Decode with the caller's memory.
func (Codec) DecodeReuse(frame []byte, memory *wire.Memory) (protocol.Message, error) {
	f := reader{frame: frame}
	f.Begin(frame, memory)
	if m := f.plainPosition(); m != nil {
		return m, nil
	}
	m := f.message()
	return protocol.Verdict(&f.Cursor, m, nil, false)
}

// Dissect reads one frame and tells its fields.
func (c Codec) Dissect(frame []byte) (protocol.Message, []wire.Span, error) {
	m, err := c.Decode(frame)
	return m, frames().Dissect(frame), err
}

// reader reads one frame.
type reader struct {
	wire.Cursor
	frame   []byte
	head    head
	content []byte // which begins with the keyword
	outer   int    // the end before the limit of the content

	made *Position // by plainPosition
}

// plainPosition reads a Position that is as most are, and nil of all other frames, right
// or wrong, which are for message.
func (f *reader) plainPosition() *Position {
	h, state := readHead(f.frame)
	last := len(f.frame) - 1
	if state != headWhole || last < h.content || f.frame[last] != ']' {
		return nil
	}
	b := f.frame[:last]
	comma := h.content + bytes.IndexByte(b[h.content:], ',')
	if comma < h.content || !isPosition(string(b[h.content:comma])) {
		return nil
	}
	m := wire.Own[Position](&f.Cursor)
	f.made = m // for message too
	text := f.TextAt(0, last)
	m.Vendor, m.ID = text[len("["):len("[3G")], text[h.id:h.idEnd]
	if h.index > 0 {
		m.Index = text[h.index : h.index+4]
	}
	m.Keyword = text[h.content:comma]
	day, i := nmea.PlainDay(b, comma+1)
	clock, i := nmea.PlainClock(b, i)
	m.Time = nmea.Join(day, em.Some(clock))
	m.Status, i = nmea.PlainLetter(b, i, 'A', 'V')
	m.Lat, i = nmea.PlainNumber(b, i)
	m.NorthSouth, i = nmea.PlainLetter(b, i, 'N', 'S')
	m.Lng, i = nmea.PlainNumber(b, i)
	m.EastWest, i = nmea.PlainLetter(b, i, 'E', 'W')
	m.Speed, i = nmea.PlainNumber(b, i)
	m.Course, i = nmea.PlainNumber(b, i)
	m.Altitude, i = nmea.PlainNumber(b, i)
	m.Satellites, i = nmea.PlainUint[uint32](b, i, maxCount)
	m.GSM, i = nmea.PlainUint[uint8](b, i, 255)
	m.Battery, i = nmea.PlainUint[uint8](b, i, 255)
	m.Steps, i = nmea.PlainUint[uint32](b, i, maxCount)
	m.Tumbles, i = nmea.PlainUint[uint32](b, i, maxCount)
	m.Bits, i = nmea.PlainHex[Bits](b, i, 1<<32-1)
	switch {
	case i == nmea.Odd, !within(m.Lat, 90), !within(m.Lng, 180):
		return nil
	case i <= last:
		m.Radio = text[i-1:]
	case !m.Bits.OK: // the last field of all, and empty
		return nil
	}
	return m
}

// within reports whether a coordinate is of so many degrees at most.
func within(d em.Opt[em.Decimal], most float64) bool {
	v := d.V.Float()
	return v >= -most && v <= most
}

func (f *reader) message() (m protocol.Message) {
	var state headState
	if f.head, state = readHead(f.frame); state != headWhole {
		f.Fail("start", fmt.Errorf("%w: not the head of a frame", wire.ErrValue))
		return nil
	}
	if f.frame[len(f.frame)-1] != ']' || len(f.frame) <= f.head.content {
		f.FailAt("end", len(f.frame), wire.ErrTruncated)
		return nil
	}
	f.content = f.frame[f.head.content : len(f.frame)-1]
	m = f.read()
	if f.Err() == nil && f.Len() > 0 {
		f.Fail("content", wire.ErrValue)
	}
	f.Restore(f.outer)
	f.Expect("]", "end")
	if f.Err() == nil && f.Len() > 0 {
		f.Fail("end", wire.ErrValue)
	}
	return m
}

// begin reads up to the content of a message that was made.
func (f *reader) begin(h *Header) {
	h.Vendor = f.TextAt(len("["), len("3G"))
	h.ID = f.TextAt(f.head.id, f.head.idEnd-f.head.id)
	if f.head.index > 0 {
		h.Index = f.TextAt(f.head.index, 4)
	}
	f.Advance(f.head.content)
	f.outer = f.Limit(len(f.content), "content")
}

// keyword is begin, and reads the keyword.
func (f *reader) keyword(h *Header) string {
	f.begin(h)
	return f.FieldText(',', "keyword")
}

func (f *reader) read() protocol.Message {
	c := &f.Cursor
	switch string(f.content) {
	case "AL", "JXTKR,1":
		m := wire.Own[Answer](c)
		f.begin(&m.Header)
		m.Content = f.Text(f.Len(), "content")
		return m
	}
	keyword := f.content
	fields := 0 // behind it
	if comma := bytes.IndexByte(keyword, ','); comma >= 0 {
		fields = nmea.Count(keyword[comma+1:])
		keyword = keyword[:comma]
	}
	if isPosition(string(keyword)) {
		m := f.made
		if m == nil {
			m = wire.Own[Position](c)
		}
		*m = Position{}
		m.Keyword = f.keyword(&m.Header)
		f.position(m)
		return m
	}
	switch base(string(keyword)) {
	case "LK":
		m, list := wire.OwnList[KeepAlive, string](c, fields)
		f.keyword(&m.Header)
		m.Fields = f.texts(list, "field")
		return m
	case "INIT":
		m, list := wire.OwnList[Init, string](c, fields)
		f.keyword(&m.Header)
		m.Fields = f.texts(list, "field")
		return m
	case "TKQ":
		m := wire.Own[VoiceQuery](c)
		m.Keyword = f.keyword(&m.Header)
		return m
	case "TK", "JXTK":
		m := wire.Own[Voice](c)
		m.Keyword = f.keyword(&m.Header)
		data := f.RestData("sound")
		m.Data = unescape(data[:0], data)
		return m
	}
	switch {
	case isSensor(keyword):
		m, list := wire.OwnList[Sensor, string](c, fields)
		m.Keyword = f.keyword(&m.Header)
		m.Values = f.texts(list, "value")
		return m
	case isCommand(string(keyword)):
		m, list := wire.OwnList[Command, string](c, fields)
		m.Keyword = f.keyword(&m.Header)
		m.Args = f.texts(list, "argument")
		return m
	}
	var h Header
	code := f.keyword(&h)
	if !nmea.Word(code, maxKeyword) {
		f.FailAt("keyword", f.Pos()-len(code), fmt.Errorf("%w: not letters and digits", wire.ErrValue))
	}
	f.Rest("data")
	return &protocol.Raw{Code: code, Data: bytes.Clone(f.content)}
}

// isPosition reports whether a keyword is a Position's.
func isPosition(keyword string) bool {
	switch base(keyword) {
	case "UD", "UD2", "AL", "WT":
		return true
	}
	return false
}

// isSensor reports whether a keyword, in any case, is a sensor's.
func isSensor(keyword []byte) bool {
	const longest = 8
	var lower [longest]byte
	if len(keyword) > longest {
		return false
	}
	for i, c := range keyword {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	return sensors[string(lower[:len(keyword)])] != nil
}

// maxKeyword bounds keywords.
const maxKeyword = 32

// texts appends all fields that are left to list, which has room for them; nil
// where nothing is left, not even a comma.
func (f *reader) texts(list []string, name string) []string {
	if f.Err() != nil || f.Len() == 0 && f.frame[f.Pos()-1] != ',' {
		return nil
	}
	for range nmea.Count(f.frame[f.Pos() : f.Pos()+f.Len()]) {
		list = append(list, f.FieldText(',', name))
	}
	return list
}

// degrees reads a coordinate of at most that many degrees.
func (f *reader) degrees(name string, most float64) em.Opt[em.Decimal] {
	at := f.Pos()
	d := nmea.ReadNumber(&f.Cursor, name)
	if f.Err() != nil || !d.OK {
		return d
	}
	if !within(d, most) {
		f.FailAt(name, at, fmt.Errorf("%w: %v is beyond %v degrees", wire.ErrValue, d.V, most))
	}
	return d
}

// maxCount bounds satellites, steps and tumbles.
const maxCount = 1<<31 - 1

func (f *reader) position(m *Position) {
	date := nmea.ReadDate(&f.Cursor, "date")
	m.Time = nmea.Join(date, nmea.ReadClock(&f.Cursor, "time"))
	m.Status = nmea.ReadLetter(&f.Cursor, "status", "AV", false)
	m.Lat = f.degrees("latitude", 90)
	m.NorthSouth = nmea.ReadLetter(&f.Cursor, "north or south", "NS", true)
	m.Lng = f.degrees("longitude", 180)
	m.EastWest = nmea.ReadLetter(&f.Cursor, "east or west", "EW", true)
	m.Speed = nmea.ReadNumber(&f.Cursor, "speed")
	m.Course = nmea.ReadNumber(&f.Cursor, "course")
	m.Altitude = nmea.ReadNumber(&f.Cursor, "altitude")
	m.Satellites = nmea.ReadUint[uint32](&f.Cursor, "satellites", maxCount)
	m.GSM = nmea.ReadUint[uint8](&f.Cursor, "gsm", 255)
	m.Battery = nmea.ReadUint[uint8](&f.Cursor, "battery", 255)
	m.Steps = nmea.ReadUint[uint32](&f.Cursor, "steps", maxCount)
	m.Tumbles = nmea.ReadUint[uint32](&f.Cursor, "tumbles", maxCount)
	m.Bits = nmea.ReadHex[Bits](&f.Cursor, "bits", 1<<32-1)
	m.Radio = f.FieldsText(',', "radio")
}

// unescape appends sound as it was before it was escaped to out, which may be the
// start of b. A 7D that escapes nothing stands for itself.
func unescape(out, b []byte) []byte {
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
		return []string{m.Keyword, m.Radio}
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

// whole returns a number in decimal digits, or nothing where it is absent.
func whole[T nmea.Unsigned](n em.Opt[T]) string {
	if !n.OK {
		return ""
	}
	return fmt.Sprint(n.V)
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
	bits := ""
	if m.Bits.OK {
		bits = fmt.Sprintf("%08X", uint32(m.Bits.V))
	}
	b := nmea.AppendFields([]byte(m.Keyword), date, clock, letter(m.Status), number(m.Lat), letter(m.NorthSouth), number(m.Lng), letter(m.EastWest),
		number(m.Speed), number(m.Course), number(m.Altitude), whole(m.Satellites), whole(m.GSM), whole(m.Battery), whole(m.Steps), whole(m.Tumbles), bits)
	if m.Radio != "" && m.Radio[0] != ',' {
		return nil, errors.New("no comma in front of what the device hears")
	}
	return append(b, m.Radio...), nil
}
