// Package proximitytest checks evaluators of package proximity: a slow oracle
// that judges second by second, each time from all that was reported, written
// from the sentences of that package's comment.
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
// radii, the devices, and Since count; all else has its default.
func Judge(c proximity.Config, start, end time.Time, obs []em.Observation) []Interval {
	o := oracle{c: c, start: start, open: map[string]*Interval{}, run: map[string]float64{}}
	next := 0
	for s := 0.0; s <= end.Sub(start).Seconds(); s++ {
		from := next
		for next < len(obs) && since(&obs[next], o.at(s)) >= 0 {
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

const maxAge, lowest, highest, quiet = 300.0, 3.0, 30.0, 120.0 // seconds, metres a second

type role int

const (
	wearer role = iota
	protected
)

func (r role) String() string { return []string{"wearer", "protected"}[r] }

type oracle struct {
	c     proximity.Config
	start time.Time
	seen  [2][]em.Observation // usable fixes by role
	open  map[string]*Interval
	run   map[string]float64
	told  []Interval
}

func (o *oracle) lastTwo(r role) (last, prev *em.Observation) {
	list := o.seen[r]
	for i := len(list) - 1; i >= 0; i-- {
		switch {
		case last == nil:
			last = &list[i]
		case list[i].At.Equal(last.At):
			if radius(&list[i]) <= radius(last) {
				last = &list[i]
			}
		case prev == nil:
			prev = &list[i]
		case list[i].At.Equal(prev.At):
			if radius(&list[i]) <= radius(prev) {
				prev = &list[i]
			}
		default:
			return last, prev
		}
	}
	return last, prev
}

func radius(o *em.Observation) float64 {
	r, _ := o.Body.(*em.Fix).Radius95(geofence.DefaultAssumedAccuracy)
	return r
}

func place(o *em.Observation) em.LatLng { return o.Body.(*em.Fix).LatLng }

func since(o *em.Observation, t time.Time) float64 { return t.Sub(o.At).Seconds() }

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

func (o *oracle) speed(r role) (float64, bool) {
	last, prev := o.lastTwo(r)
	if f := last.Body.(*em.Fix); f.Speed.OK {
		return f.Speed.V, true
	}
	if prev != nil {
		if dt := last.At.Sub(prev.At).Seconds(); dt <= maxAge {
			return place(last).Distance(place(prev)) / dt, true
		}
	}
	return 0, false
}

// look is what can be said at second t: last known, estimate and worst.
func (o *oracle) look(about string, t float64) (d, estimate, worst float64, fresh bool) {
	w, _ := o.lastTwo(wearer)
	if w == nil || since(w, o.at(t)) > maxAge {
		return 0, 0, 0, false
	}
	p, _ := o.lastTwo(protected)
	var target em.LatLng
	if about == proximity.Moving {
		if p == nil || since(p, o.at(t)) > maxAge {
			return 0, 0, 0, false
		}
		target = place(p)
	} else {
		target = o.center(about)
	}
	d = place(w).Distance(target)
	squares := d * d
	worst = d
	grow := func(r role, f *em.Observation) {
		s, known := o.speed(r)
		v := highest
		if known {
			v = min(highest, max(lowest, 2*s))
		}
		squares += math.Pow(s*since(f, o.at(t)), 2)
		worst -= radius(f) + v*since(f, o.at(t))
	}
	grow(wearer, w)
	if about == proximity.Moving {
		grow(protected, p)
	}
	return d, math.Sqrt(squares), worst, true
}

// nearest finds the closest approach on the overlap of the latest legs by
// search, along straight lines in longitude and latitude.
func (o *oracle) nearest(about string, from float64) (float64, bool) {
	to := math.Inf(1)
	var legs [2]func(t float64) em.LatLng
	for r := range legs {
		if role(r) == protected && about != proximity.Moving {
			legs[r] = func(float64) em.LatLng { return o.center(about) }
			continue
		}
		last, prev := o.lastTwo(role(r))
		if prev == nil || last.At.Sub(prev.At).Seconds() > maxAge {
			return 0, false
		}
		t0, t1 := prev.At.Sub(o.start).Seconds(), last.At.Sub(o.start).Seconds()
		from, to = max(from, t0), min(to, t1)
		legs[r] = func(t float64) em.LatLng {
			a, b, s := place(prev), place(last), (t-t0)/(t1-t0)
			return em.LatLng{Lat: a.Lat + s*(b.Lat-a.Lat), Lng: a.Lng + s*(b.Lng-a.Lng)}
		}
	}
	if from >= to {
		return 0, false
	}
	d := func(t float64) float64 { return legs[0](t).Distance(legs[1](t)) }
	for range 100 { // d is convex
		if a, b := from+(to-from)/3, to-(to-from)/3; d(a) < d(b) {
			to = b
		} else {
			from = a
		}
	}
	return d((from + to) / 2), true
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
			from = last.At.Sub(o.start).Seconds()
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
		f := x.Body.(*em.Fix)
		if !f.Current() || radius(&x) > geofence.DefaultMaxRadius95 {
			continue
		}
		r, ok := o.whose(&x)
		if !ok {
			continue
		}
		if last, _ := o.lastTwo(r); last != nil && last.At.Equal(x.At) && radius(&x) >= radius(last) {
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
		o.seen[r] = append(o.seen[r], x)
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
			if o.open[string(proximity.EventAlert)+about] == nil {
				if n, ok := o.nearest(about, 0); estimate < R || ok && n < R {
					o.begin(proximity.EventAlert, about, t)
				}
				continue
			}
			far := d >= R+R/10
			if first, running := o.run[string(proximity.EventAlert)+about]; running {
				if n, ok := o.nearest(about, first); ok && n < R+R/10 {
					far = false
				}
			}
			o.leave(proximity.EventAlert, about, t, far)
		}
	}
}
