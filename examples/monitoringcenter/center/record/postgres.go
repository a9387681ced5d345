package record

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

var postgres = dialect{name: "postgres", goose: goose.DialectPostgres, rebind: numbered(), quoted: true,
	oldLayout: `SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'observation'`, newBucket: postgresBucket}

// postgresBucket makes partitions for a day. The record names them itself; whoever
// asks the whole tables finds them there.
func postgresBucket(name string, day int64) []string {
	of := strconv.FormatInt(day, 10)
	return []string{
		`CREATE TABLE segment_` + name + ` PARTITION OF segment (day WITH OPTIONS DEFAULT ` + of + `) FOR VALUES IN (` + of + `)`,
		`CREATE TABLE frames_` + name + ` PARTITION OF frames (day WITH OPTIONS DEFAULT ` + of + `) FOR VALUES IN (` + of + `)`,
	}
}

// ErrOwned: another process writes to the database.
var ErrOwned = errors.New("another center writes to this database")

// writerLock is the advisory lock that the writer of a database holds for as
// long as its session lasts: the session that writes is the one that holds it, so
// that a writer which lost the lock cannot write. The number is any that others
// do not use.
const writerLock = 0x5a26a5e3

const (
	// lockWithin is how long a session waits for the lock: whoever stands by takes
	// over at once, and asks for a new session only now and then.
	lockWithin = time.Second
	lockEvery  = 100 * time.Millisecond
	// silentWriter is after how long the server ends the session of a writer that is
	// silent, in milliseconds. Its machine is gone, or it is stuck: it writes more
	// often than that, if only nothing.
	silentWriter = 30_000
)

// connectPostgres prepares to use a database that exists.
func connectPostgres(where, as string) (*Store, error) { return connectPart(where, as, 0) }

// connectPart does it for a partition, or for the head: 0.
func connectPart(where, as string, part int) (*Store, error) {
	cfg, err := pgx.ParseConfig(where)
	if err != nil {
		return nil, err // pgx leaves the password out
	}
	// A commit is on disk when it returns, whatever the server's default.
	cfg.RuntimeParams["synchronous_commit"] = "on"
	cfg.RuntimeParams["timezone"] = "UTC"
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = strings.TrimSpace("monitoringcenter " + as)
	}
	if part > 0 {
		cfg.RuntimeParams["search_path"] = schemaOf(part)
	}
	reading := cfg.Copy()
	reading.RuntimeParams["default_transaction_read_only"] = "on"
	s := &Store{where: where, as: as, part: part}
	s.w = stdlib.OpenDB(*cfg, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		if err := lockWriter(ctx, c, part); err != nil {
			return errors.Join(err, c.Close(context.WithoutCancel(ctx))) // the pool does not
		}
		s.sessions.Add(1)
		return nil
	}))
	s.readers = stdlib.OpenDB(*reading)
	s.r = querier{s.readers, &postgres}
	return s, nil
}

// lockWriter makes a new session the only one that writes.
func lockWriter(ctx context.Context, c *pgx.Conn, part int) error {
	if err := endSilent(ctx, c); err != nil {
		return err
	}
	// Nobody waits for a partition: there are others.
	lock, within := `SELECT pg_try_advisory_lock($1, $2)`, time.Duration(-1)
	args := []any{int32(writerLock), int32(part)}
	if part == 0 {
		lock, args, within = `SELECT pg_try_advisory_lock($1)`, []any{int64(writerLock)}, lockWithin
	}
	for begun := time.Now(); ; {
		var got bool
		if err := c.QueryRow(ctx, lock, args...).Scan(&got); err != nil || got {
			return err
		}
		if time.Since(begun) > within {
			return ErrOwned
		}
		select {
		case <-time.After(lockEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// endSilent makes the server end a session that is silent.
func endSilent(ctx context.Context, c *pgx.Conn) error {
	for _, name := range []string{"idle_session_timeout", "idle_in_transaction_session_timeout"} {
		// A server without the setting, before version 14, keeps a silent writer for longer.
		if _, err := c.Exec(ctx, `SELECT set_config(name, $2, false) FROM pg_settings WHERE name = $1`, name, strconv.Itoa(silentWriter)); err != nil {
			return err
		}
	}
	return nil
}

// Presence says that a process is there, and counts those that are, for as long as
// its session lasts.
type Presence struct{ conn *pgx.Conn }

// presenceLock is the advisory lock of which each process has one.
const presenceLock = writerLock + 1

// Present makes a process one of those among which partitions are divided.
func (s *Store) Present(ctx context.Context) (*Presence, error) {
	cfg, err := pgx.ParseConfig(s.where)
	if err != nil {
		return nil, wrap(err)
	}
	cfg.RuntimeParams["application_name"] = strings.TrimSpace("monitoringcenter " + s.as)
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, wrap(err)
	}
	if err = endSilent(ctx, c); err == nil {
		_, err = c.Exec(ctx, `SELECT pg_advisory_lock($1, pg_backend_pid())`, int32(presenceLock))
	}
	if err != nil {
		return nil, wrap(errors.Join(err, c.Close(context.WithoutCancel(ctx))))
	}
	return &Presence{c}, nil
}

// Look returns how many processes there are, this one too, and which partitions have
// an owner.
func (p *Presence) Look(ctx context.Context) (n int, owned map[int]bool, err error) {
	rows, err := p.conn.Query(ctx, `SELECT l.classid::bigint, l.objid::bigint FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
		WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database() AND l.objsubid = 2`)
	if err != nil {
		return 0, nil, wrap(err)
	}
	owned = map[int]bool{}
	for rows.Next() {
		var class, of int64
		if err := rows.Scan(&class, &of); err != nil {
			rows.Close()
			return 0, nil, wrap(err)
		}
		switch class {
		case presenceLock:
			n++
		case writerLock:
			owned[int(of)] = true
		}
	}
	return n, owned, wrap(rows.Err())
}

// Close says that the process is not there any more.
func (p *Presence) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return p.conn.Close(ctx)
}

// Owner says who writes to the database, as it calls itself; empty where nobody
// does, and for a file.
func (s *Store) Owner(ctx context.Context) (string, error) {
	if s.r.d != &postgres {
		return "", nil
	}
	names, err := collect(ctx, s.r, func(r row, name *string) error { return r.Scan(name) },
		`SELECT a.application_name FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid JOIN pg_database AS d ON d.oid = l.database
			WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database() AND l.classid = 0 AND l.objid = ? AND l.objsubid = 1`, int64(writerLock))
	return strings.Join(names, ", "), err
}

// serverAway is Unreachable of PostgreSQL.
func serverAway(err error) bool {
	var (
		connect *pgconn.ConnectError
		server  *pgconn.PgError
		network *net.OpError
	)
	if errors.As(err, &server) {
		// 08: the connection; 53: the server lacks room; 57P: it is stopped, or not yet
		// started, or has ended a silent session; 25P03: that in a transaction.
		return strings.HasPrefix(server.Code, "08") || strings.HasPrefix(server.Code, "53") || strings.HasPrefix(server.Code, "57P") || server.Code == "25P03"
	}
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, ErrOwned)
}
