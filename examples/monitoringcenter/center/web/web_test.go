package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/internal/pgserver"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgserver.Tests{M: m}) }

func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// withPeople is a center with one person in a zone: incident 1.
func withPeople(t *testing.T) (*centertest.Center, *centertest.Device) {
	t.Helper()
	c := centertest.Start(t, centertest.Config{})
	c.Put("/api/v1/zones", centertest.School("school-1", "1", 300))
	c.Put("/api/v1/people", centertest.Person(1, now().Add(-time.Hour), `"zones":["school-1"]`))
	d := c.Connect(1)
	c.Send(d, centertest.At(now().Add(-2*time.Minute), 2000), centertest.At(now().Add(-time.Minute), 100))
	return c, d
}

// backend is a record without a center, and a clock that tests set.
type backend struct {
	web.Backend
	store *record.Store
	items chan record.FeedItem
	clock time.Time
}

func (b *backend) Store() *record.Store                              { return b.store }
func (b *backend) Counts(ctx context.Context) (record.Counts, error) { return b.store.Counts(ctx) }
func (b *backend) Evidence(context.Context, em.SubjectID) (*record.Store, error) {
	return b.store, nil
}
func (b *backend) People(uint64) web.People                    { return web.People{} }
func (b *backend) Name(s em.SubjectID) string                  { return string(s) }
func (b *backend) Subscribe() (<-chan record.FeedItem, func()) { return b.items, func() {} }

func (b *backend) Track(ctx context.Context, _ string, r web.TrackRequest) ([]em.Observation, error) {
	return b.store.Track(ctx, em.SubjectID(r.Person), r.From, r.To, r.Most)
}

// serve runs the handler alone.
func (b *backend) serve(t *testing.T, cfg web.Config) (*httptest.Server, *web.Secrets) {
	t.Helper()
	var err error
	if b.store, err = record.Open(t.Context(), pgserver.Record(t, filepath.Join(t.TempDir(), "record.db"))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.store.Close() })
	if cfg.Secrets, err = web.NewSecrets(centertest.Token, func() time.Time { return b.clock }); err != nil {
		t.Fatal(err)
	}
	h, err := web.Handler(b, cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	srv.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(srv.Close)
	return srv, cfg.Secrets
}

// login sends a password as the form does.
func login(t *testing.T, client *http.Client, address, password string) *http.Response {
	t.Helper()
	resp, err := client.PostForm(address+"/login", url.Values{"password": {password}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

func loggedIn(resp *http.Response) *http.Cookie {
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/" || len(resp.Cookies()) != 1 {
		return nil
	}
	return resp.Cookies()[0]
}

func status(t *testing.T, client *http.Client, method, address string, header ...string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}
