package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
)

// quantiles are of a latency in milliseconds.
type quantiles struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p99.9"`
	Max   float64 `json:"max"`
}

// newHistogram holds a microsecond to ten minutes with three digits, as emsim's do.
func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 600_000_000, 3) }

func quantilesOf(h *hdrhistogram.Histogram) quantiles {
	at := func(p float64) float64 { return float64(h.ValueAtPercentile(p)) / 1000 }
	return quantiles{h.TotalCount(), at(50), at(99), at(99.9), float64(h.Max()) / 1000}
}

// load is what the generators say, together.
type load struct {
	Sent           int     `json:"sent"`
	Acknowledged   int     `json:"acknowledged"`
	Unacknowledged int     `json:"unacknowledged"`
	GivenUp        int     `json:"given_up"`
	Disconnects    int     `json:"disconnects"`
	Connect        float64 `json:"connect_s"` // of the slowest
	CPU            float64 `json:"cpu_s"`
	Calls          []call  `json:"calls"`

	latency, delay *hdrhistogram.Histogram
}

// call is a call for help.
type call struct {
	Device string    `json:"device"`
	At     time.Time `json:"at"`
}

// fleet is what a load plays.
type fleet struct {
	devices            int
	interval, duration time.Duration
	calls              int
	seed               uint64
	connects           int // connections made a second, in all
	waves              int // in which they connect; one if 0
}

// share is the i-th of n parts of a whole.
func share(whole, i, n int) int { return whole*(i+1)/n - whole*i/n }

// load has a generator play a part of the fleet at each address, or one in each
// wave. When all of a wave are connected it calls connected, where it is set, and
// behind the last one the schedules begin.
func (b *bench) load(ctx context.Context, addrs []string, f fleet, connected func(wave int) error) (*load, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all []*generator
	defer func() {
		for _, g := range all {
			g.cmd.Process.Kill()
			g.cmd.Wait()
		}
	}()
	first, parts := 0, len(addrs)*max(1, f.waves)
	for wave := range parts / len(addrs) {
		for _, addr := range addrs {
			part, i := f, len(all)
			part.devices, part.calls = share(f.devices, i, parts), share(f.calls, i, parts)
			part.connects, part.seed = max(1, f.connects/len(addrs)), f.seed*1000+uint64(i)
			g, err := b.generate(ctx, addr, first, part)
			if err != nil {
				return nil, err
			}
			all = append(all, g)
			first += part.devices
		}
		for _, g := range all[wave*len(addrs):] {
			if err := g.ready(); err != nil {
				return nil, err
			}
		}
		if connected != nil {
			if err := connected(wave); err != nil {
				return nil, err
			}
		}
	}
	for _, g := range all {
		if _, err := io.WriteString(g.stdin, "\n"); err != nil {
			return nil, err
		}
	}
	sum := &load{latency: newHistogram(), delay: newHistogram()}
	for _, g := range all {
		l, err := g.finish()
		if err != nil {
			return nil, err
		}
		sum.add(l)
	}
	return sum, nil
}

// add adds what another generator says.
func (l *load) add(o *load) {
	l.Sent += o.Sent
	l.Acknowledged += o.Acknowledged
	l.Unacknowledged += o.Unacknowledged
	l.GivenUp += o.GivenUp
	l.Disconnects += o.Disconnects
	l.Connect = max(l.Connect, o.Connect)
	l.CPU += o.CPU
	l.Calls = append(l.Calls, o.Calls...)
	l.latency.Merge(o.latency)
	l.delay.Merge(o.delay)
}

// generator is a running emsim.
type generator struct {
	cmd       *exec.Cmd
	stdin     io.WriteCloser
	out, errs bytes.Buffer
	hist      string
	connected chan bool // true when all are; closed at the end of what it says
	said      sync.WaitGroup
}

func (b *bench) generate(ctx context.Context, addr string, first int, f fleet) (*generator, error) {
	g := &generator{hist: filepath.Join(b.dir, fmt.Sprintf("histograms-%d", first)), connected: make(chan bool, 1)}
	g.cmd = exec.CommandContext(ctx, b.emsim, "load", "--target", "gt06="+addr, "--first", strconv.Itoa(first), "--devices", strconv.Itoa(f.devices),
		"--interval", f.interval.String(), "--duration", f.duration.String(), "--calls", strconv.Itoa(f.calls), "--seed", strconv.FormatUint(f.seed, 10),
		"--connect-rate", strconv.Itoa(f.connects), "--hold", "--json", "--hist", g.hist)
	g.cmd.Stdout = &g.out
	var err error
	if g.stdin, err = g.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	says, err := g.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	g.said.Go(func() {
		defer close(g.connected)
		for sc := bufio.NewScanner(says); sc.Scan(); {
			fmt.Fprintln(&g.errs, sc.Text())
			if strings.HasSuffix(sc.Text(), "devices are connected") && strings.Contains(sc.Text(), " all ") {
				g.connected <- true
			}
		}
	})
	return g, nil
}

// ready waits until all devices are connected.
func (g *generator) ready() error {
	if !<-g.connected {
		g.said.Wait()
		return fmt.Errorf("emsim: %w: %s", g.cmd.Wait(), &g.errs)
	}
	return nil
}

// finish waits for the end of the load. That reports were not acknowledged is in
// the result: who asked for the load says what that means.
func (g *generator) finish() (*load, error) {
	g.said.Wait()
	werr := g.cmd.Wait()
	var l load
	if err := json.Unmarshal(g.out.Bytes(), &l); err != nil {
		return nil, errors.Join(fmt.Errorf("emsim: %w: %s", err, &g.errs), werr)
	}
	file, err := os.Open(g.hist)
	if err != nil {
		return nil, fmt.Errorf("emsim: %w", err)
	}
	defer file.Close()
	l.latency, l.delay, err = readHistograms(file)
	return &l, err
}

// readHistograms reads the file of emsim's --hist.
func readHistograms(r io.Reader) (latency, delay *hdrhistogram.Histogram, err error) {
	latency, delay = newHistogram(), newHistogram()
	for log := hdrhistogram.NewHistogramLogReader(r); ; {
		h, err := log.NextIntervalHistogram()
		if err != nil {
			return nil, nil, fmt.Errorf("histograms: %w", err)
		}
		if h == nil {
			return latency, delay, nil
		}
		into := map[string]*hdrhistogram.Histogram{"latency": latency, "send-delay": delay}[h.Tag()]
		if into == nil {
			return nil, nil, fmt.Errorf("histograms: there is one of %q", h.Tag())
		}
		if n := into.Merge(h); n > 0 {
			return nil, nil, fmt.Errorf("histograms: %d values of %q are beyond ten minutes", n, h.Tag())
		}
	}
}
