package laipac

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/nmea"
)

const (
	// patience is how long the simulator waits for an Ack before it sends a
	// report again; up to a tenth is added, so that many devices do not march in
	// step. Unverified for real devices.
	patience = 30 * time.Second
	// heartbeat is the time between keep-alives of a device with nothing to say.
	heartbeat = 5 * time.Minute
)

// simulator is the device's side. Its reports have a status in lower case and
// stay until they are acknowledged, one at a time. An alarm counts as done with
// its Ack: it is not repeated until a Release.
//
// Like the devices it marks nothing as stored. It has no message for a battery
// level: that of a power event is left out, one alone is unsupported.
type simulator struct {
	unit, password string
	rnd            *rand.Rand

	on      bool               // System has been sent
	queue   []protocol.Message // *Report or *KeepAlive; not bounded, the caller's reports are its only source but for one answer
	check   string             // of the report that is on its way, queue[0]; "" for none
	next    time.Time
	beats   int
	battery em.Decimal // mV
	last    Report     // the last position, for reports without one of their own
}

func newSimulator(unit, password string, seed uint64) (protocol.Simulator, error) {
	if !nmea.Word(unit, maxWord) {
		return nil, fmt.Errorf("laipac: simulator: %w: the unit is not 1 to %d letters, digits and - . _", protocol.ErrIdentity, maxWord)
	}
	s := &simulator{unit: unit, password: password, rnd: rand.New(rand.NewPCG(seed, 0))}
	s.battery.Coef = 3900 + s.rnd.Int64N(250)
	zero := em.Decimal{Scale: 4}
	s.last = Report{Unit: unit, Status: 'v', Lat: nmea.Coord{Minutes: zero, Hemisphere: 'N'}, Lng: nmea.Coord{Minutes: zero, Hemisphere: 'E'}}
	return s, nil
}

// Report queues observations. An error leaves the queue as it was.
func (s *simulator) Report(obs ...em.Observation) error {
	last, battery := s.last, s.battery
	var more []protocol.Message
	for _, o := range obs {
		m, err := s.message(o)
		if err != nil {
			s.last, s.battery = last, battery
			return fmt.Errorf("laipac: simulator: %w", err)
		}
		more = append(more, m)
	}
	s.queue = append(s.queue, more...)
	return nil
}

// message returns the sentence that says o.
func (s *simulator) message(o em.Observation) (protocol.Message, error) {
	unsupported := func() (protocol.Message, error) {
		return nil, fmt.Errorf("%s %+v: %w", o.Body.Kind(), o.Body, protocol.ErrUnsupported)
	}
	at := o.DeviceAt
	if at.IsZero() {
		at = o.At
	}
	if y := at.UTC().Year(); !at.IsZero() && (y < 2000 || y > 2099) {
		return nil, fmt.Errorf("%w: the year %d", protocol.ErrUnsupported, y)
	}
	code := "0"
	switch b := o.Body.(type) {
	case *em.Fix:
		if err := s.position(b); err != nil {
			return nil, err
		}
		s.last.Time = at
		return s.report(at, code), nil
	case *em.Comms:
		if b.Event != em.CommsHeartbeat || o.Stored || b.Text != "" {
			return unsupported()
		}
		return s.keepAlive(), nil
	case *em.Power:
		if b.Volts.OK {
			if !(b.Volts.V >= 0 && b.Volts.V < 100) {
				return unsupported()
			}
			s.battery.Coef = int64(math.Round(b.Volts.V * 1000))
		} else if b.Event == em.PowerNone {
			return unsupported()
		}
	}
	if code = codeOf(o.Body); code == "" {
		return unsupported()
	}
	return s.report(at, code), nil
}

// position takes over a fix as the device's last one.
func (s *simulator) position(b *em.Fix) error {
	lat, err1 := nmea.NewCoord(nmea.Latitude, b.Lat, 4)
	lng, err2 := nmea.NewCoord(nmea.Longitude, b.Lng, 4)
	speed, course := b.Speed.V/nmea.Knot, b.Course.V
	if err1 != nil || err2 != nil || !(speed >= 0 && speed < 1000) || !(course >= 0 && course <= 360) {
		return fmt.Errorf("fix %+v: %w", b, protocol.ErrUnsupported)
	}
	status, ok := map[em.FixValidity]byte{em.FixCurrent: 'a', em.FixLastKnown: 'r', em.FixInvalid: 'v'}[b.Validity]
	if !ok {
		return fmt.Errorf("fix of validity %q: %w", b.Validity, protocol.ErrUnsupported)
	}
	s.last.Status, s.last.Lat, s.last.Lng = status, lat, lng
	hundredths := func(v float64) em.Opt[em.Decimal] {
		return em.Some(em.Decimal{Coef: int64(math.Round(v * 100)), Scale: 2})
	}
	s.last.Speed, s.last.Course = hundredths(speed), hundredths(course)
	return nil
}

// report returns a report of that time with the last position, which is current
// only where it is of the same second.
func (s *simulator) report(at time.Time, event string) *Report {
	r := s.last
	if r.Status == 'a' && !at.Truncate(time.Second).Equal(r.Time.Truncate(time.Second)) {
		r.Status = 'r'
	}
	zero := em.Some(em.Decimal{})
	r.Time, r.Event, r.Battery = at, event, em.Some(s.battery)
	r.Mileage, r.GPSOn, r.Analog1, r.Analog2 = zero, em.Some(true), zero, zero
	return &r
}

func (s *simulator) keepAlive() *KeepAlive {
	s.beats++
	return &KeepAlive{Unit: s.unit, Fields: []string{fmt.Sprint(s.beats)}}
}

// Handle takes one sentence of the center.
func (s *simulator) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	switch m := m.(type) {
	case *Ack:
		if r, ok := s.head(); ok && s.check != "" && m.Check == s.check && m.Event == r.Event {
			s.queue, s.check = s.queue[1:], ""
			return s.send(now, out)
		}
	case *PositionRequest:
		if m.Password == s.password && s.on && len(s.queue) == 0 {
			s.queue = append(s.queue, s.report(now, "0"))
			return s.send(now, out)
		}
	case *Restart:
		if m.Password == s.password && m.Unit == s.unit {
			s.on, s.check = false, ""
			return s.send(now, out)
		}
	case *KeepAlive, *Release, *protocol.Raw:
	default:
		return fmt.Errorf("laipac: the center does not send %s: %w", m.Type(), protocol.ErrMalformed)
	}
	return nil
}

func (s *simulator) head() (*Report, bool) {
	if len(s.queue) == 0 {
		return nil, false
	}
	r, ok := s.queue[0].(*Report)
	return r, ok
}

// send sends what is due: System first, keep-alives at once, the first report,
// again if it had been sent. next is set anew.
func (s *simulator) send(now time.Time, out *protocol.Output) error {
	if !s.on {
		s.on = true
		out.Send = append(out.Send, &System{Unit: s.unit, Firmware: "V1.50", Serial: "SN" + s.unit, Memory: "64"})
	}
	for len(s.queue) > 0 {
		r, ok := s.head()
		if !ok {
			out.Send = append(out.Send, s.queue[0])
			s.queue = s.queue[1:]
			continue
		}
		b, err := Codec{}.Append(nil, r)
		if err != nil {
			return err
		}
		s.check = string(b[len(b)-len("00\r\n") : len(b)-len("\r\n")])
		out.Send = append(out.Send, r)
		s.next = now.Add(patience + time.Duration(s.rnd.Int64N(int64(patience/10))))
		return nil
	}
	s.next = now.Add(heartbeat)
	return nil
}

// Deadline is when the report is sent again, or the next keep-alive; in the past,
// which means at once, where there is something to say for the first time.
func (s *simulator) Deadline() time.Time {
	if !s.on || s.check == "" && len(s.queue) > 0 {
		return time.Unix(0, 0).UTC()
	}
	return s.next
}

// Wake starts and continues the conversation.
func (s *simulator) Wake(now time.Time, out *protocol.Output) error {
	due := !now.Before(s.next)
	if s.on && due && len(s.queue) == 0 {
		s.queue = append(s.queue, s.keepAlive())
	}
	if !s.on || due || s.check == "" && len(s.queue) > 0 {
		return s.send(now, out)
	}
	return nil
}

// Waiting implements protocol.Resumer.
func (s *simulator) Waiting() int {
	n := 0
	for _, m := range s.queue {
		if _, ok := m.(*Report); ok {
			n++
		}
	}
	return n
}

// Reconnect implements protocol.Resumer: the device introduces itself again.
func (s *simulator) Reconnect() { s.on, s.check = false, "" }

// Device is "laipac:" and the unit number.
func (s *simulator) Device() em.DeviceID { return deviceID(s.unit) }
