package protocol

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// This file has the two ways in which a Link reads: with deadlines on the
// connection, in the link's own goroutine, or by a goroutine that pumps.

// linkReader reads chunks for a link.
type linkReader interface {
	// read returns what comes within wait (negative: for ever), or no bytes and
	// no error where that is over or the reader was interrupted. The chunk is
	// valid until the next read.
	read(ctx context.Context, wait time.Duration) ([]byte, error)
	// interrupt ends a read, or keeps the next one from waiting. Link.mu is held.
	interrupt()
	// wait returns when no goroutine is left. The connection is closed by then.
	wait()
}

type readDeadliner interface{ SetReadDeadline(time.Time) error }

// Sizes of a read. Trackers' frames have some dozens to some hundreds of bytes and
// mostly come alone: an idle connection has the small buffer. Behind a read that
// filled it the next ones use a large one, which is shared, so that a backlog does
// not cost a system call a frame.
const (
	smallRead = 256
	largeRead = 4096
)

var largeReads = sync.Pool{New: func() any { return new([largeRead]byte) }}

func newReader(l *Link) linkReader {
	if c, ok := l.Conn.(readDeadliner); ok && c.SetReadDeadline(time.Time{}) == nil {
		d := deadlines{l, c}
		if _, ok := l.Conn.(lender); ok {
			return &borrower{d}
		}
		return &deadlineReader{deadlines: d}
	}
	p := &pump{
		conn: l.Conn, chunks: make(chan pumped), stop: make(chan struct{}),
		wakeup: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	go p.run(min(largeRead, max(2*smallRead, l.Device.MaxFrame)))
	return p
}

// deadlines are a reader's that reads in the caller's goroutine. interrupt sets one
// in the past; because both it and set are called under Link.mu, set after a look
// at what is to do, none gets lost.
type deadlines struct {
	l    *Link
	conn readDeadliner
}

// set sets the deadline of the next read; false where there is something to do at
// once.
func (d *deadlines) set(ctx context.Context, wait time.Duration) bool {
	d.l.mu.Lock()
	defer d.l.mu.Unlock()
	if len(d.l.calls) > 0 || len(d.l.commands) > 0 || ctx.Err() != nil {
		return false
	}
	var deadline time.Time
	if wait >= 0 {
		deadline = time.Now().Add(wait)
	}
	d.conn.SetReadDeadline(deadline) // fails on closed connections only, and Read says that better
	return true
}

func (d *deadlines) interrupt() { d.conn.SetReadDeadline(time.Unix(1, 0)) }

func (d *deadlines) wait() {}

// timely is the error of a read but for its deadline, which is none.
func timely(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// lender is a connection that needs no buffer while it waits: Lend is a Read that
// brings its own, which is the caller's until the next Lend. Package tcp has one.
type lender interface{ Lend() ([]byte, error) }

// borrower reads what a connection lends, which is a lender.
type borrower struct{ deadlines }

func (r *borrower) read(ctx context.Context, wait time.Duration) ([]byte, error) {
	if !r.set(ctx, wait) {
		return nil, nil
	}
	b, err := r.conn.(lender).Lend()
	return b, timely(err)
}

// deadlineReader reads into a buffer that it has while it waits.
type deadlineReader struct {
	deadlines
	full  bool             // the last read filled its buffer
	large *[largeRead]byte // nil while the small one will do
	small [smallRead]byte
}

func (r *deadlineReader) read(ctx context.Context, wait time.Duration) ([]byte, error) {
	if !r.set(ctx, wait) {
		return nil, nil
	}
	b := r.buffer()
	n, err := r.l.Conn.Read(b)
	r.full = n == len(b)
	return b[:n], timely(err)
}

func (r *deadlineReader) buffer() []byte {
	switch {
	case r.full && r.large == nil:
		r.large = largeReads.Get().(*[largeRead]byte)
	case !r.full && r.large != nil:
		largeReads.Put(r.large)
		r.large = nil
	}
	if r.large != nil {
		return r.large[:]
	}
	return r.small[:]
}

// pump reads in a goroutine of its own, which ends when the connection is closed.
type pump struct {
	conn   io.Reader
	chunks chan pumped
	stop   chan struct{}
	wakeup chan struct{} // holds one
	ended  chan struct{}
}

type pumped struct {
	b   []byte
	err error
}

func (p *pump) run(size int) {
	defer close(p.ended)
	// While the link works on one buffer, the next read fills the other: the
	// link asks for more only when it is done.
	bufs := [2][]byte{make([]byte, size), make([]byte, size)}
	for i := 0; ; i ^= 1 {
		n, err := p.conn.Read(bufs[i])
		if n == 0 && err == nil {
			continue
		}
		select {
		case p.chunks <- pumped{bufs[i][:n], err}:
		case <-p.stop:
			return
		}
		if err != nil {
			return
		}
	}
}

func (p *pump) read(ctx context.Context, wait time.Duration) ([]byte, error) {
	var over <-chan time.Time
	if wait >= 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		over = t.C
	}
	select {
	case c := <-p.chunks:
		return c.b, c.err
	case <-over:
	case <-p.wakeup:
	case <-ctx.Done():
	}
	return nil, nil
}

func (p *pump) interrupt() {
	select {
	case p.wakeup <- struct{}{}:
	default: // one is enough
	}
}

func (p *pump) wait() {
	close(p.stop)
	<-p.ended
}

// prompt is a connection that can write what goes at once, which spares what is
// mostly a few bytes a timer. Package tcp has one.
type prompt interface {
	WriteNow([]byte) (int, error)
	SetWriteDeadline(time.Time) error
}

// write writes all of b within limit (negative: without one). Where the
// connection has no write deadlines, running late closes it, and leaves a
// goroutine behind for as long as Close does not end the Write.
func write(conn io.WriteCloser, b []byte, limit time.Duration) error {
	if limit < 0 {
		_, err := conn.Write(b)
		return err
	}
	if p, ok := conn.(prompt); ok {
		n, err := p.WriteNow(b)
		if err != nil || n == len(b) {
			return err
		}
		b = b[n:]
		defer p.SetWriteDeadline(time.Time{}) // for WriteNow
	}
	if d, ok := conn.(interface{ SetWriteDeadline(time.Time) error }); ok && d.SetWriteDeadline(time.Now().Add(limit)) == nil {
		_, err := conn.Write(b)
		return err
	}
	done := make(chan error, 1)
	go func() {
		_, err := conn.Write(b)
		done <- err
	}()
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		conn.Close()
		return os.ErrDeadlineExceeded
	}
}
