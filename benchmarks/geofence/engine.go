package main

import (
	"errors"
	"math"
	"os"

	"github.com/golang/geo/s2"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"
	"github.com/tidwall/geojson/geometry"
	"github.com/tidwall/rtree"

	"github.com/ringsaturn/tzf"
	pb "github.com/ringsaturn/tzf/gen/go/tzf/v1"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/geofence"
)

// finder appends a Hit for each zone that contains each of the points, in order
// of the points. It is for one goroutine.
type finder func(dst []geofence.Hit, pts []em.LatLng) []geofence.Hit

// method is one way to ask an engine.
type method struct {
	name   string
	finder func() finder // a new one for each goroutine
	only   string        // the end of the names of the loads that it is for
}

// plane is the question that an engine answers.
type plane int

const (
	sphere   plane = iota // geodesics between the split vertices: the same answer, pair by pair
	straight              // straight lines in longitude and latitude between the given vertices: a few others
	other                 // other data, or geodesics between the given vertices
)

// engine answers which zones of a data set contain a point.
type engine struct {
	name   string
	module string // whose version is printed
	plane  plane
	build  func(d *dataset, areas []geofence.Area) ([]method, error)
	given  bool                  // gets the zones as given, not split
	only   func(d *dataset) bool // nil: every data set
}

// Names that others refer to.
const (
	oursSingle = "ours"
	oursBatch  = "ours, batch"
	oursE7     = "ours, batch of E7"
	oursMapped = "ours, mapped, batch"
	oursLive   = "ours, Live, batch"
	oursSet    = "ours, Set"
	google     = "golang/geo"
	tidwall    = "tidwall/geojson"
)

func engines() []engine {
	most := func(n int) func(*dataset) bool { return func(d *dataset) bool { return len(d.split) <= n } }
	zoneNames := func(d *dataset) bool { return d.names != nil }
	return []engine{
		{name: oursSingle, plane: sphere, build: buildOurs},
		{name: google, module: "github.com/golang/geo", plane: sphere, build: buildGoogle},
		{name: oursMapped, plane: sphere, build: buildMapped, only: most(200_000)},
		{name: oursLive, plane: sphere, build: buildLive, only: most(200_000)},
		{name: oursSet, plane: sphere, build: buildSet, only: most(geofence.MaxSetZones)},
		{name: google + ", not split", module: "github.com/golang/geo", plane: other, given: true, build: buildGoogle},
		{name: tidwall, module: "github.com/tidwall/geojson", plane: straight, given: true, build: buildTidwall},
		{name: "orb", module: "github.com/paulmach/orb", plane: straight, given: true, build: buildOrb},
		{name: "tzf", module: "github.com/ringsaturn/tzf", plane: straight, given: true, build: buildTZF, only: zoneNames},
		{name: "tzf, approximate", module: "github.com/ringsaturn/tzf", plane: other, build: buildTZFDefault, only: zoneNames},
	}
}

// zones are geofence's of areas, some of which may be even-odd.
func zones(areas []geofence.Area, odd []bool) []geofence.Zone {
	zs := make([]geofence.Zone, len(areas))
	for i, a := range areas {
		zs[i] = geofence.Zone{ID: zoneID(i), Kind: geofence.KindPlace, Shape: a, EvenOdd: isOdd(odd, i)}
	}
	return zs
}

func zoneID(i int) string {
	const digits = "0123456789abcdef"
	b := [8]byte{}
	for k := range b {
		b[len(b)-1-k] = digits[i>>(4*k)&15]
	}
	return string(b[:])
}

// zoneNumber is the inverse of zoneID.
func zoneNumber(id string) (n int32) {
	for _, c := range []byte(id) {
		if c -= '0'; c > 9 {
			c -= 'a' - '0' - 10
		}
		n = n<<4 | int32(c)
	}
	return n
}

func buildOurs(d *dataset, areas []geofence.Area) ([]method, error) {
	x, err := geofence.NewIndex(zones(areas, d.odd)...)
	if err != nil {
		return nil, err
	}
	return []method{
		{name: oursSingle, finder: each(x.Append)},
		{name: oursBatch, finder: func() finder { return x.AppendBatch }},
		{name: oursE7, only: suffixE7, finder: func() finder {
			// Trackers report such points: to make them is no part of the time.
			made := map[*em.LatLng][]geofence.E7{}
			return func(dst []geofence.Hit, ps []em.LatLng) []geofence.Hit {
				pts := made[&ps[0]]
				if len(pts) != len(ps) {
					pts = pts[:0]
					for _, p := range ps {
						pts = append(pts, geofence.E7{Lat: int32(math.Round(p.Lat * 1e7)), Lng: int32(math.Round(p.Lng * 1e7))})
					}
					made[&ps[0]] = pts
				}
				return x.AppendBatchE7(dst, pts)
			}
		}},
	}, nil
}

// each is a finder that asks about one point after the other.
func each(ask func(dst []int, p em.LatLng) []int) func() finder {
	return func() finder {
		var zones []int
		return func(dst []geofence.Hit, pts []em.LatLng) []geofence.Hit {
			for i, p := range pts {
				zones = ask(zones[:0], p)
				for _, z := range zones {
					dst = append(dst, geofence.Hit{Point: int32(i), Zone: int32(z)})
				}
			}
			return dst
		}
	}
}

// buildMapped writes an index into a file and maps that.
func buildMapped(d *dataset, areas []geofence.Area) ([]method, error) {
	x, err := geofence.NewIndex(zones(areas, d.odd)...)
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp("", "geofence")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name()) // the mapping stays
	_, err = x.WriteTo(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	mapped, err := geofence.OpenIndex(f.Name(), geofence.OpenOptions{})
	if err != nil {
		return nil, err
	}
	return []method{{name: oursMapped, finder: func() finder { return mapped.AppendBatch }}}, nil
}

// buildLive puts one zone of each ten where there is an index of the others, as
// many as there may be changes.
func buildLive(d *dataset, areas []geofence.Area) ([]method, error) {
	var base, changes []geofence.Zone
	for i, z := range zones(areas, d.odd) {
		if i%10 == 0 && len(changes) < geofence.MaxChanges {
			changes = append(changes, z)
		} else {
			base = append(base, z)
		}
	}
	x, err := geofence.NewIndex(base...)
	if err != nil {
		return nil, err
	}
	l := geofence.NewLive(x)
	if err := l.Put(changes...); err != nil {
		return nil, err
	}
	v := l.View()
	return []method{{name: oursLive, finder: func() finder {
		var hits []geofence.ZoneHit
		return func(dst []geofence.Hit, pts []em.LatLng) []geofence.Hit {
			hits = v.AppendBatch(hits[:0], pts)
			for _, h := range hits {
				dst = append(dst, geofence.Hit{Point: int32(h.Point), Zone: zoneNumber(h.Zone.ID)})
			}
			return dst
		}
	}}}, nil
}

func buildSet(d *dataset, areas []geofence.Area) ([]method, error) {
	s, err := geofence.NewSet(zones(areas, d.odd)...)
	if err != nil {
		return nil, err
	}
	return []method{{name: oursSet, finder: each(s.Append)}}, nil
}

// spherePoint is the point of a position, with one name for each pole and for
// the antimeridian.
func spherePoint(lng, lat float64) s2.Point {
	switch {
	case lat == 90:
		return s2.PointFromCoords(0, 0, 1)
	case lat == -90:
		return s2.PointFromCoords(0, 0, -1)
	case lng == -180:
		lng = 180
	}
	return s2.PointFromLatLng(s2.LatLngFromDegrees(lat, lng))
}

// s2Zone is a shape that knows its zone.
type s2Zone struct {
	*s2.LaxPolygon
	zone int32
	odd  bool
}

// ReferencePoint is a point of which is known whether it is inside. Where rings
// cross that cannot be seen from how they run: the pole is outside.
func (z *s2Zone) ReferencePoint() s2.ReferencePoint {
	if z.odd {
		return s2.ReferencePoint{Point: spherePoint(0, 90)}
	}
	return z.LaxPolygon.ReferencePoint()
}

func newS2Zone(i int, a geofence.Area, odd bool) *s2Zone {
	var loops [][]s2.Point
	for _, p := range a {
		for _, r := range p {
			loop := make([]s2.Point, 0, len(r)-1)
			for _, v := range r[:len(r)-1] {
				if q := spherePoint(v[0], v[1]); len(loop) == 0 || loop[len(loop)-1] != q {
					loop = append(loop, q)
				}
			}
			for len(loop) > 1 && loop[0] == loop[len(loop)-1] {
				loop = loop[:len(loop)-1]
			}
			loops = append(loops, loop)
		}
	}
	return &s2Zone{s2.LaxPolygonFromPoints(loops), int32(i), odd}
}

func buildGoogle(d *dataset, areas []geofence.Area) ([]method, error) {
	return []method{googleMethod(d, areas, 0)}, nil
}

// googleMethod asks about some zones of a data set, from one on, which it counts
// from zero.
func googleMethod(d *dataset, areas []geofence.Area, from int) method {
	index := s2.NewShapeIndex()
	for i, a := range areas {
		index.Add(newS2Zone(i, a, isOdd(d.odd, from+i)))
	}
	index.Build()
	return method{name: google, finder: func() finder {
		q := s2.NewContainsPointQuery(index, s2.VertexModelSemiOpen)
		return func(dst []geofence.Hit, pts []em.LatLng) []geofence.Hit {
			for i, p := range pts {
				for _, s := range q.ContainingShapes(spherePoint(p.Lng, p.Lat)) {
					dst = append(dst, geofence.Hit{Point: int32(i), Zone: s.(*s2Zone).zone})
				}
			}
			return dst
		}
	}}
}

// tree is an R-tree of polygons in the plane.
type tree[T any] struct {
	rtree.RTreeG[planarZone[T]]
}

type planarZone[T any] struct {
	polygon T
	zone    int32
}

func plant[T any](areas []geofence.Area, polygon func(orb.Polygon) T) *tree[T] {
	t := new(tree[T])
	for i, a := range areas {
		for _, p := range a {
			b := p.Bound()
			t.Insert(b.Min, b.Max, planarZone[T]{polygon(p), int32(i)})
		}
	}
	return t
}

// finder asks polygons whose box contains the point.
func (t *tree[T]) finder(contains func(T, em.LatLng) bool) func() finder {
	return func() finder {
		return func(dst []geofence.Hit, pts []em.LatLng) []geofence.Hit {
			for i, p := range pts {
				at := [2]float64{p.Lng, p.Lat}
				t.Search(at, at, func(_, _ [2]float64, z planarZone[T]) bool {
					if contains(z.polygon, p) {
						dst = append(dst, geofence.Hit{Point: int32(i), Zone: z.zone})
					}
					return true
				})
			}
			return dst
		}
	}
}

func buildTidwall(_ *dataset, areas []geofence.Area) ([]method, error) {
	t := plant(areas, tidwallPoly)
	return []method{{name: tidwall, finder: t.finder(func(p *geometry.Poly, at em.LatLng) bool {
		return p.ContainsPoint(geometry.Point{X: at.Lng, Y: at.Lat})
	})}}, nil
}

func tidwallPoly(p orb.Polygon) *geometry.Poly {
	rings := make([][]geometry.Point, len(p))
	for i, r := range p {
		for _, v := range r {
			rings[i] = append(rings[i], geometry.Point{X: v[0], Y: v[1]})
		}
	}
	return geometry.NewPoly(rings[0], rings[1:], geometry.DefaultIndexOptions)
}

func buildOrb(_ *dataset, areas []geofence.Area) ([]method, error) {
	t := plant(areas, func(p orb.Polygon) orb.Polygon { return p })
	return []method{{name: "orb", finder: t.finder(func(p orb.Polygon, at em.LatLng) bool {
		return planar.PolygonContains(p, orb.Point{at.Lng, at.Lat})
	})}}, nil
}

// unnamed is the zone of a hit of which only is known that there is one.
const unnamed = -1

func buildTZF(d *dataset, areas []geofence.Area) ([]method, error) {
	// tzf has positions of 32 bits, as its own data has.
	ring := func(r orb.Ring) *pb.Polygon {
		p := new(pb.Polygon)
		for _, v := range r {
			p.Points = append(p.Points, &pb.Point{Lng: float32(v[0]), Lat: float32(v[1])})
		}
		return p
	}
	data := new(pb.Timezones)
	for i, a := range areas {
		tz := &pb.Timezone{Name: d.names[i]}
		for _, polygon := range a {
			p := ring(polygon[0])
			for _, hole := range polygon[1:] {
				p.Holes = append(p.Holes, ring(hole))
			}
			tz.Polygons = append(tz.Polygons, p)
		}
		data.Timezones = append(data.Timezones, tz)
	}
	f, err := tzf.NewFinderFromPB(data, tzf.SetDropPBTZ)
	if err != nil {
		return nil, err
	}
	return []method{{name: "tzf", finder: func() finder {
		return func(dst []geofence.Hit, pts []em.LatLng) []geofence.Hit {
			for i, p := range pts {
				names, _ := f.GetTimezoneNames(p.Lng, p.Lat) // an error is no zone
				for range names {
					dst = append(dst, geofence.Hit{Point: int32(i), Zone: unnamed})
				}
			}
			return dst
		}
	}}}, nil
}

// buildTZFDefault is tzf's usual finder, on the simplified data it brings.
func buildTZFDefault(*dataset, []geofence.Area) ([]method, error) {
	f, err := tzf.NewDefaultFinder()
	if err != nil {
		return nil, err
	}
	return []method{{name: "tzf, approximate", finder: func() finder {
		return func(dst []geofence.Hit, pts []em.LatLng) []geofence.Hit {
			for i, p := range pts {
				if f.GetTimezoneName(p.Lng, p.Lat) != "" {
					dst = append(dst, geofence.Hit{Point: int32(i), Zone: unnamed})
				}
			}
			return dst
		}
	}}}, nil
}
