package record

import (
	"context"
	"strings"
	"time"
)

// Small makes segments and the tail so small that a test fills many.
func (s *Store) Small(segment, tail int) { s.limits = limits{segment, tail, s.limits.nobodys} }

// Sizes returns what the tables of arrivals, of frames, and all of them take in
// bytes, with their indexes.
func (s *Store) Sizes(ctx context.Context) (tracks, frames, all int64, err error) {
	q := `SELECT name, sum(pgsize) FROM dbstat GROUP BY name`
	if s.r.d == &postgres {
		q = `SELECT c.relname, pg_total_relation_size(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind = 'r'`
	}
	type table struct {
		name string
		n    int64
	}
	tables, err := collect(ctx, s.r, func(r row, t *table) error { return r.Scan(&t.name, &t.n) }, q)
	for _, t := range tables {
		all += t.n
		switch {
		case strings.HasPrefix(t.name, "segment"):
			tracks += t.n
		case strings.HasPrefix(t.name, "frames"):
			frames += t.n
		}
	}
	return tracks, frames, all, err
}

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
