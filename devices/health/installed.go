package health

import (
	"fmt"
	"math"
	"time"

	"github.com/sargas-em/em"
)

// Kinds of Installed, em.Warning.
//
//   - KindElsewhere, Class "UNIT_ELSEWHERE": by its own positions the unit is not
//     where it was installed. It begins with the first of two in a row that are
//     surely elsewhere and ends with one that may be in place.
//   - KindDisturbed, Class "UNIT_DISTURBED": the unit says that it was moved, and
//     not that it is in place again. It happens at one instant; the range of its
//     radio has to be walked anew. Where a unit has a sensor that clears, that is
//     a tamper: see KindTamper.
const (
	KindElsewhere em.EventKind = "device.unit.elsewhere"
	KindDisturbed em.EventKind = "device.unit.disturbed"
)

// InstalledConfig says where a unit is. Device is required.
type InstalledConfig struct {
	Device  em.DeviceID
	Version string // of this configuration, for Event.Version

	// Place is where it was installed, and Radius how far in metres it may be from
	// there, 100 where zero: positions indoors are poor. Without Place positions
	// are not judged. Accuracy is TrackConfig.Accuracy.
	Place            em.Opt[em.LatLng]
	Radius, Accuracy float64
}

// Installed watches the place of a home unit. It takes current satellite fixes
// of the unit itself, which are granted their Radius95. It goes by em.EventTime
// and is not safe for concurrent use.
type Installed struct {
	c        InstalledConfig
	since    time.Time // the first position elsewhere; zero: there is none
	id       em.ObservationID
	n        uint64
	farthest float64
	anchor   time.Time // of the last KindDisturbed, until its instant is over
}

var _ em.Evaluator = (*Installed)(nil)

// NewInstalled returns the evaluator.
func NewInstalled(c InstalledConfig) (*Installed, error) {
	if c.Device == "" {
		return nil, fmt.Errorf("health: no unit is named")
	}
	if c.Radius == 0 {
		c.Radius = 100
	}
	if c.Accuracy == 0 {
		c.Accuracy = 50
	}
	if !(c.Radius > 0) || !(c.Accuracy > 0) || c.Place.OK && !c.Place.V.Valid() {
		return nil, fmt.Errorf("health: a unit within %v m of %v at an accuracy of %v m", c.Radius, c.Place.V, c.Accuracy)
	}
	return &Installed{c: c}, nil
}

// Clock returns em.EventTime.
func (x *Installed) Clock() em.Clock { return em.EventTime }

// Observe implements em.Evaluator.
func (x *Installed) Observe(dst []em.Event, o em.Observation) []em.Event {
	if o.Device != x.c.Device {
		return dst
	}
	if o.At.After(x.anchor) {
		x.anchor = time.Time{}
	}
	switch b := o.Body.(type) {
	case *em.Alarm:
		if b.What == em.AlarmMoved && x.anchor.IsZero() {
			x.anchor = o.At
			return append(dst, x.disturbed(o))
		}
	case *em.Fix:
		if x.c.Place.OK && b.Current() && b.Source == em.SourceGNSS {
			return x.fix(dst, o, b)
		}
	}
	return dst
}

func (x *Installed) fix(dst []em.Event, o em.Observation, f *em.Fix) []em.Event {
	radius, _ := f.Radius95(x.c.Accuracy)
	far := math.Round(max(f.Distance(x.c.Place.V)-radius, 0))
	if far <= x.c.Radius {
		if x.n >= 2 {
			dst = append(dst, x.elsewhere(o.At, o.ID))
		}
		x.since, x.id, x.n, x.farthest = time.Time{}, em.ObservationID{}, 0, 0
		return dst
	}
	if x.n == 0 {
		x.since, x.id = o.At, o.ID
	} else if !o.At.After(x.since) {
		return dst // of one instant the first counts
	}
	x.n++
	x.farthest = max(x.farthest, far)
	if x.n == 2 {
		dst = append(dst, x.elsewhere(time.Time{}, o.ID))
	}
	return dst
}

func (x *Installed) elsewhere(until time.Time, by em.ObservationID) em.Event {
	e := newEvent(x.c.Version, x.c.Device, KindElsewhere, x.since)
	e.Until, e.Because = until, because(x.id, by)
	e.Detail.Class, e.Detail.Severity = "UNIT_ELSEWHERE", em.Warning
	e.Detail.Reason = fmt.Sprintf("The unit is at least %.0f m from where it was installed, since %s.", x.farthest, clock(x.since))
	if !until.IsZero() {
		e.Detail.Reason = fmt.Sprintf("The unit was at least %.0f m from where it was installed, from %s to %s.", x.farthest, clock(x.since), clock(until))
	}
	e.Detail.Facts = []em.Fact{
		{Name: "distance, at least", Num: x.farthest, Unit: "m"}, {Name: "allowed", Num: x.c.Radius, Unit: "m"},
		{Name: "positions", Num: float64(x.n), Unit: "1"}, {Name: "accuracy assumed", Num: x.c.Accuracy, Unit: "m"},
	}
	return e
}

func (x *Installed) disturbed(o em.Observation) em.Event {
	e := newEvent(x.c.Version, o.Device, KindDisturbed, o.At)
	e.Until, e.Because = o.At, because(o.ID)
	e.Detail.Class, e.Detail.Severity = "UNIT_DISTURBED", em.Warning
	e.Detail.Reason = fmt.Sprintf("The unit says that it was moved at %s: the range of its radio should be tried anew.", clock(o.At))
	if c := o.Body.(*em.Alarm).Code; c != "" {
		e.Detail.Facts = []em.Fact{{Name: "code", Text: c}}
	}
	return e
}

// Deadline implements em.Evaluator: there is none.
func (x *Installed) Deadline() time.Time { return time.Time{} }

// Wake implements em.Evaluator: there is nothing to do.
func (x *Installed) Wake(dst []em.Event, _ time.Time) []em.Event { return dst }

// AppendBinary implements em.Evaluator.
func (x *Installed) AppendBinary(dst []byte) ([]byte, error) {
	dst = em.AppendTime(em.AppendTime(append(dst, stateVersion), x.anchor), x.since)
	if !x.since.IsZero() {
		dst = em.AppendFloat(em.AppendUint(appendID(dst, x.id), x.n), x.farthest)
	}
	return dst, nil
}

// UnmarshalBinary implements em.Evaluator.
func (x *Installed) UnmarshalBinary(b []byte) error {
	v := Installed{c: x.c}
	err := readState(b, func(r *em.StateReader) {
		v.anchor = r.Time()
		if v.since = r.Time(); !v.since.IsZero() {
			v.id, v.n, v.farthest = readID(r), r.Uint(), r.Float()
			if v.n == 0 || !(v.farthest >= 0) || math.IsInf(v.farthest, 0) {
				r.Fail("a unit elsewhere")
			}
		}
	})
	if err == nil {
		*x = v
	}
	return err
}
