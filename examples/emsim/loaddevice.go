package main

import (
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// Bounds of a device under load.
const (
	// mostPending is how many reports of a device may wait for their
	// acknowledgement before further ones are given up, so that a center that
	// answers nothing does not fill the memory.
	mostPending = 1000
	// writeLimit is how long a write may block: the center does not read.
	writeLimit = 30 * time.Second // and twice that at most
	// lookAway is how long a device that waits for no answer may look away from its
	// connection: to sleep costs less than to listen until a time.
	lookAway = 500 * time.Millisecond
)

// loadDevice is one connection. It is small: a goroutine, a buffer, the
// simulator, and the times of what is not acknowledged.
type loadDevice struct {
	*load
	n       int
	dev     *protocol.Device
	sim     protocol.Resumer
	split   protocol.Splitter
	dial    func(context.Context) (net.Conn, error)
	conn    net.Conn
	listens atomic.Pointer[net.Conn] // conn, for rouse
	idle    bool                     // until all are connected
	writeBy time.Time                // its deadline for writing
	phase   time.Duration            // of the first report, after the start
	home    em.LatLng
	k       int         // of the next report
	next    time.Time   // when it is due
	pending []time.Time // of reports that are not acknowledged, the oldest first
	out     protocol.Output
	bytes   []byte
}

// run connects, tells so, waits until all have, and keeps to the schedule.
func (d *loadDevice) run(ctx context.Context, connected chan<- error) {
	conn, err := d.dial(ctx)
	if err == nil {
		d.take(conn)
		err = d.wake(time.Now()) // the login
	}
	connected <- err
	defer func() {
		if d.conn != nil {
			d.conn.Close()
		}
	}()
	if err != nil {
		return
	}
	buf := make([]byte, 512)
	// Until all are connected the device says what its dialect asks for.
	for d.idle = true; d.idle; {
		select {
		case <-d.ready:
			d.idle = false
		case <-ctx.Done():
			return
		default:
			d.turn(ctx, buf, time.Now().Add(d.look()))
		}
	}
	d.phase = d.load.phase(d.n)
	d.next = d.intended(0)
	last := d.end.Add(d.drain)
	for ctx.Err() == nil {
		now := time.Now()
		if !now.Before(last) || !d.next.Before(d.end) && len(d.pending) == 0 {
			break
		}
		until := last
		if d.next.Before(d.end) {
			until = d.next
		}
		d.turn(ctx, buf, until)
	}
	d.meter.unacknowledged(len(d.pending))
}

// take takes a new connection.
func (d *loadDevice) take(conn net.Conn) {
	d.conn, d.writeBy = conn, time.Time{}
	d.listens.Store(&conn)
}

// rouse ends the device's reading, so that it sees that all are ready. It is called once
// they are.
func (d *loadDevice) rouse() {
	if conn := d.listens.Load(); conn != nil {
		(*conn).SetReadDeadline(time.Now()) // whoever reads hears of an error
	}
}

// turn does what is due, and reads until something else is.
func (d *loadDevice) turn(ctx context.Context, buf []byte, until time.Time) {
	if d.conn == nil && !d.reconnect(ctx, until) {
		return
	}
	now := time.Now()
	err := d.report(now)
	if dl := d.sim.Deadline(); err == nil && !dl.IsZero() && !dl.After(now) {
		err = d.wake(now)
	}
	if err == nil {
		if d.next.After(now) && d.next.Before(d.end) {
			until = d.next // which report has moved on
		}
		if dl := d.sim.Deadline(); !dl.IsZero() && dl.Before(until) {
			until = dl
		}
		if limit := now.Add(max(time.Second, d.look())); until.After(limit) {
			until = limit // to see whether to stop
		}
		if away := until.Sub(now); len(d.pending) == 0 && away < lookAway {
			time.Sleep(away)
			return
		}
		err = d.conn.SetReadDeadline(until)
		if d.idle {
			select {
			case <-d.ready: // rouse may have been before this deadline
				return
			default:
			}
		}
	}
	if err == nil {
		var n int
		n, err = d.conn.Read(buf)
		if herr := d.hear(buf[:n], time.Now()); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			err = herr
		}
	}
	if err != nil {
		d.meter.disconnected()
		d.conn.Close()
		d.conn = nil
	}
}

// report gives the device what is due.
func (d *loadDevice) report(now time.Time) error {
	for !d.next.IsZero() && d.next.Before(d.end) && !d.next.After(now) {
		at := d.next
		d.k++
		d.next = d.intended(d.k)
		if len(d.pending) == mostPending {
			d.meter.overflow()
			continue
		}
		if err := d.sim.Report(d.observation(at)); err != nil {
			return err
		}
		d.pending = append(d.pending, at)
		if err := d.wake(now); err != nil {
			return err
		}
		d.meter.sent(at, time.Now())
	}
	return nil
}

// intended is the time of the k-th report.
func (d *loadDevice) intended(k int) time.Time {
	return d.start.Add(d.phase + time.Duration(k)*d.interval)
}

// callForHelp is the button that a wearer presses.
func callForHelp(at time.Time) em.Observation {
	return em.Observation{DeviceAt: at.UTC().Truncate(time.Second), Body: &em.Alarm{What: em.AlarmSOS}}
}

// observation is the device's position at a time: a circle round its home. A
// dialect that tells none says what it can.
func (d *loadDevice) observation(at time.Time) em.Observation {
	if d.home == (em.LatLng{}) {
		r := rand.New(rand.NewPCG(d.seed, uint64(d.n)))
		d.home = em.LatLng{Lat: 54.4 + 0.6*r.Float64(), Lng: 24.6 + r.Float64()}
	}
	sin, cos := math.Sincos(float64(d.k))
	p := em.LatLng{Lat: d.home.Lat + 2e-4*sin, Lng: d.home.Lng + 3e-4*cos}
	if d.n < d.calls && d.k == 1+int(d.duration/d.interval)/2 {
		d.meter.called(string(d.sim.Device()), at)
		return callForHelp(at)
	}
	o := em.Observation{DeviceAt: at.UTC().Truncate(time.Second)}
	switch d.dev.Name {
	case "alcoholuart":
		o.Body = &em.AlcoholReading{Value: em.Decimal{Coef: int64(d.k % 5000)}, Unit: em.UnitRaw, Status: em.SampleOK}
	case "bactrack": // from its memory: a test takes ten seconds
		o.Stored, o.Body = true, &em.AlcoholReading{Value: em.Decimal{Coef: int64(d.k % 2000), Scale: 4}, Unit: em.UnitBloodGPer100mL, Status: em.SampleOK}
	case "skyn":
		o.Body = &em.Transdermal{Value: em.Decimal{Coef: int64(d.k % 1000)}, Unit: em.UnitRaw}
	case "siadc09":
		o.Body = &em.Fix{LatLng: p, Validity: em.FixLastKnown}
	default:
		o.Body = &em.Fix{LatLng: p, Validity: em.FixCurrent, Source: em.SourceGNSS, Satellites: em.Some(9)}
	}
	return o
}

// wake lets the device speak. What is gone from it without an answer is of a
// dialect, or a kind of report, that has no acknowledgement.
func (d *loadDevice) wake(now time.Time) error {
	d.out.Reset()
	before := d.sim.Waiting()
	if err := d.sim.Wake(now, &d.out); err != nil {
		return err
	}
	if gone := before - d.sim.Waiting(); gone > 0 {
		d.meter.unanswerable(gone)
		d.pending = d.pending[min(gone, len(d.pending)):]
	}
	return d.send()
}

func (d *loadDevice) send() error {
	d.bytes = d.bytes[:0]
	for _, m := range d.out.Send {
		var err error
		if d.bytes, err = d.dev.Codec.Append(d.bytes, m); err != nil {
			return err
		}
	}
	hangUp := d.out.Close
	d.out.Reset()
	if len(d.bytes) > 0 {
		if now := time.Now(); d.writeBy.Sub(now) < writeLimit { // not each time: it is a timer
			d.writeBy = now.Add(2 * writeLimit)
			if err := d.conn.SetWriteDeadline(d.writeBy); err != nil {
				return err
			}
		}
		if _, err := d.conn.Write(d.bytes); err != nil {
			return err
		}
	}
	if hangUp {
		return io.EOF
	}
	return nil
}

// hear hands over answers, and takes the time of those that acknowledge.
func (d *loadDevice) hear(b []byte, now time.Time) error {
	if len(b) == 0 {
		return nil
	}
	d.split.Write(b)
	for {
		frame, _, ok, ferr := d.split.Next()
		if ferr != nil {
			d.meter.undecoded()
			continue
		}
		if !ok {
			return nil
		}
		m, err := d.dev.Codec.Decode(frame)
		if err != nil {
			d.meter.undecoded()
			continue
		}
		before := d.sim.Waiting()
		d.out.Reset()
		if err := d.sim.Handle(now, m, &d.out); err != nil {
			d.meter.undecoded()
		}
		for range min(before-d.sim.Waiting(), len(d.pending)) {
			d.meter.acknowledged(d.pending[0], now)
			d.pending = d.pending[1:]
		}
		if err := d.send(); err != nil {
			return err
		}
	}
}

// reconnect waits a second or two and dials; false where it is not time yet, or
// failed.
func (d *loadDevice) reconnect(ctx context.Context, until time.Time) bool {
	pause := time.Second + time.Duration(rand.New(rand.NewPCG(d.seed, uint64(d.n))).Int64N(int64(time.Second)))
	select {
	case <-time.After(min(pause, max(0, time.Until(until)))):
	case <-ctx.Done():
		return false
	}
	conn, err := d.dial(ctx)
	if err != nil {
		d.meter.failed()
		return false
	}
	d.take(conn)
	d.split = *protocol.NewSplitter(*d.dev)
	d.sim.Reconnect()
	if err := d.wake(time.Now()); err != nil {
		d.conn.Close()
		d.conn = nil
		return false
	}
	return true
}
