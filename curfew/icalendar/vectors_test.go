package icalendar

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/sargas-em/em/curfew"
)

// vector is a recurrence rule with its expected times, from the tests of other
// libraries.
type vector struct {
	ID, RRULE, DTStart, TZID string
	RDate, EXDate            []string
	Expected                 []json.RawMessage
	Complete                 bool
	WindowEnd                string `json:"window_end"`
	Nonstandard              bool
}

func readVectors(t *testing.T, name string) []vector {
	t.Helper()
	dir := os.Getenv("EM_DATA")
	if dir == "" {
		if os.Getenv("EM_REQUIRE") != "" {
			t.Fatal("EM_DATA is not set")
		}
		t.Skip("SKIPPED: EM_DATA is not set, no outside recurrence rules are expanded")
	}
	b, err := os.ReadFile(filepath.Join(dir, "schedule", name))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Vectors []vector }
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Vectors
}

// parse reads a time of the vectors: local, with Z, or a date.
func parse(t *testing.T, s string) (wall time.Time, utc bool) {
	t.Helper()
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02", "2006-01-02T15:04:05Z"} {
		if v, err := time.Parse(layout, s); err == nil {
			return v, strings.HasSuffix(s, "Z")
		}
	}
	t.Fatalf("time %q", s)
	return time.Time{}, false
}

// Rules of six libraries' tests give the times on which python-dateutil agrees.
// What they test beyond RFC 5545, and what does not fit a plan, is refused, and
// counted here by its reason.
func TestOutsideRules(t *testing.T) {
	zoneOf := func(id string) *time.Location {
		if id == "" {
			return time.UTC
		}
		l, err := time.LoadLocation(id)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	agreed, subDaily := 0, 0
	refused := map[string]int{}
	vectors := readVectors(t, "rrule_vectors.json")
	for _, v := range vectors {
		zone := zoneOf(v.TZID)
		r, err := parseRule(strings.TrimPrefix(v.RRULE, "RRULE:"), zone)
		if err != nil {
			reason := err.Error()
			if strings.Contains(v.RRULE, "BYEASTER") {
				reason = "BYEASTER"
			}
			refused[reason]++
			continue
		}
		if r.daily() != nil {
			subDaily++ // Import refuses it; its expansion is compared all the same
		}
		start, _ := parse(t, v.DTStart)
		if start.Year() > 2199 { // one of the year 9999
			refused[ErrRange.Error()]++
			continue
		}
		until := time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC)
		if v.WindowEnd != "" {
			until, _ = parse(t, v.WindowEnd)
		}
		var want []time.Time
		for _, e := range v.Expected {
			var s string
			if err := json.Unmarshal(e, &s); err != nil {
				t.Fatal(err)
			}
			if w, err := time.Parse(time.RFC3339, s); err == nil { // with an offset
				want = append(want, wallOf(w.In(zone)))
				continue
			}
			w, _ := parse(t, s)
			want = append(want, w)
		}
		skip := map[time.Time]bool{}
		for _, x := range v.EXDate {
			w, _ := parse(t, x)
			skip[w] = true
		}
		got := []time.Time{}
		for _, x := range v.RDate {
			w, _ := parse(t, x)
			got = append(got, w)
		}
		n := 0
		if err := r.expand(start, until, func(at time.Time) bool {
			if !skip[at] && !slices.Contains(got, at) {
				got = append(got, at)
			}
			n++
			return v.Complete || n < len(want)
		}); err != nil {
			t.Errorf("%s: %v", v.ID, err)
		}
		slices.SortFunc(got, time.Time.Compare)
		if !v.Complete {
			got = got[:min(len(got), len(want))]
		}
		if !slices.EqualFunc(got, want, time.Time.Equal) {
			t.Errorf("%s: %s from %s in %q: got %v, want %v", v.ID, v.RRULE, v.DTStart, v.TZID, got, want)
			continue
		}
		agreed++
	}
	t.Logf("%d of %d agree, %d of them sub-daily; refused: %v", agreed, len(vectors), subDaily, refused)
	if agreed+sum(refused) != len(vectors) {
		t.Errorf("%d agree, %d are refused, of %d", agreed, sum(refused), len(vectors))
	}
}

func sum(m map[string]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}

// Schedules around clock changes give the local times of python-dateutil, and
// the instants of RFC 5545 3.3.5, which for starts is our rule, too.
func TestOutsideClockChanges(t *testing.T) {
	n, subDaily := 0, 0
	for _, v := range readVectors(t, "curfew_dst_vectors_dateutil.json") {
		zone, err := time.LoadLocation(v.TZID)
		if err != nil {
			t.Fatal(err)
		}
		r, err := parseRule(v.RRULE, zone)
		if err != nil {
			t.Errorf("%s: %v", v.ID, err)
			continue
		}
		if r.daily() != nil {
			subDaily++
		}
		start, _ := parse(t, v.DTStart)
		i := 0
		err = r.expand(start, start.AddDate(20, 0, 0), func(at time.Time) bool {
			var want struct{ Local, UTC string }
			if i == len(v.Expected) {
				t.Errorf("%s: %s gives more than %d", v.ID, v.RRULE, i)
				return false
			}
			if err := json.Unmarshal(v.Expected[i], &want); err != nil {
				t.Fatal(err)
			}
			local, _ := parse(t, want.Local)
			utc, _ := parse(t, want.UTC)
			if got := curfew.Resolve(zone, at, false); !at.Equal(local) || !got.Equal(utc) {
				t.Errorf("%s: %s: %v is %v, want %v, %v", v.ID, v.RRULE, at, got, local, utc)
			}
			i++
			n++
			return true
		})
		if err != nil || i != len(v.Expected) {
			t.Errorf("%s: %s gives %d, want %d, %v", v.ID, v.RRULE, i, len(v.Expected), err)
		}
	}
	t.Logf("%d times agree, %d rules are sub-daily", n, subDaily)
}
