package health

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/sargas-em/em"
)

// Intervals of Clopper and Pearson at 95 %, from published tables, and two that
// have a closed form: 0 of n gives 1 − (α/2)^(1/n), and n of n its mirror.
func TestBinomial(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{
		{0, 10, 0, 1 - math.Pow(0.025, 0.1)},
		{10, 10, math.Pow(0.025, 0.1), 1},
		{5, 10, 0.187086, 0.812914},
		{1, 10, 0.002529, 0.445016},
		{10, 100, 0.049005, 0.176223},
		{0, 0, 0, 1},
	} {
		low, high := binomial(c.k, c.n, 0.05)
		if math.Abs(low-c.low) > 1e-6 || math.Abs(high-c.high) > 1e-6 {
			t.Errorf("%d of %d: %.6f to %.6f, want %.6f to %.6f", c.k, c.n, low, high, c.low, c.high)
		}
	}
	// Against the sum itself.
	for _, p := range []float64{0.01, 0.3, 0.5, 0.97} {
		sum := 0.0
		for k := range 30 {
			c := 1.0
			for i := range k {
				c *= float64(30-i) / float64(i+1)
			}
			sum += c * math.Pow(p, float64(k)) * math.Pow(1-p, float64(30-k))
			if got := binomialCDF(k, 30, p); math.Abs(got-sum) > 1e-12 {
				t.Errorf("P(X <= %d) of 30 at %v is %v, want %v", k, p, got, sum)
			}
		}
	}
	if got := binomialCDF(500_000, 1_000_000, 0.5); math.Abs(got-0.5004) > 1e-4 {
		t.Errorf("half of a million: %v", got)
	}
}

// Two lots, worked by hand: 20 tampers in 1,000 device-days against 20 in 9,000.
// Ratio 9. Half of 40 events at 95 % each of two (97.5 %): p 0.318 to 0.682,
// so the ratio is at least 0.318/0.682·9 = 4.2.
func TestLots(t *testing.T) {
	fs, err := Lots(LotsConfig{Version: "v1"}, []Lot{
		{Name: "2026-01", Devices: 300, DeviceDays: 9000, Events: 20, Affected: 18},
		{Name: "2026-14", Devices: 34, DeviceDays: 1000, Events: 20, Affected: 11},
	})
	if err != nil {
		t.Fatal(err)
	}
	f := fs[0]
	if f.Name != "2026-14" || !f.Found || f.Version != "v1" || math.Abs(f.Ratio-9) > 1e-9 || math.Abs(f.Confidence-0.975) > 1e-12 || math.Abs(f.Low-4.2) > 0.2 || math.Abs(f.Low*f.High-81) > 0.1 {
		t.Errorf("%+v", f)
	}
	if f.Detail.Class != "LOT_TAMPER_RATE" || f.Detail.Severity != em.Technical ||
		f.Detail.Reason != "Lot 2026-14 has 20.00 tampers per 1,000 device-days and the other lots 2.22: at least 4.2 times as many, which is not chance. Its devices should be checked." {
		t.Errorf("%+v", f.Detail)
	}
	if fs[1].Found || fs[1].Detail.Class != "LOT_ORDINARY" {
		t.Errorf("%+v", fs[1])
	}
	for _, c := range []struct {
		name string
		lot  Lot
	}{
		{"one device all day", Lot{Name: "x", Devices: 34, DeviceDays: 1000, Events: 20, Affected: 1}},
		{"too few events", Lot{Name: "x", Devices: 34, DeviceDays: 1000, Events: 4, Affected: 4}},
		{"too few days", Lot{Name: "x", Devices: 34, DeviceDays: 99, Events: 20, Affected: 11}},
	} {
		fs, err := Lots(LotsConfig{}, []Lot{c.lot, {Name: "rest", Devices: 300, DeviceDays: 90_000, Events: 20, Affected: 18}})
		if err != nil || fs[0].Found || fs[0].Detail.Class != "LOT_TOO_LITTLE" {
			t.Errorf("%s: %+v, %v", c.name, fs[0], err)
		}
	}
	if fs, err := Lots(LotsConfig{}, []Lot{{Name: "only", Devices: 9, DeviceDays: 9000, Events: 90, Affected: 9}}); err != nil || fs[0].Found {
		t.Errorf("nothing to compare with: %+v, %v", fs, err)
	}
	if fs, err := Lots(LotsConfig{}, []Lot{{Name: "a", Devices: 9, DeviceDays: 1000, Events: 90, Affected: 9}, {Name: "b", Devices: 9, DeviceDays: 1000}}); err != nil || !fs[0].Found || !math.IsInf(fs[0].Ratio, 1) {
		t.Errorf("nothing among the others: %+v, %v", fs, err)
	}
}

func TestLotsErrors(t *testing.T) {
	good := Lot{Name: "a", Devices: 10, DeviceDays: 10, Events: 3, Affected: 2}
	for _, c := range []struct {
		name string
		c    LotsConfig
		lots []Lot
	}{
		{"twice", LotsConfig{}, []Lot{good, good}},
		{"no days", LotsConfig{}, []Lot{{Name: "a", Devices: 1, Events: 1, Affected: 1}}},
		{"days are no number", LotsConfig{}, []Lot{{Name: "a", DeviceDays: math.NaN()}}},
		{"more affected than events", LotsConfig{}, []Lot{{Name: "a", Devices: 9, DeviceDays: 9, Events: 1, Affected: 2}}},
		{"more affected than devices", LotsConfig{}, []Lot{{Name: "a", Devices: 1, DeviceDays: 9, Events: 3, Affected: 2}}},
		{"events of nobody", LotsConfig{}, []Lot{{Name: "a", Devices: 1, DeviceDays: 9, Events: 3}}},
		{"sure", LotsConfig{Confidence: 1}, nil},
		{"ratio", LotsConfig{Ratio: math.NaN()}, nil},
	} {
		if _, err := Lots(c.c, c.lots); err == nil {
			t.Errorf("%s: no error", c.name)
		}
	}
}

// Of fleets whose lots are all alike a finding is made in no more than 5 in 100;
// of fleets with one lot four times as bad it is found.
func TestLotsFalseAlarms(t *testing.T) {
	const seed, rounds = 20261104, 400
	draw := func(rnd *rand.Rand, mean float64) int { // Poisson
		n := 0
		for p := rnd.Float64(); p > math.Exp(-mean); p *= rnd.Float64() {
			n++
		}
		return n
	}
	false1, found := 0, 0
	for i := range uint64(rounds) {
		rnd := rand.New(rand.NewPCG(seed, i))
		lots := make([]Lot, 8)
		for j := range lots {
			n := draw(rnd, 12)
			lots[j] = Lot{Name: string(rune('a' + j)), Devices: 1000, DeviceDays: 3000, Events: n, Affected: n}
		}
		fs, err := Lots(LotsConfig{}, lots)
		if err != nil {
			t.Fatal(err)
		}
		if fs[0].Found {
			false1++
		}
		n := draw(rnd, 48)
		lots[3].Events, lots[3].Affected = n, n
		if fs, _ = Lots(LotsConfig{}, lots); fs[0].Found && fs[0].Name == "d" {
			found++
		}
	}
	t.Logf("seed %d, %d fleets of 8 lots: %d with a false finding, the bad lot found in %d", seed, rounds, false1, found)
	if false1 > rounds*5/100 || found < rounds*99/100 {
		t.Errorf("%d false, %d found", false1, found)
	}
}
