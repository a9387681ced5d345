package center_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/sargas-em/em/examples/monitoringcenter/center"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// startNATS runs a server as others would, on a folder and an address.
func startNATS(t *testing.T, dir string, port int) *server.Server {
	t.Helper()
	srv, err := server.NewServer(&server.Options{ServerName: "n1", Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, SyncAlways: true, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	if !srv.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not start")
	}
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	return srv
}

// portOf is where a server listens, for one that is to come in its place.
func portOf(srv *server.Server) int { return srv.Addr().(*net.TCPAddr).Port }

// With the log on a server of its own the center does the same; while that is
// away nothing is acknowledged, and once it is back everything goes on.
func TestExternalLogGoesAndComes(t *testing.T) {
	dir := t.TempDir()
	srv := startNATS(t, dir, -1)
	port := portOf(srv)
	c := centertest.Start(t, centertest.Config{Options: func(o *center.Options) { o.Journal, o.Replicas = srv.ClientURL(), 1 }})
	if _, err := os.Stat(filepath.Join(c.Dir, "journal")); err == nil {
		t.Error("there is an embedded log all the same")
	}
	base := now().Add(-time.Hour)
	minute := func(n int) time.Time { return base.Add(time.Duration(n) * time.Minute) }
	c.Put("/api/v1/zones", centertest.School("school-1", "z7", 300))
	c.Put("/api/v1/people", centertest.Person(1, base, `"zones":["school-1"]`))
	d := c.Connect(1)
	c.Send(d, centertest.Kept(minute(1), 1000))
	srv.Shutdown()
	srv.WaitForShutdown()
	acks := d.Acks()
	d.Report(centertest.Kept(minute(2), 50))
	c.Eventually("health says that the log is away", func() bool { return centertest.Get[web.Health](c, "/api/v1/health").Status == "degraded" })
	if n := d.Acks(); n != acks {
		t.Errorf("%d acknowledgements, want %d: the log is away", n, acks)
	}
	startNATS(t, dir, port)
	c.Eventually("the report is acknowledged once the log is back", func() bool { return d.Acks() == acks+1 })
	c.CaughtUp()
	if all := c.Incidents("zone.exclusion"); len(all) != 1 || !all[0].At.Equal(minute(2)) {
		t.Errorf("incidents: %+v", all)
	}
	if counts := centertest.Get[record.Counts](c, "/api/v1/counts"); counts.Fixes != 2 {
		t.Errorf("%d fixes, want 2", counts.Fixes)
	}
}

// Center and gateway stop in time although the log is away and reports wait for it: they
// are not acknowledged, and once both are back they are there when the devices come
// again.
func TestStopWhileTheLogIsAway(t *testing.T) {
	dir := t.TempDir()
	srv := startNATS(t, dir, -1)
	port := portOf(srv)
	cfg := centertest.Config{Dir: t.TempDir(), Options: func(o *center.Options) { o.Journal, o.Replicas = srv.ClientURL(), 1 }}
	c := centertest.Start(t, cfg)
	base := now().Add(-time.Hour)
	c.Put("/api/v1/people", centertest.Person(1, base, ""))
	first := c.Connect(1)
	c.Send(first, centertest.Kept(base, 0))
	at := c.Devices
	_, stop := startGateway(t, c, srv.ClientURL(), "west")
	second := c.Connect(2)
	c.Send(second, centertest.Kept(base, 0))
	srv.Shutdown()
	srv.WaitForShutdown()
	acks := first.Acks() + second.Acks()
	first.Report(centertest.Kept(base.Add(time.Minute), 0))
	second.Report(centertest.Kept(base.Add(time.Minute), 0))
	c.Eventually("health says that the log is away", func() bool { return centertest.Get[web.Health](c, "/api/v1/health").Status == "degraded" })
	stop() // both fail where it takes too long
	c.Devices = at
	c.Stop()
	<-first.Ended()
	<-second.Ended()
	if n := first.Acks() + second.Acks(); n != acks {
		t.Errorf("%d acknowledgements, want %d: the log is away", n, acks)
	}
	startNATS(t, dir, port)
	c = centertest.Start(t, cfg)
	c.Send(c.Connect(1), centertest.Kept(base.Add(time.Minute), 0))
	c.CaughtUp()
	if counts := centertest.Get[record.Counts](c, "/api/v1/counts"); counts.Fixes != 3 {
		t.Errorf("%d fixes, want 2 of the first device, and the acknowledged one of the second", counts.Fixes)
	}
}
