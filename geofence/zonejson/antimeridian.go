package zonejson

import (
	"cmp"
	"math"
	"slices"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"

	"github.com/sargas-em/em/geofence"
)

// canonical returns the polygons as RFC 7946 has them. It shares nothing with a
// that it changes.
func canonical(a geofence.Area) []orb.Polygon {
	polygons := make([]orb.Polygon, 0, len(a))
	for _, p := range a {
		closed := make(orb.Polygon, len(p))
		crosses := false
		for i, r := range p {
			if n := len(r); n > 0 && r[0] != r[n-1] {
				r = append(r[:n:n], r[0])
			}
			closed[i] = r
			for k := range r[:max(0, len(r)-1)] {
				crosses = crosses || crossesAntimeridian(r[k], r[k+1])
			}
		}
		if crosses {
			if parts := cut(closed); parts != nil {
				polygons = append(polygons, parts...)
				continue
			}
		} else {
			for i, r := range closed {
				closed[i] = wound(r, i == 0)
			}
		}
		polygons = append(polygons, closed)
	}
	return polygons
}

// crossesAntimeridian reports whether the shorter way from a to b does, and not
// just along a pole.
func crossesAntimeridian(a, b orb.Point) bool {
	return math.Abs(a[0]-b[0]) > 180 && !(math.Abs(a[1]) == 90 && a[1] == b[1])
}

// wound returns the ring so that it runs the right way.
func wound(r orb.Ring, outer bool) orb.Ring {
	if o := r.Orientation(); o != 0 && (o == orb.CCW) != outer {
		r = r.Clone()
		r.Reverse()
	}
	return r
}

// unroll returns the ring with longitudes that go on beyond ±180; ok is false
// for a ring that goes round a pole.
func unroll(r orb.Ring) (u orb.Ring, ok bool) {
	u = r.Clone()
	east := 0.0
	for i := 1; i < len(r); i++ {
		if crossesAntimeridian(r[i-1], r[i]) {
			east += math.Copysign(360, r[i-1][0]-r[i][0])
		}
		u[i][0] += east
	}
	return u, len(u) > 0 && u[0] == u[len(u)-1]
}

// shift moves a ring to the east, and returns it.
func shift(r orb.Ring, east float64) orb.Ring {
	for i := range r {
		r[i][0] += east
	}
	return r
}

// line is the longitude at which an unrolled polygon is cut; its outer ring
// begins west of it.
const line = 180

// cut returns the parts of a polygon whose outer ring crosses the antimeridian,
// or nil if it cannot be cut.
func cut(p orb.Polygon) []orb.Polygon {
	outer, ok := unroll(p[0])
	if !ok {
		return nil
	}
	b := outer.Bound()
	if b.Max[0]-b.Min[0] >= 360 {
		return nil
	}
	if b.Min[0] < -180 {
		shift(outer, 360)
		b = outer.Bound()
	}
	rings := []orb.Ring{wound(outer, true)}
	for _, r := range p[1:] {
		hole, ok := unroll(r)
		if !ok {
			return nil
		}
		// The hole lies where it is within the outer ring.
		for _, east := range [...]float64{0, 360, -360} {
			h := shift(hole.Clone(), east)
			if hb := h.Bound(); hb.Min[0] >= b.Min[0] && hb.Max[0] <= b.Max[0] {
				hole = h
				break
			}
		}
		rings = append(rings, wound(hole, false))
	}
	var k knife
	for i, r := range rings {
		k.add(r, i == 0)
	}
	return k.parts()
}

// cutLine returns the parts of a line between the antimeridian: one ends where
// the next begins, under the other name of that point.
func cutLine(l orb.LineString) []orb.LineString {
	parts := []orb.LineString{nil}
	for i, p := range l {
		last := &parts[len(parts)-1]
		if i > 0 && crossesAntimeridian(l[i-1], p) {
			a := l[i-1]
			cut := orb.Point{math.Copysign(line, a[0]), crossingLat(orb.Point{math.Abs(a[0]), a[1]}, orb.Point{2*line - math.Abs(p[0]), p[1]})}
			other := orb.Point{-cut[0], cut[1]}
			switch {
			case a == cut && len(*last) == 1: // it begins there
				(*last)[0] = other
			case a == cut:
				parts = append(parts, orb.LineString{other})
			case p == other && i == len(l)-1: // it ends there
				p = cut
			case p == other:
				*last = append(*last, cut)
				parts = append(parts, nil)
			default:
				*last = append(*last, cut)
				parts = append(parts, orb.LineString{other})
			}
			last = &parts[len(parts)-1]
		}
		*last = append(*last, p)
	}
	return parts
}

// knife cuts rings at the line.
type knife struct {
	chains    []chain
	crossings []crossing
	whole     [2][]orb.Polygon // outer rings that do not cross, west and east of the line
	holes     [2][]orb.Ring
}

// chain is a stretch of a ring on one side of the line, with its ends on it.
type chain struct {
	points orb.Ring
	side   int // 0 in the west
	next   int // the chain that goes on where this one ends
}

// crossing is where one chain ends and the next of its ring begins.
type crossing struct {
	lat          float64
	ends, begins int
}

func sideOf(p orb.Point) int {
	if p[0] >= line {
		return 1
	}
	return 0
}

// add puts in a closed ring with the inside to its left.
func (k *knife) add(r orb.Ring, outer bool) {
	r = r[:len(r)-1]
	start := slices.IndexFunc(r, func(p orb.Point) bool { return sideOf(p) != sideOf(r[0]) })
	if start < 0 {
		side := sideOf(r[0])
		closed := append(r[:len(r):len(r)], r[0])
		if outer {
			k.whole[side] = append(k.whole[side], orb.Polygon{closed})
		} else {
			k.holes[side] = append(k.holes[side], closed)
		}
		return
	}
	first := len(k.chains)
	for i := range r {
		a, b := r[(start+i+len(r)-1)%len(r)], r[(start+i)%len(r)]
		if sideOf(a) != sideOf(b) {
			at := orb.Point{line, crossingLat(a, b)}
			if n := len(k.chains); n > first {
				k.chains[n-1].points = append(k.chains[n-1].points, at)
			}
			k.chains = append(k.chains, chain{orb.Ring{at}, sideOf(b), 0})
			k.crossings = append(k.crossings, crossing{at[1], len(k.chains) - 2, len(k.chains) - 1})
		}
		c := &k.chains[len(k.chains)-1]
		c.points = append(c.points, b)
	}
	last := len(k.chains) - 1
	k.chains[last].points = append(k.chains[last].points, k.chains[first].points[0])
	for i := range k.crossings {
		if k.crossings[i].begins == first {
			k.crossings[i].ends = last
		}
	}
}

// crossingLat is the latitude at which an edge crosses the line, the same for
// both directions of the edge.
func crossingLat(a, b orb.Point) float64 {
	if b[1] < a[1] || b[1] == a[1] && b[0] < a[0] {
		a, b = b, a
	}
	switch {
	case a[0] == line:
		return a[1]
	case b[0] == line:
		return b[1]
	}
	return math.Round((a[1]+(line-a[0])/(b[0]-a[0])*(b[1]-a[1]))*1e7) / 1e7
}

// parts puts the chains together; nil if that makes no polygons.
func (k *knife) parts() []orb.Polygon {
	cs := k.crossings
	slices.SortStableFunc(cs, func(a, b crossing) int { return cmp.Compare(a.lat, b.lat) })
	// From south to north the line comes into the polygon and leaves it by
	// turns: the ring runs to the east, and then to the west.
	for i := range cs {
		for j := i; k.chains[cs[i].begins].side != (i+1)%2; {
			if j++; j == len(cs) || cs[j].lat != cs[i].lat {
				return nil
			}
			cs[i], cs[j] = cs[j], cs[i]
		}
	}
	if len(cs)%2 != 0 {
		return nil
	}
	for i := 0; i < len(cs); i += 2 {
		k.chains[cs[i].ends].next = cs[i+1].begins
		k.chains[cs[i+1].ends].next = cs[i].begins
	}
	parts := k.whole
	used := make([]bool, len(k.chains))
	for i, c := range k.chains {
		var r orb.Ring
		for at := i; !used[at]; at = k.chains[at].next {
			used[at] = true
			r = append(r, k.chains[at].points...)
		}
		if r = slices.Compact(r); len(r) < 3 {
			continue
		}
		if r[0] != r[len(r)-1] {
			r = append(r, r[0])
		}
		switch r.Orientation() {
		case orb.CCW:
			parts[c.side] = append(parts[c.side], orb.Polygon{r})
		case orb.CW:
			return nil
		}
	}
	for side, holes := range k.holes {
		for _, h := range holes {
			best, most := -1, 0
			for i, p := range parts[side] {
				n := 0
				for _, v := range h {
					if planar.RingContains(p[0], v) {
						n++
					}
				}
				if n > most {
					best, most = i, n
				}
			}
			if best < 0 {
				return nil
			}
			parts[side][best] = append(parts[side][best], h)
		}
	}
	for _, p := range parts[1] {
		for _, r := range p {
			shift(r, -2*line)
		}
	}
	return append(parts[0], parts[1]...)
}

// extent is a bounding box in the making. The zero value is empty.
type extent struct {
	lngs         [][2]float64 // the second may be beyond 180
	south, north float64
}

func (x *extent) addArea(polygons []orb.Polygon) {
	for _, p := range polygons {
		for _, r := range p {
			x.addLine(orb.LineString(r))
		}
	}
}

func (x *extent) addLine(l orb.LineString) {
	if len(l) == 0 {
		return
	}
	u, _ := unroll(orb.Ring(l))
	b := u.Bound()
	if len(x.lngs) == 0 {
		x.south, x.north = b.Min[1], b.Max[1]
	}
	x.south, x.north = min(x.south, b.Min[1]), max(x.north, b.Max[1])
	if b.Min[0] < -180 {
		b.Min[0], b.Max[0] = b.Min[0]+360, b.Max[0]+360
	}
	x.lngs = append(x.lngs, [2]float64{b.Min[0], b.Max[0]})
}

// box returns west, south, east and north. West is more than east where the box
// crosses the antimeridian: it leaves out the widest gap between longitudes.
func (x *extent) box() (box [4]float64, ok bool) {
	if len(x.lngs) == 0 {
		return box, false
	}
	slices.SortFunc(x.lngs, func(a, b [2]float64) int { return cmp.Compare(a[0], b[0]) })
	farthest := math.Inf(-1)
	for _, l := range x.lngs {
		farthest = max(farthest, l[1])
	}
	// The first gap is the one over the antimeridian, from the farthest.
	west, east, gap := -180.0, 180.0, 0.0
	if g := x.lngs[0][0] - (farthest - 360); g > gap {
		west, east, gap = x.lngs[0][0], farthest, g
	}
	covered := max(x.lngs[0][1], farthest-360)
	for _, l := range x.lngs[1:] {
		if g := l[0] - covered; g > gap {
			west, east, gap = l[0], covered, g
		}
		covered = max(covered, l[1])
	}
	if east > 180 {
		east -= 360
	}
	return [4]float64{west, x.south, east, x.north}, true
}
