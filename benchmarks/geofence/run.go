package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em/benchmarks/internal/cputime"
	"github.com/sargas-em/em/benchmarks/internal/environment"
	"github.com/sargas-em/em/geofence"
)

// config says what is run.
type config struct {
	command []string
	seed    uint64
	quick   bool
	cache   string        // folder of what make bench-data built
	only    string        // part of the names of data sets; empty: all
	points  int           // of the loads uniform and clustered
	near    int           // of the load near-edge
	passes  int           // of which the least counts
	budget  time.Duration // of a pass
	rivals  int           // zones up to which others are built whole; 0: any
	threads []int
	natives []*native
	log     io.Writer // progress, without speeds

	sources   []source
	subjects  int
	distances int   // points
	updates   []int // numbers of zones

	// spoil may replace a finder: a test plants wrong answers.
	spoil func(method string, f finder) finder
}

// run measures everything. It returns no figures with an error.
func run(c config) (*report, error) {
	if c.spoil == nil {
		c.spoil = func(_ string, f finder) finder { return f }
	}
	r := &report{Command: c.command, Machine: environment.Describe(), Versions: versions(), Seed: c.seed, Quick: c.quick, Passes: c.passes, Clock: cputime.What, Skipped: []string{}}
	skip := func(what string, why error) {
		s := fmt.Sprintf("%s: %v", what, why)
		r.Skipped = append(r.Skipped, s)
		fmt.Fprintf(c.log, "SKIPPED %s\n", s)
	}
	tmp, err := os.MkdirTemp("", "geofence")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	var natives []*native
	for _, n := range c.natives {
		if err := n.compile(tmp); err != nil {
			skip(n.name, fmt.Errorf("not compiled (it takes %s): %v", n.packages, err))
			continue
		}
		r.Versions[n.name] = n.version
		natives = append(natives, n)
	}
	c.natives = natives

	for _, s := range c.sources {
		if !strings.Contains(s.name, c.only) {
			continue
		}
		d, err := s.load()
		if errors.Is(err, errMissing) {
			skip(s.name, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(c.log, "%s: %d zones, %d vertices\n", d.name, len(d.split), vertices(d.split))
		f, err := c.set(d, tmp, &r.Head)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.name, err)
		}
		r.Sets = append(r.Sets, *f)
	}
	if r.Subjects, err = c.measureSubjects(&r.Head); err != nil {
		return nil, err
	}
	if r.Distances, err = c.measureDistances(); err != nil {
		return nil, err
	}
	if r.Updates, err = c.measureUpdates(); err != nil {
		return nil, err
	}
	r.conclude()
	return r, nil
}

// Names of loads.
const (
	loadUniform   = "uniform"
	loadClustered = "clustered"
	loadNearEdge  = "near-edge"
	suffixE7      = ", E7" // rounded to 1e-7 degrees, as many trackers report
)

// mainLoads are the first two, which all engines are timed on.
const mainLoads = 2

func (c config) loads(d *dataset) []load {
	r := rand.New(rand.NewPCG(c.seed, 3))
	return []load{
		newLoad(loadUniform, uniform(r, bound(d.split), c.points)),
		newLoad(loadClustered, clustered(r, d, c.points)),
		newLoad(loadNearEdge, nearEdge(r, d, c.near)),
		newLoad(loadClustered+suffixE7, roundE7(clustered(r, d, c.near))),
		newLoad(loadNearEdge+suffixE7, roundE7(nearEdge(r, d, c.near))),
	}
}

// set runs all engines over a data set. The answers of ours and of S2 are
// compared with golang/geo's.
func (c config) set(d *dataset, tmp string, h *head) (*setFigures, error) {
	f := &setFigures{Name: d.name, Source: d.source, Licence: d.licence, Hash: d.hash,
		Zones: len(d.split), Given: vertices(d.given), Vertices: vertices(d.split), EvenOdd: d.evenOdd(), Refused: d.refs, Lost: d.lost}
	_, input, err := weigh(func() int { return 0 }, func(int) ([]geofence.Zone, error) { return zones(clone(d.split), d.odd), nil })
	if err != nil {
		return nil, err
	}
	f.Input = input.Heap
	loads := c.loads(d)
	want := make([]answers, len(loads))

	type timed struct {
		*job
		engine, load int
		plane        plane
		method       int
	}
	var jobs []timed
	es := engines()
	oracle := slices.IndexFunc(es, func(e engine) bool { return e.name == google })
	es[0], es[oracle] = es[oracle], es[0] // it answers first
	whole := c.rivals == 0 || len(d.split) <= c.rivals
	if !whole {
		fmt.Fprintf(c.log, "%s: %s, %d zones at a time\n", d.name, google, c.rivals)
		for i, got := range oracleInParts(d, loads, c.rivals) {
			want[i] = got
			f.Loads = append(f.Loads, loadFigures{loads[i].name, len(loads[i].pts), loads[i].hash, len(got), got.checksum()})
		}
	}
	for _, e := range es {
		if !whole && e.name != oursSingle {
			continue
		}
		if e.only != nil && !e.only(d) || e.name == google+", not split" && f.Vertices < f.Given+f.Given/100 {
			continue
		}
		fmt.Fprintf(c.log, "%s: %s\n", d.name, e.name)
		prepare := func() []geofence.Area { return clone(d.split) }
		if e.given {
			prepare = func() []geofence.Area { return clone(d.given) }
		}
		methods, w, err := weigh(prepare, func(areas []geofence.Area) ([]method, error) { return e.build(d, areas) })
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.name, err)
		}
		ef := engineFigures{Name: e.name, Weight: w}
		for _, m := range methods {
			if e.name == google+", not split" {
				m.name = e.name
			}
			make := m.finder
			m.finder = func() finder { return c.spoil(m.name, make()) }
			if e.plane == sphere {
				for i, l := range loads {
					if !strings.HasSuffix(l.name, m.only) {
						continue
					}
					got := collect(m.finder(), l.pts)
					if e.name == google {
						want[i] = got
						f.Loads = append(f.Loads, loadFigures{l.name, len(l.pts), l.hash, len(got), got.checksum()})
						continue
					}
					if n, first := differences(l.pts, got, want[i]); n > 0 {
						return nil, fmt.Errorf("%w: %s, %s: %d of %d points, the first: %s", errDisagree, m.name, l.name, n, len(l.pts), first)
					}
					h.Points += len(l.pts)
					h.Pairs += int64(len(l.pts)) * int64(f.Zones)
				}
			}
			for i, l := range loads {
				if !strings.HasSuffix(l.name, m.only) || e.plane != sphere && i >= mainLoads {
					continue // in the plane, what is near an edge is another question
				}
				for _, threads := range c.threads {
					if threads > 1 && (e.plane != sphere || i >= mainLoads) {
						continue
					}
					jobs = append(jobs, timed{newJob(m, l.pts, threads, c.budget), len(f.Engines), i, e.plane, len(ef.Methods)})
					ef.Methods = append(ef.Methods, methodFigures{Name: m.name, Load: l.name, Threads: threads, Same: e.plane == sphere})
				}
			}
		}
		f.Engines = append(f.Engines, ef)
	}

	fmt.Fprintf(c.log, "%s: %d passes\n", d.name, c.passes)
	percent := debug.SetGCPercent(400) // most rivals allocate
	runtime.GC()
	for range c.passes {
		for _, j := range jobs {
			j.pass()
		}
	}
	debug.SetGCPercent(percent)
	for _, j := range jobs {
		m := &f.Engines[j.engine].Methods[j.method]
		expected, _ := slices.BinarySearchFunc(want[j.load], j.points, func(h geofence.Hit, n int) int { return int(h.Point) - n })
		if j.plane == sphere && j.hits != expected {
			return nil, fmt.Errorf("%w: %s, %s: %d hits when timed, %d before", errDisagree, m.Name, m.Load, j.hits, expected)
		}
		m.NS, m.Points, m.Allocations, m.HitRatio = j.ns, j.points, j.allocations, float64(j.hits)/float64(max(expected, 1))
	}

	if len(c.natives) == 0 || !whole {
		return f, nil
	}
	main := loads[:mainLoads]
	split, given, err := hand(tmp, d, main)
	if err != nil {
		return nil, err
	}
	for _, n := range c.natives {
		fmt.Fprintf(c.log, "%s: %s\n", d.name, n.name)
		file := split
		if n.given {
			file = given
		}
		r, got, err := n.run(tmp, file, main, c.passes, c.budget)
		if err != nil {
			return nil, err
		}
		ef := engineFigures{Name: n.name, Weight: weight{Wall: r.Build, CPU: r.CPU, Heap: r.Heap}}
		for i, l := range main {
			m := methodFigures{Name: n.name, Load: l.name, Threads: 1, NS: r.Loads[i].NS, Points: r.Loads[i].Points,
				HitRatio: float64(len(got[i])) / float64(max(len(want[i]), 1))}
			if n.plane == sphere {
				// Its sine may differ in the last bit from Go's: points that
				// close to an edge are few.
				var first string
				if m.Differences, first = differences(l.pts, got[i], want[i]); m.Differences > 1+len(l.pts)/100_000 {
					return nil, fmt.Errorf("%w: %s, %s: %d of %d points, the first: %s", errDisagree, n.name, l.name, m.Differences, len(l.pts), first)
				}
				m.Same = m.Differences == 0
			}
			ef.Methods = append(ef.Methods, m)
		}
		f.Engines = append(f.Engines, ef)
	}
	return f, nil
}
