package bactrack

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// SimulatorConfig says which breathalyser to simulate, and what it is behind.
type SimulatorConfig struct {
	Identity string     // required in a tunnel; the serial line does not carry it
	Tunnel   TunnelMode // empty: the instrument on a plain serial line
	Seed     uint64     // of versions, battery and use count
	Dialect  Dialect    // V, or M or C in a tunnel

	// Speed shortens the states of a test: 1 where zero, at which it takes about
	// ten seconds; 10 makes it one.
	Speed float64
}

// Simulator is a breathalyser of dialect V, on a serial line or with the host
// of a tunnel, or one of dialect M or C behind a tunnel. Every reading that is reported is one test: countdown, ready,
// blowing, analysing, result; it takes about ten seconds. It implements
// protocol.Simulator.
//
// On a serial line and in a raw tunnel it only answers, so that a center has to
// poll, a reading's time is that of its test, and Stored is unsupported. In a
// kept tunnel a reading has the time that was reported, and those that are
// Stored are uploaded late, without a test.
type Simulator struct {
	c SimulatorConfig

	id      VioID
	battery uint8
	blow    uint8 // blow time
	uses    uint16
	state   VioState
	told    VioState  // passed on last by the host of a kept tunnel
	until   time.Time // when state ends by itself; zero where it does not
	test    *vioTest  // of the states from countdown to analysing
	bac     uint16    // of the last result
	last    VioError
	queue   []vioTest
	push    []protocol.Message // of dialects M and C, in a raw tunnel: told at the next step

	greeted bool // the conversation has begun
	seq     uint64
	results []keptResult // not yet acknowledged, oldest first
}

var _ protocol.Resumer = (*Simulator)(nil)

// vioTest is a test to come, with its outcome.
type vioTest struct {
	at  time.Time // zero: when it is done
	bac uint16
	err em.Opt[VioErrorCode]
	inf uint8
}

// keptResult is a result in the host's memory.
type keptResult struct {
	line TunnelResult
	sent bool
}

// How long the simulated instrument stays in its states.
const (
	simCountdown = 3 * time.Second
	simReady     = 2 * time.Second
	simWait      = 15 * time.Second // ready, when nobody blows
	simBlowing   = 4 * time.Second
	simAnalysing = 2 * time.Second
	simShown     = 8 * time.Second // the next test begins no sooner
	simRest      = 3 * time.Second // idle between two tests
)

// NewSimulator returns a simulator; an identity that the tunnel does not allow
// is an error that wraps protocol.ErrIdentity.
func NewSimulator(c SimulatorConfig) (*Simulator, error) {
	if c.Speed == 0 {
		c.Speed = 1
	}
	switch {
	case !(c.Speed > 0 && c.Speed <= 1000):
		return nil, fmt.Errorf("bactrack: simulator: speed %v is not within 0 to 1000", c.Speed)
	case c.Dialect == DialectS, c.Dialect != DialectV && c.Tunnel == "":
		return nil, fmt.Errorf("bactrack: simulator: no dialect %q over %q", c.Dialect, c.Tunnel)
	case c.Tunnel != "" && c.Tunnel != TunnelRaw && c.Tunnel != TunnelKept:
		return nil, fmt.Errorf("bactrack: simulator: no tunnel mode %q", c.Tunnel)
	case (c.Tunnel != "" || c.Identity != "") && !ValidIdentity(c.Identity):
		return nil, fmt.Errorf("bactrack: simulator: %w", protocol.ErrIdentity)
	}
	rnd := rand.New(rand.NewPCG(c.Seed, 0))
	return &Simulator{
		c:       c,
		id:      VioID{Hardware: 1, HardwareVersion: uint8(1 + rnd.IntN(3)), Software: 2, SoftwareVersion: uint8(1 + rnd.IntN(9))},
		battery: uint8(9 + rnd.IntN(7)),
		blow:    5,
		uses:    uint16(rnd.IntN(500)),
	}, nil
}

// Device is the configured identity; empty where there is none.
func (s *Simulator) Device() em.DeviceID { return deviceID(s.c.Identity) }

// Pending returns how many results of a kept tunnel wait for their
// acknowledgement.
func (s *Simulator) Pending() int { return len(s.results) }

// Waiting implements protocol.Resumer: tests to come, the one that is taken, and
// results of a kept tunnel that were not acknowledged.
func (s *Simulator) Waiting() int {
	n := len(s.queue) + len(s.results)
	if s.test != nil {
		n++
	}
	return n
}

// Reconnect tells that the connection was lost: at the next Wake the host says
// hello again and uploads, as late, all that was not acknowledged.
func (s *Simulator) Reconnect() {
	s.greeted = false
	for i := range s.results {
		s.results[i].sent, s.results[i].line.Late = false, true
	}
}

// Report implements protocol.Simulator. It takes an *em.AlcoholReading in % BAC
// that fits the wire, or a failed one with a Reason that the session gives; and
// an *em.Power with nothing but a Level.
func (s *Simulator) Report(obs ...em.Observation) error {
	var jobs []func()
	for _, o := range obs {
		at := o.DeviceAt
		if at.IsZero() {
			at = o.At
		}
		if o.Stored && (s.c.Tunnel != TunnelKept || at.IsZero()) {
			return unsupported("a stored report outside a kept tunnel or without a time")
		}
		switch b := o.Body.(type) {
		case *em.AlcoholReading:
			t, err := testOf(b)
			if err == nil {
				err = s.sayable(t)
			}
			if err != nil {
				return err
			}
			t.at = at
			if o.Stored {
				jobs = append(jobs, func() { s.keep(at, true, s.outcome(t)) })
			} else {
				jobs = append(jobs, func() { s.queue = append(s.queue, t) })
			}
		case *em.Power:
			if s.c.Dialect != DialectV {
				return unsupported("report of power in dialect %q", s.c.Dialect)
			}
			if *b != (em.Power{Level: b.Level}) || !b.Level.OK || !(b.Level.V >= 0 && b.Level.V <= 1) {
				return unsupported("report of power other than a level from 0 to 1")
			}
			level := uint8(b.Level.V*15 + 0.5)
			stored := o.Stored
			jobs = append(jobs, func() {
				if !stored {
					s.battery = level
				}
				if s.c.Tunnel == TunnelKept && !at.IsZero() {
					s.keep(at, stored, &VioStatus{Battery: level})
				}
			})
		default:
			return unsupported("report of %T", o.Body)
		}
	}
	for _, f := range jobs {
		f()
	}
	return nil
}

// testOf returns the test that ends in r.
func testOf(r *em.AlcoholReading) (vioTest, error) {
	if r.Unit != em.UnitBloodGPer100mL || r.Identity != em.IdentityNone || r.Ambient.OK || r.Ratio.OK || !r.CalDue.IsZero() {
		return vioTest{}, unsupported("a reading with another unit than %q, or with more than a value", em.UnitBloodGPer100mL)
	}
	if r.Status == em.SampleOK {
		v, ok := wireBAC(r.Value)
		if !ok || r.Reason != "" {
			return vioTest{}, unsupported("reading %s", r.Value)
		}
		return vioTest{bac: v}, nil
	}
	for code := VioErrNone; code <= VioErrUpperLimit; code++ {
		for info := range uint8(3) {
			status, reason := outcome(&VioError{Code: code, Info: info})
			if r.Value.Coef == 0 && status == r.Status && (reason == r.Reason || r.Reason == "") {
				return vioTest{err: em.Some(code), inf: info}, nil
			}
		}
	}
	return vioTest{}, unsupported("reading with status %q and reason %q", r.Status, r.Reason)
}

// sayable reports as an error that the dialect has no word for a test's end.
func (s *Simulator) sayable(t vioTest) error {
	if _, ok := c6End(t); s.c.Dialect == DialectC && t.err.OK && !ok {
		return unsupported("a test that ends with %q in dialect C", t.err.V)
	}
	return nil
}

// c6End is the phase of dialect C that ends a test without a result.
func c6End(t vioTest) (C6Phase, bool) {
	switch t.err.V {
	case VioErrNone:
		return C6Cancelled, true
	case VioErrTimeout:
		return C6Timeout, true
	case VioErrBlow:
		return C6Blow, true
	case VioErrLowBattery:
		return C6LowBattery, true
	case VioErrTemperature:
		if t.inf == 1 {
			return C6Hot, true
		}
		return C6Cold, t.inf == 2
	case VioErrUncalibrated:
		return C6Uncalibrated, true
	case VioErrUpperLimit:
		return C6Exceeded, true
	}
	return 0, false
}

// wireBAC returns d in 1/10,000, where it is a whole number of them that fits.
func wireBAC(d em.Decimal) (uint16, bool) {
	v, scale := d.Coef, d.Scale
	for ; scale < bacScale && v >= 0 && v <= 0xFFFF; scale++ {
		v *= 10
	}
	for ; scale > bacScale && v%10 == 0; scale-- {
		v /= 10
	}
	return uint16(v), scale == bacScale && v >= 0 && v <= 0xFFFF
}

// outcome returns what the instrument says when t is done.
func (s *Simulator) outcome(t vioTest) protocol.Message {
	switch {
	case s.c.Dialect == DialectM && t.err.OK:
		return &MobileError{Code: t.err.V, Info: t.inf}
	case s.c.Dialect == DialectM:
		return &MobileStatus{State: VioResult, BAC: t.bac, Uses: s.uses, Extra: make([]byte, 3)}
	case s.c.Dialect == DialectC && t.err.OK:
		p, _ := c6End(t)
		return &C6State{Phase: p}
	case s.c.Dialect == DialectC:
		return &C6Result{BAC: t.bac, Extra: make([]byte, 13)}
	}
	if t.err.OK {
		return &VioError{Code: t.err.V, Info: t.inf}
	}
	return &VioStatus{Battery: s.battery, State: VioResult, BAC: t.bac}
}

func (s *Simulator) keep(at time.Time, late bool, m protocol.Message) {
	s.seq++
	s.results = append(s.results, keptResult{line: TunnelResult{At: at.UTC().Truncate(time.Millisecond), Seq: s.seq, Late: late, Frame: m}})
}

// Deadline is in the past where something waits to be done: a hello, a test, a
// result to pass on.
func (s *Simulator) Deadline() time.Time {
	kept := s.c.Tunnel == TunnelKept
	switch {
	case !s.greeted, len(s.push) > 0,
		s.until.IsZero() && len(s.queue) > 0,
		kept && slices.ContainsFunc(s.results, func(r keptResult) bool { return !r.sent }):
		return atOnce
	case kept, s.c.Dialect != DialectV:
		return s.until
	}
	return time.Time{}
}

// Wake implements protocol.Simulator. The first one says hello in a tunnel.
func (s *Simulator) Wake(now time.Time, out *protocol.Output) error {
	if s.c.Tunnel != "" && !s.greeted {
		out.Send = append(out.Send, &TunnelHello{s.c.Identity, s.c.Tunnel, s.c.Dialect})
	}
	s.greeted = true
	s.step(now, out)
	return nil
}

// step moves the instrument on by at most one state, so that whoever polls sees
// them all, and passes on what a kept tunnel's host has.
func (s *Simulator) step(now time.Time, out *protocol.Output) {
	if !s.until.IsZero() && !now.Before(s.until) {
		s.next(now)
	}
	if s.until.IsZero() && len(s.queue) > 0 {
		s.begin(now, s.unqueue())
	}
	if !s.greeted {
		return
	}
	if s.state != s.told && (s.c.Tunnel == TunnelKept || s.c.Dialect != DialectV) {
		s.told = s.state
		if m := s.status(); m != nil {
			out.Send = append(out.Send, m)
		}
	}
	out.Send = append(out.Send, s.push...)
	s.push = nil
	for i := range s.results {
		if r := &s.results[i]; !r.sent {
			r.sent = true
			line := r.line
			out.Send = append(out.Send, &line)
		}
	}
}

func (s *Simulator) begin(now time.Time, t vioTest) {
	s.test, s.last = &t, VioError{}
	s.enter(VioCountdown, now, simCountdown)
}

func (s *Simulator) unqueue() vioTest {
	t := s.queue[0]
	s.queue = slices.Delete(s.queue, 0, 1)
	return t
}

// enter begins a state that lasts d, or until something happens where d is zero.
func (s *Simulator) enter(state VioState, now time.Time, d time.Duration) {
	s.state, s.until = state, time.Time{}
	if d > 0 {
		s.until = now.Add(time.Duration(float64(d) / s.c.Speed))
	}
}

// next enters the state that follows.
func (s *Simulator) next(now time.Time) {
	var code em.Opt[VioErrorCode]
	if s.test != nil {
		code = s.test.err
	}
	switch s.state {
	case VioCountdown:
		switch {
		case !code.OK, code.V == VioErrBlow, code.V == VioErrInflow, code.V == VioErrUpperLimit, code.V == VioErrSensor:
			s.enter(VioReady, now, simReady)
		case code.V == VioErrTimeout, code.V == VioErrNone:
			s.enter(VioReady, now, simWait)
		default: // it refuses before a breath is taken
			s.finish(now)
		}
	case VioReady:
		if code.OK && (code.V == VioErrTimeout || code.V == VioErrNone) {
			s.finish(now)
		} else {
			s.enter(VioBlowing, now, simBlowing)
		}
	case VioBlowing:
		if code.OK && (code.V == VioErrBlow || code.V == VioErrInflow) {
			s.finish(now)
		} else {
			s.enter(VioAnalysing, now, simAnalysing)
		}
	case VioAnalysing:
		s.finish(now)
	case VioResult:
		s.enter(VioIdle, now, simRest)
	default:
		s.enter(s.state, now, 0)
	}
}

// finish ends the test: with a result to show, or with an error.
func (s *Simulator) finish(now time.Time) {
	t := *s.test
	s.test = nil
	s.uses++
	m := s.outcome(t)
	if t.err.OK {
		s.last = VioError{Code: t.err.V, Info: t.inf}
		s.enter(VioIdle, now, simRest)
	} else {
		s.bac = t.bac
		s.enter(VioResult, now, simShown)
	}
	if s.c.Tunnel == TunnelKept {
		at := t.at
		if at.IsZero() {
			at = now
		}
		s.keep(at, false, m)
	} else if s.c.Dialect == DialectC || s.c.Dialect == DialectM && t.err.OK {
		s.push = append(s.push, m)
	}
}

// status is what the instrument does; nil where its dialect has no word for it.
func (s *Simulator) status() protocol.Message {
	switch s.c.Dialect {
	case DialectM:
		if s.state < VioCountdown || s.state > VioResult {
			return nil
		}
		m := &MobileStatus{State: s.state, Uses: s.uses, Extra: make([]byte, 3)}
		if s.state == VioResult {
			m.BAC = s.bac
		}
		return m
	case DialectC:
		if s.state == VioResult { // of three decimals; the finer one follows
			return &C6State{Phase: C6Completed, Data: []byte{byte(s.bac / 10 >> 8), byte(s.bac / 10)}}
		}
		for p := C6Countdown; p <= C6Analysing; p++ {
			if c6States[p] == s.state {
				return &C6State{Phase: p}
			}
		}
		return nil
	}
	m := &VioStatus{Battery: s.battery, State: s.state}
	if s.state == VioCountdown {
		m.Heat = 1
	}
	if s.state == VioResult {
		m.BAC = s.bac
	}
	return m
}

// Handle answers the center.
func (s *Simulator) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	s.step(now, out)
	switch m := m.(type) {
	case *VioIDRequest:
		id := s.id
		out.Send = append(out.Send, &id)
	case *VioStatusRequest:
		if m := s.status(); m != nil {
			out.Send = append(out.Send, m)
		}
	case *VioErrorRequest:
		last := s.last
		out.Send = append(out.Send, &last)
	case *VioSettingRequest:
		out.Send = append(out.Send, &VioSetting{m.Param, s.setting(m.Param)})
	case *VioSettingWrite:
		if m.Param == VioBlowTime && len(m.Value) == 1 {
			s.blow = m.Value[0]
		}
		out.Send = append(out.Send, &VioSettingWritten{[]byte{byte(m.Param)}})
	case *VioControl:
		out.Send = append(out.Send, &VioControlReply{[]byte{byte(m.Action)}})
		s.control(now, m.Action)
		s.step(now, out)
	case *MobilePower:
		out.Send = append(out.Send, &MobileAck{Data: []byte{byte(m.Action)}})
		if a, ok := map[MobileAction]VioAction{MobileStart: VioStart, MobileOff: VioShutDown}[m.Action]; ok {
			s.control(now, a)
			s.step(now, out)
		}
	case *MobileSettingRequest:
		out.Send = append(out.Send, &MobileSetting{Data: []byte{m.ID, s.blow}})
	case *MobileSettingWrite:
		s.blow = m.Value
		out.Send = append(out.Send, &MobileSetting{Data: []byte{m.ID, s.blow}})
	case *MobileUsesRequest:
		out.Send = append(out.Send, &MobileSetting{Data: []byte{0, byte(s.uses >> 8), byte(s.uses)}})
	case *C6Start:
		s.control(now, VioStart)
		s.step(now, out)
	case *C6UsesRequest:
		out.Send = append(out.Send, &C6Uses{Count: s.uses})
	case *C6BatteryRequest:
		out.Send = append(out.Send, &C6Battery{Millivolts: 3000 + 60*uint16(s.battery)})
	case *TunnelAck:
		s.results = slices.DeleteFunc(s.results, func(r keptResult) bool { return r.line.Seq == m.Seq })
	case *TunnelRefusal:
		out.Close = true
	default:
		return unsupported("%s to an instrument", m.Type())
	}
	return nil
}

func (s *Simulator) setting(p VioParam) []byte {
	switch p {
	case VioBlowTime:
		return []byte{s.blow}
	case VioUseCount:
		return []byte{byte(s.uses), byte(s.uses >> 8)}
	case VioBattery:
		return []byte{s.battery}
	case VioButtons:
		return []byte{0}
	}
	return nil
}

// control starts a test that nobody takes unless one was reported, breaks one
// off, or switches off.
func (s *Simulator) control(now time.Time, a VioAction) {
	switch a {
	case VioStart:
		if s.test != nil {
			return
		}
		t := vioTest{err: em.Some(VioErrTimeout)}
		if len(s.queue) > 0 {
			t = s.unqueue()
		}
		s.begin(now, t)
	case VioCancel, VioShutDown:
		if s.test != nil {
			s.test.err, s.test.inf = em.Some(VioErrNone), 0
			s.finish(now)
		}
		if a == VioShutDown {
			s.enter(VioPowerDown, now, 0)
		}
	}
}
