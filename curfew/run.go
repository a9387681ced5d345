package curfew

import (
	"time"
)

// run is one obligation under way: what was settled of it so far. What the
// configuration says of it (the second part) is no state.
type run struct {
	kind  Kind
	start time.Time // as the row says, not clipped; with row, which obligation it is
	row   string
	from  time.Time // judged from; later than start where the order or monitoring began in it
	cut   time.Time // when an order that does not know of it came into force; zero if none did

	home, away, unknown time.Duration // of the required time: on the right side, at fault
	arrived             time.Time     // first instant on the right side; zero: none
	counted, excused    time.Duration // of incidents that are over
	slack               time.Duration // absence that was no incident
	incidents, silences uint64        // told
	tail                span          // what the settled time ends with
	outweighed          [outweighings]outweighed

	absence absence
	silence silence

	ob       Obligation // clipped to the order
	required intervals  // what it asks for
	counting intervals  // of that, what counts as absence
	excuse   intervals  // of that, what a late permit excuses
}

// absence is the present absence, or other fault, as far as it concerns one obligation.
type absence struct {
	first            time.Time // first required instant of it; zero: none
	last             time.Time // up to when it is proven
	late             bool      // out when the obligation, or what a permit left of it, began
	broken           bool      // unknown in between
	told             bool
	away             time.Duration // proven, of the required time
	counted, excused time.Duration
}

// silence is the present time of unknown presence.
type silence struct {
	first time.Time // first required instant of it; zero: none
	told  bool
	dur   time.Duration // of the required time
}

// configure fills in what the order says of a run, which is that obligation.
func (e *Evaluator) configure(r *run, b Obligation) {
	r.ob, _ = e.order.clip(b)
	r.ob.Start = sooner(r.ob.Start, r.from) // by an earlier version of the order
	if !r.cut.IsZero() {
		r.ob = b
	}
	s := e.order.Schedule
	judged := interval{r.from, r.ob.End}
	r.required = s.required(b).within(judged)
	r.counting = r.required
	if !e.order.CountRepeatedHour {
		for _, i := range repeated(e.loc(), judged) {
			r.counting = r.counting.minus(i)
		}
	}
	r.excuse = nil
	if s.t != nil {
		for _, i := range r.counting {
			r.excuse = append(r.excuse, s.t.lift[b.Kind].excuse.within(i)...)
		}
	}
}

// loc is the zone of the order's place.
func (e *Evaluator) loc() *time.Location { return e.order.Schedule.At(e.order.Place) }

// restore fills in what the order says of a run that was under way. One that
// the order does not know ends when the order came into force: after the last
// call, or at its From.
func (e *Evaluator) restore(r *run) {
	if r.cut.IsZero() {
		for b := range e.order.Schedule.Between(r.start, r.start.Add(tick)) {
			if _, ok := e.order.clip(b); ok && b.Start.Equal(r.start) && b.String() == r.row {
				e.configure(r, b)
				return
			}
		}
		r.cut = later(e.s.at.Add(tick), e.order.From)
	}
	e.configure(r, Obligation{Kind: r.kind, Row: Row{Place: e.order.Place}, Start: r.start, End: r.cut})
}

// add takes settled time.
func (e *Evaluator) add(tr *track, r *run, k span, i interval) {
	i.From, i.To = later(i.From, r.from), sooner(i.To, r.ob.End)
	if !i.From.Before(i.To) {
		return
	}
	r.tail = k
	asked := r.required.length(i.From, i.To)
	if k != spanUnknown {
		e.closeSilence(r, i.From)
	}
	a := &r.absence
	switch k {
	case spanHome:
		r.home += asked
		if r.arrived.IsZero() {
			r.arrived = i.From
		}
	case spanAway:
		r.away += asked
		if a.first.IsZero() {
			if at, begins, ok := r.required.first(i.From); ok && at.Before(i.To) {
				a.first, a.late = at, begins
			}
		}
		a.last = i.To
		a.away += asked
		a.counted += r.counting.length(i.From, i.To)
		a.excused += r.excuse.length(i.From, i.To)
	case spanUnknown:
		r.unknown += asked
		a.broken = a.broken || tr.out
		if r.silence.first.IsZero() {
			if at, _, ok := r.required.first(i.From); ok && at.Before(i.To) {
				r.silence.first = at
			}
		}
		r.silence.dur += asked
	}
}

// allowed is how much of an absence is no incident as long as it is not known
// how it ends. It began, as far as it concerns the run, at first.
func (e *Evaluator) allowed(r *run, first time.Time, late bool) time.Duration {
	g := &e.order.Grace
	switch {
	case r.ob.Row.Dwell > 0:
		return r.spare() + g.Start
	case late:
		return g.Start
	case r.endsRequired() && !first.Before(r.ob.End.Add(-g.End)):
		return max(g.Short, g.End)
	}
	return g.Short
}

// tell opens what has become an incident.
func (e *Evaluator) tell(tr *track, r *run) {
	if a := &r.absence; !a.told && !a.first.IsZero() && a.counted > e.allowed(r, a.first, a.late) {
		a.told = true
		e.emit(e.absenceEvent(tr, r, openFault(r), time.Time{}))
	}
	if s := &r.silence; !s.told && !s.first.IsZero() && s.dur > e.config.Unknown {
		s.told = true
		e.emit(e.silenceEvent(r, time.Time{}))
	}
}

// fault is how an absence, or the like, stands to its obligation.
type fault uint8

const (
	faultStart  fault = iota // from the beginning on, and no end known
	faultLate                // from the beginning to a return
	faultWhole               // from the beginning to the end, all of it proven
	faultDuring              // in between
	faultEnd                 // from in between to the end
)

func openFault(r *run) fault {
	switch {
	case r.ob.Row.Dwell > 0 && !r.arrived.IsZero():
		return faultEnd
	case r.ob.Row.Dwell > 0 || r.absence.late:
		return faultStart
	}
	return faultDuring
}

// charge is what of the absence counts: where one must stay for a while only,
// what is missing of that.
func (r *run) charge() time.Duration {
	if d := r.ob.Row.Dwell; d > 0 {
		return max(r.absence.counted-r.spare(), 0)
	}
	return r.absence.counted
}

// spare is how long one may be elsewhere and still stay as long as asked.
func (r *run) spare() time.Duration {
	return max(r.required.length(r.ob.Start, r.ob.End)-r.ob.Row.Dwell, 0)
}

// closeAbsence ends the absence in a run: by a return, or by its end.
func (e *Evaluator) closeAbsence(tr *track, r *run, back bool) {
	a := &r.absence
	switch {
	case a.first.IsZero():
		r.absence = absence{}
		return
	case r.ob.Row.Dwell > 0 && back: // in all counts
		return
	}
	f, until, allowed := openFault(r), a.last, e.allowed(r, a.first, a.late)
	switch {
	case r.ob.Row.Dwell > 0:
		if f, until = faultEnd, r.ob.End; r.arrived.IsZero() {
			f = faultWhole
		} else if r.arrived.After(r.ob.End.Add(e.order.Grace.Start - r.ob.Row.Dwell)) {
			f = faultLate
		}
	case back && a.late:
		f = faultLate
	case back || r.tail != spanAway || !r.cut.IsZero():
	case a.late && !a.broken && r.wholeRow(tr):
		f = faultWhole
	default:
		f = faultEnd
		if !a.late && r.endsRequired() {
			allowed = min(allowed, e.order.Grace.End)
		}
	}
	if a.told || a.counted > allowed {
		r.incidents++
		r.counted += r.charge()
		r.excused += a.excused
		e.emit(e.absenceEvent(tr, r, f, until))
	} else {
		r.slack += r.charge()
	}
	r.absence = absence{}
}

// endsRequired reports whether no permit covers the end.
func (r *run) endsRequired() bool {
	n := len(r.required)
	return n > 0 && r.required[n-1].To.Equal(r.ob.End)
}

// wholeRow reports whether an absence that is proven from its first required
// instant to the end began with the row: a permit does not make a fragment the
// entire period.
func (r *run) wholeRow(tr *track) bool {
	return !r.from.After(r.ob.Start) && !tr.left.Latest.After(r.ob.Start)
}

// closeSilence ends unknown time at t.
func (e *Evaluator) closeSilence(r *run, t time.Time) {
	s := &r.silence
	if s.first.IsZero() {
		return
	}
	if s.told || s.dur > e.config.Unknown {
		r.silences++
		e.emit(e.silenceEvent(r, t))
	}
	r.silence = silence{}
}

// finish gives the verdict on an obligation that is over.
func (e *Evaluator) finish(tr *track, r *run) {
	e.closeAbsence(tr, r, false)
	e.closeSilence(r, r.ob.End)
	if len(r.required) > 0 {
		e.emit(e.nightEvent(r))
	}
}
