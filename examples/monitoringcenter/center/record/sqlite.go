package record

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"

	"github.com/pressly/goose/v3"
	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var sqlite = dialect{name: "sqlite", goose: goose.DialectSQLite3,
	oldLayout: `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'observation'`, newBucket: sqliteBucket}

// sqliteBucket makes tables for a day: a transaction over files of their own would
// not be one after a power cut.
func sqliteBucket(name string, _ int64) []string {
	return []string{
		`CREATE TABLE segment_` + name + ` (n INTEGER PRIMARY KEY, stream INTEGER NOT NULL, at_from INTEGER NOT NULL, at_to INTEGER NOT NULL,
			heard_from INTEGER NOT NULL, heard_to INTEGER NOT NULL, data BLOB NOT NULL) STRICT`,
		`CREATE INDEX segment_` + name + `_stream ON segment_` + name + ` (stream, at_to)`,
		`CREATE TABLE frames_` + name + ` (chunk INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT`,
	}
}

// fileFull reports whether an error says that there is no room for the file.
func fileFull(err error) bool {
	var e *driver.Error
	return errors.As(err, &e) && e.Code()&0xFF == sqlite3.SQLITE_FULL
}

// connectSQLite opens or creates a file.
func connectSQLite(file, _ string) (*Store, error) {
	// FULL: a commit is on disk when it returns. NORMAL loses commits in a power cut.
	dsn := func(extra url.Values) string {
		q := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"}}
		for k, v := range extra {
			q[k] = append(q[k], v...)
		}
		return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: file}).EscapedPath(), RawQuery: q.Encode()}).String()
	}
	w, err := sql.Open("sqlite", dsn(url.Values{"_txlock": {"immediate"}, "_pragma": {fmt.Sprintf("wal_autocheckpoint(%d)", moveAtMost)}}))
	if err != nil {
		return nil, err
	}
	r, err := sql.Open("sqlite", dsn(url.Values{"_pragma": {"query_only(1)"}}))
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	m, err := sql.Open("sqlite", dsn(nil))
	if err != nil {
		return nil, errors.Join(err, r.Close(), w.Close())
	}
	return &Store{w: w, readers: r, r: querier{r, &sqlite}, mover: newMover(m)}, nil
}
