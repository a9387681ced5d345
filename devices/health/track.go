package health

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// Kinds of Track, em.Warning.
//
//   - KindPosition: a device cannot have gone where it says that it was. Class
//     "POSITION_OUTLIER" for one position off the way, "POSITION_JUMP" where the
//     way goes on there. It begins at the last good position and ends at the one
//     that decided. "POSITION_CONTRADICTED" where the device cannot be both there and
//     where cells, access points or a contact with a unit have it, which is told once until they agree.
//   - KindFrozen, Class "POSITION_FROZEN": the position stays the same to the last
//     digit while the device says that it moves, as a copied one does. It begins
//     with the first such position and ends with another.
const (
	KindPosition em.EventKind = "device.position"
	KindFrozen   em.EventKind = "device.position.frozen"
)

// TrackConfig says what is implausible in positions. The zero value works.
type TrackConfig struct {
	Device  em.DeviceID // the only device to watch; where empty each one by itself
	Version string      // of this configuration, for Event.Version

	// Speed in m/s beyond which nobody travels: 100 where zero, above the fastest
	// trains. Both positions are granted their Radius95; Accuracy is the 68 %
	// radius in metres of those that have none, 50 where zero.
	Speed, Accuracy float64

	// Moving is the speed in m/s from which a device says that it moves: 1 where
	// zero. Frozen is how many such positions in a row that are alike are too
	// many: 5 where zero. Unverified.
	Moving float64
	Frozen int

	// Contacts are the home units and beacons at known places, em.MaxContacts at most: a contact
	// with one excludes what satellites say elsewhere. That is for units that nobody can
	// carry along, as geofence.Config.Contacts is.
	Contacts []em.Contact
}

// Track finds positions that cannot be. It takes current satellite fixes, and of
// several at one instant the first; and compares them with what cells or access points
// say with an accuracy of their own, to three times their 95 % radius and no better
// than 5 km. It goes by em.EventTime and is not
// safe for concurrent use.
type Track struct {
	c       TrackConfig
	devices []tracked
}

// tracked is what is known of one device's positions.
type tracked struct {
	device em.DeviceID
	good   position // the last that can be
	odd    position // the one after it, that cannot; zero: there is none
	same   same     // the last position
	other  other    // by what is no satellite, after a good one; of the zero time: there is none
}

type position struct {
	at     time.Time
	id     em.ObservationID
	point  em.LatLng
	radius float64 // 95 %, m
}

// same is a run of positions that are alike.
type same struct {
	point  em.LatLng
	at     time.Time // the first
	last   time.Time
	id     em.ObservationID
	n      uint64
	moving uint64 // of them say that the device moves
}

func (a tracked) compare(b tracked) int { return cmp.Compare(a.device, b.device) }

const trackDevices = 16 // a subject has a few; of one more, the one heard least lately is forgotten

var _ em.Evaluator = (*Track)(nil)

// NewTrack returns the evaluator.
func NewTrack(c TrackConfig) (*Track, error) {
	for _, x := range []struct {
		name string
		v    *float64
		def  float64
	}{{"speed", &c.Speed, 100}, {"accuracy", &c.Accuracy, 50}, {"moving", &c.Moving, 1}} {
		if *x.v == 0 {
			*x.v = x.def
		}
		if !(*x.v > 0) || math.IsInf(*x.v, 0) {
			return nil, fmt.Errorf("health: %s of %v", x.name, *x.v)
		}
	}
	if c.Frozen == 0 {
		c.Frozen = 5
	}
	if c.Frozen < 2 {
		return nil, fmt.Errorf("health: %d positions alike are not too many", c.Frozen)
	}
	var err error
	if c.Contacts, err = em.CheckContacts(c.Contacts); err != nil {
		return nil, fmt.Errorf("health: %w", err)
	}
	return &Track{c: c}, nil
}

// Clock returns em.EventTime.
func (t *Track) Clock() em.Clock { return em.EventTime }

// Observe implements em.Evaluator.
func (t *Track) Observe(dst []em.Event, o em.Observation) []em.Event {
	f, ok := o.Body.(*em.Fix)
	if b, heard := o.Body.(*em.Beacon); heard {
		return t.meet(dst, &o, b)
	}
	if !ok || !f.Current() || t.c.Device != "" && o.Device != t.c.Device {
		return dst
	}
	i, found := t.find(o.Device)
	if f.Source != em.SourceGNSS {
		if found && (f.Source == em.SourceCell || f.Source == em.SourceWiFi) {
			dst = t.hear(dst, &t.devices[i], &o, f)
		}
		return dst
	}
	if !found {
		if len(t.devices) == trackDevices {
			least := 0
			for j := range t.devices {
				if t.devices[j].same.last.Before(t.devices[least].same.last) {
					least = j
				}
			}
			if d := &t.devices[least]; t.frozen(d) {
				dst = append(dst, t.frozenEvent(d, o.At, em.ObservationID{}))
			}
			t.devices = slices.Delete(t.devices, least, least+1)
			i, _ = t.find(o.Device)
		}
		t.devices = slices.Insert(t.devices, i, tracked{device: o.Device})
	}
	d := &t.devices[i]
	if !o.At.After(d.same.last) {
		return dst
	}
	radius, _ := f.Radius95(t.c.Accuracy)
	p := position{o.At, o.ID, f.LatLng, min(radius, em.EarthRadius)}
	dst, not := t.contradicted(dst, d, &p)
	if !not {
		dst = t.way(dst, d, p)
	}
	return t.alike(dst, d, p, f.Speed.OK && f.Speed.V >= t.c.Moving)
}

func (t *Track) find(d em.DeviceID) (int, bool) {
	return slices.BinarySearchFunc(t.devices, tracked{device: d}, tracked.compare)
}

// way judges whether the device can have come to p.
func (t *Track) way(dst []em.Event, d *tracked, p position) []em.Event {
	switch {
	case d.good.at.IsZero(), d.odd.at.IsZero() && t.can(&d.good, &p):
		d.good = p
	case d.odd.at.IsZero():
		d.odd = p
	case t.can(&d.odd, &p) && (!t.can(&d.good, &p) || d.odd.point.Distance(p.point) < d.good.point.Distance(p.point)):
		dst = append(dst, t.positionEvent(d, &p, "POSITION_JUMP"))
		d.good, d.odd = p, position{}
	case t.can(&d.good, &p):
		dst = append(dst, t.positionEvent(d, &p, "POSITION_OUTLIER"))
		d.good, d.odd = p, position{}
	default:
		dst = append(dst, t.positionEvent(d, &p, "POSITION_OUTLIER"))
		d.odd = p
	}
	return dst
}

// least returns the least distance between two positions in metres.
func least(a, b *position) float64 {
	return max(a.point.Distance(b.point)-a.radius-b.radius, 0)
}

// can reports whether somebody can travel from a to b.
func (t *Track) can(a, b *position) bool { return least(a, b) <= t.c.Speed*b.at.Sub(a.at).Seconds() }

func (t *Track) positionEvent(d *tracked, p *position, class string) em.Event {
	e := newEvent(t.c.Version, d.device, KindPosition, d.good.at)
	e.Anchor, e.Until, e.Because = d.odd.at, p.at, because(d.good.id, d.odd.id, p.id)
	e.Detail.Class, e.Detail.Severity = class, em.Warning
	far, took := least(&d.good, &d.odd), d.odd.at.Sub(d.good.at)
	e.Detail.Reason = fmt.Sprintf("The device says that it went at least %.0f m in %s, to %s: nobody can, so the position is wrong or not its own.", far, span(took), clock(d.odd.at))
	if class == "POSITION_JUMP" {
		e.Detail.Reason = fmt.Sprintf("The device says that it went at least %.0f m in %s, to %s, and goes on there: nobody can, so one of the places is wrong or not its own.", far, span(took), clock(d.odd.at))
	}
	e.Detail.Facts = []em.Fact{
		{Name: "distance, at least", Num: math.Round(far), Unit: "m"}, seconds("in", took),
		{Name: "speed allowed", Num: t.c.Speed, Unit: "m/s"}, {Name: "accuracy assumed", Num: t.c.Accuracy, Unit: "m"},
	}
	return e
}

// alike counts positions that are the same to the last digit.
func (t *Track) alike(dst []em.Event, d *tracked, p position, moving bool) []em.Event {
	if p.point != d.same.point || d.same.n == 0 {
		if t.frozen(d) {
			dst = append(dst, t.frozenEvent(d, p.at, p.id))
		}
		d.same = same{point: p.point, at: p.at, id: p.id}
	}
	was := t.frozen(d)
	d.same.last = p.at
	d.same.n++
	if moving {
		d.same.moving++
	}
	if !was && t.frozen(d) {
		dst = append(dst, t.frozenEvent(d, time.Time{}, p.id))
	}
	return dst
}

func (t *Track) frozen(d *tracked) bool { return d.same.moving >= uint64(t.c.Frozen) }

func (t *Track) frozenEvent(d *tracked, until time.Time, by em.ObservationID) em.Event {
	e := newEvent(t.c.Version, d.device, KindFrozen, d.same.at)
	e.Until, e.Because = until, because(d.same.id, by)
	e.Detail.Class, e.Detail.Severity = "POSITION_FROZEN", em.Warning
	e.Detail.Reason = fmt.Sprintf("The position is the same to the last digit since %s, though the device says that it moves: it may be copied.", clock(d.same.at))
	if !until.IsZero() {
		e.Detail.Reason = fmt.Sprintf("The position was the same to the last digit from %s to %s, though the device said that it moved: it may have been copied.", clock(d.same.at), clock(until))
	}
	e.Detail.Facts = []em.Fact{
		{Name: "positions", Num: float64(d.same.n), Unit: "1"}, {Name: "of them moving", Num: float64(d.same.moving), Unit: "1"},
		{Name: "moving from", Num: t.c.Moving, Unit: "m/s"}, {Name: "too many", Num: float64(t.c.Frozen), Unit: "1"},
	}
	return e
}

// Heeds implements em.Selective.
func (t *Track) Heeds(k em.BodyKind) bool {
	return k == em.KindFix || k == em.KindBeacon && len(t.c.Contacts) > 0
}

// Deadline implements em.Evaluator: there is none.
func (t *Track) Deadline() time.Time { return time.Time{} }

// Wake implements em.Evaluator: there is nothing to do.
func (t *Track) Wake(dst []em.Event, _ time.Time) []em.Event { return dst }

// AppendBinary implements em.Evaluator.
func (t *Track) AppendBinary(dst []byte) ([]byte, error) {
	dst = em.AppendUint(append(dst, stateVersion), uint64(len(t.devices)))
	for i := range t.devices {
		d := &t.devices[i]
		dst = em.AppendString(dst, string(d.device))
		for _, p := range []*position{&d.good, &d.odd} {
			if dst = em.AppendTime(dst, p.at); !p.at.IsZero() {
				dst = appendPoint(appendID(dst, p.id), p.point)
				dst = em.AppendFloat(dst, p.radius)
			}
		}
		x := &d.same
		dst = appendID(em.AppendTime(em.AppendTime(appendPoint(dst, x.point), x.at), x.last), x.id)
		dst = em.AppendUint(em.AppendUint(dst, x.n), x.moving)
		if dst = em.AppendTime(dst, d.other.at); !d.other.at.IsZero() {
			dst = em.AppendFloat(appendPoint(appendID(dst, d.other.id), d.other.point), d.other.radius)
			dst = em.AppendBool(em.AppendBool(em.AppendBool(dst, d.other.sure), d.other.told), d.other.contact)
		}
	}
	return dst, nil
}

func appendPoint(dst []byte, p em.LatLng) []byte {
	return em.AppendFloat(em.AppendFloat(dst, p.Lat), p.Lng)
}

func readPoint(r *em.StateReader) em.LatLng {
	p := em.LatLng{Lat: r.Float(), Lng: r.Float()}
	if !p.Valid() {
		r.Fail("a position that is none")
	}
	return p
}

// read reads a position, and reports whether there is one.
func (p *position) read(r *em.StateReader) bool {
	if p.at = r.Time(); p.at.IsZero() {
		return false
	}
	p.id, p.point = readID(r), readPoint(r)
	if p.radius = r.Float(); !(p.radius >= 0) || math.IsInf(p.radius, 0) {
		r.Fail("radius of a position")
	}
	return true
}

// UnmarshalBinary implements em.Evaluator.
func (t *Track) UnmarshalBinary(b []byte) error {
	v := Track{c: t.c}
	err := readState(b, func(r *em.StateReader) {
		v.devices = readSorted(r, func() tracked {
			d := tracked{device: em.DeviceID(r.String())}
			for _, p := range []*position{&d.good, &d.odd} {
				p.read(r)
			}
			x := &d.same
			x.point, x.at, x.last, x.id = readPoint(r), r.Time(), r.Time(), readID(r)
			x.n, x.moving = r.Uint(), r.Uint()
			if n := &d.other; n.read(r) {
				n.sure, n.told, n.contact = r.Bool(), r.Bool(), r.Bool()
			}
			return d
		}, tracked.compare)
		if len(v.devices) > trackDevices {
			r.Fail("too many devices")
		}
	})
	if err == nil {
		*t = v
	}
	return err
}
