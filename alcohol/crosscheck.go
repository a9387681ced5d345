package alcohol

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// KindCrossCheck is where breath and skin contradict each other. Anchor is the
// verdict of the breath test, or just after it where that instant is taken;
// About is the skin instrument that was high, or empty where none was.
const KindCrossCheck em.EventKind = "alcohol.crosscheck"

// Classes of KindCrossCheck.
const (
	ClassIdentityOrTamper = "IDENTITY_OR_TAMPER"      // warning: breath passed while the skin was high
	ClassMouthOrDevice    = "MOUTH_ALCOHOL_OR_DEVICE" // warning: breath failed and the skin never rose
	ClassNotChecked       = "NOT_CHECKED"             // info: too few readings at the skin after a failure
)

// Defaults of CrossRule. All are inferred; no source has such a rule.
const (
	// DefaultCrossWindow is how long after a failed breath test alcohol must
	// have reached the skin: 3 hours.
	DefaultCrossWindow = 3 * time.Hour
	// DefaultCrossReadings at the skin in that time that make the check: 4.
	DefaultCrossReadings = 4

	maxPasses   = 16 // passes that wait to see whether an episode is open; one more: the oldest gives way
	maxFailures = 16 // failures that wait for the skin; one more: the oldest is told at once
)

// CrossRule says when breath and skin contradict each other. It is plain data;
// a zero field means the documented default.
type CrossRule struct {
	Version string
	// High is the level at the skin above which no breath test of the same
	// person passes, in the transdermal rule's unit. Default 0.050 g/dL,
	// inferred; in another unit it must be stated.
	High em.Decimal
	// Window and Readings: DefaultCrossWindow, DefaultCrossReadings.
	Window   time.Duration
	Readings int
}

// ErrCrossRule is wrapped by errors about a CrossRule that cannot be applied.
var ErrCrossRule = errors.New("impossible rule of cross-checks")

// CrossCheck looks for contradictions between a person's breath tests and the
// readings at the skin. It is an em.Evaluator on event time, so that late data
// corrects it as it corrects them, and it runs the two evaluators within it on
// the same observations, so that its verdicts rest on theirs; it tells its own
// events only. Put it on the Timeline beside them, with the same rules.
//
//   - A breath test is passed while an episode at the skin is open and the last
//     reading, if no gap followed it, is above High: IDENTITY_OR_TAMPER. An
//     episode that proves to be one only by later readings counts too.
//   - A breath test is failed, and no reading at the skin in Window after the
//     verdict, nor the last before it, is above Zero: MOUTH_ALCOHOL_OR_DEVICE.
//     With fewer readings than Readings it is NOT_CHECKED; with none at all
//     nothing is told, for there may be no instrument at the skin.
//
// Neither makes a breath figure of a transdermal one: levels are compared with
// limits of their own matter only.
type CrossCheck struct {
	rule   CrossRule
	high   level
	breath *Evaluator
	skin   *Transdermal

	crossState
	buf []em.Event
}

type crossState struct {
	last     []lastReading // by device, ordered; forgotten after a silence of Gap
	anchor   time.Time     // the last one given
	passes   []pass
	failures []failure
}

// lastReading is the last good reading of a device.
type lastReading struct {
	device em.DeviceID
	id     em.ObservationID
	at     time.Time
	raw    level
}

// pass is a passed test while the skin was high.
type pass struct {
	at    time.Time
	ids   []em.ObservationID
	about lastReading
}

// failure is a failed test that waits for the skin.
type failure struct {
	at   time.Time // the verdict
	ids  []em.ObservationID
	n    uint64 // readings at the skin since
	last em.ObservationID
}

var _ em.Evaluator = (*CrossCheck)(nil)

// NewCrossCheck returns an evaluator before its first observation. Errors wrap
// ErrRule, ErrTransdermalRule or ErrCrossRule.
func NewCrossCheck(r CrossRule, breath Config, skin TransdermalRule) (*CrossCheck, error) {
	b, err := NewEvaluator(breath)
	if err != nil {
		return nil, err
	}
	s, err := NewTransdermal(skin)
	if err != nil {
		return nil, err
	}
	if r.High == (em.Decimal{}) && s.l.Unit == em.UnitSkinGPerDL {
		r.High = em.Decimal{Coef: 50, Scale: 3}
	}
	defaultTo(&r.Window, DefaultCrossWindow)
	defaultTo(&r.Readings, DefaultCrossReadings)
	high, err := levelOf(r.High)
	if err != nil || high <= 0 {
		return nil, fmt.Errorf("alcohol: rule %q: %w: high: %s", r.Version, ErrCrossRule, r.High)
	}
	if r.Window <= 0 || r.Readings < 1 {
		return nil, fmt.Errorf("alcohol: rule %q: %w: %s, %d readings", r.Version, ErrCrossRule, r.Window, r.Readings)
	}
	return &CrossCheck{rule: r, high: high, breath: b, skin: s}, nil
}

// Clock returns em.EventTime.
func (e *CrossCheck) Clock() em.Clock { return em.EventTime }

// Deadline implements em.Evaluator.
func (e *CrossCheck) Deadline() time.Time {
	d := e.breath.Deadline()
	earlier := func(t time.Time) {
		if !t.IsZero() && (d.IsZero() || t.Before(d)) {
			d = t
		}
	}
	earlier(e.skin.Deadline())
	for i := range e.failures {
		earlier(e.failures[i].at.Add(e.rule.Window))
	}
	return d
}

// Wake implements em.Evaluator.
func (e *CrossCheck) Wake(dst []em.Event, at time.Time) []em.Event {
	for d := e.Deadline(); !d.IsZero() && !d.After(at); d = e.Deadline() {
		for len(e.failures) > 0 && !e.failures[0].at.Add(e.rule.Window).After(d) {
			dst = e.settle(dst)
		}
		if b := e.breath.Deadline(); !b.IsZero() && !b.After(d) {
			e.buf = e.breath.Wake(e.buf[:0], d)
			dst = e.tests(dst, d)
		}
		if s := e.skin.Deadline(); !s.IsZero() && !s.After(d) {
			e.buf = e.skin.Wake(e.buf[:0], d)
		}
		dst = e.check(dst)
	}
	return dst
}

// Observe implements em.Evaluator.
func (e *CrossCheck) Observe(dst []em.Event, o em.Observation) []em.Event {
	dst = e.Wake(dst, o.At)
	e.buf = e.breath.Observe(e.buf[:0], o)
	dst = e.tests(dst, o.At)
	e.buf = e.skin.Observe(e.buf[:0], o)
	if _, ok := o.Body.(*em.Transdermal); ok {
		e.reading(&o)
	}
	return e.check(dst)
}

// reading follows the last good reading of each device.
func (e *CrossCheck) reading(o *em.Observation) {
	i, ok := e.skin.find(o.Device)
	if !ok || !e.skin.tracks[i].good.Equal(o.At) || e.skin.tracks[i].fault.class != "" {
		return
	}
	r := lastReading{o.Device, o.ID, o.At, e.skin.tracks[i].same.v}
	j, found := slices.BinarySearchFunc(e.last, o.Device, func(x lastReading, d em.DeviceID) int {
		switch {
		case x.device < d:
			return -1
		case x.device > d:
			return 1
		}
		return 0
	})
	if found {
		e.last[j] = r
	} else {
		e.last = slices.Insert(e.last, j, r)
	}
	for k := 0; k < len(e.failures); k++ {
		f := &e.failures[k]
		if r.raw > e.skin.l.zero { // the skin rose: breath and skin agree
			e.failures = slices.Delete(e.failures, k, k+1)
			k--
			continue
		}
		f.n, f.last = f.n+1, o.ID
	}
}

// tests takes the verdicts of breath tests that were decided at an instant.
func (e *CrossCheck) tests(dst []em.Event, at time.Time) []em.Event {
	for i := range e.buf {
		ev := &e.buf[i]
		if ev.Detail.Kind != KindBreath || ev.Open() {
			continue
		}
		switch ev.Detail.Class {
		case ClassPassed:
			for _, r := range e.last {
				if r.raw <= e.high {
					continue
				}
				if len(e.passes) == maxPasses {
					e.passes = slices.Delete(e.passes, 0, 1)
				}
				e.passes = append(e.passes, pass{at, slices.Clone(ev.Because[:min(len(ev.Because), em.MaxBecause-1-maxRunIDs)]), r})
			}
		case ClassFailed, ClassAbnormalConfirmation:
			if slices.ContainsFunc(e.last, func(r lastReading) bool { return r.raw > e.skin.l.zero }) {
				continue // the skin is above zero already
			}
			if len(e.failures) == maxFailures {
				dst = e.settle(dst)
			}
			e.failures = append(e.failures, failure{at: at, ids: slices.Clone(ev.Because[:min(len(ev.Because), em.MaxBecause-1)])})
		}
	}
	return dst
}

// check tells passes while an episode is open, forgets those that none came of,
// and forgets devices that are no longer followed.
func (e *CrossCheck) check(dst []em.Event) []em.Event {
	e.last = slices.DeleteFunc(e.last, func(r lastReading) bool {
		i, ok := e.skin.find(r.device)
		return !ok || e.skin.tracks[i].kept.IsZero()
	})
	for i := 0; i < len(e.passes); i++ {
		p := &e.passes[i]
		j, ok := e.skin.find(p.about.device)
		if ok {
			t := e.skin.tracks[j]
			if !t.kept.IsZero() && (t.cur == nil || !t.cur.core) && (t.cur != nil || !t.settledAfter(p.about.at)) {
				continue // not yet known whether it is an episode
			}
			if x := t.cur; x != nil && x.core && !x.start().at.After(p.at) {
				dst = append(dst, e.passEvent(p, x))
			}
		}
		e.passes = slices.Delete(e.passes, i, i+1)
		i--
	}
	return dst
}

// settledAfter reports whether the level of the reading at an instant is known.
func (t *track) settledAfter(at time.Time) bool {
	return t.prev.OK && !t.prev.V.at.Before(at)
}

func (e *CrossCheck) passEvent(p *pass, x *excursion) em.Event {
	l := e.skin.l
	ev := e.event(ClassIdentityOrTamper, em.Warning)
	ev.About = string(p.about.device)
	ev.Anchor, ev.At, ev.Until = e.newAnchor(p.at), p.at, p.at
	ev.Because = p.ids
	for _, id := range append([]em.ObservationID{p.about.id}, x.runIDs...) {
		if !slices.Contains(ev.Because, id) {
			ev.Because = append(ev.Because, id)
		}
	}
	f := (*facts)(&ev.Detail.Facts)
	f.text("skin device", string(p.about.device))
	f.level("skin", p.about.raw, l.Unit)
	f.at("skin at", p.about.at)
	f.level("high", e.high, l.Unit)
	f.at("episode since", x.first.at)
	f.at("breath passed at", p.at)
	ev.Detail.Reason = fmt.Sprintf("A breath test is passed while alcohol at the skin is at %s %s, above %s: another person's breath, or the instrument at the skin; an analyst has to look at it.",
		p.about.raw, l.Unit, e.high)
	return ev
}

// settle tells the oldest failure that the skin never followed.
func (e *CrossCheck) settle(dst []em.Event) []em.Event {
	f := e.failures[0]
	e.failures = slices.Delete(e.failures, 0, 1)
	if f.n == 0 {
		return dst
	}
	class, sev := ClassMouthOrDevice, em.Warning
	if f.n < uint64(e.rule.Readings) {
		class, sev = ClassNotChecked, em.Info
	}
	ev := e.event(class, sev)
	ev.Anchor, ev.At, ev.Until = e.newAnchor(f.at), f.at, f.at
	ev.Because = append(f.ids, f.last)
	x := (*facts)(&ev.Detail.Facts)
	x.at("breath failed at", f.at)
	x.minutes("window", e.rule.Window)
	x.count("readings at the skin", f.n)
	x.count("readings required", uint64(e.rule.Readings))
	x.level("zero limit", e.skin.l.zero, e.skin.l.Unit)
	ev.Detail.Reason = fmt.Sprintf("A breath test is failed, but no reading at the skin in the %s after it is above %s %s: alcohol of the mouth, or an instrument; an analyst has to look at it.",
		span(e.rule.Window), e.skin.l.zero, e.skin.l.Unit)
	if class == ClassNotChecked {
		ev.Detail.Reason = fmt.Sprintf("A breath test is failed, and there are too few readings at the skin in the %s after it to compare.", span(e.rule.Window))
	}
	return append(dst, ev)
}

// newAnchor returns the instant at, or just after the last anchor.
func (e *CrossCheck) newAnchor(at time.Time) time.Time {
	if !at.After(e.anchor) {
		at = e.anchor.Add(1)
	}
	e.anchor = at
	return at
}

func (e *CrossCheck) event(class string, sev em.Severity) em.Event {
	return em.Event{
		Rule: "alcohol.crosscheck", Version: e.rule.Version,
		Detail: em.Detail{Kind: KindCrossCheck, Class: class, Severity: sev},
	}
}

const crossStateVersion = 1

// AppendBinary appends the canonical state. It implements
// encoding.BinaryAppender and never fails.
func (e *CrossCheck) AppendBinary(dst []byte) ([]byte, error) {
	dst = append(dst, crossStateVersion)
	for _, x := range []em.Evaluator{e.breath, e.skin} {
		b, err := x.AppendBinary(nil)
		if err != nil {
			return dst, err
		}
		dst = em.AppendString(dst, string(b))
	}
	dst = em.AppendTime(dst, e.anchor)
	dst = em.AppendUint(dst, uint64(len(e.last)))
	for _, r := range e.last {
		dst = appendLast(dst, r)
	}
	dst = em.AppendUint(dst, uint64(len(e.passes)))
	for _, p := range e.passes {
		dst = appendLast(appendIDs(em.AppendTime(dst, p.at), p.ids), p.about)
	}
	dst = em.AppendUint(dst, uint64(len(e.failures)))
	for _, f := range e.failures {
		dst = appendIDs(em.AppendTime(dst, f.at), f.ids)
		dst = append(em.AppendUint(dst, f.n), f.last[:]...)
	}
	return dst, nil
}

// UnmarshalBinary replaces the state by what AppendBinary wrote; no bytes are
// the state before the first observation. Errors wrap em.ErrState and leave the
// state as it was.
func (e *CrossCheck) UnmarshalBinary(b []byte) error {
	breath, skin := &Evaluator{l: e.breath.l, schedule: e.breath.schedule}, &Transdermal{l: e.skin.l}
	var s crossState
	if len(b) > 0 {
		r := em.NewStateReader(b)
		if v := r.Bytes(1); v != nil && v[0] != crossStateVersion {
			r.Fail("version of the cross-check state")
		}
		for _, x := range []em.Evaluator{breath, skin} {
			if err := x.UnmarshalBinary([]byte(r.String())); err != nil {
				return err
			}
		}
		s.anchor = r.Time()
		for range readLen(r, maxTransdermalDevices) {
			x := readLast(r)
			if n := len(s.last); n > 0 && s.last[n-1].device >= x.device {
				r.Fail("order of the devices")
			}
			s.last = append(s.last, x)
		}
		for range readLen(r, maxPasses) {
			s.passes = append(s.passes, pass{r.Time(), readBecause(r), readLast(r)})
		}
		for range readLen(r, maxFailures) {
			f := failure{at: r.Time(), ids: readBecause(r), n: r.Uint(), last: readID(r)}
			if n := len(s.failures); n > 0 && s.failures[n-1].at.After(f.at) {
				r.Fail("order of the failures")
			}
			s.failures = append(s.failures, f)
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	e.breath, e.skin, e.crossState = breath, skin, s
	return nil
}

func appendLast(dst []byte, r lastReading) []byte {
	dst = append(em.AppendString(dst, string(r.device)), r.id[:]...)
	return em.AppendInt(em.AppendTime(dst, r.at), int64(r.raw))
}

func readLast(r *em.StateReader) lastReading {
	return lastReading{em.DeviceID(r.String()), readID(r), r.Time(), readLevel(r)}
}

func readBecause(r *em.StateReader) (ids []em.ObservationID) {
	for range readLen(r, em.MaxBecause) {
		ids = append(ids, readID(r))
	}
	return ids
}
