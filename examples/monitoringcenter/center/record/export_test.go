package record

import "context"

// Small makes segments and the tail so small that a test fills many.
func (s *Store) Small(segment, tail int) { s.limits = limits{segment, tail} }

// Size asks PostgreSQL what the database's tables and indexes take.
func (s *Store) Size(ctx context.Context, n *int64) error {
	return s.r.QueryRowContext(ctx, `SELECT CAST(sum(pg_total_relation_size(c.oid)) AS BIGINT) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')`).Scan(n)
}

// Setting is one of the writer's session.
func (s *Store) Setting(ctx context.Context, name string) (value string, err error) {
	err = s.w.QueryRowContext(ctx, `SELECT current_setting($1)`, name).Scan(&value)
	return value, err
}
