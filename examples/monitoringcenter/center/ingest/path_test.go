//go:build unix

package ingest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/gt06"
	"github.com/sargas-em/em/examples/monitoringcenter/center/journal"
	"github.com/sargas-em/em/protocol"
)

// path is the whole way of reports: devices, connections, links, gates and the log on
// disk.
type path struct {
	journal *journal.Journal
	devices []*pathDevice
	rounds  int // in which each told a position
}

type pathDevice struct {
	conn  net.Conn
	sim   protocol.Simulator
	out   protocol.Output
	bytes []byte // that it says next
	acked []byte // of the last answers; as long as those to bytes will be
}

func newPath(t testing.TB, devices int) *path {
	t.Helper()
	j, err := journal.Open(t.Context(), journal.Config{Dir: filepath.Join(t.TempDir(), "journal")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(j.Close)
	reg, err := protocol.NewRegistry(gt06.Device())
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{
		Registry: reg, Listeners: []Listener{{Codec: gt06.Name, Addr: "127.0.0.1:0"}}, Rates: Rates{Device: -1, Address: -1},
		Append: j.Append, Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	p := &path{journal: j}
	t.Cleanup(func() {
		for _, d := range p.devices {
			d.conn.Close()
		}
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	for n := range devices {
		conn, err := net.Dial("tcp", s.Listeners()[0].Addr)
		if err != nil {
			t.Fatal(err)
		}
		sim, err := gt06.Device().Simulator(fmt.Sprintf("99%013d", n), uint64(n))
		if err != nil {
			t.Fatal(err)
		}
		d := &pathDevice{conn: conn, sim: sim}
		p.devices = append(p.devices, d)
		d.wake(t) // the login
	}
	p.say(t)
	for _, d := range p.devices {
		d.wake(t) // the first heartbeat
	}
	p.say(t)
	return p
}

// wake makes what the device says.
func (d *pathDevice) wake(t testing.TB) {
	t.Helper()
	d.out.Reset()
	err := d.sim.Wake(time.Now(), &d.out)
	d.bytes = d.bytes[:0]
	for _, m := range d.out.Send {
		if err == nil {
			d.bytes, err = gt06.Codec{}.Append(d.bytes, m)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	d.acked = slices.Grow(d.acked[:0], acknowledgement*len(d.out.Send))[:acknowledgement*len(d.out.Send)]
}

// acknowledgement is how many bytes one is.
const acknowledgement = 10

// report gives each device a position to tell.
func (p *path) report(t testing.TB) {
	t.Helper()
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC).Add(time.Duration(p.rounds) * time.Second)
	for _, d := range p.devices {
		o := em.Observation{DeviceAt: at, Body: &em.Fix{LatLng: em.LatLng{Lat: 54.7, Lng: 25.3}, Validity: em.FixCurrent, Source: em.SourceGNSS, Satellites: em.Some(9)}}
		if err := d.sim.Report(o); err != nil {
			t.Fatal(err)
		}
		d.wake(t)
	}
}

// say sends what the devices have to say, and waits for the acknowledgements.
func (p *path) say(t testing.TB) {
	t.Helper()
	p.exchange(t)
	p.answers(t)
}

func (p *path) exchange(t testing.TB) {
	t.Helper()
	for _, d := range p.devices {
		if _, err := d.conn.Write(d.bytes); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range p.devices {
		if _, err := io.ReadFull(d.conn, d.acked); err != nil {
			t.Fatal(err)
		}
	}
}

// answers hands the devices what acknowledged them.
func (p *path) answers(t testing.TB) {
	t.Helper()
	for _, d := range p.devices {
		for b := d.acked; len(b) > 0; b = b[acknowledgement:] {
			m, err := gt06.Codec{}.Decode(b[:acknowledgement])
			if err == nil {
				err = d.sim.Handle(time.Now(), m, &d.out)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// check reads the log: each report of each device is in it once.
func (p *path) check(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	commits := make(chan journal.Commit)
	go p.journal.Read(ctx, 0, commits)
	seen := map[em.ObservationID]bool{}
	for fixes := 0; fixes < p.rounds*len(p.devices); {
		for _, e := range (<-commits).Entries {
			for _, f := range e.Frames {
				for _, o := range f.Observations {
					if o.Device != e.Device || seen[o.ID] || f.Err != nil {
						t.Fatalf("%+v of %s is there twice, or of another, %v", o, e.Device, f.Err)
					}
					seen[o.ID] = true
					if _, ok := o.Body.(*em.Fix); ok {
						fixes++
					}
				}
			}
		}
	}
}

// spent is what this process has spent.
type spent struct {
	time          time.Duration
	bytes, allocs uint64
}

func spentNow() (s spent) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err == nil {
		s.time = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s.bytes, s.allocs = m.TotalAlloc, m.Mallocs
	return s
}

// round adds what it takes that each device tells a position.
func (s *spent) round(t testing.TB, p *path) {
	p.report(t)
	before := spentNow()
	p.exchange(t)
	after := spentNow()
	p.answers(t)
	p.rounds++
	s.time += after.time - before.time
	s.bytes += after.bytes - before.bytes
	s.allocs += after.allocs - before.allocs
}

// BenchmarkPath takes positions of 200 devices from their sockets into the log and
// acknowledges them: what each costs this process, which is also the devices.
func BenchmarkPath(b *testing.B) {
	const devices = 200
	p := newPath(b, devices)
	var s spent
	rounds := 0
	for b.Loop() {
		s.round(b, p)
		rounds++
	}
	reports := float64(rounds * devices)
	b.ReportMetric(s.time.Seconds()*1e6/reports, "cpu-µs/report")
	b.ReportMetric(float64(s.bytes)/reports, "B/report")
	b.ReportMetric(float64(s.allocs)/reports, "allocs/report")
	p.check(b)
}

// A report costs little memory on its way: what links, gates and the log need for one
// the next one uses again.
func TestPathAllocations(t *testing.T) {
	const devices, rounds, mostAllocs, mostBytes = 100, 20, 9, 3000
	p := newPath(t, devices)
	var warm, s spent
	warm.round(t, p)
	for range rounds {
		s.round(t, p)
	}
	p.check(t)
	bytes, allocs := s.bytes/rounds/devices, s.allocs/rounds/devices
	if (bytes > mostBytes || allocs > mostAllocs) && !raceDetector { // with it pools forget
		t.Errorf("%d bytes in %d allocations a report, want %d in %d at most", bytes, allocs, mostBytes, mostAllocs)
	}
	t.Logf("%d bytes in %d allocations a report", bytes, allocs)
}
