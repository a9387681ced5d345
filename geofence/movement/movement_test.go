package movement_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence/movement"
)

var monday = time.Date(2026, 3, 16, 0, 0, 0, 0, time.UTC)

func clock(day int, hour, minute float64) time.Time {
	return monday.AddDate(0, 0, day).Add(time.Duration(hour*float64(time.Hour) + minute*float64(time.Minute)))
}

func authorized() Authorization {
	return Authorization{Request: "R-2026-17", Basis: CourtRequest, Document: "court/4711", By: "officer.a", Purpose: "test",
		From: monday, To: monday.AddDate(0, 0, 30)}
}

const degree = 1 / (em.EarthRadius * math.Pi / 180)

// at is a position in metres north and east of one in Vilnius.
func at(north, east float64) em.LatLng {
	return em.LatLng{Lat: 54.7 + north*degree, Lng: 25.3 + east*degree/math.Cos(54.7*math.Pi/180)}
}

// r95 is an accuracy with a 95 % radius of so many metres.
func r95(metres float64) em.Opt[float64] {
	return em.Some(metres / math.Sqrt(math.Log(0.05)/math.Log(0.32)))
}

func report(when time.Time, p em.LatLng, radius float64) em.Observation {
	f := &em.Fix{LatLng: p, Validity: em.FixCurrent, Source: em.SourceGNSS, Accuracy: r95(radius)}
	return em.Observation{Device: "test:990000000000017", DeviceAt: when, Body: f}.Stamp(when)
}

// stay is a report a minute in [from, to], with noise of some metres.
func stay(r *rand.Rand, from, to time.Time, north, east float64) (obs []em.Observation) {
	for t := from; !t.After(to); t = t.Add(time.Minute) {
		obs = append(obs, report(t, at(north+r.NormFloat64()*6, east+r.NormFloat64()*6), 15))
	}
	return obs
}

// way is a report a minute in (from, to), on a straight way.
func way(from, to time.Time, n0, e0, n1, e1 float64) (obs []em.Observation) {
	for t := from.Add(time.Minute); t.Before(to); t = t.Add(time.Minute) {
		s := float64(t.Sub(from)) / float64(to.Sub(from))
		obs = append(obs, report(t, at(n0+s*(n1-n0), e0+s*(e1-e0)), 15))
	}
	return obs
}

// day is a day made by hand: home until 8, work at (4000, 3000) from 8:30 to
// 16:30, a shop at (2000, 0) from 17:00 to 17:25, home from 17:45.
func day(r *rand.Rand, d int) []em.Observation {
	return slices.Concat(
		stay(r, clock(d, 0, 0), clock(d, 8, 0), 0, 0), way(clock(d, 8, 0), clock(d, 8, 30), 0, 0, 4000, 3000),
		stay(r, clock(d, 8, 30), clock(d, 16, 30), 4000, 3000), way(clock(d, 16, 30), clock(d, 17, 0), 4000, 3000, 2000, 0),
		stay(r, clock(d, 17, 0), clock(d, 17, 25), 2000, 0), way(clock(d, 17, 25), clock(d, 17, 45), 2000, 0, 0, 0),
		stay(r, clock(d, 17, 45), clock(d, 23, 59), 0, 0))
}

func TestStopsOfADay(t *testing.T) {
	obs := day(rand.New(rand.NewPCG(1, 2)), 0)
	rep, err := Stops(authorized(), Stored("p1", obs), StopRule{})
	if err != nil {
		t.Fatal(err)
	}
	truth := []struct {
		from, to time.Time
		middle   em.LatLng
	}{
		{clock(0, 0, 0), clock(0, 8, 0), at(0, 0)},
		{clock(0, 8, 30), clock(0, 16, 30), at(4000, 3000)},
		{clock(0, 17, 0), clock(0, 17, 25), at(2000, 0)},
		{clock(0, 17, 45), clock(0, 23, 59), at(0, 0)},
	}
	if len(rep.Stops) != len(truth) {
		t.Fatalf("%d stops", len(rep.Stops))
	}
	for i, s := range rep.Stops {
		want := truth[i]
		// The first fix may lie 215 m off already, and the way back past it 215 m
		// beyond: three minutes on these ways.
		if s.From.Sub(want.from).Abs() > 3*time.Minute || s.To.Sub(want.to).Abs() > 3*time.Minute {
			t.Errorf("stop %d: %v to %v", i, s.From, s.To)
		}
		if d := s.Middle.Distance(want.middle); d > 15 || s.Radius95 < 15 || s.Radius95 > 120 {
			t.Errorf("stop %d: middle %.0f m off, radius %.0f m", i, d, s.Radius95)
		}
		if s.Unknown != 0 || s.Before.IsZero() != (i == 0) || s.After.IsZero() != (i == 3) {
			t.Errorf("stop %d: %+v", i, s)
		}
	}
	if rep.Unknown != 0 {
		t.Errorf("unknown for %v", rep.Unknown)
	}
	want := Disclosure{Authorization: authorized(), Analysis: "stops", Method: "1", Subjects: []em.SubjectID{"p1"}, Observations: len(obs),
		Parameters: []em.Fact{{Name: "stop distance", Num: 200, Unit: "m"}, {Name: "assumed accuracy", Num: 10, Unit: "m"},
			{Name: "largest radius95", Num: 500, Unit: "m"}, {Name: "dwell", Num: 1200, Unit: "s"}, {Name: "longest gap", Num: 300, Unit: "s"}}}
	if d := cmp.Diff(want, rep.Disclosure); d != "" {
		t.Error(d)
	}
}

// Tracks of a report a minute, worked by hand.
func TestStops(t *testing.T) {
	minutes := func(from, to float64, north float64) (obs []em.Observation) {
		for m := from; m <= to; m++ {
			obs = append(obs, report(clock(0, 0, m), at(north, 0), 10))
		}
		return obs
	}
	for _, c := range []struct {
		name string
		obs  []em.Observation
		rule StopRule
		want []string // from-to in minutes, unknown, metres to the north
	}{
		{"no fixes", nil, StopRule{}, nil},
		{"nineteen minutes", slices.Concat(minutes(0, 19, 0), minutes(20, 21, 900)), StopRule{}, nil},
		{"twenty minutes", slices.Concat(minutes(0, 20, 0), minutes(21, 22, 900)), StopRule{}, []string{"0-20 0s 0"}},
		{"a shorter dwell", minutes(0, 5, 0), StopRule{Dwell: 5 * time.Minute}, []string{"0-5 0s 0"}},
		{"circles reach back", slices.Concat(minutes(0, 10, 0), minutes(11, 30, 209)), StopRule{}, []string{"0-30 0s 135"}}, // 209 × 20/31
		{"circles do not", slices.Concat(minutes(0, 10, 0), minutes(11, 30, 211)), StopRule{}, []string{"11-30 0s 211"}[:0]},
		{"a gap at one place", slices.Concat(minutes(0, 30, 0), minutes(90, 120, 0)), StopRule{}, []string{"0-120 1h0m0s 0"}},
		{"a gap on the way", slices.Concat(minutes(0, 30, 0), minutes(90, 120, 900)), StopRule{}, []string{"0-30 0s 0", "90-120 0s 900"}},
		{"back without a gap", slices.Concat(minutes(0, 30, 0), minutes(31, 33, 900), minutes(34, 60, 0)), StopRule{}, []string{"0-30 0s 0", "34-60 0s 0"}},
		{"seen too shortly between gaps", slices.Concat(minutes(0, 10, 0), minutes(60, 70, 0), minutes(120, 130, 0)), StopRule{}, nil},
		{"six minutes are no gap to a slow device", []em.Observation{report(clock(0, 0, 0), at(0, 0), 10), report(clock(0, 0, 10), at(0, 0), 10),
			report(clock(0, 0, 20), at(0, 0), 10)}, StopRule{MaxGap: 10 * time.Minute}, []string{"0-20 0s 0"}},
		{"outside the authorisation", slices.Concat(minutes(-30, -1, 0), minutes(30*24*60, 30*24*60+30, 0)), StopRule{}, nil},
	} {
		rep, err := Stops(authorized(), Stored("p", c.obs), c.rule)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		for _, s := range rep.Stops {
			got = append(got, fmt.Sprintf("%.0f-%.0f %v %.0f", s.From.Sub(monday).Minutes(), s.To.Sub(monday).Minutes(), s.Unknown,
				math.Abs(s.Middle.Lat-54.7)/degree))
		}
		if d := cmp.Diff(c.want, got, cmp.Transformer("empty", func(s []string) string { return strings.Join(s, "; ") })); d != "" {
			t.Errorf("%s: by hand (-), found (+): %s", c.name, d)
		}
	}
}

func TestPlaces(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var obs []em.Observation
	for d := range 5 {
		obs = append(obs, day(r, d)...)
	}
	// A visit of once, after that.
	obs = append(obs, stay(r, clock(6, 12, 0), clock(6, 13, 0), -3000, 500)...)
	rep, err := Places(authorized(), Stored("p1", obs), PlaceRule{})
	if err != nil {
		t.Fatal(err)
	}
	type found struct {
		Visits, Days int
		Hours        float64
	}
	var got []found
	for _, p := range rep.Places {
		got = append(got, found{p.Visits, p.Days, math.Round(p.Total.Hours())})
	}
	// Of ten stays at home those over midnight are one: 6 in all.
	want := []found{{6, 5, 71}, {5, 5, 40}, {5, 5, 2}}
	if d := cmp.Diff(want, got); d != "" || rep.Elsewhere != 1 {
		t.Errorf("%d elsewhere; by hand (-), found (+): %s", rep.Elsewhere, d)
	}
	for i, middle := range []em.LatLng{at(0, 0), at(4000, 3000), at(2000, 0)} {
		if p := rep.Places[i]; p.Middle.Distance(middle) > 15 || p.Radius95 > 150 {
			t.Errorf("place %d: %.0f m off, radius %.0f m", i, p.Middle.Distance(middle), p.Radius95)
		}
	}
	if rep.Disclosure.Analysis != "places" || len(rep.Disclosure.Parameters) != 7 {
		t.Errorf("%+v", rep.Disclosure)
	}
	// Across the antimeridian.
	var far []em.Observation
	for m := range 100 {
		p := em.LatLng{Lat: 10, Lng: 179.9999}
		if m/25%2 == 1 {
			p.Lng = -p.Lng
		}
		far = append(far, report(clock(0, 0, float64(m)), p, 10))
	}
	stops, err := Stops(authorized(), Stored("p1", far), StopRule{})
	if err != nil || len(stops.Stops) != 1 || stops.Stops[0].Radius95 > 25 || math.Abs(math.Abs(stops.Stops[0].Middle.Lng)-180) > 1e-6 {
		t.Errorf("%+v: %v", stops, err)
	}
}

// TestUnauthorized: without a complete authorisation nothing is read.
func TestUnauthorized(t *testing.T) {
	track := Track{"p1", func(func(em.Observation, error) bool) { t.Error("a track was read") }}
	tracks := func(yield func(Track) bool) { t.Error("tracks were asked for"); yield(track) }
	scene := Scene{at(0, 0), 50, clock(1, 0, 0), clock(1, 1, 0)}
	for name, change := range map[string]func(*Authorization){
		"none at all":  func(a *Authorization) { *a = Authorization{} },
		"no request":   func(a *Authorization) { a.Request = " " },
		"no basis":     func(a *Authorization) { a.Basis = "" },
		"other basis":  func(a *Authorization) { a.Basis = "curiosity" },
		"no document":  func(a *Authorization) { a.Document = "" },
		"nobody asks":  func(a *Authorization) { a.By = "" },
		"no purpose":   func(a *Authorization) { a.Purpose = "\t" },
		"no beginning": func(a *Authorization) { a.From = time.Time{} },
		"no end":       func(a *Authorization) { a.To = time.Time{} },
		"end at start": func(a *Authorization) { a.To = a.From },
	} {
		a := authorized()
		change(&a)
		_, stops := Stops(a, track, StopRule{})
		_, places := Places(a, track, PlaceRule{})
		_, coincidence := Coincide(a, scene, tracks, CoincidenceRule{})
		for _, err := range []error{stops, places, coincidence} {
			if !errors.Is(err, ErrUnauthorized) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for _, s := range []Scene{{at(0, 0), 50, clock(-1, 23, 0), clock(0, 1, 0)}, {at(0, 0), 50, clock(29, 23, 0), clock(30, 1, 0)}} {
		if _, err := Coincide(authorized(), s, tracks, CoincidenceRule{}); !errors.Is(err, ErrUnauthorized) {
			t.Errorf("a scene outside the window: %v", err)
		}
	}
}

func TestErrors(t *testing.T) {
	ok := Stored("p1", nil)
	scene := Scene{at(0, 0), 50, clock(1, 0, 0), clock(1, 1, 0)}
	broken := errors.New("disk")
	backwards := []em.Observation{report(clock(0, 0, 2), at(0, 0), 5), report(clock(0, 0, 1), at(0, 0), 5)}
	stops := func(t Track, r StopRule) error { _, err := Stops(authorized(), t, r); return err }
	places := func(r PlaceRule) error { _, err := Places(authorized(), ok, r); return err }
	coincide := func(s Scene, tracks []Track, r CoincidenceRule) error {
		_, err := Coincide(authorized(), s, slices.Values(tracks), r)
		return err
	}
	for name, c := range map[string]struct{ got, want error }{
		"distance":      {stops(ok, StopRule{Distance: -1}), ErrRule},
		"dwell":         {stops(ok, StopRule{Dwell: -1}), ErrRule},
		"gap":           {stops(ok, StopRule{MaxGap: -1}), ErrRule},
		"accuracy":      {stops(ok, StopRule{Accuracy: Accuracy{Assumed: math.NaN()}}), ErrRule},
		"radius":        {stops(ok, StopRule{Accuracy: Accuracy{MaxRadius95: math.Inf(1)}}), ErrRule},
		"visits":        {places(PlaceRule{Visits: -1}), ErrRule},
		"place":         {places(PlaceRule{Distance: math.NaN()}), ErrRule},
		"no track":      {stops(Track{Subject: "p1"}, StopRule{}), ErrTrack},
		"disk":          {stops(Track{"p1", func(y func(em.Observation, error) bool) { y(em.Observation{}, broken) }}, StopRule{}), broken},
		"order":         {stops(Track{"p1", func(y func(em.Observation, error) bool) { _ = y(backwards[0], nil) && y(backwards[1], nil) }}, StopRule{}), ErrTrack},
		"scene's time":  {coincide(Scene{Place: at(0, 0), Radius: 1, From: clock(1, 0, 0), To: clock(1, 0, 0)}, []Track{ok}, CoincidenceRule{}), ErrRule},
		"scene's place": {coincide(Scene{em.LatLng{Lat: 91}, 1, scene.From, scene.To}, []Track{ok}, CoincidenceRule{}), ErrRule},
		"scene's size":  {coincide(Scene{at(0, 0), 0, scene.From, scene.To}, []Track{ok}, CoincidenceRule{}), ErrRule},
		"speed":         {coincide(scene, []Track{ok}, CoincidenceRule{MaxSpeed: -1}), ErrRule},
		"twice":         {coincide(scene, []Track{ok, ok}, CoincidenceRule{}), ErrTrack},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v", name, c.got)
		}
	}
}

// Tracks about a scene of 100 m from 12:00 to 12:30, worked by hand.
var scene = Scene{Place: at(0, 0), Radius: 100, From: clock(1, 12, 0), To: clock(1, 12, 30)}

func minutely(from, to float64, north, radius float64) (obs []em.Observation) {
	for m := from; m <= to; m++ {
		obs = append(obs, report(clock(1, 12, m), at(north, 0), radius))
	}
	return obs
}

func coincide(t *testing.T, tracks map[em.SubjectID][]em.Observation) *CoincidenceReport {
	t.Helper()
	rep, err := Coincide(authorized(), scene, func(yield func(Track) bool) {
		for _, s := range slices.Sorted(func(y func(em.SubjectID) bool) {
			for s := range tracks {
				if !y(s) {
					return
				}
			}
		}) {
			if !yield(Stored(s, tracks[s])) {
				return
			}
		}
	}, CoincidenceRule{})
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestCoincide(t *testing.T) {
	for _, c := range []struct {
		name string
		obs  []em.Observation
		want Agreement
		gaps int
	}{
		{"there", minutely(-10, 40, 60, 20), Within, 0},
		{"circle on the edge", minutely(-10, 40, 90, 20), Possible, 0},
		{"circle outside", minutely(-10, 40, 130, 20), Elsewhere, 0},
		{"circle touches", minutely(-10, 40, 119, 20), Possible, 0},
		{"there before and after", slices.Concat(minutely(-60, -1, 0, 20), minutely(0, 29, 9000, 20), minutely(30, 60, 0, 20)), Elsewhere, 0},
		{"heard too rarely", []em.Observation{report(clock(1, 11, 55), at(9000, 0), 20), report(clock(1, 12, 35), at(9000, 0), 20)}, Unknown, 1},
		// 8880 m and back take 444 s at 40 m/s; 7 minutes are 420 s.
		{"a gap too short to get there", slices.Concat(minutely(-10, 10, 9000, 20), minutely(17, 40, 9000, 20)), Elsewhere, 1},
		{"a gap long enough", slices.Concat(minutely(-10, 10, 9000, 20), minutely(18, 40, 9000, 20)), Unknown, 1},
		// To be there by 12:00 would have needed to leave the way at 11:57.
		{"a gap that ends too early", slices.Concat(minutely(-60, -20, 9000, 20), minutely(1, 40, 9000, 20)), Elsewhere, 1},
		{"a gap, and there", slices.Concat(minutely(-10, 10, 60, 20), minutely(18, 40, 60, 20)), Within, 1},
		{"never heard", nil, Unknown, 1},
		{"heard only before", minutely(-60, -10, 9000, 20), Unknown, 1},
		{"heard only before, far away", minutely(-60, -10, 200_000, 20), Elsewhere, 1},
		{"heard only after", minutely(40, 60, 9000, 20), Unknown, 1},
		{"heard only from the middle, far away", minutely(15, 60, 60_000, 20), Elsewhere, 1},
	} {
		rep := coincide(t, map[em.SubjectID][]em.Observation{"p1": c.obs})
		got, gaps := Elsewhere, -1
		switch {
		case rep.Unknown == 1:
			got = Unknown
		case len(rep.Matches) == 1:
			var m struct {
				Agreement Agreement
				Gaps      []Gap
			}
			b, _ := json.Marshal(rep.Matches[0])
			if err := json.Unmarshal(b, &m); err != nil {
				t.Fatal(err)
			}
			got, gaps = m.Agreement, len(m.Gaps)
		}
		if got != c.want || gaps >= 0 && gaps != c.gaps {
			t.Errorf("%s: %s with %d gaps", c.name, got, gaps)
		}
	}
}

// TestMatchIsPrintedWhole: by no verb and in no encoding does a match come
// without circle, gaps and others.
func TestMatchIsPrintedWhole(t *testing.T) {
	rep := coincide(t, map[em.SubjectID][]em.Observation{
		"p1": slices.Concat(minutely(-10, 10, 60, 20), minutely(18, 40, 60, 20)),
		"p2": minutely(-10, 40, 90, 20), "p3": minutely(-10, 40, 75, 20), "p4": minutely(-10, 40, 9000, 20), "p5": nil,
	})
	if rep.Examined != 5 || rep.Unknown != 1 || len(rep.Matches) != 3 || !slices.Equal(rep.Disclosure.Subjects, []em.SubjectID{"p1", "p2", "p3", "p4", "p5"}) {
		t.Fatalf("%+v", rep)
	}
	m := rep.Matches[0]
	const line = "p1: within at 2026-03-17T12:00:00Z: 60 m from the middle of the scene, error circle 20 m; " +
		"23 fixes and 1 gaps in the time, 1 of them long enough to have been there; " +
		"of 4 other persons 2 match as well (1 within, 1 possible), 1 are unknown"
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		if got := fmt.Sprintf(verb, m); got != line {
			t.Errorf("%s: %s", verb, got)
		}
		if got := fmt.Sprintf(verb, &m); got != line {
			t.Errorf("%s of a pointer: %s", verb, got)
		}
	}
	if got := fmt.Sprint(rep.Matches); !strings.Contains(got, "of 4 other persons") || !strings.Contains(got, "error circle") {
		t.Errorf("in a list: %s", got)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"distance_m", "radius95_m", "gaps", "others", "observation"} {
		if _, ok := all[k]; !ok {
			t.Errorf("JSON has no %s: %s", k, b)
		}
	}
	if want := `"others":{"within":1,"possible":1,"unknown":1,"elsewhere":1}`; !strings.Contains(string(b), want) {
		t.Errorf("JSON: %s", b)
	}
	if order := []em.SubjectID{rep.Matches[0].Subject(), rep.Matches[1].Subject(), rep.Matches[2].Subject()}; !slices.Equal(order, []em.SubjectID{"p1", "p3", "p2"}) {
		t.Errorf("in the order %v", order)
	}
}
