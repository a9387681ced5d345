package geofence

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// Defaults of Config.
const (
	// DefaultAssumedAccuracy is the 68 % radius in metres of a fix that reports
	// neither an accuracy nor an HDOP: what receivers in a town commonly reach.
	// Unverified for any one device.
	DefaultAssumedAccuracy = 10

	// DefaultMaxRadius95 is the 95 % radius in metres beyond which a fix
	// decides nothing: satellites do better, and what one mobile cell says is
	// not relied on. Unverified: it is for the order or the center to set.
	DefaultMaxRadius95 = 500

	// DefaultClearMargin is how many metres beyond its radius a fix must lie
	// outside to end an event.
	DefaultClearMargin = 10

	// DefaultMaxSpeed is in m/s: faster than cars and the trains of the region.
	// Who flies is found again after OutlierRun fixes.
	DefaultMaxSpeed = 70

	// DefaultOutlierRun is how many fixes that agree with each other, and not
	// with the last good one, are taken as true.
	DefaultOutlierRun = 3

	// DefaultJumpHold is for how long after a jump that nobody can make the fixes
	// that follow are not believed, however well they agree. Unverified: false
	// satellite signals may last longer.
	DefaultJumpHold = 30 * time.Minute

	// DefaultDriftReach is in metres, DefaultDriftHold a time: how far
	// reflections take a receiver indoors that does not move, and how long.
	DefaultDriftReach = 300
	DefaultDriftHold  = 10 * time.Minute

	// DefaultUnknownSpeed is a quick walk in m/s, and DefaultUnknownReach how many
	// metres away zones are of interest while nobody knows where the person is.
	DefaultUnknownSpeed = 2
	DefaultUnknownReach = 1000

	// DefaultUndecidedAfter is for how long positions may leave open a violation until
	// EventUnknown tells so: as long as package curfew waits.
	DefaultUndecidedAfter = 30 * time.Minute

	// DefaultPassGap is how long after each other two fixes may be for the
	// straight way between them to say something.
	DefaultPassGap = 2 * time.Minute
)

// DefaultAlert and DefaultClear are what a zero Config.Alert and Config.Clear stand
// for: any number of fixes that add up to a half, and three over a minute.
//
// The defaults were chosen by benchmarks/verdicts: they tell a few per cent of the
// false alerts of zones without accuracies, miss about as few violations as each
// fix by itself, and tell as soon.
func DefaultAlert() Confirm { return Confirm{Fixes: 1, Sum: .5} }
func DefaultClear() Confirm { return Confirm{Fixes: 3, Dwell: time.Minute} }

// Config says how much evidence a Tracker asks for. The zero value has the
// defaults; EachFix is the config without any of this.
type Config struct {
	// AssumedAccuracy is the 68 % radius in metres of fixes that report neither
	// an accuracy nor an HDOP; zero is DefaultAssumedAccuracy. DeviceAccuracy
	// has it for single devices, by em.DeviceID, and for dialects, by the part
	// of it before the colon: {"gt06": 8, "gt06:990000000000017": 15}.
	//
	// What satellite fixes of the dialects in devices/ say, as their decoders have it:
	//
	//	accuracy        rftrack, where the sender has one; jt808 of shifted positions alone
	//	HDOP            eview, megastek, sanav; gt06 in information packets alone
	//	neither         the others: jt808, laipac, r16h, siadc09, watch3g, xexun2, most of gt06
	//	no speed        rftrack, siadc09: drift is told by their positions
	//
	// No specification at hand states an accuracy for those of neither: they get
	// AssumedAccuracy. Unverified for each; an operator who has measured a model
	// puts it here.
	AssumedAccuracy float64
	DeviceAccuracy  map[string]float64

	// MaxRadius95 is the 95 % radius in metres beyond which fixes are not used;
	// zero is DefaultMaxRadius95.
	MaxRadius95 float64

	// Alert is the evidence for an event to begin, whichever side it is about, and
	// Clear for it to end. What begins is told at once, and what ends may wait. One
	// that is zero is DefaultAlert or DefaultClear; any other is taken as it is.
	Alert, Clear Confirm

	// ClearMargin is how many metres beyond its 95 % radius a fix must lie
	// outside a zone to end the event of being in it; zero is
	// DefaultClearMargin, and what is negative none. Everything else has no
	// margin.
	ClearMargin float64

	// MaxSpeed in m/s, beyond which nobody travels, and OutlierRun say which
	// fixes are outliers: see Tracker. Zeros are DefaultMaxSpeed and
	// DefaultOutlierRun; where MaxSpeed is negative there are no outliers.
	// OutlierRun is at most MaxOutlierRun.
	MaxSpeed   float64
	OutlierRun int

	// JumpHold is for how long, at most, the fixes after a jump beyond MaxSpeed are
	// not believed; zero is DefaultJumpHold, what is negative none. See Tracker.
	JumpHold time.Duration

	// Contacts are the home units and beacons at known places, em.MaxContacts at most: a
	// contact with one excludes what satellites say elsewhere, as a position by cells
	// or access points with an accuracy of its own does. See Tracker.
	Contacts []em.Contact

	// DriftReach in metres and DriftHold say what is drift: see Tracker. Zeros
	// are DefaultDriftReach and DefaultDriftHold; where DriftReach is negative
	// nothing is drift. For a device that reports no speed DriftReach is 150 m at most.
	DriftReach float64
	DriftHold  time.Duration

	// PassGap is how far apart two fixes may be for the way between them to be
	// told as EventPassed; zero is DefaultPassGap, what is negative none. Where
	// Alert has a Dwell, passing is allowed and not told.
	PassGap time.Duration

	// UnknownAfter is for how long the person may have been on the wrong side of a
	// zone, for all that is known, for EventUnknown to tell so; zero is never. It is
	// for at most MaxNear zones. See Tracker, and benchmarks/verdicts for what it finds
	// and costs: with a minute nearly all violations of a minute are told of that no
	// fix shows, and much that is none.
	//
	// The worst case is that from the last position that was not there the person went
	// on with UnknownSpeed, in m/s, or faster if the device said so; zones further than
	// UnknownReach metres from that position are not looked at. Zeros are
	// DefaultUnknownSpeed and DefaultUnknownReach.
	UnknownAfter time.Duration
	UnknownSpeed float64
	UnknownReach float64

	// UndecidedAfter bounds for how long a violation may go on while positions come that
	// leave it open, or contradict each other: so long after the first that does not lie
	// clear of a zone's wrong side EventUnknown tells so, unless as many as Clear asks for
	// lie clear since, with none in between whose best estimate is on the wrong side; and
	// not before another that leaves it open, if the last lies clear. Zero is
	// DefaultUndecidedAfter, what is negative none. Where UnknownAfter is set, that
	// takes its place. Of more than MaxNear zones an exclusion zone is looked at from
	// the first position within it on. benchmarks/verdicts has what it finds and costs.
	UndecidedAfter time.Duration

	// SuspectedAfter is as UndecidedAfter, and commonly much less, for positions that are
	// on the wrong side of a zone by their best estimate, but not for certain: so long
	// after the first of two or more in a row EventUnknown tells so. Zero is never, and it
	// is not looked at where UnknownAfter is set. It is for zones at which a violation must
	// not pass unnoticed, such as those about a protected person; benchmarks/verdicts has
	// what it finds and costs, most of it where people live beside the edge.
	SuspectedAfter time.Duration

	// Buffer is how many metres round each exclusion zone are told as
	// EventBuffer; zero is none. It is for at most MaxNear zones.
	Buffer float64

	Stays  bool // also tell stays at zones of KindHome and KindPlace
	Unused bool // also tell what might have been a violation, and why it is none: EventUnused
}

// MaxOutlierRun bounds Config.OutlierRun: the state holds so many fixes.
const MaxOutlierRun = 8

// EachFix returns the Config of which each fix decides by itself: no row of
// fixes, no margin, no outliers, no drift, no ways between. It is for
// comparison, and for positions that others have filtered.
func EachFix() Config {
	return Config{Alert: Confirm{Fixes: 1}, Clear: Confirm{Fixes: 1}, ClearMargin: -1, MaxSpeed: -1, DriftReach: -1, PassGap: -1, UndecidedAfter: -1}
}

// Confirm says how many fixes in a row, and over how long a time from the first
// of them to the last, must say the same before it counts. Fixes that leave it
// open do not interrupt the row. What counts then began with the first. Only
// fixes confirm: silence never does.
type Confirm struct {
	Fixes int           // zero is one
	Dwell time.Duration // zero is none

	// Sure is how many times its 95 % radius a fix must lie beyond the edge to
	// stand for all Fixes; zero is never. It does not shorten Dwell.
	Sure float64

	// Sum lets fixes add up whose circle is not whole on that side, but whose best
	// estimate is: one that lies d metres from the edge adds (d/r)², by its 95 %
	// radius r, and one beyond r adds 1. The row counts from Sum on; zero asks for
	// whole circles. 0.5 is one fix at 0.71 r: by normal errors it is on that side
	// of a straight edge with 96 %. A row of such fixes alone is ended by one on
	// the other side. It is for Alert: Clear takes whole circles.
	Sum float64
}

// ErrConfig is wrapped by the errors of a Config that makes no sense.
var ErrConfig = errors.New("geofence: invalid config")

// complete fills in the defaults. What was negative, where that means none, is
// then a number that has this effect.
func (c *Config) complete() error {
	bad := func(name string, v any) error { return fmt.Errorf("%w: %s is %v", ErrConfig, name, v) }
	for _, v := range [...]struct {
		name  string
		value *float64
		def   float64
		none  float64 // for negative ones; NaN: they are errors
	}{
		{"AssumedAccuracy", &c.AssumedAccuracy, DefaultAssumedAccuracy, math.NaN()},
		{"MaxRadius95", &c.MaxRadius95, DefaultMaxRadius95, math.NaN()},
		{"ClearMargin", &c.ClearMargin, DefaultClearMargin, 0},
		{"MaxSpeed", &c.MaxSpeed, DefaultMaxSpeed, math.Inf(1)},
		{"DriftReach", &c.DriftReach, DefaultDriftReach, -1},
		{"UnknownSpeed", &c.UnknownSpeed, DefaultUnknownSpeed, math.NaN()},
		{"UnknownReach", &c.UnknownReach, DefaultUnknownReach, math.NaN()},
		{"Buffer", &c.Buffer, 0, math.NaN()},
	} {
		switch x := *v.value; {
		case math.IsNaN(x) || math.IsInf(x, 0) || x < 0 && math.IsNaN(v.none):
			return bad(v.name, x)
		case x < 0:
			*v.value = v.none
		case x == 0:
			*v.value = v.def
		}
	}
	for name, x := range c.DeviceAccuracy {
		if !(x > 0) || math.IsInf(x, 1) {
			return bad(fmt.Sprintf("DeviceAccuracy[%q]", name), x)
		}
	}
	var err error
	if c.Contacts, err = em.CheckContacts(c.Contacts); err != nil {
		return bad("Contacts", err)
	}
	if c.Alert == (Confirm{}) {
		c.Alert = DefaultAlert()
	}
	if c.Clear == (Confirm{}) {
		c.Clear = DefaultClear()
	}
	for _, v := range [...]struct {
		name    string
		confirm *Confirm
	}{{"Alert", &c.Alert}, {"Clear", &c.Clear}} {
		if x := v.confirm; x.Fixes < 0 || x.Dwell < 0 || !(x.Sure >= 0) || math.IsInf(x.Sure, 1) || !(x.Sum >= 0) || math.IsInf(x.Sum, 1) {
			return fmt.Errorf("%w: %s is %+v", ErrConfig, v.name, *x)
		}
		v.confirm.Fixes = max(v.confirm.Fixes, 1)
	}
	c.Clear.Sum = 0
	if c.OutlierRun == 0 {
		c.OutlierRun = DefaultOutlierRun
	}
	if c.JumpHold == 0 {
		c.JumpHold = DefaultJumpHold
	}
	if c.UndecidedAfter == 0 {
		c.UndecidedAfter = DefaultUndecidedAfter
	}
	if c.DriftHold == 0 {
		c.DriftHold = DefaultDriftHold
	}
	if c.PassGap == 0 {
		c.PassGap = DefaultPassGap
	}
	if c.Alert.Dwell > 0 {
		c.PassGap = -1
	}
	switch {
	case c.OutlierRun < 2 || c.OutlierRun > MaxOutlierRun:
		return bad("OutlierRun", c.OutlierRun)
	case c.UnknownAfter < 0:
		return bad("UnknownAfter", c.UnknownAfter)
	case c.SuspectedAfter < 0:
		return bad("SuspectedAfter", c.SuspectedAfter)
	case c.DriftHold < 0:
		return bad("DriftHold", c.DriftHold)
	}
	return nil
}

// assumed returns the 68 % radius of a device's fixes that report nothing.
func (c *Config) assumed(d em.DeviceID) float64 {
	if c.DeviceAccuracy != nil {
		if m, ok := c.DeviceAccuracy[string(d)]; ok {
			return m
		}
		dialect, _, _ := strings.Cut(string(d), ":")
		if m, ok := c.DeviceAccuracy[dialect]; ok {
			return m
		}
	}
	return c.AssumedAccuracy
}
