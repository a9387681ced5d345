package jt808

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// Timing and limits of the simulator.
const (
	heartbeatEvery = time.Minute
	repeatAfter    = 10 * time.Second
	inFlight       = 8       // frames that wait for their reply at once
	batchOf        = 10      // reports from memory in one frame
	memory         = 100_000 // reports that wait to be sent
)

// ErrMemory is returned by a simulator's Report when too many reports wait.
var ErrMemory = errors.New("jt808: the simulated device's memory is full")

// simulator is a terminal: it registers, authenticates itself, sends heartbeats
// and reports, and repeats each frame until it is answered.
type simulator struct {
	head    Header // without type and serial
	name    string
	lead    time.Duration
	rnd     *rand.Rand
	now     time.Time // of the last call
	serial  uint16
	started bool
	online  bool
	beat    time.Time
	queue   []saying
	flight  []sent
	last    Report // the last position reported
	signal  uint8
}

// saying is a report, or a heartbeat, that waits to be sent.
type saying struct {
	heartbeat, stored bool
	report            Report
}

// sent is a frame that waits for its reply.
type sent struct {
	m   protocol.Message
	due time.Time // of its repeat
}

func newSimulator(identity string, seed uint64, lead time.Duration) (protocol.Simulator, error) {
	h, err := NewHeader(identity, 0)
	if err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(seed, 0x6A74_3830))
	return &simulator{head: h, name: identity, lead: lead, rnd: r, signal: uint8(12 + r.IntN(20))}, nil
}

func (s *simulator) Device() em.DeviceID { return em.DeviceID(Name + ":" + s.name) }

// Deadline is the next repeat or heartbeat, or at once where reports wait.
func (s *simulator) Deadline() time.Time {
	if !s.started || s.online && len(s.queue) > 0 && len(s.flight) < inFlight {
		return s.now
	}
	d := s.beat
	for _, f := range s.flight {
		if s.may(f) && (d.IsZero() || f.due.Before(d)) {
			d = f.due
		}
	}
	return d
}

// may reports whether a frame may be sent yet: before the login is through only
// those that belong to it.
func (s *simulator) may(f sent) bool {
	switch f.m.(type) {
	case *Register, *Authenticate:
		return true
	}
	return s.online
}

// Wake starts the device and continues it.
func (s *simulator) Wake(now time.Time, out *protocol.Output) error {
	s.now = now
	if !s.started {
		s.started = true
		m := &Register{Header: s.header(typeRegister), Edition: 2013, Maker: "SARGS", Model: "SIM-1", Terminal: s.name[len(s.name)-7:]}
		if s.head.Version.OK {
			m.Edition = 2019
		}
		s.send(m, out)
	}
	s.repeat(out)
	if s.online && !s.beat.After(now) {
		s.beat = now.Add(heartbeatEvery)
		s.queue = append(s.queue, saying{heartbeat: true})
	}
	s.flush(out)
	return nil
}

// repeat sends again what was not answered in time.
func (s *simulator) repeat(out *protocol.Output) {
	for i := range s.flight {
		if f := &s.flight[i]; s.may(*f) && !f.due.After(s.now) {
			f.due = s.now.Add(repeatAfter)
			out.Send = append(out.Send, f.m)
		}
	}
}

// Waiting implements protocol.Resumer.
func (s *simulator) Waiting() int {
	n := 0
	for _, q := range s.queue {
		if !q.heartbeat {
			n++
		}
	}
	for _, f := range s.flight {
		switch m := f.m.(type) {
		case *Location:
			n++
		case *Batch:
			n += len(m.Reports)
		}
	}
	return n
}

// Reconnect implements protocol.Resumer: the terminal registers again, and then
// repeats the frames that were in flight.
func (s *simulator) Reconnect() {
	s.started, s.online, s.beat = false, false, time.Time{}
	var again []sent
	for _, f := range s.flight {
		switch f.m.(type) {
		case *Location, *Batch:
			again = append(again, sent{m: f.m})
		}
	}
	s.flight = again
}

func (s *simulator) header(code uint16) Header {
	h := s.head
	h.Code, h.Serial = code, s.serial
	s.serial++
	return h
}

// flush sends what waits, as far as frames may be in flight. Reports from memory
// that stand together go in one batch.
func (s *simulator) flush(out *protocol.Output) {
	for s.online && len(s.queue) > 0 && len(s.flight) < inFlight {
		n := 1
		switch first := s.queue[0]; {
		case first.heartbeat:
			s.send(&Heartbeat{Header: s.header(typeHeartbeat)}, out)
		case first.stored:
			m := &Batch{Header: s.header(typeBatch), Kind: 1, Reports: []Report{first.report}}
			for ; n < batchOf && n < len(s.queue) && s.queue[n].stored; n++ {
				m.Reports = append(m.Reports, s.queue[n].report)
			}
			s.send(m, out)
		default:
			s.send(&Location{s.header(typeLocation), first.report}, out)
		}
		s.queue = s.queue[n:]
	}
}

func (s *simulator) send(m protocol.Message, out *protocol.Output) {
	s.flight = append(s.flight, sent{m, s.now.Add(repeatAfter)})
	out.Send = append(out.Send, m)
}

// answered takes the frame with that type and serial out of flight.
func (s *simulator) answered(code, serial uint16) bool {
	for i, f := range s.flight {
		if h := f.m.(headed).head(); h.Code == code && h.Serial == serial {
			s.flight = append(s.flight[:i], s.flight[i+1:]...)
			return true
		}
	}
	return false
}

// Handle takes the platform's answers and commands.
func (s *simulator) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	s.now = now
	switch m := m.(type) {
	case *RegisterReply:
		if m.Result == ResultOK && s.answered(typeRegister, m.Answered) {
			s.send(&Authenticate{Header: s.header(typeAuth), AuthCode: m.AuthCode}, out)
		}
	case *Reply:
		if m.Result == ResultOK && s.answered(m.AnsweredCode, m.Answered) && m.AnsweredCode == typeAuth {
			s.online, s.beat = true, now.Add(heartbeatEvery)
			s.repeat(out)
		}
		s.flush(out)
	case *Control, *Parameters, *Text, *Settings, *Transparent:
		h := m.(headed).head()
		out.Send = append(out.Send, &Reply{s.header(typeReply), h.Serial, h.Code, ResultOK})
	case *Opaque:
		out.Send = append(out.Send, &Reply{s.header(typeReply), m.Serial, m.Header.Code, ResultUnsupported})
	case *TimeReply, *ServerTime, *CompactReply, *MediaReply, *Resend, *Base:
	default:
		return fmt.Errorf("jt808: %w: the simulated terminal does not take a %s", protocol.ErrUnsupported, m.Type())
	}
	return nil
}

// Report takes positions, alarms, tampers and states of the power with their
// time, from memory too, and heartbeats of now.
func (s *simulator) Report(obs ...em.Observation) error {
	if len(s.queue)+len(obs) > memory {
		return ErrMemory
	}
	more, err := protocol.Tell(s, obs, s.say)
	s.queue = append(s.queue, more...)
	return err
}

func (s *simulator) say(o em.Observation) (saying, error) {
	if o.Body == nil {
		return saying{}, unsupported("an observation without a body")
	}
	no := unsupported("a %s of this kind, or of that time", o.Body.Kind())
	at := protocol.ToldAt(o)
	clock, ok := ClockAt(at, s.lead)
	if c, beat := o.Body.(*em.Comms); beat {
		if c.Event != em.CommsHeartbeat || o.Stored || c.Text != "" || c.Signal.OK || len(c.Cells)+len(c.WiFi) > 0 {
			return saying{}, no
		}
		return saying{heartbeat: true}, nil
	}
	if f, fix := o.Body.(*em.Fix); fix {
		ok = ok && s.position(f)
	}
	r := s.last
	r.Clock = clock
	signal := Items{0x30, 1, s.signal}
	r.Items = append(signal, s.last.Items...)
	if _, fix := o.Body.(*em.Fix); !fix {
		r.Status &^= statusFixed // the position is of another time
		r.Items = signal
		ok = ok && r.event(o.Body)
	}
	if !ok {
		return saying{}, no
	}
	return saying{stored: o.Stored, report: r}, nil
}

// position takes over a fix; false where the dialect cannot say it. Its
// satellites are kept as an item.
func (s *simulator) position(f *em.Fix) bool {
	if !f.Valid() || f.Source != em.SourceGNSS && f.Source != "" || f.Accuracy.OK || f.Validity != em.FixInvalid && f.LatLng == (em.LatLng{}) {
		return false
	}
	r := Report{Lat: uint32(math.Round(math.Abs(f.Lat) * 1e6)), Lng: uint32(math.Round(math.Abs(f.Lng) * 1e6))}
	if f.Lat < 0 {
		r.Status |= statusSouth
	}
	if f.Lng < 0 {
		r.Status |= statusWest
	}
	switch f.Validity {
	case em.FixCurrent:
		r.Status |= statusFixed
	case em.FixInvalid:
		r.Lat, r.Lng = 0, 0
	}
	if v := math.Round(f.Altitude.V); math.Abs(v) <= math.MaxInt16 {
		r.Altitude = int16(v)
	}
	if v := math.Round(f.Speed.V * 36); v >= 0 && v <= math.MaxUint16 {
		r.Speed = uint16(v)
	}
	if f.Course.V >= 0 && f.Course.V <= 360 {
		r.Course = uint16(math.Round(f.Course.V))
	}
	if n := f.Satellites; n.OK && n.V >= 0 && n.V <= math.MaxUint8 {
		r.Items = Items{0x31, 1, uint8(n.V)}
	}
	s.last = r
	return true
}

// event puts what is not a position into a report; false where it has no place.
func (r *Report) event(body em.Body) bool {
	switch b := body.(type) {
	case *em.Tamper:
		switch {
		case b.What == em.TamperStrap && (b.Code == "" || b.Code == strapCode):
			state := uint8(0)
			if b.Cleared {
				state = 1
			}
			r.Items = append(r.Items, 0xDA, 3, 0, 1-state, state)
			return true
		case b.What == em.TamperRemoval && !b.Cleared && (b.Code == "" || b.Code == removalCode):
			r.Items = binary.BigEndian.AppendUint32(append(r.Items, 0xEB, 8, 0, 6, 0, 0x89), ^uint32(1<<removalBit))
			return true
		}
		return !b.Cleared && r.bit(func(row alarmBit) bool {
			t, ok := row.body.(*em.Tamper)
			return ok && t.What == b.What && strings.Contains(row.name, "tamper") && codeIs(b.Code, row.bit)
		})
	case *em.Alarm:
		if b.What == em.AlarmFenceIn || b.What == em.AlarmFenceOut {
			way := uint8(0)
			if b.What == em.AlarmFenceOut {
				way = 1
			}
			r.Alarm |= 1 << bitFence
			r.Items = append(r.Items, 0x12, 6, 1, 0, 0, 0, 1, way)
			return codeIs(b.Code, bitFence)
		}
		return r.bit(func(row alarmBit) bool {
			a, ok := row.body.(*em.Alarm)
			return ok && a.What == b.What && codeIs(b.Code, row.bit) && (b.What != em.AlarmOther || b.Code != "")
		})
	case *em.Power:
		if b.External.OK || b.Event == em.PowerNone && !b.Level.OK && !b.Volts.OK {
			return false
		}
		if l := math.Round(100 * b.Level.V); b.Level.OK && l >= 0 && l <= 100 {
			if b.Charging.OK {
				state := byte(1)
				if b.Charging.V {
					state = 0
				}
				r.Items = append(r.Items, 0xE4, 2, state, byte(l))
			} else {
				r.Items = append(r.Items, 0xD4, 1, byte(l))
			}
		} else if b.Level.OK || b.Charging.OK {
			return false
		}
		if v := math.Round(100 * b.Volts.V); b.Volts.OK && v >= 0 && v <= math.MaxUint16 {
			r.Items = binary.BigEndian.AppendUint16(append(r.Items, 0x69, 2), uint16(v))
		} else if b.Volts.OK {
			return false
		}
		return b.Event == em.PowerNone || r.bit(func(row alarmBit) bool {
			p, ok := row.body.(*em.Power)
			return ok && p.Event == b.Event
		})
	}
	return false
}

// bit sets the first alarm bit of the standard's table that says it.
func (r *Report) bit(says func(alarmBit) bool) bool {
	for _, row := range standard {
		if says(row) {
			r.Alarm |= 1 << row.bit
			return true
		}
	}
	return false
}

func codeIs(code string, bit uint8) bool {
	return code == "" || code == fmt.Sprintf("alarm bit %d", bit)
}
