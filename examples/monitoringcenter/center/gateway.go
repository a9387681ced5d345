package center

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/gt06"
	"github.com/sargas-em/em/examples/monitoringcenter/center/dispatch"
	"github.com/sargas-em/em/examples/monitoringcenter/center/ingest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/journal"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
	"github.com/sargas-em/em/protocol"
)

// GatewayOptions configure a gateway. Registry and Journal are required.
type GatewayOptions struct {
	Registry *protocol.Registry // the dialects that Devices and Serial may name
	Journal  string             // URL of the external log; see journal.Config
	Replicas int                // 3 by default
	Group    time.Duration      // from one group commit to the next, at least; 5 ms by default

	// Name is what people call this gateway: letters, digits, "-" and "_", at most 63.
	// Give each its own. The center raises an alarm when a gateway that has a name
	// falls silent without having been stopped; none of one without.
	Name string

	Devices []ingest.Listener
	Serial  []ingest.SerialPort
	Rates   ingest.Rates // of one sender, at this gateway

	// Metrics is a loopback address for Prometheus, /healthz, /readyz and
	// /api/v1/health; none if empty.
	Metrics string
	Out     io.Writer    // addresses are printed here; nothing if nil
	Log     *slog.Logger // never holds a device above debug; discarded if nil
}

// Gateway is a process that listens to devices, makes durable in an external log
// what they send, acknowledges it, and gives devices their commands. It has no
// record and evaluates nothing; any number of them, and one or more Centers, share
// a log. What was acknowledged does not need the gateway any more. Run it once.
type Gateway struct {
	opts    GatewayOptions
	ingest  *ingest.Server
	journal *journal.Journal
	metrics http.Handler

	canaryEvery time.Duration // tests shorten it

	ran       atomic.Bool
	ready     chan struct{}
	addresses Addresses
}

var gatewayNames = regexp.MustCompile(`^[A-Za-z0-9_-]{0,63}$`)

// NewGateway checks options; it opens nothing yet.
func NewGateway(opts GatewayOptions) (*Gateway, error) {
	switch {
	case opts.Registry == nil:
		return nil, errors.New("center: no registry of dialects given")
	case opts.Journal == "":
		return nil, errors.New("center: a gateway needs the URL of the log that others evaluate")
	case len(opts.Devices) == 0 && len(opts.Serial) == 0:
		return nil, errors.New("center: a gateway without an address for devices")
	}
	if !gatewayNames.MatchString(opts.Name) {
		return nil, fmt.Errorf("center: a gateway's name is at most 63 letters, digits, - and _, not %q", opts.Name)
	}
	if err := checkMetrics(opts.Metrics); err != nil {
		return nil, err
	}
	opts.Out = cmp.Or(opts.Out, io.Discard)
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	g := &Gateway{opts: opts, metrics: metricsHandler(reg), canaryEvery: gatewayCanaryEvery, ready: make(chan struct{})}
	var err error
	g.ingest, err = ingest.New(ingest.Config{
		Registry: opts.Registry, Listeners: opts.Devices, Serial: opts.Serial, Rates: opts.Rates, Metrics: reg, Log: opts.Log,
		Append: func(ctx context.Context, e *journal.Entry) error { return g.journal.Append(ctx, e) },
	})
	if err != nil {
		return nil, fmt.Errorf("center: %w", err)
	}
	return g, nil
}

// Ready is closed when the gateway listens; Addresses is valid then.
func (g *Gateway) Ready() <-chan struct{} { return g.ready }

// Addresses returns where the gateway listens; it has no page. It is valid once
// Ready is closed.
func (g *Gateway) Addresses() Addresses { return g.addresses }

// Run opens the log, listens, and works until ctx ends or a listener fails. While
// the log cannot be reached nothing is acknowledged, and before it was once Run waits.
func (g *Gateway) Run(ctx context.Context) (err error) {
	if g.ran.Swap(true) {
		return errors.New("center: it was run before; make a new one")
	}
	var metrics net.Listener
	if g.opts.Metrics != "" {
		if metrics, err = net.Listen("tcp", g.opts.Metrics); err != nil {
			return fmt.Errorf("center: %w", err)
		}
	}
	work, cancel := context.WithCancelCause(ctx)
	var start starting
	front := newFront(metrics, &start)
	served := make(chan error, 1)
	go func() {
		err := front.serve(work, nil, g.opts.Log)
		if err != nil {
			cancel(err)
		}
		served <- err
	}()
	end := sync.OnceValue(func() error { cancel(nil); return <-served })
	defer end()
	cfg := journal.Config{URL: g.opts.Journal, Replicas: g.opts.Replicas, Group: g.opts.Group, Name: g.opts.Name}
	if g.journal, err = start.openLog(work, cfg, g.opts.Log); err == errStart {
		return end()
	} else if err != nil {
		return fmt.Errorf("center: %w", err)
	}
	defer g.journal.Close()
	commands, err := dispatch.Serve(g.journal.Conn(), g.journal.Gateway(), g.ingest)
	if err != nil {
		return fmt.Errorf("center: %w", err)
	}
	defer commands.Close()
	if err := g.ingest.Listen(); err != nil {
		return fmt.Errorf("center: %w", err)
	}
	front.show(web.HealthHandler(g, g.metrics))
	g.addresses = Addresses{Metrics: announceIngest(g.opts.Out, metrics, g.ingest), Devices: g.ingest.Listeners()}
	defer context.AfterFunc(work, g.journal.Hurry)()
	sung := make(chan error, 1)
	if g.opts.Name != "" {
		go func() {
			err := g.cage().run(work)
			cancel(err)
			sung <- err
		}()
	} else {
		sung <- nil
	}
	close(g.ready)
	err = g.ingest.Serve(work)
	cancel(nil)
	if err = errors.Join(err, <-sung, end()); err == nil && g.opts.Name != "" {
		g.leave(ctx)
	}
	return err
}

// cage holds the gateway's canary. The name that it has in the log, which nobody
// guesses, is what its identity comes of.
func (g *Gateway) cage() *cage {
	return &cage{ingest: g.ingest, every: g.canaryEvery, first: gatewaySilent, log: g.opts.Log,
		device: func() (string, em.DeviceID) { return canaryOf([]byte(g.journal.Gateway())) }, sings: func() bool { return true }}
}

// leave tells the log that this gateway ends because it was stopped: its canary
// reports nothing, and for the last time.
func (g *Gateway) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, device := canaryOf([]byte(g.journal.Gateway()))
	last := journal.Entry{Report: protocol.Report{Conn: canaryConn, Codec: gt06.Name, Device: device, Received: time.Now().UTC()}}
	if err := g.journal.Append(ctx, &last); err != nil {
		g.opts.Log.Error("the log does not know that this gateway was stopped: an alarm will follow", "error", err)
	}
}

// Health implements web.Healthy: it is that of the log, and what this process
// alone listens to.
func (g *Gateway) Health(ctx context.Context) web.Health {
	h := web.Health{Status: "ok", Devices: g.ingest.Connections(), Listeners: listenersOf(g.ingest)}
	if _, end, err := g.journal.Bounds(ctx); err != nil {
		h.Status, h.Problem = "degraded", "the log does not answer"
	} else {
		h.LogEnd, h.Ready = &end, true
	}
	return h
}
