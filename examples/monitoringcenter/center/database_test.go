package center_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/examples/internal/faults"
	"github.com/sargas-em/em/examples/internal/pgserver"
	"github.com/sargas-em/em/examples/monitoringcenter/center"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// A center that starts while log and database are away says what it waits for, and
// begins when both are there; one that is stopped meanwhile has not failed.
func TestStartWhileAllIsAway(t *testing.T) {
	database := pgserver.ForTest(t)
	url, err := database.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	srv := startNATS(t, dir, -1)
	port := portOf(srv)
	srv.Shutdown()
	srv.WaitForShutdown()
	if err := database.Pause(); err != nil {
		t.Fatal(err)
	}
	start := func() (c *centertest.Center, said *centertest.Buffer, stop func() error) {
		said = new(centertest.Buffer)
		c = centertest.New(t, centertest.Config{Options: func(o *center.Options) {
			o.Record, o.Journal, o.Replicas, o.Log = url, srv.ClientURL(), 1, slog.New(slog.NewTextHandler(said, nil))
		}})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		return c, said, func() error { cancel(); return <-ended }
	}
	first, said, stop := start()
	says := func(what string) {
		t.Helper()
		first.Eventually("it says that it waits for "+what, func() bool { return strings.Contains(said.String(), `msg="the start waits" for=`+what) })
	}
	says(`"the log"`)
	if err := stop(); err != nil {
		t.Errorf("stopped while it waits: %v", err)
	}
	c, said, stop := start()
	says(`"the log"`)
	startNATS(t, dir, port)
	says(`"log and record"`)
	select {
	case <-c.Ready():
		t.Error("it has started without its record")
	default:
	}
	if err := database.Resume(); err != nil {
		t.Fatal(err)
	}
	<-c.Ready()
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A center that starts while its database is away, on the log that it evaluated before,
// acknowledges devices at once and shows that it knows nothing yet, and so once more
// after it was stopped; what was reported is evaluated once, when the database is there.
// With another log in its folder it waits, and does not start when the record tells that
// they do not belong together.
func TestStartWithoutItsDatabase(t *testing.T) {
	server := pgserver.ForTest(t)
	url, err := server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cfg := centertest.Config{Dir: t.TempDir(), Options: func(o *center.Options) { o.Record = url }}
	c := centertest.Start(t, cfg)
	base := now().Add(-time.Hour)
	minute := func(n int) time.Time { return base.Add(time.Duration(n) * time.Minute) }
	c.Put("/api/v1/zones", centertest.School("school-1", "z7", 300))
	c.Put("/api/v1/people", centertest.Person(1, base, `"zones":["school-1"]`))
	c.Send(c.Connect(1), centertest.Kept(minute(1), 1000))
	c.CaughtUp()
	c.Stop()
	pause := func() {
		t.Helper()
		if err := server.Pause(); err != nil {
			t.Fatal(err)
		}
	}
	resume := func() {
		t.Helper()
		if err := server.Resume(); err != nil {
			t.Fatal(err)
		}
	}

	pause()
	c = centertest.Start(t, cfg)
	d := c.Connect(1)
	for n, metres := range []float64{50, 1000, 1000} {
		d.Report(centertest.Kept(minute(2+n), metres))
	}
	c.Eventually("the login and the reports are acknowledged: they are in the log", func() bool { return d.Acks() == 4 })
	for path, want := range map[string]int{"/healthz": 503, "/readyz": 503, "/": 503, "/api/v1/people": 503, "/login": 200} {
		if status, body := get(c, c.URL+path); status != want || path != "/login" && !strings.Contains(body, "cannot be reached") && path != "/healthz" {
			t.Errorf("%s answers %d, %s", path, status, body)
		}
	}
	if h := centertest.Get[web.Health](c, "/api/v1/health"); h.Status != "degraded" || h.Evaluated != 0 {
		t.Errorf("health: %+v", h)
	}
	c.Stop()
	c = centertest.Start(t, cfg)
	resume()
	c.Eventually("health says that all is well", func() bool { return centertest.Get[web.Health](c, "/api/v1/health").Status == "ok" })
	c.CaughtUp()
	if all := c.Incidents("zone.exclusion"); len(all) != 1 || !all[0].At.Equal(minute(2)) {
		t.Errorf("incidents: %+v", all)
	}
	if counts := centertest.Get[record.Counts](c, "/api/v1/counts"); counts.Fixes != 4 {
		t.Errorf("%d fixes, want 4", counts.Fixes)
	}
	c.Stop()

	if err := os.RemoveAll(filepath.Join(cfg.Dir, "journal")); err != nil {
		t.Fatal(err)
	}
	pause()
	c = centertest.New(t, cfg)
	ended := make(chan error, 1)
	go func() { ended <- c.Run(t.Context()) }()
	c.Eventually("it waits", func() bool { return strings.Contains(c.Log.String(), `msg="the start waits" for="log and record"`) })
	select {
	case <-c.Ready():
		t.Error("it has started on a log that it does not know")
	default:
	}
	resume()
	if err := <-ended; !errors.Is(err, center.ErrLog) {
		t.Errorf("%v, want %v", err, center.ErrLog)
	}
}

// While the database server is gone, whether it was killed or shut down, devices
// are acknowledged and the page says what is missing; once it is back evaluation
// ends as it would have without.
func TestDatabaseGoesAndComes(t *testing.T) {
	server := pgserver.ForTest(t)
	url, err := server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := centertest.Start(t, centertest.Config{Options: func(o *center.Options) { o.Record = url }})
	rounds := faults.Rounds(t, 4)
	base := now().Add(-time.Duration(10*rounds+20) * time.Minute)
	c.Put("/api/v1/zones", centertest.School("school-1", "z7", 300))
	c.Put("/api/v1/people", centertest.Person(1, base, `"zones":["school-1"]`))
	d := c.Connect(1)
	minute := func(n int) time.Time { return base.Add(time.Duration(n) * time.Minute) }
	c.Send(d, centertest.Kept(minute(1), 1000))

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	sent := 1
	// report sends the way into the zone and out of it again, a fix a minute.
	report := func() {
		for _, metres := range []float64{100, 50, 1000, 1000, 1000} {
			sent++
			d.Report(centertest.Kept(minute(sent), metres))
			time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond)
		}
	}
	acknowledged := func() {
		c.Eventually("all reports are acknowledged", func() bool { return d.Acks() >= sent+1 }) // and the login
	}
	for n := range rounds {
		down := server.Kill
		if n%2 == 1 {
			down = server.Pause
		}
		wait := time.Duration(rng.IntN(60)) * time.Millisecond
		begun := make(chan struct{})
		go func() { defer close(begun); report() }()
		time.Sleep(wait) // in the middle of it
		if err := down(); err != nil {
			t.Fatal(err)
		}
		<-begun
		report()
		acknowledged()
		c.Eventually("health says that the record is away", func() bool {
			h := centertest.Get[web.Health](c, "/api/v1/health")
			return h.Status == "degraded" && strings.Contains(h.Problem, "record")
		})
		if status, doc := c.Call(http.MethodGet, "/api/v1/incidents", ""); status != http.StatusServiceUnavailable {
			t.Errorf("incidents: %d %s", status, doc)
		}
		if status, doc := c.Call(http.MethodPut, "/api/v1/people", centertest.Person(2, base, "")); status != http.StatusServiceUnavailable {
			t.Errorf("a new person: %d %s", status, doc)
		}
		if err := server.Resume(); err != nil {
			t.Fatal(err)
		}
		c.CaughtUp()
		c.Eventually("health says that all is well", func() bool { return centertest.Get[web.Health](c, "/api/v1/health").Status == "ok" })
	}
	if counts := centertest.Get[record.Counts](c, "/api/v1/counts"); counts.Fixes != int64(sent) || counts.Frames != int64(sent+1) {
		t.Errorf("%d fixes in %d frames, want %d in %d", counts.Fixes, counts.Frames, sent, sent+1)
	}
	all := c.Incidents("zone.exclusion")
	if len(all) != 2*rounds {
		t.Fatalf("%d incidents, want %d", len(all), 2*rounds)
	}
	for n, i := range all { // newest first
		if entered := minute(2 + 5*(2*rounds-1-n)); !i.At.Equal(entered) || !i.Until.Equal(entered.Add(2*time.Minute)) {
			t.Errorf("incident %d from %v to %v, want from %v", i.ID, i.At, i.Until, entered)
		}
	}
}
