package record_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/internal/pgserver"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgserver.Tests{M: m}) }

// base is when the invented histories of the tests begin.
var base = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

const wearer = em.SubjectID("p-1")

// file is a record that a test may close and open again.
type file struct {
	*record.Store
	t     *testing.T
	where string
}

// tamper opens the database behind the record's back.
func (f *file) tamper() *sql.DB {
	f.t.Helper()
	driver := "sqlite"
	if record.IsURL(f.where) {
		driver = "pgx"
	}
	db, err := sql.Open(driver, f.where)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { db.Close() })
	return db
}

func create(t *testing.T) *file {
	t.Helper()
	f := &file{t: t, where: pgserver.Record(t, filepath.Join(t.TempDir(), "record.db"))}
	f.open()
	t.Cleanup(func() { f.Close() })
	return f
}

func (f *file) open() {
	f.t.Helper()
	var err error
	if f.Store, err = record.Open(f.t.Context(), f.where); err != nil {
		f.t.Fatal(err)
	}
}

func (f *file) reopen() {
	f.t.Helper()
	if err := f.Close(); err != nil {
		f.t.Fatal(err)
	}
	f.open()
}

// update runs a transaction that must succeed.
func (f *file) update(do func(*record.Tx) error) {
	f.t.Helper()
	if err := f.Update(f.t.Context(), do); err != nil {
		f.t.Fatal(err)
	}
}

// fix is a position report of a device, received when it was made.
func fix(device em.DeviceID, at time.Time, lat float64) em.Observation {
	return em.Observation{
		Device: device, DeviceAt: at,
		Body: &em.Fix{LatLng: em.LatLng{Lat: lat, Lng: 25.28}, Validity: em.FixCurrent, Source: em.SourceGNSS},
	}.Stamp(at)
}

// event is an event of the wearer, told when it began.
func event(about string, anchor time.Time) em.Event {
	e := em.Event{Rule: "test", About: about, Anchor: anchor, At: anchor,
		Detail: em.Detail{Kind: "test.event", Severity: em.Violation, Reason: "An invented reason."}}
	e.Stamp(wearer, anchor)
	return e
}
