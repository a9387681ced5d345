package megastek

import (
	"fmt"
	"strconv"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/nmea"
)

// session is the center's side of a conversation, which only listens. It knows
// the device from the first frame with an identity.
type session struct{ device em.DeviceID }

// maxIdentity bounds identities: an IMEI has 15 digits, a padded one 16 signs.
const maxIdentity = 20

// Handle takes one frame of the device.
func (s *session) Handle(_ time.Time, m protocol.Message, out *protocol.Output) error {
	switch m := m.(type) {
	case *Report:
		if err := s.identify(m.IMEI, m.Type()); err != nil {
			return err
		}
		s.tell(m.observe(), out)
	case *STX:
		id := m.IMEI
		if id == "" {
			id = m.ID
		}
		if err := s.identify(id, m.Type()); err != nil {
			return err
		}
		s.tell(m.observe(), out)
	case *STXPadded:
		if err := s.identify(m.ID, m.Type()); err != nil {
			return err
		}
		s.tell(m.observe(), out)
	case *AssistRequest, *protocol.Raw:
		// The first is for somebody else; the second is kept by whoever drives
		// the session, and nothing is known to say.
	default:
		return fmt.Errorf("megastek: a device does not send %s: %w", m.Type(), protocol.ErrMalformed)
	}
	return nil
}

// identify checks the identity of a frame against the conversation's.
func (s *session) identify(identity, what string) error {
	id := deviceID(identity)
	switch {
	case identity == "" && s.device == "":
		return fmt.Errorf("megastek: %s: %w", what, protocol.ErrNoIdentity)
	case identity == "":
		return nil
	case !nmea.Word(identity, maxIdentity):
		return fmt.Errorf("megastek: %s: %w: not 1 to %d letters, digits and - . _", what, protocol.ErrIdentity, maxIdentity)
	case s.device != "" && s.device != id:
		return fmt.Errorf("megastek: %s: %w: another device on the connection", what, protocol.ErrIdentity)
	}
	s.device = id
	return nil
}

// observed is what a frame of any form says.
type observed struct {
	at     time.Time
	stored bool
	fix    em.Fix
	alert  string
	power  em.Power
	comms  em.Comms
	vendor em.Vendor
}

func (s *session) tell(v observed, out *protocol.Output) {
	observe := func(b em.Body) { out.Observe(s.device, v.at, b).Stored = v.stored }
	observe(&v.fix)
	event := alertBody(v.alert)
	v.comms.Event = em.CommsHeartbeat
	if event != nil {
		v.comms.Event = em.CommsInfo
		if p, ok := event.(*em.Power); ok {
			v.power.Event = p.Event
			if p.External.OK {
				v.power.External = p.External
			}
		} else {
			observe(event)
		}
	}
	if v.power != (em.Power{}) {
		observe(&v.power)
	}
	observe(&v.comms)
	if len(v.vendor.Fields) > 0 {
		v.vendor.Name = "wearer and sensors"
		observe(&v.vendor)
	}
}

// level returns a percentage as a part of 1; absent above 100.
func level(percent em.Opt[uint16]) em.Opt[float64] {
	if !percent.OK || percent.V > 100 {
		return em.Opt[float64]{}
	}
	return em.Some(float64(percent.V) / 100)
}

// radio fills in cell and signal; levels above 31 mean that it is not known.
func (v *observed) radio(c Cell, gsm em.Opt[uint16]) {
	if cell, ok := c.cell(); ok {
		v.comms.Cells = []em.Cell{cell}
	}
	if gsm.OK && gsm.V <= 31 {
		v.comms.Signal = em.Some(float64(gsm.V) / 31)
	}
}

func (v *observed) note(name, value string) {
	if value != "" {
		v.vendor.Fields = append(v.vendor.Fields, em.Field{Name: name, Value: value})
	}
}

func noteUint[T nmea.Unsigned](v *observed, name string, n em.Opt[T]) {
	if n.OK {
		v.note(name, strconv.FormatUint(uint64(n.V), 10))
	}
}

// newFix returns a fix of that validity, or an invalid one where the position
// is absent.
func newFix(lat, lng nmea.Coord, validity em.FixValidity, speed, course em.Opt[em.Decimal]) em.Fix {
	fix := em.Fix{Validity: em.FixInvalid, Source: em.SourceGNSS, Speed: float(speed), Course: float(course)}
	fix.Speed.V *= nmea.Knot
	if p, ok := nmea.LatLng(lat, lng); ok {
		fix.LatLng, fix.Validity = p, validity
	}
	return fix
}

func float(d em.Opt[em.Decimal]) em.Opt[float64] {
	if !d.OK {
		return em.Opt[float64]{}
	}
	return em.Some(d.V.Float())
}

func count(n em.Opt[uint8]) em.Opt[int] { return em.Opt[int]{V: int(n.V), OK: n.OK} }

func (m *Report) observe() observed {
	validity := em.FixInvalid
	if m.Status == 'A' {
		validity = em.FixCurrent
	}
	v := observed{at: m.Time, stored: m.Stored, alert: m.Alert, fix: newFix(m.Lat, m.Lng, validity, m.Speed, m.Course)}
	v.fix.Satellites, v.fix.HDOP, v.fix.Altitude = count(m.Satellites), float(m.HDOP), float(m.Altitude)
	v.power = em.Power{Level: level(m.Battery), Charging: m.Charging()}
	v.radio(m.Cell, m.GSM)
	v.comms.WiFi = m.WiFi()
	if belt := m.Belt(); belt.OK {
		v.note("belt", strconv.Itoa(belt.V))
	}
	noteUint(&v, "heart_rate", m.HeartRate)
	if h := m.Health; h != nil {
		noteUint(&v, "heart_rate", h.HeartRate)
		noteUint(&v, "steps", h.Steps)
		noteUint(&v, "activity", h.Activity)
		noteUint(&v, "light_sleep", h.LightSleep)
		noteUint(&v, "deep_sleep", h.DeepSleep)
	}
	for i, t := range m.Temperature {
		if t.OK {
			v.note("celsius"+strconv.Itoa(i+1), t.V.String())
		}
	}
	v.note("rfid", m.RFID)
	return v
}

// sentenceFix returns the fix of an RMC sentence; last: the frame says that it
// is the last known one.
func sentenceFix(r *nmea.RMC, last bool) em.Fix {
	validity := em.FixInvalid
	switch {
	case r.Status == 'A' && last:
		validity = em.FixLastKnown
	case r.Status == 'A':
		validity = em.FixCurrent
	}
	return newFix(r.Lat, r.Lng, validity, r.Speed, r.Course)
}

func (m *STX) observe() observed {
	v := observed{at: m.RMC.Time, stored: m.Stored, alert: m.Alert, fix: sentenceFix(&m.RMC, m.Fix == 'L')}
	v.fix.Satellites, v.fix.Altitude = count(m.Satellites), float(m.Altitude)
	v.power = em.Power{Level: level(m.Battery), Charging: m.Charging}
	v.radio(m.Cell, em.Opt[uint16]{})
	return v
}

func (m *STXPadded) observe() observed {
	v := observed{at: m.RMC.Time, stored: m.Stored, alert: m.Alert, fix: sentenceFix(&m.RMC, false)}
	v.power = em.Power{Level: level(m.Battery)}
	v.radio(m.Cell, m.GSM)
	return v
}

// Deadline is never: there is nothing to answer.
func (s *session) Deadline() time.Time { return time.Time{} }

// Wake does nothing.
func (s *session) Wake(time.Time, *protocol.Output) error { return nil }

// Device is "megastek:" and the IMEI, or the identity of the oldest form.
func (s *session) Device() em.DeviceID { return s.device }
