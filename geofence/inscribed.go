package geofence

import (
	"math"
	"slices"

	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
)

// boxSlack is by how many units boxes are too large, or too small, to allow for
// rounding and for the bend of geodesics between vertices: 13 cm.
const boxSlack = 16

// span is a range of longitudes and latitudes in turns, of which the longitudes
// go on over the antimeridian.
type span struct {
	west, east, south, north int64
	any                      bool
}

func (s *span) add(x, y int64) {
	if !s.any {
		*s = span{x, x, y, y, true}
	}
	s.west, s.east = min(s.west, x), max(s.east, x)
	s.south, s.north = min(s.south, y), max(s.north, y)
}

// box returns the outer box of the span, wider by so much on each side.
func (s *span) box(g growth) box {
	if !s.any {
		return everywhere
	}
	b := everywhere
	if w := s.east - s.west + 2*(g.dx+boxSlack); w < math.MaxUint32 {
		b.x, b.w = uint32(s.west-g.dx-boxSlack), uint32(w)
	}
	const half = fullTurn / 2
	south, north := max(0, s.south-g.dy-boxSlack), min(half, s.north+g.dy+boxSlack)
	b.y, b.h = uint32(south), uint32(north-south)
	return b
}

// line adds a line; ok is false if it is closed and goes round the globe.
func (s *span) line(at func(i int) em.LatLng, n int, start *int64) (ok bool) {
	var last turns
	x, first := *start, *start
	for i := range n {
		t := toTurns(at(i))
		if i > 0 {
			x += int64(int32(t.x - last.x))
		} else if s.any {
			x += int64(int32(t.x - uint32(*start)))
			first = x
		} else {
			x = int64(t.x)
			*start, first = x, x
		}
		last = t
		s.add(x, int64(t.y))
	}
	return x == first
}

// areaBox returns the outer box of an area that was found to be right. Where an
// area comes near a pole or goes round it, that is everywhere.
func areaBox(a Area) box {
	var s span
	var start int64
	for _, ring := range slices.Concat(a...) { // holes too, as even-odd ones may reach out
		at := func(i int) em.LatLng {
			p := ring[i%len(ring)]
			return em.LatLng{Lat: p.Lat(), Lng: p.Lon()}
		}
		for i := range ring {
			if math.Abs(at(i).Lat) > 89.8 {
				return everywhere
			}
		}
		if !s.line(at, len(ring)+1, &start) {
			return everywhere
		}
	}
	return s.box(growth{})
}

func corridorBox(c Corridor) box {
	var s span
	var start int64
	lat := 0.0
	for _, p := range c.Line {
		lat = max(lat, math.Abs(p.Lat()))
	}
	if lat > 89.8 {
		return everywhere
	}
	s.line(func(i int) em.LatLng { return em.LatLng{Lat: c.Line[i].Lat(), Lng: c.Line[i].Lon()} }, len(c.Line), &start)
	return s.box(growthOf(em.LatLng{Lat: min(lat+1e-5, 90)}, c.HalfWidth+.1))
}

func circleBoxes(c Circle) boxes {
	center := em.LatLng{Lat: c.Center.Lat(), Lng: c.Center.Lon()}
	t := toTurns(center)
	s := span{int64(t.x), int64(t.x), int64(t.y), int64(t.y), true}
	b := boxes{outer: s.box(growthOf(center, c.Radius+.1))}
	// The corners of the inner box are the farthest of it from the center.
	lat := c.Radius / em.EarthRadius / math.Sqrt2 * 180 / math.Pi
	if c.Radius < 1 || c.Radius > 1e6 || math.Abs(center.Lat)+2*lat > 89 {
		return b
	}
	corner := em.LatLng{Lat: math.Abs(center.Lat) + lat}
	lng := lat / math.Cos(center.Lat*math.Pi/180)
	for range 30 {
		corner.Lng = lng
		other := em.LatLng{Lat: math.Abs(center.Lat) - lat, Lng: lng}
		from := em.LatLng{Lat: math.Abs(center.Lat)}
		if max(from.Distance(corner), from.Distance(other)) < c.Radius {
			b.inner = innerBox(orb.Bound{Min: orb.Point{c.Center.Lon() - lng, center.Lat - lat}, Max: orb.Point{c.Center.Lon() + lng, center.Lat + lat}})
			return b
		}
		lng, lat = lng*.98, lat*.999
	}
	return b
}

// innerBox returns the box of a bound that may reach over the antimeridian,
// less a little.
func innerBox(b orb.Bound) box {
	x0, y0 := int64((b.Min.Lon()+180)*turnsPerDegree), int64((b.Min.Lat()+90)*turnsPerDegree)
	x1, y1 := int64((b.Max.Lon()+180)*turnsPerDegree), int64((b.Max.Lat()+90)*turnsPerDegree)
	w, h := x1-x0-2*boxSlack, y1-y0-2*boxSlack
	if w <= 0 || h <= 0 || w >= fullTurn {
		return box{}
	}
	return box{uint32(x0 + boxSlack), uint32(y0 + boxSlack), uint32(w), uint32(h)}
}

// inscribed returns a box within a closed chain in the plane: a large one if
// not the largest. It grows a square around the point, among some, that is
// farthest from the edges.
func inscribed(chain []E7) box {
	west, south, east, north := chain[0].Lng, chain[0].Lat, chain[0].Lng, chain[0].Lat
	for _, v := range chain {
		west, east = min(west, v.Lng), max(east, v.Lng)
		south, north = min(south, v.Lat), max(north, v.Lat)
	}
	if east-west > 1e8 || north-south > 1e8 { // ten degrees: not the shape of these boxes
		return box{}
	}
	// In the plane with the south-western corner as origin, stretched so that
	// both axes have one scale.
	stretch := math.Cos((float64(south) + float64(north)) / 2 * math.Pi / 180e7)
	ps := make([]orb.Point, len(chain))
	for i, v := range chain {
		ps[i] = orb.Point{float64(v.Lng-west) * stretch, float64(v.Lat - south)}
	}
	w, h := float64(east-west)*stretch, float64(north-south)

	// The point farthest from the edges, on a grid and then on finer ones.
	var best orb.Point
	clear := 0.0
	const grid = 5
	mid, cell := orb.Point{w / 2, h / 2}, orb.Point{w / (grid + 1), h / (grid + 1)}
	for range 3 {
		for i := range grid {
			for j := range grid {
				p := orb.Point{mid[0] + float64(i-grid/2)*cell[0], mid[1] + float64(j-grid/2)*cell[1]}
				if d := clearance(ps, p, clear); d > clear {
					best, clear = p, d
				}
			}
		}
		if clear == 0 {
			return box{}
		}
		mid, cell = best, orb.Point{cell[0] / 3, cell[1] / 3}
	}

	b := orb.Bound{Min: best, Max: best}.Pad(clear * math.Sqrt2 / 2 * .999)
	for step := max(w, h) / 4; step > max(w, h)/64; step /= 2 {
		for _, move := range [...]orb.Bound{
			{Min: orb.Point{-step, 0}}, {Max: orb.Point{step, 0}}, {Min: orb.Point{0, -step}}, {Max: orb.Point{0, step}},
		} {
			grown := orb.Bound{
				Min: orb.Point{b.Min[0] + move.Min[0], b.Min[1] + move.Min[1]},
				Max: orb.Point{b.Max[0] + move.Max[0], b.Max[1] + move.Max[1]},
			}
			if free(ps, grown) {
				b = grown
			}
		}
	}
	degrees := func(p orb.Point) orb.Point {
		return orb.Point{(p[0]/stretch + float64(west)) / 1e7, (p[1] + float64(south)) / 1e7}
	}
	return innerBox(orb.Bound{Min: degrees(b.Min), Max: degrees(b.Max)})
}

// clearance returns the distance from p to the nearest edge of a closed line if
// p is inside and it is more than least, and otherwise no more than least.
func clearance(ps []orb.Point, p orb.Point, least float64) float64 {
	in, best := false, math.Inf(1)
	for i, b := range ps[1:] {
		a := ps[i]
		ax, ay, bx, by := a[0]-p[0], a[1]-p[1], b[0]-p[0], b[1]-p[1]
		dx, dy := bx-ax, by-ay
		t := -(ax*dx + ay*dy) / (dx*dx + dy*dy)
		if !(t > 0) {
			t = 0
		} else if t > 1 {
			t = 1
		}
		x, y := ax+t*dx, ay+t*dy
		if best = min(best, x*x+y*y); best <= least*least {
			return 0
		}
		if ay > 0 != (by > 0) && (ax*by-ay*bx > 0) == (by > 0) {
			in = !in
		}
	}
	if !in {
		return 0
	}
	return math.Sqrt(best)
}

// free reports whether no edge of a line meets the box.
func free(ps []orb.Point, b orb.Bound) bool {
	for i, v := range ps[1:] {
		u := ps[i]
		if max(u[0], v[0]) < b.Min[0] || min(u[0], v[0]) > b.Max[0] || max(u[1], v[1]) < b.Min[1] || min(u[1], v[1]) > b.Max[1] {
			continue
		}
		// All corners on one side of the edge?
		dx, dy := v[0]-u[0], v[1]-u[1]
		left := func(x, y float64) bool { return dx*(y-u[1])-dy*(x-u[0]) > 0 }
		side := left(b.Min[0], b.Min[1])
		if side != left(b.Max[0], b.Min[1]) || side != left(b.Min[0], b.Max[1]) || side != left(b.Max[0], b.Max[1]) {
			return false
		}
	}
	return true
}
