package curfew

import (
	"fmt"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// Rule is the Rule of all events of an Evaluator. Their About is the order's
// ID, and "/" and the place where one is named.
const Rule = "curfew"

// RuleVersion names how an Evaluator judges; events about a fault say it in the fact
// "rule", beside the version of the order.
const RuleVersion = "curfew/5"

// Kinds of events.
const (
	KindAbsence    em.EventKind = "curfew.absence"    // out when home was required; a violation
	KindStay       em.EventKind = "curfew.stay"       // home when ordered to be away; a violation
	KindAttendance em.EventKind = "curfew.attendance" // elsewhere when to attend; a violation
	KindUnknown    em.EventKind = "curfew.unknown"    // presence unknown during an obligation; technical
	KindNight      em.EventKind = "curfew.night"      // the verdict on one obligation; information
)

// Classes of KindAbsence. The first changes into the second or third, and
// LeftDuring may change into OutAtEnd. An absence of which nothing more is
// heard stays what it was.
const (
	OutPastCommencement = "OUT_PAST_COMMENCEMENT" // AL08: out at the beginning, and still after the grace
	ReturnLate          = "RETURN_LATE"           // AL09: out at the beginning, and home after the grace
	OutEntirePeriod     = "OUT_ENTIRE_PERIOD"     // AL12: out from the beginning to the end, all of it proven
	LeftDuring          = "LEFT_DURING"           // AL10: out in between; a class of KindAttendance, too
	OutAtEnd            = "OUT_AT_END"            // AL11: home at the beginning or in between, out at the end
)

// Classes of KindStay. FailedToLeave is open, or home from the beginning to the
// end; it changes into LateLeave.
const (
	FailedToLeave      = "FAILED_TO_LEAVE"
	LateLeave          = "LATE_LEAVE"          // home at the beginning, and left after the grace
	UnauthorisedReturn = "UNAUTHORISED_RETURN" // home in between, or from in between to the end
)

// Classes of KindAttendance, besides LeftDuring. NotArrived is open; it changes
// into one of the others.
const (
	NotArrived  = "NOT_ARRIVED"
	ArrivedLate = "ARRIVED_LATE" // elsewhere at the beginning; with a Dwell, there too late to stay as long
	LeftEarly   = "LEFT_EARLY"   // elsewhere at the end; with a Dwell, there in time and not for as long
	Absent      = "ABSENT"       // from the beginning to the end, all of it proven; with a Dwell, never proven to be there
)

// classes is by the kind of the obligation and the fault.
var classes = [...][5]string{
	MustBeHome: {faultStart: OutPastCommencement, faultLate: ReturnLate, faultWhole: OutEntirePeriod, faultDuring: LeftDuring, faultEnd: OutAtEnd},
	MustBeAway: {faultStart: FailedToLeave, faultLate: LateLeave, faultWhole: FailedToLeave, faultDuring: UnauthorisedReturn, faultEnd: UnauthorisedReturn},
	MustAttend: {faultStart: NotArrived, faultLate: ArrivedLate, faultWhole: Absent, faultDuring: LeftDuring, faultEnd: LeftEarly},
}

var faultKinds = [...]em.EventKind{MustBeHome: KindAbsence, MustBeAway: KindStay, MustAttend: KindAttendance}

// codes are those of the Ministry of Justice's case software, which has them for
// absence from home alone.
var codes = [...]string{faultStart: "AL08", faultLate: "AL09", faultWhole: "AL12", faultDuring: "AL10", faultEnd: "AL11"}

// Classes of KindNight: the first of Breach, NightUnknown, WithinGrace and
// Compliant that applies.
const (
	Compliant    = "COMPLIANT"
	WithinGrace  = "WITHIN_GRACE" // absence, or the like, that was no incident
	NightUnknown = "UNKNOWN"      // in all longer than Config.Unknown
	Breach       = "BREACH"       // at least one absence, stay or failed attendance
)

func (e *Evaluator) event(kind em.EventKind, anchor, at, until time.Time) em.Event {
	return em.Event{
		Rule: Rule, Version: e.order.Version, About: e.order.about(),
		Anchor: anchor, At: at, Until: until,
		Detail: em.Detail{Kind: kind},
	}
}

// rests makes an event rest on evidence, each piece once and in the order given,
// and says by how much a device's clock was corrected.
func rests(ev *em.Event, refs ...ref) {
	var most time.Duration
	for _, r := range refs {
		if r.id != (em.ObservationID{}) && !slices.Contains(ev.Because, r.id) {
			ev.Because = append(ev.Because, r.id)
			if r.off.Abs() > most.Abs() {
				most = r.off
			}
		}
	}
	if most != 0 {
		ev.Detail.Facts = append(ev.Detail.Facts, em.Fact{Name: "clock_corrected", Num: most.Seconds(), Unit: "s"})
		ev.Detail.Reason += fmt.Sprintf(" The times are those of a device whose clock was corrected by %v.", most)
	}
}

// minutes is a fact in minutes, to the second.
func minutes(name string, d time.Duration) em.Fact {
	return em.Fact{Name: name, Num: d.Round(time.Second).Minutes(), Unit: "min"}
}

// instant is a fact in local time; absent where t is zero.
func (e *Evaluator) instant(facts []em.Fact, name string, t time.Time) []em.Fact {
	if t.IsZero() {
		return facts
	}
	return append(facts, em.Fact{Name: name, Text: t.In(e.loc()).Format(time.RFC3339)})
}

// obligation says which obligation it is about.
func (e *Evaluator) obligation(facts []em.Fact, r *run) []em.Fact {
	if r.kind != MustBeHome {
		facts = append(facts, em.Fact{Name: "kind", Text: r.kind.String()})
	}
	facts = append(facts, em.Fact{Name: "row", Text: r.row})
	facts = e.instant(facts, "obligation_from", r.ob.Start)
	return e.instant(facts, "obligation_to", r.ob.End)
}

func (e *Evaluator) absenceEvent(tr *track, r *run, f fault, until time.Time) em.Event {
	a := &r.absence
	ev := e.event(faultKinds[r.kind], a.first, a.first, until)
	d := &ev.Detail
	d.Class, d.Severity = classes[r.kind][f], em.Violation
	if f == faultWhole {
		d.Severity = em.Critical
	}
	if r.kind == MustBeHome {
		d.Facts = append(d.Facts, em.Fact{Name: "code", Text: codes[f]})
	}
	d.Facts = append(d.Facts, minutes("minutes", a.away), minutes("counted", r.charge()))
	if a.excused > 0 {
		d.Facts = append(d.Facts, minutes("excused", min(a.excused, r.charge())))
	}
	grace := e.order.Grace.Short
	switch {
	case a.late || r.ob.Row.Dwell > 0:
		grace = e.order.Grace.Start
	case f == faultEnd:
		grace = e.order.Grace.End
	}
	d.Facts = append(d.Facts, minutes("grace", grace))
	if r.ob.Row.Dwell > 0 {
		d.Facts = append(d.Facts, minutes("dwell", r.ob.Row.Dwell), minutes("stayed", r.home))
	}
	d.Facts = e.obligation(d.Facts, r)
	gone, back := "left", "back"
	if r.kind == MustBeAway {
		gone, back = "came", "left"
	}
	d.Facts = e.instant(d.Facts, gone+"_earliest", tr.left.Earliest)
	d.Facts = e.instant(d.Facts, gone+"_latest", tr.left.Latest)
	d.Facts = e.instant(d.Facts, "proven_until", a.last)
	d.Facts = e.instant(d.Facts, back+"_earliest", tr.back.Earliest)
	d.Facts = e.instant(d.Facts, back+"_latest", tr.back.Latest)
	d.Facts = append(d.Facts, em.Fact{Name: "rule", Text: RuleVersion})
	d.Facts = tr.first.evidence(d.Facts, "first_")
	d.Facts = tr.second.evidence(d.Facts, "second_")
	d.Facts = tr.backRef.evidence(d.Facts, "back_")
	d.Reason = e.reason(tr, r, f, until)
	switch {
	case r.kind == MustBeAway:
		rests(&ev, tr.before, tr.first, tr.second, e.s.homeRef, tr.backRef)
	case r.ob.Row.Dwell > 0: // which may be over and have come to nothing
		rests(&ev, tr.before, tr.first, tr.second, e.s.awayRef, tr.backRef, e.s.homeRef)
	default:
		rests(&ev, tr.before, tr.first, tr.second, e.s.awayRef, tr.backRef)
	}
	return ev
}

// evidence appends why it is evidence.
func (r ref) evidence(facts []em.Fact, prefix string) []em.Fact {
	if r.why != nil {
		for _, f := range r.why.facts {
			f.Name = prefix + f.Name
			facts = append(facts, f)
		}
	}
	return facts
}

func (e *Evaluator) silenceEvent(r *run, until time.Time) em.Event {
	p, q := &e.s, &r.silence
	ev := e.event(KindUnknown, q.first, q.first, until)
	last := p.homeRef
	if p.away.After(p.home) {
		last = p.awayRef
	}
	d := &ev.Detail
	d.Severity = em.Technical
	d.Facts = []em.Fact{minutes("minutes", q.dur), minutes("tolerance", e.config.Unknown)}
	d.Facts = e.obligation(d.Facts, r)
	d.Reason = e.silenceReason(r, until)
	rests(&ev, last)
	return ev
}

func (e *Evaluator) nightEvent(r *run) em.Event {
	ev := e.event(KindNight, r.required[0].From, r.from, r.ob.End)
	d := &ev.Detail
	d.Severity = em.Info
	switch {
	case r.incidents > 0:
		d.Class = Breach
	case r.silences > 0 || r.unknown > e.config.Unknown:
		d.Class = NightUnknown
	case r.slack > 0:
		d.Class = WithinGrace
	default:
		d.Class = Compliant
	}
	d.Reason = e.nightReason(r, d.Class)
	d.Facts = []em.Fact{
		minutes("counted", r.counted),
		minutes("within_grace", r.slack),
		minutes("home", r.home),
		minutes("away", r.away),
		minutes("unknown", r.unknown),
		minutes("required", r.required.length(r.from, r.ob.End)),
	}
	switch r.kind {
	case MustBeAway:
		d.Facts[2], d.Facts[3] = minutes("home", r.away), minutes("away", r.home)
	case MustAttend:
		d.Facts[2].Name, d.Facts[3].Name = "there", "elsewhere"
	}
	if r.excused > 0 {
		d.Facts = append(d.Facts, minutes("excused", r.excused))
	}
	_, before := r.ob.Start.In(e.loc()).Zone()
	if _, after := r.ob.End.In(e.loc()).Zone(); after != before { // positive: the night is longer than the clock says
		d.Facts = append(d.Facts, minutes("clock_change", time.Duration(before-after)*time.Second))
	}
	d.Facts = e.obligation(d.Facts, r)
	if r.from.After(r.ob.Start) {
		d.Facts = e.instant(d.Facts, "judged_from", r.from)
	}
	refs := []ref{e.s.homeRef, e.s.awayRef}
	for i := range r.outweighed {
		refs = append(refs, r.outweighed[i].what, r.outweighed[i].against)
	}
	rests(&ev, refs...)
	for i := range r.outweighed {
		r.outweighed[i].tell(e, d, i)
	}
	return ev
}
