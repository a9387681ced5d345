package xexun2

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// Types of messages.
const (
	KindCommand uint16 = 0x0007 // and the device's answer
	KindReport  uint16 = 0x0014
)

// Header is the head of a message.
type Header struct {
	Kind   uint16
	Serial uint16
	Flags  uint16 // attributes without the length: bits 10 to 15, of unknown meaning
	IMEI   string // 15 digits
}

// Ack says that the message of that type, serial and IMEI was received.
type Ack struct{ Header }

// Command is a text for the device, or its answer.
type Command struct {
	Header
	Text string
}

// Report is a number of records.
type Report struct {
	Header
	Records []Record
}

// Type of each message.
func (*Ack) Type() string     { return "ack" }
func (*Command) Type() string { return "command" }
func (*Report) Type() string  { return "report" }

// Texts of commands.
const (
	Reset    = "reset"
	PowerOff = "of=1"
)

// TrackEvery is the text that sets the time between positions and the one between
// messages, in whole seconds up to a day. An error wraps protocol.ErrUnsupported.
func TrackEvery(position, message time.Duration) (string, error) {
	for _, d := range []time.Duration{position, message} {
		if d < time.Second || d > 24*time.Hour || d%time.Second != 0 {
			return "", fmt.Errorf("xexun2: %w: an interval of %v, not whole seconds up to a day", protocol.ErrUnsupported, d)
		}
	}
	return fmt.Sprintf("tracking_send=%d,%d", position/time.Second, message/time.Second), nil
}

// NewCommand returns a command for a device. Its answer may have the same serial.
func NewCommand(imei string, serial uint16, text string) *Command {
	return &Command{Header{Kind: KindCommand, Serial: serial, IMEI: imei}, text}
}

// Bits of Record.Mask.
const (
	HasAlarm       = 1 << 0
	HasPositioning = 1 << 1
	HasFingerprint = 1 << 3
	HasVersion     = 1 << 4
	HasParameters  = 1 << 5
)

// Record is what a device knew at one time.
type Record struct {
	Seconds uint32 // since 1970, UTC; 0 where the clock was never set
	Battery uint16 // bit 15: it is being charged; else percent
	Index   uint8  // counts records
	CSQ     uint8  // 0 to 31; others mean unknown
	Mask    uint8  // which of the following there are

	Alarm       Alarms
	Positioning Positioning
	Fingerprint [4]byte
	Version     [20]byte
	IMSI        [8]byte
	ICCID       [10]byte
	Parameters  [12]byte
	Tail        []byte // what could not be read
}

// Has reports whether the record holds a part. Behind a part of unknown length
// nothing can be read.
func (r *Record) Has(bit uint8) bool {
	return r.Mask&bit != 0 && (bit <= HasPositioning ||
		r.Mask&unknownPart == 0 && (r.Mask&HasPositioning == 0 || r.Positioning.Mask&unknownPosition == 0))
}

// Masks' bits of unknown parts that others follow.
const (
	unknownPart     = 1 << 2 // of Record
	unknownPosition = 1 << 4 // of Positioning
)

// Time returns when the record was made, UTC; zero where the clock was never set.
func (r *Record) Time() time.Time {
	if r.Seconds == 0 {
		return time.Time{}
	}
	return time.Unix(int64(r.Seconds), 0).UTC()
}

// Charging reports whether the battery is being charged.
func (r *Record) Charging() bool { return r.Battery&(1<<15) != 0 }

// Level returns the battery's level, 0 to 1; absent above 100 percent.
func (r *Record) Level() em.Opt[float64] {
	if percent := r.Battery &^ (1 << 15); percent <= 100 {
		return em.Some(float64(percent) / 100)
	}
	return em.Opt[float64]{}
}

// Alarms are bits.
type Alarms uint32

// Known alarms.
const (
	AlarmSOS     Alarms = 1 << 0
	AlarmRemoval Alarms = 1 << 1
	AlarmFall    Alarms = 1 << 15
)

// Bits of Positioning.Mask.
const (
	HasGNSS32  = 1 << 0
	HasWiFi    = 1 << 1
	HasCells   = 1 << 2
	HasRanges  = 1 << 3
	HasMotion  = 1 << 5
	HasGNSS64  = 1 << 6
	HasModules = 1 << 7
)

// Positioning is all that says where the device is.
type Positioning struct {
	Mask    uint8
	Motion  Motion
	GNSS32  GNSS // single precision: some metres
	WiFi    []Heard
	Cells   []Cell
	Ranges  [][12]byte // times of flight, of unknown layout
	GNSS64  GNSS
	Modules []Module
}

// Has reports whether a part is there, like Record.Has.
func (p *Positioning) Has(bit uint8) bool {
	return p.Mask&bit != 0 && (bit < unknownPosition || p.Mask&unknownPosition == 0)
}

// GNSS is a position as the receiver's sentence has it: degrees × 100 + minutes,
// negative in the south and west. A number that is none is absent.
type GNSS struct {
	Satellites uint8
	Lng, Lat   em.Opt[float64]
}

// Heard is an access point.
type Heard struct {
	MAC   [6]byte
	Level int8 // dBm
}

// Cell is a mobile cell.
type Cell struct {
	MCC, MNC uint16
	LAC, CID uint32
	Level    int8 // dBm
}

// Motion is speed and course over ground.
type Motion struct {
	Speed  uint16 // 0.1 km/h
	Course uint16 // 0.1 degrees
}

// Module is a part of a record with a kind and a length of its own. Kind G with
// its usual length is read.
type Module struct {
	Kind byte
	Data []byte  // nil where G was read
	G    *Fuller // kind 'G'
}

// Fuller is a module G.
type Fuller struct {
	GNSS
	Valid    uint8 // 0 is not
	SNR      uint8
	Motion   Motion
	Altitude em.Opt[float64] // m; single precision
}

// degrees returns degrees of a number of degrees × 100 + minutes; ok is false
// where it is absent or beyond the limit.
func degrees(v em.Opt[float64], most float64) (deg float64, ok bool) {
	if !v.OK || v.V < -most*100 || v.V > most*100 {
		return 0, false
	}
	whole := float64(int(v.V / 100))
	minutes := v.V - whole*100
	return whole + minutes/60, minutes > -60 && minutes < 60
}

// LatLng returns the position in degrees; ok is false where there is none.
func (g GNSS) LatLng() (p em.LatLng, ok bool) {
	lat, ok1 := degrees(g.Lat, 90)
	lng, ok2 := degrees(g.Lng, 180)
	p = em.LatLng{Lat: lat, Lng: lng}
	return p, ok1 && ok2 && p.Valid() && p != em.LatLng{}
}
