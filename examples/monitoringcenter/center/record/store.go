// Package record is the center's system of record: one SQLite file with
// observations, verdicts, incidents, the audit and the position in the log, all
// changed together in one transaction by one writer.
package record

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is an open record. Reads may run at any time from any goroutine; writes
// go through one transaction at a time.
type Store struct {
	w *sql.DB // one connection
	r *sql.DB // read-only connections
}

// readers bounds concurrent reads of the page and the API.
const readers = 4

// Open opens or creates the file and brings its schema up to date.
func Open(ctx context.Context, file string) (*Store, error) {
	// FULL: a commit is on disk when it returns. NORMAL loses commits in a power cut.
	dsn := func(extra url.Values) string {
		q := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"}}
		for k, v := range extra {
			q[k] = append(q[k], v...)
		}
		return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: file}).EscapedPath(), RawQuery: q.Encode()}).String()
	}
	w, err := sql.Open("sqlite", dsn(url.Values{"_txlock": {"immediate"}}))
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	w.SetMaxOpenConns(1)
	if err := migrate(ctx, w); err != nil {
		return nil, errors.Join(fmt.Errorf("record: %w", err), w.Close())
	}
	r, err := sql.Open("sqlite", dsn(url.Values{"_pragma": {"query_only(1)"}}))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("record: %w", err), w.Close())
	}
	r.SetMaxOpenConns(readers)
	return &Store{w, r}, nil
}

func migrate(ctx context.Context, db *sql.DB) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, dir)
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// Close closes the file.
func (s *Store) Close() error { return errors.Join(s.r.Close(), s.w.Close()) }

// Tx is one transaction of the writer. It is not safe for concurrent use.
type Tx struct {
	tx  *sql.Tx
	ctx context.Context
}

// Update runs f in one transaction and commits it if f succeeds. While f runs
// no other Update does.
func (s *Store) Update(ctx context.Context, f func(*Tx) error) error {
	tx, err := s.w.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if err := f(&Tx{tx, ctx}); err != nil {
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

// querier is a transaction or the readers' pool.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// collect runs a query and scans all its rows.
func collect[T any](ctx context.Context, q querier, scan func(*sql.Rows, *T) error, query string, args ...any) (_ []T, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var all []T
	for rows.Next() {
		var v T
		if err := scan(rows, &v); err != nil {
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
