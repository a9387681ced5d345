package alcoholuart

import (
	"fmt"
	"time"

	"github.com/sargas-em/em/protocol"
)

// Command asks for the present value. The next Reply is the answer, though a poll
// may have asked for it. A module that uploads leaves its mode for it no more than
// for a poll.
func (s *session) Command(_ time.Time, c protocol.Command) (protocol.Order, error) {
	switch {
	case c.Kind != protocol.CommandRead:
		return protocol.Order{}, fmt.Errorf("alcoholuart: command %q: %w", c.Kind, protocol.ErrUnsupported)
	case s.identity == "":
		return protocol.Order{}, fmt.Errorf("alcoholuart: command: %w", protocol.ErrNoIdentity)
	}
	return protocol.Order{Send: []protocol.Message{&Read{}}, Answer: func(m protocol.Message) protocol.Answer {
		if _, ok := m.(*Reply); ok {
			return protocol.Acknowledged
		}
		return protocol.NoAnswer
	}}, nil
}
