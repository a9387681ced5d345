// Package roster is who is monitored, with what devices, under which rules: the
// people file in JSON, checked whole before anything of it is used, and the
// evaluators that follow from it.
package roster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
	"github.com/sargas-em/em/geofence"
	"github.com/sargas-em/em/geofence/movement"
	"github.com/sargas-em/em/geofence/zonejson"
)

// File is the people file.
type File struct {
	// Zones is a GeoJSON FeatureCollection as package zonejson reads it.
	Zones  json.RawMessage `json:"zones,omitempty"`
	Units  []Unit          `json:"units,omitempty"` // home units
	People []Person        `json:"people"`

	Recipients []Recipient `json:"recipients,omitempty"` // who is told of incidents
}

// Person is one monitored person: identity, devices and the order's rules.
type Person struct {
	ID      string       `json:"id"`
	Name    string       `json:"name"`
	Version string       `json:"version,omitempty"` // of the rules; told in every event
	Since   time.Time    `json:"since,omitzero"`    // start of monitoring; when first accepted, if absent
	Devices []Assignment `json:"devices"`
	Home    *Home        `json:"home,omitempty"`
	Zones   []string     `json:"zones,omitempty"` // IDs of zones that bind this person
	Track   *Tracking    `json:"tracking,omitempty"`
	Curfew  *Curfew      `json:"curfew,omitempty"`
	Breath  *Breath      `json:"breath,omitempty"`
	Skin    *Skin        `json:"skin,omitempty"`
	Silence *Silence     `json:"silence,omitempty"` // the defaults of package health, if absent

	CheckIns []CheckIn `json:"checkins,omitempty"`

	KeepAway []KeepAway `json:"keep_away,omitempty"` // from whom the order keeps this person away

	District string `json:"district,omitempty"` // whose desk is told of incidents

	// Analyses of stored tracks that the order names: "stops", "places",
	// "coincidence". All others need a court's request.
	Analyses []string `json:"analyses,omitempty"`
}

// Assignment says that a person carries a device in [From, To).
type Assignment struct {
	ID  em.DeviceID `json:"id"`
	Lot string      `json:"lot,omitempty"` // hardware lot, as its supplier calls it
	// Labels say what the device has in common with others: {"operator": "24601"}.
	Labels map[string]string `json:"labels,omitempty"`
	From   time.Time         `json:"from,omitzero"` // Since of the person, if absent
	To     time.Time         `json:"to,omitzero"`   // open, if absent
}

// Home is where a curfew wants the person to be.
type Home struct {
	Lat    float64 `json:"lat"`
	Lon    float64 `json:"lon"`
	Radius float64 `json:"radius_m"`
}

// Duration is a time.Duration that JSON writes as "90s".
type Duration time.Duration

// MarshalText writes "1m30s".
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration takes; it must not be negative.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err == nil && v < 0 {
		err = fmt.Errorf("negative duration %s", v)
	}
	*d = Duration(v)
	return err
}

// Silence says when a device that is not heard is told.
type Silence struct {
	From     time.Time `json:"from,omitzero"`      // since when it should report; Since of the person, if absent
	Interval Duration  `json:"interval,omitempty"` // at which it should report
	Buffer   Duration  `json:"buffer,omitempty"`   // more than that it may be late
	Critical Duration  `json:"critical,omitempty"` // when silence becomes critical
}

// AssumedAccuracy is the 68 % radius in metres of a position whose receiver
// states none: 15 m, a common consumer receiver between buildings. Unverified
// for any one device.
const AssumedAccuracy = 15

// Parse reads a people file. Unknown fields are errors: a misspelt rule must
// not be a missing one.
func Parse(doc []byte) (*File, error) {
	var f File
	if err := strict(doc, &f); err != nil {
		return nil, fmt.Errorf("people file: %w", err)
	}
	return &f, nil
}

// ParsePerson reads one person.
func ParsePerson(doc []byte) (Person, error) {
	var p Person
	if err := strict(doc, &p); err != nil {
		return p, fmt.Errorf("person: %w", err)
	}
	return p, nil
}

func strict(doc []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if dec.More() {
		return errors.New("more than one document")
	}
	return nil
}

// Roster is a checked set of people and zones. It is never changed: With and
// WithZones return a new one.
type Roster struct {
	people   map[string]Person
	zones    map[string]json.RawMessage // GeoJSON features by ID
	carriers map[em.DeviceID][]carrier
	units    map[em.DeviceID]Unit
	pairs    map[string][]Pair // by the ID of either person
	key      []byte

	recipients map[string]Recipient
}

type carrier struct {
	subject  em.SubjectID
	from, to time.Time
}

// New returns an empty roster.
func New() *Roster {
	return &Roster{people: map[string]Person{}, zones: map[string]json.RawMessage{}, carriers: map[em.DeviceID][]carrier{}, units: map[em.DeviceID]Unit{},
		recipients: map[string]Recipient{}}
}

// WithKey returns the roster with the center's key, by which times at random are
// drawn: 32 random bytes. Without it nobody's order may have some.
func (r *Roster) WithKey(key []byte) *Roster {
	n := r.clone()
	n.key = key
	return n
}

// Key returns what WithKey was given: a secret.
func (r *Roster) Key() []byte { return r.key }

// Load returns the roster of what the record holds.
func Load(key []byte, zones, units, people, recipients []record.Doc) (*Roster, error) {
	r := New().WithKey(key)
	for _, d := range units {
		u, err := ParseUnit(d.JSON)
		if err == nil {
			r, err = r.WithUnits(u.Since, u)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, z := range zones {
		if err := r.addZones([]byte(`{"type":"FeatureCollection","features":[` + string(z.JSON) + `]}`)); err != nil {
			return nil, err
		}
	}
	for _, d := range people {
		p, err := ParsePerson(d.JSON)
		if err != nil {
			return nil, err
		}
		if err := r.add(p); err != nil {
			return nil, err
		}
	}
	if err := r.loadRecipients(recipients); err != nil {
		return nil, err
	}
	return r, r.pair()
}

func (r *Roster) clone() *Roster {
	n := &Roster{key: r.key, recipients: maps.Clone(r.recipients), pairs: r.pairs, units: maps.Clone(r.units), people: maps.Clone(r.people), zones: maps.Clone(r.zones), carriers: make(map[em.DeviceID][]carrier, len(r.carriers))}
	for d, c := range r.carriers {
		n.carriers[d] = slices.Clone(c)
	}
	return n
}

// With returns the roster with people added or replaced. now is the Since of
// new people that have none; a known person's Since stays.
func (r *Roster) With(now time.Time, people ...Person) (*Roster, error) {
	n := r.clone()
	// First all lay down what they carry: two may exchange their devices.
	seen := map[string]bool{}
	for _, p := range people {
		if seen[p.ID] {
			return nil, fmt.Errorf("person %q: listed twice", p.ID)
		}
		seen[p.ID] = true
		for _, a := range n.people[p.ID].Devices {
			n.carriers[a.ID] = slices.DeleteFunc(n.carriers[a.ID], func(c carrier) bool { return c.subject == em.SubjectID(p.ID) })
		}
	}
	for _, p := range people {
		if old, ok := n.people[p.ID]; ok {
			p.Since = old.Since
		} else if p.Since.IsZero() {
			p.Since = now
		}
		if err := p.begin(n.people[p.ID], now); err != nil {
			return nil, err
		}
		if err := n.add(p); err != nil {
			return nil, err
		}
	}
	return n, n.pair()
}

// WithZones returns the roster with the zones of a GeoJSON FeatureCollection
// added or replaced. All people's rules are checked again.
func (r *Roster) WithZones(doc []byte) (*Roster, error) {
	if len(doc) == 0 {
		return r, nil
	}
	n := r.clone()
	if err := n.addZones(doc); err != nil {
		return nil, err
	}
	for _, p := range n.people {
		if err := n.check(p); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func (r *Roster) addZones(doc []byte) error {
	zones, err := zonejson.Unmarshal(doc, zonejson.Defaults{})
	if err != nil {
		return fmt.Errorf("zones: %w", err)
	}
	if _, err := geofence.NewIndex(zones...); err != nil {
		return fmt.Errorf("zones: %w", err)
	}
	for _, z := range zones {
		one, err := zonejson.Marshal([]geofence.Zone{z})
		if err != nil {
			return fmt.Errorf("zones: %w", err)
		}
		var fc struct {
			Features []json.RawMessage `json:"features"`
		}
		if err := json.Unmarshal(one, &fc); err != nil {
			return fmt.Errorf("zones: %w", err)
		}
		r.zones[z.ID] = fc.Features[0]
	}
	return nil
}

// check builds a person's evaluators once, to see that the rules are possible.
func (r *Roster) check(p Person) error {
	doc, err := r.Rules(p)
	if err != nil {
		return err
	}
	_, err = Evaluators(doc, p.Since)
	return err
}

// add checks a person against the rest of the roster and puts it in.
func (r *Roster) add(p Person) error {
	bad := func(err error) error { return fmt.Errorf("person %q: %w", p.ID, err) }
	switch {
	case !plain(p.ID) || strings.Contains(p.ID, "/") || strings.Trim(p.ID, ".") == "":
		return bad(errors.New("the id is empty, or not plain text without blanks and slashes"))
	case p.Name == "":
		return bad(errors.New("no name"))
	case !KnownAnalyses(p.Analyses):
		return bad(fmt.Errorf("analyses %q: there are stops, places and coincidence", p.Analyses))
	}
	for i, a := range p.Devices {
		if codec, id, ok := strings.Cut(string(a.ID), ":"); !ok || codec == "" || id == "" || !plain(string(a.ID)) {
			return bad(fmt.Errorf(`device %d: %q is not "codec:identity"`, i, a.ID))
		}
		c := carrier{em.SubjectID(p.ID), a.From, a.To}
		if c.from.IsZero() {
			c.from = p.Since
		}
		if !c.to.IsZero() && !c.from.Before(c.to) {
			return bad(fmt.Errorf("device %d: it is taken off before it is put on", i))
		}
		if _, unit := r.units[a.ID]; unit {
			return bad(fmt.Errorf("device %d: it is a home unit", i))
		}
		for _, o := range r.carriers[a.ID] {
			if (o.to.IsZero() || c.from.Before(o.to)) && (c.to.IsZero() || o.from.Before(c.to)) {
				return bad(fmt.Errorf("device %d: person %q carries it at the same time", i, o.subject))
			}
		}
		r.carriers[a.ID] = append(r.carriers[a.ID], c)
	}
	for _, d := range p.Hears() {
		if _, ok := r.units[d]; !ok {
			return bad(fmt.Errorf("the curfew names unit %q, which is not known: put it first", d))
		}
	}
	if err := r.check(p); err != nil {
		return err
	}
	r.people[p.ID] = p
	return nil
}

// KnownAnalyses reports whether all are analyses of package movement.
func KnownAnalyses(all []string) bool {
	return !slices.ContainsFunc(all, func(a string) bool {
		return a != movement.AnalysisStops && a != movement.AnalysisPlaces && a != movement.AnalysisCoincidence
	})
}

// plain reports whether s can be shown, written in a path and typed.
func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) })
}

// Person returns one person.
func (r *Roster) Person(id string) (Person, bool) {
	p, ok := r.people[id]
	return p, ok
}

// People returns all persons by ID.
func (r *Roster) People() []Person {
	all := make([]Person, 0, len(r.people))
	for _, id := range slices.Sorted(maps.Keys(r.people)) {
		all = append(all, r.people[id])
	}
	return all
}

// ZoneDocs returns all zones by ID, each as a GeoJSON Feature.
func (r *Roster) ZoneDocs() []record.Doc {
	var all []record.Doc
	for _, id := range slices.Sorted(maps.Keys(r.zones)) {
		all = append(all, record.Doc{ID: id, JSON: r.zones[id]})
	}
	return all
}

// Carriers returns all who carry a device at some time, which a home unit does itself.
func (r *Roster) Carriers(d em.DeviceID) (all []em.SubjectID) {
	if _, ok := r.units[d]; ok {
		all = append(all, UnitSubject(d))
	}
	for _, c := range r.carriers[d] {
		all = append(all, c.subject)
	}
	return all
}

// Carrier returns who carries a device at an instant, which a home unit does
// itself; empty for nobody known.
func (r *Roster) Carrier(d em.DeviceID, at time.Time) em.SubjectID { return r.Carried(d).By(at) }

// Carried says who carries one device at all times.
type Carried struct {
	unit     em.DeviceID // itself, where it is a home unit
	since    time.Time
	carriers []carrier
}

// Carried looks a device up: once for a report, which is of several instants.
func (r *Roster) Carried(d em.DeviceID) Carried {
	c := Carried{carriers: r.carriers[d]}
	if u, ok := r.units[d]; ok {
		c.unit, c.since = d, u.Since
	}
	return c
}

// By is Roster.Carrier.
func (c Carried) By(at time.Time) em.SubjectID {
	if c.unit != "" && !at.Before(c.since) {
		return UnitSubject(c.unit)
	}
	for i := range c.carriers {
		if o := &c.carriers[i]; !at.Before(o.from) && (o.to.IsZero() || at.Before(o.to)) {
			return o.subject
		}
	}
	return ""
}
