package center

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/journal"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// engine is the one writer: it takes commits from the log, feeds each person's
// Timeline, and writes evidence, verdicts, incidents, audit and log position in
// one transaction. All its fields but mu's are its goroutine's alone.
type engine struct {
	store   *record.Store
	journal *journal.Journal
	hub     *hub
	log     *slog.Logger
	maxLate time.Duration
	settle  time.Duration // of the groups; the default of package health if 0
	keep    record.Retention
	divide  int // how many partitions a new record has

	// Of a divided record (partitions.go): how many partitions there are, and which
	// one this engine evaluates; 0 is the head, or all of what is not divided.
	parts, part int
	partitions  *partitions
	version     int64           // of the roster, of a partition
	handed      chan struct{}   // holds one: a partition has handed something over
	through     record.Progress // of all partitions, as far as the head has taken it; guarded by mu

	roster   *roster.Roster
	groups   groups
	subjects map[em.SubjectID]*subject
	alarms   map[alarm]em.Event // that go on
	speakers speakers
	gateways gateways
	sides    sides
	began    time.Time    // of this run
	runs     []record.Run // this one and those before
	canary   *canary      // nil where there is none
	orders   *orders
	sender   *sender
	clocks   *clocks
	metrics  *metrics
	wakes    deadlines
	dropNext time.Time // when to look for evidence that is kept no longer
	calls    chan call
	stopped  chan struct{} // closed when run has ended: nobody answers calls any more

	written   time.Time  // when the last transaction began
	sightings []sighting // room for those of a step
	feeding   feeding    // … and for what it feeds

	tx *record.Tx // of the present step, through which Timelines read history

	file   *roster.File // to take when first loaded
	state  atomic.Int32 // engineRuns, …
	ever   atomic.Bool  // it has loaded
	paired func()       // the log and the record belong together

	mu    sync.RWMutex // guards what the page reads
	seq   uint64
	views map[em.SubjectID]*view
	shown uint64 // how often the views have changed
	anew  uint64 // of these, the last time that there were others
}

// subject is one person under evaluation.
type subject struct {
	id    em.SubjectID
	tl    *em.Timeline
	due   time.Time // when it is to be woken
	wake  time.Time // by what deadlines has it in order: due, or earlier
	place int       // in deadlines, from 1; 0 where it is not there

	fed []em.Observation // by the step under way: feeding.add
}

type call struct {
	f    func(*step) error
	done chan error
}

// Pace of the engine.
const (
	// wakeEvery is how late a deadline may be noticed.
	wakeEvery = 200 * time.Millisecond
	// commitEvery is the least time from one transaction to the next that takes
	// commits of the log: each costs an fsync and what is written once for all, as
	// much as some ten reports do. A commit that comes alone does not wait.
	commitEvery = 25 * time.Millisecond
	// reportsAtOnce ends a transaction that fills earlier: some tens of milliseconds
	// of work, which calls and deadlines wait for.
	reportsAtOnce = 1024
	// commitsAhead is how many commits may be read ahead of the transaction.
	commitsAhead = 32
	// gridEvery is the grid of Timelines: of the states of each the newest is in
	// memory, and no observation; all else is in the record. Two hours of a report a
	// minute in memory take 300 KB a person, and make late data hardly cheaper.
	gridEvery = 30 * time.Minute
	// maxAhead is how far ahead of ours a device's clock may be.
	maxAhead = 15 * time.Minute
	// quietAtMost is how long nothing is written: a silent writer loses its
	// session, and that another has taken over is learned from a write.
	quietAtMost = 5 * time.Second
)

// States of an engine.
const (
	engineLoads int32 = iota // for the first time
	engineRuns
	engineAway    // the record cannot be reached
	engineStandby // another process evaluates
)

func newEngine(c *Center) *engine {
	return &engine{
		store: c.store, journal: c.journal, hub: c.hub, log: c.log, maxLate: c.opts.MaxLate, settle: c.settle, keep: c.opts.Keep,
		divide: c.opts.Partitions, partitions: c.partitions, handed: make(chan struct{}, 1),
		canary: c.canary, metrics: c.metrics, orders: c.orders, sender: c.sender, clocks: &c.clocks, sides: sides{grid: c.grid},
		calls: make(chan call), stopped: make(chan struct{}), file: c.opts.Roster, paired: c.noteLog,
	}
}

// load makes this process the one that evaluates and takes everything from the
// record, and the first time the people file where there is one. After an error
// the engine is good for nothing but another load; record.ErrOwned is wrapped where
// another process evaluates.
func (e *engine) load(ctx context.Context) error {
	if err := e.store.Own(ctx); err != nil {
		return fmt.Errorf("center: %w", err)
	}
	zones, err := e.store.Zones(ctx)
	if err != nil {
		return err
	}
	persons, err := e.store.Persons(ctx)
	if err != nil {
		return err
	}
	units, err := e.store.Units(ctx)
	if err != nil {
		return err
	}
	recipients, err := e.store.Recipients(ctx)
	if err != nil {
		return err
	}
	var (
		key   []byte
		parts int
	)
	if err := e.store.Update(ctx, func(tx *record.Tx) (err error) {
		if key, err = tx.Secret("draws", randomKey); err == nil && e.canary != nil {
			err = e.canary.identify(tx)
		}
		if err == nil {
			parts, err = tx.Divide(e.divide)
		}
		if err == nil && e.divide > 1 && parts != e.divide {
			err = fmt.Errorf("center: %w: it has %d, not %d", ErrPartitions, max(parts, 1), e.divide)
		}
		return err
	}); err != nil {
		return err
	}
	if err := e.partitions.make(ctx, parts); err != nil {
		return err
	}
	if e.roster, err = roster.Load(key, zones, units, persons, recipients); err != nil {
		return fmt.Errorf("center: stored people and zones: %w", err)
	}
	e.subjects, e.wakes, e.speakers = map[em.SubjectID]*subject{}, nil, speakers{}
	e.mu.Lock()
	e.parts, e.seq, e.through, e.views, e.alarms = parts, 0, record.Progress{}, map[em.SubjectID]*view{}, map[alarm]em.Event{}
	e.shown++
	e.anew = e.shown
	e.mu.Unlock()
	_, err = e.commit(ctx, func(s *step) error {
		if err := s.checkLog(ctx); err != nil {
			return err
		}
		if err := s.loadGateways(); err != nil {
			return err
		}
		if err := s.loadRuns(); err != nil {
			return err
		}
		if err := s.loadSides(); err != nil {
			return err
		}
		if err := s.loadGroups(); err != nil {
			return err
		}
		if err := s.loadAlarms(); err != nil {
			return err
		}
		if err := s.loadCommands(e.orders); err != nil {
			return err
		}
		for _, p := range e.roster.People() {
			s.showPerson(p)
		}
		if err := s.restoreAll(); err != nil {
			return err
		}
		if err := s.showStored(); err != nil {
			return err
		}
		if e.file != nil {
			return s.load(e.file)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("center: %w", err)
	}
	e.file = nil
	e.ever.Store(true)
	e.paired()
	if was := e.state.Swap(engineRuns); was != engineAway && e.canary != nil {
		e.canary.begin()
	}
	return nil
}

// knows reports whether what this process has in memory is what is evaluated.
func (e *engine) knows() bool { return e.ever.Load() && e.state.Load() != engineStandby }

// restoreAll brings all under evaluation whom this engine evaluates.
func (s *step) restoreAll() error {
	for _, u := range s.engine.roster.Units() {
		if err := s.restore(roster.UnitSubject(u.ID), u.Since); err != nil {
			return err
		}
	}
	for _, p := range s.engine.roster.People() {
		if err := s.restore(em.SubjectID(p.ID), p.Since); err != nil {
			return err
		}
	}
	for _, p := range s.engine.roster.AllPairs() {
		if err := s.restore(p.Subject(), p.Order.Since); err != nil {
			return err
		}
	}
	return nil
}

// leaderFor is longer than a server of an external log, which was the leader of its
// cluster, answers with what it has until it sees that the others went on without it.
const leaderFor = 12 * time.Second

// randomKey is a key for em.Draw.
func randomKey() []byte {
	key := make([]byte, 32)
	rand.Read(key)
	return key
}

// ErrPartitions: a record stays divided as it was made.
var ErrPartitions = errors.New("the record was made with other partitions")

// ErrLog: the log and the record in a data folder do not fit each other.
var ErrLog = errors.New("log and record do not belong together")

// checkLog compares where the record and the log stand, before anything else is
// done: a log that has lost what the record has not seen, or is not the
// record's, must not go unnoticed.
func (s *step) checkLog(ctx context.Context) error {
	id, seq, err := s.tx.Position()
	if err != nil {
		return err
	}
	s.seq = seq
	first, last, err := s.journal.Bounds(ctx)
	for begun := time.Now(); err == nil && last < seq && id == s.journal.ID() && time.Since(begun) < leaderFor && wait(ctx, firstRetry); {
		first, last, err = s.journal.Bounds(ctx)
	}
	switch {
	case err != nil:
		return err
	case id == "" && seq == 0:
		id = s.journal.ID() // a new record takes the log that it finds
	case id != s.journal.ID():
		return fmt.Errorf("%w: the record has seen position %d of another log", ErrLog, seq)
	case last < seq:
		return fmt.Errorf("%w: the record has seen position %d, but the log ends at %d", ErrLog, seq, last)
	}
	if last > seq && first > seq+1 {
		return fmt.Errorf("%w: the log begins at %d, but the record has seen only %d; reports in between are gone", ErrLog, first, seq)
	}
	return s.tx.SetLog(id)
}

// passing reports whether an error is of a record or a log that cannot be reached now.
func passing(err error) bool { return record.Unreachable(err) || errors.Is(err, journal.ErrAway) }

// run works until ctx ends; err is what came of the first load. While another
// process evaluates it stands by. While the record or the log cannot be reached it
// waits: devices go on being acknowledged, for what the log holds, and evaluation
// resumes from the last transaction. Any other error is final: the center must stop,
// and a new start resumes in the same way.
func (e *engine) run(ctx context.Context, err error) error {
	defer close(e.stopped)
	for {
		if err == nil {
			err = e.work(ctx)
		}
		if err == nil || ctx.Err() != nil {
			return nil
		}
		for wait := firstRetry; err != nil; wait = min(2*wait, lastRetry) {
			switch {
			case errors.Is(err, record.ErrOwned):
				wait = firstRetry // Own has waited
				if e.state.Swap(engineStandby) != engineStandby {
					e.log.Info("another process evaluates; this one stands by")
					e.hub.cut()
				}
			case !passing(err):
				return err
			case e.state.Swap(engineAway) != engineAway:
				e.log.Error("record or log cannot be reached; evaluation waits", "error", err)
			}
			if !e.decline(ctx, wait) {
				return nil
			}
			// What the last transaction did, and who wrote since, is not known:
			// everything is taken anew.
			err = e.load(ctx)
		}
		e.log.Info("this process evaluates again", "position", e.position())
	}
}

// Waits between attempts to reach the record.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// Why calls are not taken.
var (
	errAway    = fmt.Errorf("%w: the record cannot be reached", web.ErrUnavailable)
	errStandby = fmt.Errorf("%w: another process evaluates; this one stands by", web.ErrUnavailable)
)

// decline refuses calls for some time; false where ctx has ended.
func (e *engine) decline(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case c := <-e.calls:
			if e.state.Load() == engineStandby {
				c.done <- errStandby
			} else {
				c.done <- errAway
			}
		case <-timer.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

// work takes what the log holds, what is asked and what is due, until ctx ends
// or one of them fails.
func (e *engine) work(ctx context.Context) error {
	commits := make(chan journal.Commit, commitsAhead)
	reading, stop := context.WithCancel(ctx)
	readErr := make(chan error, 1)
	from := e.seq
	go func() { readErr <- e.journal.Read(reading, from, commits) }()
	defer func() { stop(); <-readErr }()
	tick := time.NewTicker(wakeEvery)
	defer tick.Stop()
	unhook, err := e.listen()
	if err != nil {
		return err
	}
	defer unhook()
	for {
		var err error
		select {
		case c := <-commits:
			batch := e.gather(ctx, c, commits)
			if err = e.update(ctx, func(s *step) error { return s.commits(batch) }); err == nil {
				free(batch)
			}
		case call := <-e.calls:
			cerr := e.update(ctx, call.f)
			if record.Unreachable(cerr) {
				call.done <- errAway
			} else {
				call.done <- cerr
			}
			if cerr != nil && !errors.Is(cerr, web.ErrBadInput) && !errors.Is(cerr, record.ErrNoIncident) {
				err = cerr
			}
		case <-e.handed:
			err = e.takeOver(ctx)
		case now := <-tick.C:
			if due := e.woken(now); len(due) > 0 || e.groups.due(now) || e.sides.due(now) || now.Sub(e.written) > quietAtMost {
				err = e.update(ctx, func(s *step) error { return s.advance(due) })
			}
			if err == nil {
				err = e.takeOver(ctx)
			}
			if err == nil {
				err = e.drop(ctx, now)
			}
		case err = <-readErr:
			readErr <- err
		case <-ctx.Done():
			return nil
		}
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// gather returns the commits that share the next transaction, from the first one on:
// those that come until its time, and what waits then.
func (e *engine) gather(ctx context.Context, first journal.Commit, commits <-chan journal.Commit) []journal.Commit {
	batch, reports := []journal.Commit{first}, len(first.Entries)
	timer := time.NewTimer(time.Until(e.written.Add(commitEvery)))
	defer timer.Stop()
	for waiting := true; reports < reportsAtOnce && (waiting || len(commits) > 0); {
		select {
		case c := <-commits:
			batch = append(batch, c)
			reports += len(c.Entries)
		case <-timer.C:
			waiting = false
		case <-ctx.Done():
			return batch
		}
	}
	return batch
}

// free gives back the memory of commits that were taken.
func free(batch []journal.Commit) {
	for i := range batch {
		batch[i].Free()
	}
}

// errStopped: the engine has ended.
var errStopped = errors.New("center: the engine has stopped")

// do runs f in the engine's next transaction.
func (e *engine) do(ctx context.Context, f func(*step) error) error {
	c := call{f, make(chan error, 1)}
	select {
	case e.calls <- c:
		return <-c.done
	case <-e.stopped:
		return errStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// update runs f in one transaction and publishes what it decided. If it fails,
// the timelines that it touched are restored from the record.
func (e *engine) update(ctx context.Context, f func(*step) error) error {
	s, err := e.commit(ctx, f)
	if err == nil || s == nil {
		return err
	}
	if s.undo != nil {
		s.undo()
	}
	for _, id := range s.touched {
		e.wakes.remove(e.subjects[id])
		delete(e.subjects, id)
	}
	if len(s.touched) == 0 && !s.grouped && !s.placed {
		return err
	}
	_, again := e.commit(ctx, func(r *step) error {
		if e.part == 0 {
			if err := r.loadGroups(); err != nil {
				return err
			}
		}
		slices.Sort(s.touched)
		for _, id := range slices.Compact(s.touched) {
			var since time.Time
			if p, ok := e.roster.Person(string(id)); ok {
				since = p.Since
			} else if p, ok := e.roster.Pair(id); ok {
				since = p.Order.Since
			} else if d, ok := roster.UnitOf(id); !ok {
				continue
			} else if u, ok := e.roster.Unit(d); ok {
				since = u.Since
			} else {
				continue
			}
			if err := r.restore(id, since); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, again)
}

// commit runs f in one transaction, and shows and tells what it decided. The
// step is nil where none was begun.
func (e *engine) commit(ctx context.Context, f func(*step) error) (s *step, err error) {
	now := time.Now()
	defer func() { e.metrics.committed(s, time.Since(now), err) }()
	err = e.store.Update(ctx, func(tx *record.Tx) error {
		s = e.newStep(ctx, tx, now)
		if err := f(s); err != nil {
			return err
		}
		return s.saveGroups()
	})
	if s != nil {
		s.feeding.end()
	}
	if err != nil {
		return s, err
	}
	e.mu.Lock()
	e.seq = max(e.seq, s.seq)
	e.shown++
	for _, change := range s.views {
		change()
	}
	var v *view
	for i := range s.sightings {
		o := &s.sightings[i]
		if i == 0 || o.subject != s.sightings[i-1].subject {
			v = e.views[o.subject]
		}
		if v != nil {
			o.show(v, e.shown)
		}
	}
	e.mu.Unlock()
	if len(s.sightings) <= roomMost { // those of a start go
		clear(s.sightings)
		e.sightings = s.sightings[:0]
	}
	for _, d := range s.reported {
		e.orders.report(d)
	}
	e.feeding = s.feeding.reuse()
	e.hub.publish(s.feed)
	e.announce(s)
	return s, nil
}

// woken are those whose deadline has come, by ID.
func (e *engine) woken(now time.Time) []*subject {
	due := e.wakes.woken(nil, now)
	slices.SortFunc(due, func(a, b *subject) int { return cmp.Compare(a.id, b.id) })
	return due
}

func (e *engine) position() uint64 {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.parts > 0 {
		return e.through.Seq
	}
	return e.seq
}
