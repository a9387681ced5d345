package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sargas-em/em/examples/emsim/scenario"
	"github.com/sargas-em/em/examples/emsim/track"
	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/capture"
)

// mostPlayed bounds a fleet that plays a scenario: a script is some hundred KB.
// emsim load is for more.
const mostPlayed = 1000

// runFlags are the flags of run.
type runFlags struct {
	target
	faults
	codec, scenario, identity, start, speed, track, truth, record string
	devices                                                       int
	seed                                                          uint64
	patience                                                      time.Duration
	skip, json                                                    bool
}

// runScenario plays a scenario with one device or a fleet.
func runScenario(ctx context.Context, args []string, reg *protocol.Registry, out, errs io.Writer) error {
	var f runFlags
	fs := flag.NewFlagSet("run", flag.ContinueOnError)
	fs.SetOutput(errs)
	fs.StringVar(&f.codec, "codec", "", "`dialect` of the devices; of bactrack also bactrack-m (Mobile) and bactrack-c (C6 and C8)")
	fs.StringVar(&f.scenario, "scenario", "", "one of those that list names, or a `file`; schema prints its format")
	fs.IntVar(&f.devices, "devices", 1, "how many devices; each has its own home and times")
	fs.StringVar(&f.identity, "identity", "", "the device's `identity`, in the dialect's form; invented where empty")
	fs.Uint64Var(&f.seed, "seed", 1, "of all that is drawn: the same seed gives the same bytes")
	fs.StringVar(&f.start, "start", "", "`time` at which the scenario starts, RFC 3339 or now; its own where empty")
	fs.StringVar(&f.speed, "speed", "1", "the scenario's seconds in one of ours, or max: as fast as the center answers. Bytes do not depend on it, but of siadc09, whose messages carry the center's clock, of bactrack over a serial line, which the center asks again and again, and where the center sends commands")
	fs.StringVar(&f.track, "track", "", "GPX or CSV `file` that moves the person instead of the scenario's steps; it begins at the scenario's start")
	fs.Var(&f.faults, "fault", faultHelp)
	fs.DurationVar(&f.patience, "patience", 5*time.Second, "how long, by the clock, an answer is waited for")
	fs.StringVar(&f.truth, "truth", "", "`file` for the ground truth, as JSON lines; - for standard output")
	fs.StringVar(&f.record, "record", "", "`folder` for the bytes that each device sends, as JSON lines; or a file NAME.pcapng for a capture of both directions, at the scenario's times")
	fs.BoolVar(&f.skip, "skip-unsupported", false, "leave out what the dialect cannot tell; the truth says so")
	fs.BoolVar(&f.json, "json", false, "print the totals as JSON")
	f.target.flags(fs)
	if err := program.ParseAll(fs, args); err != nil {
		return err
	}
	fleet, err := f.prepare(reg, errs)
	if err != nil {
		return err
	}
	defer fleet.close()
	if err := fleet.run(ctx, out, errs); err != nil {
		return err
	}
	return fleet.report(out)
}

// fleet is the devices of a run.
type fleet struct {
	*runFlags
	devices []*device
	closers []func() error
}

func (f *fleet) close() error {
	var err error
	for _, c := range f.closers {
		err = errors.Join(err, c())
	}
	f.closers = nil
	return err
}

// prepare checks the flags and works out every script, before anything is dialled.
func (f *runFlags) prepare(reg *protocol.Registry, errs io.Writer) (*fleet, error) {
	switch {
	case f.codec == "":
		return nil, program.Usagef("run: --codec is missing")
	case f.scenario == "":
		return nil, program.Usagef("run: --scenario is missing: %s, or a file", strings.Join(scenario.Names(), ", "))
	case f.devices < 1 || f.devices > mostPlayed:
		return nil, program.Usagef("run: --devices %d is not within 1 and %d (emsim load has more)", f.devices, mostPlayed)
	case f.identity != "" && f.devices != 1:
		return nil, program.Usagef("run: --identity is one device's")
	case f.patience <= 0:
		return nil, program.Usagef("run: --patience %v", f.patience)
	}
	dev, err := findModel(reg, f.codec)
	if err != nil {
		return nil, err
	}
	if err := f.target.check(reg, dev, f.devices); err != nil {
		return nil, err
	}
	speed := 0.0
	if f.speed != "max" {
		if speed, err = strconv.ParseFloat(f.speed, 64); err != nil || !(speed > 0 && speed <= 1e6) {
			return nil, program.Usagef("run: --speed %q is no number from 0 to 1000000, nor max", f.speed)
		}
	}
	s, err := loadScenario(f.scenario)
	if err != nil {
		return nil, err
	}
	o := scenario.Options{Seed: f.seed, Skew: f.faults.skew, Late: f.faults.late, Skip: f.skip}
	switch f.start {
	case "":
	case "now":
		o.Start = time.Now()
	default:
		if o.Start, err = time.Parse(time.RFC3339, f.start); err != nil {
			return nil, program.Usagef("run: --start: %v", err)
		}
	}
	if f.track != "" {
		if o.Track, err = loadTrack(f.track); err != nil {
			return nil, err
		}
	}
	serial := f.serial != "" || f.pty
	fl := &fleet{runFlags: f}
	for n := range f.devices {
		d, err := f.device(dev, s, o, n, serial, speed)
		if err != nil {
			fl.close()
			return nil, err
		}
		fl.devices = append(fl.devices, d)
	}
	if err := fl.openRecord(serial); err != nil {
		return nil, errors.Join(err, fl.close())
	}
	for n, d := range fl.devices {
		open, closer, err := f.target.open(dev, n, f.seed, errs)
		if err != nil {
			fl.close()
			return nil, err
		}
		d.open = open
		fl.closers = append(fl.closers, closer)
	}
	return fl, nil
}

// openRecord creates what --record names: a capture of all devices, or a folder with
// a file for each.
func (f *fleet) openRecord(serial bool) error {
	create := func(name string) (*bufio.Writer, error) {
		file, err := os.Create(name)
		if err != nil {
			return nil, err
		}
		w := bufio.NewWriter(file)
		f.closers = append(f.closers, func() error { return errors.Join(w.Flush(), file.Close()) })
		return w, nil
	}
	switch {
	case f.record == "":
		return nil
	case strings.HasSuffix(f.record, ".pcapng"):
		file, err := create(f.record)
		if err != nil {
			return err
		}
		w, err := capture.NewWriter(file)
		if err != nil {
			return err
		}
		transport := capture.TCP
		if serial {
			transport = capture.Serial
		} else if f.udp != "" {
			transport = capture.UDP
		}
		for n, d := range f.devices {
			info := capture.Info{Transport: transport, Name: d.identity, Codec: d.dev.Name, Dialed: f.listen != ""}
			d.record = recorder{capture: w, info: info, device: place(n)}
		}
		return nil
	}
	if err := os.MkdirAll(f.record, 0o755); err != nil {
		return err
	}
	for _, d := range f.devices {
		w, err := create(filepath.Join(f.record, d.dev.Name+"-"+d.identity+".jsonl"))
		if err != nil {
			return err
		}
		d.record.lines = w
	}
	return nil
}

// device makes the n-th device with its script.
func (f *runFlags) device(dev protocol.Device, s *scenario.Scenario, o scenario.Options, n int, serial bool, speed float64) (*device, error) {
	wire := f.identity
	sim, identity, err := newSimulator(dev, wire, n, f.seed)
	if err != nil {
		return nil, program.Usagef("%w", err)
	}
	scratch, _, err := newSimulator(dev, wire, n, f.seed)
	if err != nil {
		return nil, err
	}
	if serial {
		// An instrument whose line carries no identity is simulated without one.
		plain, err1 := dev.Simulator("", f.seed)
		again, err2 := dev.Simulator("", f.seed)
		if err1 == nil && err2 == nil {
			if speed == 0 || speed > 2 {
				return nil, program.Usagef("run: over a serial line the center asks a %s how it is: that takes --speed 1, or 2 at most", dev.Name)
			}
			if sim, err = resumer(dev, plain); err != nil {
				return nil, err
			}
			if scratch, err = resumer(dev, again); err != nil {
				return nil, err
			}
		}
	}
	o.Number = n
	script, err := s.Play(o, dev.Name, scratch)
	var untold *scenario.Untold
	if errors.As(err, &untold) {
		return nil, program.Usagef("%w; --skip-unsupported leaves it out", err)
	}
	if err != nil {
		return nil, err
	}
	if script.Device == "" {
		script.Rename(dev.Name + ":" + identity)
	}
	return &device{
		dev: dev, identity: identity, sim: sim, script: script, faults: &f.faults, seed: f.seed ^ uint64(n)<<32,
		speed: speed, patience: f.patience, serial: serial,
	}, nil
}

func loadScenario(name string) (*scenario.Scenario, error) {
	if slices.Contains(scenario.Names(), name) {
		return scenario.Builtin(name)
	}
	if !strings.ContainsAny(name, "./\\") {
		return nil, program.Usagef("run: no scenario %q; there are %s, or give a file", name, strings.Join(scenario.Names(), ", "))
	}
	doc, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	s, err := scenario.Parse(doc)
	if err != nil {
		return nil, program.Usagef("%s: %w", name, err)
	}
	return s, nil
}

func loadTrack(name string) (track.Track, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	t, err := track.Read(filepath.Base(name), file)
	if err != nil {
		return nil, program.Usagef("%w", err)
	}
	return t, nil
}

// run plays all devices at once.
func (f *fleet) run(ctx context.Context, out, errs io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	var done atomic.Int64
	for n, d := range f.devices {
		wg.Go(func() {
			select {
			case <-time.After(jitter(f.seed, n, len(f.devices))):
			case <-ctx.Done():
			}
			if err := d.run(ctx); err != nil {
				cancel(fmt.Errorf("device %d: %w", n, err))
			}
			done.Add(1)
		})
	}
	finished := make(chan struct{})
	go func() { wg.Wait(); close(finished) }()
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-finished:
			running = false
		case <-tick.C:
			fmt.Fprintf(errs, "emsim: %d of %d devices are done\n", done.Load(), len(f.devices))
		}
	}
	cause := context.Cause(ctx)
	if err := errors.Join(f.close(), f.writeTruth(out)); err != nil {
		return err
	}
	if cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// writeTruth writes the truth of all devices, in the order of time.
func (f *fleet) writeTruth(out io.Writer) error {
	if f.truth == "" {
		return nil
	}
	var all []scenario.Truth
	for _, d := range f.devices {
		all = append(all, d.script.Truth...)
	}
	slices.SortStableFunc(all, func(a, b scenario.Truth) int { return a.At.Compare(b.At) })
	var buf strings.Builder
	enc := json.NewEncoder(&buf)
	for _, t := range all {
		if err := enc.Encode(t); err != nil {
			return err
		}
	}
	if f.truth == "-" {
		_, err := io.WriteString(out, buf.String())
		return err
	}
	return os.WriteFile(f.truth, []byte(buf.String()), 0o644)
}

// report prints the totals, and says what is wrong with them.
func (f *fleet) report(out io.Writer) error {
	var total stats
	for _, d := range f.devices {
		total.add(d.stats)
	}
	if f.json {
		doc, err := json.Marshal(struct {
			Codec    string `json:"codec"`
			Scenario string `json:"scenario"`
			Seed     uint64 `json:"seed"`
			Devices  int    `json:"devices"`
			Faulty   string `json:"fault,omitempty"`
			stats
		}{f.codec, f.scenario, f.seed, len(f.devices), f.faults.String(), total})
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s\n", doc)
	} else {
		fmt.Fprintf(out, "%s, %s, seed %d: %d devices, %d reports, %d not acknowledged, %d connections, %d faults, %d answers, %d not understood, %d missed\n",
			f.codec, f.scenario, f.seed, len(f.devices), total.Reports, total.Waiting, total.Connections, total.Faults, total.Answers, total.Undecoded, total.Unanswered)
	}
	switch {
	case total.Undecoded > 0 && f.faults.replies.Flip == 0:
		return program.Errorf(exitDecode, "%d answers of the center were not understood", total.Undecoded)
	case total.Waiting > 0:
		return program.Errorf(exitUnacknowledged, "%d reports were not acknowledged", total.Waiting)
	}
	return nil
}
