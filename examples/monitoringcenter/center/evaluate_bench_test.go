//go:build unix

package center

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/journal"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
	"github.com/sargas-em/em/protocol"
)

// BenchmarkEvaluate takes reports of a position from the log's form to the record:
// as many in a transaction as its name says. It tells the processor's time of all
// threads for each, which a busy machine changes little.
func BenchmarkEvaluate(b *testing.B) {
	const people = 2000
	for _, together := range []int{1, 8, 64, 1024} {
		b.Run(fmt.Sprintf("transaction=%d", together), func(b *testing.B) {
			e := benchEngine(b, people)
			b.ReportAllocs()
			var took time.Duration
			before := heapInUse()
			b.ResetTimer()
			for n := 0; n < b.N; n += together {
				b.StopTimer()
				c := journal.Commit{Seq: uint64(n/together + 1), Gateway: "invented"}
				for i := range min(together, b.N-n) {
					c.Entries = append(c.Entries, benchEntry((n+i)%people, n+i))
				}
				began := processorTime()
				b.StartTimer()
				if err := e.update(b.Context(), func(s *step) error { return s.commits([]journal.Commit{c}) }); err != nil {
					b.Fatal(err)
				}
				took += processorTime() - began
			}
			b.StopTimer()
			b.ReportMetric(float64(took.Microseconds())/float64(b.N), "cpu-µs/op")
			b.ReportMetric(float64(heapInUse()-before)/people, "heap-B/person")
			if n, err := e.store.Counts(context.Background()); err != nil || n.Fixes != int64(b.N) {
				b.Fatalf("%d of %d positions are stored, %v", n.Fixes, b.N, err)
			}
		})
	}
}

// A report under load costs little memory: what transactions need for each is used
// again by the next.
func TestEvaluateAllocations(t *testing.T) {
	const people, runs, most = 200, 20, 3
	e := benchEngine(t, people)
	var commits []journal.Commit
	for n := range runs + 5 {
		c := journal.Commit{Seq: uint64(n + 1), Gateway: "invented"}
		for i := range people {
			c.Entries = append(c.Entries, benchEntry(i, i)) // nobody moves
		}
		commits = append(commits, c)
	}
	take := func() {
		if err := e.update(t.Context(), func(s *step) error { return s.commits(commits[:1]) }); err != nil {
			t.Fatal(err)
		}
		commits = commits[1:]
	}
	for len(commits) > runs+1 { // the first report of each, and what grows
		take()
	}
	if got := testing.AllocsPerRun(runs, take) / people; got > most {
		t.Errorf("%.1f allocations a report, want %d at most", got, most)
	} else {
		t.Logf("%.1f allocations a report", got)
	}
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// heapInUse is what is in use.
func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

func benchDevice(n int) em.DeviceID { return em.DeviceID(fmt.Sprintf("gt06:9900000%08d", n)) }

// benchEntry is report number n, of a device that moves: what a usual tracker says
// with each position.
func benchEntry(device, n int) journal.Entry {
	now := time.Now().UTC()
	f := protocol.ReportFrame{Type: "location", Raw: make([]byte, 36)}
	for part, body := range []em.Body{
		&em.Fix{LatLng: em.LatLng{Lat: 54.6 + float64(n%1000)/1e5, Lng: 25.2 + float64(n/1000)/1e5}, Validity: em.FixCurrent, Source: em.SourceGNSS,
			Speed: em.Some(float64(n%40) / 3.6), Course: em.Some(float64(n % 360)), Satellites: em.Some(9)},
		&em.Comms{Event: em.CommsInfo, Cells: []em.Cell{{MCC: 246, MNC: 1, LAC: 100, CID: uint64(n % 50)}}},
		&em.Vendor{Name: "gt06 location", Fields: []em.Field{{Name: "status", Value: "1"}}},
	} {
		o := em.Observation{Device: benchDevice(device), DeviceAt: now, At: now, Seq: em.Some(uint64(n % 65536)), Part: uint16(part), Body: body}
		f.Observations = append(f.Observations, o.Stamp(now))
	}
	return journal.Entry{Conversation: uint64(device + 1), Report: protocol.Report{Conn: "127.0.0.1:1", Codec: "gt06", Device: benchDevice(device), Received: now,
		Frames: []protocol.ReportFrame{f}}}
}

func benchEngine(b testing.TB, people int) *engine {
	store, err := record.Open(b.Context(), filepath.Join(b.TempDir(), "record.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	j, err := journal.Open(b.Context(), journal.Config{Dir: filepath.Join(b.TempDir(), "journal")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(j.Close)
	f := &roster.File{Zones: []byte(`{"type":"FeatureCollection","features":[{"type":"Feature","id":"far","properties":{"kind":"exclusion","version":"1","radius_m":300},
		"geometry":{"type":"Point","coordinates":[21.1,55.7]}}]}`)}
	since := time.Now().Add(-time.Hour)
	for n := range people {
		f.People = append(f.People, roster.Person{ID: fmt.Sprint("p", n), Name: "Invented", Since: since, Zones: []string{"far"},
			Devices: []roster.Assignment{{ID: benchDevice(n)}}, Silence: &roster.Silence{From: time.Now()}})
	}
	c := &Center{store: store, journal: j, hub: newHub(), log: slog.New(slog.DiscardHandler), metrics: newMetrics()}
	c.opts.Roster, c.opts.MaxLate, c.opts.DataDir = f, 7*24*time.Hour, b.TempDir()
	c.orders = newOrders(c)
	c.sender = newSender(c)
	e := newEngine(c)
	if err := e.load(b.Context()); err != nil {
		b.Fatal(err)
	}
	return e
}
