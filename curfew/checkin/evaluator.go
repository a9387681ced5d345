package checkin

import (
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// Evaluator judges one rule for one person. It is an em.Evaluator on event
// time, made to be driven by em.Timeline, and like all of them for one
// goroutine. Requests and video appointments of the rule, and all their
// answers, are events of kind KindRequest.
//
// Observations earlier than the last call, or outside the years 2000 to 2199,
// are not judged.
type Evaluator struct {
	rule    Rule
	subject em.SubjectID
	where   func(em.Observation) em.Side
	s       state

	next    time.Time // start of the next request; zero: none
	nextSet bool
}

// state is what the past decided.
type state struct {
	at    time.Time // of the last call; zero: none yet
	place evidence  // the last position that says something
	asked []request // by From, then ID
	last  time.Time // the last unasked check-in's anchor, until its instant is over
}

// evidence is one position.
type evidence struct {
	side em.Side
	at   time.Time
	id   em.ObservationID
}

// request is one that has begun and has no verdict, or a provisional one.
type request struct {
	Request
	over  time.Time // until when an answer counts: To + Late as it was at From
	final time.Time // until when a missing answer is waited for
	class string    // told last

	best    answer   // the best try with a result
	pending []answer // right person, position awaited; by at
	tries   uint64
	refused uint64
	ids     []em.ObservationID // of tries
}

// answer is one try.
type answer struct {
	outcome  outcome
	at       time.Time
	id       em.ObservationID
	device   em.DeviceID
	method   string
	identity em.Identity
	place    evidence // side unknown: none
}

// outcome ranks tries: of several the best counts.
type outcome uint8

const (
	none outcome = iota
	refused
	mismatch
	unchecked
	unsure
	outside
	nowhere // the right person, position unknown
	good
)

// Bounds of the state.
const (
	maxAsked   = 256 // requests under way; of one more, the oldest is closed as it is
	maxPending = 4   // answers that wait for a position; of one more, the first is decided
	maxIDs     = em.MaxBecause - 4
)

var _ em.Evaluator = (*Evaluator)(nil)

// NewEvaluator checks the rule; errors wrap ErrRule. The subject is the one
// under whose name the Timeline runs: draws are his or hers. Where tells whether
// an observation puts the wearer at the right place, outside, or leaves it open;
// it must be a function of the observation alone. Nil: the place does not matter.
func NewEvaluator(rule Rule, subject em.SubjectID, where func(em.Observation) em.Side) (*Evaluator, error) {
	rule, err := rule.complete()
	if err != nil {
		return nil, err
	}
	return &Evaluator{rule: rule, subject: subject, where: where}, nil
}

// Clock returns em.EventTime.
func (e *Evaluator) Clock() em.Clock { return em.EventTime }

// Observe takes the next observation.
func (e *Evaluator) Observe(dst []em.Event, o em.Observation) []em.Event {
	if o.At.Before(e.s.at) || !judgeable(o.At) {
		return dst
	}
	dst = e.step(dst, o.At)
	if e.where != nil {
		if side := e.where(o); side != em.SideUnknown {
			dst = e.position(dst, evidence{side, o.At, o.ID})
		}
	}
	if !e.source(o.Device) {
		return dst
	}
	if c, ok := o.Body.(*em.CheckIn); ok {
		dst = e.answer(dst, &o, c)
	}
	return e.heard(dst, &o)
}

// Wake takes the time.
func (e *Evaluator) Wake(dst []em.Event, at time.Time) []em.Event {
	if !at.After(e.s.at) || !judgeable(at) {
		return dst
	}
	return e.step(dst, at)
}

// source reports whether a device's answers count.
func (e *Evaluator) source(d em.DeviceID) bool {
	return len(e.rule.Sources) == 0 || slices.ContainsFunc(e.rule.Sources, func(s em.DeviceID) bool {
		return s == d || strings.HasSuffix(string(s), ":") && strings.HasPrefix(string(d), string(s))
	})
}

// step brings the state to t: begins what has begun, ends what is over.
func (e *Evaluator) step(dst []em.Event, t time.Time) []em.Event {
	s := &e.s
	before, next := s.at, e.nextStart()
	s.at = t
	if s.last.Before(t) {
		s.last = time.Time{}
	}
	if !next.IsZero() && !t.Before(next) {
		// Whoever was not woken for a month gets the last month's requests.
		from := before.Add(tick)
		if m := t.Add(-maxDuration); from.Before(m) {
			from = m
		}
		for q := range e.rule.between(e.subject, from, t.Add(tick)) {
			dst = e.begin(dst, q)
		}
		e.nextSet = false
	}
	for i := range s.asked {
		dst = e.pass(dst, &s.asked[i])
	}
	return e.sweep(dst)
}

// begin takes a request.
func (e *Evaluator) begin(dst []em.Event, q Request) []em.Event {
	s := &e.s
	if len(s.asked) == maxAsked {
		r := &s.asked[0]
		dst = append(dst, e.event(r, s.at))
		s.asked = slices.Delete(s.asked, 0, 1)
	}
	late := e.rule.Late
	r := request{Request: q, over: q.To.Add(late), final: q.To.Add(max(late, e.rule.MaxUpload)), class: ClassRequested}
	i, same := slices.BinarySearchFunc(s.asked, q, func(r request, q Request) int { return compareRequests(r.Request, q) })
	if same {
		return dst
	}
	s.asked = slices.Insert(s.asked, i, r)
	return append(dst, e.event(&s.asked[i], time.Time{}))
}

// pass takes the time for one request.
func (e *Evaluator) pass(dst []em.Event, r *request) []em.Event {
	t := e.s.at
	told := false
	for len(r.pending) > 0 && !t.Before(e.settled(&r.pending[0])) {
		r.decide(0)
		told = true
	}
	switch {
	case r.class == ClassRequested && r.result() == none && !t.Before(r.To):
		r.class, told = ClassNotReceived, true
	case r.done(t):
		return dst // sweep tells it
	}
	if told {
		dst = e.tell(dst, r)
	}
	return dst
}

// settled is when the position of an answer is no longer waited for.
func (e *Evaluator) settled(a *answer) time.Time { return a.at.Add(e.rule.PositionWithin + tick) }

// decide gives the i-th pending answer its outcome.
func (r *request) decide(i int) {
	a := r.pending[i]
	switch a.place.side {
	case em.Inside:
		a.outcome = good
	case em.Outside:
		a.outcome = outside
	default:
		a.outcome = nowhere
	}
	r.pending = slices.Delete(r.pending, i, i+1)
	r.take(a)
}

// take keeps the better answer; of two alike the earlier, which comes first.
func (r *request) take(a answer) {
	if a.outcome > r.best.outcome {
		r.best = a
	}
}

// result is the best that is known so far.
func (r *request) result() outcome {
	if len(r.pending) > 0 {
		return max(r.best.outcome, nowhere)
	}
	return r.best.outcome
}

// shown is the answer that the verdict is about.
func (r *request) shown() *answer {
	if len(r.pending) > 0 && r.best.outcome < nowhere {
		return &r.pending[0]
	}
	return &r.best
}

// done reports whether the request has its verdict at t.
func (r *request) done(t time.Time) bool {
	switch {
	case r.best.outcome == good:
		return true
	case len(r.pending) > 0:
		return false
	case r.best.outcome == none:
		return !t.Before(r.final)
	}
	return !t.Before(r.over)
}

// sweep tells and drops what is done.
func (e *Evaluator) sweep(dst []em.Event) []em.Event {
	s := &e.s
	s.asked = slices.DeleteFunc(s.asked, func(r request) bool {
		if !r.done(s.at) {
			return false
		}
		until := r.over
		switch r.best.outcome {
		case good:
			until = r.best.at
		case none:
			until = r.final
		}
		if until.After(s.at) {
			until = s.at
		}
		dst = append(dst, e.event(&r, until))
		return true
	})
	return dst
}

// position takes evidence of where the person is.
func (e *Evaluator) position(dst []em.Event, p evidence) []em.Event {
	s := &e.s
	s.place = p
	for i := range s.asked {
		r := &s.asked[i]
		changed := false
		for len(r.pending) > 0 {
			a := &r.pending[0]
			if a.place.side == em.SideUnknown || p.at.Sub(a.at) <= a.at.Sub(a.place.at) {
				a.place = p
			}
			r.decide(0)
			changed = true
		}
		if changed && !r.done(s.at) {
			dst = e.tell(dst, r)
		}
	}
	return e.sweep(dst)
}

// answer takes a check-in.
func (e *Evaluator) answer(dst []em.Event, o *em.Observation, c *em.CheckIn) []em.Event {
	s := &e.s
	matched := false
	for i := range s.asked {
		r := &s.asked[i]
		if !o.At.Before(r.over) || c.Request != "" && c.Request != r.ID ||
			c.Request == "" && (r.Kind == KindVideo) != (c.Method == methodVideo) {
			continue
		}
		matched = true
		a := answer{outcome: e.judge(r, c), at: o.At, id: o.ID, device: o.Device, method: c.Method, identity: c.Identity}
		r.tries++
		if a.outcome == refused {
			r.refused++
		}
		if len(r.ids) == maxIDs { // the first half and the latest stay
			r.ids = slices.Delete(r.ids, maxIDs/2, maxIDs/2+1)
		}
		r.ids = append(r.ids, o.ID)
		if a.outcome == good && e.where != nil {
			if p := s.place; p.side != em.SideUnknown && o.At.Sub(p.at) <= e.rule.PositionWithin {
				a.place = p
			}
			a.outcome = nowhere
			if len(r.pending) == maxPending {
				r.decide(0)
			}
			r.pending = append(r.pending, a)
			if a.place.side != em.SideUnknown && a.place.at.Equal(a.at) {
				r.decide(len(r.pending) - 1)
			}
		} else {
			r.take(a)
		}
		if !r.done(s.at) {
			dst = e.tell(dst, r)
		}
	}
	if !matched && e.rule.Unasked && (c.Request == "" || e.rule.own(c.Request)) {
		dst = append(dst, e.unasked(o, c))
	}
	return e.sweep(dst)
}

// judge is the outcome of an answer, the position left aside.
func (e *Evaluator) judge(r *request, c *em.CheckIn) outcome {
	switch {
	case c.Refused:
		return refused
	case r.Kind == KindVideo && c.Method != methodVideo,
		r.Kind != KindVideo && len(e.rule.Methods) > 0 && !slices.Contains(e.rule.Methods, c.Method):
		return unchecked
	}
	switch c.Identity {
	case em.IdentityMatch:
		return good
	case em.IdentityMismatch:
		return mismatch
	case em.IdentityUnsure:
		return unsure
	}
	if e.rule.AllowUnchecked {
		return good
	}
	return unchecked
}

// methodVideo is the method of video appointments.
const methodVideo = "video"

// heard: the source has sent something, and what was missing is missed.
func (e *Evaluator) heard(dst []em.Event, o *em.Observation) []em.Event {
	for i := range e.s.asked {
		if r := &e.s.asked[i]; r.class == ClassNotReceived {
			r.class = ClassMissed
			r.ids = append(r.ids, o.ID)
			dst = append(dst, e.event(r, time.Time{}))
		}
	}
	return dst
}

// tell tells the open version.
func (e *Evaluator) tell(dst []em.Event, r *request) []em.Event {
	if c := r.verdict(); c != "" {
		r.class = c
	}
	return append(dst, e.event(r, time.Time{}))
}

// nextStart is when the next request begins.
func (e *Evaluator) nextStart() time.Time {
	if e.nextSet {
		return e.next
	}
	e.next, e.nextSet = time.Time{}, true
	from := e.s.at.Add(tick)
	if from.Before(e.rule.From) {
		from = e.rule.From
	}
	// Windows repeat within a fortnight or never, but chance may leave any of
	// them empty: look on, as long as there is something to look for.
	const span = 16 * 24 * time.Hour
	to := from.Add(span)
	for range lookAhead {
		for q := range e.rule.between(e.subject, from, to) {
			e.next = q.From
			return e.next
		}
		if e.empty(to) {
			break
		}
		from, to = to, to.Add(span)
	}
	if e.next.IsZero() && !e.empty(to) {
		e.next = to // look again then
	}
	return e.next
}

// lookAhead bounds how far nextStart looks at once: two years of windows that
// chance leaves empty.
const lookAhead = 46

// empty reports whether nothing can begin at or after t.
func (e *Evaluator) empty(t time.Time) bool {
	if !t.Before(latest) || !e.rule.Until.IsZero() && !t.Before(e.rule.Until) {
		return true
	}
	if n := len(e.rule.Requests); n > 0 && !e.rule.Requests[n-1].From.Before(t) {
		return false
	}
	for range e.rule.Windows.Between(t, t.AddDate(1, 0, 0)) {
		return false
	}
	return true
}

// Deadline is when the evaluator wants to be woken: at the beginning of the next
// request, at an end of one that is under way.
func (e *Evaluator) Deadline() time.Time {
	s := &e.s
	d := e.nextStart()
	due := func(t time.Time) {
		if !t.After(s.at) { // by a change of the rule
			t = s.at.Add(tick)
		}
		if d.IsZero() || t.Before(d) {
			d = t
		}
	}
	for i := range s.asked {
		r := &s.asked[i]
		switch {
		case len(r.pending) > 0:
			due(e.settled(&r.pending[0]))
		case r.best.outcome != none:
			due(r.over)
		case r.class == ClassRequested:
			due(r.To)
		default:
			due(r.final)
		}
	}
	if !judgeable(d) {
		return time.Time{}
	}
	return d
}
