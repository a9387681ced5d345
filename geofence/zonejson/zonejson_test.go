package zonejson_test

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"

	"github.com/sargas-em/em/geofence"
	"github.com/sargas-em/em/geofence/zonejson"
)

const document = `{"type":"FeatureCollection","bbox":[24,54,26,56],"features":[
{"type":"Feature","id":"school-12","properties":{"kind":"exclusion","version":"v3","name":"ignored"},
 "geometry":{"type":"Polygon","coordinates":[
  [[25,54],[25.1,54,120.5],[25.1,54.1],[25,54.1],[25,54]],
  [[25.02,54.02],[25.03,54.02],[25.03,54.03],[25.02,54.02]]]}},
{"type":"Feature","properties":{"id":17,"kind":"inclusion"},
 "geometry":{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]],[[[2,2],[3,2],[3,3],[2,2]]]]}},
{"type":"Feature","id":4,"properties":{"id":"not this","kind":"home","radius_m":100},"geometry":{"type":"Point","coordinates":[25.28,54.687]}},
{"type":"Feature","id":null,"properties":{"name":"by its name","version":null,"half_width_m":2.5e1},"geometry":{"type":"LineString","coordinates":[[25,54],[25,55]]}}
]}`

var zones = []geofence.Zone{
	{ID: "school-12", Version: "v3", Kind: geofence.KindExclusion, Shape: geofence.Area{{
		{{25, 54}, {25.1, 54}, {25.1, 54.1}, {25, 54.1}, {25, 54}}, {{25.02, 54.02}, {25.03, 54.02}, {25.03, 54.03}, {25.02, 54.02}}}}},
	{ID: "17", Version: "v0", Kind: geofence.KindInclusion, Shape: geofence.Area{{{{0, 0}, {1, 0}, {1, 1}, {0, 0}}}, {{{2, 2}, {3, 2}, {3, 3}, {2, 2}}}}},
	{ID: "4", Version: "v0", Kind: geofence.KindHome, Shape: geofence.Circle{Center: orb.Point{25.28, 54.687}, Radius: 100}},
	{ID: "by its name", Version: "v0", Kind: geofence.KindPlace, Shape: geofence.Corridor{Line: orb.LineString{{25, 54}, {25, 55}}, HalfWidth: 25}},
}

func TestUnmarshal(t *testing.T) {
	got, err := zonejson.Unmarshal([]byte(document), zonejson.Defaults{Kind: geofence.KindPlace, Version: "v0", ID: "name"})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(zones, got); d != "" {
		t.Error(d)
	}
	if _, err := geofence.NewIndex(got...); err != nil {
		t.Error(err)
	}
}

func TestMarshal(t *testing.T) {
	b, err := zonejson.Marshal(zones)
	if err != nil {
		t.Fatal(err)
	}
	const second = `{"type":"Feature","id":"4","properties":{"kind":"home","version":"v0","radius_m":100},"geometry":{"type":"Point","coordinates":[25.28,54.687]}}`
	if !strings.Contains(string(b), second) {
		t.Errorf("the circle is not written as expected:\n%s", b)
	}
	got, err := zonejson.Unmarshal(b, zonejson.Defaults{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(zones, got); d != "" {
		t.Error(d)
	}

	// A ring that is not closed is closed on paper, and stays as it was.
	open := geofence.Area{{{{0, 0}, {1, 0}, {1, 1}}}}
	b, err = zonejson.Marshal([]geofence.Zone{{ID: "z", Kind: geofence.KindPlace, Shape: open}})
	if err != nil || !strings.Contains(string(b), `[[[0,0],[1,0],[1,1],[0,0]]]`) || len(open[0][0]) != 3 {
		t.Errorf("%s, %v, %v", b, err, open)
	}
	if b, err = zonejson.Marshal(nil); err != nil {
		t.Fatal(err)
	}
	if got, err := zonejson.Unmarshal(b, zonejson.Defaults{}); err != nil || len(got) != 0 {
		t.Errorf("no zones: %v, %v", got, err)
	}
}

type always struct{}

func (always) Active(time.Time) bool { return true }

func TestMarshalErrors(t *testing.T) {
	circle := geofence.Circle{Center: orb.Point{1, 2}, Radius: 3}
	for name, z := range map[string]geofence.Zone{
		"schedule": {ID: "bad", Kind: geofence.KindHome, Shape: circle, Active: always{}},
		"no shape": {ID: "bad", Kind: geofence.KindHome},
		"NaN":      {ID: "bad", Kind: geofence.KindHome, Shape: geofence.Circle{Center: orb.Point{math.NaN(), 2}, Radius: 3}},
	} {
		_, err := zonejson.Marshal([]geofence.Zone{{ID: "ok", Kind: geofence.KindHome, Shape: circle}, z})
		if err == nil || !strings.Contains(err.Error(), `zone 1 ("bad")`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUnmarshalErrors(t *testing.T) {
	// good is a feature in which each case spoils one thing.
	const good = `{"type":"Feature","id":"a","properties":{"kind":"home"},"geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}}`
	collection := func(f string) string { return `{"type":"FeatureCollection","features":[` + good + `,` + f + `]}` }
	spoil := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in the good feature", old)
		}
		return collection(strings.Replace(good, old, new, 1))
	}
	polygon := func(c string) string {
		return spoil(`"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]`, c)
	}
	if _, err := zonejson.Unmarshal([]byte(collection(good)), zonejson.Defaults{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, doc, want string }{
		{"nothing", ``, `zonejson: unexpected end of JSON input`},
		{"null", `null`, `zonejson: type: "" is not a FeatureCollection`},
		{"a feature alone", good, `zonejson: type: "Feature" is not a FeatureCollection`},
		{"no features", `{"type":"FeatureCollection"}`, `zonejson: features: missing`},
		{"features no array", `{"type":"FeatureCollection","features":{}}`, `zonejson: cannot unmarshal object into Go struct field .features of type []json.RawMessage`},
		{"national grid", `{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::3346"}},"features":[]}`, `zonejson: crs: only longitude and latitude on WGS-84 are understood`},
		{"not a feature", spoil(`"Feature"`, `"Polygon"`), `zonejson: feature 1: type: "Polygon" is not a Feature`},
		{"feature null", collection(`null`), `zonejson: feature 1: type: "" is not a Feature`},
		{"no id", spoil(`"id":"a",`, ``), `zonejson: feature 1: id: missing`},
		{"id of another type", spoil(`"id":"a"`, `"id":true`), `zonejson: feature 1: id: neither a string nor a number`},
		{"property id of another type", spoil(`"id":"a","properties":{`, `"properties":{"id":[],`), `zonejson: feature 1: properties.id: neither a string nor a number`},
		{"no kind", spoil(`"kind":"home"`, ``), `zonejson: feature 1: properties.kind: missing`},
		{"no properties", spoil(`{"kind":"home"}`, `null`), `zonejson: feature 1: properties.kind: missing`},
		{"kind no string", spoil(`"kind":"home"`, `"kind":1`), `zonejson: feature 1: properties.kind: not a string`},
		{"version no string", spoil(`"kind":"home"`, `"kind":"home","version":3`), `zonejson: feature 1: properties.version: not a string`},
		{"no geometry", spoil(`"geometry"`, `"geography"`), `zonejson: feature 1: geometry: missing`},
		{"geometry null", collection(`{"type":"Feature","id":"a","properties":{"kind":"home"},"geometry":null}`), `zonejson: feature 1: geometry: missing`},
		{"unknown geometry", spoil(`"Polygon"`, `"GeometryCollection"`), `zonejson: feature 1: geometry.type: "GeometryCollection" is not a Point, LineString, Polygon or MultiPolygon`},
		{"no coordinates", polygon(`"type":"Polygon"`), `zonejson: feature 1: geometry.coordinates: missing`},
		{"coordinates null", polygon(`"type":"Polygon","coordinates":null`), `zonejson: feature 1: geometry.coordinates: 0 items, and it takes at least 1`},
		{"ring no array", polygon(`"type":"Polygon","coordinates":[5]`), `zonejson: feature 1: geometry.coordinates[0]: not an array`},
		{"ring too short", polygon(`"type":"Polygon","coordinates":[[[0,0],[1,0],[0,0]]]`), `zonejson: feature 1: geometry.coordinates[0]: 3 items, and it takes at least 4`},
		{"ring not closed", polygon(`"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1]]]`), `zonejson: feature 1: geometry.coordinates[0]: the ring is not closed: its last position differs from its first`},
		{"position too short", polygon(`"type":"Polygon","coordinates":[[[0,0],[1,0],[1],[0,0]]]`), `zonejson: feature 1: geometry.coordinates[0][2]: not a position: [longitude, latitude]`},
		{"a number that is null", polygon(`"type":"Polygon","coordinates":[[[0,0],[1,0],[null,1],[0,0]]]`), `zonejson: feature 1: geometry.coordinates[0][2]: not a position: [longitude, latitude]`},
		{"a number that is a string", polygon(`"type":"Polygon","coordinates":[[[0,0],["1",0],[1,1],[0,0]]]`), `zonejson: feature 1: geometry.coordinates[0][1]: not a position: [longitude, latitude]`},
		{"a number that is too large", polygon(`"type":"Polygon","coordinates":[[[0,0],[1e999,0],[1,1],[0,0]]]`), `zonejson: feature 1: geometry.coordinates[0][1]: not a position: [longitude, latitude]`},
		{"deep in a multipolygon", polygon(`"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]],[[[0,0],[1,0],[1,1],[0,0]],[[0,0],[1,0],{},[0,0]]]]`), `zonejson: feature 1: geometry.coordinates[1][1][2]: not a position: [longitude, latitude]`},
		{"polygon as a multipolygon", spoil(`"Polygon"`, `"MultiPolygon"`), `zonejson: feature 1: geometry.coordinates[0][0]: 2 items, and it takes at least 4`},
		{"circle without a radius", polygon(`"type":"Point","coordinates":[1,2]`), `zonejson: feature 1: properties.radius_m: missing: a point is a circle`},
		{"radius no number", strings.Replace(polygon(`"type":"Point","coordinates":[1,2]`), `"kind":"home"},"geometry":{"type":"Point"`, `"kind":"home","radius_m":"5"},"geometry":{"type":"Point"`, 1), `zonejson: feature 1: properties.radius_m: not a number`},
		{"corridor without a width", polygon(`"type":"LineString","coordinates":[[1,2],[2,3]]`), `zonejson: feature 1: properties.half_width_m: missing: a line is a corridor`},
		{"line of one position", polygon(`"type":"LineString","coordinates":[[1,2]]`), `zonejson: feature 1: geometry.coordinates: 1 items, and it takes at least 2`},
	} {
		_, err := zonejson.Unmarshal([]byte(c.doc), zonejson.Defaults{})
		var e *zonejson.Error
		if err == nil || err.Error() != c.want || !errors.Is(err, zonejson.ErrFormat) || !errors.As(err, &e) {
			t.Errorf("%s:\ngot  %v\nwant %s", c.name, err, c.want)
		}
	}
}

// FuzzUnmarshal checks that what is read can be written and read again, and that
// no document makes an index panic.
func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(document))
	f.Add([]byte(`{"type":"FeatureCollection","features":[{"type":"Feature","id":1e3,"properties":{"radius_m":-0},"geometry":{"type":"Point","coordinates":[-0,1e-320]}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		zones, err := zonejson.Unmarshal(b, zonejson.Defaults{Kind: geofence.KindPlace, ID: "name"})
		if err != nil {
			if !errors.Is(err, zonejson.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		out, err := zonejson.Marshal(zones)
		if err != nil {
			t.Fatal(err)
		}
		again, err := zonejson.Unmarshal(out, zonejson.Defaults{})
		for _, z := range zones {
			if c, ok := z.Shape.(geofence.Circle); ok && c.Radius == 0 {
				return // no zone, and not written
			}
			if c, ok := z.Shape.(geofence.Corridor); ok && c.HalfWidth == 0 {
				return
			}
		}
		if err != nil || !reflect.DeepEqual(zones, again) {
			t.Fatalf("%v became %v (%v)", zones, again, err)
		}
		for _, z := range zones {
			_, _ = geofence.NewIndex(z) // must not panic
		}
	})
}

func Example() {
	zones, err := zonejson.Unmarshal([]byte(`{
		"type": "FeatureCollection",
		"features": [{
			"type": "Feature",
			"id": "home",
			"properties": {"kind": "home", "version": "v1", "radius_m": 60},
			"geometry": {"type": "Point", "coordinates": [25.2797, 54.6872]}
		}]
	}`), zonejson.Defaults{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, z := range zones {
		fmt.Println(z.ID, z.Version, z.Kind, z.Shape)
	}

	_, err = zonejson.Unmarshal([]byte(`{"type":"FeatureCollection","features":[
		{"type":"Feature","id":"x","properties":{"kind":"place"},"geometry":{"type":"Polygon","coordinates":[[[25,54],[26,54],[26],[25,54]]]}}
	]}`), zonejson.Defaults{})
	fmt.Println(err)
	// Output:
	// home v1 home {[25.2797 54.6872] 60}
	// zonejson: feature 0: geometry.coordinates[0][2]: not a position: [longitude, latitude]
}
