package record_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/protocol"
)

// drop drops all that is due, and tells what.
func (f *file) drop(now time.Time, keep record.Retention) (all []string) {
	f.t.Helper()
	for {
		var d *record.Dropped
		f.update(func(tx *record.Tx) (err error) {
			d, err = tx.Drop(now, keep)
			return err
		})
		if d == nil {
			return all
		}
		all = append(all, fmt.Sprint(d.Day.Sub(base.Truncate(24*time.Hour)).Hours()/24, d.Tracks, d.Frames))
	}
}

// report stores a report of one frame.
func (f *file) report(s em.SubjectID, o em.Observation) {
	f.t.Helper()
	f.update(func(tx *record.Tx) error {
		r := &protocol.Report{Codec: "gt06", Device: o.Device, Received: o.Received}
		n, err := tx.AddFrame(1, r, &protocol.ReportFrame{Raw: []byte(o.At.Format(time.RFC3339)), Type: "position"})
		if err == nil {
			_, _, err = tx.AddObservation(o, s, n)
		}
		return err
	})
}

// Days go as a whole when they are no longer kept; what a verdict rests on stays,
// and what a Timeline would go on from.
func TestDrop(t *testing.T) {
	for _, size := range []int{1, 920} { // packed, and open
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			f := create(t)
			f.Small(size, 1<<20)
			day := func(n int) time.Time { return base.AddDate(0, 0, n) }
			var cited em.ObservationID
			for n := range 5 {
				o := fix("gt06:1", day(n), 54.7)
				if n == 1 {
					cited = o.ID
				}
				f.report(wearer, o)
				f.report("p-silent", fix("gt06:2", day(n/2), 54.7)) // the same ones again and again
			}
			f.report("", fix("gt06:3", day(0), 54.7))
			off := fix("gt06:1", day(2), 54.9)
			off.DeviceAt, off.At = day(2).AddDate(9, 0, 0), time.Time{}
			f.report(wearer, off.Stamp(day(2)))
			e := event("zone-1", day(1))
			e.Because = []em.ObservationID{cited}
			f.apply(em.Result{
				Changes: []em.Change{{Kind: em.Opened, Event: e, Known: day(1)}},
				Save:    []em.Checkpoint{{At: day(0)}, {At: day(0).Add(time.Hour)}, {At: day(2)}, {At: day(5)}, {Clock: em.ReceiveTime, At: day(5)}},
			})
			f.update(func(tx *record.Tx) error {
				return tx.Apply("p-silent", &em.Result{Save: []em.Checkpoint{{At: day(1).Add(-time.Minute)}, {Clock: em.ReceiveTime, At: day(4)}}})
			})
			now := day(6).Add(time.Hour)
			if got := f.drop(now, record.Retention{}); len(got) > 0 {
				t.Errorf("where all is kept: %q", got)
			}
			if got := f.drop(now, record.Retention{Frames: 100 * 24 * time.Hour}); len(got) > 0 {
				t.Errorf("where none is so old: %q", got)
			}
			// Kept for four days, the frames for three: of the days 0 … 4 the first two go whole.
			keep := record.Retention{Tracks: 4 * 24 * time.Hour, Frames: 3 * 24 * time.Hour}
			if got := f.drop(now, keep); !slices.Equal(got, []string{"0 true true", "1 true true", "2 false true"}) {
				t.Errorf("dropped: %q", got)
			}
			for range 2 {
				days := func(s em.SubjectID) (all []int) {
					for _, o := range history(t, f, s, em.EventTime) {
						all = append(all, int(o.At.Sub(base).Hours()/24))
					}
					return all
				}
				if got := days(wearer); !slices.Equal(got, []int{2, 3, 4, int(day(2).AddDate(9, 0, 0).Sub(base).Hours() / 24)}) {
					t.Errorf("of the days %v", got)
				}
				if got := days("p-silent"); !slices.Equal(got, []int{1, 2}) {
					t.Errorf("of the silent one, whose newest state is of the day 1: %v", got)
				}
				if got := history(t, f, "", em.EventTime); len(got) > 0 {
					t.Errorf("nobody's: %v", got)
				}
				frames, err := f.FramesOf(t.Context(), []em.ObservationID{cited})
				obs, err2 := f.Observations(t.Context(), []em.ObservationID{cited})
				if err != nil || err2 != nil || len(frames) != 1 || string(frames[0].Raw) != day(1).Format(time.RFC3339) || len(obs) != 1 {
					t.Errorf("what the event rests on: %v %v %v %v", frames, obs, err, err2)
				}
				if got := f.checkpoints(em.EventTime, day(9)); !slices.Equal(got, []int{5 * 1440, 2 * 1440, 60}) {
					t.Errorf("checkpoints at %v", got)
				}
				c, err := f.Counts(t.Context())
				if err != nil || c.Frames != 2 {
					t.Errorf("counts %+v, %v", c, err)
				}
				if got := f.drop(now, keep); len(got) > 0 {
					t.Errorf("then: %q", got)
				}
				f.reopen()
			}
			// Later, the far bucket is trimmed too, but for who is silent.
			f.drop(day(30), keep)
			if got := history(t, f, wearer, em.ReceiveTime); size == 1 && len(got) > 0 {
				t.Errorf("a month later: %v", got)
			}
			if got := history(t, f, "p-silent", em.ReceiveTime); len(got) == 0 {
				t.Error("of the silent one nothing is left")
			}
			var left int
			if err := f.tamper().QueryRow(`SELECT count(*) FROM bucket`).Scan(&left); err != nil || left != 1 {
				t.Errorf("%d buckets are left, want the far one: %v", left, err)
			}
			// What comes late of a day that was dropped has a place.
			f.report(wearer, fix("gt06:1", day(1).Add(time.Minute), 54.7))
			if got := history(t, f, wearer, em.EventTime); !slices.ContainsFunc(got, func(o em.Observation) bool { return o.At.Equal(day(1).Add(time.Minute)) }) {
				t.Errorf("late: %v", got)
			}
		})
	}
}

// A question about one person and day touches that person's rows of that day: the
// plan goes by the index, and as many rows come back as hold the day.
func TestTrackTouchesItsRowsOnly(t *testing.T) {
	f := create(t)
	f.Small(200, 1<<20)
	f.update(func(tx *record.Tx) error {
		for n := range 20 {
			for i := range 3 * 144 { // three days, each ten minutes
				o := fix(em.DeviceID(fmt.Sprint("gt06:", n)), base.Add(time.Duration(i)*10*time.Minute), 54.7)
				if _, _, err := tx.AddObservation(o, em.SubjectID(fmt.Sprint("p-", n)), 1); err != nil {
					return err
				}
			}
		}
		return nil
	})
	day := base.Truncate(24*time.Hour).AddDate(0, 0, 1)
	track, err := f.Track(t.Context(), "p-7", day, day.AddDate(0, 0, 1), 10_000)
	if err != nil || len(track) != 144 {
		t.Fatalf("%d positions: %v", len(track), err)
	}
	db, err := f.tamper().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	table := fmt.Sprint("segment_d", day.Unix()/86400)
	var all, mine int
	if err := db.QueryRowContext(t.Context(), `SELECT count(*), count(CASE WHEN stream = 8 THEN 1 END) FROM `+table).Scan(&all, &mine); err != nil {
		t.Fatal(err)
	}
	// 144 of some six bytes fill at most five rows of 200.
	if mine == 0 || mine > 5 || all < 15*mine {
		t.Errorf("%d rows of that day are this person's, of %d", mine, all)
	}
	explain, where := `EXPLAIN QUERY PLAN `, ` WHERE stream = 8 AND at_to >= 0 AND at_from <= 4000000000`
	if record.IsURL(f.where) {
		if _, err := db.ExecContext(t.Context(), `SET enable_seqscan = off`); err != nil { // which so small a table would get
			t.Fatal(err)
		}
		explain = `EXPLAIN `
	}
	rows, err := db.QueryContext(t.Context(), explain+`SELECT data FROM `+table+where)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var a, b, c any
		var text string
		dest := []any{&a, &b, &c, &text}
		if record.IsURL(f.where) {
			dest = dest[3:]
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(text + "\n")
	}
	if p := plan.String(); !strings.Contains(p, "SEARCH "+table+" USING INDEX") && !strings.Contains(p, "Index Scan") {
		t.Errorf("the plan is\n%s", p)
	}
}
