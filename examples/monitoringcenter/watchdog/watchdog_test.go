package watchdog

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Something wrong is told when it has lasted, again while it lasts, and when it
// is over; what passes by itself is not.
func TestState(t *testing.T) {
	begin := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	s := state{after: 30 * time.Second, repeat: 15 * time.Minute}
	for i, c := range []struct {
		at    time.Duration
		wrong string
		want  string
	}{
		{0, "", ""},
		{10 * time.Second, "no answer", ""},
		{20 * time.Second, "", ""}, // it passed
		{30 * time.Second, "no answer", ""},
		{50 * time.Second, "not ready", ""},
		{60 * time.Second, "no answer", "down no answer"},
		{70 * time.Second, "no answer", ""},
		{960 * time.Second, "not ready", "down not ready"}, // 15 minutes later
		{970 * time.Second, "", "up "},
		{980 * time.Second, "", ""},
	} {
		now := begin.Add(c.at)
		got, n := "", s.look(now, c.wrong)
		if n != nil {
			got = n.State + " " + n.Reason
			if n.State == "down" {
				s.told = now
			}
			if want := begin.Add(30 * time.Second); !n.Since.Equal(want) {
				t.Errorf("step %d: since %v, want %v", i, n.Since, want)
			}
		}
		if got != c.want {
			t.Errorf("step %d: %q, want %q", i, got, c.want)
		}
	}
}

// What could not be told is told again.
func TestToldAgain(t *testing.T) {
	s := state{repeat: time.Hour}
	now := time.Now()
	if s.look(now, "x") == nil || s.look(now.Add(time.Second), "x") == nil {
		t.Error("a failure to tell is taken for having told")
	}
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestOnce(t *testing.T) {
	answer := func(status int, doc string) string {
		return serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/readyz" {
				t.Errorf("it asks for %s", r.URL.Path)
			}
			w.WriteHeader(status)
			io.WriteString(w, doc)
		})
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	beat := filepath.Join(t.TempDir(), "heartbeat")
	if err := os.WriteFile(beat, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stale := filepath.Join(t.TempDir(), "stale")
	if err := os.WriteFile(stale, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(stale, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"well":                 {Options{Center: answer(200, `{"status":"ok","canary_age_s":3}`)}, ""},
		"well without canary":  {Options{Center: answer(200, `{"status":"ok"}`) + "/"}, ""},
		"not ready":            {Options{Center: answer(503, `{"status":"degraded","problem":"evaluation is behind the log"}`)}, "behind the log"},
		"old canary":           {Options{Center: answer(200, `{"status":"ok","canary_age_s":61}`)}, "61 s old"},
		"something else there": {Options{Center: answer(200, `hello`)}, "not understood"},
		"nobody there":         {Options{Center: gone.URL}, "does not answer"},
		"heartbeat":            {Options{Heartbeat: beat}, ""},
		"stale heartbeat":      {Options{Heartbeat: stale}, "1h0m0s old"},
		"no heartbeat":         {Options{Heartbeat: stale + "none"}, "cannot be read"},
	} {
		c.o.Once, c.o.Out = true, io.Discard
		err := Run(t.Context(), c.o)
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrDown) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if err := Run(t.Context(), Options{Out: io.Discard}); err == nil {
		t.Error("nothing to watch is taken")
	}
}

// A center that goes away and comes back is told by a command and by a webhook,
// down and up, and a webhook that failed is tried again.
func TestTells(t *testing.T) {
	var well atomic.Bool
	var calls atomic.Int32
	notices := make(chan Notice, 100)
	center := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if !well.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		io.WriteString(w, `{"status":"x","problem":"invented"}`)
	})
	hook := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var n Notice
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			t.Error(err)
		}
		if calls.Add(1) == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		notices <- n
	})
	file := filepath.Join(t.TempDir(), "told")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- Run(ctx, Options{Center: center, Every: 5 * time.Millisecond, After: time.Millisecond, Repeat: time.Hour, Webhook: hook,
			Exec: `echo "$SARGAS_STATE $SARGAS_REASON $SARGAS_SINCE" >> ` + file, Out: io.Discard})
	}()
	if n := <-notices; n.State != "down" || n.Reason != "the center is not ready: invented" || n.Since.IsZero() {
		t.Errorf("told %+v", n)
	}
	well.Store(true)
	if n := <-notices; n.State != "up" {
		t.Errorf("told %+v", n)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	doc, err := os.ReadFile(file)
	lines := strings.Split(strings.TrimSpace(string(doc)), "\n")
	// Twice down: the webhook failed the first time.
	if err != nil || len(lines) != 3 || !strings.HasPrefix(lines[1], "down the center is not ready: invented 20") || !strings.HasPrefix(lines[2], "up  20") {
		t.Errorf("the command wrote %q, %v", lines, err)
	}
}
