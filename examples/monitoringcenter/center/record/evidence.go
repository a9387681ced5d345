package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// AddFrame keeps one frame of a report as it came, and returns its number.
func (t *Tx) AddFrame(seq uint64, r *protocol.Report, f *protocol.ReportFrame) (int64, error) {
	msg := ""
	if f.Err != nil {
		msg = f.Err.Error()
	}
	raw := f.Raw
	if raw == nil {
		raw = []byte{}
	}
	return t.insert(`INSERT INTO frame (seq, received, conn, codec, device, type, error, raw) VALUES (?,?,?,?,?,?,?,?) RETURNING id`,
		int64(seq), nanos(r.Received), r.Conn, r.Codec, string(r.Device), f.Type, msg, raw)
}

// AddObservation keeps o as seen by subject, which is empty while nobody is
// known to carry the device. A known observation is not stored again, but its
// arrival is: it stays whose it was, and at the At that it had. AddObservation
// returns o with that At, and whose it is.
func (t *Tx) AddObservation(o em.Observation, subject em.SubjectID, frame int64) (em.Observation, em.SubjectID, error) {
	data, err := o.AppendBinary(nil)
	if err != nil {
		return o, "", fmt.Errorf("record: %w", err)
	}
	res, err := t.tx.ExecContext(t.ctx, `INSERT INTO observation (id, device, subject, at, body, frame, data) VALUES (?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
		o.ID[:], string(o.Device), string(subject), nanos(o.At), string(o.Body.Kind()), frame, data)
	if err != nil {
		return o, "", fmt.Errorf("record: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return o, "", fmt.Errorf("record: %w", err)
	}
	if n == 0 {
		if o, subject, err = t.again(o); err != nil {
			return o, "", err
		}
	}
	// Of two arrivals at one instant the one with the lower serial number counts.
	var serial any
	if o.Seq.OK {
		serial = int64(o.Seq.V)
	}
	return o, subject, t.exec(`INSERT INTO reception (subject, received, id, device, seq, stored) VALUES (?,?,?,?,?,?)
		ON CONFLICT (subject, received, id) DO UPDATE SET seq = excluded.seq, stored = excluded.stored
		WHERE reception.seq IS NOT NULL AND (excluded.seq IS NULL OR excluded.seq < reception.seq)`,
		string(subject), nanos(o.Received), o.ID[:], string(o.Device), serial, o.Stored)
}

// again takes another arrival of a stored observation: the row is that of the
// earliest one, whichever came to us first.
func (t *Tx) again(o em.Observation) (em.Observation, em.SubjectID, error) {
	var (
		was     em.Observation
		subject string
		data    []byte
	)
	err := t.tx.QueryRowContext(t.ctx, `SELECT subject, data FROM observation WHERE id = ?`, o.ID[:]).Scan(&subject, &data)
	if err == nil {
		err = was.UnmarshalBinary(data)
	}
	if err != nil {
		return o, "", fmt.Errorf("record: %w", err)
	}
	o.At = was.At
	if em.Compare(em.ReceiveTime, &o, &was) < 0 {
		if data, err = o.AppendBinary(nil); err != nil {
			return o, "", fmt.Errorf("record: %w", err)
		}
		err = t.exec(`UPDATE observation SET data = ? WHERE id = ?`, data, o.ID[:])
	}
	return o, em.SubjectID(subject), err
}

// Adopt gives the observations of a device in [from, to) that are nobody's yet
// to a subject; a zero to is open. It returns all their arrivals in order.
func (t *Tx) Adopt(d em.DeviceID, subject em.SubjectID, from, to time.Time) ([]em.Observation, error) {
	until := int64(maxNanos)
	if !to.IsZero() {
		until = nanos(to)
	}
	obs, err := collect(t.ctx, t.tx, scanReception, `SELECT `+receptionColumns+` FROM observation o JOIN reception r ON r.id = o.id AND r.subject = ''
		WHERE o.device = ? AND o.subject = '' AND o.at >= ? AND o.at < ? ORDER BY r.received, o.id`, string(d), nanos(from), until)
	if err != nil {
		return nil, err
	}
	// Receptions first: their rows are found through the observations' old subject.
	if err := t.exec(`UPDATE reception SET subject = ?1 WHERE subject = '' AND device = ?2 AND id IN
		(SELECT id FROM observation WHERE device = ?2 AND subject = '' AND at >= ?3 AND at < ?4)
		AND NOT EXISTS (SELECT 1 FROM reception AS r WHERE r.subject = ?1 AND r.received = reception.received AND r.id = reception.id)`,
		string(subject), string(d), nanos(from), until); err != nil {
		return nil, err
	}
	if err := t.exec(`UPDATE observation SET subject = ?1 WHERE device = ?2 AND subject = '' AND at >= ?3 AND at < ?4`,
		string(subject), string(d), nanos(from), until); err != nil {
		return nil, err
	}
	return obs, nil
}

func scanObservation(rows row, o *em.Observation) error {
	var data []byte
	if err := rows.Scan(&data); err != nil {
		return err
	}
	return o.UnmarshalBinary(data)
}

const receptionColumns = `o.data, r.received, r.seq, r.stored`

func scanReception(rows row, o *em.Observation) error {
	var (
		data []byte
		a    arrival
	)
	if err := rows.Scan(&data, &a.received, &a.serial, &a.stored); err != nil {
		return err
	}
	return a.read(data, o)
}

// arrival is one reception of an observation.
type arrival struct {
	received int64
	serial   sql.NullInt64
	stored   bool
}

// read makes o what data says, as it arrived.
func (a *arrival) read(data []byte, o *em.Observation) error {
	if err := o.UnmarshalBinary(data); err != nil {
		return err
	}
	o.Received, o.Stored, o.Seq = fromNanos(a.received), a.stored, em.Opt[uint64]{}
	if a.serial.Valid {
		o.Seq = em.Some(uint64(a.serial.Int64))
	}
	return nil
}

// Refuse keeps that an observation lies beyond the late limits.
func (t *Tx) Refuse(subject em.SubjectID, known time.Time, r em.Refused) error {
	return t.exec(`INSERT INTO refused (id, subject, known, reason) VALUES (?,?,?,?) ON CONFLICT DO NOTHING`,
		r.Observation.ID[:], string(subject), nanos(known), string(r.Reason))
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

// Rows of a history that are read at once: a Timeline mostly stops long before
// the end, and one that does not is to ask seldom.
const (
	firstRows = 64
	mostRows  = 4096
)

// Observations implements em.History. It reads in the order of the index, some
// rows at a time, since no other query runs while rows are open, and orders only
// what shares an instant.
func (h history) Observations(c em.Clock, from, to time.Time) iter.Seq2[em.Observation, error] {
	return func(yield func(em.Observation, error) bool) {
		t := h.tx()
		// What a home unit reported while the person's order named it is evidence
		// about the person too.
		var hears bool
		if err := t.tx.QueryRowContext(t.ctx, `SELECT EXISTS (SELECT 1 FROM hearing WHERE person = ?)`, string(h.subject)).Scan(&hears); err != nil {
			yield(em.Observation{}, fmt.Errorf("record: %w", err))
			return
		}
		query := t.tx.historyQuery(c, hears)
		var same []em.Observation
		flush := func() bool {
			slices.SortFunc(same, func(a, b em.Observation) int { return em.Compare(c, &a, &b) })
			for _, o := range same {
				if !yield(o, nil) {
					return false
				}
			}
			same = same[:0]
			return true
		}
		last := historyRow{key: nanos(from), id: []byte{}}
		for n := firstRows; ; n = min(2*n, mostRows) {
			rows, err := collect(t.ctx, t.tx, func(rows row, r *historyRow) error { return r.scan(rows, c) },
				query, string(h.subject), nanos(from), nanos(to), last.key, last.id, n)
			if err != nil {
				yield(em.Observation{}, err)
				return
			}
			for _, r := range rows {
				if len(same) > 0 && r.key != last.key && !flush() {
					return
				}
				same, last = append(same, r.o), r
			}
			if len(rows) < n {
				flush()
				return
			}
		}
	}
}

// historyQuery selects what a subject's history holds in [?2, ?3), with its
// place in the order, in which what is asked for begins behind (?4, ?5); ?6 rows.
func (q querier) historyQuery(c em.Clock, hears bool) string {
	const (
		event   = `SELECT o.at AS key, o.id AS id, o.data AS data FROM `
		receive = `SELECT r.received AS key, r.id AS id, ` + receptionColumns + ` FROM `
		order   = ` ORDER BY key, id LIMIT ?6`
	)
	own := event + `observation o WHERE o.subject = ?1 AND o.at >= ?2 AND o.at < ?3 AND (o.at, o.id) > (?4, ?5)`
	heard := event + `hearing h JOIN observation o ON o.device = h.unit AND o.at >= ` + q.greatest("h.since", "?2") + ` AND o.at < ` + q.least("h.until", "?3") + `
		AND (o.at, o.id) > (?4, ?5) WHERE h.person = ?1`
	if c == em.ReceiveTime {
		own = receive + `reception r JOIN observation o ON o.id = r.id
			WHERE r.subject = ?1 AND r.received >= ?2 AND r.received < ?3 AND (r.received, r.id) > (?4, ?5)`
		heard = receive + `hearing h JOIN reception r ON r.device = h.unit AND r.received >= ?2 AND r.received < ?3 AND (r.received, r.id) > (?4, ?5)
			JOIN observation o ON o.id = r.id AND o.at >= h.since AND o.at < h.until WHERE h.person = ?1`
	}
	if !hears {
		return own + order
	}
	return `SELECT * FROM (` + own + ` UNION ALL ` + heard + `) AS known` + order
}

// historyRow is an observation with its place in the order of its clock.
type historyRow struct {
	key int64
	id  []byte
	o   em.Observation
}

func (r *historyRow) scan(rows row, c em.Clock) error {
	var data []byte
	if c == em.EventTime {
		if err := rows.Scan(&r.key, &r.id, &data); err != nil {
			return err
		}
		return r.o.UnmarshalBinary(data)
	}
	var a arrival
	if err := rows.Scan(&r.key, &r.id, &data, &a.received, &a.serial, &a.stored); err != nil {
		return err
	}
	return a.read(data, &r.o)
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
		if err := t.exec(`INSERT INTO checkpoint (subject, clock, at, data) VALUES (?,?,?,?) ON CONFLICT (subject, clock, at) DO UPDATE SET data = excluded.data`,
			string(subject), int(cp.Clock), nanos(cp.At), data); err != nil {
			return err
		}
	}
	for i := range r.Changes {
		if err := t.applyChange(subject, &r.Changes[i]); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) applyChange(subject em.SubjectID, c *em.Change) error {
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

// Track is the positions of a subject in [from, to), oldest first, at most n of
// the newest.
func (s *Store) Track(ctx context.Context, subject em.SubjectID, from, to time.Time, n int) ([]em.Observation, error) {
	return collect(ctx, s.r, scanObservation, `SELECT data FROM (SELECT at, id, data FROM observation WHERE subject = ? AND at >= ? AND at < ? AND body = 'fix'
		ORDER BY at DESC, id LIMIT ?) AS newest ORDER BY at, id`, string(subject), nanos(from), nanos(to), n)
}

// Latest returns, of a subject, the newest position and battery report that the
// late limits did not refuse, and what was received last, with the reception's
// own times.
func (t *Tx) Latest(subject em.SubjectID) ([]em.Observation, error) {
	var all []em.Observation
	for _, kind := range []em.BodyKind{em.KindFix, em.KindPower} {
		one, err := collect(t.ctx, t.tx, scanObservation, `SELECT data FROM observation
			WHERE subject = ? AND body = ? AND id NOT IN (SELECT id FROM refused) ORDER BY at DESC LIMIT 1`, string(subject), string(kind))
		if err != nil {
			return nil, err
		}
		all = append(all, one...)
	}
	last, err := collect(t.ctx, t.tx, scanReception, `SELECT `+receptionColumns+` FROM reception r JOIN observation o ON o.id = r.id
		WHERE r.subject = ? ORDER BY r.received DESC LIMIT 1`, string(subject))
	return append(all, last...), err
}

// Observations returns evidence by ID; unknown IDs are left out.
func (s *Store) Observations(ctx context.Context, ids []em.ObservationID) ([]em.Observation, error) {
	var all []em.Observation
	for _, id := range ids {
		one, err := collect(ctx, s.r, scanObservation, `SELECT data FROM observation WHERE id = ?`, id[:])
		if err != nil {
			return nil, err
		}
		all = append(all, one...)
	}
	return all, nil
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

// Counts counts rows; it reads whole indexes and is meant for people and tests.
func (s *Store) Counts(ctx context.Context) (c Counts, err error) {
	err = s.r.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM frame), (SELECT count(*) FROM frame WHERE error <> ''),
		(SELECT count(*) FROM observation), (SELECT count(*) FROM observation WHERE body = 'fix'), (SELECT count(*) FROM reception),
		(SELECT count(*) FROM event), (SELECT count(*) FROM incident), (SELECT seq FROM position)`).
		Scan(&c.Frames, &c.FrameErrors, &c.Observations, &c.Fixes, &c.Receptions, &c.Events, &c.Incidents, &c.Position)
	if err != nil {
		err = fmt.Errorf("record: %w", err)
	}
	return c, err
}
