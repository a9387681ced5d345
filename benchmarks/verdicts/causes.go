package main

import (
	"slices"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/geofence"
)

// Causes of what a rule missed or told late, in the order in which they are
// looked for. METHOD.md says what each is.
const (
	causeUnseen    = "no satellite fix"
	causeOneUnseen = "no satellite fix of one of the two" // of pairs alone
	causeFalse     = "false positions"
	causeElsewhere = "fixes on the permitted side"
	causeShallow   = "fixes too near the edge"
	causeBroken    = "fixes that contradict each other"
	causeStanding  = "a device that stands"
	causeOther     = "held back otherwise"
)

var causes = []string{causeUnseen, causeFalse, causeElsewhere, causeShallow, causeBroken, causeStanding, causeOther}

// pairCauses are those of approaches of two.
var pairCauses = []string{causeOneUnseen, causeElsewhere, causeShallow, causeOther}

// Limits of causes.
const (
	falseBeyond = 1000.0 // m from the truth: no error of a receiver
	enough      = .5     // what fixes add up to that are evidence
	strolling   = .8     // m/s
)

// beyond is a satellite fix as an edge sees it.
type beyond struct {
	at    int64
	d     float64 // metres on the side of the violation; negative on the other
	r95   float64
	off   float64 // metres from the truth
	speed em.Opt[float64]
}

// part is what the fix adds to the evidence, as geofence.Confirm.Sum has it.
func (b *beyond) part() float64 {
	if b.d <= 0 {
		return 0
	}
	return min(b.d/b.r95*b.d/b.r95, 1)
}

// why returns why a violation of zone z was not told within a time.
func (u *unit) why(z int, s span) string {
	var fixes []beyond
	lo, _ := slices.BinarySearchFunc(u.reports, s.from, func(r report, at int64) int { return int(r.at - at) })
	for i := lo; i < len(u.reports) && u.reports[i].at <= s.to; i++ {
		r := &u.reports[i]
		if !r.satellites() {
			continue
		}
		b := beyond{at: r.at, d: u.index.Distance(z, r.fix.LatLng), speed: r.fix.Speed}
		if !u.zones[z].outside() {
			b.d = -b.d
		}
		b.r95, _ = r.fix.Radius95(geofence.DefaultAssumedAccuracy)
		if len(u.path.samples) > 0 {
			b.off = u.path.samples[u.path.find(r.at)].p.Distance(r.fix.LatLng)
		}
		fixes = append(fixes, b)
	}
	if len(fixes) == 0 {
		return causeUnseen
	}
	sum, row, best, moving := 0., 0., 0., 0.
	wrong, far := 0, 0
	for i := range fixes {
		b := &fixes[i]
		if b.off > falseBeyond {
			far++
		}
		p := b.part()
		if p > 0 {
			wrong++
		}
		if sum += p; b.d < 0 {
			row = 0
		}
		row += p
		best = max(best, row)
		if !b.speed.OK || b.speed.V >= strolling {
			moving += p
		}
	}
	switch {
	case 2*far > len(fixes):
		return causeFalse
	case wrong == 0:
		return causeElsewhere
	case sum < enough:
		return causeShallow
	case best < enough:
		return causeBroken
	case moving < enough:
		return causeStanding
	}
	return causeOther
}
