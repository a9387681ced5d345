package checkin_test

import (
	"slices"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew"
	"github.com/sargas-em/em/curfew/checkin"
	"pgregory.net/rapid"
)

const (
	app   = em.DeviceID("app:990017")
	phone = em.DeviceID("phone:990017")
	unit  = em.DeviceID("rftrack:1")
)

// monday is 00:00 in Vilnius.
var monday = time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)

// where reads a side out of a fix: north of the equator is inside.
func where(o em.Observation) em.Side {
	f, ok := o.Body.(*em.Fix)
	switch {
	case !ok || f.Lat == 0:
		return em.SideUnknown
	case f.Lat > 0:
		return em.Inside
	}
	return em.Outside
}

func fix(lat float64) em.Body {
	return &em.Fix{LatLng: em.LatLng{Lat: lat, Lng: 25}, Validity: em.FixCurrent, Source: em.SourceGNSS}
}

func observe(d em.DeviceID, at time.Time, body em.Body) em.Observation {
	return em.Observation{Device: d, DeviceAt: at, Body: body}.Stamp(at)
}

func schedule(t rapid.TB, rows ...curfew.Row) curfew.Schedule {
	t.Helper()
	s, err := curfew.NewSchedule(curfew.Plan{Zone: "Europe/Vilnius", Weekly: rows})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func key() []byte {
	k := make([]byte, 32)
	for i := range k {
		k[i] = byte(i)
	}
	return k
}

// evening is a window on every day.
func evening(t rapid.TB, start, end curfew.TimeOfDay) curfew.Schedule {
	var rows []curfew.Row
	for d := range 7 {
		rows = append(rows, curfew.Row{Day: time.Weekday(d), Start: start, End: end})
	}
	return schedule(t, rows...)
}

// center is a Timeline with its store.
type center struct {
	t       rapid.TB
	rule    checkin.Rule
	history em.MemoryHistory
	tl      *em.Timeline
}

func newCenter(t rapid.TB, r checkin.Rule) *center {
	c := &center{t: t, rule: r}
	c.start()
	return c
}

// start builds the Timeline, or builds it anew from what is stored.
func (c *center) start() {
	c.t.Helper()
	e, err := checkin.NewEvaluator(c.rule, "p-1", where)
	if err != nil {
		c.t.Fatal(err)
	}
	c.tl, err = em.NewTimeline(em.Config{Subject: "p-1", Start: c.rule.From, History: &c.history, MaxLate: 30 * 24 * time.Hour}, e)
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *center) feed(now time.Time, obs ...em.Observation) []em.Change {
	c.t.Helper()
	obs = slices.Clone(obs)
	for i := range obs {
		obs[i] = obs[i].Stamp(now)
	}
	var r em.Result
	if err := c.tl.Feed(&r, now, obs...); err != nil {
		c.t.Fatal(err)
	}
	if len(r.Refused) > 0 {
		c.t.Fatalf("refused: %+v", r.Refused)
	}
	c.history.Commit(&r, obs...)
	return r.Changes
}

func mustRule(t *testing.T, doc string) checkin.Rule {
	t.Helper()
	var r checkin.Rule
	if err := r.UnmarshalJSON([]byte(doc)); err != nil {
		t.Fatalf("%v in %s", err, doc)
	}
	return r
}
