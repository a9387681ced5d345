package health_test

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/health"
)

// told is a change as a Timeline tells it.
func told(s em.SubjectID, d em.DeviceID, kind em.EventKind, at time.Time) em.Change {
	e := em.Event{Rule: health.Rule, About: string(d), Anchor: at, At: at, Detail: em.Detail{Kind: kind, Severity: em.Technical}}
	e.Stamp(s, at)
	return em.Change{Kind: em.Opened, Clock: em.ReceiveTime, Event: e}
}

// An operator's network fails: six silences are one incident, and none of them
// is suppressed.
func ExampleMass() {
	mass, err := health.NewMass(health.MassConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2026, 10, 3, 19, 30, 0, 0, time.UTC)
	for i := range 6 {
		person, device := em.SubjectID(fmt.Sprint("person-", i)), em.DeviceID(fmt.Sprint("gt06:99000000000001", i))
		err := mass.Place(health.Placed{Subject: person, Device: device, Labels: []health.Label{{Kind: "operator", Name: "24601"}}})
		if err == nil {
			err = mass.Observe(now, told(person, device, health.KindSilence, now))
		}
		if err != nil {
			fmt.Println(err)
		}
	}
	for _, c := range mass.Wake(nil, mass.Deadline()) {
		fmt.Println(c.Kind, c.Event.Detail.Severity, len(c.Members), "silences")
		fmt.Println(c.Event.Detail.Reason)
	}
	// Output:
	// opened critical 6 silences
	// 6 of 6 devices with operator=24601 fell silent together from 2026-10-03 19:30:00 UTC on; 6 are still silent.
}

// The unit of a hostel is unplugged: one incident, with those whom it concerns.
func ExampleUnits() {
	units, err := health.NewUnits(health.UnitsConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2026, 10, 3, 19, 30, 0, 0, time.UTC)
	const unit, spare em.DeviceID = "laipac:99000017", "laipac:99000018"
	var all []health.Assignment
	for i := range 28 {
		all = append(all, health.Assignment{Unit: unit, Subject: em.SubjectID(fmt.Sprint("person-", i)), From: now.Add(-24 * time.Hour)})
	}
	all = append(all, health.Assignment{Unit: spare, Subject: "person-0", From: now.Add(-24 * time.Hour)})
	if err := units.Assign(now, all...); err != nil {
		fmt.Println(err)
	}
	if err := units.Observe(now, told("hostel-1", unit, health.KindPowerCut, now)); err != nil {
		fmt.Println(err)
	}
	for _, c := range units.Wake(nil, units.Deadline()) {
		fmt.Println(c.Kind, c.Event.Detail.Class, len(c.People), "people")
		fmt.Println(c.Event.Detail.Reason)
	}
	// Output:
	// opened UNIT_POWER 28 people
	// The home unit of 28 people is without its supply since 2026-10-03 19:30:00 UTC; another unit covers 1 person.
}

// A level that falls by 2 % an hour, with one wild reading.
func ExampleBattery_Forecast() {
	battery, err := health.NewBattery(health.BatteryConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	const device em.DeviceID = "gt06:990000000000017"
	at := time.Date(2026, 10, 3, 12, 0, 0, 0, time.UTC)
	for _, level := range []float64{0.65, 0.63, 0.61, 0.20, 0.57, 0.55} {
		o := em.Observation{Device: device, DeviceAt: at, Body: &em.Power{Level: em.Some(level)}}
		battery.Observe(nil, o.Stamp(at)) // an em.Timeline does this
		at = at.Add(time.Hour)
	}
	f, ok := battery.Forecast(device)
	fmt.Printf("%v: %.0f %% an hour, empty at %s\n", ok, 100*f.Rate, f.Empty.Round(time.Minute).Format(time.DateTime))
	// Output:
	// true: 2 % an hour, empty at 2026-10-04 18:00:00
}

// One of two hardware lots is tampered with nine times as often.
func ExampleLots() {
	findings, err := health.Lots(health.LotsConfig{}, []health.Lot{
		{Name: "2026-01", Devices: 300, DeviceDays: 9000, Events: 20, Affected: 18},
		{Name: "2026-14", Devices: 34, DeviceDays: 1000, Events: 20, Affected: 11},
	})
	if err != nil {
		fmt.Println(err)
	}
	for _, f := range findings {
		fmt.Println(f.Found, f.Detail.Reason)
	}
	// Output:
	// true Lot 2026-14 has 20.00 tampers per 1,000 device-days and the other lots 2.22: at least 4.2 times as many, which is not chance. Its devices should be checked.
	// false Lot 2026-01 has 2.22 tampers per 1,000 device-days and the other lots 20.00: that may be chance.
}
