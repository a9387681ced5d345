package checkin

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// RuleName is the Rule of all events of an Evaluator. Their About is the rule's
// ID and, for a request, "/" and the request's where it does not begin so.
const RuleName = "checkin"

// Kinds of events.
const (
	// KindRequest is one request and what came of it. Its Class is listed in the
	// package comment; At and Anchor are the request's From.
	KindRequest em.EventKind = "checkin.request"
	// KindUnasked is a check-in for which nobody had asked; information.
	KindUnasked em.EventKind = "checkin.unasked"
)

// Classes of KindRequest, with their severity.
const (
	ClassRequested       = "REQUESTED"         // info, open
	ClassAnswered        = "ANSWERED"          // info
	ClassAnsweredLate    = "ANSWERED_LATE"     // warning
	ClassPositionUnknown = "POSITION_UNKNOWN"  // technical
	ClassWrongPlace      = "WRONG_PLACE"       // violation
	ClassUnsure          = "IDENTITY_UNSURE"   // warning: for a person to look at
	ClassUnchecked       = "UNCHECKED"         // warning
	ClassMismatch        = "IDENTITY_MISMATCH" // violation
	ClassRefused         = "REFUSED"           // violation
	ClassMissed          = "MISSED"            // warning, provisional while open
	ClassNotReceived     = "NOT_RECEIVED"      // technical, provisional while open
)

// Classes of KindUnasked are the results of the identity check: "match",
// "mismatch", "unsure", or "unchecked" where there was none.

// verdict is the class of the best try; empty where there is none.
func (r *request) verdict() string {
	switch r.result() {
	case good:
		if !r.best.at.Before(r.To) {
			return ClassAnsweredLate
		}
		return ClassAnswered
	case nowhere:
		return ClassPositionUnknown
	case outside:
		return ClassWrongPlace
	case unsure:
		return ClassUnsure
	case unchecked:
		return ClassUnchecked
	case mismatch:
		return ClassMismatch
	case refused:
		return ClassRefused
	}
	return ""
}

func severity(class string) em.Severity {
	switch class {
	case ClassRequested, ClassAnswered:
		return em.Info
	case ClassPositionUnknown, ClassNotReceived:
		return em.Technical
	case ClassWrongPlace, ClassMismatch, ClassRefused:
		return em.Violation
	}
	return em.Warning
}

func (e *Evaluator) base(kind em.EventKind, about string, at, until time.Time) em.Event {
	return em.Event{Rule: RuleName, Version: e.rule.Version, About: about, Anchor: at, At: at, Until: until, Detail: em.Detail{Kind: kind}}
}

// clock writes an instant in local time.
func (e *Evaluator) clock(t time.Time) string {
	return t.In(e.rule.Windows.Location()).Format(time.RFC3339)
}

// hm is a local time for a sentence.
func (e *Evaluator) hm(t time.Time) string {
	return t.In(e.rule.Windows.Location()).Format("15:04")
}

func minutes(name string, d time.Duration) em.Fact {
	return em.Fact{Name: name, Num: d.Round(time.Second).Minutes(), Unit: "min"}
}

// about names a request.
func (e *Evaluator) about(id string) string {
	if strings.HasPrefix(id, e.rule.ID+"/") {
		return id
	}
	return e.rule.ID + "/" + id
}

// event is the present version; a zero until is open.
func (e *Evaluator) event(r *request, until time.Time) em.Event {
	ev := e.base(KindRequest, e.about(r.ID), r.From, until)
	if v := r.verdict(); v != "" {
		r.class = v
	}
	a := r.shown()
	ids := slices.Clone(r.ids)
	if a.outcome != none && a.place.side != em.SideUnknown && !slices.Contains(ids, a.place.id) {
		ids = append(ids, a.place.id)
	}
	ev.Because = ids
	d := &ev.Detail
	d.Class, d.Severity = r.class, severity(r.class)
	d.Facts = append(d.Facts,
		em.Fact{Name: "request", Text: r.ID},
		em.Fact{Name: "kind", Text: string(r.Kind)},
		em.Fact{Name: "from", Text: e.clock(r.From)},
		em.Fact{Name: "to", Text: e.clock(r.To)},
		minutes("late_allowed", r.over.Sub(r.To)))
	if r.With != "" {
		d.Facts = append(d.Facts, em.Fact{Name: "with", Text: r.With})
	}
	if r.Kind == KindUnpredictable {
		d.Facts = append(d.Facts, em.Fact{Name: "key_sha256", Text: e.rule.KeyDigest()})
	}
	if a.outcome != none {
		d.Facts = append(d.Facts,
			em.Fact{Name: "tries", Num: float64(r.tries), Unit: "1"},
			em.Fact{Name: "answered", Text: e.clock(a.at)},
			em.Fact{Name: "source", Text: string(a.device)},
			em.Fact{Name: "method", Text: a.method},
			em.Fact{Name: "identity", Text: identity(a.identity)})
		if !a.at.Before(r.To) {
			d.Facts = append(d.Facts, minutes("late", a.at.Sub(r.To)))
		}
		if e.where != nil && a.outcome >= outside {
			d.Facts = append(d.Facts, em.Fact{Name: "position", Text: a.place.side.String()})
			if a.place.side != em.SideUnknown {
				d.Facts = append(d.Facts, em.Fact{Name: "position_age", Num: a.at.Sub(a.place.at).Seconds(), Unit: "s"})
			}
			d.Facts = append(d.Facts, em.Fact{Name: "position_within", Num: e.rule.PositionWithin.Seconds(), Unit: "s"})
		}
	}
	if r.refused > 0 {
		d.Facts = append(d.Facts, em.Fact{Name: "refusals", Num: float64(r.refused), Unit: "1"})
	}
	d.Reason = e.reason(r, a)
	return ev
}

func (e *Evaluator) reason(r *request, a *answer) string {
	what := "Asked to report"
	if r.Kind == KindVideo {
		what = "Video appointment"
		if r.With != "" {
			what += " with " + r.With
		}
	}
	what = fmt.Sprintf("%s from %s to %s", what, e.hm(r.From), e.hm(r.To))
	at := e.hm(a.at)
	by := "by " + a.method
	if a.method == "" {
		by = "by a method not named"
	}
	switch r.class {
	case ClassRequested:
		return what + ": no answer yet."
	case ClassAnswered:
		return fmt.Sprintf("%s: answered at %s %s.", what, at, by)
	case ClassAnsweredLate:
		return fmt.Sprintf("%s: answered late, at %s %s.", what, at, by)
	case ClassPositionUnknown:
		if len(r.pending) > 0 {
			return fmt.Sprintf("%s: answered at %s %s; a position nearer in time is awaited.", what, at, by)
		}
		return fmt.Sprintf("%s: answered at %s %s, but where is not known.", what, at, by)
	case ClassWrongPlace:
		return fmt.Sprintf("%s: answered at %s %s, but not at the place that the order names.", what, at, by)
	case ClassUnsure:
		return fmt.Sprintf("%s: answered at %s, but the check %s could not tell whether by the person.", what, at, by)
	case ClassUnchecked:
		return fmt.Sprintf("%s: answered at %s %s, without the check of identity that the order wants.", what, at, by)
	case ClassMismatch:
		return fmt.Sprintf("%s: answered at %s, but the check %s found another person.", what, at, by)
	case ClassRefused:
		return fmt.Sprintf("%s: refused at %s.", what, at)
	case ClassMissed:
		return what + ": not answered, and the source has been heard since."
	}
	return what + ": no answer has come, and nothing else from the source."
}

// identity names the result of a check.
func identity(i em.Identity) string {
	if i == em.IdentityNone {
		return "unchecked"
	}
	return string(i)
}

// unasked is a check-in that no request waits for. Two at one instant differ by
// their anchors, which lie a tick apart.
func (e *Evaluator) unasked(o *em.Observation, c *em.CheckIn) em.Event {
	ev := e.base(KindUnasked, e.rule.ID, o.At, o.At)
	if !ev.Anchor.After(e.s.last) {
		ev.Anchor = e.s.last.Add(tick)
	}
	e.s.last = ev.Anchor
	ev.Because = []em.ObservationID{o.ID}
	d := &ev.Detail
	d.Class = identity(c.Identity)
	d.Facts = []em.Fact{
		{Name: "source", Text: string(o.Device)},
		{Name: "method", Text: c.Method},
		{Name: "identity", Text: identity(c.Identity)},
	}
	if c.Request != "" {
		d.Facts = append(d.Facts, em.Fact{Name: "request", Text: c.Request})
	}
	d.Reason = fmt.Sprintf("Reported at %s without an open request.", e.hm(o.At))
	return ev
}
