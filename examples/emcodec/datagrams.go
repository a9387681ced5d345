package main

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/sargas-em/em/examples/internal/datagram"
)

// Bounds of a socket that anyone can send to.
const (
	mostPeers    = 1024            // at once
	mostWaiting  = 64              // datagrams of one peer
	peerIdle     = 5 * time.Minute // without a good datagram
	dropInterval = time.Second     // between two complaints
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
	c.say("listening for %s at %v, datagrams", c.codec, sock.LocalAddr())
	srv := &datagram.Server{
		MaxPeers: mostPeers, MaxWaiting: mostWaiting, OnReject: c.drop,
		Handler: func(ctx context.Context, conn *datagram.Conn) {
			dev, why := c.dev, ""
			if dev.Name == "" {
				var err error
				if dev, why, err = c.detect(conn.Peek(), false); err != nil {
					c.drop(conn.RemoteAddr().(*net.UDPAddr).AddrPort(), err)
					return
				}
				if c.relaxed {
					dev = dev.Relax()
				}
			}
			if err := c.converse(ctx, dev, why, conn); c.isFatal(err) {
				cancel(err)
			}
		},
	}
	if err := srv.Serve(ctx, sock); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// drop counts a datagram that was not served, and says why now and then.
func (c *center) drop(from netip.AddrPort, reason error) {
	c.mu.Lock()
	c.rejected++
	complain := time.Since(c.complained) > dropInterval
	if complain {
		c.complained = time.Now()
	}
	c.mu.Unlock()
	if complain {
		c.say("dropped a datagram of %v: %v", from, reason)
	}
}
