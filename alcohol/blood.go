package alcohol

import (
	"errors"
	"fmt"
	"time"

	"github.com/sargas-em/em"
)

// Sex selects the parameters of a body. The zero value is not known: intervals
// then reach over both.
type Sex string

// Sexes that the sources have parameters for.
const (
	SexUnknown Sex = ""
	Female     Sex = "female"
	Male       Sex = "male"
)

// Body is whose alcohol is computed. Height and Age are needed for Watson's
// estimate alone; where they are zero, Widmark's factor by sex is used.
type Body struct {
	Sex    Sex
	Weight float64 // kg, 20 to 400
	Height float64 // cm, 100 to 250, or 0
	Age    float64 // years, 10 to 120, or 0
}

// Span is an interval of figures, both ends with it.
type Span struct{ Low, High float64 }

// Holds reports whether x lies within.
func (s Span) Holds(x float64) bool { return s.Low <= x && x <= s.High }

// Meets reports whether two intervals have a figure in common.
func (s Span) Meets(o Span) bool { return s.Low <= o.High && o.Low <= s.High }

func (s Span) join(o Span) Span { return Span{min(s.Low, o.Low), max(s.High, o.High)} }

// Elimination holds the parameters of how a body takes up and removes alcohol.
// It is plain data; a zero field means the documented default. None of it is
// proof of anything about one person: the intervals are for plausibility.
type Elimination struct {
	// Blood is how much falls in an hour, in g/L of blood. Default 0.10 to 0.25,
	// with 0.15 common; Widmark's model as forensic textbooks have it, unverified.
	Blood Span
	// BreathMale and BreathFemale are the same in g/210 L of breath. Defaults
	// 0.013 to 0.017 (mean 0.015) and 0.014 to 0.021 (mean 0.017): read in a source.
	BreathMale, BreathFemale Span
	// FactorMale and FactorFemale are Widmark's r in L/kg. Defaults 0.68 and
	// 0.55, unverified. FactorSpread is how far one person's r may be from the
	// estimate, as a part of it; default 0.10, unverified.
	FactorMale, FactorFemale, FactorSpread float64
	// Absorbed is how long after the last drink all alcohol is in the blood.
	// Default 2 hours, unverified.
	Absorbed time.Duration
}

// DefaultAbsorbed is how long after the last drink a body has taken up all of
// it: 2 hours. Unverified.
const DefaultAbsorbed = 2 * time.Hour

// Complete returns the parameters with their defaults filled in.
func (e Elimination) Complete() Elimination {
	defaultTo(&e.Blood, Span{0.10, 0.25})
	defaultTo(&e.BreathMale, Span{0.013, 0.017})
	defaultTo(&e.BreathFemale, Span{0.014, 0.021})
	defaultTo(&e.FactorMale, 0.68)
	defaultTo(&e.FactorFemale, 0.55)
	defaultTo(&e.FactorSpread, 0.10)
	defaultTo(&e.Absorbed, DefaultAbsorbed)
	return e
}

// Errors of computing backwards.
var (
	// ErrBody: a figure of the body that no person has.
	ErrBody = errors.New("no such body")
	// ErrAbsorbing: not enough time since the last drink; the level may still
	// have risen, and no elimination leads back.
	ErrAbsorbing = errors.New("alcohol may still be absorbed")
	// ErrElimination: parameters that cannot be.
	ErrElimination = errors.New("impossible parameters of elimination")
	// ErrInterval: times or amounts that cannot be.
	ErrInterval = errors.New("impossible time or amount")
)

func (e Elimination) check() error {
	for _, s := range []Span{e.Blood, e.BreathMale, e.BreathFemale} {
		if !(s.Low >= 0 && s.Low <= s.High && s.High < 10) {
			return fmt.Errorf("alcohol: %w: %g to %g an hour", ErrElimination, s.Low, s.High)
		}
	}
	for _, f := range []float64{e.FactorMale, e.FactorFemale} {
		if !(f >= 0.2 && f <= 1.5) {
			return fmt.Errorf("alcohol: %w: factor %g", ErrElimination, f)
		}
	}
	if !(e.FactorSpread >= 0 && e.FactorSpread < 1) || e.Absorbed < 0 {
		return fmt.Errorf("alcohol: %w: spread %g, absorbed after %s", ErrElimination, e.FactorSpread, e.Absorbed)
	}
	return nil
}

func (b Body) check() error {
	within := func(x, low, high float64) bool { return x >= low && x <= high } // false for NaN
	switch {
	case b.Sex != SexUnknown && b.Sex != Female && b.Sex != Male:
		return fmt.Errorf("alcohol: %w: sex %q", ErrBody, b.Sex)
	case !within(b.Weight, 20, 400):
		return fmt.Errorf("alcohol: %w: weight %g kg", ErrBody, b.Weight)
	case b.Height != 0 && !within(b.Height, 100, 250):
		return fmt.Errorf("alcohol: %w: height %g cm", ErrBody, b.Height)
	case b.Age != 0 && !within(b.Age, 10, 120):
		return fmt.Errorf("alcohol: %w: age %g", ErrBody, b.Age)
	}
	return nil
}

// Water returns the litres of water in a body by Watson et al. (1980), as
// Blair-Aitken give them:
//
//	male    2.447 − 0.09516·age + 0.1074·height + 0.3362·weight
//	female −2.097 + 0.1069·height + 0.2466·weight
//
// It needs sex, height and, for men, age. Errors wrap ErrBody.
func (b Body) Water() (float64, error) {
	if err := b.check(); err != nil {
		return 0, err
	}
	switch {
	case b.Sex == SexUnknown || b.Height == 0 || b.Sex == Male && b.Age == 0:
		return 0, fmt.Errorf("alcohol: %w: sex, height and, of men, age are needed", ErrBody)
	case b.Sex == Male:
		return 2.447 - 0.09516*b.Age + 0.1074*b.Height + 0.3362*b.Weight, nil
	}
	return -2.097 + 0.1069*b.Height + 0.2466*b.Weight, nil
}

// bloodWater is the part of water in blood by mass over volume, with which
// Watson's litres give Widmark's r: r = water/(0.8·weight).
const bloodWater = 0.8

// Factor returns the interval of Widmark's r in L/kg: from Watson's water where
// the body says enough for it, else by sex. Errors wrap ErrBody or
// ErrElimination.
func (e Elimination) Factor(b Body) (Span, error) {
	e = e.Complete()
	if err := errors.Join(e.check(), b.check()); err != nil {
		return Span{}, err
	}
	spread := func(r float64) Span { return Span{r * (1 - e.FactorSpread), r * (1 + e.FactorSpread)} }
	if w, err := b.Water(); err == nil {
		return spread(w / (bloodWater * b.Weight)), nil
	}
	switch b.Sex {
	case Male:
		return spread(e.FactorMale), nil
	case Female:
		return spread(e.FactorFemale), nil
	}
	return spread(e.FactorMale).join(spread(e.FactorFemale)), nil
}

// BloodAfter returns the interval of blood alcohol in g/L that grams of alcohol give
// a time after drinking began, by Widmark: C = grams/(r·weight) − β·time, not
// below zero, if all is absorbed. Before that the truth may be anywhere below:
// Low is then 0. Errors wrap ErrBody, ErrElimination or ErrInterval.
func (e Elimination) BloodAfter(b Body, grams float64, since time.Duration) (Span, error) {
	r, err := e.Factor(b)
	if err != nil {
		return Span{}, err
	}
	e = e.Complete()
	if !(grams >= 0 && grams <= 5000) || since < 0 || since > 7*24*time.Hour {
		return Span{}, fmt.Errorf("alcohol: %w: %g g, %s", ErrInterval, grams, since)
	}
	h := since.Hours()
	s := Span{
		Low:  max(0, grams/(r.High*b.Weight)-e.Blood.High*h),
		High: max(0, grams/(r.Low*b.Weight)-e.Blood.Low*h),
	}
	if since < e.Absorbed {
		s.Low = 0
	}
	return s, nil
}

// Back is a concentration computed back to an earlier time.
type Back struct {
	Unit  em.AlcoholUnit // em.UnitBloodGPerL, or em.UnitBreathGPer210L for a breath figure
	From  Span           // at the time of the sample
	At    Span           // at the earlier time
	Rate  Span           // an hour
	Hours float64
}

// String says it in words, with its unit and the rates.
func (b Back) String() string {
	return fmt.Sprintf("%.3f to %.3f %s, %.2g hours earlier than %.3f to %.3f, at %g to %g an hour",
		b.At.Low, b.At.High, b.Unit, b.Hours, b.From.Low, b.From.High, b.Rate.Low, b.Rate.High)
}

// BackTo computes a sample back to an earlier time: [C + β_low·Δt, C + β_high·Δt],
// in breath for a breath figure and in blood for a blood figure; neither is
// turned into the other. It is for plausibility, not proof. A sample of zero
// says only that the level then was at most β_high·Δt: Low is then 0.
//
// lastDrink is when the person says, or it is known, that the last drink was:
// the earlier time must be at least Absorbed after it, or the error wraps
// ErrAbsorbing. Transdermal figures are no Value (ErrUnit). Other errors wrap
// ErrElimination, ErrInterval or those of Value.In; density is needed for g/kg.
func (e Elimination) BackTo(at time.Time, v Value, sampled time.Time, lastDrink time.Time, sex Sex, c Conversion) (Back, error) {
	e = e.Complete()
	if err := e.check(); err != nil {
		return Back{}, err
	}
	if at.After(sampled) || sampled.Sub(at) > 48*time.Hour {
		return Back{}, fmt.Errorf("alcohol: %w: from %s back to %s", ErrInterval, sampled.Format(time.RFC3339), at.Format(time.RFC3339))
	}
	if at.Before(lastDrink.Add(e.Absorbed)) {
		return Back{}, fmt.Errorf("alcohol: %w: %s is not %s after the last drink", ErrAbsorbing, at.Format(time.RFC3339), e.Absorbed)
	}
	b := Back{Hours: sampled.Sub(at).Hours()}
	var err error
	if b.Unit, b.From, b.Rate, err = e.comparable(v, sex, c); err != nil {
		return Back{}, err
	}
	b.At = Span{b.From.Low + b.Rate.Low*b.Hours, b.From.High + b.Rate.High*b.Hours}
	if b.From.Low == 0 {
		b.At.Low = 0
	}
	return b, nil
}

// comparable returns a figure as an interval in the unit in which elimination
// is known for its matter, and that elimination.
func (e Elimination) comparable(v Value, sex Sex, c Conversion) (u em.AlcoholUnit, s, rate Span, err error) {
	from, ok := unitOf(v.given.Unit)
	if !ok {
		return u, s, rate, fmt.Errorf("alcohol: %s: %w", v.given, ErrUnit)
	}
	if sex != SexUnknown && sex != Female && sex != Male {
		return u, s, rate, fmt.Errorf("alcohol: %w: sex %q", ErrBody, sex)
	}
	if from.blood {
		u, rate = em.UnitBloodGPerL, e.Blood
	} else {
		u, rate = em.UnitBreathGPer210L, e.BreathMale.join(e.BreathFemale)
		switch sex {
		case Male:
			rate = e.BreathMale
		case Female:
			rate = e.BreathFemale
		}
	}
	w, err := v.In(u, 6, c)
	if err != nil {
		return u, s, rate, err
	}
	x := w.shown.Number.Float()
	s = Span{x, x}
	if low, high, ok := w.Interval(); ok { // made from breath: it is as wide as the ratio
		s = Span{low.Float(), high.Float()}
	}
	return u, s, rate, nil
}

// Plausibility is the outcome of a check of plausibility. It is no verdict: it
// says what a person should look at.
type Plausibility string

// Outcomes.
const (
	Plausible      Plausibility = "PLAUSIBLE"
	MoreThanStated Plausibility = "MORE_THAN_STATED" // higher than the stated drinks can give
	LessThanStated Plausibility = "LESS_THAN_STATED" // lower than the stated drinks must give
	DropTooFast    Plausibility = "DROP_TOO_FAST"    // alcohol of the mouth, or another person
	DropTooSlow    Plausibility = "DROP_TOO_SLOW"    // still absorbing, drinking again, or another person
)

// Assessment is a check of plausibility with what it rests on, in words and as
// data.
type Assessment struct {
	Outcome  Plausibility `json:"outcome"`
	Reason   string       `json:"reason"`
	Unit     string       `json:"unit"`
	Measured Span         `json:"measured"`
	Expected Span         `json:"expected"`
	Facts    []em.Fact    `json:"facts"`
}

// Drinks are what a person says: so much alcohol, drinking from one time to
// another.
type Drinks struct {
	Grams       float64
	Begin, Last time.Time
}

// Stated compares a blood alcohol figure with the drinks that a person states:
// can they have given it? A breath figure needs c.Blood (and gets the interval
// of that ratio). Errors are those of BloodAfter and Value.In.
func (e Elimination) Stated(b Body, d Drinks, v Value, sampled time.Time, c Conversion) (Assessment, error) {
	e = e.Complete()
	w, err := v.In(em.UnitBloodGPerL, 6, c)
	if err != nil {
		return Assessment{}, err
	}
	if d.Last.Before(d.Begin) || sampled.Before(d.Last) {
		return Assessment{}, fmt.Errorf("alcohol: %w: drinking ends before it begins, or after the sample", ErrInterval)
	}
	x := w.shown.Number.Float()
	measured := Span{x, x}
	if low, high, ok := w.Interval(); ok {
		measured = Span{low.Float(), high.Float()}
	}
	expected, err := e.BloodAfter(b, d.Grams, sampled.Sub(d.Begin))
	if err != nil {
		return Assessment{}, err
	}
	if sampled.Sub(d.Last) < e.Absorbed {
		expected.Low = 0
	}
	r, err := e.Factor(b)
	if err != nil {
		return Assessment{}, err
	}
	a := Assessment{Outcome: Plausible, Unit: string(em.UnitBloodGPerL), Measured: measured, Expected: expected}
	says := "agrees with"
	switch {
	case measured.Low > expected.High:
		a.Outcome, says = MoreThanStated, "is more than can come of"
	case measured.High < expected.Low:
		a.Outcome, says = LessThanStated, "is less than must come of"
	}
	f := (*facts)(&a.Facts)
	f.value("sample", w)
	f.number("stated", d.Grams, 1, "g")
	f.minutes("since drinking began", sampled.Sub(d.Begin))
	f.minutes("since the last drink", sampled.Sub(d.Last))
	f.span("expected", expected, 3, a.Unit)
	f.span("factor", r, 2, "L/kg")
	f.span("elimination an hour", e.Blood, 3, a.Unit)
	a.Reason = fmt.Sprintf("The sample, %.3f to %.3f g/L of blood, %s the stated %.0f g of alcohol, which would give %.3f to %.3f: for plausibility only, by Widmark.",
		measured.Low, measured.High, says, d.Grams, expected.Low, expected.High)
	return a, nil
}

// Retest checks whether the second of two figures of one matter, breath or
// blood, can follow the first in one body that neither drinks nor absorbs any
// more. tolerance is how far two figures of one level may differ, in g/210 L of
// breath or g/L of blood; 0.020 g/210 L is what PairTolerance allows. A figure of
// zero is at least as low as the body can have removed. Errors are those of
// Value.In, ErrInterval, and ErrUnit where one is breath and the other blood.
func (e Elimination) Retest(first Value, at time.Time, second Value, then time.Time, sex Sex, tolerance float64, c Conversion) (Assessment, error) {
	e = e.Complete()
	if err := e.check(); err != nil {
		return Assessment{}, err
	}
	if !(tolerance >= 0 && tolerance < 10) || !then.After(at) || then.Sub(at) > 48*time.Hour {
		return Assessment{}, fmt.Errorf("alcohol: %w: from %s to %s, tolerance %g", ErrInterval, at.Format(time.RFC3339), then.Format(time.RFC3339), tolerance)
	}
	u, x, rate, err := e.comparable(first, sex, c)
	if err != nil {
		return Assessment{}, err
	}
	w, y, _, err := e.comparable(second, sex, c)
	if err != nil {
		return Assessment{}, err
	}
	if u != w {
		return Assessment{}, fmt.Errorf("alcohol: %s after %s: %w", second.given, first.given, ErrUnit)
	}
	h := then.Sub(at).Hours()
	a := Assessment{Outcome: Plausible, Unit: string(u), Measured: y, Expected: Span{
		Low:  max(0, x.Low-rate.High*h-tolerance),
		High: max(0, x.High-rate.Low*h) + tolerance,
	}}
	says := "can follow"
	switch {
	case y.High < a.Expected.Low:
		a.Outcome, says = DropTooFast, "is too low to follow"
	case y.Low > a.Expected.High:
		a.Outcome, says = DropTooSlow, "is too high to follow"
	}
	f := (*facts)(&a.Facts)
	f.value("first", first)
	f.value("second", second)
	f.minutes("between", then.Sub(at))
	f.span("expected", a.Expected, 4, a.Unit)
	f.span("elimination an hour", rate, 3, a.Unit)
	f.number("tolerance", tolerance, 3, a.Unit)
	why := ""
	switch a.Outcome {
	case DropTooFast:
		why = ": alcohol of the mouth in the first, another person in the second, or the instrument"
	case DropTooSlow:
		why = ": more was drunk or absorbed, another person, or the instrument"
	}
	a.Reason = fmt.Sprintf("The second sample, %s, %s the first, %s, after %s; %.4f to %.4f %s would%s.",
		second, says, first, span(then.Sub(at)), a.Expected.Low, a.Expected.High, u, why)
	return a, nil
}

func (f *facts) span(name string, s Span, decimals int, unit string) {
	*f = append(*f,
		em.Fact{Name: name + ", lowest", Text: fmt.Sprintf("%.*f %s", decimals, s.Low, unit), Num: s.Low, Unit: unit},
		em.Fact{Name: name + ", highest", Text: fmt.Sprintf("%.*f %s", decimals, s.High, unit), Num: s.High, Unit: unit})
}
