package center_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/geofence/movement"
)

// Reports are refused unless the order or a recorded request of a court names
// them. Those that are made are in the audit, with whose data they read.
func TestReports(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	base := now().Add(-2 * time.Hour).Truncate(time.Minute)
	c.Put("/api/v1/people", centertest.Person(1, base, `"analyses":["stops"]`))
	c.Put("/api/v1/people", centertest.Person(2, base, ""))
	if status, _ := c.Call("PUT", "/api/v1/people", centertest.Person(3, base, `"analyses":["horoscope"]`)); status != http.StatusUnprocessableEntity {
		t.Errorf("an order with an unknown analysis: %d", status)
	}
	half := make([]int, 31)
	for i := range half {
		half[i] = i
	}
	c.Send(c.Connect(1), minutes(base, centertest.At, 40, half...)...)
	c.Send(c.Connect(2), minutes(base, centertest.At, 60, half...)...)

	ask := func(analysis, basis, document, rest string) (int, string) {
		t.Helper()
		return c.Call("POST", "/api/v1/reports/"+analysis, fmt.Sprintf(`{"basis":%q,"document":%q,"purpose":"test","from":%q,"to":%q%s}`,
			basis, document, base.Format(time.RFC3339), base.Add(time.Hour).Format(time.RFC3339), rest))
	}
	scene := fmt.Sprintf(`,"scene":{"place":{"lat":54.72,"lon":25.28},"radius_m":100,"from":%q,"to":%q}`,
		base.Add(10*time.Minute).Format(time.RFC3339), base.Add(20*time.Minute).Format(time.RFC3339))
	refused := func(why string, analysis, basis, document, rest string) {
		t.Helper()
		if status, doc := ask(analysis, basis, document, rest); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", why, status, doc)
		}
	}
	refused("the order does not name places", "places", "order", "order/1", `,"person":"p-1"`)
	refused("the other order names nothing", "stops", "order", "order/2", `,"person":"p-2"`)
	refused("no court asked", "stops", "court request", "court/9", `,"person":"p-2"`)
	refused("no document", "stops", "order", "", `,"person":"p-1"`)
	refused("no such basis", "stops", "interest", "order/1", `,"person":"p-1"`)
	refused("nobody", "stops", "order", "order/1", "")
	refused("no scene", "coincidence", "court request", "court/9", "")
	refused("no order names coincidences", "coincidence", "order", "order/1", scene)

	made := func(analysis, basis, document, rest string, rep any) {
		t.Helper()
		status, doc := ask(analysis, basis, document, rest)
		if status != http.StatusOK {
			t.Fatalf("%s: %d %s", analysis, status, doc)
		}
		if err := json.Unmarshal([]byte(doc), rep); err != nil {
			t.Fatal(err)
		}
	}
	var stops movement.StopReport
	made("stops", "order", "order/1", `,"person":"p-1"`, &stops)
	if len(stops.Stops) != 1 || stops.Stops[0].Fixes != 31 || stops.Disclosure.Document != "order/1" || stops.Disclosure.By == "" {
		t.Errorf("%+v", stops)
	}

	if status, doc := c.Call("POST", "/api/v1/court-requests", fmt.Sprintf(`{"document":"court/9","analyses":["coincidence","places"],"from":%q,"to":%q}`,
		base.Format(time.RFC3339), base.Add(time.Hour).Format(time.RFC3339))); status >= 300 {
		t.Fatalf("a court's request: %d %s", status, doc)
	}
	for name, doc := range map[string]string{
		"no document": `{"document":" ","analyses":["stops"],"from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z"}`,
		"unknown":     `{"document":"court/8","analyses":["tea leaves"],"from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z"}`,
		"no time":     `{"document":"court/8","analyses":["stops"],"from":"2026-01-01T00:00:00Z","to":"2026-01-01T00:00:00Z"}`,
		"nobody":      `{"document":"court/8","analyses":["stops"],"people":["p-9"],"from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z"}`,
	} {
		if status, answer := c.Call("POST", "/api/v1/court-requests", doc); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	refused("the court did not ask for stops", "stops", "court request", "court/9", `,"person":"p-2"`)
	var places movement.PlaceReport
	made("places", "court request", "court/9", `,"person":"p-2"`, &places)
	if places.Elsewhere != 1 {
		t.Errorf("%+v", places)
	}
	var match struct {
		Disclosure movement.Disclosure
		Examined   int
		Matches    []map[string]any
	}
	made("coincidence", "court request", "court/9", scene, &match)
	if match.Examined != 2 || len(match.Matches) != 2 {
		t.Fatalf("%+v", match)
	}
	for _, m := range match.Matches {
		if m["radius95_m"] == nil || m["gaps"] == nil || m["others"] == nil {
			t.Errorf("a match without what it is worth: %v", m)
		}
	}

	audit := centertest.Get[[]record.Entry](c, "/api/v1/audit?limit=1000")
	count := map[string]int{}
	for _, e := range audit {
		count[e.Action]++
		if strings.Contains(string(e.Detail), "54.7") {
			t.Errorf("the audit holds a position: %s", e.Detail)
		}
	}
	// Three reports, and four persons in them.
	if count["ask for report"] != 3 || count["disclose report"] != 3+4 || count["refuse report"] != 5 || count["record court request"] != 1 {
		t.Errorf("audit: %v", count)
	}
	of := centertest.Get[[]record.Entry](c, "/api/v1/audit?target="+strings.ReplaceAll(match.Disclosure.Request, " ", "%20"))
	if len(of) != 2 || !strings.Contains(string(of[0].Detail), `"subjects":["p-1","p-2"]`) {
		t.Errorf("audit of the report: %+v", of)
	}
	if whole := centertest.Get[map[string]any](c, "/api/v1/audit/verify"); whole["whole"] != true {
		t.Errorf("%v", whole)
	}
}
