package em

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// This file has the one binary form of observations, events and evaluator
// states: canonical, so that equal values give equal bytes. Numbers are
// varints, strings carry their length, and an absent value is one zero byte.

// AppendUint appends an unsigned varint.
func AppendUint(dst []byte, v uint64) []byte { return binary.AppendUvarint(dst, v) }

// AppendInt appends a signed (zigzag) varint.
func AppendInt(dst []byte, v int64) []byte { return binary.AppendVarint(dst, v) }

// AppendFloat appends the eight bytes of v, big-endian; all NaNs become one.
func AppendFloat(dst []byte, v float64) []byte {
	if v != v {
		v = math.NaN()
	}
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(v))
}

// AppendBool appends 1 or 0.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// AppendString appends the length and the bytes.
func AppendString(dst []byte, s string) []byte {
	return append(AppendUint(dst, uint64(len(s))), s...)
}

// AppendTime appends an instant to the nanosecond; the zero time is one byte.
func AppendTime(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(dst, 0)
	}
	dst = append(dst, 1)
	dst = AppendInt(dst, t.Unix())
	return AppendUint(dst, uint64(t.Nanosecond()))
}

// AppendOpt appends a presence byte and, where present, the value by f.
func AppendOpt[T any](dst []byte, o Opt[T], f func([]byte, T) []byte) []byte {
	dst = AppendBool(dst, o.OK)
	if o.OK {
		dst = f(dst, o.V)
	}
	return dst
}

// ErrState is wrapped by errors about bytes that are no state, event or
// observation of this library: truncated, trailing or impossible.
var ErrState = errors.New("em: malformed state")

// StateReader reads what the Append functions wrote. After the first error all
// reads give zero values and Err keeps the error. Strings it returns own their
// memory. Lengths are checked against what is left, so hostile bytes cannot
// make it allocate more than their own size.
type StateReader struct {
	b   []byte
	err error
}

// NewStateReader reads from b, which it does not change.
func NewStateReader(b []byte) *StateReader { return &StateReader{b: b} }

// Err returns the first error.
func (r *StateReader) Err() error { return r.err }

// More reports whether bytes are left; false after an error.
func (r *StateReader) More() bool { return len(r.b) > 0 }

// Close returns the first error, or one if bytes are left over.
func (r *StateReader) Close() error {
	if r.err == nil && len(r.b) != 0 {
		r.fail("trailing bytes")
	}
	return r.err
}

func (r *StateReader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrState, what)
	}
	r.b = nil
}

// Fail records an error of the caller's own: a value out of range.
func (r *StateReader) Fail(what string) { r.fail(what) }

// Uint reads an unsigned varint.
func (r *StateReader) Uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail("truncated number")
		return 0
	}
	r.b = r.b[n:]
	return v
}

// Int reads a signed varint.
func (r *StateReader) Int() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail("truncated number")
		return 0
	}
	r.b = r.b[n:]
	return v
}

// Len reads a count of items that take at least one byte each: it fails where
// more are announced than bytes are left.
func (r *StateReader) Len() int {
	n := r.Uint()
	if n > uint64(len(r.b)) {
		r.fail("count exceeds the data")
		return 0
	}
	return int(n)
}

// Bytes returns the next n bytes without copying.
func (r *StateReader) Bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.fail("truncated")
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

// Float reads a float64.
func (r *StateReader) Float() float64 {
	b := r.Bytes(8)
	if b == nil {
		return 0
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b))
}

// Bool reads 0 or 1; any other byte is an error.
func (r *StateReader) Bool() bool {
	b := r.Bytes(1)
	if b == nil {
		return false
	}
	if b[0] > 1 {
		r.fail("a truth value is 0 or 1")
	}
	return b[0] == 1
}

// String reads a string.
func (r *StateReader) String() string { return string(r.Bytes(r.Len())) }

// word reads a string that is mostly one of those, which need no memory of their own.
func (r *StateReader) word(usual ...string) string {
	b := r.Bytes(r.Len())
	for _, w := range usual {
		if string(b) == w {
			return w
		}
	}
	return string(b)
}

// Time reads an instant; it is in UTC.
func (r *StateReader) Time() time.Time {
	if !r.Bool() {
		return time.Time{}
	}
	sec := r.Int()
	nsec := r.Uint()
	if nsec > 999_999_999 {
		r.fail("nanoseconds out of range")
	}
	if r.err != nil {
		return time.Time{}
	}
	return time.Unix(sec, int64(nsec)).UTC()
}

// ReadOpt reads what AppendOpt wrote, the value by f.
func ReadOpt[T any](r *StateReader, f func(*StateReader) T) Opt[T] {
	if !r.Bool() {
		return Opt[T]{}
	}
	return Some(f(r))
}

func appendIntOf[T ~int | ~uint16 | ~uint32](dst []byte, v T) []byte { return AppendInt(dst, int64(v)) }

// These are ReadOpt for observations. A function that ReadOpt calls might keep the
// reader, which so would not stay on the stack.

func (r *StateReader) optFloat() (o Opt[float64]) {
	if r.Bool() {
		o = Some(r.Float())
	}
	return o
}

func (r *StateReader) optInt() (o Opt[int]) {
	if r.Bool() {
		o = Some(int(r.Int()))
	}
	return o
}

func (r *StateReader) optUint() (o Opt[uint64]) {
	if r.Bool() {
		o = Some(r.Uint())
	}
	return o
}

func (r *StateReader) optBool() (o Opt[bool]) {
	if r.Bool() {
		o = Some(r.Bool())
	}
	return o
}

func (r *StateReader) optDecimal() (o Opt[Decimal]) {
	if r.Bool() {
		o = Some(readDecimal(r))
	}
	return o
}

func appendDecimal(dst []byte, d Decimal) []byte {
	return append(AppendInt(dst, d.Coef), d.Scale)
}

func readDecimal(r *StateReader) Decimal {
	d := Decimal{Coef: r.Int()}
	if b := r.Bytes(1); b != nil {
		if d.Scale = b[0]; d.Scale > maxScale {
			r.fail("decimal scale out of range")
		}
	}
	return d
}

// observationVersion is the first byte of the binary form.
const observationVersion = 1

// AppendBinary appends the canonical form, in which the record and captures
// keep observations. It implements encoding.BinaryAppender.
func (o Observation) AppendBinary(dst []byte) ([]byte, error) {
	if o.Body == nil {
		return dst, errors.New("em: observation without a body")
	}
	dst = append(dst, observationVersion)
	dst = append(dst, o.ID[:]...)
	dst = AppendString(dst, string(o.Device))
	dst = AppendOpt(dst, o.Seq, AppendUint)
	dst = AppendUint(dst, uint64(o.Part))
	dst = AppendTime(dst, o.DeviceAt)
	dst = AppendTime(dst, o.At)
	dst = AppendTime(dst, o.Received)
	dst = AppendBool(dst, o.Stored)
	return appendBody(dst, o.Body), nil
}

// UnmarshalBinary reads what AppendBinary wrote; errors wrap ErrState. Where the
// device is the one that o has already, it costs no memory.
func (o *Observation) UnmarshalBinary(b []byte) error {
	r := NewStateReader(b)
	v := readObservation(r, o.Device)
	if err := r.Close(); err != nil {
		return err
	}
	*o = v
	return nil
}

// ReadDevice returns the device of an observation that AppendBinary wrote, and reads
// no further: who looks for a few of many devices need not read the others'. Errors
// wrap ErrState.
func ReadDevice(b []byte) (DeviceID, error) {
	r := NewStateReader(b)
	var o Observation
	readIdentity(r, &o)
	return o.Device, r.Err()
}

// readIdentity reads how an observation begins.
func readIdentity(r *StateReader, o *Observation) {
	if v := r.Bytes(1); v != nil && v[0] != observationVersion {
		r.fail(fmt.Sprintf("observation version %d", v[0]))
	}
	copy(o.ID[:], r.Bytes(len(o.ID)))
	o.Device = DeviceID(r.word(string(o.Device)))
}

// readObservation reads one of mostly that device.
func readObservation(r *StateReader, usual DeviceID) Observation {
	o := Observation{Device: usual}
	readIdentity(r, &o)
	o.Seq = r.optUint()
	part := r.Uint()
	if part > math.MaxUint16 {
		r.fail("part out of range")
	}
	o.Part = uint16(part)
	o.DeviceAt, o.At, o.Received = r.Time(), r.Time(), r.Time()
	o.Stored = r.Bool()
	o.Body = readBody(r)
	return o
}

// readBody calls each kind by its name, as appendBody does.
func readBody(r *StateReader) Body {
	kind := r.Bytes(r.Len())
	body := newBody(BodyKind(kind))
	switch b := body.(type) {
	case *Fix:
		b.readFields(r)
	case *Beacon:
		b.readFields(r)
	case *AlcoholReading:
		b.readFields(r)
	case *Transdermal:
		b.readFields(r)
	case *Tamper:
		b.readFields(r)
	case *Power:
		b.readFields(r)
	case *Comms:
		b.readFields(r)
	case *Alarm:
		b.readFields(r)
	case *CheckIn:
		b.readFields(r)
	case *Vendor:
		b.readFields(r)
	default:
		r.fail(fmt.Sprintf("unknown body %q", kind))
	}
	return body
}

// appendBody calls each kind by its name, so that dst may stay on the caller's stack.
func appendBody(dst []byte, b Body) []byte {
	dst = AppendString(dst, string(b.Kind()))
	switch b := b.(type) {
	case *Fix:
		return b.appendFields(dst)
	case *Beacon:
		return b.appendFields(dst)
	case *AlcoholReading:
		return b.appendFields(dst)
	case *Transdermal:
		return b.appendFields(dst)
	case *Tamper:
		return b.appendFields(dst)
	case *Power:
		return b.appendFields(dst)
	case *Comms:
		return b.appendFields(dst)
	case *Alarm:
		return b.appendFields(dst)
	case *CheckIn:
		return b.appendFields(dst)
	case *Vendor:
		return b.appendFields(dst)
	}
	return append(dst, b.appendFields(nil)...) // one of these within another type
}

func (f *Fix) appendFields(dst []byte) []byte {
	dst = AppendFloat(AppendFloat(dst, f.Lat), f.Lng)
	dst = AppendString(AppendString(dst, string(f.Validity)), string(f.Source))
	dst = AppendOpt(AppendOpt(dst, f.Accuracy, AppendFloat), f.HDOP, AppendFloat)
	dst = AppendOpt(dst, f.Satellites, appendIntOf[int])
	dst = AppendOpt(dst, f.Altitude, AppendFloat)
	return AppendOpt(AppendOpt(dst, f.Speed, AppendFloat), f.Course, AppendFloat)
}

func (f *Fix) readFields(r *StateReader) {
	f.Lat, f.Lng = r.Float(), r.Float()
	f.Validity = FixValidity(r.word(string(FixCurrent), string(FixLastKnown), string(FixInvalid)))
	f.Source = FixSource(r.word(string(SourceGNSS), string(SourceCell), string(SourceWiFi)))
	f.Accuracy, f.HDOP = r.optFloat(), r.optFloat()
	f.Satellites = r.optInt()
	f.Altitude = r.optFloat()
	f.Speed, f.Course = r.optFloat(), r.optFloat()
}

func (b *Beacon) appendFields(dst []byte) []byte {
	dst = AppendString(AppendString(dst, b.Beacon), b.Radio)
	return AppendOpt(AppendBool(dst, b.Lost), b.RSSI, appendIntOf[int])
}

func (b *Beacon) readFields(r *StateReader) {
	b.Beacon, b.Radio, b.Lost = r.String(), r.String(), r.Bool()
	b.RSSI = r.optInt()
}

func (a *AlcoholReading) appendFields(dst []byte) []byte {
	dst = AppendString(appendDecimal(dst, a.Value), string(a.Unit))
	dst = AppendOpt(dst, a.Ratio, appendIntOf[int])
	dst = AppendString(AppendString(dst, string(a.Status)), a.Reason)
	dst = AppendString(dst, string(a.Identity))
	return AppendTime(AppendOpt(dst, a.Ambient, appendDecimal), a.CalDue)
}

func (a *AlcoholReading) readFields(r *StateReader) {
	a.Value, a.Unit = readDecimal(r), AlcoholUnit(r.String())
	a.Ratio = r.optInt()
	a.Status, a.Reason, a.Identity = SampleStatus(r.String()), r.String(), Identity(r.String())
	a.Ambient, a.CalDue = r.optDecimal(), r.Time()
}

func (t *Transdermal) appendFields(dst []byte) []byte {
	dst = AppendString(appendDecimal(dst, t.Value), string(t.Unit))
	dst = AppendOpt(AppendOpt(dst, t.Temperature, AppendFloat), t.IR, AppendFloat)
	return AppendOpt(dst, t.Motion, AppendFloat)
}

func (t *Transdermal) readFields(r *StateReader) {
	t.Value, t.Unit = readDecimal(r), AlcoholUnit(r.String())
	t.Temperature, t.IR = r.optFloat(), r.optFloat()
	t.Motion = r.optFloat()
}

func (t *Tamper) appendFields(dst []byte) []byte {
	return AppendString(AppendBool(AppendString(dst, string(t.What)), t.Cleared), t.Code)
}

func (t *Tamper) readFields(r *StateReader) {
	t.What, t.Cleared, t.Code = TamperKind(r.String()), r.Bool(), r.String()
}

func (p *Power) appendFields(dst []byte) []byte {
	dst = AppendString(dst, string(p.Event))
	dst = AppendOpt(AppendOpt(dst, p.Level, AppendFloat), p.Volts, AppendFloat)
	return AppendOpt(AppendOpt(dst, p.Charging, AppendBool), p.External, AppendBool)
}

func (p *Power) readFields(r *StateReader) {
	p.Event = PowerEvent(r.String())
	p.Level, p.Volts = r.optFloat(), r.optFloat()
	p.Charging, p.External = r.optBool(), r.optBool()
}

func (c *Comms) appendFields(dst []byte) []byte {
	dst = AppendOpt(AppendString(dst, string(c.Event)), c.Signal, AppendFloat)
	dst = AppendUint(dst, uint64(len(c.Cells)))
	for _, cell := range c.Cells {
		dst = AppendUint(AppendUint(dst, uint64(cell.MCC)), uint64(cell.MNC))
		dst = AppendUint(AppendUint(dst, uint64(cell.LAC)), cell.CID)
		dst = AppendOpt(dst, cell.RSSI, appendIntOf[int])
	}
	dst = AppendUint(dst, uint64(len(c.WiFi)))
	for _, ap := range c.WiFi {
		dst = AppendOpt(AppendString(dst, ap.MAC), ap.RSSI, appendIntOf[int])
	}
	return AppendString(dst, c.Text)
}

func (c *Comms) readFields(r *StateReader) {
	c.Event, c.Signal = CommsEvent(r.word(string(CommsLogin), string(CommsHeartbeat), string(CommsInfo), string(CommsReply))), r.optFloat()
	n := r.Len()
	for c.Cells = slices.Grow(c.Cells, min(n, roomAtOnce)); n > 0 && r.err == nil; n-- {
		c.Cells = append(c.Cells, Cell{uint16(r.Uint()), uint16(r.Uint()), uint32(r.Uint()), r.Uint(), r.optInt()})
	}
	n = r.Len()
	for c.WiFi = slices.Grow(c.WiFi, min(n, roomAtOnce)); n > 0 && r.err == nil; n-- {
		c.WiFi = append(c.WiFi, AccessPoint{r.String(), r.optInt()})
	}
	c.Text = r.String()
}

func (a *Alarm) appendFields(dst []byte) []byte {
	return AppendString(AppendString(dst, string(a.What)), a.Code)
}

func (a *Alarm) readFields(r *StateReader) { a.What, a.Code = AlarmKind(r.String()), r.String() }

func (c *CheckIn) appendFields(dst []byte) []byte {
	dst = AppendString(AppendString(dst, c.Request), c.Method)
	return AppendBool(AppendString(dst, string(c.Identity)), c.Refused)
}

func (c *CheckIn) readFields(r *StateReader) {
	c.Request, c.Method, c.Identity, c.Refused = r.String(), r.String(), Identity(r.String()), r.Bool()
}

func (v *Vendor) appendFields(dst []byte) []byte {
	dst = AppendUint(AppendString(dst, v.Name), uint64(len(v.Fields)))
	for _, f := range v.Fields {
		dst = AppendString(AppendString(dst, f.Name), f.Value)
	}
	return dst
}

func (v *Vendor) readFields(r *StateReader) {
	// All texts are parts of one string: an observation ends with its body.
	all := string(r.b)
	text := func() string {
		b := r.Bytes(r.Len())
		end := len(all) - len(r.b)
		return all[end-len(b) : end]
	}
	v.Name = text()
	n := r.Len()
	for v.Fields = slices.Grow(v.Fields, min(n, roomAtOnce)); n > 0 && r.err == nil; n-- {
		v.Fields = append(v.Fields, Field{text(), text()})
	}
}

// roomAtOnce bounds the room that is made for what a list only says it has.
const roomAtOnce = 8
