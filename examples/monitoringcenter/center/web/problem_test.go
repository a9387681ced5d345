package web_test

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// What the center itself could not do is told to its log, not to the client.
func TestOwnErrorsStayInside(t *testing.T) {
	log := new(centertest.Buffer)
	b := &backend{}
	srv, _ := b.serve(t, web.Config{Log: slog.New(slog.NewTextHandler(log, nil))})
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/api/v1/counts", "/api/v1/incidents", "/api/v1/incidents/1", "/api/v1/people/p-1/track", "/api/v1/zones",
		"/api/v1/quarantine", "/api/v1/audit", "/api/v1/audit/verify", "/api/v1/feed"} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+centertest.Token)
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusInternalServerError || !strings.Contains(string(doc), "its log says why") || strings.Contains(string(doc), "sql") {
			t.Errorf("%s: %s %s %v", path, resp.Status, doc, err)
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
			t.Errorf("%s: %d lines in the log: %s", path, n, log)
		}
		*log = centertest.Buffer{}
	}
}
