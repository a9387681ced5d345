package icalendar_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/sargas-em/em/curfew"
	"github.com/sargas-em/em/curfew/icalendar"
)

// No bytes panic or take long, and what is read can be written and read again.
func FuzzImport(f *testing.F) {
	f.Add([]byte(calendar("UID:a\nDTSTART;TZID=Europe/Vilnius:20260302T190000\nDTEND;TZID=Europe/Vilnius:20260303T070000\nRRULE:FREQ=WEEKLY;BYDAY=MO,FR\nEXDATE:20260306T170000Z")))
	f.Add([]byte(calendar("UID:a\nDTSTART;VALUE=DATE:20260302\nRRULE:FREQ=MONTHLY;BYMONTHDAY=-1,2;COUNT=4;BYSETPOS=1", "UID:a\nRECURRENCE-ID;VALUE=DATE:20260302\nDTSTART:20260304T100000Z\nDURATION:P1DT2H")))
	f.Add([]byte(calendar("UID:a\nX-EM-PLACE:x\nCATEGORIES:MUST_ATTEND\nX-EM-DWELL:PT5M\nDTSTART:20261025T000000Z\nDURATION:PT1H\nRDATE;VALUE=PERIOD:20260305T100000Z/PT1H")))
	f.Add([]byte("BEGIN:VCALENDAR\r\nUID;X=\"a\",b:\\n\r\n c\r\nEND:VCALENDAR\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		o := icalendar.Options{Zone: "Europe/Vilnius", From: date(2026, 1, 1), Until: date(2026, 12, 31), MaxOccurrences: 5000}
		p, err := icalendar.Import(bytes.NewReader(b), o)
		if err != nil {
			var e *icalendar.Error
			if errors.As(err, &e) && e.Line < 0 {
				t.Fatalf("line %d", e.Line)
			}
			return
		}
		var out bytes.Buffer
		if err := icalendar.Export(&out, p, icalendar.ExportOptions{UID: "x", From: o.From, Until: o.Until, Stamp: time.Unix(0, 0)}); err != nil {
			t.Fatal(err)
		}
		again, err := icalendar.Import(&out, o)
		if err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		count := func(p curfew.Plan) map[string]bool {
			s, err := curfew.NewSchedule(p)
			if err != nil {
				t.Fatal(err)
			}
			all := map[string]bool{}
			for ob := range s.Between(time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 29, 0, 0, 0, 0, time.UTC)) {
				all[ob.Start.String()+ob.End.String()+ob.Kind.String()+ob.Row.Place] = true
			}
			return all
		}
		if a, z := count(p), count(again); len(a) != len(z) {
			t.Fatalf("%d obligations are %d\n%s", len(a), len(z), out.String())
		}
	})
}
