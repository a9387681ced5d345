package main

import (
	"math"
	"slices"
	"testing"

	"github.com/sargas-em/em"
)

// As one person sees the other, both ways count: both go 10 m a second apart.
func TestRelative(t *testing.T) {
	home := em.LatLng{Lat: 54.7, Lng: 25.3}
	way := func(u float64, known bool, speed vec, ats ...int64) path {
		p := path{end: 10 * second}
		for _, at := range ats {
			p.samples = append(p.samples, sample{at * second, offset(home, speed.times(float64(at))), u, known})
		}
		return p
	}
	a, b := way(5, true, vec{6, 0}, 0, 1, 2, 5), way(3, true, vec{0, 8}, 0, 2, 5, 6)
	p, middle := relative(&a, &b)
	if middle != home || p.end != 10*second {
		t.Errorf("the middle is %v, the end %d", middle, p.end)
	}
	want := []struct {
		at int64
		v  vec
	}{{0, vec{}}, {1, vec{6, 0}}, {2, vec{12, -16}}, {5, vec{30, -40}}, {6, vec{30, -48}}}
	if len(p.samples) != len(want) {
		t.Fatalf("%d samples, want %d", len(p.samples), len(want))
	}
	for i, w := range want {
		s := p.samples[i]
		if d := planeAt(home).to(s.p).sub(w.v).length(); s.at != w.at*second || d > .01 || s.u != 8 || !s.known {
			t.Errorf("at %d %+v, %.3f m from where it should be", s.at, s, d)
		}
	}
	later, lost := way(3, true, vec{}, 3, 7), way(3, false, vec{}, 0)
	if p, _ := relative(&a, &later); len(p.samples) != 3 || p.samples[0].at != 3*second {
		t.Errorf("who begins later: %+v", p.samples)
	}
	if p, _ := relative(&a, &lost); p.known() != 0 {
		t.Errorf("known for %d ms", p.known())
	}
}

// In the simulator's scenario the wearer comes twice: that is told each time, and
// nothing else, by warnings beforehand.
func TestApproach(t *testing.T) {
	for n := range 5 {
		u, err := pairUnit(setApproach, 3, n)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := measurePair(u)
		if err != nil {
			t.Fatal(err)
		}
		w := &rows[1]
		if w.Rule != pairOurs || w.Due != 2 || w.Missed != 0 || w.Alerts != 2 || w.False != 0 ||
			slices.ContainsFunc(w.Delayed, func(d delay) bool { return d.ms > 75*second }) {
			t.Errorf("play %d: %+v", n, w)
		}
		if w.PreAlerts < 1 || w.PreAlerts > 2 || w.PreFalse != 0 {
			t.Errorf("play %d: %d pre-alerts, %d of them false", n, w.PreAlerts, w.PreFalse)
		}
		if w.Unguarded > 2*second {
			t.Errorf("play %d: unprotected for %d ms", n, w.Unguarded)
		}
	}
}

// Whoever is in one place with a silent protected person is not told of: that she
// is unprotected is.
func TestPairSilence(t *testing.T) {
	u, err := pairUnit(setApproach, 3, 0)
	if err != nil {
		t.Fatal(err)
	}
	var heard []em.Observation
	for _, o := range u.obs {
		if o.Device == wearersDevice {
			heard = append(heard, o)
		}
	}
	u.obs = heard
	told, err := pairRules(u)
	if err != nil {
		t.Fatal(err)
	}
	if len(told.alerts) != 0 || len(told.stale) != 1 || math.Abs(float64(told.stale[0].told-u.path.samples[0].at-5*minute)) > 1 || told.stale[0].until != never {
		t.Errorf("%+v", told)
	}
}
