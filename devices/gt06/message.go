package gt06

import (
	"encoding"
	"fmt"
	"strconv"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/wire"
)

// Types of messages that the session treats on their own.
const (
	typeLogin        = 0x01
	typeGPS          = 0x10
	typeStatus       = 0x13
	typeReply        = 0x15
	typeWiFiOffline  = 0x17
	typeReplyLong    = 0x21
	typeHeartbeat    = 0x23
	typeAddress      = 0x2A
	typeStation      = 0x32 // long form
	typeStationAlarm = 0x33 // long form
	typeMultimedia   = 0x41
	typeWiFi         = 0x69
	typeModular      = 0x70
	typeCommand      = 0x80
	typeTime         = 0x8A
	typeInfo         = 0x94
	typeDriving      = 0x95
	typeAddressReply = 0x97
	typeHeard        = 0xF3
)

// Header is what all frames have.
type Header struct {
	Code     byte   // the type
	Long     bool   // two bytes of length
	Bare     bool   // neither serial nor check code
	BadCheck bool   // the check code is wrong and the relaxed codec let it pass
	Serial   uint16 // the sender's number of the frame; wraps and starts anew
}

func (h *Header) head() *Header { return h }

// numbered is every message of this package.
type numbered interface{ head() *Header }

func code(c byte) string { return fmt.Sprintf("0x%02X", c) }

// Clock is a date and time as on the wire: year since 2000, month, day, hour,
// minute, second. Which zone it is in the session knows.
type Clock [6]byte

var _ interface {
	encoding.TextMarshaler
	fmt.Stringer
} = Clock{}

// ClockAt returns the clock of t in UTC; ok is false outside the years 2000 to 2099.
func ClockAt(t time.Time) (c Clock, ok bool) {
	t = t.UTC()
	if t.Year() < 2000 || t.Year() > 2099 {
		return c, false
	}
	return Clock{byte(t.Year() - 2000), byte(t.Month()), byte(t.Day()), byte(t.Hour()), byte(t.Minute()), byte(t.Second())}, true
}

// Time returns the clock read as UTC; zero where it is no date, as before the
// device's first fix.
func (c Clock) Time() time.Time {
	t := time.Date(2000+int(c[0]), time.Month(c[1]), int(c[2]), int(c[3]), int(c[4]), int(c[5]), 0, time.UTC)
	if back, ok := ClockAt(t); !ok || back != c {
		return time.Time{}
	}
	return t
}

// String returns "2026-03-14T09:26:53", or the bytes where they are no date.
func (c Clock) String() string {
	if t := c.Time(); !t.IsZero() {
		return t.Format("2006-01-02T15:04:05")
	}
	return fmt.Sprintf("%x", c[:])
}

// MarshalText writes what String returns.
func (c Clock) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

func readClock(c *wire.Cursor) (k Clock) {
	copy(k[:], c.Bytes(len(k), "time"))
	return k
}

// readClockBCD reads the time of a Wi-Fi frame: 26 is 0x26.
func readClockBCD(c *wire.Cursor) (k Clock) {
	for i, b := range c.Bytes(len(k), "time") {
		if b>>4 > 9 || b&15 > 9 {
			return Clock{} // no date
		}
		k[i] = b>>4*10 + b&15
	}
	return k
}

// Login says who the device is; it must be acknowledged.
type Login struct {
	Header
	IMEI   string              // 15 digits
	Prefix byte                // the nibble before it, usually 0
	Model  em.Opt[uint16]      // the vendor's number of the model
	Zone   em.Opt[ZoneAndLang] // only where Model is there
	Tail   []byte              // unknown bytes
}

// Type returns "login".
func (*Login) Type() string { return "login" }

// ZoneAndLang is the last word of a login: hours and minutes as a decimal
// number times 16, bit 3 set for west of Greenwich, bits 0–2 the language.
type ZoneAndLang uint16

// Offset is the local time's lead over UTC; ok is false where the number is no
// offset that is in use.
func (z ZoneAndLang) Offset() (d time.Duration, ok bool) {
	hhmm := time.Duration(z >> 4)
	d = hhmm/100*time.Hour + hhmm%100*time.Minute
	if hhmm%100 > 59 || d > 14*time.Hour {
		return 0, false
	}
	if z&8 != 0 {
		d = -d
	}
	return d, true
}

func (z ZoneAndLang) String() string {
	d, ok := z.Offset()
	if !ok {
		return fmt.Sprintf("0x%04X, no time zone", uint16(z))
	}
	sign := '+'
	if d < 0 {
		sign, d = '-', -d
	}
	return fmt.Sprintf("%c%02d:%02d", sign, int(d.Hours()), int(d.Minutes())%60)
}

func readLogin(c *wire.Cursor, h Header) *Login {
	m := wire.Own[Login](c)
	m.Header = h
	m.IMEI, m.Prefix = readIMEI(c)
	if c.Len() >= 2 {
		m.Model = em.Some(c.U16("model"))
	}
	if c.Len() >= 2 {
		m.Zone = em.Some(ZoneAndLang(c.U16("time zone, language")))
	}
	m.Tail = readTail(c)
	return m
}

// imeiLen is the bytes that an IMEI takes.
const imeiLen = 8

// readIMEI reads eight bytes of BCD whose first digit is none of the IMEI's.
func readIMEI(c *wire.Cursor) (imei string, prefix byte) {
	s := c.BCD(imeiLen, "imei")
	if s == "" {
		return "", 0
	}
	return s[1:], s[0] - '0'
}

func readTail(c *wire.Cursor) []byte { return c.RestData("tail") }

// clone copies; no bytes become nil, so that equal messages are deeply equal.
func clone(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return append([]byte(nil), b...)
}

// Status is a heartbeat: type 0x13 of most models, 0x23 of the GK310. It must be
// acknowledged.
type Status struct {
	Header
	State       State
	Battery     em.Opt[uint16] // 10 mV; type 0x23
	Level       em.Opt[byte]   // battery in percent; OBD plugs
	Supply      em.Opt[uint16] // 10 mV
	Temperature em.Opt[int16]  // 0.1 degrees Celsius
	Extra       []em.Field     // of firmware variants
	Tail        []byte
}

// Type returns "status" or "heartbeat".
func (m *Status) Type() string {
	if m.Code == typeHeartbeat {
		return "heartbeat"
	}
	return "status"
}

func readStatus(c *wire.Cursor, h Header) *Status {
	m := wire.Own[Status](c)
	m.Header = h
	switch n := c.Len(); {
	case !h.Long && (n == 0x13-overhead || n == 0x15-overhead):
		m.readOBD(c)
	case n == 4:
		m.State = readState(c, false)
	default:
		m.State = readState(c, true)
		if m.State.Alarm == alarmIsSupply {
			m.Supply = em.Some(10 * uint16(m.State.Language))
		}
	}
	m.Tail = readTail(c)
	return m
}

// alarmIsSupply in a status means that the byte behind it is a voltage.
const alarmIsSupply = 0xF0

func (m *Status) readOBD(c *wire.Cursor) {
	last := c.Len() == 0x13-overhead
	m.State = State{Flags: readFlags(c), Voltage: absent}
	signal := c.U16("signal")
	m.State.Signal = byte(signal & 0x1F)
	m.State.Alarm = readAlarm(c)
	m.State.Language = c.U8("language")
	m.Level = em.Some(c.U8("battery"))
	mode := c.U8("working mode")
	m.Supply = em.Some(c.U16("supply"))
	m.Extra = []em.Field{
		num("satellites", uint64(signal>>10&0x1F+signal>>5&0x1F)),
		num("working mode", uint64(mode)),
	}
	if last {
		unknown := c.Bytes(3, "unknown")
		m.Extra = append(m.Extra, raw("unknown", unknown))
		m.Temperature = em.Some(int16(c.U16("temperature")))
	}
}

// readGK310 reads the heartbeat of the GK310, which states a voltage.
func readGK310(c *wire.Cursor, h Header) *Status {
	m := wire.Own[Status](c)
	m.Header, m.State = h, State{Flags: readFlags(c), Voltage: absent, Signal: absent}
	if c.Len() >= 2 {
		m.Battery = em.Some(c.U16("battery"))
	}
	if c.Len() >= 1 {
		m.State.Signal = c.U8("signal")
	}
	m.Tail = readTail(c)
	return m
}

// CellAlarm is an alarm without a position (types 0x19 and, 4G, 0xA5).
type CellAlarm struct {
	Header
	Cell  CellBlock
	State State
	Tail  []byte
}

// Type returns "lbs alarm".
func (*CellAlarm) Type() string { return "lbs alarm" }

func readCellAlarm(c *wire.Cursor, h Header) *CellAlarm {
	m := wire.Own[CellAlarm](c)
	m.Header = h
	m.Cell.read(c, cellLayout{wide: h.Code == 0xA5})
	m.State = readState(c, true)
	m.Tail = readTail(c)
	return m
}

// TimeRequest asks for the time (type 0x8A).
type TimeRequest struct{ Header }

// Type returns "time request".
func (*TimeRequest) Type() string { return "time request" }

// TimeReply is the server's answer to TimeRequest, in UTC.
type TimeReply struct {
	Header
	Clock Clock
}

// Type returns "time reply".
func (*TimeReply) Type() string { return "time reply" }

// AddressReply is the server's answer to an address request (type 0x2A); it is
// long and of type 0x97.
type AddressReply struct {
	Header
	Flag uint32 // server flag
	Text string // at most 251 bytes: "NA&&NA&&0##"
}

// Type returns "address reply".
func (*AddressReply) Type() string { return "address reply" }

// Ack acknowledges the frame of the same type and serial: a frame without
// payload. The server sends it.
type Ack struct{ Header }

// Type returns "ack".
func (*Ack) Type() string { return "ack" }

// BareAck acknowledges a frame without serial. The server sends it.
type BareAck struct {
	Header
	Time [6]byte // of the frame, as it is on the wire; not with a login
}

// Type returns "bare ack".
func (*BareAck) Type() string { return "bare ack" }

// Reply is the device's answer to a Command: type 0x15, or 0x21 in long frames.
type Reply struct {
	Header
	Flag     uint32         // the command's server flag
	Text     string         // UTF-8
	Unicode  bool           // of 0x21: sent as UTF-16
	Language em.Opt[uint16] // of 0x15
	Tail     []byte
}

// Type returns "reply".
func (*Reply) Type() string { return "reply" }

func readReply(c *wire.Cursor, h Header) *Reply {
	m := wire.Own[Reply](c)
	m.Header = h
	if h.Code == typeReply {
		m.Flag, m.Text = readFlaggedText(c)
		if c.Len() >= 2 {
			m.Language = em.Some(c.U16("language"))
		}
		m.Tail = readTail(c)
		return m
	}
	m.Flag = c.U32("server flag")
	m.Unicode = c.U8("encoding") != 1
	if m.Unicode {
		m.Text = utf16Text(c.Rest("text"))
	} else if n := c.Len(); n > 0 {
		m.Text = c.Text(n, "text")
	}
	return m
}

// readFlaggedText reads a length that counts a server flag and a text.
func readFlaggedText(c *wire.Cursor) (flag uint32, text string) {
	n := int(c.U8("text length"))
	if n < 4 {
		c.Fail("text length", fmt.Errorf("%w: %d leaves no room for the server flag", wire.ErrValue, n))
		return 0, ""
	}
	flag = c.U32("server flag")
	if n > 4 {
		text = c.Text(n-4, "text")
	}
	return flag, text
}

// Command is an order to the device (type 0x80), as the vendor's SMS commands:
// "STATUS#". Its Reply has the same Flag. It is sent by the server.
type Command struct {
	Header
	Flag     uint32
	Text     string         // ASCII, at most 251 bytes
	Language em.Opt[uint16] // 1 Chinese, 2 English; most models take it as absent
}

// Type returns "command".
func (*Command) Type() string { return "command" }

// NewCommand returns a command. The device repeats flag in its Reply; serial
// counts the server's frames.
func NewCommand(serial uint16, flag uint32, text string) *Command {
	return &Command{Header: Header{Code: typeCommand, Serial: serial}, Flag: flag, Text: text}
}

func readCommand(c *wire.Cursor, h Header) *Command {
	m := wire.Own[Command](c)
	m.Header = h
	m.Flag, m.Text = readFlaggedText(c)
	if c.Len() == 2 {
		m.Language = em.Some(c.U16("language"))
	}
	return m
}

func num(name string, v uint64) em.Field {
	return em.Field{Name: name, Value: strconv.FormatUint(v, 10)}
}

func raw(name string, b []byte) em.Field { return em.Field{Name: name, Value: fmt.Sprintf("%x", b)} }

// centi writes hundredths: 1261 is "12.61".
func centi(name string, v uint16) em.Field {
	return em.Field{Name: name, Value: em.Decimal{Coef: int64(v), Scale: 2}.String()}
}
