package bactrack

import (
	"fmt"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// Times of a session.
const (
	// helloTimeout is how long a connection may go without a preamble.
	helloTimeout = 30 * time.Second
	// shownGap: after so long without a status, a result that is still shown
	// may be that of another test.
	shownGap = 10 * time.Second
	// testGap: after so long without a status nothing is known of what happened
	// meanwhile, and a result's time would be a guess.
	testGap = time.Minute
	// powerGap is the least time between two observations of the battery.
	powerGap = time.Minute
	// errorTries is how often the error of a failed test is asked for.
	errorTries = 3
)

// phase is what the session knows of the instrument that it polls.
type phase uint8

const (
	phaseUnknown     phase = iota // nothing yet, or nothing for too long
	phaseIdle                     // no result is shown
	phaseTesting                  // a test runs
	phaseFailed                   // it ended without a result: the error is asked for
	phaseShown                    // a result is shown, and was observed
	phaseCalibrating              // the next result is no breath test
	phaseOff                      // it said that it switches off
)

// vioSession is the center's side of a breathalyser: of dialect V on a serial
// line, whose identity is configured, or of V, M or C behind a tunnel, whose
// preamble has it. Instruments of M and C tell what they do by themselves.
type vioSession struct {
	opt      Options
	identity string     // configured, or of the preamble; empty before
	invalid  bool       // the configured one is none
	tunnel   TunnelMode // empty on a serial line
	dialect  Dialect    // V, M or C; the preamble has it
	started  bool
	closed   bool
	deadline time.Time

	phase      phase
	lastStatus time.Time
	lastBAC    em.Decimal         // of phaseShown
	tries      int                // of phaseFailed
	held       em.Opt[em.Decimal] // dialect C: the coarse result, until holdUntil
	holdUntil  time.Time

	battery   em.Opt[uint8] // observed last
	batteryAt time.Time
}

func newVioSession(identity string, o Options) *vioSession {
	s := &vioSession{opt: o}
	if s.invalid = identity != "" && !ValidIdentity(identity); !s.invalid {
		s.identity = identity
	}
	return s
}

func (s *vioSession) Device() em.DeviceID { return deviceID(s.identity) }

// Deadline asks to be woken at once as long as the conversation has not begun:
// on a serial line the center speaks first.
func (s *vioSession) Deadline() time.Time {
	switch {
	case !s.started:
		return atOnce
	case s.held.OK && (s.deadline.IsZero() || s.holdUntil.Before(s.deadline)):
		return s.holdUntil
	}
	return s.deadline
}

// atOnce is a deadline that has passed.
var atOnce = time.Unix(0, 0).UTC()

// Wake starts the conversation, or asks for the status again.
func (s *vioSession) Wake(now time.Time, out *protocol.Output) error {
	if !s.started {
		return s.start(now, out)
	}
	if s.held.OK && !now.Before(s.holdUntil) {
		s.status(now, VioResult, s.release(), out)
	}
	if s.closed || s.deadline.IsZero() || now.Before(s.deadline) {
		return nil
	}
	if s.identity == "" {
		s.hangUp(out, refusePreamble)
		return fmt.Errorf("bactrack: no preamble within %v: %w", helloTimeout, protocol.ErrNoIdentity)
	}
	s.poll(now, out)
	return nil
}

func (s *vioSession) start(now time.Time, out *protocol.Output) error {
	s.started = true
	switch {
	case s.invalid:
		s.closed, out.Close = true, true
		return fmt.Errorf("bactrack: the configured identity: %w", protocol.ErrIdentity)
	case s.identity == "":
		s.deadline = now.Add(helloTimeout)
	default:
		s.greet(now, out)
	}
	return nil
}

// greet asks who the instrument is, how often it was used and what it does.
func (s *vioSession) greet(now time.Time, out *protocol.Output) {
	switch s.dialect {
	case DialectM:
		s.deadline = time.Time{}
		out.Send = append(out.Send, &MobileUsesRequest{})
		return
	case DialectC:
		out.Send = append(out.Send, &C6UsesRequest{})
		s.poll(now, out)
		return
	}
	out.Send = append(out.Send, &VioIDRequest{}, &VioSettingRequest{VioUseCount})
	s.poll(now, out)
}

func (s *vioSession) poll(now time.Time, out *protocol.Output) {
	if s.dialect == DialectC { // the battery is its sign of life
		out.Send = append(out.Send, &C6BatteryRequest{})
		s.deadline = now.Add(s.opt.Beat)
		return
	}
	if s.phase == phaseFailed {
		s.askError(out)
	}
	out.Send = append(out.Send, &VioStatusRequest{})
	every := s.opt.Poll
	if s.tunnel == TunnelKept {
		every = s.opt.Beat // the host looks for results itself
	}
	s.deadline = now.Add(every)
}

func (s *vioSession) hangUp(out *protocol.Output, reason string) {
	out.Send = append(out.Send, &TunnelRefusal{reason})
	out.Close = true
	s.closed, s.deadline = true, time.Time{}
}

func (s *vioSession) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	h, isHello := m.(*TunnelHello)
	if !s.started && isHello && !s.invalid {
		s.started = true // hello greets
	} else if !s.started {
		if err := s.start(now, out); err != nil {
			return err
		}
	}
	switch {
	case s.closed:
		return fmt.Errorf("bactrack: %s after the end: %w", m.Type(), protocol.ErrMalformed)
	case isHello:
		return s.hello(now, h, out)
	}
	if s.identity == "" {
		return fmt.Errorf("bactrack: %s before the preamble: %w", m.Type(), protocol.ErrNoIdentity)
	}
	if v, ok := m.(value); ok {
		return s.value(now, v, out)
	}
	switch m := m.(type) {
	case *TunnelResult:
		return s.kept(m, out)
	case *VioStatus:
		if s.tunnel != TunnelKept {
			s.status(now, m.State, m.Value(), out)
		}
		s.power(now, m, out)
	case *VioError:
		if s.phase == phaseFailed { // any other is old news, or comes as a result of a kept tunnel
			s.failed(out, time.Time{}, m)
			s.phase = phaseIdle
		}
	case *VioID, *VioSetting, *VioSettingWritten, *VioButton, *VioControlReply, *protocol.Raw:
		out.Observe(s.Device(), time.Time{}, remark(m))
	default:
		return fmt.Errorf("bactrack: %s from the instrument: %w", m.Type(), protocol.ErrMalformed)
	}
	return nil
}

func (s *vioSession) hello(now time.Time, h *TunnelHello, out *protocol.Output) error {
	if s.identity != "" && h.Identity != s.identity {
		s.hangUp(out, refuseIdentity)
		return fmt.Errorf("bactrack: the preamble names another instrument: %w", protocol.ErrIdentity)
	}
	if h.Dialect == DialectS {
		s.hangUp(out, refuseDialect)
		return fmt.Errorf("bactrack: the preamble of a Skyn: %w", protocol.ErrMalformed)
	}
	if s.tunnel == h.Mode && s.dialect == h.Dialect {
		return nil
	}
	if s.tunnel != "" {
		return fmt.Errorf("bactrack: the preamble changes the mode: %w", protocol.ErrMalformed)
	}
	s.identity, s.tunnel, s.dialect = h.Identity, h.Mode, h.Dialect
	s.greet(now, out)
	return nil
}

// kept takes a result that the host keeps. It is observed and acknowledged
// whenever it comes: one that comes again has the ObservationID of the first.
func (s *vioSession) kept(r *TunnelResult, out *protocol.Output) error {
	if s.tunnel != TunnelKept {
		return fmt.Errorf("bactrack: %s without a preamble of mode %q: %w", r.Type(), TunnelKept, protocol.ErrMalformed)
	}
	from := len(out.Observations)
	switch m := r.Frame.(type) {
	case *VioStatus:
		if m.State == VioResult {
			out.Observe(s.Device(), r.At, s.reading(m.Value()))
		} else {
			out.Observe(s.Device(), r.At, battery(m))
		}
	case *VioError:
		s.failed(out, r.At, m)
	case value:
		s.keptValue(r.At, m, out)
	default:
		out.Observe(s.Device(), r.At, remark(m))
	}
	for i := from; i < len(out.Observations); i++ {
		out.Observations[i].Seq, out.Observations[i].Stored = em.Some(r.Seq), r.Late
	}
	out.Send = append(out.Send, &TunnelAck{r.Seq})
	return nil
}

// status follows a polled instrument. A result is observed once: when it is
// first shown after another state, or when the value that is shown changes.
func (s *vioSession) status(now time.Time, state VioState, bac em.Decimal, out *protocol.Output) {
	gap := now.Sub(s.lastStatus)
	if s.lastStatus.IsZero() || gap > testGap || s.phase == phaseShown && gap > shownGap {
		s.giveUp(out)
		s.phase = phaseUnknown
	}
	s.lastStatus = now
	switch state {
	case VioCountdown, VioReady, VioBlowing, VioAnalysing:
		s.giveUp(out)
		s.phase = phaseTesting
	case VioResult:
		s.result(bac, out)
	case VioIdle, VioCalibrating, VioPowerDown:
		s.ended(state, out)
	}
}

func (s *vioSession) result(bac em.Decimal, out *protocol.Output) {
	switch {
	case s.phase == phaseShown && bac == s.lastBAC:
		return
	case s.phase == phaseUnknown:
		out.Observe(s.Device(), time.Time{}, vendor("bactrack.undated", "bac", bac.String()))
	case s.phase == phaseCalibrating:
		r := s.reading(bac)
		r.Status = em.SampleCalibrated
		out.Observe(s.Device(), time.Time{}, r)
	default:
		s.giveUp(out)
		out.Observe(s.Device(), time.Time{}, s.reading(bac))
		if s.dialect == DialectV {
			out.Send = append(out.Send, &VioSettingRequest{VioUseCount})
		}
	}
	s.phase, s.lastBAC = phaseShown, bac
}

// ended takes a state in which no test runs and no result is shown.
func (s *vioSession) ended(state VioState, out *protocol.Output) {
	switch {
	case s.phase == phaseTesting:
		s.phase, s.tries = phaseFailed, 0
		if state == VioIdle {
			s.askError(out)
			return
		}
	case s.phase == phaseFailed && state == VioIdle:
		return // poll asks again
	}
	s.giveUp(out)
	switch {
	case state == VioCalibrating:
		s.phase = phaseCalibrating
	case state == VioIdle:
		s.phase = phaseIdle
	case s.phase != phaseOff:
		s.phase = phaseOff
		out.Observe(s.Device(), time.Time{}, &em.Power{Event: em.PowerOff})
	}
}

// askError asks why a test failed, a few times.
func (s *vioSession) askError(out *protocol.Output) {
	if s.tries++; s.tries > errorTries {
		s.giveUp(out)
		return
	}
	out.Send = append(out.Send, &VioErrorRequest{})
}

// giveUp observes a failed test whose error the instrument did not tell.
func (s *vioSession) giveUp(out *protocol.Output) {
	if s.phase == phaseFailed {
		s.phase = phaseIdle
		s.failed(out, time.Time{}, &VioError{})
	}
}

// power observes the battery: each Beat, and when its level has changed.
func (s *vioSession) power(now time.Time, m *VioStatus, out *protocol.Output) {
	since := now.Sub(s.batteryAt)
	changed := !s.battery.OK || s.battery.V != m.Battery
	// A beat's answer may come sooner after its request than the last one did.
	beat := since >= s.opt.Beat*9/10
	if !s.battery.OK || beat || changed && since >= powerGap {
		s.battery, s.batteryAt = em.Some(m.Battery), now
		out.Observe(s.Device(), time.Time{}, battery(m))
	}
}

func (s *vioSession) reading(bac em.Decimal) *em.AlcoholReading {
	r := &em.AlcoholReading{Value: bac, Unit: em.UnitBloodGPer100mL, Status: em.SampleOK}
	if s.opt.Ratio > 0 {
		r.Ratio = em.Some(s.opt.Ratio)
	}
	return r
}

// failed observes a test without a value, and a low battery besides.
func (s *vioSession) failed(out *protocol.Output, at time.Time, e *VioError) {
	status, reason := outcome(e)
	s.refused(out, at, status, reason, e.Code == VioErrLowBattery)
}

func (s *vioSession) refused(out *protocol.Output, at time.Time, status em.SampleStatus, reason string, lowBattery bool) {
	out.Observe(s.Device(), at, &em.AlcoholReading{Unit: em.UnitBloodGPer100mL, Status: status, Reason: reason})
	if lowBattery {
		out.Observe(s.Device(), at, &em.Power{Event: em.PowerLow})
	}
}

// outcome says what an error means for the sample, and names it.
func outcome(e *VioError) (em.SampleStatus, string) {
	switch e.Code {
	case VioErrNone:
		return em.SampleAborted, "ended without a result"
	case VioErrTimeout:
		return em.SampleAborted, e.Code.String()
	case VioErrBlow, VioErrInflow:
		return em.SampleInvalid, e.Code.String()
	case VioErrUpperLimit:
		return em.SampleOverRange, e.Code.String()
	case VioErrTemperature:
		switch e.Info {
		case 1:
			return em.SampleSensor, "temperature high"
		case 2:
			return em.SampleSensor, "temperature low"
		}
	}
	return em.SampleSensor, e.Code.String()
}

// battery is the level in a status; its scale of 0 to 15 is taken as linear.
func battery(m *VioStatus) *em.Power { return &em.Power{Level: em.Some(float64(m.Battery) / 15)} }

// remark is what no rule reads.
func remark(m protocol.Message) em.Body {
	switch m := m.(type) {
	case *VioID:
		return &em.Comms{Event: em.CommsInfo, Text: fmt.Sprintf("hardware %d version %d, software %d version %d",
			m.Hardware, m.HardwareVersion, m.Software, m.SoftwareVersion)}
	case *VioSetting:
		if n, ok := m.Number(); ok && m.Param == VioUseCount {
			return vendor("bactrack.uses", "count", fmt.Sprint(n))
		}
		return vendor("bactrack.setting", "param", rawCode(byte(m.Param)), "value", fmt.Sprintf("%x", m.Value))
	case *VioSettingWritten:
		return &em.Comms{Event: em.CommsReply, Text: fmt.Sprintf("setting written %x", m.Data)}
	case *VioControlReply:
		return &em.Comms{Event: em.CommsReply, Text: fmt.Sprintf("control %x", m.Data)}
	case *VioButton:
		return vendor("bactrack.button", "data", fmt.Sprintf("%x", m.Data))
	case *protocol.Raw:
		return vendor("bactrack.unsupported", "code", m.Code, "data", fmt.Sprintf("%x", m.Data))
	}
	return vendor("bactrack.unsupported", "type", m.Type())
}

// vendor makes a body of names and values in turn.
func vendor(name string, pairs ...string) *em.Vendor {
	v := &em.Vendor{Name: name}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Fields = append(v.Fields, em.Field{Name: pairs[i], Value: pairs[i+1]})
	}
	return v
}
