package jt808

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// view turns one message into observations.
type view struct {
	out     *protocol.Output
	device  em.DeviceID
	lead    time.Duration // of the device's clock over UTC
	profile profile
	at      time.Time // of what is seen next; zero for none
	stored  bool
}

func (v *view) see(b em.Body) {
	v.out.Observe(v.device, v.at, b).Stored = v.stored
}

// time returns the time of a clock whose numbers stand in the order of fields;
// zero for none.
func (c Clock) time(year, day int) time.Time {
	var n [6]int
	for i, b := range c {
		if b>>4 > 9 || b&15 > 9 {
			return time.Time{}
		}
		n[i] = int(b>>4)*10 + int(b&15)
	}
	t := time.Date(2000+n[year], time.Month(n[1]), n[day], n[3], n[4], n[5], 0, time.UTC)
	if t.Month() != time.Month(n[1]) || t.Day() != n[day] || n[3] > 23 || n[4] > 59 || n[5] > 59 {
		return time.Time{} // no such day: a clock that was never set
	}
	return t
}

// Local returns the time as the clock shows it, as if it were UTC; zero where it
// shows none. The year is 2000 to 2099.
func (c Clock) Local() time.Time { return c.time(0, 2) }

// ClockAt returns the clock at t in a zone that leads UTC by lead; ok is false
// outside of the years 2000 to 2099.
func ClockAt(t time.Time, lead time.Duration) (c Clock, ok bool) {
	t = t.UTC().Add(lead)
	if t.Year() < 2000 || t.Year() > 2099 {
		return c, false
	}
	for i, n := range [...]int{t.Year() - 2000, int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second()} {
		c[i] = byte(n/10<<4 | n%10)
	}
	return c, true
}

func (v *view) clock(c Clock, lead time.Duration) time.Time {
	if t := c.Local(); !t.IsZero() {
		return t.Add(-lead)
	}
	return time.Time{}
}

// vendor tells what has no body of its own.
func (v *view) vendor(h *Header, fields []em.Field) {
	if len(h.Tail) > 0 {
		fields = append(fields, em.Field{Name: "tail", Value: hex.EncodeToString(h.Tail)})
	}
	if h.BadCheck {
		fields = append(fields, em.Field{Name: "check", Value: "wrong"})
	}
	if len(fields) > 0 {
		v.see(&em.Vendor{Name: fmt.Sprintf("%s 0x%04X", Name, h.Code), Fields: fields})
	}
}

func named(name string, value any) em.Field { return em.Field{Name: name, Value: fmt.Sprint(value)} }

func (v *view) message(m protocol.Message) {
	var fields []em.Field
	text := func(name, value string) {
		if value != "" {
			fields = append(fields, em.Field{Name: name, Value: value})
		}
	}
	switch m := m.(type) {
	case *Register:
		v.see(&em.Comms{Event: em.CommsLogin})
		fields = append(fields, named("province", m.Province), named("city", m.City), named("plate colour", m.Colour))
		text("maker", m.Maker)
		text("model", m.Model)
		text("terminal id", m.Terminal)
		text("plate", m.Plate)
	case *Authenticate:
		v.see(&em.Comms{Event: em.CommsLogin}) // the code is a secret
		text("imei", m.IMEI)
		text("software", m.Software)
	case *Heartbeat:
		c := em.Comms{Event: em.CommsHeartbeat}
		if s := m.State; s.OK {
			var d details
			d.signal(s.V.Signal)
			d.level(float64(s.V.Battery))
			c.Signal = d.comms.Signal
			v.see(&c)
			v.see(&d.power)
			fields = append(d.fields, named("status", s.V.Status))
			break
		}
		v.see(&c)
	case *Logout:
		v.see(&em.Comms{Event: em.CommsInfo, Text: "logout"})
	case *Location:
		v.report(&m.Header, &m.Report)
		return
	case *Batch:
		v.stored = m.Header.Code == typeBatch && m.Kind == 1
		for i := range m.Reports {
			h := m.Header
			if i > 0 {
				h.Tail = nil
			}
			v.report(&h, &m.Reports[i])
		}
		v.broken(m)
		return
	case *LocationReply:
		v.report(&m.Header, &m.Report)
		return
	case *Media:
		if m.Header.Code == typeMedia { // its alarms are those of a report of their own
			v.at = v.clock(m.Report.Clock, v.lead)
			v.fix(em.Fix{LatLng: m.Report.LatLng()}, m.Report.Status&statusFixed != 0)
			fields = append(fields, named("alarm", fmt.Sprintf("%08x", m.Report.Alarm)), named("status", fmt.Sprintf("%08x", m.Report.Status)))
		}
		fields = append(fields, named("media", m.ID), named("kind", m.Kind), named("format", m.Format), named("event", m.Event),
			named("camera", m.Camera), named("size", len(m.Data)))
	case *Parameters:
		fields = append(fields, named("answered serial", m.Answered))
		for _, p := range m.List {
			value := hex.EncodeToString(p.Value)
			if p.ID == parameterPassword || p.ID == parameterBackupPassword {
				value = "a secret"
			}
			fields = append(fields, named(fmt.Sprintf("parameter %04X", p.ID), value))
		}
	case *BatteryReport:
		v.at = v.clock(m.Clock, v.lead)
		var d details
		d.level(float64(m.Level))
		v.see(&d.power)
		fields = d.fields
	case *Compact:
		v.compact(m)
		return
	case *Attributes:
		v.see(&em.Comms{Event: em.CommsInfo})
		text("maker", m.Maker)
		text("model", m.Model)
		text("terminal id", m.Terminal)
		text("iccid", m.ICCID)
		text("hardware", m.Hardware)
		text("firmware", m.Firmware)
		fields = append(fields, named("kind", m.Kind), named("gnss", m.GNSS), named("radio", m.Radio))
	case *Driver:
		v.at = v.clock(m.Clock, v.lead)
		fields = append(fields, named("status", m.Status))
		if m.Result.OK {
			fields = append(fields, named("result", m.Result.V))
		}
		text("name", m.Name)
		text("card", m.Certificate)
		text("issuer", m.Issuer)
		text("expiry", m.Expiry)
	case *Transparent:
		v.transparent(m)
		return
	case *TextReport:
		v.see(&em.Comms{Event: em.CommsReply, Text: m.Text})
	case *Reply:
		v.see(&em.Comms{Event: em.CommsReply, Text: fmt.Sprintf("0x%04X result %d", m.AnsweredCode, m.Result)})
		fields = append(fields, named("answered serial", m.Answered))
	case *Opaque:
		fields = append(fields, named("encryption", m.Encryption), em.Field{Name: "data", Value: hex.EncodeToString(m.Data)})
	case *TimeRequest, *Resend:
		v.see(&em.Comms{Event: em.CommsInfo, Text: m.Type()})
	}
	if h, ok := m.(headed); ok {
		v.vendor(h.head(), fields)
	}
}

// The bits of a report's status that the package reads.
const (
	statusACC      = 1 << 0
	statusFixed    = 1 << 1
	statusSouth    = 1 << 2
	statusWest     = 1 << 3
	statusShifted  = 1 << 5
	statusRelay    = 1 << 10
	statusDoor     = 1 << 16
	statusCharging = 1 << 26

	statusSystems = 18 // the first of a bit each of systems
)

// systems are the satellite systems of status bits 18 to 21.
var systems = [...]string{"GPS", "BeiDou", "GLONASS", "Galileo"}

// shift is the radius in metres that a report with shifted coordinates is told
// with: the transformation that the standard's "encryption" of coordinates stands
// for moves them by 300 to 700 m.
const shift = 500

// LatLng returns the position, whatever it is worth.
func (r *Report) LatLng() em.LatLng {
	p := em.LatLng{Lat: float64(r.Lat) / 1e6, Lng: float64(r.Lng) / 1e6}
	if r.Status&statusSouth != 0 {
		p.Lat = -p.Lat
	}
	if r.Status&statusWest != 0 {
		p.Lng = -p.Lng
	}
	return p
}

// fix tells a position: current where the device has a fix and says when,
// otherwise the last one known, and none where it is not one.
func (v *view) fix(f em.Fix, fixed bool) {
	f.Source, f.Validity = em.SourceGNSS, em.FixInvalid
	if f.Valid() && f.LatLng != (em.LatLng{}) {
		f.Validity = em.FixLastKnown
		if fixed && !v.at.IsZero() {
			f.Validity = em.FixCurrent
		}
	}
	if !f.Valid() {
		f.LatLng = em.LatLng{}
	}
	v.see(&f)
}

func (v *view) report(h *Header, r *Report) {
	lead := v.lead
	if z, ok := zone(r.Items); ok {
		lead = z
	}
	v.at = v.clock(r.Clock, lead)
	var d details
	d.comms.Event = em.CommsInfo
	for i := range r.Items.All() {
		d.readItem(i)
	}
	if len(r.Items) == 0 && len(r.Tail) == fixedBlock {
		d.fixed(r.Tail)
	}
	f := em.Fix{LatLng: r.LatLng(), Satellites: d.sats, Altitude: em.Some(float64(r.Altitude)), Speed: em.Some(float64(r.Speed) / 36)}
	if r.Course <= 360 {
		f.Course = em.Some(float64(r.Course))
	}
	if r.Status&statusShifted != 0 {
		f.Accuracy = em.Some[float64](shift)
	}
	v.fix(f, r.Status&statusFixed != 0)
	v.events(append(v.profile.bodies(r.Alarm, d.fence), d.events...), &d.power)
	if r.Status&statusCharging != 0 && !d.power.Charging.OK {
		d.power.Charging = em.Some(true)
	}
	if d.power != (em.Power{}) {
		v.see(&d.power)
	}
	if d.comms.Signal.OK || len(d.comms.Cells)+len(d.comms.WiFi) > 0 {
		v.see(&d.comms)
	}
	fields := []em.Field{
		named("status", fmt.Sprintf("%08x", r.Status)),
		named("acc", onOff(r.Status&statusACC != 0)),
	}
	for _, s := range []struct {
		bit  uint32
		name string
	}{{statusRelay, "relay cut"}, {statusDoor, "door"}, {statusShifted, "shifted coordinates"}} {
		if r.Status&s.bit != 0 {
			fields = append(fields, named(s.name, "on"))
		}
	}
	var used []string
	for i, name := range systems {
		if r.Status>>(statusSystems+i)&1 != 0 {
			used = append(used, name)
		}
	}
	if used != nil {
		fields = append(fields, named("systems", strings.Join(used, ", ")))
	}
	fields = append(fields, d.fields...)
	if len(r.Tail) > 0 {
		fields = append(fields, named("report tail", hex.EncodeToString(r.Tail)))
	}
	v.vendor(h, fields)
}

// broken tells the reports of a batch that do not read.
func (v *view) broken(m *Batch) {
	if len(m.Broken) == 0 {
		return
	}
	h := m.Header
	h.Tail = nil
	var fields []em.Field
	for _, b := range m.Broken {
		data := hex.EncodeToString(b.Data)
		if data == "" {
			data = "missing"
		}
		fields = append(fields, named("broken report", fmt.Sprintf("%d at byte %d: %s", b.Index, b.Offset, data)))
	}
	v.at = time.Time{}
	v.vendor(&h, fields)
}

// fixed reads a vendor's block in place of items: four bytes, mileage in km,
// battery, area, signal, three bytes.
func (d *details) fixed(b []byte) {
	be := binary.BigEndian
	d.field("mileage_km", "%d", be.Uint32(b[4:]))
	d.field("battery", "%d", be.Uint16(b[8:]))
	d.field("area", "%d", be.Uint32(b[10:]))
	d.signal(b[14])
}

// events tells each event once, and leaves the first one of the supply to p.
func (v *view) events(list []em.Body, p *em.Power) {
	seen := map[any]bool{}
	for _, b := range list {
		var key any
		switch b := b.(type) {
		case *em.Power:
			if p.Event == em.PowerNone {
				p.Event = b.Event
			}
			if key = b.Event; b.Event == p.Event {
				continue
			}
		case *em.Tamper:
			key = *b
			if b.What != em.TamperOther {
				key = b.What
			}
		case *em.Alarm:
			key = *b
			if b.What != em.AlarmOther {
				key = b.What
			}
		}
		if !seen[key] {
			seen[key] = true
			v.see(b)
		}
	}
}

// compact tells a padlock's report.
func (v *view) compact(m *Compact) {
	v.stored = m.Header.Code == typeCompactStored
	v.at = m.Clock.time(2, 0)
	p := em.LatLng{Lat: degrees(m.Lat), Lng: degrees(m.Lng)}
	if m.Flags&2 == 0 {
		p.Lat = -p.Lat
	}
	if m.Flags&4 == 0 {
		p.Lng = -p.Lng
	}
	f := em.Fix{LatLng: p, Satellites: em.Some(int(m.Sats)), Speed: em.Some(float64(m.Speed) / 3.6)}
	if m.Course <= 180 {
		f.Course = em.Some(2 * float64(m.Course))
	}
	v.fix(f, m.Flags&1 != 0)
	d := details{comms: em.Comms{Event: em.CommsInfo}}
	if m.Alarm != 0 {
		v.see(&em.Alarm{What: em.AlarmOther, Code: fmt.Sprintf("compact 0x%04X", m.Alarm)})
	}
	if m.Battery == 0xAA || m.Battery == 0xAB {
		d.power.Charging = em.Some(true)
	} else {
		d.level(float64(m.Battery))
	}
	v.see(&d.power)
	d.signal(m.Signal)
	v.see(&d.comms)
	d.field("mileage_km", "%d", m.Mileage)
	d.field("cell", "%d:%d", m.Area, m.Cell) // no network code to go with it
	d.field("product", "%d", m.Product)
	d.field("status", "%04x", m.Status)
	for i := range m.Items.All() {
		b := i.Data
		switch {
		case i.ID == 0x0B && len(b) == 8:
			d.field("card", "%s", strings.Trim(string(b[1:7]), "\x00"))
			d.field("unlock result", "%d", b[7])
		case i.ID == 0x0C && len(b) == 6:
			be := binary.BigEndian
			d.field("tilt", "[%d,%d,%d]", int16(be.Uint16(b)), int16(be.Uint16(b[2:])), int16(be.Uint16(b[4:])))
		default:
			d.raw(itemName(i.ID), b)
		}
	}
	v.vendor(&m.Header, d.fields)
}

// degrees reads degrees and 10^-4 minutes in one number.
func degrees(n uint32) float64 { return float64(n/1e6) + float64(n%1e6)/1e4/60 }

// kindTags is the kind of transparent data that lists Bluetooth tags.
const kindTags = 0x53

// kindPlug is the kind of transparent data of a vehicle's plug.
const kindPlug = 0xF0

// plug tells where a plug was: at the end of its data stand status, latitude and
// longitude, and behind them a time where the data are from memory.
func (v *view) plug(b []byte) {
	const head, place, clock = 6 + 1 + 1 + 1, 4 + 4 + 4, 6
	stored := len(b) > clock && b[clock] != 0
	if len(b) < head+place || stored && len(b) < head+place+clock {
		return
	}
	v.at = v.clock(Clock(b[:clock]), v.lead)
	if v.stored = stored; stored {
		v.at = v.clock(Clock(b[len(b)-clock:]), v.lead)
		b = b[:len(b)-clock]
	}
	be, b := binary.BigEndian, b[len(b)-place:]
	r := Report{Status: be.Uint32(b), Lat: be.Uint32(b[4:]), Lng: be.Uint32(b[8:])}
	v.fix(em.Fix{LatLng: r.LatLng()}, r.Status&statusFixed != 0)
}

// transparent tells a vendor's data; of tags, a contact with each.
func (v *view) transparent(m *Transparent) {
	if m.Kind == kindPlug {
		v.plug(m.Data)
	}
	const head = 4 + 4 + 4 + 2 + 2 + 2 + 6 + 1 // status to time, and a byte
	if b := m.Data; m.Kind == kindTags && len(b) >= head {
		v.at = v.clock(Clock(b[head-7:head-1]), v.lead)
		for b = b[head:]; len(b) >= 9 && int(b[8]) <= len(b)-9; b = b[9+int(b[8]):] {
			v.see(&em.Beacon{Beacon: mac(b[1:]), Radio: "ble", RSSI: em.Some(int(int8(b[7])))})
		}
	}
	v.vendor(&m.Header, []em.Field{named("kind", fmt.Sprintf("%02x", m.Kind)), named("data", hex.EncodeToString(m.Data))})
}
