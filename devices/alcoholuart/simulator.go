package alcoholuart

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/nmea"
)

// fullScale is the simulated module's, in ppb.
const fullScale = 5000

// simulator is a module. It uploads every second until it is told to answer
// only. A reading that is reported goes out at once, as the reply to a request
// that its host made, and is what the module measures for the next
// moments; it falls by half with every measurement.
//
// The dialect acknowledges nothing, so that nothing is sent again, and it has
// neither time nor memory: Stored is unsupported.
type simulator struct {
	identity string
	rnd      *rand.Rand
	mode     Mode
	started  bool
	next     time.Time // of the upload
	level    uint16    // ppb
	queue    []uint16  // readings that were reported; not bounded, the caller is their only source
}

func newSimulator(identity string, seed uint64) (*simulator, error) {
	if !nmea.Word(identity, maxIdentity) {
		return nil, fmt.Errorf("alcoholuart: simulator: %w: not 1 to %d letters, digits and - . _", protocol.ErrIdentity, maxIdentity)
	}
	return &simulator{identity: identity, rnd: rand.New(rand.NewPCG(seed, 0)), mode: ModeUpload}, nil
}

// Device is "alcoholuart:" and the identity.
func (s *simulator) Device() em.DeviceID { return deviceID(s.identity) }

// Waiting implements protocol.Resumer.
func (s *simulator) Waiting() int { return len(s.queue) }

// Reconnect implements protocol.Resumer. The module does not notice.
func (s *simulator) Reconnect() {}

// Report takes readings in the module's own number: whole ppb that fit 16 bits.
func (s *simulator) Report(obs ...em.Observation) error {
	var more []uint16
	for _, o := range obs {
		b, ok := o.Body.(*em.AlcoholReading)
		if !ok || o.Stored || b.Unit != em.UnitRaw || b.Status != em.SampleOK || b.Value.Scale != 0 || b.Value.Coef < 0 || b.Value.Coef > 0xFFFF ||
			b.Ratio.OK || b.Ambient.OK || b.Identity != em.IdentityNone || !b.CalDue.IsZero() {
			return fmt.Errorf("alcoholuart: simulator: %w: it tells raw readings of whole ppb, and keeps none", protocol.ErrUnsupported)
		}
		more = append(more, uint16(b.Value.Coef))
	}
	s.queue = append(s.queue, more...)
	return nil
}

// air returns what is measured now: what is left of the last reading, and noise.
func (s *simulator) air() uint16 {
	s.level /= 2
	return max(s.level, uint16(s.rnd.IntN(6)))
}

// Handle takes one frame of the host.
func (s *simulator) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	switch m := m.(type) {
	case *Read:
		out.Send = append(out.Send, &Reply{Concentration: s.air()})
	case *SetMode:
		s.mode, s.next = m.Mode, now.Add(measure)
	case *protocol.Raw:
	default:
		return fmt.Errorf("alcoholuart: a host does not send %s: %w", m.Type(), protocol.ErrMalformed)
	}
	return nil
}

// Deadline is the next upload; in the past, which means at once, where there is
// something to say for the first time; never for a module that waits.
func (s *simulator) Deadline() time.Time {
	switch {
	case !s.started || len(s.queue) > 0:
		return time.Unix(0, 0).UTC()
	case s.mode == ModeAnswer:
		return time.Time{}
	}
	return s.next
}

// Wake starts the module, sends what was reported, and uploads.
func (s *simulator) Wake(now time.Time, out *protocol.Output) error {
	s.started = true
	for _, v := range s.queue {
		s.level = v
		out.Send = append(out.Send, &Reply{Concentration: v})
	}
	s.queue = nil
	if s.mode == ModeUpload && !now.Before(s.next) {
		s.next = now.Add(measure)
		out.Send = append(out.Send, &Upload{Unit: PPB, Concentration: s.air(), FullScale: fullScale})
	}
	return nil
}
