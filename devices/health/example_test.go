package health_test

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/health"
)

// A strap that is closed again after eight seconds was no removal.
func Example() {
	tamper, err := health.NewTamper(health.TamperConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	var events []em.Event
	at := time.Date(2026, 10, 3, 19, 30, 0, 0, time.UTC)
	for _, cleared := range []bool{false, true} {
		o := em.Observation{
			Device: "gt06:990000000000017", DeviceAt: at,
			Body: &em.Tamper{What: em.TamperStrap, Cleared: cleared},
		}
		events = tamper.Observe(events, o.Stamp(at))
		at = at.Add(8 * time.Second)
	}
	for _, e := range events { // an em.Timeline does all this, and wakes it
		fmt.Println(e.Detail.Class, e.Detail.Severity)
		fmt.Println("\t" + e.Detail.Reason)
	}
	// Output:
	// STRAP_DETECTED warning
	// 	The strap is open since 2026-10-03 19:30:00 UTC.
	// STRAP_TRANSIENT technical
	// 	The strap was open for 8 s, from 2026-10-03 19:30:00 UTC to 2026-10-03 19:30:08 UTC.
}
