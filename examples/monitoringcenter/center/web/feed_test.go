package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// event is one server-sent event.
type event struct{ id, kind, data string }

// stream is an open live feed.
type stream struct {
	t      *testing.T
	lines  *bufio.Scanner
	resp   *http.Response
	cancel context.CancelFunc
}

// listen opens the feed at an address, behind an id if there is one.
func listen(t *testing.T, address, last string) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	req, err := http.NewRequestWithContext(ctx, "GET", address+"/api/v1/feed", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+centertest.Token)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	s := &stream{t: t, lines: bufio.NewScanner(resp.Body), resp: resp, cancel: cancel}
	s.lines.Buffer(nil, 1<<20)
	t.Cleanup(s.cut)
	return s
}

// cut ends the connection, as a lost network does.
func (s *stream) cut() {
	s.cancel()
	s.resp.Body.Close()
}

// next returns the next event but for those of people; ok is false at the end.
func (s *stream) next() (e event, ok bool) {
	s.t.Helper()
	for e, ok = s.any(); ok && (e.kind == "people" || e.kind == "moved"); e, ok = s.any() {
	}
	return e, ok
}

// any returns the next event.
func (s *stream) any() (e event, ok bool) {
	s.t.Helper()
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch name {
		case "id":
			e.id = value
		case "event":
			e.kind = value
		case "data":
			e.data = value
		case "":
			if e.kind != "" {
				return e, true
			}
			e = event{}
		}
	}
	return e, false
}

func (s *stream) must() event {
	s.t.Helper()
	e, ok := s.next()
	if !ok {
		s.t.Fatalf("the feed ended: %v", s.lines.Err())
	}
	return e
}

func incidentOf(t *testing.T, e event) int64 {
	t.Helper()
	var i web.Incident
	if err := json.Unmarshal([]byte(e.data), &i); err != nil || e.kind != "incident" {
		t.Fatalf("%+v is no incident: %v", e, err)
	}
	return i.ID
}

// The connection is cut and three incidents are raised meanwhile: after the
// reconnect there are exactly those three, in order, and then what is new.
func TestFeedResumesBehindACut(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	for n := range 5 {
		c.Put("/api/v1/people", centertest.Person(n, now().Add(-time.Hour), ""))
	}
	raise := func(n int) { c.Send(c.Connect(n), centertest.SOS(now())) }
	feed := listen(t, c.URL, "")
	hello := feed.must()
	if hello.kind != "hello" || hello.id == "" {
		t.Fatalf("it begins with %+v", hello)
	}
	raise(0)
	first := feed.must()
	feed.cut()
	for n := range 3 {
		raise(n + 1)
	}
	feed = listen(t, c.URL, first.id)
	for n := range int64(3) {
		if got, want := incidentOf(t, feed.must()), incidentOf(t, first)+1+n; got != want {
			t.Errorf("incident %d, want %d", got, want)
		}
	}
	raise(4)
	if got, want := incidentOf(t, feed.must()), incidentOf(t, first)+4; got != want {
		t.Errorf("then incident %d, want %d", got, want)
	}
	// What people do is told too.
	if status, doc := c.Call("POST", fmt.Sprintf("/api/v1/incidents/%d/acknowledge", incidentOf(t, first)), `{}`); status != 200 {
		t.Fatalf("acknowledge: %d %s", status, doc)
	}
	if e := feed.must(); incidentOf(t, e) != incidentOf(t, first) || !strings.Contains(e.data, `"acknowledged"`) {
		t.Errorf("after it was acknowledged: %+v", e)
	}
	// A page that has seen nothing yet resumes from the hello.
	feed = listen(t, c.URL, hello.id)
	for range 6 {
		feed.must()
	}
}

func TestFeedOfOtherNumbers(t *testing.T) {
	c, d := withPeople(t)
	feed := listen(t, c.URL, "4711") // the center before had a longer feed
	e := feed.must()
	if e.kind != "reload" || e.id == "" {
		t.Errorf("it begins with %+v", e)
	}
	c.Send(d, centertest.SOS(now()))
	incidentOf(t, feed.must())
	for _, id := range []string{"x", "-1", "1e3", "99999999999999999999"} {
		if feed := listen(t, c.URL, id); feed.resp.StatusCode != http.StatusBadRequest {
			t.Errorf("Last-Event-ID %q: %s", id, feed.resp.Status)
		}
	}
}

// A page that was too slow is cut; when it comes back it gets the rest.
func TestFeedCutsAndResumes(t *testing.T) {
	b := &backend{items: make(chan record.FeedItem, 2)}
	srv, _ := b.serve(t, web.Config{})
	tell := func() (item record.FeedItem) {
		t.Helper()
		err := b.store.Update(t.Context(), func(tx *record.Tx) (err error) {
			item, err = tx.Tell("incident", web.Incident{})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return item
	}
	feed := listen(t, srv.URL, "")
	feed.must()
	b.items <- tell()
	b.items <- tell()
	close(b.items) // what the hub does when it cannot hand over the next
	tell()
	last := ""
	for {
		e, ok := feed.next()
		if !ok {
			break
		}
		last = e.id
	}
	if last != "2" {
		t.Fatalf("cut behind %q, want 2", last)
	}
	b.items = make(chan record.FeedItem, 2)
	feed = listen(t, srv.URL, last)
	if e := feed.must(); e.id != "3" {
		t.Errorf("it goes on with %+v", e)
	}
	// What is both stored and handed over is told once.
	item := tell()
	b.items <- record.FeedItem{N: 3, Kind: "incident", Data: "{}"}
	b.items <- item
	if e := feed.must(); e.id != "4" {
		t.Errorf("then %+v", e)
	}
	feed.cut()
}

// The first event of people has all, as has one behind a new person; those between
// have whom there is something new of, and nobody else.
func TestFeedOfPeople(t *testing.T) {
	c, d := withPeople(t)
	c.Put("/api/v1/people", centertest.Person(2, now().Add(-time.Hour), ""))
	feed := listen(t, c.URL, "")
	next := func(kind string, want ...string) (all []web.Person) {
		t.Helper()
		e, ok := feed.any()
		for ok && e.kind != "people" && e.kind != "moved" {
			e, ok = feed.any()
		}
		if err := json.Unmarshal([]byte(e.data), &all); err != nil {
			t.Fatalf("%+v: %v, %v", e, err, feed.lines.Err())
		}
		var who []string
		for i := range all {
			who = append(who, all[i].ID)
		}
		if e.kind != kind || !slices.Equal(who, want) {
			t.Fatalf("it tells %s of %v, want %s of %v", e.kind, who, kind, want)
		}
		return all
	}
	if all := next("people", "p-1", "p-2"); all[0].Position == nil || all[1].Position != nil {
		t.Errorf("people: %+v", all)
	}
	at := now().Round(time.Second)
	c.Send(d, centertest.At(at, 50))
	if all := next("moved", "p-1"); !all[0].Position.At.Equal(at) {
		t.Errorf("moved: %+v, want the position of %v", all[0].Position, at)
	}
	c.Put("/api/v1/people", centertest.Person(2, now().Add(-time.Hour), `"zones":["school-1"]`))
	if all := next("moved", "p-2"); len(all[0].Zones) != 1 {
		t.Errorf("moved: %+v", all[0])
	}
	c.Put("/api/v1/people", centertest.Person(3, now().Add(-time.Hour), ""))
	next("people", "p-1", "p-2", "p-3")
}
