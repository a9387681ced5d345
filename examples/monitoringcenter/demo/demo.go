// Package demo runs a center with twenty invented people, whose simulated
// devices speak their own dialects over real TCP connections and over a pair of
// pseudo-terminals.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/bactrack"
	"github.com/sargas-em/em/examples/monitoringcenter/center"
	"github.com/sargas-em/em/examples/monitoringcenter/center/ingest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
	"github.com/sargas-em/em/examples/monitoringcenter/client"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/serialline"
	"github.com/sargas-em/em/protocol/tcp"
)

// Run runs the demo until ctx ends. It sets the devices and people of o; all
// invented movements follow from the seed.
func Run(ctx context.Context, o center.Options, seed uint64) error {
	actors, zones, err := cast(seed, time.Now().UTC())
	if err != nil {
		return err
	}
	o.Devices = nil
	for _, codec := range []string{"bactrack", "gt06", "laipac", "megastek"} {
		o.Devices = append(o.Devices, ingest.Listener{Codec: codec, Addr: "127.0.0.1:0"})
	}
	o.Roster = &roster.File{Zones: zones}
	var line io.ReadWriteCloser // the instrument's end of the serial line
	for _, a := range actors {
		if a.enrolled == 0 {
			o.Roster.People = append(o.Roster.People, a.person)
		}
		if a.serial {
			master, port, err := serialline.OpenPTY()
			if errors.Is(err, errors.ErrUnsupported) {
				fmt.Fprintln(o.Out, "no serial line in this demo: this system has no pseudo-terminals that it knows")
				continue
			} else if err != nil {
				return err
			}
			line = master
			defer master.Close()
			o.Serial = append(o.Serial, ingest.SerialPort{Codec: a.codec, Port: port, Identity: a.identity})
		}
	}
	desk, recipient, err := openDesk(o.Out)
	if err != nil {
		return err
	}
	o.Roster.Recipients = []roster.Recipient{recipient}
	c, err := center.New(o)
	if err != nil {
		return errors.Join(err, desk.ln.Close())
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		if err := desk.run(ctx); err != nil {
			cancel(fmt.Errorf("demo: desk: %w", err))
		}
	})
	wg.Go(func() {
		select {
		case <-c.Ready():
		case <-ctx.Done():
			return
		}
		fmt.Fprintln(o.Out, "demo      twenty invented people; within half a minute: a zone entered, a curfew broken, a strap open,\n          breath tests failed, a device silent, and a late upload that withdraws a verdict. What a duty desk\n          is told by webhook is printed here. Stop with Ctrl-C.")
		addr := map[string]string{}
		for _, l := range c.Addresses().Devices {
			addr[l.Codec] = l.Addr
		}
		start := time.Now()
		for i, a := range actors {
			if a.serial && line == nil {
				continue
			}
			wg.Go(func() {
				if a.enrolled > 0 {
					wg.Go(func() {
						if err := enrol(ctx, c, a); err != nil && ctx.Err() == nil {
							cancel(fmt.Errorf("demo: %s: %w", a.person.ID, err))
						}
					})
				}
				p := &player{actor: a, start: start, noise: rand.New(rand.NewPCG(seed, uint64(i)))}
				var err error
				if a.serial {
					err = p.serialLine(ctx, o.Registry, line)
				} else {
					err = p.network(ctx, o.Registry, addr[a.codec], seed)
				}
				if err != nil && ctx.Err() == nil {
					cancel(fmt.Errorf("demo: %s: %w", a.person.ID, err))
				}
			})
		}
	})
	err = c.Run(ctx)
	if cause := context.Cause(ctx); err == nil && cause != nil && !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		err = cause
	}
	cancel(nil)
	return err
}

// enrol enters a person through the center's API.
func enrol(ctx context.Context, c *center.Center, a *actor) error {
	select {
	case <-time.After(a.enrolled):
	case <-ctx.Done():
		return nil
	}
	doc, err := json.Marshal(a.person)
	if err != nil {
		return err
	}
	_, err = client.Client{URL: c.Addresses().Web, Token: c.Token()}.Call(ctx, http.MethodPut, "/api/v1/people", doc)
	return err
}

// player plays one actor's part.
type player struct {
	*actor
	start time.Time
	noise *rand.Rand
	done  int // seconds of extra that are played
	fixed time.Time
}

func (p *player) network(ctx context.Context, reg *protocol.Registry, addr string, seed uint64) error {
	dev, err := reg.Device(p.codec)
	if err != nil {
		return err
	}
	sim, err := dev.Simulator(p.identity, seed)
	if err != nil {
		return err
	}
	d := tcp.Dialer{Addr: addr, Seed: seed}
	conn, err := d.Dial(ctx)
	if err != nil {
		return err
	}
	return p.play(ctx, dev, sim, conn)
}

func (p *player) serialLine(ctx context.Context, reg *protocol.Registry, line io.ReadWriteCloser) error {
	dev, err := reg.Device(p.codec)
	if err != nil {
		return err
	}
	// A little faster than the instrument, so that two tests fit half a minute.
	sim, err := bactrack.NewSimulator(bactrack.SimulatorConfig{Identity: p.identity, Speed: 1.5})
	if err != nil {
		return err
	}
	return p.play(ctx, dev, sim, line)
}

// play drives the device's side of the conversation, and gives it something to
// report every second.
func (p *player) play(ctx context.Context, dev protocol.Device, sim protocol.Simulator, conn io.ReadWriteCloser) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	link := &protocol.Link{Device: dev, Session: sim, Conn: conn, Name: p.person.ID, Limits: protocol.Limits{First: -1, Idle: -1}}
	ended := make(chan error, 1)
	go func() { ended <- link.Run(ctx) }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		obs := p.next(time.Now().UTC())
		if len(obs) > 0 {
			err := link.Do(ctx, func(time.Time, protocol.Session, *protocol.Output) error { return sim.Report(obs...) })
			if err != nil && ctx.Err() == nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case err := <-ended:
			if errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// next is what the device has to report now.
func (p *player) next(now time.Time) []em.Observation {
	elapsed := now.Sub(p.start)
	if p.silent > 0 && elapsed > p.silent {
		return nil
	}
	var obs []em.Observation
	for ; p.done <= int(elapsed.Seconds()); p.done++ {
		if f := p.extra[p.done]; f != nil {
			obs = append(obs, f(p.start.Add(time.Duration(p.done)*time.Second).UTC())...)
		}
	}
	if p.every > 0 && elapsed >= p.hidden && now.Sub(p.fixed) >= p.every {
		p.fixed = now
		const metres = 3 // of receiver noise, one sigma
		at := offset(p.where(elapsed), p.noise.NormFloat64()*metres, p.noise.NormFloat64()*metres)
		obs = append(obs, live(now, current(at))...)
	}
	return obs
}
