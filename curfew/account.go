package curfew

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// Account adds up a person's absences from home over a time of review, with
// what officers decided about them. It is fed with the Changes of a Timeline and
// with Decisions, in any order; the statement is the same for any order and
// repetition of decisions, and changes with every change.
//
// The zero Account is empty. It keeps the present version of each KindAbsence
// that it was told of, and all decisions, until Forget. It is for one goroutine.
type Account struct {
	absences  map[em.EventID]em.Event
	decisions map[em.EventID][]Decision
	moved     map[em.EventID]em.EventID // where late data has moved an event to
}

// Decision takes an absence out of the total, or back in. It changes the total
// and never the absence. Of several about one absence the latest counts.
type Decision struct {
	Absence em.EventID `json:"absence"`
	Exclude bool       `json:"exclude"`
	Reason  string     `json:"reason"` // "hospital card of 10 March"
	By      string     `json:"by"`
	At      time.Time  `json:"at"`
}

// ErrDecision is wrapped by errors about a Decision that does not say about
// what, why, by whom and when.
var ErrDecision = errors.New("curfew: invalid decision")

// Decide takes a decision, also about an absence that it was not told of yet.
func (a *Account) Decide(d Decision) error {
	for _, v := range []struct {
		name    string
		missing bool
	}{
		{"absence", d.Absence == em.EventID{}},
		{"reason", strings.TrimSpace(d.Reason) == ""},
		{"by", strings.TrimSpace(d.By) == ""},
		{"at", !judgeable(d.At)},
	} {
		if v.missing {
			return fmt.Errorf("%w: no %s", ErrDecision, v.name)
		}
	}
	d.At = d.At.Round(0).UTC()
	if list := a.decisions[d.Absence]; !slices.Contains(list, d) {
		if a.decisions == nil {
			a.decisions = map[em.EventID][]Decision{}
		}
		a.decisions[d.Absence] = append(list, d)
	}
	return nil
}

// Apply takes a change of a Timeline; those of other kinds are ignored. The
// decisions about an absence that late data moves go with it.
func (a *Account) Apply(c em.Change) {
	if c.Event.Detail.Kind != KindAbsence {
		return
	}
	if a.absences == nil {
		a.absences, a.moved = map[em.EventID]em.Event{}, map[em.EventID]em.EventID{}
	}
	switch c.Kind {
	case em.Withdrawn:
		delete(a.absences, c.Event.ID)
		return
	case em.Moved:
		delete(a.absences, c.Was.ID)
		delete(a.moved, c.Event.ID)
		if c.Was.ID != c.Event.ID {
			a.moved[c.Was.ID] = c.Event.ID
		}
	}
	a.absences[c.Event.ID] = c.Event
}

// Forget drops the absences that are over before t, and the decisions about
// them.
func (a *Account) Forget(t time.Time) {
	gone := func(id em.EventID) bool {
		ev, ok := a.absences[a.present(id)]
		return ok && !ev.Open() && ev.Until.Before(t)
	}
	for id := range a.decisions {
		if gone(id) {
			delete(a.decisions, id)
		}
	}
	var old []em.EventID
	for id := range a.moved {
		if gone(id) {
			old = append(old, id)
		}
	}
	for id, ev := range a.absences {
		if !ev.Open() && ev.Until.Before(t) {
			delete(a.absences, id)
		}
	}
	for _, id := range old {
		delete(a.moved, id)
	}
}

// present is where an event has moved to.
func (a *Account) present(id em.EventID) em.EventID {
	for range len(a.moved) {
		next, ok := a.moved[id]
		if !ok {
			break
		}
		id = next
	}
	return id
}

// Review is a time over which absences are added up, and from when on something
// is proposed. The absences that begin in [From, Until) count; zero bounds are
// open.
type Review struct {
	From, Until time.Time

	// Allowance is how much absence in all leads to a report of a breach.
	// Default 2 hours. Unverified: the figure is told of practice in England,
	// and so is the next one; the order's own has to be put here.
	Allowance time.Duration

	// Single is how long one absence may be before the wearer is to be
	// contacted. Default 15 minutes.
	Single time.Duration

	// KeepEntire: an absence of an entire period is no breach by itself.
	KeepEntire bool
}

// The defaults of Review.
const (
	DefaultAllowance = 2 * time.Hour
	DefaultSingle    = 15 * time.Minute
)

// Step is what a statement proposes to do. People decide.
type Step uint8

// The steps, rising.
const (
	StepNone    Step = iota // nothing counts
	StepWarning             // something does
	StepContact             // one absence was longer than Review.Single
	StepReport              // the allowance is used up, or an entire period was missed
)

var steps = [...]string{"NONE", "WARNING", "CONTACT", "BREACH_REPORT"}

// String returns "NONE", "WARNING", "CONTACT" or "BREACH_REPORT".
func (s Step) String() string {
	if int(s) < len(steps) {
		return steps[s]
	}
	return fmt.Sprintf("step(%d)", s)
}

// Statement is the account of a Review.
type Statement struct {
	From, Until time.Time
	Total       time.Duration // of Line.Included
	Allowance   time.Duration
	Left        time.Duration // of the allowance; never negative
	Step        Step
	Reason      string // one sentence that wearer and officer understand
	Lines       []Line // by Event.At, then ID
}

// Line is one absence in a Statement.
type Line struct {
	Event    em.Event      // as it is told now; a decision does not change it
	Counted  time.Duration // proven, without what a permit known beforehand covers
	Excused  time.Duration // of that, under a permit or suspension given afterwards
	Included time.Duration // in the total: Counted less Excused, or nothing
	Excluded bool          // by the last decision

	Decisions []Decision // all about it, oldest first
}

// Statement adds up. Absences that are still open count as far as they are
// proven.
func (a *Account) Statement(r Review) Statement {
	s := Statement{From: r.From, Until: r.Until, Allowance: orDefault(r.Allowance, DefaultAllowance)}
	single := orDefault(r.Single, DefaultSingle)
	decisions := map[em.EventID][]Decision{}
	for id, list := range a.decisions {
		to := a.present(id)
		decisions[to] = append(decisions[to], list...)
	}
	for id, ev := range a.absences {
		if ev.At.Before(r.From) || !r.Until.IsZero() && !ev.At.Before(r.Until) {
			continue
		}
		l := Line{Event: ev, Counted: factMinutes(&ev, "counted"), Excused: factMinutes(&ev, "excused"), Decisions: decisions[id]}
		slices.SortFunc(l.Decisions, compareDecisions)
		if n := len(l.Decisions); n > 0 {
			l.Excluded = l.Decisions[n-1].Exclude
		}
		if !l.Excluded {
			l.Included = max(l.Counted-l.Excused, 0)
		}
		s.Lines = append(s.Lines, l)
	}
	slices.SortFunc(s.Lines, func(a, b Line) int {
		if c := a.Event.At.Compare(b.Event.At); c != 0 {
			return c
		}
		return bytes.Compare(a.Event.ID[:], b.Event.ID[:])
	})
	entire := false
	for _, l := range s.Lines {
		s.Total += l.Included
		switch {
		case l.Included <= 0:
			continue
		case l.Included > single:
			s.Step = max(s.Step, StepContact)
		default:
			s.Step = max(s.Step, StepWarning)
		}
		entire = entire || l.Event.Detail.Class == OutEntirePeriod && !r.KeepEntire
	}
	if s.Total >= s.Allowance || entire {
		s.Step = StepReport
	}
	s.Left = max(s.Allowance-s.Total, 0)
	s.Reason = fmt.Sprintf("Absent for %s of an allowance of %s: %s left.", spell(s.Total), spell(s.Allowance), spell(s.Left))
	if entire {
		s.Reason = strings.TrimSuffix(s.Reason, ".") + ", and an entire curfew was missed."
	}
	return s
}

// compareDecisions orders by time; what was decided at one instant by what it
// says, so that the order in which it came does not matter.
func compareDecisions(a, b Decision) int {
	if c := a.At.Compare(b.At); c != 0 {
		return c
	}
	if a.Exclude != b.Exclude {
		if a.Exclude {
			return -1
		}
		return 1
	}
	return cmp.Or(strings.Compare(a.By, b.By), strings.Compare(a.Reason, b.Reason), bytes.Compare(a.Absence[:], b.Absence[:]))
}

// factMinutes is a fact in minutes, to the second.
func factMinutes(ev *em.Event, name string) time.Duration {
	for _, f := range ev.Detail.Facts {
		if f.Name == name && f.Unit == "min" && math.Abs(f.Num) < maxDuration.Minutes() {
			return time.Duration(math.Round(f.Num*60)) * time.Second
		}
	}
	return 0
}

func orDefault(d, def time.Duration) time.Duration {
	if d <= 0 {
		return def
	}
	return d
}
