package alcohol

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/alcohol/pharmacokinetic"
	"pgregory.net/rapid"
)

// A day of a wrist instrument on a page of 800 columns: the peak that was judged
// is drawn, and the page gets no more points than it asked for.
func TestThinWristDay(t *testing.T) {
	rec := pharmacokinetic.Generate(1, 3, pharmacokinetic.Scenario{
		Drinks: 4, Days: 1, Noise: pharmacokinetic.Noise{Factor: 0.2, Add: 0.001},
		Sampling: pharmacokinetic.Sampling{Site: pharmacokinetic.Wrist, Every: 20 * time.Second},
	})
	a := analyze(t, WristRule(), rec.Readings)
	s := a.Series(rec.Readings, time.Time{}, time.Time{})
	thin := s.Thin(800)
	if len(s.Points) != 4320 || len(thin.Points) > 800 || len(thin.Points) < 400 || thin.Dropped != 4320-len(thin.Points) || len(thin.Bands) != len(s.Bands) {
		t.Fatalf("%d points of %d, %d dropped", len(thin.Points), len(s.Points), thin.Dropped)
	}
	level := func(p SeriesPoint) float64 { return p.Level.V }
	if got, want := level(slices.MaxFunc(thin.Points, byLevel)), level(slices.MaxFunc(s.Points, byLevel)); got != want || len(a.Episodes) == 0 {
		t.Errorf("peak %v, was %v, of %d episodes", got, want, len(a.Episodes))
	}
	b, err := json.Marshal(thin)
	if err != nil || !strings.Contains(string(b), fmt.Sprintf(`"dropped":%d`, thin.Dropped)) || strings.Contains(string(b), "NaN") {
		t.Errorf("%v: %.200s", err, b)
	}
}

func byLevel(a, b SeriesPoint) int {
	switch {
	case a.Level.V < b.Level.V:
		return -1
	case a.Level.V > b.Level.V:
		return 1
	}
	return 0
}

// Whatever is thinned: at most limit points, each one of those that were, in
// order, with the lowest and the highest level of each device; twice is once.
func TestThinProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		devices := rapid.IntRange(1, 4).Draw(t, "devices")
		var s Series
		at := on(14, 0, 0)
		for range rapid.IntRange(0, 300).Draw(t, "points") {
			at = at.Add(time.Duration(rnd.IntN(3)*rnd.IntN(600)) * time.Second)
			p := SeriesPoint{At: at, Device: em.DeviceID(rune('a' + rnd.IntN(devices))), Given: em.Decimal{Coef: int64(rnd.IntN(50))}}
			if rnd.IntN(4) > 0 {
				p.Level = em.Some(float64(rnd.IntN(50)))
			}
			s.Points = append(s.Points, p)
		}
		limit := rapid.IntRange(0, 120).Draw(t, "limit")
		thin := s.Thin(limit)
		if len(thin.Points) > max(limit, 4) || len(thin.Points)+thin.Dropped != len(s.Points) {
			t.Fatalf("%d of %d points, %d dropped, limit %d", len(thin.Points), len(s.Points), thin.Dropped, limit)
		}
		if again := thin.Thin(limit); !slices.Equal(again.Points, thin.Points) || again.Dropped != thin.Dropped {
			t.Fatal("thinned twice is another series")
		}
		rest := s.Points
		for _, p := range thin.Points {
			i := slices.Index(rest, p)
			if i < 0 {
				t.Fatalf("%+v was not there, or stands elsewhere", p)
			}
			rest = rest[i+1:]
		}
		for d := range min(devices, max(limit, 4)/2) {
			extremes := func(ps []SeriesPoint) (low, high float64, ok bool) {
				for _, p := range ps {
					if p.Device != em.DeviceID(rune('a'+d)) || !p.Level.OK {
						continue
					}
					if !ok {
						low, high, ok = p.Level.V, p.Level.V, true
					}
					low, high = min(low, p.Level.V), max(high, p.Level.V)
				}
				return low, high, ok
			}
			l1, h1, ok1 := extremes(s.Points)
			l2, h2, ok2 := extremes(thin.Points)
			if l1 != l2 || h1 != h2 || ok1 != ok2 {
				t.Fatalf("device %d: %v to %v, were %v to %v", d, l2, h2, l1, h1)
			}
		}
	})
}
