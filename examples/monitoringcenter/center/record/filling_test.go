package record_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

// Devices that report alike do not fill their segments together, on no day: what a
// transaction has to write of full ones stays a part of all.
func TestSegmentsFillApart(t *testing.T) {
	const devices, reports = 64, 120
	f := create(t)
	f.Small(300, 1<<20)
	db := f.tamper()
	for d := range 2 {
		begin := base.Truncate(24*time.Hour).AddDate(0, 0, d)
		count := func() (n int) {
			if err := db.QueryRowContext(t.Context(), fmt.Sprint(`SELECT count(*) FROM segment_d`, begin.Unix()/86400)).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		before, most, first := 0, 0, 0
		for n := range reports {
			at := begin.Add(time.Duration(n) * time.Minute)
			f.update(func(tx *record.Tx) error {
				for i := range devices {
					o := fix(em.DeviceID(fmt.Sprint("gt06:", i)), at, 54+float64(n%7)/100)
					if _, _, err := tx.AddObservation(o, em.SubjectID(fmt.Sprint("p-", i)), 0); err != nil {
						return err
					}
				}
				return nil
			})
			now := count()
			if now > 0 && first == 0 {
				first = n
			}
			most, before = max(most, now-before), now
		}
		if before < 2*devices {
			t.Fatalf("day %d: %d segments of %d devices: too few to tell", d, before, devices)
		}
		if most > devices/4 {
			t.Errorf("day %d: one transaction wrote %d full segments of %d devices, the first one report %d", d, most, devices, first)
		}
	}
}
