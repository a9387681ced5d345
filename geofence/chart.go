package geofence

import (
	"math"
	"slices"
	"unsafe"

	"github.com/golang/geo/r3"
	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"

	"github.com/sargas-em/em"
)

// chart is a map of the surroundings of a place, the stereographic projection:
// x to the east and y to the north of its origin, in units of the Earth's radius.
// It has one scale in all directions, and the distance through the sphere
// between two of its places follows from the one on the chart exactly; see
// chord2. Geodesics are lines that bend a little; see maxDrawn.
type chart struct {
	lat, lng float64 // of the origin, in degrees
	sin, cos float64 // of the latitude
}

const (
	// chartReach is how far from its origin, in units of the Earth's radius,
	// what is drawn on a chart may lie: 55 kilometres. There lengths are drawn
	// longer than at the origin by a quarter of its square, 2·10⁻⁵. Of two lines
	// the wrong one may seem to be the nearer by half of the difference of that
	// between them: 6 cm in 10 km, and less than 10⁻⁵ of any distance.
	// Coordinates as float32 are good to 3 mm, and to less near the origin.
	chartReach = 55_000 / em.EarthRadius

	// maxDrawn is how long a line on a chart may be: 10 kilometres. At a
	// distance of r from the origin a geodesic of length l is up to l²r/16 away
	// from its line: 9 mm.
	maxDrawn = 10_000 / em.EarthRadius
)

// newChart returns a chart around a point of the unit sphere, or very near it.
func newChart(origin r3.Vector) chart {
	o := s2.LatLngFromPoint(s2.Point{Vector: origin})
	c := chart{lat: o.Lat.Degrees(), lng: o.Lng.Degrees()}
	c.sin, c.cos = math.Sincos(c.lat * (math.Pi / 180))
	return c
}

// axes returns the directions of the east, of the north and of the origin.
func (c *chart) axes() (e, n, o r3.Vector) {
	sin, cos := math.Sincos(c.lng * (math.Pi / 180))
	return r3.Vector{X: -sin, Y: cos},
		r3.Vector{X: -c.sin * cos, Y: -c.sin * sin, Z: c.cos},
		r3.Vector{X: c.cos * cos, Y: c.cos * sin, Z: c.sin}
}

// project returns where a point of the sphere is on the chart. It is ok if the
// point is on the same half of the sphere as the origin.
func (c *chart) project(q r3.Vector) (x, y float64, ok bool) {
	e, n, o := c.axes()
	z := o.Dot(q)
	f := 2 / (1 + z)
	return f * e.Dot(q), f * n.Dot(q), z >= 0
}

// projectNear is project for a position within 2.8 degrees of the latitude and
// 5.7 degrees of the longitude of the origin; for others it is not ok. It takes
// no trigonometry: what the series leave out moves a place by less than a
// millimetre.
func (c *chart) projectNear(p em.LatLng) (x, y float64, ok bool) {
	dy, dx := (p.Lat-c.lat)*(math.Pi/180), p.Lng-c.lng
	if dx > 180 {
		dx -= 360
	} else if dx < -180 {
		dx += 360
	}
	dx *= math.Pi / 180
	x2, y2 := dx*dx, dy*dy
	if x2 > .1*.1 || y2 > .05*.05 {
		return 0, 0, false
	}
	sinX := dx * (1 - x2*(1./6-x2*(1./120)))
	versX := x2 * (1./2 - x2*(1./24-x2*(1./720))) // 1-cos
	sinY := dy * (1 - y2*(1./6-y2*(1./120)))
	cosY := 1 - y2*(1./2-y2*(1./24-y2*(1./720)))
	cos := c.cos*cosY - c.sin*sinY // of the latitude
	cosVers := cos * versX
	f := 2 / (1 + cosY - c.cos*cosVers)
	return f * cos * sinX, f * (sinY + c.sin*cosVers), true
}

// point returns the point of the sphere that is at (x, y).
func (c *chart) point(x, y float64) s2.Point {
	e, n, o := c.axes()
	r2 := (x*x + y*y) / 4
	return s2.Point{Vector: e.Mul(x).Add(n.Mul(y)).Add(o.Mul(1 - r2)).Mul(1 / (1 + r2))}
}

// chord2 returns the square of the distance through the unit sphere between two
// places on a chart, of which scale is 1+r²/4 for one, r from the origin, and the
// other, at (x, y), is within chartReach. The square of their distance is d2.
func chord2(scale, d2, x, y float64) s1.ChordAngle {
	r2 := (x*x + y*y) / 4
	return s1.ChordAngle(d2 / scale * (1 - r2*(1-r2))) // 1/(1+r2), as r2 is less than 2·10⁻⁵
}

// spot is a place on a chart. Rows of spots are lines; a spot whose x is not a
// number separates two lines of a row.
type spot struct{ x, y float32 }

// gap separates two lines. What is computed from it is no number, and as bits
// more than any number.
var gap = spot{float32(math.NaN()), float32(math.NaN())} // never changed

func (s spot) isGap() bool { return s != s }

// along returns how far along the line from (ax, ay), by (dx, dy), what is
// nearest to (0, 0) lies, from 0 to 1; without a branch, as nobody could foresee
// it. It takes the line's shortness.
func along(ax, ay, dx, dy, short float64) float64 {
	t := (ax*dx + ay*dy) * short // -1 at the end
	return .5 + .5*(math.Abs(t)-math.Abs(t+1))
}

// shortness is 1 over the square of a length. The small number is for a line of
// no length.
func shortness(dx, dy float64) float64 { return 1 / (dx*dx + dy*dy + 1e-200) }

// drawing is lines on a chart, with a tree over them: its leaves are runs of
// runEdges edges, and runFan nodes of a level make one of the next. Of a node it
// is known how far from the line between its ends, which is called its base, all
// that it has may be.
//
// What is asked of all drawings takes two lines of the processor's cache.
type drawing struct {
	chart
	cells        // none but in an Index, and of few edges or very many
	spots []spot // none that is a multiple of runEdges is a gap, nor the last
	extra *extra // nil for a few edges that make one ring
}

const _ = 128 - unsafe.Sizeof(drawing{}) // is not negative

// extra is what a drawing may have besides.
type extra struct {
	strays []float32 // from the base; by level, the leaves first. None if there are few edges
	wide   *s2.Edge  // one that is too long for a chart; nothing is drawn
	atlas  *atlas    // of many drawings; nothing is drawn
}

const (
	runEdges = 1 << runShift
	runFan   = 1 << fanShift
	runShift = 4
	fanShift = 3

	fewSpots = 40 // are looked at as they are
	partMost = 14 // edges of them at once, as it may be enough
)

// draw draws edges that lie within chartReach of the origin.
func draw(origin r3.Vector, edges []s2.Edge) drawing {
	d := drawing{chart: newChart(origin)}
	add := func(v r3.Vector) {
		x, y, _ := d.project(v)
		d.spots = append(d.spots, spot{float32(x), float32(y)})
	}
	for i, e := range edges {
		if i == 0 || edges[i-1].V1 != e.V0 {
			if n := len(d.spots); n > 0 {
				if n%runEdges == 0 {
					d.spots = append(d.spots, d.spots[n-1])
				}
				d.spots = append(d.spots, gap)
			}
			add(e.V0.Vector)
		}
		pieces := 1 + int(e.V0.Sub(e.V1.Vector).Norm()/maxDrawn)
		for j := 1; j < pieces; j++ {
			t := float64(j) / float64(pieces)
			add(e.V0.Mul(1 - t).Add(e.V1.Mul(t)).Normalize())
		}
		add(e.V1.Vector)
	}
	d.spots = slices.Clip(slices.Clone(d.spots))
	few := len(d.spots) <= fewSpots
	if few && d.spots[0] == d.spots[len(d.spots)-1] && !slices.ContainsFunc(d.spots, spot.isGap) {
		return d
	}
	d.extra = &extra{}
	if n := d.runs(); !few {
		for shift := runShift; ; shift += fanShift {
			for i := range n {
				d.extra.strays = append(d.extra.strays, stray(d.node(shift, i)))
			}
			if n <= runFan {
				break
			}
			n = above(n)
		}
		d.extra.strays = slices.Clone(d.extra.strays)
	}
	return d
}

// runs returns how many leaves there are.
func (d *drawing) runs() int { return (len(d.spots) - 1 + runEdges - 1) >> runShift }

// above returns how many nodes there are over so many.
func above(n int) int { return (n + runFan - 1) >> fanShift }

// node returns what a node has, if those of its level have 1<<shift edges.
func (d *drawing) node(shift, i int) []spot {
	return d.spots[i<<shift : min((i+1)<<shift+1, len(d.spots))]
}

// stray returns how far from their base spots are, or a little more.
func stray(line []spot) float32 {
	far2 := 0.
	a, b := line[0], line[len(line)-1]
	for _, s := range line {
		if !s.isGap() {
			x, y := float64(a.x)-float64(s.x), float64(a.y)-float64(s.y)
			dx, dy := float64(b.x)-float64(a.x), float64(b.y)-float64(a.y)
			t := along(x, y, dx, dy, shortness(dx, dy))
			x, y = x+t*dx, y+t*dy
			far2 = max(far2, x*x+y*y)
		}
	}
	const slack = 1e-12
	return math.Nextafter32(float32(math.Sqrt(far2)+slack), math.MaxFloat32)
}

// finder is a search on a drawing for what is nearest to (x, y).
type finder struct {
	x, y   float64
	best   float64 // distance so far, on the chart
	best2  float64 // its square
	nx, ny float64 // where that is, from (x, y)

	// Of the edges looked at, an odd number crosses the way to another place,
	// which is given from (x, y); see scan.
	odd          uint64
	fromX, fromY float64
}

// A place farther away than all that is drawn, and to no point of the compass.
const farX, farY = -100, -37

// find looks for what is nearer to (x, y) than the root of best2: its distance
// squared, and where it is from there. It also says on which side of the edges
// (x, y) is, if they are those of an area: odd is 1 inside. That is known if the
// edges make that easy. If something is nearer than the root of enough, any that is
// may be told of, and the side is not known.
func (d *drawing) find(x, y, best2, enough float64) (d2, nx, ny float64, odd uint64, known bool) {
	run, least := d.spots, int64(0)
	switch {
	case d.cells.has(x, y):
		if run, least, odd, known = d.cells.find(d.spots, x, y); run == nil {
			return d.search(x, y, best2)
		}
	case d.extra == nil:
		least, known = math.MaxInt64, true
		for rest := d.spots; len(rest) > 1 && known; {
			part := rest[:min(len(rest), partMost+1)]
			l, o := scan(part, x, y, farX, farY)
			if odd ^= o; l|scanMost < least|scanMost {
				run, least = part, l
				known = leastOf(l) > enough
			}
			rest = rest[len(part)-1:]
		}
	default:
		return d.search(x, y, best2)
	}
	if d2 = leastOf(least); !(d2 < best2) {
		return best2, 0, 0, odd, known
	}
	nx, ny = foot(run, least, x, y)
	return d2, nx, ny, odd, known
}

// search is find by the tree, or among a few edges that make no ring.
func (d *drawing) search(x, y, best2 float64) (d2, nx, ny float64, odd uint64, known bool) {
	f := finder{best2: best2}
	f.x, f.y = x, y
	n := d.runs()
	if d.extra == nil || len(d.extra.strays) == 0 {
		f.look(d.spots)
		return f.best2, f.nx, f.ny, 0, false
	}
	level, start := 0, 0
	for n > runFan {
		start += n
		level, n = level+1, above(n)
	}
	f.best = math.Sqrt(f.best2)
	d.descend(&f, level, start, 0, n)
	return f.best2, f.nx, f.ny, 0, false
}

// numbered are the bits of a number that is not negative, but for the last ones,
// which are those of i: of two of them the less is the less number.
func numbered(v float64, i int) uint64 { return math.Float64bits(v)&^7 | uint64(i) }

// descend looks into some nodes of a level, the one with the nearest base first.
// The strays of the level are from start on.
func (d *drawing) descend(f *finder, level, start, from, to int) {
	var d2 [runFan]float64
	shift := runShift + level*fanShift
	least := uint64(math.MaxUint64)
	a := d.spots[from<<shift]
	ax, ay := float64(a.x)-f.x, float64(a.y)-f.y
	for i := range (to - from) & (2*runFan - 1) {
		b := d.spots[min((from+i+1)<<shift, len(d.spots)-1)]
		bx, by := float64(b.x)-f.x, float64(b.y)-f.y
		dx, dy := bx-ax, by-ay
		t := along(ax, ay, dx, dy, shortness(dx, dy))
		x, y := ax+t*dx, ay+t*dy
		v := x*x + y*y
		d2[i&(runFan-1)] = v
		least = min(least, numbered(v, i))
		ax, ay = bx, by
	}
	first := int(least & (runFan - 1))
	strays := d.extra.strays[start+from : start+to]
	if r := f.best + float64(strays[first]); d2[first] < r*r {
		d.enter(f, level, start, from+first)
	}
	for i, s := range strays {
		if r := f.best + float64(s); d2[i&(runFan-1)] < r*r && i != first {
			d.enter(f, level, start, from+i)
		}
	}
}

func (d *drawing) enter(f *finder, level, start, i int) {
	if level == 0 {
		if f.look(d.node(runShift, i)) {
			f.best = math.Sqrt(f.best2)
		}
		return
	}
	below := d.runs()
	for range level - 1 {
		below = above(below)
	}
	d.descend(f, level-1, start-below, i<<fanShift, min((i+1)<<fanShift, below))
}

// look looks for what is nearer than f.best2 in a run, and at what of it crosses
// the way to the other place.
func (f *finder) look(run []spot) (nearer bool) {
	for len(run) > 1 {
		part := run[:min(len(run), scanMost+1)]
		least, odd := scan(part, f.x, f.y, f.fromX, f.fromY)
		f.odd ^= odd
		if d2 := leastOf(least); d2 < f.best2 {
			f.best2, nearer = d2, true
			f.nx, f.ny = foot(part, least, f.x, f.y)
		}
		run = run[len(part)-1:]
	}
	return nearer
}

const (
	scanBits = 6
	scanMost = 1<<scanBits - 1 // edges
)

// scan looks for what of a run of 1 to scanMost edges is nearest to (x, y): for
// leastOf and foot. And it returns 1 if an odd number of them crosses the way to
// another place, which is given from there.
//
// There is no branch in the loop, as nobody could foresee which edge it is.
func scan(run []spot, x, y, fromX, fromY float64) (least int64, odd uint64) {
	// The bits of a number that is not negative are in the order of the numbers;
	// the last ones are put to which edge it is of.
	const value = math.MaxInt64 &^ scanMost
	least = math.MaxInt64
	crossed := uint64(0)
	ax, ay := float64(run[0].x)-x, float64(run[0].y)-y
	left := float64(fromX*ay) - float64(fromY*ax) + 0
	for i := 1; i < len(run); i++ {
		bx, by := float64(run[i].x)-x, float64(run[i].y)-y
		dx, dy := bx-ax, by-ay
		here := ax*dy - ay*dx
		u, l2 := ax*dx+ay*dy, dx*dx+dy*dy
		// What is nearest on the line lies between the ends if u is negative and
		// u+l2 is not. Otherwise it is an end, this one or another edge's.
		end := int64(math.Float64bits(ax*ax+ay*ay)) & value
		beyond := int64(^math.Float64bits(u)|math.Float64bits(u+l2)) >> 63
		between := (int64(math.Float64bits(here*here/l2)) | beyond) & value
		least = lesser(least, lesser(end, between)|int64(i-1))
		// The way crosses the edge if the ends of the edge lie on different sides
		// of the way, and the ends of the way on different sides of the edge. A
		// zero has no sign.
		right := float64(fromX*by) - float64(fromY*bx) + 0
		there := here + (left - right)
		crossed ^= (math.Float64bits(left) ^ math.Float64bits(right)) & (math.Float64bits(here) ^ math.Float64bits(there))
		ax, ay, left = bx, by, right
	}
	end := int64(math.Float64bits(ax*ax+ay*ay)) & value
	return lesser(least, end|int64(len(run)-2)), crossed >> 63
}

// lesser returns the less of two numbers that are not negative, without a branch.
func lesser(a, b int64) int64 {
	d := b - a
	return a + d&(d>>63)
}

// leastOf returns the square of the distance that scan has found.
func leastOf(least int64) float64 { return math.Float64frombits(uint64(least) &^ scanMost) }

// foot returns where that is, from (x, y).
func foot(run []spot, least int64, x, y float64) (nx, ny float64) {
	i := int(least & scanMost)
	a, b := run[i], run[i+1]
	switch { // the last of a line begins no edge, and the first of one, last of a run, ends none
	case a.isGap():
		return float64(b.x) - x, float64(b.y) - y
	case b.isGap():
		b = a
	}
	ax, ay := float64(a.x)-x, float64(a.y)-y
	dx, dy := float64(b.x)-float64(a.x), float64(b.y)-float64(a.y)
	t := along(ax, ay, dx, dy, shortness(dx, dy))
	return ax + t*dx, ay + t*dy
}
