package geofence

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// unused is the event of fixes that would have begun a violation.
func unused(z *Zone, class string, from, until time.Time, because []em.ObservationID, reason string, facts ...em.Fact) em.Event {
	if !until.After(from) {
		until = from.Add(1)
	}
	return em.Event{
		Rule: Rule, Version: z.Version, About: z.ID, Anchor: anchorOf(from, because), At: from, Until: until, Because: because,
		Detail: em.Detail{
			Kind: EventUnused, Class: class, Severity: em.Info, Reason: reason,
			Facts: append([]em.Fact{{Name: "rule", Text: RuleVersion}}, facts...),
		},
	}
}

// anchorOf returns an instant within a millisecond of at, by the observations that an
// event rests on: two devices may say the same at one instant.
func anchorOf(at time.Time, because []em.ObservationID) time.Time {
	ns := 0
	for _, id := range because[:min(len(because), 2)] {
		ns += int(id[0])<<8 | int(id[1])
	}
	return at.Add(time.Duration(ns))
}

// violates reports whether being on the news side of a zone is a violation.
func violates(z *Zone) bool { return z.Kind == KindExclusion || z.Kind == KindInclusion }

// tellRefused tells of an outlier that lies on the wrong side of zones. after is
// the fix that showed it to be one.
func (t *Tracker) tellRefused(dst []em.Event, w *way, odd, after *reading) []em.Event {
	good := &w.good
	if !t.c.Unused {
		return dst
	}
	need := odd.p.Distance(good.p) - good.r95 - odd.r95
	s := odd.at.Sub(good.at).Seconds() + clockSlack
	permitted, _, _ := t.permitted(odd)
	tell := func(i int) {
		z := t.x.at(i)
		d := t.x.Distance(i, odd.p)
		wrong := em.Inside
		if z.Kind == KindInclusion {
			wrong = em.Outside
		}
		if !violates(z) || permitted || t.isOpen(z.ID) || odd.side(d) != wrong || !t.inForce(z, odd.at) {
			return
		}
		dst = append(dst, unused(z, ClassOutlier, odd.at, after.at, []em.ObservationID{good.id, odd.id, after.id},
			fmt.Sprintf("A fix %s the edge of %s %s was not used: from the last good one it takes %.0f m/s to come there, and what followed does not agree with it.", insideBy(d), wordsOf[eventOf[z.Kind]].zone, z.ID, need/s),
			em.Fact{Name: "distance_m", Num: centimetres(d), Unit: "m"},
			em.Fact{Name: "radius95_m", Text: originFact[odd.origin], Num: centimetres(odd.r95), Unit: "m"},
			em.Fact{Name: "way_m", Num: centimetres(need), Unit: "m"},
			em.Fact{Name: "gap_s", Num: odd.at.Sub(good.at).Seconds(), Unit: "s"},
			em.Fact{Name: "max_speed_mps", Num: centimetres((t.c.reach(good, odd, w.speeds) - good.r95 - odd.r95) / s), Unit: "m/s"},
		))
	}
	if t.few {
		for i := range t.x.Len() {
			tell(i)
		}
		return dst
	}
	for _, i := range t.concerned(nil, odd) {
		tell(i)
	}
	return dst
}

// tellDropped tells of a row of fixes that a later one contradicts.
func (t *Tracker) tellDropped(dst []em.Event, z *Zone, of face, r *run, after *reading) []em.Event {
	if !t.c.Unused || of != edge || !violates(z) {
		return dst
	}
	class, why := ClassUnconfirmed, "the next says otherwise"
	if !r.firm {
		class, why = ClassDrift, "the device stood all the time, and its position came back"
	}
	row := fmt.Sprintf("%d fixes in a row that put", r.fixes)
	if r.fixes == 1 {
		row = "One fix that put"
	}
	w := wordsOf[eventOf[z.Kind]]
	return append(dst, unused(z, class, r.first, after.at, append(slices.Clip(r.ids), after.id),
		fmt.Sprintf("%s the person %s %s %s did not count: %s.", row, strings.ToLower(w.lasts), w.zone, z.ID, why),
		em.Fact{Name: "fixes", Num: float64(r.fixes), Unit: "1"},
		em.Fact{Name: "until_s", Num: after.at.Sub(r.first).Seconds(), Unit: "s"},
		em.Fact{Name: "min_fixes", Num: float64(t.c.Alert.Fixes), Unit: "1"},
		em.Fact{Name: "min_dwell_s", Num: t.c.Alert.Dwell.Seconds(), Unit: "s"},
	))
}
