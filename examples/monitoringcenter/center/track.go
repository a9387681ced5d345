package center

import (
	"context"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// readTrack reads a person's positions. That they are disclosed, to whom and how
// many, is in the audit before anybody sees them.
func (e *engine) readTrack(ctx context.Context, actor string, r web.TrackRequest) ([]em.Observation, error) {
	fixes, err := e.store.Track(ctx, em.SubjectID(r.Person), r.From, r.To, r.Most)
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
