package main

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/golang/geo/s2"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"
	"github.com/tidwall/geojson/geometry"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/benchmarks/internal/cputime"
	"github.com/sargas-em/em/geofence"
)

// subjectFigures say how long it takes to look a point up among the zones of
// its subject.
type subjectFigures struct {
	Method   string  `json:"method"`
	Subjects int     `json:"subjects"`
	Order    string  `json:"order"`
	NS       float64 `json:"ns_per_point"` // for all zones of the subject
	Points   int     `json:"points"`       // in a pass
	HitRatio float64 `json:"hit_ratio"`    // by golang/geo's
	Weight   weight  `json:"weight"`
}

// visit is a point of a subject.
type visit struct {
	subject int32
	at      em.LatLng
}

// ask appends a Hit for each visit and each zone of the visit's subject that
// contains it.
type ask func(dst []geofence.Hit, visits []visit) []geofence.Hit

// subjectMethod answers for subjects.
type subjectMethod struct {
	name  string
	plane plane
	most  int // subjects that fit in memory and in time
	build func(zones [][]geofence.Area) (ask, error)
}

func subjectMethods() []subjectMethod {
	return []subjectMethod{
		{google + " loops", sphere, 7_700, askGoogle},
		{"ours, Set", sphere, math.MaxInt, askSet},
		{"ours, Index", sphere, 500, askIndex},
		{"orb", straight, math.MaxInt, askOrb},
		{tidwall, straight, math.MaxInt, askTidwall},
	}
}

func askIndex(zs [][]geofence.Area) (ask, error) {
	list := make([]*geofence.Index, len(zs))
	for i, areas := range zs {
		var err error
		if list[i], err = geofence.NewIndex(zones(areas, nil)...); err != nil {
			return nil, err
		}
	}
	var found []int
	return func(dst []geofence.Hit, visits []visit) []geofence.Hit {
		for i, v := range visits {
			found = list[v.subject].Append(found[:0], v.at)
			for _, z := range found {
				dst = append(dst, geofence.Hit{Point: int32(i), Zone: int32(z)})
			}
		}
		return dst
	}, nil
}

func askSet(zs [][]geofence.Area) (ask, error) {
	list := make([]*geofence.Set, len(zs))
	for i, areas := range zs {
		var err error
		if list[i], err = geofence.NewSet(zones(areas, nil)...); err != nil {
			return nil, err
		}
	}
	return func(dst []geofence.Hit, visits []visit) []geofence.Hit {
		for i, v := range visits {
			for z := range list[v.subject].Contains(v.at).All() {
				dst = append(dst, geofence.Hit{Point: int32(i), Zone: int32(z)})
			}
		}
		return dst
	}, nil
}

// askEach asks each zone of a subject by itself.
func askEach[T, P any](zs [][]geofence.Area, zone func(orb.Polygon) T, point func(em.LatLng) P, contains func(*T, P) bool) (ask, error) {
	list := make([][]T, len(zs))
	for i, areas := range zs {
		list[i] = make([]T, len(areas))
		for k, a := range areas {
			list[i][k] = zone(a[0])
		}
	}
	return func(dst []geofence.Hit, visits []visit) []geofence.Hit {
		for i, v := range visits {
			p := point(v.at)
			own := list[v.subject]
			for k := range own {
				if contains(&own[k], p) {
					dst = append(dst, geofence.Hit{Point: int32(i), Zone: int32(k)})
				}
			}
		}
		return dst
	}, nil
}

func askGoogle(zs [][]geofence.Area) (ask, error) {
	return askEach(zs, func(p orb.Polygon) *s2.Loop {
		var points []s2.Point
		for _, v := range p[0][:len(p[0])-1] {
			points = append(points, spherePoint(v[0], v[1]))
		}
		return s2.LoopFromPoints(points)
	}, func(p em.LatLng) s2.Point { return spherePoint(p.Lng, p.Lat) },
		func(l **s2.Loop, p s2.Point) bool { return (*l).ContainsPoint(p) })
}

func askOrb(zs [][]geofence.Area) (ask, error) {
	type zone struct {
		bound orb.Bound
		ring  orb.Ring
	}
	return askEach(zs, func(p orb.Polygon) zone { return zone{p.Bound(), p[0]} },
		func(p em.LatLng) orb.Point { return orb.Point{p.Lng, p.Lat} },
		func(z *zone, p orb.Point) bool { return z.bound.Contains(p) && planar.RingContains(z.ring, p) })
}

func askTidwall(zs [][]geofence.Area) (ask, error) {
	return askEach(zs, tidwallPoly, func(p em.LatLng) geometry.Point { return geometry.Point{X: p.Lng, Y: p.Lat} },
		func(z **geometry.Poly, p geometry.Point) bool { return (*z).ContainsPoint(p) })
}

// Orders of visits.
const (
	orderRow    = "a subject's in a row" // as one device reports what it has stored
	orderTurns  = "a subject in turn"    // as all devices report once a second
	orderRandom = "random"
)

// visitsOf are the points of the first n subjects in an order.
func visitsOf(list []subject, order string, seed uint64) []visit {
	var visits []visit
	for k := range subjectPoints {
		for i := range list {
			visits = append(visits, visit{int32(i), list[i].pts[k]})
		}
	}
	switch order {
	case orderRow:
		slices.SortStableFunc(visits, func(a, b visit) int { return cmp.Compare(a.subject, b.subject) })
	case orderRandom:
		r := rand.New(rand.NewPCG(seed, 4))
		r.Shuffle(len(visits), func(i, j int) { visits[i], visits[j] = visits[j], visits[i] })
	}
	return visits
}

func (c config) measureSubjects(h *head) ([]subjectFigures, error) {
	figures := []subjectFigures{}
	if c.subjects == 0 {
		return figures, nil
	}
	list := subjects(c.seed, c.subjects)
	type key struct {
		n     int
		order string
	}
	want := map[key]answers{}
	ms := subjectMethods()
	for _, m := range ms {
		n := min(m.most, c.subjects)
		fmt.Fprintf(c.log, "subjects: %s\n", m.name)
		do, w, err := weigh(func() [][]geofence.Area {
			zs := make([][]geofence.Area, n)
			for i := range zs {
				zs[i] = clone(list[i].zones[:])
			}
			return zs
		}, m.build)
		if err != nil {
			return nil, fmt.Errorf("subjects: %s: %w", m.name, err)
		}
		for _, order := range []string{orderRow, orderTurns, orderRandom} {
			visits := visitsOf(list[:n], order, c.seed)
			f := subjectFigures{Method: m.name, Subjects: n, Order: order, Points: len(visits), Weight: w}
			pts := make([]em.LatLng, len(visits))
			for i, v := range visits {
				pts[i] = v.at
			}
			answer := func(pass ask) finder { // over the visits in their order
				at := 0
				return func(dst []geofence.Hit, pts []em.LatLng) []geofence.Hit {
					from := at
					at += len(pts)
					return pass(dst, visits[from:at])
				}
			}
			got := collect(c.spoil(m.name, answer(do)), pts)
			k := key{n, order}
			if _, ok := want[k]; !ok {
				if want[k], err = c.subjectOracle(list[:n], visits, pts); err != nil {
					return nil, err
				}
			}
			f.HitRatio = float64(len(got)) / float64(max(1, len(want[k])))
			if m.plane == sphere {
				if n, first := differences(pts, got, want[k]); n > 0 {
					return nil, fmt.Errorf("%w: subjects, %s: %d of %d points, the first: %s", errDisagree, m.name, n, len(pts), first)
				}
				h.Points += len(pts)
				h.Pairs += int64(len(pts)) * subjectZones
			}
			f.NS = c.timeVisits(do, visits)
			figures = append(figures, f)
		}
		runtime.KeepAlive(do)
	}
	for _, radius := range []float64{10, 50} {
		f, err := c.measureClassify(list, radius)
		if err != nil {
			return nil, err
		}
		figures = append(figures, f)
	}
	return figures, nil
}

// measureClassify times Set.Classify: on which side of each of the ten zones a
// circle lies. Some visits are compared with golang/geo, whose loops say where
// the middle is and its ClosestEdgeQuery how far from the edge.
func (c config) measureClassify(list []subject, radius float64) (subjectFigures, error) {
	const compared = 200 // subjects
	f := subjectFigures{Method: fmt.Sprintf("ours, Set.Classify ±%.0f m", radius), Subjects: len(list), Order: orderRow, HitRatio: 1}
	fmt.Fprintf(c.log, "subjects: %s\n", f.Method)
	sets, w, err := weigh(func() [][]geofence.Area {
		zs := make([][]geofence.Area, len(list))
		for i := range zs {
			zs[i] = clone(list[i].zones[:])
		}
		return zs
	}, func(zs [][]geofence.Area) ([]*geofence.Set, error) {
		sets := make([]*geofence.Set, len(zs))
		var err error
		for i, areas := range zs {
			if sets[i], err = geofence.NewSet(zones(areas, nil)...); err != nil {
				return nil, err
			}
		}
		return sets, nil
	})
	if err != nil {
		return f, err
	}
	options := s2.NewClosestEdgeQueryOptions().IncludeInteriors(false)
	for i := range list[:min(compared, len(list))] {
		for k, a := range list[i].zones {
			index := s2.NewShapeIndex()
			shape := newS2Zone(k, a, false)
			index.Add(shape)
			index.Build()
			edges, within := s2.NewClosestEdgeQuery(index, options), s2.NewContainsPointQuery(index, s2.VertexModelSemiOpen)
			for _, at := range list[i].pts {
				point := spherePoint(at.Lng, at.Lat)
				d := edges.Distance(s2.NewMinDistanceToPointTarget(point)).Angle().Radians() * em.EarthRadius
				if math.Abs(d-radius) < distanceTolerance(d) {
					continue
				}
				in, out := sets[i].Classify(at, radius)
				clear, inside := d > radius, within.Contains(point)
				if in.Has(k) != (clear && inside) || out.Has(k) != (clear && !inside) {
					return f, fmt.Errorf("%w: %s: zone %d of subject %d and %v: inside %v, outside %v; golang/geo has %v, %v m", errDisagree, f.Method, k, i, at, in.Has(k), out.Has(k), inside, d)
				}
			}
		}
	}
	visits := visitsOf(list, orderRow, c.seed)
	f.Points, f.Weight = len(visits), w
	f.NS = c.timeVisits(func(dst []geofence.Hit, visits []visit) []geofence.Hit {
		for i, v := range visits {
			in, out := sets[v.subject].Classify(v.at, radius)
			for z := range in.All() {
				dst = append(dst, geofence.Hit{Point: int32(i), Zone: int32(z)})
			}
			if out == 0 && in == 0 {
				dst = append(dst, geofence.Hit{Point: int32(i), Zone: unnamed})
			}
		}
		return dst
	}, visits)
	return f, nil
}

// subjectOracle is golang/geo's loops, made for a few subjects at a time.
func (c config) subjectOracle(list []subject, visits []visit, pts []em.LatLng) (answers, error) {
	const few = 5_000
	var all answers
	of := make([][]int32, len(list)) // visits of each subject
	for i, v := range visits {
		of[v.subject] = append(of[v.subject], int32(i))
	}
	for from := 0; from < len(list); from += few {
		part := list[from:min(from+few, len(list))]
		zs := make([][]geofence.Area, len(part))
		for i := range part {
			zs[i] = part[i].zones[:]
		}
		loops, err := askGoogle(zs)
		if err != nil {
			return nil, err
		}
		for i := range part {
			for _, k := range of[from+i] {
				for _, h := range loops(nil, []visit{{int32(i), pts[k]}}) {
					all = append(all, geofence.Hit{Point: k, Zone: h.Zone})
				}
			}
		}
	}
	sortHits(all)
	return slices.Clip(all), nil
}

// timeVisits is measure for visits.
func (c config) timeVisits(do ask, visits []visit) float64 {
	best := math.Inf(1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		runtime.GC()
		dst := make([]geofence.Hit, 0, chunk)
		for range c.passes {
			start := cputime.Thread()
			for from := 0; from < len(visits); from += chunk {
				dst = do(dst[:0], visits[from:min(from+chunk, len(visits))])
			}
			best = min(best, float64(cputime.Thread()-start)/float64(time.Nanosecond)/float64(len(visits)))
		}
	}()
	<-done
	return best
}
