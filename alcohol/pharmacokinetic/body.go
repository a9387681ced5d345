// Package pharmacokinetic is a model of drinking: it goes from drinks to
// alcohol in the blood, in breath and at the skin, and to the readings that an
// instrument would show of it, with the truth beside them. It is for testing
// rules and for simulated devices.
//
// The model goes one way. Nothing here, in package alcohol or anywhere else in
// this library goes back from the skin to a concentration in the body, and
// nothing here is about any real person: it judges nobody.
//
//	gut    dG/dt = drinks − ka·G                       first-order absorption
//	blood  dC/dt = ka·G/(r·W) − vmax·C/(km + C)        Widmark's volume, saturable elimination
//	breath B     = C/ratio
//	skin   dSi/dt = (Si−1 − Si)·n/τ,  S0 = gain·C      a chain of n = 3 delays, mean τ in all
//
// [Draw] draws the [Person]; [State] carries the body from minute to minute, for
// a simulator that decides on the way; [Person.Course] computes a whole course;
// [Generate] adds an instrument with its noise and returns observations.
//
// # Sources
//
// Where no source is named a number is a guess, and unverified:
//
//	weight    male 82 ± 12 kg, female 67 ± 11 kg
//	r         male 0.68, female 0.55 L/kg, ± 8 % (Widmark's means, remembered)
//	ka        2 to 6 an hour
//	vmax      0.15 ± 0.03 g/L/h, within 0.10 to 0.25; km 0.05 g/L
//	ratio     2407 ± 213 within 1800 to 3000: blood to breath of 799 drivers
//	          (Journal of Forensic Sciences 41/6, 916)
//	ankle τ   80 ± 24 minutes, within 30 to 160: an overall lag of 69 (24) minutes and a lag of
//	          the peak of 120 are published (Fairbairn 2019, PMC6779481)
//	wrist τ   40 ± 14 minutes, within 15 to 90: a lag of the peak of 54 is published (there, too)
//	gain      0.65 ± 0.15 within 0.3 to 1: peaks at the skin are below those of breath
//
// # Limits
//
// The body knows no food, fitness, illness, medicine, sweat or water, absorbs
// all it drinks, and has one volume, so that arterial and venous blood are one.
// It is integrated by Euler's method in steps of a minute; against steps of a
// second that is off by at most 0.02 g/L in blood and 0.005 g/dL at the skin, where the
// skin rises fastest: it runs about a minute ahead (a test holds it to that).
package pharmacokinetic

import (
	"math/rand/v2"
	"time"
)

// Site is where an instrument is worn.
type Site string

// Sites. The zero value is Ankle.
const (
	Ankle Site = "ankle"
	Wrist Site = "wrist"
)

const delays = 3

// Person holds the parameters of one body. It is plain data; [Draw] makes a
// plausible one. All fields must be above zero.
type Person struct {
	Female    bool
	Weight    float64       // kg
	Factor    float64       // Widmark's r, L/kg
	Absorb    float64       // ka, per hour
	Eliminate float64       // vmax, g/L per hour
	Ratio     float64       // blood to breath
	Ankle     time.Duration // τ of the skin there
	Wrist     time.Duration
	Gain      float64 // skin over blood
}

// halfSpeed is km, the concentration in g/L at which elimination runs at half
// its speed. Unverified.
const halfSpeed = 0.05

// Draw returns a person drawn from r.
func Draw(r *rand.Rand) Person {
	p := Person{Weight: drawn(r, 82, 12, 50, 130), Factor: drawn(r, 0.68, 0.054, 0.5, 0.9)}
	if r.IntN(2) == 0 {
		p.Female = true
		p.Weight, p.Factor = drawn(r, 67, 11, 42, 110), drawn(r, 0.55, 0.044, 0.4, 0.75)
	}
	p.Absorb, p.Eliminate = between(r, 2, 6), drawn(r, 0.15, 0.03, 0.10, 0.25)
	minutes := func(mean, sd, low, high float64) time.Duration {
		return time.Duration(drawn(r, mean, sd, low, high) * float64(time.Minute))
	}
	p.Ankle, p.Gain = minutes(80, 24, 30, 160), drawn(r, 0.65, 0.15, 0.3, 1)
	p.Ratio, p.Wrist = drawn(r, 2407, 213, 1800, 3000), minutes(40, 14, 15, 90)
	return p
}

// drawn returns a normal figure cut to [low, high].
func drawn(r *rand.Rand, mean, sd, low, high float64) float64 {
	return min(max(mean+sd*r.NormFloat64(), low), high)
}

func between(r *rand.Rand, low, high float64) float64 { return low + (high-low)*r.Float64() }

// State is the alcohol in one body. The zero value is a sober person's. It is a
// value: a copy goes its own way.
type State struct {
	Gut   float64 // g, not yet absorbed
	Blood float64 // g/L
	ankle [delays]float64
	wrist [delays]float64
}

// Step is the time that State.Minute covers.
const Step = time.Minute

// Minute carries the body through one minute, at whose beginning it drinks that
// many grams of ethanol.
func (s *State) Minute(p *Person, grams float64) { s.step(p, grams, Step) }

func (s *State) step(p *Person, grams float64, d time.Duration) {
	h := d.Hours()
	s.Gut += grams
	taken := p.Absorb * s.Gut * h
	s.Gut -= taken
	s.Blood = max(0, s.Blood+taken/(p.Factor*p.Weight)-p.Eliminate*s.Blood/(halfSpeed+s.Blood)*h)
	for _, x := range []struct {
		chain *[delays]float64
		tau   time.Duration
	}{{&s.ankle, p.Ankle}, {&s.wrist, p.Wrist}} {
		in := p.Gain * s.Blood / 10 // g/L to g/dL
		for i := range x.chain {
			x.chain[i] += (in - x.chain[i]) * delays / x.tau.Hours() * h
			in = x.chain[i]
		}
	}
}

// Breath returns the concentration in breath in mg/L.
func (s *State) Breath(p *Person) float64 { return s.Blood * 1000 / p.Ratio }

// Skin returns the concentration at the skin in g/dL.
func (s *State) Skin(at Site) float64 {
	if at == Wrist {
		return s.wrist[delays-1]
	}
	return s.ankle[delays-1]
}

// Drink is what was drunk at one instant.
type Drink struct {
	At    time.Time
	Grams float64 // of ethanol
}

// Course is the alcohol in one body after every minute: number i is Start +
// (i+1) minutes.
type Course struct {
	Start  time.Time
	Blood  []float64 // g/L
	Breath []float64 // mg/L
	Skin   []float64 // g/dL, at the site asked for
}

// Course returns what drinks do to a sober body from start on, for d; drinks
// outside that time are left out. The drinks may be in any order.
func (p Person) Course(start time.Time, d time.Duration, at Site, drinks ...Drink) Course {
	n := max(0, int(d/Step))
	grams := make([]float64, n)
	for _, x := range drinks {
		if i := x.At.Sub(start); i >= 0 && i/Step < time.Duration(n) {
			grams[i/Step] += x.Grams
		}
	}
	c := Course{Start: start, Blood: make([]float64, n), Breath: make([]float64, n), Skin: make([]float64, n)}
	var s State
	for m := range n {
		s.Minute(&p, grams[m])
		c.Blood[m], c.Breath[m], c.Skin[m] = s.Blood, s.Breath(&p), s.Skin(at)
	}
	return c
}
