package geofence_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence"
)

// model is shapes and points, and golang/geo's answer for each pair: what is
// expected of zones that come and go.
type model struct {
	zones  []Zone // without IDs
	points []em.LatLng
	inside [][]bool // by point and shape
}

// newModel makes shapes that overlap, of the kinds that are compiled in
// different ways: small and large rings, holes, over the antimeridian, crossing
// themselves.
func newModel(t *testing.T) *model {
	t.Helper()
	r := rand.New(rand.NewPCG(0x30de1, 1))
	ring := func(lat, lng float64, n int, size float64) orb.Ring { return starRing(r, lat, lng, n, size*.6, size) }
	m := &model{}
	var areas []Area
	for _, a := range []Area{
		{{ring(54.7, 25.3, 6, 2000)}},
		{{ring(54.7, 25.3, 40, 1500)}},
		{{ring(54.705, 25.31, 300, 3000)}},
		{{ring(54.7, 25.3, 12, 2500), starRing(r, 54.7, 25.3, 5, 300, 500)}, {ring(54.7, 25.3, 5, 200)}},
		{{{{25.28, 54.69}, {25.32, 54.71}, {25.32, 54.69}, {25.28, 54.71}, {25.28, 54.69}}}},
		{{{{179.99, 1}, {-179.99, 1.01}, {-179.98, .99}, {179.99, 1}}}},
		{{{{179, -1}, {-179, -1}, {-179, 2}, {179, 2}, {179, -1}}}},
	} {
		z := Zone{Kind: KindPlace, Shape: a, EvenOdd: true}
		m.zones, areas = append(m.zones, z), append(areas, a)
	}
	for _, a := range areas {
		m.points = append(m.points, hardPoints(r, []Area{a}, 60)[5:]...)
	}
	m.points = append(m.points, em.LatLng{Lat: 91}, em.LatLng{Lat: 54.7, Lng: 25.3})
	oracles := make([]*oracle, len(m.zones))
	for i, z := range m.zones {
		z.ID = "alone"
		oracles[i] = newOracle(mustIndex(t, z))
	}
	for _, p := range m.points {
		row := make([]bool, len(oracles))
		for i, o := range oracles {
			row[i] = p.Valid() && len(o.zones(p)) > 0
		}
		m.inside = append(m.inside, row)
	}
	return m
}

// zone draws a zone: its shape, and one of a few IDs.
func (m *model) zone(t *rapid.T) (Zone, int) {
	shape := rapid.IntRange(0, len(m.zones)-1).Draw(t, "shape")
	z := m.zones[shape]
	z.ID = modelID(t)
	return z, shape
}

func modelID(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}).Draw(t, "id")
}

// some draws the numbers of some points.
func (m *model) some(t *rapid.T) []int {
	return rapid.SliceOfN(rapid.IntRange(0, len(m.points)-1), 8, 8).Draw(t, "points")
}

// TestLiveModel puts, removes and merges zones in any order, and compares a Live
// with a map of zones whose answers are golang/geo's.
func TestLiveModel(t *testing.T) {
	alone(t)
	m := newModel(t)
	rapid.Check(t, func(t *rapid.T) {
		l, want := NewLive(nil), map[string]int{}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				put := map[string]Zone{}
				for range rapid.IntRange(0, 3).Draw(t, "zones") {
					z, shape := m.zone(t)
					put[z.ID], want[z.ID] = z, shape
				}
				if err := l.Put(slices.Collect(maps.Values(put))...); err != nil {
					t.Fatal(err)
				}
			},
			"remove": func(t *rapid.T) {
				id := modelID(t)
				_, known := want[id]
				delete(want, id)
				if n, err := l.Remove(id); err != nil || n == 1 != known {
					t.Fatalf("removed %d of %q, which was there: %v; %v", n, id, known, err)
				}
			},
			"merge": func(t *rapid.T) {
				if err := l.Merge(); err != nil || l.Pending() != 0 {
					t.Fatalf("%d changes left: %v", l.Pending(), err)
				}
			},
			"": func(t *rapid.T) {
				v := l.View()
				if v.Len() != len(want) {
					t.Fatalf("%d zones, want %d", v.Len(), len(want))
				}
				asked := m.some(t)
				pts := make([]em.LatLng, len(asked))
				for i, k := range asked {
					pts[i] = m.points[k]
				}
				batch := v.AppendBatch(nil, pts)
				for i, k := range asked {
					var expected, found, inBatch []string
					for id, shape := range want {
						if m.inside[k][shape] {
							expected = append(expected, id)
						}
						if !pts[i].Valid() {
							continue
						}
						if side, d := v.Classify(id, pts[i], 0); (d <= 0) != m.inside[k][shape] || side == em.Outside && d <= 0 {
							t.Fatalf("%v is %v m from %q and %v, golang/geo says inside: %v", pts[i], d, id, side, m.inside[k][shape])
						}
					}
					for _, z := range v.Append(nil, pts[i]) {
						found = append(found, z.ID)
					}
					for ; len(batch) > 0 && batch[0].Point == i; batch = batch[1:] {
						inBatch = append(inBatch, batch[0].Zone.ID)
					}
					slices.Sort(expected)
					slices.Sort(found)
					slices.Sort(inBatch)
					if !slices.Equal(expected, found) || !slices.Equal(expected, inBatch) {
						t.Fatalf("%v: in %v, in a batch %v, golang/geo says %v", pts[i], found, inBatch, expected)
					}
				}
				if len(batch) > 0 {
					t.Fatalf("%d hits too many", len(batch))
				}
			},
		})
	})
}

// TestSetModel is TestLiveModel for a Set, whose zones have places; and earlier
// sets do not change.
func TestSetModel(t *testing.T) {
	alone(t)
	type row struct {
		id    string
		shape int
	}
	m := newModel(t)
	rapid.Check(t, func(t *rapid.T) {
		s, before := &Set{}, &Set{}
		var want, wanted []row
		check := func(t *rapid.T, s *Set, want []row, asked []int) {
			if s.Len() != len(want) {
				t.Fatalf("%d zones, want %d", s.Len(), len(want))
			}
			for _, k := range asked {
				p := m.points[k]
				in := s.Contains(p)
				inside, outside := s.Classify(p, 0)
				for i, w := range want {
					if got := s.Zone(i).ID; got != w.id {
						t.Fatalf("zone %d is %q, want %q", i, got, w.id)
					}
					if in.Has(i) != m.inside[k][w.shape] || inside.Has(i) && !in.Has(i) || outside.Has(i) && in.Has(i) {
						t.Fatalf("%v: in %q %v, by Classify inside %v, outside %v; golang/geo says %v", p, w.id, in.Has(i), inside.Has(i), outside.Has(i), m.inside[k][w.shape])
					}
				}
				if in>>len(want) != 0 {
					t.Fatalf("%v is in zones that are not there: %b", p, in)
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"with": func(t *rapid.T) {
				z, shape := m.zone(t)
				before, wanted = s, slices.Clone(want)
				var err error
				if s, err = s.With(z); err != nil {
					t.Fatal(err)
				}
				if i := slices.IndexFunc(want, func(r row) bool { return r.id == z.ID }); i >= 0 {
					want[i].shape = shape
				} else {
					want = append(want, row{z.ID, shape})
				}
			},
			"without": func(t *rapid.T) {
				id := modelID(t)
				before, wanted = s, slices.Clone(want)
				s = s.Without(id)
				want = slices.DeleteFunc(want, func(r row) bool { return r.id == id })
			},
			"": func(t *rapid.T) {
				asked := m.some(t)
				check(t, s, want, asked)
				check(t, before, wanted, asked[:3])
			},
		})
	})
}
