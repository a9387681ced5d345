package proximity

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/geofence"
)

// Evaluator judges one pair. It is an em.Evaluator on event time, and like all
// of them for one goroutine.
type Evaluator struct {
	c     Config
	zones []zone

	persons [2]person // by role
	starts  []start   // by about
	spells  []spell   // by about, then kind
	over    bool      // Config.Until has been reached

	found []geofence.Position // room to work in
}

var _ em.Evaluator = (*Evaluator)(nil)

// start is where both were when they were farthest apart, and what is known of the
// zone beside the open events.
type start struct {
	about string
	sum   float64 // evidence in a row that both are within the radius, one at most
	ended int64   // when the last alert did; 0: there was none
	at    int64
	from  [2]em.LatLng // by role
	ids   [2]em.ObservationID
	far   float64 // the distance then; follows from them
}

// spell is an open event and the evidence against it.
type spell struct {
	told    em.Event
	run     run
	nearest float64 // of an alert: the smallest distance so far
	aligned bool    // of an alert: aligned positions were within the radius
}

// run is the time since which those concerned are far enough apart.
type run struct {
	first int64 // 0: none
	ids   [2]em.ObservationID
}

// New returns an Evaluator in the state before the first observation. A Config
// without zones judges nothing. Errors wrap ErrConfig.
func New(c Config) (*Evaluator, error) {
	zones, err := c.complete()
	if err != nil {
		return nil, err
	}
	e := &Evaluator{c: c, zones: zones}
	for r := range e.persons {
		if e.persons[r].sieve, err = e.c.sieve(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
	}
	return e, nil
}

// Clock is em.EventTime.
func (e *Evaluator) Clock() em.Clock { return em.EventTime }

// needs reports whether any zone needs the position of a person.
func (e *Evaluator) needs(r role) bool {
	return len(e.zones) > 0 && (r == wearer || e.zones[0].moving)
}

func (e *Evaluator) zone(about string) *zone {
	for i := range e.zones {
		if e.zones[i].about == about {
			return &e.zones[i]
		}
	}
	return nil
}

func compare(about string, kind em.EventKind, e *em.Event) int {
	if d := strings.Compare(e.About, about); d != 0 {
		return d
	}
	return strings.Compare(string(e.Detail.Kind), string(kind))
}

func (e *Evaluator) find(about string, kind em.EventKind) (int, bool) {
	if len(e.spells) == 0 {
		return 0, false
	}
	return slices.BinarySearchFunc(e.spells, about, func(s spell, about string) int { return compare(about, kind, &s.told) })
}

// open tells a new event.
func (e *Evaluator) open(dst []em.Event, s spell) []em.Event {
	i, _ := e.find(s.told.About, s.told.Detail.Kind)
	e.spells = slices.Insert(e.spells, i, s)
	return append(dst, s.told)
}

// close tells the end of an event.
func (e *Evaluator) close(dst []em.Event, i int, until int64, how string, because ...em.ObservationID) []em.Event {
	dst = append(dst, e.spells[i].ended(until, how, because...))
	e.spells = slices.Delete(e.spells, i, i+1)
	if len(e.spells) == 0 {
		e.spells = nil
	}
	return dst
}

// Observe judges on current fixes of the devices of both.
func (e *Evaluator) Observe(dst []em.Event, o em.Observation) []em.Event {
	now := o.At.UnixNano()
	if e.over = !e.c.Until.IsZero() && !o.At.Before(e.c.Until); e.over {
		return e.end(dst)
	}
	dst = e.withdrawn(dst, now, o.ID)
	if f, ok := o.Body.(*em.Fix); !ok || !f.Current() || len(e.zones) == 0 {
		return dst
	}
	r, ok := e.c.roleOf(o.Device, o.At)
	if !ok || !e.needs(r) {
		return dst
	}
	p := &e.persons[r]
	for i := range e.zones {
		e.dip(&e.zones[i], now)
	}
	e.found = p.sieve.Append(e.found[:0], o)
	news := false
	for i := range e.found {
		news = e.take(p, &e.found[i]) || news
	}
	if !news {
		return dst
	}
	if i, ok := e.find(r.String(), EventStale); ok {
		dst = e.close(dst, i, now, "until a new position", o.ID)
	}
	for i := range e.zones {
		if z := &e.zones[i]; z.moving || r == wearer {
			dst = e.judge(dst, z, now)
		}
	}
	return dst
}

// dip ends what was gathered against a pre-alert if, since the last fix, the
// worst case fell back or positions became stale.
func (e *Evaluator) dip(z *zone, now int64) {
	fresh := e.fresh(z, now)
	if i, ok := e.find(z.about, EventPreAlert); ok && (!fresh || e.worst(z, e.lastKnown(z), now) < z.pre+z.margin) {
		e.spells[i].run = run{}
	}
	if i, ok := e.find(z.about, EventAlert); ok && !fresh {
		e.spells[i].run = run{}
	}
}

// judge takes the latest fix to one zone.
func (e *Evaluator) judge(dst []em.Event, z *zone, now int64) []em.Event {
	if !e.fresh(z, now) {
		return dst
	}
	v := e.measure(z, now)
	if i, ok := e.find(z.about, EventPreAlert); ok {
		dst = e.leave(dst, i, now, v.worst >= z.pre+z.margin)
	} else if v.worst < z.pre {
		dst = e.open(dst, spell{told: e.preAlert(z, now, &v)})
	}
	near := v.last
	if v.aligned.ok {
		near = min(near, v.aligned.d)
	}
	evidence, within := e.evidence(z, &v)
	sum := 0.
	if evidence > 0 {
		sum = min(v.sum+evidence, 1)
	}
	if i, ok := e.find(z.about, EventAlert); ok {
		s := &e.spells[i]
		s.nearest = min(s.nearest, near)
		near = v.last // and what was since they are far enough apart
		if a := e.align(z, s.run.first); s.run.first != 0 && a.ok {
			near = min(near, a.d)
		}
		if within && !s.aligned {
			s.aligned = true
			s.told = e.confirmed(s.told, z, now, &v)
			dst = append(dst, s.told)
		}
		dst = e.leave(dst, i, now, near >= z.radius+z.margin)
	} else if sum >= enough {
		told := e.alert(z, now, &v)
		if within && v.estimate >= z.radius { // they met on the way
			told.At = instant(v.aligned.at)
			told.Anchor = told.At
		}
		dst = e.open(dst, spell{told: told, nearest: near, aligned: within})
	}
	e.restart(z, now, v.last, sum)
	return dst
}

// leave takes notice that those concerned are far enough apart, or not, and ends
// the event once they were for long enough.
func (e *Evaluator) leave(dst []em.Event, i int, now int64, far bool) []em.Event {
	s := &e.spells[i]
	switch {
	case !far:
		s.run = run{}
		return dst
	case s.run.first == 0:
		if now <= s.told.At.UnixNano() {
			return dst // an event is no empty interval
		}
		s.run = run{now, e.latest(s.told.About)}
	}
	if now-s.run.first < e.c.Clear.Nanoseconds() {
		return dst
	}
	ids := e.latest(s.told.About)
	if k, ok := e.start(s.told.About); ok && s.told.Detail.Kind == EventAlert {
		e.starts[k].ended = s.run.first
	}
	return e.close(dst, i, s.run.first, "until they were far enough apart", s.run.ids[0], s.run.ids[1], ids[0], ids[1])
}

// latest is the fixes on which judgement about a zone rests.
func (e *Evaluator) latest(about string) (ids [2]em.ObservationID) {
	ids[wearer] = e.persons[wearer].last.id
	if about == Moving {
		ids[protected] = e.persons[protected].last.id
	}
	return ids
}

func (e *Evaluator) start(about string) (int, bool) {
	return slices.BinarySearchFunc(e.starts, about, func(s start, about string) int { return strings.Compare(s.about, about) })
}

// restart keeps what adds up to evidence, and remembers where both are if they are as far apart as ever, or were so
// too long ago.
func (e *Evaluator) restart(z *zone, now int64, d, sum float64) {
	i, ok := e.start(z.about)
	if !ok {
		e.starts = slices.Insert(e.starts, i, start{about: z.about})
	}
	s := &e.starts[i]
	s.sum = sum
	if ok && now-s.at <= int64(Lookback) && d < s.far {
		return
	}
	p, _ := e.target(z)
	s.at, s.from, s.ids, s.far = now, [2]em.LatLng{e.persons[wearer].last.p, p}, e.latest(z.about), d
}

// withdrawn ends what rests on zones that are no longer in force.
func (e *Evaluator) withdrawn(dst []em.Event, now int64, cause em.ObservationID) []em.Event {
	if len(e.starts) > 0 {
		e.starts = slices.DeleteFunc(e.starts, func(s start) bool { return e.zone(s.about) == nil })
	}
	for i := 0; i < len(e.spells); {
		told := &e.spells[i].told
		in := e.zone(told.About) != nil
		if told.Detail.Kind == EventStale {
			in = told.About == wearer.String() && e.needs(wearer) || told.About == protected.String() && e.needs(protected)
		}
		if in || now <= told.At.UnixNano() {
			i++
			continue
		}
		dst = e.close(dst, i, now, "until the zone was withdrawn", cause)
	}
	return dst
}

// end ends everything at Config.Until; what rules that went on for longer have
// opened since, at once.
func (e *Evaluator) end(dst []em.Event) []em.Event {
	for len(e.spells) > 0 {
		dst = e.close(dst, 0, max(e.c.Until.UnixNano(), e.spells[0].told.At.UnixNano()+1), "until protection ended")
	}
	return dst
}

// due is when a person's position becomes stale; 0 for never, or if it is told.
func (e *Evaluator) due(r role) int64 {
	if !e.needs(r) {
		return 0
	}
	since := e.persons[r].last.at
	if !e.persons[r].last.known() {
		if e.c.Since.IsZero() {
			return 0
		}
		since = e.c.Since.UnixNano()
	}
	if _, told := e.find(r.String(), EventStale); told {
		return 0
	}
	return since + e.c.MaxAge.Nanoseconds() + 1
}

// Deadline is when a position becomes stale, or the worst case falls below a
// pre-alert radius, whatever is first.
func (e *Evaluator) Deadline() time.Time {
	if e.over {
		return time.Time{}
	}
	first := int64(0)
	sooner := func(at int64) {
		if at != 0 && (first == 0 || at < first) {
			first = at
		}
	}
	sooner(e.due(wearer))
	sooner(e.due(protected))
	for i := range e.zones {
		z := &e.zones[i]
		if _, told := e.find(z.about, EventPreAlert); !told {
			sooner(e.crossing(z))
		}
	}
	if !e.c.Until.IsZero() {
		if until := e.c.Until.UnixNano(); first >= until || first == 0 && len(e.spells) > 0 {
			first = until
		}
	}
	if first == 0 {
		return time.Time{}
	}
	return instant(first)
}

// Wake tells what has become of positions by growing old.
func (e *Evaluator) Wake(dst []em.Event, at time.Time) []em.Event {
	now := at.UnixNano()
	if e.over = !e.c.Until.IsZero() && !at.Before(e.c.Until); e.over {
		return e.end(dst)
	}
	for r := range e.persons {
		if due := e.due(role(r)); due != 0 && due <= now {
			dst = e.open(dst, spell{told: e.stale(role(r), due-1)})
		}
	}
	for i := range e.zones {
		z := &e.zones[i]
		if _, told := e.find(z.about, EventPreAlert); told {
			continue
		}
		if c := e.crossing(z); c != 0 && c <= now {
			v := e.measure(z, now)
			dst = e.open(dst, spell{told: e.preAlert(z, now, &v)})
		}
	}
	return dst
}
