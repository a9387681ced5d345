package zonejson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/geofence"
	"github.com/sargas-em/em/geofence/zonejson"
)

const document = `{"type":"FeatureCollection","bbox":[24,54,26,56],"features":[
{"type":"Feature","id":"school-12","properties":{"kind":"exclusion","version":"v3","name":"ignored"},
 "geometry":{"type":"Polygon","coordinates":[
  [[25,54],[25.1,54,120.5],[25.1,54.1],[25,54.1],[25,54]],
  [[25.02,54.02],[25.03,54.03],[25.03,54.02],[25.02,54.02]]]}},
{"type":"Feature","properties":{"id":17,"kind":"inclusion"},
 "geometry":{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]],[[[2,2],[3,2],[3,3],[2,2]]]]}},
{"type":"Feature","id":4,"properties":{"id":"not this","kind":"home","radius_m":100},"geometry":{"type":"Point","coordinates":[25.28,54.687]}},
{"type":"Feature","id":null,"properties":{"name":"by its name","version":null,"half_width_m":2.5e1},"geometry":{"type":"LineString","coordinates":[[25,54],[25,55]]}}
]}`

var zones = []geofence.Zone{
	{ID: "school-12", Version: "v3", Kind: geofence.KindExclusion, Shape: geofence.Area{{
		{{25, 54}, {25.1, 54}, {25.1, 54.1}, {25, 54.1}, {25, 54}}, {{25.02, 54.02}, {25.03, 54.03}, {25.03, 54.02}, {25.02, 54.02}}}}},
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

type nights struct{ From, To string }

func (nights) Active(at time.Time) bool { return at.Hour() < 6 }
func (n nights) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, `{"from":%q,"to":%q}`, n.From, n.To), nil
}

func TestMarshalErrors(t *testing.T) {
	circle := geofence.Circle{Center: orb.Point{1, 2}, Radius: 3}
	for name, z := range map[string]geofence.Zone{
		"schedule": {ID: "bad", Kind: geofence.KindHome, Shape: circle, Active: always{}},
		"no shape": {ID: "bad", Kind: geofence.KindHome},
		"center":   {ID: "bad", Kind: geofence.KindHome, Shape: geofence.Circle{Center: orb.Point{math.NaN(), 2}, Radius: 3}},
		"radius":   {ID: "bad", Kind: geofence.KindHome, Shape: geofence.Circle{Radius: math.Inf(1)}},
		"line":     {ID: "bad", Kind: geofence.KindHome, Shape: geofence.Corridor{Line: orb.LineString{{0, 0}, {0, math.Inf(-1)}}, HalfWidth: 3}},
		"ring":     {ID: "bad", Kind: geofence.KindHome, Shape: geofence.Area{{{{0, 0}, {1, 0}, {math.Inf(1), 1}, {0, 0}}}}},
	} {
		b, err := zonejson.Marshal([]geofence.Zone{{ID: "ok", Kind: geofence.KindHome, Shape: circle}, z})
		if err == nil || b != nil || !strings.Contains(err.Error(), `zone 1 ("bad")`) {
			t.Errorf("%s: %s, %v", name, b, err)
		}
		b, err = zonejson.AppendFeature([]byte("kept"), z)
		if err == nil || string(b) != "kept" || !strings.Contains(err.Error(), `zone "bad"`) {
			t.Errorf("%s: %s, %v", name, b, err)
		}
	}
}

// A schedule is written by itself, and read by who knows its form.
func TestSchedule(t *testing.T) {
	want := geofence.Zone{ID: "z", Kind: geofence.KindHome, Shape: geofence.Circle{Radius: 5}, Active: nights{"22:00", "06:00"}}
	b, err := zonejson.AppendFeature(nil, want)
	if err != nil {
		t.Fatal(err)
	}
	const feature = `{"type":"Feature","id":"z","properties":{"kind":"home","schedule":{"from":"22:00","to":"06:00"},"radius_m":5},"geometry":{"type":"Point","coordinates":[0,0]}}`
	if string(b) != feature {
		t.Errorf("got  %s\nwant %s", b, feature)
	}
	read := func(b []byte) (interface{ Active(time.Time) bool }, error) {
		var n nights
		return n, json.Unmarshal(b, &n)
	}
	got, err := zonejson.Unmarshal(b, zonejson.Defaults{Schedule: read})
	if err != nil || !reflect.DeepEqual(got, []geofence.Zone{want}) {
		t.Errorf("%v, %v", got, err)
	}
	cause := errors.New("no such calendar")
	for _, err := range []error{cause, nil} {
		_, err = zonejson.Unmarshal(b, zonejson.Defaults{Schedule: func([]byte) (interface{ Active(time.Time) bool }, error) { return nil, err }})
		if !errors.Is(err, zonejson.ErrFormat) || !strings.Contains(err.Error(), `feature 0 ("z"): properties.schedule: no s`) {
			t.Error(err)
		}
	}
	_, err = zonejson.Unmarshal(b, zonejson.Defaults{Schedule: func([]byte) (interface{ Active(time.Time) bool }, error) { return nil, cause }})
	if !errors.Is(err, cause) {
		t.Errorf("%v does not wrap its cause", err)
	}
}

// What RFC 7946 asks of what is written, by hand.
func TestMarshalCanonical(t *testing.T) {
	for _, c := range []struct {
		name     string
		area     geofence.Area
		geometry string
		bbox     string
	}{
		{"rings the other way", geofence.Area{{{{0, 0}, {0, 9}, {9, 9}, {9, 0}, {0, 0}}, {{1, 1}, {2, 1}, {2, 2}, {1, 1}}}},
			`"Polygon","coordinates":[[[0,0],[9,0],[9,9],[0,9],[0,0]],[[1,1],[2,2],[2,1],[1,1]]]`, `0,0,9,9`},
		{"section 3.1.9", geofence.Area{{{{170, 40}, {-170, 40}, {-170, 50}, {170, 50}}}},
			`"MultiPolygon","coordinates":[[[[180,50],[170,50],[170,40],[180,40],[180,50]]],[[[-180,40],[-170,40],[-170,50],[-180,50],[-180,40]]]]`, `170,40,-170,50`},
		{"clockwise, from the east", geofence.Area{{{{-170, 40}, {170, 40}, {170, 50}, {-170, 50}, {-170, 40}}}},
			`"MultiPolygon","coordinates":[[[[180,50],[170,50],[170,40],[180,40],[180,50]]],[[[-180,40],[-170,40],[-170,50],[-180,50],[-180,40]]]]`, `170,40,-170,50`},
		{"cut between decimals", geofence.Area{{{{179, 0}, {-179, 1}, {-179, 2}, {179, 0}}}},
			`"MultiPolygon","coordinates":[[[[180,1],[179,0],[180,0.5],[180,1]]],[[[-180,0.5],[-179,1],[-179,2],[-180,1],[-180,0.5]]]]`, `179,0,-179,2`},
		{"a hole over the line and one in the east", geofence.Area{{
			{{170, 0}, {-170, 0}, {-170, 20}, {170, 20}, {170, 0}}, {{178, 5}, {-178, 5}, {-178, 10}, {178, 10}, {178, 5}}, {{-176, 5}, {-175, 5}, {-175, 6}, {-176, 5}}}},
			`"MultiPolygon","coordinates":[[[[180,20],[170,20],[170,0],[180,0],[180,5],[178,5],[178,10],[180,10],[180,20]]],` +
				`[[[-180,0],[-170,0],[-170,20],[-180,20],[-180,10],[-178,10],[-178,5],[-180,5],[-180,0]],[[-176,5],[-175,6],[-175,5],[-176,5]]]]`, `170,0,-170,20`},
		{"twice over the line", geofence.Area{{{{179, 0}, {-179, 0}, {-179, 1}, {179.5, 1}, {179.5, 2}, {-179, 2}, {-179, 3}, {179, 3}, {179, 0}}}},
			`"MultiPolygon","coordinates":[[[[180,1],[179.5,1],[179.5,2],[180,2],[180,3],[179,3],[179,0],[180,0],[180,1]]],` +
				`[[[-180,0],[-179,0],[-179,1],[-180,1],[-180,0]]],[[[-180,2],[-179,2],[-179,3],[-180,3],[-180,2]]]]`, `179,0,-179,3`},
		{"it only touches", geofence.Area{{{{179, 0}, {180, 1}, {179, 2}, {179, 0}}}}, `"Polygon","coordinates":[[[179,0],[180,1],[179,2],[179,0]]]`, `179,0,180,2`},
		{"it touches by the other name", geofence.Area{{{{179, 0}, {-180, 1}, {179, 2}, {179, 0}}}}, `"Polygon","coordinates":[[[180,1],[179,2],[179,0],[180,1]]]`, `179,0,180,2`},
		{"cut already", geofence.Area{{{{179, 0}, {180, 0}, {180, 1}, {179, 0}}}, {{{-180, 0}, {-179, 0}, {-180, 1}, {-180, 0}}}},
			`"MultiPolygon","coordinates":[[[[179,0],[180,0],[180,1],[179,0]]],[[[-180,0],[-179,0],[-180,1],[-180,0]]]]`, `179,0,-179,1`},
		{"round a pole", geofence.Area{{{{0, 80}, {120, 80}, {-120, 80}, {0, 80}}}}, `"Polygon","coordinates":[[[0,80],[120,80],[-120,80],[0,80]]]`, `-180,80,180,80`},
		{"along a pole", geofence.Area{{{{-180, -90}, {180, -90}, {180, -70}, {-180, -70}, {-180, -90}}}},
			`"Polygon","coordinates":[[[-180,-90],[180,-90],[180,-70],[-180,-70],[-180,-90]]]`, `-180,-90,180,-70`},
		{"nothing", geofence.Area{}, `"MultiPolygon","coordinates":[]`, ``},
	} {
		b, err := zonejson.Marshal([]geofence.Zone{{ID: "z", Kind: geofence.KindPlace, Shape: c.area}})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if want := `"geometry":{"type":` + c.geometry + `}}`; !strings.Contains(string(b), want) {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, b, want)
		}
		if c.bbox != "" && !strings.Contains(string(b), `"bbox":[`+c.bbox+`]}`) || c.bbox == "" && strings.Contains(string(b), "bbox") {
			t.Errorf("%s: %s, want a bounding box of %s", c.name, b, c.bbox)
		}
	}
}

// What is written means the same: other rings, perhaps, but the same ground.
// TestCorridorsAreCut works out by hand where lines are cut, and compares what is
// read back with what was written.
func TestCorridorsAreCut(t *testing.T) {
	for _, c := range []struct {
		name string
		line orb.LineString
		want string // coordinates
		read orb.LineString
	}{
		{"not over it", orb.LineString{{179, 1}, {180, 2}, {179, 3}}, `[[179,1],[180,2],[179,3]]`, nil},
		{"to the east", orb.LineString{{178, 1}, {-178, 3}}, `[[[178,1],[180,2]],[[-180,2],[-178,3]]]`, orb.LineString{{178, 1}, {180, 2}, {-178, 3}}},
		{"to the west", orb.LineString{{-179, 4}, {178, 1}}, `[[[-179,4],[-180,3]],[[180,3],[178,1]]]`, orb.LineString{{-179, 4}, {-180, 3}, {178, 1}}},
		{"there and back", orb.LineString{{179, 0}, {-179, 0}, {179, 1}}, `[[[179,0],[180,0]],[[-180,0],[-179,0],[-180,0.5]],[[180,0.5],[179,1]]]`,
			orb.LineString{{179, 0}, {180, 0}, {-179, 0}, {-180, .5}, {179, 1}}},
		{"by a vertex on it", orb.LineString{{179, 0}, {180, 5}, {-179, 6}}, `[[[179,0],[180,5]],[[-180,5],[-179,6]]]`, orb.LineString{{179, 0}, {180, 5}, {-179, 6}}},
		{"by a vertex of the other name", orb.LineString{{179, 0}, {-180, 5}, {-179, 6}}, `[[[179,0],[180,5]],[[-180,5],[-179,6]]]`, orb.LineString{{179, 0}, {180, 5}, {-179, 6}}},
		{"from it", orb.LineString{{180, 5}, {-179, 6}}, `[[-180,5],[-179,6]]`, orb.LineString{{-180, 5}, {-179, 6}}},
		{"to it", orb.LineString{{-179, 6}, {180, 5}}, `[[-179,6],[-180,5]]`, orb.LineString{{-179, 6}, {-180, 5}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			z := geofence.Zone{ID: "c", Kind: geofence.KindPlace, Shape: geofence.Corridor{Line: c.line, HalfWidth: 30_000}}
			b, err := zonejson.AppendFeature(nil, z)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(b), `"coordinates":`+c.want+`}`) {
				t.Fatalf("got %s, want %s", b, c.want)
			}
			back, err := zonejson.Unmarshal(b, zonejson.Defaults{})
			if err != nil {
				t.Fatal(err)
			}
			want := c.read
			if want == nil {
				want = c.line
			}
			if got := back[0].Shape.(geofence.Corridor).Line; !slices.Equal(got, want) {
				t.Fatalf("read back as %v, want %v", got, want)
			}
			x, err := geofence.NewIndex(z)
			if err != nil {
				t.Fatal(err)
			}
			y, err := geofence.NewIndex(back...)
			if err != nil {
				t.Fatal(err)
			}
			for lat := -1.; lat < 7; lat += .25 {
				for lng := 177.; lng < 183; lng += .125 {
					p := em.LatLng{Lat: lat, Lng: math.Remainder(lng, 360)}
					if a, b := x.Distance(0, p), y.Distance(0, p); math.Abs(a-b) > .15 {
						t.Fatalf("%v is at %v m, read back %v m", p, a, b)
					}
				}
			}
		})
	}
}

// TestEvenOdd writes and reads the property.
func TestEvenOdd(t *testing.T) {
	bow := geofence.Area{{{{0, 0}, {1, 1}, {1, 0}, {0, 1}, {0, 0}}}}
	b, err := zonejson.Marshal([]geofence.Zone{{ID: "a", Kind: geofence.KindPlace, Shape: bow, EvenOdd: true}, {ID: "b", Kind: geofence.KindPlace, Shape: bow}})
	if err != nil {
		t.Fatal(err)
	}
	for _, byDefault := range []bool{false, true} {
		zones, err := zonejson.Unmarshal(b, zonejson.Defaults{EvenOdd: byDefault})
		if err != nil {
			t.Fatal(err)
		}
		if !zones[0].EvenOdd || zones[1].EvenOdd != byDefault {
			t.Errorf("by default %v: %v and %v", byDefault, zones[0].EvenOdd, zones[1].EvenOdd)
		}
	}
	zones, err := zonejson.Unmarshal(bytes.Replace(b, []byte(`"even_odd":true`), []byte(`"even_odd":false`), 1), zonejson.Defaults{EvenOdd: true})
	if err != nil || zones[0].EvenOdd {
		t.Errorf("the feature's own word does not count: %v", err)
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		center := orb.Point{rapid.SampledFrom([]float64{-180, -179.9995, 25.28, 179.999, 180}).Draw(t, "lng"), rapid.Float64Range(-80, 80).Draw(t, "lat")}
		ring := func(name string, size float64) orb.Ring {
			var r orb.Ring
			n := rapid.IntRange(3, 12).Draw(t, name)
			for k := range n {
				radius := size * rapid.Float64Range(.5, 1).Draw(t, "radius")
				sin, cos := math.Sincos(2 * math.Pi * float64(k) / float64(n))
				r = append(r, orb.Point{math.Remainder(math.Round((center[0]+radius*cos)*1e7)/1e7, 360), math.Round((center[1]+radius*sin)*1e7) / 1e7})
			}
			if rapid.Bool().Draw(t, "closed") {
				r = append(r, r[0])
			}
			if rapid.Bool().Draw(t, "clockwise") {
				r.Reverse()
			}
			return r
		}
		polygon := orb.Polygon{ring("corners", .01)}
		if rapid.Bool().Draw(t, "hole") {
			polygon = append(polygon, ring("corners of the hole", .002))
		}
		zone := geofence.Zone{ID: rapid.StringN(1, 5, -1).Draw(t, "id"), Version: rapid.String().Draw(t, "version"), Kind: geofence.KindPlace, Shape: geofence.Area{polygon}}
		before, err := geofence.NewIndex(zone)
		if err != nil {
			t.Skip(err)
		}
		b, err := zonejson.AppendFeature(nil, zone)
		if err != nil {
			t.Fatal(err)
		}
		zones, err := zonejson.Unmarshal(b, zonejson.Defaults{})
		if err != nil {
			t.Fatalf("%v:\n%s", err, b)
		}
		after, err := geofence.NewIndex(zones...)
		if err != nil {
			t.Fatalf("%v:\n%s", err, b)
		}
		if z := zones[0]; z.ID != zone.ID || z.Version != zone.Version || z.Kind != zone.Kind {
			t.Fatalf("%v became %v", zone, z)
		}
		for i, p := range zones[0].Shape.(geofence.Area) {
			for j, r := range p {
				if (r.Orientation() == orb.CCW) != (j == 0) || r[0] != r[len(r)-1] {
					t.Fatalf("polygon %d, ring %d runs the wrong way, or is open:\n%s", i, j, b)
				}
				for k := range r[1:] {
					if math.Abs(r[k][0]-r[k+1][0]) > 180 {
						t.Fatalf("polygon %d, ring %d crosses the antimeridian:\n%s", i, j, b)
					}
				}
			}
		}
		for range 50 {
			at := em.LatLng{
				Lat: center[1] + rapid.Float64Range(-.011, .011).Draw(t, "dlat"),
				Lng: math.Remainder(center[0]+rapid.Float64Range(-.011, .011).Draw(t, "dlng"), 360)}
			if math.Abs(before.Distance(0, at)) < .05 { // a cut rounds to a centimetre
				continue
			}
			if a, b := before.Append(nil, at), after.Append(nil, at); !slices.Equal(a, b) {
				t.Fatalf("%v is in %v before and in %v after:\n%v\n%v", at, a, b, zone, zones)
			}
		}
	})
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
	in := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for _, c := range []struct {
		name, doc string
		want      string // of the error, without its place in bytes
		at        string // what stands at that place
	}{
		{"nothing", ``, `zonejson: unexpected end of JSON input`, ``},
		{"cut short", good[:70], `zonejson: unexpected end of JSON input`, ``},
		{"no JSON", collection(`nil`), "zonejson: invalid character 'i' in literal null (expecting 'u')", "l]}"},
		{"null", `null`, `zonejson: not a FeatureCollection or a Feature`, `null`},
		{"a geometry alone", ` {"type":"Point","coordinates":[1,2]}`, `zonejson: type: "Point" is not a FeatureCollection or a Feature`, `"Point"`},
		{"no type", ` {}`, `zonejson: type: "" is not a FeatureCollection or a Feature`, `{}`},
		{"no features", `{"type":"FeatureCollection"}`, `zonejson: features: missing`, `{"type"`},
		{"features no array", `{"type":"FeatureCollection","features":{}}`, `zonejson: features: not an array`, `{}}`},
		{"features twice", `{"type":"FeatureCollection","features":[], "features":[]}`, `zonejson: features: given twice`, `"features":[]}`},
		{"national grid", `{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::3346"}},"features":[]}`, `zonejson: crs: only longitude and latitude on WGS-84 are understood`, `{"type":"name"`},
		{"bounding box of three", `{"type":"FeatureCollection","bbox":[1,2,3],"features":[]}`, `zonejson: bbox: not four or six numbers`, `[1,2,3]`},
		{"not a feature", spoil(`"Feature"`, `"Polygon"`), `zonejson: feature 1: type: "Polygon" is not a Feature`, `"Polygon","id"`},
		{"feature null", collection(`null`), `zonejson: feature 1: not a Feature`, `null]}`},
		{"no id", spoil(`"id":"a",`, ``), `zonejson: feature 1: id: missing`, `{"type":"Feature","prop`},
		{"id of another type", spoil(`"id":"a"`, `"id":true`), `zonejson: feature 1: id: neither a string nor a number`, `true`},
		{"id twice", spoil(`"id":"a"`, `"id":"a","\u0069d":"b"`), `zonejson: feature 1: id: given twice`, `"\u0069d"`},
		{"property id of another type", spoil(`"id":"a","properties":{`, `"properties":{"id":[],`), `zonejson: feature 1: properties.id: neither a string nor a number`, `[],`},
		{"no kind", spoil(`"kind":"home"`, ``), `zonejson: feature 1 ("a"): properties.kind: missing`, `{},"geometry"`},
		{"no properties", spoil(`{"kind":"home"}`, `null`), `zonejson: feature 1 ("a"): properties.kind: missing`, `{"type":"Feature","id":"a","properties":null`},
		{"properties no object", spoil(`{"kind":"home"}`, `["kind"]`), `zonejson: feature 1: properties: not an object`, `["kind"]`},
		{"kind no string", spoil(`"kind":"home"`, `"kind":1`), `zonejson: feature 1 ("a"): properties.kind: not a string`, `1}`},
		{"kind twice", spoil(`"kind":"home"`, `"kind":"home" ,"kind":"exclusion"`), `zonejson: feature 1: properties.kind: given twice`, `"kind":"exclusion"`},
		{"version no string", spoil(`"kind":"home"`, `"kind":"home","version":3`), `zonejson: feature 1 ("a"): properties.version: not a string`, `3}`},
		{"a schedule", spoil(`"kind":"home"`, `"kind":"home","schedule":"nights"`), `zonejson: feature 1 ("a"): properties.schedule: there is no way to read a schedule here`, `"nights"`},
		{"bounding box of words", spoil(`"id":"a"`, `"id":"a","bbox":[1,2,3,"4"]`), `zonejson: feature 1 ("a"): bbox: not four or six numbers`, `[1,2,3,"4"]`},
		{"no geometry", spoil(`"geometry"`, `"geography"`), `zonejson: feature 1 ("a"): geometry: missing`, `{"type":"Feature"`},
		{"geometry null", collection(`{"type":"Feature","id":"a","properties":{"kind":"home"},"geometry":null}`), `zonejson: feature 1 ("a"): geometry: missing`, `{"type":"Feature"`},
		{"geometry no object", collection(`{"type":"Feature","id":"a","properties":{"kind":"home"},"geometry":[]}`), `zonejson: feature 1 ("a"): geometry: not an object`, `[]}]}`},
		{"unknown geometry", spoil(`"Polygon"`, `"GeometryCollection"`), `zonejson: feature 1 ("a"): geometry.type: "GeometryCollection" is not a Point, LineString, MultiLineString, Polygon or MultiPolygon`, `"GeometryCollection"`},
		{"no coordinates", polygon(`"type":"Polygon"`), `zonejson: feature 1 ("a"): geometry.coordinates: missing`, `{"type":"Polygon"}`},
		{"coordinates null", polygon(`"type":"Polygon","coordinates":null`), `zonejson: feature 1 ("a"): geometry.coordinates: not an array`, `null}`},
		{"coordinates twice", polygon(`"type":"Polygon","coordinates":[],"coordinates":[]`), `zonejson: feature 1 ("a"): geometry.coordinates: given twice`, `"coordinates":[]}`},
		{"no rings", polygon(`"type":"Polygon","coordinates":[ ]`), `zonejson: feature 1 ("a"): geometry.coordinates: 0 items, and it takes at least 1`, `[ ]`},
		{"ring no array", polygon(`"type":"Polygon","coordinates":[5]`), `zonejson: feature 1 ("a"): geometry.coordinates[0]: not an array`, `5]`},
		{"ring too short", polygon(`"type":"Polygon","coordinates":[[[0,0],[1,0],[0,0]]]`), `zonejson: feature 1 ("a"): geometry.coordinates[0]: 3 items, and it takes at least 4`, `[[0,0],[1,0],[0,0]]`},
		{"ring not closed", polygon(`"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1]]]`), `zonejson: feature 1 ("a"): geometry.coordinates[0]: the ring is not closed: its last position differs from its first`, `[[0,0],[1,0],[1,1],[0,1]]`},
		{"position too short", polygon(`"type":"Polygon","coordinates":[[[0,0],[1,0],[1],[0,0]]]`), `zonejson: feature 1 ("a"): geometry.coordinates[0][2]: not a position: [longitude, latitude]`, `[1],`},
		{"a number that is null", polygon(`"type":"Polygon","coordinates":[[[0,0],[1,0],[null,1],[0,0]]]`), `zonejson: feature 1 ("a"): geometry.coordinates[0][2]: not a position: [longitude, latitude]`, `[null,1]`},
		{"a number that is a string", polygon(`"type":"Polygon","coordinates":[[[0,0],["1",0],[1,1],[0,0]]]`), `zonejson: feature 1 ("a"): geometry.coordinates[0][1]: not a position: [longitude, latitude]`, `["1",0]`},
		{"an altitude that is a string", polygon(`"type":"Polygon","coordinates":[[[0,0],[1,0,"5 m"],[1,1],[0,0]]]`), `zonejson: feature 1 ("a"): geometry.coordinates[0][1]: not a position: [longitude, latitude]`, `[1,0,"5 m"]`},
		{"a number that is too large", polygon(`"type":"Polygon","coordinates":[[[0,0],[1e999,0],[1,1],[0,0]]]`), `zonejson: feature 1 ("a"): geometry.coordinates[0][1]: not a position: [longitude, latitude]`, `[1e999,0]`},
		{"latitude first", polygon(`"type":"Polygon","coordinates":[[[0,0],[54.7,125.3],[1,1],[0,0]]]`), `zonejson: feature 1 ("a"): geometry.coordinates[0][1]: not a longitude in [-180, 180] and a latitude in [-90, 90]`, `[54.7,125.3]`},
		{"deep in a multipolygon", polygon(`"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]],[[[0,0],[1,0],[1,1],[0,0]],[[0,0],[1,0],{},[0,0]]]]`), `zonejson: feature 1 ("a"): geometry.coordinates[1][1][2]: not a position: [longitude, latitude]`, `{},[0,0]`},
		{"polygon as a multipolygon", spoil(`"Polygon"`, `"MultiPolygon"`), `zonejson: feature 1 ("a"): geometry.coordinates[0][0][0]: not a position: [longitude, latitude]`, `0,0],[1,0]`},
		{"circle without a radius", polygon(`"type":"Point","coordinates":[1,2]`), `zonejson: feature 1 ("a"): properties.radius_m: missing: a point is a circle`, `{"kind":"home"}`},
		{"radius no number", collection(in(`"kind":"home"},"geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}`, `"kind":"home","radius_m":"5"},"geometry":{"type":"Point","coordinates":[1,2]}`)), `zonejson: feature 1 ("a"): properties.radius_m: not a number, or too large`, `"5"`},
		{"corridor without a width", polygon(`"type":"LineString","coordinates":[[1,2],[2,3]]`), `zonejson: feature 1 ("a"): properties.half_width_m: missing: a line is a corridor`, `{"kind":"home"}`},
		{"lines that do not meet", polygon(`"type":"MultiLineString","coordinates":[[[179,2],[180,3]],[[-180,3.5],[-179,3]]]`), `zonejson: feature 1 ("a"): geometry.coordinates[1]: it does not go on at the antimeridian where the part before it ends: a corridor is one line`, `[[-180,3.5],[-179,3]]`},
		{"lines that meet elsewhere", polygon(`"type":"MultiLineString","coordinates":[[[1,2],[2,3]],[[2,3],[3,3]]]`), `zonejson: feature 1 ("a"): geometry.coordinates[1]: it does not go on at the antimeridian where the part before it ends: a corridor is one line`, `[[2,3],[3,3]]`},
		{"no truth", spoil(`"properties":{`, `"properties":{"even_odd":1,`), `zonejson: feature 1 ("a"): properties.even_odd: neither true nor false`, `1,`},
		{"line of one position", polygon(`"type":"LineString","coordinates":[[1,2]]`), `zonejson: feature 1 ("a"): geometry.coordinates: 1 items, and it takes at least 2`, `[[1,2]]`},
		{"a feature alone", in(`"kind":"home"`, `"kind":7`), `zonejson: feature 0 ("a"): properties.kind: not a string`, `7}`},
	} {
		_, err := zonejson.Unmarshal([]byte(c.doc), zonejson.Defaults{})
		var e *zonejson.Error
		if !errors.As(err, &e) || !errors.Is(err, zonejson.ErrFormat) {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if want := fmt.Sprintf("%s (at byte %d)", c.want, e.Offset); err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %s", c.name, err, want)
		}
		if rest := c.doc[e.Offset:]; !strings.HasPrefix(rest, c.at) || c.at == "" && rest != "" {
			t.Errorf("%s: at byte %d stands %.40s, want %s", c.name, e.Offset, rest, c.at)
		}
	}
}

// A zone of more positions than a zone may have ends there, not in memory.
func TestTooManyPositions(t *testing.T) {
	if testing.Short() {
		t.Skip("26 MB of positions")
	}
	doc := `{"type":"Feature","id":"a","properties":{"kind":"place","half_width_m":5},"geometry":{"type":"LineString","coordinates":[` +
		strings.Repeat("[0,1],", geofence.MaxVertices) + `[0,1]]}}`
	_, err := zonejson.Unmarshal([]byte(doc), zonejson.Defaults{})
	want := fmt.Sprintf(`geometry.coordinates[%d]: more than %[1]d positions`, geofence.MaxVertices)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

// FuzzUnmarshal checks that what is read can be written and read again, and that
// no document makes an index panic.
func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(document))
	f.Add([]byte(`{"type":"FeatureCollection","features":[{"type":"Feature","id":1e3,"properties":{"radius_m":-0},"geometry":{"type":"Point","coordinates":[-0,1e-320]}}]}`))
	for _, g := range []string{
		`{"type":"Polygon","coordinates":[[[170,40],[-170,40],[-170,50],[170,50],[170,40]],[[178,42],[178,43],[-179.5,43],[178,42]]]}`,
		`{"type":"Polygon","coordinates":[[[179,0],[-180,1],[179,2],[180,1.5],[179,0]]]}`,
		`{"type":"Polygon","coordinates":[[[0,80],[120,80],[-120,80],[0,80]]]}`,
		`{"type":"Polygon","coordinates":[[[-180,-90],[180,-90],[180,-70],[0,-70,12.5],[-180,-70],[-180,-90]]]}`,
	} {
		f.Add([]byte(`{"type":"Feature","id":"a","bbox":[0,1,2,3],"properties":{"version":"\u00e9"},"geometry":` + g + `}`))
	}
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
		if err != nil || len(again) != len(zones) {
			t.Fatalf("%v became %v (%v)", zones, again, err)
		}
		// Rings may have been turned or cut; once is enough.
		twice, err := zonejson.Marshal(again)
		if err != nil || !bytes.Equal(out, twice) {
			t.Fatalf("%s became %s (%v)", out, twice, err)
		}
		for i, z := range zones {
			if _, ok := z.Shape.(geofence.Area); !ok && !reflect.DeepEqual(z, again[i]) {
				t.Fatalf("%v became %v", z, again[i])
			}
		}
		for _, z := range zones {
			_, _ = geofence.NewIndex(z) // must not panic
		}
	})
}

func ExampleUnmarshal() {
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
	// zonejson: feature 0 ("x"): geometry.coordinates[0][2]: not a position: [longitude, latitude] (at byte 161)
}

// A zone over the antimeridian is written in two parts.
func ExampleAppendFeature() {
	b, err := zonejson.AppendFeature(nil, geofence.Zone{ID: "strait", Kind: geofence.KindExclusion, Shape: geofence.Area{
		{{{179, 65}, {179, 66}, {-179, 66}, {-179, 65}}},
	}})
	fmt.Println(string(b), err)
	// Output:
	// {"type":"Feature","id":"strait","properties":{"kind":"exclusion"},"geometry":{"type":"MultiPolygon","coordinates":[[[[180,66],[179,66],[179,65],[180,65],[180,66]]],[[[-180,65],[-179,65],[-179,66],[-180,66],[-180,65]]]]}} <nil>
}

func ExampleMarshal() {
	b, err := zonejson.Marshal([]geofence.Zone{{ID: "home", Version: "v1", Kind: geofence.KindHome, Shape: geofence.Circle{Center: orb.Point{25.2797, 54.6872}, Radius: 60}}})
	fmt.Print(string(b), err)
	// Output:
	// {"type":"FeatureCollection","features":[
	// {"type":"Feature","id":"home","properties":{"kind":"home","version":"v1","radius_m":60},"geometry":{"type":"Point","coordinates":[25.2797,54.6872]}}
	// ],"bbox":[25.2797,54.6872,25.2797,54.6872]}
	// <nil>
}
