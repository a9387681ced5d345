package center_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/alcohol"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// Tests at random can be drawn again by an auditor when their month is over, and
// are not told, nor the key, while they lie ahead. The key outlives a new start.
func TestDrawsAreAudited(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	since := now().AddDate(0, -2, 0)
	var rows []string
	for _, day := range []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} {
		rows = append(rows, fmt.Sprintf(`{"day":%q,"start":"08:00","end":"22:00"}`, day))
	}
	c.Put("/api/v1/people", centertest.Person(1, since, `"breath":{"screen":{"value":0.02,"unit":"g/210L breath"},"random":{"open":{"zone":"Europe/Vilnius","weekly":[`+
		strings.Join(rows, ",")+`]},"least":1,"most":3}}`))
	draws := func(c *centertest.Center, date string) web.Draws {
		return centertest.Get[web.Draws](c, "/api/v1/people/p-1/draws/"+date)
	}
	past := time.Date(since.Year(), since.Month(), 28, 0, 0, 0, 0, time.UTC)
	if past.Before(since) {
		past = time.Date(since.Year(), since.Month()+1, 2, 0, 0, 0, 0, time.UTC)
	}
	d := draws(c, past.Format(time.DateOnly))
	key, err := hex.DecodeString(d.Key)
	if err != nil || len(key) == 0 || len(d.Tests) == 0 || d.Plan == nil || roster.KeyDigest(key) != d.KeyDigest {
		t.Fatalf("a day of a month that is over: %+v %v", d, err)
	}
	if err := d.Plan.Audit(key, "p-1", alcohol.Day{Date: past.Format(time.DateOnly), Open: d.Open, Fixed: d.Fixed}, d.Tests); err != nil {
		t.Error(err)
	}
	ahead := time.Now().AddDate(0, 0, 2).Format(time.DateOnly)
	if a := draws(c, ahead); a.Key != "" || a.Plan != nil || a.Tests != nil || a.KeyDigest == "" {
		t.Errorf("a day ahead: %+v", a)
	}
	if _, audit := c.Call("GET", "/api/v1/audit", ""); strings.Contains(audit, d.Key) || !strings.Contains(audit, "read draws") {
		t.Errorf("the audit tells a key, or not who asked: %s", audit)
	}
	digest := d.KeyDigest
	if again := draws(c.Restart(), past.Format(time.DateOnly)); again.KeyDigest != digest {
		t.Errorf("after a new start the key is another")
	}
}
