package curfew_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/curfew"
)

// nights lists obligations as "Mon 19:00Z-05:00Z", by Between.
func nights(s curfew.Schedule, from, to time.Time) []string {
	var list []string
	for o := range s.Between(from, to) {
		list = append(list, fmt.Sprintf("%s %v: %s %s", o.Kind, o, o.Start.Format("01-02T15:04Z"), o.End.Format("01-02T15:04Z")))
	}
	return list
}

func TestLayers(t *testing.T) {
	const week = `"zone": "Europe/Vilnius", "weekly": [{"day": "thu", "start": "19:00", "end": "07:00"}, {"day": "fri", "start": "20:00", "end": "07:00"}, {"day": "sun", "start": "16:00", "end": "08:00"}]`
	for _, tt := range []struct {
		name, more string
		want       []string // of 24 and 25 December 2026, Thursday and Friday, and the Wednesday before
	}{
		{"the week", "", []string{
			"MUST_BE_HOME thu 19:00-07:00: 12-24T17:00Z 12-25T05:00Z",
			"MUST_BE_HOME fri 20:00-07:00: 12-25T18:00Z 12-26T05:00Z"}},
		{"a holiday of no effect, as a library's list has it", `, "calendars": [{"days": [{"date": "2026-12-25", "name": "Christmas"}]}]`, []string{
			"MUST_BE_HOME thu 19:00-07:00: 12-24T17:00Z 12-25T05:00Z",
			"MUST_BE_HOME fri 20:00-07:00: 12-25T18:00Z 12-26T05:00Z"}},
		{"like a sunday", `, "calendars": [{"days": [{"date": "2026-12-25", "name": "Christmas", "like": "sun"}]}]`, []string{
			"MUST_BE_HOME thu 19:00-07:00: 12-24T17:00Z 12-25T05:00Z",
			"MUST_BE_HOME 2026-12-25 as sun 16:00-08:00 (Christmas): 12-25T14:00Z 12-26T06:00Z"}},
		{"replaced by rows", `, "calendars": [{"days": [{"date": "2026-12-24", "name": "Eve", "replace": true, "rows": [{"start": "22:00", "end": "09:00"}]}]}]`, []string{
			"MUST_BE_HOME 2026-12-24 22:00-09:00 (Eve): 12-24T20:00Z 12-25T07:00Z",
			"MUST_BE_HOME fri 20:00-07:00: 12-25T18:00Z 12-26T05:00Z"}},
		{"replaced by nothing", `, "calendars": [{"days": [{"date": "2026-12-24", "replace": true}]}]`, []string{
			"MUST_BE_HOME fri 20:00-07:00: 12-25T18:00Z 12-26T05:00Z"}},
		{"added", `, "calendars": [{"days": [{"date": "2026-12-24", "rows": [{"start": "10:00", "end": "12:00"}]}]}]`, []string{
			"MUST_BE_HOME 2026-12-24 10:00-12:00: 12-24T08:00Z 12-24T10:00Z",
			"MUST_BE_HOME thu 19:00-07:00: 12-24T17:00Z 12-25T05:00Z",
			"MUST_BE_HOME fri 20:00-07:00: 12-25T18:00Z 12-26T05:00Z"}},
		{"replaced in one calendar and added in another", `, "calendars": [{"days": [{"date": "2026-12-24", "like": "sun"}]}, {"days": [{"date": "2026-12-24", "rows": [{"start": "10:00", "end": "12:00"}]}]}]`, []string{
			"MUST_BE_HOME 2026-12-24 10:00-12:00: 12-24T08:00Z 12-24T10:00Z",
			"MUST_BE_HOME 2026-12-24 as sun 16:00-08:00: 12-24T14:00Z 12-25T06:00Z",
			"MUST_BE_HOME fri 20:00-07:00: 12-25T18:00Z 12-26T05:00Z"}},
		{"released on the 24th", `, "release": {"date": "2026-12-24", "start": "15:00", "end": "10:00"}`, []string{
			"MUST_BE_HOME release 2026-12-24 15:00-10:00: 12-24T13:00Z 12-25T08:00Z",
			"MUST_BE_HOME fri 20:00-07:00: 12-25T18:00Z 12-26T05:00Z"}},
		{"released in the morning: until the next day, longer than a day", `, "release": {"date": "2026-12-24", "start": "08:00", "end": "10:00"}`, []string{
			"MUST_BE_HOME release 2026-12-24 08:00-10:00: 12-24T06:00Z 12-25T08:00Z",
			"MUST_BE_HOME fri 20:00-07:00: 12-25T18:00Z 12-26T05:00Z"}},
		{"released on a holiday", `, "release": {"date": "2026-12-24", "start": "15:00", "end": "10:00"}, "calendars": [{"days": [{"date": "2026-12-24", "like": "sun"}]}]`, []string{
			"MUST_BE_HOME release 2026-12-24 15:00-10:00: 12-24T13:00Z 12-25T08:00Z",
			"MUST_BE_HOME fri 20:00-07:00: 12-25T18:00Z 12-26T05:00Z"}},
		{"released on the 25th", `, "release": {"date": "2026-12-25", "start": "15:00", "end": "10:00"}`, []string{
			"MUST_BE_HOME release 2026-12-25 15:00-10:00: 12-25T13:00Z 12-26T08:00Z"}},
		{"a place in another zone", `, "places": [{"name": "Oslo", "zone": "Europe/Oslo"}], "calendars": [{"days": [{"date": "2026-12-24", "replace": true, "rows": [{"start": "22:00", "end": "06:00", "place": "Oslo"}]}]}]`, []string{
			"MUST_BE_HOME 2026-12-24 22:00-06:00 at Oslo: 12-24T21:00Z 12-25T05:00Z",
			"MUST_BE_HOME fri 20:00-07:00: 12-25T18:00Z 12-26T05:00Z"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := schedule(t, "{"+week+tt.more+"}")
			got := nights(s, zulu(t, "2026-12-23T12:00Z"), zulu(t, "2026-12-26T12:00Z"))
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			b, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			if again := nights(schedule(t, string(b)), zulu(t, "2026-12-23T12:00Z"), zulu(t, "2026-12-26T12:00Z")); !slices.Equal(again, got) {
				t.Errorf("written and read again:\n%s", strings.Join(again, "\n"))
			}
		})
	}
}

// TestSuspendedActive: what lifts an obligation, lifts Active.
func TestSuspendedActive(t *testing.T) {
	s := schedule(t, `{"zone": "Europe/Vilnius", "weekly": [{"day": "mon", "all_day": true}, {"day": "mon", "start": "12:00", "end": "15:00", "kind": "MAY_LEAVE"},
		{"day": "wed", "start": "10:00", "end": "12:00", "kind": "MUST_ATTEND", "place": "clinic"}, {"day": "fri", "start": "10:00", "end": "12:00", "kind": "MUST_BE_AWAY"}],
		"permits": [{"from": "2026-03-02T16:00:00+02:00", "to": "2026-03-02T17:00:00+02:00", "approved_by": "a", "approved_at": "2026-03-01T00:00:00Z"},
			{"kind": "MUST_ATTEND", "from": "2026-03-02T18:00:00+02:00", "to": "2026-03-02T19:00:00+02:00", "approved_by": "a", "approved_at": "2026-03-01T00:00:00Z"}],
		"suspensions": [{"from": "2026-03-02T20:00:00+02:00", "to": "2026-03-02T22:00:00+02:00", "approved_by": "a", "approved_at": "2026-03-02T21:00:00+02:00"},
			{"from": "2026-03-09T00:00:00+02:00", "approved_by": "a", "approved_at": "2026-03-08T21:00:00+02:00"}]}`)
	var changes []string
	for at := evening(0, 0).Add(-1); ; {
		if at = s.NextChange(at); at.IsZero() {
			break
		}
		changes = append(changes, at.In(s.Location()).Format("02T15:04 ")+fmt.Sprint(s.Active(at)))
	}
	want := []string{"02T00:00 true", "02T12:00 false", "02T15:00 true", "02T16:00 false", "02T17:00 true", "02T21:00 false", "02T22:00 true", "03T00:00 false"}
	if !slices.Equal(changes, want) {
		t.Errorf("changes %q, want %q", changes, want)
	}
	if got := s.Places(); !slices.Equal(got, []string{"", "clinic"}) {
		t.Errorf("places %q", got)
	}
	if !s.Asks(curfew.MustAttend, "clinic") || s.Asks(curfew.MustAttend, "") || !s.Asks(curfew.MustBeAway, "") {
		t.Error("asks for something else")
	}
}

// TestLongerNights is what wearer and officer are told beforehand. The instants
// are worked by hand from the zones' published rules.
func TestLongerNights(t *testing.T) {
	for _, tt := range []struct {
		zone string
		want []string // of 2026
	}{
		{"Europe/Vilnius", []string{"2026-03-28 11h0m0s of 12h0m0s", "2026-10-24 13h0m0s of 12h0m0s"}},
		{"Europe/Riga", []string{"2026-03-28 11h0m0s of 12h0m0s", "2026-10-24 13h0m0s of 12h0m0s"}},
		{"Europe/Oslo", []string{"2026-03-28 11h0m0s of 12h0m0s", "2026-10-24 13h0m0s of 12h0m0s"}},
		{"Australia/Lord_Howe", []string{"2026-04-04 12h30m0s of 12h0m0s", "2026-10-03 11h30m0s of 12h0m0s"}},
		{"America/Santiago", []string{"2026-04-04 13h0m0s of 12h0m0s", "2026-09-05 11h0m0s of 12h0m0s"}}, // at midnight
		{"Asia/Tokyo", nil},
	} {
		s := schedule(t, `{"zone": "`+tt.zone+`", "weekly": `+daily+`}`)
		var got []string
		for o := range s.ClockChanges(zulu(t, "2026-01-02T00:00Z"), zulu(t, "2027-01-01T00:00Z")) {
			got = append(got, fmt.Sprintf("%v %v of %v", o.Date, o.Duration(), o.Wall()))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.zone, got, tt.want)
		}
	}
}

func TestPlanErrors(t *testing.T) {
	const zone = `"zone": "Europe/Vilnius"`
	row := func(day, start, end, more string) string {
		return fmt.Sprintf(`{"day": %q, "start": %q, "end": %q%s}`, day, start, end, more)
	}
	permit := func(more string) string {
		return `"permits": [{"from": "2026-03-02T19:00:00Z", "approved_by": "a", "approved_at": "2026-03-01T00:00:00Z"` + more + `}]`
	}
	pair := func(more1, more2 string) string {
		const p = `{"from": "2026-03-02T19:00:00Z", "to": "2026-03-02T20:00:00Z", "approved_by": "a"`
		return `"permits": [` + p + more1 + `}, ` + p + more2 + `}]`
	}
	for _, tt := range []struct {
		name, doc string
		want      string
		is        error
	}{
		{"home and attending elsewhere", `"weekly": [` + row("mon", "19:00", "07:00", "") + `, ` + row("mon", "20:00", "21:00", `, "kind": "MUST_ATTEND", "place": "clinic"`) + `]`,
			"curfew: weekly[0] (mon 19:00-07:00) and weekly[1] (mon 20:00-21:00 at clinic MUST_ATTEND) cannot both be met", nil},
		{"home, with leave to attend", `"weekly": [` + row("mon", "19:00", "07:00", "") + `, ` + row("mon", "20:00", "21:00", `, "kind": "MUST_ATTEND", "place": "clinic"`) +
			`, ` + row("mon", "19:30", "20:30", `, "kind": "MAY_LEAVE"`) + `, ` + row("mon", "20:30", "21:30", `, "kind": "MAY_LEAVE"`) + `]`, "", nil},
		{"leave that is a minute too short", `"weekly": [` + row("mon", "19:00", "07:00", "") + `, ` + row("mon", "20:00", "21:00", `, "kind": "MUST_ATTEND", "place": "clinic"`) +
			`, ` + row("mon", "19:30", "20:59", `, "kind": "MAY_LEAVE"`) + `]`, "cannot both be met", nil},
		{"home and away", `"weekly": [` + row("mon", "19:00", "07:00", "") + `, ` + row("tue", "06:00", "12:00", `, "kind": "MUST_BE_AWAY"`) + `]`, "cannot both be met", nil},
		{"away from one and home at another", `"weekly": [` + row("mon", "19:00", "07:00", `, "place": "a"`) + `, ` + row("tue", "06:00", "12:00", `, "place": "b", "kind": "MUST_BE_AWAY"`) + `]`, "", nil},
		{"two attendances at once", `"weekly": [` + row("mon", "10:00", "12:00", `, "kind": "MUST_ATTEND"`) + `, ` + row("mon", "11:00", "13:00", `, "kind": "MUST_ATTEND"`) + `]`, "cannot both be met", nil},
		{"a holiday's row against the week's", `"weekly": [` + row("thu", "19:00", "07:00", "") + `], "calendars": [{"days": [{"date": "2026-12-24", "name": "Eve", "rows": [{"start": "20:00", "end": "22:00", "place": "church", "kind": "MUST_ATTEND"}]}]}]`,
			"curfew: weekly[0] (thu 19:00-07:00) and calendars[0].days[0].rows[0] (2026-12-24 20:00-22:00 at church MUST_ATTEND (Eve)) cannot both be met", nil},
		{"the same on another day of the week", `"weekly": [` + row("wed", "19:00", "07:00", "") + `], "calendars": [{"days": [{"date": "2026-12-24", "rows": [{"start": "20:00", "end": "22:00", "place": "church"}]}]}]`, "", nil},
		{"what the day before left", `"weekly": [` + row("wed", "19:00", "07:00", "") + `], "calendars": [{"days": [{"date": "2026-12-24", "replace": true, "rows": [{"start": "06:00", "end": "22:00", "place": "church"}]}]}]`, "cannot both be met", nil},
		{"a release against the next day", `"weekly": [` + row("tue", "06:00", "12:00", `, "place": "b"`) + `], "release": {"date": "2026-03-02", "start": "15:00", "end": "07:00"}`,
			"curfew: release (release 2026-03-02 15:00-07:00) and weekly[0] (tue 06:00-12:00 at b) cannot both be met", nil},
		{"two that replace one day", `"calendars": [{"days": [{"date": "2026-12-24", "name": "Eve", "like": "sun"}]}, {"days": [{"date": "2026-12-24", "replace": true}]}]`,
			"curfew: calendars[0].days[0] (2026-12-24 Eve) and calendars[1].days[0] (2026-12-24) cannot both be met", nil},
		{"places in two zones that touch by their clocks and overlap in fact", `"places": [{"name": "b", "zone": "Europe/Oslo"}], "weekly": [` + row("mon", "08:00", "12:00", `, "place": "b"`) + `, ` + row("mon", "12:00", "13:30", "") + `]`,
			"cannot both be met", nil},
		{"places in two zones that overlap by their clocks and touch in fact", `"places": [{"name": "b", "zone": "Europe/Oslo"}], "weekly": [` + row("mon", "08:00", "11:00", `, "place": "b"`) + `, ` + row("mon", "12:00", "13:30", "") + `]`, "", nil},
		{"a place that is not listed", `"places": [{"name": "clinic"}], "weekly": [` + row("mon", "08:00", "11:00", `, "place": "clinc"`) + `]`, "curfew: weekly[0] (mon 08:00-11:00 at clinc): no such place in places", curfew.ErrPlace},
		{"a place twice", `"places": [{"name": "clinic"}, {"name": "clinic", "zone": "UTC"}]`, "curfew: places[1] (clinic): the place is named twice", curfew.ErrPlaceTwice},
		{"a place's zone", `"places": [{"name": "clinic", "zone": "Europe/Vilna"}]`, `curfew: zone "Europe/Vilna"`, nil},
		{"a kind that is none", `"weekly": [` + row("mon", "08:00", "11:00", `, "kind": "MUST_SLEEP"`) + `]`, `"MUST_SLEEP"`, curfew.ErrKind},
		{"a dwell at home", `"weekly": [` + row("mon", "08:00", "11:00", `, "dwell": "30m"`) + `]`, "a dwell is for MUST_ATTEND", curfew.ErrDwell},
		{"a dwell longer than the row", `"weekly": [` + row("mon", "08:00", "11:00", `, "kind": "MUST_ATTEND", "dwell": "3h1m"`) + `]`, "a dwell is for MUST_ATTEND", curfew.ErrDwell},
		{"30 February", `"calendars": [{"days": [{"date": "2026-02-30"}]}]`, `"2026-02-30"`, curfew.ErrDate},
		{"a holiday in 1999", `"calendars": [{"days": [{"date": "1999-12-31"}]}]`, "curfew: calendars[0].days[0] (1999-12-31): no such date", curfew.ErrDate},
		{"like and replace", `"calendars": [{"days": [{"date": "2026-12-24", "like": "sun", "replace": true}]}]`, "like another one or replaced", curfew.ErrLike},
		{"like a day that is none", `"calendars": [{"days": [{"date": "2026-12-24", "like": "someday"}]}]`, `"someday" is not mon`, curfew.ErrDay},
		{"a dated row that clocks skip", `"calendars": [{"days": [{"date": "2026-03-29", "rows": [{"start": "03:30", "end": "04:00"}]}]}]`,
			"curfew: calendars[0].days[0].rows[0] (2026-03-29 03:30-04:00): clocks skip all of it", curfew.ErrInGap},
		{"a holiday's row with an error", `"calendars": [{"days": [{"date": "2026-12-24", "rows": [{"start": "19:00", "end": "19:00"}]}]}]`, "curfew: calendars[0].days[0].rows[0]", curfew.ErrEmptyRow},
		{"a release on no date", `"release": {"start": "15:00", "end": "07:00"}`, "curfew: release", curfew.ErrDate},
		{"a permit without end", permit(""), "curfew: permits[0]: has no end", curfew.ErrNoEnd},
		{"a permit to leave from leave", permit(`, "to": "2026-03-02T20:00:00Z", "kind": "MAY_LEAVE"`), "no such kind", curfew.ErrKind},
		{"revoked by nobody", permit(`, "to": "2026-03-02T20:00:00Z", "revoked_at": "2026-03-02T19:30:00Z"`), "is revoked without who", curfew.ErrRevoked},
		{"revoked before it was known", permit(`, "to": "2026-03-02T20:00:00Z", "revoked_by": "a", "revoked_at": "2026-02-02T19:30:00Z"`), "is revoked", curfew.ErrRevoked},
		{"two permits of one ID", pair(`, "id": "p", "approved_at": "2026-03-01T00:00:00Z"`, `, "id": "p", "approved_at": "2026-03-01T00:00:00Z"`), "permits[0] (p) and permits[1] (p)", nil},
		{"replaces what is not there", permit(`, "to": "2026-03-02T20:00:00Z", "replaces": "x"`), "replaces a permit that is not there", curfew.ErrReplaces},
		{"replaces what was known later", pair(`, "id": "p", "approved_at": "2026-03-01T10:00:00Z"`, `, "id": "q", "replaces": "p", "approved_at": "2026-03-01T00:00:00Z"`), "known later", curfew.ErrReplaces},
		{"replaces itself", permit(`, "to": "2026-03-02T20:00:00Z", "id": "p", "replaces": "p"`), "curfew: permits[0] (p): replaces itself in a circle", curfew.ErrCircle},
		{"replace each other", pair(`, "id": "p", "replaces": "q", "approved_at": "2026-03-01T00:00:00Z"`, `, "id": "q", "replaces": "p", "approved_at": "2026-03-01T00:00:00Z"`), "in a circle", curfew.ErrCircle},
		{"a suspension backwards", `"suspensions": [{"from": "2026-03-02T19:00:00Z", "to": "2026-03-02T19:00:00Z", "approved_by": "a", "approved_at": "2026-03-01T00:00:00Z"}]`, "curfew: suspensions[0]", curfew.ErrEmptyPermit},
		{"a suspension by nobody", `"suspensions": [{"from": "2026-03-02T19:00:00Z", "approved_at": "2026-03-01T00:00:00Z"}]`, "curfew: suspensions[0]", curfew.ErrUnapproved},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s curfew.Schedule
			err := json.Unmarshal([]byte("{"+zone+", "+tt.doc+"}"), &s)
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want %q", err, tt.want)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v is not %v", err, tt.is)
			}
		})
	}
}

// TestBounds: calendars of ten thousand days and rows are refused, and the entry
// that is one too many is named.
func TestBounds(t *testing.T) {
	at := zulu(t, "2026-01-01T00:00Z")
	days := func(n int) (c curfew.Calendar) {
		for i := range n {
			d := at.AddDate(0, 0, i)
			c.Days = append(c.Days, curfew.Holiday{Date: curfew.Date{Year: d.Year(), Month: d.Month(), Day: d.Day()}, Replace: true})
		}
		return c
	}
	for _, tt := range []struct {
		name  string
		plan  curfew.Plan
		entry string
	}{
		{"days", curfew.Plan{Zone: "UTC", Calendars: []curfew.Calendar{days(10_000)}}, "calendars[0].days[4096]"},
		{"days of two calendars", curfew.Plan{Zone: "UTC", Calendars: []curfew.Calendar{{Days: days(96).Days}, days(10_000)}}, "calendars[1].days[4000]"},
		{"rows of a day", curfew.Plan{Zone: "UTC", Calendars: []curfew.Calendar{{Days: []curfew.Holiday{{Date: curfew.Date{Year: 2026, Month: 1, Day: 1}, Rows: make([]curfew.Row, 10_000)}}}}}, "calendars[0].days[0].rows[168]"},
		{"suspensions", curfew.Plan{Zone: "UTC", Suspensions: make([]curfew.Suspension, 10_000)}, "suspensions[1024]"},
		{"places", curfew.Plan{Zone: "UTC", Places: make([]curfew.Place, 10_000)}, "places[64]"},
	} {
		_, err := curfew.NewSchedule(tt.plan)
		var entry *curfew.EntryError
		if !errors.As(err, &entry) || entry.Entry != tt.entry || !errors.Is(err, curfew.ErrTooMany) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.entry)
		}
	}
	// At the bound it works, and is not slow to walk past.
	s, err := curfew.NewSchedule(curfew.Plan{Zone: "UTC", Weekly: []curfew.Row{{Day: 1, AllDay: true}}, Calendars: []curfew.Calendar{days(curfew.MaxHolidays)}})
	if err != nil {
		t.Fatal(err)
	}
	if next := s.NextChange(at); !next.Equal(time.Date(2037, 3, 23, 0, 0, 0, 0, time.UTC)) { // the first Monday after 4,096 days
		t.Errorf("all is replaced until %v", next)
	}
}

func TestZonesShare(t *testing.T) {
	const doc = `{"zone": "Europe/Vilnius", "places": [{"name": "b", "zone": "Europe/Oslo"}], "weekly": [{"day": "sat", "start": "22:00", "end": "06:00"}, {"day": "sun", "start": "22:00", "end": "06:00", "place": "b"}]}`
	var z curfew.Zones
	a, b := schedule(t, doc), schedule(t, doc)
	if a.Location() == b.Location() {
		t.Fatal("zones are shared already")
	}
	want := nights(a, zulu(t, "2026-10-20T00:00Z"), zulu(t, "2026-10-30T00:00Z"))
	a, b = z.Share(a), z.Share(b)
	if a.Location() != b.Location() || a.At("b") != b.At("b") || a.At("b") == a.Location() {
		t.Error("zones are not shared")
	}
	if got := nights(b, zulu(t, "2026-10-20T00:00Z"), zulu(t, "2026-10-30T00:00Z")); len(got) != 2 || !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if z.Share(curfew.Schedule{}).Active(zulu(t, "2026-10-20T00:00Z")) {
		t.Error("the zero schedule asks for something")
	}
}
