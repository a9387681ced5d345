package ingest

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

// Transports of a Listener.
const (
	TCP  Transport = "tcp"  // with TLS where Listener.TLS is set
	UDP  Transport = "udp"  // of dialects that have datagrams
	HTTP Transport = "http" // of rftrack; HTTPS where Listener.TLS is set
)

// Auto is the Codec of a TCP listener that many dialects share.
const Auto = "auto"

// Listener is one address for devices.
type Listener struct {
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

func (d Listener) mutual() bool {
	return d.TLS != nil && d.TLS.ClientAuth == tls.RequireAndVerifyClientCert
}

// Scheme is how the listener is written in an address.
func (d Listener) Scheme() string {
	switch {
	case d.Transport == HTTP && d.TLS != nil:
		return "https"
	case d.Transport == TCP && d.TLS != nil:
		return "tls"
	}
	return string(d.Transport)
}

// check completes a listener and says what is wrong with it.
func (d *Listener) check(reg *protocol.Registry) error {
	d.Transport = cmp.Or(d.Transport, TCP)
	d.MaxConns = cmp.Or(d.MaxConns, maxConns)
	bad := func(format string, args ...any) error {
		return fmt.Errorf("ingest: devices %s: "+format, append([]any{d.Codec}, args...)...)
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
		return fmt.Errorf("ingest: %w", err)
	}
	if d.Transport == UDP && !dev.Datagrams {
		return bad("it is not spoken in datagrams")
	}
	return nil
}

// bound is an address that is listened on: ln, or packets for UDP.
type bound struct {
	Listener
	ln      net.Listener
	packets *net.UDPConn
}

func (b bound) addr() net.Addr {
	if b.packets != nil {
		return b.packets.LocalAddr()
	}
	return b.ln.Addr()
}

func (b bound) close() {
	if b.packets != nil {
		b.packets.Close()
		return
	}
	b.ln.Close()
}

func (d Listener) bind() (b bound, err error) {
	b.Listener = d
	if d.Transport == UDP {
		var addr *net.UDPAddr
		if addr, err = net.ResolveUDPAddr("udp", d.Addr); err == nil {
			b.packets, err = net.ListenUDP("udp", addr)
		}
	} else {
		b.ln, err = net.Listen("tcp", d.Addr)
	}
	if err != nil {
		return b, fmt.Errorf("ingest: devices %s: %w", d.Codec, err)
	}
	return b, nil
}

// serve serves one listener until ctx ends, and those it talks to for a
// short while more.
func (s *Server) serve(ctx context.Context, b bound) error {
	if b.Transport == UDP {
		return s.serveDatagrams(ctx, b)
	}
	srv := &tcp.Server{
		MaxConns:   b.MaxConns,
		MaxPerAddr: b.MaxPerAddr,
		TLSConfig:  b.TLS,
		Grace:      Drain,
		OnReject:   func(_ net.Addr, reason error) { s.metrics.reject(b.Listener, reason) },
	}
	if b.mutual() {
		srv.Identify = tcp.CommonName
	}
	var err error
	switch {
	case b.Transport == HTTP:
		err = s.serveHTTP(ctx, b, srv)
	case b.Codec == Auto:
		var reg *protocol.Registry
		if reg, err = s.detectable(b.Codecs); err != nil {
			return err
		}
		detector := tcp.Detector{Devices: reg}
		srv.Start = func(ctx context.Context, conn net.Conn, done func()) {
			g := s.gate(ctx, b.Listener, conn.RemoteAddr())
			dev, detected, err := detector.Detect(ctx, conn)
			if err != nil {
				s.metrics.reject(b.Listener, err)
				g.undetected(ctx, err)
				done()
				return
			}
			s.start(ctx, g, dev, detected, done)
		}
		err = srv.Serve(ctx, b.ln)
	default:
		var dev protocol.Device
		if dev, err = s.cfg.Registry.Device(b.Codec); err != nil {
			return err
		}
		srv.Start = func(ctx context.Context, conn net.Conn, done func()) {
			s.start(ctx, s.gate(ctx, b.Listener, conn.RemoteAddr()), dev, conn, done)
		}
		err = srv.Serve(ctx, b.ln)
	}
	if err != nil && !errors.Is(err, tcp.ErrGrace) {
		return err
	}
	return nil
}

// detectable are the dialects of a shared port: those named, or all.
func (s *Server) detectable(names []string) (*protocol.Registry, error) {
	if len(names) == 0 {
		return s.cfg.Registry, nil
	}
	return s.cfg.Registry.Only(names...)
}

// talk drives one conversation until it ends.
func (s *Server) talk(ctx context.Context, g *gate, dev protocol.Device, conn io.ReadWriteCloser, limits protocol.Limits) {
	link := s.begin(g, dev, conn, limits)
	s.end(ctx, g, link, link.Run(ctx))
}

// start is talk for the many that are mostly quiet: it returns, and calls done at
// the end.
func (s *Server) start(ctx context.Context, g *gate, dev protocol.Device, conn io.ReadWriteCloser, done func()) {
	link := s.begin(g, dev, conn, protocol.Limits{})
	link.Start(ctx, func(err error) {
		s.end(ctx, g, link, err)
		done()
	})
}

// begin makes the link of a conversation, which is counted until end.
func (s *Server) begin(g *gate, dev protocol.Device, conn io.ReadWriteCloser, limits protocol.Limits) *protocol.Link {
	link := s.link(g, dev, conn, limits)
	g.conv = s.conns.begin(link)
	s.metrics.connections.WithLabelValues(dev.Name, g.transport).Inc()
	return link
}

func (s *Server) end(ctx context.Context, g *gate, link *protocol.Link, err error) {
	s.ended(ctx, link, err)
	s.metrics.connections.WithLabelValues(link.Device.Name, g.transport).Dec()
	s.conns.end(g.conv)
}

// link is our side of one conversation.
func (s *Server) link(g *gate, dev protocol.Device, conn io.ReadWriteCloser, limits protocol.Limits) *protocol.Link {
	return &protocol.Link{
		Device: dev, Session: dev.Sessions(protocol.SessionConfig{Identity: g.identity(dev.Name)}), Conn: conn, Name: g.name, Limits: limits,
		Commit: g.commit, Reuse: true,
	}
}

// ended tells how a conversation ended.
func (s *Server) ended(ctx context.Context, link *protocol.Link, err error) {
	if err != nil && ctx.Err() == nil {
		// The peer's address is all that is told: no identity above debug.
		s.log.Debug("conversation ended", "codec", link.Device.Name, "peer", link.Name, "error", err)
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
		g.s.log.Debug("bytes of an unknown dialect not kept", "peer", g.name, "error", err)
	}
}
