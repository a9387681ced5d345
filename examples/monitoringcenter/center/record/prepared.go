package record

import (
	"context"
	"database/sql"
)

// prepared is a transaction of SQLite that parses each query once: the writer
// says the same few for every report of a batch, and parsing costs more than
// most of them take. Queries are constants of this package, so that what it holds
// is bounded; the end of the transaction closes them. Queries of several rows are
// not prepared: their rows are read one at a time.
type prepared struct {
	*sql.Tx
	known map[string]*sql.Stmt
}

func prepare(tx *sql.Tx) conn { return prepared{tx, map[string]*sql.Stmt{}} }

func (p prepared) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if s := p.known[query]; s != nil {
		return s, nil
	}
	s, err := p.Tx.PrepareContext(ctx, query)
	if err == nil {
		p.known[query] = s
	}
	return s, err
}

func (p prepared) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s, err := p.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

func (p prepared) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	s, err := p.stmt(ctx, query)
	if err != nil {
		return p.Tx.QueryRowContext(ctx, query, args...) // which tells the error
	}
	return s.QueryRowContext(ctx, args...)
}
