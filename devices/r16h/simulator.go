package r16h

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/nmea"
)

// simulator is the device's side: it says who it is, then sends each observation
// as one message and forgets it, since nobody confirms it. What is not a fix
// comes as Cells. A strap that was told open stays so until it is told closed. It
// is silent between reports.
type simulator struct {
	linked bool
	queue  []protocol.Message // not bounded: the caller's reports are its only source
	state  State              // battery and strap of the next report
	cell   string
}

func newSimulator(imei string, seed uint64) (protocol.Simulator, error) {
	if !isIMEI(imei) {
		return nil, fmt.Errorf("r16h: simulator: %w: the identity is not an IMEI of 15 digits", protocol.ErrIdentity)
	}
	rnd := rand.New(rand.NewPCG(seed, 0))
	return &simulator{
		state: State{IMEI: imei, Battery: em.Some(50 + rnd.Uint64N(51)), Strap: 'L'},
		cell:  fmt.Sprintf("246-1-0d7a-%x:-%d", rnd.IntN(1<<16), 70+rnd.IntN(40)),
	}, nil
}

// Report queues observations. An error leaves the queue as it was.
func (s *simulator) Report(obs ...em.Observation) error {
	more, err := protocol.Tell(s, obs, s.message)
	if err != nil {
		return fmt.Errorf("r16h: simulator: %w", err)
	}
	s.queue = append(s.queue, more...)
	return nil
}

// message returns the message that says o.
func (s *simulator) message(o em.Observation) (protocol.Message, error) {
	unsupported := fmt.Errorf("%s %+v: %w", o.Body.Kind(), o.Body, protocol.ErrUnsupported)
	at := protocol.ToldAt(o)
	if y := at.UTC().Year(); !at.IsZero() && (y < 2000 || y > 9999) {
		return nil, fmt.Errorf("%w: the year %d", protocol.ErrUnsupported, y)
	}
	alarm, ok := "", false
	switch b := o.Body.(type) {
	case *em.Fix:
		m := &Position{}
		if !m.position(b) {
			return nil, unsupported
		}
		m.State = s.state
		m.Time, m.Stored = at, o.Stored
		return m, nil
	case *em.Tamper:
		if ok = b.What == em.TamperStrap; ok && b.Cleared {
			s.state.Strap = 'L'
		} else if ok {
			s.state.Strap, alarm = 'R', "ULK"
		}
	case *em.Alarm:
		switch alarm = b.Code; b.What {
		case em.AlarmSOS:
			alarm, ok = "SOS", true
		case em.AlarmOther:
			ok = nmea.Word(alarm, maxName) && alarm != "SOS" && alarm != "LBT" && alarm != "ULK"
		}
	case *em.Power:
		ok = (b.Event == em.PowerLow || b.Event == em.PowerNone && b.Level.OK) && b.Level.V >= 0 && b.Level.V <= 1 && !b.Volts.OK
		if ok && b.Level.OK {
			s.state.Battery = em.Some(uint64(math.Round(b.Level.V * 100)))
		}
		if b.Event == em.PowerLow {
			alarm = "LBT"
		}
	case *em.Comms:
		switch {
		case b.Text != "" || b.Signal.OK || b.Cells != nil || b.WiFi != nil:
		case b.Event == em.CommsHeartbeat && !o.Stored:
			return &Link{s.state.IMEI}, nil
		case b.Event == em.CommsInfo:
			ok = true
		}
	}
	if !ok {
		return nil, unsupported
	}
	m := &Cells{State: s.state, Fields: [3]string{s.cell}}
	m.Time, m.Stored, m.Alarm = at, o.Stored, alarm
	return m, nil
}

// position takes over a fix; false where no message can say it: all are current.
func (m *Position) position(b *em.Fix) bool {
	speed, course := math.Round(b.Speed.V*3.6), math.Round(b.Course.V)
	if !b.Valid() || b.Validity != em.FixCurrent || !(speed >= 0 && speed <= 9999) || !(course >= 0 && course <= 360) || !(math.Abs(b.Altitude.V) < 100_000) {
		return false
	}
	degrees := func(v float64) em.Opt[em.Decimal] {
		return em.Some(em.Decimal{Coef: int64(math.Round(math.Abs(v) * 1e5)), Scale: 5})
	}
	m.Lat, m.NorthSouth = degrees(b.Lat), 'N'
	if b.Lat < 0 {
		m.NorthSouth = 'S'
	}
	m.Lng, m.EastWest = degrees(b.Lng), 'E'
	if b.Lng < 0 {
		m.EastWest = 'W'
	}
	m.Speed, m.Course = em.Some(uint64(speed)), em.Some(uint64(course))
	m.Altitude = em.Opt[em.Decimal]{V: em.Decimal{Coef: int64(math.Round(b.Altitude.V))}, OK: b.Altitude.OK}
	return true
}

// Handle takes nothing: the dialect has no message of the center.
func (s *simulator) Handle(_ time.Time, m protocol.Message, _ *protocol.Output) error {
	if _, ok := m.(*protocol.Raw); ok {
		return nil
	}
	return fmt.Errorf("r16h: the center does not send %s: %w", m.Type(), protocol.ErrMalformed)
}

// Deadline is in the past, which means at once, where there is something to say.
func (s *simulator) Deadline() time.Time {
	if s.linked && len(s.queue) == 0 {
		return time.Time{}
	}
	return time.Unix(0, 0).UTC()
}

// Wake sends all that is to be said.
func (s *simulator) Wake(_ time.Time, out *protocol.Output) error {
	if !s.linked {
		s.linked = true
		out.Send = append(out.Send, &Link{s.state.IMEI})
	}
	out.Send = append(out.Send, s.queue...)
	s.queue = nil
	return nil
}

// Waiting implements protocol.Resumer.
func (s *simulator) Waiting() int { return len(s.queue) }

// Reconnect implements protocol.Resumer: the device says who it is again.
func (s *simulator) Reconnect() { s.linked = false }

// Device is "r16h:" and the IMEI.
func (s *simulator) Device() em.DeviceID { return deviceID(s.state.IMEI) }
