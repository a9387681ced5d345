package laipac

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/nmea"
)

// session is the center's side of a conversation. It knows the device from the
// first sentence with a unit number.
type session struct {
	config Config
	device em.DeviceID
}

// identify checks the unit number of a sentence against the conversation's.
func (s *session) identify(unit, what string) error {
	id := deviceID(unit)
	switch {
	case unit == "" && s.device == "":
		return fmt.Errorf("laipac: %s: %w", what, protocol.ErrNoIdentity)
	case unit == "":
		return nil
	case !nmea.Word(unit, maxWord):
		return fmt.Errorf("laipac: %s: %w: not 1 to %d letters, digits and - . _", what, protocol.ErrIdentity, maxWord)
	case s.device != "" && s.device != id:
		return fmt.Errorf("laipac: %s: %w: another unit on the connection", what, protocol.ErrIdentity)
	}
	s.device = id
	return nil
}

// Handle takes one sentence of the device.
func (s *session) Handle(_ time.Time, m protocol.Message, out *protocol.Output) error {
	switch m := m.(type) {
	case *Report:
		if err := s.identify(m.Unit, m.Type()); err != nil {
			return err
		}
		s.report(m, out)
		if m.WantsAck() {
			out.Send = append(out.Send, &Ack{m.Event, m.Check})
		}
		if code := ReleaseCode(m.Event); code != "" && s.config.Release {
			out.Send = append(out.Send, &Release{s.config.Password, code})
		}
	case *KeepAlive:
		if err := s.identify(m.Unit, m.Type()); err != nil {
			return err
		}
		out.Observe(s.device, time.Time{}, &em.Comms{Event: em.CommsHeartbeat})
		out.Send = append(out.Send, m)
	case *System:
		if err := s.identify(m.Unit, m.Type()); err != nil {
			return err
		}
		out.Observe(s.device, time.Time{}, &em.Comms{Event: em.CommsLogin, Text: "firmware " + m.Firmware})
		out.Observe(s.device, time.Time{}, &em.Vendor{Name: "system", Fields: []em.Field{
			{Name: "firmware", Value: m.Firmware}, {Name: "serial", Value: m.Serial}, {Name: "memory", Value: m.Memory}}})
	case *SIM:
		if err := s.identify(m.Unit, m.Type()); err != nil {
			return err
		}
		out.Observe(s.device, time.Time{}, &em.Comms{Event: em.CommsInfo, Text: "firmware " + m.Firmware})
		out.Observe(s.device, time.Time{}, &em.Vendor{Name: "sim", Fields: []em.Field{
			{Name: "iccid", Value: m.ICCID}, {Name: "phone", Value: m.Phone}, {Name: "owner", Value: m.Owner}}})
	case *protocol.Raw:
		// Kept by whoever drives the session; nothing is known to say or answer.
	default:
		return fmt.Errorf("laipac: a device does not send %s: %w", m.Type(), protocol.ErrMalformed)
	}
	return nil
}

func (s *session) report(m *Report, out *protocol.Output) {
	fix := &em.Fix{Validity: em.FixInvalid, Source: em.SourceGNSS}
	p, ok := nmea.LatLng(m.Lat, m.Lng)
	fix.LatLng = p
	switch {
	case !ok: // whatever the status says
	case m.Status == 'A' || m.Status == 'a':
		fix.Validity = em.FixCurrent
	case (m.Status == 'V' || m.Status == 'v') || p == em.LatLng{}: // 0,0: never fixed
	default:
		fix.Validity = em.FixLastKnown
	}
	if m.Speed.OK {
		fix.Speed = em.Some(m.Speed.V.Float() * nmea.Knot)
	}
	if m.Course.OK {
		fix.Course = em.Some(m.Course.V.Float())
	}
	out.Observe(s.device, m.Time, fix)

	volts := m.Volts()
	event := eventBody(m.Event, volts)
	if event != nil {
		out.Observe(s.device, m.Time, event)
	}
	if _, power := event.(*em.Power); volts.OK && !power {
		out.Observe(s.device, m.Time, &em.Power{Volts: volts})
	}
	if cell, ok := m.Cell(); ok {
		out.Observe(s.device, m.Time, &em.Comms{Event: em.CommsInfo, Cells: []em.Cell{cell}})
	}
}

// Deadline is never: the dialect asks nothing of the center at a time.
func (s *session) Deadline() time.Time { return time.Time{} }

// Wake does nothing.
func (s *session) Wake(time.Time, *protocol.Output) error { return nil }

// Device is "laipac:" and the unit number.
func (s *session) Device() em.DeviceID { return s.device }
