package em

import "slices"

// Prefetch reads what Feed of each timeline begins with, of all at once, and changes
// nothing. Whoever feeds many in turn, whose states are more than the processor's
// caches hold, waits for memory at one place after the other of each; those of several
// timelines are waited for together. Some sixteen, the next to be fed, are enough: of
// many more the first are forgotten before they are fed. As any call it is not to be
// made while another one of the same Timeline is under way.
func Prefetch(next []*Timeline) {
	for some := range slices.Chunk(next, prefetched) {
		prefetch(some)
	}
}

// prefetched is how many timelines are read at once: a processor has some ten reads of
// its memory under way.
const prefetched = 16

// prefetch goes one step at a time for all: each is to where the step before has led,
// and waits for none of the other timelines. What it returns is nothing but a reason
// to read.
//
//go:noinline
func prefetch(next []*Timeline) (sum int) {
	var epochs [2 * prefetched]*epoch
	n := 0
	for _, t := range next {
		for c := range t.lanes {
			l := &t.lanes[c]
			sum += len(l.ties) + int(l.last.ID[0]) + l.horizon.Nanosecond()
			epochs[n] = &l.epochs[l.cur]
			n++
		}
	}
	for _, e := range epochs[:n] {
		sum += len(e.evs)
	}
	for _, e := range epochs[:n] {
		for _, ev := range e.evs {
			sum += ev.Deadline().Nanosecond()
		}
	}
	return sum
}
