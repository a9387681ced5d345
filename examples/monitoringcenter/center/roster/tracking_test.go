package roster_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
)

// What an order asks of the evidence about zones reaches the tracker, also round
// more zones than a set holds.
func TestTracking(t *testing.T) {
	const school = `{"type":"Feature","id":"school","properties":{"kind":"exclusion","radius_m":100},"geometry":{"type":"Point","coordinates":[25.28,54.72]}}`
	for _, c := range []struct {
		fields string
		more   int // zones
		want   []string
	}{
		{``, 0, []string{"zone.exclusion"}},
		{`,"tracking":{"buffer_m":300}`, 0, []string{"zone.buffer", "zone.exclusion"}},
		{`,"tracking":{"buffer_m":300}`, 100, []string{"zone.buffer", "zone.exclusion"}},
		{`,"tracking":{"alert":{"fixes":2}}`, 0, []string{"zone.unused"}},
		{`,"tracking":{"max_radius95_m":20}`, 0, nil},
		{`,"tracking":{"max_radius95_m":20,"accuracy_m":{"gt06":10}}`, 0, []string{"zone.exclusion"}},
	} {
		zones, ids := school, `"school"`
		for i := range c.more {
			zones += fmt.Sprintf(`,{"type":"Feature","id":"far%d","properties":{"kind":"exclusion","radius_m":100},"geometry":{"type":"Point","coordinates":[%d,0]}}`, i, i)
			ids += fmt.Sprintf(`,"far%d"`, i)
		}
		p, err := roster.ParsePerson([]byte(`{"id":"p-1","name":"Invented 1","version":"v1","zones":[` + ids + `]` + c.fields + `}`))
		if err != nil {
			t.Fatal(err)
		}
		r, err := roster.New().WithZones([]byte(`{"type":"FeatureCollection","features":[` + zones + `]}`))
		if err == nil {
			r, err = r.With(base, p)
		}
		if err != nil {
			t.Fatal(err)
		}
		p, _ = r.Person("p-1")
		doc, err := r.Rules(p)
		if err != nil {
			t.Fatal(err)
		}
		evs, err := roster.Evaluators(doc, base)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i, lat := range []float64{54.75, 54.7203, 54.7222, 54.7222} {
			at := base.Add(time.Duration(i) * time.Minute)
			for _, e := range evs[0].Observe(nil, em.Observation{ID: em.ObservationID{byte(i)}, Device: "gt06:990000000000017", At: at, Body: &em.Fix{
				LatLng: em.LatLng{Lat: lat, Lng: 25.28}, Validity: em.FixCurrent, Source: em.SourceGNSS,
			}}) {
				got = append(got, string(e.Detail.Kind))
			}
		}
		slices.Sort(got)
		if got = slices.DeleteFunc(got, func(k string) bool { return k == "zone.passed" }); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.fields, got, c.want)
		}
	}
}
