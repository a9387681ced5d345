package r16h

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// session is the center's side of a conversation, which only listens.
type session struct {
	device em.DeviceID
	linked bool
}

// Handle takes one message of the device.
func (s *session) Handle(_ time.Time, m protocol.Message, out *protocol.Output) error {
	switch m := m.(type) {
	case *Link:
		if err := s.identify(m.IMEI, m.Type()); err != nil {
			return err
		}
		event := em.CommsLogin
		if s.linked {
			event = em.CommsHeartbeat
		}
		s.linked = true
		out.Observe(s.device, time.Time{}, &em.Comms{Event: event})
	case *Position:
		if err := s.identify(m.IMEI, m.Type()); err != nil {
			return err
		}
		s.observe(&m.State, m.fix(), out)
	case *Cells:
		if err := s.identify(m.IMEI, m.Type()); err != nil {
			return err
		}
		s.observe(&m.State, &em.Comms{Event: em.CommsInfo, Cells: m.Cells()}, out)
	case *protocol.Raw:
		// Kept by whoever drives the session; nothing is known to say.
	default:
		return fmt.Errorf("r16h: a device does not send %s: %w", m.Type(), protocol.ErrMalformed)
	}
	return nil
}

func (s *session) identify(imei, what string) error {
	id := deviceID(imei)
	switch {
	case !isIMEI(imei):
		return fmt.Errorf("r16h: %s: %w: not an IMEI of 15 digits", what, protocol.ErrIdentity)
	case s.device != "" && s.device != id:
		return fmt.Errorf("r16h: %s: %w: another device on the connection", what, protocol.ErrIdentity)
	}
	s.device = id
	return nil
}

func (m *Position) fix() *em.Fix {
	fix := &em.Fix{Validity: em.FixInvalid, Source: em.SourceGNSS}
	if p, ok := m.LatLng(); ok {
		fix.LatLng, fix.Validity = p, em.FixCurrent
	}
	if m.Speed.OK {
		fix.Speed = em.Some(float64(m.Speed.V) / 3.6)
	}
	if m.Course.OK {
		fix.Course = em.Some(float64(m.Course.V))
	}
	if m.Altitude.OK {
		fix.Altitude = em.Some(m.Altitude.V.Float())
	}
	return fix
}

// observe tells where the device is, then its state.
func (s *session) observe(m *State, where em.Body, out *protocol.Output) {
	observe := func(b em.Body) { out.Observe(s.device, m.Time, b).Stored = m.Stored }
	observe(where)
	strap := &em.Tamper{What: em.TamperStrap, Code: string(rune(m.Strap)), Cleared: !m.Open()}
	if m.Alarm == "ULK" {
		strap.Code = m.Alarm
	}
	observe(strap)
	power := &em.Power{}
	switch m.Alarm {
	case "", "ULK":
	case "SOS":
		observe(&em.Alarm{What: em.AlarmSOS, Code: m.Alarm})
	case "LBT":
		power.Event = em.PowerLow
	default:
		observe(&em.Alarm{What: em.AlarmOther, Code: m.Alarm})
	}
	if m.Battery.OK {
		power.Level = em.Some(float64(m.Battery.V) / 100)
	}
	if *power != (em.Power{}) {
		observe(power)
	}
}

// Deadline is never: there is nothing to answer.
func (s *session) Deadline() time.Time { return time.Time{} }

// Wake does nothing.
func (s *session) Wake(time.Time, *protocol.Output) error { return nil }

// Device is "r16h:" and the IMEI.
func (s *session) Device() em.DeviceID { return s.device }
