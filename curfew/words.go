package curfew

import (
	"fmt"
	"time"
)

// hm is a local time for a sentence.
func (e *Evaluator) hm(t time.Time) string { return t.In(e.loc()).Format("15:04") }

// spell writes whole minutes: what is not complete does not count.
func spell(d time.Duration) string {
	if n := int64(d.Round(time.Second) / time.Minute); n != 1 {
		return fmt.Sprintf("%d minutes", n)
	}
	return "1 minute"
}

// place is the place of the order for a sentence.
func (e *Evaluator) place() string {
	if e.order.Place == "" {
		return "the place"
	}
	return e.order.Place
}

// reason is a fault in words.
func (e *Evaluator) reason(tr *track, r *run, f fault, until time.Time) string {
	a := &r.absence
	var s string
	switch r.kind {
	case MustBeAway:
		s = e.stayReason(tr, r, f, until)
	case MustAttend:
		s = e.attendanceReason(tr, r, f, until)
	default:
		s = e.absenceReason(tr, r, f, until)
	}
	if n := len(r.required); f == faultEnd && r.ob.Row.Dwell == 0 && n > 0 && !r.endsRequired() {
		s += fmt.Sprintf("; nothing was required from %s on", e.hm(r.required[n-1].To))
	}
	if a.broken && r.ob.Row.Dwell == 0 {
		s += "; time in which nothing was known is not counted"
	}
	if n := a.away - a.counted; n > 0 {
		s += fmt.Sprintf("; %s of the hour that the clocks repeat are not counted", spell(n))
	}
	if a.excused > 0 {
		s += fmt.Sprintf("; %s excused by what was allowed afterwards", spell(min(a.excused, r.charge())))
	}
	return s + "." + tr.evidence()
}

// evidence is a sentence about what a fault rests on; empty where none is known.
func (tr *track) evidence() string {
	if tr.first.why == nil {
		return ""
	}
	s := " The first proof is " + tr.first.why.words
	if tr.second.why != nil && tr.second.why.words != tr.first.why.words {
		s += ", the next " + tr.second.why.words
	}
	if tr.backRef.why != nil {
		s += "; what ends it, " + tr.backRef.why.words
	}
	return s + "."
}

// proofs ends a sentence about a fault that ended with the times between which
// it did.
func (e *Evaluator) proofs(tr *track, of, then string) string {
	s := ""
	if !tr.back.Earliest.Equal(tr.back.Latest) {
		s = fmt.Sprintf("last proof of being %s at %s, ", of, e.hm(tr.back.Earliest))
	}
	return s + fmt.Sprintf("first proof of being %s at %s", then, e.hm(tr.back.Latest))
}

func (e *Evaluator) absenceReason(tr *track, r *run, f fault, until time.Time) string {
	a := &r.absence
	due := "curfew from " + e.hm(r.ob.Start)
	if !a.first.Equal(r.ob.Start) {
		due = "due home at " + e.hm(a.first)
	}
	switch f {
	case faultStart:
		return fmt.Sprintf("Not home: %s, proven to be out until %s", due, e.hm(a.last))
	case faultLate:
		return fmt.Sprintf("Home %s late: %s, %s", spell(a.counted), due, e.proofs(tr, "out", "home"))
	case faultWhole:
		return fmt.Sprintf("Out for the entire curfew from %s to %s: %s", e.hm(r.ob.Start), e.hm(r.ob.End), spell(a.counted))
	case faultEnd:
		return fmt.Sprintf("Out at the end of the curfew: proven to be out from %s, not home at %s, %s", e.hm(a.first), e.hm(r.ob.End), spell(a.counted))
	}
	s := "Out during the curfew: proven to be out from " + e.hm(a.first)
	if !until.IsZero() {
		s += fmt.Sprintf(" to %s, %s", e.hm(a.last), spell(a.counted))
	}
	return s
}

func (e *Evaluator) stayReason(tr *track, r *run, f fault, until time.Time) string {
	a := &r.absence
	due := fmt.Sprintf("to be away from %s to %s", e.hm(r.ob.Start), e.hm(r.ob.End))
	if !a.first.Equal(r.ob.Start) && (f == faultStart || f == faultLate) {
		due = fmt.Sprintf("to be away from %s on", e.hm(a.first))
	}
	switch f {
	case faultStart:
		return fmt.Sprintf("Has not left: %s, proven to be home until %s", due, e.hm(a.last))
	case faultLate:
		return fmt.Sprintf("Left %s late: %s, %s", spell(a.counted), due, e.proofs(tr, "home", "away"))
	case faultWhole:
		return fmt.Sprintf("Has not left at all: %s, proven to be home all the time, %s", due, spell(a.counted))
	case faultEnd:
		return fmt.Sprintf("Home although %s: proven to be home from %s, not away at %s, %s", due, e.hm(a.first), e.hm(r.ob.End), spell(a.counted))
	}
	s := fmt.Sprintf("Home although %s: proven to be home from %s", due, e.hm(a.first))
	if !until.IsZero() {
		s += fmt.Sprintf(" to %s, %s", e.hm(a.last), spell(a.counted))
	}
	return s
}

func (e *Evaluator) attendanceReason(tr *track, r *run, f fault, until time.Time) string {
	a := &r.absence
	at := "at " + e.place()
	due := fmt.Sprintf("due from %s to %s", e.hm(r.ob.Start), e.hm(r.ob.End))
	if dwell := r.ob.Row.Dwell; dwell > 0 {
		due = fmt.Sprintf("due for %s between %s and %s", spell(dwell), e.hm(r.ob.Start), e.hm(r.ob.End))
		stayed := fmt.Sprintf("%s missing", spell(r.charge()))
		switch f {
		case faultStart:
			return fmt.Sprintf("Not %s: %s, proven to be elsewhere until %s, %s", at, due, e.hm(a.last), stayed)
		case faultWhole:
			return fmt.Sprintf("Never proven to be %s: %s, %s", at, due, stayed)
		case faultLate:
			return fmt.Sprintf("Too late %s: %s, first proof of being there at %s, %s", at, due, e.hm(r.arrived), stayed)
		}
		return fmt.Sprintf("Not long enough %s: %s, %s", at, due, stayed)
	}
	switch f {
	case faultStart:
		return fmt.Sprintf("Not %s: %s, proven to be elsewhere until %s", at, due, e.hm(a.last))
	case faultLate:
		return fmt.Sprintf("Arrived %s late %s: %s, %s", spell(a.counted), at, due, e.proofs(tr, "elsewhere", "there"))
	case faultWhole:
		return fmt.Sprintf("Not %s at all: %s, proven to be elsewhere all the time, %s", at, due, spell(a.counted))
	case faultEnd:
		return fmt.Sprintf("Left %s early: %s, proven to be elsewhere from %s, %s", e.place(), due, e.hm(a.first), spell(a.counted))
	}
	s := fmt.Sprintf("Left %s in between: %s, proven to be elsewhere from %s", e.place(), due, e.hm(a.first))
	if !until.IsZero() {
		s += fmt.Sprintf(" to %s, %s", e.hm(a.last), spell(a.counted))
	}
	return s
}

// duty names an obligation for a sentence.
func (e *Evaluator) duty(r *run) (whether, during string) {
	switch r.kind {
	case MustBeAway:
		return "away", "the time to be away"
	case MustAttend:
		return "at " + e.place(), "the time to attend"
	}
	return "home", "the curfew"
}

func (e *Evaluator) silenceReason(r *run, until time.Time) string {
	p, q := &e.s, &r.silence
	whether, during := e.duty(r)
	s := fmt.Sprintf("Not known whether %s since %s", whether, e.hm(q.first))
	if !until.IsZero() {
		s = fmt.Sprintf("Not known whether %s from %s to %s", whether, e.hm(q.first), e.hm(until))
	}
	s += fmt.Sprintf(", during %s from %s: no evidence for %s", during, e.hm(r.ob.Start), spell(q.dur))
	if !until.IsZero() {
		return s + "."
	}
	if p.strap {
		s += ", the strap is open"
	}
	for i, why := range [...]string{", the bracelet is shielded", ", its radio is jammed", ", the bracelet is switched off"} {
		if p.dark&(1<<i) != 0 {
			s += why
		}
	}
	return s + "."
}

func (e *Evaluator) nightReason(r *run, class string) string {
	s, kept, at := "Curfew", "kept", "out"
	switch r.kind {
	case MustBeAway:
		s, at = "Time to be away", "home"
	case MustAttend:
		s, kept, at = "Time to attend", "attended", "elsewhere"
	}
	s = fmt.Sprintf("%s from %s to %s: ", s, e.hm(r.from), e.hm(r.ob.End))
	switch class {
	case Breach:
		if r.ob.Row.Dwell > 0 {
			return s + spell(r.counted) + " missing."
		}
		return s + at + " for " + spell(r.counted) + "."
	case NightUnknown:
		return s + "not known to be " + at + ", but nothing known for " + spell(r.unknown) + "."
	case WithinGrace:
		return s + kept + ", with " + spell(r.slack) + " within the grace."
	}
	return s + kept + "."
}
