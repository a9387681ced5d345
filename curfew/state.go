package curfew

import (
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

const stateVersion = 1

// AppendBinary appends the canonical state. Before the first call it is empty.
func (e *Evaluator) AppendBinary(dst []byte) ([]byte, error) {
	s := &e.s
	if s.at.IsZero() {
		return dst, nil
	}
	dst = append(dst, stateVersion, byte(s.now))
	for _, t := range s.presence.times(&s.at) {
		dst = em.AppendTime(dst, *t)
	}
	for _, id := range s.presence.ids() {
		dst = append(dst, id[:]...)
	}
	dst = em.AppendString(dst, s.by)
	for _, b := range s.presence.flags() {
		dst = em.AppendBool(dst, *b)
	}
	list := make([]int, 0, MaxUnits)
	for i, u := range s.units {
		if u != (unitState{}) {
			list = append(list, i)
		}
	}
	slices.SortFunc(list, func(a, b int) int { return strings.Compare(e.order.Units[a].ID, e.order.Units[b].ID) })
	dst = em.AppendUint(dst, uint64(len(list)))
	for _, i := range list {
		u := &s.units[i]
		dst = append(em.AppendString(dst, e.order.Units[i].ID), byte(u.word))
		dst = em.AppendTime(em.AppendTime(dst, u.since), u.seen)
		dst = em.AppendBool(dst, u.moved)
	}
	dst = em.AppendUint(dst, uint64(len(s.runs)))
	for i := range s.runs {
		r := &s.runs[i]
		dst = append(em.AppendString(dst, r.row), byte(r.tail))
		for _, t := range r.times() {
			dst = em.AppendTime(dst, *t)
		}
		for _, d := range r.durations() {
			dst = em.AppendInt(dst, int64(*d))
		}
		dst = em.AppendUint(em.AppendUint(dst, r.incidents), r.silences)
		for _, b := range r.flags() {
			dst = em.AppendBool(dst, *b)
		}
	}
	return dst, nil
}

func (p *presence) times(at *time.Time) []*time.Time {
	return []*time.Time{at, &p.settled, &p.proof, &p.home, &p.away,
		&p.left.Earliest, &p.left.Latest, &p.back.Earliest, &p.back.Latest}
}

func (p *presence) ids() []*em.ObservationID {
	return []*em.ObservationID{&p.homeID, &p.awayID, &p.leftID, &p.beforeID, &p.backID}
}

func (p *presence) flags() []*bool { return []*bool{&p.out, &p.returning, &p.strap} }

func (r *run) times() []*time.Time {
	return []*time.Time{&r.start, &r.from, &r.cut, &r.absence.first, &r.absence.last, &r.silence.first}
}

func (r *run) durations() []*time.Duration {
	return []*time.Duration{&r.home, &r.away, &r.unknown, &r.counted, &r.excused, &r.slack,
		&r.absence.away, &r.absence.counted, &r.absence.excused, &r.silence.dur}
}

func (r *run) flags() []*bool {
	return []*bool{&r.absence.late, &r.absence.broken, &r.absence.told, &r.silence.told}
}

// UnmarshalBinary takes over a state, that of another version of the order
// too: an obligation that this order does not know ends with the order's From,
// or where there is none, after the last call.
// Errors wrap em.ErrState and leave the evaluator as it was.
func (e *Evaluator) UnmarshalBinary(b []byte) error {
	s := state{presence: presence{units: make([]unitState, len(e.order.Units))}}
	if len(b) > 0 {
		r := em.NewStateReader(b)
		e.read(r, &s)
		if err := r.Close(); err != nil {
			return err
		}
	}
	e.s, e.nextSet, e.out = s, false, nil
	for i := range e.s.runs {
		e.restore(&e.s.runs[i])
	}
	return nil
}

// maxText and maxTally bound what a state may hold: far beyond what one of ours
// does.
const (
	maxText  = 1 << 10
	maxTally = 1 << 20
)

func (e *Evaluator) read(r *em.StateReader, s *state) {
	bytes := func(limit byte, what string) byte {
		b := r.Bytes(1)
		if b == nil {
			return 0
		}
		if b[0] > limit {
			r.Fail(what)
		}
		return b[0]
	}
	when := func(t *time.Time) {
		if *t = r.Time(); !t.IsZero() && !judgeable(*t) {
			r.Fail("a time out of range")
		}
	}
	if v := bytes(stateVersion, "curfew: unknown version"); v != stateVersion {
		r.Fail("curfew: unknown version")
	}
	s.now = Presence(bytes(byte(Away), "curfew: unknown presence"))
	for _, t := range s.presence.times(&s.at) {
		when(t)
	}
	if s.at.IsZero() || s.settled.IsZero() || s.settled.After(s.at) {
		r.Fail("curfew: settled in the future")
	}
	for _, id := range s.presence.ids() {
		copy(id[:], r.Bytes(len(id)))
	}
	s.by = r.String()
	for _, b := range s.presence.flags() {
		*b = r.Bool()
	}
	last := ""
	for n := r.Len(); n > 0 && r.Err() == nil; n-- {
		id := r.String()
		u := unitState{word: word(bytes(byte(lost), "curfew: unknown word"))}
		when(&u.since)
		when(&u.seen)
		u.moved = r.Bool()
		if id <= last || u == (unitState{}) {
			r.Fail("curfew: units out of order")
		}
		last = id
		if i := slices.IndexFunc(e.order.Units, func(u Unit) bool { return u.ID == id }); i >= 0 {
			s.units[i] = u
		}
	}
	for n := r.Len(); n > 0 && r.Err() == nil; n-- {
		v := run{row: r.String(), tail: span(bytes(byte(spanDoubt), "curfew: unknown span"))}
		for _, t := range v.times() {
			when(t)
		}
		for _, d := range v.durations() {
			if *d = time.Duration(r.Int()); *d < 0 || *d > maxDuration {
				r.Fail("curfew: a duration out of range")
			}
		}
		v.incidents, v.silences = r.Uint(), r.Uint()
		for _, b := range v.flags() {
			*b = r.Bool()
		}
		switch {
		case len(v.row) > maxText || v.incidents > maxTally || v.silences > maxTally:
			r.Fail("curfew: an obligation out of range")
		case v.start.IsZero() || v.from.IsZero() || len(s.runs) >= 2*MaxRows:
			r.Fail("curfew: an obligation without a beginning")
		case len(s.runs) > 0 && compareRuns(s.runs[len(s.runs)-1], v) >= 0:
			r.Fail("curfew: obligations out of order")
		}
		s.runs = append(s.runs, v)
	}
}
