package geofence

import (
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// way is where a device went, as far as later fixes are judged by it. Only
// satellite fixes are part of it.
type way struct {
	device em.DeviceID
	good   reading   // the last that was used
	odd    []reading // after it, in a row that agrees with itself and not with good
	odds   int       // how many since good did not agree with it: those, and others between
	net    *witness  // what else says where the device is, if it came after a good fix; never changed
	foe    *witness  // what excluded the first of odd; nil: nothing did
	trust  int       // how many good ones there were, up to Config.OutlierRun; distrusted
	doubt  em.Event  // open, as it was told; of no kind: none

	motion
}

// distrusted is the way.trust of who came by a jump that was taken as true at last:
// the way back is a jump too.
const distrusted = -1

// maxWays bounds the devices of a subject: a person has a few. Of one more,
// that is forgotten which was heard least lately.
const maxWays = 8

// What is granted to a fix beside Config.MaxSpeed. Unverified.
const (
	clockSlack = 1 // s: times of fixes are rounded to a second
	speedSlack = 2 // m/s: what a speed is off by
	maxAccel   = 4 // m/s²: how fast speeds change on a road
)

// wayOf returns the way of a device.
func (t *Tracker) wayOf(d em.DeviceID) *way {
	if len(t.ways) == 1 && t.ways[0].device == d {
		return &t.ways[0]
	}
	return ofDevice(&t.ways, d, way{device: d}, func(w *way) (em.DeviceID, time.Time) { return w.device, w.good.at })
}

// ofDevice returns what is known of a device in a list by devices, maxWays at most,
// and puts fresh there if that is nothing: in the place of whose last fix is the
// oldest, if the list is full.
func ofDevice[T any](all *[]T, d em.DeviceID, fresh T, of func(*T) (d em.DeviceID, last time.Time)) *T {
	find := func() (int, bool) {
		return sort.Find(len(*all), func(k int) int {
			at, _ := of(&(*all)[k])
			return strings.Compare(string(d), string(at))
		})
	}
	i, ok := find()
	if !ok {
		if len(*all) == maxWays {
			least := 0
			_, oldest := of(&(*all)[0])
			for k := range *all {
				if _, last := of(&(*all)[k]); last.Before(oldest) {
					least, oldest = k, last
				}
			}
			*all = slices.Delete(*all, least, least+1)
			i, _ = find()
		}
		*all = slices.Insert(*all, i, fresh)
	}
	return &(*all)[i]
}

// begun reports whether the way has a last fix.
func (w *way) begun() bool { return !w.good.at.IsZero() }

// reach returns how many metres lie at most between the true places of a fix and
// one after it, and their radii. Where the device measures its speed, it goes on
// from what it said.
func (c *Config) reach(a, b *reading, speeds bool) float64 {
	s := b.at.Sub(a.at).Seconds() + clockSlack
	v := c.MaxSpeed
	if speeds && a.speed.OK && b.speed.OK {
		v = min(v, max(a.speed.V, b.speed.V)+speedSlack+maxAccel/4.*s)
	}
	return a.r95 + b.r95 + v*s
}

// can reports whether the device can have gone from a to b, which is not before
// it.
func (c *Config) can(a, b *reading, speeds bool) bool {
	reach := c.reach(a, b, speeds)
	if farAtMost(a.p, b.p) <= reach {
		return true
	}
	return a.p.Distance(b.p) <= reach
}

const metresPerDegree = em.EarthRadius * math.Pi / 180

// farAtMost is no less than the distance of two places, and cheap.
func farAtMost(p, q em.LatLng) float64 {
	return (math.Abs(p.Lat-q.Lat) + math.Abs(p.Lng-q.Lng)) * metresPerDegree
}

// take takes the next fix of the way. It appends to use the fixes that are to be
// judged on now, oldest first, and to refused those that never will be.
func (w *way) take(q *reading, c *Config, use, refused []reading) (_, _ []reading) {
	n := len(w.odd)
	excluded := w.begun() && w.excluded(q, c)
	agrees := n > 0 && c.can(&w.odd[n-1], q, w.speeds) && (w.foe != nil || !excluded)
	fits := !w.begun() || !excluded && c.can(&w.good, q, w.speeds)
	switch {
	case fits && n == 0:
		return append(use, *q), refused
	case fits && !(agrees && w.odd[n-1].p.Distance(q.p) < w.good.p.Distance(q.p)):
		refused = append(refused, w.odd...)
		w.odd, w.odds, w.foe = w.odd[:0], 0, nil
		return append(use, *q), refused
	}
	if !agrees {
		refused = append(refused, w.odd...)
		w.odd = w.odd[:0]
	}
	w.odds = min(w.odds+1, 2*c.OutlierRun)
	if len(w.odd) == 0 {
		if w.foe = nil; excluded {
			w.foe = w.net
		}
	}
	if len(w.odd)+1 < c.OutlierRun && w.odds < 2*c.OutlierRun && !(agrees && fits) || len(w.odd) == 0 && w.foe != nil {
		w.odd = append(w.odd, *q)
		return use, refused
	}
	if w.holds(q, c) {
		if w.odds = c.OutlierRun; len(w.odd)+1 > c.OutlierRun {
			refused = append(refused, w.odd[1])
			w.odd = slices.Delete(w.odd, 1, 2)
		}
		w.odd = append(w.odd, *q)
		return use, refused
	}
	switch {
	case w.vouched(q, c):
		w.trust = 0
	case w.jumped(c):
		w.trust = distrusted
	case w.trust == distrusted && len(w.odd) > 0 && !c.can(&w.good, &w.odd[0], false):
		w.trust = 0
	}
	use = append(append(use, w.odd...), *q)
	w.odd, w.odds, w.foe = w.odd[:0], 0, nil
	return use, refused
}

// jumpTimes is how many times as long as the way takes at MaxSpeed a jump is not
// believed: what was a glitch of a kilometre is over within a minute.
const jumpTimes = 3

// jumped reports whether nobody can have come to where the row of odd fixes began,
// at whatever speed, from a place that is trusted.
func (w *way) jumped(c *Config) bool {
	return len(w.odd) > 0 && (w.foe != nil || w.trust >= c.OutlierRun && !c.can(&w.good, &w.odd[0], false))
}

// jumpHold is for how long the jump to the row of odd fixes is not believed.
func (c *Config) jumpHold(w *way) time.Duration {
	from := &w.good
	if w.foe != nil {
		from = &w.foe.reading
	}
	return c.jumpHoldFrom(from, &w.odd[0])
}

// jumpHoldFrom is for how long a fix is not believed, after one from which nobody can
// have come.
func (c *Config) jumpHoldFrom(from, to *reading) time.Duration {
	return min(c.JumpHold, time.Duration(jumpTimes*from.p.Distance(to.p)/c.MaxSpeed*float64(time.Second)))
}

// holds reports whether a row of odd fixes that has become long enough is not
// believed yet, as it began by a jump.
func (w *way) holds(q *reading, c *Config) bool {
	return w.jumped(c) && !w.vouched(q, c) && q.at.Sub(w.odd[0].at) < c.jumpHold(w)
}

// used makes a fix the last good one of the way.
func (w *way) used(q *reading, c *Config) {
	if w.trust != distrusted {
		w.trust = min(w.trust+1, c.OutlierRun)
	}
	w.good = *q
}

// before returns the last fix that was used, of any device, no later than an
// instant; nil if there is none.
func (t *Tracker) before(at time.Time) *reading {
	var last *reading
	for i := range t.ways {
		if g := &t.ways[i].good; t.ways[i].begun() && !g.at.After(at) && (last == nil || g.at.After(last.at)) {
			last = g
		}
	}
	return last
}
