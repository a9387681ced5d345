// Command emreplay judges a recorded history again, by the evaluators that the
// monitoring center uses, and explains its verdicts.
//
//	emreplay --orders orders.json --observations obs.jsonl [--at TIME] [--shuffle SEED]
//	emreplay explain --orders orders.json --observations obs.jsonl EVENT-ID
//	emreplay schema orders | observations
//
// It prints each event as one JSON line, then a summary for each order, and the
// same bytes for the same input, whatever the time, the time zone and the order
// in which the observations came. With --shuffle they are fed in another order,
// in batches of chance, some of them twice: the output must be the same, and a
// difference is a fault of an evaluator.
//
// Input is read by the schemas that "emreplay schema" prints. A line that cannot
// be used is named on standard error with its number and reason; the others
// count. Lines are in the order of their reception, give or take --slack: so
// memory holds what late data can still reach, and what was told. Exit status: 0
// ok, 1 an evaluator or the program failed, 2 usage, 3 something in the input
// cannot be used, 4 a file cannot be read or written.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
	_ "time/tzdata"

	"github.com/sargas-em/em/examples/internal/program"
)

// Exit statuses.
const (
	exitFault = 1
	exitInput = 3
	exitIO    = 4
)

func main() { program.Main("emreplay", exitIO, run) }

const usage = `usage: emreplay --orders FILE --observations FILE [--at TIME] [--shuffle SEED] …
       emreplay explain --orders FILE --observations FILE … EVENT-ID
       emreplay schema orders | observations
Flags are listed by -h.
`

func run(args []string, out, errs io.Writer) error {
	if len(args) == 0 {
		return program.Usagef("say what to do:\n%s", usage)
	}
	w := bufio.NewWriter(out)
	var err error
	switch args[0] {
	case "schema":
		err = printSchema(args[1:], w)
	case "explain":
		err = explain(args[1:], w, errs)
	case "help", "-h", "--help":
		_, err = io.WriteString(w, usage)
	default:
		if !strings.HasPrefix(args[0], "-") {
			return program.Usagef("unknown command %q\n%s", args[0], usage)
		}
		err = replay(args, w, errs)
	}
	if ferr := w.Flush(); ferr != nil && err == nil {
		err = ferr
	}
	return err
}

// options are the flags of replay and explain.
type options struct {
	orders, observations string
	at                   time.Time // zero: the last reception
	shuffle              uint64
	shuffled             bool
	unsorted             bool
	maxLate, slack       time.Duration
	rest                 []string
}

func parseFlags(name string, args []string, errs io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(errs)
	fs.StringVar(&o.orders, "orders", "", "`file` of people, zones and orders: JSON as by emreplay schema orders")
	fs.StringVar(&o.observations, "observations", "", "`file` of observations, one JSON object a line as by emreplay schema observations")
	fs.Func("at", "`time` (RFC 3339) as of which to judge: what was received later does not count. Default: the last reception", func(s string) error {
		t, err := time.Parse(time.RFC3339, s)
		o.at = t.UTC()
		return err
	})
	fs.Func("shuffle", "feed the observations in another order, by this `seed`", func(s string) error {
		_, err := fmt.Sscanf(s, "%d", &o.shuffle)
		o.shuffled = true
		return err
	})
	fs.BoolVar(&o.unsorted, "unsorted", false, "the file is in any order: keep all of it in memory")
	fs.DurationVar(&o.maxLate, "max-late", 72*time.Hour, "how late an observation may be and still count")
	fs.DurationVar(&o.slack, "slack", time.Hour, "how far lines may be out of the order of their reception")
	var err error
	o.rest, err = program.Parse(fs, args)
	switch {
	case err != nil:
		return o, err
	case o.orders == "" || o.observations == "":
		return o, program.Usagef("%s: --orders and --observations are needed", name)
	case o.maxLate <= 0 || o.slack < 0:
		return o, program.Usagef("%s: --max-late and --slack are times ahead of zero", name)
	}
	return o, nil
}

func replay(args []string, out, errs io.Writer) error {
	o, err := parseFlags("emreplay", args, errs)
	if err != nil {
		return err
	}
	if len(o.rest) > 0 {
		return program.Usagef("unexpected argument %q", o.rest[0])
	}
	r, err := replayFiles(o, errs)
	if err != nil {
		return err
	}
	if err := r.print(out); err != nil {
		return err
	}
	return r.inputError()
}
