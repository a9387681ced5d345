package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/geofence"
	"github.com/sargas-em/em/geofence/proximity"
)

// Two persons of whom one, the wearer, must keep away from the other. As the
// protected person sees it she is in the middle of a circle, and the wearer moves
// about: so a pair is a unit with one exclusion zone, whose path is the way of the
// wearer relative to her, and what is true, false and late is as of any zone.

const (
	setPairs    = "pairs, town"
	setApproach = "pairs, emsim"

	classPair  = "pair"
	pairRadius = 500.0 // m
)

// Devices of a pair.
const (
	wearersDevice   = ownDevice
	protectedDevice = "benchmark:2"
)

func pairName(set string, seed uint64, n int) string { return fmt.Sprintf("%s/%d/%d", set, seed, n) }

// pairJobs are the pairs of the half that is run: those of a town, and as many of
// the simulator's scenarios as those are played.
func (c *config) pairJobs() (jobs []func() ([]pairRow, error)) {
	for _, s := range []struct {
		set   string
		pairs int
	}{{setPairs, c.pairs}, {setApproach, c.plays}} {
		for n, found := 0, 0; found < s.pairs; n++ {
			if c.wants(pairName(s.set, c.seed, n)) {
				found++
				jobs = append(jobs, func() ([]pairRow, error) {
					u, err := pairUnit(s.set, c.seed, n)
					if err != nil {
						return nil, err
					}
					return measurePair(u)
				})
			}
		}
	}
	return jobs
}

// pairUnit is the n-th pair of a set.
func pairUnit(set string, seed uint64, n int) (*unit, error) {
	name := pairName(set, seed, n)
	var both [2]*played
	for i, who := range []string{"wearer", "protected"} {
		var err error
		if set == setApproach {
			both[i], err = play([]string{"approach", "approached"}[i], seed+uint64(i)<<32, n)
		} else {
			both[i] = townPlay(seed, name, who)
		}
		if err != nil {
			return nil, err
		}
	}
	p, middle := relative(&both[0].path, &both[1].path)
	s, err := newScene(name, p, []laid{{classPair, geofence.Zone{ID: proximity.Moving, Version: "1", Kind: geofence.KindExclusion,
		Shape: geofence.Circle{Center: orb.Point{middle.Lng, middle.Lat}, Radius: pairRadius}}}}, nil)
	if err != nil {
		return nil, err
	}
	u := newUnit(s, set, minute, both[0].reports)
	u.hear(protectedDevice, both[1].reports)
	slices.Sort(u.seen)
	slices.SortFunc(u.obs, func(a, b em.Observation) int { return em.Compare(em.EventTime, &a, &b) })
	return u, nil
}

// townPlay is a person of a town that both of a pair live in.
func townPlay(seed uint64, name, who string) *played {
	town := em.LatLng{Lat: 54.7, Lng: 25.3}
	p, about := townPath(randFor(seed, "life of the "+who, name), &town)
	d := newDevice(randFor(seed, "device of the "+who, name))
	return &played{path: p, reports: d.reports(&p, func(i int) surroundings { return about[i] })}
}

// relative is where a is as b sees it, who is always in the middle.
func relative(a, b *path) (path, em.LatLng) {
	middle := b.samples[0].p
	p := path{end: min(a.end, b.end)}
	for i, j := 0, 0; ; {
		x, y := &a.samples[i], &b.samples[j]
		if at := max(x.at, y.at); at < p.end {
			if n := len(p.samples); n > 0 && p.samples[n-1].at == at {
				p.samples = p.samples[:n-1] // one of the two begins later
			}
			p.samples = append(p.samples, sample{at: at, p: offset(middle, planeAt(y.p).to(x.p)), u: x.u + y.u, known: x.known && y.known})
		}
		more, other := i+1 < len(a.samples), j+1 < len(b.samples)
		switch {
		case !more && !other:
			return p, middle
		case !other || more && a.samples[i+1].at < b.samples[j+1].at:
			i++
		case !more || b.samples[j+1].at < a.samples[i+1].at:
			j++
		default:
			i, j = i+1, j+1
		}
	}
}

// pairRow are the figures of one rule about pairs.
type pairRow struct {
	row
	PreAlerts   int     `json:"pre_alerts"`
	PreFalse    int     `json:"pre_alerts_false"` // while they were open the two did not come within the pre-alert radius
	PrePerDay   float64 `json:"pre_alerts_per_pair_day"`
	Unguarded   int64   `json:"unprotected_ms"` // told as such
	UnguardedS  float64 `json:"unprotected_share"`
	Silences    int     `json:"unprotected_times"`
	SilencesPer float64 `json:"unprotected_times_per_pair_day"`
	Crossed     int     `json:"crossed"` // due, with a crossing that says when
	Warned      int     `json:"warned"`  // of them with a pre-alert that was told a minute before, or earlier

	Times *ratio `json:"times_fewer,omitempty"` // false alerts than by the naive rule

	falses []int // alerts, by pair
}

// The rules about pairs.
const (
	pairNaive = "naive"
	pairOurs  = "ours"
)

// measurePair runs both rules over a pair.
func measurePair(u *unit) ([]pairRow, error) {
	ours, err := pairRules(u)
	if err != nil {
		return nil, err
	}
	var out []pairRow
	for _, r := range []struct {
		name   string
		alerts []alert
	}{{pairNaive, naivePair(u)}, {pairOurs, ours.alerts}} {
		w := pairRow{row: row{Set: u.set, Rule: r.name, Group: classPair, Units: 1, Days: float64(u.path.known()) / float64(day), Reports: len(u.obs)}}
		w.tally = count(&u.truth[0], r.alerts, u.seen, u.every, u.whyPair)
		w.falses = []int{w.False}
		if r.name == pairOurs {
			wide := judge(&u.path, false, func(at em.LatLng) float64 { return u.index.Distance(0, at) - (proximity.DefaultPreAlert-1)*pairRadius })
			for _, a := range ours.pre {
				w.PreAlerts++
				if has := wide.states(a.told-tolerance, min(a.until, u.path.end)); !has[violation] && !has[ambiguous] {
					w.PreFalse++
				}
			}
			for _, e := range u.truth[0].episodes() {
				if !e.due || e.crossing < 0 {
					continue
				}
				w.Crossed++
				if slices.ContainsFunc(ours.pre, func(a alert) bool { return a.told <= e.crossing-minute && a.until > e.crossing }) {
					w.Warned++
				}
			}
			w.Silences = len(ours.stale)
			for _, a := range ours.stale {
				w.Unguarded += min(a.until, u.path.end) - a.told
			}
		}
		out = append(out, w)
	}
	return out, nil
}

// pairTold is what package proximity tells of a pair.
type pairTold struct{ alerts, pre, stale []alert }

func pairRules(u *unit) (told pairTold, err error) {
	e, err := proximity.New(proximity.Config{Version: "1", Since: instant(u.path.samples[0].at), Radius: pairRadius,
		Wearer: []proximity.Assignment{{Device: wearersDevice}}, Protected: []proximity.Assignment{{Device: protectedDevice}}})
	if err != nil {
		return told, err
	}
	kinds := []em.EventKind{proximity.EventAlert, proximity.EventPreAlert, proximity.EventStale}
	all, err := feed(u, e, func(ev *em.Event) int { return slices.Index(kinds, ev.Detail.Kind) })
	if err != nil {
		return told, err
	}
	all = append(all, nil, nil, nil)
	return pairTold{all[0], all[1], all[2]}, nil
}

// whyPair is why for an approach of two: first of all, one of them may have no
// satellite fix meanwhile.
func (u *unit) whyPair(s span) string {
	var last [2]*em.Observation
	var heard [2]bool
	within, sum, best := 0, 0., 0.
	for i := range u.obs {
		o := &u.obs[i]
		at, f := o.At.UnixMilli(), o.Body.(*em.Fix)
		if at > s.to {
			break
		}
		if !f.Current() || f.Source != em.SourceGNSS {
			continue
		}
		who := 0
		if o.Device == protectedDevice {
			who = 1
		}
		last[who] = o
		if at < s.from {
			continue
		}
		heard[who] = true
		if other := last[1-who]; other == nil || at-other.At.UnixMilli() > 2*minute {
			continue
		}
		a, b := last[0].Body.(*em.Fix), last[1].Body.(*em.Fix)
		ra, _ := a.Radius95(geofence.DefaultAssumedAccuracy)
		rb, _ := b.Radius95(geofence.DefaultAssumedAccuracy)
		x := beyond{d: pairRadius - planeAt(a.LatLng).to(b.LatLng).length(), r95: math.Hypot(ra, rb)}
		p := x.part()
		if p > 0 {
			within++
		} else {
			sum = 0
		}
		sum += p
		best = max(best, sum)
	}
	switch {
	case !heard[0] || !heard[1]:
		return causeOneUnseen
	case within == 0:
		return causeElsewhere
	case best < enough:
		return causeShallow
	}
	return causeOther
}

// naivePair compares the latest satellite fixes of the two, whatever their age and
// accuracy, each time that either comes.
func naivePair(u *unit) (alerts []alert) {
	var last [2]em.LatLng
	var has [2]bool
	open := false
	for i := range u.obs {
		o := &u.obs[i]
		f := o.Body.(*em.Fix)
		if !f.Current() || f.Source != em.SourceGNSS {
			continue
		}
		who := 0
		if o.Device == protectedDevice {
			who = 1
		}
		last[who], has[who] = f.LatLng, true
		near := has[0] && has[1] && planeAt(last[0]).to(last[1]).length() < pairRadius
		at := o.At.UnixMilli()
		switch {
		case near && !open:
			alerts = append(alerts, alert{from: at, told: at, until: never})
		case !near && open:
			alerts[len(alerts)-1].until = at
		}
		open = near
	}
	return alerts
}

// add adds another pair of the same set and rule.
func (w *pairRow) add(o *pairRow) {
	w.tally.add(&o.tally)
	w.Units += o.Units
	w.Days += o.Days
	w.Reports += o.Reports
	w.PreAlerts += o.PreAlerts
	w.PreFalse += o.PreFalse
	w.Unguarded += o.Unguarded
	w.Silences += o.Silences
	w.Crossed += o.Crossed
	w.Warned += o.Warned
	w.falses = append(w.falses, o.falses...)
}

// concludePairs adds up what was measured, in the order of the pairs.
func concludePairs(all []pairRow, seed uint64) (rows []pairRow) {
	for i := range all {
		o := &all[i]
		k := slices.IndexFunc(rows, func(w pairRow) bool { return w.Set == o.Set && w.Rule == o.Rule })
		if k < 0 {
			k = len(rows)
			rows = append(rows, pairRow{row: row{Set: o.Set, Rule: o.Rule, Group: o.Group}})
		}
		rows[k].add(o)
	}
	for i := range rows {
		w := &rows[i]
		w.finish()
		if w.Days > 0 {
			w.PrePerDay = float64(w.PreAlerts) / w.Days
			w.UnguardedS = float64(w.Unguarded) / (w.Days * float64(day))
			w.SilencesPer = float64(w.Silences) / w.Days
		}
		if w.Rule == pairOurs {
			base := rows[slices.IndexFunc(rows, func(b pairRow) bool { return b.Set == w.Set && b.Rule == pairNaive })].falses
			r := newRatio(w.Set, classPair, w.Rule, pairNaive, w.falses, base, randFor(seed, "draws", w.Set+classPair))
			w.Times = &r
		}
	}
	return rows
}
