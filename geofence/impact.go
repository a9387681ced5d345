package geofence

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// Impact plays observations to two Trackers, one of the zones as they were and
// one as they are to be, and returns what the change would have made of the
// events, by their time: Opened, Withdrawn, Moved and Updated ones, as an
// em.Timeline would tell if the zones had changed then. Events of which only the
// version, the words or the facts differ are no difference.
//
// The Trackers are in the state before the first observation, or in that which
// both share. Observations come in the order of em.Compare for em.EventTime, as
// em.History yields them; until is the instant up to which deadlines are
// reached. Impact changes nothing that was told: for that there is
// em.Timeline.Rederive.
func Impact(subject em.SubjectID, obs iter.Seq2[em.Observation, error], until time.Time, was, is *Tracker) ([]em.Change, error) {
	ways := [2]played{{t: was, events: map[em.EventID]em.Event{}}, {t: is, events: map[em.EventID]em.Event{}}}
	var last em.Observation
	for o, err := range obs {
		if err != nil {
			return nil, fmt.Errorf("geofence: impact: %w", err)
		}
		if !last.At.IsZero() && em.Compare(em.EventTime, &last, &o) > 0 {
			return nil, fmt.Errorf("geofence: impact: the observation of %v comes after one of %v", o.At, last.At)
		}
		last = o
		o.Received, o.Stored = time.Time{}, false
		for i := range ways {
			ways[i].wake(subject, o.At)
			ways[i].told = ways[i].t.Observe(ways[i].told[:0], o)
			ways[i].keep(subject, o.At)
		}
	}
	for i := range ways {
		ways[i].wake(subject, until)
	}
	return difference(ways[0].events, ways[1].events), nil
}

// played is a Tracker and what it told: the last version of each event.
type played struct {
	t      *Tracker
	events map[em.EventID]em.Event
	told   []em.Event
}

func (p *played) wake(subject em.SubjectID, until time.Time) {
	for at := p.t.Deadline(); !at.IsZero() && !at.After(until); at = p.t.Deadline() {
		p.told = p.t.Wake(p.told[:0], at)
		p.keep(subject, at)
	}
}

func (p *played) keep(subject em.SubjectID, at time.Time) {
	for _, e := range p.told {
		e.Stamp(subject, at)
		p.events[e.ID] = e
	}
}

func difference(was, is map[em.EventID]em.Event) []em.Change {
	var changes []em.Change
	var gone, came []em.Event
	for id, a := range was {
		b, ok := is[id]
		switch {
		case !ok:
			gone = append(gone, a)
		case !a.At.Equal(b.At) || !a.Until.Equal(b.Until) || a.Detail.Class != b.Detail.Class || a.Detail.Severity != b.Detail.Severity:
			changes = append(changes, em.Change{Kind: em.Updated, Event: b, Was: a})
		}
	}
	for id, b := range is {
		if _, ok := was[id]; !ok {
			came = append(came, b)
		}
	}
	byTime := func(a, b em.Event) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.About, b.About), strings.Compare(string(a.Detail.Kind), string(b.Detail.Kind)), a.Anchor.Compare(b.Anchor))
	}
	slices.SortFunc(gone, byTime)
	slices.SortFunc(came, byTime)
	for _, a := range gone {
		c := em.Change{Kind: em.Withdrawn, Event: a, Was: a}
		if i := slices.IndexFunc(came, func(b em.Event) bool { return sameAffair(&a, &b) }); i >= 0 {
			c = em.Change{Kind: em.Moved, Event: came[i], Was: a}
			came = slices.Delete(came, i, i+1)
		}
		changes = append(changes, c)
	}
	for _, b := range came {
		changes = append(changes, em.Change{Kind: em.Opened, Event: b})
	}
	slices.SortStableFunc(changes, func(a, b em.Change) int { return byTime(a.Event, b.Event) })
	return changes
}

// sameAffair reports whether two events are of one kind, about one zone, and
// overlap.
func sameAffair(a, b *em.Event) bool {
	return a.Detail.Kind == b.Detail.Kind && a.About == b.About &&
		(a.Open() || b.At.Before(a.Until)) && (b.Open() || a.At.Before(b.Until))
}
