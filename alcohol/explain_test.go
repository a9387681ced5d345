package alcohol

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
)

func TestExplain(t *testing.T) {
	r := TransdermalRule{Version: "order 17", Wear: WearRule{Baseline: em.Some(1.1)}}
	obs := every(monday, 0, 0, 20, 40, 60, 50, 40, 30, 20, 10, 0, 0, -1, 0)
	obs[13].Body.(*em.Transdermal).Temperature = em.Some(math.NaN())
	obs[13] = obs[13].Stamp(obs[13].At)
	obs = append(obs, every(monday.AddDate(0, 0, 2), 0, 0, 0)...)
	a := analyze(t, r, obs)
	i := slices.IndexFunc(a.Events, func(ev em.Event) bool { return ev.Detail.Kind == KindTransdermal })
	ev := a.Events[i]
	ev.Stamp("person-1", monday.AddDate(0, 0, 1)) // as Timeline does

	x, err := Explain(r, obs, ev)
	if err != nil {
		t.Fatal(err)
	}
	if !x.Event.Equal(&ev) || !x.Episode.OK || x.Episode.V.Class != ClassCandidate || x.Rule.Version != "order 17" || x.Rule.MinRun != DefaultMinRun {
		t.Errorf("%+v", x)
	}
	if len(x.Checks) != 3 || !x.Checks[0].OK || !x.Checks[1].OK || x.Checks[1].Limit != 0.05 || x.Checks[2].Name != "fall" {
		t.Errorf("checks %+v", x.Checks)
	}
	if len(x.Readings) != 10 || x.Readings[0].Role != "start" || x.Readings[9].Role != "end" || !x.Readings[3].Judged {
		t.Errorf("readings %+v", x.Readings)
	}
	for _, id := range ev.Because {
		if !slices.ContainsFunc(x.Readings, func(u Use) bool { return u.ID == id }) || !strings.Contains(x.Text(), id.String()) {
			t.Errorf("%s is not among the readings", id)
		}
	}
	if n := len(x.Series.Points); n != 14 {
		t.Errorf("%d points are drawn", n)
	}
	if x.Series.Points[12].Level.OK || x.Series.Points[13].Temperature.OK {
		t.Errorf("a refused reading has a level: %+v", x.Series.Points[12:])
	}
	b, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"class":"CANDIDATE"`, `"given":-0.001`, `"level":null`, `"kind":"onset"`, `"kind":"alcohol.reading.negative"`, `"name":"level","value":0.02`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}

	for _, tc := range []struct {
		name string
		rule TransdermalRule
		obs  []em.Observation
		ev   func(em.Event) em.Event
	}{
		{"a reading is missing", r, slices.Delete(slices.Clone(obs), 4, 5), nil},
		{"all are", r, nil, nil},
		{"another rule", TransdermalRule{Version: "order 17", Smoothing: SmoothRaw}, obs, nil},
		{"another version", TransdermalRule{Version: "order 18"}, obs, nil},
		{"another verdict", r, obs, func(ev em.Event) em.Event { ev.Detail.Class = ClassReview; return ev }},
		{"another fact", r, obs, func(ev em.Event) em.Event {
			ev.Detail.Facts = slices.Clone(ev.Detail.Facts)
			ev.Detail.Facts[3].Num++
			return ev
		}},
	} {
		ev := ev
		if tc.ev != nil {
			ev = tc.ev(ev)
		}
		if _, err := Explain(tc.rule, tc.obs, ev); !errors.Is(err, ErrNotDerived) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	if _, err := Explain(TransdermalRule{MinRun: -1}, obs, ev); !errors.Is(err, ErrTransdermalRule) {
		t.Errorf("rule: %v", err)
	}
}

func TestSeriesWindow(t *testing.T) {
	obs := append(every(monday, 0, 20, 40, 40, 30, 20, 10, 0, 0), every(monday.AddDate(0, 0, 1), 0, 20, 40, 40, 30, 20, 10, 0, 0)...)
	a := analyze(t, unworn, append(obs, obs...))
	all := a.Series(append(obs, obs...), time.Time{}, time.Time{})
	if len(all.Points) != 18 || len(all.Bands) != 4 || len(all.Marks) != 2 || len(all.Lines) != 2 {
		t.Errorf("%d points, %d bands, %d marks", len(all.Points), len(all.Bands), len(all.Marks))
	}
	day := a.Series(obs, monday.AddDate(0, 0, 1), time.Time{})
	if len(day.Points) != 9 || len(day.Bands) != 1 || len(day.Marks) != 1 { // its onset lies on the day before
		t.Errorf("%d points, %d bands, %d marks", len(day.Points), len(day.Bands), len(day.Marks))
	}
	if s := a.Series(obs, time.Time{}, monday.Add(-3*time.Hour)); len(s.Points)+len(s.Bands)+len(s.Marks) != 0 {
		t.Errorf("%+v", s)
	}
}
