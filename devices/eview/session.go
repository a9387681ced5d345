package eview

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/sequence"
)

// session is the center's side of one conversation. It has nothing to wait for:
// the device repeats what it needs.
type session struct {
	device   em.DeviceID
	seq      sequence.Sequence
	commands uint16 // sent; wraps
}

func (s *session) Device() em.DeviceID { return s.device }

func (s *session) Deadline() time.Time { return time.Time{} }

func (s *session) Wake(time.Time, *protocol.Output) error { return nil }

// Handle takes a message of the device. What needs no identity, a question for
// the time or for a position, is answered before there is one.
func (s *session) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	from := len(out.Observations)
	var serial uint16
	var properties uint8
	switch m := m.(type) {
	case *Packet:
		serial, properties = m.Serial, m.Properties
		if err := s.identify(m); err != nil {
			return err
		}
		if m.Command == CommandServices {
			if a := services(now, m); a != nil {
				out.Send = append(out.Send, a)
				properties = 0 // that is the answer
			}
		} else if s.device == "" {
			return fmt.Errorf("eview: %w: %s before an IMEI", protocol.ErrNoIdentity, m.Type())
		}
		if s.device != "" {
			s.see(m, out)
		}
	case *protocol.Raw:
		frame, _, err := Codec{}.Split(m.Data)
		if err != nil || frame == nil {
			return fmt.Errorf("eview: %w: %s is no frame", protocol.ErrMalformed, m.Type())
		}
		if s.device == "" {
			return fmt.Errorf("eview: %w: %s before an IMEI", protocol.ErrNoIdentity, m.Type())
		}
		properties, serial = frame[1], binary.LittleEndian.Uint16(frame[6:])
		out.Observe(s.device, time.Time{}, &em.Vendor{Name: Name + " " + m.Code, Fields: []em.Field{{Name: "frame", Value: fmt.Sprintf("%x", m.Data)}}})
	default:
		return fmt.Errorf("eview: %w: %T is no message of the dialect", protocol.ErrUnsupported, m)
	}
	if len(out.Observations) > from {
		seq := s.seq.Next(serial)
		for i := range out.Observations[from:] {
			out.Observations[from+i].Seq = em.Some(seq)
		}
	}
	if properties&propAck != 0 {
		out.Send = append(out.Send, Ack(serial))
	}
	return nil
}

// Ack returns the acknowledgement of the packet with that serial.
func Ack(serial uint16) *Packet {
	return &Packet{Serial: serial, Command: CommandResponse, Records: []Record{{Key: 0}}}
}

// identify learns whom the conversation is with: data and a configuration name
// the IMEI.
func (s *session) identify(m *Packet) error {
	key := uint8(keyIMEI)
	switch m.Command {
	case CommandData:
	case CommandConfiguration:
		key = configIMEI
	default:
		return nil
	}
	for _, r := range m.Records {
		imei := string(r.Value)
		switch {
		case r.Key != key:
			continue
		case !validIMEI(imei):
			return fmt.Errorf("eview: %w: the IMEI of a %s packet is not 15 digits other than zeros", protocol.ErrIdentity, m.Type())
		case s.device != "" && s.device != deviceID(imei):
			return fmt.Errorf("eview: %w: a %s packet of another IMEI", protocol.ErrIdentity, m.Type())
		}
		s.device = deviceID(imei)
	}
	return nil
}

// services answers questions; nil where there is none that is known.
func services(now time.Time, m *Packet) *Packet {
	a := &Packet{Serial: m.Serial, Command: CommandServices}
	for _, r := range m.Records {
		switch r.Key {
		case serviceAGPS: // a position unknown is 0, 0
			a.Records = append(a.Records, Record{serviceAGPS, make([]byte, 9)})
		case serviceTime:
			if t := now.Unix(); t >= 0 && t <= math.MaxUint32 {
				a.Records = append(a.Records, Record{serviceTime, binary.LittleEndian.AppendUint32(nil, uint32(t))})
			}
		}
	}
	if len(a.Records) == 0 {
		return nil
	}
	return a
}

// see tells what a packet says.
func (s *session) see(m *Packet, out *protocol.Output) {
	fields := []em.Field(nil)
	switch m.Command {
	case CommandData:
		none := true
		points(m.Records, func(p *point) {
			none = false
			p.tell(s.device, out)
		})
		if none {
			out.Observe(s.device, time.Time{}, &em.Comms{Event: em.CommsHeartbeat})
		}
	case CommandConfiguration:
		out.Observe(s.device, time.Time{}, &em.Comms{Event: em.CommsInfo})
		for _, r := range m.Records {
			if v := r.Value; r.Key == keyBattery && len(v) == 3 && v[0] <= 100 {
				out.Observe(s.device, time.Time{}, &em.Power{
					Level: em.Some(float64(v[0]) / 100), Volts: em.Some(float64(binary.LittleEndian.Uint16(v[1:])) / 1000),
				})
			}
		}
		fields = fieldsOf(m.Command, m.Records)
	case CommandResponse:
		for _, r := range m.Records {
			out.Observe(s.device, time.Time{}, &em.Comms{Event: em.CommsReply, Text: fmt.Sprintf("result %d", r.Key)})
		}
	case CommandControl:
		for _, r := range m.Records {
			text := clean(string(r.Value))
			if len(r.Value) > 0 && r.Value[0] == 0 { // a result before the text
				text = clean(string(r.Value[1:]))
			}
			out.Observe(s.device, time.Time{}, &em.Comms{Event: em.CommsReply, Text: text})
		}
	default:
		fields = fieldsOf(m.Command, m.Records)
	}
	if m.BadCheck {
		fields = append(fields, em.Field{Name: "check code", Value: "wrong"})
	}
	if len(fields) > 0 {
		out.Observe(s.device, time.Time{}, &em.Vendor{Name: Name + " " + m.Type(), Fields: fields})
	}
}
