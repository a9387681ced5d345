package main

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Bounds of a socket that anyone can send to.
const (
	mostPeers    = 1024            // at once
	mostWaiting  = 64              // datagrams of one peer
	peerIdle     = 5 * time.Minute // without a datagram
	longestGram  = 64 << 10
	dropInterval = time.Second // between two complaints
)

// serveUDP gives each address that sends datagrams a conversation.
func (c *center) serveUDP(ctx context.Context) error {
	addr, err := net.ResolveUDPAddr("udp", c.udp)
	if err != nil {
		return err
	}
	sock, err := net.ListenUDP("udp", addr)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { sock.Close() })
	defer stop()
	c.say("listening for %s at %v, datagrams", c.codec, sock.LocalAddr())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel(nil)
	var mu sync.Mutex
	peers := map[netip.AddrPort]*peer{}
	var complained time.Time
	drop := func(from netip.AddrPort, why string) {
		c.mu.Lock()
		c.rejected++
		c.mu.Unlock()
		if time.Since(complained) > dropInterval {
			complained = time.Now()
			c.say("dropped a datagram of %v: %s", from, why)
		}
	}
	buf := make([]byte, longestGram)
	for {
		n, from, err := sock.ReadFromUDPAddrPort(buf)
		if err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return err
		}
		data := append([]byte(nil), buf[:n]...)
		mu.Lock()
		p := peers[from]
		full := len(peers) >= mostPeers
		mu.Unlock()
		if p == nil {
			dev, why := c.dev, ""
			if dev.Name == "" {
				if dev, why, err = c.detect(data, false); err != nil {
					drop(from, err.Error())
					continue
				}
				if c.relaxed {
					dev = dev.Relax()
				}
			}
			if full {
				drop(from, "too many senders")
				continue
			}
			p = &peer{sock: sock, addr: from, grams: make(chan []byte, mostWaiting), closed: make(chan struct{})}
			mu.Lock()
			peers[from] = p
			mu.Unlock()
			wg.Go(func() {
				err := c.converse(ctx, dev, why, p)
				mu.Lock()
				delete(peers, from)
				mu.Unlock()
				if c.isFatal(err) {
					cancel(err)
				}
			})
		}
		select {
		case p.grams <- data:
		default:
			drop(from, "it sends faster than its conversation goes")
		}
	}
}

// peer is one sender of datagrams as a connection.
type peer struct {
	sock   *net.UDPConn
	addr   netip.AddrPort
	grams  chan []byte
	rest   []byte
	closed chan struct{}
	once   sync.Once
}

// Read gives the next datagram, or what was left of one. A peer that is silent
// for long has ended.
func (p *peer) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		idle := time.NewTimer(peerIdle)
		defer idle.Stop()
		select {
		case p.rest = <-p.grams:
		case <-p.closed:
			return 0, net.ErrClosed
		case <-idle.C:
			return 0, io.EOF
		}
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// Write sends one datagram.
func (p *peer) Write(b []byte) (int, error) {
	select {
	case <-p.closed:
		return 0, net.ErrClosed
	default:
	}
	return p.sock.WriteToUDPAddrPort(b, p.addr)
}

// Close ends the conversation; the socket is others' too.
func (p *peer) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *peer) LocalAddr() net.Addr  { return p.sock.LocalAddr() }
func (p *peer) RemoteAddr() net.Addr { return net.UDPAddrFromAddrPort(p.addr) }
