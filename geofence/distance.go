package geofence

import (
	"github.com/golang/geo/r3"
	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"

	"github.com/sargas-em/em"
)

// edgeSet answers how far a point is from the nearest of its edges.
type edgeSet struct {
	edges  []s2.Edge
	blocks []block
}

// block is a run of edges within a ball: no point of them is farther than
// radius from center, both measured through the unit sphere.
type block struct {
	center   r3.Vector
	radius   float64
	from, to int
}

// blockEdges is the number of edges in a block: neighbours in a ring are
// neighbours on the ground.
const blockEdges = 16

func newEdgeSet(edges []s2.Edge) edgeSet {
	s := edgeSet{edges: edges, blocks: make([]block, 0, (len(edges)+blockEdges-1)/blockEdges)}
	for from := 0; from < len(edges); from += blockEdges {
		b := block{from: from, to: min(from+blockEdges, len(edges))}
		for _, e := range edges[from:b.to] {
			b.center = b.center.Add(e.V0.Vector).Add(e.V1.Vector)
		}
		b.center = b.center.Normalize()
		for _, e := range edges[from:b.to] {
			b.radius = max(b.radius, b.center.Sub(e.V0.Vector).Norm(), b.center.Sub(e.V1.Vector).Norm())
		}
		// A cap smaller than a hemisphere holds an edge if it holds its ends.
		if b.radius > 1 {
			b.radius = 2
		}
		b.radius += 1e-15
		s.blocks = append(s.blocks, b)
	}
	return s
}

// distance returns the metres to the nearest edge. There is at least one.
func (s *edgeSet) distance(p s2.Point) float64 {
	nearest := 0
	best := 8.0
	for i := range s.blocks {
		if d := s.blocks[i].center.Sub(p.Vector).Norm2(); d < best {
			nearest, best = i, d
		}
	}
	d := s.within(s1.InfChordAngle(), p, s.blocks[nearest])
	for i := range s.blocks {
		b := &s.blocks[i]
		// Through the sphere, no edge of b is nearer than reach away from p.
		if reach := b.center.Sub(p.Vector).Norm() - b.radius - 1e-15; i != nearest && (reach <= 0 || reach*reach <= float64(d)) {
			d = s.within(d, p, *b)
		}
	}
	return d.Angle().Radians() * em.EarthRadius
}

func (s *edgeSet) within(d s1.ChordAngle, p s2.Point, b block) s1.ChordAngle {
	for _, e := range s.edges[b.from:b.to] {
		d, _ = s2.UpdateMinDistance(p, e.V0, e.V1, d)
	}
	return d
}
