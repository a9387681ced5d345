package ingest

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/rftrack"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/tcp"
)

type gateKey struct{}

// serveHTTP serves units that upload over HTTP: one session a unit, whichever
// connection a request comes by. srv accepts the connections, and its limits and
// TLS hold; the standard library's server speaks over them.
func (s *Server) serveHTTP(ctx context.Context, b bound, srv *tcp.Server) error {
	var units units
	handler, err := rftrack.NewHandler(rftrack.HandlerConfig{
		Now: time.Now,
		Commit: func(ctx context.Context, r *protocol.Report) error {
			err := ctx.Value(gateKey{}).(*gate).commit(context.WithoutCancel(ctx), r)
			if err == nil {
				s.conns.request(r.Device, unit{&units, r.Device}, r.Received)
				units.replied(r.Device)
			}
			return err
		},
	})
	if err != nil {
		return err
	}
	units.handler, units.handed = handler, map[em.DeviceID][]func(protocol.Delivery){}
	h := &http.Server{
		Handler:           units.handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      time.Minute, // the log has 30 s
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, gateKey{}, conn.(*handedConn).gate)
		},
	}
	hand := &handed{addr: b.ln.Addr(), conns: make(chan net.Conn), closed: make(chan struct{})}
	srv.Handler = func(ctx context.Context, conn net.Conn) {
		s.metrics.connections.WithLabelValues(b.Codec, b.Scheme()).Inc()
		defer s.metrics.connections.WithLabelValues(b.Codec, b.Scheme()).Dec()
		hc := &handedConn{Conn: conn, gate: s.gate(ctx, b.Listener, conn.RemoteAddr()), gone: make(chan struct{})}
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
		end, cancel := context.WithTimeout(context.Background(), Drain)
		defer cancel()
		if h.Shutdown(end) != nil {
			h.Close()
		}
	})
	err = srv.Serve(ctx, b.ln)
	unhook()
	h.Close()
	if herr := <-served; !errors.Is(herr, http.ErrServerClosed) {
		err = errors.Join(err, herr)
	}
	return err
}

// units are those that upload to one handler, and what waits for their replies.
type units struct {
	handler *rftrack.Handler
	mu      sync.Mutex
	handed  map[em.DeviceID][]func(protocol.Delivery) // to tell, of each command in the handler
}

// replied tells of the command that goes with the reply to a report: one, if any
// waited before the report came.
func (u *units) replied(d em.DeviceID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	tells := u.handed[d]
	if len(tells) == 0 {
		return
	}
	tells[0](protocol.Delivery{State: protocol.DeliverySent, At: time.Now().Round(0).UTC(), Final: true})
	if u.handed[d] = tells[1:]; len(tells) == 1 {
		delete(u.handed, d)
	}
}

// unit is a commander: what it is told goes with the reply to its next report.
type unit struct {
	*units
	device em.DeviceID
}

// Command implements commander.
func (u unit) Command(c protocol.Command, tell func(protocol.Delivery)) error {
	if err := u.handler.Command(u.device, c.Text); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.handed[u.device] = append(u.handed[u.device], tell)
	return nil
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
