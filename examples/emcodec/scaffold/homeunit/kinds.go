//go:build overlay

package scaffold

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/layout"
	"github.com/sargas-em/em/protocol/wire"
)

const (
	title  = "Home unit of the dialect scaffold"
	opened = em.TamperCase // what a Tamper is about
)

var kinds = []kind{
	{0x01, "contact", readContact, stamped(layout.Uint("bracelet", 4).Hex(), layout.Uint("strength", 1).Signed().Unit(" dBm"))},
	{0x02, "mains", readMains, stamped()},
	{0x03, "tamper", readTamper, stamped()},
	{0x04, "heartbeat", readHeartbeat, nil},
	{0x81, "ack", readAck, nil},
}

var commands []protocol.CommandKind // none; a session that takes some is a protocol.Commander

// tell returns the simulator's message that says a body; nil where there is none.
func tell(at Stamp, body em.Body) message {
	switch b := body.(type) {
	case *em.Beacon:
		id, err := strconv.ParseUint(b.Beacon, 16, 32)
		if err != nil || b.Radio != "rf" || b.Beacon != beacon(uint32(id)) || b.RSSI.OK && (b.RSSI.V < -128 || b.RSSI.V >= 0) {
			return nil
		}
		return &Contact{Stamp: at.with(!b.Lost), Bracelet: uint32(id), Strength: int8(b.RSSI.V)}
	case *em.Power:
		if *b == (em.Power{Event: em.PowerCut}) || *b == (em.Power{Event: em.PowerRestored}) {
			return &Mains{Stamp: at.with(b.Event == em.PowerRestored)}
		}
	case *em.Tamper:
		if b.What == opened {
			return &Tamper{Stamp: at.with(b.Cleared)}
		}
	}
	return nil
}

// Contact tells of a bracelet. FlagOn: it is in reach.
type Contact struct {
	Head
	Stamp
	Bracelet uint32
	Strength int8 // dBm; 0 unknown
}

// Type returns "contact".
func (*Contact) Type() string { return "contact" }

func (m *Contact) payload(dst []byte) []byte {
	return append(binary.BigEndian.AppendUint32(m.append(dst), m.Bracelet), byte(m.Strength))
}

func (m *Contact) observe() (Stamp, em.Body) {
	b := &em.Beacon{Beacon: beacon(m.Bracelet), Radio: "rf", Lost: !m.on()}
	if m.Strength < 0 {
		b.RSSI = em.Some(int(m.Strength))
	}
	return m.Stamp, b
}

func readContact(h Head, c *wire.Cursor) message {
	return &Contact{h, stamp(c), c.U32("bracelet"), int8(c.U8("strength"))}
}

// beacon is a bracelet's number as it is printed on it.
func beacon(id uint32) string { return fmt.Sprintf("%08X", id) }

// Mains tells that the supply was lost. FlagOn: it is back.
type Mains struct {
	Head
	Stamp
}

// Type returns "mains".
func (*Mains) Type() string { return "mains" }

func (m *Mains) payload(dst []byte) []byte { return m.append(dst) }

func (m *Mains) observe() (Stamp, em.Body) {
	if m.on() {
		return m.Stamp, &em.Power{Event: em.PowerRestored}
	}
	return m.Stamp, &em.Power{Event: em.PowerCut}
}

func readMains(h Head, c *wire.Cursor) message { return &Mains{h, stamp(c)} }
