package roster

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/alcohol"
	"github.com/sargas-em/em/devices/health"
	"github.com/sargas-em/em/geofence"
	"github.com/sargas-em/em/geofence/zonejson"
)

// Breath is the part of an order that asks for breath tests. Numbers that are
// absent have the defaults of package alcohol, which it documents.
type Breath struct {
	Screen            alcohol.Concentration `json:"screen"` // {"value": 0.02, "unit": "g/210L breath"}
	Confirm           alcohol.Concentration `json:"confirm,omitzero"`
	Wait              Duration              `json:"wait,omitempty"`
	CompleteBy        Duration              `json:"complete_by,omitempty"`
	PairTolerance     alcohol.Concentration `json:"pair_tolerance,omitzero"`
	Guard             alcohol.Concentration `json:"guard,omitzero"`
	AirBlank          alcohol.Concentration `json:"air_blank,omitzero"`
	Grace             Duration              `json:"grace,omitempty"`
	NotReceived       Duration              `json:"not_received,omitempty"`
	MaxUpload         Duration              `json:"max_upload,omitempty"`
	AllowUnchecked    bool                  `json:"allow_unchecked,omitempty"` // samples without an identity check count as the wearer's
	PairAcrossDevices bool                  `json:"pair_across_devices,omitempty"`
	Ratio             int                   `json:"ratio,omitempty"`       // the order's blood:breath ratio
	Instruments       []Instrument          `json:"instruments,omitempty"` // ratios of instruments that show blood
	Tests             []Test                `json:"tests,omitempty"`
}

// Instrument states a breath instrument's own blood:breath ratio.
type Instrument struct {
	Device em.DeviceID `json:"device"` // or "bactrack:" for all of a dialect
	Ratio  int         `json:"ratio,omitempty"`
}

// Test asks for a breath test in [From, To).
type Test struct {
	ID   string           `json:"id"`
	Kind alcohol.TestKind `json:"kind"`
	From time.Time        `json:"from"`
	To   time.Time        `json:"to"`
}

// rules is all that a person's verdicts follow from: the person's document and
// the zones it names, as they were when they came into force.
type rules struct {
	Person Person          `json:"person"`
	Zones  json.RawMessage `json:"zones"`

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
	return json.Marshal(rules{Person: p, Zones: zones})
}

// Evaluators builds the evaluators of what Rules wrote, which hold from since on:
// always the same ones in the same places, so that each takes over from its
// predecessor when rules change.
func Evaluators(doc []byte, since time.Time) ([]em.Evaluator, error) {
	var ru rules
	if err := strict(doc, &ru); err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	ru.since = since
	var evs []em.Evaluator
	for _, part := range []struct {
		name  string
		build func(*rules) (em.Evaluator, error)
	}{
		{"zones", zonesOf}, {"curfew", curfewOf}, {"breath", breathOf},
		{"tamper", tamperOf}, {"power", powerOf}, {"sos", sosOf}, {"silence", silenceOf},
	} {
		ev, err := part.build(&ru)
		if err != nil {
			return nil, fmt.Errorf("person %q: %s: %w", ru.Person.ID, part.name, err)
		}
		evs = append(evs, ev)
	}
	return evs, nil
}

func zonesOf(ru *rules) (em.Evaluator, error) {
	zones, err := zonejson.Unmarshal(ru.Zones, zonejson.Defaults{})
	if err != nil {
		return nil, err
	}
	index, err := geofence.NewIndex(zones...)
	if err != nil {
		return nil, err
	}
	return geofence.NewTracker(index, geofence.Config{AssumedAccuracy: AssumedAccuracy})
}

func breathOf(ru *rules) (em.Evaluator, error) {
	p := &ru.Person
	b := p.Breath
	if b == nil {
		return unordered{}, nil
	}
	rule := alcohol.BreathRule{
		Version: p.Version, Screen: b.Screen, Confirm: b.Confirm, Wait: time.Duration(b.Wait), CompleteBy: time.Duration(b.CompleteBy),
		PairTolerance: b.PairTolerance, Guard: b.Guard, AirBlank: b.AirBlank, Grace: time.Duration(b.Grace),
		NotReceived: time.Duration(b.NotReceived), MaxUpload: time.Duration(b.MaxUpload),
		AllowUnchecked: b.AllowUnchecked, PairAcrossDevices: b.PairAcrossDevices, Ratio: b.Ratio,
	}
	for _, i := range b.Instruments {
		rule.Instruments = append(rule.Instruments, alcohol.Instrument{Device: i.Device, Ratio: i.Ratio})
	}
	tests := make([]alcohol.Test, len(b.Tests))
	for i, t := range b.Tests {
		tests[i] = alcohol.Test{ID: t.ID, Kind: t.Kind, From: t.From, To: t.To}
	}
	schedule, err := alcohol.List(tests...)
	if err != nil {
		return nil, err
	}
	return alcohol.NewEvaluator(alcohol.Config{Rule: rule, Schedule: schedule})
}

func tamperOf(ru *rules) (em.Evaluator, error) {
	return health.NewTamper(health.TamperConfig{Version: ru.Person.Version})
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
	if s := p.Silence; s != nil {
		c.Interval, c.Buffer, c.Critical = time.Duration(s.Interval), time.Duration(s.Buffer), time.Duration(s.Critical)
		if !s.From.IsZero() {
			c.Start = s.From
		}
	}
	return health.NewSilence(c)
}

// unordered stands in the place of an evaluator whose rule is not part of the
// person's order: it judges nothing.
type unordered struct{}

func (unordered) Clock() em.Clock                                     { return em.EventTime }
func (unordered) Observe(dst []em.Event, _ em.Observation) []em.Event { return dst }
func (unordered) Deadline() time.Time                                 { return time.Time{} }
func (unordered) Wake(dst []em.Event, _ time.Time) []em.Event         { return dst }
func (unordered) AppendBinary(dst []byte) ([]byte, error)             { return dst, nil }
func (unordered) UnmarshalBinary([]byte) error                        { return nil }

// unheard is unordered for a person without devices.
type unheard struct{ unordered }

func (unheard) Clock() em.Clock { return em.ReceiveTime }
