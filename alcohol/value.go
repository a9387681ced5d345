package alcohol

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"

	"github.com/sargas-em/em"
)

// Errors of units and conversions. All are wrapped with the number and the unit
// that they are about.
var (
	// ErrUnit: the unit is of the skin, the sensor's own, or unknown. A
	// transdermal figure is no breath or blood concentration, and none is made
	// from it.
	ErrUnit = errors.New("not a unit of breath or blood")
	// ErrNoRatio: breath and blood would have to be related, and nobody said by
	// which blood:breath ratio.
	ErrNoRatio = errors.New("no blood:breath ratio given")
	// ErrRatio: a blood:breath ratio outside 1000…4000.
	ErrRatio = errors.New("blood:breath ratio out of range")
	// ErrNoDensity: mass and volume of blood would have to be related, and
	// nobody said by which density.
	ErrNoDensity = errors.New("no density of blood given")
	// ErrNegative: a concentration below zero.
	ErrNegative = errors.New("negative concentration")
	// ErrRange: a number or scale that does not fit.
	ErrRange = errors.New("number out of range")
)

// BloodDensity is the density of whole blood that forensic work uses to turn
// g/kg into g/L, in grams a litre: 1.055 kg/L. It is not applied unless a
// Conversion names it.
const BloodDensity = 1055

// RatioLow and RatioHigh are the 95 % limits of the blood:breath ratio among
// 799 Swedish drivers (2407 ± 213; Journal of Forensic Sciences 41/6, 916).
// They give the interval that stands beside every blood figure made from breath.
const (
	RatioLow  = 1981
	RatioHigh = 2833
)

// A ratio outside these is a typing error: no instrument or study comes near.
// They are a guard, not a statement about people.
const minRatio, maxRatio = 1000, 4000

// maxScale is the largest number of decimals of an em.Decimal.
const maxScale = 18

// Concentration is a number and its unit, as a law, an order or an instrument
// states it. It is plain data and may be compared with ==.
type Concentration struct {
	Number em.Decimal     `json:"value"`
	Unit   em.AlcoholUnit `json:"unit"`
}

// String returns the number, a blank and the unit: "0.25 mg/L breath".
func (c Concentration) String() string { return c.Number.String() + " " + string(c.Unit) }

// unit says what one of a unit is in micrograms a litre of its matter.
type unit struct {
	blood    bool
	mass     bool  // per kilogram of blood: num/den times the density in g/L
	num, den int64 // micrograms a litre
}

func unitOf(u em.AlcoholUnit) (unit, bool) {
	switch u {
	case em.UnitBreathUgPerL:
		return unit{num: 1, den: 1}, true
	case em.UnitBreathMgPerL:
		return unit{num: 1000, den: 1}, true
	case em.UnitBreathUgPer100mL:
		return unit{num: 10, den: 1}, true
	case em.UnitBreathGPer210L:
		return unit{num: 1_000_000, den: 210}, true
	case em.UnitBloodGPer100mL:
		return unit{blood: true, num: 10_000_000, den: 1}, true
	case em.UnitBloodMgPer100mL:
		return unit{blood: true, num: 10_000, den: 1}, true
	case em.UnitBloodGPerL:
		return unit{blood: true, num: 1_000_000, den: 1}, true
	case em.UnitBloodGPerKg:
		return unit{blood: true, mass: true, num: 1000, den: 1}, true
	}
	return unit{}, false
}

// Conversion holds what relates breath to blood and volume to mass. Ratios are
// whole numbers: 2100 stands for 2100:1. Nothing has a default, because every
// figure made from another by a guessed ratio is a wrong figure; what is zero is
// not known, and a conversion that needs it fails with ErrNoRatio or ErrNoDensity.
type Conversion struct {
	// Instrument is the ratio by which the instrument made its blood figure
	// from breath, where its readings do not state it. A ratio that a reading
	// states goes before it.
	Instrument int
	// Blood is the ratio at which the law or the order relates breath and
	// blood: 2300 in the United Kingdom, 2100 in the United States.
	Blood int
	// Density of blood in grams a litre: BloodDensity, or what the law says.
	Density int
	// Low and High are the ratios that bound the interval of a blood figure
	// made from breath. Zero: RatioLow and RatioHigh. They decide nothing.
	Low, High int
}

func (c Conversion) check() error {
	for _, r := range []int{c.Instrument, c.Blood, c.Low, c.High} {
		if r != 0 && (r < minRatio || r > maxRatio) {
			return fmt.Errorf("%w: %d", ErrRatio, r)
		}
	}
	if lo, hi := c.spread(); lo > hi {
		return fmt.Errorf("%w: %d to %d", ErrRatio, lo, hi)
	}
	if c.Density != 0 && (c.Density < 900 || c.Density > 1200) {
		return fmt.Errorf("%w: density of %d g/L", ErrRange, c.Density)
	}
	return nil
}

func (c Conversion) spread() (low, high int) {
	low, high = c.Low, c.High
	if low == 0 {
		low = RatioLow
	}
	if high == 0 {
		high = RatioHigh
	}
	return low, high
}

// Rounding says how a shown number relates to the exact one.
type Rounding uint8

// Roundings. There is none upwards: no figure here ever is above what was measured.
const (
	AsGiven   Rounding = iota // the number of the instrument, the law or the order
	Exact                     // converted, and no digit was lost
	Truncated                 // converted, and the digits beyond its scale were cut off
)

var roundings = [...]string{"as given", "exact", "truncated"}

// String returns "as given", "exact" or "truncated".
func (r Rounding) String() string {
	if int(r) < len(roundings) {
		return roundings[r]
	}
	return fmt.Sprintf("rounding(%d)", r)
}

// Value is a concentration that remembers where it comes from: the number and
// unit as first given, whether an instrument measured it in breath, by which
// ratio, and how it was rounded on the way to the unit in which it is shown
// now. Converting a Value always starts from the number first given, so that no
// chain of conversions loses more than the last. Values are immutable and may be
// compared with ==; the zero Value is no value.
type Value struct {
	given Concentration
	ratio int  // by which the instrument made blood from breath; 0: not stated
	made  bool // a breath instrument's figure, not a law's or a laboratory's

	shown    Concentration
	rounding Rounding
	conv     Conversion // of the last In
}

// Stated returns the value of a figure that stands for itself: a limit in a law
// or an order, or a laboratory's result. Errors: ErrUnit, ErrNegative, ErrRange.
func Stated(c Concentration) (Value, error) {
	if err := c.check(); err != nil {
		return Value{}, fmt.Errorf("alcohol: %s: %w", c, err)
	}
	return Value{given: c, shown: c}, nil
}

// Measured returns the value that a breath instrument gave. Status, identity and
// calibration are not looked at. Errors: ErrUnit, also for a figure of the skin,
// ErrNegative, ErrRange, ErrRatio.
func Measured(r *em.AlcoholReading) (Value, error) {
	c := Concentration{r.Value, r.Unit}
	err := c.check()
	if err == nil && r.Ratio.OK && (r.Ratio.V < minRatio || r.Ratio.V > maxRatio) {
		err = fmt.Errorf("%w: %d", ErrRatio, r.Ratio.V)
	}
	if err != nil {
		return Value{}, fmt.Errorf("alcohol: %s: %w", c, err)
	}
	return Value{given: c, shown: c, made: true, ratio: r.Ratio.Or(0)}, nil
}

func (c Concentration) check() error {
	if _, ok := unitOf(c.Unit); !ok {
		return ErrUnit
	}
	if c.Number.Scale > maxScale {
		return fmt.Errorf("%w: scale %d", ErrRange, c.Number.Scale)
	}
	if c.Number.Coef < 0 {
		return ErrNegative
	}
	return nil
}

// Given returns the number and unit as they first came.
func (v Value) Given() Concentration { return v.given }

// Concentration returns the number and unit in which the value is shown.
func (v Value) Concentration() Concentration { return v.shown }

// Rounding says how the shown number was made.
func (v Value) Rounding() Rounding { return v.rounding }

// Ratio returns the blood:breath ratio on which the shown number rests. It is
// absent where none was needed, and where the instrument shows blood and nobody
// said by which ratio.
func (v Value) Ratio() em.Opt[int] {
	_, at, err := v.exact(v.shown.Unit, v.conv)
	if err != nil || at == 0 {
		return em.Opt[int]{}
	}
	return em.Some(at)
}

// In returns the value in unit u with that many decimals; further digits are
// cut off, as instruments do, never rounded up.
//
// Breath becomes blood at c.Blood, and a limit stated in blood becomes breath at
// c.Blood. A blood figure of a breath instrument becomes breath at the
// instrument's own ratio; it becomes another blood figure at c.Blood where that
// is given, and else keeps its ratio, known or not. Errors: ErrUnit, ErrNoRatio,
// ErrRatio, ErrNoDensity, ErrRange.
func (v Value) In(u em.AlcoholUnit, decimals uint8, c Conversion) (Value, error) {
	x, _, err := v.exact(u, c)
	if err == nil && decimals > maxScale {
		err = fmt.Errorf("%w: %d decimals", ErrRange, decimals)
	}
	if err != nil {
		return Value{}, fmt.Errorf("alcohol: %s in %q: %w", v.given, u, err)
	}
	d, rest, err := truncate(x, decimals)
	if err != nil {
		return Value{}, fmt.Errorf("alcohol: %s in %q: %w", v.given, u, err)
	}
	v.shown, v.conv, v.rounding = Concentration{d, u}, c, Exact
	if rest {
		v.rounding = Truncated
	}
	return v, nil
}

// BrAC returns the value as micrograms in 210 L of breath, cut to a whole number.
// Errors are those of In.
func (v Value) BrAC(c Conversion) (em.BrAC, error) {
	w, err := v.In(em.UnitBreathGPer210L, 6, c)
	return em.BrAC(w.shown.Number.Coef), err
}

// Cmp compares the value with a stated limit, exactly: -1 below, 0 equal, +1
// above. No rounding takes part. Errors are those of In.
func (v Value) Cmp(limit Value, c Conversion) (int, error) {
	x, _, err := v.exact(limit.given.Unit, c)
	if err != nil {
		return 0, fmt.Errorf("alcohol: %s against %s: %w", v.given, limit.given, err)
	}
	return x.Cmp(rational(limit.given.Number)), nil
}

// Interval bounds a blood figure that was made from breath: the figures at the
// lowest and the highest ratio of the last Conversion, low cut off and high
// rounded away, so that the interval holds both. It covers the spread of the
// ratio among people, not the instrument's error. It is absent for breath, for
// stated figures and where the instrument's ratio is not known.
func (v Value) Interval() (low, high em.Decimal, ok bool) {
	x, at, err := v.exact(v.shown.Unit, v.conv)
	if u, _ := unitOf(v.shown.Unit); err != nil || !v.made || !u.blood || at == 0 {
		return low, high, false
	}
	lo, hi := v.conv.spread()
	low, _, err1 := truncate(new(big.Rat).Mul(x, big.NewRat(int64(lo), int64(at))), v.shown.Number.Scale)
	high, rest, err2 := truncate(new(big.Rat).Mul(x, big.NewRat(int64(hi), int64(at))), v.shown.Number.Scale)
	if rest {
		high.Coef++ // cannot overflow: truncate leaves room
	}
	return low, high, err1 == nil && err2 == nil
}

// String shows the number and its unit. A blood figure made from breath never
// stands without its ratio and interval; where the instrument does not state its
// ratio, that is what is said.
func (v Value) String() string {
	if v.given.Unit == "" {
		return "no value"
	}
	s := v.shown.String()
	_, at, err := v.exact(v.shown.Unit, v.conv)
	to, _ := unitOf(v.shown.Unit)
	switch {
	case err != nil:
		return s // cannot be: In would have failed
	case v.made && to.blood && at == 0:
		return s + ", as a breath instrument shows it by a ratio that is not stated"
	case v.made && to.blood:
		s += " at " + colon(at)
		if low, high, ok := v.Interval(); ok {
			l, h := v.conv.spread()
			s += fmt.Sprintf(", %s to %s at %s to %s", low, high, colon(l), colon(h))
		}
	case at != 0:
		s += " at " + colon(at)
	}
	if v.given != v.shown {
		s += ", from " + v.given.String()
		if from, _ := unitOf(v.given.Unit); v.made && from.blood && to.blood {
			if r := v.instrument(v.conv); r != 0 && r != at {
				s += " at " + colon(r)
			}
		}
	}
	return s
}

func colon(ratio int) string { return strconv.Itoa(ratio) + ":1" }

// instrument returns the ratio by which the instrument made blood from breath.
func (v Value) instrument(c Conversion) int {
	if v.ratio != 0 {
		return v.ratio
	}
	return c.Instrument
}

// exact returns the value in unit u, and the ratio on which that figure rests.
func (v Value) exact(u em.AlcoholUnit, c Conversion) (x *big.Rat, at int, err error) {
	from, ok1 := unitOf(v.given.Unit)
	to, ok2 := unitOf(u)
	if !ok1 || !ok2 {
		return nil, 0, ErrUnit
	}
	if err := c.check(); err != nil {
		return nil, 0, err
	}
	// mul and div relate a litre of the one matter to a litre of the other.
	mul, div := 1, 1
	switch inst := v.instrument(c); {
	case !from.blood && !to.blood:
	case !from.blood:
		mul, at = c.Blood, c.Blood
	case v.made && !to.blood:
		div, at = inst, inst
	case v.made && (c.Blood == 0 || c.Blood == inst):
		at = inst
	case v.made:
		mul, div, at = c.Blood, inst, c.Blood
	case !to.blood:
		div, at = c.Blood, c.Blood
	}
	if mul == 0 || div == 0 {
		return nil, 0, ErrNoRatio
	}
	x = rational(v.given.Number)
	x.Mul(x, big.NewRat(int64(mul), int64(div)))
	if from.mass != to.mass {
		if c.Density == 0 {
			return nil, 0, ErrNoDensity
		}
		if from.mass {
			from.num *= int64(c.Density)
		} else {
			to.num *= int64(c.Density)
		}
	}
	x.Mul(x, big.NewRat(from.num, from.den))
	return x.Mul(x, big.NewRat(to.den, to.num)), at, nil
}

func rational(d em.Decimal) *big.Rat {
	return new(big.Rat).SetFrac(big.NewInt(d.Coef), power10(d.Scale))
}

func power10(n uint8) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// truncate cuts x, which is not negative, to a number of decimals; rest tells
// whether digits were lost.
func truncate(x *big.Rat, decimals uint8) (d em.Decimal, rest bool, err error) {
	n := new(big.Int).Mul(x.Num(), power10(decimals))
	n, m := n.QuoRem(n, x.Denom(), new(big.Int))
	if n.BitLen() > 62 {
		return em.Decimal{}, false, fmt.Errorf("%w: more than %d decimals can hold", ErrRange, decimals)
	}
	return em.Decimal{Coef: n.Int64(), Scale: decimals}, m.Sign() != 0, nil
}
