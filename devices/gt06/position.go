package gt06

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/wire"
)

// Position is a GPS message with what the type adds: a cell, the state of the
// device, the reason of the upload. Its layout depends on the type and, in some
// firmware, on the length.
type Position struct {
	Header
	Firmware Firmware
	IMEI     string // of FirmwareIMEI and FirmwareLW
	GPS      GPS
	Cell     em.Opt[CellBlock]
	State    em.Opt[State]
	Upload   em.Opt[Upload]
	Mileage  em.Opt[uint32] // metres
	Altitude em.Opt[int16]  // metres
	Battery  em.Opt[uint16] // 10 mV
	Supply   em.Opt[uint16] // 10 mV
	Extra    []em.Field     // of firmware variants
	Tail     []byte         // unknown bytes
}

// Type returns "position" and the type code.
func (m *Position) Type() string {
	for _, t := range positionTypes {
		if t.code == m.Code {
			return t.name
		}
	}
	return "position"
}

// Firmware names a layout that differs from the type's usual one.
type Firmware uint8

// Layouts. The names are those of models.
const (
	FirmwareStandard  Firmware = iota
	FirmwareIrregular          // standard, with a cell block of odd length
	FirmwareIMEI               // IMEI in front
	FirmwareVXT01
	FirmwareBenway
	FirmwareS5
	FirmwareCard // GT06E with a card reader
	FirmwareWetrust
	FirmwareSeeworld
	FirmwareSL4X
	FirmwareSR411
	FirmwareRFID
	FirmwareLW
	FirmwareX1
)

var firmwareNames = [...]string{"standard", "irregular", "IMEI", "VXT01", "Benway", "S5", "GT06E card", "Wetrust",
	"Seeworld", "SL4X", "SR411", "RFID", "LW", "X1"}

// String returns the name.
func (f Firmware) String() string {
	if int(f) < len(firmwareNames) {
		return firmwareNames[f]
	}
	return fmt.Sprintf("firmware(%d)", f)
}

const gpsLen = 18

// GPS is the position block as on the wire.
type GPS struct {
	Clock      Clock
	Satellites byte   // low nibble: how many; the high nibble is the block's length in some models
	Lat, Lng   uint32 // 1/1,800,000 degree, without sign
	Speed      byte   // km/h
	Flags      uint16
}

// Bits of GPS.Flags; bits 0–9 are the course in degrees.
const (
	flagNorth      = 1 << 10
	flagWest       = 1 << 11
	flagFixed      = 1 << 12
	flagACCPresent = 1 << 14
	flagACCOn      = 1 << 15
)

// degree is the number of a coordinate's units in a degree.
const degree = 60 * 30_000

// Position returns the coordinates in degrees; without a fix they mean nothing
// or are the last ones.
func (g *GPS) Position() em.LatLng {
	p := em.LatLng{Lat: float64(g.Lat) / degree, Lng: float64(g.Lng) / degree}
	if g.Flags&flagNorth == 0 && g.Lat != 0 {
		p.Lat = -p.Lat
	}
	if g.Flags&flagWest != 0 && g.Lng != 0 {
		p.Lng = -p.Lng
	}
	return p
}

// Fixed reports whether the device has a fix.
func (g *GPS) Fixed() bool { return g.Flags&flagFixed != 0 }

// Course is the direction of movement in degrees clockwise from north.
func (g *GPS) Course() uint16 { return g.Flags & 0x3FF }

// ACC is the state of the ignition or of the input wired to it, where stated.
func (g *GPS) ACC() em.Opt[bool] {
	if g.Flags&flagACCPresent == 0 {
		return em.Opt[bool]{}
	}
	return em.Some(g.Flags&flagACCOn != 0)
}

// gpsParts are the fields of the block, in the words of read.
var gpsParts = []wire.Part{
	{Name: "time", Len: 6}, {Name: "satellites", Len: 1}, {Name: "latitude", Len: 4}, {Name: "longitude", Len: 4},
	{Name: "speed", Len: 1}, {Name: "course, flags", Len: 2},
}

// readBlock reads the whole block to where it stays: to copy what was written in
// small pieces just before makes a processor wait.
func (g *GPS) readBlock(c *wire.Cursor) {
	be := binary.BigEndian
	b := c.Block(gpsLen, gpsParts)[:gpsLen]
	copy(g.Clock[:], b)
	g.Satellites = b[6]
	g.Lat, g.Lng = be.Uint32(b[7:]), be.Uint32(b[11:])
	g.Speed, g.Flags = b[15], be.Uint16(b[16:])
}

// read reads what follows the clock.
func (g *GPS) read(c *wire.Cursor, satellites, speed bool) {
	if satellites {
		g.Satellites = c.U8("satellites")
	}
	g.Lat = c.U32("latitude")
	g.Lng = c.U32("longitude")
	if speed {
		g.Speed = c.U8("speed")
	}
	g.Flags = c.U16("course, flags")
}

// CellBlock is the serving cell as on the wire.
type CellBlock struct {
	em.Cell
	WideMNC bool         // two bytes of network code
	Length  em.Opt[byte] // where the type has one: counts itself, 0 for no cell
}

// cellLayout says how wide a cell's fields are.
type cellLayout struct {
	counted bool // a length in front
	wide    bool // area 4, cell 8 bytes
	cid4    bool // cell 4 bytes
	mnc2    bool // network 2 bytes also without bit 15 of the country
}

// len returns the length behind a length byte.
func (l cellLayout) len(mnc2 bool) int {
	n := 2 + 1 + 2 + 3
	if mnc2 {
		n++
	}
	switch {
	case l.wide:
		return n + 7
	case l.cid4:
		return n + 1
	}
	return n
}

func (b *CellBlock) read(c *wire.Cursor, l cellLayout) {
	if l.counted {
		b.Length = em.Some(c.U8("cell block length"))
		if b.Length.V == 0 {
			return
		}
	}
	b.MCC, b.MNC, b.WideMNC = readNetwork(c, l.mnc2)
	b.LAC, b.CID = readArea(c, l)
}

func readNetwork(c *wire.Cursor, mnc2 bool) (mcc, mnc uint16, wide bool) {
	mcc = c.U16("mcc")
	wide = mcc&0x8000 != 0
	if wide {
		mcc &= 0x7FFF
	}
	if wide || mnc2 {
		return mcc, c.U16("mnc"), wide
	}
	return mcc, uint16(c.U8("mnc")), false
}

func readArea(c *wire.Cursor, l cellLayout) (lac uint32, cid uint64) {
	switch {
	case l.wide:
		lac = c.U32("lac")
		return lac, c.U64("cell")
	case l.cid4:
		lac = uint32(c.U16("lac"))
		return lac, uint64(c.U32("cell"))
	}
	lac = uint32(c.U16("lac"))
	return lac, uint64(c.U24("cell"))
}

// State is the block of five bytes that alarms and statuses have.
type State struct {
	Flags    byte
	Voltage  byte // 0–6 in sixths, 7–100 percent
	Signal   byte // 0–4, or CSQ 5–31
	Alarm    byte
	Language byte // in types 0x27 and 0xA4 the high nibble extends Alarm
}

// absent is a Voltage or Signal that says nothing.
const absent = 0xFF

// Bits of State.Flags; bits 3–5 are a class of alarm.
const (
	stateArmed    = 1 << 0
	stateACC      = 1 << 1
	stateCharging = 1 << 2
	stateGPS      = 1 << 6
	stateRelay    = 1 << 7
)

const stateLen = 5

func readState(c *wire.Cursor, language bool) State {
	s := State{Flags: readFlags(c)}
	s.Voltage = c.U8("voltage")
	s.Signal = c.U8("signal")
	s.Alarm = readAlarm(c)
	if language {
		s.Language = c.U8("language")
	}
	return s
}

func readFlags(c *wire.Cursor) byte {
	v := c.U8("status")
	return v
}

func readAlarm(c *wire.Cursor) byte {
	v := c.U8("alarm")
	return v
}

// level is Voltage as a share of full.
func (s *State) level() em.Opt[float64] {
	switch {
	case s.Voltage <= 6:
		return em.Some(float64(s.Voltage) / 6)
	case s.Voltage <= 100:
		return em.Some(float64(s.Voltage) / 100)
	}
	return em.Opt[float64]{}
}

// signal is Signal as a share of the best.
func (s *State) signal() em.Opt[float64] {
	switch {
	case s.Signal <= 4:
		return em.Some(float64(s.Signal) / 4)
	case s.Signal <= 31:
		return em.Some(float64(s.Signal) / 31)
	}
	return em.Opt[float64]{}
}

// Upload says why and when a position was sent.
type Upload struct {
	ACC    byte // 1: on
	Reason byte // 0 by time, 1 by distance, …
	Again  byte // 1: from the device's memory
}

func readUpload(c *wire.Cursor) Upload {
	return Upload{ACC: c.U8("acc"), Reason: c.U8("reason"), Again: c.U8("re-upload")}
}

// blocks is what a position message has, in this order.
type blocks struct {
	code    byte
	name    string
	cell    bool
	cellIs  cellLayout
	state   bool
	upload  bool
	mileage bool // and altitude, behind upload
}

// positionTypes are the usual layouts.
var positionTypes = [...]blocks{
	{code: 0x12, name: "position 0x12", cell: true},
	{code: 0x22, name: "position 0x22", cell: true, upload: true},
	{code: 0x16, name: "position 0x16", cell: true, cellIs: cellLayout{counted: true}, state: true},
	{code: 0x26, name: "position 0x26", cell: true, cellIs: cellLayout{counted: true}, state: true},
	{code: 0x27, name: "position 0x27", cell: true, cellIs: cellLayout{counted: true}, state: true},
	{code: 0x10, name: "position 0x10"},
	{code: 0x11, name: "position 0x11", cell: true, cellIs: cellLayout{mnc2: true, cid4: true}},
	{code: 0x2D, name: "position 0x2D", cell: true, upload: true},
	{code: 0x31, name: "position 0x31", cell: true, upload: true, mileage: true},
	{code: 0x37, name: "position 0x37", cell: true, upload: true, mileage: true},
	{code: 0x32, name: "position 0x32", cell: true, cellIs: cellLayout{counted: true}, state: true},
	{code: 0xA0, name: "position 0xA0", cell: true, cellIs: cellLayout{wide: true}, upload: true},
	{code: 0xA2, name: "position 0xA2", cell: true, cellIs: cellLayout{counted: true, wide: true}, state: true},
	{code: 0xA3, name: "position 0xA3", cell: true, cellIs: cellLayout{counted: true, wide: true}, state: true},
	{code: 0xA4, name: "position 0xA4", cell: true, cellIs: cellLayout{counted: true, wide: true}, state: true},
	{code: typeAddress, name: "address request", cell: true},
	{code: 0x24, name: "position 0x24", cell: true},
	{code: typeWiFiOffline, name: "position 0x17", cell: true},
	{code: 0x36, name: "position 0x36", cell: true, cellIs: cellLayout{cid4: true}},
	{code: 0x34, name: "position 0x34"},
	{code: typePhoneGPS, name: "position 0x1A"},
}

// wideAlarmLen is the shortest payload of types 0xA2…0xA4 that is a position
// with a 4G cell and a state.
const wideAlarmLen = gpsLen + 1 + 15 + stateLen

// positionLayout says how a message of that type and length is laid out; ok is
// false where it is no position. n is the length of the payload.
func positionLayout(h Header, n int) (l blocks, f Firmware, ok bool) {
	at := 0
	for at < len(positionTypes) && positionTypes[at].code != h.Code {
		at++
	}
	if at == len(positionTypes) {
		return l, f, false
	}
	l, ok = positionTypes[at], true
	if h.Long {
		switch h.Code {
		case typeStation, typeWiFiOffline, 0x24, 0x34, 0x36, 0xA2:
			return l, f, false
		}
		return l, f, n >= gpsLen
	}
	switch size := n + overhead; h.Code {
	case 0x12:
		switch {
		case size == 0x21:
			f = FirmwareBenway
		case size == 0x24:
			f = FirmwareVXT01
		case size == 0x27:
			f = FirmwareIMEI
		case size == 0x29:
			f = FirmwareWetrust
		case size == 0x2B:
			f = FirmwareS5
		case size >= 0x71:
			f = FirmwareCard
		}
	case 0x16:
		switch size {
		case 0x24:
			f, l.cellIs.counted, l.state = FirmwareVXT01, false, false
		case 0x26:
			f, l.cellIs.cid4 = FirmwareSeeworld, true
		}
	case 0x22:
		switch size {
		case 0x2F:
			f, l.cellIs.cid4, l.mileage = FirmwareSeeworld, true, false
		case 0x3C:
			f, l.cellIs.counted, l.upload = FirmwareLW, true, false
		}
	case 0x31:
		if size == 0x2A {
			f, l.cellIs = FirmwareSL4X, cellLayout{mnc2: true, cid4: true}
		}
	case 0x32:
		if size == 0x27 || size == 0x29 {
			f, l.cellIs = FirmwareSL4X, cellLayout{counted: true, mnc2: true, cid4: true}
		}
	case 0x24:
		f, ok = FirmwareSR411, size == 0x2E
	case typeWiFiOffline:
		f, ok = FirmwareRFID, size == 0x28
	case 0x36:
		f, ok = FirmwareLW, size == 0x35
	case 0x34:
		f, ok = FirmwareX1, size == 0x3C
	case typePhoneGPS:
		ok = n >= gpsLen
	case 0xA2:
		ok = n >= wideAlarmLen && n < wideScanLen
	case 0xA3, 0xA4:
		ok = n >= wideAlarmLen
	}
	return l, f, ok
}

// beginsWithDate reports whether a payload begins with a date, as positions do: an
// IMEI is none.
func beginsWithDate(b []byte) bool {
	return len(b) >= len(Clock{}) && !Clock(b[:len(Clock{})]).Time().IsZero()
}

// usual is the usual layout of a type that is a position.
func usual(code byte) (l blocks) {
	for _, p := range positionTypes {
		if p.code == code {
			l = p
		}
	}
	return l
}

func readPosition(c *wire.Cursor, h Header, l blocks, f Firmware) *Position {
	if (f == FirmwareIMEI || f == FirmwareLW && h.Code == 0x22) && beginsWithDate(c.Ahead()) {
		l, f = usual(h.Code), FirmwareStandard // and of that length by chance
	}
	m := wire.Own[Position](c)
	m.Header, m.Firmware = h, f
	switch {
	case f == FirmwareX1:
		m.readX1(c)
		return m
	case f == FirmwareIMEI:
		m.IMEI, _ = readIMEI(c)
	case f == FirmwareLW && h.Code == 0x22:
		c.U8("unknown")
		m.IMEI, _ = readIMEI(c)
		readClock(c)
	}
	m.GPS.readBlock(c)
	if l.cell {
		m.readCell(c, l)
	}
	if l.state && c.Len() >= stateLen {
		m.State = em.Some(readState(c, true))
	}
	if l.upload && c.Len() >= 3 {
		m.Upload = em.Some(readUpload(c))
		if n := c.Len(); l.mileage && n >= 4 || n == 4 || n == 6 {
			m.Mileage = em.Some(c.U32("mileage"))
			if c.Len() >= 2 {
				m.Altitude = em.Some(int16(c.U16("altitude")))
			}
		}
	}
	m.readVariant(c)
	m.Tail = readTail(c)
	return m
}

// readCell reads the cell and, in front of a state, what the block's length
// counts beyond it.
func (m *Position) readCell(c *wire.Cursor, l blocks) {
	least := l.cellIs.len(l.cellIs.mnc2)
	if l.cellIs.counted {
		least = 1
	}
	if c.Len() < least {
		return
	}
	start := c.Len()
	m.Cell.OK = true
	b := &m.Cell.V
	b.read(c, l.cellIs)
	if !l.cellIs.counted {
		return
	}
	used, keep := start-c.Len(), 0
	if l.state {
		keep = stateLen
	}
	extra := 0
	switch n := int(b.Length.V); {
	case n == 0 && c.Len() >= 45+keep:
		extra = 45 // room for the cells of some models
	case n == 0 && c.Len() >= 8+keep:
		extra = 8
	case n > used && n-used <= c.Len()-keep:
		extra = n - used
	}
	if extra > 0 {
		m.Extra = append(m.Extra, raw("cell block", c.Bytes(extra, "rest of the cell block")))
	}
	if m.Firmware == FirmwareStandard && (extra > 0 || int(b.Length.V) != used && b.Length.V != 0) {
		m.Firmware = FirmwareIrregular
	}
}

// variantLen is how many bytes readVariant needs at least.
func (m *Position) variantLen() int {
	switch m.Firmware {
	case FirmwareBenway:
		return 2
	case FirmwareVXT01, FirmwareSR411:
		return 5
	case FirmwareCard:
		return 4 + 3
	case FirmwareRFID:
		return 8
	case FirmwareWetrust:
		return 4 + 3 + 2
	case FirmwareS5:
		return 12
	case FirmwareSeeworld:
		if m.Code == 0x22 {
			return 12
		}
	case FirmwareLW:
		if m.Code == 0x22 {
			return 13
		}
		return 10
	}
	return 0
}

// readVariant reads what a firmware variant adds.
func (m *Position) readVariant(c *wire.Cursor) {
	add := func(f em.Field) {
		if c.Err() == nil {
			m.Extra = append(m.Extra, f)
		}
	}
	if c.Len() < m.variantLen() {
		return // another firmware of that length: all is tail
	}
	switch m.Firmware {
	case FirmwareVXT01:
		s := State{Flags: readFlags(c), Voltage: absent}
		m.Supply = em.Some(c.U16("supply"))
		s.Signal = c.U8("signal")
		add(num("alarm extension", uint64(c.U8("alarm extension"))))
		m.State = em.Some(s)
	case FirmwareS5:
		s := State{Flags: readFlags(c), Voltage: absent}
		m.Supply = em.Some(c.U16("supply"))
		s.Signal, s.Alarm = c.U8("signal"), readAlarm(c)
		m.State = em.Some(s)
		add(num("oil", uint64(c.U16("oil"))))
		add(signMagnitude("temperature_c", uint16(c.U8("temperature")), 7, 0))
		m.Mileage = em.Some(10 * c.U32("mileage"))
	case FirmwareBenway:
		mask := c.U16("inputs")
		add(num("ignition", uint64(mask>>15)))
		add(num("input 2", uint64(mask>>14&1)))
		switch {
		case mask&(1<<12) != 0:
			add(signMagnitude("temperature_c", mask&0x3FF, 9, 0))
		case mask&(1<<13) != 0:
			add(num("analog 1", uint64(mask&0x3FF)))
		default:
			add(em.Field{Name: "analog 1", Value: em.Decimal{Coef: int64(mask & 0x3FF), Scale: 1}.String()})
		}
	case FirmwareCard:
		m.Mileage = em.Some(c.U32("mileage"))
		m.readCard(c, add)
	case FirmwareWetrust:
		m.Mileage = em.Some(c.U32("mileage"))
		m.readCard(c, add)
		if c.Len() >= 2 {
			add(num("driving time_s", uint64(c.U16("driving time"))))
		}
	case FirmwareSeeworld:
		if m.Code != 0x22 {
			return
		}
		m.Mileage = em.Some(c.U32("mileage"))
		add(num("travel time", uint64(c.U32("travel time"))))
		add(signMagnitude("temperature_c", c.U16("temperature"), 15, 2))
		add(centi("humidity_percent", c.U16("humidity")))
	case FirmwareSL4X:
		if m.Code == 0x32 && c.Len() >= 2 {
			m.Altitude = em.Some(int16(c.U16("altitude")))
		}
	case FirmwareSR411:
		add(num("acc", uint64(c.U8("acc"))))
		m.Supply = em.Some(c.U16("supply"))
		m.Battery = em.Some(c.U16("battery"))
	case FirmwareRFID:
		add(raw("rfid", c.Bytes(8, "rfid")))
	case FirmwareLW:
		if m.Code == 0x36 {
			add(raw("unknown", c.Bytes(6, "unknown")))
		}
		add(num("unknown 2", uint64(c.U8("unknown"))))
		m.Supply = em.Some(c.U16("supply"))
		m.Battery = em.Some(10 * uint16(c.U8("battery")))
		if m.Code == 0x22 {
			add(raw("unknown 3", c.Bytes(5, "unknown")))
			add(num("engine time_min", uint64(c.U32("engine time"))))
		}
	}
}

func (m *Position) readCard(c *wire.Cursor, add func(em.Field)) {
	n := int(c.U8("card length"))
	if c.Len() < n+2 {
		return
	}
	add(em.Field{Name: "card", Value: strings.Trim(c.Text(n, "card"), " \x00")})
	add(num("card alarm", uint64(c.U8("card alarm"))))
	add(num("card swiped", uint64(c.U8("card swiped"))))
}

// readX1 reads type 0x34 of the X1, which has an order of its own.
func (m *Position) readX1(c *wire.Cursor) {
	data := c.U32("data, alarm")
	m.GPS.readBlock(c)
	terminal := c.U16("terminal")
	m.Mileage = em.Some(c.U32("mileage"))
	m.Cell.OK = true
	m.Cell.V.read(c, cellLayout{cid4: true})
	driver := c.U32("driver")
	m.Supply = em.Some(c.U16("supply"))
	m.Battery = em.Some(c.U16("battery"))
	ports := c.U32("ports")
	in, out := c.U8("inputs"), c.U8("outputs")
	m.Extra = []em.Field{
		num("data", uint64(data)), num("terminal", uint64(terminal)), num("driver", uint64(driver)),
		num("ports", uint64(ports)), num("inputs", uint64(in)), num("outputs", uint64(out)),
	}
	for i := range ports >> 20 & 15 {
		if c.Len() < 2 {
			break
		}
		m.Extra = append(m.Extra, centi(fmt.Sprintf("analog %d", i+1), c.U16("analog")))
	}
	m.Tail = readTail(c)
}

// signMagnitude writes a number whose sign is the bit of that number.
func signMagnitude(name string, v uint16, sign, scale uint8) em.Field {
	d := em.Decimal{Coef: int64(v &^ (1 << sign)), Scale: scale}
	if v&(1<<sign) != 0 {
		d.Coef = -d.Coef
	}
	return em.Field{Name: name, Value: d.String()}
}
