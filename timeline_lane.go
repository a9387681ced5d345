package em

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"time"
)

// epoch is a set of rules and since when they judge.
type epoch struct {
	from  time.Time
	evs   []Evaluator
	heeds [len(kinds)]uint32 // by kind, a bit for each of the first evaluators that heeds it
}

// heedMost is how many evaluators of a clock a bit is kept of; further ones are shown
// all.
const heedMost = 32

func newEpoch(from time.Time, evs []Evaluator) epoch {
	e := epoch{from: from, evs: evs}
	e.ask()
	return e
}

// ask asks who heeds what.
func (e *epoch) ask() {
	clear(e.heeds[:])
	for i, ev := range e.evs[:min(len(e.evs), heedMost)] {
		for n, k := range kinds {
			if Heeds(ev, k) {
				e.heeds[n] |= 1 << i
			}
		}
	}
}

// heed are those of the first evaluators that may do something with a body.
func (e *epoch) heed(b Body) uint32 {
	if n := slices.Index(kinds[:], b.Kind()); n >= 0 {
		return e.heeds[n]
	}
	return 1<<heedMost - 1 // a name that is none of theirs
}

// lane is the part of a Timeline on one clock. A cold lane knows nothing but
// its rules. A warm one stands where its steps have led: a step is an
// observation shown, or a deadline fired.
type lane struct {
	clock  Clock
	epochs []epoch
	warm   bool

	cur     int         // epoch in force
	last    Observation // latest observation shown, without Body; no ID: none
	ties    []tie       // all observations of last's instant
	floor   time.Time   // latest deadline fired, or beginning of the epoch or of the lane: earlier observations are late
	next    time.Time   // next line of the grid: a step there or later begins with a checkpoint
	due     time.Time   // earliest deadline, zero for none
	dueOf   int         // an evaluator that has it
	horizon time.Time   // latest wall clock: deadlines up to it have been fired
	open    []Event     // present versions of open events by ID; copied before it is changed

	marks []mark        // checkpoints in memory, oldest first
	obs   []Observation // with Window: all shown since marks[0]
}

// tie is what tells whether an observation of the latest instant is known.
type tie struct {
	id       ObservationID
	received time.Time
	seq      Opt[uint64]
}

// maxTies bounds lane.ties: a batch of stored reports may have one Received, but
// no device sends more in one instant. Beyond it observations take the way of
// late ones.
const maxTies = 4096

// mark is a checkpoint in memory.
type mark struct {
	at    time.Time
	state []byte // of all evaluators
	cut   []int  // end of each one's part
	open  []Event
}

func (m *mark) equal(o *mark) bool {
	return bytes.Equal(m.state, o.state) && slices.Equal(m.cut, o.cut) &&
		slices.EqualFunc(m.open, o.open, func(a, b Event) bool { return a.Equal(&b) })
}

func (m *mark) checkpoint(c Clock) Checkpoint {
	cp := Checkpoint{Clock: c, At: m.at, State: make([][]byte, len(m.cut)), Open: m.open}
	all := slices.Clone(m.state)
	from := 0
	for i, to := range m.cut {
		cp.State[i] = all[from:to:to]
		from = to
	}
	return cp
}

func markOf(cp *Checkpoint) mark {
	m := mark{at: cp.At, open: slices.Clone(cp.Open)}
	for _, s := range cp.State {
		m.state = append(m.state, s...)
		m.cut = append(m.cut, len(m.state))
	}
	slices.SortFunc(m.open, func(a, b Event) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return m
}

func (l *lane) evs() []Evaluator { return l.epochs[l.cur].evs }

// idle reports that there never was an evaluator: evaluators are never lost.
func (l *lane) idle() bool { return len(l.epochs[len(l.epochs)-1].evs) == 0 }

func (l *lane) forget() { *l = lane{clock: l.clock, epochs: l.epochs, horizon: l.horizon} }

// kept is a lane with the state of its evaluators. It shares the lane's memory:
// replays only append to it, and once steps in order reuse it, what was kept is
// needed no more.
type kept struct {
	lane  lane
	state mark
}

func (l *lane) keep() (kept, error) {
	k := kept{lane: *l}
	k.lane.marks, k.lane.obs = slices.Clip(l.marks), slices.Clip(l.obs)
	if !l.warm {
		return k, nil
	}
	return k, l.capture(&k.state, l.floor)
}

func (l *lane) restore(k kept) error {
	*l = k.lane
	if !l.warm {
		return nil
	}
	return l.load(&k.state)
}

// capture writes the state of the evaluators into m, reusing its memory.
func (l *lane) capture(m *mark, at time.Time) error {
	m.at, m.open, m.state, m.cut = at, l.open, m.state[:0], m.cut[:0]
	for i, e := range l.evs() {
		var err error
		if m.state, err = e.AppendBinary(m.state); err != nil {
			return fmt.Errorf("%w: number %d writes no state: %w", ErrEvaluator, i, err)
		}
		m.cut = append(m.cut, len(m.state))
	}
	return nil
}

// load gives the evaluators in force the state of m; those without a part in it
// begin anew.
func (l *lane) load(m *mark) error {
	from := 0
	for i, e := range l.evs() {
		var state []byte
		if i < len(m.cut) {
			state, from = m.state[from:m.cut[i]:m.cut[i]], m.cut[i]
		}
		if err := e.UnmarshalBinary(state); err != nil {
			return fmt.Errorf("%w: number %d of clock %d takes no state: %w", ErrEvaluator, i, l.clock, err)
		}
	}
	l.epochs[l.cur].ask()
	l.findDue()
	return nil
}

// findDue asks all for their deadlines.
func (l *lane) findDue() {
	l.due, l.dueOf = time.Time{}, -1
	for i, e := range l.evs() {
		l.takeDue(i, e.Deadline())
	}
}

// takeDue takes one that may be earlier than the earliest of the others.
func (l *lane) takeDue(i int, d time.Time) {
	if !d.IsZero() && (l.due.IsZero() || d.Before(l.due)) {
		l.due, l.dueOf = d, i
	}
}

// place says how an observation lies to what was shown.
type place uint8

const (
	inOrder place = iota // after all that was shown
	known                // shown already
	late                 // before something that was shown
)

func (l *lane) place(o *Observation) place {
	at := o.instant(l.clock)
	d := 1
	if l.last.ID != (ObservationID{}) {
		d = at.Compare(l.last.instant(l.clock))
	}
	if d == 0 {
		for i := range l.ties {
			t := &l.ties[i]
			if t.id != o.ID {
				continue
			}
			// Another version of it counts where it was received earlier; but
			// evaluators could tell the two apart by Seq only.
			if t.seq != o.Seq && earlier(o, &Observation{Received: t.received, Seq: t.seq}) {
				return late
			}
			return known
		}
	}
	if l.after(o) && (d > 0 || len(l.ties) < maxTies) {
		return inOrder
	}
	i := sort.Search(len(l.obs), func(i int) bool { return !l.obs[i].instant(l.clock).Before(at) })
	for ; i < len(l.obs) && l.obs[i].instant(l.clock).Equal(at); i++ {
		if s := &l.obs[i]; s.ID == o.ID {
			if s.Seq != o.Seq && earlier(o, s) {
				return late
			}
			return known
		}
	}
	return late
}

// beyond reports whether o happened after all that was shown, and no earlier than any
// step: so does all that comes behind it.
func (l *lane) beyond(o *Observation) bool {
	at := o.instant(l.clock)
	return !at.Before(l.floor) && (l.last.ID == (ObservationID{}) || at.After(l.last.instant(l.clock)))
}

// after reports whether o comes after all steps.
func (l *lane) after(o *Observation) bool {
	return !o.instant(l.clock).Before(l.floor) && (l.last.ID == (ObservationID{}) || Compare(l.clock, o, &l.last) > 0)
}

// sift divides a sorted list: what must be settled by a replay, all up to the
// last that is late, and what of the rest is in order.
func (l *lane) sift(list []Observation) (behind, ahead []Observation) {
	if len(list) > 0 && l.beyond(&list[0]) {
		return nil, list
	}
	n, again := len(list), false
	for ; n > 0; n-- {
		p := l.place(&list[n-1])
		if p == late {
			break
		}
		again = again || p == known
	}
	behind, ahead = list[:n], list[n:]
	if again {
		ahead = slices.DeleteFunc(slices.Clone(ahead), func(o Observation) bool { return l.place(&o) == known })
	}
	return behind, ahead
}

// observe shows an observation that is in order to the evaluators.
func (l *lane) observe(x *call, o *Observation) error {
	at := o.instant(l.clock)
	if err := l.fire(x, at); err != nil {
		return err
	}
	if !at.Before(l.next) {
		if err := l.mark(x, at); err != nil {
			return err
		}
	}
	seen := *o
	if l.clock == EventTime {
		seen.Received, seen.Stored = time.Time{}, false
	}
	now, ask := &l.epochs[l.cur], false
	heed := now.heed(o.Body)
	for i := range now.evs {
		if i < heedMost && heed&(1<<i) == 0 {
			continue
		}
		e := now.evs[i]
		evs := e.Observe(x.t.buf[:0], seen)
		for k := range evs {
			l.emit(x, &evs[k], at, o.ID)
		}
		x.t.buf = evs
		d := e.Deadline()
		if !d.IsZero() && !d.After(at) {
			return fmt.Errorf("%w: number %d of clock %d has deadline %v after an observation of %v", ErrEvaluator, i, l.clock, d, at)
		}
		if i == l.dueOf && !d.Equal(l.due) {
			ask = true // the earliest may now be another's
		}
		l.takeDue(i, d)
	}
	if ask {
		l.findDue()
	}
	if l.last.ID == (ObservationID{}) || at.After(l.last.instant(l.clock)) {
		if cap(l.ties) > 8 {
			l.ties = nil
		}
		l.ties = l.ties[:0]
	}
	if len(l.ties) < maxTies {
		l.ties = append(l.ties, tie{o.ID, o.Received, o.Seq})
	}
	l.last = *o
	l.last.Body = nil
	if x.t.cfg.Window > 0 && len(l.marks) > 0 {
		l.obs = append(l.obs, *o)
	}
	return nil
}

// fire wakes evaluators whose deadline lies at or before limit, and puts new
// rules in force.
func (l *lane) fire(x *call, limit time.Time) error {
	for {
		if n := l.cur + 1; n < len(l.epochs) {
			if from := l.epochs[n].from; !from.After(limit) && (l.due.IsZero() || !l.due.Before(from)) {
				if err := l.change(x, from); err != nil {
					return err
				}
				continue
			}
		}
		if l.due.IsZero() || l.due.After(limit) {
			return nil
		}
		if err := l.wake(x); err != nil {
			return err
		}
	}
}

// wake fires the earliest deadline; of equal ones that of the first evaluator.
func (l *lane) wake(x *call) error {
	evs := l.evs()
	i := slices.IndexFunc(evs, func(e Evaluator) bool { d := e.Deadline(); return !d.IsZero() && d.Equal(l.due) })
	if i < 0 {
		return fmt.Errorf("%w: a deadline of clock %d changed without a call", ErrEvaluator, l.clock)
	}
	// Only a state that other rules have left can have a deadline that lies
	// behind; it is fired at once.
	due := evs[i].Deadline()
	at := plain(due)
	if at.Before(l.floor) {
		at = l.floor
	}
	if !at.Before(l.next) {
		if err := l.mark(x, at); err != nil {
			return err
		}
	}
	out := evs[i].Wake(x.t.buf[:0], due)
	for k := range out {
		l.emit(x, &out[k], at, ObservationID{})
	}
	x.t.buf = out
	if d := evs[i].Deadline(); !d.IsZero() && !d.After(due) {
		return fmt.Errorf("%w: number %d of clock %d has deadline %v after it was woken at %v", ErrEvaluator, i, l.clock, d, due)
	}
	l.floor = at
	l.findDue()
	return nil
}

// change puts the next epoch in force: its evaluators take over the state.
func (l *lane) change(x *call, from time.Time) error {
	if !from.Before(l.next) {
		if err := l.mark(x, from); err != nil {
			return err
		}
	}
	var m mark
	if err := l.capture(&m, from); err != nil {
		return err
	}
	l.cur++
	if from.After(l.floor) {
		l.floor = from
	}
	return l.load(&m)
}

// mark makes the checkpoint of the line of the grid at or before at, the
// instant of the step to come. No step was made since that line.
func (l *lane) mark(x *call, at time.Time) error {
	cfg := &x.t.cfg
	line := at.Truncate(cfg.Every)
	first := l.next
	l.next = line.Add(cfg.Every)

	var m mark
	if cfg.Window == 0 && len(l.marks) > 0 && x.re == nil {
		m = l.marks[0] // goes, so its memory serves again
		l.marks = l.marks[:0]
	}
	if err := l.capture(&m, line); err != nil {
		return err
	}
	if x.re != nil {
		if done, err := x.re.converged(x, l, &m, first, at); done || err != nil {
			return err
		}
	}
	if save := at.Truncate(cfg.Save); !save.Before(first) {
		cp := m.checkpoint(l.clock)
		cp.At = save
		if x.re == nil {
			x.r.Save = append(x.r.Save, cp)
		} else if save.After(x.re.from) {
			x.re.save = append(x.re.save, cp)
		}
	}
	l.marks = append(l.marks, m)
	l.trim(line.Add(-cfg.Window), x.re == nil)
	return nil
}

// trim drops the checkpoints that are not needed to go back to since, and the
// observations before the oldest that stays. Reuse says that nobody else holds
// their memory.
func (l *lane) trim(since time.Time, reuse bool) {
	n, k := 0, len(l.obs)
	for n+1 < len(l.marks) && !l.marks[n+1].at.After(since) {
		n++
	}
	if len(l.marks) > 0 {
		k = l.before(l.obs, l.marks[n].at)
	}
	if reuse {
		l.marks, l.obs = slices.Delete(l.marks, 0, n), slices.Delete(l.obs, 0, k)
	} else {
		l.marks, l.obs = l.marks[n:], l.obs[k:]
	}
}

// before returns how many of a sorted list lie before at.
func (l *lane) before(list []Observation, at time.Time) int {
	return sort.Search(len(list), func(i int) bool { return !list[i].instant(l.clock).Before(at) })
}

// emit takes what an evaluator decided in the step at that instant.
func (l *lane) emit(x *call, e *Event, at time.Time, cause ObservationID) {
	e.Stamp(x.t.cfg.Subject, at)
	if len(e.Because) > MaxBecause {
		e.Because = e.Because[:MaxBecause:MaxBecause]
	}
	i, told := slices.BinarySearchFunc(l.open, e.ID, func(o Event, id EventID) int { return bytes.Compare(o.ID[:], id[:]) })
	var was Event
	if told {
		was = l.open[i]
		again := *e
		again.Concluded = was.Concluded
		if again.Equal(&was) {
			return // nothing new
		}
	}
	kind := Updated
	switch {
	case !told:
		kind = Opened
		if e.Open() {
			l.open = slices.Insert(slices.Clone(l.open), i, *e)
		}
	case e.Open():
		l.open = slices.Clone(l.open)
		l.open[i] = *e
	default:
		kind = Closed
		l.open = slices.Delete(slices.Clone(l.open), i, i+1)
	}
	if x.re != nil {
		x.re.after[e.ID] = version{*e, cause}
		return
	}
	x.r.Changes = append(x.r.Changes, Change{kind, l.clock, *e, was, x.now, cause})
}
