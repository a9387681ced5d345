package center_test

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// An unknown device waits in quarantine with its last frames and the reason.
// Once its wearer is entered, what it sent before is judged.
func TestQuarantineUntilEnrolment(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	base := now().Add(-time.Hour)
	minute := func(n int) time.Time { return base.Add(time.Duration(n) * time.Minute) }
	d := c.Connect(1)
	c.Send(d, centertest.At(minute(-30), 100), centertest.At(minute(1), 1000), centertest.At(minute(2), 100), centertest.At(minute(3), 50),
		centertest.At(minute(4), 1000), centertest.At(minute(5), 1000), centertest.At(minute(6), 1000))

	all := centertest.Get[[]web.QuarantineView](c, "/api/v1/quarantine")
	if len(all) != 1 {
		t.Fatalf("quarantine: %+v", all)
	}
	q := all[0]
	if q.Device != "gt06:"+centertest.IMEI(1) || q.Codec != "gt06" || !strings.Contains(q.Reason, "nobody") || q.Frames < 8 || len(q.Latest) != 5 || q.Latest[0].Type == "" {
		t.Errorf("quarantine: %+v", q)
	}
	if raw, err := hex.DecodeString(q.Latest[0].Hex); err != nil || len(raw) < 10 || raw[0] != 0x78 {
		t.Errorf("its last frame is %q, %v", q.Latest[0].Hex, err)
	}
	if counts := centertest.Get[record.Counts](c, "/api/v1/counts"); counts.Fixes != 7 || counts.Incidents != 0 {
		t.Errorf("before: %+v", counts)
	}

	c = c.Restart()
	c.Put("/api/v1/zones", centertest.School("school-1", "1", 300))
	c.Put("/api/v1/people", centertest.Person(1, base, `"zones":["school-1"]`))
	incidents := c.Incidents("zone.exclusion")
	if len(incidents) != 1 || !incidents[0].At.Equal(minute(2)) || !incidents[0].Until.Equal(minute(4)) {
		t.Errorf("what it sent before gives %+v", incidents)
	}
	if e := centertest.Get[web.Evidence](c, "/api/v1/incidents/1"); len(e.Frames) == 0 || len(e.Observations) == 0 {
		t.Errorf("its evidence: %+v", e)
	}
	if all := centertest.Get[[]web.QuarantineView](c, "/api/v1/quarantine"); len(all) != 0 {
		t.Errorf("quarantine afterwards: %+v", all)
	}
	p := centertest.Get[[]web.Person](c, "/api/v1/people")[0]
	if p.Position == nil || !p.Position.At.Equal(minute(6)) {
		t.Errorf("the person is shown at %+v", p.Position)
	}

	// What it sent before monitoring began stays nobody's, and is said to be.
	c.Send(c.Connect(1), centertest.At(minute(-20), 100))
	all = centertest.Get[[]web.QuarantineView](c, "/api/v1/quarantine")
	if len(all) != 1 || !strings.Contains(all[0].Reason, "at the time") {
		t.Errorf("quarantine after a report from before: %+v", all)
	}
	if len(c.Incidents("zone.exclusion")) != 1 {
		t.Errorf("a report from before monitoring was judged")
	}
}

// A device is handed over: each report is judged as of who carried it then.
func TestHandedOver(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	base := now().Add(-time.Hour)
	minute := func(n int) time.Time { return base.Add(time.Duration(n) * time.Minute) }
	c.Put("/api/v1/zones", centertest.School("school-1", "1", 300))
	carry := func(id, from, to string) string {
		if to != "" {
			to = `,"to":"` + to + `"`
		}
		return `{"id":"` + id + `","name":"Invented ` + id + `","since":"` + base.Format(time.RFC3339) + `","zones":["school-1"],"silence":{"from":"` +
			now().Format(time.RFC3339) + `"},"devices":[{"id":"gt06:` + centertest.IMEI(1) + `","from":"` + from + `"` + to + `}]}`
	}
	half := minute(30).Format(time.RFC3339)
	c.Put("/api/v1/people", carry("p-1", base.Format(time.RFC3339), half))
	c.Put("/api/v1/people", carry("p-2", half, ""))
	c.Send(c.Connect(1), centertest.At(minute(31), 100), centertest.At(minute(29), 100), centertest.At(minute(30), 1000), centertest.At(minute(28), 1000))
	got := map[string]time.Time{}
	for _, i := range c.Incidents("zone.exclusion") {
		got[i.Person] = i.At
	}
	if len(got) != 2 || !got["p-1"].Equal(minute(29)) || !got["p-2"].Equal(minute(31)) {
		t.Errorf("incidents by person: %v", got)
	}
}
