package ingest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/journal"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/tcp"
)

// Reasons for which a report is not taken, and so not acknowledged. The
// conversation ends, and the device, which keeps what was not acknowledged,
// comes again.
var (
	// ErrRate: the device or its address sends more than Rates allow, and went on
	// when it was slowed down.
	ErrRate = errors.New("ingest: too many frames a second")
	// ErrCertificate: the report names another device than the certificate.
	ErrCertificate = errors.New("ingest: the report names another device than the certificate of the connection")
)

// gate is the way of one conversation's reports into the log.
type gate struct {
	s         *Server
	transport string
	name      string        // of the peer, for Report.Conn
	addr      netip.Addr    // zero for a serial line
	bound     string        // the device that the certificate names; empty where there is none
	fixed     string        // the identity that the operator gave a serial line
	conv      *conversation // nil for requests and undetected dialects, which are none
	counters  *counters     // of its reports; nil before the first
}

// gate makes the gate of a connection; ctx is that of a tcp.Server's handler.
func (s *Server) gate(ctx context.Context, l Listener, peer net.Addr) *gate {
	g := &gate{s: s, transport: l.Scheme(), name: peer.String(), addr: network(peer)}
	g.bound, _ = tcp.Identity(ctx)
	return g
}

// network is what Rates.Address counts by: an IPv4 address, or an IPv6 one's
// /64 network, which one subscriber has to himself.
func network(a net.Addr) netip.Addr {
	ap, ok := a.(interface{ AddrPort() netip.AddrPort })
	if !ok {
		return netip.Addr{}
	}
	ip := ap.AddrPort().Addr().Unmap().WithZone("")
	if ip.Is6() {
		p, _ := ip.Prefix(64) // 64 bits are in range
		return p.Addr()
	}
	return ip
}

// identity is what the session is told where its dialect carries none.
func (g *gate) identity(codec string) string {
	if g.bound != "" {
		return strings.TrimPrefix(g.bound, codec+":")
	}
	return g.fixed
}

// is reports whether the certificate is of a device.
func (g *gate) is(d em.DeviceID) bool {
	_, identity, _ := strings.Cut(string(d), ":")
	return g.bound == "" || d == "" || g.bound == string(d) || g.bound == identity
}

// commit takes a report into the log. What comes too fast waits, and with it the
// connection: back-pressure. Only after nil is the device acknowledged.
func (g *gate) commit(ctx context.Context, r *protocol.Report) error {
	if err := g.s.rates.admit(ctx, g.s.stopping, r.Device, g.addr, len(r.Frames)); err != nil {
		g.s.metrics.refuse(g, "rate")
		return err
	}
	foreign, other := r.Device, !g.is(r.Device)
	for i := range r.Frames {
		for _, o := range r.Frames[i].Observations {
			if !g.is(o.Device) {
				foreign, other = o.Device, true
			}
		}
	}
	if other {
		return g.refuse(ctx, r, foreign)
	}
	if g.conv != nil {
		// Before the log has it: who evaluates may have a command as soon as it does.
		g.s.conns.note(g.conv, r.Device, r.Received)
	}
	return g.keep(ctx, r, "")
}

// refuse keeps a report under a foreign identity as evidence, without what it
// claims to have observed.
func (g *gate) refuse(ctx context.Context, r *protocol.Report, foreign em.DeviceID) error {
	g.s.metrics.refuse(g, "certificate")
	r.Device = ""
	for i := range r.Frames {
		r.Frames[i].Observations, r.Frames[i].Err = nil, ErrCertificate
	}
	if err := g.keep(ctx, r, foreign); err != nil {
		return err
	}
	return fmt.Errorf("%w", ErrCertificate)
}

// keep makes a report durable and counts it.
func (g *gate) keep(ctx context.Context, r *protocol.Report, foreign em.DeviceID) error {
	e := entries.Get().(*journal.Entry)
	defer func() {
		*e = journal.Entry{}
		entries.Put(e)
	}()
	e.Report, e.Foreign = *r, foreign
	if g.conv != nil {
		e.Conversation = g.conv.number
	}
	begin := time.Now()
	if err := g.s.cfg.Append(ctx, e); err != nil {
		g.s.metrics.refuse(g, "log")
		return err
	}
	g.s.metrics.kept(g, r, time.Since(begin))
	return nil
}

var entries = sync.Pool{New: func() any { return new(journal.Entry) }}
