package roster_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
)

var base = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

func person(t *testing.T, doc string) roster.Person {
	t.Helper()
	p, err := roster.ParsePerson([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const zones = `{"type":"FeatureCollection","features":[{"type":"Feature","id":"school-1","properties":{"kind":"exclusion","version":"1","radius_m":300},
	"geometry":{"type":"Point","coordinates":[25.28,54.72]}}]}`

// A device is a person's in [From, To), from Since where From is absent.
func TestCarrier(t *testing.T) {
	r, err := roster.New().With(base,
		person(t, `{"id":"p-1","name":"Invented 1","devices":[{"id":"gt06:1","to":"2026-03-02T10:00:00Z"},{"id":"gt06:2"}]}`),
		person(t, `{"id":"p-2","name":"Invented 2","devices":[{"id":"gt06:1","from":"2026-03-02T10:00:00Z"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		device em.DeviceID
		at     time.Time
		want   em.SubjectID
	}{
		{"gt06:1", base.Add(-1), ""}, {"gt06:1", base, "p-1"}, {"gt06:1", base.Add(2*time.Hour - 1), "p-1"}, {"gt06:1", base.Add(2 * time.Hour), "p-2"},
		{"gt06:1", base.AddDate(9, 0, 0), "p-2"}, {"gt06:2", base, "p-1"}, {"gt06:3", base, ""}, {"", base, ""}, {"GT06:1", base, ""},
	} {
		if got := r.Carrier(c.device, c.at); got != c.want {
			t.Errorf("%s at %v is %q's, want %q", c.device, c.at, got, c.want)
		}
	}
}

// With and WithZones leave the roster as it was, whether they succeed or not.
func TestRosterIsNotChanged(t *testing.T) {
	r, err := roster.New().WithZones([]byte(zones))
	if err != nil {
		t.Fatal(err)
	}
	if r, err = r.With(base, person(t, `{"id":"p-1","name":"Invented 1","zones":["school-1"],"devices":[{"id":"gt06:1"}]}`)); err != nil {
		t.Fatal(err)
	}
	state := func(r *roster.Roster) string {
		return fmt.Sprint(r.People(), len(r.ZoneDocs()), r.Carrier("gt06:1", base), r.Carrier("gt06:9", base))
	}
	before := state(r)
	n, err := r.With(base.Add(time.Hour), person(t, `{"id":"p-1","name":"Renamed","devices":[{"id":"gt06:9"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if p, _ := n.Person("p-1"); p.Name != "Renamed" || !p.Since.Equal(base) || n.Carrier("gt06:1", base) != "" || n.Carrier("gt06:9", base) != "p-1" {
		t.Errorf("the new roster: %s", state(n))
	}
	for _, doc := range []string{`{"id":"p-2","name":"x","devices":[{"id":"gt06:1"}]}`, `{"id":"p-1","name":""}`, `{"id":"p-1","name":"x","zones":["none"]}`} {
		if _, err := r.With(base, person(t, doc)); err == nil || !strings.Contains(err.Error(), `person "p-`) {
			t.Errorf("%s: %v", doc, err)
		}
	}
	if _, err := r.WithZones([]byte(strings.ReplaceAll(zones, "300", "-1"))); err == nil {
		t.Error("a zone with a negative radius is taken")
	}
	if after := state(r); after != before {
		t.Errorf("it was %s and is %s", before, after)
	}
}

// What is stored is read back as it was, rules included.
func TestLoad(t *testing.T) {
	r, err := roster.New().WithZones([]byte(zones))
	if err != nil {
		t.Fatal(err)
	}
	p := person(t, `{"id":"p-1","name":"Invented 1","zones":["school-1"],"devices":[{"id":"gt06:1"}],"silence":{"interval":"90s"}}`)
	if r, err = r.With(base, p); err != nil {
		t.Fatal(err)
	}
	p, _ = r.Person("p-1")
	rules, err := r.Rules(p)
	if err != nil {
		t.Fatal(err)
	}
	again, err := roster.Load(nil, r.ZoneDocs(), nil, []record.Doc{{ID: "p-1", JSON: mustJSON(t, p)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p2, _ := again.Person("p-1")
	if got, err := again.Rules(p2); err != nil || string(got) != string(rules) {
		t.Errorf("%v\n%s\nread back is\n%s", err, rules, got)
	}
}

// Whatever of an order is there or not, the evaluators are as many, with the
// same clocks in the same places: each takes over from its predecessor.
func TestEvaluatorsKeepTheirPlaces(t *testing.T) {
	var want []em.Clock
	for _, fields := range []string{
		``, `,"devices":[{"id":"gt06:1"}]`, `,"zones":["school-1"]`, `,"home":{"lat":54.7,"lon":25.28,"radius_m":80}`,
		`,"home":{"lat":54.7,"lon":25.28,"radius_m":80},"curfew":{"schedule":{"zone":"Europe/Vilnius","weekly":[{"day":"mon","start":"22:00","end":"06:00"}]}}`,
		`,"devices":[{"id":"bactrack:x"}],"breath":{"screen":{"value":0.02,"unit":"g/210L breath"}}`,
	} {
		r, err := roster.New().WithZones([]byte(zones))
		if err != nil {
			t.Fatal(err)
		}
		if r, err = r.With(base, person(t, `{"id":"p-1","name":"Invented 1"`+fields+`}`)); err != nil {
			t.Fatalf("%s: %v", fields, err)
		}
		p, _ := r.Person("p-1")
		rules, err := r.Rules(p)
		if err != nil {
			t.Fatal(err)
		}
		evs, err := roster.Evaluators(rules, base)
		if err != nil {
			t.Fatalf("%s: %v", fields, err)
		}
		var clocks []em.Clock
		for _, e := range evs {
			clocks = append(clocks, e.Clock())
		}
		if want == nil {
			want = clocks
		}
		if fmt.Sprint(clocks) != fmt.Sprint(want) {
			t.Errorf("%s: clocks %v, want %v", fields, clocks, want)
		}
	}
}

func TestParseIsStrict(t *testing.T) {
	for name, doc := range map[string]string{
		"misspelt field":    `{"people":[{"id":"p-1","name":"x","curfiew":{}}]}`,
		"two documents":     `{"people":[]} {"people":[]}`,
		"cut":               `{"people":[`,
		"negative duration": `{"people":[{"id":"p-1","name":"x","silence":{"interval":"-5m"}}]}`,
		"duration, no unit": `{"people":[{"id":"p-1","name":"x","silence":{"interval":5}}]}`,
	} {
		if _, err := roster.Parse([]byte(doc)); err == nil || !strings.HasPrefix(err.Error(), "people file: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
