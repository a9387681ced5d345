package sanav

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/nmea"
)

// simulator is a home unit or bracelet tracker: every observation is one Report,
// sent at the next Wake and forgotten, since nobody confirms it. A strap alarm of
// now is repeated until a command ends it. A loss can be told of the bracelet
// that the unit hears, and of no other; it hears the one told last.
//
// Commands of the factory's account are obeyed and answered.
type simulator struct {
	imei  string
	queue []protocol.Message // not bounded: the caller's reports are its only source
	last  Report             // position, battery, bracelet and counter of the next report
	at    time.Time          // of the last position

	strap bool          // detection is on
	every time.Duration // between repeated strap alarms
	alarm bool          // the strap alarm goes on
	next  time.Time     // of the repeat, zero before the first
}

func newSimulator(imei string, seed uint64) (protocol.Simulator, error) {
	if len(imei) != 15 || strings.Trim(imei, "0123456789") != "" {
		return nil, fmt.Errorf("sanav: simulator: %w: the identity is not an IMEI of 15 digits", protocol.ErrIdentity)
	}
	rnd := rand.New(rand.NewPCG(seed, 0))
	s := &simulator{imei: imei, strap: true, every: time.Minute}
	s.last = Report{
		IMEI: imei, RMC: nmea.RMC{Talker: "GN", Status: 'V', Mode: "N", HasMode: true},
		Counter: em.Some(uint32(rnd.Uint64N(9000))), CSQ: em.Some(12 + uint8(rnd.Uint64N(16))), Millivolts: em.Some(3600 + uint16(rnd.Uint64N(500))),
		Sensitivity: em.Some(em.Decimal{Coef: 45}), HDOP: em.Some(em.Decimal{Coef: 90, Scale: 2}),
		MCC: em.Some[uint16](246), MNC: em.Some[uint16](1), LAC: em.Some[uint32](0x0D7A), CID: em.Some(uint32(rnd.Uint64N(1 << 16))),
		Level: em.Some(20 + uint8(rnd.Uint64N(30))),
	}
	return s, nil
}

// Report queues observations. An error leaves the queue as it was.
func (s *simulator) Report(obs ...em.Observation) error {
	before := *s
	for _, o := range obs {
		m, err := s.message(o)
		if err != nil {
			*s = before
			return fmt.Errorf("sanav: simulator: %w", err)
		}
		s.queue = append(s.queue, m)
	}
	return nil
}

// message returns the Report that says o.
func (s *simulator) message(o em.Observation) (protocol.Message, error) {
	at := o.DeviceAt
	if at.IsZero() {
		at = o.At
	}
	if y := at.UTC().Year(); !at.IsZero() && (y < 2000 || y > 2099) {
		return nil, fmt.Errorf("%w: the year %d", protocol.ErrUnsupported, y)
	}
	event, ok := "AUTO", false
	switch b := o.Body.(type) {
	case *em.Fix:
		ok = s.position(b)
		s.at = at
	case *em.Beacon:
		switch ok = b.Radio == "rf" && isBracelet(b.Beacon); {
		case !b.Lost:
			s.last.Bracelet = b.Beacon
		default:
			ok = ok && s.last.Bracelet == b.Beacon
			s.last.Bracelet = ""
		}
	case *em.Tamper:
		switch ok = !b.Cleared; {
		case b.What == em.TamperStrap && s.strap:
			event = "ST"
			s.alarm = s.alarm || ok && !o.Stored
		case b.What == em.TamperOther:
			event = "TT"
		default:
			ok = false
		}
	case *em.Alarm:
		event, ok = b.Code, b.What == em.AlarmOther && nmea.Word(b.Code, maxWord) && eventBody(b.Code) != nil && eventBody(b.Code).Kind() == em.KindAlarm
	case *em.Power:
		mv := math.Round(b.Volts.V * 1000)
		if ok = b.Event == em.PowerNone && b.Volts.OK && !b.Level.OK && mv >= 0 && mv < 65535; ok {
			s.last.Millivolts = em.Some(uint16(mv))
		}
	case *em.Comms:
		ok = b.Event == em.CommsHeartbeat && b.Text == ""
	}
	if !ok {
		return nil, fmt.Errorf("%s %+v: %w", o.Body.Kind(), o.Body, protocol.ErrUnsupported)
	}
	return s.report(at, event), nil
}

// report returns the next report. Its position is current only where it is of
// that time.
func (s *simulator) report(at time.Time, event string) *Report {
	s.last.Counter.V++
	r := s.last
	r.Event, r.RMC.Time = event, at
	if !at.Equal(s.at) {
		r.RMC.Status, r.RMC.Mode = 'V', "N"
	}
	return &r
}

// position takes over a fix as the device's last one; false where no sentence
// can say it.
func (s *simulator) position(b *em.Fix) bool {
	lat, err1 := nmea.NewCoord(nmea.Latitude, b.Lat, 5)
	lng, err2 := nmea.NewCoord(nmea.Longitude, b.Lng, 5)
	speed, course, hdop := b.Speed.V/nmea.Knot, b.Course.V, b.HDOP.Or(0.9)
	if err1 != nil || err2 != nil || b.Validity != em.FixCurrent && b.Validity != em.FixInvalid ||
		!(speed >= 0 && speed < 1000) || !(course >= 0 && course <= 360) || !(hdop >= 0 && hdop < 1000) {
		return false
	}
	rounded := func(v em.Opt[float64], number float64, scale uint8) em.Opt[em.Decimal] {
		return em.Opt[em.Decimal]{V: em.Decimal{Coef: int64(math.Round(number * math.Pow10(int(scale)))), Scale: scale}, OK: v.OK}
	}
	r := &s.last.RMC
	r.Status, r.Mode = 'V', "N"
	if b.Validity == em.FixCurrent {
		r.Status, r.Mode = 'A', "A"
	}
	r.Lat, r.Lng = lat, lng
	r.Speed, r.Course = rounded(b.Speed, speed, 3), rounded(b.Course, course, 2)
	s.last.HDOP = rounded(em.Some(hdop), hdop, 2)
	return true
}

// Handle takes the center's commands.
func (s *simulator) Handle(_ time.Time, m protocol.Message, out *protocol.Output) error {
	switch m := m.(type) {
	case *Command:
		answer := "command error"
		switch {
		case m.Username != DefaultUsername || m.Password != DefaultPassword:
		case s.obey(m.Function, m.Args):
			answer = "setup OK."
		case slices.Contains([]string{"fbr", "tamper", "rfcmd"}, m.Function):
			answer = "setup Fail. System Time Out."
		}
		if !s.alarm {
			s.next = time.Time{}
		}
		out.Send = append(out.Send, &Reply{Text: DefaultUsername + " " + answer})
	case *COTA:
		answer := "command error"
		if function, ok := strings.CutPrefix(m.Function, "sw"); ok && s.obey(function, m.Args) {
			answer = "setup OK."
		}
		out.Send = append(out.Send, &Reply{Text: DefaultUsername + " " + answer})
	case *HTTPReply, *protocol.Raw:
	default:
		return fmt.Errorf("sanav: the center does not send %s: %w", m.Type(), protocol.ErrMalformed)
	}
	return nil
}

// obey does what a command says; false where it cannot.
func (s *simulator) obey(function string, args []string) bool {
	number := func(i int, least, most int) (n int, ok bool) {
		if i >= len(args) {
			return 0, false
		}
		n, err := strconv.Atoi(args[i])
		return n, err == nil && n >= least && n <= most
	}
	switch function {
	case "fbr":
		on, ok := number(0, 0, 1)
		if ok && len(args) > 1 {
			var every int
			if every, ok = number(1, 15, 65000); ok {
				s.every = time.Duration(every) * time.Second
			}
		}
		if ok {
			s.strap = on == 1
			s.alarm = s.alarm && s.strap
		}
		return ok
	case "tamper":
		_, ok := number(0, 0, 1)
		return ok
	case "rfcmd":
		if len(args) < 2 || !isBracelet(args[0]) {
			return false
		}
		ok := false
		switch args[1] {
		case "rt":
			_, ok = number(2, 1, 999)
		case "pw":
			_, ok = number(2, 1, 8)
		case "ac":
			s.alarm, ok = false, true
		}
		return ok
	}
	return false
}

// Deadline is in the past, which means at once, where there is something to say;
// else when the strap alarm is due again.
func (s *simulator) Deadline() time.Time {
	switch {
	case len(s.queue) > 0 || s.alarm && s.next.IsZero():
		return time.Unix(0, 0).UTC()
	case s.alarm:
		return s.next
	}
	return time.Time{}
}

// Wake sends all that is to be said.
func (s *simulator) Wake(now time.Time, out *protocol.Output) error {
	out.Send = append(out.Send, s.queue...)
	s.queue = nil
	switch {
	case !s.alarm:
		s.next = time.Time{}
	case s.next.IsZero(): // the first alarm was in the queue
		s.next = now.Add(s.every)
	case !now.Before(s.next):
		out.Send = append(out.Send, s.report(now, "ST"))
		s.next = now.Add(s.every)
	}
	return nil
}

// Waiting implements protocol.Resumer.
func (s *simulator) Waiting() int { return len(s.queue) }

// Reconnect implements protocol.Resumer. Nothing opens a conversation in this
// dialect, and nothing is acknowledged: there is nothing to send again.
func (s *simulator) Reconnect() {}

// Device is "sanav:" and the IMEI.
func (s *simulator) Device() em.DeviceID { return deviceID(s.imei) }
