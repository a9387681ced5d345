package em

import (
	"bytes"
	"iter"
	"slices"
	"sort"
	"time"
)

// MemoryHistory is a History of one subject in memory, for tests and programs
// that need no store: it keeps all that it is given and forgets nothing. The
// zero value is empty and ready. It is not safe for concurrent use, and must
// not be changed while one of its iterators is under way.
type MemoryHistory struct {
	obs    [2][]Observation // by Clock, in Compare order
	at     map[ObservationID]time.Time
	cps    [2][]Checkpoint // oldest first
	events [2][]Event      // present versions by Concluded
	told   map[EventID]time.Time
	ledger []Change
}

// Commit stores what was fed to a Timeline and what it answered: the whole
// contract of a store.
func (h *MemoryHistory) Commit(r *Result, obs ...Observation) {
	h.Store(obs...)
	for _, v := range r.Void {
		h.cps[v.Clock] = slices.DeleteFunc(h.cps[v.Clock], func(cp Checkpoint) bool {
			return cp.At.After(v.From) && !cp.At.After(v.To)
		})
	}
	for _, cp := range r.Save {
		cps := &h.cps[cp.Clock]
		i := sort.Search(len(*cps), func(i int) bool { return !(*cps)[i].At.Before(cp.At) })
		if i < len(*cps) && (*cps)[i].At.Equal(cp.At) {
			(*cps)[i] = cp
		} else {
			*cps = slices.Insert(*cps, i, cp)
		}
	}
	for i := range r.Changes {
		c := &r.Changes[i]
		switch c.Kind {
		case Withdrawn:
			h.remove(c.Clock, c.Event.ID)
		case Moved:
			h.remove(c.Clock, c.Was.ID)
			h.put(c.Clock, c.Event)
		default:
			h.put(c.Clock, c.Event)
		}
		h.ledger = append(h.ledger, *c)
	}
}

// Store stores observations that are about to be fed, before the Result is
// known. What is stored already is ignored.
func (h *MemoryHistory) Store(obs ...Observation) {
	if h.at == nil {
		h.at = map[ObservationID]time.Time{}
	}
	for i := range obs {
		o := obs[i]
		h.insert(ReceiveTime, o)
		if at, ok := h.at[o.ID]; ok {
			o.At = at // fixed when it was first stored
		}
		h.at[o.ID] = o.At
		h.insert(EventTime, o)
	}
}

// insert puts o in its place; of one ID and instant the earliest stays.
func (h *MemoryHistory) insert(c Clock, o Observation) {
	list := h.obs[c]
	at := o.instant(c)
	n := len(list)
	for n > 0 && list[n-1].instant(c).After(at) {
		n = sort.Search(n, func(i int) bool { return list[i].instant(c).After(at) })
	}
	for i := n - 1; i >= 0 && list[i].instant(c).Equal(at); i-- {
		if list[i].ID != o.ID {
			continue
		}
		if !earlier(&o, &list[i]) {
			return
		}
		list = slices.Delete(list, i, i+1)
		n--
		break
	}
	for n > 0 && Compare(c, &list[n-1], &o) > 0 {
		n--
	}
	h.obs[c] = slices.Insert(list, n, o)
}

func (h *MemoryHistory) put(c Clock, e Event) {
	h.remove(c, e.ID)
	if h.told == nil {
		h.told = map[EventID]time.Time{}
	}
	h.told[e.ID] = e.Concluded
	i, _ := h.find(c, e.Concluded, e.ID)
	h.events[c] = slices.Insert(h.events[c], i, e)
}

func (h *MemoryHistory) remove(c Clock, id EventID) {
	if at, ok := h.told[id]; ok {
		if i, ok := h.find(c, at, id); ok {
			h.events[c] = slices.Delete(h.events[c], i, i+1)
		}
		delete(h.told, id)
	}
}

func (h *MemoryHistory) find(c Clock, concluded time.Time, id EventID) (int, bool) {
	return slices.BinarySearchFunc(h.events[c], id, func(e Event, id EventID) int {
		if d := e.Concluded.Compare(concluded); d != 0 {
			return d
		}
		return bytes.Compare(e.ID[:], id[:])
	})
}

// Ledger returns all changes in the order in which they were told. The slice
// belongs to the history.
func (h *MemoryHistory) Ledger() []Change { return h.ledger }

// Present returns the present versions of all events of both clocks, ordered by
// At.
func (h *MemoryHistory) Present() []Event {
	all := slices.Concat(h.events[EventTime], h.events[ReceiveTime])
	slices.SortFunc(all, func(a, b Event) int { return compareEvents(&a, &b) })
	return all
}

// Checkpoints implements History.
func (h *MemoryHistory) Checkpoints(c Clock, notAfter time.Time) iter.Seq2[Checkpoint, error] {
	return func(yield func(Checkpoint, error) bool) {
		for _, cp := range slices.Backward(h.cps[c]) {
			if !cp.At.After(notAfter) && !yield(cp, nil) {
				return
			}
		}
	}
}

// Observations implements History.
func (h *MemoryHistory) Observations(c Clock, from, to time.Time) iter.Seq2[Observation, error] {
	return func(yield func(Observation, error) bool) {
		list := h.obs[c]
		for i := sort.Search(len(list), func(i int) bool { return !list[i].instant(c).Before(from) }); i < len(list); i++ {
			if !list[i].instant(c).Before(to) || !yield(list[i], nil) {
				return
			}
		}
	}
}

// Events implements History.
func (h *MemoryHistory) Events(c Clock, from time.Time) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		list := h.events[c]
		for i := sort.Search(len(list), func(i int) bool { return !list[i].Concluded.Before(from) }); i < len(list); i++ {
			if !yield(list[i], nil) {
				return
			}
		}
	}
}

var _ History = (*MemoryHistory)(nil)
