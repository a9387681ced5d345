package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sargas-em/em/devices/health"
)

// bench measures one plan.
type bench struct {
	plan
	dir, program, emsim string
}

func (b *bench) build(ctx context.Context) error {
	for name, pkg := range map[string]string{b.program: "monitoringcenter", b.emsim: "emsim"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-o", name, "github.com/sargas-em/em/examples/"+pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w: %s", pkg, err, out)
		}
	}
	return nil
}

// quantiles are of a latency in milliseconds.
type quantiles struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p99.9"`
	Max   float64 `json:"max"`
}

// load is what emsim says.
type load struct {
	Sent           int       `json:"sent"`
	Acknowledged   int       `json:"acknowledged"`
	Unacknowledged int       `json:"unacknowledged"`
	GivenUp        int       `json:"given_up"`
	Disconnects    int       `json:"disconnects"`
	Connect        float64   `json:"connect_s"`
	Rate           float64   `json:"acknowledged_per_s"`
	CPU            float64   `json:"cpu_s"`
	Latency        quantiles `json:"latency_ms"`
	Delay          quantiles `json:"send_delay_ms"`
	Calls          []struct {
		Device string    `json:"device"`
		At     time.Time `json:"at"`
	} `json:"calls"`
}

// counts is what the record holds.
type counts struct {
	Frames, FrameErrors, Observations, Fixes, Incidents int64
}

// result is what one run came to.
type result struct {
	Rate       float64    `json:"reports_per_s"`
	Connect    float64    `json:"connect_s"`
	Ack        quantiles  `json:"ack_ms"`
	Incident   *quantiles `json:"incident_ms,omitempty"`
	SendDelay  quantiles  `json:"generator_delay_ms"` // of that, what the generator itself was late
	Cores      float64    `json:"center_cores"`       // during the load, connecting included
	Generator  float64    `json:"generator_cores"`
	PerConn    float64    `json:"kb_per_connection"` // resident, of connected and logged in
	Resident   float64    `json:"resident_mb"`       // at the end
	LogBytes   float64    `json:"log_bytes_per_report"`
	FixBytes   float64    `json:"record_bytes_per_report,omitempty"`
	BehindSecs float64    `json:"caught_up_after_s"` // behind the last acknowledgement
}

// run measures a center, or its log alone.
func (b *bench) run(ctx context.Context, logOnly bool) (_ *result, err error) {
	data, err := os.MkdirTemp(b.dir, "data-")
	if err != nil {
		return nil, err
	}
	people := filepath.Join(b.dir, "people.json")
	if err := b.people(people); err != nil {
		return nil, err
	}
	args := []string{"--people", people}
	if logOnly {
		args = append(args, "--log-only")
	}
	p, err := b.launch(ctx, data, args...)
	if err != nil {
		return nil, err
	}
	defer func() { p.cmd.Process.Kill(); p.cmd.Wait() }()
	if err := p.caughtUp(ctx); !logOnly && err != nil {
		return nil, err
	}
	before, err := bytesOf(data)
	if err != nil {
		return nil, err
	}
	feed, err := follow(ctx, p)
	if err != nil {
		return nil, err
	}
	defer feed.close()
	idle, err := p.memory()
	if err != nil {
		return nil, err
	}
	began, err := p.cpu()
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	connected := make(chan int64, 1)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go func() { connected <- b.whenConnected(watching, p) }()

	l, err := b.load(ctx, p.devices)
	if err != nil {
		return nil, err
	}
	took := time.Since(begin)
	spent, err := p.cpu()
	if err != nil {
		return nil, err
	}
	stop()
	perConn := float64(<-connected-idle) / float64(b.Devices) / 1024
	r := &result{
		Rate: l.Rate, Connect: l.Connect, Ack: l.Latency, SendDelay: l.Delay, PerConn: perConn,
		Cores: (spent - began).Seconds() / took.Seconds(), Generator: l.CPU / b.Duration.Seconds(),
	}
	now, err := p.memory()
	if err != nil {
		return nil, err
	}
	r.Resident = float64(now) / (1 << 20)
	ended := time.Now()
	if logOnly {
		// The next start evaluates what the log holds, and is asked.
		if err := p.stop(); err != nil {
			return nil, err
		}
		if err := r.stored(data, before, l, true); err != nil {
			return nil, err
		}
		if p, err = b.launch(ctx, data); err != nil {
			return nil, err
		}
		defer func() { p.cmd.Process.Kill(); p.cmd.Wait() }()
	}
	if err := p.caughtUp(ctx); err != nil {
		return nil, err
	}
	r.BehindSecs = time.Since(ended).Seconds()
	if err := b.check(ctx, p, l); err != nil {
		return nil, err
	}
	if logOnly {
		return r, p.stop()
	}
	if r.Incident, err = feed.latency(ctx, l); err != nil {
		return nil, err
	}
	feed.close()
	if err := p.stop(); err != nil {
		return nil, err
	}
	return r, r.stored(data, before, l, false)
}

// identity is the n-th device that emsim plays.
func identity(n int) string { return fmt.Sprintf("9900000000%05d", 100+n) }

// people writes a people file with a person for each device, each bound by a zone
// that nobody enters.
func (b *bench) people(name string) error {
	type m map[string]any
	since := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	var all []m
	for n := range b.Devices {
		all = append(all, m{"id": fmt.Sprint("p-", n), "name": fmt.Sprint("Invented ", n), "since": since, "zones": []string{"far"},
			"devices": []m{{"id": "gt06:" + identity(n)}}, "silence": m{"from": time.Now().UTC().Format(time.RFC3339)}})
	}
	zone := m{"type": "Feature", "id": "far", "properties": m{"kind": "exclusion", "version": "1", "radius_m": 300},
		"geometry": m{"type": "Point", "coordinates": []float64{21.1, 55.7}}}
	doc, err := json.Marshal(m{"zones": m{"type": "FeatureCollection", "features": []m{zone}}, "people": all})
	if err != nil {
		return err
	}
	return os.WriteFile(name, doc, 0o600)
}

// load runs emsim.
func (b *bench) load(ctx context.Context, addr string) (*load, error) {
	cmd := exec.CommandContext(ctx, b.emsim, "load", "--target", "gt06="+addr, "--devices", strconv.Itoa(b.Devices), "--interval", b.Interval.String(),
		"--duration", b.Duration.String(), "--calls", strconv.Itoa(b.Calls), "--seed", strconv.FormatUint(b.Seed, 10), "--json")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("emsim: %w: %s", err, &errs)
	}
	var l load
	if err := json.Unmarshal(out.Bytes(), &l); err != nil {
		return nil, fmt.Errorf("emsim: %w", err)
	}
	if l.Disconnects > 0 || l.GivenUp > 0 || len(l.Calls) != b.Calls || l.Sent != l.Acknowledged {
		return nil, fmt.Errorf("of %d reports %d were acknowledged and %d given up; %d connections were lost; %d of %d calls for help", l.Sent, l.Acknowledged, l.GivenUp, l.Disconnects, len(l.Calls), b.Calls)
	}
	return &l, nil
}

// whenConnected returns the memory of the center when all devices are there.
func (b *bench) whenConnected(ctx context.Context, p *process) int64 {
	for ctx.Err() == nil {
		var h standing
		if p.get(ctx, "/api/v1/health", &h) == nil && h.Connections >= b.Devices {
			n, _ := p.memory() // the process is there: it has just answered
			return n
		}
		if pause(ctx, 20*time.Millisecond) != nil {
			break
		}
	}
	return 0
}

// check compares the record with what was acknowledged and planned.
func (b *bench) check(ctx context.Context, p *process, l *load) error {
	var c counts
	if err := p.get(ctx, "/api/v1/counts", &c); err != nil {
		return err
	}
	// A call for help tells where it was made: a fix too.
	if c.Fixes != int64(l.Acknowledged) || c.FrameErrors != 0 {
		return fmt.Errorf("of %d acknowledged reports %d are in the record, with %d frames in error", l.Acknowledged, c.Fixes, c.FrameErrors)
	}
	kinds, before := map[string]int{}, int64(0)
	for {
		var all []struct {
			ID     int64  `json:"id"`
			Kind   string `json:"kind"`
			Person string `json:"person"`
		}
		if err := p.get(ctx, fmt.Sprintf("/api/v1/incidents?closed=true&limit=1000&before=%d", before), &all); err != nil {
			return err
		}
		if len(all) == 0 {
			break
		}
		for _, i := range all {
			kinds[i.Kind]++
			before = i.ID
			if i.Person == "system" {
				// What a machine under load makes the center say of itself is no verdict.
				progress("the center said of itself: " + i.Kind)
				kinds[i.Kind]--
			}
		}
	}
	for kind, n := range kinds {
		if n != 0 && (kind != string(health.KindSOS) || n != b.Calls) {
			return fmt.Errorf("%d incidents %q, of %d calls for help", n, kind, b.Calls)
		}
	}
	if kinds[string(health.KindSOS)] != b.Calls {
		return fmt.Errorf("%d of %d calls for help are incidents", kinds[string(health.KindSOS)], b.Calls)
	}
	return nil
}

// stored tells how much a report takes on the disk, when the center is stopped.
func (r *result) stored(data string, before map[string]int64, l *load, logOnly bool) error {
	after, err := bytesOf(data)
	if err != nil {
		return err
	}
	r.LogBytes = float64(after["journal"]-before["journal"]) / float64(l.Acknowledged)
	if !logOnly {
		r.FixBytes = float64(after["record.db"]-before["record.db"]) / float64(l.Acknowledged)
	}
	return nil
}

// bytesOf is the size of the log and of the record's file.
func bytesOf(data string) (map[string]int64, error) {
	n := map[string]int64{}
	err := filepath.WalkDir(data, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(data, name)
		top, _, _ := strings.Cut(rel, string(filepath.Separator))
		n[strings.TrimSuffix(top, "-wal")] += info.Size()
		return err
	})
	return n, err
}

// feed notes when incidents are told.
type feed struct {
	cancel context.CancelFunc
	ended  chan struct{}
	seen   map[string]time.Time // by person; of its goroutine until ended
	err    error
}

// follow listens to the live feed as a page does.
func follow(ctx context.Context, p *process) (*feed, error) {
	ctx, cancel := context.WithCancel(ctx)
	resp, err := p.request(ctx, "/api/v1/feed")
	if err != nil {
		cancel()
		return nil, err
	}
	f := &feed{cancel: cancel, ended: make(chan struct{}), seen: map[string]time.Time{}}
	go func() {
		defer close(f.ended)
		defer resp.Body.Close()
		r := bufio.NewReaderSize(resp.Body, 1<<20)
		event := ""
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				if !errors.Is(err, context.Canceled) && err != io.EOF {
					f.err = err
				}
				return
			}
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			switch {
			case name == "event":
				event = value
			case name == "data" && event == "incident":
				var i struct {
					Person string `json:"person"`
				}
				if f.err = json.Unmarshal([]byte(value), &i); f.err != nil {
					return
				}
				if _, ok := f.seen[i.Person]; !ok {
					f.seen[i.Person] = time.Now()
				}
			}
		}
	}()
	return f, nil
}

func (f *feed) close() { f.cancel(); <-f.ended }

// latency is from when a call for help was to be sent to its incident. The
// record has them all by now; the feed is given a moment more.
func (f *feed) latency(ctx context.Context, l *load) (*quantiles, error) {
	if err := pause(ctx, time.Second); err != nil {
		return nil, err
	}
	f.close()
	if f.err != nil {
		return nil, fmt.Errorf("the live feed: %w", f.err)
	}
	persons := map[string]string{}
	for n := range len(l.Calls) * 20 {
		persons["gt06:"+identity(n)] = fmt.Sprint("p-", n)
	}
	var all []float64
	for _, c := range l.Calls {
		at, ok := f.seen[persons[c.Device]]
		if !ok {
			return nil, fmt.Errorf("a call for help is not on the live feed, which tells of %d", len(f.seen))
		}
		all = append(all, float64(at.Sub(c.At).Microseconds())/1000)
	}
	slices.Sort(all)
	q := func(p float64) float64 { return all[min(len(all)-1, int(p*float64(len(all))))] }
	return &quantiles{len(all), q(0.5), q(0.99), q(0.999), all[len(all)-1]}, nil
}
