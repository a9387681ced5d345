package web_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
)

var update = flag.Bool("update", false, "write testdata/openapi.json anew")

// report asks for a report that a court's request allows.
func report(about string) string {
	return `{"basis":"court request","document":"court/1","purpose":"test","from":"2026-03-02T00:00:00Z","to":"2026-03-03T00:00:00Z",` + about + `}`
}

// The API is as it is described, and its description is a file whose changes
// are seen.
func TestOpenAPI(t *testing.T) {
	c, _ := withPeople(t)
	_, text := c.Call("GET", "/openapi.json", "")
	var got bytes.Buffer
	if err := json.Indent(&got, []byte(text), "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	const name = "testdata/openapi.json"
	if *update {
		if err := os.WriteFile(name, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the description differs from %s; go test -update writes it anew", name)
	}

	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			Responses map[string]any `json:"responses"`
		} `json:"paths"`
		Components struct {
			SecuritySchemes map[string]any `json:"securitySchemes"`
		} `json:"components"`
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || len(doc.Components.SecuritySchemes) != 2 {
		t.Errorf("version %q, security %v", doc.OpenAPI, doc.Components.SecuritySchemes)
	}
	bodies := map[string]string{
		"PUT /api/v1/people":                      centertest.Person(2, now(), ""),
		"PUT /api/v1/units":                       `{"id":"gt06:990000000000099"}`,
		"PUT /api/v1/zones":                       centertest.School("school-2", "1", 100),
		"PUT /api/v1/recipients":                  `{"id":"desk","who":"desk","webhook":{"url":"http://127.0.0.1:1/","secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}`,
		"POST /api/v1/court-requests":             `{"document":"court/1","analyses":["stops","places","coincidence"],"from":"2026-03-02T00:00:00Z","to":"2026-03-03T00:00:00Z"}`,
		"POST /api/v1/reports/stops":              report(`"person":"p-1"`),
		"POST /api/v1/reports/places":             report(`"person":"p-1"`),
		"POST /api/v1/reports/coincidence":        report(`"scene":{"place":{"lat":54.7,"lon":25.3},"radius_m":50,"from":"2026-03-02T01:00:00Z","to":"2026-03-02T02:00:00Z"}`),
		"POST /api/v1/devices/{device}/commands":  `{"kind":"vendor","text":"x"}`,
		"POST /api/v1/incidents/{id}/acknowledge": `{}`,
		"POST /api/v1/incidents/{id}/close":       `{"note":"invented"}`,
	}
	// Reading first, and acknowledging before closing.
	var operations []string
	for path, methods := range doc.Paths {
		for m := range methods {
			operations = append(operations, strings.ToUpper(m)+" "+path)
		}
	}
	order := []string{"GET", "PUT", "POST"}
	slices.SortFunc(operations, func(a, b string) int {
		return cmp.Or(slices.Index(order, a[:strings.Index(a, " ")])-slices.Index(order, b[:strings.Index(b, " ")]), strings.Compare(a, b))
	})
	if len(operations) < 12 {
		t.Errorf("only %d operations", len(operations))
	}
	for _, op := range operations {
		method, path, _ := strings.Cut(op, " ")
		status, answer := c.Call(method, strings.NewReplacer("{id}", "1", "{recipient}", "desk", "{person}", "p-1", "{date}", "2026-03-02", "{device}", "gt06:"+centertest.IMEI(1)).Replace(path), bodies[op])
		described := doc.Paths[path][strings.ToLower(method)].Responses
		if _, said := described[fmt.Sprint(status)]; status >= 300 || !said {
			t.Errorf("%s: %d %.200s; described are %v", op, status, answer, described)
		}
	}
	for path, want := range map[string]int{
		"/api/v1/incidents/99":      http.StatusNotFound,
		"/api/v1/incidents/x":       http.StatusUnprocessableEntity,
		"/api/v1/incidents?limit=0": http.StatusUnprocessableEntity,
		"/api/v1/people/p-9/track":  http.StatusOK, // nobody known: no positions
		"/api/v1/none":              http.StatusNotFound,
	} {
		if status, answer := c.Call("GET", path, ""); status != want {
			t.Errorf("GET %s: %d %s, want %d", path, status, answer, want)
		}
	}
}
