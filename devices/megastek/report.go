package megastek

import (
	"bytes"
	"fmt"

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
	fields := nmea.Count(f.frame) - 1 // behind the version
	r, list := wire.OwnList[Report, string](&f.Cursor, fields-fixedFields-variableFields)
	v := f.Text(3, "version")
	f.Expect(",", "comma")
	var m protocol.Message
	switch {
	case f.Err() != nil:
	case v == version:
		f.fields(r, list, fields-fixedFields)
		m = r
	case !nmea.Word(v, 3):
		f.FailAt("version", f.Pos()-4, fmt.Errorf("%w: %q", wire.ErrValue, v))
	default:
		m = &protocol.Raw{Code: "MGV" + v, Data: []byte(f.Text(f.Len(), "data"))}
	}
	f.Restore(outer)
	if f.Err() == nil {
		f.Text(1+tail, "end")
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

// first cuts b behind its first field.
func first(b []byte) (field, rest []byte) {
	field, rest, _ = bytes.Cut(b, []byte(","))
	return field, rest
}

var adcNames = [...]string{"adc 1", "adc 2", "adc 3"}

// fields reads the fields of a Report, of which n are of the variable block and
// behind it.
func (f *reader) fields(r *Report, tail []string, n int) {
	if n < variableFields {
		f.FailAt("report", f.Pos()+f.Len(), wire.ErrTruncated)
		return
	}
	c := &f.Cursor
	r.IMEI, r.Name = f.text("imei"), f.text("name")
	r.Stored = f.oneOf("live or stored", "RS", false) == 'S'
	date := nmea.ReadDate(c, "date")
	r.Time = nmea.Join(date, nmea.ReadClock(c, "time"))
	r.Status = f.oneOf("status", "AV", true)
	r.Lat, r.Lng = nmea.ReadCoord(c, nmea.Latitude, "latitude"), nmea.ReadCoord(c, nmea.Longitude, "longitude")
	r.Field10 = f.text("field 10")
	r.Satellites = f.uint("satellites", 99)
	r.Field12 = f.text("field 12")
	r.HDOP, r.Speed, r.Course = f.number("hdop"), f.number("speed"), f.number("course")
	r.Altitude, r.Odometer = f.number("altitude"), f.number("odometer")
	r.Cell = f.cell()
	r.GSM = f.uint("gsm level", most)

	block, rest := first(f.frame[f.Pos() : f.Pos()+f.Len()])
	if n > variableFields && len(block) == 3 {
		next, _ := first(rest)
		if _, ok := number(block); ok && bits(next) {
			r.HeartRate = f.uint("heart rate", most)
			n--
			block = next
		}
	}
	if len(bytes.TrimSpace(block)) > 0 && !bits(block) {
		const many = 1<<32 - 1
		r.Health = &wire.List[Health](c, 1)[:1][0]
		*r.Health = Health{f.uint("heart rate", most), f.uint("steps", many), f.uint("activity", many), f.uint("light sleep", many), f.uint("deep sleep", many)}
	} else {
		r.Inputs, r.Outputs = f.text("inputs"), f.text("outputs")
		for i := range r.ADC {
			r.ADC[i] = f.number(adcNames[i])
		}
	}
	r.Temperature[0], r.Temperature[1] = f.number("temperature 1"), f.number("temperature 2")
	r.RFID = f.text("rfid")
	r.PowerState = f.text("charging and belt")
	r.Battery = f.uint("battery", most)
	r.Alert = f.text("alert")
	for range n - variableFields {
		tail = append(tail, f.text("tail"))
		r.Tail = tail
	}
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
	w.uint("%02d", r.Satellites)
	w.text(r.Field12)
	w.number(r.HDOP, r.Speed, r.Course, r.Altitude, r.Odometer)
	w.cell(r.Cell)
	w.uint("%d", r.GSM)
	w.uint("%03d", r.HeartRate)
	if !r.HeartRate.OK {
		w.b = w.b[:len(w.b)-1] // the field is left out
	} else if !bits([]byte(r.Inputs)) {
		return nil, fmt.Errorf("a heart rate needs four bits of inputs behind it, not %q", r.Inputs)
	}
	if h := r.Health; h != nil {
		if !h.HeartRate.OK {
			return nil, fmt.Errorf("health without a heart rate would be taken for inputs")
		}
		w.uint("%d", h.HeartRate, h.Steps, h.Activity, h.LightSleep, h.DeepSleep)
	} else {
		if r.Inputs != "" && !bits([]byte(r.Inputs)) {
			return nil, fmt.Errorf("inputs %q are not four bits", r.Inputs)
		}
		w.text(r.Inputs, r.Outputs)
		w.number(r.ADC[:]...)
	}
	w.number(r.Temperature[:]...)
	w.text(r.RFID, r.PowerState)
	w.uint("%03d", r.Battery)
	w.text(r.Alert)
	w.text(r.Tail...)
	return w.done()
}
