package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/capture"
)

// mostHeld bounds what is kept of a connection until its dialect is clear: the
// device's prefix, and what the center said meanwhile.
const mostHeld = longestPrefix + 64<<10

// conversation is one connection of a capture.
type conversation struct {
	d       *decoding
	conn    *capture.Conn
	dev     protocol.Device
	why     string
	given   bool // nothing more is asked of it: the dialect could not be found
	session protocol.Session
	device  *stream
	center  *stream

	held   []capture.Event // until the dialect is clear
	bytes  int             // in held
	prefix []byte          // of the device
}

// conversations decodes a capture, connection by connection and direction by
// direction, in the order of its packets.
func (d *decoding) conversations(ctx context.Context, name string) error {
	file, err := d.metered("decoding", name, true)
	if err != nil {
		return err
	}
	defer file.Close()
	rd, err := capture.NewReader(file, capture.Options{})
	if err != nil {
		return program.Errorf(exitIO, "%w", err)
	}
	open := map[int]*conversation{}
	var end error
	for end == nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		e, err := rd.Next()
		if err != nil {
			end = err
			break
		}
		c := open[e.Conn.Number]
		if c == nil {
			c = &conversation{d: d, conn: e.Conn}
			open[e.Conn.Number] = c
			if err := c.begin(); err != nil {
				return err
			}
		}
		if err := c.take(e); err != nil {
			return err
		}
		if e.Kind == protocol.Ended || e.Kind == protocol.Stopped {
			delete(open, e.Conn.Number)
		}
	}
	for _, n := range slices.Sorted(maps.Keys(open)) {
		if err := open[n].finish(capture.Event{Conn: open[n].conn}); err != nil {
			return err
		}
	}
	file.end()
	s := rd.Stats()
	fmt.Fprintf(d.errs, "emcodec: %d packets, %d connections", s.Packets, s.Conns)
	if s.Lost > 0 {
		fmt.Fprintf(d.errs, ", %d bytes are missing", s.Lost)
	}
	for _, why := range slices.Sorted(maps.Keys(s.Skipped)) {
		fmt.Fprintf(d.errs, ", %d skipped (%s)", s.Skipped[why], why)
	}
	fmt.Fprintln(d.errs)
	if !errors.Is(end, io.EOF) {
		return program.Errorf(exitIO, "%w", end) // with ErrCut too: what is missing was not decoded
	}
	return nil
}

// begin takes the dialect that is known beforehand.
func (c *conversation) begin() error {
	switch {
	case c.d.codec.Name != "":
		return c.speaks(c.d.codec, "")
	case c.conn.Codec != "":
		dev, err := c.d.reg.Device(c.conn.Codec)
		if err == nil {
			return c.speaks(dev, "the capture names it")
		}
	}
	return nil
}

// speaks settles the dialect.
func (c *conversation) speaks(dev protocol.Device, why string) error {
	if c.d.relaxed {
		dev = dev.Relax()
	}
	c.dev, c.why = dev, why
	c.session = dev.Sessions(protocol.SessionConfig{Identity: c.d.identity})
	c.device, c.center = newStream(dev, 0), newStream(dev, 0)
	held := c.held
	c.held, c.prefix = nil, nil
	for _, e := range held {
		if err := c.take(e); err != nil {
			return err
		}
	}
	return nil
}

// take takes the next event of the connection.
func (c *conversation) take(e capture.Event) error {
	switch {
	case c.given:
		return nil
	case c.session == nil:
		return c.hold(e)
	}
	switch e.Kind {
	case protocol.Received:
		c.device.feed(e.Data)
		return c.drain(e, c.device)
	case protocol.Sent:
		c.center.feed(e.Data)
		return c.drain(e, c.center)
	case protocol.Woken:
		var out protocol.Output
		err := c.session.Wake(e.At, &out)
		if err == nil && len(out.Observations) == 0 {
			return nil
		}
		r := c.result(e)
		r.observe(out, e.At)
		if err != nil {
			r.fail(err)
		}
		return c.d.write(&r)
	case protocol.Lost:
		s := &c.device
		if e.FromCenter {
			s = &c.center
		}
		(*s).end()
		if err := c.drain(e, *s); err != nil {
			return err
		}
		*s = newStream(c.dev, (*s).at()+e.Missing)
		r := c.result(e)
		r.From = "device"
		if e.FromCenter {
			r.From = "center"
		}
		r.fail(fmt.Errorf("%d bytes are missing in the capture", e.Missing))
		return c.d.write(&r)
	case protocol.Ended, protocol.Stopped:
		return c.finish(e)
	}
	return nil
}

// hold keeps an event until the dialect is clear.
func (c *conversation) hold(e capture.Event) error {
	switch e.Kind {
	case protocol.Ended, protocol.Stopped:
		return c.finish(e)
	case protocol.Received:
		c.prefix = append(c.prefix, e.Data...)
	}
	c.bytes += len(e.Data)
	e.Data = bytes.Clone(e.Data)
	c.held = append(c.held, e)
	if e.Kind != protocol.Received && c.bytes < mostHeld {
		return nil
	}
	more := len(c.prefix) < longestPrefix && c.bytes < mostHeld
	dev, why, err := c.d.tool.detect(c.prefix, more)
	if err == nil {
		return c.speaks(dev, why)
	}
	if more && (errors.Is(err, protocol.ErrUndecided) || errors.Is(err, protocol.ErrAmbiguous)) {
		return nil
	}
	return c.giveUp(e, err)
}

// giveUp tells that nobody knows what the connection speaks.
func (c *conversation) giveUp(e capture.Event, err error) error {
	c.given, c.held = true, nil
	r := c.result(e)
	r.fail(err)
	r.frames = []frame{{skipped: c.prefix, offset: int64(len(c.prefix))}}
	return c.d.write(&r)
}

// finish ends the connection.
func (c *conversation) finish(e capture.Event) error {
	if c.session == nil && !c.given {
		if c.bytes == 0 {
			c.given = true // nothing was said
			return nil
		}
		dev, why, err := c.d.tool.detect(c.prefix, false)
		if err != nil {
			return c.giveUp(e, err)
		}
		if err := c.speaks(dev, why); err != nil {
			return err
		}
	}
	if c.given {
		return nil
	}
	c.given = true
	for _, s := range []*stream{c.device, c.center} {
		s.end()
		if err := c.drain(e, s); err != nil {
			return err
		}
	}
	return nil
}

// drain tells what a stream has become.
func (c *conversation) drain(e capture.Event, s *stream) error {
	for {
		f, ok := s.next()
		if !ok {
			return nil
		}
		r := c.result(e)
		session := c.session
		if r.From = "device"; s == c.center {
			r.From, session = "center", nil
		}
		r.take(f, session, e.At)
		if err := c.d.write(&r); err != nil {
			return err
		}
	}
}

// result begins what is told of an event. The reason for the dialect is told once.
func (c *conversation) result(e capture.Event) result {
	r := result{
		N: e.Packet, OK: true, Codec: c.dev.Name, Why: c.why, Conn: c.conn.Number, Name: endpoints(c.conn), dev: c.dev,
		Messages: []message{}, Observations: []em.Observation{},
	}
	if !e.At.IsZero() {
		at := e.At.UTC()
		r.Received = &at
	}
	c.why = ""
	return r
}

// endpoints names a connection.
func endpoints(c *capture.Conn) string {
	if c.Transport == capture.Serial {
		return strings.TrimSpace("serial " + c.Name)
	}
	return fmt.Sprintf("%s %v > %v", c.Transport, c.Device, c.Center)
}
