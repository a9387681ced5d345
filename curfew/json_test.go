package curfew_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
)

const planDoc = `{"zone":"Europe/Vilnius","weekly":[{"day":"mon","start":"19:00","end":"07:00"},{"day":"sun","all_day":true,"place":"second home"}],` +
	`"permits":[{"from":"2026-03-02T19:00:00+02:00","to":"2026-03-02T22:00:00+02:00","approved_by":"officer 12",` +
	`"approved_at":"2026-02-27T10:15:00+02:00","known_from":"2026-02-27T10:20:00+02:00","reason":"evening school"}]}`

const layersDoc = `{"zone":"Europe/Vilnius","places":[{"name":"clinic"},{"name":"second home","zone":"Europe/Oslo"}],` +
	`"weekly":[{"day":"mon","start":"19:00","end":"07:00"},{"day":"sat","start":"12:00","end":"15:00","kind":"MAY_LEAVE"},` +
	`{"day":"wed","start":"10:00","end":"12:00","kind":"MUST_ATTEND","place":"clinic","dwell":"30m0s"}],` +
	`"calendars":[{"name":"Lithuania","days":[{"date":"2026-12-24","name":"Christmas Eve","like":"sun"},` +
	`{"date":"2026-12-31","replace":true,"rows":[{"start":"22:00","end":"09:00"},{"all_day":true,"kind":"MAY_LEAVE"}]}]}],` +
	`"release":{"date":"2026-03-02","start":"15:00","end":"07:00"},` +
	`"permits":[{"id":"p-1","from":"2026-03-02T19:00:00+02:00","to":"2026-03-02T22:00:00+02:00","approved_by":"officer 12","approved_at":"2026-02-27T10:15:00+02:00"},` +
	`{"id":"p-2","kind":"MUST_ATTEND","from":"2026-03-02T19:00:00+02:00","to":"2026-03-02T22:00:00+02:00","place":"evening school","route":"bus 3","approved_by":"officer 12",` +
	`"approved_at":"2026-02-27T10:15:00+02:00","replaces":"p-1","revoked_by":"officer 7","revoked_at":"2026-03-01T10:15:00+02:00"}],` +
	`"suspensions":[{"from":"2026-05-01T00:00:00+03:00","approved_by":"officer 12","approved_at":"2026-04-30T23:50:00+03:00","reason":"flood"}]}`

// TestLayersJSON: every field of a plan is written as it was read.
func TestLayersJSON(t *testing.T) {
	b, err := json.Marshal(schedule(t, layersDoc))
	if err != nil || string(b) != layersDoc {
		t.Errorf("%v\n%s\nwant\n%s", err, b, layersDoc)
	}
	var o curfew.Order
	const units = `{"zone":"UTC","units":[{"id":"b","device":"rf:1","hold":"3m0s"},{"id":"b","device":"rf:2"}],"worn":["rf:b"]}`
	if err := json.Unmarshal([]byte(units), &o); err != nil {
		t.Fatal(err)
	}
	if b, err = json.Marshal(o); err != nil || string(b) != units {
		t.Errorf("%v\n%s\nwant\n%s", err, b, units)
	}
	if _, err := (curfew.Holiday{Like: em.Some(time.Weekday(9))}).MarshalJSON(); !errors.Is(err, curfew.ErrDay) {
		t.Errorf("like day 9 is written: %v", err)
	}
}

func TestScheduleJSON(t *testing.T) {
	s := schedule(t, planDoc)
	b, err := json.Marshal(s)
	if err != nil || string(b) != planDoc {
		t.Errorf("%v\n%s\nwant\n%s", err, b, planDoc)
	}
	if p := s.Plan(); p.Weekly[0] != (curfew.Row{Day: time.Monday, Start: curfew.Clock(19, 0), End: curfew.Clock(7, 0)}) || !p.Weekly[1].AllDay {
		t.Errorf("read as %+v", p)
	}
}

func TestOrderJSON(t *testing.T) {
	const doc = `{"id":"order 17","version":"2","from":"2026-03-01T10:00:00Z","until":"2026-06-01T00:00:00Z","place":"a",` +
		`"zone":"Europe/Vilnius","weekly":[{"day":"mon","start":"19:00","end":"07:00","place":"a"}],` +
		`"grace":{"start":"5m0s","short":"3m0s","end":"1m0s"},"count_repeated_hour":true,"units":[{"id":"unit-1","device":"rf:unit-1"},{"id":"b"}]}`
	o := curfew.Order{Where: where}
	if err := json.Unmarshal([]byte(doc), &o); err != nil {
		t.Fatal(err)
	}
	if o.Where == nil || o.Grace != (curfew.Grace{Start: 5 * time.Minute, Short: 3 * time.Minute, End: time.Minute}) || !o.CountRepeatedHour || o.Place != "a" {
		t.Errorf("read as %+v", o)
	}
	b, err := json.Marshal(o)
	if err != nil || string(b) != doc {
		t.Errorf("%v\n%s\nwant\n%s", err, b, doc)
	}
	if err := json.Unmarshal([]byte(planDoc), &o); err != nil {
		t.Errorf("a plan is no order: %v", err)
	}
}

func TestStrictJSON(t *testing.T) {
	const row = `{"day":"mon","start":"19:00","end":"07:00"}`
	for _, tt := range []struct{ name, doc, want string }{
		{"misspelled", `{"zone":"UTC","weeky":[]}`, `unknown field "weeky"`},
		{"other case", `{"Zone":"UTC"}`, `unknown field "Zone"`},
		{"twice", `{"zone":"UTC","zone":"Europe/Vilnius"}`, `"zone" is given twice`},
		{"twice in a row", `{"zone":"UTC","weekly":[{"day":"mon","day":"tue","start":"19:00","end":"07:00"}]}`, `"day" is given twice`},
		{"misspelled in a row", `{"zone":"UTC","weekly":[{"day":"mon","start":"19:00","end":"07:00","allday":true}]}`, `unknown field "allday"`},
		{"misspelled in a permit", `{"zone":"UTC","permits":[{"form":"2026-03-02T19:00:00Z"}]}`, `unknown field "form"`},
		{"day in full", `{"zone":"UTC","weekly":[{"day":"monday","start":"19:00","end":"07:00"}]}`, `"monday" is not mon`},
		{"no end", `{"zone":"UTC","weekly":[{"day":"mon","start":"19:00"}]}`, "a row has a start and an end"},
		{"all day with an end", `{"zone":"UTC","weekly":[{"day":"mon","end":"19:00","all_day":true}]}`, "an all-day row has no start or end"},
		{"one digit", `{"zone":"UTC","weekly":[{"day":"mon","start":"7:00","end":"08:00"}]}`, `"7:00" is not a time of day`},
		{"24:00", `{"zone":"UTC","weekly":[{"day":"mon","start":"19:00","end":"24:00"}]}`, `"24:00" is not a time of day`},
		{"seconds", `{"zone":"UTC","weekly":[{"day":"mon","start":"19:00","end":"20:00:30"}]}`, "is not a time of day"},
		{"a sign", `{"zone":"UTC","weekly":[{"day":"mon","start":"+1:00","end":"20:00"}]}`, "is not a time of day"},
		{"permit in local time", `{"zone":"UTC","permits":[{"from":"2026-03-02T19:00"}]}`, "parsing time"},
		{"equal ends", `{"zone":"UTC","weekly":[{"day":"mon","start":"19:00","end":"19:00"}]}`, "end equals start"},
		{"array", `[]`, "cannot unmarshal array"},
		{"null", `{"zone":null}`, `zone ""`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := schedule(t, `{"zone":"UTC","weekly":[`+row+`]}`)
			err := json.Unmarshal([]byte(tt.doc), &s)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want %q", err, tt.want)
			}
			if len(s.Plan().Weekly) != 1 {
				t.Error("the schedule was changed in spite of the error")
			}
		})
	}
	var o curfew.Order
	if err := json.Unmarshal([]byte(`{"zone":"UTC","grace":{"start":5}}`), &o); err == nil {
		t.Error("a grace without a unit is accepted")
	}
	if err := json.Unmarshal([]byte(`{"zone":"UTC","units":[{"id":"a","devise":"b"}]}`), &o); err == nil {
		t.Error("a misspelled device is accepted")
	}
	if _, err := (curfew.Row{Day: 9}).MarshalJSON(); !errors.Is(err, curfew.ErrDay) {
		t.Errorf("day 9 is written: %v", err)
	}
}

func FuzzOrderJSON(f *testing.F) {
	f.Add([]byte(planDoc))
	f.Add([]byte(`{"zone":"UTC","grace":{"start":"5m"},"units":[{"id":"a"}]}`))
	f.Add([]byte(`{"zone":"UTC","weekly":[{"day":"mon","start":"19:00","end":"19:00"}]}`))
	f.Add([]byte(strings.Repeat(`{"a":`, 20)))
	f.Add([]byte(layersDoc))
	f.Add([]byte(`{"zone":"UTC","permits":[{"id":"p","replaces":"q"},{"id":"q","replaces":"p"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var o curfew.Order
		if json.Unmarshal(b, &o) != nil {
			return
		}
		first, err := json.Marshal(o)
		if err != nil {
			if o.From.Year() > 9000 || o.Until.Year() > 9000 {
				return
			}
			t.Fatalf("%s was read but cannot be written: %v", b, err)
		}
		var again curfew.Order
		if err := json.Unmarshal(first, &again); err != nil {
			t.Fatalf("%s became %s: %v", b, first, err)
		}
		second, err := json.Marshal(again)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%s became %s (%v)", first, second, err)
		}
		at := time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC)
		n := 0
		for ob := range o.Schedule.Between(at, at.AddDate(0, 0, 3)) {
			if !ob.Start.Before(ob.End) {
				t.Fatalf("%v is empty", ob)
			}
			n++
		}
		if n > 8*curfew.MaxRows*(1+curfew.MaxHolidays) {
			t.Fatalf("%d obligations", n)
		}
	})
}
