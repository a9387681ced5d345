package roster_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/alcohol"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
)

var key = bytes.Repeat([]byte{7}, 32)

const (
	home   = `"home":{"lat":54.7,"lon":25.28,"radius_m":80}`
	screen = `"screen":{"value":0.02,"unit":"g/210L breath"},"allow_unchecked":true`
	open   = `"open":{"zone":"Europe/Vilnius","weekly":[{"day":"mon","start":"08:00","end":"22:00"},{"day":"tue","start":"08:00","end":"22:00"},{"day":"wed","start":"08:00","end":"22:00"}]}`
)

// rulesOf returns the rules of a person with further fields.
func rulesOf(fields string) ([]byte, error) {
	p, err := roster.ParsePerson([]byte(`{"id":"p-1","name":"Invented 1","version":"v1","since":"2026-03-02T08:00:00Z"` + fields + `}`))
	if err != nil {
		return nil, err
	}
	r, err := roster.New().WithKey(key).With(base, p)
	if err != nil {
		return nil, err
	}
	p, _ = r.Person("p-1")
	return r.Rules(p)
}

func timeline(t *testing.T, h *em.MemoryHistory, fields string) *em.Timeline {
	t.Helper()
	doc, err := rulesOf(fields)
	if err != nil {
		t.Fatal(err)
	}
	evs, err := roster.Evaluators(doc, base)
	if err != nil {
		t.Fatal(err)
	}
	tl, err := em.NewTimeline(em.Config{Subject: "p-1", Start: base, History: h}, evs...)
	if err != nil {
		t.Fatal(err)
	}
	return tl
}

// What an order may say is taken, and what it must not say is refused with its
// reason.
func TestOrders(t *testing.T) {
	attend := `{"zone":"Europe/Vilnius","places":[{"name":""},{"name":"clinic"}],"weekly":[{"day":"mon","start":"22:00","end":"06:00"},{"day":"tue","start":"10:00","end":"12:00","kind":"MUST_ATTEND","place":"clinic","dwell":"30m"}],
		"calendars":[{"name":"L","days":[{"date":"2026-12-24","name":"Eve","like":"sun"}]}],"suspensions":[{"from":"2026-05-01T00:00:00Z","approved_by":"o","approved_at":"2026-04-30T00:00:00Z","reason":"flood"}]}`
	for name, c := range map[string]struct{ fields, err string }{
		"nothing":                    {``, ""},
		"tracking":                   {`,"tracking":{"buffer_m":200,"max_radius95_m":300,"accuracy_m":{"gt06":8},"alert":{"fixes":2,"dwell":"1m","sure":3,"sum":1},"clear":{"fixes":4},"clear_margin_m":-1,"pass_gap":"1m","undecided_after":"10m","suspected_after":"1m","unknown_after":"2m","contacts":true,"stays":true}`, ""},
		"tracking, misspelt":         {`,"tracking":{"bufer_m":200}`, "bufer_m"},
		"tracking, negative buffer":  {`,"tracking":{"buffer_m":-1}`, "Buffer"},
		"skin, defaults":             {`,"skin":{}`, ""},
		"skin, wrist":                {`,"skin":{"wrist":true,"min_run":20,"devices":["x:"]}`, ""},
		"skin, level below zero":     {`,"skin":{"level":0.001}`, "skin"},
		"skin, misspelt":             {`,"skin":{"levle":0.02}`, "levle"},
		"curfew of all kinds":        {`,` + home + `,"curfew":{"schedule":` + attend + `,"places":[{"name":"clinic","area":{"lat":54.7,"lon":25.2,"radius_m":90}}]}`, ""},
		"a place that is nowhere":    {`,` + home + `,"curfew":{"schedule":` + attend + `}`, "clinic"},
		"a place named twice":        {`,` + home + `,"curfew":{"schedule":` + attend + `,"places":[{"name":"clinic","units":[{"id":"b"}]},{"name":"clinic","units":[{"id":"b"}]}]}`, "twice"},
		"short gap as of old":        {`,` + home + `,"curfew":{"schedule":{"zone":"Europe/Vilnius"},"max_gap":"2m"}`, ""},
		"loss above the gap":         {`,` + home + `,"curfew":{"schedule":{"zone":"Europe/Vilnius"},"max_gap":"2m","loss":"3m"}`, "Loss"},
		"check-ins":                  {`,` + home + `,"checkins":[{"at_home":true,"rule":{"id":"e","windows":{"zone":"Europe/Vilnius","weekly":[{"day":"mon","start":"18:00","end":"21:00"}]},"unpredictable":{"min":1,"max":2}}}]`, ""},
		"check-in at no home":        {`,"checkins":[{"at_home":true,"rule":{"id":"e","requests":[]}}]`, "home"},
		"check-ins of one name":      {`,"checkins":[{"rule":{"id":"e"}},{"rule":{"id":"e"}}]`, "twice"},
		"check-in misspelt":          {`,"checkins":[{"rule":{"id":"e","leta":"5m"}}]`, "leta"},
		"random tests":               {`,"breath":{` + screen + `,"random":{` + open + `,"most":3}}`, ""},
		"random tests at night":      {`,"breath":{` + screen + `,"random":{"open":{"zone":"Europe/Vilnius","weekly":[{"day":"mon","start":"22:00","end":"06:00"}]}}}`, "two rows"},
		"random tests without room":  {`,"breath":{` + screen + `,"random":{` + open + `,"least":9,"most":9}}`, "room"},
		"random tests without hours": {`,"breath":{` + screen + `,"random":{"open":{"zone":"Europe/Vilnius"}}}`, "no hours"},
		"listed test leaves no room": {`,"breath":{` + screen + `,"random":{` + open + `,"least":1,"most":1},"tests":[{"id":"t","kind":"scheduled","from":"2026-03-02T05:00:00Z","to":"2026-03-02T21:00:00Z"}]}`, "room"},
		"test to zero":               {`,"breath":{` + screen + `,"to_zero":{}}`, ""},
		"test to zero every second":  {`,"breath":{` + screen + `,"to_zero":{"every":"1s"}}`, "zero"},
	} {
		_, err := rulesOf(c.fields)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, want %q", name, err, c.err)
		}
		if err != nil && strings.Contains(err.Error(), fmt.Sprintf("%x", key)) {
			t.Errorf("%s: the error tells the key: %v", name, err)
		}
	}
}

// Random tests are those that an auditor draws again with the month's key alone,
// lie in their hours beside the listed ones, and are not told by another key.
func TestRandomTestsCanBeAudited(t *testing.T) {
	doc, err := rulesOf(`,"breath":{` + screen + `,"random":{` + open + `,"least":1,"most":3},"tests":[{"id":"t-1","kind":"scheduled","from":"2026-03-03T10:00:00Z","to":"2026-03-03T11:00:00Z"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, date := range []string{"2026-03-02", "2026-03-03", "2026-03-04"} {
		d, err := roster.Draws(doc, date)
		if err != nil || len(d.Tests) == 0 {
			t.Fatalf("%s: %+v %v", date, d, err)
		}
		total += len(d.Tests)
		if err := d.Plan.Audit(roster.MonthKey(key, "2026-03"), "p-1", d.Day, d.Tests); err != nil {
			t.Errorf("%s: %v", date, err)
		}
		if err := d.Plan.Audit(roster.MonthKey(key, "2026-04"), "p-1", d.Day, d.Tests); !errors.Is(err, alcohol.ErrNotDrawn) {
			t.Errorf("%s by the key of another month: %v", date, err)
		}
		for _, x := range d.Tests {
			if x.From.Before(d.Day.Open[0].From) || x.To.After(d.Day.Open[0].To) {
				t.Errorf("%s: %+v is not within %+v", date, x, d.Day.Open)
			}
		}
	}
	if d, err := roster.Draws(doc, "2026-03-08"); err != nil || len(d.Tests) != 0 {
		t.Errorf("on a day without hours: %+v %v", d, err)
	}
	// Each that is not taken is told, the listed one too.
	h := new(em.MemoryHistory)
	tl := timeline(t, h, `,"breath":{`+screen+`,"random":{`+open+`,"least":1,"most":3},"tests":[{"id":"t-1","kind":"scheduled","from":"2026-03-03T10:00:00Z","to":"2026-03-03T11:00:00Z"}]}`)
	var r em.Result
	if err := tl.Advance(&r, time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	missed := map[em.EventID]bool{}
	for _, c := range r.Changes {
		if c.Event.Detail.Kind == alcohol.KindMissed {
			missed[c.Event.ID] = true
		}
	}
	// What was drawn before the beginning at 08:00 UTC does not count.
	first, _ := roster.Draws(doc, "2026-03-02")
	for _, x := range first.Tests {
		if x.From.Before(base) {
			total--
		}
	}
	if len(missed) != total+1 {
		t.Errorf("%d tests are missed, want %d", len(missed), total+1)
	}
}

func breath(at time.Time, value int64) em.Observation {
	o := em.Observation{Device: "bactrack:x", DeviceAt: at, Body: &em.AlcoholReading{Value: em.Decimal{Coef: value, Scale: 3}, Unit: em.UnitBreathGPer210L, Status: em.SampleOK}}
	return o.Stamp(at)
}

func heard(at time.Time) em.Observation {
	o := em.Observation{Device: "bactrack:x", DeviceAt: at, Body: &em.Comms{Event: em.CommsHeartbeat}}
	return o.Stamp(at)
}

// After a failed test the instrument is asked for tests until one is below the
// limit, only where the order says so; in any order of the data, and through any
// number of restarts.
func TestTestsToZero(t *testing.T) {
	minute := func(n int) time.Time { return base.Add(time.Duration(n) * time.Minute) }
	obs := []em.Observation{
		breath(minute(60), 80), breath(minute(76), 80), // failed
		heard(minute(90)),                      // too early
		heard(minute(100)), heard(minute(110)), // asked for at 100
		breath(minute(115), 60),                // still above
		heard(minute(140)), heard(minute(299)), // asked for at 140, not answered until 260; again at 299
		breath(minute(301), 5), // below: it is over
		heard(minute(330)), heard(minute(400)),
	}
	final := func(h *em.MemoryHistory) (all []string) {
		for e, err := range h.Events(em.EventTime, time.Time{}) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Rule == "alcohol" {
				all = append(all, fmt.Sprintf("%s@%v", e.Detail.Class, int(e.Anchor.Sub(base).Minutes())))
			}
		}
		return all
	}
	run := func(fields string, order []int, restart bool) string {
		h := new(em.MemoryHistory)
		tl := timeline(t, h, fields)
		now := minute(5000)
		for _, i := range order {
			h.Store(obs[i])
			var r em.Result
			if err := tl.Feed(&r, now, obs[i]); err != nil {
				t.Fatal(err)
			}
			h.Commit(&r)
			if restart {
				tl = timeline(t, h, fields)
			}
		}
		return strings.Join(final(h), " ")
	}
	sorted := make([]int, len(obs))
	for i := range sorted {
		sorted[i] = i
	}
	with := `,"breath":{` + screen + `,"to_zero":{}}`
	want := run(with, sorted, false)
	for _, w := range []string{"FAILED@60", "STILL_ABOVE@100", "MISSED@140", "PASSED@299"} {
		if !strings.Contains(want, w) {
			t.Errorf("%s lacks %s", want, w)
		}
	}
	if strings.Contains(want, "@330") || strings.Contains(want, "@400") {
		t.Errorf("asked for after a test below the limit: %s", want)
	}
	for name, order := range map[string][]int{"reversed": {10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, "mixed": {5, 8, 0, 3, 10, 1, 7, 2, 6, 9, 4}} {
		for _, restart := range []bool{false, true} {
			if got := run(with, order, restart); got != want {
				t.Errorf("%s, restarts %v: %s, want %s", name, restart, got, want)
			}
		}
	}
	if got := run(`,"breath":{`+screen+`}`, sorted, false); strings.Contains(got, "STILL_ABOVE") || strings.Contains(got, " MISSED") {
		t.Errorf("not ordered, and asked for: %s", got)
	}
}

// Parts of an order come and go, and what they had opened comes to its end.
func TestPartsThatEnd(t *testing.T) {
	h := new(em.MemoryHistory)
	asks := `,"checkins":[{"rule":{"id":"noon","windows":{"zone":"Europe/Vilnius","weekly":[{"day":"mon","start":"12:00","end":"13:00"}]}}}]`
	tl := timeline(t, h, asks)
	commit := func(f func(r *em.Result) error) {
		t.Helper()
		var r em.Result
		if err := f(&r); err != nil {
			t.Fatal(err)
		}
		h.Commit(&r)
	}
	at := base.Add(2*time.Hour + 10*time.Minute) // 12:10 in Vilnius
	commit(func(r *em.Result) error { return tl.Advance(r, at) })
	doc, err := rulesOf(``)
	if err != nil {
		t.Fatal(err)
	}
	evs, err := roster.Evaluators(doc, at)
	if err != nil {
		t.Fatal(err)
	}
	commit(func(r *em.Result) error { return tl.Rederive(r, at, at, evs...) })
	commit(func(r *em.Result) error { return tl.Advance(r, at.AddDate(0, 0, 30)) })
	n := 0
	for e, err := range h.Events(em.EventTime, time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Rule == "checkin" {
			if n++; e.Open() {
				t.Errorf("open for ever: %+v", e)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d requests, want 1: the next Monday nothing is asked for", n)
	}
}

// A backlog of a dialect that does not mark what comes out of a memory is no
// report that somebody sends again; the same of one that does is told.
func TestBacklogWithoutMarks(t *testing.T) {
	for device, want := range map[em.DeviceID]bool{"laipac:99000017": false, "gt06:990000000000017": true} {
		h := new(em.MemoryHistory)
		tl := timeline(t, h, fmt.Sprintf(`,"devices":[{"id":%q}]`, device))
		for n, ago := range []time.Duration{0, 0, 40 * time.Minute, 0, 0} {
			now := base.Add(2*time.Hour + time.Duration(n)*time.Minute)
			o := em.Observation{Device: device, DeviceAt: now.Add(-ago), Body: &em.Fix{LatLng: em.LatLng{Lat: 54.7, Lng: 25.28}, Validity: em.FixCurrent, Source: em.SourceGNSS}}
			o = o.Stamp(now)
			h.Store(o)
			var r em.Result
			if err := tl.Feed(&r, now, o); err != nil {
				t.Fatal(err)
			}
			h.Commit(&r)
		}
		got := false
		for e, err := range h.Events(em.ReceiveTime, time.Time{}) {
			if err != nil {
				t.Fatal(err)
			}
			got = got || e.Detail.Kind == "device.report.old"
		}
		if got != want {
			t.Errorf("%s: told %v, want %v", device, got, want)
		}
	}
}

// Where an evaluator says that it does not heed a kind of observation, one changes
// nothing: an em.Timeline does not show it.
func TestHeeds(t *testing.T) {
	bodies := []em.Body{&em.Fix{LatLng: em.LatLng{Lat: 54.7, Lng: 25.28}, Validity: em.FixCurrent, Source: em.SourceGNSS}, &em.Beacon{Beacon: "home", Radio: "rf"},
		&em.AlcoholReading{Unit: em.UnitBreathGPer210L, Status: em.SampleOK}, &em.Transdermal{Unit: em.UnitSkinGPerDL, Value: em.Decimal{Coef: 30, Scale: 3}},
		&em.Tamper{What: em.TamperStrap}, &em.Power{Event: em.PowerLow}, &em.Comms{Event: em.CommsLogin}, &em.Alarm{What: em.AlarmSOS}, &em.CheckIn{Request: "1"}, &em.Vendor{Name: "x"}}
	for name, fields := range map[string]string{
		"nothing": ``,
		"much":    `,"devices":[{"id":"x:1"}],"skin":{"devices":["x:1"]},"breath":{` + screen + `},"home":{"lat":54.7,"lon":25.28,"radius_m":80}`,
	} {
		doc, err := rulesOf(fields)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		evs, err := roster.Evaluators(doc, base)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		left := 0
		for i, ev := range evs {
			for n := range 5 * len(bodies) {
				o := em.Observation{Device: "x:1", DeviceAt: base.Add(time.Duration(n+1) * time.Second), Body: bodies[n%len(bodies)]}.Stamp(base.Add(time.Duration(n+2) * time.Second))
				due := ev.Deadline()
				before, _ := ev.AppendBinary(nil)
				told := ev.Observe(nil, o)
				after, _ := ev.AppendBinary(nil)
				if em.Heeds(ev, o.Body.Kind()) {
					continue
				}
				if left++; len(told) > 0 || !ev.Deadline().Equal(due) || !bytes.Equal(before, after) {
					t.Errorf("%s: evaluator %d, %T: a %s changes it", name, i, ev, o.Body.Kind())
				}
			}
		}
		if left < 100 {
			t.Errorf("%s: only %d observations are left alone", name, left)
		}
	}
}
