package geofence

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"math/bits"
	"slices"

	"github.com/sargas-em/em"
)

// Set is one person's own zones: home, work, the zones of one order. It answers
// the same questions as an Index with the same answers, is made in some tens of
// microseconds a zone instead of milliseconds, and takes less memory; but it
// looks at all its zones for every position. It is made for tens of thousands
// of persons with ten zones each, an Index for many zones that concern
// everybody.
//
// A Set is immutable: any number of goroutines may use it. With and Without
// return changed copies that share what did not change. To change a set that
// others read, keep it in an atomic.Pointer. The zero value and nil are empty.
//
// Zones have numbers from zero in the order in which they were given.
type Set struct {
	boxes  []boxes // of the fences
	fences []*fence
}

// MaxSetZones bounds the zones of a Set: answers about all of them are one
// machine word.
const MaxSetZones = 64

// ErrSetFull is wrapped by the error of a Set of more than MaxSetZones zones.
var ErrSetFull = errors.New("geofence: more than MaxSetZones zones in a set")

// Mask is zones of a Set by number: bit i is zone i.
type Mask uint64

// Has reports whether zone i is among them.
func (m Mask) Has(i int) bool { return i >= 0 && i < MaxSetZones && m>>i&1 != 0 }

// Len returns how many zones there are.
func (m Mask) Len() int { return bits.OnesCount64(uint64(m)) }

// All yields the numbers of the zones, ascending.
func (m Mask) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for ; m != 0; m &= m - 1 {
			if !yield(bits.TrailingZeros64(uint64(m))) {
				return
			}
		}
	}
}

// NewSet compiles the zones. Errors are *ZoneError, about the first zone that
// something is wrong with, or wrap ErrSetFull.
func NewSet(zones ...Zone) (*Set, error) {
	if len(zones) > MaxSetZones {
		return nil, fmt.Errorf("%w: %d", ErrSetFull, len(zones))
	}
	s := &Set{boxes: make([]boxes, len(zones)), fences: make([]*fence, len(zones))}
	for i, z := range zones {
		for first, f := range s.fences[:i] {
			if f.zone.ID == z.ID && z.ID != "" {
				e := nowhere(ErrDuplicateID, "zone %d", first)
				e.Zone, e.Index = z.ID, i
				return nil, e
			}
		}
		f, err := newFence(z)
		if err != nil {
			var e *ZoneError
			if errors.As(err, &e) {
				e.Index = i
			}
			return nil, err
		}
		s.boxes[i], s.fences[i] = f.boxes, f
	}
	return s, nil
}

// With returns a Set with the zone: in the place of the one with its ID, or
// else as the last. Errors are those of NewSet.
func (s *Set) With(z Zone) (*Set, error) {
	i, known := s.Lookup(z.ID)
	if !known {
		if i = s.Len(); i == MaxSetZones {
			return nil, fmt.Errorf("%w: %q is one too many", ErrSetFull, z.ID)
		}
	}
	f, err := newFence(z)
	if err != nil {
		var e *ZoneError
		if errors.As(err, &e) {
			e.Index = i
		}
		return nil, err
	}
	n := &Set{}
	if s != nil {
		*n = Set{slices.Clone(s.boxes), slices.Clone(s.fences)}
	}
	if !known {
		n.boxes, n.fences = append(n.boxes, f.boxes), append(n.fences, f)
	}
	n.boxes[i], n.fences[i] = f.boxes, f
	return n, nil
}

// Without returns a Set without the zone with that ID; those after it move up
// by one. It returns s itself if there is no such zone.
func (s *Set) Without(id string) *Set {
	i, ok := s.Lookup(id)
	if !ok {
		return s
	}
	return &Set{
		boxes:  slices.Concat(s.boxes[:i], s.boxes[i+1:]),
		fences: slices.Concat(s.fences[:i], s.fences[i+1:]),
	}
}

// Len returns the number of zones.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.fences)
}

// Zone returns zone i as it was given. It panics if there is no such zone.
func (s *Set) Zone(i int) Zone { return s.fences[i].zone }

// Lookup returns the number of the zone with this ID.
func (s *Set) Lookup(id string) (zone int, ok bool) {
	for i := range s.Len() {
		if s.fences[i].zone.ID == id {
			return i, true
		}
	}
	return 0, false
}

// Contains returns the zones that contain p: those that Index.Append of an
// Index of the same zones appends. An invalid p is in none. It does not
// allocate.
func (s *Set) Contains(p em.LatLng) Mask {
	if s == nil || !p.Valid() {
		return 0
	}
	t := toTurns(p)
	var inside, maybe uint64
	for i := range s.boxes {
		b := &s.boxes[i]
		out := (int64(b.outer.w) - int64(t.x-b.outer.x)) | (int64(b.outer.h) - int64(t.y-b.outer.y))
		in := (int64(t.x-b.inner.x) - int64(b.inner.w)) & (int64(t.y-b.inner.y) - int64(b.inner.h))
		maybe = maybe>>1 | ^uint64(out)&(1<<63)
		inside = inside>>1 | uint64(in)&(1<<63)
	}
	shift := 64 - len(s.boxes)
	inside >>= shift
	if rest := maybe >> shift &^ inside; rest != 0 {
		inside |= s.contains(p, rest)
	}
	return Mask(inside)
}

// contains returns which of some zones contain p.
func (s *Set) contains(p em.LatLng, rest uint64) (inside uint64) {
	o := place{p: p}
	for ; rest != 0; rest &= rest - 1 {
		if i := bits.TrailingZeros64(rest); s.fences[i].contains(&o) {
			inside |= 1 << i
		}
	}
	return inside
}

// Append appends the numbers of the zones that contain p, ascending.
func (s *Set) Append(dst []int, p em.LatLng) []int {
	for i := range s.Contains(p).All() {
		dst = append(dst, i)
	}
	return dst
}

// Classify says on which side of the zones' edges a position is whose true
// place is within radius95 metres of p: inside are the zones that contain all
// of that circle, outside those that contain none of it. About the zones in
// neither nothing is concluded; nor about any, if p is invalid or the radius
// negative, infinite or no number. It agrees with Index.Classify. It does not
// allocate, but for what the distance to a zone takes: that is made when first
// needed, for a position near its edge, and kept.
func (s *Set) Classify(p em.LatLng, radius95 float64) (inside, outside Mask) {
	if s == nil || !p.Valid() || !(radius95 >= 0) || math.IsInf(radius95, 1) {
		return 0, 0
	}
	t, g := toTurns(p), growthOf(p, radius95)
	var in, maybe uint64
	for i := range s.boxes {
		m, n := s.boxes[i].sides(t, g)
		maybe = maybe>>1 | ^uint64(m)&(1<<63)
		in = in>>1 | uint64(n)&(1<<63)
	}
	shift := 64 - len(s.boxes)
	in, maybe = in>>shift, maybe>>shift
	out := ^maybe & (1<<len(s.boxes) - 1)
	if rest := maybe &^ in; rest != 0 {
		o := place{p: p}
		for ; rest != 0; rest &= rest - 1 {
			i := bits.TrailingZeros64(rest)
			switch s.fences[i].side(&o, radius95) {
			case em.Inside:
				in |= 1 << i
			case em.Outside:
				out |= 1 << i
			}
		}
	}
	return Mask(in), Mask(out)
}

// Distance returns the metres from p to the nearest edge of the zone, negative
// inside, as Index.Distance does. It panics if there is no such zone.
func (s *Set) Distance(zone int, p em.LatLng) float64 {
	f := s.fences[zone]
	if !p.Valid() {
		return math.NaN()
	}
	return f.distance(&place{p: p})
}
