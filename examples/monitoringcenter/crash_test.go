package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/gt06"
	"github.com/sargas-em/em/protocol"
)

// TestMain lets the test binary be the command itself, in a process of its own
// that can be killed.
func TestMain(m *testing.M) {
	if os.Getenv("EM_TEST_RUN_MAIN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

const token = "test-token-0123456789"

// process is a running center.
type process struct {
	cmd     *exec.Cmd
	page    string
	devices map[string]string // address by codec
	errs    *bytes.Buffer
}

// launch starts "serve" on a folder and waits until it listens.
func launch(t *testing.T, dir string) *process {
	t.Helper()
	p := &process{devices: map[string]string{}, errs: new(bytes.Buffer)}
	p.cmd = exec.Command(os.Args[0], "serve", "--data", dir, "--listen", "127.0.0.1:0", "--token", token, "--device", "gt06=127.0.0.1:0")
	p.cmd.Env = append(os.Environ(), "EM_TEST_RUN_MAIN=1")
	p.cmd.Stderr = p.errs
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill(); p.cmd.Wait() })
	for sc := bufio.NewScanner(out); sc.Scan(); {
		f := strings.Fields(sc.Text())
		switch {
		case len(f) >= 2 && f[0] == "page":
			p.page = f[1]
		case len(f) >= 4 && f[0] == "devices":
			p.devices[f[1]] = f[3]
			go io.Copy(io.Discard, out)
			return p
		}
	}
	p.cmd.Wait()
	t.Fatalf("the center did not start: %s", p.errs)
	return nil
}

func (p *process) call(t *testing.T, method, path string, body []byte, into any) {
	t.Helper()
	req, err := http.NewRequest(method, p.page+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%v; the center says: %s", err, p.errs)
	}
	defer resp.Body.Close()
	doc, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %v: %s", method, path, resp.Status, err, doc)
	}
	if into != nil {
		if err := json.Unmarshal(doc, into); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
}

// caughtUp waits until all that is in the log is in the record.
func (p *process) caughtUp(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var h struct {
			LogEnd    uint64 `json:"log_end"`
			Evaluated uint64 `json:"evaluated"`
		}
		p.call(t, http.MethodGet, "/api/v1/health", nil, &h)
		if h.Evaluated >= h.LogEnd {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("evaluation stands at %d of %d", h.Evaluated, h.LogEnd)
		}
	}
}

// tracker is a simulated bracelet that remembers what the center acknowledged.
type tracker struct {
	protocol.Simulator
	mu    sync.Mutex
	sent  map[uint16]time.Time
	acked map[time.Time]bool
}

func (d *tracker) Wake(now time.Time, out *protocol.Output) error {
	err := d.Simulator.Wake(now, out)
	d.note(out)
	return err
}

func (d *tracker) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	d.mu.Lock()
	if a, ok := m.(*gt06.Ack); ok && a.Code == 0x22 {
		if at, ok := d.sent[a.Serial]; ok {
			d.acked[at] = true
		}
	}
	d.mu.Unlock()
	err := d.Simulator.Handle(now, m, out)
	d.note(out)
	return err
}

func (d *tracker) note(out *protocol.Output) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range out.Send {
		if p, ok := m.(*gt06.Position); ok {
			d.sent[p.Serial] = p.GPS.Clock.Time()
		}
	}
}

// route is the positions of one device: in and out of the zone, a fix a second
// of its own time.
func route(device int, base time.Time, n int) []em.Observation {
	obs := make([]em.Observation, n)
	for i := range obs {
		lat := 54.70
		if i/40%2 == 1 {
			lat = 54.72 // inside
		}
		obs[i] = em.Observation{DeviceAt: base.Add(time.Duration(i) * time.Second), Body: &em.Fix{
			LatLng:   em.LatLng{Lat: lat + float64(i%40)*1e-6, Lng: 25.28 + float64(device)*1e-4},
			Validity: em.FixCurrent, Source: em.SourceGNSS,
		}}
	}
	return obs
}

const zoneDoc = `{"type":"FeatureCollection","features":[{"type":"Feature","id":"school-1","properties":{"kind":"exclusion","version":"1","radius_m":500},
	"geometry":{"type":"Point","coordinates":[25.28,54.72]}}]}`

func imei(device int) string { return fmt.Sprintf("9900000000%05d", device) }

func enrolRoutes(t *testing.T, p *process, devices int, base time.Time) {
	p.call(t, http.MethodPut, "/api/v1/zones", []byte(zoneDoc), nil)
	for d := range devices {
		doc := fmt.Sprintf(`{"id":"p-%d","name":"Invented %d","since":%q,"devices":[{"id":"gt06:%s"}],"zones":["school-1"],"silence":{"from":%q}}`,
			d, d, base.Add(-time.Hour).Format(time.RFC3339), imei(d), time.Now().UTC().Format(time.RFC3339))
		p.call(t, http.MethodPut, "/api/v1/people", []byte(doc), nil)
	}
}

// upload plays a device until the center has acknowledged all, or ctx ends.
func upload(ctx context.Context, addr string, device int, route []em.Observation, acked map[time.Time]bool) error {
	sim, err := gt06.Device().Simulator(imei(device), uint64(device))
	if err != nil {
		return err
	}
	d := &tracker{Simulator: sim, sent: map[uint16]time.Time{}, acked: acked}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	link := &protocol.Link{Device: gt06.Device(), Session: d, Conn: conn}
	ended := make(chan struct{})
	go func() { defer close(ended); link.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	for i := 0; i < len(route); {
		// A few at a time, so that a kill falls between as well as within uploads.
		var some []em.Observation
		for ; i < len(route) && len(some) < 8; i++ {
			if !acked[route[i].DeviceAt] {
				some = append(some, route[i])
			}
		}
		if err := link.Do(ctx, func(time.Time, protocol.Session, *protocol.Output) error { return d.Report(some...) }); err != nil {
			return err
		}
		for {
			d.mu.Lock()
			missing := slices.ContainsFunc(some, func(o em.Observation) bool { return !d.acked[o.DeviceAt] })
			d.mu.Unlock()
			if !missing {
				break
			}
			select {
			case <-ended:
				return io.ErrUnexpectedEOF
			case <-time.After(time.Millisecond):
			}
		}
	}
	return nil
}

type told struct {
	Event, Kind, Verdict, Reason string
}

func incidents(t *testing.T, p *process) []told {
	t.Helper()
	var all []told
	p.call(t, http.MethodGet, "/api/v1/incidents?limit=1000", nil, &all)
	all = slices.DeleteFunc(all, func(i told) bool { return i.Kind != "zone.exclusion" })
	slices.SortFunc(all, func(a, b told) int { return strings.Compare(a.Event, b.Event) })
	return all
}

// Killed at random points while devices upload, the center has afterwards
// everything that it acknowledged, nothing twice, and the verdicts of an
// undisturbed run.
func TestKilledWhileDevicesUpload(t *testing.T) {
	const devices, fixes, rounds = 4, 400, 4
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	base := time.Now().UTC().Truncate(time.Second).Add(-6 * time.Hour)
	routes := make([][]em.Observation, devices)
	acked := make([]map[time.Time]bool, devices)
	for d := range routes {
		routes[d], acked[d] = route(d, base, fixes), map[time.Time]bool{}
	}

	dir := t.TempDir()
	for round := range rounds {
		p := launch(t, dir)
		if round == 0 {
			enrolRoutes(t, p, devices, base)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for d := range routes {
			wg.Go(func() { upload(ctx, p.devices["gt06"], d, routes[d], acked[d]) })
		}
		time.Sleep(time.Duration(50+rnd.IntN(250)) * time.Millisecond)
		if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		p.cmd.Wait()
		cancel()
		wg.Wait()
		n := 0
		for d := range acked {
			n += len(acked[d])
		}
		t.Logf("killed with %d of %d acknowledged", n, devices*fixes)

		// What was acknowledged is there after the restart, before anything is sent again.
		p = launch(t, dir)
		p.caughtUp(t)
		for d := range routes {
			have := track(t, p, d, base)
			for at := range acked[d] {
				if have[at] != 1 {
					t.Errorf("round %d, device %d: the fix of %v was acknowledged and is there %d times", round, d, at, have[at])
				}
			}
		}
		p.stop(t)
	}
	p := launch(t, dir)
	finish(t, p, routes, acked)
	for d := range routes {
		have := track(t, p, d, base)
		for _, o := range routes[d] {
			if have[o.DeviceAt] != 1 {
				t.Errorf("device %d: the fix of %v is there %d times", d, o.DeviceAt, have[o.DeviceAt])
			}
		}
		if len(have) != fixes {
			t.Errorf("device %d: %d fixes, want %d", d, len(have), fixes)
		}
	}
	got := incidents(t, p)
	p.stop(t)

	p = launch(t, t.TempDir())
	enrolRoutes(t, p, devices, base)
	fresh := make([]map[time.Time]bool, devices)
	for d := range fresh {
		fresh[d] = map[time.Time]bool{}
	}
	finish(t, p, routes, fresh)
	want := incidents(t, p)
	p.stop(t)
	if len(want) != devices*fixes/80 {
		t.Fatalf("undisturbed: %d incidents, want %d", len(want), devices*fixes/80)
	}
	if !slices.Equal(got, want) {
		t.Errorf("after the kills:\n%v\nundisturbed:\n%v", got, want)
	}
}

func finish(t *testing.T, p *process, routes [][]em.Observation, acked []map[time.Time]bool) {
	t.Helper()
	var wg sync.WaitGroup
	for d := range routes {
		wg.Go(func() {
			if err := upload(t.Context(), p.devices["gt06"], d, routes[d], acked[d]); err != nil {
				t.Errorf("device %d: %v", d, err)
			}
		})
	}
	wg.Wait()
	p.caughtUp(t)
}

// track counts the stored fixes of a device by their time.
func track(t *testing.T, p *process, device int, base time.Time) map[time.Time]int {
	t.Helper()
	var doc struct {
		Features []struct {
			Properties struct {
				At time.Time `json:"at"`
			} `json:"properties"`
		} `json:"features"`
	}
	p.call(t, http.MethodGet, fmt.Sprintf("/api/v1/people/p-%d/track?from=%s", device, base.Add(-time.Minute).Format(time.RFC3339)), nil, &doc)
	have := map[time.Time]int{}
	for _, f := range doc.Features {
		have[f.Properties.At]++
	}
	return have
}

// stop ends the center by SIGTERM, which it must obey within five seconds.
func (p *process) stop(t *testing.T) {
	t.Helper()
	begin := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("SIGTERM: %v; it says: %s", err, p.errs)
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("it took %v to stop", d)
	}
}
