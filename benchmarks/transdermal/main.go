// Command transdermal measures how well the rule of package alcohol for
// readings at the skin finds drinking, and how often it tells of drinking that
// was none, on a model of drinking whose truth is known (package pharmacokinetic).
//
//	go run ./benchmarks/transdermal [-people 1000] [-seed 1]
//
// It prints tables in Markdown. The same seed and number of people print the
// same tables. What they show is the rule on the model; a model is no people,
// so beside its own figures it prints what was published about people.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/alcohol"
	"github.com/sargas-em/em/alcohol/pharmacokinetic"
	"github.com/sargas-em/em/benchmarks/internal/interval"
)

func main() {
	people := flag.Int("people", 1000, "people of each cell")
	seed := flag.Uint64("seed", 1, "seed of the model")
	flag.Parse()
	w := bufio.NewWriter(os.Stdout)
	err := report(w, *seed, *people)
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "transdermal:", err)
		os.Exit(1)
	}
}

// The noises. Exposures of one in ten days are a guess.
var noises = []pharmacokinetic.Noise{
	{Name: "low", Factor: 0.05, Add: 0.0005, Exposures: 0.1},
	{Name: "medium", Factor: 0.15, Add: 0.001, Spikes: 0.002, Exposures: 0.1},
	{Name: "high", Factor: 0.30, Add: 0.003, Spikes: 0.02, Exposures: 0.1},
}

var samplings = []pharmacokinetic.Sampling{
	{Name: "15 min", Every: 15 * time.Minute},
	{Name: "30 min", Every: 30 * time.Minute},
	{Name: "30 min, 20 % lost", Every: 30 * time.Minute, Lost: 0.2},
	{Name: "60 min", Every: time.Hour},
}

// rules that are compared.
func rules(every time.Duration) []named {
	// Burst must let through readings of the sampling that is measured.
	burst := min(alcohol.DefaultBurst, every/2)
	return []named{
		{"median", alcohol.TransdermalRule{Burst: burst}},
		{"raw", alcohol.TransdermalRule{Burst: burst, Smoothing: alcohol.SmoothRaw}},
		{"sensitive", alcohol.TransdermalRule{Burst: burst, MinRun: 1, Either: true}},
	}
}

type named struct {
	name string
	rule alcohol.TransdermalRule
}

var doses = []int{1, 2, 3, 4, 5, 6, 8}

// cell counts verdicts.
type cell struct {
	evenings   int     // of drinking
	positive   int     // of them with a reading above 0 in the span of the truth
	level      int     // of them with a reading at or above 0.020
	found      int     // of them met by an episode of any class
	candidate  int     // of them met by a CANDIDATE
	review     int     // of them met by a REVIEW
	onset      int     // of those found, the onset interval holds the first drink
	days       int     // person-days
	falseAny   int     // episodes that meet no drinking
	falseCand  int     // of them CANDIDATE
	lagMinutes float64 // sum of the lags of the model's peaks
}

// measure runs rules over a scenario.
func measure(seed uint64, people int, sc pharmacokinetic.Scenario, rs []named) ([]cell, error) {
	cells := make([]cell, len(rs))
	for p := range people {
		rec := pharmacokinetic.Generate(seed, p, sc)
		for i, r := range rs {
			a, err := alcohol.Analyze(r.rule, rec.Readings)
			if err != nil {
				return nil, err
			}
			cells[i].count(&rec, a, sc.Days)
		}
	}
	return cells, nil
}

// count adds one record.
func (c *cell) count(rec *pharmacokinetic.Record, a *alcohol.Analysis, days int) {
	c.days += days
	meets := func(e *alcohol.Episode, t *pharmacokinetic.Truth) bool {
		return !e.To.Before(t.Begin) && !e.From.After(t.End)
	}
	for i := range rec.Truth {
		t := &rec.Truth[i]
		c.evenings++
		c.lagMinutes += t.PeakLag.Minutes()
		positive, level := false, false
		for _, o := range rec.Readings {
			if o.At.Before(t.Begin) || o.At.After(t.End) {
				continue
			}
			v := o.Body.(*em.Transdermal).Value.Coef
			positive, level = positive || v > 0, level || v >= 20
		}
		var found, candidate, review, onset bool
		for j := range a.Episodes {
			e := &a.Episodes[j]
			if !meets(e, t) {
				continue
			}
			if !found {
				onset = !t.Begin.Before(e.Onset[0]) && !t.Begin.After(e.Onset[1])
			}
			found = true
			candidate = candidate || e.Class == alcohol.ClassCandidate
			review = review || e.Class == alcohol.ClassReview
		}
		for _, x := range []struct {
			is bool
			n  *int
		}{{positive, &c.positive}, {level, &c.level}, {found, &c.found}, {candidate, &c.candidate}, {review, &c.review}, {found && onset, &c.onset}} {
			if x.is {
				*x.n++
			}
		}
	}
	for j := range a.Episodes {
		e := &a.Episodes[j]
		drank := false
		for i := range rec.Truth {
			drank = drank || meets(e, &rec.Truth[i])
		}
		if !drank {
			c.falseAny++
			if e.Class == alcohol.ClassCandidate {
				c.falseCand++
			}
		}
	}
}

// percent shows a share with Wilson's interval of 95 %.
func percent(k, n int) string {
	if n == 0 {
		return "–"
	}
	low, high := interval.Wilson(k, n)
	return fmt.Sprintf("%.1f (%.1f–%.1f)", 100*float64(k)/float64(n), 100*low, 100*high)
}

// perThousand shows a rate a thousand days with an interval of 95 % (Byar).
func perThousand(k, days int) string {
	const z = 1.959964
	n := float64(k)
	low := 0.0
	if k > 0 {
		low = n * math.Pow(1-1/(9*n)-z/(3*math.Sqrt(n)), 3)
	}
	m := n + 1
	high := m * math.Pow(1-1/(9*m)+z/(3*math.Sqrt(m)), 3)
	f := 1000 / float64(days)
	return fmt.Sprintf("%.1f (%.1f–%.1f)", n*f, low*f, high*f)
}

// wrist measures the rule of wrist instruments on a stream of a reading every 20
// seconds; fewer people do, as each has 90 times the readings.
func wrist(out func(string, ...any), seed uint64, people int) error {
	rule := []named{{"wrist", alcohol.WristRule()}}
	sampling := pharmacokinetic.Sampling{Name: "20 s", Site: pharmacokinetic.Wrist, Every: 20 * time.Second}
	out("\n### A wrist instrument: 20 s, its published rule, %d people a cell\n\n", people)
	out("| noise | an episode with 1 drink, %% of evenings | 2 | 3 | 5 | any episode on sober days, per 1,000 | … with exposures |\n|---|---|---|---|---|---|---|\n")
	for _, n := range noises {
		out("| %s |", n.Name)
		for _, dose := range []int{1, 2, 3, 5} {
			cs, err := measure(seed, people, pharmacokinetic.Scenario{Drinks: dose, Days: 2, Noise: n, Sampling: sampling}, rule)
			if err != nil {
				return err
			}
			out(" %s |", percent(cs[0].found, cs[0].evenings))
		}
		for _, exposures := range []float64{0, n.Exposures} {
			n.Exposures = exposures
			cs, err := measure(seed, people, pharmacokinetic.Scenario{Days: wristDays, Noise: n, Sampling: sampling}, rule)
			if err != nil {
				return err
			}
			out(" %s |", perThousand(cs[0].falseAny, cs[0].days))
		}
		out("\n")
	}
	return nil
}

const soberDays, wristDays = 10, 3

func report(w io.Writer, seed uint64, people int) error {
	out := func(format string, args ...any) { fmt.Fprintf(w, format, args...) }
	out("Model of drinking, seed %d, %d people a cell; drinks of %d g. Intervals are 95 %%.\n\n", seed, people, pharmacokinetic.DrinkGrams)

	out("### By dose: 30 min, medium noise, median of 3\n\n")
	out("| drinks | any reading > 0, %% | any ≥ 0.020 g/dL, %% | an episode, %% | CANDIDATE, %% | REVIEW, %% | onset interval holds, %% of found | lag of the peak, min |\n|---|---|---|---|---|---|---|---|\n")
	for _, dose := range doses {
		cs, err := measure(seed, people, pharmacokinetic.Scenario{Drinks: dose, Days: 2, Noise: noises[1], Sampling: samplings[1]}, rules(samplings[1].Every)[:1])
		if err != nil {
			return err
		}
		c := cs[0]
		out("| %d | %s | %s | %s | %s | %s | %s | %.0f |\n", dose, percent(c.positive, c.evenings), percent(c.level, c.evenings),
			percent(c.found, c.evenings), percent(c.candidate, c.evenings), percent(c.review, c.evenings), percent(c.onset, c.found), c.lagMinutes/float64(c.evenings))
	}
	out("\nPublished of people with an ankle instrument: any reading above 0 with 1 beer about 60 %%, with 2 more than 95 %%, with 3 or more 100 %%;\n" +
		"the maker's rule finds 5 beers or more reliably and misses 45.9 %% of occasions of 1 to 3 (Roache 2015, PMC4490934).\n\n")

	out("### An episode found, %% of evenings, by rule, sampling and noise\n\n")
	out("| sampling | noise | rule |")
	for _, dose := range doses {
		out(" %d |", dose)
	}
	out("\n|---|---|---|")
	for range doses {
		out("---|")
	}
	out("\n")
	for _, s := range samplings {
		for _, n := range noises {
			rs := rules(s.Every)
			found := make([][]int, len(rs))
			for _, dose := range doses {
				cs, err := measure(seed, max(1, people/2), pharmacokinetic.Scenario{Drinks: dose, Days: 2, Noise: n, Sampling: s}, rs)
				if err != nil {
					return err
				}
				for i, c := range cs {
					found[i] = append(found[i], 100*c.found/c.evenings)
				}
			}
			for i, r := range rs {
				out("| %s | %s | %s |", s.Name, n.Name, r.name)
				for _, f := range found[i] {
					out(" %d |", f)
				}
				out("\n")
			}
		}
	}

	out("\n### False alarms on sober days, per 1,000 person-days\n\n")
	out("| sampling | noise | exposures a day | rule | any episode | CANDIDATE |\n|---|---|---|---|---|---|\n")
	for _, s := range samplings {
		for _, n := range noises {
			for _, exposures := range []float64{0, n.Exposures} {
				n.Exposures = exposures
				rs := rules(s.Every)
				cs, err := measure(seed, max(1, people/2), pharmacokinetic.Scenario{Days: soberDays, Noise: n, Sampling: s}, rs)
				if err != nil {
					return err
				}
				for i, c := range cs {
					out("| %s | %s | %g | %s | %s | %s |\n", s.Name, n.Name, exposures, rs[i].name, perThousand(c.falseAny, c.days), perThousand(c.falseCand, c.days))
				}
			}
		}
	}
	if err := wrist(out, seed, max(1, people/10)); err != nil {
		return err
	}
	out("\nMedian: the defaults. Raw: no smoothing. Sensitive: one reading at the level and one plausible rate, as Barnett et al. have it (unverified).\n")
	return nil
}
