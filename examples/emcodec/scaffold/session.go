package scaffold

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// session is the center's side of a conversation: it acknowledges all that the
// device says. Each message carries the identity, so that there is no login.
type session struct{ device em.DeviceID }

// Handle takes one message of the device.
func (s *session) Handle(_ time.Time, m protocol.Message, out *protocol.Output) error {
	if _, ok := m.(*protocol.Raw); ok {
		return nil // kept by whoever drives the session; nothing is known to answer
	}
	h, ok := m.(interface{ head() *Head })
	if _, ack := m.(*Ack); ack || !ok {
		return fmt.Errorf("scaffold: a device does not send %s: %w", m.Type(), protocol.ErrMalformed)
	}
	id := deviceID(h.head().IMEI)
	if s.device != "" && s.device != id {
		return fmt.Errorf("scaffold: %s: %w: another device on the connection", m.Type(), protocol.ErrIdentity)
	}
	s.device = id
	observe := func(at Stamp, b em.Body) { out.Observe(id, at.At(), b).Stored = at.stored() }
	switch m := m.(type) {
	case *Position:
		fix := &em.Fix{Validity: em.FixInvalid, Source: em.SourceGNSS}
		if p, ok := m.LatLng(); ok {
			fix.LatLng, fix.Validity = p, em.FixCurrent
		}
		observe(m.Stamp, fix)
	case *Status:
		power := &em.Power{}
		if m.on() {
			power.Event = em.PowerLow
		}
		if m.Battery <= 100 {
			power.Level = em.Some(float64(m.Battery) / 100)
		}
		observe(m.Stamp, power)
	case *Strap:
		observe(m.Stamp, &em.Tamper{What: em.TamperStrap, Cleared: m.on()})
	case *Heartbeat:
		observe(Stamp{}, &em.Comms{Event: em.CommsHeartbeat})
	}
	out.Send = append(out.Send, &Ack{*h.head()})
	return nil
}

// Deadline is never.
func (s *session) Deadline() time.Time { return time.Time{} }

// Wake does nothing.
func (s *session) Wake(time.Time, *protocol.Output) error { return nil }

// Device is "scaffold:" and the IMEI.
func (s *session) Device() em.DeviceID { return s.device }
