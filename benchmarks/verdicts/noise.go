package main

import (
	"math"
	"math/rand/v2"

	"github.com/sargas-em/em"
)

// surroundings are what a receiver has about it.
type surroundings uint8

const (
	openSky surroundings = iota
	street
	canyon
	light // building
	deep  // building
	tunnel
	surroundingsCount
)

// noiseOf is the table of METHOD.md.
var noiseOf = [surroundingsCount]struct {
	bias, tau, white  float64 // m, s, m
	rate, lasts, mode float64 // outliers: an hour, s, m
	has, hdop, boldly float64 // share with fixes, HDOP, factor of the accuracy told
}{
	openSky: {2, 300, 1, 0, 0, 0, 1, .8, 1},
	street:  {4, 120, 2, .5, 30, 25, 1, 1, .9},
	canyon:  {12, 60, 4, 6, 40, 60, .97, 1.8, .7},
	light:   {8, 600, 4, .5, 120, 50, .85, 1.5, .7},
	deep:    {20, 600, 8, 1.5, 180, 90, .35, 2.8, .6},
	tunnel:  {},
}

const (
	coldAfter  = 5 * minute
	coldSigma  = 30.0
	coldTau    = 40.0 // s
	withoutRun = 300.0
)

// tells is what a device says of the quality of its fixes.
type tells uint8

const (
	tellsAccuracy tells = iota
	tellsHDOP
	tellsNothing
)

// device makes reports of a true path.
type device struct {
	rnd   *rand.Rand
	tells tells
	every int64
	gone  []span // no satellites: jammed
	false []span // fixes at falseAt
	where em.LatLng
	mute  bool // reports no speed
}

// newDevice draws a device of the mix of METHOD.md.
func newDevice(r *rand.Rand) *device {
	d := &device{rnd: r, every: 60 * second}
	switch n := r.IntN(10); {
	case n < 2:
		d.every = 30 * second
	case n < 3:
		d.every = 10 * second
	}
	switch n := r.IntN(20); {
	case n < 8:
		d.tells = tellsAccuracy
	case n < 17:
		d.tells = tellsHDOP
	default:
		d.tells = tellsNothing
	}
	return d
}

// reports makes the reports of a path; about says what is about the receiver
// during sample i.
func (d *device) reports(p *path, about func(i int) surroundings) []report {
	var (
		out      []report
		r        = d.rnd
		normal   = func(s float64) vec { return vec{r.NormFloat64() * s, r.NormFloat64() * s} }
		bias     = normal(noiseOf[openSky].bias)
		outlier  vec
		outUntil int64 = math.MinInt64
		had            = p.samples[0].at // last satellites
		since    int64 = math.MinInt64   // they are back after long, as of when
		cold     vec
		without  bool // in a building, a run without satellites
		last     = p.samples[0].at
		believes = math.Exp(.3 * r.NormFloat64())
		cell     vec
		cellEnds int64 = math.MinInt64
		i        int
		shown    = p.samples[0].p
	)
	for at := p.samples[0].at + r.Int64N(d.every); at < p.end; at += d.every {
		t := at + r.Int64N(2*second) - second
		if t <= last && len(out) > 0 || t < p.samples[0].at || t >= p.end {
			continue
		}
		for i+1 < len(p.samples) && p.samples[i+1].at <= t {
			i++
		}
		if !p.samples[i].known {
			continue
		}
		dt := float64(t-last) / 1000
		last = t
		env := about(i)
		n := &noiseOf[env]
		truly, speed, course := p.move(i)

		jammed := within(d.gone, t)
		has := env != tunnel && !jammed
		if has && n.has < 1 { // runs: two states with the right share
			if r.Float64() < 1-math.Exp(-dt/withoutRun) {
				without = r.Float64() >= n.has
			}
			has = !without
		} else {
			without = false
		}
		if within(d.false, t) {
			e := normal(2)
			out = append(out, report{t, d.fix(offset(d.where, e), .8, 3, 8+r.IntN(4), 0, 0)})
			continue
		}
		if !has {
			building := env == light || env == deep
			switch x := r.Float64(); {
			case building && x < .5:
				out = append(out, report{t, d.wifi(truly)})
			case x < .75:
				if t >= cellEnds {
					cell = direction(r.Float64() * 2 * math.Pi).times(200 + 700*r.Float64())
					cellEnds = t + int64(r.ExpFloat64()*240)*second
				}
				acc := cell.length() * (1 + (r.Float64()*2-1)/3)
				out = append(out, report{t, em.Fix{LatLng: offset(truly, cell), Validity: em.FixCurrent, Source: em.SourceCell, Accuracy: em.Some(math.Round(acc))}})
			default:
				out = append(out, report{t, em.Fix{LatLng: shown, Validity: em.FixLastKnown, Source: em.SourceGNSS}})
			}
			continue
		}
		if t-had >= coldAfter {
			since, cold = t, normal(coldSigma)
		}
		had = t
		rho := math.Exp(-dt / n.tau)
		bias = bias.times(rho).add(normal(n.bias * math.Sqrt(1-rho*rho)))
		if t >= outUntil {
			outlier = vec{}
			if n.rate > 0 && r.Float64() < 1-math.Exp(-n.rate*dt/3600) {
				far := n.mode * math.Sqrt(-2*math.Log(1-r.Float64()))
				outlier = direction(r.Float64() * 2 * math.Pi).times(far)
				outUntil = t + int64(r.ExpFloat64()*n.lasts*1000)
			}
		}
		e := bias.add(normal(n.white)).add(outlier)
		accuracy := perAxis * math.Hypot(n.bias, n.white) * n.boldly * believes * math.Exp(.1*r.NormFloat64())
		if t < outUntil {
			accuracy *= 1.5
		}
		if since != math.MinInt64 && t-since < 200*second {
			e = e.add(cold.times(math.Exp(-float64(t-since) / 1000 / coldTau)))
			accuracy *= 2
		}
		hdop := n.hdop * math.Exp(.25*r.NormFloat64())
		sats := max(4, 12-int(2*hdop)+r.IntN(3)-1)
		doppler := math.Abs(speed + r.NormFloat64()*.1*(1+n.white/2))
		shown = offset(truly, e)
		out = append(out, report{t, d.fix(shown, hdop, accuracy, sats, doppler, course)})
	}
	return out
}

func (d *device) fix(p em.LatLng, hdop, accuracy float64, sats int, speed, course float64) em.Fix {
	f := em.Fix{LatLng: p, Validity: em.FixCurrent, Source: em.SourceGNSS, Satellites: em.Some(sats),
		Speed: em.Some(math.Round(speed*10) / 10), Course: em.Some(math.Round(course))}
	if d.mute {
		f.Speed, f.Course = em.Opt[float64]{}, em.Opt[float64]{}
	}
	switch d.tells {
	case tellsAccuracy:
		f.Accuracy = em.Some(math.Round(accuracy*10) / 10)
	case tellsHDOP:
		f.HDOP = em.Some(max(.5, math.Round(hdop*10)/10))
	}
	return f
}

// wifi is a position by access points, of which those of a place err alike.
func (d *device) wifi(p em.LatLng) em.Fix {
	place := rand.New(rand.NewPCG(uint64(int64(p.Lat*2000)), uint64(int64(p.Lng*1000)))) // some 60 m
	e := vec{place.NormFloat64() * 15, place.NormFloat64() * 15}
	if place.Float64() < .02 {
		e = direction(place.Float64() * 2 * math.Pi).times(300 + 1700*place.Float64())
	}
	e = e.add(vec{d.rnd.NormFloat64() * 15, d.rnd.NormFloat64() * 15})
	return em.Fix{LatLng: offset(p, e), Validity: em.FixCurrent, Source: em.SourceWiFi, Accuracy: em.Some(30.0)}
}

// move is where somebody is during sample i, how fast in m/s and in what
// direction in degrees.
func (p *path) move(i int) (em.LatLng, float64, float64) {
	at := p.samples[i]
	if i == 0 || !p.samples[i-1].known || at.at-p.samples[i-1].at > 2*second || p.until(i)-at.at > 2*second {
		return at.p, 0, 0
	}
	v := planeAt(p.samples[i-1].p).to(at.p)
	course := math.Mod(math.Atan2(v.x, v.y)*180/math.Pi+360, 360)
	return at.p, v.length() * 1000 / float64(at.at-p.samples[i-1].at), course
}

func within(spans []span, t int64) bool {
	for _, s := range spans {
		if s.has(t) {
			return true
		}
	}
	return false
}
