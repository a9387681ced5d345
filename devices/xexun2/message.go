package xexun2

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
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
	IMEI   IMEI
}

// IMEI is a device's number as it is sent: 15 decimal digits of four bits each, and
// a 0. The zero value is none.
type IMEI [8]byte

// ParseIMEI returns the number of 15 digits, which are not all zeros. An error wraps
// protocol.ErrIdentity.
func ParseIMEI(digits string) (IMEI, error) {
	var n IMEI
	if len(digits) == 15 {
		if b, err := hex.DecodeString(digits + "0"); err == nil {
			n = IMEI(b)
		}
	}
	if !n.valid() {
		return IMEI{}, fmt.Errorf("xexun2: %w: not an IMEI of 15 digits", protocol.ErrIdentity)
	}
	return n, nil
}

// String returns the 15 digits.
func (n IMEI) String() string { return hex.EncodeToString(n[:])[:15] }

func (n IMEI) valid() bool { return n != IMEI{} && wire.IsBCD(n[:]) && n[len(n)-1]&15 == 0 }

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
func NewCommand(imei IMEI, serial uint16, text string) *Command {
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
	Alarm   Alarms
	Battery uint16 // bit 15: it is being charged; else percent
	Index   uint8  // counts records
	CSQ     uint8  // 0 to 31; others mean unknown
	Mask    uint8  // which parts there are

	Positioning Positioning

	// Others are the parts behind the positions as they are sent, in the order of
	// their bits, and what could not be read: Fingerprint, Version, Parameters and
	// Tail are parts of it.
	Others []byte
}

// Has reports whether the record holds a part. Behind a part of unknown length
// nothing can be read.
func (r *Record) Has(bit uint8) bool {
	return r.Mask&bit != 0 && (bit <= HasPositioning ||
		r.Mask&unknownPart == 0 && (r.Mask&HasPositioning == 0 || r.Positioning.Mask&unknownPosition == 0))
}

// otherParts are the parts of Record.Others.
var otherParts = [...]struct {
	bit    uint8
	len    int
	fields []wire.Part
}{
	{HasFingerprint, 4, []wire.Part{{Name: "fingerprint", Len: 4}}},
	{HasVersion, 20 + 8 + 10, []wire.Part{{Name: "version", Len: 20}, {Name: "imsi", Len: 8}, {Name: "iccid", Len: 10}}},
	{HasParameters, 12, []wire.Part{{Name: "parameters", Len: 12}}},
}

// other returns a part of Others; for no bit what is behind all of them. It is nil
// where it is not there.
func (r *Record) other(bit uint8) []byte {
	rest := r.Others
	for _, p := range otherParts {
		switch {
		case !r.Has(p.bit):
		case len(rest) < p.len:
			return nil
		case p.bit == bit:
			return rest[:p.len]
		default:
			rest = rest[p.len:]
		}
	}
	if bit != 0 {
		return nil
	}
	return rest
}

// Fingerprint returns four bytes, which are the record's; nil where there are none.
func (r *Record) Fingerprint() []byte { return r.other(HasFingerprint) }

// Version returns the firmware's version (20 bytes), the IMSI (8) and the ICCID (10),
// which are the record's; nil where they are not there.
func (r *Record) Version() (version, imsi, iccid []byte) {
	b := r.other(HasVersion)
	if b == nil {
		return nil, nil, nil
	}
	return b[:20], b[20:28], b[28:]
}

// Parameters returns twelve bytes, which are the record's; nil where there are none.
func (r *Record) Parameters() []byte { return r.other(HasParameters) }

// Tail returns what could not be read.
func (r *Record) Tail() []byte { return r.other(0) }

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
	Mask    uint8 // which of the following there are
	Motion  Motion
	GNSS32  GNSS32
	GNSS64  GNSS64
	Radio   *Radio // nil where there is none of its parts
	Modules []Module
}

// Radio is what a device hears, and how far it is from beacons.
type Radio struct {
	WiFi   []Heard
	Cells  []Cell
	Ranges [][12]byte // times of flight, of unknown layout
}

// Has reports whether a part is there, like Record.Has.
func (p *Positioning) Has(bit uint8) bool {
	return p.Mask&bit != 0 && (bit < unknownPosition || p.Mask&unknownPosition == 0)
}

// Single and Double are numbers of IEEE 754 in 32 and 64 bits, as they are sent.
type (
	Single uint32
	Double uint64
)

// Value returns the number; absent where it is none, or infinite.
func (v Single) Value() em.Opt[float64] { return finite(float64(math.Float32frombits(uint32(v)))) }

// Value returns the number; absent where it is none, or infinite.
func (v Double) Value() em.Opt[float64] { return finite(math.Float64frombits(uint64(v))) }

func finite(v float64) em.Opt[float64] {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return em.Opt[float64]{}
	}
	return em.Some(v)
}

// GNSS32 is a position as the receiver's sentence has it: degrees × 100 + minutes,
// negative in the south and west. Single precision is some metres.
type GNSS32 struct {
	Lng, Lat   Single
	Satellites uint8
}

// GNSS64 is GNSS32 in double precision.
type GNSS64 struct {
	Lng, Lat   Double
	Satellites uint8
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

// Module is a part of a record with a kind and a length of its own.
type Module struct {
	Kind byte
	Data []byte
}

// Fuller is a module of kind 'G'.
type Fuller struct {
	GNSS64
	Altitude Single // m
	Motion   Motion
	Valid    uint8 // 0 is not
	SNR      uint8
}

// moduleG is the length of a module G.
const moduleG = 8 + 8 + 1 + 1 + 1 + 2 + 2 + 4

// Fuller reads a module G of its usual length; ok is false for others.
func (m Module) Fuller() (g Fuller, ok bool) {
	if m.Kind != 'G' || len(m.Data) != moduleG {
		return g, false
	}
	be, b := binary.BigEndian, m.Data[:moduleG]
	g.Lng, g.Lat = Double(be.Uint64(b)), Double(be.Uint64(b[8:]))
	g.Valid, g.Satellites, g.SNR = b[16], b[17], b[18]
	g.Motion = Motion{Speed: be.Uint16(b[19:]), Course: be.Uint16(b[21:])}
	g.Altitude = Single(be.Uint32(b[23:]))
	return g, true
}

// Module returns the module that Fuller reads.
func (g Fuller) Module() Module {
	be := binary.BigEndian
	b := be.AppendUint64(be.AppendUint64(nil, uint64(g.Lng)), uint64(g.Lat))
	b = append(b, g.Valid, g.Satellites, g.SNR)
	return Module{'G', be.AppendUint32(g.Motion.append(b), uint32(g.Altitude))}
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
func (g GNSS32) LatLng() (p em.LatLng, ok bool) { return latLng(g.Lng.Value(), g.Lat.Value()) }

// LatLng returns the position in degrees; ok is false where there is none.
func (g GNSS64) LatLng() (p em.LatLng, ok bool) { return latLng(g.Lng.Value(), g.Lat.Value()) }

func latLng(lng, lat em.Opt[float64]) (p em.LatLng, ok bool) {
	north, ok1 := degrees(lat, 90)
	east, ok2 := degrees(lng, 180)
	p = em.LatLng{Lat: north, Lng: east}
	return p, ok1 && ok2 && p.Valid() && p != em.LatLng{}
}
