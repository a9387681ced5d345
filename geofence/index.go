package geofence

import (
	"cmp"
	"iter"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/golang/geo/s2"

	"github.com/sargas-em/em"
)

// Index holds zones and says which contain a position, and how far it is from
// their edges. It is immutable: any number of goroutines may use it. The zero
// value and nil are empty.
//
// For the first question zones are compiled into a tree of integers; see
// Append. A vertex takes eight bytes, and a zone of some thirty vertices some
// 600 in all, besides the Zone itself. What distances need is made when a zone
// is first asked for one, some hundred microseconds for thirty vertices, and kept:
// some forty bytes an edge.
type Index struct {
	zones     []Zone
	sorted    []uint32 // numbers of the zones by ID
	inclusion []int    // zones that must not be left
	routes    []int    // zones of KindRoute
	tree      *tree
	edges     []atomic.Pointer[edgeSet] // by zone; nil until asked for
	file      *indexFile                // it comes from; or nil
}

// NewIndex compiles the zones. Errors are *ZoneError, about the first zone that
// something is wrong with. The order of the zones is the order of their
// numbers, from zero.
func NewIndex(zones ...Zone) (*Index, error) { return Options{}.Build(zones) }

// Options are for building large indexes. The zero value is what NewIndex uses.
type Options struct {
	// Workers is on how many goroutines an index is built; 0 is one for every
	// few hundred zones, up to runtime.GOMAXPROCS. The index does not depend on
	// it.
	Workers int

	// Progress, if not nil, is called now and then with the part of the work
	// that is done, in [0, 1]; by one goroutine at a time. An error ends the
	// building, and Build returns it.
	Progress func(part float64) error
}

// Build compiles the zones, as NewIndex. The slice is copied; shapes are not
// used any more afterwards, but Zone still returns them.
func (o Options) Build(zones []Zone) (*Index, error) { return o.build(zones, nil) }

func (o Options) build(zones []Zone, known *outline) (*Index, error) {
	workers := o.Workers
	if workers <= 0 {
		workers = min(runtime.GOMAXPROCS(0), len(zones)/256+1)
	}
	x := &Index{zones: slices.Clone(zones), sorted: make([]uint32, len(zones))}
	for i := range zones {
		x.sorted[i] = uint32(i)
		x.note(i)
	}
	var twice *ZoneError
	sorted := make(chan struct{})
	sort := func() {
		defer close(sorted)
		byID := func(a, b uint32) int { return cmp.Or(strings.Compare(zones[a].ID, zones[b].ID), cmp.Compare(a, b)) }
		if !slices.IsSortedFunc(x.sorted, byID) {
			slices.SortFunc(x.sorted, byID)
		}
		twice = x.twice()
	}
	if workers == 1 {
		sort()
	} else {
		go sort() // meanwhile
	}
	var err error
	x.tree, err = build(zones, known, workers, o.Progress)
	if <-sorted; err != nil {
		if e, ok := err.(*ZoneError); twice != nil && (!ok || twice.Index < e.Index) {
			return nil, twice
		}
		return nil, err
	}
	if twice != nil {
		return nil, twice
	}
	x.edges = make([]atomic.Pointer[edgeSet], len(zones))
	return x, nil
}

// note lists a zone that concerns who is outside of it too.
func (x *Index) note(zone int) {
	switch x.zones[zone].Kind {
	case KindInclusion:
		x.inclusion = append(x.inclusion, zone)
	case KindRoute:
		x.routes = append(x.routes, zone)
	}
}

// twice returns the error for the first zone whose ID another before it has; or nil.
func (x *Index) twice() (twice *ZoneError) {
	for k := 1; k < len(x.sorted); k++ {
		first, i := x.sorted[k-1], int(x.sorted[k])
		if id := x.zones[i].ID; id != "" && id == x.zones[first].ID && (twice == nil || i < twice.Index) {
			twice = nowhere(ErrDuplicateID, "zone %d", first)
			twice.Zone, twice.Index = id, i
		}
	}
	return twice
}

// Len returns the number of zones.
func (x *Index) Len() int {
	if x == nil {
		return 0
	}
	return len(x.zones)
}

// Zone returns zone i as it was given to NewIndex. It panics if there is no
// such zone.
func (x *Index) Zone(i int) Zone { return x.zones[i] }

// Lookup returns the number of the zone with this ID.
func (x *Index) Lookup(id string) (zone int, ok bool) {
	if x == nil {
		return 0, false
	}
	i, ok := slices.BinarySearchFunc(x.sorted, id, func(z uint32, id string) int { return strings.Compare(x.zones[z].ID, id) })
	if !ok {
		return 0, false
	}
	return int(x.sorted[i]), true
}

// Filter says whether a zone applies to a point, both by their numbers: a zone
// may be meant for some people only. It is called for a zone before its edges
// are looked at, and only for zones that may contain the point. Append passes 0
// for the point.
type Filter func(point, zone int) bool

// Append appends the numbers of the zones that contain p, ascending. Whether a
// zone's rule is in force plays no role. An invalid p is in none.
//
// The answer is that of golang/geo's ContainsPointQuery with semi-open vertices
// about Rings, whatever the point. Append allocates only to make dst larger, and
// in golang/geo's exact arithmetic, for points on an edge to the last bit.
func (x *Index) Append(dst []int, p em.LatLng) []int { return x.AppendFunc(dst, p, nil) }

// AppendFunc is Append for the zones that apply. A nil applies is all.
func (x *Index) AppendFunc(dst []int, p em.LatLng, applies Filter) []int {
	if x.Len() == 0 || !p.Valid() {
		return dst
	}
	return x.append(dst, &probe{roundE7(p), place{p: p}}, applies)
}

// AppendE7 is Append for a position in units of 1e-7 degrees.
func (x *Index) AppendE7(dst []int, e E7) []int {
	if x.Len() == 0 || !e.Valid() {
		return dst
	}
	return x.append(dst, &probe{e, place{p: e.LatLng()}}, nil)
}

func (x *Index) append(dst []int, p *probe, applies Filter) []int {
	var buf [16]Hit
	for _, h := range x.tree.append(buf[:0], p, 0, applies) {
		dst = append(dst, int(h.Zone))
	}
	runtime.KeepAlive(x)
	return dst
}

// Rings returns the border of an area on the sphere, as golang/geo is asked
// about it: vertices are rounded to E7 and edges split. A shape of golang/geo
// made of it, such as an s2.LaxPolygon, gives the same answers as the Index if
// its interior is told by a reference point: rings may run either way. It is
// nil for circles and corridors. Rings panics if there is no such zone.
func (x *Index) Rings(zone int) [][]s2.Point {
	if x.tree.zones[zone].round != 0 {
		return nil
	}
	var rings [][]s2.Point
	for chain := range x.tree.chains(zone) {
		rings = append(rings, ringOf(chain))
	}
	runtime.KeepAlive(x)
	return rings
}

// ringOf is a chain on the sphere: no two neighbours are equal.
func ringOf(chain []E7) []s2.Point {
	var ring []s2.Point
	for _, v := range chain[:len(chain)-1] {
		if p := v.point(); len(ring) == 0 || p != ring[len(ring)-1] {
			ring = append(ring, p)
		}
	}
	for n := len(ring); n > 1 && ring[n-1] == ring[0]; n = len(ring) {
		ring = ring[:n-1]
	}
	return ring
}

// Distance returns the metres from p to the nearest edge of the zone, negative
// inside. It is zero or less if and only if Append finds the zone, and NaN for
// an invalid p. Inside a corridor it is the half width less the distance to the
// line; where several stretches of the line are within reach, the edge may be
// farther than that. A line that two parts of an area share, or on which a ring goes
// there and back, bounds nothing and is no edge. Distance panics if there is no such
// zone.
func (x *Index) Distance(zone int, p em.LatLng) float64 {
	at := &x.edges[zone]
	if !p.Valid() {
		return math.NaN()
	}
	if s := at.Load(); s != nil {
		if d, ok := s.distanceInArea(p); ok {
			return d
		}
	}
	return x.distance(zone, p)
}

// distance is Distance for a valid position, whatever it takes.
func (x *Index) distance(zone int, p em.LatLng) float64 {
	row := &x.tree.zones[zone]
	q := probe{roundE7(p), place{p: p}}
	if row.round > 0 {
		r := &x.tree.rounds[row.round-1]
		if row.rings == 0 {
			return r.fromCenter(q.point())
		}
		ring := x.tree.rings[row.firstRing]
		d := r.fromLine(x.tree.vertices[ring.first:ring.first+ring.n], x.edgesOf(zone), &q.place)
		runtime.KeepAlive(x)
		return d
	}
	d, on := x.edgesOf(zone).distanceAndSide(&q.place)
	if !on.known {
		var buf [1]Hit
		on.inside = len(x.tree.append(buf[:0], &q, 0, func(_, z int) bool { return z == zone })) > 0
	}
	d = signed(d, on.inside)
	runtime.KeepAlive(x)
	return d
}

// edgesOf returns a zone's edges for distances.
func (x *Index) edgesOf(zone int) *edgeSet {
	at := &x.edges[zone]
	s := at.Load()
	if s == nil {
		area := x.tree.zones[zone].round == 0
		made := newEdgeSet(borderEdges(x.tree.chains(zone), area), area)
		made.divide()
		at.CompareAndSwap(nil, made.packed())
		s = at.Load()
	}
	return s
}

// chains yields the rings of an area, and the line of a corridor.
func (t *tree) chains(zone int) iter.Seq[[]E7] {
	return func(yield func([]E7) bool) {
		row := &t.zones[zone]
		for _, r := range t.rings[row.firstRing : row.firstRing+row.rings] {
			if !yield(t.vertices[r.first : r.first+r.n]) {
				return
			}
		}
	}
}

// Classify says on which side of the zone's edge a position is whose true place
// is within radius95 metres of p: inside if all of that circle is, outside if
// none of it is, and otherwise unknown. It also returns Distance. An invalid p,
// and a radius that is negative or NaN, are of unknown side.
func (x *Index) Classify(zone int, p em.LatLng, radius95 float64) (em.Side, float64) {
	d := x.Distance(zone, p)
	switch {
	case !(radius95 >= 0):
	case d <= -radius95:
		return em.Inside, d
	case d > radius95:
		return em.Outside, d
	}
	return em.SideUnknown, d
}
