package curfew_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
)

// absenceOf composes an absence as an evaluator tells it.
func absenceOf(at time.Time, class string, counted, excused float64) em.Event {
	ev := em.Event{
		Rule: curfew.Rule, About: "order-1", Anchor: at, At: at, Until: at.Add(time.Duration(counted * float64(time.Minute))),
		Detail: em.Detail{Kind: curfew.KindAbsence, Class: class, Severity: em.Violation, Facts: []em.Fact{
			{Name: "counted", Num: counted, Unit: "min"}, {Name: "excused", Num: excused, Unit: "min"},
		}},
	}
	ev.Stamp("person-1", ev.Until)
	return ev
}

func opened(ev em.Event) em.Change { return em.Change{Kind: em.Opened, Event: ev} }

// TestHospitalCard is worked scenario 11: as 6, and a week later the officer
// accepts a hospital card.
func TestHospitalCard(t *testing.T) {
	doc, err := os.ReadFile("testdata/06-left-0317.txt")
	if err != nil {
		t.Fatal(err)
	}
	s := newScript(t, string(doc))
	var store em.MemoryHistory
	tl, err := em.NewTimeline(em.Config{Subject: "person-1", History: &store}, s.evaluator(t))
	if err != nil {
		t.Fatal(err)
	}
	var account curfew.Account
	for _, o := range s.obs {
		var r em.Result
		if err := tl.Feed(&r, o.At, o); err != nil {
			t.Fatal(err)
		}
		store.Commit(&r, o)
		for _, c := range r.Changes {
			account.Apply(c)
		}
	}
	review := curfew.Review{From: evening(0, 0), Until: evening(31*24, 0)}
	before := account.Statement(review)
	if before.Total != 77*time.Minute || before.Left != 43*time.Minute || before.Step != curfew.StepContact || len(before.Lines) != 1 {
		t.Fatalf("before the card: %+v", before)
	}
	absence := before.Lines[0].Event
	card := curfew.Decision{Absence: absence.ID, Exclude: true, Reason: "hospital card of 3 March", By: "officer 12", At: evening(9*24, 0)}
	if err := account.Decide(card); err != nil {
		t.Fatal(err)
	}
	after := account.Statement(review)
	if after.Total != 0 || after.Left != 2*time.Hour || after.Step != curfew.StepNone {
		t.Errorf("after the card: %+v", after)
	}
	line := after.Lines[0]
	if !line.Excluded || line.Counted != 77*time.Minute || line.Included != 0 || len(line.Decisions) != 1 || line.Decisions[0] != card {
		t.Errorf("the line says %+v", line)
	}
	if !line.Event.Equal(&absence) || fact(line.Event, "code").Text != "AL10" || fact(line.Event, "counted").Num != 77 {
		t.Errorf("the absence itself was changed: %+v", line.Event)
	}
}

func TestStatement(t *testing.T) {
	at := func(day int) time.Time { return evening(24*day+20, 0) }
	for _, tt := range []struct {
		name     string
		absences []em.Event
		review   curfew.Review
		total    float64
		step     curfew.Step
		reason   string
	}{
		{"nothing", nil, curfew.Review{}, 0, curfew.StepNone, "Absent for 0 minutes of an allowance of 120 minutes: 120 minutes left."},
		{"fifteen minutes", []em.Event{absenceOf(at(0), curfew.LeftDuring, 15, 0)}, curfew.Review{}, 15, curfew.StepWarning,
			"Absent for 15 minutes of an allowance of 120 minutes: 105 minutes left."},
		{"a second more", []em.Event{absenceOf(at(0), curfew.LeftDuring, 15+1./60, 0)}, curfew.Review{}, 15 + 1./60, curfew.StepContact,
			"Absent for 15 minutes of an allowance of 120 minutes: 104 minutes left."},
		{"all of the allowance", []em.Event{absenceOf(at(0), curfew.LeftDuring, 77, 0), absenceOf(at(1), curfew.ReturnLate, 43, 0)}, curfew.Review{}, 120, curfew.StepReport,
			"Absent for 120 minutes of an allowance of 120 minutes: 0 minutes left."},
		{"excused in part", []em.Event{absenceOf(at(0), curfew.ReturnLate, 110, 90)}, curfew.Review{}, 20, curfew.StepContact,
			"Absent for 20 minutes of an allowance of 120 minutes: 100 minutes left."},
		{"excused", []em.Event{absenceOf(at(0), curfew.ReturnLate, 110, 110)}, curfew.Review{}, 0, curfew.StepNone,
			"Absent for 0 minutes of an allowance of 120 minutes: 120 minutes left."},
		{"an entire period, of a short curfew", []em.Event{absenceOf(at(0), curfew.OutEntirePeriod, 60, 0)}, curfew.Review{}, 60, curfew.StepReport,
			"Absent for 60 minutes of an allowance of 120 minutes: 60 minutes left, and an entire curfew was missed."},
		{"the same where that is no breach", []em.Event{absenceOf(at(0), curfew.OutEntirePeriod, 60, 0)}, curfew.Review{KeepEntire: true}, 60, curfew.StepContact,
			"Absent for 60 minutes of an allowance of 120 minutes: 60 minutes left."},
		{"an order's own figures", []em.Event{absenceOf(at(0), curfew.LeftDuring, 31, 0)}, curfew.Review{Allowance: 30 * time.Minute, Single: time.Hour}, 31, curfew.StepReport,
			"Absent for 31 minutes of an allowance of 30 minutes: 0 minutes left."},
		{"within the review alone", []em.Event{absenceOf(at(0), curfew.LeftDuring, 10, 0), absenceOf(at(1), curfew.LeftDuring, 11, 0), absenceOf(at(2), curfew.LeftDuring, 12, 0)},
			curfew.Review{From: at(1), Until: at(2)}, 11, curfew.StepWarning, "Absent for 11 minutes of an allowance of 120 minutes: 109 minutes left."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var a curfew.Account
			for _, ev := range tt.absences {
				a.Apply(opened(ev))
			}
			s := a.Statement(tt.review)
			if s.Total.Minutes() != tt.total || s.Step != tt.step || s.Reason != tt.reason {
				t.Errorf("%v, %v, %q\nwant %v minutes, %v, %q", s.Total, s.Step, s.Reason, tt.total, tt.step, tt.reason)
			}
		})
	}
}

// TestExclusions: of a total, an excused absence of 354 minutes and a whole
// curfew of 720 are taken out, and one of them is put back.
func TestExclusions(t *testing.T) {
	var a curfew.Account
	first := absenceOf(evening(20, 0), curfew.LeftDuring, 354, 0)
	whole := absenceOf(evening(24+19, 0), curfew.OutEntirePeriod, 720, 0)
	small := absenceOf(evening(48+20, 0), curfew.LeftDuring, 12, 0)
	for _, ev := range []em.Event{first, whole, small} {
		a.Apply(opened(ev))
	}
	decide := func(d curfew.Decision) {
		t.Helper()
		if err := a.Decide(d); err != nil {
			t.Fatal(err)
		}
	}
	total := func(want float64, step curfew.Step) {
		t.Helper()
		if s := a.Statement(curfew.Review{}); s.Total.Minutes() != want || s.Step != step {
			t.Errorf("%v, %v; want %v minutes, %v", s.Total, s.Step, want, step)
		}
	}
	total(1086, curfew.StepReport)
	decide(curfew.Decision{Absence: first.ID, Exclude: true, Reason: "employer's letter", By: "officer 12", At: evening(100, 0)})
	decide(curfew.Decision{Absence: whole.ID, Exclude: true, Reason: "funeral", By: "officer 12", At: evening(101, 0)})
	total(12, curfew.StepWarning)
	decide(curfew.Decision{Absence: first.ID, Exclude: false, Reason: "letter was forged", By: "officer 7", At: evening(200, 0)})
	total(366, curfew.StepReport)
	decide(curfew.Decision{Absence: first.ID, Exclude: true, Reason: "older than the last", By: "officer 12", At: evening(150, 0)})
	total(366, curfew.StepReport)

	// Late data moves the absence: what was decided about it goes with it.
	moved := absenceOf(evening(24+19, 10), curfew.ReturnLate, 710, 0)
	a.Apply(em.Change{Kind: em.Moved, Event: moved, Was: whole})
	total(366, curfew.StepReport)
	decide(curfew.Decision{Absence: whole.ID, Exclude: false, Reason: "not proven", By: "officer 7", At: evening(300, 0)}) // by its old ID
	total(1076, curfew.StepReport)
	a.Apply(em.Change{Kind: em.Moved, Event: whole, Was: moved}) // and back
	total(1086, curfew.StepReport)
	a.Apply(em.Change{Kind: em.Withdrawn, Event: whole})
	total(366, curfew.StepReport)
	a.Forget(evening(48, 0))
	total(12, curfew.StepWarning)
	if n := len(a.Statement(curfew.Review{}).Lines); n != 1 {
		t.Errorf("%d lines are left", n)
	}
}

// TestDecisionsInAnyOrder: permuted and repeated decisions give one statement.
func TestDecisionsInAnyOrder(t *testing.T) {
	const seed = 5
	t.Logf("seed %d", seed)
	var absences []em.Event
	var decisions []curfew.Decision
	for i := range 6 {
		absences = append(absences, absenceOf(evening(24*i+20, 0), curfew.LeftDuring, float64(10+i), 0))
		for k := range 4 {
			decisions = append(decisions, curfew.Decision{Absence: absences[i].ID, Exclude: k%2 == 0, Reason: "r", By: fmt.Sprint(k), At: evening(200+k/2, 0)})
		}
	}
	var want string
	for round := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, round))
		var a curfew.Account
		list := slices.Concat(decisions, decisions[:rnd.IntN(len(decisions))])
		rnd.Shuffle(len(list), func(i, k int) { list[i], list[k] = list[k], list[i] })
		half := rnd.IntN(len(list))
		for i, d := range list {
			if i == half {
				for _, ev := range absences {
					a.Apply(opened(ev))
				}
			}
			if err := a.Decide(d); err != nil {
				t.Fatal(err)
			}
		}
		got := fmt.Sprintf("%+v", a.Statement(curfew.Review{}))
		if want == "" {
			want = got
		}
		if got != want {
			t.Fatalf("round %d:\n%s\nwant\n%s", round, got, want)
		}
	}
}

func TestDecideErrors(t *testing.T) {
	good := curfew.Decision{Absence: em.EventID{1}, Exclude: true, Reason: "r", By: "b", At: evening(0, 0)}
	for name, change := range map[string]func(*curfew.Decision){
		"no absence": func(d *curfew.Decision) { d.Absence = em.EventID{} },
		"no reason":  func(d *curfew.Decision) { d.Reason = " " },
		"no by":      func(d *curfew.Decision) { d.By = "" },
		"no at":      func(d *curfew.Decision) { d.At = time.Time{} },
	} {
		var a curfew.Account
		d := good
		change(&d)
		if err := a.Decide(d); !errors.Is(err, curfew.ErrDecision) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
