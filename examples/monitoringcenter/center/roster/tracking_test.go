package roster_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/health"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
	"github.com/sargas-em/em/geofence"
)

// zoneRule is what judges a person, with these fields of a document, by zones.
func zoneRule(t *testing.T, zones, fields string, units ...roster.Unit) em.Evaluator {
	t.Helper()
	return personRules(t, zones, fields, units...)[0]
}

// personRules returns all evaluators of an invented person.
func personRules(t *testing.T, zones, fields string, units ...roster.Unit) []em.Evaluator {
	t.Helper()
	p, err := roster.ParsePerson([]byte(`{"id":"p-1","name":"Invented 1","version":"v1",` + fields + `}`))
	if err != nil {
		t.Fatal(err)
	}
	r, err := roster.New().WithZones([]byte(`{"type":"FeatureCollection","features":[` + zones + `]}`))
	if err == nil {
		r, err = r.WithUnits(base, units...)
	}
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
	return evs
}

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
		tracker := zoneRule(t, zones, `"zones":[`+ids+`]`+c.fields)
		var got []string
		for i, lat := range []float64{54.75, 54.7203, 54.7222, 54.7222} {
			at := base.Add(time.Duration(i) * time.Minute)
			for _, e := range tracker.Observe(nil, em.Observation{ID: em.ObservationID{byte(i)}, Device: "gt06:990000000000017", At: at, Body: &em.Fix{
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

// After how long positions that leave a violation open are told is the order's, and
// whether sooner where their best estimate is one.
func TestUndecidedIsTheOrders(t *testing.T) {
	const school = `{"type":"Feature","id":"school","properties":{"kind":"exclusion","radius_m":100},"geometry":{"type":"Point","coordinates":[25.28,54.72]}}`
	for fields, want := range map[string][2]int{``: {30, 30}, `,"tracking":{"undecided_after":"10m"}`: {10, 10}, `,"tracking":{"suspected_after":"2m"}`: {30, 2}} {
		for i, lat := range []float64{54.721, 54.72088} { // 11 m outside, and 2 m inside
			tracker, told := zoneRule(t, school, `"zones":["school"]`+fields), -1
			for n := range 60 {
				at := base.Add(time.Duration(n) * time.Minute)
				for _, e := range tracker.Observe(nil, em.Observation{ID: em.ObservationID{byte(n + 1)}, Device: "gt06:990000000000017", At: at, Body: &em.Fix{
					LatLng: em.LatLng{Lat: lat, Lng: 25.28}, Validity: em.FixCurrent, Source: em.SourceGNSS,
				}}) {
					if e.Detail.Kind == geofence.EventUnknown && told < 0 {
						told = n
					}
				}
			}
			if told != want[i] {
				t.Errorf("%s, at %v: told after %d minutes, want %d", fields, lat, told, want[i])
			}
		}
	}
}

// What contacts exclude is doubted of the device, too.
func TestContactsContradictPositions(t *testing.T) {
	const worn, unit = em.DeviceID("gt06:990000000000017"), em.DeviceID("siadc09:9017")
	for asked, want := range map[bool][]string{true: {"device.position POSITION_CONTRADICTED"}, false: nil} {
		rules := personRules(t, "", `"devices":[{"id":"`+string(worn)+`"}],"home":{"lat":54.7,"lon":25.28,"radius_m":50},`+
			`"curfew":{"schedule":{"zone":"Europe/Vilnius"},"units":[{"id":"B-17","device":"`+string(unit)+`"}]},"tracking":{"contacts":`+fmt.Sprint(asked)+`}`, roster.Unit{ID: unit})
		var got []string
		for i, o := range []em.Observation{
			{Device: worn, Body: &em.Fix{LatLng: em.LatLng{Lat: 54.7, Lng: 25.28}, Validity: em.FixCurrent, Source: em.SourceGNSS}},
			{Device: unit, Body: &em.Beacon{Beacon: "B-17", Radio: "rf"}},
			{Device: worn, Body: &em.Fix{LatLng: em.LatLng{Lat: 55.7, Lng: 25.28}, Validity: em.FixCurrent, Source: em.SourceGNSS}},
		} {
			o.ID, o.At = em.ObservationID{byte(i + 1)}, base.Add(time.Duration(20*i)*time.Minute)
			if i == 2 {
				o.At = base.Add(21 * time.Minute)
			}
			for _, rule := range rules {
				for _, e := range rule.Observe(nil, o) {
					if e.Rule == health.Rule {
						got = append(got, string(e.Detail.Kind)+" "+e.Detail.Class)
					}
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("asked %v: %v, want %v", asked, got, want)
		}
	}
}

// A contact with a home unit is held against satellites that put the wearer where
// nobody can have come from there, whichever of the two devices reports it, if the
// order asks for that.
func TestContactsExcludePositions(t *testing.T) {
	const (
		worn = em.DeviceID("gt06:990000000000017")
		unit = em.DeviceID("siadc09:9017")
		far  = `{"type":"Feature","id":"far","properties":{"kind":"exclusion","radius_m":100},"geometry":{"type":"Point","coordinates":[25.28,56]}}`
	)
	for name, c := range map[string]struct {
		asked  bool
		units  string
		beacon string
		from   em.DeviceID
		want   []string
	}{
		"the unit reports":            {true, `{"id":"B-17","device":"siadc09:9017"}`, "B-17", unit, []string{"zone.doubted", "zone.unused"}},
		"the worn device reports":     {true, `{"id":"B-17"}`, "B-17", worn, []string{"zone.doubted", "zone.unused"}},
		"another bracelet":            {true, `{"id":"B-17","device":"siadc09:9017"}`, "B-18", unit, []string{"zone.exclusion"}},
		"not asked for":               {false, `{"id":"B-17","device":"siadc09:9017"}`, "B-17", unit, []string{"zone.exclusion"}},
		"the unit says that it is on": {true, `{"id":"B-17","device":"siadc09:9017"}`, "", unit, []string{"zone.exclusion"}},
	} {
		tracker := zoneRule(t, far, `"zones":["far"],"devices":[{"id":"`+string(worn)+`"}],`+
			`"home":{"lat":54.7,"lon":25.28,"radius_m":50},"curfew":{"schedule":{"zone":"Europe/Vilnius"},"units":[`+c.units+`]},"tracking":{"contacts":`+fmt.Sprint(c.asked)+`}`, roster.Unit{ID: unit})
		var got []string
		observe := func(minute int, d em.DeviceID, body em.Body) {
			o := em.Observation{ID: em.ObservationID{byte(minute)}, Device: d, At: base.Add(time.Duration(minute) * time.Minute), Body: body}
			for _, e := range tracker.Observe(nil, o) {
				if e.Detail.Kind != "zone.passed" {
					got = append(got, string(e.Detail.Kind))
				}
			}
		}
		fix := func(lat float64) *em.Fix {
			return &em.Fix{LatLng: em.LatLng{Lat: lat, Lng: 25.28}, Validity: em.FixCurrent, Source: em.SourceGNSS}
		}
		observe(0, worn, fix(54.7))
		var heard em.Body = &em.Beacon{Beacon: c.beacon, Radio: "rf"}
		if c.beacon == "" {
			heard = fix(54.7)
		}
		observe(119, c.from, heard)
		for minute := range 4 {
			observe(120+minute, worn, fix(56))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
