package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// print writes the report as a table.
func (r *report) print(out io.Writer) {
	fmt.Fprintf(out, "%v, %s; load average before %s\n", r.Machine, r.Go, r.Load)
	fmt.Fprintf(out, "%d devices, a report each %g s, for %g s; %d calls for help; %s\n", r.Plan.Devices, r.Plan.Seconds.Interval, r.Plan.Seconds.Duration, r.Plan.calls(), r.Plan.processes())
	fmt.Fprintln(out, "All acknowledged reports are stored, each once; one incident for each call, and no other.")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	var columns []*result
	fmt.Fprintf(w, "\t")
	for _, c := range []struct {
		name string
		*result
	}{{"center", r.Center}, {fmt.Sprintf("%d evaluators", r.Plan.Share), r.Divided}, {"log alone", r.LogOnly}, {"beside slow ones", r.Beside}} {
		if c.result != nil {
			columns = append(columns, c.result)
			fmt.Fprintf(w, "%s\t", c.name)
		}
	}
	fmt.Fprintln(w)
	row := func(name string, f func(*result) string) {
		fmt.Fprintf(w, "%s\t", name)
		for _, c := range columns {
			fmt.Fprintf(w, "%s\t", f(c))
		}
		fmt.Fprintln(w)
	}
	row("connections", func(r *result) string { return fmt.Sprint(r.Connections) })
	row("reports/s", func(r *result) string { return fmt.Sprintf("%.0f", r.Rate) })
	row("to the acknowledgement, ms p50 / p99 / p99.9", func(r *result) string { return r.Ack.String() })
	row("to the incident, ms", func(r *result) string {
		if r.Incident == nil {
			return "-"
		}
		return r.Incident.String()
	})
	row("of it the generator's delay, ms", func(r *result) string { return r.SendDelay.String() })
	row("cores", func(r *result) string { return r.Cores.String() })
	if r.Divided != nil {
		row("cores of each evaluator", func(r *result) string { return fmt.Sprintf("%.3g", r.Evaluators) })
	}
	if r.Center.Database > 0 {
		row("cores of the database", func(r *result) string { return figure(r.Database) })
	}
	row("cores of the generator", func(r *result) string { return figure(r.Generator) })
	row("KB of each connection more, resident", func(r *result) string { return figure(r.PerConn) })
	row("MB resident at the end", func(r *result) string { return r.Resident.String() })
	row("bytes of log a report", func(r *result) string { return figure(r.LogBytes) })
	row("bytes of record a fix, nothing packed yet", func(r *result) string { return figure(r.FixBytes) })
	row("caught up after, s", func(r *result) string { return figure(r.Behind) })
	row("connections lost, and made again", func(r *result) string { return fmt.Sprint(r.Lost) })
	if r.Beside != nil {
		row("slow connections opened again", func(r *result) string { return fmt.Sprint(r.Reopened) })
	}
	w.Flush() // its error is the standard output's
	if s := r.Storage; s != nil {
		fmt.Fprintf(out, "\nOf %d devices that report a minute's walk for a day, %d fixes, each takes %.1f bytes of tracks, %.1f of raw frames and %.1f of all else in the record, and %.0f of log.\n",
			s.Devices, s.Fixes, s.Tracks, s.Frames, s.Other, s.Log)
	}
	if m := r.Most; m != nil {
		fmt.Fprintf(out, "\nThe most that is sustained, with %d devices in steps of %g s, of which one of %d must succeed: %.0f reports/s of the log alone; %.0f of a cold center, new at each rate and with each device's first report among them: %.0f %%",
			r.Plan.Ramp.Devices, r.Plan.Ramp.Step, max(1, r.Plan.Ramp.Tries), m.LogOnly.Rate, m.Center.Rate, 100*m.Ratio)
		all := []ramped{{"cold", m.Center}}
		if m.Warm != nil {
			fmt.Fprintf(out, "; %.0f of a warm one, to which each device has reported %d times before: %.0f %%", m.Warm.Rate, r.Plan.Ramp.Warm, 100*m.WarmRatio)
			all = append(all, ramped{"warm", *m.Warm})
		}
		fmt.Fprintln(out)
		printSteps(out, append(all, ramped{"log alone", m.LogOnly})...)
	}
	if one, several := r.MostOne, r.MostDivided; len(one.Steps) > 0 {
		fmt.Fprintf(out, "\nThe most that is sustained, with %d devices in steps of %g s, of which one of %d must succeed: %.0f reports/s of one evaluator, %.0f of %d that share partitions: %.0f %%\n",
			r.Plan.Ramp.Devices, r.Plan.Ramp.Step, max(1, r.Plan.Ramp.Tries), one.Rate, several.Rate, r.Plan.Share, 100*several.Rate/max(1, one.Rate))
		printSteps(out, ramped{"one", one}, ramped{"several", several})
	}
}

// ramped is what a ramp came to, and of what.
type ramped struct {
	name string
	ceiling
}

func printSteps(out io.Writer, all ...ramped) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\treports/s\treached\tms p50 / p99 / p99.9\tlost\tcaught up after, s\tcores\tof the generator\tsustained\t\n")
	for _, c := range all {
		for _, s := range c.Steps {
			fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%v\t%d\t%s\t%v\t%s\t%t\t\n", c.name, s.Rate, s.Reached, s.Ack, s.Lost, figure(s.Behind), s.Cores, figure(s.Generator), s.Sustained)
		}
	}
	w.Flush()
}

func (p *plan) processes() string {
	s := "the center in one process"
	if p.Gateways > 0 {
		s = fmt.Sprintf("%d gateways, the log and what evaluates in processes of their own", p.Gateways)
	}
	if p.Group > 0 {
		s += fmt.Sprintf("; a group commit of the log each %v at most", p.Group)
	}
	return s
}

func (q quantiles) String() string { return fmt.Sprintf("%.1f / %.1f / %.1f", q.P50, q.P99, q.P999) }

// String tells the parts behind the sum: gateways, center, log.
func (p parts) String() string {
	if p.Gateways == 0 {
		return figure(p.Sum)
	}
	return fmt.Sprintf("%s (%s + %s + %s)", figure(p.Sum), figure(p.Gateways), figure(p.Center), figure(p.Log))
}

func figure(v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3g", v)
}
