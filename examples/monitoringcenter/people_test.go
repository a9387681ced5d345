package main

import (
	"os"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
)

// The example of a people file, to which the README points, is taken whole.
func TestExamplePeopleFile(t *testing.T) {
	doc, err := os.ReadFile("people.example.json")
	if err != nil {
		t.Fatal(err)
	}
	f, err := roster.Parse(doc)
	if err != nil {
		t.Fatal(err)
	}
	r, err := roster.New().WithZones(f.Zones)
	if err != nil {
		t.Fatal(err)
	}
	if r, err = r.With(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC), f.People...); err != nil {
		t.Fatal(err)
	}
	if r, err = r.WithRecipients(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC), f.Recipients...); err != nil {
		t.Fatal(err)
	}
	desk, _ := r.Recipient("desk-vilnius")
	if e := (em.Event{Subject: "person-1", Detail: em.Detail{Severity: em.Violation}}); !r.Wants(&desk, &e) {
		t.Error("the desk of the person's district is not told")
	}
	if got := r.Carrier("gt06:990000000000017", time.Date(2026, 3, 3, 8, 0, 0, 0, time.UTC)); got != "person-1" {
		t.Errorf("the bracelet is carried by %q", got)
	}
}
