package alcohol

import (
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// Transdermal judges the readings at the skin of one subject: episodes of
// alcohol, and whether the instrument was worn. See the package comment for the
// rules. It reads *em.Transdermal, and *em.Tamper of a strap of the same device.
// It implements em.Evaluator on event time and is not safe for concurrent use.
// [Analyze] gives the same verdicts on a slice.
type Transdermal struct {
	l      *skinLimits
	tracks []*track // in the order of their devices
	out    sink
}

var _ em.Evaluator = (*Transdermal)(nil)

// NewTransdermal returns an evaluator before its first observation. Errors wrap
// ErrTransdermalRule.
func NewTransdermal(r TransdermalRule) (*Transdermal, error) {
	l, err := r.compile()
	if err != nil {
		return nil, err
	}
	l.Devices = slices.Clone(l.Devices)
	return &Transdermal{l: l}, nil
}

// Clock returns em.EventTime.
func (e *Transdermal) Clock() em.Clock { return em.EventTime }

// Heeds implements em.Selective.
func (e *Transdermal) Heeds(k em.BodyKind) bool {
	return k == em.KindTransdermal || k == em.KindTamper
}

// Deadline implements em.Evaluator.
func (e *Transdermal) Deadline() (first time.Time) {
	for _, t := range e.tracks {
		if d := t.deadline(e.l); !d.IsZero() && (first.IsZero() || d.Before(first)) {
			first = d
		}
	}
	return first
}

// Wake implements em.Evaluator.
func (e *Transdermal) Wake(dst []em.Event, at time.Time) []em.Event {
	for d := e.Deadline(); !d.IsZero() && !d.After(at); d = e.Deadline() {
		for _, t := range e.tracks {
			e.stage(t).wake(d)
		}
	}
	return e.flush(dst)
}

// Observe implements em.Evaluator.
func (e *Transdermal) Observe(dst []em.Event, o em.Observation) []em.Event {
	if d := e.Deadline(); !d.IsZero() && !d.After(o.At) { // not where the caller keeps the contract
		dst = e.Wake(dst, o.At)
	}
	switch b := o.Body.(type) {
	case *em.Transdermal:
		if e.l.covers(o.Device) {
			e.stage(e.track(o.Device)).reading(&o, b)
		}
	case *em.Tamper:
		if i, ok := e.find(o.Device); ok {
			e.stage(e.tracks[i]).tamper(&o, b)
		}
	}
	return e.flush(dst)
}

func (e *Transdermal) stage(t *track) stage { return stage{e.l, t, &e.out} }

func (e *Transdermal) flush(dst []em.Event) []em.Event {
	dst = append(dst, e.out.events...)
	clear(e.out.events)
	e.out.events = e.out.events[:0]
	return dst
}

func (e *Transdermal) find(d em.DeviceID) (int, bool) {
	return slices.BinarySearchFunc(e.tracks, d, func(t *track, d em.DeviceID) int {
		switch {
		case t.device < d:
			return -1
		case t.device > d:
			return 1
		}
		return 0
	})
}

// track returns a device's track. Where there are too many, the one heard least
// lately is ended first: what it has open is told.
func (e *Transdermal) track(d em.DeviceID) *track {
	i, ok := e.find(d)
	if ok {
		return e.tracks[i]
	}
	if len(e.tracks) == maxTransdermalDevices {
		least := 0
		for j, t := range e.tracks {
			if t.seen.Before(e.tracks[least].seen) {
				least = j
			}
		}
		e.stage(e.tracks[least]).end()
		e.tracks = slices.Delete(e.tracks, least, least+1)
		i, _ = e.find(d)
	}
	t := &track{device: d}
	e.tracks = slices.Insert(e.tracks, i, t)
	return t
}

// end closes all that a device has open.
func (s stage) end() {
	t := s.t
	s.silent()
	if t.wear.waiting() {
		s.settleBaseline()
	}
	s.endRun(t.wear.run.last)
	if t.fault.class != "" {
		s.out.events = append(s.out.events, s.faultEvent(&t.fault, t.fault.to))
	}
	if t.flat.told {
		s.out.events = append(s.out.events, s.flatEvent(&t.flat, t.flat.to))
	}
}
