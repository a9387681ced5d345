package roster

import (
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
)

func TestKeepAway(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	parse := func(doc string) Person {
		p, err := ParsePerson([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	protected := parse(`{"id":"p-2","name":"Invented 2","devices":[{"id":"gt06:990000000000025"}]}`)
	wearer := func(orders string) Person {
		return parse(`{"id":"p-1","name":"Invented 1","version":"v3","devices":[{"id":"gt06:990000000000017","from":"2026-03-02T00:00:00Z"}],"keep_away":[` + orders + `]}`)
	}
	// In any order within one file.
	r, err := New().With(now, wearer(`{"person":"p-2","radius_m":500,"max_age":"10m","named":["moving"]}`), protected)
	if err != nil {
		t.Fatal(err)
	}
	pairs := r.AllPairs()
	if len(pairs) != 1 || pairs[0].Subject() != "pair/p-1/p-2" || !pairs[0].Order.Since.Equal(now) {
		t.Fatalf("%+v", pairs)
	}
	for _, id := range []string{"p-1", "p-2"} {
		if got := r.Pairs(id); len(got) != 1 || got[0].Subject() != "pair/p-1/p-2" {
			t.Errorf("pairs of %s: %+v", id, got)
		}
	}
	if w, p, ok := PairOf("pair/p-1/p-2"); w != "p-1" || p != "p-2" || !ok {
		t.Errorf("%q, %q, %v", w, p, ok)
	}
	if _, _, ok := PairOf("p-1"); ok {
		t.Error("a person is a pair")
	}
	if _, ok := r.Pair("pair/p-2/p-1"); ok {
		t.Error("the pair the other way round")
	}
	doc, err := r.PairRules(pairs[0])
	if err != nil {
		t.Fatal(err)
	}
	evs, err := Evaluators(doc, now)
	if err != nil || len(evs) != 1 {
		t.Fatalf("%d evaluators: %v", len(evs), err)
	}
	// The wearer carries the tracker from 2 March on; ten minutes are not stale.
	fix := func(d em.DeviceID, at time.Time) em.Observation {
		return em.Observation{Device: d, DeviceAt: at, Body: &em.Fix{LatLng: em.LatLng{Lat: 54.7, Lng: 25.3}, Validity: em.FixCurrent}}.Stamp(at)
	}
	var told []em.Event
	told = evs[0].Observe(told, fix("gt06:990000000000025", now.Add(24*time.Hour-5*time.Minute)))
	told = evs[0].Observe(told, fix("gt06:990000000000017", now.Add(24*time.Hour-time.Second)))
	if len(told) != 0 {
		t.Fatalf("told %+v before the wearer carried it", told)
	}
	told = evs[0].Observe(told, fix("gt06:990000000000017", now.Add(24*time.Hour)))
	if len(told) == 0 || told[len(told)-1].Detail.Kind != "proximity.alert" || told[0].Version != "v3" {
		t.Fatalf("told %+v", told)
	}

	// A later document keeps the beginning, and may not leave the pair out.
	later, err := r.With(now.Add(time.Hour), wearer(`{"person":"p-2","radius_m":400}`))
	if err != nil || !later.AllPairs()[0].Order.Since.Equal(now) {
		t.Fatalf("%+v: %v", later, err)
	}
	for name, c := range map[string]struct{ orders, says string }{
		"left out":        {``, `"to"`},
		"nobody":          {`{"person":"p-9","radius_m":500}`, `p-9`},
		"oneself":         {`{"person":"p-1","radius_m":500}`, `p-1`},
		"twice":           {`{"person":"p-2","radius_m":500},{"person":"p-2","radius_m":600}`, `twice`},
		"no zone":         {`{"person":"p-2"}`, `radius_m`},
		"bad radius":      {`{"person":"p-2","radius_m":-1}`, `Radius`},
		"bad zone":        {`{"person":"p-2","zones":[{"id":"a","lat":99,"lon":0,"radius_m":1}]}`, `center`},
		"named unknown":   {`{"person":"p-2","radius_m":500,"named":["home"]}`, `home`},
		"named no moving": {`{"person":"p-2","zones":[{"id":"a","lat":9,"lon":0,"radius_m":1}],"named":["moving"]}`, `moving`},
		"ends before":     {`{"person":"p-2","radius_m":500,"to":"2020-01-01T00:00:00Z"}`, `Until`},
	} {
		from := New()
		if c.orders == "" {
			from = r
		}
		if _, err := from.With(now, protected, wearer(c.orders)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
