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

// Kinds of events.
const (
	KindAbsence em.EventKind = "curfew.absence" // out when home was required; a violation
	KindUnknown em.EventKind = "curfew.unknown" // presence unknown when home was required; technical
	KindNight   em.EventKind = "curfew.night"   // the verdict on one obligation; information
)

// Classes of KindAbsence. The first changes into the second or third, and
// LeftDuring may change into OutAtEnd. An absence of which nothing more is
// heard stays what it was.
const (
	OutPastCommencement = "OUT_PAST_COMMENCEMENT" // AL08: out at the beginning, and still after the grace
	ReturnLate          = "RETURN_LATE"           // AL09: out at the beginning, and home after the grace
	OutEntirePeriod     = "OUT_ENTIRE_PERIOD"     // AL12: out from the beginning to the end, all of it proven
	LeftDuring          = "LEFT_DURING"           // AL10: out in between
	OutAtEnd            = "OUT_AT_END"            // AL11: home at the beginning or in between, out at the end
)

// codes are those of the Ministry of Justice's case software.
var codes = map[string]string{
	OutPastCommencement: "AL08", ReturnLate: "AL09", LeftDuring: "AL10", OutAtEnd: "AL11", OutEntirePeriod: "AL12",
}

// Classes of KindNight: the first of Breach, NightUnknown, WithinGrace and
// Compliant that applies.
const (
	Compliant    = "COMPLIANT"
	WithinGrace  = "WITHIN_GRACE" // absence that was no incident
	NightUnknown = "UNKNOWN"      // in all longer than Config.Unknown
	Breach       = "BREACH"       // at least one KindAbsence
)

// openClass is the class of an absence of which no end is known.
func openClass(a *absence) string {
	if a.late {
		return OutPastCommencement
	}
	return LeftDuring
}

func (e *Evaluator) event(kind em.EventKind, anchor, at, until time.Time) em.Event {
	return em.Event{
		Rule: Rule, Version: e.order.Version, About: e.order.about(),
		Anchor: anchor, At: at, Until: until,
		Detail: em.Detail{Kind: kind},
	}
}

// because lists evidence once, in the order given.
func because(ids ...em.ObservationID) []em.ObservationID {
	var list []em.ObservationID
	for _, id := range ids {
		if id != (em.ObservationID{}) && !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
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
	facts = append(facts, em.Fact{Name: "row", Text: r.row})
	facts = e.instant(facts, "obligation_from", r.ob.Start)
	return e.instant(facts, "obligation_to", r.ob.End)
}

// hm is a local time for a sentence.
func (e *Evaluator) hm(t time.Time) string {
	return t.In(e.loc()).Format("15:04")
}

// spell writes whole minutes: what is not complete does not count.
func spell(d time.Duration) string {
	if n := int64(d.Round(time.Second) / time.Minute); n != 1 {
		return fmt.Sprintf("%d minutes", n)
	}
	return "1 minute"
}

func (e *Evaluator) absenceEvent(r *run, class string, until time.Time) em.Event {
	p, a := &e.s.presence, &r.absence
	ev := e.event(KindAbsence, a.first, a.first, until)
	ev.Because = because(p.beforeID, p.leftID, p.awayID, p.backID)
	d := &ev.Detail
	d.Class, d.Severity = class, em.Violation
	if class == OutEntirePeriod {
		d.Severity = em.Critical
	}
	d.Facts = []em.Fact{
		{Name: "code", Text: codes[class]},
		minutes("minutes", a.away),
		minutes("counted", a.counted),
	}
	if a.excused > 0 {
		d.Facts = append(d.Facts, minutes("excused", a.excused))
	}
	switch {
	case a.late:
		d.Facts = append(d.Facts, minutes("grace", e.order.Grace.Start))
	case class == OutAtEnd:
		d.Facts = append(d.Facts, minutes("grace", e.order.Grace.End))
	default:
		d.Facts = append(d.Facts, minutes("grace", e.order.Grace.Short))
	}
	d.Facts = e.obligation(d.Facts, r)
	d.Facts = e.instant(d.Facts, "left_earliest", p.left.Earliest)
	d.Facts = e.instant(d.Facts, "left_latest", p.left.Latest)
	d.Facts = e.instant(d.Facts, "proven_until", a.last)
	if p.returning || !p.back.Latest.IsZero() {
		d.Facts = e.instant(d.Facts, "back_earliest", p.back.Earliest)
		d.Facts = e.instant(d.Facts, "back_latest", p.back.Latest)
	}
	d.Reason = e.reason(r, class, until)
	return ev
}

func (e *Evaluator) reason(r *run, class string, until time.Time) string {
	p, a := &e.s.presence, &r.absence
	due := "curfew from " + e.hm(r.ob.Start)
	if !a.first.Equal(r.ob.Start) {
		due = "due home at " + e.hm(a.first)
	}
	var s string
	switch class {
	case OutPastCommencement:
		s = fmt.Sprintf("Not home: %s, proven to be out until %s", due, e.hm(a.last))
	case ReturnLate:
		s = fmt.Sprintf("Home %s late: %s, ", spell(a.counted), due)
		if !p.back.Earliest.Equal(p.back.Latest) {
			s += fmt.Sprintf("last proof of being out at %s, ", e.hm(p.back.Earliest))
		}
		s += "first proof of being home at " + e.hm(p.back.Latest)
	case OutEntirePeriod:
		s = fmt.Sprintf("Out for the entire curfew from %s to %s: %s", e.hm(r.ob.Start), e.hm(r.ob.End), spell(a.counted))
	case OutAtEnd:
		s = fmt.Sprintf("Out at the end of the curfew: proven to be out from %s, not home at %s, %s", e.hm(a.first), e.hm(r.ob.End), spell(a.counted))
	default:
		s = fmt.Sprintf("Out during the curfew: proven to be out from %s", e.hm(a.first))
		if !until.IsZero() {
			s += fmt.Sprintf(" to %s, %s", e.hm(a.last), spell(a.counted))
		}
	}
	if a.broken {
		s += "; time in which nothing was known is not counted"
	}
	if n := a.away - a.counted; n > 0 {
		s += fmt.Sprintf("; %s of the hour that the clocks repeat are not counted", spell(n))
	}
	if a.excused > 0 {
		s += fmt.Sprintf("; %s excused by a permit given afterwards", spell(a.excused))
	}
	return s + "."
}

func (e *Evaluator) silenceEvent(r *run, until time.Time) em.Event {
	p, q := &e.s.presence, &r.silence
	ev := e.event(KindUnknown, q.first, q.first, until)
	last := p.homeID
	if p.away.After(p.home) {
		last = p.awayID
	}
	ev.Because = because(last)
	d := &ev.Detail
	d.Severity = em.Technical
	d.Facts = []em.Fact{minutes("minutes", q.dur), minutes("tolerance", e.config.Unknown)}
	d.Facts = e.obligation(d.Facts, r)
	d.Reason = fmt.Sprintf("Not known whether home since %s, during the curfew from %s: no evidence for %s",
		e.hm(q.first), e.hm(r.ob.Start), spell(q.dur))
	if p.strap {
		d.Reason += ", the strap is open"
	}
	if !until.IsZero() {
		d.Reason = fmt.Sprintf("Not known whether home from %s to %s, during the curfew from %s: no evidence for %s",
			e.hm(q.first), e.hm(until), e.hm(r.ob.Start), spell(q.dur))
	}
	d.Reason += "."
	return ev
}

func (e *Evaluator) nightEvent(r *run) em.Event {
	ev := e.event(KindNight, r.required[0].From, r.from, r.ob.End)
	ev.Because = because(e.s.homeID, e.s.awayID)
	d := &ev.Detail
	d.Severity = em.Info
	night := fmt.Sprintf("Curfew from %s to %s", e.hm(r.from), e.hm(r.ob.End))
	switch {
	case r.incidents > 0:
		d.Class = Breach
		d.Reason = fmt.Sprintf("%s: out for %s.", night, spell(r.counted))
	case r.silences > 0 || r.unknown > e.config.Unknown:
		d.Class = NightUnknown
		d.Reason = fmt.Sprintf("%s: not known to be out, but nothing known for %s.", night, spell(r.unknown))
	case r.slack > 0:
		d.Class = WithinGrace
		d.Reason = fmt.Sprintf("%s: kept, with %s within the grace.", night, spell(r.slack))
	default:
		d.Class = Compliant
		d.Reason = night + ": kept."
	}
	d.Facts = []em.Fact{
		minutes("counted", r.counted),
		minutes("within_grace", r.slack),
		minutes("home", r.home),
		minutes("away", r.away),
		minutes("unknown", r.unknown),
		minutes("required", r.required.length(r.from, r.ob.End)),
	}
	if r.excused > 0 {
		d.Facts = append(d.Facts, minutes("excused", r.excused))
	}
	loc := e.loc()
	_, before := r.ob.Start.In(loc).Zone()
	if _, after := r.ob.End.In(loc).Zone(); after != before { // positive: the night is longer than the clock says
		d.Facts = append(d.Facts, minutes("clock_change", time.Duration(before-after)*time.Second))
	}
	d.Facts = e.obligation(d.Facts, r)
	if r.from.After(r.ob.Start) {
		d.Facts = e.instant(d.Facts, "judged_from", r.from)
	}
	return ev
}
