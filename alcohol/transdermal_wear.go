package alcohol

import (
	"math"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// wear is what is known of how one device was worn.
type wear struct {
	fitted time.Time       // first infrared reading since it was fitted
	base   em.Opt[float64] // infrared baseline, V
	buf    []infrared      // readings that wait for it
	kept   time.Time       // the last infrared reading that was taken
	min    em.Opt[float64] // lowest temperature so far, °C
	straps []strap         // the last strap events
	run    wearRun         // of readings that speak against being worn
}

type infrared struct {
	id   em.ObservationID
	at   time.Time
	ir   float64
	temp em.Opt[float64]
}

type strap struct {
	id em.ObservationID
	at time.Time
}

const maxStraps = 8 // of one event more, the oldest is forgotten

// wearRun is a run of readings beyond the infrared step, or of readings that
// are not of a worn wrist instrument.
type wearRun struct {
	from, last time.Time
	n, cold    uint64
	far        float64 // the largest step in V, or the lowest temperature in °C
	class      string  // as told; empty: not told
	ids        []em.ObservationID
}

// waiting reports whether readings wait for the infrared baseline.
func (w *wear) waiting() bool { return len(w.buf) > 0 }

// wearReading takes one good reading.
func (s stage) wearReading(p point, r *em.Transdermal) {
	switch s.l.Wear.Method {
	case WearInfrared:
		s.infrared(p, r)
	case WearTemperature:
		s.temperature(p, r)
	}
}

func (s stage) infrared(p point, r *em.Transdermal) {
	w, rule := &s.t.wear, &s.l.Wear
	if !r.IR.OK || p.at.Before(rule.Fitted) && w.fitted.IsZero() {
		return
	}
	if w.fitted.IsZero() || rule.Fitted.After(w.fitted) && !p.at.Before(rule.Fitted) {
		if w.waiting() {
			s.settleBaseline()
		}
		s.endRun(w.run.last)
		w.fitted, w.base, w.kept = p.at, em.Opt[float64]{}, time.Time{}
	}
	if !w.kept.IsZero() && p.at.Sub(w.kept) < s.l.wearSpacing {
		return
	}
	w.kept = p.at
	x := infrared{p.id, p.at, r.IR.V, r.Temperature}
	switch {
	case rule.Baseline.OK:
		if w.waiting() { // the rule has it since
			s.settleBaseline()
		}
		w.base = rule.Baseline
		s.judgeInfrared(x)
	case w.base.OK:
		s.judgeInfrared(x)
	default:
		w.buf = append(w.buf, x)
	}
}

// settleBaseline takes the median of the first day for the baseline, judges
// that day by it, and then the episodes that waited.
func (s stage) settleBaseline() {
	w := &s.t.wear
	volts := make([]float64, len(w.buf))
	for i, x := range w.buf {
		volts[i] = x.ir
	}
	slices.Sort(volts)
	n := len(volts)
	w.base = em.Some((volts[(n-1)/2] + volts[n/2]) / 2)
	buf := w.buf
	w.buf = nil
	for _, x := range buf {
		s.judgeInfrared(x)
	}
	for i := range s.t.held {
		s.close(&s.t.held[i])
	}
	s.t.held = nil
	s.prune()
}

// beyond compares two figures at a resolution of a millionth, so that 1.108 and
// 0.858 are 0.25 apart and not a bit more.
func beyond(x, limit float64) bool { return math.Round(x*1e6) > math.Round(limit*1e6) }

func (s stage) judgeInfrared(x infrared) {
	w, rule := &s.t.wear, &s.l.Wear
	if w.run.n > 0 && x.at.Sub(w.run.last) > s.l.Gap {
		s.endRun(w.run.last)
	}
	step := math.Round(math.Abs(x.ir-w.base.V)*1e6) / 1e6
	if !beyond(step, rule.InfraredStep) {
		s.endRun(x.at)
		w.forgetStraps(x.at.Add(-rule.StrapWindow))
		return
	}
	w.run.add(x.id, x.at)
	w.run.far = max(w.run.far, step)
	if x.temp.OK && x.temp.V <= rule.Ambient {
		w.run.cold++
	}
	s.reclass()
}

func (r *wearRun) add(id em.ObservationID, at time.Time) {
	if r.n == 0 {
		r.from = at
	}
	r.n, r.last = r.n+1, at
	if len(r.ids) < maxRunIDs {
		r.ids = append(r.ids, id)
	}
}

// strapped returns the strap event that belongs to the run.
func (s stage) strapped() em.Opt[strap] {
	w := &s.t.wear
	from, to := w.run.from.Add(-s.l.Wear.StrapWindow), w.run.last.Add(s.l.Wear.StrapWindow)
	for _, x := range w.straps {
		if !x.at.Before(from) && !x.at.After(to) {
			return em.Some(x)
		}
	}
	return em.Opt[strap]{}
}

// reclass tells the run when its class has risen.
func (s stage) reclass() {
	r, rule := &s.t.wear.run, &s.l.Wear
	sustained := r.n >= uint64(rule.ObstructionRun)
	class := ClassPotentialTamper
	switch {
	case r.cold > 0 && s.strapped().OK:
		class = ClassRemoval
	case sustained:
		class = ClassObstruction
	}
	if class == ClassRemoval || sustained && r.cold >= uint64(rule.ObstructionRun) {
		s.mark(doubtOff, r.from, r.last)
	}
	if class == r.class || r.class == ClassRemoval {
		return
	}
	r.class = class
	s.out.events = append(s.out.events, s.wearEvent(time.Time{}))
}

// tamper takes a strap event.
func (s stage) tamper(o *em.Observation, m *em.Tamper) {
	w := &s.t.wear
	if m.Cleared || m.What != em.TamperStrap && m.What != em.TamperRemoval || s.l.Wear.Method != WearInfrared {
		return
	}
	if len(w.straps) == maxStraps {
		w.straps = slices.Delete(w.straps, 0, 1)
	}
	w.straps = append(w.straps, strap{o.ID, o.At})
	if w.run.n > 0 {
		s.reclass()
	}
}

func (w *wear) forgetStraps(before time.Time) {
	w.straps = slices.DeleteFunc(w.straps, func(x strap) bool { return x.at.Before(before) })
}

// temperature judges a wrist instrument.
func (s stage) temperature(p point, r *em.Transdermal) {
	if !r.Temperature.OK {
		return
	}
	w, rule := &s.t.wear, &s.l.Wear
	c := r.Temperature.V
	if rule.Minimum.OK {
		w.min = rule.Minimum
	} else if !w.min.OK || c < w.min.V {
		w.min = em.Some(c)
	}
	above := c - w.min.V
	if c > rule.WornAbove || beyond(above, rule.AboveMin) ||
		beyond(above, rule.AboveMinMoving) && r.Motion.OK && r.Motion.V > rule.Motion {
		s.endRun(p.at)
		return
	}
	x := &w.run
	if x.n == 0 {
		x.far = c
	}
	x.add(p.id, p.at)
	x.far = min(x.far, c)
	if x.last.Sub(x.from) < rule.OffFor {
		return
	}
	s.mark(doubtOff, x.from, x.last)
	if x.class == "" {
		x.class = ClassNotWorn
		s.out.events = append(s.out.events, s.wearEvent(time.Time{}))
	}
}

// endRun closes the run of readings that speak against being worn.
func (s stage) endRun(until time.Time) {
	r := &s.t.wear.run
	if r.class != "" {
		s.out.events = append(s.out.events, s.wearEvent(until))
	}
	*r = wearRun{}
}
