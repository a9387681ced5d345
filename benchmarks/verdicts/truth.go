package main

import (
	"slices"

	"github.com/sargas-em/em"
)

// state is what is true of a person and a zone.
type state uint8

const (
	unknown state = iota
	ambiguous
	compliant
	violation
)

// stretch is a time with one state, [from, to).
type stretch struct {
	from, to int64
	is       state
}

// zoneTruth is what is true of a person and a zone in the order of time. What is
// not in a stretch is unknown.
type zoneTruth struct {
	stretches []stretch
	crossings []int64 // into the violation, by the sign of the distance alone
	deep      []span  // violations at least plainDepth beyond the edge
}

// plainDepth is how far beyond the edge there is no arguing, in metres.
const plainDepth = 30

// judge works out the truth: distance is that to the edge, negative inside;
// outside says that being outside is the violation.
func judge(p *path, outside bool, distance func(em.LatLng) float64) zoneTruth {
	var z zoneTruth
	before, wasIn := false, false // the sample before is known, and on the wrong side
	for i := range p.samples {
		s := &p.samples[i]
		to := p.until(i)
		if to <= s.at {
			continue
		}
		if !s.known {
			z.add(s.at, to, unknown)
			before = false
			continue
		}
		d := distance(s.p)
		wrong, is := d <= 0, ambiguous
		if outside {
			wrong = !wrong
		}
		if max(d, -d) > s.u {
			if is = compliant; wrong {
				is = violation
			}
		}
		z.add(s.at, to, is)
		if is == violation && max(d, -d) >= plainDepth {
			z.deep = append(z.deep, span{s.at, to})
			if n := len(z.deep); n > 1 && z.deep[n-2].to == s.at {
				z.deep[n-2].to, z.deep = to, z.deep[:n-1]
			}
		}
		if before && wrong && !wasIn {
			z.crossings = append(z.crossings, s.at)
		}
		before, wasIn = true, wrong
	}
	return z
}

// add appends a stretch, or makes the last longer.
func (z *zoneTruth) add(from, to int64, is state) {
	if n := len(z.stretches); n > 0 && z.stretches[n-1].is == is && z.stretches[n-1].to == from {
		z.stretches[n-1].to = to
		return
	}
	z.stretches = append(z.stretches, stretch{from, to, is})
}

// within restricts the truth to hours: elsewhere nothing is a violation. Who is
// on the wrong side as the hours begin crosses then.
func (z *zoneTruth) within(hours []span) zoneTruth {
	var r zoneTruth
	h := 0
	for _, s := range z.stretches {
		for from := s.from; from < s.to; {
			for h < len(hours) && hours[h].to <= from {
				h++
			}
			to, is := s.to, s.is
			switch {
			case h == len(hours) || hours[h].from >= to:
				is = compliantUnlessUnknown(is)
			case hours[h].from > from:
				to, is = hours[h].from, compliantUnlessUnknown(is)
			default:
				to = min(to, hours[h].to)
				if from == hours[h].from && is == violation {
					r.crossings = append(r.crossings, from)
				}
			}
			r.add(from, to, is)
			from = to
		}
	}
	for _, c := range z.crossings {
		for _, s := range hours {
			if c > s.from && c < s.to {
				r.crossings = append(r.crossings, c)
			}
		}
	}
	slices.Sort(r.crossings)
	for _, d := range z.deep {
		for _, s := range hours {
			if from, to := max(d.from, s.from), min(d.to, s.to); from < to {
				r.deep = append(r.deep, span{from, to})
			}
		}
	}
	return r
}

func compliantUnlessUnknown(s state) state {
	if s == unknown {
		return unknown
	}
	return compliant
}

// span is a time [from, to).
type span struct{ from, to int64 }

func (s span) has(t int64) bool { return t >= s.from && t < s.to }

// episode is a violation, as METHOD.md defines it.
type episode struct {
	span
	due      bool
	since    int64 // where due: when the first violation of a minute begins
	crossing int64 // where due: when the edge was crossed, or -1 where delays mean nothing
}

const (
	dueAfter  = 60 * second // what is shorter need not be found
	slowEntry = 60 * second
)

func (z *zoneTruth) episodes() []episode {
	var es []episode
	for i := 0; i < len(z.stretches); {
		e := episode{span: span{from: z.stretches[i].from}, crossing: -1}
		some := false
		j := i
		for ; j < len(z.stretches); j++ {
			s := z.stretches[j]
			if s.is != violation && s.is != ambiguous || j > i && s.from != z.stretches[j-1].to {
				break
			}
			e.to = s.to
			if s.is == violation {
				some = true
				if !e.due && s.to-s.from >= dueAfter {
					e.due, e.since = true, s.from
				}
			}
		}
		if some {
			if e.due {
				for _, c := range z.crossings {
					if c >= e.from && c <= e.since && e.since-c <= slowEntry {
						e.crossing = c
					}
				}
			}
			es = append(es, e)
		}
		i = max(j, i+1)
	}
	return es
}

// states says which states there are in a time, with its ends.
func (z *zoneTruth) states(from, to int64) (has [4]bool) {
	at := from
	for _, s := range z.stretches {
		if s.to <= from {
			continue
		}
		if s.from > to {
			break
		}
		if s.from > at {
			has[unknown] = true
		}
		has[s.is] = true
		at = s.to
	}
	if at < to {
		has[unknown] = true
	}
	return has
}

// time is how long a state lasts within a time.
func (z *zoneTruth) time(is state, from, to int64) int64 {
	var n int64
	for _, s := range z.stretches {
		if s.is == is {
			n += max(0, min(s.to, to)-max(s.from, from))
		}
	}
	return n
}
