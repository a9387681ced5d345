package center

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/sargas-em/em"
)

// feeding is what a step feeds to whom. Its memory, and what else steps need for each
// report, serves the next one.
type feeding struct {
	whom    []*subject       // who has something in subject.fed
	room    []em.Observation // what those lists are cut from
	touched []em.SubjectID   // whose Timelines the step may have changed; some more than once
	result  *em.Result

	reported []em.DeviceID // who the log says has reported
}

// Room is made for so many observations at once, and so much is kept from step to step.
const (
	roomLeast = 64
	roomMost  = 16 * reportsAtOnce // of up to two commits of the log, and three observations a report
)

// add feeds an observation to a subject, to which some more of its report will go.
func (f *feeding) add(sub *subject, o *em.Observation, more int) {
	if len(sub.fed) == 0 {
		n := len(f.room)
		if n+more > cap(f.room) {
			f.room, n = make([]em.Observation, 0, max(more, roomLeast, min(2*cap(f.room), roomMost))), 0
		}
		f.room = f.room[:n+more]
		sub.fed = f.room[n:n:len(f.room)]
		f.whom = append(f.whom, sub)
	}
	sub.fed = append(sub.fed, *o)
}

// inOrder are those to whom something is fed, by ID.
func (f *feeding) inOrder() []*subject {
	slices.SortFunc(f.whom, func(a, b *subject) int { return cmp.Compare(a.id, b.id) })
	return f.whom
}

// end takes back what was to be fed, whatever came of it: the next step feeds only
// what is its own.
func (f *feeding) end() {
	for _, sub := range f.whom {
		sub.fed = nil
	}
}

// find returns a subject: mostly it is the one that was found before, which may be
// nil.
func (e *engine) find(before *subject, id em.SubjectID) (*subject, error) {
	if before != nil && before.id == id {
		return before, nil
	}
	if sub := e.subjects[id]; sub != nil {
		return sub, nil
	}
	return nil, fmt.Errorf("center: somebody who is not under evaluation carries a device")
}

// newFeeding is what step begins with.
func (e *engine) newFeeding() (f feeding) {
	f, e.feeding = e.feeding, feeding{}
	if f.result == nil {
		f.result = new(em.Result)
	}
	return f
}

// reuse takes back what a step that is through leaves; that of a start goes.
func (f *feeding) reuse() feeding {
	if max(cap(f.whom), cap(f.room), cap(f.touched), cap(f.reported)) > roomMost {
		return feeding{}
	}
	clear(f.whom)
	clear(f.room)
	clear(f.touched)
	clear(f.reported)
	return feeding{f.whom[:0], f.room[:0], f.touched[:0], f.result, f.reported[:0]}
}
