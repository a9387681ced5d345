package geofence

import (
	"math"

	"github.com/golang/geo/s2"

	"github.com/sargas-em/em"
)

// fence is one zone by itself, compiled: what a Set and the changes of a Live
// are made of. It is immutable.
type fence struct {
	zone Zone
	boxes
	geometry

	// An area is its rings, or an index of its own.
	rings []fenceRing
	index *Index
}

// fenceRing is a ring of an area; the holes of a polygon follow its border.
type fenceRing struct {
	chain []E7
	ref   s2.ReferencePoint
	hole  bool
	plane bool // the chain has no breaks, and does not come near a pole
}

// maxFenceChain bounds the vertices of a fence that is no index: all of them
// are looked at for a point that is near.
const maxFenceChain = 512

// newFence compiles a zone. Errors are *ZoneError.
func newFence(z Zone) (*fence, error) {
	f := &fence{zone: z}
	a, ok := z.Shape.(Area)
	if ok && z.ID != "" && z.Kind.valid() && vertices(a) <= maxFenceChain {
		loops, err := f.geometry.setArea(a)
		if err != nil {
			return nil, f.locate(err)
		}
		n := 0
		for _, l := range loops {
			n += len(l.chain)
			f.rings = append(f.rings, fenceRing{l.chain, l.ref, l.ring > 0, isPlane(l.chain)})
		}
		if len(loops) == 1 && n <= maxFenceChain {
			f.outer = areaBox(a)
			if f.rings[0].plane {
				f.inner = inscribed(f.rings[0].chain)
			}
			return f, nil
		}
		if n > maxFenceChain {
			f.rings = nil
		}
	}
	x, err := NewIndex(z)
	if err != nil {
		return nil, err
	}
	f.geometry = x.geometry[0]
	switch s := z.Shape.(type) {
	case Circle:
		f.boxes = circleBoxes(s)
	case Corridor:
		f.outer = corridorBox(s)
	default:
		f.outer = areaBox(a)
		if f.rings == nil { // else it was made to find out how the rings lie in each other
			f.index = x
		}
	}
	return f, nil
}

func vertices(a Area) int {
	n := 0
	for _, polygon := range a {
		for _, r := range polygon {
			n += len(r)
		}
	}
	return n
}

// locate completes an error about the zone.
func (f *fence) locate(err error) error {
	if e, ok := err.(*ZoneError); ok {
		e.Zone, e.Index = f.zone.ID, 0
	}
	return err
}

func isPlane(chain []E7) bool {
	for i, v := range chain {
		if beyondPolar(v) || i > 0 && isBreak(chain[i-1], v) {
			return false
		}
	}
	return len(chain) > 0
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

// contains reports whether a valid position is in the zone.
func (f *fence) contains(o *place) bool {
	switch {
	case f.reach > 0:
		return f.geometry.distance(o.point()) <= 0
	case f.index != nil:
		var buf [1]int
		return len(f.index.Append(buf[:0], o.p)) > 0
	}
	in := false
	for i := range f.rings {
		r := &f.rings[i]
		switch {
		case !r.hole:
			if in {
				return true
			}
			in = r.encloses(o)
		case in:
			in = !r.encloses(o)
		}
	}
	return in
}

// encloses reports whether a valid position is on the inner side of the ring.
func (r *fenceRing) encloses(o *place) bool {
	if r.plane {
		if odd, near := crossings(r.chain, roundE7(o.p)); !near {
			return odd == 1
		}
	}
	return exactCrossings(r.chain, r.ref.Point, o.point()) != r.ref.Contained
}

// distance returns the metres from a valid position to the edge, negative
// inside: Index.Distance.
func (f *fence) distance(o *place) float64 {
	d := f.geometry.distance(o.point())
	if f.reach > 0 {
		return d
	}
	return signed(d, f.settle(o))
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
	if f.reach > 0 {
		return sideOf(f.geometry.distance(o.point()), radius95)
	}
	d, near := f.edges.distanceWithin(o.point(), radius95)
	if near && d < radius95 {
		return em.SideUnknown
	}
	if !near { // farther than the radius
		d = math.Inf(1)
	}
	return sideOf(signed(d, f.contains(o)), radius95)
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
