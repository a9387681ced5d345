package web

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

// Pace of the live feed: what is new of people is sent together this often, and a
// comment keeps idle connections alive through proxies.
const (
	positionPace = time.Second
	// positionShare is the part of the time that telling this takes at most: where it
	// is of very many people it comes less often, so that a page neither has a
	// processor to itself nor keeps incidents waiting.
	positionShare = 20
	keepAlive     = 20 * time.Second
	// stalled is how long a page may take nothing before it is cut.
	stalled = 30 * time.Second
)

// feed serves server-sent events. "incident" events carry an id: a page that
// reconnects with Last-Event-ID gets exactly those that it missed, in order;
// where they are no longer kept it gets "reload". Two kinds carry no id: "people"
// has all persons, and comes first and when there are others; "moved" has those of
// whom something is new since the last event of these kinds.
func feed(b Backend, log *slog.Logger) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		rc := http.NewResponseController(w)
		// Subscribe before reading what was missed, so that nothing falls between.
		items, cancel := b.Subscribe()
		defer cancel()
		last, resumed, err := resumeFrom(r, b)
		switch {
		case errors.Is(err, ErrBadInput):
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		case err != nil:
			log.Error("the live feed failed", "error", err)
			http.Error(w, "the center could not do this; its log says why", http.StatusInternalServerError)
			return
		}
		if err := rc.SetReadDeadline(time.Time{}); err != nil {
			http.Error(w, "no live feed over this connection", http.StatusInternalServerError)
			return
		}
		defer rc.SetWriteDeadline(time.Time{}) // the connection may serve another request
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(http.StatusOK)
		send := func(item record.FeedItem) error {
			if item.N <= last {
				return nil
			}
			last = item.N
			if err := rc.SetWriteDeadline(time.Now().Add(stalled)); err != nil {
				return err
			}
			_, err := fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", item.N, item.Kind, item.Data)
			return err
		}
		if resumed {
			missed, ok, err := b.Store().FeedAfter(ctx, last)
			if err != nil {
				return
			}
			if !ok {
				if last, err = b.Store().FeedEnd(ctx); err != nil {
					return
				}
				fmt.Fprintf(w, "id: %d\nevent: reload\ndata: {}\n\n", last)
				missed = nil
			}
			for _, item := range missed {
				if send(item) != nil {
					return
				}
			}
		} else {
			// A first id, so that a page that saw no incident can resume too.
			fmt.Fprintf(w, "id: %d\nevent: hello\ndata: {}\n\n", last)
		}
		people := time.NewTicker(positionPace)
		defer people.Stop()
		alive := time.NewTicker(keepAlive)
		defer alive.Stop()
		var told uint64 // the version of the people
		for {
			if rc.SetWriteDeadline(time.Now().Add(stalled)) != nil || rc.Flush() != nil {
				return
			}
			select {
			case item, ok := <-items:
				if !ok || send(item) != nil {
					return // the page reconnects and resumes
				}
			case <-people.C:
				begin := time.Now()
				now := b.People(told)
				told = now.Version
				if kind := now.kind(); kind != "" {
					doc, err := marshal(now.List)
					if err != nil {
						return
					}
					if _, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", kind, doc); err != nil {
						return
					}
				}
				people.Reset(max(positionPace, positionShare*time.Since(begin)))
			case <-alive.C:
				if _, err := fmt.Fprint(w, ": alive\n\n"); err != nil {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// kind is that of the event that tells of people; empty where there is nothing new.
func (p *People) kind() string {
	switch {
	case p.Whole:
		return "people"
	case len(p.List) > 0:
		return "moved"
	}
	return ""
}

// resumeFrom returns the last item that the page has. EventSource sends a
// header when it reconnects by itself; a page may also give ?after=.
func resumeFrom(r *http.Request, b Backend) (n int64, resumed bool, err error) {
	id := r.Header.Get("Last-Event-ID")
	if id == "" {
		id = r.URL.Query().Get("after")
	}
	if id == "" {
		n, err = b.Store().FeedEnd(r.Context())
		return n, false, err
	}
	if n, err = strconv.ParseInt(id, 10, 64); err != nil || n < 0 {
		return 0, false, fmt.Errorf("%w: Last-Event-ID %q is not a number", ErrBadInput, id)
	}
	return n, true, nil
}
