package main

import (
	"fmt"
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

// pairJobs are the pairs of the half that is run: of a town a fifth as many as
// persons, and of the simulator's scenario as many as it is played.
func (c *config) pairJobs() (jobs []func() ([]pairRow, error)) {
	for _, s := range []struct {
		set   string
		pairs int
	}{{setPairs, c.persons / 5}, {setApproach, c.plays}} {
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
	PreAlerts  int     `json:"pre_alerts"`
	PreFalse   int     `json:"pre_alerts_false"` // while they were open the two did not come within the pre-alert radius
	PrePerDay  float64 `json:"pre_alerts_per_pair_day"`
	Unguarded  int64   `json:"unprotected_ms"` // told as such
	UnguardedS float64 `json:"unprotected_share"`
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
		w.tally = count(&u.truth[0], r.alerts, u.seen, u.every, nil)
		if r.name == pairOurs {
			wide := judge(&u.path, false, func(at em.LatLng) float64 { return u.index.Distance(0, at) - (proximity.DefaultPreAlert-1)*pairRadius })
			for _, a := range ours.pre {
				w.PreAlerts++
				if has := wide.states(a.told-tolerance, min(a.until, u.path.end)); !has[violation] && !has[ambiguous] {
					w.PreFalse++
				}
			}
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
	for _, k := range []struct {
		kind em.EventKind
		to   *[]alert
	}{{proximity.EventAlert, &told.alerts}, {proximity.EventPreAlert, &told.pre}, {proximity.EventStale, &told.stale}} {
		e, err := proximity.New(proximity.Config{Version: "1", Since: instant(u.path.samples[0].at), Radius: pairRadius,
			Wearer: []proximity.Assignment{{Device: wearersDevice}}, Protected: []proximity.Assignment{{Device: protectedDevice}}})
		if err != nil {
			return told, err
		}
		all, err := feed(u, e, func(ev *em.Event) int {
			if ev.Detail.Kind == k.kind {
				return 0
			}
			return -1
		})
		if err != nil {
			return told, err
		}
		*k.to = all[0]
	}
	return told, nil
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
}

// concludePairs adds up what was measured, in the order of the pairs.
func concludePairs(all []pairRow) (rows []pairRow) {
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
		}
	}
	return rows
}
