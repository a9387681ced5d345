package geofence_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence"
)

func ids(zones []*Zone) []string {
	var ids []string
	for _, z := range zones {
		ids = append(ids, z.ID+z.Version)
	}
	slices.Sort(ids)
	return ids
}

func mustPut(t testing.TB, l *Live, zones ...Zone) {
	t.Helper()
	if err := l.Put(zones...); err != nil {
		t.Fatal(err)
	}
}

// randomZone is an invented zone of any shape somewhere in a small country.
func randomZone(r *rand.Rand, id, version string) Zone {
	lat, lng := 54+2*r.Float64(), 23+3*r.Float64()
	size := 100 + 20_000*r.Float64()
	z := Zone{ID: id, Version: version, Kind: KindPlace}
	switch r.IntN(4) {
	case 0:
		z.Shape = Circle{orb.Point{lng, lat}, size}
	case 1:
		z.Shape = Corridor{orb.LineString{{lng, lat}, offset(lat, lng, 6*r.Float64(), size)}, size / 4}
	case 2:
		z.Shape = Area{{starRing(r, lat, lng, 12, size*.8, size), starRing(r, lat, lng, 5, size*.2, size*.3)}}
	default:
		z.Shape = Area{{starRing(r, lat, lng, 3+r.IntN(30), size*.5, size)}}
	}
	return z
}

// TestLiveAgrees changes zones at random, in a Live and in a map, and compares
// the answers with those of an Index of the map's zones.
func TestLiveAgrees(t *testing.T) {
	alone(t)
	seed := uint64(59)
	r := rand.New(rand.NewPCG(seed, 14))
	want := map[string]Zone{}
	var zones []Zone
	for i := range 60 {
		z := randomZone(r, fmt.Sprint(i), "v0")
		zones = append(zones, z)
		want[z.ID] = z
	}
	l := NewLive(mustIndex(t, zones...))
	hits := 0
	for step := range 25 {
		switch r.IntN(6) {
		case 0, 1, 2:
			var put []Zone
			for range 1 + r.IntN(30)*r.IntN(2) {
				z := randomZone(r, fmt.Sprint(r.IntN(100)), fmt.Sprint("v", step))
				if !slices.ContainsFunc(put, func(p Zone) bool { return p.ID == z.ID }) {
					put, want[z.ID] = append(put, z), z
				}
			}
			mustPut(t, l, put...)
		case 3, 4:
			id := fmt.Sprint(r.IntN(100))
			_, known := want[id]
			delete(want, id)
			if n, err := l.Remove(id, "no such zone"); err != nil || n == 1 != known {
				t.Fatalf("seed %d, step %d: removed %d zones, %v; %s is there: %v", seed, step, n, err, id, known)
			}
		case 5:
			if err := l.Merge(); err != nil {
				t.Fatal(err)
			}
			if l.Pending() != 0 {
				t.Fatalf("seed %d, step %d: %d changes after a merge", seed, step, l.Pending())
			}
		}
		v := l.View()
		if v.Len() != len(want) {
			t.Fatalf("seed %d, step %d: %d zones, want %d", seed, step, v.Len(), len(want))
		}
		got := map[string]string{}
		for z := range v.Zones() {
			got[z.ID] = z.Version
		}
		if len(got) != len(want) {
			t.Fatalf("seed %d, step %d: zones %v", seed, step, got)
		}
		x := mustIndex(t, slices.SortedFunc(maps.Values(want), func(a, b Zone) int { return strings.Compare(a.ID, b.ID) })...)
		points := make([]em.LatLng, 40)
		for i := range points {
			points[i] = em.LatLng{Lat: 54 + 2*r.Float64(), Lng: 23 + 3*r.Float64()}
		}
		points[7].Lat = math.NaN()
		batch := v.AppendBatch(nil, points)
		for i, p := range points {
			var inside, in []string
			for _, z := range x.Append(nil, p) {
				inside = append(inside, x.Zone(z).ID+x.Zone(z).Version)
			}
			slices.Sort(inside)
			hits += len(inside)
			if got := ids(v.Append(nil, p)); !slices.Equal(got, inside) {
				t.Fatalf("seed %d, step %d, %v: in %v, an Index says %v", seed, step, p, got, inside)
			}
			for ; len(batch) > 0 && batch[0].Point == i; batch = batch[1:] {
				in = append(in, batch[0].Zone.ID+batch[0].Zone.Version)
			}
			if slices.Sort(in); !slices.Equal(in, inside) {
				t.Fatalf("seed %d, step %d, %v: in %v by batch, an Index says %v", seed, step, p, in, inside)
			}
			id := fmt.Sprint(r.IntN(100))
			side, d := v.Classify(id, p, 100)
			wantSide, wantDistance := em.SideUnknown, math.NaN()
			if z, ok := x.Lookup(id); ok {
				wantSide, wantDistance = x.Classify(z, p, 100)
			}
			if side != wantSide || d != wantDistance && !(math.IsNaN(d) && math.IsNaN(wantDistance)) {
				t.Fatalf("seed %d, step %d, zone %s, %v: %v at %v m, an Index says %v at %v m", seed, step, id, p, side, d, wantSide, wantDistance)
			}
			z, ok := v.Lookup(id)
			if w, known := want[id]; ok != known || ok && z.Version != w.Version {
				t.Fatalf("seed %d, step %d: zone %s is %v, want %v", seed, step, id, z, w.Version)
			}
		}
	}
	if hits < 300 {
		t.Errorf("only %d hits", hits)
	}
}

// TestLiveUnderChange has readers check, while zones are replaced and merged,
// what must be so at any time: a zone that is only ever replaced by one that
// contains the same point contains it, once; of two zones that are put
// together both have the same version; and a zone that was put stays.
func TestLiveUnderChange(t *testing.T) {
	p := em.LatLng{Lat: 55, Lng: 25}
	square := func(id string, version int, size float64) Zone {
		return Zone{ID: id, Version: fmt.Sprint(version), Kind: KindPlace, Shape: Area{{box(25-size, 55-size, 25+size, 55+size)}}}
	}
	base := []Zone{square("always", 0, .01), square("left", 0, .02), square("right", 0, .03)}
	r := rand.New(rand.NewPCG(61, 15))
	for i := range 50 {
		base = append(base, randomZone(r, fmt.Sprint("other", i), ""))
	}
	l := NewLive(mustIndex(t, base...))
	var stop atomic.Bool
	var put, reads atomic.Int64
	var wg sync.WaitGroup
	fail := func(format string, args ...any) {
		t.Errorf(format, args...)
		stop.Store(true)
	}
	for range 3 {
		wg.Go(func() {
			var zones []*Zone
			for !stop.Load() {
				known := put.Load()
				v := l.View()
				zones = v.Append(zones[:0], p)
				versions := map[string]string{}
				for _, z := range zones {
					if _, twice := versions[z.ID]; twice {
						fail("%s twice", z.ID)
					}
					versions[z.ID] = z.Version
				}
				if versions["always"] == "" || versions["left"] == "" || versions["left"] != versions["right"] {
					fail("half a change: %v", versions)
				}
				for _, id := range []string{"always", "left", "right"} {
					if side, d := v.Classify(id, p, 1); side != em.Inside {
						fail("%s: %v, at %v m", id, side, d)
					}
				}
				if known > 0 {
					if _, ok := v.Lookup(fmt.Sprint("new", known)); !ok {
						fail("zone %d was put, and is not there", known)
					}
				}
				reads.Add(1)
			}
		})
	}
	wg.Go(func() { // merges
		for !stop.Load() {
			if err := l.Merge(); err != nil {
				fail("%v", err)
			}
		}
	})
	for i := 1; i <= 150 && !stop.Load(); i++ {
		mustPut(t, l, square("always", i, .01+.001*float64(i%10)))
		mustPut(t, l, square("right", i, .03), square("left", i, .02))
		mustPut(t, l, randomZone(r, fmt.Sprint("new", i), ""))
		put.Store(int64(i))
		if _, err := l.Remove(fmt.Sprint("other", i)); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	wg.Wait()
	if got := l.View().Len(); got != 3+1+150 {
		t.Errorf("%d zones", got)
	}
	t.Logf("%d reads", reads.Load())
}

func TestLiveBounds(t *testing.T) {
	alone(t)
	circle := func(i int) Zone {
		return Zone{ID: fmt.Sprint(i), Kind: KindPlace, Shape: Circle{orb.Point{float64(i % 300), float64(i % 80)}, 100}}
	}
	l := NewLive(nil)
	var zones []Zone
	for i := range MaxChanges {
		z := circle(i)
		c := z.Shape.(Circle)
		c.Center[0] = math.Remainder(c.Center[0], 360)
		z.Shape = c
		zones = append(zones, z)
	}
	mustPut(t, l, zones...)
	one := Zone{ID: "one more", Kind: KindPlace, Shape: Circle{orb.Point{25, 55}, 100}}
	if err := l.Put(one); !errors.Is(err, ErrChanges) || l.Pending() != MaxChanges || l.View().Len() != MaxChanges {
		t.Errorf("%v, %d changes", err, l.Pending())
	}
	if n, err := l.Remove("7"); n != 1 || err != nil { // makes room
		t.Errorf("%d, %v", n, err)
	}
	mustPut(t, l, one)
	if err := l.Merge(); err != nil {
		t.Fatal(err)
	}
	if n, err := l.Remove("7", "8", "8", "one more"); n != 2 || err != nil || l.Pending() != 2 || l.View().Len() != MaxChanges-2 {
		t.Errorf("removed %d, %v; %d changes, %d zones", n, err, l.Pending(), l.View().Len())
	}
	var e *ZoneError
	if err := l.Put(one, Zone{ID: "bad", Kind: KindPlace, Shape: Circle{}}); !errors.Is(err, ErrRadius) || !errors.As(err, &e) || e.Index != 1 || e.Zone != "bad" {
		t.Errorf("%v", err)
	}
	if err := l.Put(circle(1), one, one); !errors.Is(err, ErrDuplicateID) || !errors.As(err, &e) || e.Zone != "one more" {
		t.Errorf("%v", err)
	}
	if _, ok := l.View().Lookup("one more"); ok {
		t.Error("half a Put was seen")
	}
}

// TestLiveBatch compares many points at once with an Index of the same zones: zones of
// all sizes, beside each other and in one place, at the poles and the antimeridian.
func TestLiveBatch(t *testing.T) {
	seed := uint64(73)
	r := rand.New(rand.NewPCG(seed, 18))
	centers := []em.LatLng{{Lat: 54.7, Lng: 25.3}, {Lat: -17, Lng: 179.999}, {Lat: 12, Lng: -180}, {Lat: 89.99, Lng: 40}, {Lat: -89.95, Lng: -100}, {}}
	near := func(c em.LatLng, degrees float64) em.LatLng {
		lng := c.Lng + degrees*r.NormFloat64()
		return em.LatLng{Lat: min(90, max(-90, c.Lat+degrees*r.NormFloat64())), Lng: lng - 360*math.Floor((lng+180)/360)}
	}
	var zones []Zone
	for i := range 900 {
		radius := 20 * math.Pow(4, float64(r.IntN(9)))
		p := near(centers[r.IntN(len(centers))], 4*radius/111_000+r.Float64()/50)
		zones = append(zones, Zone{ID: fmt.Sprint(i), Kind: KindPlace, Shape: Circle{orb.Point{p.Lng, p.Lat}, radius}})
	}
	zones = append(zones, area("world", orb.Polygon{box(-179, -80, 179, 80)}), area("fiji", orb.Polygon{box(179.5, -18, 180, -16)}, orb.Polygon{box(-180, -18, -179.5, -16)}))
	points := make([]em.LatLng, 3*256+7)
	for i := range points {
		points[i] = near(centers[r.IntN(len(centers))], math.Pow(10, -3+4*r.Float64()))
	}
	points[255], points[256] = em.LatLng{Lat: math.NaN()}, em.LatLng{Lat: 91}
	x := mustIndex(t, zones...)
	want := x.AppendBatch(nil, points)
	for _, changes := range []int{0, 1, 50, 450, len(zones)} {
		old := slices.Clone(zones)
		for i := range changes { // zones that the base has elsewhere
			old[i*7919%len(zones)].Shape = Circle{orb.Point{10, 50}, 200}
		}
		l := NewLive(mustIndex(t, old[:len(old)-changes/3]...))
		for i := range changes {
			mustPut(t, l, zones[i*7919%len(zones)])
		}
		mustPut(t, l, zones[len(zones)-changes/3:]...)
		v := l.View()
		all := v.AppendBatch(nil, points)
		got := make([]Hit, len(all))
		for i, h := range all {
			z, _ := x.Lookup(h.Zone.ID)
			got[i] = Hit{Point: int32(h.Point), Zone: int32(z)}
		}
		if !slices.IsSortedFunc(got, func(a, b Hit) int { return int(a.Point - b.Point) }) {
			t.Errorf("seed %d, %d changes: the hits are not in the order of the points", seed, changes)
		}
		slices.SortFunc(got, func(a, b Hit) int { return cmp.Or(cmp.Compare(a.Point, b.Point), cmp.Compare(a.Zone, b.Zone)) })
		if !slices.Equal(got, want) {
			t.Errorf("seed %d, %d changes: %d hits, want %d", seed, changes, len(got), len(want))
		}
		one := 0
		for _, p := range points {
			one += len(v.Append(nil, p))
		}
		if one != len(want) || len(want) < len(points) {
			t.Errorf("seed %d, %d changes: %d hits one by one, want %d", seed, changes, one, len(want))
		}
	}
}

// Zones within each other are told once each, wherever on earth their cells are.
func TestLiveNested(t *testing.T) {
	seed := uint64(79)
	r := rand.New(rand.NewPCG(seed, 19))
	for range 300 {
		c := orb.Point{-179 + 358*r.Float64(), -85 + 170*r.Float64()}
		l := NewLive(nil)
		mustPut(t, l, Zone{ID: "small", Kind: KindPlace, Shape: Circle{c, 50}}, Zone{ID: "large", Kind: KindPlace, Shape: Circle{c, 5000}})
		if got := ids(l.View().Append(nil, em.LatLng{Lat: c[1], Lng: c[0]})); !slices.Equal(got, []string{"large", "small"}) {
			t.Fatalf("seed %d: at %v in %v", seed, c, got)
		}
	}
}

func TestLiveAllocations(t *testing.T) {
	r := rand.New(rand.NewPCG(67, 16))
	l := NewLive(nil)
	for i := range 100 {
		mustPut(t, l, randomZone(r, fmt.Sprint(i), ""))
	}
	v := l.View()
	dst, hits := make([]*Zone, 0, 128), make([]ZoneHit, 0, 4096)
	points := make([]em.LatLng, 100)
	for i := range points {
		points[i] = em.LatLng{Lat: 54 + 2*r.Float64(), Lng: 23 + 3*r.Float64()}
	}
	if n := testing.AllocsPerRun(50, func() {
		for _, p := range points {
			dst = v.Append(dst[:0], p)
		}
		hits = v.AppendBatch(hits[:0], points)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkLivePut is a zone of 32 vertices replaced in a Live of so many, with
// no changes and with as many as it takes.
func BenchmarkLivePut(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("zones=%d", n), func(b *testing.B) {
			r := rand.New(rand.NewPCG(71, 17))
			zones := make([]Zone, n)
			for i := range zones {
				lat, lng := 50+15*r.Float64(), 5+25*r.Float64()
				zones[i] = Zone{ID: fmt.Sprint(i), Kind: KindPlace, Shape: Area{{starRing(r, lat, lng, 27, 100, 200)}}}
			}
			start := time.Now()
			base := mustIndex(b, zones...)
			build := time.Since(start)
			for _, pending := range []int{0, MaxChanges / 2} {
				b.Run(fmt.Sprintf("changes=%d", pending), func(b *testing.B) {
					l := NewLive(base)
					if pending > 0 {
						mustPut(b, l, zones[:min(pending, n)]...)
					}
					i := 0
					var took []time.Duration
					for b.Loop() {
						if l.Pending()+2 > MaxChanges {
							l = NewLive(base)
						}
						start := time.Now()
						if err := l.Put(zones[i*7919%n]); err != nil {
							b.Fatal(err)
						}
						took = append(took, time.Since(start))
						i++
					}
					slices.Sort(took)
					b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "median-µs")
					b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1e3, "p99-µs")
					b.ReportMetric(build.Seconds()*1000, "NewIndex-ms")
				})
			}
		})
	}
}
