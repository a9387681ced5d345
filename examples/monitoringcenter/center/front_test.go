package center_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center"
	"github.com/sargas-em/em/examples/monitoringcenter/center/ingest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
)

// freeAddr is an address of this machine at which nothing listens.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// ask returns the answer to a request, or what went wrong with it.
func ask(url string) (status int, retryAfter, body string) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		return 0, "", err.Error()
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, "", err.Error()
	}
	return answer.StatusCode, answer.Header.Get("Retry-After"), string(b)
}

// While a center or a gateway waits for the log, its page and its metrics' address
// answer with 503 and what it waits for; once the log is there the same addresses show
// what they are for. A stop ends both ways.
func TestAddressesAnswerWhileTheStartWaits(t *testing.T) {
	for name, begin := range map[string]func(t *testing.T, log, page, metrics string) (run func(context.Context) error, ready <-chan struct{}){
		"center": func(t *testing.T, log, page, metrics string) (func(context.Context) error, <-chan struct{}) {
			c, err := center.New(center.Options{DataDir: t.TempDir(), Listen: page, Metrics: metrics, Journal: log, Replicas: 1, Registry: centertest.Registry(t),
				Devices: []ingest.Listener{{Codec: "gt06", Transport: ingest.TCP, Addr: "127.0.0.1:0"}}})
			if err != nil {
				t.Fatal(err)
			}
			return c.Run, c.Ready()
		},
		"gateway": func(t *testing.T, log, _, metrics string) (func(context.Context) error, <-chan struct{}) {
			g, err := center.NewGateway(center.GatewayOptions{Name: "g1", Metrics: metrics, Journal: log, Replicas: 1, Registry: centertest.Registry(t),
				Devices: []ingest.Listener{{Codec: "gt06", Transport: ingest.TCP, Addr: "127.0.0.1:0"}}})
			if err != nil {
				t.Fatal(err)
			}
			return g.Run, g.Ready()
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			srv := startNATS(t, dir, -1)
			port := portOf(srv)
			srv.Shutdown()
			srv.WaitForShutdown()
			page, metrics := freeAddr(t), freeAddr(t)
			addrs := []string{metrics}
			if name == "center" {
				addrs = append(addrs, page)
			}
			for _, logComes := range []bool{false, true} {
				run, ready := begin(t, srv.ClientURL(), page, metrics)
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- run(ctx) }()
				for _, addr := range addrs {
					eventually(t, "it says that the start waits", func() bool {
						status, _, body := ask("http://" + addr + "/readyz")
						return status == http.StatusServiceUnavailable && strings.Contains(body, "the start waits for the log")
					})
					if status, _, body := ask("http://" + addr + "/healthz"); status != http.StatusServiceUnavailable {
						t.Errorf("healthz answers %d, %s", status, body)
					}
					for _, path := range []string{"/", "/metrics", "/api/v1/people"} {
						status, retry, body := ask("http://" + addr + path)
						if status != http.StatusServiceUnavailable || retry == "" || !strings.Contains(body, "the start waits for the log") {
							t.Errorf("%s answers %d, Retry-After %q, %s", path, status, retry, body)
						}
					}
				}
				if logComes {
					startNATS(t, dir, port)
					select {
					case <-ready:
					case err := <-ended:
						t.Fatal(err)
					}
					for _, addr := range addrs {
						eventually(t, "it is ready", func() bool {
							status, _, _ := ask("http://" + addr + "/readyz")
							return status == http.StatusOK
						})
					}
					if status, _, body := ask("http://" + metrics + "/metrics"); status != http.StatusOK || !strings.Contains(body, "go_goroutines") {
						t.Errorf("metrics answer %d, %.80s", status, body)
					}
				}
				stop()
				if err := <-ended; err != nil {
					t.Errorf("stopped, log there %v: %v", logComes, err)
				}
				for _, addr := range addrs {
					if status, _, body := ask("http://" + addr + "/readyz"); status != 0 {
						t.Errorf("it has ended, and answers %d, %s", status, body)
					}
				}
			}
		})
	}
}

// What a center prints is where its page is, not where it will be.
func TestPageIsThereWhenItIsPrinted(t *testing.T) {
	var said []string
	c := centertest.Start(t, centertest.Config{Options: func(o *center.Options) {
		o.Out = writer(func(line []byte) {
			if url, ok := strings.CutPrefix(string(line), "page "); ok {
				status, _, body := ask(strings.TrimSpace(url) + "/login")
				said = append(said, fmt.Sprint(status, body))
			}
		})
	}})
	c.Stop()
	if len(said) != 1 || !strings.HasPrefix(said[0], "200") {
		t.Errorf("the page answers %q", said)
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

// An address for metrics that is taken ends a gateway at once, before it looks for a log.
func TestGatewayWithoutItsMetricsAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	g, err := center.NewGateway(center.GatewayOptions{Metrics: l.Addr().String(), Journal: "nats://" + freeAddr(t), Registry: centertest.Registry(t),
		Devices: []ingest.Listener{{Codec: "gt06", Transport: ingest.TCP, Addr: "127.0.0.1:0"}}})
	if err != nil {
		t.Fatal(err)
	}
	var op *net.OpError
	if err := g.Run(t.Context()); !errors.As(err, &op) {
		t.Errorf("%v, want the error of the listener", err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within 30 s: " + what)
		}
	}
}
