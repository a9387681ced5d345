package faultconn

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"
)

// ErrCut is returned by Read and Write after a fault cut the connection.
var ErrCut = errors.New("faultconn: the connection was cut")

// What a wait ends with, as the errors of a net.Conn are.
var errDeadline, errClosed error = os.ErrDeadlineExceeded, net.ErrClosed

// Config says what happens to a connection.
type Config struct {
	Seed        uint64
	Read, Write Faults

	// Split finds frames, as a protocol.Codec's does; nil where there are none to
	// find. MaxFrame bounds what is kept of one that is not whole, in bytes; 4096
	// where zero.
	Split    func(b []byte) (frame []byte, n int, err error)
	MaxFrame int

	// OnFault, where set, is told of each fault before it can be seen. It runs
	// inside Read or Write, so it may be called by two goroutines at once.
	OnFault func(Fault)
}

// Conn is a net.Conn with faults. Its Read and Write may be called at the same
// time, and Close and the deadlines at any time.
type Conn struct {
	conn io.ReadWriteCloser

	reading, writing sync.Mutex
	in, out          lane
	scratch          []byte
	readErr          error // of conn, for when all was delivered

	readBy, writeBy deadline
	once            sync.Once
	closed          chan struct{}
	closeErr        error
	cut             bool // under state
	state           sync.Mutex
}

var _ net.Conn = (*Conn)(nil)

// New wraps a connection, which it owns from then on. An error is a Config that
// makes no sense.
func New(conn io.ReadWriteCloser, c Config) (*Conn, error) {
	if err := c.Read.check("Read", c.Split != nil); err != nil {
		return nil, err
	}
	if err := c.Write.check("Write", c.Split != nil); err != nil {
		return nil, err
	}
	if c.MaxFrame < 0 {
		return nil, fmt.Errorf("faultconn: MaxFrame is %d", c.MaxFrame)
	}
	if c.MaxFrame == 0 {
		c.MaxFrame = 4096
	}
	if c.OnFault == nil {
		c.OnFault = func(Fault) {}
	}
	lane := func(f Faults, written bool, stream uint64) lane {
		return lane{
			faults: f, split: c.Split, max: c.MaxFrame,
			told:  func(unit int64, k Kind) { c.OnFault(Fault{written, unit, k}) },
			fates: rand.New(rand.NewPCG(c.Seed, stream)), pieces: rand.New(rand.NewPCG(c.Seed, stream+1)),
		}
	}
	return &Conn{
		conn: conn, closed: make(chan struct{}),
		in: lane(c.Read, false, 2), out: lane(c.Write, true, 0),
		readBy: newDeadline(), writeBy: newDeadline(),
	}, nil
}

// Read delivers what came, with its faults. It may read from the connection more
// than it returns.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	l := &c.in
	for {
		if c.wasCut() {
			return 0, ErrCut
		}
		if len(l.out) > 0 {
			if err := l.wait(c.readBy.passed(), c.closed); err != nil {
				return 0, c.reason(err)
			}
			first := &l.out[0]
			n := copy(p, first.b)
			first.b = first.b[n:]
			if len(first.b) == 0 {
				if first.cut {
					c.cutNow()
				}
				l.shift()
			}
			if n > 0 {
				return n, nil
			}
			continue
		}
		if c.readErr != nil {
			return 0, c.readErr
		}
		if c.scratch == nil {
			c.scratch = make([]byte, 4096)
		}
		n, err := c.conn.Read(c.scratch)
		l.feed(c.scratch[:n])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if len(l.out) == 0 {
				return 0, err
			}
		case err != nil:
			c.readErr = c.reason(err)
			l.end()
		}
	}
}

// Write sends p, with its faults, and returns when all of it that is not lost or
// held back was written. Where it fails, an unknown part of p was written; after a
// deadline the rest of it goes out with the next Write.
func (c *Conn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.wasCut() {
		return 0, ErrCut
	}
	l := &c.out
	l.feed(p)
	for len(l.out) > 0 {
		if err := l.wait(c.writeBy.passed(), c.closed); err != nil {
			return 0, c.reason(err)
		}
		first := l.out[0]
		if len(first.b) > 0 {
			if _, err := c.conn.Write(first.b); err != nil {
				return 0, c.reason(err)
			}
		}
		l.shift()
		if first.cut {
			c.cutNow()
			return 0, ErrCut
		}
	}
	select {
	case <-c.closed:
		return 0, c.reason(errClosed)
	default:
	}
	return len(p), nil
}

// Close closes the connection. What a reorder holds back is lost with it.
func (c *Conn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.readBy.stop()
		c.writeBy.stop()
		c.closeErr = c.conn.Close()
	})
	return c.closeErr
}

func (c *Conn) cutNow() {
	c.state.Lock()
	c.cut = true
	c.state.Unlock()
	c.Close()
}

func (c *Conn) wasCut() bool {
	c.state.Lock()
	defer c.state.Unlock()
	return c.cut
}

// reason is err, or ErrCut where that was the cause of it.
func (c *Conn) reason(err error) error {
	if c.wasCut() {
		return ErrCut
	}
	return err
}

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline sets when a Read ends at the latest. Over a connection without
// deadlines the error wraps errors.ErrUnsupported, and nothing is set.
func (c *Conn) SetReadDeadline(t time.Time) error {
	d, ok := c.conn.(interface{ SetReadDeadline(time.Time) error })
	if !ok {
		return fmt.Errorf("faultconn: read deadline: %w", errors.ErrUnsupported)
	}
	if err := d.SetReadDeadline(t); err != nil {
		return err
	}
	c.readBy.set(t)
	return nil
}

// SetWriteDeadline sets when a Write ends at the latest, delays included; else
// as SetReadDeadline.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	d, ok := c.conn.(interface{ SetWriteDeadline(time.Time) error })
	if !ok {
		return fmt.Errorf("faultconn: write deadline: %w", errors.ErrUnsupported)
	}
	if err := d.SetWriteDeadline(t); err != nil {
		return err
	}
	c.writeBy.set(t)
	return nil
}

// LocalAddr is the connection's own, or a name where it has none.
func (c *Conn) LocalAddr() net.Addr {
	if n, ok := c.conn.(interface{ LocalAddr() net.Addr }); ok {
		return n.LocalAddr()
	}
	return noAddr{}
}

// RemoteAddr is the connection's own, or a name where it has none.
func (c *Conn) RemoteAddr() net.Addr {
	if n, ok := c.conn.(interface{ RemoteAddr() net.Addr }); ok {
		return n.RemoteAddr()
	}
	return noAddr{}
}

type noAddr struct{}

func (noAddr) Network() string { return "faultconn" }
func (noAddr) String() string  { return "faultconn" }

// deadline is a time after which a channel is closed.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	over  chan struct{}
}

func newDeadline() deadline { return deadline{over: make(chan struct{})} }

func (d *deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.over
}

// set moves the deadline; a zero time is none.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.over // its function has begun
	}
	d.timer = nil
	select {
	case <-d.over:
		d.over = make(chan struct{})
	default:
	}
	if t.IsZero() {
		return
	}
	over := d.over
	if wait := time.Until(t); wait > 0 {
		d.timer = time.AfterFunc(wait, func() { close(over) })
	} else {
		close(over)
	}
}

func (d *deadline) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
}
