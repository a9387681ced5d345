package curfew

import (
	"slices"
	"sort"
	"time"
)

// interval is the half-open time [From, To).
type interval struct {
	From, To time.Time
}

// contains reports whether t lies in it.
func (i interval) contains(t time.Time) bool { return !t.Before(i.From) && t.Before(i.To) }

// intervals are in order and do not touch.
type intervals []interval

// union puts any intervals in order and joins those that meet.
func union(list []interval) intervals {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b interval) int { return a.From.Compare(b.From) })
	var u intervals
	for _, i := range list {
		switch n := len(u); {
		case !i.From.Before(i.To):
		case n > 0 && !i.From.After(u[n-1].To):
			u[n-1].To = later(u[n-1].To, i.To)
		default:
			u = append(u, i)
		}
	}
	return u
}

// minus returns what lies outside cut.
func (u intervals) minus(cut interval) intervals {
	var out intervals
	for _, i := range u {
		if !cut.From.Before(i.To) || !i.From.Before(cut.To) {
			out = append(out, i)
			continue
		}
		if i.From.Before(cut.From) {
			out = append(out, interval{i.From, cut.From})
		}
		if cut.To.Before(i.To) {
			out = append(out, interval{cut.To, i.To})
		}
	}
	return out
}

// within returns what lies inside in.
func (u intervals) within(in interval) intervals {
	var out intervals
	for _, i := range u {
		i.From, i.To = later(i.From, in.From), sooner(i.To, in.To)
		if i.From.Before(i.To) {
			out = append(out, i)
		}
	}
	return out
}

// length is how much of [from, to) they cover.
func (u intervals) length(from, to time.Time) (d time.Duration) {
	for _, i := range u {
		if a, b := later(i.From, from), sooner(i.To, to); a.Before(b) {
			d += b.Sub(a)
		}
	}
	return d
}

// contains reports whether t lies in one of them.
func (u intervals) contains(t time.Time) bool {
	n := sort.Search(len(u), func(i int) bool { return t.Before(u[i].To) })
	return n < len(u) && u[n].contains(t)
}

// first is the first instant at or after from that they cover, and whether one
// of them begins there.
func (u intervals) first(from time.Time) (at time.Time, begins, ok bool) {
	for _, i := range u {
		if from.Before(i.To) {
			return later(i.From, from), !from.After(i.From), true
		}
	}
	return time.Time{}, false, false
}

// exceeded is the instant at which they have covered just more than d since
// from.
func (u intervals) exceeded(from time.Time, d time.Duration) (at time.Time, ok bool) {
	for _, i := range u {
		a := later(i.From, from)
		if !a.Before(i.To) {
			continue
		}
		if n := i.To.Sub(a); d >= n {
			d -= n
			continue
		}
		return a.Add(d + tick), true
	}
	return time.Time{}, false
}

// tick is the step of time: what lasts "longer than" d has lasted d + tick.
const tick = time.Nanosecond

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func sooner(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
