package center

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center/ingest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// front answers on an address from when it is bound, so that whoever asks a process
// that waits, or reads a long record, hears that it has not started yet, and why.
type front struct {
	listener net.Listener
	handler  atomic.Pointer[http.Handler]
}

// newFront is of a listener, which may be nil: then nothing is served.
func newFront(l net.Listener, s *starting) *front {
	f := &front{listener: l}
	f.show(web.StartHandler(s))
	return f
}

// show lets a handler answer from now on.
func (f *front) show(h http.Handler) { f.handler.Store(&h) }

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*f.handler.Load()).ServeHTTP(w, r)
}

// serve serves until ctx ends, and gives requests under way a while.
func (f *front) serve(ctx context.Context, secure *tls.Config, log *slog.Logger) error {
	l := f.listener
	if l == nil {
		return nil
	}
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	// Live feeds never end by themselves: their base context ends them.
	base, stop := context.WithCancel(context.Background())
	defer stop()
	srv := &http.Server{
		Handler:           f,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second, // the body too; the live feed lifts it
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	down := make(chan struct{})
	unhook := context.AfterFunc(ctx, func() {
		defer close(down)
		stop()
		end, cancel := context.WithTimeout(context.Background(), ingest.Drain)
		defer cancel()
		if srv.Shutdown(end) != nil {
			srv.Close()
		}
	})
	err := srv.Serve(l)
	if unhook() {
		srv.Close()
		return err
	}
	<-down // Serve returns when Shutdown begins: requests may still be under way
	if !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// starting is the health of a process that has not started yet.
type starting struct{ needs atomic.Pointer[string] } // what it waits for; nil while it waits for nothing

func (s *starting) Health(context.Context) web.Health {
	h := web.Health{Status: "degraded", Problem: "the process starts"}
	if needs := s.needs.Load(); needs != nil {
		h.Problem = "the start waits for " + *needs
	}
	return h
}
