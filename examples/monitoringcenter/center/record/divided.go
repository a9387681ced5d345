package record

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// A record in a PostgreSQL database may be divided, so that several processes
// evaluate at once. The head, which is all that there is of an undivided record,
// then has the people and their orders, incidents, notices, commands and the audit;
// each of the partitions 1 to n has the evidence about its own subjects and what
// their Timelines decided. A partition is a whole store in a schema of its own, with
// its own writer and its own position in the log. It never goes beyond the head's:
// so it knows, of each report, by which orders the head had it judged (Version). What
// it decides it hands to the head, in the transaction that decides it (HandOver), and
// the head takes that in one of its own (TakeOver).

// headTables are what the head of a divided record has besides, and partTables what
// each partition has.
const (
	headTables = `
CREATE TABLE division (one BIGINT PRIMARY KEY CHECK (one = 1), partitions BIGINT NOT NULL);
-- What the people, zones and units are as of a position in the log: changed is all
-- whose rules may differ.
CREATE TABLE roster_version (v BIGINT PRIMARY KEY, seq BIGINT NOT NULL, at BIGINT NOT NULL, zones BIGINT NOT NULL);
CREATE TABLE roster_doc (kind TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL, v BIGINT NOT NULL, since BIGINT NOT NULL, doc TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (kind, id, v));
CREATE INDEX roster_doc_version ON roster_doc (v);`
	partTables = `
CREATE TABLE IF NOT EXISTS outbox (n BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, data BYTEA NOT NULL);
CREATE TABLE IF NOT EXISTS roster_seen (one BIGINT PRIMARY KEY CHECK (one = 1), v BIGINT NOT NULL);
INSERT INTO roster_seen VALUES (1, 0) ON CONFLICT (one) DO NOTHING;`
)

// PartitionsMost bounds the partitions of a record: each costs a session of the
// database, and a process that reads them another.
const PartitionsMost = 64

func schemaOf(part int) string { return fmt.Sprintf("em_p%02d", part) }

// divided reports whether there are partitions.
func divided(ctx context.Context, q querier) (n int, err error) {
	if q.d != &postgres {
		return 0, nil
	}
	var known bool
	if err := q.QueryRowContext(ctx, `SELECT to_regclass('division') IS NOT NULL`).Scan(&known); err != nil || !known {
		return 0, wrap(err)
	}
	err = q.QueryRowContext(ctx, `SELECT partitions FROM division`).Scan(&n)
	return n, wrap(err)
}

func wrap(err error) error {
	if err != nil {
		err = fmt.Errorf("record: %w", err)
	}
	return err
}

// Partitions returns how many partitions the record has, 0 for an undivided one. Known
// is false while it may be divided yet.
func (s *Store) Partitions(ctx context.Context) (n int, known bool, err error) {
	if n, err = divided(ctx, s.r); err != nil || n > 0 || s.r.d != &postgres {
		return n, err == nil, err
	}
	err = s.r.QueryRowContext(ctx, `SELECT log <> '' FROM position`).Scan(&known)
	return 0, known, wrap(err)
}

// Divide divides a record that has seen nothing of any log, and returns how many
// partitions it has: what it was made with stays.
func (t *Tx) Divide(n int) (int, error) {
	had, err := divided(t.ctx, t.tx)
	if err != nil || had > 0 || n < 2 || t.tx.d != &postgres {
		return had, err
	}
	log, seq, err := t.Position()
	if err != nil || log != "" || seq > 0 {
		return 0, err
	}
	if err := t.exec(headTables); err != nil {
		return 0, err
	}
	return n, t.exec(`INSERT INTO division VALUES (1, ?)`, n)
}

// Partition prepares to use a partition, as Connect does the head.
func (s *Store) Partition(ctx context.Context, n int) (*Store, error) {
	var head string
	if err := s.r.QueryRowContext(ctx, `SELECT quote_ident(current_schema())`).Scan(&head); err != nil {
		return nil, wrap(err)
	}
	p, err := connectPart(s.where, s.as, n)
	if err != nil {
		return nil, wrap(err)
	}
	p.head = head + "."
	return p.prepare(), nil
}

// makePartition makes the schema of a partition, if it is not there, whose lock
// this process holds.
func (s *Store) makePartition(ctx context.Context) error {
	_, err := s.w.ExecContext(ctx, `CREATE SCHEMA IF NOT EXISTS `+schemaOf(s.part))
	if err == nil {
		err = s.r.d.migrate(ctx, s.w)
	}
	if err == nil {
		_, err = s.w.ExecContext(ctx, partTables)
	}
	return err
}

// Snapshot returns what a store holds that another process, or another Store of
// this one, writes: a transaction for reading. End ends it, and is to be called;
// until then there is no other.
func (s *Store) Snapshot(ctx context.Context) (t *Tx, end func(), err error) {
	select {
	case s.writing <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, fmt.Errorf("record: %w", ctx.Err())
	}
	tx, err := s.readers.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		<-s.writing
		return nil, nil, wrap(err)
	}
	end = func() { tx.Rollback(); <-s.writing }
	t = s.newTx(ctx, querier{tx, s.r.d})
	if err := t.recover(); err != nil {
		end()
		return nil, nil, err
	}
	return t, end, nil
}

// Refresh makes the reads of a store that another writes see what is there now.
func (s *Store) Refresh(ctx context.Context) error {
	_, end, err := s.Snapshot(ctx)
	if err == nil {
		end()
	}
	return err
}

// HeadPosition returns how far the head of a partition's record is in the log.
func (t *Tx) HeadPosition() (seq uint64, err error) {
	err = t.tx.QueryRowContext(t.ctx, `SELECT seq FROM `+t.s.head+`position`).Scan(&seq)
	return seq, wrap(err)
}

// HeadSecret returns a key of the head's.
func (t *Tx) HeadSecret(name string) (key []byte, err error) {
	err = t.tx.QueryRowContext(t.ctx, `SELECT key FROM `+t.s.head+`secret WHERE name = ?`, name).Scan(&key)
	return key, wrap(err)
}

// Version is a change of people, zones and units. It holds for the reports behind
// a position in the log.
type Version struct {
	N     int64
	Seq   uint64
	At    time.Time // when it was entered
	Zones bool      // zones have changed: so may have all people's rules
	Docs  []VersionDoc
}

// Kinds of documents of a roster.
const (
	DocZone   = "zone"
	DocUnit   = "unit"
	DocPerson = "person"
)

// VersionDoc is a document as of a version.
type VersionDoc struct {
	Kind string
	Doc
}

// PutVersion keeps what the next version changes, and returns its number; it holds
// behind where the head stands.
func (t *Tx) PutVersion(at time.Time, docs []VersionDoc) (v int64, err error) {
	zones := slices.ContainsFunc(docs, func(d VersionDoc) bool { return d.Kind == DocZone })
	if err := t.tx.QueryRowContext(t.ctx, `INSERT INTO roster_version SELECT coalesce((SELECT max(v) FROM roster_version), 0) + 1, seq, CAST(? AS BIGINT), CAST(? AS BIGINT) FROM position RETURNING v`,
		nanos(at), flag(zones)).Scan(&v); err != nil {
		return 0, wrap(err)
	}
	for _, d := range docs {
		if err := t.exec(`INSERT INTO roster_doc (kind, id, v, since, doc) VALUES (?,?,?,?,?)`, d.Kind, d.ID, v, nanos(d.Since), string(d.JSON)); err != nil {
			return 0, err
		}
	}
	return v, nil
}

// SeenVersion returns up to which version a partition judges.
func (t *Tx) SeenVersion() (v int64, err error) {
	err = t.tx.QueryRowContext(t.ctx, `SELECT v FROM roster_seen`).Scan(&v)
	return v, wrap(err)
}

// SeeVersion says that a partition judges by a version.
func (t *Tx) SeeVersion(v int64) error { return t.exec(`UPDATE roster_seen SET v = ?`, v) }

// NextVersion returns the version behind one; nil where there is none yet. Ask for
// it after HeadPosition: then all that hold up to there are there.
func (t *Tx) NextVersion(after int64) (*Version, error) {
	all, err := collect(t.ctx, t.tx, func(r row, v *Version) error {
		var at, zones int64
		err := r.Scan(&v.N, &v.Seq, &at, &zones)
		v.At, v.Zones = fromNanos(at), zones != 0
		return err
	}, `SELECT v, seq, at, zones FROM `+t.s.head+`roster_version WHERE v = ?`, after+1)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	v := &all[0]
	v.Docs, err = collect(t.ctx, t.tx, scanVersionDoc, `SELECT kind, id, since, doc FROM `+t.s.head+`roster_doc WHERE v = ? ORDER BY kind, id`, v.N)
	return v, err
}

// DocsAt returns all zones, units and people as of a version, by ID.
func (t *Tx) DocsAt(v int64) (zones, units, people []Doc, err error) {
	all, err := collect(t.ctx, t.tx, scanVersionDoc,
		`SELECT DISTINCT ON (kind, id) kind, id, since, doc FROM `+t.s.head+`roster_doc WHERE v <= ? ORDER BY kind, id, v DESC`, v)
	for _, d := range all {
		switch d.Kind {
		case DocZone:
			zones = append(zones, d.Doc)
		case DocUnit:
			units = append(units, d.Doc)
		case DocPerson:
			people = append(people, d.Doc)
		}
	}
	return zones, units, people, err
}

func scanVersionDoc(r row, d *VersionDoc) error {
	var since int64
	err := r.Scan(&d.Kind, &d.ID, &since, (*document)(&d.JSON))
	d.Since = fromNanos(since)
	return err
}

// Handed is what a partition hands to the head: a change that it has written, or an
// entry of the audit.
type Handed struct {
	Change   em.Change
	Knowable time.Time // when what the change rests on was there
	Received time.Time // of the observation that brought it; zero where none did
	Rules    bool      // a change of the rules brought it

	Audit *Entry // instead of a change: its Actor, Action, Target and Detail
}

const (
	handedChange = iota
	handedAudit
)

// HandOver writes what the head is to take.
func (t *Tx) HandOver(h Handed) error {
	if a := h.Audit; a != nil {
		data := em.AppendUint(nil, handedAudit)
		for _, s := range []string{a.Actor, a.Action, a.Target, string(a.Detail)} {
			data = em.AppendString(data, s)
		}
		return t.exec(`INSERT INTO outbox (data) VALUES (?)`, data)
	}
	data, err := appendChange(em.AppendUint(nil, handedChange), &h.Change)
	if err != nil {
		return err
	}
	data = em.AppendBool(em.AppendTime(em.AppendTime(data, h.Knowable), h.Received), h.Rules)
	return t.exec(`INSERT INTO outbox (data) VALUES (?)`, data)
}

func (h *Handed) read(data []byte) error {
	r := em.NewStateReader(data)
	if r.Uint() == handedAudit {
		h.Audit = &Entry{Actor: r.String(), Action: r.String(), Target: r.String(), Detail: json.RawMessage(r.String())}
		return r.Close()
	}
	if err := readChange(r, &h.Change); err != nil {
		return err
	}
	h.Knowable, h.Received, h.Rules = r.Time(), r.Time(), r.Bool()
	return r.Close()
}

// takeAtOnce bounds what one transaction takes of each partition.
const takeAtOnce = 200

// Progress is how far all partitions are: what they decided up to there has been
// handed over.
type Progress struct {
	Seq     uint64 // in the log
	Version int64  // of the roster
}

// TakeOver takes what the partitions from 1 to n have handed over, in the order of
// each, and returns how far they are. Whole is false where more waits.
func (t *Tx) TakeOver(n int) (all []Handed, p Progress, whole bool, err error) {
	union := func(format string) string {
		var parts []string
		for part := 1; part <= n; part++ {
			parts = append(parts, fmt.Sprintf(format, part, schemaOf(part)))
		}
		return strings.Join(parts, " UNION ALL ")
	}
	// Progress first: what was handed over up to there is seen then.
	if err := t.tx.QueryRowContext(t.ctx, `SELECT min(seq), min(v) FROM (`+union(`SELECT (SELECT seq FROM %[2]s.position) AS seq, (SELECT v FROM %[2]s.roster_seen) AS v`)+`) AS parts`).
		Scan(&p.Seq, &p.Version); err != nil {
		return nil, p, false, wrap(err)
	}
	whole = true
	type entry struct {
		part int
		n    int64
		data []byte
	}
	found, err := collect(t.ctx, t.tx, func(r row, e *entry) error { return r.Scan(&e.part, &e.n, &e.data) },
		union(fmt.Sprintf(`(SELECT %%d AS part, n, data FROM %%s.outbox ORDER BY n LIMIT %d)`, takeAtOnce))+` ORDER BY part, n`)
	if err != nil {
		return nil, p, false, err
	}
	last, count := map[int]int64{}, map[int]int{}
	for _, e := range found {
		var h Handed
		if err := h.read(e.data); err != nil {
			return nil, p, false, fmt.Errorf("record: outbox of partition %d: %w", e.part, err)
		}
		all = append(all, h)
		last[e.part] = e.n
		count[e.part]++
		whole = whole && count[e.part] < takeAtOnce
	}
	for part, n := range last {
		if err := t.exec(`DELETE FROM `+schemaOf(part)+`.outbox WHERE n <= ?`, n); err != nil {
			return nil, p, false, err
		}
	}
	return all, p, whole, nil
}

// Made reports whether the tables of all partitions from 1 to n are there.
func (s *Store) Made(ctx context.Context, n int) (bool, error) {
	for part := 1; part <= n; part++ {
		var made bool
		if err := s.r.QueryRowContext(ctx, `SELECT to_regclass(?) IS NOT NULL`, schemaOf(part)+".roster_seen").Scan(&made); err != nil || !made {
			return false, wrap(err)
		}
	}
	return true, nil
}

// PartEvents returns a subject's present events from its partition, to the head.
func (t *Tx) PartEvents(part int, subject em.SubjectID, c em.Clock, from time.Time) ([]em.Event, error) {
	return collect(t.ctx, t.tx, scanEvent,
		`SELECT data FROM `+schemaOf(part)+`.event WHERE subject = ? AND clock = ? AND concluded >= ? ORDER BY concluded, id`, string(subject), int(c), nanos(from))
}

// Lent is an arrival in another store, with the frame that it came in.
type Lent struct {
	arrival
	raw  *FrameRow // nil where it is not kept any more
	from *Store
}

// Lend returns what a device's own carriers, or one of them where subject is not
// empty, have of it as of an instant, by the time of reception.
func (t *Tx) Lend(device em.DeviceID, subject em.SubjectID, from, to time.Time) ([]Lent, error) {
	streams := own(t.of(subject))
	if subject == "" {
		slots, err := t.carrying(device)
		if err != nil {
			return nil, err
		}
		streams = looks(nil, slots)
	}
	var all []arrival
	for _, s := range streams {
		if s.device != device {
			continue
		}
		for _, b := range t.bucketDays() {
			some, err := t.view().load(t.ctx, s, b, em.EventTime, span{from.Unix(), maxSeconds})
			if err != nil {
				return nil, err
			}
			for _, a := range some {
				if !a.At.Before(from) && (to.IsZero() || a.At.Before(to)) {
					all = append(all, a)
				}
			}
		}
	}
	all = normalize(em.ReceiveTime, all)
	chunks := map[int64][]FrameRow{}
	lent := make([]Lent, len(all))
	for i, a := range all {
		lent[i] = Lent{arrival: a, from: t.s}
		f, err := t.view().frameOf(t.ctx, a.Received, a.frame, chunks)
		if err != nil {
			return nil, err
		}
		if f != nil {
			row := *f
			lent[i].raw = &row
		}
	}
	return lent, nil
}

type lentFrame struct {
	from *Store
	n    int64
}

// Borrow keeps what another store lends, as a subject's own device's or else as a
// copy, and returns the observation; new is false where it was there already. It
// does not count it: the other store has.
func (t *Tx) Borrow(l *Lent, subject em.SubjectID, own bool) (o em.Observation, isNew bool, err error) {
	a := l.arrival
	key := lentFrame{l.from, l.frame}
	frame, known := t.lent[key]
	if !known && l.raw != nil {
		codec, _, _ := strings.Cut(string(a.Device), ":")
		f := &protocol.ReportFrame{Raw: l.raw.Raw, Type: l.raw.Type}
		if l.raw.Error != "" {
			f.Err = errors.New(l.raw.Error)
		}
		if frame, err = t.AddFrame(0, &protocol.Report{Codec: codec, Device: a.Device, Received: l.raw.Received}, f); err != nil {
			return o, false, err
		}
		if t.lent == nil {
			t.lent = map[lentFrame]int64{}
		}
		t.lent[key] = frame
	}
	a.frame = frame // 0, which none has, where it is not kept any more
	return t.keep(&a, subject, own)
}

// Witness keeps an arrival whose own stream another partition has, as evidence about
// a subject of this one: a pair, or a person whose order names the unit. It returns
// it with the At that it has here.
func (t *Tx) Witness(o em.Observation, subject em.SubjectID, frame int64) (em.Observation, error) {
	o, _, err := t.keep(&arrival{o, frame}, subject, false)
	return o, err
}

// keep adds an arrival to a stream, or another arrival of what is there.
func (t *Tx) keep(a *arrival, subject em.SubjectID, own bool) (o em.Observation, isNew bool, err error) {
	s, err := t.change(streamKey{subject, a.Device, own})
	if err != nil {
		return o, false, err
	}
	was, err := t.find(s, &a.Observation)
	if err != nil {
		return o, false, err
	}
	t.fed.note(a.ID, a.frame)
	if was != nil {
		a.At = was.at
		if _, counts := was.takes(a); !counts {
			return a.Observation, false, nil
		}
	}
	_, err = t.append(s, a, bucketOf(&a.Observation, t.s.oldest))
	return a.Observation, was == nil, err
}
