// Package ingest is the way from devices into the log: it listens, makes what
// comes durable and only then acknowledges it. It knows no person and no record,
// so that any number of processes can do it beside the one that evaluates.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/journal"
	"github.com/sargas-em/em/protocol"
)

// Config says where devices come and where their reports go.
type Config struct {
	Registry  *protocol.Registry // the dialects that Listeners and Serial may name
	Listeners []Listener
	Serial    []SerialPort
	Rates     Rates // of one sender

	// Append makes a report durable: journal.Journal.Append. It keeps nothing of it.
	Append func(context.Context, *journal.Entry) error

	Metrics prometheus.Registerer
	Log     *slog.Logger // never holds a device above debug
}

// Drain is how long conversations may take to finish at the end: SIGTERM must
// lead to exit within 5 s.
const Drain = 3 * time.Second

// Server listens to devices. Listen, and then Serve or Close; once.
type Server struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	rates   *rates
	conns   connections
	bound   []bound

	stopping chan struct{} // closed when Serve's context ends
}

// New checks a configuration; it opens nothing yet.
func New(cfg Config) (*Server, error) {
	cfg.Listeners = append([]Listener(nil), cfg.Listeners...)
	for i := range cfg.Listeners {
		if err := cfg.Listeners[i].check(cfg.Registry); err != nil {
			return nil, err
		}
	}
	for _, p := range cfg.Serial {
		if _, err := cfg.Registry.Device(p.Codec); err != nil {
			return nil, fmt.Errorf("ingest: %w", err)
		}
	}
	m := newMetrics(cfg.Metrics)
	return &Server{cfg: cfg, log: cfg.Log, metrics: m, rates: newRates(cfg.Rates, m.waited), stopping: make(chan struct{})}, nil
}

// Listen binds all addresses.
func (s *Server) Listen() error {
	for _, l := range s.cfg.Listeners {
		b, err := l.bind()
		if err != nil {
			s.Close()
			return err
		}
		s.bound = append(s.bound, b)
	}
	return nil
}

// Close frees what Listen has bound, where Serve is not called.
func (s *Server) Close() {
	for _, b := range s.bound {
		b.close()
	}
}

// Listeners returns the listeners with the addresses that Listen bound.
func (s *Server) Listeners() []Listener {
	var ls []Listener
	for _, b := range s.bound {
		b.Listener.Addr = b.addr().String()
		ls = append(ls, b.Listener)
	}
	return ls
}

// SerialPorts returns the serial lines.
func (s *Server) SerialPorts() []SerialPort { return s.cfg.Serial }

// Serve serves until ctx ends, which is no error, or a listener fails, and those
// that it talks to for Drain more.
func (s *Server) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() { close(s.stopping) })()
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		failed error
	)
	run := func(what string, f func() error) {
		wg.Go(func() {
			if err := f(); err != nil {
				cancel(err)
				mu.Lock()
				defer mu.Unlock()
				failed = errors.Join(failed, fmt.Errorf("%s: %w", what, err))
			}
		})
	}
	for _, b := range s.bound {
		run("devices", func() error { return s.serve(ctx, b) })
	}
	for _, p := range s.cfg.Serial {
		run("serial", func() error { return s.serveSerial(ctx, p) })
	}
	<-ctx.Done()
	wg.Wait()
	return failed
}

// Converse drives our side of a conversation with a device of the center's own,
// which no connection of others may name; it is not counted.
func (s *Server) Converse(ctx context.Context, name string, device em.DeviceID, dev protocol.Device, conn io.ReadWriteCloser, limits protocol.Limits) {
	link := s.link(&gate{s: s, transport: name, name: name, bound: string(device)}, dev, conn, limits)
	s.ended(ctx, link, link.Run(ctx))
}

// Connections returns how many conversations are open.
func (s *Server) Connections() int { return s.conns.count() }

// Room returns how many connections the listeners take together.
func (s *Server) Room() (n int) {
	for _, l := range s.cfg.Listeners {
		n += l.MaxConns
	}
	return n
}

// Heard returns when a device that commands can be given to was last heard; false
// where it is not connected.
func (s *Server) Heard(d em.DeviceID) (time.Time, bool) {
	_, at, ok := s.conns.speaker(d)
	return at, ok
}

// ErrAbsent: the device is not connected.
var ErrAbsent = errors.New("ingest: the device is not connected")

// Command gives a device a command; see protocol.Link.Command.
func (s *Server) Command(d em.DeviceID, c protocol.Command, tell func(protocol.Delivery)) error {
	to, _, ok := s.conns.speaker(d)
	if !ok {
		return ErrAbsent
	}
	return to.Command(c, tell)
}
