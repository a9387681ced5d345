package center

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/tcp"
)

// Reasons for which a report is not taken, and so not acknowledged. The
// conversation ends, and the device, which keeps what was not acknowledged,
// comes again.
var (
	// ErrRate: the device or its address sends more than Rates allow, and went on
	// when it was slowed down.
	ErrRate = errors.New("center: too many frames a second")
	// ErrCertificate: the report names another device than the certificate.
	ErrCertificate = errors.New("center: the report names another device than the certificate of the connection")
)

// gate is the way of one conversation's reports into the log.
type gate struct {
	c         *Center
	transport string
	name      string     // of the peer, for Report.Conn
	addr      netip.Addr // zero for a serial line
	bound     string     // the device that the certificate names; empty where there is none
	fixed     string     // the identity that the operator gave a serial line
	conv      uint64     // of connections; 0 for requests, which share none
}

// gate makes the gate of a connection; ctx is that of a tcp.Server's handler.
func (c *Center) gate(ctx context.Context, l DeviceListener, peer net.Addr) *gate {
	g := &gate{c: c, transport: l.scheme(), name: peer.String(), addr: network(peer)}
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
	if err := g.c.rates.admit(ctx, g.c.stopping, r.Device, g.addr, len(r.Frames)); err != nil {
		g.c.metrics.refuse(g, "rate")
		return err
	}
	claimed, other := r.Device, !g.is(r.Device)
	for i := range r.Frames {
		for _, o := range r.Frames[i].Observations {
			if !g.is(o.Device) {
				claimed, other = o.Device, true
			}
		}
	}
	if other {
		return g.refuse(ctx, r, claimed)
	}
	if err := g.keep(ctx, r); err != nil {
		return err
	}
	defer g.c.orders.report(r.Device)
	if g.conv != 0 && g.c.conns.conflict(g.conv, r.Device) {
		g.c.reportIdentity(ctx, r, r.Device, "The same device identity sends over two connections at once: one of them may not be the device.")
	}
	return nil
}

// refuse keeps a report under a foreign identity as evidence, without what it
// claims to have observed.
func (g *gate) refuse(ctx context.Context, r *protocol.Report, claimed em.DeviceID) error {
	g.c.metrics.refuse(g, "certificate")
	r.Device = ""
	for i := range r.Frames {
		r.Frames[i].Observations, r.Frames[i].Err = nil, ErrCertificate
	}
	if err := g.keep(ctx, r); err != nil {
		return err
	}
	g.c.reportIdentity(ctx, r, claimed, "A connection with another device's certificate sent under this device's identity. Nothing of it was judged.")
	return fmt.Errorf("%w", ErrCertificate)
}

// reportIdentity makes an incident of an identity that more than one claims.
func (c *Center) reportIdentity(ctx context.Context, r *protocol.Report, device em.DeviceID, reason string) {
	err := c.engine.do(ctx, func(s *step) error {
		id := s.roster.Carrier(device, r.Received)
		if id == "" {
			return nil
		}
		return s.raise(id, "device.identity", string(device), r.Received, em.Technical, reason, em.Fact{Name: "codec", Text: r.Codec})
	})
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, errStopped) {
		c.log.Error("identity conflict not recorded", "error", err)
	}
}
