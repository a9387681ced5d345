package center

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/protocol"
)

// strange reports whether the head keeps a frame: nobody is known to carry a device
// in it, or who sent it.
func (s *step) strange(r *protocol.Report, f *protocol.ReportFrame) bool {
	if s.roster.Carrier(r.Device, r.Received) == "" {
		return true
	}
	for i := range f.Observations {
		if s.roster.Carrier(f.Observations[i].Device, f.Observations[i].At) == "" {
			return true
		}
	}
	return false
}

// takeOver takes what partitions have handed to the head, and learns how far they
// are.
func (e *engine) takeOver(ctx context.Context) error {
	for whole := e.parts == 0; !whole; {
		if err := e.update(ctx, func(s *step) error {
			all, p, last, err := s.tx.TakeOver(e.parts)
			if err != nil {
				return err
			}
			whole = last
			for i := range all {
				if err := s.take(&all[i]); err != nil {
					return err
				}
			}
			if whole {
				s.views = append(s.views, func() { s.engine.through = record.Progress{Seq: min(p.Seq, s.engine.seq), Version: p.Version} })
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// enter does what do does, with a change of people, zones or units, and waits until
// it is judged by, as far as that is soon: it is in the record, whatever happens.
func (e *engine) enter(ctx context.Context, f func(*step) error) error {
	var v int64
	err := e.do(ctx, func(s *step) error {
		err := f(s)
		v = s.put
		return err
	})
	if err != nil || v == 0 {
		return err
	}
	for begun := time.Now(); time.Since(begun) < judgedWithin; {
		e.mu.RLock()
		seen := e.through.Version
		e.mu.RUnlock()
		if seen >= v || !wait(ctx, judgedEvery) {
			break
		}
	}
	return nil
}

// How long a change of the roster is waited for, and how often one looks.
const (
	judgedWithin = 10 * time.Second
	judgedEvery  = 5 * time.Millisecond
)

// take lets the policy act on what a partition has decided.
func (s *step) take(h *record.Handed) error {
	if a := h.Audit; a != nil {
		return s.tx.Audit(s.now, a.Actor, a.Action, a.Target, a.Detail)
	}
	c := &h.Change
	s.knew, s.entering = h.Knowable, h.Rules
	defer func() { s.knew, s.entering, s.feeds = time.Time{}, false, nil }()
	if !h.Received.IsZero() {
		s.feeds = []em.Observation{{ID: c.Cause, Received: h.Received}}
	}
	if err := s.incident(c); err != nil {
		return err
	}
	if err := s.group(c); err != nil {
		return err
	}
	return s.sidesChanged(c.Event.Subject, []em.Change{*c})
}

// listen lets partitions wake the head.
func (e *engine) listen() (unhook func(), err error) {
	if e.parts == 0 {
		return func() {}, nil
	}
	sub, err := e.journal.Conn().Subscribe(handedSubject, func(*nats.Msg) {
		select {
		case e.handed <- struct{}{}:
		default: // one is enough
		}
	})
	if err != nil {
		return nil, fmt.Errorf("center: %w", err)
	}
	return func() { sub.Unsubscribe() }, nil
}

// announce tells the others that they may go on.
func (e *engine) announce(s *step) {
	if e.parts == 0 {
		return
	}
	// What is lost is found at the next tick.
	if e.part == 0 && (s.seq > 0 || s.put > 0) {
		e.version = max(e.version, s.put)
		e.journal.Conn().Publish(positionSubject, fmt.Appendf(nil, "%d %d", e.seq, e.version))
	}
	if s.handing || e.part > 0 && s.put > 0 {
		e.journal.Conn().Publish(handedSubject, nil)
	}
}

// evidence returns where what is known of a subject is to be read.
func (e *engine) evidence(ctx context.Context, id em.SubjectID) (*record.Store, error) {
	e.mu.RLock()
	parts := e.parts
	e.mu.RUnlock()
	if parts == 0 || id == systemSubject {
		return e.store, nil
	}
	s, err := e.partitions.read(ctx, partOf(id, parts))
	if err != nil {
		return nil, err
	}
	return s, s.Refresh(ctx)
}

// counts says how much the whole record holds.
func (e *engine) counts(ctx context.Context) (record.Counts, error) {
	all, err := e.store.Counts(ctx)
	if err != nil {
		return all, err
	}
	n, _, err := e.store.Partitions(ctx)
	for part := 1; part <= n && err == nil; part++ {
		var s *record.Store
		if s, err = e.partitions.read(ctx, part); err != nil {
			break
		}
		var of record.Counts
		of, err = s.Counts(ctx)
		all.Frames += of.Frames
		all.FrameErrors += of.FrameErrors
		all.Observations += of.Observations
		all.Fixes += of.Fixes
		all.Receptions += of.Receptions
		all.Events += of.Events
		all.Position = min(all.Position, of.Position)
	}
	return all, err
}

// showParts fills the views of a new start from the partitions.
func (s *step) showParts() error {
	for part := 1; part <= s.parts; part++ {
		store, err := s.partitions.read(s.ctx, part)
		if err != nil {
			return err
		}
		t, end, err := store.Snapshot(s.ctx)
		if err != nil {
			return err
		}
		for _, p := range s.engine.roster.People() {
			id := em.SubjectID(p.ID)
			if partOf(id, s.parts) != part {
				continue
			}
			if err := s.showLatest(t, id); err != nil {
				end()
				return err
			}
		}
		end()
	}
	return nil
}
