package alcohol

import (
	"math"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// point is one reading on its way through smoothing.
type point struct {
	id     em.ObservationID
	at     time.Time
	raw, v level
}

// figures are the figures of a reading; two readings alike in all of them are
// one reading sent twice, or a sensor that does not move.
type figures struct {
	v                level
	temp, ir, motion em.Opt[float64]
}

// excursion is a stretch of levels above Zero, with the reading at or below
// Zero on either side where there is one.
type excursion struct {
	foot    em.Opt[point] // the reading at or below Zero before it
	first   point         // the first above Zero
	peak    point         // the first of the highest
	end     point         // the last, at or below Zero once it is over
	rawPeak level
	area    float64 // rule's unit × hours
	n       uint64  // readings with both ends
	run     uint64  // readings at or above Level in a row, at the end
	runIDs  []em.ObservationID
	core    bool // run has reached MinRun: an episode
}

// start is the first reading of the episode.
func (x *excursion) start() point { return x.foot.Or(x.first) }

// mark is a span that makes episodes across it doubtful.
type mark struct {
	why      doubt
	from, to time.Time
}

type doubt uint8

const (
	doubtSaturated doubt = iota + 1 // readings above what the instrument shows
	doubtFlat                       // a dead sensor
	doubtOff                        // not worn
)

// faultRun is a run of readings that were refused for one reason.
type faultRun struct {
	class    string // empty: none
	from, to time.Time
	n        uint64
	ids      []em.ObservationID
	given    Concentration // the first reading's
}

// flatRun is a run of readings alike in all figures.
type flatRun struct {
	from, to time.Time
	n        uint64
	ids      []em.ObservationID
	told     bool
}

// track is what is known of one device.
type track struct {
	device em.DeviceID
	seen   time.Time // the last reading of any kind
	good   time.Time // the last that was not refused
	same   figures   // its figures
	fault  faultRun
	flat   flatRun

	kept   time.Time // the last reading that smoothing took
	window []point   // readings that smoothing still needs
	next   int       // of window: the first that has no level yet; SmoothMean
	prev   em.Opt[point]
	cur    *excursion // under way
	done   *excursion // an episode that is over unless the next excursion touches it
	held   []excursion
	marks  []mark
	wear   wear
}

// stage runs one device's readings through the rule and appends what it decides
// to out.
type stage struct {
	l   *skinLimits
	t   *track
	out *sink
}

// sink takes decisions. Points and Episodes are kept where they are asked for.
type sink struct {
	events   []em.Event
	keep     bool
	points   []Point
	episodes []Episode
}

// silent ends what a gap ends; the next reading begins anew.
func (s stage) silent() {
	t := s.t
	s.flushWindow()
	if t.cur != nil && t.cur.core {
		s.over(t.cur)
	} else if t.done != nil {
		s.over(t.done)
	}
	t.cur, t.done, t.prev, t.kept = nil, nil, em.Opt[point]{}, time.Time{}
	s.prune()
}

// due lists when something is decided without a further reading, zero for
// never: silence after the last reading that smoothing took, silence of a run
// of wear, and the infrared baseline.
func (t *track) due(l *skinLimits) [3]time.Time {
	var d [3]time.Time
	if !t.kept.IsZero() {
		d[0] = t.kept.Add(l.Gap + 1)
	}
	if t.wear.run.n > 0 {
		d[1] = t.wear.run.last.Add(l.Gap + 1)
	}
	if t.wear.waiting() {
		d[2] = t.wear.fitted.Add(l.Wear.BaselineFor)
	}
	return d
}

// deadline is the earliest of due.
func (t *track) deadline(l *skinLimits) (first time.Time) {
	for _, d := range t.due(l) {
		if !d.IsZero() && (first.IsZero() || d.Before(first)) {
			first = d
		}
	}
	return first
}

// wake decides what is due at an instant.
func (s stage) wake(at time.Time) {
	reached := func(d time.Time) bool { return !d.IsZero() && !d.After(at) }
	if reached(s.t.due(s.l)[2]) {
		s.settleBaseline()
	}
	if reached(s.t.due(s.l)[1]) {
		s.endRun(s.t.wear.run.last)
	}
	if reached(s.t.due(s.l)[0]) {
		s.silent()
	}
}

// reading takes one reading, good or bad.
func (s stage) reading(o *em.Observation, r *em.Transdermal) {
	t := s.t
	v, class := s.assess(r)
	f := figures{v, r.Temperature, r.IR, r.Motion}
	if o.At.Equal(t.seen) {
		if class == "" && t.good.Equal(o.At) && f == t.same {
			return // the same once more
		}
		if class == "" || class != t.fault.class {
			class = ClassConflict
		}
	}
	t.seen = o.At
	s.faulty(o, r, class)
	if class == ClassSaturated {
		s.mark(doubtSaturated, o.At, o.At)
	}
	if class != "" {
		return
	}
	p := point{id: o.ID, at: o.At, raw: v}
	s.flatLine(p, f)
	t.same, t.good = f, o.At
	s.wearReading(p, r)
	if t.kept.IsZero() || o.At.Sub(t.kept) >= s.l.spacing {
		t.kept = o.At
		s.smooth(p)
	}
	s.prune()
}

// assess says whether a reading is a number that can be judged.
func (s stage) assess(r *em.Transdermal) (level, string) {
	if r.Unit != s.l.Unit {
		return 0, ClassWrongUnit
	}
	for _, x := range []em.Opt[float64]{r.Temperature, r.IR, r.Motion} {
		if math.IsNaN(x.V) || math.IsInf(x.V, 0) {
			return 0, ClassNotANumber
		}
	}
	if c := r.Temperature; c.OK && (c.V < defaultCelsiusLow || c.V > defaultCelsiusHigh) {
		return 0, ClassTemperature
	}
	v, err := levelOf(r.Value)
	switch {
	case err != nil && r.Value.Coef > 0 || err == nil && v >= s.l.saturation:
		return 0, ClassSaturated
	case err != nil || v < -s.l.negative:
		return 0, ClassNegative
	}
	return v, ""
}

// faulty follows runs of refused readings; class is empty for a good one.
func (s stage) faulty(o *em.Observation, r *em.Transdermal, class string) {
	f := &s.t.fault
	if f.class != "" && f.class != class {
		s.out.events = append(s.out.events, s.faultEvent(f, o.At))
		*f = faultRun{}
	}
	if class == "" {
		return
	}
	f.n++
	f.to = o.At
	if len(f.ids) < maxRunIDs {
		f.ids = append(f.ids, o.ID)
	}
	if f.class == "" {
		f.class, f.from, f.given = class, o.At, Concentration{r.Value, r.Unit}
		s.out.events = append(s.out.events, s.faultEvent(f, time.Time{}))
	}
}

// flatLine follows runs of readings that are alike in all figures.
func (s stage) flatLine(p point, f figures) {
	t := s.t
	x := &t.flat
	telling := f.temp.OK || f.ir.OK || f.v != 0
	if x.n > 0 && f == t.same && telling {
		x.n++
		x.to = p.at
		if len(x.ids) < maxRunIDs {
			x.ids = append(x.ids, p.id)
		}
		if x.told {
			s.mark(doubtFlat, x.from, x.to)
		} else if x.n >= uint64(s.l.FlatRun) && x.to.Sub(x.from) >= s.l.FlatSpan {
			x.told = true
			s.mark(doubtFlat, x.from, x.to)
			s.out.events = append(s.out.events, s.flatEvent(x, time.Time{}))
		}
		return
	}
	if x.told {
		s.out.events = append(s.out.events, s.flatEvent(x, p.at))
	}
	*x = flatRun{from: p.at, to: p.at, n: 1, ids: []em.ObservationID{p.id}}
}

// smooth takes a reading and passes on those whose level is known by it.
func (s stage) smooth(p point) {
	t := s.t
	if n := len(t.window); s.l.Smoothing != SmoothMean && (n > 2 || t.next > 0) || s.l.Smoothing == SmoothRaw && n > 0 {
		s.flushWindow() // of a rule that smoothed otherwise
	}
	n := len(t.window)
	switch s.l.Smoothing {
	case SmoothRaw:
		p.v = p.raw
		s.level(p)
	case SmoothMedian:
		switch n {
		case 0:
			t.window = append(t.window, p)
		case 1:
			q := t.window[0]
			q.v = (q.raw + p.raw) / 2
			s.level(q)
			t.window = append(t.window, p)
		default:
			q := t.window[1]
			q.v = median3(t.window[0].raw, q.raw, p.raw)
			s.level(q)
			t.window[0], t.window[1] = t.window[1], p
		}
	case SmoothMean:
		t.window = append(t.window, p)
		for t.window[t.next].at.Add(s.l.MeanWindow / 2).Before(p.at) {
			s.mean()
		}
	}
}

// flushWindow passes on the readings that no further one will change.
func (s stage) flushWindow() {
	t := s.t
	switch n := len(t.window); {
	case s.l.Smoothing == SmoothMean:
		for t.next < len(t.window) {
			s.mean()
		}
	case s.l.Smoothing == SmoothMedian && n == 1:
		q := t.window[0]
		q.v = q.raw
		s.level(q)
	case s.l.Smoothing == SmoothMedian && n == 2 && t.next == 0:
		q := t.window[1]
		q.v = (t.window[0].raw + q.raw) / 2
		s.level(q)
	default: // a window of a rule that smoothed otherwise
		for _, q := range t.window[t.next:] {
			q.v = q.raw
			s.level(q)
		}
	}
	t.window, t.next = nil, 0
}

// mean passes on the next reading of the window and forgets those before that
// no later one needs.
func (s stage) mean() {
	t := s.t
	q := t.window[t.next]
	half := s.l.MeanWindow / 2
	sum, n := level(0), level(0)
	for _, p := range t.window {
		if d := p.at.Sub(q.at); d >= -half && d <= half {
			sum, n = sum+p.raw, n+1
		}
	}
	q.v = sum / n
	t.next++
	if t.next < len(t.window) {
		from := t.window[t.next].at.Add(-half)
		k := slices.IndexFunc(t.window, func(p point) bool { return !p.at.Before(from) })
		t.window, t.next = slices.Delete(t.window, 0, k), t.next-k
	}
	s.level(q)
}

func median3(a, b, c level) level { return max(min(a, b), min(max(a, b), c)) }

// level takes a reading whose level is known.
func (s stage) level(p point) {
	t := s.t
	if s.out.keep {
		s.out.points = append(s.out.points, Point{t.device, p.id, p.at, p.raw.float(), p.v.float()})
	}
	if p.v > s.l.zero {
		s.above(p)
		t.prev = em.Opt[point]{}
		return
	}
	switch {
	case t.cur != nil:
		t.cur.take(p)
		if t.cur.core {
			t.done = t.cur
		} else if t.done != nil {
			s.over(t.done)
			t.done = nil
		}
		t.cur = nil
	case t.done != nil:
		s.over(t.done)
		t.done = nil
	}
	t.prev = em.Some(p)
}

// above takes a level above Zero.
func (s stage) above(p point) {
	t := s.t
	x := t.cur
	if x == nil {
		x = &excursion{foot: t.prev, first: p, peak: p, end: p, rawPeak: p.raw, n: 1}
		if x.foot.OK {
			x.end, x.n = x.foot.V, 1
			x.rawPeak = x.foot.V.raw
			x.take(p)
		}
		t.cur = x
	} else {
		x.take(p)
	}
	if p.v < s.l.level {
		x.run, x.runIDs = 0, x.keepIDs()
		return
	}
	x.run++
	if !x.core && len(x.runIDs) < maxRunIDs {
		x.runIDs = append(x.runIDs, p.id)
	}
	if x.core || x.run < uint64(s.l.MinRun) {
		return
	}
	x.core = true
	if t.done != nil { // they share a reading: one episode
		t.done.join(x)
		t.cur, t.done = t.done, nil
		return
	}
	s.out.events = append(s.out.events, s.openEvent(x))
}

// keepIDs returns what is left of runIDs when the run ends: those of an
// episode's first run stay.
func (x *excursion) keepIDs() []em.ObservationID {
	if x.core {
		return x.runIDs
	}
	return nil
}

// take appends a reading.
func (x *excursion) take(p point) {
	h := p.at.Sub(x.end.at).Hours()
	x.area += float64((x.end.v.float() + p.v.float()) * h / 2)
	if p.v > x.peak.v {
		x.peak = p
	}
	x.rawPeak = max(x.rawPeak, p.raw)
	x.end = p
	x.n++
}

// join appends an excursion whose foot is the last reading of x.
func (x *excursion) join(y *excursion) {
	x.area += y.area
	if y.peak.v > x.peak.v {
		x.peak = y.peak
	}
	x.rawPeak = max(x.rawPeak, y.rawPeak)
	x.end, x.run = y.end, y.run
	x.n += y.n - 1
}

// over gives the verdict on an episode, or holds it until the infrared baseline
// tells whether the instrument was worn.
func (s stage) over(x *excursion) {
	t := s.t
	if !t.wear.waiting() {
		s.close(x)
		return
	}
	if len(t.held) == maxHeld {
		s.close(&t.held[0])
		t.held = slices.Delete(t.held, 0, 1)
	}
	t.held = append(t.held, *x)
}

func (s stage) close(x *excursion) {
	e := s.judge(x)
	if s.out.keep {
		s.out.episodes = append(s.out.episodes, e)
	}
	s.out.events = append(s.out.events, e.event(s.l, x))
}

// mark notes a span that makes episodes doubtful; a span that begins where one
// of its kind does replaces it.
func (s stage) mark(why doubt, from, to time.Time) {
	m := &s.t.marks
	for i := range *m {
		if x := &(*m)[i]; x.why == why && x.from.Equal(from) {
			x.to = to
			return
		}
	}
	if len(*m) == maxMarks { // join the oldest two of a kind, rather than forget one
		for i := range *m {
			j := slices.IndexFunc((*m)[i+1:], func(x mark) bool { return x.why == (*m)[i].why })
			if j >= 0 {
				(*m)[i].to = (*m)[i+1+j].to
				*m = slices.Delete(*m, i+1+j, i+2+j)
				break
			}
		}
	}
	*m = append(*m, mark{why, from, to})
}

// doubts reports whether a mark of a kind meets [from, to].
func (t *track) doubts(why doubt, from, to time.Time) bool {
	return slices.ContainsFunc(t.marks, func(m mark) bool { return m.why == why && !m.from.After(to) && !m.to.Before(from) })
}

// prune forgets marks that no episode to come can meet.
func (s stage) prune() {
	t := s.t
	if len(t.marks) == 0 {
		return
	}
	floor := t.seen
	earlier := func(at time.Time) {
		if at.Before(floor) {
			floor = at
		}
	}
	for i := range t.held {
		earlier(t.held[i].start().at)
	}
	for _, x := range []*excursion{t.done, t.cur} {
		if x != nil {
			earlier(x.start().at)
		}
	}
	if t.prev.OK {
		earlier(t.prev.V.at)
	}
	if len(t.window) > 0 {
		earlier(t.window[0].at)
	}
	t.marks = slices.DeleteFunc(t.marks, func(m mark) bool { return m.to.Before(floor) })
}
