package alcohol

import (
	"fmt"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// Kinds of event of readings at the skin. About is always the device.
const (
	// KindTransdermal is one episode of alcohol at the skin. It opens with the
	// reading that makes it one (EPISODE_OPEN) and closes with its verdict.
	// Anchor is its first reading above Zero.
	KindTransdermal em.EventKind = "alcohol.transdermal"
	// KindWear is a run of readings that speak against the instrument being
	// worn freely. Anchor is the first of them.
	KindWear em.EventKind = "alcohol.wear"
	// KindReading is a run of readings that were refused for one reason, by
	// class: alcohol.reading.negative and so on. Anchor is the first of them. It
	// stays open until a reading is not refused for that reason.
	KindReading em.EventKind = "alcohol.reading"
	// KindFlat is a run of readings alike in all figures: a dead sensor. Anchor
	// is the first of them. It stays open until a reading differs.
	KindFlat em.EventKind = "alcohol.flat"
)

// Classes of the events of readings at the skin. What follows a class is its
// severity.
const (
	ClassEpisodeOpen  = "EPISODE_OPEN" // warning, open
	ClassCandidate    = "CANDIDATE"    // warning: an analyst confirms or rejects it
	ClassReview       = "REVIEW"       // warning: a rate that no body has; an analyst decides
	ClassInsufficient = "INSUFFICIENT" // warning: the readings do not show the episode well enough
	ClassNotWorn      = "NOT_WORN"     // warning: evidence of removal during it; also of KindWear

	ClassPotentialTamper = "POTENTIAL_TAMPER"      // info: 16 of 614 real readings are
	ClassObstruction     = "OBSTRUCTION_CANDIDATE" // warning: sustained
	ClassRemoval         = "REMOVAL_CANDIDATE"     // warning: infrared, temperature and strap agree

	ClassNegative    = "NEGATIVE"     // technical: below zero
	ClassSaturated   = "SATURATED"    // warning: at least what the instrument can show; no level is known, and it is not low
	ClassWrongUnit   = "WRONG_UNIT"   // technical: not the rule's unit
	ClassNotANumber  = "NOT_A_NUMBER" // technical: temperature, voltage or motion is no number
	ClassTemperature = "TEMPERATURE"  // technical: no skin and no room has it; °F, perhaps
	ClassConflict    = "CONFLICT"     // technical: two readings of one instant differ; the first counts
	ClassFlatLine    = "FLAT_LINE"    // technical: a dead sensor
)

// Point is one reading with the level that was judged. Both are in the rule's
// unit.
type Point struct {
	Device em.DeviceID      `json:"device"`
	ID     em.ObservationID `json:"id"`
	At     time.Time        `json:"at"`
	Raw    float64          `json:"raw"`
	Level  float64          `json:"level"`
}

// Episode is one closed episode of alcohol at the skin: [From, To] are its first
// and last reading. Levels are in the rule's unit, rates in that per hour, the
// area in that times hours.
type Episode struct {
	Device em.DeviceID `json:"device"`
	Class  string      `json:"class"`
	Why    Why         `json:"why,omitempty"` // of a class other than CANDIDATE
	Reason string      `json:"reason"`        // in words

	From, To time.Time    // first and last reading
	Onset    [2]time.Time `json:"onset"` // drinking began between: an estimate

	First time.Time `json:"first"` // the first reading above Zero
	Start Point     `json:"start"`
	Peak  Point     `json:"peak"`
	End   Point     `json:"end"`

	RawPeak  float64         `json:"raw_peak"`
	Rise     em.Opt[float64] `json:"rise,omitzero"` // absent where the peak is the first reading
	Fall     em.Opt[float64] `json:"fall,omitzero"` // absent where the peak is the last reading
	RiseMax  float64         `json:"rise_max"`      // 0, as FallMax, where rates are not judged
	FallMax  float64         `json:"fall_max"`
	Area     float64         `json:"area"`
	Readings int             `json:"readings"`
}

// Why is the reason of a class, for programs.
type Why string

// Reasons of a class.
const (
	WhyBegin     Why = "begin"     // INSUFFICIENT: readings begin above Unfinished
	WhyEnd       Why = "end"       // INSUFFICIENT: readings end above Unfinished
	WhyNoRise    Why = "no rise"   // INSUFFICIENT: the peak is the first reading
	WhyNoFall    Why = "no fall"   // INSUFFICIENT: the peak is the last reading
	WhySaturated Why = "saturated" // INSUFFICIENT: a reading within is saturated
	WhyFlat      Why = "flat"      // INSUFFICIENT: the sensor was dead within
	WhyOff       Why = "off"       // NOT_WORN
	WhyRise      Why = "rise"      // REVIEW: faster than RiseMax
	WhyFall      Why = "fall"      // REVIEW: faster than FallMax
	WhyBoth      Why = "both"      // REVIEW: both
)

func (t *track) point(p point) Point {
	return Point{t.device, p.id, p.at, p.raw.float(), p.v.float()}
}

// judge gives the verdict on an episode: the first class that holds.
func (s stage) judge(x *excursion) Episode {
	t, l := s.t, s.l
	a, b := x.start(), x.end
	e := Episode{
		Device: t.device, From: a.at, To: b.at, First: x.first.at,
		Onset: [2]time.Time{x.first.at.Add(-l.Lag - l.LagWidth), x.first.at.Add(-l.Lag + l.LagWidth)},
		Start: t.point(a), Peak: t.point(x.peak), End: t.point(b),
		RawPeak: x.rawPeak.float(), RiseMax: l.rise.float(), Area: x.area, Readings: int(x.n),
	}
	fallMax := l.fall
	if x.peak.v >= l.highPeak {
		fallMax = l.fallHigh
	}
	if e.FallMax = fallMax.float(); l.NoRates {
		e.RiseMax, e.FallMax = 0, 0
	}
	up, down := x.peak.at.Sub(a.at), b.at.Sub(x.peak.at)
	var fast, drop bool // beyond the limit of the rise, of the fall
	if up > 0 {
		e.Rise = em.Some((x.peak.v - a.v).float() / up.Hours())
		fast = !l.NoRates && exceeds(x.peak.v-a.v, up, l.rise)
	}
	if down > 0 {
		e.Fall = em.Some((x.peak.v - b.v).float() / down.Hours())
		drop = !l.NoRates && exceeds(x.peak.v-b.v, down, fallMax)
	}
	set := func(class string, why Why, reason string) { e.Class, e.Why, e.Reason = class, why, reason }
	unit := string(l.Unit)
	rise := fmt.Sprintf("it rises by %.4f %s an hour and at most %s is a body's", e.Rise.V, unit, l.rise)
	fall := fmt.Sprintf("it falls by %.4f %s an hour and at most %s is a body's", e.Fall.V, unit, fallMax)
	head := fmt.Sprintf("Alcohol at the skin reaches %s %s", x.peak.v, unit)
	const person = "; an analyst has to look at it."
	switch {
	case !x.foot.OK && a.v > l.unfinished:
		set(ClassInsufficient, WhyBegin, fmt.Sprintf("%s, but the readings begin, or begin again after a gap, at %s already%s", head, a.v, person))
	case b.v > l.unfinished:
		set(ClassInsufficient, WhyEnd, fmt.Sprintf("%s, but the readings end, or have a gap, while it is at %s%s", head, b.v, person))
	case up <= 0:
		set(ClassInsufficient, WhyNoRise, head+" with the first reading, so how fast it rises is not known"+person)
	case down <= 0:
		set(ClassInsufficient, WhyNoFall, head+" with the last reading, so how fast it falls is not known"+person)
	case t.doubts(doubtSaturated, a.at, b.at):
		set(ClassInsufficient, WhySaturated, head+", but a reading within shows as much as the instrument can, so the peak is not known"+person)
	case t.doubts(doubtFlat, a.at, b.at):
		set(ClassInsufficient, WhyFlat, head+", but readings within do not change in any figure, as of a dead sensor"+person)
	case t.doubts(doubtOff, a.at, b.at):
		set(ClassNotWorn, WhyOff, head+", but there is evidence that the instrument was taken off or covered meanwhile"+person)
	case fast && drop:
		set(ClassReview, WhyBoth, fmt.Sprintf("%s, but %s, and %s: perhaps not drinking%s", head, rise, fall, person))
	case fast && !l.Either:
		set(ClassReview, WhyRise, fmt.Sprintf("%s, but %s: perhaps not drinking%s", head, rise, person))
	case drop && !l.Either:
		set(ClassReview, WhyFall, fmt.Sprintf("%s, but %s: perhaps not drinking%s", head, fall, person))
	default:
		how := fmt.Sprintf("rises by %.4f and falls by %.4f an hour, which a body can", e.Rise.V, e.Fall.V)
		if fast || drop {
			how = fmt.Sprintf("rises by %.4f and falls by %.4f an hour, one of which a body can", e.Rise.V, e.Fall.V)
		}
		if l.NoRates {
			how = "and its readings show the rise and the fall, which are not judged in this unit"
		}
		set(ClassCandidate, "", fmt.Sprintf("%s, %s; an analyst confirms or rejects it.", head, how))
	}
	return e
}

// number adds a figure with a unit.
func (f *facts) number(name string, v float64, decimals int, unit string) {
	*f = append(*f, em.Fact{Name: name, Text: fmt.Sprintf("%.*f %s", decimals, v, unit), Num: v, Unit: unit})
}

func (f *facts) level(name string, v level, unit em.AlcoholUnit) {
	*f = append(*f, em.Fact{Name: name, Text: v.String() + " " + string(unit), Num: v.float(), Unit: string(unit)})
}

// ruleFacts are the parameters of the verdicts on episodes.
func (l *skinLimits) ruleFacts(f *facts) {
	f.text("smoothing", string(l.Smoothing))
	if l.Smoothing == SmoothMedian {
		f.minutes("burst", l.spacing)
	}
	if l.Smoothing == SmoothMean {
		f.minutes("mean window", l.MeanWindow)
	}
	f.level("level limit", l.level, l.Unit)
	f.level("zero limit", l.zero, l.Unit)
	f.count("readings required", uint64(l.MinRun))
	f.minutes("gap allowed", l.Gap)
	f.level("unfinished above", l.unfinished, l.Unit)
	if l.NoRates {
		f.text("rates required", "none")
	} else {
		f.level("rise limit per hour", l.rise, l.Unit)
		f.level("fall limit per hour", l.fall, l.Unit)
		f.level("fall limit per hour of a high peak", l.fallHigh, l.Unit)
		f.level("high peak", l.highPeak, l.Unit)
		if l.Either {
			f.text("rates required", "one")
		}
	}
	f.minutes("lag", l.Lag)
	f.minutes("lag width", l.LagWidth)
	f.level("saturation", l.saturation, l.Unit)
	f.text("wear method", string(l.Wear.Method))
}

// event returns the closed event of an episode.
func (e *Episode) event(l *skinLimits, x *excursion) em.Event {
	ev := l.event(KindTransdermal, e.Class, em.Warning, e.Device)
	ev.Anchor, ev.At, ev.Until = e.First, e.From, e.To
	ev.Because = slices.Clone(x.runIDs)
	for _, id := range []em.ObservationID{e.Start.ID, e.Peak.ID, e.End.ID} {
		if !slices.Contains(ev.Because, id) {
			ev.Because = append(ev.Because, id)
		}
	}
	f := (*facts)(&ev.Detail.Facts)
	f.text("device", string(e.Device))
	f.text("why", string(e.Why))
	f.level("peak", x.peak.v, l.Unit)
	f.at("peak at", x.peak.at)
	f.level("raw peak", x.rawPeak, l.Unit)
	f.level("start level", x.start().v, l.Unit)
	f.level("end level", x.end.v, l.Unit)
	perHour := string(l.Unit) + " per hour"
	if e.Rise.OK {
		f.number("rise", e.Rise.V, 4, perHour)
	}
	if !l.NoRates {
		f.number("rise limit", e.RiseMax, 4, perHour)
	}
	if e.Fall.OK {
		f.number("fall", e.Fall.V, 4, perHour)
	}
	if !l.NoRates {
		f.number("fall limit", e.FallMax, 4, perHour)
	}
	f.number("area", e.Area, 4, string(l.Unit)+" hours")
	f.minutes("duration", e.To.Sub(e.From))
	f.count("readings", x.n)
	f.text("drinking began, estimated", e.Onset[0].Format(time.RFC3339)+"/"+e.Onset[1].Format(time.RFC3339))
	l.ruleFacts(f)
	ev.Detail.Reason = e.Reason
	return ev
}

// openEvent tells an episode that has begun.
func (s stage) openEvent(x *excursion) em.Event {
	l := s.l
	ev := l.event(KindTransdermal, ClassEpisodeOpen, em.Warning, s.t.device)
	ev.Anchor, ev.At = x.first.at, x.start().at
	ev.Because = slices.Clone(x.runIDs)
	f := (*facts)(&ev.Detail.Facts)
	f.text("device", string(s.t.device))
	f.level("level so far", x.peak.v, l.Unit)
	l.ruleFacts(f)
	ev.Detail.Reason = fmt.Sprintf("Alcohol at the skin is at or above %s %s in %d readings in a row; the verdict follows when it is over.", l.level, l.Unit, l.MinRun)
	if l.MinRun == 1 {
		ev.Detail.Reason = fmt.Sprintf("Alcohol at the skin is at or above %s %s; the verdict follows when it is over.", l.level, l.Unit)
	}
	return ev
}

// wearEvent tells the run under way; until is zero while it goes on.
func (s stage) wearEvent(until time.Time) em.Event {
	l, w := s.l, &s.t.wear
	r, rule := &w.run, &l.Wear
	sev := em.Warning
	if r.class == ClassPotentialTamper {
		sev = em.Info
	}
	ev := l.event(KindWear, r.class, sev, s.t.device)
	ev.Anchor, ev.At, ev.Until = r.from, r.from, until
	ev.Because = slices.Clone(r.ids)
	f := (*facts)(&ev.Detail.Facts)
	f.text("device", string(s.t.device))
	f.count("readings", r.n)
	if rule.Method == WearTemperature {
		f.number("lowest temperature", r.far, 1, "°C")
		f.number("minimum", w.min.V, 1, "°C")
		f.number("worn above", rule.WornAbove, 1, "°C")
		f.number("worn above minimum by", rule.AboveMin, 1, "°C")
		f.number("worn above minimum by, moving", rule.AboveMinMoving, 1, "°C")
		f.number("moving", rule.Motion, 3, "g")
		f.minutes("off for", rule.OffFor)
		ev.Detail.Reason = fmt.Sprintf("The wrist instrument was not worn for %s, by skin temperature and motion.", span(r.last.Sub(r.from)))
		return ev
	}
	f.number("largest step", r.far, 3, "V")
	f.number("baseline", w.base.V, 3, "V")
	f.number("step limit", rule.InfraredStep, 3, "V")
	f.count("readings sustained", uint64(rule.ObstructionRun))
	f.count("readings at ambient temperature", r.cold)
	f.number("ambient", rule.Ambient, 1, "°C")
	moved := fmt.Sprintf("The infrared voltage is up to %.3f V from its baseline of %.3f V", r.far, w.base.V)
	switch x := s.strapped(); {
	case r.class == ClassRemoval && x.OK:
		ev.Because = append(ev.Because, x.V.id)
		f.at("strap event", x.V.at)
		fallthrough
	case r.class == ClassRemoval:
		ev.Detail.Reason = moved + ", the temperature is a room's, and the strap was opened: the instrument may have been removed; an analyst has to look at it."
	case r.class == ClassObstruction:
		ev.Detail.Reason = fmt.Sprintf("%s in %d readings or more in a row: something may be between instrument and skin; an analyst has to look at it.", moved, rule.ObstructionRun)
	default:
		ev.Detail.Reason = moved + ", as single readings of worn instruments are."
		if r.n > 1 {
			ev.Detail.Reason = fmt.Sprintf("%s in %d readings in a row, of which %d would be sustained.", moved, r.n, rule.ObstructionRun)
		}
	}
	return ev
}

var faultReasons = map[string]string{
	ClassNegative:    "is below zero",
	ClassSaturated:   "is as much as the instrument can show, or more, so that the level is not known",
	ClassWrongUnit:   "is not in the unit of the rule",
	ClassNotANumber:  "comes with a temperature, voltage or motion that is not a number",
	ClassTemperature: "comes with a temperature that no skin and no room has, as if in another unit",
	ClassConflict:    "differs from another of the same instant, of which the first counts",
}

// faultEvent tells a run of refused readings.
func (s stage) faultEvent(r *faultRun, until time.Time) em.Event {
	sev := em.Technical
	if r.class == ClassSaturated {
		sev = em.Warning
	}
	ev := s.l.event(KindReading+"."+em.EventKind(faultKinds[r.class]), r.class, sev, s.t.device)
	ev.Anchor, ev.At, ev.Until = r.from, r.from, until
	ev.Because = slices.Clone(r.ids)
	f := (*facts)(&ev.Detail.Facts)
	f.text("device", string(s.t.device))
	f.limit("first reading", r.given)
	f.count("readings", r.n)
	f.text("unit of the rule", string(s.l.Unit))
	if r.class == ClassSaturated {
		f.level("saturation", s.l.saturation, s.l.Unit)
	}
	if r.class == ClassNegative {
		f.level("negative allowed", s.l.negative, s.l.Unit)
	}
	ev.Detail.Reason = fmt.Sprintf("A reading at the skin (%s) %s; it was not judged.", r.given, faultReasons[r.class])
	return ev
}

var faultKinds = map[string]string{
	ClassNegative: "negative", ClassSaturated: "saturated", ClassWrongUnit: "unit",
	ClassNotANumber: "nan", ClassTemperature: "temperature", ClassConflict: "conflict",
}

// flatEvent tells a dead sensor.
func (s stage) flatEvent(r *flatRun, until time.Time) em.Event {
	ev := s.l.event(KindFlat, ClassFlatLine, em.Technical, s.t.device)
	ev.Anchor, ev.At, ev.Until = r.from, r.from, until
	ev.Because = slices.Clone(r.ids)
	f := (*facts)(&ev.Detail.Facts)
	f.text("device", string(s.t.device))
	f.level("level", s.t.same.v, s.l.Unit)
	f.count("readings", r.n)
	f.minutes("duration", r.to.Sub(r.from))
	f.count("readings required", uint64(s.l.FlatRun))
	f.minutes("duration required", s.l.FlatSpan)
	ev.Detail.Reason = fmt.Sprintf("%d or more readings at the skin over %s are alike in all figures: the sensor may be dead, and what it shows is not known to be so.", s.l.FlatRun, span(s.l.FlatSpan))
	return ev
}

func (l *skinLimits) event(kind em.EventKind, class string, sev em.Severity, d em.DeviceID) em.Event {
	return em.Event{
		Rule: l.Name, Version: l.Version, About: string(d),
		Detail: em.Detail{Kind: kind, Class: class, Severity: sev},
	}
}
