package gt06

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// view turns one message into observations.
type view struct {
	out    *protocol.Output
	device em.DeviceID
	zone   time.Duration
	from   int       // first observation of the message
	at     time.Time // of what is seen next; zero for none
	stored bool
}

func (v *view) see(b em.Body) {
	o := v.out.Observe(v.device, v.at, b)
	o.Stored = v.stored
}

// local is a clock of the device in UTC.
func (v *view) local(c Clock) time.Time {
	t := c.Time()
	if !t.IsZero() {
		t = t.Add(-v.zone)
	}
	return t
}

// vendor tells what has no body of its own.
func (v *view) vendor(h Header, f []em.Field, tail []byte) {
	if len(tail) > 0 {
		f = append(f[:len(f):len(f)], raw("tail", tail))
	}
	if h.BadCheck {
		f = append(f[:len(f):len(f)], em.Field{Name: "check code", Value: "wrong"})
	}
	if len(f) > 0 {
		v.see(&em.Vendor{Name: vendorNames[h.Code], Fields: f})
	}
}

// vendorNames are the names of Vendor by the frame's code.
var vendorNames = func() (names [256]string) {
	for c := range names {
		names[c] = Name + " " + code(byte(c))
	}
	return names
}()

func (v *view) message(m protocol.Message) {
	switch m := m.(type) {
	case *Position:
		v.position(m)
	case *Status:
		v.status(m)
	case *CellAlarm:
		v.cellAlarm(m)
	case *Scan:
		v.scan(m)
	case *WiFi:
		v.at = v.local(m.Clock)
		v.see(&em.Comms{Event: em.CommsInfo, Cells: m.Cells, WiFi: m.WiFi})
		v.vendor(m.Header, nil, m.Tail)
	case *Reply:
		v.see(&em.Comms{Event: em.CommsReply, Text: m.Text})
		v.vendor(m.Header, []em.Field{num("server flag", uint64(m.Flag))}, m.Tail)
	case *Info:
		v.info(m)
	case *OBD:
		v.obd(m)
	case *Attached:
		v.attached(m)
	case *Steps:
		v.vendor(m.Header, []em.Field{num("steps", uint64(m.Steps)), raw("front", m.Front)}, m.Tail)
	case *PhoneQuery:
		v.phoneQuery(m)
	case *Picture:
		v.picture(m)
	case *Modular:
		v.modular(m)
	case *Driving:
		v.at = v.local(m.Clock)
		if m.GPS.OK {
			v.fix(&m.GPS.V, false, m.JC400)
		}
		v.see(m.body())
		f := m.Extra
		if m.Text != "" {
			f = append(f[:len(f):len(f)], em.Field{Name: "files", Value: m.Text})
		}
		v.vendor(m.Header, f, m.Tail)
	case *protocol.Raw:
		h, _ := rawHeader(m)
		v.vendor(h, []em.Field{raw("frame", m.Data)}, nil)
	}
}

// fix tells a position. One whose time is unknown is the last known one.
func (v *view) fix(g *GPS, speed, satellites bool) *em.Fix {
	f := &em.Fix{LatLng: g.Position(), Validity: em.FixInvalid, Source: em.SourceGNSS}
	if satellites {
		f.Satellites = em.Some(int(g.Satellites & 15))
	}
	if speed {
		f.Speed = em.Some(kmh(g.Speed))
	}
	if g.Course() <= 360 {
		f.Course = em.Some(float64(g.Course()))
	}
	switch {
	case !f.Valid():
		f.LatLng = em.LatLng{} // no place on earth, for nobody to draw
	case g.Fixed():
		f.Validity = em.FixCurrent
		if v.at.IsZero() {
			f.Validity = em.FixLastKnown
		}
	}
	v.see(f)
	return f
}

func kmh(v byte) float64 { return float64(v) / 3.6 }

func (v *view) position(m *Position) {
	v.at = v.local(m.GPS.Clock)
	v.stored = m.Upload.OK && m.Upload.V.Again != 0
	f := v.fix(&m.GPS, true, true)
	if m.Altitude.OK {
		f.Altitude = em.Some(float64(m.Altitude.V))
	}
	v.state(m.Header, &m.State, em.Power{Volts: volts(m.Battery, m.Supply)})
	c := em.Comms{Event: em.CommsInfo}
	if m.Cell.OK && m.Cell.V.MCC != 0 {
		c.Cells = []em.Cell{m.Cell.V.Cell}
	}
	if m.State.OK {
		c.Signal = m.State.V.signal()
	}
	if len(c.Cells) > 0 || c.Signal.OK {
		v.see(&c)
	}
	var extra []em.Field
	if m.Upload.OK {
		extra = make([]em.Field, 0, 2) // most tell no more
	}
	if acc := m.GPS.ACC(); acc.OK {
		extra = append(extra, boolean("acc", acc.V))
	} else if m.Upload.OK {
		extra = append(extra, boolean("acc", m.Upload.V.ACC != 0))
	}
	if m.Upload.OK {
		extra = append(extra, num("reason", uint64(m.Upload.V.Reason)))
	}
	if m.Mileage.OK {
		extra = append(extra, num("mileage_m", uint64(m.Mileage.V)))
	}
	if m.Battery.OK && m.Supply.OK {
		extra = append(extra, centi("supply_v", m.Supply.V))
	}
	if m.State.OK {
		extra = append(extra, m.State.V.fields(m.Header)...)
	}
	v.vendor(m.Header, append(extra, m.Extra...), m.Tail)
}

func boolean(name string, b bool) em.Field {
	if b {
		return em.Field{Name: name, Value: "on"}
	}
	return em.Field{Name: name, Value: "off"}
}

// fields tells the bits of a status byte that have no body, and the alarm's code.
func (s *State) fields(h Header) []em.Field {
	f := []em.Field{
		boolean("armed", s.Flags&stateArmed != 0),
		boolean("acc", s.Flags&stateACC != 0),
		boolean("gps", s.Flags&stateGPS != 0),
		boolean("relay cut", s.Flags&stateRelay != 0),
	}
	if a := s.alarmCode(h); a != 0 {
		f = append(f, em.Field{Name: "alarm", Value: fmt.Sprintf("0x%02X", a)})
	}
	return f
}

// state tells alarms and power, which has what the message says of it elsewhere.
// An alarm of the supply and the measurement are one observation.
func (v *view) state(h Header, s *em.Opt[State], p em.Power) {
	if s.OK {
		var called em.Body
		if code := s.V.alarmCode(h); code != 0 {
			called = alarmBody(code)
			v.alarm(called, &p)
		}
		if class := classBody(s.V.Flags); class != nil && !covers(called, class) {
			v.alarm(class, &p)
		}
		if !p.Level.OK {
			p.Level = s.V.level()
		}
		p.Charging = em.Some(s.V.Flags&stateCharging != 0)
	}
	if s.OK || p.Volts.OK {
		told := p // what most positions do not tell costs nothing
		v.see(&told)
	}
}

// volts is the first of two voltages in 10 mV that is there.
func volts(battery, supply em.Opt[uint16]) em.Opt[float64] {
	switch {
	case battery.OK:
		return em.Some(float64(battery.V) / 100)
	case supply.OK:
		return em.Some(float64(supply.V) / 100)
	}
	return em.Opt[float64]{}
}

// alarm tells an alarm, but leaves the first one of the supply to p.
func (v *view) alarm(b em.Body, p *em.Power) {
	if power, ok := b.(*em.Power); ok && p.Event == em.PowerNone {
		p.Event = power.Event
		return
	}
	v.see(b)
}

func (v *view) status(m *Status) {
	v.see(&em.Comms{Event: em.CommsHeartbeat, Signal: m.State.signal()})
	s := em.Some(m.State)
	p := em.Power{Volts: volts(m.Battery, m.Supply)}
	if m.Level.OK && m.Level.V <= 100 {
		p.Level = em.Some(float64(m.Level.V) / 100)
	}
	v.state(m.Header, &s, p)
	f := m.State.fields(m.Header)
	if m.Temperature.OK {
		f = append(f, em.Field{Name: "temperature_c", Value: em.Decimal{Coef: int64(m.Temperature.V), Scale: 1}.String()})
	}
	v.vendor(m.Header, append(f, m.Extra...), m.Tail)
}

func (v *view) cellAlarm(m *CellAlarm) {
	s := em.Some(m.State)
	v.state(m.Header, &s, em.Power{})
	c := em.Comms{Event: em.CommsInfo, Signal: m.State.signal()}
	if m.Cell.MCC != 0 {
		c.Cells = []em.Cell{m.Cell.Cell}
	}
	v.see(&c)
	v.vendor(m.Header, m.State.fields(m.Header), m.Tail)
}

func (v *view) scan(m *Scan) {
	v.at = v.local(m.Clock)
	if m.GPS.OK {
		v.fix(&m.GPS.V, true, true)
	}
	v.see(&em.Comms{Event: em.CommsInfo, Cells: m.Cells, WiFi: m.WiFi})
	var f []em.Field
	if m.Code == typeStationAlarm && m.Status.OK {
		switch m.Status.V {
		case 0xA2, 0xA3:
			v.see(&em.Power{Event: em.PowerLow})
		case 0xA4, 0xA5:
			v.see(&em.Alarm{What: em.AlarmOther, Code: code(m.Status.V)})
		}
	}
	if m.Status.OK {
		f = append(f, em.Field{Name: "status", Value: code(m.Status.V)})
	}
	if len(m.Levels) > 0 && !m.Cells[0].RSSI.OK {
		f = append(f, em.Field{Name: "cell levels", Value: fmt.Sprint(m.Levels)})
	}
	if slices.ContainsFunc(m.Marks, func(mark uint16) bool { return mark != 0 }) {
		f = append(f, em.Field{Name: "access point marks", Value: fmt.Sprint(m.Marks)})
	}
	if m.Advance != absent {
		f = append(f, num("timing advance", uint64(m.Advance)))
	}
	v.vendor(m.Header, f, m.Tail)
}

func (v *view) info(m *Info) {
	switch d := m.Data; {
	case m.Kind == infoSupply && len(d) == 2:
		u := binary.BigEndian.Uint16(d)
		v.see(&em.Power{Volts: volts(em.Some(u), em.Opt[uint16]{}), External: em.Some(u > 0)})
		v.vendor(m.Header, nil, nil)
		return
	case m.Kind == infoText:
		v.see(&em.Comms{Event: em.CommsInfo, Text: m.fields()[0].Value})
		v.vendor(m.Header, nil, nil)
		return
	case m.Kind == infoDoor && len(d) >= 7:
		v.at = v.local(Clock(d[:6]))
	}
	v.vendor(m.Header, append([]em.Field{num("kind", uint64(m.Kind))}, m.fields()...), nil)
}

// modular tells the modules of a message. Those with a time of their own have
// it; the others have that of the message or of its fix.
func (v *view) modular(m *Modular) {
	find := func(id uint16, n int) []byte {
		for _, p := range m.Modules {
			if p.ID == id && len(p.Data) >= n {
				return p.Data
			}
		}
		return nil
	}
	fix := find(moduleFix, 18)
	var fixAt time.Time
	if fix != nil {
		fixAt = unixTime(binary.BigEndian, fix)
	}
	v.at = fixAt
	if d := find(moduleTime, 4); d != nil {
		if t := unixTime(binary.BigEndian, d); !t.IsZero() {
			v.at = t
		}
	}
	at := v.at
	if fix != nil {
		v.at = fixAt
		g := GPS{
			Satellites: fix[4],
			Lat:        binary.BigEndian.Uint32(fix[7:]), Lng: binary.BigEndian.Uint32(fix[11:]),
			Speed: fix[15], Flags: binary.BigEndian.Uint16(fix[16:]),
		}
		f := v.fix(&g, true, false)
		f.Satellites = em.Some(int(fix[4]))
		f.Altitude = em.Some(float64(int16(binary.BigEndian.Uint16(fix[5:]))))
		if d := find(moduleHDOP, 1); d != nil && d[0] > 0 {
			f.HDOP = em.Some(float64(d[0]) / 10)
		}
		v.at = at
	}
	var fields []em.Field
	var p em.Power
	var c em.Comms
	for _, mod := range m.Modules {
		d := mod.Data
		switch {
		case mod.ID == moduleFix && len(d) >= 18, mod.ID == moduleHDOP && len(d) >= 1 && fix != nil, mod.ID == moduleTime && len(d) >= 4:
		case mod.ID == moduleEvent && len(d) >= 5:
			if t := eventTime(d[1:5], at); !t.IsZero() {
				v.at = t
			}
			v.see(eventBody(d[0]))
			v.at = at
			if len(d) > 6 {
				fields = append(fields, raw("event data", d[6:]))
			}
		case mod.ID == moduleInput && len(d) >= 1:
			if d[0]>>4 != 0 {
				v.see(&em.Tamper{What: em.TamperOther, Code: fmt.Sprintf("input 0x%02X", d[0])})
			}
			fields = append(fields, num("door", uint64(d[0]&15)), num("tamper", uint64(d[0]>>4)))
		case mod.ID == modulePower && len(d) >= 1:
			if b := powerBody(d[0]); b != nil {
				v.see(b)
			}
			fields = append(fields, raw("power event", d[:1]))
		case mod.ID == moduleBattery && len(d) >= 2:
			p.Volts = volts(em.Some(binary.BigEndian.Uint16(d)), em.Opt[uint16]{})
		case mod.ID == moduleCell && len(d) >= 10:
			cell := em.Cell{
				MCC: binary.BigEndian.Uint16(d), MNC: binary.BigEndian.Uint16(d[2:]), LAC: uint32(binary.BigEndian.Uint16(d[4:])),
				CID: uint64(d[6])<<16 | uint64(d[7])<<8 | uint64(d[8]),
			}
			if cell.MCC != 0 {
				c.Cells = append(c.Cells, cell)
			}
		case mod.ID == moduleTag && len(d) >= 6:
			v.see(&em.Beacon{Beacon: mac(d), Radio: "ble"})
			fields = append(fields, tagFields(d)...)
		case mod.ID == moduleICCID:
			fields = append(fields, em.Field{Name: "iccid", Value: iccid(d)})
		case mod.ID == moduleIMEI && len(d) == 8: // the session compares it
		case (mod.ID == moduleIndex || mod.ID == moduleMileage) && len(d) == 4:
			fields = append(fields, num(moduleName(mod.ID), uint64(binary.BigEndian.Uint32(d))))
		case mod.ID == moduleSatellites || mod.ID == moduleVisible:
			fields = append(fields, raw(moduleName(mod.ID), d))
		default:
			fields = append(fields, raw(fmt.Sprintf("module 0x%04X", mod.ID), d))
		}
	}
	if p.Volts.OK {
		v.see(&p)
	}
	c.Event = em.CommsInfo
	if len(c.Cells) > 0 {
		v.see(&c)
	}
	v.vendor(m.Header, fields, m.Tail)
}

// tagFields reads what a Bluetooth tag measured, behind its address and two
// bytes that mean nothing known.
func tagFields(d []byte) []em.Field {
	if len(d) != 14 {
		return []em.Field{raw("tag", d)}
	}
	return []em.Field{
		num("tag battery_percent", uint64(d[8])),
		{Name: "tag temperature_c", Value: em.Decimal{Coef: int64(int16(binary.BigEndian.Uint16(d[9:]))), Scale: 1}.String()},
		{Name: "tag humidity_percent", Value: em.Decimal{Coef: int64(binary.BigEndian.Uint16(d[11:])), Scale: 1}.String()},
		raw("tag", d),
	}
}
