package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/curfew"
)

// The dates of 2026, from almanacs: Easter is on 5 April.
func TestDates(t *testing.T) {
	for country, want := range map[string]string{
		"LT": "01-01 02-16 03-11 04-06 05-01 06-24 07-06 08-15 11-01 11-02 12-24 12-25 12-26",
		"LV": "01-01 04-03 04-05 04-06 05-01 05-04 06-23 06-24 11-18 12-24 12-25 12-26 12-31",
		"NO": "01-01 04-02 04-03 04-06 05-01 05-14 05-17 05-25 12-25 12-26",
	} {
		c, err := calendar(country, 2026, 1, "")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range c.Days {
			got = append(got, strings.TrimPrefix(d.Date.String(), "2026-"))
		}
		if g := strings.Join(got, " "); g != want {
			t.Errorf("%s: %s, want %s", country, g, want)
		}
	}
	// 18 November 2028 is a Saturday: in Latvia the Monday after is free.
	c, err := calendar("LV", 2028, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, d := range c.Days {
		if s := d.Date.String(); s == "2028-11-18" || s == "2028-11-20" && strings.HasSuffix(d.Name, "(observed)") {
			found++
		}
	}
	if found != 2 {
		t.Errorf("18 and 20 November 2028 are not both listed: %v", c.Days)
	}
}

// What is written is a calendar of an order, and with --like does what it says:
// on Lithuania's 11 March, a Wednesday, the person is home as on a Sunday.
func TestInAnOrder(t *testing.T) {
	var out bytes.Buffer
	if err := run([]string{"--country", "lt", "--from", "2026", "--years", "3", "--like", "sun"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	doc := `{"zone":"Europe/Vilnius","weekly":[{"day":"sun","all_day":true},{"day":"wed","start":"19:00","end":"07:00"}],"calendars":[` + out.String() + `]}`
	var s curfew.Schedule
	if err := json.Unmarshal([]byte(doc), &s); err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 3, 10, 22, 0, 0, 0, time.UTC)
	n := 0
	for o := range s.Between(from, from.AddDate(0, 0, 1)) {
		n++
		if !o.Row.AllDay || !o.Start.Equal(from) {
			t.Errorf("%v from %v", o, o.Start)
		}
	}
	if n != 1 {
		t.Errorf("%d obligations", n)
	}
}

func TestErrors(t *testing.T) {
	for _, args := range [][]string{
		{"--country", "EE", "--from", "2026"}, {"--country", "LT"}, {"--country", "LT", "--from", "2026", "--years", "0"},
		{"--country", "LT", "--from", "2026", "--like", "holiday"}, {"--nosuch"},
	} {
		if err := run(args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q is no error", args)
		}
	}
}
