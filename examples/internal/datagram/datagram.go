// Package datagram serves a UDP socket as tcp.Server serves a TCP one: each
// address that sends is a connection, over which each datagram is one read.
package datagram

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Longest is the longest datagram there is.
const Longest = 64 << 10

// Reasons for which a datagram is dropped: nobody was told that it came, and the
// device repeats it.
var (
	ErrFull     = errors.New("datagram: too many senders")
	ErrAddrFull = errors.New("datagram: too many senders of one address")
	ErrQueue    = errors.New("datagram: too many of one sender wait")
)

// Server turns the senders to one socket into connections.
type Server struct {
	// Handler has a sender's connection until it returns. The connection's context
	// ends with that of Serve.
	Handler func(context.Context, *Conn)
	// OnReject is told of datagrams that are dropped; nothing if nil.
	OnReject func(from netip.AddrPort, reason error)

	MaxPeers   int // at once; 1,024 if 0. Addresses may be forged
	MaxPerAddr int // of one Group; no bound if 0
	MaxWaiting int // datagrams of one sender that wait; 16 if 0
	// Group is what MaxPerAddr counts by; the IP address if nil.
	Group func(net.Addr) netip.Addr
	// Grace is how long handlers may still answer when ctx has ended.
	Grace time.Duration

	mu    sync.Mutex
	peers map[netip.AddrPort]*Conn
	group map[netip.Addr]int
}

// Serve takes datagrams until ctx ends, which is no error, or the socket fails;
// it closes the socket when all handlers have returned, or Grace is over. Run it
// once.
func (s *Server) Serve(ctx context.Context, socket *net.UDPConn) error {
	if s.MaxPeers == 0 {
		s.MaxPeers = 1024
	}
	if s.MaxWaiting == 0 {
		s.MaxWaiting = 16
	}
	if s.Group == nil {
		s.Group = func(a net.Addr) netip.Addr { return a.(*net.UDPAddr).AddrPort().Addr() }
	}
	s.peers, s.group = map[netip.AddrPort]*Conn{}, map[netip.Addr]int{}
	var handlers sync.WaitGroup
	defer func() {
		// The socket stays open for the last answers.
		late := time.AfterFunc(s.Grace, func() { socket.Close() })
		handlers.Wait()
		late.Stop()
		socket.Close()
	}()
	defer context.AfterFunc(ctx, func() { socket.SetReadDeadline(time.Unix(1, 0)) })()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	buf := make([]byte, Longest)
	for {
		n, from, err := socket.ReadFromUDPAddrPort(buf)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			// An ICMP answer to what we sent is reported by the next read.
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("datagram: %w", err)
			}
			continue
		}
		if fresh, err := s.deliver(socket, from, buf[:n]); err != nil {
			if s.OnReject != nil {
				s.OnReject(from, err)
			}
		} else if fresh != nil {
			handlers.Go(func() {
				defer s.gone(fresh)
				s.Handler(ctx, fresh)
			})
		}
	}
}

// deliver gives a datagram to its sender's connection, which it returns where it
// is new.
func (s *Server) deliver(socket *net.UDPConn, from netip.AddrPort, b []byte) (fresh *Conn, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.peers[from]
	if c == nil {
		addr := net.UDPAddrFromAddrPort(from)
		group := s.Group(addr)
		switch {
		case len(s.peers) >= s.MaxPeers:
			return nil, ErrFull
		case s.MaxPerAddr > 0 && s.group[group] >= s.MaxPerAddr:
			return nil, ErrAddrFull
		}
		c = &Conn{socket: socket, peer: from, group: group, in: make(chan []byte, s.MaxWaiting), closed: make(chan struct{})}
		s.peers[from] = c
		s.group[group]++
		fresh = c
	}
	select {
	case c.in <- slices.Clone(b):
		return fresh, nil
	default:
		return nil, ErrQueue
	}
}

func (s *Server) gone(c *Conn) {
	c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.peers, c.peer)
	if s.group[c.group]--; s.group[c.group] == 0 {
		delete(s.group, c.group)
	}
}

// Conn is one sender's part of a socket. One goroutine may read while another
// closes it.
type Conn struct {
	socket *net.UDPConn
	peer   netip.AddrPort
	group  netip.Addr
	in     chan []byte
	rest   []byte // of a datagram that was read in part
	once   sync.Once
	closed chan struct{}
}

// Peek returns what the next Read begins with: the rest of a datagram, or the
// next one, which it waits for. nil after Close. The caller must not change it.
func (c *Conn) Peek() []byte {
	for len(c.rest) == 0 {
		select {
		case c.rest = <-c.in:
		case <-c.closed:
			return nil
		}
	}
	return c.rest
}

// Read reads the next datagram, or the rest of one that did not fit. After Close
// the error is io.EOF.
func (c *Conn) Read(p []byte) (int, error) {
	b := c.Peek()
	if b == nil {
		return 0, io.EOF
	}
	n := copy(p, b)
	c.rest = b[n:]
	return n, nil
}

// Write sends one datagram to the sender.
func (c *Conn) Write(p []byte) (int, error) {
	select {
	case <-c.closed:
		return 0, net.ErrClosed
	default:
		return c.socket.WriteToUDPAddrPort(p, c.peer)
	}
}

// SetWriteDeadline does nothing: a datagram is sent or lost, and keeps nobody.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// Close ends the connection; the socket is others' too.
func (c *Conn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// LocalAddr is the socket's address.
func (c *Conn) LocalAddr() net.Addr { return c.socket.LocalAddr() }

// RemoteAddr is the sender's address.
func (c *Conn) RemoteAddr() net.Addr { return net.UDPAddrFromAddrPort(c.peer) }
