package watch3g

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/sargas-em/em/protocol"
)

// commands are the keywords that are known to be the center's.
var commands = []string{"CR", "UPLOAD", "REMOVE", "SOS", "SOS1", "SOS2", "SOS3", "SOSSMS", "LOWBAT", "RESET", "POWEROFF", "MESSAGE", "LZ", "PHB", "SILENCETIME", "WORK"}

func isCommand(keyword string) bool { return slices.Contains(commands, keyword) }

// NewCommand returns a command for the device of a header, as it came with any of
// its messages: with the same vendor code, SG for 3G and CS for none, and with
// index 0001 where the device has one.
func NewCommand(to Header, keyword string, args ...string) *Command {
	switch to.Vendor {
	case "3G":
		to.Vendor = "SG"
	case "":
		to.Vendor = "CS"
	}
	if to.Index != "" {
		to.Index = "0001"
	}
	return &Command{to, keyword, args}
}

func (h Header) switched(keyword string, on bool) *Command {
	if on {
		return NewCommand(h, keyword, "1")
	}
	return NewCommand(h, keyword, "0")
}

// Locate asks for positions now.
func (h Header) Locate() *Command { return NewCommand(h, "CR") }

// RemovalAlarm switches the alarm of a device that is taken off.
func (h Header) RemovalAlarm(on bool) *Command { return h.switched("REMOVE", on) }

// SOSMessages switches the short messages to the SOS numbers.
func (h Header) SOSMessages(on bool) *Command { return h.switched("SOSSMS", on) }

// LowBatteryMessages switches the short messages of a low battery.
func (h Header) LowBatteryMessages(on bool) *Command { return h.switched("LOWBAT", on) }

// Reset makes the device start anew.
func (h Header) Reset() *Command { return NewCommand(h, "RESET") }

// PowerOff switches the device off.
func (h Header) PowerOff() *Command { return NewCommand(h, "POWEROFF") }

// UploadEvery sets the time between positions, in whole seconds, 1 s to 24 h. An
// error wraps protocol.ErrUnsupported, here and below.
func (h Header) UploadEvery(d time.Duration) (*Command, error) {
	if d < time.Second || d > 24*time.Hour || d%time.Second != 0 {
		return nil, fmt.Errorf("watch3g: %w: an interval of %v, not whole seconds up to a day", protocol.ErrUnsupported, d)
	}
	return NewCommand(h, "UPLOAD", strconv.Itoa(int(d/time.Second))), nil
}

// SOSNumber sets the first, second or third number to call, digits with or
// without a plus.
func (h Header) SOSNumber(place int, phone string) (*Command, error) {
	digits := strings.TrimPrefix(phone, "+")
	if place < 1 || place > 3 || digits == "" || len(digits) > 20 || strings.Trim(digits, "0123456789") != "" {
		return nil, fmt.Errorf("watch3g: %w: an SOS number in place %d of 3, or not of up to 20 digits", protocol.ErrUnsupported, place)
	}
	return NewCommand(h, "SOS"+strconv.Itoa(place), phone), nil
}

// Show shows a text, up to 512 bytes of UTF-16, on the device.
func (h Header) Show(text string) (*Command, error) {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		b = append(b, byte(u>>8), byte(u))
	}
	if len(b) == 0 || len(b) > 512 {
		return nil, fmt.Errorf("watch3g: %w: a text of %d bytes", protocol.ErrUnsupported, len(b))
	}
	return NewCommand(h, "MESSAGE", hex.EncodeToString(b)), nil
}

// Language sets language (the vendor's number; empty leaves it) and time zone, a
// multiple of a quarter of an hour within 14 hours.
func (h Header) Language(language string, zone time.Duration) (*Command, error) {
	if zone%(15*time.Minute) != 0 || zone < -14*time.Hour || zone > 14*time.Hour || strings.Trim(language, "0123456789") != "" {
		return nil, fmt.Errorf("watch3g: %w: a time zone of %v, or the language", protocol.ErrUnsupported, zone)
	}
	offset := strconv.FormatFloat(zone.Hours(), 'f', -1, 64)
	if zone >= 0 {
		offset = "+" + offset
	}
	return NewCommand(h, "LZ", language, offset), nil
}

// Command makes a Command for the device of the last message. Vendor commands are
// a keyword of the center's and its arguments, "PHB,Anna,112". The answer repeats
// the keyword.
func (s *session) Command(_ time.Time, c protocol.Command) (protocol.Order, error) {
	var m *Command
	var err error
	switch c.Kind {
	case protocol.CommandLocate:
		m = s.last.Locate()
	case protocol.CommandInterval:
		m, err = s.last.UploadEvery(c.Every)
	case protocol.CommandStrap:
		m = s.last.RemovalAlarm(c.On)
	case protocol.CommandRestart:
		m = s.last.Reset()
	case protocol.CommandPowerOff:
		m = s.last.PowerOff()
	case protocol.CommandShow:
		m, err = s.last.Show(c.Text)
	case protocol.CommandVendor:
		words := strings.Split(c.Text, ",")
		if m = NewCommand(s.last, words[0], words[1:]...); !isCommand(m.Keyword) {
			err = fmt.Errorf("watch3g: %w: the keyword is none of the center's", protocol.ErrUnsupported)
		}
	default:
		err = fmt.Errorf("watch3g: command %q: %w", c.Kind, protocol.ErrUnsupported)
	}
	if err == nil && s.device == "" {
		err = fmt.Errorf("watch3g: command: %w", protocol.ErrNoIdentity)
	}
	if err != nil {
		return protocol.Order{}, err
	}
	return protocol.Order{Send: []protocol.Message{m}, Answer: func(a protocol.Message) protocol.Answer {
		if r, ok := a.(*Command); ok && r.Keyword == m.Keyword {
			return protocol.Acknowledged
		}
		return protocol.NoAnswer
	}}, nil
}
