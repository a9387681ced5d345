package gt06

import (
	"fmt"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/wire"
)

// Scan is what the device hears: cells and Wi-Fi access points, with a position
// in some types. It is sent where the device has no fix.
type Scan struct {
	Header
	Clock   Clock
	GPS     em.Opt[GPS] // types 0x1E and, where known, long 0x32 and 0x33
	Cells   []em.Cell   // with a level in types 0xA1 and 0xA2 only, where it is one in dBm
	Levels  []byte      // of Cells, as on the wire
	Advance byte        // timing advance of the serving cell; 0xFF unknown
	WiFi    []em.AccessPoint
	Marks   []uint16     // of WiFi in type 0xF3, of unknown meaning
	Status  em.Opt[byte] // of long 0x32 and 0x33
	Tail    []byte
}

// Type returns "scan", "scan with position" or "station scan".
func (m *Scan) Type() string {
	switch {
	case m.Code == 0x1E:
		return "scan with position"
	case m.Long && (m.Code == typeStation || m.Code == typeStationAlarm):
		return "station scan"
	}
	return "scan"
}

const (
	scanCells   = 7 // in every type that does not state a number
	wideScanLen = 6 + 3 + scanCells*(4+8+1) + 1 + 1
)

// isScan says whether a message of that type and payload length is a scan.
func isScan(h Header, n int) bool {
	switch h.Code {
	case 0x18, 0x1E, 0x24, 0x28, 0x2C, 0x2E, 0xA1:
		return true
	case 0xA2:
		return n >= wideScanLen
	case 0x19:
		return n+overhead >= 0x17
	case typeStation, typeStationAlarm:
		return h.Long
	case typeHeard:
		return !h.Long && n > heardHead && (n-heardHead)%heardLen == 0
	}
	return false
}

// The lengths in type 0xF3 of time and number, and of each access point.
const (
	heardHead = 6 + 1
	heardLen  = 2 + 6
)

func readScan(c *wire.Cursor, h Header) *Scan {
	m := wire.Own[Scan](c)
	m.Header, m.Advance = h, absent
	switch {
	case h.Code == typeStation || h.Code == typeStationAlarm:
		m.readStation(c)
		return m
	case h.Code == typeHeard:
		m.readHeard(c)
		return m
	case h.Code == 0x1E:
		m.GPS.OK = true
		m.GPS.V.readBlock(c)
		m.Clock = m.GPS.V.Clock
	default:
		m.Clock = readClock(c)
	}
	wanway := h.Code == 0x24 && c.Len() == 0x31-overhead-6
	if wanway {
		m.Advance = c.U8("timing advance")
	}
	mcc, mnc, _ := readNetwork(c, false)
	l := cellLayout{wide: h.Code == 0xA1 || h.Code == 0xA2}
	size := l.len(false) - 3 + 1
	switch {
	case wanway: // the order of its cells is unknown
	case h.Code == 0x19:
		n := 0
		if c.Len() > 0 {
			n = int(c.U8("cells"))
		}
		m.readCells(c, min(n, c.Len()/size), mcc, mnc, l)
	case c.Len() >= scanCells*size+1:
		m.readCells(c, scanCells, mcc, mnc, l)
		m.Advance = c.U8("timing advance")
		if h.Code == 0x18 || h.Code == 0x2C || h.Code == 0xA2 {
			m.readWiFi(c)
		}
	}
	m.Tail = readTail(c)
	return m
}

// readCells reads n cells of one network; empty places are left out.
func (m *Scan) readCells(c *wire.Cursor, n int, mcc, mnc uint16, l cellLayout) {
	for range n {
		cell := em.Cell{MCC: mcc, MNC: mnc}
		cell.LAC, cell.CID = readArea(c, l)
		m.addCell(c, cell, l.wide)
	}
}

// addCell reads the cell's level, and keeps the cell if it is one.
func (m *Scan) addCell(c *wire.Cursor, cell em.Cell, dBm bool) {
	level := c.U8("level")
	if cell.LAC == 0 && cell.CID == 0 || c.Err() != nil {
		return
	}
	if dBm && level >= 30 && level <= 140 {
		cell.RSSI = em.Some(-int(level))
	}
	m.Cells, m.Levels = append(m.Cells, cell), append(m.Levels, level)
}

// readWiFi reads a number of access points and as many; two bytes alone are a
// language.
func (m *Scan) readWiFi(c *wire.Cursor) {
	if c.Len() < 1 || c.Len() == 2 {
		return
	}
	n := int(c.U8("access points"))
	for ; n > 0 && c.Len() >= 7; n-- {
		m.WiFi = append(m.WiFi, readAccessPoint(c))
	}
}

// readHeard reads type 0xF3: a number of access points and as many, each behind two
// bytes.
func (m *Scan) readHeard(c *wire.Cursor) {
	m.Clock = readClock(c)
	n := int(c.U8("access points"))
	for ; n > 0 && c.Len() >= heardLen; n-- {
		m.Marks = append(m.Marks, c.U16("mark"))
		m.WiFi = append(m.WiFi, em.AccessPoint{MAC: mac(c.Bytes(6, "mac"))})
	}
	m.Tail = readTail(c)
}

func readAccessPoint(c *wire.Cursor) em.AccessPoint {
	b := c.Bytes(6, "mac")
	if b == nil {
		return em.AccessPoint{}
	}
	return em.AccessPoint{MAC: mac(b), RSSI: em.Some(-int(c.U8("level")))}
}

func mac(b []byte) string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5])
}

// readStation reads the long types 0x32 and 0x33 of the AZ735, in which every
// part has a length.
func (m *Scan) readStation(c *wire.Cursor) {
	m.Clock = readClock(c)
	if end := readPart(c, "gps"); end > c.Pos() {
		if end-c.Pos() >= gpsLen-6 {
			g := GPS{Clock: m.Clock}
			g.read(c, true, true)
			m.GPS = em.Some(g)
		}
		skip(c, end, "rest of the gps")
	}
	var b CellBlock
	b.read(c, cellLayout{counted: true})
	if b.Length.V > 0 {
		if n := int(b.Length.V) - 1 - (cellLayout{}).len(b.WideMNC); n > 0 {
			c.Bytes(n, "rest of the cell block")
		}
		m.addCell(c, b.Cell, false)
	}
	if end := readPart(c, "further cells"); end > c.Pos() {
		m.readCells(c, (end-c.Pos())/6, b.MCC, b.MNC, cellLayout{})
		skip(c, end, "rest of the further cells")
	}
	if end := readPart(c, "access points"); end > c.Pos() {
		for end-c.Pos() >= 7 {
			m.WiFi = append(m.WiFi, readAccessPoint(c))
		}
		skip(c, end, "rest of the access points")
	}
	m.Status = em.Some(c.U8("status"))
	m.Tail = readTail(c)
}

// readPart reads the length of a part and returns where the part ends; it fails
// where the frame ends before.
func readPart(c *wire.Cursor, what string) (end int) {
	name := what + " length"
	n := int(c.U8(name))
	if n > c.Len() {
		c.FailAt(name, c.Pos()-1, wire.ErrTruncated)
		return 0
	}
	return c.Pos() + n
}

// skip reads what is left of a part.
func skip(c *wire.Cursor, end int, name string) {
	if n := end - c.Pos(); n > 0 {
		c.Bytes(n, name)
	}
}

// WiFi is what a Wi-Fi tracker hears (types 0x17 and 0x69). Its frame has
// neither serial nor check code, and its length counts the access points.
type WiFi struct {
	Header
	Time  [6]byte // BCD, as on the wire: the answer repeats it
	Clock Clock
	WiFi  []em.AccessPoint
	Cells []em.Cell // in this type with a level in dBm of unknown scale left out
	Tail  []byte
}

// Type returns "wifi".
func (*WiFi) Type() string { return "wifi" }

func readBareWiFi(c *wire.Cursor, h Header, n int) *WiFi {
	m := wire.Own[WiFi](c)
	m.Header = h
	at := *c // the same six bytes, read twice
	copy(m.Time[:], at.Bytes(len(m.Time), ""))
	m.Clock = readClockBCD(c)
	for range n {
		m.WiFi = append(m.WiFi, readAccessPoint(c))
	}
	cells := int(c.U8("cells"))
	if cells > 0 || c.Len() >= 3 {
		mcc, mnc := c.U16("mcc"), uint16(c.U8("mnc"))
		for range cells {
			cell := em.Cell{MCC: mcc, MNC: mnc, LAC: uint32(c.U16("lac")), CID: uint64(c.U16("cell"))}
			c.U8("level")
			if c.Err() == nil {
				m.Cells = append(m.Cells, cell)
			}
		}
	}
	m.Tail = readTail(c)
	return m
}
