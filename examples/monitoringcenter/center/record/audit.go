package record

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sargas-em/em"
)

// Entry is one row of the audit.
type Entry struct {
	N      int64           `json:"n"`
	At     time.Time       `json:"at"`
	Actor  string          `json:"actor"`
	Action string          `json:"action"`
	Target string          `json:"target"`
	Detail json.RawMessage `json:"detail,omitempty"`

	hash []byte
}

func (e *Entry) computeHash(prev []byte) []byte {
	b := em.AppendString(nil, string(prev))
	b = em.AppendInt(b, e.N)
	b = em.AppendTime(b, e.At)
	b = em.AppendString(em.AppendString(b, e.Actor), e.Action)
	b = em.AppendString(em.AppendString(b, e.Target), string(e.Detail))
	sum := sha256.Sum256(b)
	return sum[:]
}

func scanEntry(rows row, e *Entry) error {
	var (
		at     int64
		detail string
	)
	err := rows.Scan(&e.N, &at, &e.Actor, &e.Action, &e.Target, &detail, &e.hash)
	e.At, e.Detail = fromNanos(at), json.RawMessage(detail)
	return err
}

const auditColumns = `n, at, actor, action, target, detail, hash`

// NewEntry returns an entry that is not in any audit yet.
func NewEntry(actor, action, target string, detail any) (*Entry, error) {
	doc, err := json.Marshal(detail)
	if err != nil {
		return nil, fmt.Errorf("record: audit: %w", err)
	}
	return &Entry{Actor: actor, Action: action, Target: target, Detail: doc}, nil
}

// Audit adds an entry whose hash covers the entry before it. Actor is an
// operator, "center" or "api".
func (t *Tx) Audit(at time.Time, actor, action, target string, detail any) error {
	e, err := NewEntry(actor, action, target, detail)
	if err != nil {
		return err
	}
	last, err := collect(t.ctx, t.tx, scanEntry, `SELECT `+auditColumns+` FROM audit ORDER BY n DESC LIMIT 1`)
	if err != nil {
		return err
	}
	e.N, e.At = 1, at.UTC()
	var prev []byte
	if len(last) == 1 {
		e.N, prev = last[0].N+1, last[0].hash
	}
	return t.exec(`INSERT INTO audit (`+auditColumns+`) VALUES (?,?,?,?,?,?,?)`,
		e.N, nanos(e.At), e.Actor, e.Action, e.Target, string(e.Detail), e.computeHash(prev))
}

// AuditLog returns the newest entries about a target, or about all where it is
// empty, newest first.
func (s *Store) AuditLog(ctx context.Context, target string, n int) ([]Entry, error) {
	return collect(ctx, s.r, scanEntry, `SELECT `+auditColumns+` FROM audit WHERE ?1 = '' OR target = ?1 ORDER BY n DESC LIMIT ?2`, target, n)
}

// AuditError names the first audit entry that does not fit the chain.
type AuditError struct{ N int64 }

func (e *AuditError) Error() string {
	return fmt.Sprintf("record: audit entry %d was changed, or one before it removed", e.N)
}

// VerifyAudit walks the whole chain and returns its length. Where it breaks the
// error is an *AuditError.
func (s *Store) VerifyAudit(ctx context.Context) (n int64, err error) {
	rows, err := s.r.QueryContext(ctx, `SELECT `+auditColumns+` FROM audit ORDER BY n`)
	if err != nil {
		return 0, fmt.Errorf("record: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var prev []byte
	for rows.Next() {
		var e Entry
		if err := scanEntry(row{rows, s.r.d}, &e); err != nil {
			return n, fmt.Errorf("record: %w", err)
		}
		n++
		if e.N != n || !bytes.Equal(e.hash, e.computeHash(prev)) {
			return n, &AuditError{e.N}
		}
		prev = e.hash
	}
	return n, rows.Err()
}

// FeedItem is one thing that live pages are told.
type FeedItem struct {
	N    int64
	Kind string
	Data string // JSON
}

// feedKept bounds the feed: a page that was away longer loads everything anew.
const feedKept = 10_000

// Tell adds an item to the feed and returns it with its number.
func (t *Tx) Tell(kind string, data any) (FeedItem, error) {
	doc, err := json.Marshal(data)
	if err != nil {
		return FeedItem{}, fmt.Errorf("record: feed: %w", err)
	}
	n, err := t.insert(`INSERT INTO feed (n, kind, data) SELECT coalesce(max(n), 0) + 1, ?, ? FROM feed RETURNING n`, kind, string(doc))
	if err != nil {
		return FeedItem{}, err
	}
	if n%1000 == 0 {
		if err := t.exec(`DELETE FROM feed WHERE n <= ?`, n-feedKept); err != nil {
			return FeedItem{}, err
		}
	}
	return FeedItem{n, kind, string(doc)}, nil
}

// FeedAfter returns the items after number n, oldest first. ok is false where
// some of them are gone, or n is not of this feed: the page must load
// everything anew.
func (s *Store) FeedAfter(ctx context.Context, n int64) (items []FeedItem, ok bool, err error) {
	items, err = collect(ctx, s.r, func(rows row, i *FeedItem) error { return rows.Scan(&i.N, &i.Kind, &i.Data) },
		`SELECT n, kind, data FROM feed WHERE n >= ? ORDER BY n`, n)
	switch {
	case err != nil:
		return nil, false, err
	case len(items) == 0:
		return nil, n == 0, nil
	case items[0].N == n:
		return items[1:], true, nil
	}
	return items, items[0].N == n+1, nil
}

// FeedEnd returns the number of the newest item.
func (s *Store) FeedEnd(ctx context.Context) (n int64, err error) {
	if err = s.r.QueryRowContext(ctx, `SELECT coalesce(max(n), 0) FROM feed`).Scan(&n); err != nil {
		err = fmt.Errorf("record: %w", err)
	}
	return n, err
}
