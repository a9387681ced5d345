package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

func (f *figures) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(f)
}

// writeText writes tables for people.
func (f *figures) writeText(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	p := func(format string, args ...any) { fmt.Fprintf(w, format, args...) }
	p("command   %s\n", strings.Join(f.Command, " "))
	p("machine   %v\n", f.Machine)
	p("versions  %s, commit %s", f.Machine.Go, f.Machine.Commit)
	for _, k := range slices.Sorted(maps.Keys(f.Versions)) {
		p(", %s %s", k, f.Versions[k])
	}
	p("\nseed      %d, half %s\n", f.Seed, f.Half)
	for _, d := range f.Data {
		p("data      %s: %d traces, sha256 %.16s\n", d.Set, d.Traces, d.Hash)
	}
	for _, r := range f.Rules {
		if r.Config != "" {
			p("rule      %s is %s\n", r.Name, r.Config)
		}
	}
	for _, s := range f.Skipped {
		p("skipped   %s\n", s)
	}

	for _, g := range []struct{ group, title string }{
		{groupZones, "Zones: alerts of exclusion and inclusion zones"},
		{groupCurfew, "Curfew: absences from home"},
		{groupWarnings, "Warnings: buffer zones"},
	} {
		p("\n%s\n", g.title)
		f.table(p, func(r *row) bool { return r.Group == g.group && r.Class == "" && r.Every == 0 })
	}
	p("\nZones by the device's interval, without the rules that are there for comparison with the naive one\n")
	f.table(p, func(r *row) bool {
		return r.Group == groupZones && r.Class == "" && r.Every != 0 && (r.Rule == f.Rules[0].Name || !strings.HasPrefix(r.Rule, f.Rules[0].Name))
	})
	p("\nZones by class, all sets\n")
	f.table(p, func(r *row) bool { return r.Set == "" && r.Class != "" && r.Group == groupZones })

	p("\nWhy violations were missed and told late, all sets: missed (plain), of them doubted, of them untold; late\n")
	f.why(p)

	p("\nTimes fewer false alerts than %s (interval of 95 %% by drawing units; ≥ where there was none)\n", f.Rules[0].Name)
	p("group\tset\trule\tfalse\tof %s\ttimes fewer (95 %%)\t\n", f.Rules[0].Name)
	for i := range f.Ratios {
		r := &f.Ratios[i]
		p("%s\t%s\t%s\t%d\t%d\t%s\t\n", r.Group, all(r.Set), r.Rule, r.RuleFalse, r.BaseFalse, r.text())
	}
	p("\nPairs: who must keep %.0f m away from a person; pre-alerts within twice that\n", pairRadius)
	p("set\trule\tpairs\tdays\talerts\tfalse\tfalse/pair-day (95 %%)\ttimes fewer (95 %%)\tundecided\trepeated\tdue\tmissed (95 %%)\tunseen\tplain missed\tdelay s p50/p95/max\tin aim (95 %%)\tpre-alerts\tfalse\ta pair-day\twarned\tunprotected\ta pair-day\t\n")
	for i := range f.Pairs {
		r := &f.Pairs[i]
		times, warned := "1", "–"
		if r.Times != nil {
			times, warned = r.Times.text(), fmt.Sprintf("%d of %d", r.Warned, r.Crossed)
		}
		p("%s\t%s\t%d\t%.2f\t%d\t%d\t%.3g (%.3g–%.3g)\t%s\t%d\t%d\t%d\t%d (%.1f–%.1f %%)\t%d\t%d of %d\t%.0f / %.0f / %.0f\t%.1f %% (%.1f–%.1f)\t%d\t%d\t%.3g\t%s\t%.2f %%\t%.3g\t\n",
			r.Set, r.Rule, r.Units, r.Days, r.Alerts, r.False, r.FalsePerDay[0], r.FalsePerDay[1], r.FalsePerDay[2], times, r.Undecided, r.Repeated,
			r.Due, r.Missed, 100*r.MissedShare[1], 100*r.MissedShare[2], r.Unseen, r.PlainMissed, r.Plain, r.DelayP50, r.DelayP95, r.DelayMax,
			100*r.InAimShare[0], 100*r.InAimShare[1], 100*r.InAimShare[2], r.PreAlerts, r.PreFalse, r.PrePerDay, warned, 100*r.UnguardedS, r.SilencesPer)
	}
	p("\nWhy, of pairs: missed (plain), told late\nset\trule")
	for _, c := range pairCauses {
		p("\t%s", c)
	}
	p("\t\n")
	for i := range f.Pairs {
		r := &f.Pairs[i]
		p("%s\t%s", r.Set, r.Rule)
		for _, c := range pairCauses {
			x := r.Causes[c]
			p("\t%d (%d), %d", x.Missed, x.PlainMissed, x.Late)
		}
		p("\t\n")
	}
	return w.Flush()
}

// text is the ratio and its interval; ≥ where the rule told nothing false.
func (r *ratio) text() string {
	if r.AtLeast {
		return fmt.Sprintf("≥ %.1f (%.1f–)", r.Times, r.Low)
	}
	return fmt.Sprintf("%.1f (%.1f–%.1f)", r.Times, r.Low, r.High)
}

// why writes the causes, of each group and rule.
func (f *figures) why(p func(string, ...any)) {
	p("group\trule")
	for _, c := range causes {
		p("\t%s", c)
	}
	p("\t\n")
	for i := range f.Rows {
		r := &f.Rows[i]
		if r.Set != "" || r.Class != "" {
			continue
		}
		p("%s\t%s", r.Group, r.Rule)
		for _, c := range causes {
			x := r.Causes[c]
			p("\t%d (%d), %d, %d; %d", x.Missed, x.PlainMissed, x.Doubted, x.Untold, x.Late)
		}
		p("\t\n")
	}
}

func all(set string) string {
	if set == "" {
		return "all"
	}
	return set
}

func (f *figures) table(p func(string, ...any), wanted func(*row) bool) {
	p("set\tevery\tclass\trule\tdays\talerts\tfalse\tfalse/person-day (95 %%)\tundecided\trepeated\tdue\tmissed\tunseen\tdoubted\tpassing\tmay be\tuntold\tplain missed\tshort found\tpassed (false)\tmay be (false)\tof the time\tdelay s p50/p95/max\tfixes\tin aim (95 %%)\tuntold s p50/p95/max\tover 30 min\tstale\tuncertain\t\n")
	for i := range f.Rows {
		r := &f.Rows[i]
		if !wanted(r) {
			continue
		}
		every := "all"
		if r.Every > 0 {
			every = fmt.Sprintf("%d s", r.Every)
		}
		delays, fixes, aim := "–", "–", "–"
		if len(r.Delayed) > 0 {
			delays = fmt.Sprintf("%.0f/%.0f/%.0f", r.DelayP50, r.DelayP95, r.DelayMax)
			fixes = fmt.Sprintf("%d/%d/%d", r.FixesP50, r.FixesP95, r.FixesMax)
			aim = fmt.Sprintf("%.1f %% (%.1f–%.1f)", 100*r.InAimShare[0], 100*r.InAimShare[1], 100*r.InAimShare[2])
		}
		p("%s\t%s\t%s\t%s\t%.2f\t%d\t%d\t%.3g (%.3g–%.3g)\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d/%d\t%d/%d\t%d (%d)\t%d (%d)\t%.2f %%\t%s\t%s\t%s\t%.0f/%.0f/%.0f\t%d\t%.2f %%\t%.1f %%\t\n",
			all(r.Set), every, r.Class, r.Rule, r.Days, r.Alerts, r.False, r.FalsePerDay[0], r.FalsePerDay[1], r.FalsePerDay[2],
			r.Undecided, r.Repeated, r.Due, r.Missed, r.Unseen, r.Doubted, r.MissedPassing, r.MissedMayBe, r.MissedUntold, r.PlainMissed, r.Plain, r.ShortFound, r.Short, r.Passed, r.PassedFalse,
			r.Unknown, r.UnknownFalse, 100*float64(r.UnknownFor)/float64(max(r.Judged, 1)), delays, fixes, aim, r.UnawareP50, r.UnawareP95, r.UnawareMax, r.Unaware30, 100*r.StaleShare, 100*r.Unsure)
	}
}
