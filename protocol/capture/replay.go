package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/sargas-em/em/protocol"
)

// Replay lets recorded connections speak again, each byte after the pause it
// had. The zero value plays at the speed of the record.
type Replay struct {
	// Speed is how much faster than the record: 60 plays an hour in a minute.
	// Zero is 1; negative plays without pauses.
	Speed float64

	// Sleep waits, or returns the context's error. By default a timer does it.
	Sleep func(ctx context.Context, d time.Duration) error
}

// ReplayConn is the center's end of a recorded connection: Read gives what the
// device sent, one recorded chunk at a time, and io.EOF at the end. What is
// written to it goes nowhere; the record has what was said then.
type ReplayConn struct {
	Conn *Conn

	chunks chan []byte
	ended  chan struct{} // no more will be given
	closed chan struct{}
	end    sync.Once
	close  sync.Once
	rest   []byte
}

// Run plays the capture: it hands each connection to serve, in a goroutine of its
// own, feeds it, and closes it when serve returns. A connection that is not read
// holds up all others, as back-pressure would; one that serve has left is passed
// over. It returns when the file is at its end and all serve have returned: nil
// at io.EOF, else the file's error or the context's cause. Bytes that the file
// lacks are left out.
func (p *Replay) Run(ctx context.Context, r *Reader, serve func(context.Context, *ReplayConn)) error {
	speed, sleep := p.Speed, p.Sleep
	if speed == 0 {
		speed = 1
	}
	if sleep == nil {
		sleep = pause
	}
	open := map[*Conn]*ReplayConn{}
	var wait sync.WaitGroup
	defer wait.Wait()
	defer func() {
		for _, c := range open {
			c.finish()
		}
	}()
	var last time.Time // of the record
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		// Packets may be out of order by a little; time does not go back for them.
		if d := e.At.Sub(last); !last.IsZero() && !e.At.IsZero() && d > 0 && speed > 0 {
			if err := sleep(ctx, time.Duration(float64(d)/speed)); err != nil {
				return fmt.Errorf("capture: replay: %w", err)
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if e.At.After(last) {
			last = e.At
		}
		switch e.Kind {
		case 0:
			c := &ReplayConn{Conn: e.Conn, chunks: make(chan []byte), ended: make(chan struct{}), closed: make(chan struct{})}
			open[e.Conn] = c
			wait.Go(func() {
				defer c.Close()
				serve(ctx, c)
			})
		case protocol.Received:
			if c := open[e.Conn]; c != nil {
				c.feed(ctx, e.Data)
			}
		case protocol.Ended, protocol.Stopped:
			if c := open[e.Conn]; c != nil {
				c.finish()
				delete(open, e.Conn)
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *ReplayConn) feed(ctx context.Context, data []byte) {
	select {
	case c.chunks <- append([]byte(nil), data...):
	case <-c.closed:
	case <-ctx.Done():
	}
}

func (c *ReplayConn) finish() { c.end.Do(func() { close(c.ended) }) }

// Read gives the next bytes of the device; one goroutine may read.
func (c *ReplayConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(c.rest) == 0 {
		select {
		case c.rest = <-c.chunks:
			continue
		case <-c.closed:
			return 0, fmt.Errorf("capture: replay: %w", io.ErrClosedPipe)
		case <-c.ended:
			return 0, io.EOF
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// Write takes all and keeps nothing.
func (c *ReplayConn) Write(p []byte) (int, error) {
	select {
	case <-c.closed:
		return 0, fmt.Errorf("capture: replay: %w", io.ErrClosedPipe)
	default:
		return len(p), nil
	}
}

// Close ends the reading.
func (c *ReplayConn) Close() error {
	c.close.Do(func() { close(c.closed) })
	return nil
}
