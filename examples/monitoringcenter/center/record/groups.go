package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/health"
)

// PutUnit stores a home unit's document; Since stays that of the first one.
func (t *Tx) PutUnit(d Doc) error {
	return t.exec(`INSERT INTO unit (id, since, doc) VALUES (?,?,?) ON CONFLICT (id) DO UPDATE SET doc = excluded.doc`, d.ID, nanos(d.Since), string(d.JSON))
}

// Units returns all home units by ID.
func (s *Store) Units(ctx context.Context) ([]Doc, error) {
	return collect(ctx, s.r, func(rows row, d *Doc) error { return rows.Scan(&d.ID, (*document)(&d.JSON)) }, `SELECT id, doc FROM unit ORDER BY id`)
}

// Hear says which units a person's order names from an instant on: other
// subjects' devices whose reports are evidence about this one too. Those of a pair
// are the devices of both persons. What a newly named unit has reported as of then is
// copied; what it reports later is the caller's to Copy. Hear returns the newly named
// ones, of which other partitions may have more.
func (t *Tx) Hear(person em.SubjectID, since time.Time, units []em.DeviceID) (added []em.DeviceID, err error) {
	t.s.hearings = nil
	old, err := collect(t.ctx, t.tx, func(rows row, d *em.DeviceID) error { return rows.Scan(d) },
		`SELECT unit FROM hearing WHERE person = ? AND since < ? AND until > ?`, string(person), nanos(since), nanos(since))
	if err != nil {
		return nil, err
	}
	named := map[em.DeviceID]bool{}
	for _, u := range units {
		named[u] = true
	}
	if err := t.exec(`DELETE FROM hearing WHERE person = ? AND since >= ?`, string(person), nanos(since)); err != nil {
		return nil, err
	}
	for _, u := range old {
		if named[u] { // as before
			delete(named, u)
			if err := t.exec(`UPDATE hearing SET until = ? WHERE person = ? AND unit = ? AND until > ?`, int64(maxNanos), string(person), string(u), nanos(since)); err != nil {
				return nil, err
			}
			continue
		}
		if err := t.exec(`UPDATE hearing SET until = ?1 WHERE person = ?2 AND unit = ?3 AND until > ?1`, nanos(since), string(person), string(u)); err != nil {
			return nil, err
		}
	}
	for _, u := range units {
		if !named[u] {
			continue
		}
		if err := t.exec(`INSERT INTO hearing (person, unit, since, until) VALUES (?,?,?,?)`, string(person), string(u), nanos(since), int64(maxNanos)); err != nil {
			return nil, err
		}
		if err := t.copyFrom(u, since, person); err != nil {
			return nil, err
		}
		added = append(added, u)
	}
	return added, nil
}

// hearing is whose order names a unit, in [since, until).
type hearing struct {
	person       em.SubjectID
	since, until int64
}

// Hearers returns whose order names a unit at an instant.
func (t *Tx) Hearers(unit em.DeviceID, at time.Time) (all []em.SubjectID, err error) {
	if t.s.hearings == nil {
		t.s.hearings = map[em.DeviceID][]hearing{}
	}
	of, known := t.s.hearings[unit]
	if !known {
		if of, err = collect(t.ctx, t.tx, func(r row, h *hearing) error { return r.Scan(&h.person, &h.since, &h.until) },
			`SELECT person, since, until FROM hearing WHERE unit = ? ORDER BY person`, string(unit)); err != nil {
			return nil, err
		}
		t.s.hearings[unit] = of
	}
	for _, h := range of {
		if n := nanos(at); h.since <= n && n < h.until {
			all = append(all, h.person)
		}
	}
	return all, nil
}

// Assignments returns who is monitored with which home unit, but for what ended
// before an instant.
func (t *Tx) Assignments(after time.Time) ([]health.Assignment, error) {
	return collect(t.ctx, t.tx, func(rows row, a *health.Assignment) error {
		var from, to int64
		err := rows.Scan(&a.Subject, &a.Unit, &from, &to)
		if a.From = fromNanos(from); to < maxNanos {
			a.To = fromNanos(to)
		}
		return err
	}, `SELECT person, unit, since, until FROM hearing WHERE until >= ? AND unit IN (SELECT id FROM unit) ORDER BY unit, person, since`, nanos(after))
}

// Grouping returns a stored state, nil where there is none.
func (t *Tx) Grouping(name string) (state []byte, err error) {
	err = t.tx.QueryRowContext(t.ctx, `SELECT state FROM grouping WHERE name = ?`, name).Scan(&state)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("record: %w", err)
	}
	return state, nil
}

// PutGroupings stores the states by name, in the place of all that was told before.
func (t *Tx) PutGroupings(states map[string][]byte) error {
	for name, state := range states {
		if err := t.exec(`INSERT INTO grouping (name, state) VALUES (?,?) ON CONFLICT (name) DO UPDATE SET state = excluded.state`, name, state); err != nil {
			return err
		}
	}
	return t.exec(`DELETE FROM grouped`)
}

// Grouped is one thing that the groups were told behind their states: a change, or,
// where that is nil, that they were woken.
type Grouped struct {
	At     time.Time
	Change *em.Change
}

// AddGrouped stores what the groups were told.
func (t *Tx) AddGrouped(g Grouped) error {
	data := em.AppendBool(em.AppendTime(nil, g.At), g.Change != nil)
	if g.Change != nil {
		var err error
		if data, err = appendChange(data, g.Change); err != nil {
			return err
		}
	}
	return t.exec(`INSERT INTO grouped (data) VALUES (?)`, data)
}

// Grouped returns what the groups were told since PutGroupings, in order.
func (t *Tx) Grouped() ([]Grouped, error) {
	return collect(t.ctx, t.tx, func(rows row, g *Grouped) error {
		var data []byte
		if err := rows.Scan(&data); err != nil {
			return err
		}
		r := em.NewStateReader(data)
		if g.At = r.Time(); r.Bool() {
			g.Change = new(em.Change)
			if err := readChange(r, g.Change); err != nil {
				return err
			}
		}
		return r.Close()
	}, `SELECT data FROM grouped ORDER BY n`)
}

// PutGroup stores whom an event that groups others concerns, and what belongs to it.
func (t *Tx) PutGroup(c *health.GroupChange) error {
	for _, id := range []em.EventID{c.Event.ID, c.Was.ID} {
		for _, table := range []string{"affected", "member"} {
			if err := t.exec(`DELETE FROM `+table+` WHERE event = ?`, id[:]); err != nil {
				return err
			}
		}
	}
	for _, p := range c.People {
		if err := t.exec(`INSERT INTO affected (event, subject, covered) VALUES (?,?,?)`, c.Event.ID[:], string(p.Subject), p.Covered); err != nil {
			return err
		}
	}
	for _, m := range c.Members {
		if err := t.exec(`INSERT INTO member (event, member) VALUES (?,?)`, c.Event.ID[:], m[:]); err != nil {
			return err
		}
	}
	return nil
}

// Group is how an incident belongs to others.
type Group struct {
	People  []health.AffectedPerson // whom it concerns, where it groups others
	Members []int64                 // the incidents that it groups
	Parent  int64                   // the incident that groups it; 0: none
}

func group(ctx context.Context, q querier, event em.EventID) (g Group, err error) {
	if g.People, err = collect(ctx, q, func(rows row, p *health.AffectedPerson) error { return rows.Scan(&p.Subject, &p.Covered) },
		`SELECT subject, covered FROM affected WHERE event = ? ORDER BY subject`, event[:]); err != nil {
		return g, err
	}
	number := func(rows row, n *int64) error { return rows.Scan(n) }
	if g.Members, err = collect(ctx, q, number, `SELECT i.id FROM member m JOIN incident i ON i.event = m.member WHERE m.event = ? ORDER BY i.id`, event[:]); err != nil {
		return g, err
	}
	parents, err := collect(ctx, q, number, `SELECT i.id FROM member m JOIN incident i ON i.event = m.event WHERE m.member = ? ORDER BY i.id DESC LIMIT 1`, event[:])
	if len(parents) == 1 {
		g.Parent = parents[0]
	}
	return g, err
}

// Group returns how the incident of an event belongs to others.
func (t *Tx) Group(event em.EventID) (Group, error) { return group(t.ctx, t.tx, event) }

// Group returns how the incident of an event belongs to others.
func (s *Store) Group(ctx context.Context, event em.EventID) (Group, error) {
	return group(ctx, s.r, event)
}
