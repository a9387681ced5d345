package record

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/pressly/goose/v3"

	"github.com/sargas-em/em"
)

//go:embed migrations
var migrations embed.FS

// Store is an open record. Reads may run at any time from any goroutine; writes
// go through one transaction at a time.
type Store struct {
	w, readers *sql.DB // one connection; read-only ones
	r          querier // of the readers

	writing chan struct{} // held by the one transaction
	mover   *mover        // of SQLite
	sure    bool          // memory is what the database holds
	limits  limits

	statements statements                // of the writer
	hearings   map[em.DeviceID][]hearing // of the writer; what has been asked for
	deflate    *flate.Writer             // of the writer
	spare      spare                     // of the writer

	// The writer's sessions with the server, as they begin, and the one that Own
	// took. A file has no sessions: 0 is its only one.
	sessions, owned atomic.Int64

	where, as string
	part      int    // 0: the head of a divided record, or all of one that is not
	head      string // of a partition: before the head's tables

	mu     sync.RWMutex // the writer changes memory under it, and reads it without
	closed bool
	memory
}

// limits are of sizes in bytes, and of nobody's streams; tests make them small.
type limits struct{ segment, tail, nobodys int }

// memory is what is known of the evidence without asking the database.
type memory struct {
	streams  map[streamKey]*slot // but for nobody's that have not been asked for, unless allNobodys
	subjects map[em.SubjectID][]*slot
	devices  map[em.DeviceID]*carriers
	buckets  map[int64]bucket
	oldest   int64 // days before it are not kept
	latest   int64 // Received of the newest arrival, in seconds

	allNobodys bool

	// Of the writer alone.
	lastRow, lastStream, lastChunk int64
	indexes                        map[indexKey]*index
	tail                           []tailRow // oldest first
	tailSize, openBytes            int
	firstRow                       int64
}

// carriers are the streams that hold a device's own observations.
type carriers struct {
	own    []*slot
	loaded bool // nobody's has been asked for
}

// maxReaders bounds concurrent reads of the page and the API.
const maxReaders = 4

// Open connects to the record and owns it; it waits a while for an owner that has
// just ended.
func Open(ctx context.Context, where string) (*Store, error) {
	s, err := Connect(where, "")
	if err != nil {
		return nil, err
	}
	for begun := time.Now(); ; {
		if err = s.Own(ctx); err == nil {
			return s, nil
		}
		if !errors.Is(err, ErrOwned) || time.Since(begun) > ownWithin {
			return nil, errors.Join(err, s.Close())
		}
	}
}

// ownWithin is how long Open waits.
const ownWithin = 10 * time.Second

// Connect prepares to use the record; it can be read where its schema is up to
// date, and written after Own. Where begins with "postgres://" or "postgresql://"
// for a database that exists; else it is the name of an SQLite file, which is
// created if missing. As is what the owner of a database is called to others.
func Connect(where, as string) (*Store, error) {
	connect := connectSQLite
	if IsURL(where) {
		connect = connectPostgres
	}
	s, err := connect(where, as)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	s.where, s.as = where, as
	return s.prepare(), nil
}

func (s *Store) prepare() *Store {
	s.w.SetMaxOpenConns(1)
	s.readers.SetMaxOpenConns(maxReaders)
	if s.part > 0 { // there are many
		s.readers.SetMaxOpenConns(1)
		s.readers.SetConnMaxIdleTime(partIdle)
	}
	s.owned.Store(-1)
	s.writing = make(chan struct{}, 1)
	s.mover.start(s.writing)
	s.statements = statements{db: s.w, known: map[string]*sql.Stmt{}}
	s.limits = limits{segmentBytes, tailBytes, nobodysMost}
	s.oldest = minSeconds
	return s
}

// partIdle is for how long a partition keeps the session of a reader.
const partIdle = 10 * time.Second

// Own makes this process the one that writes to the record, for as long as the
// writer's session with the server lasts, and brings the schema up to date.
// Whatever was read before is void then. ErrOwned is wrapped where another process
// is the one. A file has nobody to share it with: whoever opens it sees to that.
func (s *Store) Own(ctx context.Context) error {
	var err error
	if s.part > 0 {
		err = s.makePartition(ctx)
	} else if err = s.r.d.checkLayout(ctx, s.w); err == nil {
		err = s.r.d.migrate(ctx, s.w)
	}
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	s.writing <- struct{}{}
	if session := s.sessions.Load(); s.owned.Swap(session) != session {
		s.sure = false // another process may have written
	}
	<-s.writing
	return s.Update(ctx, func(*Tx) error { return nil }) // which reads the tail
}

// ErrLost: the session has ended that Own took. Another process may have written
// since: only after another Own, and with nothing remembered, may this one.
var ErrLost = errors.New("record: it is not, or no longer, this process that writes")

// IsURL reports whether where names a PostgreSQL database, not a file.
func IsURL(where string) bool {
	return strings.HasPrefix(where, "postgres://") || strings.HasPrefix(where, "postgresql://")
}

// Unreachable reports whether an error says that the database cannot be reached
// now, is going down, or has no room: nothing is wrong with what was asked, and
// the same may succeed later. What a transaction did whose end fails so is not
// known; the position in the record tells.
func Unreachable(err error) bool {
	return fileFull(err) || serverAway(err) || errors.Is(err, ErrLost)
}

// ErrLayout: the record is of a version before the first release, which kept a row
// for each observation.
var ErrLayout = errors.New("this record is of an older layout, which is not read any more: move it away, and a new one takes what the log still holds")

// checkLayout refuses the layout of before.
func (d *dialect) checkLayout(ctx context.Context, db *sql.DB) error {
	var n int64
	if err := db.QueryRowContext(ctx, d.oldLayout).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return ErrLayout
	}
	return nil
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
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.mover.close()
	return errors.Join(s.readers.Close(), s.w.Close()) // and what belongs to them
}

// Tx is one transaction of the writer. It is not safe for concurrent use.
type Tx struct {
	tx  querier
	ctx context.Context
	s   *Store

	touched    []*slot             // those with what is next
	created    []*slot             // of the touched, in order
	fresh      map[streamKey]*slot // the created, until they are published
	createdFor map[em.SubjectID][]*slot
	createdBy  map[em.DeviceID][]*slot // as their own
	buckets    map[int64]*bucket
	chunks     map[int64]*chunk // of frames, by day
	fed        cameInAll        // of what is added, or added again
	found      known            // of what find has found last
	carriers   []*slot          // what carrying returned, for reuse
	carriersOf em.DeviceID      // by them; empty where it is to be looked up
	cites      map[em.ObservationID]citation
	ended      []ending
	begins     []*slot // whose segments begin in this transaction's row
	latest     int64
	oldest     int64   // as Drop said; 0 where it did not
	removed    []int64 // buckets
	forgotten  bool    // nobody's streams
	newStreams int64
	newChunks  int64
	rowSize    int   // of the row of the tail
	dropped    int64 // rows of the tail before it are deleted
	lent       map[lentFrame]int64
	saves      map[saveKey][]byte // checkpoints that are not written yet
}

func (s *Store) newTx(ctx context.Context, q querier) *Tx {
	return &Tx{tx: q, ctx: ctx, s: s, buckets: map[int64]*bucket{}, chunks: map[int64]*chunk{},
		cites: map[em.ObservationID]citation{}, saves: map[saveKey][]byte{}}
}

// Update runs f in one transaction and commits it if f succeeds. While f runs
// no other Update does. ErrLost is wrapped unless Own has taken the session.
func (s *Store) Update(ctx context.Context, f func(*Tx) error) (err error) {
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return fmt.Errorf("record: %w", ctx.Err())
	}
	tx, err := s.w.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if s.sessions.Load() != s.owned.Load() {
		return errors.Join(ErrLost, tx.Rollback())
	}
	var c conn = tx
	if s.r.d == &sqlite { // PostgreSQL's driver remembers by itself
		own := s.statements.of(tx)
		c = own
		defer func() {
			if err == nil {
				s.statements.learn(ctx, own.own)
			}
		}()
	}
	t := s.newTx(ctx, querier{c, s.r.d})
	s.spare.lend(t)
	defer s.spare.back(t)
	if !s.sure {
		err = t.recover()
	}
	if err == nil {
		s.sure = true
		err = f(t)
	}
	if err == nil {
		err = t.flush()
	}
	if err != nil {
		s.sure = s.sure && len(t.touched) == 0 // a writer's copy may have been packed
		s.hearings = nil
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		s.sure, s.hearings = false, nil // nobody knows what it did
		return fmt.Errorf("record: %w", err)
	}
	t.publish()
	s.mover.committed()
	return nil
}

func (t *Tx) exec(query string, args ...any) error {
	if _, err := t.tx.ExecContext(t.ctx, query, args...); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// rowsAtOnce is how many rows one statement writes at most: most of what a statement
// costs is not its row. What is left is written by halves, so that there are few
// statements to remember, whatever the number of rows.
const rowsAtOnce = 32

// insertRows writes rows, of which args has the columns one after the other. Both
// parts of the statement are constants: head goes up to VALUES, and tail follows.
func (t *Tx) insertRows(head string, columns int, tail string, args []any) error {
	for row := `(` + strings.Repeat(`?,`, columns-1) + `?)`; len(args) > 0; {
		n := rowsAtOnce
		for len(args) < n*columns {
			n /= 2
		}
		if err := t.exec(head+strings.Repeat(row+`,`, n-1)+row+tail, args[:n*columns]...); err != nil {
			return err
		}
		args = args[n*columns:]
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
