package alcohol

import (
	"time"

	"github.com/sargas-em/em"
)

// Preset is a country's limit for drivers as a BreathRule, to start an order
// from. It is data, with the source of each number: no preset states what an
// order of abstinence means by "no alcohol", and none is legal advice.
type Preset struct {
	Code    string // ISO 3166, or that and a regime
	Name    string
	Rule    BreathRule
	Sources []Source
	// Missing says what has to be known and filled in before the rule judges
	// all instruments; empty for nothing.
	Missing string
}

// Source says where a field of a preset's rule comes from.
type Source struct {
	Field    string // of BreathRule
	Verified bool   // somebody read it in the source; otherwise remembered or inferred
	Text     string
}

// Presets returns the presets in the order of their codes. The caller owns them.
func Presets() []Preset {
	// In blood, PairTolerance, Guard and AirBlank cannot be the defaults, which
	// are breath.
	inBlood := func(limit em.Decimal) BreathRule {
		return BreathRule{
			Screen:        Concentration{limit, em.UnitBloodGPerL},
			PairTolerance: Concentration{em.Decimal{Coef: 20, Scale: 2}, em.UnitBloodGPerL},
			Guard:         Concentration{em.Decimal{Coef: 4, Scale: 2}, em.UnitBloodGPerL},
			AirBlank:      Concentration{em.Decimal{Coef: 4, Scale: 2}, em.UnitBloodGPerL},
		}
	}
	bloodSources := []Source{
		{"PairTolerance", false, "0.020 g/210 L of breath at 2100:1"},
		{"Guard", false, "0.02 mg/L of breath at 2000:1"},
		{"AirBlank", false, "as Guard"},
	}
	const noRatio = "Ratio: the ratio of the testers in use was not found; without it a breath figure cannot be compared, and a blood figure is compared whatever its ratio"

	lt := inBlood(em.Decimal{Coef: 40, Scale: 2})
	lt.Wait, lt.CompleteBy = 15*time.Minute, 30*time.Minute
	lv := inBlood(em.Decimal{Coef: 50, Scale: 2})
	lvNovice := inBlood(em.Decimal{Coef: 20, Scale: 2})

	return []Preset{
		{
			Code: "GB", Name: "United Kingdom, drivers but in Scotland",
			Rule: BreathRule{Screen: Concentration{em.Decimal{Coef: 35}, em.UnitBreathUgPer100mL}, Ratio: 2300},
			Sources: []Source{
				{"Screen", false, "35 µg/100 mL of breath, from memory"},
				{"Ratio", false, "2300:1, read with a maker of sensors in part"},
			},
		},
		{
			Code: "LT", Name: "Lithuania, drivers in general",
			Rule: lt,
			Sources: append([]Source{
				{"Screen", true, "0.4 per mille: lithuaniatribune.com, bacalculator.com/lt; for novice and professional drivers it is 0.0, which no instrument measures"},
				{"Wait", true, "second test 15 to 30 minutes after the first, the lower counts: report on the rules of 2019"},
				{"CompleteBy", true, "as Wait"},
			}, bloodSources...),
			Missing: noRatio,
		},
		{
			Code: "LV", Name: "Latvia, drivers in general",
			Rule:    lv,
			Sources: append([]Source{{"Screen", true, "0.5 per mille: text of the EU's Going Abroad app"}}, bloodSources...),
			Missing: noRatio,
		},
		{
			Code: "LV-novice", Name: "Latvia, novice drivers",
			Rule:    lvNovice,
			Sources: append([]Source{{"Screen", true, "0.2 per mille: text of the EU's Going Abroad app"}}, bloodSources...),
			Missing: noRatio,
		},
		{
			Code: "NO", Name: "Norway, drivers",
			Rule:    BreathRule{Screen: Concentration{em.Decimal{Coef: 10, Scale: 2}, em.UnitBreathMgPerL}},
			Sources: []Source{{"Screen", false, "0.1 mg/L of breath beside 0.2 per mille of blood, from memory"}},
			Missing: "Ratio: not found; without it a blood figure cannot be compared unless its instrument's ratio is known",
		},
		{
			Code: "US-DOT", Name: "United States, workers in transport (49 CFR Part 40)",
			Rule: BreathRule{
				Screen:  Concentration{em.Decimal{Coef: 20, Scale: 3}, em.UnitBreathGPer210L},
				Confirm: Concentration{em.Decimal{Coef: 40, Scale: 3}, em.UnitBreathGPer210L},
				Wait:    15 * time.Minute, CompleteBy: 30 * time.Minute, Ratio: 2100,
			},
			Sources: []Source{
				{"Screen", true, "a screening test of 0.02 or more needs a confirmation test: lawinsider.com"},
				{"Confirm", false, "0.04, from memory; 0.02 to 0.039 also has consequences"},
				{"Wait", true, "not before 15 minutes: lawinsider.com"},
				{"CompleteBy", false, "30 minutes, from memory"},
				{"Ratio", false, "2100:1, from memory"},
			},
		},
	}
}
