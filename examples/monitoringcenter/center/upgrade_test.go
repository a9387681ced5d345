package center_test

import (
	"database/sql"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/health"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

// A record whose checkpoints are of an older version of the software, with fewer
// evaluators and states that this one cannot read, is judged again from its
// observations: the center starts, and what was told stands.
func TestCheckpointsOfBefore(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	base := now().Add(-3 * time.Hour)
	minute := func(n int) time.Time { return base.Add(time.Duration(n) * time.Minute) }
	c.Put("/api/v1/zones", centertest.School("school-1", "z1", 300))
	c.Put("/api/v1/people", centertest.Person(1, base, `"zones":["school-1"]`))
	d := c.Connect(1)
	for n := 0; n < 120; n += 10 {
		c.Send(d, centertest.Kept(minute(n), float64(1000-n*10)))
	}
	c.Send(d, centertest.SOS(minute(125)))
	told := func(c *centertest.Center) (all []string) {
		for _, kind := range []string{"zone.exclusion", string(health.KindSOS)} {
			for _, i := range c.Incidents(kind) {
				all = append(all, fmt.Sprint(i.ID, i.Event, i.Kind, i.At, i.Until, i.Verdict, i.Handling))
			}
		}
		return all
	}
	want := told(c)
	if len(want) != 2 {
		t.Fatalf("incidents: %q", want)
	}
	c.Stop()

	driver, where := "sqlite", centertest.RecordOf(t, c.Dir)
	if record.IsURL(where) {
		driver = "pgx"
	}
	db, err := sql.Open(driver, where)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := db.Query(`SELECT rowid2, data FROM (SELECT subject || clock || at AS rowid2, data FROM checkpoint) AS c`)
	if err != nil {
		t.Fatal(err)
	}
	old := map[string][]byte{}
	for rows.Next() {
		var id string
		var data []byte
		if err := rows.Scan(&id, &data); err != nil {
			t.Fatal(err)
		}
		var cp em.Checkpoint
		if err := cp.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		had, first := 6, 3 // evaluators of then, and the first one of package health
		if cp.Clock == em.ReceiveTime {
			had, first = 1, 0
		}
		cp.State = cp.State[:had]
		for i := first; i < had; i++ {
			if len(cp.State[i]) > 0 {
				cp.State[i] = slices.Clone(cp.State[i])
				cp.State[i][0] = 1
			}
		}
		if old[id], err = cp.AppendBinary(nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil || len(old) == 0 {
		t.Fatalf("%d checkpoints: %v", len(old), err)
	}
	for id, data := range old {
		if _, err := db.Exec(`UPDATE checkpoint SET data = $1 WHERE subject || clock || at = $2`, data, id); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	again := centertest.Start(t, centertest.Config{Dir: c.Dir})
	if got := told(again); !slices.Equal(got, want) {
		t.Errorf("after the change of versions: %q, want %q", got, want)
	}
	again.Send(again.Connect(1), centertest.Kept(minute(60), 2000)) // late, between the checkpoints of before
	if got := again.Incidents("zone.exclusion"); len(got) == 0 {
		t.Error("late data: no incident stands")
	}
}
