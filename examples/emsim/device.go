package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sargas-em/em/examples/emsim/scenario"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/faultconn"
)

// Bounds of a run.
const (
	// redialAfter is the scenario's time from the loss of a connection to the next
	// one.
	redialAfter = 5 * time.Second
	// drainFor is how long after the scenario's end a device may go on until its
	// reports are acknowledged, in the scenario's time.
	drainFor = 30 * time.Minute
	// mostHangUps is how often in a row a connection may end before the center has
	// answered anything.
	mostHangUps = 20
	// mostWakes is how often a device may want to be woken at one instant: its
	// memory is 100,000 reports.
	mostWakes = 200_000
)

// device plays one device through its script, in the scenario's time.
type device struct {
	dev      protocol.Device
	identity string
	sim      protocol.Resumer
	script   *scenario.Script
	faults   *faults
	seed     uint64
	open     opener
	speed    float64       // the scenario's seconds in one of ours; 0: as fast as the center answers
	patience time.Duration // for an answer
	serial   bool
	record   recorder

	now     time.Time // of the scenario
	began   time.Time // by the clock
	line    *line
	conns   int
	redial  time.Time // when there is to be a connection again; zero where there is one, or none wanted
	hangUps int       // in a row
	fresh   bool      // the conversation has to begin
	stats   stats
}

// stats counts what happened to a device.
type stats struct {
	Reports     int `json:"reports"`        // given to the device
	Waiting     int `json:"unacknowledged"` // at the end
	Connections int `json:"connections"`
	Faults      int `json:"faults"`
	Answers     int `json:"answers"`    // frames from the center
	Undecoded   int `json:"undecoded"`  // of them, or junk
	Unanswered  int `json:"unanswered"` // times that an answer did not come in time
}

func (s *stats) add(o stats) {
	s.Reports += o.Reports
	s.Waiting += o.Waiting
	s.Connections += o.Connections
	s.Faults += o.Faults
	s.Answers += o.Answers
	s.Undecoded += o.Undecoded
	s.Unanswered += o.Unanswered
}

func (d *device) fact(t scenario.Truth) {
	t.At, t.Device = d.now, d.script.Device
	d.script.Truth = append(d.script.Truth, t)
}

// run plays the script to its end, or until ctx ends.
func (d *device) run(ctx context.Context) error {
	d.now, d.began = d.script.Start, time.Now()
	defer func() {
		if d.line != nil {
			d.line.faulty.Close()
		}
		d.stats.Waiting = d.sim.Waiting()
		waiting := float64(d.stats.Waiting)
		d.fact(scenario.Truth{What: "waiting", Value: &waiting})
	}()
	d.redial = d.now
	for i := 0; ; {
		if err := ctx.Err(); err != nil {
			return nil // stopped is no failure: the totals say how far it came
		}
		if err := d.network(ctx); err != nil {
			return err
		}
		for ; i < len(d.script.Reports) && !d.script.Reports[i].Tell.After(d.now); i++ {
			if err := d.sim.Report(d.script.Reports[i].Obs); err != nil {
				return fmt.Errorf("%s: report: %w", d.dev.Name, err)
			}
			d.stats.Reports++
		}
		if d.line != nil {
			if err := d.speak(ctx); err != nil {
				return err
			}
		}
		if i == len(d.script.Reports) && !d.now.Before(d.script.End) && (d.sim.Waiting() == 0 || d.now.Sub(d.script.End) >= drainFor) {
			return nil
		}
		next := d.next(i)
		if d.line != nil && i == len(d.script.Reports) && !d.now.Before(d.script.End) && !next.Before(d.script.End.Add(drainFor)) {
			// It waits for an acknowledgement that was lost, and repeats nothing by
			// itself: a new connection is what helps.
			d.disconnect(nil)
			next = d.redial
		}
		if err := d.pass(ctx, next); err != nil {
			return err
		}
	}
}

// next is the next instant at which something is due.
func (d *device) next(i int) time.Time {
	next := d.script.End.Add(drainFor)
	due := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	if i < len(d.script.Reports) {
		due(d.script.Reports[i].Tell)
	}
	if d.now.Before(d.script.End) {
		due(d.script.End)
	}
	for _, s := range slices.Concat(d.script.Off, d.script.Dark) {
		for _, edge := range []time.Time{s.From, s.To} {
			if edge.After(d.now) {
				due(edge)
			}
		}
	}
	if d.line != nil {
		due(d.sim.Deadline())
	} else {
		due(d.redial)
	}
	if next.Before(d.now) {
		next = d.now
	}
	return next
}

// cutOff reports whether the script leaves the device without power or network. A
// device that is off to the end stays so.
func (d *device) cutOff() bool {
	for _, s := range d.script.Off {
		if s.Has(d.now) || s.To.Equal(d.script.End) && !d.now.Before(s.To) {
			return true
		}
	}
	return slices.ContainsFunc(d.script.Dark, func(s scenario.Span) bool { return s.Has(d.now) })
}

// network takes the connection away or makes one, as the script has it.
func (d *device) network(ctx context.Context) error {
	switch off := d.cutOff(); {
	case off:
		d.disconnect(nil)
		d.redial = time.Time{}
		return nil
	case d.line == nil && d.redial.IsZero():
		d.redial = d.now
	}
	if d.line != nil || d.redial.After(d.now) {
		return nil
	}
	c, err := d.dial(ctx)
	if err != nil || c == nil {
		return err
	}
	told := func(f faultconn.Fault) {
		d.stats.Faults++
		what := "of the answers"
		if f.Written {
			what = "that was sent"
		}
		d.fact(scenario.Truth{What: "fault", Note: fmt.Sprintf("%s: frame %d %s over connection %d", f.Kind, f.Unit, what, d.conns)})
	}
	if d.line, err = newLine(c, d.dev, centerSession(d.dev, d.identity, d.serial), d.faults, d.seed, d.conns, d.now, told, &d.record); err != nil {
		c.Close()
		return err
	}
	d.redial, d.fresh = time.Time{}, true
	d.fact(scenario.Truth{What: "connected"})
	if d.conns++; d.conns > 1 {
		d.sim.Reconnect()
	}
	d.stats.Connections = d.conns
	d.line.now = d.now
	d.line.start()
	if d.serial {
		// The line is up when the center speaks, which may be long from now.
		for d.line != nil && d.line.due > 0 && ctx.Err() == nil {
			b, err := d.line.readUntil(time.Now().Add(200 * time.Millisecond))
			if err != nil {
				return d.lost(err)
			}
			if err := d.hear(b); err != nil {
				return err
			}
		}
	}
	return d.settle(ctx)
}

// dial makes a connection; a center that is not there is given some seconds. No
// connection and no error is the end of ctx.
func (d *device) dial(ctx context.Context) (conn, error) {
	pause := 20 * time.Millisecond
	for {
		c, err := d.open(ctx)
		switch {
		case err == nil:
			return c, nil
		case ctx.Err() != nil:
			return nil, nil
		case d.conns == 0 || pause > 3*time.Second:
			return nil, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, nil
		}
		pause *= 2
	}
}

// disconnect loses the connection; reason is nil where the device itself ends it.
func (d *device) disconnect(reason error) {
	if d.line == nil {
		return
	}
	d.line.faulty.Close()
	note := ""
	if errors.Is(reason, faultconn.ErrCut) {
		note = "cut"
	} else if reason != nil {
		note = "the center's side ended it"
	}
	d.line, d.redial = nil, d.now.Add(redialAfter)
	d.fact(scenario.Truth{What: "disconnected", Note: note})
}

// lost is what an error of the connection leads to: a new connection, or the end
// where the center takes none.
func (d *device) lost(err error) error {
	if !errors.Is(err, faultconn.ErrCut) {
		if d.hangUps++; d.hangUps > mostHangUps {
			return fmt.Errorf("the center ended %d connections without a word: %w", mostHangUps, err)
		}
	}
	d.disconnect(err)
	return nil
}

// speak lets the device say what is due at this instant.
func (d *device) speak(ctx context.Context) error {
	for n := 0; d.line != nil && ctx.Err() == nil; n++ {
		dl := d.sim.Deadline()
		if !d.fresh && (dl.IsZero() || dl.After(d.now)) {
			return nil
		}
		if n == mostWakes {
			return fmt.Errorf("the simulated %s wants to be woken without end", d.dev.Name)
		}
		d.fresh = false
		var out protocol.Output
		if err := d.sim.Wake(d.now, &out); err != nil {
			return fmt.Errorf("the simulated %s: %w", d.dev.Name, err)
		}
		if err := d.send(&out); err != nil {
			return err
		}
		if err := d.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// send encodes and writes what the device says.
func (d *device) send(out *protocol.Output) error {
	var b []byte
	for _, m := range out.Send {
		var err error
		if b, err = d.dev.Codec.Append(b, m); err != nil {
			return fmt.Errorf("the simulated %s: %w", d.dev.Name, err)
		}
	}
	if d.line == nil || len(b) == 0 && !out.Close {
		return nil
	}
	d.line.now = d.now
	slow := time.Duration(2*len(out.Send)) * d.faults.sent.MaxDelay
	err := d.line.faulty.SetWriteDeadline(time.Now().Add(d.patience + slow))
	if err == nil && len(b) > 0 {
		_, err = d.line.faulty.Write(b)
	}
	if err != nil {
		return d.lost(err)
	}
	if out.Close {
		d.disconnect(nil)
	}
	return nil
}

// settle waits for what the center has to answer.
func (d *device) settle(ctx context.Context) error {
	if d.line == nil {
		return nil
	}
	d.line.quiet = true
	d.line.due = max(0, d.line.due) // the center may say more than it has to
	deadline := time.Now().Add(d.patience + time.Duration(2*d.line.due)*d.faults.replies.MaxDelay)
	for d.line != nil && ctx.Err() == nil {
		b, err := d.line.readUntil(deadline)
		if herr := d.hear(b); herr != nil {
			return herr
		}
		switch {
		case d.line == nil:
			return nil
		case err != nil:
			return d.lost(err)
		case len(b) > 0:
		case d.line.due <= 0:
			if d.line.hungUp { // the center does so too
				return d.lost(io.EOF)
			}
			return nil
		case !time.Now().Before(deadline):
			d.stats.Unanswered++
			d.line.due = 0
			return nil
		}
	}
	return nil
}

// hear hands over what the center said.
func (d *device) hear(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	l := d.line
	l.split.Write(b)
	for d.line == l { // an answer to it may have cost the connection
		frame, _, ok, ferr := l.split.Next()
		if ferr != nil {
			d.stats.Undecoded++
			continue
		}
		if !ok {
			return nil
		}
		d.stats.Answers++
		m, err := d.dev.Codec.Decode(frame)
		if err != nil {
			d.stats.Undecoded++
			continue
		}
		d.hangUps = 0
		var out protocol.Output
		if err := d.sim.Handle(d.now, m, &out); err != nil {
			d.stats.Undecoded++ // not an answer of this dialect's center
		}
		if err := d.send(&out); err != nil {
			return err
		}
	}
	return nil
}

// pass lets the time go on to an instant of the scenario, and hears what the
// center says meanwhile.
func (d *device) pass(ctx context.Context, next time.Time) error {
	if d.speed > 0 {
		until := d.began.Add(time.Duration(float64(next.Sub(d.script.Start)) / d.speed))
		for ctx.Err() == nil {
			left := time.Until(until)
			if left <= 0 {
				break
			}
			if d.line == nil {
				select {
				case <-time.After(left):
				case <-ctx.Done():
				}
				continue
			}
			// A read ends from time to time to see whether to stop.
			d.line.quiet = false
			b, err := d.line.readUntil(time.Now().Add(min(left, 200*time.Millisecond)))
			if len(b) > 0 {
				d.now = d.script.Start.Add(time.Duration(float64(time.Since(d.began)) * d.speed)).Truncate(time.Millisecond)
				d.line.now = d.now
				if herr := d.hear(b); herr != nil {
					return herr
				}
				if d.line != nil {
					d.line.due = max(0, d.line.due)
				}
			}
			if err != nil && d.line != nil {
				if err := d.lost(err); err != nil {
					return err
				}
			}
			if d.line == nil || len(b) > 0 { // what is next may have changed
				return nil
			}
		}
	}
	if next.After(d.now) {
		d.now = next
	}
	return nil
}

// jitter spreads the devices of a fleet over the first seconds of a run, by the
// clock, so that they do not all dial at once.
func jitter(seed uint64, n, fleet int) time.Duration {
	if fleet < 100 {
		return 0
	}
	return time.Duration(rand.New(rand.NewPCG(seed, uint64(n))).Int64N(int64(fleet) * int64(2*time.Millisecond)))
}
