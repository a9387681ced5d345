package center

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

// Evaluation scales to several processes where the record is divided (package
// record). One process has the head: it reads the log first, keeps people, what
// nobody's devices report, incidents, notices and the audit, and shows page and API,
// as the one that evaluates does where the record is not divided. All processes, that
// one too, share the partitions, each of which judges its own subjects, by the hash of
// their IDs:
//
//	log ─ head ──────────→ position, roster as of positions
//	  └── partitions 1 … n, never beyond the head's position
//	        evidence, Timelines → changes → head: incidents, groups, notices
//
// A pair is a subject of its own, and so is a home unit; their partition takes both
// persons' reports, or the partitions of its residents the unit's, from the log.
// Whoever owns a partition holds a lock of the database with the session that writes
// it (record.ErrLost): two never do. When a process ends the others take its share;
// when one joins they hand some over.

// Where a head says how far it is, and a partition that it has something for the
// head. Both only save time: who hears nothing looks at the record now and then.
const (
	positionSubject = "em.position"
	handedSubject   = "em.handed"
)

// Pace of partitions.
const (
	// shareEvery is how often a process sees which partitions it is to have.
	shareEvery = 500 * time.Millisecond
	// aheadMost bounds the commits that a partition holds while the head is behind.
	aheadMost = 4 * commitsAhead
	// behindWait is until a partition asks again for what it borrows.
	behindWait = 20 * time.Millisecond
)

func (o *Options) checkPartitions() error {
	switch {
	case o.Partitions < 0 || o.Partitions > record.PartitionsMost:
		return fmt.Errorf("center: %d partitions: there can be 1 to %d", o.Partitions, record.PartitionsMost)
	case o.Partitions > 1 && !record.IsURL(o.Record):
		return errors.New("center: partitions need a record in a PostgreSQL database")
	}
	return nil
}

// partOf returns which partition of n judges a subject; 0 for nobody. It never
// changes: what is stored lies by it.
func partOf(id em.SubjectID, n int) int {
	if id == "" {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(id))
	sum := h.Sum64()
	return 1 + int((sum^sum>>32)%uint64(n))
}

// mine reports whether this engine judges a subject, or keeps what is nobody's.
func (e *engine) mine(id em.SubjectID) bool { return e.parts == 0 || partOf(id, e.parts) == e.part }

// partitions are what a process does with those of its record.
type partitions struct {
	c *Center

	lending sync.Mutex   // of whom holds snapshots of several
	owned   atomic.Int64 // how many this process evaluates

	mu    sync.Mutex
	reads map[int]*record.Store // for reading
}

// read returns a store for reading a partition, which Snapshot or Refresh
// makes current.
func (p *partitions) read(ctx context.Context, part int) (*record.Store, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.reads[part]; s != nil {
		return s, nil
	}
	s, err := p.c.store.Partition(ctx, part)
	if err == nil {
		if p.reads == nil {
			p.reads = map[int]*record.Store{}
		}
		p.reads[part] = s
	}
	return s, err
}

func (p *partitions) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.reads {
		s.Close()
	}
	p.reads = nil
}

// make makes the tables of all partitions that have none yet.
func (p *partitions) make(ctx context.Context, n int) error {
	for part := 1; n > 0; part = part%n + 1 {
		if made, err := p.c.store.Made(ctx, n); err != nil || made {
			return err
		}
		s, err := p.c.store.Partition(ctx, part)
		if err != nil {
			return err
		}
		// One that is owned is made already, or by another process now.
		if err := errors.Join(s.Own(ctx), s.Close()); err != nil && !errors.Is(err, record.ErrOwned) {
			return fmt.Errorf("center: partition %d: %w", part, err)
		}
	}
	return nil
}

// pace is the least time from one transaction of a partition to its next one that takes
// commits of the log: those of all that this process evaluates are together no more
// than one engine's of all would be, but at least one a tick.
func (p *partitions) pace() time.Duration {
	return min(time.Duration(max(p.owned.Load(), 1))*commitEvery, wakeEvery)
}

// wait waits; false where ctx has ended.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// owned is a partition that this process evaluates.
type owned struct {
	stop func()
	err  error // once done is closed
	done chan struct{}
}

// run evaluates this process's share of the partitions until ctx ends.
func (p *partitions) run(ctx context.Context) error {
	var (
		n     int
		here  *record.Presence
		mine  = map[int]*owned{}
		first = 0 // where to look for a free one
	)
	defer func() {
		for _, o := range mine {
			o.stop()
		}
		for _, o := range mine {
			<-o.done
		}
		if here != nil {
			here.Close()
		}
	}()
	for ; wait(ctx, shareEvery); first++ {
		p.owned.Store(int64(len(mine)))
		for part, o := range mine {
			select {
			case <-o.done:
				delete(mine, part)
				if o.err != nil && !passing(o.err) && ctx.Err() == nil {
					return fmt.Errorf("partition %d: %w", part, o.err)
				}
				if o.err != nil {
					p.c.log.Error("a partition's record or the log cannot be reached; another process may take it", "partition", part, "error", o.err)
				}
			default:
			}
		}
		if n == 0 {
			var known bool
			if n, known, _ = p.c.store.Partitions(ctx); known && n == 0 {
				return nil
			} else if n == 0 { // it may be divided yet
				continue
			}
		}
		live, taken, err := p.look(ctx, &here)
		if err != nil {
			continue
		}
		share := (n + live - 1) / live
		for part, o := range mine {
			if len(mine) <= share {
				break
			}
			o.stop()
			<-o.done
			delete(mine, part)
		}
		for i := 0; i < n && len(mine) < share && ctx.Err() == nil; i++ {
			part := 1 + (first+i)%n
			if mine[part] != nil || taken[part] {
				continue
			}
			o, err := p.own(ctx, part, n)
			if err != nil && !record.Unreachable(err) && ctx.Err() == nil {
				return fmt.Errorf("partition %d: %w", part, err)
			}
			if o != nil {
				mine[part] = o
			}
		}
	}
	return nil
}

// look tells how many processes share the partitions, and which are taken.
func (p *partitions) look(ctx context.Context, here **record.Presence) (live int, taken map[int]bool, err error) {
	if *here == nil {
		if *here, err = p.c.store.Present(ctx); err != nil {
			return 0, nil, err
		}
	}
	if live, taken, err = (*here).Look(ctx); err != nil {
		(*here).Close()
		*here = nil
	}
	return max(live, 1), taken, err
}

// own begins to evaluate a partition, if nobody does.
func (p *partitions) own(ctx context.Context, part, n int) (*owned, error) {
	s, err := p.c.store.Partition(ctx, part)
	if err != nil {
		return nil, err
	}
	if err := s.Own(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	e := newEngine(p.c)
	e.store, e.part, e.parts, e.canary, e.file = s, part, n, nil, nil
	ctx, cancel := context.WithCancel(ctx)
	o := &owned{stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(o.done)
		err := e.loadPart(ctx)
		if err == nil {
			err = e.workPart(ctx)
		}
		if ctx.Err() == nil {
			o.err = err
		}
		cancel()
		s.Close()
	}()
	return o, nil
}
