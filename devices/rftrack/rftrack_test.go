package rftrack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/codectest"
)

var kit = codectest.Kit{
	Profile:        "tracker",
	Device:         Device(),
	External:       []string{"rftrack.jsonl"},
	Identity:       "990000000000017",
	LengthPrefixed: true,
	Resolution:     time.Millisecond,
	Endless:        []byte("POST /deviceDataUpload.do HTTP/1.1\r\nX: "),
	Reports:        []em.Body{&em.Tamper{What: em.TamperOther, Code: "0001:0002"}},
}

func TestConformance(t *testing.T) { codectest.Run(t, kit) }

func FuzzStream(f *testing.F) { codectest.Fuzz(f, kit) }

func TestExternal(t *testing.T) {
	got := codectest.Count(t, Device(), "rftrack.jsonl").String()
	if want := "1 vectors, 1 frames: 1 messages, 0 unsupported"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

const body = "i=990000000000017&t=1773480413000&id=39163&rc=65538&idt=140736414711817"

func post(h http.Handler, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)))
	return w
}

var now = time.Date(2026, 3, 14, 9, 26, 54, 0, time.UTC)

// The reply comes after the commit, and a command goes with a reply that was
// earned, once.
func TestHandler(t *testing.T) {
	var reports []*protocol.Report
	fail := false
	h, err := NewHandler(HandlerConfig{
		Now: func() time.Time { return now },
		Commit: func(_ context.Context, r *protocol.Report) error {
			if fail {
				return errors.New("disk full")
			}
			reports = append(reports, r)
			return nil
		},
		Known:    func(id em.DeviceID) bool { return id != "rftrack:stranger" },
		MaxUnits: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	const id = "rftrack:990000000000017"
	if err := h.Command(id, "LOCATE"); !errors.Is(err, protocol.ErrNoIdentity) {
		t.Errorf("a command to a unit that is not there: %v", err)
	}
	want := func(what, body string, status int, reply string) {
		t.Helper()
		if w := post(h, body); w.Code != status || reply != "" && w.Body.String() != reply {
			t.Errorf("%s: %d %q, want %d %q", what, w.Code, w.Body, status, reply)
		}
	}
	want("a report", body, 200, "{}")
	if r := reports[0]; r.Device != id || r.Frames[0].Type != "report" || !r.Received.Equal(now) {
		t.Errorf("report %+v", r)
	}
	if _, err := (Codec{}).Decode(reports[0].Frames[0].Raw); err != nil {
		t.Errorf("the evidence does not decode: %v", err)
	}
	if !slices.ContainsFunc(reports[0].Frames[0].Observations, func(o em.Observation) bool {
		b, ok := o.Body.(*em.Tamper)
		return ok && b.Code == "0001:0002" && !b.Cleared
	}) {
		t.Error("no tamper")
	}
	if err := h.Command(id, `{"cmd":"locate"}`); err != nil {
		t.Fatal(err)
	}
	fail = true
	want("a store that fails", body, 503, "{}")
	fail = false
	want("the same again", strings.Replace(body, "rc=65538", "rc=0", 1), 200, `{"cmd":"locate"}`)
	if !slices.ContainsFunc(reports[1].Frames[0].Observations, func(o em.Observation) bool {
		b, ok := o.Body.(*em.Tamper)
		return ok && b.Cleared
	}) {
		t.Error("the tamper is not cleared")
	}
	want("the command again", body, 200, "{}")
	n := len(reports)
	want("a stranger", "i=stranger", 400, "{}")
	want("one unit too many", "i=990000000000025", 503, "{}")
	if len(reports) != n {
		t.Error("they were committed")
	}
	want("no form", "i", 400, "{}")
	if len(reports) != n+1 || reports[n].Frames[0].Err == nil || reports[n].Device != "" {
		t.Error("a malformed form is no evidence")
	}
	want("too long", "i="+strings.Repeat("9", maxBody), 413, "")
	for i := range maxCommands {
		if err := h.Command(id, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Command(id, "x"); !errors.Is(err, protocol.ErrUnsupported) {
		t.Errorf("one command too many: %v", err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	if w.Code != 405 {
		t.Errorf("GET gives %d", w.Code)
	}
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
	if w.Code != 404 {
		t.Errorf("another path gives %d", w.Code)
	}
	if _, err := NewHandler(HandlerConfig{}); err == nil {
		t.Error("a handler without a store")
	}
}

// Another request on the connection is kept, and answered with 400.
func TestOtherRequest(t *testing.T) {
	m, err := Codec{}.Decode([]byte("POST /other.do HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"))
	if err != nil || m.Type() != "unsupported /other.do" {
		t.Fatal(m, err)
	}
	var out protocol.Output
	if err := Device().NewSession().Handle(now, m, &out); !errors.Is(err, protocol.ErrMalformed) || out.Send[0].(*Reply).Status != 400 {
		t.Errorf("%v, %v", err, out.Send)
	}
}

// The counters by hand: 0x7FFFC0018009 is 3, 0x7FFF, 3 and 9; 0x3FFF8026 is never
// and 38.
func TestCounters(t *testing.T) {
	for i, c := range []struct {
		v     uint64
		shift int
		want  em.Opt[time.Duration]
	}{
		{0x7FFFC0018009, 45, em.Some(30 * time.Second)}, {0x7FFFC0018009, 30, em.Opt[time.Duration]{}},
		{0x7FFFC0018009, 15, em.Some(30 * time.Second)}, {0x7FFFC0018009, 0, em.Some(90 * time.Second)},
		{0x3FFF8026, 0, em.Some(380 * time.Second)}, {0x3FFF8026, 15, em.Opt[time.Duration]{}},
	} {
		if got := counter(c.v, c.shift); got != c.want {
			t.Errorf("%d: %v, want %v", i, got, c.want)
		}
	}
}
