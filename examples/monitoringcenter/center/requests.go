package center

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sargas-em/em/devices/rftrack"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/tcp"
)

type gateKey struct{}

// serveHTTP serves units that upload over HTTP: one session a unit, whichever
// connection a request comes by. srv accepts the connections, and its limits and
// TLS hold; the standard library's server speaks over them.
func (c *Center) serveHTTP(ctx context.Context, l boundListener, srv *tcp.Server) error {
	units, err := rftrack.NewHandler(rftrack.HandlerConfig{
		Now: time.Now,
		Commit: func(ctx context.Context, r *protocol.Report) error {
			return ctx.Value(gateKey{}).(*gate).commit(context.WithoutCancel(ctx), r)
		},
	})
	if err != nil {
		return err
	}
	h := &http.Server{
		Handler:           units,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      time.Minute, // the log has 30 s
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(c.log.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, gateKey{}, conn.(*handedConn).gate)
		},
	}
	hand := &handed{addr: l.ln.Addr(), conns: make(chan net.Conn), closed: make(chan struct{})}
	srv.Handler = func(ctx context.Context, conn net.Conn) {
		c.metrics.connections.WithLabelValues(l.Codec, l.scheme()).Inc()
		defer c.metrics.connections.WithLabelValues(l.Codec, l.scheme()).Dec()
		hc := &handedConn{Conn: conn, gate: c.gate(ctx, l.DeviceListener, conn.RemoteAddr()), gone: make(chan struct{})}
		select {
		case hand.conns <- hc:
			<-hc.gone
		case <-ctx.Done():
		}
	}
	served := make(chan error, 1)
	go func() { served <- h.Serve(hand) }()
	// When ctx ends, requests under way are answered and idle connections closed.
	unhook := context.AfterFunc(ctx, func() {
		end, cancel := context.WithTimeout(context.Background(), drain)
		defer cancel()
		if h.Shutdown(end) != nil {
			h.Close()
		}
	})
	err = srv.Serve(ctx, l.ln)
	unhook()
	h.Close()
	if herr := <-served; !errors.Is(herr, http.ErrServerClosed) {
		err = errors.Join(err, herr)
	}
	return err
}

// handed is a listener whose connections somebody else has accepted.
type handed struct {
	addr   net.Addr
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (h *handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

func (h *handed) Addr() net.Addr { return h.addr }

func (h *handed) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// handedConn tells whoever accepted it when it is closed.
type handedConn struct {
	net.Conn
	gate *gate
	once sync.Once
	gone chan struct{}
}

func (c *handedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { close(c.gone) })
	return err
}
