package siadc09

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

const (
	// patience is how long the simulator waits for an answer before it sends a
	// message again; up to a tenth is added, so that many units do not march in
	// step. Unverified for real units.
	patience = 20 * time.Second
	// supervision is the time between the signs of life of a unit with nothing
	// to say.
	supervision = 3 * time.Minute
)

// simulator is the unit's side. It sends events as SIA-DCS, one at a time, each
// until it is acknowledged, and encrypts where the Config has a key.
//
// It cannot say when a battery is good again, nor a battery's level; a position
// it says with a test report.
type simulator struct {
	rules   *rules
	account string
	keyed   bool
	rnd     *rand.Rand

	started  bool
	queue    []*Message // without time stamps; not bounded, the caller's reports are its only source
	inFlight bool       // queue[0] was sent
	next     time.Time
	clock    time.Duration // by which the receiver's clock is ahead, as its NAK said
	seq      uint16        // of the last event
}

func newSimulator(account string, rules *rules, seed uint64) (*simulator, error) {
	if !validAccount(account) {
		return nil, fmt.Errorf("siadc09: simulator: %w: the account is not 3 to 16 hexadecimal digits", protocol.ErrIdentity)
	}
	rnd := rand.New(rand.NewPCG(seed, 0))
	return &simulator{rules: rules, account: account, keyed: rules.keys.key(account) != nil, rnd: rnd, seq: uint16(rnd.IntN(9999))}, nil
}

// Device is "siadc09:" and the account number in upper case.
func (s *simulator) Device() em.DeviceID { return deviceID(s.account) }

// Waiting implements protocol.Resumer.
func (s *simulator) Waiting() int { return len(s.queue) }

// Reconnect implements protocol.Resumer: a sign of life comes first, then the
// event that was on its way.
func (s *simulator) Reconnect() { s.started, s.inFlight = false, false }

// Report queues observations. An error leaves the queue as it was.
func (s *simulator) Report(obs ...em.Observation) error {
	var more []*Message
	seq := s.seq
	for _, o := range obs {
		m, err := s.message(o)
		if err != nil {
			return err
		}
		if seq++; seq > 9999 {
			seq = 1
		}
		m.Seq = seq
		more = append(more, m)
	}
	s.seq, s.queue = seq, append(s.queue, more...)
	return nil
}

// message returns the message that says o, without number and time stamp.
func (s *simulator) message(o em.Observation) (*Message, error) {
	if o.Body == nil {
		return nil, fmt.Errorf("siadc09: simulator: an observation without a body: %w", protocol.ErrUnsupported)
	}
	when := o.DeviceAt
	if when.IsZero() {
		when = o.At
	}
	code, address := codeOf(o.Body)
	var extended []string
	if f, ok := o.Body.(*em.Fix); ok && f.Validity == em.FixLastKnown && f.Valid() && !f.Speed.OK && !f.Course.OK && !f.Altitude.OK {
		code, extended = "RP", position(f.LatLng)
	}
	if y := when.UTC().Year(); code == "" || !when.IsZero() && (y < 2000 || y > 9999) {
		return nil, fmt.Errorf("siadc09: simulator: a %s of this kind, or of that time: %w", o.Body.Kind(), protocol.ErrUnsupported)
	}
	age := "N"
	if o.Stored {
		age = "O"
	}
	if !when.IsZero() {
		extended = append(extended, at(when))
	}
	return &Message{
		ID: DCS, Line: "0", Account: s.account, Encrypted: s.keyed,
		Data: "#" + s.account + "|" + age + "ri1/" + code + address, Extended: extended,
	}, nil
}

// Handle takes one message of the receiver.
func (s *simulator) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	switch m := m.(type) {
	case *Message:
		switch m.ID {
		case Ack:
			// In clear, or of another time, it would be anyone's.
			if s.mine(m) && m.Encrypted == s.keyed && m.Sealed == "" && (!s.keyed || s.rules.inWindow(m.Time, now.Add(s.clock))) {
				s.done(now, out)
			}
			return nil
		case Duh: // not to be handled: sending it again changes nothing
			if s.mine(m) {
				s.done(now, out)
			}
			return nil
		case Nak:
			if !m.Time.IsZero() {
				s.refused(now, m.Time, out)
			}
			return nil
		case Rsp:
			return nil
		}
	case *PollAck, *protocol.Raw:
		return nil
	}
	return fmt.Errorf("siadc09: a receiver does not send %s: %w", m.Type(), protocol.ErrMalformed)
}

// mine reports whether m answers the event that is on its way.
func (s *simulator) mine(m *Message) bool {
	return s.inFlight && m.Seq == s.queue[0].Seq && m.Account == s.account
}

func (s *simulator) done(now time.Time, out *protocol.Output) {
	s.queue, s.inFlight = s.queue[1:], false
	s.send(now, out)
}

// refused takes over the receiver's clock and sends again, at once only where
// the clock was off.
func (s *simulator) refused(now, theirs time.Time, out *protocol.Output) {
	off := theirs.Sub(now.Add(s.clock))
	if off.Abs() > 2*time.Second {
		s.clock += off
		s.send(now, out)
	}
}

// send sends the first event of the queue or, where there is none, nothing.
func (s *simulator) send(now time.Time, out *protocol.Output) {
	if len(s.queue) == 0 {
		s.next = now.Add(supervision)
		return
	}
	m := *s.queue[0]
	m.Time = now.Add(s.clock)
	s.inFlight = true
	s.next = now.Add(patience + time.Duration(s.rnd.Int64N(int64(patience/10))))
	out.Send = append(out.Send, &m)
}

// Deadline is when the event is sent again, or the next sign of life; in the
// past, which means at once, where there is something to say for the first time.
func (s *simulator) Deadline() time.Time {
	if !s.started || !s.inFlight && len(s.queue) > 0 {
		return time.Unix(0, 0).UTC()
	}
	return s.next
}

// Wake starts and continues the conversation.
func (s *simulator) Wake(now time.Time, out *protocol.Output) error {
	due := !now.Before(s.next)
	if !s.started || due && len(s.queue) == 0 {
		s.started = true
		out.Send = append(out.Send, &Message{ID: Null, Line: "0", Account: s.account, Encrypted: s.keyed, Time: now.Add(s.clock)})
		s.send(now, out)
	} else if due || !s.inFlight && len(s.queue) > 0 {
		s.send(now, out)
	}
	return nil
}
