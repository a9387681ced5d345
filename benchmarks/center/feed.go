package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/client"
)

// feed notes when incidents are told.
type feed struct {
	cancel context.CancelFunc
	ended  chan struct{}
	seen   map[string]time.Time // by person; of its goroutine until ended
	err    error
}

// follow listens to the live feed as a page does.
func follow(ctx context.Context, c client.Client) (*feed, error) {
	ctx, cancel := context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/api/v1/feed", nil)
	if err != nil {
		cancel()
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	resp, err := http.DefaultClient.Do(req)
	if err == nil && resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		err = fmt.Errorf("the live feed: %s", resp.Status)
	}
	if err != nil {
		cancel()
		return nil, err
	}
	f := &feed{cancel: cancel, ended: make(chan struct{}), seen: map[string]time.Time{}}
	go func() {
		defer close(f.ended)
		defer resp.Body.Close()
		f.err = f.read(resp.Body, time.Now)
	}()
	return f, nil
}

// read takes the first time at which each person's incident is told.
func (f *feed) read(body io.Reader, now func() time.Time) error {
	r := bufio.NewReaderSize(body, 1<<20)
	event := ""
	for {
		line, err := r.ReadString('\n')
		if errors.Is(err, context.Canceled) || err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the live feed: %w", err)
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case name == "event":
			event = value
		case name == "data" && event == "incident":
			var i struct {
				Person string `json:"person"`
			}
			if err := json.Unmarshal([]byte(value), &i); err != nil {
				return fmt.Errorf("the live feed: %w", err)
			}
			if _, ok := f.seen[i.Person]; !ok {
				f.seen[i.Person] = now()
			}
		}
	}
}

func (f *feed) close() { f.cancel(); <-f.ended }

// latency is from when a call for help was to be sent to its incident. The
// record has them all by now; the feed is given a moment more.
func (f *feed) latency(ctx context.Context, calls []call) (*quantiles, error) {
	if err := pause(ctx, time.Second); err != nil {
		return nil, err
	}
	f.close()
	if f.err != nil {
		return nil, f.err
	}
	return since(calls, f.seen)
}

// since is how long each call took to its person's incident.
func since(calls []call, seen map[string]time.Time) (*quantiles, error) {
	h := newHistogram()
	for _, c := range calls {
		at, ok := seen[personOf(c.Device)]
		if !ok {
			return nil, fmt.Errorf("a call for help is not on the live feed, which tells of %d", len(seen))
		}
		if err := h.RecordValue(max(1, at.Sub(c.At).Microseconds())); err != nil {
			return nil, err
		}
	}
	q := quantilesOf(h)
	return &q, nil
}
