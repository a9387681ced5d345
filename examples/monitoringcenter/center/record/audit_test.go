package record_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sargas-em/em/examples/internal/pgserver"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

func auditOf(t *testing.T, entries int) *file {
	f := create(t)
	f.update(func(tx *record.Tx) error {
		for i := range entries {
			if err := tx.Audit(minute(i), "operator-abc", "acknowledged", fmt.Sprintf("incident %d", i+1), map[string]string{"note": fmt.Sprintf("note number %d", i+1)}); err != nil {
				return err
			}
		}
		return nil
	})
	return f
}

func (f *file) verify(wantEntries, wantBreak int64) {
	f.t.Helper()
	n, err := f.VerifyAudit(f.t.Context())
	var broken *record.AuditError
	switch {
	case wantBreak == 0 && (err != nil || n != wantEntries):
		f.t.Errorf("%d entries, %v; want %d whole", n, err, wantEntries)
	case wantBreak != 0 && (!errors.As(err, &broken) || broken.N != wantBreak):
		f.t.Errorf("it says %v, want a break at %d", err, wantBreak)
	}
}

func TestAuditIsWhole(t *testing.T) {
	f := create(t)
	f.verify(0, 0)
	f = auditOf(t, 20)
	f.reopen()
	f.verify(20, 0)
	f.update(func(tx *record.Tx) error { return tx.Audit(base, "center", "raise", "incident 21", nil) })
	f.verify(21, 0)
	log, err := f.AuditLog(t.Context(), "", 2)
	if err != nil || len(log) != 2 || log[0].N != 21 || log[1].N != 20 {
		t.Errorf("the newest two: %v, %v", log, err)
	}
	log, err = f.AuditLog(t.Context(), "incident 7", 10)
	if err != nil || len(log) != 1 || log[0].N != 7 || string(log[0].Detail) != `{"note":"note number 7"}` {
		t.Errorf("about incident 7: %v, %v", log, err)
	}
}

// One changed byte in the file is found, and the entry named.
func TestAuditByteChangedInFile(t *testing.T) {
	if pgserver.Wanted() {
		t.Skip("a database server's files are its own")
	}
	f := auditOf(t, 20)
	if err := f.Close(); err != nil { // the write-ahead log goes into the file
		t.Fatal(err)
	}
	b, err := os.ReadFile(f.where)
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(b, []byte("note number 13"))
	if i < 0 || bytes.Count(b, []byte("note number 13")) != 1 {
		t.Fatal("the note is not in the file once")
	}
	b[i] ^= 1
	if err := os.WriteFile(f.where, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f.open()
	f.verify(0, 13)
}

func TestAuditChangedInTable(t *testing.T) {
	for name, c := range map[string]struct {
		sql string
		at  int64
	}{
		"time":            {`UPDATE audit SET at = at + 1 WHERE n = 4`, 4},
		"actor":           {`UPDATE audit SET actor = 'center' WHERE n = 5`, 5},
		"action":          {`UPDATE audit SET action = 'closed' WHERE n = 1`, 1},
		"target":          {`UPDATE audit SET target = 'incident 1' WHERE n = 20`, 20},
		"hash":            {`UPDATE audit SET hash = (SELECT hash FROM audit WHERE n = 8) WHERE n = 9`, 9},
		"one removed":     {`DELETE FROM audit WHERE n = 10`, 11},
		"first removed":   {`DELETE FROM audit WHERE n = 1`, 2},
		"two exchanged":   {`UPDATE audit SET n = CASE n WHEN 3 THEN -4 ELSE -3 END WHERE n IN (3,4); UPDATE audit SET n = -n WHERE n < 0`, 3},
		"text moved over": {`UPDATE audit SET actor = actor || action, action = '' WHERE n = 6`, 6},
		"one put in":      {`INSERT INTO audit SELECT 0, at, 'a', 'b', 'c', 'null', hash FROM audit WHERE n = 1`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := auditOf(t, 20)
			db := f.tamper()
			for _, q := range strings.Split(c.sql, ";") {
				if _, err := db.Exec(q); err != nil {
					t.Fatal(err)
				}
			}
			n, err := f.VerifyAudit(t.Context())
			var broken *record.AuditError
			if !errors.As(err, &broken) || broken.N != c.at {
				t.Errorf("%d entries, %v; want a break at %d", n, err, c.at)
			}
		})
	}
}

// An entry that is whole in itself, but stood in another chain, does not fit.
func TestAuditOfAnotherChain(t *testing.T) {
	f, other := auditOf(t, 10), create(t)
	other.update(func(tx *record.Tx) error {
		for i := range 10 {
			if err := tx.Audit(minute(i), "operator-xyz", "closed", fmt.Sprintf("incident %d", i+1), nil); err != nil {
				return err
			}
		}
		return nil
	})
	var (
		at                            int64
		actor, action, target, detail string
		hash                          []byte
	)
	if err := other.tamper().QueryRow(`SELECT at, actor, action, target, detail, hash FROM audit WHERE n = 10`).
		Scan(&at, &actor, &action, &target, &detail, &hash); err != nil {
		t.Fatal(err)
	}
	if _, err := f.tamper().Exec(`UPDATE audit SET at = $1, actor = $2, action = $3, target = $4, detail = $5, hash = $6 WHERE n = 10`,
		at, actor, action, target, detail, hash); err != nil {
		t.Fatal(err)
	}
	f.verify(0, 10)
}
