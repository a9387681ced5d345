package main

import (
	"reflect"
	"testing"

	"github.com/sargas-em/em"
)

// line is a path to the east along y = 0 at 1 m/s from x = -200, known to 5 m.
func line(n int) path {
	p := path{end: int64(n) * second}
	for i := range n {
		p.samples = append(p.samples, sample{int64(i) * second, offset(here, vec{float64(i) - 200, 0}), 5, true})
	}
	return p
}

// round is a circle of 100 m about here.
func round(p em.LatLng) float64 { return planeAt(here).to(p).length() - 99.99 } // never 0

// Somebody walks through the circle: the edges are crossed at seconds 101 and
// 300, and 5 m before and after each it is ambiguous.
func TestJudge(t *testing.T) {
	p := line(400)
	z := judge(&p, false, round)
	want := []stretch{
		{0, 96 * second, compliant}, {96 * second, 106 * second, ambiguous}, {106 * second, 295 * second, violation},
		{295 * second, 305 * second, ambiguous}, {305 * second, 400 * second, compliant},
	}
	if !reflect.DeepEqual(z.stretches, want) || !reflect.DeepEqual(z.crossings, []int64{101 * second}) {
		t.Errorf("%v, crossings %v", z.stretches, z.crossings)
	}
	if want := []span{{131 * second, 270 * second}}; !reflect.DeepEqual(z.deep, want) { // from x = -69 to 69
		t.Errorf("deep %v", z.deep)
	}
	want1 := []episode{{span{96 * second, 305 * second}, true, 106 * second, 101 * second}}
	if e := z.episodes(); !reflect.DeepEqual(e, want1) {
		t.Errorf("episodes %+v", e)
	}

	out := judge(&p, true, round) // as an inclusion zone
	want2 := []episode{
		{span{0, 106 * second}, true, 0, -1}, // begins outside
		{span{295 * second, 400 * second}, true, 305 * second, 300 * second},
	}
	if e := out.episodes(); !reflect.DeepEqual(e, want2) {
		t.Errorf("episodes %+v", e)
	}
}

func TestEpisodes(t *testing.T) {
	s := func(n int64) int64 { return n * second }
	for name, c := range map[string]struct {
		z    zoneTruth
		want []episode
	}{
		"59 seconds are not due": {
			zoneTruth{stretches: []stretch{{0, s(10), compliant}, {s(10), s(69), violation}, {s(69), s(80), compliant}}, crossings: []int64{s(10)}},
			[]episode{{span{s(10), s(69)}, false, 0, -1}},
		},
		"ambiguous alone is none": {zoneTruth{stretches: []stretch{{0, s(500), ambiguous}}}, nil},
		"two parts of 40 are not due, the 60 after them are": {
			zoneTruth{stretches: []stretch{{0, s(40), violation}, {s(40), s(50), ambiguous}, {s(50), s(90), violation}, {s(90), s(95), ambiguous}, {s(95), s(155), violation}}},
			[]episode{{span{0, s(155)}, true, s(95), -1}},
		},
		"a gap ends it": {
			zoneTruth{stretches: []stretch{{0, s(100), violation}, {s(100), s(200), unknown}, {s(200), s(300), violation}}},
			[]episode{{span{0, s(100)}, true, 0, -1}, {span{s(200), s(300)}, true, s(200), -1}},
		},
		"a hole between samples, too": {
			zoneTruth{stretches: []stretch{{0, s(100), violation}, {s(150), s(220), violation}}},
			[]episode{{span{0, s(100)}, true, 0, -1}, {span{s(150), s(220)}, true, s(150), -1}},
		},
		"a slow entry has no delay": {
			zoneTruth{stretches: []stretch{{0, s(10), compliant}, {s(10), s(90), ambiguous}, {s(90), s(200), violation}}, crossings: []int64{s(12)}},
			[]episode{{span{s(10), s(200)}, true, s(90), -1}},
		},
		"the last crossing counts": {
			zoneTruth{stretches: []stretch{{0, s(10), compliant}, {s(10), s(90), ambiguous}, {s(90), s(200), violation}}, crossings: []int64{s(12), s(85)}},
			[]episode{{span{s(10), s(200)}, true, s(90), s(85)}},
		},
	} {
		if got := c.z.episodes(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// Curfew from 100 to 200 and from 300 to 400: out from 50 to 150, and from 350 to 450.
func TestWithin(t *testing.T) {
	z := zoneTruth{
		stretches: []stretch{{0, 50, compliant}, {50, 150, violation}, {150, 160, ambiguous}, {160, 260, unknown}, {260, 350, compliant}, {350, 450, violation}},
		crossings: []int64{50, 350},
		deep:      []span{{60, 140}, {360, 440}},
	}
	got := z.within([]span{{100, 200}, {300, 400}})
	want := zoneTruth{
		stretches: []stretch{{0, 100, compliant}, {100, 150, violation}, {150, 160, ambiguous}, {160, 260, unknown}, {260, 350, compliant}, {350, 400, violation}, {400, 450, compliant}},
		crossings: []int64{100, 350},
		deep:      []span{{100, 140}, {360, 400}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
