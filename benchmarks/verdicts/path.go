package main

import (
	"math"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// Times are milliseconds since 1970.
const (
	second = int64(1000)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// sample is where somebody is from its instant to that of the next sample.
type sample struct {
	at    int64
	p     em.LatLng
	u     float64 // uncertainty of p in metres; an edge within it is ambiguous
	known bool
}

// path is where somebody was, in the order of time, until end.
type path struct {
	samples []sample
	end     int64
}

// until is when sample i ends.
func (p *path) until(i int) int64 {
	if i+1 < len(p.samples) {
		return p.samples[i+1].at
	}
	return p.end
}

// known is the time in which the path is known.
func (p *path) known() int64 {
	var n int64
	for i, s := range p.samples {
		if s.known {
			n += p.until(i) - s.at
		}
	}
	return n
}

// find returns the sample of an instant: the last one that is not later, or the first.
func (p *path) find(at int64) int {
	i, ok := slices.BinarySearchFunc(p.samples, at, func(s sample, at int64) int { return int(s.at - at) })
	if !ok {
		i--
	}
	return max(i, 0)
}

// report is what a device sends; its fix may say that there is none.
type report struct {
	at  int64
	fix em.Fix
}

// satellites reports whether it is a current satellite fix.
func (r *report) satellites() bool { return r.fix.Current() && r.fix.Source == em.SourceGNSS }

// vec is metres east and north of some place.
type vec struct{ x, y float64 }

func (a vec) add(b vec) vec         { return vec{a.x + b.x, a.y + b.y} }
func (a vec) sub(b vec) vec         { return vec{a.x - b.x, a.y - b.y} }
func (a vec) times(f float64) vec   { return vec{a.x * f, a.y * f} }
func (a vec) length() float64       { return math.Hypot(a.x, a.y) }
func direction(radians float64) vec { return vec{math.Cos(radians), math.Sin(radians)} }
func (a vec) left() vec             { return vec{-a.y, a.x} }
func (a vec) unit() vec {
	if l := a.length(); l > 0 {
		return a.times(1 / l)
	}
	return vec{1, 0}
}

// plane is a map about a place that is true to some centimetres a kilometre from
// it.
type plane struct {
	origin em.LatLng
	cos    float64
}

const metresPerDegree = em.EarthRadius * math.Pi / 180

func planeAt(p em.LatLng) plane { return plane{p, math.Cos(p.Lat * math.Pi / 180)} }

func (m plane) to(p em.LatLng) vec {
	return vec{(p.Lng - m.origin.Lng) * metresPerDegree * m.cos, (p.Lat - m.origin.Lat) * metresPerDegree}
}

func (m plane) from(v vec) em.LatLng {
	return em.LatLng{Lat: m.origin.Lat + v.y/metresPerDegree, Lng: m.origin.Lng + v.x/(metresPerDegree*m.cos)}
}

// offset moves a position by metres.
func offset(p em.LatLng, v vec) em.LatLng { return planeAt(p).from(v) }
