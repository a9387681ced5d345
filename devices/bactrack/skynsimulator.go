package bactrack

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// SkynSimulatorConfig says which Skyn to simulate.
type SkynSimulatorConfig struct {
	Identity string // required; see ValidIdentity
	Seed     uint64 // of the battery and the calibration's version

	// Options of the center: readings are reported in their Unit, temperature and
	// motion where they have a step.
	Options SkynOptions
}

// SkynSimulator is a Skyn behind a tunnel's host. All that is reported goes to its
// memory, from which the center fetches it. It implements protocol.Simulator.
type SkynSimulator struct {
	c       SkynSimulatorConfig
	version uint16
	mv      uint16

	greeted bool
	asked   time.Time // when the host said hello; zero after the upload that followed
	tell    bool      // the battery has changed
	memory  []SkynRecord
	cursor  int // of the next fetch
	open    chunk
}

var _ protocol.Resumer = (*SkynSimulator)(nil)

// The simulated instrument's calibration and rate.
const (
	simLSB         = 10_000 // of the second calibration point; the first is 0, 0
	simFullScale   = 1000   // that it stands for, so that a step is 0.1
	simRate        = 20     // seconds between two samples of a chunk
	simRecords     = 2      // in one notification of 20 bytes
	simCalibration = 1_700_000_000
	simAgain       = time.Minute // the host says hello again when nothing is fetched
)

// NewSkynSimulator returns a simulator; an identity that the tunnel does not allow
// is an error that wraps protocol.ErrIdentity.
func NewSkynSimulator(c SkynSimulatorConfig) (*SkynSimulator, error) {
	if !ValidIdentity(c.Identity) {
		return nil, fmt.Errorf("bactrack: simulator: %w", protocol.ErrIdentity)
	}
	if c.Options.Unit == "" {
		c.Options.Unit = em.UnitRaw
	}
	rnd := rand.New(rand.NewPCG(c.Seed, 0))
	return &SkynSimulator{c: c, version: uint16(1 + rnd.IntN(9)), mv: uint16(3600 + rnd.IntN(600))}, nil
}

// Device is the configured identity.
func (s *SkynSimulator) Device() em.DeviceID { return skynID(s.c.Identity) }

// Waiting implements protocol.Resumer: samples in memory, and a battery's voltage
// that was not told.
func (s *SkynSimulator) Waiting() (n int) {
	for _, r := range s.memory {
		if r[0] == SkynSample {
			n++
		}
	}
	if s.tell {
		n++
	}
	return n
}

// Reconnect tells that the connection was lost: at the next Wake the host says
// hello again.
func (s *SkynSimulator) Reconnect() { s.greeted, s.cursor = false, 0 }

// holds reports whether there is a sample to fetch.
func (s *SkynSimulator) holds() bool {
	return slices.ContainsFunc(s.memory, func(r SkynRecord) bool { return r[0] == SkynSample })
}

// Report implements protocol.Simulator. It takes an *em.Transdermal of the
// options' unit that the sensor's number can say, and an *em.Power with nothing
// but Volts, of now.
func (s *SkynSimulator) Report(obs ...em.Observation) error {
	var jobs []func()
	for _, o := range obs {
		at := o.DeviceAt
		if at.IsZero() {
			at = o.At
		}
		switch b := o.Body.(type) {
		case *em.Transdermal:
			r, err := s.sample(b)
			if err != nil {
				return err
			}
			if at = at.UTC().Truncate(time.Second); at.Unix() < 0 || at.Unix() > math.MaxUint32 {
				return unsupported("a reading of %v", at)
			}
			jobs = append(jobs, func() { s.keep(at, r) })
		case *em.Power:
			mv := math.Round(b.Volts.V * 1000)
			if *b != (em.Power{Volts: b.Volts}) || !b.Volts.OK || !(mv >= 0 && mv <= math.MaxUint16) || o.Stored {
				return unsupported("report of power other than its voltage now")
			}
			jobs = append(jobs, func() { s.mv, s.tell = uint16(mv), true })
		default:
			return unsupported("report of %T", o.Body)
		}
	}
	for _, f := range jobs {
		f()
	}
	return nil
}

// sample returns the record of a reading.
func (s *SkynSimulator) sample(b *em.Transdermal) (SkynRecord, error) {
	v := b.Value
	if s.c.Options.Unit == em.UnitSkinUgPerL { // in steps of 0.1
		for ; v.Scale > 1 && v.Coef%10 == 0; v.Scale-- {
			v.Coef /= 10
		}
		if v.Scale == 0 && v.Coef <= math.MaxUint16 {
			v.Coef, v.Scale = v.Coef*10, 1
		}
		v.Scale--
	}
	temperature, ok1 := steps(b.Temperature, s.c.Options.Celsius)
	motion, ok2 := steps(b.Motion, s.c.Options.Gravity)
	if b.Unit != s.c.Options.Unit || v.Scale != 0 || v.Coef < 0 || v.Coef > math.MaxUint16 || b.IR.OK || !ok1 || !ok2 {
		return SkynRecord{}, unsupported("a reading of %s %s, or what is with it", b.Value, b.Unit)
	}
	return NewSkynSample(uint16(v.Coef), temperature, motion), nil
}

// steps returns v in whole steps; false where there is no step, or too many.
func steps(v em.Opt[float64], step float64) (uint16, bool) {
	if !v.OK {
		return 0, true
	}
	n := math.Round(v.V / step)
	return uint16(n), step > 0 && n >= 0 && n <= math.MaxUint16
}

// keep writes a sample to memory, with a head where it does not follow.
func (s *SkynSimulator) keep(at time.Time, r SkynRecord) {
	if s.open.next.IsZero() || !at.Equal(s.open.next) {
		s.memory = append(s.memory, NewSkynChunk(at, simRate))
	}
	s.open = chunk{next: at.Add(simRate * time.Second)}
	s.memory = append(s.memory, r)
}

// Deadline is at once where a hello or the battery waits to be said: the host says
// hello again where there are samples and no upload runs, or none gets on.
func (s *SkynSimulator) Deadline() time.Time {
	switch {
	case !s.greeted, s.tell, s.asked.IsZero() && s.holds():
		return atOnce
	case s.holds():
		return s.asked.Add(simAgain)
	}
	return time.Time{}
}

// Wake says hello, the first time and as Deadline says.
func (s *SkynSimulator) Wake(now time.Time, out *protocol.Output) error {
	if !s.greeted || s.holds() && (s.asked.IsZero() || !now.Before(s.asked.Add(simAgain))) {
		s.greeted, s.asked = true, now
		out.Send = append(out.Send, &TunnelHello{s.c.Identity, TunnelRaw, DialectS})
	}
	if s.tell {
		s.tell = false
		out.Send = append(out.Send, &SkynBattery{Millivolts: s.mv})
	}
	return nil
}

// Handle answers the center.
func (s *SkynSimulator) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	say := func(m protocol.Message) { out.Send = append(out.Send, m) }
	switch m := m.(type) {
	case *SkynTimeRequest:
		say(&SkynTime{Time: now.UTC().Truncate(time.Second)})
	case *SkynSetTime:
		s.open = chunk{}
		if n := len(s.memory); n > 0 && s.memory[n-1][0] == SkynSample {
			s.memory = append(s.memory, NewSkynEvent(m.Time, SkynTimeSync, 0))
		}
	case *SkynBatteryRequest:
		say(&SkynBattery{Millivolts: s.mv})
	case *SkynCalibrationRequest:
		point := &SkynCalibration{Point: m.Point, Version: s.version, Time: unix(simCalibration)}
		if m.Point == 1 {
			point.LSB, point.Concentration = simLSB, simFullScale
		}
		say(point)
	case *SkynRewind:
		s.cursor = 0
	case *SkynCountRequest:
		if len(s.memory) == 0 { // nothing will be fetched
			s.asked = time.Time{}
		}
		say(&SkynCount{Count: uint32(len(s.memory) - s.cursor)})
	case *SkynFetch:
		n := int(min(int64(m.Count), int64(len(s.memory)-s.cursor)))
		for part := range slices.Chunk(s.memory[s.cursor:s.cursor+n], simRecords) {
			say(&SkynRecords{Records: slices.Clone(part)})
		}
		s.cursor += n
	case *SkynDiscard:
		s.memory = slices.Delete(s.memory, 0, s.cursor)
		s.cursor, s.asked = 0, time.Time{}
	case *SkynRealtime:
		// Nothing is measured but what is reported.
	case *SkynDisconnect, *TunnelRefusal:
		out.Close = true
	default:
		return unsupported("%s to a Skyn", m.Type())
	}
	return nil
}
