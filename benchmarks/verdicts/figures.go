package main

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/sargas-em/em/benchmarks/internal/environment"
	"github.com/sargas-em/em/benchmarks/internal/interval"
)

// figures are all of a run, with what is needed to repeat it.
type figures struct {
	Command  []string            `json:"command"`
	Machine  environment.Machine `json:"machine"`
	Versions map[string]string   `json:"versions"`
	Seed     uint64              `json:"seed"`
	Half     string              `json:"half"`
	Data     []dataset           `json:"data"`
	Skipped  []string            `json:"skipped"`
	Rules    []ruleFigures       `json:"rules"`
	Rows     []row               `json:"rows"`
	Ratios   []ratio             `json:"ratios"`
	Pairs    []pairRow           `json:"pairs"`
}

type dataset struct {
	Set    string `json:"set"`
	Hash   string `json:"sha256"` // of the file
	Traces int    `json:"traces"` // with those that are not of the half
}

type ruleFigures struct {
	Name   string `json:"name"`
	Config string `json:"config,omitempty"`
}

// Groups of classes.
const (
	groupZones    = "zones"    // violations of exclusion and inclusion zones
	groupCurfew   = "curfew"   // absences from home
	groupWarnings = "warnings" // buffers
)

func groupOf(class string) string {
	switch class {
	case classHome:
		return groupCurfew
	case classBuffer:
		return groupWarnings
	}
	return groupZones
}

// row are the figures of one rule in one set.
type row struct {
	Set     string  `json:"set"` // "" is all of them together
	Every   int64   `json:"every_s,omitempty"`
	Rule    string  `json:"rule"`
	Group   string  `json:"group"`
	Class   string  `json:"class,omitempty"` // "" is all of the group
	Units   int     `json:"units"`
	Days    float64 `json:"person_days"`
	Reports int     `json:"reports"`
	tally
	FalsePerDay  [3]float64 `json:"false_per_person_day"` // with its interval of 95 %
	AlertsPerDay float64    `json:"alerts_per_person_day"`
	MissedShare  [3]float64 `json:"missed_share"`
	DelayP50     float64    `json:"delay_p50_s"`
	DelayP95     float64    `json:"delay_p95_s"`
	DelayMax     float64    `json:"delay_max_s"`
	FixesP50     int        `json:"delay_p50_fixes"`
	FixesP95     int        `json:"delay_p95_fixes"`
	FixesMax     int        `json:"delay_max_fixes"`
	InAimShare   [3]float64 `json:"in_aim_share"`
	UnawareP50   float64    `json:"unaware_p50_s"`
	UnawareP95   float64    `json:"unaware_p95_s"`
	UnawareMax   float64    `json:"unaware_max_s"`
	Unaware30    int        `json:"unaware_30_min"` // of those due: for half an hour nothing was told
	StaleShare   float64    `json:"stale_share"`    // of the time judged, all zones together
	Unsure       float64    `json:"uncertain_share"`
}

// ratio is how many times as many false alerts a rule tells as the base does.
type ratio struct {
	Set       string  `json:"set"`
	Group     string  `json:"group"`
	Rule      string  `json:"rule"`
	Base      string  `json:"base"`
	RuleFalse int     `json:"rule_false"`
	BaseFalse int     `json:"base_false"`
	Times     float64 `json:"times_fewer"` // base by rule; with none of the rule's own, base by Poisson's upper bound for none
	AtLeast   bool    `json:"at_least,omitempty"`
	Low       float64 `json:"low"` // of 95 %, by drawing units
	High      float64 `json:"high,omitempty"`
}

// conclude adds up.
func (f *figures) conclude(results []result, seed uint64) {
	type key struct {
		set   string
		every int64
		rule  string
		class string // or a group with a "*"
	}
	rows := map[key]*row{}
	for i := range results {
		r := &results[i]
		for class, t := range r.by {
			for _, k := range []key{
				{r.set, 0, r.rule, class}, {r.set, 0, r.rule, groupOf(class) + "*"},
				{r.set, r.every, r.rule, groupOf(class) + "*"}, {"", 0, r.rule, groupOf(class) + "*"}, {"", 0, r.rule, class},
			} {
				if k.set == "" && r.set == setMute {
					continue
				}
				if rows[k] == nil {
					rows[k] = &row{Set: k.set, Every: k.every / second, Rule: k.rule, Group: groupOf(class)}
					if k.class == class {
						rows[k].Class = class
					}
				}
				rows[k].add(&t)
			}
		}
	}
	for k, w := range rows { // times and units, once for each unit
		for i := range results {
			r := &results[i]
			if r.rule != k.rule || k.set == "" && r.set == setMute || k.set != "" && r.set != k.set || k.every != 0 && r.every != k.every {
				continue
			}
			w.Units++
			w.Days += float64(r.known) / float64(day)
			w.Reports += r.reports
		}
		w.finish()
		f.Rows = append(f.Rows, *w)
	}
	place := func(name string) int {
		return slices.IndexFunc(f.Rules, func(r ruleFigures) bool { return r.Name == name })
	}
	slices.SortFunc(f.Rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(order(a.Set), order(b.Set)), cmp.Compare(a.Every, b.Every),
			cmp.Compare(slices.Index(classes, a.Class), slices.Index(classes, b.Class)), cmp.Compare(place(a.Rule), place(b.Rule)))
	})
	f.ratios(results, seed)
}

// finish works out what is derived.
func (w *row) finish() {
	low, high := interval.Poisson(w.False)
	if w.Days > 0 {
		w.FalsePerDay = [3]float64{float64(w.False) / w.Days, low / w.Days, high / w.Days}
		w.AlertsPerDay = float64(w.Alerts) / w.Days
	}
	w.MissedShare = share(w.Missed, w.Due)
	w.InAimShare = share(w.InAim, len(w.Delayed))
	if w.Judged > 0 {
		w.StaleShare, w.Unsure = float64(w.Stale)/float64(w.Judged), float64(w.Uncertain)/float64(w.Judged)
	}
	w.DelayP50, w.DelayP95, w.DelayMax, w.FixesP50, w.FixesP95, w.FixesMax = quantiles(w.Delayed)
	w.UnawareP50, w.UnawareP95, w.UnawareMax, _, _, _ = quantiles(w.Unaware)
	for _, d := range w.Unaware {
		if d.ms > 30*minute {
			w.Unaware30++
		}
	}
}

// quantiles are the median, that of 95 % and the most of delays, in seconds and in fixes.
func quantiles(of []delay) (s50, s95, sMax float64, f50, f95, fMax int) {
	n := len(of)
	if n == 0 {
		return
	}
	seconds, fixes := make([]float64, n), make([]int, n)
	for i, d := range of {
		seconds[i], fixes[i] = float64(d.ms)/1000, d.fixes
	}
	slices.Sort(seconds)
	slices.Sort(fixes)
	at := func(q float64) int { return min(n-1, int(q*float64(n))) }
	return seconds[at(.5)], seconds[at(.95)], seconds[n-1], fixes[at(.5)], fixes[at(.95)], fixes[n-1]
}

func share(k, n int) [3]float64 {
	if n == 0 {
		return [3]float64{}
	}
	low, high := interval.Wilson(k, n)
	return [3]float64{float64(k) / float64(n), low, high}
}

const draws = 1000

// ratios compares each rule with the first.
func (f *figures) ratios(results []result, seed uint64) {
	base := f.Rules[0].Name
	for _, group := range []string{groupZones, groupCurfew, groupWarnings} {
		for _, set := range append(sets(results), "") {
			names := map[string]int{}
			counts := map[string][]int{} // false alerts by rule and unit
			for _, rule := range f.Rules {
				counts[rule.Name] = nil
			}
			for i := range results {
				r := &results[i]
				if set == "" && r.set == setMute || set != "" && r.set != set {
					continue
				}
				u, ok := names[r.name]
				if !ok {
					u = len(names)
					names[r.name] = u
				}
				n := 0
				for class, t := range r.by {
					if groupOf(class) == group {
						n += t.False
					}
				}
				c := counts[r.rule]
				for len(c) <= u {
					c = append(c, 0)
				}
				c[u] += n
				counts[r.rule] = c
			}
			for _, rule := range f.Rules[1:] {
				f.Ratios = append(f.Ratios, newRatio(set, group, rule.Name, base, counts[rule.Name], counts[base], randFor(seed, "draws", set+group+rule.Name)))
			}
		}
	}
}

func sets(results []result) []string {
	var s []string
	for i := range results {
		if !slices.Contains(s, results[i].set) {
			s = append(s, results[i].set)
		}
	}
	slices.SortFunc(s, func(a, b string) int { return cmp.Compare(order(a), order(b)) })
	return s
}

// newRatio compares the false alerts of two rules, unit by unit.
func newRatio(set, group, rule, base string, ours, theirs []int, r *rand.Rand) ratio {
	sum := func(of []int, pick []int) (n int) {
		for _, i := range pick {
			n += of[i]
		}
		return n
	}
	all := make([]int, len(ours))
	for i := range all {
		all[i] = i
	}
	q := ratio{Set: set, Group: group, Rule: rule, Base: base, RuleFalse: sum(ours, all), BaseFalse: sum(theirs, all)}
	_, none := interval.Poisson(0)
	by := func(b, o int) float64 {
		if o == 0 {
			return float64(b) / none
		}
		return float64(b) / float64(o)
	}
	q.Times, q.AtLeast = by(q.BaseFalse, q.RuleFalse), q.RuleFalse == 0
	drawn := make([]float64, draws)
	pick := make([]int, len(all))
	for d := range drawn {
		for i := range pick {
			pick[i] = r.IntN(len(all))
		}
		drawn[d] = by(sum(theirs, pick), sum(ours, pick))
	}
	slices.Sort(drawn)
	q.Low, q.High = drawn[draws/40], drawn[draws-1-draws/40]
	if q.AtLeast {
		q.High = 0
	}
	if math.IsNaN(q.Low) {
		q.Low = 0
	}
	return q
}
