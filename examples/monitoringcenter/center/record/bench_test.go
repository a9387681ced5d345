package record_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/internal/pgserver"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/protocol"
)

// fleet reports a position a minute for each of its people, in frames of a usual
// size, some reports a transaction as the engine's are under load.
type fleet struct {
	*record.Store
	people  int
	reports int // so far
}

// together is how many reports share a transaction.
const together = 100

func newFleet(b *testing.B, people int) *fleet {
	b.Helper()
	where := pgserver.Record(b, filepath.Join(b.TempDir(), "record.db"))
	s, err := record.Open(b.Context(), where)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return &fleet{Store: s, people: people}
}

func person(n int) em.SubjectID { return em.SubjectID(fmt.Sprint("p-", n)) }

// report is the next one of the fleet.
func (f *fleet) report() (em.SubjectID, *protocol.Report) {
	n, i := f.reports%f.people, f.reports/f.people
	f.reports++
	d := em.DeviceID(fmt.Sprintf("gt06:9900000%08d", n))
	at := base.Add(time.Duration(i)*time.Minute + time.Duration(n*60/f.people)*time.Second)
	o := em.Observation{Device: d, DeviceAt: at, Seq: em.Some(uint64(i)), Body: &em.Fix{
		LatLng:   em.LatLng{Lat: float64(98_460_000+n*1000+i*37%4000) / 1.8e6, Lng: float64(45_504_000+n*700-i*91%4000) / 1.8e6},
		Validity: em.FixCurrent, Source: em.SourceGNSS, Satellites: em.Some(7 + i%3), Speed: em.Some(float64(i%7) / 3.6), Course: em.Some(float64(i * 13 % 360)),
	}}.Stamp(at.Add(time.Duration(300_000_000 + f.reports*7919%600_000_000)))
	raw := make([]byte, 36)
	for j := range raw {
		raw[j] = byte(f.reports >> (j % 8 * 4))
	}
	return person(n), &protocol.Report{Conn: "tcp:127.0.0.1:40000", Codec: "gt06", Device: d, Received: o.Received,
		Frames: []protocol.ReportFrame{{Raw: raw, Type: "position", Observations: []em.Observation{o}}}}
}

// transact stores the next reports in one transaction.
func (f *fleet) transact(ctx context.Context) error {
	return f.Update(ctx, func(tx *record.Tx) error {
		for range together {
			s, r := f.report()
			n, err := tx.AddFrame(uint64(f.reports), r, &r.Frames[0])
			if err != nil {
				return err
			}
			if _, _, err := tx.AddObservation(r.Frames[0].Observations[0], s, n); err != nil {
				return err
			}
		}
		return tx.SetPosition(uint64(f.reports))
	})
}

// sizes reports what the tables take, with their indexes: packed arrivals, raw
// frames, and the rest, which for so few people is mostly the tail.
func (f *fleet) sizes(b *testing.B) {
	b.Helper()
	s, err := f.Sizes(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for name, n := range map[string]int64{"tracks": s.Tracks, "frames": s.Frames, "other": s.Other} {
		b.ReportMetric(float64(n)/float64(f.reports), name+"-B/report")
	}
}

// BenchmarkStore stores positions with their raw frames.
func BenchmarkStore(b *testing.B) {
	f := newFleet(b, 1000)
	for b.Loop() {
		if err := f.transact(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(f.reports), "ns/report")
	b.ReportMetric(float64(f.reports)/b.Elapsed().Seconds(), "reports/s")
	f.sizes(b)
}

// BenchmarkSegments writes full segments, as many in a transaction as there are under
// load and at the turn of a day, in each of the ways in turn.
func BenchmarkSegments(b *testing.B) {
	where := pgserver.Record(b, filepath.Join(b.TempDir(), "record.db"))
	s, err := record.Open(b.Context(), where)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	const day = 20_000
	data := make([]byte, 920)
	if err := s.WriteSegments(b.Context(), day, 1, true, data); err != nil { // which makes the table
		b.Fatal(err)
	}
	for _, n := range []int{1, 23, 100, 1000} {
		ways := map[string]func() error{
			"each":     func() error { return s.WriteSegments(b.Context(), day, n, false, data) },
			"together": func() error { return s.WriteSegments(b.Context(), day, n, true, data) },
		}
		if pgserver.Wanted() {
			c, err := pgx.Connect(b.Context(), where)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close(context.WithoutCancel(b.Context()))
			ways["copy"] = func() error { return record.CopySegments(b.Context(), c, day, n, data) }
		}
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			least := map[string]time.Duration{}
			for b.Loop() {
				for _, name := range slices.Sorted(maps.Keys(ways)) {
					begun := time.Now()
					if err := ways[name](); err != nil {
						b.Fatal(name, err)
					}
					if took := time.Since(begun); least[name] == 0 || took < least[name] {
						least[name] = took
					}
				}
			}
			for name, took := range least {
				b.ReportMetric(float64(took.Microseconds()), name+"-least-µs")
			}
		})
	}
}

// BenchmarkTrack reads a day of one person out of as many stored positions as
// EM_FIXES lists, of three days.
func BenchmarkTrack(b *testing.B) {
	list := os.Getenv("EM_FIXES")
	if list == "" {
		list = "200000"
	}
	for _, size := range strings.Split(list, ",") {
		fixes, err := strconv.Atoi(size)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(size, func(b *testing.B) { track(b, fixes) })
	}
}

func track(b *testing.B, fixes int) {
	f := newFleet(b, max(1, fixes/(3*1440)))
	for f.reports < fixes {
		if err := f.transact(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	day := base.Truncate(24 * time.Hour).Add(24 * time.Hour)
	var took []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		begun := time.Now()
		track, err := f.Track(b.Context(), person(len(took)*7919%f.people), day, day.Add(24*time.Hour), 10_000)
		if err != nil || len(track) != 1440 {
			b.Fatalf("%d positions of a day: %v", len(track), err)
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	for _, p := range []int{0, 50, 99} {
		b.ReportMetric(float64(took[len(took)*p/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", p))
	}
	b.ReportMetric(float64(f.reports), "stored")
	f.sizes(b)
}
