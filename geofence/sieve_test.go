package geofence_test

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/geofence"
)

// The cases are worked by hand: a device at some places on a meridian, in metres.
func TestSieve(t *testing.T) {
	const home, degree = 54.7, 180 / (em.EarthRadius * math.Pi)
	at := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	fix := func(minute int, north, speed float64, source em.FixSource) em.Observation {
		f := &em.Fix{LatLng: em.LatLng{Lat: home + north*degree, Lng: 25.3}, Validity: em.FixCurrent, Source: source, Accuracy: em.Some(10.0)}
		if source == em.SourceGNSS {
			f.Speed = em.Some(speed)
		}
		o := em.Observation{Device: "test:990000000000017", DeviceAt: at.Add(time.Duration(minute) * time.Minute), Body: f}
		return o.Stamp(o.DeviceAt)
	}
	gnss := func(minute int, north, speed float64) em.Observation {
		return fix(minute, north, speed, em.SourceGNSS)
	}
	for _, c := range []struct {
		name string
		obs  []em.Observation
		want [][]float64 // of each observation, the places
		rest float64     // at the end; NaN is none
	}{
		{"goes", []em.Observation{gnss(0, 0, 1.4), gnss(1, 80, 1.4), gnss(2, 160, 1.4)}, [][]float64{{0}, {80}, {160}}, math.NaN()},
		// The first fix of the rest is at 100; the second pulls by half its way.
		{"rests", []em.Observation{gnss(0, 0, 1.4), gnss(1, 100, 0), gnss(2, 110, 0)}, [][]float64{{0}, {100}, {110}}, 105},
		{"an outlier", []em.Observation{gnss(0, 0, 1.4), gnss(1, 9000, 1.4), gnss(2, 80, 1.4)}, [][]float64{{0}, {}, {80}}, math.NaN()},
		// 4.2 km are more than who walks may go in a minute, however he speeds up; in two
		// he may: with the next, that agrees, the first is taken as true.
		{"a row that was true", []em.Observation{gnss(0, 0, 1.4), gnss(1, 4200, 1.4), gnss(2, 4280, 1.4), gnss(3, 4360, 1.4)}, [][]float64{{0}, {}, {4200, 4280}, {4360}}, math.NaN()},
		{"access points", []em.Observation{gnss(0, 0, 1.4), fix(1, 60, 0, em.SourceWiFi), fix(2, 90000, 0, em.SourceWiFi)}, [][]float64{{0}, {60}, {}}, math.NaN()},
		{"no fix", []em.Observation{{Device: "test:990000000000017", At: at, Body: &em.Power{}}}, [][]float64{nil}, math.NaN()},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := geofence.NewSieve(geofence.Config{})
			if err != nil {
				t.Fatal(err)
			}
			rest := math.NaN()
			for i, o := range c.obs {
				state, err := s.AppendBinary(nil)
				if err != nil {
					t.Fatal(err)
				}
				again, _ := geofence.NewSieve(geofence.Config{})
				if err := again.UnmarshalBinary(state); err != nil {
					t.Fatal(err)
				}
				found := s.Append(nil, o)
				if other := again.Append(nil, o); !slices.Equal(found, other) {
					t.Errorf("%d: %v, and %v of one that was restored", i, found, other)
				}
				var places []float64
				for _, p := range found {
					places = append(places, math.Round((p.Where.Lat-home)/degree))
					if p.Coarse != (o.Body.(*em.Fix).Source == em.SourceWiFi) || !p.Reported {
						t.Errorf("%d: %+v", i, p)
					}
					if rest = math.NaN(); p.Rest.OK {
						rest = math.Round((p.Rest.V.Lat - home) / degree)
					}
				}
				if !slices.Equal(places, c.want[i]) {
					t.Errorf("%d: at %v, want %v", i, places, c.want[i])
				}
			}
			if rest != c.rest && !(math.IsNaN(rest) && math.IsNaN(c.rest)) {
				t.Errorf("rests at %v, want %v", rest, c.rest)
			}
			state, _ := s.AppendBinary(nil)
			if err := s.UnmarshalBinary(append(bytes.Clone(state), 0)); !errors.Is(err, em.ErrState) {
				t.Errorf("%v", err)
			}
		})
	}
	if _, err := geofence.NewSieve(geofence.Config{OutlierRun: 1}); !errors.Is(err, geofence.ErrConfig) {
		t.Errorf("%v", err)
	}
}
