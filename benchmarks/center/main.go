// Command center measures a monitoring center from outside: the program itself in
// a process of its own, under the open load of emsim in another one.
//
//	go run ./benchmarks/center [-quick] [-json] [-devices 10000] [-interval 10s] [-duration 1m]
//
// Each report has a time at which it is to be sent, and latency is counted from
// there: to the acknowledgement, which follows the log's sync, and, for devices
// that call for help, to the incident on the live feed. The same load then goes
// to a center that only keeps the log (--log-only), which is the ceiling of what
// evaluation and record can reach.
//
// No figure is printed before the answers are checked: each acknowledged report
// is in the record, once, and there is one incident for each call for help and no
// other. Exit status: 0 ok, 1 an answer is wrong or something failed, 2 usage.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"time"
)

// plan is what is measured.
type plan struct {
	Devices  int           `json:"devices"`
	Interval time.Duration `json:"-"`
	Duration time.Duration `json:"-"`
	Calls    int           `json:"calls_for_help"`
	Seed     uint64        `json:"seed"`
	Seconds  struct {
		Interval float64 `json:"interval"`
		Duration float64 `json:"duration"`
	} `json:"seconds"`
}

// report is all that is printed.
type report struct {
	Machine string  `json:"machine"`
	Go      string  `json:"go"`
	Plan    plan    `json:"plan"`
	Center  *result `json:"center"`
	LogOnly *result `json:"log_only"`
}

func main() {
	var p plan
	quick := flag.Bool("quick", false, "a minute in all: 2,000 devices, a report each 2 s, for 15 s")
	asJSON := flag.Bool("json", false, "print JSON")
	flag.IntVar(&p.Devices, "devices", 10_000, "connections, each of a monitored person's device")
	flag.DurationVar(&p.Interval, "interval", 10*time.Second, "between two reports of a device")
	flag.DurationVar(&p.Duration, "duration", time.Minute, "of the schedule, after all have connected")
	flag.Uint64Var(&p.Seed, "seed", 1, "of schedules and movements")
	flag.Parse()
	if flag.NArg() > 0 || p.Devices < 10 || p.Interval < time.Second || p.Duration < p.Interval {
		fmt.Fprintln(os.Stderr, "center: no arguments, ten devices or more, an interval of a second or more, and a duration of an interval or more")
		os.Exit(2)
	}
	if *quick {
		p.Devices, p.Interval, p.Duration = 2000, 2*time.Second, 15*time.Second
	}
	p.Calls = p.Devices / 20
	p.Seconds.Interval, p.Seconds.Duration = p.Interval.Seconds(), p.Duration.Seconds()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, p, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "center:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, p plan, asJSON bool) error {
	dir, err := os.MkdirTemp("", "sargas-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	progress("building the center and emsim")
	b := bench{plan: p, dir: dir, program: filepath.Join(dir, "monitoringcenter"), emsim: filepath.Join(dir, "emsim")}
	if err := b.build(ctx); err != nil {
		return err
	}
	r := report{Machine: fmt.Sprintf("%s/%s, %d cores", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()), Go: runtime.Version(), Plan: p}
	progress("a center under load")
	if r.Center, err = b.run(ctx, false); err != nil {
		return err
	}
	progress("the log alone")
	if r.LogOnly, err = b.run(ctx, true); err != nil {
		return err
	}
	if asJSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	r.print(os.Stdout)
	return nil
}

func progress(what string) { fmt.Fprintln(os.Stderr, "center:", what) }
