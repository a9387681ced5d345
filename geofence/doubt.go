package geofence

import (
	"fmt"
	"slices"

	"github.com/sargas-em/em"
)

// doubt tells that the fixes of a device are not believed, and when that is over.
func (t *Tracker) doubt(dst []em.Event, w *way, q *reading) []em.Event {
	switch told := w.doubt.Detail.Kind != ""; {
	case !told && len(w.odd) >= t.c.OutlierRun:
		w.doubt = t.doubted(w)
		return append(dst, w.doubt)
	case told && w.odds == 0 && !w.contradicted(&t.c):
		e := w.doubt
		w.doubt = em.Event{}
		e.Until, e.Because = q.at, append(slices.Clip(e.Because), q.id)
		how := "they came back"
		switch {
		case w.trust == distrusted:
			how = "they were taken as true, as they stayed"
		case slices.ContainsFunc(e.Detail.Facts, func(f em.Fact) bool { return f.Name == "other" }):
			how = "they agreed with what else is known"
		}
		e.Detail.Reason = fmt.Sprintf("The device's positions were not believed for %v, then %s. %s", duration(e.Until.Sub(e.At)), how, e.Detail.Reason)
		return append(dst, e)
	}
	return dst
}

// doubted is the event of a row of fixes that are not believed.
func (t *Tracker) doubted(w *way) em.Event {
	good, odd := &w.good, &w.odd[0]
	far, s := good.p.Distance(odd.p), odd.at.Sub(good.at).Seconds()
	because := []em.ObservationID{good.id}
	for i := range w.odd {
		because = append(because, w.odd[i].id)
	}
	reason := fmt.Sprintf("The positions jumped by %.0f m within %.0f s, which nobody can: false satellite signals, or not the device's own; zones are not judged by them.", far, s)
	var other []em.Fact
	if w.foe != nil {
		because = append(because, w.foe.id)
		reason, other = w.foe.against(odd)+"; neither is relied on, and zones are not judged by what the satellites say.", w.foe.facts(odd)
	}
	return em.Event{
		Rule: Rule, Version: RuleVersion, About: string(w.device), Anchor: odd.at, At: odd.at, Because: because,
		Detail: em.Detail{
			Kind: EventDoubted, Severity: em.Warning,
			Reason: reason,
			Facts: append([]em.Fact{
				{Name: "rule", Text: RuleVersion},
				{Name: "way_m", Num: centimetres(far), Unit: "m"},
				{Name: "gap_s", Num: s, Unit: "s"},
				{Name: "max_speed_mps", Num: centimetres(t.c.MaxSpeed), Unit: "m/s"},
				{Name: "radius95_m", Text: originFact[good.origin], Num: centimetres(good.r95), Unit: "m"},
				{Name: "odd_radius95_m", Text: originFact[odd.origin], Num: centimetres(odd.r95), Unit: "m"},
				{Name: "hold_s", Num: t.c.jumpHold(w).Seconds(), Unit: "s"},
			}, other...),
		},
	}
}
