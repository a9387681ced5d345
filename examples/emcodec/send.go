package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sargas-em/em/examples/internal/frames"
	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/protocol"
)

// errUndelivered: the device did not do as it was told, or nobody knows.
var errUndelivered = errors.New("not delivered")

// send gives a device one command, or one message of its dialect, and tells how
// far it has come.
func (t *tool) send(ctx context.Context, args []string) error {
	c := &center{tool: t, command: "send"}
	fs := t.flags("send")
	fs.StringVar(&c.codec, "codec", "", "`dialect`, one of those that list names, or auto with --tcp and --udp")
	c.connFlags(fs)
	fs.StringVar(&c.dial, "dial", "", "the device is dialled at `address`; with --tcp and --udp it is awaited")
	device := fs.String("device", "", "wait for this `device` (gt06:990000000000017) where others connect too; the first one where empty")
	cmd := protocol.Command{}
	fs.DurationVar(&cmd.Every, "every", 0, "of interval and strap")
	fs.BoolVar(&cmd.On, "on", false, "of strap")
	fs.StringVar(&cmd.Text, "say", "", "`text` of show, release and vendor")
	fs.DurationVar(&cmd.Timeout, "timeout", time.Minute, "from the connection to the device's answer; for the connection too")
	raw := fs.String("message", "", "send this `frame`, in hexadecimal, in place of a command")
	rest, err := program.Parse(fs, args)
	if err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	s := &sending{center: c, device: *device, command: cmd, end: make(chan protocol.Delivery, 1)}
	switch {
	case (*raw == "") == (len(rest) == 0) || len(rest) > 1:
		return program.Usagef("send: give one command, or --message")
	case cmd.Timeout <= 0:
		return program.Usagef("send: --timeout %v", cmd.Timeout)
	case *raw != "":
		if s.raw, err = frames.ParseHex(*raw); err != nil {
			return program.Usagef("send: --message: %w", err)
		}
		if c.dev.Name != "" {
			if _, err := s.message(c.dev); err != nil {
				return program.Usagef("%w", err)
			}
		}
	default:
		s.command.Kind = protocol.CommandKind(rest[0])
		if c.dev.Name != "" && !slices.Contains(c.dev.Commands, s.command.Kind) {
			return program.Usagef("send: codec %s has no command %q; it has %v", c.dev.Name, rest[0], c.dev.Commands)
		}
	}
	return s.run(ctx)
}

// sending is one command on its way.
type sending struct {
	*center
	device  string
	command protocol.Command
	raw     []byte
	once    sync.Once
	end     chan protocol.Delivery // its last state
}

// message decodes what is to be sent, so that no bytes leave that are not of the
// dialect.
func (s *sending) message(dev protocol.Device) (protocol.Message, error) {
	frame, n, err := dev.Codec.Split(s.raw)
	if err == nil && (frame == nil || n != len(s.raw)) {
		err = fmt.Errorf("these %d bytes are not one frame of %s", len(s.raw), dev.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("send: --message: %w", err)
	}
	m, err := dev.Codec.Decode(frame)
	if err != nil {
		return nil, fmt.Errorf("send: --message: %w", err)
	}
	return m, nil
}

func (s *sending) run(ctx context.Context) error {
	if s.device == "" {
		s.started = func(l *protocol.Link) { s.once.Do(func() { s.give(ctx, l) }) }
	} else {
		s.reported = func(l *protocol.Link, r *protocol.Report) {
			if string(r.Device) == s.device {
				s.once.Do(func() { s.give(ctx, l) })
			}
		}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// Twice: for the device to come, and for its answer.
	late := time.NewTimer(2 * s.command.Timeout)
	defer late.Stop()
	over := make(chan error, 1)
	go func() { over <- s.center.run(ctx) }()
	var last protocol.Delivery
	var err error
	select {
	case last = <-s.end:
		stop()
		err = <-over
	case <-late.C:
		stop()
		err = errors.Join(<-over, fmt.Errorf("%w: no such device came", errUndelivered))
	case err = <-over:
		select {
		case last = <-s.end:
		default:
			if err == nil {
				err = fmt.Errorf("%w: the connection ended first", errUndelivered)
			}
		}
	}
	s.totals()
	if err != nil {
		return err
	}
	switch last.State {
	case protocol.DeliverySent, protocol.DeliveryAcknowledged:
		return nil
	}
	return fmt.Errorf("%w: %v", errUndelivered, last.State)
}

// give hands the command to the link, and tells what becomes of it.
func (s *sending) give(ctx context.Context, l *protocol.Link) {
	tell := func(d protocol.Delivery) {
		words := []string{string(d.Command.Kind), d.State.String()}
		if d.Answer != nil {
			words = append(words, "by", d.Answer.Type())
		}
		if d.Err != nil {
			words = append(words, "("+d.Err.Error()+")")
		}
		s.say("%s", strings.Join(words, " "))
		if d.Final {
			s.end <- d
		}
	}
	if s.raw == nil {
		if err := l.Command(s.command, tell); err != nil {
			tell(protocol.Delivery{Command: s.command, State: protocol.DeliveryFailed, Final: true, Err: err})
		}
		return
	}
	whole := protocol.Command{Kind: "message"}
	m, err := s.message(l.Device)
	if err != nil {
		tell(protocol.Delivery{Command: whole, State: protocol.DeliveryFailed, Final: true, Err: err})
		return
	}
	go func() { // Do waits for the link
		d := protocol.Delivery{Command: whole, State: protocol.DeliverySent, Final: true}
		if err := l.Do(ctx, func(_ time.Time, _ protocol.Session, out *protocol.Output) error {
			out.Send = append(out.Send, m)
			return nil
		}); err != nil {
			d.State, d.Err = protocol.DeliveryFailed, err
		}
		tell(d)
	}()
}
