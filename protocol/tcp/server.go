// Package tcp accepts and makes the connections over which devices talk.
//
// A Server is for listeners that the whole internet can reach: it bounds how
// many connections there are, from one address and in all, how long a TLS
// handshake may take, and it drains in good order. What a connection says is
// its handler's business, usually a protocol.Link with limits of its own for
// silent and slow peers. A Dialer is the other end, and comes back after a
// failure with growing, jittered pauses.
package tcp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Reasons for which a connection is rejected or a drain was not clean.
var (
	// ErrFull: there are MaxConns connections already.
	ErrFull = errors.New("tcp: too many connections")
	// ErrAddrFull: there are MaxPerAddr connections from that address already.
	ErrAddrFull = errors.New("tcp: too many connections from one address")
	// ErrHandshake: TLS did not come about in time, or at all.
	ErrHandshake = errors.New("tcp: TLS handshake failed")
	// ErrDraining is the cause of the handlers' context when the server stops.
	ErrDraining = errors.New("tcp: the server is stopping")
	// ErrGrace: handlers were still busy after the grace period.
	ErrGrace = errors.New("tcp: connections closed after the grace period")
)

// Server accepts connections and hands each to a handler. Fill in the fields
// before the first Serve and leave them then. One Server may serve several
// listeners at once: they share its limits.
type Server struct {
	// Handler has a connection to itself, in a goroutine of its own. Its context
	// ends when the server stops. The server closes the connection after it.
	Handler func(ctx context.Context, conn net.Conn)

	// Start is a Handler, in place of it, that begins to serve the connection and
	// returns: it calls done, once, when the connection is over. See
	// protocol.Link.Start, whose quiet connections keep less memory than those of a
	// handler that waits. Without TLS conn is not itself a *net.TCPConn but has its
	// methods, lends a Link its buffers, and takes from it what can be sent at once.
	Start func(ctx context.Context, conn net.Conn, done func())

	// MaxConns bounds the open connections: one with a Link that was started costs
	// about 4 KB, one that runs 7 to 14, with TLS some 30 KB more, and a file
	// descriptor. 10,000 where zero.
	MaxConns int

	// MaxPerAddr bounds those from one address: IPv4, or IPv6 by its /64 network.
	// Zero is no bound: a mobile operator puts thousands of devices behind one.
	MaxPerAddr int

	// TLSConfig, where set, makes all connections TLS, of version 1.2 or 1.3. The
	// handler then gets a *tls.Conn after its handshake. See MutualTLS.
	TLSConfig *tls.Config

	// Identify, where set, reads the device's identity from its verified
	// certificate, after the handshake: CommonName, or the operator's own way. The
	// handler finds it with Identity, for protocol.SessionConfig or to compare
	// with what the dialect says. An error, and a client without a verified
	// certificate, is rejected as ErrHandshake.
	Identify func(*x509.Certificate) (string, error)

	// Detect, where set, finds the dialect of each connection, for a port that
	// many share; the handler finds it with Device. A connection that speaks none
	// of them, or too little within the limits, is rejected with a
	// *protocol.DetectError, which has the bytes that came.
	Detect *Detector

	// Handshake bounds a TLS handshake, the wait for its turn included; 10
	// seconds where zero.
	Handshake time.Duration

	// MaxHandshakes bounds the handshakes at the same time, so that a
	// reconnect of all devices does not take the processor from those that are
	// connected; 256 where zero.
	MaxHandshakes int

	// Grace is how long handlers may take to finish once the server stops; 10
	// seconds where zero.
	Grace time.Duration

	// KeepAlive is the probing of quiet connections. Where zero: after two
	// minutes, each 30 seconds, four times. Go's own 15 seconds would keep a
	// tracker's radio, and so its battery, busy.
	KeepAlive net.KeepAliveConfig

	// OnReject, where set, is told of each rejected connection and each
	// failure to accept (addr is nil then). It must not block.
	OnReject func(addr net.Addr, reason error)

	once       sync.Once
	handshakes chan struct{}
	secure     *tls.Config // one for all connections: a session's ticket is of the configuration that gave it

	mu    sync.Mutex
	stats Stats
	addrs map[netip.Addr]int
}

// Stats counts since the server was made, but for Active.
type Stats struct {
	Active             int    // connections now, with those in their handshake
	Accepted           uint64 // handed to the handler
	RejectedFull       uint64
	RejectedAddr       uint64
	RejectedHandshakes uint64
	RejectedDialects   uint64
	AcceptErrors       uint64
}

// Stats returns the present counts. It is safe for concurrent use.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

func (s *Server) start() {
	def := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	def(&s.Handshake, 10*time.Second)
	def(&s.Grace, 10*time.Second)
	if s.MaxConns == 0 {
		s.MaxConns = 10_000
	}
	if s.MaxHandshakes == 0 {
		s.MaxHandshakes = 256
	}
	if s.KeepAlive == (net.KeepAliveConfig{}) {
		s.KeepAlive = net.KeepAliveConfig{Enable: true, Idle: 2 * time.Minute, Interval: 30 * time.Second, Count: 4}
	}
	s.handshakes = make(chan struct{}, s.MaxHandshakes)
	if s.TLSConfig != nil {
		s.secure = modern(s.TLSConfig)
	}
	s.addrs = map[netip.Addr]int{}
}

// Serve accepts from ln, which it closes, until ctx ends or ln fails. Failures
// that pass, such as a lack of file descriptors, are retried with pauses of 5 ms
// to a second. When it stops it accepts no more, ends the handlers' context and
// waits for them; after Grace it closes their connections and waits until they
// have noticed. The result is nil after ctx ended and all handlers finished in time, ErrGrace
// if some did not, or what ln failed with.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	if (s.Handler == nil) == (s.Start == nil) {
		return errors.New("tcp: server without a handler, or with two")
	}
	if err := checkVersions(s.TLSConfig); err != nil {
		return err
	}
	if s.Identify != nil && s.TLSConfig == nil {
		return errors.New("tcp: server with Identify but without TLSConfig")
	}
	s.once.Do(s.start)
	hctx, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	c := &conns{open: map[net.Conn]struct{}{}}
	unhook := context.AfterFunc(ctx, func() { ln.Close() })
	err := s.accept(ctx, hctx, ln, c)
	unhook()
	ln.Close()
	stop(ErrDraining)
	if n := c.drain(s.Grace); n > 0 {
		err = errors.Join(err, fmt.Errorf("%w: %d of them", ErrGrace, n))
	}
	return err
}

func (s *Server) accept(ctx, hctx context.Context, ln net.Listener, c *conns) error {
	const shortest, longest = 5 * time.Millisecond, time.Second
	pause := shortest
	for {
		conn, err := ln.Accept()
		if ctx.Err() != nil {
			if err == nil {
				conn.Close()
			}
			return nil
		}
		if err != nil {
			s.count(&s.stats.AcceptErrors)
			s.rejected(nil, err)
			if t, ok := errors.AsType[interface {
				error
				Temporary() bool
			}](err); !ok || !t.Temporary() {
				return fmt.Errorf("tcp: accept: %w", err)
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return nil
			}
			pause = min(2*pause, longest)
			continue
		}
		pause = shortest
		addr := address(conn.RemoteAddr())
		if reason := s.admit(addr); reason != nil {
			conn.Close()
			s.rejected(conn.RemoteAddr(), reason)
			continue
		}
		c.add(conn)
		go s.serve(hctx, conn, c)
	}
}

// serve makes the connection ready and hands it over.
func (s *Server) serve(ctx context.Context, accepted net.Conn, c *conns) {
	ctx, conn, err := s.prepare(ctx, accepted)
	end := func() {
		conn.Close() // with TLS it says so to the peer
		s.leave(address(accepted.RemoteAddr()))
		c.done(accepted)
	}
	switch {
	case err != nil:
		s.rejected(conn.RemoteAddr(), err)
		end()
	case s.Start != nil:
		s.Start(ctx, lend(conn), end)
	default:
		defer end()
		s.Handler(ctx, conn)
	}
}

// prepare shakes hands and finds the dialect, where needed. The connection that it
// returns is there to be closed after an error too.
func (s *Server) prepare(ctx context.Context, conn net.Conn) (context.Context, net.Conn, error) {
	if t, ok := conn.(*net.TCPConn); ok {
		t.SetKeepAliveConfig(s.KeepAlive) // a connection that cannot be probed is still served
	}
	if s.TLSConfig != nil {
		secure, err := s.shake(ctx, conn)
		if err == nil {
			conn = secure
		}
		if err == nil && s.Identify != nil {
			var id string
			id, err = s.identity(secure)
			ctx = context.WithValue(ctx, identityKey{}, id)
		}
		if err != nil {
			s.count(&s.stats.RejectedHandshakes)
			return ctx, conn, fmt.Errorf("%w: %w", ErrHandshake, err)
		}
	}
	if s.Detect != nil {
		dev, detected, err := s.Detect.Detect(ctx, conn)
		if err != nil {
			s.count(&s.stats.RejectedDialects)
			return ctx, conn, err
		}
		conn = detected
		ctx = context.WithValue(ctx, deviceKey{}, dev)
	}
	s.count(&s.stats.Accepted)
	return ctx, conn, nil
}

func (s *Server) count(n *uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*n++
}

func (s *Server) shake(ctx context.Context, conn net.Conn) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Handshake)
	defer cancel()
	select {
	case s.handshakes <- struct{}{}:
		defer func() { <-s.handshakes }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	secure := tls.Server(conn, s.secure)
	return secure, secure.HandshakeContext(ctx)
}

func (s *Server) rejected(addr net.Addr, reason error) {
	if s.OnReject != nil {
		s.OnReject(addr, reason)
	}
}

// admit counts a connection in, or says why not.
func (s *Server) admit(addr netip.Addr) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stats.Active >= s.MaxConns:
		s.stats.RejectedFull++
		return ErrFull
	case s.MaxPerAddr > 0 && s.addrs[addr] >= s.MaxPerAddr:
		s.stats.RejectedAddr++
		return ErrAddrFull
	}
	s.stats.Active++
	if s.MaxPerAddr > 0 {
		s.addrs[addr]++ // no more entries than connections
	}
	return nil
}

func (s *Server) leave(addr netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Active--
	if s.MaxPerAddr == 0 {
		return
	}
	if s.addrs[addr]--; s.addrs[addr] == 0 {
		delete(s.addrs, addr)
	}
}

// address is what MaxPerAddr counts by; all that have no IP address count as one.
func address(a net.Addr) netip.Addr {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	ip := t.AddrPort().Addr().Unmap().WithZone("")
	if ip.Is6() {
		p, _ := ip.Prefix(64) // 64 bits are in range
		return p.Addr()
	}
	return ip
}

// conns are the open connections of one Serve.
type conns struct {
	mu   sync.Mutex
	open map[net.Conn]struct{}
	wait sync.WaitGroup
}

func (c *conns) add(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[conn] = struct{}{}
	c.wait.Add(1)
}

func (c *conns) done(conn net.Conn) {
	c.mu.Lock()
	delete(c.open, conn)
	c.mu.Unlock()
	c.wait.Done()
}

// drain waits for all to be done; those that are not after grace it closes and
// counts.
func (c *conns) drain(grace time.Duration) (closed int) {
	t := time.AfterFunc(grace, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		closed = len(c.open)
		for conn := range c.open {
			conn.Close()
		}
	})
	c.wait.Wait()
	t.Stop()
	c.mu.Lock() // with the function above, if it runs at this very moment
	defer c.mu.Unlock()
	return closed
}
