package geofence

import (
	"math"

	"github.com/golang/geo/r3"
	"github.com/golang/geo/s1"

	"github.com/sargas-em/em"
)

// chart is a map of the surroundings of a point of the unit sphere, the
// gnomonic projection on the plane that touches there: geodesics are straight
// lines, the unit is the Earth's radius. Its axes are any two at right angles.
type chart struct{ origin r3.Vector }

// chartReach is how far from its origin, in units of the Earth's radius, what
// is drawn on a chart may lie: four kilometres. Coordinates as float32 are
// then good to a quarter of a millimetre.
const chartReach = 4_000 / em.EarthRadius

// chartRange is how far from the origin of a chart distances may be measured on
// it. Lengths at a distance of a are drawn up to a² too long, and a² less in
// one direction than in the other: at 16 km half of that is 3·10⁻⁶, or 3 cm in
// 10 km, by which the wrong one of two edges may seem to be the nearest.
const chartRange = 16_000 / em.EarthRadius

// axes returns the two axes of the chart (Duff et al., Building an Orthonormal
// Basis, Revisited, 2017).
func (c *chart) axes() (u, v r3.Vector) {
	o := c.origin
	sign := math.Copysign(1, o.Z)
	a := -1 / (sign + o.Z)
	b := o.X * o.Y * a
	return r3.Vector{X: 1 + sign*o.X*o.X*a, Y: sign * b, Z: -sign * o.X}, r3.Vector{X: b, Y: sign + o.Y*o.Y*a, Z: -o.Y}
}

// project returns where q is on the chart; ok is false if it is on the other
// half of the sphere, or hardly on this one.
func (c *chart) project(q r3.Vector) (x, y float64, ok bool) {
	z := c.origin.Dot(q)
	if z < .5 {
		return 0, 0, false
	}
	u, v := c.axes()
	z = 1 / z
	return u.Dot(q) * z, v.Dot(q) * z, true
}

// spot is a place on a chart. Rows of spots are lines; a spot whose x is not a
// number separates two lines of a row.
type spot struct{ x, y float32 }

// gap separates two lines. Comparisons with it are false, and so are those with
// what is computed from it: no loop over spots asks for gaps.
var gap = spot{float32(math.NaN()), float32(math.NaN())} // never changed

// nearestSpot returns the point of the lines that is nearest to (x, y), relative
// to it; ok is false if the square of its distance on the chart is not less
// than limit.
func nearestSpot(line []spot, x, y, limit float64) (nx, ny float64, ok bool) {
	if len(line) < 2 {
		return 0, 0, false
	}
	ax, ay := float64(line[0].x)-x, float64(line[0].y)-y
	a2 := ax*ax + ay*ay
	if a2 < limit {
		limit, nx, ny, ok = a2, ax, ay, true
	}
	for _, s := range line[1:] {
		bx, by := float64(s.x)-x, float64(s.y)-y
		b2 := bx*bx + by*by
		if b2 < limit {
			limit, nx, ny, ok = b2, bx, by, true
		}
		// Between its ends the edge is nearer than at both if these are seen
		// in less than a right angle from each other: few edges are.
		if ab := ax*bx + ay*by; ab < a2 && ab < b2 {
			dx, dy, cross := bx-ax, by-ay, ax*by-ay*bx
			if length2 := dx*dx + dy*dy; cross*cross < limit*length2 {
				t := (a2 - ab) / length2
				limit, nx, ny, ok = cross*cross/length2, ax+t*dx, ay+t*dy, true
			}
		}
		ax, ay, a2 = bx, by, b2
	}
	return nx, ny, ok
}

// chord2 returns the square of the distance through the unit sphere between two
// places on a chart, (x, y) and (x+dx, y+dy), that are no more than some tens of
// kilometres apart.
func chord2(x, y, dx, dy float64) s1.ChordAngle {
	turn, cos := x*dy-y*dx, 1+x*(x+dx)+y*(y+dy)
	tan2 := (dx*dx + dy*dy + turn*turn) / (cos * cos)
	return s1.ChordAngle(tan2 * (1 - .75*tan2)) // 2-2cos = tan² - ¾tan⁴ + …
}
