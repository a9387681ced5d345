package center

import (
	"slices"

	"github.com/sargas-em/em"
)

// feeding is what a step feeds to whom. Its memory, and what else steps need for each
// report, serves the next one.
type feeding struct {
	fed     map[em.SubjectID][]em.Observation
	order   []em.SubjectID
	room    []em.Observation // what fed's lists are cut from
	touched map[em.SubjectID]bool
	result  *em.Result
}

// Room is made for so many observations at once, and so much is kept from step to step.
const (
	roomLeast = 64
	roomMost  = 4 * reportsAtOnce
)

// add feeds an observation to a subject, to which some more of its report will go.
func (f *feeding) add(id em.SubjectID, o em.Observation, more int) {
	of, known := f.fed[id]
	if !known {
		n := len(f.room)
		if n+more > cap(f.room) {
			f.room, n = make([]em.Observation, 0, max(more, roomLeast, min(2*cap(f.room), roomMost))), 0
		}
		f.room = f.room[:n+more]
		of = f.room[n:n:len(f.room)]
	}
	f.fed[id] = append(of, o)
}

// ids are those of whom there is something, in order.
func (f *feeding) ids() []em.SubjectID {
	f.order = f.order[:0]
	for id := range f.fed {
		f.order = append(f.order, id)
	}
	slices.Sort(f.order)
	return f.order
}

// newFeeding is what step begins with.
func (e *engine) newFeeding() (f feeding) {
	f, e.feeding = e.feeding, feeding{}
	if f.fed == nil {
		f = feeding{fed: map[em.SubjectID][]em.Observation{}, touched: map[em.SubjectID]bool{}, result: new(em.Result)}
	}
	return f
}

// reuse takes back what a step that is through leaves; that of a start goes.
func (f *feeding) reuse() feeding {
	if len(f.touched) > 2*reportsAtOnce || len(f.fed) > 2*reportsAtOnce || cap(f.room) > roomMost {
		return feeding{}
	}
	clear(f.fed)
	clear(f.order)
	clear(f.room)
	clear(f.touched)
	return feeding{f.fed, f.order[:0], f.room[:0], f.touched, f.result}
}
