// Package watchdog watches a center from outside: another process, at best on
// another machine, with means of its own to raise the alarm. It asks the center's
// /readyz, which tells how old the last report of the center's own device is, or
// looks at its heartbeat file, or both.
package watchdog

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// Options say what to watch, and how to tell. Center or Heartbeat is required.
type Options struct {
	Center    string // URL of page and API, or of the metrics listener
	CA        string // file of PEM certificates that the center's is checked with; the system's if empty
	Heartbeat string // file that the center writes while it is well

	Every  time.Duration // between two looks; 10 s if 0
	After  time.Duration // how long something must be wrong before it is told; 30 s if 0
	MaxAge time.Duration // of the canary's last report and of the heartbeat; a minute if 0
	Repeat time.Duration // how often it is told while it lasts; 15 minutes if 0

	Exec    string // command for /bin/sh, with SARGAS_STATE (down, up), SARGAS_REASON and SARGAS_SINCE in its environment
	Webhook string // URL that a Notice is posted to as JSON
	Once    bool   // look once, and return ErrDown if something is wrong
	Out     io.Writer
}

// ErrDown: the center does not work as it should.
var ErrDown = errors.New("the center is down")

// Notice is what is told.
type Notice struct {
	State  string    `json:"state"` // "down", or "up" when it is over
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
}

// bounds of one look and of one telling.
const (
	lookLimit = 10 * time.Second
	tellLimit = 30 * time.Second
	mostWell  = 64 << 10 // bytes of an answer
)

// state decides what to tell.
type state struct {
	after, repeat time.Duration
	since         time.Time // when it began to be wrong; zero while all is well
	reason        string
	told          time.Time // zero where this time was not told
}

// look takes what is wrong, if anything, and returns what is to be told now.
func (s *state) look(now time.Time, wrong string) *Notice {
	if wrong == "" {
		was := *s
		s.since, s.reason, s.told = time.Time{}, "", time.Time{}
		if was.told.IsZero() {
			return nil
		}
		return &Notice{State: "up", Since: was.since}
	}
	if s.since.IsZero() {
		s.since = now
	}
	s.reason = wrong
	if now.Sub(s.since) < s.after || !s.told.IsZero() && now.Sub(s.told) < s.repeat {
		return nil
	}
	return &Notice{State: "down", Reason: wrong, Since: s.since}
}

// Run watches until ctx ends. What could not be told is told again at the next
// look.
func Run(ctx context.Context, o Options) error {
	def := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.Every, 10*time.Second)
	def(&o.After, 30*time.Second)
	def(&o.MaxAge, time.Minute)
	def(&o.Repeat, 15*time.Minute)
	if o.Center == "" && o.Heartbeat == "" {
		return errors.New("watch: neither a center nor a heartbeat file to watch")
	}
	client := &http.Client{Timeout: lookLimit, Transport: &http.Transport{DisableKeepAlives: true}}
	if o.CA != "" {
		pem, err := os.ReadFile(o.CA)
		if err != nil {
			return fmt.Errorf("watch: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return fmt.Errorf("watch: %s holds no PEM certificate", o.CA)
		}
		client.Transport = &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	}
	if o.Once {
		if wrong := o.wrong(ctx, client, time.Now()); wrong != "" {
			return fmt.Errorf("%w: %s", ErrDown, wrong)
		}
		return nil
	}
	s := state{after: o.After, repeat: o.Repeat}
	var over *Notice // an end that is not told yet
	tick := time.NewTicker(o.Every)
	defer tick.Stop()
	for {
		now := time.Now()
		n := s.look(now, o.wrong(ctx, client, now))
		if ctx.Err() != nil {
			return nil
		}
		switch {
		case n == nil:
		case n.State == "up":
			over = n
		default:
			over = nil // what is wrong anew is more than what was over
			if o.tell(ctx, client, *n) {
				s.told = now
			}
		}
		if over != nil && o.tell(ctx, client, *over) {
			over = nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// wrong says what is wrong, or nothing.
func (o *Options) wrong(ctx context.Context, client *http.Client, now time.Time) string {
	if o.Heartbeat != "" {
		info, err := os.Stat(o.Heartbeat)
		switch {
		case err != nil:
			return "the heartbeat file cannot be read"
		case now.Sub(info.ModTime()) > o.MaxAge:
			return fmt.Sprintf("the heartbeat is %v old", now.Sub(info.ModTime()).Round(time.Second))
		}
	}
	if o.Center == "" {
		return ""
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(o.Center, "/")+"/readyz", nil)
	if err != nil {
		return err.Error()
	}
	resp, err := client.Do(req)
	if err != nil {
		return "the center does not answer: " + err.Error()
	}
	defer resp.Body.Close()
	var well web.Well
	err = json.NewDecoder(io.LimitReader(resp.Body, mostWell)).Decode(&well)
	switch {
	case err != nil:
		return "the center's answer is not understood: " + resp.Status
	case resp.StatusCode != http.StatusOK:
		return "the center is not ready: " + well.Problem
	case well.CanaryAge != nil && *well.CanaryAge > o.MaxAge.Seconds():
		return fmt.Sprintf("the canary's last report is %.0f s old", *well.CanaryAge)
	}
	return ""
}

// tell raises the alarm by all means, and reports whether each has worked.
func (o *Options) tell(ctx context.Context, client *http.Client, n Notice) bool {
	ctx, cancel := context.WithTimeout(ctx, tellLimit)
	defer cancel()
	n.Since = n.Since.UTC().Truncate(time.Second)
	fmt.Fprintf(o.Out, "%s since %s %s\n", n.State, n.Since.Format(time.RFC3339), n.Reason)
	ok := true
	failed := func(how string, err error) {
		ok = false
		fmt.Fprintf(o.Out, "%s could not be told by %s: %v\n", n.State, how, err)
	}
	if o.Exec != "" {
		cmd := exec.CommandContext(ctx, "/bin/sh", "-c", o.Exec)
		cmd.Env = append(os.Environ(), "SARGAS_STATE="+n.State, "SARGAS_REASON="+n.Reason, "SARGAS_SINCE="+n.Since.Format(time.RFC3339))
		cmd.Stdout, cmd.Stderr = o.Out, o.Out
		cmd.WaitDelay = time.Second
		if err := cmd.Run(); err != nil {
			failed("the command", err)
		}
	}
	if o.Webhook != "" {
		if err := post(ctx, client, o.Webhook, n); err != nil {
			failed("the webhook", err)
		}
	}
	return ok
}

func post(ctx context.Context, client *http.Client, url string, n Notice) error {
	doc, err := json.Marshal(n)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(doc))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return errors.New(resp.Status)
	}
	return nil
}
