package center_test

import (
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

func protocolDevice(n int) em.DeviceID { return em.DeviceID("gt06:" + centertest.IMEI(n)) }

// The thin line: a tracker's frames over TCP are observations in the record, a
// walk into a zone is one incident with its evidence, and the way out ends it.
func TestFromFrameToIncident(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	base := now().Add(-time.Hour)
	c.Put("/api/v1/zones", centertest.School("school-1", "z7", 300))
	c.Put("/api/v1/people", centertest.Person(1, base, `"zones":["school-1"]`))
	d := c.Connect(1)
	minute := func(n int) time.Time { return base.Add(time.Duration(n) * time.Minute) }
	c.Send(d, centertest.Kept(minute(1), 1000), centertest.Kept(minute(2), 100), centertest.Kept(minute(3), 50))

	all := c.Incidents("zone.exclusion")
	if len(all) != 1 {
		t.Fatalf("%d incidents, want 1: %+v", len(all), all)
	}
	i := all[0]
	if i.Person != "p-1" || i.Name != "Invented 1" || i.About != "school-1" || i.Version != "z7" || i.Severity != "violation" ||
		!i.At.Equal(minute(2)) || !i.Until.IsZero() || i.Verdict != record.Stands || i.Handling != "new" || i.Reason == "" {
		t.Errorf("%+v", i)
	}
	e := centertest.Get[web.Evidence](c, "/api/v1/incidents/1")
	if len(e.Observations) == 0 || len(e.Frames) == 0 || e.Frames[0].Type == "" || e.Frames[0].Hex == "" || len(e.History) == 0 || e.History[0].Change != "opened" ||
		len(e.Audit) == 0 || e.Audit[len(e.Audit)-1].Action != "raise" {
		t.Errorf("its evidence: %+v", e)
	}
	people := centertest.Get[[]web.Person](c, "/api/v1/people")
	if len(people) != 1 || people[0].Position == nil || !people[0].Position.At.Equal(minute(3)) || people[0].OpenIncidents != 1 || people[0].Worst != "violation" ||
		people[0].LastHeard.IsZero() || !people[0].Position.Assumed {
		t.Errorf("people: %+v", people)
	}

	// The same fixes once more are receptions, and nothing else.
	before := centertest.Get[record.Counts](c, "/api/v1/counts")
	d = c.Connect(1) // a tracker comes back before the center has missed it
	c.Send(d, centertest.Kept(minute(1), 1000), centertest.Kept(minute(2), 100), centertest.Kept(minute(3), 50))
	after := centertest.Get[record.Counts](c, "/api/v1/counts")
	if after.Fixes != before.Fixes || after.Receptions < before.Receptions+3 || len(c.Incidents("zone.exclusion")) != 1 {
		t.Errorf("sent again: %+v, before %+v", after, before)
	}

	c.Send(d, centertest.Kept(minute(5), 1000), centertest.Kept(minute(6), 1000), centertest.Kept(minute(7), 1000))
	if all := c.Incidents("zone.exclusion"); len(all) != 1 || !all[0].Until.Equal(minute(5)) || all[0].ID != i.ID {
		t.Errorf("after the way out: %+v", all)
	}

	// A new start shows the same, and takes nothing from the log twice.
	kept := centertest.Get[record.Counts](c, "/api/v1/counts")
	again := c.Restart()
	again.Send(again.Connect(2)) // the log goes on
	if got := centertest.Get[record.Counts](again, "/api/v1/counts"); got.Frames != kept.Frames+1 || got.Position <= kept.Position {
		t.Errorf("after a new start and one frame: %+v, before %+v", got, kept)
	}
	if got := centertest.Get[[]web.Person](again, "/api/v1/people"); len(got) != 1 || got[0].Position == nil || !got[0].Position.At.Equal(minute(7)) || got[0].OpenIncidents != 1 {
		t.Errorf("after a new start: %+v", got)
	}
	if all := again.Incidents("zone.exclusion"); len(all) != 1 || all[0].ID != i.ID {
		t.Errorf("after a new start: %+v", all)
	}
}

// What is shown of a person is the newest by the device's time: not a late
// upload, and not what a wrong clock puts years ahead.
func TestShownIsTheNewest(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	base := now().Add(-time.Hour)
	c.Put("/api/v1/people", centertest.Person(1, base.Add(-time.Hour), ""))
	d := c.Connect(1)
	c.Send(d, centertest.At(base, 2000), centertest.At(base.AddDate(5, 0, 0), 1000), centertest.Kept(base.Add(-time.Minute), 3000))
	shown := func(c *centertest.Center) {
		t.Helper()
		p := centertest.Get[[]web.Person](c, "/api/v1/people")[0]
		if p.Position == nil || !p.Position.At.Equal(base) {
			t.Errorf("shown at %+v, want the position of %v", p.Position, base)
		}
	}
	shown(c)
	shown(c.Restart())
}
