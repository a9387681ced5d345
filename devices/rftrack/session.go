package rftrack

import (
	"fmt"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/nmea"
)

// Name is the dialect's name and the first part of its DeviceIDs.
const Name = "rftrack"

// Limits of a session.
const (
	lostAfter   = 5 * time.Minute // without a heartbeat of the bracelet
	stale       = 5 * time.Minute // a fix older than its report by this is no current one
	maxCommands = 16              // that wait for the unit's next report
	maxCommand  = 1024            // bytes
)

// Device returns the dialect. Its Link serves HTTP/1.1 by itself, one connection a
// unit; behind an HTTP server use [NewHandler].
func Device() protocol.Device {
	return protocol.Device{
		Name:     Name,
		Title:    "RF-Track monitoring unit with a paired radio bracelet (HTTP)",
		Codec:    Codec{},
		MaxFrame: MaxFrame,
		Sessions: func(protocol.SessionConfig) protocol.Session { return &session{} },
		Simulator: func(identity string, seed uint64) (protocol.Simulator, error) {
			s, err := newSimulator(identity, seed)
			if err != nil {
				return nil, err // not a nil *simulator
			}
			return s, nil
		},
		Match:    match,
		Commands: []protocol.CommandKind{protocol.CommandVendor},
	}
}

// match knows the request line.
func match(b []byte) protocol.Match {
	const line = postStart + path + " "
	switch n := min(len(b), len(line)); {
	case string(b[:n]) != line[:n]:
		return protocol.No
	case n == len(line):
		return protocol.Yes
	}
	return protocol.Maybe
}

func deviceID(unit string) em.DeviceID { return em.DeviceID(Name + ":" + unit) }

// session is the center's side with one unit.
type session struct {
	device em.DeviceID
	status uint16   // of the bracelet, last
	queue  []string // commands for the next replies
}

func (s *session) Device() em.DeviceID { return s.device }
func (*session) Deadline() time.Time   { return time.Time{} }

func (*session) Wake(time.Time, *protocol.Output) error { return nil }

// Handle takes a report. What is wrong with a form the codec has said.
func (s *session) Handle(_ time.Time, m protocol.Message, out *protocol.Output) error {
	r, ok := m.(*Report)
	if !ok {
		out.Send = append(out.Send, &Reply{Status: 400, Body: "{}"})
		return fmt.Errorf("rftrack: %s from a unit: %w", m.Type(), protocol.ErrMalformed)
	}
	switch id := deviceID(r.Unit()); {
	case !nmea.Word(r.Unit(), 32), s.device != "" && s.device != id:
		out.Send = append(out.Send, &Reply{Status: 400, Body: "{}"})
		return fmt.Errorf("rftrack: %w: another unit, or none", protocol.ErrIdentity)
	default:
		s.device = id
	}
	at := r.Time()
	s.position(r, at, out)
	s.bracelet(r, at, out)
	s.battery(r, at, out)
	s.radio(r, at, out)
	s.tamper(r, at, out)
	body := "{}"
	if len(s.queue) > 0 {
		body, s.queue = s.queue[0], s.queue[1:]
	}
	out.Send = append(out.Send, &Reply{Status: 200, Body: body})
	return nil
}

func (s *session) position(r *Report, at time.Time, out *protocol.Output) {
	v, _ := r.Get("gps")
	g, err := gpsOf(v)
	if err != nil { // also for a form without
		out.Observe(s.device, at, &em.Fix{Validity: em.FixInvalid, Source: em.SourceGNSS})
		return
	}
	f := &em.Fix{LatLng: em.LatLng{Lat: g.Lat.V, Lng: g.Lng.V}, Validity: em.FixCurrent, Source: em.SourceGNSS,
		Satellites: g.Satellites, Altitude: g.Altitude}
	if g.Accuracy.V > 0 {
		f.Accuracy = g.Accuracy
	}
	if g.Time.V > 0 {
		fixed := time.UnixMilli(g.Time.V).UTC()
		if !at.IsZero() && at.Sub(fixed) > stale {
			f.Validity = em.FixLastKnown
		} else {
			at = fixed
		}
	}
	out.Observe(s.device, at, f)
}

// tamper observes the bracelet's status while it is not normal, and when it is
// again. It comes last: a report that is sent again after it was normal again has
// it no more, and the places of the others must not change.
func (s *session) tamper(r *Report, at time.Time, out *protocol.Output) {
	rc := r.number("rc")
	if !rc.OK {
		return
	}
	status, code := uint16(rc.V>>16), uint16(rc.V)
	if status != 0 || s.status != 0 {
		out.Observe(s.device, at, &em.Tamper{What: em.TamperOther, Cleared: status == 0, Code: fmt.Sprintf("%04x:%04x", status, code)})
	}
	s.status = status
}

// bracelet observes the contact with the paired bracelet, and its counters.
func (s *session) bracelet(r *Report, at time.Time, out *protocol.Output) {
	id, _ := r.Get("id")
	idt, mt := r.number("idt"), r.number("mt")
	heard := counter(idt.V, 45)
	if id != "" && id != "0" && idt.OK {
		b := &em.Beacon{Beacon: id, Radio: "rf", Lost: !heard.OK || heard.V > lostAfter}
		when := at
		if !b.Lost && !at.IsZero() {
			when = at.Add(-heard.V)
		}
		out.Observe(s.device, when, b)
	}
	v := &em.Vendor{Name: "rftrack.bracelet"}
	add := func(name, value string) { v.Fields = append(v.Fields, em.Field{Name: name, Value: value}) }
	ago := func(name string, d em.Opt[time.Duration]) {
		if d.OK {
			add(name, d.V.String())
		} else {
			add(name, "never")
		}
	}
	if idt.OK {
		ago("heartbeat", heard)
		ago("paired", counter(idt.V, 30))
		ago("unpaired", counter(idt.V, 15))
		ago("fourth", counter(idt.V, 0))
	}
	if mt.OK {
		ago("unit moved", counter(mt.V, 0))
		ago("bracelet moved", counter(mt.V, 15))
	}
	for _, name := range []string{"rc", "i_ids", "u_ids", "bar", "cob", "dbm"} {
		if t, ok := r.Get(name); ok && t != "" {
			add(name, strings.ToValidUTF8(t, "?"))
		}
	}
	if v.Fields != nil {
		out.Observe(s.device, at, v)
	}
}

func (s *session) battery(r *Report, at time.Time, out *protocol.Output) {
	bat := r.number("bat")
	if !bat.OK {
		return
	}
	if level := bat.V & 0xFF; level <= 100 {
		p := &em.Power{Level: em.Some(float64(level) / 100)}
		if bat.V>>12&0xF == 1 {
			p.Charging = em.Some(true)
		}
		out.Observe(s.device, at, p)
	}
	out.Observe(s.device, at, &em.Vendor{Name: "rftrack.supply", Fields: []em.Field{
		{Name: "plug", Value: fmt.Sprint(bat.V >> 8 & 0xF)}, {Name: "charge", Value: fmt.Sprint(bat.V >> 12 & 0xF)}}})
}

func (s *session) radio(r *Report, at time.Time, out *protocol.Output) {
	c := &em.Comms{Event: em.CommsHeartbeat}
	firmware, _ := r.Get("v")
	c.Text = strings.ToValidUTF8(firmware, "?")
	var g GSM
	if r.decode("gsm", &g) {
		for _, l := range g.Cells {
			c.Cells = append(c.Cells, em.Cell{MCC: g.MCC, MNC: g.MNC, LAC: l.LAC, CID: l.CID})
		}
	}
	var aps []AccessPoint
	if r.decode("wifi", &aps) {
		for _, a := range aps {
			c.WiFi = append(c.WiFi, em.AccessPoint{MAC: strings.ToLower(strings.ReplaceAll(a.MAC, "-", ":")), RSSI: em.Some(a.RSSI)})
		}
	}
	out.Observe(s.device, at, c)
}

// Command puts a text into the reply to the unit's next report. The dialect has
// no answer.
func (s *session) Command(_ time.Time, c protocol.Command) (protocol.Order, error) {
	switch {
	case c.Kind != protocol.CommandVendor, c.Text == "", len(c.Text) > maxCommand:
		return protocol.Order{}, fmt.Errorf("rftrack: command %q: %w", c.Kind, protocol.ErrUnsupported)
	case s.device == "":
		return protocol.Order{}, fmt.Errorf("rftrack: command: %w", protocol.ErrNoIdentity)
	case len(s.queue) >= maxCommands:
		return protocol.Order{}, fmt.Errorf("rftrack: %d commands wait: %w", len(s.queue), protocol.ErrUnsupported)
	}
	s.queue = append(s.queue, c.Text)
	return protocol.Order{}, nil
}
