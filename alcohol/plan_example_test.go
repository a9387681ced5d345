package alcohol_test

import (
	"bytes"
	"fmt"
	"time"

	"github.com/sargas-em/em/alcohol"
)

// One to three unannounced tests on a day, and an auditor who draws them again.
func ExampleRandomPlan() {
	key := bytes.Repeat([]byte{7}, 32) // 32 random bytes in truth
	day := alcohol.Day{Date: "2026-03-14", Open: []alcohol.Period{
		{From: time.Date(2026, 3, 14, 6, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 14, 20, 0, 0, 0, time.UTC)},
	}}
	plan := alcohol.RandomPlan{Least: 1, Most: 3}
	tests, err := plan.Tests(key, "person-1", day)
	if err != nil {
		fmt.Println(err)
	}
	for _, t := range tests {
		fmt.Println(t.ID, t.From.Format("15:04"), "to", t.To.Format("15:04"))
	}
	fmt.Println(plan.Audit(key, "person-1", day, tests))
	tests[0].From = tests[0].From.Add(time.Hour) // an officer's favour
	fmt.Println(plan.Audit(key, "person-1", day, tests) != nil)
	// Output:
	// 2026-03-14/random/0 08:13 to 08:43
	// 2026-03-14/random/2 10:57 to 11:27
	// 2026-03-14/random/1 15:16 to 15:46
	// <nil>
	// true
}
