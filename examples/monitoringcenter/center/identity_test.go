package center_test

import (
	"testing"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
)

// One identity on two connections that both go on is a technical incident, one
// for however many reports. A device that only comes back on a new connection
// is none.
func TestIdentityOnTwoConnections(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	c.Put("/api/v1/people", centertest.Person(1, now().Add(-time.Hour), ""))
	at := now().Add(-time.Minute)
	next := func() time.Time { at = at.Add(time.Second); return at }
	a := c.Connect(1)
	c.Send(a, centertest.At(next(), 0))
	b := c.Connect(1)
	c.Send(b, centertest.At(next(), 0))
	c.Send(b, centertest.At(next(), 0))
	if all := c.Incidents("device.identity"); len(all) != 0 {
		t.Errorf("a device that came back: %+v", all)
	}
	for range 3 {
		c.Send(a, centertest.At(next(), 0))
		c.Send(b, centertest.At(next(), 0))
	}
	all := c.Incidents("device.identity")
	if len(all) == 0 || len(all) > 2 { // two if an hour has just begun
		t.Fatalf("%d incidents, want 1: %+v", len(all), all)
	}
	i := all[0]
	if i.Severity != "technical" || i.Person != "p-1" || i.About != "gt06:"+centertest.IMEI(1) || time.Since(i.At) > time.Minute {
		t.Errorf("%+v", i)
	}
	log := centertest.Get[[]struct{ Action string }](c, "/api/v1/audit?target=incident%201")
	if len(log) != 1 || log[0].Action != "raise" {
		t.Errorf("its audit: %+v", log)
	}
}
