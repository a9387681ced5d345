package center_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center"
	"github.com/sargas-em/em/examples/monitoringcenter/center/ingest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// startGateway runs a gateway on a log until the test ends, or stop is called. Its
// address is that of c's devices from then on. It may have a name.
func startGateway(t *testing.T, c *centertest.Center, log string, name ...string) (g *center.Gateway, stop func()) {
	t.Helper()
	g, err := center.NewGateway(center.GatewayOptions{
		Registry: centertest.Registry(t), Journal: log, Replicas: 1, Metrics: "127.0.0.1:0",
		Devices: []ingest.Listener{{Codec: "gt06", Addr: "127.0.0.1:0"}}, Name: strings.Join(name, ""),
	})
	if err != nil {
		t.Fatal(err)
	}
	g.Sing(50 * time.Millisecond)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	stop = func() {
		begin := time.Now()
		cancel()
		err := <-ended
		ended <- nil
		if err != nil {
			t.Errorf("the gateway ended with %v", err)
		}
		if d := time.Since(begin); d > 5*time.Second {
			t.Errorf("the gateway took %v to stop", d)
		}
	}
	t.Cleanup(stop)
	select {
	case <-g.Ready():
	case err := <-ended:
		ended <- err
		t.Fatalf("the gateway did not start: %v", err)
	}
	c.Devices = g.Addresses().Devices[0].Addr
	return g, stop
}

// onServer runs a center without devices of its own on a log that others share.
func onServer(t *testing.T) (c *centertest.Center, log string) {
	t.Helper()
	log = startNATS(t, t.TempDir(), -1).ClientURL()
	return centertest.Start(t, centertest.Config{Options: func(o *center.Options) { o.Journal, o.Replicas, o.Devices = log, 1, nil }}), log
}

// What a gateway takes the center evaluates; a gateway tells its health and its
// numbers, and stops without a loss.
func TestGateway(t *testing.T) {
	c, log := onServer(t)
	base := now().Add(-time.Hour)
	c.Put("/api/v1/zones", centertest.School("school-1", "z7", 300))
	c.Put("/api/v1/people", centertest.Person(1, base, `"zones":["school-1"]`))
	g, stop := startGateway(t, c, log)
	d := c.Connect(1)
	c.Send(d, centertest.Kept(base.Add(time.Minute), 1000), centertest.Kept(base.Add(2*time.Minute), 50))
	if all := c.Incidents("zone.exclusion"); len(all) != 1 {
		t.Errorf("incidents: %+v", all)
	}
	var h web.Health
	status, doc := get(c, g.Addresses().Metrics+"/api/v1/health")
	if err := json.Unmarshal([]byte(doc), &h); err != nil || status != http.StatusOK || !h.Ready || h.Devices != 1 || h.LogEnd == nil || *h.LogEnd == 0 || len(h.Listeners) != 1 || h.Listeners[0].Codec != "gt06" {
		t.Errorf("the gateway's health: %d %s", status, doc)
	}
	if h := centertest.Get[web.Health](c, "/api/v1/health"); h.Devices != 0 || len(h.Listeners) != 0 {
		t.Errorf("the center's health: %+v", h)
	}
	if status, doc := get(c, g.Addresses().Metrics+"/readyz"); status != http.StatusOK {
		t.Errorf("readyz: %d %s", status, doc)
	}
	if _, doc := get(c, g.Addresses().Metrics+"/metrics"); !strings.Contains(doc, `sargas_connections{codec="gt06",transport="tcp"} 1`) || !strings.Contains(doc, "sargas_append_seconds_count 3") && !strings.Contains(doc, "sargas_append_seconds_count 2") {
		t.Errorf("metrics: %s", doc)
	}
	d.Report(centertest.SOS(now()))
	stop()
	<-d.Ended()
	startGateway(t, c, log)
	c.Send(c.Connect(1), centertest.Kept(base.Add(3*time.Minute), 1000))
	c.CaughtUp()
	if acks, all := d.Acks(), c.Incidents("device.sos"); acks == 4 && len(all) != 1 || acks < 4 && len(all) > 1 {
		t.Errorf("%d acknowledged, and the call for help is there %d times", acks, len(all))
	}
}

// One identity at two gateways, which both go on, is one incident.
func TestIdentityAtTwoGateways(t *testing.T) {
	c, log := onServer(t)
	c.Put("/api/v1/people", centertest.Person(1, now().Add(-time.Hour), ""))
	at := now().Add(-time.Minute)
	next := func() time.Time { at = at.Add(time.Second); return at }
	startGateway(t, c, log)
	a := c.Connect(1)
	c.Send(a, centertest.At(next(), 0))
	startGateway(t, c, log)
	b := c.Connect(1)
	c.Send(b, centertest.At(next(), 0))
	c.Send(b, centertest.At(next(), 0))
	if all := c.Incidents("device.identity"); len(all) != 0 {
		t.Errorf("a device that came to another gateway: %+v", all)
	}
	for range 3 {
		c.Send(a, centertest.At(next(), 0))
		c.Send(b, centertest.At(next(), 0))
	}
	if all := c.Incidents("device.identity"); len(all) == 0 || len(all) > 2 { // two if an hour has just begun
		t.Fatalf("%d incidents, want 1: %+v", len(all), all)
	}
}

// Commands go to the gateway that the device is at, wherever it goes; one that was
// never sent goes with it, and one that was sent is answered although the center
// has ended meanwhile.
func TestCommandAtGateway(t *testing.T) {
	c, log := onServer(t)
	device := "gt06:" + centertest.IMEI(1)
	first := order(c, device, restart) // before anybody is there
	startGateway(t, c, log)
	_, stop := startGateway(t, c, log)
	d := c.Connect(1)
	becomes(c, first.ID, "acknowledged")
	becomes(c, order(c, device, restart).ID, "acknowledged")

	// A bare connection takes a command and is slow to answer: the next waits.
	conn := c.Dial()
	if _, err := conn.Write(login(t, 2, 1)); err != nil {
		t.Fatal(err)
	}
	device = "gt06:" + centertest.IMEI(2)
	sent := order(c, device, restart)
	c.Eventually("it is sent", func() bool { return stateOf(c, sent.ID).State == "sent" })
	unsent := order(c, device, restart)
	c.Eventually("the next is handed over", func() bool { return stateOf(c, unsent.ID).State == "handed" })

	// The center starts anew on the same log: what gateways have it learns from them.
	c.Stop()
	c = centertest.Start(t, centertest.Config{Dir: c.Dir, Options: func(o *center.Options) { o.Journal, o.Replicas, o.Devices = log, 1, nil }})
	time.Sleep(50 * time.Millisecond) // it must stay
	if v := stateOf(c, sent.ID); v.State != "sent" || v.Final {
		t.Errorf("after the restart: %+v", v)
	}
	if v := stateOf(c, unsent.ID); v.State != "handed" || v.Final {
		t.Errorf("after the restart: %+v", v)
	}
	stop()
	<-d.Ended()
	if text, err := io.ReadAll(conn); err != nil || strings.Count(string(text), "RESET#") != 1 {
		t.Errorf("the device got %q, %v", text, err)
	}
	if v := becomes(c, sent.ID, "failed"); v.Reason == "" {
		t.Errorf("no reason: %+v", v)
	}
	c.Eventually("the one that was not sent waits", func() bool { return stateOf(c, unsent.ID).State == "queued" })
	startGateway(t, c, log)
	c.Connect(2)
	becomes(c, unsent.ID, "acknowledged")
}

// A gateway that is gone and was not stopped is an alarm, also for a center that
// starts only then; it is over when one of that name is back. One that is stopped
// is none, nor is one that takes another's place at once.
func TestGatewayIsSilent(t *testing.T) {
	log := startNATS(t, t.TempDir(), -1).ClientURL()
	silent := 2 * time.Second
	start := func(dir string) *centertest.Center {
		return centertest.Start(t, centertest.Config{Dir: dir,
			Options: func(o *center.Options) { o.Journal, o.Replicas, o.Devices = log, 1, nil },
			Before:  func(c *center.Center) { c.Look(20 * time.Millisecond); c.Silent(silent) }})
	}
	c := start("")
	heard := func() {
		t.Helper()
		end := *centertest.Get[web.Health](c, "/api/v1/health").LogEnd
		c.Eventually("a canary sings", func() bool { return centertest.Get[web.Health](c, "/api/v1/health").Evaluated > end+1 })
	}
	_, stop := startGateway(t, c, log, "east")
	heard()
	west, kill := startGateway(t, c, log, "west")
	heard()
	stop()
	west.Forget()
	kill()
	c.Stop()
	silent = 300 * time.Millisecond
	c = start(c.Dir)
	c.Eventually("it is told", func() bool { return len(c.Incidents("center.canary")) > 0 })
	if all := c.Incidents("center.canary"); len(all) != 1 || all[0].About != "gateway west" || all[0].Severity != "warning" || !all[0].Until.IsZero() {
		t.Fatalf("told: %+v", all)
	}
	west, kill = startGateway(t, c, log, "west")
	c.Eventually("it is over", func() bool { return !c.Incidents("center.canary")[0].Until.IsZero() })
	west.Forget()
	kill()
	_, stop = startGateway(t, c, log, "west")
	heard()
	time.Sleep(2 * silent) // the one before is silent by then
	stop()
	time.Sleep(2 * silent)
	if all := c.Incidents("center.canary"); len(all) != 1 {
		t.Errorf("told: %+v", all)
	}
	if n := centertest.Get[record.Counts](c, "/api/v1/counts"); n.Frames != 0 || n.Observations != 0 || len(centertest.Get[[]web.QuarantineView](c, "/api/v1/quarantine")) != 0 {
		t.Errorf("the record has %+v of canaries", n)
	}
}

// A gateway's options are checked.
func TestGatewayOptions(t *testing.T) {
	reg := centertest.Registry(t)
	good := func() center.GatewayOptions {
		return center.GatewayOptions{Registry: reg, Journal: "nats://127.0.0.1:1", Devices: []ingest.Listener{{Codec: "gt06", Addr: "127.0.0.1:0"}}}
	}
	if _, err := center.NewGateway(good()); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*center.GatewayOptions){
		"no registry":   func(o *center.GatewayOptions) { o.Registry = nil },
		"no log":        func(o *center.GatewayOptions) { o.Journal = "" },
		"no devices":    func(o *center.GatewayOptions) { o.Devices = nil },
		"unknown codec": func(o *center.GatewayOptions) { o.Devices[0].Codec = "none" },
		"a name":        func(o *center.GatewayOptions) { o.Name = "east of here" },
		"open metrics":  func(o *center.GatewayOptions) { o.Metrics = "0.0.0.0:9090" },
	} {
		o := good()
		spoil(&o)
		if _, err := center.NewGateway(o); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
}
