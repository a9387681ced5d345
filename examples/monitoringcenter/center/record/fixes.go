package record

import (
	"context"
	"iter"
	"time"

	"github.com/sargas-em/em"
)

// Fixes yields all of a subject's positions in [from, to) that the late limits did
// not refuse, in the order of At, some thousand at a time.
func (s *Store) Fixes(ctx context.Context, subject em.SubjectID, from, to time.Time) iter.Seq2[em.Observation, error] {
	return func(yield func(em.Observation, error) bool) {
		at, id := nanos(from), []byte{}
		for {
			page, err := collect(ctx, s.r, scanObservation, `SELECT data FROM observation
				WHERE subject = ?1 AND at >= ?2 AND at < ?3 AND (at, id) > (?2, ?4) AND body = 'fix' AND id NOT IN (SELECT id FROM refused)
				ORDER BY at, id LIMIT ?5`, string(subject), at, nanos(to), id, mostRows)
			if err != nil {
				yield(em.Observation{}, err)
				return
			}
			for _, o := range page {
				if !yield(o, nil) {
					return
				}
			}
			if len(page) < mostRows {
				return
			}
			last := &page[len(page)-1]
			at, id = nanos(last.At), last.ID[:]
		}
	}
}
