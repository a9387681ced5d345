package watch3g

import (
	"strconv"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// Header says who a message is from, or for.
type Header struct {
	Vendor string // two letters or digits: "3G", "SG", "CS", "ZJ"
	ID     string // the device's number
	Index  string // four hexadecimal digits; empty for devices that have none
}

func (h *Header) header() *Header { return h }

// Init is INIT. The center answers with the field "1".
type Init struct {
	Header
	Fields []string
}

// KeepAlive is LK, and the center's answer to it, which has no fields.
type KeepAlive struct {
	Header
	Fields []string // steps, rolls, battery in percent, from most devices
}

// Position is UD, UD2, AL or WT with any ending.
type Position struct {
	Header
	Keyword string // as it came: "UD_LTE"

	Time           time.Time // UTC; zero where the clock was never set
	Lat, Lng       em.Opt[em.Decimal]
	Status         byte               // 'A' fix, 'V' none
	NorthSouth     byte               // 'N', 'S' or 0
	EastWest       byte               // 'E', 'W' or 0
	GSM            em.Opt[uint8]      // 0 to 100
	Battery        em.Opt[uint8]      // percent
	Speed          em.Opt[em.Decimal] // km/h
	Course         em.Opt[em.Decimal] // degrees
	Altitude       em.Opt[em.Decimal] // m
	Satellites     em.Opt[uint32]
	Steps, Tumbles em.Opt[uint32]
	Bits           em.Opt[Bits]
	Radio          string // behind the bits, each field with the comma in front of it: cells, access points and more, see Surroundings
}

// Answer is the center's answer to AL and JXTK.
type Answer struct {
	Header
	Content string // "AL" or "JXTKR,1"
}

// VoiceQuery is TKQ: the device asks for voice messages. It is its own answer.
type VoiceQuery struct {
	Header
	Keyword string // as it came
}

// Voice is TK or JXTK: recorded sound.
type Voice struct {
	Header
	Keyword string
	Data    []byte // behind the keyword, not escaped; of JXTK its fields too
}

// Sensor is one reading of a sensor.
type Sensor struct {
	Header
	Keyword string // "heart", "blood", "bphrt", "oxygen", "temp", "btemp2", in any case
	Values  []string
}

// Command is what the center tells the device, and the device's answer.
type Command struct {
	Header
	Keyword string
	Args    []string
}

// Type of each message is its keyword without its ending.
func (*Init) Type() string       { return "INIT" }
func (*KeepAlive) Type() string  { return "LK" }
func (m *Position) Type() string { return base(m.Keyword) }
func (*Answer) Type() string     { return "answer" }
func (*VoiceQuery) Type() string { return "TKQ" }
func (m *Voice) Type() string    { return base(m.Keyword) }
func (*Sensor) Type() string     { return "sensor" }
func (*Command) Type() string    { return "command" }

// base returns the keyword without its ending, from a fixed set; empty where it
// is none of them.
func base(keyword string) string {
	for _, k := range [...]string{"UD2", "UD", "AL", "WT", "LK", "INIT", "TKQ", "TK", "JXTK"} {
		if keyword == "" || keyword[0] != k[0] { // most are told so
			continue
		}
		if end, ok := strings.CutPrefix(keyword, k); ok &&
			(end == "" || end[0] == '_' || end[0] >= '0' && end[0] <= '9' || strings.HasPrefix(end, "CUSTOMER")) {
			return k
		}
	}
	return ""
}

// Stored reports whether the position is from the device's memory.
func (m *Position) Stored() bool { return base(m.Keyword) == "UD2" }

// Bits are state (0 to 15) and alarms (16 to 31) of a device.
type Bits uint32

// Bits that are known.
const (
	BitLowBattery   Bits = 1 << 0
	BitOutside      Bits = 1 << 1 // of the device's own fence
	BitInside       Bits = 1 << 2
	BitWear         Bits = 1 << 3 // unverified
	BitMotion       Bits = 1 << 4
	BitPowerCut     Bits = 1 << 14
	AlarmSOS        Bits = 1 << 16
	AlarmLowBattery Bits = 1 << 17
	AlarmOutside    Bits = 1 << 18
	AlarmInside     Bits = 1 << 19
	AlarmRemoval    Bits = 1 << 20
	AlarmFall       Bits = 1 << 21
	AlarmFall2      Bits = 1 << 22
)

// Surroundings is what the device hears.
type Surroundings struct {
	TimingAdvance string // as it came
	Cells         []em.Cell
	Levels        []string // of the cells, of unknown scale
	MCC           uint16   // of the cells' country, also where none of them is whole; 0 for none
	WiFi          []em.AccessPoint
	Names         []string // of the access points
	Rest          []string // what was not read
}

// Surroundings reads the fields behind the bits. What breaks their format is in
// Rest. Cells of an impossible country or number are left out.
func (m *Position) Surroundings() (s Surroundings) {
	var f []string
	if _, radio, ok := strings.Cut(m.Radio, ","); ok {
		f = strings.Split(radio, ",")
	}
	n, ok := count(f)
	if !ok || n > 0 && len(f) < 4+3*n {
		s.Rest = f
		return s
	}
	// Without cells some devices leave out what is common to all of them.
	if f = f[1:]; n > 0 || !accessPoints(f) && len(f) >= 3 && strings.Trim(f[0]+f[1]+f[2], "0123456789") == "" {
		s.TimingAdvance = f[0]
		s.cells(f[1], f[2], f[3:3+3*n])
		f = f[3+3*n:]
	}
	if len(f) > 0 && f[0] == "" { // no access points
		f = f[1:]
	} else if accessPoints(f) {
		n, _ := count(f)
		for _, p := range chunks(f[1 : 1+3*n]) {
			point := em.AccessPoint{MAC: strings.ToLower(p[1])}
			if level, err := strconv.Atoi(p[2]); err == nil {
				point.RSSI = em.Some(level)
			}
			s.WiFi = append(s.WiFi, point)
			s.Names = append(s.Names, p[0])
		}
		f = f[1+3*n:]
	}
	if len(f) > 0 {
		s.Rest = f
	}
	return s
}

// count reads the number of cells or access points in front of them.
func count(f []string) (n int, ok bool) {
	if len(f) == 0 {
		return 0, false
	}
	v, err := strconv.ParseUint(f[0], 10, 8)
	return int(v), err == nil
}

// chunks cuts fields into groups of three.
func chunks(f []string) (groups [][3]string) {
	for ; len(f) >= 3; f = f[3:] {
		groups = append(groups, [3]string(f))
	}
	return groups
}

// accessPoints reports whether f is a number of access points with them behind.
func accessPoints(f []string) bool {
	n, ok := count(f)
	if !ok || len(f) < 1+3*n {
		return false
	}
	for _, p := range chunks(f[1 : 1+3*n]) {
		if len(p[1]) != len("00:00:00:00:00:00") || strings.Count(p[1], ":") != 5 {
			return false
		}
	}
	return true
}

// cells reads the cells of one network. Their numbers are decimal, but of some
// devices hexadecimal, which a letter in any of them tells.
func (s *Surroundings) cells(mcc, mnc string, f []string) {
	base := 10
	groups := chunks(f)
	for _, c := range groups {
		if strings.ContainsAny(c[0]+c[1], "ABCDEFabcdef") {
			base = 16
		}
	}
	country, err1 := strconv.ParseUint(mcc, 10, 16)
	network, err2 := strconv.ParseUint(mnc, 10, 16)
	known := err1 == nil && country >= 200 && country <= 799
	if known {
		s.MCC = uint16(country)
	}
	for _, c := range groups {
		s.Levels = append(s.Levels, c[2])
		lac, err3 := strconv.ParseUint(c[0], base, 32)
		cid, err4 := strconv.ParseUint(c[1], base, 64)
		if known && err2 == nil && network <= 999 && err3 == nil && err4 == nil {
			s.Cells = append(s.Cells, em.Cell{MCC: uint16(country), MNC: uint16(network), LAC: uint32(lac), CID: cid})
		}
	}
}

// LatLng returns the position with the sign that hemisphere, number and country
// give it; mcc is 0 where it is not known. certain is false where the longitude's
// sign is a guess; ok is false where there is no position.
func (m *Position) LatLng(mcc uint16) (p em.LatLng, certain, ok bool) {
	if !m.Lat.OK || !m.Lng.OK {
		return p, false, false
	}
	p = em.LatLng{Lat: m.Lat.V.Float(), Lng: m.Lng.V.Float()}
	if m.NorthSouth == 'S' && p.Lat > 0 {
		p.Lat = -p.Lat
	}
	certain = true
	switch continent := mcc / 100; {
	case m.EastWest == 'W' && p.Lng > 0:
		p.Lng = -p.Lng
	case m.EastWest != 0 || p.Lng <= 0 || continent == 4:
	case continent == 3 || continent == 7:
		p.Lng = -p.Lng
	default:
		certain = false
	}
	return p, certain, true
}
