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

// Handling is what people have done about an incident. Only people change it.
type Handling string

// Handlings of an incident.
const (
	New          Handling = "new"
	Acknowledged Handling = "acknowledged"
	Closed       Handling = "closed"
)

// Verdicts of an incident, which evidence changes.
const (
	Stands    = "stands"
	Withdrawn = "withdrawn"
)

// Incident is an event that people are to handle. Late evidence changes its
// verdict, never its handling.
type Incident struct {
	ID       int64
	Verdict  string
	Handling Handling
	Raised   time.Time // when the center first told it
	Changed  time.Time
	By       string // who handled it last
	Note     string
	Event    em.Event // its present version, or the last one before it was withdrawn

	// Knowable is when the center could first have raised it, and Late why it did so
	// only later; empty where it was in time. Zero and empty for incidents of old.
	Knowable time.Time
	Late     string
}

// ErrNoIncident: no incident has that number, or is about that event.
var ErrNoIncident = errors.New("record: no such incident")

const incidentColumns = `id, verdict, handling, raised, changed, by, note, data, knowable, late`

func scanIncident(rows row, i *Incident) error {
	var (
		raised, changed, knowable int64
		data                      []byte
	)
	if err := rows.Scan(&i.ID, &i.Verdict, &i.Handling, &raised, &changed, &i.By, &i.Note, &data, &knowable, &i.Late); err != nil {
		return err
	}
	i.Raised, i.Changed, i.Knowable = fromNanos(raised), fromNanos(changed), fromNanos(knowable)
	return i.Event.UnmarshalBinary(data)
}

// IncidentOf returns the incident of an event, the newest where late data has
// moved an event to the place of a withdrawn one; ErrNoIncident where there is
// none.
func (t *Tx) IncidentOf(id em.EventID) (Incident, error) {
	return t.oneIncident(`SELECT `+incidentColumns+` FROM incident WHERE event = ? ORDER BY id DESC LIMIT 1`, id[:])
}

// OpenIncidents returns all that are not closed, by number.
func (t *Tx) OpenIncidents() ([]Incident, error) {
	return collect(t.ctx, t.tx, scanIncident, `SELECT `+incidentColumns+` FROM incident WHERE handling <> 'closed' ORDER BY id`)
}

// Incident returns one incident by its number.
func (t *Tx) Incident(id int64) (Incident, error) {
	return t.oneIncident(`SELECT `+incidentColumns+` FROM incident WHERE id = ?`, id)
}

func (t *Tx) oneIncident(query string, arg any) (Incident, error) {
	var i Incident
	err := scanIncident(t.tx.QueryRowContext(t.ctx, query, arg), &i)
	if errors.Is(err, sql.ErrNoRows) {
		return i, ErrNoIncident
	}
	if err != nil {
		return i, fmt.Errorf("record: %w", err)
	}
	return i, nil
}

// PutIncident stores an incident: a new one where ID is zero, whose number it
// returns, else a changed one.
func (t *Tx) PutIncident(i Incident) (int64, error) {
	data, err := i.Event.AppendBinary(nil)
	if err != nil {
		return 0, fmt.Errorf("record: %w", err)
	}
	e := &i.Event
	if i.ID == 0 {
		return t.insert(`INSERT INTO incident (event, subject, kind, severity, verdict, handling, raised, changed, by, note, data, knowable, late)
			VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) RETURNING id`, e.ID[:], string(e.Subject), string(e.Detail.Kind), int(e.Detail.Severity), i.Verdict, string(i.Handling),
			nanos(i.Raised), nanos(i.Changed), i.By, i.Note, data, nanos(i.Knowable), i.Late)
	}
	return i.ID, t.exec(`UPDATE incident SET event = ?, severity = ?, verdict = ?, handling = ?, changed = ?, by = ?, note = ?, data = ?,
		knowable = ?, late = ? WHERE id = ?`,
		e.ID[:], int(e.Detail.Severity), i.Verdict, string(i.Handling), nanos(i.Changed), i.By, i.Note, data, nanos(i.Knowable), i.Late, i.ID)
}

// Incidents returns the newest incidents first: those not closed, or all; at
// most n with numbers below before (0 for no bound).
func (s *Store) Incidents(ctx context.Context, closed bool, before int64, n int) ([]Incident, error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	where := `handling <> 'closed' AND`
	if closed {
		where = ``
	}
	return collect(ctx, s.r, scanIncident, `SELECT `+incidentColumns+` FROM incident WHERE `+where+` id < ? ORDER BY id DESC LIMIT ?`, before, n)
}

// Incident returns one incident by its number.
func (s *Store) Incident(ctx context.Context, id int64) (Incident, error) {
	all, err := collect(ctx, s.r, scanIncident, `SELECT `+incidentColumns+` FROM incident WHERE id = ?`, id)
	if err == nil && len(all) == 0 {
		err = ErrNoIncident
	}
	if err != nil {
		return Incident{}, err
	}
	return all[0], nil
}

// Events returns the present versions of a subject's events that began in
// [from, to), oldest first, at most n of the newest.
func (s *Store) Events(ctx context.Context, subject em.SubjectID, from, to time.Time, n int) ([]em.Event, error) {
	return collect(ctx, s.r, scanEvent, `SELECT data FROM (SELECT at, id, data FROM event WHERE subject = ? AND at >= ? AND at < ?
		ORDER BY at DESC, id LIMIT ?) AS newest ORDER BY at, id`, string(subject), nanos(from), nanos(to), n)
}

// ChangeRow is one entry of the ledger.
type ChangeRow struct {
	N     int64
	Kind  string
	Known time.Time
	Event em.Event
}

// ChangesOf returns the ledger of one event, oldest first, at most the n newest
// entries, following it back through moves of its anchor.
func (s *Store) ChangesOf(ctx context.Context, id em.EventID, n int) ([]ChangeRow, error) {
	var all []ChangeRow // newest first
	for before := int64(maxNanos); len(all) < n; {
		rows, err := collect(ctx, s.r, func(rows row, c *movedRow) error { return c.scan(rows) },
			`SELECT n, kind, known, now, was FROM change WHERE event = ? AND n < ? ORDER BY n DESC LIMIT ?`, id[:], before, n-len(all))
		if err != nil {
			return nil, err
		}
		// What lies before a move has the ID from which it came. An event may
		// come back to an ID: each of its lives there ends with a move.
		moved := slices.IndexFunc(rows, func(r movedRow) bool { return r.Kind == em.Moved.String() })
		if moved >= 0 {
			rows = rows[:moved+1]
			id, before = rows[moved].was, rows[moved].N
		}
		for _, r := range rows {
			all = append(all, r.ChangeRow)
		}
		if moved < 0 {
			break
		}
	}
	slices.Reverse(all)
	return all, nil
}

type movedRow struct {
	ChangeRow
	was em.EventID
}

func (c *movedRow) scan(rows row) error {
	var (
		known    int64
		now, was []byte
	)
	if err := rows.Scan(&c.N, &c.Kind, &known, &now, &was); err != nil {
		return err
	}
	c.Known = fromNanos(known)
	if len(was) > 0 {
		var w em.Event
		if err := w.UnmarshalBinary(was); err != nil {
			return err
		}
		c.was = w.ID
	}
	return c.Event.UnmarshalBinary(now)
}
