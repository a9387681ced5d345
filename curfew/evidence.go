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

// Crossing lies in [Earliest, Latest]: between the last evidence before it and
// the first after it. Earliest is zero where there was none before.
type Crossing struct {
	Earliest, Latest time.Time
}

// ref names a piece of evidence, by how much its device's clock was corrected, and
// why it is evidence.
type ref struct {
	id  em.ObservationID
	off time.Duration
	why *grounds // of what a track keeps; never changed
}

// grounds are why something is evidence.
type grounds struct {
	words string // a noun with what is known of it
	facts []em.Fact
}

// The grounds that are no position, and of positions those of Order.Where. They are
// never changed.
var (
	unitHears   = simply("a contact with the home unit", "contact")
	unitLost    = simply("the home unit's loss of contact", "loss")
	beaconHeard = simply("a contact with the beacon", "contact")
	beaconLost  = simply("the loss of the beacon", "loss")
	positioned  = simply("a position", "position")
)

func simply(words, by string) *grounds {
	return &grounds{words, []em.Fact{{Name: "by", Text: by}}}
}

// refOf is the observation as evidence, on grounds.
func refOf(o *em.Observation, why *grounds) ref {
	r := ref{id: o.ID, why: why}
	if !o.DeviceAt.IsZero() {
		r.off = o.At.Sub(o.DeviceAt)
	}
	return r
}

// evidence is what was observed so far.
type evidence struct {
	now        Presence
	turned     Crossing  // when now began
	home, away time.Time // last evidence of each
	homeRef    ref
	awayRef    ref
	by         string    // key of the unit that gave the last evidence; empty for others
	odd        time.Time // since when fixes are where nobody can have come from home; zero: they are not
	gone       time.Time // up to when the last evidence of absence proves it by itself, as a Follower has it; zero for none
	sure       time.Time // up to when the last contact proves presence, where a unit reports each; zero for other evidence

	// A loss that may be no more than bad radio: as of when, who told first, and
	// when it was last told. It becomes evidence after Config.Loss.
	lost     time.Time
	lostRef  ref
	lostSeen ref
	lostTold time.Time
	lostBy   string

	placed     bool      // the last evidence of presence is a position
	outweighed time.Time // when the loss began that a position outweighed last

	strap bool        // open: who wears the device is not known
	dark  dark        // why not being heard proves nothing
	units []unitState // parallel to Order.Units
}

// dark are reasons for which a bracelet that is not heard may be home.
type dark uint8

const (
	shielded dark = 1 << iota
	jammed
	dead // switched off
	allDark
)

// word is what a unit said last.
type word uint8

const (
	silent word = iota
	contact
	lost
)

type unitState struct {
	word  word
	since time.Time // of a contact the first report, of a loss when it is taken to have begun
	last  time.Time // last contact
	seen  time.Time // last report of the unit, of whatever
	moved bool      // from its place: its words are worth nothing
}

// key tells units apart: one bracelet may be heard by several, and one unit hear
// several bracelets.
func (u *Unit) key() string { return u.ID + "\n" + string(u.Device) }

// evidence takes what an observation says about presence.
func (e *Evaluator) evidence(o *em.Observation) {
	for i := range e.order.Units {
		if d := e.order.Units[i].Device; d != "" && d == o.Device {
			e.unitReport(o)
			return
		}
	}
	if e.worn(o.Device) && e.ofBracelet(o) {
		return
	}
	if b, ok := o.Body.(*em.Beacon); ok {
		for i := range e.order.Units {
			if e.order.Units[i].ID == b.Beacon {
				e.beacon(o, i, b.Lost)
				return
			}
		}
	}
	if f, ok := o.Body.(*em.Fix); ok && !f.Current() {
		return
	}
	switch side, away := e.where(o); side {
	case em.Inside:
		e.s.dark = 0
		e.atHome(o, e.why(Home), "", time.Time{})
		e.s.placed = e.s.now == Home
	case em.Outside:
		if e.jumped(o.At, away) {
			e.outweighFix(o, byJump)
			return
		}
		e.s.dark = 0
		if e.inContact(o.At) {
			e.outweighFix(o, byContact)
			return
		}
		e.outOfHome(o.At, refOf(o, e.why(Away)), "")
		if away > 0 && e.s.now == Away {
			e.s.gone = o.At.Add(min(away, e.config.MaxGap))
		}
	}
}

// where tells where an observation puts the wearer, and for how long after it the
// wearer cannot be back.
func (e *Evaluator) where(o *em.Observation) (em.Side, time.Duration) {
	switch {
	case e.s.follow != nil:
		return e.s.follow.Follow(*o)
	case e.order.Where != nil:
		return e.order.Where(*o), 0
	}
	return em.SideUnknown, 0
}

// why are the grounds on which the last position is evidence of a side, where an
// event may rest on it: nil for what only goes on.
func (e *Evaluator) why(side Presence) *grounds {
	_, unit := e.allLost()
	asked := e.s.now != side || unit != "" && side == Home
	for k := range e.s.tracks {
		asked = asked || bad(k) == side && e.s.tracks[k].second.id == (em.ObservationID{})
	}
	if !asked {
		return nil
	}
	return e.grounds()
}

// grounds are those of the last position.
func (e *Evaluator) grounds() *grounds {
	if e.s.follow == nil {
		return positioned
	}
	words, facts := e.s.follow.Why()
	return &grounds{"a position " + words, facts}
}

// Nobody comes home sooner than a Follower says, nor out. Evidence of absence that
// comes sooner after presence, granting clockSlack, is a false position; so is what
// follows, for jumpTimes as long and maxJump at most. Unverified: false satellite
// signals may last longer.
const (
	clockSlack = 2 * time.Second
	jumpTimes  = 3
	maxJump    = 30 * time.Minute
)

// jumped reports whether evidence of an absence of at least so long is not believed.
func (e *Evaluator) jumped(t time.Time, away time.Duration) bool {
	p := &e.s
	if p.odd.IsZero() && p.now == Home && away > t.Sub(p.home)+clockSlack {
		p.odd = t
	}
	return !p.odd.IsZero() && t.Before(p.odd.Add(min(jumpTimes*away, maxJump)))
}

// worn reports whether a device that is no unit is on the wearer's body.
func (e *Evaluator) worn(d em.DeviceID) bool {
	for _, w := range e.order.Worn {
		if w == d {
			return true
		}
	}
	return len(e.order.Worn) == 0
}

// ofBracelet takes what a worn device says of itself, and reports whether that
// was all.
func (e *Evaluator) ofBracelet(o *em.Observation) bool {
	p := &e.s
	was := p.dark
	set := func(d dark, on bool) {
		if p.dark &^= d; on {
			p.dark |= d
		}
	}
	switch b := o.Body.(type) {
	case *em.Tamper:
		switch b.What {
		case em.TamperStrap, em.TamperRemoval:
			if p.strap = !b.Cleared; p.strap {
				e.forget(o.At)
			}
			return true
		case em.TamperShielding:
			set(shielded, !b.Cleared)
		case em.TamperJamming:
			set(jammed, !b.Cleared)
		default:
			return false
		}
	case *em.Power:
		if len(e.order.Worn) > 0 {
			set(dead, b.Event == em.PowerOff)
		}
	default:
		if len(e.order.Worn) > 0 {
			set(dead, false) // it speaks
		}
		if p.dark == was {
			return false
		}
	}
	switch {
	case p.dark&^was != 0:
		e.forget(o.At)
	case was != 0 && p.dark == 0: // a loss that was told meanwhile counts from here
		for i := range p.units {
			if u := &p.units[i]; u.word == lost {
				u.since = later(u.since, o.At)
			}
		}
		e.units(o)
	}
	_, isTamper := o.Body.(*em.Tamper)
	_, isPower := o.Body.(*em.Power)
	return isTamper || isPower
}

// beacon takes what the worn device says about unit i.
func (e *Evaluator) beacon(o *em.Observation, i int, gone bool) {
	u := &e.s.units[i]
	if u.moved {
		return
	}
	if e.order.Units[i].Device == "" {
		e.say(i, gone, o.At)
		u.seen = o.At
	}
	switch {
	case !gone:
		e.s.dark = 0
		e.atHome(o, beaconHeard, "", time.Time{})
	case !e.inContact(o.At):
		e.outOfHome(o.At, refOf(o, beaconLost), "")
	}
}

// say notes a contact with unit i or its loss.
func (e *Evaluator) say(i int, gone bool, t time.Time) {
	u, hold := &e.s.units[i], e.order.Units[i].Hold
	switch {
	case !gone:
		if u.word != contact {
			u.word, u.since = contact, t
		}
		u.last = t
	case u.word != lost:
		since := t
		if u.word == contact && hold > 0 {
			since = sooner(t, u.last.Add(hold))
		}
		u.word, u.since = lost, since
	}
}

// unitReport takes what a unit says: about the wearer, about itself, or just
// that it is there.
func (e *Evaluator) unitReport(o *em.Observation) {
	p := &e.s
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
				e.say(i, b.Lost, o.At)
			}
		case *em.Tamper:
			if void = b.What == em.TamperMoved; void {
				u.moved = !b.Cleared
			}
		case *em.Power:
			void = b.Event == em.PowerOff || b.Event == em.PowerOn
		}
		switch {
		case void:
			u.word, u.since = silent, time.Time{}
			if (p.by == id.key() || p.lostBy == id.key()) && !e.inContact(o.At) {
				e.forget(o.At)
			}
		case u.word == contact && id.Hold > 0 && !o.At.Before(u.last.Add(id.Hold)):
			u.word, u.since = lost, u.last.Add(id.Hold)
		}
	}
	e.units(o)
}

// units takes what the units say in all, after a report.
func (e *Evaluator) units(o *em.Observation) {
	p := &e.s
	by, sure := "", time.Time{}
	for i := range e.order.Units {
		id, u := &e.order.Units[i], &p.units[i]
		if id.Device != o.Device || u.word != contact {
			continue
		}
		if id.Hold == 0 {
			by, sure = id.key(), time.Time{}
			break
		}
		if u.last.Equal(o.At) {
			by, sure = id.key(), later(sure, o.At.Add(id.Hold))
		}
	}
	if by != "" {
		p.dark = 0
		e.atHome(o, unitHears, by, sure)
		return
	}
	// A loss says nothing against what proved presence after it.
	since, unit := e.allLost()
	if unit == "" || p.dark != 0 || p.strap || e.level(Away).Before(o.At) || e.inContact(o.At) {
		return
	}
	if p.now != Away && since.Before(p.home) {
		if p.now == Home && p.placed {
			e.outweighLoss(o, since)
		}
		return
	}
	if p.now == Away {
		e.outOfHome(o.At, refOf(o, unitLost), unit)
		return
	}
	if p.lostBy == "" {
		p.lost, p.lostRef, p.lostBy = since, refOf(o, nil), unit
		for i := range p.tracks {
			p.lost = later(p.lost, p.tracks[i].settled)
		}
	}
	p.lostSeen, p.lostTold = refOf(o, nil), o.At
	if !o.At.Before(since.Add(e.config.Loss)) {
		e.believe()
	}
}

// confirm makes evidence of a loss that has lasted.
func (e *Evaluator) confirm(t time.Time) {
	p := &e.s
	switch {
	case p.lostBy == "" || t.Before(p.lost.Add(e.config.Loss)):
	case e.level(Away).Before(p.lost.Add(e.config.Loss)): // a unit itself is not heard
		e.found()
	default:
		e.believe()
	}
}

// believe makes evidence of a loss.
func (e *Evaluator) believe() {
	p := &e.s
	at, first, told, last, by := p.lost, p.lostRef, p.lostTold, p.lostSeen, p.lostBy
	first.why, last.why = unitLost, unitLost
	e.found()
	e.outOfHome(at, first, by)
	if told.After(at) {
		e.outOfHome(told, last, by)
	}
}

// found forgets a loss that was none.
func (e *Evaluator) found() {
	p := &e.s
	p.lost, p.lostTold, p.lostRef, p.lostSeen, p.lostBy = time.Time{}, time.Time{}, ref{}, ref{}, ""
}

// atHome takes evidence of presence.
func (e *Evaluator) atHome(o *em.Observation, why *grounds, by string, sure time.Time) {
	p, r := &e.s, refOf(o, why)
	if p.strap {
		return
	}
	e.found()
	for k := range p.tracks {
		e.take(k, Home, o.At, r)
	}
	if p.now != Home {
		p.turned = Crossing{p.away, o.At}
	}
	if _, unit := e.allLost(); unit == "" {
		r.why = nil
	}
	p.now, p.home, p.homeRef, p.by, p.sure, p.placed = Home, o.At, r, by, sure, false
	p.gone, p.odd = time.Time{}, time.Time{}
}

// outOfHome takes evidence of absence. A loss that waits to be believed is
// confirmed by it.
func (e *Evaluator) outOfHome(t time.Time, r ref, by string) {
	p := &e.s
	if p.strap {
		return
	}
	if p.lostBy != "" {
		e.believe()
	}
	for k := range p.tracks {
		e.take(k, Away, t, r)
	}
	if p.now != Away {
		p.turned = Crossing{p.home, t}
	}
	r.why = nil
	p.now, p.away, p.awayRef, p.by, p.sure = Away, t, r, by, time.Time{}
	p.gone, p.odd = time.Time{}, time.Time{}
}

// forget ends what was known: the evidence has lost its worth.
func (e *Evaluator) forget(t time.Time) {
	p := &e.s
	for k := range p.tracks {
		tr := &p.tracks[k]
		if tr.returning {
			e.returned(k)
		}
		switch p.now {
		case Unknown:
		case bad(k):
			e.settle(k, spanDoubt, t)
		default:
			e.settle(k, spanHome, e.upTo(k, t))
		}
	}
	if p.now != Unknown {
		p.turned = Crossing{later(p.home, p.away), t}
	}
	p.now, p.by, p.sure, p.gone = Unknown, "", time.Time{}, time.Time{}
	e.found()
}

// inContact reports whether some unit hears the wearer at t.
func (e *Evaluator) inContact(t time.Time) bool { return e.hearing(t) >= 0 }

// hearing is a unit that hears the wearer at t; -1 if none does.
func (e *Evaluator) hearing(t time.Time) int {
	for i := range e.s.units {
		u, id := &e.s.units[i], &e.order.Units[i]
		if u.word != contact {
			continue
		}
		switch {
		case id.Hold > 0:
			if t.Before(u.last.Add(id.Hold)) {
				return i
			}
		case id.Device != "":
			if t.Sub(u.seen) <= e.config.MaxGap {
				return i
			}
		default:
			if t.Sub(u.seen) <= e.config.Contact {
				return i
			}
		}
	}
	return -1
}

// allLost reports whether all units that report by themselves have lost the
// wearer: when the last one did, and which.
func (e *Evaluator) allLost() (since time.Time, unit string) {
	for i := range e.s.units {
		u, id := &e.s.units[i], &e.order.Units[i]
		switch {
		case id.Device == "":
		case u.word != lost:
			return time.Time{}, ""
		case unit == "" || u.since.After(since):
			since, unit = u.since, id.key()
		}
	}
	return since, unit
}

// proven is until when a side at fault is proven if nothing more is heard; zero if
// it is not.
func (e *Evaluator) proven(of Presence) time.Time {
	until := e.level(of)
	if of == Away {
		until = later(until, e.s.gone)
	}
	return until
}

// level is until when units prove presence or absence if nothing more is heard;
// zero if they do not.
func (e *Evaluator) level(of Presence) time.Time {
	var until time.Time
	if of == Home {
		for i := range e.s.units {
			u, id := &e.s.units[i], &e.order.Units[i]
			switch {
			case id.Device == "" || u.word != contact:
			case id.Hold > 0:
				until = later(until, u.last.Add(id.Hold))
			default:
				until = later(until, u.seen.Add(e.config.MaxGap))
			}
		}
		return until
	}
	if _, unit := e.allLost(); unit == "" {
		return time.Time{}
	}
	for i := range e.s.units {
		if e.order.Units[i].Device == "" {
			continue
		}
		if t := e.s.units[i].seen.Add(e.config.MaxGap); until.IsZero() || t.Before(until) {
			until = t
		}
	}
	return until
}
