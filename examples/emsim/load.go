package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sargas-em/em/examples/internal/loopback"
	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/protocol"
)

// loadFlags are the flags of load.
type loadFlags struct {
	target
	targets                         loadTargets
	devices                         int
	interval, duration, ramp, drain time.Duration
	seed                            uint64
	rate, calls, first              int
	secure, json, hold              bool
	out, hist                       string
}

// loadGC is how much garbage piles up, in percent of what the devices hold. Each
// collection shrinks the stacks of all that wait, and they grow again at their next
// report: at Go's own 100 an eighth of what a report costs.
const loadGC = 400

// loadTarget is where a part of the devices goes.
type loadTarget struct {
	Codec   string `json:"codec"`
	Addr    string `json:"addr"`
	Devices int    `json:"devices"`
	weight  int
	dev     protocol.Device
}

// loadTargets is what --target says, as a flag.Value.
type loadTargets []loadTarget

func (l *loadTargets) String() string { return "" }

// Set takes CODEC=ADDR*WEIGHT; the codec is gt06 and the weight 1 where missing.
func (l *loadTargets) Set(s string) error {
	t := loadTarget{Codec: "gt06", Addr: s, weight: 1}
	if codec, addr, ok := strings.Cut(s, "="); ok {
		t.Codec, t.Addr = codec, addr
	}
	if addr, weight, ok := strings.Cut(t.Addr, "*"); ok {
		n, err := strconv.Atoi(weight)
		if err != nil || n < 1 || n > 1000 {
			return fmt.Errorf("%q: a weight from 1 to 1000", s)
		}
		t.Addr, t.weight = addr, n
	}
	*l = append(*l, t)
	return nil
}

const loadHelp = `usage: emsim load --target ADDR [flags]

The load is open: each device has a fixed schedule of reports, one an interval from
a time of its own on, and keeps to it whether the center keeps up or not. Latency is
counted from the time that the schedule has for a report to its acknowledgement, so
that a center which stalls cannot hide it. Dialects without acknowledgements are
sent, and counted apart.

`

func runLoad(ctx context.Context, args []string, reg *protocol.Registry, out, errs io.Writer) error {
	var f loadFlags
	fs := flag.NewFlagSet("load", flag.ContinueOnError)
	fs.SetOutput(errs)
	fs.Usage = func() {
		fmt.Fprint(errs, loadHelp)
		fs.PrintDefaults()
	}
	fs.Var(&f.targets, "target", "`[CODEC=]ADDR[*WEIGHT]`, may be repeated: the devices are spread by weight; gt06 where no codec is named")
	fs.IntVar(&f.devices, "devices", 1000, "connections, each of a device")
	fs.DurationVar(&f.interval, "interval", time.Minute, "between two reports of a device")
	fs.DurationVar(&f.duration, "duration", time.Minute, "of the schedule, after all have connected")
	fs.DurationVar(&f.ramp, "ramp", 0, "the rate grows in a straight line for so long, within the duration")
	fs.DurationVar(&f.drain, "drain", 10*time.Second, "how long to wait for acknowledgements at the end")
	fs.IntVar(&f.rate, "connect-rate", 1000, "connections made a second")
	fs.Uint64Var(&f.seed, "seed", 1, "of schedules and movements")
	fs.IntVar(&f.first, "first", 0, "`number` of the first device: several processes play devices of their own")
	fs.BoolVar(&f.hold, "hold", false, "when all are connected, wait for a line on standard input before the schedule begins")
	fs.IntVar(&f.calls, "calls", 0, "so many devices call for help once, half-way, in place of a report; the result as JSON says when each was to")
	fs.BoolVar(&f.secure, "tls", false, "over TLS")
	fs.BoolVar(&f.json, "json", false, "print the result as JSON")
	fs.StringVar(&f.out, "out", "", "`file` for the result as JSON")
	fs.StringVar(&f.hist, "hist", "", "`file` for the histograms, in HdrHistogram's log format, in microseconds")
	f.target.tlsFlags(fs)
	if err := program.ParseAll(fs, args); err != nil {
		return err
	}
	if err := f.check(reg); err != nil {
		return err
	}
	l, err := newLoad(&f, args)
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(loadGC)
	}
	result, err := l.run(ctx, errs)
	if err != nil {
		return err
	}
	return result.save(&f, out)
}

func (f *loadFlags) check(reg *protocol.Registry) error {
	switch {
	case len(f.targets) == 0:
		return program.Usagef("load: --target is missing")
	case f.devices < 1 || f.first < 0 || f.first+f.devices > mostDevices-100:
		return program.Usagef("load: --devices %d is not within 1 and %d, --first among them", f.devices, mostDevices-100)
	case f.interval < 10*time.Millisecond || f.duration <= 0 || f.duration > 24*time.Hour:
		return program.Usagef("load: --interval %v is below 10ms, or --duration %v not within 0 and 24h", f.interval, f.duration)
	case f.ramp < 0 || f.ramp > f.duration || f.drain < 0:
		return program.Usagef("load: --ramp %v is not within 0 and the duration, or --drain %v is below 0", f.ramp, f.drain)
	case f.calls < 0 || f.calls > f.devices || f.calls > 0 && (f.duration < f.interval || f.ramp > 0):
		return program.Usagef("load: --calls %d is not within 0 and the devices, or not all have a report: --duration is below --interval, or there is a --ramp", f.calls)
	case f.rate < 1:
		return program.Usagef("load: --connect-rate %d", f.rate)
	}
	weights := 0
	for i := range f.targets {
		t := &f.targets[i]
		var err error
		if t.dev, err = findModel(reg, t.Codec); err != nil {
			return err
		}
		if err := loopback.Allow(t.Addr, f.remote); err != nil {
			return err
		}
		weights += t.weight
	}
	limit := fileLimit()
	if need := uint64(f.devices) + 50; limit > 0 && need > limit {
		return program.Usagef("load: %d devices need %d open files, and this process may have %d: ulimit -n", f.devices, need, limit)
	}
	for i := range f.devices {
		f.targets[f.at(i, weights)].Devices++
	}
	return nil
}

// at is the target of the i-th device: they come round by weight.
func (f *loadFlags) at(i, weights int) int {
	i %= weights
	for n, t := range f.targets {
		if i -= t.weight; i < 0 {
			return n
		}
	}
	return 0 // not reached: i is below the sum of the weights
}

// load is a run.
type load struct {
	*loadFlags
	args    []string
	devices []*loadDevice
	meter   *meter
	ready   chan struct{} // closed when all are connected, and start and end are set
	start   time.Time     // of the schedule
	end     time.Time
}

func newLoad(f *loadFlags, args []string) (*load, error) {
	l := &load{loadFlags: f, args: args, meter: newMeter(f.duration + f.drain), ready: make(chan struct{})}
	weights := 0
	for _, t := range f.targets {
		weights += t.weight
	}
	var dialers []func(context.Context, net.Addr) (net.Conn, error)
	for _, t := range f.targets {
		dial, err := f.dialer(t.Addr)
		if err != nil {
			return nil, err
		}
		dialers = append(dialers, dial)
	}
	if f.calls > 0 {
		for _, t := range f.targets {
			sim, _, err := newSimulator(t.dev, "", 0, f.seed)
			if err == nil {
				err = sim.Report(callForHelp(time.Now()))
			}
			if err != nil {
				return nil, program.Usagef("load: --calls: codec %s: %w", t.Codec, err)
			}
		}
	}
	used := make([]int, len(f.targets))
	for i := range f.devices {
		n := f.at(i, weights)
		t := &f.targets[n]
		sim, _, err := newSimulator(t.dev, "", f.first+i, f.seed)
		if err != nil {
			return nil, err
		}
		source, err := sourceFor(t.Addr, used[n])
		if err != nil {
			return nil, err
		}
		used[n]++
		dial := dialers[n]
		l.devices = append(l.devices, &loadDevice{
			load: l, n: i, dev: &t.dev, sim: sim, split: *protocol.NewSplitter(t.dev),
			dial: func(ctx context.Context) (net.Conn, error) { return dial(ctx, source) },
		})
	}
	return l, nil
}

// perSource is how many connections to one port an address makes: below the
// 28,232 ports that Linux gives out by default.
const perSource = 25_000

// sourceFor is the address from which the n-th connection to addr is made: nil,
// the system's choice, or another one of the loopback network.
func sourceFor(addr string, n int) (net.Addr, error) {
	if n < perSource {
		return nil, nil
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); ip == nil || ip.To4() == nil || !ip.IsLoopback() {
		return nil, program.Usagef("load: more than %d connections to %s: only an IPv4 loopback address has more sources", perSource, addr)
	}
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+n/perSource))}, nil
}

// run connects all devices, keeps to the schedule, and waits for what is missing.
func (l *load) run(ctx context.Context, errs io.Writer) (*result, error) {
	r := newResult(l)
	before := memory()
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	connected := make(chan error, len(l.devices))
	began := time.Now()
	wg.Go(func() {
		pace := time.NewTicker(10 * time.Millisecond)
		defer pace.Stop()
		for i := 0; i < len(l.devices); {
			due := min(len(l.devices), int(time.Since(began).Seconds()*float64(l.rate))+1)
			if ctx.Err() != nil {
				due = len(l.devices) // which say at once that they are stopped
			}
			for ; i < due; i++ {
				d := l.devices[i]
				wg.Go(func() { d.run(ctx, connected) })
			}
			select {
			case <-pace.C:
			case <-ctx.Done():
			}
		}
	})
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for n := 0; n < len(l.devices); {
		select {
		case err := <-connected:
			n++
			if err != nil {
				cancel(err)
				l.start, l.end = time.Now(), time.Now()
				close(l.ready)
				for ; n < len(l.devices); n++ {
					<-connected
				}
				wg.Wait()
				if errors.Is(err, context.Canceled) {
					return nil, errors.New("load: stopped before all devices were connected")
				}
				return nil, fmt.Errorf("load: connect: %w", err)
			}
		case <-tick.C:
			fmt.Fprintf(errs, "emsim: %d of %d devices are connected\n", n, len(l.devices))
		}
	}
	r.Connect = seconds(time.Since(began))
	runtime.GC()
	r.KBPerDevice = float64(memory()-before) / float64(len(l.devices)) / 1024
	fmt.Fprintf(errs, "emsim: all %d devices are connected\n", len(l.devices))
	if l.hold {
		if err := enter(ctx, os.Stdin); err != nil {
			cancel(err)
			l.start, l.end = time.Now(), time.Now()
			close(l.ready)
			wg.Wait()
			return nil, fmt.Errorf("load: hold: %w", err)
		}
	}
	l.start = time.Now().Add(200*time.Millisecond + time.Duration(len(l.devices))*rousing)
	l.end = l.start.Add(l.duration)
	l.meter.start = l.start
	cpu := cpuTime()
	close(l.ready)
	for _, d := range l.devices {
		d.rouse()
	}
	finished := make(chan struct{})
	go func() { wg.Wait(); close(finished) }()
	for running := true; running; {
		select {
		case <-finished:
			running = false
		case <-tick.C:
			sent, acked := l.meter.counts()
			fmt.Fprintf(errs, "emsim: %v of %v, %d reports sent, %d acknowledged\n", time.Since(l.start).Round(time.Second), l.duration, sent, acked)
		}
	}
	r.CPU = seconds(cpuTime() - cpu)
	r.finish(l)
	return r, nil
}

// rousing is more than it takes to have a device begin.
const rousing = 100 * time.Microsecond

// look is how long a device waits at most before it looks whether to stop: all together
// look some thousand times a second.
func (l *load) look() time.Duration {
	return min(10*time.Second, max(100*time.Millisecond, time.Duration(len(l.devices))*time.Second/2000))
}

// enter waits for a line, or the end of ctx: what reads standard input cannot be
// stopped, and ends with the process.
func enter(ctx context.Context, r io.Reader) error {
	read := make(chan error, 1)
	go func() {
		_, err := bufio.NewReader(r).ReadString('\n')
		read <- err
	}()
	select {
	case err := <-read:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// memory is what this process has for its devices: heap and stacks, in bytes.
func memory() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

// phase is when the n-th device first reports, after the start: a time of its own
// within the interval, and the ramp, at whose end all report.
func (l *load) phase(n int) time.Duration {
	own := time.Duration(rand.New(rand.NewPCG(l.seed, uint64(n)+1)).Int64N(int64(l.interval)))
	return own + time.Duration(float64(l.ramp)*float64(n)/float64(len(l.devices)))
}

// write keeps a file, and tells of a failure to close it too.
func write(name string, f func(io.Writer) error) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(f(file), file.Close())
}
