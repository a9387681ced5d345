package siadc09

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

// session is the receiver's side of a conversation. It knows the unit from the
// first message that it accepts.
type session struct {
	rules   *rules
	account string // in upper case
	last    *Message
	seq     uint64 // of the last message with a number, unwrapped
}

// Device is "siadc09:" and the account number in upper case.
func (s *session) Device() em.DeviceID {
	if s.account == "" {
		return ""
	}
	return deviceID(s.account)
}

// Deadline is never: the unit repeats what it needs, and falls silent by itself.
func (s *session) Deadline() time.Time { return time.Time{} }

// Wake does nothing.
func (s *session) Wake(time.Time, *protocol.Output) error { return nil }

// Handle takes one message of the unit.
func (s *session) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	switch m := m.(type) {
	case *Message:
		switch m.ID {
		case DCS, ContactID, Null:
			return s.receive(now, m, out)
		}
	case *Poll:
		if s.rules.keys.key(m.Account) != nil && !s.rules.allowPlain {
			return fmt.Errorf("siadc09: a poll in clear from an account with a key: %w", protocol.ErrIdentity)
		}
		if err := s.identify(m.Account); err != nil {
			return err
		}
		out.Observe(s.Device(), time.Time{}, &em.Comms{Event: em.CommsHeartbeat})
		out.Send = append(out.Send, &PollAck{})
		return nil
	case *protocol.Raw:
		f := reader{wire.New(m.Data), m.Data}
		var h Message
		if f.header(&h); f.Err() != nil {
			return fmt.Errorf("siadc09: %s: %w: %w", m.Type(), protocol.ErrMalformed, f.Err())
		}
		out.Send = append(out.Send, answer(Duh, &h))
		return nil
	}
	return fmt.Errorf("siadc09: a unit does not send %s: %w", m.Type(), protocol.ErrMalformed)
}

// answer echoes the header of what it answers, in clear.
func answer(id string, to *Message) *Message {
	return &Message{ID: id, Seq: to.Seq, Receiver: to.Receiver, Line: to.Line, Account: to.Account, BinaryCRC: to.BinaryCRC}
}

func (s *session) receive(now time.Time, m *Message, out *protocol.Output) error {
	if m.Sealed != "" {
		out.Send = append(out.Send, answer(Duh, m))
		return fmt.Errorf("siadc09: %s: %w: no key for the account", m.ID, protocol.ErrUnsupported)
	}
	if err := s.accept(now, m); err != nil {
		out.Send = append(out.Send, nak(now))
		return err
	}
	ack := answer(Ack, m)
	if ack.Encrypted = m.Encrypted; ack.Encrypted {
		ack.Time = now
	}
	switch {
	case m.ID == Null:
		out.Observe(s.Device(), m.Time, &em.Comms{Event: em.CommsHeartbeat})
	case !s.repeated(m):
		s.events(m, out)
		s.last = m
	}
	out.Send = append(out.Send, ack)
	return nil
}

// accept says whether a message is of the unit, safe and timely.
func (s *session) accept(now time.Time, m *Message) error {
	account, inside := m.Account, m.DataAccount()
	switch {
	case account == "":
		account = inside
	case inside != "" && !strings.EqualFold(account, inside):
		return fmt.Errorf("siadc09: %s: %w: the data are of another account", m.ID, protocol.ErrIdentity)
	}
	switch {
	case account == "":
		return fmt.Errorf("siadc09: %s: %w", m.ID, protocol.ErrNoIdentity)
	case !validAccount(account):
		return fmt.Errorf("siadc09: %s: %w: the account is not 3 to 16 hexadecimal digits", m.ID, protocol.ErrIdentity)
	case !m.Encrypted && !s.rules.allowPlain && s.rules.keys.key(account) != nil:
		return fmt.Errorf("siadc09: %s: %w: in clear, and the account has a key", m.ID, protocol.ErrIdentity)
	case !m.Time.IsZero() && !s.rules.inWindow(m.Time, now):
		return fmt.Errorf("siadc09: %s: %w: the time stamp is outside of the window", m.ID, protocol.ErrMalformed)
	}
	return s.identify(account)
}

func (s *session) identify(account string) error {
	account = strings.ToUpper(account)
	if s.account != "" && s.account != account {
		return fmt.Errorf("siadc09: %w: another account on the connection", protocol.ErrIdentity)
	}
	s.account = account
	return nil
}

// repeated reports whether the message is the last one again: a unit repeats,
// under the same number but with a new time stamp, what was not acknowledged in
// time. What was observed of it is durable already.
func (s *session) repeated(m *Message) bool {
	l := s.last
	return l != nil && l.ID == m.ID && l.Seq == m.Seq && l.Data == m.Data && slices.Equal(l.Extended, m.Extended)
}

// number unwraps a sequence number, which goes from 1 to 9999 and again.
func (s *session) number(seq uint16) uint64 {
	const wrap = 9999
	ahead := (uint64(seq) + wrap - s.seq%wrap) % wrap
	switch behind := wrap - ahead; {
	case s.seq == 0, ahead <= wrap/2:
		s.seq += ahead
	case behind < s.seq:
		return s.seq - behind
	default:
		return uint64(seq)
	}
	return s.seq
}

// events observes each event: what rules read, then all of it as it came.
func (s *session) events(m *Message, out *protocol.Output) {
	when := m.Time
	if at, ok := m.Occurred(); ok {
		when = at
	}
	from := len(out.Observations)
	stored := false
	for _, e := range m.Events() {
		first := len(out.Observations)
		if b := s.rules.body(e); b != nil {
			out.Observe(s.Device(), when, b)
		}
		out.Observe(s.Device(), when, remark(m.ID, e))
		for i := first; i < len(out.Observations); i++ {
			out.Observations[i].Stored = e.Old
		}
		stored = stored || e.Old
	}
	if p, ok := m.Position(); ok {
		fix := &em.Fix{LatLng: p, Validity: em.FixLastKnown, Source: em.SourceGNSS}
		out.Observe(s.Device(), when, fix).Stored = stored
	}
	if len(m.Extended) > 0 {
		v := &em.Vendor{Name: Name + ".extended"}
		for _, x := range m.Extended {
			if x == "" {
				continue
			}
			f := em.Field{Name: x[:1], Value: x[1:]}
			if f.Name == keyChange {
				f.Value = "" // it may hold what belongs to keys
			}
			v.Fields = append(v.Fields, f)
		}
		out.Observe(s.Device(), when, v).Stored = stored
	}
	if m.Seq > 0 {
		n := em.Some(s.number(m.Seq))
		for i := from; i < len(out.Observations); i++ {
			out.Observations[i].Seq = n
		}
	}
}

// keyChange is the extended data in which a unit asks for another key.
const keyChange = "K"

// remark is an event as it came.
func remark(format string, e Event) *em.Vendor {
	v := &em.Vendor{Name: Name + ".event"}
	qualifier := ""
	if e.Qualifier != 0 {
		qualifier = string(e.Qualifier)
	}
	for _, f := range []em.Field{
		{Name: "format", Value: format}, {Name: "qualifier", Value: qualifier}, {Name: "code", Value: e.Code},
		{Name: "address", Value: e.Address}, {Name: "area", Value: e.Area}, {Name: "user", Value: e.User},
		{Name: "peripheral", Value: e.Peripheral}, {Name: "time", Value: e.Time}, {Name: "text", Value: e.Text},
	} {
		if f.Value != "" {
			v.Fields = append(v.Fields, f)
		}
	}
	return v
}
