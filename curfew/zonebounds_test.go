package curfew

import (
	"testing"
	"time"
)

// time.ZoneBounds stands still on the last day of leap years after 2037. Plans
// with two zones, and nights of those days, are judged all the same.
func TestLastDayOfALeapYear(t *testing.T) {
	for _, zone := range []string{"Europe/Vilnius", "Europe/Oslo", "America/New_York", "Australia/Sydney"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for at := time.Date(2040, 12, 30, 0, 0, 0, 0, time.UTC); at.Year() < 2041 || at.Day() < 3; at = at.Add(time.Hour) {
			if _, to := zoneBounds(at.In(loc)); !to.After(at) {
				t.Fatalf("%s: from %v on until %v", zone, at, to)
			}
			local := time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), 0, 0, 0, loc)
			if got := Resolve(loc, local, false); !got.Equal(local) {
				t.Errorf("%v is %v", local, got)
			}
		}
	}
	p := Plan{Zone: "Europe/Vilnius", Places: []Place{{Name: "hytte", Zone: "Europe/Oslo"}}}
	if _, err := NewSchedule(p); err != nil {
		t.Error(err)
	}
}
