package bactrack

import (
	"fmt"
	"time"

	"github.com/sargas-em/em/protocol"
)

// Command starts or cancels a test, or switches off, as far as the instrument's
// dialect can. What a VioControlReply carries is not documented: any is an
// acknowledgement.
func (s *vioSession) Command(_ time.Time, c protocol.Command) (protocol.Order, error) {
	switch {
	case s.identity != "" && s.dialect == DialectM:
		return mobileCommand(c)
	case s.identity != "" && s.dialect == DialectC:
		return c6Command(c)
	}
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

// mobileCommand begins a test or switches off: it cannot cancel. MobileAck and
// MobileNack do not say what they answer; nothing else is asked meanwhile.
func mobileCommand(c protocol.Command) (protocol.Order, error) {
	action, ok := map[protocol.CommandKind]MobileAction{protocol.CommandTest: MobileStart, protocol.CommandPowerOff: MobileOff}[c.Kind]
	if !ok {
		return protocol.Order{}, fmt.Errorf("bactrack: dialect M: command %q: %w", c.Kind, protocol.ErrUnsupported)
	}
	return protocol.Order{Send: []protocol.Message{&MobilePower{Action: action}}, Answer: func(m protocol.Message) protocol.Answer {
		switch m.(type) {
		case *MobileAck:
			return protocol.Acknowledged
		case *MobileNack:
			return protocol.Refused
		}
		return protocol.NoAnswer
	}}, nil
}

// c6Command begins a test; the dialect has no answer.
func c6Command(c protocol.Command) (protocol.Order, error) {
	if c.Kind != protocol.CommandTest {
		return protocol.Order{}, fmt.Errorf("bactrack: dialect C: command %q: %w", c.Kind, protocol.ErrUnsupported)
	}
	return protocol.Order{Send: []protocol.Message{&C6Start{}}}, nil
}
