package health

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// episode is something about a device that has begun and not ended.
type episode struct {
	device em.DeviceID
	kind   em.EventKind
	since  time.Time
	anchor time.Time        // since, but for episodes that began at one instant
	id     em.ObservationID // that began it
	code   string           // the vendor's
	level  em.Opt[float64]  // of the battery then
	grade  grade
	by     em.ObservationID // that raised the grade; zero where nothing but time did
}

// grade is how bad an episode has become. It never falls.
type grade uint8

const (
	begun  grade = iota
	worse        // it has lasted, or the battery is critical
	away         // the wearer is away meanwhile
	moving       // the wearer moves meanwhile
	grades
)

func (a episode) compare(b episode) int {
	return cmp.Or(cmp.Compare(a.device, b.device), cmp.Compare(a.kind, b.kind))
}

// episodes are those of one evaluator: at most one of each device and kind is
// open. Devices give times in whole seconds, so that a sensor can open, close and
// open again at one instant; each is an event of its own.
type episodes struct {
	open  []episode // by device and kind
	ended []ended   // whose anchors could still be hit, by device and kind
}

// ended is the anchor of the last episode of a device and kind.
type ended struct {
	device em.DeviceID
	kind   em.EventKind
	anchor time.Time
}

func (a ended) compare(b ended) int {
	return cmp.Or(cmp.Compare(a.device, b.device), cmp.Compare(a.kind, b.kind))
}

// forget drops the anchors that lie before now: call it first at each step.
func (s *episodes) forget(now time.Time) {
	s.ended = slices.DeleteFunc(s.ended, func(e ended) bool { return e.anchor.Before(now) })
}

// find returns the open episode of o's device, or nil.
func (s *episodes) find(o em.Observation, kind em.EventKind) *episode {
	i, found := slices.BinarySearchFunc(s.open, episode{device: o.Device, kind: kind}, episode.compare)
	if !found {
		return nil
	}
	return &s.open[i]
}

// begin opens the episode n, which o tells. It must not be open.
func (s *episodes) begin(o em.Observation, n episode) episode {
	n.device, n.since, n.anchor, n.id = o.Device, o.At, o.At, o.ID
	if i, found := slices.BinarySearchFunc(s.ended, ended{n.device, n.kind, n.anchor}, ended.compare); found {
		n.anchor = s.ended[i].anchor.Add(1)
	}
	i, _ := slices.BinarySearchFunc(s.open, n, episode.compare)
	s.open = slices.Insert(s.open, i, n)
	return n
}

// end closes the open episode of o's device; ok is false where there is none.
func (s *episodes) end(o em.Observation, kind em.EventKind) (e episode, ok bool) {
	p := s.find(o, kind)
	if p == nil {
		return episode{}, false
	}
	e = *p
	s.open = slices.DeleteFunc(s.open, func(p episode) bool { return p.compare(e) == 0 })
	if n := (ended{e.device, e.kind, e.anchor}); !n.anchor.Before(o.At) {
		i, found := slices.BinarySearchFunc(s.ended, n, ended.compare)
		if found {
			s.ended[i] = n
		} else {
			s.ended = slices.Insert(s.ended, i, n)
		}
	}
	return e, true
}

// event returns the version of e that ends at until, or is open where that is
// zero; by ended it. is and was say what it means.
func (e *episode) event(version, is, was string, until time.Time, by em.ObservationID) em.Event {
	v := newEvent(version, e.device, e.kind, e.since)
	v.Anchor, v.Until, v.Because = e.anchor, until, because(e.id, e.by, by)
	if until.IsZero() {
		v.Detail.Reason = fmt.Sprintf("%s since %s.", is, clock(e.since))
		return v
	}
	lasted := until.Sub(e.since)
	v.Detail.Reason = fmt.Sprintf("%s for %s, from %s to %s.", was, span(lasted), clock(e.since), clock(until))
	v.Detail.Facts = []em.Fact{seconds("lasted", lasted)}
	return v
}

func (s *episodes) append(dst []byte) []byte {
	dst = em.AppendUint(dst, uint64(len(s.open)))
	for _, e := range s.open {
		dst = em.AppendString(em.AppendString(dst, string(e.device)), string(e.kind))
		dst = appendID(em.AppendTime(em.AppendTime(dst, e.since), e.anchor), e.id)
		dst = em.AppendOpt(em.AppendString(dst, e.code), e.level, em.AppendFloat)
		dst = em.AppendUint(dst, uint64(e.grade))
		if e.grade != begun {
			dst = appendID(dst, e.by)
		}
	}
	dst = em.AppendUint(dst, uint64(len(s.ended)))
	for _, e := range s.ended {
		dst = em.AppendTime(em.AppendString(em.AppendString(dst, string(e.device)), string(e.kind)), e.anchor)
	}
	return dst
}

// readEpisodes reads what append wrote; known says which kinds there are.
func readEpisodes(r *em.StateReader, known func(em.EventKind) bool) episodes {
	kind := func() em.EventKind {
		k := em.EventKind(r.String())
		if r.Err() == nil && !known(k) {
			r.Fail("unknown kind")
		}
		return k
	}
	return episodes{
		open: readSorted(r, func() episode {
			e := episode{
				device: em.DeviceID(r.String()), kind: kind(), since: r.Time(), anchor: r.Time(), id: readID(r),
				code: r.String(), level: em.ReadOpt(r, (*em.StateReader).Float),
			}
			g := r.Uint()
			if g >= uint64(grades) {
				r.Fail("unknown grade")
				return e
			}
			if e.grade = grade(g); e.grade != begun {
				e.by = readID(r)
			}
			return e
		}, episode.compare),
		ended: readSorted(r, func() ended { return ended{em.DeviceID(r.String()), kind(), r.Time()} }, ended.compare),
	}
}
