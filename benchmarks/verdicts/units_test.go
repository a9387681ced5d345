package main

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
	"github.com/sargas-em/em/geofence"
)

// Zones lie as METHOD.md says, and again the same for the same seed and name.
func TestLay(t *testing.T) {
	p, _ := townPath(randFor(1, "test", "lay"), nil)
	zones := lay(&p, 7, "somebody")
	if !reflect.DeepEqual(zones, lay(&p, 7, "somebody")) || reflect.DeepEqual(zones, lay(&p, 7, "another")) {
		t.Error("zones are not of the seed and the name")
	}
	s, err := newScene("somebody", p, zones, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for i, z := range zones {
		n[z.class]++
		least := math.Inf(1)
		for _, x := range p.samples {
			least = min(least, s.index.Distance(i, x.p))
		}
		switch z.class {
		case classAt, classInclusion, classCorridor, classHome, classBuffer:
			if least >= 0 {
				t.Errorf("%s: the path stays %.0f m away", z.zone.ID, least)
			}
		case classBeside:
			if least > 51 {
				t.Errorf("%s: the path stays %.0f m away", z.zone.ID, least)
			}
		}
	}
	if want := map[string]int{classAt: 3, classBeside: 4, classStay: 2, classAway: 2, classInclusion: 2, classCorridor: 1, classBuffer: 4, classHome: 1}; !reflect.DeepEqual(n, want) {
		t.Errorf("zones %v, want %v", n, want)
	}
}

// 30 minutes at one place, a walk of 400 s, 20 minutes at another, 10 at a third.
func TestStays(t *testing.T) {
	var p path
	at, x := int64(0), 0.0
	mark := func() {
		p.samples = append(p.samples, sample{at, offset(here, vec{x, 0}), 5, true})
	}
	go1 := func(seconds int) {
		for range seconds {
			mark()
			at, x = at+second, x+1.4
		}
	}
	mark()
	at += 30 * minute
	go1(400)
	mark()
	at += 20 * minute
	go1(400)
	mark()
	at += 10 * minute
	p.end = at
	s := stays(&p)
	if len(s) != 2 || s[0].middle.Distance(here) > 5 || s[1].middle.Distance(offset(here, vec{560, 0})) > 10 {
		t.Fatalf("%d stays", len(s))
	}
	if d := s[0].to - s[0].from; d < 30*minute || d > 31*minute {
		t.Errorf("the first lasts %d ms", d)
	}
}

// Halves are halves, and a name stays in its own.
func TestTuning(t *testing.T) {
	n := 0
	for i := range 1000 {
		if tuning(townName(setTown, 1, i)) {
			n++
		}
	}
	if n < 450 || n > 550 {
		t.Errorf("%d of 1000 are for tuning", n)
	}
	if !tuning("x") || tuning("a") { // SHA-256 begins with 2d, and with ca
		t.Error("not the first bit of the name's SHA-256")
	}
}

// The errors of somebody who stands still for a month, against the table.
func TestNoise(t *testing.T) {
	p := path{samples: []sample{{0, here, 5, true}}, end: 30 * day}
	m := planeAt(here)
	for env := range surroundingsCount {
		d := &device{rnd: randFor(1, "test", "noise"), every: minute}
		reports := d.reports(&p, func(int) surroundings { return env })
		n := noiseOf[env]
		var east []float64
		satellites := 0
		for i := range reports {
			if r := &reports[i]; r.satellites() {
				satellites++
				east = append(east, math.Abs(m.to(r.fix.LatLng).x))
			}
		}
		if got := float64(satellites) / float64(len(reports)); math.Abs(got-n.has) > .03 {
			t.Errorf("surroundings %d: fixes in %.2f of reports, want %.2f", env, got, n.has)
		}
		if n.bias == 0 || n.has < .5 { // cold starts widen the errors of deep buildings
			continue
		}
		slices.Sort(east) // by the median, which outliers hardly move
		if got, want := east[len(east)/2]/.6745, math.Hypot(n.bias, n.white); math.Abs(got/want-1) > .15 {
			t.Errorf("surroundings %d: σ %.1f m, want %.1f", env, got, want)
		}
		if len(reports) < 30*24*60-2 || len(reports) > 30*24*60+2 {
			t.Errorf("%d reports in 30 days", len(reports))
		}
	}

	d := &device{rnd: randFor(1, "test", "jam"), every: minute, gone: []span{{hour, 2 * hour}}, false: []span{{3 * hour, 4 * hour}}, where: offset(here, vec{40_000, 0})}
	reports := d.reports(&p, func(int) surroundings { return openSky })
	for i := range reports {
		r := &reports[i]
		if d.gone[0].has(r.at) && r.satellites() {
			t.Fatal("a fix while jammed")
		}
		if far := r.fix.LatLng.Distance(here) > 30_000; far != d.false[0].has(r.at) {
			t.Fatal("spoofed at another time")
		}
	}
}

// A person of the town lives two days without a jump, and sleeps.
func TestTownPath(t *testing.T) {
	for n := range 20 {
		p, about := townPath(randFor(3, "life", townName(setTown, 3, n)), nil)
		if len(p.samples) != len(about) || p.known() < townLasts-minute {
			t.Fatalf("person %d: %d samples, %d surroundings, known for %d ms", n, len(p.samples), len(about), p.known())
		}
		for i := 1; i < len(p.samples); i++ {
			a, b := &p.samples[i-1], &p.samples[i]
			if b.at <= a.at || a.p.Distance(b.p) > 13*float64(b.at-a.at)/1000+.1 {
				t.Fatalf("person %d: %.0f m in %d ms", n, a.p.Distance(b.p), b.at-a.at)
			}
		}
		if s := stays(&p); len(s) < 3 || s[0].to-s[0].from < 5*hour {
			t.Errorf("person %d: %d stays", n, len(s))
		}
	}
}

const table = `trace,time,lat,lon,alt,speed_mps,course,hdop,accuracy_m,sats,fix
a,2026-03-02T23:59:00Z,54.60000,25.10000,,1.5,90,0.9,,8,1
a,2026-03-03T00:00:00Z,54.60010,25.10000,,,,0.9,,8,1
a,2026-03-03T00:02:00Z,54.60020,25.10000,,-1,,,,,1
b,2026-03-03T00:00:00Z,54.60010,25.10000,,,,,3.5,,
b,2026-03-03T00:01:00Z,54.60010,25.10000,,,,,3.5,,
`

func TestReadTraces(t *testing.T) {
	for set, want := range map[string][]string{
		setWalks:     {"walks/a 3", "walks/b 2"},
		setMonths:    {"months/a/2026-03-03 2", "months/b/2026-03-03 2"}, // a single fix on the 2nd
		setReceivers: {"receivers/a 3"},                                  // b has no HDOP
	} {
		traces, err := readTraces(strings.NewReader(table), set)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, x := range traces {
			got = append(got, x.name+" "+string(rune('0'+len(x.reports))))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", set, got, want)
		}
	}
	traces, _ := readTraces(strings.NewReader(table), setWalks)
	f := traces[0].reports[0].fix
	if want := (em.Fix{LatLng: em.LatLng{Lat: 54.6, Lng: 25.1}, Validity: em.FixCurrent, Source: em.SourceGNSS,
		HDOP: em.Some(.9), Satellites: em.Some(8), Speed: em.Some(1.5), Course: em.Some(90.0)}); f != want {
		t.Errorf("%+v", f)
	}
	if traces[0].reports[2].fix.Speed.OK {
		t.Error("a speed of -1")
	}
	for _, bad := range []string{"", "trace,time\n", strings.Replace(table, "54.60010", "94.6", 1), strings.Replace(table, "2026-03-03T00:02", "soon", 1)} {
		_, err := readTraces(strings.NewReader(bad), setWalks)
		if err == nil || strings.Contains(err.Error(), "94.6") {
			t.Errorf("error %v", err)
		}
	}
}

// Naive rules on a hand-made list: in the zone at the 3rd, 5th and 6th fix.
func TestNaive(t *testing.T) {
	p := path{samples: []sample{{0, here, 5, true}}, end: hour}
	s, err := newScene("x", p, []laid{{classAt, geofence.Zone{ID: "z", Kind: geofence.KindExclusion, Shape: circle(here, 50)}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := fixesOf(vec{99, 0}, vec{99, 0}, vec{0, 0}, vec{99, 0}, vec{1, 0}, vec{2, 0}, vec{99, 0}, vec{99, 0})
	r[0].fix.Source, r[0].fix.LatLng = em.SourceCell, here
	u := newUnit(s, "x", second, r)
	for _, c := range []struct {
		rule rule
		want []alert
	}{
		{naive("", 1, false), []alert{{from: 2000, told: 2000, until: 3000}, {from: 4000, told: 4000, until: 6000}}},
		{naive("", 1, true), []alert{{from: 0, told: 0, until: 1000}, {from: 2000, told: 2000, until: 3000}, {from: 4000, told: 4000, until: 6000}}},
		{naive("", 2, false), []alert{{from: 4000, told: 5000, until: 7000}}},
		{ours("", geofence.EachFix(), curfew.Config{}), []alert{{from: 0, told: 0, until: 1000}, {from: 2000, told: 2000, until: 3000}, {from: 4000, told: 4000, until: 6000}}},
	} {
		got, err := c.rule.run(u)
		if err != nil || !slices.Equal(got[0], c.want) {
			t.Errorf("%v, %v, want %v", got, err, c.want)
		}
	}
}

// A small town and the simulator's honest scenarios: ours tells less that is
// false and misses nothing there.
func TestSmoke(t *testing.T) {
	if testing.Short() {
		t.Skip("computes much, in one goroutine")
	}
	var results []result
	var missed int
	compare := rules()
	for n := range 6 {
		u, err := townUnit(setTown, 11, n)
		if err != nil {
			t.Fatal(err)
		}
		r, err := u.measure(compare)
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, r...)
	}
	for _, name := range []string{"night-breach", "backlog-after-outage", "tunnel"} {
		u, err := emsimUnit(name, 11, 0)
		if err != nil {
			t.Fatal(err)
		}
		r, err := u.measure(compare)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range r {
			if x.rule == "ours" {
				missed += x.by[classAt].Missed + x.by[classHome].Missed
				if x.name == emsimName("night-breach", 11, 0) && (x.by[classAt].Due != 1 || x.by[classHome].Due != 1) {
					t.Errorf("in the night breach %+v were due", x.by)
				}
			}
		}
		results = append(results, r...)
	}
	var f figures
	for _, r := range compare {
		f.Rules = append(f.Rules, ruleFigures{Name: r.name})
	}
	f.conclude(results, 1)
	wrong := map[string]int{}
	for _, r := range f.Rows {
		if r.Set == "" && r.Class == "" && r.Group == groupZones {
			wrong[r.Rule] = r.False
			if r.Units != 9 || r.Days < 12 {
				t.Errorf("%s: %d units, %.1f days", r.Rule, r.Units, r.Days)
			}
		}
	}
	if wrong["naive"] <= wrong["ours"] {
		t.Errorf("false alerts %v", wrong)
	}
	if missed != 0 {
		t.Errorf("%d missed in emsim's honest scenarios", missed)
	}
	var text, js strings.Builder
	if err := f.writeText(&text); err != nil || !strings.Contains(text.String(), "ours") {
		t.Errorf("no table: %v", err)
	}
	if err := f.writeJSON(&js); err != nil {
		t.Error(err)
	}
}

// The truth out of fixes, against a path that is known: somebody with a phone in
// the street, a fix a second. What it takes for certain is right.
func TestTruthMethod(t *testing.T) {
	if testing.Short() {
		t.Skip("computes much, in one goroutine")
	}
	var right, wrong, open int64
	for n := range 2 {
		name := townName(setTown, 5, n)
		p, about := townPath(randFor(5, "life", name), nil)
		zones := lay(&p, 5, name)
		d := &device{rnd: randFor(5, "device", name), every: second}
		q := smooth(d.reports(&p, func(i int) surroundings { return min(about[i], street) }))
		s, err := newScene(name, p, zones, nil)
		if err != nil {
			t.Fatal(err)
		}
		for z := range zones {
			for i := 0; i < len(q.samples); i += 17 {
				x := &q.samples[i]
				truly := s.index.Distance(z, p.samples[p.find(x.at)].p)
				if math.Abs(truly) > 100 {
					continue // nobody is in doubt about these
				}
				switch d := s.index.Distance(z, x.p); {
				case !x.known || math.Abs(d) <= x.u:
					open++
				case (d <= 0) == (truly <= 0):
					right++
				default:
					wrong++
				}
			}
		}
	}
	t.Logf("within 100 m of an edge: right %d, wrong %d, left open %d", right, wrong, open)
	if wrong > right/1000 || open > right/2 {
		t.Errorf("right %d, wrong %d, left open %d", right, wrong, open)
	}
}
