package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/alcohol"
	"github.com/sargas-em/em/alcohol/pharmacokinetic"
)

// Without noise and exposures nothing is told of a sober person.
func TestSober(t *testing.T) {
	for p := range 50 {
		rec := pharmacokinetic.Generate(1, p, pharmacokinetic.Scenario{Days: soberDays, Sampling: samplings[1]})
		a, err := alcohol.Analyze(alcohol.TransdermalRule{}, rec.Readings)
		if err != nil || len(a.Episodes) != 0 || len(rec.Truth) != 0 {
			t.Fatalf("person %d: %+v, %v", p, a.Episodes, err)
		}
	}
}

// The count of a record against its truth, by hand.
func TestCount(t *testing.T) {
	at := func(h int) time.Time { return pharmacokinetic.Start.Add(time.Duration(h) * time.Hour) }
	reading := func(h int, milli int64) em.Observation {
		return em.Observation{Device: "ankle:1", DeviceAt: at(h), Body: &em.Transdermal{Value: em.Decimal{Coef: milli, Scale: 3}, Unit: em.UnitSkinGPerDL}}.Stamp(at(h))
	}
	rec := pharmacokinetic.Record{
		Readings: []em.Observation{reading(7, 3), reading(8, 19), reading(20, 30)},
		Truth:    []pharmacokinetic.Truth{{Begin: at(6), End: at(14)}, {Begin: at(54), End: at(60)}},
	}
	a := &alcohol.Analysis{Episodes: []alcohol.Episode{
		{From: at(1), To: at(5), Class: alcohol.ClassCandidate},
		{From: at(7), To: at(12), Class: alcohol.ClassReview, Onset: [2]time.Time{at(5), at(6)}},
		{From: at(13), To: at(16), Class: alcohol.ClassCandidate, Onset: [2]time.Time{at(10), at(11)}},
		{From: at(30), To: at(35), Class: alcohol.ClassReview},
	}}
	var c cell
	c.count(&rec, a, 3)
	want := cell{evenings: 2, positive: 1, level: 0, found: 1, candidate: 1, review: 1, onset: 1, days: 3, falseAny: 2, falseCand: 1}
	if c != want {
		t.Errorf("got %+v, want %+v", c, want)
	}
}

// Intervals against published ones: Wilson for 5 of 10 and 0 of 10; Poisson for
// 10 and for none.
func TestIntervals(t *testing.T) {
	for got, want := range map[string]string{
		percent(5, 10):        "50.0 (23.7–76.3)",
		percent(0, 10):        "0.0 (0.0–27.8)",
		percent(0, 0):         "–",
		perThousand(10, 1000): "10.0 (4.8–18.4)",
		perThousand(0, 1000):  "0.0 (0.0–3.7)",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestReport(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	var a, b bytes.Buffer
	if err := report(&a, 1, 2); err != nil {
		t.Fatal(err)
	}
	if err := report(&b, 1, 2); err != nil {
		t.Fatal(err)
	}
	if a.String() != b.String() {
		t.Error("the same seed prints other tables")
	}
	if n := strings.Count(a.String(), "\n| "); n != 4+len(noises)+len(doses)+3*len(samplings)*len(noises)*3 {
		t.Errorf("%d rows", n)
	}
	if strings.Contains(a.String(), "%!") || strings.Contains(a.String(), "NaN") {
		t.Error(a.String())
	}
}
