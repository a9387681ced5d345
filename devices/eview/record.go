package eview

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

// Keys of the records of data.
const (
	keyIMEI         = 0x01
	keyAlarm        = 0x02
	keyBattery      = 0x14
	keyWiFiNamed    = 0x19
	keyGPS          = 0x20
	keyCells        = 0x21
	keyWiFi         = 0x22
	keyHomeTag      = 0x23
	keyStatus       = 0x24
	keyCalls        = 0x25
	keyHomeTagFix   = 0x26
	keyHomeWiFi     = 0x27
	keyTag          = 0x28
	keyCellsWide    = 0x29
	keyWiFiBeacon   = 0x2A
	keyCellsWideMNC = 0x2B
	keyTagBattery   = 0x2C
	keySteps        = 0x30
	keyActivity     = 0x31
	keyBark         = 0x37
	keyHeart        = 0x40
	keyOxygen       = 0x41
)

var dataKeys = map[uint8]string{
	keyIMEI: "imei", keyAlarm: "alarm", keyBattery: "battery", keyWiFiNamed: "wifi with names", keyGPS: "gps", keyCells: "cells",
	keyWiFi: "wifi", keyHomeTag: "home tag", keyStatus: "status", keyCalls: "calls", keyHomeTagFix: "home tag with fix",
	keyHomeWiFi: "home wifi", keyTag: "tag", keyCellsWide: "cells 29", keyWiFiBeacon: "wifi beacon", keyCellsWideMNC: "cells 2B",
	keyTagBattery: "tag with battery", keySteps: "steps", keyActivity: "activity", keyBark: "barks", keyHeart: "heart rate_bpm",
	keyOxygen: "spo2_percent",
}

var configurationKeys = map[uint8]string{
	0x02: "firmware", configIMEI: "imei", configICCID: "iccid", 0x0A: "work mode", keyBattery: "battery", 0x30: "phone",
	0x40: "apn", 0x41: "apn user", 0x42: "apn password", 0x43: "server", 0x44: "intervals", 0x50: "alert 50", 0x51: "alert 51",
	0x53: "alert 53", 0x62: "wifi whitelist", 0x65: "network", keyRead: "read",
}

// Keys of the configuration that are read.
const (
	configIMEI  = 0x03
	configICCID = 0x04
)

// Keys of services.
const (
	serviceAGPS = 0x11
	serviceTime = 0x12
)

// keyName returns the name of a record's key, "" for an unknown one.
func keyName(command, key uint8) string {
	switch command {
	case CommandData:
		return dataKeys[key]
	case CommandConfiguration:
		return configurationKeys[key]
	case CommandServices:
		return map[uint8]string{serviceAGPS: "position for A-GPS", serviceTime: "time"}[key]
	case CommandControl:
		return map[uint8]string{keyFirmwareURL: "firmware url"}[key]
	}
	return ""
}

// point is what the records of one moment say.
type point struct {
	seen   [4]uint64 // keys, as bits
	at     time.Time
	dated  bool // at is its own
	stored bool
	alive  bool // there is a status
	other  bool // there is something besides a status
	fixes  []em.Fix
	events []em.Body
	power  em.Power
	comms  em.Comms
	fields []em.Field
	later  []timed
	tags   int
}

// timed is a field with a time of its own.
type timed struct {
	at    time.Time
	field em.Field
}

func (p *point) has(key uint8) bool { return p.seen[key/64]>>(key%64)&1 != 0 }

func (p *point) field(name, format string, args ...any) {
	p.fields = append(p.fields, em.Field{Name: name, Value: fmt.Sprintf(format, args...)})
}

// unixTime reads a time; zero where the clock was never set.
func unixTime(c *wire.Cursor) time.Time {
	if v := c.LE32("time"); v != 0 {
		return time.Unix(int64(v), 0).UTC()
	}
	return time.Time{}
}

// points tells what the records of data say. A key that comes again starts the
// next point, but for those of tags, which a device lists. A point without a time
// is of the time of the one before.
func points(records []Record, tell func(*point)) {
	p := &point{}
	some := false
	for _, r := range records {
		if r.Key == keyIMEI {
			continue
		}
		if p.has(r.Key) && r.Key != keyTag && r.Key != keyTagBattery {
			tell(p)
			p = &point{at: p.at, stored: p.stored}
		}
		p.seen[r.Key/64] |= 1 << (r.Key % 64)
		p.read(r)
		some = true
	}
	if some {
		tell(p)
	}
}

// date takes a record's time where the status has given none.
func (p *point) date(t time.Time) {
	if !p.dated && !t.IsZero() {
		p.at, p.dated = t, true
	}
}

// read takes one record. One that is shorter than its kind is told as it is.
func (p *point) read(r Record) {
	c := wire.New(r.Value)
	next := *p // kept only where the record reads
	next.fields, next.later = slices.Clip(p.fields), slices.Clip(p.later)
	next.events, next.fixes = slices.Clip(p.events), slices.Clip(p.fixes)
	known := next.readKnown(r.Key, &c)
	if !known || c.Err() != nil {
		name := keyName(CommandData, r.Key)
		if name == "" {
			name = fmt.Sprintf("record %02X", r.Key)
		}
		p.other = true
		p.field(name, "%x", r.Value)
		return
	}
	next.other = next.other || r.Key != keyStatus && r.Key != keyBattery
	*p = next
	if rest := c.Rest("rest"); len(rest) > 0 {
		p.field(keyName(CommandData, r.Key)+" rest", "%x", rest)
	}
}

func (p *point) readKnown(key uint8, c *wire.Cursor) bool {
	switch key {
	case keyAlarm:
		p.alarms(c.LE32("alarm"))
		if c.Len() >= 4 {
			p.date(unixTime(c))
		}
	case keyBattery:
		p.level(c.U8("level"))
		p.power.Volts = em.Some(float64(c.LE16("mV")) / 1000)
	case keyStatus:
		p.status(c)
	case keyGPS:
		p.gps(c)
	case keyHomeWiFi:
		f := em.Fix{LatLng: latLng(c), Source: em.SourceWiFi}
		setHDOP(&f, c.LE16("hdop"), p)
		f.Altitude = em.Some(float64(int16(c.LE16("altitude"))))
		p.fixes = append(p.fixes, f)
		p.text("home wifi", c)
	case keyCells, keyCellsWide, keyCellsWideMNC:
		p.cells(c, key)
	case keyWiFi, keyWiFiNamed:
		for c.Len() > 0 {
			rssi := int(int8(c.U8("rssi")))
			ap := em.AccessPoint{MAC: address(c.Bytes(6, "mac"), false), RSSI: em.Some(rssi)}
			if key == keyWiFiNamed {
				if name := clean(c.Text(int(c.U8("name length")), "name")); name != "" {
					p.field("name of "+ap.MAC, "%s", name)
				}
			}
			if c.Err() == nil {
				p.comms.WiFi = append(slices.Clip(p.comms.WiFi), ap)
			}
		}
	case keyHomeTag, keyHomeTagFix:
		p.beacon(address(c.Bytes(6, "tag"), true), "ble", em.Opt[int]{})
		if c.Len() >= 8 {
			p.place(latLng(c))
			if key == keyHomeTagFix {
				c.LE16("hdop")
				c.LE16("altitude")
			}
		}
		p.text(p.tag(), c)
	case keyTag, keyTagBattery:
		p.readTag(key, c)
	case keyWiFiBeacon:
		flags := c.U8("flags")
		mac := address(c.Bytes(6, "mac"), true)
		p.beacon(mac, "wifi", measured(c.U8("rssi")))
		if flags&tagPlace != 0 {
			p.place(latLng(c))
		}
		if flags&tagText != 0 {
			p.text(p.tag(), c)
		}
	case keySteps, keyBark, keyHeart, keyOxygen, keyActivity:
		if c.Len() == 0 || c.Len()%8 != 0 && key == keyActivity {
			return false
		}
		for c.Len() > 0 {
			at := unixTime(c)
			v := uint32(0)
			switch {
			case key == keyHeart || key == keyOxygen:
				for shift := 0; c.Len() > 0 && shift < 32; shift += 8 {
					v |= uint32(c.U8("value")) << shift
				}
			default:
				v = c.LE32("value")
			}
			if key == keyBark {
				v &^= 1 << 31
			}
			p.later = append(p.later, timed{at, em.Field{Name: dataKeys[key], Value: fmt.Sprint(v)}})
			if key != keyActivity {
				break
			}
		}
	default:
		return false
	}
	return true
}

func (p *point) level(percent uint8) {
	if percent <= 100 {
		p.power.Level = em.Some(float64(percent) / 100)
	} else {
		p.field("level", "%d", percent)
	}
}

// The bits of a status.
const (
	statusCharging = 1 << 4
	statusStored   = 1 << 7
	statusMotion   = 1 << 9
)

func (p *point) status(c *wire.Cursor) {
	at := unixTime(c)
	flags := c.LE32("flags")
	p.at, p.dated = at, true
	p.alive = true
	p.stored = flags&statusStored != 0
	p.power.Charging = em.Some(flags&statusCharging != 0)
	if csq := flags >> 19 & 31; csq > 0 {
		p.comms.Signal = em.Some(float64(csq) / 31)
	}
	if !p.power.Level.OK { // record 14 is the battery's own
		p.level(uint8(flags >> 24))
	}
	motion := "off"
	if flags&statusMotion != 0 {
		motion = "on"
	}
	p.field("motion", "%s", motion)
	p.field("flags", "%08x", flags)
}

// latLng reads a position in 10^-7 degrees.
func latLng(c *wire.Cursor) em.LatLng {
	lat := int32(c.LE32("latitude"))
	return em.LatLng{Lat: float64(lat) / 1e7, Lng: float64(int32(c.LE32("longitude"))) / 1e7}
}

// leastHDOP is the least dilution of precision that satellites can give. Some
// devices state less, in a unit of their own.
const leastHDOP = 0.5

// setHDOP sets what a fix is worth: without HDOP it is not of now.
func setHDOP(f *em.Fix, tenths uint16, p *point) {
	place := f.Valid() && f.LatLng != em.LatLng{}
	switch {
	case !place:
		f.Validity, f.LatLng = em.FixInvalid, em.LatLng{}
	case tenths == 0:
		f.Validity = em.FixLastKnown
	default:
		f.Validity = em.FixCurrent
	}
	switch hdop := float64(tenths) / 10; {
	case hdop >= leastHDOP:
		f.HDOP = em.Some(hdop)
	case tenths > 0:
		p.field("hdop", "%d", tenths)
	}
}

func (p *point) gps(c *wire.Cursor) {
	f := em.Fix{LatLng: latLng(c), Source: em.SourceGNSS}
	f.Speed = em.Some(float64(c.LE16("speed")) / 3.6)
	if course := c.LE16("course"); course <= 360 {
		f.Course = em.Some(float64(course))
	}
	f.Altitude = em.Some(float64(int16(c.LE16("altitude"))))
	setHDOP(&f, c.LE16("hdop"), p)
	p.field("mileage_m", "%d", c.LE32("mileage"))
	f.Satellites = em.Some(int(c.U8("satellites")))
	p.fixes = append(p.fixes, f)
}

// cells reads cells: LAC and CID of two bytes, or in wide records of two and four.
func (p *point) cells(c *wire.Cursor, key uint8) {
	mcc, mnc := c.LE16("mcc"), uint16(0)
	if key == keyCellsWideMNC {
		mnc = c.LE16("mnc")
	} else {
		mnc = uint16(c.U8("mnc"))
	}
	for c.Len() > 0 {
		rssi := measured(c.U8("rssi"))
		cell := em.Cell{MCC: mcc, MNC: mnc, LAC: uint32(c.LE16("lac")), RSSI: rssi}
		if key == keyCells {
			cell.CID = uint64(c.LE16("cid"))
		} else {
			cell.CID = uint64(c.LE32("cid"))
		}
		if c.Err() == nil {
			p.comms.Cells = append(slices.Clip(p.comms.Cells), cell)
		}
	}
}

// measured is a level in dBm. Levels above zero are of another scale, zero is none.
func measured(b uint8) em.Opt[int] {
	if v := int8(b); v < 0 {
		return em.Some(int(v))
	}
	return em.Opt[int]{}
}

// address writes an address of six bytes; reversed where it comes last byte first.
func address(b []byte, reversed bool) string {
	b = slices.Clone(b)
	if reversed {
		slices.Reverse(b)
	}
	parts := make([]string, len(b))
	for i, v := range b {
		parts[i] = fmt.Sprintf("%02x", v)
	}
	return strings.Join(parts, ":")
}

// clean is text without what fills it up.
func clean(s string) string { return strings.ToValidUTF8(strings.TrimRight(s, "\x00"), "\uFFFD") }

func (p *point) beacon(id, radio string, rssi em.Opt[int]) {
	p.tags++
	p.events = append(p.events, &em.Beacon{Beacon: id, Radio: radio, RSSI: rssi})
}

// tag names the beacon that was read last.
func (p *point) tag() string { return fmt.Sprintf("beacon %d", p.tags) }

// place tells where a beacon is said to stand. That is no fix of the device.
func (p *point) place(at em.LatLng) { p.field(p.tag()+" place", "%.7f,%.7f", at.Lat, at.Lng) }

func (p *point) text(name string, c *wire.Cursor) {
	if n := c.Len(); n > 0 {
		p.field(name+" text", "%s", clean(c.Text(n, "text")))
	}
}

// The bits of a tag's flags; the low four number it.
const (
	tagText  = 1 << 6
	tagPlace = 1 << 7
)

func (p *point) readTag(key uint8, c *wire.Cursor) {
	flags := c.U8("flags")
	id := address(c.Bytes(6, "tag"), true)
	p.beacon(id, "ble", measured(c.U8("rssi")))
	if v := int8(c.U8("rssi at 1 m")); v != 0 {
		p.field(p.tag()+" rssi at 1 m_dbm", "%d", v)
	}
	if key == keyTagBattery {
		p.field(p.tag()+" battery_percent", "%d", c.U8("battery"))
	}
	if flags&tagPlace != 0 {
		p.place(latLng(c))
	}
	switch {
	case flags&tagText == 0:
	case key == keyTagBattery:
		p.field(p.tag()+" text", "%s", clean(c.Text(int(c.U8("text length")), "text")))
	default:
		p.text(p.tag(), c)
	}
	if key == keyTagBattery && c.Len() >= 2 {
		p.field(p.tag()+" temperature_c", "%s", em.Decimal{Coef: int64(int16(c.LE16("temperature"))), Scale: 1})
	}
}

// alarmBits is what the bits of an alarm mean, without those of fences.
var alarmBits = [...]struct {
	bit  uint8
	body em.Body // without Code
}{
	{0, &em.Power{Event: em.PowerLow}},
	{1, &em.Alarm{What: em.AlarmOverspeed}},
	{2, &em.Alarm{What: em.AlarmFall}},
	{8, &em.Power{Event: em.PowerOff}},
	{9, &em.Power{Event: em.PowerOn}},
	{10, &em.Alarm{What: em.AlarmMoved}},
	{12, &em.Alarm{What: em.AlarmSOS}},
	{13, &em.Alarm{What: em.AlarmOther}}, // buttons
	{14, &em.Alarm{What: em.AlarmOther}},
}

const (
	firstFence = 4
	lastFence  = 7
	fenceIn    = 26 // to 29: the way of each fence
	barkBit    = 31
)

func alarmCode(bit uint8) string { return fmt.Sprintf("alarm bit %d", bit) }

func (p *point) alarms(bits uint32) {
	for bit := range uint8(32) {
		way := bit >= fenceIn && bit <= fenceIn+lastFence-firstFence
		if bits>>bit&1 == 0 || way {
			continue
		}
		p.alarm(bit, bits)
	}
}

func (p *point) alarm(bit uint8, bits uint32) {
	code := alarmCode(bit)
	if bit >= firstFence && bit <= lastFence {
		what := em.AlarmFenceOut
		if bits>>(fenceIn+bit-firstFence)&1 != 0 {
			what = em.AlarmFenceIn
		}
		p.events = append(p.events, &em.Alarm{What: what, Code: code})
		return
	}
	if bit == barkBit {
		p.field("bark", "on")
		return
	}
	for _, r := range alarmBits {
		if r.bit != bit {
			continue
		}
		switch b := r.body.(type) {
		case *em.Power:
			if p.power.Event == em.PowerNone {
				p.power.Event = b.Event
			} else {
				p.events = append(p.events, &em.Power{Event: b.Event})
			}
		case *em.Alarm:
			p.events = append(p.events, &em.Alarm{What: b.What, Code: code})
		}
		return
	}
	p.events = append(p.events, &em.Alarm{What: em.AlarmOther, Code: code})
}

// tell turns a point into observations.
func (p *point) tell(device em.DeviceID, out *protocol.Output) {
	see := func(at time.Time, b em.Body) { out.Observe(device, at, b).Stored = p.stored }
	for i := range p.fixes {
		f := p.fixes[i]
		if f.Validity == em.FixCurrent && p.at.IsZero() {
			f.Validity = em.FixLastKnown
		}
		see(p.at, &f)
	}
	for _, b := range p.events {
		see(p.at, b)
	}
	if p.power != (em.Power{}) {
		see(p.at, &p.power)
	}
	if p.comms.Event = em.CommsInfo; p.alive && !p.other {
		p.comms.Event = em.CommsHeartbeat
	}
	if p.alive || len(p.comms.Cells)+len(p.comms.WiFi) > 0 {
		see(p.at, &p.comms)
	}
	if len(p.fields) > 0 {
		see(p.at, &em.Vendor{Name: Name + " data", Fields: p.fields})
	}
	for _, l := range p.later {
		see(l.at, &em.Vendor{Name: Name + " data", Fields: []em.Field{l.field}})
	}
}

// fieldsOf tells records that have no bodies of their own.
func fieldsOf(command uint8, records []Record) (fields []em.Field) {
	for _, r := range records {
		name := keyName(command, r.Key)
		if name == "" {
			name = fmt.Sprintf("record %02X", r.Key)
		}
		value := hex.EncodeToString(r.Value)
		if len(r.Value) > 0 && !strings.ContainsFunc(string(r.Value), func(c rune) bool { return c < ' ' || c > '~' }) {
			value = string(r.Value)
		}
		fields = append(fields, em.Field{Name: name, Value: value})
	}
	return fields
}
