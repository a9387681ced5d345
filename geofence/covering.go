package geofence

import (
	"math"

	"github.com/golang/geo/s2"

	"github.com/sargas-em/em"
)

// Covering returns S2 cells that cover the zone, as the coverer's limits ask:
// keys under which to store it, or by which to tell which part of a system
// positions near it go to. No point of the zone is outside of them. Errors are
// *ZoneError.
func (z Zone) Covering(c *s2.RegionCoverer) (s2.CellUnion, error) {
	f, err := newFence(z)
	if err != nil {
		return nil, err
	}
	r := &zoneRegion{fence: f, rect: s2.FullRect()}
	if o, err := newOutline(&z); err == nil && o.box != wholeBox {
		low, high := o.box.low.LatLng(), o.box.high.LatLng()
		r.rect = s2.RectFromLatLng(s2.LatLngFromDegrees(low.Lat, low.Lng))
		r.rect = r.rect.AddPoint(s2.LatLngFromDegrees(high.Lat, high.Lng))
		const bend = 3 * chordTolerance * 1e-7 * math.Pi / 180
		r.rect.Lat.Lo, r.rect.Lat.Hi = r.rect.Lat.Lo-bend, r.rect.Lat.Hi+bend
		r.rect.Lng.Lo, r.rect.Lng.Hi = r.rect.Lng.Lo-bend, r.rect.Lng.Hi+bend
	}
	return c.Covering(r), nil
}

// zoneRegion is a zone as a region of golang/geo. It tells how cells lie by the
// distance of their middle from the edge.
type zoneRegion struct {
	fence *fence
	rect  s2.Rect
}

func (r *zoneRegion) CapBound() s2.Cap            { return r.rect.CapBound() }
func (r *zoneRegion) RectBound() s2.Rect          { return r.rect }
func (r *zoneRegion) CellUnionBound() []s2.CellID { return r.CapBound().CellUnionBound() }

// from returns the distance of a cell's middle from the edge, negative inside,
// and how far from there the cell reaches, both in metres; the latter is rather
// too much.
func (r *zoneRegion) from(c s2.Cell) (distance, size float64) {
	bound := c.CapBound()
	distance = r.distance(bound.Center())
	return distance, bound.Radius().Radians()*em.EarthRadius + .1 + 1e-5*math.Abs(distance)
}

func (r *zoneRegion) distance(p s2.Point) float64 {
	ll := s2.LatLngFromPoint(p)
	return r.fence.distance(&place{p: em.LatLng{Lat: ll.Lat.Degrees(), Lng: ll.Lng.Degrees()}, q: p, known: true})
}

func (r *zoneRegion) ContainsCell(c s2.Cell) bool {
	distance, size := r.from(c)
	return distance < -size
}

func (r *zoneRegion) IntersectsCell(c s2.Cell) bool {
	distance, size := r.from(c)
	return distance <= size
}

func (r *zoneRegion) ContainsPoint(p s2.Point) bool { return r.distance(p) <= 0 }

var _ s2.Region = (*zoneRegion)(nil)
