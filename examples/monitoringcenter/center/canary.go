package center

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/gt06"
	"github.com/sargas-em/em/examples/monitoringcenter/center/ingest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/tcp"
)

// canary is a device of the center's own. It reports over a loopback connection
// to a listener of its own, through the codec, the log and the engine, like all
// others; its report is seen when the transaction with the log position behind
// it is committed. The record keeps nothing of it, and nobody else can speak for
// it: its identity is drawn at random and kept with the record.
type canary struct {
	every time.Duration

	mu       sync.Mutex
	identity string        // empty until the record is loaded
	id       em.DeviceID   // of it
	seen     time.Time     // by the monotonic clock; when this process began to evaluate, where there was none yet
	lag      time.Duration // of the last one, from its reception to the record
}

func (c *canary) name() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.identity
}

func (c *canary) device() em.DeviceID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.id
}

// begin says that from now on this process looks for the canary.
func (c *canary) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen, c.lag = time.Now(), 0
}

// of reports whether a device is the canary.
func (c *canary) of(d em.DeviceID) bool { return c != nil && d == c.device() }

// note tells that a report is in the record.
func (c *canary) note(now, received time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen, c.lag = now, now.Round(0).Sub(received)
}

// age is the time since a report was last seen, and how long that one took.
func (c *canary) age() (age, lag time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.seen), c.lag
}

// limit is the age above which the canary is silent: three reports are missing,
// and a slow disk has had its time.
func (c *canary) limit() time.Duration { return 3*c.every + 2*time.Second }

// identify draws the identity, or takes the one that the record has.
func (c *canary) identify(tx *record.Tx) error {
	secret, err := tx.Secret("canary", randomKey)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(secret)
	c.mu.Lock()
	defer c.mu.Unlock()
	// IMEIs of 98… belong to no maker, and 13 digits are not guessed.
	c.identity = fmt.Sprintf("98%013d", binary.BigEndian.Uint64(sum[:])%1e13)
	c.id = em.DeviceID(gt06.Name + ":" + c.identity)
	return nil
}

// runCanary keeps the canary on the wire until ctx ends, while this process
// evaluates.
func (c *Center) runCanary(ctx context.Context) error {
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
			c.ingest.Converse(ctx, "canary", c.canary.device(), dev, conn, protocol.Limits{First: c.canary.limit()})
		},
	}
	served := make(chan error, 1)
	wg.Go(func() { served <- srv.Serve(ctx, ln) })
	for ctx.Err() == nil {
		var err error
		if c.engine.state.Load() != engineStandby {
			err = c.canaryLife(ctx, dev, ln.Addr().String())
		}
		select {
		case err := <-served:
			if ctx.Err() == nil {
				return cmp.Or(err, errors.New("canary: its listener ended"))
			}
		case <-ctx.Done():
		case <-time.After(min(c.canary.every, time.Second)):
			if err != nil {
				c.log.Debug("the canary connects anew", "error", err)
			}
		}
	}
	return nil
}

// canaryLife is the device's side of one connection.
func (c *Center) canaryLife(ctx context.Context, dev protocol.Device, addr string) error {
	sim, err := dev.Simulator(c.canary.name(), 1)
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
	tick := time.NewTicker(c.canary.every)
	defer tick.Stop()
	for c.engine.state.Load() != engineStandby {
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
