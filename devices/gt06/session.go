package gt06

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/sequence"
)

// session is one conversation. It has nothing to wait for: the device repeats
// what it needs.
type session struct {
	device   em.DeviceID
	imei     string
	zone     time.Duration // lead of the device's clock over UTC, from its login
	seq      sequence.Sequence
	commands uint32 // sent
}

func (s *session) Device() em.DeviceID { return s.device }

func (s *session) Deadline() time.Time { return time.Time{} }

func (s *session) Wake(time.Time, *protocol.Output) error { return nil }

// Handle takes a message of the device. Before a login only the time is told,
// unless the message itself states the IMEI of its sender, as some variants do:
// that says as much as a login.
func (s *session) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	switch m := m.(type) {
	case *Login:
		return s.login(m, out)
	case *TimeRequest:
		if clock, ok := ClockAt(now); ok {
			out.Send = append(out.Send, &TimeReply{Header{Code: typeTime, Serial: m.Serial}, clock})
		}
		return nil
	case *Ack, *BareAck, *Command, *TimeReply, *AddressReply:
		return fmt.Errorf("gt06: %w: a device sends no %s", protocol.ErrUnsupported, m.Type())
	}
	known := true
	var h Header
	switch m := m.(type) {
	case *protocol.Raw:
		if h, known = rawHeader(m); !known {
			return fmt.Errorf("gt06: %w: %s is no frame", protocol.ErrMalformed, m.Type())
		}
		known = false
	case numbered:
		h = *m.head()
	default:
		return fmt.Errorf("gt06: %w: %T is no message of the dialect", protocol.ErrUnsupported, m)
	}
	imei := stated(m)
	if s.device == "" {
		if !validIMEI(imei) {
			return fmt.Errorf("gt06: %w: %s before the login", protocol.ErrNoIdentity, m.Type())
		}
		s.identify(imei) // a message that names its sender says as much as a login
	}
	if imei != "" && imei != s.imei {
		return fmt.Errorf("gt06: %w: a %s states another IMEI than the login", protocol.ErrIdentity, m.Type())
	}
	v := view{out: out, device: s.device, zone: s.zone, from: len(out.Observations)}
	v.message(m)
	if !h.Bare {
		s.number(&v, s.seq.Next(h.Serial))
	}
	if ack := acknowledge(h, m, known); ack != nil {
		out.Send = append(out.Send, ack)
	}
	return nil
}

func (s *session) number(v *view, seq uint64) {
	for i := range v.out.Observations[v.from:] {
		v.out.Observations[v.from+i].Seq = em.Some(seq)
	}
}

func (s *session) identify(imei string) {
	s.device = em.DeviceID(Name + ":" + imei)
	s.imei = string(s.device[len(Name)+1:]) // imei itself would keep the whole login
}

func (s *session) login(m *Login, out *protocol.Output) error {
	if !validIMEI(m.IMEI) {
		return fmt.Errorf("gt06: %w: the login's IMEI is not 15 digits other than zeros", protocol.ErrIdentity)
	}
	if s.device != "" && m.IMEI != s.imei {
		return fmt.Errorf("gt06: %w: a second login with another IMEI", protocol.ErrIdentity)
	}
	s.identify(m.IMEI)
	s.zone = 0
	if m.Zone.OK {
		s.zone, _ = m.Zone.V.Offset()
	}
	v := view{out: out, device: s.device, from: len(out.Observations)}
	v.see(&em.Comms{Event: em.CommsLogin})
	var f []em.Field
	if m.Model.OK {
		f = append(f, em.Field{Name: "model", Value: fmt.Sprintf("0x%04X", m.Model.V)})
	}
	if m.Zone.OK {
		f = append(f, em.Field{Name: "time zone", Value: m.Zone.V.String()}, num("language", uint64(m.Zone.V&7)))
	}
	v.vendor(m.Header, f, m.Tail)
	if !m.Bare {
		s.number(&v, s.seq.Login(m.Serial))
	}
	out.Send = append(out.Send, acknowledge(m.Header, m, true))
	return nil
}

// validIMEI reports whether s is 15 digits, not all of them zeros.
func validIMEI(s string) bool {
	zeros := 0
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
		if r == '0' {
			zeros++
		}
	}
	return len(s) == 15 && zeros < 15
}

// stated is the IMEI that a message other than a login names; "" for none.
func stated(m protocol.Message) string {
	switch m := m.(type) {
	case *Position:
		return m.IMEI
	case *Modular:
		for _, p := range m.Modules {
			if p.ID == moduleIMEI && len(p.Data) == 8 {
				return hex.EncodeToString(p.Data)[1:]
			}
		}
	}
	return ""
}

// acknowledge returns the answer to a frame, nil for none: never to what the
// server's commands bring back under their own type (0x80–0x82), nor to long
// frames of unknown type other than multimedia. The header is short but for
// stations and multimedia.
func acknowledge(h Header, m protocol.Message, known bool) protocol.Message {
	switch {
	case h.Code >= typeCommand && h.Code <= typeCommand+2:
		return nil
	case h.Bare:
		a := &BareAck{Header: Header{Code: h.Code, Bare: true}}
		switch m := m.(type) {
		case *WiFi:
			a.Time = m.Time
		case *Position:
			a.Time = m.GPS.Clock
		}
		return a
	case !known && h.Long && h.Code != typeMultimedia:
		return nil
	case h.Code == typeAddress && known:
		return &AddressReply{Header: Header{Code: typeAddressReply, Long: true, Serial: h.Serial}, Text: "NA&&NA&&0##"}
	}
	wide := h.Long && (h.Code == typeStation || h.Code == typeStationAlarm || h.Code == typeMultimedia)
	return &Ack{Header{Code: h.Code, Long: wide, Serial: h.Serial}}
}

// rawHeader reads the header of an unsupported frame.
func rawHeader(m *protocol.Raw) (h Header, ok bool) {
	head := headLen(m.Data)
	n := len(m.Data)
	if head == 0 || n < head+overhead+len(trailer) {
		return h, false
	}
	return Header{Code: m.Data[head], Long: head == 4, Serial: binary.BigEndian.Uint16(m.Data[n-6:])}, true
}
