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
	last   string               // the id of the last event, where it had one
	err    error
}

// follow listens to the live feed as a page does: one that is cut off, because it
// was slow, comes again and gets what it missed.
func follow(ctx context.Context, c client.Client) (*feed, error) {
	ctx, cancel := context.WithCancel(ctx)
	f := &feed{cancel: cancel, ended: make(chan struct{}), seen: map[string]time.Time{}}
	body, err := f.open(ctx, c)
	if err != nil {
		cancel()
		return nil, err
	}
	go func() {
		defer close(f.ended)
		for {
			f.err = f.read(body, time.Now)
			body.Close()
			if f.err != nil || ctx.Err() != nil {
				return
			}
			if body, f.err = f.open(ctx, c); f.err != nil {
				if ctx.Err() != nil {
					f.err = nil
				}
				return
			}
		}
	}()
	return f, nil
}

func (f *feed) open(ctx context.Context, c client.Client) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/api/v1/feed", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	if f.last != "" {
		req.Header.Set("Last-Event-ID", f.last)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("the live feed: %s", resp.Status)
	}
	return resp.Body, nil
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
		case name == "id":
			f.last = value
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
