package health

import (
	"fmt"
	"strings"
	"time"

	"github.com/sargas-em/em"
)

// Kinds of Power, em.Technical unless stated.
//
//   - KindPowerLow begins when the device says that its battery is low, or at a
//     level of PowerConfig.Low; it ends when it is charged, on external supply,
//     said to be good again, or at a level of PowerConfig.Recovered. Its Class is
//     "BATTERY_LOW" and, from when the device says so or from a level of
//     PowerConfig.Critical on, "BATTERY_CRITICAL" (em.Warning): soon the device is
//     silent.
//   - KindPowerCut begins when the device says that its external supply was cut;
//     it ends when that is back.
//   - KindPowerOff begins when the device says that it switches off; it ends with
//     its next observation of a later time, whatever that is.
const (
	KindPowerLow em.EventKind = "device.power.low"
	KindPowerCut em.EventKind = "device.power.cut"
	KindPowerOff em.EventKind = "device.power.off"
)

// PowerConfig says when a battery is low. The zero value works.
type PowerConfig struct {
	Device  em.DeviceID // the only device to watch; where empty each one by itself
	Version string      // of this configuration, for Event.Version

	// Low is the level, 0 to 1, at and below which a battery is low, 0.15 where
	// zero; Recovered is the level at and above which it no longer is, 0.3 where
	// zero. Recovered must be above Low, so that a level at the edge does not
	// open and close events.
	Low, Recovered float64

	// Critical is the level at and below which the battery is about to fail,
	// 0.05 or half of Low where zero, whichever is lower. It must be below Low.
	Critical float64
}

// Power follows batteries and supplies. It goes by em.EventTime and is not safe
// for concurrent use.
type Power struct {
	c        PowerConfig
	episodes episodes
}

var _ em.Evaluator = (*Power)(nil)

// NewPower returns the evaluator.
func NewPower(c PowerConfig) (*Power, error) {
	if c.Low == 0 {
		c.Low = 0.15
	}
	if c.Recovered == 0 {
		c.Recovered = 0.3
	}
	if c.Critical == 0 {
		c.Critical = min(0.05, c.Low/2)
	}
	if !(c.Critical > 0 && c.Critical < c.Low && c.Low < c.Recovered && c.Recovered <= 1) {
		return nil, fmt.Errorf("health: battery critical at %v, low at %v and recovered at %v: not rising within 0 to 1", c.Critical, c.Low, c.Recovered)
	}
	return &Power{c: c}, nil
}

// Clock returns em.EventTime.
func (p *Power) Clock() em.Clock { return em.EventTime }

// Observe implements em.Evaluator.
func (p *Power) Observe(dst []em.Event, o em.Observation) []em.Event {
	if p.c.Device != "" && o.Device != p.c.Device {
		return dst
	}
	p.episodes.forget(o.At)
	if e := p.episodes.find(o, KindPowerOff); e != nil && o.At.After(e.since) {
		dst = p.end(dst, o, KindPowerOff)
	}
	b, ok := o.Body.(*em.Power)
	if !ok {
		return dst
	}
	level := b.Level
	if !(level.V >= 0 && level.V <= 1) {
		level = em.Opt[float64]{} // no level that means anything
	}
	supplied := b.Event == em.PowerRestored || b.External.OK && b.External.V || b.Charging.OK && b.Charging.V
	critical := b.Event == em.PowerCritical || level.OK && level.V <= p.c.Critical && !supplied
	low := critical || b.Event == em.PowerLow || level.OK && level.V <= p.c.Low && !supplied
	if supplied {
		dst = p.end(dst, o, KindPowerCut)
	}
	if !low && (supplied || b.Event == em.PowerGood || level.OK && level.V >= p.c.Recovered) {
		dst = p.end(dst, o, KindPowerLow)
	}
	if low {
		dst = p.low(dst, o, critical, level)
	}
	switch b.Event {
	case em.PowerCut:
		dst = p.begin(dst, o, KindPowerCut, level)
	case em.PowerOff:
		dst = p.begin(dst, o, KindPowerOff, level)
	}
	return dst
}

// begin opens an event unless it is open.
func (p *Power) begin(dst []em.Event, o em.Observation, kind em.EventKind, level em.Opt[float64]) []em.Event {
	if p.episodes.find(o, kind) != nil {
		return dst
	}
	e := p.episodes.begin(o, episode{kind: kind, level: level})
	return append(dst, p.event(e, time.Time{}, em.ObservationID{}))
}

// low opens the event of a low battery or makes it critical.
func (p *Power) low(dst []em.Event, o em.Observation, critical bool, level em.Opt[float64]) []em.Event {
	e := p.episodes.find(o, KindPowerLow)
	switch {
	case e == nil:
		n := episode{kind: KindPowerLow, level: level}
		if critical {
			n.grade, n.by = worse, o.ID
		}
		n = p.episodes.begin(o, n)
		return append(dst, p.event(n, time.Time{}, em.ObservationID{}))
	case critical && e.grade == begun:
		e.grade, e.by, e.level = worse, o.ID, level
		return append(dst, p.event(*e, time.Time{}, em.ObservationID{}))
	}
	return dst
}

// end closes an event if it is open.
func (p *Power) end(dst []em.Event, o em.Observation, kind em.EventKind) []em.Event {
	if e, ok := p.episodes.end(o, kind); ok {
		dst = append(dst, p.event(e, o.At, o.ID))
	}
	return dst
}

// powerWords says what each kind means.
var powerWords = map[em.EventKind]struct{ class, is, was string }{
	KindPowerLow: {"BATTERY_LOW", "The battery is low", "The battery was low"},
	KindPowerCut: {"SUPPLY_CUT", "The external supply is cut", "The external supply was cut"},
	KindPowerOff: {"SWITCHED_OFF", "The device is switched off", "The device was switched off"},
}

func (p *Power) event(e episode, until time.Time, by em.ObservationID) em.Event {
	words := powerWords[e.kind]
	v := e.event(p.c.Version, words.is, words.was, until, by)
	d := &v.Detail
	d.Class, d.Severity = words.class, em.Technical
	if e.level.OK {
		d.Facts = append(d.Facts, percent("level", e.level.V))
	}
	if e.kind == KindPowerLow {
		if e.grade == worse {
			d.Class, d.Severity = "BATTERY_CRITICAL", em.Warning
			d.Reason = strings.Replace(d.Reason, "low", "nearly empty", 1)
		}
		d.Facts = append(d.Facts, percent("critical at", p.c.Critical), percent("low at", p.c.Low), percent("recovered at", p.c.Recovered))
	}
	return v
}

func percent(name string, v float64) em.Fact { return em.Fact{Name: name, Num: 100 * v, Unit: "%"} }

// Deadline implements em.Evaluator: there is none.
func (p *Power) Deadline() time.Time { return time.Time{} }

// Wake implements em.Evaluator: there is nothing to do.
func (p *Power) Wake(dst []em.Event, _ time.Time) []em.Event { return dst }

// AppendBinary implements em.Evaluator.
func (p *Power) AppendBinary(dst []byte) ([]byte, error) {
	return p.episodes.append(append(dst, stateVersion)), nil
}

// UnmarshalBinary implements em.Evaluator.
func (p *Power) UnmarshalBinary(b []byte) error {
	v := Power{c: p.c}
	err := readState(b, func(r *em.StateReader) {
		v.episodes = readEpisodes(r, func(k em.EventKind) bool { _, known := powerWords[k]; return known })
	})
	if err == nil {
		*p = v
	}
	return err
}
