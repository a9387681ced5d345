// Command proximity measures how many pairs of a protected person and a wearer
// one core judges, each side reporting once a second, and the memory that a pair
// takes. Before any speed is printed, the events of a sample of the same pairs
// are compared with those of a slow oracle (package proximitytest).
//
//	go run ./benchmarks/proximity [-pairs N] [-seconds N] [-json]
//
// Observations are made outside the time that is measured; what is measured is
// the rule alone (Observe and Deadline), and the rule under em.Timeline.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/benchmarks/internal/cputime"
	"github.com/sargas-em/em/geofence/proximity"
	"github.com/sargas-em/em/geofence/proximity/proximitytest"
)

func main() {
	pairs := flag.Int("pairs", 50_000, "pairs")
	seconds := flag.Int("seconds", 10, "seconds of reports")
	asJSON := flag.Bool("json", false, "print JSON")
	flag.Parse()
	if err := run(*pairs, *seconds, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "proximity:", err)
		os.Exit(1)
	}
}

func run(pairs, seconds int, asJSON bool) error {
	if pairs < 1 || seconds < 1 {
		return fmt.Errorf("%d pairs and %d seconds: at least one of each", pairs, seconds)
	}
	checked, err := check(crowds[:], 60, 1500)
	if err != nil {
		return err
	}
	out := report{Pairs: pairs, Seconds: seconds, Clock: cputime.What, Go: runtime.Version(), CheckedEvents: checked}
	for _, c := range crowds {
		for _, timeline := range []bool{false, true} {
			f, err := measure(c, pairs, seconds, timeline)
			if err != nil {
				return err
			}
			out.Figures = append(out.Figures, f)
		}
	}
	if asJSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(out)
	}
	fmt.Printf("%d pairs, both sides report once a second, %d seconds; %s; %s\n", pairs, seconds, out.Clock, out.Go)
	fmt.Printf("%d events of a sample agree with the oracle\n\n", checked)
	fmt.Printf("%-8s %-24s %12s %14s %14s %12s\n", "crowd", "what", "ns/report", "reports/s", "of one core", "bytes/pair")
	for _, f := range out.Figures {
		fmt.Printf("%-8s %-24s %12.0f %14.0f %13.1f%% %12.0f\n", f.Crowd, f.What, f.NsPerReport, f.ReportsPerSecond, f.PercentOfCore, f.BytesPerPair)
	}
	return nil
}

type report struct {
	Pairs         int      `json:"pairs"`
	Seconds       int      `json:"seconds"`
	Clock         string   `json:"clock"`
	Go            string   `json:"go"`
	CheckedEvents int      `json:"events_checked_against_the_oracle"`
	Figures       []figure `json:"figures"`
}

type figure struct {
	Crowd            string  `json:"crowd"`
	What             string  `json:"what"`
	NsPerReport      float64 `json:"ns_per_report"`
	ReportsPerSecond float64 `json:"reports_per_second"`
	PercentOfCore    float64 `json:"percent_of_one_core"` // for all pairs at a report a second of each side
	BytesPerPair     float64 `json:"bytes_per_pair"`
	Events           int     `json:"events"`
}

// crowd is how far apart pairs are: the share within a kilometre and the share
// within three, in percent.
type crowd struct {
	name         string
	near, around int
}

// Real pairs are mostly far apart; a crowd in which all are close makes every
// report open, confirm or end something.
var crowds = [...]crowd{{"town", 1, 5}, {"close", 50, 100}}

var start = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// In this order reports of one second are in order, as they are where devices do
// not report at the very same instant.
var devices = [2]em.DeviceID{"bench:1-wearer", "bench:2-protected"}

func config() proximity.Config {
	return proximity.Config{Version: "1", Radius: 500, Since: start,
		Wearer: []proximity.Assignment{{Device: devices[0]}}, Protected: []proximity.Assignment{{Device: devices[1]}}}
}

// where is the position of one side of a pair, on a loop of its own that takes it
// at most 15 m/s.
func (c crowd) where(pair, side, second int) em.LatLng {
	spread := 40_000.0
	switch kind := pair * 61 % 100; {
	case kind < c.near:
		spread = 700
	case kind < c.around:
		spread = 3000
	}
	h := uint64(pair*2+side) * 0x9e3779b97f4a7c15
	share := func(shift int) float64 { return float64(h>>shift&0xffff) / 0xffff }
	phase, period := 2*math.Pi*share(0), 500+4000*share(16)
	loop := min(spread/2, 15*period/(2*math.Pi)) * share(32)
	angle := phase + 2*math.Pi*float64(second)/period
	north := loop*math.Sin(angle) + float64(side)*spread/2*share(48)
	east := loop * math.Cos(angle)
	const degree = 1 / (em.EarthRadius * math.Pi / 180)
	lat := 54 + float64(pair%1000)/500
	return em.LatLng{Lat: lat + north*degree, Lng: 24 + float64(pair/1000)/25 + east*degree/math.Cos(lat*math.Pi/180)}
}

// fill makes the report of one side.
func (c crowd) fill(o *em.Observation, f *em.Fix, pair, side, second int) {
	*f = em.Fix{LatLng: c.where(pair, side, second), Validity: em.FixCurrent, Source: em.SourceGNSS, Accuracy: em.Some(8.0)}
	at := start.Add(time.Duration(second) * time.Second)
	*o = em.Observation{Device: devices[side], DeviceAt: at, At: at, Received: at, Body: f}
	for i, n := 0, uint64(pair)<<32|uint64(side)<<31|uint64(second)+1; i < 8; i++ {
		o.ID[i] = byte(n >> (8 * i)) // Stamp is the devices' cost
	}
}

// check compares the events of some pairs of each crowd with the oracle's. Sides
// pause at times.
func check(crowds []crowd, pairs, seconds int) (events int, err error) {
	kinds := map[em.EventKind]int{}
	for _, c := range crowds {
		for pair := range pairs {
			var obs []em.Observation
			for s := range seconds {
				for side := range devices {
					if s/400%5 == 2+pair%2 && side == pair/2%2 || (s+pair)%(1+pair%7) != 0 {
						continue
					}
					var o em.Observation
					c.fill(&o, new(em.Fix), pair, side, s)
					obs = append(obs, o)
				}
			}
			slices.SortFunc(obs, func(a, b em.Observation) int { return em.Compare(em.EventTime, &a, &b) })
			e, err := proximity.New(config())
			if err != nil {
				return 0, err
			}
			told := map[em.EventID]em.Event{}
			keep := func(evs []em.Event) {
				for _, ev := range evs {
					ev.Stamp("pair", start)
					told[ev.ID] = ev
				}
			}
			end := start.Add(time.Duration(seconds) * time.Second)
			wake := func(until time.Time) {
				for d := e.Deadline(); !d.IsZero() && !d.After(until); d = e.Deadline() {
					keep(e.Wake(nil, d))
				}
			}
			for _, o := range obs {
				wake(o.At)
				keep(e.Observe(nil, o))
			}
			wake(end)
			var got []proximitytest.Interval
			for _, ev := range told {
				got = append(got, proximitytest.Of(&ev, start))
				kinds[ev.Detail.Kind]++
				events++
			}
			proximitytest.Sort(got)
			if d := cmp.Diff(proximitytest.Judge(config(), start, end, obs), got); d != "" {
				return 0, fmt.Errorf("crowd %s, pair %d: the oracle (-) and the rule (+) differ:\n%s", c.name, pair, d)
			}
		}
	}
	if len(kinds) != 3 {
		return 0, fmt.Errorf("the sample had only events of %v: nothing was checked of the others", kinds)
	}
	return events, nil
}

// measure times reports of all pairs, second by second.
func measure(c crowd, pairs, seconds int, timeline bool) (figure, error) {
	f := figure{Crowd: c.name, What: "rule"}
	if timeline {
		f.What = "rule under Timeline"
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := heap()
	evs := make([]*proximity.Evaluator, pairs)
	tls := make([]*em.Timeline, pairs)
	conf := config()
	for i := range evs {
		var err error
		if evs[i], err = proximity.New(conf); err != nil {
			return f, err
		}
		if timeline {
			if tls[i], err = em.NewTimeline(em.Config{Subject: "pair", Start: start, History: &em.MemoryHistory{}}, evs[i]); err != nil {
				return f, err
			}
		}
	}
	obs := make([]em.Observation, 2*pairs)
	fixes := make([]em.Fix, 2*pairs)
	var buf []em.Event
	var res em.Result
	var took time.Duration
	for s := range seconds + 1 {
		for i := range obs {
			c.fill(&obs[i], &fixes[i], i/2, i%2, s)
		}
		now := start.Add(time.Duration(s) * time.Second)
		began := cputime.Thread()
		for i := range obs {
			if timeline {
				if err := tls[i/2].Feed(&res, now, obs[i]); err != nil {
					return f, err
				}
				f.Events += len(res.Changes)
				res.Reset()
				continue
			}
			e := evs[i/2]
			buf = e.Observe(buf[:0], obs[i])
			f.Events += len(buf)
			if d := e.Deadline(); !d.IsZero() && !d.After(now) {
				return f, fmt.Errorf("pair %d: deadline %v at %v", i/2, d, now)
			}
		}
		if s > 0 { // the first second makes what is made once
			took += cputime.Thread() - began
		}
	}
	obs, fixes, buf, res = nil, nil, nil, em.Result{}
	f.BytesPerPair = float64(heap()-before) / float64(pairs)
	runtime.KeepAlive(evs)
	runtime.KeepAlive(tls)
	f.NsPerReport = float64(took.Nanoseconds()) / float64(2*pairs*seconds)
	f.ReportsPerSecond = 1e9 / f.NsPerReport
	f.PercentOfCore = 100 * f.NsPerReport * float64(2*pairs) / 1e9
	return f, nil
}

// heap is what is in use after a collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
