package record_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/protocol"
)

// A new file has its whole schema, and opening it again changes nothing.
func TestOpenFromEmpty(t *testing.T) {
	f := create(t)
	for range 2 {
		counts, err := f.Counts(t.Context())
		if err != nil || counts != (record.Counts{}) {
			t.Fatalf("a new record holds %+v, %v", counts, err)
		}
		f.update(func(tx *record.Tx) error {
			log, seq, err := tx.Position()
			if log != "" || seq != 0 {
				t.Errorf("a new record is at %q %d", log, seq)
			}
			return err
		})
		f.reopen()
	}
}

// The layout of before the first release is refused by name, and left as it was.
func TestOpenOldLayout(t *testing.T) {
	f := create(t)
	if _, err := f.tamper().Exec(`CREATE TABLE observation (id TEXT)`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if s, err := record.Open(t.Context(), f.where); !errors.Is(err, record.ErrLayout) || s != nil {
		t.Fatalf("it opens: %v", err)
	}
	var n int
	if err := f.tamper().QueryRow(`SELECT count(*) FROM observation`).Scan(&n); err != nil {
		t.Errorf("its rows: %v", err)
	}
}

// The folder may have any name.
func TestOpenInOddFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "50% of #1? ąž & more=x;y")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "record.db")
	s, err := record.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(name); err != nil {
		t.Errorf("the file is elsewhere: %v", err)
	}
}

func TestPositionIsKept(t *testing.T) {
	f := create(t)
	f.update(func(tx *record.Tx) error { return errors.Join(tx.SetLog("log-1"), tx.SetPosition(1<<40)) })
	f.reopen()
	f.update(func(tx *record.Tx) error {
		log, seq, err := tx.Position()
		if log != "log-1" || seq != 1<<40 {
			t.Errorf("position %q %d", log, seq)
		}
		return err
	})
}

// What a failed transaction has done is gone, all of it.
func TestRollbackLeavesNothing(t *testing.T) {
	f := create(t)
	reason := errors.New("refused by the test")
	err := f.Update(t.Context(), func(tx *record.Tx) error {
		r := &protocol.Report{Codec: "gt06", Device: "gt06:1", Received: base}
		n, err := tx.AddFrame(1, r, &protocol.ReportFrame{Raw: []byte("x")})
		if err != nil {
			return err
		}
		if _, _, err := tx.AddObservation(fix("gt06:1", base, 54.7), wearer, n); err != nil {
			return err
		}
		e := event("zone-1", base)
		if err := tx.Apply(wearer, &em.Result{
			Changes: []em.Change{{Kind: em.Opened, Event: e, Known: base}},
			Save:    []em.Checkpoint{{At: base}},
		}); err != nil {
			return err
		}
		if _, err := tx.PutIncident(record.Incident{Verdict: record.Stands, Handling: record.New, Raised: base, Changed: base, Event: e}); err != nil {
			return err
		}
		_, ferr := tx.Tell("incident", 1)
		if err := errors.Join(ferr, tx.SetPosition(7), tx.SetLog("x"), tx.Audit(base, "center", "raise", "incident 1", nil),
			tx.PutPerson(record.Doc{ID: "p-1", JSON: []byte("{}")}), tx.PutZone(record.Doc{ID: "z", JSON: []byte("{}")}),
			tx.PutRules("p-1", base, []byte("{}")), tx.Quarantine(r, "gt06:1", "unknown", 1)); err != nil {
			return err
		}
		return reason
	})
	if !errors.Is(err, reason) {
		t.Fatalf("Update says %v", err)
	}
	counts, err := f.Counts(t.Context())
	if err != nil || counts != (record.Counts{}) {
		t.Errorf("the record holds %+v, %v", counts, err)
	}
	persons, err1 := f.Persons(t.Context())
	zones, err2 := f.Zones(t.Context())
	unknown, err3 := f.Quarantined(t.Context(), 10, 10)
	audit, err4 := f.AuditLog(t.Context(), "", 10)
	end, err5 := f.FeedEnd(t.Context())
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	if len(persons)+len(zones)+len(unknown)+len(audit) > 0 || end != 0 {
		t.Errorf("left behind: %v %v %v %v, feed %d", persons, zones, unknown, audit, end)
	}
	f.update(func(tx *record.Tx) error {
		rules, err := tx.Rules("p-1")
		if len(rules) > 0 {
			t.Errorf("left behind: %v", rules)
		}
		for range record.NewHistory(wearer, func() *record.Tx { return tx }).Checkpoints(em.EventTime, base) {
			t.Error("left behind: a checkpoint")
		}
		return err
	})
}

// New rules stand in for all that were stored for then and later: so a wall
// clock that is set back does not leave two orders of rules behind.
func TestRulesReplaceLaterOnes(t *testing.T) {
	f := create(t)
	f.update(func(tx *record.Tx) error {
		for i, minute := range []int{0, 10, 20, 30} {
			if err := tx.PutRules("p-1", base.Add(time.Duration(minute)*time.Minute), []byte{'0' + byte(i)}); err != nil {
				return err
			}
		}
		if err := tx.PutRules("p-2", base.Add(time.Hour), []byte("other")); err != nil {
			return err
		}
		return tx.PutRules("p-1", base.Add(20*time.Minute), []byte("new"))
	})
	f.update(func(tx *record.Tx) error {
		all, err := tx.Rules("p-1")
		var docs []string
		for _, d := range all {
			docs = append(docs, string(d.JSON))
		}
		if !slices.Equal(docs, []string{"0", "1", "new"}) {
			t.Errorf("rules %q", docs)
		}
		if other, _ := tx.Rules("p-2"); len(other) != 1 {
			t.Errorf("rules of another person: %v", other)
		}
		return err
	})
}

// Readers see what a transaction adds to a device's evidence once it is through, and
// nothing of one that fails; the transaction itself sees it at once.
func TestReadersSeeWhatIsThrough(t *testing.T) {
	f := create(t)
	positions := func() int {
		t.Helper()
		all, err := f.Track(t.Context(), wearer, base.Add(-time.Hour), base.Add(time.Hour), 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	add := func(tx *record.Tx, n int, lat float64) {
		t.Helper()
		before := positions()
		if before != n {
			t.Errorf("readers see %d positions, not %d", before, n)
		}
		o := fix("gt06:1", base.Add(time.Duration(n)*time.Minute), lat)
		if _, _, err := tx.AddObservation(o, wearer, 1); err != nil {
			t.Fatal(err)
		}
		if now := positions(); now != before {
			t.Errorf("readers see %d positions, %d of a transaction that is not through", now, now-before)
		}
		seen := 0
		for o, err := range record.NewHistory(wearer, func() *record.Tx { return tx }).Observations(em.EventTime, base.Add(-time.Hour), base.Add(time.Hour)) {
			if err != nil {
				t.Fatal(err)
			}
			if seen++; seen == n+1 && o.Body.(*em.Fix).Lat != lat {
				t.Errorf("the transaction sees %v, not what it added", o)
			}
		}
		if seen != n+1 {
			t.Errorf("the transaction sees %d positions, not %d", seen, n+1)
		}
	}
	broken := errors.New("broken")
	for n := range 3 {
		if err := f.Update(t.Context(), func(tx *record.Tx) error { add(tx, n, 54.1); return broken }); !errors.Is(err, broken) {
			t.Fatal(err)
		}
		f.update(func(tx *record.Tx) error { add(tx, n, 54.7); return nil })
	}
	if n := positions(); n != 3 {
		t.Errorf("readers see %d positions in the end, not 3", n)
	}
}
