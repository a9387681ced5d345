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
	said, ok := m.(message)
	_, ack := m.(*Ack)
	_, command := m.(order)
	if !ok || ack || command {
		return fmt.Errorf("scaffold: a device does not send %s: %w", m.Type(), protocol.ErrMalformed)
	}
	id := deviceID(said.head().Identity)
	if s.device != "" && s.device != id {
		return fmt.Errorf("scaffold: %s: %w: another device on the connection", m.Type(), protocol.ErrIdentity)
	}
	s.device = id
	if at, body := said.observe(); body != nil {
		out.Observe(id, at.At(), body).Stored = at.stored()
	}
	out.Send = append(out.Send, &Ack{*said.head()})
	return nil
}

// Deadline is never.
func (s *session) Deadline() time.Time { return time.Time{} }

// Wake does nothing.
func (s *session) Wake(time.Time, *protocol.Output) error { return nil }

// Device is "scaffold:" and the identity.
func (s *session) Device() em.DeviceID { return s.device }
