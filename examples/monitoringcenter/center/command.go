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
	"github.com/sargas-em/em/examples/monitoringcenter/center/dispatch"
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
	commandHanded  = "handed" // a gateway has it; whether it was sent is not known
	commandSent    = "sent"
	commandFailed  = "failed"
	commandExpired = "expired" // it was never sent
)

// orders are the commands that are not final. A command waits until its device
// is connected, at whichever gateway, is noted as handed and then given to that
// gateway, and, should its connection end before it was sent, waits for the next
// one, until it expires. What was noted as handed is given to nobody else unless
// the gateway says that the device has not heard of it: a device hears a command
// once at most, whichever process dies.
type orders struct {
	c     *Center
	kick  chan struct{} // holds one
	bus   *dispatch.Center
	began time.Time

	mu      sync.Mutex
	all     map[string]*order        // until their end is in the record; by key
	waiting map[em.DeviceID][]*order // not with a gateway, oldest first
	count   map[em.DeviceID]int      // of all
	heard   map[em.DeviceID]bool     // devices with waiting commands that have reported
	moves   []move                   // not in the record yet, in order
}

type order struct {
	record.Command
	what     protocol.Command
	handed   bool
	attempt  int64 // to hand it; 0 where a start before this one did
	sent     bool
	over     bool
	deadline time.Time // of a handed one: from then on somebody must know it
}

// key names a command for ever, also beside another record's of the same number.
func (o *order) key() string { return fmt.Sprintf("%d.%d", o.ID, o.Created.UnixNano()) }

// limit is how long the device has to answer.
func (o *order) limit() time.Duration { return cmp.Or(o.what.Timeout, 5*time.Minute) }

// overdue is how long after its time a handed command may be unknown to all
// gateways before it has failed: a gateway may be out of reach for a moment.
const overdue = 10 * time.Second

// move is a change of a command's state.
type move struct {
	o      *order
	state  string
	reason string
	at     time.Time
	final  bool
}

func newOrders(c *Center) *orders {
	q := &orders{c: c, kick: make(chan struct{}, 1), began: time.Now()}
	q.forget()
	return q
}

func (q *orders) wake() {
	select {
	case q.kick <- struct{}{}:
	default: // one is enough
	}
}

// take takes a command from somebody: it is in the record when this returns.
func (q *orders) take(ctx context.Context, actor string, device em.DeviceID, n web.NewCommand) (web.Command, error) {
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
		s.views = append(s.views, func() { q.add(o) })
		return nil
	})
	return view, err
}

// add takes an order into memory once it is in the record.
func (q *orders) add(o *order) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.all[o.key()] = o
	q.count[o.Device]++
	if o.handed {
		return
	}
	q.waiting[o.Device] = append(q.waiting[o.Device], o)
	q.heard[o.Device] = true // if it is connected
	q.wake()
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

// forget drops all that is in memory. mu is held, or nobody else is there.
func (q *orders) forget() {
	q.all, q.waiting, q.count, q.heard = map[string]*order{}, map[em.DeviceID][]*order{}, map[em.DeviceID]int{}, map[em.DeviceID]bool{}
	q.moves = nil
}

// loadCommands takes up what is not final in the record, and that alone: while the
// record was away another process may have gone on with it. Gateways are asked for
// what they have; with an embedded log the gateway of a start before this one has
// ended, and nobody knows.
func (s *step) loadCommands(q *orders) error {
	open, err := s.tx.OpenCommands()
	if err != nil {
		return err
	}
	s.views = append(s.views, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.forget()
	})
	for _, c := range open {
		o := &order{Command: c}
		var n web.NewCommand
		if err := json.Unmarshal(c.Doc, &n); err != nil {
			return fmt.Errorf("center: stored command: %w", err)
		}
		o.what = n.Command()
		o.sent = c.State == commandSent
		o.handed = o.sent || c.State == commandHanded
		o.deadline = c.Changed.Add(o.limit() + overdue)
		if !o.handed || !s.journal.Embedded() || c.Changed.After(q.began) {
			s.views = append(s.views, func() { q.add(o) })
			continue
		}
		if err := s.moveCommand(move{o: o, state: commandFailed, reason: lostReason, at: s.now, final: true}); err != nil {
			return err
		}
	}
	return nil
}

const lostReason = "the center lost the connection before the answer; the device may have heard it"

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

// run gives commands to gateways and writes what becomes of them, until ctx ends.
func (q *orders) run(ctx context.Context) error {
	tick := time.NewTicker(time.Second) // to see what expires, what was not taken, and steps that were not told
	defer tick.Stop()
	for {
		all := false
		select {
		case <-q.kick:
		case now := <-tick.C:
			q.expire(now)
			all = true
		case <-ctx.Done():
			return nil
		}
		err := errors.Join(q.deliver(ctx, all), q.write(ctx))
		switch {
		case err == nil || ctx.Err() != nil || errors.Is(err, web.ErrUnavailable) || errors.Is(err, errStopped):
		case errors.Is(err, dispatch.ErrBus):
			q.c.log.Debug("commands wait", "error", err)
		default:
			return err
		}
	}
}

// last takes what gateways say of commands when the links of this process have
// ended, and writes it.
func (q *orders) last(ctx context.Context) error {
	return errors.Join(q.poll(ctx, time.Time{}), q.write(ctx))
}

// write puts the moves into the record. What could not be written is written the
// next time.
func (q *orders) write(ctx context.Context) error {
	q.mu.Lock()
	moves := slices.DeleteFunc(q.moves, func(m move) bool { return q.all[m.o.key()] != m.o }) // the record was loaded since
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
		if !m.final || q.all[m.o.key()] != m.o {
			continue
		}
		delete(q.all, m.o.key())
		if q.count[m.o.Device]--; q.count[m.o.Device] == 0 {
			delete(q.count, m.o.Device)
		}
	}
	return nil
}

// deliver gives waiting commands to the gateways of devices that are there: of
// those that were heard of, or of all, and then asks how far the others have come.
func (q *orders) deliver(ctx context.Context, all bool) error {
	q.mu.Lock()
	devices := slices.Sorted(maps.Keys(q.heard))
	if all {
		devices = slices.Sorted(maps.Keys(q.waiting))
	}
	clear(q.heard)
	q.mu.Unlock()
	if len(devices) > 0 {
		with, _, err := q.bus.Find(ctx, devices, nil)
		if err != nil {
			return err
		}
		if err := q.hand(ctx, with); err != nil {
			return err
		}
	}
	if all {
		return q.poll(ctx, time.Now())
	}
	return nil
}

// hand notes the waiting commands of devices as handed, in the record first, and
// then gives each to the gateway that its device is with.
func (q *orders) hand(ctx context.Context, with map[em.DeviceID]string) error {
	now := time.Now().Round(0).UTC()
	var ready []*order
	q.mu.Lock()
	for _, d := range slices.Sorted(maps.Keys(with)) {
		var rest []*order
		for _, o := range q.waiting[d] {
			if !now.Before(o.Expires) {
				rest = append(rest, o)
				continue
			}
			o.handed, o.attempt, o.deadline = true, now.UnixNano(), now.Add(o.limit()+overdue)
			q.moves = append(q.moves, move{o, commandHanded, "", now, false})
			ready = append(ready, o)
		}
		if q.waiting[d] = rest; len(rest) == 0 {
			delete(q.waiting, d)
		}
	}
	q.mu.Unlock()
	if err := q.write(ctx); err != nil {
		q.mu.Lock()
		defer q.mu.Unlock()
		for _, o := range ready { // nothing was given
			q.back(o, now)
		}
		return err
	}
	for _, o := range ready {
		what := o.what
		what.Timeout = min(o.limit(), o.Expires.Sub(now))
		err := dispatch.ErrNotTaken
		if ctx.Err() == nil { // what has begun is brought to an end, so that it is known how
			err = q.bus.Give(context.WithoutCancel(ctx), with[o.Device], dispatch.Order{Key: o.key(), Attempt: o.attempt, Device: o.Device, Command: what})
		}
		q.mu.Lock()
		switch {
		case errors.Is(err, dispatch.ErrNever):
			q.finish(o, commandFailed, err.Error(), now)
		case errors.Is(err, dispatch.ErrNotTaken): // it is busy, or gone
			q.back(o, now)
		}
		// With any other error, poll learns whether the gateway has it.
		q.mu.Unlock()
	}
	return nil
}

// poll asks how far handed commands have come. Those that nobody knows at their
// deadline have failed.
func (q *orders) poll(ctx context.Context, now time.Time) error {
	q.mu.Lock()
	var keys []string
	for k, o := range q.all {
		if o.handed && !o.over {
			keys = append(keys, k)
		}
	}
	q.mu.Unlock()
	if len(keys) == 0 {
		return nil
	}
	slices.Sort(keys)
	_, steps, err := q.bus.Find(ctx, nil, keys)
	if err != nil {
		return err
	}
	for _, k := range keys {
		told, known := steps[k]
		for _, s := range told {
			q.told(s)
		}
		q.mu.Lock()
		if o := q.all[k]; !known && o != nil && o.handed && !o.over && now.After(o.deadline) {
			q.finish(o, commandFailed, lostReason, now)
		}
		q.mu.Unlock()
	}
	return nil
}

// back lets a handed order wait again, in its place. mu is held.
func (q *orders) back(o *order, at time.Time) {
	if q.all[o.key()] != o { // the record was loaded meanwhile
		return
	}
	o.handed = false
	q.moves = append(q.moves, move{o, commandQueued, "", at.UTC(), false})
	w := append(q.waiting[o.Device], o)
	slices.SortFunc(w, func(a, b *order) int { return cmp.Compare(a.ID, b.ID) })
	q.waiting[o.Device] = w
	q.wake()
}

// finish ends an order. mu is held.
func (q *orders) finish(o *order, state, reason string, at time.Time) {
	o.over = true
	q.moves = append(q.moves, move{o, state, reason, at.UTC(), true})
	q.wake()
}

// told takes a step of an order at its gateway; one may come twice, or behind its
// time.
func (q *orders) told(s dispatch.Step) {
	q.mu.Lock()
	defer q.mu.Unlock()
	o := q.all[s.Key]
	switch {
	case o == nil || o.over || !o.handed || o.attempt != 0 && s.Attempt != o.attempt:
	case s.Unsent:
		q.back(o, s.At) // for its next connection
	case s.State == protocol.DeliverySent && s.Final:
		q.finish(o, commandSent, "the dialect has no answer to it", s.At)
	case s.Final:
		q.finish(o, s.State.String(), s.Reason, s.At)
	case s.State == protocol.DeliverySent && !o.sent:
		o.sent = true
		q.moves = append(q.moves, move{o, commandSent, "", s.At, false})
		q.wake()
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
