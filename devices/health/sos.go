package health

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sargas-em/em"
)

// KindSOS: the wearer called for help. It is em.Critical and happens at one
// instant: Until is At.
const KindSOS em.EventKind = "device.sos"

// SOSConfig says what a repetition is. The zero value works.
type SOSConfig struct {
	Device  em.DeviceID // the only device to watch; where empty each one by itself
	Version string      // of this configuration, for Event.Version

	// Repeat is for how long after a call further ones of the same device
	// belong to it: a minute where zero. Devices repeat a call until somebody
	// answers.
	Repeat time.Duration
}

// SOS tells calls for help. It goes by em.EventTime and is not safe for
// concurrent use.
type SOS struct {
	c     SOSConfig
	calls []call // by device, of the last Repeat
}

type call struct {
	device em.DeviceID
	at     time.Time // of the event
}

func (a call) compare(b call) int { return cmp.Compare(a.device, b.device) }

var _ em.Evaluator = (*SOS)(nil)

// NewSOS returns the evaluator.
func NewSOS(c SOSConfig) (*SOS, error) {
	var err error
	if c.Repeat, err = positive("repeat", c.Repeat, time.Minute); err != nil {
		return nil, err
	}
	return &SOS{c: c}, nil
}

// Clock returns em.EventTime.
func (s *SOS) Clock() em.Clock { return em.EventTime }

// Observe implements em.Evaluator.
func (s *SOS) Observe(dst []em.Event, o em.Observation) []em.Event {
	b, ok := o.Body.(*em.Alarm)
	if !ok || b.What != em.AlarmSOS || s.c.Device != "" && o.Device != s.c.Device {
		return dst
	}
	n := call{o.Device, o.At}
	i, found := slices.BinarySearchFunc(s.calls, n, call.compare)
	if found {
		return dst
	}
	s.calls = slices.Insert(s.calls, i, n)
	e := newEvent(s.c.Version, o.Device, KindSOS, o.At)
	e.Until = o.At
	e.Because = because(o.ID)
	e.Detail.Class, e.Detail.Severity = "SOS", em.Critical
	e.Detail.Reason = fmt.Sprintf("The wearer called for help at %s.", clock(o.At))
	e.Detail.Facts = []em.Fact{seconds("repeated calls belong to it for", s.c.Repeat)}
	if b.Code != "" {
		e.Detail.Facts = append(e.Detail.Facts, em.Fact{Name: "code", Text: b.Code})
	}
	return append(dst, e)
}

// Heeds implements em.Selective.
func (s *SOS) Heeds(k em.BodyKind) bool { return k == em.KindAlarm }

// Deadline implements em.Evaluator: when a call has no more repetitions.
func (s *SOS) Deadline() (at time.Time) {
	for _, c := range s.calls {
		at = earlier(at, c.at.Add(s.c.Repeat))
	}
	return at
}

// Wake implements em.Evaluator: it forgets calls.
func (s *SOS) Wake(dst []em.Event, at time.Time) []em.Event {
	s.calls = slices.DeleteFunc(s.calls, func(c call) bool { return !at.Before(c.at.Add(s.c.Repeat)) })
	return dst
}

// AppendBinary implements em.Evaluator.
func (s *SOS) AppendBinary(dst []byte) ([]byte, error) {
	dst = em.AppendUint(append(dst, stateVersion), uint64(len(s.calls)))
	for _, c := range s.calls {
		dst = em.AppendTime(em.AppendString(dst, string(c.device)), c.at)
	}
	return dst, nil
}

// UnmarshalBinary implements em.Evaluator.
func (s *SOS) UnmarshalBinary(b []byte) error {
	v := SOS{c: s.c}
	err := readState(b, func(r *em.StateReader) {
		v.calls = readSorted(r, func() call { return call{em.DeviceID(r.String()), r.Time()} }, call.compare)
	})
	if err == nil {
		*s = v
	}
	return err
}
