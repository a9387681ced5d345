package gt06

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// Timing and limits of the simulator.
const (
	heartbeatEvery = 3 * time.Minute
	repeatAfter    = 10 * time.Second
	inFlight       = 16      // frames that wait for their acknowledgement at once
	memory         = 100_000 // reports that wait to be sent
)

// ErrMemory is returned by a simulator's Report when too many reports wait.
var ErrMemory = errors.New("gt06: the simulated device's memory is full")

// simulator is a device: it logs in, sends heartbeats and reports, and repeats
// each frame until it is acknowledged.
type simulator struct {
	imei    string
	rnd     *rand.Rand
	now     time.Time // of the last call
	serial  uint16
	started bool
	online  bool // the login was acknowledged
	beat    time.Time
	queue   []protocol.Message
	flight  []sent
	gps     GPS // the last position reported
	cell    em.Cell
	level   byte
}

// sent is a frame that waits for its acknowledgement.
type sent struct {
	m   protocol.Message
	due time.Time // of its repeat
}

func newSimulator(identity string, seed uint64) (protocol.Simulator, error) {
	if !validIMEI(identity) {
		return nil, fmt.Errorf("gt06: %w: the simulator needs an IMEI of 15 digits", protocol.ErrIdentity)
	}
	r := rand.New(rand.NewPCG(seed, 0x6774_3036))
	return &simulator{
		imei: identity, rnd: r, level: byte(60 + r.IntN(41)),
		// 001-01 is the test network: no operator has it.
		cell: em.Cell{MCC: 1, MNC: 1, LAC: 1 + r.Uint32N(0xFFFE), CID: 1 + r.Uint64N(0xFFFFFE)},
		gps:  GPS{Satellites: 0xC0},
	}, nil
}

func (s *simulator) Device() em.DeviceID { return em.DeviceID(Name + ":" + s.imei) }

// Deadline is the next repeat or heartbeat, or at once where reports wait.
func (s *simulator) Deadline() time.Time {
	if !s.started || s.online && len(s.queue) > 0 && len(s.flight) < inFlight {
		return s.now
	}
	d := s.beat
	for _, f := range s.flight {
		if d.IsZero() || f.due.Before(d) {
			d = f.due
		}
	}
	return d
}

// Wake starts the device and continues it.
func (s *simulator) Wake(now time.Time, out *protocol.Output) error {
	s.now = now
	if !s.started {
		s.started = true
		s.send(&Login{Header: Header{Code: typeLogin}, IMEI: s.imei}, out)
	}
	for i := range s.flight {
		if f := &s.flight[i]; !f.due.After(now) {
			f.due = now.Add(repeatAfter)
			out.Send = append(out.Send, f.m)
		}
	}
	s.flush(out)
	if s.online && !s.beat.After(now) {
		s.beat = now.Add(heartbeatEvery)
		s.queue = append(s.queue, s.heartbeat(s.level, byte(2+s.rnd.IntN(3))))
		s.flush(out)
	}
	return nil
}

// flush sends what waits, as far as frames may be in flight.
func (s *simulator) flush(out *protocol.Output) {
	for s.online && len(s.queue) > 0 && len(s.flight) < inFlight {
		m := s.queue[0]
		s.queue = s.queue[1:]
		s.send(m, out)
	}
}

// send numbers a message when it goes out for the first time.
func (s *simulator) send(m protocol.Message, out *protocol.Output) {
	s.serial++
	m.(numbered).head().Serial = s.serial
	s.flight = append(s.flight, sent{m, s.now.Add(repeatAfter)})
	out.Send = append(out.Send, m)
}

// Waiting implements protocol.Resumer. A battery level that was reported alone
// travels as a heartbeat and counts as one.
func (s *simulator) Waiting() int {
	n := 0
	for _, m := range s.queue {
		n += content(m)
	}
	for _, f := range s.flight {
		n += content(f.m)
	}
	return n
}

// content is 1 for a message that says more than that the device is there.
func content(m protocol.Message) int {
	switch m.(type) {
	case *Login, *Status:
		return 0
	}
	return 1
}

// Reconnect implements protocol.Resumer: the device logs in again, and sends what
// was in flight under new numbers.
func (s *simulator) Reconnect() {
	s.started, s.online, s.beat = false, false, time.Time{}
	var again []protocol.Message
	for _, f := range s.flight {
		if _, login := f.m.(*Login); !login {
			again = append(again, f.m)
		}
	}
	s.queue, s.flight = append(again, s.queue...), nil
}

// Handle takes the server's acknowledgements, answers and commands.
func (s *simulator) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	s.now = now
	switch m := m.(type) {
	case *Ack:
		for i, f := range s.flight {
			if h := f.m.(numbered).head(); h.Code == m.Code && h.Serial == m.Serial {
				s.flight = append(s.flight[:i], s.flight[i+1:]...)
				if m.Code == typeLogin {
					s.online, s.beat = true, now.Add(heartbeatEvery)
				}
				break
			}
		}
		s.flush(out)
		return nil
	case *Command:
		// A reply is not repeated: the center asks again.
		s.serial++
		out.Send = append(out.Send, &Reply{
			Header: Header{Code: typeReply, Serial: s.serial}, Flag: m.Flag, Text: "OK", Language: em.Some[uint16](2),
		})
		return nil
	case *TimeReply, *AddressReply, *BareAck:
		return nil
	}
	return fmt.Errorf("gt06: %w: the simulated device does not take a %s", protocol.ErrUnsupported, m.Type())
}

// Report takes positions, alarms and tampers with their time, and states of the
// power and heartbeats of now. The re-upload mark exists for positions alone; a
// stored alarm keeps its time without it.
func (s *simulator) Report(obs ...em.Observation) error {
	if len(s.queue)+len(obs) > memory {
		return ErrMemory
	}
	more, err := protocol.Tell(s, obs, s.report)
	s.queue = append(s.queue, more...)
	return err
}

func (s *simulator) report(o em.Observation) (protocol.Message, error) {
	at := protocol.ToldAt(o)
	clock, ok := ClockAt(at)
	no := func() (protocol.Message, error) {
		if o.Body == nil {
			return nil, unsupported("an observation without a body")
		}
		return nil, unsupported(fmt.Sprintf("a %s of this kind, or of that time", o.Body.Kind()))
	}
	if !ok {
		return no()
	}
	switch b := o.Body.(type) {
	case *em.Fix:
		if !s.setGPS(b) {
			return no()
		}
		s.gps.Clock = clock
		m := &Position{Header: Header{Code: 0x22}, GPS: s.gps, Cell: em.Some(CellBlock{Cell: s.cell}), Upload: em.Some(Upload{})}
		if o.Stored {
			m.Upload.V.Again = 1
		}
		return m, nil
	case *em.Tamper:
		for _, r := range alarms {
			if t, ok := r.body.(*em.Tamper); ok && t.What == b.What && !b.Cleared && sameCode(b.Code, r.code) {
				return s.alarm(clock, r.code), nil
			}
		}
	case *em.Alarm:
		for _, r := range alarms {
			if a, ok := r.body.(*em.Alarm); ok && a.What == b.What && sameCode(b.Code, r.code) {
				return s.alarm(clock, r.code), nil
			}
		}
	case *em.Power:
		if b.Volts.OK || b.External.OK {
			return no()
		}
		level, ok := levelByte(b.Level)
		if !ok {
			return no()
		}
		if b.Event == em.PowerNone {
			if !b.Level.OK || o.Stored {
				return no()
			}
			s.level = level
			m := s.heartbeat(level, 4)
			if b.Charging.Or(false) {
				m.State.Flags |= stateCharging
			}
			return m, nil
		}
		for _, r := range alarms {
			if p, ok := r.body.(*em.Power); ok && p.Event == b.Event {
				m := s.alarm(clock, r.code)
				m.State.V.Voltage = level
				if b.Charging.Or(false) {
					m.State.V.Flags |= stateCharging
				}
				return m, nil
			}
		}
	case *em.Comms:
		if b.Event == em.CommsHeartbeat && !o.Stored && b.Text == "" && len(b.Cells) == 0 && len(b.WiFi) == 0 {
			signal := byte(4)
			if b.Signal.OK {
				signal = byte(math.Round(4 * min(1, max(0, b.Signal.V))))
			}
			return s.heartbeat(s.level, signal), nil
		}
	}
	return no()
}

// sameCode reports whether an observation's code, if it has one, is that one.
func sameCode(text string, code uint16) bool {
	v, err := strconv.ParseUint(text, 0, 16)
	return code <= math.MaxUint8 && (text == "" || err == nil && uint16(v) == code)
}

// levelByte is a battery level as on the wire: percent, for sixths end at 6.
func levelByte(level em.Opt[float64]) (byte, bool) {
	switch p := math.Round(100 * level.V); {
	case !level.OK:
		return absent, true
	case !(p >= 0 && p <= 100):
		return 0, false
	case p < 7:
		return byte(math.Round(6 * level.V)), true
	default:
		return byte(p), true
	}
}

func (s *simulator) heartbeat(level, signal byte) *Status {
	return &Status{Header: Header{Code: typeStatus}, State: State{Flags: stateGPS, Voltage: level, Signal: signal, Language: 2}}
}

// alarm is a position message with an alarm. Its position is the last one, of
// which it says that it is not a fix of now.
func (s *simulator) alarm(clock Clock, code uint16) *Position {
	g := s.gps
	g.Clock = clock
	g.Flags &^= flagFixed
	c := CellBlock{Cell: s.cell}
	c.Length = em.Some[byte](9)
	return &Position{
		Header: Header{Code: 0x26}, GPS: g, Cell: em.Some(c),
		State: em.Some(State{Flags: stateGPS, Voltage: absent, Signal: absent, Alarm: byte(code), Language: 2}),
	}
}

// setGPS takes a fix; false where the dialect cannot say it: it knows fixes of
// now and none, from satellites.
func (s *simulator) setGPS(f *em.Fix) bool {
	if f.Validity == em.FixLastKnown || f.Source != em.SourceGNSS && f.Source != "" || !f.Valid() {
		return false
	}
	g := GPS{Satellites: 0xC0}
	if f.Satellites.OK {
		g.Satellites |= byte(min(15, max(0, f.Satellites.V)))
	}
	g.Lat = uint32(math.Round(math.Abs(f.Lat) * degree))
	g.Lng = uint32(math.Round(math.Abs(f.Lng) * degree))
	if f.Lat >= 0 {
		g.Flags |= flagNorth
	}
	if f.Lng < 0 {
		g.Flags |= flagWest
	}
	if f.Validity == em.FixCurrent {
		g.Flags |= flagFixed
	}
	if f.Speed.OK && f.Speed.V >= 0 {
		g.Speed = byte(math.Round(min(255, f.Speed.V*3.6)))
	}
	if f.Course.OK && f.Course.V >= 0 && f.Course.V <= 360 {
		g.Flags |= uint16(math.Round(f.Course.V))
	}
	s.gps = g
	return true
}
