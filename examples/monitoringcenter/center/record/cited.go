package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// What a verdict names as its reasons is copied, with the raw frames, to rows of
// their own when the verdict is written: they are found by their ID, and live as
// long as the verdict, whatever becomes of the day that they happened on.

// citation is who is asked for an observation, and how far back.
type citation struct {
	subject em.SubjectID
	event   time.Time
	until   time.Time
}

// citeBack is how long before its event an observation is looked for that decided
// it: the last position before a curfew, the report before a silence.
const citeBack = 31 * 24 * time.Hour

// citeFor notes what an event rests on, for cite.
func (t *Tx) citeFor(subject em.SubjectID, e *em.Event) {
	until := e.At
	for _, at := range []time.Time{e.Until, e.Concluded} {
		if at.After(until) {
			until = at
		}
	}
	for _, id := range e.Because {
		if c, ok := t.cites[id]; !ok || c.until.Before(until) {
			t.cites[id] = citation{subject, e.At, until}
		}
	}
}

// cite copies what the transaction's events rest on.
func (t *Tx) cite() error {
	of := map[em.SubjectID][]em.ObservationID{}
	for id, c := range t.cites {
		var one int64
		err := t.tx.QueryRowContext(t.ctx, `SELECT 1 FROM cited WHERE id = ?`, id[:]).Scan(&one)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			of[c.subject] = append(of[c.subject], id)
		case err != nil:
			return fmt.Errorf("record: %w", err)
		}
	}
	chunks := map[int64][]FrameRow{}
	for subject, ids := range of {
		found, err := t.named(subject, ids)
		if err != nil {
			return err
		}
		for i := range found {
			if err := t.writeCited(&found[i], chunks); err != nil {
				return err
			}
		}
	}
	clear(t.cites)
	return nil
}

// named finds observations of a subject by their IDs: the newest ones first, since
// most are of this very transaction.
func (t *Tx) named(subject em.SubjectID, ids []em.ObservationID) (found []arrival, err error) {
	var from, until time.Time
	for _, id := range ids {
		c := t.cites[id]
		if from.IsZero() || c.event.Before(from) {
			from = c.event
		}
		if c.until.After(until) {
			until = c.until
		}
	}
	from, until = from.Add(-citeBack), until.Add(24*time.Hour)
	left := slices.Clone(ids)
	take := func(some []arrival) bool {
		for j := len(some) - 1; j >= 0 && len(left) > 0; j-- {
			if i := slices.Index(left, some[j].ID); i >= 0 {
				left = slices.Delete(left, i, i+1)
				found = append(found, some[j])
			}
		}
		return len(left) > 0
	}
	streams := t.of(subject)
	for _, s := range streams {
		for _, o := range s.open {
			var c coder
			all, err := c.readAll(nil, o.data, s.device)
			if err != nil {
				return nil, err
			}
			if !take(all) {
				return found, nil
			}
		}
	}
	return found, t.view().newest(t.ctx, streams, from, until, take)
}

func (t *Tx) writeCited(a *arrival, chunks map[int64][]FrameRow) error {
	data, err := a.AppendBinary(nil)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	day := dayOf(a.Received)
	if c := t.chunks[day]; c != nil && c.number == chunkOf(a.frame) && chunks[c.number] == nil {
		if chunks[c.number], err = readFrames(c.data); err != nil {
			return err
		}
	}
	f, err := t.view().frameOf(t.ctx, a.Received, a.frame, chunks)
	if err != nil {
		return err
	}
	if f == nil {
		return t.exec(`INSERT INTO cited (id, subject, data) VALUES (?,?,?)`, a.ID[:], string(t.cites[a.ID].subject), data)
	}
	return t.exec(`INSERT INTO cited (id, subject, data, frame, received, type, error, raw) VALUES (?,?,?,?,?,?,?,?)`,
		a.ID[:], string(t.cites[a.ID].subject), data, a.frame, nanos(f.Received), f.Type, f.Error, f.Raw)
}

// Observations returns evidence that a verdict rests on, by ID; other IDs are left
// out.
func (s *Store) Observations(ctx context.Context, ids []em.ObservationID) ([]em.Observation, error) {
	var all []em.Observation
	for _, id := range ids {
		one, err := collect(ctx, s.r, func(r row, o *em.Observation) error {
			var data []byte
			if err := r.Scan(&data); err != nil {
				return err
			}
			return o.UnmarshalBinary(data)
		}, `SELECT data FROM cited WHERE id = ?`, id[:])
		if err != nil {
			return nil, err
		}
		all = append(all, one...)
	}
	return all, nil
}

// FramesOf returns the raw frames that such observations came in, each once, in
// the order of the observations.
func (s *Store) FramesOf(ctx context.Context, ids []em.ObservationID) ([]FrameRow, error) {
	type cited struct {
		FrameRow
		number int64
	}
	var (
		all  []FrameRow
		seen []int64
	)
	for _, id := range ids {
		one, err := collect(ctx, s.r, func(r row, f *cited) error {
			var received int64
			err := r.Scan(&f.number, &received, &f.Type, &f.Error, &f.Raw)
			f.Received = fromNanos(received)
			return err
		}, `SELECT frame, received, type, error, raw FROM cited WHERE id = ? AND raw IS NOT NULL`, id[:])
		if err != nil {
			return nil, err
		}
		if len(one) == 1 && !slices.Contains(seen, one[0].number) {
			seen, all = append(seen, one[0].number), append(all, one[0].FrameRow)
		}
	}
	return all, nil
}
