package pharmacokinetic

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sargas-em/em"
)

var (
	medium = Noise{Name: "medium", Factor: 0.15, Add: 0.001, Spikes: 0.002, Exposures: 0.1}
	ankle  = Sampling{Name: "30 min", Every: 30 * time.Minute}
	wrist  = Sampling{Name: "wrist", Site: Wrist, Every: 20 * time.Second}
)

func TestGenerateIsPure(t *testing.T) {
	for _, s := range []Sampling{{Every: 30 * time.Minute, Lost: 0.2}, {Site: Wrist, Every: 20 * time.Second, Lost: 0.2}} {
		sc := Scenario{Drinks: 4, Days: 3, Noise: medium, Sampling: s}
		a, b, other := Generate(7, 3, sc), Generate(7, 3, sc), Generate(8, 3, sc)
		ids := func(r Record) (ids []em.ObservationID) {
			for _, o := range r.Readings {
				ids = append(ids, o.ID)
			}
			return ids
		}
		if !slices.Equal(ids(a), ids(b)) || !slices.Equal(a.Truth, b.Truth) || a.Person != b.Person {
			t.Error("the same seed gives another record")
		}
		if slices.Equal(ids(a), ids(other)) {
			t.Error("another seed gives the same record")
		}
		if len(a.Truth) != 2 || len(a.Readings) < 80 {
			t.Errorf("%d evenings, %d readings", len(a.Truth), len(a.Readings))
		}
	}
}

// What any such model must do, whatever its parameters: blood and skin within
// what Widmark allows, the skin later and lower than blood, more after more.
func TestModelIsPlausible(t *testing.T) {
	for _, s := range []Sampling{ankle, {Site: Wrist, Every: time.Hour}} {
		mean := map[int]float64{}
		for _, drinks := range []int{1, 3, 6} {
			for p := range 200 {
				rec := Generate(1, p, Scenario{Drinks: drinks, Days: 2, Sampling: s})
				if len(rec.Truth) != 1 {
					t.Fatalf("%d evenings", len(rec.Truth))
				}
				x := rec.Truth[0]
				// The lightest person of the lowest factor, and nothing eliminated.
				if most := float64(drinks) * DrinkGrams / (0.4 * 42); x.BloodPeak <= 0 || x.BloodPeak > most {
					t.Errorf("%d drinks, person %d: %.2f g/L of blood", drinks, p, x.BloodPeak)
				}
				if x.SkinPeak <= 0 || x.SkinPeak >= x.BloodPeak/10 || x.PeakLag < 10*time.Minute || x.PeakLag > 5*time.Hour {
					t.Errorf("%s, %d drinks, person %d: skin %.3f g/dL, blood %.2f g/L, %s later", s.Site, drinks, p, x.SkinPeak, x.BloodPeak, x.PeakLag)
				}
				if !x.End.After(x.Begin) || x.End.Sub(x.Begin) > 36*time.Hour {
					t.Errorf("from %s to %s", x.Begin, x.End)
				}
				mean[drinks] += x.SkinPeak / 200
			}
		}
		if !(mean[1] < mean[3] && mean[3] < mean[6]) {
			t.Errorf("mean peaks %v", mean)
		}
	}
}

// Worked by hand: 28 g in 82 kg at 0.68 L/kg, absorbed at once and eliminated
// far above km, is Widmark's line: 28/55.76 = 0.502 g/L, less 0.15 g/L an hour
// times 0.5/(0.05+0.5) and less of it below.
func TestWidmark(t *testing.T) {
	p := Person{Weight: 82, Factor: 0.68, Absorb: 59, Eliminate: 0.15, Ratio: 2100, Ankle: time.Hour, Wrist: time.Hour, Gain: 1}
	c := p.Course(Start, 2*time.Hour, Ankle, Drink{Start, 28}, Drink{Start.Add(2 * time.Hour), 99}, Drink{Start.Add(-1), 99})
	if len(c.Blood) != 120 {
		t.Fatalf("%d minutes", len(c.Blood))
	}
	for m, want := range map[int]float64{9: 0.479, 59: 0.367} {
		if got := c.Blood[m]; math.Abs(got-want) > 0.004 {
			t.Errorf("after %d minutes %.4f g/L, by Widmark %.3f", m+1, got, want)
		}
	}
	if got, want := c.Breath[59], c.Blood[59]*1000/2100; got != want {
		t.Errorf("breath %v, not %v", got, want)
	}
}

// Steps of a minute are fine enough: see the package comment.
func TestStepSize(t *testing.T) {
	var blood, skin float64 // the largest differences
	for seed := range uint64(15) {
		p := Draw(rand.New(rand.NewPCG(seed, 0)))
		var a, b State
		for m := range 12 * 60 {
			grams := 0.0
			if m%30 == 0 && m < 120 {
				grams = DrinkGrams
			}
			a.Minute(&p, grams)
			for i := range 60 {
				b.step(&p, grams*max(0, 1-float64(i)), time.Second)
			}
			blood = max(blood, math.Abs(a.Blood-b.Blood))
			for _, s := range []Site{Ankle, Wrist} {
				skin = max(skin, math.Abs(a.Skin(s)-b.Skin(s)))
			}
		}
	}
	t.Logf("differences up to %.4f g/L of blood, %.5f g/dL at the skin", blood, skin)
	if blood > 0.02 || skin > 0.005 {
		t.Errorf("%v g/L, %v g/dL", blood, skin)
	}
}

// Without noise and exposures a sober person reads zero.
func TestSober(t *testing.T) {
	for p := range 20 {
		for _, s := range []Sampling{ankle, wrist} {
			rec := Generate(1, p, Scenario{Days: 2, Sampling: s})
			if len(rec.Truth) != 0 || len(rec.Readings) < 90 {
				t.Fatalf("%d evenings, %d readings", len(rec.Truth), len(rec.Readings))
			}
			for _, o := range rec.Readings {
				if o.Body.(*em.Transdermal).Value.Coef != 0 {
					t.Fatalf("person %d reads %v", p, o.Body)
				}
			}
		}
	}
}

// The figures that are drawn have the means that the package comment states.
func TestDraw(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	const n = 20_000
	var ratio, ankle, wrist, female float64
	for range n {
		p := Draw(r)
		ratio += p.Ratio / n
		ankle += p.Ankle.Minutes() / n
		wrist += p.Wrist.Minutes() / n
		if p.Female {
			female += 1.0 / n
		}
	}
	for _, x := range []struct{ got, want, within float64 }{{ratio, 2407, 8}, {ankle, 80.5, 1}, {wrist, 40.5, 1}, {female, 0.5, 0.02}} {
		if math.Abs(x.got-x.want) > x.within {
			t.Errorf("mean %v, want %v", x.got, x.want)
		}
	}
}
