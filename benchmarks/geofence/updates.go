package main

import (
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/benchmarks/internal/cputime"
	"github.com/sargas-em/em/geofence"
)

// updateFigures say how soon a reader finds a zone that was added, and what that
// costs the reader. Times of updates are microseconds of the wall.
type updateFigures struct {
	Way     string  `json:"way"`
	Zones   int     `json:"zones"` // that were there before
	Updates int     `json:"updates"`
	Median  float64 `json:"median_microseconds"`
	P99     float64 `json:"p99_microseconds"`
	Longest float64 `json:"longest_microseconds"`
	Before  float64 `json:"ns_per_point_before"` // the reader's own, one by one
	During  float64 `json:"ns_per_point_during"`
}

// updater adds zones while others read.
type updater interface {
	add(z geofence.Zone) error
	find(p em.LatLng) int // how many zones contain it; for one goroutine at a time
}

// rebuild compiles a new index for each zone, and swaps it in.
type rebuild struct {
	zones []geofence.Zone
	index atomic.Pointer[geofence.Index]
	found []int
}

func (r *rebuild) add(z geofence.Zone) error {
	r.zones = append(r.zones, z)
	x, err := geofence.NewIndex(r.zones...)
	if err == nil {
		r.index.Store(x)
	}
	return err
}

func (r *rebuild) find(p em.LatLng) int {
	r.found = r.index.Load().Append(r.found[:0], p)
	return len(r.found)
}

// live adds zones to a geofence.Live.
type live struct {
	*geofence.Live
	found []*geofence.Zone
}

func (l *live) add(z geofence.Zone) error { return l.Put(z) }

func (l *live) find(p em.LatLng) int {
	l.found = l.View().Append(l.found[:0], p)
	return len(l.found)
}

func newLive(zs []geofence.Zone) (updater, error) {
	x, err := geofence.NewIndex(zs...)
	if err != nil {
		return nil, err
	}
	return &live{Live: geofence.NewLive(x)}, nil
}

func newRebuild(zs []geofence.Zone) (updater, error) {
	x, err := geofence.NewIndex(zs...)
	r := &rebuild{zones: slices.Clone(zs)}
	r.index.Store(x)
	return r, err
}

const liveName = "Live.Put"

func (c config) measureUpdates() ([]updateFigures, error) {
	figures := []updateFigures{}
	for _, n := range c.updates {
		for _, way := range []struct {
			name    string
			updates int
			make    func([]geofence.Zone) (updater, error)
		}{{"new index, swapped", 3, newRebuild}, {liveName, 1000, newLive}} {
			if way.updates*n > 500_000 && way.name != liveName {
				continue // minutes
			}
			fmt.Fprintf(c.log, "updates: %s, %d zones\n", way.name, n)
			f, err := c.update(way.name, n, way.updates, way.make)
			if err != nil {
				return nil, fmt.Errorf("updates: %s: %w", way.name, err)
			}
			figures = append(figures, f)
		}
	}
	return figures, nil
}

// update adds zones one after the other, each where there was none, and waits
// until a reader on another thread finds it.
func (c config) update(way string, n, updates int, open func([]geofence.Zone) (updater, error)) (updateFigures, error) {
	f := updateFigures{Way: way, Zones: n, Updates: updates}
	d, err := newDataset("updates", "", "", exclusionZones(c.seed, n), nil)
	if err != nil {
		return f, err
	}
	u, err := open(zones(d.split, nil))
	if err != nil {
		return f, err
	}
	pts := c.loads(d)[1].pts
	// New zones lie in the sea west of all others, each at its own place.
	place := func(i int) em.LatLng { return em.LatLng{Lng: -20 + .01*float64(i%1000), Lat: 50 + .01*float64(i/1000)} }
	zone := func(i int) geofence.Zone {
		p := place(i)
		ring := geofence.Area{{{{p.Lng - .001, p.Lat - .001}, {p.Lng + .001, p.Lat - .001}, {p.Lng + .001, p.Lat + .001}, {p.Lng - .001, p.Lat + .001}, {p.Lng - .001, p.Lat - .001}}}}
		return geofence.Zone{ID: "new" + zoneID(i), Kind: geofence.KindPlace, Shape: ring}
	}
	read := func(part []em.LatLng) float64 {
		start := cputime.Thread()
		for _, p := range part {
			u.find(p)
		}
		return float64(cputime.Thread()-start) / float64(len(part))
	}

	// The reader looks points up, and between every two the place where the
	// next zone will be.
	var wanted atomic.Int64 // number of the zone that is waited for
	wanted.Store(-1)
	seen := make(chan time.Time)
	stop := make(chan struct{})
	done := make(chan [2]float64)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		before := read(pts[:min(len(pts), 200_000)])
		seen <- time.Now()
		last := int64(-1)
		sum, count := time.Duration(0), 0
		for {
			select {
			case <-stop:
				done <- [2]float64{before, float64(sum) / float64(max(count, 1))}
				return
			default:
			}
			from := count % len(pts)
			part := pts[from:min(from+64, len(pts))]
			start := cputime.Thread()
			for _, p := range part {
				u.find(p)
				if w := wanted.Load(); w > last && u.find(place(int(w))) > 0 {
					last = w
					seen <- time.Now()
				}
			}
			sum += cputime.Thread() - start
			count += len(part)
		}
	}()
	<-seen
	var took []float64
	for i := range updates {
		start := time.Now()
		if err := u.add(zone(i)); err != nil {
			return f, err
		}
		wanted.Store(int64(i))
		took = append(took, float64((<-seen).Sub(start))/float64(time.Microsecond))
	}
	close(stop)
	times := <-done
	f.Before, f.During = times[0], times[1]
	slices.Sort(took)
	f.Median, f.P99, f.Longest = took[len(took)/2], took[len(took)*99/100], took[len(took)-1]
	return f, nil
}
