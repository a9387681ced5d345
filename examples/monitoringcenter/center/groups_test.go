package center_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

func quick(dir string) centertest.Config {
	return centertest.Config{Dir: dir, Before: func(c *center.Center) { c.Settle(300 * time.Millisecond) }}
}

// The unit of a hostel of 28 loses its supply: one incident names all of them,
// the unit's own belongs to it, and none of the residents has an alert. It ends
// the same where the center is started anew in the middle.
func TestUnitOfMany(t *testing.T) {
	c := centertest.Start(t, quick(t.TempDir()))
	base := now().Add(-time.Hour)
	const residents = 28
	unit := "gt06:" + centertest.IMEI(99)
	resident := func(n int) string {
		return centertest.Person(n, base, fmt.Sprintf(`"home":{"lat":54.7,"lon":25.28,"radius_m":80},
			"curfew":{"schedule":{"zone":"Europe/Vilnius"},"units":[{"id":"bracelet-%d","device":%q}]}`, n, unit))
	}
	if status, doc := c.Call("PUT", "/api/v1/people", resident(1)); status != 422 || !strings.Contains(doc, unit) {
		t.Fatalf("a person with a unit that nobody knows: %d %s", status, doc)
	}
	c.Put("/api/v1/units", fmt.Sprintf(`{"id":%q,"version":"u1","since":%q,"silence":{"from":%q}}`, unit, base.Format(time.RFC3339), time.Now().UTC().Format(time.RFC3339)))
	for n := 1; n <= residents; n++ {
		c.Put("/api/v1/people", resident(n))
	}
	d := c.Connect(99)
	c.Send(d, em.Observation{DeviceAt: now(), Body: &em.Power{Event: em.PowerCut}})
	check := func(c *centertest.Center, ended bool) {
		t.Helper()
		var of []web.Incident
		c.Eventually("the unit's incident is told", func() bool {
			of = c.Incidents("device.unit")
			return len(of) > 0 && of[0].Until.IsZero() != ended
		})
		if len(of) != 1 || len(of[0].People) != residents || len(of[0].Members) != 1 || of[0].Person != "unit/"+unit || of[0].Verdict != record.Stands {
			t.Fatalf("%+v", of)
		}
		var all []web.Incident
		c.Eventually("what belongs to it says so", func() bool {
			all = centertest.Get[[]web.Incident](c, "/api/v1/incidents?closed=true&limit=1000")
			return len(all) == 2
		})
		for _, i := range all {
			if !strings.HasPrefix(i.Person, "unit/") {
				t.Errorf("a resident has an alert: %+v", i)
			}
			if i.Kind == "device.power.cut" && i.Group != of[0].ID {
				t.Errorf("the power does not belong to the unit's incident: %+v", i)
			}
		}
	}
	check(c, false)
	c.Stop()
	c = centertest.Start(t, quick(c.Dir))
	check(c, false)
	d = c.Connect(99)
	c.Send(d, em.Observation{DeviceAt: now().Add(time.Second), Body: &em.Power{Level: em.Some(0.8), Charging: em.Some(true)}})
	check(c, true)
}

// Many devices fall silent together: one incident, and each silence stands.
func TestMassSilence(t *testing.T) {
	c := centertest.Start(t, quick(t.TempDir()))
	soon := time.Now().UTC().Add(time.Second)
	const people = 6
	for n := 1; n <= people; n++ {
		c.Put("/api/v1/people",
			fmt.Sprintf(`{"id":"p-%d","name":"Invented %d","version":"v1","devices":[{"id":"gt06:%s","labels":{"operator":"24601"}}],"silence":{"interval":"1s","buffer":"1s","from":%q}}`,
				n, n, centertest.IMEI(n), soon.Format(time.RFC3339Nano)))
	}
	var of []web.Incident
	c.Eventually("the outage is told", func() bool {
		of = c.Incidents("device.silence.mass")
		return len(of) == 1 && len(of[0].Members) == people
	})
	if len(of[0].People) != people || of[0].Person != "system" || of[0].Severity != "critical" {
		t.Errorf("%+v", of)
	}
	each := c.Incidents("device.silence")
	if len(each) != people {
		t.Errorf("%d silences, want %d: none is suppressed", len(each), people)
	}
	for _, i := range each {
		if i.Group != of[0].ID {
			t.Errorf("it does not belong to the outage: %+v", i)
		}
	}
	// Nothing has written the states since the first silence: a start goes through
	// what the groups were told.
	c.Stop()
	c = centertest.Start(t, quick(c.Dir))
	if again := c.Incidents("device.silence.mass"); len(again) != 1 || again[0].ID != of[0].ID || len(again[0].Members) != people {
		t.Errorf("after a new start: %+v", again)
	}
	for n := 1; n <= people-2; n++ { // too few for an outage by themselves
		c.Send(c.Connect(n), centertest.At(now(), 0))
	}
	c.Eventually("the outage is over", func() bool {
		of := c.Incidents("device.silence.mass")
		return len(of) == 1 && !of[0].Until.IsZero() && len(of[0].Members) == people
	})
}
