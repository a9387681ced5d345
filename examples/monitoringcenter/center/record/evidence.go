package record

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// Refuse keeps that an observation lies beyond the late limits.
func (t *Tx) Refuse(subject em.SubjectID, known time.Time, r em.Refused) error {
	return t.exec(`INSERT INTO refused (subject, id, known, reason) VALUES (?,?,?,?) ON CONFLICT DO NOTHING`,
		string(subject), r.Observation.ID[:], nanos(known), string(r.Reason))
}

// history is a subject's em.History inside the present transaction.
type history struct {
	tx      func() *Tx
	subject em.SubjectID
}

// NewHistory returns what the record knows of a subject. It reads within the
// transaction that tx gives, so that it sees what earlier calls have written.
func NewHistory(subject em.SubjectID, tx func() *Tx) em.History { return history{tx, subject} }

func yieldAll[T any](all []T, err error, yield func(T, error) bool) {
	if err != nil {
		var zero T
		yield(zero, err)
		return
	}
	for _, v := range all {
		if !yield(v, nil) {
			return
		}
	}
}

// Checkpoints implements em.History. It reads one row a step: mostly the first
// one serves.
func (h history) Checkpoints(c em.Clock, notAfter time.Time) iter.Seq2[em.Checkpoint, error] {
	return func(yield func(em.Checkpoint, error) bool) {
		t, at := h.tx(), nanos(notAfter)
		if err := t.save(); err != nil {
			yield(em.Checkpoint{}, err)
			return
		}
		for first := true; ; first = false {
			q := `SELECT at, data FROM checkpoint WHERE subject = ? AND clock = ? AND at < ? ORDER BY at DESC LIMIT 1`
			if first {
				q = `SELECT at, data FROM checkpoint WHERE subject = ? AND clock = ? AND at <= ? ORDER BY at DESC LIMIT 1`
			}
			var data []byte
			err := t.tx.QueryRowContext(t.ctx, q, string(h.subject), int(c), at).Scan(&at, &data)
			if errors.Is(err, sql.ErrNoRows) {
				return
			}
			var cp em.Checkpoint
			if err == nil {
				err = cp.UnmarshalBinary(data)
			}
			if err != nil {
				yield(em.Checkpoint{}, fmt.Errorf("record: checkpoint: %w", err))
				return
			}
			if !yield(cp, nil) {
				return
			}
		}
	}
}

// Observations implements em.History. It reads the rows of the subject's own
// streams, a day at a time.
func (h history) Observations(c em.Clock, from, to time.Time) iter.Seq2[em.Observation, error] {
	return func(yield func(em.Observation, error) bool) {
		t := h.tx()
		t.view().each(t.ctx, t.of(h.subject), c, from, to)(yield)
	}
}

// Events implements em.History.
func (h history) Events(c em.Clock, from time.Time) iter.Seq2[em.Event, error] {
	return func(yield func(em.Event, error) bool) {
		t := h.tx()
		all, err := collect(t.ctx, t.tx, scanEvent,
			`SELECT data FROM event WHERE subject = ? AND clock = ? AND concluded >= ? ORDER BY concluded, id`, string(h.subject), int(c), nanos(from))
		yieldAll(all, err, yield)
	}
}

func scanEvent(rows row, e *em.Event) error {
	var data []byte
	if err := rows.Scan(&data); err != nil {
		return err
	}
	return e.UnmarshalBinary(data)
}

// Apply writes what a Timeline decided: checkpoints, present events and the
// ledger of changes.
func (t *Tx) Apply(subject em.SubjectID, r *em.Result) error {
	if len(r.Void) > 0 {
		if err := t.save(); err != nil {
			return err
		}
	}
	for _, v := range r.Void {
		if err := t.exec(`DELETE FROM checkpoint WHERE subject = ? AND clock = ? AND at > ? AND at <= ?`,
			string(subject), int(v.Clock), nanos(v.From), nanos(v.To)); err != nil {
			return err
		}
	}
	for i := range r.Save {
		cp := &r.Save[i]
		data, err := cp.AppendBinary(nil)
		if err != nil {
			return fmt.Errorf("record: %w", err)
		}
		t.saves[saveKey{subject, cp.Clock, nanos(cp.At)}] = data
	}
	for i := range r.Changes {
		if err := t.applyChange(subject, &r.Changes[i]); err != nil {
			return err
		}
	}
	return nil
}

// saveKey names a checkpoint.
type saveKey struct {
	subject em.SubjectID
	clock   em.Clock
	at      int64
}

// save writes the checkpoints that Apply was given. Whatever asks for checkpoints
// has them written first.
func (t *Tx) save() error {
	if len(t.saves) == 0 {
		return nil
	}
	keys := slices.SortedFunc(maps.Keys(t.saves), func(a, b saveKey) int {
		return cmp.Or(strings.Compare(string(a.subject), string(b.subject)), cmp.Compare(a.clock, b.clock), cmp.Compare(a.at, b.at))
	})
	args := make([]any, 0, 4*len(keys))
	for _, k := range keys {
		args = append(args, string(k.subject), int(k.clock), k.at, t.saves[k])
	}
	clear(t.saves)
	return t.insertRows(`INSERT INTO checkpoint (subject, clock, at, data) VALUES `, 4, ` ON CONFLICT (subject, clock, at) DO UPDATE SET data = excluded.data`, args)
}

func (t *Tx) applyChange(subject em.SubjectID, c *em.Change) error {
	if c.Kind != em.Withdrawn {
		t.citeFor(subject, &c.Event)
	}
	now, err := c.Event.AppendBinary(nil)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	was := []byte{}
	if c.Was.ID != (em.EventID{}) {
		if was, err = c.Was.AppendBinary(nil); err != nil {
			return fmt.Errorf("record: %w", err)
		}
	}
	if err := t.exec(`INSERT INTO change (subject, kind, event, known, cause, now, was) VALUES (?,?,?,?,?,?,?)`,
		string(subject), c.Kind.String(), c.Event.ID[:], nanos(c.Known), c.Cause[:], now, was); err != nil {
		return err
	}
	switch c.Kind {
	case em.Withdrawn:
		return t.exec(`DELETE FROM event WHERE id = ?`, c.Event.ID[:])
	case em.Moved:
		if err := t.exec(`DELETE FROM event WHERE id = ?`, c.Was.ID[:]); err != nil {
			return err
		}
	}
	return t.exec(`INSERT INTO event (id, subject, clock, concluded, at, data) VALUES (?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET
		subject = excluded.subject, clock = excluded.clock, concluded = excluded.concluded, at = excluded.at, data = excluded.data`,
		c.Event.ID[:], string(subject), int(c.Clock), nanos(c.Event.Concluded), nanos(c.Event.At), now)
}

// Counts says how much the record holds.
type Counts struct {
	Frames       int64 `json:"frames"`
	FrameErrors  int64 `json:"frame_errors"`
	Observations int64 `json:"observations"`
	Fixes        int64 `json:"fixes"`
	Receptions   int64 `json:"receptions"`
	Events       int64 `json:"events"`
	Incidents    int64 `json:"incidents"`
	Position     int64 `json:"log_position"`
}

// Counts counts what is held now, evidence by what its buckets say of themselves.
func (s *Store) Counts(ctx context.Context) (c Counts, err error) {
	err = s.r.QueryRowContext(ctx, `SELECT frames, frame_errors, observations, fixes, receptions,
		(SELECT count(*) FROM event), (SELECT count(*) FROM incident), (SELECT seq FROM position)
		FROM (SELECT CAST(coalesce(sum(frames), 0) AS BIGINT) AS frames, CAST(coalesce(sum(frame_errors), 0) AS BIGINT) AS frame_errors,
			CAST(coalesce(sum(observations), 0) AS BIGINT) AS observations, CAST(coalesce(sum(fixes), 0) AS BIGINT) AS fixes,
			CAST(coalesce(sum(receptions), 0) AS BIGINT) AS receptions FROM bucket) AS held`).
		Scan(&c.Frames, &c.FrameErrors, &c.Observations, &c.Fixes, &c.Receptions, &c.Events, &c.Incidents, &c.Position)
	if err != nil {
		err = fmt.Errorf("record: %w", err)
	}
	return c, err
}
