package alcohol

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/sargas-em/em"
)

func near(t *testing.T, what string, got Span, low, high float64) {
	t.Helper()
	if math.Abs(got.Low-low) > 5e-4 || math.Abs(got.High-high) > 5e-4 {
		t.Errorf("%s: %.4f to %.4f, want %.4f to %.4f", what, got.Low, got.High, low, high)
	}
}

// By hand: 2.447 − 0.09516·40 + 0.1074·180 + 0.3362·80 = 44.8686 and
// −2.097 + 0.1069·165 + 0.2466·60 = 30.3375.
func TestWatson(t *testing.T) {
	for _, tc := range []struct {
		b           Body
		water, r    float64
		factor, low float64
	}{
		{Body{Male, 80, 180, 40}, 44.8686, 0.7011, 0, 0},
		{Body{Female, 60, 165, 0}, 30.3375, 0.6320, 0, 0},
	} {
		w, err := tc.b.Water()
		if err != nil || math.Abs(w-tc.water) > 1e-9 {
			t.Errorf("%v: %g, %v", tc.b, w, err)
		}
		f, err := Elimination{}.Factor(tc.b)
		if err != nil {
			t.Error(err)
		}
		near(t, "factor", f, tc.r*0.9, tc.r*1.1)
	}
	f, err := Elimination{}.Factor(Body{Weight: 80})
	if err != nil {
		t.Error(err)
	}
	near(t, "factor of either sex", f, 0.55*0.9, 0.68*1.1)
	for _, b := range []Body{{}, {Male, 80, 0, 40}, {Male, 80, 180, 0}, {SexUnknown, 80, 180, 40}} {
		if _, err := b.Water(); !errors.Is(err, ErrBody) {
			t.Errorf("%v: %v", b, err)
		}
	}
}

// 60 g in 80 kg at r = 0.612 to 0.748 are 1.2255 and 1.0027 g/L; after four
// hours 0.40 to 1.00 g/L less.
func TestBloodAfter(t *testing.T) {
	b := Body{Sex: Male, Weight: 80}
	for _, tc := range []struct {
		grams     float64
		since     time.Duration
		low, high float64
	}{
		{60, 4 * time.Hour, 0.0027, 0.8255},
		{60, 2 * time.Hour, 0.5027, 1.0255},
		{60, time.Hour, 0, 1.1255}, // still absorbing: perhaps nothing yet
		{60, 24 * time.Hour, 0, 0},
		{0, time.Hour, 0, 0},
	} {
		s, err := Elimination{}.BloodAfter(b, tc.grams, tc.since)
		if err != nil {
			t.Error(err)
		}
		near(t, tc.since.String(), s, tc.low, tc.high)
	}
	for _, tc := range []struct {
		name  string
		e     Elimination
		b     Body
		grams float64
		since time.Duration
		want  error
	}{
		{"no weight", Elimination{}, Body{}, 10, time.Hour, ErrBody},
		{"weight is no number", Elimination{}, Body{Weight: math.NaN()}, 10, time.Hour, ErrBody},
		{"sex", Elimination{}, Body{Sex: "x", Weight: 80}, 10, time.Hour, ErrBody},
		{"height", Elimination{}, Body{Weight: 80, Height: 1.8}, 10, time.Hour, ErrBody},
		{"age", Elimination{}, Body{Weight: 80, Age: 300}, 10, time.Hour, ErrBody},
		{"grams", Elimination{}, b, -1, time.Hour, ErrInterval},
		{"grams are no number", Elimination{}, b, math.NaN(), time.Hour, ErrInterval},
		{"before", Elimination{}, b, 1, -time.Hour, ErrInterval},
		{"elimination", Elimination{Blood: Span{0.3, 0.1}}, b, 1, time.Hour, ErrElimination},
		{"factor", Elimination{FactorMale: 3}, b, 1, time.Hour, ErrElimination},
		{"spread", Elimination{FactorSpread: math.Inf(1)}, b, 1, time.Hour, ErrElimination},
	} {
		if _, err := tc.e.BloodAfter(tc.b, tc.grams, tc.since); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestBackTo(t *testing.T) {
	at := monday.Add(22 * time.Hour)
	sampled := at.Add(4 * time.Hour)
	last := at.Add(-3 * time.Hour)
	breath, err := Measured(&em.AlcoholReading{Value: em.Decimal{Coef: 40, Scale: 3}, Unit: em.UnitBreathGPer210L})
	if err != nil {
		t.Fatal(err)
	}
	none, _ := Measured(&em.AlcoholReading{Value: em.Decimal{Coef: 0, Scale: 3}, Unit: em.UnitBreathGPer210L})
	for _, tc := range []struct {
		name      string
		v         Value
		sex       Sex
		unit      em.AlcoholUnit
		low, high float64
	}{
		{"blood", stated(t, "0.500", em.UnitBloodGPerL), SexUnknown, em.UnitBloodGPerL, 0.9, 1.5},
		{"breath, man", breath, Male, em.UnitBreathGPer210L, 0.092, 0.108},
		{"breath, woman", breath, Female, em.UnitBreathGPer210L, 0.096, 0.124},
		{"breath, not known", breath, SexUnknown, em.UnitBreathGPer210L, 0.092, 0.124},
		{"zero says at most", none, Male, em.UnitBreathGPer210L, 0, 0.068},
	} {
		b, err := Elimination{}.BackTo(at, tc.v, sampled, last, tc.sex, Conversion{})
		if err != nil || b.Unit != tc.unit || b.Hours != 4 {
			t.Errorf("%s: %+v, %v", tc.name, b, err)
		}
		near(t, tc.name, b.At, tc.low, tc.high)
	}
	if _, err := (Elimination{}).BackTo(at, breath, sampled, at.Add(-119*time.Minute), Male, Conversion{}); !errors.Is(err, ErrAbsorbing) {
		t.Errorf("absorbing: %v", err)
	}
	if _, err := (Elimination{}).BackTo(sampled.Add(1), breath, sampled, last, Male, Conversion{}); !errors.Is(err, ErrInterval) {
		t.Errorf("forward: %v", err)
	}
	if _, err := (Elimination{}).BackTo(at, Value{}, sampled, last, Male, Conversion{}); !errors.Is(err, ErrUnit) {
		t.Errorf("no value: %v", err)
	}
	if _, err := (Elimination{}).BackTo(at, breath, sampled, last, "x", Conversion{}); !errors.Is(err, ErrBody) {
		t.Errorf("sex: %v", err)
	}
	if _, err := (Elimination{}).BackTo(at, stated(t, "0.5", em.UnitBloodGPerKg), sampled, last, Male, Conversion{}); !errors.Is(err, ErrNoDensity) {
		t.Errorf("density: %v", err)
	}
	if _, err := Measured(&em.AlcoholReading{Value: em.Decimal{Coef: 1}, Unit: em.UnitSkinGPerDL}); !errors.Is(err, ErrUnit) {
		t.Errorf("a figure of the skin is a value: %v", err)
	}
}

func TestStated(t *testing.T) {
	begin := monday.Add(20 * time.Hour)
	b := Body{Sex: Male, Weight: 80}
	morning := begin.Add(11 * time.Hour)
	for _, tc := range []struct {
		name  string
		grams float64
		at    time.Time
		v     Value
		want  Plausibility
	}{
		// 20 g are at most 0.4085 g/L, gone after 4.1 hours at the slowest.
		{"two beers and 0.3 g/L in the morning", 20, morning, stated(t, "0.3", em.UnitBloodGPerL), MoreThanStated},
		// 140 g are 2.34 to 2.86 g/L, less 1.1 to 2.75.
		{"a bottle of spirits and 0.3 g/L", 140, morning, stated(t, "0.3", em.UnitBloodGPerL), Plausible},
		{"a bottle and 1.8 g/L", 140, morning, stated(t, "1.8", em.UnitBloodGPerL), MoreThanStated},
		{"a bottle and nothing at midnight", 140, begin.Add(4 * time.Hour), stated(t, "0.0", em.UnitBloodGPerL), LessThanStated},
		{"a bottle and nothing yet", 140, begin.Add(150 * time.Minute), stated(t, "0.0", em.UnitBloodGPerL), Plausible},
	} {
		a, err := Elimination{}.Stated(b, Drinks{tc.grams, begin, begin.Add(time.Hour)}, tc.v, tc.at, Conversion{})
		if err != nil || a.Outcome != tc.want || len(a.Facts) == 0 {
			t.Errorf("%s: %+v, %v", tc.name, a, err)
		}
	}
	breath, _ := Measured(&em.AlcoholReading{Value: em.Decimal{Coef: 15, Scale: 2}, Unit: em.UnitBreathMgPerL})
	if _, err := (Elimination{}).Stated(b, Drinks{20, begin, begin}, breath, morning, Conversion{}); !errors.Is(err, ErrNoRatio) {
		t.Errorf("breath without a ratio: %v", err)
	}
	a, err := Elimination{}.Stated(b, Drinks{20, begin, begin}, breath, morning, Conversion{Blood: 2100})
	if err != nil || a.Outcome != MoreThanStated {
		t.Errorf("%+v, %v", a, err)
	}
	near(t, "interval of the ratio", a.Measured, 0.15*1.981, 0.15*2.833)
	if _, err := (Elimination{}).Stated(b, Drinks{20, begin, begin.Add(-1)}, breath, morning, Conversion{Blood: 2100}); !errors.Is(err, ErrInterval) {
		t.Errorf("ends before it begins: %v", err)
	}
}

func TestRetest(t *testing.T) {
	figure := func(milli int64) Value {
		v, err := Measured(&em.AlcoholReading{Value: em.Decimal{Coef: milli, Scale: 3}, Unit: em.UnitBreathGPer210L})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, tc := range []struct {
		name          string
		first, second int64
		after         time.Duration
		want          Plausibility
	}{
		{"falls as a body", 100, 70, 2 * time.Hour, Plausible},
		// After two hours a man is at 0.066 to 0.074, with tolerance 0.046 to 0.094.
		{"lowest", 100, 46, 2 * time.Hour, Plausible},
		{"too low", 100, 45, 2 * time.Hour, DropTooFast},
		{"highest", 100, 94, 2 * time.Hour, Plausible},
		{"too high", 100, 95, 2 * time.Hour, DropTooSlow},
		{"gone in a quarter of an hour", 100, 0, 15 * time.Minute, DropTooFast},
		{"gone in a night", 100, 0, 10 * time.Hour, Plausible},
		{"as much after a night", 100, 100, 10 * time.Hour, DropTooSlow},
	} {
		a, err := Elimination{}.Retest(figure(tc.first), monday, figure(tc.second), monday.Add(tc.after), Male, 0.020, Conversion{})
		if err != nil || a.Outcome != tc.want || len(a.Facts) == 0 {
			t.Errorf("%s: %+v, %v", tc.name, a, err)
		}
	}
	if _, err := (Elimination{}).Retest(figure(1), monday, stated(t, "1", em.UnitBloodGPerL), monday.Add(1), Male, 0, Conversion{}); !errors.Is(err, ErrUnit) {
		t.Errorf("breath and blood: %v", err)
	}
	if _, err := (Elimination{}).Retest(figure(1), monday, figure(1), monday, Male, 0, Conversion{}); !errors.Is(err, ErrInterval) {
		t.Errorf("no time between: %v", err)
	}
	if _, err := (Elimination{}).Retest(figure(1), monday, figure(1), monday.Add(1), Male, math.NaN(), Conversion{}); !errors.Is(err, ErrInterval) {
		t.Errorf("tolerance: %v", err)
	}
}
