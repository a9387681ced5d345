package geofence

import (
	"bytes"
	"fmt"
	"time"

	"github.com/sargas-em/em"
)

// Presence follows by the positions of one person on which side of a zone's edge
// the person is. It is what package curfew asks for as a Follower, and knows drift
// as a Tracker does, with the defaults of Config: see there. It is for one
// goroutine. PresenceAt returns what makes them.
type Presence struct {
	home    *home
	devices []followed // by device, maxWays at most

	seen sight // what was said last; no state
}

// sight is what a position said, for Why.
type sight struct {
	q      reading
	d      float64 // metres to the edge, negative inside
	side   em.Side
	away   time.Duration
	speeds bool // the device measures its speed, and said it
	pace   em.Opt[float64]
	far    bool // too far from the edge for reflections
}

// followed is how one device moves.
type followed struct {
	device  em.DeviceID
	good    reading   // its last satellite fix that was believed; of a state of version 1 its time alone
	net     *witness  // what cells or access points said last, if it came after a good fix; never changed
	doubted time.Time // since when satellite fixes are where that excludes them; zero: they are not
	jumped  time.Time // when it came from where it rested by a jump; zero: it never did
	inside  time.Time // when access points or cells had it inside last, at heard; zero: they did not, or have it elsewhere since
	heard   em.LatLng
	motion
}

// PresenceAt returns a function that makes the Presence of somebody of whom nothing
// is known yet. All that it makes share the zone; it may be used by any number of
// goroutines. Satellite fixes that report neither accuracy nor HDOP are taken to
// have the 68 % radius of assumed metres; zero is DefaultAssumedAccuracy. The zone's
// Active is not asked.
func PresenceAt(zone Zone, assumed float64) (func() *Presence, error) {
	h, err := newHome(zone, assumed)
	if err != nil {
		return nil, err
	}
	return func() *Presence { return &Presence{home: h} }, nil
}

// awayFar is how many metres away from the edge speed and pace do not matter:
// reflections do not come from so far.
const awayFar = 1000

// A device that measures no speed jumps if it comes from where it rested, not outside,
// at jumpSpeed in m/s or more, from one fix to the next; or so from where access points
// or cells had it inside no longer ago than a pace takes. Up to jumpReach metres beyond
// the radius a reflection does that, and lasts as long as jumpLasts commonly. All are
// measured by benchmarks/verdicts.
const (
	jumpSpeed = 2
	jumpGap   = 20 * time.Second
	jumpReach = 300
	jumpLasts = 5 * time.Minute
)

// jumps notes whether the fix comes by a jump from where the device rested before, d
// metres from the edge. After a silence nobody knows how fast it came, and who goes on,
// farther than both circles, did not jump.
func (f *followed) jumps(q *reading, before *motion, d float64) {
	gap := q.at.Sub(f.good.at)
	switch {
	case f.moves == leaveRest && before.pace.p.Distance(q.p) > f.good.r95+q.r95:
		f.jumped = time.Time{}
	case before.rest.fixes > 0 && f.rest.fixes <= 1 && before.pace.v.OK && f.leaps(q, gap, &before.rest) && !before.rest.on(em.Outside, d):
		f.jumped = q.at
	}
}

// away notes whether a fix outside comes by a jump from where access points or cells
// had the device.
func (f *followed) away(q *reading) {
	gap := q.at.Sub(f.inside)
	if f.good.at.Before(f.inside) && gap >= jumpGap && gap <= paceMost && f.heard.Distance(q.p) >= jumpSpeed*gap.Seconds() {
		f.jumped = q.at
	}
}

// returns takes a fix inside, soon after a jump: who is back went nowhere, and rests.
func (f *followed) returns(q *reading) {
	if q.at.Sub(f.jumped) < jumpLasts && f.moves > 0 {
		f.rest, f.moves = restAt(q), 0
	}
}

// stayed takes the second fix after a silence of the satellites in which access points
// or cells had the device inside: who rested there before goes on to, as if
// satellites had been heard.
func (f *followed) stayed(q *reading, before *rest) {
	if far := before.p.Distance(q.p); far <= paceReach {
		f.rest = *before
		f.rest.add(q, far)
		q.drift = true
	}
}

// leaps reports whether a fix lies so far from where the device rested that it came
// there by a jump. One that reports often is seen on its way: then it is from the last
// fix, farther than both circles.
func (f *followed) leaps(q *reading, gap time.Duration, rest *rest) bool {
	far := rest.p.Distance(q.p)
	if gap < jumpGap {
		if f.good.r95 == 0 {
			return false
		}
		if far = f.good.p.Distance(q.p); far <= f.good.r95+q.r95 {
			return false
		}
	}
	return far >= jumpSpeed*gap.Seconds()
}

// Follow takes the next observation, in the order of event time. It tells on which
// side of the edge it puts the person, and for how long after it the person cannot be
// back at DefaultMaxSpeed: one such observation proves so long an absence.
//
// A current fix is Inside if its whole em.Fix.Radius95 circle is within the zone, and
// Outside if none of it is and it is not drift: a device that stands near where it
// came to rest is where it rests, by the mean of its fixes. All else is SideUnknown,
// as with Home. How long the person cannot be back is zero, so that it takes two fixes,
// up to 1,000 m beyond the radius: of a device that goes at less than 0.8 m/s, and of
// one that measures no speed, or has not yet said one but that it stands, unless two
// paces between its positions say that it moves. Where such a device came out by a jump
// of 2 m/s or more, and then wavers or stands within 300 m of the edge, it is not outside for five
// minutes: reflections do that.
func (p *Presence) Follow(o em.Observation) (em.Side, time.Duration) {
	q, d, ok := p.home.read(&o)
	if !ok {
		return em.SideUnknown, 0
	}
	side := q.side(d)
	p.seen = sight{q: q, d: d, side: side}
	if q.coarse {
		p.hear(o.Device, &q, d)
		return side, 0
	}
	f := p.of(o.Device)
	if f.excludes(&q, &p.home.c) {
		return em.SideUnknown, 0
	}
	before := f.motion
	f.settle(&q, &p.home.c)
	if !f.speeds {
		p.correct(f, &q, &before, side)
	}
	f.good = q
	p.seen.q, p.seen.pace, p.seen.speeds = q, f.pace.v, f.speeds && q.speed.OK
	if side != em.Outside {
		return side, 0
	}
	near, stands := d <= q.r95+awayFar, f.moves < leaveRest
	if p.seen.speeds {
		stands = q.speed.V < movingSpeed
	}
	switch {
	case q.drift && !f.rest.on(em.Outside, p.home.x.Distance(0, f.rest.p)):
		return em.SideUnknown, 0
	case !f.speeds && d <= q.r95+jumpReach && q.at.Sub(f.jumped) < jumpLasts:
		return em.SideUnknown, 0
	case near && stands:
		return side, 0
	}
	p.seen.far = !near
	p.seen.away = time.Duration((d-q.r95)/DefaultMaxSpeed*1000) * time.Millisecond
	return side, p.seen.away
}

// correct looks at how a device that measures no speed moved before, and moves by a
// fix that is on a side.
func (p *Presence) correct(f *followed, q *reading, before *motion, side em.Side) {
	d := 0.
	if before.rest.fixes > 0 {
		d = p.home.x.Distance(0, before.rest.p)
	}
	switch {
	case side == em.Inside:
		f.returns(q)
	case before.rest.fixes > 0 || !f.jumped.IsZero():
		f.jumps(q, before, d)
	}
	silent := before.rest.fixes > 0 && !before.pace.v.OK && f.pace.v.OK
	if silent && f.rest.fixes == 1 && !before.rest.on(em.Outside, d) && q.at.Sub(f.inside) < 2*paceMost {
		f.stayed(q, &before.rest)
	}
	if side == em.Outside {
		f.away(q)
	}
}

// hear notes what cells or access points, d metres from the edge, say of a device of
// which satellites said something before. What is good to jumpReach says whether it is
// inside rather than outside.
func (p *Presence) hear(dev em.DeviceID, q *reading, d float64) {
	for i := range p.devices {
		f := &p.devices[i]
		if f.device != dev || f.good.r95 == 0 {
			continue
		}
		n := witness{reading: *q}.heard(&f.good, f.net, &p.home.c)
		f.net = &n
		switch {
		case q.r95 > jumpReach:
		case d < 0:
			f.inside, f.heard = q.at, q.p
		default:
			f.inside, f.heard = time.Time{}, em.LatLng{}
		}
	}
}

// excludes reports whether a satellite fix is not believed, as cells or access points
// say that the device is elsewhere: for as long as a Tracker would not believe it. Who
// could not come there at first does not by its lasting.
func (f *followed) excludes(q *reading, c *Config) bool {
	first := *q
	if n := f.net; n != nil && !f.doubted.IsZero() && n.at.Before(f.doubted) {
		first.at = f.doubted
	}
	if f.net == nil || !f.net.sure || !f.net.excludes(&first, c) {
		f.doubted = time.Time{}
		return false
	}
	if f.doubted.IsZero() {
		f.doubted = q.at
	}
	if q.at.Sub(f.doubted) < c.jumpHoldFrom(&f.net.reading, q) {
		return true
	}
	f.net, f.doubted = nil, time.Time{} // they stay: they are taken as true
	return false
}

// PresenceVersion names how a Presence judges; what Why tells says it in the fact
// "presence".
const PresenceVersion = "presence/7"

// Why tells of the last fix that Follow put on a side why, in words and as facts: how
// far from the edge it lies, by how much that exceeds its radius and where that is
// from, how fast the device was, what that made of it ("by"), and for how long the
// person cannot be back.
func (p *Presence) Why() (words string, facts []em.Fact) {
	s := &p.seen
	by, how := s.means()
	facts = []em.Fact{
		{Name: "presence", Text: PresenceVersion},
		{Name: "by", Text: by},
		{Name: "distance_m", Num: centimetres(s.d), Unit: "m"},
		{Name: "margin_m", Num: centimetres(abs(s.d) - s.q.r95), Unit: "m"},
		{Name: "radius95_m", Text: originFact[s.q.origin], Num: centimetres(s.q.r95), Unit: "m"},
	}
	words = fmt.Sprintf("%s the edge, %s ±%.0f m", insideBy(s.d), originWords[s.q.origin], s.q.r95)
	if s.q.speed.OK && !s.q.coarse {
		facts = append(facts, em.Fact{Name: "speed_mps", Num: centimetres(s.q.speed.V), Unit: "m/s"})
	}
	switch {
	case s.speeds:
		words += fmt.Sprintf(", at %.1f m/s", s.q.speed.V)
	case s.pace.OK:
		facts = append(facts, em.Fact{Name: "pace_mps", Num: centimetres(s.pace.V), Unit: "m/s"})
		words += fmt.Sprintf(", at a pace of %.1f m/s", s.pace.V)
	}
	if s.side == em.Outside {
		facts = append(facts,
			em.Fact{Name: "moving_mps", Num: s.moving(), Unit: "m/s"},
			em.Fact{Name: "proves_s", Num: s.away.Seconds(), Unit: "s"})
	}
	return words + how, facts
}

// means is by what a sight is evidence, as a fact and in words.
func (s *sight) means() (by, words string) {
	switch {
	case s.side != em.Outside && s.q.coarse:
		return "network", ", by cells or access points"
	case s.side != em.Outside:
		return "circle", ""
	case s.away == 0:
		return "several", ", which takes another one to prove it"
	case s.far:
		return "distance", ", too far for reflections"
	case s.speeds:
		return "speed", ", moving"
	}
	return "pace", ", moving by two paces"
}

// moving is from which speed or pace on, in m/s, the device of a sight moves.
func (s *sight) moving() float64 {
	if s.speeds {
		return movingSpeed
	}
	return standingSpeed
}

// of returns what is known of a device.
func (p *Presence) of(d em.DeviceID) *followed {
	return ofDevice(&p.devices, d, followed{device: d}, func(f *followed) (em.DeviceID, time.Time) { return f.device, f.good.at })
}

// presenceVersion is the first byte of a state. 1 had no jumps, and of the last fix its
// time alone; 3 nothing of where access points had the device, and how good the fix of a
// pace is; 4 nothing of its way since, and since when a device rests. All are still read; 2
// was never released.
const presenceVersion = 5

// AppendBinary appends the state: before the first satellite fix it is empty. It
// does not hold the zone, so that it may be read by a Presence at another one. It
// implements encoding.BinaryAppender.
func (p *Presence) AppendBinary(dst []byte) ([]byte, error) {
	if len(p.devices) == 0 {
		return dst, nil
	}
	dst = em.AppendUint(append(dst, presenceVersion), uint64(len(p.devices)))
	for i := range p.devices {
		f := &p.devices[i]
		placed := f.good.r95 > 0
		dst = append(em.AppendString(dst, string(f.device)), flags(placed, f.net != nil, f.net != nil && f.net.sure))
		if dst = em.AppendTime(em.AppendTime(em.AppendTime(dst, f.good.at), f.doubted), f.jumped); placed {
			dst = appendReading(dst, &f.good)
		}
		if f.net != nil {
			dst = appendReading(dst, &f.net.reading)
		}
		if dst = em.AppendTime(dst, f.inside); !f.inside.IsZero() {
			dst = appendPlace(dst, f.heard)
		}
		dst = f.append(dst)
	}
	return dst, nil
}

// UnmarshalBinary replaces the state by one that AppendBinary wrote. Errors wrap
// em.ErrState and leave the state as it was.
func (p *Presence) UnmarshalBinary(b []byte) error {
	n := Presence{home: p.home}
	if len(b) == 0 {
		*p = n
		return nil
	}
	r := em.NewStateReader(b)
	version := byte(presenceVersion)
	if v := r.Bytes(1); v != nil {
		if version = v[0]; version != 1 && version != 3 && version != 4 && version != presenceVersion {
			r.Fail(fmt.Sprintf("presence version %d", version))
		}
	}
	for left := r.Len(); left > 0 && r.Err() == nil; left-- {
		f := readFollowed(r, version)
		if k := len(n.devices); k > 0 && n.devices[k-1].device >= f.device || k == maxWays || f.good.at.IsZero() {
			r.Fail("devices out of order")
		}
		n.devices = append(n.devices, f)
	}
	if err := r.Close(); err != nil {
		return fmt.Errorf("geofence: %w", err)
	}
	if again, err := n.AppendBinary(nil); version == presenceVersion && (err != nil || !bytes.Equal(again, b)) {
		return fmt.Errorf("geofence: %w: not canonical", em.ErrState)
	}
	*p = n
	return nil
}

// motionOf is as of which state of a Tracker a motion is written, by the version of
// the state of a Presence.
var motionOf = [...]byte{1: 7, 3: 7, 4: 8, presenceVersion: stateVersion}

func readFollowed(r *em.StateReader, version byte) followed {
	f := followed{device: em.DeviceID(r.String())}
	if version == 1 {
		f.good.at, f.motion = r.Time(), readMotion(r, motionOf[version])
		return f
	}
	placed, net, sure := false, false, false
	readFlags(r, &placed, &net, &sure)
	f.good.at, f.doubted, f.jumped = r.Time(), r.Time(), r.Time()
	if placed {
		f.good = readReading(r)
	}
	if net {
		f.net = readWitness(r, sure)
	}
	if version >= 4 {
		if f.inside = r.Time(); !f.inside.IsZero() {
			f.heard = readPlace(r)
		}
	}
	f.motion = readMotion(r, motionOf[version])
	return f
}
