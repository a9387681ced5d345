package record

import (
	"context"
	"database/sql"
)

// statements are the queries of SQLite's writer, parsed once: it says the same few
// for every report, and parsing costs more than most of them take. They belong to
// its one connection, and are made while no transaction holds it.
type statements struct {
	db    *sql.DB
	known map[string]*sql.Stmt
}

// statementsMost bounds them: queries are constants of this package, but for the
// days in the names of their tables.
const statementsMost = 256

// learn parses the queries that a transaction has met. What cannot be parsed now is
// parsed again when it is asked.
func (s *statements) learn(ctx context.Context, queries map[string]*sql.Stmt) {
	if len(s.known)+len(queries) > statementsMost {
		for _, stmt := range s.known {
			stmt.Close()
		}
		clear(s.known)
	}
	for q := range queries {
		if s.known[q] != nil {
			continue
		}
		if stmt, err := s.db.PrepareContext(ctx, q); err == nil {
			s.known[q] = stmt
		}
	}
}

// prepared is a transaction that uses them, and parses what it meets for the first
// time once for itself. The end of the transaction closes its own.
type prepared struct {
	*sql.Tx
	known, own map[string]*sql.Stmt // parsed before; of this transaction
}

func (s *statements) of(tx *sql.Tx) prepared { return prepared{tx, s.known, map[string]*sql.Stmt{}} }

func (p prepared) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if s := p.own[query]; s != nil {
		return s, nil
	}
	var (
		s   *sql.Stmt
		err error
	)
	if known := p.known[query]; known != nil {
		s = p.Tx.StmtContext(ctx, known)
	} else {
		s, err = p.Tx.PrepareContext(ctx, query)
	}
	if err == nil {
		p.own[query] = s
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

func (p prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := p.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

func (p prepared) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	s, err := p.stmt(ctx, query)
	if err != nil {
		return p.Tx.QueryRowContext(ctx, query, args...) // which tells the error
	}
	return s.QueryRowContext(ctx, args...)
}
