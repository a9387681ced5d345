// Package centertest runs a center inside a test, with simulated devices and a
// client of its API. Everything that it names is invented.
package centertest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sargas-em/em/devices"
	"github.com/sargas-em/em/examples/internal/pgserver"
	"github.com/sargas-em/em/examples/monitoringcenter/center"
	"github.com/sargas-em/em/examples/monitoringcenter/center/ingest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
	"github.com/sargas-em/em/protocol"
)

// Token is the bearer token of all centers under test.
const Token = "token-of-the-test-0123456789"

// Center is a running center.
type Center struct {
	*center.Center
	T       *testing.T
	Dir     string
	URL     string // of page and API
	Devices string // where gt06 devices connect
	Out     *Buffer
	Log     *Buffer // at level info

	client *http.Client
	cancel context.CancelFunc
	ended  chan error
	once   sync.Once
}

// records are where the records of folders are: those of one folder are one.
var records sync.Map

// RecordOf returns where the record of a center on a folder is.
func RecordOf(t *testing.T, dir string) string {
	t.Helper()
	where, known := records.Load(dir)
	if !known {
		where, _ = records.LoadOrStore(dir, pgserver.Record(t, filepath.Join(dir, "record.db")))
	}
	return where.(string)
}

// Main runs the tests of a package, looks for goroutines that are left, and ends
// the database server that the tests may have started.
func Main(m *testing.M) {
	goleak.VerifyTestMain(pgserver.Tests{M: m})
}

// Config says how a center under test differs from the usual one.
type Config struct {
	Dir     string // a new one if empty
	Options func(*center.Options)
	Before  func(*center.Center) // called before Run
}

// Registry has all dialects.
func Registry(t *testing.T) *protocol.Registry {
	t.Helper()
	reg, err := protocol.NewRegistry(devices.All()...)
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

// New makes a center that does not run yet.
func New(t *testing.T, cfg Config) *Center {
	t.Helper()
	c := &Center{T: t, Dir: cfg.Dir, Out: new(Buffer), Log: new(Buffer), client: &http.Client{Transport: &http.Transport{}}, ended: make(chan error, 1)}
	c.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	o := center.Options{
		DataDir: c.Dir, Registry: Registry(t), Listen: "127.0.0.1:0", Token: Token, Out: c.Out,
		Devices: []ingest.Listener{{Codec: "gt06", Addr: "127.0.0.1:0"}},
		Log:     slog.New(slog.NewTextHandler(c.Log, nil)),
	}
	o.Record = RecordOf(t, c.Dir)
	var err error
	if v := os.Getenv("EM_PARTITIONS"); v != "" && record.IsURL(o.Record) {
		if o.Partitions, err = strconv.Atoi(v); err != nil {
			t.Fatalf("EM_PARTITIONS=%s: %v", v, err)
		}
	}
	if cfg.Options != nil {
		cfg.Options(&o)
	}
	if c.Center, err = center.New(o); err != nil {
		t.Fatal(err)
	}
	if cfg.Before != nil {
		cfg.Before(c.Center)
	}
	return c
}

// Start runs a center until the test ends. How it ends, and that its log names
// nobody, is part of the test.
func Start(t *testing.T, cfg Config) *Center {
	t.Helper()
	c := New(t, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	go func() { c.ended <- c.Run(ctx) }()
	t.Cleanup(c.Stop)
	select {
	case <-c.Ready():
	case err := <-c.ended:
		c.ended <- err
		t.Fatalf("the center did not start: %v", err)
	}
	a := c.Addresses()
	c.URL = a.Web
	for _, d := range a.Devices {
		if d.Codec == "gt06" {
			c.Devices = d.Addr
		}
	}
	return c
}

// Stop ends the center as SIGTERM does; it has five seconds. Further calls do
// nothing.
func (c *Center) Stop() {
	c.T.Helper()
	c.once.Do(func() {
		begin := time.Now()
		c.cancel()
		if err := <-c.ended; err != nil {
			c.T.Errorf("the center ended with %v", err)
		}
		if d := time.Since(begin); d > 5*time.Second {
			c.T.Errorf("it took %v to stop", d)
		}
		c.client.CloseIdleConnections()
		for _, secret := range []string{"9900000000", "Invented"} {
			if log := c.Log.String(); strings.Contains(log, secret) {
				c.T.Errorf("the log names a person or device: %s", log)
			}
		}
	})
}

// Ended waits until the center has ended by itself, and returns why.
func (c *Center) Ended() (err error) {
	c.T.Helper()
	c.once.Do(func() {
		select {
		case err = <-c.ended:
		case <-time.After(20 * time.Second):
			c.T.Fatal("the center goes on")
		}
		c.client.CloseIdleConnections()
	})
	return err
}

// Restart stops the center and starts another one on its folder.
func (c *Center) Restart() *Center {
	c.T.Helper()
	c.Stop()
	return Start(c.T, Config{Dir: c.Dir})
}

// Do sends a request as it is.
func (c *Center) Do(req *http.Request) (*http.Response, []byte) {
	c.T.Helper()
	resp, err := c.client.Do(req)
	if err != nil {
		c.T.Fatal(err)
	}
	defer resp.Body.Close()
	doc, err := io.ReadAll(resp.Body)
	if err != nil {
		c.T.Fatal(err)
	}
	return resp, doc
}

// Request makes a request with the token.
func (c *Center) Request(method, path string, body string) *http.Request {
	c.T.Helper()
	req, err := http.NewRequestWithContext(c.T.Context(), method, c.URL+path, strings.NewReader(body))
	if err != nil {
		c.T.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+Token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return req
}

// Call calls the API and returns status and body.
func (c *Center) Call(method, path, body string) (int, string) {
	c.T.Helper()
	resp, doc := c.Do(c.Request(method, path, body))
	return resp.StatusCode, string(doc)
}

// Get reads a JSON document of the API.
func Get[T any](c *Center, path string) (v T) {
	c.T.Helper()
	status, doc := c.Call(http.MethodGet, path, "")
	if status != http.StatusOK {
		c.T.Fatalf("GET %s: %d %s", path, status, doc)
	}
	if err := json.Unmarshal([]byte(doc), &v); err != nil {
		c.T.Fatalf("GET %s: %v: %s", path, err, doc)
	}
	return v
}

// Put stores a document, which must be taken.
func (c *Center) Put(path, doc string) {
	c.T.Helper()
	if status, answer := c.Call(http.MethodPut, path, doc); status >= 300 {
		c.T.Fatalf("PUT %s: %d %s", path, status, answer)
	}
}

// Incidents returns all incidents of a kind, newest first, closed ones too.
func (c *Center) Incidents(kind string) []web.Incident {
	c.T.Helper()
	var of []web.Incident
	for _, i := range Get[[]web.Incident](c, "/api/v1/incidents?closed=true&limit=1000") {
		if i.Kind == kind {
			of = append(of, i)
		}
	}
	return of
}

// CaughtUp waits until all that is in the log is in the record.
func (c *Center) CaughtUp() {
	c.T.Helper()
	c.Eventually("evaluation catches up with the log", func() bool {
		h := Get[web.Health](c, "/api/v1/health")
		return h.CaughtUp()
	})
}

// Eventually waits until something is so.
func (c *Center) Eventually(what string, so func() bool) {
	c.T.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.T.Fatalf("in vain: %s; the center's log: %s", what, c.Log)
		}
	}
}

// Buffer is a bytes.Buffer for concurrent use.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
