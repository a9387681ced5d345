package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/paulmach/orb"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/geofence"
)

// Classes of zones.
const (
	classAt        = "at"
	classBeside    = "beside"
	classStay      = "stay"
	classAway      = "away"
	classInclusion = "inclusion"
	classCorridor  = "corridor"
	classBuffer    = "buffer"
	classHome      = "home"
)

var classes = []string{classAt, classBeside, classStay, classAway, classInclusion, classCorridor, classBuffer, classHome}

// laid is a zone with its class.
type laid struct {
	class string
	zone  geofence.Zone
}

// outside reports whether being outside is the violation.
func (l *laid) outside() bool {
	return l.zone.Kind == geofence.KindInclusion || l.zone.Kind == geofence.KindHome
}

const (
	stayRadius = 60.0 // m
	stayLeast  = 20 * minute
	corridorOf = 3000.0 // m
	bufferOf   = 100.0  // m
)

// randFor is the source of all that is drawn for a purpose and a name.
func randFor(seed uint64, purpose, name string) *rand.Rand {
	h := sha256.Sum256([]byte(purpose + "\n" + name))
	return rand.New(rand.NewPCG(seed, binary.BigEndian.Uint64(h[:])))
}

// tuning reports whether a unit is of the half that settings are chosen on.
func tuning(name string) bool {
	h := sha256.Sum256([]byte(name))
	return h[0]&0x80 == 0
}

// stay is a time at one place.
type stay struct {
	span
	middle em.LatLng
}

// stays finds the stays of a path, the longest first.
func stays(p *path) []stay {
	var out []stay
	for i := 0; i < len(p.samples); {
		a := &p.samples[i]
		if !a.known {
			i++
			continue
		}
		m := planeAt(a.p)
		var sum vec
		var weight float64
		j := i
		for ; j < len(p.samples) && p.samples[j].known; j++ {
			v := m.to(p.samples[j].p)
			if v.length() > stayRadius {
				break
			}
			w := float64(p.until(j) - p.samples[j].at)
			sum, weight = sum.add(v.times(w)), weight+w
		}
		end := p.until(j - 1)
		if end-a.at >= stayLeast {
			out = append(out, stay{span{a.at, end}, m.from(sum.times(1 / weight))})
			i = j
			continue
		}
		i++
	}
	slices.SortStableFunc(out, func(a, b stay) int { return int((b.to - b.from) - (a.to - a.from)) })
	return out
}

// length is how far along the moving parts of a path each sample is.
func length(p *path) []float64 {
	along := make([]float64, len(p.samples))
	for i := 1; i < len(p.samples); i++ {
		along[i] = along[i-1]
		a, b := &p.samples[i-1], &p.samples[i]
		if !a.known || !b.known || b.at-a.at > 2*second {
			continue
		}
		if d := a.p.Distance(b.p); d > 0.3 { // slower is no walk
			along[i] += d
		}
	}
	return along
}

// layer lays the zones of one unit.
type layer struct {
	p     *path
	rnd   *rand.Rand
	along []float64
	zones []laid
}

// lay lays zones on a true path, from the seed and the unit's name.
func lay(p *path, seed uint64, name string) []laid {
	if len(p.samples) < 2 {
		return nil
	}
	l := layer{p: p, rnd: randFor(seed, "zones", name), along: length(p)}
	rest := stays(p)

	if l.total() > 50 {
		for i, r := range []float64{30, 60, 120} {
			at, _ := l.point()
			c := offset(at, direction(l.rnd.Float64()*2*math.Pi).times(l.rnd.Float64()*r/2))
			l.add(classAt, geofence.KindExclusion, circle(c, r))
			if i < 2 {
				l.add(classBuffer, geofence.KindBuffer, circle(c, r+bufferOf))
			}
		}
		for i := range 4 {
			at, along := l.point()
			r, gap := pick(l.rnd, 30, 60, 120), pick(l.rnd, 10, 20, 30, 50)
			side := along.left()
			if l.rnd.IntN(2) == 0 {
				side = side.times(-1)
			}
			c := offset(at, side.times(r+gap))
			if i%2 == 0 {
				l.add(classBeside, geofence.KindExclusion, circle(c, r))
			} else {
				l.add(classBeside, geofence.KindExclusion, square(c, r, along))
			}
			if i < 2 {
				l.add(classBuffer, geofence.KindBuffer, circle(c, r+bufferOf))
			}
		}
		for range 2 {
			at, along := l.point()
			side := along.left().times(300 + 1200*l.rnd.Float64())
			l.add(classAway, geofence.KindExclusion, circle(offset(at, side), 100))
		}
	}
	for i := range min(2, len(rest)) {
		r, gap := pick(l.rnd, 40, 80, 150), pick(l.rnd, 15, 30, 60)
		l.add(classStay, geofence.KindExclusion, circle(offset(rest[i].middle, direction(l.rnd.Float64()*2*math.Pi).times(r+gap)), r))
	}
	for i := range 2 {
		var at em.LatLng
		switch {
		case len(rest) > 0:
			at = rest[i%len(rest)].middle
		case l.total() > 50:
			at, _ = l.point()
		default:
			continue
		}
		l.add(classInclusion, geofence.KindInclusion, circle(at, pick(l.rnd, 150, 300, 600)))
	}
	if line := l.piece(); len(line) > 1 {
		l.add(classCorridor, geofence.KindInclusion, geofence.Corridor{Line: line, HalfWidth: pick(l.rnd, 30, 50, 80)})
	}
	if h, ok := l.home(rest); ok {
		l.add(classHome, geofence.KindHome, circle(h, pick(l.rnd, 50, 80)))
	}
	return l.zones
}

func (l *layer) add(class string, k geofence.Kind, s geofence.Shape) {
	l.zones = append(l.zones, laid{class, geofence.Zone{ID: fmt.Sprintf("%s-%d", class, len(l.zones)), Version: "1", Kind: k, Shape: s}})
}

func (l *layer) total() float64 { return l.along[len(l.along)-1] }

// point draws a point of the path, with the direction of the path there.
func (l *layer) point() (em.LatLng, vec) {
	at := l.rnd.Float64() * l.total()
	i, _ := slices.BinarySearch(l.along, at)
	i = max(1, min(i, len(l.along)-1))
	p, q := l.p.samples[i-1].p, l.p.samples[i].p
	return q, planeAt(p).to(q).unit()
}

// piece is a piece of the path for a corridor, a vertex each 25 m.
func (l *layer) piece() orb.LineString {
	if l.total() < 200 {
		return nil
	}
	want := min(corridorOf, l.total()*(0.3+0.4*l.rnd.Float64()))
	from := l.rnd.Float64() * (l.total() - want)
	var line orb.LineString
	next := from
	for i := 1; i < len(l.along) && l.along[i] <= from+want; i++ {
		if l.along[i] >= next && l.along[i] > l.along[i-1] {
			q := point(l.p.samples[i].p)
			if len(line) > 0 && far(line[len(line)-1], q) > 200 { // across a gap
				break
			}
			line = append(line, q)
			next = l.along[i] + 25
		}
	}
	return line
}

// home is the middle of the longest stay, or without stays where the track begins;
// none for who is 5 km away at half-time.
func (l *layer) home(rest []stay) (em.LatLng, bool) {
	if len(rest) > 0 {
		return rest[0].middle, true
	}
	first, half := l.p.samples[0], l.p.samples[len(l.p.samples)/2]
	if first.p.Distance(half.p) > 5000 {
		return em.LatLng{}, false
	}
	return first.p, true
}

func pick(r *rand.Rand, of ...float64) float64 { return of[r.IntN(len(of))] }

func point(p em.LatLng) orb.Point { return orb.Point{p.Lng, p.Lat} }

func far(a, b orb.Point) float64 {
	return em.LatLng{Lat: a[1], Lng: a[0]}.Distance(em.LatLng{Lat: b[1], Lng: b[0]})
}

func circle(p em.LatLng, r float64) geofence.Circle {
	return geofence.Circle{Center: point(p), Radius: r}
}

// square is as high as wide, twice r, and lies along a direction.
func square(p em.LatLng, r float64, along vec) geofence.Area {
	m := planeAt(p)
	var ring orb.Ring
	for _, c := range []vec{{1, 1}, {-1, 1}, {-1, -1}, {1, -1}, {1, 1}} {
		ring = append(ring, point(m.from(along.times(c.x*r).add(along.left().times(c.y*r)))))
	}
	return geofence.Area{{ring}}
}
