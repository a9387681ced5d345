package geofence

import (
	"fmt"
	"reflect"

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
	for _, u := range append(appendEdge(nil, u, v, nil, splitParts), v) {
		points = append(points, u.name(floorDiv(u.lng+half, 2*half)).point())
	}
	return points
}

// Sizes says how large the parts of an index are.
func (x *Index) Sizes() string {
	t := x.tree
	return fmt.Sprintf("root %d×%d of 2^%d, %.1f MB; nodes %.1f MB, records %.1f MB, vertices %.1f MB, zones and rings %.1f MB",
		t.cols, t.rows, t.shift, float64(len(t.root))*4e-6, float64(len(t.nodes))*4e-6, float64(len(t.records))*4e-6,
		float64(len(t.vertices))*8e-6, float64(len(t.zones)*12+len(t.rings)*8)*1e-6)
}

// SameTree reports whether two indexes are compiled the same.
func (x *Index) SameTree(y *Index) bool { return reflect.DeepEqual(x.tree, y.tree) }

// Line returns the line of a corridor on the sphere.
func (x *Index) Line(zone int) []s2.Point {
	var line []s2.Point
	for chain := range x.tree.chains(zone) {
		for _, v := range chain {
			line = append(line, v.point())
		}
	}
	return line
}
