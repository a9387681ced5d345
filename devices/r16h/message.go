package r16h

import (
	"strconv"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// Link is @LINK: the device says who it is.
type Link struct{ IMEI string }

// State is what every report has.
type State struct {
	IMEI    string
	Stored  bool           // S: from memory; R: real time
	Time    time.Time      // UTC; zero where the clock was never set
	Battery em.Opt[uint64] // percent
	Strap   byte           // 'L' locked, 'R' released
	Alarm   string         // empty, "SOS", "LBT" low battery, "ULK" unlocked; others may exist
}

// Position is @GPSD.
type Position struct {
	State
	Lat, Lng   em.Opt[em.Decimal] // degrees, never negative
	NorthSouth byte               // 'N' or 'S', 0 where the latitude is absent
	EastWest   byte               // 'E' or 'W', 0 where the longitude is absent
	Speed      em.Opt[uint64]     // km/h
	Course     em.Opt[uint64]     // degrees
	Altitude   em.Opt[em.Decimal] // m
}

// Cells is @LBSD, sent where there is no fix.
type Cells struct {
	State
	Fields [3]string // "mcc-mnc-lac-cid:dBm" or empty, see Cells
}

// Type of each message is its name.
func (*Link) Type() string     { return "LINK" }
func (*Position) Type() string { return "GPSD" }
func (*Cells) Type() string    { return "LBSD" }

// Open reports whether the strap is released, by its state or by the alarm.
func (s *State) Open() bool { return s.Strap == 'R' || s.Alarm == "ULK" }

// LatLng returns the position; ok is false where it is absent.
func (m *Position) LatLng() (p em.LatLng, ok bool) {
	if !m.Lat.OK || !m.Lng.OK {
		return em.LatLng{}, false
	}
	p = em.LatLng{Lat: m.Lat.V.Float(), Lng: m.Lng.V.Float()}
	if m.NorthSouth == 'S' {
		p.Lat = -p.Lat
	}
	if m.EastWest == 'W' {
		p.Lng = -p.Lng
	}
	return p, true
}

// Cells returns the cells of all fields that hold one.
func (m *Cells) Cells() (cells []em.Cell) {
	for _, f := range m.Fields {
		if c, ok := cell(f); ok {
			cells = append(cells, c)
		}
	}
	return cells
}

// cell reads "302-490-75f8-61c3715:-111", the level being optional.
func cell(s string) (c em.Cell, ok bool) {
	numbers, level, leveled := strings.Cut(s, ":")
	parts := strings.Split(numbers, "-")
	if len(parts) != 4 {
		return c, false
	}
	var n [4]uint64
	for i, p := range parts {
		base, bits := 10, 10
		if i > 1 {
			base, bits = 16, 32
		}
		v, err := strconv.ParseUint(p, base, bits)
		if err != nil || i < 2 && v > 999 {
			return c, false
		}
		n[i] = v
	}
	c = em.Cell{MCC: uint16(n[0]), MNC: uint16(n[1]), LAC: uint32(n[2]), CID: n[3]}
	if dbm, err := strconv.Atoi(level); leveled && err == nil {
		c.RSSI = em.Some(dbm)
	}
	return c, true
}
