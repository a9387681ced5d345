package geofence

import (
	"math"

	"github.com/golang/geo/r3"
	"github.com/golang/geo/s2"

	"github.com/sargas-em/em"
)

// How a point is compared with the border of an area.
//
// Vertices are integers, in units of 1e-7 degrees. Edges are split until the
// geodesic between two vertices lies within chordTolerance of the straight line
// (the chord) between them in the plane of longitude and latitude. So for a
// point that is farther than band from every chord, the chords and the
// geodesics give the same answer, whatever it was rounded by: crossings finds
// it by exact arithmetic in int64. A point that is nearer to a chord is decided
// by golang/geo's robust predicates on the geodesics: exactCrossings.
//
// That holds between the two polar circles of latitude ±polar. Beyond them
// geodesics are no lines in the plane; all points there are left to S2.

// E7 is a position in units of 1e-7 degrees, about a centimetre on the ground:
// what many trackers report.
type E7 struct {
	Lat, Lng int32
}

// LatLng returns the position in degrees.
func (e E7) LatLng() em.LatLng {
	return em.LatLng{Lat: float64(e.Lat) / 1e7, Lng: float64(e.Lng) / 1e7}
}

// Valid reports whether the position is one: latitude within ±90 degrees,
// longitude within ±180.
func (e E7) Valid() bool {
	return e.Lat >= -quarter && e.Lat <= quarter && e.Lng >= -half && e.Lng <= half
}

// point is the position on the sphere; see toPoint for names of one place.
func (e E7) point() s2.Point { return toPoint(float64(e.Lng)/1e7, float64(e.Lat)/1e7) }

// roundE7 returns the nearest E7 to a valid position.
func roundE7(p em.LatLng) E7 {
	// Conversion truncates; what is converted is not negative.
	return E7{
		Lat: int32(int64(p.Lat*1e7+(quarter+.5)) - quarter),
		Lng: int32(int64(p.Lng*1e7+(half+.5)) - half),
	}
}

const (
	quarter = 900_000_000   // 90 degrees
	half    = 1_800_000_000 // 180 degrees
	polar   = 899_000_000   // 89.9 degrees: chords are straight up to there

	// band is how far in units a point must be from a chord so that the chord
	// decides: chordTolerance, and half a unit in either coordinate for
	// rounding, make less than 2.3; sines are off by less than a millionth.
	band           = 3
	chordTolerance = 1.5
)

// isBreak reports whether there is no edge from a to b, neighbours in a chain,
// in the plane: they are two names of one point of the antimeridian, or lie
// about a pole.
func isBreak(a, b E7) bool {
	d := int64(a.Lng) - int64(b.Lng)
	return d > half || d < -half || beyondPolar(a) && beyondPolar(b)
}

func beyondPolar(a E7) bool { return a.Lat >= polar || a.Lat <= -polar }

// crossings returns 1 if a ray from p to the west crosses the chain's chords an
// odd number of times, 0 otherwise; and whether p lies within band of one. The
// chain has no breaks. An edge spans less than a quarter of the globe.
//
// There is no branch in the loop, as nobody could foresee on which side of an
// edge p lies: what is negative is true.
func crossings(chain []E7, p E7) (odd uint32, near bool) {
	x, y := int64(p.Lng), int64(p.Lat)
	ax, ay := int64(chain[0].Lng)-x, int64(chain[0].Lat)-y // from p
	cross, far := int64(0), int64(-1)
	for i := range chain[1:] {
		v := &chain[i+1]
		bx, by := int64(v.Lng)-x, int64(v.Lat)-y
		dx, dy := bx-ax, by-ay
		left := ax*by - ay*bx                               // positive if p is to the left of the edge
		cross ^= ((ay - 1) ^ (by - 1)) & (left ^ dy)        // from p's latitude, or south of it, to the north of it
		reach := band * ((dx ^ dx>>63) + (dy ^ dy>>63) + 2) // not less than band times the length
		far &= (reach - left) | (reach + left)
		ax, ay = bx, by
	}
	return uint32(uint64(cross) >> 63), far >= 0 && isNear(chain, p)
}

// isNear reports whether p lies within band of an edge of a chain.
func isNear(chain []E7, p E7) bool {
	x, y := int64(p.Lng), int64(p.Lat)
	a := chain[0]
	for _, b := range chain[1:] {
		west, east := int64(min(a.Lng, b.Lng)), int64(max(a.Lng, b.Lng))
		south, north := int64(min(a.Lat, b.Lat)), int64(max(a.Lat, b.Lat))
		if west-band <= x && x <= east+band && south-band <= y && y <= north+band {
			left := (int64(b.Lng)-int64(a.Lng))*(y-int64(a.Lat)) - (int64(b.Lat)-int64(a.Lat))*(x-int64(a.Lng))
			if abs64(left) <= band*(east-west+north-south) {
				return true
			}
		}
		a = b
	}
	return false
}

// exactCrossings reports whether a way from one point to another crosses the
// geodesics of the chain an odd number of times: the geodesic between the two,
// or where they are far apart one by way of a third point. A vertex that is one
// of the points counts as golang/geo's semi-open model has it.
func exactCrossings(chain []E7, from, to s2.Point) bool {
	if from.Dot(to.Vector) < -.5 {
		return geodesicCrossings(chain, from, stopover(from, to)) != geodesicCrossings(chain, stopover(from, to), to)
	}
	return geodesicCrossings(chain, from, to)
}

// nearCrossings is exactCrossings between two points, given rounded as well, that
// are no more than maxNudge from each other, for a chain without breaks. It leaves
// out edges that lie beyond both: the geodesics keep to their chords but for less
// than pad.
func nearCrossings(chain []E7, a, b E7, from, to s2.Point) bool {
	south, north := min(a.Lat, b.Lat)-pad, max(a.Lat, b.Lat)+pad
	west, east := min(a.Lng, b.Lng)-pad, max(a.Lng, b.Lng)+pad
	odd := false
	v := chain[0]
	for i, w := range chain[1:] {
		if min(v.Lat, w.Lat) <= north && max(v.Lat, w.Lat) >= south && min(v.Lng, w.Lng) <= east && max(v.Lng, w.Lng) >= west &&
			geodesicCrossings(chain[i:i+2], from, to) {
			odd = !odd
		}
		v = w
	}
	return odd
}

func geodesicCrossings(chain []E7, from, to s2.Point) bool {
	odd := false
	v := chain[0].point()
	left := s2.RobustSign(from, to, v)
	for _, e := range chain[1:] {
		w := e.point()
		if w == v { // two names of one point
			continue
		}
		// As s2.EdgeCrosser has it, but that is allocated.
		before := left
		left = s2.RobustSign(from, to, w)
		switch {
		case before == s2.Indeterminate || left == s2.Indeterminate: // only where two points are one
			if s2.VertexCrossing(from, to, v, w) {
				odd = !odd
			}
		case before != left && s2.RobustSign(v, w, to) == before && s2.RobustSign(v, w, from) == left:
			odd = !odd
		}
		v = w
	}
	return odd
}

// meridianCrossings is exactCrossings from a pole to a point, given rounded as
// well. It looks at the edges on the point's meridian alone: an edge's
// longitudes are those between its ends.
func meridianCrossings(chain []E7, pole s2.Point, e E7, to s2.Point) bool {
	odd := false
	const near = 2 // what rounding does, and more
	fromMeridian := func(v E7) int64 {
		d := int64(v.Lng) - int64(e.Lng)
		if d > half {
			d -= 2 * half
		} else if d < -half {
			d += 2 * half
		}
		return d
	}
	b := fromMeridian(chain[0])
	for i, v := range chain[1:] {
		a := b
		b = fromMeridian(v)
		if min(abs64(a), abs64(b)) > near && (a > 0 == (b > 0) || abs64(a-b) > half) {
			continue
		}
		if geodesicCrossings(chain[i:i+2], pole, to) {
			odd = !odd
		}
	}
	return odd
}

// stopover returns a point that is far from the antipodes of two others, which
// are more than a right angle apart, and on no line that is drawn.
func stopover(a, b s2.Point) s2.Point {
	mid := a.Sub(b.Vector)
	side := mid.Cross(r3.Vector{X: .267, Y: .534, Z: -.801})
	if other := mid.Cross(r3.Vector{X: .707, Y: -.1, Z: .7}); other.Norm2() > side.Norm2() {
		side = other
	}
	return s2.Point{Vector: side.Normalize()}
}

// splitParts returns into how many parts the edge from a to b is split, which
// spans turn units of longitude, so that each keeps to chordTolerance.
//
// Where a point moves at constant d(longitude) and d(latitude), geodesics bend
// away from its path, in the plane, by (2 tan turn rise, sin cos turn²) over
// the square of the time. Half way they are an eighth of that apart.
func splitParts(a, b E7, turn int64) int {
	const rad = math.Pi / 180 / 1e7
	rise := float64(b.Lat-a.Lat) * rad
	east := float64(turn) * rad
	low, high := min(abs32(a.Lat), abs32(b.Lat)), max(abs32(a.Lat), abs32(b.Lat))
	if a.Lat > 0 != (b.Lat > 0) {
		low = 0
	}
	if high > polar {
		return groundParts(a, b, turn)
	}
	if m := max(math.Abs(east), math.Abs(rise)); high < quarter/6*5 && m < 4.5e-5 {
		return 1 // three hundred metres: the bend is less than 8 m²
	}
	level := min(max(low, quarter/2), high) // where sin cos is greatest
	sin, cos := math.Sincos(float64(level) * rad)
	bend := math.Hypot(2*math.Tan(float64(high)*rad)*east*rise, sin*cos*east*east)
	const tolerance = .8 * chordTolerance * rad // the rest is for what the square leaves out
	return atLeastSteps(math.Sqrt(bend/8/tolerance), east, rise)
}

// atLeastSteps rounds a number of parts up, to no fewer than maxStep asks for.
func atLeastSteps(n, east, rise float64) int {
	return int(math.Ceil(max(n, math.Abs(east)/(maxStep*math.Pi/180), math.Abs(rise)/(maxStep*math.Pi/180), 1)))
}

// groundParts is splitParts where it is not the plane that counts but the
// ground: edges keep to two centimetres. On the path of splitParts geodesics
// bend away by (sin cos turn², 2 sin turn rise) on the ground.
func groundParts(a, b E7, turn int64) int {
	const rad = math.Pi / 180 / 1e7
	rise, east := float64(b.Lat-a.Lat)*rad, float64(turn)*rad
	low, high := min(abs32(a.Lat), abs32(b.Lat)), max(abs32(a.Lat), abs32(b.Lat))
	if a.Lat > 0 != (b.Lat > 0) {
		low = 0
	}
	const tolerance = .02 / em.EarthRadius
	bend := math.Sin(float64(high)*rad) * math.Hypot(math.Cos(float64(low)*rad)*east*east, 2*east*rise)
	return atLeastSteps(math.Sqrt(bend/8/tolerance), east, rise)
}

func abs32(v int32) int32 { return max(v, -v) }
