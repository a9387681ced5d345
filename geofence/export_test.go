package geofence

import (
	"github.com/golang/geo/s2"
	"github.com/paulmach/orb"
)

// For the tests in package geofence_test, which may import zonejson.
var (
	ToPoint    = toPoint
	RoundPoint = roundPoint
)

// SplitEdge returns the vertices of an edge, with both ends; nil if it is ambiguous.
func SplitEdge(a, b orb.Point) []s2.Point {
	from, to := roundPoint(a), roundPoint(b)
	d, err := turn(from, to)
	if err != nil {
		return nil
	}
	u := unrolled{int64(from.Lng), from.Lat}
	v := unrolled{u.lng + d, to.Lat}
	var points []s2.Point
	for _, u := range append(appendEdge(nil, u, v, nil), v) {
		points = append(points, u.name(floorDiv(u.lng+half, 2*half)).point())
	}
	return points
}
