package xexun2

import (
	"fmt"
	"time"

	"github.com/sargas-em/em/protocol"
)

// Command makes a Command of a known text or of the vendor's own. Every Command of
// the device is taken for the answer: whether it repeats the serial is not known,
// nor how it would say no.
func (s *session) Command(_ time.Time, c protocol.Command) (protocol.Order, error) {
	var text string
	var err error
	switch {
	case c.Kind == protocol.CommandInterval:
		text, err = TrackEvery(c.Every, c.Every)
	case c.Kind == protocol.CommandRestart:
		text = Reset
	case c.Kind == protocol.CommandPowerOff:
		text = PowerOff
	case c.Kind == protocol.CommandVendor && c.Text != "":
		text = c.Text
	default:
		err = fmt.Errorf("xexun2: command %q: %w", c.Kind, protocol.ErrUnsupported)
	}
	if err == nil && s.device == "" {
		err = fmt.Errorf("xexun2: command: %w", protocol.ErrNoIdentity)
	}
	if err != nil {
		return protocol.Order{}, err
	}
	s.commands++
	return protocol.Order{
		Send: []protocol.Message{NewCommand(s.imei, s.commands, text)},
		Answer: func(m protocol.Message) protocol.Answer {
			if _, ok := m.(*Command); ok {
				return protocol.Acknowledged
			}
			return protocol.NoAnswer
		},
	}, nil
}
