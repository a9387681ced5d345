package alcohol

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// Smoothing says how the level that is judged is made of the readings.
type Smoothing string

// Smoothings. None reaches across a gap in the readings.
const (
	// SmoothMedian is the median of a reading and its two neighbours, and the
	// mean of two at both ends. Readings sooner than Burst after the last one
	// kept are left out: instruments read every few minutes after fitting.
	SmoothMedian Smoothing = "median of 3"
	// SmoothRaw judges every reading as it came.
	SmoothRaw Smoothing = "raw"
	// SmoothMean is the mean of the readings within half of MeanWindow on both
	// sides, for wrist instruments that read every few seconds.
	SmoothMean Smoothing = "centred mean"
)

// WearMethod says by what it is judged whether the instrument was worn.
type WearMethod string

// Methods of judging wear.
const (
	// WearInfrared compares the infrared voltage of an ankle instrument with
	// its own first day.
	WearInfrared WearMethod = "infrared"
	// WearTemperature judges a wrist instrument by skin temperature and motion.
	WearTemperature WearMethod = "temperature"
	// WearUnknown judges nothing.
	WearUnknown WearMethod = "none"
)

// Defaults of TransdermalRule. "Unverified" marks a number that no source was
// read for.
//
// Level, MinRun, Rise, Fall, FallHigh and HighPeak are the criteria of the maker
// of the ankle instrument in wide use, as Barnett et al. 2011 and 2014 describe
// them; remembered, not read again: unverified. Studies of that instrument have
// Level too (PMC4490934).
const (
	// DefaultMinRun is how many readings in a row at or above Level begin an episode.
	DefaultMinRun = 3
	// DefaultGap is the longest silence inside an episode: 2 hours, as the
	// published software of a wrist instrument splits its days. For the ankle: unverified.
	DefaultGap = 2 * time.Hour
	// DefaultBurst is how near two readings of the start-up burst are: 20 minutes,
	// which keeps readings of every 30 minutes. Inferred from 13 people's readings.
	DefaultBurst = 20 * time.Minute
	// DefaultMeanWindow is 30 minutes, of the same wrist software.
	DefaultMeanWindow = 30 * time.Minute
	// DefaultLag of the skin behind drinking: 69 minutes, the mean by which
	// readings at the ankle followed breath (Fairbairn 2019, PMC6779481).
	DefaultLag = 69 * time.Minute
	// DefaultLagWidth is 40 minutes to both sides. Unverified: the study has a
	// standard deviation of 24.
	DefaultLagWidth = 40 * time.Minute
	// DefaultFlatRun and DefaultFlatSpan: as many readings over at least as long
	// that are alike in all their figures are a dead sensor. Unverified; in eight
	// people's readings no more than two in a row are alike.
	DefaultFlatRun  = 12
	DefaultFlatSpan = 6 * time.Hour

	// DefaultBaselineFor is the time after fitting whose median is the infrared
	// baseline: 24 hours. Inferred.
	DefaultBaselineFor = 24 * time.Hour
	// DefaultInfraredStep is how far from its baseline the infrared voltage may
	// be: 0.25 V, by the maker's manual.
	DefaultInfraredStep = 0.25
	// DefaultObstructionRun is how many readings in a row beyond it are sustained:
	// 6, three hours. The manual says hours; the number is inferred.
	DefaultObstructionRun = 6
	// DefaultAmbient is the temperature in °C at or below which an instrument
	// whose infrared voltage is off may lie on a table: 26 °C. Unverified, and
	// weak by itself: worn ankle instruments go down to 19 °C.
	DefaultAmbient = 26
	// DefaultStrapWindow is how far from a strap event an infrared step may be
	// and belong to it: an hour, two readings. Unverified.
	DefaultStrapWindow = time.Hour

	// Worn at the wrist is above 28 °C, or more than 5 °C above the person's
	// minimum, or more than 3 °C above it while moving by more than 0.01 g: the
	// published software of a wrist instrument.
	DefaultWornAbove            = 28
	DefaultAboveMin             = 5
	DefaultAboveMinMoving       = 3
	DefaultWornMotion           = 0.01
	defaultCelsiusLow           = -40 // no skin and no room is colder or warmer:
	defaultCelsiusHigh          = 60  // such a figure is in another unit, or broken
	transdermalRuleName         = "alcohol.transdermal"
	maxMeanReadings             = 256 // of one MeanWindow, that bound the state
	maxBaselineReadings         = 256 // of BaselineFor, that bound the state
	maxTransdermalDevices       = 8   // a person wears one; the one heard least lately gives way
	maxHeld                     = 32  // episodes that wait for the infrared baseline
	maxMarks                    = 32  // spans that make an episode doubtful
	maxRunIDs                   = 6   // readings of a run that are told by ID
	maxLevel              level = 2e6 * 1e9
)

// DefaultOffFor is how long a wrist instrument must be off to be told: 30
// minutes. Unverified.
const DefaultOffFor = 30 * time.Minute

// Default levels in g/dL, of an ankle instrument.
var (
	defaultLevel      = em.Decimal{Coef: 20, Scale: 3}
	defaultZero       = em.Decimal{Coef: 5, Scale: 3} // unverified
	defaultRise       = em.Decimal{Coef: 50, Scale: 3}
	defaultFall       = em.Decimal{Coef: 25, Scale: 3}
	defaultFallHigh   = em.Decimal{Coef: 35, Scale: 3}
	defaultHighPeak   = em.Decimal{Coef: 150, Scale: 3}
	defaultSaturation = em.Decimal{Coef: 700, Scale: 3} // unverified: more than twice the highest of eight heavy drinkers
)

// TransdermalRule says how readings at the skin are judged. It is plain data; a
// zero field means the documented default. The defaults are those of an ankle
// instrument that reads every half hour in g/dL; [WristRule] has a wrist's. A
// level of zero is stated with a decimal, {0, 1}, to tell it from no level.
type TransdermalRule struct {
	// Name is Event.Rule. Two rules on one Timeline (raw and smoothed) need two
	// names. Default "alcohol.transdermal".
	Name    string
	Version string // told in every event

	// Devices are the instruments that the rule is for: IDs, or dialects'
	// names with their colon. None: all that give readings at the skin.
	Devices []em.DeviceID
	// Unit of all levels. Readings in another are refused, not converted.
	// Default em.UnitSkinGPerDL.
	Unit em.AlcoholUnit

	Smoothing  Smoothing     // default SmoothMedian
	Burst      time.Duration // default DefaultBurst; negative: keep all. It also thins the infrared readings
	MeanWindow time.Duration // default DefaultMeanWindow

	// An episode has MinRun readings in a row at or above Level, not more than
	// Gap apart. It reaches over all readings above Zero around them, to the
	// first reading at or below Zero on both sides. Defaults 0.020 and 0.005 g/dL.
	Level, Zero em.Decimal
	MinRun      int           // default DefaultMinRun
	Gap         time.Duration // default DefaultGap

	// An episode whose readings begin or end (with the data, or at a gap) above
	// Unfinished cannot be judged. Default Level: between Level and Zero both
	// rates are known well enough.
	Unfinished em.Decimal

	// The rates of a body, in Unit per hour: from the first reading to the peak
	// at most Rise; from the peak to the last at most Fall, or FallHigh where the
	// peak is at least HighPeak. Faster is an interferent until an analyst says
	// otherwise. Defaults 0.050, 0.025, 0.035 and 0.150 g/dL.
	Rise, Fall, FallHigh, HighPeak em.Decimal
	// Either takes one plausible rate for enough: with MinRun of 1 the more
	// sensitive criteria of Barnett et al. Unverified.
	Either bool
	// NoRates judges no rate: for units in which no source knows a body's.
	NoRates bool

	// Drinking began Lag before the first reading above Zero, give or take
	// LagWidth: always an interval. Defaults DefaultLag, DefaultLagWidth.
	Lag, LagWidth time.Duration

	// Saturation is the level from which on a reading is what the instrument can
	// show and no more. Default 0.700 g/dL.
	Saturation em.Decimal
	// Negative is how far below zero a reading may be, by the noise of an
	// instrument that shows it. Default not at all.
	Negative em.Decimal

	// A run of readings alike in all figures is a dead sensor. Defaults
	// DefaultFlatRun, DefaultFlatSpan. Readings of zero that come without
	// temperature and voltage are never held to be one: nothing tells them from
	// a sober week.
	FlatRun  int
	FlatSpan time.Duration

	Wear WearRule
}

// WearRule says how it is judged whether an instrument was worn. It is plain
// data; a zero field means the documented default.
type WearRule struct {
	Method WearMethod // default WearInfrared

	// Infrared. Fitted is when the instrument was fitted; default and earliest:
	// its first reading. BaselineFor after it the baseline is the median of the
	// readings until then, unless Baseline states it.
	Fitted         time.Time
	BaselineFor    time.Duration
	Baseline       em.Opt[float64] // V
	InfraredStep   float64         // V
	ObstructionRun int
	Ambient        float64 // °C
	StrapWindow    time.Duration

	// Temperature, in °C; Motion in g. Minimum is the person's; where it is not
	// stated, the lowest reading so far.
	WornAbove, AboveMin, AboveMinMoving float64
	Motion                              float64
	Minimum                             em.Opt[float64]
	OffFor                              time.Duration
}

// WristRule returns a rule for wrist instruments that read every few seconds
// in µg/L. Level and Zero (5 µg/L), the centred mean and the rule of wear are
// of published software of such an instrument; MinRun of 1 is its start of an
// episode, and an episode ends as there with the second reading at Zero. Rates
// of a body have no source in this unit and are not judged. Lag is the 54 minutes
// by which the peak of such an instrument followed breath (Fairbairn 2019);
// Saturation is unverified.
//
// Of that software this is left out: its day that begins at 09:00, since civil
// time is not resolved here, and its two readings of zero before a start, of
// which one is enough here. No source has numbers for something between a wrist
// instrument and the skin: that is not judged.
func WristRule() TransdermalRule {
	five, below := em.Decimal{Coef: 5}, em.Decimal{Coef: 4_999_999, Scale: 6} // "below 5 is zero"
	return TransdermalRule{
		Unit: em.UnitSkinUgPerL, Smoothing: SmoothMean,
		Level: five, Zero: below, MinRun: 1,
		NoRates:    true,
		Lag:        54 * time.Minute,
		Saturation: em.Decimal{Coef: 2000},
		Wear:       WearRule{Method: WearTemperature},
	}
}

// ErrTransdermalRule is wrapped by errors about a TransdermalRule that cannot be
// applied.
var ErrTransdermalRule = errors.New("impossible transdermal rule")

// Check reports whether the rule can be applied.
func (r TransdermalRule) Check() error {
	_, err := r.compile()
	return err
}

// Complete returns the rule with its defaults filled in.
func (r TransdermalRule) Complete() TransdermalRule {
	defaultTo(&r.Name, transdermalRuleName)
	defaultTo(&r.Unit, em.UnitSkinGPerDL)
	defaultTo(&r.Smoothing, SmoothMedian)
	defaultTo(&r.Burst, DefaultBurst)
	defaultTo(&r.MeanWindow, DefaultMeanWindow)
	defaultTo(&r.Level, defaultLevel)
	defaultTo(&r.Zero, defaultZero)
	defaultTo(&r.MinRun, DefaultMinRun)
	defaultTo(&r.Gap, DefaultGap)
	defaultTo(&r.Unfinished, r.Level)
	defaultTo(&r.Rise, defaultRise)
	defaultTo(&r.Fall, defaultFall)
	defaultTo(&r.FallHigh, defaultFallHigh)
	defaultTo(&r.HighPeak, defaultHighPeak)
	defaultTo(&r.Lag, DefaultLag)
	defaultTo(&r.LagWidth, DefaultLagWidth)
	defaultTo(&r.Saturation, defaultSaturation)
	defaultTo(&r.FlatRun, DefaultFlatRun)
	defaultTo(&r.FlatSpan, DefaultFlatSpan)
	w := &r.Wear
	defaultTo(&w.Method, WearInfrared)
	defaultTo(&w.BaselineFor, DefaultBaselineFor)
	defaultTo(&w.InfraredStep, DefaultInfraredStep)
	defaultTo(&w.ObstructionRun, DefaultObstructionRun)
	defaultTo(&w.Ambient, DefaultAmbient)
	defaultTo(&w.StrapWindow, DefaultStrapWindow)
	defaultTo(&w.WornAbove, DefaultWornAbove)
	defaultTo(&w.AboveMin, DefaultAboveMin)
	defaultTo(&w.AboveMinMoving, DefaultAboveMinMoving)
	defaultTo(&w.Motion, DefaultWornMotion)
	defaultTo(&w.OffFor, DefaultOffFor)
	return r
}

// level is a concentration in halves of a millionth of the rule's unit, so that
// readings of six decimals and the mean of two of them are exact.
type level int64

const perUnit = 2_000_000

var errLevel = errors.New("more than any instrument shows")

// levelOf converts exactly; digits beyond the sixth decimal are cut off.
func levelOf(d em.Decimal) (level, error) {
	if d.Scale > maxScale {
		return 0, fmt.Errorf("%w: scale %d", ErrRange, d.Scale)
	}
	c := d.Coef
	for s := d.Scale; s > 6; s-- {
		c /= 10
	}
	for s := min(d.Scale, 6); s < 6; s++ {
		if c > int64(maxLevel) || c < -int64(maxLevel) {
			return 0, errLevel
		}
		c *= 10
	}
	if c > int64(maxLevel)/2 || c < -int64(maxLevel)/2 {
		return 0, errLevel
	}
	return level(c * 2), nil
}

func (v level) float() float64 { return float64(v) / perUnit }

// String shows the level with at least three decimals and as many as it has.
func (v level) String() string {
	s := em.Decimal{Coef: int64(v) * 5, Scale: 7}.String()
	for strings.HasSuffix(s, "0") && !strings.HasSuffix(s[:len(s)-3], ".") {
		s = s[:len(s)-1]
	}
	return s
}

// skinLimits is a complete rule with its levels as exact numbers.
type skinLimits struct {
	TransdermalRule
	level, zero, unfinished, saturation, negative level
	rise, fall, fallHigh, highPeak                level // per hour
	spacing                                       time.Duration
	wearSpacing                                   time.Duration
}

func (r TransdermalRule) compile() (*skinLimits, error) {
	l := &skinLimits{TransdermalRule: r.Complete()}
	bad := func(what string, err error) (*skinLimits, error) {
		return nil, fmt.Errorf("alcohol: rule %q: %w: %s: %w", r.Version, ErrTransdermalRule, what, err)
	}
	for _, x := range []struct {
		name string
		d    em.Decimal
		to   *level
	}{
		{"level", l.Level, &l.level}, {"zero", l.Zero, &l.zero}, {"unfinished", l.Unfinished, &l.unfinished},
		{"rise", l.Rise, &l.rise}, {"fall", l.Fall, &l.fall}, {"fall_high", l.FallHigh, &l.fallHigh},
		{"high_peak", l.HighPeak, &l.highPeak}, {"saturation", l.Saturation, &l.saturation}, {"negative", l.Negative, &l.negative},
	} {
		v, err := levelOf(x.d)
		if err == nil && v < 0 {
			err = ErrNegative
		}
		if err != nil {
			return bad(x.name, err)
		}
		*x.to = v
	}
	outOf := func(what string, v any) (*skinLimits, error) { return bad(what, fmt.Errorf("%w: %v", ErrRange, v)) }
	w := &l.Wear
	switch {
	case l.Unit != em.UnitSkinGPerDL && l.Unit != em.UnitSkinUgPerL && l.Unit != em.UnitRaw:
		return bad("unit", fmt.Errorf("%q is not a unit of the skin", l.Unit))
	case l.Smoothing != SmoothMedian && l.Smoothing != SmoothRaw && l.Smoothing != SmoothMean:
		return bad("smoothing", fmt.Errorf("%q is unknown", l.Smoothing))
	case w.Method != WearInfrared && w.Method != WearTemperature && w.Method != WearUnknown:
		return bad("wear", fmt.Errorf("%q is unknown", w.Method))
	case l.level < l.zero:
		return outOf("level", fmt.Sprintf("%s is below zero, %s", l.Level, l.Zero))
	case l.saturation <= l.level:
		return outOf("saturation", fmt.Sprintf("%s is not above level, %s", l.Saturation, l.Level))
	case l.MinRun < 1 || l.MinRun > 1000:
		return outOf("min_run", l.MinRun)
	case l.FlatRun < 2:
		return outOf("flat_run", l.FlatRun)
	case w.ObstructionRun < 1 || w.ObstructionRun > 1000:
		return outOf("obstruction_run", w.ObstructionRun)
	}
	for _, x := range []struct {
		name string
		d    time.Duration
		min  time.Duration
	}{
		{"gap", l.Gap, time.Second}, {"mean_window", l.MeanWindow, time.Second}, {"lag", l.Lag, 0}, {"lag_width", l.LagWidth, 0},
		{"flat_span", l.FlatSpan, 0}, {"baseline_for", w.BaselineFor, time.Minute}, {"strap_window", w.StrapWindow, 0}, {"off_for", w.OffFor, 0},
	} {
		if x.d < x.min || x.d > 366*24*time.Hour {
			return outOf(x.name, x.d)
		}
	}
	for _, x := range []struct {
		name string
		v    float64
	}{
		{"baseline", w.Baseline.Or(0)}, {"infrared_step", w.InfraredStep}, {"ambient", w.Ambient}, {"worn_above", w.WornAbove},
		{"above_min", w.AboveMin}, {"above_min_moving", w.AboveMinMoving}, {"motion", w.Motion}, {"minimum", w.Minimum.Or(0)},
	} {
		if math.IsNaN(x.v) || math.IsInf(x.v, 0) {
			return outOf(x.name, x.v)
		}
	}
	if w.InfraredStep < 0 {
		return outOf("infrared_step", w.InfraredStep)
	}
	w.Fitted = w.Fitted.Round(0).UTC()
	switch l.Smoothing {
	case SmoothMedian:
		l.spacing = max(l.Burst, 0)
	case SmoothMean:
		l.spacing = l.MeanWindow / maxMeanReadings
	}
	if l.spacing > l.Gap {
		return outOf("burst", fmt.Sprintf("%s is longer than gap, %s", l.spacing, l.Gap))
	}
	l.wearSpacing = max(l.Burst, w.BaselineFor/maxBaselineReadings)
	return l, nil
}

// covers reports whether the rule is for a device.
func (l *skinLimits) covers(d em.DeviceID) bool {
	if len(l.Devices) == 0 {
		return true
	}
	for _, x := range l.Devices {
		if x == d || strings.HasSuffix(string(x), ":") && strings.HasPrefix(string(d), string(x)) {
			return true
		}
	}
	return false
}

// exceeds reports whether a change over a time is faster than a rate per hour,
// exactly.
func exceeds(change level, over time.Duration, rate level) bool {
	return new(big.Int).Mul(big.NewInt(int64(change)), big.NewInt(int64(time.Hour))).
		Cmp(new(big.Int).Mul(big.NewInt(int64(rate)), big.NewInt(int64(over)))) > 0
}
