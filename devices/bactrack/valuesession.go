package bactrack

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// fineWait is how long the result of three decimals waits for the one of four,
// which only some instruments of dialect C send.
const fineWait = 3 * time.Second

// c6States are the phases of a test that runs.
var c6States = map[C6Phase]VioState{
	C6Countdown: VioCountdown, C6BlowNow: VioReady, C6Blowing: VioBlowing, C6Analysing: VioAnalysing, C6Analysing2: VioAnalysing,
}

// value takes what an instrument of dialect M or C tells by itself. In a kept
// tunnel no result is taken from it.
func (s *vioSession) value(now time.Time, m value, out *protocol.Output) error {
	if d, verb := m.route(); d != s.dialect || verb != verbNotify {
		return fmt.Errorf("bactrack: %s from an instrument of dialect %s: %w", m.Type(), s.dialect.word(), protocol.ErrMalformed)
	}
	live := s.tunnel != TunnelKept
	switch m := m.(type) {
	case *MobileStatus:
		if live && m.State >= VioCountdown && m.State <= VioResult {
			s.status(now, m.State, m.Value(), out)
		}
	case *MobileError:
		if live {
			s.phase = phaseIdle
			s.failed(out, time.Time{}, &VioError{Code: m.Code, Info: m.Info})
		}
	case *C6Result:
		if live {
			s.release()
			s.status(now, VioResult, m.Value(), out)
		}
	case *C6State:
		if live {
			s.c6State(now, m, out)
		}
	case *C6Battery:
		out.Observe(s.Device(), time.Time{}, &em.Power{Volts: em.Some(float64(m.Millivolts) / 1000)})
	default:
		out.Observe(s.Device(), time.Time{}, valueRemark(m))
	}
	return nil
}

func (s *vioSession) c6State(now time.Time, m *C6State, out *protocol.Output) {
	state, runs := c6States[m.Phase]
	status, reason, failed := c6Outcome(m.Phase)
	bac, result := m.BAC()
	if s.held.OK && !result {
		s.status(now, VioResult, s.release(), out) // the next test begins
	}
	switch {
	case runs:
		s.status(now, state, em.Decimal{}, out)
	case failed:
		s.phase = phaseIdle
		s.refused(out, time.Time{}, status, reason, m.Phase == C6LowBattery)
	case result && s.phase == phaseShown && now.Sub(s.lastStatus) <= shownGap:
		// The finer one has come first.
	case result && !s.held.OK:
		s.held, s.holdUntil = em.Some(bac), now.Add(fineWait)
	}
}

// release gives up the held result.
func (s *vioSession) release() em.Decimal {
	v := s.held.V
	s.held = em.Opt[em.Decimal]{}
	return v
}

// keptValue observes a result that the host has kept, of dialect M or C.
func (s *vioSession) keptValue(at time.Time, m value, out *protocol.Output) {
	switch m := m.(type) {
	case *MobileStatus:
		if m.State == VioResult {
			out.Observe(s.Device(), at, s.reading(m.Value()))
			return
		}
	case *MobileError:
		s.failed(out, at, &VioError{Code: m.Code, Info: m.Info})
		return
	case *C6Result:
		out.Observe(s.Device(), at, s.reading(m.Value()))
		return
	case *C6Battery:
		out.Observe(s.Device(), at, &em.Power{Volts: em.Some(float64(m.Millivolts) / 1000)})
		return
	case *C6State:
		if bac, ok := m.BAC(); ok {
			out.Observe(s.Device(), at, s.reading(bac))
			return
		}
		if status, reason, ok := c6Outcome(m.Phase); ok {
			s.refused(out, at, status, reason, m.Phase == C6LowBattery)
			return
		}
	}
	out.Observe(s.Device(), at, valueRemark(m))
}

// valueRemark is what no rule reads.
func valueRemark(m value) em.Body {
	switch m := m.(type) {
	case *MobileAck:
		return &em.Comms{Event: em.CommsReply, Text: fmt.Sprintf("ack %x", m.Data)}
	case *MobileNack:
		return &em.Comms{Event: em.CommsReply, Text: fmt.Sprintf("nack %x", m.Data)}
	case *MobileSetting:
		return vendor("bactrack.setting", "data", fmt.Sprintf("%x", m.Data))
	case *C6Uses:
		return vendor("bactrack.uses", "count", fmt.Sprint(m.Count))
	case *C6Unit:
		return vendor("bactrack.unit", "code", fmt.Sprint(m.Unit))
	}
	return vendor("bactrack.unsupported", "type", m.Type())
}
