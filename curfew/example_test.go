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
	// opened OUT_PAST_COMMENCEMENT - Not home: curfew from 19:00, proven to be out until 19:05.
	// closed RETURN_LATE - Home 19 minutes late: curfew from 19:00, first proof of being home at 19:19.
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
