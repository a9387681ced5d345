package alcohol

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Each number of a preset has its source, each source its number, and what is
// missing is what a rule cannot do without.
func TestPresets(t *testing.T) {
	ps := Presets()
	if !slices.IsSortedFunc(ps, func(a, b Preset) int { return strings.Compare(a.Code, b.Code) }) {
		t.Error("not in order")
	}
	for _, p := range ps {
		t.Run(p.Code, func(t *testing.T) {
			if err := p.Rule.Check(); err != nil {
				t.Error(err)
			}
			if p.Name == "" || p.Rule.Version != "" {
				t.Errorf("%+v", p)
			}
			if missing := strings.HasPrefix(p.Missing, "Ratio: "); missing != (p.Rule.Ratio == 0) {
				t.Errorf("ratio %d, missing %q", p.Rule.Ratio, p.Missing)
			}
			var fields, sources []string
			v := reflect.ValueOf(p.Rule)
			for i := range v.NumField() {
				if !v.Field(i).IsZero() {
					fields = append(fields, v.Type().Field(i).Name)
				}
			}
			for _, s := range p.Sources {
				if s.Text == "" {
					t.Errorf("%s has no source", s.Field)
				}
				sources = append(sources, s.Field)
			}
			slices.Sort(fields)
			slices.Sort(sources)
			if !slices.Equal(fields, sources) {
				t.Errorf("fields %v, sources %v", fields, sources)
			}
		})
	}
	Presets()[0].Sources[0].Text = ""
	if Presets()[0].Sources[0].Text == "" {
		t.Error("the caller does not own the presets")
	}
}

// The presets' limits, each just reached and just missed.
func TestPresetLimits(t *testing.T) {
	for _, tc := range []struct {
		code, below, at string
		unit            string
	}{
		{"GB", "34.999", "35", "ug/100mL"},
		{"LT", "0.39", "0.40", "g/L"},
		{"LV", "0.49", "0.50", "g/L"},
		{"LV-novice", "0.19", "0.20", "g/L"},
		{"NO", "0.099", "0.1", "mg/L"},
		{"US-DOT", "0.019", "0.02", "g/210L"},
		{"GB", "0.804", "0.805", "g/L"}, // an instrument of 2300:1, as the table has it
	} {
		ps := Presets()
		i := slices.IndexFunc(ps, func(p Preset) bool { return p.Code == tc.code })
		if i < 0 {
			t.Errorf("no preset %s", tc.code)
			continue
		}
		l, err := ps[i].Rule.compile()
		if err != nil {
			t.Fatal(err)
		}
		for figure, want := range map[string]bool{tc.below: false, tc.at: true} {
			o, err := observation([]string{"02T07:00", "bt:1", "ok", figure, tc.unit, "ratio=2300"})
			if err != nil {
				t.Fatal(err)
			}
			x, _, err := l.measure(o.Device, readingOf(o))
			if err != nil || reaches(x, l.screen) != want {
				t.Errorf("%s: %s %s: %v, %v", tc.code, figure, tc.unit, !want, err)
			}
		}
	}
}
