package center_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sargas-em/em/devices/gt06"
	"github.com/sargas-em/em/examples/monitoringcenter/center"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/protocol"
)

// A device is acknowledged only after its report is in the log.
func TestAcknowledgedAfterTheLog(t *testing.T) {
	arrived, release := make(chan int, 16), make(chan struct{})
	c := centertest.Start(t, centertest.Config{Before: func(c *center.Center) {
		c.Intercept(func(ctx context.Context, r *protocol.Report, next center.Append) error {
			arrived <- len(r.Frames)
			<-release
			return next(ctx, r)
		})
	}})
	d := c.Connect(1)
	<-arrived // the login waits for the disk
	select {
	case <-arrived:
		t.Error("the device went on before its login was durable")
	case <-d.Ended():
		t.Error("the conversation ended")
	case <-time.After(300 * time.Millisecond):
	}
	if n := d.Acks(); n != 0 {
		t.Errorf("%d acknowledgements before anything was durable", n)
	}
	if counts := centertest.Get[record.Counts](c, "/api/v1/counts"); counts.Frames != 0 {
		t.Errorf("the record has %d frames that the log has not", counts.Frames)
	}
	close(release)
	c.Send(d, centertest.At(now(), 0))
}

// Where the log fails nothing is acknowledged and the conversation ends; the
// device sends again, and nothing is lost or twice.
func TestLogFails(t *testing.T) {
	var (
		mu     sync.Mutex
		broken bool
	)
	c := centertest.Start(t, centertest.Config{Before: func(c *center.Center) {
		c.Intercept(func(ctx context.Context, r *protocol.Report, next center.Append) error {
			mu.Lock()
			defer mu.Unlock()
			if broken {
				// The worst of its kind: it is in the log, but nobody could tell.
				return errors.Join(errors.New("invented: the disk is gone"), next(ctx, r))
			}
			return next(ctx, r)
		})
	}})
	c.Put("/api/v1/people", centertest.Person(1, now().Add(-time.Hour), ""))
	d := c.Connect(1)
	c.Eventually("the login is acknowledged", func() bool { return d.Acks() == 1 })
	mu.Lock()
	broken = true
	mu.Unlock()
	sos := centertest.SOS(now())
	d.Report(sos)
	<-d.Ended()
	if n := d.Acks(); n != 1 {
		t.Errorf("%d acknowledgements, want that of the login alone", n)
	}
	mu.Lock()
	broken = false
	mu.Unlock()
	c.Send(c.Connect(1), sos)
	if all := c.Incidents("device.sos"); len(all) != 1 {
		t.Errorf("%d incidents, want 1: %+v", len(all), all)
	}
}

// When the record fails the center ends with the reason, although devices are
// connected and pages ask; a new start goes on where the record stood.
func TestRecordFails(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	c.Put("/api/v1/people", centertest.Person(1, now().Add(-time.Hour), ""))
	a, b := c.Connect(1), c.Connect(2)
	c.Send(a, centertest.At(now(), 0))
	if err := c.BreakRecord(); err != nil {
		t.Fatal(err)
	}
	a.Report(centertest.SOS(now()))
	c.Eventually("the report is acknowledged: it is in the log", func() bool { return a.Acks() == 3 })
	if err := c.Ended(); err == nil {
		t.Error("it ended without a reason")
	}
	<-a.Ended()
	<-b.Ended()
	again := centertest.Start(t, centertest.Config{Dir: c.Dir})
	again.CaughtUp()
	if all := again.Incidents("device.sos"); len(all) != 1 {
		t.Errorf("%d incidents, want 1: %+v", len(all), all)
	}
}

// A report that finds its identity on two connections, while the engine that
// would record it has failed, ends: it does not keep the center from ending.
func TestConflictWhileTheRecordFails(t *testing.T) {
	var armed atomic.Bool
	arrived, dead := make(chan struct{}, 2), make(chan struct{})
	c := centertest.Start(t, centertest.Config{Before: func(c *center.Center) {
		c.Intercept(func(ctx context.Context, r *protocol.Report, next center.Append) error {
			if r.Device == protocolDevice(1) && armed.Load() {
				arrived <- struct{}{}
				<-dead
			}
			return next(ctx, r)
		})
	}})
	c.Put("/api/v1/people", centertest.Person(1, now().Add(-time.Hour), ""))
	a, other := c.Connect(1), c.Connect(2)
	c.Send(a, centertest.At(now(), 0))
	b := c.Connect(1)
	c.Send(b, centertest.At(now(), 0)) // takes over
	c.Eventually("the other logs in", func() bool { return other.Acks() == 1 })
	armed.Store(true)
	a.Report(centertest.At(now(), 1)) // comes back: a conflict
	b.Report(centertest.At(now(), 1)) // and is still there
	<-arrived
	<-arrived
	if err := c.BreakRecord(); err != nil {
		t.Fatal(err)
	}
	other.Report(centertest.At(now(), 0)) // on this the engine fails
	<-other.Ended()
	close(dead)
	if err := c.Ended(); err == nil {
		t.Error("it ended without a reason")
	}
}

// Without evaluation devices are acknowledged for what the log holds; the next
// start evaluates it.
func TestLogOnly(t *testing.T) {
	c := centertest.Start(t, centertest.Config{Options: func(o *center.Options) { o.LogOnly = true }})
	p := play(t, gt06.Device(), centertest.IMEI(1), c.Dial())
	p.report(centertest.At(now(), 0), centertest.SOS(now()))
	c.Eventually("all is acknowledged", p.acknowledged)
	if n := centertest.Get[record.Counts](c, "/api/v1/counts"); n.Frames != 0 {
		t.Errorf("evaluated: %+v", n)
	}
	if status, _ := get(c, c.URL+"/readyz"); status != 200 {
		t.Errorf("readyz says %d", status)
	}
	c = c.Restart()
	c.CaughtUp()
	if n := centertest.Get[record.Counts](c, "/api/v1/counts"); n.Frames != 3 {
		t.Errorf("after the next start: %+v", n)
	}
}
