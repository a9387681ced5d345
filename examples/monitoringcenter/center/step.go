package center

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/journal"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
	"github.com/sargas-em/em/protocol"
)

// step is one transaction of the engine.
type step struct {
	*engine
	tx    *record.Tx
	now   time.Time
	seq   uint64
	feed  []record.FeedItem
	views []func() // changes of views, applied under mu once the transaction is through
	feeding
	sightings []sighting  // what views are told behind those changes
	undo      func()      // takes back a change of the roster
	grouped   bool        // the groups have changed
	placed    bool        // … by who is placed where
	raised    []em.Detail // of new incidents
	latest    time.Time   // when the last report of the log's was received

	feeds    []em.Observation // to the subject that is fed
	heard    time.Time        // when the latest of it was received
	knew     time.Time        // when what a partition has handed over could be known
	handing  bool             // something is handed to the head
	put      int64            // the version of the roster that this step makes
	entered  time.Time        // when the rules were, that a partition takes over from the head
	lenders  map[int]lender   // that a partition borrows from
	fresh    map[em.SubjectID][]em.Observation
	ctx      context.Context
	entering bool                        // rules are entered
	pairs    map[em.SubjectID][]em.Event // as sides will have them
}

func (e *engine) newStep(ctx context.Context, tx *record.Tx, now time.Time) *step {
	e.tx, e.written = tx, now
	return &step{engine: e, tx: tx, ctx: ctx, now: now.Round(0).UTC(), feeding: e.newFeeding(), sightings: e.sightings[:0]}
}

// commits takes what the log holds next.
func (s *step) commits(batch []journal.Commit) error {
	for i := range batch {
		c := &batch[i]
		for next := range slices.Chunk(c.Entries, prefetched) {
			s.prefetchReports(next)
			for k := range next {
				if err := s.entry(c, &next[k]); err != nil {
					return err
				}
			}
		}
		s.seq = c.Seq
	}
	for next := range slices.Chunk(s.inOrder(), prefetched) {
		prefetchSubjects(next)
		for _, sub := range next {
			if err := s.feedSubject(sub, sub.fed); err != nil {
				return err
			}
		}
	}
	return s.tx.SetPosition(s.seq)
}

// entry takes one entry of a commit.
func (s *step) entry(c *journal.Commit, e *journal.Entry) error {
	if s.part > 0 {
		return s.share(c.Seq, &e.Report)
	}
	if ok, err := s.gateway(c.Gateway, &e.Report); ok || err != nil {
		return err
	}
	carried := s.roster.Carried(e.Device) // which most observations are of
	if err := s.report(c.Seq, &e.Report, carried); err != nil {
		return err
	}
	return s.identity(c.Gateway, e, carried)
}

// report stores one report, of a device that is carried so, and sorts its
// observations by person.
func (s *step) report(seq uint64, r *protocol.Report, carried roster.Carried) error {
	s.latest = r.Received
	if s.canary.of(r.Device) {
		s.views = append(s.views, func() { s.canary.note(time.Now(), r.Received) })
		return nil
	}
	s.clocks.note(r)
	s.reported = append(s.reported, r.Device)
	most := 0 // observations of the report
	for i := range r.Frames {
		most += len(r.Frames[i].Observations)
	}
	carrier := func(o *em.Observation) em.SubjectID {
		if o.Device == r.Device {
			return carried.By(o.At)
		}
		return s.roster.Carrier(o.Device, o.At)
	}
	var sub *subject                // that the last observation was of
	var unknown map[em.DeviceID]int // frames of devices that nobody carries, or carried then
	for i := range r.Frames {
		f := &r.Frames[i]
		if s.parts > 0 && !s.strange(r, f) {
			for i := range f.Observations {
				o := &f.Observations[i]
				s.seen(carrier(o), o)
			}
			continue // partitions keep it
		}
		frame, err := s.tx.AddFrame(seq, r, f)
		if err != nil {
			return err
		}
		var strangers []em.DeviceID
		if carried.By(r.Received) == "" {
			strangers = append(strangers, r.Device)
		}
		for i := range f.Observations {
			who := carrier(&f.Observations[i])
			if !s.mine(who) {
				s.seen(who, &f.Observations[i])
				continue
			}
			o, id, err := s.tx.AddObservation(f.Observations[i], who, frame)
			if err != nil {
				return err
			}
			if id == "" {
				if !slices.Contains(strangers, o.Device) {
					strangers = append(strangers, o.Device)
				}
				continue
			}
			if sub, err = s.find(sub, id); err != nil {
				return err
			}
			s.feeding.add(sub, &o, most)
			s.seen(id, &o)
			if err := s.concerns(&o, id, func(other em.SubjectID) error {
				sub, err := s.find(nil, other)
				if err != nil {
					return err
				}
				s.feeding.add(sub, &o, most)
				return s.tx.Copy(o, other)
			}); err != nil {
				return err
			}
		}
		for _, d := range strangers {
			if unknown == nil {
				unknown = map[em.DeviceID]int{}
			}
			unknown[d]++
		}
	}
	if unknown == nil {
		return nil
	}
	for _, device := range slices.Sorted(maps.Keys(unknown)) {
		frames := unknown[device]
		reason := "nobody is known to carry this device"
		switch {
		case device != "" && s.roster.Carrier(device, r.Received) != "":
			reason = "nobody is known to have carried this device at the time of these reports"
		case device == "":
			reason = "the connection named no device"
			if n := len(r.Frames); n > 0 && r.Frames[n-1].Err != nil {
				reason += ": " + r.Frames[n-1].Err.Error()
			}
		}
		if err := s.tx.Quarantine(r, device, reason, frames); err != nil {
			return err
		}
	}
	return nil
}

// concerns calls f with the subjects besides id, whose device reports it, about whom
// an observation is evidence too: the pairs of a person, the residents of a unit.
func (s *step) concerns(o *em.Observation, id em.SubjectID, f func(em.SubjectID) error) error {
	for _, p := range s.roster.Pairs(string(id)) {
		if o.At.Before(p.Order.Since) {
			continue
		}
		if err := f(p.Subject()); err != nil {
			return err
		}
	}
	if _, unit := roster.UnitOf(id); !unit {
		return nil
	}
	hearers, err := s.tx.Hearers(o.Device, o.At)
	if err != nil {
		return err
	}
	for _, h := range hearers {
		if err := f(h); err != nil {
			return err
		}
	}
	return nil
}

func (s *step) feedSubject(sub *subject, obs []em.Observation) error {
	s.touched = append(s.touched, sub.id)
	s.hear(obs)
	defer s.heardAll()
	r := s.result
	if err := sub.tl.Feed(r, s.now, obs...); err != nil {
		return fmt.Errorf("center: feed: %w", err)
	}
	if len(r.Changes)+len(r.Void)+len(r.Save)+len(r.Refused) > 0 {
		s.result = new(em.Result) // whoever is told may keep it
	}
	return s.apply(sub, r)
}

func (s *step) advance(due []*subject) error {
	for _, sub := range due {
		s.touched = append(s.touched, sub.id)
		var r em.Result
		if err := sub.tl.Advance(&r, s.now); err != nil {
			return fmt.Errorf("center: advance: %w", err)
		}
		if err := s.apply(sub, &r); err != nil {
			return err
		}
	}
	if s.part > 0 {
		return nil
	}
	if err := s.wakeGroups(); err != nil {
		return err
	}
	return s.wakeSides()
}

// apply writes what a Timeline decided and lets the policy act on it.
func (s *step) apply(sub *subject, r *em.Result) error {
	s.wakes.set(sub, sub.tl.Deadline())
	if err := s.tx.Apply(sub.id, r); err != nil {
		return err
	}
	for _, ref := range r.Refused {
		if err := s.tx.Refuse(sub.id, s.now, ref); err != nil {
			return err
		}
	}
	if s.part > 0 {
		return s.handOver(r.Changes)
	}
	for i := range r.Changes {
		if err := s.incident(&r.Changes[i]); err != nil {
			return err
		}
		if err := s.group(&r.Changes[i]); err != nil {
			return err
		}
	}
	return s.sidesChanged(sub.id, r.Changes)
}

// restore brings a stored person or unit under evaluation, by all the rules that ever
// were: late data about the time before a change is judged by those of then.
func (s *step) restore(id em.SubjectID, since time.Time) error {
	if !s.mine(id) {
		return nil
	}
	stored, err := s.tx.Rules(string(id))
	if err != nil {
		return err
	}
	sub := &subject{id: id}
	for i, d := range stored {
		evs, err := roster.Evaluators(d.JSON, d.Since)
		if err != nil {
			return fmt.Errorf("center: stored rules: %w", err)
		}
		if i == 0 {
			sub.tl, err = em.NewTimeline(s.timelineConfig(id, since), evs...)
		} else {
			err = sub.tl.Since(d.Since, evs...)
		}
		if err != nil {
			return fmt.Errorf("center: stored rules: %w", err)
		}
	}
	if sub.tl == nil {
		return fmt.Errorf("center: person or unit without stored rules")
	}
	var r em.Result
	if err := sub.tl.Restore(&r, s.now); err != nil {
		return fmt.Errorf("center: restore: %w", err)
	}
	s.subjects[sub.id] = sub
	return s.apply(sub, &r)
}

func (s *step) timelineConfig(id em.SubjectID, since time.Time) em.Config {
	return em.Config{
		Subject: id,
		Start:   since,
		Every:   gridEvery, Save: gridEvery,
		MaxLate: s.maxLate, MaxAhead: maxAhead,
		History: record.NewHistory(id, func() *record.Tx { return s.engine.tx }),
	}
}
