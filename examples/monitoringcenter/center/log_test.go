package center_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/sargas-em/em/examples/internal/pgserver"
	"github.com/sargas-em/em/examples/monitoringcenter/center"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
)

// A folder whose log and record do not fit is refused with the reason, and
// nothing in it is touched.
func TestLogAndRecordDoNotFit(t *testing.T) {
	fill := func(t *testing.T, reports int) string {
		c := centertest.Start(t, centertest.Config{})
		d := c.Connect(1)
		for range reports {
			c.Send(d, centertest.At(now(), 0))
		}
		c.Stop()
		return c.Dir
	}
	refused := func(t *testing.T, dir string) {
		t.Helper()
		c := centertest.New(t, centertest.Config{Dir: dir})
		if err := c.Run(t.Context()); !errors.Is(err, center.ErrLog) {
			t.Errorf("it says %v", err)
		} else {
			t.Log(err)
		}
	}
	replace := func(t *testing.T, dir, part, from string) {
		t.Helper()
		if err := os.RemoveAll(filepath.Join(dir, part)); err != nil {
			t.Fatal(err)
		}
		if from != "" {
			if err := os.Rename(filepath.Join(from, part), filepath.Join(dir, part)); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Run("log lost", func(t *testing.T) {
		dir := fill(t, 3)
		replace(t, dir, "journal", "")
		refused(t, dir)
	})
	t.Run("another log", func(t *testing.T) {
		dir := fill(t, 1)
		replace(t, dir, "journal", fill(t, 5)) // longer than what the record has seen
		refused(t, dir)
	})
	t.Run("log of before", func(t *testing.T) {
		dir := fill(t, 1)
		copied := filepath.Join(t.TempDir(), "journal")
		if err := os.CopyFS(copied, os.DirFS(filepath.Join(dir, "journal"))); err != nil {
			t.Fatal(err)
		}
		c := centertest.Start(t, centertest.Config{Dir: dir})
		c.Send(c.Connect(1), centertest.At(now(), 0))
		c.Stop()
		replace(t, dir, "journal", filepath.Dir(copied))
		refused(t, dir)
	})
	t.Run("another division", func(t *testing.T) {
		if !pgserver.Wanted() {
			t.Skip("a file is not divided")
		}
		dir := fill(t, 1)
		c := centertest.New(t, centertest.Config{Dir: dir, Options: func(o *center.Options) { o.Partitions = 5 }})
		if err := c.Run(t.Context()); !errors.Is(err, center.ErrPartitions) {
			t.Errorf("it says %v", err)
		}
	})
	t.Run("record lost", func(t *testing.T) {
		// The log alone gives the observations back.
		if pgserver.Wanted() {
			t.Skip("this record is no file")
		}
		dir := fill(t, 2)
		replace(t, dir, "record.db", "")
		c := centertest.Start(t, centertest.Config{Dir: dir})
		c.CaughtUp()
		if status, doc := c.Call("GET", "/api/v1/quarantine", ""); status != 200 || len(doc) < 100 {
			t.Errorf("quarantine: %d %s", status, doc)
		}
	})
}
