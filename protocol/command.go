package protocol

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// CommandKind names what a device is told to do.
type CommandKind string

// Kinds of commands. Device.Commands lists those that a dialect can say.
const (
	CommandLocate   CommandKind = "locate"   // tell the position now
	CommandInterval CommandKind = "interval" // report every Every
	CommandRestart  CommandKind = "restart"
	CommandPowerOff CommandKind = "poweroff"
	CommandShow     CommandKind = "show"    // show Text to the wearer
	CommandStrap    CommandKind = "strap"   // watch the strap, or being taken off, where On is set; Every between its alarms where the dialect has that
	CommandRelease  CommandKind = "release" // end an alarm that the device repeats; Text says which, in the dialect's words
	CommandRead     CommandKind = "read"    // tell the configuration or the sensor's value
	CommandTest     CommandKind = "test"    // start a breath test
	CommandCancel   CommandKind = "cancel"  // end a breath test that runs
	CommandVendor   CommandKind = "vendor"  // Text, in the dialect's own words
)

// Command is what a device is told. Fields that its kind does not name are ignored.
type Command struct {
	Kind  CommandKind
	Every time.Duration
	On    bool
	Text  string

	// Timeout is from Link.Command to the device's answer; five minutes where
	// zero, since a tracker may be logging in.
	Timeout time.Duration
}

// Answer is what a message of the device means for the command that was sent last.
type Answer uint8

// Answers.
const (
	NoAnswer     Answer = iota // it is about something else
	Acknowledged               // the device does it, or has done it
	Refused                    // it does not
)

// Order is a command as messages of a dialect.
type Order struct {
	// Send is what goes to the device; empty where it goes with the session's next
	// reply, as in dialects in which only the device may ask.
	Send []Message

	// Answer looks at what the device sends next. nil where the dialect has no
	// answer: nobody will know whether the device heard it.
	Answer func(Message) Answer
}

// Commander is a Session that takes commands. What a session observes never
// depends on them, so that a record gives the same observations without them.
type Commander interface {
	Session

	// Command makes an order of c. An error wraps ErrUnsupported where the dialect
	// cannot say it, or ErrNoIdentity where the device has yet to say who it is;
	// the command is tried again after its next message then.
	Command(now time.Time, c Command) (Order, error)
}

// DeliveryState is how far a command has come.
type DeliveryState uint8

// States of a delivery, in order. Each but Queued and Sent is the last one; Sent
// is the last one too where Delivery.Final says so.
const (
	DeliveryQueued       DeliveryState = iota + 1 // the link has it
	DeliverySent                                  // written to the connection
	DeliveryAcknowledged                          // the device said yes
	DeliveryRefused                               // the device said no
	DeliveryTimedOut                              // neither, in time
	DeliveryFailed                                // Err says why: the dialect cannot say it, the link ended
)

var deliveryNames = [...]string{"", "queued", "sent", "acknowledged", "refused", "timed out", "failed"}

// String names the state in lower case.
func (s DeliveryState) String() string {
	if s > 0 && int(s) < len(deliveryNames) {
		return deliveryNames[s]
	}
	return fmt.Sprintf("DeliveryState(%d)", uint8(s))
}

// Delivery is one step of a command's delivery.
type Delivery struct {
	Command Command
	State   DeliveryState
	At      time.Time
	Final   bool    // nothing more will be told
	Answer  Message // of Acknowledged and Refused: the device's own words
	Err     error   // of Failed; of TimedOut where it was never sent: why
}

// ErrBusy: the link holds as many commands as it takes.
var ErrBusy = errors.New("protocol: too many commands wait")

// maxCommands bounds the commands that wait in a link. They go one by one, each
// after the answer to the one before, which most dialects cannot tell apart: more
// would wait for longer than their Timeout.
const maxCommands = 16

// errUnsent is why a command was never sent.
var errUnsent = errors.New("protocol: the command was not sent in time")

// delivery is a command in a link.
type delivery struct {
	c        Command
	tell     func(Delivery)
	deadline time.Time
	sent     bool
	answer   func(Message) Answer
	result   Answer  // waits for the commit of the report that has it
	message  Message // that gave the result
	err      error   // why it could not be sent yet
}

// Command hands the link a command for the device. tell, where it is not nil, is
// called with each step, from Queued on: first from this call, then on the
// link's goroutine, in order; it must not block or call the link. An answer is
// told after the report that has it is durable. Errors: ErrUnsupported where the
// dialect has no such command, ErrBusy, ErrLinkClosed. It is safe for concurrent use.
func (l *Link) Command(c Command, tell func(Delivery)) error {
	if !slices.Contains(l.Device.Commands, c.Kind) {
		return fmt.Errorf("protocol: link: %w: %s has no command %q", ErrUnsupported, l.Device.Name, c.Kind)
	}
	if tell == nil {
		tell = func(Delivery) {}
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Minute
	}
	now := time.Now()
	d := &delivery{c: c, tell: tell, deadline: now.Add(c.Timeout)}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.state == linkEnded:
		return ErrLinkClosed
	case l.waiting >= maxCommands:
		return fmt.Errorf("protocol: link: %w: %d", ErrBusy, l.waiting)
	}
	l.waiting++
	tell(Delivery{Command: c, State: DeliveryQueued, At: wall(now)})
	l.commands = append(l.commands, d)
	l.kick()
	return nil
}

// done tells the last step of a command.
func (r *linkRun) done(now time.Time, d *delivery, s DeliveryState, err error) {
	r.l.mu.Lock()
	r.l.waiting--
	r.l.mu.Unlock()
	d.tell(Delivery{Command: d.c, State: s, At: wall(now), Final: true, Answer: d.message, Err: err})
}

// order takes over the commands that came and gives up the late ones. It
// returns the next one, encoded, where none is on its way.
func (r *linkRun) order(now time.Time) *delivery {
	r.l.mu.Lock()
	r.orders = append(r.orders, r.l.commands...)
	r.l.commands = nil
	r.l.mu.Unlock()
	for i := 0; i < len(r.orders); {
		d := r.orders[i]
		if now.Before(d.deadline) {
			i++
			continue
		}
		r.orders = slices.Delete(r.orders, i, i+1)
		var err error
		switch {
		case d.sent:
		case d.err != nil:
			err = fmt.Errorf("%w: %w", errUnsent, d.err)
		default:
			err = errUnsent
		}
		r.done(now, d, DeliveryTimedOut, err)
	}
	for len(r.orders) > 0 && !r.orders[0].sent {
		d := r.orders[0]
		o, err := r.encode(now, d)
		if err == nil {
			d.sent, d.answer = true, o
			return d
		}
		if d.err = err; errors.Is(err, ErrNoIdentity) {
			return nil // after the next message
		}
		r.orders = slices.Delete(r.orders, 0, 1)
		r.done(now, d, DeliveryFailed, err)
	}
	return nil
}

// encode asks the session for a command's messages and adds them to the reply.
func (r *linkRun) encode(now time.Time, d *delivery) (func(Message) Answer, error) {
	s, ok := r.l.Session.(Commander)
	if !ok {
		return nil, fmt.Errorf("protocol: link: %w: the session takes no commands", ErrUnsupported)
	}
	o, err := s.Command(wall(now), d.c)
	if err != nil {
		return nil, err
	}
	reply := r.reply
	for _, m := range o.Send {
		if reply, err = r.l.Device.Codec.Append(reply, m); err != nil {
			return nil, fmt.Errorf("protocol: link: command: %w", err)
		}
	}
	r.reply = reply
	return o.Answer, nil
}

// sentOrder tells that a command was written.
func (r *linkRun) sentOrder(now time.Time, d *delivery) {
	if d.answer == nil {
		r.orders = slices.DeleteFunc(r.orders, func(o *delivery) bool { return o == d })
		r.done(now, d, DeliverySent, nil)
		return
	}
	d.tell(Delivery{Command: d.c, State: DeliverySent, At: wall(now)})
}

// answered looks whether a message answers the command that is on its way.
func (r *linkRun) answered(m Message) {
	if len(r.orders) == 0 {
		return
	}
	if d := r.orders[0]; d.sent && d.answer != nil && d.result == NoAnswer {
		if d.result = d.answer(m); d.result != NoAnswer {
			d.message = m
		}
	}
}

// settle tells an answer that has become durable.
func (r *linkRun) settle(now time.Time) {
	if len(r.orders) == 0 || r.orders[0].result == NoAnswer {
		return
	}
	d := r.orders[0]
	r.orders = slices.Delete(r.orders, 0, 1)
	if d.result == Acknowledged {
		r.done(now, d, DeliveryAcknowledged, nil)
	} else {
		r.done(now, d, DeliveryRefused, nil)
	}
}
