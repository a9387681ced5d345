package center_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
	"github.com/sargas-em/em/geofence"
)

// curfewFrom is a curfew of ten hours a day at the school's place.
func curfewFrom(start time.Time) string {
	rows := []map[string]string{}
	for _, day := range []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} {
		rows = append(rows, map[string]string{"day": day, "start": start.Format("15:04"), "end": start.Add(10 * time.Hour).Format("15:04")})
	}
	doc, err := json.Marshal(map[string]any{"zone": "UTC", "weekly": rows})
	if err != nil {
		panic(err) // strings only
	}
	return fmt.Sprintf(`"home":{"lat":54.72,"lon":25.28,"radius_m":80},"curfew":{"schedule":%s,"from":%q,"grace":{"start":"5m","short":"5m"}}`,
		doc, start.Format(time.RFC3339))
}

// lateCase is a person whose curfew began forty minutes ago.
type lateCase struct {
	c     *centertest.Center
	d     *centertest.Device
	start time.Time
}

func startLate(t *testing.T) *lateCase {
	l := &lateCase{c: centertest.Start(t, centertest.Config{}), start: now().Add(-40 * time.Minute).Truncate(time.Minute)}
	l.c.Put("/api/v1/people", centertest.Person(1, l.start.Add(-2*time.Hour), curfewFrom(l.start)))
	l.d = l.c.Connect(1)
	return l
}

func (l *lateCase) restart() {
	l.c = l.c.Restart()
	l.d = l.c.Connect(1)
}

// away and home are fixes at minutes of the curfew.
func (l *lateCase) away(minutes ...int) { l.c.T.Helper(); l.send(centertest.At, 1500, minutes) }
func (l *lateCase) home(minutes ...int) { l.c.T.Helper(); l.send(centertest.Kept, 0, minutes) }

func (l *lateCase) send(fix func(time.Time, float64) em.Observation, metres float64, minutes []int) {
	l.c.T.Helper()
	var obs []em.Observation
	for _, n := range minutes {
		obs = append(obs, fix(l.start.Add(time.Duration(n)*time.Minute), metres))
	}
	l.c.Send(l.d, obs...)
}

// absence is the one incident about an absence.
func (l *lateCase) absence() web.Incident {
	l.c.T.Helper()
	all := l.c.Incidents("curfew.absence")
	if len(all) != 1 {
		l.c.T.Fatalf("%d incidents, want 1: %+v", len(all), all)
	}
	return all[0]
}

// A person is out when the curfew begins. Then the device uploads what it had
// kept: the person was at home before and after. The verdict is withdrawn, and
// the incident stays until a person closes it.
func TestLateUploadWithdraws(t *testing.T) {
	l := startLate(t)
	l.away(-10, -1, 8)
	i := l.absence()
	if i.Verdict != record.Stands || i.Handling != "new" || i.Severity != "violation" {
		t.Fatalf("out at the curfew: %+v", i)
	}
	if said := func(name string, value any) bool {
		return slices.ContainsFunc(i.Facts, func(f web.Fact) bool { return f.Name == name && f.Value == value })
	}; !said("first_by", "distance") && !said("first_by", "several") || !said("first_presence", geofence.PresenceVersion) || !strings.Contains(i.Reason, "m outside the edge") {
		t.Errorf("it does not say why the fixes are an absence: %s %+v", i.Reason, i.Facts)
	}
	l.restart() // what it was told of is in the record
	l.home(7, 9)
	withdrawn := func() {
		t.Helper()
		if got := l.absence(); got.ID != i.ID || got.Verdict != record.Withdrawn || got.Handling != "new" {
			t.Fatalf("after the upload: %+v", got)
		}
		if p := centertest.Get[[]web.Person](l.c, "/api/v1/people")[0]; p.OpenIncidents == 0 || p.Worst != "violation" {
			t.Errorf("the withdrawn incident is not open any more: %+v", p)
		}
	}
	withdrawn()
	path := fmt.Sprintf("/api/v1/incidents/%d", i.ID)
	e := centertest.Get[web.Evidence](l.c, path)
	if n := len(e.History); n < 2 || e.History[0].Change != "opened" || e.History[n-1].Change != "withdrawn" || len(e.Observations) == 0 {
		t.Errorf("its ledger: %+v", e.History)
	}
	l.restart()
	withdrawn()
	if status, doc := l.c.Call("POST", path+"/close", `{"note":"was at home"}`); status != 200 {
		t.Fatalf("close: %d %s", status, doc)
	}
	var told []string
	for _, a := range centertest.Get[[]record.Entry](l.c, fmt.Sprintf("/api/v1/audit?target=incident%%20%d", i.ID)) {
		told = append(told, a.Actor+" "+a.Action)
	}
	slices.Reverse(told)
	if told[0] != "center raise" || !slices.Contains(told, "center verdict withdrawn") || told[len(told)-1] != "api closed" {
		t.Errorf("audit: %q", told)
	}
}

// Late data moves the beginning of what was told: the incident that people have
// acknowledged moves with it, and no second one appears.
func TestLateUploadMoves(t *testing.T) {
	l := startLate(t)
	l.away(-10, -1, 8, 12, 16)
	i := l.absence()
	path := fmt.Sprintf("/api/v1/incidents/%d", i.ID)
	if status, doc := l.c.Call("POST", path+"/acknowledge", `{}`); status != 200 {
		t.Fatalf("acknowledge: %d %s", status, doc)
	}
	l.home(4)
	moved := func() {
		t.Helper()
		if got := l.absence(); got.ID != i.ID || got.Event == i.Event || got.Handling != "acknowledged" || got.Verdict != record.Stands || !got.At.After(i.At) {
			t.Errorf("after the upload: %+v\nbefore: %+v", got, i)
		}
	}
	moved()
	e := centertest.Get[web.Evidence](l.c, path)
	if n := len(e.History); n < 2 || e.History[0].Change != "opened" || !slices.ContainsFunc(e.History, func(v web.VersionView) bool { return v.Change == "moved" }) {
		t.Errorf("its ledger: %+v", e.History)
	}
	l.restart()
	moved()
}

// A closed incident whose verdict was withdrawn is new again when its event is
// found again.
func TestWithdrawnAndFoundAgain(t *testing.T) {
	l := startLate(t)
	l.away(-10, -1, 8)
	i := l.absence()
	l.home(7, 9)
	if status, doc := l.c.Call("POST", fmt.Sprintf("/api/v1/incidents/%d/close", i.ID), `{"note":"was at home"}`); status != 200 {
		t.Fatalf("close: %d %s", status, doc)
	}
	l.away(1, 2, 3, 4, 5, 6)
	if got := l.absence(); got.ID != i.ID || got.Verdict != record.Stands || got.Handling != "new" {
		t.Errorf("found again: %+v", got)
	}
}
