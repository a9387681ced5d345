package center

import (
	"context"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// readTrack reads a person's positions. That they are disclosed, to whom and how
// many, is in the audit before anybody sees them.
func (e *engine) readTrack(ctx context.Context, actor string, r web.TrackRequest) ([]em.Observation, error) {
	store, err := e.evidence(ctx, em.SubjectID(r.Person))
	if err != nil {
		return nil, err
	}
	fixes, err := store.Track(ctx, em.SubjectID(r.Person), r.From, r.To, r.Most)
	if err != nil {
		return nil, err
	}
	err = e.do(ctx, func(s *step) error {
		return s.tx.Audit(s.now, actor, "read track", "person "+r.Person, map[string]any{"from": r.From.UTC(), "to": r.To.UTC(), "positions": len(fixes)})
	})
	if err != nil {
		return nil, err
	}
	return fixes, nil
}

// discloseEvidence notes that somebody reads what an incident rests on, for each
// person whom that is about.
func (e *engine) discloseEvidence(ctx context.Context, actor string, i record.Incident, observations int) error {
	about := []string{"person " + string(i.Event.Subject)}
	if w, p, ok := roster.PairOf(i.Event.Subject); ok {
		about = []string{"person " + w, "person " + p}
	} else if d, ok := roster.UnitOf(i.Event.Subject); ok {
		about = []string{"unit " + string(d)}
	} else if i.Event.Subject == systemSubject {
		about = []string{web.IncidentTarget(i.ID)}
	}
	return e.do(ctx, func(s *step) error {
		for _, target := range about {
			if err := s.tx.Audit(s.now, actor, "read evidence", target, map[string]any{"incident": i.ID, "observations": observations}); err != nil {
				return err
			}
		}
		return nil
	})
}
