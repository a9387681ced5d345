// Package scenario says what happens to a person and a device, and works it out.
//
// A [Scenario] is a JSON file: a home, places, and steps such as "go to the
// school at two o'clock". [Scenario.Play] makes a [Script] of it for one device:
// every observation that the device has to report, when it can report, and the
// truth beside it. The same scenario, options and seed give the same script.
//
// # The file
//
// scenario.schema.json, in this folder, is the format as a JSON Schema. Durations
// are written as "1h30m", times as RFC 3339. Positions of places are metres north
// and east of the home. A step has a time "at" after the start, up to "within"
// later as the seed says, and a verb "do":
//
//	go            walk "to" a place at "mps" metres a second (1.4), in a straight line
//	sos           the button is pressed
//	strap.cut     the strap is opened; strap.close: it is closed
//	battery       the battery is at "level" (0 to 1), "low" where the device warns of it
//	battery.dead  the device is off "for" a time, or to the end
//	no-gnss       no satellites are heard for that time, as in a tunnel
//	jam           the same by a jammer, which some devices notice and tell
//	no-network    nothing is sent for that time; the device keeps its reports
//	spoof         false satellites put the device at the place "to" for that time
//	drink         "grams" of ethanol are drunk
//	breath        a breath sample: "bac" in g/100 mL of blood as the instrument shows it,
//	              or else what was drunk; or it "fails": invalid, aborted or sensor
//	skin          the alcohol at the skin is read, "every" so often "for" a time
//
// A step that a dialect has no word for is an [Untold] error, unless the step is
// "optional".
//
// # The truth
//
// [Truth] is one line of JSON for each thing that is so or happens, in the order
// of time. See its fields.
package scenario

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

//go:embed builtin/*.json
var builtin embed.FS

// Schema is the format of the file as a JSON Schema (draft 2020-12).
//
//go:embed scenario.schema.json
var Schema []byte

// Scenario is what happens. Parse checks it.
type Scenario struct {
	Schema string    `json:"$schema,omitempty"`
	Name   string    `json:"name"`
	About  string    `json:"about"`
	Start  time.Time `json:"start"`
	Lasts  Duration  `json:"lasts"`
	Home   Home      `json:"home"`
	Places []Place   `json:"places,omitempty"`
	Fix    *Fixes    `json:"fix,omitempty"` // nil: the device reports no positions
	Steps  []Step    `json:"steps"`
}

// Home is where the person lives and is at the start.
type Home struct {
	Lat     float64 `json:"lat"`
	Lon     float64 `json:"lon"`
	Radius  float64 `json:"radius_m"`
	Scatter float64 `json:"scatter_m,omitempty"` // the home of each device of a fleet is so far away at most
}

// Place is a circle so many metres from the home.
type Place struct {
	Name   string  `json:"name"`
	North  float64 `json:"north_m"`
	East   float64 `json:"east_m"`
	Radius float64 `json:"radius_m,omitempty"`
	Zone   bool    `json:"zone,omitempty"` // entering and leaving it is told in the truth
}

// Fixes says how the device reports positions.
type Fixes struct {
	Every Duration `json:"every"`
	Noise float64  `json:"noise_m,omitempty"` // standard deviation to the north and to the east
}

// Step is one thing that happens. Which fields it has depends on Do.
type Step struct {
	At       Duration `json:"at"`
	Within   Duration `json:"within,omitempty"`
	Do       Verb     `json:"do"`
	To       string   `json:"to,omitempty"`
	Speed    float64  `json:"mps,omitempty"`
	For      Duration `json:"for,omitempty"`
	Every    Duration `json:"every,omitempty"`
	Level    *float64 `json:"level,omitempty"`
	Low      bool     `json:"low,omitempty"`
	BAC      string   `json:"bac,omitempty"`
	Fails    string   `json:"fails,omitempty"`
	Grams    float64  `json:"grams,omitempty"`
	Optional bool     `json:"optional,omitempty"`
}

// Verb is what a step does.
type Verb string

// The verbs; see the package comment.
const (
	Go          Verb = "go"
	SOS         Verb = "sos"
	StrapCut    Verb = "strap.cut"
	StrapClose  Verb = "strap.close"
	Battery     Verb = "battery"
	BatteryDead Verb = "battery.dead"
	NoGNSS      Verb = "no-gnss"
	Jam         Verb = "jam"
	NoNetwork   Verb = "no-network"
	Spoof       Verb = "spoof"
	Drink       Verb = "drink"
	Breath      Verb = "breath"
	Skin        Verb = "skin"
)

// fields are those that each verb has: one with "!" it needs.
var fields = map[Verb][]string{
	Go: {"to!", "mps"}, SOS: {}, StrapCut: {}, StrapClose: {},
	Battery: {"level!", "low"}, BatteryDead: {"for"},
	NoGNSS: {"for!"}, Jam: {"for!"}, NoNetwork: {"for!"}, Spoof: {"to!", "for!"},
	Drink: {"grams!"}, Breath: {"bac", "fails"}, Skin: {"for!", "every!"},
}

// The name of the place that every scenario has.
const homeName = "home"

// Bounds, so that a mistake in a file is not a day of waiting: a scenario is at
// most a month long, has at most so many steps and places, reports at most once a
// second, and nobody walks faster than sound.
const (
	longest   = 31 * 24 * time.Hour
	mostSteps = 1000
	mostSpeed = 340
	walking   = 1.4 // m/s
)

// Duration is a time.Duration that is written as "1h30m".
type Duration time.Duration

// UnmarshalText reads what time.ParseDuration does, from zero on.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err == nil && v < 0 {
		err = fmt.Errorf("duration %q is negative", b)
	}
	*d = Duration(v)
	return err
}

// MarshalText writes it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Names returns the names of the scenarios that are built in.
func Names() []string {
	files, _ := fs.Glob(builtin, "builtin/*.json") // the pattern is good
	for i, f := range files {
		files[i] = strings.TrimSuffix(path.Base(f), ".json")
	}
	return files
}

// Builtin returns a scenario that is built in; the error lists their names.
func Builtin(name string) (*Scenario, error) {
	if !slices.Contains(Names(), name) {
		return nil, fmt.Errorf("scenario: no %q; there are %s", name, strings.Join(Names(), ", "))
	}
	b, err := builtin.ReadFile("builtin/" + name + ".json")
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	return Parse(b)
}

// Parse reads and checks a scenario. Unknown names of fields are errors.
func Parse(doc []byte) (*Scenario, error) {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.DisallowUnknownFields()
	var s Scenario
	if err := dec.Decode(&s); err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("scenario: there is something after the document")
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	return &s, nil
}

func (s *Scenario) check() error {
	switch {
	case s.Name == "" || strings.Trim(s.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
		return fmt.Errorf("name: %q is not of small letters, digits and -", s.Name)
	case s.Start.Year() < 2000 || s.Start.Year() > 2098:
		return fmt.Errorf("start: the year %d is not within 2000 and 2098, which all dialects can say", s.Start.Year())
	case s.Lasts <= 0 || time.Duration(s.Lasts) > longest:
		return fmt.Errorf("lasts: %v is not within 0 and %v", time.Duration(s.Lasts), longest)
	case !(em.LatLng{Lat: s.Home.Lat, Lng: s.Home.Lon}).Valid() || math.Abs(s.Home.Lat) > 80:
		return fmt.Errorf("home: %v, %v is no position between 80° north and south", s.Home.Lat, s.Home.Lon)
	case !(s.Home.Radius > 0) || !(s.Home.Scatter >= 0 && s.Home.Scatter <= 100_000):
		return fmt.Errorf("home: radius_m %v is not above 0, or scatter_m %v not within 0 and 100000", s.Home.Radius, s.Home.Scatter)
	case s.Fix != nil && (time.Duration(s.Fix.Every) < time.Second || !(s.Fix.Noise >= 0 && s.Fix.Noise <= 1000)):
		return fmt.Errorf("fix: every %v is below a second, or noise_m %v not within 0 and 1000", time.Duration(s.Fix.Every), s.Fix.Noise)
	case len(s.Places) > mostSteps || len(s.Steps) > mostSteps:
		return fmt.Errorf("more than %d places or steps", mostSteps)
	}
	names := map[string]bool{homeName: true}
	for i, p := range s.Places {
		switch {
		case p.Name == "" || names[p.Name]:
			return fmt.Errorf("place %d: the name %q is missing or taken", i+1, p.Name)
		case !(math.Abs(p.North) <= 500_000 && math.Abs(p.East) <= 500_000):
			return fmt.Errorf("place %q: %v m north and %v m east: more than 500 km", p.Name, p.North, p.East)
		case !(p.Radius >= 0) || p.Zone && p.Radius == 0:
			return fmt.Errorf("place %q: radius_m is %v", p.Name, p.Radius)
		}
		names[p.Name] = true
	}
	for i, st := range s.Steps {
		if err := st.check(s, names); err != nil {
			return fmt.Errorf("step %d (%s): %w", i+1, st.Do, err)
		}
	}
	return nil
}

func (st *Step) check(s *Scenario, places map[string]bool) error {
	allowed, known := fields[st.Do]
	if !known {
		return fmt.Errorf("do: no verb %q", st.Do)
	}
	has := map[string]bool{
		"to": st.To != "", "mps": st.Speed != 0, "for": st.For != 0, "every": st.Every != 0, "level": st.Level != nil,
		"low": st.Low, "bac": st.BAC != "", "fails": st.Fails != "", "grams": st.Grams != 0,
	}
	for _, f := range []string{"to", "mps", "for", "every", "level", "low", "bac", "fails", "grams"} {
		switch needs := slices.Contains(allowed, f+"!"); {
		case needs && !has[f]:
			return fmt.Errorf("%s is missing", f)
		case has[f] && !needs && !slices.Contains(allowed, f):
			return fmt.Errorf("%s does not belong to it", f)
		}
	}
	switch {
	case st.At+st.Within >= s.Lasts:
		return fmt.Errorf("at %v within %v is after the end", time.Duration(st.At), time.Duration(st.Within))
	case st.To != "" && !places[st.To]:
		return fmt.Errorf("to: no place %q", st.To)
	case !(st.Speed >= 0 && st.Speed <= mostSpeed):
		return fmt.Errorf("mps: %v is not within 0 and %v", st.Speed, mostSpeed)
	case st.Level != nil && !(*st.Level >= 0 && *st.Level <= 1):
		return fmt.Errorf("level: %v is not within 0 and 1", *st.Level)
	case !(st.Grams >= 0 && st.Grams <= 500):
		return fmt.Errorf("grams: %v is not within 0 and 500", st.Grams)
	case st.Every != 0 && time.Duration(st.Every) < time.Minute:
		return fmt.Errorf("every: %v is below a minute", time.Duration(st.Every))
	case st.BAC != "" && st.Fails != "":
		return fmt.Errorf("a sample that fails has no bac")
	}
	if st.BAC != "" {
		if d, err := em.ParseDecimal(st.BAC); err != nil || d.Coef < 0 || d.Float() > 1 {
			return fmt.Errorf("bac: %q is no number from 0 to 1 with its decimals", st.BAC)
		}
	}
	if st.Fails != "" && failures[st.Fails] == "" {
		return fmt.Errorf("fails: %q is not invalid, aborted or sensor", st.Fails)
	}
	return nil
}

// failures are the ways in which a sample can fail.
var failures = map[string]em.SampleStatus{"invalid": em.SampleInvalid, "aborted": em.SampleAborted, "sensor": em.SampleSensor}
