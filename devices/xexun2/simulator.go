package xexun2

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

const (
	// patience is how long the simulator waits for an acknowledgement before it
	// sends a message again; up to a tenth is added, so that many devices do not
	// march in step.
	patience = 30 * time.Second
	// batch is how many stored records go in one message, with one of now: of 10
	// with a module G each the payload is half full.
	batch = 10
)

// simulator is the device's side: each observation is a record, stored ones come
// in batches, and a message is repeated until it is acknowledged, one at a time.
// It is silent between reports.
type simulator struct {
	imei    IMEI
	rnd     *rand.Rand
	queue   []waiting // not bounded: the caller's reports are its only source
	flight  *Report   // waits for its acknowledgement
	taken   int       // of the queue, in flight
	next    time.Time // of its repeat
	serial  uint16
	index   uint8
	battery uint16
	csq     uint8
}

// waiting is a record that was not acknowledged.
type waiting struct {
	Record
	stored bool
}

func newSimulator(identity string, seed uint64) (protocol.Simulator, error) {
	imei, err := ParseIMEI(identity)
	if err != nil {
		return nil, err
	}
	rnd := rand.New(rand.NewPCG(seed, 0))
	return &simulator{imei: imei, rnd: rnd, battery: 50 + uint16(rnd.IntN(51)), csq: 10 + uint8(rnd.IntN(20))}, nil
}

// Report queues observations. An error leaves the queue as it was.
func (s *simulator) Report(obs ...em.Observation) error {
	more, err := protocol.Tell(s, obs, func(o em.Observation) (waiting, error) {
		r, err := s.record(o)
		return waiting{r, o.Stored}, err
	})
	if err != nil {
		return fmt.Errorf("xexun2: simulator: %w", err)
	}
	s.queue = append(s.queue, more...)
	return nil
}

// record returns the record that says o.
func (s *simulator) record(o em.Observation) (Record, error) {
	at := protocol.ToldAt(o)
	seconds := at.Unix()
	if at.IsZero() {
		seconds = 0
	} else if seconds < 1 || seconds > math.MaxUint32 {
		return Record{}, fmt.Errorf("%w: the year %d", protocol.ErrUnsupported, at.Year())
	}
	var p Positioning
	var alarm Alarms
	ok := false
	switch b := o.Body.(type) {
	case *em.Fix:
		var g Fuller
		if g, ok = fuller(b); ok {
			p = Positioning{Mask: HasModules, Modules: []Module{g.Module()}}
		}
	case *em.Tamper:
		alarm = AlarmRemoval
		ok = b.What == em.TamperRemoval && !b.Cleared
	case *em.Alarm:
		for i := range 32 {
			if a, is := alarmBody(1 << i).(*em.Alarm); is && a.What == b.What && (b.Code == a.Code || b.Code == "" && b.What != em.AlarmOther) {
				alarm, ok = 1<<i, true
			}
		}
	case *em.Power:
		percent := math.Round(b.Level.V * 100)
		if ok = b.Event == em.PowerNone && !b.Volts.OK && !b.External.OK && (b.Level.OK || b.Charging.OK) && percent >= 0 && percent <= 100; ok {
			if b.Level.OK {
				s.battery = s.battery&(1<<15) | uint16(percent)
			}
			if b.Charging.OK {
				s.battery &^= 1 << 15
			}
			if b.Charging.V {
				s.battery |= 1 << 15
			}
		}
	case *em.Comms:
		ok = b.Event == em.CommsInfo && b.Text == "" && b.Cells == nil && b.WiFi == nil
	}
	if !ok {
		return Record{}, fmt.Errorf("%s %+v: %w", o.Body.Kind(), o.Body, protocol.ErrUnsupported)
	}
	r := s.status(uint32(seconds))
	r.Alarm, r.Positioning = alarm, p
	if alarm != 0 {
		r.Mask |= HasAlarm
	}
	if p.Mask != 0 {
		r.Mask |= HasPositioning
	}
	return r, nil
}

// status returns a record of nothing in particular.
func (s *simulator) status(seconds uint32) Record {
	s.index++
	return Record{Index: s.index, Seconds: seconds, CSQ: s.csq, Battery: s.battery}
}

// fuller returns the module G that says a fix; ok is false where none can.
func fuller(b *em.Fix) (g Fuller, ok bool) {
	speed, course := math.Round(b.Speed.V*36), math.Round(b.Course.V*10)
	if !b.Valid() || b.Validity != em.FixCurrent && b.Validity != em.FixInvalid || b.Validity == em.FixCurrent && b.LatLng == (em.LatLng{}) ||
		!(speed >= 0 && speed <= math.MaxUint16) || !(course >= 0 && course <= 3600) || b.Satellites.V < 0 || b.Satellites.V > math.MaxUint8 || !(math.Abs(b.Altitude.V) < 100_000) {
		return g, false
	}
	minutes := func(deg float64) Double {
		whole, frac := math.Modf(deg)
		return Double(math.Float64bits(whole*100 + frac*60))
	}
	g = Fuller{
		GNSS64: GNSS64{Satellites: uint8(b.Satellites.Or(9)), Lng: minutes(b.Lng), Lat: minutes(b.Lat)},
		Valid:  1, SNR: 40, Motion: Motion{uint16(speed), uint16(course)},
		Altitude: Single(math.Float32bits(float32(b.Altitude.Or(math.NaN())))),
	}
	if b.Validity == em.FixInvalid {
		g.Valid = 0
	}
	return g, true
}

// Handle takes one message of the center.
func (s *simulator) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	switch m := m.(type) {
	case *Ack:
		if s.flight != nil && m.Kind == s.flight.Kind && m.Serial == s.flight.Serial && m.IMEI == s.imei {
			s.queue, s.flight = s.queue[s.taken:], nil
			s.send(now, out)
		}
	case *Command:
		if m.IMEI == s.imei {
			out.Send = append(out.Send, &Command{Header{Kind: KindCommand, Serial: m.Serial, IMEI: s.imei}, m.Text})
		}
	case *protocol.Raw:
	default:
		return fmt.Errorf("xexun2: the center does not send %s: %w", m.Type(), protocol.ErrMalformed)
	}
	return nil
}

// send sends the next message, if there is something to say: one record of now, or
// stored ones with one of now behind them.
func (s *simulator) send(now time.Time, out *protocol.Output) {
	if len(s.queue) == 0 {
		return
	}
	s.serial++
	m := &Report{Header: Header{Kind: KindReport, Serial: s.serial, IMEI: s.imei}}
	s.taken = 0
	for _, w := range s.queue[:min(len(s.queue), batch)] {
		if s.taken > 0 && !w.stored {
			break
		}
		m.Records = append(m.Records, w.Record)
		s.taken++
		if !w.stored {
			break
		}
	}
	if s.queue[0].stored {
		m.Records = append(m.Records, s.status(uint32(now.Unix())))
	}
	s.flight = m
	s.repeat(now, out)
}

func (s *simulator) repeat(now time.Time, out *protocol.Output) {
	out.Send = append(out.Send, s.flight)
	s.next = now.Add(patience + time.Duration(s.rnd.Int64N(int64(patience/10))))
}

// Deadline is when the message is sent again; in the past, which means at once,
// where there is something to say for the first time.
func (s *simulator) Deadline() time.Time {
	switch {
	case s.flight != nil:
		return s.next
	case len(s.queue) > 0:
		return time.Unix(0, 0).UTC()
	}
	return time.Time{}
}

// Wake starts and continues the conversation.
func (s *simulator) Wake(now time.Time, out *protocol.Output) error {
	if s.flight == nil {
		s.send(now, out)
	} else if !now.Before(s.next) {
		s.repeat(now, out)
	}
	return nil
}

// Waiting implements protocol.Resumer.
func (s *simulator) Waiting() int { return len(s.queue) }

// Reconnect implements protocol.Resumer: the message in flight is repeated at once.
func (s *simulator) Reconnect() { s.next = time.Unix(0, 0).UTC() }

// Device is "xexun2:" and the IMEI.
func (s *simulator) Device() em.DeviceID { return deviceID(s.imei) }
