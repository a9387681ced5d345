package gt06

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/wire"
)

// Kinds of Info that the session understands.
const (
	infoSupply   = 0x00 // hundredths of a volt
	infoText     = 0x04 // "k=v;…"
	infoDoor     = 0x05 // time, one bit
	infoIdentity = 0x0A // IMEI, IMSI, ICCID
	infoNetwork  = 0x0B // 1: 4G
	infoCard     = 0x1B // RFID
)

// Info is a piece of information about the device (type 0x94).
type Info struct {
	Header
	Kind byte   // 0 in short frames, which have a supply voltage alone
	Data []byte // what it says, by kind
}

// Type returns "info".
func (*Info) Type() string { return "info" }

func readInfo(c *wire.Cursor, h Header) *Info {
	m := wire.Own[Info](c)
	m.Header = h
	if h.Long {
		m.Kind = c.U8("kind")
	} else if c.Len() < 2 {
		c.U16("supply") // fails
	}
	m.Data = c.RestData("data")
	return m
}

// fields says what Data means; data without a meaning is given in hexadecimal.
func (m *Info) fields() []em.Field {
	d := m.Data
	switch {
	case m.Kind == infoSupply && len(d) == 2:
		return []em.Field{centi("supply_v", binary.BigEndian.Uint16(d))}
	case m.Kind == infoText && utf8.Valid(d):
		return []em.Field{{Name: "text", Value: string(d)}}
	case m.Kind == infoDoor && len(d) >= 7:
		return []em.Field{{Name: "time", Value: Clock(d[:6]).String()}, num("door", uint64(d[6]&1)), raw("data", d[6:])}
	case m.Kind == infoIdentity && len(d) >= 26:
		return []em.Field{
			{Name: "imei", Value: hex.EncodeToString(d[:8])[1:]},
			{Name: "imsi", Value: hex.EncodeToString(d[8:16])[1:]},
			{Name: "iccid", Value: iccid(d[16:26])},
		}
	case m.Kind == infoNetwork && len(d) == 1:
		name := fmt.Sprintf("0x%02X", d[0])
		switch d[0] {
		case 0:
			name = "2G"
		case 1:
			name = "4G"
		}
		return []em.Field{{Name: "network", Value: name}}
	case m.Kind == infoCard && len(d) >= 6:
		return []em.Field{raw("rfid", d[2:6]), raw("data", d)}
	}
	return []em.Field{raw("data", d)}
}

// iccid writes the digits of a SIM's number without its filler.
func iccid(b []byte) string { return strings.ReplaceAll(hex.EncodeToString(b), "f", "") }

// Module is one part of a Modular.
type Module struct {
	ID   uint16
	Data []byte
}

// Modular is a list of modules (type 0x70), of which each stands for itself.
type Modular struct {
	Header
	Modules []Module
	Tail    []byte
}

// Type returns "modular".
func (*Modular) Type() string { return "modular" }

// Modules that the session understands.
const (
	moduleIMEI       = 0x0001
	moduleICCID      = 0x0003
	moduleSatellites = 0x0009
	moduleVisible    = 0x000A
	moduleCell       = 0x0011
	moduleBattery    = 0x0018
	moduleHDOP       = 0x0028
	moduleIndex      = 0x0029
	moduleInput      = 0x002A
	modulePower      = 0x002B
	moduleTime       = 0x002C
	moduleMileage    = 0x002E
	moduleFix        = 0x0033
	moduleEvent      = 0x0034
	moduleTag        = 0x007F
)

func readModular(c *wire.Cursor, h Header) *Modular {
	rest := *c // counts the modules
	n := 0
	for ; rest.Len() >= 4; n++ {
		rest.U16("")
		rest.Bytes(int(rest.U16("")), "")
	}
	m, modules := wire.OwnList[Modular, Module](c, n)
	m.Header = h
	for c.Len() >= 4 {
		id := c.U16("module")
		n := int(c.U16("module length"))
		var d []byte
		if n > 0 {
			d = c.Data(n, "module data")
		}
		if c.Err() != nil {
			break
		}
		modules = append(modules, Module{id, d})
		m.Modules = modules
	}
	m.Tail = readTail(c)
	return m
}

func moduleName(id uint16) string {
	switch id {
	case moduleIMEI:
		return "IMEI"
	case moduleICCID:
		return "ICCID"
	case moduleSatellites:
		return "satellites"
	case moduleVisible:
		return "satellites in view"
	case moduleCell:
		return "cell"
	case moduleBattery:
		return "battery"
	case moduleHDOP:
		return "HDOP"
	case moduleIndex:
		return "index"
	case moduleInput:
		return "inputs"
	case modulePower:
		return "power event"
	case moduleTime:
		return "time"
	case moduleMileage:
		return "mileage"
	case moduleFix:
		return "fix"
	case moduleEvent:
		return "event"
	case moduleTag:
		return "tag"
	}
	return "unknown"
}

// unixTime reads seconds since 1970; zero where they are no date of 2010…2099.
func unixTime(o binary.ByteOrder, b []byte) time.Time {
	const from, to = 1262304000, 4102444800 // 2010-01-01, 2100-01-01
	if v := o.Uint32(b); v >= from && v < to {
		return time.Unix(int64(v), 0).UTC()
	}
	return time.Time{}
}

// eventTime reads the time of an event, whose order of bytes differs by
// firmware: of two dates it is the one nearer to that of the message, or the
// big-endian one where the message has no time.
func eventTime(b []byte, message time.Time) time.Time {
	big, little := unixTime(binary.BigEndian, b), unixTime(binary.LittleEndian, b)
	if big.IsZero() || !little.IsZero() && !message.IsZero() && little.Sub(message).Abs() < big.Sub(message).Abs() {
		return little
	}
	return big
}

// Driving is an alarm about how a vehicle is driven (type 0x95), with a position
// in its long form. JC400 cameras add the names of their recordings.
type Driving struct {
	Header
	JC400 bool
	Clock Clock
	GPS   em.Opt[GPS] // without speed
	Event byte
	Text  string // names of files
	Extra []em.Field
	Tail  []byte
}

// Type returns "driving alarm".
func (*Driving) Type() string { return "driving alarm" }

func readDriving(c *wire.Cursor, h Header) *Driving {
	m := wire.Own[Driving](c)
	m.Header = h
	const least = 6 + 4 + 4 + 2 + 1 // time, position, flags, event
	if c.Len() < least {
		m.Clock = readClock(c)
		m.readEvent(c)
		m.Tail = readTail(c)
		return m
	}
	// A camera's marker cannot be a time: there is no month 255.
	at := *c
	if b := at.Bytes(2, ""); b[0] == 0xFF && b[1] == 0xFF {
		m.JC400 = true
		c.U16("marker")
		m.Extra = append(m.Extra, num("channel", uint64(c.U8("channel"))))
	}
	g := GPS{Clock: readClock(c)}
	g.read(c, m.JC400, false)
	m.Clock, m.GPS = g.Clock, em.Some(g)
	if m.JC400 {
		m.Extra = append(m.Extra, num("unknown", uint64(c.U16("unknown"))), num("unknown 2", uint64(c.U16("unknown"))))
	}
	m.readEvent(c)
	if c.Len() > 2 {
		c.U16("unknown")
		m.Text = c.Text(c.Len(), "files")
	}
	m.Tail = readTail(c)
	return m
}

func (m *Driving) readEvent(c *wire.Cursor) {
	m.Event = c.U8("event")
}

// utf16Text reads big-endian UTF-16; an odd last byte is dropped.
func utf16Text(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.BigEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}

func appendUTF16(dst []byte, s string) []byte {
	for _, v := range utf16.Encode([]rune(s)) {
		dst = binary.BigEndian.AppendUint16(dst, v)
	}
	return dst
}
