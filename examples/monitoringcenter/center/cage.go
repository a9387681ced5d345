package center

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/gt06"
	"github.com/sargas-em/em/examples/monitoringcenter/center/ingest"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/tcp"
)

// canaryConn is what a canary's connection is called in the log.
const canaryConn = "canary"

// cage holds a canary: a listener on loopback, and the device that reports to it
// as others do to theirs.
type cage struct {
	ingest *ingest.Server
	every  time.Duration
	first  time.Duration // that a connection may be silent at first
	log    *slog.Logger
	device func() (identity string, d em.DeviceID) // see canaryOf
	sings  func() bool                             // whether it reports at present
}

// run keeps the device on the wire until ctx ends.
func (g *cage) run(ctx context.Context) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	dev := gt06.Device()
	var wg sync.WaitGroup
	defer wg.Wait()
	srv := &tcp.Server{
		MaxConns: 8, // its own, and the last one's that has not ended yet; strangers on this machine get no further
		Grace:    ingest.Drain,
		Handler: func(ctx context.Context, conn net.Conn) {
			_, id := g.device()
			g.ingest.Converse(ctx, canaryConn, id, dev, conn, protocol.Limits{First: g.first})
		},
	}
	served := make(chan error, 1)
	wg.Go(func() { served <- srv.Serve(ctx, ln) })
	for ctx.Err() == nil {
		var err error
		if g.sings() {
			err = g.life(ctx, dev, ln.Addr().String())
		}
		select {
		case err := <-served:
			if ctx.Err() == nil {
				return cmp.Or(err, errors.New("canary: its listener ended"))
			}
		case <-ctx.Done():
		case <-time.After(min(g.every, time.Second)):
			if err != nil {
				g.log.Debug("the canary connects anew", "error", err)
			}
		}
	}
	return nil
}

// life is the device's side of one connection.
func (g *cage) life(ctx context.Context, dev protocol.Device, addr string) error {
	identity, _ := g.device()
	sim, err := dev.Simulator(identity, 1)
	if err != nil {
		return err
	}
	conn, err := (&tcp.Dialer{Addr: addr}).Dial(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	link := &protocol.Link{Device: dev, Session: sim, Conn: conn, Limits: protocol.Limits{First: -1, Idle: -1}}
	ended := make(chan error, 1)
	go func() { ended <- link.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	tick := time.NewTicker(g.every)
	defer tick.Stop()
	for g.sings() {
		// No position: an empty fix is a report like any other.
		o := em.Observation{DeviceAt: time.Now().UTC(), Body: &em.Fix{Validity: em.FixInvalid, Source: em.SourceGNSS}}
		if err := link.Do(ctx, func(time.Time, protocol.Session, *protocol.Output) error { return sim.Report(o) }); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case err := <-ended:
			ended <- err
			return err
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}
