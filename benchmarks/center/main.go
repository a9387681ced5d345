// Command center measures a monitoring center from outside: the programs
// themselves, each in a process of its own, under the open load of emsim in others.
//
//	go run ./benchmarks/center [-quick] [-json] [-devices 10000] [-interval 10s] [-duration 1m] [-gateways 0] [-stored 50] [-warm 3] [-ramp-devices 16000]
//	go run ./benchmarks/center -devices 77000 -interval 60s -duration 2m -gateways 5
//	go run ./benchmarks/center -gateways 2 -record postgres://… -partitions 8 -evaluators 2
//
// Each report has a time at which it is to be sent, and latency is counted from
// there: to the acknowledgement, which follows the log's sync, and, for devices
// that call for help, to the incident on the live feed. The same load then goes
// to a center that only keeps the log (--log-only), which is the ceiling of what
// evaluation and record can reach; and, with -slow, once more to a whole center
// that beside it holds connections that say nothing, or a byte every few seconds.
//
// With -partitions the same load goes to a record that is divided and that several
// processes evaluate, in place of the log alone, and the ramps compare the two.
//
// What a fix takes is told of a day of some devices, as the load of seconds fills no
// segment: packed tracks, raw frames, and all else.
//
// The ramp finds how many reports a second are sustained: acknowledged within a
// second in 99 % of cases, none lost, and evaluation not behind. It doubles the
// rate until it is not, in two tries, then halves the gap, for the whole center and for
// the log alone in turns: for a cold center, which is new at each rate and hears of each
// device for the first time, and, with -warm, for one that has heard of all.
//
// Without -gateways the center is one process, and so its files bound the devices.
// With them each gateway is a process, with a generator of its own; the log is a
// NATS server in another process, and a center without devices evaluates.
//
// No figure is printed before the answers are checked: each acknowledged report
// is in the record, or in the log where that is alone, once, and there is one
// incident for each call for help and no other. Exit status: 0 ok, 1 an answer is
// wrong or something failed, 2 usage.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/sargas-em/em/benchmarks/internal/environment"
)

// plan is what is measured.
type plan struct {
	Devices  int           `json:"devices"`
	Interval time.Duration `json:"-"`
	Duration time.Duration `json:"-"`
	Gateways int           `json:"gateways"` // 0: one process is all
	Slow     int           `json:"slow_connections"`
	Group    time.Duration `json:"log_group_ns,omitempty"` // between group commits of the log; the center's own if 0
	Record   string        `json:"-"`                      // URL of a database
	Parts    int           `json:"partitions,omitempty"`
	Share    int           `json:"evaluators,omitempty"`  // processes that share them
	Stored   int           `json:"stored_days,omitempty"` // of a device each
	Seed     uint64        `json:"seed"`
	Seconds  struct {
		Interval float64 `json:"interval"`
		Duration float64 `json:"duration"`
	} `json:"seconds"`

	Ramp ramp `json:"ramp"`
}

// calls is how many devices call for help.
func (p *plan) calls() int { return p.Devices / 20 }

// report is all that is printed.
type report struct {
	Machine environment.Machine `json:"machine"`
	Go      string              `json:"go"`
	Load    string              `json:"load_average_before"` // what else the machine had to do
	Plan    plan                `json:"plan"`
	Center  *result             `json:"center"`
	Beside  *result             `json:"center_with_slow_connections,omitempty"`
	LogOnly *result             `json:"log_only,omitempty"`
	Most    *ceilings           `json:"most,omitempty"`
	Storage *storage            `json:"storage,omitempty"`

	Divided     *result `json:"divided,omitempty"`
	MostOne     ceiling `json:"most_of_one_evaluator,omitzero"`
	MostDivided ceiling `json:"most_divided,omitzero"`
}

func main() {
	if role := os.Getenv(roleVariable); role != "" {
		if err := play(role); err != nil {
			fmt.Fprintln(os.Stderr, "center:", role+":", err)
			os.Exit(1)
		}
		return
	}
	var p plan
	quick := flag.Bool("quick", false, "a minute and a half in all: 1,000 devices, a report each second, for 3 s, and a coarse ramp; flags beside it count")
	asJSON := flag.Bool("json", false, "print JSON")
	ramps := flag.Bool("ramp", true, "find how many reports a second are sustained")
	flag.IntVar(&p.Devices, "devices", 10_000, "connections, each of a monitored person's device")
	flag.DurationVar(&p.Interval, "interval", 10*time.Second, "between two reports of a device")
	flag.DurationVar(&p.Duration, "duration", time.Minute, "of the schedule, after all have connected")
	flag.IntVar(&p.Gateways, "gateways", 0, "processes that hold the connections, beside one for the log and one that evaluates; 0: one for all")
	flag.DurationVar(&p.Group, "log-group", 0, "least time from one group commit of the log to the next; 0: the center's default")
	flag.IntVar(&p.Slow, "slow", 0, "so many idle and slow connections more, in a run of their own")
	flag.StringVar(&p.Record, "record", "", "`URL` of a PostgreSQL database on a server on which the first run makes one for its record; SQLite without it")
	flag.IntVar(&p.Parts, "partitions", 0, "with -record and -gateways: beside the first run one with a record of so many partitions, which -evaluators processes share; both ramps are theirs")
	flag.IntVar(&p.Share, "evaluators", 2, "of -partitions")
	flag.IntVar(&p.Stored, "stored", 50, "what the days of so many devices take that report once a minute; not looked for if 0, or with -record")
	flag.Uint64Var(&p.Seed, "seed", 1, "of schedules and movements")
	p.Ramp = ramp{First: 16_000, Most: 512_000, Step: 10, Halvings: 4, Tries: 2}
	flag.IntVar(&p.Ramp.Devices, "ramp-devices", 16_000, "devices of the ramp, which share its rate: with few, more reports of one come together")
	flag.IntVar(&p.Ramp.Warm, "warm", 3, "what is sustained once each device has reported so often; not looked for if 0")
	flag.Parse()
	if *quick {
		p.Devices, p.Interval, p.Duration, p.Slow = 1000, time.Second, 3*time.Second, 400
		p.Ramp = ramp{Devices: 8000, First: 32_000, Most: 256_000, Step: 3, Halvings: 1, Tries: 1}
		flag.Parse() // what was asked for by name
	}
	if !*ramps {
		p.Ramp = ramp{}
	}
	if err := p.check(); err != nil || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "center: no arguments;", err)
		os.Exit(2)
	}
	p.Seconds.Interval, p.Seconds.Duration = p.Interval.Seconds(), p.Duration.Seconds()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, p, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "center:", err)
		stop()
		os.Exit(1)
	}
}

// perProcess is how many connections one process holds: 20,000 files are a common
// limit, and the stores need some.
const perProcess = 19_000

func (p *plan) check() error {
	switch {
	case p.Devices < 20 || p.Interval < time.Second || p.Duration < p.Interval:
		return fmt.Errorf("20 devices or more, an interval of a second or more, and a duration of an interval or more")
	case p.Gateways < 0 || p.Group < 0 || p.Slow < 0 || p.Ramp.Warm < 0 || p.Gateways > p.Devices/20:
		return fmt.Errorf("-gateways %d, -log-group %v, -slow %d, -warm %d", p.Gateways, p.Group, p.Slow, p.Ramp.Warm)
	case p.Parts == 0:
		p.Share = 0
	case p.Parts < 2 || p.Share < 1 || p.Share > p.Parts || p.Record == "" || p.Gateways == 0:
		return fmt.Errorf("-partitions %d, shared by %d: 2 or more, with -record and -gateways", p.Parts, p.Share)
	}
	switch each := max(1, p.Gateways); {
	case p.Devices > each*perProcess || p.Devices+p.Slow > each*perProcess:
		return fmt.Errorf("%d devices and %d slow connections are more than %d for each process that holds them: more -gateways", p.Devices, p.Slow, perProcess)
	}
	return nil
}

func run(ctx context.Context, p plan, asJSON bool) (err error) {
	dir, err := os.MkdirTemp("", "sargas-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r := report{Machine: environment.Describe(), Go: runtime.Version(), Load: loadAverage(), Plan: p}
	b := bench{plan: p, dir: dir, program: filepath.Join(dir, "monitoringcenter"), emsim: filepath.Join(dir, "emsim")}
	progress("building the center and emsim")
	if err := b.build(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close(context.WithoutCancel(ctx))) }()
	progress("a center under load")
	if r.Center, err = b.run(ctx, setup{database: p.Record != ""}); err != nil {
		return err
	}
	if p.Parts > 0 {
		if err := b.divided(ctx, &r); err != nil {
			return err
		}
		return r.tell(asJSON)
	}
	if p.Slow > 0 {
		progress("the same beside idle and slow connections")
		if r.Beside, err = b.run(ctx, setup{slow: p.Slow}); err != nil {
			return err
		}
	}
	progress("the log alone")
	if r.LogOnly, err = b.run(ctx, setup{logOnly: true}); err != nil {
		return err
	}
	if p.Stored > 0 && p.Record == "" {
		progress("what a day takes")
		if r.Storage, err = b.storage(ctx); err != nil {
			return err
		}
	}
	if p.Ramp.Devices > 0 {
		if r.Most, err = b.ceilings(ctx); err != nil {
			return err
		}
	}
	return r.tell(asJSON)
}

func (r *report) tell(asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	r.print(os.Stdout)
	return nil
}

func progress(what string) { fmt.Fprintln(os.Stderr, "center:", what) }

// loadAverage is what Linux says of the last minutes.
func loadAverage() string {
	doc, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(doc))[:3], " ")
}
