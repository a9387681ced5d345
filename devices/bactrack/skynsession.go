package bactrack

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// SkynName is the name of dialect S and the first part of its DeviceIDs:
// "skyn:SK-0017".
const SkynName = "skyn"

// SkynOptions change what a session with a Skyn does. The zero value works, and
// leaves out what the maker has not published.
type SkynOptions struct {
	// Every is the time between two uploads; DefaultSkynEvery where zero.
	Every time.Duration

	// Unit of the readings. em.UnitRaw, where empty: the sensor's own number. With
	// em.UnitSkinUgPerL the session puts each number on the line through the
	// instrument's two calibration points, rounded to 0.01: set it where the maker
	// has said in writing that their unit is µg/L.
	Unit em.AlcoholUnit

	// Celsius and Gravity are one step of temperature and of acceleration, in °C
	// and g. Zero, as the wire has no unit, leaves them out of the readings.
	Celsius, Gravity float64
}

// DefaultSkynEvery is the default of SkynOptions.Every; a minute is the least.
const (
	DefaultSkynEvery = 2 * time.Minute
	minSkynEvery     = time.Minute
)

const (
	// skynBatch bounds the records that are fetched at once: 64 KB, 45 hours of
	// samples every 20 seconds.
	skynBatch = 8192
	// skynStall is how long a fetch may pause.
	skynStall = 30 * time.Second
	// skynClockOff is how far off the instrument's clock may be untold.
	skynClockOff = 2 * time.Minute
)

// Skyn returns dialect S with the default SkynOptions.
func Skyn() protocol.Device {
	d, _ := NewSkyn(SkynOptions{}) // the zero value works
	return d
}

// NewSkyn returns dialect S with other SkynOptions; an error says which is out of
// range.
func NewSkyn(o SkynOptions) (protocol.Device, error) {
	if o.Every == 0 {
		o.Every = DefaultSkynEvery
	}
	if o.Unit == "" {
		o.Unit = em.UnitRaw
	}
	switch {
	case o.Every < minSkynEvery:
		return protocol.Device{}, fmt.Errorf("bactrack: an upload every %v: at least %v", o.Every, minSkynEvery)
	case o.Unit != em.UnitRaw && o.Unit != em.UnitSkinUgPerL:
		return protocol.Device{}, fmt.Errorf("bactrack: unit %q of a Skyn is neither %q nor %q", o.Unit, em.UnitRaw, em.UnitSkinUgPerL)
	case !(o.Celsius >= 0 && o.Celsius <= 1 && o.Gravity >= 0 && o.Gravity <= 1):
		return protocol.Device{}, fmt.Errorf("bactrack: steps of %v °C and %v g: within 0 to 1", o.Celsius, o.Gravity)
	}
	return protocol.Device{
		Name:     SkynName,
		Title:    "BACtrack Skyn: alcohol at the skin of the wrist (dialect S)",
		Codec:    Codec{},
		Relaxed:  Codec{RelaxedChecksum: true},
		MaxFrame: MaxFrame,
		Sessions: func(c protocol.SessionConfig) protocol.Session { return newSkynSession(c.Identity, o) },
		Simulator: func(identity string, seed uint64) (protocol.Simulator, error) {
			s, err := NewSkynSimulator(SkynSimulatorConfig{Identity: identity, Seed: seed, Options: o})
			if err != nil {
				return nil, err // not a nil *SkynSimulator
			}
			return s, nil
		},
		Match:    matchSkyn,
		Commands: []protocol.CommandKind{protocol.CommandRead},
	}, nil
}

// matchSkyn knows the preamble of dialect S.
func matchSkyn(b []byte) protocol.Match {
	switch {
	case isHello(b, DialectS):
		return protocol.Yes
	case isHello(b, DialectV), isHello(b, DialectM), isHello(b, DialectC):
		return protocol.No
	case overlap(b, lineStart):
		return protocol.Maybe
	}
	return protocol.No
}

func skynID(identity string) em.DeviceID {
	if identity == "" {
		return ""
	}
	return em.DeviceID(SkynName + ":" + identity)
}

// skynSession is the center's side of dialect S, behind a tunnel.
type skynSession struct {
	opt      SkynOptions
	identity string // configured, or of the preamble
	invalid  bool
	greeted  bool
	started  bool
	closed   bool
	deadline time.Time

	calibration [2]em.Opt[SkynCalibration]

	// The upload that runs. Records are fetched up to the last boundary: where that
	// is not the end, they are fetched once more up to there, so that what is
	// discarded is what was observed.
	want   int          // records of the fetch; 0 where none runs
	more   bool         // others wait behind them
	batch  []SkynRecord // that came
	first  []SkynRecord // to come again, of the second fetch
	dated  []dated      // of first
	stuck  bool         // the last upload found no boundary
	chunk  chunk        // that samples continue which come without a head
	undone int          // samples of first without a time
}

func newSkynSession(identity string, o SkynOptions) *skynSession {
	s := &skynSession{opt: o}
	if s.invalid = identity != "" && !ValidIdentity(identity); !s.invalid {
		s.identity = identity
	}
	return s
}

// Device is "skyn:" and the identity of the preamble; empty before.
func (s *skynSession) Device() em.DeviceID {
	if !s.greeted {
		return ""
	}
	return skynID(s.identity)
}

// Deadline asks to be woken at once as long as the conversation has not begun.
func (s *skynSession) Deadline() time.Time {
	if !s.started {
		return atOnce
	}
	return s.deadline
}

// Wake starts the conversation, or the next upload.
func (s *skynSession) Wake(now time.Time, out *protocol.Output) error {
	switch {
	case !s.started:
		return s.start(now, out)
	case s.closed || now.Before(s.deadline):
		return nil
	case !s.greeted:
		s.hangUp(out, refusePreamble)
		return fmt.Errorf("bactrack: no preamble within %v: %w", helloTimeout, protocol.ErrNoIdentity)
	}
	s.upload(now, out)
	return nil
}

func (s *skynSession) start(now time.Time, out *protocol.Output) error {
	s.started = true
	if s.invalid {
		s.closed, out.Close = true, true
		return fmt.Errorf("bactrack: the configured identity: %w", protocol.ErrIdentity)
	}
	s.deadline = now.Add(helloTimeout)
	return nil
}

func (s *skynSession) hangUp(out *protocol.Output, reason string) {
	out.Send = append(out.Send, &TunnelRefusal{reason})
	out.Close = true
	s.closed, s.deadline = true, time.Time{}
}

// upload begins one: the clock is set each time, which ends the chunk that is open.
func (s *skynSession) upload(now time.Time, out *protocol.Output) {
	s.want, s.batch, s.first, s.dated = 0, nil, nil, nil
	s.deadline = now.Add(s.opt.Every)
	out.Send = append(out.Send, &SkynTimeRequest{}, &SkynBatteryRequest{})
	for p := range s.calibration {
		if !s.calibration[p].OK {
			out.Send = append(out.Send, &SkynCalibrationRequest{Point: uint8(p)})
		}
	}
	s.ask(now, out)
}

// ask asks how many records there are, with the clock set before.
func (s *skynSession) ask(now time.Time, out *protocol.Output) {
	if t := now.UTC().Truncate(time.Second); t.Unix() >= 0 && t.Unix() <= math.MaxUint32 {
		out.Send = append(out.Send, &SkynSetTime{Time: t})
	}
	out.Send = append(out.Send, &SkynRewind{}, &SkynCountRequest{})
}

// Handle takes what the instrument or its host says.
func (s *skynSession) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	if !s.started {
		if err := s.start(now, out); err != nil {
			return err
		}
	}
	if s.closed {
		return fmt.Errorf("bactrack: %s after the end: %w", m.Type(), protocol.ErrMalformed)
	}
	if h, ok := m.(*TunnelHello); ok {
		return s.hello(now, h, out)
	}
	if !s.greeted {
		return fmt.Errorf("bactrack: %s before the preamble: %w", m.Type(), protocol.ErrNoIdentity)
	}
	switch m := m.(type) {
	case *SkynTime:
		if off := now.Sub(m.Time); off.Abs() > skynClockOff {
			out.Observe(s.Device(), time.Time{}, vendor("skyn.clock", "slow_s", fmt.Sprint(int(off/time.Second))))
		}
	case *SkynBattery:
		out.Observe(s.Device(), time.Time{}, &em.Power{Volts: em.Some(float64(m.Millivolts) / 1000)})
	case *SkynCalibration:
		if int(m.Point) < len(s.calibration) {
			s.calibration[m.Point] = em.Some(*m)
		}
		out.Observe(s.Device(), time.Time{}, vendor("skyn.calibration", "point", fmt.Sprint(m.Point), "version", fmt.Sprint(m.Version),
			"lsb", fmt.Sprint(m.LSB), "concentration", fmt.Sprint(m.Concentration), "made", m.Time.Format(time.RFC3339)))
	case *SkynCount:
		s.count(m.Count, out)
	case *SkynRecords:
		return s.records(now, m, out)
	case *SkynLive, *SkynRate:
		// Records that are live are fetched too.
	case *protocol.Raw:
		out.Observe(s.Device(), time.Time{}, vendor("skyn.unsupported", "code", m.Code, "data", fmt.Sprintf("%x", m.Data)))
	default:
		return fmt.Errorf("bactrack: %s from a Skyn: %w", m.Type(), protocol.ErrMalformed)
	}
	return nil
}

func (s *skynSession) hello(now time.Time, h *TunnelHello, out *protocol.Output) error {
	switch {
	case h.Dialect != DialectS || h.Mode != TunnelRaw:
		s.hangUp(out, refuseDialect)
		return fmt.Errorf("bactrack: the preamble is not that of a Skyn in mode %q: %w", TunnelRaw, protocol.ErrMalformed)
	case s.identity != "" && h.Identity != s.identity:
		s.hangUp(out, refuseIdentity)
		return fmt.Errorf("bactrack: the preamble names another instrument: %w", protocol.ErrIdentity)
	case s.greeted: // the host asks for an upload
		s.upload(now, out)
		return nil
	}
	s.identity, s.greeted = h.Identity, true
	out.Send = append(out.Send, &SkynRealtime{})
	s.upload(now, out)
	return nil
}

// count begins to fetch, where the readings can be told.
func (s *skynSession) count(n uint32, out *protocol.Output) {
	s.batch, s.first, s.want = nil, nil, 0
	if n == 0 {
		return
	}
	if !s.calibrated() {
		out.Observe(s.Device(), time.Time{}, vendor("skyn.uncalibrated", "records", fmt.Sprint(n)))
		return
	}
	s.want, s.more = int(min(n, skynBatch)), n > skynBatch
	out.Send = append(out.Send, &SkynFetch{Count: uint32(s.want)})
}

func (s *skynSession) records(now time.Time, m *SkynRecords, out *protocol.Output) error {
	if s.want == 0 {
		return fmt.Errorf("bactrack: records that were not asked for: %w", protocol.ErrMalformed)
	}
	s.batch = append(s.batch, m.Records...)
	if at := now.Add(skynStall); s.deadline.Before(at) {
		s.deadline = at
	}
	again := s.first != nil
	switch {
	case len(s.batch) < s.want:
		return nil
	case len(s.batch) > s.want, again && !slices.Equal(s.batch, s.first):
		s.want = 0 // the next upload begins anew
		return fmt.Errorf("bactrack: other records than were asked for: %w", protocol.ErrMalformed)
	case again:
		s.take(s.dated, s.undone, out)
		s.stuck = false
		return nil
	}
	all, end := date(s.batch, s.chunk)
	k := end.boundary
	full := s.want == skynBatch
	if k == 0 && (full || s.stuck) {
		// No boundary will come: the rest of the chunk follows the samples here.
		s.chunk, s.stuck = end.chunk, false
		s.take(all, end.undated, out)
		return nil
	}
	if k == 0 {
		s.want, s.stuck = 0, true
		return nil
	}
	s.chunk = chunk{}
	if k == len(s.batch) {
		s.stuck = false
		s.take(all, 0, out)
		return nil
	}
	s.first, s.batch, s.want = s.batch[:k], nil, k
	s.dated, s.undone = slices.DeleteFunc(all, func(d dated) bool { return d.index >= k }), 0
	out.Send = append(out.Send, &SkynRewind{}, &SkynFetch{Count: uint32(k)})
	return nil
}

// take observes records and lets the instrument forget them.
func (s *skynSession) take(all []dated, undated int, out *protocol.Output) {
	for _, d := range all {
		if b := s.body(d.record); b != nil {
			out.Observe(s.Device(), d.at, b).Stored = true
		}
	}
	if undated > 0 {
		out.Observe(s.Device(), time.Time{}, vendor("skyn.undated", "samples", fmt.Sprint(undated))).Stored = true
	}
	s.want, s.batch, s.first, s.dated = 0, nil, nil, nil
	out.Send = append(out.Send, &SkynDiscard{})
	if s.more {
		out.Send = append(out.Send, &SkynCountRequest{})
	}
}

// body is what a record says; nil where nobody need know.
func (s *skynSession) body(r SkynRecord) em.Body {
	switch {
	case r[0] == SkynSample:
		alcohol, temperature, motion := r.Sample()
		t := &em.Transdermal{Value: em.Decimal{Coef: int64(alcohol)}, Unit: em.UnitRaw}
		if s.opt.Unit == em.UnitSkinUgPerL {
			t.Value, t.Unit = s.concentration(alcohol), em.UnitSkinUgPerL
		}
		if s.opt.Celsius > 0 {
			t.Temperature = em.Some(float64(temperature) * s.opt.Celsius)
		}
		if s.opt.Gravity > 0 {
			t.Motion = em.Some(float64(motion) * s.opt.Gravity)
		}
		return t
	case r[0] == SkynChunk, r[0] == SkynEvent && r.Code() == SkynTimeSync:
		return nil
	case r[0] == SkynEvent && r.Code() == SkynPowerRestored:
		return &em.Power{Event: em.PowerOn}
	case r[0] == SkynEvent:
		return vendor("skyn.event", "code", rawCode(r.Code()), "payload", rawCode(r[7]))
	}
	return vendor("skyn.record", "data", fmt.Sprintf("%x", r[:]))
}

// maxConcentration keeps a line's values within a Decimal; no alcohol comes near.
const maxConcentration = 1e9

// calibrated reports whether the readings' unit can be told.
func (s *skynSession) calibrated() bool {
	a, b := s.calibration[0], s.calibration[1]
	if s.opt.Unit == em.UnitRaw {
		return true
	}
	steep := math.Abs(float64(b.V.Concentration)-float64(a.V.Concentration)) <= maxConcentration/math.MaxUint16
	return a.OK && b.OK && a.V.LSB != b.V.LSB && steep && math.Abs(float64(a.V.Concentration)) <= maxConcentration
}

// concentration puts a number on the instrument's own line.
func (s *skynSession) concentration(alcohol uint16) em.Decimal {
	a, b := s.calibration[0].V, s.calibration[1].V
	slope := (float64(b.Concentration) - float64(a.Concentration)) / (float64(b.LSB) - float64(a.LSB))
	v := float64(a.Concentration) + (float64(alcohol)-float64(a.LSB))*slope
	return em.Decimal{Coef: int64(math.Round(v * 100)), Scale: 2}
}

// Command begins an upload before its time (CommandRead). The count of records is
// the answer.
func (s *skynSession) Command(now time.Time, c protocol.Command) (protocol.Order, error) {
	switch {
	case c.Kind != protocol.CommandRead:
		return protocol.Order{}, fmt.Errorf("bactrack: command %q: %w", c.Kind, protocol.ErrUnsupported)
	case !s.greeted:
		return protocol.Order{}, fmt.Errorf("bactrack: command: %w", protocol.ErrNoIdentity)
	}
	var out protocol.Output
	s.ask(now, &out)
	return protocol.Order{Send: out.Send, Answer: func(m protocol.Message) protocol.Answer {
		if _, ok := m.(*SkynCount); ok {
			return protocol.Acknowledged
		}
		return protocol.NoAnswer
	}}, nil
}
