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

// set notes when a subject is to be woken; the zero time is never. A later time than
// before, as most reports bring, waits in the subject until the earlier one has come.
func (d *deadlines) set(s *subject, at time.Time) {
	s.due = at
	switch {
	case at.IsZero():
		d.remove(s)
	case s.place == 0:
		s.wake = at
		heap.Push(d, s)
	case at.Before(s.wake):
		s.wake = at
		heap.Fix(d, s.place-1)
	}
}

// remove takes a subject out.
func (d *deadlines) remove(s *subject) {
	if s != nil && s.place > 0 {
		heap.Remove(d, s.place-1)
	}
}

// woken appends those whose time has come. They stay until set again.
func (d *deadlines) woken(dst []*subject, now time.Time) []*subject {
	n := len(dst)
	dst = d.below(dst, now, 0)
	come := dst[:n]
	for _, s := range dst[n:] {
		if !s.due.After(now) {
			come = append(come, s)
			continue
		}
		s.wake = s.due
		heap.Fix(d, s.place-1)
	}
	clear(dst[len(come):])
	return come
}

// below looks at a subject and, if its time in the heap has come, at the two that come
// no earlier.
func (d deadlines) below(dst []*subject, now time.Time, i int) []*subject {
	if i >= len(d) || d[i].wake.After(now) {
		return dst
	}
	return d.below(d.below(append(dst, d[i]), now, 2*i+1), now, 2*i+2)
}
