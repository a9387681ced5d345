package health

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
)

// KindSilence: the device was not heard for Interval + Buffer. The event begins
// when the report was due and ends at the next reception. Its Class is
// "COMMUNICATION" (em.Technical) and, after Critical, "NO_CONTACT" (em.Critical).
const KindSilence em.EventKind = "device.silence"

// SilenceConfig says when a device is overdue. The zero value works.
type SilenceConfig struct {
	// Device is the device to listen for; where empty any observation of the
	// subject is a sign of life.
	Device  em.DeviceID
	Version string // of this configuration, for Event.Version

	// Start is since when the device has to report, so that one that never does
	// is overdue too. Where zero it counts from the first reception.
	Start time.Time

	// Interval is the longest agreed time between two reports, 10 minutes where
	// zero, and Buffer what is granted above it, 5 minutes where zero.
	Interval, Buffer time.Duration

	// Critical is the time since the last contact after which the event becomes
	// em.Critical: 24 hours where zero, as for an extended missed contact. It
	// must be longer than Interval + Buffer.
	Critical time.Duration
}

// Silence finds devices that are not heard. It goes by em.ReceiveTime: a report
// at the very instant at which it was overdue comes too late by then. It is not
// safe for concurrent use.
type Silence struct {
	c    SilenceConfig
	last time.Time        // of the last reception; zero before the first
	id   em.ObservationID // received last
	open bool             // the event is open
	crit bool             // … and critical
}

var _ em.Evaluator = (*Silence)(nil)

// NewSilence returns the evaluator.
func NewSilence(c SilenceConfig) (*Silence, error) {
	var err error
	if c.Interval, err = positive("interval", c.Interval, 10*time.Minute); err != nil {
		return nil, err
	}
	if c.Buffer, err = positive("buffer", c.Buffer, 5*time.Minute); err != nil {
		return nil, err
	}
	if c.Critical, err = positive("critical limit", c.Critical, 24*time.Hour); err != nil {
		return nil, err
	}
	if c.Critical <= c.Interval+c.Buffer {
		return nil, fmt.Errorf("health: critical limit of %v is not above interval and buffer, %v", c.Critical, c.Interval+c.Buffer)
	}
	c.Start = c.Start.Round(0).UTC()
	return &Silence{c: c}, nil
}

// Clock returns em.ReceiveTime.
func (s *Silence) Clock() em.Clock { return em.ReceiveTime }

// base is since when the device has been silent; zero where that is unknown.
func (s *Silence) base() time.Time {
	if s.last.Before(s.c.Start) {
		return s.c.Start
	}
	return s.last
}

// due is when the device is overdue.
func (s *Silence) due() time.Time { return s.base().Add(s.c.Interval + s.c.Buffer) }

// Observe implements em.Evaluator.
func (s *Silence) Observe(dst []em.Event, o em.Observation) []em.Event {
	if s.c.Device != "" && o.Device != s.c.Device {
		return dst
	}
	if s.open {
		dst = append(dst, s.event(o.Received, o.ID))
	}
	s.last, s.id, s.open, s.crit = o.Received, o.ID, false, false
	return dst
}

// Deadline implements em.Evaluator.
func (s *Silence) Deadline() time.Time {
	switch {
	case s.base().IsZero() || s.crit:
		return time.Time{}
	case s.open:
		return s.base().Add(s.c.Critical)
	}
	return s.due()
}

// Wake implements em.Evaluator.
func (s *Silence) Wake(dst []em.Event, at time.Time) []em.Event {
	dl := s.Deadline()
	if dl.IsZero() || at.Before(dl) {
		return dst
	}
	s.crit = s.open
	s.open = true
	return append(dst, s.event(time.Time{}, em.ObservationID{}))
}

// event returns the present version; until is zero while it is open.
func (s *Silence) event(until time.Time, by em.ObservationID) em.Event {
	e := newEvent(s.c.Version, s.c.Device, KindSilence, s.due())
	e.Until = until
	e.Because = because(s.id, by)
	d := &e.Detail
	d.Class, d.Severity = "COMMUNICATION", em.Technical
	limit := s.c.Interval + s.c.Buffer
	silent := limit
	if s.crit {
		d.Class, d.Severity = "NO_CONTACT", em.Critical
		limit = s.c.Critical
		silent = limit
	}
	since := "since " + clock(s.base())
	if s.last.IsZero() || s.last.Before(s.c.Start) {
		since += ", when it had to begin"
	}
	if until.IsZero() {
		d.Reason = fmt.Sprintf("The device has not been heard for %s, %s.", span(silent), since)
	} else {
		silent = until.Sub(s.base())
		d.Reason = fmt.Sprintf("The device was not heard for %s, %s; it was heard again at %s.", span(silent), since, clock(until))
	}
	d.Facts = []em.Fact{
		seconds("silent", silent), seconds("interval", s.c.Interval), seconds("buffer", s.c.Buffer),
		seconds("critical after", s.c.Critical), instant("silent since", s.base()),
	}
	return e
}

// AppendBinary implements em.Evaluator.
func (s *Silence) AppendBinary(dst []byte) ([]byte, error) {
	dst = em.AppendTime(append(dst, stateVersion), s.last)
	return em.AppendBool(em.AppendBool(appendID(dst, s.id), s.open), s.crit), nil
}

// UnmarshalBinary implements em.Evaluator.
func (s *Silence) UnmarshalBinary(b []byte) error {
	v := Silence{c: s.c}
	err := readState(b, func(r *em.StateReader) {
		v.last, v.id = r.Time(), readID(r)
		v.open, v.crit = r.Bool(), r.Bool()
		if v.crit && !v.open {
			r.Fail("critical but not open")
		}
	})
	if err == nil {
		*s = v
	}
	return err
}
