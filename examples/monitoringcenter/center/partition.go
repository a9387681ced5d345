package center

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/journal"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
	"github.com/sargas-em/em/protocol"
)

// loadPart takes everything of a partition from its record.
func (e *engine) loadPart(ctx context.Context) error {
	_, err := e.commit(ctx, func(s *step) error {
		var err error
		if e.version, err = s.tx.SeenVersion(); err != nil {
			return err
		}
		key, err := s.tx.HeadSecret("draws")
		if err != nil {
			return err
		}
		zones, units, people, err := s.tx.DocsAt(e.version)
		if err != nil {
			return err
		}
		if e.roster, err = roster.Load(key, zones, units, people, nil); err != nil {
			return fmt.Errorf("center: stored people and zones: %w", err)
		}
		e.subjects, e.wakes, e.views = map[em.SubjectID]*subject{}, nil, map[em.SubjectID]*view{}
		if err := s.checkLog(ctx); err != nil {
			return err
		}
		return s.restoreAll()
	})
	return err
}

// errBehind: what is to be borrowed is not there yet.
var errBehind = errors.New("center: another partition is behind")

// workPart judges what the log holds, up to where the head is, and what is due, until
// ctx ends or something fails: then the partition is loaded anew, here or elsewhere.
func (e *engine) workPart(ctx context.Context) error {
	commits := make(chan journal.Sealed, commitsAhead)
	reading, stop := context.WithCancel(ctx)
	readErr := make(chan error, 1)
	from := e.seq
	go func() { readErr <- e.journal.ReadSealed(reading, from, commits) }()
	defer func() { stop(); <-readErr }()
	var at struct { // where the head says it is
		sync.Mutex
		record.Progress
	}
	told := make(chan struct{}, 1) // it has said so
	sub, err := e.journal.Conn().Subscribe(positionSubject, func(m *nats.Msg) {
		var p record.Progress
		if _, err := fmt.Sscan(string(m.Data), &p.Seq, &p.Version); err != nil {
			return
		}
		at.Lock()
		at.Seq, at.Version = max(at.Seq, p.Seq), max(at.Version, p.Version)
		at.Unlock()
		select {
		case told <- struct{}{}:
		default: // one is enough
		}
	})
	if err != nil {
		return fmt.Errorf("center: %w", err)
	}
	defer sub.Unsubscribe()
	tick := time.NewTicker(wakeEvery)
	defer tick.Stop()
	var (
		waiting []ahead
		again   <-chan time.Time // when to ask again for what is borrowed
		later   <-chan time.Time // when to take what waits
	)
	for {
		in := commits
		if len(waiting) >= aheadMost {
			in = nil
		}
		look := false
		select {
		case c := <-in:
			for waiting = append(waiting, ahead{Sealed: c}); len(waiting) < aheadMost && len(commits) > 0; {
				waiting = append(waiting, ahead{Sealed: <-commits})
			}
		case <-told:
		case <-tick.C:
			look = true
		case <-again:
			look = true
		case <-later:
			look = true
		case err := <-readErr:
			readErr <- err
			return err
		case <-ctx.Done():
			return nil
		}
		at.Lock()
		head := at.Progress
		at.Unlock()
		entered := head.Version > e.version && again == nil
		full := len(waiting) >= aheadMost && waiting[0].Seq <= head.Seq
		if !look && !entered && !full {
			if later == nil && e.concerned(waiting, head.Seq) {
				later = time.After(time.Until(e.written.Add(e.partitions.pace())))
			}
			continue
		}
		again, later = nil, nil
		for more := true; more && ctx.Err() == nil; {
			if more, err = e.turn(ctx, &waiting); errors.Is(err, errBehind) {
				more, again = false, time.After(behindWait)
			} else if err != nil {
				return err
			}
		}
		if err := e.drop(ctx, time.Now()); err != nil {
			return err
		}
	}
}

// ahead is a commit that waits for the head, not decoded: by which roster it is to be
// judged is not known yet, and so not whom it concerns.
type ahead struct {
	journal.Sealed
	by    *roster.Roster // by which it was looked at
	found bool           // then, something of this partition
}

// concerned reports whether a report up to where the head is may concern a subject
// of this partition. What does not is taken with what does, or at the next tick.
func (e *engine) concerned(waiting []ahead, head uint64) bool {
	for i := range waiting {
		a := &waiting[i]
		if a.Seq > head {
			return false
		}
		if a.by != e.roster {
			a.by, a.found = e.roster, a.Has(e.wants)
		}
		if a.found {
			return true
		}
	}
	return false
}

// wants reports whether what a device reports may concern a subject of this
// partition, at whatever time.
func (e *engine) wants(d em.DeviceID) bool {
	for _, id := range e.roster.Carriers(d) {
		if _, unit := roster.UnitOf(id); unit || e.mine(id) {
			return true // a resident of the unit may be one
		}
		for _, p := range e.roster.Pairs(string(id)) {
			if e.mine(p.Subject()) {
				return true
			}
		}
	}
	return false
}

// turn takes what waits up to where the head is and the next version of the roster,
// or that version alone once it is there; again is true where more is to be done.
func (e *engine) turn(ctx context.Context, waiting *[]ahead) (again bool, err error) {
	var (
		v     *record.Version
		rest  = *waiting
		batch []journal.Commit
	)
	_, err = e.commit(ctx, func(s *step) error {
		head, err := s.tx.HeadPosition()
		if err != nil {
			return err
		}
		if v, err = s.tx.NextVersion(e.version); err != nil {
			return err
		}
		if v != nil {
			head = min(head, v.Seq)
		}
		for reports := 0; len(rest) > 0 && reports < reportsAtOnce && rest[0].Seq <= head; rest = rest[1:] {
			c, err := rest[0].Open(e.wants)
			if err != nil {
				return err
			}
			batch = append(batch, c)
			reports += len(c.Entries)
		}
		if len(batch) > 0 {
			if err := s.commits(batch); err != nil {
				return err
			}
		}
		again = len(rest) > 0 && rest[0].Seq <= head
		return s.advance(e.woken(s.now))
	})
	if err != nil {
		return false, err
	}
	free(batch)
	*waiting = rest
	if v == nil || v.Seq > e.seq {
		return again, nil
	}
	return true, e.update(ctx, func(s *step) error { return s.takeVersion(v) })
}

// takeVersion judges by the next version of the roster.
func (s *step) takeVersion(v *record.Version) error {
	defer s.giveBack()
	s.entered = v.At
	if _, seq, err := s.tx.Position(); err != nil {
		return err
	} else if seq < v.Seq {
		return fmt.Errorf("center: version %d of the roster is of %d, and the partition at %d", v.N, v.Seq, seq)
	} else {
		s.seq = seq
	}
	next := s.engine.roster
	var (
		zones  []byte
		units  []roster.Unit
		people []roster.Person
	)
	for _, d := range v.Docs {
		switch d.Kind {
		case record.DocZone:
			if zones != nil {
				zones = append(zones, ',')
			}
			zones = append(zones, d.JSON...)
		case record.DocUnit:
			u, err := roster.ParseUnit(d.JSON)
			if err != nil {
				return fmt.Errorf("center: version %d: %w", v.N, err)
			}
			units = append(units, u)
		case record.DocPerson:
			p, err := roster.ParsePerson(d.JSON)
			if err != nil {
				return fmt.Errorf("center: version %d: %w", v.N, err)
			}
			people = append(people, p)
		}
	}
	var err error
	if zones != nil {
		next, err = next.WithZones([]byte(`{"type":"FeatureCollection","features":[` + string(zones) + `]}`))
	}
	if err == nil && units != nil {
		next, err = next.WithUnits(v.At, units...)
	}
	if err == nil && people != nil {
		next, err = next.With(v.At, people...)
	}
	if err != nil {
		return fmt.Errorf("center: version %d: %w", v.N, err)
	}
	if v.Zones {
		people = next.People()
	}
	was := s.version
	if err := s.adopt("", next, units, people); err != nil {
		return err
	}
	undo := s.undo
	s.undo = func() { undo(); s.engine.version = was }
	s.engine.version, s.put = v.N, v.N
	return s.tx.SeeVersion(v.N)
}

// share keeps of a report what concerns this partition's subjects, and sorts it by
// subject.
func (s *step) share(seq uint64, r *protocol.Report) error {
	s.latest = r.Received
	carried := s.roster.Carried(r.Device) // which most observations are of
	carrier := func(o *em.Observation) em.SubjectID {
		if o.Device == r.Device {
			return carried.By(o.At)
		}
		return s.roster.Carrier(o.Device, o.At)
	}
	var sub *subject // that the last observation was of
	for i := range r.Frames {
		f := &r.Frames[i]
		var frame int64
		keep := func() (err error) { // the frame, once
			if frame == 0 {
				frame, err = s.tx.AddFrame(seq, r, f)
			}
			return err
		}
		take := func(o em.Observation, id em.SubjectID) error {
			if !s.mine(id) {
				return nil
			}
			if err := keep(); err != nil {
				return err
			}
			o, err := s.tx.Witness(o, id, frame)
			if err != nil {
				return err
			}
			if sub, err = s.find(sub, id); err != nil {
				return err
			}
			s.feeding.add(sub, &o, len(f.Observations))
			return nil
		}
		if id := carried.By(r.Received); len(f.Observations) == 0 && id != "" && s.mine(id) {
			if err := keep(); err != nil {
				return err
			}
		}
		for _, o := range f.Observations {
			id := carrier(&o)
			if id == "" {
				continue // the head keeps it
			}
			if s.mine(id) {
				if err := keep(); err != nil {
					return err
				}
				var err error
				if o, id, err = s.tx.AddObservation(o, id, frame); err != nil {
					return err
				}
				if sub, err = s.find(sub, id); err != nil {
					return err
				}
				s.feeding.add(sub, &o, len(f.Observations))
			}
			if err := s.concerns(&o, id, func(other em.SubjectID) error { return take(o, other) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// audit writes an entry of the center's own: the head has the audit.
func (s *step) audit(action, target string, detail any) error {
	if s.part == 0 {
		return s.tx.Audit(s.now, "center", action, target, detail)
	}
	e, err := record.NewEntry("center", action, target, detail)
	if err != nil {
		return err
	}
	s.handing = true
	return s.tx.HandOver(record.Handed{Audit: e})
}

// handOver gives the head what a Timeline has decided.
func (s *step) handOver(changes []em.Change) error {
	for i := range changes {
		c := &changes[i]
		s.handing = true
		received, _ := s.reception(c.Cause)
		if err := s.tx.HandOver(record.Handed{Change: *c, Knowable: s.knowable(c), Received: received, Rules: s.entering}); err != nil {
			return err
		}
	}
	return nil
}
