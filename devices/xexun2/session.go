package xexun2

import (
	"encoding/hex"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// session is the center's side of a conversation. Each message has the IMEI.
type session struct {
	imei     IMEI
	device   em.DeviceID // of imei; "" as long as it is unknown
	commands uint16      // sent; wraps
}

// Handle takes one message of the device.
func (s *session) Handle(_ time.Time, m protocol.Message, out *protocol.Output) error {
	switch m := m.(type) {
	case *Report:
		if err := s.identify(m.IMEI, m.Type()); err != nil {
			return err
		}
		newest := 0
		for i := range m.Records {
			if m.Records[i].Seconds >= m.Records[newest].Seconds {
				newest = i
			}
		}
		for i := range m.Records {
			s.record(&m.Records[i], i != newest, out)
		}
		out.Send = append(out.Send, &Ack{m.Header})
	case *Command:
		if err := s.identify(m.IMEI, m.Type()); err != nil {
			return err
		}
		out.Observe(s.device, time.Time{}, &em.Comms{Event: em.CommsReply, Text: m.Text})
	case *protocol.Raw:
		h, ok := rawHeader(m)
		if !ok {
			return fmt.Errorf("xexun2: %s: %w: no message", m.Type(), protocol.ErrMalformed)
		}
		if err := s.identify(h.IMEI, m.Type()); err != nil {
			return err
		}
		out.Send = append(out.Send, &Ack{h})
	default:
		return fmt.Errorf("xexun2: a device does not send %s: %w", m.Type(), protocol.ErrMalformed)
	}
	return nil
}

func (s *session) identify(imei IMEI, what string) error {
	switch {
	case !imei.valid():
		return fmt.Errorf("xexun2: %s: %w: not an IMEI of 15 digits", what, protocol.ErrIdentity)
	case s.device == "":
		s.imei, s.device = imei, deviceID(imei)
	case s.imei != imei:
		return fmt.Errorf("xexun2: %s: %w: another device on the connection", what, protocol.ErrIdentity)
	}
	return nil
}

// best returns the best position of a record; nil where it has none.
func (p *Positioning) best() *em.Fix {
	for _, m := range p.Modules {
		g, ok := m.Fuller()
		if !ok {
			continue
		}
		f := fix(g.GNSS64.LatLng, g.Satellites, em.FixCurrent)
		if g.Valid == 0 {
			f.Validity = em.FixInvalid
		}
		g.Motion.tell(f)
		f.Altitude = g.Altitude.Value()
		return f
	}
	var f *em.Fix
	switch {
	case p.Has(HasGNSS64):
		f = fix(p.GNSS64.LatLng, p.GNSS64.Satellites, em.FixLastKnown)
	case p.Has(HasGNSS32):
		f = fix(p.GNSS32.LatLng, p.GNSS32.Satellites, em.FixLastKnown)
	default:
		return nil
	}
	if p.Has(HasMotion) {
		p.Motion.tell(f)
	}
	return f
}

// fix returns a position; of no satellites it is what the caller says.
func fix(latLng func() (em.LatLng, bool), satellites uint8, of0 em.FixValidity) *em.Fix {
	f := &em.Fix{Validity: em.FixInvalid, Source: em.SourceGNSS, Satellites: em.Some(int(satellites))}
	if p, ok := latLng(); ok {
		if f.LatLng, f.Validity = p, em.FixCurrent; satellites == 0 {
			f.Validity = of0
		}
	}
	return f
}

func (m Motion) tell(f *em.Fix) {
	f.Speed = em.Some(float64(m.Speed) / 10 / 3.6)
	f.Course = em.Some(float64(m.Course) / 10)
}

// alarmBody returns what one bit says.
func alarmBody(bit Alarms) em.Body {
	code := "bit " + strconv.Itoa(bits.TrailingZeros32(uint32(bit)))
	switch bit {
	case AlarmSOS:
		return &em.Alarm{What: em.AlarmSOS, Code: code}
	case AlarmRemoval:
		return &em.Tamper{What: em.TamperRemoval, Code: code}
	case AlarmFall:
		return &em.Alarm{What: em.AlarmFall, Code: code}
	}
	return &em.Alarm{What: em.AlarmOther, Code: code}
}

func (s *session) record(r *Record, stored bool, out *protocol.Output) {
	at := r.Time()
	observe := func(b em.Body) { out.Observe(s.device, at, b).Stored = stored }
	p := &r.Positioning
	if fix := p.best(); fix != nil {
		observe(fix)
	}
	for rest := r.Alarm; rest != 0; rest &= rest - 1 {
		observe(alarmBody(rest & -rest))
	}
	observe(&em.Power{Level: r.Level(), Charging: em.Some(r.Charging())})

	comms := &em.Comms{Event: em.CommsInfo}
	if r.CSQ <= 31 {
		comms.Signal = em.Some(float64(r.CSQ) / 31)
	}
	var radio Radio
	if p.Radio != nil {
		radio = *p.Radio
	}
	for _, c := range radio.Cells {
		if c.MCC > 0 && c.MCC <= 999 && c.MNC <= 999 {
			comms.Cells = append(comms.Cells, em.Cell{MCC: c.MCC, MNC: c.MNC, LAC: c.LAC, CID: uint64(c.CID), RSSI: em.Some(int(c.Level))})
		}
	}
	for _, h := range radio.WiFi {
		mac := fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", h.MAC[0], h.MAC[1], h.MAC[2], h.MAC[3], h.MAC[4], h.MAC[5])
		comms.WiFi = append(comms.WiFi, em.AccessPoint{MAC: mac, RSSI: em.Some(int(h.Level))})
	}
	observe(comms)
	observe(&em.Vendor{Name: "record", Fields: r.fields()})
}

// fields are what only people read.
func (r *Record) fields() []em.Field {
	f := []em.Field{{Name: "index", Value: strconv.Itoa(int(r.Index))}}
	add := func(name, value string) {
		if value != "" {
			f = append(f, em.Field{Name: name, Value: value})
		}
	}
	version, imsi, iccid := r.Version()
	add("fingerprint", hex.EncodeToString(r.Fingerprint()))
	add("version", printable(version))
	add("imsi", hex.EncodeToString(imsi))
	add("iccid", hex.EncodeToString(iccid))
	add("parameters", hex.EncodeToString(r.Parameters()))
	if radio := r.Positioning.Radio; radio != nil {
		for _, v := range radio.Ranges {
			add("time_of_flight", hex.EncodeToString(v[:]))
		}
	}
	for _, m := range r.Positioning.Modules {
		if g, ok := m.Fuller(); ok {
			add("snr", strconv.Itoa(int(g.SNR)))
		} else {
			add(fmt.Sprintf("module_%02x", m.Kind), hex.EncodeToString(m.Data))
		}
	}
	add("tail", hex.EncodeToString(r.Tail()))
	return f
}

// printable returns text without what pads it, or hexadecimal digits where it is none.
func printable(b []byte) string {
	s := strings.TrimRight(string(b), "\x00 ")
	if strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
		return hex.EncodeToString(b)
	}
	return s
}

// Deadline is never: the device repeats what it needs.
func (s *session) Deadline() time.Time { return time.Time{} }

// Wake does nothing.
func (s *session) Wake(time.Time, *protocol.Output) error { return nil }

// Device is "xexun2:" and the IMEI.
func (s *session) Device() em.DeviceID { return s.device }
