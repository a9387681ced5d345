package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/sargas-em/em/examples/internal/program"
)

// result is what a load came to. It says how it was had.
type result struct {
	Command []string     `json:"command"`
	Started time.Time    `json:"started"`
	Machine machine      `json:"machine"`
	Version string       `json:"version"` // of emsim: the revision it was built from
	Seed    uint64       `json:"seed"`
	Targets []loadTarget `json:"targets"`

	Devices  int     `json:"devices"`
	Interval float64 `json:"interval_s"`
	Duration float64 `json:"duration_s"`
	Ramp     float64 `json:"ramp_s"`

	Connect     float64 `json:"connect_s"`     // until all were connected
	KBPerDevice float64 `json:"kb_per_device"` // heap and stacks of emsim, idle after the login
	CPU         float64 `json:"cpu_s"`         // of emsim, during the schedule
	totals
	Rate    float64     `json:"acknowledged_per_s"`
	Latency quantiles   `json:"latency_ms"`    // from the intended time to the acknowledgement
	Delay   quantiles   `json:"send_delay_ms"` // from the intended time to the end of the write
	Seconds []perSecond `json:"seconds"`
	Calls   []call      `json:"calls,omitempty"` // for help
	File    string      `json:"histograms,omitempty"`

	latency, delay *hdrhistogram.Histogram
}

// machine is where a load ran.
type machine struct {
	System string `json:"system"`
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory string `json:"memory"`
	Go     string `json:"go"`
}

// quantiles are in milliseconds.
type quantiles struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p99.9"`
	Max   float64 `json:"max"`
}

func newResult(l *load) *result {
	r := &result{
		Command: append([]string{"emsim", "load"}, l.args...), Started: time.Now().UTC().Truncate(time.Second), Machine: thisMachine(), Seed: l.seed,
		Targets: l.targets, Devices: len(l.devices), Interval: seconds(l.interval), Duration: seconds(l.duration), Ramp: seconds(l.ramp), File: l.hist,
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" || s.Key == "vcs.modified" && s.Value == "true" {
				r.Version = strings.TrimSpace(r.Version + " " + strings.Replace(s.Value, "true", "modified", 1))
			}
		}
	}
	return r
}

func thisMachine() machine {
	line := func(name, key string) string {
		doc, err := os.ReadFile(name)
		if err != nil {
			return "" // not on this system
		}
		for l := range strings.Lines(string(doc)) {
			if k, v, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(k) == key {
				return strings.TrimSpace(v)
			}
		}
		return ""
	}
	m := machine{System: runtime.GOOS + "/" + runtime.GOARCH, CPU: line("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(), Memory: line("/proc/meminfo", "MemTotal"), Go: runtime.Version()}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.System += " " + strings.TrimSpace(string(kernel))
	}
	return m
}

func (r *result) finish(l *load) {
	m := l.meter
	m.mu.Lock()
	defer m.mu.Unlock()
	r.totals, r.latency, r.delay, r.Calls = m.totals, m.latency, m.delay, m.calls
	r.Latency, r.Delay = quantilesOf(m.latency), quantilesOf(m.delay)
	r.Rate = float64(m.totals.Acknowledged) / l.duration.Seconds()
	last := len(m.second)
	for last > 0 && m.second[last-1] == (perSecond{}) {
		last--
	}
	r.Seconds = m.second[:last]
}

func quantilesOf(h *hdrhistogram.Histogram) quantiles {
	if h.TotalCount() == 0 {
		return quantiles{}
	}
	ms := func(us float64) float64 { return us / 1000 }
	at := func(p float64) float64 { return ms(float64(h.ValueAtPercentile(p))) }
	return quantiles{h.TotalCount(), ms(h.Mean()), at(50), at(90), at(99), at(99.9), ms(float64(h.Max()))}
}

// save prints the result and writes the files. Reports that were not acknowledged
// are an error behind it.
func (r *result) save(f *loadFlags, out io.Writer) error {
	doc, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	doc = append(doc, '\n')
	if f.out != "" {
		if err := os.WriteFile(f.out, doc, 0o644); err != nil {
			return err
		}
	}
	if f.hist != "" {
		if err := write(f.hist, r.writeHistograms); err != nil {
			return err
		}
	}
	if f.json {
		_, err = out.Write(doc)
	} else {
		err = r.print(out)
	}
	if err == nil && r.Undecoded > 0 {
		err = program.Errorf(exitDecode, "%d answers were not understood", r.Undecoded)
	}
	if missing := r.Unacknowledged + r.GivenUp; err == nil && missing > 0 {
		err = program.Errorf(exitUnacknowledged, "%d reports were not acknowledged", missing)
	}
	return err
}

func (r *result) writeHistograms(w io.Writer) error {
	log := hdrhistogram.NewHistogramLogWriter(w)
	begin, end := r.Started.UnixMilli(), r.Started.UnixMilli()+int64(1000*(r.Connect+r.Duration))
	err := errors.Join(
		log.OutputComment("[emsim load: microseconds; "+strings.Join(r.Command, " ")+"]"),
		log.OutputLogFormatVersion(), log.OutputStartTime(begin), log.OutputLegend(),
	)
	for _, h := range []struct {
		tag string
		*hdrhistogram.Histogram
	}{{"latency", r.latency}, {"send-delay", r.delay}} {
		h.SetTag(h.tag)
		h.SetStartTimeMs(begin)
		h.SetEndTimeMs(end)
		err = errors.Join(err, log.OutputIntervalHistogram(h.Histogram))
	}
	return err
}

func (r *result) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s, %s, %d cores, %s, %s\n", strings.Join(r.Command, " "), r.Machine.System, r.Machine.CPU, r.Machine.Cores, r.Machine.Memory, r.Machine.Go)
	fmt.Fprintf(&b, "%d devices, connected in %.1f s, %.1f KB each in emsim; a report each %.3g s, seed %d\n", r.Devices, r.Connect, r.KBPerDevice, r.Interval, r.Seed)
	fmt.Fprintf(&b, "%d reports sent in %.3g s, %d acknowledged (%.1f/s), %d not, %d have no acknowledgement, %d given up; %d connections lost; emsim used %.2f cores\n",
		r.Sent, r.Duration, r.Acknowledged, r.Rate, r.Unacknowledged, r.Unanswerable, r.GivenUp, r.Disconnects, r.CPU/r.Duration)
	fmt.Fprintf(&b, "%-26s %9s %9s %9s %9s %9s\n", "ms from the intended time", "p50", "p90", "p99", "p99.9", "max")
	for _, q := range []struct {
		what string
		q    quantiles
	}{{"to the acknowledgement", r.Latency}, {"to the write", r.Delay}} {
		fmt.Fprintf(&b, "%-26s %9.3f %9.3f %9.3f %9.3f %9.3f\n", q.what, q.q.P50, q.q.P90, q.q.P99, q.q.P999, q.q.Max)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
