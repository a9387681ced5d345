package bactrack

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/sargas-em/em/protocol"
	"github.com/sargas-em/em/protocol/wire"
)

// Dialect S, of the Skyn: values that begin with an opcode. The instrument keeps
// records, which the center fetches and then tells it to discard.
const (
	skynTime        = 0x00
	skynSetTime     = 0x01
	skynBattery     = 0x02
	skynCalibration = 0x05
	skynDisconnect  = 0x07
	skynCount       = 0x13
	skynFetch       = 0x14
	skynRewind      = 0x15
	skynDiscard     = 0x16
	skynRealtime    = 0x17

	skynTimeReply        = 0x80
	skynBatteryReply     = 0x82
	skynCalibrationReply = 0x85
	skynRateReply        = 0x8B
	skynCountReply       = 0x93
	skynRecordsReply     = 0x94
	skynRealtimeReply    = 0x97
)

// SkynTimeRequest (00) asks for the instrument's clock.
type SkynTimeRequest struct{ toSkyn }

// SkynSetTime (01) sets the clock, of whole seconds.
type SkynSetTime struct {
	toSkyn
	Time time.Time
}

// SkynBatteryRequest (02) asks for a SkynBattery.
type SkynBatteryRequest struct{ toSkyn }

// SkynCalibrationRequest (05) asks for a calibration point, 0 or 1.
type SkynCalibrationRequest struct {
	toSkyn
	Point uint8
}

// SkynDisconnect (07) makes the instrument hang up.
type SkynDisconnect struct{ toSkyn }

// SkynCountRequest (13) asks for a SkynCount.
type SkynCountRequest struct{ toSkyn }

// SkynFetch (14) asks for the next records.
type SkynFetch struct {
	toSkyn
	Count uint32
}

// SkynRewind (15) makes the next fetch begin with the oldest record.
type SkynRewind struct{ toSkyn }

// SkynDiscard (16) makes the instrument forget the records that were fetched
// since the oldest: it is their acknowledgement.
type SkynDiscard struct{ toSkyn }

// SkynRealtime (17) switches SkynLive on or off.
type SkynRealtime struct {
	toSkyn
	On bool
}

// SkynTime (80) is the instrument's clock.
type SkynTime struct {
	fromSkyn
	Time time.Time
}

// SkynBattery (82) is the battery's voltage.
type SkynBattery struct {
	fromSkyn
	Millivolts uint16
	Extra      []byte
}

// SkynCalibration (85) is a point of the instrument's own calibration line.
type SkynCalibration struct {
	fromSkyn
	Point         uint8
	Version       uint16
	LSB           uint16  // the sensor's number
	Concentration float32 // that it stands for; the wire has no unit
	Time          time.Time
}

// SkynRate (8B) is about the rate of samples; what it carries is not documented.
type SkynRate struct {
	fromSkyn
	Data []byte
}

// SkynCount (93) is how many records wait.
type SkynCount struct {
	fromSkyn
	Count uint32
}

// SkynRecords (94) are records that were fetched.
type SkynRecords struct {
	fromSkyn
	Records []SkynRecord // one at least
}

// SkynLive (97) are records as they are made. They are fetched later all the same.
type SkynLive struct {
	fromSkyn
	Records []SkynRecord // one at least
}

// SkynRecord is one record as it is kept: its kind and seven bytes.
type SkynRecord [8]byte

// Kinds of records, the first byte.
const (
	SkynChunk   = 0 // the time of the first sample behind it, and the seconds between two
	SkynSample  = 1
	SkynEvent   = 2
	SkynVoltage = 3 // about the battery; its layout is not documented
)

// Codes of events.
const (
	SkynPowerRestored = 0x0B // the clock starts again, near zero
	SkynTimeSync      = 0x0C // it was set; the event has its time before
)

// NewSkynChunk makes the head of a chunk.
func NewSkynChunk(at time.Time, seconds uint16) (r SkynRecord) {
	r[0] = SkynChunk
	binary.LittleEndian.PutUint32(r[2:], uint32(at.Unix()))
	binary.LittleEndian.PutUint16(r[6:], seconds)
	return r
}

// NewSkynSample makes a sample of the sensor's own numbers.
func NewSkynSample(alcohol, temperature, motion uint16) (r SkynRecord) {
	r[0] = SkynSample
	binary.BigEndian.PutUint16(r[1:], alcohol)
	binary.LittleEndian.PutUint16(r[4:], temperature)
	binary.LittleEndian.PutUint16(r[6:], motion)
	return r
}

// NewSkynEvent makes an event.
func NewSkynEvent(at time.Time, code, payload byte) (r SkynRecord) {
	r[0] = SkynEvent
	binary.LittleEndian.PutUint32(r[2:], uint32(at.Unix()))
	r[6], r[7] = code, payload
	return r
}

// Time is the clock's time in a SkynChunk or a SkynEvent, in UTC.
func (r SkynRecord) Time() time.Time { return unix(binary.LittleEndian.Uint32(r[2:])) }

// Rate is the time between two samples of a SkynChunk.
func (r SkynRecord) Rate() time.Duration {
	return time.Duration(binary.LittleEndian.Uint16(r[6:])) * time.Second
}

// Sample returns the numbers of a SkynSample: alcohol, temperature and the
// magnitude of the acceleration, each in the sensor's own unit.
func (r SkynRecord) Sample() (alcohol, temperature, motion uint16) {
	return binary.BigEndian.Uint16(r[1:]), binary.LittleEndian.Uint16(r[4:]), binary.LittleEndian.Uint16(r[6:])
}

// Code is that of a SkynEvent.
func (r SkynRecord) Code() byte { return r[6] }

func unix(s uint32) time.Time { return time.Unix(int64(s), 0).UTC() }

// Type of each message.
func (*SkynTimeRequest) Type() string        { return "skyn time request" }
func (*SkynSetTime) Type() string            { return "skyn set time" }
func (*SkynBatteryRequest) Type() string     { return "skyn battery request" }
func (*SkynCalibrationRequest) Type() string { return "skyn calibration request" }
func (*SkynDisconnect) Type() string         { return "skyn disconnect" }
func (*SkynCountRequest) Type() string       { return "skyn count request" }
func (*SkynFetch) Type() string              { return "skyn fetch" }
func (*SkynRewind) Type() string             { return "skyn rewind" }
func (*SkynDiscard) Type() string            { return "skyn discard" }
func (*SkynRealtime) Type() string           { return "skyn realtime" }
func (*SkynTime) Type() string               { return "skyn time" }
func (*SkynBattery) Type() string            { return "skyn battery" }
func (*SkynCalibration) Type() string        { return "skyn calibration" }
func (*SkynRate) Type() string               { return "skyn rate" }
func (*SkynCount) Type() string              { return "skyn count" }
func (*SkynRecords) Type() string            { return "skyn records" }
func (*SkynLive) Type() string               { return "skyn live" }

// readSkyn reads the value b.
func readSkyn(cur *reader, verb string, b []byte) protocol.Message {
	op := b[0]
	if verb == verbWrite {
		switch op {
		case skynTime:
			return ownBehind[SkynTimeRequest](cur, b, 1)
		case skynSetTime:
			m := ownBehind[SkynSetTime](cur, b, 1)
			m.Time = readUnix(cur, "time")
			return m
		case skynBattery:
			return ownBehind[SkynBatteryRequest](cur, b, 1)
		case skynCalibration:
			m := ownBehind[SkynCalibrationRequest](cur, b, 1)
			m.Point = cur.U8("point")
			return m
		case skynDisconnect:
			return ownBehind[SkynDisconnect](cur, b, 1)
		case skynCount:
			return ownBehind[SkynCountRequest](cur, b, 1)
		case skynFetch:
			m := ownBehind[SkynFetch](cur, b, 1)
			m.Count = cur.LE32("count")
			return m
		case skynRewind:
			return ownBehind[SkynRewind](cur, b, 1)
		case skynDiscard:
			return ownBehind[SkynDiscard](cur, b, 1)
		case skynRealtime:
			m := ownBehind[SkynRealtime](cur, b, 1)
			at := cur.Pos()
			on := cur.U8("on")
			if on > 1 {
				cur.FailAt("on", at, fmt.Errorf("%w: %d", wire.ErrValue, on))
			}
			m.On = on == 1
			return m
		}
		return rawValue(DialectS, verb, op, b[1:])
	}
	switch op {
	case skynTimeReply:
		m := ownBehind[SkynTime](cur, b, 1)
		m.Time = readUnix(cur, "time")
		return m
	case skynBatteryReply:
		m := ownBehind[SkynBattery](cur, b, 1)
		m.Millivolts, m.Extra = cur.LE16("mV"), cur.RestData("extra")
		return m
	case skynCalibrationReply:
		m := ownBehind[SkynCalibration](cur, b, 1)
		m.Point, m.Version, m.LSB = cur.U8("point"), cur.LE16("version"), cur.LE16("lsb")
		m.Concentration = math.Float32frombits(cur.LE32("concentration"))
		if c := float64(m.Concentration); math.IsNaN(c) || math.IsInf(c, 0) {
			cur.FailAt("concentration", cur.Pos()-4, fmt.Errorf("%w: %v", wire.ErrValue, c))
		}
		m.Time = readUnix(cur, "time")
		return m
	case skynRateReply:
		m := ownBehind[SkynRate](cur, b, 1)
		m.Data = cur.RestData("data")
		return m
	case skynCountReply:
		m := ownBehind[SkynCount](cur, b, 1)
		m.Count = cur.LE32("count")
		return m
	case skynRecordsReply:
		m, list := wire.OwnFrameList[SkynRecords, SkynRecord](&cur.Cursor, b, len(b)/len(SkynRecord{}))
		cur.Advance(1)
		m.Records = readRecords(cur, list)
		return m
	case skynRealtimeReply:
		m, list := wire.OwnFrameList[SkynLive, SkynRecord](&cur.Cursor, b, len(b)/len(SkynRecord{}))
		cur.Advance(1)
		m.Records = readRecords(cur, list)
		return m
	}
	return rawValue(DialectS, verb, op, b[1:])
}

func readUnix(cur *reader, name string) time.Time {
	return unix(cur.LE32(name))
}

// readRecords appends all records that are left to all, which has room for them.
func readRecords(cur *reader, all []SkynRecord) []SkynRecord {
	for {
		b := cur.Bytes(len(SkynRecord{}), "record")
		if b == nil {
			return all
		}
		if all = append(all, SkynRecord(b)); cur.Len() == 0 {
			return all
		}
	}
}

func (*SkynTimeRequest) appendValue(dst []byte) ([]byte, error) { return append(dst, skynTime), nil }
func (*SkynBatteryRequest) appendValue(dst []byte) ([]byte, error) {
	return append(dst, skynBattery), nil
}
func (*SkynDisconnect) appendValue(dst []byte) ([]byte, error) {
	return append(dst, skynDisconnect), nil
}
func (*SkynCountRequest) appendValue(dst []byte) ([]byte, error) { return append(dst, skynCount), nil }
func (*SkynRewind) appendValue(dst []byte) ([]byte, error)       { return append(dst, skynRewind), nil }
func (*SkynDiscard) appendValue(dst []byte) ([]byte, error)      { return append(dst, skynDiscard), nil }

func (m *SkynSetTime) appendValue(dst []byte) ([]byte, error) {
	return appendUnix(append(dst, skynSetTime), m.Time)
}

func (m *SkynCalibrationRequest) appendValue(dst []byte) ([]byte, error) {
	return append(dst, skynCalibration, m.Point), nil
}

func (m *SkynFetch) appendValue(dst []byte) ([]byte, error) {
	return binary.LittleEndian.AppendUint32(append(dst, skynFetch), m.Count), nil
}

func (m *SkynRealtime) appendValue(dst []byte) ([]byte, error) {
	if m.On {
		return append(dst, skynRealtime, 1), nil
	}
	return append(dst, skynRealtime, 0), nil
}

func (m *SkynTime) appendValue(dst []byte) ([]byte, error) {
	return appendUnix(append(dst, skynTimeReply), m.Time)
}

func (m *SkynBattery) appendValue(dst []byte) ([]byte, error) {
	return append(append(dst, skynBatteryReply, byte(m.Millivolts), byte(m.Millivolts>>8)), m.Extra...), nil
}

func (m *SkynCalibration) appendValue(dst []byte) ([]byte, error) {
	if c := float64(m.Concentration); math.IsNaN(c) || math.IsInf(c, 0) {
		return dst, unsupported("concentration %v", c)
	}
	b := append(dst, skynCalibrationReply, m.Point)
	b = binary.LittleEndian.AppendUint16(b, m.Version)
	b = binary.LittleEndian.AppendUint16(b, m.LSB)
	b = binary.LittleEndian.AppendUint32(b, math.Float32bits(m.Concentration))
	return appendUnix(b, m.Time)
}

func (m *SkynRate) appendValue(dst []byte) ([]byte, error) {
	return append(append(dst, skynRateReply), m.Data...), nil
}

func (m *SkynCount) appendValue(dst []byte) ([]byte, error) {
	return binary.LittleEndian.AppendUint32(append(dst, skynCountReply), m.Count), nil
}

func (m *SkynRecords) appendValue(dst []byte) ([]byte, error) {
	return appendRecords(append(dst, skynRecordsReply), m.Records)
}

func (m *SkynLive) appendValue(dst []byte) ([]byte, error) {
	return appendRecords(append(dst, skynRealtimeReply), m.Records)
}

func appendRecords(dst []byte, all []SkynRecord) ([]byte, error) {
	if len(all) == 0 {
		return dst, unsupported("no records")
	}
	for _, r := range all {
		dst = append(dst, r[:]...)
	}
	return dst, nil
}

func appendUnix(dst []byte, t time.Time) ([]byte, error) {
	s := t.Unix()
	if s < 0 || s > math.MaxUint32 || t.Nanosecond() != 0 {
		return dst, unsupported("time %v: whole seconds from 1970 to 2106", t)
	}
	return binary.LittleEndian.AppendUint32(dst, uint32(s)), nil
}
