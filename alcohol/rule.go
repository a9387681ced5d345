package alcohol

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// Defaults of BreathRule. "Unverified" marks a number that no source was read
// for; the order decides in every case.
const (
	// DefaultWait before a confirmation: 15 minutes, so that alcohol of the
	// mouth is gone. Lithuania 15 to 30; Montana, in its 24/7 programme, at
	// least 20.
	DefaultWait = 15 * time.Minute
	// DefaultCompleteBy is when a confirmation must be done, counted from the
	// positive sample: 30 minutes, the end of the Lithuanian 15 to 30. Unverified elsewhere.
	DefaultCompleteBy = 30 * time.Minute
	// DefaultNotReceived after a window's end without a result: 90 minutes, as
	// the maker of a remote breath tester in wide use has it for scheduled tests.
	DefaultNotReceived = 90 * time.Minute
	// DefaultMaxUpload is how long an instrument may keep a result before it is
	// held to be lost: 72 hours. Unverified.
	DefaultMaxUpload = 72 * time.Hour
	// DefaultAmbientRetry is when a sample that was refused for alcohol in the
	// air may be tried again; one that is refused then raises an alert: 2
	// minutes, by the same maker.
	DefaultAmbientRetry = 2 * time.Minute
	// DefaultCalibrationWarning before calibration is due: 10 days, by the same maker.
	DefaultCalibrationWarning = 10 * 24 * time.Hour
)

// Default limits of BreathRule.
var (
	// 0.020 g/210 L between screening and confirmation, by the same maker.
	defaultPairTolerance = Concentration{em.Decimal{Coef: 20, Scale: 3}, em.UnitBreathGPer210L}
	// 0.02 mg/L, the error that EN 15964 allows professional testers up to
	// 0.20 mg/L, as adopted in Switzerland (10 % above). That a guard band be
	// made of it is our inference.
	defaultGuard = Concentration{em.Decimal{Coef: 2, Scale: 2}, em.UnitBreathMgPerL}
	// 0.02 mg/L of alcohol in the air. Unverified.
	defaultAirBlank = defaultGuard
)

// BreathRule is what a regime says of breath tests. It is plain data. Only
// Screen must be given; a zero field means the documented default.
type BreathRule struct {
	Version string // told in every event

	// Screen is the limit of the first sample: at or above it a confirmation
	// is due. Confirm is the limit of the second; default: Screen.
	Screen  Concentration
	Confirm Concentration

	// A confirmation is a sample at least Wait and less than CompleteBy after
	// the positive one. Defaults: DefaultWait, DefaultCompleteBy.
	Wait       time.Duration
	CompleteBy time.Duration

	// PairTolerance is how far the two samples may differ; a difference of
	// just that much is still in order. Default 0.020 g/210 L.
	PairTolerance Concentration
	// Guard is how near to its limit a sample of a pair is too near to call,
	// up to and with that much. Default 0.02 mg/L, inferred from EN 15964. A
	// number of 0 with a unit turns it off.
	Guard Concentration
	// AirBlank: a sample whose air blank was above it counts as refused for
	// alcohol in the air. Default 0.02 mg/L, unverified.
	AirBlank Concentration
	// AmbientRetry: default DefaultAmbientRetry.
	AmbientRetry time.Duration

	// Grace is how long after a window's end a first sample still answers it;
	// it never reaches into the next window. Default none.
	Grace time.Duration
	// NotReceived after a window's end without a sample it is told that no
	// result came. Default DefaultNotReceived.
	NotReceived time.Duration
	// MaxUpload after a window's end the verdict on it no longer waits for
	// late data. (Later data still changes it.) Default DefaultMaxUpload.
	MaxUpload time.Duration

	// CalibrationWarning: default DefaultCalibrationWarning.
	CalibrationWarning time.Duration

	// AllowUnchecked takes samples without an identity check for the wearer's:
	// for tests under supervision. Otherwise they are reviewed by a person.
	AllowUnchecked bool
	// PairAcrossDevices lets a second instrument confirm what the first found.
	// Otherwise only samples of one instrument make a pair, since the
	// difference of two would measure the instruments too.
	PairAcrossDevices bool

	// Ratio is the regime's blood:breath ratio, 2300 for 2300:1; zero where it
	// has none. A limit in blood cannot be compared with a breath figure
	// without it. Where it is zero and the limit is in blood, the blood figure
	// of an instrument is compared as it stands, whatever its ratio, and
	// PairTolerance, Guard and AirBlank must be stated in blood too.
	Ratio int
	// Density of blood in grams a litre, where g/kg and g/L meet; see BloodDensity.
	Density int
	// Instruments names the wearer's breath instruments. It is needed for the
	// ratio of those that show blood without stating it, and lets any sign of
	// life of theirs, not only a sample, show that a missing test was missed
	// and not merely not received.
	Instruments []Instrument
}

// Instrument is a breath instrument, or all of a dialect.
type Instrument struct {
	// Device is an instrument's ID, or a dialect's name with its colon
	// ("bactrack:") for all of them. The ID goes before the dialect.
	Device em.DeviceID
	// Ratio is the blood:breath ratio by which it makes its blood figure,
	// where its readings do not state it; zero: not known.
	Ratio int
}

// ErrRule is wrapped by errors about a BreathRule that cannot be applied; the
// errors of conversions may be wrapped beside it.
var ErrRule = errors.New("impossible breath rule")

// Check reports whether the rule can be applied.
func (r BreathRule) Check() error {
	_, err := r.compile()
	return err
}

// Complete returns the rule with its defaults filled in.
func (r BreathRule) Complete() BreathRule {
	defaultTo(&r.Confirm, r.Screen)
	defaultTo(&r.Wait, DefaultWait)
	defaultTo(&r.CompleteBy, DefaultCompleteBy)
	defaultTo(&r.PairTolerance, defaultPairTolerance)
	defaultTo(&r.Guard, defaultGuard)
	defaultTo(&r.AirBlank, defaultAirBlank)
	defaultTo(&r.AmbientRetry, DefaultAmbientRetry)
	defaultTo(&r.NotReceived, DefaultNotReceived)
	defaultTo(&r.MaxUpload, DefaultMaxUpload)
	defaultTo(&r.CalibrationWarning, DefaultCalibrationWarning)
	return r
}

func defaultTo[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// limits is a complete rule with its limits as exact numbers in one unit: that
// of Screen.
type limits struct {
	BreathRule
	unit                               em.AlcoholUnit
	decimals                           uint8
	screen, confirm, tol, guard, blank *big.Rat
}

func (r BreathRule) compile() (*limits, error) {
	l := &limits{BreathRule: r.Complete(), unit: r.Screen.Unit}
	bad := func(what string, err error) (*limits, error) {
		return nil, fmt.Errorf("alcohol: rule %q: %w: %s: %w", r.Version, ErrRule, what, err)
	}
	for _, x := range []struct {
		name string
		c    Concentration
		to   **big.Rat
	}{
		{"screen", l.Screen, &l.screen},
		{"confirm", l.Confirm, &l.confirm},
		{"pair_tolerance", l.PairTolerance, &l.tol},
		{"guard", l.Guard, &l.guard},
		{"air_blank", l.AirBlank, &l.blank},
	} {
		v, err := Stated(x.c)
		if err == nil {
			*x.to, _, err = v.exact(l.unit, l.conversion(""))
		}
		if err != nil {
			return bad(x.name, err)
		}
		// Figures in sentences and facts are cut to this many decimals. Verdicts
		// rest on exact numbers, and a number reaches a limit if and only if it
		// does so when cut to at least the limit's decimals.
		if x.c.Unit == l.unit {
			l.decimals = max(l.decimals, x.c.Number.Scale)
		}
	}
	l.decimals = max(l.decimals, resolution(l.unit))
	if l.screen.Sign() <= 0 || l.confirm.Sign() <= 0 {
		return bad("limit", fmt.Errorf("%w: zero, which every sample reaches", ErrRange))
	}
	for _, d := range []struct {
		name string
		d    time.Duration
	}{
		{"wait", l.Wait}, {"ambient_retry", l.AmbientRetry}, {"grace", l.Grace},
		{"not_received", l.NotReceived}, {"calibration_warning", l.CalibrationWarning},
	} {
		if d.d < 0 {
			return bad(d.name, fmt.Errorf("%w: %s", ErrRange, d.d))
		}
	}
	if l.CompleteBy <= l.Wait {
		return bad("complete_by", fmt.Errorf("%w: %s leaves no time after a wait of %s", ErrRange, l.CompleteBy, l.Wait))
	}
	if l.MaxUpload < l.NotReceived {
		return bad("max_upload", fmt.Errorf("%w: %s is before not_received, %s", ErrRange, l.MaxUpload, l.NotReceived))
	}
	for _, i := range l.Instruments {
		if err := l.conversion(i.Device).check(); err != nil {
			return bad(string(i.Device), err)
		}
	}
	return l, nil
}

// resolution is the number of decimals in which a unit is shown.
func resolution(u em.AlcoholUnit) uint8 {
	switch u {
	case em.UnitBreathUgPerL:
		return 0
	case em.UnitBreathUgPer100mL, em.UnitBloodMgPer100mL:
		return 1
	}
	return 3
}

// instrument returns the entry for a device.
func (l *limits) instrument(d em.DeviceID) (Instrument, bool) {
	var found Instrument
	for _, i := range l.Instruments {
		if i.Device == d {
			return i, true
		}
		if strings.HasSuffix(string(i.Device), ":") && strings.HasPrefix(string(d), string(i.Device)) {
			found = i
		}
	}
	return found, found.Device != ""
}

func (l *limits) conversion(d em.DeviceID) Conversion {
	i, _ := l.instrument(d)
	return Conversion{Instrument: i.Ratio, Blood: l.Ratio, Density: l.Density}
}

// measure returns a sample in the rule's unit: exactly, and as it is shown.
func (l *limits) measure(d em.DeviceID, r *em.AlcoholReading) (*big.Rat, Value, error) {
	v, err := Measured(r)
	if err != nil {
		return nil, v, err
	}
	c := l.conversion(d)
	x, _, err := v.exact(l.unit, c)
	if err != nil {
		return nil, v, fmt.Errorf("alcohol: %s against a limit in %q: %w", v.given, l.unit, err)
	}
	if v.given.Unit == l.unit && (c.Blood == 0 || v.instrument(c) == c.Blood) {
		v.conv = c // for the ratio and the interval; the number stays as given
		return x, v, nil
	}
	v, err = v.In(l.unit, l.decimals, c)
	return x, v, err
}
