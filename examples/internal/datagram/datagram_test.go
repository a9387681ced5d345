package datagram

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves a socket until the test ends, which end ends before.
func start(t *testing.T, s *Server) (addr string, end func() error) {
	t.Helper()
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, socket) }()
	end = func() error { cancel(); err := <-served; served <- err; return err }
	t.Cleanup(func() { end() })
	return socket.LocalAddr().String(), end
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func say(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, c net.Conn) string {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	buf := make([]byte, 100)
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

// Each sender has a connection of its own, on which datagrams keep their bounds
// and their order, also when they are read in parts.
func TestEachSenderIsAConnection(t *testing.T) {
	addr, end := start(t, &Server{Grace: time.Second, Handler: func(ctx context.Context, c *Conn) {
		defer context.AfterFunc(ctx, func() { c.Close() })()
		for n := 1; ; n++ {
			whole := string(c.Peek())
			var parts []byte
			for buf := make([]byte, 2); len(parts) < len(whole); {
				k, err := c.Read(buf)
				if err != nil {
					t.Error(err)
					return
				}
				parts = append(parts, buf[:k]...)
			}
			if whole == "" {
				return
			}
			fmt.Fprintf(c, "%d %s %s", n, parts, c.RemoteAddr())
		}
	}})
	a, b := dial(t, addr), dial(t, addr)
	for n := 1; n <= 3; n++ {
		for _, c := range []net.Conn{a, b} {
			say(t, c, "hello")
			if got, want := hear(t, c), fmt.Sprintf("%d hello %v", n, c.LocalAddr()); got != want {
				t.Errorf("answer %q, want %q", got, want)
			}
		}
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// What is above a bound is dropped and told, and nobody else is the worse for it.
func TestBounds(t *testing.T) {
	rejected := make(chan error, 16)
	release, entered := make(chan struct{}), make(chan struct{}, 16)
	s := &Server{
		MaxPeers: 2, MaxPerAddr: 1, MaxWaiting: 2, OnReject: func(_ netip.AddrPort, err error) { rejected <- err },
		// Each port counts as an address, but for the first two senders.
		Group: func() func(net.Addr) netip.Addr {
			n := byte(0)
			return func(net.Addr) netip.Addr { n++; return netip.AddrFrom4([4]byte{10, 0, 0, max(n, 2)}) }
		}(),
		Handler: func(ctx context.Context, c *Conn) { entered <- struct{}{}; <-release },
	}
	addr, end := start(t, s)
	a, b := dial(t, addr), dial(t, addr)
	expect := func(want error) {
		t.Helper()
		select {
		case err := <-rejected:
			if !errors.Is(err, want) {
				t.Errorf("dropped because of %v, want %v", err, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("not dropped; want %v", want)
		}
	}
	say(t, a, "1")
	<-entered
	say(t, b, "2")
	expect(ErrAddrFull)
	say(t, b, "3") // now of another address
	<-entered
	say(t, dial(t, addr), "4")
	expect(ErrFull)
	say(t, a, "5")
	say(t, a, "6") // two wait
	expect(ErrQueue)
	close(release)
	if err := end(); err != nil {
		t.Error(err)
	}
	if len(s.peers) != 0 || len(s.group) != 0 {
		t.Errorf("left: %v %v", s.peers, s.group)
	}
}

// A closed connection neither reads nor writes; a closed socket ends the server.
func TestClosed(t *testing.T) {
	done := make(chan error, 2)
	addr, _ := start(t, &Server{Handler: func(ctx context.Context, c *Conn) {
		c.Read(make([]byte, 10))
		c.Close()
		c.Close()
		_, err := c.Read(make([]byte, 10))
		done <- err
		_, err = c.Write([]byte("late"))
		done <- err
	}})
	say(t, dial(t, addr), "hello")
	if err := <-done; err == nil {
		t.Error("it reads on")
	}
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write says %v", err)
	}
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	socket.Close()
	if err := new(Server).Serve(t.Context(), socket); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve says %v", err)
	}
}
