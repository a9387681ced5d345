package tcp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/sargas-em/em/protocol/tcp"
)

// lender is what a protocol.Link looks for in a connection.
type lender interface {
	net.Conn
	Lend() ([]byte, error)
	WriteNow([]byte) (int, error)
}

// What a started connection lends is what was sent; the end of the stream, of time
// and of the connection are told as Read tells them.
func TestLend(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan lender)
	s := &tcp.Server{Start: func(_ context.Context, conn net.Conn, done func()) {
		c, ok := conn.(lender)
		if !ok {
			close(started) // not on this system
			done()
			return
		}
		started <- c
		<-t.Context().Done()
		done()
	}}
	served := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { served <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		<-served
	})
	dial := func(t *testing.T) (*net.TCPConn, lender) {
		peer, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { peer.Close() })
		c, ok := <-started
		if !ok {
			t.Skip("connections lend nothing on this system")
		}
		return peer.(*net.TCPConn), c
	}
	lent := func(t *testing.T, c lender, want string) {
		t.Helper()
		if b, err := c.Lend(); string(b) != want || err != nil {
			t.Errorf("Lend = %q, %v, want %q", b, err, want)
		}
	}
	t.Run("end of the stream", func(t *testing.T) {
		peer, c := dial(t)
		io.WriteString(peer, "one")
		lent(t, c, "one")
		io.WriteString(peer, "two")
		peer.CloseWrite()
		lent(t, c, "two")
		if b, err := c.Lend(); b != nil || err != io.EOF {
			t.Errorf("Lend = %q, %v at the end", b, err)
		}
	})
	t.Run("deadline", func(t *testing.T) {
		peer, c := dial(t)
		c.SetReadDeadline(time.Unix(1, 0))
		if b, err := c.Lend(); b != nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Lend = %q, %v behind its time", b, err)
		}
		c.SetReadDeadline(time.Time{})
		io.WriteString(peer, "late")
		lent(t, c, "late")
	})
	t.Run("reset by the peer", func(t *testing.T) {
		peer, c := dial(t)
		peer.SetLinger(0)
		peer.Close()
		b, err := c.Lend()
		var op *net.OpError
		if b != nil || !errors.As(err, &op) || errors.Is(err, io.EOF) {
			t.Errorf("Lend = %q, %v, want an error of the network", b, err)
		}
	})
	t.Run("closed here", func(t *testing.T) {
		_, c := dial(t)
		c.Close()
		if b, err := c.Lend(); b != nil || !errors.Is(err, net.ErrClosed) {
			t.Errorf("Lend = %q, %v, want net.ErrClosed", b, err)
		}
	})
	t.Run("write at once", func(t *testing.T) {
		peer, c := dial(t)
		sent := 0
		for piece := make([]byte, 1<<16); ; {
			n, err := c.WriteNow(piece)
			if err != nil {
				t.Fatal(err)
			}
			if sent += n; n == 0 {
				break // the peer does not read
			}
		}
		if n, err := io.ReadFull(peer, make([]byte, sent)); err != nil {
			t.Errorf("%d of %d bytes: %v", n, sent, err)
		}
		if n, err := c.WriteNow([]byte("more")); n != 4 || err != nil {
			t.Errorf("%d bytes, %v once the peer has read", n, err)
		}
		c.Close()
		if n, err := c.WriteNow([]byte("more")); n != 0 || !errors.Is(err, net.ErrClosed) {
			t.Errorf("%d bytes, %v once it is closed", n, err)
		}
	})
	t.Run("allocations", func(t *testing.T) {
		peer, c := dial(t)
		if n := testing.AllocsPerRun(100, func() {
			io.WriteString(peer, "a report")
			lent(t, c, "a report")
		}); n > 1 && !raceDetector { // WriteString's copy; with the detector pools forget
			t.Errorf("%v allocations", n)
		}
	})
}
