package r16h

import (
	"bytes"
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/nmea"
	"github.com/sargas-em/em/protocol/wire"
)

// Codec is the wire format. A frame is a message with "@" and "$". There is no
// check code.
type Codec struct{}

// Split finds the next message. An "@" inside one starts anew.
func (Codec) Split(b []byte) (frame []byte, n int, err error) {
	if n = between(b); n > 0 || len(b) == 0 {
		return nil, n, nil
	}
	if b[0] != '@' {
		if n = bytes.IndexByte(b, '@'); n < 0 {
			n = len(b)
		}
		return nil, n, protocol.ErrJunk
	}
	n = 1 + bytes.IndexByte(b[1:], '$')
	message := b[1:]
	if n > 0 {
		message = b[1:n]
	}
	if again := 1 + bytes.IndexByte(message, '@'); again > 0 {
		return nil, again, fmt.Errorf("%w: a message without its end", protocol.ErrMalformed)
	}
	if n == 0 {
		return nil, 0, nil
	}
	n++
	return b[:n:n], n + between(b[n:]), nil
}

// between counts the line ends at the start of b.
func between(b []byte) (n int) {
	for n < len(b) && (b[n] == '\r' || b[n] == '\n') {
		n++
	}
	return n
}

// Decode reads one message; its errors are a *wire.FieldError. Unknown names
// become a *protocol.Raw with what stands behind the name's comma.
func (c Codec) Decode(frame []byte) (protocol.Message, error) { return c.DecodeReuse(frame, nil) }

// DecodeReuse is Decode with the caller's memory.
func (Codec) DecodeReuse(frame []byte, memory *wire.Memory) (protocol.Message, error) {
	var f reader
	f.Begin(frame, memory)
	m := f.message(frame)
	return protocol.Verdict(&f.Cursor, m, nil, false)
}

// Dissect reads one message and tells its fields.
func (c Codec) Dissect(frame []byte) (protocol.Message, []wire.Span, error) {
	m, err := c.Decode(frame)
	return m, frames().Dissect(frame), err
}

// reader reads one message.
type reader struct{ wire.Cursor }

func (f *reader) message(frame []byte) (m protocol.Message) {
	f.Expect("@", "start")
	if len(frame) < 2 || frame[len(frame)-1] != '$' {
		f.FailAt("end", len(frame), wire.ErrTruncated)
		return nil
	}
	if i := wire.Printable(frame); i < len(frame) {
		f.FailAt(frames().FieldAt(frame, i, "message"), i, fmt.Errorf("%w: not printable", wire.ErrValue))
	}
	text := frame[1 : len(frame)-1]
	if bytes.IndexByte(text, '@') >= 0 || bytes.IndexByte(text, '$') >= 0 {
		i := 1 + bytes.IndexAny(text, "@$")
		f.FailAt(frames().FieldAt(frame, i, "message"), i, fmt.Errorf("%w: the sign of a start or an end", wire.ErrValue))
	}
	outer := f.Limit(len(frame)-2, "message")
	name := f.Field(',', "name")
	switch {
	case f.Err() != nil:
	case string(name) == "LINK":
		l := wire.Own[Link](&f.Cursor)
		l.IMEI = nmea.ReadText(&f.Cursor, "imei")
		m = l
	case string(name) == "GPSD":
		m = f.position()
	case string(name) == "LBSD":
		m = f.cells()
	case !nmea.Word(string(name), maxName):
		f.FailAt("name", 1, fmt.Errorf("%w: not letters and digits", wire.ErrValue))
	default:
		raw := &protocol.Raw{Code: string(name)}
		if frame[f.Pos()-1] == ',' {
			raw.Data = append([]byte{}, f.Rest("data")...)
		}
		m = raw
	}
	if f.Err() == nil && f.Len() > 0 {
		f.Fail("further fields", wire.ErrValue)
	}
	f.Restore(outer)
	f.Expect("$", "end")
	if f.Err() == nil && f.Len() > 0 {
		f.Fail("end", wire.ErrValue)
	}
	return m
}

// maxName bounds the names of messages and alarms.
const maxName = 16

// unset is the date of a clock that was never set.
const unset = "00000000"

func (f *reader) begin(s *State) {
	s.IMEI = nmea.ReadText(&f.Cursor, "imei")
	s.Stored = nmea.ReadLetter(&f.Cursor, "real time or stored", "RS", false) == 'S'
	at := f.Pos()
	date := f.Field(',', "date")
	clock := nmea.ReadClock(&f.Cursor, "time")
	if f.Err() != nil || string(date) == unset {
		return
	}
	day, ok := parseDate(date)
	if !ok {
		f.FailAt("date", at, fmt.Errorf("%w: %q is not a date yyyymmdd", wire.ErrValue, date))
	}
	s.Time = nmea.Join(day, clock)
}

// parseDate reads yyyymmdd.
func parseDate(b []byte) (t time.Time, ok bool) {
	ymd, n := wire.Leading(b)
	if len(b) != len(dateLayout) || n < len(b) {
		return t, false
	}
	return wire.Date(int(ymd/10_000), int(ymd/100%100), int(ymd%100))
}

const dateLayout = "20060102"

func (f *reader) end(s *State) {
	s.Battery = nmea.ReadUint[uint64](&f.Cursor, "battery", 100)
	s.Strap = nmea.ReadLetter(&f.Cursor, "strap", "LR", false)
	s.Alarm = nmea.ReadText(&f.Cursor, "alarm")
}

// degrees reads a coordinate and its hemisphere.
func (f *reader) degrees(name, side string, most float64, letters string) (d em.Opt[em.Decimal], hemisphere byte) {
	at := f.Pos()
	d = nmea.ReadNumber(&f.Cursor, name)
	if v := d.V.Float(); d.OK && !(v >= 0 && v <= most) {
		f.FailAt(name, at, fmt.Errorf("%w: %v is not 0 to %v degrees", wire.ErrValue, d.V, most))
	}
	hemisphere = nmea.ReadLetter(&f.Cursor, side, letters, !d.OK)
	if !d.OK {
		hemisphere = 0
	}
	return d, hemisphere
}

func (f *reader) position() *Position {
	m := wire.Own[Position](&f.Cursor)
	f.begin(&m.State)
	m.Lat, m.NorthSouth = f.degrees("latitude", "latitude hemisphere", 90, "NS")
	m.Lng, m.EastWest = f.degrees("longitude", "longitude hemisphere", 180, "EW")
	m.Speed = nmea.ReadUint[uint64](&f.Cursor, "speed", 9999)
	m.Course = nmea.ReadUint[uint64](&f.Cursor, "course", 360)
	m.Altitude = nmea.ReadNumber(&f.Cursor, "altitude")
	f.end(&m.State)
	return m
}

func (f *reader) cells() *Cells {
	m := wire.Own[Cells](&f.Cursor)
	f.begin(&m.State)
	for i := range m.Fields {
		m.Fields[i] = nmea.ReadText(&f.Cursor, "cell")
	}
	f.end(&m.State)
	return m
}

// Append writes one message.
func (c Codec) Append(dst []byte, m protocol.Message) ([]byte, error) {
	var b []byte
	var err error
	switch m := m.(type) {
	case *Link:
		b = []byte("@LINK," + m.IMEI)
	case *Position:
		whole := func(n em.Opt[uint64]) string {
			if !n.OK {
				return ""
			}
			return fmt.Sprint(n.V)
		}
		number := func(n em.Opt[em.Decimal]) string { return string(nmea.AppendNumber(nil, n)) }
		b, err = m.line("@GPSD", number(m.Lat), letter(m.NorthSouth), number(m.Lng), letter(m.EastWest), whole(m.Speed), whole(m.Course), number(m.Altitude))
	case *Cells:
		b, err = m.line("@LBSD", m.Fields[:]...)
	case *protocol.Raw:
		b = []byte("@" + m.Code)
		if m.Data != nil {
			b = append(append(b, ','), m.Data...)
		}
	default:
		return dst, fmt.Errorf("r16h: %T: %w", m, protocol.ErrUnsupported)
	}
	b = append(b, '$')
	if err == nil {
		// A text can hold what ends a field or a message.
		var back protocol.Message
		if back, err = c.Decode(b); err == nil && (back.Type() != m.Type() || len(b) > maxFrame || !sameTexts(m, back)) {
			err = fmt.Errorf("%q would be read as something else, or is too long", b)
		}
	}
	if err != nil {
		return dst, fmt.Errorf("r16h: %s: %w: %w", m.Type(), protocol.ErrUnsupported, err)
	}
	return append(dst, b...), nil
}

// sameTexts compares the free texts of two messages.
func sameTexts(a, b protocol.Message) bool {
	switch a := a.(type) {
	case *Link:
		b, ok := b.(*Link)
		return ok && *a == *b
	case *Position:
		b, ok := b.(*Position)
		return ok && a.IMEI == b.IMEI && a.Alarm == b.Alarm && a.NorthSouth == b.NorthSouth && a.EastWest == b.EastWest
	case *Cells:
		b, ok := b.(*Cells)
		return ok && a.IMEI == b.IMEI && a.Alarm == b.Alarm && a.Fields == b.Fields
	}
	return true
}

func letter(c byte) string {
	if c == 0 {
		return ""
	}
	return string(rune(c))
}

// line returns a report without its "$".
func (s *State) line(name string, fields ...string) ([]byte, error) {
	kind, date, clock, battery := "R", unset, "000000", ""
	if s.Stored {
		kind = "S"
	}
	if !s.Time.IsZero() {
		t := s.Time.UTC()
		if y := t.Year(); y < 1 || y > 9999 {
			return nil, fmt.Errorf("the year %d", y)
		}
		date, clock = t.Format(dateLayout), t.Format("150405")
	}
	if s.Battery.OK {
		battery = fmt.Sprint(s.Battery.V)
	}
	b := nmea.AppendFields([]byte(name), s.IMEI, kind, date, clock)
	return nmea.AppendFields(nmea.AppendFields(b, fields...), battery, letter(s.Strap), s.Alarm), nil
}
