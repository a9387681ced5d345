//go:build overlay

package scaffold

import (
	"encoding/binary"
	"math"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/layout"
	"github.com/sargas-em/em/protocol/wire"
)

const (
	title  = "Alcohol bracelet of the dialect scaffold"
	opened = em.TamperStrap // what a Tamper is about
)

var kinds = []kind{
	{0x01, "reading", readReading, stamped(
		layout.Uint("value", 2).Unit(" µg/L"),
		layout.Uint("temperature", 2).Signed().Names(map[int64]string{unknown: "unknown"}).Scale(10, 1).Unit(" °C"))},
	{0x02, "status", readStatus, stamped(layout.Uint("battery", 1))},
	{0x03, "tamper", readTamper, stamped()},
	{0x04, "heartbeat", readHeartbeat, nil},
	{0x81, "ack", readAck, nil},
}

var commands []protocol.CommandKind // none; a session that takes some is a protocol.Commander

// tell returns the simulator's message that says a body; nil where there is none.
func tell(at Stamp, body em.Body) message {
	switch b := body.(type) {
	case *em.Transdermal:
		tenths := math.Round(b.Temperature.V * 10)
		if b.Unit != em.UnitSkinUgPerL || b.Value.Scale != 0 || b.Value.Coef < 0 || b.Value.Coef > math.MaxUint16 || math.Abs(tenths) > 2000 || b.IR.OK || b.Motion.OK {
			return nil
		}
		m := &Reading{Stamp: at, Value: uint16(b.Value.Coef), Temperature: unknown}
		if b.Temperature.OK {
			m.Temperature = int16(tenths)
		}
		return m
	case *em.Power:
		return tellStatus(at, b)
	case *em.Tamper:
		if b.What == opened {
			return &Tamper{Stamp: at.with(b.Cleared)}
		}
	}
	return nil
}

// unknown is a temperature that was not measured.
const unknown = math.MaxInt16

// Reading is one measurement at the skin.
type Reading struct {
	Head
	Stamp
	Value       uint16 // µg/L
	Temperature int16  // of the skin, 0.1 °C; unknown
}

// Type returns "reading".
func (*Reading) Type() string { return "reading" }

func (m *Reading) payload(dst []byte) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(m.append(dst), m.Value), uint16(m.Temperature))
}

func (m *Reading) observe() (Stamp, em.Body) {
	b := &em.Transdermal{Value: em.Decimal{Coef: int64(m.Value)}, Unit: em.UnitSkinUgPerL}
	if m.Temperature != unknown {
		b.Temperature = em.Some(float64(m.Temperature) / 10)
	}
	return m.Stamp, b
}

func readReading(h Head, c *wire.Cursor) message {
	return &Reading{h, stamp(c), c.U16("value"), int16(c.U16("temperature"))}
}
