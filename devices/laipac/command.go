package laipac

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em/protocol"
)

// Command makes a PositionRequest, a Restart or, of one of ReleaseCode's codes, a
// Release, with the configured password. The dialect has no answer to a Release; a
// position is taken for the answer to its request, though it may have been on its
// way already, and System for that to a Restart.
func (s *session) Command(_ time.Time, c protocol.Command) (protocol.Order, error) {
	var o protocol.Order
	switch {
	case c.Kind == protocol.CommandLocate:
		o.Send = []protocol.Message{&PositionRequest{s.config.Password, "1"}}
		o.Answer = func(m protocol.Message) protocol.Answer { return is[*Report](m) }
	case c.Kind == protocol.CommandRestart:
		o.Send = []protocol.Message{&Restart{strings.TrimPrefix(string(s.device), name+":"), s.config.Password}}
		o.Answer = func(m protocol.Message) protocol.Answer { return is[*System](m) }
	case c.Kind == protocol.CommandRelease && slices.Contains([]string{"d", "m", "t", "x", "y", "z"}, c.Text):
		o.Send = []protocol.Message{&Release{s.config.Password, c.Text}}
	default:
		return o, fmt.Errorf("laipac: command %q: %w", c.Kind, protocol.ErrUnsupported)
	}
	if s.device == "" {
		return protocol.Order{}, fmt.Errorf("laipac: command: %w", protocol.ErrNoIdentity)
	}
	return o, nil
}

func is[T protocol.Message](m protocol.Message) protocol.Answer {
	if _, ok := m.(T); ok {
		return protocol.Acknowledged
	}
	return protocol.NoAnswer
}
