package megastek

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/nmea"
)

// simulator is the device's side: every observation is one Report with its
// length in front, sent at the next Wake and forgotten, since nobody confirms it.
// It is silent between reports. The Report has no last known position: such a
// fix is unsupported, and what is not a fix comes with the last position under
// status V, unless that is of the same second.
type simulator struct {
	imei  string
	rnd   *rand.Rand
	queue []protocol.Message
	last  Report // position and battery for reports without their own
}

func newSimulator(imei string, seed uint64) (protocol.Simulator, error) {
	if !nmea.Word(imei, maxIdentity) {
		return nil, fmt.Errorf("megastek: simulator: %w: the identity is not 1 to %d letters, digits and - . _", protocol.ErrIdentity, maxIdentity)
	}
	s := &simulator{imei: imei, rnd: rand.New(rand.NewPCG(seed, 0))}
	s.last = Report{
		IMEI: imei, Status: 'V', Field10: "00", Field12: "00", Satellites: em.Some(uint8(0)),
		HDOP: em.Some(em.Decimal{Coef: 999, Scale: 1}), Inputs: "0000", Outputs: "0000", PowerState: "00",
		Battery: em.Some(60 + uint16(s.rnd.Uint64N(40))),
		Cell:    Cell{em.Some[uint16](246), em.Some[uint16](1), em.Some[uint32](0x0D7A), em.Some(uint32(s.rnd.Uint64N(1 << 16)))},
	}
	return s, nil
}

// Report queues observations. An error leaves the queue as it was.
func (s *simulator) Report(obs ...em.Observation) error {
	last := s.last
	var more []protocol.Message
	for _, o := range obs {
		m, err := s.message(o)
		if err != nil {
			s.last = last
			return fmt.Errorf("megastek: simulator: %w", err)
		}
		more = append(more, m)
	}
	s.queue = append(s.queue, more...)
	return nil
}

// message returns the Report that says o.
func (s *simulator) message(o em.Observation) (protocol.Message, error) {
	unsupported := fmt.Errorf("%s %+v: %w", o.Body.Kind(), o.Body, protocol.ErrUnsupported)
	at := o.DeviceAt
	if at.IsZero() {
		at = o.At
	}
	if y := at.UTC().Year(); !at.IsZero() && (y < 2000 || y > 2099) {
		return nil, fmt.Errorf("%w: the year %d", protocol.ErrUnsupported, y)
	}
	alert := "Timer"
	switch b := o.Body.(type) {
	case *em.Fix:
		if !s.position(b) {
			return nil, unsupported
		}
		s.last.Time = at
	case *em.Comms:
		if b.Event != em.CommsHeartbeat || b.Text != "" {
			return nil, unsupported
		}
	case *em.Power:
		if !(b.Level.V >= 0 && b.Level.V <= 1) || b.Event == em.PowerNone && !b.Level.OK {
			return nil, unsupported
		}
		if b.Level.OK {
			s.last.Battery = em.Some(uint16(math.Round(b.Level.V * 100)))
		}
		if b.Charging.OK {
			s.last.PowerState = map[bool]string{false: "00", true: "10"}[b.Charging.V]
		}
		alert, _ = alertOf(b)
	default:
		var ok bool
		if alert, ok = alertOf(b); !ok {
			return nil, unsupported
		}
	}
	r := s.last
	if !at.Truncate(time.Second).Equal(r.Time.Truncate(time.Second)) {
		r.Status = 'V'
	}
	r.Time, r.Stored, r.Alert = at, o.Stored, alert
	r.GSM = em.Some(12 + uint16(s.rnd.Uint64N(16)))
	return &r, nil
}

// position takes over a fix as the device's last one; false where no Report can
// say it.
func (s *simulator) position(b *em.Fix) bool {
	lat, err1 := nmea.NewCoord(nmea.Latitude, b.Lat, 5)
	lng, err2 := nmea.NewCoord(nmea.Longitude, b.Lng, 5)
	speed, course := b.Speed.V/nmea.Knot, b.Course.V
	hdop, altitude := b.HDOP.Or(0.9), b.Altitude.V
	if err1 != nil || err2 != nil || b.Validity != em.FixCurrent && b.Validity != em.FixInvalid ||
		!(speed >= 0 && speed < 1000) || !(course >= 0 && course <= 360) || !(hdop >= 0 && hdop < 1000) || !(math.Abs(altitude) < 100_000) ||
		b.Satellites.V < 0 || b.Satellites.V > 99 {
		return false
	}
	rounded := func(v float64, scale uint8) em.Decimal {
		return em.Decimal{Coef: int64(math.Round(v * math.Pow10(int(scale)))), Scale: scale}
	}
	s.last.Status = map[em.FixValidity]byte{em.FixCurrent: 'A', em.FixInvalid: 'V'}[b.Validity]
	s.last.Lat, s.last.Lng = lat, lng
	s.last.Speed, s.last.Course = em.Some(rounded(speed, 3)), em.Some(rounded(course, 2))
	s.last.Satellites, s.last.HDOP = em.Some(uint8(b.Satellites.Or(9))), em.Some(rounded(hdop, 2))
	s.last.Altitude = em.Opt[em.Decimal]{V: rounded(altitude, 1), OK: b.Altitude.OK}
	return true
}

// Handle takes nothing: the dialect has no message of the center.
func (s *simulator) Handle(_ time.Time, m protocol.Message, _ *protocol.Output) error {
	if _, ok := m.(*protocol.Raw); ok {
		return nil
	}
	return fmt.Errorf("megastek: the center does not send %s: %w", m.Type(), protocol.ErrMalformed)
}

// Deadline is in the past, which means at once, where there is something to say.
func (s *simulator) Deadline() time.Time {
	if len(s.queue) == 0 {
		return time.Time{}
	}
	return time.Unix(0, 0).UTC()
}

// Wake sends all that is to be said.
func (s *simulator) Wake(_ time.Time, out *protocol.Output) error {
	out.Send = append(out.Send, s.queue...)
	clear(s.queue)
	s.queue = s.queue[:0]
	return nil
}

// Waiting implements protocol.Resumer.
func (s *simulator) Waiting() int { return len(s.queue) }

// Reconnect implements protocol.Resumer. Nothing opens a conversation in this
// dialect, and nothing is acknowledged: there is nothing to send again.
func (s *simulator) Reconnect() {}

// Device is "megastek:" and the identity.
func (s *simulator) Device() em.DeviceID { return deviceID(s.imei) }
