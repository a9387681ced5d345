package geofence

import (
	"math"
	"sync/atomic"

	"github.com/golang/geo/s2"

	"github.com/sargas-em/em"
)

// fence is one zone by itself, compiled: what a Set and the changes of a Live
// are made of. It is immutable, but for what it makes when first asked.
type fence struct {
	zone Zone
	boxes
	round roundRow                // of a circle or corridor
	edges atomic.Pointer[edgeSet] // nil until asked for

	// An area is its rings, or an index of its own; a corridor is its line.
	chains []boxedChain
	first  [1]boxedChain // where chains is, if there is one: next to what leads there
	index  *Index
}

// maxFenceChain bounds the vertices of a fence that is no index: all of them
// are looked at for a point that is near.
const maxFenceChain = 512

// newFence compiles a zone. Errors are *ZoneError.
func newFence(z Zone) (*fence, error) {
	f := &fence{zone: z}
	o, err := newOutline(&z)
	if err != nil {
		return nil, f.locate(err)
	}
	f.round = o.round
	switch s := z.Shape.(type) {
	case Circle:
		f.boxes = circleBoxes(s)
	case Corridor:
		f.outer = corridorBox(s)
	case Area:
		f.outer = areaBox(s)
		n := 0
		for _, c := range o.chains {
			n += len(c)
		}
		if o.anchor != nil || n > maxFenceChain {
			if f.index, err = (Options{}).build([]Zone{z}, &o); err != nil {
				return nil, err
			}
			return f, nil
		}
		if len(o.chains) == 1 {
			f.inner = inscribed(o.chains[0])
		}
	}
	if f.chains = f.first[:]; len(o.chains) != 1 {
		f.chains = make([]boxedChain, len(o.chains))
	}
	for i, c := range o.chains {
		f.chains[i] = newBoxedChain(c)
	}
	return f, nil
}

// locate completes an error about the zone.
func (f *fence) locate(err error) error {
	if e, ok := err.(*ZoneError); ok {
		e.Zone, e.Index = f.zone.ID, 0
	}
	return err
}

// place is a position in the forms in which it is compared with zones.
type place struct {
	p     em.LatLng
	q     s2.Point // where known
	known bool
}

// point returns the position on the sphere, and computes it but once.
func (o *place) point() s2.Point {
	if !o.known {
		o.q, o.known = toPoint(o.p.Lng, o.p.Lat), true
	}
	return o.q
}

// edgeSet returns the edges for distances, of all but a circle.
func (f *fence) edgeSet() *edgeSet {
	if f.index != nil {
		return f.index.edgesOf(0)
	}
	if s := f.edges.Load(); s != nil {
		return s
	}
	area := f.round.reach == 0
	made := newEdgeSet(borderEdges(func(yield func([]E7) bool) {
		for i := range f.chains {
			if !yield(f.chains[i].chain) {
				return
			}
		}
	}, area), area)
	f.edges.CompareAndSwap(nil, &made)
	return f.edges.Load()
}

// contains reports whether a valid position is in the zone.
func (f *fence) contains(o *place) bool {
	switch {
	case f.round.reach > 0:
		return f.fromEdge(o) <= 0
	case f.index != nil:
		var buf [1]int
		return len(f.index.Append(buf[:0], o.p)) > 0
	}
	e := roundE7(o.p)
	in := uint32(0)
	for i := range f.chains {
		odd, near := f.chains[i].crossings(e)
		if near {
			return f.containsExactly(e, o)
		}
		in ^= odd
	}
	return in == 1
}

// containsExactly is contains for a position near an edge of an area.
func (f *fence) containsExactly(e E7, o *place) bool {
	in := false
	for _, c := range f.chains {
		if meridianCrossings(c.chain, northPole, e, o.point()) {
			in = !in
		}
	}
	return in
}

// fromEdge returns the metres from a position to the edge of a circle or
// corridor, negative inside.
func (f *fence) fromEdge(o *place) float64 {
	if len(f.chains) == 0 {
		return f.round.fromCenter(o.point())
	}
	return f.round.fromLine(f.chains[0].chain, f.edgeSet(), o)
}

// fromLine returns the metres from a position to the edge of a corridor,
// negative inside.
func (r *roundRow) fromLine(line []E7, edges *edgeSet, o *place) float64 {
	d := edges.distance(o) - r.reach
	if math.Abs(d) > .1+1e-5*r.reach { // more than distances are off by
		return d
	}
	if nearLine(line, o.point(), r.reach) {
		return min(-math.Abs(d), 0)
	}
	return max(math.Abs(d), math.SmallestNonzeroFloat64)
}

// distance returns the metres from a valid position to the edge, negative
// inside: Index.Distance.
func (f *fence) distance(o *place) float64 {
	if f.round.reach > 0 {
		return f.fromEdge(o)
	}
	d, on := f.edgeSet().distanceAndSide(o)
	return signed(d, on.inside && on.known || !on.known && f.settle(o))
}

// settle is contains, and asks the boxes first.
func (f *fence) settle(o *place) bool {
	t := toTurns(o.p)
	if !f.outer.has(t) {
		return false
	}
	n := &f.inner
	return t.x-n.x < n.w && t.y-n.y < n.h || f.contains(o)
}

// signed gives a distance to the border of an area its sign.
func signed(d float64, inside bool) float64 {
	if inside {
		return -d
	}
	return max(d, math.SmallestNonzeroFloat64) // a point on the border belongs to the neighbour
}

// side returns on which side of the edge all is that lies within a radius of a
// valid position; the radius is neither negative nor infinite: Index.Classify.
func (f *fence) side(o *place, radius95 float64) em.Side {
	if f.round.reach > 0 {
		return sideOf(f.fromEdge(o), radius95)
	}
	d, on, near := f.edgeSet().distanceWithin(o, radius95)
	if near && d < radius95 {
		return em.SideUnknown
	}
	if !near { // farther than the radius
		d = math.Inf(1)
	}
	return sideOf(signed(d, on.inside && on.known || !on.known && f.contains(o)), radius95)
}

// sideOf is the rule of Index.Classify for a distance.
func sideOf(d, radius95 float64) em.Side {
	switch {
	case !(radius95 >= 0):
	case d <= -radius95:
		return em.Inside
	case d > radius95:
		return em.Outside
	}
	return em.SideUnknown
}
