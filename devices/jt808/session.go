package jt808

import (
	"crypto/subtle"
	"fmt"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/sequence"
	"github.com/sargas-em/em/protocol/wire"
)

// session is the platform's side of one conversation.
type session struct {
	config Config
	device em.DeviceID
	id     string // of the header
	last   Header // of the device, to address it
	model  string // from a registration
	authed bool
	seq    sequence.Sequence
	serial uint16 // of the platform's next frame
	parts  assemblies
}

func (s *session) Device() em.DeviceID { return s.device }

// Deadline is when missing parts of a message are asked for.
func (s *session) Deadline() time.Time { return s.parts.deadline() }

// Wake asks for them.
func (s *session) Wake(now time.Time, out *protocol.Output) error {
	return s.parts.wake(now, func(to Header, m *Resend) {
		m.Header = s.to(&to, typePlatformAsks)
		out.Send = append(out.Send, m)
	})
}

// to returns the header of an answer.
func (s *session) to(h *Header, code uint16) Header {
	a := Header{Code: code, ID: h.ID, Serial: s.serial, Version: h.Version, Alternative: h.Alternative}
	s.serial++
	if compact(code) {
		a.Serial &= 0xFF
	}
	return a
}

func (s *session) reply(h *Header, result uint8, out *protocol.Output) {
	out.Send = append(out.Send, &Reply{s.to(h, typePlatformReply), h.Serial, h.Code, result})
}

// received says that all of a medium has come.
func (s *session) received(h *Header, m *Media, out *protocol.Output) {
	out.Send = append(out.Send, &MediaReply{Header: s.to(h, typeMediaReply), ID: m.ID})
}

// Handle takes a message of the device.
func (s *session) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	var h Header
	switch m := m.(type) {
	case *Base:
		return s.base(now, m, out)
	case *protocol.Raw:
		if m.Code == "line" {
			return s.line(m, out)
		}
		plain, err := unescape(m.Data, nil)
		if err != nil {
			return fmt.Errorf("jt808: %w: %s is no frame", protocol.ErrMalformed, m.Type())
		}
		f := wire.New(plain)
		var id []byte
		if id, _, _ = h.read(&f); f.Err() != nil {
			return fmt.Errorf("jt808: %w: %s is no frame", protocol.ErrMalformed, m.Type())
		}
		h.ID = f.Digits(id)
	case headed:
		h = *m.head()
	default:
		return fmt.Errorf("jt808: %w: %T is no message of the dialect", protocol.ErrUnsupported, m)
	}
	if platforms(h.Code) {
		return fmt.Errorf("jt808: %w: a terminal sends no %s", protocol.ErrUnsupported, m.Type())
	}
	if err := s.identify(&h, m.Type()); err != nil {
		return err
	}
	switch m := m.(type) {
	case *Register:
		return s.register(m, out)
	case *Authenticate:
		return s.authenticate(m, out)
	case *Part:
		if s.refused() || !inParts(h.Code) {
			break
		}
		whole, err := s.parts.add(now, m, s.config.MaxMedia)
		if err != nil {
			s.reply(&h, ResultFailed, out)
			return err
		}
		if whole != nil {
			s.see(whole, &h, out)
		}
		s.reply(&h, ResultOK, out)
		if m, ok := whole.(*Media); ok && h.Code == typeMedia {
			s.received(&h, m, out)
		}
		return nil
	}
	if s.refused() {
		s.reply(&h, ResultFailed, out)
		return fmt.Errorf("jt808: %w: %s before the authentication", protocol.ErrNoIdentity, m.Type())
	}
	s.see(m, &h, out)
	switch m := m.(type) {
	case *Reply, *Resend: // an answer ends the matter
	case *Media:
		if h.Code == typeMediaEvent {
			s.reply(&h, ResultOK, out)
			break
		}
		s.received(&h, m, out)
	case *TimeRequest:
		if h.Code == typeServerTime {
			if clock, ok := ClockAt(now, 0); ok {
				out.Send = append(out.Send, &ServerTime{s.to(&h, typeTimeIs), clock})
			}
			break
		}
		t := now.UTC()
		out.Send = append(out.Send, &TimeReply{
			s.to(&h, typeTimeReply), uint16(t.Year()), uint8(t.Month()), uint8(t.Day()), uint8(t.Hour()), uint8(t.Minute()), uint8(t.Second()),
		})
	case *Compact:
		if h.Confirm {
			out.Send = append(out.Send, &CompactReply{s.to(&h, typeCompactReply), h.Code, ResultOK})
		}
	case *Opaque:
		result := uint8(ResultOK)
		if m.Encryption != 0 {
			result = ResultUnsupported
		}
		s.reply(&h, result, out)
	case *protocol.Raw, *Part:
		s.reply(&h, ResultUnsupported, out)
	default:
		s.reply(&h, ResultOK, out)
	}
	return nil
}

func (s *session) refused() bool { return s.config.RequireAuth && !s.authed }

// identify learns whom the conversation is with.
func (s *session) identify(h *Header, what string) error {
	id, ok := h.Identity()
	switch {
	case !ok:
		return fmt.Errorf("jt808: %w: the terminal's number in a %s is none", protocol.ErrIdentity, what)
	case s.device != "" && h.ID != s.id:
		return fmt.Errorf("jt808: %w: a %s of another terminal", protocol.ErrIdentity, what)
	}
	s.last = Header{ID: h.ID, Version: h.Version, Alternative: h.Alternative}
	s.id, s.device = h.ID, em.DeviceID(Name+":"+id)
	return nil
}

// see tells what a message says, under the number of the frame with header h.
func (s *session) see(m protocol.Message, h *Header, out *protocol.Output) {
	model := s.model
	if model == "" && s.config.Model != nil {
		model = s.config.Model(s.device)
	}
	v := view{out: out, device: s.device, lead: s.config.Lead.V, profile: profileOf(model)}
	from := len(out.Observations)
	switch m := m.(type) {
	case *protocol.Raw:
		v.vendor(h, []em.Field{named("frame", fmt.Sprintf("%x", m.Data))})
	case *Part:
		v.vendor(h, []em.Field{named("part", fmt.Sprintf("%d of %d", m.Index, m.Total)), named("data", fmt.Sprintf("%x", m.Data))})
	default:
		v.message(m)
	}
	if compact(h.Code) {
		return // one byte says too little to be unwrapped
	}
	seq := uint64(0)
	if h.Code == typeRegister || h.Code == typeAuth && s.model == "" {
		seq = s.seq.Login(h.Serial)
	} else {
		seq = s.seq.Next(h.Serial)
	}
	for i := range out.Observations[from:] {
		out.Observations[from+i].Seq = em.Some(seq)
	}
}

// code returns the authentication code that the device should have; any is
// false where it may have any.
func (s *session) code() (code string, fixed bool) {
	if s.config.AuthCode == nil {
		return strings.TrimPrefix(string(s.device), Name+":"), false
	}
	return s.config.AuthCode(s.device), true
}

// Result of a RegisterReply where the platform does not know the terminal.
const resultNoTerminal = 4

func (s *session) register(m *Register, out *protocol.Output) error {
	s.see(m, &m.Header, out)
	s.model = m.Model
	a := &RegisterReply{Header: s.to(&m.Header, typeRegisterReply), Answered: m.Serial}
	if s.config.Accept == nil || s.config.Accept(s.device, m) {
		a.AuthCode, _ = s.code()
	}
	if a.AuthCode == "" {
		a.Result = resultNoTerminal
	}
	out.Send = append(out.Send, a)
	return nil
}

func (s *session) authenticate(m *Authenticate, out *protocol.Output) error {
	want, fixed := s.code()
	if fixed && (want == "" || subtle.ConstantTimeCompare([]byte(want), []byte(m.AuthCode)) == 0) {
		s.authed = false
		s.reply(&m.Header, ResultFailed, out)
		return fmt.Errorf("jt808: %w: a wrong authentication code", protocol.ErrIdentity)
	}
	s.authed = true
	s.see(m, &m.Header, out)
	s.reply(&m.Header, ResultOK, out)
	return nil
}

// base answers a line that asks for the time.
func (s *session) base(now time.Time, m *Base, out *protocol.Output) error {
	ask, ok := strings.CutSuffix(m.Text, "TIME")
	if !ok {
		return fmt.Errorf("jt808: %w: a terminal sends no answer to a %s", protocol.ErrUnsupported, m.Type())
	}
	out.Send = append(out.Send, &Base{ask + now.UTC().Format("20060102150405")})
	return nil
}

// line tells any other line, which names nobody.
func (s *session) line(m *protocol.Raw, out *protocol.Output) error {
	if s.device == "" || s.refused() {
		return fmt.Errorf("jt808: %w: a line of text", protocol.ErrNoIdentity)
	}
	out.Observe(s.device, time.Time{}, &em.Comms{Event: em.CommsReply, Text: string(m.Data)})
	return nil
}
