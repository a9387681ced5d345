package alcohol

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// errTooMany is why a sample of a seventeenth instrument at once is not followed.
var errTooMany = errors.New("more instruments in use at once than are followed")

// facts is a list of facts in the making.
type facts []em.Fact

func (f *facts) text(name, text string) {
	if text != "" {
		*f = append(*f, em.Fact{Name: name, Text: text})
	}
}

func (f *facts) at(name string, t time.Time) { f.text(name, t.Format(time.RFC3339Nano)) }

func (f *facts) count(name string, n uint64) {
	if n > 0 {
		*f = append(*f, em.Fact{Name: name, Text: fmt.Sprint(n), Num: float64(n), Unit: "1"})
	}
}

func (f *facts) minutes(name string, d time.Duration) {
	*f = append(*f, em.Fact{Name: name, Text: span(d), Num: d.Minutes(), Unit: "min"})
}

func (f *facts) limit(name string, c Concentration) {
	*f = append(*f, em.Fact{Name: name, Text: c.String(), Num: c.Number.Float(), Unit: string(c.Unit)})
}

func (f *facts) value(name string, v Value) {
	c := v.Concentration()
	*f = append(*f, em.Fact{Name: name, Text: v.String(), Num: c.Number.Float(), Unit: string(c.Unit)})
}

const overRange = "above what the instrument measures"

// figure adds a sample as the instrument gave it and, where that is another
// number or rests on a ratio, as it was compared.
func (f *facts) figure(l *limits, name string, s *sample) {
	if s.over {
		f.text(name, overRange)
		return
	}
	given := Concentration{s.given.Value, s.given.Unit}
	f.limit(name, given)
	if s.given.Ratio.OK {
		f.text(name+" ratio", colon(s.given.Ratio.V)+", stated by the instrument")
	}
	if _, v, err := l.measure(s.device, &s.given); err == nil && v.String() != given.String() {
		f.value(name+" compared", v)
	}
}

// show is a sample in words: its figure in the rule's unit.
func (l *limits) show(s *sample) string {
	if s.over {
		return overRange
	}
	_, v, err := l.measure(s.device, &s.given)
	if err != nil {
		return Concentration{s.given.Value, s.given.Unit}.String()
	}
	return v.String()
}

// number shows an exact number in the rule's unit with as many decimals as it
// takes, up to three more than samples have.
func (l *limits) number(x *big.Rat) (string, float64) {
	var d em.Decimal
	for n := l.decimals; n <= min(l.decimals+3, maxScale); n++ {
		v, rest, err := truncate(x, n)
		if err != nil {
			break
		}
		if d = v; !rest {
			break
		}
	}
	return d.String() + " " + string(l.unit), d.Float()
}

func (l *limits) limitFacts(f *facts) {
	f.limit("screening limit", l.Screen)
	f.limit("confirmation limit", l.Confirm)
	f.limit("pair tolerance", l.PairTolerance)
	f.limit("guard", l.Guard)
	f.minutes("wait required", l.Wait)
	f.minutes("complete by", l.CompleteBy)
	if l.Ratio != 0 {
		f.text("ratio of the rule", colon(l.Ratio))
	}
}

func (t Test) facts(f *facts) {
	f.text("test", string(t.Kind))
	f.text("request", t.ID)
	if !t.From.IsZero() {
		f.text("window", t.From.Format(time.RFC3339)+"/"+t.To.Format(time.RFC3339))
	}
}

// sessionEvent returns the present version of a session's event. until is zero
// while it is open; c is the confirmation that decided it, heard the sign of
// life that did.
func (e *Evaluator) sessionEvent(s *session, class string, until time.Time, c *sample, heard *em.ObservationID) em.Event {
	ev := e.event(KindBreath, class, s.severity(class, heard != nil))
	ev.Anchor, ev.At, ev.Until = s.anchor, s.first, until
	if !s.requested() {
		ev.About = string(s.device)
	}
	f := (*facts)(&ev.Detail.Facts)
	s.test.facts(f)
	f.text("device", string(s.device))
	if s.phase != trying || class == ClassPassed || class == ClassStillAbove {
		ev.Because = append(ev.Because, s.screen.id)
		f.figure(e.l, "screening", &s.screen)
		f.at("screening at", s.screen.at)
		f.text("identity", string(s.screen.given.Identity))
		f.count("tries before", s.before)
	}
	var p pair
	if c != nil {
		ev.Because = append(ev.Because, c.id)
		p = newPair(e.figure(&s.screen), e.figure(c))
		f.figure(e.l, "confirmation", c)
		f.at("confirmation at", c.at)
		if c.device != s.screen.device {
			f.text("confirmation device", string(c.device))
		}
		f.minutes("wait", c.at.Sub(s.screen.at))
		if p.diff != nil {
			text, num := e.l.number(p.diff)
			*f = append(*f, em.Fact{Name: "difference", Text: text, Num: num, Unit: string(e.l.unit)})
			lower, higher := &s.screen, c
			if p.lower != p.r {
				lower, higher = c, &s.screen
			}
			f.text("lower", e.l.show(lower))
			f.text("higher", e.l.show(higher))
		}
	}
	if heard != nil {
		ev.Because = append(ev.Because, *heard)
	}
	ev.Because = append(ev.Because, s.because...)
	if class == ClassConfirmDue || class == ClassNotReceived {
		f.at("confirmation from", s.screen.at.Add(e.l.Wait))
		f.at("confirmation until", s.screen.at.Add(e.l.CompleteBy))
	}
	if class == ClassNotReceived {
		f.at("provisional until", s.screen.at.Add(e.l.CompleteBy+e.l.MaxUpload))
	}
	f.count("samples too early", s.tries.early)
	f.count("samples invalid", s.tries.invalid)
	f.count("samples aborted", s.tries.aborted)
	f.count("samples refused by the instrument", s.tries.sensor)
	f.count("samples refused for alcohol in the air", s.tries.ambient)
	f.count("samples not judged", s.tries.unjudged)
	e.l.limitFacts(f)
	ev.Detail.Reason = e.reason(s, class, c, p, heard != nil)
	return ev
}

// reason says in a sentence why a session has its class.
func (e *Evaluator) reason(s *session, class string, c *sample, p pair, heard bool) string {
	l := e.l
	started := "A breath test was started and has no valid sample after one try"
	if n := s.tries.total(); n != 1 {
		started = fmt.Sprintf("A breath test was started and has no valid sample after %d tries", n)
	}
	positive := fmt.Sprintf("A breath sample reaches the limit of %s (%s)", l.Screen, l.show(&s.screen))
	switch class {
	case ClassStarted:
		return started + "; another may follow."
	case ClassAmbient:
		return started + ": the air around the instrument has alcohol in it."
	case ClassIncomplete:
		if s.tries.invalid+s.tries.aborted == 0 {
			return started + ": the instrument refused."
		}
		return started + "."
	case ClassPassed:
		return fmt.Sprintf("The breath sample is below the limit of %s (%s).", l.Screen, l.show(&s.screen))
	case ClassStillAbove:
		return positive + " in a test to zero: the wearer is not yet below it."
	case ClassConfirmDue:
		return fmt.Sprintf("%s; a second sample is due %s to %s after it.", positive, span(l.Wait), span(l.CompleteBy))
	case ClassNotReceived:
		return fmt.Sprintf("%s; no second sample of the %s after it has come, but nothing was heard from the instrument since either.", positive, span(l.CompleteBy))
	case ClassMissedConfirmation:
		if heard {
			return fmt.Sprintf("%s; no second sample was given in the %s after it, and the instrument was heard since.", positive, span(l.CompleteBy))
		}
		return fmt.Sprintf("%s; no second sample has come, and nothing was heard from the instrument for %s.", positive, span(l.MaxUpload))
	case ClassIncompleteConfirm:
		return fmt.Sprintf("%s; a second sample was begun and none was completed in the %s after it.", positive, span(l.CompleteBy))
	case ClassPendingReview:
		switch {
		case s.phase == trying:
			return started + "; what else was given is not certainly the wearer's own or cannot be judged, so a person has to look at it."
		case s.tries.unjudged > 0:
			return positive + "; the second is not certainly the wearer's own or cannot be judged, so a person has to look at it."
		}
		return positive + "; the instrument refused the second, so a person has to look at it."
	}
	// What follows is a verdict on a pair.
	both := fmt.Sprintf("first %s, then %s, %s later", l.show(&s.screen), l.show(c), span(c.at.Sub(s.screen.at)))
	reach, limit := "Two breath samples reach the limit of "+l.Screen.String(), l.Screen.String()
	if l.Confirm != l.Screen {
		reach = fmt.Sprintf("The first breath sample reaches its limit of %s and the second its limit of %s", l.Screen, l.Confirm)
		limit = fmt.Sprintf("%s for the first and %s for the second", l.Screen, l.Confirm)
	}
	differ := "by an amount that is not known"
	if p.diff != nil {
		n, _ := l.number(p.diff)
		differ = "by " + n
	}
	switch class {
	case ClassFailed:
		return fmt.Sprintf("%s (%s).", reach, both)
	case ClassAbnormalConfirmation:
		return fmt.Sprintf("%s but they differ %s, and %s is allowed (%s).", reach, differ, l.PairTolerance, both)
	case ClassAtThreshold:
		return fmt.Sprintf("A breath sample is within %s of its limit of %s, too near to call (%s).", l.Guard, limit, both)
	case ClassMouthAlcohol:
		return fmt.Sprintf("The second breath sample is below the limit of %s and far below the first, as after alcohol in the mouth (%s).", l.Confirm, both)
	}
	return fmt.Sprintf("The second breath sample is below the limit of %s, so the first is not confirmed (%s).", l.Confirm, both)
}

// alone returns the event of a sample that is judged by itself.
func (e *Evaluator) alone(o *em.Observation, r *em.AlcoholReading, class string, w Test, asked bool, err error) em.Event {
	sev := em.Technical
	if class == ClassPendingReview {
		sev = em.Warning
	}
	ev := e.event(KindBreath, class, sev)
	ev.About = string(o.Device)
	ev.Anchor, ev.At, ev.Until = e.newAnchor(o.At), o.At, o.At
	ev.Because = []em.ObservationID{o.ID}
	if !asked {
		w = Test{Kind: Client}
	}
	f := (*facts)(&ev.Detail.Facts)
	w.facts(f)
	f.text("device", string(o.Device))
	s := newSample(o, r)
	f.figure(e.l, "sample", &s)
	f.text("identity", string(r.Identity))
	if !r.CalDue.IsZero() {
		f.at("calibration due", r.CalDue)
	}
	e.l.limitFacts(f)
	ev.Detail.Reason = aloneReason(r, class, err)
	return ev
}

func aloneReason(r *em.AlcoholReading, class string, err error) string {
	switch {
	case class == ClassUncalibrated:
		return "The instrument was due for calibration when the breath sample was given, so the sample is no evidence."
	case err != nil:
		return "The breath sample was not judged: " + strings.TrimPrefix(err.Error(), "alcohol: ") + "."
	case r.Identity == em.IdentityNone:
		return "The breath sample was given without an identity check, so it neither passes nor fails the wearer; a new test is needed."
	case r.Identity == em.IdentityUnsure:
		return "The identity check of the breath sample was not sure that it is the wearer's; a person has to look at it, and a new test is needed."
	}
	return "The identity check of the breath sample did not recognise the wearer, so it neither passes nor fails the wearer; a person has to look at it, and a new test is needed."
}

func (e *Evaluator) missedEvent(p *pending, final bool) em.Event {
	sev := em.Technical
	why := "no result has come; nothing was heard from the instrument since, so it is not known whether the test was taken."
	if p.class == ClassMissed {
		sev = em.Warning
		why = "no sample was given; the instrument was heard since."
	}
	ev := e.event(KindMissed, p.class, sev)
	ev.Anchor, ev.At = p.test.From, p.test.From
	if final {
		ev.Until = p.test.To
	}
	if p.id != (em.ObservationID{}) {
		ev.Because = []em.ObservationID{p.id}
	}
	f := (*facts)(&ev.Detail.Facts)
	p.test.facts(f)
	f.at("answered until", p.over)
	f.at("provisional until", p.over.Add(e.l.MaxUpload))
	ev.Detail.Reason = fmt.Sprintf("The breath test was asked for from %s to %s, and %s",
		p.test.From.Format("2006-01-02 15:04"), p.test.To.Format("15:04 UTC"), why)
	return ev
}

func (e *Evaluator) calibrationEvent(o *em.Observation, c calibration) em.Event {
	ev := e.event(KindCalibration, ClassCalibrationDue, em.Technical)
	ev.About = string(c.device)
	ev.Anchor, ev.At, ev.Until = c.due, o.At, o.At
	ev.Because = []em.ObservationID{o.ID}
	f := (*facts)(&ev.Detail.Facts)
	f.text("device", string(c.device))
	f.at("calibration due", c.due)
	ev.Detail.Reason = fmt.Sprintf("The breath instrument is due for calibration on %s; its samples after that are no evidence.", c.due.Format("2006-01-02 15:04 UTC"))
	return ev
}

func (e *Evaluator) event(kind em.EventKind, class string, sev em.Severity) em.Event {
	return em.Event{
		Rule: ruleName, Version: e.l.Version,
		Detail: em.Detail{Kind: kind, Class: class, Severity: sev},
	}
}

// span shows a duration in words.
func span(d time.Duration) string {
	var parts []string
	for _, u := range []struct {
		name string
		d    time.Duration
	}{{"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}} {
		if n := d / u.d; n > 0 {
			d -= n * u.d
			if n > 1 {
				u.name += "s"
			}
			parts = append(parts, fmt.Sprintf("%d %s", n, u.name))
		}
	}
	if parts == nil {
		return "0 seconds"
	}
	return strings.Join(parts, " ")
}
