package alcohol_test

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/alcohol"
)

// evening returns an ankle instrument's readings of every half hour, in
// thousandths of a g/dL.
func evening(from time.Time, milli ...int64) (readings []em.Observation) {
	for i, m := range milli {
		at := from.Add(time.Duration(i) * 30 * time.Minute)
		readings = append(readings, em.Observation{Device: "ankle:17", DeviceAt: at, Body: &em.Transdermal{
			Value: em.Decimal{Coef: m, Scale: 3}, Unit: em.UnitSkinGPerDL,
		}}.Stamp(at))
	}
	return readings
}

// Readings come in two uploads, the earlier one late.
func ExampleTransdermal() {
	judge, err := alcohol.NewTransdermal(alcohol.TransdermalRule{Version: "order 17"})
	if err != nil {
		fmt.Println(err)
		return
	}
	var history em.MemoryHistory
	timeline, err := em.NewTimeline(em.Config{Subject: "person-1", History: &history}, judge)
	if err != nil {
		fmt.Println(err)
		return
	}
	from := time.Date(2026, 3, 2, 19, 0, 0, 0, time.UTC)
	readings := evening(from, 0, 0, 12, 28, 47, 60, 66, 62, 55, 46, 38, 31, 22, 14, 7, 3, 0, 0, 0)
	for _, batch := range [][]em.Observation{readings[8:], readings[:8]} {
		var result em.Result
		if err := timeline.Feed(&result, from.Add(12*time.Hour), batch...); err != nil {
			fmt.Println(err)
			return
		}
		history.Commit(&result, batch...)
		for _, c := range result.Changes {
			fmt.Println(c.Kind, c.Event.Detail.Class)
			fmt.Println(c.Event.Detail.Reason)
		}
	}
	// Output:
	// opened EPISODE_OPEN
	// Alcohol at the skin is at or above 0.020 g/dL skin in 3 readings in a row; the verdict follows when it is over.
	// closed INSUFFICIENT
	// Alcohol at the skin reaches 0.0505 g/dL skin, but the readings begin, or begin again after a gap, at 0.0505 already; an analyst has to look at it.
	// moved CANDIDATE
	// Alcohol at the skin reaches 0.062 g/dL skin, rises by 0.0248 and falls by 0.0131 an hour, which a body can; an analyst confirms or rejects it.
}

// A failed test in the morning against what the person says of the evening.
func ExampleElimination_Stated() {
	sample, err := alcohol.Measured(&em.AlcoholReading{Value: em.Decimal{Coef: 20, Scale: 2}, Unit: em.UnitBreathMgPerL})
	if err != nil {
		fmt.Println(err)
		return
	}
	began := time.Date(2026, 3, 2, 20, 0, 0, 0, time.UTC)
	a, err := alcohol.Elimination{}.Stated(
		alcohol.Body{Sex: alcohol.Male, Weight: 80, Height: 180, Age: 40},
		alcohol.Drinks{Grams: 28, Begin: began, Last: began.Add(time.Hour)},
		sample, began.Add(11*time.Hour), alcohol.Conversion{Blood: 2100})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(a.Outcome)
	fmt.Println(a.Reason)
	// Output:
	// MORE_THAN_STATED
	// The sample, 0.396 to 0.567 g/L of blood, is more than can come of the stated 28 g of alcohol, which would give 0.000 to 0.000: for plausibility only, by Widmark.
}
