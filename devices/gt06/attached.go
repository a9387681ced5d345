package gt06

import (
	"encoding/binary"
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/wire"
)

// Types of what is attached to a device, or asked of a center.
const (
	typePhoneCell  = typeWiFiOffline // with serial, and as long as phoneCellLen
	typePhoneGPS   = 0x1A
	typePicture    = 0x35
	typeOBD2       = 0x66
	typeOBD        = 0x8C
	typeSerial     = 0x9B
	typeSteps      = 0xA3 // as long as stepsLen
	typePhoneCell4 = 0xA7
	typePeripheral = 0xF2
)

// Lengths of payloads that tell these messages from others of their type.
const (
	phoneLen      = 21
	phoneCellLen  = 8 + phoneLen + 2
	phoneCell4Len = 15 + phoneLen + 2
	pictureLen    = 6 + 1 + 4 + 4 + 3 + 4 + 4
	placeLen      = gpsLen - 6
	obdLen        = 6 + 1 + placeLen
	stepsLen      = 9 + 4 + 6
	peripheralLen = 4
)

// OBD is what a vehicle's plug tells (long types 0x66 and 0x8C), with a position.
type OBD struct {
	Header
	ACC  byte   // 1: on
	Text string // "173=0,2D3=00001c20": numbers of values and they, in hexadecimal
	GPS  GPS    // its clock stands in front of the text
	Tail []byte
}

// Type returns "obd".
func (*OBD) Type() string { return "obd" }

func readOBDReport(c *wire.Cursor, h Header) *OBD {
	m := wire.Own[OBD](c)
	m.Header = h
	m.GPS.Clock = readClock(c)
	m.ACC = c.U8("acc")
	if n := c.Len() - placeLen; n > 0 {
		m.Text = c.Text(n, "text")
	}
	m.GPS.read(c, true, true)
	return m
}

// Attached is data of something that is attached to the device: of its serial port
// (long type 0x9B) or of a peripheral (long type 0xF2).
type Attached struct {
	Header
	Kind    byte   // of 0x9B: what is attached
	Seconds uint32 // of 0xF2: since 1970, UTC
	Data    []byte
}

// Type returns "serial data" or "peripheral".
func (m *Attached) Type() string {
	if m.Code == typePeripheral {
		return "peripheral"
	}
	return "serial data"
}

func readAttached(c *wire.Cursor, h Header) *Attached {
	m := wire.Own[Attached](c)
	if m.Header = h; h.Code == typePeripheral {
		m.Seconds = c.U32("time")
	} else {
		m.Kind = c.U8("kind")
	}
	m.Data = c.RestData("data")
	return m
}

// Steps is how far a person walked (type 0xA3 of 19 bytes).
type Steps struct {
	Header
	Front []byte // nine bytes of unknown meaning
	Steps uint32
	Tail  []byte
}

// Type returns "steps".
func (*Steps) Type() string { return "steps" }

func readSteps(c *wire.Cursor, h Header) *Steps {
	m := wire.Own[Steps](c)
	m.Header, m.Front, m.Steps = h, c.Data(9, "unknown"), c.U32("steps")
	m.Tail = readTail(c)
	return m
}

// PhoneQuery asks for the address of a cell, for somebody who has called (type 0xA7,
// and 0x17 of 31 bytes).
type PhoneQuery struct {
	Header
	Cell     CellBlock
	Phone    string // of who called
	Language uint16
	Tail     []byte
}

// Type returns "phone query".
func (*PhoneQuery) Type() string { return "phone query" }

func readPhoneQuery(c *wire.Cursor, h Header) *PhoneQuery {
	m := wire.Own[PhoneQuery](c)
	m.Header = h
	m.Cell.read(c, cellLayout{wide: h.Code == typePhoneCell4})
	m.Phone = strings.TrimRight(c.Text(phoneLen, "phone"), "\x00 ")
	m.Language = c.U16("language")
	m.Tail = readTail(c)
	return m
}

// Picture announces a picture of a camera (type 0x35 of the X1). The session fetches
// none.
type Picture struct {
	Header
	Clock                  Clock
	Kind                   byte
	Lat, Lng               uint32 // 1/1,800,000 degree; no hemispheres are known
	Camera, Source, Format byte
	Size, ID               uint32 // bytes; the picture's number
}

// Type returns "picture".
func (*Picture) Type() string { return "picture" }

func readPicture(c *wire.Cursor, h Header) *Picture {
	m := wire.Own[Picture](c)
	m.Header, m.Clock, m.Kind = h, readClock(c), c.U8("kind")
	m.Lat, m.Lng = c.U32("latitude"), c.U32("longitude")
	m.Camera, m.Source, m.Format = c.U8("camera"), c.U8("source"), c.U8("format")
	m.Size, m.ID = c.U32("size"), c.U32("picture")
	return m
}

func (v *view) obd(m *OBD) {
	v.at = v.local(m.GPS.Clock)
	v.fix(&m.GPS, true, true)
	v.vendor(m.Header, []em.Field{boolean("acc", m.ACC != 0), {Name: "obd", Value: m.Text}}, m.Tail)
}

func (v *view) attached(m *Attached) {
	f := []em.Field{num("kind", uint64(m.Kind))}
	if m.Code == typePeripheral {
		v.at = unixTime(binary.BigEndian, binary.BigEndian.AppendUint32(nil, m.Seconds))
		f = []em.Field{num("seconds", uint64(m.Seconds))}
	}
	v.vendor(m.Header, append(f, raw("data", m.Data)), nil)
}

func (v *view) phoneQuery(m *PhoneQuery) {
	if m.Cell.MCC != 0 {
		v.see(&em.Comms{Event: em.CommsInfo, Cells: []em.Cell{m.Cell.Cell}})
	}
	v.vendor(m.Header, []em.Field{{Name: "phone", Value: m.Phone}, num("language", uint64(m.Language))}, m.Tail)
}

func (v *view) picture(m *Picture) {
	v.at = v.local(m.Clock)
	v.vendor(m.Header, []em.Field{
		num("kind", uint64(m.Kind)),
		{Name: "latitude", Value: em.Decimal{Coef: int64(m.Lat) * 1_000_000 / degree, Scale: 6}.String()},
		{Name: "longitude", Value: em.Decimal{Coef: int64(m.Lng) * 1_000_000 / degree, Scale: 6}.String()},
		num("camera", uint64(m.Camera)), num("source", uint64(m.Source)), num("format", uint64(m.Format)),
		num("size", uint64(m.Size)), num("picture", uint64(m.ID)),
	}, nil)
}
