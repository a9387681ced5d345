package center

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
	"github.com/sargas-em/em/protocol"
)

// Bounds of commands that wait for their device.
const (
	maxCommandsDevice = 16     // as many as a link takes
	maxCommands       = 10_000 // of all devices; some 300 bytes each
	commandLife       = 24 * time.Hour
	maxCommandLife    = 7 * 24 * time.Hour
)

// States of a command beyond those of a protocol.Delivery.
const (
	commandQueued  = "queued" // waits for the device
	commandSent    = "sent"
	commandFailed  = "failed"
	commandExpired = "expired" // it was never sent
)

// commander takes commands for the device that it talks to: a protocol.Link.
type commander interface {
	Command(protocol.Command, func(protocol.Delivery)) error
}

// orders are the commands that are not final. A command waits until its device
// is connected, goes to the link, and, should the link end before it was sent,
// waits for the next one, until it expires.
type orders struct {
	c    *Center
	kick chan struct{} // holds one

	mu      sync.Mutex
	all     map[int64]*order         // until their end is in the record
	waiting map[em.DeviceID][]*order // not with a link, oldest first
	count   map[em.DeviceID]int      // of all
	heard   map[em.DeviceID]bool     // devices with waiting commands that have reported
	moves   []move                   // not in the record yet, in order
}

type order struct {
	record.Command
	what protocol.Command
	sent bool
}

// move is a change of a command's state.
type move struct {
	o      *order
	state  string
	reason string
	at     time.Time
	final  bool
}

func newOrders(c *Center) *orders {
	return &orders{c: c, kick: make(chan struct{}, 1), all: map[int64]*order{}, waiting: map[em.DeviceID][]*order{},
		count: map[em.DeviceID]int{}, heard: map[em.DeviceID]bool{}}
}

func (q *orders) wake() {
	select {
	case q.kick <- struct{}{}:
	default: // one is enough
	}
}

// give takes a command from somebody: it is in the record when this returns.
func (q *orders) give(ctx context.Context, actor string, device em.DeviceID, n web.NewCommand) (web.Command, error) {
	bad := func(format string, args ...any) (web.Command, error) {
		return web.Command{}, fmt.Errorf("%w: "+format, append([]any{web.ErrBadInput}, args...)...)
	}
	codec, identity, _ := strings.Cut(string(device), ":")
	dev, err := q.c.opts.Registry.Device(codec)
	life := n.Life(commandLife)
	switch {
	case err != nil || identity == "" || len(device) > 200:
		return bad(`the device is not "codec:identity" with a known codec`)
	case !slices.Contains(dev.Commands, protocol.CommandKind(n.Kind)):
		return bad("%s has no command %q; it has %v", codec, n.Kind, dev.Commands)
	case life <= 0 || life > maxCommandLife:
		return bad("a command expires within %v", maxCommandLife)
	}
	doc, err := json.Marshal(n)
	if err != nil {
		return web.Command{}, err
	}
	o := &order{what: n.Command()}
	var view web.Command
	err = q.c.engine.do(ctx, func(s *step) error {
		q.mu.Lock()
		full := q.count[device] >= maxCommandsDevice || len(q.all) >= maxCommands
		q.mu.Unlock()
		if full {
			return fmt.Errorf("%w: %d commands wait for this device, or %d for all", web.ErrBadInput, maxCommandsDevice, maxCommands)
		}
		o.Command = record.Command{Device: device, Doc: doc, By: actor, Created: s.now, Changed: s.now, Expires: s.now.Add(life), State: commandQueued}
		var err error
		if o.ID, err = s.tx.AddCommand(o.Command); err != nil {
			return err
		}
		if err := s.tx.Audit(s.now, actor, "order command", "device "+string(device), map[string]any{"command": o.ID, "kind": n.Kind}); err != nil {
			return err
		}
		if view, err = s.tellCommand(o.Command); err != nil {
			return err
		}
		s.views = append(s.views, func() { q.add(o, true) })
		return nil
	})
	return view, err
}

// add takes an order into memory once it is in the record.
func (q *orders) add(o *order, heard bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.all[o.ID] = o
	q.count[o.Device]++
	q.waiting[o.Device] = append(q.waiting[o.Device], o)
	if heard {
		q.heard[o.Device] = true // if it is connected
		q.wake()
	}
}

// report tells that a device is there.
func (q *orders) report(d em.DeviceID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting[d]) > 0 {
		q.heard[d] = true
		q.wake()
	}
}

// loadCommands takes up what was not final at the last stop. What was sent then
// has no link any more that its answer could come by.
func (s *step) loadCommands(q *orders) error {
	open, err := s.tx.OpenCommands()
	if err != nil {
		return err
	}
	for _, c := range open {
		q.mu.Lock()
		known := q.all[c.ID] != nil // the record was away, not we
		q.mu.Unlock()
		if known {
			continue
		}
		o := &order{Command: c}
		var n web.NewCommand
		if err := json.Unmarshal(c.Doc, &n); err != nil {
			return fmt.Errorf("center: stored command: %w", err)
		}
		o.what = n.Command()
		if c.State == commandQueued {
			s.views = append(s.views, func() { q.add(o, true) })
			continue
		}
		if err := s.moveCommand(move{o: o, state: commandFailed, reason: "the center lost the connection before the answer", at: s.now, final: true}); err != nil {
			return err
		}
	}
	return nil
}

func (s *step) tellCommand(c record.Command) (web.Command, error) {
	view, err := web.CommandView(c)
	if err != nil {
		return view, err
	}
	item, err := s.tx.Tell("command", view)
	if err == nil {
		s.feed = append(s.feed, item)
	}
	return view, err
}

// moveCommand writes a change of state.
func (s *step) moveCommand(m move) error {
	c := m.o.Command
	c.State, c.Reason, c.Changed, c.Final = m.state, m.reason, m.at, m.final
	if err := s.tx.MoveCommand(c); err != nil {
		return err
	}
	if m.final {
		if err := s.tx.Audit(s.now, "center", "command "+m.state, "device "+string(c.Device), map[string]any{"command": c.ID}); err != nil {
			return err
		}
	}
	_, err := s.tellCommand(c)
	return err
}

// run hands commands to links and writes what becomes of them, until ctx ends.
func (q *orders) run(ctx context.Context) error {
	tick := time.NewTicker(time.Second) // to see what expires, and what a busy link did not take
	defer tick.Stop()
	for {
		select {
		case <-q.kick:
			q.deliver(false)
		case <-tick.C:
			q.expire(time.Now())
			q.deliver(true)
		case <-ctx.Done():
			return nil
		}
		if err := q.write(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, web.ErrUnavailable) && !errors.Is(err, errStopped) {
			return err
		}
	}
}

// write puts the moves into the record. What could not be written is written the
// next time.
func (q *orders) write(ctx context.Context) error {
	q.mu.Lock()
	moves := q.moves
	q.moves = nil
	q.mu.Unlock()
	if len(moves) == 0 {
		return nil
	}
	err := q.c.engine.do(ctx, func(s *step) error {
		for _, m := range moves {
			if err := s.moveCommand(m); err != nil {
				return err
			}
		}
		return nil
	})
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		q.moves = append(moves, q.moves...)
		return err
	}
	for _, m := range moves {
		if !m.final {
			continue
		}
		delete(q.all, m.o.ID)
		if q.count[m.o.Device]--; q.count[m.o.Device] == 0 {
			delete(q.count, m.o.Device)
		}
	}
	return nil
}

// deliver hands waiting commands to the links of devices that are there: of those
// that were heard of, or of all.
func (q *orders) deliver(all bool) {
	q.mu.Lock()
	var ready []*order
	devices := slices.Sorted(maps.Keys(q.heard))
	if all {
		devices = slices.Sorted(maps.Keys(q.waiting))
	}
	clear(q.heard)
	for _, d := range devices {
		ready = append(ready, q.waiting[d]...)
	}
	q.mu.Unlock()
	now := time.Now()
	for _, o := range ready {
		to := q.c.conns.speaker(o.Device)
		if to == nil || !now.Before(o.Expires) {
			continue
		}
		what := o.what
		if what.Timeout == 0 {
			what.Timeout = 5 * time.Minute
		}
		what.Timeout = min(what.Timeout, o.Expires.Sub(now))
		q.take(o)
		if err := to.Command(what, func(d protocol.Delivery) { q.delivered(o, d) }); err != nil {
			q.mu.Lock()
			if errors.Is(err, protocol.ErrUnsupported) {
				q.finish(o, commandFailed, err.Error(), now)
			} else { // the link is busy, or ends
				q.back(o)
			}
			q.mu.Unlock()
		}
	}
}

// take takes an order from those that wait.
func (q *orders) take(o *order) {
	q.mu.Lock()
	defer q.mu.Unlock()
	rest := slices.DeleteFunc(q.waiting[o.Device], func(w *order) bool { return w == o })
	if q.waiting[o.Device] = rest; len(rest) == 0 {
		delete(q.waiting, o.Device)
	}
}

// back lets an order wait again, in its place. mu is held.
func (q *orders) back(o *order) {
	w := append(q.waiting[o.Device], o)
	slices.SortFunc(w, func(a, b *order) int { return cmp.Compare(a.ID, b.ID) })
	q.waiting[o.Device] = w
}

// finish ends an order. mu is held.
func (q *orders) finish(o *order, state, reason string, at time.Time) {
	q.moves = append(q.moves, move{o, state, reason, at.UTC(), true})
	q.wake()
}

// delivered takes a step of a delivery, on the link's goroutine.
func (q *orders) delivered(o *order, d protocol.Delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	reason := ""
	if d.Err != nil {
		reason = d.Err.Error()
	}
	switch {
	case d.State == protocol.DeliveryQueued:
	case d.State == protocol.DeliverySent && !d.Final:
		o.sent = true
		q.moves = append(q.moves, move{o, commandSent, "", d.At, false})
		q.wake()
	case !o.sent && (d.State == protocol.DeliveryTimedOut || errors.Is(d.Err, protocol.ErrLinkClosed)):
		q.back(o) // the device never heard of it: for its next connection
	case d.State == protocol.DeliverySent:
		q.finish(o, commandSent, "the dialect has no answer to it", d.At)
	default:
		q.finish(o, d.State.String(), reason, d.At)
	}
}

// expire ends what has waited for too long.
func (q *orders) expire(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for d, waiting := range q.waiting {
		rest := slices.DeleteFunc(slices.Clone(waiting), func(o *order) bool {
			over := !now.Before(o.Expires)
			if over {
				q.finish(o, commandExpired, "the device was not connected in time", now)
			}
			return over
		})
		if q.waiting[d] = rest; len(rest) == 0 {
			delete(q.waiting, d)
		}
	}
}
