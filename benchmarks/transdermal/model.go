package main

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/sargas-em/em"
)

// The model goes one way, from drinks to readings at the skin; nothing here or
// in package alcohol goes back.
//
//	gut    dG/dt = drinks − ka·G                       first-order absorption
//	blood  dC/dt = ka·G/(r·W) − vmax·C/(km + C)        Widmark's volume, saturable elimination
//	skin   dSi/dt = (Si−1 − Si)·n/τ,  S0 = gain·C      a chain of n = 3 delays, mean τ in all
//	read   S3, times its noise, plus its noise and interferents; cut to 0.001 g/dL, 0 below the floor
//
// Parameters of a person are drawn; where no source is named they are guesses:
//
//	weight    male 82 ± 12 kg, female 67 ± 11 kg
//	r         male 0.68, female 0.55 L/kg, ± 8 % (Widmark's means, remembered)
//	ka        2 to 6 an hour
//	vmax      0.15 ± 0.03 g/L/h, within 0.10 to 0.25; km 0.05 g/L
//	τ         80 ± 24 minutes, within 30 to 160: an overall lag of 69 (24) minutes and a lag of
//	          the peak of 120 at the ankle are published (Fairbairn 2019)
//	gain      0.65 ± 0.15 within 0.3 to 1: peaks at the skin are below those of breath
//	drink     14 g, one every 20 to 40 minutes, the first between 18:00 and 21:00
const (
	drinkGrams = 14
	delays     = 3
	floor      = 0.004 // g/dL: ankle exports show 0 or more than this, as a rule
)

// Noise is what an instrument adds.
type Noise struct {
	Name      string
	Factor    float64 // standard deviation of a reading, as a part of it
	Add       float64 // standard deviation of what is added, g/dL
	Spikes    float64 // single readings of 0.02 to 0.25 g/dL too many, as a part of all
	Exposures float64 // a day: alcohol in the air or on the skin, 0.02 to 0.30 g/dL that halves in 10 to 60 minutes
}

// Sampling is how often an instrument reads.
type Sampling struct {
	Name  string
	Every time.Duration
	Lost  float64 // readings that never come, as a part of all
}

// Scenario is what is generated.
type Scenario struct {
	Drinks   int // on the evening of every other day, the first day among them; 0: sober
	Days     int
	Noise    Noise
	Sampling Sampling
}

// Truth is one evening of drinking.
type Truth struct {
	Begin, End time.Time // the first drink; the skin, without noise, below the zero of the rule for good
	SkinPeak   float64   // g/dL, without noise
	BloodPeak  float64   // g/L
	PeakLag    time.Duration
}

// Record is one person's readings with the truth.
type Record struct {
	Readings []em.Observation
	Truth    []Truth
}

var start = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// Generate returns a record. It is pure: the same seed, person and scenario
// give the same record.
func Generate(seed uint64, person int, sc Scenario) Record {
	r := rand.New(rand.NewPCG(seed, uint64(person)<<8|uint64(sc.Drinks)))
	draw := func(mean, sd, low, high float64) float64 { return min(max(mean+sd*r.NormFloat64(), low), high) }
	between := func(low, high float64) float64 { return low + (high-low)*r.Float64() }

	weight, factor := draw(82, 12, 50, 130), draw(0.68, 0.054, 0.5, 0.9)
	if r.IntN(2) == 0 {
		weight, factor = draw(67, 11, 42, 110), draw(0.55, 0.044, 0.4, 0.75)
	}
	ka, vmax := between(2, 6), draw(0.15, 0.03, 0.10, 0.25)
	tau, gain := draw(80, 24, 30, 160)/60, draw(0.65, 0.15, 0.3, 1)

	const minutes = 24 * 60
	total := sc.Days * minutes
	drinks := make([]float64, total)
	var rec Record
	for d := 0; d < sc.Days; d += 2 {
		at := d*minutes + int(between(6, 9)*60)
		for i := range sc.Drinks {
			if i == 0 {
				rec.Truth = append(rec.Truth, Truth{Begin: start.Add(time.Duration(at) * time.Minute)})
			}
			if at < total {
				drinks[at] += drinkGrams
			}
			at += int(between(20, 40))
		}
	}

	const h = 1.0 / 60
	var gut, blood float64
	var chain [delays]float64
	skin := make([]float64, total)
	day := -1
	var bloodPeakAt, skinPeakAt int
	for m := range total {
		if drinks[m] > 0 && day+1 < len(rec.Truth) && !rec.Truth[day+1].Begin.After(start.Add(time.Duration(m)*time.Minute)) {
			day++
			bloodPeakAt, skinPeakAt = m, m
		}
		gut += drinks[m]
		taken := ka * gut * h
		gut -= taken
		blood = max(0, blood+taken/(factor*weight)-vmax*blood/(0.05+blood)*h)
		in := gain * blood / 10 // g/L to g/dL
		for i := range chain {
			chain[i] += (in - chain[i]) * delays / tau * h
			in = chain[i]
		}
		skin[m] = in
		if day >= 0 {
			t := &rec.Truth[day]
			if blood > t.BloodPeak {
				t.BloodPeak, bloodPeakAt = blood, m
			}
			if in > t.SkinPeak {
				t.SkinPeak, skinPeakAt = in, m
			}
			t.PeakLag = time.Duration(skinPeakAt-bloodPeakAt) * time.Minute
			if in > 0.005 || t.End.IsZero() {
				t.End = start.Add(time.Duration(m+1) * time.Minute)
			}
		}
	}

	interferent := make([]float64, total)
	for at := r.ExpFloat64() / sc.Noise.Exposures; sc.Noise.Exposures > 0 && at < float64(sc.Days); at += r.ExpFloat64() / sc.Noise.Exposures {
		peak, half := between(0.02, 0.30), between(10, 60)
		for m := int(at * minutes); m < total && peak > 1e-4; m++ {
			interferent[m] += peak
			peak *= math.Exp2(-1 / half)
		}
	}

	read := func(m int) {
		v := (skin[m] + interferent[m]) * max(0, 1+sc.Noise.Factor*r.NormFloat64())
		v += sc.Noise.Add * r.NormFloat64()
		if r.Float64() < sc.Noise.Spikes {
			v += between(0.02, 0.25)
		}
		ir := 1.10 + 0.04*r.NormFloat64()
		if r.Float64() < 0.026 { // as many leave the step in 13 people's readings
			ir -= between(0.25, 0.5)
		}
		temp := 33 + 2*r.NormFloat64()
		if r.Float64() < sc.Sampling.Lost {
			return
		}
		if v < floor {
			v = 0
		}
		at := start.Add(time.Duration(m) * time.Minute)
		rec.Readings = append(rec.Readings, em.Observation{Device: "ankle:model", DeviceAt: at, Body: &em.Transdermal{
			Value: em.Decimal{Coef: int64(v * 1000), Scale: 3}, Unit: em.UnitSkinGPerDL,
			IR:          em.Some(math.Round(ir*1000) / 1000),
			Temperature: em.Some(math.Round(temp*10) / 10),
		}}.Stamp(at))
	}
	step := int(sc.Sampling.Every / time.Minute)
	for m := 0; m < total; {
		read(m)
		if m < 30 { // the burst after fitting
			m += 5
		} else {
			m += step
		}
	}
	return rec
}
