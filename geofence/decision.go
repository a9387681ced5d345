package geofence

import (
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// run is the fixes in a row that contradict what was told.
type run struct {
	first time.Time
	fixes int // 0: none
	ids   []em.ObservationID

	// The last fix of any device before the first: the crossing lies between.
	// Zero if there was none.
	since time.Time

	sum   float64 // of Confirm.Sum, up to maxSum
	whole bool    // the circle of one lies whole on that side

	precise time.Time // of the first that is precise or of a rest begun lately, of those whose circle is whole; zero: none is

	firm    bool // one is more than drift
	sure    bool // one stands for all: Confirm.Sure
	already bool // since is on the same side, out of force: ClassAlready
}

// maxRun bounds run.ids, so that the fixes of both crossings fit into one
// event: the first ones, and the last.
const maxRun = em.MaxBecause / 2

// maxSum bounds run.sum, so that a long row comes to the same state whatever was
// before it.
const maxSum = 1 << 20

// add adds a fix that lies d metres from the edge; good says that with another one it is
// no drift.
func (r *run) add(q *reading, d float64, whole, drift, good bool) {
	if r.fixes++; r.fixes == 1 {
		r.first = q.at
	}
	if len(r.ids) < maxRun {
		r.ids = append(r.ids, q.id)
	} else {
		r.ids[maxRun-1] = q.id
	}
	switch {
	case !good:
	case r.precise.IsZero():
		r.precise = q.at
	default:
		drift = drift && q.at.Sub(r.precise) < preciseFor
	}
	r.firm, r.whole = r.firm || !drift, r.whole || whole
	r.sum = min(r.sum+min(part(d, q), 1), maxSum)
}

// part is what a fix adds to a row, d metres from the edge: one at its radius.
func part(d float64, q *reading) float64 { return d / q.r95 * d / q.r95 }

// minPart is the least part: what adds less says nothing.
const minPart = .05

// counts reports whether the row says enough at an instant.
func (r *run) counts(c Confirm, hold time.Duration, at time.Time) bool {
	lasted := at.Sub(r.first)
	if !r.firm && lasted < hold {
		return false
	}
	return (r.sure || r.fixes >= c.Fixes) && r.sum >= c.Sum && lasted >= c.Dwell
}

// visit is a fix in relation to a zone.
type visit struct {
	zone      *Zone
	i         int     // its number
	d         float64 // metres to its edge, negative inside
	q, last   *reading
	way       *way // nil for a fix by cells or access points
	permitted bool // the fix may be on a permitted route

	// What came of it: within so many metres of the fix there is no edge, and
	// whether the zone is as it was told, beyond doubt.
	clear   float64
	settled bool
}

// visit judges a fix by a zone, and by the buffer round it.
func (t *Tracker) visit(dst []em.Event, v *visit) []em.Event {
	v.clear, v.settled = abs(v.d), true
	_, known := t.find(v.zone.ID, edge)
	open := known && t.isOpen(v.zone.ID)
	dst = t.decide(dst, v, edge, v.d)
	dst = t.cover(dst, v)
	if v.zone.Kind != KindExclusion {
		return dst
	}
	if !open && v.last != nil && v.q.side(v.d) == em.Outside && v.d <= farAtMost(v.last.p, v.q.p) && t.straight(v.last, v.q) {
		dst = t.pass(dst, v)
	}
	if t.c.Buffer > 0 {
		d := v.d - t.c.Buffer
		v.clear = min(v.clear, abs(d))
		dst = t.decide(dst, v, buffer, d)
	}
	return dst
}

func (t *Tracker) isOpen(zone string) bool {
	i, ok := t.find(zone, edge)
	return ok && t.entries[i].open
}

// inForce reports whether a zone's rule is in force at an instant, and now.
func (t *Tracker) inForce(z *Zone, at time.Time) bool {
	return z.Active == nil || z.Active.Active(at) && (at.Equal(t.now) || z.Active.Active(t.now))
}

// decide judges a fix by one edge, from which it is d metres.
func (t *Tracker) decide(dst []em.Event, v *visit, of face, d float64) []em.Event {
	z, q := v.zone, v.q
	i, known := t.find(z.ID, of)
	open := known && t.entries[i].open

	// The side that would change what was told, and whether the fix is on it.
	news, confirm, margin := em.Inside, t.c.Alert, 0.
	if open {
		confirm = t.c.Clear
	}
	if open != (z.Kind == KindInclusion) {
		news = em.Outside
		if open {
			margin = t.c.ClearMargin
		}
	}
	side := q.side(d)
	whole := side == news
	drift := q.drift && !v.way.rest.on(news, t.edge(v.i, of, v.way.rest.p))
	v.settled = v.settled && side != news && side != em.SideUnknown
	if !open && confirm.Sum > 0 && side == em.SideUnknown && !q.coarse {
		// The best estimate says something, if the circle does not.
		switch leans := d <= 0 == (news == em.Inside); {
		case leans && !drift && part(d, q) >= minPart:
			side = news
		case !leans && known && !t.entries[i].run.whole:
			side = other(news)
		}
	}
	switch {
	case !t.inForce(z, q.at):
		return dst // expire has seen to what was there
	case side != news:
		if known && side != em.SideUnknown && t.entries[i].run.fixes > 0 {
			if !open && t.entries[i].run.whole {
				dst = t.tellDropped(dst, z, of, &t.entries[i].run, q)
			}
			t.entries[i].run = run{}
			t.tidy(i)
		}
		return dst
	case v.permitted && !open && z.Kind != KindHome && z.Kind != KindPlace:
		return dst
	case margin > 0 && !(d > q.r95+margin):
		return dst
	case open && !q.at.After(t.entries[i].told.At):
		return dst // of the instant of the entry: an event is no empty interval
	}
	if !known {
		t.entries = slices.Insert(t.entries, i, entry{zone: z.ID, face: of})
		t.due.known = false
	}
	r := &t.entries[i].run
	if whole && !r.whole && r.sum < confirm.Sum {
		*r = run{} // it stands by itself, and what began began with it
	}
	if r.fixes == 0 {
		t.begin(r, v, of, news)
		if open && r.since.Before(t.entries[i].told.At) {
			r.since = t.entries[i].told.At // by cells or access points
		}
	}
	lately := whole && q.drift && v.way.lately(q)
	r.add(q, d, whole, drift, whole && (lately || q.precise()))
	if !drift && confirm.Sure > 0 && abs(d) >= confirm.Sure*q.r95 {
		r.sure = true
	}
	if !r.counts(confirm, t.c.DriftHold, q.at) {
		return dst
	}
	c := crossing{zone: z, buffer: of == buffer, run: *r, distance: d, q: q, confirm: confirm, margin: margin, c: &t.c}
	if lately {
		c.rested = q.at.Sub(v.way.rest.since)
	}
	e := &t.entries[i]
	e.run = run{}
	if !open {
		e.open, e.told = true, c.event()
		t.last, t.due.known = t.now, false
		return append(dst, e.told)
	}
	dst = append(dst, c.end(e.told))
	t.close(i)
	return dst
}

// edge is how far a place is from a zone's edge, or from that of the buffer round it.
func (t *Tracker) edge(zone int, of face, p em.LatLng) float64 {
	d := t.x.Distance(zone, p)
	if of == buffer {
		d -= t.c.Buffer
	}
	return d
}

// begin notes what was before the first fix of a row.
func (t *Tracker) begin(r *run, v *visit, of face, news em.Side) {
	last := t.before(v.q.at)
	if last == nil {
		return
	}
	r.since = last.at
	if z := v.zone; z.Active != nil && !z.Active.Active(last.at) {
		r.already = last.side(t.edge(v.i, of, last.p)) == news
	}
}

func other(s em.Side) em.Side {
	if s == em.Inside {
		return em.Outside
	}
	return em.Inside
}

func abs(x float64) float64 { return max(x, -x) }
