package center_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
	"github.com/sargas-em/em/protocol"
)

// Days of evidence go when they are kept no longer, and the audit says so; the
// incident keeps what it rests on.
func TestEvidenceIsDropped(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	base := now().Add(-5 * 24 * time.Hour)
	c.Put("/api/v1/zones", centertest.School("school-1", "1", 300))
	c.Put("/api/v1/people", centertest.Person(1, base, `"zones":["school-1"]`))
	d := c.Connect(1)
	c.Send(d, centertest.At(base.Add(time.Minute), 1000), centertest.At(base.Add(2*time.Minute), 100), centertest.At(base.Add(3*time.Minute), 100), centertest.At(now(), 1000))
	before := centertest.Get[web.Evidence](c, "/api/v1/incidents/1")
	if len(before.Observations) == 0 || len(before.Frames) == 0 {
		t.Fatalf("evidence: %+v", before)
	}
	c.Stop()

	again := centertest.Start(t, centertest.Config{Dir: c.Dir, Options: func(o *center.Options) {
		o.MaxLate, o.Keep = 24*time.Hour, record.Retention{Tracks: 3 * 24 * time.Hour, Frames: 3 * 24 * time.Hour}
	}})
	again.Eventually("a day is dropped", func() bool {
		for _, e := range centertest.Get[[]record.Entry](again, "/api/v1/audit") {
			if e.Action == "drop" && e.Target == "day "+base.Format(time.DateOnly) {
				return true
			}
		}
		return false
	})
	if counts := centertest.Get[record.Counts](again, "/api/v1/counts"); counts.Fixes != 1 {
		t.Errorf("counts: %+v", counts)
	}
	after := centertest.Get[web.Evidence](again, "/api/v1/incidents/1")
	if len(after.Observations) != len(before.Observations) || len(after.Frames) != len(before.Frames) || after.Incident.Verdict != record.Stands {
		t.Errorf("its evidence was %+v, is %+v", before, after)
	}
}

// What may still be judged is not forgotten.
func TestKeepForLongerThanLate(t *testing.T) {
	reg, err := protocol.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	for _, keep := range []record.Retention{{Tracks: 8 * 24 * time.Hour}, {Tracks: -1}, {Frames: -1}} {
		if _, err := center.New(center.Options{DataDir: t.TempDir(), Registry: reg, Keep: keep}); err == nil || !strings.Contains(err.Error(), "kept for") {
			t.Errorf("%+v: %v", keep, err)
		}
	}
	if _, err := center.New(center.Options{DataDir: t.TempDir(), Registry: reg, Keep: record.Retention{Tracks: 9 * 24 * time.Hour, Frames: time.Hour}}); err != nil {
		t.Error(err)
	}
}
