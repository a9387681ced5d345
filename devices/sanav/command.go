package sanav

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/nmea"
)

// The factory's user name and password.
const (
	DefaultUsername = "username"
	DefaultPassword = "0000"
)

// Command is "#username,password,function,arguments*": a command as a short
// message, which units take over the data link too.
type Command struct {
	Username, Password string
	Function           string // "fbr", "tamper", "rfcmd"
	Args               []string
}

// COTA is "@PC", a name and arguments: a command for the data link alone.
type COTA struct {
	Function string // "swtamper"
	Args     []string
}

// Type of each message.
func (*Command) Type() string { return "command" }
func (*COTA) Type() string    { return "COTA" }

// Account is who a unit takes commands from. The zero value is the factory's.
// An argument out of range is an error that wraps protocol.ErrUnsupported.
type Account struct{ Username, Password string }

func (a Account) command(function string, args ...string) (*Command, error) {
	c := &Command{Username: a.Username, Password: a.Password, Function: function, Args: args}
	if c.Username == "" {
		c.Username = DefaultUsername
	}
	if c.Password == "" {
		c.Password = DefaultPassword
	}
	if _, err := (Codec{}).Append(nil, c); err != nil {
		return nil, err
	}
	return c, nil
}

// StrapDetection switches the detection of an opened strap on, with a report
// every 15 s to 65,000 s while it is open (the factory's is on, 60 s; detection
// takes 10 s), or off.
func (a Account) StrapDetection(on bool, every time.Duration) (*Command, error) {
	if !on {
		return a.command("fbr", "0")
	}
	s, err := seconds("report interval", every, 15, 65000)
	if err != nil {
		return nil, err
	}
	return a.command("fbr", "1", s)
}

// HomeUnitTamper switches the home unit's tamper switch on, with a report every
// 1 s to 65,000 s after a delay of up to that, or off. The bounds are those of
// StrapDetection; the manual gives none.
func (a Account) HomeUnitTamper(on bool, every, delay time.Duration) (*Command, error) {
	args, err := tamperArgs(on, every, delay)
	if err != nil {
		return nil, err
	}
	return a.command("tamper", args...)
}

// TamperSwitch is HomeUnitTamper in the form for the data link.
func TamperSwitch(on bool, every, delay time.Duration) (*COTA, error) {
	args, err := tamperArgs(on, every, delay)
	if err != nil {
		return nil, err
	}
	return &COTA{Function: "swtamper", Args: args}, nil
}

func tamperArgs(on bool, every, delay time.Duration) ([]string, error) {
	if !on {
		return []string{"0"}, nil
	}
	e, err := seconds("report interval", every, 1, 65000)
	if err != nil {
		return nil, err
	}
	d, err := seconds("delay", delay, 0, 65000)
	if err != nil {
		return nil, err
	}
	return []string{"1", e, d}, nil
}

// RelayPeriod makes the home unit tell a bracelet ("I0251") how often to
// transmit: every 1 s to 999 s.
func (a Account) RelayPeriod(bracelet string, every time.Duration) (*Command, error) {
	s, err := seconds("transmit period", every, 1, 999)
	if err != nil {
		return nil, err
	}
	return a.relay(bracelet, "rt", s)
}

// RelayPower makes the home unit tell a bracelet its radio power, 1 to 8.
func (a Account) RelayPower(bracelet string, step int) (*Command, error) {
	if step < 1 || step > 8 {
		return nil, fmt.Errorf("sanav: %w: radio power %d, not 1 to 8", protocol.ErrUnsupported, step)
	}
	return a.relay(bracelet, "pw", strconv.Itoa(step))
}

// RelayAlarmOff makes the home unit tell a bracelet to end its strap alarm.
func (a Account) RelayAlarmOff(bracelet string) (*Command, error) { return a.relay(bracelet, "ac") }

func (a Account) relay(bracelet string, args ...string) (*Command, error) {
	if !isBracelet(bracelet) {
		return nil, fmt.Errorf("sanav: %w: a bracelet is I and four digits", protocol.ErrUnsupported)
	}
	return a.command("rfcmd", append([]string{bracelet}, args...)...)
}

// isBracelet reports whether s is I and four digits.
func isBracelet(s string) bool {
	return len(s) == 5 && s[0] == 'I' && strings.Trim(s[1:], "0123456789") == ""
}

func seconds(what string, d time.Duration, least, most int64) (string, error) {
	if d%time.Second != 0 || d < time.Duration(least)*time.Second || d > time.Duration(most)*time.Second {
		return "", fmt.Errorf("sanav: %w: a %s of %v, not whole seconds from %d to %d", protocol.ErrUnsupported, what, d, least, most)
	}
	return strconv.FormatInt(int64(d/time.Second), 10), nil
}

// text returns the command as a short message.
func (c *Command) text() ([]byte, error) {
	if !nmea.Word(c.Username, maxWord) || !nmea.Word(c.Password, maxWord) || !nmea.Word(c.Function, maxWord) {
		return nil, fmt.Errorf("user name, password and function must be 1 to %d letters, digits and - . _", maxWord)
	}
	return arguments([]byte("#"+c.Username+","+c.Password+","+c.Function), c.Args, "*")
}

// ShortMessage returns the command as the text of a short message. A part that
// none can hold is an error that wraps protocol.ErrUnsupported.
func (c *Command) ShortMessage() (string, error) {
	b, err := c.text()
	if err != nil {
		return "", fmt.Errorf("sanav: command: %w: %w", protocol.ErrUnsupported, err)
	}
	return string(b), nil
}

func (c *COTA) text() ([]byte, error) {
	if !nmea.Word(c.Function, maxWord) {
		return nil, fmt.Errorf("the function must be 1 to %d letters, digits and - . _", maxWord)
	}
	return arguments([]byte(cota+c.Function), c.Args, "")
}

// maxWord bounds names and passwords.
const maxWord = 32

func arguments(b []byte, args []string, end string) ([]byte, error) {
	for _, a := range args {
		if err := clean(a); err != nil {
			return nil, err
		}
	}
	return append(nmea.AppendFields(b, args...), end...), nil
}

// Outcome of a command.
type Outcome uint8

// Outcomes that a Reply states.
const (
	Done        Outcome = iota + 1 // "setup OK"
	Failed                         // "setup Fail"
	NotACommand                    // "command error"
)

// Outcome returns what the reply states; 0 where it states nothing known, which
// no decoded one does.
func (r *Reply) Outcome() Outcome {
	o, _ := outcome(r.Text)
	return o
}

// outcome finds the words that make a line a reply.
func outcome(line string) (Outcome, bool) {
	for i, words := range []string{"setup ok", "setup fail", "command error"} {
		if strings.Contains(strings.ToLower(line), words) {
			return Outcome(i + 1), true
		}
	}
	return 0, false
}

// Command makes a Command of the session's account: StrapDetection, RelayAlarmOff
// of the bracelet that Text names, or a vendor's, "function,arguments". The unit
// answers in words that do not say to what.
func (s *session) Command(_ time.Time, c protocol.Command) (protocol.Order, error) {
	var m *Command
	var err error
	switch c.Kind {
	case protocol.CommandStrap:
		m, err = s.account.StrapDetection(c.On, c.Every)
	case protocol.CommandRelease:
		m, err = s.account.RelayAlarmOff(c.Text)
	case protocol.CommandVendor:
		words := strings.Split(c.Text, ",")
		m, err = s.account.command(words[0], words[1:]...)
	default:
		err = fmt.Errorf("sanav: command %q: %w", c.Kind, protocol.ErrUnsupported)
	}
	if err == nil && s.device == "" {
		err = fmt.Errorf("sanav: command: %w", protocol.ErrNoIdentity)
	}
	if err != nil {
		return protocol.Order{}, err
	}
	return protocol.Order{Send: []protocol.Message{m}, Answer: func(a protocol.Message) protocol.Answer {
		r, ok := a.(*Reply)
		switch {
		case !ok:
			return protocol.NoAnswer
		case r.Outcome() == Done:
			return protocol.Acknowledged
		}
		return protocol.Refused
	}}, nil
}
