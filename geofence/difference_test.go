package geofence

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sargas-em/em"
)

// affair is an event of some kind about a zone, [from, to) in minutes; open where to
// is zero.
func affair(kind em.EventKind, zone string, from, to int) em.Event {
	at := func(m int) time.Time { return time.Date(2026, 5, 5, 12, m, 0, 0, time.UTC) }
	e := em.Event{Rule: Rule, About: zone, At: at(from), Anchor: at(from), Detail: em.Detail{Kind: kind, Severity: em.Violation}}
	if to > 0 {
		e.Until = at(to)
	}
	return e
}

func TestDifference(t *testing.T) {
	in := func(from, to int) em.Event { return affair(EventExclusion, "z", from, to) }
	with := func(e em.Event, change func(*em.Event)) em.Event {
		change(&e)
		return e
	}
	for _, c := range []struct {
		name    string
		was, is []em.Event
		want    []em.ChangeKind
	}{
		{"the same", []em.Event{in(1, 5)}, []em.Event{in(1, 5)}, nil},
		{"other words", []em.Event{in(1, 5)}, []em.Event{with(in(1, 5), func(e *em.Event) { e.Version, e.Detail.Reason = "2", "?" })}, nil},
		{"another class", []em.Event{in(1, 5)}, []em.Event{with(in(1, 5), func(e *em.Event) { e.Detail.Class = ClassAlready })}, []em.ChangeKind{em.Updated}},
		{"another severity", []em.Event{in(1, 5)}, []em.Event{with(in(1, 5), func(e *em.Event) { e.Detail.Severity = em.Info })}, []em.ChangeKind{em.Updated}},
		{"another beginning, the anchor kept", []em.Event{in(1, 5)}, []em.Event{with(in(2, 5), func(e *em.Event) { e.Anchor = in(1, 5).Anchor })}, []em.ChangeKind{em.Updated}},
		{"another end", []em.Event{in(1, 5)}, []em.Event{in(1, 6)}, []em.ChangeKind{em.Updated}},
		{"no end", []em.Event{in(1, 5)}, []em.Event{in(1, 0)}, []em.ChangeKind{em.Updated}},
		{"later, overlapping", []em.Event{in(1, 5)}, []em.Event{in(4, 8)}, []em.ChangeKind{em.Moved}},
		{"later, touching", []em.Event{in(1, 5)}, []em.Event{in(5, 8)}, []em.ChangeKind{em.Withdrawn, em.Opened}},
		{"earlier, overlapping", []em.Event{in(4, 8)}, []em.Event{in(1, 5)}, []em.ChangeKind{em.Moved}},
		{"earlier, touching", []em.Event{in(5, 8)}, []em.Event{in(1, 5)}, []em.ChangeKind{em.Opened, em.Withdrawn}},
		{"from open to later", []em.Event{in(1, 0)}, []em.Event{in(4, 8)}, []em.ChangeKind{em.Moved}},
		{"from later to open", []em.Event{in(4, 8)}, []em.Event{in(1, 0)}, []em.ChangeKind{em.Moved}},
		{"both open", []em.Event{in(4, 0)}, []em.Event{in(1, 0)}, []em.ChangeKind{em.Moved}},
		{"of another kind", []em.Event{in(1, 5)}, []em.Event{affair(EventPassed, "z", 2, 5)}, []em.ChangeKind{em.Withdrawn, em.Opened}},
		{"of another zone", []em.Event{in(1, 5)}, []em.Event{affair(EventExclusion, "y", 2, 5)}, []em.ChangeKind{em.Withdrawn, em.Opened}},
		{"one becomes two", []em.Event{in(1, 9)}, []em.Event{in(2, 4), in(6, 9)}, []em.ChangeKind{em.Moved, em.Opened}},
		{"two become one", []em.Event{in(2, 4), in(6, 9)}, []em.Event{in(1, 9)}, []em.ChangeKind{em.Moved, em.Withdrawn}},
	} {
		byID := func(of []em.Event) map[em.EventID]em.Event {
			m := map[em.EventID]em.Event{}
			for _, e := range of {
				e.Stamp("s", e.At)
				m[e.ID] = e
			}
			return m
		}
		var got []em.ChangeKind
		changes := difference(byID(c.was), byID(c.is))
		for i, d := range changes {
			got = append(got, d.Kind)
			if i > 0 && d.Event.At.Before(changes[i-1].Event.At) {
				t.Errorf("%s: not in the order of time: %v", c.name, changes)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %s, want %s", c.name, fmt.Sprint(got), fmt.Sprint(c.want))
		}
	}
}
