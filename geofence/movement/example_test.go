package movement_test

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/geofence/movement"
)

// A court asks whose track agrees with a burglary.
func ExampleCoincide() {
	night := time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC)
	track := func(s em.SubjectID, lat float64) movement.Track {
		var obs []em.Observation
		for m := range 120 {
			at := night.Add(time.Duration(m) * time.Minute)
			fix := &em.Fix{LatLng: em.LatLng{Lat: lat, Lng: 25.3}, Validity: em.FixCurrent, Source: em.SourceGNSS, Accuracy: em.Some(10.0)}
			obs = append(obs, em.Observation{Device: "gt06:990000000000017", DeviceAt: at, Body: fix}.Stamp(at))
		}
		return movement.Stored(s, obs)
	}
	tracks := slices.Values([]movement.Track{track("p1", 54.7001), track("p2", 54.7005), track("p3", 54.8)})
	scene := movement.Scene{Place: em.LatLng{Lat: 54.7, Lng: 25.3}, Radius: 50, From: night.Add(30 * time.Minute), To: night.Add(60 * time.Minute)}

	_, err := movement.Coincide(movement.Authorization{}, scene, tracks, movement.CoincidenceRule{})
	fmt.Println(errors.Is(err, movement.ErrUnauthorized))

	report, err := movement.Coincide(movement.Authorization{
		Request: "R-2026-17", Basis: movement.CourtRequest, Document: "2-118/2026", By: "officer.a",
		Purpose: "burglary of 14 March", From: night, To: night.Add(2 * time.Hour),
	}, scene, tracks, movement.CoincidenceRule{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range report.Matches {
		fmt.Println(m)
	}
	// Output:
	// true
	// p1: within at 2026-03-14T00:30:00Z: 11 m from the middle of the scene, error circle 17 m; 30 fixes and 0 gaps in the time, 0 of them long enough to have been there; of 2 other persons 1 match as well (0 within, 1 possible), 0 are unknown
	// p2: possible at 2026-03-14T00:30:00Z: 56 m from the middle of the scene, error circle 17 m; 30 fixes and 0 gaps in the time, 0 of them long enough to have been there; of 2 other persons 1 match as well (1 within, 0 possible), 0 are unknown
}

// The stops of an afternoon.
func ExampleStops() {
	noon := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	var obs []em.Observation
	for m := range 90 {
		at := noon.Add(time.Duration(m) * time.Minute)
		fix := &em.Fix{LatLng: em.LatLng{Lat: 54.7, Lng: 25.3}, Validity: em.FixCurrent, Source: em.SourceGNSS, Accuracy: em.Some(10.0)}
		if m >= 40 {
			fix.Lng += 0.01 * float64(min(m-40, 5)) // five minutes' drive
		}
		obs = append(obs, em.Observation{Device: "gt06:990000000000017", DeviceAt: at, Body: fix}.Stamp(at))
	}
	report, err := movement.Stops(movement.Authorization{
		Request: "R-2026-18", Basis: movement.Order, Document: "order 118 §4", By: "officer.a",
		Purpose: "review of the order", From: noon, To: noon.Add(24 * time.Hour),
	}, movement.Stored("p1", obs), movement.StopRule{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range report.Stops {
		fmt.Printf("%s to %s: %d fixes, circle of %.0f m\n", s.From.Format("15:04"), s.To.Format("15:04"), s.Fixes, s.Radius95)
	}
	// Output:
	// 12:00 to 12:40: 41 fixes, circle of 16 m
	// 12:45 to 13:29: 45 fixes, circle of 16 m
}
