package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// print writes the report as a table.
func (r *report) print(out io.Writer) {
	fmt.Fprintf(out, "%s, %s; %d devices, a report each %g s, for %g s; %d calls for help\n", r.Machine, r.Go, r.Plan.Devices,
		r.Plan.Seconds.Interval, r.Plan.Seconds.Duration, r.Plan.Calls)
	fmt.Fprintln(out, "All acknowledged reports are in the record, each once; one incident for each call, and no other.")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, f func(*result) string) {
		fmt.Fprintf(w, "%s\t%s\t%s\t\n", name, f(r.Center), f(r.LogOnly))
	}
	one := func(v float64) string {
		if v == 0 {
			return "-"
		}
		return fmt.Sprintf("%.3g", v)
	}
	ms := func(q quantiles) string { return fmt.Sprintf("%.1f / %.1f / %.1f", q.P50, q.P99, q.P999) }
	fmt.Fprintf(w, "\tcenter\tlog alone\t\n")
	row("reports/s", func(r *result) string { return fmt.Sprintf("%.0f", r.Rate) })
	row("to the acknowledgement, ms p50 / p99 / p99.9", func(r *result) string { return ms(r.Ack) })
	row("to the incident, ms", func(r *result) string {
		if r.Incident == nil {
			return "-"
		}
		return ms(*r.Incident)
	})
	row("of it the generator's delay, ms", func(r *result) string { return ms(r.SendDelay) })
	row("cores of the center", func(r *result) string { return one(r.Cores) })
	row("cores of the generator", func(r *result) string { return one(r.Generator) })
	row("KB a connection", func(r *result) string { return one(r.PerConn) })
	row("MB resident at the end", func(r *result) string { return one(r.Resident) })
	row("bytes of log a report", func(r *result) string { return one(r.LogBytes) })
	row("bytes of record a report", func(r *result) string { return one(r.FixBytes) })
	row("caught up after, s", func(r *result) string { return one(r.BehindSecs) })
	w.Flush() // its error is the standard output's
}
