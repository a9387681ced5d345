package alcohol

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/sargas-em/em"
	"pgregory.net/rapid"
)

var units = []em.AlcoholUnit{
	em.UnitBreathMgPerL, em.UnitBreathUgPerL, em.UnitBreathUgPer100mL, em.UnitBreathGPer210L,
	em.UnitBloodGPer100mL, em.UnitBloodMgPer100mL, em.UnitBloodGPerL, em.UnitBloodGPerKg,
}

func decimal(t testing.TB, s string) em.Decimal {
	t.Helper()
	d, err := em.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func stated(t testing.TB, s string, u em.AlcoholUnit) Value {
	t.Helper()
	v, err := Stated(Concentration{decimal(t, s), u})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func measured(t testing.TB, s string, u em.AlcoholUnit, ratio int) Value {
	t.Helper()
	r := em.AlcoholReading{Value: decimal(t, s), Unit: u}
	if ratio != 0 {
		r.Ratio = em.Some(ratio)
	}
	v, err := Measured(&r)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// The table is that of Jones and Cowan (2020), table 3: what an instrument
// calibrated at 2100:1 shows for a person of that venous concentration and ratio.
func TestPublishedTable(t *testing.T) {
	for _, row := range []string{
		"0.020 .023 .022 .021 .020 .019 .018 .017 .016",
		"0.050 .058 .055 .052 .050 .047 .045 .043 .042",
		"0.080 .093 .088 .084 .080 .076 .073 .070 .067",
		"0.100 .116 .110 .105 .100 .095 .091 .087 .084",
	} {
		cells := strings.Fields(row)
		for i, want := range cells[1:] {
			ratio := 1800 + 100*i
			t.Run(fmt.Sprintf("%s at %d", cells[0], ratio), func(t *testing.T) {
				v, err := stated(t, cells[0], em.UnitBloodGPer100mL).In(em.UnitBreathGPer210L, 3, Conversion{Blood: ratio})
				if err != nil {
					t.Fatal(err)
				}
				if got := v.Concentration().Number.String(); got != "0"+want {
					t.Errorf("got %s, want 0%s", got, want)
				}
			})
		}
	}
}

func TestIn(t *testing.T) {
	at := func(r int) Conversion { return Conversion{Blood: r} }
	for _, tc := range []struct {
		v        Value
		to       em.AlcoholUnit
		decimals uint8
		c        Conversion
		want     string
		rounding Rounding
		ratio    int
	}{
		{measured(t, "0.25", em.UnitBreathMgPerL, 0), em.UnitBreathUgPer100mL, 0, Conversion{}, "25", Exact, 0},
		{measured(t, "0.25", em.UnitBreathMgPerL, 0), em.UnitBreathUgPerL, 0, Conversion{}, "250", Exact, 0},
		{measured(t, "0.25", em.UnitBreathMgPerL, 0), em.UnitBreathGPer210L, 4, Conversion{}, "0.0525", Exact, 0},
		{measured(t, "0.25", em.UnitBreathMgPerL, 0), em.UnitBreathGPer210L, 3, Conversion{}, "0.052", Truncated, 0},
		{measured(t, "0.25", em.UnitBreathMgPerL, 0), em.UnitBloodGPerL, 3, at(2000), "0.500", Exact, 2000},
		{measured(t, "0.25", em.UnitBreathMgPerL, 0), em.UnitBloodGPerL, 3, at(2100), "0.525", Exact, 2100},
		{measured(t, "0.25", em.UnitBreathMgPerL, 0), em.UnitBloodGPerL, 3, at(2300), "0.575", Exact, 2300},
		{measured(t, "35", em.UnitBreathUgPer100mL, 0), em.UnitBreathGPer210L, 4, Conversion{}, "0.0735", Exact, 0},
		{measured(t, "35", em.UnitBreathUgPer100mL, 0), em.UnitBloodGPerL, 3, at(2300), "0.805", Exact, 2300},
		{measured(t, "35", em.UnitBreathUgPer100mL, 0), em.UnitBloodMgPer100mL, 1, at(2300), "80.5", Exact, 2300},
		{measured(t, "0.02", em.UnitBreathGPer210L, 0), em.UnitBreathMgPerL, 4, Conversion{}, "0.0952", Truncated, 0},
		{measured(t, "0.100", em.UnitBreathMgPerL, 0), em.UnitBreathMgPerL, 1, Conversion{}, "0.1", Exact, 0},
		{stated(t, "0.5", em.UnitBloodGPerL), em.UnitBloodMgPer100mL, 0, Conversion{}, "50", Exact, 0},
		{stated(t, "0.5", em.UnitBloodGPerL), em.UnitBloodGPer100mL, 3, Conversion{}, "0.050", Exact, 0},
		// 0.5 g/L ÷ 1.055 kg/L = 0.473933… g/kg; 0.2 g/kg × 1.055 = 0.211 g/L.
		{stated(t, "0.5", em.UnitBloodGPerL), em.UnitBloodGPerKg, 4, Conversion{Density: BloodDensity}, "0.4739", Truncated, 0},
		{stated(t, "0.2", em.UnitBloodGPerKg), em.UnitBloodGPerL, 4, Conversion{Density: BloodDensity}, "0.2110", Exact, 0},
		{stated(t, "0.2", em.UnitBloodGPerKg), em.UnitBloodGPerKg, 1, Conversion{}, "0.2", Exact, 0},
		// 0.2 g/kg × 1.055 = 0.211 g/L of blood; ÷ 2100 = 100.476… µg/L of breath.
		{stated(t, "0.2", em.UnitBloodGPerKg), em.UnitBreathUgPerL, 2, Conversion{Density: BloodDensity, Blood: 2100}, "100.47", Truncated, 2100},
		// An instrument of 2300:1 that shows 0.5 g/L has 217.39… µg/L of breath, 0.4347… g/L at 2000:1.
		{measured(t, "0.5", em.UnitBloodGPerL, 2300), em.UnitBreathUgPerL, 2, Conversion{}, "217.39", Truncated, 2300},
		{measured(t, "0.5", em.UnitBloodGPerL, 2300), em.UnitBloodGPerL, 4, at(2000), "0.4347", Truncated, 2000},
		{measured(t, "0.5", em.UnitBloodGPerL, 2300), em.UnitBloodMgPer100mL, 0, Conversion{}, "50", Exact, 2300},
		{measured(t, "0.5", em.UnitBloodGPerL, 0), em.UnitBloodMgPer100mL, 0, Conversion{}, "50", Exact, 0},
		{measured(t, "0.5", em.UnitBloodGPerL, 0), em.UnitBreathUgPerL, 2, Conversion{Instrument: 2300}, "217.39", Truncated, 2300},
		// What the reading states goes before the configuration.
		{measured(t, "0.5", em.UnitBloodGPerL, 2000), em.UnitBreathUgPerL, 2, Conversion{Instrument: 2300}, "250.00", Exact, 2000},
	} {
		t.Run(fmt.Sprintf("%s to %s", tc.v.Given(), tc.to), func(t *testing.T) {
			got, err := tc.v.In(tc.to, tc.decimals, tc.c)
			if err != nil {
				t.Fatal(err)
			}
			if s := got.Concentration().Number.String(); s != tc.want || got.Rounding() != tc.rounding || got.Ratio().Or(0) != tc.ratio {
				t.Errorf("got %s %s at %d, want %s %s at %d", s, got.Rounding(), got.Ratio().Or(0), tc.want, tc.rounding, tc.ratio)
			}
			if got.Given() != tc.v.Given() {
				t.Errorf("given is now %s", got.Given())
			}
		})
	}
}

func TestConversionErrors(t *testing.T) {
	big := em.Decimal{Coef: math.MaxInt64}
	in := func(c Concentration, breath bool, to em.AlcoholUnit, decimals uint8, conv Conversion) error {
		v, err := Stated(c)
		if breath {
			v, err = Measured(&em.AlcoholReading{Value: c.Number, Unit: c.Unit})
		}
		if err != nil {
			return err
		}
		_, err = v.In(to, decimals, conv)
		return err
	}
	one := em.Decimal{Coef: 1}
	for _, tc := range []struct {
		name string
		err  error
		want error
	}{
		{"breath to blood", in(Concentration{one, em.UnitBreathMgPerL}, true, em.UnitBloodGPerL, 3, Conversion{}), ErrNoRatio},
		{"breath to blood, the instrument's ratio is another matter", in(Concentration{one, em.UnitBreathMgPerL}, true, em.UnitBloodGPerL, 3, Conversion{Instrument: 2100}), ErrNoRatio},
		{"limit to breath", in(Concentration{one, em.UnitBloodGPerL}, false, em.UnitBreathMgPerL, 3, Conversion{Instrument: 2100}), ErrNoRatio},
		{"instrument's blood to breath", in(Concentration{one, em.UnitBloodGPer100mL}, true, em.UnitBreathMgPerL, 3, Conversion{Blood: 2100}), ErrNoRatio},
		{"instrument's blood to blood of a ratio", in(Concentration{one, em.UnitBloodGPer100mL}, true, em.UnitBloodGPerL, 3, Conversion{Blood: 2100}), ErrNoRatio},
		{"volume to mass", in(Concentration{one, em.UnitBloodGPerL}, false, em.UnitBloodGPerKg, 3, Conversion{}), ErrNoDensity},
		{"skin", in(Concentration{one, em.UnitSkinGPerDL}, true, em.UnitBreathMgPerL, 3, Conversion{}), ErrUnit},
		{"to skin", in(Concentration{one, em.UnitBreathMgPerL}, true, em.UnitSkinUgPerL, 3, Conversion{}), ErrUnit},
		{"raw", in(Concentration{one, em.UnitRaw}, true, em.UnitBreathMgPerL, 3, Conversion{}), ErrUnit},
		{"no unit", in(Concentration{one, ""}, false, em.UnitBreathMgPerL, 3, Conversion{}), ErrUnit},
		{"negative", in(Concentration{em.Decimal{Coef: -1, Scale: 3}, em.UnitBreathMgPerL}, true, em.UnitBreathMgPerL, 3, Conversion{}), ErrNegative},
		{"scale", in(Concentration{em.Decimal{Coef: 1, Scale: 19}, em.UnitBreathMgPerL}, true, em.UnitBreathMgPerL, 3, Conversion{}), ErrRange},
		{"too many decimals", in(Concentration{one, em.UnitBreathMgPerL}, true, em.UnitBreathMgPerL, 19, Conversion{}), ErrRange},
		{"overflow", in(Concentration{big, em.UnitBreathMgPerL}, true, em.UnitBreathUgPerL, 0, Conversion{}), ErrRange},
		{"overflow by decimals", in(Concentration{em.Decimal{Coef: 10}, em.UnitBreathMgPerL}, true, em.UnitBreathMgPerL, 18, Conversion{}), ErrRange},
		{"ratio of 210", in(Concentration{one, em.UnitBreathMgPerL}, true, em.UnitBloodGPerL, 3, Conversion{Blood: 210}), ErrRatio},
		{"interval upside down", in(Concentration{one, em.UnitBreathMgPerL}, true, em.UnitBloodGPerL, 3, Conversion{Blood: 2100, Low: 2900}), ErrRatio},
		{"density of 1", in(Concentration{one, em.UnitBloodGPerL}, false, em.UnitBloodGPerKg, 3, Conversion{Density: 1}), ErrRange},
	} {
		if !errors.Is(tc.err, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, tc.err, tc.want)
		}
	}
	if _, err := Measured(&em.AlcoholReading{Unit: em.UnitBloodGPerL, Ratio: em.Some(21)}); !errors.Is(err, ErrRatio) {
		t.Errorf("ratio of 21 in a reading: %v", err)
	}
}

func TestBrAC(t *testing.T) {
	for _, tc := range []struct {
		v    Value
		c    Conversion
		want em.BrAC
	}{
		{measured(t, "1", em.UnitBreathUgPerL, 0), Conversion{}, 210},
		{measured(t, "0.001", em.UnitBreathGPer210L, 0), Conversion{}, 1000},
		{measured(t, "0.25", em.UnitBreathMgPerL, 0), Conversion{}, 52_500},
		{measured(t, "0.0208", em.UnitBloodGPer100mL, 0), Conversion{Instrument: 2100}, 20_800},
		{measured(t, "0.0208", em.UnitBloodGPer100mL, 0), Conversion{Instrument: 2300}, 18_991}, // 18991.3…
		{measured(t, "0.001", em.UnitBreathUgPerL, 0), Conversion{}, 0},                         // 0.21
	} {
		if got, err := tc.v.BrAC(tc.c); err != nil || got != tc.want {
			t.Errorf("%s: got %d, %v, want %d", tc.v, got, err, tc.want)
		}
	}
	if _, err := measured(t, "0.0208", em.UnitBloodGPer100mL, 0).BrAC(Conversion{}); !errors.Is(err, ErrNoRatio) {
		t.Errorf("without a ratio: %v", err)
	}
}

func TestCmp(t *testing.T) {
	// 0.2 g/kg is 0.211 g/L; 0.21 g/210 L is 1 mg/L.
	c := Conversion{Density: BloodDensity, Blood: 2300}
	for _, tc := range []struct {
		v, limit Value
		want     int
	}{
		{measured(t, "1.0", em.UnitBreathMgPerL, 0), stated(t, "0.21", em.UnitBreathGPer210L), 0},
		{measured(t, "0.999999999999999999", em.UnitBreathMgPerL, 0), stated(t, "0.21", em.UnitBreathGPer210L), -1},
		{measured(t, "0.211", em.UnitBloodGPerL, 2300), stated(t, "0.2", em.UnitBloodGPerKg), 0},
		{measured(t, "35", em.UnitBreathUgPer100mL, 0), stated(t, "80", em.UnitBloodMgPer100mL), +1}, // 80.5
		{measured(t, "0.80", em.UnitBloodGPerL, 0), stated(t, "35", em.UnitBreathUgPer100mL), -1},
	} {
		cc := c
		cc.Instrument = 2300
		if got, err := tc.v.Cmp(tc.limit, cc); err != nil || got != tc.want {
			t.Errorf("%s against %s: got %d, %v, want %d", tc.v, tc.limit, got, err, tc.want)
		}
	}
	if _, err := measured(t, "0.02", em.UnitBloodGPer100mL, 0).Cmp(stated(t, "0.1", em.UnitBreathMgPerL), Conversion{}); !errors.Is(err, ErrNoRatio) {
		t.Errorf("blood against breath without a ratio: %v", err)
	}
}

func TestString(t *testing.T) {
	show := func(v Value, u em.AlcoholUnit, decimals uint8, c Conversion) string {
		t.Helper()
		w, err := v.In(u, decimals, c)
		if err != nil {
			t.Fatal(err)
		}
		return w.String()
	}
	for _, tc := range []struct{ got, want string }{
		{Value{}.String(), "no value"},
		{measured(t, "0.250", em.UnitBreathMgPerL, 0).String(), "0.250 mg/L breath"},
		{stated(t, "0.40", em.UnitBloodGPerL).String(), "0.40 g/L blood"},
		{measured(t, "0.0208", em.UnitBloodGPer100mL, 0).String(), "0.0208 g/100mL blood, as a breath instrument shows it by a ratio that is not stated"},
		// 0.0208 × 1981/2100 = 0.019621…, × 2833/2100 = 0.028060…
		{measured(t, "0.0208", em.UnitBloodGPer100mL, 2100).String(), "0.0208 g/100mL blood at 2100:1, 0.0196 to 0.0281 at 1981:1 to 2833:1"},
		// 0.25 × 1.981 = 0.49525, × 2.833 = 0.70825
		{show(measured(t, "0.25", em.UnitBreathMgPerL, 0), em.UnitBloodGPerL, 3, Conversion{Blood: 2100}),
			"0.525 g/L blood at 2100:1, 0.495 to 0.709 at 1981:1 to 2833:1, from 0.25 mg/L breath"},
		{show(measured(t, "0.25", em.UnitBreathMgPerL, 0), em.UnitBloodGPerL, 3, Conversion{Blood: 2100, Low: 2000, High: 2400}),
			"0.525 g/L blood at 2100:1, 0.500 to 0.600 at 2000:1 to 2400:1, from 0.25 mg/L breath"},
		{show(measured(t, "0.50", em.UnitBloodGPerL, 2300), em.UnitBreathMgPerL, 3, Conversion{}), "0.217 mg/L breath at 2300:1, from 0.50 g/L blood"},
		{show(measured(t, "0.50", em.UnitBloodGPerL, 2300), em.UnitBloodGPerL, 3, Conversion{Blood: 2000}),
			"0.434 g/L blood at 2000:1, 0.430 to 0.616 at 1981:1 to 2833:1, from 0.50 g/L blood at 2300:1"},
		{show(stated(t, "0.40", em.UnitBloodGPerL), em.UnitBreathMgPerL, 3, Conversion{Blood: 2000}), "0.200 mg/L breath at 2000:1, from 0.40 g/L blood"},
	} {
		if tc.got != tc.want {
			t.Errorf("got  %s\nwant %s", tc.got, tc.want)
		}
	}
}

// genValue draws a value of any unit and origin with a ratio wherever one may be needed.
func genValue(t *rapid.T) Value {
	c := Concentration{
		em.Decimal{Coef: rapid.Int64Range(0, 1_000_000).Draw(t, "coef"), Scale: uint8(rapid.IntRange(0, 8).Draw(t, "scale"))},
		rapid.SampledFrom(units).Draw(t, "unit"),
	}
	v, err := Stated(c)
	if rapid.Bool().Draw(t, "measured") {
		v, err = Measured(&em.AlcoholReading{Value: c.Number, Unit: c.Unit, Ratio: em.Some(rapid.IntRange(1000, 4000).Draw(t, "instrument"))})
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func genConversion(t *rapid.T) Conversion {
	return Conversion{Blood: rapid.IntRange(1000, 4000).Draw(t, "blood"), Density: rapid.IntRange(900, 1200).Draw(t, "density")}
}

func TestConversionProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, c := genValue(t), genConversion(t)
		u := rapid.SampledFrom(units).Draw(t, "to")
		decimals := uint8(rapid.IntRange(0, 8).Draw(t, "decimals"))
		w, err := v.In(u, decimals, c)
		if errors.Is(err, ErrRange) {
			t.Skip("does not fit")
		}
		if err != nil {
			t.Fatal(err)
		}

		// Never above the exact figure, and less than one unit of the last place below.
		x, _, err := v.exact(u, c)
		if err != nil {
			t.Fatal(err)
		}
		lost := new(big.Rat).Sub(x, rational(w.Concentration().Number))
		last := rational(em.Decimal{Coef: 1, Scale: decimals})
		if lost.Sign() < 0 || lost.Cmp(last) >= 0 || (lost.Sign() == 0) != (w.Rounding() == Exact) {
			t.Fatalf("%s became %s (%s), exactly %s", v, w, w.Rounding(), x.FloatString(12))
		}

		// A conversion forgets nothing: the way back from w is the way from v.
		back, err := w.In(v.given.Unit, v.given.Number.Scale, Conversion{Density: c.Density})
		if err != nil || back.Concentration() != v.given || back.Rounding() != Exact {
			t.Fatalf("%s to %s and back to %s: %v", v, w, back, err)
		}

		// The way back from the shown number alone is right within its resolution.
		again, err := Stated(w.Concentration())
		if err != nil {
			t.Fatal(err)
		}
		cb := c
		if from, _ := unitOf(v.given.Unit); v.made && from.blood {
			if to, _ := unitOf(u); !to.blood {
				cb.Blood = v.ratio
			}
		}
		if from, _ := unitOf(v.given.Unit); v.made && from.blood {
			if to, _ := unitOf(u); to.blood {
				return // two blood figures of two ratios: the number alone does not tell
			}
		}
		y, _, err := again.exact(v.given.Unit, cb)
		if err != nil {
			t.Fatal(err)
		}
		unit, err2 := Stated(Concentration{em.Decimal{Coef: 1, Scale: decimals}, u})
		step, _, err3 := unit.exact(v.given.Unit, cb)
		if err2 != nil || err3 != nil {
			t.Fatal(err2, err3)
		}
		d := new(big.Rat).Sub(rational(v.given.Number), y)
		if d.Sign() < 0 || d.Cmp(step) >= 0 {
			t.Fatalf("%s to %s and back is off by %s, a step is %s", v, w, d.FloatString(12), step.FloatString(12))
		}
	})
}

// Blood from breath never stands without a ratio and an interval that holds it.
func TestBloodNeverWithoutRatio(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, c := genValue(t), genConversion(t)
		if !v.made {
			t.Skip("not measured")
		}
		u := rapid.SampledFrom(units).Draw(t, "to")
		w, err := v.In(u, 3, c)
		if err != nil {
			t.Skip(err)
		}
		to, _ := unitOf(u)
		low, high, ok := w.Interval()
		if ok != to.blood {
			t.Fatalf("%s: interval %v", w, ok)
		}
		if !ok {
			return
		}
		if s := w.String(); !strings.Contains(s, fmt.Sprintf(" at %d:1, %s to %s at ", w.Ratio().V, low, high)) {
			t.Fatal(s)
		}
		if r := w.Ratio().V; r >= RatioLow && r <= RatioHigh && (low.Coef > w.shown.Number.Coef || high.Coef < w.shown.Number.Coef) {
			t.Fatalf("%s is outside its interval", w)
		}
	})
}

func FuzzValue(f *testing.F) {
	f.Add("0.0208", string(em.UnitBloodGPer100mL), string(em.UnitBreathMgPerL), 2100, 2300, 1055, uint8(3))
	f.Add("9223372036854775807", string(em.UnitBreathMgPerL), string(em.UnitBreathUgPerL), 0, 0, 0, uint8(18))
	f.Add("-1", string(em.UnitSkinGPerDL), "", -1, math.MaxInt, 900, uint8(255))
	f.Fuzz(func(t *testing.T, number, from, to string, inst, blood, density int, decimals uint8) {
		d, err := em.ParseDecimal(number)
		if err != nil {
			d = em.Decimal{Coef: int64(inst), Scale: decimals}
		} else if again, err := em.ParseDecimal(d.String()); err != nil || again != d {
			t.Fatalf("%q is %v, and again %v, %v", number, d, again, err)
		}
		r := em.AlcoholReading{Value: d, Unit: em.AlcoholUnit(from)}
		if inst != 0 {
			r.Ratio = em.Some(inst)
		}
		v, err := Measured(&r)
		if err != nil {
			return
		}
		w, err := v.In(em.AlcoholUnit(to), decimals, Conversion{Blood: blood, Density: density})
		if err != nil {
			if w != (Value{}) {
				t.Fatalf("a value beside an error: %s", w)
			}
			return
		}
		if w.Concentration().Number.Coef < 0 {
			t.Fatalf("%s became negative: %s", v, w)
		}
		_ = w.String()
		if _, _, ok := w.Interval(); ok && !w.Ratio().OK {
			t.Fatalf("%s: an interval without a ratio", w)
		}
	})
}
