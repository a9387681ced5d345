package geofence

import (
	"math"

	"github.com/sargas-em/em"
)

// turns is a position in units of which 2³² make a full turn, eight
// millimetres on the ground: differences of longitudes wrap as they should
// where they are computed in 32 bits.
type turns struct{ x, y uint32 }

const (
	turnsPerDegree = (1 << 32) / 360.
	fullTurn       = 1 << 32
)

// toTurns rounds a valid position down.
func toTurns(p em.LatLng) turns {
	// Conversion truncates; what is converted is not negative.
	return turns{
		x: uint32(int64((p.Lng + 180) * turnsPerDegree)),
		y: uint32(int64((p.Lat + 90) * turnsPerDegree)),
	}
}

// boxes are two rectangles in longitude and latitude: no point of a zone is
// outside the outer one, and all of the inner one is in the zone, with some
// units to spare. An inner box that is empty has a width of zero.
type boxes struct {
	outer, inner box
}

type box struct {
	x, y uint32 // south-western corner
	w, h uint32 // to the other corner
}

// has reports whether an outer box has that position.
func (b *box) has(t turns) bool { return t.x-b.x <= b.w && t.y-b.y <= b.h }

// everywhere is an outer box that rules nothing out.
var everywhere = box{w: math.MaxUint32, h: math.MaxUint32} // never changed

// growth is how far the edge of a box may be from a point, east or west and
// north or south, that a distance on the ground still reaches.
type growth struct{ dx, dy int64 }

// growthOf returns it for a distance in metres that is not negative. It is
// rather too much than too little.
func growthOf(p em.LatLng, metres float64) growth {
	angle := metres / em.EarthRadius
	const perRadian = fullTurn / (2 * math.Pi)
	g := growth{fullTurn / 2, fullTurn / 2} // nothing is settled by boxes
	if !(angle < 1) {
		return g
	}
	g.dy = int64(angle*perRadian) + 2
	// The circle of that radius reaches the meridians that are asin(s) away,
	// if it does not hold a pole.
	lat := p.Lat * math.Pi / 180
	l2 := lat * lat
	cos := 1 - l2*(1./2-l2*(1./24-l2*(1./720))) // less than the cosine, by 2 % at 75 degrees
	if cos < .25 {
		cos = math.Cos(lat)
	}
	s := angle / cos
	switch {
	case s >= 0 && s < .5: // asin(s) < s + s³/5
		g.dx = int64(s*(1+s*s/5)*perRadian) + 2
	case math.Abs(lat)+angle < math.Pi/2:
		g.dx = int64(math.Asin(math.Sin(angle)/cos)*perRadian) + 2
	}
	return g
}

// sides reports of a point, as the sign of the results, whether what is within
// a distance of it may meet the zone at all, and whether it is all in the zone:
// maybe is negative if not, inside is negative if so.
func (b *boxes) sides(t turns, g growth) (maybe, inside int64) {
	o, i := &b.outer, &b.inner
	x, y := int64(t.x-o.x+uint32(g.dx)), int64(t.y-o.y+uint32(g.dy))
	maybe = (int64(o.w) + 2*g.dx - x) | (int64(o.h) + 2*g.dy - y)
	x, y = int64(t.x-i.x-uint32(g.dx)), int64(t.y-i.y-uint32(g.dy))
	inside = (x - int64(i.w) + 2*g.dx) & (y - int64(i.h) + 2*g.dy)
	return maybe, inside
}
