package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// Doc is a stored person, zone or set of rules: the JSON document as it was accepted.
type Doc struct {
	ID    string
	Since time.Time // persons: when monitoring began; rules: from when they hold
	JSON  []byte
}

// PutPerson stores a person's document; Since stays that of the first one.
func (t *Tx) PutPerson(d Doc) error {
	return t.exec(`INSERT INTO person (id, since, doc) VALUES (?,?,?) ON CONFLICT (id) DO UPDATE SET doc = excluded.doc`,
		d.ID, nanos(d.Since), string(d.JSON))
}

// PutRules stores the rules that a person is judged by from an instant on,
// instead of all stored for then and later.
func (t *Tx) PutRules(person string, since time.Time, doc []byte) error {
	if err := t.exec(`DELETE FROM rules WHERE person = ? AND since >= ?`, person, nanos(since)); err != nil {
		return err
	}
	return t.exec(`INSERT INTO rules (person, since, doc) VALUES (?,?,?)`, person, nanos(since), string(doc))
}

// Rules returns all rules that a person was ever judged by, oldest first.
func (t *Tx) Rules(person string) ([]Doc, error) {
	return collect(t.ctx, t.tx, func(rows row, d *Doc) error {
		var since int64
		err := rows.Scan(&d.ID, &since, (*document)(&d.JSON))
		d.Since = fromNanos(since)
		return err
	}, `SELECT person, since, doc FROM rules WHERE person = ? ORDER BY since`, person)
}

// RulesAt returns the rules that a person was judged by at an instant; nil
// where there were none.
func (s *Store) RulesAt(ctx context.Context, person string, at time.Time) ([]byte, error) {
	all, err := collect(ctx, s.r, func(rows row, doc *[]byte) error { return rows.Scan((*document)(doc)) },
		`SELECT doc FROM rules WHERE person = ? AND since <= ? ORDER BY since DESC LIMIT 1`, person, nanos(at))
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

// PutZone stores a zone's document.
func (t *Tx) PutZone(d Doc) error {
	return t.exec(`INSERT INTO zone (id, doc) VALUES (?,?) ON CONFLICT (id) DO UPDATE SET doc = excluded.doc`, d.ID, string(d.JSON))
}

// Persons returns all persons by ID.
func (s *Store) Persons(ctx context.Context) ([]Doc, error) {
	return collect(ctx, s.r, func(rows row, d *Doc) error {
		var since int64
		err := rows.Scan(&d.ID, &since, (*document)(&d.JSON))
		d.Since = fromNanos(since)
		return err
	}, `SELECT id, since, doc FROM person ORDER BY id`)
}

// Zones returns all zones by ID.
func (s *Store) Zones(ctx context.Context) ([]Doc, error) {
	return collect(ctx, s.r, func(rows row, d *Doc) error { return rows.Scan(&d.ID, (*document)(&d.JSON)) }, `SELECT id, doc FROM zone ORDER BY id`)
}

// quarantineMost bounds the list of unknown devices: whoever can reach the port
// can invent identities. Their frames are in the log and the record all the same.
const quarantineMost = 10_000

// Quarantine notes frames of a device that nobody is known to carry, or of a
// connection that named none, and keeps the last few of the report's.
func (t *Tx) Quarantine(r *protocol.Report, device em.DeviceID, reason string, frames int) error {
	var was []byte
	err := t.tx.QueryRowContext(t.ctx, `SELECT recent FROM quarantine WHERE device = ? AND codec = ?`, string(device), r.Codec).Scan(&was)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("record: %w", err)
	}
	last, err := readRecent(was)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return t.exec(`INSERT INTO quarantine (device, codec, reason, first, last, frames, recent)
		SELECT ?1, ?2, ?3, CAST(?4 AS BIGINT), CAST(?4 AS BIGINT), CAST(?5 AS BIGINT), ?7
		WHERE (SELECT count(*) FROM quarantine) < ?6 OR EXISTS (SELECT 1 FROM quarantine WHERE device = ?1 AND codec = ?2)
		ON CONFLICT (device, codec) DO UPDATE SET reason = excluded.reason, last = excluded.last, frames = quarantine.frames + excluded.frames, recent = excluded.recent`,
		string(device), r.Codec, reason, nanos(r.Received), frames, quarantineMost, last.add(r).append([]byte{}))
}

// Strangers returns how many unknown devices there are, and how many fit.
func (s *Store) Strangers(ctx context.Context) (n, most int64, err error) {
	if err := s.r.QueryRowContext(ctx, `SELECT count(*) FROM quarantine`).Scan(&n); err != nil {
		return 0, quarantineMost, fmt.Errorf("record: %w", err)
	}
	return n, quarantineMost, nil
}

// Release takes a device off the quarantine list.
func (t *Tx) Release(device em.DeviceID) error {
	return t.exec(`DELETE FROM quarantine WHERE device = ?`, string(device))
}

// Quarantined is one unknown device with its last frames.
type Quarantined struct {
	Device, Codec, Reason string
	First, Last           time.Time
	Frames                int64
	LastFrames            []FrameRow // newest first
}

// Quarantined lists unknown devices, those heard last first, at most n, each
// with its last few frames.
func (s *Store) Quarantined(ctx context.Context, n, most int) ([]Quarantined, error) {
	return collect(ctx, s.r, func(rows row, q *Quarantined) error {
		var (
			first, last int64
			frames      []byte
		)
		if err := rows.Scan(&q.Device, &q.Codec, &q.Reason, &first, &last, &q.Frames, &frames); err != nil {
			return err
		}
		q.First, q.Last = fromNanos(first), fromNanos(last)
		of, err := readRecent(frames)
		q.LastFrames = of.newestFirst(most)
		return err
	}, `SELECT device, codec, reason, first, last, frames, recent FROM quarantine ORDER BY last DESC, device, codec LIMIT ?`, n)
}

// Secret returns a key that is made once, by random, and kept.
func (t *Tx) Secret(name string, random func() []byte) (key []byte, err error) {
	err = t.tx.QueryRowContext(t.ctx, `SELECT key FROM secret WHERE name = ?`, name).Scan(&key)
	if errors.Is(err, sql.ErrNoRows) {
		key = random()
		return key, t.exec(`INSERT INTO secret (name, key) VALUES (?,?)`, name, key)
	}
	if err != nil {
		err = fmt.Errorf("record: %w", err)
	}
	return key, err
}
