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
	title  = "Bracelet of the dialect scaffold"
	opened = em.TamperStrap // what a Tamper is about
)

var kinds = []kind{
	{0x01, "position", readPosition, stamped(degrees("latitude"), degrees("longitude"))},
	{0x02, "status", readStatus, stamped(layout.Uint("battery", 1))},
	{0x03, "tamper", readTamper, stamped()},
	{0x04, "heartbeat", readHeartbeat, nil},
	{0x81, "ack", readAck, nil},
}

var commands []protocol.CommandKind // none; a session that takes some is a protocol.Commander

// tell returns the simulator's message that says a body; nil where there is none.
func tell(at Stamp, body em.Body) message {
	switch b := body.(type) {
	case *em.Fix: // speed and course have no place in the message
		current := b.Validity == em.FixCurrent
		if !current && b.Validity != em.FixInvalid || current && !b.Valid() {
			return nil
		}
		m := &Position{Stamp: at.with(current)}
		if current {
			m.Lat, m.Lng = int32(math.Round(b.Lat*1e7)), int32(math.Round(b.Lng*1e7))
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

// Position tells where the device is. FlagOn: it knows.
type Position struct {
	Head
	Stamp
	Lat, Lng int32 // 1e-7 degrees
}

// Type returns "position".
func (*Position) Type() string { return "position" }

func (m *Position) payload(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(m.append(dst), uint32(m.Lat))
	return binary.BigEndian.AppendUint32(dst, uint32(m.Lng))
}

func (m *Position) observe() (Stamp, em.Body) {
	fix := &em.Fix{LatLng: em.LatLng{Lat: float64(m.Lat) / 1e7, Lng: float64(m.Lng) / 1e7}, Validity: em.FixCurrent, Source: em.SourceGNSS}
	if !m.on() || !fix.Valid() {
		fix = &em.Fix{Validity: em.FixInvalid, Source: em.SourceGNSS}
	}
	return m.Stamp, fix
}

func readPosition(h Head, c *wire.Cursor) message {
	return &Position{h, stamp(c), int32(c.U32("latitude")), int32(c.U32("longitude"))}
}

func degrees(name string) layout.Node { return layout.Uint(name, 4).Signed().Scale(1e7, 7).Unit("°") }
