package sanav

import (
	"strconv"
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/nmea"
)

// Report is what an OT101 or OT102 sends.
type Report struct {
	IMEI     string
	RMC      nmea.RMC // Check is always empty: Append computes it
	BadCheck bool     // the sentence's check code was wrong or missing; the relaxed codec alone lets it pass

	Event       string // "AUTO" periodic, "ST" strap, "TT" tamper switch of the home unit; others exist
	Bracelet    string // of the bracelet that the unit hears: "I0251"; empty where it hears none
	Reserved    [3]string
	Counter     em.Opt[uint32] // of reports
	CSQ         em.Opt[uint8]  // 0 to 31; 99 is unknown
	Level       em.Opt[uint8]  // of the serving cell, of unknown scale
	Millivolts  em.Opt[uint16] // of the battery
	Sensitivity em.Opt[em.Decimal]
	HDOP        em.Opt[em.Decimal]

	MCC, MNC   em.Opt[uint16] // serving cell
	LAC, CID   em.Opt[uint32]
	Neighbours string // further cells, of unknown layout: each field with the comma in front of it
}

// Legacy is what SANAV's older trackers send.
type Legacy struct {
	IMEI     string
	Colon    bool   // "imei:…rmc:" instead of "imei=…&rmc="
	Path     string // of the GET that the report came in, such as "/gps"; empty where it came as a line
	RMC      nmea.RMC
	BadCheck bool
	Fields   []string // behind the sentence, see the methods
}

// Reply is a device's answer to a command, in words.
type Reply struct{ Text string }

// HTTPReply answers a GET: the center has the report.
type HTTPReply struct{}

// Type of each message.
func (*Report) Type() string    { return "report" }
func (*Legacy) Type() string    { return "legacy report" }
func (*Reply) Type() string     { return "reply" }
func (*HTTPReply) Type() string { return "http reply" }

// Cell returns the serving cell; ok is false unless all of it is known.
func (r *Report) Cell() (cell em.Cell, ok bool) {
	if !r.MCC.OK || !r.MNC.OK || !r.LAC.OK || !r.CID.OK || r.MCC.V == 0 {
		return em.Cell{}, false
	}
	return em.Cell{MCC: r.MCC.V, MNC: r.MNC.V, LAC: r.LAC.V, CID: uint64(r.CID.V)}, true
}

// Event returns the event's name, the first field of capital letters (what stands
// behind a dash is not of it), and its place among the fields; -1 for none.
func (l *Legacy) Event() (event string, at int) {
	for i, f := range l.Fields {
		f, _, _ = strings.Cut(f, "-")
		if f != "" && strings.Trim(f, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
			return f, i
		}
	}
	return "", -1
}

// Battery returns voltage and level of the battery, from "AUTO-4095mv", "3950mV"
// or "V3.872;67%".
func (l *Legacy) Battery() (volts, level em.Opt[float64]) {
	for _, f := range l.Fields {
		if v, percent, ok := strings.Cut(strings.TrimPrefix(f, "V"), ";"); ok && strings.HasPrefix(f, "V") {
			d, err1 := em.ParseDecimal(v)
			n, err2 := strconv.ParseUint(strings.TrimSuffix(percent, "%"), 10, 8)
			if err1 == nil && err2 == nil && n <= 100 && d.Coef >= 0 {
				return em.Some(d.Float()), em.Some(float64(n) / 100)
			}
		}
		_, after, ok := strings.Cut(f, "-")
		if !ok {
			after = f
		}
		if digits, ok := strings.CutSuffix(strings.ToLower(after), "mv"); ok {
			if mv, err := strconv.ParseUint(digits, 10, 16); err == nil {
				return em.Some(float64(mv) / 1000), level
			}
		}
	}
	return volts, level
}

// IO is the word of inputs and outputs of the older trackers.
type IO uint16

// IO returns the word, the four hexadecimal digits behind the event.
func (l *Legacy) IO() em.Opt[IO] {
	_, at := l.Event()
	if at < 0 || at+1 >= len(l.Fields) || len(l.Fields[at+1]) != 4 {
		return em.Opt[IO]{}
	}
	v, err := strconv.ParseUint(l.Fields[at+1], 16, 16)
	if err != nil {
		return em.Opt[IO]{}
	}
	return em.Some(IO(v))
}

// Inputs returns the five inputs in bits 0 to 4.
func (v IO) Inputs() uint8 { return uint8(v & 0x1F) }

// Ignition reports the input of a vehicle's ignition.
func (v IO) Ignition() bool { return v&(1<<5) != 0 }

// Outputs returns the two outputs in bits 0 and 1.
func (v IO) Outputs() uint8 { return uint8(v >> 6 & 3) }

// Charging reports whether the battery is being charged.
func (v IO) Charging() bool { return v&(1<<8) != 0 }

// LowBattery reports a low battery: its bit is clear.
func (v IO) LowBattery() bool { return v&(1<<9) == 0 }
