package laipac

import (
	"strconv"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/nmea"
)

// Report is $AVRMC: position, event and state of the device.
type Report struct {
	Unit   string    // eight digits, a name or an IMEI; opaque
	Time   time.Time // UTC; zero where the device's clock was never set
	Status byte      // 'A', 'V', 'R' or 'P'; in lower case the device waits for an Ack

	// Position, of what quality Status says; absent or 0 where the device never
	// had one.
	Lat, Lng nmea.Coord
	Speed    em.Opt[em.Decimal] // knots
	Course   em.Opt[em.Decimal] // degrees

	Event   string             // the event code, one character
	Battery em.Opt[em.Decimal] // see Volts
	Mileage em.Opt[em.Decimal] // km
	GPSOn   em.Opt[bool]
	Analog1 em.Opt[em.Decimal] // mV
	Analog2 em.Opt[em.Decimal] // mV

	CellID  string   // LAC and CID, four hexadecimal digits each, or "0"; see Cell
	Network string   // MCC and MNC in one of two shapes, or "0"; see Cell
	Extra   []string // further fields, of unknown meaning

	Check string // the two digits of the check code as received; Append computes its own
}

// System is $AVSYS: what the device says of itself when it is switched on.
type System struct {
	Unit, Firmware, Serial string
	Memory                 string // in KB
	Extra                  []string
}

// SIM is $EAVSYS: the device's SIM card and owner, sent when it is switched on.
type SIM struct {
	Unit, ICCID, Phone, Owner, Firmware string
	Extra                               []string
}

// KeepAlive is $ECHK. The center sends it back as it came.
type KeepAlive struct {
	Unit   string
	Fields []string // behind the unit; a counter
	Check  string   // as received; Append writes it, or what the sentence needs where it is empty
}

// Ack is $EAVACK: the center has the report with that event and check code.
type Ack struct{ Event, Check string }

// Release is $AVCFG: the device may stop repeating an alarm.
type Release struct {
	Password string
	Code     string // "d", "m", "t", "x", "y" or "z"; see the table at ReleaseCode
}

// PositionRequest is $AVREQ: the center asks for a report.
type PositionRequest struct {
	Password string
	Mode     string // "1"
}

// Restart is $AVRESET: the device shall start anew.
type Restart struct{ Unit, Password string }

// Type of each message is its sentence's name.
func (*Report) Type() string          { return "AVRMC" }
func (*System) Type() string          { return "AVSYS" }
func (*SIM) Type() string             { return "EAVSYS" }
func (*KeepAlive) Type() string       { return "ECHK" }
func (*Ack) Type() string             { return "EAVACK" }
func (*Release) Type() string         { return "AVCFG" }
func (*PositionRequest) Type() string { return "AVREQ" }
func (*Restart) Type() string         { return "AVRESET" }

// WantsAck reports whether the device repeats the report until it is acknowledged.
func (r *Report) WantsAck() bool { return r.Status >= 'a' }

// Volts returns the battery's voltage. Older firmware writes volts with a
// decimal point, newer millivolts without.
func (r *Report) Volts() em.Opt[float64] {
	switch b := r.Battery; {
	case !b.OK:
		return em.Opt[float64]{}
	case b.V.Scale == 0:
		return em.Some(float64(b.V.Coef) / 1000)
	default:
		return em.Some(b.V.Float())
	}
}

// Cell returns the serving cell; ok is false unless both its number and its
// network are known.
//
// The network has two shapes of six digits: 0 MCC MNC with a network code of two
// digits ("024601" is 246/01), and MCC MNC with one of three ("310260" is
// 310/260). No country's code begins with 0, which tells them apart.
func (r *Report) Cell() (cell em.Cell, ok bool) {
	if len(r.CellID) != 8 || len(r.Network) != 6 {
		return em.Cell{}, false
	}
	mcc, mnc := r.Network[:3], r.Network[3:]
	if r.Network[0] == '0' {
		mcc, mnc = r.Network[1:4], r.Network[4:]
	}
	var n [4]uint64
	for i, part := range [...]struct {
		digits string
		base   int
	}{{mcc, 10}, {mnc, 10}, {r.CellID[:4], 16}, {r.CellID[4:], 16}} {
		var err error
		if n[i], err = strconv.ParseUint(part.digits, part.base, 16); err != nil {
			return em.Cell{}, false
		}
	}
	if n[0] == 0 {
		return em.Cell{}, false
	}
	return em.Cell{MCC: uint16(n[0]), MNC: uint16(n[1]), LAC: uint32(n[2]), CID: n[3]}, true
}
