package watch3g

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

const (
	// patience is how long the simulator waits for an answer to AL and LK before
	// it sends them again. Unverified for real devices.
	patience = 30 * time.Second
	// heartbeat is the time between keep-alives.
	heartbeat = 5 * time.Minute
)

// simulator is a watch of vendor 3G. It begins with INIT, which it repeats until
// it is answered, and sends LK at its heartbeat and when told. What wants an
// answer (LK, AL) is repeated until it comes, one at a time, and what was told
// later waits; positions are sent and forgotten. Memory of positions is UD2; an
// alarm, which has no such form, comes with its time alone.
type simulator struct {
	header  Header
	rnd     *rand.Rand
	started bool
	inited  bool
	queue   []protocol.Message // not bounded: the caller's reports are its only source, but for one keep-alive
	waiting bool               // queue[0], or INIT, wants an answer
	next    time.Time          // of a repeat or keep-alive
	last    Position           // position and battery for messages without their own
}

func newSimulator(identity string, seed uint64) (protocol.Simulator, error) {
	if !isIdentity(identity) {
		return nil, fmt.Errorf("watch3g: simulator: %w: the number is not 1 to %d digits", protocol.ErrIdentity, maxIdentity)
	}
	s := &simulator{header: Header{Vendor: "3G", ID: identity}, rnd: rand.New(rand.NewPCG(seed, 0))}
	zero := em.Some(em.Decimal{Scale: 6})
	s.last = Position{
		Header: s.header, Status: 'V', Lat: zero, NorthSouth: 'N', Lng: zero, EastWest: 'E',
		Satellites: em.Some[uint32](0), GSM: em.Some(60 + uint8(s.rnd.Uint64N(41))), Battery: em.Some(50 + uint8(s.rnd.Uint64N(51))),
		Steps: em.Some(uint32(s.rnd.Uint64N(5000))), Tumbles: em.Some[uint32](0), Bits: em.Some(Bits(0)),
		Radio: fmt.Sprintf(",1,0,246,1,3450,%d,132,0,0.0", s.rnd.IntN(1<<16)),
	}
	return s, nil
}

// Report queues observations. An error leaves the queue as it was.
func (s *simulator) Report(obs ...em.Observation) error {
	more, err := protocol.Tell(s, obs, s.message)
	if err != nil {
		return fmt.Errorf("watch3g: simulator: %w", err)
	}
	s.queue = append(s.queue, more...)
	return nil
}

// message returns the message that says o.
func (s *simulator) message(o em.Observation) (protocol.Message, error) {
	unsupported := fmt.Errorf("%s %+v: %w", o.Body.Kind(), o.Body, protocol.ErrUnsupported)
	at := protocol.ToldAt(o)
	if y := at.UTC().Year(); !at.IsZero() && (y < 2000 || y > 2099) {
		return nil, fmt.Errorf("%w: the year %d", protocol.ErrUnsupported, y)
	}
	keyword, bits := "AL", Bits(0)
	switch b := o.Body.(type) {
	case *em.Fix:
		if !s.position(b) {
			return nil, unsupported
		}
		s.last.Time = at
		keyword = "UD"
	case *em.Power:
		if b.Volts.OK || b.External.OK || b.Charging.OK || !(b.Level.V >= 0 && b.Level.V <= 1) {
			return nil, unsupported
		}
		switch {
		case b.Event == em.PowerLow:
			bits = AlarmLowBattery
		case b.Event == em.PowerCut && !b.Level.OK:
			bits = BitPowerCut
		case b.Event == em.PowerNone && b.Level.OK:
			keyword = "UD"
		default:
			return nil, unsupported
		}
		if b.Level.OK {
			s.last.Battery = em.Some(uint8(math.Round(b.Level.V * 100)))
		}
	case *em.Comms:
		if b.Event != em.CommsHeartbeat || b.Text != "" || o.Stored {
			return nil, unsupported
		}
		return s.keepAlive(), nil
	case *em.Vendor:
		if sensors[b.Name] == nil || o.Stored {
			return nil, unsupported
		}
		m := &Sensor{Header: s.header, Keyword: b.Name}
		for _, f := range b.Fields {
			m.Values = append(m.Values, f.Value)
		}
		if _, err := (Codec{}).Append(nil, m); err != nil {
			return nil, err
		}
		return m, nil
	default:
		for _, a := range alarms {
			if !a.state && sameBody(a.body, b) {
				bits = a.bit
				break
			}
		}
		if bits == 0 {
			return nil, unsupported
		}
	}
	m := s.last
	if !at.Truncate(time.Second).Equal(m.Time.Truncate(time.Second)) {
		m.Status = 'V'
	}
	if keyword == "UD" && o.Stored {
		keyword = "UD2"
	}
	m.Time, m.Keyword, m.Bits = at, keyword, em.Some(bits)
	return &m, nil
}

// sameBody reports whether a bit's body says what b does.
func sameBody(bit, b em.Body) bool {
	switch b := b.(type) {
	case *em.Tamper:
		t, ok := bit.(*em.Tamper)
		return ok && t.What == b.What && !b.Cleared && (b.Code == "" || b.Code == t.Code)
	case *em.Alarm:
		a, ok := bit.(*em.Alarm)
		return ok && a.What == b.What && (b.Code == "" || b.Code == a.Code)
	}
	return false
}

// position takes over a fix as the device's last one; false where no message can
// say it.
func (s *simulator) position(b *em.Fix) bool {
	speed, course := b.Speed.V*3.6, b.Course.V
	if !b.Valid() || b.Validity != em.FixCurrent && b.Validity != em.FixInvalid ||
		!(speed >= 0 && speed < 10_000) || !(course >= 0 && course <= 360) || !(math.Abs(b.Altitude.V) < 100_000) ||
		b.Satellites.V < 0 || b.Satellites.V > 99 {
		return false
	}
	rounded := func(v float64, scale uint8) em.Opt[em.Decimal] {
		return em.Some(em.Decimal{Coef: int64(math.Round(v * math.Pow10(int(scale)))), Scale: scale})
	}
	m := &s.last
	m.Status = map[em.FixValidity]byte{em.FixCurrent: 'A', em.FixInvalid: 'V'}[b.Validity]
	m.Lat, m.NorthSouth = rounded(math.Abs(b.Lat), 6), 'N'
	if b.Lat < 0 {
		m.NorthSouth = 'S'
	}
	m.Lng, m.EastWest = rounded(math.Abs(b.Lng), 6), 'E'
	if b.Lng < 0 {
		m.EastWest = 'W'
	}
	m.Speed, m.Course, m.Altitude = rounded(speed, 2), rounded(course, 1), rounded(b.Altitude.V, 1)
	m.Satellites = em.Some(uint32(b.Satellites.Or(9)))
	return true
}

func (s *simulator) keepAlive() *KeepAlive {
	return &KeepAlive{s.header, []string{whole(s.last.Steps), "0", whole(s.last.Battery)}}
}

// wantsAnswer reports whether the device repeats a message until it is answered.
func wantsAnswer(m protocol.Message) bool {
	switch m.Type() {
	case "LK", "AL", "INIT":
		return true
	}
	return false
}

// Handle takes one message of the center.
func (s *simulator) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	if h, ok := m.(interface{ header() *Header }); ok && h.header().ID != s.header.ID {
		return fmt.Errorf("watch3g: simulator: %w: a message for another device", protocol.ErrIdentity)
	}
	answered := ""
	switch m := m.(type) {
	case *Init:
		if len(m.Fields) == 1 && m.Fields[0] == "1" {
			answered = "INIT"
		}
	case *KeepAlive:
		answered = "LK"
	case *Answer:
		answered = m.Content
	case *Command:
		// A device of vendor 3G answers as 3G what came as SG.
		out.Send = append(out.Send, &Command{Header: s.header, Keyword: m.Keyword})
		if m.Keyword == "CR" {
			p := s.last
			p.Keyword, p.Time, p.Status = "UD", now, 'V'
			out.Send = append(out.Send, &p)
		}
	case *VoiceQuery, *Voice, *protocol.Raw:
	default:
		return fmt.Errorf("watch3g: the center does not send %s: %w", m.Type(), protocol.ErrMalformed)
	}
	switch {
	case answered == "" || !s.waiting:
	case !s.inited && answered == "INIT":
		s.inited, s.waiting = true, false
		s.send(now, out)
	case s.inited && answered == s.queue[0].Type():
		s.queue, s.waiting = s.queue[1:], false
		s.send(now, out)
	}
	return nil
}

// send sends what is due, up to the first message that wants an answer, again if
// it had been sent. next is set anew.
func (s *simulator) send(now time.Time, out *protocol.Output) {
	s.next = now.Add(heartbeat)
	if !s.inited {
		out.Send = append(out.Send, &Init{s.header, []string{s.header.ID, "1.0"}})
		s.waiting = true
	}
	for !s.waiting && len(s.queue) > 0 {
		out.Send = append(out.Send, s.queue[0])
		if s.waiting = wantsAnswer(s.queue[0]); !s.waiting {
			s.queue = s.queue[1:]
		}
	}
	if s.waiting {
		s.next = now.Add(patience + time.Duration(s.rnd.Int64N(int64(patience/10))))
	}
}

// Deadline is when a message is sent again, or the next keep-alive; in the past,
// which means at once, where there is something to say for the first time.
func (s *simulator) Deadline() time.Time {
	if !s.started || !s.waiting && len(s.queue) > 0 {
		return time.Unix(0, 0).UTC()
	}
	return s.next
}

// Wake starts and continues the conversation.
func (s *simulator) Wake(now time.Time, out *protocol.Output) error {
	due := s.started && !now.Before(s.next)
	s.started = true
	switch {
	case due && s.waiting && s.inited:
		out.Send = append(out.Send, s.queue[0])
		s.next = now.Add(patience + time.Duration(s.rnd.Int64N(int64(patience/10))))
	case s.waiting && !due:
	default:
		if due && s.inited && len(s.queue) == 0 {
			s.queue = append(s.queue, s.keepAlive())
		}
		s.send(now, out)
	}
	return nil
}

// Waiting implements protocol.Resumer.
func (s *simulator) Waiting() int {
	n := 0
	for _, m := range s.queue {
		if _, beat := m.(*KeepAlive); !beat {
			n++
		}
	}
	return n
}

// Reconnect implements protocol.Resumer: the device begins with INIT again.
func (s *simulator) Reconnect() { s.started, s.inited, s.waiting = false, false, false }

// Device is "watch3g:" and the device's number.
func (s *simulator) Device() em.DeviceID { return deviceID(s.header.ID) }
