package laipac

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/checksum"
	"github.com/sargas-em/em/protocol/nmea"
	"github.com/sargas-em/em/protocol/wire"
)

// maxFrame bounds a sentence. The longest known ones, $AVRMC with all its
// fields and $EAVSYS with long names, are below 200 bytes.
const maxFrame = 512

// Codec is the wire format: "$", the body, "*" and the exclusive or of the
// body's bytes as two upper-case hexadecimal digits. A line ends in CR LF; LF
// alone is taken too. A frame is a sentence without its line end.
type Codec struct {
	// RelaxedChecksum takes sentences with a wrong check code.
	RelaxedChecksum bool
}

// Split finds the next sentence. It ends behind its check code or, where it has
// none, with its line; a "$" before that starts anew.
func (Codec) Split(b []byte) (frame []byte, n int, err error) {
	if n = lineEnds(b); n > 0 {
		return nil, n, nil
	}
	switch start := bytes.IndexByte(b, '$'); {
	case start < 0:
		return nil, len(b), protocol.ErrJunk
	case start > 0:
		return nil, start, protocol.ErrJunk
	}
	// Up to the first star nothing else ends a sentence, in all but broken ones.
	i := 1
	if star := bytes.IndexByte(b, '*'); star > 0 && plain(b[1:star]) {
		i = star
	}
	for ; i < len(b); i++ {
		switch b[i] {
		case '$':
			return nil, i, fmt.Errorf("%w: a sentence without its end", protocol.ErrMalformed)
		case '\r', '\n':
			return b[:i:i], i + lineEnds(b[i:]), nil
		case '*':
			if len(b) < i+3 {
				continue // a line end may stand here yet
			}
			if _, err := nmea.ParseCheck(b[i+1 : i+3]); err == nil {
				i += 3
				return b[:i:i], i + lineEnds(b[i:]), nil
			}
		}
	}
	return nil, 0, nil
}

// signs are what a sentence's body cannot hold, beside the star that ends it.
const signs = "$\r\n"

// plain reports whether b has none of the signs.
func plain(b []byte) bool {
	for _, sign := range []byte(signs) {
		if bytes.IndexByte(b, sign) >= 0 {
			return false
		}
	}
	return true
}

// lineEnds counts the CRs and LFs at the start of b.
func lineEnds(b []byte) (n int) {
	for n < len(b) && (b[n] == '\r' || b[n] == '\n') {
		n++
	}
	return n
}

// Decode reads one sentence.
func (c Codec) Decode(frame []byte) (protocol.Message, error) { return c.DecodeReuse(frame, nil) }

// DecodeReuse is Decode with the caller's memory.
func (c Codec) DecodeReuse(frame []byte, memory *wire.Memory) (protocol.Message, error) {
	var f wire.Cursor
	f.Begin(frame, memory)
	made, whole := plainReport(&f, frame)
	if whole {
		return made, nil
	}
	m, wrong := read(&f, frame, made)
	return protocol.Verdict(&f, m, wrong, c.RelaxedChecksum)
}

// Dissect reads one sentence and tells its fields.
func (c Codec) Dissect(frame []byte) (protocol.Message, []wire.Span, error) {
	m, err := c.Decode(frame)
	return m, frames().Dissect(frame), err
}

// plainReport reads a Report that is as most are. Of all others whole is false; they are
// for read, with the Report if one was made.
func plainReport(f *wire.Cursor, b []byte) (r *Report, whole bool) {
	const start = "$AVRMC,"
	star := len(b) - len("*00")
	if star < len(start) || b[star] != '*' || string(b[:len(start)]) != start {
		return nil, false
	}
	if check, err := nmea.ParseCheck(b[star+1:]); err != nil || check != checksum.Xor8(b[1:star]) {
		return nil, false
	}
	if n := nmea.Count(b[len(start):star]); n != reportFields && n != reportFields+2 {
		return nil, false
	}
	r = wire.Own[Report](f)
	text := f.TextAt(0, len(b))
	r.Check = text[star+1:]
	b, text = b[:star], text[:star]
	i := len(start)
	r.Unit, i = nmea.PlainText(text, i)
	clock, i := nmea.PlainClock(b, i)
	if i >= star-1 || strings.IndexByte(statuses, b[i]) < 0 || b[i+1] != ',' {
		return r, false
	}
	r.Status = b[i]
	r.Lat, i = nmea.PlainCoord(b, i+len("A,"), nmea.Latitude)
	r.Lng, i = nmea.PlainCoord(b, i, nmea.Longitude)
	r.Speed, i = nmea.PlainNumber(b, i)
	r.Course, i = nmea.PlainNumber(b, i)
	day, i := nmea.PlainDay(b, i)
	r.Time = nmea.Join(day, em.Some(clock))
	r.Event, i = nmea.PlainText(text, i)
	r.Battery, i = nmea.PlainNumber(b, i)
	r.Mileage, i = nmea.PlainNumber(b, i)
	on, i := nmea.PlainUint[uint8](b, i, 1)
	r.GPSOn = em.Opt[bool]{V: on.V == 1, OK: on.OK}
	r.Analog1, i = nmea.PlainNumber(b, i)
	r.Analog2, i = nmea.PlainNumber(b, i)
	if i <= star {
		r.CellID, i = nmea.PlainText(text, i)
		r.Network, i = nmea.PlainText(text, i)
	}
	return r, i == star+1
}

// read reads a sentence, a Report into made unless that is nil; wrong is its wrong check
// code, if it is.
func read(f *wire.Cursor, frame []byte, made *Report) (m protocol.Message, wrong error) {
	f.Expect("$", "start")
	star := bytes.IndexByte(frame, '*')
	if star < 1 {
		f.FailAt("checksum", len(frame), wire.ErrTruncated)
		return nil, nil
	}
	body := frame[1:star]
	if !plain(body) {
		i := bytes.IndexAny(body, signs)
		f.FailAt("body", 1+i, fmt.Errorf("%w: %q inside a sentence", wire.ErrValue, body[i]))
	}
	digits := frame[star+1:]
	found, err := nmea.ParseCheck(digits)
	if err != nil {
		f.FailAt("checksum", star+1, err)
	}
	want := checksum.Xor8(body)
	if err == nil && found != want {
		wrong = &protocol.ChecksumError{Algorithm: "XOR-8", Offset: star + 1, Found: uint32(found), Expected: uint32(want)}
	}
	if f.Err() != nil {
		return nil, wrong
	}

	outer := f.Limit(len(body), "body")
	name := f.Field(',', "sentence")
	b := fields{f, bytes.Count(body, []byte(","))}
	var check *string // where the digits go
	switch string(name) {
	case "":
		f.FailAt("sentence", 1, fmt.Errorf("%w: a sentence without a name", protocol.ErrMalformed))
	case "AVRMC":
		r := b.report(made)
		m, check = r, &r.Check
	case "AVSYS":
		s, extra := wire.OwnList[System, string](f, b.n-4)
		s.Extra = b.texts(extra, text{"unit", &s.Unit}, text{"firmware", &s.Firmware}, text{"serial", &s.Serial}, text{"memory", &s.Memory})
		m = s
	case "EAVSYS":
		s, extra := wire.OwnList[SIM, string](f, b.n-5)
		s.Extra = b.texts(extra, text{"unit", &s.Unit}, text{"iccid", &s.ICCID}, text{"phone", &s.Phone}, text{"owner", &s.Owner}, text{"firmware", &s.Firmware})
		m = s
	case "ECHK":
		k, extra := wire.OwnList[KeepAlive, string](f, b.n-1)
		k.Fields = b.texts(extra, text{"unit", &k.Unit})
		m, check = k, &k.Check
	case "EAVACK":
		a := wire.Own[Ack](f)
		b.exactly(text{"event", &a.Event}, text{"check", &a.Check})
		m = a
	case "AVCFG":
		r := wire.Own[Release](f)
		b.exactly(text{"password", &r.Password}, text{"code", &r.Code})
		m = r
	case "AVREQ":
		r := wire.Own[PositionRequest](f)
		b.exactly(text{"password", &r.Password}, text{"mode", &r.Mode})
		m = r
	case "AVRESET":
		r := wire.Own[Restart](f)
		b.exactly(text{"unit", &r.Unit}, text{"password", &r.Password})
		m = r
	default:
		raw := &protocol.Raw{Code: string(name)}
		if b.n > 0 {
			raw.Data = []byte(f.Text(f.Len(), "data"))
		}
		m = raw
	}
	f.Restore(outer)
	f.Expect("*", "star")
	code := f.Text(2, "checksum")
	if check != nil {
		*check = code
	}
	return m, wrong
}

// fields are what stands behind a sentence's name.
type fields struct {
	f *wire.Cursor
	n int
}

// text is a field and where it goes.
type text struct {
	name string
	to   *string
}

// texts reads all fields: those that have a place, of which none may be missing,
// and the extra ones behind them, into the room of extra.
func (b fields) texts(extra []string, places ...text) []string {
	if b.n < len(places) {
		b.f.FailAt(places[b.n].name, b.f.Pos()+b.f.Len(), wire.ErrTruncated)
		return nil
	}
	for _, p := range places {
		*p.to = nmea.ReadText(b.f, p.name)
	}
	for range b.n - len(places) {
		extra = append(extra, nmea.ReadText(b.f, "extra"))
	}
	return extra
}

// exactly reads the fields of a sentence that has no others.
func (b fields) exactly(places ...text) {
	n := b.n
	b.n = min(n, len(places))
	if b.texts(nil, places...); n > len(places) {
		b.f.FailAt("extra", b.f.Pos(), fmt.Errorf("%w: %d fields, expected %d", wire.ErrValue, n, len(places)))
	}
}

// reportFields are the fields of the oldest form of $AVRMC.
const reportFields = 16

// statuses are the letters that a Report's status can have.
const statuses = "AVRPavrp"

func (b fields) report(made *Report) *Report {
	f := b.f
	if b.n < reportFields {
		f.FailAt("AVRMC", f.Pos()+f.Len(), wire.ErrTruncated)
	}
	r, extra := made, []string(nil) // which has none
	if r == nil {
		r, extra = wire.OwnList[Report, string](f, b.n-reportFields-2)
	}
	*r = Report{}
	r.Unit = nmea.ReadText(f, "unit")
	clock := nmea.ReadClock(f, "time")
	at := f.Pos()
	if s := f.Field(',', "status"); len(s) == 1 && strings.IndexByte(statuses, s[0]) >= 0 {
		r.Status = s[0]
	} else {
		f.FailAt("status", at, fmt.Errorf("%w: %q is not one of A, V, R, P", wire.ErrValue, s))
	}
	r.Lat = nmea.ReadCoord(f, nmea.Latitude, "latitude")
	r.Lng = nmea.ReadCoord(f, nmea.Longitude, "longitude")
	r.Speed = nmea.ReadNumber(f, "speed")
	r.Course = nmea.ReadNumber(f, "course")
	r.Time = nmea.Join(nmea.ReadDate(f, "date"), clock)
	r.Event = nmea.ReadText(f, "event")
	r.Battery = nmea.ReadNumber(f, "battery")
	r.Mileage = nmea.ReadNumber(f, "mileage")
	if on := nmea.ReadUint[uint8](f, "gps on", 1); on.OK {
		r.GPSOn = em.Some(on.V == 1)
	}
	r.Analog1 = nmea.ReadNumber(f, "analog 1")
	r.Analog2 = nmea.ReadNumber(f, "analog 2")
	for i := reportFields; i < b.n && f.Err() == nil; i++ {
		switch i {
		case reportFields:
			r.CellID = nmea.ReadText(f, "cell")
		case reportFields + 1:
			r.Network = nmea.ReadText(f, "network")
		default:
			extra = append(extra, nmea.ReadText(f, "extra"))
			r.Extra = extra
		}
	}
	return r
}

// Append writes one sentence and CR LF; a zero time as a clock that was never
// set, 000000 and 000000. A Raw is written with its code, a comma
// and its data: any sentence can be sent so.
func (Codec) Append(dst []byte, m protocol.Message) ([]byte, error) {
	var body []byte
	var check string
	var err error
	switch m := m.(type) {
	case *Report:
		body, err = m.body()
	case *System:
		body, err = join("AVSYS", append([]string{m.Unit, m.Firmware, m.Serial, m.Memory}, m.Extra...)...)
	case *SIM:
		body, err = join("EAVSYS", append([]string{m.Unit, m.ICCID, m.Phone, m.Owner, m.Firmware}, m.Extra...)...)
	case *KeepAlive:
		body, err = join("ECHK", append([]string{m.Unit}, m.Fields...)...)
		if check = m.Check; check != "" && err == nil {
			_, err = nmea.ParseCheck([]byte(check))
		}
	case *Ack:
		body, err = join("EAVACK", m.Event, m.Check)
	case *Release:
		body, err = join("AVCFG", m.Password, m.Code)
	case *PositionRequest:
		body, err = join("AVREQ", m.Password, m.Mode)
	case *Restart:
		body, err = join("AVRESET", m.Unit, m.Password)
	case *protocol.Raw:
		if body, err = join(m.Code); m.Data != nil {
			body = append(append(body, ','), m.Data...)
		}
		if m.Code == "" {
			err = errors.New("a sentence without a name")
		}
	default:
		return dst, fmt.Errorf("laipac: %T: %w", m, protocol.ErrUnsupported)
	}
	switch {
	case err != nil:
	case bytes.ContainsAny(body, "$*\r\n"):
		err = fmt.Errorf("%q has a sign that no sentence can hold", body)
	case len(body) > maxFrame-len("$*00"):
		err = fmt.Errorf("%d bytes are too long", len(body))
	}
	if err != nil {
		return dst, fmt.Errorf("laipac: %s: %w: %w", m.Type(), protocol.ErrUnsupported, err)
	}
	if check == "" {
		check = string(nmea.AppendCheck(nil, checksum.Xor8(body)))
	}
	dst = append(append(dst, '$'), body...)
	return append(append(append(dst, '*'), check...), "\r\n"...), nil
}

// join returns a body of text fields, of which none may hold a comma.
func join(name string, texts ...string) ([]byte, error) {
	for _, s := range append(texts, name) {
		if strings.Contains(s, ",") {
			return nil, fmt.Errorf("the field %q has a comma", s)
		}
	}
	return nmea.AppendFields([]byte(name), texts...), nil
}

func (r *Report) body() ([]byte, error) {
	clock, date, err := nmea.FormatTime(r.Time, 0)
	if err != nil {
		return nil, err
	}
	if r.Time.IsZero() {
		clock, date = "000000", "000000"
	}
	if strings.IndexByte(statuses, r.Status) < 0 {
		return nil, fmt.Errorf("status %q", r.Status)
	}
	b, err := join("AVRMC", r.Unit, clock, string(r.Status), "")
	if err != nil {
		return nil, err
	}
	b = append(nmea.AppendCoord(b, nmea.Latitude, r.Lat), ',')
	b = append(nmea.AppendCoord(b, nmea.Longitude, r.Lng), ',')
	b = append(nmea.AppendNumber(b, r.Speed), ',')
	b = append(nmea.AppendNumber(b, r.Course), ',')
	texts := []string{r.Event, string(nmea.AppendNumber(nil, r.Battery)), string(nmea.AppendNumber(nil, r.Mileage)), "",
		string(nmea.AppendNumber(nil, r.Analog1)), string(nmea.AppendNumber(nil, r.Analog2))}
	if r.GPSOn.OK {
		texts[3] = "0"
		if r.GPSOn.V {
			texts[3] = "1"
		}
	}
	if r.CellID != "" || r.Network != "" || r.Extra != nil {
		texts = append(append(texts, r.CellID, r.Network), r.Extra...)
	}
	rest, err := join(date, texts...)
	return append(b, rest...), err
}
