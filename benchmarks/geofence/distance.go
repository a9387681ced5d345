package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"

	"github.com/golang/geo/s2"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/benchmarks/internal/cputime"
	"github.com/sargas-em/em/geofence"
)

// distanceFigures compare Index.Distance with golang/geo's ClosestEdgeQuery over
// the same edges, for one point and one zone.
type distanceFigures struct {
	Zones    string  `json:"zones"`
	Vertices float64 `json:"vertices_per_zone"`
	Points   int     `json:"points"`
	Ours     float64 `json:"ns_ours"`
	Google   float64 `json:"ns_closest_edge_query"`
	Greatest float64 `json:"greatest_difference_metres"`
}

// distanceTolerance returns by how many metres ours may differ at a distance:
// ten centimetres within ten kilometres and a hundred-thousandth beyond.
func distanceTolerance(metres float64) float64 { return max(.1, 1e-5*metres) }

func (c config) measureDistances() ([]distanceFigures, error) {
	figures := []distanceFigures{}
	if c.distances == 0 {
		return figures, nil
	}
	sets := []*dataset{{name: "exclusion", split: exclusionZones(c.seed, 1000)}}
	for _, s := range c.sources {
		if d, err := s.load(); err == nil && s.name == "Norway municipalities" {
			sets = append(sets, d)
		}
	}
	for _, d := range sets {
		fmt.Fprintf(c.log, "distance: %s\n", d.name)
		f, err := c.distance(d.name, d.split, d.odd)
		if err != nil {
			return nil, err
		}
		figures = append(figures, f)
	}
	return figures, nil
}

func (c config) distance(name string, areas []geofence.Area, odd []bool) (distanceFigures, error) {
	f := distanceFigures{Zones: name, Vertices: float64(vertices(areas)) / float64(len(areas)), Points: c.distances}
	x, err := geofence.NewIndex(zones(areas, odd)...)
	if err != nil {
		return f, err
	}
	type query struct {
		zone  int
		at    em.LatLng
		point s2.Point
	}
	// Points round a vertex of the zone, as far away as the zone is wide.
	r := rand.New(rand.NewPCG(c.seed, 5))
	queries := make([]query, c.distances)
	for i := range queries {
		zone := r.IntN(len(areas))
		b := bound(areas[zone : zone+1])
		ring := areas[zone][0][0]
		v := ring[r.IntN(len(ring))]
		at := em.LatLng{Lng: v[0] + r.NormFloat64()*(b.Max[0]-b.Min[0])/2, Lat: v[1] + r.NormFloat64()*(b.Max[1]-b.Min[1])/2}
		queries[i] = query{zone, at, spherePoint(at.Lng, at.Lat)}
	}
	edges := make([]*s2.EdgeQuery, len(areas))
	options := s2.NewClosestEdgeQueryOptions().IncludeInteriors(false)
	for i, a := range areas {
		index := s2.NewShapeIndex()
		index.Add(newS2Zone(i, a, isOdd(odd, i)))
		index.Build()
		edges[i] = s2.NewClosestEdgeQuery(index, options)
	}
	ours := func(q *query) float64 { return math.Abs(x.Distance(q.zone, q.at)) }
	theirs := func(q *query) float64 {
		return edges[q.zone].Distance(s2.NewMinDistanceToPointTarget(spherePoint(q.at.Lng, q.at.Lat))).Angle().Radians() * em.EarthRadius
	}
	for i := range queries {
		a, b := ours(&queries[i]), theirs(&queries[i])
		if d := math.Abs(a - b); !(d <= distanceTolerance(b)) {
			return f, fmt.Errorf("%w: distance of zone %d from %v: %v, golang/geo has %v", errDisagree, queries[i].zone, queries[i].at, a, b)
		}
		f.Greatest = max(f.Greatest, math.Abs(a-b))
	}
	times := c.timeQueries(len(queries),
		func(i int) float64 { return ours(&queries[i]) },
		func(i int) float64 { return theirs(&queries[i]) })
	f.Ours, f.Google = times[0], times[1]
	return f, nil
}

// timeQueries returns the nanoseconds of one of n calls, the least of some
// passes, for each of some rivals, which take turns.
func (c config) timeQueries(n int, calls ...func(i int) float64) []float64 {
	best := slices.Repeat([]float64{math.Inf(1)}, len(calls))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	sum := 0.0
	for range c.passes {
		for k, call := range calls {
			start := cputime.Thread()
			for i := range n {
				sum += call(i)
			}
			best[k] = min(best[k], float64(cputime.Thread()-start)/float64(n))
		}
	}
	if math.IsNaN(sum) { // so that no call is left out
		return nil
	}
	return best
}
