package alcohol_test

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/alcohol"
)

// A test is asked for from 7 to 8; the wearer's samples are at or above the
// limit at 7:10 and, 16 minutes later, again.
func Example() {
	day := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	schedule, err := alcohol.List(alcohol.Test{
		ID: "req-1", Kind: alcohol.Scheduled, From: day.Add(7 * time.Hour), To: day.Add(8 * time.Hour),
	})
	if err != nil {
		panic(err)
	}
	e, err := alcohol.NewEvaluator(alcohol.Config{
		Rule: alcohol.BreathRule{
			Version: "order 17",
			Screen:  alcohol.Concentration{Number: em.Decimal{Coef: 20, Scale: 2}, Unit: em.UnitBreathMgPerL},
		},
		Schedule: schedule,
	})
	if err != nil {
		panic(err)
	}
	sample := func(minute int, hundredths int64) em.Observation {
		at := day.Add(7*time.Hour + time.Duration(minute)*time.Minute)
		return em.Observation{
			Device: "bactrack:990000000000017", DeviceAt: at,
			Body: &em.AlcoholReading{
				Value: em.Decimal{Coef: hundredths, Scale: 2}, Unit: em.UnitBreathMgPerL,
				Status: em.SampleOK, Identity: em.IdentityMatch,
			},
		}.Stamp(at)
	}
	// em.Timeline does this, in the right order even for late data.
	var events []em.Event
	events = e.Observe(events, sample(10, 31))
	fmt.Println("wants to be woken at", e.Deadline().Format("15:04"))
	events = e.Observe(events, sample(26, 29))
	for _, ev := range events {
		fmt.Println(ev.Detail.Severity, ev.Detail.Class)
		fmt.Println(ev.Detail.Reason)
	}
	// Output:
	// wants to be woken at 07:40
	// warning CONFIRM_DUE
	// A breath sample reaches the limit of 0.20 mg/L breath (0.31 mg/L breath); a second sample is due 15 minutes to 30 minutes after it.
	// violation FAILED
	// Two breath samples reach the limit of 0.20 mg/L breath (first 0.31 mg/L breath, then 0.29 mg/L breath, 16 minutes later).
}

// The first number is what a breath instrument shows; no ratio, no blood figure.
func ExampleValue_In() {
	v, err := alcohol.Measured(&em.AlcoholReading{
		Value: em.Decimal{Coef: 25, Scale: 2}, Unit: em.UnitBreathMgPerL,
	})
	if err != nil {
		panic(err)
	}
	for _, c := range []alcohol.Conversion{{}, {Blood: 2100}, {Blood: 2300}} {
		blood, err := v.In(em.UnitBloodGPerL, 3, c)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(blood)
	}
	// Output:
	// alcohol: 0.25 mg/L breath in "g/L blood": no blood:breath ratio given
	// 0.525 g/L blood at 2100:1, 0.495 to 0.709 at 1981:1 to 2833:1, from 0.25 mg/L breath
	// 0.575 g/L blood at 2300:1, 0.495 to 0.709 at 1981:1 to 2833:1, from 0.25 mg/L breath
}
