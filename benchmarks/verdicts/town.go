package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/sargas-em/em"
)

// Dimensions of the invented town, in metres and m/s.
const (
	block    = 100.0  // from street to street
	downtown = 600.0  // radius of the canyons
	suburbs  = 2000.0 // radius of the streets
	tooFar   = 1500.0 // for walking
	exactTo  = 5.0    // uncertainty of a true path
)

// townStart is noon in Vilnius, on a Monday.
var townStart = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC).UnixMilli()

const (
	townLasts = 2 * day
	townNight = 7 * hour // from noon to the beginning of curfew
	townNoon  = day
)

// walker makes the true path of an invented person.
type walker struct {
	rnd   *rand.Rand
	plane plane
	path  path
	about []surroundings // of each sample
	at    int64
	end   int64
	pos   vec
	speed float64
}

// building is where one stays.
type building struct {
	middle vec
	half   float64 // m
	is     surroundings
}

// townPath invents the life of a person for two days, in a town of one's own
// unless it is given.
func townPath(r *rand.Rand, town *em.LatLng) (path, []surroundings) {
	w := &walker{
		rnd: r, at: townStart, end: townStart + townLasts, speed: 1.2 + .3*r.Float64(),
		plane: planeAt(em.LatLng{Lat: 54.5 + .5*r.Float64(), Lng: 25 + r.Float64()}),
	}
	if town != nil {
		w.plane = planeAt(*town)
	}
	near := func(v vec, from, to float64) vec {
		return v.add(direction(r.Float64() * 2 * math.Pi).times(from + (to-from)*r.Float64()))
	}
	kind := func(deepShare float64) surroundings {
		if r.Float64() < deepShare {
			return deep
		}
		return light
	}
	home := building{near(vec{}, 200, 3000), 6, kind(.4)}
	work := building{near(vec{}, 0, 2500), 15, kind(.6)}
	shop := building{near(home.middle, 150, 700), 20, deep}
	friend := building{near(home.middle, 300, 2500), 6, kind(.4)}

	w.pos = work.middle
	noon := townStart
	for w.at < w.end {
		night := noon + townNight
		w.stay(work, noon+4*hour+w.upTo(hour))
		if r.Float64() < .7 {
			w.visit(shop, 15*minute+w.upTo(25*minute))
		}
		if r.Float64() < .4 {
			w.visit(friend, 20*minute+w.upTo(40*minute))
		}
		if r.Float64() < .25 { // late
			w.visit(friend, max(0, night-w.at)+w.upTo(90*minute))
		}
		w.visit(home, 0)
		if r.Float64() < .3 { // out at night
			w.stay(home, night+30*minute+w.upTo(10*hour))
			w.visit(building{near(home.middle, 100, 800), 6, kind(.3)}, 2*minute+w.upTo(40*minute))
			w.visit(home, 0)
		}
		w.stay(home, night+12*hour+w.upTo(hour))
		w.visit(work, 0)
		noon += townNoon
		if r.Float64() < .6 { // lunch
			w.stay(work, noon-hour+w.upTo(30*minute))
			w.visit(building{near(work.middle, 150, 500), 8, kind(.5)}, 20*minute+w.upTo(20*minute))
			w.visit(work, 0)
		}
	}
	w.path.end = w.end
	return w.path, w.about
}

func (w *walker) upTo(ms int64) int64 { return w.rnd.Int64N(ms) }

// mark adds a sample, or says better what is so at the instant of the last.
func (w *walker) mark(is surroundings) {
	if w.at >= w.end {
		return
	}
	x := sample{at: w.at, p: w.plane.from(w.pos), u: exactTo, known: true}
	if n := len(w.about); n > 0 && w.path.samples[n-1].at == w.at {
		w.path.samples[n-1], w.about[n-1] = x, is
		return
	}
	w.path.samples, w.about = append(w.path.samples, x), append(w.about, is)
}

// stay is in a building until an instant: now here, now there.
func (w *walker) stay(b building, until int64) {
	for w.at < until && w.at < w.end {
		spot := b.middle.add(vec{(2*w.rnd.Float64() - 1) * b.half, (2*w.rnd.Float64() - 1) * b.half})
		w.line(spot, 1, func(vec) surroundings { return b.is })
		w.mark(b.is)
		w.at = max(w.at, min(until, w.at+second+int64(w.rnd.ExpFloat64()*float64(15*minute))))
	}
	w.mark(b.is)
}

// visit goes to a building and stays for a time.
func (w *walker) visit(b building, lasts int64) {
	w.goTo(b.middle)
	w.stay(b, w.at+lasts)
}

// outdoors is what is about a place in the open.
func outdoors(v vec) surroundings {
	switch d := v.length(); {
	case d < downtown:
		return canyon
	case d < suburbs:
		return street
	}
	return openSky
}

// line goes straight to a place.
func (w *walker) line(to vec, speed float64, is func(vec) surroundings) {
	for w.pos != to && w.at < w.end {
		left := to.sub(w.pos)
		w.at += second
		if w.pos = to; left.length() > speed {
			w.pos = to.sub(left.times(1 - speed/left.length()))
		}
		w.mark(is(w.pos))
	}
}

// goTo goes along the streets.
func (w *walker) goTo(to vec) {
	node := func(v vec) vec { return vec{math.Round(v.x/block) * block, math.Round(v.y/block) * block} }
	from, goal := node(w.pos), node(to)
	speed, is := w.speed, outdoors
	ride := goal.sub(from).length() > tooFar
	tunnelFrom, tunnelTo := math.Inf(1), math.Inf(1)
	whole := math.Abs(goal.x-from.x) + math.Abs(goal.y-from.y)
	if ride && w.rnd.Float64() < .3 {
		tunnelFrom = w.rnd.Float64() * (whole - 1200)
		tunnelTo = tunnelFrom + 500 + 700*w.rnd.Float64()
	}
	w.line(from, w.speed, outdoors)
	if ride {
		speed = 6 + 6*w.rnd.Float64()
	}
	gone := 0.0
	for w.pos != goal && w.at < w.end {
		next := w.pos
		dx, dy := goal.x-w.pos.x, goal.y-w.pos.y
		if dx != 0 && (dy == 0 || w.rnd.Float64() < math.Abs(dx)/(math.Abs(dx)+math.Abs(dy))) {
			next.x += math.Copysign(block, dx)
		} else {
			next.y += math.Copysign(block, dy)
		}
		at := is
		if gone >= tunnelFrom && gone < tunnelTo {
			at = func(vec) surroundings { return tunnel }
		}
		w.line(next, speed, at)
		gone += block
		if w.rnd.Float64() < .1 { // lights, a stop, a chat
			w.mark(at(w.pos))
			w.at += second * (5 + w.rnd.Int64N(30))
		}
	}
	w.line(to, w.speed, outdoors)
}

// Sets of invented persons.
const (
	setTown    = "town"
	setJammed  = "jammed"
	setSpoofed = "spoofed"
	setMute    = "no speed" // devices that report none; not part of all
)

func townName(set string, seed uint64, n int) string { return fmt.Sprintf("%s/%d/%d", set, seed, n) }

// townUnit is an invented person.
func townUnit(set string, seed uint64, n int) (*unit, error) {
	name := townName(set, seed, n)
	r := randFor(seed, "life", name)
	p, about := townPath(r, nil)
	d := newDevice(randFor(seed, "device", name))
	d.mute = set == setMute
	for at := townStart; at < townStart+townLasts && (set == setJammed || set == setSpoofed); at += day / 2 {
		from := at + r.Int64N(day/2-20*minute)
		s := span{from, from + 20*minute}
		if set == setJammed {
			d.gone = append(d.gone, s)
		} else {
			d.false, d.where = append(d.false, s), offset(p.samples[0].p, vec{40_000, 0})
		}
	}
	s, err := newScene(name, p, lay(&p, seed, name), nights(townStart, townLasts))
	if err != nil {
		return nil, err
	}
	return newUnit(s, set, d.every, d.reports(&p, func(i int) surroundings { return about[i] })), nil
}

// nights are the hours of curfew, 19:00 to 07:00 in Vilnius in winter.
func nights(from, lasts int64) []span {
	var s []span
	for at := from; at < from+lasts; at += day {
		s = append(s, span{at + townNight, at + townNight + 12*hour})
	}
	return s
}
