package geofence

import "github.com/sargas-em/em"

// Zones is what a Tracker judges by: an *Index that many share, or a *Set of the
// subject's own zones.
type Zones interface {
	Len() int
	Zone(i int) Zone
	Lookup(id string) (zone int, ok bool)
	Append(dst []int, p em.LatLng) []int
	Distance(zone int, p em.LatLng) float64

	at(i int) *Zone // which nobody changes
}

var (
	_ Zones = (*Index)(nil)
	_ Zones = (*Set)(nil)
)

func (x *Index) at(i int) *Zone { return &x.zones[i] }

func (s *Set) at(i int) *Zone { return &s.fences[i].zone }
