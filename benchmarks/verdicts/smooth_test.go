package main

import (
	"math"
	"testing"

	"github.com/sargas-em/em"
)

var here = em.LatLng{Lat: 54.6, Lng: 25.1} // invented

// fixesOf makes a fix of 4 m at each position, metres from here, a second apart.
func fixesOf(at ...vec) []report {
	var out []report
	for i, v := range at {
		f := em.Fix{LatLng: offset(here, v), Validity: em.FixCurrent, Source: em.SourceGNSS, Accuracy: em.Some(4.0)}
		out = append(out, report{int64(i) * second, f})
	}
	return out
}

// walk is so many seconds to the east at 1.5 m/s.
func walk(n int) []vec {
	v := make([]vec, n)
	for i := range v {
		v[i] = vec{1.5 * float64(i), 0}
	}
	return v
}

// off is how far a sample is from where somebody walked.
func off(s sample) float64 {
	v := planeAt(here).to(s.p)
	return v.sub(vec{1.5 * float64(s.at) / 1000, 0}).length()
}

func TestSmoothFollowsAWalk(t *testing.T) {
	p := smooth(fixesOf(walk(120)...))
	if len(p.samples) != 120 || p.end != 119*second || p.known() != 119*second {
		t.Fatalf("%d samples to %d, known for %d", len(p.samples), p.end, p.known())
	}
	for _, s := range p.samples {
		if off(s) > .1 {
			t.Fatalf("%.2f m off at %d", off(s), s.at)
		}
	}
	// In the middle: σ of the smoothed position below that of a fix, 2.65 m on an
	// axis, and the radius of the fixes whole.
	if u := p.samples[60].u; u < 4 || u > math.Hypot(4, normal95*4/perAxis*math.Sqrt(alike)) {
		t.Errorf("uncertain by %.2f m", u)
	}
	if p.samples[60].u >= p.samples[0].u {
		t.Errorf("no more certain in the middle (%.2f m) than at the end (%.2f m)", p.samples[60].u, p.samples[0].u)
	}
}

// One fix alone does not move the track.
func TestSmoothLeavesOutliers(t *testing.T) {
	at := walk(120)
	at[60].y = 100
	for _, s := range smooth(fixesOf(at...)).samples {
		if off(s) > 2 {
			t.Fatalf("%.2f m off at %d", off(s), s.at)
		}
	}
}

// Five in a row that lie elsewhere and claim to be good make the truth unknown,
// from ten seconds before to ten after.
func TestSmoothDoubts(t *testing.T) {
	at := walk(120)
	for i := 60; i < 65; i++ {
		at[i].y = 60
	}
	p := smooth(fixesOf(at...))
	for _, c := range []struct {
		second int
		known  bool
	}{{40, true}, {50, false}, {60, false}, {64, false}, {74, false}, {85, true}} {
		if p.samples[c.second].known != c.known {
			t.Errorf("second %d: known is %v", c.second, !c.known)
		}
	}
}

// After a gap nothing is known until the next fix; cells and old positions are
// no fixes; a twin of a fix is left out.
func TestSmoothGaps(t *testing.T) {
	r := fixesOf(walk(200)...)
	r[30].fix.Source = em.SourceCell
	r[31].fix.Validity = em.FixLastKnown
	r[30].fix.LatLng, r[31].fix.LatLng = offset(here, vec{0, 900}), offset(here, vec{0, 900})
	r = append(r[:100:100], r[161:]...)
	r = append(r, r[len(r)-1])
	p := smooth(r)
	for _, s := range p.samples {
		if off(s) > 1 {
			t.Fatalf("%.2f m off at %d", off(s), s.at)
		}
	}
	if i := p.find(99 * second); p.samples[i].known || p.samples[i].at != 99*second {
		t.Errorf("known after the last fix before the gap")
	}
	if i := p.find(150 * second); p.samples[i].known || !p.samples[i+1].known || p.samples[i+1].at != 161*second {
		t.Errorf("known in the gap, or not after it")
	}
	if got, want := p.known(), (99+38)*second; got != want {
		t.Errorf("known for %d ms, want %d", got, want)
	}
}

// A smoother has no direction: the track backwards is the same track.
func TestSmoothBackwards(t *testing.T) {
	r := randFor(1, "test", "backwards")
	at := walk(100)
	for i := range at {
		at[i] = at[i].add(vec{3 * r.NormFloat64(), 3 * r.NormFloat64()})
	}
	back := make([]vec, len(at))
	for i, v := range at {
		back[len(at)-1-i] = v
	}
	p, q := smooth(fixesOf(at...)), smooth(fixesOf(back...))
	for i := 20; i < 80; i++ { // the ends feel the first guess of the speed
		if d := p.samples[i].p.Distance(q.samples[99-i].p); d > .05 {
			t.Fatalf("second %d: %.3f m apart", i, d)
		}
	}
}

// Against least squares over all states at once, worked out by Gauss: two
// measured instants and one between.
func TestKalmanAgainstLeastSquares(t *testing.T) {
	const r0, r2, z0, z2 = 4.0, 9.0, 1.0, 31.0
	k := newKalman(3)
	k.step(0, 0, vec{z0, 0}, r0)
	k.step(1, 2, vec{}, 0)
	k.step(2, 3, vec{z2, 0}, r2)
	k.smooth(func(i int) float64 { return []float64{2, 3}[i] })

	// Unknowns x0 v0 x1 v1 x2 v2; rows of information A'WA x = A'Wz.
	var a [6][7]float64
	add := func(row [6]float64, z, w float64) {
		for i := range 6 {
			for j := range 6 {
				a[i][j] += w * row[i] * row[j]
			}
			a[i][6] += w * row[i] * z
		}
	}
	add([6]float64{1}, z0, 1/r0)
	add([6]float64{0, 1}, 0, 1/100.0)
	add([6]float64{0, 0, 0, 0, 1}, z2, 1/r2)
	for i, dt := range []float64{2, 3} {
		q00, q01, q11 := truthQ*dt*dt*dt/3, truthQ*dt*dt/2, truthQ*dt
		l00 := math.Sqrt(q00) // Cholesky of the process noise; its inverse whitens
		l10 := q01 / l00
		l11 := math.Sqrt(q11 - l10*l10)
		ex, ev := [6]float64{}, [6]float64{}
		ex[2*i], ex[2*i+1], ex[2*i+2] = -1, -dt, 1
		ev[2*i+1], ev[2*i+3] = -1, 1
		var w0, w1 [6]float64
		for j := range 6 {
			w0[j] = ex[j] / l00
			w1[j] = (ev[j] - l10*w0[j]) / l11
		}
		add(w0, 0, 1)
		add(w1, 0, 1)
	}
	for i := range 6 {
		for j := range 6 {
			if j != i {
				f := a[j][i] / a[i][i]
				for c := i; c < 7; c++ {
					a[j][c] -= f * a[i][c]
				}
			}
		}
	}
	for i := range 3 {
		x, v := a[2*i][6]/a[2*i][2*i], a[2*i+1][6]/a[2*i+1][2*i+1]
		if math.Abs(k.s[i].x.x-x) > 1e-9 || math.Abs(k.s[i].v.x-v) > 1e-9 {
			t.Errorf("instant %d: %.9f at %.9f, least squares says %.9f at %.9f", i, k.s[i].x.x, k.s[i].v.x, x, v)
		}
	}
}

func TestThin(t *testing.T) {
	r := fixesOf(walk(125)...)
	var at []int64
	for _, x := range thin(r[5:], 60*second) {
		at = append(at, x.at/second)
	}
	if len(at) != 3 || at[0] != 5 || at[1] != 60 || at[2] != 120 {
		t.Errorf("kept %v", at)
	}
	if len(thin(r, second)) != len(r) {
		t.Error("fixes a second apart were thinned to one a second")
	}
}
