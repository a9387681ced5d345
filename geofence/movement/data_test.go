package movement_test

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/sargas-em/em"
	. "github.com/sargas-em/em/geofence/movement"
)

// TestRealTracks runs over tracks of real people. It asserts what must hold of any
// track, and prints counts alone.
func TestRealTracks(t *testing.T) {
	dir := os.Getenv("EM_DATA")
	if dir == "" {
		if os.Getenv("EM_REQUIRE") != "" {
			t.Fatal("EM_DATA is not set")
		}
		t.Skip("EM_DATA is not set: not run over real tracks")
	}
	for _, file := range []string{"geolife_skmob_sample.csv.gz", "phyphox_walks_shifted_vilnius.csv.gz"} {
		fixes, found, frequent := 0, 0, 0
		for trace, obs := range load(t, filepath.Join(dir, "gps", file)) {
			a := authorized()
			a.From, a.To = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
			track := Stored(em.SubjectID(trace), obs)
			rep, err := Stops(a, track, StopRule{})
			if err != nil {
				t.Fatal(err)
			}
			if rep.Disclosure.Observations != len(obs) {
				t.Errorf("%d of %d observations were read", rep.Disclosure.Observations, len(obs))
			}
			inStops := 0
			for i, s := range rep.Stops {
				if s.To.Sub(s.From)-s.Unknown < DefaultDwell || i > 0 && !s.From.After(rep.Stops[i-1].To) || !s.Middle.Valid() || !(s.Radius95 > 0) {
					t.Errorf("stop %d of a track makes no sense", i)
				}
				inStops += s.Fixes
			}
			if inStops > len(obs) {
				t.Errorf("%d fixes in stops, of %d", inStops, len(obs))
			}
			places, err := Places(a, track, PlaceRule{})
			if err != nil {
				t.Fatal(err)
			}
			visits := places.Elsewhere
			for _, p := range places.Places {
				visits += p.Visits
				if p.Visits < DefaultVisits || p.Days < 1 || p.Days > p.Visits || p.Unknown > p.Total {
					t.Error("a place makes no sense")
				}
			}
			if visits != len(rep.Stops) {
				t.Errorf("%d stops in places and elsewhere, of %d", visits, len(rep.Stops))
			}
			fixes, found, frequent = fixes+len(obs), found+len(rep.Stops), frequent+len(places.Places)
		}
		t.Logf("%s: %d fixes, %d stops, %d frequent places", file, fixes, found, frequent)
		if fixes < 10_000 {
			t.Errorf("%s: only %d fixes", file, fixes)
		}
	}
}

// load reads a file of the layout trace, time, lat, lon, …, accuracy_m at 8.
func load(t *testing.T, name string) map[string][]em.Observation {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(z)
	if _, err := r.Read(); err != nil {
		t.Fatal(err)
	}
	traces := map[string][]em.Observation{}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return traces
		} else if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339Nano, row[1])
		lat, err1 := strconv.ParseFloat(row[2], 64)
		lng, err2 := strconv.ParseFloat(row[3], 64)
		if err := errors.Join(err, err1, err2); err != nil {
			t.Fatalf("%s: a row cannot be read", name) // it holds a position
		}
		fix := &em.Fix{LatLng: em.LatLng{Lat: lat, Lng: lng}, Validity: em.FixCurrent, Source: em.SourceGNSS}
		if v, err := strconv.ParseFloat(row[8], 64); err == nil {
			fix.Accuracy = em.Some(v)
		}
		traces[row[0]] = append(traces[row[0]], em.Observation{Device: em.DeviceID("test:" + row[0]), At: at, DeviceAt: at, Body: fix})
	}
}
