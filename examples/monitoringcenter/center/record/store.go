// Package record is the center's system of record: observations, verdicts,
// incidents, the audit and the position in the log, all changed together in one
// transaction by one writer. It is one SQLite file, or a PostgreSQL database: the
// same queries run on both (dialect.go).
package record

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// Store is an open record. Reads may run at any time from any goroutine; writes
// go through one transaction at a time.
type Store struct {
	w, readers *sql.DB // one connection; read-only ones
	r          querier // of the readers
}

// maxReaders bounds concurrent reads of the page and the API.
const maxReaders = 4

// Open opens the record and brings its schema up to date. Where begins with
// "postgres://" or "postgresql://" for a database that exists; else it is the
// name of an SQLite file, which is created if missing. ErrOwned is wrapped where
// another center writes to the database.
func Open(ctx context.Context, where string) (*Store, error) {
	open := openSQLite
	if IsURL(where) {
		open = openPostgres
	}
	s, err := open(ctx, where)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	return s, nil
}

// IsURL reports whether where names a PostgreSQL database, not a file.
func IsURL(where string) bool {
	return strings.HasPrefix(where, "postgres://") || strings.HasPrefix(where, "postgresql://")
}

// Unreachable reports whether an error says that the database cannot be reached
// now, is going down, or has no room: nothing is wrong with what was asked, and
// the same may succeed later. What a transaction did whose end fails so is not
// known; the position in the record tells.
func Unreachable(err error) bool {
	return fileFull(err) || serverAway(err)
}

// newStore brings the schema up to date through the writer and takes both pools;
// on an error it closes them.
func newStore(ctx context.Context, d *dialect, w, r *sql.DB) (*Store, error) {
	w.SetMaxOpenConns(1)
	r.SetMaxOpenConns(maxReaders)
	if err := d.migrate(ctx, w); err != nil {
		return nil, errors.Join(err, w.Close(), r.Close())
	}
	return &Store{w, r, querier{r, d}}, nil
}

func (d *dialect) migrate(ctx context.Context, db *sql.DB) error {
	dir, err := fs.Sub(migrations, "migrations/"+d.name)
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(d.goose, db, dir)
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// Close closes the record.
func (s *Store) Close() error { return errors.Join(s.readers.Close(), s.w.Close()) }

// Tx is one transaction of the writer. It is not safe for concurrent use.
type Tx struct {
	tx  querier
	ctx context.Context
}

// Update runs f in one transaction and commits it if f succeeds. While f runs
// no other Update does.
func (s *Store) Update(ctx context.Context, f func(*Tx) error) error {
	tx, err := s.w.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	var c conn = tx
	if s.r.d == &sqlite { // PostgreSQL's driver remembers by itself
		c = prepare(tx)
	}
	if err := f(&Tx{querier{c, s.r.d}, ctx}); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

func (t *Tx) exec(query string, args ...any) error {
	if _, err := t.tx.ExecContext(t.ctx, query, args...); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// insert runs an INSERT that returns the number of the new row.
func (t *Tx) insert(query string, args ...any) (n int64, err error) {
	if err := t.tx.QueryRowContext(t.ctx, query, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("record: %w", err)
	}
	return n, nil
}

// collect runs a query and scans all its rows.
func collect[T any](ctx context.Context, q querier, scan func(row, *T) error, query string, args ...any) (_ []T, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var all []T
	for rows.Next() {
		var v T
		if err := scan(row{rows, q.d}, &v); err != nil {
			return nil, fmt.Errorf("record: %w", err)
		}
		all = append(all, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	return all, nil
}

// nanos stores an instant; the zero time is the smallest number. What lies
// beyond the range, as a device's wrong clock may, counts as its end.
func nanos(t time.Time) int64 {
	switch {
	case t.IsZero():
		return minNanos
	case t.Before(fromNanos(minNanos + 1)):
		return minNanos + 1
	case t.After(fromNanos(maxNanos)):
		return maxNanos
	}
	return t.UnixNano()
}

const (
	minNanos = -1 << 63
	maxNanos = 1<<63 - 1
)

func fromNanos(n int64) time.Time {
	if n == minNanos {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// Position returns how far into which log the record is; the log is empty
// before SetLog.
func (t *Tx) Position() (log string, seq uint64, err error) {
	err = t.tx.QueryRowContext(t.ctx, `SELECT log, seq FROM position`).Scan(&log, &seq)
	if err != nil {
		err = fmt.Errorf("record: %w", err)
	}
	return log, seq, err
}

// SetLog says which log the record belongs to.
func (t *Tx) SetLog(id string) error { return t.exec(`UPDATE position SET log = ?`, id) }

// SetPosition says that the log up to seq is in the record.
func (t *Tx) SetPosition(seq uint64) error { return t.exec(`UPDATE position SET seq = ?`, int64(seq)) }
