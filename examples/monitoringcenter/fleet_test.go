package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/gt06"
	"github.com/sargas-em/em/protocol"
)

// fleet is some devices that upload a known route each.
type fleet struct {
	base   time.Time
	routes [][]em.Observation
	until  int // how many of each route devices upload now; all if 0
	mu     sync.Mutex
	acked  []map[time.Time]bool
}

// perRound is how many fixes of each device a round of faults has: about what is
// acknowledged in half a second, so that mostly each falls in the midst of an upload.
const perRound = 300

// newFleet has all fixes lie in the last days, a quarter of an hour ago at the latest.
func newFleet(devices, fixes int) *fleet {
	f := &fleet{base: time.Now().UTC().Truncate(time.Second).Add(-fixEvery*time.Duration(fixes) - 15*time.Minute)}
	for d := range devices {
		f.routes, f.acked = append(f.routes, route(d, f.base, fixes)), append(f.acked, map[time.Time]bool{})
	}
	return f
}

// upload plays all devices, which divide the processes among them, until ctx ends,
// or all is acknowledged, or their processes have ended.
func (f *fleet) upload(ctx context.Context, to ...*process) {
	var wg sync.WaitGroup
	for d := range f.routes {
		route := f.routes[d]
		if f.until > 0 {
			route = route[:f.until]
		}
		wg.Go(func() { upload(ctx, to[d%len(to)].Devices["gt06"], d, route, f.acked[d], &f.mu) })
	}
	wg.Wait()
}

// acknowledged returns how much is, at this moment.
func (f *fleet) acknowledged() (of []map[time.Time]bool, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.acked {
		of = append(of, maps.Clone(a))
		n += len(a)
	}
	return of, n
}

// has checks that a center has what was acknowledged, once.
func (f *fleet) has(t *testing.T, p *process, acked []map[time.Time]bool) {
	t.Helper()
	p.caughtUp(t)
	lost := 0
	for d := range f.routes {
		have := track(t, p, d, f.base)
		for at := range acked[d] {
			if have[at] != 1 {
				lost++
				if lost < 5 {
					t.Errorf("device %d: the fix of %v was acknowledged and is there %d times", d, at, have[at])
				}
			}
		}
	}
	if lost > 0 {
		t.Errorf("%d fixes that were acknowledged are not there once", lost)
	}
}

// ends checks that all of it is there once in the end, and that the verdicts are
// those of a run that nothing disturbed. It stops the center. Devices upload to it,
// or to others.
func (f *fleet) ends(t *testing.T, p *process, to ...*process) {
	t.Helper()
	f.finish(t, p, to...)
	got := incidents(t, p)
	p.stop(t)

	calm := &fleet{base: f.base, routes: f.routes}
	for range f.routes {
		calm.acked = append(calm.acked, map[time.Time]bool{})
	}
	p = launch(t, t.TempDir())
	calm.enrol(t, p)
	calm.finish(t, p)
	want := incidents(t, p)
	p.stop(t)
	if n := len(f.routes) * (((len(f.routes[0])-1)/stay + 1) / 2); len(want) != n {
		t.Fatalf("undisturbed: %d incidents, want %d", len(want), n)
	}
	if !slices.Equal(got, want) {
		t.Errorf("incidents:\n%v\nundisturbed:\n%v", got, want)
	}
}

// finish uploads what is left, and checks that all is there.
func (f *fleet) finish(t *testing.T, p *process, to ...*process) {
	t.Helper()
	if len(to) == 0 {
		to = []*process{p}
	}
	f.upload(t.Context(), to...)
	acked, n := f.acknowledged()
	if n != f.size() {
		t.Fatalf("%d fixes are acknowledged of %d", n, f.size())
	}
	f.has(t, p, acked)
	for d := range f.routes {
		if have := track(t, p, d, f.base); len(have) != len(f.routes[d]) {
			t.Errorf("device %d: %d fixes, want %d", d, len(have), len(f.routes[d]))
		}
	}
}

// size is how many fixes there are.
func (f *fleet) size() int { return len(f.routes) * len(f.routes[0]) }

// tracker is a simulated bracelet that remembers what the center acknowledged.
type tracker struct {
	protocol.Simulator
	mu    *sync.Mutex // guards acked too, which others may read
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

// fixEvery is the time of a device from one of its fixes to the next.
const fixEvery = 15 * time.Second

// stay is how many fixes a device is outside of the zone, and then inside.
const stay = 40

// route is the positions of one device: in and out of the zone, by no more than
// 50 m/s.
func route(device int, base time.Time, n int) []em.Observation {
	obs := make([]em.Observation, n)
	for i := range obs {
		lat := 54.7135 // 720 m away
		if i/stay%2 == 1 {
			lat = 54.72 // inside
		}
		obs[i] = em.Observation{Stored: true, DeviceAt: base.Add(time.Duration(i) * fixEvery), Body: &em.Fix{
			LatLng:   em.LatLng{Lat: lat + float64(i%stay)*1e-6, Lng: 25.28 + float64(device)*1e-4},
			Validity: em.FixCurrent, Source: em.SourceGNSS,
		}}
	}
	return obs
}

const zoneDoc = `{"type":"FeatureCollection","features":[{"type":"Feature","id":"school-1","properties":{"kind":"exclusion","version":"1","radius_m":500},
	"geometry":{"type":"Point","coordinates":[25.28,54.72]}}]}`

func imei(device int) string { return fmt.Sprintf("9900000000%05d", device) }

// enrol tells a center of the people who carry the devices.
func (f *fleet) enrol(t *testing.T, p *process) {
	t.Helper()
	base := f.base
	p.call(t, http.MethodPut, "/api/v1/zones", []byte(zoneDoc), nil)
	for d := range f.routes {
		doc := fmt.Sprintf(`{"id":"p-%d","name":"Invented %d","since":%q,"devices":[{"id":"gt06:%s"}],"zones":["school-1"],"silence":{"from":%q}}`,
			d, d, base.Add(-time.Hour).Format(time.RFC3339), imei(d), time.Now().UTC().Format(time.RFC3339))
		p.call(t, http.MethodPut, "/api/v1/people", []byte(doc), nil)
	}
}

// upload plays a device until the center has acknowledged all, or ctx ends.
func upload(ctx context.Context, addr string, device int, route []em.Observation, acked map[time.Time]bool, mu *sync.Mutex) error {
	sim, err := gt06.Device().Simulator(imei(device), uint64(device))
	if err != nil {
		return err
	}
	d := &tracker{Simulator: sim, sent: map[uint16]time.Time{}, acked: acked, mu: mu}
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
			mu.Lock()
			if !acked[route[i].DeviceAt] {
				some = append(some, route[i])
			}
			mu.Unlock()
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
