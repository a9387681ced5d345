package jt808

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// details is what the additional items of a report say.
type details struct {
	sats    em.Opt[int]
	power   em.Power
	comms   em.Comms
	events  []em.Body
	fields  []em.Field
	fence   em.AlarmKind
	mileage em.Opt[uint32]
}

func (d *details) field(name, format string, args ...any) {
	d.fields = append(d.fields, em.Field{Name: name, Value: fmt.Sprintf(format, args...)})
}

// level takes a battery level in percent; what is no percentage stays a field.
func (d *details) level(percent float64) {
	if percent > 100 {
		d.field("level", "%v", percent)
		return
	}
	d.power.Level = em.Some(percent / 100)
}

// volts takes a voltage. The first is that of the observation; the battery's own
// comes first on the wire where a device reports two.
func (d *details) volts(v float64) {
	if d.power.Volts.OK {
		d.field("second voltage", "%v", v)
		return
	}
	d.power.Volts = em.Some(v)
}

func (d *details) signal(csq uint8) {
	if csq <= 31 {
		d.comms.Signal = em.Some(float64(csq) / 31)
	} else {
		d.field("signal", "%d", csq)
	}
}

func (d *details) raw(name string, b []byte) { d.field(name, "%s", hex.EncodeToString(b)) }

// readItem takes one item; one of unknown number or length stays a field in
// hexadecimal.
func (d *details) readItem(i Item) {
	be := binary.BigEndian
	b, n := i.Data, len(i.Data)
	switch {
	case i.ID == 0x01 && n == 4:
		d.mileage = em.Some(be.Uint32(b))
		d.field("mileage_km", "%s", em.Decimal{Coef: int64(be.Uint32(b)), Scale: 1})
	case i.ID == 0x02 && n == 2:
		d.field("fuel_l", "%s", em.Decimal{Coef: int64(be.Uint16(b)), Scale: 1})
	case i.ID == 0x03 && n == 2:
		d.field("recorder speed_kmh", "%s", em.Decimal{Coef: int64(be.Uint16(b)), Scale: 1})
	case i.ID == 0x04 && n == 2:
		d.field("alarm to confirm", "%d", be.Uint16(b))
	case i.ID == 0x06 && n == 2:
		d.field("cabin temperature_c", "%d", int16(be.Uint16(b)))
	case i.ID == 0x11 && (n == 1 || n == 5): // overspeed: kind of place, number
		d.field("overspeed place", "%s", placed(b))
	case i.ID == 0x13 && n == 7: // route: number, seconds, whether too short or too long
		d.field("route", "%d: %d s, %d", be.Uint32(b), be.Uint16(b[4:]), b[6])
	case 0x14 <= i.ID && i.ID <= 0x16 && n == 4: // of JT/T 1078: bits, or channels as bits
		d.field([...]string{"video alarms", "video lost", "video covered"}[i.ID-0x14], "%08x", be.Uint32(b))
	case i.ID == 0x17 && n == 2:
		d.field("video stores failed", "%04x", be.Uint16(b))
	case i.ID == 0x25 && n == 4:
		d.field("signals", "%08x", be.Uint32(b))
	case i.ID == 0x2A && n == 2:
		d.field("deep sleep", "%s", onOff(b[1]&1 != 0))
		d.field("sleep", "%s", onOff(b[1]>>1&1 != 0))
	case i.ID == 0x2B && n == 4:
		d.field("analog 0", "%d", be.Uint16(b[2:]))
		d.field("analog 1", "%d", be.Uint16(b))
	case (i.ID == 0x06 || i.ID == 0xD4 || i.ID == 0xE1 || i.ID == 0xE9 || i.ID == 0xFE) && n == 1:
		d.level(float64(b[0]))
	case i.ID == 0x12 && n == 6: // fence: kind, number, direction
		d.fence = em.AlarmFenceIn
		if b[5] != 0 {
			d.fence = em.AlarmFenceOut
		}
		d.field("fence", "%d:%d", b[0], be.Uint32(b[1:]))
	case i.ID == 0x30 && n == 1:
		d.signal(b[0])
	case i.ID == 0x31 && n == 1:
		d.sats = em.Some(int(b[0]))
	case i.ID == 0x51 && n > 0 && n%2 == 0:
		for k := range n / 2 {
			d.temperature(k+1, int16(be.Uint16(b[2*k:])))
		}
	case i.ID == 0x56 && (n == 1 || n == 2):
		d.level(10 * float64(b[0]))
	case i.ID == 0x60 && n >= 2:
		d.field("event", "%d", be.Uint16(b))
		d.raw("event data", b[2:])
	case i.ID == 0x63 && n > 0 && n%11 == 0:
		d.seals(b)
	case (i.ID == 0x64 || i.ID == 0x65) && n == 47:
		d.raw("alarm label", b[31:])
		d.raw(itemName(i.ID), b[:31])
	case i.ID == 0x68 && n == 2:
		d.level(float64(be.Uint16(b)) / 100)
	case i.ID == 0x69 && n == 2:
		d.volts(float64(be.Uint16(b)) / 100)
	case i.ID == 0x82 && n == 2:
		d.volts(float64(be.Uint16(b)) / 10)
	case i.ID == 0xD5 && n >= 1 && n == 1+13*int(b[0]):
		d.locks(b[1:])
	case i.ID == 0xDA && n == 3:
		d.strap(be.Uint16(b), b[2])
	case i.ID == 0xE1 && n >= 12 && n%8 == 4:
		d.towers(b)
	case i.ID == 0xE3 && n >= 4:
		v := float64(be.Uint16(b[2:])) / 100
		if b[1] > 0 || v == 0 {
			d.level(float64(b[1]))
		}
		d.volts(v)
	case i.ID == 0xE4 && n == 2:
		d.power.Charging = em.Some(b[0] == 0)
		d.level(float64(b[1]))
	case i.ID == 0xE5 && n == 1:
		d.field("motion", "%s", onOff(b[0] != 0))
	case i.ID == 0xE7 && n == 8:
		v := be.Uint64(b)
		if v&1 != 0 {
			d.events = append(d.events, &em.Alarm{What: em.AlarmVibration, Code: "E7 bit 0"})
		}
		if v>>1&7 != 0 {
			d.events = append(d.events, &em.Alarm{What: em.AlarmSOS, Code: "E7 bits 1 to 3"})
		}
		d.raw(itemName(i.ID), b)
	case i.ID == 0xE8 && n >= 19:
		switch {
		case b[0] == 0x0C && b[1] == 0x01:
			d.events = append(d.events, &em.Alarm{What: em.AlarmSOS, Code: "E8 0C01"})
		case b[0] == 0x04 && b[1] == 0x06:
			d.events = append(d.events, &em.Alarm{What: em.AlarmVibration, Code: "E8 0406"})
		}
		d.raw(itemName(i.ID), b)
	case i.ID == 0xEB:
		d.extended(b)
	case (i.ID == 0xEC || i.ID == 0xF4) && n > 0 && n%7 == 0:
		for ap := range slices.Chunk(b, 7) {
			d.comms.WiFi = append(d.comms.WiFi, em.AccessPoint{MAC: mac(ap), RSSI: em.Some(int(int8(ap[6])))})
		}
	case i.ID == 0xF1 && n == 4:
		d.volts(float64(be.Uint32(b)) / 1000)
	case i.ID == 0xF6 && n == 8 && isIMEI(b):
		d.field("imei", "%s", hex.EncodeToString(b)[1:])
	case i.ID == 0xF6 && n >= 2:
		d.sensors(b)
	case i.ID == 0xF7 && n == 6:
		d.volts(float64(be.Uint32(b)) / 1000)
		d.power.Charging = em.Some(b[4] == 2 || b[4] == 3)
		d.level(float64(b[5]))
	case i.ID == 0xF8 && n == 2:
		d.field("steps", "%d", be.Uint16(b))
	case i.ID == 0xF8 && n >= 19:
		d.field("imei", "%s", hex.EncodeToString(b[1:9])[1:])
		d.raw("iccid", b[9:19])
		d.raw(itemName(i.ID), b)
	case i.ID == 0xFE && n > 1 && b[0] == 0x7C:
		d.nested(b[1:])
	default:
		d.raw(itemName(i.ID), b)
	}
}

// placed writes a kind of place and, but for kind 0, its number.
func placed(b []byte) string {
	if len(b) < 5 {
		return fmt.Sprint(b[0])
	}
	return fmt.Sprintf("%d:%d", b[0], binary.BigEndian.Uint32(b[1:]))
}

func itemName(id uint8) string { return fmt.Sprintf("item %02X", id) }

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func mac(b []byte) string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5])
}

// isIMEI reports whether eight bytes hold an IMEI of 15 digits behind a zero.
func isIMEI(b []byte) bool {
	s := hex.EncodeToString(b)
	return s[0] == '0' && strings.Trim(s, "0123456789") == "" && luhn(s[1:15]) == s[15]
}

func (d *details) temperature(n int, tenths int16) {
	d.field(fmt.Sprintf("temperature %d_c", n), "%s", em.Decimal{Coef: int64(tenths), Scale: 1})
}

// seals reads item 63: a padlock's list of the seals that it hears.
func (d *details) seals(b []byte) {
	k := 0
	for s := range slices.Chunk(b, 11) {
		k++
		d.raw(fmt.Sprintf("lock %d id", k), s[:6])
		d.field(fmt.Sprintf("lock %d battery_v", k), "%s", em.Decimal{Coef: int64(binary.BigEndian.Uint16(s[6:])), Scale: 3})
		d.field(fmt.Sprintf("lock %d seal", k), "%s", onOff(s[8] == '1'))
		d.field(fmt.Sprintf("lock %d state", k), "%d", s[9])
		d.field(fmt.Sprintf("lock %d rssi", k), "%d", s[10])
	}
}

// locks reads item D5: number and card of five bytes each, battery, state.
func (d *details) locks(b []byte) {
	k := 0
	for s := range slices.Chunk(b, 13) {
		k++
		d.raw(fmt.Sprintf("lock %d id", k), s[:5])
		d.raw(fmt.Sprintf("lock %d card", k), s[5:10])
		d.field(fmt.Sprintf("lock %d battery_percent", k), "%d", s[10])
		d.field(fmt.Sprintf("lock %d locked", k), "%s", onOff(binary.BigEndian.Uint16(s[11:])>>5&1 == 0))
		d.raw(fmt.Sprintf("lock %d state", k), s[11:])
	}
}

// strapCode is the code of a tamper that item DA tells.
const strapCode = "item DA"

// strap reads item DA: how often the string was cut, and whether it is there.
func (d *details) strap(cuts uint16, state uint8) {
	d.events = append(d.events, &em.Tamper{What: em.TamperStrap, Cleared: state&1 != 0, Code: strapCode})
	d.field("string cuts", "%d", cuts)
	d.field("motion", "%s", onOff(state>>2&1 != 0))
	d.field("cover", "%s", onOff(state>>3&1 != 0))
}

// towers reads item E1 of eight bytes a cell.
func (d *details) towers(b []byte) {
	be := binary.BigEndian
	mcc, mnc := be.Uint16(b), be.Uint16(b[2:])
	for c := range slices.Chunk(b[4:], 8) {
		d.comms.Cells = append(d.comms.Cells, em.Cell{MCC: mcc, MNC: mnc, LAC: uint32(be.Uint16(c[4:])), CID: uint64(be.Uint32(c))})
	}
	d.raw(itemName(0xE1), b)
}

// zonePrefix begins the form of item EB that states the clock's time zone.
const zonePrefix = "UTC"

// zone returns the lead of the clock over UTC that items state: "UTC+08:00".
func zone(items Items) (lead time.Duration, ok bool) {
	for i := range items.All() {
		text, found := strings.CutPrefix(string(i.Data), zonePrefix)
		if i.ID != 0xEB || !found || len(text) != len("+08:00") || text[3] != ':' {
			continue
		}
		h, err1 := strconv.ParseUint(text[1:3], 10, 8)
		m, err2 := strconv.ParseUint(text[4:], 10, 8)
		if err1 != nil || err2 != nil || h > 14 || m > 59 {
			continue
		}
		lead = time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
		switch text[0] {
		case '+':
			return lead, true
		case '-':
			return -lead, true
		}
	}
	return 0, false
}

// maxNested is the longest entry of a nested EB: what has more in its place is
// of another form.
const maxNested = 200

// extended reads item EB, which has three forms: a time zone, cells behind a
// country code, and entries of length and number.
func (d *details) extended(b []byte) {
	be := binary.BigEndian
	switch {
	case strings.HasPrefix(string(b), zonePrefix):
		d.field("time zone", "%s", b)
		return
	case len(b) >= 3 && be.Uint16(b) > maxNested && (len(b)-3)%5 == 0:
		for c := range slices.Chunk(b[3:], 5) {
			if lac, cid := be.Uint16(c), be.Uint16(c[2:]); lac != 0 || cid != 0 {
				d.comms.Cells = append(d.comms.Cells, em.Cell{MCC: be.Uint16(b), MNC: uint16(b[2]), LAC: uint32(lac), CID: uint64(cid)})
			}
		}
		return
	}
	for len(b) >= 4 {
		n := int(be.Uint16(b))
		if n < 2 || n > len(b)-2 {
			break
		}
		d.entry(be.Uint16(b[2:]), b[4:2+n])
		b = b[2+n:]
	}
	if len(b) > 0 {
		d.raw("item EB", b)
	}
}

// entry reads one entry of a nested EB.
func (d *details) entry(id uint16, b []byte) {
	be := binary.BigEndian
	name := fmt.Sprintf("EB %04X", id)
	switch n := len(b); {
	case id == 0x0089 && n == 4: // low means that it is so
		v := be.Uint32(b)
		if v&1 == 0 {
			d.events = append(d.events, &em.Power{Event: em.PowerCut})
		}
		if v>>removalBit&1 == 0 {
			d.events = append(d.events, &em.Tamper{What: em.TamperRemoval, Code: removalCode})
		}
		d.raw(name, b)
	case id == 0x00C5 && n == 4:
		v := be.Uint32(b)
		if v>>6&1 == 0 {
			d.events = append(d.events, &em.Alarm{What: em.AlarmVibration, Code: "EB 00C5 bit 6"})
		}
		d.field("motion", "%s", onOff(v>>23&3 == 0))
		d.raw(name, b)
	case id == 0x002D && n == 2:
		d.volts(float64(be.Uint16(b)) / 1000)
	case id == 0x002D && n == 4:
		d.volts(float64(be.Uint32(b)) / 1000)
	case id == 0x00CE && n == 2:
		d.volts(float64(be.Uint16(b)) / 100)
	case (id == 0x00A8 || id == 0x00E1) && n == 1:
		d.level(float64(b[0]))
	case id == 0x00B2 && n > 0:
		d.field("iccid", "%s", strings.TrimRight(hex.EncodeToString(b), "f"))
	default:
		d.raw(name, b)
	}
}

const (
	removalBit  = 12
	removalCode = "EB 0089 bit 12"
)

// sensors reads the readings of item F6: a kind, a mask of what follows, and the
// values: light, temperature, humidity, acceleration.
func (d *details) sensors(b []byte) {
	d.raw(itemName(0xF6), b)
	mask, b := b[1], b[2:]
	if mask&1 != 0 && len(b) >= 2 {
		b = b[2:]
	}
	if mask&2 != 0 && len(b) >= 2 {
		d.temperature(1, int16(binary.BigEndian.Uint16(b)))
	}
}

// nested reads item FE behind its mark: entries of number and length.
func (d *details) nested(b []byte) {
	for len(b) >= 2 && int(b[1]) <= len(b)-2 {
		id, v := b[0], b[2:2+int(b[1])]
		b = b[2+len(v):]
		if id != 1 || len(v) != 4 {
			d.raw(fmt.Sprintf("FE %02X", id), v)
			continue
		}
		bits := binary.BigEndian.Uint32(v)
		for bit := range 32 {
			code := fmt.Sprintf("FE bit %d", bit)
			switch {
			case bits>>bit&1 == 0:
			case bit == 4:
				d.events = append(d.events, &em.Tamper{What: em.TamperOther, Code: code})
			case bit < 3:
				d.events = append(d.events, &em.Alarm{What: em.AlarmOther, Code: code + [...]string{" hard acceleration", " hard braking", " hard cornering"}[bit]})
			default:
				d.events = append(d.events, &em.Alarm{What: em.AlarmOther, Code: code})
			}
		}
	}
	if len(b) > 0 {
		d.raw("item FE", b)
	}
}
