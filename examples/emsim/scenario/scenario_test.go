package scenario

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/bactrack"
	"github.com/sargas-em/em/devices/gt06"
	"github.com/sargas-em/em/devices/siadc09"
	"github.com/sargas-em/em/examples/emsim/track"
	"github.com/sargas-em/em/protocol"
)

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("scenario.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("scenario.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func valid(t *testing.T, s *jsonschema.Schema, doc string) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(doc))
	if err != nil {
		t.Fatalf("%v: %s", err, doc)
	}
	return s.Validate(v)
}

// The scenarios that are built in, and those of the tests, keep the schema.
func TestBuiltin(t *testing.T) {
	s := schema(t)
	want := []string{"approach", "approached", "backlog-after-outage", "breath-tests", "dead-battery", "drinking-episode", "jamming", "night-breach", "spoofed-position", "strap-cut", "tunnel"}
	if got := Names(); !slices.Equal(got, want) {
		t.Errorf("scenarios %v, want %v", got, want)
	}
	for _, name := range Names() {
		sc, err := Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		if sc.Name != name || sc.About == "" {
			t.Errorf("%s calls itself %q, about %q", name, sc.Name, sc.About)
		}
		doc, err := builtin.ReadFile("builtin/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if err := valid(t, s, string(doc)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, file := range []string{"short.json", "breath.json"} {
		doc, err := os.ReadFile("../testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(doc); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if err := valid(t, s, string(doc)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	if _, err := Builtin("nosuch"); err == nil || !strings.Contains(err.Error(), "night-breach") {
		t.Errorf("%v does not list what there is", err)
	}
}

// good is a scenario; %s is a step.
const good = `{"name":"x","start":"2026-03-02T06:00:00Z","lasts":"1h","home":{"lat":54.7,"lon":25.3,"radius_m":80},
"places":[{"name":"school","north_m":200,"east_m":0,"radius_m":50,"zone":true}],"fix":{"every":"1m"},"steps":[%s]}`

// What Parse refuses it names; what is marked, the schema refuses too.
func TestParseErrors(t *testing.T) {
	s := schema(t)
	if _, err := Parse(fmt.Appendf(nil, good, `{"at":"1m","do":"go","to":"school"}`)); err != nil {
		t.Fatal(err)
	}
	step := func(s string) string { return fmt.Sprintf(good, s) }
	swap := func(old, new string) string { return strings.Replace(step(""), old, new, 1) }
	for _, c := range []struct {
		doc, want string
		schema    bool
	}{
		{swap(`"x"`, `"X Y"`), "name", true},
		{swap(`2026-`, `1026-`), "start", false},
		{swap(`"1h"`, `"-1h"`), "negative", true},
		{swap(`"1h"`, `"999h"`), "lasts", false},
		{swap(`"1h"`, `"soon"`), "duration", true},
		{swap(`54.7`, `91`), "home", true},
		{swap(`"radius_m":80`, `"radius_m":0`), "radius_m", true},
		{swap(`"every":"1m"`, `"every":"1ms"`), "fix", false},
		{swap(`"school"`, `"home"`), `place 1: the name "home"`, false},
		{swap(`"radius_m":50,`, ``), "radius_m", false},
		{swap(`"north_m":200`, `"north_m":1e9`), "500 km", true},
		{swap(`"name"`, `"nom"`), "nom", true},
		{step("") + "{}", "after the document", false},
		{step(`{"at":"1m","do":"fly"}`), `no verb "fly"`, true},
		{step(`{"at":"1m","do":"go"}`), "to is missing", true},
		{step(`{"at":"1m","do":"go","to":"nowhere"}`), `no place "nowhere"`, false},
		{step(`{"at":"1m","do":"sos"},{"at":"1m","do":"sos","grams":3}`), "step 2 (sos): grams does not belong", true},
		{step(`{"at":"1h","do":"sos"}`), "after the end", false},
		{step(`{"at":"50m","within":"10m","do":"sos"}`), "after the end", false},
		{step(`{"at":"1m","do":"battery","level":1.5}`), "level", true},
		{step(`{"at":"1m","do":"go","to":"home","mps":1000}`), "mps", true},
		{step(`{"at":"1m","do":"drink","grams":-1}`), "grams", true},
		{step(`{"at":"1m","do":"breath","bac":"x"}`), "bac", true},
		{step(`{"at":"1m","do":"breath","bac":"0.05","fails":"invalid"}`), "has no bac", false},
		{step(`{"at":"1m","do":"breath","fails":"quickly"}`), "fails", true},
		{step(`{"at":"1m","do":"skin","for":"1h","every":"1s"}`), "every", false},
		{step(`{"at":"1m","do":"jam"}`), "for is missing", true},
	} {
		if _, err := Parse([]byte(c.doc)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v does not speak of %q: %s", err, c.want, c.doc)
		}
		if strings.HasSuffix(c.doc, "{}") {
			continue // no JSON
		}
		if err := valid(t, s, c.doc); (err != nil) != c.schema {
			t.Errorf("the schema says %v: %s", err, c.doc)
		}
	}
}

func play(t *testing.T, doc string, d protocol.Device, o Options) (*Script, error) {
	t.Helper()
	s, err := Parse([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	sim, err := d.Simulator("990000000000017", 1)
	if err != nil {
		t.Fatal(err)
	}
	return s.Play(o, d.Name, sim)
}

func find(s *Script, what string) (found []Truth) {
	for _, t := range s.Truth {
		if t.What == what {
			found = append(found, t)
		}
	}
	return found
}

// Worked by hand: 200 m north at 2 m/s from minute one on. The home's circle of
// 80 m is left after 40 s, the school's of 50 m entered after 75 s, to the second;
// one second later where the edge falls on it.
func TestCrossingsByHand(t *testing.T) {
	s, err := play(t, fmt.Sprintf(good, `{"at":"1m","do":"go","to":"school","mps":2},{"at":"10m","do":"go","to":"home","mps":4}`), gt06.Device(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		what string
		at   time.Duration
	}{
		{"home.left", 100 * time.Second}, {"zone.entered", 135 * time.Second},
		{"zone.left", 10*time.Minute + 12500*time.Millisecond}, {"home.returned", 10*time.Minute + 30*time.Second},
	} {
		got := find(s, c.what)
		if len(got) != 1 {
			t.Errorf("%s: %d times", c.what, len(got))
			continue
		}
		if d := got[0].At.Sub(start.Add(c.at)); d < -time.Second || d > time.Second {
			t.Errorf("%s at %v, want %v after the start", c.what, got[0].At, c.at)
		}
	}
	// Every minute a position, within the hour, each where the person is.
	fixes := find(s, "fix")
	if len(fixes) != 60 || len(s.Reports) != 60 {
		t.Fatalf("%d fixes, %d reports", len(fixes), len(s.Reports))
	}
	for _, f := range fixes {
		if d := f.Told.Body.(*em.Fix).LatLng.Distance(*f.True); d > 0.02 {
			t.Errorf("at %v told %v m off, without noise", f.At, d)
		}
	}
	last := fixes[len(fixes)-1]
	if d := last.True.Distance(em.LatLng{Lat: 54.7, Lng: 25.3}); d > 0.1 {
		t.Errorf("%v m from home at the end", d)
	}
}

// What is kept for want of a network comes when there is one again, as stored and
// with its own time; a dead device says nothing of that time at all.
func TestDarkAndOff(t *testing.T) {
	s, err := play(t, fmt.Sprintf(good, `{"at":"10m","do":"no-network","for":"10m"},{"at":"30m","do":"battery.dead","for":"10m"},{"at":"35m","do":"sos"}`), gt06.Device(), Options{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	var stored int
	for _, r := range s.Reports {
		after := r.Obs.DeviceAt.Sub(s.Start)
		switch {
		case after >= 30*time.Minute && after < 40*time.Minute:
			t.Errorf("a report of %v, when it was off", after)
		case after >= 10*time.Minute && after < 20*time.Minute:
			stored++
			if !r.Obs.Stored || !r.Tell.Equal(s.Start.Add(20*time.Minute)) {
				t.Errorf("a report of %v is told at %v, stored %t", after, r.Tell, r.Obs.Stored)
			}
		case r.Obs.Stored || !r.Tell.Equal(r.Obs.DeviceAt):
			t.Errorf("a report of %v is told at %v, stored %t", after, r.Tell, r.Obs.Stored)
		}
	}
	if stored != 10 || len(s.Reports) != 50 {
		t.Errorf("%d stored of %d", stored, len(s.Reports))
	}
	sos := find(s, "sos")
	if len(sos) != 1 || sos[0].Told != nil || sos[0].Untold == "" {
		t.Errorf("the button of a dead device: %+v", sos)
	}
	if off := find(s, "battery.dead"); len(off) != 1 || off[0].Until.Sub(off[0].At) != 10*time.Minute {
		t.Errorf("%+v", off)
	}
}

// False satellites move what is told, not what is true; a jammer leaves none.
func TestSpoofAndJam(t *testing.T) {
	s, err := play(t, fmt.Sprintf(good, `{"at":"10m","do":"spoof","to":"school","for":"10m"},{"at":"30m","do":"jam","for":"10m"}`), gt06.Device(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range find(s, "fix") {
		after, told := f.At.Sub(s.Start), f.Told.Body.(*em.Fix)
		away := told.Distance(*f.True)
		switch {
		case after >= 30*time.Minute && after < 40*time.Minute:
			if told.Validity != em.FixInvalid {
				t.Errorf("after %v a %s fix under the jammer", after, told.Validity)
			}
		case after >= 10*time.Minute && after < 20*time.Minute:
			if math.Abs(away-200) > 0.1 {
				t.Errorf("after %v told %v m away", after, away)
			}
		case away > 0.02:
			t.Errorf("after %v told %v m away", after, away)
		}
	}
	jam := find(s, "gnss.jammed")
	if len(jam) != 1 || jam[0].Told == nil || jam[0].Until.Sub(jam[0].At) != 10*time.Minute {
		t.Errorf("%+v", jam)
	}
}

// Drinks lead to a curve, and readings follow it in the instrument's unit:
// % BAC is the breath in mg/L times 0.21.
func TestDrinking(t *testing.T) {
	doc := strings.Replace(fmt.Sprintf(good, `{"at":"1m","do":"drink","grams":40},{"at":"50m","do":"breath"},{"at":"5m","do":"skin","for":"50m","every":"10m","optional":true}`), `"fix":{"every":"1m"},`, "", 1)
	s, err := play(t, doc, bactrack.Device(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := find(s, "breath")
	if len(b) != 1 || b[0].Told == nil {
		t.Fatalf("%+v", b)
	}
	r := b[0].Told.Body.(*em.AlcoholReading)
	if want := b[0].Curve.Breath * 0.21; r.Unit != em.UnitBloodGPer100mL || math.Abs(r.Value.Float()-want) > 0.0001 || want < 0.02 {
		t.Errorf("told %v %s of %v mg/L of breath", r.Value, r.Unit, b[0].Curve.Breath)
	}
	if skin := find(s, "skin"); len(skin) != 5 || skin[4].Told != nil || skin[4].Untold == "" || skin[4].Curve.Skin == 0 {
		t.Errorf("readings at the skin: %+v", skin)
	}
	if curve := find(s, "curve"); len(curve) < 10 {
		t.Errorf("%d points of the curve", len(curve))
	}
}

// A dialect without a word says which step of which scenario it cannot tell; Skip
// leaves it out, and the truth says so.
func TestUntold(t *testing.T) {
	doc := fmt.Sprintf(good, `{"at":"1m","do":"sos"},{"at":"2m","do":"battery","level":0.5}`)
	_, err := play(t, doc, siadc09.Device(), Options{})
	var u *Untold
	if !errors.As(err, &u) || u.Codec != "siadc09" || u.Step != 2 || u.What != "battery" || !errors.Is(err, protocol.ErrUnsupported) {
		t.Errorf("%v", err)
	}
	if want := "codec siadc09 cannot tell step 2 (battery) of scenario x"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	s, err := play(t, doc, siadc09.Device(), Options{Skip: true})
	if err != nil {
		t.Fatal(err)
	}
	if b := find(s, "battery"); len(b) != 1 || b[0].Told != nil || b[0].Untold == "" {
		t.Errorf("%+v", b)
	}
	if _, err := play(t, doc, bactrack.Device(), Options{}); !errors.As(err, &u) || u.Step != 0 || !strings.Contains(err.Error(), "the positions") {
		t.Errorf("%v", err)
	}
}

// A track moves the person, from the scenario's start; the home is where it begins.
func TestTrack(t *testing.T) {
	at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	tr := track.Track{
		{LatLng: em.LatLng{Lat: 55, Lng: 24}, At: at}, {LatLng: em.LatLng{Lat: 55.1, Lng: 24}, At: at.Add(1000 * time.Second)},
	}
	s, err := play(t, fmt.Sprintf(good, `{"at":"1m","do":"go","to":"school"}`), gt06.Device(), Options{Track: tr})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.End.Sub(s.Start); got != 1000*time.Second {
		t.Errorf("it lasts %v", got)
	}
	left := find(s, "home.left") // 80 m at 11.1 m/s
	if len(left) != 1 || left[0].At.Sub(s.Start) > 9*time.Second {
		t.Errorf("%+v", left)
	}
	for _, f := range find(s, "fix") {
		want := 55 + 0.1*f.At.Sub(s.Start).Seconds()/1000
		if math.Abs(f.True.Lat-want) > 1e-6 {
			t.Errorf("at %v at %v, want %v", f.At, f.True.Lat, want)
		}
	}
}

// The clock's error and late batches change what is told, and leave the truth.
func TestSkewAndLate(t *testing.T) {
	s, err := play(t, fmt.Sprintf(good, ""), gt06.Device(), Options{Skew: -90 * time.Second, Late: 0.5, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	late := 0
	for _, f := range find(s, "fix") {
		if f.Told.DeviceAt.Sub(f.At) != -90*time.Second {
			t.Errorf("told %v at %v", f.Told.DeviceAt, f.At)
		}
		if f.Told.Stored != !f.Late.IsZero() {
			t.Errorf("stored %t, late %v", f.Told.Stored, f.Late)
		}
		if f.Told.Stored {
			late++
			if wait := f.Late.Sub(f.At); (wait < 5*time.Minute || wait > 30*time.Minute) && !f.Late.Equal(s.End) {
				t.Errorf("late by %v", wait)
			}
		}
	}
	if late < 15 || late > 45 {
		t.Errorf("%d of 60 are late", late)
	}
	if !slices.IsSortedFunc(s.Reports, func(a, b Report) int { return a.Tell.Compare(b.Tell) }) {
		t.Error("the reports are not in the order of telling")
	}
}

// The same options give the same script; another seed or number another one.
func TestPlayIsPure(t *testing.T) {
	text := func(o Options) string {
		sc, err := Builtin("night-breach")
		if err != nil {
			t.Fatal(err)
		}
		sim, err := gt06.Device().Simulator("990000000000017", 1)
		if err != nil {
			t.Fatal(err)
		}
		s, err := sc.Play(o, "gt06", sim)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(doc)
	}
	a := text(Options{Seed: 1, Number: 2})
	if a != text(Options{Seed: 1, Number: 2}) {
		t.Error("the same options give another script")
	}
	if a == text(Options{Seed: 2, Number: 2}) || a == text(Options{Seed: 1, Number: 3}) {
		t.Error("other options give the same script")
	}
}

func ExampleScenario_Play() {
	s, err := Builtin("night-breach")
	if err != nil {
		fmt.Println(err)
		return
	}
	d := gt06.Device()
	sim, err := d.Simulator("990000000000017", 7)
	if err != nil {
		fmt.Println(err)
		return
	}
	script, err := s.Play(Options{Seed: 7}, d.Name, sim)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(script.Reports), "reports")
	for _, t := range script.Truth {
		if strings.HasPrefix(t.What, "home.") || strings.HasPrefix(t.What, "zone.") {
			fmt.Println(strings.TrimSpace(t.At.Format(time.TimeOnly) + " " + t.What + " " + t.Place))
		}
	}
	// Output:
	// 480 reports
	// 23:03:16 home.left
	// 23:07:01 zone.entered school-12
	// 01:34:47 zone.left school-12
	// 01:38:33 home.returned
}
