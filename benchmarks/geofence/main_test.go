package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/geofence"
)

var update = flag.Bool("update", false, "write the files in testdata")

// tiny is a run of everything in seconds, and of nothing that is not in the
// repository.
func tiny(t *testing.T) config {
	set := func(name string, n int) source {
		return source{name, true, func() (*dataset, error) { return newDataset(name, invented, "", exclusionZones(7, n), nil) }}
	}
	return config{
		command: []string{"test"}, seed: 7, quick: true, points: 3 * chunk / 2, near: 1000, passes: 1, budget: time.Millisecond, threads: []int{1, 2},
		log: t.Output(), subjects: 20, distances: 100, updates: []int{20},
		sources: []source{set("few", 40), set("some", 300), {"missing", true, func() (*dataset, error) { return nil, errMissing }}},
	}
}

// The form of the JSON is a promise to those who read it: each path in it is in
// the file. Names of sets, rivals and modules, which differ from run to run, are
// left out.
func TestShapeOfJSON(t *testing.T) {
	var b bytes.Buffer
	if err := tiny(t).print(&b, true, ""); err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	paths := map[string]bool{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				if strings.HasSuffix(path, ".versions") || strings.HasSuffix(path, ".by_set_and_load") {
					name = "*"
				}
				walk(path+"."+name, member)
			}
		case []any:
			for _, item := range v {
				walk(path+"[]", item)
			}
		case string:
			paths[path+" string"] = true
		case float64:
			paths[path+" number"] = true
		case bool:
			paths[path+" bool"] = true
		default:
			t.Errorf("%s is %v", path, v)
		}
	}
	walk("", doc)
	got := strings.Join(slices.Sorted(maps.Keys(paths)), "\n") + "\n"
	file := filepath.Join("testdata", "shape.txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the JSON has another form; go test -update writes it to %s:\n%s", file, got)
	}

	var r report
	if err := json.Unmarshal(b.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Head.Differences != 0 || r.Head.Points == 0 || len(r.Sets) != 2 || len(r.Skipped) != 1 {
		t.Errorf("%d differences in %d points, %d sets, skipped %q", r.Head.Differences, r.Head.Points, len(r.Sets), r.Skipped)
	}
	for _, x := range r.Head.Ratios {
		if !(x.Mean > 0) || !(x.Least > 0) || x.Least > x.Mean*1.0001 {
			t.Errorf("%s by %s: mean %v, least %v", x.Rival, x.Ours, x.Mean, x.Least)
		}
	}
	if !slices.ContainsFunc(r.Head.Ratios, func(x ratio) bool { return x.Rival == tidwall && x.Ours == oursBatch && len(x.By) == 4 }) {
		t.Errorf("ratios %+v", r.Head.Ratios)
	}
}

// A wrong answer ends the run, and no speed is printed.
func TestPlantedWrongAnswer(t *testing.T) {
	for name, spoil := range map[string]func(hits []geofence.Hit) []geofence.Hit{
		"one too few":  func(hits []geofence.Hit) []geofence.Hit { return hits[:len(hits)-1] },
		"one too many": func(hits []geofence.Hit) []geofence.Hit { return append(hits, hits[len(hits)-1]) },
		"another zone": func(hits []geofence.Hit) []geofence.Hit { hits[len(hits)/2].Zone++; return hits },
	} {
		for _, method := range []string{oursSingle, oursBatch, oursE7, "ours, Set", "ours, Index"} {
			if method != oursBatch && name != "one too few" {
				continue
			}
			t.Run(name+", "+method, func(t *testing.T) {
				c := tiny(t)
				c.sources = c.sources[:1]
				c.updates, c.distances = nil, 0
				c.spoil = func(m string, f finder) finder {
					if m != method {
						return f
					}
					done := false
					return func(dst []geofence.Hit, pts []em.LatLng) []geofence.Hit {
						if dst = f(dst, pts); len(dst) > 0 && !done {
							done = true
							dst = spoil(dst)
						}
						return dst
					}
				}
				var b bytes.Buffer
				out := filepath.Join(t.TempDir(), "out.json")
				if err := c.print(&b, false, out); !errors.Is(err, errDisagree) {
					t.Errorf("error %v", err)
				}
				if _, err := os.Stat(out); b.Len() > 0 || err == nil {
					t.Errorf("it printed all the same:\n%s", b.String())
				}
			})
		}
	}
}

func TestText(t *testing.T) {
	c := tiny(t)
	c.sources = c.sources[:1]
	var b bytes.Buffer
	if err := c.print(&b, false, ""); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{": 0 differences from golang/geo\n", "few", "clustered", tidwall, "ClosestEdgeQuery", "M points/s"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in:\n%s", want, b.String())
		}
	}
}

func TestDifferences(t *testing.T) {
	pts := make([]em.LatLng, 4)
	a := answers{{Point: 0, Zone: 1}, {Point: 0, Zone: 2}, {Point: 2, Zone: 1}}
	b := answers{{Point: 0, Zone: 1}, {Point: 2, Zone: 1}, {Point: 3, Zone: 9}}
	if n, first := differences(pts, a, b); n != 2 || !strings.Contains(first, "zones [1 2], golang/geo has [1]") {
		t.Error(n, first)
	}
	if n, _ := differences(pts, a, a); n != 0 {
		t.Error(n)
	}
	if a.checksum() == b.checksum() || a.checksum() != (answers{a[2], a[0], a[1]}).checksum() {
		t.Error("checksums")
	}
}

// What is read is what was written, and has the same hash.
func TestZonesFile(t *testing.T) {
	areas := exclusionZones(3, 20)
	areas = append(areas, geofence.Area{{{{0, 0}, {9, 0}, {9, 9}, {0, 0}}, {{2, 1}, {3, 2}, {3, 1}, {2, 1}}}})
	var b bytes.Buffer
	odd := make([]bool, len(areas))
	odd[7] = true
	if err := writeZones(&b, areas, odd); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	got, gotOdd, err := readZones(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(gotOdd, odd) {
		t.Errorf("even-odd %v, want %v", gotOdd, odd)
	}
	for i := range areas {
		if !orb.MultiPolygon(areas[i]).Equal(orb.MultiPolygon(got[i])) {
			t.Errorf("zone %d: %v, want %v", i, got[i], areas[i])
		}
	}
	for _, n := range []int{0, 3, 5, 9, 17, len(whole) - 1} {
		if _, _, err := readZones(bytes.NewReader(whole[:n])); err == nil {
			t.Errorf("%d of %d bytes are no error", n, len(whole))
		}
	}
}

// Two arcs, one of them used by both squares, backwards by the second.
func TestTopology(t *testing.T) {
	const doc = `{"type":"Topology","transform":{"scale":[0.5,0.25],"translate":[10,20]},
"arcs":[[[2,0],[0,4]],[[2,4],[-2,0],[0,-4],[2,0]],[[2,0],[2,0],[0,4],[-2,0]]],
"objects":{"o":{"type":"GeometryCollection","geometries":[
 {"type":"Polygon","arcs":[[0,1]]},{"type":"MultiPolygon","arcs":[[[2,-1]]]},{"type":null}]}}}`
	got, err := decodeTopology([]byte(doc), "o")
	if err != nil {
		t.Fatal(err)
	}
	want := []orb.MultiPolygon{
		{{{{11, 20}, {11, 21}, {10, 21}, {10, 20}, {11, 20}}}},
		{{{{11, 20}, {12, 20}, {12, 21}, {11, 21}, {11, 20}}}}, nil,
	}
	for i, w := range want {
		if i >= len(got) || !orb.MultiPolygon(got[i]).Equal(w) {
			t.Errorf("geometry %d: %v, want %v", i, got, w)
		}
	}
	if _, err := decodeTopology([]byte(strings.Replace(doc, "[[0,1]]", "[[0,7]]", 1)), "o"); err == nil {
		t.Error("an arc that is not there is no error")
	}
}

// The same seed makes the same sets, on every machine: their hashes are known.
func TestSyntheticSetsAreFixed(t *testing.T) {
	kept := sift(exclusionZones(1, 1000), nil)
	if kept.refs != 0 || kept.odd != nil {
		t.Errorf("%d zones refused: %s", kept.refs, kept.lost)
	}
	d, err := newDataset("d", "", "", kept.areas, nil)
	if err != nil {
		t.Fatal(err)
	}
	mean := float64(vertices(d.given)) / 1000
	if mean < 26 || mean > 29 {
		t.Errorf("%v vertices a zone, and it should be about 27.5", mean)
	}
	const want = "ddff10659404e6c418f726013bd36b447de9965b4e7553f78429b5bd702b3b20"
	if d.hash != want {
		t.Errorf("hash %s, want %s", d.hash, want)
	}
}

// Zones whose rings cross are kept as even-odd ones, and engines on the sphere
// agree about them; one without an inside is left out.
func TestEvenOddZones(t *testing.T) {
	areas := exclusionZones(5, 30)
	for k := range 5 {
		x := 20 + float64(k)
		areas = append(areas,
			geofence.Area{{{{x, 50}, {x + .021, 50.01}, {x + .02, 50}, {x, 50.013}, {x, 50}}}},
			geofence.Area{{{{x, 57}, {x + .02, 57}, {x + .02, 57.02}, {x, 57.02}, {x, 57}}}, {{{x + .013, 57.011}, {x + .03, 57.011}, {x + .03, 57.03}, {x + .013, 57.03}, {x + .013, 57.011}}}})
	}
	areas = append(areas, slices.Concat(areas[0], areas[0])) // nothing is inside
	kept := sift(areas, nil)
	c := tiny(t)
	c.subjects, c.distances, c.updates = 0, 0, nil
	c.sources = []source{{"crossing", true, func() (*dataset, error) {
		return newDataset("crossing", "composed", "", kept.areas, kept.odd)
	}}}
	r, err := run(c)
	if err != nil {
		t.Fatal(err)
	}
	if f := r.Sets[0]; kept.refs != 1 || f.EvenOdd != 10 || f.Zones != 40 || f.Loads[1].Hits == 0 || f.Loads[2].Hits == 0 {
		t.Errorf("%d zones refused; %d of %d even-odd, %+v", kept.refs, f.EvenOdd, f.Zones, f.Loads)
	}
}

// A set with too many zones for golang/geo's index in memory is compared with it
// in parts: the answers are those of the whole, and a run of it is ours alone.
func TestOracleInParts(t *testing.T) {
	c := tiny(t)
	d, err := newDataset("d", "", "", exclusionZones(7, 300), nil)
	if err != nil {
		t.Fatal(err)
	}
	loads := c.loads(d)
	parts, whole := oracleInParts(d, loads, 100), oracleInParts(d, loads, 300)
	for i, l := range loads {
		if l.name == loadNearEdge && len(whole[i]) == 0 || !slices.Equal(parts[i], whole[i]) {
			t.Errorf("%s: %d hits in parts, %d of the whole", l.name, len(parts[i]), len(whole[i]))
		}
	}
	c.rivals, c.subjects, c.distances, c.updates = 100, 0, 0, nil
	r, err := run(c)
	if err != nil {
		t.Fatal(err)
	}
	if few, some := r.Sets[0], r.Sets[1]; len(few.Engines) < 3 || len(some.Engines) != 1 || some.Loads[2].Hits == 0 {
		t.Errorf("%d engines over few zones, %d over some, %+v", len(few.Engines), len(some.Engines), some.Loads)
	}
	if err := r.writeText(t.Output()); err != nil {
		t.Error(err)
	}
}
