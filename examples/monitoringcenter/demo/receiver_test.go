package demo

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center/delivery"
)

// The desk prints a notice once, and nothing that the center has not signed.
func TestDesk(t *testing.T) {
	var out bytes.Buffer
	d, r, err := openDesk(&out)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.run(ctx) }()
	hooks := delivery.NewWebhooks(nil)
	defer hooks.Close()
	body := []byte(`{"id":"n-1","type":"incident.raised","incident":7,"severity":"violation","kind":"zone.exclusion","name":"Invented 1","late":"the data came late"}`)
	for range 2 {
		if err := hooks.Post(t.Context(), r.Webhook.URL, r.Webhook.Key(), "n-1", time.Now(), body); err != nil {
			t.Error(err)
		}
	}
	if err := hooks.Post(t.Context(), r.Webhook.URL, []byte("another key"), "n-2", time.Now(), body); err == nil || !strings.Contains(err.Error(), http.StatusText(http.StatusBadRequest)) {
		t.Errorf("a wrong signature: %v", err)
	}
	hooks.Close()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := out.String(); got != "told      demo-desk: incident.raised 7, violation zone.exclusion, Invented 1, late: the data came late\n" {
		t.Errorf("printed: %q", got)
	}
}
