package center_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center"
	"github.com/sargas-em/em/examples/monitoringcenter/center/ingest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/protocol"
)

func TestMain(m *testing.M) { centertest.Main(m) }

// now is the present in whole seconds, as trackers tell it.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// Two centers in one process know nothing of each other.
func TestTwoCentersInOneProcess(t *testing.T) {
	a, b := centertest.Start(t, centertest.Config{}), centertest.Start(t, centertest.Config{})
	for n, c := range []*centertest.Center{a, b} {
		c.Put("/api/v1/people", centertest.Person(n+1, now().Add(-time.Hour), ""))
		c.Send(c.Connect(n+1), centertest.At(now(), 5000))
		if counts := centertest.Get[record.Counts](c, "/api/v1/counts"); counts.Fixes != 1 {
			t.Errorf("center %d has %d fixes, want 1", n, counts.Fixes)
		}
	}
	a.Stop()
	b.Send(b.Connect(2), centertest.At(now().Add(time.Second), 5000))
}

func TestFolderIsOneCentersAlone(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	other := centertest.New(t, centertest.Config{Dir: c.Dir})
	if err := other.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "another center") {
		t.Errorf("a second center on the folder says %v", err)
	}
	if err := other.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "run before") {
		t.Errorf("a second Run says %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	reg, err := protocol.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	long := centertest.Token
	for name, c := range map[string]struct {
		opts center.Options
		want string // part of the error; empty for none
	}{
		"no folder":           {center.Options{Registry: reg}, "folder"},
		"no registry":         {center.Options{DataDir: "x"}, "registry"},
		"all addresses":       {center.Options{Registry: reg, DataDir: "x", Listen: ":8080"}, "reached from other machines"},
		"off loopback":        {center.Options{Registry: reg, DataDir: "x", Listen: "192.0.2.1:443"}, "reached from other machines"},
		"only TLS":            {center.Options{Registry: reg, DataDir: "x", Listen: "0.0.0.0:443", TLS: &tls.Config{}}, "reached from other machines"},
		"only a token":        {center.Options{Registry: reg, DataDir: "x", Listen: "0.0.0.0:443", Token: long}, "reached from other machines"},
		"a name":              {center.Options{Registry: reg, DataDir: "x", Listen: "example.org:80"}, "reached from other machines"},
		"TLS and token":       {center.Options{Registry: reg, DataDir: "x", Listen: "0.0.0.0:443", TLS: &tls.Config{}, Token: long}, ""},
		"IPv6 loopback":       {center.Options{Registry: reg, DataDir: "x", Listen: "[::1]:0"}, ""},
		"short token":         {center.Options{Registry: reg, DataDir: "x", Token: "abc"}, "token"},
		"unknown codec":       {center.Options{Registry: reg, DataDir: "x", Devices: []ingest.Listener{{Codec: "none"}}}, `"none"`},
		"unknown serial line": {center.Options{Registry: reg, DataDir: "x", Serial: []ingest.SerialPort{{Codec: "none"}}}, `"none"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := center.New(c.opts)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v, want something about %q", err, c.want)
			}
		})
	}
}

// A center stops in time although pages listen, devices are connected, one is
// in the middle of a frame and one waits for the log. Start checks the rest:
// no error, five seconds, no goroutine left.
func TestStopsWithEverythingOpen(t *testing.T) {
	held := make(chan struct{})
	c := centertest.Start(t, centertest.Config{Before: func(c *center.Center) {
		c.Intercept(func(ctx context.Context, r *protocol.Report, next center.Append) error {
			if r.Device == protocolDevice(9) {
				<-held
			}
			return next(ctx, r)
		})
	}})
	for range 3 {
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(c.Request(http.MethodGet, "/api/v1/feed", ""))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
	}
	for range 20 {
		c.Dial()
	}
	if _, err := c.Dial().Write([]byte{0x78, 0x78, 0x0D, 0x01}); err != nil {
		t.Fatal(err)
	}
	c.Send(c.Connect(1), centertest.At(now(), 0))
	c.Connect(9)
	upload, err := net.Dial("tcp", strings.TrimPrefix(c.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer upload.Close()
	if _, err := fmt.Fprintf(upload, "PUT /api/v1/people HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 1000\r\n\r\n{", centertest.Token); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(time.Second, func() { close(held) }) // the disk comes back while it stops
	c.Stop()
	// The request that was under way has ended too, before the stores were closed.
	if err := upload.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(upload); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the center has ended, and a request goes on")
	}
}
