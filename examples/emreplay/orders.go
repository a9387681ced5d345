package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/alcohol"
	"github.com/sargas-em/em/curfew"
	"github.com/sargas-em/em/curfew/checkin"
	"github.com/sargas-em/em/examples/monitoringcenter/center/roster"
	"github.com/sargas-em/em/geofence"
)

// person is one monitored person with the evaluators of all orders. What the
// monitoring center's people file can say is read and built by its own code; the
// rest stands beside it.
type person struct {
	id      em.SubjectID
	since   time.Time
	build   func() ([]em.Evaluator, error) // fresh ones
	curfews []string                       // About of their events
	extra   extra
}

// extra is what an order may say beyond the center's people file.
type extra struct {
	Curfews   []curfewOrder     `json:"curfews"`
	CheckIns  []checkinOrder    `json:"checkins"`
	Skin      *skinOrder        `json:"skin"`
	Review    reviewJSON        `json:"review"`
	Decisions []curfew.Decision `json:"decisions"`
}

type curfewOrder struct {
	Order  curfew.Order `json:"order"`
	Config configJSON   `json:"config"`
}

type configJSON struct {
	MaxGap  roster.Duration `json:"max_gap"`
	Contact roster.Duration `json:"contact"`
	Loss    roster.Duration `json:"loss"`
	Flicker roster.Duration `json:"flicker"`
	Unknown roster.Duration `json:"unknown"`
}

type checkinOrder struct {
	Rule   checkin.Rule `json:"rule"`
	AtHome bool         `json:"at_home"` // answers count from home alone
}

type skinOrder struct {
	Version   string        `json:"version"`
	Devices   []em.DeviceID `json:"devices"`
	Wrist     bool          `json:"wrist"` // by the rule for wrist instruments
	Smoothing string        `json:"smoothing"`
}

type reviewJSON struct {
	From       time.Time       `json:"from"`
	Until      time.Time       `json:"until"`
	Allowance  roster.Duration `json:"allowance"`
	Single     roster.Duration `json:"single"`
	KeepEntire bool            `json:"keep_entire"`
}

// readOrders reads the orders, which the schema has found in order.
func readOrders(doc []byte) ([]*person, *roster.Roster, error) {
	if err := ordersSchema.check(doc); err != nil {
		return nil, nil, err
	}
	var file struct {
		Zones  json.RawMessage              `json:"zones"`
		People []map[string]json.RawMessage `json:"people"`
	}
	if err := json.Unmarshal(doc, &file); err != nil {
		return nil, nil, err
	}
	ros, err := roster.New().WithZones(file.Zones)
	if err != nil {
		return nil, nil, err
	}
	var base []roster.Person
	var extras []extra
	for i, fields := range file.People {
		var x extra
		part, own := map[string]json.RawMessage{}, map[string]json.RawMessage{}
		for k, v := range fields {
			if slices.Contains([]string{"curfews", "checkins", "skin", "review", "decisions"}, k) {
				part[k] = v
			} else {
				own[k] = v
			}
		}
		if own["name"] == nil {
			own["name"] = own["id"]
		}
		if err := recode(part, &x); err != nil {
			return nil, nil, fmt.Errorf("people[%d]: %w", i, err)
		}
		b, err := json.Marshal(own)
		if err != nil {
			return nil, nil, err
		}
		p, err := roster.ParsePerson(b)
		if err != nil {
			return nil, nil, fmt.Errorf("people[%d]: %w", i, err)
		}
		base, extras = append(base, p), append(extras, x)
	}
	// All have a since, so that the instant given here is never used.
	if ros, err = ros.With(time.Time{}, base...); err != nil {
		return nil, nil, err
	}
	var people []*person
	for i := range base {
		p := &person{id: em.SubjectID(base[i].ID), since: base[i].Since.UTC(), extra: extras[i]}
		if base[i].Curfew != nil {
			p.curfews = append(p.curfews, "curfew") // as the center names it
		}
		for _, c := range p.extra.Curfews {
			name := c.Order.ID
			if c.Order.Place != "" {
				name += "/" + c.Order.Place
			}
			if slices.Contains(p.curfews, name) {
				return nil, nil, fmt.Errorf("person %q: two orders are named %q", p.id, name)
			}
			p.curfews = append(p.curfews, name)
		}
		p.build = func() ([]em.Evaluator, error) { return evaluators(ros, base[i], extras[i]) }
		if _, err := p.build(); err != nil {
			return nil, nil, fmt.Errorf("person %q: %w", p.id, err)
		}
		var a curfew.Account
		for k, d := range p.extra.Decisions {
			if err := a.Decide(d); err != nil {
				return nil, nil, fmt.Errorf("person %q: decisions[%d]: %w", p.id, k, err)
			}
		}
		people = append(people, p)
	}
	slices.SortFunc(people, func(a, b *person) int {
		if a.id < b.id {
			return -1
		}
		return 1
	})
	return people, ros, nil
}

// recode reads raw fields into v.
func recode(fields map[string]json.RawMessage, v any) error {
	b, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

func evaluators(ros *roster.Roster, p roster.Person, x extra) ([]em.Evaluator, error) {
	rules, err := ros.Rules(p)
	if err != nil {
		return nil, err
	}
	evs, err := roster.Evaluators(rules, p.Since)
	if err != nil {
		return nil, err
	}
	follow, err := roster.Follow(&p, "home", p.Home)
	if err != nil {
		return nil, err
	}
	var home func(em.Observation) em.Side // of an answer by itself
	if h := p.Home; h != nil {
		if home, err = geofence.Home(p.Place("home", h), roster.AssumedAccuracy); err != nil {
			return nil, err
		}
	}
	for i, c := range x.Curfews {
		order := c.Order
		order.Follow = follow
		if order.From.IsZero() {
			order.From = p.Since
		}
		e, err := curfew.NewEvaluator(order, curfew.Config{
			MaxGap: time.Duration(c.Config.MaxGap), Contact: time.Duration(c.Config.Contact), Loss: time.Duration(c.Config.Loss),
			Flicker: time.Duration(c.Config.Flicker), Unknown: time.Duration(c.Config.Unknown),
		})
		if err != nil {
			return nil, fmt.Errorf("curfews[%d]: %w", i, err)
		}
		evs = append(evs, e)
	}
	for i, c := range x.CheckIns {
		where := home
		if !c.AtHome {
			where = nil
		} else if home == nil {
			return nil, fmt.Errorf("checkins[%d]: at_home without a home", i)
		}
		e, err := checkin.NewEvaluator(c.Rule, em.SubjectID(p.ID), where)
		if err != nil {
			return nil, fmt.Errorf("checkins[%d]: %w", i, err)
		}
		evs = append(evs, e)
	}
	if s := x.Skin; s != nil {
		rule := alcohol.TransdermalRule{}
		if s.Wrist {
			rule = alcohol.WristRule()
		}
		rule.Version, rule.Devices = s.Version, s.Devices
		if s.Smoothing != "" {
			rule.Smoothing = alcohol.Smoothing(s.Smoothing)
		}
		e, err := alcohol.NewTransdermal(rule)
		if err != nil {
			return nil, fmt.Errorf("skin: %w", err)
		}
		evs = append(evs, e)
	}
	return evs, nil
}

// errNobody: no person of the orders carried the device then.
var errNobody = errors.New("nobody of the orders carries this device at that time")
