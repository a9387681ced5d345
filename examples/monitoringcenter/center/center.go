// Package center is a monitoring center that can be embedded: it listens to
// devices, keeps what they send, evaluates it and shows people and incidents.
//
//	c, err := center.New(center.Options{DataDir: dir, Listen: "127.0.0.1:0", Devices: …})
//	err = c.Run(ctx)
//
// Data flows one way: connections (package ingest) → journal, where it becomes
// durable and the device is acknowledged → engine (engine.go), which evaluates
// it and commits effects, audit and log position in one transaction → record →
// page and API (package web). With an external log the first part may run in
// processes of its own, as many as one likes: see Gateway. With a record in a
// database that is divided, several evaluate at once (partitions.go): see
// Options.Partitions.
package center

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center/dispatch"
	"github.com/sargas-em/em/examples/monitoringcenter/center/ingest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/journal"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
	"github.com/sargas-em/em/protocol"
)

// Options configure a center. DataDir and Registry are required.
type Options struct {
	DataDir  string             // of the log and the record, where those are not elsewhere; created if missing
	Registry *protocol.Registry // the dialects that Devices and Serial may name

	// Journal is the URL of an external NATS server or cluster for the log; an
	// embedded one in DataDir/journal if empty. See journal.Config.
	Journal  string
	Replicas int // of an external log; 3 by default

	// Group is the least time from one group commit of the log to the next; 5 ms by
	// default. See journal.Config.
	Group time.Duration

	// Record is where the record lives: the URL of a PostgreSQL database
	// ("postgres://…"), or a file of its own; DataDir/record.db if empty.
	Record string

	// Partitions is into how many a new record in a PostgreSQL database is divided,
	// which then stays so: 1, or as it is, if 0; else ErrPartitions. The processes of a center, on an external
	// log, share them and evaluate at once.
	Partitions int

	Devices []ingest.Listener
	Serial  []ingest.SerialPort
	Rates   ingest.Rates // of one sender

	Listen  string      // page and API; "127.0.0.1:8080" if empty, port 0 for any free one
	TLS     *tls.Config // for Listen; needed where Listen is not loopback
	Token   string      // bearer token for tools; made at random if empty
	Basemap string      // folder of GeoJSON layers under the map; empty for the built-in outline
	Roster  *roster.File
	Out     io.Writer    // addresses and the one-time password are printed here; nothing if nil
	Log     *slog.Logger // never holds a person, device or position above debug; discarded if nil
	Version string

	// LogOnly makes durable and acknowledges what devices send, and evaluates
	// nothing: for measuring what the log alone takes. The next start without it
	// evaluates what the log holds. There is no canary then.
	LogOnly bool

	// Canary is how often the center's own device reports, which tells whether all
	// from a connection to the record works; none if 0.
	Canary time.Duration
	// Metrics is a loopback address for Prometheus, /healthz and /readyz; none if empty.
	Metrics string
	// Heartbeat is a file that is written anew, with the time, each time the center
	// finds itself well; none if empty. When it goes stale, something is wrong that
	// the center may not be able to tell.
	Heartbeat string
	// LogBytes is how large the log should get at most, for its gauge and alarm; a
	// quarter of the file system if 0.
	LogBytes int64

	// Telling is by what means recipients are told of incidents.
	Telling Telling

	// MaxLate bounds how late an observation may be judged; 7 days by default.
	MaxLate time.Duration

	// Keep is for how long evidence is kept that no verdict rests on; for ever by
	// default. Tracks must be kept for MaxLate and two days more. A version of the
	// software whose states differ judges again what is kept: see that it starts
	// before what it needs is dropped.
	Keep record.Retention
}

// Center is a monitoring center. Run it once.
type Center struct {
	opts    Options
	log     *slog.Logger
	secrets *web.Secrets
	token   string

	store   *record.Store
	journal *journal.Journal
	engine  *engine
	hub     *hub

	partitions *partitions
	ingest     *ingest.Server
	metrics    *metrics
	canary     *canary // nil where there is none
	orders     *orders
	sender     *sender
	untold     atomic.Int64 // age of the oldest notice that is not delivered, in nanoseconds
	clocks     clocks
	self       selfWatch

	stopping chan struct{} // closed when the center begins to stop

	// append makes a report durable: journal.Append. Tests put one in its place
	// that blocks or fails.
	append func(context.Context, *journal.Entry) error

	grid   time.Duration // of what both sides of pairs are told; tests shorten it
	settle time.Duration // for how long groups collect changes; tests shorten it

	ran       atomic.Bool
	ready     chan struct{}
	addresses Addresses
}

// Addresses are where a running center listens.
type Addresses struct {
	Web     string // "http://127.0.0.1:8080"
	Metrics string // "http://127.0.0.1:9090", or empty
	Devices []ingest.Listener
}

// New checks options; it opens nothing yet.
func New(opts Options) (*Center, error) {
	if opts.DataDir == "" {
		return nil, errors.New("center: no data folder given")
	}
	if opts.Registry == nil {
		return nil, errors.New("center: no registry of dialects given")
	}
	if opts.Listen == "" {
		opts.Listen = "127.0.0.1:8080"
	}
	if !web.Loopback(opts.Listen) && (opts.TLS == nil || opts.Token == "") {
		return nil, fmt.Errorf("center: %s can be reached from other machines: give a TLS certificate and a token of your own, or listen on 127.0.0.1", opts.Listen)
	}
	if err := checkMetrics(opts.Metrics); err != nil {
		return nil, err
	}
	if m := opts.Telling.Mail; m != nil {
		if err := m.Check(); err != nil {
			return nil, fmt.Errorf("center: %w", err)
		}
	}
	if opts.LogOnly {
		opts.Canary = 0
	}
	if opts.MaxLate == 0 {
		opts.MaxLate = 7 * 24 * time.Hour
	}
	if err := opts.checkKeep(); err != nil {
		return nil, err
	}
	if err := opts.checkPartitions(); err != nil {
		return nil, err
	}
	if opts.Out == nil {
		opts.Out = io.Discard
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Version == "" {
		opts.Version = "development"
	}
	token := opts.Token
	if token == "" {
		token = web.RandomSecret()
	}
	secrets, err := web.NewSecrets(token, time.Now)
	if err != nil {
		return nil, fmt.Errorf("center: %w", err)
	}
	m := newMetrics()
	c := &Center{
		opts: opts, log: opts.Log, secrets: secrets, token: token, hub: newHub(), metrics: m,
		ready: make(chan struct{}), stopping: make(chan struct{}),
	}
	c.orders = newOrders(c)
	c.sender = newSender(c)
	c.ingest, err = ingest.New(ingest.Config{
		Registry: opts.Registry, Listeners: opts.Devices, Serial: opts.Serial, Rates: opts.Rates, Metrics: m.reg, Log: opts.Log,
		Append: func(ctx context.Context, e *journal.Entry) error { return c.append(ctx, e) },
	})
	if err != nil {
		return nil, fmt.Errorf("center: %w", err)
	}
	return c, nil
}

// Ready is closed when the center listens; Addresses is valid then.
func (c *Center) Ready() <-chan struct{} { return c.ready }

// Addresses returns where the center listens. It is valid once Ready is closed.
func (c *Center) Addresses() Addresses { return c.addresses }

// Token returns the bearer token for tools.
func (c *Center) Token() string { return c.token }

// NewPassword returns a fresh one-time password for the page.
func (c *Center) NewPassword() string { return c.secrets.NewPassword() }

// Run opens log and record, listens, and works until ctx ends or something
// without which the center would lose data fails. Where an external log is away it
// waits, and where the record's database is, unless the log is the one that it was last
// evaluated with: then devices are acknowledged, and evaluation begins once the record
// is there. It returns nil after a clean stop, and leaves no goroutine behind.
func (c *Center) Run(ctx context.Context) (err error) {
	if c.ran.Swap(true) {
		return errors.New("center: it was run before; make a new one")
	}
	if err := os.MkdirAll(c.opts.DataDir, 0o700); err != nil {
		return fmt.Errorf("center: %w", err)
	}
	unlock, err := lockDir(c.opts.DataDir)
	if err != nil {
		return err
	}
	defer unlock()
	// Listen on everything before anything is printed or served.
	webListener, metricsListener, err := c.listen()
	if err != nil {
		return fmt.Errorf("center: %w", err)
	}
	// Stopping goes upstream to downstream: devices, page, then the engine, so
	// that what was acknowledged is in the log and what is in the log may wait.
	work, cancel := context.WithCancelCause(ctx)
	var devices, rest sync.WaitGroup
	run := func(wg *sync.WaitGroup, what string, f func() error) {
		wg.Go(func() {
			if err := f(); err != nil {
				c.log.Error("the center stops", "because", what) // it may take long
				cancel(fmt.Errorf("center: %s: %w", what, err))
			}
		})
	}
	var start starting
	page, metrics := newFront(webListener, &start), newFront(metricsListener, &start)
	run(&rest, "web", func() error { return page.serve(work, c.opts.TLS, c.log) })
	run(&rest, "metrics", func() error { return metrics.serve(work, nil, c.log) })
	served := false
	defer func() {
		cancel(nil)
		if !served {
			c.ingest.Close()
			rest.Wait()
		}
	}()
	where := cmp.Or(c.opts.Record, filepath.Join(c.opts.DataDir, "record.db"))
	if c.store, err = record.Connect(where, webListener.Addr().String()); err != nil {
		return fmt.Errorf("center: %w", err)
	}
	defer func() { err = errors.Join(err, c.store.Close()) }()
	c.partitions = &partitions{c: c}
	defer c.partitions.close()
	if c.journal, err = start.openLog(work, c.journalConfig(), c.log); err == errStart {
		return ended(ctx, work)
	} else if err != nil {
		return fmt.Errorf("center: %w", err)
	}
	defer c.journal.Close()
	if c.append == nil {
		c.append = c.journal.Append
	}
	if c.opts.Canary > 0 {
		c.canary = &canary{every: c.opts.Canary}
	}
	if c.orders.bus, err = dispatch.Open(c.journal.Conn(), c.orders.told); err != nil {
		return fmt.Errorf("center: %w", err)
	}
	gateway, err := dispatch.Serve(c.journal.Conn(), c.journal.Gateway(), c.ingest)
	if err != nil {
		return fmt.Errorf("center: %w", err)
	}
	defer gateway.Close()
	c.metrics.of(c)
	c.engine = newEngine(c)
	var loaded error
	err = start.patient(work, c.log, "log and record", func() error {
		if loaded = c.engine.load(work); passing(loaded) && !c.opts.LogOnly && c.knowsLog() {
			return nil
		}
		return loaded
	})
	switch {
	case err == errStart:
		return ended(ctx, work)
	case err != nil && !errors.Is(err, record.ErrOwned):
		return err
	case passing(loaded):
		c.log.Error("log or record cannot be reached; the start goes on without, and evaluation waits", "error", loaded)
		c.engine.state.Store(engineAway)
		if c.canary != nil {
			c.canary.begin()
		}
	}
	handler, err := web.Handler(backend{c}, web.Config{Secrets: c.secrets, Secure: c.opts.TLS != nil, Basemap: c.opts.Basemap, Version: c.opts.Version, Log: c.log})
	if err != nil {
		return fmt.Errorf("center: %w", err)
	}
	page.show(c.present(handler))
	metrics.show(web.HealthHandler(backend{c}, metricsHandler(c.metrics.reg)))
	served = true
	c.announce(webListener, metricsListener) // who reads where it is finds it there

	defer context.AfterFunc(work, c.journal.Hurry)()
	engineCtx, stopEngine := context.WithCancel(context.WithoutCancel(ctx))
	defer stopEngine()
	run(&rest, "log", func() error {
		select {
		case <-c.journal.Stopped():
			return journal.ErrStopped
		case <-work.Done():
			return nil
		}
	})
	if c.opts.LogOnly && loaded == nil {
		close(c.engine.stopped)
	} else {
		run(&rest, "engine", func() error { return c.engine.run(engineCtx, loaded) })
	}
	if !c.opts.LogOnly {
		run(&rest, "partitions", func() error { return c.partitions.run(engineCtx) })
		run(&devices, "sender", func() error { return c.sender.run(work) })
	}
	run(&devices, "commands", func() error { return c.orders.run(work) })
	run(&rest, "self", func() error { return c.watchSelf(work) })
	if c.canary != nil {
		run(&devices, "canary", func() error { return c.runCanary(work) })
	}
	run(&devices, "devices", func() error { return c.ingest.Serve(work) })
	close(c.ready)

	<-work.Done()
	close(c.stopping)
	devices.Wait()
	c.lastCommands()
	stopEngine()
	rest.Wait()
	return ended(ctx, work)
}

// ended is why the work has ended: nil where ctx has.
func ended(ctx, work context.Context) error {
	if ctx.Err() == nil {
		return context.Cause(work)
	}
	return nil
}

// listen binds all addresses.
func (c *Center) listen() (page, metrics net.Listener, err error) {
	if err := c.ingest.Listen(); err != nil {
		return nil, nil, err
	}
	page, err = net.Listen("tcp", c.opts.Listen)
	if err == nil && c.opts.Metrics != "" {
		if metrics, err = net.Listen("tcp", c.opts.Metrics); err != nil {
			page.Close()
		}
	}
	if err != nil {
		c.ingest.Close()
	}
	return page, metrics, err
}

// present keeps page and API, but for health and the way in, from showing what this
// process does not know: what another one evaluates, or what is in a record that could
// not be reached yet.
func (c *Center) present(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if c.engine.knows() || slices.Contains([]string{"/healthz", "/readyz", "/api/v1/health", "/login", "/logout"}, path) || strings.HasPrefix(path, "/static/") {
			h.ServeHTTP(w, r)
			return
		}
		why := "Standing by: another process of this center evaluates, and shows page and API. /api/v1/health says which."
		if c.engine.state.Load() != engineStandby {
			why = "The record cannot be reached, and could not since the start: reports are kept in the log, and there is nothing to show yet."
		}
		w.Header().Set("Retry-After", "5")
		http.Error(w, why, http.StatusServiceUnavailable)
	})
}

func (c *Center) journalConfig() journal.Config {
	if c.opts.Journal != "" {
		return journal.Config{URL: c.opts.Journal, Replicas: c.opts.Replicas, Group: c.opts.Group}
	}
	return journal.Config{Dir: filepath.Join(c.opts.DataDir, "journal"), Group: c.opts.Group}
}

// lastCommands writes what became of commands when their links ended.
func (c *Center) lastCommands() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := c.orders.last(ctx); err != nil && !errors.Is(err, errStopped) && !errors.Is(err, web.ErrUnavailable) {
		c.log.Error("what became of the last commands is not recorded", "error", err)
	}
}

func (c *Center) announce(l, metrics net.Listener) {
	scheme := "http"
	if c.opts.TLS != nil {
		scheme = "https"
	}
	c.addresses.Web = scheme + "://" + l.Addr().String()
	c.addresses.Devices = c.ingest.Listeners()
	fmt.Fprintf(c.opts.Out, "page      %s\n", c.addresses.Web)
	fmt.Fprintf(c.opts.Out, "password  %s   (works once)\n", c.secrets.NewPassword())
	fmt.Fprintf(c.opts.Out, "token     %s   (for tools: Authorization: Bearer …)\n", c.token)
	c.addresses.Metrics = announceIngest(c.opts.Out, metrics, c.ingest)
}

// announceIngest prints where devices and metrics are listened to.
func announceIngest(out io.Writer, metrics net.Listener, in *ingest.Server) (metricsURL string) {
	if metrics != nil {
		metricsURL = "http://" + metrics.Addr().String()
		fmt.Fprintf(out, "metrics   %s/metrics\n", metricsURL)
	}
	for _, d := range in.Listeners() {
		fmt.Fprintf(out, "devices   %-10s %s %s\n", d.Codec, d.Scheme(), d.Addr)
	}
	for _, s := range in.SerialPorts() {
		fmt.Fprintf(out, "devices   %-10s serial %s\n", s.Codec, s.Port)
	}
	return metricsURL
}
