package center_test

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center"
	"github.com/sargas-em/em/examples/monitoringcenter/center/internal/centertest"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/web"
	"github.com/sargas-em/em/protocol"
)

// noticesOf are the notices of an incident as the API lists them.
func noticesOf(c *centertest.Center, incident int64) []web.NoticeView {
	c.T.Helper()
	return centertest.Get[[]web.NoticeView](c, fmt.Sprintf("/api/v1/incidents/%d/notices", incident))
}

// told waits until all of an incident's notices have their end, and returns them
// as "recipient kind state".
func told(c *centertest.Center, incident int64, want ...string) {
	c.T.Helper()
	var got []string
	c.Eventually(fmt.Sprintf("%q are told; it is %q", want, got), func() bool {
		got = nil
		for _, n := range noticesOf(c, incident) {
			got = append(got, fmt.Sprint(n.Recipient, " ", n.Kind, " ", n.State))
		}
		slices.Sort(got)
		slices.Sort(want)
		return slices.Equal(got, want)
	})
}

// An absence is told to whom it concerns, and no other; late data withdraws it,
// and exactly those who were told are told so, with the cause.
func TestToldAndWithdrawn(t *testing.T) {
	l := startLate(t)
	person := func(fields string) {
		l.c.Put("/api/v1/people", centertest.Person(1, l.start.Add(-2*time.Hour), curfewFrom(l.start)+fields))
	}
	person(`,"district":"north"`)
	r := centertest.NewReceiver(t, nil)
	for _, doc := range []string{
		r.Recipient("all", "desk", `,"kinds":["curfew."]`),
		r.Recipient("north", "desk", `,"districts":["north"],"kinds":["curfew."]`),
		r.Recipient("south", "desk", `,"districts":["south"]`),
		r.Recipient("critical", "officer", `,"severity":"critical","kinds":["curfew."]`),
		r.Recipient("zones", "officer", `,"people":["p-1"],"kinds":["zone."]`),
		r.Recipient("over", "officer", `,"from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z"`),
	} {
		l.c.Put("/api/v1/recipients", doc)
	}
	l.away(-10, -1, 8)
	i := l.absence()
	told(l.c, i.ID, "all incident.raised told", "north incident.raised told")
	for _, p := range r.Posted() {
		if p.Body["person"] != "p-1" || p.Body["severity"] != "violation" || p.Body["kind"] != "curfew.absence" || p.Body["verdict"] != "stands" ||
			p.Body["incident"] != float64(i.ID) || p.Body["late"] != "the data came late" {
			t.Errorf("the notice says %s", p.Raw)
		}
	}
	l.c.Put("/api/v1/recipients", r.Recipient("later", "officer", `,"kinds":["curfew."]`))
	l.restart()
	l.home(7, 9)
	if got := l.absence(); got.Verdict != record.Withdrawn {
		t.Fatalf("%+v", got)
	}
	told(l.c, i.ID, "all incident.raised told", "north incident.raised told", "all incident.withdrawn told", "north incident.withdrawn told")
	seen := map[string]bool{}
	for _, p := range r.Posted() {
		if seen[p.ID] {
			t.Errorf("notice %s came twice", p.ID)
		}
		seen[p.ID] = true
		if p.Body["type"] == "incident.withdrawn" && !strings.Contains(fmt.Sprint(p.Body["cause"]), "received at") {
			t.Errorf("the withdrawal says %s", p.Raw)
		}
	}
	if len(seen) != 4 {
		t.Errorf("%d notices", len(seen))
	}
	e := centertest.Get[web.Evidence](l.c, fmt.Sprintf("/api/v1/incidents/%d", i.ID))
	said := 0
	for _, a := range e.Audit {
		if a.Actor == "center" && a.Action == "told" {
			said++
		}
	}
	if said != 4 || len(e.Notices) != 4 || e.Notices[0].Told.IsZero() || e.Notices[0].Channel != "webhook" || e.Incident.Late == "" || e.Incident.Knowable.IsZero() {
		t.Errorf("%d disclosures in the audit; %+v", said, e)
	}
	l.away(1, 2, 3, 4, 5, 6)
	told(l.c, i.ID, "all incident.raised told", "north incident.raised told", "all incident.withdrawn told", "north incident.withdrawn told",
		"all incident.stands told", "north incident.stands told", "later incident.raised told")
}

// Who was told that something goes on is told when it is over, and once, also
// where the end shifts by late data.
func TestEndIsTold(t *testing.T) {
	l := startLate(t)
	r := centertest.NewReceiver(t, nil)
	l.c.Put("/api/v1/recipients", r.Recipient("desk", "desk", `,"kinds":["curfew."]`))
	l.away(-10, -1, 8)
	i := l.absence()
	told(l.c, i.ID, "desk incident.raised told")
	l.home(12, 14)
	told(l.c, i.ID, "desk incident.raised told", "desk incident.ended told")
	end := l.absence().Until
	l.away(10)
	l.c.Eventually("the absence ends later", func() bool { return l.absence().Until.After(end) })
	l.restart()
	l.home(16)
	told(l.c, i.ID, "desk incident.raised told", "desk incident.ended told")
	posted := r.Posted()
	if last := posted[len(posted)-1].Body; len(posted) != 2 || last["type"] != "incident.ended" || last["until"] != end.Format(time.RFC3339Nano) || last["class"] != "RETURN_LATE" {
		t.Errorf("%d notices, the last says %v; the end was %v", len(posted), last, end)
	}
}

// What was withdrawn before anything of it was sent is not told at all: the
// recipient is busy with another notice.
func TestWithdrawnUntold(t *testing.T) {
	l := startLate(t)
	hold := make(chan struct{})
	r := centertest.NewReceiver(t, func(n int) int {
		if n == 0 {
			<-hold
		}
		return http.StatusOK
	})
	l.c.Put("/api/v1/recipients", r.Recipient("desk", "desk", `,"kinds":["curfew.","device.sos"]`))
	l.c.Send(l.d, centertest.SOS(now()))
	l.c.Eventually("the call for help is on its way", func() bool { return len(r.Posted()) == 1 })
	l.away(-10, -1, 8)
	i := l.absence()
	told(l.c, i.ID, "desk incident.raised pending")
	l.home(7, 9)
	told(l.c, i.ID, "desk incident.raised cancelled")
	close(hold)
	told(l.c, l.c.Incidents("device.sos")[0].ID, "desk incident.raised told")
	if got := r.Types(); !slices.Equal(got, []string{"incident.raised"}) || !strings.Contains(noticesOf(l.c, i.ID)[0].Reason, "withdrawn") {
		t.Errorf("told: %q, %+v", got, noticesOf(l.c, i.ID))
	}
}

// A receiver that fails is tried again with the same notice, over a restart too.
// When it fails for long alerting is down: the others are told, and when it is
// over.
func TestAlertingDown(t *testing.T) {
	var works atomic.Bool
	broken := centertest.NewReceiver(t, func(int) int {
		if works.Load() {
			return http.StatusNoContent
		}
		return http.StatusServiceUnavailable
	})
	other := centertest.NewReceiver(t, nil)
	start := func(dir string) *centertest.Center {
		return centertest.Start(t, centertest.Config{Dir: dir, Options: func(o *center.Options) { o.Telling.Down = 500 * time.Millisecond },
			Before: func(c *center.Center) { c.Look(10 * time.Millisecond); c.Again(10 * time.Millisecond) }})
	}
	c := start("")
	c.Put("/api/v1/people", centertest.Person(1, now().Add(-time.Hour), ""))
	c.Put("/api/v1/recipients", broken.Recipient("broken", "desk", `,"kinds":["device.sos"]`))
	c.Put("/api/v1/recipients", other.Recipient("other", "desk", ""))
	c.Send(c.Connect(1), centertest.SOS(now()))
	sos := c.Incidents("device.sos")[0].ID
	// On a slow machine the other may be told late, too.
	ofBroken := func() []web.Incident {
		return slices.DeleteFunc(c.Incidents("center.alerting"), func(i web.Incident) bool { return i.About != "broken" })
	}
	down := func() web.Incident {
		t.Helper()
		var all []web.Incident
		c.Eventually("alerting is down", func() bool { all = ofBroken(); return len(all) > 0 })
		return all[len(all)-1]
	}
	i := down()
	if i.Severity != "warning" || !i.Until.IsZero() {
		t.Errorf("%+v", i)
	}
	told(c, i.ID, "other incident.raised told")
	c.Eventually("it is tried again", func() bool { return len(broken.Posted()) >= 3 })
	if h := centertest.Get[web.Health](c, "/api/v1/health"); h.OldestUntold <= 0 || h.Status != "ok" {
		t.Errorf("%+v", h)
	}
	c.Stop()
	works.Store(true)
	c = start(c.Dir)
	told(c, sos, "broken incident.raised told", "other incident.raised told")
	for _, p := range broken.Posted() {
		if p.ID != broken.Posted()[0].ID || p.Raw != broken.Posted()[0].Raw {
			t.Errorf("tried as %s, then as %s", broken.Posted()[0].Raw, p.Raw)
		}
	}
	c.Eventually("alerting works again", func() bool { return !down().Until.IsZero() })
	if all := ofBroken(); len(all) != 1 {
		t.Errorf("%d incidents: %+v", len(all), all)
	}
	told(c, i.ID, "other incident.raised told", "other incident.ended told")
	c.Eventually("nothing is untold", func() bool { return centertest.Get[web.Health](c, "/api/v1/health").OldestUntold == 0 })
	if n := noticesOf(c, sos)[0]; n.Recipient != "broken" || n.Attempts < len(broken.Posted()) || n.Attempts > len(broken.Posted())+1 || n.Told.IsZero() {
		t.Errorf("%+v after %d requests", n, len(broken.Posted()))
	}
}

// A center that did not run for a while says of what it missed that it was down,
// with both times, in the incident, on the feed and in the notice; what fell into
// no downtime is late because of its data.
func TestLateAfterDowntime(t *testing.T) {
	l := startLate(t)
	r := centertest.NewReceiver(t, nil)
	l.c.Put("/api/v1/recipients", r.Recipient("desk", "desk", `,"kinds":["curfew.absence"]`))
	l.c.Stop()
	driver, where := "sqlite", centertest.RecordOf(t, l.c.Dir)
	if record.IsURL(where) {
		driver = "pgx"
	}
	db, err := sql.Open(driver, where)
	if err == nil {
		_, err = db.Exec(`UPDATE run SET began = began - $1, seen = seen - $1`, int64(2*time.Hour)) // as if it had stopped two hours ago
	}
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	l.restart()
	l.away(-10, -1, 8)
	i := l.absence()
	happened := l.start.Add(5 * time.Minute) // grace
	if i.Late != "the center was down" || i.At.After(happened) || !i.Knowable.After(l.start.Add(30*time.Minute)) || i.Raised.Before(i.Knowable) {
		t.Errorf("%+v", i)
	}
	told(l.c, i.ID, "desk incident.raised told")
	if p := r.Posted()[0]; p.Body["late"] != "the center was down" || p.Body["knowable"] == nil || p.Body["raised"] == nil || p.Body["at"] == nil {
		t.Errorf("the notice says %s", p.Raw)
	}
	resp, err := (&http.Client{Timeout: 20 * time.Second}).Do(l.c.Request("GET", "/api/v1/feed?after=0", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	feed := bufio.NewScanner(resp.Body)
	for feed.Scan() && !strings.Contains(feed.Text(), `"late":"the center was down"`) {
	}
	if feed.Err() != nil {
		t.Errorf("the feed: %v", feed.Err())
	}
	// What is in time is not late.
	l.c.Send(l.d, centertest.SOS(now()))
	if sos := l.c.Incidents("device.sos")[0]; sos.Late != "" || sos.Knowable.IsZero() {
		t.Errorf("%+v", sos)
	}
}

// What cannot be delivered for long is given up, and so says the ledger.
func TestGivenUp(t *testing.T) {
	r := centertest.NewReceiver(t, func(int) int { return http.StatusGone })
	c := centertest.Start(t, centertest.Config{Options: func(o *center.Options) { o.Telling.GiveUp = time.Millisecond },
		Before: func(c *center.Center) { c.Again(time.Millisecond) }})
	c.Put("/api/v1/people", centertest.Person(1, now().Add(-time.Hour), ""))
	c.Put("/api/v1/recipients", r.Recipient("desk", "desk", ""))
	c.Send(c.Connect(1), centertest.SOS(now()))
	i := c.Incidents("device.sos")[0]
	told(c, i.ID, "desk incident.raised failed")
	if n := noticesOf(c, i.ID)[0]; !n.Possibly || !strings.Contains(n.Reason, "410") || !n.Told.IsZero() {
		t.Errorf("%+v", n)
	}
}

// Recipients are checked, each error names its field, and nobody reads a secret.
func TestRecipients(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	c.Put("/api/v1/people", centertest.Person(1, now().Add(-time.Hour), ""))
	const hook = `"webhook":{"url":"https://example.org/hook","secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}`
	for field, doc := range map[string]string{
		"id":             `{"who":"desk",` + hook + `}`,
		"who":            `{"id":"x","who":"chief",` + hook + `}`,
		"to":             `{"id":"x","who":"desk","from":"2026-01-02T00:00:00Z","to":"2026-01-01T00:00:00Z",` + hook + `}`,
		"webhook":        `{"id":"x","who":"desk"}`,
		"webhook.url":    `{"id":"x","who":"desk","webhook":{"url":"http://example.org/","secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}`,
		"webhook.secret": `{"id":"x","who":"desk","webhook":{"url":"https://example.org/","secret":"short"}}`,
		"mail":           `{"id":"x","who":"desk","mail":{"to":"desk@example.org"}}`,
		"mail.to":        `{"id":"x","who":"desk","mail":{"to":"desk@example.org\r\nBcc: a@example.org"}}`,
		"people":         `{"id":"x","who":"desk","people":["p-9"],` + hook + `}`,
		"person":         `{"id":"x","who":"wearer","person":"p-1",` + hook + `}`,
		"device":         `{"id":"x","who":"desk","device":{"id":"watch3g:1"}}`,
		"kinds":          `{"id":"x","who":"desk","kinds":[""],` + hook + `}`,
		"severity":       `{"id":"x","who":"protected","person":"p-1","severity":"warning",` + hook + `}`,
		"unknown field":  `{"id":"x","who":"desk","colour":"red",` + hook + `}`,
	} {
		if status, answer := c.Call("PUT", "/api/v1/recipients", doc); status != http.StatusUnprocessableEntity || !strings.Contains(answer, field) {
			t.Errorf("%s: %d %s", field, status, answer)
		}
	}
	c.Put("/api/v1/recipients", `{"id":"desk","who":"desk",`+hook+`}`)
	c.Put("/api/v1/recipients", `{"id":"desk","who":"desk","severity":"critical",`+hook+`}`)
	for _, path := range []string{"/api/v1/recipients", "/api/v1/audit"} {
		if status, doc := c.Call("GET", path, ""); status != http.StatusOK || strings.Contains(doc, "whsec") || !strings.Contains(doc, "https://example.org/hook") || !strings.Contains(doc, "critical") {
			t.Errorf("%s: %d %s", path, status, doc)
		}
	}
	if puts := centertest.Get[[]record.Entry](c, "/api/v1/audit?target=recipient%20desk"); len(puts) != 2 || puts[0].Actor != "api" {
		t.Errorf("the audit: %+v", puts)
	}
	c = c.Restart()
	if all := centertest.Get[[]map[string]any](c, "/api/v1/recipients"); len(all) != 1 || all[0]["severity"] != "critical" {
		t.Errorf("after a restart: %v", all)
	}
}

// How a person stands under the order is shown, also from readings at the skin,
// and who looked is in the audit.
func TestMeasures(t *testing.T) {
	l := startLate(t)
	l.away(-10, -1, 8, 20)
	l.absence()
	l.c.Stop()
	store, err := record.Open(t.Context(), centertest.RecordOf(t, l.c.Dir))
	if err != nil {
		t.Fatal(err)
	}
	at := l.start.Add(20 * time.Minute)
	o := em.Observation{Device: "gt06:" + em.DeviceID(centertest.IMEI(1)), DeviceAt: at, Body: &em.Transdermal{Value: em.Decimal{Coef: 21, Scale: 3}, Unit: em.UnitSkinGPerDL}}.Stamp(at)
	err = store.Update(t.Context(), func(tx *record.Tx) error {
		frame, err := tx.AddFrame(1<<40, &protocol.Report{Codec: "gt06", Device: o.Device, Received: at}, &protocol.ReportFrame{Raw: []byte("x")})
		if err == nil {
			_, _, err = tx.AddObservation(o, "p-1", frame)
		}
		return err
	})
	if err = errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
	c := l.c.Restart()
	m := centertest.Get[web.Measures](c, "/api/v1/people/p-1/measures")
	if len(m.Skin) != 1 || m.Skin[0].Value != "0.021" || !m.Skin[0].At.Equal(at) || m.Random || len(m.CheckIns) > 0 {
		t.Errorf("%+v", m)
	}
	if a := m.Allowance; a == nil || a.Allowance != 120 || a.Total <= 0 || a.Total+a.Left != 120 || !strings.Contains(a.Reason, "left") {
		t.Errorf("%+v", m.Allowance)
	}
	if read := centertest.Get[[]record.Entry](c, "/api/v1/audit?target=person%20p-1"); read[0].Action != "read measures" || read[0].Actor != "api" {
		t.Errorf("the audit: %+v", read[0])
	}
	if status, doc := c.Call("GET", "/api/v1/people/p-9/measures", ""); status != http.StatusUnprocessableEntity {
		t.Errorf("of nobody: %d %s", status, doc)
	}
}

// Who reads where somebody was is in the audit.
func TestReadingIsAudited(t *testing.T) {
	c := centertest.Start(t, centertest.Config{})
	c.Put("/api/v1/people", centertest.Person(1, now().Add(-time.Hour), ""))
	d := c.Connect(1)
	c.Send(d, centertest.At(now(), 100), centertest.SOS(now()))
	if status, doc := c.Call("GET", "/api/v1/people/p-1/track", ""); status != http.StatusOK || !strings.Contains(doc, "54.72") {
		t.Fatalf("%d %s", status, doc)
	}
	i := c.Incidents("device.sos")[0]
	centertest.Get[web.Evidence](c, fmt.Sprintf("/api/v1/incidents/%d", i.ID))
	var said []string
	for _, e := range centertest.Get[[]record.Entry](c, "/api/v1/audit?target=person%20p-1") {
		said = append(said, e.Actor+" "+e.Action+" "+string(e.Detail))
	}
	slices.Reverse(said)
	if len(said) != 3 || !strings.HasPrefix(said[1], "api read track ") || !strings.Contains(said[1], `"positions":2`) ||
		said[2] != fmt.Sprintf(`api read evidence {"incident":%d,"observations":1}`, i.ID) {
		t.Errorf("the audit: %q", said)
	}
}
