package main

import (
	"errors"
	"os"
	"time"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/faultconn"
)

// line is one connection of a device: faults, and below them a probe that sees
// what really went over the wire.
//
//	device ─faultconn→ probe ─→ conn
type line struct {
	*probe
	faulty *faultconn.Conn
	split  *protocol.Splitter // of the center's answers
	buf    [1024]byte
}

// probe records what is sent, and knows how many frames the center has to answer
// it with: it lets a session of the dialect, the center's own side, read along.
// This is what makes a run independent of time: the device goes on when it has its
// answers, not when a time is over.
type probe struct {
	conn
	dev      protocol.Device
	shadow   protocol.Session
	sent     *protocol.Splitter
	received *protocol.Splitter
	now      time.Time // of the scenario
	due      int       // frames that the center has to send yet
	quiet    bool      // nothing is read but what is due
	hungUp   bool      // the session would hang up
	record   *recorder
}

// Write sends and reads along.
func (p *probe) Write(b []byte) (int, error) {
	if err := p.record.sent(p.now, b); err != nil {
		return 0, err
	}
	p.sent.Write(b)
	for {
		frame, _, ok, ferr := p.sent.Next()
		if ferr != nil {
			continue
		}
		if !ok {
			break
		}
		m, err := p.dev.Codec.Decode(frame)
		if err != nil {
			continue // it answers nothing
		}
		p.follow(func(out *protocol.Output) error { return p.shadow.Handle(p.now, m, out) })
	}
	return p.conn.Write(b)
}

// follow lets the session take a step, and counts what it would answer.
func (p *probe) follow(step func(out *protocol.Output) error) {
	before := p.shadow.Deadline()
	for {
		var out protocol.Output
		_ = step(&out) // the center's Link counts it as a bad frame, and sends what is in out
		p.due += len(out.Send)
		p.hungUp = p.hungUp || out.Close
		// A deadline that has come about and is over means at once; others are
		// timers, and the center's clock is not the scenario's.
		dl := p.shadow.Deadline()
		if dl.IsZero() || dl.Equal(before) || dl.After(p.now) {
			return
		}
		before = dl
		step = func(out *protocol.Output) error { return p.shadow.Wake(p.now, out) }
	}
}

// start lets the center speak first, where its dialect has it so.
func (p *probe) start() {
	if dl := p.shadow.Deadline(); !dl.IsZero() && !dl.After(p.now) {
		p.follow(func(out *protocol.Output) error { return p.shadow.Wake(p.now, out) })
	}
}

// Read returns at once where nothing is due and the line is to be quiet.
func (p *probe) Read(b []byte) (int, error) {
	if p.quiet && p.due <= 0 {
		return 0, os.ErrDeadlineExceeded
	}
	n, err := p.conn.Read(b)
	if n > 0 {
		if rerr := p.record.heard(p.now, b[:n]); rerr != nil {
			return n, rerr
		}
	}
	p.received.Write(b[:n])
	for {
		_, _, ok, ferr := p.received.Next()
		if !ok {
			break
		}
		if ferr == nil {
			p.due--
		}
	}
	return n, err
}

// Close ends the record too.
func (p *probe) Close() error { return errors.Join(p.record.end(p.now), p.conn.Close()) }

// newLine sets up a connection. n is its number, from 0.
func newLine(c conn, dev protocol.Device, shadow protocol.Session, f *faults, seed uint64, n int, now time.Time, told func(faultconn.Fault), record *recorder) (*line, error) {
	if err := record.open(now, c); err != nil {
		return nil, err
	}
	p := &probe{
		conn: c, dev: dev, shadow: shadow,
		sent: protocol.NewSplitter(dev), received: protocol.NewSplitter(dev), record: record, now: now,
	}
	faulty, err := faultconn.New(p, faultconn.Config{
		Seed: seed*0x9E37_79B9_7F4A_7C15 + uint64(n) + 1, Write: f.sent, Read: f.replies, Split: dev.Codec.Split, MaxFrame: dev.MaxFrame, OnFault: told,
	})
	if err != nil {
		return nil, err
	}
	return &line{probe: p, faulty: faulty, split: protocol.NewSplitter(dev)}, nil
}

// centerSession is the session that a center has for a new connection. It knows the
// identity beforehand where the line is the device's own, or where the dialect's
// wire carries none.
func centerSession(dev protocol.Device, identity string, serial bool) protocol.Session {
	known := dev.Sessions(protocol.SessionConfig{Identity: identity})
	if serial {
		return known
	}
	trial := dev.NewSession()
	if dl := trial.Deadline(); !dl.IsZero() && errors.Is(trial.Wake(dl, new(protocol.Output)), protocol.ErrNoIdentity) {
		return known
	}
	return dev.NewSession()
}

// readUntil reads once: what comes before the deadline, or nothing.
func (l *line) readUntil(deadline time.Time) ([]byte, error) {
	if err := l.faulty.SetReadDeadline(deadline); err != nil {
		return nil, err
	}
	n, err := l.faulty.Read(l.buf[:])
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return l.buf[:n], err
}
