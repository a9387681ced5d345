package scaffold

import (
	"math"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol/wire"
)

// Status tells the battery. FlagOn: it is low.
type Status struct {
	Head
	Stamp
	Battery byte // percent; above 100 unknown
}

// Type returns "status".
func (*Status) Type() string { return "status" }

func (m *Status) payload(dst []byte) []byte { return append(m.append(dst), m.Battery) }

func (m *Status) observe() (Stamp, em.Body) {
	power := &em.Power{}
	if m.on() {
		power.Event = em.PowerLow
	}
	if m.Battery <= 100 {
		power.Level = em.Some(float64(m.Battery) / 100)
	}
	return m.Stamp, power
}

func readStatus(h Head, c *wire.Cursor) message { return &Status{h, stamp(c), c.U8("battery")} }

// tellStatus returns the message of a battery's level; nil where there is none.
func tellStatus(at Stamp, b *em.Power) message {
	if b.Event != em.PowerLow && !(b.Event == em.PowerNone && b.Level.OK) || !(b.Level.V >= 0 && b.Level.V <= 1) || b.Volts.OK || b.Charging.OK || b.External.OK {
		return nil
	}
	m := &Status{Stamp: at.with(b.Event == em.PowerLow), Battery: 0xFF}
	if b.Level.OK {
		m.Battery = byte(math.Round(b.Level.V * 100))
	}
	return m
}
