package proximity

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sargas-em/em"
)

// walk is a random history of a pair: two people who wander through some
// kilometres, in whole seconds, with gaps, bad fixes and repeated instants.
func walk(seed uint64, n int) []em.Observation {
	r := rand.New(rand.NewPCG(seed, 11))
	var obs []em.Observation
	for i, device := range []em.DeviceID{tag, phone} {
		period := 1 + r.IntN(90)
		fast := 1 + 20*r.Float64()*r.Float64()
		north, east := 3000*(r.Float64()-.5), 3000*(r.Float64()-.5)
		at0, vn, ve := r.IntN(100), 0.0, 0.0
		for range n {
			step := 1 + r.IntN(2*period)
			switch r.IntN(40) {
			case 0:
				step += 600 // a gap
			case 1:
				step = 0
			}
			if r.IntN(4) == 0 {
				angle := 2 * math.Pi * r.Float64()
				vn, ve = fast*r.Float64()*math.Cos(angle), fast*r.Float64()*math.Sin(angle)
				vn, ve = vn-north*0.001, ve-east*0.001 // they stay about
			}
			at0 += step
			north, east = north+float64(step)*vn, east+float64(step)*ve
			if math.Hypot(north, east) > 6000 {
				vn, ve = -vn, -ve
			}
			f := &em.Fix{LatLng: at(north, east), Validity: em.FixCurrent, Source: em.SourceGNSS}
			f.Accuracy = r95(5 + 50*r.Float64())
			switch r.IntN(16) {
			case 0:
				f.Validity = em.FixLastKnown
			case 1:
				f.Accuracy = em.Opt[float64]{}
			case 2:
				f.Accuracy = r95(5000)
			}
			if r.IntN(3) > 0 {
				f.Speed = em.Some(math.Hypot(vn, ve))
			}
			o := em.Observation{Device: device, DeviceAt: second(float64(at0)), Body: f, Part: uint16(i)}.Stamp(second(float64(at0)))
			obs = append(obs, o)
		}
	}
	slices.SortFunc(obs, func(a, b em.Observation) int { return em.Compare(em.EventTime, &a, &b) })
	return slices.CompactFunc(obs, func(a, b em.Observation) bool { return a.ID == b.ID })
}

func walkConfig() Config {
	c := pair()
	c.Since = noon
	c.Zones = []Zone{{ID: "home", Center: at(300, 200), Radius: 400}}
	return c
}

// interval is an event without its words.
type interval struct {
	kind      em.EventKind
	about     string
	from, end float64 // seconds since noon; end of an open one is 0
}

// oracle judges second by second, each time from all that was reported, by the
// sentences of the package comment.
type oracle struct {
	c    Config
	seen [2][]em.Observation // usable fixes by role
	open map[string]*interval
	run  map[string]float64
	told []interval
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
	r, _ := o.Body.(*em.Fix).Radius95(10)
	return r
}

func place(o *em.Observation) em.LatLng { return o.Body.(*em.Fix).LatLng }

func since(o *em.Observation, t float64) float64 { return second(t).Sub(o.At).Seconds() }

func (o *oracle) speed(r role) (float64, bool) {
	last, prev := o.lastTwo(r)
	if f := last.Body.(*em.Fix); f.Speed.OK {
		return f.Speed.V, true
	}
	if prev != nil {
		if dt := last.At.Sub(prev.At).Seconds(); dt <= 300 {
			return place(last).Distance(place(prev)) / dt, true
		}
	}
	return 0, false
}

// look is what can be said at second t: last known, estimate and worst.
func (o *oracle) look(about string, t float64) (d, estimate, worst float64, fresh bool) {
	w, _ := o.lastTwo(wearer)
	if w == nil || since(w, t) > 300 {
		return 0, 0, 0, false
	}
	p, _ := o.lastTwo(protected)
	target := o.c.Zones[0].Center
	if about == Moving {
		if p == nil || since(p, t) > 300 {
			return 0, 0, 0, false
		}
		target = place(p)
	}
	d = place(w).Distance(target)
	squares := d * d
	worst = d
	grow := func(r role, f *em.Observation) {
		s, known := o.speed(r)
		v := 30.0
		if known {
			v = min(30, max(3, 2*s))
		}
		squares += math.Pow(s*since(f, t), 2)
		worst -= radius(f) + v*since(f, t)
	}
	grow(wearer, w)
	if about == Moving {
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
		if role(r) == protected && about != Moving {
			legs[r] = func(float64) em.LatLng { return o.c.Zones[0].Center }
			continue
		}
		last, prev := o.lastTwo(role(r))
		if prev == nil || last.At.Sub(prev.At).Seconds() > 300 {
			return 0, false
		}
		t0, t1 := prev.At.Sub(noon).Seconds(), last.At.Sub(noon).Seconds()
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
		o.open[key] = &interval{kind: kind, about: about, from: t}
		delete(o.run, key)
	}
}

func (o *oracle) finish(kind em.EventKind, about string, t float64) {
	key := string(kind) + about
	i := o.open[key]
	i.end = t
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
		if t-first >= 120 {
			o.finish(kind, about, first)
		}
	case t > o.open[key].from:
		o.run[key] = t
	}
}

func (o *oracle) second(t float64, obs []em.Observation) {
	for r := wearer; r <= protected; r++ {
		last, _ := o.lastTwo(r)
		from := 0.0
		if last != nil {
			from = last.At.Sub(noon).Seconds()
		}
		if t-from > 300 {
			o.begin(EventStale, r.String(), from+300)
		}
	}
	radii := map[string]float64{Moving: 500, "home": 400}
	for about, R := range radii {
		if _, _, worst, ok := o.look(about, t); ok && worst < 2*R {
			o.begin(EventPreAlert, about, t-.5) // some time in the last second
		}
	}
	for _, x := range obs {
		f := x.Body.(*em.Fix)
		if !f.Current() || radius(&x) > 500 {
			continue
		}
		r := wearer
		if x.Device == phone {
			r = protected
		}
		if last, _ := o.lastTwo(r); last != nil && last.At.Equal(x.At) && radius(&x) >= radius(last) {
			continue
		}
		for about, R := range radii {
			_, _, worst, ok := o.look(about, t)
			if !ok || worst < 2*R+R/10 {
				delete(o.run, string(EventPreAlert)+about)
			}
			if !ok {
				delete(o.run, string(EventAlert)+about)
			}
		}
		o.seen[r] = append(o.seen[r], x)
		if o.open[string(EventStale)+r.String()] != nil {
			o.finish(EventStale, r.String(), t)
		}
		for about, R := range radii {
			if r == protected && about != Moving {
				continue
			}
			d, estimate, worst, ok := o.look(about, t)
			if !ok {
				continue
			}
			if o.open[string(EventPreAlert)+about] != nil {
				o.leave(EventPreAlert, about, t, worst >= 2*R+R/10)
			} else if worst < 2*R {
				o.begin(EventPreAlert, about, t)
			}
			if o.open[string(EventAlert)+about] == nil {
				if n, ok := o.nearest(about, 0); estimate < R || ok && n < R {
					o.begin(EventAlert, about, t)
				}
				continue
			}
			far := d >= R+R/10
			if first, running := o.run[string(EventAlert)+about]; running {
				if n, ok := o.nearest(about, first); ok && n < R+R/10 {
					far = false
				}
			}
			o.leave(EventAlert, about, t, far)
		}
	}
}

// TestOracle compares an Evaluator with the oracle on random histories.
func TestOracle(t *testing.T) {
	counts := map[em.EventKind]int{}
	for seed := range uint64(24) {
		obs := walk(seed, 120)
		end := obs[len(obs)-1].At.Sub(noon).Seconds() + 1000
		o := oracle{c: walkConfig(), open: map[string]*interval{}, run: map[string]float64{}}
		next := 0
		for s := 0.0; s <= end; s++ {
			from := next
			for next < len(obs) && !obs[next].At.After(second(s)) {
				next++
			}
			o.second(s, obs[from:next])
		}
		for _, i := range o.open {
			o.told = append(o.told, *i)
		}
		for i := range o.told {
			o.told[i].from = math.Ceil(o.told[i].from)
		}
		order := func(a, b interval) int {
			return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.about, b.about), cmp.Compare(a.from, b.from))
		}
		slices.SortFunc(o.told, order)

		p := &player{t: t, c: walkConfig(), main: mustNew(t, walkConfig())}
		present := map[em.EventID]interval{}
		keep := func(at time.Time, told []em.Event) {
			for _, e := range told {
				e.Stamp("pair", at)
				i := interval{e.Detail.Kind, e.About, e.At.Sub(noon).Seconds(), 0}
				if i.kind == EventPreAlert {
					i.from = math.Ceil(i.from) // of the oracle's grid
				}
				if !e.Open() {
					i.end = e.Until.Sub(noon).Seconds()
				}
				present[e.ID] = i
			}
		}
		wake := func(until time.Time) {
			for d := p.main.Deadline(); !d.IsZero() && !d.After(until); d = p.main.Deadline() {
				keep(d, p.main.Wake(nil, d))
			}
		}
		for _, o := range obs {
			wake(o.At)
			keep(o.At, p.main.Observe(nil, o))
		}
		wake(second(end))
		var got []interval
		for _, i := range present {
			got = append(got, i)
			counts[i.kind]++
		}
		slices.SortFunc(got, order)
		if !slices.Equal(o.told, got) {
			t.Fatalf("seed %d: oracle\n%v\nevaluator\n%v", seed, lines(o.told), lines(got))
		}
	}
	for _, k := range []em.EventKind{EventAlert, EventPreAlert, EventStale} {
		if counts[k] < 40 {
			t.Errorf("%d events of %s: too few to tell", counts[k], k)
		}
	}
	t.Log(counts)
}

func lines(all []interval) (s string) {
	for _, i := range all {
		s += fmt.Sprintln(i)
	}
	return s
}
