package tcp_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/internal/sample"
	"github.com/sargas-em/em/protocol/tcp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const alive = "#alive,990000000000017*6D\r\n"

// link is one of the sample dialect.
func link(conn net.Conn, limits protocol.Limits) *protocol.Link {
	return &protocol.Link{
		Device: sample.Device(), Conn: conn, Name: conn.RemoteAddr().String(), Limits: limits,
		Commit: func(context.Context, *protocol.Report) error {
			deep(40) // as a store is
			return nil
		},
	}
}

// drive is a handler that runs a link; its results go to ended.
func drive(limits protocol.Limits, ended chan<- error) func(context.Context, net.Conn) {
	return func(ctx context.Context, conn net.Conn) { ended <- link(conn, limits).Run(ctx) }
}

// ways are those in which a server has its links served.
var ways = []struct {
	name  string
	quiet int64 // bytes of a quiet connection, both ends, at most
	set   func(s *tcp.Server, limits protocol.Limits, ended chan<- error)
}{
	{"a handler that runs", 10 << 10, func(s *tcp.Server, limits protocol.Limits, ended chan<- error) {
		s.Handler = drive(limits, ended)
	}},
	// No stack that frames needed, no buffer, nothing of what was decoded: 3.7 KB, some
	// 400 bytes of them the client's.
	{"a handler that starts", 4608, func(s *tcp.Server, limits protocol.Limits, ended chan<- error) {
		s.Start = func(ctx context.Context, conn net.Conn, done func()) {
			link(conn, limits).Start(ctx, func(err error) {
				done()
				ended <- err
			})
		}
	}},
}

// deep needs some kilobytes of stack.
//
//go:noinline
func deep(n int) (sum byte) {
	var frame [128]byte
	for i := range frame {
		frame[i] = byte(n + i)
	}
	if n > 0 {
		sum = deep(n - 1)
	}
	return sum + frame[n%len(frame)]
}

// listener is a listener in memory, for bubbles of fake time.
type listener struct {
	conns  chan any // net.Conn or error
	closed chan struct{}
	once   sync.Once
}

func newListener() *listener {
	return &listener{conns: make(chan any), closed: make(chan struct{})}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		if err, ok := c.(error); ok {
			return nil, err
		}
		return c.(net.Conn), nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }

// from is a connection from an address.
type from struct {
	net.Conn
	addr string
}

func (f from) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(f.addr), Port: 4711} }

// connect makes a connection from an address; it returns the peer's end.
func (l *listener) connect(addr string) net.Conn {
	ours, peer := net.Pipe()
	l.conns <- from{ours, addr}
	return peer
}

// serve runs s on a listener in memory until stop.
func serve(t *testing.T, s *tcp.Server) (l *listener, stop func() error) {
	l = newListener()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	return l, func() error {
		cancel()
		return <-done
	}
}

func isClosed(c net.Conn) bool {
	c.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := c.Read(make([]byte, 1))
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

func TestServerHoldsAThousandIdleConnections(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			const n = 1000
			ended := make(chan error, n)
			s := &tcp.Server{}
			way.set(s, protocol.Limits{}, ended)
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			served := make(chan error, 1)
			go func() { served <- s.Serve(ctx, ln) }()

			before := memory()
			conns := make([]net.Conn, n)
			buf := make([]byte, 64)
			for i := range conns {
				c, err := net.Dial("tcp", ln.Addr().String())
				if err != nil {
					t.Fatalf("connection %d: %v", i, err)
				}
				defer c.Close()
				conns[i] = c
				if _, err := io.WriteString(c, alive); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(c, buf[:len("#ack,0*XX\r\n")]); err != nil {
					t.Fatalf("connection %d gets no answer: %v", i, err)
				}
			}
			each := (memory() - before) / n
			t.Logf("%d bytes a connection, both ends", each)
			if each > way.quiet && !raceDetector {
				t.Errorf("an idle connection takes %d bytes, both ends; at most %d", each, way.quiet)
			}
			if st := s.Stats(); st.Active != n || st.Accepted != n {
				t.Errorf("stats %+v", st)
			}
			cancel()
			if err := <-served; err != nil {
				t.Errorf("Serve = %v after a drain", err)
			}
			for range n {
				if err := <-ended; !errors.Is(err, tcp.ErrDraining) {
					t.Fatalf("a link ended with %v", err)
				}
			}
			if st := s.Stats(); st.Active != 0 {
				t.Errorf("%d connections are left", st.Active)
			}
		})
	}
}

// memory is what this process has of heap and stacks, without garbage.
func memory() int64 {
	for range 3 { // what a pool holds goes with the second
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

func TestServerPeers(t *testing.T) {
	limits := protocol.Limits{First: 20 * time.Second, Idle: time.Hour, Write: 5 * time.Second}
	for _, c := range []struct {
		name string
		peer func(c net.Conn)
		want error
		took time.Duration
	}{
		{"silent", func(net.Conn) {}, protocol.ErrIdle, 20 * time.Second},
		{"byte by byte, never done", func(c net.Conn) {
			for {
				if _, err := c.Write([]byte("#")); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}, protocol.ErrIdle, 20 * time.Second},
		{"byte by byte, in time", func(c net.Conn) {
			for _, b := range []byte(alive[:20]) {
				c.Write([]byte{b})
				time.Sleep(100 * time.Millisecond)
			}
			io.WriteString(c, alive[20:])
			io.ReadFull(c, make([]byte, 11))
			c.Close()
		}, nil, 2 * time.Second},
		{"never reads", func(c net.Conn) { io.WriteString(c, alive) }, os.ErrDeadlineExceeded, 5 * time.Second},
		{"garbage", func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, "#x*00\r\n"); err != nil {
					return
				}
			}
		}, protocol.ErrTooManyErrors, 0},
	} {
		for _, way := range ways {
			t.Run(c.name+"/"+way.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ended := make(chan error, 1)
					s := &tcp.Server{}
					way.set(s, limits, ended)
					l, stop := serve(t, s)
					peer := l.connect("198.51.100.7")
					defer peer.Close()
					start := time.Now()
					var talk sync.WaitGroup
					talk.Go(func() { c.peer(peer) })
					if err := <-ended; !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
						t.Errorf("the link ended with %v, want %v", err, c.want)
					}
					if d := time.Since(start); d != c.took {
						t.Errorf("it took %v, want %v", d, c.took)
					}
					talk.Wait()
					if !isClosed(peer) {
						t.Error("the connection is still open")
					}
					if err := stop(); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

func TestServerLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rejected []error
		s := &tcp.Server{
			MaxConns: 5, MaxPerAddr: 2,
			Handler:  func(_ context.Context, c net.Conn) { io.Copy(io.Discard, c) },
			OnReject: func(_ net.Addr, err error) { rejected = append(rejected, err) },
		}
		l, stop := serve(t, s)
		var open []net.Conn
		for _, c := range []struct {
			addr string
			want error
		}{
			{"198.51.100.7", nil},
			{"198.51.100.7", nil},
			{"198.51.100.7", tcp.ErrAddrFull},
			{"::ffff:198.51.100.7", tcp.ErrAddrFull}, // the same address
			{"198.51.100.8", nil},
			{"2001:db8::1", nil},
			{"2001:db8::2", nil},
			{"2001:db8::3", tcp.ErrFull},
		} {
			rejected = nil
			peer := l.connect(c.addr)
			defer peer.Close()
			synctest.Wait()
			if got := errors.Join(rejected...); !errors.Is(got, c.want) || (got == nil) != (c.want == nil) {
				t.Errorf("%s: rejected for %v, want %v", c.addr, got, c.want)
			}
			if isClosed(peer) != (c.want != nil) {
				t.Errorf("%s: closed %t", c.addr, c.want == nil)
			}
			if c.want == nil {
				open = append(open, peer)
			}
		}
		want := tcp.Stats{Active: 5, Accepted: 5, RejectedFull: 1, RejectedAddr: 2}
		if got := s.Stats(); got != want {
			t.Errorf("stats %+v, want %+v", got, want)
		}
		// Who goes makes room, for its own address too.
		open[4].Close()
		synctest.Wait()
		again := l.connect("2001:db8::4")
		defer again.Close()
		synctest.Wait()
		if isClosed(again) {
			t.Error("no room after a connection has gone")
		}
		for _, c := range open {
			c.Close()
		}
		if err := stop(); !errors.Is(err, tcp.ErrGrace) {
			t.Errorf("Serve = %v; a handler still waits for its peer", err)
		}
	})
}

func TestServerDrain(t *testing.T) {
	for _, c := range []struct {
		name  string
		busy  time.Duration // of a handler after it was told to stop
		took  time.Duration
		clean bool
	}{
		{"idle", 0, 0, true},
		{"busy within the grace", 3 * time.Second, 3 * time.Second, true},
		{"busy for ever", -1, 5 * time.Second, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &tcp.Server{Grace: 5 * time.Second, Handler: func(ctx context.Context, conn net.Conn) {
					<-ctx.Done()
					if context.Cause(ctx) != tcp.ErrDraining {
						t.Errorf("the handler's context ended by %v", context.Cause(ctx))
					}
					if c.busy < 0 {
						io.Copy(io.Discard, conn) // until somebody closes it
					} else {
						time.Sleep(c.busy)
					}
				}}
				l, stop := serve(t, s)
				a, b := l.connect("198.51.100.7"), l.connect("198.51.100.8")
				defer a.Close()
				defer b.Close()
				synctest.Wait()
				start := time.Now()
				err := stop()
				if d := time.Since(start); d != c.took || (err == nil) != c.clean || err != nil && !errors.Is(err, tcp.ErrGrace) {
					t.Errorf("Serve = %v after %v, want %v, clean %t", err, d, c.took, c.clean)
				}
				if !isClosed(a) || !isClosed(b) {
					t.Error("connections are still open")
				}
				select {
				case <-l.closed:
				default:
					t.Error("the listener is still open")
				}
			})
		})
	}
}

// TestServerDrainFinishesACommit: what a link has begun to store is stored and
// acknowledged before the connection goes.
func TestServerDrainFinishesACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := make(chan struct{})
		s := &tcp.Server{Handler: func(ctx context.Context, conn net.Conn) {
			l := &protocol.Link{Device: sample.Device(), Conn: conn, Commit: func(ctx context.Context, _ *protocol.Report) error {
				close(began)
				time.Sleep(4 * time.Second)
				return ctx.Err()
			}}
			if err := l.Run(ctx); !errors.Is(err, tcp.ErrDraining) {
				t.Errorf("Run = %v", err)
			}
		}}
		l, stop := serve(t, s)
		peer := l.connect("198.51.100.7")
		var got []byte
		var wg sync.WaitGroup
		wg.Go(func() {
			io.WriteString(peer, alive)
			got, _ = io.ReadAll(peer)
		})
		<-began
		if err := stop(); err != nil {
			t.Errorf("Serve = %v", err)
		}
		wg.Wait()
		if !strings.HasPrefix(string(got), "#ack,0") {
			t.Errorf("the device got %q, although its report was committed", got)
		}
	})
}

func TestServerAcceptErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &tcp.Server{Handler: func(context.Context, net.Conn) {}}
		l := newListener()
		done := make(chan error, 1)
		go func() { done <- s.Serve(t.Context(), l) }()
		start := time.Now()
		full := &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
		for range 12 {
			l.conns <- full
		}
		l.connect("198.51.100.7").Close()
		synctest.Wait()
		// 5, 10, 20 … 640 ms are 1,275 ms, then four times one second.
		if d := time.Since(start); d != 5275*time.Millisecond {
			t.Errorf("twelve failures took %v", d)
		}
		if st := s.Stats(); st.AcceptErrors != 12 || st.Accepted != 1 {
			t.Errorf("stats %+v", st)
		}
		broken := errors.New("broken")
		l.conns <- broken
		if err := <-done; !errors.Is(err, broken) {
			t.Errorf("Serve = %v", err)
		}
	})
}

// certificate makes a self-signed certificate for 127.0.0.1 and its pool.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:     []string{"center.example"},
		IsCA:         true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	cert, pool := certificate(t)
	ended := make(chan error, 1)
	var rejected sync.Map
	s := &tcp.Server{
		Handler:   drive(protocol.Limits{}, ended),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}},
		OnReject:  func(_ net.Addr, err error) { rejected.Store(err, true) },
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()

	d := &tcp.Dialer{Addr: ln.Addr().String(), TLSConfig: &tls.Config{RootCAs: pool}}
	conn, err := d.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // the link's read deadlines must not break TLS
		io.WriteString(conn, alive)
		ack := make([]byte, 11)
		if _, err := io.ReadFull(conn, ack); err != nil || !bytes.HasPrefix(ack, []byte("#ack,0")) {
			t.Fatalf("the answer is %q, %v", ack, err)
		}
	}
	conn.Close()
	if err := <-ended; err != nil {
		t.Errorf("the link ended with %v", err)
	}

	stranger := &tcp.Dialer{Addr: ln.Addr().String(), TLSConfig: &tls.Config{RootCAs: x509.NewCertPool()}}
	if _, err := stranger.Dial(t.Context()); !errors.Is(err, tcp.ErrHandshake) {
		t.Errorf("a client that does not trust the certificate gets %v", err)
	}
	plain, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(plain, alive)
	io.ReadAll(plain)
	plain.Close()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if st := s.Stats(); st.Accepted != 1 || st.RejectedHandshakes != 2 || st.Active != 0 {
		t.Errorf("stats %+v", st)
	}
	rejected.Range(func(err, _ any) bool {
		if !errors.Is(err.(error), tcp.ErrHandshake) {
			t.Errorf("rejected for %v", err)
		}
		return true
	})
}

func TestTLSHandshakesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cert, pool := certificate(t)
		s := &tcp.Server{
			Handler:       func(_ context.Context, conn net.Conn) { io.WriteString(conn, "hello") },
			TLSConfig:     &tls.Config{Certificates: []tls.Certificate{cert}},
			MaxHandshakes: 1,
			Handshake:     3 * time.Second,
		}
		l, stop := serve(t, s)
		start := time.Now()
		silent := l.connect("198.51.100.7")
		defer silent.Close()
		time.Sleep(time.Second)
		d := &tcp.Dialer{
			Addr: "center.example:4711", TLSConfig: &tls.Config{RootCAs: pool},
			Connect: func(context.Context, string) (net.Conn, error) { return l.connect("198.51.100.8"), nil },
		}
		conn, err := d.Dial(t.Context()) // waits for its turn
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("the handshake behind a silent client ended after %v", d)
		}
		if hello, err := io.ReadAll(conn); string(hello) != "hello" || err != nil {
			t.Errorf("got %q, %v", hello, err)
		}
		conn.Close()
		if !isClosed(silent) {
			t.Error("the silent client is still connected")
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if st := s.Stats(); st.Accepted != 1 || st.RejectedHandshakes != 1 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestDialerBackOff(t *testing.T) {
	run := func(seed uint64) (pauses []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			enough := errors.New("enough")
			refused := errors.New("refused")
			var asked []time.Time
			d := &tcp.Dialer{
				Addr: "192.0.2.1:4711", Min: time.Second, Max: 10 * time.Second, Seed: seed,
				Connect: func(context.Context, string) (net.Conn, error) {
					asked = append(asked, time.Now())
					if len(asked) == 8 { // this one comes about, and lasts
						a, b := net.Pipe()
						b.Close()
						return a, nil
					}
					return nil, refused
				},
				OnRetry: func(err error, pause time.Duration) {
					if len(asked) != 8 && !errors.Is(err, refused) {
						t.Errorf("attempt %d: %v", len(asked), err)
					}
					if pauses = append(pauses, pause); len(pauses) == 9 {
						cancel(enough)
					}
				},
			}
			err := d.Run(ctx, func(context.Context, net.Conn) error {
				time.Sleep(10 * time.Second)
				return nil
			})
			if err != enough {
				t.Errorf("Run = %v", err)
			}
			for i, p := range pauses[:7] {
				if got := asked[i+1].Sub(asked[i]); got != p {
					t.Errorf("attempt %d came after %v, announced was %v", i+1, got, p)
				}
			}
		})
		return pauses
	}
	a, b, c := run(1), run(1), run(2)
	if !slices.Equal(a, b) || slices.Equal(a, c) {
		t.Errorf("pauses of seed 1 %v and again %v, of seed 2 %v", a, b, c)
	}
	for i, most := range []time.Duration{1, 2, 4, 8, 10, 10, 10, 1, 2} { // seconds; anew after the eighth
		if p := a[i]; p < most*time.Second/2 || p > most*time.Second {
			t.Errorf("pause %d is %v, want between %ds/2 and %ds", i, p, most, most)
		}
	}
}

func ExampleServer() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := &tcp.Server{
		MaxConns: 1000,
		Handler: func(ctx context.Context, conn net.Conn) {
			link := &protocol.Link{Device: sample.Device(), Conn: conn, Commit: func(_ context.Context, r *protocol.Report) error {
				fmt.Println(r.Device, "sent", r.Frames[0].Type)
				return nil
			}}
			fmt.Println("the end:", link.Run(ctx))
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	served := make(chan error)
	go func() { served <- server.Serve(ctx, ln) }()

	dialer := &tcp.Dialer{Addr: ln.Addr().String()}
	conn, err := dialer.Dial(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprint(conn, "#alive,990000000000017*6D\r\n")
	ack := make([]byte, 64)
	n, _ := conn.Read(ack)
	fmt.Printf("the device hears %q\n", ack[:n])
	cancel()
	fmt.Println("served:", <-served)
	conn.Close()
	// Output:
	// sample:990000000000017 sent alive
	// the device hears "#ack,0*75\r\n"
	// the end: tcp: the server is stopping
	// served: <nil>
}
