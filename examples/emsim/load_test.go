package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/internal/program"
	"github.com/sargas-em/em/protocol"
)

// bufferedPipe is a connection in memory that buffers what is written, as a
// socket does, and waits in a way that synctest sees.
type bufferedPipe struct {
	r, w *pipeBuffer
}

type pipeBuffer struct {
	mu       sync.Mutex
	change   *sync.Cond
	b        []byte
	closed   bool
	deadline time.Time
	timer    *time.Timer
	reads    int
}

func newPipe() (a, b net.Conn) {
	x, y := &pipeBuffer{}, &pipeBuffer{}
	x.change, y.change = sync.NewCond(&x.mu), sync.NewCond(&y.mu)
	return &bufferedPipe{x, y}, &bufferedPipe{y, x}
}

func (p *bufferedPipe) Read(b []byte) (int, error) {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	p.r.reads++
	for {
		switch {
		case !p.r.deadline.IsZero() && !time.Now().Before(p.r.deadline):
			return 0, os.ErrDeadlineExceeded
		case len(p.r.b) > 0:
			n := copy(b, p.r.b)
			p.r.b = p.r.b[n:]
			return n, nil
		case p.r.closed:
			return 0, io.EOF
		}
		p.r.change.Wait()
	}
}

func (p *bufferedPipe) Write(b []byte) (int, error) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	if p.w.closed {
		return 0, net.ErrClosed
	}
	p.w.b = append(p.w.b, b...)
	p.w.change.Broadcast()
	return len(b), nil
}

func (p *bufferedPipe) Close() error {
	for _, b := range []*pipeBuffer{p.r, p.w} {
		b.mu.Lock()
		b.closed = true
		if b.timer != nil {
			b.timer.Stop()
		}
		b.change.Broadcast()
		b.mu.Unlock()
	}
	return nil
}

func (p *bufferedPipe) SetReadDeadline(t time.Time) error {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	p.r.deadline = t
	if p.r.timer != nil {
		p.r.timer.Stop()
	}
	if !t.IsZero() {
		p.r.timer = time.AfterFunc(time.Until(t), p.r.change.Broadcast)
	}
	p.r.change.Broadcast()
	return nil
}

func (p *bufferedPipe) SetDeadline(t time.Time) error    { return p.SetReadDeadline(t) }
func (p *bufferedPipe) SetWriteDeadline(time.Time) error { return nil }
func (p *bufferedPipe) LocalAddr() net.Addr              { return nil }
func (p *bufferedPipe) RemoteAddr() net.Addr             { return nil }

// pipeLoad is a load over pipes: each connection goes to handle.
func pipeLoad(t *testing.T, args string, handle func(net.Conn)) *result {
	t.Helper()
	f := &loadFlags{}
	f.devices, f.interval, f.duration, f.drain, f.rate, f.seed = 1, time.Second, 10*time.Second, 10*time.Second, 1000, 1
	for arg := range strings.FieldsSeq(args) {
		name, value, _ := strings.Cut(arg, "=")
		var err error
		switch name {
		case "target":
			err = f.targets.Set(value)
		case "devices":
			err = json.Unmarshal([]byte(value), &f.devices)
		case "calls":
			err = json.Unmarshal([]byte(value), &f.calls)
		case "ramp":
			f.ramp, err = time.ParseDuration(value)
		case "interval":
			f.interval, err = time.ParseDuration(value)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.check(mustRegistry(t)); err != nil {
		t.Fatal(err)
	}
	l, err := newLoad(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range l.devices {
		d.dial = func(context.Context) (net.Conn, error) {
			near, far := newPipe()
			go handle(far)
			return near, nil
		}
	}
	r, err := l.run(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// serve runs the center's side, with a commit.
func serve(dev protocol.Device, commit func() error) func(net.Conn) {
	return func(conn net.Conn) {
		link := protocol.Link{Device: dev, Conn: conn, Commit: func(context.Context, *protocol.Report) error { return commit() }}
		_ = link.Run(context.Background()) // ends with the connection
	}
}

// A device listens once for each answer, and not for its own times: what the generator
// takes the center under load lacks.
func TestLoadReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answers *pipeBuffer // which the device reads
		r := pipeLoad(t, "target=127.0.0.1:1 interval=50ms", func(conn net.Conn) {
			answers = conn.(*bufferedPipe).w
			serve(registry(t, "gt06"), func() error { return nil })(conn)
		})
		if r.Sent != 200 || r.Acknowledged != 200 || answers.reads < 200 || answers.reads > 220 { // and before the schedule
			t.Errorf("%d reads for %d answers to %d reports", answers.reads, r.Acknowledged, r.Sent)
		}
	})
}

// A center that stalls for five seconds delays all reports of that time: each by
// what was left of the stall at its intended time. One that counted from the
// sending of the next would see a single delay.
func TestNoCoordinatedOmission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dev := registry(t, "gt06")
		var began time.Time
		stalled := false
		r := pipeLoad(t, "target=127.0.0.1:1", serve(dev, func() error {
			if began.IsZero() {
				began = time.Now() // the login
			} else if !stalled {
				stalled = true
				time.Sleep(5 * time.Second)
			}
			return nil
		}))
		if r.Sent != 10 || r.Acknowledged != 10 || r.Unacknowledged != 0 {
			t.Fatalf("%+v", r.totals)
		}
		want := []int64{5_000_000, 4_000_000, 3_000_000, 2_000_000, 1_000_000}
		var got []int64
		for _, b := range r.latency.Distribution() {
			if b.Count > 0 && b.From > 1000 {
				got = append(got, b.From)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("latencies above a millisecond: %v µs", got)
		}
		for i, w := range want {
			if g := got[len(got)-1-i]; math.Abs(float64(g-w)) > 0.002*float64(w) {
				t.Errorf("latency %d µs, want %d", g, w)
			}
		}
		if r.Delay.Max > 1 {
			t.Errorf("the schedule was not kept: %v ms", r.Delay.Max)
		}
	})
}

// With a ramp the rate grows: its first half sends a third of what the second does.
func TestRamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := pipeLoad(t, "target=127.0.0.1:1 devices=200 interval=500ms ramp=10s", serve(registry(t, "gt06"), func() error { return nil }))
		var halves [2]int
		for i, s := range r.Seconds {
			if i < 10 {
				halves[i/5] += s.Sent
			}
		}
		// In a straight line to 400/s after ten seconds: 500 and 1500.
		if r.Sent != r.Acknowledged || halves[0] < 480 || halves[0] > 520 || halves[1] < 1470 || halves[1] > 1530 {
			t.Errorf("%d and %d reports; %+v", halves[0], halves[1], r.totals)
		}
	})
}

// A device whose connection is lost comes back, and what was not acknowledged is
// sent again and counted from when it was due.
func TestLoadReconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		r := pipeLoad(t, "target=127.0.0.1:1", serve(registry(t, "gt06"), func() error {
			if n++; n == 5 || n == 9 {
				return errors.New("the store is away")
			}
			return nil
		}))
		if r.Disconnects != 2 || r.Sent != 10 || r.Acknowledged != 10 || r.Latency.Max < 1000 {
			t.Errorf("%+v, %+v", r.totals, r.Latency)
		}
	})
}

// A center that takes reports and never answers: they are unacknowledged at the
// end, after the drain and no later.
func TestLoadUnacknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		r := pipeLoad(t, "target=127.0.0.1:1", func(conn net.Conn) { io.Copy(io.Discard, conn) })
		if r.Sent != 10 || r.Unacknowledged != 10 || r.Acknowledged != 0 {
			t.Errorf("%+v", r.totals)
		}
		if took := time.Since(began); took > 22*time.Second {
			t.Errorf("it took %v", took)
		}
		if err := r.save(&loadFlags{}, io.Discard); program.Status(err, exitIO) != exitUnacknowledged {
			t.Errorf("%v", err)
		}
	})
}

// A load that is stopped while it connects ends at once, whatever the rate, and
// leaves nothing running; nor does one that comes to its end: synctest.Test fails where
// something of it goes on.
func TestLoadLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipeLoad(t, "target=127.0.0.1:1 devices=3", serve(registry(t, "gt06"), func() error { return nil }))
		f := &loadFlags{}
		f.devices, f.interval, f.duration, f.rate, f.seed = 500, time.Second, time.Second, 1, 1
		if err := errors.Join(f.targets.Set("127.0.0.1:1"), f.check(mustRegistry(t))); err != nil {
			t.Fatal(err)
		}
		l, err := newLoad(f, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var dialled atomic.Int32
		for _, d := range l.devices {
			d.dial = func(ctx context.Context) (net.Conn, error) {
				if dialled.Add(1) > 3 {
					cancel()
					<-ctx.Done()
					return nil, ctx.Err()
				}
				near, far := newPipe()
				go io.Copy(io.Discard, far)
				return near, nil
			}
		}
		began := time.Now()
		if _, err := l.run(ctx, io.Discard); err == nil || !strings.Contains(err.Error(), "stopped before all devices") {
			t.Errorf("%v", err)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it took %v to stop", took)
		}
	})
}

// Every dialect can be loaded; those without acknowledgements are told apart.
func TestLoadDialects(t *testing.T) {
	for _, d := range mustRegistry(t).All() {
		if d.Name == "alcoholuart" {
			continue // its center has to know who is behind a connection
		}
		synctest.Test(t, func(t *testing.T) {
			r := pipeLoad(t, "target="+d.Name+"=127.0.0.1:1 devices=3", serve(d, func() error { return nil }))
			mute := forgetful(d.Name)
			if r.Sent != 30 || r.Unacknowledged != 0 || r.Disconnects != 0 || r.Undecoded != 0 || mute != (r.Unanswerable == 30) || mute == (r.Acknowledged == 30) {
				t.Errorf("%s: %+v", d.Name, r.totals)
			}
		})
	}
}

// The command against a real server, two dialects mixed by weight; the files say
// what was printed.
func TestLoadCommand(t *testing.T) {
	a, b := startCenter(t, "gt06", nil), startCenter(t, "laipac", nil)
	dir := t.TempDir()
	hist, doc := filepath.Join(dir, "load.hlog"), filepath.Join(dir, "load.json")
	var out bytes.Buffer
	args := []string{"load", "--target", a.addr + "*3", "--target", "laipac=" + b.addr, "--devices", "40", "--interval", "200ms", "--duration", "1s", "--seed", "3", "--hist", hist, "--out", doc, "--json"}
	if err := run(t.Context(), args, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	saved, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(saved, out.Bytes()) {
		t.Error("the file is not what was printed")
	}
	var r result
	if err := json.Unmarshal(saved, &r); err != nil {
		t.Fatal(err)
	}
	if r.Sent != 200 || r.Acknowledged != 200 || r.Targets[0].Devices != 30 || r.Targets[1].Devices != 10 || r.Seed != 3 || r.Machine.Cores < 1 || r.Machine.Go == "" || strings.Join(r.Command[1:], " ") != strings.Join(args, " ") {
		t.Errorf("%s", saved)
	}
	file, err := os.Open(hist)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	log := hdrhistogram.NewHistogramLogReader(file)
	h, err := log.NextIntervalHistogram()
	if err != nil || h == nil || h.TotalCount() != 200 || h.Tag() != "latency" || math.Abs(float64(h.ValueAtPercentile(99))/1000-r.Latency.P99) > 0.001 {
		t.Errorf("%v, %+v", err, h)
	}
	fixes := func(c *center) (n int) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, o := range c.seen {
			if _, ok := o.Body.(*em.Fix); ok {
				n++
			}
		}
		return n
	}
	if x, y := fixes(a), fixes(b); x != 150 || y != 50 {
		t.Errorf("the centers have %d and %d positions", x, y)
	}
	fails(t, 2, "--target is missing", "load")
	fails(t, 2, "no codec", "load", "--target", "nosuch=127.0.0.1:1")
	fails(t, 2, "weight", "load", "--target", "127.0.0.1:1*0")
	fails(t, 2, "--interval", "load", "--target", "127.0.0.1:1", "--interval", "1ms")
	fails(t, 2, "--ramp", "load", "--target", "127.0.0.1:1", "--ramp", "2h")
	fails(t, 2, "--devices", "load", "--target", "127.0.0.1:1", "--devices", "0")
}

// Beyond what one address has ports for, others of the loopback network are used.
func TestSources(t *testing.T) {
	for n, want := range map[int]string{0: "", 24_999: "", 25_000: "127.0.0.2:0", 75_001: "127.0.0.4:0"} {
		a, err := sourceFor("127.0.0.1:5023", n)
		if err != nil {
			t.Fatal(err)
		}
		if got := ""; a != nil {
			if got = a.String(); got != want {
				t.Errorf("%d from %q, want %q", n, got, want)
			}
		} else if want != "" {
			t.Errorf("%d from anywhere, want %q", n, want)
		}
	}
	if _, err := sourceFor("[::1]:5023", 25_000); err == nil {
		t.Error("more sources of ::1")
	}
	// A connection really comes from there.
	c := startCenter(t, "gt06", nil)
	f := &loadFlags{}
	dial, err := f.dialer(c.addr)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dial(t.Context(), &net.TCPAddr{IP: net.IPv4(127, 0, 0, 3)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if ip := conn.LocalAddr().(*net.TCPAddr).IP.String(); ip != "127.0.0.3" {
		t.Errorf("from %s", ip)
	}
}

// Some devices call for help, each once, and it is told when each was to.
func TestLoadCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		heard := map[em.DeviceID]int{}
		handle := func(conn net.Conn) {
			link := protocol.Link{Device: registry(t, "gt06"), Conn: conn, Commit: func(_ context.Context, r *protocol.Report) error {
				mu.Lock()
				defer mu.Unlock()
				for _, f := range r.Frames {
					for _, o := range f.Observations {
						if a, ok := o.Body.(*em.Alarm); ok && a.What == em.AlarmSOS {
							heard[o.Device]++
						}
					}
				}
				return nil
			}}
			_ = link.Run(context.Background()) // ends with the connection
		}
		r := pipeLoad(t, "target=127.0.0.1:1 devices=10 interval=2s calls=3", handle)
		synctest.Wait()
		if len(r.Calls) != 3 || len(heard) != 3 || r.Acknowledged != 50 {
			t.Fatalf("%d calls are told, of %d devices heard; %d reports acknowledged", len(r.Calls), len(heard), r.Acknowledged)
		}
		for _, c := range r.Calls {
			if n := heard[em.DeviceID(c.Device)]; n != 1 || c.At.Before(time.Now().Add(-20*time.Second)) {
				t.Errorf("%+v was heard %d times", c, n)
			}
		}
	})
}
