package jt808

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/sargas-em/em/protocol"
)

// What a Control makes the terminal do.
const (
	controlPowerOff = 3
	controlRestart  = 4
)

// parameterInterval is the time between reports by default, in seconds: the
// standard's parameter. Unverified: no capture shows it.
const parameterInterval = 0x0029

// Parameters that no observation tells.
const (
	parameterPassword       = 0x0012 // of the mobile network
	parameterBackupPassword = 0x0016
)

// Flags of a Text: bit 2 shows it. Unverified. A text that is a vendor's command
// was captured with bit 0.
const (
	textCommand = 1 << 0
	textShow    = 1 << 2
)

// Command makes a frame of it; a vendor's command is its Text (8300). The terminal
// answers with the frame's serial and type.
func (s *session) Command(_ time.Time, c protocol.Command) (protocol.Order, error) {
	no := fmt.Errorf("jt808: command %q: %w", c.Kind, protocol.ErrUnsupported)
	var m headed
	switch c.Kind {
	case protocol.CommandInterval:
		if c.Every < time.Second || c.Every%time.Second != 0 || c.Every/time.Second > math.MaxUint32 {
			return protocol.Order{}, fmt.Errorf("%w: an interval of %v, not whole seconds", no, c.Every)
		}
		v := binary.BigEndian.AppendUint32(nil, uint32(c.Every/time.Second))
		m = &Parameters{Header: Header{Code: typeParameters}, List: []Parameter{{parameterInterval, v}}}
	case protocol.CommandRestart:
		m = &Control{Header{Code: typeControl}, controlRestart, ""}
	case protocol.CommandPowerOff:
		m = &Control{Header{Code: typeControl}, controlPowerOff, ""}
	case protocol.CommandShow:
		m = &Text{Header: Header{Code: typeText}, Flags: textShow, Text: c.Text}
	case protocol.CommandVendor:
		m = &Text{Header: Header{Code: typeText}, Flags: textCommand, Text: c.Text}
	default:
		return protocol.Order{}, no
	}
	if s.device == "" || s.refused() {
		return protocol.Order{}, fmt.Errorf("jt808: command: %w", protocol.ErrNoIdentity)
	}
	*m.head() = s.to(&s.last, m.head().Code)
	want := *m.head()
	return protocol.Order{Send: []protocol.Message{m.(protocol.Message)}, Answer: func(m protocol.Message) protocol.Answer {
		r, ok := m.(*Reply)
		switch {
		case !ok || r.Answered != want.Serial || r.AnsweredCode != want.Code:
			return protocol.NoAnswer
		case r.Result == ResultOK:
			return protocol.Acknowledged
		}
		return protocol.Refused
	}}, nil
}
