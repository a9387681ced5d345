package geofence

import (
	"fmt"
	"math/rand/v2"
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
	return fmt.Sprintf("root %d×%d of 2^%d, %.1f MB; nodes %.1f MB, entries %.1f MB, vertices %.1f MB, zones and rings %.1f MB",
		t.cols, t.rows, t.shift, float64(len(t.root))*4e-6, float64(len(t.nodes))*64e-6, float64(len(t.entries))*16e-6,
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

// TileFaults returns how many tiles of an index have no edges by what entries
// say, and how many of these are not all on the side that they say: the corners
// and some points within are looked at, by all edges of the zone there. One cell
// of so many is looked into.
func (x *Index) TileFaults(r *rand.Rand, every int) (closed, faults int) {
	t := x.tree
	record := func(place uint32, at cell) {
		for ; ; place++ {
			n := &t.entries[place]
			for range tileCount {
				x, y := at.x+r.Uint64N(at.size()), at.y+r.Uint64N(at.size())
				if tile := min(n.cellSize()>>tileShift, at.size()) - 1; r.IntN(2) == 0 { // a corner
					x, y = x&^tile|tile*r.Uint64N(2), y&^tile|tile*r.Uint64N(2)
				}
				e := E7{int32(int64(y) - quarter), int32(int64(x) - half)}
				if answer := n.tiles >> tileOf(e, n.run>>runTile); answer&1 == 0 && n.edges() > 0 && n.zone&entryRest == 0 && e.Valid() && !isEdgeOfPlane(e) {
					closed++
					if in, near := t.side(place, e); near || in != answer>>tileCount&1 {
						faults++
					}
				}
			}
			if n.zone&entryLast != 0 {
				return
			}
		}
	}
	var visit func(slot uint32, at cell)
	visit = func(slot uint32, at cell) {
		switch slot >> slotBits {
		case slotRecord:
			if r.IntN(every) == 0 {
				record(slot&placeMask, at)
			}
		case slotNode:
			for k, s := range t.nodes[slot&slotMask] {
				shift := at.shift - nodeLevels
				visit(s, cell{at.x + uint64(k%nodeSide)<<shift, at.y + uint64(k/nodeSide)<<shift, shift})
			}
		}
	}
	for i, s := range t.root {
		col, row := t.col+uint32(i)%t.cols, t.row+uint32(i)/t.cols
		visit(s, cell{uint64(col) << t.shift, uint64(row) << t.shift, t.shift})
	}
	return closed, faults
}
