package watch3g

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// session is the center's side of a conversation. Each message has the device's
// number.
type session struct {
	device em.DeviceID
	last   Header
}

// Address returns the header of the last message of a session's device, to make
// commands with. ok is false before the first, and for others' sessions.
func Address(s protocol.Session) (h Header, ok bool) {
	w, ok := s.(*session)
	if !ok || w.device == "" {
		return Header{}, false
	}
	return w.last, true
}

// Handle takes one message of the device.
func (s *session) Handle(_ time.Time, m protocol.Message, out *protocol.Output) error {
	h, ok := m.(interface{ header() *Header })
	if _, raw := m.(*protocol.Raw); raw {
		return nil // kept by whoever drives the session; nothing is known to say or answer
	}
	if _, answer := m.(*Answer); answer || !ok {
		return fmt.Errorf("watch3g: a device does not send %s: %w", m.Type(), protocol.ErrMalformed)
	}
	if err := s.identify(*h.header(), m.Type()); err != nil {
		return err
	}
	switch m := m.(type) {
	case *Init:
		s.observe(out, &em.Comms{Event: em.CommsLogin}) // the fields hold telephone numbers
		out.Send = append(out.Send, &Init{m.Header, []string{"1"}})
	case *KeepAlive:
		s.keepAlive(m, out)
		out.Send = append(out.Send, &KeepAlive{Header: m.Header})
	case *Position:
		s.position(m, out)
		if base(m.Keyword) == "AL" {
			out.Send = append(out.Send, &Answer{m.Header, "AL"})
		}
	case *VoiceQuery:
		s.observe(out, &em.Comms{Event: em.CommsInfo, Text: m.Keyword})
		out.Send = append(out.Send, m)
	case *Voice:
		// Sound is the wearer's: that there is some is told, not what it says.
		s.observe(out, &em.Vendor{Name: "voice", Fields: []em.Field{{Name: "keyword", Value: m.Keyword}, {Name: "bytes", Value: strconv.Itoa(len(m.Data))}}})
		if base(m.Keyword) == "JXTK" {
			out.Send = append(out.Send, &Answer{m.Header, "JXTKR,1"})
		}
	case *Sensor:
		s.observe(out, m.vendor())
	case *Command:
		s.observe(out, &em.Comms{Event: em.CommsReply, Text: strings.Join(append([]string{m.Keyword}, m.Args...), ",")})
	}
	return nil
}

func (s *session) identify(h Header, what string) error {
	id := deviceID(h.ID)
	switch {
	case !isIdentity(h.ID):
		return fmt.Errorf("watch3g: %s: %w: not 1 to %d digits", what, protocol.ErrIdentity, maxIdentity)
	case s.device != "" && s.device != id:
		return fmt.Errorf("watch3g: %s: %w: another device on the connection", what, protocol.ErrIdentity)
	}
	s.device, s.last = id, h
	return nil
}

func isIdentity(id string) bool {
	return id != "" && len(id) <= maxIdentity && strings.Trim(id, "0123456789") == ""
}

// observe tells what has no time of its own.
func (s *session) observe(out *protocol.Output, b em.Body) { out.Observe(s.device, time.Time{}, b) }

func (s *session) keepAlive(m *KeepAlive, out *protocol.Output) {
	s.observe(out, &em.Comms{Event: em.CommsHeartbeat})
	v := &em.Vendor{Name: "wearer"}
	for i, f := range m.Fields {
		name := "field" + strconv.Itoa(i+1)
		if len(m.Fields) == 3 {
			name = [...]string{"steps", "rolls", "battery"}[i]
		}
		if percent, err := strconv.ParseUint(f, 10, 8); name == "battery" && err == nil && percent <= 100 {
			s.observe(out, &em.Power{Level: em.Some(float64(percent) / 100)})
			continue
		}
		v.Fields = append(v.Fields, em.Field{Name: name, Value: f})
	}
	if len(v.Fields) > 0 {
		s.observe(out, v)
	}
}

// alarms are what the bits say; state is told in an AL alone.
var alarms = []struct {
	bit   Bits
	state bool
	body  em.Body
}{
	{AlarmRemoval, false, &em.Tamper{What: em.TamperRemoval, Code: "bit 20"}},
	{AlarmSOS, false, &em.Alarm{What: em.AlarmSOS, Code: "bit 16"}},
	{AlarmFall, false, &em.Alarm{What: em.AlarmFall, Code: "bit 21"}},
	{AlarmFall2, false, &em.Alarm{What: em.AlarmFall, Code: "bit 22"}},
	{AlarmOutside, false, &em.Alarm{What: em.AlarmFenceOut, Code: "bit 18"}},
	{AlarmInside, false, &em.Alarm{What: em.AlarmFenceIn, Code: "bit 19"}},
	{BitOutside, true, &em.Alarm{What: em.AlarmFenceOut, Code: "bit 1"}},
	{BitInside, true, &em.Alarm{What: em.AlarmFenceIn, Code: "bit 2"}},
}

func (s *session) position(m *Position, out *protocol.Output) {
	observe := func(b em.Body) { out.Observe(s.device, m.Time, b).Stored = m.Stored() }
	around := m.Surroundings()
	fix, certain := m.fix(around.MCC)
	observe(fix)
	bits := m.Bits.V
	for _, a := range alarms {
		if bits&a.bit != 0 && (!a.state || base(m.Keyword) == "AL") {
			observe(a.body)
		}
	}
	power := em.Power{}
	if m.Battery.OK && m.Battery.V <= 100 {
		power.Level = em.Some(float64(m.Battery.V) / 100)
	}
	if bits&BitPowerCut != 0 {
		observe(&em.Power{Event: em.PowerCut})
	}
	if bits&(BitLowBattery|AlarmLowBattery) != 0 {
		power.Event = em.PowerLow
	}
	if power != (em.Power{}) {
		observe(&power)
	}
	comms := &em.Comms{Event: em.CommsInfo, Cells: around.Cells, WiFi: around.WiFi}
	if m.GSM.OK && m.GSM.V <= 100 {
		comms.Signal = em.Some(float64(m.GSM.V) / 100)
	}
	observe(comms)

	v := &em.Vendor{Name: "wearer"}
	note := func(name, value string) {
		if value != "" {
			v.Fields = append(v.Fields, em.Field{Name: name, Value: value})
		}
	}
	if m.Steps.OK {
		note("steps", strconv.FormatUint(uint64(m.Steps.V), 10))
	}
	if m.Tumbles.OK {
		note("tumbles", strconv.FormatUint(uint64(m.Tumbles.V), 10))
	}
	if m.Bits.OK {
		note("bits", fmt.Sprintf("%08X", uint32(bits)))
		note("motion", strconv.FormatBool(bits&BitMotion != 0))
	}
	if !certain {
		note("longitude", "the sign is not known")
	}
	note("timing_advance", around.TimingAdvance)
	note("cell_levels", strings.Join(around.Levels, ","))
	note("access_points", strings.Join(around.Names, ","))
	note("rest", strings.Join(around.Rest, ","))
	if len(v.Fields) > 0 {
		observe(v)
	}
}

func (m *Position) fix(mcc uint16) (fix *em.Fix, certain bool) {
	fix = &em.Fix{Validity: em.FixInvalid, Source: em.SourceGNSS}
	p, certain, ok := m.LatLng(mcc)
	fix.LatLng = p
	if ok && certain && m.Status == 'A' {
		fix.Validity = em.FixCurrent
	}
	if m.Speed.OK {
		fix.Speed = em.Some(m.Speed.V.Float() / 3.6)
	}
	if m.Course.OK {
		fix.Course = em.Some(m.Course.V.Float())
	}
	if m.Altitude.OK {
		fix.Altitude = em.Some(m.Altitude.V.Float())
	}
	if m.Satellites.OK {
		fix.Satellites = em.Some(int(m.Satellites.V))
	}
	return fix, certain || !ok
}

// sensors are the names of the sensors' values.
var sensors = map[string][]string{
	"heart":  {"heart_rate"},
	"blood":  {"systolic", "diastolic"},
	"bphrt":  {"systolic", "diastolic", "heart_rate"},
	"oxygen": {"kind", "oxygen_percent"},
	"temp":   {"celsius"},
	"btemp2": {"kind", "celsius"},
}

func (m *Sensor) vendor() *em.Vendor {
	keyword := strings.ToLower(m.Keyword)
	v := &em.Vendor{Name: keyword}
	for i, value := range m.Values {
		name := "value" + strconv.Itoa(i+1)
		if names := sensors[keyword]; i < len(names) {
			name = names[i]
		}
		if value != "" {
			v.Fields = append(v.Fields, em.Field{Name: name, Value: value})
		}
	}
	return v
}

// Deadline is never: the dialect asks nothing of the center at a time.
func (s *session) Deadline() time.Time { return time.Time{} }

// Wake does nothing.
func (s *session) Wake(time.Time, *protocol.Output) error { return nil }

// Device is "watch3g:" and the device's number.
func (s *session) Device() em.DeviceID { return s.device }
