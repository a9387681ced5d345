package geofence_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/golang/geo/s2"
	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence"
)

// drawPlace draws a position, often near a pole, the antimeridian or a polar
// circle of the tree.
func drawPlace(t *rapid.T, label string) em.LatLng {
	return em.LatLng{
		Lat: rapid.OneOf(rapid.Float64Range(-90, 90), rapid.Float64Range(89.7, 90), rapid.Float64Range(-90, -89.7), rapid.SampledFrom([]float64{90, -90, 89.9, 0})).Draw(t, label+" lat"),
		Lng: rapid.OneOf(rapid.Float64Range(-180, 180), rapid.Float64Range(179.9, 180), rapid.Float64Range(-180, -179.9), rapid.SampledFrom([]float64{180, -180, 0})).Draw(t, label+" lng"),
	}
}

// toward returns the position that is so many metres from p.
func toward(p em.LatLng, bearing, metres float64) em.LatLng {
	sinLat, cosLat := math.Sincos(p.Lat * math.Pi / 180)
	sinD, cosD := math.Sincos(metres / em.EarthRadius)
	sinB, cosB := math.Sincos(bearing)
	lat := math.Asin(max(-1, min(1, sinLat*cosD+cosLat*sinD*cosB)))
	lng := p.Lng*math.Pi/180 + math.Atan2(sinB*sinD*cosLat, cosD-sinLat*math.Sin(lat))
	return em.LatLng{Lat: lat * 180 / math.Pi, Lng: math.Remainder(lng*180/math.Pi, 360)}
}

// TestRoundShapes compares circles and corridors with what they are defined to
// be, near their edges most of all.
func TestRoundShapes(t *testing.T) {
	alone(t)
	rapid.Check(t, func(t *rapid.T) {
		center := drawPlace(t, "center")
		radius := math.Pow(10, rapid.Float64Range(0, 6.5).Draw(t, "log radius"))
		circle := Zone{ID: "circle", Kind: KindPlace, Shape: Circle{orb.Point{center.Lng, center.Lat}, radius}}
		line := orb.LineString{{center.Lng, center.Lat}}
		for p := center; len(line) < rapid.IntRange(2, 4).Draw(t, "vertices"); {
			p = toward(p, rapid.Float64Range(0, 6.28).Draw(t, "bearing"), radius*rapid.Float64Range(.1, 5).Draw(t, "step"))
			line = append(line, orb.Point{p.Lng, p.Lat})
		}
		corridor := Zone{ID: "corridor", Kind: KindPlace, Shape: Corridor{line, radius / 3}}
		x, err := NewIndex(circle, corridor)
		if err != nil {
			if x, err = NewIndex(circle); err != nil {
				t.Fatal(err)
			}
		}
		var ways []s2.Point
		if x.Len() == 2 {
			ways = x.Line(1)
		}
		for range 30 {
			from := center
			reach := radius
			if len(ways) > 0 && rapid.Bool().Draw(t, "corridor") {
				ll := s2.LatLngFromPoint(ways[rapid.IntRange(0, len(ways)-1).Draw(t, "vertex")])
				from, reach = em.LatLng{Lat: ll.Lat.Degrees(), Lng: ll.Lng.Degrees()}, radius/3
			}
			off := math.Pow(10, rapid.Float64Range(-9, .3).Draw(t, "log off"))
			p := toward(from, rapid.Float64Range(0, 6.28).Draw(t, "bearing"), reach*(1+off*rapid.SampledFrom([]float64{-1, 1}).Draw(t, "side")))
			q := ToPoint(p.Lng, p.Lat)
			var want []int
			if ToPoint(center.Lng, center.Lat).Distance(q).Radians()*em.EarthRadius-radius <= 0 {
				want = append(want, 0)
			}
			for k := range ways[:max(0, len(ways)-1)] {
				if s2.DistanceFromSegment(q, ways[k], ways[k+1]).Radians()*em.EarthRadius <= radius/3 {
					want = append(want, 1)
					break
				}
			}
			if got := x.Append(nil, p); !slices.Equal(got, want) {
				t.Fatalf("%v: in %v, by their distance in %v", p, got, want)
			}
		}
	})
}

// TestOrderOfZones checks that an answer does not depend on the order in which
// zones are given, nor on what else is on the map.
func TestOrderOfZones(t *testing.T) {
	alone(t)
	seed := uint64(41)
	r := rand.New(rand.NewPCG(seed, 1))
	zones := append(fileZones(), syntheticZones(8, 300, .05)...)
	for i := range zones {
		zones[i].ID = fmt.Sprint(i)
	}
	var areas []Area
	for _, z := range zones {
		if a, ok := z.Shape.(Area); ok {
			areas = append(areas, a)
		}
	}
	points := hardPoints(r, areas, 3000)
	ids := func(x *Index) map[string][]string {
		in := map[string][]string{}
		for _, h := range x.AppendBatch(nil, points) {
			key := fmt.Sprint(h.Point)
			in[key] = append(in[key], x.Zone(int(h.Zone)).ID)
		}
		for _, zones := range in {
			slices.Sort(zones)
		}
		return in
	}
	want := ids(mustIndex(t, zones...))
	other := slices.Clone(zones)
	r.Shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
	if got := ids(mustIndex(t, other...)); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("seed %d: shuffled zones give other answers", seed)
	}
	half := map[string]bool{}
	for _, z := range other[:len(other)/2] {
		half[z.ID] = true
	}
	got := ids(mustIndex(t, other[:len(other)/2]...))
	for p, in := range want {
		in = slices.DeleteFunc(slices.Clone(in), func(id string) bool { return !half[id] })
		if !slices.Equal(in, got[p]) {
			t.Fatalf("seed %d, point %s: in %v, of all zones in %v", seed, p, got[p], in)
		}
	}
}
