package main

import (
	"math"
	"slices"
)

// Constants of the truth out of fixes; METHOD.md says what they are.
const (
	truthGap    = 60 * second
	truthStep   = second
	truthQ      = 0.5 // m²/s³
	perAxis     = 1.5096
	leastSigma  = 1.0
	alike       = 10.0 // s
	robustK     = 2.5
	robustTimes = 4
	normal95    = 2.4477 // radius of 95 % in σ of each axis
	nearMedian  = 30 * second
	assumed68   = 10.0
	outlierRun  = 3
	outlierPad  = 10 * second
)

// fixOf is a fix in the smoother's terms.
type fixOf struct {
	at    int64
	v     vec
	r     float64 // 68 % radius
	sigma float64
	scale float64 // of σ², for fixes that come often
	w     float64 // weight
}

// smooth works out the truth from all current satellite fixes.
func smooth(reports []report) path {
	var p path
	var run []report
	flush := func() {
		if len(run) > 1 {
			p.samples = append(p.samples, smoothRun(run)...)
			p.end = run[len(run)-1].at
		}
		run = run[:0]
	}
	for i := range reports {
		r := reports[i]
		if !r.satellites() {
			continue
		}
		if n := len(run); n > 0 {
			if r.at <= run[n-1].at {
				continue // a twin
			}
			if r.at-run[n-1].at > truthGap {
				flush()
			}
		}
		run = append(run, r)
	}
	flush()
	return p
}

// smoothRun is smooth for fixes without a gap. The last sample is of the last
// fix and says that nothing is known from then on.
func smoothRun(run []report) []sample {
	m := planeAt(run[0].fix.LatLng)
	fixes := make([]fixOf, len(run))
	for i, r := range run {
		radius, _ := r.fix.Radius68(assumed68)
		dt := float64(run[max(i, 1)].at-run[max(i, 1)-1].at) / 1000
		fixes[i] = fixOf{at: r.at, v: m.to(r.fix.LatLng), r: radius, sigma: max(radius/perAxis, leastSigma), scale: max(1, alike/dt), w: 1}
	}

	// Instants: each second, and each fix.
	type node struct {
		at  int64
		fix int // -1: none
	}
	var nodes []node
	for i, f := range fixes {
		if i > 0 {
			for t := fixes[i-1].at + truthStep; t < f.at; t += truthStep {
				nodes = append(nodes, node{t, -1})
			}
		}
		nodes = append(nodes, node{f.at, i})
	}

	k := newKalman(len(nodes))
	for pass := 0; ; pass++ {
		for i, n := range nodes {
			dt := 0.0
			if i > 0 {
				dt = float64(n.at-nodes[i-1].at) / 1000
			}
			if n.fix < 0 {
				k.step(i, dt, vec{}, 0)
			} else {
				f := &fixes[n.fix]
				k.step(i, dt, f.v, f.sigma*f.sigma*f.scale/f.w)
			}
		}
		k.smooth(func(i int) float64 { return float64(nodes[i+1].at-nodes[i].at) / 1000 })
		if pass == robustTimes {
			break
		}
		for i, n := range nodes {
			if n.fix >= 0 {
				f := &fixes[n.fix]
				rho := f.v.sub(k.s[i].x).length() / f.sigma
				f.w = min(1, (robustK/max(rho, 1e-9))*(robustK/max(rho, 1e-9)))
			}
		}
	}

	samples := make([]sample, len(nodes))
	med := newMedian(fixes)
	for i, n := range nodes {
		r := med.at(n.at)
		samples[i] = sample{at: n.at, p: m.from(k.s[i].x), u: math.Hypot(normal95*math.Sqrt(k.s[i].p00), r), known: true}
	}

	// Fixes that agree with each other and not with the track.
	bad, from := 0, int64(0)
	for i, n := range nodes {
		if n.fix < 0 {
			continue
		}
		f := &fixes[n.fix]
		if f.v.sub(k.s[i].x).length() <= f.r*normal95/perAxis {
			bad = 0
			continue
		}
		if bad++; bad == 1 {
			from = n.at
		}
		if bad >= outlierRun {
			for j := i; j >= 0 && samples[j].at >= from-outlierPad; j-- {
				samples[j].known = false
			}
			for j := i; j < len(samples) && samples[j].at <= n.at+outlierPad; j++ {
				samples[j].known = false
			}
		}
	}
	samples[len(samples)-1].known = false
	return samples
}

// median is the median radius of the fixes near an instant; instants rise.
type median struct {
	fixes    []fixOf
	from, to int
	sorted   []float64
}

func newMedian(fixes []fixOf) *median { return &median{fixes: fixes} }

func (m *median) at(t int64) float64 {
	for m.to < len(m.fixes) && m.fixes[m.to].at <= t+nearMedian {
		r := m.fixes[m.to].r
		i, _ := slices.BinarySearch(m.sorted, r)
		m.sorted = slices.Insert(m.sorted, i, r)
		m.to++
	}
	for m.from < m.to && m.fixes[m.from].at < t-nearMedian {
		i, _ := slices.BinarySearch(m.sorted, m.fixes[m.from].r)
		m.sorted = slices.Delete(m.sorted, i, i+1)
		m.from++
	}
	if len(m.sorted) == 0 {
		return assumed68
	}
	return m.sorted[len(m.sorted)/2]
}

// kalman is a filter and smoother of position and velocity in two directions,
// which share their covariance.
type kalman struct{ pred, filt, s []estimate }

// estimate is position and velocity with the covariance of each axis.
type estimate struct {
	x, v          vec
	p00, p01, p11 float64
}

func newKalman(n int) *kalman {
	return &kalman{make([]estimate, n), make([]estimate, n), make([]estimate, n)}
}

// step takes instant i, dt seconds after the one before, with a measurement of
// variance r on each axis; 0 is none.
func (k *kalman) step(i int, dt float64, z vec, r float64) {
	if i == 0 {
		e := estimate{x: z, p00: r, p11: 100} // some 10 m/s either way
		k.pred[0], k.filt[0] = e, e
		return
	}
	f := &k.filt[i-1]
	e := estimate{
		x: f.x.add(f.v.times(dt)), v: f.v,
		p00: f.p00 + 2*dt*f.p01 + dt*dt*f.p11 + truthQ*dt*dt*dt/3,
		p01: f.p01 + dt*f.p11 + truthQ*dt*dt/2,
		p11: f.p11 + truthQ*dt,
	}
	k.pred[i] = e
	if r > 0 {
		g0, g1 := e.p00/(e.p00+r), e.p01/(e.p00+r)
		d := z.sub(e.x)
		e.x, e.v = e.x.add(d.times(g0)), e.v.add(d.times(g1))
		e.p00, e.p01, e.p11 = (1-g0)*e.p00, (1-g0)*e.p01, e.p11-g1*e.p01
	}
	k.filt[i] = e
}

// smooth goes back (Rauch, Tung and Striebel); dt(i) is the seconds from i to i+1.
func (k *kalman) smooth(dt func(int) float64) {
	n := len(k.filt)
	k.s[n-1] = k.filt[n-1]
	for i := n - 2; i >= 0; i-- {
		f, p, s, t := &k.filt[i], &k.pred[i+1], &k.s[i+1], dt(i)
		// C = P F' inverse(P predicted)
		a, b, c, d := f.p00+t*f.p01, f.p01, f.p01+t*f.p11, f.p11 // P F'
		det := p.p00*p.p11 - p.p01*p.p01
		c00, c01 := (a*p.p11-b*p.p01)/det, (b*p.p00-a*p.p01)/det
		c10, c11 := (c*p.p11-d*p.p01)/det, (d*p.p00-c*p.p01)/det
		dx, dv := s.x.sub(p.x), s.v.sub(p.v)
		d00, d01, d11 := s.p00-p.p00, s.p01-p.p01, s.p11-p.p11
		k.s[i] = estimate{
			x: f.x.add(dx.times(c00)).add(dv.times(c01)), v: f.v.add(dx.times(c10)).add(dv.times(c11)),
			p00: f.p00 + c00*c00*d00 + 2*c00*c01*d01 + c01*c01*d11,
			p01: f.p01 + c00*c10*d00 + (c00*c11+c01*c10)*d01 + c01*c11*d11,
			p11: f.p11 + c10*c10*d00 + 2*c10*c11*d01 + c11*c11*d11,
		}
	}
}

// thin leaves the first report of each stretch of time.
func thin(reports []report, every int64) []report {
	if every <= second {
		return reports
	}
	var kept []report
	last := int64(math.MinInt64)
	for _, r := range reports {
		if slot := r.at / every; slot != last {
			kept, last = append(kept, r), slot
		}
	}
	return kept
}
