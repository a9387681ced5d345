package center

import (
	"container/heap"
	"time"
)

// deadlines orders subjects by when they are to be woken next, so that a tick
// looks at those that are due and not at everybody. Each subject is in it once
// at most.
type deadlines []*subject

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].wake.Before(d[j].wake) }
func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].place, d[j].place = i+1, j+1
}

func (d *deadlines) Push(x any) {
	s := x.(*subject)
	*d = append(*d, s)
	s.place = len(*d)
}

func (d *deadlines) Pop() any {
	last := len(*d) - 1
	s := (*d)[last]
	(*d)[last], s.place = nil, 0
	*d = (*d)[:last]
	return s
}

// set notes when a subject is to be woken; the zero time is never.
func (d *deadlines) set(s *subject, at time.Time) {
	if s.wake.Equal(at) && (s.place > 0) == !at.IsZero() {
		return
	}
	s.wake = at
	switch {
	case at.IsZero():
		d.remove(s)
	case s.place > 0:
		heap.Fix(d, s.place-1)
	default:
		heap.Push(d, s)
	}
}

// remove takes a subject out.
func (d *deadlines) remove(s *subject) {
	if s != nil && s.place > 0 {
		heap.Remove(d, s.place-1)
	}
}

// due appends those whose time has come. They stay until set again.
func (d deadlines) due(dst []*subject, now time.Time) []*subject {
	return d.below(dst, now, 0)
}

// below looks at a subject and, if it is due, at the two that come no earlier.
func (d deadlines) below(dst []*subject, now time.Time, i int) []*subject {
	if i >= len(d) || d[i].wake.After(now) {
		return dst
	}
	return d.below(d.below(append(dst, d[i]), now, 2*i+1), now, 2*i+2)
}
