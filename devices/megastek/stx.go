package megastek

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/checksum"
	"github.com/sargas-em/em/protocol/nmea"
	"github.com/sargas-em/em/protocol/wire"
)

// stx reads one of the older forms.
func (f *reader) stx() protocol.Message {
	stored := f.frame[0] == 'L'
	if stored {
		f.Expect("LOG", "stored")
	}
	start := f.Pos()
	f.Expect("STX", "start")
	padded := f.Len() > 0 && f.frame[f.Pos()] != ','
	from := f.Pos()
	if padded && f.Len() > idWidth+2 {
		from += idWidth + 2 // of which the last two may be any bytes
	}
	end := bytes.IndexByte(f.frame[from:], ';')
	if end < 0 {
		end = len(f.frame)
	} else {
		end += from
	}
	f.noSigns(from, len(f.frame), "\r\n!")
	if f.Err() != nil {
		return nil
	}
	code := min(end+1, len(f.frame))
	outer := f.Limit(end-f.Pos(), "body")
	var m protocol.Message
	if padded {
		f.check(code, f.frame[start+len("STX"):end], checksum.Xor8, "XOR-8")
		m = f.stxPadded(stored, end)
	} else {
		f.check(code, f.frame[start:code], checksum.Sum8, "SUM-8")
		m = f.stxFields(stored)
	}
	if f.Err() == nil && f.Len() > 0 {
		f.FailAt("end", f.Pos(), fmt.Errorf("%w: more fields than the form has", wire.ErrValue))
	}
	f.Restore(outer)
	if f.Err() == nil && code > end {
		f.Expect(";", "body end")
		if f.Len() > 0 {
			f.Text(2, "checksum")
		}
	}
	return m
}

func (f *reader) stxFields(stored bool) protocol.Message {
	m := wire.Own[STX](&f.Cursor)
	m.Stored = stored
	f.Expect(",", "comma")
	m.ID = f.text("id")
	m.RMC.Read(&f.Cursor, f.frame)
	if f.Len() == 0 {
		// Cut behind the sentence: then the code is missing too, which is for
		// the codec to judge; with a code it is no form of ours.
		if f.flaw == nil {
			f.FailAt("fix", f.Pos(), wire.ErrTruncated)
		}
		return m
	}
	f.Expect(",", "comma")
	fields := 0
	if f.Err() == nil {
		fields = nmea.Count(f.frame[f.Pos() : f.Pos()+f.Len()])
	}
	const least = 11 // without the gap
	if f.Err() == nil && fields < least {
		f.FailAt("report", f.Pos()+f.Len(), wire.ErrTruncated)
	}
	m.Fix = f.oneOf("fix", "FL", false)
	m.Alert = f.text("alert")
	at := f.Pos()
	imei, ok := strings.CutPrefix(f.text("imei"), "imei:")
	if m.IMEI = imei; !ok {
		f.FailAt("imei", at, wire.ErrValue)
	}
	m.Satellites, m.InView = f.satellites()
	m.Altitude = f.number("altitude")
	m.Battery = f.percent()
	if m.Gap = fields > least; m.Gap {
		at = f.Pos()
		if s := f.text("gap"); s != "" {
			f.FailAt("gap", at, fmt.Errorf("%w: %q", wire.ErrValue, s))
		}
	}
	if on := nmea.ReadUint[uint8](&f.Cursor, "charging", 1); on.OK {
		m.Charging = em.Some(on.V == 1)
	}
	m.Cell = f.cell()
	return m
}

// satellites reads "used" or "used/in view".
func (f *reader) satellites() (used, view em.Opt[uint8]) {
	at := f.Pos()
	s := f.Field(',', "satellites")
	if len(s) == 0 {
		return used, view
	}
	a, b, two := bytes.Cut(s, []byte("/"))
	sub := wire.New(a)
	if used = nmea.ReadUint[uint8](&sub, "satellites", 99); two && sub.Err() == nil {
		sub = wire.New(b)
		view = nmea.ReadUint[uint8](&sub, "satellites", 99)
	}
	if sub.Err() != nil {
		f.FailAt("satellites", at, fmt.Errorf("%w: %q", wire.ErrValue, s))
	}
	return used, view
}

// percent reads "Battery=82%".
func (f *reader) percent() em.Opt[uint16] {
	at := f.Pos()
	s := f.Field(',', "battery")
	v, ok1 := bytes.CutPrefix(s, []byte("Battery="))
	v, ok2 := bytes.CutSuffix(v, []byte("%"))
	sub := wire.New(v)
	var n em.Opt[uint16]
	if len(v) > 0 {
		n = nmea.ReadUint[uint16](&sub, "battery", most)
	}
	if !ok1 || !ok2 || sub.Err() != nil {
		f.FailAt("battery", at, fmt.Errorf("%w: %q", wire.ErrValue, s))
	}
	return n
}

func (f *reader) stxPadded(stored bool, end int) protocol.Message {
	const least = 9 // fields behind the sentence, without values
	m, values := wire.OwnList[STXPadded, string](&f.Cursor, nmea.Count(f.frame[f.Pos():end])-11-least)
	m.Stored = stored
	m.ID = strings.TrimRight(f.Text(idWidth, "id"), " ")
	at := f.Pos()
	if v := f.U8("marker"); v != idMarker {
		f.forgivable(&wire.FieldError{Field: "marker", Offset: at, Err: fmt.Errorf("%w: %#02x, expected %#02x", wire.ErrValue, v, idMarker)})
	}
	want := end - (at + 2)
	if v := f.U8("length"); int(v) != want {
		f.forgivable(&wire.FieldError{Field: "length", Offset: at + 1, Err: fmt.Errorf("%w: %d, expected %d", wire.ErrValue, v, want)})
	}
	m.RMC.Read(&f.Cursor, f.frame)
	f.Expect(",", "comma")
	fields := 0
	if f.Err() == nil {
		fields = nmea.Count(f.frame[f.Pos():end])
	}
	if f.Err() == nil && fields < least {
		f.FailAt("report", end, wire.ErrTruncated)
	}
	m.Cell = f.cell()
	m.GSM = readUint[uint16](f, "gsm level", most)
	m.Battery = readUint[uint16](f, "battery", most)
	m.Flags = f.text("flags")
	m.Inputs = f.text("inputs")
	for i := least; i < fields; i++ {
		values = append(values, f.text("value"))
		m.Values = values
	}
	m.Alert = f.text("alert")
	return m
}

// stxStart returns the start of a frame of the older forms.
func stxStart(stored bool) string {
	if stored {
		return "LOGSTX"
	}
	return "STX"
}

// rmc writes the sentence, of which no text may end a field.
func (w *writer) rmc(r *nmea.RMC) {
	for _, s := range []string{r.Talker, r.Variation, r.VariationDir, r.Mode, r.Check} {
		if err := clean(s, fieldSigns+"$*"); err != nil && w.err == nil {
			w.err = err
		}
	}
	b, err := r.Append(nil)
	if err != nil && w.err == nil {
		w.err = err
	}
	w.raw(b)
}

// digitsOf returns a number in decimal digits, or nothing where it is absent.
func digitsOf[T nmea.Unsigned](n em.Opt[T]) string {
	if !n.OK {
		return ""
	}
	return fmt.Sprint(n.V)
}

func (m *STX) frame() ([]byte, error) {
	var w writer
	w.text("STX", m.ID)
	w.rmc(&m.RMC)
	if m.Fix != 'F' && m.Fix != 'L' {
		return nil, fmt.Errorf("a report that was cut cannot be sent")
	}
	used := digitsOf(m.Satellites)
	if m.InView.OK {
		used += "/" + digitsOf(m.InView)
	}
	w.text(string(rune(m.Fix)), m.Alert, "imei:"+m.IMEI, used)
	w.number(m.Altitude)
	w.text("Battery=" + digitsOf(m.Battery) + "%")
	if m.Gap {
		w.raw(nil)
	}
	charging := ""
	if m.Charging.OK {
		charging = "0"
		if m.Charging.V {
			charging = "1"
		}
	}
	w.text(charging)
	w.cell(m.Cell)
	b, err := w.done()
	if err != nil {
		return nil, err
	}
	b = append(b, ';')
	b = append(nmea.AppendCheck(b, checksum.Sum8(b)), "\r\n"...)
	return append([]byte(stxStart(m.Stored)[:len(stxStart(m.Stored))-len("STX")]), b...), nil
}

func (m *STXPadded) frame() ([]byte, error) {
	if len(m.ID) > idWidth || strings.HasPrefix(m.ID, ",") || strings.HasSuffix(m.ID, " ") {
		return nil, fmt.Errorf("the identity %q does not fit", m.ID)
	}
	var w writer
	w.rmc(&m.RMC)
	w.cell(m.Cell)
	writeUint(&w, "%d", m.GSM, m.Battery)
	w.text(m.Flags, m.Inputs)
	w.text(m.Values...)
	w.text(m.Alert)
	body, err := w.done()
	if err == nil {
		err = clean(m.ID, fieldSigns)
	}
	if err == nil && len(body) > 255 {
		err = fmt.Errorf("%d bytes are above the length's 255", len(body))
	}
	if err != nil {
		return nil, err
	}
	b := fmt.Appendf(nil, "%-*s%c", idWidth, m.ID, idMarker)
	b = append(append(b, byte(len(body))), body...)
	code := checksum.Xor8(b)
	b = append([]byte(stxStart(m.Stored)), b...)
	return append(nmea.AppendCheck(append(b, ';'), code), "\r\n"...), nil
}
