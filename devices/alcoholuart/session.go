package alcoholuart

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/nmea"
)

// measure is the time between two measurements of a module.
const measure = time.Second

// modeAgain is how long the session waits before it tells a module once more
// how to speak: it may have been switched off and on.
const modeAgain = 10 * time.Second

// session is the host's side.
type session struct {
	config   Config
	identity string
	invalid  bool // the configured identity is none

	started bool
	closed  bool
	next    time.Time // of the poll
	told    time.Time // the mode, last
	air     time.Time // observed last
}

func newSession(identity string, c Config) *session {
	s := &session{config: c, identity: identity}
	if s.invalid = identity != "" && !nmea.Word(identity, maxIdentity); s.invalid {
		s.identity = ""
	}
	return s
}

// Device is "alcoholuart:" and the configured identity; empty without one.
func (s *session) Device() em.DeviceID {
	if s.identity == "" {
		return ""
	}
	return deviceID(s.identity)
}

// Deadline is at once before the conversation has begun: the host speaks first.
// Then it is the next poll.
func (s *session) Deadline() time.Time {
	switch {
	case s.closed:
		return time.Time{}
	case !s.started:
		return time.Unix(0, 0).UTC()
	}
	return s.next
}

// Wake starts the conversation and polls.
func (s *session) Wake(now time.Time, out *protocol.Output) error {
	if s.closed {
		return nil
	}
	if s.identity == "" {
		s.closed, out.Close = true, true
		if s.invalid {
			return fmt.Errorf("alcoholuart: %w: the configured identity is not 1 to %d letters, digits and - . _", protocol.ErrIdentity, maxIdentity)
		}
		return fmt.Errorf("alcoholuart: %w: the wire has none, the connection needs one", protocol.ErrNoIdentity)
	}
	if !s.started {
		s.started = true
		s.setMode(now, out)
		if s.config.Poll > 0 {
			s.next = now
		}
	}
	if !s.next.IsZero() && !now.Before(s.next) {
		out.Send = append(out.Send, &Read{})
		s.next = now.Add(s.config.Poll)
	}
	return nil
}

func (s *session) setMode(now time.Time, out *protocol.Output) {
	mode := ModeAnswer
	if s.config.Uploads {
		mode = ModeUpload
	}
	out.Send = append(out.Send, &SetMode{Mode: mode})
	s.told = now
}

// Handle takes one frame of the module.
func (s *session) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	switch m.(type) {
	case *Upload, *Reply, *protocol.Raw:
	default:
		return fmt.Errorf("alcoholuart: a module does not send %s: %w", m.Type(), protocol.ErrMalformed)
	}
	if s.identity == "" {
		return fmt.Errorf("alcoholuart: %s: %w", m.Type(), protocol.ErrNoIdentity)
	}
	switch m := m.(type) {
	case *Reply:
		out.Observe(s.Device(), time.Time{}, &em.AlcoholReading{
			Value: em.Decimal{Coef: int64(m.Concentration)}, Unit: em.UnitRaw, Status: em.SampleOK,
		})
		if m.Mass != 0 || m.Reserved != 0 {
			out.Observe(s.Device(), time.Time{}, &em.Vendor{Name: Name + ".reply", Fields: []em.Field{
				{Name: "mass", Value: fmt.Sprint(m.Mass)}, {Name: "reserved", Value: fmt.Sprint(m.Reserved)},
			}})
		}
	case *Upload:
		if s.started && !s.config.Uploads && now.Sub(s.told) >= modeAgain {
			s.setMode(now, out)
		}
		if !s.air.IsZero() && now.Sub(s.air) < s.config.Every {
			return nil
		}
		s.air = now
		out.Observe(s.Device(), time.Time{}, &em.Vendor{Name: Name + ".air", Fields: []em.Field{
			{Name: "concentration", Value: m.Value().String()}, {Name: "unit", Value: m.Unit.String()}, {Name: "full scale", Value: m.Full().String()},
		}})
	}
	return nil
}
