package center

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// incident is the center's policy from verdicts to incidents:
//
//   - An event of severity Technical or above is one incident, through all its
//     versions; Info is kept as an event and shown on the track only.
//   - Evidence changes an incident's verdict, never its handling: a withdrawn
//     one stays in the queue until a person closes it.
//   - A closed incident whose event gets worse, or comes back, is new again.
func (s *step) incident(c *em.Change) error {
	inc, err := s.tx.IncidentOf(c.Event.ID)
	if c.Kind == em.Moved {
		// The incident follows its event, past one that an event withdrawn
		// earlier has left where this one comes to.
		was, werr := s.tx.IncidentOf(c.Was.ID)
		if !errors.Is(werr, record.ErrNoIncident) {
			inc, err = was, werr
		}
	}
	known := err == nil
	switch {
	case err != nil && !errors.Is(err, record.ErrNoIncident):
		return err
	case !known && (c.Event.Detail.Severity == em.Info || c.Kind == em.Withdrawn):
		return nil
	}
	action := "verdict " + c.Kind.String()
	was := inc
	inc.Changed = c.Known
	switch {
	case !known:
		action = "raise"
		s.raised = append(s.raised, c.Event.Detail)
		inc = record.Incident{Verdict: record.Stands, Handling: record.New, Raised: c.Known, Changed: c.Known, Event: c.Event, Knowable: s.knowable(c)}
		inc.Late = lateness(c.Event.Concluded, inc.Knowable, c.Known, s.entering, s.runs)
	case c.Kind == em.Withdrawn || c.Event.Detail.Severity == em.Info:
		// Info: the evidence now says that nothing was wrong.
		inc.Verdict = record.Withdrawn
		if c.Kind != em.Withdrawn {
			inc.Event = c.Event
		}
	default:
		inc.Verdict, inc.Event = record.Stands, c.Event
		if was.Handling == record.Closed && (was.Verdict == record.Withdrawn || c.Event.Detail.Severity > was.Event.Detail.Severity) {
			action, inc.Handling = "raise again", record.New
		}
	}
	if inc.ID, err = s.tx.PutIncident(inc); err != nil {
		return err
	}
	err = s.tx.Audit(s.now, "center", action, web.IncidentTarget(inc.ID), map[string]string{
		"class": c.Event.Detail.Class, "verdict": inc.Verdict, "cause": c.Cause.String(),
	})
	if err != nil {
		return err
	}
	s.recount(was, inc)
	if err := s.notify(was, inc, c, known, action == "raise again"); err != nil {
		return err
	}
	return s.tell(inc)
}

// tell puts an incident's present state into the live feed.
func (s *step) tell(inc record.Incident) error {
	g, err := s.tx.Group(inc.Event.ID)
	if err != nil {
		return err
	}
	item, err := s.tx.Tell("incident", web.NewIncident(inc, g, s.name))
	if err == nil {
		s.feed = append(s.feed, item)
	}
	return err
}

// ErrHandling: the incident is not in a state from which it can go there.
var ErrHandling = fmt.Errorf("%w: the incident is closed already", web.ErrBadInput)

// handle records what a person did about an incident.
func (e *engine) handle(ctx context.Context, actor string, id int64, to record.Handling, note string) (record.Incident, error) {
	note = strings.TrimSpace(note)
	var inc record.Incident
	err := e.do(ctx, func(s *step) error {
		var err error
		if inc, err = s.tx.Incident(id); err != nil {
			return err
		}
		if inc.Handling == record.Closed {
			return ErrHandling
		}
		if to == record.Closed && note == "" {
			return fmt.Errorf("%w: closing an incident needs a note that says why", web.ErrBadInput)
		}
		was := inc
		inc.Handling, inc.By, inc.Changed = to, actor, s.now
		if note != "" {
			inc.Note = note
		}
		if _, err := s.tx.PutIncident(inc); err != nil {
			return err
		}
		if err := s.tx.Audit(s.now, actor, string(to), web.IncidentTarget(id), map[string]string{"note": note}); err != nil {
			return err
		}
		s.recount(was, inc)
		return s.tell(inc)
	})
	return inc, err
}

// raise makes an incident of something that the center itself found at an
// instant. However often it is found again within the hour, it is one incident.
func (s *step) raise(subject em.SubjectID, kind em.EventKind, about string, at time.Time, severity em.Severity, reason string, facts ...em.Fact) error {
	e := centerEvent(subject, alarm{kind, about}, at.Truncate(time.Hour), at, severity, reason, facts)
	if _, err := s.tx.IncidentOf(e.ID); !errors.Is(err, record.ErrNoIncident) {
		return err
	}
	return s.incident(&em.Change{Kind: em.Opened, Event: e, Known: s.now})
}
