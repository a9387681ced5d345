package roster

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/alcohol"
)

// zero is an alcohol.Evaluator whose schedule has tests to zero besides, from a
// failed test on. They are asked for as the instrument is heard: so each one
// that it adds begins at the observation at hand, and what was judged before
// stays as it was.
type zero struct {
	rule  alcohol.BreathRule
	base  alcohol.Schedule
	plan  *alcohol.ZeroPlan
	lasts time.Duration // from the failure to the end of the last request

	*alcohol.Evaluator

	failed   time.Time   // zero: there is no plan
	device   em.DeviceID // of the failed test
	contacts []time.Time // at which a test was asked for
	samples  []alcohol.ZeroSample
}

// newZero returns the evaluator; plan is nil where no tests to zero are ordered.
func newZero(rule alcohol.BreathRule, base alcohol.Schedule, plan *alcohol.ZeroPlan) (*zero, error) {
	z := &zero{rule: rule, base: base, plan: plan}
	if plan != nil {
		lasts, last := plan.For, plan.Expire
		state(&lasts, alcohol.DefaultZeroFor)
		state(&last, alcohol.DefaultZeroExpire)
		z.lasts = lasts + last
		if _, err := plan.Tests(farthest, nil, nil); err != nil {
			return nil, fmt.Errorf("to_zero: %w", err)
		}
	}
	return z, z.ask(nil, nil)
}

// ask gives the evaluator a schedule with these tests to zero, and a state.
func (z *zero) ask(tests []alcohol.Test, state []byte) error {
	e, err := alcohol.NewEvaluator(alcohol.Config{Rule: z.rule, Schedule: beside(z.base, tests)})
	if err == nil && len(state) > 0 {
		err = e.UnmarshalBinary(state)
	}
	if err == nil {
		z.Evaluator = e
	}
	return err
}

// beside returns a schedule with further tests in the times that it leaves free.
func beside(base alcohol.Schedule, extra []alcohol.Test) alcohol.Schedule {
	if len(extra) == 0 {
		return base
	}
	return func(after time.Time) iter.Seq[alcohol.Test] {
		return func(yield func(alcohol.Test) bool) {
			rest := extra
			// free yields what of rest begins before an instant, cut off there.
			var busy time.Time // until when a test of the base reaches
			free := func(before time.Time) bool {
				for len(rest) > 0 && (before.IsZero() || rest[0].From.Before(before)) {
					t := rest[0]
					rest = rest[1:]
					if !before.IsZero() && t.To.After(before) {
						t.To = before
					}
					if t.From.Before(busy) || !t.To.After(after) {
						continue // a test is asked for anyway
					}
					if !yield(t) {
						return false
					}
				}
				return true
			}
			// What reaches beyond after may have begun long before it.
			for t := range base(extra[0].From) {
				if !free(t.From) {
					return
				}
				busy = t.To
				if t.To.After(after) && !yield(t) {
					return
				}
			}
			free(time.Time{})
		}
	}
}

// Observe implements em.Evaluator.
func (z *zero) Observe(dst []em.Event, o em.Observation) []em.Event {
	if z.plan == nil {
		return z.Evaluator.Observe(dst, o)
	}
	if !z.failed.IsZero() && o.At.Sub(z.failed) > z.lasts {
		z.end()
	}
	n := len(dst)
	dst = z.contact(dst, o)
	dst = z.Evaluator.Observe(dst, o)
	if _, ok := o.Body.(*em.AlcoholReading); !ok {
		return dst
	}
	for i := range dst[n:] {
		e := &dst[n+i]
		if e.Detail.Kind != alcohol.KindBreath {
			continue
		}
		switch e.Detail.Class {
		case alcohol.ClassFailed:
			z.failed, z.device, z.contacts, z.samples = o.At, o.Device, nil, nil
		case alcohol.ClassPassed:
			z.sample(alcohol.ZeroSample{At: o.At, Below: true})
		case alcohol.ClassStillAbove:
			z.sample(alcohol.ZeroSample{At: o.At})
		}
	}
	return dst
}

// sample keeps a sample; of those between two requests the last one decides.
func (z *zero) sample(s alcohol.ZeroSample) {
	if z.failed.IsZero() {
		return
	}
	if n := len(z.samples); n > 0 && !z.samples[n-1].Below {
		if m := len(z.contacts); m == 0 || z.contacts[m-1].Before(z.samples[n-1].At) {
			z.samples = z.samples[:n-1]
		}
	}
	z.samples = append(z.samples, s)
}

// contact asks for a test where one is due. What comes out of the instrument's
// memory is no contact at the time that it tells of.
func (z *zero) contact(dst []em.Event, o em.Observation) []em.Event {
	if z.failed.IsZero() || o.Device != z.device || o.Stored {
		return dst
	}
	before, err := z.plan.Tests(z.failed, z.contacts, z.samples)
	if err != nil {
		return dst // the plan was checked, and times cannot be wrong
	}
	contacts := append(slices.Clone(z.contacts), o.At)
	tests, err := z.plan.Tests(z.failed, contacts, z.samples)
	if err != nil || len(tests) == len(before) {
		return dst
	}
	dst = z.Evaluator.Wake(dst, o.At)
	state, err := z.Evaluator.AppendBinary(nil)
	if err == nil && z.ask(tests, state) == nil {
		z.contacts = contacts
	}
	return z.Evaluator.Wake(dst, o.At) // a window that the new one cuts off ends now
}

func (z *zero) end() {
	z.failed, z.device, z.contacts, z.samples = time.Time{}, "", nil, nil
	if state, err := z.Evaluator.AppendBinary(nil); err == nil {
		z.ask(nil, state) // an error leaves windows in the schedule that are over
	}
}

// underWay is the first byte of a state with a plan under way. Without one the
// state is that of alcohol.Evaluator, whose version it begins with: so an order
// may begin and cease to ask for tests to zero.
const underWay = 0xff

// AppendBinary implements em.Evaluator.
func (z *zero) AppendBinary(dst []byte) ([]byte, error) {
	if z.failed.IsZero() {
		return z.Evaluator.AppendBinary(dst)
	}
	inner, err := z.Evaluator.AppendBinary(nil)
	if err != nil {
		return dst, err
	}
	dst = em.AppendString(append(dst, underWay), string(inner))
	dst = em.AppendString(em.AppendTime(dst, z.failed), string(z.device))
	dst = em.AppendUint(dst, uint64(len(z.contacts)))
	for _, c := range z.contacts {
		dst = em.AppendTime(dst, c)
	}
	dst = em.AppendUint(dst, uint64(len(z.samples)))
	for _, s := range z.samples {
		dst = em.AppendBool(em.AppendTime(dst, s.At), s.Below)
	}
	return dst, nil
}

// UnmarshalBinary implements em.Evaluator.
func (z *zero) UnmarshalBinary(b []byte) error {
	n := zero{rule: z.rule, base: z.base, plan: z.plan, lasts: z.lasts}
	inner := b
	if len(b) > 0 && b[0] == underWay {
		r := em.NewStateReader(b[1:])
		inner = []byte(r.String())
		n.failed, n.device = r.Time(), em.DeviceID(r.String())
		for k := r.Len(); k > 0 && r.Err() == nil; k-- {
			n.contacts = append(n.contacts, r.Time())
		}
		for k := r.Len(); k > 0 && r.Err() == nil; k-- {
			n.samples = append(n.samples, alcohol.ZeroSample{At: r.Time(), Below: r.Bool()})
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	var tests []alcohol.Test
	if n.plan == nil { // no longer ordered
		n.failed, n.device, n.contacts, n.samples = time.Time{}, "", nil, nil
	} else if !n.failed.IsZero() {
		var err error
		if tests, err = n.plan.Tests(n.failed, n.contacts, n.samples); err != nil {
			return fmt.Errorf("%w: %w", em.ErrState, err)
		}
	}
	if err := n.ask(tests, inner); err != nil {
		return fmt.Errorf("%w: %w", em.ErrState, err)
	}
	*z = n
	return nil
}
