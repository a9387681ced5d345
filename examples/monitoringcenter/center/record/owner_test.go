package record_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sargas-em/em/examples/internal/pgserver"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

// One process writes to a database at a time. One that has lost its session writes
// nothing more before it has owned the record anew, whether another has written
// meanwhile and is there, or is gone again.
func TestOneOwner(t *testing.T) {
	url, err := pgserver.ForTest(t).NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	connect := func(as string) *record.Store {
		s, err := record.Connect(url, as)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	set := func(s *record.Store, seq uint64) error {
		return s.Update(t.Context(), func(tx *record.Tx) error { return tx.SetPosition(seq) })
	}
	position := func(s *record.Store) (seq uint64) {
		t.Helper()
		if err := s.Update(t.Context(), func(tx *record.Tx) (err error) { _, seq, err = tx.Position(); return err }); err != nil {
			t.Fatal(err)
		}
		return seq
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	admin, err := pgx.Connect(t.Context(), url)
	must(err)
	t.Cleanup(func() { admin.Close(t.Context()) })
	cut := func() {
		t.Helper()
		var n int
		if err := admin.QueryRow(t.Context(), `SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_locks WHERE locktype = 'advisory' AND granted`).Scan(&n); err != nil || n != 1 {
			t.Fatalf("%d sessions cut, %v", n, err)
		}
	}

	a, b := connect("a:1"), connect("b:2")
	if err := set(a, 1); !errors.Is(err, record.ErrLost) || !record.Unreachable(err) {
		t.Errorf("before it owns the record: %v", err)
	}
	must(a.Own(t.Context()))
	must(a.Own(t.Context())) // it does already
	must(set(a, 1))
	for _, name := range []string{"idle_session_timeout", "idle_in_transaction_session_timeout"} {
		// The server ends a silent session, so that another process can go on.
		if got, err := a.Setting(t.Context(), name); err != nil || got != "30s" {
			t.Errorf("%s is %q, %v", name, got, err)
		}
	}
	if err := b.Own(t.Context()); !errors.Is(err, record.ErrOwned) || !record.Unreachable(err) {
		t.Errorf("another process is there: %v", err)
	}
	if err := set(b, 2); err == nil {
		t.Error("it writes all the same")
	}
	if owner, err := b.Owner(t.Context()); err != nil || !strings.HasSuffix(owner, "a:1") {
		t.Errorf("the owner is %q, %v", owner, err)
	}
	var idle int
	must(admin.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%b:2' AND query LIKE '%pg_try_advisory%'`).Scan(&idle))
	if idle != 0 {
		t.Errorf("%d connections that did not get the lock are left", idle)
	}

	// The session is cut, another process writes, and is there.
	cut()
	must(b.Own(t.Context()))
	must(set(b, 20))
	if err := set(a, 2); !errors.Is(err, record.ErrOwned) {
		t.Errorf("after the session was cut: %v", err)
	}
	// Nor does it where that process has ended: it knows nothing of what was written.
	must(b.Close())
	for range 2 {
		if err := set(a, 3); !errors.Is(err, record.ErrLost) {
			t.Errorf("with the lock free again: %v", err)
		}
	}
	must(a.Own(t.Context()))
	if seq := position(a); seq != 20 {
		t.Errorf("the position is %d, want that of the other", seq)
	}
	must(set(a, 21))

	// In the middle of a transaction.
	err = a.Update(t.Context(), func(tx *record.Tx) error {
		cut()
		return tx.SetPosition(99)
	})
	if err == nil || !record.Unreachable(err) {
		t.Errorf("cut in a transaction: %v", err)
	}
	if err := set(a, 99); !errors.Is(err, record.ErrLost) {
		t.Errorf("after it: %v", err)
	}
	must(a.Own(t.Context()))
	if seq := position(a); seq != 21 {
		t.Errorf("the position is %d", seq)
	}

	// Open waits for one that has just ended, and only a while for one that goes on.
	if owner, err := a.Owner(t.Context()); err != nil || !strings.HasSuffix(owner, "a:1") {
		t.Errorf("the owner is %q, %v", owner, err)
	}
	must(a.Close())
	c, err := record.Open(t.Context(), url)
	must(err)
	must(set(c, 22))
	must(c.Close())
}
