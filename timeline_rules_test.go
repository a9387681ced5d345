package em_test

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
)

// The evaluators of these tests are small rules of the kinds that live in
// geofence, curfew, alcohol and devices/health: each has something of its own
// that late data can upset.

var epoch = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)

func minute(n int) time.Time { return epoch.Add(time.Duration(n) * time.Minute) }

// night is a curfew from 19:00 to 07:00 UTC. It wakes itself: at the end of the
// grace, where an absence opens, and at the end of the night, where the absence
// closes or the night is told to be compliant.
type night struct {
	grace   time.Duration
	version string

	home    bool
	since   time.Time          // of home, zero: never heard
	by      em.ObservationID   // what home rests on
	started time.Time          // night that was entered
	out     time.Time          // anchor of the open absence
	ended   time.Time          // end of the last night that was concluded
	missed  bool               // this night had an absence
	because []em.ObservationID // of the open absence
}

func (*night) Clock() em.Clock { return em.EventTime }

// of returns the night that holds t, or the next one.
func (*night) of(t time.Time) (from, to time.Time) {
	day := t.Truncate(24 * time.Hour)
	if t.Sub(day) < 7*time.Hour {
		day = day.Add(-24 * time.Hour)
	}
	return day.Add(19 * time.Hour), day.Add(31 * time.Hour)
}

// present is the night at issue: the one not concluded yet.
func (n *night) present() (from, to time.Time) {
	t := n.ended
	if t.IsZero() {
		t = n.started
	}
	return n.of(t)
}

func (n *night) absence(at, until time.Time, class string) em.Event {
	return em.Event{
		Rule: "night", Version: n.version, About: "home", Anchor: n.out, At: at, Until: until, Because: n.because,
		Detail: em.Detail{Kind: "night.absence", Class: class, Severity: em.Violation, Reason: "out during the night",
			Facts: []em.Fact{{Name: "grace", Num: n.grace.Minutes(), Unit: "min"}}},
	}
}

func (n *night) Heeds(k em.BodyKind) bool { return k == em.KindBeacon }

func (n *night) Observe(dst []em.Event, o em.Observation) []em.Event {
	b, ok := o.Body.(*em.Beacon)
	if !ok {
		return dst
	}
	home := !b.Lost
	if n.since.IsZero() {
		n.started = o.At
	} else if home == n.home {
		return dst
	}
	n.home, n.since, n.by = home, o.At, o.ID
	if home && !n.out.IsZero() {
		n.because = append(n.because[:len(n.because):len(n.because)], o.ID)
		dst = append(dst, n.absence(n.out, o.At, "returned"))
		n.out, n.because = time.Time{}, nil
	}
	return dst
}

func (n *night) Deadline() time.Time {
	if n.since.IsZero() {
		return time.Time{}
	}
	from, to := n.present()
	if !n.home && n.out.IsZero() {
		at := from
		if n.since.After(from) {
			at = n.since
		}
		if at = at.Add(n.grace); at.Before(to) {
			return at
		}
	}
	return to
}

func (n *night) Wake(dst []em.Event, at time.Time) []em.Event {
	from, to := n.present()
	if at.Before(to) { // the grace is over
		n.out, n.missed = from, true
		if n.since.After(from) {
			n.out = n.since
		}
		n.because = []em.ObservationID{n.by}
		return append(dst, n.absence(n.out, time.Time{}, "out"))
	}
	if !n.out.IsZero() {
		dst = append(dst, n.absence(n.out, to, "out at end"))
		n.out, n.because = time.Time{}, nil
	} else if !n.missed {
		dst = append(dst, em.Event{Rule: "night", Version: n.version, About: "home", Anchor: from, At: from, Until: to,
			Detail: em.Detail{Kind: "night.compliant", Reason: "at home"}})
	}
	n.ended, n.missed = to, false
	return dst
}

func (n *night) AppendBinary(dst []byte) ([]byte, error) {
	if n.since.IsZero() {
		return dst, nil
	}
	dst = append(em.AppendTime(em.AppendBool(dst, n.home), n.since), n.by[:]...)
	dst = em.AppendTime(em.AppendTime(em.AppendTime(dst, n.started), n.out), n.ended)
	dst = em.AppendUint(em.AppendBool(dst, n.missed), uint64(len(n.because)))
	for _, id := range n.because {
		dst = append(dst, id[:]...)
	}
	return dst, nil
}

func (n *night) UnmarshalBinary(b []byte) error {
	v := night{grace: n.grace, version: n.version}
	if len(b) > 0 {
		r := em.NewStateReader(b)
		v.home, v.since = r.Bool(), r.Time()
		copy(v.by[:], r.Bytes(16))
		v.started, v.out, v.ended, v.missed = r.Time(), r.Time(), r.Time(), r.Bool()
		for k := r.Len(); k > 0; k-- {
			var id em.ObservationID
			copy(id[:], r.Bytes(16))
			v.because = append(v.because, id)
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	*n = v
	return nil
}

// crossing tells stays north of the equator. Where the person crossed is
// interpolated between two fixes, so a late fix between them moves the anchor.
type crossing struct {
	version string

	last  em.Opt[em.LatLng]
	at    time.Time
	id    em.ObservationID
	enter time.Time // anchor of the open stay
}

func (*crossing) Clock() em.Clock                             { return em.EventTime }
func (*crossing) Deadline() time.Time                         { return time.Time{} }
func (*crossing) Wake(dst []em.Event, _ time.Time) []em.Event { return dst }
func (c *crossing) stay(until time.Time, by em.ObservationID) em.Event {
	return em.Event{Rule: "zones", Version: c.version, About: "north", Anchor: c.enter, At: c.enter, Until: until,
		Because: []em.ObservationID{c.id, by},
		Detail:  em.Detail{Kind: "zone.stay", Severity: em.Warning, Reason: "north of the equator"}}
}

func (c *crossing) Heeds(k em.BodyKind) bool { return k == em.KindFix }

func (c *crossing) Observe(dst []em.Event, o em.Observation) []em.Event {
	f, ok := o.Body.(*em.Fix)
	if !ok || c.last.OK && !o.At.After(c.at) { // one fix an instant, or two crossings could have one anchor
		return dst
	}
	was, inside := c.last.OK && c.last.V.Lat > 0, f.Lat > 0
	cross := o.At
	if c.last.OK && was != inside {
		part := c.last.V.Lat / (c.last.V.Lat - f.Lat)
		cross = c.at.Add(time.Duration(part*float64(o.At.Sub(c.at)-1)) + 1)
	}
	switch {
	case inside && !was:
		c.enter = cross
		dst = append(dst, c.stay(time.Time{}, o.ID))
	case was && !inside:
		dst = append(dst, c.stay(cross, o.ID))
		c.enter = time.Time{}
	}
	c.last, c.at, c.id = em.Some(f.LatLng), o.At, o.ID
	return dst
}

func (c *crossing) AppendBinary(dst []byte) ([]byte, error) {
	if !c.last.OK {
		return dst, nil
	}
	dst = em.AppendFloat(em.AppendFloat(dst, c.last.V.Lat), c.last.V.Lng)
	return em.AppendTime(append(em.AppendTime(dst, c.at), c.id[:]...), c.enter), nil
}

func (c *crossing) UnmarshalBinary(b []byte) error {
	v := crossing{version: c.version}
	if len(b) > 0 {
		r := em.NewStateReader(b)
		v.last = em.Some(em.LatLng{Lat: r.Float(), Lng: r.Float()})
		v.at = r.Time()
		copy(v.id[:], r.Bytes(16))
		v.enter = r.Time()
		if err := r.Close(); err != nil {
			return err
		}
	}
	*c = v
	return nil
}

// episode gathers readings above a limit into one event, told again as the peak
// rises, that ends an hour after the last of them.
type episode struct {
	limit   int64
	version string
	about   string

	from, last time.Time
	peak       int64
	ids        []em.ObservationID
}

func (*episode) Clock() em.Clock { return em.EventTime }

func (e *episode) Deadline() time.Time {
	if e.last.IsZero() {
		return time.Time{}
	}
	return e.last.Add(time.Hour)
}

func (e *episode) event(until time.Time) em.Event {
	return em.Event{Rule: "episode", Version: e.version, About: e.about, Anchor: e.from, At: e.from, Until: until, Because: e.ids,
		Detail: em.Detail{Kind: "alcohol.episode", Class: fmt.Sprint("peak ", e.peak/100), Severity: em.Critical, Reason: "alcohol at the skin"}}
}

func (e *episode) Observe(dst []em.Event, o em.Observation) []em.Event {
	t, ok := o.Body.(*em.Transdermal)
	if !ok || t.Value.Coef < e.limit {
		return dst
	}
	if e.last.IsZero() {
		e.from = o.At
	}
	e.last = o.At
	e.peak = max(e.peak, t.Value.Coef)
	if len(e.ids) < em.MaxBecause {
		e.ids = append(e.ids[:len(e.ids):len(e.ids)], o.ID)
	}
	return append(dst, e.event(time.Time{}))
}

func (e *episode) Wake(dst []em.Event, at time.Time) []em.Event {
	dst = append(dst, e.event(e.last))
	*e = episode{limit: e.limit, version: e.version, about: e.about}
	return dst
}

func (e *episode) AppendBinary(dst []byte) ([]byte, error) {
	if e.last.IsZero() {
		return dst, nil
	}
	dst = em.AppendInt(em.AppendTime(em.AppendTime(dst, e.from), e.last), e.peak)
	dst = em.AppendUint(dst, uint64(len(e.ids)))
	for _, id := range e.ids {
		dst = append(dst, id[:]...)
	}
	return dst, nil
}

func (e *episode) UnmarshalBinary(b []byte) error {
	v := episode{limit: e.limit, version: e.version, about: e.about}
	if len(b) > 0 {
		r := em.NewStateReader(b)
		v.from, v.last, v.peak = r.Time(), r.Time(), r.Int()
		for k := r.Len(); k > 0; k-- {
			var id em.ObservationID
			copy(id[:], r.Bytes(16))
			v.ids = append(v.ids, id)
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	*e = v
	return nil
}

// silence tells on the clock of reception that nothing was heard for a while.
type silence struct {
	after   time.Duration
	version string

	heard time.Time
	told  bool
}

func (*silence) Clock() em.Clock { return em.ReceiveTime }

func (s *silence) Deadline() time.Time {
	if s.heard.IsZero() || s.told {
		return time.Time{}
	}
	return s.heard.Add(s.after)
}

func (s *silence) event(until time.Time) em.Event {
	return em.Event{Rule: "health", Version: s.version, Anchor: s.heard, At: s.heard, Until: until,
		Detail: em.Detail{Kind: "device.silent", Severity: em.Technical, Reason: "nothing heard"}}
}

func (s *silence) Observe(dst []em.Event, o em.Observation) []em.Event {
	if s.told {
		dst = append(dst, s.event(o.Received))
	}
	s.heard, s.told = o.Received, false
	return dst
}

func (s *silence) Wake(dst []em.Event, at time.Time) []em.Event {
	s.told = true
	return append(dst, s.event(time.Time{}))
}

func (s *silence) AppendBinary(dst []byte) ([]byte, error) {
	if s.heard.IsZero() {
		return dst, nil
	}
	return em.AppendBool(em.AppendTime(dst, s.heard), s.told), nil
}

func (s *silence) UnmarshalBinary(b []byte) error {
	v := silence{after: s.after, version: s.version}
	if len(b) > 0 {
		r := em.NewStateReader(b)
		v.heard, v.told = r.Time(), r.Bool()
		if err := r.Close(); err != nil {
			return err
		}
	}
	*s = v
	return nil
}

// rules returns fresh evaluators: version 1 and stricter ones.
func rules(version int) []em.Evaluator {
	v := fmt.Sprint("v", version)
	return []em.Evaluator{
		&night{grace: 20 * time.Minute / time.Duration(version), version: v},
		&silence{after: 45 * time.Minute / time.Duration(version), version: v},
		&crossing{version: v},
		&episode{limit: 200 / int64(version), version: v},
	}
}
