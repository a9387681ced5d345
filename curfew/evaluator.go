package curfew

import (
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// Evaluator judges one order for one person. It is an em.Evaluator on event
// time, made to be driven by em.Timeline, and like all of them for one
// goroutine.
//
// It looks at where the person is at each instant, not at crossings: who is out
// when an obligation begins is found by the deadline of the grace. Deadlines
// are the beginnings and ends of obligations, the ends of graces and of
// evidence. Who calls Observe without having woken it at its deadlines gets
// obligations judged from the next observation on.
//
// Observations earlier than the last call, or outside the years 2000 to 2199,
// are not judged.
type Evaluator struct {
	order  Order
	config Config
	s      state

	next    time.Time // start of the next obligation; zero: none
	nextSet bool
	out     []em.Event // what the call under way has decided
}

// state is what the past decided.
type state struct {
	at time.Time // of the last call; zero: none yet
	evidence
	follow Follower // nil: Order.Where
	tracks []track  // the second where there is a MUST_BE_AWAY
}

var _ em.Evaluator = (*Evaluator)(nil)

// NewEvaluator checks order and config; errors wrap ErrOrder or ErrConfig.
func NewEvaluator(order Order, config Config) (*Evaluator, error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	for _, t := range []*time.Time{&order.From, &order.Until} {
		*t = t.Round(0).UTC()
	}
	order.Units, order.Worn = slices.Clone(order.Units), slices.Clone(order.Worn)
	if err := order.check(); err != nil {
		return nil, err
	}
	e := &Evaluator{order: order, config: config}
	e.s = e.fresh()
	return e, nil
}

// fresh is the state before the first call.
func (e *Evaluator) fresh() state {
	s := state{tracks: make([]track, 1)} // most have no second one: that is 300 bytes of each
	s.units = make([]unitState, len(e.order.Units))
	if e.order.Follow != nil {
		s.follow = e.order.Follow()
	}
	if e.order.Schedule.Asks(MustBeAway, e.order.Place) {
		s.tracks = make([]track, 2)
	}
	return s
}

// Clock returns em.EventTime.
func (e *Evaluator) Clock() em.Clock { return em.EventTime }

// Presence is where the wearer is as of the last call.
func (e *Evaluator) Presence() Presence { return e.s.now }

// Since is when that began: between the last evidence of something else and the
// first of it; of Unknown, between the last evidence and when it lost its worth.
func (e *Evaluator) Since() Crossing { return e.s.turned }

// Observe takes the next observation.
func (e *Evaluator) Observe(dst []em.Event, o em.Observation) []em.Event {
	if o.At.Before(e.s.at) || !judgeable(o.At) {
		return dst
	}
	e.begin(o.At)
	e.advance(o.At)
	e.evidence(&o)
	return e.conclude(dst)
}

// Wake takes the time.
func (e *Evaluator) Wake(dst []em.Event, at time.Time) []em.Event {
	if !at.After(e.s.at) || !judgeable(at) {
		return dst
	}
	e.begin(at)
	e.advance(at)
	return e.conclude(dst)
}

// begin starts the obligations that have begun since the last call.
func (e *Evaluator) begin(t time.Time) {
	s := &e.s
	before, next := s.at, e.nextStart()
	s.at = t
	if before.IsZero() {
		s.turned.Latest = t
		for k := range s.tracks {
			s.tracks[k].settled = t
		}
	} else if next.IsZero() || t.Before(next) {
		return
	}
	for b := range e.order.Schedule.Between(t, t.Add(tick)) {
		ob, ok := e.order.clip(b)
		if !ok || !ob.interval().contains(t) || e.runs(b) {
			continue
		}
		r := run{kind: b.Kind, start: b.Start, row: b.String(), from: t}
		e.configure(&r, b)
		tr := &s.tracks[trackOf(b.Kind)]
		i, _ := slices.BinarySearchFunc(tr.runs, r, compareRuns)
		tr.runs = slices.Insert(tr.runs, i, r)
	}
	e.nextSet = false
}

func compareRuns(a, b run) int {
	if c := a.start.Compare(b.start); c != 0 {
		return c
	}
	if a.row < b.row {
		return -1
	} else if a.row > b.row {
		return 1
	}
	return a.from.Compare(b.from)
}

// runs reports whether an obligation is under way.
func (e *Evaluator) runs(b Obligation) bool {
	return slices.ContainsFunc(e.s.tracks[trackOf(b.Kind)].runs, func(r run) bool {
		return r.cut.IsZero() && r.kind == b.Kind && r.start.Equal(b.Start) && r.row == b.String()
	})
}

// conclude tells what the call has decided.
func (e *Evaluator) conclude(dst []em.Event) []em.Event {
	for k := range e.s.tracks {
		tr := &e.s.tracks[k]
		for i := range tr.runs {
			if r := &tr.runs[i]; tr.settled.Before(r.ob.End) {
				e.tell(tr, r)
			} else {
				e.finish(tr, r)
			}
		}
		tr.runs = slices.DeleteFunc(tr.runs, func(r run) bool { return !tr.settled.Before(r.ob.End) })
	}
	e.drop()
	if len(e.out) > 0 {
		dst = append(dst, e.out...)
		clear(e.out)
		e.out = e.out[:0]
	}
	return dst
}

// drop lets go of a second track that an earlier order needed.
func (e *Evaluator) drop() {
	if s := &e.s; len(s.tracks) > 1 && len(s.tracks[trackGone].runs) == 0 && !e.order.Schedule.Asks(MustBeAway, e.order.Place) {
		s.tracks = s.tracks[:1]
	}
}

func (e *Evaluator) emit(ev em.Event) { e.out = append(e.out, ev) }

// nextStart is when the next obligation begins; for one that is under way
// without being judged, which a change of the order brings about, at once.
func (e *Evaluator) nextStart() time.Time {
	if e.nextSet {
		return e.next
	}
	e.next, e.nextSet = time.Time{}, true
	after := e.s.at
	if after.IsZero() && e.order.From.IsZero() {
		return e.next
	}
	from := later(after, e.order.From)
	for b := range e.order.Schedule.Between(from, e.order.Schedule.horizon(from)) {
		if ob, ok := e.order.clip(b); ok && !e.runs(b) {
			e.next = later(ob.Start, after.Add(tick))
			break
		}
	}
	return e.next
}

// Deadline is when the evaluator wants to be woken: before its first call, when
// the order's first obligation begins.
func (e *Evaluator) Deadline() time.Time {
	s := &e.s
	d := e.nextStart()
	if !judgeable(d) {
		d = time.Time{}
	}
	if s.at.IsZero() {
		return d
	}
	due := func(t time.Time) {
		if t.After(s.at) && (d.IsZero() || t.Before(d)) && judgeable(t) {
			d = t
		}
	}
	if s.lostBy != "" {
		due(s.lost.Add(e.config.Loss))
	}
	if expiry := e.expiry(); !expiry.IsZero() {
		due(expiry.Add(tick))
	}
	for k := range s.tracks {
		tr := &s.tracks[k]
		var level time.Time
		if s.now == bad(k) {
			level = e.proven(s.now)
		}
		if tr.returning {
			due(tr.back.Latest.Add(e.config.Flicker))
		}
		for i := range tr.runs {
			r := &tr.runs[i]
			switch {
			case !tr.settled.Before(r.ob.End): // by a change of the order
				due(s.at.Add(tick))
			case tr.returning:
			case s.now == Unknown:
				due(r.ob.End)
				if !r.silence.told {
					if t, ok := r.required.exceeded(tr.settled, e.config.Unknown-r.silence.dur); ok {
						due(t)
					}
				}
			case s.now != bad(k):
				due(r.ob.End)
			case tr.settled.Before(level):
				if !r.ob.End.After(level) {
					due(r.ob.End)
				}
				a := &r.absence
				first, late := a.first, a.late
				if first.IsZero() {
					first, late, _ = r.required.first(tr.settled)
				}
				if !a.told {
					if t, ok := r.counting.exceeded(tr.settled, e.allowed(r, first, late)-a.counted); ok && !t.After(level) {
						due(t)
					}
				}
			}
		}
	}
	return d
}
