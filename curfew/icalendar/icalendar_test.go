package icalendar_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
	"github.com/sargas-em/em/curfew/icalendar"
)

// calendar puts events into a calendar; lines are counted from its first, so
// that the first line of the first event's content is 4.
func calendar(events ...string) string {
	var b strings.Builder
	b.WriteString("BEGIN:VCALENDAR\nVERSION:2.0\n")
	for _, e := range events {
		b.WriteString("BEGIN:VEVENT\n" + strings.TrimSpace(e) + "\nEND:VEVENT\n")
	}
	return b.String() + "END:VCALENDAR\n"
}

var vilnius = icalendar.Options{Zone: "Europe/Vilnius"}

func date(y int, m time.Month, d int) curfew.Date { return curfew.Date{Year: y, Month: m, Day: d} }

func obligations(t testing.TB, p curfew.Plan, from, to time.Time) (list []string) {
	t.Helper()
	s, err := curfew.NewSchedule(p)
	if err != nil {
		t.Fatal(err)
	}
	for o := range s.Between(from, to) {
		kind := ""
		if o.Kind != curfew.MustBeHome {
			kind = " " + o.Kind.String()
		}
		if o.Row.Place != "" {
			kind += " at " + o.Row.Place
		}
		if o.Row.Dwell > 0 {
			kind += " for " + o.Row.Dwell.String()
		}
		list = append(list, o.Start.Format("2006-01-02T15:04Z")+" "+o.End.Format("2006-01-02T15:04Z")+kind)
	}
	return list
}

// What calendars say, as instants. The instants were worked out by hand.
func TestImport(t *testing.T) {
	march, april := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		doc    string
		o      icalendar.Options
		from   time.Time
		to     time.Time
		want   []string
		weekly int // rows
		days   int // dates that differ
	}{
		{
			"every Monday and Friday, through the clock change of 29 March; the end follows the clock",
			calendar("UID:a\nDTSTART;TZID=Europe/Vilnius:20260302T190000\nDTEND;TZID=Europe/Vilnius:20260303T070000\nRRULE:FREQ=WEEKLY;BYDAY=MO,FR"),
			vilnius, time.Date(2026, 3, 23, 0, 0, 0, 0, time.UTC), april,
			[]string{"2026-03-23T17:00Z 2026-03-24T05:00Z", "2026-03-27T17:00Z 2026-03-28T05:00Z", "2026-03-30T16:00Z 2026-03-31T04:00Z"}, 2, 0,
		},
		{
			"the night of the change itself, 22:00 to 06:00: 7 hours",
			calendar("UID:a\nDTSTART;TZID=Europe/Vilnius:20260328T220000\nDURATION:PT8H"),
			vilnius, march, april, []string{"2026-03-28T20:00Z 2026-03-29T03:00Z"}, 0, 1,
		},
		{
			"an exception given in another zone, and one in UTC",
			calendar("UID:a\nDTSTART;TZID=Europe/Vilnius:20260302T190000\nDTEND;TZID=Europe/Vilnius:20260303T070000\nRRULE:FREQ=WEEKLY;COUNT=4\n" +
				"EXDATE;TZID=Europe/Oslo:20260309T180000\nEXDATE:20260316T170000Z"),
			vilnius, march, april, []string{"2026-03-02T17:00Z 2026-03-03T05:00Z", "2026-03-23T17:00Z 2026-03-24T05:00Z"}, 0, 2,
		},
		{
			"an exception in UTC for a time that clocks skip: 03:30 of 29 March is 04:30",
			calendar("UID:a\nDTSTART;TZID=Europe/Vilnius:20260328T033000\nDTEND;TZID=Europe/Vilnius:20260328T060000\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE:20260329T013000Z"),
			vilnius, march, april, []string{"2026-03-28T01:30Z 2026-03-28T04:00Z", "2026-03-30T00:30Z 2026-03-30T03:00Z"}, 0, 2,
		},
		{
			"an added date in another zone: 20:00 in Oslo is 21:00 in Vilnius; a period has its own length",
			calendar("UID:a\nDTSTART;TZID=Europe/Vilnius:20260302T190000\nDTEND;TZID=Europe/Vilnius:20260302T220000\nRDATE;TZID=Europe/Oslo:20260304T200000\n" +
				"RDATE;VALUE=PERIOD:20260305T100000Z/PT1H,20260306T100000Z/20260306T103000Z"),
			vilnius, march, april, []string{"2026-03-02T17:00Z 2026-03-02T20:00Z", "2026-03-04T19:00Z 2026-03-04T22:00Z", "2026-03-05T10:00Z 2026-03-05T11:00Z", "2026-03-06T10:00Z 2026-03-06T10:30Z"}, 0, 4,
		},
		{
			"one evening moved and one cancelled",
			calendar("UID:a\nDTSTART;TZID=Europe/Vilnius:20260302T190000\nDTEND;TZID=Europe/Vilnius:20260302T220000\nRRULE:FREQ=WEEKLY;UNTIL=20260316T170000Z",
				"UID:a\nRECURRENCE-ID;TZID=Europe/Vilnius:20260309T190000\nDTSTART;TZID=Europe/Vilnius:20260310T200000\nDTEND;TZID=Europe/Vilnius:20260310T210000",
				"UID:a\nRECURRENCE-ID:20260316T170000Z\nSTATUS:CANCELLED\nDTSTART;TZID=Europe/Vilnius:20260316T190000\nDTEND;TZID=Europe/Vilnius:20260316T220000"),
			vilnius, march, april, []string{"2026-03-02T17:00Z 2026-03-02T20:00Z", "2026-03-10T18:00Z 2026-03-10T19:00Z"}, 0, 2,
		},
		{
			"a weekly row that one date replaces, and another adds to",
			calendar("UID:a\nDTSTART;TZID=Europe/Vilnius:20260302T190000\nDTEND;TZID=Europe/Vilnius:20260303T070000\nRRULE:FREQ=WEEKLY\nEXDATE;TZID=Europe/Vilnius:20260309T190000",
				"UID:b\nDTSTART;TZID=Europe/Vilnius:20260316T120000\nDTEND;TZID=Europe/Vilnius:20260316T130000"),
			vilnius, march, time.Date(2026, 3, 24, 0, 0, 0, 0, time.UTC),
			[]string{"2026-03-02T17:00Z 2026-03-03T05:00Z", "2026-03-16T10:00Z 2026-03-16T11:00Z", "2026-03-16T17:00Z 2026-03-17T05:00Z", "2026-03-23T17:00Z 2026-03-24T05:00Z"}, 1, 2,
		},
		{
			"whole days: one, and a weekend with an exclusive end",
			calendar("UID:a\nDTSTART;VALUE=DATE:20260304", "UID:b\nDTSTART;VALUE=DATE:20260307\nDTEND;VALUE=DATE:20260309"),
			vilnius, march, april, []string{"2026-03-03T22:00Z 2026-03-04T22:00Z", "2026-03-06T22:00Z 2026-03-07T22:00Z", "2026-03-07T22:00Z 2026-03-08T22:00Z"}, 0, 3,
		},
		{
			"Friday 18:00 to Monday 06:00 is a row for each date",
			calendar("UID:a\nDTSTART;TZID=Europe/Vilnius:20260306T180000\nDTEND;TZID=Europe/Vilnius:20260309T060000"),
			vilnius, march, april, []string{"2026-03-06T16:00Z 2026-03-06T22:00Z", "2026-03-06T22:00Z 2026-03-07T22:00Z", "2026-03-07T22:00Z 2026-03-08T22:00Z", "2026-03-08T22:00Z 2026-03-09T04:00Z"}, 0, 4,
		},
		{
			"floating times are the place's; UTC is turned into them",
			calendar("UID:a\nDTSTART:20260302T190000\nDTEND:20260302T200000", "UID:b\nDTSTART:20260303T190000Z\nDTEND:20260303T200000Z"),
			vilnius, march, april, []string{"2026-03-02T17:00Z 2026-03-02T18:00Z", "2026-03-03T19:00Z 2026-03-03T20:00Z"}, 0, 2,
		},
		{
			"the last working day of the month, between two dates",
			calendar("UID:a\nDTSTART;TZID=Europe/Vilnius:20260130T100000\nDTEND;TZID=Europe/Vilnius:20260130T110000\nRRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"),
			icalendar.Options{Zone: "Europe/Vilnius", From: date(2026, 2, 1), Until: date(2026, 4, 1)}, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
			[]string{"2026-02-27T08:00Z 2026-02-27T09:00Z", "2026-03-31T07:00Z 2026-03-31T08:00Z"}, 0, 2,
		},
		{
			"kinds, places with a zone of their own, dwell; the order is that of the text",
			calendar("UID:a\nCATEGORIES:Programme,must_attend\nX-EM-PLACE:clinic\nX-EM-DWELL:PT30M\nDTSTART;TZID=Europe/Oslo:20260302T100000\nDTEND;TZID=Europe/Oslo:20260302T120000"),
			icalendar.Options{Zone: "Europe/Vilnius", Places: []curfew.Place{{Name: "clinic", Zone: "Europe/Oslo"}}}, march, april,
			[]string{"2026-03-02T09:00Z 2026-03-02T11:00Z MUST_ATTEND at clinic for 30m0s"}, 0, 1,
		},
		{
			"zones by other names: of the caller, of a VTIMEZONE, at the end of a path",
			"BEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\nTZID:Home\r\nX-LIC-LOCATION:Europe/Riga\r\nEND:VTIMEZONE\r\n" +
				"BEGIN:VEVENT\r\nUID:a\r\nDTSTART;TZID=\"FLE Standard Time\":20260302T100000\r\nDTEND;TZID=Home:20260302T110000\r\nEND:VEVENT\r\n" +
				"BEGIN:VEVENT\r\nUID:b\r\nDTSTART;TZID=/example.org/2026/Europe/Tallinn:2026\r\n 0303T100000\r\nDURATION:PT1H\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
			icalendar.Options{Zone: "Europe/Vilnius", Zones: map[string]string{"FLE Standard Time": "Europe/Kyiv"}}, march, april,
			[]string{"2026-03-02T08:00Z 2026-03-02T09:00Z", "2026-03-03T08:00Z 2026-03-03T09:00Z"}, 0, 2,
		},
		{
			"the later version of an event counts; cancelled ones do not",
			calendar("UID:a\nSEQUENCE:1\nDTSTART:20260302T190000\nDTEND:20260302T200000", "UID:a\nSEQUENCE:2\nDTSTART:20260303T190000\nDTEND:20260303T200000",
				"UID:b\nSTATUS:CANCELLED\nDTSTART:20260304T190000\nDTEND:20260304T200000"),
			vilnius, march, april, []string{"2026-03-03T17:00Z 2026-03-03T18:00Z"}, 0, 1,
		},
		{"nothing", "BEGIN:VCALENDAR\nEND:VCALENDAR", vilnius, march, april, nil, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := icalendar.Import(strings.NewReader(c.doc), c.o)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, obligations(t, p, c.from, c.to)); d != "" {
				t.Error(d)
			}
			days := 0
			for _, c := range p.Calendars {
				days += len(c.Days)
			}
			if len(p.Weekly) != c.weekly || days != c.days {
				t.Errorf("%d weekly rows and %d dates, want %d and %d", len(p.Weekly), days, c.weekly, c.days)
			}
		})
	}
}

// What is refused, with its line and property.
func TestImportErrors(t *testing.T) {
	ok := "UID:a\nDTSTART;TZID=Europe/Vilnius:20260302T190000\nDTEND;TZID=Europe/Vilnius:20260302T220000\n"
	for _, c := range []struct {
		name, doc string
		line      int
		property  string
		want      error
	}{
		{"no calendar", "hello", 1, "", icalendar.ErrSyntax},
		{"empty", "", 1, "", icalendar.ErrSyntax},
		{"another component", "BEGIN:VEVENT\nEND:VEVENT", 1, "", icalendar.ErrSyntax},
		{"cut", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a", 3, "", icalendar.ErrSyntax},
		{"crossed", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR", 3, "", icalendar.ErrSyntax},
		{"behind the end", "BEGIN:VCALENDAR\nEND:VCALENDAR\nX:1", 3, "", icalendar.ErrSyntax},
		{"no colon", calendar("UID"), 4, "", icalendar.ErrSyntax},
		{"no colon after a parameter", calendar("UID;X=1"), 4, "", icalendar.ErrSyntax},
		{"an open quotation mark", calendar(`UID;X="1:a`), 4, "", icalendar.ErrSyntax},
		{"something after a quotation mark", calendar(`UID;X="1"a:a`), 4, "", icalendar.ErrSyntax},
		{"a continuation of nothing", " BEGIN:VCALENDAR", 1, "", icalendar.ErrSyntax},
		{"no text", calendar("UID:\xff"), 4, "", icalendar.ErrSyntax},
		{"nested too deep", "BEGIN:VCALENDAR\n" + strings.Repeat("BEGIN:X\n", 9), 5, "", icalendar.ErrSyntax},
		{"our own parameter", calendar("UID;X-EM-LINE=7:a"), 4, "", icalendar.ErrSyntax},
		{"a long line", calendar("UID:" + strings.Repeat("a", 1<<17)), 4, "", icalendar.ErrTooLarge},
		{"a long line in pieces", calendar("UID:a\n " + strings.Repeat(strings.Repeat("a", 1<<15)+"\n ", 3)), 4, "", icalendar.ErrTooLarge},
		{"long parameters", calendar("UID;X=" + strings.Repeat("a", 1<<13) + ":a"), 4, "UID", icalendar.ErrTooLarge},
		{"no UID", calendar("DTSTART:20260302T190000"), 3, "UID", icalendar.ErrMissing},
		{"no start", calendar("UID:a"), 3, "DTSTART", icalendar.ErrMissing},
		{"no end", calendar("UID:a\nDTSTART:20260302T190000"), 3, "DTEND", icalendar.ErrMissing},
		{"a start that is none", calendar("UID:a\nDTSTART:20260230T190000"), 5, "DTSTART", icalendar.ErrValue},
		{"a date without saying so", calendar("UID:a\nDTSTART:20260302"), 5, "DTSTART", icalendar.ErrValue},
		{"two starts", calendar(ok + "DTSTART:20260302T190000"), 7, "DTSTART", icalendar.ErrTwice},
		{"end and duration", calendar(ok + "DURATION:PT1H"), 7, "DURATION", icalendar.ErrTwice},
		{"ends at its start", calendar("UID:a\nDTSTART:20260302T190000\nDTEND:20260302T190000"), 6, "DTEND", icalendar.ErrRange},
		{"lasts two months", calendar("UID:a\nDTSTART:20260302T190000\nDTEND:20260502T190000"), 6, "DTEND", icalendar.ErrRange},
		{"a duration of nothing", calendar("UID:a\nDTSTART:20260302T190000\nDURATION:PT0S"), 6, "DURATION", icalendar.ErrRange},
		{"no duration", calendar("UID:a\nDTSTART:20260302T190000\nDURATION:8H"), 6, "DURATION", icalendar.ErrValue},
		{"seconds", calendar("UID:a\nDTSTART:20260302T190030\nDURATION:PT1H"), 5, "DTSTART", icalendar.ErrSeconds},
		{"seconds of a duration", calendar("UID:a\nDTSTART:20260302T190000\nDURATION:PT90S"), 6, "DURATION", icalendar.ErrSeconds},
		{"a zone of nowhere", calendar("UID:a\nDTSTART;TZID=Nowhere/Else:20260302T190000"), 5, "DTSTART", icalendar.ErrZone},
		{"a zone of nowhere for an exception", calendar(ok + "EXDATE;TZID=Nowhere/Else:20260302T190000"), 7, "EXDATE", icalendar.ErrZone},
		{"floating end of a start that is not", calendar("UID:a\nDTSTART:20260302T190000Z\nDTEND:20260302T200000"), 6, "DTEND", icalendar.ErrValue},
		{"a rule of nothing", calendar(ok + "RRULE:COUNT=3"), 7, "RRULE", icalendar.ErrValue},
		{"an unknown part", calendar(ok + "RRULE:FREQ=WEEKLY;BYMOON=1"), 7, "RRULE", icalendar.ErrValue},
		{"every hour", calendar(ok + "RRULE:FREQ=HOURLY"), 7, "RRULE", icalendar.ErrUnsupported},
		{"count and until", calendar(ok + "RRULE:FREQ=DAILY;COUNT=1;UNTIL=20260303"), 7, "RRULE", icalendar.ErrTwice},
		{"an interval of 0", calendar(ok + "RRULE:FREQ=DAILY;INTERVAL=0"), 7, "RRULE", icalendar.ErrValue},
		{"by Easter", calendar(ok + "RRULE:FREQ=YEARLY;BYEASTER=0"), 7, "RRULE", icalendar.ErrUnsupported},
		{"at seconds", calendar(ok + "RRULE:FREQ=DAILY;BYSECOND=30"), 7, "RRULE", icalendar.ErrSeconds},
		{"never", calendar(ok + "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=1"), 7, "RRULE", icalendar.ErrNever},
		{"not at its start", calendar(ok + "RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=3"), 7, "RRULE", icalendar.ErrStart},
		{"for ever", calendar(ok + "RRULE:FREQ=MONTHLY"), 7, "RRULE", icalendar.ErrHorizon},
		{"two rules", calendar(ok + "RRULE:FREQ=MONTHLY\nRRULE:FREQ=DAILY"), 8, "RRULE", icalendar.ErrTwice},
		{"an exception from nothing", calendar(ok + "RRULE:FREQ=WEEKLY;COUNT=2\nEXDATE;TZID=Europe/Vilnius:20260303T190000"), 8, "EXDATE", icalendar.ErrNoInstance},
		{"the same clock in another zone is no exception", calendar(ok + "RRULE:FREQ=WEEKLY;COUNT=2\nEXDATE;TZID=Europe/Oslo:20260302T190000"), 8, "EXDATE", icalendar.ErrNoInstance},
		{"a date as an exception from a time", calendar(ok + "RRULE:FREQ=WEEKLY;COUNT=2\nEXDATE;VALUE=DATE:20260302"), 8, "EXDATE", icalendar.ErrValue},
		{"an exclusion rule", calendar(ok + "EXRULE:FREQ=DAILY"), 7, "EXRULE", icalendar.ErrUnsupported},
		{"this and future", calendar(ok+"RRULE:FREQ=WEEKLY;COUNT=2", ok+"RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Vilnius:20260302T190000"), 13, "RECURRENCE-ID", icalendar.ErrUnsupported},
		{"another version of nothing", calendar(ok + "RECURRENCE-ID:20260302T190000Z"), 7, "RECURRENCE-ID", icalendar.ErrNoInstance},
		{"an occurrence that is not there", calendar(ok+"RRULE:FREQ=WEEKLY;COUNT=2", ok+"RECURRENCE-ID;TZID=Europe/Vilnius:20260303T190000"), 13, "RECURRENCE-ID", icalendar.ErrNoInstance},
		{"a UID twice", calendar(ok, ok), 8, "UID", icalendar.ErrTwice},
		{"the second pass of 03:30", calendar("UID:a\nDTSTART:20261025T013000Z\nDTEND:20261025T050000Z"), 3, "", icalendar.ErrRepeated},
		{"a dwell that is none", calendar(ok + "CATEGORIES:MUST_ATTEND\nX-EM-DWELL:long"), 8, "X-EM-DWELL", icalendar.ErrValue},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := icalendar.Import(strings.NewReader(c.doc), vilnius)
			var e *icalendar.Error
			if !errors.As(err, &e) || !errors.Is(err, c.want) || e.Line != c.line || e.Property != c.property {
				t.Errorf("%v (%+v), want line %d %s: %v", err, e, c.line, c.property, c.want)
			}
		})
	}
	if _, err := icalendar.Import(strings.NewReader(""), icalendar.Options{Zone: "Nowhere"}); err == nil {
		t.Error("a zone of nowhere is taken")
	}
	var kind *curfew.ConflictError
	_, err := icalendar.Import(strings.NewReader(calendar("UID:a\nDTSTART:20260302T190000\nDURATION:PT1H", "UID:b\nX-EM-PLACE:x\nDTSTART:20260302T193000\nDURATION:PT1H")), vilnius)
	if !errors.As(err, &kind) {
		t.Errorf("two places at once: %v", err)
	}
}

// Ten thousand events are read; a hundred thousand are not.
func TestLargeCalendars(t *testing.T) {
	var events []string
	for i := range 10_000 {
		at := time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(i/5)*24*time.Hour + time.Duration(i%5)*2*time.Hour)
		events = append(events, fmt.Sprintf("UID:e%d\nDTSTART:%s\nDURATION:PT1H", i, at.Format("20060102T150405")))
	}
	p, err := icalendar.Import(strings.NewReader(calendar(events...)), vilnius)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, d := range p.Calendars[0].Days {
		n += len(d.Rows)
	}
	if n != 10_000 {
		t.Errorf("%d rows", n)
	}
	more := "BEGIN:VCALENDAR\n" + strings.Repeat("BEGIN:VEVENT\nEND:VEVENT\n", icalendar.MaxEvents+1)
	if _, err := icalendar.Import(strings.NewReader(more), vilnius); !errors.Is(err, icalendar.ErrTooLarge) {
		t.Errorf("%d events: %v", icalendar.MaxEvents+1, err)
	}
	if _, err := icalendar.Import(strings.NewReader(strings.Repeat(" ", icalendar.MaxBytes+1)), vilnius); !errors.Is(err, icalendar.ErrTooLarge) {
		t.Errorf("%d bytes: %v", icalendar.MaxBytes+1, err)
	}
	o := vilnius
	o.MaxOccurrences = 99
	long := calendar("UID:a\nDTSTART:20260302T190000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=100")
	if _, err := icalendar.Import(strings.NewReader(long), o); !errors.Is(err, icalendar.ErrTooLarge) {
		t.Errorf("100 occurrences: %v", err)
	}
}

// What recurs asks for nothing on a date on which clocks skip all of it; an event
// of that date alone is a mistake.
func TestImportSkippedByClocks(t *testing.T) {
	in := icalendar.Options{Zone: "America/New_York"}
	p, err := icalendar.Import(strings.NewReader(calendar("UID:a\nDTSTART:20260301T025800\nDTEND:20260301T030300\nRRULE:FREQ=WEEKLY;UNTIL=20260322T075800Z")), in)
	if err != nil {
		t.Fatal(err)
	}
	var dates []string
	for _, d := range p.Calendars[0].Days {
		dates = append(dates, d.Date.String())
	}
	if want := []string{"2026-03-01", "2026-03-15", "2026-03-22"}; !slices.Equal(dates, want) {
		t.Errorf("%v, want %v", dates, want)
	}
	in.Until = date(2026, 4, 1)
	p, err = icalendar.Import(strings.NewReader(calendar("UID:a\nDTSTART:20260301T025800\nDTEND:20260301T030300\nRRULE:FREQ=WEEKLY",
		"UID:b\nDTSTART:20260301T120000\nDTEND:20260301T130000\nRRULE:FREQ=WEEKLY\nEXDATE:20260308T120000")), in)
	if err != nil || len(p.Weekly) != 2 || len(p.Calendars) != 1 || len(p.Calendars[0].Days) != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	if d := p.Calendars[0].Days[0]; d.Date != date(2026, 3, 8) || !d.Replace || len(d.Rows) != 0 {
		t.Errorf("%+v", d)
	}
	if _, err := icalendar.Import(strings.NewReader(calendar("UID:a\nDTSTART:20260308T025800\nDTEND:20260308T030300")), in); !errors.Is(err, curfew.ErrInGap) {
		t.Errorf("an event of that date: %v", err)
	}
}

func genPlan(t *rapid.T) curfew.Plan {
	row := func(day time.Weekday) curfew.Row {
		r := curfew.Row{Day: day, Kind: curfew.Kind(rapid.IntRange(0, 3).Draw(t, "kind")), Place: rapid.SampledFrom([]string{"", "clinic, \"north\"; ward\n2", "hytte"}).Draw(t, "place")}
		if rapid.IntRange(0, 5).Draw(t, "all day") == 0 {
			r.AllDay = true
			return r
		}
		r.Start = curfew.TimeOfDay(rapid.IntRange(0, 1439).Draw(t, "start"))
		r.End = curfew.TimeOfDay((int(r.Start) + rapid.IntRange(1, 1439).Draw(t, "length")) % 1440)
		return r
	}
	p := curfew.Plan{Zone: rapid.SampledFrom([]string{"Europe/Vilnius", "UTC", "America/New_York"}).Draw(t, "zone"),
		Places: []curfew.Place{{Name: "clinic, \"north\"; ward\n2"}, {Name: "hytte", Zone: "Europe/Oslo"}}}
	for range rapid.IntRange(0, 3).Draw(t, "rows") {
		p.Weekly = append(p.Weekly, row(time.Weekday(rapid.IntRange(0, 6).Draw(t, "day"))))
	}
	var c curfew.Calendar
	for i := range rapid.IntRange(0, 4).Draw(t, "holidays") {
		at := time.Date(2026, 3, 20+5*i+rapid.IntRange(0, 4).Draw(t, "date"), 0, 0, 0, 0, time.UTC)
		h := curfew.Holiday{Date: date(at.Year(), at.Month(), at.Day()), Name: "Šventė"}
		switch rapid.IntRange(0, 2).Draw(t, "how") {
		case 0:
			h.Replace = true
		case 1:
			h.Like = em.Some(time.Weekday(rapid.IntRange(0, 6).Draw(t, "like")))
		}
		if rapid.Bool().Draw(t, "row") {
			h.Rows = append(h.Rows, row(at.Weekday()))
		}
		c.Days = append(c.Days, h)
	}
	p.Calendars = []curfew.Calendar{c}
	if rapid.IntRange(0, 3).Draw(t, "released") == 0 {
		p.Release = &curfew.Release{Date: date(2026, 3, rapid.IntRange(10, 30).Draw(t, "release")), Start: curfew.Clock(15, 0), End: curfew.Clock(7, 0)}
	}
	return p
}

// What is written is read back as the same obligations.
func TestRoundTrip(t *testing.T) {
	stamp := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tried := 0
	rapid.Check(t, func(t *rapid.T) {
		p := genPlan(t)
		if _, err := curfew.NewSchedule(p); err != nil {
			t.Skip("no plan")
		}
		tried++
		o := icalendar.ExportOptions{Name: "P-1 ąžuolas; a long name that has to be folded, for it is longer than a line of a calendar may be", UID: "order-1@example.org", From: date(2026, 3, 2), Stamp: stamp}
		in := icalendar.Options{Zone: p.Zone, Places: p.Places, From: o.From}
		to := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
		if rapid.Bool().Draw(t, "until") {
			o.Until, in.Until = date(2026, 4, 20), date(2026, 4, 20)
			to = time.Date(2026, 4, 18, 0, 0, 0, 0, time.UTC)
		}
		var b bytes.Buffer
		if err := icalendar.Export(&b, p, o); err != nil {
			t.Fatal(err)
		}
		for _, l := range strings.SplitAfter(b.String(), "\r\n") {
			if len(l) > 77 {
				t.Fatalf("a line of %d bytes: %s", len(l), l)
			}
		}
		again, err := icalendar.Import(bytes.NewReader(b.Bytes()), in)
		if err != nil {
			t.Fatalf("%v in\n%s", err, b.String())
		}
		from := time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)
		a, z := rawObligations(t, p, from, to), rawObligations(t, again, from, to)
		if d := cmp.Diff(a, z); d != "" {
			t.Fatalf("%s\n%s", d, b.String())
		}
	})
	if tried == 0 {
		t.Error("no plan was tried")
	}
}

// rawObligations are sorted, and each once: two alike rows become one.
func rawObligations(t *rapid.T, p curfew.Plan, from, to time.Time) map[string]bool {
	s, err := curfew.NewSchedule(p)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for o := range s.Between(from, to) {
		all[fmt.Sprint(o.Start, o.End, o.Kind, o.Row.Place, o.Row.Dwell)] = true
	}
	return all
}

func ExampleImport() {
	p, err := icalendar.Import(strings.NewReader(`BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
UID:evenings@example.org
DTSTART;TZID=Europe/Vilnius:20260302T190000
DTEND;TZID=Europe/Vilnius:20260303T070000
RRULE:FREQ=WEEKLY;BYDAY=MO,TU
EXDATE;TZID=Europe/Vilnius:20260310T190000
END:VEVENT
END:VCALENDAR
`), icalendar.Options{Zone: "Europe/Vilnius"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range p.Weekly {
		fmt.Println(r)
	}
	for _, d := range p.Calendars[0].Days {
		fmt.Println(d.Date, d.Replace, d.Rows)
	}
	// Output:
	// mon 19:00-07:00
	// tue 19:00-07:00
	// 2026-03-10 true []
}

func ExampleExport() {
	p := curfew.Plan{Zone: "Europe/Vilnius", Weekly: []curfew.Row{{Day: time.Monday, Start: curfew.Clock(19, 0), End: curfew.Clock(7, 0)}}}
	var b bytes.Buffer
	err := icalendar.Export(&b, p, icalendar.ExportOptions{UID: "order-17@example.org", From: date(2026, 3, 1), Stamp: time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, events, _ := strings.Cut(strings.ReplaceAll(b.String(), "\r", ""), "END:VTIMEZONE\n")
	fmt.Print(events)
	// Output:
	// BEGIN:VEVENT
	// CATEGORIES:MUST_BE_HOME
	// DTEND;TZID=Europe/Vilnius:20260303T070000
	// DTSTAMP:20260201T120000Z
	// DTSTART;TZID=Europe/Vilnius:20260302T190000
	// RRULE:FREQ=WEEKLY;BYDAY=MO
	// SUMMARY:Be home
	// UID:weekly-0-order-17@example.org
	// END:VEVENT
	// END:VCALENDAR
}

// The nights of a clock change are as long as they are.
func TestExportObligations(t *testing.T) {
	s, err := curfew.NewSchedule(curfew.Plan{Zone: "Europe/Vilnius", Weekly: []curfew.Row{{Day: time.Saturday, Start: curfew.Clock(22, 0), End: curfew.Clock(6, 0)}}})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	from := time.Date(2026, 10, 24, 0, 0, 0, 0, time.UTC)
	if err := icalendar.ExportObligations(&b, "", "order-17@example.org", from, s.Between(from, from.AddDate(0, 0, 7))); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"DTSTART:20261024T190000Z\r\n", "DTEND:20261025T040000Z\r\n", "SUMMARY:Be home\r\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	b.Reset()
	if err := icalendar.ExportObligations(&b, "", "x", from, s.Between(from, from)); err != nil {
		t.Fatal(err)
	}
	if p, err := icalendar.Import(&b, vilnius); err != nil || len(p.Calendars) != 0 {
		t.Errorf("an empty calendar: %v", err)
	}
}
