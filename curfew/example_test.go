package curfew_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
)

// A wearer who must be home at 19:00 comes at 19:19.
func Example() {
	order := curfew.Order{
		ID:      "order-17",
		Version: "1",
		Grace:   curfew.Grace{Start: 5 * time.Minute, Short: 5 * time.Minute},
		Units:   []curfew.Unit{{ID: "hmu-3", Device: "rf:hmu-3"}},
	}
	err := json.Unmarshal([]byte(`{
		"zone": "Europe/Vilnius",
		"weekly": [{"day": "mon", "start": "19:00", "end": "07:00"}]
	}`), &order.Schedule)
	if err != nil {
		panic(err)
	}
	evaluator, err := curfew.NewEvaluator(order, curfew.Config{})
	if err != nil {
		panic(err)
	}
	var history em.MemoryHistory
	timeline, err := em.NewTimeline(em.Config{Subject: "person-1", History: &history}, evaluator)
	if err != nil {
		panic(err)
	}

	at := func(hour, minute int) time.Time { // in Vilnius, two hours before UTC
		return time.Date(2026, 3, 2, hour-2, minute, 0, 0, time.UTC)
	}
	unit := func(t time.Time, b em.Body) em.Observation {
		return em.Observation{Device: "rf:hmu-3", DeviceAt: t, Body: b}.Stamp(t)
	}
	for _, o := range []em.Observation{
		unit(at(18, 50), &em.Beacon{Beacon: "hmu-3", Radio: "rf", Lost: true}),
		unit(at(19, 2), &em.Comms{Event: em.CommsHeartbeat}),
		unit(at(19, 10), &em.Comms{Event: em.CommsHeartbeat}),
		unit(at(19, 19), &em.Beacon{Beacon: "hmu-3", Radio: "rf"}),
		unit(at(19, 25), &em.Comms{Event: em.CommsHeartbeat}),
	} {
		var r em.Result
		if err := timeline.Feed(&r, o.At, o); err != nil {
			panic(err)
		}
		history.Commit(&r, o)
		for _, c := range r.Changes {
			fmt.Println(c.Kind, c.Event.Detail.Class, "-", c.Event.Detail.Reason)
		}
	}
	// Output:
	// opened OUT_PAST_COMMENCEMENT - Not home: curfew from 19:00, proven to be out until 19:05. The first proof is the home unit's loss of contact.
	// closed RETURN_LATE - Home 19 minutes late: curfew from 19:00, first proof of being home at 19:19. The first proof is the home unit's loss of contact; what ends it, a contact with the home unit.
}

// A night in which the clocks are put back has an hour more.
func ExampleSchedule_Between() {
	schedule, err := curfew.NewSchedule(curfew.Plan{
		Zone:   "Europe/Vilnius",
		Weekly: []curfew.Row{{Day: time.Saturday, Start: curfew.Clock(22, 0), End: curfew.Clock(6, 0)}},
	})
	if err != nil {
		panic(err)
	}
	from := time.Date(2026, 10, 16, 0, 0, 0, 0, time.UTC)
	for o := range schedule.Between(from, from.AddDate(0, 0, 14)) {
		fmt.Println(o.Row, o.Start.Format("2006-01-02 15:04"), o.End.Format("2006-01-02 15:04"), o.Duration())
	}
	// Output:
	// sat 22:00-06:00 2026-10-17 19:00 2026-10-18 03:00 8h0m0s
	// sat 22:00-06:00 2026-10-24 19:00 2026-10-25 04:00 9h0m0s
}

// The nights of a year that last longer or shorter than the clock says, for
// wearer and officer to know beforehand.
func ExampleSchedule_ClockChanges() {
	schedule, err := curfew.NewSchedule(curfew.Plan{
		Zone:   "Europe/Vilnius",
		Weekly: []curfew.Row{{Day: time.Saturday, Start: curfew.Clock(19, 0), End: curfew.Clock(7, 0)}},
	})
	if err != nil {
		panic(err)
	}
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for o := range schedule.ClockChanges(from, from.AddDate(1, 0, 0)) {
		fmt.Printf("%v: %v: %v instead of %v\n", o.Date, o, o.Duration(), o.Wall())
	}
	// Output:
	// 2026-03-28: sat 19:00-07:00: 11h0m0s instead of 12h0m0s
	// 2026-10-24: sat 19:00-07:00: 13h0m0s instead of 12h0m0s
}

// An officer accepts a hospital card for an absence of 77 minutes.
func ExampleAccount() {
	absence := em.Event{
		Rule: curfew.Rule, About: "order-17", Anchor: time.Date(2026, 3, 3, 1, 17, 27, 0, time.UTC), At: time.Date(2026, 3, 3, 1, 17, 27, 0, time.UTC),
		Detail: em.Detail{Kind: curfew.KindAbsence, Class: curfew.LeftDuring, Facts: []em.Fact{{Name: "counted", Num: 77, Unit: "min"}}},
	}
	absence.Stamp("person-1", time.Date(2026, 3, 3, 2, 35, 27, 0, time.UTC))

	var account curfew.Account
	account.Apply(em.Change{Kind: em.Opened, Event: absence}) // of em.Result.Changes
	s := account.Statement(curfew.Review{})
	fmt.Println(s.Step, "-", s.Reason)

	err := account.Decide(curfew.Decision{
		Absence: absence.ID, Exclude: true, Reason: "hospital card", By: "officer 12", At: time.Date(2026, 3, 10, 8, 0, 0, 0, time.UTC),
	})
	if err != nil {
		panic(err)
	}
	s = account.Statement(curfew.Review{})
	fmt.Println(s.Step, "-", s.Reason)
	fmt.Println(s.Lines[0].Counted, "by", s.Lines[0].Event.Detail.Class, "excluded:", s.Lines[0].Excluded)
	// Output:
	// CONTACT - Absent for 77 minutes of an allowance of 120 minutes: 43 minutes left.
	// NONE - Absent for 0 minutes of an allowance of 120 minutes: 120 minutes left.
	// 1h17m0s by LEFT_DURING excluded: true
}
