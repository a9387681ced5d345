package megastek

import (
	"strconv"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/nmea"
)

// Report is $MGV002, the current form.
type Report struct {
	IMEI string // may be empty
	Name string // the device's own name; may be empty

	Time       time.Time // UTC; zero where the clock was never set
	Lat, Lng   nmea.Coord
	Status     byte // 'A' fix, 'V' none, 0 where the field is empty
	Stored     bool // from memory: S instead of R
	Satellites em.Opt[uint8]
	GSM        em.Opt[uint16] // 0 to 31; others mean unknown
	HeartRate  em.Opt[uint16] // beats a minute
	Battery    em.Opt[uint16] // percent
	Cell       Cell

	// Field10 and Field12 stand around the number of satellites, two digits of
	// unknown meaning.
	Field10, Field12 string

	HDOP     em.Opt[em.Decimal]
	Speed    em.Opt[em.Decimal] // knots
	Course   em.Opt[em.Decimal] // degrees
	Altitude em.Opt[em.Decimal] // m
	Odometer em.Opt[em.Decimal] // km

	// A device either has inputs and outputs, or, of the MT series, the health
	// numbers: then Health is not nil and the others are zero.
	Inputs, Outputs string // four bits
	ADC             [3]em.Opt[em.Decimal]
	Health          *Health

	Temperature [2]em.Opt[em.Decimal] // °C
	RFID        string                // of a card or a driver
	PowerState  string                // digits for charging and belt: see Charging and Belt
	Alert       string
	Tail        []string // further fields; the first may hold access points: see WiFi
}

// Health is what wearables of the MT series count.
type Health struct {
	HeartRate, Steps, Activity, LightSleep, DeepSleep em.Opt[uint32]
}

// Cell is the serving cell as the frame has it.
type Cell struct {
	MCC, MNC em.Opt[uint16]
	LAC, CID em.Opt[uint32]
}

// STX is the older form with a comma behind its name.
type STX struct {
	Stored bool // "LOG" in front
	ID     string
	RMC    nmea.RMC

	// Fix is 'F' for a fix and 'L' for a last known one. It is 0 where the frame
	// was cut behind the RMC sentence; then all that follows is zero.
	Fix        byte
	Alert      string
	IMEI       string
	Satellites em.Opt[uint8]
	InView     em.Opt[uint8]
	Altitude   em.Opt[em.Decimal] // m
	Battery    em.Opt[uint16]     // percent
	Gap        bool               // an empty field stands between battery and charging
	Charging   em.Opt[bool]
	Cell       Cell
}

// STXPadded is the older form with an identity padded to 16 characters.
type STXPadded struct {
	Stored  bool // "LOG" in front
	ID      string
	RMC     nmea.RMC
	Cell    Cell
	GSM     em.Opt[uint16]
	Battery em.Opt[uint16] // percent
	Flags   string         // bits of unknown meaning
	Inputs  string         // bits
	Values  []string       // outputs on some models, then analogue inputs
	Alert   string
}

// AssistRequest is a receiver's request for assistance data, which some
// trackers send through their server. Its text holds an account's password and
// is not kept.
type AssistRequest struct{}

// Type of each message.
func (*Report) Type() string        { return "MGV" }
func (*STX) Type() string           { return "STX" }
func (*STXPadded) Type() string     { return "STX padded" }
func (*AssistRequest) Type() string { return "aid" }

// cell returns the cell in the common form; ok is false unless all of it is known.
func (c Cell) cell() (cell em.Cell, ok bool) {
	if !c.MCC.OK || !c.MNC.OK || !c.LAC.OK || !c.CID.OK || c.MCC.V == 0 {
		return em.Cell{}, false
	}
	return em.Cell{MCC: c.MCC.V, MNC: c.MNC.V, LAC: c.LAC.V, CID: uint64(c.CID.V)}, true
}

// Charging returns the first digit of PowerState, where it is 0 or 1 and no dash
// follows.
func (r *Report) Charging() em.Opt[bool] {
	if r.PowerState == "" || r.PowerState[0] != '0' && r.PowerState[0] != '1' || strings.HasPrefix(r.PowerState[1:], "-") {
		return em.Opt[bool]{}
	}
	return em.Some(r.PowerState[0] == '1')
}

// Belt returns the second digit of PowerState, the number of the belt's state,
// whose meaning depends on the model.
func (r *Report) Belt() em.Opt[int] {
	if len(r.PowerState) < 2 || r.PowerState[1] < '0' || r.PowerState[1] > '9' {
		return em.Opt[int]{}
	}
	return em.Some(int(r.PowerState[1] - '0'))
}

// WiFi returns the access points that the device hears. Entries that are not
// twelve hexadecimal digits and a level are left out.
func (r *Report) WiFi() []em.AccessPoint {
	if len(r.Tail) == 0 {
		return nil
	}
	var all []em.AccessPoint
	for entry := range strings.SplitSeq(r.Tail[0], "|") {
		mac, level, _ := strings.Cut(entry, ":")
		v, err1 := strconv.ParseUint(mac, 16, 48)
		db, err2 := strconv.ParseUint(level, 10, 8) // |dBm|
		if len(mac) != 12 || err1 != nil || err2 != nil {
			continue
		}
		var text []byte
		for shift := 40; shift >= 0; shift -= 8 {
			const digits = "0123456789abcdef"
			text = append(text, digits[v>>(shift+4)&15], digits[v>>shift&15], ':')
		}
		all = append(all, em.AccessPoint{MAC: string(text[:len(text)-1]), RSSI: em.Some(-int(db))})
	}
	return all
}
