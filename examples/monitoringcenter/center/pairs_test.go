package center_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// keepAway is person 1, who must keep 500 m away from person 2.
func keepAway(since time.Time, fields string) string {
	return centertest.Person(1, since, fmt.Sprintf(`"keep_away":[{"person":"p-2","since":%q,"radius_m":500%s}]`, since.Format(time.RFC3339Nano), fields))
}

// minutes are fixes at so many minutes after base, at metres.
func minutes(base time.Time, fix func(time.Time, float64) em.Observation, metres float64, at ...int) (obs []em.Observation) {
	for _, m := range at {
		obs = append(obs, fix(base.Add(time.Duration(m)*time.Minute), metres))
	}
	return obs
}

// A wearer comes to where the protected person was last heard: an alert. Her
// telephone then uploads that she had left: the alert is withdrawn, and stays in
// the queue. It is the same after a new start.
func TestPair(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	base := now().Add(-30 * time.Minute).Truncate(time.Minute)
	if status, doc := c.Call("PUT", "/api/v1/people", keepAway(base, "")); status != 422 || !strings.Contains(doc, "p-2") {
		t.Fatalf("away from somebody unknown: %d %s", status, doc)
	}
	c.Put("/api/v1/people", centertest.Person(2, base, ""))
	c.Put("/api/v1/people", keepAway(base, ""))
	wearer, phone := c.Connect(1), c.Connect(2)
	c.Send(phone, minutes(base, centertest.At, 0, 0, 1)...)
	c.Send(wearer, minutes(base, centertest.At, 5000, 0, 1, 2)...)
	c.Send(wearer, minutes(base, centertest.At, 300, 4)...)

	alert := func(c *centertest.Center, verdict string) web.Incident {
		t.Helper()
		var all []web.Incident
		c.Eventually("the alert "+verdict, func() bool {
			all = c.Incidents("proximity.alert")
			return len(all) == 1 && all[0].Verdict == verdict
		})
		return all[0]
	}
	i := alert(c, record.Stands)
	if i.Person != "pair/p-1/p-2" || i.Name != "Invented 1 – Invented 2" || i.Severity != "critical" || i.Class != "WEARER_APPROACHED" ||
		!i.At.Equal(base.Add(4*time.Minute)) || i.Handling != "new" {
		t.Errorf("%+v", i)
	}
	evidence := centertest.Get[web.Evidence](c, fmt.Sprintf("/api/v1/incidents/%d", i.ID))
	if len(evidence.Observations) < 2 || len(evidence.Frames) < 2 {
		t.Errorf("it rests on %d observations in %d frames", len(evidence.Observations), len(evidence.Frames))
	}
	var stale []web.Incident
	c.Eventually("unprotected time is told", func() bool { stale = c.Incidents("proximity.stale"); return len(stale) == 2 })
	for _, s := range stale {
		if s.Severity != "technical" || s.Class != "UNPROTECTED" {
			t.Errorf("%+v", s)
		}
	}
	pairs := centertest.Get[[]web.Pair](c, "/api/v1/pairs")
	if len(pairs) != 1 || pairs[0].ProtectedNotice.Level.String() != "alert" || pairs[0].WearerNotice.KeepAway {
		t.Errorf("%+v", pairs)
	}
	for _, p := range centertest.Get[[]web.Person](c, "/api/v1/people") {
		if want := map[string]string{"p-1": "monitored", "p-2": "protected"}[p.ID]; p.Role != want {
			t.Errorf("the role of %s is %q", p.ID, p.Role)
		}
		if p.ID == "p-1" && (p.OpenIncidents == 0 || p.Worst != "critical") {
			t.Errorf("the wearer's incidents: %+v", p)
		}
	}

	c = c.Restart()
	if again := alert(c, record.Stands); again.ID != i.ID {
		t.Errorf("after a new start: %+v", again)
	}
	phone = c.Connect(2)
	c.Send(phone, minutes(base, centertest.Kept, -6000, 3, 4)...)
	if again := alert(c, record.Withdrawn); again.ID != i.ID || again.Handling != "new" {
		t.Errorf("after the upload: %+v", again)
	}

	// The order ends; what is open ends with it.
	if status, doc := c.Call("PUT", "/api/v1/people", centertest.Person(1, base, "")); status != 422 || !strings.Contains(doc, "to") {
		t.Errorf("a pair was left out: %d %s", status, doc)
	}
	end := now().Add(-time.Minute)
	c.Put("/api/v1/people", keepAway(base, fmt.Sprintf(`,"to":%q`, end.Format(time.RFC3339Nano))))
	c.Eventually("unprotected time ends", func() bool {
		for _, s := range c.Incidents("proximity.stale") {
			if s.Until.IsZero() {
				return false
			}
		}
		return true
	})
}

// What waits in quarantine counts for the pair, too, and a telephone that is
// assigned later is heard from then on.
func TestPairTakesWhatWaited(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	base := now().Add(-10 * time.Minute).Truncate(time.Minute)
	wearer, phone, other := c.Connect(1), c.Connect(2), c.Connect(3)
	c.Send(phone, minutes(base, centertest.At, 0, 0, 1, 2, 3, 4)...)
	c.Send(wearer, minutes(base, centertest.At, 100, 0, 1, 2)...)
	c.Send(other, minutes(base, centertest.At, 100, 1, 2)...)
	c.Put("/api/v1/people", centertest.Person(2, base, ""))
	c.Put("/api/v1/people", keepAway(base, ""))
	c.Eventually("the alert of what waited", func() bool { return len(c.Incidents("proximity.alert")) == 1 })

	c.Put("/api/v1/people", fmt.Sprintf(`{"id":"p-3","name":"Invented 3","since":%q,"devices":[],
		"keep_away":[{"person":"p-2","since":%q,"zones":[{"id":"work","lat":54.72,"lon":25.28,"radius_m":300}],"named":["work"]}]}`,
		base.Format(time.RFC3339Nano), base.Format(time.RFC3339Nano)))
	c.CaughtUp()
	if n := len(c.Incidents("proximity.alert")); n != 1 {
		t.Fatalf("%d alerts, of one who carries nothing yet", n)
	}
	c.Put("/api/v1/people", fmt.Sprintf(`{"id":"p-3","name":"Invented 3","devices":[{"id":"gt06:%s"}],
		"keep_away":[{"person":"p-2","zones":[{"id":"work","lat":54.72,"lon":25.28,"radius_m":300}],"named":["work"]}]}`, centertest.IMEI(3)))
	c.Send(other, centertest.At(now().Add(2*time.Second), 100))
	var all []web.Incident
	c.Eventually("the alert of the other", func() bool { all = c.Incidents("proximity.alert"); return len(all) == 2 })
	if i := all[0]; i.Person != "pair/p-3/p-2" || i.About != "work" {
		t.Errorf("%+v", i)
	}
	if pairs := centertest.Get[[]web.Pair](c, "/api/v1/pairs"); len(pairs) != 2 || !pairs[1].Since.Equal(base) {
		t.Errorf("%+v", pairs)
	}
}
