package curfew

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
)

// Presence is where the wearer is, as far as evidence goes.
type Presence uint8

// The three states. Unknown is neither presence nor proven absence.
const (
	Unknown Presence = iota
	Home
	Away
)

var presences = [...]string{"UNKNOWN", "HOME", "AWAY"}

// String returns "UNKNOWN", "HOME" or "AWAY".
func (p Presence) String() string {
	if int(p) < len(presences) {
		return presences[p]
	}
	return fmt.Sprintf("presence(%d)", p)
}

// crossing lies in [Earliest, Latest]: between the last evidence before it and
// the first after it. Earliest is zero where there was none before.
type crossing struct {
	Earliest, Latest time.Time
}

// presence is the evidence so far. Time before settled is decided for good and
// was handed to the runs. It lags behind where later evidence may tell what an
// interval was: after a fix outside, and after a return that may be a flicker.
type presence struct {
	now     Presence
	settled time.Time
	proof   time.Time // up to when absence is proven

	home, away     time.Time // last evidence of each
	homeID, awayID em.ObservationID
	by             string // unit that gave the last evidence; empty for others

	out      bool // an absence is under way, maybe unknown or returning by now
	left     crossing
	leftID   em.ObservationID // first evidence of it
	beforeID em.ObservationID // last evidence of being home before it

	returning bool // home again, not yet for as long as a flicker
	back      crossing
	backID    em.ObservationID

	strap bool        // open: who wears the device is not known
	units []unitState // parallel to Order.Units
}

// word is what a unit said last.
type word uint8

const (
	silent word = iota
	contact
	lost
)

type unitState struct {
	word  word
	since time.Time // first report of that word
	seen  time.Time // last report that the word still holds
	moved bool      // from its place: its words are worth nothing
}

// span is what an interval of settled time was.
type span uint8

const (
	spanUnknown span = iota
	spanHome
	spanAway
	spanDoubt // between the last proof of absence and what came after it
)

// advance settles what the evidence so far says about the time up to t.
func (e *Evaluator) advance(t time.Time) {
	p := &e.s.presence
	switch p.now {
	case Home:
		if p.returning {
			if t.Before(p.back.Latest.Add(e.config.Flicker)) {
				return
			}
			e.returned()
		}
		if expiry := p.home.Add(e.config.MaxGap); t.After(expiry) {
			e.settle(spanHome, expiry)
			p.now = Unknown
			break
		}
		e.settle(spanHome, t)
	case Away:
		if level := e.level(); !level.IsZero() {
			e.settle(spanAway, sooner(level, t))
		}
		if expiry := p.away.Add(e.config.MaxGap); t.After(expiry) {
			e.settle(spanDoubt, expiry)
			p.now = Unknown
		}
	}
	if p.now == Unknown {
		e.settle(spanUnknown, t)
	}
}

// settle decides the time up to t.
func (e *Evaluator) settle(k span, t time.Time) {
	p := &e.s.presence
	if !t.After(p.settled) {
		return
	}
	for i := range e.s.runs {
		e.add(&e.s.runs[i], k, interval{p.settled, t})
	}
	p.settled = t
	if k == spanAway {
		p.proof = t
	}
}

// returned ends an absence: the person has been home for longer than a flicker.
func (e *Evaluator) returned() {
	p := &e.s.presence
	e.settle(spanDoubt, p.back.Latest)
	for i := range e.s.runs {
		e.closeAbsence(&e.s.runs[i], true)
	}
	p.out, p.returning = false, false
	p.left, p.leftID, p.beforeID = crossing{}, em.ObservationID{}, em.ObservationID{}
	p.back, p.backID = crossing{}, em.ObservationID{}
}

// atHome takes evidence of presence.
func (e *Evaluator) atHome(o *em.Observation, by string) {
	p := &e.s.presence
	if p.strap {
		return
	}
	e.known(o.At)
	if p.now != Home && p.out {
		p.returning, p.back, p.backID = true, crossing{p.proof, o.At}, o.ID
	}
	p.now, p.home, p.homeID, p.by = Home, o.At, o.ID, by
}

// outOfHome takes evidence of absence.
func (e *Evaluator) outOfHome(o *em.Observation, by string) {
	p := &e.s.presence
	if p.strap {
		return
	}
	e.known(o.At)
	switch {
	case p.returning: // for less than a flicker: the absence goes on
		if p.settled.Equal(p.proof) {
			e.settle(spanAway, o.At)
		}
		e.settle(spanDoubt, o.At)
		p.returning, p.back, p.backID = false, crossing{}, em.ObservationID{}
	case p.now == Away:
		e.settle(spanAway, o.At)
	}
	if !p.out {
		p.out, p.left, p.leftID, p.beforeID = true, crossing{p.home, o.At}, o.ID, p.homeID
	}
	p.now, p.away, p.awayID, p.by, p.proof = Away, o.At, o.ID, by, o.At
}

// known ends the time in which presence was unknown.
func (e *Evaluator) known(t time.Time) {
	if e.s.now == Unknown {
		for i := range e.s.runs {
			e.closeSilence(&e.s.runs[i], t)
		}
	}
}

// forget ends what was known: the evidence has lost its worth.
func (e *Evaluator) forget(t time.Time) {
	p := &e.s.presence
	if p.returning {
		e.returned()
	}
	switch p.now {
	case Home:
		e.settle(spanHome, t)
	case Away:
		e.settle(spanDoubt, t)
	}
	p.now, p.by = Unknown, ""
}

// evidence takes what an observation says about presence.
func (e *Evaluator) evidence(o *em.Observation) {
	for i := range e.order.Units {
		if d := e.order.Units[i].Device; d != "" && d == o.Device {
			e.unitReport(o)
			return
		}
	}
	p := &e.s.presence
	switch b := o.Body.(type) {
	case *em.Beacon:
		for i := range e.order.Units {
			if e.order.Units[i].ID == b.Beacon {
				e.beacon(o, i, b.Lost)
				return
			}
		}
	case *em.Tamper:
		if b.What == em.TamperStrap || b.What == em.TamperRemoval {
			if p.strap = !b.Cleared; p.strap {
				e.forget(o.At)
			}
			return
		}
	case *em.Fix:
		if !b.Current() {
			return
		}
	}
	if e.order.Where == nil {
		return
	}
	switch e.order.Where(*o) {
	case em.Inside:
		e.atHome(o, "")
	case em.Outside:
		if !e.inContact(o.At) {
			e.outOfHome(o, "")
		}
	}
}

// beacon takes what the worn device says about unit i.
func (e *Evaluator) beacon(o *em.Observation, i int, gone bool) {
	u := &e.s.presence.units[i]
	if u.moved {
		return
	}
	if e.order.Units[i].Device == "" {
		e.say(u, gone, o.At)
		u.seen = o.At
	}
	switch {
	case !gone:
		e.atHome(o, "")
	case !e.inContact(o.At):
		e.outOfHome(o, "")
	}
}

func (e *Evaluator) say(u *unitState, gone bool, t time.Time) {
	w := contact
	if gone {
		w = lost
	}
	if u.word != w {
		u.word, u.since = w, t
	}
}

// unitReport takes what a unit says: about the wearer, about itself, or just
// that it is there.
func (e *Evaluator) unitReport(o *em.Observation) {
	p := &e.s.presence
	by := ""
	for i := range e.order.Units {
		id := &e.order.Units[i]
		if id.Device != o.Device {
			continue
		}
		u := &p.units[i]
		u.seen = o.At
		void := false
		switch b := o.Body.(type) {
		case *em.Beacon:
			if b.Beacon == id.ID && !u.moved {
				e.say(u, b.Lost, o.At)
			}
		case *em.Tamper:
			if void = b.What == em.TamperMoved; void {
				u.moved = !b.Cleared
			}
		case *em.Power:
			void = b.Event == em.PowerOff || b.Event == em.PowerOn
		}
		if void {
			u.word, u.since = silent, time.Time{}
			if p.by == id.ID && !e.inContact(o.At) {
				e.forget(o.At)
			}
		}
		if u.word == contact {
			by = id.ID
		}
	}
	if by != "" {
		e.atHome(o, by)
		return
	}
	// A loss says nothing against what proved presence after it.
	if since, unit := e.allLost(); unit != "" && (p.now == Away || !since.Before(p.home)) && !e.level().Before(o.At) && !e.inContact(o.At) {
		e.outOfHome(o, unit)
	}
}

// inContact reports whether some unit hears the wearer at t.
func (e *Evaluator) inContact(t time.Time) bool {
	for i := range e.s.presence.units {
		u := &e.s.presence.units[i]
		hold := e.config.Contact
		if e.order.Units[i].Device != "" {
			hold = e.config.MaxGap
		}
		if u.word == contact && t.Sub(u.seen) <= hold {
			return true
		}
	}
	return false
}

// allLost reports whether all units that report by themselves have lost the
// wearer: when the last one did, and which.
func (e *Evaluator) allLost() (since time.Time, unit string) {
	for i := range e.s.presence.units {
		u := &e.s.presence.units[i]
		switch {
		case e.order.Units[i].Device == "":
		case u.word != lost:
			return time.Time{}, ""
		case unit == "" || u.since.After(since):
			since, unit = u.since, e.order.Units[i].ID
		}
	}
	return since, unit
}

// level is until when units prove absence if nothing more is heard; zero if
// they do not.
func (e *Evaluator) level() time.Time {
	if _, unit := e.allLost(); unit == "" {
		return time.Time{}
	}
	var until time.Time
	for i := range e.s.presence.units {
		if e.order.Units[i].Device == "" {
			continue
		}
		if t := e.s.presence.units[i].seen.Add(e.config.MaxGap); until.IsZero() || t.Before(until) {
			until = t
		}
	}
	return until
}
