package gt06

import (
	"fmt"
	"time"

	"github.com/sargas-em/em/protocol"
)

// Command says a text of the vendor's ("STATUS#", "RELAY,1#") as type 0x80. The
// device's Reply has the command's number; what its text says is the vendor's, and
// any counts as an acknowledgement.
func (s *session) Command(_ time.Time, c protocol.Command) (protocol.Order, error) {
	switch {
	case c.Kind != protocol.CommandVendor || c.Text == "":
		return protocol.Order{}, fmt.Errorf("gt06: command %q: %w", c.Kind, protocol.ErrUnsupported)
	case s.device == "":
		return protocol.Order{}, fmt.Errorf("gt06: command: %w", protocol.ErrNoIdentity)
	}
	s.commands++
	flag := s.commands
	return protocol.Order{
		Send: []protocol.Message{NewCommand(uint16(flag), flag, c.Text)},
		Answer: func(m protocol.Message) protocol.Answer {
			if r, ok := m.(*Reply); ok && r.Flag == flag {
				return protocol.Acknowledged
			}
			return protocol.NoAnswer
		},
	}, nil
}
