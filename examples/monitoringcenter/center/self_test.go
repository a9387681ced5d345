package center_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
	"github.com/sargas-em/em/protocol"
)

// get reads a page that needs no secret.
func get(c *centertest.Center, url string) (int, string) {
	c.T.Helper()
	req, err := http.NewRequestWithContext(c.T.Context(), http.MethodGet, url, nil)
	if err != nil {
		c.T.Fatal(err)
	}
	resp, doc := c.Do(req)
	return resp.StatusCode, string(doc)
}

// metric reads one series of the metrics.
func metric(c *centertest.Center, series string) float64 {
	c.T.Helper()
	_, text := get(c, c.Addresses().Metrics+"/metrics")
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (.*)$`).FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		c.T.Fatal(err)
	}
	return v
}

func watched(o *center.Options) {
	o.Metrics, o.Canary = "127.0.0.1:0", 50*time.Millisecond
}

// A center whose log stops is not ready, tells so as an incident when it goes on,
// and its heartbeat goes stale; then all is well again. The canary leaves
// nothing in the record.
func TestCanary(t *testing.T) {
	beat := filepath.Join(t.TempDir(), "heartbeat")
	var stuck atomic.Bool
	release := make(chan struct{})
	c := centertest.Start(t, centertest.Config{
		Options: func(o *center.Options) { watched(o); o.Heartbeat = beat },
		Before: func(c *center.Center) {
			c.Look(20 * time.Millisecond)
			c.Intercept(func(ctx context.Context, r *protocol.Report, next center.Append) error {
				if stuck.Load() {
					<-release
				}
				return next(ctx, r)
			})
		},
	})
	ready := func() (int, string) { return get(c, c.URL+"/readyz") }
	c.Eventually("the heartbeat is written", func() bool { _, err := os.Stat(beat); return err == nil })
	if status, doc := ready(); status != http.StatusOK || !strings.Contains(doc, "canary_age_s") {
		t.Errorf("ready: %d %s", status, doc)
	}
	first := metric(c, `sargas_position{of="record"}`)
	c.Eventually("the canary goes on", func() bool { return metric(c, `sargas_position{of="record"}`) > first+3 })
	if n := centertest.Get[record.Counts](c, "/api/v1/counts"); n.Frames != 0 || n.Observations != 0 {
		t.Errorf("the record has %+v of the canary", n)
	}
	if q := centertest.Get[[]web.QuarantineView](c, "/api/v1/quarantine"); len(q) != 0 {
		t.Errorf("quarantine: %+v", q)
	}
	if n := centertest.Get[web.Health](c, "/api/v1/health").Devices; n != 0 {
		t.Errorf("the canary counts among %d connections", n)
	}

	stuck.Store(true)
	c.Eventually("it is not ready", func() bool {
		status, doc := ready()
		return status == http.StatusServiceUnavailable && strings.Contains(doc, "canary")
	})
	c.Eventually("it is told", func() bool { return len(c.Incidents("center.canary")) == 1 })
	if i := c.Incidents("center.canary")[0]; i.Person != "system" || i.Severity != "warning" || !i.Until.IsZero() {
		t.Errorf("told: %+v", i)
	}
	if status, _ := get(c, c.URL+"/healthz"); status != http.StatusOK {
		t.Errorf("the record works, and healthz says %d", status)
	}
	was, err := os.ReadFile(beat)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := time.Parse(time.RFC3339, strings.TrimSpace(string(was))); err != nil {
		t.Error(err)
	}
	info, _ := os.Stat(beat)
	time.Sleep(100 * time.Millisecond)
	if again, _ := os.Stat(beat); !again.ModTime().Equal(info.ModTime()) {
		t.Error("the heart beats on")
	}

	stuck.Store(false)
	close(release)
	c.Eventually("it is ready again", func() bool { status, _ := ready(); return status == http.StatusOK })
	c.Eventually("it is told to be over", func() bool {
		all := c.Incidents("center.canary")
		return len(all) == 1 && !all[0].Until.IsZero() && all[0].Handling == "new"
	})
}

// Full resources are told once, when they are and when they are worse, and a new
// start knows what was told.
func TestCapacity(t *testing.T) {
	look := func(c *center.Center) { c.Look(20 * time.Millisecond) }
	options := func(bytes int64) func(o *center.Options) {
		return func(o *center.Options) { watched(o); o.LogBytes = bytes }
	}
	about := func(c *centertest.Center) (of []web.Incident) {
		for _, i := range c.Incidents("center.capacity") {
			if i.About == "log bytes" { // the disk of who runs this may be full too
				of = append(of, i)
			}
		}
		return of
	}
	c := centertest.Start(t, centertest.Config{Options: options(1), Before: look})
	c.Eventually("it is told", func() bool { return len(about(c)) == 1 })
	if i := about(c)[0]; i.Severity != "warning" || !strings.Contains(i.Reason, "log") {
		t.Errorf("told: %+v", i)
	}
	c.Eventually("the gauge says so", func() bool { return metric(c, `sargas_capacity_ratio{resource="log bytes"}`) > 1 })
	c.Stop()
	c = centertest.Start(t, centertest.Config{Dir: c.Dir, Options: options(1), Before: look})
	before := metric(c, `sargas_commit_seconds_count{result="ok"}`)
	c.Eventually("it has looked again", func() bool { return metric(c, `sargas_commit_seconds_count{result="ok"}`) > before+5 })
	if n := len(about(c)); n != 1 {
		t.Errorf("told %d times", n)
	}
	c.Stop()
	c = centertest.Start(t, centertest.Config{Dir: c.Dir, Options: options(1 << 40), Before: look})
	c.Eventually("it is told to be over", func() bool { all := about(c); return len(all) == 1 && !all[0].Until.IsZero() })
}

// Neither the log nor the metrics of a busy center name a person, a device, an
// address of one, or a position, whatever goes wrong.
func TestNothingNamed(t *testing.T) {
	var fail atomic.Bool
	c := centertest.Start(t, centertest.Config{
		Options: watched,
		Before: func(c *center.Center) {
			c.Look(20 * time.Millisecond)
			c.Intercept(func(ctx context.Context, r *protocol.Report, next center.Append) error {
				if fail.Load() {
					return errors.New("the disk of the test")
				}
				return next(ctx, r)
			})
		},
	})
	c.Put("/api/v1/zones", centertest.School("school-1", "1", 300))
	c.Put("/api/v1/people", centertest.Person(1, now().Add(-time.Hour), `"zones":["school-1"]`))
	d := c.Connect(1)
	c.Send(d, centertest.At(now(), 100), centertest.SOS(now()))
	stranger := c.Connect(2)
	c.Send(stranger, centertest.At(now(), 0))
	double := c.Connect(1)
	c.Send(double, centertest.At(now(), 100))
	d.Report(centertest.At(now().Add(time.Second), 100)) // a conflict of identities
	c.Eventually("the conflict is told", func() bool { return len(c.Incidents("device.identity")) == 1 })
	junk := c.Dial()
	io.WriteString(junk, strings.Repeat("p-1 Invented 1 "+centertest.IMEI(1), 100))
	c.Call("PUT", "/api/v1/people", `{"id":"p-1","name":"Invented 1","devices":[{"id":"`+centertest.IMEI(1)+`"}]}`)
	c.Call("GET", "/api/v1/people/p-1/track?from=x", "")
	fail.Store(true)
	stranger.Report(centertest.At(now(), 50))
	<-stranger.Ended()
	_, metrics := get(c, c.Addresses().Metrics+"/metrics")
	for _, must := range []string{"sargas_reports_total{codec=\"gt06\",transport=\"tcp\"}", "sargas_incidents_total{", "sargas_canary_age_seconds", "sargas_refused_total{reason=\"log\"", "sargas_append_seconds_bucket"} {
		if !strings.Contains(metrics, must) {
			t.Errorf("the metrics have no %s:\n%s", must, metrics)
		}
	}
	c.Stop()
	for where, text := range map[string]string{"metrics": metrics, "log": c.Log.String()} {
		for _, name := range []string{centertest.IMEI(1), centertest.IMEI(2), "9900000000", "Invented", "p-1", "school-1", "54.7", "25.28", "127.0.0.1"} {
			// Digits within a number, as of a sum of seconds, are no name.
			if regexp.MustCompile(`(^|[^0-9.])` + regexp.QuoteMeta(name)).MatchString(text) {
				t.Errorf("the %s has %q:\n%s", where, name, text)
			}
		}
	}
}

// Metrics have no password, and so no listener but loopback.
func TestMetricsOnLoopbackOnly(t *testing.T) {
	_, err := center.New(center.Options{DataDir: t.TempDir(), Registry: registryWithKey(t), Metrics: "0.0.0.0:0"})
	if err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("it says %v", err)
	}
}
