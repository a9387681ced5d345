package roster

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/devices/health"
	"github.com/sargas-em/em/geofence"
	"github.com/sargas-em/em/geofence/zonejson"
)

// rules is all that a person's verdicts follow from: the person's document and
// the zones it names, as they were when they came into force.
type rules struct {
	Person Person          `json:"person,omitzero"`
	Zones  json.RawMessage `json:"zones,omitempty"`

	Unit *Unit      `json:"unit,omitempty"` // instead of a person
	Pair *pairRules `json:"pair,omitempty"` // instead of a person

	// Key is the center's, where times are drawn at random; a secret.
	Key []byte `json:"key,omitempty"`

	since time.Time
}

// Rules returns, as JSON, all that a person's verdicts follow from. Evaluators
// takes it.
func (r *Roster) Rules(p Person) ([]byte, error) {
	features := []json.RawMessage{}
	for _, id := range p.Zones {
		z, ok := r.zones[id]
		if !ok {
			return nil, fmt.Errorf("person %q: no zone %q", p.ID, id)
		}
		features = append(features, z)
	}
	zones, err := json.Marshal(map[string]any{"type": "FeatureCollection", "features": features})
	if err != nil {
		return nil, err
	}
	ru := rules{Person: p, Zones: zones}
	if p.draws() {
		ru.Key = r.key
	}
	return json.Marshal(ru)
}

// Evaluators builds the evaluators of what Rules wrote, which hold from since on:
// always the same ones in the same places, so that each takes over from its
// predecessor when rules change.
func Evaluators(doc []byte, since time.Time) ([]em.Evaluator, error) {
	var ru rules
	if err := strict(doc, &ru); err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	if ru.Unit != nil {
		return unitEvaluators(ru.Unit)
	}
	if ru.Pair != nil {
		return pairEvaluators(ru.Pair)
	}
	ru.since = since
	var evs []em.Evaluator
	for _, part := range []struct {
		name  string
		build func(*rules) (em.Evaluator, error)
	}{
		{"zones", zonesOf}, {"curfew", curfewOf}, {"breath", breathOf},
		{"tamper", tamperOf}, {"power", powerOf}, {"sos", sosOf}, {"silence", silenceOf},
		// Added later: a checkpoint of before has no state of theirs.
		{"skin", skinOf}, {"places", placesOf}, {"checkins", checkInsOf}, {"battery", batteryOf}, {"reports", reportsOf}, {"track", trackOf},
	} {
		ev, err := part.build(&ru)
		if err != nil {
			return nil, fmt.Errorf("person %q: %s: %w", ru.Person.ID, part.name, err)
		}
		if units := ru.Person.Hears(); len(units) > 0 && part.name != "curfew" && part.name != "places" {
			ev = deaf{ev, units, part.name == "zones" || part.name == "track"}
		}
		evs = append(evs, ev)
	}
	return evs, nil
}

// deaf does not hear home units: where they are and what befalls them is no news
// of the wearer, and of several people that share one each would be told of it.
// What they hear may be.
type deaf struct {
	em.Evaluator
	to       []em.DeviceID
	contacts bool // but not to their contacts
}

func (d deaf) Observe(dst []em.Event, o em.Observation) []em.Event {
	if slices.Contains(d.to, o.Device) {
		if _, ok := o.Body.(*em.Beacon); !ok || !d.contacts {
			return dst
		}
	}
	return d.Evaluator.Observe(dst, o)
}

// Heeds implements em.Selective.
func (d deaf) Heeds(k em.BodyKind) bool { return em.Heeds(d.Evaluator, k) }

func zonesOf(ru *rules) (em.Evaluator, error) {
	zones, err := zonejson.Unmarshal(ru.Zones, zonejson.Defaults{})
	if err != nil {
		return nil, err
	}
	if len(zones) > geofence.MaxSetZones {
		index, err := geofence.NewIndex(zones...)
		if err != nil {
			return nil, err
		}
		return geofence.NewTracker(index, ru.Person.tracking())
	}
	set, err := geofence.NewSet(zones...)
	if err != nil {
		return nil, err
	}
	return geofence.NewTracker(set, ru.Person.tracking())
}

func tamperOf(ru *rules) (em.Evaluator, error) {
	where, err := inside(&ru.Person, "home", ru.Person.Home)
	if err != nil {
		return nil, err
	}
	return health.NewTamper(health.TamperConfig{Version: ru.Person.Version, Where: where})
}

// batteryOf warns where a battery may not last through a night of the curfew.
func batteryOf(ru *rules) (em.Evaluator, error) {
	return health.NewBattery(health.BatteryConfig{Version: ru.Person.Version, Night: ru.nights()})
}

// reportsOf takes odd single reports for nothing unless each device of the
// person marks what it uploads from memory: a backlog without marks looks like
// reports that somebody sends again.
func reportsOf(ru *rules) (em.Evaluator, error) {
	unmarked := slices.ContainsFunc(ru.Person.Devices, func(a Assignment) bool {
		dialect, _, _ := strings.Cut(string(a.ID), ":")
		return !slices.Contains(marks[:], dialect)
	})
	return health.NewReports(health.ReportsConfig{Version: ru.Person.Version, Unmarked: unmarked})
}

// marks are the dialects that mark what comes out of a memory.
var marks = [...]string{"bactrack", "eview", "gt06", "jt808", "megastek", "r16h", "siadc09", "watch3g", "xexun2"}

func trackOf(ru *rules) (em.Evaluator, error) {
	return health.NewTrack(health.TrackConfig{Version: ru.Person.Version, Contacts: ru.Person.tracking().Contacts})
}

func powerOf(ru *rules) (em.Evaluator, error) {
	return health.NewPower(health.PowerConfig{Version: ru.Person.Version})
}

func sosOf(ru *rules) (em.Evaluator, error) {
	return health.NewSOS(health.SOSConfig{Version: ru.Person.Version})
}

// silenceOf listens for the person's first device: that is the one worn at all
// times; a breathalyser speaks when it is used.
func silenceOf(ru *rules) (em.Evaluator, error) {
	p := &ru.Person
	c := health.SilenceConfig{Version: p.Version, Start: p.Since}
	if len(p.Devices) == 0 {
		return unheard{}, nil
	}
	c.Device = p.Devices[0].ID
	p.Silence.apply(&c)
	return health.NewSilence(c)
}

func (s *Silence) apply(c *health.SilenceConfig) {
	if s == nil {
		return
	}
	c.Interval, c.Buffer, c.Critical = time.Duration(s.Interval), time.Duration(s.Buffer), time.Duration(s.Critical)
	if !s.From.IsZero() {
		c.Start = s.From
	}
}

// unordered stands in the place of an evaluator whose rule is not part of the
// person's order: it judges nothing.
type unordered struct{}

func (unordered) Clock() em.Clock                                     { return em.EventTime }
func (unordered) Observe(dst []em.Event, _ em.Observation) []em.Event { return dst }
func (unordered) Heeds(em.BodyKind) bool                              { return false }
func (unordered) Deadline() time.Time                                 { return time.Time{} }
func (unordered) Wake(dst []em.Event, _ time.Time) []em.Event         { return dst }
func (unordered) AppendBinary(dst []byte) ([]byte, error)             { return dst, nil }
func (unordered) UnmarshalBinary([]byte) error                        { return nil }

// unheard is unordered for a person without devices.
type unheard struct{ unordered }

func (unheard) Clock() em.Clock { return em.ReceiveTime }
