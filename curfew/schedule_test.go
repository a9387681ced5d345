package curfew_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/curfew"
)

func schedule(t testing.TB, doc string) curfew.Schedule {
	t.Helper()
	var s curfew.Schedule
	if err := json.Unmarshal([]byte(doc), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func zulu(t testing.TB, text string) time.Time {
	t.Helper()
	v, err := time.Parse("2006-01-02T15:04Z", text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// The expectations were worked by hand from the zones' published rules.
func TestClockChanges(t *testing.T) {
	for _, tt := range []struct {
		name, zone, day, start, end string // all_day where start is empty
		date                        string // of the local start
		want                        string // in UTC; empty: nothing is asked
	}{
		{"Vilnius spring", "Europe/Vilnius", "sat", "22:00", "06:00", "2026-03-28", "2026-03-28T20:00Z 2026-03-29T03:00Z"},
		{"Vilnius autumn", "Europe/Vilnius", "sat", "22:00", "06:00", "2026-10-24", "2026-10-24T19:00Z 2026-10-25T04:00Z"},
		{"Vilnius spring 2027", "Europe/Vilnius", "sat", "22:00", "06:00", "2027-03-27", "2027-03-27T20:00Z 2027-03-28T03:00Z"},
		{"Riga spring", "Europe/Riga", "sat", "22:00", "06:00", "2026-03-28", "2026-03-28T20:00Z 2026-03-29T03:00Z"},
		{"Riga autumn", "Europe/Riga", "sat", "22:00", "06:00", "2026-10-24", "2026-10-24T19:00Z 2026-10-25T04:00Z"},
		{"Oslo spring", "Europe/Oslo", "sat", "22:00", "06:00", "2026-03-28", "2026-03-28T21:00Z 2026-03-29T04:00Z"},
		{"Oslo autumn", "Europe/Oslo", "sat", "22:00", "06:00", "2026-10-24", "2026-10-24T20:00Z 2026-10-25T05:00Z"},
		{"London spring", "Europe/London", "sat", "22:00", "06:00", "2026-03-28", "2026-03-28T22:00Z 2026-03-29T05:00Z"},
		{"London autumn", "Europe/London", "sat", "22:00", "06:00", "2026-10-24", "2026-10-24T21:00Z 2026-10-25T06:00Z"},
		{"New York spring", "America/New_York", "sat", "22:00", "06:00", "2026-03-07", "2026-03-08T03:00Z 2026-03-08T10:00Z"},
		{"New York autumn", "America/New_York", "sat", "22:00", "06:00", "2026-10-31", "2026-11-01T02:00Z 2026-11-01T11:00Z"},
		{"New York when Europe changes", "America/New_York", "sat", "22:00", "06:00", "2026-03-28", "2026-03-29T02:00Z 2026-03-29T10:00Z"},
		{"Lord Howe, half an hour back", "Australia/Lord_Howe", "sat", "22:00", "06:00", "2026-04-04", "2026-04-04T11:00Z 2026-04-04T19:30Z"},
		{"Lord Howe, half an hour on", "Australia/Lord_Howe", "sat", "22:00", "06:00", "2026-10-03", "2026-10-03T11:30Z 2026-10-03T19:00Z"},
		{"Lord Howe, start in the gap", "Australia/Lord_Howe", "sun", "02:15", "06:00", "2026-10-04", "2026-10-03T15:45Z 2026-10-03T19:00Z"},
		{"Lord Howe, both ends repeated", "Australia/Lord_Howe", "sun", "01:40", "01:45", "2026-04-05", "2026-04-04T14:40Z 2026-04-04T15:15Z"},
		{"Santiago, midnight does not exist", "America/Santiago", "sun", "", "", "2026-09-06", "2026-09-06T04:00Z 2026-09-07T03:00Z"},
		{"Santiago, until a midnight that does not exist", "America/Santiago", "sat", "22:00", "00:00", "2026-09-05", "2026-09-06T02:00Z 2026-09-06T04:00Z"},
		{"Santiago, a day of 25 hours", "America/Santiago", "sat", "", "", "2026-04-04", "2026-04-04T03:00Z 2026-04-05T04:00Z"},
		{"Cairo, midnight does not exist", "Africa/Cairo", "fri", "", "", "2026-04-24", "2026-04-23T22:00Z 2026-04-24T21:00Z"},
		{"start in the gap", "Europe/Vilnius", "sun", "03:30", "06:00", "2026-03-29", "2026-03-29T01:30Z 2026-03-29T03:00Z"},
		{"end in the gap", "Europe/Vilnius", "sat", "22:00", "03:30", "2026-03-28", "2026-03-28T20:00Z 2026-03-29T01:30Z"},
		{"both in the gap", "Europe/Vilnius", "sun", "03:15", "03:45", "2026-03-29", "2026-03-29T01:15Z 2026-03-29T01:45Z"},
		{"nothing left by the gap", "Europe/Vilnius", "sun", "03:30", "04:00", "2026-03-29", ""},
		{"start is the earlier", "Europe/Vilnius", "sun", "03:30", "06:00", "2026-10-25", "2026-10-25T00:30Z 2026-10-25T04:00Z"},
		{"end is the later", "Europe/Vilnius", "sat", "22:00", "03:30", "2026-10-24", "2026-10-24T19:00Z 2026-10-25T01:30Z"},
		{"both repeated", "Europe/Vilnius", "sun", "03:30", "03:45", "2026-10-25", "2026-10-25T00:30Z 2026-10-25T01:45Z"},
		{"New Year's Eve of a leap year beyond the tables", "Europe/Vilnius", "mon", "19:00", "07:00", "2040-12-31", "2040-12-31T17:00Z 2041-01-01T05:00Z"},
		{"Apia, a day that never was", "Pacific/Apia", "fri", "19:00", "23:00", "2011-12-30", "2011-12-31T05:00Z 2011-12-31T09:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			row := map[string]any{"day": tt.day, "start": tt.start, "end": tt.end}
			if tt.start == "" {
				row = map[string]any{"day": tt.day, "all_day": true}
			}
			doc, _ := json.Marshal(map[string]any{"zone": tt.zone, "weekly": []any{row}})
			s := schedule(t, string(doc))
			day, err := time.Parse(time.DateOnly, tt.date)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			var first curfew.Obligation
			for o := range s.Between(day.Add(-48*time.Hour), day.Add(72*time.Hour)) {
				got = append(got, o.Start.Format("2006-01-02T15:04Z")+" "+o.End.Format("2006-01-02T15:04Z"))
				first = o
			}
			if g := strings.Join(got, ", "); g != tt.want {
				t.Fatalf("got %q, want %q", g, tt.want)
			}
			if tt.want == "" {
				return
			}
			if first.Start.Location() != time.UTC || first.End.Location() != time.UTC {
				t.Error("not in UTC")
			}
			for at, want := range map[time.Time]bool{first.Start.Add(-1): false, first.Start: true, first.End.Add(-1): true, first.End: false} {
				if s.Active(at) != want {
					t.Errorf("Active(%v) = %v", at, !want)
				}
			}
		})
	}
}

// TestOrderAcrossGap: a gap at midnight puts the row of Saturday 23:30 behind
// that of Sunday 00:10.
func TestOrderAcrossGap(t *testing.T) {
	s := schedule(t, `{"zone": "America/Nuuk", "weekly": [{"day": "sat", "start": "23:30", "end": "02:00"}, {"day": "sun", "start": "00:10", "end": "01:00"}]}`)
	var got []string
	for o := range s.Between(zulu(t, "2026-03-28T12:00Z"), zulu(t, "2026-03-29T12:00Z")) {
		got = append(got, o.Row.String()+" "+o.Start.Format("15:04"))
	}
	if want := []string{"sun 00:10-01:00 01:10", "sat 23:30-02:00 01:30"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestDurations(t *testing.T) {
	s := schedule(t, `{"zone": "Europe/Vilnius", "weekly": [{"day": "sat", "start": "22:00", "end": "06:00"}]}`)
	for o := range s.Between(zulu(t, "2026-10-24T12:00Z"), zulu(t, "2026-10-25T12:00Z")) {
		if o.Duration() != 9*time.Hour || o.Wall() != 8*time.Hour {
			t.Errorf("%v by %v on the wall, want 9h and 8h", o.Duration(), o.Wall())
		}
		return
	}
	t.Error("no obligation")
}

// outside opens a file of data that is not part of the repository.
func outside(t *testing.T, name string) []byte {
	t.Helper()
	dir := os.Getenv("EM_DATA")
	if dir == "" {
		if os.Getenv("EM_REQUIRE") != "" {
			t.Fatal("EM_REQUIRE is set, but EM_DATA names no folder")
		}
		t.Skip("EM_DATA names no folder with outside data")
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDateutil compares with instants that another library worked out by RFC
// 5545, for which an ambiguous time is the first one. For starts that is our
// rule, too. For ends ours is the later one, so that ends differ by the hour
// where the time comes twice, and nowhere else.
func TestDateutil(t *testing.T) {
	var doc struct {
		Vectors []struct {
			ID, TZID string
			Expected []struct {
				Local, UTC     string
				Gap, Ambiguous bool
			}
		}
	}
	if err := json.Unmarshal(outside(t, "schedule/curfew_dst_vectors_dateutil.json"), &doc); err != nil {
		t.Fatal(err)
	}
	compared, differ := 0, 0
	for _, v := range doc.Vectors {
		for _, x := range v.Expected {
			local, err := time.Parse("2006-01-02T15:04:05", x.Local)
			if err != nil {
				t.Fatal(err)
			}
			want, err := time.Parse(time.RFC3339, x.UTC)
			if err != nil {
				t.Fatal(err)
			}
			find := func(row curfew.Row) (list []curfew.Obligation) {
				s, err := curfew.NewSchedule(curfew.Plan{Zone: v.TZID, Weekly: []curfew.Row{row}})
				if err != nil {
					t.Fatal(err)
				}
				return slices.Collect(s.Between(want.Add(-30*time.Hour), want.Add(30*time.Hour)))
			}
			clock := func(at time.Time) curfew.TimeOfDay { return curfew.Clock(at.Hour(), at.Minute()) }
			// Two hours after, so that the gap leaves something of the row.
			if got := find(curfew.Row{Day: local.Weekday(), Start: clock(local), End: clock(local.Add(2 * time.Hour))}); len(got) != 1 || !got[0].Start.Equal(want) {
				t.Errorf("%s %s as a start: %v, want %v", v.ID, x.Local, got, want)
			}
			from := local.Add(-2 * time.Hour)
			got := find(curfew.Row{Day: from.Weekday(), Start: clock(from), End: clock(local)})
			if x.Ambiguous {
				want = want.Add(time.Hour)
				differ++
			}
			if len(got) != 1 || !got[0].End.Equal(want) {
				t.Errorf("%s %s as an end: %v, want %v", v.ID, x.Local, got, want)
			}
			compared++
		}
	}
	if compared < 1000 || differ < 10 {
		t.Errorf("only %d instants compared, %d of them ambiguous", compared, differ)
	}
}

// TestSchedule compares Between, Active and NextChange with each other on random
// plans in zones with all sorts of changes.
func TestSchedule(t *testing.T) {
	const seed = 41
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	zones := []string{"Europe/Vilnius", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo", "America/Nuuk", "UTC", "Pacific/Chatham"}
	months := []time.Month{time.March, time.April, time.June, time.September, time.October, time.November}
	for round := range 60 {
		zone := zones[round%len(zones)]
		plan := curfew.Plan{Zone: zone}
		for range rnd.IntN(5) {
			r := curfew.Row{Day: time.Weekday(rnd.IntN(7)), Start: curfew.TimeOfDay(rnd.IntN(96) * 15), End: curfew.TimeOfDay(rnd.IntN(96) * 15)}
			if r.Start == r.End {
				r = curfew.Row{Day: r.Day, AllDay: true}
			}
			plan.Weekly = append(plan.Weekly, r)
		}
		from := time.Date(2026, months[rnd.IntN(len(months))], 1+rnd.IntN(28), rnd.IntN(24), 0, 0, 0, time.UTC)
		to := from.Add(21 * 24 * time.Hour)
		for range rnd.IntN(4) {
			a := from.Add(time.Duration(rnd.IntN(2000)) * 15 * time.Minute)
			plan.Permits = append(plan.Permits, curfew.Permit{From: a, To: a.Add(time.Duration(1+rnd.IntN(300)) * 15 * time.Minute),
				ApprovedBy: "officer 12", ApprovedAt: a.Add(time.Duration(rnd.IntN(100)-70) * 15 * time.Minute)})
		}
		s, err := curfew.NewSchedule(plan)
		if err != nil {
			t.Fatal(err)
		}
		all := slices.Collect(s.Between(from, to))
		if !slices.IsSortedFunc(all, func(a, b curfew.Obligation) int { return a.Start.Compare(b.Start) }) {
			t.Fatalf("%s: not in order: %v", zone, all)
		}
		// Half-open: what ends at from or starts at to is not between.
		for _, o := range all {
			if !o.End.After(from) || !o.Start.Before(to) {
				t.Fatalf("%v is not between %v and %v", o, from, to)
			}
		}
		change := s.NextChange(from)
		was := s.Active(from)
		for at := from; at.Before(to); at = at.Add(15 * time.Minute) {
			want := slices.ContainsFunc(all, func(o curfew.Obligation) bool { return !at.Before(o.Start) && at.Before(o.End) })
			for _, p := range plan.Permits {
				if !at.Before(p.From) && at.Before(p.To) && !at.Before(p.ApprovedAt) {
					want = false
				}
			}
			if got := s.Active(at); got != want {
				t.Fatalf("%s: Active(%v) = %v: %v", zone, at, got, plan)
			}
			if part := slices.Collect(s.Between(at, at.Add(1))); len(part) != len(slices.Collect(only(all, at))) {
				t.Fatalf("%s: Between at %v gives %v of %v", zone, at, part, all)
			}
			if want != was {
				if !change.Equal(at) {
					t.Fatalf("%s: NextChange gives %v, but it changes at %v: %v", zone, change, at, plan)
				}
				was, change = want, s.NextChange(at)
			}
		}
		if !change.IsZero() && change.Before(to) {
			t.Fatalf("%s: nothing changes at %v: %v", zone, change, plan)
		}
	}
}

func only(all []curfew.Obligation, at time.Time) func(func(curfew.Obligation) bool) {
	return func(yield func(curfew.Obligation) bool) {
		for _, o := range all {
			if !at.Before(o.Start) && at.Before(o.End) && !yield(o) {
				return
			}
		}
	}
}

func TestNextChangeNever(t *testing.T) {
	var rows []string
	for _, d := range []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} {
		rows = append(rows, `{"day": "`+d+`", "all_day": true}`)
	}
	always := schedule(t, `{"zone": "America/Santiago", "weekly": [`+strings.Join(rows, ",")+`]}`)
	at := zulu(t, "2026-01-01T00:00Z")
	if c := always.NextChange(at); !c.IsZero() {
		t.Errorf("a schedule of all days changes at %v", c)
	}
	var none curfew.Schedule
	if c := none.NextChange(at); !c.IsZero() || none.Active(at) || len(slices.Collect(none.Between(at, at.AddDate(1, 0, 0)))) > 0 {
		t.Error("the zero schedule asks for something")
	}
	p := always.Plan()
	p.Permits = []curfew.Permit{{From: at.AddDate(3, 0, 0), To: at.AddDate(3, 0, 1), ApprovedBy: "officer 12", ApprovedAt: at}}
	s, err := curfew.NewSchedule(p)
	if err != nil {
		t.Fatal(err)
	}
	if c := s.NextChange(at); !c.Equal(at.AddDate(3, 0, 0)) {
		t.Errorf("the permit in three years changes at %v", c)
	}
}

func TestScheduleErrors(t *testing.T) {
	row := func(day time.Weekday, start, end int, place string) curfew.Row {
		return curfew.Row{Day: day, Start: curfew.Clock(start, 0), End: curfew.Clock(end, 0), Place: place}
	}
	at := zulu(t, "2026-03-02T19:00Z")
	permit := func(change func(*curfew.Permit)) []curfew.Permit {
		p := curfew.Permit{From: at, To: at.Add(time.Hour), ApprovedBy: "officer 12", ApprovedAt: at.Add(-time.Hour)}
		change(&p)
		return []curfew.Permit{p}
	}
	for _, tt := range []struct {
		name string
		plan curfew.Plan
		want string
		is   error
	}{
		{"no zone", curfew.Plan{}, `curfew: zone "": not the name of a zone such as Europe/Vilnius`, nil},
		{"the machine's zone", curfew.Plan{Zone: "Local"}, `curfew: zone "Local"`, nil},
		{"unknown zone", curfew.Plan{Zone: "Europe/Vilna"}, `curfew: zone "Europe/Vilna": unknown time zone Europe/Vilna`, nil},
		{"a path", curfew.Plan{Zone: "../../etc/passwd"}, `curfew: zone "../../etc/passwd"`, nil},
		{"empty row", curfew.Plan{Zone: "UTC", Weekly: []curfew.Row{row(1, 19, 19, "")}},
			"curfew: weekly[0] (mon 19:00-19:00): end equals start; a whole day is all_day", curfew.ErrEmptyRow},
		{"all day with times", curfew.Plan{Zone: "UTC", Weekly: []curfew.Row{{Day: 1, AllDay: true, Start: 60}}},
			"curfew: weekly[0] (mon all day): an all-day row has no start or end", curfew.ErrAllDayTimes},
		{"day 7", curfew.Plan{Zone: "UTC", Weekly: []curfew.Row{row(7, 19, 7, "")}}, "curfew: weekly[0] (day 7 19:00-07:00): no such day", curfew.ErrDay},
		{"24:00", curfew.Plan{Zone: "UTC", Weekly: []curfew.Row{row(1, 19, 24, "")}}, "no such time of day", curfew.ErrTimeOfDay},
		{"two places", curfew.Plan{Zone: "UTC", Weekly: []curfew.Row{row(6, 19, 7, "a"), row(1, 19, 7, "a"), row(0, 6, 12, "b")}},
			"curfew: weekly[0] (sat 19:00-07:00 at a) and weekly[2] (sun 06:00-12:00 at b) cannot both be met", nil},
		{"two places, listed the other way", curfew.Plan{Zone: "UTC", Weekly: []curfew.Row{row(0, 6, 12, "b"), row(6, 19, 7, "a")}},
			"cannot both be met", nil},
		{"permit backwards", curfew.Plan{Zone: "UTC", Permits: permit(func(p *curfew.Permit) { p.To = p.From })},
			"curfew: permits[0]: ends no later than it begins", curfew.ErrEmptyPermit},
		{"permit of nobody", curfew.Plan{Zone: "UTC", Permits: permit(func(p *curfew.Permit) { p.ApprovedBy = " " })}, "who approved it", curfew.ErrUnapproved},
		{"permit of no time", curfew.Plan{Zone: "UTC", Permits: permit(func(p *curfew.Permit) { p.ApprovedAt = time.Time{} })}, "who approved it", curfew.ErrUnapproved},
		{"permit known too soon", curfew.Plan{Zone: "UTC", Permits: permit(func(p *curfew.Permit) { p.KnownFrom = p.ApprovedAt.Add(-1) })},
			"known before it was approved", curfew.ErrKnownTooSoon},
		{"permit in year 1", curfew.Plan{Zone: "UTC", Permits: permit(func(p *curfew.Permit) { p.From = time.Time{} })}, "beyond the years", curfew.ErrInstant},
		{"too many rows", curfew.Plan{Zone: "UTC", Weekly: make([]curfew.Row, curfew.MaxRows+1)}, "curfew: weekly[168]: too many: at most 168", curfew.ErrTooMany},
		{"too many permits", curfew.Plan{Zone: "UTC", Permits: make([]curfew.Permit, curfew.MaxPermits+1)}, "too many", curfew.ErrTooMany},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := curfew.NewSchedule(tt.plan)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want %q", err, tt.want)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v is not %v", err, tt.is)
			}
		})
	}
	_, err := curfew.NewSchedule(curfew.Plan{Zone: "x/y", Weekly: []curfew.Row{row(1, 1, 1, ""), row(2, 19, 7, "a"), row(2, 20, 6, "b")},
		Permits: make([]curfew.Permit, 1)})
	var zone *curfew.ZoneError
	var bad *curfew.EntryError
	var conflict *curfew.ConflictError
	if !errors.As(err, &zone) || !errors.As(err, &bad) || !errors.As(err, &conflict) || !errors.Is(err, curfew.ErrInstant) {
		t.Fatalf("not all errors are told: %v", err)
	}
	if zone.Zone != "x/y" || bad.Entry != "weekly[0]" || conflict.A != "weekly[1]" || conflict.B != "weekly[2]" || conflict.TextB != "tue 20:00-06:00 at b" {
		t.Errorf("errors name something else: %v", err)
	}
	// Rows that meet are no conflict, and those of one place may overlap.
	if _, err := curfew.NewSchedule(curfew.Plan{Zone: "UTC", Weekly: []curfew.Row{row(1, 19, 7, "a"), row(2, 7, 12, "b"), row(2, 5, 6, "a"), row(0, 22, 19, "a")}}); err != nil {
		t.Error(err)
	}
}

func TestScheduleOwnsItsPlan(t *testing.T) {
	p := curfew.Plan{Zone: "UTC", Weekly: []curfew.Row{{Day: 1, Start: 60, End: 120}}}
	s, err := curfew.NewSchedule(p)
	if err != nil {
		t.Fatal(err)
	}
	p.Weekly[0].End = 180
	s.Plan().Weekly[0].End = 240
	if got := s.Plan().Weekly[0].End; got != 120 {
		t.Errorf("the end became %v", got)
	}
}
