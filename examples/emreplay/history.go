package main

import (
	"iter"
	"slices"
	"sort"
	"time"

	"github.com/sargas-em/em"
)

// history is an em.History of one subject that forgets observations which no
// late data can make it judge again. Events and their changes stay.
type history struct {
	em.MemoryHistory                     // of events and checkpoints
	obs              [2][]em.Observation // by clock, in Compare order
}

func instant(c em.Clock, o *em.Observation) time.Time {
	if c == em.ReceiveTime {
		return o.Received
	}
	return o.At
}

// store puts observations in their places. Of one ID and instant the earliest
// reception stays on event time.
func (h *history) store(obs ...em.Observation) {
	for _, o := range obs {
		for _, c := range []em.Clock{em.EventTime, em.ReceiveTime} {
			list := h.obs[c]
			i := sort.Search(len(list), func(i int) bool { return em.Compare(c, &list[i], &o) >= 0 })
			if i < len(list) && em.Compare(c, &list[i], &o) == 0 {
				if c == em.EventTime && o.Received.Before(list[i].Received) {
					list[i] = o
				}
				continue
			}
			h.obs[c] = slices.Insert(list, i, o)
		}
	}
}

// forget drops what lies before t.
func (h *history) forget(t time.Time) {
	for _, c := range []em.Clock{em.EventTime, em.ReceiveTime} {
		list := h.obs[c]
		n := sort.Search(len(list), func(i int) bool { return !instant(c, &list[i]).Before(t) })
		if n > len(list)/2 { // else it is not worth the copying
			h.obs[c] = append(make([]em.Observation, 0, len(list)), list[n:]...)
		}
		// The newest checkpoint before t is where the replay of the rest begins.
		var keep time.Time
		for cp := range h.Checkpoints(c, t) {
			keep = cp.At
			break
		}
		if !keep.IsZero() {
			h.Commit(&em.Result{Void: []em.Span{{Clock: c, To: keep.Add(-1)}}})
		}
	}
}

// Observations implements em.History.
func (h *history) Observations(c em.Clock, from, to time.Time) iter.Seq2[em.Observation, error] {
	return func(yield func(em.Observation, error) bool) {
		list := h.obs[c]
		for i := sort.Search(len(list), func(i int) bool { return !instant(c, &list[i]).Before(from) }); i < len(list); i++ {
			if !instant(c, &list[i]).Before(to) || !yield(list[i], nil) {
				return
			}
		}
	}
}
