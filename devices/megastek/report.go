package megastek

import (
	"bytes"
	"fmt"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/nmea"
	"github.com/sargas-em/em/protocol/wire"
)

// The fields of a Report: those up to the signal level, and the variable block
// up to the alert, without the heart rate that some devices put in front of it.
const (
	fixedFields    = 23
	variableFields = 11
)

// report reads a Report, with or without its length.
func (f *reader) report() protocol.Message {
	if len(f.frame) > 0 && f.frame[0] >= '0' && f.frame[0] <= '9' {
		text := f.Chars(digits, "length")
		n, ok := number(text)
		switch want := len(f.frame) - digits; {
		case !ok:
			f.FailAt("length", 0, fmt.Errorf("%w: %q", wire.ErrValue, text))
		case n != want:
			f.forgivable(&wire.FieldError{Field: "length", Err: fmt.Errorf("%w: %d, expected %d", wire.ErrValue, n, want)})
		}
	}
	f.Expect("$MGV", "start")
	if f.Err() != nil {
		return nil
	}
	tail := len(f.frame) - len(bytes.TrimSuffix(f.frame, []byte("!")))
	end := len(f.frame) - tail - 1
	if end < f.Pos() || f.frame[end] != ';' {
		f.FailAt("end", len(f.frame), wire.ErrTruncated)
		return nil
	}
	f.noSigns(f.Pos(), end, ";!\r\n")
	outer := f.Limit(end-f.Pos(), "body")
	v := f.Chars(3, "version")
	f.Expect(",", "comma")
	var m protocol.Message
	switch {
	case f.Err() != nil:
	case string(v) == version:
		m = f.fields()
	case !nmea.Word(string(v), 3):
		f.FailAt("version", f.Pos()-4, fmt.Errorf("%w: %q", wire.ErrValue, v))
	default:
		m = &protocol.Raw{Code: "MGV" + string(v), Data: bytes.Clone(f.Chars(f.Len(), "data"))}
	}
	f.Restore(outer)
	if f.Err() == nil {
		f.Chars(1+tail, "end")
	}
	return m
}

// number reads decimal digits.
func number(text []byte) (n int, ok bool) {
	for _, d := range text {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = 10*n + int(d-'0')
	}
	return n, len(text) > 0
}

var adcNames = [...]string{"adc 1", "adc 2", "adc 3"}

// plainReport reads a Report that is as most are, and nil of all others, right or
// wrong, which are for report.
func (f *reader) plainReport() *Report {
	const start, end = "$MGV" + version + ",", ";!"
	b, i := f.frame, 0
	if len(b) > 0 && b[0] != '$' {
		if n, ok := number(b[:min(digits, len(b))]); !ok || n != len(b)-digits {
			return nil
		}
		i = digits
	}
	if len(b) < i+len(start)+len(end) || string(b[i:i+len(start)]) != start || string(b[len(b)-len(end):]) != end {
		return nil
	}
	i += len(start)
	b = b[:len(b)-len(end)]
	n := nmea.Count(b[i:])
	if n < fixedFields+variableFields {
		return nil
	}
	r, tail := wire.OwnList[Report, string](&f.Cursor, n-fixedFields-variableFields)
	f.made, f.tail = r, tail // for report too
	text := f.TextAt(0, len(b))

	r.IMEI, i = nmea.PlainText(text, i)
	r.Name, i = nmea.PlainText(text, i)
	stored, i := nmea.PlainLetter(b, i, 'R', 'S')
	r.Stored = stored == 'S'
	day, i := nmea.PlainDay(b, i)
	clock, i := nmea.PlainClock(b, i)
	r.Time = nmea.Join(day, em.Some(clock))
	r.Status, i = nmea.PlainLetter(b, i, 'A', 'V')
	r.Lat, i = nmea.PlainCoord(b, i, nmea.Latitude)
	r.Lng, i = nmea.PlainCoord(b, i, nmea.Longitude)
	r.Field10, i = nmea.PlainText(text, i)
	r.Satellites, i = nmea.PlainUint[uint8](b, i, 99)
	r.Field12, i = nmea.PlainText(text, i)
	r.HDOP, i = nmea.PlainNumber(b, i)
	r.Speed, i = nmea.PlainNumber(b, i)
	r.Course, i = nmea.PlainNumber(b, i)
	r.Altitude, i = nmea.PlainNumber(b, i)
	r.Odometer, i = nmea.PlainNumber(b, i)
	r.Cell.MCC, i = nmea.PlainUint[uint16](b, i, 999)
	r.Cell.MNC, i = nmea.PlainUint[uint16](b, i, 999)
	r.Cell.LAC, i = nmea.PlainHex[uint32](b, i, 1<<24-1)
	r.Cell.CID, i = nmea.PlainHex[uint32](b, i, 1<<28-1)
	r.GSM, i = nmea.PlainUint[uint16](b, i, most)
	block := i
	r.Inputs, i = nmea.PlainText(text, i)
	if i > len(text) || !bits(b[block:i-1]) {
		return nil
	}
	r.Outputs, i = nmea.PlainText(text, i)
	for k := range r.ADC {
		r.ADC[k], i = nmea.PlainNumber(b, i)
	}
	r.Temperature[0], i = nmea.PlainNumber(b, i)
	r.Temperature[1], i = nmea.PlainNumber(b, i)
	r.RFID, i = nmea.PlainText(text, i)
	r.PowerState, i = nmea.PlainText(text, i)
	r.Battery, i = nmea.PlainUint[uint16](b, i, most)
	r.Alert, i = nmea.PlainText(text, i)
	for range n - fixedFields - variableFields {
		var s string
		s, i = nmea.PlainText(text, i)
		tail = append(tail, s)
		r.Tail = tail
	}
	if i == nmea.Odd {
		return nil
	}
	return r
}

// fields reads the fields of a Report.
func (f *reader) fields() *Report {
	c := &f.Cursor
	n := nmea.Count(c.Ahead()) - fixedFields // of the variable block and behind it
	if n < variableFields {
		f.FailAt("report", f.Pos()+f.Len(), wire.ErrTruncated)
		return nil
	}
	r, tail := f.made, f.tail
	if r == nil {
		r, tail = wire.OwnList[Report, string](c, n-variableFields)
	}
	*r = Report{}
	r.IMEI, r.Name = f.text("imei"), f.text("name")
	r.Stored = f.oneOf("live or stored", "RS", false) == 'S'
	date := nmea.ReadDate(c, "date")
	r.Time = nmea.Join(date, nmea.ReadClock(c, "time"))
	r.Status = f.oneOf("status", "AV", true)
	r.Lat, r.Lng = nmea.ReadCoord(c, nmea.Latitude, "latitude"), nmea.ReadCoord(c, nmea.Longitude, "longitude")
	r.Field10 = f.text("field 10")
	r.Satellites = readUint[uint8](f, "satellites", 99)
	r.Field12 = f.text("field 12")
	r.HDOP, r.Speed, r.Course = f.number("hdop"), f.number("speed"), f.number("course")
	r.Altitude, r.Odometer = f.number("altitude"), f.number("odometer")
	r.Cell = f.cell()
	r.GSM = readUint[uint16](f, "gsm level", most)

	block, rest := first(c.Ahead())
	if n > variableFields && len(block) == 3 {
		next, _ := first(rest)
		if _, ok := number(block); ok && bits(next) {
			r.HeartRate = readUint[uint16](f, "heart rate", most)
			n--
			block = next
		}
	}
	if len(bytes.TrimSpace(block)) > 0 && !bits(block) {
		const many = 1<<32 - 1
		r.Health = &wire.List[Health](c, 1)[:1][0]
		*r.Health = Health{readUint[uint32](f, "heart rate", many), readUint[uint32](f, "steps", many), readUint[uint32](f, "activity", many), readUint[uint32](f, "light sleep", many), readUint[uint32](f, "deep sleep", many)}
	} else {
		r.Inputs, r.Outputs = f.text("inputs"), f.text("outputs")
		for i := range r.ADC {
			r.ADC[i] = f.number(adcNames[i])
		}
	}
	r.Temperature[0], r.Temperature[1] = f.number("temperature 1"), f.number("temperature 2")
	r.RFID = f.text("rfid")
	r.PowerState = f.text("charging and belt")
	r.Battery = readUint[uint16](f, "battery", most)
	r.Alert = f.text("alert")
	for range n - variableFields {
		tail = append(tail, f.text("tail"))
		r.Tail = tail
	}
	return r
}

// first cuts b behind its first field.
func first(b []byte) (field, rest []byte) {
	field, rest, _ = bytes.Cut(b, []byte(","))
	return field, rest
}

// bits reports whether a field is four binary digits.
func bits(b []byte) bool {
	for _, d := range b {
		if d != '0' && d != '1' {
			return false
		}
	}
	return len(b) == 4
}

// body returns the fields behind the version.
func (r *Report) body() ([]byte, error) {
	clock, date, err := nmea.FormatTime(r.Time, 0)
	if err != nil {
		return nil, err
	}
	var w writer
	live := "R"
	if r.Stored {
		live = "S"
	}
	status := ""
	if r.Status != 0 {
		status = string(rune(r.Status))
	}
	w.text(r.IMEI, r.Name, live, date, clock, status)
	w.raw(nmea.AppendCoord(nil, nmea.Latitude, r.Lat))
	w.raw(nmea.AppendCoord(nil, nmea.Longitude, r.Lng))
	w.text(r.Field10)
	writeUint(&w, "%02d", r.Satellites)
	w.text(r.Field12)
	w.number(r.HDOP, r.Speed, r.Course, r.Altitude, r.Odometer)
	w.cell(r.Cell)
	writeUint(&w, "%d", r.GSM)
	writeUint(&w, "%03d", r.HeartRate)
	if !r.HeartRate.OK {
		w.b = w.b[:len(w.b)-1] // the field is left out
	} else if !bits([]byte(r.Inputs)) {
		return nil, fmt.Errorf("a heart rate needs four bits of inputs behind it, not %q", r.Inputs)
	}
	if h := r.Health; h != nil {
		if !h.HeartRate.OK {
			return nil, fmt.Errorf("health without a heart rate would be taken for inputs")
		}
		writeUint(&w, "%d", h.HeartRate, h.Steps, h.Activity, h.LightSleep, h.DeepSleep)
	} else {
		if r.Inputs != "" && !bits([]byte(r.Inputs)) {
			return nil, fmt.Errorf("inputs %q are not four bits", r.Inputs)
		}
		w.text(r.Inputs, r.Outputs)
		w.number(r.ADC[:]...)
	}
	w.number(r.Temperature[:]...)
	w.text(r.RFID, r.PowerState)
	writeUint(&w, "%03d", r.Battery)
	w.text(r.Alert)
	w.text(r.Tail...)
	return w.done()
}
