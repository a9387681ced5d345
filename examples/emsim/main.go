// Command emsim plays devices: one that lives through a scenario, or thousands
// that put a center under load.
//
//	emsim list
//	emsim run --codec gt06 --tcp 127.0.0.1:5023 --scenario night-breach --seed 7 --fault drop=2%
//	emsim run --codec bactrack --tcp 127.0.0.1:5026 --scenario drinking-episode --speed max --truth truth.jsonl
//	emsim run --codec skyn --tcp 127.0.0.1:5026 --scenario drinking-episode --skip-unsupported --speed max
//	emsim run --codec bactrack-m --tcp 127.0.0.1:5026 --scenario breath-tests --speed max --record cap.pcapng
//	emsim run --codec alcoholuart --pty --scenario breath-tests --skip-unsupported
//	emsim run --codec siadc09 --udp 127.0.0.1:5027 --scenario tunnel
//	emsim run --codec rftrack --http 127.0.0.1:8080 --scenario tunnel --chunked
//	emsim load --devices 5000 --interval 60s --duration 60s --seed 1 --target 127.0.0.1:5023
//
// A run is determined by its flags and the seed: the bytes that a device sends
// are the same each time, whatever the clock does, as long as the center answers
// as the dialect says. Exceptions are said in the help of --speed.
//
// emsim sends to this machine alone, unless --allow-remote is given.
//
// Data goes to standard output, all else to standard error. Exit status: 0 ok, 1
// reports were not acknowledged, 2 usage, and what a dialect cannot tell, 3 the
// center's answers do not decode, 4 a connection or file cannot be had.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/sargas-em/em/devices"
	"github.com/sargas-em/em/examples/emsim/scenario"
	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/protocol"
)

// Exit statuses.
const (
	exitUnacknowledged = 1
	exitDecode         = 3
	exitIO             = 4
)

func main() { program.Main("emsim", exitIO, program.Interruptible(run)) }

func run(ctx context.Context, args []string, out, errs io.Writer) error {
	reg, err := protocol.NewRegistry(devices.All()...)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return program.Usagef("say what to do: list, run or load (run and load with -h for their flags)")
	}
	switch args[0] {
	case "list":
		return list(reg, out)
	case "run":
		return runScenario(ctx, args[1:], reg, out, errs)
	case "load":
		return runLoad(ctx, args[1:], reg, out, errs)
	case "schema":
		_, err := out.Write(scenario.Schema)
		return err
	case "help", "-h", "--help":
		_, err := fmt.Fprintln(out, "usage: emsim list | schema | run --codec NAME --tcp ADDR --scenario NAME | load --target ADDR\nrun and load list their flags with -h.")
		return err
	}
	return program.Usagef("unknown command %q: list, schema, run or load", args[0])
}

// list shows the scenarios, and which codec can tell all of each.
func list(reg *protocol.Registry, out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SCENARIO\tLASTS\tCODECS THAT CAN TELL ALL OF IT")
	for _, name := range scenario.Names() {
		s, err := scenario.Builtin(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%s\t", name, short(s.Lasts))
		for _, d := range models(reg) {
			sim, _, err := newSimulator(d.Device, "", 0, 1)
			if err != nil {
				return err
			}
			if _, err := s.Play(scenario.Options{Seed: 1}, d.Name, sim); err == nil {
				fmt.Fprintf(w, "%s ", d.name)
			} else if !errors.Is(err, protocol.ErrUnsupported) {
				return err
			}
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}
