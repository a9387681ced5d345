package curfew

import (
	"time"

	"github.com/sargas-em/em"
)

// A track settles what time was, for obligations that find one side at fault:
// the first for those to be at the place, who is away; the second for those to
// be away from it, who is home. Time before settled is decided for good and was
// handed to the runs. It lags behind where later evidence may tell what an
// interval was: after evidence of the side at fault, after a return that may be
// a flicker, and after a loss that may be bad radio.
//
// So the doubt is the wearer's on both: each fault is proven from its first
// evidence to its last.
type track struct {
	settled time.Time
	proof   time.Time // up to when the fault is proven

	out    bool     // at fault, maybe unknown or returning by now
	left   Crossing // to that side
	first  ref      // evidence of it
	second ref      // the next evidence of it
	before ref      // last evidence before it

	returning bool // to the right side, not yet for as long as a flicker
	back      Crossing
	backRef   ref

	runs []run // obligations under way, by start, then row
}

// The tracks.
const (
	trackThere = 0 // MUST_BE_HOME, MUST_ATTEND
	trackGone  = 1 // MUST_BE_AWAY
)

func trackOf(k Kind) int {
	if k == MustBeAway {
		return trackGone
	}
	return trackThere
}

// bad is the side at fault.
func bad(track int) Presence {
	if track == trackGone {
		return Home
	}
	return Away
}

// span is what an interval of settled time was.
type span uint8

const (
	spanUnknown span = iota
	spanHome         // on the right side
	spanAway         // at fault
	spanDoubt        // between the last proof of a fault and what came after it
)

// expiry is when the last evidence loses its worth; zero where there is none, or
// a loss waits to be believed.
func (e *Evaluator) expiry() time.Time {
	p := &e.s
	switch {
	case p.lostBy != "":
	case p.now == Home:
		return p.home.Add(e.config.MaxGap)
	case p.now == Away:
		return p.away.Add(e.config.MaxGap)
	}
	return time.Time{}
}

// upTo is how far what is known up to t can be settled, for a track on its right
// side or of which nothing is known.
func (e *Evaluator) upTo(k int, t time.Time) time.Time {
	p := &e.s
	switch {
	case p.lostBy != "":
		return sooner(t, p.lost)
	case p.now == Home && k == trackThere && !p.sure.IsZero():
		return sooner(t, p.sure)
	}
	return t
}

// advance settles what the evidence so far says about the time up to t.
func (e *Evaluator) advance(t time.Time) {
	p := &e.s
	e.confirm(t)
	expiry := e.expiry()
	expired := !expiry.IsZero() && t.After(expiry)
	for k := range p.tracks {
		tr := &p.tracks[k]
		switch p.now {
		case Unknown:
		case bad(k):
			if level := e.proven(p.now); !level.IsZero() {
				e.settle(k, spanAway, sooner(level, t))
			}
			if expired {
				e.settle(k, spanDoubt, expiry)
			}
		default:
			if tr.returning {
				flicker := tr.back.Latest.Add(e.config.Flicker)
				if t.Before(flicker) || p.lostBy != "" && p.lost.Before(flicker) {
					break
				}
				e.returned(k)
			}
			if expired {
				e.settle(k, spanHome, e.upTo(k, expiry))
			} else {
				e.settle(k, spanHome, e.upTo(k, t))
			}
		}
	}
	if expired {
		p.turned = Crossing{later(p.home, p.away), expiry}
		p.now, p.sure, p.gone = Unknown, time.Time{}, time.Time{}
	}
	if p.now == Unknown {
		for k := range p.tracks {
			e.settle(k, spanUnknown, e.upTo(k, t))
		}
	}
}

// settle decides the time up to t.
func (e *Evaluator) settle(k int, s span, t time.Time) {
	tr := &e.s.tracks[k]
	if !t.After(tr.settled) {
		return
	}
	for i := range tr.runs {
		e.add(tr, &tr.runs[i], s, interval{tr.settled, t})
	}
	tr.settled = t
	if s == spanAway {
		tr.proof = t
	}
}

// take takes evidence of a side.
func (e *Evaluator) take(k int, side Presence, at time.Time, r ref) {
	p, tr := &e.s, &e.s.tracks[k]
	if p.now == Unknown { // ends here
		e.settle(k, spanUnknown, at)
		for i := range tr.runs {
			e.closeSilence(&tr.runs[i], at)
		}
	}
	last, lastRef := p.home, p.homeRef
	if k == trackGone {
		last, lastRef = p.away, p.awayRef
	}
	if side != bad(k) {
		if p.now != side && tr.out {
			tr.returning, tr.back, tr.backRef = true, Crossing{tr.proof, at}, r
		}
		return
	}
	switch {
	case tr.returning: // for less than a flicker: it goes on
		if tr.settled.Equal(tr.proof) {
			e.settle(k, spanAway, at)
		}
		e.settle(k, spanDoubt, at)
		tr.returning, tr.back, tr.backRef = false, Crossing{}, ref{}
	case p.now == side:
		e.settle(k, spanAway, at)
	}
	if tr.second.id == (em.ObservationID{}) && tr.out && r.id != tr.first.id {
		tr.second = r
	}
	if !tr.out {
		tr.out, tr.left, tr.first, tr.before = true, Crossing{last, at}, r, lastRef
	}
	tr.proof = at
}

// returned ends a fault: the person has been on the right side for longer than a
// flicker.
func (e *Evaluator) returned(k int) {
	tr := &e.s.tracks[k]
	e.settle(k, spanDoubt, tr.back.Latest)
	for i := range tr.runs {
		e.closeAbsence(tr, &tr.runs[i], true)
	}
	tr.out, tr.returning = false, false
	tr.left, tr.first, tr.second, tr.before = Crossing{}, ref{}, ref{}, ref{}
	tr.back, tr.backRef = Crossing{}, ref{}
}
