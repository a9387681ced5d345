package checkin

import (
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
	dst = em.AppendTime(append(dst, stateVersion), s.at)
	dst = em.AppendTime(appendEvidence(dst, s.place), s.last)
	dst = em.AppendUint(dst, uint64(len(s.asked)))
	for i := range s.asked {
		r := &s.asked[i]
		for _, t := range []string{r.ID, string(r.Kind), r.With, r.class} {
			dst = em.AppendString(dst, t)
		}
		for _, t := range []time.Time{r.From, r.To, r.over, r.final} {
			dst = em.AppendTime(dst, t)
		}
		dst = em.AppendUint(em.AppendUint(dst, r.tries), r.refused)
		dst = em.AppendUint(dst, uint64(len(r.ids)))
		for _, id := range r.ids {
			dst = append(dst, id[:]...)
		}
		dst = appendAnswer(dst, &r.best)
		dst = em.AppendUint(dst, uint64(len(r.pending)))
		for i := range r.pending {
			dst = appendAnswer(dst, &r.pending[i])
		}
	}
	return dst, nil
}

func appendEvidence(dst []byte, p evidence) []byte {
	dst = append(dst, byte(p.side))
	if p.side == em.SideUnknown {
		return dst
	}
	return append(em.AppendTime(dst, p.at), p.id[:]...)
}

func appendAnswer(dst []byte, a *answer) []byte {
	dst = append(dst, byte(a.outcome))
	if a.outcome == none {
		return dst
	}
	dst = append(em.AppendTime(dst, a.at), a.id[:]...)
	for _, t := range []string{string(a.device), a.method, string(a.identity)} {
		dst = em.AppendString(dst, t)
	}
	return appendEvidence(dst, a.place)
}

// UnmarshalBinary takes over a state, that of another version of the rule too:
// requests under way end by the times they began with. Errors wrap em.ErrState
// and leave the evaluator as it was.
func (e *Evaluator) UnmarshalBinary(b []byte) error {
	var s state
	if len(b) > 0 {
		r := reader{em.NewStateReader(b)}
		r.state(&s)
		if err := r.Close(); err != nil {
			return err
		}
	}
	e.s, e.nextSet = s, false
	return nil
}

type reader struct{ *em.StateReader }

func (r reader) state(s *state) {
	if r.byte(stateVersion) != stateVersion {
		r.Fail("checkin: unknown version")
	}
	s.at, s.place, s.last = r.when(), r.evidence(), r.time()
	for range r.count(maxAsked) {
		v := request{}
		v.ID, v.Kind, v.With, v.class = r.text(2*maxText), Kind(r.text(maxText)), r.text(maxText), r.text(maxText)
		v.From, v.To, v.over, v.final = r.when(), r.when(), r.when(), r.when()
		v.tries, v.refused = r.Uint(), r.Uint()
		for range r.count(maxIDs + 1) {
			v.ids = append(v.ids, r.id())
		}
		v.best = r.answer()
		for range r.count(maxPending) {
			a := r.answer()
			if a.outcome != nowhere || len(v.pending) > 0 && a.at.Before(v.pending[len(v.pending)-1].at) {
				r.Fail("checkin: an answer that awaits nothing")
			}
			v.pending = append(v.pending, a)
		}
		switch {
		case r.Err() != nil:
		case v.ID == "" || v.class == "" || v.From.After(s.at) || v.From.After(v.To) || v.To.After(v.over) || v.over.After(v.final):
			r.Fail("checkin: a request out of range")
		case v.best.outcome == good:
			r.Fail("checkin: a request that is answered")
		case v.result() == none && v.class != ClassRequested && v.class != ClassNotReceived && v.class != ClassMissed,
			v.result() != none && v.class != v.verdict():
			r.Fail("checkin: a class without its answer")
		case len(s.asked) > 0 && compareRequests(s.asked[len(s.asked)-1].Request, v.Request) >= 0:
			r.Fail("checkin: requests out of order")
		}
		s.asked = append(s.asked, v)
	}
}

func (r reader) byte(limit byte) byte {
	b := r.Bytes(1)
	if b == nil {
		return 0
	}
	if b[0] > limit {
		r.Fail("checkin: a byte out of range")
		return 0
	}
	return b[0]
}

func (r reader) time() time.Time {
	t := r.Time()
	if !t.IsZero() && !judgeable(t) && t.Before(latest) {
		r.Fail("checkin: a time out of range")
	}
	return t
}

// when is a time that is there. What lies within maxDuration after the years
// that are judged may be the end of something in them.
func (r reader) when() time.Time {
	t := r.time()
	if t.IsZero() || t.After(latest.Add(2*maxDuration)) {
		r.Fail("checkin: no time, or one out of range")
	}
	return t
}

func (r reader) text(limit int) string {
	s := r.String()
	if len(s) > limit {
		r.Fail("checkin: a text out of range")
	}
	return s
}

func (r reader) count(limit int) int {
	n := r.Len()
	if n > limit {
		r.Fail("checkin: a count out of range")
	}
	if r.Err() != nil {
		return 0
	}
	return n
}

func (r reader) id() (id em.ObservationID) {
	copy(id[:], r.Bytes(len(id)))
	return id
}

func (r reader) evidence() evidence {
	p := evidence{side: em.Side(r.byte(byte(em.Outside)))}
	if p.side != em.SideUnknown {
		p.at, p.id = r.when(), r.id()
	}
	return p
}

func (r reader) answer() answer {
	a := answer{outcome: outcome(r.byte(byte(good)))}
	if a.outcome == none {
		return a
	}
	a.at, a.id = r.when(), r.id()
	a.device, a.method, a.identity = em.DeviceID(r.String()), r.String(), em.Identity(r.String())
	a.place = r.evidence()
	return a
}
