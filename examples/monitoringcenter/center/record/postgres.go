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

// ErrOwned: another center writes to the database.
var ErrOwned = errors.New("another center writes to this database")

// writerLock is the advisory lock that the writer of a database holds for as
// long as its connection lives. The number is any that others do not use.
const writerLock = 0x5a26a5e3

// lockWithin is how long Open waits for another writer's lock: after a crash the
// server may learn only then that the connection is gone.
const lockWithin = 10 * time.Second

// openPostgres opens a database that exists.
func openPostgres(ctx context.Context, url string) (*Store, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err // pgx leaves the password out
	}
	// A commit is on disk when it returns, whatever the server's default.
	cfg.RuntimeParams["synchronous_commit"] = "on"
	cfg.RuntimeParams["timezone"] = "UTC"
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "monitoringcenter"
	}
	reading := cfg.Copy()
	reading.RuntimeParams["default_transaction_read_only"] = "on"
	w := stdlib.OpenDB(*cfg, stdlib.OptionAfterConnect(lockWriter))
	return newStore(ctx, &postgres, w, stdlib.OpenDB(*reading))
}

// lockWriter makes a new connection the only one that writes.
func lockWriter(ctx context.Context, c *pgx.Conn) error {
	for begun := time.Now(); ; {
		var got bool
		if err := c.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, int64(writerLock)).Scan(&got); err != nil || got {
			return err
		}
		if time.Since(begun) > lockWithin {
			return ErrOwned
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// serverAway is Unreachable of PostgreSQL.
func serverAway(err error) bool {
	var (
		connect *pgconn.ConnectError
		server  *pgconn.PgError
		network *net.OpError
	)
	if errors.As(err, &server) {
		// 08: the connection; 53: the server lacks room; 57P: it is stopped, or not yet started.
		return strings.HasPrefix(server.Code, "08") || strings.HasPrefix(server.Code, "53") || strings.HasPrefix(server.Code, "57P")
	}
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, ErrOwned)
}
