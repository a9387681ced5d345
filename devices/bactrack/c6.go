package bactrack

import (
	"fmt"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

// Dialect C, of the C6 and C8: values without a frame or a check code.

// C6Start (00 01) begins a test.
type C6Start struct{ toC6 }

// C6UsesRequest (05 0A) asks how often the instrument was used.
type C6UsesRequest struct{ toC6 }

// C6BatteryRequest (08) asks for a C6Battery.
type C6BatteryRequest struct{ toC6 }

// C6Phase is what the instrument does, or how a test ended.
type C6Phase uint8

// Phases of a test.
const (
	C6Countdown    C6Phase = 0x01
	C6BlowNow      C6Phase = 0x02
	C6Blowing      C6Phase = 0x03 // 0 seconds left: the breath was taken
	C6Analysing    C6Phase = 0x04
	C6Analysing2   C6Phase = 0x05
	C6Completed    C6Phase = 0x06
	C6Timeout      C6Phase = 0x07
	C6Blow         C6Phase = 0x08 // not enough breath
	C6Error        C6Phase = 0x09
	C6LowBattery   C6Phase = 0x0A
	C6Cold         C6Phase = 0x0B
	C6Hot          C6Phase = 0x0C
	C6Cancelled    C6Phase = 0x0D
	C6Uncalibrated C6Phase = 0x0E
	C6Exceeded     C6Phase = 0x0F // more alcohol than it can measure
)

var c6Phases = [...]string{"", "countdown", "blow now", "blowing", "analysing", "analysing", "completed", "timeout", "blow", "error",
	"low battery", "temperature low", "temperature high", "cancelled", "not calibrated", "upper limit"}

// String returns the phase's name.
func (p C6Phase) String() string {
	if p > 0 && int(p) < len(c6Phases) {
		return c6Phases[p]
	}
	return fmt.Sprintf("phase %d", uint8(p))
}

// C6State (80) is a step of a test.
type C6State struct {
	fromC6
	Phase C6Phase
	Left  uint8  // seconds of the countdown or of the breath
	Data  []byte // what follows; of C6Completed the BAC first
}

// BAC returns the result in % BAC, of three decimals; false where the phase has
// none.
func (m *C6State) BAC() (em.Decimal, bool) {
	if m.Phase != C6Completed || len(m.Data) < 2 {
		return em.Decimal{}, false
	}
	return em.Decimal{Coef: int64(m.Data[0])<<8 | int64(m.Data[1]), Scale: 3}, true
}

// C6Result (81) is the result with one decimal more, as captures of C6
// instruments have it.
type C6Result struct {
	fromC6
	Unknown uint8
	BAC     uint16 // 1/10,000 % BAC
	Extra   []byte // 13 bytes that are not understood
}

// Value returns BAC in % BAC.
func (m *C6Result) Value() em.Decimal { return em.Decimal{Coef: int64(m.BAC), Scale: bacScale} }

// C6Unit (85 09) is the unit that the instrument shows.
type C6Unit struct {
	fromC6
	Unit  uint8
	Extra []byte
}

// C6Uses (85 0A) is how often the instrument was used.
type C6Uses struct {
	fromC6
	Count uint16
	Extra []byte
}

// C6Battery (88) is the battery's voltage.
type C6Battery struct {
	fromC6
	Millivolts uint16
	Extra      []byte
}

// Type of each message.
func (*C6Start) Type() string          { return "c6 start" }
func (*C6UsesRequest) Type() string    { return "c6 uses request" }
func (*C6BatteryRequest) Type() string { return "c6 battery request" }
func (*C6State) Type() string          { return "c6 state" }
func (*C6Result) Type() string         { return "c6 result" }
func (*C6Unit) Type() string           { return "c6 unit" }
func (*C6Uses) Type() string           { return "c6 uses" }
func (*C6Battery) Type() string        { return "c6 battery" }

// readC6 reads the value b.
func readC6(cur *reader, verb string, b []byte) protocol.Message {
	op := b[0]
	switch write := verb == verbWrite; {
	case write && op == 0x00:
		m := ownBehind[C6Start](cur, b, 1)
		cur.Expect("\x01", "start")
		return m
	case write && op == 0x05:
		m := ownBehind[C6UsesRequest](cur, b, 1)
		cur.Expect("\x0A", "uses")
		return m
	case write && op == 0x08:
		return ownBehind[C6BatteryRequest](cur, b, 1)
	case !write && op == 0x80:
		m := ownBehind[C6State](cur, b, 1)
		m.Phase, m.Left = C6Phase(cur.U8("phase")), cur.U8("left")
		m.Data = cur.RestData("data")
		return m
	case !write && op == 0x81:
		m := ownBehind[C6Result](cur, b, 1)
		m.Unknown, m.BAC = cur.U8("unknown"), cur.LE16("bac")
		m.Extra = cur.RestData("extra")
		return m
	case !write && op == 0x85:
		if len(b) < 2 {
			cur.FailAt("setting", 1, wire.ErrTruncated)
			return nil
		}
		switch p := b[1]; p {
		case 0x09:
			m := ownBehind[C6Unit](cur, b, 2)
			m.Unit, m.Extra = cur.U8("unit"), cur.RestData("extra")
			return m
		case 0x0A:
			m := ownBehind[C6Uses](cur, b, 2)
			m.Count, m.Extra = cur.LE16("count"), cur.RestData("extra")
			return m
		default:
			cur.FailAt("setting", 1, fmt.Errorf("%w: 0x%02X", wire.ErrValue, p))
			return nil
		}
	case !write && op == 0x88:
		m := ownBehind[C6Battery](cur, b, 1)
		m.Millivolts, m.Extra = cur.LE16("mV"), cur.RestData("extra")
		return m
	}
	return rawValue(DialectC, verb, op, b[1:])
}

func (*C6Start) appendValue(dst []byte) ([]byte, error)          { return append(dst, 0x00, 0x01), nil }
func (*C6UsesRequest) appendValue(dst []byte) ([]byte, error)    { return append(dst, 0x05, 0x0A), nil }
func (*C6BatteryRequest) appendValue(dst []byte) ([]byte, error) { return append(dst, 0x08), nil }

func (m *C6State) appendValue(dst []byte) ([]byte, error) {
	return append(append(dst, 0x80, byte(m.Phase), m.Left), m.Data...), nil
}

func (m *C6Result) appendValue(dst []byte) ([]byte, error) {
	return append(append(dst, 0x81, m.Unknown, byte(m.BAC), byte(m.BAC>>8)), m.Extra...), nil
}

func (m *C6Unit) appendValue(dst []byte) ([]byte, error) {
	return append(append(dst, 0x85, 0x09, m.Unit), m.Extra...), nil
}

func (m *C6Uses) appendValue(dst []byte) ([]byte, error) {
	return append(append(dst, 0x85, 0x0A, byte(m.Count), byte(m.Count>>8)), m.Extra...), nil
}

func (m *C6Battery) appendValue(dst []byte) ([]byte, error) {
	return append(append(dst, 0x88, byte(m.Millivolts), byte(m.Millivolts>>8)), m.Extra...), nil
}

// c6Outcome says what the end of a test means; ok is false where the phase is no
// end without a result.
func c6Outcome(p C6Phase) (status em.SampleStatus, reason string, ok bool) {
	switch p {
	case C6Timeout, C6Cancelled:
		return em.SampleAborted, p.String(), true
	case C6Blow:
		return em.SampleInvalid, p.String(), true
	case C6Exceeded:
		return em.SampleOverRange, p.String(), true
	case C6Error, C6LowBattery, C6Cold, C6Hot, C6Uncalibrated:
		return em.SampleSensor, p.String(), true
	}
	return "", "", false
}
