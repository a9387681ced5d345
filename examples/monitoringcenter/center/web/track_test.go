package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
)

// feature is a GeoJSON Feature; pointers tell what is absent.
type feature struct {
	Type       string          `json:"type"`
	ID         *string         `json:"id"`
	Properties json.RawMessage `json:"properties"`
	Geometry   *struct {
		Type        string    `json:"type"`
		Coordinates []float64 `json:"coordinates"`
	} `json:"geometry"`
}

type collection struct {
	Type     string     `json:"type"`
	Features *[]feature `json:"features"`
	CRS      any        `json:"crs"`
}

// points checks what RFC 7946 asks of a FeatureCollection of points and returns
// their longitudes and latitudes.
func points(t *testing.T, doc string) (all [][]float64) {
	t.Helper()
	var c collection
	if err := json.Unmarshal([]byte(doc), &c); err != nil {
		t.Fatal(err)
	}
	if c.Type != "FeatureCollection" || c.Features == nil { // section 3.3: an array, even if empty
		t.Fatalf("no FeatureCollection: %s", doc)
	}
	if c.CRS != nil { // section 4
		t.Error("it names a coordinate reference system")
	}
	for _, f := range *c.Features {
		if f.Type != "Feature" || f.Geometry == nil || len(f.Properties) == 0 || f.Properties[0] != '{' { // section 3.2
			t.Fatalf("no Feature: %s", doc)
		}
		p := f.Geometry.Coordinates
		if f.Geometry.Type != "Point" || len(p) < 2 || len(p) > 3 || p[0] < -180 || p[0] > 180 || p[1] < -90 || p[1] > 90 { // sections 3.1.1, 3.1.2
			t.Errorf("no position: %+v", f.Geometry)
		}
		all = append(all, p)
	}
	return all
}

func TestTrackIsGeoJSON(t *testing.T) {
	c, d := withPeople(t)
	track := func(query string) [][]float64 {
		t.Helper()
		status, doc := c.Call("GET", "/api/v1/people/p-1/track"+query, "")
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, doc)
		}
		return points(t, doc)
	}
	all := track("")
	if len(all) != 2 || all[0][0] != 25.28 || all[0][1] < 54.73 || all[1][1] > 54.722 {
		t.Errorf("longitude and latitude, oldest first: %v", all)
	}
	base := now().Add(-30 * time.Minute)
	c.Send(d, centertest.Kept(base, 3000), centertest.Kept(base.Add(time.Minute), 3000))
	at := func(at time.Time) string { return url.QueryEscape(at.Format(time.RFC3339)) }
	if n := len(track("?from=" + at(base) + "&to=" + at(base.Add(time.Minute)))); n != 1 {
		t.Errorf("%d positions in [from, to), want 1", n)
	}
	if n := len(track("?to=" + at(base.Add(-time.Hour)))); n != 0 {
		t.Errorf("%d positions of a day on which there were none", n)
	}
	if status, doc := c.Call("GET", "/api/v1/people/p-1/track?from=yesterday", ""); status != http.StatusUnprocessableEntity || !strings.Contains(doc, "from") {
		t.Errorf("from=yesterday: %d %s", status, doc)
	}
	_, zones := c.Call("GET", "/api/v1/zones", "")
	if all := points(t, zones); len(all) != 1 {
		t.Errorf("zones: %s", zones)
	}
}
