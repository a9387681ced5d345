package record

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/pressly/goose/v3"
)

// dialect is what differs between the databases. Queries are written for SQLite,
// with ? or ?1, ?2 … for arguments, and for what both understand: ON CONFLICT
// with its columns named, RETURNING, CAST, a name for each subquery.
type dialect struct {
	name      string // of its folder of migrations
	goose     goose.Dialect
	rebind    func(query string) string             // to the form of its arguments
	quoted    bool                                  // texts that cannot be stored as they are, are quoted
	oldLayout string                                // counts the tables of the layout of before
	newBucket func(name string, day int64) []string // makes its tables
}

// conn is a transaction or a pool.
type conn interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// querier runs queries on either database. While rows of a transaction are open
// it takes no other query.
type querier struct {
	c conn
	d *dialect
}

func (q querier) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return q.c.ExecContext(ctx, q.d.query(query), q.d.args(args)...)
}

func (q querier) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return q.c.QueryContext(ctx, q.d.query(query), q.d.args(args)...)
}

func (q querier) QueryRowContext(ctx context.Context, query string, args ...any) row {
	return row{q.c.QueryRowContext(ctx, q.d.query(query), q.d.args(args)...), q.d}
}

func (d *dialect) query(query string) string {
	if d.rebind == nil {
		return query
	}
	return d.rebind(query)
}

func (d *dialect) args(args []any) []any {
	if !d.quoted {
		return args
	}
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = quote(s)
		}
	}
	return args
}

// row is what a query found: one row, or the present one of several.
type row struct {
	from interface{ Scan(...any) error }
	d    *dialect
}

// document receives a text as bytes.
type document []byte

// Scan implements sql.Scanner.
func (d *document) Scan(src any) error {
	switch src := src.(type) {
	case string:
		*d = document(src)
	case []byte:
		*d = bytes.Clone(src)
	default:
		return fmt.Errorf("a document is a text, not %T", src)
	}
	return nil
}

func (r row) Scan(dest ...any) error {
	if err := r.from.Scan(dest...); err != nil || !r.d.quoted {
		return err
	}
	for _, p := range dest {
		switch p := p.(type) {
		case *document:
			*p = document(unquote(string(*p)))
		case *[]byte: // no text
		default:
			if v := reflect.ValueOf(p).Elem(); v.Kind() == reflect.String {
				v.SetString(unquote(v.String()))
			}
		}
	}
	return nil
}

// mark begins a text that is quoted.
const mark = `\q`

// quote makes of a text one that every database takes: what is no UTF-8, or has
// zero bytes in it, as what a device says of itself may, is quoted as in Go.
func quote(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 && !strings.HasPrefix(s, mark) {
		return s
	}
	return mark + strconv.Quote(s)
}

func unquote(s string) string {
	if q, ok := strings.CutPrefix(s, mark); ok {
		if was, err := strconv.Unquote(q); err == nil {
			return was
		}
	}
	return s
}

// numbered writes the arguments of a query as $1, $2 …. Queries are constants of
// this package, so that what it remembers is bounded.
func numbered() func(string) string {
	var known sync.Map
	return func(query string) string {
		if s, ok := known.Load(query); ok {
			return s.(string)
		}
		s := dollars(query)
		known.Store(query, s)
		return s
	}
}

// dollars turns ?1 into $1, and each ? without a number into the next.
func dollars(query string) string {
	var b strings.Builder
	quoted := false
	for i, n := 0, 1; i < len(query); i++ {
		c := query[i]
		if c == '\'' {
			quoted = !quoted
		}
		if c != '?' || quoted {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('$')
		if i+1 < len(query) && query[i+1] >= '0' && query[i+1] <= '9' {
			continue
		}
		b.WriteString(strconv.Itoa(n))
		n++
	}
	return b.String()
}
