package center

import (
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

// alarm names a state of the center itself that people are to know of.
type alarm struct {
	kind  em.EventKind
	about string
}

// Kinds of the center's own alarms, incidents of the system. Each lasts from
// when it is found to when it is over.
const (
	kindCapacity = em.EventKind("center.capacity") // about the resource
	kindClock    = em.EventKind("center.clock")
	kindCanary   = em.EventKind("center.canary")
)

// centerEvent is an event that the center itself found.
func centerEvent(subject em.SubjectID, a alarm, anchor, at time.Time, severity em.Severity, reason string, facts []em.Fact) em.Event {
	e := em.Event{Rule: "center", Version: "1", About: a.about, Anchor: anchor, At: at,
		Detail: em.Detail{Kind: a.kind, Severity: severity, Reason: reason, Facts: facts}}
	e.Stamp(subject, at)
	return e
}

// loadAlarms takes up the alarms that go on, so that a new start tells none
// twice.
func (s *step) loadAlarms() error {
	open, err := s.tx.OpenIncidents()
	if err != nil {
		return err
	}
	for _, i := range open {
		e := i.Event
		if e.Subject == systemSubject && e.Rule == "center" && e.Until.IsZero() && i.Verdict == record.Stands {
			s.alarms[alarm{e.Detail.Kind, e.About}] = e
		}
	}
	return nil
}

// alarm says that something is so with a severity, or, with em.Info, that it is
// not. While it is, it is one incident: told when it begins, when its severity
// changes, and when it ends.
func (s *step) alarm(a alarm, severity em.Severity, reason string, facts ...em.Fact) error {
	e, on := s.alarms[a]
	kind := em.Opened
	switch {
	case severity == em.Info && !on, on && e.Detail.Severity == severity:
		return nil
	case severity == em.Info:
		kind = em.Closed
		e.Until = s.now
	case on:
		kind = em.Updated
		e.Detail.Severity, e.Detail.Reason, e.Detail.Facts = severity, reason, facts
	default:
		e = centerEvent(systemSubject, a, s.now, s.now, severity, reason, facts)
	}
	s.views = append(s.views, func() {
		if kind == em.Closed {
			delete(s.alarms, a)
		} else {
			s.alarms[a] = e
		}
	})
	return s.incident(&em.Change{Kind: kind, Event: e, Known: s.now})
}
