package eview

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/sargas-em/em"
	"github.com/sargas-em/em/protocol"
)

// Timing and limits of the simulator.
const (
	heartbeatEvery = 5 * time.Minute
	repeatAfter    = 10 * time.Second
	inFlight       = 4       // packets that wait for their acknowledgement at once
	pointsInPacket = 8       // of reports from memory
	memory         = 100_000 // reports that wait to be sent
)

// ErrMemory is returned by a simulator's Report when too many reports wait.
var ErrMemory = errors.New("eview: the simulated device's memory is full")

// simulator is a device: it sends data, with its IMEI in each packet, and repeats
// each until it is acknowledged.
type simulator struct {
	imei    string
	rnd     *rand.Rand
	now     time.Time // of the last call
	serial  uint16
	started bool
	beat    time.Time
	queue   []saying
	flight  []sent
	level   uint8
	signal  uint8
}

// saying is the records of one point that waits to be sent, the status first.
type saying struct {
	stored  bool
	records []Record
}

// sent is a packet that waits for its acknowledgement.
type sent struct {
	p       *Packet
	due     time.Time // of its repeat
	reports int       // in it, as Waiting counts them
}

func newSimulator(identity string, seed uint64) (protocol.Simulator, error) {
	if !validIMEI(identity) {
		return nil, fmt.Errorf("eview: %w: the simulator needs an IMEI of 15 digits", protocol.ErrIdentity)
	}
	r := rand.New(rand.NewPCG(seed, 0x6576_6965))
	return &simulator{imei: identity, rnd: r, level: uint8(60 + r.IntN(41)), signal: uint8(10 + r.IntN(22))}, nil
}

func (s *simulator) Device() em.DeviceID { return deviceID(s.imei) }

// Deadline is the next repeat or heartbeat, or at once where reports wait.
func (s *simulator) Deadline() time.Time {
	if !s.started || len(s.queue) > 0 && len(s.flight) < inFlight {
		return s.now
	}
	d := s.beat
	for _, f := range s.flight {
		if f.due.Before(d) {
			d = f.due
		}
	}
	return d
}

// Wake starts the device, with a heartbeat, and continues it.
func (s *simulator) Wake(now time.Time, out *protocol.Output) error {
	s.now = now
	if !s.started {
		s.started, s.beat = true, now
	}
	for i := range s.flight {
		if f := &s.flight[i]; !f.due.After(now) {
			f.due = now.Add(repeatAfter)
			out.Send = append(out.Send, f.p)
		}
	}
	if !s.beat.After(now) {
		s.beat = now.Add(heartbeatEvery)
		if r, ok := s.status(now, s.level, false, false); ok {
			s.queue = slices.Insert(s.queue, 0, saying{records: []Record{r}})
		}
	}
	s.flush(out)
	return nil
}

// flush sends what waits, as far as packets may be in flight. Reports from memory
// that stand together go in one packet.
func (s *simulator) flush(out *protocol.Output) {
	for len(s.queue) > 0 && len(s.flight) < inFlight {
		n := 1
		f := sent{due: s.now.Add(repeatAfter)}
		p := s.packet(CommandData, append([]Record{{keyIMEI, []byte(s.imei)}}, s.queue[0].records...)...)
		for ; s.queue[0].stored && n < pointsInPacket && n < len(s.queue) && s.queue[n].stored; n++ {
			p.Records = append(p.Records, s.queue[n].records...)
		}
		for _, q := range s.queue[:n] {
			if len(q.records) > 1 {
				f.reports++
			}
		}
		s.queue = s.queue[n:]
		p.Properties = propAck
		f.p = p
		s.flight = append(s.flight, f)
		out.Send = append(out.Send, p)
	}
}

// Waiting implements protocol.Resumer. A state that was reported without an event
// and the device's own heartbeats are alike, and count neither.
func (s *simulator) Waiting() int {
	n := 0
	for _, q := range s.queue {
		if len(q.records) > 1 {
			n++
		}
	}
	for _, f := range s.flight {
		n += f.reports
	}
	return n
}

// Reconnect implements protocol.Resumer: what was in flight goes out again, and
// a heartbeat.
func (s *simulator) Reconnect() {
	s.started = false
	for i := range s.flight {
		s.flight[i].due = time.Time{}
	}
}

func (s *simulator) packet(command uint8, records ...Record) *Packet {
	s.serial++
	return &Packet{Serial: s.serial, Command: command, Records: records}
}

// Handle takes the center's acknowledgements and commands.
func (s *simulator) Handle(now time.Time, m protocol.Message, out *protocol.Output) error {
	s.now = now
	p, ok := m.(*Packet)
	if !ok {
		return fmt.Errorf("eview: %w: the simulated device does not take a %s", protocol.ErrUnsupported, m.Type())
	}
	reads := slices.ContainsFunc(p.Records, func(r Record) bool { return r.Key == keyRead })
	switch {
	case p.Command == CommandResponse:
		s.flight = slices.DeleteFunc(s.flight, func(f sent) bool { return f.p.Serial == p.Serial })
		s.flush(out)
	case p.Command == CommandConfiguration && reads:
		battery := binary.LittleEndian.AppendUint16([]byte{s.level}, 3700+5*uint16(s.level))
		out.Send = append(out.Send, &Packet{Serial: p.Serial, Command: CommandConfiguration, Records: []Record{
			{configIMEI, []byte(s.imei)}, {keyBattery, battery},
		}})
	case p.Command == CommandConfiguration, p.Command == CommandControl:
		out.Send = append(out.Send, Ack(p.Serial))
	}
	return nil
}

// Report takes positions, contacts with beacons, alarms and states of the power
// with their time, from memory too, and heartbeats of now.
func (s *simulator) Report(obs ...em.Observation) error {
	if len(s.queue)+len(obs) > memory {
		return ErrMemory
	}
	level := s.level
	var more []saying
	for _, o := range obs {
		records, ok := s.say(o)
		if !ok {
			s.level = level // all or nothing
			if o.Body == nil {
				return unsupported("an observation without a body")
			}
			return unsupported("a %s of this kind, or of that time", o.Body.Kind())
		}
		more = append(more, saying{o.Stored, records})
	}
	s.queue = append(s.queue, more...)
	return nil
}

func (s *simulator) status(at time.Time, level uint8, charging, stored bool) (Record, bool) {
	t := at.Unix()
	flags := uint32(level)<<24 | uint32(s.signal)<<19
	if charging {
		flags |= statusCharging
	}
	if stored {
		flags |= statusStored
	}
	le := binary.LittleEndian
	return Record{keyStatus, le.AppendUint32(le.AppendUint32(nil, uint32(t)), flags)}, t > 0 && t <= math.MaxUint32
}

// say returns the records that say o.
func (s *simulator) say(o em.Observation) ([]Record, bool) {
	at := protocol.ToldAt(o)
	if at.IsZero() {
		return nil, false
	}
	status, ok := s.status(at, s.level, false, o.Stored)
	records := []Record{status}
	alarm := func(bits uint32) {
		records = append(records, Record{keyAlarm, binary.LittleEndian.AppendUint32(nil, bits)})
	}
	switch b := o.Body.(type) {
	case *em.Fix:
		r, fits := gpsRecord(b)
		return append(records, r), ok && fits
	case *em.Beacon:
		r, fits := beaconRecord(b)
		return append(records, r), ok && fits
	case *em.Alarm:
		bits, fits := alarmOf(b)
		alarm(bits)
		return records, ok && fits
	case *em.Power:
		if b.External.OK || b.Volts.OK && !(b.Volts.V >= 0 && b.Volts.V < 65) || b.Level.OK && !(b.Level.V >= 0 && b.Level.V <= 1) {
			return nil, false
		}
		if b.Level.OK {
			s.level = uint8(math.Round(100 * b.Level.V))
		}
		records[0], _ = s.status(at, s.level, b.Charging.Or(false), o.Stored)
		if b.Volts.OK {
			mv := uint16(math.Round(1000 * b.Volts.V))
			records = append(records, Record{keyBattery, binary.LittleEndian.AppendUint16([]byte{s.level}, mv)})
		}
		if b.Event == em.PowerNone {
			return records, ok && (b.Level.OK || b.Volts.OK)
		}
		for _, r := range alarmBits {
			if p, power := r.body.(*em.Power); power && p.Event == b.Event {
				alarm(1 << r.bit)
				return records, ok
			}
		}
	case *em.Comms:
		plain := b.Event == em.CommsHeartbeat && !o.Stored && b.Text == "" && !b.Signal.OK && len(b.Cells)+len(b.WiFi) == 0
		return records, ok && plain
	}
	return nil, false
}

// gpsRecord says a fix from satellites; false where the dialect cannot.
func gpsRecord(f *em.Fix) (Record, bool) {
	tenths := uint16(8)
	switch {
	case !f.Valid() || f.Source != em.SourceGNSS && f.Source != "" || f.Accuracy.OK:
		return Record{}, false
	case f.Validity != em.FixInvalid && f.LatLng == em.LatLng{}:
		return Record{}, false
	case f.Validity != em.FixCurrent:
		tenths = 0
	case f.HDOP.OK && !(f.HDOP.V >= leastHDOP && f.HDOP.V <= 6000):
		return Record{}, false
	case f.HDOP.OK:
		tenths = uint16(math.Round(10 * f.HDOP.V))
	}
	p := f.LatLng
	if f.Validity == em.FixInvalid {
		p = em.LatLng{}
	}
	le := binary.LittleEndian
	b := le.AppendUint32(nil, uint32(int32(math.Round(p.Lat*1e7))))
	b = le.AppendUint32(b, uint32(int32(math.Round(p.Lng*1e7))))
	b = le.AppendUint16(b, uint16(within(3.6*f.Speed.V, 0, math.MaxUint16)))
	b = le.AppendUint16(b, uint16(within(f.Course.V, 0, 360)))
	b = le.AppendUint16(b, uint16(int16(within(f.Altitude.V, math.MinInt16, math.MaxInt16))))
	b = le.AppendUint16(b, tenths)
	b = le.AppendUint32(b, 0)
	return Record{keyGPS, append(b, uint8(within(float64(f.Satellites.V), 0, math.MaxUint8)))}, true
}

// within rounds v into a range.
func within(v, low, high float64) int {
	if math.IsNaN(v) {
		return 0
	}
	return int(math.Round(min(high, max(low, v))))
}

// beaconRecord says a contact with a beacon; false where the dialect cannot: it
// has no word for the end of one.
func beaconRecord(b *em.Beacon) (Record, bool) {
	mac, err := hex.DecodeString(strings.ReplaceAll(b.Beacon, ":", ""))
	if err != nil || len(mac) != 6 || address(mac, false) != b.Beacon || b.Lost || b.RSSI.OK && (b.RSSI.V < -128 || b.RSSI.V >= 0) {
		return Record{}, false
	}
	slices.Reverse(mac)
	v := append([]byte{0}, mac...)
	v = append(v, byte(int8(b.RSSI.V)))
	switch b.Radio {
	case "ble":
		return Record{keyTag, append(v, 0)}, true
	case "wifi":
		return Record{keyWiFiBeacon, v}, true
	}
	return Record{}, false
}

// alarmOf returns the bits of an alarm; false where it has none.
func alarmOf(a *em.Alarm) (uint32, bool) {
	for bit := range uint8(32) {
		bits := uint32(1) << bit
		if bit >= firstFence && bit <= lastFence && a.What == em.AlarmFenceIn {
			bits |= 1 << (fenceIn + bit - firstFence)
		}
		var p point
		p.alarms(bits)
		if len(p.events) != 1 {
			continue
		}
		if b, ok := p.events[0].(*em.Alarm); ok && b.What == a.What && (b.Code == a.Code || a.Code == "" && a.What != em.AlarmOther) {
			return bits, true
		}
	}
	return 0, false
}
