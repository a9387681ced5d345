package web_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

func TestHandlingAnIncident(t *testing.T) {
	c, _ := withPeople(t)
	post := func(what, body string, want int) (i web.Incident) {
		t.Helper()
		status, doc := c.Call("POST", "/api/v1/incidents/1/"+what, body)
		if status != want {
			t.Fatalf("%s %s: %d %s, want %d", what, body, status, doc, want)
		}
		if want == http.StatusOK {
			if err := json.Unmarshal([]byte(doc), &i); err != nil {
				t.Fatal(err)
			}
		} else if strings.Contains(doc, "Invented") || strings.Contains(doc, "9900000000") || strings.Contains(doc, "p-1") {
			t.Errorf("the error names somebody: %s", doc)
		}
		return i
	}
	open := func() int { return len(centertest.Get[[]web.Incident](c, "/api/v1/incidents")) }

	post("close", `{}`, http.StatusUnprocessableEntity)
	post("close", `{"note":" \n"}`, http.StatusUnprocessableEntity) // a note of nothing
	post("acknowledge", `{"note":1}`, http.StatusUnprocessableEntity)
	post("acknowledge", `{"notes":"x"}`, http.StatusUnprocessableEntity)
	post("close", `{"note":"`+strings.Repeat("x", 2001)+`"}`, http.StatusUnprocessableEntity)
	if i := post("acknowledge", `{"note":"called"}`, http.StatusOK); i.Handling != "acknowledged" || i.By != "api" || i.Note != "called" || i.Verdict != record.Stands {
		t.Errorf("acknowledged: %+v", i)
	}
	if n := open(); n != 1 {
		t.Errorf("%d open incidents", n)
	}
	if i := post("close", `{"note":"went for a walk"}`, http.StatusOK); i.Handling != "closed" || i.Note != "went for a walk" {
		t.Errorf("closed: %+v", i)
	}
	post("close", `{"note":"again"}`, http.StatusUnprocessableEntity)
	post("acknowledge", `{}`, http.StatusUnprocessableEntity)
	if n := open(); n != 0 {
		t.Errorf("%d open incidents after it was closed", n)
	}
	if p := centertest.Get[[]web.Person](c, "/api/v1/people"); p[0].OpenIncidents != 0 || p[0].Worst != "" {
		t.Errorf("the person has %+v", p[0])
	}
	if all := c.Incidents("zone.exclusion"); len(all) != 1 || all[0].Handling != "closed" {
		t.Errorf("closed ones too: %+v", all)
	}
	var told []string
	for _, e := range centertest.Get[[]record.Entry](c, "/api/v1/audit?target=incident%201") {
		told = append(told, e.Actor+" "+e.Action)
	}
	if got := strings.Join(told, ", "); got != "api closed, api acknowledged, center raise" {
		t.Errorf("audit, newest first: %s", got)
	}
	if v := centertest.Get[map[string]any](c, "/api/v1/audit/verify"); v["whole"] != true {
		t.Errorf("audit: %v", v)
	}
	if status, _ := c.Call("POST", "/api/v1/incidents/99/close", `{"note":"x"}`); status != http.StatusNotFound {
		t.Errorf("an unknown incident: %d", status)
	}
}
