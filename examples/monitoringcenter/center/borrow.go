package center

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
)

// lender is another partition, or the head, as it is now.
type lender struct {
	*record.Tx
	end func()
}

// lend returns another partition as it was at this version of the roster, or later.
func (s *step) lend(part int) (*record.Tx, error) {
	if l, ok := s.lenders[part]; ok {
		return l.Tx, nil
	}
	if s.lenders == nil {
		s.lenders = map[int]lender{}
		s.partitions.lending.Lock()
	}
	store, err := s.partitions.read(s.ctx, part)
	if err != nil {
		return nil, err
	}
	t, end, err := store.Snapshot(s.ctx)
	if err != nil {
		return nil, err
	}
	s.lenders[part] = lender{t, end}
	if _, seq, err := t.Position(); err != nil {
		return nil, err
	} else if seq < s.seq && part > 0 {
		return nil, fmt.Errorf("%w: partition %d", errBehind, part)
	}
	return t, nil
}

// giveBack ends what lend has begun.
func (s *step) giveBack() {
	if s.lenders == nil {
		return
	}
	for _, l := range s.lenders {
		l.end()
	}
	s.lenders = nil
	s.partitions.lending.Unlock()
}

// borrow takes what another partition, or the head, has of a device in [from, to) for
// a subject, as its own or as a copy, and returns what is new. Of what the head has
// of its own it takes what waited for the subject.
func (s *step) borrow(d em.DeviceID, whose em.SubjectID, from, to time.Time, id em.SubjectID, part int) (obs []em.Observation, err error) {
	t, err := s.lend(part)
	if err != nil {
		return nil, err
	}
	lent, err := t.Lend(d, whose, from, to)
	if err != nil {
		return nil, err
	}
	for i := range lent {
		o, isNew, err := s.tx.Borrow(&lent[i], id, whose == id)
		if err != nil {
			return nil, err
		}
		if isNew {
			obs = append(obs, o)
		}
	}
	return obs, nil
}

// hearUnits says whose devices a subject of this partition hears of, besides its own,
// and takes what other partitions have of those that are new.
func (s *step) hearUnits(id em.SubjectID, since time.Time, devices []em.DeviceID) error {
	added, err := s.tx.Hear(id, since, devices)
	if err != nil || s.part == 0 {
		return err
	}
	for _, d := range added {
		from := map[int]bool{0: true}
		for _, who := range s.engine.roster.Carriers(d) {
			from[partOf(who, s.parts)] = true
		}
		delete(from, s.part) // Hear has copied that
		for part := range s.parts + 1 {
			if !from[part] {
				continue
			}
			obs, err := s.borrow(d, "", since, time.Time{}, id, part)
			if err != nil {
				return err
			}
			s.borrowed(id, obs)
		}
	}
	return nil
}

// borrowed notes what a subject has that was not there before.
func (s *step) borrowed(id em.SubjectID, obs []em.Observation) {
	if s.fresh == nil {
		s.fresh = map[em.SubjectID][]em.Observation{}
	}
	s.fresh[id] = append(s.fresh[id], obs...)
}

// borrowWaited gives a pair what waited in quarantine for one of both persons.
func (s *step) borrowWaited(p roster.Pair) error {
	id := p.Subject()
	for _, who := range []string{p.Wearer, p.Protected} {
		c, _ := s.engine.roster.Person(who)
		for _, a := range c.Devices {
			obs, err := s.borrow(a.ID, em.SubjectID(who), p.Order.Since, time.Time{}, id, 0)
			if err != nil {
				return err
			}
			s.borrowed(id, obs)
		}
	}
	if len(s.fresh[id]) == 0 {
		return nil
	}
	return s.feedSubject(s.subjects[id], s.fresh[id])
}
