// Package proximitytest checks evaluators of package proximity: a slow oracle
// that judges second by second, each time from all positions, written from the
// sentences of that package's comment. What fixes go through before they are
// positions is geofence.Sieve for both.
package proximitytest

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/geofence"
	"github.com/sargas-em/em/geofence/proximity"
)

// Interval is an event without its words.
type Interval struct {
	Kind      em.EventKind
	About     string
	From, End float64 // seconds since the beginning; End of an open one is 0
}

// Sort sorts intervals by what they are about and when.
func Sort(all []Interval) {
	slices.SortFunc(all, func(a, b Interval) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.About, b.About), cmp.Compare(a.From, b.From))
	})
}

// Of is an event as Judge tells it: what comes between two seconds is told at the
// later one.
func Of(e *em.Event, start time.Time) Interval {
	i := Interval{e.Detail.Kind, e.About, math.Ceil(e.At.Sub(start).Seconds()), 0}
	if !e.Open() {
		i.End = e.Until.Sub(start).Seconds()
	}
	return i
}

// Judge returns the events of a pair between two instants, sorted. Observations
// are in order, none repeated, all at whole seconds after start. Of c the alert
// radii, the devices, MinSpeed and Since count; all else has its default.
func Judge(c proximity.Config, start, end time.Time, obs []em.Observation) []Interval {
	o := oracle{c: c, start: start, open: map[string]*Interval{}, run: map[string]float64{}, sum: map[string]float64{}, ended: map[string]float64{}}
	if o.lowest = c.MinSpeed; o.lowest == 0 {
		o.lowest = proximity.DefaultMinSpeed
	}
	for r := range o.sieves {
		var err error
		if o.sieves[r], err = geofence.NewSieve(geofence.Config{}); err != nil {
			panic(err) // the zero Config has no errors
		}
	}
	next := 0
	for s := 0.0; s <= end.Sub(start).Seconds(); s++ {
		from := next
		for next < len(obs) && since(obs[next].At, o.at(s)) >= 0 {
			next++
		}
		o.second(s, obs[from:next])
	}
	for _, i := range o.open {
		o.told = append(o.told, *i)
	}
	for i := range o.told {
		o.told[i].From = math.Ceil(o.told[i].From)
	}
	Sort(o.told)
	return o.told
}

const maxAge, highest, quiet = 300.0, 30.0, 120.0 // seconds, metres a second

type role int

const (
	wearer role = iota
	protected
)

func (r role) String() string { return []string{"wearer", "protected"}[r] }

// position is where a person was at an instant.
type position struct {
	at     time.Time
	where  em.LatLng
	radius float64
	speed  em.Opt[float64]
	fast   float64
	rests  bool
}

type oracle struct {
	c      proximity.Config
	lowest float64
	start  time.Time
	sieves [2]*geofence.Sieve
	seen   [2][]position // by role
	open   map[string]*Interval
	run    map[string]float64
	told   []Interval
	sum    map[string]float64 // evidence, by about
	ended  map[string]float64 // when the last alert did
}

func (o *oracle) lastTwo(r role) (last, prev *position) {
	if n := len(o.seen[r]); n > 0 {
		last = &o.seen[r][n-1]
		if n > 1 {
			prev = &o.seen[r][n-2]
		}
	}
	return last, prev
}

// located takes what the sieve lets through; it returns false if that counts for
// nothing.
func (o *oracle) located(r role, q *geofence.Position) bool {
	p := position{at: q.At, where: q.Where, radius: q.Radius95}
	last, _ := o.lastTwo(r)
	var age float64
	if last != nil {
		if age = q.At.Sub(last.at).Seconds(); age < 0 || age == 0 && p.radius >= last.radius {
			return false
		}
	}
	if q.Rest.OK {
		p.where, p.radius, p.rests = q.Rest.V, math.Max(q.Radius95/2, q.RestRadius), true
	}
	switch {
	case q.Coarse:
		cell := q.Radius95 > 100
		if last == nil && cell {
			return false
		}
		if last != nil {
			off, free := last.where.Distance(p.where)-last.radius-p.radius, 100.0
			if cell {
				free = 0
			}
			switch {
			case last.rests && off <= free:
				p.where, p.radius, p.rests = last.where, last.radius, true
			case cell, off > free+o.fastest(last)*age:
				return false
			}
			p.fast = last.fast
		}
	case q.Speed.OK:
		p.speed = q.Speed
	case last != nil && age > 0 && age <= maxAge:
		p.speed = em.Some(last.where.Distance(p.where) / age)
	}
	if !q.Coarse {
		p.fast = p.speed.V
		if last != nil && age <= 300 {
			p.fast = math.Max(p.fast, last.speed.V)
		}
	}
	if last != nil && age == 0 {
		*last = p
	} else {
		o.seen[r] = append(o.seen[r], p)
	}
	return true
}

// fastest is how fast a person may be since a position.
func (o *oracle) fastest(p *position) float64 {
	if p.rests {
		return 0
	}
	return math.Min(highest, math.Max(o.lowest, 2*p.fast))
}

func since(at, t time.Time) float64 { return t.Sub(at).Seconds() }

func (o *oracle) at(s float64) time.Time { return o.start.Add(time.Duration(s * 1e9)) }

// whose says whose device it is, if anybody's.
func (o *oracle) whose(x *em.Observation) (role, bool) {
	for r, list := range [][]proximity.Assignment{o.c.Wearer, o.c.Protected} {
		for _, a := range list {
			if a.Device == x.Device && !x.At.Before(a.From) && (a.To.IsZero() || x.At.Before(a.To)) {
				return role(r), true
			}
		}
	}
	return 0, false
}

// center is the middle of a fixed zone.
func (o *oracle) center(about string) em.LatLng {
	i := slices.IndexFunc(o.c.Zones, func(z proximity.Zone) bool { return z.ID == about })
	return o.c.Zones[i].Center
}

// look is what can be said at second t: last known, estimate and worst.
func (o *oracle) look(about string, t float64) (d, estimate, worst float64, fresh bool) {
	w, _ := o.lastTwo(wearer)
	if w == nil || since(w.at, o.at(t)) > maxAge {
		return 0, 0, 0, false
	}
	p, _ := o.lastTwo(protected)
	var target em.LatLng
	if about == proximity.Moving {
		if p == nil || since(p.at, o.at(t)) > maxAge {
			return 0, 0, 0, false
		}
		target = p.where
	} else {
		target = o.center(about)
	}
	d = w.where.Distance(target)
	squares := d * d
	worst = d
	grow := func(p *position) {
		age := since(p.at, o.at(t))
		squares += math.Pow(p.speed.V*age, 2)
		worst -= p.radius + o.fastest(p)*age
	}
	grow(w)
	if about == proximity.Moving {
		grow(p)
	}
	return d, math.Sqrt(squares), worst, true
}

// nearest finds the closest approach on the overlap of the latest legs by
// search, along straight lines in longitude and latitude.
func (o *oracle) nearest(about string, from float64) (near, when float64, ok bool) {
	to := math.Inf(1)
	var legs [2]func(t float64) em.LatLng
	for r := range legs {
		if role(r) == protected && about != proximity.Moving {
			legs[r] = func(float64) em.LatLng { return o.center(about) }
			continue
		}
		last, prev := o.lastTwo(role(r))
		if prev == nil || last.at.Sub(prev.at).Seconds() > maxAge {
			return 0, 0, false
		}
		t0, t1 := prev.at.Sub(o.start).Seconds(), last.at.Sub(o.start).Seconds()
		from, to = max(from, t0), min(to, t1)
		legs[r] = func(t float64) em.LatLng {
			a, b, s := prev.where, last.where, (t-t0)/(t1-t0)
			return em.LatLng{Lat: a.Lat + s*(b.Lat-a.Lat), Lng: a.Lng + s*(b.Lng-a.Lng)}
		}
	}
	if from >= to {
		return 0, 0, false
	}
	d := func(t float64) float64 { return legs[0](t).Distance(legs[1](t)) }
	for range 100 { // d is convex
		if a, b := from+(to-from)/3, to-(to-from)/3; d(a) < d(b) {
			to = b
		} else {
			from = a
		}
	}
	when = math.Round((from+to)/2*1000) / 1000 // a search finds the minimum no better
	return d((from + to) / 2), when, true
}

// part is what a distance says for an alert: by how many times the error it is
// within the radius, squared, one at most.
func part(d, radius, err float64) float64 {
	if d >= radius {
		return 0
	}
	return math.Min(1, math.Pow((radius-d)/err, 2))
}

// evidence is what the latest positions say for an alert, whether the way between
// them is enough by itself, and when they were nearest on it.
func (o *oracle) evidence(about string, radius, estimate float64) (sum float64, way bool, when float64) {
	var now, leg float64
	for r := wearer; r <= protected; r++ {
		if r == protected && about != proximity.Moving {
			continue
		}
		last, prev := o.lastTwo(r)
		now = math.Hypot(now, last.radius)
		if prev != nil {
			leg = math.Hypot(leg, math.Max(last.radius, prev.radius))
		}
	}
	sum = part(estimate, radius, now)
	if d, at, ok := o.nearest(about, o.ended[about]); ok {
		p := part(d, radius, leg)
		sum, way, when = math.Max(sum, p), p >= .125, at
	}
	return sum, way, when
}

func (o *oracle) begin(kind em.EventKind, about string, t float64) {
	key := string(kind) + about
	if o.open[key] == nil {
		o.open[key] = &Interval{Kind: kind, About: about, From: t}
		delete(o.run, key)
	}
}

func (o *oracle) finish(kind em.EventKind, about string, t float64) {
	key := string(kind) + about
	i := o.open[key]
	i.End = t
	if kind == proximity.EventAlert {
		o.ended[about] = t
	}
	o.told = append(o.told, *i)
	delete(o.open, key)
	delete(o.run, key)
}

// leave keeps, of an open event, since when all is far enough.
func (o *oracle) leave(kind em.EventKind, about string, t float64, far bool) {
	key := string(kind) + about
	first, running := o.run[key]
	switch {
	case !far:
		delete(o.run, key)
	case running:
		if t-first >= quiet {
			o.finish(kind, about, first)
		}
	case t > o.open[key].From:
		o.run[key] = t
	}
}

func (o *oracle) second(t float64, obs []em.Observation) {
	for r := wearer; r <= protected; r++ {
		last, _ := o.lastTwo(r)
		from := o.c.Since.Sub(o.start).Seconds()
		if last != nil {
			from = last.at.Sub(o.start).Seconds()
		} else if o.c.Since.IsZero() {
			continue
		}
		if t-from > maxAge {
			o.begin(proximity.EventStale, r.String(), from+maxAge)
		}
	}
	radii := map[string]float64{proximity.Moving: o.c.Radius}
	for _, z := range o.c.Zones {
		radii[z.ID] = z.Radius
	}
	for about, R := range radii {
		if _, _, worst, ok := o.look(about, t); ok && worst < 2*R {
			o.begin(proximity.EventPreAlert, about, t-.5) // some time in the last second
		}
	}
	for _, x := range obs {
		r, ok := o.whose(&x)
		if !ok {
			continue
		}
		for about, R := range radii {
			_, _, worst, ok := o.look(about, t)
			if !ok || worst < 2*R+R/10 {
				delete(o.run, string(proximity.EventPreAlert)+about)
			}
			if !ok {
				delete(o.run, string(proximity.EventAlert)+about)
			}
		}
		news := false
		for _, q := range o.sieves[r].Append(nil, x) {
			news = o.located(r, &q) || news
		}
		if !news {
			continue
		}
		if o.open[string(proximity.EventStale)+r.String()] != nil {
			o.finish(proximity.EventStale, r.String(), t)
		}
		for about, R := range radii {
			if r == protected && about != proximity.Moving {
				continue
			}
			d, estimate, worst, ok := o.look(about, t)
			if !ok {
				continue
			}
			if o.open[string(proximity.EventPreAlert)+about] != nil {
				o.leave(proximity.EventPreAlert, about, t, worst >= 2*R+R/10)
			} else if worst < 2*R {
				o.begin(proximity.EventPreAlert, about, t)
			}
			says, way, when := o.evidence(about, R, estimate)
			o.sum[about] += says
			if says == 0 {
				o.sum[about] = 0
			}
			if o.open[string(proximity.EventAlert)+about] == nil {
				if o.sum[about] >= .125 {
					if !way || estimate < R {
						when = t
					}
					o.begin(proximity.EventAlert, about, when)
				}
				continue
			}
			far := d >= R+R/10
			if first, running := o.run[string(proximity.EventAlert)+about]; running {
				if n, _, ok := o.nearest(about, first); ok && n < R+R/10 {
					far = false
				}
			}
			o.leave(proximity.EventAlert, about, t, far)
		}
	}
}
