package proximity_test

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/geofence/proximity"
)

// The wearer comes to within 400 m of a protected person whose telephone was
// last heard half a minute before.
func Example() {
	noon := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	pair, err := proximity.New(proximity.Config{
		Version:   "2026-118/1",
		Radius:    500, // pre-alert at 1000 m
		Wearer:    []proximity.Assignment{{Device: "gt06:990000000000017"}},
		Protected: []proximity.Assignment{{Device: "r16h:990000000000025"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	history := &em.MemoryHistory{}
	timeline, err := em.NewTimeline(em.Config{Subject: "pair/118", Start: noon, History: history}, pair)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range []struct {
		device  em.DeviceID
		seconds int
		lat     float64
	}{
		{"gt06:990000000000017", 0, 54.7000}, {"r16h:990000000000025", 30, 54.7260},
		{"gt06:990000000000017", 60, 54.7224}, {"r16h:990000000000025", 90, 54.7260},
	} {
		at := noon.Add(time.Duration(r.seconds) * time.Second)
		fix := &em.Fix{LatLng: em.LatLng{Lat: r.lat, Lng: 25.3}, Validity: em.FixCurrent, Source: em.SourceGNSS,
			Accuracy: em.Some(10.0), Speed: em.Some(1.0)}
		var result em.Result
		o := em.Observation{Device: r.device, DeviceAt: at, Body: fix}.Stamp(at)
		if err := timeline.Feed(&result, at, o); err != nil {
			fmt.Println(err)
			return
		}
		history.Commit(&result, o)
		for _, c := range result.Changes {
			fmt.Println(c.Kind, c.Event.Detail.Kind, c.Event.Detail.Class)
			fmt.Println("  " + c.Event.Detail.Reason)
		}
	}

	rule := proximity.Disclosure{} // the order names nothing to the wearer
	now := noon.Add(90 * time.Second)
	fmt.Printf("protected person: %+v\n", rule.Protected(now, history.Present()))
	fmt.Printf("wearer: %+v\n", rule.Wearer(now, history.Present()))
	// Output:
	// opened proximity.prealert WEARER_APPROACHED
	//   The wearer may be within 1000 m of the protected person: 400 m by their last known positions, 308 m at worst by their ages and accuracies: the wearer approached.
	// opened proximity.alert WEARER_APPROACHED
	//   The wearer was 400 m from the protected person, by their last known positions; the alert radius is 500 m: the wearer approached.
	// updated proximity.alert WEARER_APPROACHED
	//   The wearer was 400 m from the protected person at 12:01:00, by positions interpolated to that time; the alert radius is 500 m: the wearer approached.
	// protected person: {Level:alert}
	// wearer: {KeepAway:false}
}
