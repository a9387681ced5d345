package roster

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/curfew/checkin"
)

// CheckIn is the part of an order that asks the person to report.
type CheckIn struct {
	// Rule is a checkin.Rule. The key of unpredictable requests may be absent:
	// then it is made of the center's. An absent version is the person's, an absent
	// from the person's Since.
	Rule   json.RawMessage `json:"rule"`
	AtHome bool            `json:"at_home,omitempty"` // answers count from home alone
}

// rule reads a check-in's rule and fills in what may be absent.
func (ru *rules) rule(c CheckIn) (r checkin.Rule, err error) {
	p := &ru.Person
	// Repeated and unknown names are refused by Rule itself, but for those of the
	// object that is rewritten here.
	var fields map[string]json.RawMessage
	if err := strict(c.Rule, &fields); err != nil {
		return r, err
	}
	put := func(name string, v any) error {
		b, err := json.Marshal(v)
		fields[name] = b
		return err
	}
	if fields["version"] == nil {
		err = errors.Join(err, put("version", p.Version))
	}
	if fields["from"] == nil {
		err = errors.Join(err, put("from", p.Since))
	}
	if raw := fields["unpredictable"]; len(raw) > 0 && !bytes.Equal(raw, []byte("null")) {
		var u map[string]json.RawMessage
		if err := strict(raw, &u); err != nil {
			return r, err
		}
		if u["key"] == nil {
			if len(ru.Key) == 0 {
				return r, errNoKey
			}
			key, kerr := json.Marshal(hex.EncodeToString(derive(ru.Key, "check-in", p.ID, string(fields["id"]))))
			u["key"] = key
			err = errors.Join(err, kerr, put("unpredictable", u))
		}
	}
	if err != nil {
		return r, err
	}
	doc, err := json.Marshal(fields)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(doc, &r); err != nil {
		return r, err
	}
	// Rules that changed ask from the instant of the change on; what was asked
	// before ends by the times that it began with.
	if ru.since.After(r.From) {
		r.From = ru.since
	}
	return r, nil
}

// errNoKey: times are to be drawn at random, and there is nothing to draw by.
var errNoKey = errors.New("times drawn at random need the center's key, and there is none")

// derive makes a key for one purpose of the center's.
func derive(key []byte, purpose ...string) []byte {
	m := hmac.New(sha256.New, key)
	for _, p := range purpose {
		m.Write(em.AppendString(nil, p))
	}
	return m.Sum(nil)
}

func checkInsOf(ru *rules) (em.Evaluator, error) {
	p := &ru.Person
	home, err := inside(p, "home", p.Home)
	if err != nil {
		return nil, err
	}
	subject := em.SubjectID(p.ID)
	ps := &parts{rest: func(id string) (em.Evaluator, error) {
		return checkin.NewEvaluator(checkin.Rule{ID: id, Version: p.Version, From: ru.since}, subject, nil)
	}}
	for i, c := range p.CheckIns {
		r, err := ru.rule(c)
		if err != nil {
			return nil, fmt.Errorf("%d: %w", i, err)
		}
		where := home
		if !c.AtHome {
			where = nil
		} else if home == nil {
			return nil, fmt.Errorf("%q: at_home without a home", r.ID)
		}
		if !r.Until.IsZero() && !r.From.Before(r.Until) {
			continue // over before these rules began
		}
		e, err := checkin.NewEvaluator(r, subject, where)
		if err == nil {
			err = ps.add(r.ID, e, false)
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", r.ID, err)
		}
	}
	return ps, nil
}
