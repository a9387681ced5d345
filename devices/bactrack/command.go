package bactrack

import (
	"fmt"
	"time"

	"github.com/sargas-em/em/protocol"
)

// Command starts or cancels a test, or switches off. What a VioControlReply
// carries is not documented: any is an acknowledgement.
func (s *vioSession) Command(_ time.Time, c protocol.Command) (protocol.Order, error) {
	action, ok := map[protocol.CommandKind]VioAction{
		protocol.CommandTest: VioStart, protocol.CommandCancel: VioCancel, protocol.CommandPowerOff: VioShutDown,
	}[c.Kind]
	switch {
	case !ok:
		return protocol.Order{}, fmt.Errorf("bactrack: command %q: %w", c.Kind, protocol.ErrUnsupported)
	case s.identity == "":
		return protocol.Order{}, fmt.Errorf("bactrack: command: %w", protocol.ErrNoIdentity)
	}
	return protocol.Order{Send: []protocol.Message{&VioControl{action}}, Answer: func(m protocol.Message) protocol.Answer {
		if _, ok := m.(*VioControlReply); ok {
			return protocol.Acknowledged
		}
		return protocol.NoAnswer
	}}, nil
}
