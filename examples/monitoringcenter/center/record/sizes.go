package record

import (
	"context"
	"strings"
)

// Sizes are what tables take in bytes, with their indexes.
type Sizes struct {
	Tracks int64 // packed observations
	Frames int64 // raw frames
	Other  int64 // all else: what is not packed yet, events, incidents, the audit
}

// Sizes asks the database; of SQLite it reads the whole file.
func (s *Store) Sizes(ctx context.Context) (all Sizes, err error) {
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
		switch {
		case strings.HasPrefix(t.name, "segment"):
			all.Tracks += t.n
		case strings.HasPrefix(t.name, "frames"):
			all.Frames += t.n
		default:
			all.Other += t.n
		}
	}
	return all, err
}
