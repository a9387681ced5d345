package pharmacokinetic

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/sargas-em/em"
)

// DrinkGrams is the ethanol in one drink of a Scenario: 14 g, a standard drink
// in the United States.
const DrinkGrams = 14

// Noise is what an instrument adds. Levels are in g/dL.
type Noise struct {
	Name      string
	Factor    float64 // standard deviation of a reading, as a part of it
	Add       float64 // standard deviation of what is added, g/dL
	Spikes    float64 // single readings of 0.02 to 0.25 g/dL too many, as a part of all
	Exposures float64 // a day: alcohol in the air or on the skin, 0.02 to 0.30 g/dL that halves in 10 to 60 minutes
}

// Sampling is how an instrument reads.
type Sampling struct {
	Name  string
	Site  Site
	Every time.Duration // 30 minutes where zero; at least a second
	Lost  float64       // readings that never come, as a part of all
}

// Scenario is what is generated.
type Scenario struct {
	// Drinks on the evening of every other day, the first day among them, the
	// first between 18:00 and 21:00 and the others 20 to 40 minutes apart; 0: sober.
	Drinks   int
	Days     int
	Noise    Noise
	Sampling Sampling
}

// Truth is one evening of drinking, without the instrument's noise.
type Truth struct {
	Begin, End time.Time // the first drink; the skin at or below 0.005 g/dL for good
	SkinPeak   float64   // g/dL
	BloodPeak  float64   // g/L
	PeakLag    time.Duration
}

// Record is one person's readings with the truth.
type Record struct {
	Person   Person
	Readings []em.Observation
	Truth    []Truth
}

// Start is noon of the first day of every Record.
var Start = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

const (
	// floor: ankle exports show 0 or more than this, as a rule.
	floor = 0.004 // g/dL
	// vapour turns g/dL at the skin into µg/L of the air above it, at a ratio of
	// liquid to air of 2100:1. Unverified: no source relates the two scales.
	vapour = 1e7 / 2100
)

// Generate returns a record. It is pure: the same seed, person and scenario
// give the same record.
//
// An ankle instrument reads in 0.001 g/dL, every five minutes for the first half
// hour, with infrared voltage and temperature; 2.6 % of its voltages leave the
// step that the rule of wear allows, as they do in 13 people's readings. A wrist
// instrument reads in 0.1 µg/L with temperature and motion. The noise of voltage,
// temperature and motion is guessed.
func Generate(seed uint64, person int, sc Scenario) Record {
	r := rand.New(rand.NewPCG(seed, uint64(person)<<8|uint64(sc.Drinks)))
	rec := Record{Person: Draw(r)}
	days := time.Duration(sc.Days) * 24 * time.Hour
	var drinks []Drink
	for d := 0; d < sc.Days; d += 2 {
		at := Start.Add(time.Duration(d)*24*time.Hour + minutes(between(r, 6*60, 9*60)))
		for i := range sc.Drinks {
			if i == 0 {
				rec.Truth = append(rec.Truth, Truth{Begin: at})
			}
			drinks = append(drinks, Drink{at, DrinkGrams})
			at = at.Add(minutes(between(r, 20, 40)))
		}
	}
	course := rec.Person.Course(Start, days, sc.Sampling.Site, drinks...)
	for i := range rec.Truth {
		to := len(course.Skin)
		if i+1 < len(rec.Truth) {
			to = int(rec.Truth[i+1].Begin.Sub(Start) / Step)
		}
		rec.Truth[i].measure(&course, to)
	}
	in := instrument{r: r, sc: &sc, skin: course.Skin}
	in.expose()
	every := sc.Sampling.Every
	if every <= 0 {
		every = 30 * time.Minute
	}
	every = max(every, time.Second)
	for at := time.Duration(0); at < days; {
		if o, ok := in.read(at); ok {
			rec.Readings = append(rec.Readings, o)
		}
		if at < 30*time.Minute && sc.Sampling.Site != Wrist {
			at += 5 * time.Minute // the burst after fitting
		} else {
			at += every
		}
	}
	return rec
}

func minutes(m float64) time.Duration { return time.Duration(m) * time.Minute }

// measure fills in the truth from its beginning to minute to of the course.
func (t *Truth) measure(c *Course, to int) {
	from := int(t.Begin.Sub(Start) / Step)
	blood, skin, last := from, from, from
	for m := from; m < to; m++ {
		if c.Blood[m] > t.BloodPeak {
			t.BloodPeak, blood = c.Blood[m], m
		}
		if c.Skin[m] > t.SkinPeak {
			t.SkinPeak, skin = c.Skin[m], m
		}
		if c.Skin[m] > 0.005 {
			last = m
		}
	}
	t.PeakLag = time.Duration(skin-blood) * Step
	t.End = Start.Add(time.Duration(last+1) * Step)
}

// instrument reads a course.
type instrument struct {
	r           *rand.Rand
	sc          *Scenario
	skin        []float64 // g/dL, by the minute
	interferent []float64 // the same
}

// expose draws the exposures to other alcohol.
func (x *instrument) expose() {
	x.interferent = make([]float64, len(x.skin))
	rate := x.sc.Noise.Exposures
	if rate <= 0 {
		return
	}
	for at := x.r.ExpFloat64() / rate; at < float64(x.sc.Days); at += x.r.ExpFloat64() / rate {
		peak, half := between(x.r, 0.02, 0.30), between(x.r, 10, 60)
		for m := int(at * 24 * 60); m < len(x.skin) && peak > 1e-4; m++ {
			x.interferent[m] += peak
			peak *= math.Exp2(-1 / half)
		}
	}
}

// read returns the reading at Start + at; ok is false where it is lost.
func (x *instrument) read(at time.Duration) (o em.Observation, ok bool) {
	r, n, m := x.r, &x.sc.Noise, int(at/Step)
	v := (x.skin[m] + x.interferent[m]) * max(0, 1+n.Factor*r.NormFloat64())
	v += n.Add * r.NormFloat64()
	if r.Float64() < n.Spikes {
		v += between(r, 0.02, 0.25)
	}
	o = em.Observation{Device: "ankle:model", DeviceAt: Start.Add(at)}
	temp := em.Some(math.Round((33+2*r.NormFloat64())*10) / 10)
	if x.sc.Sampling.Site == Wrist {
		o.Device = "wrist:model"
		motion := math.Round(0.02*r.ExpFloat64()*1000) / 1000
		o.Body = &em.Transdermal{
			Value: em.Decimal{Coef: int64(max(v, 0) * vapour * 10), Scale: 1}, Unit: em.UnitSkinUgPerL,
			Temperature: temp, Motion: em.Some(motion),
		}
	} else {
		ir := 1.10 + 0.04*r.NormFloat64()
		if r.Float64() < 0.026 {
			ir -= between(r, 0.25, 0.5)
		}
		if v < floor {
			v = 0
		}
		o.Body = &em.Transdermal{
			Value: em.Decimal{Coef: int64(v * 1000), Scale: 3}, Unit: em.UnitSkinGPerDL,
			Temperature: temp, IR: em.Some(math.Round(ir*1000) / 1000),
		}
	}
	if r.Float64() < x.sc.Sampling.Lost {
		return o, false
	}
	return o.Stamp(o.DeviceAt), true
}
