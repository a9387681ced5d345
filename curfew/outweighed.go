package curfew

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
)

// Why evidence did not count.
const (
	byContact  = iota // a position outside: a unit heard the wearer
	byJump            // a position outside: nobody can have come there
	byPosition        // a unit's loss of contact: a position put the wearer at the place
	outweighings
)

// outweighed is evidence that did not count for one reason: how often, and of the first
// time what it was, and what counted in its place. The verdict on an obligation says so.
type outweighed struct {
	n             uint64
	at, againstAt time.Time
	what, against ref
}

var (
	outweighedFact  = [outweighings]string{"outside_in_contact", "outside_by_jump", "lost_at_place"}
	outweighedWords = [outweighings]string{
		"Positions outside that did not count, as a home unit heard the wearer",
		"Positions outside that did not count, as nobody can have come there",
		"Losses of contact that did not count, as a position put the wearer at the place, and bad radio loses who is there",
	}
)

// outweigh notes evidence that did not count, for all obligations under way.
func (e *Evaluator) outweigh(why int, first func() outweighed) {
	var told outweighed
	for k := range e.s.tracks {
		for i := range e.s.tracks[k].runs {
			w := &e.s.tracks[k].runs[i].outweighed[why]
			n := min(w.n+1, maxTally)
			if w.n == 0 {
				if told.at.IsZero() {
					told = first()
				}
				*w = told
			}
			w.n = n
		}
	}
}

// outweighFix notes that a position outside did not count.
func (e *Evaluator) outweighFix(o *em.Observation, why int) {
	e.outweigh(why, func() outweighed {
		w := outweighed{at: o.At, what: refOf(o, e.grounds()), againstAt: e.s.home, against: e.s.homeRef}
		w.against.why = simply("presence", "presence")
		if i := e.hearing(o.At); why == byContact {
			w.againstAt = e.s.units[i].since
			w.against.why = simply("a contact with home unit "+e.order.Units[i].ID, "contact")
		}
		return w
	})
}

// outweighLoss notes, once, that a loss of contact that began at an instant, and that a
// report of the unit still tells, does not count: a position had the wearer at the place
// after it.
func (e *Evaluator) outweighLoss(o *em.Observation, since time.Time) {
	p := &e.s
	if p.outweighed.Equal(since) {
		return
	}
	p.outweighed = since
	e.outweigh(byPosition, func() outweighed {
		w := outweighed{at: since, what: refOf(o, unitLost), againstAt: p.home, against: p.homeRef}
		if w.against.why == nil {
			w.against.why = positioned
		}
		return w
	})
}

// tell adds what did not count to the verdict on an obligation.
func (w *outweighed) tell(e *Evaluator, d *em.Detail, why int) {
	if w.n == 0 {
		return
	}
	name := outweighedFact[why]
	d.Facts = append(d.Facts, em.Fact{Name: name, Num: float64(w.n), Unit: "1"})
	d.Reason += fmt.Sprintf(" %s: %d", outweighedWords[why], w.n)
	if w.what.why != nil && w.against.why != nil { // else of an old state
		d.Reason += fmt.Sprintf("; the first is %s, of %s, against %s, of %s", w.what.why.words, e.hm(w.at), w.against.why.words, e.hm(w.againstAt))
		d.Facts = w.what.evidence(e.instant(d.Facts, name+"_first", w.at), name+"_first_")
		d.Facts = w.against.evidence(e.instant(d.Facts, name+"_against", w.againstAt), name+"_against_")
	}
	d.Reason += "."
}
