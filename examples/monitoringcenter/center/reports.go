package center

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
	"github.com/sargas-em/em/geofence/movement"
)

// Reports about stored tracks are off unless the order of the person names the
// analysis, or a court's request that was recorded before. Each is noted in the
// audit when it is asked for, and again, with what was read, before it is shown.

const (
	actionCourtRequest = "record court request"
	// requestsKept bounds how many entries of one court's request are looked at:
	// it is recorded once, or a few times where it was extended.
	requestsKept = 100
)

func courtTarget(document string) string { return "court request " + document }

// recordRequest notes what a court has asked for.
func (e *engine) recordRequest(ctx context.Context, actor string, r web.CourtRequest) error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", web.ErrBadInput, what) }
	switch {
	case strings.TrimSpace(r.Document) == "":
		return bad("no document")
	case len(r.Analyses) == 0 || !roster.KnownAnalyses(r.Analyses):
		return bad("analyses are stops, places and coincidence")
	case !r.From.Before(r.To):
		return bad("no time window")
	}
	return e.do(ctx, func(s *step) error {
		for _, id := range r.People {
			if _, ok := s.engine.roster.Person(id); !ok {
				return bad(fmt.Sprintf("nobody is %q", id))
			}
		}
		return s.tx.Audit(s.now, actor, actionCourtRequest, courtTarget(r.Document), r)
	})
}

// authorize decides whose tracks an analysis may read, and notes that it was asked
// for.
func (e *engine) authorize(ctx context.Context, actor, analysis string, r web.ReportRequest) (a movement.Authorization, people []string, err error) {
	a = movement.Authorization{Request: "report " + rand.Text(), Basis: movement.Basis(r.Basis), Document: r.Document, By: actor,
		Purpose: r.Purpose, From: r.From, To: r.To}
	if err := a.Check(); err != nil {
		return a, nil, fmt.Errorf("%w: %w", web.ErrBadInput, err)
	}
	var granted []web.CourtRequest
	if a.Basis == movement.CourtRequest {
		entries, err := e.store.AuditLog(ctx, courtTarget(r.Document), requestsKept)
		if err != nil {
			return a, nil, err
		}
		for _, entry := range entries {
			var c web.CourtRequest
			if entry.Action != actionCourtRequest {
				continue
			}
			if err := json.Unmarshal(entry.Detail, &c); err != nil {
				return a, nil, fmt.Errorf("center: recorded request: %w", err)
			}
			if slices.Contains(c.Analyses, analysis) && !r.From.Before(c.From) && !r.To.After(c.To) {
				granted = append(granted, c)
			}
		}
	}
	err = e.do(ctx, func(s *step) error {
		for _, p := range s.engine.roster.People() {
			if r.Person != "" && r.Person != p.ID {
				continue
			}
			allowed := slices.ContainsFunc(granted, func(c web.CourtRequest) bool { return len(c.People) == 0 || slices.Contains(c.People, p.ID) })
			if a.Basis == movement.Order {
				allowed = slices.Contains(p.Analyses, analysis)
			}
			if allowed {
				people = append(people, p.ID)
			}
		}
		action := "ask for report"
		if len(people) == 0 {
			action = "refuse report"
		}
		return s.tx.Audit(s.now, actor, action, a.Request, map[string]any{"analysis": analysis, "person": r.Person, "authorization": a})
	})
	if err == nil && len(people) == 0 {
		err = fmt.Errorf("%w: neither an order nor a recorded request of a court names this analysis for that time", web.ErrBadInput)
	}
	return a, people, err
}

// disclose notes what was read for a report, and whom it tells about.
func (e *engine) disclose(ctx context.Context, d movement.Disclosure, about ...em.SubjectID) error {
	return e.do(ctx, func(s *step) error {
		if err := s.tx.Audit(s.now, d.By, "disclose report", d.Request, d); err != nil {
			return err
		}
		for _, id := range about {
			if err := s.tx.Audit(s.now, d.By, "disclose report", "person "+string(id), map[string]string{"request": d.Request, "analysis": d.Analysis}); err != nil {
				return err
			}
		}
		return nil
	})
}

// track is a person's positions for an analysis.
func (e *engine) track(ctx context.Context, person string, from, to time.Time) movement.Track {
	id := em.SubjectID(person)
	return movement.Track{Subject: id, Observations: func(yield func(em.Observation, error) bool) {
		store, err := e.evidence(ctx, id)
		if err != nil {
			yield(em.Observation{}, err)
			return
		}
		store.Fixes(ctx, id, from, to)(yield)
	}}
}

// analysed is an analysis' own error, or the caller's.
func analysed(err error) error {
	if errors.Is(err, movement.ErrUnauthorized) || errors.Is(err, movement.ErrRule) {
		return fmt.Errorf("%w: %w", web.ErrBadInput, err)
	}
	return err
}

// errNobody: a report about one person names none.
var errNobody = fmt.Errorf("%w: no person", web.ErrBadInput)

func (e *engine) stops(ctx context.Context, actor string, r web.ReportRequest) (*movement.StopReport, error) {
	if r.Person == "" {
		return nil, errNobody
	}
	a, people, err := e.authorize(ctx, actor, movement.AnalysisStops, r)
	if err != nil {
		return nil, err
	}
	rep, err := movement.Stops(a, e.track(ctx, people[0], a.From, a.To), movement.StopRule{Accuracy: movement.Accuracy{Assumed: roster.AssumedAccuracy}})
	if err != nil {
		return nil, analysed(err)
	}
	return rep, e.disclose(ctx, rep.Disclosure, rep.Subject)
}

func (e *engine) places(ctx context.Context, actor string, r web.ReportRequest) (*movement.PlaceReport, error) {
	if r.Person == "" {
		return nil, errNobody
	}
	a, people, err := e.authorize(ctx, actor, movement.AnalysisPlaces, r)
	if err != nil {
		return nil, err
	}
	rule := movement.PlaceRule{Stop: movement.StopRule{Accuracy: movement.Accuracy{Assumed: roster.AssumedAccuracy}}}
	rep, err := movement.Places(a, e.track(ctx, people[0], a.From, a.To), rule)
	if err != nil {
		return nil, analysed(err)
	}
	return rep, e.disclose(ctx, rep.Disclosure, rep.Subject)
}

func (e *engine) coincidence(ctx context.Context, actor string, r web.ReportRequest) (*movement.CoincidenceReport, error) {
	if r.Scene == nil || r.Person != "" {
		return nil, fmt.Errorf("%w: a coincidence is about a scene, and about nobody beforehand", web.ErrBadInput)
	}
	a, people, err := e.authorize(ctx, actor, movement.AnalysisCoincidence, r)
	if err != nil {
		return nil, err
	}
	tracks := func(yield func(movement.Track) bool) {
		for _, id := range people {
			if !yield(e.track(ctx, id, a.From, a.To)) {
				return
			}
		}
	}
	rep, err := movement.Coincide(a, *r.Scene, tracks, movement.CoincidenceRule{Accuracy: movement.Accuracy{Assumed: roster.AssumedAccuracy}})
	if err != nil {
		return nil, analysed(err)
	}
	var about []em.SubjectID
	for _, m := range rep.Matches {
		about = append(about, m.Subject())
	}
	return rep, e.disclose(ctx, rep.Disclosure, about...)
}
