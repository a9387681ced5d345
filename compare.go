package em

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"
)

// instant is the time of the observation on the given clock.
func (o *Observation) instant(c Clock) time.Time {
	if c == ReceiveTime {
		return o.Received
	}
	return o.At
}

// Compare is the total order in which evaluators of a clock see observations:
// by At (EventTime) or Received (ReceiveTime), then Device, Seq, Part and ID.
// An absent Seq sorts first. Stores sort History.Observations by it; in SQL:
// ORDER BY at, device, seq NULLS FIRST, part, id, all compared as bytes or
// integers.
func Compare(c Clock, a, b *Observation) int {
	if d := a.instant(c).Compare(b.instant(c)); d != 0 {
		return d
	}
	if d := strings.Compare(string(a.Device), string(b.Device)); d != 0 {
		return d
	}
	if d := compareSeq(a.Seq, b.Seq); d != 0 {
		return d
	}
	if d := cmp.Compare(a.Part, b.Part); d != 0 {
		return d
	}
	return bytes.Compare(a.ID[:], b.ID[:])
}

func compareSeq(a, b Opt[uint64]) int {
	switch {
	case a.OK && b.OK:
		return cmp.Compare(a.V, b.V)
	case a.OK:
		return 1
	case b.OK:
		return -1
	}
	return 0
}

// earlier reports whether a is to be taken rather than b where both have one
// ID and one instant: the first reception counts, whichever came to us first.
func earlier(a, b *Observation) bool {
	if d := a.Received.Compare(b.Received); d != 0 {
		return d < 0
	}
	return compareSeq(a.Seq, b.Seq) < 0
}

// normalize sorts observations of one instant and keeps the earliest of each
// ID. It changes run and returns its front.
func normalize(c Clock, run []Observation) []Observation {
	if len(run) < 2 {
		return run
	}
	slices.SortFunc(run, func(a, b Observation) int {
		if d := bytes.Compare(a.ID[:], b.ID[:]); d != 0 {
			return d
		}
		if earlier(&a, &b) {
			return -1
		}
		if earlier(&b, &a) {
			return 1
		}
		return 0
	})
	run = slices.CompactFunc(run, func(a, b Observation) bool { return a.ID == b.ID })
	slices.SortFunc(run, func(a, b Observation) int { return Compare(c, &a, &b) })
	return run
}
