package sanav

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/nmea"
)

// session is the center's side of a conversation, which only listens. It knows
// the device from the first report.
type session struct {
	account  Account // of commands
	device   em.DeviceID
	bracelet string    // that the unit heard last; empty where it is out of reach
	heard    time.Time // when, by the unit's clock
}

// Handle takes one frame of the device.
func (s *session) Handle(_ time.Time, m protocol.Message, out *protocol.Output) error {
	switch m := m.(type) {
	case *Report:
		if err := s.identify(m.IMEI, m.Type()); err != nil {
			return err
		}
		s.report(m, out)
	case *Legacy:
		if m.Path != "" {
			out.Send = append(out.Send, &HTTPReply{})
		}
		if err := s.identify(m.IMEI, m.Type()); err != nil {
			return err
		}
		s.legacy(m, out)
	case *Reply:
		if s.device == "" {
			return fmt.Errorf("sanav: %s: %w", m.Type(), protocol.ErrNoIdentity)
		}
		out.Observe(s.device, time.Time{}, &em.Comms{Event: em.CommsReply, Text: m.Text})
	case *protocol.Raw:
		// Kept by whoever drives the session; nothing is known to say or answer.
	default:
		return fmt.Errorf("sanav: a device does not send %s: %w", m.Type(), protocol.ErrMalformed)
	}
	return nil
}

// identify checks the identity of a report against the conversation's.
func (s *session) identify(identity, what string) error {
	id := deviceID(identity)
	switch {
	case !nmea.Word(identity, maxIdentity):
		return fmt.Errorf("sanav: %s: %w: not 1 to %d letters, digits and - . _", what, protocol.ErrIdentity, maxIdentity)
	case s.device != "" && s.device != id:
		return fmt.Errorf("sanav: %s: %w: another device on the connection", what, protocol.ErrIdentity)
	}
	s.device = id
	return nil
}

// eventBody returns what an event says, nil for a routine report.
func eventBody(event string) em.Body {
	switch event {
	case "", "AUTO", "STOP":
		return nil
	case "ST":
		return &em.Tamper{What: em.TamperStrap, Code: event}
	case "TT":
		return &em.Tamper{What: em.TamperOther, Code: event}
	}
	return &em.Alarm{What: em.AlarmOther, Code: event}
}

// fix returns the position of a sentence.
func fix(r *nmea.RMC, hdop em.Opt[em.Decimal]) *em.Fix {
	v := &em.Fix{Validity: em.FixInvalid, Source: em.SourceGNSS, HDOP: float(hdop), Speed: float(r.Speed), Course: float(r.Course)}
	v.Speed.V *= nmea.Knot
	p, ok := nmea.LatLng(r.Lat, r.Lng)
	v.LatLng = p
	if ok && r.Status == 'A' {
		v.Validity = em.FixCurrent
	}
	return v
}

func float(d em.Opt[em.Decimal]) em.Opt[float64] {
	if !d.OK {
		return em.Opt[float64]{}
	}
	return em.Some(d.V.Float())
}

// notes collects what only people read.
type notes []em.Field

func (n *notes) add(name, value string) {
	if value != "" {
		*n = append(*n, em.Field{Name: name, Value: value})
	}
}

func addUint[T nmea.Unsigned](n *notes, name string, v em.Opt[T]) {
	if v.OK {
		n.add(name, strconv.FormatUint(uint64(v.V), 10))
	}
}

func (s *session) report(m *Report, out *protocol.Output) {
	at := m.RMC.Time
	out.Observe(s.device, at, fix(&m.RMC, m.HDOP))
	event := eventBody(m.Event)
	if event != nil {
		out.Observe(s.device, at, event)
	}
	s.contact(m.Bracelet, at, out)
	if m.Millivolts.OK {
		out.Observe(s.device, at, &em.Power{Volts: em.Some(float64(m.Millivolts.V) / 1000)})
	}
	comms := &em.Comms{Event: em.CommsHeartbeat}
	if event != nil {
		comms.Event = em.CommsInfo
	}
	if m.CSQ.OK && m.CSQ.V <= 31 {
		comms.Signal = em.Some(float64(m.CSQ.V) / 31)
	}
	if cell, ok := m.Cell(); ok {
		comms.Cells = []em.Cell{cell}
	}
	out.Observe(s.device, at, comms)
	var n notes
	n.add("event", m.Event)
	addUint(&n, "counter", m.Counter)
	for i, v := range m.Reserved {
		n.add("reserved"+strconv.Itoa(i+1), v)
	}
	if m.Sensitivity.OK {
		n.add("gps_sensitivity", m.Sensitivity.V.String())
	}
	addUint(&n, "cell_level", m.Level)
	n.add("neighbours", strings.TrimPrefix(m.Neighbours, ","))
	out.Observe(s.device, at, &em.Vendor{Name: "report", Fields: n})
}

// contact tells the bracelet that a report names, or that the one before is out
// of reach. A report of an earlier time than the last contact says nothing of a
// loss.
func (s *session) contact(bracelet string, at time.Time, out *protocol.Output) {
	switch {
	case bracelet != "":
		out.Observe(s.device, at, &em.Beacon{Beacon: bracelet, Radio: "rf"})
		if !at.Before(s.heard) {
			s.bracelet, s.heard = bracelet, at
		}
	case s.bracelet != "" && at.After(s.heard):
		out.Observe(s.device, at, &em.Beacon{Beacon: s.bracelet, Radio: "rf", Lost: true})
		s.bracelet, s.heard = "", at
	}
}

func (s *session) legacy(m *Legacy, out *protocol.Output) {
	at := m.RMC.Time
	out.Observe(s.device, at, fix(&m.RMC, em.Opt[em.Decimal]{}))
	name, _ := m.Event()
	event := eventBody(name)
	if event != nil {
		out.Observe(s.device, at, event)
	}
	var power em.Power
	power.Volts, power.Level = m.Battery()
	var n notes
	if io := m.IO(); io.OK {
		power.Charging = em.Some(io.V.Charging())
		if io.V.LowBattery() {
			power.Event = em.PowerLow
		}
		n.add("inputs", fmt.Sprintf("%05b", io.V.Inputs()))
		n.add("ignition", strconv.FormatBool(io.V.Ignition()))
		n.add("outputs", fmt.Sprintf("%02b", io.V.Outputs()))
	}
	if power != (em.Power{}) {
		out.Observe(s.device, at, &power)
	}
	comms := &em.Comms{Event: em.CommsHeartbeat}
	if event != nil {
		comms.Event = em.CommsInfo
	}
	out.Observe(s.device, at, comms)
	n.add("fields", strings.Join(m.Fields, ","))
	if len(n) > 0 {
		out.Observe(s.device, at, &em.Vendor{Name: "report", Fields: n})
	}
}

// Deadline is never: there is nothing to answer.
func (s *session) Deadline() time.Time { return time.Time{} }

// Wake does nothing.
func (s *session) Wake(time.Time, *protocol.Output) error { return nil }

// Device is "sanav:" and the IMEI.
func (s *session) Device() em.DeviceID { return s.device }
