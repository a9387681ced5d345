package alcohol

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sargas-em/em"
)

// A script in testdata/skin is a history of readings at the skin, one item a
// line; times are as in testdata/*.script:
//
//	wrist                         the rule of a wrist instrument
//	rule NAME VALUE               a field of TransdermalRule or WearRule
//	TIME DEVICE EVERY UNIT VALUE… [t=CELSIUS] [ir=VOLTS] [m=G]   readings from TIME on
//	TIME DEVICE strap|strapok|case
//	explain CLASS                 print the explanation of the first such event
//	until TIME
func parseSkin(text string) (r TransdermalRule, s *script, explain []string, err error) {
	s = &script{}
	err = s.read(text, func(w []string) ([]em.Observation, error) {
		switch w[0] {
		case "wrist":
			r = WristRule()
		case "rule":
			return nil, skinRule(&r, w[1], w[2])
		case "explain":
			explain = append(explain, w[1])
		default:
			return skinLine(w)
		}
		return nil, nil
	})
	r.Version = "v1"
	return r, s, explain, err
}

func skinRule(r *TransdermalRule, name, v string) error {
	var err error
	float := func(to *float64) { *to, err = strconv.ParseFloat(v, 64) }
	dur := func(to *time.Duration) { *to, err = time.ParseDuration(v) }
	dec := func(to *em.Decimal) { *to, err = em.ParseDecimal(v) }
	switch name {
	case "smoothing":
		r.Smoothing = Smoothing(strings.ReplaceAll(v, "_", " "))
	case "wear":
		r.Wear.Method = WearMethod(v)
	case "fitted":
		r.Wear.Fitted, err = clock(v)
	case "baselinefor":
		dur(&r.Wear.BaselineFor)
	case "baseline":
		r.Wear.Baseline.OK = true
		float(&r.Wear.Baseline.V)
	case "minimum":
		r.Wear.Minimum.OK = true
		float(&r.Wear.Minimum.V)
	case "negative":
		dec(&r.Negative)
	case "flatspan":
		dur(&r.FlatSpan)
	case "device":
		r.Devices = append(r.Devices, em.DeviceID(v))
	default:
		err = errors.New("unknown field " + name)
	}
	return err
}

func skinLine(w []string) ([]em.Observation, error) {
	at, err := clock(w[0])
	if err != nil {
		return nil, err
	}
	d := em.DeviceID(w[1])
	if len(w) == 3 {
		m := map[string]*em.Tamper{"strap": {What: em.TamperStrap}, "strapok": {What: em.TamperStrap, Cleared: true}, "case": {What: em.TamperCase}}[w[2]]
		if m == nil {
			return nil, errors.New("unknown " + w[2])
		}
		return []em.Observation{em.Observation{Device: d, DeviceAt: at, Body: m}.Stamp(at)}, nil
	}
	step, err := time.ParseDuration(w[2])
	if err != nil {
		return nil, err
	}
	unit, ok := map[string]em.AlcoholUnit{"g/dL": em.UnitSkinGPerDL, "ug/L": em.UnitSkinUgPerL, "breath": em.UnitBreathMgPerL}[w[3]]
	if !ok {
		return nil, errors.New("unknown unit " + w[3])
	}
	var values []string
	var temp, ir, motion em.Opt[float64]
	for _, x := range w[4:] {
		k, v, is := strings.Cut(x, "=")
		if !is {
			values = append(values, x)
			continue
		}
		to := map[string]*em.Opt[float64]{"t": &temp, "ir": &ir, "m": &motion}[k]
		if to == nil {
			return nil, errors.New("unknown " + x)
		}
		to.OK = true
		if to.V, err = strconv.ParseFloat(v, 64); err != nil {
			return nil, err
		}
	}
	var obs []em.Observation
	for _, v := range values {
		v, times, _ := strings.Cut(v, "*")
		n := 1
		if times != "" {
			if n, err = strconv.Atoi(times); err != nil {
				return nil, err
			}
		}
		c, err := em.ParseDecimal(v)
		if err != nil {
			return nil, err
		}
		for range n {
			obs = append(obs, em.Observation{Device: d, DeviceAt: at, Body: &em.Transdermal{
				Value: c, Unit: unit, Temperature: temp, IR: ir, Motion: motion,
			}}.Stamp(at))
			at = at.Add(step)
		}
	}
	return obs, nil
}

func TestSkinScripts(t *testing.T) {
	goldens(t, filepath.Join("skin", "*.script"), 5, func(t *testing.T, text string) string {
		r, s, explain, err := parseSkin(text)
		if err != nil {
			t.Fatal(err)
		}
		h := runAny(t, func() em.Evaluator {
			e, err := NewTransdermal(r)
			if err != nil {
				t.Fatal(err)
			}
			return e
		}, s.until, s.obs, true)
		a := analyze(t, r, s.obs)
		sameEvents(t, h.sorted(), a.Events)
		got := s.print(h)
		for _, class := range explain {
			for _, ev := range a.Events {
				if ev.Detail.Class != class {
					continue
				}
				x, err := Explain(r, s.obs, ev)
				if err != nil {
					t.Fatal(err)
				}
				got += "explain " + class + "\n" + x.Text() + "\n"
				break
			}
		}
		return got
	})
}
