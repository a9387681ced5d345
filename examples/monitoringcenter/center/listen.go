package center

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/sargas-em/em/devices/rftrack"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/tcp"
)

// Transport is how devices reach a listener.
type Transport string

// Transports of a DeviceListener.
const (
	TCP  Transport = "tcp"  // with TLS where DeviceListener.TLS is set
	UDP  Transport = "udp"  // of dialects that have datagrams
	HTTP Transport = "http" // of rftrack; HTTPS where DeviceListener.TLS is set
)

// Auto is the Codec of a TCP listener that many dialects share.
const Auto = "auto"

// DeviceListener is one address for devices.
type DeviceListener struct {
	Codec     string    // a dialect's name, or Auto
	Codecs    []string  // of Auto: the dialects that it takes; all if empty
	Transport Transport // TCP if empty
	Addr      string

	// TLS, where set, encrypts TCP and HTTP. Where it verifies client certificates
	// (see tcp.MutualTLS) the certificate's common name is the device: whole, as
	// "gt06:990000000000017", or without the dialect. A report that names another
	// device is not acknowledged and is nobody's, whatever it says; it is kept in
	// quarantine, and told as an incident of whose device it claims to be.
	TLS *tls.Config

	MaxConns   int // at once; 15,000 if 0
	MaxPerAddr int // of one address, or IPv6 /64 network; no bound if 0, since an operator's network may stand behind one
}

// Bounds of one device listener.
const (
	// maxConns: 20,000 open files are a common limit of a process; the page and
	// the stores need some.
	maxConns = 15_000
	// firstDatagram bounds how long a sender of datagrams that make no frame is
	// kept: its address may be forged.
	firstDatagram = 2 * time.Second
)

func (d DeviceListener) mutual() bool {
	return d.TLS != nil && d.TLS.ClientAuth == tls.RequireAndVerifyClientCert
}

// scheme is how the listener is written in an address.
func (d DeviceListener) scheme() string {
	switch {
	case d.Transport == HTTP && d.TLS != nil:
		return "https"
	case d.Transport == TCP && d.TLS != nil:
		return "tls"
	}
	return string(d.Transport)
}

// check completes a listener and says what is wrong with it.
func (d *DeviceListener) check(reg *protocol.Registry) error {
	d.Transport = cmp.Or(d.Transport, TCP)
	d.MaxConns = cmp.Or(d.MaxConns, maxConns)
	bad := func(format string, args ...any) error {
		return fmt.Errorf("center: devices %s: "+format, append([]any{d.Codec}, args...)...)
	}
	switch {
	case d.MaxConns < 0 || d.MaxPerAddr < 0:
		return bad("a negative bound of connections")
	case d.Codec != Auto && len(d.Codecs) > 0:
		return bad("only %q takes a choice of dialects", Auto)
	case d.Codec == Auto && d.Transport != TCP:
		return bad("dialects are told apart over TCP and TLS only")
	case d.Transport == UDP && d.TLS != nil:
		return bad("there is no TLS over UDP")
	case d.Transport == HTTP && d.Codec != rftrack.Name:
		return bad("of all dialects %s alone has an HTTP handler", rftrack.Name)
	case d.Transport != TCP && d.Transport != UDP && d.Transport != HTTP:
		return bad("unknown transport %q", d.Transport)
	}
	if d.Codec == Auto {
		if _, err := reg.Only(d.Codecs...); err != nil {
			return bad("%w", err)
		}
		return nil
	}
	dev, err := reg.Device(d.Codec)
	if err != nil {
		return fmt.Errorf("center: %w", err)
	}
	if d.Transport == UDP && !dev.Datagrams {
		return bad("it is not spoken in datagrams")
	}
	return nil
}

// boundListener is an address that is listened on: ln, or packets for UDP.
type boundListener struct {
	DeviceListener
	ln      net.Listener
	packets net.PacketConn
}

func (l boundListener) addr() net.Addr {
	if l.packets != nil {
		return l.packets.LocalAddr()
	}
	return l.ln.Addr()
}

func (l boundListener) close() {
	if l.packets != nil {
		l.packets.Close()
		return
	}
	l.ln.Close()
}

func closeAll(ls []boundListener) {
	for _, l := range ls {
		l.close()
	}
}

func (c *Center) listenDevices() ([]boundListener, error) {
	var ls []boundListener
	for _, d := range c.opts.Devices {
		l := boundListener{DeviceListener: d}
		var err error
		if d.Transport == UDP {
			l.packets, err = net.ListenPacket("udp", d.Addr)
		} else {
			l.ln, err = net.Listen("tcp", d.Addr)
		}
		if err != nil {
			closeAll(ls)
			return nil, fmt.Errorf("center: devices %s: %w", d.Codec, err)
		}
		ls = append(ls, l)
	}
	return ls, nil
}

// serveDevices serves one listener until ctx ends, and those it talks to for a
// short while more.
func (c *Center) serveDevices(ctx context.Context, l boundListener) error {
	if l.Transport == UDP {
		return c.serveDatagrams(ctx, l)
	}
	srv := &tcp.Server{
		MaxConns:   l.MaxConns,
		MaxPerAddr: l.MaxPerAddr,
		TLSConfig:  l.TLS,
		Grace:      drain,
		OnReject:   func(_ net.Addr, reason error) { c.metrics.reject(l.DeviceListener, reason) },
	}
	if l.mutual() {
		srv.Identify = tcp.CommonName
	}
	var err error
	switch {
	case l.Transport == HTTP:
		err = c.serveHTTP(ctx, l, srv)
	case l.Codec == Auto:
		var reg *protocol.Registry
		if reg, err = c.detectable(l.Codecs); err != nil {
			return err
		}
		detector := tcp.Detector{Devices: reg}
		srv.Start = func(ctx context.Context, conn net.Conn, done func()) {
			g := c.gate(ctx, l.DeviceListener, conn.RemoteAddr())
			dev, detected, err := detector.Detect(ctx, conn)
			if err != nil {
				c.metrics.reject(l.DeviceListener, err)
				g.undetected(ctx, err)
				done()
				return
			}
			c.start(ctx, g, dev, detected, done)
		}
		err = srv.Serve(ctx, l.ln)
	default:
		var dev protocol.Device
		if dev, err = c.opts.Registry.Device(l.Codec); err != nil {
			return err
		}
		srv.Start = func(ctx context.Context, conn net.Conn, done func()) {
			c.start(ctx, c.gate(ctx, l.DeviceListener, conn.RemoteAddr()), dev, conn, done)
		}
		err = srv.Serve(ctx, l.ln)
	}
	if err != nil && !errors.Is(err, tcp.ErrGrace) {
		return err
	}
	return nil
}

// detectable are the dialects of a shared port: those named, or all.
func (c *Center) detectable(names []string) (*protocol.Registry, error) {
	if len(names) == 0 {
		return c.opts.Registry, nil
	}
	return c.opts.Registry.Only(names...)
}

// talk drives one conversation until it ends.
func (c *Center) talk(ctx context.Context, g *gate, dev protocol.Device, conn io.ReadWriteCloser, limits protocol.Limits) {
	link, closed := c.open(g, dev, conn, limits)
	c.ended(ctx, link, link.Run(ctx))
	closed()
}

// start is talk for the many that are mostly quiet: it returns, and calls done at
// the end.
func (c *Center) start(ctx context.Context, g *gate, dev protocol.Device, conn io.ReadWriteCloser, done func()) {
	link, closed := c.open(g, dev, conn, protocol.Limits{})
	link.Start(ctx, func(err error) {
		c.ended(ctx, link, err)
		closed()
		done()
	})
}

// open makes the link of a conversation that is counted until closed is called.
func (c *Center) open(g *gate, dev protocol.Device, conn io.ReadWriteCloser, limits protocol.Limits) (link *protocol.Link, closed func()) {
	link = c.link(g, dev, conn, limits)
	g.conv = c.conns.open(link)
	open := c.metrics.connections.WithLabelValues(dev.Name, g.transport)
	open.Inc()
	return link, func() {
		open.Dec()
		c.conns.close(g.conv)
	}
}

// link is our side of one conversation.
func (c *Center) link(g *gate, dev protocol.Device, conn io.ReadWriteCloser, limits protocol.Limits) *protocol.Link {
	return &protocol.Link{
		Device: dev, Session: dev.Sessions(protocol.SessionConfig{Identity: g.identity(dev.Name)}), Conn: conn, Name: g.name, Limits: limits,
		Commit: g.commit,
	}
}

// ended tells how a conversation ended.
func (c *Center) ended(ctx context.Context, link *protocol.Link, err error) {
	if err != nil && ctx.Err() == nil {
		// The peer's address is all that is told: no identity above debug.
		c.log.Debug("conversation ended", "codec", link.Device.Name, "peer", link.Name, "error", err)
	}
}

// undetected keeps what came of a dialect that nobody could tell: evidence, of
// nobody's.
func (g *gate) undetected(ctx context.Context, err error) {
	var de *protocol.DetectError
	if !errors.As(err, &de) || len(de.Prefix) == 0 {
		return
	}
	r := &protocol.Report{Conn: g.name, Codec: Auto, Received: time.Now().Round(0).UTC(), Frames: []protocol.ReportFrame{{Raw: slices.Clone(de.Prefix), Err: de.Err}}}
	if err := g.commit(context.WithoutCancel(ctx), r); err != nil && ctx.Err() == nil {
		g.c.log.Debug("bytes of an unknown dialect not kept", "peer", g.name, "error", err)
	}
}
