package checkin_test

import (
	"fmt"
	"log"
	"time"
	_ "time/tzdata"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew/checkin"
)

func Example() {
	var rule checkin.Rule
	err := rule.UnmarshalJSON([]byte(`{
		"id": "evenings", "version": "1", "from": "2026-03-02T00:00:00Z",
		"windows": {"zone": "Europe/Vilnius", "weekly": [{"day": "mon", "start": "18:00", "end": "20:00"}]},
		"methods": ["face"], "sources": ["app:990017"]
	}`))
	if err != nil {
		log.Fatal(err)
	}
	ev, err := checkin.NewEvaluator(rule, "p-1", nil)
	if err != nil {
		log.Fatal(err)
	}
	var history em.MemoryHistory
	tl, err := em.NewTimeline(em.Config{Subject: "p-1", Start: rule.From, History: &history}, ev)
	if err != nil {
		log.Fatal(err)
	}
	at := time.Date(2026, 3, 2, 16, 30, 0, 0, time.UTC)
	o := em.Observation{Device: "app:990017", DeviceAt: at, Body: &em.CheckIn{Method: "face", Identity: em.IdentityMatch}}.Stamp(at)
	var r em.Result
	if err := tl.Feed(&r, at, o); err != nil {
		log.Fatal(err)
	}
	for _, c := range r.Changes {
		fmt.Println(c.Kind, c.Event.Detail.Class, c.Event.Detail.Reason)
	}
	// Output:
	// opened REQUESTED Asked to report from 18:00 to 20:00: no answer yet.
	// closed ANSWERED Asked to report from 18:00 to 20:00: answered at 18:30 by face.
}
