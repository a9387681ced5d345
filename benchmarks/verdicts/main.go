// Command verdicts measures how right package geofence's and package curfew's
// verdicts about places are: false alerts, missed violations, delays, beside the
// naive rule by which each fix is in a zone or not.
//
//	go run ./benchmarks/verdicts            tables; under two minutes on two cores
//	go run ./benchmarks/verdicts -quick     a smaller town and no real tracks, some seconds
//	go run ./benchmarks/verdicts -alone     no pairs, and of the rules only the naive one and ours
//	go run ./benchmarks/verdicts -json      JSON instead of tables; -out FILE writes it beside them
//	go run ./benchmarks/verdicts -config '{"DriftReach":100}'    another rule with that geofence.Config
//
// How it is measured, and what the figures do not say, is METHOD.md; what came of
// it is results.md. Real tracks
// come from the folder that EM_DATA names; without it they are skipped, and the
// report says so. No position and no name of a track is ever printed.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em/curfew"
	"github.com/sargas-em/em/geofence"
)

// The rules that are always compared; the first is what the others are set against.
func rules() []rule {
	return []rule{
		naive("naive", 1, false),
		naive("naive, all sources", 1, true),
		naive("naive, 2 fixes", 2, false),
		ours("ours, each fix", geofence.EachFix(), curfew.Config{}),
		ours("ours", geofence.Config{}, curfew.Config{}),
		ours("ours, suspected 1 min", geofence.Config{SuspectedAfter: time.Minute}, curfew.Config{}),
		ours("ours, may be 1 min", geofence.Config{UnknownAfter: time.Minute}, curfew.Config{MaxGap: 90 * time.Second, Unknown: 30 * time.Second, Loss: time.Minute}),
		ours("ours, may be 5 min", geofence.Config{UnknownAfter: 5 * time.Minute}, curfew.Config{MaxGap: 4 * time.Minute, Unknown: time.Minute, Loss: time.Minute}),
	}
}

// configs are the flags -config, each a rule of ours.
type configs []rule

func (c *configs) String() string { return "" }

// Set reads a geofence.Config as JSON; durations are nanoseconds.
func (c *configs) Set(s string) error {
	var g geofence.Config
	d := json.NewDecoder(strings.NewReader(s))
	d.DisallowUnknownFields()
	if err := d.Decode(&g); err != nil {
		return err
	}
	r := ours(fmt.Sprintf("ours, config %d", len(*c)+1), g, curfew.Config{})
	r.what = s
	*c = append(*c, r)
	return nil
}

func main() {
	var more configs
	c := config{real: true}
	flag.Uint64Var(&c.seed, "seed", 1, "of zones, persons and noise")
	flag.StringVar(&c.half, "half", halfReport, "units: report, tuning or all")
	flag.IntVar(&c.persons, "persons", 200, "of the town; a fifth of it jammed, and as many spoofed")
	flag.IntVar(&c.pairs, "pairs", 200, "of persons of one town")
	flag.IntVar(&c.plays, "plays", 40, "of each scenario of the simulator")
	flag.Var(&more, "config", "a further geofence.Config, as JSON; may be given several times")
	flag.BoolVar(&c.alone, "alone", false, "leave out pairs, and of the rules all but the naive one and ours")
	quick := flag.Bool("quick", false, "20 persons, 4 pairs and no real tracks")
	asJSON := flag.Bool("json", false, "print JSON instead of tables")
	out := flag.String("out", "", "file to write JSON to, beside the tables")
	flag.Parse()
	if *quick {
		c.persons, c.pairs, c.plays, c.real = 20, 4, 4, false
	}
	c.rules = rules()
	if c.alone {
		c.rules = slices.DeleteFunc(c.rules, func(r rule) bool { return r.name != "naive" && r.name != "ours" })
	}
	c.rules = append(c.rules, more...)
	c.command = append([]string{"go", "run", "./benchmarks/verdicts"}, os.Args[1:]...)
	if err := c.print(os.Stdout, *asJSON, *out); err != nil {
		fmt.Fprintln(os.Stderr, "verdicts:", err)
		os.Exit(1)
	}
}

// print runs everything, and then writes the figures.
func (c config) print(w io.Writer, asJSON bool, out string) error {
	if c.half != halfReport && c.half != halfTuning && c.half != halfAll {
		return fmt.Errorf("-half %q is not report, tuning or all", c.half)
	}
	f, err := run(c)
	if err != nil {
		return err
	}
	if out != "" {
		file, err := os.Create(out)
		if err != nil {
			return err
		}
		if err := f.writeJSON(file); err != nil {
			return err
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
	if asJSON {
		return f.writeJSON(w)
	}
	return f.writeText(w)
}
