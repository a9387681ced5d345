package health

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// KindBattery, em.Technical: by its forecast the battery may be empty before the
// end of the next night, or whatever time BatteryConfig.Night names. Class
// "CHARGE_BEFORE_NIGHT". The event begins when that is found, at the earliest
// BatteryConfig.Lead before the night, and ends when the device is charged or
// the night is over.
const KindBattery em.EventKind = "device.battery.forecast"

// BatteryConfig says when a battery must last. The zero value works, and
// forecasts without warning.
type BatteryConfig struct {
	Device  em.DeviceID // the only device to watch; where empty each one by itself
	Version string      // of this configuration, for Event.Version

	// Night returns the first time [from, to) with to after an instant at which
	// the device must not fail: a night of the curfew. It must be a pure function,
	// and the nights must not overlap. Where nil no warning is given.
	Night func(after time.Time) (from, to time.Time, ok bool)

	// Lead is how long before a night the warning is due: 3 hours where zero, time
	// to charge. Unverified.
	Lead time.Duration

	// Empty is the level, 0 to 1, at which a device fails: 0.05 where zero.
	// Unverified.
	Empty float64
}

// Of the readings of one discharge the last of each quarter of an hour counts,
// for a day: 97 readings, that bound the state and the work.
const (
	batteryGrid   = 15 * time.Minute
	batteryMemory = 24 * time.Hour

	batteryReadings = 4         // needed for a forecast …
	batterySpan     = time.Hour // … and over this time
	batteryRise     = 0.05      // a level above the median of the last three by more was charged unseen
	batteryDevices  = 16        // of one more, the one that was heard least lately is forgotten
)

// Forecast is how long a battery will last, from the readings since it was last
// charged.
//
// The rate is the median of the slopes between all pairs of readings (Theil and
// Sen), so that a few wild readings change nothing. Its interval holds 90 in 100
// such rates, by the variance of Kendall's S for n readings without ties,
// n(n−1)(2n+5)/18 (Sen 1968; levels with ties make it wider than it need be).
// The level is the median of what the readings less the rate leave. That a
// battery's level falls by a straight line is an assumption; a device that is
// used otherwise from now on drains otherwise.
type Forecast struct {
	At       time.Time // of the last reading
	Level    float64   // then, 0 to 1, smoothed
	Rate     float64   // a loss an hour, below zero for a level that rises
	RateLow  float64
	RateHigh float64

	// Empty is when BatteryConfig.Empty is reached, Earliest and Latest the ends
	// of its interval. Zero: not within a year, or never.
	Empty, Earliest, Latest time.Time

	Readings int
	Span     time.Duration
}

// Battery forecasts how long batteries last. It goes by em.EventTime and is not
// safe for concurrent use.
type Battery struct {
	c       BatteryConfig
	last    time.Time // of the last step that could decide
	devices []discharge
}

// discharge is the readings of one device since it was last charged.
type discharge struct {
	device   em.DeviceID
	readings []batteryReading // rising in time; never none
	warned   time.Time        // since when the event is open; zero: it is not
	until    time.Time        // the end of the night of that warning
}

type batteryReading struct {
	at    time.Time
	level float64
	id    em.ObservationID
}

func (a discharge) compare(b discharge) int { return cmp.Compare(a.device, b.device) }

var _ em.Evaluator = (*Battery)(nil)

// NewBattery returns the evaluator.
func NewBattery(c BatteryConfig) (*Battery, error) {
	var err error
	if c.Lead, err = positive("lead", c.Lead, 3*time.Hour); err != nil {
		return nil, err
	}
	if c.Empty == 0 {
		c.Empty = 0.05
	}
	if !(c.Empty > 0 && c.Empty < 1) {
		return nil, fmt.Errorf("health: battery empty at %v: not within 0 to 1", c.Empty)
	}
	return &Battery{c: c}, nil
}

// Clock returns em.EventTime.
func (b *Battery) Clock() em.Clock { return em.EventTime }

// Observe implements em.Evaluator.
func (b *Battery) Observe(dst []em.Event, o em.Observation) []em.Event {
	p, ok := o.Body.(*em.Power)
	if !ok || b.c.Device != "" && o.Device != b.c.Device {
		return dst
	}
	b.last = o.At
	i, found := slices.BinarySearchFunc(b.devices, discharge{device: o.Device}, discharge.compare)
	supplied := p.Event == em.PowerRestored || p.External.OK && p.External.V || p.Charging.OK && p.Charging.V
	level := p.Level.OK && p.Level.V >= 0 && p.Level.V <= 1
	if found {
		d := &b.devices[i]
		if supplied || level && p.Level.V > d.lately()+batteryRise {
			if !d.warned.IsZero() {
				dst = append(dst, b.event(d, o.At, o.ID))
			}
			b.devices = slices.Delete(b.devices, i, i+1)
			found = false
		}
	}
	if supplied || !level {
		return dst
	}
	if !found {
		if len(b.devices) == batteryDevices {
			dst = b.forgetOne(dst, o.At)
			i, _ = slices.BinarySearchFunc(b.devices, discharge{device: o.Device}, discharge.compare)
		}
		b.devices = slices.Insert(b.devices, i, discharge{device: o.Device})
	}
	d := &b.devices[i]
	if !d.add(batteryReading{o.At, p.Level.V, o.ID}) {
		return dst
	}
	return b.judge(dst, d, o.At)
}

// lately is the median of the last three levels, which one wild reading does not move.
func (d *discharge) lately() float64 {
	var last []float64
	for _, r := range d.readings[max(0, len(d.readings)-3):] {
		last = append(last, r.level)
	}
	slices.Sort(last)
	return median(last)
}

// add takes a reading and reports whether it is the first of its quarter of an
// hour: only then a forecast is worth its work.
func (d *discharge) add(r batteryReading) (first bool) {
	first = true
	if n := len(d.readings); n > 0 && d.readings[n-1].at.Truncate(batteryGrid).Equal(r.at.Truncate(batteryGrid)) {
		d.readings, first = d.readings[:n-1], false
	}
	d.readings = append(d.readings, r)
	d.readings = slices.DeleteFunc(d.readings, func(x batteryReading) bool { return x.at.Before(r.at.Add(-batteryMemory)) })
	return first
}

// forgetOne makes room: a subject has a few devices, so this is a feed of strangers.
func (b *Battery) forgetOne(dst []em.Event, at time.Time) []em.Event {
	least := 0
	heard := func(i int) time.Time { return b.devices[i].readings[len(b.devices[i].readings)-1].at }
	for i := range b.devices {
		if heard(i).Before(heard(least)) {
			least = i
		}
	}
	if d := &b.devices[least]; !d.warned.IsZero() {
		dst = append(dst, b.event(d, at, em.ObservationID{}))
	}
	b.devices = slices.Delete(b.devices, least, least+1)
	return dst
}

// judge warns where the battery may not last through the night.
func (b *Battery) judge(dst []em.Event, d *discharge, at time.Time) []em.Event {
	if b.c.Night == nil || !d.warned.IsZero() {
		return dst
	}
	from, to, ok := b.c.Night(at)
	if !ok || at.Before(from.Add(-b.c.Lead)) || !at.Before(to) {
		return dst
	}
	f, ok := d.predict(b.c.Empty)
	if !ok || f.Earliest.IsZero() || !f.Earliest.Before(to) {
		return dst
	}
	d.warned, d.until = at, to
	return append(dst, b.event(d, time.Time{}, em.ObservationID{}))
}

// Heeds implements em.Selective.
func (b *Battery) Heeds(k em.BodyKind) bool { return k == em.KindPower }

// Deadline implements em.Evaluator: when a warning may be due, or ends.
func (b *Battery) Deadline() (at time.Time) {
	if b.c.Night == nil || len(b.devices) == 0 {
		return time.Time{}
	}
	for i := range b.devices {
		at = earlier(at, b.devices[i].until)
	}
	from, to, ok := b.c.Night(b.last)
	if !ok {
		return at
	}
	due := from.Add(-b.c.Lead)
	if !due.After(b.last) { // within: the next one, but not before this is over
		if due, _, ok = b.c.Night(to); !ok {
			return at
		}
		if due = due.Add(-b.c.Lead); due.Before(to) {
			due = to
		}
	}
	return earlier(at, due)
}

// Wake implements em.Evaluator.
func (b *Battery) Wake(dst []em.Event, at time.Time) []em.Event {
	b.last = at
	for i := range b.devices {
		d := &b.devices[i]
		if !d.warned.IsZero() && !at.Before(d.until) {
			dst = append(dst, b.event(d, at, em.ObservationID{}))
			d.warned, d.until = time.Time{}, time.Time{}
		}
	}
	b.devices = slices.DeleteFunc(b.devices, func(d discharge) bool {
		return d.warned.IsZero() && d.readings[len(d.readings)-1].at.Before(at.Add(-batteryMemory))
	})
	for i := range b.devices {
		dst = b.judge(dst, &b.devices[i], at)
	}
	return dst
}

// Forecast returns how long the battery of a device will last; ok is false
// where fewer than four readings, or less than an hour of them, are known since
// it was last charged.
func (b *Battery) Forecast(d em.DeviceID) (f Forecast, ok bool) {
	i, found := slices.BinarySearchFunc(b.devices, discharge{device: d}, discharge.compare)
	if !found {
		return f, false
	}
	return b.devices[i].predict(b.c.Empty)
}

// predict is the forecast by the readings.
func (d *discharge) predict(empty float64) (f Forecast, ok bool) {
	rs := d.readings
	n := len(rs)
	first, last := rs[0].at, rs[n-1].at
	if n < batteryReadings || last.Sub(first) < batterySpan {
		return f, false
	}
	slopes := make([]float64, 0, n*(n-1)/2)
	for i := range rs {
		for j := range i {
			slopes = append(slopes, (rs[i].level-rs[j].level)/rs[i].at.Sub(rs[j].at).Hours())
		}
	}
	slices.Sort(slopes)
	slope := median(slopes)
	const z = 1.644854 // 90 %
	c := z * math.Sqrt(float64(n*(n-1)*(2*n+5))/18)
	m := len(slopes)
	low := slopes[min(max(int(math.Floor((float64(m)-c)/2)), 0), m-1)]
	high := slopes[min(max(int(math.Ceil((float64(m)+c)/2)), 0), m-1)]
	levels := make([]float64, n)
	for i, r := range rs {
		levels[i] = r.level - slope*r.at.Sub(last).Hours()
	}
	slices.Sort(levels)
	f = Forecast{
		At: last, Level: min(max(median(levels), 0), 1), Rate: -slope, RateLow: -high, RateHigh: -low,
		Readings: n, Span: last.Sub(first),
	}
	f.Empty, f.Earliest, f.Latest = f.reaches(f.Rate, empty), f.reaches(f.RateHigh, empty), f.reaches(f.RateLow, empty)
	return f, true
}

// reaches returns when the level falls to empty at a rate.
func (f *Forecast) reaches(rate, empty float64) time.Time {
	left := max(f.Level-empty, 0)
	if rate <= 0 || left/rate > 366*24 {
		return time.Time{}
	}
	return f.At.Add(time.Duration(left / rate * float64(time.Hour))).Truncate(time.Second)
}

// median of sorted figures.
func median(x []float64) float64 {
	n := len(x)
	return (x[(n-1)/2] + x[n/2]) / 2
}

// event returns the present version; until is zero while it is open.
func (b *Battery) event(d *discharge, until time.Time, by em.ObservationID) em.Event {
	e := newEvent(b.c.Version, d.device, KindBattery, d.warned)
	e.Until = until
	ids := []em.ObservationID{}
	for _, r := range d.readings {
		ids = append(ids, r.id)
	}
	e.Because = because(append(ids, by)...)
	e.Detail.Class, e.Detail.Severity = "CHARGE_BEFORE_NIGHT", em.Technical
	f, _ := d.predict(b.c.Empty)
	e.Detail.Reason = fmt.Sprintf("The battery may be empty at %s, before the night is over at %s: it should be charged.", clock(f.Earliest), clock(d.until))
	if !until.IsZero() {
		e.Detail.Reason = fmt.Sprintf("The battery might have been empty before the night was over at %s; the warning ended at %s.", clock(d.until), clock(until))
	}
	perHour := func(name string, v float64) em.Fact {
		return em.Fact{Name: name, Num: math.Round(v*1e4) / 100, Unit: "%/h"}
	}
	e.Detail.Facts = []em.Fact{
		percent("level", math.Round(f.Level*1e4)/1e4), perHour("loss", f.Rate), perHour("loss, low", f.RateLow), perHour("loss, high", f.RateHigh),
		{Name: "readings", Num: float64(f.Readings), Unit: "1"}, seconds("over", f.Span),
		percent("empty at", b.c.Empty), seconds("lead", b.c.Lead), instant("night ends", d.until),
	}
	for _, x := range []struct {
		name string
		at   time.Time
	}{{"empty, earliest", f.Earliest}, {"empty", f.Empty}, {"empty, latest", f.Latest}} {
		if !x.at.IsZero() {
			e.Detail.Facts = append(e.Detail.Facts, instant(x.name, x.at))
		}
	}
	return e
}

// AppendBinary implements em.Evaluator.
func (b *Battery) AppendBinary(dst []byte) ([]byte, error) {
	dst = em.AppendTime(append(dst, stateVersion), b.last)
	dst = em.AppendUint(dst, uint64(len(b.devices)))
	for _, d := range b.devices {
		dst = em.AppendString(dst, string(d.device))
		dst = em.AppendTime(em.AppendTime(dst, d.warned), d.until)
		dst = em.AppendUint(dst, uint64(len(d.readings)))
		for _, r := range d.readings {
			dst = appendID(em.AppendFloat(em.AppendTime(dst, r.at), r.level), r.id)
		}
	}
	return dst, nil
}

// UnmarshalBinary implements em.Evaluator.
func (b *Battery) UnmarshalBinary(data []byte) error {
	v := Battery{c: b.c}
	err := readState(data, func(r *em.StateReader) {
		v.last = r.Time()
		v.devices = readSorted(r, func() discharge {
			d := discharge{device: em.DeviceID(r.String()), warned: r.Time(), until: r.Time()}
			d.readings = readSorted(r, func() batteryReading {
				x := batteryReading{r.Time(), r.Float(), readID(r)}
				if !(x.level >= 0 && x.level <= 1) {
					r.Fail("level of a battery")
				}
				return x
			}, func(a, b batteryReading) int { return a.at.Compare(b.at) })
			if len(d.readings) == 0 || len(d.readings) > int(batteryMemory/batteryGrid)+1 || d.warned.IsZero() != d.until.IsZero() {
				r.Fail("readings of a battery")
			}
			return d
		}, discharge.compare)
		if len(v.devices) > batteryDevices {
			r.Fail("too many devices")
		}
	})
	if err == nil {
		*b = v
	}
	return err
}
