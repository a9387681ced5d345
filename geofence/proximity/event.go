package proximity

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// Rule is the Rule of all events of an Evaluator.
const Rule = "proximity"

// Kinds of events. The About of an alert or a pre-alert is Moving or the ID of
// the fixed zone; that of a stale position is "wearer" or "protected".
const (
	EventAlert    em.EventKind = "proximity.alert"    // critical
	EventPreAlert em.EventKind = "proximity.prealert" // warning
	EventStale    em.EventKind = "proximity.stale"    // technical: unprotected time
)

// Classes of alerts and pre-alerts: who closed the distance.
const (
	ClassWearer    = "WEARER_APPROACHED"
	ClassProtected = "PROTECTED_APPROACHED" // the protected person came to the wearer
	ClassBoth      = "BOTH_APPROACHED"      // neither did twice as much as the other
	ClassUnclear   = "APPROACH_UNCLEAR"     // neither did more than the accuracy can tell
)

// measured is what one step measures about a zone.
type measured struct {
	last     float64 // distance of the last known positions
	estimate float64
	worst    float64
	aligned  aligned // since the last alert
	sum      float64 // of the evidence before it
}

func (e *Evaluator) measure(z *zone, now int64) measured {
	d := e.lastKnown(z)
	v := measured{last: d, estimate: e.estimate(z, d, now), worst: e.worst(z, d, now)}
	ended := int64(0)
	if i, ok := e.start(z.about); ok {
		v.sum, ended = e.starts[i].sum, e.starts[i].ended
	}
	v.aligned = e.align(z, ended)
	return v
}

// approach says who closed the distance since the start, if there is one.
type approach struct {
	class  string
	start  *start
	closed [2]float64 // by how much each did, by role
}

func (e *Evaluator) approach(z *zone) approach {
	a := approach{class: ClassUnclear}
	i, ok := e.start(z.about)
	if !ok {
		return a
	}
	a.start = &e.starts[i]
	_, to := e.target(z)
	from := [2]vec{metres(a.start.from[wearer]), metres(a.start.from[protected])}
	a.closed[wearer] = a.start.far - e.persons[wearer].last.m.between(from[protected])
	a.closed[protected] = a.start.far - from[wearer].between(to)
	noise := e.persons[wearer].last.r95
	if z.moving {
		noise += e.persons[protected].last.r95
	}
	w, p := a.closed[wearer], a.closed[protected]
	switch {
	case max(w, p) <= noise:
	case p <= w/2:
		a.class = ClassWearer
	case w <= p/2:
		a.class = ClassProtected
	default:
		a.class = ClassBoth
	}
	return a
}

// because lists observations, each once.
func because(lists ...em.ObservationID) []em.ObservationID {
	var ids []em.ObservationID
	for _, id := range lists {
		if id != (em.ObservationID{}) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids[:min(len(ids), em.MaxBecause)]
}

// newEvent makes what alerts and pre-alerts have in common.
func (e *Evaluator) newEvent(z *zone, at int64, kind em.EventKind, s em.Severity, v *measured) em.Event {
	ev := em.Event{Rule: Rule, Version: e.c.Version, About: z.about, Anchor: instant(at), At: instant(at)}
	w, p := &e.persons[wearer].last, &e.persons[protected].last
	latest := e.latest(z.about)
	ids := latest[:]
	facts := []em.Fact{
		{Name: "last known distance", Num: tenth(v.last), Unit: "m"},
		{Name: "best estimate", Num: tenth(v.estimate), Unit: "m"},
		{Name: "worst case", Num: tenth(v.worst), Unit: "m"},
	}
	if a := &v.aligned; a.ok {
		facts = append(facts,
			em.Fact{Name: "aligned distance", Num: tenth(a.d), Unit: "m"},
			em.Fact{Name: "aligned at", Text: instant(a.at).Format(time.RFC3339)},
			em.Fact{Name: "closing speed", Num: tenth(a.closing), Unit: "m/s"})
		ids = append(ids, e.persons[wearer].prev.id)
		if z.moving {
			ids = append(ids, e.persons[protected].prev.id)
		}
	}
	facts = append(facts, e.factsOf("wearer", w, at)...)
	if z.moving {
		facts = append(facts, e.factsOf("protected", p, at)...)
	}
	by := e.approach(z)
	if by.start != nil {
		facts = append(facts,
			em.Fact{Name: "farthest at", Text: instant(by.start.at).Format(time.RFC3339)},
			em.Fact{Name: "closed by the wearer", Num: tenth(by.closed[wearer]), Unit: "m"},
			em.Fact{Name: "closed by the protected person", Num: tenth(by.closed[protected]), Unit: "m"})
		ids = append(ids, by.start.ids[:]...)
	}
	facts = append(facts,
		em.Fact{Name: "alert radius", Num: z.radius, Unit: "m"},
		em.Fact{Name: "pre-alert radius", Num: z.pre, Unit: "m"},
		em.Fact{Name: "margin", Num: z.margin, Unit: "m"},
		em.Fact{Name: "clear", Num: e.c.Clear.Seconds(), Unit: "s"},
		em.Fact{Name: "longest age", Num: e.c.MaxAge.Seconds(), Unit: "s"})
	ev.Because = because(ids...)
	ev.Detail = em.Detail{Kind: kind, Class: by.class, Severity: s, Facts: facts}
	return ev
}

// factsOf says what a fix is worth at an instant.
func (e *Evaluator) factsOf(who string, f *fix, at int64) []em.Fact {
	accuracy := "assumed"
	switch {
	case f.rests:
		accuracy = "at rest"
	case f.reported:
		accuracy = "reported"
	}
	return []em.Fact{
		{Name: who + " age", Num: seconds(at - f.at), Unit: "s"},
		{Name: who + " radius95", Num: tenth(f.r95), Unit: "m", Text: accuracy},
		{Name: who + " speed bound", Num: tenth(e.bound(f)), Unit: "m/s"},
	}
}

// tenth rounds what is for reading.
func tenth(v float64) float64 { return math.Round(v*10) / 10 }

// of is how sentences call what a zone is round.
func (z *zone) of() string {
	if z.moving {
		return "the protected person"
	}
	return fmt.Sprintf("the middle of zone %q", z.about)
}

var approached = map[string]string{
	ClassWearer:    "the wearer approached",
	ClassProtected: "the protected person approached the wearer",
	ClassBoth:      "both approached",
	ClassUnclear:   "who approached is unclear",
}

func (e *Evaluator) alert(z *zone, now int64, v *measured) em.Event {
	ev := e.newEvent(z, now, EventAlert, em.Critical, v)
	if a := &v.aligned; a.ok && a.d < z.radius {
		ev.Detail.Reason = fmt.Sprintf("The wearer was %.0f m from %s at %s, by positions interpolated to that time; the alert radius is %.0f m: %s.",
			a.d, z.of(), instant(a.at).Format(time.TimeOnly), z.radius, approached[ev.Detail.Class])
	} else {
		ev.Detail.Reason = fmt.Sprintf("The wearer was %.0f m from %s, by their last known positions; the alert radius is %.0f m: %s.",
			v.last, z.of(), z.radius, approached[ev.Detail.Class])
	}
	return ev
}

// confirmed is an open alert that aligned positions confirm.
func (e *Evaluator) confirmed(told em.Event, z *zone, now int64, v *measured) em.Event {
	class := told.Detail.Class
	ev := e.alert(z, now, v)
	ev.Anchor, ev.At = told.Anchor, told.At
	ev.Because = because(append(slices.Clone(told.Because), ev.Because...)...)
	ev.Detail.Class = class
	return ev
}

func (e *Evaluator) preAlert(z *zone, now int64, v *measured) em.Event {
	ev := e.newEvent(z, now, EventPreAlert, em.Warning, v)
	ev.Detail.Reason = fmt.Sprintf("The wearer may be within %.0f m of %s: %.0f m by their last known positions, %.0f m at worst by their ages and accuracies: %s.",
		z.pre, z.of(), v.last, max(0, v.worst), approached[ev.Detail.Class])
	return ev
}

func (e *Evaluator) stale(r role, at int64) em.Event {
	ev := em.Event{Rule: Rule, Version: e.c.Version, About: r.String(), Anchor: instant(at), At: instant(at)}
	ev.Because = because(e.persons[r].last.id)
	ev.Detail = em.Detail{Kind: EventStale, Class: "UNPROTECTED", Severity: em.Technical,
		Reason: fmt.Sprintf("No usable position of the %s for more than %v: the protected person is unprotected.", r.words(), e.c.MaxAge),
		Facts:  []em.Fact{{Name: "longest age", Num: e.c.MaxAge.Seconds(), Unit: "s"}, {Name: "largest radius95", Num: e.c.MaxRadius95, Unit: "m"}}}
	return ev
}

var spellWords = map[em.EventKind]string{
	EventAlert:    "The wearer was within the alert radius",
	EventPreAlert: "The wearer may have been within the pre-alert radius",
	EventStale:    "The protected person was unprotected",
}

// ended is the last version of an event.
func (s *spell) ended(until int64, how string, ids ...em.ObservationID) em.Event {
	ev := s.told
	ev.Until = instant(until)
	d := &ev.Detail
	d.Facts = slices.Clone(d.Facts)
	if d.Kind == EventAlert {
		d.Facts = append(d.Facts, em.Fact{Name: "nearest", Num: tenth(s.nearest), Unit: "m"})
	}
	d.Reason = fmt.Sprintf("%s for %v, %s.", spellWords[d.Kind], ev.Until.Sub(ev.At).Round(time.Second), how)
	ev.Because = because(append(slices.Clone(ev.Because), ids...)...)
	return ev
}
