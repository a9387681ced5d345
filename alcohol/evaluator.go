package alcohol

import (
	"math/big"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// Kinds of event.
const (
	// KindBreath is one test session, from its first sample to its verdict.
	// Its class rises on the way: STARTED, CONFIRM_DUE, FAILED. A sample that
	// is judged by itself (PENDING_REVIEW, UNCALIBRATED, NOT_COMPARABLE) is an
	// event of its own. Anchor is the start of the window that the session
	// answers, with About empty; else the first sample, with About the device.
	KindBreath em.EventKind = "alcohol.breath"
	// KindMissed is a window without a sample: NOT_RECEIVED, MISSED. It stays
	// open until MaxUpload is over. Anchor is the start of the window.
	KindMissed em.EventKind = "alcohol.missed"
	// KindCalibration is told once, at the first sample within
	// CalibrationWarning of the due time, which is its Anchor. About is the device.
	KindCalibration em.EventKind = "alcohol.calibration"
)

// ruleName is Event.Rule.
const ruleName = "alcohol"

// Bounds of the state. A person has one instrument or two, and four tests a day
// for three days make twelve windows.
const (
	maxSessions     = 16 // a sample of one instrument more is told as PENDING_REVIEW, not followed
	maxPending      = 64 // of one window more, the oldest is closed with the class it has
	maxCalibrations = 16 // of one warning more, the one due first is forgotten
)

// Config of an Evaluator.
type Config struct {
	Rule     BreathRule
	Schedule Schedule // the tests asked for; nil for none
}

// Evaluator judges the breath tests of one subject: see the package comment for
// the rules. It reads *em.AlcoholReading; of other observations it takes only
// that the instrument was heard. It implements em.Evaluator on event time and is
// not safe for concurrent use.
type Evaluator struct {
	l        *limits
	schedule Schedule

	state
	deadline    time.Time // of state; kept so that other observations cost nothing
	hasDeadline bool
}

// state is what the past decided.
type state struct {
	settled  time.Time // the end of the last window that is settled
	seen     bool      // the current window has a sample that is judged by itself
	anchor   time.Time // the last one given, until its instant is over
	sessions []session // in order of their first sample
	pending  []pending // in order of their windows
	warned   []calibration
}

// pending is a window that ended without a sample.
type pending struct {
	test  Test
	over  time.Time        // when it could no longer be answered
	class string           // "": not told yet
	id    em.ObservationID // what showed that it was missed
}

// calibration is a warning that was given.
type calibration struct {
	device em.DeviceID
	due    time.Time
}

var _ em.Evaluator = (*Evaluator)(nil)

// NewEvaluator returns an evaluator before its first observation. Errors wrap
// ErrRule.
func NewEvaluator(c Config) (*Evaluator, error) {
	l, err := c.Rule.compile()
	if err != nil {
		return nil, err
	}
	return &Evaluator{l: l, schedule: c.Schedule}, nil
}

// Clock returns em.EventTime.
func (e *Evaluator) Clock() em.Clock { return em.EventTime }

// Deadline implements em.Evaluator.
func (e *Evaluator) Deadline() time.Time {
	if !e.hasDeadline {
		e.deadline, _ = e.next()
		e.hasDeadline = true
	}
	return e.deadline
}

// Wake implements em.Evaluator.
func (e *Evaluator) Wake(dst []em.Event, at time.Time) []em.Event {
	for {
		d := e.Deadline()
		if d.IsZero() || d.After(at) {
			break
		}
		_, do := e.next()
		dst = do(dst)
		e.hasDeadline = false
	}
	return dst
}

// next returns the earliest deadline and what is to be done then. Of equal ones
// sessions go before pending windows, and these before the current window.
func (e *Evaluator) next() (at time.Time, do func([]em.Event) []em.Event) {
	earliest := func(t time.Time, f func([]em.Event) []em.Event) {
		if at.IsZero() || t.Before(at) {
			at, do = t, f
		}
	}
	w, end, asked := e.window()
	for i := range e.sessions {
		s := &e.sessions[i]
		if t := e.sessionDeadline(s, w, asked); !t.IsZero() {
			earliest(t, func(dst []em.Event) []em.Event { return e.expire(dst, i, t) })
		}
	}
	for i := range e.pending {
		t := e.pendingDeadline(&e.pending[i])
		earliest(t, func(dst []em.Event) []em.Event { return e.waitedFor(dst, i, t) })
	}
	if asked {
		earliest(end, func(dst []em.Event) []em.Event { return e.windowOver(dst, w, end) })
	}
	return at, do
}

// Observe implements em.Evaluator.
func (e *Evaluator) Observe(dst []em.Event, o em.Observation) []em.Event {
	dst = e.Wake(dst, o.At) // does nothing where the caller keeps the contract
	if !e.anchor.IsZero() && o.At.After(e.anchor) {
		e.anchor = time.Time{}
	}
	r, isReading := o.Body.(*em.AlcoholReading)
	dst = e.heard(dst, &o, isReading)
	if isReading && r.Status != em.SampleCalibrated {
		dst = e.warn(dst, &o, r)
		dst = e.sample(dst, &o, r)
		e.hasDeadline = false
	}
	return dst
}

// window returns the current window, the first that is not settled, and the
// instant from which it can no longer be answered.
func (e *Evaluator) window() (w Test, end time.Time, ok bool) {
	if e.schedule == nil {
		return w, end, false
	}
	for t := range e.schedule(e.settled) {
		if !ok {
			if !t.To.After(e.settled) || !t.From.Before(t.To) {
				return w, end, false // no schedule by its contract: ask for nothing
			}
			t.From, t.To = t.From.Round(0).UTC(), t.To.Round(0).UTC()
			w, end, ok = t, t.To.Add(e.l.Grace), true
			continue
		}
		if t.From.Before(end) {
			end = t.From
		}
		break
	}
	if ok && end.Before(w.To) { // the next overlaps it, against the contract
		end = w.To
	}
	return w, end, ok
}

// current returns the window that an instant falls into.
func (e *Evaluator) current(at time.Time) (Test, bool) {
	w, end, ok := e.window()
	return w, ok && !at.Before(w.From) && at.Before(end)
}

// tryingFor returns the session that was started for a window and has no valid
// sample yet, or -1.
func (e *Evaluator) tryingFor(w Test) int {
	return slices.IndexFunc(e.sessions, func(s session) bool {
		return s.phase == trying && s.requested() && s.test.From.Equal(w.From)
	})
}

func (e *Evaluator) settle(w Test) {
	e.settled, e.seen = w.To, false
}

// windowOver settles a window that ended without a valid sample.
func (e *Evaluator) windowOver(dst []em.Event, w Test, end time.Time) []em.Event {
	seen := e.seen
	e.settle(w)
	if i := e.tryingFor(w); i >= 0 {
		return e.conclude(dst, i, e.sessions[i].expired(seen), end, nil, nil)
	}
	if seen {
		return dst // the events of its samples say all
	}
	if len(e.pending) == maxPending {
		dst = e.closePending(dst, 0)
	}
	e.pending = append(e.pending, pending{test: w, over: end})
	return dst
}

// pendingDeadline is when a window that ended without a sample is told, or
// given up. Where Grace is longer than NotReceived that was due before the window
// was over, and Wake does it at once.
func (e *Evaluator) pendingDeadline(p *pending) time.Time {
	final := p.over.Add(e.l.MaxUpload)
	if told := p.test.To.Add(e.l.NotReceived); p.class == "" && told.Before(final) {
		return told
	}
	return final
}

// waitedFor tells that no result came, or gives up waiting for one.
func (e *Evaluator) waitedFor(dst []em.Event, i int, at time.Time) []em.Event {
	p := &e.pending[i]
	if !at.Before(p.over.Add(e.l.MaxUpload)) {
		return e.closePending(dst, i)
	}
	p.class = ClassNotReceived
	return append(dst, e.missedEvent(p, false))
}

func (e *Evaluator) closePending(dst []em.Event, i int) []em.Event {
	p := &e.pending[i]
	if p.class == "" {
		p.class = ClassNotReceived
	}
	dst = append(dst, e.missedEvent(p, true))
	e.pending = slices.Delete(e.pending, i, i+1)
	return dst
}

// heard takes in that a device gave a sign of life: what it has not reported of
// the time before did not happen.
func (e *Evaluator) heard(dst []em.Event, o *em.Observation, isReading bool) []em.Event {
	for i := 0; i < len(e.sessions); i++ {
		s := &e.sessions[i]
		if s.phase == overdue && s.screen.device == o.Device {
			dst = e.conclude(dst, i, ClassMissedConfirmation, s.screen.at.Add(e.l.CompleteBy), nil, &o.ID)
			e.hasDeadline = false
			i--
		}
	}
	if len(e.pending) == 0 {
		return dst
	}
	if _, known := e.l.instrument(o.Device); !known && !isReading {
		return dst
	}
	for i := range e.pending {
		if p := &e.pending[i]; p.class != ClassMissed { // all are over before o.At
			p.class, p.id = ClassMissed, o.ID
			dst = append(dst, e.missedEvent(p, false))
			e.hasDeadline = false
		}
	}
	return dst
}

// warn tells once that calibration will be due.
func (e *Evaluator) warn(dst []em.Event, o *em.Observation, r *em.AlcoholReading) []em.Event {
	e.warned = slices.DeleteFunc(e.warned, func(c calibration) bool { return !o.At.Before(c.due) })
	if r.CalDue.IsZero() || !o.At.Before(r.CalDue) || o.At.Before(r.CalDue.Add(-e.l.CalibrationWarning)) {
		return dst
	}
	c := calibration{o.Device, r.CalDue.Round(0).UTC()}
	if slices.Contains(e.warned, c) {
		return dst
	}
	if len(e.warned) == maxCalibrations {
		e.warned = slices.Delete(e.warned, 0, 1)
	}
	i := 0
	for i < len(e.warned) && e.warned[i].due.Before(c.due) {
		i++
	}
	e.warned = slices.Insert(e.warned, i, c)
	return append(dst, e.calibrationEvent(o, c))
}

// use says what a sample is good for.
type use uint8

const (
	judged   use = iota // a valid sample of the wearer's
	failed              // no valid sample
	byItself            // valid, but not to be judged as the wearer's: an event of its own
)

// assess says what a sample is good for; x is its figure in the rule's unit, nil
// above what the instrument measures.
func (e *Evaluator) assess(o *em.Observation, r *em.AlcoholReading) (u use, x *big.Rat, class string, st em.SampleStatus, err error) {
	if r.Status != em.SampleOK && r.Status != em.SampleOverRange {
		return failed, nil, "", r.Status, nil
	}
	if !r.CalDue.IsZero() && !o.At.Before(r.CalDue) {
		return byItself, nil, ClassUncalibrated, "", nil
	}
	if r.Status == em.SampleOK {
		if x, _, err = e.l.measure(o.Device, r); err != nil {
			return byItself, nil, ClassNotComparable, "", err
		}
		if r.Ambient.OK {
			air := *r
			air.Value = r.Ambient.V
			b, _, err := e.l.measure(o.Device, &air)
			if err != nil {
				return byItself, nil, ClassNotComparable, "", err
			}
			if b.Cmp(e.l.blank) > 0 {
				return failed, nil, "", em.SampleAmbient, nil
			}
		}
	}
	if r.Identity != em.IdentityMatch && (r.Identity != em.IdentityNone || !e.l.AllowUnchecked) {
		return byItself, nil, ClassPendingReview, "", nil
	}
	return judged, x, "", "", nil
}

// sample takes one sample through the machine.
func (e *Evaluator) sample(dst []em.Event, o *em.Observation, r *em.AlcoholReading) []em.Event {
	u, x, class, st, err := e.assess(o, r)
	w, asked := e.current(o.At)
	if u == byItself {
		dst = append(dst, e.alone(o, r, class, w, asked, err))
	}

	// A session that awaits its confirmation takes what its instrument says.
	if i := slices.IndexFunc(e.sessions, func(s session) bool {
		return s.phase == confirming && (s.screen.device == o.Device || e.l.PairAcrossDevices)
	}); i >= 0 {
		if asked {
			if u == judged {
				e.settle(w) // one valid sample is enough for both
			} else {
				e.seen = true
			}
		}
		s := &e.sessions[i]
		early := o.At.Before(s.screen.at.Add(e.l.Wait))
		switch {
		case u == judged && !early:
			c := newSample(o, r)
			return e.conclude(dst, i, e.l.judge(newPair(e.figure(&s.screen), x)), o.At, &c, nil)
		case u == byItself && early:
			return dst
		case early:
			s.tries.early++
		case u == byItself:
			s.tries.unjudged++
		default:
			s.tries.count(st)
		}
		s.note(o.ID)
		return append(dst, e.sessionEvent(s, ClassConfirmDue, time.Time{}, nil, nil))
	}

	if u == byItself {
		e.seen = e.seen || asked
		return dst
	}

	// Else it belongs to the window, or to a test that the wearer started.
	var i int
	if asked {
		i = e.tryingFor(w)
	} else {
		i = slices.IndexFunc(e.sessions, func(s session) bool {
			return s.phase == trying && !s.requested() && s.device == o.Device
		})
	}
	if i < 0 {
		if len(e.sessions) >= maxSessions {
			e.seen = e.seen || asked
			return append(dst, e.alone(o, r, ClassPendingReview, w, asked, errTooMany))
		}
		s := session{first: o.At, phase: trying, test: Test{Kind: Client}}
		if asked {
			s.test, s.anchor = w, w.From
		} else {
			s.anchor = e.newAnchor(o.At)
		}
		i = len(e.sessions)
		e.sessions = append(e.sessions, s)
	}
	s := &e.sessions[i]
	s.device = o.Device
	if u == failed {
		s.tries.count(st)
		s.note(o.ID)
		if st == em.SampleAmbient {
			if s.air.IsZero() {
				s.air = o.At
			} else if !o.At.Before(s.air.Add(e.l.AmbientRetry)) {
				s.alert = true
			}
		}
		class := ClassStarted
		if s.alert {
			class = ClassAmbient
		}
		return append(dst, e.sessionEvent(s, class, time.Time{}, nil, nil))
	}
	if asked {
		e.settle(w)
	}
	s.screen = newSample(o, r)
	s.before, s.tries, s.air, s.alert = s.tries.total(), tries{}, time.Time{}, false
	switch {
	case !reaches(x, e.l.screen):
		return e.conclude(dst, i, ClassPassed, o.At, nil, nil)
	case s.test.Kind == ToZero:
		return e.conclude(dst, i, ClassStillAbove, o.At, nil, nil)
	}
	s.phase = confirming
	return append(dst, e.sessionEvent(s, ClassConfirmDue, time.Time{}, nil, nil))
}

// sessionDeadline is when a session has had its time; zero for the one that
// waits for the current window w to end.
func (e *Evaluator) sessionDeadline(s *session, w Test, asked bool) time.Time {
	switch {
	case s.phase == confirming:
		return s.screen.at.Add(e.l.CompleteBy)
	case s.phase == overdue:
		return s.screen.at.Add(e.l.CompleteBy + e.l.MaxUpload)
	case !s.requested():
		return s.first.Add(e.l.CompleteBy)
	case asked && s.test.From.Equal(w.From):
		return time.Time{}
	}
	return s.test.To.Add(e.l.Grace) // a change of the schedule took its window away
}

// expire ends a session whose time is over. Where the instrument was silent too,
// the confirmation may have been given and not come: that is told, and waited for.
func (e *Evaluator) expire(dst []em.Event, i int, at time.Time) []em.Event {
	s := &e.sessions[i]
	class := s.expired(false)
	if s.phase == confirming && class == ClassMissedConfirmation {
		s.phase = overdue
		return append(dst, e.sessionEvent(s, ClassNotReceived, time.Time{}, nil, nil))
	}
	if s.phase == overdue {
		at = s.screen.at.Add(e.l.CompleteBy)
	}
	return e.conclude(dst, i, class, at, nil, nil)
}

// conclude closes a session with its verdict.
func (e *Evaluator) conclude(dst []em.Event, i int, class string, until time.Time, c *sample, heard *em.ObservationID) []em.Event {
	dst = append(dst, e.sessionEvent(&e.sessions[i], class, until, c, heard))
	e.sessions = slices.Delete(e.sessions, i, i+1)
	return dst
}

// newAnchor returns the instant at, or just after the last anchor where that
// instant is taken: two samples of one instant stay two events.
func (e *Evaluator) newAnchor(at time.Time) time.Time {
	if !at.After(e.anchor) {
		at = e.anchor.Add(1)
	}
	e.anchor = at
	return at
}

func newSample(o *em.Observation, r *em.AlcoholReading) sample {
	return sample{
		id: o.ID, device: o.Device, at: o.At, over: r.Status == em.SampleOverRange,
		given: em.AlcoholReading{Value: r.Value, Unit: r.Unit, Ratio: r.Ratio, Identity: r.Identity},
	}
}

// figure returns a sample in the rule's unit; nil above what the instrument
// measures. A sample from a state that this rule cannot compare counts as that.
func (e *Evaluator) figure(s *sample) *big.Rat {
	if s.over {
		return nil
	}
	x, _, err := e.l.measure(s.device, &s.given)
	if err != nil {
		return nil
	}
	return x
}
