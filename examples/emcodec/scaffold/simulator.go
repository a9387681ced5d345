package scaffold

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// Times of the simulated device.
const (
	patience = 30 * time.Second // until a message is sent again
	beat     = 5 * time.Minute  // between heartbeats
)

// simulator is the device's side. It sends one message after the other, each until
// it is acknowledged.
type simulator struct {
	identity string
	rnd      *rand.Rand
	serial   uint16
	queue    []message // not bounded: the caller's reports are its only source, but for one heartbeat
	started  bool
	waiting  bool      // queue[0] was sent
	again    time.Time // when it is sent again
	next     time.Time // of the next heartbeat
}

func newSimulator(identity string, seed uint64) (protocol.Simulator, error) {
	if !isIdentity(identity) {
		return nil, fmt.Errorf("scaffold: simulator: %w: no identity of the dialect", protocol.ErrIdentity)
	}
	return &simulator{identity: identity, rnd: rand.New(rand.NewPCG(seed, 0))}, nil
}

// Report queues observations. An error leaves the queue as it was.
func (s *simulator) Report(obs ...em.Observation) error {
	queue, serial := s.queue, s.serial
	for _, o := range obs {
		m, err := s.message(o)
		if err != nil {
			s.queue, s.serial = queue, serial
			return fmt.Errorf("scaffold: simulator: %w", err)
		}
		s.queue = append(s.queue, m)
	}
	return nil
}

// head makes the head of a new message.
func (s *simulator) head() Head {
	s.serial++
	return Head{s.identity, s.serial}
}

// message returns the message that says o.
func (s *simulator) message(o em.Observation) (message, error) {
	at := o.DeviceAt
	if at.IsZero() {
		at = o.At
	}
	var stamp Stamp
	if !at.IsZero() {
		if at.Unix() <= 0 || at.Unix() > math.MaxUint32 {
			return nil, fmt.Errorf("%w: the year %d", protocol.ErrUnsupported, at.UTC().Year())
		}
		stamp.Time = uint32(at.Unix())
	}
	if o.Stored {
		stamp.Flags |= FlagStored
	}
	m := tell(stamp, o.Body)
	if b, ok := o.Body.(*em.Comms); ok && b.Event == em.CommsHeartbeat && b.Text == "" && !o.Stored {
		m = &Heartbeat{}
	}
	if m == nil {
		return nil, fmt.Errorf("%s: %w", o.Body.Kind(), protocol.ErrUnsupported)
	}
	*m.head() = s.head()
	return m, nil
}

// Handle takes one message of the center.
func (s *simulator) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	switch m := m.(type) {
	case *Ack:
		if m.Identity != s.identity {
			return fmt.Errorf("scaffold: simulator: %w: a message for another device", protocol.ErrIdentity)
		}
		if s.waiting && m.Serial == s.queue[0].head().Serial {
			s.queue, s.waiting = s.queue[1:], false
			s.send(now, out)
		}
	case order:
		if m.head().Identity != s.identity {
			return fmt.Errorf("scaffold: simulator: %w: a command for another device", protocol.ErrIdentity)
		}
		out.Send = append(out.Send, m.obey(s.head()))
	case *protocol.Raw:
	default:
		return fmt.Errorf("scaffold: the center does not send %s: %w", m.Type(), protocol.ErrMalformed)
	}
	return nil
}

// send sends the next message, or the same again.
func (s *simulator) send(now time.Time, out *protocol.Output) {
	if len(s.queue) == 0 {
		return
	}
	out.Send = append(out.Send, s.queue[0])
	s.waiting = true
	// Up to a tenth later, so that many devices do not march in step.
	s.again = now.Add(patience + time.Duration(s.rnd.Int64N(int64(patience/10))))
}

// Deadline is when something is to be sent; in the past, which means at once, where
// there is something new.
func (s *simulator) Deadline() time.Time {
	switch {
	case !s.started || !s.waiting && len(s.queue) > 0:
		return time.Unix(0, 0).UTC()
	case s.waiting:
		return s.again
	}
	return s.next
}

// Wake starts and continues the conversation: it begins with a heartbeat, which
// says who it is.
func (s *simulator) Wake(now time.Time, out *protocol.Output) error {
	if !s.started || !s.waiting && len(s.queue) == 0 && !now.Before(s.next) {
		s.queue = slices.Insert(s.queue, 0, message(&Heartbeat{s.head()}))
		s.started, s.next = true, now.Add(beat)
	}
	if !s.waiting || !now.Before(s.again) {
		s.send(now, out)
	}
	return nil
}

// Waiting implements protocol.Resumer.
func (s *simulator) Waiting() int {
	n := 0
	for _, m := range s.queue {
		if _, beat := m.(*Heartbeat); !beat {
			n++
		}
	}
	return n
}

// Reconnect implements protocol.Resumer: heartbeats that were lost are not told
// again.
func (s *simulator) Reconnect() {
	s.queue = slices.DeleteFunc(slices.Clone(s.queue), func(m message) bool { return m.Type() == "heartbeat" })
	s.started, s.waiting = false, false
}

// Device is "scaffold:" and the identity.
func (s *simulator) Device() em.DeviceID { return deviceID(s.identity) }
