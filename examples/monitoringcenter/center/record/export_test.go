package record

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Small makes segments and the tail so small that a test fills many.
func (s *Store) Small(segment, tail int) { s.limits = limits{segment, tail, s.limits.nobodys} }

// Setting is one of the writer's session.
func (s *Store) Setting(ctx context.Context, name string) (value string, err error) {
	err = s.w.QueryRowContext(ctx, `SELECT current_setting($1)`, name).Scan(&value)
	return value, err
}

// Forgetful bounds nobody's streams in memory.
func (s *Store) Forgetful(most int) { s.limits.nobodys = most }

// Move asks for a move of what was written, however long ago the last one was.
func (s *Store) Move() {
	s.writing <- struct{}{}
	defer func() { <-s.writing }()
	s.mover.latest = time.Time{}
	s.mover.committed()
}

// WriteSegments writes so many full segments of a day in one transaction, in a
// statement each or together.
func (s *Store) WriteSegments(ctx context.Context, day int64, n int, together bool, data []byte) error {
	rows := slices.Repeat([]segmentRow{{1, span{day, day}, span{day, day}, data}}, n)
	return s.Update(ctx, func(t *Tx) error {
		if _, err := t.bucket(day); err != nil || together {
			return errors.Join(err, t.writeSegments(day, rows))
		}
		for i := range rows {
			if err := t.writeSegments(day, rows[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	})
}

// CopySegments does it by PostgreSQL's COPY.
func CopySegments(ctx context.Context, c *pgx.Conn, day int64, n int, data []byte) error {
	tx, err := c.Begin(ctx)
	if err != nil {
		return err
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{segmentTable(day)}, []string{"stream", "at_from", "at_to", "heard_from", "heard_to", "data"},
		pgx.CopyFromSlice(n, func(int) ([]any, error) { return []any{int64(1), day, day, day, day, data}, nil }))
	if err != nil {
		return err
	}
	return tx.Commit(ctx)
}
