package center_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em/examples/monitoringcenter/center"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
)

// New rules hold from when they are given; late data about the time before is
// judged by the rules of then, before and after a new start.
func TestRulesOfThen(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	base := now().Add(-2 * time.Hour)
	minute := func(n int) time.Time { return base.Add(time.Duration(n) * time.Minute) }
	c.Put("/api/v1/zones", centertest.School("school-1", "old", 500))
	c.Put("/api/v1/people", centertest.Person(1, base, `"zones":["school-1"]`))
	d := c.Connect(1)
	c.Send(d, centertest.At(minute(1), 2000))

	c.Put("/api/v1/zones", centertest.School("school-1", "new", 200))
	changed := time.Now().UTC()
	versions := func(c *centertest.Center) (all []string) {
		for _, i := range c.Incidents("zone.exclusion") {
			all = append(all, fmt.Sprintf("%s %v", i.Version, i.At.Sub(base).Truncate(time.Minute)))
		}
		slices.Sort(all)
		return all
	}
	// 300 m was inside by the old zone, and is outside by the new one.
	c.Send(d, centertest.Kept(minute(10), 300), centertest.Kept(minute(11), 2000), centertest.Kept(minute(12), 2000), centertest.Kept(minute(13), 2000))
	want := []string{"old 10m0s"}
	if got := versions(c); !slices.Equal(got, want) {
		t.Errorf("late data: %q, want %q", got, want)
	}
	c = c.Restart()
	d = c.Connect(1)
	c.Send(d, centertest.Kept(minute(20), 300), centertest.Kept(minute(21), 2000), centertest.Kept(minute(22), 2000), centertest.Kept(minute(23), 2000))
	want = []string{"old 10m0s", "old 20m0s"}
	if got := versions(c); !slices.Equal(got, want) {
		t.Errorf("late data after a new start: %q, want %q", got, want)
	}
	// Trackers tell whole seconds: the next one is surely after the change.
	after := changed.Truncate(time.Second).Add(time.Second)
	c.Send(d, centertest.At(after, 250), centertest.At(after.Add(time.Second), 120), centertest.At(after.Add(2*time.Second), 250)) // no faster than a train
	got := c.Incidents("zone.exclusion")
	if len(got) != 3 || got[0].Version != "new" || !got[0].At.Equal(after.Add(time.Second)) {
		t.Errorf("by the new rules: %+v", got)
	}
}

// The person's own document may be given again and again, before monitoring
// begins and after; each new start finds the rules in order.
func TestRulesChangedBeforeTheBeginning(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	since := now().Add(time.Hour)
	c.Put("/api/v1/zones", centertest.School("school-1", "1", 300))
	for range 2 {
		c.Put("/api/v1/people", centertest.Person(1, since, ""))
		c.Put("/api/v1/people", centertest.Person(1, since, `"zones":["school-1"]`))
		c = c.Restart()
	}
	if p := centertest.Get[[]web.Person](c, "/api/v1/people"); len(p) != 1 || !p[0].Since.Equal(since) || len(p[0].Zones) != 1 {
		t.Errorf("people: %+v", p)
	}
}

// A file that is read at every start changes something the first time only.
func TestPeopleFileAtEachStart(t *testing.T) {
	file, err := roster.Parse(fmt.Appendf(nil, `{"zones":%s,"people":[%s,%s]}`, centertest.School("school-1", "1", 300),
		centertest.Person(1, now(), `"zones":["school-1"]`), centertest.Person(2, now(), "")))
	if err != nil {
		t.Fatal(err)
	}
	cfg := centertest.Config{Dir: t.TempDir(), Options: func(o *center.Options) { o.Roster = file }}
	for range 3 {
		c := centertest.Start(t, cfg)
		if log := centertest.Get[[]record.Entry](c, "/api/v1/audit"); len(log) != 3 {
			t.Errorf("%d entries in the audit, want 3: %+v", len(log), log)
		}
		if status, doc := c.Call(http.MethodGet, "/api/v1/audit/verify", ""); status != 200 || !strings.Contains(doc, "true") {
			t.Errorf("audit: %d %s", status, doc)
		}
		c.Stop()
	}
}

// A document in error names who and why, and nothing of it is taken.
func TestDocumentsInError(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	c.Put("/api/v1/zones", centertest.School("school-1", "1", 300))
	c.Put("/api/v1/people", centertest.Person(1, now().Add(-time.Hour), `"zones":["school-1"]`))
	state := func() string {
		_, people := c.Call(http.MethodGet, "/api/v1/people", "")
		_, zones := c.Call(http.MethodGet, "/api/v1/zones", "")
		_, audit := c.Call(http.MethodGet, "/api/v1/audit", "")
		return people + zones + audit
	}
	before := state()
	for name, in := range map[string]struct {
		path, doc string
		want      []string
	}{
		"no JSON":           {"people", `{"id":`, []string{"person"}},
		"misspelt rule":     {"people", centertest.Person(2, now(), `"zonez":["school-1"]`), []string{"zonez"}},
		"unknown zone":      {"people", centertest.Person(2, now(), `"zones":["school-9"]`), []string{`p-2`, `school-9`}},
		"device of another": {"people", strings.Replace(centertest.Person(1, now(), ""), `"p-1"`, `"p-3"`, 1), []string{`p-3`, `p-1`, "carries"}},
		"no name":           {"people", `{"id":"p-4"}`, []string{`p-4`, "name"}},
		"no id":             {"people", `{"name":"Invented 5"}`, []string{"id"}},
		"id is a path":      {"people", `{"id":"..","name":"Invented 5"}`, []string{"id"}},
		"zones no JSON":     {"zones", `[`, []string{"zones"}},
		"zone without id":   {"zones", strings.Replace(centertest.School("x", "1", 300), `"id":"x",`, ``, 1), []string{"zones"}},
		"zone without size": {"zones", strings.Replace(centertest.School("x", "1", 300), `"radius_m":300`, `"radius_m":-1`, 1), []string{"radius"}},
	} {
		t.Run(name, func(t *testing.T) {
			status, doc := c.Call(http.MethodPut, "/api/v1/"+in.path, in.doc)
			if status != http.StatusUnprocessableEntity {
				t.Errorf("status %d: %s", status, doc)
			}
			for _, w := range in.want {
				if !strings.Contains(doc, w) {
					t.Errorf("%s does not name %q", doc, w)
				}
			}
			if state() != before {
				t.Errorf("something was changed")
			}
		})
	}
	// And the center goes on.
	c.Send(c.Connect(1), centertest.At(now(), 100))
	if all := c.Incidents("zone.exclusion"); len(all) != 1 {
		t.Errorf("%d incidents, want 1", len(all))
	}
}

// A people file in error keeps the center from starting, and is not taken in part.
func TestPeopleFileInError(t *testing.T) {
	for name, c := range map[string]struct {
		doc  string
		want []string
	}{
		"second person wrong": {fmt.Sprintf(`{"people":[%s,{"id":"p-2"}]}`, centertest.Person(1, now(), "")), []string{"p-2", "no name"}},
		"listed twice":        {fmt.Sprintf(`{"people":[%s,%[1]s]}`, centertest.Person(1, now(), "")), []string{"p-1", "twice"}},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := roster.Parse([]byte(c.doc))
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			bad := centertest.New(t, centertest.Config{Dir: dir, Options: func(o *center.Options) { o.Roster = file }})
			err = bad.Run(t.Context())
			for _, w := range c.want {
				if err == nil || !strings.Contains(err.Error(), w) {
					t.Errorf("%v does not name %q", err, w)
				}
			}
			good := centertest.Start(t, centertest.Config{Dir: dir})
			if people := centertest.Get[[]web.Person](good, "/api/v1/people"); len(people) != 0 {
				t.Errorf("people: %+v", people)
			}
		})
	}
}

// Two people may exchange their devices in one file.
func TestPeopleExchangeDevices(t *testing.T) {
	dir := t.TempDir()
	for _, order := range [][2]int{{1, 2}, {2, 1}} {
		doc := fmt.Sprintf(`{"people":[%s,%s]}`,
			strings.Replace(centertest.Person(order[0], now(), ""), fmt.Sprintf(`"p-%d"`, order[0]), `"p-1"`, 1),
			strings.Replace(centertest.Person(order[1], now(), ""), fmt.Sprintf(`"p-%d"`, order[1]), `"p-2"`, 1))
		file, err := roster.Parse([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		c := centertest.Start(t, centertest.Config{Dir: dir, Options: func(o *center.Options) { o.Roster = file }})
		for _, p := range centertest.Get[[]web.Person](c, "/api/v1/people") {
			want := centertest.IMEI(order[0])
			if p.ID == "p-2" {
				want = centertest.IMEI(order[1])
			}
			if len(p.Devices) != 1 || p.Devices[0] != "gt06:"+want {
				t.Errorf("%s carries %v, want %s", p.ID, p.Devices, want)
			}
		}
		c.Stop()
	}
}
