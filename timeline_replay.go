package em

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"
)

// version is what a replay last said of an event, and by which observation.
type version struct {
	event Event
	cause ObservationID
}

// rewrite is a replay under way.
type rewrite struct {
	base    *mark
	from    time.Time     // nothing before it differs: checkpoints after it are new
	void    bool          // and those in the History are in doubt
	stop    bool          // may stop where the state is as it was before
	old     kept          // before the replay
	pending []Observation // late ones not yet shown
	after   map[EventID]version
	save    []Checkpoint
	reached *mark // where it stopped
}

// errConverged ends a replay whose future is known; it never leaves this file.
var errConverged = errors.New("converged")

// start warms a cold lane: it replays from the newest checkpoint.
func (l *lane) start(x *call) error {
	old, err := l.keep()
	if err != nil {
		return err
	}
	base, err := l.base(x, endOfTime)
	if err != nil {
		return err
	}
	return l.replay(x, &rewrite{old: old, base: &base, from: base.at}, nil)
}

// settle shows late observations, each cluster of them by one replay that
// begins before it and stops where the state is again as it was.
func (l *lane) settle(x *call, behind []Observation) error {
	list := slices.Clone(behind) // so that the caller's may stay on its stack
	for len(list) > 0 {
		from := list[0].instant(l.clock)
		old, err := l.keep()
		if err != nil {
			return err
		}
		base, err := l.base(x, from)
		if err != nil {
			return err
		}
		re := &rewrite{old: old, base: &base, from: from, void: true, stop: !x.t.full}
		if err := l.replay(x, re, list); err != nil {
			return err
		}
		list = re.pending
	}
	return nil
}

// rederive replays from that instant on because the rules have changed there.
func (l *lane) rederive(x *call, old kept, from time.Time) error {
	if l.warm && from.After(l.floor) && (l.last.ID == ObservationID{} || from.After(l.last.instant(l.clock))) {
		return nil // nothing was judged there yet
	}
	base, err := l.base(x, from)
	if err != nil {
		return err
	}
	return l.replay(x, &rewrite{old: old, base: &base, from: from, void: true}, nil)
}

// base loads evaluators to see whether they can read a checkpoint; the caller
// keeps or replaces their state. It finds the newest checkpoint at or before notAfter: in memory, in the
// History, or the beginning. One in the History that this software cannot read
// is passed over.
func (l *lane) base(x *call, notAfter time.Time) (mark, error) {
	for i := len(l.marks) - 1; i >= 0; i-- {
		if !l.marks[i].at.After(notAfter) {
			return l.marks[i], nil
		}
	}
	start := x.t.cfg.Start
	for cp, err := range x.t.cfg.History.Checkpoints(l.clock, notAfter) {
		if err != nil {
			return mark{}, fmt.Errorf("%w: checkpoints: %w", ErrHistory, err)
		}
		if cp.At.After(notAfter) || cp.Clock != l.clock {
			return mark{}, fmt.Errorf("%w: a checkpoint of %v, asked for clock %d until %v", ErrHistory, cp.At, l.clock, notAfter)
		}
		if cp.At.Before(start) {
			break
		}
		m := markOf(&cp)
		m.at = plain(m.at)
		if n := len(l.epochs[l.epochAt(m.at)].evs); len(m.cut) > n {
			return mark{}, fmt.Errorf("%w: a checkpoint of %d evaluators, but %d were given", ErrConfig, len(m.cut), n)
		}
		probe := lane{clock: l.clock, epochs: l.epochs, cur: l.epochAt(m.at)}
		if probe.load(&m) == nil {
			return m, nil
		}
	}
	return mark{at: start}, nil
}

// epochAt returns which rules judge the steps at that instant.
func (l *lane) epochAt(at time.Time) int {
	n := 0
	for n+1 < len(l.epochs) && !l.epochs[n+1].from.After(at) {
		n++
	}
	return n
}

// replay goes back to re.base and shows again what was shown since, with the
// late observations in their places, then tells the difference. What re.pending
// holds afterwards is still to be shown.
func (l *lane) replay(x *call, re *rewrite, list []Observation) error {
	before, err := l.present(x, re.base)
	if err != nil {
		return err
	}
	re.pending = list
	re.after = make(map[EventID]version, len(re.base.open))
	for _, e := range re.base.open {
		re.after[e.ID] = version{event: e}
	}

	old := &re.old.lane
	src := l.source(x, re)
	*l = lane{
		clock: old.clock, epochs: l.epochs, warm: true, horizon: old.horizon,
		cur: l.epochAt(re.base.at), floor: re.base.at, open: re.base.open,
	}
	l.next = re.base.at.Add(-1).Truncate(x.t.cfg.Every).Add(x.t.cfg.Every)
	if n := sort.Search(len(old.marks), func(i int) bool { return old.marks[i].at.After(re.base.at) }); n > 0 {
		k := l.before(old.obs, re.base.at)
		l.marks, l.obs = old.marks[:n:n], old.obs[:k:k]
	}
	if err := l.load(re.base); err != nil {
		return err
	}
	end := old.floor
	if !old.warm {
		// What was told before a restart by a clock that was ahead stays told.
		for _, e := range before {
			if e.Concluded.After(end) {
				end = e.Concluded
			}
		}
	}

	x.re = re
	err = l.steps(x, re, src, end)
	x.re = nil
	switch {
	case errors.Is(err, errConverged):
		if err := l.rejoin(x, re); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	l.tell(x, re, before, list)
	return nil
}

// steps shows observations from the source and from re.pending in their order,
// and fires deadlines up to end.
func (l *lane) steps(x *call, re *rewrite, src *source, end time.Time) error {
	var run []Observation
	for {
		o, err := src.peek()
		if err != nil {
			return err
		}
		var at time.Time
		switch {
		case o != nil && (len(re.pending) == 0 || !o.instant(l.clock).After(re.pending[0].instant(l.clock))):
			at = o.instant(l.clock)
		case len(re.pending) > 0:
			at = re.pending[0].instant(l.clock)
		default:
			return l.fire(x, end)
		}
		run = run[:0]
		for o != nil && o.instant(l.clock).Equal(at) {
			if x.t.accept(l.clock, o) {
				run = append(run, *o)
			}
			src.i++
			if o, err = src.peek(); err != nil {
				return err
			}
		}
		n := 0
		for n < len(re.pending) && re.pending[n].instant(l.clock).Equal(at) {
			run = append(run, re.pending[n])
			n++
		}
		run = normalize(l.clock, run)
		for i := range run {
			if err := l.observe(x, &run[i]); err != nil {
				return err
			}
		}
		re.pending = re.pending[n:]
	}
}

// source yields the observations that a replay shows again.
type source struct {
	history  History
	clock    Clock
	from, to time.Time
	bound    *Observation // none after it; nil for no bound
	page     []Observation
	size     int // of the next page
	i        int
	more     bool
}

// A page is so many observations that are read from the History at once, so that
// it is never asked for something while it yields something else: at first few, as
// most replays are short, then twice as many each time. A History may read more at
// once than it then yields, such as a day.
const (
	firstPage = 256
	mostPage  = 16 << 10
)

func (l *lane) source(x *call, re *rewrite) *source {
	old := &re.old.lane
	s := &source{history: x.t.cfg.History, clock: l.clock, from: re.base.at, to: endOfTime, size: firstPage, more: true}
	if old.warm {
		// What was not shown yet, though stored, is fed later.
		if old.last.ID == (ObservationID{}) {
			s.to = old.floor // none since the lane was warmed
		} else {
			s.to = old.last.instant(l.clock).Add(1)
			s.bound = &old.last
		}
		if len(old.marks) > 0 && x.t.cfg.Window > 0 && !re.base.at.Before(old.marks[0].at) {
			s.page, s.more = old.obs[l.before(old.obs, re.base.at):], false
		}
	}
	return s
}

// peek returns the next observation, nil at the end.
func (s *source) peek() (*Observation, error) {
	for {
		if s.i < len(s.page) {
			if o := &s.page[s.i]; s.bound == nil || Compare(s.clock, o, s.bound) <= 0 {
				return o, nil
			}
			s.i++
			continue
		}
		if !s.more {
			return nil, nil
		}
		if err := s.read(); err != nil {
			return nil, err
		}
	}
}

// read fills the page with all observations of a number of instants.
func (s *source) read() error {
	if s.page == nil {
		s.page = make([]Observation, 0, 32)
	}
	s.page, s.i, s.more = s.page[:0], 0, false
	from := s.from
	for o, err := range s.history.Observations(s.clock, from, s.to) {
		if err != nil {
			return fmt.Errorf("%w: observations: %w", ErrHistory, err)
		}
		at := o.instant(s.clock)
		if at.Before(s.from) || !at.Before(s.to) || o.Body == nil {
			return fmt.Errorf("%w: an observation of %v, asked from %v to %v in order", ErrHistory, at, from, s.to)
		}
		if len(s.page) >= s.size && at.After(s.from) {
			s.from, s.size, s.more = at, min(2*s.size, mostPage), true
			break
		}
		s.from = at
		s.page = append(s.page, o)
	}
	return nil
}

// converged reports by errConverged that the replay has come to the state that
// was there before, at a line of the grid from first to at. It does not look
// while a late observation is near.
func (re *rewrite) converged(x *call, l *lane, m *mark, first, at time.Time) (bool, error) {
	if !re.stop || len(re.pending) > 0 && !re.pending[0].instant(l.clock).After(at.Add(x.t.cfg.Save)) {
		return false, nil
	}
	var was mark
	marks := re.old.lane.marks
	if i := sort.Search(len(marks), func(i int) bool { return marks[i].at.After(at) }); i > 0 {
		was = marks[i-1]
	} else if !at.Truncate(x.t.cfg.Save).Before(first) {
		for cp, err := range x.t.cfg.History.Checkpoints(l.clock, at) {
			if err != nil {
				return false, fmt.Errorf("%w: checkpoints: %w", ErrHistory, err)
			}
			was = markOf(&cp)
			break
		}
	}
	if was.at.Before(first) || !was.at.After(re.from) || !was.equal(m) {
		return false, nil
	}
	re.reached = &was
	return true, errConverged
}

// rejoin puts the lane where it stood before the replay, with the checkpoints
// and observations of the replayed part replaced.
func (l *lane) rejoin(x *call, re *rewrite) error {
	marks, obs, last, ties := l.marks, l.obs, l.last, l.ties
	if err := l.restore(re.old); err != nil {
		return err
	}
	if l.last.ID != (ObservationID{}) && Compare(l.clock, &last, &l.last) > 0 {
		l.last, l.ties = last, ties // it was late against a deadline only
	}
	at := re.reached.at
	if len(l.marks) == 0 || at.Before(l.marks[0].at) {
		return nil // it met a stored checkpoint, older than all in memory
	}
	n := sort.Search(len(l.marks), func(i int) bool { return !l.marks[i].at.Before(at) })
	k := sort.Search(len(marks), func(i int) bool { return !marks[i].at.Before(at) })
	l.marks = append(marks[:k:k], l.marks[n:]...)
	obs = obs[:l.before(obs, at)]
	l.obs = append(obs[:len(obs):len(obs)], l.obs[l.before(l.obs, at):]...)
	if len(l.marks) > 0 {
		l.trim(l.marks[len(l.marks)-1].at.Add(-x.t.cfg.Window), false)
	}
	return nil
}

// present returns the versions told of all events that were open at base or
// decided since.
func (l *lane) present(x *call, base *mark) (map[EventID]Event, error) {
	told := make(map[EventID]Event, len(base.open))
	for _, e := range base.open {
		told[e.ID] = e
	}
	for e, err := range x.t.cfg.History.Events(l.clock, base.at) {
		if err != nil {
			return nil, fmt.Errorf("%w: events: %w", ErrHistory, err)
		}
		if !e.Concluded.Before(base.at) {
			told[e.ID] = e
		}
	}
	// What this very call has told is not in the History yet.
	for i := x.len[0]; i < len(x.r.Changes); i++ {
		c := &x.r.Changes[i]
		if c.Clock != l.clock {
			continue
		}
		c.apply(told)
	}
	maps.DeleteFunc(told, func(id EventID, e Event) bool {
		return e.Concluded.Before(base.at) && !slices.ContainsFunc(base.open, func(o Event) bool { return o.ID == id })
	})
	return told, nil
}

// apply makes a change to the present events.
func (c *Change) apply(events map[EventID]Event) {
	switch c.Kind {
	case Withdrawn:
		delete(events, c.Event.ID)
		return
	case Moved:
		delete(events, c.Was.ID)
	}
	events[c.Event.ID] = c.Event
}

// tell appends the difference between what was told before and what the replay
// said, and replaces the checkpoints in doubt.
func (l *lane) tell(x *call, re *rewrite, before map[EventID]Event, list []Observation) {
	after := re.after
	if re.reached != nil {
		// The rest is as before: what was open there, and what came of it.
		at := re.reached.at
		for _, e := range re.reached.open {
			delete(before, e.ID)
			delete(after, e.ID)
		}
		maps.DeleteFunc(before, func(_ EventID, e Event) bool { return !e.Concluded.Before(at) })
	}
	shown := list[:len(list)-len(re.pending)]
	var changes []Change
	var opened, withdrawn []Event
	for id, was := range before {
		now, ok := after[id]
		switch {
		case !ok:
			withdrawn = append(withdrawn, was)
			continue
		case now.event.Equal(&was):
			continue
		case was.Open() && !now.event.Open():
			changes = append(changes, Change{Kind: Closed, Event: now.event, Was: was})
		default:
			changes = append(changes, Change{Kind: Updated, Event: now.event, Was: was})
		}
	}
	for id, v := range after {
		if _, ok := before[id]; !ok {
			opened = append(opened, v.event)
		}
	}
	changes = append(changes, pair(withdrawn, opened)...)
	slices.SortFunc(changes, func(a, b Change) int { return compareEvents(&a.Event, &b.Event) })
	for i := range changes {
		c := &changes[i]
		c.Clock, c.Known = l.clock, x.now
		c.Cause = after[c.Event.ID].cause
		if re.void {
			c.Cause = l.cause(c, c.Cause, shown)
		}
	}
	x.r.Changes = append(x.r.Changes, changes...)

	void := Span{l.clock, re.from, endOfTime}
	if re.reached != nil {
		void.To = re.reached.at.Add(-1)
	}
	if re.void && void.To.After(void.From) {
		x.r.Void = append(x.r.Void, void)
		fresh := slices.DeleteFunc(x.r.Save[x.len[2]:], func(cp Checkpoint) bool {
			return cp.Clock == l.clock && cp.At.After(void.From) && !cp.At.After(void.To)
		})
		x.r.Save = x.r.Save[:x.len[2]+len(fresh)]
	}
	x.r.Save = append(x.r.Save, re.save...)
}

// cause names the late observation that a change is owed to: the one that
// decided it, or the latest one before the decision.
func (l *lane) cause(c *Change, decided ObservationID, shown []Observation) ObservationID {
	if slices.ContainsFunc(shown, func(o Observation) bool { return o.ID == decided }) {
		return decided
	}
	by := c.Event.Concluded
	if c.Was.Concluded.After(by) {
		by = c.Was.Concluded
	}
	n := sort.Search(len(shown), func(i int) bool { return shown[i].instant(l.clock).After(by) })
	if n == 0 {
		return ObservationID{}
	}
	return shown[n-1].ID
}

func compareEvents(a, b *Event) int {
	return cmp.Or(a.At.Compare(b.At), a.Concluded.Compare(b.Concluded), bytes.Compare(a.ID[:], b.ID[:]))
}

// pair tells which new event is an old one with a moved anchor: of the same
// rule, kind and About, the one that it overlaps most.
func pair(withdrawn, opened []Event) []Change {
	byTime := func(a, b Event) int { return compareEvents(&a, &b) }
	slices.SortFunc(withdrawn, byTime)
	slices.SortFunc(opened, byTime)
	taken := make([]bool, len(opened))
	var changes []Change
	for _, was := range withdrawn {
		best, most := -1, time.Duration(-1)
		for i := range opened {
			now := &opened[i]
			if !was.Open() && now.At.After(was.Until) {
				break
			}
			if taken[i] || now.Rule != was.Rule || now.Detail.Kind != was.Detail.Kind || now.About != was.About {
				continue
			}
			if d, ok := overlap(&was, now); ok && d > most {
				best, most = i, d
			}
		}
		if best < 0 {
			changes = append(changes, Change{Kind: Withdrawn, Event: was, Was: was})
			continue
		}
		taken[best] = true
		changes = append(changes, Change{Kind: Moved, Event: opened[best], Was: was})
	}
	for i, e := range opened {
		if !taken[i] {
			changes = append(changes, Change{Kind: Opened, Event: e})
		}
	}
	return changes
}

// overlap returns for how long two events hold at once. An event without length
// overlaps one that holds at its instant.
func overlap(a, b *Event) (time.Duration, bool) {
	from, to := a.At, endOfTime
	if b.At.After(from) {
		from = b.At
	}
	for _, e := range []*Event{a, b} {
		if !e.Open() && e.Until.Before(to) {
			to = e.Until
		}
	}
	d := to.Sub(from)
	point := a.At.Equal(a.Until) || b.At.Equal(b.Until)
	return d, d > 0 || d == 0 && point
}
