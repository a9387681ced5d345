package eview

import (
	"fmt"
	"time"

	"github.com/sargas-em/em/protocol"
)

// Command reads the configuration, which comes back as a packet of its own, or
// makes the device fetch its firmware: a vendor command with an address as Text.
// Answers have the command's serial.
func (s *session) Command(_ time.Time, c protocol.Command) (protocol.Order, error) {
	var p *Packet
	serial := s.commands + 1
	switch {
	case c.Kind == protocol.CommandRead:
		p = ReadConfiguration(serial)
	case c.Kind == protocol.CommandVendor && c.Text != "":
		p = UpdateFirmware(serial, c.Text)
	default:
		return protocol.Order{}, fmt.Errorf("eview: command %q: %w", c.Kind, protocol.ErrUnsupported)
	}
	if s.device == "" {
		return protocol.Order{}, fmt.Errorf("eview: command: %w", protocol.ErrNoIdentity)
	}
	s.commands = serial
	return protocol.Order{Send: []protocol.Message{p}, Answer: func(m protocol.Message) protocol.Answer {
		a, ok := m.(*Packet)
		switch {
		case !ok || a.Serial != serial:
		case a.Command == p.Command:
			return protocol.Acknowledged
		case a.Command == CommandResponse && len(a.Records) > 0 && a.Records[0].Key == 0:
			if p.Command == CommandControl {
				return protocol.Acknowledged
			}
		case a.Command == CommandResponse:
			return protocol.Refused
		}
		return protocol.NoAnswer
	}}, nil
}
