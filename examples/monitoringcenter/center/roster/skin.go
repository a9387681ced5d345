package roster

import (
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/alcohol"
)

// Skin is the part of an order that has alcohol at the skin measured. Numbers
// that are absent have the defaults of alcohol.TransdermalRule, which documents
// them; levels are in Unit, rates in Unit an hour.
type Skin struct {
	Version    string            `json:"version,omitempty"` // the person's, if absent
	Devices    []em.DeviceID     `json:"devices,omitempty"` // all that give readings at the skin, if absent
	Wrist      bool              `json:"wrist,omitempty"`   // the defaults are those of alcohol.WristRule
	Unit       em.AlcoholUnit    `json:"unit,omitempty"`
	Smoothing  alcohol.Smoothing `json:"smoothing,omitempty"`
	Burst      Duration          `json:"burst,omitempty"`
	KeepBurst  bool              `json:"keep_burst,omitempty"` // no reading is too near to the one before
	MeanWindow Duration          `json:"mean_window,omitempty"`
	Level      em.Decimal        `json:"level,omitzero"`
	Zero       em.Decimal        `json:"zero,omitzero"` // 0.0 is a level, 0 is none
	MinRun     int               `json:"min_run,omitempty"`
	Gap        Duration          `json:"gap,omitempty"`
	Unfinished em.Decimal        `json:"unfinished,omitzero"`
	Rise       em.Decimal        `json:"rise,omitzero"`
	Fall       em.Decimal        `json:"fall,omitzero"`
	FallHigh   em.Decimal        `json:"fall_high,omitzero"`
	HighPeak   em.Decimal        `json:"high_peak,omitzero"`
	Either     bool              `json:"either,omitempty"`
	NoRates    bool              `json:"no_rates,omitempty"`
	Lag        Duration          `json:"lag,omitempty"`
	LagWidth   Duration          `json:"lag_width,omitempty"`
	Saturation em.Decimal        `json:"saturation,omitzero"`
	Negative   em.Decimal        `json:"negative,omitzero"`
	FlatRun    int               `json:"flat_run,omitempty"`
	FlatSpan   Duration          `json:"flat_span,omitempty"`
	Wear       Wear              `json:"wear,omitzero"`
}

// Wear says how it is judged whether the instrument was worn: alcohol.WearRule,
// with voltages in V, temperatures in °C and motion in g.
type Wear struct {
	Method         alcohol.WearMethod `json:"method,omitempty"`
	Fitted         time.Time          `json:"fitted,omitzero"`
	BaselineFor    Duration           `json:"baseline_for,omitempty"`
	Baseline       em.Opt[float64]    `json:"baseline,omitzero"`
	InfraredStep   float64            `json:"infrared_step,omitempty"`
	ObstructionRun int                `json:"obstruction_run,omitempty"`
	Ambient        float64            `json:"ambient,omitempty"`
	StrapWindow    Duration           `json:"strap_window,omitempty"`
	WornAbove      float64            `json:"worn_above,omitempty"`
	AboveMin       float64            `json:"above_min,omitempty"`
	AboveMinMoving float64            `json:"above_min_moving,omitempty"`
	Motion         float64            `json:"motion,omitempty"`
	Minimum        em.Opt[float64]    `json:"minimum,omitzero"`
	OffFor         Duration           `json:"off_for,omitempty"`
}

// SkinRule returns the rule that a person's order has for readings at the skin, nil
// where it has none.
func (p *Person) SkinRule() *alcohol.TransdermalRule {
	s := p.Skin
	if s == nil {
		return nil
	}
	r := alcohol.TransdermalRule{}
	if s.Wrist {
		r = alcohol.WristRule()
	}
	r.Version, r.Devices = p.Version, s.Devices
	state(&r.Version, s.Version)
	state(&r.Unit, s.Unit)
	state(&r.Smoothing, s.Smoothing)
	state(&r.Burst, time.Duration(s.Burst))
	if s.KeepBurst {
		r.Burst = -1
	}
	for _, x := range []struct {
		to *time.Duration
		v  Duration
	}{
		{&r.MeanWindow, s.MeanWindow}, {&r.Gap, s.Gap}, {&r.Lag, s.Lag}, {&r.LagWidth, s.LagWidth}, {&r.FlatSpan, s.FlatSpan},
		{&r.Wear.BaselineFor, s.Wear.BaselineFor}, {&r.Wear.StrapWindow, s.Wear.StrapWindow}, {&r.Wear.OffFor, s.Wear.OffFor},
	} {
		state(x.to, time.Duration(x.v))
	}
	for _, x := range []struct {
		to *em.Decimal
		v  em.Decimal
	}{
		{&r.Level, s.Level}, {&r.Zero, s.Zero}, {&r.Unfinished, s.Unfinished}, {&r.Rise, s.Rise}, {&r.Fall, s.Fall},
		{&r.FallHigh, s.FallHigh}, {&r.HighPeak, s.HighPeak}, {&r.Saturation, s.Saturation}, {&r.Negative, s.Negative},
	} {
		state(x.to, x.v)
	}
	state(&r.MinRun, s.MinRun)
	state(&r.FlatRun, s.FlatRun)
	r.Either, r.NoRates = r.Either || s.Either, r.NoRates || s.NoRates
	w := &r.Wear
	state(&w.Method, s.Wear.Method)
	state(&w.Fitted, s.Wear.Fitted)
	state(&w.Baseline, s.Wear.Baseline)
	state(&w.ObstructionRun, s.Wear.ObstructionRun)
	state(&w.Minimum, s.Wear.Minimum)
	for _, x := range []struct {
		to *float64
		v  float64
	}{
		{&w.InfraredStep, s.Wear.InfraredStep}, {&w.Ambient, s.Wear.Ambient}, {&w.WornAbove, s.Wear.WornAbove}, {&w.AboveMin, s.Wear.AboveMin},
		{&w.AboveMinMoving, s.Wear.AboveMinMoving}, {&w.Motion, s.Wear.Motion},
	} {
		state(x.to, x.v)
	}
	return &r
}

// state puts what is stated in the place of a default.
func state[T comparable](to *T, v T) {
	var none T
	if v != none {
		*to = v
	}
}

func skinOf(ru *rules) (em.Evaluator, error) {
	r := ru.Person.SkinRule()
	if r == nil {
		// No device is called so: what an earlier order has opened comes to its end.
		r = &alcohol.TransdermalRule{Version: ru.Person.Version, Devices: []em.DeviceID{"none:"}}
	}
	return alcohol.NewTransdermal(*r)
}
