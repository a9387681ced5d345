package geofence_test

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/geofence"
)

// An exclusion zone of 300 m round a school: the wearer comes near, goes in, and
// leaves. The second fix is inside, but too uncertain to say so. That it was left is
// believed after three fixes.
func ExampleTracker() {
	index, err := geofence.NewIndex(geofence.Zone{
		ID: "school-12", Version: "v3", Kind: geofence.KindExclusion,
		Shape: geofence.Circle{Center: orb.Point{25.2797, 54.6872}, Radius: 300},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	tracker, err := geofence.NewTracker(index, geofence.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}

	start := time.Date(2026, 10, 3, 4, 10, 0, 0, time.UTC)
	var events []em.Event
	for i, f := range []struct{ lat, accuracy float64 }{
		{54.6920, 12}, {54.6895, 200}, {54.6880, 12}, {54.6876, 12}, {54.6950, 8}, {54.6955, 8}, {54.6960, 8},
	} {
		o := em.Observation{
			Device:   "example:990000000000017",
			DeviceAt: start.Add(time.Duration(i) * time.Minute),
			Body: &em.Fix{
				LatLng:   em.LatLng{Lat: f.lat, Lng: 25.2797},
				Validity: em.FixCurrent, Source: em.SourceGNSS, Accuracy: em.Some(f.accuracy),
			},
		}
		// An em.Timeline does this, and puts late observations in order.
		events = tracker.Observe(events[:0], o.Stamp(o.DeviceAt))
		for _, e := range events {
			fmt.Println(e.Detail.Severity, e.Detail.Kind, e.At.Format(time.TimeOnly), e.Detail.Reason)
		}
	}
	// Output:
	// violation zone.exclusion 04:12:00 Entered exclusion zone school-12: 211 m inside its edge, position good to ±19 m.
	// violation zone.exclusion 04:12:00 In exclusion zone school-12 for 2m0s, then left it: 679 m outside its edge, position good to ±13 m.
}

// Zones that contain a position, and how far it is from their edges.
func ExampleIndex() {
	index, err := geofence.NewIndex(
		geofence.Zone{ID: "park", Kind: geofence.KindPlace, Shape: geofence.Area{{{
			{25.27, 54.68}, {25.29, 54.68}, {25.29, 54.69}, {25.27, 54.69}, {25.27, 54.68},
		}}}},
		geofence.Zone{ID: "road", Kind: geofence.KindPlace, Shape: geofence.Corridor{
			Line: orb.LineString{{25.20, 54.685}, {25.35, 54.685}}, HalfWidth: 50,
		}},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	p := em.LatLng{Lat: 54.6852, Lng: 25.28}
	for _, i := range index.Append(nil, p) {
		side, distance := index.Classify(i, p, 30)
		fmt.Printf("%s: %.0f m, %v\n", index.Zone(i).ID, distance, side)
	}
	// Output:
	// park: -534 m, inside
	// road: -28 m, unknown
}

// One person's own zones, one of which is changed while others read.
func ExampleSet() {
	home := geofence.Zone{ID: "home", Kind: geofence.KindHome, Shape: geofence.Circle{Center: orb.Point{25.28, 54.69}, Radius: 100}}
	work := geofence.Zone{ID: "work", Kind: geofence.KindPlace, Shape: geofence.Area{{{
		{25.30, 54.68}, {25.31, 54.68}, {25.31, 54.69}, {25.30, 54.69}, {25.30, 54.68},
	}}}}
	set, err := geofence.NewSet(home, work)
	if err != nil {
		fmt.Println(err)
		return
	}
	var zones atomic.Pointer[geofence.Set]
	zones.Store(set)

	p, radius95 := em.LatLng{Lat: 54.6912, Lng: 25.28}, 20.0
	tell := func(s *geofence.Set) {
		inside, outside := s.Classify(p, radius95)
		for i := range s.Len() {
			fmt.Printf("%s: inside %v, outside %v, %.0f m\n", s.Zone(i).ID, inside.Has(i), outside.Has(i), s.Distance(i, p))
		}
	}
	tell(zones.Load())

	home.Shape = geofence.Circle{Center: orb.Point{25.28, 54.69}, Radius: 150}
	if set, err = zones.Load().With(home); err != nil {
		fmt.Println(err)
		return
	}
	zones.Store(set)
	fmt.Println("The home grew.")
	tell(zones.Load())
	// Output:
	// home: inside false, outside true, 33 m
	// work: inside false, outside true, 1292 m
	// The home grew.
	// home: inside false, outside false, -17 m
	// work: inside false, outside true, 1292 m
}

// Zones that change while they are read, and are merged now and then.
func ExampleLive() {
	school := geofence.Zone{ID: "school-12", Version: "v1", Kind: geofence.KindExclusion, Shape: geofence.Circle{Center: orb.Point{25.2797, 54.6872}, Radius: 300}}
	index, err := geofence.NewIndex(school)
	if err != nil {
		fmt.Println(err)
		return
	}
	live := geofence.NewLive(index)

	p := em.LatLng{Lat: 54.6872, Lng: 25.2797}
	tell := func(v *geofence.View) {
		for _, z := range v.Append(nil, p) {
			fmt.Println(z.ID, z.Version)
		}
	}
	tell(live.View())

	before := live.View()
	school.Version = "v2"
	if err := live.Put(school); err != nil {
		fmt.Println(err)
		return
	}
	tell(live.View())
	tell(before) // a view stays as it is

	// Usually in a goroutine of its own: it takes as long as NewIndex.
	if err := live.Merge(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(live.Pending(), "changes to merge")
	tell(live.View())
	// Output:
	// school-12 v1
	// school-12 v2
	// school-12 v1
	// 0 changes to merge
	// school-12 v2
}
